
/*
 * The scan of an image tree, or of an object store, a slice at a time.
 */

#include "ngx_http_caphealth_fleet_counts.h"
#include "ngx_http_caphealth_scan.h"
#include "ngx_http_caphealth_state.h"

#include <sys/mman.h>


/* how often it is checked whether there is a slice to walk */
#define NGX_HTTP_CAPHEALTH_SCAN_TICK     1000

/* before a slice that keeps changing is walked again */
#define NGX_HTTP_CAPHEALTH_SCAN_AGAIN    50

/* a slice with very many files, on a disk that is slow and not cached; or one
   page of a listing */
#define NGX_HTTP_CAPHEALTH_SCAN_TIMEOUT  300000

/* so many refreshes without an answer of the fleet, and its counts are not live
   any more */
#define NGX_HTTP_CAPHEALTH_SCAN_CONTACT  3

/* before a tree that cannot be read is tried again */
#define NGX_HTTP_CAPHEALTH_SCAN_RETRY    10000


typedef struct {
    ngx_http_caphealth_step_t       step;
    ngx_http_caphealth_shipper_t   *shipper;    /* NULL: the collector walks */
    ngx_uint_t                      idle;       /* microseconds that it is
                                                   still to be idle */
    ngx_http_caphealth_source_timer_t  *fleet;  /* that has the counts of a
                                                   store; NULL: there is none */
    unsigned                        listing:1;  /* the shipper is at work */
    unsigned                        lister:1;   /* for the fleet */
    unsigned                        failed:1;   /* the last walk did */
} ngx_http_caphealth_scan_t;


static void ngx_http_caphealth_scan_ask(ngx_http_caphealth_source_timer_t *t);
static ngx_int_t ngx_http_caphealth_scan_step(
    ngx_http_caphealth_source_timer_t *t);
static ngx_int_t ngx_http_caphealth_scan_fleet_step(
    ngx_http_caphealth_source_timer_t *t);
static ngx_uint_t ngx_http_caphealth_scan_alone(
    ngx_http_caphealth_source_timer_t *t);
static void ngx_http_caphealth_scan_list(ngx_http_caphealth_source_timer_t *t);
static void ngx_http_caphealth_scan_wait(ngx_http_caphealth_source_timer_t *t);
static ngx_int_t ngx_http_caphealth_scan_listed(void *data, int fd,
    char *reason);
static ngx_msec_t ngx_http_caphealth_scan_fail(
    ngx_http_caphealth_source_timer_t *t, const caphealth_error_t *error);
static ngx_uint_t ngx_http_caphealth_scan_known(
    ngx_http_caphealth_source_timer_t *t);
static void ngx_http_caphealth_scan_ended(
    ngx_http_caphealth_source_timer_t *t);
static ngx_msec_t ngx_http_caphealth_scan_judge(
    ngx_http_caphealth_source_timer_t *t, caphealth_walk_t *walk);


ngx_int_t
ngx_http_caphealth_scan_init(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_shippers_t *shippers, ngx_pool_t *pool)
{
    ngx_uint_t                    i;
    ngx_http_caphealth_scan_t    *scan;

    scan = ngx_pcalloc(pool, sizeof(ngx_http_caphealth_scan_t));
    if (scan == NULL) {
        return NGX_ERROR;
    }

    if (t->source->root->store) {
        scan->shipper = ngx_http_caphealth_shipper(shippers,
                                                   t->source->root->store);

        /* which variants are counted is known before there is a shipper */

        (void) ngx_http_caphealth_tree_mark(t->timers->conf->zone,
                                            t->source->root);

        for (i = 0; i < t->timers->nelts; i++) {
            if (t->timers->elts[i].source->type == CAPHEALTH_SOURCE_FLEET) {
                scan->fleet = &t->timers->elts[i];
            }
        }
    }

    t->ask = ngx_http_caphealth_scan_ask;
    t->data = scan;

    return NGX_OK;
}


static void
ngx_http_caphealth_scan_ask(ngx_http_caphealth_source_timer_t *t)
{
    ngx_int_t                   rc;
    caphealth_ipc_message_t     m;
    ngx_http_caphealth_scan_t  *scan;

    scan = t->data;

    if (scan->listing) {
        ngx_http_caphealth_scan_wait(t);
        return;
    }

    rc = scan->fleet ? ngx_http_caphealth_scan_fleet_step(t)
                     : ngx_http_caphealth_scan_step(t);

    if (rc == NGX_DONE) {
        ngx_http_caphealth_scan_ended(t);
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, t->timers->log, 0,
                   "caphealth scan of %V: %i, slice %02xui",
                   &t->source->name, rc, scan->step.slice);

    if (rc != NGX_OK) {
        ngx_add_timer(&t->event, NGX_HTTP_CAPHEALTH_SCAN_TICK);
        return;
    }

    if (scan->shipper) {
        ngx_http_caphealth_scan_list(t);
        return;
    }

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));

    m.type = CAPHEALTH_IPC_SCAN;
    m.value = CAPHEALTH_IPC_SLICE(ngx_http_caphealth_source_timer_number(t),
                                  scan->step.slice);

    (void) ngx_http_caphealth_source_timer_send(t, &m,
                                             NGX_HTTP_CAPHEALTH_SCAN_TIMEOUT);
}


static ngx_int_t
ngx_http_caphealth_scan_step(ngx_http_caphealth_source_timer_t *t)
{
    ngx_http_caphealth_scan_t            *scan;
    ngx_http_caphealth_collector_conf_t  *conf;

    scan = t->data;
    conf = t->timers->conf;

    return ngx_http_caphealth_tree_step(conf->zone, &t->source->root->key,
                                        (double) conf->scan,
                                        scan->fleet
                                        || ngx_http_caphealth_state_others(),
                                        &scan->step);
}


/*
 * Of the nodes of a fleet that keep images in one store, one lists it, and the
 * others have the counts from the fleet's database.  A node that cannot reach
 * that lists for itself if it knows nothing of the store.
 */

static ngx_int_t
ngx_http_caphealth_scan_fleet_step(ngx_http_caphealth_source_timer_t *t)
{
    double                                contact;
    ngx_int_t                             rc;
    ngx_http_caphealth_scan_t            *scan;
    ngx_http_caphealth_collector_conf_t  *conf;

    scan = t->data;
    conf = t->timers->conf;

    contact = (double) (NGX_HTTP_CAPHEALTH_SCAN_CONTACT * conf->refresh
                        + conf->timeout) / 1000;

    if (ngx_http_caphealth_fleet_full(scan->fleet, t->source->root)) {
        ngx_http_caphealth_fleet_flush(scan->fleet, t->source->root);
        return NGX_DECLINED;
    }

    rc = ngx_http_caphealth_tree_fleet_step(conf->zone, &t->source->root->key,
                                            contact, &scan->step);

    scan->lister = (rc == NGX_OK);

    if (rc == NGX_DECLINED) {
        ngx_http_caphealth_fleet_flush(scan->fleet, t->source->root);
    }

    if (rc == NGX_ERROR) {
        rc = ngx_http_caphealth_scan_alone(t)
             ? ngx_http_caphealth_scan_step(t) : NGX_DECLINED;
    }

    return rc;
}


/* whether this node cannot reach the fleet, and knows nothing of the store */

static ngx_uint_t
ngx_http_caphealth_scan_alone(ngx_http_caphealth_source_timer_t *t)
{
    ngx_int_t                   rc;
    ngx_shm_zone_t             *zone;
    caphealth_scan_t            scan;
    caphealth_total_t           total;
    ngx_atomic_uint_t           generation;
    ngx_http_caphealth_facts_t  facts;

    zone = t->timers->conf->zone;
    generation = 0;

    rc = ngx_http_caphealth_zone_read(zone,
                       &((ngx_http_caphealth_scan_t *) t->data)
                                                       ->fleet->source->key,
                       &facts, NULL, &generation);

    if (rc != NGX_OK
        || !(facts.known ? facts.facts.fleet.alone : facts.failed))
    {
        return 0;
    }

    return ngx_http_caphealth_tree_total(zone, &t->source->root->key, &total,
                                         &scan)
           == NGX_OK
           && (scan.source == CAPHEALTH_TREE_UNKNOWN
               || scan.scanning_since != 0);
}


static void
ngx_http_caphealth_scan_list(ngx_http_caphealth_source_timer_t *t)
{
    ngx_http_caphealth_scan_t  *scan;

    scan = t->data;
    scan->listing = 1;

    t->asked = ngx_current_msec;

    ngx_http_caphealth_shipper_list(scan->shipper, scan->step.slice,
                                    ngx_http_caphealth_scan_listed, t);

    ngx_add_timer(&t->event, NGX_HTTP_CAPHEALTH_SCAN_TIMEOUT);
}


/* the sources are due again, too, when the collector was replaced */

static void
ngx_http_caphealth_scan_wait(ngx_http_caphealth_source_timer_t *t)
{
    ngx_msec_int_t              left;
    ngx_http_caphealth_scan_t  *scan;

    scan = t->data;
    left = (ngx_msec_int_t) (t->asked + NGX_HTTP_CAPHEALTH_SCAN_TIMEOUT
                             - ngx_current_msec);

    ngx_add_timer(&t->event, (ngx_msec_t) ngx_max(left, 1));

    if (left <= 0) {
        ngx_http_caphealth_shipper_list_timed_out(scan->shipper);
    }
}


static ngx_int_t
ngx_http_caphealth_scan_listed(void *data, int fd, char *reason)
{
    ngx_http_caphealth_source_timer_t *t = data;

    ngx_int_t                   rc;
    caphealth_error_t           error;
    ngx_http_caphealth_scan_t  *scan;

    scan = t->data;

    if (reason == NULL && fd == -1) {
        t->asked = ngx_current_msec;
        return NGX_OK;
    }

    scan->listing = 0;

    /* the collector does not run, and all sources rest */

    if (!t->event.timer_set) {
        return NGX_OK;
    }

    rc = NGX_OK;

    if (reason == NULL) {
        rc = ngx_http_caphealth_scan_walked(t, fd);

        if (rc == NGX_OK) {
            return NGX_OK;
        }

        reason = "sent an invalid listing";
    }

    caphealth_error_set(&error, CAPHEALTH_ERROR_OTHER, "%s %s",
                        NGX_HTTP_CAPHEALTH_SHIPPER, reason);

    ngx_add_timer(&t->event, ngx_http_caphealth_scan_fail(t, &error));

    return rc;
}


/*
 * Counts that have drifted are a warning, for they should not, unless other
 * nodes have added to them.
 */

static void
ngx_http_caphealth_scan_ended(ngx_http_caphealth_source_timer_t *t)
{
    ngx_uint_t         level;
    caphealth_scan_t   scan;
    caphealth_total_t  total;

    if (ngx_http_caphealth_tree_total(t->timers->conf->zone,
                                      &t->source->root->key, &total,
                                      &scan)
        != NGX_OK)
    {
        return;
    }

    level = ((ngx_http_caphealth_scan_t *) t->data)->fleet == NULL
            && (scan.drift_files || scan.drift_bytes)
            ? NGX_LOG_WARN : NGX_LOG_NOTICE;

    ngx_log_error(level, t->timers->log, 0,
                  "caphealth %V: %L files, %L bytes, %L images found in %.3f "
                  "seconds; the counts were off by %L files, %L bytes",
                  &t->source->name, total.files, total.bytes, total.complete,
                  scan.scan_seconds, scan.drift_files, scan.drift_bytes);

    ngx_http_caphealth_source_timer_publish_error(t, NULL);
}


ngx_int_t
ngx_http_caphealth_scan_walked(ngx_http_caphealth_source_timer_t *t, int fd)
{
    size_t             size;
    ngx_uint_t         valid;
    ngx_msec_t         pause;
    caphealth_walk_t  *walk;

    walk = caphealth_ipc_map(fd, &size);
    if (walk == NULL) {
        return NGX_ERROR;
    }

    valid = (size == sizeof(caphealth_walk_t) && caphealth_walk_valid(walk));

    if (!valid) {
        (void) munmap(walk, size);
        return NGX_ERROR;
    }

    ngx_http_caphealth_source_timer_answered(t);

    pause = ngx_http_caphealth_scan_judge(t, walk);

    (void) munmap(walk, size);

    if (pause) {
        ngx_add_timer(&t->event, pause);
        return NGX_OK;
    }

    ngx_del_timer(&t->event);
    ngx_post_event(&t->event, &ngx_posted_events);

    return NGX_OK;
}


/* returns how long to wait before the next slice; 0: it is walked at once */

static ngx_msec_t
ngx_http_caphealth_scan_judge(ngx_http_caphealth_source_timer_t *t,
    caphealth_walk_t *walk)
{
    ngx_int_t                             rc;
    ngx_uint_t                            known;
    ngx_msec_t                            pause;
    ngx_http_caphealth_scan_t            *scan;
    ngx_http_caphealth_collector_conf_t  *conf;

    scan = t->data;
    conf = t->timers->conf;

    if (walk->error.code) {
        return ngx_http_caphealth_scan_fail(t, &walk->error);
    }

    if (scan->failed) {
        scan->failed = 0;
        ngx_http_caphealth_source_timer_publish_error(t, NULL);
    }

    if (walk->removed) {
        ngx_log_error(NGX_LOG_NOTICE, t->timers->log, 0,
                      "caphealth %V: removed %L files, %L bytes, that "
                      "unfinished uploads had left in slice %02xui",
                      &t->source->name, walk->removed,
                      walk->removed_bytes, scan->step.slice);
    }

    known = ngx_http_caphealth_scan_known(t);

    if (scan->lister) {
        rc = ngx_http_caphealth_tree_fleet_walked(conf->zone,
                                                  &t->source->root->key,
                                                  &scan->step, walk);
        if (rc == NGX_OK) {
            ngx_http_caphealth_fleet_listed(scan->fleet, t->source->root,
                                            &scan->step, walk);
        }

    } else {
        rc = ngx_http_caphealth_tree_walked(conf->zone,
                                            &t->source->root->key,
                                            &scan->step, walk);
    }

    /* the first scan does not pause, so that there are numbers soon */

    if (known) {
        scan->idle += (ngx_uint_t) walk->cpu * (100 - conf->scan_share)
                      / conf->scan_share;
    }

    pause = scan->idle / 1000;
    scan->idle %= 1000;

    if (rc == NGX_AGAIN) {
        return ngx_max(pause, NGX_HTTP_CAPHEALTH_SCAN_AGAIN);
    }

    return pause;
}


static ngx_msec_t
ngx_http_caphealth_scan_fail(ngx_http_caphealth_source_timer_t *t,
    const caphealth_error_t *error)
{
    ngx_http_caphealth_scan_t  *scan;

    scan = t->data;
    scan->failed = 1;

    ngx_http_caphealth_tree_abandon(t->timers->conf->zone,
                                    &t->source->root->key);
    ngx_http_caphealth_source_timer_publish_error(t, error);

    return NGX_HTTP_CAPHEALTH_SCAN_RETRY;
}


static ngx_uint_t
ngx_http_caphealth_scan_known(ngx_http_caphealth_source_timer_t *t)
{
    caphealth_scan_t   scan;
    caphealth_total_t  total;

    return ngx_http_caphealth_tree_total(t->timers->conf->zone,
                                         &t->source->root->key, &total,
                                         &scan)
           == NGX_OK
           && scan.source == CAPHEALTH_TREE_LIVE;
}
