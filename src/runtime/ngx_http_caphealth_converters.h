
/*
 * A worker's converters, and the images that wait for them.  A converter is
 * started for the first image, is given one image at a time, is killed when
 * that takes too long, and is replaced after a number of images or when it
 * dies.  What it answers is checked.
 */

#ifndef _NGX_HTTP_CAPHEALTH_CONVERTERS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_CONVERTERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_caphealth_counters.h"

#include "caphealth_job.h"


#define NGX_HTTP_CAPHEALTH_CONVERTER  "caphealth-converter"


typedef struct {
    ngx_str_t                 path;         /* of the program */
    ngx_int_t                 converters;   /* in this worker */
    ngx_int_t                 queue;        /* images that wait for one */
    ngx_msec_t                timeout;      /* of an image */
    size_t                    memory;       /* address space of a converter,
                                               bytes */
    size_t                    max_pixels;
    uint64_t                  file_size;    /* of the largest output of any
                                               location, bytes */
    ngx_uint_t                sched_idle;   /* they run when nothing else
                                               wants to: SCHED_IDLE */
} ngx_http_caphealth_converter_conf_t;


typedef enum {
    NGX_HTTP_CAPHEALTH_JOB_ANSWERED = 0,    /* see the result */
    NGX_HTTP_CAPHEALTH_JOB_DIED,            /* the converter, of it perhaps */
    NGX_HTTP_CAPHEALTH_JOB_KILLED,          /* the converter, by another
                                               process, or by the kernel */
    NGX_HTTP_CAPHEALTH_JOB_TIMED_OUT,
    NGX_HTTP_CAPHEALTH_JOB_STARVED,         /* the machine is too busy */
    NGX_HTTP_CAPHEALTH_JOB_UNAVAILABLE      /* there is no working converter */
} ngx_http_caphealth_outcome_e;


typedef struct ngx_http_caphealth_converters_s
    ngx_http_caphealth_converters_t;
typedef struct ngx_http_caphealth_converter_s
    ngx_http_caphealth_converter_t;
typedef struct ngx_http_caphealth_job_s  ngx_http_caphealth_job_t;


/*
 * An image to convert.  The submitter fills in what is above the line, and
 * keeps all of it, descriptors included, until handler is called or the job
 * is cancelled.
 */

struct ngx_http_caphealth_job_s {
    caphealth_job_t                   spec;
    ngx_fd_t                          input;
    ngx_fd_t                          outputs[CAPHEALTH_VARIANTS_MAX];
    void                            (*handler)(ngx_http_caphealth_job_t *job);
    void                             *data;
    ngx_msec_t                        since;     /* it has been waiting */

    /* --- */

    ngx_http_caphealth_outcome_e      outcome;
    caphealth_result_t                result;

    ngx_queue_t                       queue;
    ngx_http_caphealth_converter_t   *converter;
    ngx_msec_t                        sent;      /* to the converter, then */
    unsigned                          waiting:1;
};


/*
 * To be called from init_process.  Starts nothing.  What happens is counted in
 * counters.  NULL: no memory.
 */
ngx_http_caphealth_converters_t *ngx_http_caphealth_converters_create(
    ngx_cycle_t *cycle, ngx_http_caphealth_converter_conf_t *conf,
    ngx_http_caphealth_counters_t *counters);

/* To be called from exit_process. */
void ngx_http_caphealth_converters_stop(ngx_http_caphealth_converters_t *cs);

/*
 * Whether as many images wait as may.  An upload that is under way but has no
 * jobs yet reserves a place for one, then for the jobs that there will be, and
 * gives the places back (n < 0) when these are submitted.
 */
ngx_uint_t ngx_http_caphealth_converters_full(
    ngx_http_caphealth_converters_t *cs);
void ngx_http_caphealth_converters_reserve(
    ngx_http_caphealth_converters_t *cs, ngx_int_t n);

/* Whether each converter has failed to start, and is not tried again yet. */
ngx_uint_t ngx_http_caphealth_converters_unavailable(
    ngx_http_caphealth_converters_t *cs);

/*
 * Whether n images of one upload, which has reserved a place, may wait: if
 * there is room for them, or if nothing else waits.
 */
ngx_uint_t ngx_http_caphealth_converters_room(
    ngx_http_caphealth_converters_t *cs, ngx_uint_t n);

/* The handler is called later, never from here. */
void ngx_http_caphealth_converters_submit(
    ngx_http_caphealth_converters_t *cs, ngx_http_caphealth_job_t *job);

/*
 * The handler will not be called, and job may be freed.  A converter that is
 * at work for it goes on, and its answer is ignored.
 */
void ngx_http_caphealth_converters_cancel(
    ngx_http_caphealth_converters_t *cs, ngx_http_caphealth_job_t *job);

/*
 * Seconds after which it is worth trying again, for Retry-After: until what
 * waits and is being converted is done, by what images lately took.
 */
ngx_uint_t ngx_http_caphealth_converters_retry(
    ngx_http_caphealth_converters_t *cs);


#endif /* _NGX_HTTP_CAPHEALTH_CONVERTERS_H_INCLUDED_ */
