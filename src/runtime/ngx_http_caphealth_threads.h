
/*
 * Work for nginx's thread pool, which may be full.  Work that cannot be refused
 * is queued then, so that it is never done in the event loop.
 */

#ifndef _NGX_HTTP_CAPHEALTH_THREADS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_THREADS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>


typedef struct {
    ngx_thread_task_t    *task;
    ngx_queue_t           queue;
    unsigned              waiting:1;     /* in the queue */
    unsigned              required:1;    /* done even when nginx exits */
} ngx_http_caphealth_work_t;


typedef struct {
    ngx_thread_pool_t    *pool;
    ngx_queue_t           queue;
    ngx_event_t           event;
    ngx_msec_t            pause;
} ngx_http_caphealth_threads_t;


/* From init_process.  NULL: no memory. */
ngx_http_caphealth_threads_t *ngx_http_caphealth_threads_create(
    ngx_cycle_t *cycle, ngx_thread_pool_t *pool);

/*
 * From exit_process, when there is no event loop any more: does the required
 * work that is queued.
 */
void ngx_http_caphealth_threads_stop(ngx_http_caphealth_threads_t *ts);

/*
 * For work that can be refused: NGX_OK, it is posted, or NGX_BUSY, the pool is
 * full or other work is queued.
 */
ngx_int_t ngx_http_caphealth_threads_try(ngx_http_caphealth_threads_t *ts,
    ngx_thread_task_t *task);

/* For work that cannot: it is posted now, or later unless it is cancelled. */
void ngx_http_caphealth_threads_post(ngx_http_caphealth_threads_t *ts,
    ngx_http_caphealth_work_t *work);
void ngx_http_caphealth_threads_cancel(ngx_http_caphealth_work_t *work);

/* To be called when a task has ended, so that a thread may be free. */
void ngx_http_caphealth_threads_ended(ngx_http_caphealth_threads_t *ts);


#endif /* _NGX_HTTP_CAPHEALTH_THREADS_H_INCLUDED_ */
