
/*
 * Inside the collector's room: the collector and its lanes.  A lane is one
 * source, and what is going on with it.
 */

#ifndef _NGX_HTTP_CAPHEALTH_LANE_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_LANE_H_INCLUDED_


#include "ngx_http_caphealth_collector.h"
#include "ngx_http_caphealth_helper.h"
#include "ngx_http_caphealth_reply.h"


/* the collector keeps the timeout itself where it can */
#define NGX_HTTP_CAPHEALTH_GRACE  1000


typedef struct {
    ngx_http_caphealth_collector_t       *collector;
    ngx_http_caphealth_source_t          *source;
    ngx_event_t                           event;
    uint64_t                              serial;
    ngx_msec_t                            asked;
    ngx_msec_t                            shun;      /* 0: it does not hang */
    ngx_http_caphealth_step_t             step;      /* of a scan */
    ngx_uint_t                            debt;      /* of it, microseconds to
                                                        be idle */
    unsigned                              waiting:1; /* for an answer */
    unsigned                              overdue:1;
    unsigned                              sampled:1; /* it has answered */
    unsigned                              quiet:1;   /* the collector failed,
                                                        not the source */
    unsigned                              failed:1;  /* the last walk did */
} ngx_http_caphealth_lane_t;


struct ngx_http_caphealth_collector_s {
    ngx_http_caphealth_collector_conf_t  *conf;
    ngx_http_caphealth_helper_t           helper;
    ngx_http_caphealth_lane_t            *lanes;     /* system first */
    ngx_uint_t                            nlanes;
    uint64_t                              serial;
    ngx_log_t                            *log;
    char                                 *reason;    /* of the last failure */
};


/* The source is due, or its answer is. */
void ngx_http_caphealth_lane_handler(ngx_event_t *ev);

/* The answer, checked. */
void ngx_http_caphealth_lane_answered(ngx_http_caphealth_lane_t *lane,
    ngx_http_caphealth_reply_t *reply);

/* The same for an image tree, which is walked a slice at a time. */
void ngx_http_caphealth_scan_ask(ngx_http_caphealth_lane_t *lane);
ngx_int_t ngx_http_caphealth_scan_answered(ngx_http_caphealth_lane_t *lane,
    int fd);

/* Asks the collector, and waits so long.  NGX_ERROR: it is replaced. */
ngx_int_t ngx_http_caphealth_lane_send(ngx_http_caphealth_lane_t *lane,
    caphealth_ipc_message_t *m, ngx_msec_t timeout);

/* Publishes what became of the source; without an error it is NULL. */
void ngx_http_caphealth_lane_tell(ngx_http_caphealth_lane_t *lane,
    const caphealth_error_t *error);

/* Publishes that the collector cannot tell anything about the source. */
void ngx_http_caphealth_lane_silent(ngx_http_caphealth_lane_t *lane,
    char *reason);

/* Forgets what was asked, and stops the timer. */
void ngx_http_caphealth_lane_reset(ngx_http_caphealth_lane_t *lane);


#endif /* _NGX_HTTP_CAPHEALTH_LANE_H_INCLUDED_ */
