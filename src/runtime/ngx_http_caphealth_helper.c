
/*
 * The life of a helper program, as the worker that starts it sees it.
 */

#include "ngx_http_caphealth_helper.h"


/* milliseconds between two checks whether a helper has ended */
#define NGX_HTTP_CAPHEALTH_HELPER_PAUSE  5

/* one that has closed its socket is to end within so many milliseconds */
#define NGX_HTTP_CAPHEALTH_HELPER_END    1000


static void ngx_http_caphealth_helper_timer_handler(ngx_event_t *ev);
static void ngx_http_caphealth_helper_read_handler(ngx_event_t *rev);
static void ngx_http_caphealth_helper_message(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo);
static void ngx_http_caphealth_helper_greeting(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m);
static void ngx_http_caphealth_helper_running(ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_helper_closed(ngx_http_caphealth_helper_t *h);
static ngx_uint_t ngx_http_caphealth_helper_new_reason(
    ngx_http_caphealth_helper_t *h, char *reason);
static void ngx_http_caphealth_helper_log_failure(
    ngx_http_caphealth_helper_t *h, char *reason);
static void ngx_http_caphealth_helper_end(ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_helper_leave_handler(ngx_event_t *ev);


void
ngx_http_caphealth_helper_init(ngx_http_caphealth_helper_t *h, char *path)
{
    h->process.name = h->program->name;
    h->process.path = path;

    h->event.handler = ngx_http_caphealth_helper_timer_handler;
    h->event.data = h;
    h->event.log = h->log;
    h->event.cancelable = 1;

    h->leave.handler = ngx_http_caphealth_helper_leave_handler;
    h->leave.data = h;
    h->leave.log = h->log;
    h->leave.cancelable = 1;
}


void
ngx_http_caphealth_helper_start(ngx_http_caphealth_helper_t *h)
{
    h->greeted = 0;
    h->closed = 0;
    h->started = ngx_current_msec;
    h->state = NGX_HTTP_CAPHEALTH_HELPER_STARTING;

    if (ngx_http_caphealth_process_start(&h->process,
                                       ngx_http_caphealth_helper_read_handler,
                                       h, h->log)
        != NGX_OK)
    {
        ngx_http_caphealth_helper_fail(h, "cannot be started");
        return;
    }

    if (h->starts) {
        (void) ngx_atomic_fetch_add(h->starts, 1);
    }

    ngx_add_timer(&h->event, h->start_timeout);
}


void
ngx_http_caphealth_helper_pause(ngx_http_caphealth_helper_t *h,
    ngx_msec_t pause)
{
    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, h->log, 0,
                   "caphealth %s pauses for %M ms", h->program->name, pause);

    h->state = NGX_HTTP_CAPHEALTH_HELPER_PAUSED;

    ngx_add_timer(&h->event, pause);
}


void
ngx_http_caphealth_helper_set_deadline(ngx_http_caphealth_helper_t *h,
    ngx_msec_t timeout)
{
    ngx_add_timer(&h->event, timeout);
}


static void
ngx_http_caphealth_helper_timer_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_helper_t  *h;

    h = ev->data;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, h->log, 0,
                   "caphealth %s %P timer, state %d",
                   h->program->name, h->process.pid, (int) h->state);

    switch (h->state) {

    case NGX_HTTP_CAPHEALTH_HELPER_STARTING:
        ngx_http_caphealth_helper_fail(h, "did not become ready");
        break;

    case NGX_HTTP_CAPHEALTH_HELPER_RUNNING:
        if (h->closed) {
            ngx_http_caphealth_helper_closed(h);
            break;
        }

        h->program->deadline(h);
        break;

    case NGX_HTTP_CAPHEALTH_HELPER_PAUSED:
        h->state = NGX_HTTP_CAPHEALTH_HELPER_STOPPED;
        h->program->restart(h);
        break;

    default: /* NGX_HTTP_CAPHEALTH_HELPER_STOPPED */
        break;
    }
}


static void
ngx_http_caphealth_helper_read_handler(ngx_event_t *rev)
{
    uint64_t                      body[NGX_HTTP_CAPHEALTH_HELPER_BODY / 8];
    ngx_connection_t             *c;
    caphealth_ipc_cargo_t         cargo;
    caphealth_ipc_result_e        rc;
    caphealth_ipc_message_t       m;
    ngx_http_caphealth_helper_t  *h;

    c = rev->data;
    h = c->data;

    if (c->close) {
        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, h->log, 0,
                       "caphealth quit, %s %P", h->program->name,
                       h->process.pid);

        h->program->quit(h);
    }

    while (h->process.connection) {
        ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));
        cargo.body = body;
        cargo.size = h->program->body;

        rc = caphealth_ipc_recv_cargo(c->fd, &m, &cargo, h->program->nfds);

        switch (rc) {

        case CAPHEALTH_IPC_OK:
            ngx_http_caphealth_helper_message(h, &m, &cargo);
            caphealth_ipc_close(&cargo);
            break;

        case CAPHEALTH_IPC_AGAIN:
            rev->ready = 0;

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_caphealth_helper_fail(h, "cannot be heard");
            }

            return;

        case CAPHEALTH_IPC_CLOSED:
            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_caphealth_helper_fail(h, "cannot be heard");
                return;
            }

            ngx_http_caphealth_helper_closed(h);
            return;

        default:
            ngx_http_caphealth_helper_fail(h, "sent an invalid answer");
            break;
        }
    }
}


static void
ngx_http_caphealth_helper_message(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    char  *reason;

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, h->log, 0,
                   "caphealth %s %P: message %d, serial %uL",
                   h->program->name, h->process.pid, (int) m->type,
                   m->serial);

    if (m->version != CAPHEALTH_IPC_VERSION) {
        reason = "is of another version";

        if (ngx_http_caphealth_helper_new_reason(h, reason)) {
            ngx_log_error(NGX_LOG_ERR, h->log, 0,
                          "\"%s\" is of another version than the module: "
                          "protocol %d, expected %d; install both from the "
                          "same build, or set \"caphealth_helper_dir\"",
                          h->process.path, (int) m->version,
                          CAPHEALTH_IPC_VERSION);
        }

        ngx_http_caphealth_helper_fail(h, reason);
        return;
    }

    if (h->state == NGX_HTTP_CAPHEALTH_HELPER_STARTING) {
        ngx_http_caphealth_helper_greeting(h, m);
        return;
    }

    reason = h->program->message(h, m, cargo);

    if (reason) {
        ngx_http_caphealth_helper_fail(h, reason);
    }
}


static void
ngx_http_caphealth_helper_greeting(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m)
{
    char       *reason;
    ngx_int_t   rc;

    if (m->type == CAPHEALTH_IPC_NO_EXEC) {
        reason = "cannot be executed";

        if (ngx_http_caphealth_helper_new_reason(h, reason)) {
            ngx_log_error(NGX_LOG_ERR, h->log, (ngx_err_t) m->value,
                          "execve(\"%s\") failed, check that it is there and "
                          "executable, or set \"caphealth_helper_dir\"",
                          h->process.path);
        }

        ngx_http_caphealth_helper_fail(h, reason);
        return;
    }

    if (m->type == CAPHEALTH_IPC_HELLO && !h->greeted) {
        h->greeted = 1;

        rc = h->program->configure(h);

        if (rc == NGX_ERROR) {
            ngx_http_caphealth_helper_fail(h, "cannot be configured");

        } else if (rc == NGX_OK) {
            ngx_http_caphealth_helper_running(h);
        }

        return;
    }

    if (m->type == CAPHEALTH_IPC_READY && h->greeted) {
        ngx_http_caphealth_helper_running(h);
        return;
    }

    ngx_http_caphealth_helper_fail(h, "did not introduce itself");
}


static void
ngx_http_caphealth_helper_running(ngx_http_caphealth_helper_t *h)
{
    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, h->log, 0,
                   "caphealth %s %P runs, %M ms after its start",
                   h->program->name, h->process.pid,
                   ngx_current_msec - h->started);

    ngx_del_timer(&h->event);

    h->state = NGX_HTTP_CAPHEALTH_HELPER_RUNNING;

    if (h->program->running) {
        h->program->running(h);
    }
}


/*
 * The kernel closes the socket of a process that ends shortly before nginx can
 * reap it, and only then is it known how it ended.
 */

static void
ngx_http_caphealth_helper_closed(ngx_http_caphealth_helper_t *h)
{
    if (!h->closed) {
        h->closed = 1;
        h->closed_at = ngx_current_msec;
    }

    if (h->program->reap
        && h->state == NGX_HTTP_CAPHEALTH_HELPER_RUNNING
        && ngx_http_caphealth_process_lives(&h->process)
        && ngx_current_msec - h->closed_at < NGX_HTTP_CAPHEALTH_HELPER_END)
    {
        ngx_add_timer(&h->event, NGX_HTTP_CAPHEALTH_HELPER_PAUSE);
        return;
    }

    ngx_http_caphealth_helper_fail(h, h->program->exited);
}


caphealth_ipc_result_e
ngx_http_caphealth_helper_send(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    caphealth_ipc_cargo_t   none;
    caphealth_ipc_result_e  rc;

    if (h->program->stderr_log
        && ngx_http_caphealth_process_log(&h->process) != NGX_OK)
    {
        return CAPHEALTH_IPC_ERROR;
    }

    ngx_memzero(&none, sizeof(caphealth_ipc_cargo_t));

    m->version = CAPHEALTH_IPC_VERSION;

    rc = caphealth_ipc_send_cargo(h->process.connection->fd, m,
                                  cargo ? cargo : &none);

    ngx_log_debug5(NGX_LOG_DEBUG_EVENT, h->log, 0,
                   "caphealth send to %s %P: message %d, serial %uL: %d",
                   h->program->name, h->process.pid, (int) m->type,
                   m->serial, (int) rc);

    return rc;
}


ngx_int_t
ngx_http_caphealth_helper_settings(ngx_http_caphealth_helper_t *h, char *text)
{
    caphealth_ipc_cargo_t    cargo;
    caphealth_ipc_result_e   rc;
    caphealth_ipc_message_t  m;

    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));

    cargo.nfds = 1;
    cargo.fds[0] = caphealth_ipc_memfd(text, ngx_strlen(text));

    ngx_explicit_memzero(text, ngx_strlen(text));
    free(text);

    if (cargo.fds[0] == -1) {
        ngx_log_error(NGX_LOG_ALERT, h->log, ngx_errno,
                      "memfd with settings of %s failed", h->program->name);
        return NGX_ERROR;
    }

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    m.type = CAPHEALTH_IPC_CONFIGURE;

    rc = ngx_http_caphealth_helper_send(h, &m, &cargo);

    caphealth_ipc_close(&cargo);

    return rc == CAPHEALTH_IPC_OK ? NGX_OK : NGX_ERROR;
}


void
ngx_http_caphealth_helper_works(ngx_http_caphealth_helper_t *h)
{
    if (h->unusable) {
        h->unusable = 0;
        h->pause = 0;
    }

    if (*h->reason == NULL) {
        return;
    }

    *h->reason = NULL;

    ngx_log_error(NGX_LOG_NOTICE, h->log, 0, "%s %P works again",
                  h->program->name, h->process.pid);
}


void
ngx_http_caphealth_helper_reset_pause(ngx_http_caphealth_helper_t *h)
{
    h->pause = 0;
}


void
ngx_http_caphealth_helper_fail(ngx_http_caphealth_helper_t *h, char *reason)
{
    ngx_msec_t                           longest;
    const ngx_http_caphealth_program_t  *p;

    p = h->program;

    ngx_http_caphealth_helper_log_failure(h, reason);

    h->unusable = (h->state == NGX_HTTP_CAPHEALTH_HELPER_STARTING);

    if (p->pause_reset && ngx_current_msec - h->started >= p->pause_reset) {
        h->pause = 0;
    }

    if (h->pause == 0) {
        h->pause = h->unusable ? p->pause_min : p->pause_first;

    } else {
        longest = h->unusable ? p->pause_max_start : p->pause_max;

        h->pause = ngx_max(h->pause * 2, p->pause_min);
        h->pause = ngx_min(h->pause, longest);
    }

    ngx_http_caphealth_helper_end(h);
    ngx_http_caphealth_helper_pause(h, h->pause);

    p->failed(h, reason);
}


void
ngx_http_caphealth_helper_replace(ngx_http_caphealth_helper_t *h,
    char *reason, ngx_msec_t pause)
{
    ngx_http_caphealth_helper_log_failure(h, reason);
    ngx_http_caphealth_helper_end(h);
    ngx_http_caphealth_helper_pause(h, pause);
}


static void
ngx_http_caphealth_helper_log_failure(ngx_http_caphealth_helper_t *h,
    char *reason)
{
    if (h->program->each && h->state == NGX_HTTP_CAPHEALTH_HELPER_RUNNING) {
        ngx_log_error(NGX_LOG_ERR, h->log, 0, "%s %P %s, it is replaced",
                      h->program->name, h->process.pid, reason);
        return;
    }

    if (!ngx_http_caphealth_helper_new_reason(h, reason)) {
        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, h->log, 0,
                       "caphealth %s %s, as before", h->program->name,
                       reason);
        return;
    }

    *h->reason = reason;

    ngx_log_error(NGX_LOG_ERR, h->log, 0, "%s %s, %s",
                  h->program->name, reason, h->program->consequence);
}


/* the same reason is logged once, until the program works again */

static ngx_uint_t
ngx_http_caphealth_helper_new_reason(ngx_http_caphealth_helper_t *h,
    char *reason)
{
    return *h->reason == NULL || ngx_strcmp(*h->reason, reason) != 0;
}


static void
ngx_http_caphealth_helper_end(ngx_http_caphealth_helper_t *h)
{
    if (h->failures) {
        (void) ngx_atomic_fetch_add(h->failures, 1);
    }

    if (h->event.timer_set) {
        ngx_del_timer(&h->event);
    }

    if (h->process.connection) {

        if (h->program->ending) {
            h->program->ending(h);
        }

        ngx_http_caphealth_process_close(&h->process);
        ngx_http_caphealth_process_kill(&h->process);
    }
}


void
ngx_http_caphealth_helper_stop(ngx_http_caphealth_helper_t *h)
{
    if (h->event.timer_set) {
        ngx_del_timer(&h->event);
    }

    h->state = NGX_HTTP_CAPHEALTH_HELPER_STOPPED;

    if (h->process.connection == NULL) {
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, h->log, 0,
                   "caphealth stop %s %P", h->program->name, h->process.pid);

    if (h->program->ending) {
        h->program->ending(h);
    }

    ngx_http_caphealth_process_close(&h->process);

    /* there is one timer, so the one before has no more time */

    ngx_http_caphealth_process_kill(&h->leaving);

    h->leaving = h->process;

    ngx_add_timer(&h->leave, h->program->exit_timeout);
}


void
ngx_http_caphealth_helper_wait(ngx_http_caphealth_helper_t *h)
{
    ngx_msec_t  waited;

    for (waited = 0;
         waited < h->program->exit_timeout
         && ngx_http_caphealth_process_lives(&h->leaving);
         waited += NGX_HTTP_CAPHEALTH_HELPER_PAUSE)
    {
        /* ended by SIGCHLD */

        ngx_msleep(NGX_HTTP_CAPHEALTH_HELPER_PAUSE);
    }
}


static void
ngx_http_caphealth_helper_leave_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_helper_t  *h;

    h = ev->data;

    ngx_http_caphealth_process_kill(&h->leaving);
}
