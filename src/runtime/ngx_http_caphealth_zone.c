
/*
 * The shared memory zone: the latest facts, a section for each source.
 */

#include "ngx_http_caphealth_zone.h"
#include "ngx_http_caphealth_trees.h"

#include <sys/random.h>


/* "caphlth" and the version of the structures below */
#define NGX_HTTP_CAPHEALTH_LAYOUT  ((uint64_t) 0x636170686c746800 + 18)


/*
 * A worker that publishes may be killed at any line: it writes what is not
 * current, and makes it current with one store.
 */

typedef struct {
    ngx_queue_t                 queue;
    ngx_atomic_uint_t           generation;
    ngx_uint_t                  current;
    ngx_http_caphealth_facts_t  facts[2];
    double                      error_since;
    u_char                     *copying;     /* a text that is no facts' yet */
    ngx_pid_t                   pid;         /* who copies it */
    size_t                      key_len;
    u_char                      key[1];
} ngx_http_caphealth_section_t;


typedef struct {
    uint64_t            layout;
    uint64_t            number;
    ngx_atomic_t        generation;
    ngx_atomic_t        cycles;              /* that have used the zone */
    ngx_queue_t         sections;
    ngx_queue_t         trees;
    ngx_http_caphealth_counters_t  counters;
    ngx_http_caphealth_uses_t     *uses;     /* NULL: none was noted yet */
    caphealth_cpu_window_t         cpu;
    ngx_atomic_uint_t              past_generation;
    caphealth_history_facts_t      past;
} ngx_http_caphealth_sh_t;


typedef struct {
    ngx_http_caphealth_trees_t   trees;      /* first, for trees.c */
    ngx_http_caphealth_sh_t     *sh;
    ngx_slab_pool_t             *shpool;
    ngx_array_t                 *keys;
    ngx_array_t                 *roots;
    ngx_array_t                 *dirs;
    ngx_cycle_t                 *cycle;
    ngx_atomic_uint_t            number;     /* of the cycle, of sh->cycles */
} ngx_http_caphealth_zone_t;


static ngx_int_t ngx_http_caphealth_zone_init(ngx_shm_zone_t *zone,
    void *data);
static void ngx_http_caphealth_zone_attach(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_sh_t *sh);
static ngx_shm_zone_t *ngx_http_caphealth_zone_live(ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_caphealth_zone_allocate(
    ngx_http_caphealth_zone_t *z);
static void ngx_http_caphealth_zone_undo(ngx_http_caphealth_zone_t *z,
    ngx_queue_t *queue, ngx_queue_t *last);
static ngx_int_t ngx_http_caphealth_zone_no_room(ngx_shm_zone_t *zone);
static void ngx_http_caphealth_zone_copy_old(ngx_shm_zone_t *zone);
static void ngx_http_caphealth_zone_copy_section(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *to, ngx_http_caphealth_section_t *from);
static ngx_http_caphealth_section_t *ngx_http_caphealth_zone_section(
    ngx_http_caphealth_sh_t *sh, ngx_str_t *key);
static ngx_http_caphealth_section_t *ngx_http_caphealth_section_create(
    ngx_http_caphealth_zone_t *z, ngx_str_t *key);
static ngx_uint_t ngx_http_caphealth_section_newer(
    ngx_http_caphealth_section_t *s, ngx_http_caphealth_facts_t *facts);
static void ngx_http_caphealth_section_set(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s, ngx_http_caphealth_facts_t *facts,
    u_char *text);
static ngx_int_t ngx_http_caphealth_section_text(
    ngx_http_caphealth_zone_t *z, ngx_http_caphealth_section_t *s,
    ngx_str_t *text, u_char **copy);
static ngx_uint_t ngx_http_caphealth_section_copies(
    ngx_http_caphealth_section_t *s);
static void ngx_http_caphealth_section_abandon(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s);
static void ngx_http_caphealth_section_tidy(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s);
static u_char *ngx_http_caphealth_section_alloc(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s, size_t len);
static void ngx_http_caphealth_section_error(ngx_http_caphealth_section_t *s,
    ngx_http_caphealth_facts_t *facts, ngx_http_caphealth_change_e *change,
    double *since);


static ngx_str_t  ngx_http_caphealth_zone_name = ngx_string("caphealth");


ngx_shm_zone_t *
ngx_http_caphealth_zone_add(ngx_conf_t *cf, size_t size, ngx_array_t *keys,
    ngx_array_t *roots, ngx_array_t *dirs, void *tag)
{
    ngx_shm_zone_t             *zone, *live;
    ngx_http_caphealth_zone_t  *z;

    zone = ngx_shared_memory_add(cf, &ngx_http_caphealth_zone_name, size,
                                 tag);
    if (zone == NULL) {
        return NULL;
    }

    z = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_zone_t));
    if (z == NULL) {
        return NULL;
    }

    z->keys = keys;
    z->roots = roots;
    z->dirs = dirs;
    z->cycle = cf->cycle;

    zone->init = ngx_http_caphealth_zone_init;
    zone->data = z;

    /*
     * The old workers go on with their sections and trees, so that a reload
     * needs room for its own beside them, of which "nginx -t" knows nothing.
     * Where there is none, the reload takes a zone of its own, as after a
     * change of the size, in which there is the room that a test has found.
     */

    live = ngx_http_caphealth_zone_live(zone);

    if (live && live->shm.size == size) {
        z->shpool = (ngx_slab_pool_t *) live->shm.addr;
        z->sh = ((ngx_http_caphealth_zone_t *) live->data)->sh;

        zone->noreuse = (ngx_http_caphealth_zone_allocate(z) != NGX_OK);

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, cf->log, 0,
                       "caphealth zone of its own: %ui", zone->noreuse);
    }

    return zone;
}


static ngx_int_t
ngx_http_caphealth_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_caphealth_zone_t  *oz = data;

    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    /*
     * Here the user is known, which a module of HTTP cannot tell before, and
     * a reload that fails still leaves the old cycle as it was.
     */

    if (ngx_http_caphealth_directories_create(z->cycle, z->dirs, zone->shm.log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    z->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (oz) {
        ngx_http_caphealth_zone_attach(z, oz->sh);

        return ngx_http_caphealth_zone_allocate(z) == NGX_OK
               ? NGX_OK : ngx_http_caphealth_zone_no_room(zone);
    }

    z->sh = ngx_slab_calloc(z->shpool, sizeof(ngx_http_caphealth_sh_t));
    if (z->sh == NULL) {
        return NGX_ERROR;
    }

    z->shpool->data = z->sh;
    ngx_http_caphealth_zone_attach(z, z->sh);

    /* a worker says for itself what did not fit, and what to do about it */

    z->shpool->log_nomem = 0;

    if (getrandom(&z->sh->number, sizeof(uint64_t), 0) != sizeof(uint64_t)) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, ngx_errno,
                      "getrandom() failed");
        return NGX_ERROR;
    }

    z->sh->number = z->sh->number % (INT64_MAX / 2) + 1;
    z->sh->layout = NGX_HTTP_CAPHEALTH_LAYOUT;
    ngx_queue_init(&z->sh->sections);
    ngx_queue_init(&z->sh->trees);

    if (ngx_http_caphealth_counters_init(&z->sh->counters) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_caphealth_zone_allocate(z) != NGX_OK) {
        return ngx_http_caphealth_zone_no_room(zone);
    }

    ngx_http_caphealth_zone_copy_old(zone);

    return NGX_OK;
}


static void
ngx_http_caphealth_zone_attach(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_sh_t *sh)
{
    z->sh = sh;

    z->trees.shpool = z->shpool;
    z->trees.trees = &sh->trees;
    z->trees.counters = &sh->counters;
    z->trees.uses = &sh->uses;
}


/* makes the sections and trees of this configuration; all of them, or none */

static ngx_int_t
ngx_http_caphealth_zone_allocate(ngx_http_caphealth_zone_t *z)
{
    ngx_int_t     rc;
    ngx_str_t    *key;
    ngx_uint_t    i;
    ngx_queue_t  *section, *tree;

    rc = NGX_OK;
    key = z->keys->elts;

    ngx_shmtx_lock(&z->shpool->mutex);

    section = ngx_queue_last(&z->sh->sections);
    tree = ngx_queue_last(&z->sh->trees);

    for (i = 0; i < z->keys->nelts && rc == NGX_OK; i++) {

        if (ngx_http_caphealth_zone_section(z->sh, &key[i]) == NULL
            && ngx_http_caphealth_section_create(z, &key[i]) == NULL)
        {
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_caphealth_trees_allocate(z->shpool, &z->sh->trees,
                                               z->roots);
    }

    if (rc != NGX_OK) {
        ngx_http_caphealth_zone_undo(z, &z->sh->sections, section);
        ngx_http_caphealth_zone_undo(z, &z->sh->trees, tree);
    }

    ngx_shmtx_unlock(&z->shpool->mutex);

    return rc;
}


/* what was added behind the last; both begin with their queue */

static void
ngx_http_caphealth_zone_undo(ngx_http_caphealth_zone_t *z,
    ngx_queue_t *queue, ngx_queue_t *last)
{
    ngx_queue_t  *q;

    while (ngx_queue_last(queue) != last) {
        q = ngx_queue_last(queue);

        ngx_queue_remove(q);
        ngx_slab_free_locked(z->shpool, q);
    }
}


static ngx_int_t
ngx_http_caphealth_zone_no_room(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "\"caphealth_zone\" of %uz bytes has no room for %ui "
                  "sections of facts and %ui image trees of %ui kilobytes, "
                  "make it larger", zone->shm.size, z->keys->nelts,
                  z->roots->nelts,
                  (ngx_uint_t) NGX_HTTP_CAPHEALTH_TREE_SIZE / 1024);

    return NGX_ERROR;
}


static ngx_http_caphealth_section_t *
ngx_http_caphealth_section_create(ngx_http_caphealth_zone_t *z,
    ngx_str_t *key)
{
    ngx_http_caphealth_section_t  *s;

    s = ngx_slab_calloc_locked(z->shpool,
                               sizeof(ngx_http_caphealth_section_t)
                               + key->len);
    if (s == NULL) {
        return NULL;
    }

    s->key_len = key->len;
    ngx_memcpy(s->key, key->data, key->len);

    ngx_queue_insert_tail(&z->sh->sections, &s->queue);

    return s;
}


void
ngx_http_caphealth_zone_remove_unused(ngx_shm_zone_t *zone)
{
    ngx_str_t                     *key;
    ngx_uint_t                     i;
    ngx_queue_t                   *q, *next;
    ngx_http_caphealth_zone_t     *z;
    ngx_http_caphealth_section_t  *s;

    z = zone->data;
    key = z->keys->elts;

    ngx_shmtx_lock(&z->shpool->mutex);

    for (q = ngx_queue_head(&z->sh->sections);
         q != ngx_queue_sentinel(&z->sh->sections);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_caphealth_section_t, queue);

        for (i = 0; i < z->keys->nelts; i++) {
            if (key[i].len == s->key_len
                && ngx_memcmp(key[i].data, s->key, s->key_len) == 0)
            {
                break;
            }
        }

        if (i < z->keys->nelts || ngx_http_caphealth_section_copies(s)) {
            continue;
        }

        ngx_queue_remove(q);

        ngx_http_caphealth_section_abandon(z, s);

        if (s->facts[s->current].text.data) {
            ngx_slab_free_locked(z->shpool, s->facts[s->current].text.data);
        }

        ngx_slab_free_locked(z->shpool, s);
    }

    ngx_http_caphealth_trees_remove_unused(z->shpool, &z->sh->trees, z->roots);

    ngx_shmtx_unlock(&z->shpool->mutex);
}


/* the zone that the workers use at a reload; NULL: there is none */

static ngx_shm_zone_t *
ngx_http_caphealth_zone_live(ngx_shm_zone_t *zone)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *live;
    ngx_list_part_t  *part;

    part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;

    for ( /* void */ ; part; part = part->next) {
        live = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (live[i].tag == zone->tag
                && live[i].shm.addr != NULL
                && live[i].shm.addr != zone->shm.addr
                && live[i].shm.name.len == zone->shm.name.len
                && ngx_strncmp(live[i].shm.name.data, zone->shm.name.data,
                               zone->shm.name.len)
                   == 0)
            {
                return &live[i];
            }
        }
    }

    return NULL;
}


/* new memory: what the old zone knew is copied */

static void
ngx_http_caphealth_zone_copy_old(ngx_shm_zone_t *zone)
{
    ngx_str_t                      key;
    ngx_queue_t                   *q;
    ngx_shm_zone_t                *live;
    ngx_http_caphealth_zone_t     *z, *oz;
    ngx_http_caphealth_section_t  *s, *os;

    z = zone->data;

    live = ngx_http_caphealth_zone_live(zone);
    oz = live ? live->data : NULL;

    if (oz == NULL || oz->sh == NULL
        || oz->sh->layout != NGX_HTTP_CAPHEALTH_LAYOUT)
    {
        return;
    }

    ngx_shmtx_lock(&oz->shpool->mutex);

    for (q = ngx_queue_head(&oz->sh->sections);
         q != ngx_queue_sentinel(&oz->sh->sections);
         q = ngx_queue_next(q))
    {
        os = ngx_queue_data(q, ngx_http_caphealth_section_t, queue);

        key.len = os->key_len;
        key.data = os->key;

        s = ngx_http_caphealth_zone_section(z->sh, &key);

        if (s) {
            ngx_http_caphealth_zone_copy_section(z, s, os);
        }
    }

    ngx_http_caphealth_trees_copy_old(&z->sh->trees, &oz->sh->trees);
    ngx_http_caphealth_counters_copy_old(&z->sh->counters, &oz->sh->counters);
    z->sh->cpu = oz->sh->cpu;
    z->sh->past = oz->sh->past;
    z->sh->past_generation = oz->sh->past_generation;

    if (oz->sh->uses) {
        z->sh->uses = ngx_slab_alloc(z->shpool,
                                     sizeof(ngx_http_caphealth_uses_t));
        if (z->sh->uses) {
            *z->sh->uses = *oz->sh->uses;
        }
    }

    ngx_shmtx_unlock(&oz->shpool->mutex);
}


static void
ngx_http_caphealth_zone_copy_section(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *to, ngx_http_caphealth_section_t *from)
{
    u_char                      *text;
    ngx_http_caphealth_facts_t  *facts;

    facts = &to->facts[to->current];
    *facts = from->facts[from->current];

    text = facts->text.data;
    facts->text.data = NULL;

    while (facts->text.len && facts->text.data == NULL) {
        facts->text.data = ngx_slab_alloc(z->shpool, facts->text.len);

        if (facts->text.data == NULL) {
            (void) ngx_http_caphealth_zone_less(facts);
            continue;
        }

        ngx_memcpy(facts->text.data, text, facts->text.len);
        facts->text.data[facts->text.len - 1] = '\0';
    }

    to->error_since = from->error_since;
    to->generation = ++z->sh->generation;
}


char *
ngx_http_caphealth_zone_less(ngx_http_caphealth_facts_t *facts)
{
    caphealth_fleet_t     *f;
    caphealth_database_t  *d;

    if (facts->text.len == 0) {
        return NULL;
    }

    if (facts->source == CAPHEALTH_SOURCE_FLEET) {
        f = &facts->facts.fleet;
        f->nnodes /= 2;

        facts->text.len = caphealth_fleet_nodes_size(f);

        if (f->nnodes == 0) {
            ngx_str_null(&facts->text);
        }

        return "nodes do";
    }

    d = &facts->facts.database;

    if (d->list_len == CAPHEALTH_UNKNOWN) {
        d->names_len = CAPHEALTH_UNKNOWN;
        ngx_str_null(&facts->text);
        return "vendors' names do";
    }

    d->list_len = CAPHEALTH_UNKNOWN;
    d->list_vendors = CAPHEALTH_UNKNOWN;

    facts->text.len = caphealth_vendors_size(d);

    return "list of vendors does";
}


uint64_t
ngx_http_caphealth_zone_number(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    return z->sh->number;
}


void
ngx_http_caphealth_zone_begin(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    z->number = ++z->sh->cycles;
}


/*
 * After a reload, the last old worker may leave before a new one has joined.
 * The number of cycles shows that there will be new ones.
 */

ngx_uint_t
ngx_http_caphealth_zone_leave(ngx_shm_zone_t *zone)
{
    ngx_uint_t                  last;
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    ngx_http_caphealth_worker_leave();

    last = z->number == z->sh->cycles
           && ngx_http_caphealth_workers_gone(&z->sh->counters);

    ngx_shmtx_unlock(&z->shpool->mutex);

    return last;
}


ngx_http_caphealth_counters_t *
ngx_http_caphealth_zone_counters(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    return &z->sh->counters;
}


void
ngx_http_caphealth_zone_read_cpu(ngx_shm_zone_t *zone,
    caphealth_cpu_window_t *window)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    *window = z->sh->cpu;

    ngx_shmtx_unlock(&z->shpool->mutex);
}


void
ngx_http_caphealth_zone_write_cpu(ngx_shm_zone_t *zone,
    caphealth_cpu_window_t *window)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    if (z->sh->cpu.n == 0 || window->last.at >= z->sh->cpu.last.at) {
        z->sh->cpu = *window;
    }

    ngx_shmtx_unlock(&z->shpool->mutex);
}


void
ngx_http_caphealth_zone_write_past(ngx_shm_zone_t *zone,
    const caphealth_history_facts_t *past)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    z->sh->past = *past;
    z->sh->past_generation = ++z->sh->generation;

    ngx_shmtx_unlock(&z->shpool->mutex);
}


ngx_int_t
ngx_http_caphealth_zone_read_past(ngx_shm_zone_t *zone,
    caphealth_history_facts_t *past, ngx_atomic_uint_t *generation)
{
    ngx_int_t                   rc;
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&z->shpool->mutex);

    if (z->sh->past_generation != *generation) {
        *past = z->sh->past;
        *generation = z->sh->past_generation;
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&z->shpool->mutex);

    return rc;
}


ngx_atomic_uint_t
ngx_http_caphealth_zone_generation(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    return z->sh->generation;
}


ngx_int_t
ngx_http_caphealth_zone_publish(ngx_shm_zone_t *zone, ngx_str_t *key,
    ngx_http_caphealth_facts_t *facts, ngx_http_caphealth_change_e *change,
    double *since)
{
    u_char                        *text;
    ngx_int_t                      rc;
    ngx_http_caphealth_zone_t     *z;
    ngx_http_caphealth_section_t  *s;

    z = zone->data;

    *change = NGX_HTTP_CAPHEALTH_SAME;

    ngx_shmtx_lock(&z->shpool->mutex);

    s = ngx_http_caphealth_zone_section(z->sh, key);

    /* a worker of the next cycle has no use for it and has dropped it */

    if (s == NULL) {
        s = ngx_http_caphealth_section_create(z, key);
    }

    if (s == NULL) {
        ngx_shmtx_unlock(&z->shpool->mutex);
        return NGX_ERROR;
    }

    if (ngx_http_caphealth_section_newer(s, facts)) {
        ngx_shmtx_unlock(&z->shpool->mutex);
        return NGX_DECLINED;
    }

    text = NULL;

    if (facts->known && facts->text.len) {
        rc = ngx_http_caphealth_section_text(z, s, &facts->text, &text);

        /* another worker may have published while the text was copied */

        if (rc == NGX_OK && ngx_http_caphealth_section_newer(s, facts)) {
            rc = NGX_DECLINED;
            s->copying = NULL;
            ngx_slab_free_locked(z->shpool, text);
        }

        if (rc != NGX_OK) {
            ngx_shmtx_unlock(&z->shpool->mutex);
            return rc;
        }
    }

    ngx_http_caphealth_section_error(s, facts, change, since);
    ngx_http_caphealth_section_set(z, s, facts, text);

    ngx_shmtx_unlock(&z->shpool->mutex);

    return NGX_OK;
}


/*
 * During a reload a collector of the old cycle may be late.  What comes from
 * the future does not count: the clock has been set back.
 */

static ngx_uint_t
ngx_http_caphealth_section_newer(ngx_http_caphealth_section_t *s,
    ngx_http_caphealth_facts_t *facts)
{
    double  last;

    last = s->facts[s->current].attempted_at;

    return facts->attempted_at < last && last <= (double) ngx_time() + 1;
}


static void
ngx_http_caphealth_section_set(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s, ngx_http_caphealth_facts_t *facts,
    u_char *text)
{
    ngx_http_caphealth_facts_t  set, *last, *next;

    ngx_http_caphealth_section_tidy(z, s);

    last = &s->facts[s->current];
    next = &s->facts[!s->current];

    set = *facts;
    set.failures = last->failures + facts->failed;
    set.text.data = text;

    if (!facts->known) {
        set.known = last->known;
        set.collected_at = last->collected_at;
        set.facts = last->facts;
        set.text = last->text;
    }

    *next = set;
    ngx_memory_barrier();

    s->current = !s->current;
    ngx_memory_barrier();

    if (text) {
        s->copying = NULL;
    }

    ngx_http_caphealth_section_tidy(z, s);

    s->generation = ++z->sh->generation;
}


/*
 * Copies the text into the zone, where nothing points to it but s->copying.
 * There may be megabytes of it, for which the mutex is not held.
 */

static ngx_int_t
ngx_http_caphealth_section_text(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s, ngx_str_t *text, u_char **copy)
{
    u_char  *p;

    if (ngx_http_caphealth_section_copies(s)) {
        return NGX_DECLINED;
    }

    ngx_http_caphealth_section_abandon(z, s);

    p = ngx_http_caphealth_section_alloc(z, s, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->pid = ngx_pid;
    s->copying = p;

    ngx_shmtx_unlock(&z->shpool->mutex);

    ngx_memcpy(p, text->data, text->len);
    p[text->len - 1] = '\0';

    ngx_shmtx_lock(&z->shpool->mutex);

    *copy = p;

    return NGX_OK;
}


/*
 * Whether another worker, of an old or of a new cycle, copies a text.  One that
 * runs as another user, which a reload may have changed, is alive if kill()
 * fails with EPERM.
 */

static ngx_uint_t
ngx_http_caphealth_section_copies(ngx_http_caphealth_section_t *s)
{
    return s->copying && s->pid != ngx_pid
           && (kill(s->pid, 0) == 0 || ngx_errno == NGX_EPERM);
}


/* what a worker that was killed had begun to copy, or has just published */

static void
ngx_http_caphealth_section_abandon(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s)
{
    u_char  *p;

    ngx_http_caphealth_section_tidy(z, s);

    p = s->copying;
    s->copying = NULL;

    if (p && p != s->facts[s->current].text.data) {
        ngx_slab_free_locked(z->shpool, p);
    }
}


/*
 * The facts that are not current may refer to the current ones' text, which a
 * failed look has kept; to the text before, or to one that was about to become
 * current, if a worker was killed.  No pointer to what is freed is left.
 */

static void
ngx_http_caphealth_section_tidy(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s)
{
    u_char                      *p;
    ngx_http_caphealth_facts_t  *other;

    other = &s->facts[!s->current];

    p = other->text.data;
    other->text.data = NULL;

    if (p == NULL || p == s->facts[s->current].text.data) {
        return;
    }

    if (s->copying == p) {
        s->copying = NULL;
    }

    ngx_memory_barrier();

    ngx_slab_free_locked(z->shpool, p);
}


/* if there is no room beside the previous text, it is replaced in place */

static u_char *
ngx_http_caphealth_section_alloc(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s, size_t len)
{
    u_char                      *p;
    ngx_http_caphealth_facts_t  *last;

    p = ngx_slab_alloc_locked(z->shpool, len);
    last = &s->facts[s->current];

    /* whole pages that are freed have room for as many */

    if (p == NULL
        && last->text.len > ngx_pagesize / 2
        && ngx_align(len, ngx_pagesize)
           <= ngx_align(last->text.len, ngx_pagesize))
    {
        p = last->text.data;

        last->text.len = 0;

        if (last->source == CAPHEALTH_SOURCE_FLEET) {
            last->facts.fleet.nnodes = 0;

        } else {
            last->facts.database.names_len = CAPHEALTH_UNKNOWN;
        }

        ngx_memory_barrier();

        last->text.data = NULL;
        ngx_memory_barrier();

        s->generation = ++z->sh->generation;

        ngx_slab_free_locked(z->shpool, p);

        p = ngx_slab_alloc_locked(z->shpool, len);
    }

    return p;
}


static void
ngx_http_caphealth_section_error(ngx_http_caphealth_section_t *s,
    ngx_http_caphealth_facts_t *facts, ngx_http_caphealth_change_e *change,
    double *since)
{
    ngx_uint_t  before;

    before = s->facts[s->current].error.code;

    if (facts->error.code && !before) {
        s->error_since = facts->attempted_at;
        *change = NGX_HTTP_CAPHEALTH_BEGINS;

    } else if (!facts->error.code && before) {
        *change = NGX_HTTP_CAPHEALTH_ENDS;
    }

    *since = s->error_since;
}


ngx_int_t
ngx_http_caphealth_zone_read(ngx_shm_zone_t *zone, ngx_str_t *key,
    ngx_http_caphealth_facts_t *facts, char **text,
    ngx_atomic_uint_t *generation)
{
    ngx_uint_t                     same;
    ngx_atomic_uint_t              moved;
    ngx_http_caphealth_zone_t     *z;
    ngx_http_caphealth_section_t  *s;

    z = zone->data;

    for ( ;; ) {
        ngx_shmtx_lock(&z->shpool->mutex);

        s = ngx_http_caphealth_zone_section(z->sh, key);

        if (s == NULL || s->generation == *generation) {
            ngx_shmtx_unlock(&z->shpool->mutex);
            return NGX_DECLINED;
        }

        *facts = s->facts[s->current];
        moved = s->generation;

        ngx_shmtx_unlock(&z->shpool->mutex);

        if (text == NULL) {
            break;
        }

        *text = NULL;

        if (facts->text.len == 0) {
            break;
        }

        *text = ngx_alloc(facts->text.len, ngx_cycle->log);
        if (*text == NULL) {
            return NGX_ERROR;
        }

        /*
         * Without the mutex: what is published meanwhile may overwrite the
         * text, but moves the generation, and the copy is made again.
         */

        ngx_memcpy(*text, facts->text.data, facts->text.len);

        ngx_shmtx_lock(&z->shpool->mutex);

        s = ngx_http_caphealth_zone_section(z->sh, key);
        same = (s && s->generation == moved);

        ngx_shmtx_unlock(&z->shpool->mutex);

        if (same) {
            break;
        }

        ngx_free(*text);
    }

    *generation = moved;

    return NGX_OK;
}


static ngx_http_caphealth_section_t *
ngx_http_caphealth_zone_section(ngx_http_caphealth_sh_t *sh, ngx_str_t *key)
{
    ngx_queue_t                   *q;
    ngx_http_caphealth_section_t  *s;

    for (q = ngx_queue_head(&sh->sections);
         q != ngx_queue_sentinel(&sh->sections);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_caphealth_section_t, queue);

        if (s->key_len == key->len
            && ngx_memcmp(s->key, key->data, key->len) == 0)
        {
            return s;
        }
    }

    return NULL;
}
