
/*
 * Work for nginx's thread pool, which may be full.
 */

#include "ngx_http_caphealth_threads.h"


/*
 * nginx does not tell when a thread is free.  When a task of this module ends,
 * one may be, but tasks of other modules end unseen, so the queue is tried
 * again after a growing pause as well.  nginx logs each attempt that fails.
 */
#define NGX_HTTP_CAPHEALTH_THREADS_PAUSE    10
#define NGX_HTTP_CAPHEALTH_THREADS_LONGEST  500


static void ngx_http_caphealth_threads_handler(ngx_event_t *ev);


ngx_http_caphealth_threads_t *
ngx_http_caphealth_threads_create(ngx_cycle_t *cycle, ngx_thread_pool_t *pool)
{
    ngx_http_caphealth_threads_t  *ts;

    ts = ngx_pcalloc(cycle->pool, sizeof(ngx_http_caphealth_threads_t));
    if (ts == NULL) {
        return NULL;
    }

    ts->pool = pool;
    ngx_queue_init(&ts->queue);

    ts->event.data = ts;
    ts->event.log = cycle->log;
    ts->event.handler = ngx_http_caphealth_threads_handler;

    return ts;
}


void
ngx_http_caphealth_threads_stop(ngx_http_caphealth_threads_t *ts)
{
    ngx_queue_t                *q;
    ngx_http_caphealth_work_t  *work;

    while (!ngx_queue_empty(&ts->queue)) {
        q = ngx_queue_head(&ts->queue);
        work = ngx_queue_data(q, ngx_http_caphealth_work_t, queue);

        ngx_http_caphealth_threads_cancel(work);

        if (work->required) {
            work->task->handler(work->task->ctx, ts->event.log);
        }
    }
}


ngx_int_t
ngx_http_caphealth_threads_try(ngx_http_caphealth_threads_t *ts,
    ngx_thread_task_t *task)
{
    if (!ngx_queue_empty(&ts->queue)) {
        return NGX_BUSY;
    }

    task->event.complete = 0;

    return ngx_thread_task_post(ts->pool, task) == NGX_OK ? NGX_OK : NGX_BUSY;
}


void
ngx_http_caphealth_threads_post(ngx_http_caphealth_threads_t *ts,
    ngx_http_caphealth_work_t *work)
{
    if (ngx_http_caphealth_threads_try(ts, work->task) == NGX_OK) {
        return;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ts->event.log, 0,
                   "caphealth waits for a thread");

    work->waiting = 1;
    ngx_queue_insert_tail(&ts->queue, &work->queue);

    if (!ts->event.timer_set) {
        ts->pause = NGX_HTTP_CAPHEALTH_THREADS_PAUSE;
        ngx_add_timer(&ts->event, ts->pause);
    }
}


void
ngx_http_caphealth_threads_cancel(ngx_http_caphealth_work_t *work)
{
    if (work->waiting) {
        ngx_queue_remove(&work->queue);
        work->waiting = 0;
    }
}


void
ngx_http_caphealth_threads_ended(ngx_http_caphealth_threads_t *ts)
{
    if (!ngx_queue_empty(&ts->queue)) {
        ngx_post_event(&ts->event, &ngx_posted_events);
    }
}


static void
ngx_http_caphealth_threads_handler(ngx_event_t *ev)
{
    ngx_queue_t                   *q;
    ngx_http_caphealth_work_t     *work;
    ngx_http_caphealth_threads_t  *ts;

    ts = ev->data;

    while (!ngx_queue_empty(&ts->queue)) {
        q = ngx_queue_head(&ts->queue);
        work = ngx_queue_data(q, ngx_http_caphealth_work_t, queue);

        work->task->event.complete = 0;

        if (ngx_thread_task_post(ts->pool, work->task) != NGX_OK) {
            ngx_add_timer(&ts->event, ts->pause);

            ts->pause = ngx_min(ts->pause * 2,
                                NGX_HTTP_CAPHEALTH_THREADS_LONGEST);
            return;
        }

        ngx_http_caphealth_threads_cancel(work);

        ts->pause = NGX_HTTP_CAPHEALTH_THREADS_PAUSE;
    }

    if (ts->event.timer_set) {
        ngx_del_timer(&ts->event);
    }
}
