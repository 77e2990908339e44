
/*
 * One converter of a worker's: started, given an image, heard, replaced.
 */

#include "ngx_http_caphealth_converter.h"


/* a converter is renewed after so many images: a decoder that a stranger
   has taken over does not see those of others for long */
#define NGX_HTTP_CAPHEALTH_JOBS             100

/* it warms up its codecs first */
#define NGX_HTTP_CAPHEALTH_START            10000

/* without work it goes: whatever has taken it over goes with it */
#define NGX_HTTP_CAPHEALTH_REST             60000

/* an image that got less than this part of its time was not to blame; then
   for a while converters do not wait until nothing else wants to run */
#define NGX_HTTP_CAPHEALTH_STARVED          4
#define NGX_HTTP_CAPHEALTH_NORMAL           600

/* how often the CPU time of one that works is read, in milliseconds */
#define NGX_HTTP_CAPHEALTH_METER            250

/* one that was told to go is killed if it does not */
#define NGX_HTTP_CAPHEALTH_LEAVE            2000

/*
 * The first that dies is replaced at once, then after a growing pause: a short
 * one where it died of an image, for other people's images wait.
 */
#define NGX_HTTP_CAPHEALTH_CONVERTER_PAUSE  100
#define NGX_HTTP_CAPHEALTH_CONVERTER_SHORT  1000
#define NGX_HTTP_CAPHEALTH_CONVERTER_LONG   10000


static void ngx_http_caphealth_converter_timer_handler(ngx_event_t *ev);
static void ngx_http_caphealth_converter_late(
    ngx_http_caphealth_converter_t *c);
static void ngx_http_caphealth_converter_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_http_caphealth_converter_message(
    ngx_http_caphealth_converter_t *c, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);
static ngx_int_t ngx_http_caphealth_converter_greeting(
    ngx_http_caphealth_converter_t *c, caphealth_ipc_message_t *m);
static ngx_int_t ngx_http_caphealth_converter_limit(
    ngx_http_caphealth_converter_t *c);
static void ngx_http_caphealth_converter_ready(
    ngx_http_caphealth_converter_t *c);
static ngx_int_t ngx_http_caphealth_converter_answer(
    ngx_http_caphealth_converter_t *c, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);
static void ngx_http_caphealth_converter_unusable(
    ngx_http_caphealth_converter_t *c, char *reason);
static void ngx_http_caphealth_converter_failed(
    ngx_http_caphealth_converter_t *c, char *reason,
    ngx_http_caphealth_outcome_e outcome);
static void ngx_http_caphealth_converter_end(
    ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_converter_state_e state);
static void ngx_http_caphealth_converter_pause(
    ngx_http_caphealth_converter_t *c, ngx_msec_t longest);
static void ngx_http_caphealth_converter_leave_handler(ngx_event_t *ev);
static void ngx_http_caphealth_converter_meter_handler(ngx_event_t *ev);
static void ngx_http_caphealth_converter_meter(
    ngx_http_caphealth_converter_t *c);


void
ngx_http_caphealth_converter_init(ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_converters_t *cs)
{
    c->converters = cs;
    c->process.name = NGX_HTTP_CAPHEALTH_CONVERTER;
    c->process.path = (char *) cs->conf->path.data;
    c->event.handler = ngx_http_caphealth_converter_timer_handler;
    c->event.data = c;
    c->event.log = cs->log;
    c->event.cancelable = 1;
    c->meter.handler = ngx_http_caphealth_converter_meter_handler;
    c->meter.data = c;
    c->meter.log = cs->log;
    c->meter.cancelable = 1;
    c->leave.handler = ngx_http_caphealth_converter_leave_handler;
    c->leave.data = c;
    c->leave.log = cs->log;
    c->leave.cancelable = 1;
}


void
ngx_http_caphealth_converter_start(ngx_http_caphealth_converter_t *c)
{
    c->greeted = 0;
    c->idle = 0;
    c->jobs = 0;
    c->state = NGX_HTTP_CAPHEALTH_STARTING;

    if (ngx_http_caphealth_process_start(&c->process,
                                   ngx_http_caphealth_converter_read_handler,
                                   c, c->converters->log)
        != NGX_OK)
    {
        ngx_http_caphealth_converter_unusable(c, "cannot be started");
        return;
    }

    ngx_http_caphealth_count(&c->converters->counters->starts, 1);

    ngx_add_timer(&c->event, NGX_HTTP_CAPHEALTH_START);
}


static void
ngx_http_caphealth_converter_timer_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_converter_t  *c;

    c = ev->data;

    switch (c->state) {

    case NGX_HTTP_CAPHEALTH_STARTING:
        ngx_http_caphealth_converter_unusable(c, "did not become ready");
        break;

    case NGX_HTTP_CAPHEALTH_BUSY:
        ngx_http_caphealth_converter_late(c);
        break;

    case NGX_HTTP_CAPHEALTH_IDLE:
        ngx_http_caphealth_converter_dismiss(c);
        break;

    case NGX_HTTP_CAPHEALTH_PAUSED:
        c->state = NGX_HTTP_CAPHEALTH_ABSENT;
        ngx_post_event(&c->converters->event, &ngx_posted_events);
        break;

    default:
        break;
    }
}


static void
ngx_http_caphealth_converter_late(ngx_http_caphealth_converter_t *c)
{
    ngx_msec_t                        used, timeout;
    ngx_http_caphealth_converters_t  *cs;

    cs = c->converters;
    timeout = cs->conf->timeout;
    used = ngx_http_caphealth_process_cpu(&c->process) / 1000 - c->cpu;

    if (used >= timeout / NGX_HTTP_CAPHEALTH_STARVED) {
        ngx_http_caphealth_converter_failed(c, "took too long for an image",
                                           NGX_HTTP_CAPHEALTH_JOB_TIMED_OUT);
        return;
    }

    /* the other workers' converters would be starved as well */

    if (cs->conf->idle) {
        cs->counters->normal = ngx_time() + NGX_HTTP_CAPHEALTH_NORMAL;
    }

    ngx_log_error(NGX_LOG_ERR, cs->log, 0,
                  "%s %P got %M ms of CPU time in %M ms, the machine is busy%s",
                  c->process.name, c->process.pid, used, timeout,
                  cs->conf->idle ? ": for 10 minutes converters run as if "
                                   "\"caphealth_image_priority\" were "
                                   "\"normal\""
                                 : "");

    ngx_http_caphealth_converter_failed(c, "was starved",
                                        NGX_HTTP_CAPHEALTH_JOB_STARVED);
}


static void
ngx_http_caphealth_converter_read_handler(ngx_event_t *rev)
{
    ngx_int_t                        rc;
    ngx_connection_t                *connection;
    caphealth_result_t               result;
    caphealth_ipc_cargo_t            cargo;
    caphealth_ipc_result_e           received;
    caphealth_ipc_message_t          m;
    ngx_http_caphealth_converter_t  *c;

    connection = rev->data;
    c = connection->data;

    if (connection->close) {
        ngx_http_caphealth_converters_rest(c->converters);

        if (c->process.connection == NULL) {
            return;
        }
    }

    for ( ;; ) {
        ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));
        cargo.body = &result;
        cargo.size = sizeof(caphealth_result_t);

        received = caphealth_ipc_recv_cargo(connection->fd, &m, &cargo, 0);

        if (received == CAPHEALTH_IPC_AGAIN) {
            rev->ready = 0;
            break;
        }

        if (received == CAPHEALTH_IPC_OK) {
            rc = ngx_http_caphealth_converter_message(c, &m, &cargo);

        } else {
            ngx_http_caphealth_converter_failed(c,
                                           received == CAPHEALTH_IPC_CLOSED
                                           ? "died" : "sent an invalid answer",
                                           NGX_HTTP_CAPHEALTH_JOB_DIED);
            rc = NGX_ERROR;
        }

        if (rc != NGX_OK) {
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_caphealth_converter_failed(c, "cannot be heard",
                                            NGX_HTTP_CAPHEALTH_JOB_DIED);
    }
}


/* anything but NGX_OK: this converter's connection is gone */

static ngx_int_t
ngx_http_caphealth_converter_message(ngx_http_caphealth_converter_t *c,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    if (c->state == NGX_HTTP_CAPHEALTH_STARTING) {
        return ngx_http_caphealth_converter_greeting(c, m);
    }

    if (c->state == NGX_HTTP_CAPHEALTH_BUSY
        && m->type == CAPHEALTH_IPC_CONVERTED)
    {
        return ngx_http_caphealth_converter_answer(c, m, cargo);
    }

    ngx_http_caphealth_converter_failed(c, "answered what nobody asked",
                                        NGX_HTTP_CAPHEALTH_JOB_DIED);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_caphealth_converter_greeting(ngx_http_caphealth_converter_t *c,
    caphealth_ipc_message_t *m)
{
    ngx_log_t  *log;

    log = c->converters->log;

    if (m->version != CAPHEALTH_IPC_VERSION) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "\"%s\" is of another version than the module: "
                      "protocol %d, expected %d; install both from the "
                      "same build, or set \"caphealth_helper_dir\"",
                      c->process.path, (int) m->version,
                      CAPHEALTH_IPC_VERSION);

        ngx_http_caphealth_converter_unusable(c, "is of another version");
        return NGX_ERROR;
    }

    switch (m->type) {

    case CAPHEALTH_IPC_NO_EXEC:
        ngx_log_error(NGX_LOG_ERR, log, (ngx_err_t) m->value,
                      "execve(\"%s\") failed, check that it is there and "
                      "executable, or set \"caphealth_helper_dir\"",
                      c->process.path);

        ngx_http_caphealth_converter_unusable(c, "cannot be executed");
        return NGX_ERROR;

    case CAPHEALTH_IPC_HELLO:
        if (!c->greeted) {
            c->greeted = 1;
            return ngx_http_caphealth_converter_limit(c);
        }

        break;

    case CAPHEALTH_IPC_READY:
        if (c->greeted) {
            ngx_http_caphealth_converter_ready(c);
            return NGX_OK;
        }

        break;

    default:
        break;
    }

    ngx_http_caphealth_converter_unusable(c, "did not introduce itself");

    return NGX_ERROR;
}


/* a clock that was set back must not keep it from idle for long */

ngx_uint_t
ngx_http_caphealth_converter_idle(ngx_http_caphealth_converters_t *cs)
{
    time_t  now, normal;

    now = ngx_time();
    normal = (time_t) cs->counters->normal;

    return cs->conf->idle
           && (now >= normal || normal - now > NGX_HTTP_CAPHEALTH_NORMAL);
}


static ngx_int_t
ngx_http_caphealth_converter_limit(ngx_http_caphealth_converter_t *c)
{
    caphealth_limits_t                    limits;
    caphealth_ipc_cargo_t                 cargo;
    caphealth_ipc_message_t               m;
    ngx_http_caphealth_converter_conf_t  *conf;

    conf = c->converters->conf;

    ngx_memzero(&limits, sizeof(caphealth_limits_t));
    limits.memory = conf->memory;
    limits.file_size = caphealth_job_file_size(conf->max_pixels);
    limits.cpu = (conf->timeout + 999) / 1000;
    limits.idle = ngx_http_caphealth_converter_idle(c->converters);

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    m.version = CAPHEALTH_IPC_VERSION;
    m.type = CAPHEALTH_IPC_LIMITS;

    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));
    cargo.body = &limits;
    cargo.size = sizeof(caphealth_limits_t);

    if (caphealth_ipc_send_cargo(c->process.connection->fd, &m, &cargo)
        != CAPHEALTH_IPC_OK)
    {
        ngx_http_caphealth_converter_unusable(c, "cannot be spoken to");
        return NGX_ERROR;
    }

    if (limits.idle) {
        c->idle = 1;
        c->metered = ngx_http_caphealth_process_cpu(&c->process);

        ngx_add_timer(&c->meter, NGX_HTTP_CAPHEALTH_METER);
    }

    return NGX_OK;
}


static void
ngx_http_caphealth_converter_ready(ngx_http_caphealth_converter_t *c)
{
    ngx_http_caphealth_converters_t  *cs;

    cs = c->converters;

    ngx_add_timer(&c->event, NGX_HTTP_CAPHEALTH_REST);

    c->state = NGX_HTTP_CAPHEALTH_IDLE;

    if (c->broken) {
        c->broken = 0;
        c->pause = 0;
    }

    if (cs->reason) {
        cs->reason = NULL;

        ngx_log_error(NGX_LOG_ERR, cs->log, 0, "%s %P works again",
                      c->process.name, c->process.pid);
    }

    ngx_post_event(&cs->event, &ngx_posted_events);
}


ngx_int_t
ngx_http_caphealth_converter_give(ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_job_t *job)
{
    uint32_t                  i;
    caphealth_ipc_cargo_t     cargo;
    caphealth_ipc_result_e    rc;
    caphealth_ipc_message_t   m;

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    m.version = CAPHEALTH_IPC_VERSION;
    m.type = CAPHEALTH_IPC_CONVERT;
    m.serial = ++c->serial;

    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));
    cargo.body = &job->spec;
    cargo.size = sizeof(caphealth_job_t);
    cargo.fds[cargo.nfds++] = job->input;

    for (i = 0; i < job->spec.nvariants; i++) {
        cargo.fds[cargo.nfds++] = job->outputs[i];
    }

    rc = caphealth_ipc_send_cargo(c->process.connection->fd, &m, &cargo);

    if (rc == CAPHEALTH_IPC_CLOSED) {
        ngx_http_caphealth_converter_failed(c, "cannot be spoken to",
                                            NGX_HTTP_CAPHEALTH_JOB_DIED);
        return NGX_ERROR;
    }

    ngx_queue_remove(&job->queue);
    job->waiting = 0;
    ngx_http_caphealth_converters_wait(c->converters, -1);

    if (rc != CAPHEALTH_IPC_OK) {
        ngx_http_caphealth_converter_failed(c, "cannot be given an image",
                                            NGX_HTTP_CAPHEALTH_JOB_DIED);
        ngx_http_caphealth_job_done(job, NGX_HTTP_CAPHEALTH_JOB_UNAVAILABLE);
        return NGX_ERROR;
    }

    ngx_http_caphealth_observe(c->converters->counters, CAPHEALTH_QUEUE,
                               ngx_current_msec - job->since);

    job->converter = c;
    job->given = ngx_current_msec;
    c->given = ngx_current_msec;
    c->job = job;
    c->spec = job->spec;
    c->cpu = ngx_http_caphealth_process_cpu(&c->process) / 1000;
    c->state = NGX_HTTP_CAPHEALTH_BUSY;

    if (c->idle) {
        ngx_add_timer(&c->meter, NGX_HTTP_CAPHEALTH_METER);
    }

    ngx_add_timer(&c->event, c->converters->conf->timeout);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_converter_answer(ngx_http_caphealth_converter_t *c,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    ngx_http_caphealth_job_t  *job;

    if (m->version != CAPHEALTH_IPC_VERSION
        || m->serial != c->serial
        || cargo->size != sizeof(caphealth_result_t)
        || !caphealth_job_answered(&c->spec, cargo->body))
    {
        ngx_http_caphealth_converter_failed(c, "sent an invalid answer",
                                            NGX_HTTP_CAPHEALTH_JOB_DIED);
        return NGX_ERROR;
    }

    ngx_add_timer(&c->event, NGX_HTTP_CAPHEALTH_REST);

    job = c->job;

    c->job = NULL;
    c->pause = 0;
    c->state = NGX_HTTP_CAPHEALTH_IDLE;

    ngx_http_caphealth_converter_meter(c);

    ngx_post_event(&c->converters->event, &ngx_posted_events);

    if (job) {
        job->converter = NULL;
        job->result = *(caphealth_result_t *) cargo->body;

        ngx_http_caphealth_observe(c->converters->counters, CAPHEALTH_CONVERT,
                                   ngx_current_msec - job->given);
        ngx_http_caphealth_took(c->converters->counters,
                                ngx_current_msec - job->given);

        ngx_http_caphealth_job_done(job, NGX_HTTP_CAPHEALTH_JOB_ANSWERED);
    }

    if (c->process.connection == NULL) {
        /* a worker that quits has let it go meanwhile */
        return NGX_DONE;
    }

    if (++c->jobs >= NGX_HTTP_CAPHEALTH_JOBS) {
        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, c->converters->log, 0,
                       "caphealth renew %s %P", c->process.name,
                       c->process.pid);

        ngx_http_caphealth_converter_dismiss(c);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* one that does not come to work: whoever waits must not wait for it */

static void
ngx_http_caphealth_converter_unusable(ngx_http_caphealth_converter_t *c,
    char *reason)
{
    ngx_http_caphealth_converters_t  *cs;

    cs = c->converters;

    if (cs->reason == NULL || ngx_strcmp(cs->reason, reason) != 0) {
        cs->reason = reason;

        ngx_log_error(NGX_LOG_ERR, cs->log, 0,
                      "%s %s, uploads are refused until one works",
                      c->process.name, reason);
    }

    c->broken = 1;

    ngx_http_caphealth_converter_pause(c, NGX_HTTP_CAPHEALTH_CONVERTER_LONG);
    ngx_http_caphealth_converters_refuse(cs);
}


static void
ngx_http_caphealth_converter_failed(ngx_http_caphealth_converter_t *c,
    char *reason, ngx_http_caphealth_outcome_e outcome)
{
    ngx_http_caphealth_job_t  *job;

    if (c->state == NGX_HTTP_CAPHEALTH_STARTING) {
        ngx_http_caphealth_converter_unusable(c, reason);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, c->converters->log, 0,
                  "%s %P %s, it is replaced",
                  c->process.name, c->process.pid, reason);

    job = c->job;
    c->job = NULL;

    ngx_http_caphealth_converter_pause(c, NGX_HTTP_CAPHEALTH_CONVERTER_SHORT);

    if (job) {
        job->converter = NULL;
        ngx_http_caphealth_job_done(job, outcome);
    }
}


static void
ngx_http_caphealth_converter_pause(ngx_http_caphealth_converter_t *c,
    ngx_msec_t longest)
{
    ngx_http_caphealth_count(&c->converters->counters->deaths, 1);

    ngx_http_caphealth_converter_end(c, NGX_HTTP_CAPHEALTH_PAUSED);

    if (c->pause == 0) {
        c->pause = c->broken ? NGX_HTTP_CAPHEALTH_CONVERTER_PAUSE : 1;

    } else {
        c->pause = ngx_max(c->pause * 2, NGX_HTTP_CAPHEALTH_CONVERTER_PAUSE);
        c->pause = ngx_min(c->pause, longest);
    }

    ngx_add_timer(&c->event, c->pause);
    ngx_post_event(&c->converters->event, &ngx_posted_events);
}


static void
ngx_http_caphealth_converter_end(ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_converter_state_e state)
{
    if (c->event.timer_set) {
        ngx_del_timer(&c->event);
    }

    ngx_http_caphealth_converter_meter(c);

    if (c->meter.timer_set) {
        ngx_del_timer(&c->meter);
    }

    c->idle = 0;

    if (c->process.connection) {
        ngx_http_caphealth_process_close(&c->process);
        ngx_http_caphealth_process_kill(&c->process);
    }

    c->job = NULL;
    c->state = state;
}


/* a sound one ends when its socket is closed */

void
ngx_http_caphealth_converter_dismiss(ngx_http_caphealth_converter_t *c)
{
    if (c->process.connection) {
        ngx_http_caphealth_converter_meter(c);
        c->idle = 0;

        ngx_http_caphealth_process_close(&c->process);
        ngx_http_caphealth_process_kill(&c->leaving);

        c->leaving = c->process;

        ngx_add_timer(&c->leave, NGX_HTTP_CAPHEALTH_LEAVE);
    }

    ngx_http_caphealth_converter_end(c, NGX_HTTP_CAPHEALTH_ABSENT);
}


static void
ngx_http_caphealth_converter_leave_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_converter_t  *c;

    c = ev->data;

    ngx_http_caphealth_process_kill(&c->leaving);
}


/* once more after it has become idle, then not until the next image */

static void
ngx_http_caphealth_converter_meter_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_converter_t  *c;

    c = ev->data;

    ngx_http_caphealth_converter_meter(c);

    if (c->state == NGX_HTTP_CAPHEALTH_STARTING
        || c->state == NGX_HTTP_CAPHEALTH_BUSY)
    {
        ngx_add_timer(ev, NGX_HTTP_CAPHEALTH_METER);
    }
}


/*
 * Counts the CPU time of a converter at idle priority, by the kernel's clock of
 * that process: what the converter itself says is not believed.  One that
 * crashed has been reaped by nginx: what it took since the last time is missing,
 * and then counts as the platform's.
 */

static void
ngx_http_caphealth_converter_meter(ngx_http_caphealth_converter_t *c)
{
    uint64_t  used;

    if (!c->idle) {
        return;
    }

    used = ngx_http_caphealth_process_cpu(&c->process);

    if (used > c->metered) {
        ngx_http_caphealth_count(&c->converters->counters->idle,
                                 (ngx_atomic_int_t) (used - c->metered));
        c->metered = used;
    }
}
