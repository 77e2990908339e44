
/*
 * A lane: one source, asked when it is due, given up when it hangs.
 */

#include "ngx_http_caphealth_lane.h"

#include "caphealth_facts.h"


/* a CPU's first sample means nothing, the second is taken this much later */
#define NGX_HTTP_CAPHEALTH_RESAMPLE  1000

/* between a collector that hangs in a source and the next */
#define NGX_HTTP_CAPHEALTH_RENEW     200

/* the longest a source that hangs is left alone */
#define NGX_HTTP_CAPHEALTH_SHUN_MAX  300000


static void ngx_http_caphealth_lane_ask(ngx_http_caphealth_lane_t *lane);
static void ngx_http_caphealth_lane_overdue(ngx_http_caphealth_lane_t *lane);
static ngx_int_t ngx_http_caphealth_lane_cpu(ngx_http_caphealth_lane_t *lane,
    ngx_http_caphealth_reply_t *reply);
static void ngx_http_caphealth_lane_publish(ngx_http_caphealth_lane_t *lane,
    ngx_http_caphealth_facts_t *facts);
static void ngx_http_caphealth_lane_add_error(
    ngx_http_caphealth_facts_t *facts, char *what, u_char *error);
static void ngx_http_caphealth_lane_fail(ngx_http_caphealth_lane_t *lane,
    caphealth_error_e code, char *reason);


void
ngx_http_caphealth_lane_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_lane_t  *lane;

    lane = ev->data;

    if (lane->waiting) {
        ngx_http_caphealth_lane_overdue(lane);
        return;
    }

    if (lane->source->root) {
        ngx_http_caphealth_scan_ask(lane);
        return;
    }

    ngx_http_caphealth_lane_ask(lane);
}


static void
ngx_http_caphealth_lane_ask(ngx_http_caphealth_lane_t *lane)
{
    caphealth_ipc_message_t  m;

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));

    m.type = CAPHEALTH_IPC_COLLECT;
    m.value = lane - lane->collector->lanes;

    (void) ngx_http_caphealth_lane_send(lane, &m,
                      lane->collector->conf->timeout
                      + NGX_HTTP_CAPHEALTH_GRACE);
}


ngx_int_t
ngx_http_caphealth_lane_send(ngx_http_caphealth_lane_t *lane,
    caphealth_ipc_message_t *m, ngx_msec_t timeout)
{
    ngx_http_caphealth_collector_t  *cl;

    cl = lane->collector;

    lane->serial = ++cl->serial;
    m->serial = lane->serial;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, cl->log, 0,
                   "caphealth collect %V: %uL", &lane->source->name,
                   m->serial);

    if (ngx_http_caphealth_helper_send(&cl->helper, m, NULL)
        != CAPHEALTH_IPC_OK)
    {
        ngx_http_caphealth_helper_fail(&cl->helper, "cannot be asked");
        return NGX_ERROR;
    }

    lane->waiting = 1;
    lane->asked = ngx_current_msec;

    ngx_add_timer(&lane->event, timeout);

    return NGX_OK;
}


/*
 * One source that hangs has a thread of its own, so that the others go on.
 * It is left alone for a while that doubles, and may yet answer; after that
 * only another process can try it again.  The system never hangs: if it is
 * silent, the whole collector is.
 */

static void
ngx_http_caphealth_lane_overdue(ngx_http_caphealth_lane_t *lane)
{
    ngx_uint_t                       i;
    ngx_http_caphealth_collector_t  *cl;

    cl = lane->collector;

    if (lane == &cl->lanes[0]) {
        ngx_http_caphealth_helper_fail(&cl->helper, "does not answer");
        return;
    }

    if (lane->overdue) {
        lane->shun = ngx_min(lane->shun * 2, NGX_HTTP_CAPHEALTH_SHUN_MAX);

        for (i = 0; i < cl->nlanes; i++) {
            ngx_http_caphealth_lane_reset(&cl->lanes[i]);
        }

        ngx_http_caphealth_helper_replace(&cl->helper, "hangs in a source",
                                          NGX_HTTP_CAPHEALTH_RENEW);
        return;
    }

    if (lane->shun == 0) {
        lane->shun = ngx_max(lane->source->interval, cl->conf->timeout);
    }

    lane->overdue = 1;

    ngx_http_caphealth_lane_fail(lane, CAPHEALTH_ERROR_TIMEOUT,
                                 "no answer within the timeout");

    ngx_add_timer(&lane->event, lane->shun);
}


void
ngx_http_caphealth_lane_answered(ngx_http_caphealth_lane_t *lane,
    ngx_http_caphealth_reply_t *reply)
{
    ngx_uint_t                       first;
    ngx_msec_t                       next, elapsed;
    ngx_http_caphealth_collector_t  *cl;

    cl = lane->collector;
    first = reply->reply.partial && !lane->sampled;

    lane->waiting = 0;
    lane->overdue = 0;
    lane->shun = 0;
    lane->sampled = 1;

    next = lane->source->interval;

    if (reply->facts.failed) {
        next = ngx_min(next, cl->conf->refresh);

    } else if (first) {
        next = ngx_min(next, NGX_HTTP_CAPHEALTH_RESAMPLE);
    }

    if (lane->source->type != NGX_HTTP_CAPHEALTH_SYSTEM
        || reply->facts.failed
        || ngx_http_caphealth_lane_cpu(lane, reply) == NGX_OK)
    {
        ngx_http_caphealth_lane_publish(lane, &reply->facts);
    }

    elapsed = ngx_current_msec - lane->asked;

    ngx_add_timer(&lane->event, elapsed < next ? next - elapsed : 1);
}


/*
 * A new collector's first look does not know the CPU's use since the look
 * before.  The zone does: it has the counters of that look, whoever made it.
 */

static ngx_int_t
ngx_http_caphealth_lane_cpu(ngx_http_caphealth_lane_t *lane,
    ngx_http_caphealth_reply_t *reply)
{
    char                           *text;
    double                          idle, gap;
    ngx_int_t                       rc;
    ngx_pool_t                     *pool;
    ngx_shm_zone_t                 *zone;
    ngx_atomic_uint_t               generation;
    caphealth_cpu_window_t          window;
    ngx_http_caphealth_facts_t      facts;
    ngx_http_caphealth_collector_t *cl;

    cl = lane->collector;
    zone = cl->conf->zone;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, cl->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    generation = 0;

    rc = ngx_http_caphealth_zone_read(zone, &lane->source->key, pool, &facts,
                                      &generation);

    idle = (double) ngx_http_caphealth_zone_counters(zone)->idle / 1e6;
    gap = (double) lane->source->interval * CAPHEALTH_STALE_INTERVALS / 1000;

    ngx_http_caphealth_zone_read_cpu(zone, &window);

    text = caphealth_cpu_facts(&window, reply->reply.data,
                               rc == NGX_OK && facts.data.len
                               ? (char *) facts.data.data : NULL,
                               idle, (double) cl->conf->cpu_window / 1000,
                               gap, reply->facts.collected_at);

    ngx_destroy_pool(pool);

    if (text == NULL) {
        ngx_log_error(NGX_LOG_ERR, cl->log, 0,
                      "no memory for facts of %V", &lane->source->name);
        return NGX_ERROR;
    }

    ngx_http_caphealth_zone_write_cpu(zone, &window);

    free(reply->reply.data);

    reply->reply.data = text;
    reply->facts.data.data = (u_char *) text;
    reply->facts.data.len = ngx_strlen(text);

    return NGX_OK;
}


static void
ngx_http_caphealth_lane_publish(ngx_http_caphealth_lane_t *lane,
    ngx_http_caphealth_facts_t *facts)
{
    char                         *what;
    u_char                        error[NGX_HTTP_CAPHEALTH_ERROR_LEN];
    double                        since;
    ngx_int_t                     rc;
    ngx_str_t                     said;
    ngx_shm_zone_t               *zone;
    ngx_http_caphealth_change_e   change;

    zone = lane->collector->conf->zone;

    rc = ngx_http_caphealth_zone_publish(zone, &lane->source->key, facts,
                                         &change, &since);

    said = facts->error;

    /*
     * Too many vendors cost the list of them, then their names, and none of
     * the other numbers.
     */

    while (rc == NGX_ERROR && facts->data.len
           && ngx_http_caphealth_zone_less(facts->data.data,
                                           &facts->data.len))
    {
        facts->error = said;
        what = ngx_strlchr(facts->data.data,
                           facts->data.data + facts->data.len, LF)
               ? "list of vendors does" : "vendors' names do";

        ngx_http_caphealth_lane_add_error(facts, what, error);

        rc = ngx_http_caphealth_zone_publish(zone, &lane->source->key, facts,
                                             &change, &since);
    }

    if (rc == NGX_ERROR && facts->data.len) {
        ngx_http_caphealth_lane_fail(lane, CAPHEALTH_ERROR_ZONE_FULL,
                                     "its facts do not fit into "
                                     "\"caphealth_zone\", make it larger");
        return;
    }

    if (rc != NGX_OK) {
        return;
    }

    if (lane->quiet) {
        lane->quiet = (change != NGX_HTTP_CAPHEALTH_ENDS);
        return;
    }

    if (change == NGX_HTTP_CAPHEALTH_BEGINS) {
        ngx_log_error(NGX_LOG_ERR, lane->collector->log, 0,
                      "caphealth %V: %V", &lane->source->name,
                      &facts->error);

    } else if (change == NGX_HTTP_CAPHEALTH_ENDS) {
        ngx_log_error(NGX_LOG_NOTICE, lane->collector->log, 0,
                      "caphealth %V works again, after %.0f seconds",
                      &lane->source->name, facts->attempted_at - since);
    }
}


/* behind what the source itself has to say, in memory of the caller's */

static void
ngx_http_caphealth_lane_add_error(ngx_http_caphealth_facts_t *facts,
    char *what, u_char *error)
{
    u_char  *p, *last;

    last = error + NGX_HTTP_CAPHEALTH_ERROR_LEN;

    p = ngx_slprintf(error, last,
                     "its %s not fit into \"caphealth_zone\", make it "
                     "larger%s%V", what,
                     facts->error.len ? "; " : "", &facts->error);

    /* not in the middle of a UTF-8 character */

    while (p == last && (*--last & 0xc0) == 0x80) {
        p = last;
    }

    p = (p == last + 1 && *last >= 0xc0) ? last : p;

    facts->code = facts->code
                  ? ngx_min(facts->code, CAPHEALTH_ERROR_ZONE_FULL)
                  : CAPHEALTH_ERROR_ZONE_FULL;
    facts->error.data = error;
    facts->error.len = p - error;
}


void
ngx_http_caphealth_lane_silent(ngx_http_caphealth_lane_t *lane, char *reason)
{
    caphealth_error_t  error;

    lane->quiet = 1;

    caphealth_error_set(&error, CAPHEALTH_ERROR_COLLECTOR, "%s %s",
                        NGX_HTTP_CAPHEALTH_COLLECTOR, reason);

    ngx_http_caphealth_lane_tell(lane, &error);
}


static void
ngx_http_caphealth_lane_fail(ngx_http_caphealth_lane_t *lane,
    caphealth_error_e code, char *reason)
{
    caphealth_error_t  error;

    caphealth_error_set(&error, code, "%s", reason);

    ngx_http_caphealth_lane_tell(lane, &error);
}


void
ngx_http_caphealth_lane_tell(ngx_http_caphealth_lane_t *lane,
    const caphealth_error_t *error)
{
    ngx_http_caphealth_facts_t  facts;

    ngx_memzero(&facts, sizeof(ngx_http_caphealth_facts_t));

    facts.attempted_at = ngx_http_caphealth_now();
    facts.seconds = lane->waiting
                    ? (double) (ngx_current_msec - lane->asked) / 1000 : 0;

    if (error) {
        facts.failed = 1;
        facts.code = error->code;
        facts.error.data = (u_char *) error->text;
        facts.error.len = ngx_strlen(error->text);
    }

    ngx_http_caphealth_lane_publish(lane, &facts);
}


void
ngx_http_caphealth_lane_reset(ngx_http_caphealth_lane_t *lane)
{
    if (lane->event.timer_set) {
        ngx_del_timer(&lane->event);
    }

    if (lane->event.posted) {
        ngx_delete_posted_event(&lane->event);
    }

    lane->waiting = 0;
    lane->overdue = 0;
    lane->sampled = 0;
}
