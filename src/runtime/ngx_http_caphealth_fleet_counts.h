
/*
 * What worker 0 tells the fleet of the counts of object stores, and takes from
 * it, with each of its refreshes.
 */

#ifndef _NGX_HTTP_CAPHEALTH_FLEET_COUNTS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_FLEET_COUNTS_H_INCLUDED_


#include "ngx_http_caphealth_source_timer.h"


/*
 * Sets the ask of the fleet's timer, if there are object stores.  NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_http_caphealth_fleet_init(ngx_http_caphealth_source_timer_t *t,
    ngx_pool_t *pool);

/* A slice of the store was listed: it is sent with the next refresh. */
void ngx_http_caphealth_fleet_listed(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_root_t *root, ngx_http_caphealth_step_t *step,
    const caphealth_walk_t *walk);

/* As many listings wait as may: the next has to wait. */
ngx_uint_t ngx_http_caphealth_fleet_full(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_root_t *root);

/* There is nothing more to list now: a refresh is due soon. */
void ngx_http_caphealth_fleet_flush(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_root_t *root);

/* The answer, in the memfd.  NGX_ERROR: it is invalid. */
ngx_int_t ngx_http_caphealth_fleet_counted(
    ngx_http_caphealth_source_timer_t *t, uint64_t serial, int fd);

/*
 * What the last worker that uses the zone has to send when it quits: for each
 * store its last changes, in the order of their sequences, as
 * caphealth.finish() takes them.  The array is empty if there is no store.  The
 * caller json_decref()s it.  NULL: no memory.
 */
json_t *ngx_http_caphealth_fleet_finish(
    ngx_http_caphealth_collector_conf_t *conf);


#endif /* _NGX_HTTP_CAPHEALTH_FLEET_COUNTS_H_INCLUDED_ */
