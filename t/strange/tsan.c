
/*
 * For the thread sanitizer, in the place of nginx's ngx_thread_task_post(), and
 * of clone().
 *
 * A finished task comes back to the event loop through a spin lock of nginx's
 * own, which the sanitizer does not know as one.  So it is told that what the
 * thread did is done before the event's handler begins.
 *
 * The child that becomes a helper shares the worker's memory, in which the
 * sanitizer keeps its state.  It stops to look at locks in a child of a process
 * with threads, and here it would do so in the worker: all that the worker then
 * gives to a thread is reported as a race.  So the child is one of fork().
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_thread_pool.h>

#include <sanitizer/tsan_interface.h>
#include <sched.h>


typedef struct {
    ngx_thread_task_t      *task;
    void                   *ctx;
    void                  (*handler)(void *data, ngx_log_t *log);
    void                   *event_data;
    ngx_event_handler_pt    event_handler;
} posted_t;


ngx_int_t __real_ngx_thread_task_post(ngx_thread_pool_t *tp,
    ngx_thread_task_t *task);
ngx_int_t __wrap_ngx_thread_task_post(ngx_thread_pool_t *tp,
    ngx_thread_task_t *task);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg);


static void
run(void *data, ngx_log_t *log)
{
    posted_t  *p = data;

    p->handler(p->ctx, log);

    __tsan_release(p);
}


static void
restore(posted_t *p)
{
    p->task->ctx = p->ctx;
    p->task->handler = p->handler;
    p->task->event.data = p->event_data;
    p->task->event.handler = p->event_handler;

    free(p);
}


static void
done(ngx_event_t *ev)
{
    posted_t  *p = ev->data;

    __tsan_acquire(p);

    restore(p);

    ev->handler(ev);
}


ngx_int_t
__wrap_ngx_thread_task_post(ngx_thread_pool_t *tp, ngx_thread_task_t *task)
{
    ngx_int_t  rc;
    posted_t  *p;

    p = malloc(sizeof(posted_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    p->task = task;
    p->ctx = task->ctx;
    p->handler = task->handler;
    p->event_data = task->event.data;
    p->event_handler = task->event.handler;

    task->ctx = p;
    task->handler = run;
    task->event.data = p;
    task->event.handler = done;

    rc = __real_ngx_thread_task_post(tp, task);

    if (rc != NGX_OK) {
        restore(p);
    }

    return rc;
}


int
__wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg)
{
    pid_t  pid;

    (void) stack;
    (void) flags;

    pid = fork();

    if (pid == 0) {
        _exit(fn(arg));
    }

    return pid;
}
