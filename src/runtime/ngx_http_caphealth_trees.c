
/*
 * The counts of the image trees, in the zone.
 */

#include "ngx_http_caphealth_trees.h"


/* the most changes under way, of all workers */
#define NGX_HTTP_CAPHEALTH_MOVES    1024

/* while there are more, no walk is believed, for so many seconds at most: a
   worker may be killed with them.  No image takes longer to be put into an
   object store, or to be removed, with the time that it waits */
#define NGX_HTTP_CAPHEALTH_CROWDED  3600


typedef struct {
    uint64_t                worker;      /* 0: free */
    ngx_uint_t              slice;
} ngx_http_caphealth_move_t;


typedef struct {
    ngx_queue_t             queue;
    time_t                  crowded;     /* until then, if there are more
                                            changes than moves has room for */
    ngx_uint_t              others;      /* these */
    ngx_uint_t              shared;      /* processes that do not use this zone
                                            store images here, too */
    ngx_uint_t              passed;      /* a full scan has ended since */
    uint64_t                saved;       /* changes */
    ngx_uint_t              cursor;      /* the slice that is looked at next */
    ngx_uint_t              nmoves;      /* the last one in use, plus one */
    ngx_http_caphealth_move_t  moves[NGX_HTTP_CAPHEALTH_MOVES];
    ngx_http_caphealth_store_counts_t  store;
    caphealth_tree_t        tree;
    caphealth_fleet_counts_t  fleet;     /* if there is one */
    size_t                  path_len;
    u_char                  path[1];
} ngx_http_caphealth_tree_t;


static ngx_http_caphealth_tree_t *ngx_http_caphealth_tree_find(
    ngx_queue_t *trees, u_char *path, size_t len);
static ngx_http_caphealth_tree_t *ngx_http_caphealth_tree_lock(
    ngx_shm_zone_t *zone, ngx_str_t *root);
static void ngx_http_caphealth_tree_unlock(ngx_shm_zone_t *zone);
static void ngx_http_caphealth_tree_end_dead(ngx_shm_zone_t *zone,
    ngx_http_caphealth_tree_t *t);
static void ngx_http_caphealth_tree_set_shared(ngx_http_caphealth_tree_t *t,
    ngx_uint_t others);
static ngx_uint_t ngx_http_caphealth_tree_moving(
    ngx_http_caphealth_tree_t *t, ngx_uint_t slice);
static ngx_uint_t ngx_http_caphealth_tree_crowded(
    ngx_http_caphealth_tree_t *t);
static ngx_uint_t ngx_http_caphealth_tree_is_exact(ngx_shm_zone_t *zone,
    ngx_http_caphealth_tree_t *t, ngx_http_caphealth_step_t *step,
    caphealth_walk_t *walk);
static uint64_t ngx_http_caphealth_tree_hash(ngx_array_t *names,
    uint64_t hash);
static ngx_int_t ngx_http_caphealth_tree_due(ngx_http_caphealth_tree_t *t,
    ngx_http_caphealth_step_t *step, ngx_uint_t doubtful);
static void ngx_http_caphealth_tree_set_step(ngx_http_caphealth_tree_t *t,
    ngx_uint_t slice, ngx_http_caphealth_step_t *step);
static json_t *ngx_http_caphealth_tree_names(ngx_array_t *array);


ngx_int_t
ngx_http_caphealth_trees_allocate(ngx_slab_pool_t *shpool, ngx_queue_t *trees,
    ngx_array_t *roots)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_tree_t   *t;
    ngx_http_caphealth_root_t  **root;

    root = roots->elts;

    for (i = 0; i < roots->nelts; i++) {

        if (ngx_http_caphealth_tree_find(trees, root[i]->key.data,
                                         root[i]->key.len))
        {
            continue;
        }

        t = ngx_slab_calloc_locked(shpool, sizeof(ngx_http_caphealth_tree_t)
                                           + root[i]->key.len);
        if (t == NULL) {
            return NGX_ERROR;
        }

        t->path_len = root[i]->key.len;
        ngx_memcpy(t->path, root[i]->key.data, root[i]->key.len);

        ngx_queue_insert_tail(trees, &t->queue);
    }

    return NGX_OK;
}


void
ngx_http_caphealth_trees_remove_unused(ngx_slab_pool_t *shpool,
    ngx_queue_t *trees, ngx_array_t *roots)
{
    ngx_uint_t                   i;
    ngx_queue_t                 *q, *next;
    ngx_http_caphealth_tree_t   *t;
    ngx_http_caphealth_root_t  **root;

    root = roots->elts;

    for (q = ngx_queue_head(trees); q != ngx_queue_sentinel(trees); q = next)
    {
        next = ngx_queue_next(q);
        t = ngx_queue_data(q, ngx_http_caphealth_tree_t, queue);

        for (i = 0; i < roots->nelts; i++) {
            if (root[i]->key.len == t->path_len
                && ngx_memcmp(root[i]->key.data, t->path, t->path_len) == 0)
            {
                break;
            }
        }

        if (i == roots->nelts) {
            ngx_queue_remove(q);
            ngx_slab_free_locked(shpool, t);
        }
    }
}


/*
 * Into a zone of another size.  Uploads under way in workers of the old zone
 * move its counts and not these, so the copy is not live.
 */

void
ngx_http_caphealth_trees_copy_old(ngx_queue_t *trees, ngx_queue_t *from)
{
    ngx_queue_t                *q;
    ngx_http_caphealth_tree_t  *t, *old;

    for (q = ngx_queue_head(from);
         q != ngx_queue_sentinel(from);
         q = ngx_queue_next(q))
    {
        old = ngx_queue_data(q, ngx_http_caphealth_tree_t, queue);
        t = ngx_http_caphealth_tree_find(trees, old->path, old->path_len);

        if (t) {
            t->tree = old->tree;
            t->store = old->store;
            t->tree.scan.scanning_since = 0;

            if (t->tree.scan.source == CAPHEALTH_TREE_LIVE) {
                t->tree.scan.source = CAPHEALTH_TREE_SAVED;
            }
        }
    }
}


static ngx_http_caphealth_tree_t *
ngx_http_caphealth_tree_find(ngx_queue_t *trees, u_char *path, size_t len)
{
    ngx_queue_t                *q;
    ngx_http_caphealth_tree_t  *t;

    for (q = ngx_queue_head(trees);
         q != ngx_queue_sentinel(trees);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_caphealth_tree_t, queue);

        if (t->path_len == len && ngx_memcmp(t->path, path, len) == 0) {
            return t;
        }
    }

    return NULL;
}


/* NULL: there is none, and nothing is locked */

static ngx_http_caphealth_tree_t *
ngx_http_caphealth_tree_lock(ngx_shm_zone_t *zone, ngx_str_t *root)
{
    ngx_http_caphealth_tree_t   *t;
    ngx_http_caphealth_trees_t  *trees;

    trees = zone->data;

    ngx_shmtx_lock(&trees->shpool->mutex);

    t = ngx_http_caphealth_tree_find(trees->trees, root->data, root->len);

    if (t == NULL) {
        ngx_http_caphealth_tree_unlock(zone);
    }

    return t;
}


static void
ngx_http_caphealth_tree_unlock(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_trees_t  *trees;

    trees = zone->data;

    ngx_shmtx_unlock(&trees->shpool->mutex);
}


ngx_int_t
ngx_http_caphealth_tree_begin(ngx_shm_zone_t *zone, ngx_str_t *root, char *id)
{
    ngx_uint_t                  i, slice;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    slice = caphealth_tree_slice(id);
    t->tree.slices[slice].changes++;

    caphealth_fleet_counts_touch(&t->fleet, slice,
                                 ngx_http_caphealth_tree_clock());

    for (i = 0; i < NGX_HTTP_CAPHEALTH_MOVES && t->moves[i].worker; i++) {
        /* void */
    }

    /* that a worker without a number is gone would not be seen */

    if (ngx_http_caphealth_worker_self() == 0) {
        i = NGX_HTTP_CAPHEALTH_MOVES;
    }

    if (i < NGX_HTTP_CAPHEALTH_MOVES) {
        t->moves[i].slice = slice;
        t->moves[i].worker = ngx_http_caphealth_worker_self();
        t->nmoves = ngx_max(t->nmoves, i + 1);

    } else {
        if (t->crowded <= ngx_time()) {
            t->others = 0;
        }

        t->others++;
        t->crowded = ngx_time() + NGX_HTTP_CAPHEALTH_CROWDED;
    }

    ngx_http_caphealth_tree_unlock(zone);

    return i < NGX_HTTP_CAPHEALTH_MOVES ? (ngx_int_t) i : NGX_BUSY;
}


void
ngx_http_caphealth_tree_move(ngx_shm_zone_t *zone, ngx_str_t *root, char *id,
    int64_t files, int64_t bytes, int64_t complete)
{
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return;
    }

    caphealth_tree_move(&t->tree, id, files, bytes, complete);
    caphealth_fleet_counts_move(&t->fleet, id, files, bytes, complete,
                                ngx_http_caphealth_tree_clock());

    ngx_http_caphealth_tree_unlock(zone);
}


void
ngx_http_caphealth_tree_end(ngx_shm_zone_t *zone, ngx_str_t *root, char *id,
    ngx_int_t begun, ngx_uint_t sure)
{
    double                      now;
    ngx_uint_t                  slice;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return;
    }

    now = ngx_http_caphealth_tree_clock();
    slice = caphealth_tree_slice(id);
    t->tree.slices[slice].changes++;

    caphealth_fleet_counts_touch(&t->fleet, slice, now);

    if (!sure) {
        t->tree.slices[slice].doubtful = 1;
        caphealth_fleet_counts_doubt(&t->fleet, slice, now);
    }

    if (begun == NGX_BUSY && t->others) {
        t->others--;
    }

    /* if a reload has dropped the tree and another has made it again, the
       place may be another's */

    if (begun >= 0
        && t->moves[begun].worker == ngx_http_caphealth_worker_self()
        && t->moves[begun].slice == slice)
    {
        t->moves[begun].worker = 0;

        while (t->nmoves && t->moves[t->nmoves - 1].worker == 0) {
            t->nmoves--;
        }
    }

    ngx_http_caphealth_tree_unlock(zone);
}


ngx_int_t
ngx_http_caphealth_tree_step(ngx_shm_zone_t *zone, ngx_str_t *root,
    double interval, ngx_uint_t others, ngx_http_caphealth_step_t *step)
{
    double                      now;
    ngx_int_t                   rc;
    caphealth_scan_t           *scan;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    now = ngx_http_caphealth_now();
    scan = &t->tree.scan;

    ngx_http_caphealth_tree_end_dead(zone, t);
    ngx_http_caphealth_tree_set_shared(t, others);

    if (ngx_http_caphealth_tree_due(t, step, 1) == NGX_OK) {
        ngx_http_caphealth_tree_unlock(zone);
        return NGX_OK;
    }

    if (scan->scanning_since == 0
        && ((scan->source != CAPHEALTH_TREE_LIVE && !t->passed)
            || !scan->counted_known
            || scan->scanned_at > now
            || (interval > 0 && now - scan->scanned_at >= interval)))
    {
        caphealth_tree_begin(&t->tree, now);
    }

    rc = NGX_DECLINED;

    if (scan->scanning_since != 0) {
        rc = ngx_http_caphealth_tree_due(t, step, 0);

        if (rc == NGX_DONE) {
            caphealth_tree_end(&t->tree, now);

            if (t->shared) {
                t->passed = 1;
                scan->source = CAPHEALTH_TREE_SAVED;
            }
        }
    }

    ngx_http_caphealth_tree_unlock(zone);

    return rc;
}


/*
 * While processes with another zone change the tree, no count is live, whatever
 * a scan has found.  When they are gone, the next scan finds what they did.
 */

static void
ngx_http_caphealth_tree_set_shared(ngx_http_caphealth_tree_t *t,
    ngx_uint_t others)
{
    if (others == t->shared) {
        return;
    }

    t->shared = others;
    t->passed = 0;
    t->tree.scan.scanning_since = 0;

    if (t->tree.scan.source == CAPHEALTH_TREE_LIVE) {
        t->tree.scan.source = CAPHEALTH_TREE_SAVED;
        t->tree.changes++;
    }
}


/* NGX_DECLINED: the slices left are being changed.  NGX_DONE: none is left. */

static ngx_int_t
ngx_http_caphealth_tree_due(ngx_http_caphealth_tree_t *t,
    ngx_http_caphealth_step_t *step, ngx_uint_t doubtful)
{
    ngx_int_t           rc;
    ngx_uint_t          i, slice;
    caphealth_slice_t  *s;

    rc = NGX_DONE;

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        slice = (t->cursor + i) % CAPHEALTH_SLICES;
        s = &t->tree.slices[slice];

        if (doubtful ? !s->doubtful : s->walked) {
            continue;
        }

        if (ngx_http_caphealth_tree_moving(t, slice)) {
            rc = NGX_DECLINED;
            continue;
        }

        ngx_http_caphealth_tree_set_step(t, slice, step);

        return NGX_OK;
    }

    return rc;
}


static void
ngx_http_caphealth_tree_set_step(ngx_http_caphealth_tree_t *t,
    ngx_uint_t slice, ngx_http_caphealth_step_t *step)
{
    t->cursor = (slice + 1) % CAPHEALTH_SLICES;

    step->slice = slice;
    step->changes = t->tree.slices[slice].changes;
    step->from = ngx_http_caphealth_tree_clock();
}


static ngx_uint_t
ngx_http_caphealth_tree_moving(ngx_http_caphealth_tree_t *t, ngx_uint_t slice)
{
    ngx_uint_t  i;

    if (ngx_http_caphealth_tree_crowded(t)) {
        return 1;
    }

    for (i = 0; i < t->nmoves; i++) {
        if (t->moves[i].worker && t->moves[i].slice == slice) {
            return 1;
        }
    }

    return 0;
}


/* there are more changes under way than can be distinguished */

static ngx_uint_t
ngx_http_caphealth_tree_crowded(ngx_http_caphealth_tree_t *t)
{
    return t->others
           && t->crowded > ngx_time()
           && t->crowded <= ngx_time() + NGX_HTTP_CAPHEALTH_CROWDED;
}


/* a worker that is gone may have changed half of the files: they are walked */

static void
ngx_http_caphealth_tree_end_dead(ngx_shm_zone_t *zone,
    ngx_http_caphealth_tree_t *t)
{
    ngx_uint_t                      i;
    ngx_http_caphealth_move_t      *move;
    ngx_http_caphealth_counters_t  *counters;

    counters = ((ngx_http_caphealth_trees_t *) zone->data)->counters;

    for (i = 0; i < t->nmoves; i++) {
        move = &t->moves[i];

        if (move->worker
            && ngx_http_caphealth_worker_gone(counters, move->worker))
        {
            t->tree.slices[move->slice].doubtful = 1;
            t->tree.slices[move->slice].changes++;
            caphealth_fleet_counts_doubt(&t->fleet, move->slice,
                                         ngx_http_caphealth_tree_clock());
            move->worker = 0;
        }
    }
}


/* whether nothing has changed the slice since the walk of it began */

static ngx_uint_t
ngx_http_caphealth_tree_is_exact(ngx_shm_zone_t *zone,
    ngx_http_caphealth_tree_t *t, ngx_http_caphealth_step_t *step,
    caphealth_walk_t *walk)
{
    ngx_http_caphealth_tree_end_dead(zone, t);

    /* an old collector may have counted other variants after a reload */

    return t->tree.slices[step->slice].changes == step->changes
           && t->tree.scan.counted == walk->counted
           && !ngx_http_caphealth_tree_moving(t, step->slice);
}


ngx_int_t
ngx_http_caphealth_tree_walked(ngx_shm_zone_t *zone, ngx_str_t *root,
    ngx_http_caphealth_step_t *step, caphealth_walk_t *walk)
{
    ngx_int_t                   rc;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_OK;
    }

    rc = NGX_AGAIN;

    if (ngx_http_caphealth_tree_is_exact(zone, t, step, walk)) {
        caphealth_tree_replace(&t->tree, step->slice, walk);
        rc = NGX_OK;
    }

    ngx_http_caphealth_tree_unlock(zone);

    return rc;
}


void
ngx_http_caphealth_tree_abandon(ngx_shm_zone_t *zone, ngx_str_t *root)
{
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);

    if (t) {
        t->tree.scan.scanning_since = 0;
        ngx_http_caphealth_tree_unlock(zone);
    }
}


ngx_int_t
ngx_http_caphealth_tree_fleet_step(ngx_shm_zone_t *zone, ngx_str_t *root,
    double contact, ngx_http_caphealth_step_t *step)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i, slice;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_caphealth_tree_end_dead(zone, t);

    rc = NGX_DECLINED;

    if (t->fleet.contact == 0
        || ngx_http_caphealth_tree_clock() - t->fleet.contact > contact)
    {
        if (t->tree.scan.source == CAPHEALTH_TREE_LIVE) {
            t->tree.scan.source = CAPHEALTH_TREE_SAVED;
            t->tree.changes++;
        }

        rc = NGX_ERROR;
    }

    for (i = 0; rc == NGX_DECLINED && t->fleet.lister
                && i < CAPHEALTH_SLICES; i++)
    {
        slice = (t->cursor + i) % CAPHEALTH_SLICES;

        if (t->fleet.todo[slice]
            && !ngx_http_caphealth_tree_moving(t, slice))
        {
            ngx_http_caphealth_tree_set_step(t, slice, step);
            rc = NGX_OK;
        }
    }

    ngx_http_caphealth_tree_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_caphealth_tree_fleet_walked(ngx_shm_zone_t *zone, ngx_str_t *root,
    ngx_http_caphealth_step_t *step, caphealth_walk_t *walk)
{
    ngx_int_t                   rc;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_AGAIN;
    }

    rc = NGX_AGAIN;

    if (ngx_http_caphealth_tree_is_exact(zone, t, step, walk)) {
        t->fleet.todo[step->slice] = 0;
        rc = NGX_OK;
    }

    ngx_http_caphealth_tree_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_caphealth_tree_fleet_report(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_fleet_counts_t *counts, uint64_t *counted)
{
    uint8_t                     changing[CAPHEALTH_SLICES];
    ngx_uint_t                  i;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_caphealth_tree_end_dead(zone, t);

    ngx_memset(changing, ngx_http_caphealth_tree_crowded(t),
               sizeof(changing));

    for (i = 0; i < t->nmoves; i++) {
        if (t->moves[i].worker) {
            changing[t->moves[i].slice] = 1;
        }
    }

    caphealth_fleet_counts_freeze(&t->fleet, changing,
                                  ngx_http_caphealth_tree_clock(),
                                  (uint64_t) (ngx_http_caphealth_now()
                                              * 1000));
    *counts = t->fleet;
    *counted = t->tree.scan.counted;

    ngx_http_caphealth_tree_unlock(zone);

    return NGX_OK;
}


ngx_int_t
ngx_http_caphealth_tree_fleet_take(ngx_shm_zone_t *zone, ngx_str_t *root,
    const caphealth_counted_t *answer, double asked)
{
    int                         ended;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    ended = caphealth_fleet_counts_take(&t->fleet, &t->tree, answer, asked,
                                        ngx_http_caphealth_tree_clock(),
                                        ngx_http_caphealth_now());

    ngx_http_caphealth_tree_unlock(zone);

    return ended ? NGX_DONE : NGX_OK;
}


/* a change that is under way is of a worker that was killed: it is doubtful */

ngx_int_t
ngx_http_caphealth_tree_fleet_finish(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_fleet_counts_t *counts, caphealth_fleet_counts_t *last)
{
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_caphealth_tree_end_dead(zone, t);

    caphealth_fleet_counts_finish(&t->fleet, counts, last,
                                  ngx_http_caphealth_tree_clock(),
                                  (uint64_t) (ngx_http_caphealth_now()
                                              * 1000));

    ngx_http_caphealth_tree_unlock(zone);

    return NGX_OK;
}


double
ngx_http_caphealth_tree_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_BOOTTIME, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


ngx_int_t
ngx_http_caphealth_tree_total(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_total_t *total, caphealth_scan_t *scan)
{
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    caphealth_tree_total(&t->tree, total);
    *scan = t->tree.scan;

    ngx_http_caphealth_tree_unlock(zone);

    return NGX_OK;
}


void
ngx_http_caphealth_tree_count_requests(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_ship_requests_t *requests)
{
    ngx_uint_t                  i;
    caphealth_ship_requests_t  *r;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return;
    }

    r = &t->store.requests;

    for (i = 0; i < CAPHEALTH_SHIP_STATUSES; i++) {
        r->results[i] += requests->results[i];
    }

    r->damaged += requests->damaged;
    r->retries += requests->retries;
    r->sent += requests->sent;

    ngx_http_caphealth_tree_unlock(zone);
}


void
ngx_http_caphealth_tree_count_shipment(ngx_shm_zone_t *zone, ngx_str_t *root,
    ngx_uint_t removal, caphealth_ship_status_e status, ngx_msec_t elapsed)
{
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return;
    }

    if (removal) {
        t->store.removed[status]++;

    } else {
        t->store.put[status]++;

        if (status == CAPHEALTH_SHIP_OK) {
            t->store.buckets[ngx_http_caphealth_bucket(elapsed)]++;
            t->store.sum += elapsed;
        }
    }

    ngx_http_caphealth_tree_unlock(zone);
}


ngx_int_t
ngx_http_caphealth_tree_store_counts(ngx_shm_zone_t *zone, ngx_str_t *root,
    ngx_http_caphealth_store_counts_t *counts)
{
    ngx_uint_t                  i;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_caphealth_tree_end_dead(zone, t);

    *counts = t->store;
    counts->under_way = t->others;

    for (i = 0; i < t->nmoves; i++) {
        counts->under_way += (t->moves[i].worker != 0);
    }

    ngx_http_caphealth_tree_unlock(zone);

    return NGX_OK;
}


/*
 * This is called by a thread of the pool, which may lose its CPU while it holds
 * the mutex that all workers need.  So one slice is copied at a time.  An image
 * is in one slice, so each slice is right, if not all as of the same moment;
 * what changes after the first lock is saved the next time.
 */

ngx_int_t
ngx_http_caphealth_tree_copy(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_tree_t *tree)
{
    ngx_uint_t                  i;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    /* a tree that is not known yet must not replace the saved one */

    if (t->tree.changes == t->saved
        || t->tree.scan.source == CAPHEALTH_TREE_UNKNOWN)
    {
        ngx_http_caphealth_tree_unlock(zone);
        return NGX_DECLINED;
    }

    tree->changes = t->tree.changes;
    tree->scan = t->tree.scan;

    t->saved = t->tree.changes;

    ngx_http_caphealth_tree_unlock(zone);

    for (i = 0; i < CAPHEALTH_SLICES; i++) {

        /* a reload may have dropped the tree meanwhile */

        t = ngx_http_caphealth_tree_lock(zone, root);
        if (t == NULL) {
            return NGX_DECLINED;
        }

        tree->slices[i] = t->tree.slices[i];

        if (i < CAPHEALTH_TOP) {
            ngx_memcpy(tree->leaves[i], t->tree.leaves[i],
                       sizeof(tree->leaves[i]));
        }

        ngx_http_caphealth_tree_unlock(zone);
    }

    return NGX_OK;
}


void
ngx_http_caphealth_tree_unsaved(ngx_shm_zone_t *zone, ngx_str_t *root)
{
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);

    if (t) {
        t->saved = t->tree.changes - 1;
        ngx_http_caphealth_tree_unlock(zone);
    }
}


ngx_uint_t
ngx_http_caphealth_tree_unknown(ngx_shm_zone_t *zone, ngx_str_t *root)
{
    ngx_uint_t                  blank;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return 0;
    }

    blank = (t->tree.scan.source == CAPHEALTH_TREE_UNKNOWN
             && t->tree.changes == 0);

    ngx_http_caphealth_tree_unlock(zone);

    return blank;
}


ngx_int_t
ngx_http_caphealth_tree_restore(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_tree_t *tree)
{
    ngx_uint_t                  i;
    ngx_http_caphealth_tree_t  *t;

    t = ngx_http_caphealth_tree_lock(zone, root);
    if (t == NULL) {
        return NGX_DECLINED;
    }

    if (t->tree.scan.source != CAPHEALTH_TREE_UNKNOWN
        || t->tree.changes != 0)
    {
        ngx_http_caphealth_tree_unlock(zone);
        return NGX_DECLINED;
    }

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        tree->slices[i].walked = 0;
        tree->slices[i].doubtful = 0;
        tree->slices[i].changes += t->tree.slices[i].changes + 1;
    }

    tree->scan.scanning_since = 0;
    tree->scan.source = CAPHEALTH_TREE_SAVED;

    t->tree = *tree;
    t->saved = tree->changes;

    ngx_http_caphealth_tree_unlock(zone);

    return NGX_OK;
}


double
ngx_http_caphealth_tree_mark(ngx_shm_zone_t *zone,
    ngx_http_caphealth_root_t *root)
{
    double                      since;
    uint64_t                    marks, counted;
    ngx_http_caphealth_tree_t  *t;

    marks = ngx_http_caphealth_tree_hash(&root->marks, CAPHEALTH_HASH);
    counted = ngx_http_caphealth_tree_hash(&root->counted,
                                           root->counted.nelts ? CAPHEALTH_HASH
                                                               : 0);

    t = ngx_http_caphealth_tree_lock(zone, &root->key);
    if (t == NULL) {
        return ngx_http_caphealth_now();
    }

    /*
     * A worker that quits may start a shipper for an upload.  It has the
     * variants of the old configuration; with them, listings that count the new
     * ones would be refused.
     */

    if (!ngx_exiting) {
        caphealth_tree_count(&t->tree, counted);
        caphealth_tree_mark(&t->tree, marks, ngx_http_caphealth_now());
    }

    since = t->tree.scan.marks_since;

    ngx_http_caphealth_tree_unlock(zone);

    return since;
}


static uint64_t
ngx_http_caphealth_tree_hash(ngx_array_t *names, uint64_t hash)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {
        hash = caphealth_hash(hash, name[i].data, name[i].len + 1);
    }

    return hash;
}


int
ngx_http_caphealth_tree_settings(json_t *entry, ngx_shm_zone_t *zone,
    ngx_http_caphealth_root_t *root)
{
    int                         failed;
    double                      since;
    json_t                     *marks;
    ngx_array_t                 none;
    ngx_http_caphealth_root_t  *images;

    since = ngx_http_caphealth_tree_mark(zone, root);
    images = root->images;

    ngx_memzero(&none, sizeof(ngx_array_t));

    if (images) {
        root = images;
    }

    /* a tree that others fill: the usual mark, and nothing is removed */

    marks = root->marks.nelts
            ? ngx_http_caphealth_tree_names(&root->marks)
            : json_pack("[s]", "original");

    failed = json_object_set_new(entry, "marks", marks);
    failed |= json_object_set_new(entry, "variants",
                         ngx_http_caphealth_tree_names(&root->parts));
    failed |= json_object_set_new(entry, "counted",
                             ngx_http_caphealth_tree_names(images ? &none
                                                           : &root->counted));
    failed |= json_object_set_new(entry, "since", json_real(since));

    if (images) {
        failed |= json_object_set_new(entry, "images",
                                      json_stringn((char *) images->path.data,
                                                   images->path.len));
    }

    return failed;
}


static json_t *
ngx_http_caphealth_tree_names(ngx_array_t *array)
{
    json_t      *names;
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = array->elts;
    names = json_array();

    for (i = 0; i < array->nelts; i++) {
        if (json_array_append_new(names,
                                  json_stringn((char *) name[i].data,
                                               name[i].len))
            == -1)
        {
            json_decref(names);
            return NULL;
        }
    }

    return names;
}
