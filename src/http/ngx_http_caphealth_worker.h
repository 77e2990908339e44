
/*
 * What a worker process has: the parts of the runtime, and what it has
 * rendered of the facts.  It is made in init_process, belongs to its cycle,
 * and ends with it.
 */

#ifndef _NGX_HTTP_CAPHEALTH_WORKER_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_WORKER_H_INCLUDED_


#include "ngx_http_caphealth_conf.h"
#include "ngx_http_caphealth_recording.h"
#include "ngx_http_caphealth_threads.h"
#include "ngx_http_caphealth_facts_cache.h"

#include "caphealth_exposition.h"
#include "caphealth_ready.h"
#include "caphealth_report.h"
#include "caphealth_threshold_forecasts.h"


typedef enum {
    NGX_HTTP_CAPHEALTH_REPORT_HEALTH = 0,
    NGX_HTTP_CAPHEALTH_REPORT_HEALTH_JSON,
    NGX_HTTP_CAPHEALTH_REPORT_CAPACITY,
    NGX_HTTP_CAPHEALTH_REPORT_NODES,
    NGX_HTTP_CAPHEALTH_REPORTS       /* how many there are */
} ngx_http_caphealth_report_e;


/* the parts of the metrics, by what they change with */

typedef enum {
    NGX_HTTP_CAPHEALTH_METRICS_FACTS = 0,
    NGX_HTTP_CAPHEALTH_METRICS_VENDORS,  /* with the database */
    NGX_HTTP_CAPHEALTH_METRICS_NODES,    /* with the fleet, if asked for */
    NGX_HTTP_CAPHEALTH_METRICS_LIVE,     /* with each request */
    NGX_HTTP_CAPHEALTH_METRICS_PARTS     /* how many there are */
} ngx_http_caphealth_metrics_part_e;


/*
 * A body, or a part of one, that is sent from the same memory to everyone who
 * asks.  A slow client keeps it after the next one has been rendered, so that
 * references to it are counted.
 */

typedef struct {
    char        *data;
    size_t       len;
    ngx_uint_t   changes;            /* of the facts it was rendered of */
    ngx_uint_t   refs;

    /* of a report */

    double       time;               /* of the oldest facts in it, or 0 */
    ngx_uint_t   status;             /* HTTP's */
    ngx_str_t    etag;
    u_char       etag_data[sizeof("\"\"") - 1
                           + 2 * sizeof(ngx_atomic_uint_t)
                           + sizeof("-") - 1 + 8];
} ngx_http_caphealth_body_t;


struct ngx_http_caphealth_worker_ctx_s {
    ngx_http_caphealth_facts_cache_t         *cache;
    ngx_http_caphealth_collector_t    *collector;   /* NULL: another worker
                                                       has it */
    ngx_http_caphealth_converters_t   *converters;  /* NULL: no uploads */
    ngx_http_caphealth_shippers_t     *shippers;    /* NULL: no object
                                                       store */
    ngx_http_caphealth_threads_t      *threads;
    ngx_http_caphealth_state_t        *state;       /* NULL: none is saved */

    ngx_http_caphealth_body_t         *reports[NGX_HTTP_CAPHEALTH_REPORTS];
    ngx_http_caphealth_body_t         *metrics
                                           [NGX_HTTP_CAPHEALTH_METRICS_PARTS]
                                           [CAPHEALTH_DIALECTS];

    ngx_http_caphealth_collector_conf_t  *conf;
    caphealth_policy_t                *policy;
    caphealth_forecasts_t             *forecasts;
    ngx_uint_t                         forecasts_changes;

    caphealth_ready_t                  ready;
    ngx_uint_t                         ready_changes;  /* of the facts it was
                                                          judged by; 0: none */
    caphealth_status_e                 status;
    ngx_uint_t                         status_changes;
};


/* From init_process of a worker. */
ngx_int_t ngx_http_caphealth_worker_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_main_conf_t *cmcf);

/* From exit_process. */
void ngx_http_caphealth_worker_stop(ngx_http_caphealth_worker_ctx_t *w);

/*
 * What a worker has rendered belongs to the changes of the facts that it was
 * rendered of; this brings the facts up to date.  now is in seconds since the
 * epoch.
 */
ngx_int_t ngx_http_caphealth_worker_update(ngx_http_caphealth_worker_ctx_t *w,
    double now, ngx_log_t *log);

/*
 * Takes over data, of malloc().  The caller has one reference.  NULL: no
 * memory, or no data.
 */
ngx_http_caphealth_body_t *ngx_http_caphealth_body_create(char *data,
    size_t len);

/* To be called as the cleanup of what has a reference. */
void ngx_http_caphealth_body_release(void *data);


#endif /* _NGX_HTTP_CAPHEALTH_WORKER_H_INCLUDED_ */
