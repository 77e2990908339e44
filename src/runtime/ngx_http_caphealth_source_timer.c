
/*
 * The timer of a source in worker 0: it is asked for when due, given up when
 * it hangs, and published.
 */

#include "ngx_http_caphealth_source_timer.h"

#include <math.h>
#include <sys/mman.h>

#include "caphealth_facts.h"


/* a CPU's first sample means nothing, the second is taken this much later */
#define NGX_HTTP_CAPHEALTH_RESAMPLE        1000

/* bytes of the vendors' text that are checked at once, in some 0.2 ms */
#define NGX_HTTP_CAPHEALTH_CHECK           65536

/* between a collector that hangs in a source and the next */
#define NGX_HTTP_CAPHEALTH_HANG_RESTART    200

/* the longest that a source that hangs is left alone */
#define NGX_HTTP_CAPHEALTH_HANG_PAUSE_MAX  300000

/* between two changes of a cause in the log, but for the first */
#define NGX_HTTP_CAPHEALTH_LOG_PAUSE       60000


static void ngx_http_caphealth_source_timer_handler(ngx_event_t *ev);
static void ngx_http_caphealth_source_timer_on_timeout(
    ngx_http_caphealth_source_timer_t *t);
static ngx_int_t ngx_http_caphealth_source_timer_check(
    ngx_http_caphealth_source_timer_t *t);
static void ngx_http_caphealth_source_timer_check_handler(ngx_event_t *ev);
static void ngx_http_caphealth_source_timer_forget(
    ngx_http_caphealth_source_timer_t *t);
static void ngx_http_caphealth_source_timer_invalid(
    ngx_http_caphealth_source_timer_t *t, const char *wrong);
static void ngx_http_caphealth_source_timer_take(
    ngx_http_caphealth_source_timer_t *t, caphealth_answer_t *answer,
    u_char *text, size_t len);
static void ngx_http_caphealth_source_timer_fleet(
    ngx_http_caphealth_source_timer_t *t, caphealth_fleet_t *fleet);
static void ngx_http_caphealth_source_timer_cpu(
    ngx_http_caphealth_source_timer_t *t, caphealth_answer_t *answer);
static ngx_uint_t ngx_http_caphealth_source_timer_other_error(
    ngx_http_caphealth_source_timer_t *t, caphealth_error_t *error);
static void ngx_http_caphealth_source_timer_publish(
    ngx_http_caphealth_source_timer_t *t, ngx_http_caphealth_facts_t *facts);
static void ngx_http_caphealth_source_timer_fail(
    ngx_http_caphealth_source_timer_t *t, caphealth_error_e code,
    char *reason);


ngx_int_t
ngx_http_caphealth_source_timers_init(ngx_http_caphealth_source_timers_t *ts,
    ngx_cycle_t *cycle, ngx_http_caphealth_collector_conf_t *conf,
    ngx_http_caphealth_helper_t *collector)
{
    ngx_uint_t                          i;
    ngx_http_caphealth_source_t        *source;
    ngx_http_caphealth_source_timer_t  *t;

    source = conf->sources->elts;

    ts->conf = conf;
    ts->collector = collector;
    ts->log = cycle->log;
    ts->nelts = conf->sources->nelts;
    ts->elts = ngx_pcalloc(cycle->pool,
                      ts->nelts * sizeof(ngx_http_caphealth_source_timer_t));
    if (ts->elts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ts->nelts; i++) {
        t = &ts->elts[i];

        t->timers = ts;
        t->source = &source[i];
        t->event.handler = ngx_http_caphealth_source_timer_handler;
        t->event.data = t;
        t->event.log = cycle->log;
        t->event.cancelable = 1;

        t->check.handler = ngx_http_caphealth_source_timer_check_handler;
        t->check.data = t;
        t->check.log = cycle->log;
    }

    return NGX_OK;
}


void
ngx_http_caphealth_source_timers_start(ngx_http_caphealth_source_timers_t *ts)
{
    ngx_uint_t  i;

    for (i = 0; i < ts->nelts; i++) {
        ngx_post_event(&ts->elts[i].event, &ngx_posted_events);
    }
}


void
ngx_http_caphealth_source_timers_reset(ngx_http_caphealth_source_timers_t *ts)
{
    ngx_uint_t                          i;
    ngx_http_caphealth_source_timer_t  *t;

    for (i = 0; i < ts->nelts; i++) {
        t = &ts->elts[i];

        if (t->event.timer_set) {
            ngx_del_timer(&t->event);
        }

        if (t->event.posted) {
            ngx_delete_posted_event(&t->event);
        }

        ngx_http_caphealth_source_timer_forget(t);

        t->waiting = 0;
        t->overdue = 0;
        t->sampled = 0;
    }
}


uint32_t
ngx_http_caphealth_source_timer_number(ngx_http_caphealth_source_timer_t *t)
{
    return t - t->timers->elts;
}


static void
ngx_http_caphealth_source_timer_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_source_timer_t  *t;

    t = ev->data;

    if (t->waiting) {
        ngx_http_caphealth_source_timer_on_timeout(t);
        return;
    }

    t->ask(t);
}


void
ngx_http_caphealth_source_timer_ask(ngx_http_caphealth_source_timer_t *t)
{
    caphealth_ipc_message_t  m;

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));

    m.type = CAPHEALTH_IPC_COLLECT;
    m.value = ngx_http_caphealth_source_timer_number(t);

    (void) ngx_http_caphealth_source_timer_send(t, &m,
                                                t->timers->conf->timeout
                                                + NGX_HTTP_CAPHEALTH_GRACE);
}


ngx_int_t
ngx_http_caphealth_source_timer_send(ngx_http_caphealth_source_timer_t *t,
    caphealth_ipc_message_t *m, ngx_msec_t timeout)
{
    ngx_http_caphealth_source_timers_t  *ts;

    ts = t->timers;

    t->serial = ++ts->serial;
    m->serial = t->serial;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, ts->log, 0,
                   "caphealth collect %V: %uL", &t->source->name,
                   m->serial);

    if (ngx_http_caphealth_helper_send(ts->collector, m, NULL)
        != CAPHEALTH_IPC_OK)
    {
        ngx_http_caphealth_helper_fail(ts->collector, "cannot be asked");
        return NGX_ERROR;
    }

    t->waiting = 1;
    t->asked = ngx_current_msec;

    ngx_add_timer(&t->event, timeout);

    return NGX_OK;
}


/*
 * A source has a thread of its own in the collector, so that the others go on
 * when it hangs.  It may still answer while it is left alone; after that only
 * another process can try it again.  The pause doubles, for the hung thread
 * cannot be ended and the mount or the server is not better yet.  The system
 * never hangs: if it does not answer, the whole collector hangs.
 */

static void
ngx_http_caphealth_source_timer_on_timeout(
    ngx_http_caphealth_source_timer_t *t)
{
    ngx_http_caphealth_source_timers_t  *ts;

    ts = t->timers;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ts->log, 0,
                   "caphealth no answer of %V, overdue %d, pause %M",
                   &t->source->name, (int) t->overdue, t->hang_pause);

    if (t->source->type == CAPHEALTH_SOURCE_SYSTEM) {
        ngx_http_caphealth_helper_fail(ts->collector, "does not answer");
        return;
    }

    if (t->overdue) {
        t->hang_pause = ngx_min(t->hang_pause * 2,
                                NGX_HTTP_CAPHEALTH_HANG_PAUSE_MAX);

        ngx_http_caphealth_source_timers_reset(ts);
        ngx_http_caphealth_helper_replace(ts->collector, "hangs in a source",
                                          NGX_HTTP_CAPHEALTH_HANG_RESTART);
        return;
    }

    if (t->hang_pause == 0) {
        t->hang_pause = ngx_max(t->source->interval, ts->conf->timeout);
    }

    t->overdue = 1;

    ngx_http_caphealth_source_timer_fail(t, CAPHEALTH_ERROR_TIMEOUT,
                                         "no answer within the timeout");

    ngx_add_timer(&t->event, t->hang_pause);
}


void
ngx_http_caphealth_source_timer_answered(ngx_http_caphealth_source_timer_t *t)
{
    t->waiting = 0;
    t->overdue = 0;
    t->hang_pause = 0;
    t->sampled = 1;
}


ngx_int_t
ngx_http_caphealth_source_timer_facts(ngx_http_caphealth_source_timer_t *t,
    int fd)
{
    void                          *map;
    size_t                         size;
    const char                    *wrong;
    ngx_log_t                     *log;
    caphealth_answer_t             answer;
    ngx_http_caphealth_checked_t  *c;

    log = t->timers->log;

    map = caphealth_ipc_map(fd, &size);

    if (map == NULL) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "facts of %V from %s cannot be read",
                      &t->source->name, NGX_HTTP_CAPHEALTH_COLLECTOR);
        return NGX_ERROR;
    }

    wrong = caphealth_answer_read(&answer, t->source->type, map, size);

    if (wrong) {
        (void) munmap(map, size);
        ngx_http_caphealth_source_timer_invalid(t, wrong);
        return NGX_ERROR;
    }

    /* the nodes have been checked with the answer */

    if (size == sizeof(caphealth_answer_t)
        || t->source->type == CAPHEALTH_SOURCE_FLEET)
    {
        ngx_http_caphealth_source_timer_take(t, &answer,
                                             (u_char *) map
                                             + sizeof(caphealth_answer_t),
                                             size
                                             - sizeof(caphealth_answer_t));
        (void) munmap(map, size);
        return NGX_OK;
    }

    c = ngx_calloc(sizeof(ngx_http_caphealth_checked_t), log);
    if (c == NULL) {
        (void) munmap(map, size);
        return NGX_ERROR;
    }

    c->answer = answer;
    c->map = map;
    c->size = size;

    caphealth_vendors_set(&c->vendors,
                          (char *) map + sizeof(caphealth_answer_t),
                          &answer.facts.database);
    caphealth_vendors_check_init(&c->check, &c->vendors);

    t->checked = c;

    return ngx_http_caphealth_source_timer_check(t);
}


/*
 * To check the text of 100,000 vendors takes 10 ms, in which the worker would
 * serve no request: it is checked a piece at a time, between other events.
 */

static ngx_int_t
ngx_http_caphealth_source_timer_check(ngx_http_caphealth_source_timer_t *t)
{
    int                            rc;
    ngx_http_caphealth_checked_t  *c;

    c = t->checked;

    rc = caphealth_vendors_check(&c->check, NGX_HTTP_CAPHEALTH_CHECK);

    if (rc == 0) {
        ngx_post_event(&t->check, &ngx_posted_next_events);
        return NGX_OK;
    }

    if (rc == 1) {
        ngx_http_caphealth_source_timer_take(t, &c->answer,
                                             (u_char *) c->vendors.text,
                                             c->size
                                             - sizeof(caphealth_answer_t));

    } else {
        ngx_http_caphealth_source_timer_invalid(t, "vendors");
    }

    ngx_http_caphealth_source_timer_forget(t);

    return rc == 1 ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_caphealth_source_timer_check_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_source_timer_t  *t;

    t = ev->data;

    if (ngx_http_caphealth_source_timer_check(t) != NGX_OK) {
        ngx_http_caphealth_helper_fail(t->timers->collector,
                                       "sent invalid facts");
    }
}


static void
ngx_http_caphealth_source_timer_forget(ngx_http_caphealth_source_timer_t *t)
{
    if (t->check.posted) {
        ngx_delete_posted_event(&t->check);
    }

    if (t->checked) {
        (void) munmap(t->checked->map, t->checked->size);
        ngx_free(t->checked);
        t->checked = NULL;
    }
}


static void
ngx_http_caphealth_source_timer_invalid(ngx_http_caphealth_source_timer_t *t,
    const char *wrong)
{
    ngx_log_error(NGX_LOG_ERR, t->timers->log, 0,
                  "invalid facts of %V from %s: \"%s\"",
                  &t->source->name, NGX_HTTP_CAPHEALTH_COLLECTOR, wrong);
}


/* an answer that has been checked */

static void
ngx_http_caphealth_source_timer_take(ngx_http_caphealth_source_timer_t *t,
    caphealth_answer_t *answer, u_char *text, size_t len)
{
    ngx_uint_t                  first, system;
    ngx_msec_t                  next, elapsed;
    ngx_time_t                 *tp;
    ngx_http_caphealth_facts_t  facts;

    system = (t->source->type == CAPHEALTH_SOURCE_SYSTEM);

    /* the CPU's first sample */

    first = system && answer->known && !t->sampled
            && isnan(answer->facts.system.cpu_percent);

    ngx_http_caphealth_source_timer_answered(t);

    next = t->source->interval;

    if (!answer->known
        || (t->source->type == CAPHEALTH_SOURCE_DATABASE
            && t->timers->conf->fleet.url.len))
    {
        next = ngx_min(next, t->timers->conf->refresh);

    } else if (first) {
        next = ngx_min(next, NGX_HTTP_CAPHEALTH_RESAMPLE);
    }

    if (system && answer->known) {
        ngx_http_caphealth_source_timer_cpu(t, answer);
    }

    elapsed = ngx_current_msec - t->asked;

    ngx_add_timer(&t->event, elapsed < next ? next - elapsed : 1);

    if (!answer->known && answer->error.code == 0) {
        ngx_log_debug1(NGX_LOG_DEBUG_EVENT, t->timers->log, 0,
                       "caphealth %V: nothing new", &t->source->name);
        return;
    }

    ngx_memzero(&facts, sizeof(ngx_http_caphealth_facts_t));

    facts.known = answer->known;
    facts.failed = !answer->known
                   || (t->source->type == CAPHEALTH_SOURCE_FLEET
                       && answer->facts.fleet.failed);
    facts.collected_at = answer->collected_at;
    facts.attempted_at = answer->collected_at;

    /* what is known of the fleet is older than an attempt that has failed */

    if (t->source->type == CAPHEALTH_SOURCE_FLEET) {
        if (answer->known) {
            ngx_http_caphealth_source_timer_fleet(t, &answer->facts.fleet);
        }

        tp = ngx_timeofday();
        facts.attempted_at = ngx_max(answer->collected_at,
                                     (double) tp->sec
                                     + (double) tp->msec / 1000);
    }

    facts.seconds = answer->duration;
    facts.error = answer->error;
    facts.facts = answer->facts;
    facts.text.data = text;
    facts.text.len = len;

    ngx_http_caphealth_source_timer_publish(t, &facts);
}


/* what an operator has to know of this node, once: the zone has what was so */

static void
ngx_http_caphealth_source_timer_fleet(ngx_http_caphealth_source_timer_t *t,
    caphealth_fleet_t *fleet)
{
    ngx_int_t                    rc;
    ngx_log_t                   *log;
    caphealth_fleet_t           *last;
    ngx_atomic_uint_t            generation;
    ngx_http_caphealth_facts_t   before;

    log = t->timers->log;
    last = &before.facts.fleet;
    generation = 0;

    rc = ngx_http_caphealth_zone_read(t->timers->conf->zone, &t->source->key,
                                      &before, NULL, &generation);

    if (rc != NGX_OK || !before.known) {
        caphealth_fleet_clear(last);
    }

    if (fleet->alone && !last->alone) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "caphealth fleet: node \"%s\" is alone: the fleet's "
                      "database is unavailable, this node queries the shop's",
                      fleet->node);
    }

    if (!fleet->alone && last->alone) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "caphealth fleet: node \"%s\" is connected to the fleet "
                      "again", fleet->node);
    }

    if (fleet->doubled && !last->doubled) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "caphealth fleet: two running nodes of the fleet have "
                      "the name \"%s\": give each its own \"node=\"",
                      fleet->node);
    }

    if (fleet->differs && !last->differs) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "caphealth fleet: \"caphealth_database\" or "
                      "\"caphealth_query\" of node \"%s\" differs from that of "
                      "node \"%s\", whose numbers of the shop it shows",
                      fleet->node, fleet->holder);
    }
}


/*
 * A new collector has no earlier sample of the CPU's counters to compare with.
 * The zone has it, from the collector before.
 */

static void
ngx_http_caphealth_source_timer_cpu(ngx_http_caphealth_source_timer_t *t,
    caphealth_answer_t *answer)
{
    double                                idle, gap;
    ngx_int_t                             rc;
    ngx_shm_zone_t                       *zone;
    ngx_atomic_uint_t                     generation;
    caphealth_cpu_window_t                window;
    ngx_http_caphealth_facts_t            before;
    ngx_http_caphealth_collector_conf_t  *conf;

    conf = t->timers->conf;
    zone = conf->zone;
    generation = 0;

    rc = ngx_http_caphealth_zone_read(zone, &t->source->key, &before, NULL,
                                      &generation);

    idle = (double) ngx_http_caphealth_zone_counters(zone)->idle / 1e6;
    gap = (double) t->source->interval * CAPHEALTH_STALE_INTERVALS / 1000;

    ngx_http_caphealth_zone_read_cpu(zone, &window);

    caphealth_cpu_facts(&window, &answer->facts.system,
                        rc == NGX_OK && before.known ? &before.facts.system
                                                     : NULL,
                        idle, (double) conf->cpu_window / 1000, gap,
                        answer->collected_at);

    ngx_http_caphealth_zone_write_cpu(zone, &window);
}


static void
ngx_http_caphealth_source_timer_publish(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_facts_t *facts)
{
    char                         *less;
    double                        since;
    ngx_int_t                     rc;
    ngx_shm_zone_t               *zone;
    caphealth_error_t             error, said;
    ngx_http_caphealth_change_e   change;

    zone = t->timers->conf->zone;
    said = facts->error;
    facts->source = t->source->type;

    rc = ngx_http_caphealth_zone_publish(zone, &t->source->key, facts,
                                         &change, &since);

    /*
     * Too many vendors cost the list of them, then their names, too many nodes
     * some of them, and none of the other numbers.
     */

    while (rc == NGX_ERROR
           && (less = ngx_http_caphealth_zone_less(facts)) != NULL)
    {
        caphealth_error_set(&error, CAPHEALTH_ERROR_ZONE_FULL,
                            "its %s not fit into \"caphealth_zone\", make it "
                            "larger", less);
        caphealth_error_add(&error, &said);
        facts->error = error;

        rc = ngx_http_caphealth_zone_publish(zone, &t->source->key, facts,
                                             &change, &since);
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, t->timers->log, 0,
                      "facts of %V do not fit into \"caphealth_zone\", make "
                      "it larger", &t->source->name);
    }

    if (rc != NGX_OK) {
        return;
    }

    if (t->quiet) {
        t->quiet = (change != NGX_HTTP_CAPHEALTH_ENDS);
        return;
    }

    switch (change) {

    case NGX_HTTP_CAPHEALTH_BEGINS:
        ngx_log_error(NGX_LOG_ERR, t->timers->log, 0,
                      "caphealth %V: %s", &t->source->name,
                      facts->error.text);
        t->log_pause = 0;
        break;

    case NGX_HTTP_CAPHEALTH_ENDS:
        ngx_log_error(NGX_LOG_NOTICE, t->timers->log, 0,
                      "caphealth %V works again, after %.0f seconds",
                      &t->source->name, facts->attempted_at - since);
        break;

    default: /* NGX_HTTP_CAPHEALTH_SAME */
        if (!ngx_http_caphealth_source_timer_other_error(t, &facts->error)) {
            return;
        }

        ngx_log_error(NGX_LOG_ERR, t->timers->log, 0,
                      "caphealth %V has another error: %s", &t->source->name,
                      facts->error.text);
        t->log_pause = NGX_HTTP_CAPHEALTH_LOG_PAUSE;
    }

    t->logged = facts->error;
    t->logged_at = ngx_current_msec;
}


/*
 * Whether the error is another one than the log has, but for its numbers, which
 * may be times.  Causes that take turns are logged once a minute.
 */

static ngx_uint_t
ngx_http_caphealth_source_timer_other_error(
    ngx_http_caphealth_source_timer_t *t, caphealth_error_t *error)
{
    char  *p, *q;

    if (error->code == 0) {
        return 0;
    }

    if (t->logged.code == 0) {

        /* the outage began before this worker was started */

        t->logged = *error;
        t->logged_at = ngx_current_msec;

        return 0;
    }

    if (ngx_current_msec - t->logged_at < t->log_pause) {
        return 0;
    }

    p = t->logged.text;
    q = error->text;

    for ( ;; ) {
        p += strspn(p, "0123456789.");
        q += strspn(q, "0123456789.");

        if (*p != *q) {
            return 1;
        }

        if (*p == '\0') {
            return 0;
        }

        p++;
        q++;
    }
}


void
ngx_http_caphealth_source_timers_collector_failed(
    ngx_http_caphealth_source_timers_t *ts, char *reason)
{
    caphealth_error_t                   error;
    ngx_http_caphealth_source_timer_t  *t;

    t = &ts->elts[0];
    t->quiet = 1;

    caphealth_error_set(&error, CAPHEALTH_ERROR_COLLECTOR, "%s %s",
                        NGX_HTTP_CAPHEALTH_COLLECTOR, reason);

    ngx_http_caphealth_source_timer_publish_error(t, &error);
}


static void
ngx_http_caphealth_source_timer_fail(ngx_http_caphealth_source_timer_t *t,
    caphealth_error_e code, char *reason)
{
    caphealth_error_t  error;

    caphealth_error_set(&error, code, "%s", reason);

    ngx_http_caphealth_source_timer_publish_error(t, &error);
}


void
ngx_http_caphealth_source_timer_publish_error(
    ngx_http_caphealth_source_timer_t *t, const caphealth_error_t *error)
{
    ngx_http_caphealth_facts_t  facts;

    ngx_memzero(&facts, sizeof(ngx_http_caphealth_facts_t));

    facts.attempted_at = ngx_http_caphealth_now();
    facts.seconds = t->waiting
                    ? (double) (ngx_current_msec - t->asked) / 1000 : 0;

    if (error) {
        facts.failed = 1;
        facts.error = *error;
    }

    ngx_http_caphealth_source_timer_publish(t, &facts);
}
