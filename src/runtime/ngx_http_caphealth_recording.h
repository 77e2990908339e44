
/*
 * What worker 0 sends the collector for the history and for notifications: a
 * record after each collection of the system.
 */

#ifndef _NGX_HTTP_CAPHEALTH_RECORDING_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_RECORDING_H_INCLUDED_


#include "ngx_http_caphealth_helper.h"
#include "ngx_http_caphealth_facts_cache.h"

#include "caphealth_policy.h"
#include "caphealth_threshold_forecasts.h"


typedef struct ngx_http_caphealth_recording_s
    ngx_http_caphealth_recording_t;


/* forecasts are those of the cache's facts.  NULL: no memory. */
ngx_http_caphealth_recording_t *ngx_http_caphealth_recording_create(
    ngx_cycle_t *cycle, ngx_http_caphealth_collector_conf_t *conf,
    ngx_http_caphealth_facts_cache_t *cache, const caphealth_policy_t *policy,
    caphealth_forecasts_t *forecasts);

/* Sends a record to the collector, which runs. */
void ngx_http_caphealth_recording_send(ngx_http_caphealth_recording_t *rec,
    ngx_http_caphealth_helper_t *collector);

/*
 * Publishes what the collector knows of the past, which is in the memfd.
 * NGX_ERROR: it is invalid; the log says why.
 */
ngx_int_t ngx_http_caphealth_recording_past(
    ngx_http_caphealth_recording_t *rec, int fd);


#endif /* _NGX_HTTP_CAPHEALTH_RECORDING_H_INCLUDED_ */
