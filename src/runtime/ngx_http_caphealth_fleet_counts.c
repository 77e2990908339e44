
/*
 * What worker 0 tells the fleet of the counts of object stores.
 */

#include "ngx_http_caphealth_fleet_counts.h"

#include <sys/mman.h>


/* listings in one refresh, at most */
#define NGX_HTTP_CAPHEALTH_FLEET_LISTINGS  64


typedef struct {
    ngx_http_caphealth_root_t    *root;
    caphealth_fleet_counts_t      counts;        /* that are being sent */
    ngx_uint_t                    nlistings;
    caphealth_fleet_listing_t     listings[NGX_HTTP_CAPHEALTH_FLEET_LISTINGS];
} ngx_http_caphealth_fleet_store_t;


typedef struct {
    ngx_http_caphealth_fleet_store_t  *elts;
    ngx_uint_t                         nelts;
    uint64_t                           serial;   /* of the last question */
    double                             asked;    /* it was sent */
} ngx_http_caphealth_fleet_t;


static void ngx_http_caphealth_fleet_ask(ngx_http_caphealth_source_timer_t *t);
static ngx_int_t ngx_http_caphealth_fleet_send(
    ngx_http_caphealth_source_timer_t *t);
static char *ngx_http_caphealth_fleet_text(
    ngx_http_caphealth_source_timer_t *t);
static json_t *ngx_http_caphealth_fleet_store(
    ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_fleet_store_t *store);
static ngx_http_caphealth_fleet_store_t *ngx_http_caphealth_fleet_find(
    ngx_http_caphealth_source_timer_t *t, ngx_http_caphealth_root_t *root);
static void ngx_http_caphealth_fleet_take(
    ngx_http_caphealth_source_timer_t *t, caphealth_counted_t *answer);
static int ngx_http_caphealth_fleet_last(json_t *stores, ngx_shm_zone_t *zone,
    ngx_str_t *root);


ngx_int_t
ngx_http_caphealth_fleet_init(ngx_http_caphealth_source_timer_t *t,
    ngx_pool_t *pool)
{
    ngx_uint_t                           i;
    ngx_http_caphealth_fleet_t          *fleet;
    ngx_http_caphealth_source_timer_t   *other;
    ngx_http_caphealth_source_timers_t  *ts;

    ts = t->timers;

    fleet = ngx_pcalloc(pool, sizeof(ngx_http_caphealth_fleet_t));
    if (fleet == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ts->nelts; i++) {
        other = &ts->elts[i];

        if (other->source->root && other->source->root->store) {
            fleet->nelts++;
        }
    }

    t->ask = ngx_http_caphealth_source_timer_ask;

    if (fleet->nelts == 0) {
        return NGX_OK;
    }

    fleet->elts = ngx_pcalloc(pool, fleet->nelts
                                    * sizeof(ngx_http_caphealth_fleet_store_t));
    if (fleet->elts == NULL) {
        return NGX_ERROR;
    }

    fleet->nelts = 0;

    for (i = 0; i < ts->nelts; i++) {
        other = &ts->elts[i];

        if (other->source->root && other->source->root->store) {
            fleet->elts[fleet->nelts++].root = other->source->root;
        }
    }

    t->ask = ngx_http_caphealth_fleet_ask;
    t->data = fleet;

    return NGX_OK;
}


static void
ngx_http_caphealth_fleet_ask(ngx_http_caphealth_source_timer_t *t)
{
    if (ngx_http_caphealth_fleet_send(t) == NGX_OK) {
        ngx_http_caphealth_source_timer_ask(t);
    }
}


/*
 * What is not sent for want of memory, or of room, is with the next refresh.
 * NGX_ERROR: the collector is replaced.
 */

static ngx_int_t
ngx_http_caphealth_fleet_send(ngx_http_caphealth_source_timer_t *t)
{
    int                          fd;
    char                        *text;
    caphealth_ipc_cargo_t        cargo;
    caphealth_ipc_result_e       rc;
    caphealth_ipc_message_t      m;
    ngx_http_caphealth_fleet_t  *fleet;

    fleet = t->data;

    text = ngx_http_caphealth_fleet_text(t);
    fd = text ? caphealth_ipc_memfd(text, ngx_strlen(text)) : -1;

    free(text);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_ERR, t->timers->log, ngx_errno,
                      "the counts of object stores cannot be sent to %s",
                      NGX_HTTP_CAPHEALTH_COLLECTOR);
        return NGX_OK;
    }

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));

    m.type = CAPHEALTH_IPC_COUNTS;
    m.serial = ++fleet->serial;
    cargo.nfds = 1;
    cargo.fds[0] = fd;

    fleet->asked = ngx_http_caphealth_tree_clock();

    rc = ngx_http_caphealth_helper_send(t->timers->collector, &m, &cargo);

    (void) close(fd);

    if (rc != CAPHEALTH_IPC_OK && rc != CAPHEALTH_IPC_AGAIN) {
        ngx_http_caphealth_helper_fail(t->timers->collector,
                                       "cannot be sent a message");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* to be free()d; NULL: no memory */

static char *
ngx_http_caphealth_fleet_text(ngx_http_caphealth_source_timer_t *t)
{
    int                          failed;
    char                        *text;
    json_t                      *stores;
    ngx_uint_t                   i;
    ngx_http_caphealth_fleet_t  *fleet;

    fleet = t->data;
    stores = json_array();
    failed = 0;

    for (i = 0; i < fleet->nelts; i++) {
        failed |= json_array_append_new(stores,
                           ngx_http_caphealth_fleet_store(t, &fleet->elts[i]));
    }

    text = failed ? NULL : json_dumps(stores, JSON_COMPACT);

    json_decref(stores);

    return text;
}


/* listings that are lost on their way are made again, when the fleet says so */

static json_t *
ngx_http_caphealth_fleet_store(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_fleet_store_t *store)
{
    json_t                               *entry;
    uint64_t                              counted;
    ngx_http_caphealth_collector_conf_t  *conf;

    conf = t->timers->conf;

    if (ngx_http_caphealth_tree_fleet_report(conf->zone, &store->root->key,
                                             &store->counts, &counted)
        != NGX_OK)
    {
        return json_object();
    }

    entry = caphealth_fleet_counts_request(&store->counts,
                                           (char *) store->root->key.data,
                                           counted, store->listings,
                                           (unsigned) store->nlistings);

    store->nlistings = 0;

    if (entry
        && json_object_set_new(entry, "scan", json_integer(conf->scan)) == -1)
    {
        json_decref(entry);
        return NULL;
    }

    return entry;
}


static ngx_http_caphealth_fleet_store_t *
ngx_http_caphealth_fleet_find(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_root_t *root)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_fleet_t  *fleet;

    fleet = t->data;

    for (i = 0; fleet->elts[i].root != root; i++) {
        /* void */
    }

    return &fleet->elts[i];
}


void
ngx_http_caphealth_fleet_listed(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_root_t *root, ngx_http_caphealth_step_t *step,
    const caphealth_walk_t *walk)
{
    ngx_uint_t                         i;
    caphealth_fleet_listing_t         *listing;
    ngx_http_caphealth_fleet_store_t  *store;

    store = ngx_http_caphealth_fleet_find(t, root);

    for (i = 0; i < store->nlistings; i++) {
        if (store->listings[i].slice == step->slice) {
            break;
        }
    }

    if (i == NGX_HTTP_CAPHEALTH_FLEET_LISTINGS) {
        return;
    }

    listing = &store->listings[i];
    store->nlistings = ngx_max(store->nlistings, i + 1);

    listing->slice = step->slice;
    listing->from = step->from;
    listing->until = ngx_http_caphealth_tree_clock();
    listing->walk = *walk;
}


ngx_uint_t
ngx_http_caphealth_fleet_full(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_root_t *root)
{
    return ngx_http_caphealth_fleet_find(t, root)->nlistings
           == NGX_HTTP_CAPHEALTH_FLEET_LISTINGS;
}


/* a refresh that is under way is followed by another one */

void
ngx_http_caphealth_fleet_flush(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_root_t *root)
{
    if (ngx_http_caphealth_fleet_find(t, root)->nlistings
        && !t->waiting && t->event.timer_set)
    {
        ngx_add_timer(&t->event, 1);
    }
}


ngx_int_t
ngx_http_caphealth_fleet_counted(ngx_http_caphealth_source_timer_t *t,
    uint64_t serial, int fd)
{
    void                        *map;
    size_t                       size, i, n;
    ngx_int_t                    rc;
    caphealth_counted_t         *answer;
    ngx_http_caphealth_fleet_t  *fleet;

    fleet = t->data;

    map = caphealth_ipc_map(fd, &size);
    if (map == NULL) {
        return NGX_ERROR;
    }

    /* a copy, for the memfd is sealed and what was listed meanwhile is added */

    answer = ngx_alloc(size, t->timers->log);

    if (answer == NULL) {
        (void) munmap(map, size);
        return NGX_OK;
    }

    ngx_memcpy(answer, map, size);
    (void) munmap(map, size);

    n = size / sizeof(caphealth_counted_t);
    rc = (size % sizeof(caphealth_counted_t) || serial > fleet->serial)
         ? NGX_ERROR : NGX_OK;

    for (i = 0; rc == NGX_OK && i < n; i++) {
        if (answer[i].store >= fleet->nelts
            || !caphealth_counted_valid(&answer[i]))
        {
            rc = NGX_ERROR;
        }
    }

    /* when that was asked which is answered late is not known any more */

    for (i = 0; rc == NGX_OK && serial == fleet->serial && i < n; i++) {
        ngx_http_caphealth_fleet_take(t, &answer[i]);
    }

    ngx_free(answer);

    return rc;
}


static void
ngx_http_caphealth_fleet_take(ngx_http_caphealth_source_timer_t *t,
    caphealth_counted_t *answer)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i, level;
    caphealth_scan_t                   scan;
    caphealth_total_t                  total;
    ngx_shm_zone_t                    *zone;
    ngx_http_caphealth_root_t         *root;
    ngx_http_caphealth_fleet_t        *fleet;
    ngx_http_caphealth_fleet_store_t  *store;

    fleet = t->data;
    zone = t->timers->conf->zone;
    store = &fleet->elts[answer->store];
    root = store->root;

    /* what was listed after the request is sent with the next one */

    for (i = 0; i < store->nlistings; i++) {
        answer->todo[store->listings[i].slice] = 0;
    }

    rc = ngx_http_caphealth_tree_fleet_take(zone, &root->key, answer,
                                            fleet->asked);

    ngx_log_debug5(NGX_LOG_DEBUG_EVENT, t->timers->log, 0,
                   "caphealth counts of %V: %d slices, version %uL, trusted "
                   "%d, lister %d", &root->path, (int) answer->nslices,
                   answer->version, (int) answer->trusted,
                   (int) answer->lister);

    if (rc != NGX_DONE || !answer->lister
        || ngx_http_caphealth_tree_total(zone, &root->key, &total, &scan)
           != NGX_OK)
    {
        return;
    }

    level = (scan.drift_files || scan.drift_bytes) ? NGX_LOG_WARN
                                                   : NGX_LOG_NOTICE;

    ngx_log_error(level, t->timers->log, 0,
                  "caphealth %V: %L files, %L bytes, %L images found in %.3f "
                  "seconds; the counts of the fleet were off by %L files, %L "
                  "bytes", &root->path, total.files, total.bytes,
                  total.complete, scan.scan_seconds, scan.drift_files,
                  scan.drift_bytes);
}


json_t *
ngx_http_caphealth_fleet_finish(ngx_http_caphealth_collector_conf_t *conf)
{
    int                           failed;
    json_t                       *stores;
    ngx_uint_t                    i;
    ngx_http_caphealth_source_t  *source;

    failed = 0;
    stores = json_array();
    source = conf->sources->elts;

    for (i = 0; i < conf->sources->nelts; i++) {
        if (source[i].root && source[i].root->store) {
            failed |= ngx_http_caphealth_fleet_last(stores, conf->zone,
                                                    &source[i].root->key);
        }
    }

    if (failed) {
        json_decref(stores);
        return NULL;
    }

    return stores;
}


/* a refresh without an answer may be stored or not, and is sent again */

static int
ngx_http_caphealth_fleet_last(json_t *stores, ngx_shm_zone_t *zone,
    ngx_str_t *root)
{
    int                        failed;
    json_t                    *entry;
    caphealth_fleet_counts_t  *counts;

    counts = ngx_alloc(2 * sizeof(caphealth_fleet_counts_t), ngx_cycle->log);
    if (counts == NULL) {
        return -1;
    }

    failed = 0;

    if (ngx_http_caphealth_tree_fleet_finish(zone, root, &counts[0],
                                             &counts[1])
        == NGX_OK)
    {
        entry = caphealth_fleet_counts_request(&counts[0], (char *) root->data,
                                               0, NULL, 0);
        failed |= json_array_append_new(stores, entry);

        entry = caphealth_fleet_counts_request(&counts[1], (char *) root->data,
                                               0, NULL, 0);
        failed |= json_object_set_new(entry, "ended", json_true());
        failed |= json_array_append_new(stores, entry);
    }

    ngx_free(counts);

    return failed;
}
