
/*
 * The counters in the zone.
 */

#include "ngx_http_caphealth_counters.h"


static ngx_uint_t ngx_http_caphealth_worker_dead(
    ngx_http_caphealth_worker_t *w);
static ngx_int_t ngx_http_caphealth_counters_outcomes(
    ngx_http_caphealth_counters_t *counters, ngx_pool_t *pool,
    caphealth_uploads_t *uploads);


/* of this process */

static uint64_t                      ngx_http_caphealth_worker_number;
static ngx_http_caphealth_worker_t  *ngx_http_caphealth_worker;


void
ngx_http_caphealth_count(ngx_atomic_t *counter, ngx_atomic_int_t n)
{
    (void) ngx_atomic_fetch_add(counter, n);
}


void
ngx_http_caphealth_observe(ngx_http_caphealth_counters_t *counters,
    caphealth_stage_e stage, ngx_msec_t elapsed)
{
    ngx_http_caphealth_histogram_t  *h;

    h = &counters->stages[stage];

    ngx_http_caphealth_count(&h->buckets[ngx_http_caphealth_bucket(elapsed)],
                             1);
    ngx_http_caphealth_count(&h->sum, (ngx_atomic_int_t) elapsed);
}


ngx_uint_t
ngx_http_caphealth_bucket(ngx_msec_t elapsed)
{
    ngx_uint_t  i;

    for (i = 0; i < CAPHEALTH_BUCKETS; i++) {
        if ((double) elapsed <= caphealth_bucket_bounds[i] * 1000) {
            break;
        }
    }

    return i;
}


/*
 * The first worker that counts in a new slice of time clears the oldest one and
 * uses it.  What others count in it before it is cleared is lost; a few uploads
 * do not matter to a rate.
 */

void
ngx_http_caphealth_count_recent(ngx_http_caphealth_counters_t *counters,
    ngx_http_caphealth_upload_e result)
{
    ngx_uint_t                    i;
    ngx_atomic_uint_t             old, number;
    ngx_http_caphealth_recent_t  *slice;

    number = ngx_current_msec / NGX_HTTP_CAPHEALTH_RECENT_SLICE + 1;
    slice = &counters->recent[number % NGX_HTTP_CAPHEALTH_RECENT];
    old = slice->number;

    if (old != number && ngx_atomic_cmp_set(&slice->number, old, number)) {
        for (i = 0; i < NGX_HTTP_CAPHEALTH_UPLOADS; i++) {
            slice->counts[i] = 0;
        }
    }

    ngx_http_caphealth_count(&slice->counts[result], 1);
}


void
ngx_http_caphealth_recent_read(ngx_http_caphealth_counters_t *counters,
    caphealth_upload_facts_t *uploads)
{
    int64_t                       counts[NGX_HTTP_CAPHEALTH_UPLOADS];
    ngx_uint_t                    i, n;
    ngx_atomic_uint_t             number;
    ngx_http_caphealth_recent_t  *slice;

    ngx_memzero(counts, sizeof(counts));

    number = ngx_current_msec / NGX_HTTP_CAPHEALTH_RECENT_SLICE + 1;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_RECENT; i++) {
        slice = &counters->recent[i];

        if (slice->number > number
            || slice->number + NGX_HTTP_CAPHEALTH_RECENT <= number)
        {
            continue;
        }

        for (n = 0; n < NGX_HTTP_CAPHEALTH_UPLOADS; n++) {
            counts[n] += (int64_t) slice->counts[n];
        }
    }

    uploads->stored = counts[NGX_HTTP_CAPHEALTH_UPLOAD_STORED];
    uploads->full = counts[NGX_HTTP_CAPHEALTH_UPLOAD_FULL];
    uploads->busy = counts[NGX_HTTP_CAPHEALTH_UPLOAD_BUSY];
    uploads->away = counts[NGX_HTTP_CAPHEALTH_UPLOAD_AWAY];
    uploads->failed = counts[NGX_HTTP_CAPHEALTH_UPLOAD_FAILED];
    uploads->seconds = NGX_HTTP_CAPHEALTH_RECENT
                       * (NGX_HTTP_CAPHEALTH_RECENT_SLICE / 1000.0);
}


/* a slice is used again as in ngx_http_caphealth_count_recent() */

void
ngx_http_caphealth_count_stored(ngx_http_caphealth_counters_t *counters,
    ngx_msec_t elapsed)
{
    ngx_uint_t                  i;
    ngx_atomic_uint_t           old, number;
    ngx_http_caphealth_hour_t  *hour;

    number = ngx_current_msec / NGX_HTTP_CAPHEALTH_DAY_SLICE + 1;
    hour = &counters->hours[number % NGX_HTTP_CAPHEALTH_DAY];
    old = hour->number;

    if (old != number && ngx_atomic_cmp_set(&hour->number, old, number)) {
        for (i = 0; i <= CAPHEALTH_BUCKETS; i++) {
            hour->buckets[i] = 0;
        }
    }

    ngx_http_caphealth_count(
                          &hour->buckets[ngx_http_caphealth_bucket(elapsed)],
                          1);
}


double
ngx_http_caphealth_stored_p95(ngx_http_caphealth_counters_t *counters)
{
    ngx_uint_t                  i, n;
    ngx_atomic_uint_t           number;
    caphealth_histogram_t       day;
    ngx_http_caphealth_hour_t  *hour;

    ngx_memzero(&day, sizeof(caphealth_histogram_t));

    number = ngx_current_msec / NGX_HTTP_CAPHEALTH_DAY_SLICE + 1;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_DAY; i++) {
        hour = &counters->hours[i];

        if (hour->number > number
            || hour->number + NGX_HTTP_CAPHEALTH_DAY <= number)
        {
            continue;
        }

        for (n = 0; n <= CAPHEALTH_BUCKETS; n++) {
            day.buckets[n] += (double) hour->buckets[n];
        }
    }

    return caphealth_histogram_quantile(&day, 0.95);
}


ngx_int_t
ngx_http_caphealth_counters_init(ngx_http_caphealth_counters_t *counters)
{
    int                  err;
    ngx_uint_t           i;
    pthread_mutexattr_t  attr;

    err = pthread_mutexattr_init(&attr);
    if (err) {
        goto failed;
    }

    err = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);

    if (err == 0) {
        err = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }

    for (i = 0; err == 0 && i < NGX_HTTP_CAPHEALTH_WORKERS_MAX; i++) {
        err = pthread_mutex_init(&counters->workers[i].alive, &attr);
    }

    (void) pthread_mutexattr_destroy(&attr);

    if (err == 0) {
        return NGX_OK;
    }

failed:

    ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, err,
                  "robust mutexes in \"caphealth_zone\" cannot be made");

    return NGX_ERROR;
}


void
ngx_http_caphealth_worker_join(ngx_http_caphealth_counters_t *counters)
{
    int                           err;
    ngx_uint_t                    i;
    ngx_http_caphealth_worker_t  *w;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_WORKERS_MAX; i++) {
        w = &counters->workers[i];
        err = pthread_mutex_trylock(&w->alive);

        if (err == EOWNERDEAD) {
            err = pthread_mutex_consistent(&w->alive);
        }

        if (err == 0) {
            w->waiting = 0;

            ngx_http_caphealth_worker = w;
            ngx_http_caphealth_worker_number =
                                     (uint64_t) ++w->generation
                                     * NGX_HTTP_CAPHEALTH_WORKERS_MAX + i;
            return;
        }
    }

    (void) ngx_atomic_fetch_add(&counters->unplaced, 1);
}


void
ngx_http_caphealth_worker_leave(void)
{
    if (ngx_http_caphealth_worker) {
        ngx_http_caphealth_worker->waiting = 0;
        (void) pthread_mutex_unlock(&ngx_http_caphealth_worker->alive);

        ngx_http_caphealth_worker = NULL;
        ngx_http_caphealth_worker_number = 0;
    }
}


uint64_t
ngx_http_caphealth_worker_self(void)
{
    return ngx_http_caphealth_worker_number;
}


ngx_uint_t
ngx_http_caphealth_worker_gone(ngx_http_caphealth_counters_t *counters,
    uint64_t number)
{
    ngx_http_caphealth_worker_t  *w;

    w = &counters->workers[number % NGX_HTTP_CAPHEALTH_WORKERS_MAX];

    return w->generation != number / NGX_HTTP_CAPHEALTH_WORKERS_MAX
           || ngx_http_caphealth_worker_dead(w);
}


ngx_uint_t
ngx_http_caphealth_workers_gone(ngx_http_caphealth_counters_t *counters)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_WORKERS_MAX; i++) {
        if (!ngx_http_caphealth_worker_dead(&counters->workers[i])) {
            return 0;
        }
    }

    return counters->unplaced == 0;
}


/* a place that was left, or never taken, is free as well */

static ngx_uint_t
ngx_http_caphealth_worker_dead(ngx_http_caphealth_worker_t *w)
{
    int  err;

    if (w == ngx_http_caphealth_worker) {
        return 0;
    }

    err = pthread_mutex_trylock(&w->alive);

    if (err == EBUSY) {
        return 0;
    }

    if (err == EOWNERDEAD) {
        err = pthread_mutex_consistent(&w->alive);
    }

    if (err == 0) {
        w->waiting = 0;
        (void) pthread_mutex_unlock(&w->alive);
    }

    return 1;
}


void
ngx_http_caphealth_worker_set_waiting(ngx_uint_t waiting)
{
    if (ngx_http_caphealth_worker) {
        ngx_http_caphealth_worker->waiting = waiting;
    }
}


/* images that waited in a worker that was killed do not wait any more */

ngx_atomic_uint_t
ngx_http_caphealth_workers_waiting(ngx_http_caphealth_counters_t *counters)
{
    ngx_uint_t                    i;
    ngx_atomic_uint_t             n;
    ngx_http_caphealth_worker_t  *w;

    n = 0;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_WORKERS_MAX; i++) {
        w = &counters->workers[i];

        if (w->waiting && !ngx_http_caphealth_worker_dead(w)) {
            n += w->waiting;
        }
    }

    return n;
}


/* a moving mean; if two workers write at once, one value may be lost */

void
ngx_http_caphealth_count_conversion(ngx_http_caphealth_counters_t *counters,
    ngx_msec_t elapsed)
{
    ngx_atomic_uint_t  took;

    took = counters->took;
    took = took ? (took * 7 + elapsed) / 8 : elapsed;

    counters->took = ngx_max(took, 1);
}


void
ngx_http_caphealth_counters_copy_old(ngx_http_caphealth_counters_t *to,
    ngx_http_caphealth_counters_t *from)
{
    ngx_memcpy(to, from, offsetof(ngx_http_caphealth_counters_t, workers));
}


ngx_int_t
ngx_http_caphealth_counters_read(ngx_http_caphealth_counters_t *counters,
    ngx_pool_t *pool, caphealth_activity_t *activity)
{
    ngx_uint_t                       i, n;
    caphealth_uploads_t             *u;
    caphealth_histogram_t           *to;
    ngx_http_caphealth_histogram_t  *from;

    activity->restarts = (double) counters->restarts;

    for (i = 0; i < CAPHEALTH_NOTIFY_RESULTS; i++) {
        activity->notifications[i] = (double) counters->notifications[i];
    }

    u = &activity->uploads;

    u->received = (double) counters->received;
    u->written = (double) counters->written;
    u->starts = (double) counters->starts;
    u->deaths = (double) counters->deaths;
    u->idle = (double) counters->idle / 1e6;
    u->waiting = (double) ngx_http_caphealth_workers_waiting(counters);

    for (i = 0; i < CAPHEALTH_STAGES; i++) {
        from = &counters->stages[i];
        to = &u->stages[i];

        for (n = 0; n <= CAPHEALTH_BUCKETS; n++) {
            to->buckets[n] = (double) from->buckets[n];
        }

        to->sum = (double) from->sum / 1000;
    }

    return ngx_http_caphealth_counters_outcomes(counters, pool, u);
}


static ngx_int_t
ngx_http_caphealth_counters_outcomes(ngx_http_caphealth_counters_t *counters,
    ngx_pool_t *pool, caphealth_uploads_t *uploads)
{
    ngx_uint_t                  i;
    caphealth_tally_t          *posts, *deletes;
    const caphealth_outcome_t  *outcome;

    posts = ngx_palloc(pool, 2 * CAPHEALTH_OUTCOMES
                             * sizeof(caphealth_tally_t));
    if (posts == NULL) {
        return NGX_ERROR;
    }

    deletes = posts + CAPHEALTH_OUTCOMES;

    uploads->posts = posts;
    uploads->deletes = deletes;

    for (i = 0; i < CAPHEALTH_OUTCOMES; i++) {
        outcome = &caphealth_outcomes[i];

        if (outcome->upload) {
            posts->name = outcome->upload;
            posts->n = (double) counters->posts[i];
            posts++;
        }

        if (outcome->deletion) {
            deletes->name = outcome->deletion;
            deletes->n = (double) counters->deletes[i];
            deletes++;
        }
    }

    uploads->nposts = posts - uploads->posts;
    uploads->ndeletes = deletes - uploads->deletes;

    return NGX_OK;
}
