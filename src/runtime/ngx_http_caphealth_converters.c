
/*
 * A worker's converters, and the images that wait for them.
 */

#include "ngx_http_caphealth_converter.h"


static void ngx_http_caphealth_converters_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_caphealth_converters_load(
    ngx_http_caphealth_converters_t *cs);
static ngx_http_caphealth_converter_t *ngx_http_caphealth_converters_find(
    ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_converter_state_e state);


ngx_http_caphealth_converters_t *
ngx_http_caphealth_converters_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_converter_conf_t *conf,
    ngx_http_caphealth_counters_t *counters)
{
    ngx_uint_t                        i;
    ngx_http_caphealth_converters_t  *cs;

    cs = ngx_pcalloc(cycle->pool, sizeof(ngx_http_caphealth_converters_t));
    if (cs == NULL) {
        return NULL;
    }

    cs->nelts = conf->converters;
    cs->elts = ngx_pcalloc(cycle->pool,
                         cs->nelts * sizeof(ngx_http_caphealth_converter_t));
    if (cs->elts == NULL) {
        return NULL;
    }

    cs->conf = conf;
    cs->log = cycle->log;
    cs->counters = counters;
    ngx_queue_init(&cs->queue);

    for (i = 0; i < cs->nelts; i++) {
        ngx_http_caphealth_converter_init(&cs->elts[i], cs);
    }

    cs->event.handler = ngx_http_caphealth_converters_handler;
    cs->event.data = cs;
    cs->event.log = cycle->log;

    return cs;
}


void
ngx_http_caphealth_converters_stop(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t  i;

    for (i = 0; i < cs->nelts; i++) {
        ngx_http_caphealth_converter_dismiss(&cs->elts[i]);
    }
}


void
ngx_http_caphealth_converters_wait(ngx_http_caphealth_converters_t *cs,
    ngx_int_t n)
{
    cs->waiting += n;

    ngx_http_caphealth_worker_state(cs->waiting);
}


ngx_uint_t
ngx_http_caphealth_converters_full(ngx_http_caphealth_converters_t *cs)
{
    return ngx_http_caphealth_converters_load(cs)
           >= cs->nelts + (ngx_uint_t) cs->conf->queue;
}


ngx_uint_t
ngx_http_caphealth_converters_room(ngx_http_caphealth_converters_t *cs,
    ngx_uint_t n)
{
    /* one of them is counted already */

    return cs->waiting + cs->expected == 1
           || ngx_http_caphealth_converters_load(cs) - 1 + n
              <= cs->nelts + (ngx_uint_t) cs->conf->queue;
}


ngx_uint_t
ngx_http_caphealth_converters_unavailable(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t  i;

    for (i = 0; i < cs->nelts; i++) {
        if (!cs->elts[i].broken
            || cs->elts[i].state != NGX_HTTP_CAPHEALTH_PAUSED)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_caphealth_converters_load(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t  i, n;

    n = cs->waiting + cs->expected;

    for (i = 0; i < cs->nelts; i++) {
        if (cs->elts[i].state == NGX_HTTP_CAPHEALTH_BUSY) {
            n++;
        }
    }

    return n;
}


void
ngx_http_caphealth_converters_expect(ngx_http_caphealth_converters_t *cs,
    ngx_int_t n)
{
    cs->expected += n;

    ngx_http_caphealth_converters_rest(cs);
}


void
ngx_http_caphealth_converters_submit(ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_job_t *job)
{
    job->converter = NULL;
    job->waiting = 1;

    ngx_queue_insert_tail(&cs->queue, &job->queue);
    ngx_http_caphealth_converters_wait(cs, 1);

    ngx_post_event(&cs->event, &ngx_posted_events);
}


void
ngx_http_caphealth_converters_cancel(ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_job_t *job)
{
    if (job->waiting) {
        ngx_queue_remove(&job->queue);
        job->waiting = 0;
        ngx_http_caphealth_converters_wait(cs, -1);
    }

    if (job->converter) {
        job->converter->job = NULL;
        job->converter = NULL;
    }
}


ngx_uint_t
ngx_http_caphealth_converters_retry(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t                       i;
    ngx_msec_t                       pause, took;
    ngx_http_caphealth_converter_t  *c;

    pause = 0;
    took = (ngx_msec_t) cs->counters->took;

    for (i = 0; i < cs->nelts; i++) {
        c = &cs->elts[i];

        if (c->broken) {
            pause = ngx_max(pause, c->pause);
        }

        /* one that is not done yet takes at least as long as it has taken */

        if (c->state == NGX_HTTP_CAPHEALTH_BUSY) {
            took = ngx_max(took, ngx_current_msec - c->given);
        }
    }

    took = took * ngx_http_caphealth_converters_load(cs)
           / ngx_max(cs->nelts, 1);

    return ngx_max(pause, took) / 1000 + 1;
}


/* gives what waits to those who are free */

static void
ngx_http_caphealth_converters_handler(ngx_event_t *ev)
{
    ngx_queue_t                      *q;
    ngx_http_caphealth_job_t         *job;
    ngx_http_caphealth_converter_t   *c;
    ngx_http_caphealth_converters_t  *cs;

    cs = ev->data;

    while (!ngx_queue_empty(&cs->queue)) {

        c = ngx_http_caphealth_converters_find(cs, NGX_HTTP_CAPHEALTH_IDLE);

        if (c == NULL) {
            break;
        }

        /* a worker may have found meanwhile that idle converters starve */

        if (c->idle != ngx_http_caphealth_converter_idle(cs)) {
            ngx_log_debug2(NGX_LOG_DEBUG_EVENT, cs->log, 0,
                           "caphealth priority of %s %P is out of date",
                           c->process.name, c->process.pid);

            ngx_http_caphealth_converter_dismiss(c);
            continue;
        }

        q = ngx_queue_head(&cs->queue);
        job = ngx_queue_data(q, ngx_http_caphealth_job_t, queue);

        /* a converter that died while it was idle leaves the job here */

        (void) ngx_http_caphealth_converter_give(c, job);
    }

    if (ngx_queue_empty(&cs->queue)
        || ngx_http_caphealth_converters_find(cs,
                                              NGX_HTTP_CAPHEALTH_STARTING))
    {
        ngx_http_caphealth_converters_rest(cs);
        return;
    }

    c = ngx_http_caphealth_converters_find(cs, NGX_HTTP_CAPHEALTH_ABSENT);

    if (c) {
        ngx_http_caphealth_converter_start(c);
    }

    ngx_http_caphealth_converters_refuse(cs);
}


static ngx_http_caphealth_converter_t *
ngx_http_caphealth_converters_find(ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_converter_state_e state)
{
    ngx_uint_t  i;

    for (i = 0; i < cs->nelts; i++) {
        if (cs->elts[i].state == state) {
            return &cs->elts[i];
        }
    }

    return NULL;
}


/* nobody waits if each converter has failed to start, and none is trying */

void
ngx_http_caphealth_converters_refuse(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t                 i;
    ngx_queue_t               *q;
    ngx_http_caphealth_job_t  *job;

    for (i = 0; i < cs->nelts; i++) {
        if (!cs->elts[i].broken
            || cs->elts[i].state == NGX_HTTP_CAPHEALTH_STARTING)
        {
            return;
        }
    }

    while (!ngx_queue_empty(&cs->queue)) {
        q = ngx_queue_head(&cs->queue);
        job = ngx_queue_data(q, ngx_http_caphealth_job_t, queue);

        ngx_queue_remove(q);
        job->waiting = 0;
        ngx_http_caphealth_converters_wait(cs, -1);

        ngx_http_caphealth_job_done(job, NGX_HTTP_CAPHEALTH_JOB_UNAVAILABLE);
    }
}


/* a worker that quits waits for its uploads, not for idle converters */

void
ngx_http_caphealth_converters_rest(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t  i;

    if (!ngx_exiting || cs->waiting || cs->expected) {
        return;
    }

    for (i = 0; i < cs->nelts; i++) {
        if (cs->elts[i].state != NGX_HTTP_CAPHEALTH_BUSY
            || cs->elts[i].job == NULL)
        {
            ngx_http_caphealth_converter_dismiss(&cs->elts[i]);
        }
    }
}


void
ngx_http_caphealth_job_done(ngx_http_caphealth_job_t *job,
    ngx_http_caphealth_outcome_e outcome)
{
    job->outcome = outcome;
    job->handler(job);
}
