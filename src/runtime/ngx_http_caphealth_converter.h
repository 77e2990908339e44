
/*
 * One converter of a worker's: started, given an image, heard, replaced.
 */

#ifndef _NGX_HTTP_CAPHEALTH_CONVERTER_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_CONVERTER_H_INCLUDED_


#include "ngx_http_caphealth_converters.h"
#include "ngx_http_caphealth_process.h"


typedef enum {
    NGX_HTTP_CAPHEALTH_ABSENT = 0,
    NGX_HTTP_CAPHEALTH_STARTING,
    NGX_HTTP_CAPHEALTH_IDLE,
    NGX_HTTP_CAPHEALTH_BUSY,
    NGX_HTTP_CAPHEALTH_PAUSED
} ngx_http_caphealth_converter_state_e;


struct ngx_http_caphealth_converter_s {
    ngx_http_caphealth_converters_t       *converters;
    ngx_http_caphealth_process_t           process;
    ngx_event_t                            event;
    ngx_http_caphealth_process_t           leaving; /* the one before */
    ngx_event_t                            leave;
    ngx_http_caphealth_converter_state_e   state;
    ngx_http_caphealth_job_t              *job;   /* NULL: cancelled, or not
                                                     busy */
    caphealth_job_t                        spec;
    uint64_t                               serial;
    ngx_uint_t                             jobs;
    ngx_msec_t                             pause;
    ngx_msec_t                             given; /* the job was, then */
    ngx_msec_t                             cpu;   /* when the job began */
    ngx_event_t                            meter;
    uint64_t                               metered; /* microseconds of CPU time
                                                     that are counted */
    unsigned                               greeted:1;
    unsigned                               broken:1; /* could not be started */
    unsigned                               idle:1;  /* at idle priority */
};


struct ngx_http_caphealth_converters_s {
    ngx_http_caphealth_converter_conf_t   *conf;
    ngx_http_caphealth_converter_t        *elts;
    ngx_uint_t                             nelts;
    ngx_queue_t                            queue;
    ngx_uint_t                             waiting;  /* _wait alone moves it */
    ngx_uint_t                             expected;
    ngx_event_t                            event;
    ngx_log_t                             *log;
    char                                  *reason;   /* why there is none that
                                                        works, as logged */
    ngx_http_caphealth_counters_t         *counters;
};


/* its timers and its name; starts nothing */
void ngx_http_caphealth_converter_init(ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_converters_t *cs);

/* STARTING, or PAUSED when it cannot be */
void ngx_http_caphealth_converter_start(ngx_http_caphealth_converter_t *c);

/*
 * Takes the job out of the queue.  Where NGX_ERROR is returned, for a
 * converter that has died while it was idle, the job is still there.
 */
ngx_int_t ngx_http_caphealth_converter_give(ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_job_t *job);

/* whether one that is started now is to have idle priority */
ngx_uint_t ngx_http_caphealth_converter_idle(
    ngx_http_caphealth_converters_t *cs);

/* lets it go: ABSENT, its job forgotten */
void ngx_http_caphealth_converter_dismiss(ngx_http_caphealth_converter_t *c);

/* so many more jobs are in the queue, and every worker may know it */
void ngx_http_caphealth_converters_wait(ngx_http_caphealth_converters_t *cs,
    ngx_int_t n);

/* answers those who wait for a converter, if there is none to wait for */
void ngx_http_caphealth_converters_refuse(
    ngx_http_caphealth_converters_t *cs);

/* lets those go whom a quitting worker does not need any more */
void ngx_http_caphealth_converters_rest(ngx_http_caphealth_converters_t *cs);

void ngx_http_caphealth_job_done(ngx_http_caphealth_job_t *job,
    ngx_http_caphealth_outcome_e outcome);


#endif /* _NGX_HTTP_CAPHEALTH_CONVERTER_H_INCLUDED_ */
