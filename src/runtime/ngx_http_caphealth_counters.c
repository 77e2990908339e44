
/*
 * The counters in the zone.
 */

#include "ngx_http_caphealth_counters.h"


static ngx_uint_t ngx_http_caphealth_backlog_dead(ngx_atomic_uint_t pid);
static ngx_atomic_uint_t ngx_http_caphealth_backlog_sum(
    ngx_http_caphealth_counters_t *counters);


void
ngx_http_caphealth_count(ngx_atomic_t *counter, ngx_atomic_int_t n)
{
    (void) ngx_atomic_fetch_add(counter, n);
}


void
ngx_http_caphealth_observe(ngx_http_caphealth_counters_t *counters,
    caphealth_stage_e stage, ngx_msec_t elapsed)
{
    ngx_uint_t                       i;
    ngx_http_caphealth_histogram_t  *h;

    h = &counters->stages[stage];

    for (i = 0; i < CAPHEALTH_BUCKETS; i++) {
        if ((double) elapsed <= caphealth_bucket_bounds[i] * 1000) {
            break;
        }
    }

    ngx_http_caphealth_count(&h->buckets[i], 1);
    ngx_http_caphealth_count(&h->sum, (ngx_atomic_int_t) elapsed);
}


/*
 * The first worker in a new slice takes the place of the one that is too old.
 * What others count before it has cleared it is lost, and harms nobody.
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
    uploads->failed = counts[NGX_HTTP_CAPHEALTH_UPLOAD_FAILED];
    uploads->seconds = NGX_HTTP_CAPHEALTH_RECENT
                       * NGX_HTTP_CAPHEALTH_RECENT_SLICE / 1000;
}


ngx_http_caphealth_backlog_t *
ngx_http_caphealth_backlog_join(ngx_http_caphealth_counters_t *counters)
{
    ngx_uint_t                     i;
    ngx_atomic_uint_t              pid;
    ngx_http_caphealth_backlog_t  *backlog;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_WORKERS_MAX; i++) {
        backlog = &counters->backlogs[i];
        pid = backlog->pid;

        if (pid && !ngx_http_caphealth_backlog_dead(pid)) {
            continue;
        }

        if (ngx_atomic_cmp_set(&backlog->pid, pid,
                               (ngx_atomic_uint_t) ngx_pid))
        {
            backlog->waiting = 0;
            return backlog;
        }
    }

    return NULL;
}


void
ngx_http_caphealth_backlog_leave(ngx_http_caphealth_backlog_t *backlog)
{
    if (backlog) {
        backlog->waiting = 0;
        ngx_memory_barrier();
        backlog->pid = 0;
    }
}


void
ngx_http_caphealth_backlog_state(ngx_http_caphealth_backlog_t *backlog,
    ngx_uint_t waiting)
{
    if (backlog) {
        backlog->waiting = waiting;
    }
}


static ngx_uint_t
ngx_http_caphealth_backlog_dead(ngx_atomic_uint_t pid)
{
    return kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == ESRCH;
}


/*
 * A worker that was killed is struck off by the first that looks, lest another
 * process get its pid and seem to have images waiting.
 */

static ngx_atomic_uint_t
ngx_http_caphealth_backlog_sum(ngx_http_caphealth_counters_t *counters)
{
    ngx_uint_t                     i;
    ngx_atomic_uint_t              n, pid;
    ngx_http_caphealth_backlog_t  *backlog;

    n = 0;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_WORKERS_MAX; i++) {
        backlog = &counters->backlogs[i];
        pid = backlog->pid;

        if (pid == 0) {
            continue;
        }

        if (ngx_http_caphealth_backlog_dead(pid)) {
            (void) ngx_atomic_cmp_set(&backlog->pid, pid, 0);
            continue;
        }

        n += backlog->waiting;
    }

    return n;
}


void
ngx_http_caphealth_counters_carry(ngx_http_caphealth_counters_t *to,
    ngx_http_caphealth_counters_t *from)
{
    ngx_memcpy(to, from, offsetof(ngx_http_caphealth_counters_t, backlogs));
}


void
ngx_http_caphealth_counters_read(ngx_http_caphealth_counters_t *counters,
    caphealth_activity_t *activity)
{
    ngx_uint_t                       i, n;
    caphealth_uploads_t             *u;
    caphealth_histogram_t           *to;
    ngx_http_caphealth_histogram_t  *from;

    activity->restarts = (double) counters->restarts;

    u = &activity->uploads;

    u->received = (double) counters->received;
    u->written = (double) counters->written;
    u->starts = (double) counters->starts;
    u->deaths = (double) counters->deaths;
    u->idle = (double) counters->idle / 1e6;
    u->waiting = (double) ngx_http_caphealth_backlog_sum(counters);

    for (i = 0; i < CAPHEALTH_STAGES; i++) {
        from = &counters->stages[i];
        to = &u->stages[i];

        for (n = 0; n <= CAPHEALTH_BUCKETS; n++) {
            to->buckets[n] = (double) from->buckets[n];
        }

        to->sum = (double) from->sum / 1000;
    }
}
