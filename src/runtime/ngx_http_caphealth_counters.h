
/*
 * The counters in the zone: what has happened in all workers since the zone
 * was made.  Each is an atomic of its own and only grows, but for the number of
 * images that wait in a worker, which the worker sets, and which is not counted
 * any more when the worker has ended.
 */

#ifndef _NGX_HTTP_CAPHEALTH_COUNTERS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_COUNTERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <errno.h>
#include <pthread.h>

#include "caphealth_activity.h"
#include "caphealth_facts.h"
#include "caphealth_notification.h"
#include "caphealth_outcomes.h"


/* more than there are, so that a new one does not change the zone's layout */
#define NGX_HTTP_CAPHEALTH_OUTCOMES_MAX  32

/* workers that the zone can tell apart, those of before a reload included */
#define NGX_HTTP_CAPHEALTH_WORKERS_MAX  256


typedef struct {
    ngx_atomic_t   buckets[CAPHEALTH_BUCKETS + 1];
    ngx_atomic_t   sum;                      /* milliseconds */
} ngx_http_caphealth_histogram_t;


/* the uploads of the last minutes, by their results, in slices of time */

typedef enum {
    NGX_HTTP_CAPHEALTH_UPLOAD_STORED = 0,
    NGX_HTTP_CAPHEALTH_UPLOAD_FULL,          /* 507 */
    NGX_HTTP_CAPHEALTH_UPLOAD_BUSY,          /* 503 */
    NGX_HTTP_CAPHEALTH_UPLOAD_AWAY,          /* 503 of the object store */
    NGX_HTTP_CAPHEALTH_UPLOAD_FAILED,        /* 500 */
    NGX_HTTP_CAPHEALTH_UPLOADS
} ngx_http_caphealth_upload_e;


#define NGX_HTTP_CAPHEALTH_RECENT        10
#define NGX_HTTP_CAPHEALTH_RECENT_SLICE  30000     /* milliseconds */


typedef struct {
    ngx_atomic_t   number;                   /* of the slice; 0: none */
    ngx_atomic_t   counts[NGX_HTTP_CAPHEALTH_UPLOADS];
} ngx_http_caphealth_recent_t;


/* how long the uploads of the last day took, in slices of an hour */

#define NGX_HTTP_CAPHEALTH_DAY        24
#define NGX_HTTP_CAPHEALTH_DAY_SLICE  3600000      /* milliseconds */


typedef struct {
    ngx_atomic_t   number;                   /* of the slice; 0: none */
    ngx_atomic_t   buckets[CAPHEALTH_BUCKETS + 1];
} ngx_http_caphealth_hour_t;


/*
 * A worker holds its mutex as long as it lives.  The mutex is robust, so the
 * kernel marks it when the worker has ended in any way.  A pid does not tell
 * that, for another process may have got it since.
 */

typedef struct {
    pthread_mutex_t   alive;
    ngx_atomic_t      generation;            /* moves with each worker */
    ngx_atomic_t      waiting;               /* images, for a converter */
} ngx_http_caphealth_worker_t;


typedef struct {
    ngx_atomic_t                     posts[NGX_HTTP_CAPHEALTH_OUTCOMES_MAX];
    ngx_atomic_t                     deletes[NGX_HTTP_CAPHEALTH_OUTCOMES_MAX];
    ngx_atomic_t                     received;      /* bytes */
    ngx_atomic_t                     written;       /* bytes */
    ngx_atomic_t                     starts;        /* of converters */
    ngx_atomic_t                     deaths;
    ngx_atomic_t                     restarts;      /* of the collector */
    ngx_atomic_t                     status;        /* the overall one, of the
                                                       last record; 0: there
                                                       was none */
    ngx_atomic_t                     notifications[CAPHEALTH_NOTIFY_RESULTS];
    ngx_atomic_t                     idle;          /* microseconds of CPU time,
                                                       of converters at idle
                                                       priority */
    ngx_http_caphealth_histogram_t   stages[CAPHEALTH_STAGES];
    ngx_http_caphealth_recent_t      recent[NGX_HTTP_CAPHEALTH_RECENT];
    ngx_http_caphealth_hour_t        hours[NGX_HTTP_CAPHEALTH_DAY];
    ngx_atomic_t                     took;          /* lately an image, ms; 0:
                                                       there was none */
    ngx_atomic_t                     normal;        /* seconds since the epoch:
                                                       no converter at idle
                                                       priority before */
    ngx_http_caphealth_worker_t      workers[NGX_HTTP_CAPHEALTH_WORKERS_MAX];
    ngx_atomic_t                     unplaced;      /* workers that had no
                                                       place there */
} ngx_http_caphealth_counters_t;


/* nginx's cached time, in seconds since the epoch. */

static ngx_inline double
ngx_http_caphealth_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (double) tp->sec + (double) tp->msec / 1000;
}


void ngx_http_caphealth_count(ngx_atomic_t *counter, ngx_atomic_int_t n);

/* The bucket of a histogram that is of so many milliseconds. */
ngx_uint_t ngx_http_caphealth_bucket(ngx_msec_t elapsed);

/* A stage took so many milliseconds. */
void ngx_http_caphealth_observe(ngx_http_caphealth_counters_t *counters,
    caphealth_stage_e stage, ngx_msec_t elapsed);

/* An upload has ended; and how many have in the last five minutes. */
void ngx_http_caphealth_count_recent(ngx_http_caphealth_counters_t *counters,
    ngx_http_caphealth_upload_e result);
void ngx_http_caphealth_recent_read(ngx_http_caphealth_counters_t *counters,
    caphealth_upload_facts_t *uploads);

/*
 * An upload was stored, so many milliseconds after it had been received; and
 * how long 95 of 100 of the last day took at most, in seconds.  NAN: there was
 * none.
 */
void ngx_http_caphealth_count_stored(ngx_http_caphealth_counters_t *counters,
    ngx_msec_t elapsed);
double ngx_http_caphealth_stored_p95(ngx_http_caphealth_counters_t *counters);

/* Of a zone that is new.  NGX_ERROR: the mutexes cannot be made. */
ngx_int_t ngx_http_caphealth_counters_init(
    ngx_http_caphealth_counters_t *counters);

/*
 * The main thread of a worker takes a place: from then on _self is the worker's
 * number, which no other worker had or will have.  0: there are more workers
 * than places, or it has left.
 */
void ngx_http_caphealth_worker_join(ngx_http_caphealth_counters_t *counters);
void ngx_http_caphealth_worker_leave(void);
uint64_t ngx_http_caphealth_worker_self(void);

/* Whether the worker of this number has ended. */
ngx_uint_t ngx_http_caphealth_worker_gone(
    ngx_http_caphealth_counters_t *counters, uint64_t number);

/*
 * Whether all workers have ended.  For one caller at a time.  If there were
 * more workers than places, that is not known, and the result is 0.
 */
ngx_uint_t ngx_http_caphealth_workers_gone(
    ngx_http_caphealth_counters_t *counters);

/* Sets how many images wait in the calling worker. */
void ngx_http_caphealth_worker_set_waiting(ngx_uint_t waiting);

/* How many wait in all of them. */
ngx_atomic_uint_t ngx_http_caphealth_workers_waiting(
    ngx_http_caphealth_counters_t *counters);

/* An image took so long to convert, for the mean. */
void ngx_http_caphealth_count_conversion(
    ngx_http_caphealth_counters_t *counters, ngx_msec_t elapsed);

/* Copies all but the workers into counters that no process uses yet. */
void ngx_http_caphealth_counters_copy_old(ngx_http_caphealth_counters_t *to,
    ngx_http_caphealth_counters_t *from);

/*
 * What the metrics tell of them; the requests by their outcomes are in memory
 * of the pool.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_caphealth_counters_read(
    ngx_http_caphealth_counters_t *counters, ngx_pool_t *pool,
    caphealth_activity_t *activity);


#endif /* _NGX_HTTP_CAPHEALTH_COUNTERS_H_INCLUDED_ */
