
/*
 * A worker's cache of the facts.
 */

#include "ngx_http_caphealth_facts_cache.h"

#include "caphealth_version.h"


/* one section, and where in the facts it goes */

struct ngx_http_caphealth_piece_s {
    ngx_http_caphealth_source_t   *source;
    ngx_atomic_uint_t              generation;
    caphealth_section_t           *section;
    void                          *value;
    char                           error[CAPHEALTH_ERROR_LEN];
};


static char *ngx_http_caphealth_facts_cache_node(ngx_pool_t *pool);
static ngx_int_t ngx_http_caphealth_facts_cache_roots(ngx_pool_t *pool,
    ngx_http_caphealth_facts_cache_t *cache, ngx_array_t *sources);
static ngx_int_t ngx_http_caphealth_facts_cache_add(
    ngx_http_caphealth_facts_cache_t *cache, ngx_http_caphealth_piece_t *piece,
    ngx_http_caphealth_source_t *source);
static void ngx_http_caphealth_facts_cache_add_root(
    ngx_http_caphealth_facts_cache_t *cache,
    ngx_http_caphealth_source_t *source, caphealth_section_t *scans);
static void ngx_http_caphealth_facts_cache_uploads(
    ngx_http_caphealth_facts_cache_t *cache, double now);
static void ngx_http_caphealth_facts_cache_root(
    ngx_http_caphealth_facts_cache_t *cache, caphealth_root_t *root);
static void ngx_http_caphealth_facts_cache_changed(
    ngx_http_caphealth_facts_cache_t *cache, double now);
static void ngx_http_caphealth_facts_cache_platform(
    ngx_http_caphealth_facts_cache_t *cache, double now);
static ngx_int_t ngx_http_caphealth_facts_cache_piece(
    ngx_http_caphealth_facts_cache_t *cache, ngx_http_caphealth_piece_t *piece,
    ngx_log_t *log);
static const char *ngx_http_caphealth_facts_cache_facts(
    ngx_http_caphealth_facts_cache_t *cache, ngx_http_caphealth_piece_t *piece,
    ngx_http_caphealth_facts_t *facts, char *text);
static const char *ngx_http_caphealth_facts_cache_fleet(
    caphealth_fleet_facts_t *fleet, ngx_http_caphealth_facts_t *facts,
    char *text);
static void ngx_http_caphealth_facts_cache_cleanup(void *data);


ngx_http_caphealth_facts_cache_t *
ngx_http_caphealth_facts_cache_create(ngx_pool_t *pool,
    ngx_http_caphealth_collector_conf_t *conf)
{
    ngx_uint_t                         i;
    caphealth_facts_t                 *f;
    ngx_pool_cleanup_t                *cln;
    ngx_http_caphealth_source_t       *source;
    ngx_http_caphealth_facts_cache_t  *cache;

    cache = ngx_pcalloc(pool, sizeof(ngx_http_caphealth_facts_cache_t));
    if (cache == NULL) {
        return NULL;
    }

    cache->zone = conf->zone;
    cache->npieces = conf->sources->nelts;

    cache->pieces = ngx_pcalloc(pool, cache->npieces
                                     * sizeof(ngx_http_caphealth_piece_t));
    if (cache->pieces == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_caphealth_facts_cache_cleanup;
    cln->data = cache;

    f = &cache->facts;

    f->version = CAPHEALTH_VERSION;

    f->node = ngx_http_caphealth_facts_cache_node(pool);
    if (f->node == NULL) {
        return NULL;
    }

    f->disks = ngx_pcalloc(pool, cache->npieces
                                 * sizeof(caphealth_disk_facts_t));
    if (f->disks == NULL) {
        return NULL;
    }

    f->history.section.configured = (int) conf->history;

    caphealth_system_clear(&f->system.value);
    caphealth_database_clear(&f->database.value);
    caphealth_images_clear(&f->images.value);
    caphealth_fleet_clear(&f->fleet.value);

    if (ngx_http_caphealth_facts_cache_roots(pool, cache, conf->sources)
        != NGX_OK)
    {
        return NULL;
    }

    source = conf->sources->elts;

    for (i = 0; i < cache->npieces; i++) {
        if (ngx_http_caphealth_facts_cache_add(cache, &cache->pieces[i],
                                               &source[i])
            != NGX_OK)
        {
            return NULL;
        }
    }

    /* disks for the sake of images are listed last, and not in the report */

    while (f->ndisks && cache->disks[f->ndisks - 1]->hidden) {
        f->ndisks--;
    }

    return cache;
}


/* nginx's own $hostname, with a NUL */

static char *
ngx_http_caphealth_facts_cache_node(ngx_pool_t *pool)
{
    char      *node;
    ngx_str_t  name;

    name = ngx_cycle->hostname;

    node = ngx_pnalloc(pool, name.len + 1);
    if (node == NULL) {
        return NULL;
    }

    ngx_memcpy(node, name.data, name.len);
    node[name.len] = '\0';

    return node;
}


static ngx_int_t
ngx_http_caphealth_facts_cache_roots(ngx_pool_t *pool,
    ngx_http_caphealth_facts_cache_t *cache, ngx_array_t *sources)
{
    cache->sections = ngx_pcalloc(pool, sources->nelts
                                       * sizeof(caphealth_section_t));
    cache->disks = ngx_pcalloc(pool, sources->nelts
                              * sizeof(ngx_http_caphealth_source_t *));
    cache->facts.images.value.roots = ngx_pcalloc(pool, sources->nelts
                                                 * sizeof(caphealth_root_t));
    cache->facts.images.value.sources = ngx_pcalloc(pool, sources->nelts
                                                   * sizeof(caphealth_root_t));

    if (cache->sections == NULL || cache->disks == NULL
        || cache->facts.images.value.roots == NULL
        || cache->facts.images.value.sources == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_facts_cache_add(ngx_http_caphealth_facts_cache_t *cache,
    ngx_http_caphealth_piece_t *piece, ngx_http_caphealth_source_t *source)
{
    caphealth_facts_t       *f;
    caphealth_disk_facts_t  *disk;

    f = &cache->facts;
    piece->source = source;

    switch (source->type) {

    case CAPHEALTH_SOURCE_SYSTEM:
        piece->section = &f->system.section;
        piece->value = &f->system.value;
        break;

    case CAPHEALTH_SOURCE_DISK:
        cache->disks[f->ndisks] = source;
        disk = &f->disks[f->ndisks++];
        caphealth_disk_clear(&disk->value);

        disk->path = (char *) source->argument.data;

        piece->section = &disk->section;
        piece->value = &disk->value;
        break;

    case CAPHEALTH_SOURCE_IMAGES:
        piece->section = &cache->sections[f->images.value.nroots
                                          + f->images.value.nsources];
        ngx_http_caphealth_facts_cache_add_root(cache, source,
                                                piece->section);
        break;

    case CAPHEALTH_SOURCE_FLEET:
        piece->section = &f->fleet.section;
        piece->value = &f->fleet.value;
        break;

    default: /* CAPHEALTH_SOURCE_DATABASE */
        piece->section = &f->database.section;
        piece->value = &f->database.value;
        break;
    }

    piece->section->configured = 1;
    piece->section->interval = (double) source->interval / 1000;

    return NGX_OK;
}


static void
ngx_http_caphealth_facts_cache_add_root(
    ngx_http_caphealth_facts_cache_t *cache,
    ngx_http_caphealth_source_t *source, caphealth_section_t *scans)
{
    ngx_str_t           *name;
    ngx_uint_t           i;
    caphealth_root_t    *root;
    caphealth_facts_t   *f;
    caphealth_images_t  *images;

    f = &cache->facts;
    images = &f->images.value;

    root = source->root->sources ? &images->sources[images->nsources++]
                                 : &images->roots[images->nroots++];

    root->path = (char *) source->argument.data;
    root->key = (char *) source->root->key.data;
    root->uploads = (source->root->marks.nelts != 0);
    root->scans = scans;

    if (source->root->images) {
        root->images = (char *) source->root->images->path.data;
    }

    name = source->root->counted.elts;
    root->ncounted = source->root->counted.nelts;

    for (i = 0; i < root->ncounted; i++) {
        root->counted[i] = (char *) name[i].data;
    }

    /* every root has its disk, and it was added before */

    for (i = 0; i < f->ndisks; i++) {
        if (ngx_strcmp(cache->disks[i]->argument.data, source->argument.data)
            == 0)
        {
            root->disk = &f->disks[i];
        }
    }

    f->images.section.configured = 1;
    f->images.section.interval = (double) source->interval / 1000;
}


ngx_int_t
ngx_http_caphealth_facts_cache_update(ngx_http_caphealth_facts_cache_t *cache,
    double now, ngx_log_t *log)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  generation;

    generation = ngx_http_caphealth_zone_generation(cache->zone);

    if (cache->read && generation == cache->generation) {

        /* if the clock was set back, facts have times in the future */

        cache->capacity = (now > cache->stale_at || now < cache->now);

        if (!cache->capacity && now <= cache->silent_at) {
            cache->now = now;
            return NGX_DECLINED;
        }

        ngx_http_caphealth_facts_cache_changed(cache, now);

        return NGX_OK;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, log, 0,
                   "caphealth facts of generation %uA", generation);

    cache->capacity = cache->pending || !cache->read
                     || now < cache->now || now > cache->stale_at;

    for (i = 0; i < cache->npieces; i++) {
        if (ngx_http_caphealth_facts_cache_piece(cache, &cache->pieces[i], log)
            != NGX_OK)
        {
            /* a section that was read is not read again the next time */

            cache->pending = cache->capacity;
            return NGX_ERROR;
        }
    }

    if (cache->facts.history.section.configured
        && ngx_http_caphealth_zone_read_past(cache->zone,
                                             &cache->facts.history.value,
                                             &cache->past_generation)
           == NGX_OK)
    {
        cache->facts.history.section.collected_at = now;
        cache->capacity = 1;
    }

    cache->read = 1;
    cache->pending = 0;
    cache->generation = generation;

    ngx_http_caphealth_facts_cache_changed(cache, now);

    return NGX_OK;
}


static void
ngx_http_caphealth_facts_cache_changed(ngx_http_caphealth_facts_cache_t *cache,
    double now)
{
    caphealth_images_t  *images;

    images = &cache->facts.images.value;

    ngx_http_caphealth_facts_cache_images(cache, now);

    ngx_http_caphealth_facts_cache_platform(cache, now);

    /* these were rendered before; other nodes have queried since */

    if (images->files != cache->files || images->bytes != cache->bytes) {
        cache->files = images->files;
        cache->bytes = images->bytes;
        cache->capacity = 1;
    }

    cache->now = now;
    cache->stale_at = caphealth_facts_stale_at(&cache->facts, now);
    cache->changes++;
    cache->capacities += cache->capacity;
}


/* the capacity report has little of the fleet, which changes more often */

static void
ngx_http_caphealth_facts_cache_platform(
    ngx_http_caphealth_facts_cache_t *cache, double now)
{
    caphealth_section_t      *database;
    caphealth_platform_t      platform;
    caphealth_fleet_facts_t  *fleet;

    fleet = &cache->facts.fleet;
    database = &cache->facts.database.section;

    /*
     * what the holder of the lease saw waits for its next report, then for this
     * node's, and then for the next look at the database
     */

    database->way = fleet->value.shop[0]
                    ? 2 * fleet->section.interval + database->interval : 0;

    caphealth_platform(&platform, &cache->facts, now);

    if (fleet->section.attempted_at != cache->fleet_attempted
        || now > cache->silent_at || now > cache->stale_at
        || now < cache->now)
    {
        cache->fleets++;
    }

    if (platform.state != cache->platform || platform.alone != cache->alone
        || ngx_strcmp(fleet->value.shop, cache->shop) != 0)
    {
        cache->capacity = 1;
    }

    cache->fleet_attempted = fleet->section.attempted_at;
    cache->silent_at = platform.next;
    cache->platform = platform.state;
    cache->alone = platform.alone;
    ngx_memcpy(cache->shop, fleet->value.shop, CAPHEALTH_NODE_NAME);
}


static ngx_int_t
ngx_http_caphealth_facts_cache_piece(ngx_http_caphealth_facts_cache_t *cache,
    ngx_http_caphealth_piece_t *piece, ngx_log_t *log)
{
    char                       *text;
    ngx_int_t                   rc;
    const char                 *wrong;
    ngx_uint_t                  database, fleet;
    ngx_http_caphealth_facts_t  facts;

    text = NULL;
    database = (piece->source->type == CAPHEALTH_SOURCE_DATABASE);
    fleet = (piece->source->type == CAPHEALTH_SOURCE_FLEET);

    rc = ngx_http_caphealth_zone_read(cache->zone, &piece->source->key, &facts,
                                      (database || fleet) ? &text : NULL,
                                      &piece->generation);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    if (database) {
        cache->capacity = 1;
    }

    if (facts.known) {
        wrong = ngx_http_caphealth_facts_cache_facts(cache, piece, &facts,
                                                     text);

        if (wrong) {
            ngx_log_error(NGX_LOG_ALERT, log, 0,
                          "invalid facts of %V in the shared zone: \"%s\"",
                          &piece->source->name, wrong);
            facts.collected_at = 0;
        }
    }

    piece->section->collected_at = facts.collected_at;
    piece->section->attempted_at = facts.attempted_at;
    piece->section->failed = (facts.failed != 0);
    piece->section->seconds = facts.seconds;
    piece->section->failures = (int64_t) facts.failures;

    ngx_memcpy(piece->error, facts.error.text, CAPHEALTH_ERROR_LEN);
    piece->error[CAPHEALTH_ERROR_LEN - 1] = '\0';

    piece->section->error = facts.error.code ? piece->error : NULL;
    piece->section->error_code =
                  caphealth_error_name(facts.error.code,
                                       piece->source->type,
                                       facts.failed != 0);

    return NGX_OK;
}


/*
 * The text of the vendors has been checked by the worker that published it, a
 * piece at a time, and is not looked at here.
 */

static const char *
ngx_http_caphealth_facts_cache_facts(ngx_http_caphealth_facts_cache_t *cache,
    ngx_http_caphealth_piece_t *piece, ngx_http_caphealth_facts_t *facts,
    char *text)
{
    const char                  *wrong;
    caphealth_database_facts_t  *d;

    switch (piece->source->type) {

    case CAPHEALTH_SOURCE_SYSTEM:
        return caphealth_system_read(piece->value, &facts->facts.system,
                                     sizeof(caphealth_system_t));

    case CAPHEALTH_SOURCE_DISK:
        return caphealth_disk_read(piece->value, &facts->facts.disk,
                                   sizeof(caphealth_disk_t));

    case CAPHEALTH_SOURCE_DATABASE:
        d = &cache->facts.database;

        caphealth_vendors_free(&d->vendors);

        wrong = caphealth_database_read(&d->value, &facts->facts.database,
                                        sizeof(caphealth_database_t));

        if (wrong == NULL
            && facts->text.len != caphealth_vendors_size(&d->value))
        {
            caphealth_database_clear(&d->value);
            wrong = "vendors";
        }

        if (wrong || text == NULL) {
            ngx_free(text);
            return wrong;
        }

        caphealth_vendors_set(&d->vendors, text, &d->value);

        return NULL;

    case CAPHEALTH_SOURCE_FLEET:
        return ngx_http_caphealth_facts_cache_fleet(&cache->facts.fleet, facts,
                                                    text);

    default: /* CAPHEALTH_SOURCE_IMAGES */
        return NULL;
    }
}


/* text is aligned as what malloc() returns is */

static const char *
ngx_http_caphealth_facts_cache_fleet(caphealth_fleet_facts_t *fleet,
    ngx_http_caphealth_facts_t *facts, char *text)
{
    const char  *wrong;

    ngx_free((void *) fleet->nodes);
    fleet->nodes = NULL;

    wrong = caphealth_fleet_read(&fleet->value, &facts->facts.fleet,
                                 sizeof(caphealth_fleet_t));
    if (wrong == NULL) {
        wrong = caphealth_fleet_nodes_check(&fleet->value, text,
                                            facts->text.len);
    }

    if (wrong) {
        caphealth_fleet_clear(&fleet->value);
        ngx_free(text);
        return wrong;
    }

    fleet->nodes = (caphealth_fleet_node_t *) text;

    return NULL;
}


static void
ngx_http_caphealth_facts_cache_cleanup(void *data)
{
    ngx_http_caphealth_facts_cache_t  *cache = data;

    ngx_free((void *) cache->facts.fleet.nodes);
    cache->facts.fleet.nodes = NULL;

    caphealth_vendors_free(&cache->facts.database.vendors);
}


void
ngx_http_caphealth_facts_cache_images(ngx_http_caphealth_facts_cache_t *cache,
    double now)
{
    size_t                i;
    const char           *error;
    caphealth_images_t   *images;
    caphealth_section_t  *section;

    images = &cache->facts.images.value;
    section = &cache->facts.images.section;
    error = NULL;

    for (i = 0; i < images->nroots; i++) {
        ngx_http_caphealth_facts_cache_root(cache, &images->roots[i]);

        if (error == NULL) {
            error = images->roots[i].error;
            section->error_code = images->roots[i].error_code;
        }
    }

    for (i = 0; i < images->nsources; i++) {
        ngx_http_caphealth_facts_cache_root(cache, &images->sources[i]);
    }

    caphealth_images_add(images);

    ngx_http_caphealth_facts_cache_uploads(cache, now);

    if (images->nroots) {
        section->attempted_at = now;
        section->collected_at = images->files == CAPHEALTH_UNKNOWN ? 0 : now;
        section->failed = (images->files == CAPHEALTH_UNKNOWN && error);
        section->error = error;
    }
}


/* where any are taken */

static void
ngx_http_caphealth_facts_cache_uploads(ngx_http_caphealth_facts_cache_t *cache,
    double now)
{
    size_t                     i;
    caphealth_images_t        *images;
    caphealth_upload_facts_t  *uploads;

    images = &cache->facts.images.value;
    uploads = &cache->facts.uploads;

    for (i = 0; i < images->nroots; i++) {
        if (images->roots[i].uploads) {
            uploads->section.configured = 1;
        }
    }

    if (uploads->section.configured) {
        uploads->section.collected_at = now;
        uploads->section.attempted_at = now;

        ngx_http_caphealth_recent_read(
            ngx_http_caphealth_zone_counters(cache->zone), uploads);
    }
}


static void
ngx_http_caphealth_facts_cache_root(
    ngx_http_caphealth_facts_cache_t *cache, caphealth_root_t *root)
{
    ngx_str_t          key;
    caphealth_scan_t   scan;
    caphealth_total_t  total;

    static const char  *sources[] = { NULL, "saved", "live" };

    root->error = root->scans->error;
    root->error_code = root->scans->error_code;
    root->source = NULL;

    key.data = (u_char *) root->key;
    key.len = ngx_strlen(root->key);

    if (ngx_http_caphealth_tree_total(cache->zone, &key, &total, &scan)
        != NGX_OK)
    {
        return;
    }

    root->source = sources[scan.source];
    root->files = total.files;
    root->bytes = total.bytes;
    root->complete = total.complete;
    root->max_files = total.max_files;
    root->incomplete = total.incomplete;
    root->strays = total.strays;
    root->stray_bytes = total.stray_bytes;
    root->foreign = total.foreign;
    root->removed = scan.removed;
    root->removed_bytes = scan.removed_bytes;
    root->drift_files = scan.drift_files;
    root->drift_bytes = scan.drift_bytes;
    root->scanned_at = scan.scanned_at;
    root->scan_seconds = scan.scan_seconds;
    root->scanning_since = scan.scanning_since;
    root->progress = 100.0 * total.walked / CAPHEALTH_SLICES;

    root->missing_known = (int) scan.counted_known;
    ngx_memcpy(root->missing, total.missing, sizeof(total.missing));

    ngx_memcpy(root->fullest, total.fullest, sizeof(total.fullest));
}
