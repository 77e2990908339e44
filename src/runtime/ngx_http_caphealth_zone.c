
/*
 * The shared memory zone: the latest facts, a section for each source.
 */

#include "ngx_http_caphealth_zone.h"
#include "ngx_http_caphealth_trees.h"

#include <sys/random.h>


/* "caphlth" and the version of the structures below */
#define NGX_HTTP_CAPHEALTH_LAYOUT  ((uint64_t) 0x636170686c746800 + 7)


/* more than the facts of any source take, without the vendors' names */
#define NGX_HTTP_CAPHEALTH_FACTS_LEN  1024


typedef struct {
    ngx_queue_t         queue;
    ngx_atomic_uint_t   generation;
    double              collected_at;
    double              attempted_at;
    double              error_since;
    double              seconds;
    ngx_uint_t          failed;
    ngx_uint_t          failures;
    u_char             *data;
    size_t              data_len;
    ngx_uint_t          code;
    size_t              error_len;
    u_char              error[NGX_HTTP_CAPHEALTH_ERROR_LEN];
    size_t              key_len;
    u_char              key[1];
} ngx_http_caphealth_section_t;


typedef struct {
    uint64_t            layout;
    uint64_t            number;
    ngx_atomic_t        generation;
    ngx_queue_t         sections;
    ngx_queue_t         trees;
    ngx_http_caphealth_counters_t  counters;
    caphealth_cpu_window_t         cpu;
} ngx_http_caphealth_sh_t;


typedef struct {
    ngx_http_caphealth_sh_t  *sh;
    ngx_slab_pool_t          *shpool;
    ngx_array_t              *keys;
    ngx_array_t              *roots;
    ngx_array_t              *dirs;
    ngx_cycle_t              *cycle;
} ngx_http_caphealth_zone_t;


static ngx_int_t ngx_http_caphealth_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_shm_zone_t *ngx_http_caphealth_zone_live(ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_caphealth_zone_settle(ngx_http_caphealth_zone_t *z);
static void ngx_http_caphealth_zone_unsettle(ngx_http_caphealth_zone_t *z,
    ngx_queue_t *queue, ngx_queue_t *last);
static ngx_int_t ngx_http_caphealth_zone_spare(ngx_http_caphealth_zone_t *z);
static ngx_int_t ngx_http_caphealth_zone_no_room(ngx_shm_zone_t *zone);
static void ngx_http_caphealth_zone_carry(ngx_shm_zone_t *zone);
static void ngx_http_caphealth_zone_copy(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *to, ngx_http_caphealth_section_t *from);
static ngx_http_caphealth_section_t *ngx_http_caphealth_zone_section(
    ngx_http_caphealth_sh_t *sh, ngx_str_t *key);
static ngx_http_caphealth_section_t *ngx_http_caphealth_section_create(
    ngx_http_caphealth_zone_t *z, ngx_str_t *key);
static ngx_int_t ngx_http_caphealth_section_data(
    ngx_http_caphealth_zone_t *z, ngx_http_caphealth_section_t *s,
    ngx_str_t *data);
static ngx_uint_t ngx_http_caphealth_section_fits(size_t len, size_t old);
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

        zone->noreuse = (ngx_http_caphealth_zone_settle(z) != NGX_OK);

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
        z->sh = oz->sh;

        return ngx_http_caphealth_zone_settle(z) == NGX_OK
               ? NGX_OK : ngx_http_caphealth_zone_no_room(zone);
    }

    z->sh = ngx_slab_calloc(z->shpool, sizeof(ngx_http_caphealth_sh_t));
    if (z->sh == NULL) {
        return NGX_ERROR;
    }

    z->shpool->data = z->sh;

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

    if (ngx_http_caphealth_zone_settle(z) != NGX_OK
        || ngx_http_caphealth_zone_spare(z) != NGX_OK)
    {
        return ngx_http_caphealth_zone_no_room(zone);
    }

    ngx_http_caphealth_zone_carry(zone);

    return NGX_OK;
}


/* makes the sections and trees of this configuration; all of them, or none */

static ngx_int_t
ngx_http_caphealth_zone_settle(ngx_http_caphealth_zone_t *z)
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
        rc = ngx_http_caphealth_trees_settle(z->shpool, &z->sh->trees,
                                             z->roots);
    }

    if (rc != NGX_OK) {
        ngx_http_caphealth_zone_unsettle(z, &z->sh->sections, section);
        ngx_http_caphealth_zone_unsettle(z, &z->sh->trees, tree);
    }

    ngx_shmtx_unlock(&z->shpool->mutex);

    return rc;
}


/* what was added behind the last; both begin with their queue */

static void
ngx_http_caphealth_zone_unsettle(ngx_http_caphealth_zone_t *z,
    ngx_queue_t *queue, ngx_queue_t *last)
{
    ngx_queue_t  *q;

    while (ngx_queue_last(queue) != last) {
        q = ngx_queue_last(queue);

        ngx_queue_remove(q);
        ngx_slab_free_locked(z->shpool, q);
    }
}


/* whether the facts of every section fit too, those before beside the next */

static ngx_int_t
ngx_http_caphealth_zone_spare(ngx_http_caphealth_zone_t *z)
{
    u_char      *p;
    ngx_int_t    rc;
    ngx_uint_t   i;
    ngx_queue_t  spare, *q;

    rc = NGX_OK;
    ngx_queue_init(&spare);

    for (i = 0; i < 2 * z->keys->nelts && rc == NGX_OK; i++) {
        p = ngx_slab_alloc(z->shpool, NGX_HTTP_CAPHEALTH_FACTS_LEN);

        if (p) {
            ngx_queue_insert_tail(&spare, (ngx_queue_t *) p);

        } else {
            rc = NGX_ERROR;
        }
    }

    while (!ngx_queue_empty(&spare)) {
        q = ngx_queue_head(&spare);

        ngx_queue_remove(q);
        ngx_slab_free(z->shpool, q);
    }

    return rc;
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
ngx_http_caphealth_zone_forget(ngx_shm_zone_t *zone)
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

        if (i < z->keys->nelts) {
            continue;
        }

        ngx_queue_remove(q);

        if (s->data) {
            ngx_slab_free_locked(z->shpool, s->data);
        }

        ngx_slab_free_locked(z->shpool, s);
    }

    ngx_http_caphealth_trees_forget(z->shpool, &z->sh->trees, z->roots);

    ngx_shmtx_unlock(&z->shpool->mutex);
}


/* the zone that the workers use at a reload; NULL: there is none */

static ngx_shm_zone_t *
ngx_http_caphealth_zone_live(ngx_shm_zone_t *zone)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_shm_zone_t   *live;

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
ngx_http_caphealth_zone_carry(ngx_shm_zone_t *zone)
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
            ngx_http_caphealth_zone_copy(z, s, os);
        }
    }

    ngx_http_caphealth_trees_carry(&z->sh->trees, &oz->sh->trees);
    ngx_http_caphealth_counters_carry(&z->sh->counters, &oz->sh->counters);
    z->sh->cpu = oz->sh->cpu;

    ngx_shmtx_unlock(&oz->shpool->mutex);
}


static void
ngx_http_caphealth_zone_copy(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *to, ngx_http_caphealth_section_t *from)
{
    size_t  len;

    if (from->data) {
        len = from->data_len;
        to->data = ngx_slab_alloc(z->shpool, len);

        while (to->data == NULL
               && ngx_http_caphealth_zone_less(from->data, &len))
        {
            to->data = ngx_slab_alloc(z->shpool, len);
        }

        if (to->data) {
            ngx_memcpy(to->data, from->data, len);
            to->data_len = len;
            to->collected_at = from->collected_at;
        }
    }

    to->attempted_at = from->attempted_at;
    to->seconds = from->seconds;
    to->failed = from->failed;
    to->failures = from->failures;
    to->error_since = from->error_since;
    to->code = from->code;
    to->error_len = from->error_len;
    ngx_memcpy(to->error, from->error, from->error_len);

    to->generation = ++z->sh->generation;
}


ngx_uint_t
ngx_http_caphealth_zone_less(u_char *data, size_t *len)
{
    u_char  *names, *list;

    names = ngx_strlchr(data, data + *len, LF);

    if (names == NULL) {
        return 0;
    }

    list = ngx_strlchr(names + 1, data + *len, LF);

    *len = (list ? list : names) - data;

    return 1;
}


ngx_queue_t *
ngx_http_caphealth_zone_lock(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    return &z->sh->trees;
}


void
ngx_http_caphealth_zone_unlock(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    ngx_shmtx_unlock(&z->shpool->mutex);
}


uint64_t
ngx_http_caphealth_zone_number(ngx_shm_zone_t *zone)
{
    ngx_http_caphealth_zone_t  *z;

    z = zone->data;

    return z->sh->number;
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

    /*
     * During a reload a collector of the old cycle may be late.  What comes
     * from the future does not count: the clock has been set back.
     */

    if (facts->attempted_at < s->attempted_at
        && s->attempted_at <= (double) ngx_time() + 1)
    {
        ngx_shmtx_unlock(&z->shpool->mutex);
        return NGX_DECLINED;
    }

    if (facts->data.len) {
        if (ngx_http_caphealth_section_data(z, s, &facts->data) != NGX_OK) {
            ngx_shmtx_unlock(&z->shpool->mutex);
            return NGX_ERROR;
        }

        s->collected_at = facts->collected_at;
    }

    s->attempted_at = facts->attempted_at;
    s->seconds = facts->seconds;
    s->failed = facts->failed;
    s->failures += facts->failed;

    ngx_http_caphealth_section_error(s, facts, change, since);

    s->generation = ++z->sh->generation;

    ngx_shmtx_unlock(&z->shpool->mutex);

    return NGX_OK;
}


/* this worker may be killed at any line: never a dangling pointer */

static ngx_int_t
ngx_http_caphealth_section_data(ngx_http_caphealth_zone_t *z,
    ngx_http_caphealth_section_t *s, ngx_str_t *data)
{
    u_char  *p, *old;

    old = s->data;
    p = ngx_slab_alloc_locked(z->shpool, data->len);

    /* no room beside what is there, but in its place */

    if (p == NULL && old
        && ngx_http_caphealth_section_fits(data->len, s->data_len))
    {
        s->data_len = 0;
        ngx_memory_barrier();

        s->data = NULL;
        ngx_memory_barrier();

        ngx_slab_free_locked(z->shpool, old);
        old = NULL;

        p = ngx_slab_alloc_locked(z->shpool, data->len);
    }

    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, data->data, data->len);

    s->data_len = 0;
    ngx_memory_barrier();

    s->data = p;
    ngx_memory_barrier();

    s->data_len = data->len;

    if (old) {
        ngx_slab_free_locked(z->shpool, old);
    }

    return NGX_OK;
}


/* whole pages that are freed have room for as many */

static ngx_uint_t
ngx_http_caphealth_section_fits(size_t len, size_t old)
{
    return old > ngx_pagesize / 2
           && ngx_align(len, ngx_pagesize) <= ngx_align(old, ngx_pagesize);
}


static void
ngx_http_caphealth_section_error(ngx_http_caphealth_section_t *s,
    ngx_http_caphealth_facts_t *facts, ngx_http_caphealth_change_e *change,
    double *since)
{
    size_t  len;

    len = facts->error.len;

    if (len > NGX_HTTP_CAPHEALTH_ERROR_LEN) {
        len = NGX_HTTP_CAPHEALTH_ERROR_LEN;

        /* not in the middle of a UTF-8 character */

        while (len && (facts->error.data[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    if (len && s->error_len == 0) {
        s->error_since = facts->attempted_at;
        *change = NGX_HTTP_CAPHEALTH_BEGINS;

    } else if (len == 0 && s->error_len) {
        *change = NGX_HTTP_CAPHEALTH_ENDS;
    }

    *since = s->error_since;

    if (len) {
        ngx_memcpy(s->error, facts->error.data, len);
    }

    s->code = facts->code;
    s->error_len = len;
}


ngx_int_t
ngx_http_caphealth_zone_read(ngx_shm_zone_t *zone, ngx_str_t *key,
    ngx_pool_t *pool, ngx_http_caphealth_facts_t *facts,
    ngx_atomic_uint_t *generation)
{
    ngx_http_caphealth_zone_t     *z;
    ngx_http_caphealth_section_t  *s;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    s = ngx_http_caphealth_zone_section(z->sh, key);

    if (s == NULL || s->generation == *generation) {
        ngx_shmtx_unlock(&z->shpool->mutex);
        return NGX_DECLINED;
    }

    facts->collected_at = s->collected_at;
    facts->attempted_at = s->attempted_at;
    facts->seconds = s->seconds;
    facts->failed = s->failed;
    facts->failures = s->failures;
    facts->code = s->code;

    facts->data.len = s->data_len;
    facts->data.data = ngx_pnalloc(pool, s->data_len + 1);

    facts->error.len = s->error_len;
    facts->error.data = ngx_pnalloc(pool, s->error_len + 1);

    if (facts->data.data == NULL || facts->error.data == NULL) {
        ngx_shmtx_unlock(&z->shpool->mutex);
        return NGX_ERROR;
    }

    if (s->data_len) {
        ngx_memcpy(facts->data.data, s->data, s->data_len);
    }

    ngx_memcpy(facts->error.data, s->error, s->error_len);

    facts->data.data[s->data_len] = '\0';
    facts->error.data[s->error_len] = '\0';

    *generation = s->generation;

    ngx_shmtx_unlock(&z->shpool->mutex);

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


double
ngx_http_caphealth_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (double) tp->sec + (double) tp->msec / 1000;
}
