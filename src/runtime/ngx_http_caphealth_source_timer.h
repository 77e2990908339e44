
/*
 * The timer of a source in worker 0: the collector is asked for it when it
 * is due, and is replaced when it hangs in it.  What it answered is published
 * in the zone.
 */

#ifndef _NGX_HTTP_CAPHEALTH_SOURCE_TIMER_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_SOURCE_TIMER_H_INCLUDED_


#include "ngx_http_caphealth_collector.h"
#include "ngx_http_caphealth_helper.h"
#include "ngx_http_caphealth_zone.h"

#include "caphealth_vendors.h"


/* the collector keeps the timeout itself where it can */
#define NGX_HTTP_CAPHEALTH_GRACE  1000


typedef struct ngx_http_caphealth_source_timer_s
    ngx_http_caphealth_source_timer_t;


/* an answer whose vendors are being checked */

typedef struct {
    caphealth_answer_t                    answer;
    caphealth_vendors_t                   vendors;   /* in the mapping */
    caphealth_vendors_check_t             check;
    void                                 *map;
    size_t                                size;
} ngx_http_caphealth_checked_t;


typedef struct {
    ngx_http_caphealth_collector_conf_t  *conf;
    ngx_http_caphealth_helper_t          *collector;
    ngx_http_caphealth_source_timer_t    *elts;      /* system first */
    ngx_uint_t                            nelts;
    uint64_t                              serial;    /* of the last question */
    ngx_log_t                            *log;
} ngx_http_caphealth_source_timers_t;


struct ngx_http_caphealth_source_timer_s {
    ngx_http_caphealth_source_timers_t   *timers;
    ngx_http_caphealth_source_t          *source;
    ngx_event_t                           event;
    ngx_event_t                           check;     /* goes on */
    ngx_http_caphealth_checked_t         *checked;   /* or NULL */

    /* The source is due: asks with _send, or sets the timer again. */
    void                                (*ask)(
                                          ngx_http_caphealth_source_timer_t *t);

    void                                 *data;      /* of ask */
    uint64_t                              serial;
    ngx_msec_t                            asked;
    ngx_msec_t                            hang_pause; /* 0: it does not hang */
    caphealth_error_t                     logged;    /* the last in the log */
    ngx_msec_t                            logged_at;
    ngx_msec_t                            log_pause; /* before another cause is
                                                        logged */
    unsigned                              waiting:1; /* for an answer */
    unsigned                              overdue:1;
    unsigned                              sampled:1; /* it has answered */
    unsigned                              quiet:1;   /* the collector failed,
                                                        not the source */
};


/* For each source of conf, but for their ask.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_caphealth_source_timers_init(
    ngx_http_caphealth_source_timers_t *ts, ngx_cycle_t *cycle,
    ngx_http_caphealth_collector_conf_t *conf,
    ngx_http_caphealth_helper_t *collector);

/* The collector runs, so all are due; or it does not, so all stop. */
void ngx_http_caphealth_source_timers_start(
    ngx_http_caphealth_source_timers_t *ts);
void ngx_http_caphealth_source_timers_reset(
    ngx_http_caphealth_source_timers_t *ts);

/* Asks for facts: the ask of every source that is not an image tree. */
void ngx_http_caphealth_source_timer_ask(ngx_http_caphealth_source_timer_t *t);

/* The number of the source, by which the collector knows it. */
uint32_t ngx_http_caphealth_source_timer_number(
    ngx_http_caphealth_source_timer_t *t);

/* Asks the collector, and waits so long.  NGX_ERROR: it is replaced. */
ngx_int_t ngx_http_caphealth_source_timer_send(
    ngx_http_caphealth_source_timer_t *t, caphealth_ipc_message_t *m,
    ngx_msec_t timeout);

/* There is an answer, so that the source does not hang. */
void ngx_http_caphealth_source_timer_answered(
    ngx_http_caphealth_source_timer_t *t);

/*
 * Checks the answer in the memfd, which stays the caller's, publishes the
 * facts, and sets the timer for the next.  NGX_ERROR: it is not what a
 * collector of this version sends; the log says why.
 */
ngx_int_t ngx_http_caphealth_source_timer_facts(
    ngx_http_caphealth_source_timer_t *t, int fd);

/* Publishes an attempt without facts, which failed unless error is NULL. */
void ngx_http_caphealth_source_timer_publish_error(
    ngx_http_caphealth_source_timer_t *t, const caphealth_error_t *error);

/* Publishes in the system's section that the collector does not work. */
void ngx_http_caphealth_source_timers_collector_failed(
    ngx_http_caphealth_source_timers_t *ts, char *reason);


#endif /* _NGX_HTTP_CAPHEALTH_SOURCE_TIMER_H_INCLUDED_ */
