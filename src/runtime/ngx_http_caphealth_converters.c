
/*
 * A worker's converters, and the images that wait for them.
 */

#include "ngx_http_caphealth_converters.h"
#include "ngx_http_caphealth_helper.h"


/* a converter is replaced after so many images: code that an image has brought
   into a decoder does not see other people's images for long */
#define NGX_HTTP_CAPHEALTH_JOBS             100

/* it warms up its codecs before it is ready */
#define NGX_HTTP_CAPHEALTH_START_TIMEOUT    10000

/* one without work is stopped, for the same reason */
#define NGX_HTTP_CAPHEALTH_IDLE_TIMEOUT     60000

/* if an image got less than this part of its time, the machine was busy; then
   converters do not run at idle priority for so many seconds */
#define NGX_HTTP_CAPHEALTH_STARVED          4
#define NGX_HTTP_CAPHEALTH_NORMAL           600

/* how often the CPU time of one that works is read, in milliseconds */
#define NGX_HTTP_CAPHEALTH_METER            250


struct ngx_http_caphealth_converter_s {
    ngx_http_caphealth_converters_t  *converters;
    ngx_http_caphealth_helper_t       helper;
    ngx_http_caphealth_job_t         *job;      /* NULL: cancelled, or it is
                                                   not busy */
    ngx_http_caphealth_outcome_e      outcome;  /* of the job, if it fails */
    caphealth_job_t                   spec;
    uint64_t                          serial;
    ngx_uint_t                        jobs;     /* that it has been sent */
    ngx_msec_t                        sent;     /* the job was, then */
    ngx_msec_t                        cpu;      /* when the job was sent */
    ngx_event_t                       meter;
    uint64_t                          metered;  /* microseconds of CPU time
                                                   that are counted */
    unsigned                          busy:1;
    unsigned                          sched_idle:1;
};


struct ngx_http_caphealth_converters_s {
    ngx_http_caphealth_converter_conf_t   *conf;
    ngx_http_caphealth_converter_t        *elts;
    ngx_uint_t                             nelts;
    ngx_queue_t                            queue;
    ngx_uint_t                             waiting;   /* in the queue */
    ngx_uint_t                             reserved;
    ngx_event_t                            event;
    ngx_event_t                            retry;
    ngx_log_t                             *log;
    char                                  *reason;    /* that none works */
    ngx_http_caphealth_counters_t         *counters;
};


static void ngx_http_caphealth_converter_init(
    ngx_http_caphealth_converter_t *c, ngx_http_caphealth_converters_t *cs);
static void ngx_http_caphealth_converters_adjust_waiting(
    ngx_http_caphealth_converters_t *cs, ngx_int_t n);
static ngx_uint_t ngx_http_caphealth_converters_load(
    ngx_http_caphealth_converters_t *cs);
static void ngx_http_caphealth_converters_handler(ngx_event_t *ev);
static ngx_http_caphealth_converter_t *ngx_http_caphealth_converters_find(
    ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_helper_state_e state);
static void ngx_http_caphealth_converters_fail_queued(
    ngx_http_caphealth_converters_t *cs);
static void ngx_http_caphealth_converters_stop_idle(
    ngx_http_caphealth_converters_t *cs);
static void ngx_http_caphealth_job_dequeue(
    ngx_http_caphealth_converters_t *cs, ngx_http_caphealth_job_t *job);
static void ngx_http_caphealth_job_done(ngx_http_caphealth_job_t *job,
    ngx_http_caphealth_outcome_e outcome);

static void ngx_http_caphealth_converter_start(
    ngx_http_caphealth_converter_t *c);
static ngx_uint_t ngx_http_caphealth_converter_sched_idle(
    ngx_http_caphealth_converters_t *cs);
static ngx_int_t ngx_http_caphealth_converter_configure(
    ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_converter_running(
    ngx_http_caphealth_helper_t *h);
static ngx_int_t ngx_http_caphealth_converter_send_job(
    ngx_http_caphealth_converter_t *c, ngx_http_caphealth_job_t *job);
static char *ngx_http_caphealth_converter_message(
    ngx_http_caphealth_helper_t *h, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);
static void ngx_http_caphealth_converter_on_timeout(
    ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_converter_ending(
    ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_converter_failed(
    ngx_http_caphealth_helper_t *h, char *reason);
static void ngx_http_caphealth_converter_restart(
    ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_converter_quit(ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_converter_meter_handler(ngx_event_t *ev);
static void ngx_http_caphealth_converter_meter(
    ngx_http_caphealth_converter_t *c);


/*
 * The first that dies of an image is replaced at once, and the pause stays
 * short, because other people's images wait.
 */

static const ngx_http_caphealth_program_t  ngx_http_caphealth_converter = {
    .name = NGX_HTTP_CAPHEALTH_CONVERTER,
    .body = sizeof(caphealth_result_t),
    .nfds = 0,
    .exit_timeout = 2000,
    .pause_first = 1,
    .pause_min = 100,
    .pause_max = 1000,
    .pause_max_start = 10000,
    .exited = "died",
    .consequence = "uploads are refused until one works",
    .each = 1,
    .reap = 1,
    .configure = ngx_http_caphealth_converter_configure,
    .running = ngx_http_caphealth_converter_running,
    .message = ngx_http_caphealth_converter_message,
    .deadline = ngx_http_caphealth_converter_on_timeout,
    .ending = ngx_http_caphealth_converter_ending,
    .failed = ngx_http_caphealth_converter_failed,
    .restart = ngx_http_caphealth_converter_restart,
    .quit = ngx_http_caphealth_converter_quit
};


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

    cs->retry = cs->event;

    return cs;
}


static void
ngx_http_caphealth_converter_init(ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_converters_t *cs)
{
    c->converters = cs;

    c->helper.program = &ngx_http_caphealth_converter;
    c->helper.data = c;
    c->helper.log = cs->log;
    c->helper.start_timeout = NGX_HTTP_CAPHEALTH_START_TIMEOUT;
    c->helper.reason = &cs->reason;
    c->helper.starts = &cs->counters->starts;
    c->helper.failures = &cs->counters->deaths;

    ngx_http_caphealth_helper_init(&c->helper, (char *) cs->conf->path.data);

    c->meter.handler = ngx_http_caphealth_converter_meter_handler;
    c->meter.data = c;
    c->meter.log = cs->log;
    c->meter.cancelable = 1;
}


void
ngx_http_caphealth_converters_stop(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t  i;

    for (i = 0; i < cs->nelts; i++) {
        ngx_http_caphealth_helper_stop(&cs->elts[i].helper);
    }
}


/* other workers see how many images wait in this one */

static void
ngx_http_caphealth_converters_adjust_waiting(
    ngx_http_caphealth_converters_t *cs, ngx_int_t n)
{
    cs->waiting += n;

    ngx_http_caphealth_worker_set_waiting(cs->waiting);
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
    /* the upload has reserved one place already */

    return cs->waiting + cs->reserved == 1
           || ngx_http_caphealth_converters_load(cs) - 1 + n
              <= cs->nelts + (ngx_uint_t) cs->conf->queue;
}


ngx_uint_t
ngx_http_caphealth_converters_unavailable(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t                    i;
    ngx_http_caphealth_helper_t  *h;

    for (i = 0; i < cs->nelts; i++) {
        h = &cs->elts[i].helper;

        if (!h->unusable || h->state != NGX_HTTP_CAPHEALTH_HELPER_PAUSED) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_caphealth_converters_load(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t  i, n;

    n = cs->waiting + cs->reserved;

    for (i = 0; i < cs->nelts; i++) {
        n += cs->elts[i].busy;
    }

    return n;
}


void
ngx_http_caphealth_converters_reserve(ngx_http_caphealth_converters_t *cs,
    ngx_int_t n)
{
    cs->reserved += n;

    ngx_http_caphealth_converters_stop_idle(cs);
}


void
ngx_http_caphealth_converters_submit(ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_job_t *job)
{
    job->converter = NULL;
    job->waiting = 1;

    ngx_queue_insert_tail(&cs->queue, &job->queue);
    ngx_http_caphealth_converters_adjust_waiting(cs, 1);

    ngx_post_event(&cs->event, &ngx_posted_events);
}


void
ngx_http_caphealth_converters_cancel(ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_job_t *job)
{
    if (job->waiting) {
        ngx_http_caphealth_job_dequeue(cs, job);
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

        if (c->helper.unusable) {
            pause = ngx_max(pause, c->helper.pause);
        }

        /* one that is not done yet takes at least as long as it has taken */

        if (c->busy) {
            took = ngx_max(took, ngx_current_msec - c->sent);
        }
    }

    took = took * ngx_http_caphealth_converters_load(cs)
           / ngx_max(cs->nelts, 1);

    return ngx_max(pause, took) / 1000 + 1;
}


/* sends queued jobs to idle converters, and starts another one if none is */

static void
ngx_http_caphealth_converters_handler(ngx_event_t *ev)
{
    ngx_queue_t                      *q;
    ngx_http_caphealth_job_t         *job;
    ngx_http_caphealth_converter_t   *c;
    ngx_http_caphealth_converters_t  *cs;

    cs = ev->data;

    while (!ngx_queue_empty(&cs->queue)) {

        c = ngx_http_caphealth_converters_find(cs,
                                           NGX_HTTP_CAPHEALTH_HELPER_RUNNING);
        if (c == NULL) {
            break;
        }

        /*
         * A worker may have found since the start of this one that converters
         * at idle priority starve.
         */

        if (c->sched_idle != ngx_http_caphealth_converter_sched_idle(cs)) {
            ngx_log_debug2(NGX_LOG_DEBUG_EVENT, cs->log, 0,
                           "caphealth priority of %s %P is out of date",
                           NGX_HTTP_CAPHEALTH_CONVERTER,
                           c->helper.process.pid);

            ngx_http_caphealth_helper_stop(&c->helper);
            continue;
        }

        q = ngx_queue_head(&cs->queue);
        job = ngx_queue_data(q, ngx_http_caphealth_job_t, queue);

        if (ngx_http_caphealth_converter_send_job(c, job) == NGX_AGAIN) {
            ngx_add_timer(&cs->retry, NGX_HTTP_CAPHEALTH_HELPER_RETRY);
            return;
        }
    }

    if (ngx_queue_empty(&cs->queue)
        || ngx_http_caphealth_converters_find(cs,
                                          NGX_HTTP_CAPHEALTH_HELPER_STARTING))
    {
        ngx_http_caphealth_converters_stop_idle(cs);
        return;
    }

    c = ngx_http_caphealth_converters_find(cs,
                                           NGX_HTTP_CAPHEALTH_HELPER_STOPPED);

    if (c) {
        ngx_http_caphealth_converter_start(c);
    }

    ngx_http_caphealth_converters_fail_queued(cs);
}


/* a converter in that state that is not busy */

static ngx_http_caphealth_converter_t *
ngx_http_caphealth_converters_find(ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_helper_state_e state)
{
    ngx_uint_t  i;

    for (i = 0; i < cs->nelts; i++) {
        if (cs->elts[i].helper.state == state && !cs->elts[i].busy) {
            return &cs->elts[i];
        }
    }

    return NULL;
}


/*
 * If no converter could be started and none is being started, the jobs in the
 * queue fail at once, because the pause may be long.
 */

static void
ngx_http_caphealth_converters_fail_queued(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t                    i;
    ngx_queue_t                  *q;
    ngx_http_caphealth_job_t     *job;
    ngx_http_caphealth_helper_t  *h;

    for (i = 0; i < cs->nelts; i++) {
        h = &cs->elts[i].helper;

        if (!h->unusable || h->state == NGX_HTTP_CAPHEALTH_HELPER_STARTING) {
            return;
        }
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, cs->log, 0,
                   "caphealth no converter can be started, %ui images fail",
                   cs->waiting);

    while (!ngx_queue_empty(&cs->queue)) {
        q = ngx_queue_head(&cs->queue);
        job = ngx_queue_data(q, ngx_http_caphealth_job_t, queue);

        ngx_http_caphealth_job_dequeue(cs, job);
        ngx_http_caphealth_job_done(job, NGX_HTTP_CAPHEALTH_JOB_UNAVAILABLE);
    }
}


/* a worker that quits needs its converters until its uploads have ended */

static void
ngx_http_caphealth_converters_stop_idle(ngx_http_caphealth_converters_t *cs)
{
    ngx_uint_t  i;

    if (!ngx_exiting || cs->waiting || cs->reserved) {
        return;
    }

    for (i = 0; i < cs->nelts; i++) {
        if (!cs->elts[i].busy || cs->elts[i].job == NULL) {
            ngx_http_caphealth_helper_stop(&cs->elts[i].helper);
        }
    }
}


static void
ngx_http_caphealth_job_dequeue(ngx_http_caphealth_converters_t *cs,
    ngx_http_caphealth_job_t *job)
{
    ngx_queue_remove(&job->queue);
    job->waiting = 0;

    ngx_http_caphealth_converters_adjust_waiting(cs, -1);
}


static void
ngx_http_caphealth_job_done(ngx_http_caphealth_job_t *job,
    ngx_http_caphealth_outcome_e outcome)
{
    job->outcome = outcome;
    job->handler(job);
}


static void
ngx_http_caphealth_converter_start(ngx_http_caphealth_converter_t *c)
{
    c->jobs = 0;

    ngx_http_caphealth_helper_start(&c->helper);
}


/*
 * Whether a converter that is started now has idle priority.  If the clock was
 * set back, the time since which it has not may be far in the future.
 */

static ngx_uint_t
ngx_http_caphealth_converter_sched_idle(ngx_http_caphealth_converters_t *cs)
{
    time_t  now, normal;

    now = ngx_time();
    normal = (time_t) cs->counters->normal;

    return cs->conf->sched_idle
           && (now >= normal || normal - now > NGX_HTTP_CAPHEALTH_NORMAL);
}


static ngx_int_t
ngx_http_caphealth_converter_configure(ngx_http_caphealth_helper_t *h)
{
    caphealth_limits_t                    limits;
    caphealth_ipc_cargo_t                 cargo;
    caphealth_ipc_message_t               m;
    ngx_http_caphealth_converter_t       *c;
    ngx_http_caphealth_converter_conf_t  *conf;

    c = h->data;
    conf = c->converters->conf;

    ngx_memzero(&limits, sizeof(caphealth_limits_t));
    limits.memory = conf->memory;
    limits.file_size = ngx_min(conf->file_size, conf->memory);
    limits.cpu = (conf->timeout + 999) / 1000;
    limits.idle = ngx_http_caphealth_converter_sched_idle(c->converters);

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    m.type = CAPHEALTH_IPC_LIMITS;

    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));
    cargo.body = &limits;
    cargo.size = sizeof(caphealth_limits_t);

    if (ngx_http_caphealth_helper_send(h, &m, &cargo) != CAPHEALTH_IPC_OK) {
        return NGX_ERROR;
    }

    if (limits.idle) {
        c->sched_idle = 1;
        c->metered = ngx_http_caphealth_process_cpu(&h->process);

        ngx_add_timer(&c->meter, NGX_HTTP_CAPHEALTH_METER);
    }

    return NGX_AGAIN;
}


static void
ngx_http_caphealth_converter_running(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_converter_t  *c;

    c = h->data;

    ngx_http_caphealth_helper_works(h);
    ngx_http_caphealth_helper_set_deadline(h,
                                           NGX_HTTP_CAPHEALTH_IDLE_TIMEOUT);

    ngx_post_event(&c->converters->event, &ngx_posted_events);
}


/*
 * The job stays in the queue if it cannot be sent now, NGX_AGAIN, or if the
 * converter has died while it was idle.
 */

static ngx_int_t
ngx_http_caphealth_converter_send_job(ngx_http_caphealth_converter_t *c,
    ngx_http_caphealth_job_t *job)
{
    uint32_t                          i;
    caphealth_ipc_cargo_t             cargo;
    caphealth_ipc_result_e            rc;
    caphealth_ipc_message_t           m;
    ngx_http_caphealth_helper_t      *h;
    ngx_http_caphealth_converters_t  *cs;

    h = &c->helper;
    cs = c->converters;

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    m.type = CAPHEALTH_IPC_CONVERT;
    m.serial = ++c->serial;

    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));
    cargo.body = &job->spec;
    cargo.size = sizeof(caphealth_job_t);
    cargo.fds[cargo.nfds++] = job->input;

    for (i = 0; i < job->spec.nvariants; i++) {
        cargo.fds[cargo.nfds++] = job->outputs[i];
    }

    rc = ngx_http_caphealth_helper_send(h, &m, &cargo);

    if (rc == CAPHEALTH_IPC_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == CAPHEALTH_IPC_CLOSED) {
        ngx_http_caphealth_helper_fail(h, "cannot be sent a message");
        return NGX_OK;
    }

    ngx_http_caphealth_job_dequeue(cs, job);

    if (rc != CAPHEALTH_IPC_OK) {
        ngx_http_caphealth_helper_fail(h, "cannot be given an image");
        ngx_http_caphealth_job_done(job, NGX_HTTP_CAPHEALTH_JOB_UNAVAILABLE);
        return NGX_OK;
    }

    ngx_http_caphealth_observe(cs->counters, CAPHEALTH_QUEUE,
                               ngx_current_msec - job->since);

    job->converter = c;
    job->sent = ngx_current_msec;

    c->busy = 1;
    c->sent = ngx_current_msec;
    c->job = job;
    c->outcome = NGX_HTTP_CAPHEALTH_JOB_DIED;
    c->spec = job->spec;
    c->cpu = ngx_http_caphealth_process_cpu(&h->process) / 1000;

    if (c->sched_idle) {
        ngx_add_timer(&c->meter, NGX_HTTP_CAPHEALTH_METER);
    }

    ngx_http_caphealth_helper_set_deadline(h, cs->conf->timeout);

    return NGX_OK;
}


static char *
ngx_http_caphealth_converter_message(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    ngx_http_caphealth_job_t         *job;
    ngx_http_caphealth_converter_t   *c;
    ngx_http_caphealth_converters_t  *cs;

    c = h->data;
    cs = c->converters;

    if (!c->busy || m->type != CAPHEALTH_IPC_CONVERTED) {
        return "sent an answer without a request";
    }

    if (m->serial != c->serial
        || cargo->size != sizeof(caphealth_result_t)
        || !caphealth_job_answered(&c->spec, cargo->body))
    {
        return "sent an invalid answer";
    }

    ngx_http_caphealth_helper_reset_pause(h);
    ngx_http_caphealth_helper_set_deadline(h,
                                           NGX_HTTP_CAPHEALTH_IDLE_TIMEOUT);

    job = c->job;

    c->job = NULL;
    c->busy = 0;

    ngx_http_caphealth_converter_meter(c);

    ngx_post_event(&cs->event, &ngx_posted_events);

    if (job) {
        job->converter = NULL;
        job->result = *(caphealth_result_t *) cargo->body;

        ngx_http_caphealth_observe(cs->counters, CAPHEALTH_CONVERT,
                                   ngx_current_msec - job->sent);
        ngx_http_caphealth_count_conversion(cs->counters,
                                            ngx_current_msec - job->sent);

        ngx_http_caphealth_job_done(job, NGX_HTTP_CAPHEALTH_JOB_ANSWERED);
    }

    /* a worker that quits may have stopped it meanwhile */

    if (h->state == NGX_HTTP_CAPHEALTH_HELPER_RUNNING
        && ++c->jobs >= NGX_HTTP_CAPHEALTH_JOBS)
    {
        ngx_log_debug3(NGX_LOG_DEBUG_EVENT, h->log, 0,
                       "caphealth replace %s %P after %ui images",
                       NGX_HTTP_CAPHEALTH_CONVERTER, h->process.pid,
                       c->jobs);

        ngx_http_caphealth_helper_stop(h);
    }

    return NULL;
}


/* it had no work for a while, or has not answered in time */

static void
ngx_http_caphealth_converter_on_timeout(ngx_http_caphealth_helper_t *h)
{
    ngx_msec_t                        used, timeout;
    ngx_http_caphealth_converter_t   *c;
    ngx_http_caphealth_converters_t  *cs;

    c = h->data;
    cs = c->converters;

    if (!c->busy) {
        ngx_http_caphealth_helper_stop(h);
        return;
    }

    timeout = cs->conf->timeout;
    used = ngx_http_caphealth_process_cpu(&h->process) / 1000 - c->cpu;

    if (used >= timeout / NGX_HTTP_CAPHEALTH_STARVED) {
        c->outcome = NGX_HTTP_CAPHEALTH_JOB_TIMED_OUT;
        ngx_http_caphealth_helper_fail(h, "took too long for an image");
        return;
    }

    /* the other workers' converters would be starved as well */

    if (cs->conf->sched_idle) {
        cs->counters->normal = ngx_time() + NGX_HTTP_CAPHEALTH_NORMAL;
    }

    ngx_log_error(NGX_LOG_ERR, cs->log, 0,
                  "%s %P got %M ms of CPU time in %M ms, the machine is busy%s",
                  NGX_HTTP_CAPHEALTH_CONVERTER, h->process.pid, used, timeout,
                  cs->conf->sched_idle
                  ? ": for 10 minutes converters run as if "
                    "\"caphealth_image_priority\" were \"normal\"" : "");

    c->outcome = NGX_HTTP_CAPHEALTH_JOB_STARVED;
    ngx_http_caphealth_helper_fail(h, "was starved");
}


static void
ngx_http_caphealth_converter_ending(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_converter_t  *c;

    c = h->data;

    ngx_http_caphealth_converter_meter(c);

    if (c->meter.timer_set) {
        ngx_del_timer(&c->meter);
    }

    c->busy = 0;
    c->sched_idle = 0;
}


static void
ngx_http_caphealth_converter_failed(ngx_http_caphealth_helper_t *h,
    char *reason)
{
    ngx_http_caphealth_job_t         *job;
    ngx_http_caphealth_converter_t   *c;
    ngx_http_caphealth_converters_t  *cs;

    c = h->data;
    cs = c->converters;
    job = c->job;

    c->job = NULL;

    ngx_post_event(&cs->event, &ngx_posted_events);

    if (h->unusable) {
        ngx_http_caphealth_converters_fail_queued(cs);
        return;
    }

    if (job) {

        /* as the OOM killer does it; the sandbox lets no image do so */

        if (c->outcome == NGX_HTTP_CAPHEALTH_JOB_DIED
            && ngx_http_caphealth_process_killed(&h->process))
        {
            c->outcome = NGX_HTTP_CAPHEALTH_JOB_KILLED;
        }

        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, h->log, 0,
                       "caphealth image lost, outcome %d: %s",
                       (int) c->outcome, reason);

        job->converter = NULL;
        ngx_http_caphealth_job_done(job, c->outcome);
    }
}


static void
ngx_http_caphealth_converter_restart(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_converter_t  *c;

    c = h->data;

    /* it is started if there is an image for it */

    ngx_post_event(&c->converters->event, &ngx_posted_events);
}


static void
ngx_http_caphealth_converter_quit(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_converter_t  *c;

    c = h->data;

    ngx_http_caphealth_converters_stop_idle(c->converters);
}


/* the timer is not set again when the converter is idle */

static void
ngx_http_caphealth_converter_meter_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_converter_t  *c;

    c = ev->data;

    ngx_http_caphealth_converter_meter(c);

    if (c->busy
        || c->helper.state == NGX_HTTP_CAPHEALTH_HELPER_STARTING)
    {
        ngx_add_timer(ev, NGX_HTTP_CAPHEALTH_METER);
    }
}


/*
 * Counts the CPU time of a converter at idle priority, by the kernel's clock
 * of that process, because what the converter itself says is not believed.
 * One that crashed has been reaped by nginx: what it took since the last time
 * is missing, and then counts as the platform's.
 */

static void
ngx_http_caphealth_converter_meter(ngx_http_caphealth_converter_t *c)
{
    uint64_t  used;

    if (!c->sched_idle) {
        return;
    }

    used = ngx_http_caphealth_process_cpu(&c->helper.process);

    if (used > c->metered) {
        ngx_http_caphealth_count(&c->converters->counters->idle,
                                 (ngx_atomic_int_t) (used - c->metered));
        c->metered = used;
    }
}
