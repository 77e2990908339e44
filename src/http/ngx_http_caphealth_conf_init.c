
/*
 * What follows from the directives as a whole: the image roots and the
 * directories, the sources, the helper programs, the zone.
 */

#include "ngx_http_caphealth_conf.h"
#include "ngx_http_caphealth_zone.h"

#include <dlfcn.h>

#include <ngx_md5.h>


/*
 * a large shop has many vendors, and pages that are not touched cost nothing
 */
#define NGX_HTTP_CAPHEALTH_ZONE_SIZE  (576 * 1024)
#define NGX_HTTP_CAPHEALTH_ZONE_SHOP  (8 * 1024 * 1024)
#define NGX_HTTP_CAPHEALTH_ZONE_FLEET                                         \
    (2 * CAPHEALTH_NODES_MAX * sizeof(caphealth_fleet_node_t)                 \
     + 64 * 1024)


static ngx_http_caphealth_root_t *ngx_http_caphealth_new_root(ngx_conf_t *cf,
    ngx_str_t *path);
static ngx_http_caphealth_root_t *ngx_http_caphealth_find_root(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_str_t *path);
static ngx_int_t ngx_http_caphealth_add_name(ngx_array_t *names, char *text);
static ngx_int_t ngx_http_caphealth_add_source_tree(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *upload);
static ngx_int_t ngx_http_caphealth_check_source_trees(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);
static ngx_uint_t ngx_http_caphealth_overlap(ngx_str_t *a, ngx_str_t *b);
static ngx_uint_t ngx_http_caphealth_below(const char *a, const char *b);
static ngx_int_t ngx_http_caphealth_init_state_dir(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);
static ngx_int_t ngx_http_caphealth_init_spool(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);
static void ngx_http_caphealth_mark_foreign(
    ngx_http_caphealth_main_conf_t *cmcf);
static char *ngx_http_caphealth_init_sources(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);
static ngx_int_t ngx_http_caphealth_add_disks(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_str_t *disk, ngx_uint_t n);
static ngx_int_t ngx_http_caphealth_add_roots(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);
static ngx_int_t ngx_http_caphealth_add_trees(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_uint_t stores);
static ngx_uint_t ngx_http_caphealth_has_disk(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_str_t *path);
static ngx_http_caphealth_source_t *ngx_http_caphealth_add_source(
    ngx_conf_t *cf, ngx_http_caphealth_main_conf_t *cmcf,
    caphealth_source_e type, ngx_str_t *argument);
static ngx_int_t ngx_http_caphealth_source_name(ngx_conf_t *cf,
    ngx_http_caphealth_source_t *source);
static ngx_int_t ngx_http_caphealth_database_key(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_str_t *key);
static ngx_int_t ngx_http_caphealth_fleet_key(ngx_conf_t *cf,
    ngx_http_caphealth_fleet_conf_t *fleet, ngx_str_t *key);
static ngx_int_t ngx_http_caphealth_hashed_key(ngx_conf_t *cf, char *name,
    ngx_md5_t *md5, ngx_str_t *key);
static char *ngx_http_caphealth_init_helpers(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);
static char *ngx_http_caphealth_init_helper(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, char *name, ngx_str_t *path);
static ngx_int_t ngx_http_caphealth_module_dir(ngx_conf_t *cf,
    ngx_str_t *dir);
static char *ngx_http_caphealth_init_zone(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);


ngx_int_t
ngx_http_caphealth_add_root(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t sources)
{
    ngx_http_caphealth_root_t       *root;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    root = ngx_http_caphealth_find_root(cmcf, path);

    if (root) {
        if (root->sources == sources) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is both a \"caphealth_image_root\" and a "
                           "\"caphealth_image_source\": give the sources, "
                           "which are private, a directory of their own",
                           path);
        return NGX_ERROR;
    }

    root = ngx_http_caphealth_new_root(cf, path);
    if (root == NULL) {
        return NGX_ERROR;
    }

    root->sources = sources;

    return ngx_http_caphealth_add_dir(cf, path,
                                      sources ? "caphealth_image_source"
                                              : "caphealth_image_root");
}


ngx_int_t
ngx_http_caphealth_add_store(ngx_conf_t *cf, ngx_str_t *path,
    ngx_http_caphealth_store_t **store)
{
    ngx_http_caphealth_root_t       *root, **added;
    ngx_http_caphealth_store_t      *s, *before;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    s = *store;
    root = ngx_http_caphealth_find_root(cmcf, path);

    if (root) {
        before = root->store;

        if (ngx_memcmp(&before->s3, &s->s3, sizeof(caphealth_s3_store_t)) != 0
            || before->connections != s->connections
            || before->timeout != s->timeout
            || before->certificates.len != s->certificates.len
            || ngx_memcmp(before->certificates.data, s->certificates.data,
                          s->certificates.len)
               != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"caphealth_image_store\" \"%V\" is there "
                               "already, with other parameters: all locations "
                               "of a store have the same", path);
            return NGX_ERROR;
        }

        *store = before;

        return NGX_OK;
    }

    if (cmcf->images.shipper.stores
        && cmcf->images.shipper.stores->nelts
           == NGX_HTTP_CAPHEALTH_STORES_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_store\" \"%V\" is one too "
                           "many, there may be %d different ones: each worker "
                           "has a process for each of them", path,
                           NGX_HTTP_CAPHEALTH_STORES_MAX);
        return NGX_ERROR;
    }

    if (cmcf->images.shipper.stores == NULL) {
        cmcf->images.shipper.stores = ngx_array_create(cf->pool, 1,
                                        sizeof(ngx_http_caphealth_root_t *));
        if (cmcf->images.shipper.stores == NULL) {
            return NGX_ERROR;
        }
    }

    root = ngx_http_caphealth_new_root(cf, path);
    added = ngx_array_push(cmcf->images.shipper.stores);

    if (root == NULL || added == NULL) {
        return NGX_ERROR;
    }

    *added = root;
    root->store = s;

    /* the counts of another endpoint's bucket are not those of this one */

    root->key.data = ngx_pnalloc(cf->pool, path->len
                                           + ngx_strlen(s->s3.endpoint)
                                           + sizeof(" "));
    if (root->key.data == NULL) {
        return NGX_ERROR;
    }

    root->key.len = ngx_sprintf(root->key.data, "%V %s%Z", path,
                                s->s3.endpoint)
                    - root->key.data - 1;

    s->number = cmcf->images.shipper.stores->nelts - 1;

    return NGX_OK;
}


static ngx_http_caphealth_root_t *
ngx_http_caphealth_new_root(ngx_conf_t *cf, ngx_str_t *path)
{
    ngx_http_caphealth_root_t       *root, **added;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    /* the state is saved by a thread */

    cmcf->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (cmcf->thread_pool == NULL) {
        return NULL;
    }

    cmcf->state.thread_pool = cmcf->thread_pool;

    added = ngx_array_push(cmcf->state.roots);
    root = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_root_t));

    if (added == NULL || root == NULL
        || ngx_array_init(&root->marks, cf->pool, 1, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&root->parts, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&root->counted, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    *added = root;
    root->path = *path;
    root->key = *path;

    return root;
}


static ngx_http_caphealth_root_t *
ngx_http_caphealth_find_root(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_str_t *path)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_root_t  **root;

    root = cmcf->state.roots->elts;

    for (i = 0; i < cmcf->state.roots->nelts; i++) {
        if (root[i]->path.len == path->len
            && ngx_strcmp(root[i]->path.data, path->data) == 0)
        {
            return root[i];
        }
    }

    return NULL;
}


/* a scan takes an image for complete by the first variant, its mark */

ngx_int_t
ngx_http_caphealth_add_upload(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *upload)
{
    unsigned                              i;
    uint64_t                              size;
    ngx_http_caphealth_root_t            *root;
    ngx_http_caphealth_main_conf_t       *cmcf;
    ngx_http_caphealth_converter_conf_t  *ccf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);
    ccf = &cmcf->images.converter;

    root = ngx_http_caphealth_find_root(cmcf, &upload->root);
    upload->tree = root;

    for (i = 0; i < upload->variants->n; i++) {
        size = caphealth_job_variant_size(&upload->variants->variants[i],
                                          ccf->max_pixels);
        ccf->file_size = ngx_max(ccf->file_size, size);

        if (ngx_http_caphealth_add_name(i == 0 ? &root->marks : &root->parts,
                                        upload->variants->names[i])
            != NGX_OK
            || (root->counted.nelts < CAPHEALTH_COUNTED_MAX
                && ngx_http_caphealth_add_name(&root->counted,
                                               upload->variants->names[i])
                   != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    return upload->source.len ? ngx_http_caphealth_add_source_tree(cf, upload)
                              : NGX_OK;
}


/* several locations may make the same variants */

static ngx_int_t
ngx_http_caphealth_add_name(ngx_array_t *names, char *text)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (ngx_strcmp(name[i].data, text) == 0) {
            return NGX_OK;
        }
    }

    name = ngx_array_push(names);
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->data = (u_char *) text;
    name->len = ngx_strlen(text);

    return NGX_OK;
}


/*
 * A deletion must find the source whichever location has stored it, so a tree
 * of images has one of sources, and the reverse.
 */

static ngx_int_t
ngx_http_caphealth_add_source_tree(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *upload)
{
    ngx_http_caphealth_root_t       *root, *source;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    root = upload->tree;
    source = ngx_http_caphealth_find_root(cmcf, &upload->source);

    if ((root->source && root->source != source)
        || (source->images && source->images != root))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_source\" \"%V\" does not go "
                           "with \"caphealth_image_root\" \"%V\": another "
                           "location has \"%V\" with \"%V\", and all "
                           "locations of a root keep the sources in one place",
                           &source->path, &root->path,
                           root->source ? &root->source->path
                                        : &source->path,
                           root->source ? &root->path
                                        : &source->images->path);
        return NGX_ERROR;
    }

    root->source = source;
    source->images = root;

    return NGX_OK;
}


/* what is below a root may be served, and a source must not be */

static ngx_int_t
ngx_http_caphealth_check_source_trees(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_uint_t                   i, n;
    ngx_http_caphealth_root_t  **root;

    root = cmcf->state.roots->elts;

    for (i = 0; i < cmcf->state.roots->nelts; i++) {

        if (!root[i]->sources) {
            continue;
        }

        if (root[i]->images == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"caphealth_image_source\" \"%V\" is in no "
                               "location with \"caphealth_image_upload\"",
                               &root[i]->path);
            return NGX_ERROR;
        }

        for (n = 0; n < cmcf->state.roots->nelts; n++) {
            if (n == i || !ngx_http_caphealth_overlap(&root[i]->path,
                                                      &root[n]->path))
            {
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"caphealth_image_source\" \"%V\" and "
                               "\"%s\" \"%V\" are one inside the other: give "
                               "the sources, which are private, a directory "
                               "of their own",
                               &root[i]->path,
                               root[n]->sources ? "caphealth_image_source"
                                                : "caphealth_image_root",
                               &root[n]->path);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* symbolic links count where the directories exist already */

static ngx_uint_t
ngx_http_caphealth_overlap(ngx_str_t *a, ngx_str_t *b)
{
    char        one[PATH_MAX], two[PATH_MAX];
    ngx_uint_t  n;

    n = ngx_http_caphealth_below((char *) a->data, (char *) b->data);

    if (n == 0 && realpath((char *) a->data, one)
        && realpath((char *) b->data, two))
    {
        n = ngx_http_caphealth_below(one, two);
    }

    return n;
}


/* whether one of the paths is the other, or in it */

static ngx_uint_t
ngx_http_caphealth_below(const char *a, const char *b)
{
    size_t  n;

    n = 0;

    while (a[n] && a[n] == b[n]) {
        n++;
    }

    return (a[n] == '\0' && (b[n] == '\0' || b[n] == '/'))
           || (b[n] == '\0' && a[n] == '/');
}


/* the master makes the directory, for the workers' user */

ngx_int_t
ngx_http_caphealth_add_dir(ngx_conf_t *cf, ngx_str_t *name, char *directive)
{
    ngx_http_caphealth_directory_t  *dir;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    dir = ngx_array_push(&cmcf->dirs);
    if (dir == NULL) {
        return NGX_ERROR;
    }

    dir->name = *name;
    dir->directive = directive;
    dir->file = cf->conf_file->file.name.data;
    dir->line = cf->conf_file->line;
    dir->foreign = 0;

    return NGX_OK;
}


char *
ngx_http_caphealth_init_policy(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    const char  *reason;

    if (cmcf->tiers == NULL) {
        return NGX_CONF_OK;
    }

    cmcf->policy.tiers = cmcf->tiers->elts;
    cmcf->policy.ntiers = cmcf->tiers->nelts;

    reason = caphealth_tiers_check(cmcf->policy.tiers, cmcf->policy.ntiers);

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the ladder of \"caphealth_tier\" is not "
                           "possible: %s", reason);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* where there is a state directory, or somebody asks for it */

void
ngx_http_caphealth_init_history(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_http_caphealth_collector_conf_t  *collector;

    collector = &cmcf->collector;

    ngx_conf_init_value(collector->history,
                        cmcf->state.dir.len || cmcf->state.roots->nelts
                        || cmcf->histories);

    collector->state_dir = &cmcf->state.dir;
    collector->configured = ngx_time();
    collector->reload = !ngx_is_init_cycle(cf->cycle->old_cycle);
}


char *
ngx_http_caphealth_init_runtime(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    /*
     * stores are the last sources, so that the collector, which does not know
     * them, has the same numbers for the others
     */

    if (ngx_http_caphealth_init_sources(cf, cmcf) != NGX_CONF_OK
        || ngx_http_caphealth_add_trees(cf, cmcf, 1) != NGX_OK
        || ngx_http_caphealth_init_helpers(cf, cmcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_caphealth_init_zone(cf, cmcf);
}


static char *
ngx_http_caphealth_init_sources(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    static ngx_str_t  root = ngx_string("/");
    static ngx_str_t  none = ngx_string("");

    cmcf->collector.sources = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_http_caphealth_source_t));
    if (cmcf->collector.sources == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_add_source(cf, cmcf, CAPHEALTH_SOURCE_SYSTEM,
                                      &none)
        == NULL)
    {
        return NGX_CONF_ERROR;
    }

    if (cmcf->disks) {
        if (ngx_http_caphealth_add_disks(cf, cmcf, cmcf->disks->elts,
                                         cmcf->disks->nelts)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

    } else if (ngx_http_caphealth_add_disks(cf, cmcf, &root, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_add_roots(cf, cmcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(cmcf->database.data, "off") != 0
        && ngx_http_caphealth_add_source(cf, cmcf,
                                         CAPHEALTH_SOURCE_DATABASE,
                                         &cmcf->database)
           == NULL)
    {
        return NGX_CONF_ERROR;
    }

    if (cmcf->collector.fleet.url.len
        && ngx_http_caphealth_add_source(cf, cmcf, CAPHEALTH_SOURCE_FLEET,
                                         &cmcf->collector.fleet.url)
           == NULL)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_caphealth_add_disks(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_str_t *disk, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_http_caphealth_add_source(cf, cmcf, CAPHEALTH_SOURCE_DISK,
                                          &disk[i])
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * an image root has two sources: the tree, and the file system that it is on
 */

static ngx_int_t
ngx_http_caphealth_add_roots(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_uint_t                    i;
    ngx_http_caphealth_root_t   **root;
    ngx_http_caphealth_source_t  *source;

    root = cmcf->state.roots->elts;

    for (i = 0; i < cmcf->state.roots->nelts; i++) {

        if (root[i]->store
            || ngx_http_caphealth_has_disk(cmcf, &root[i]->path))
        {
            continue;
        }

        source = ngx_http_caphealth_add_source(cf, cmcf,
                                               CAPHEALTH_SOURCE_DISK,
                                               &root[i]->path);
        if (source == NULL) {
            return NGX_ERROR;
        }

        source->hidden = (cmcf->disks != NULL);
    }

    return ngx_http_caphealth_add_trees(cf, cmcf, 0);
}


/* the directories, or the object stores */

static ngx_int_t
ngx_http_caphealth_add_trees(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_uint_t stores)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_root_t  **root;

    root = cmcf->state.roots->elts;

    for (i = 0; i < cmcf->state.roots->nelts; i++) {

        if ((root[i]->store != NULL) != stores) {
            continue;
        }

        if (ngx_http_caphealth_add_source(cf, cmcf, CAPHEALTH_SOURCE_IMAGES,
                                          &root[i]->path)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_caphealth_has_disk(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_str_t *path)
{
    ngx_uint_t                    i;
    ngx_http_caphealth_source_t  *source;

    source = cmcf->collector.sources->elts;

    for (i = 0; i < cmcf->collector.sources->nelts; i++) {
        if (source[i].type == CAPHEALTH_SOURCE_DISK
            && source[i].argument.len == path->len
            && ngx_memcmp(source[i].argument.data, path->data, path->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_http_caphealth_source_t *
ngx_http_caphealth_add_source(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, caphealth_source_e type,
    ngx_str_t *argument)
{
    ngx_http_caphealth_source_t  *source;

    source = ngx_array_push(cmcf->collector.sources);
    if (source == NULL) {
        return NULL;
    }

    ngx_memzero(source, sizeof(ngx_http_caphealth_source_t));

    source->type = type;
    source->argument = *argument;
    source->interval = cmcf->collector.refresh;

    if (type == CAPHEALTH_SOURCE_IMAGES) {
        source->root = ngx_http_caphealth_find_root(cmcf, argument);
    }

    if (ngx_http_caphealth_source_name(cf, source) != NGX_OK) {
        return NULL;
    }

    source->key = source->name;

    if (source->root && source->root->store) {
        source->key = source->root->key;
    }

    if (type == CAPHEALTH_SOURCE_DATABASE) {
        source->interval = cmcf->database_refresh;

        if (ngx_http_caphealth_database_key(cf, cmcf, &source->key)
            != NGX_OK)
        {
            return NULL;
        }
    }

    if (type == CAPHEALTH_SOURCE_FLEET
        && ngx_http_caphealth_fleet_key(cf, &cmcf->collector.fleet,
                                        &source->key)
           != NGX_OK)
    {
        return NULL;
    }

    return source;
}


static ngx_int_t
ngx_http_caphealth_source_name(ngx_conf_t *cf,
    ngx_http_caphealth_source_t *source)
{
    u_char                         *p;
    size_t                          len;
    const char                     *title;
    const caphealth_source_type_t  *type;

    type = &caphealth_source_types[source->type];

    title = type->title;

    if (source->root && source->root->sources) {
        title = "image source";

    } else if (source->root && source->root->store) {
        title = "object store";
    }

    len = ngx_strlen(title) + sizeof(" \"\"") + source->argument.len;

    source->name.data = ngx_pnalloc(cf->pool, len);
    if (source->name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(source->name.data, "%s", title);

    if (type->several) {
        p = ngx_sprintf(p, " \"%V\"", &source->argument);
    }

    source->name.len = p - source->name.data;

    return NGX_OK;
}


/*
 * The facts of one database must not be shown as those of another, or of other
 * queries; it is a hash because the address may have a password in it.
 */

static ngx_int_t
ngx_http_caphealth_database_key(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_str_t *key)
{
    ngx_md5_t      md5;
    ngx_uint_t     i;
    ngx_keyval_t  *query;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, cmcf->database.data, cmcf->database.len + 1);

    if (cmcf->collector.queries) {
        query = cmcf->collector.queries->elts;

        for (i = 0; i < cmcf->collector.queries->nelts; i++) {
            ngx_md5_update(&md5, query[i].key.data, query[i].key.len + 1);
            ngx_md5_update(&md5, query[i].value.data, query[i].value.len + 1);
        }
    }

    return ngx_http_caphealth_hashed_key(cf, "database", &md5, key);
}


static ngx_int_t
ngx_http_caphealth_fleet_key(ngx_conf_t *cf,
    ngx_http_caphealth_fleet_conf_t *fleet, ngx_str_t *key)
{
    ngx_md5_t  md5;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, fleet->url.data, fleet->url.len + 1);
    ngx_md5_update(&md5, fleet->node.data, fleet->node.len);

    return ngx_http_caphealth_hashed_key(cf, "fleet", &md5, key);
}


static ngx_int_t
ngx_http_caphealth_hashed_key(ngx_conf_t *cf, char *name, ngx_md5_t *md5,
    ngx_str_t *key)
{
    u_char  *p, digest[16];

    ngx_md5_final(digest, md5);

    key->data = ngx_pnalloc(cf->pool, ngx_strlen(name) + 1
                                      + 2 * sizeof(digest));
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(key->data, "%s ", name);
    key->len = ngx_hex_dump(p, digest, sizeof(digest)) - key->data;

    return NGX_OK;
}


static char *
ngx_http_caphealth_init_helpers(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    if (cmcf->helper_dir.data == NULL) {
        if (ngx_http_caphealth_module_dir(cf, &cmcf->helper_dir) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

    } else if (ngx_conf_full_name(cf->cycle, &cmcf->helper_dir, 0) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_init_helper(cf, cmcf, NGX_HTTP_CAPHEALTH_COLLECTOR,
                                       &cmcf->collector.path)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (cmcf->images.shipper.stores
        && ngx_http_caphealth_init_helper(cf, cmcf, NGX_HTTP_CAPHEALTH_SHIPPER,
                                          &cmcf->images.shipper.path)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!cmcf->uploads) {
        return NGX_CONF_OK;
    }

    return ngx_http_caphealth_init_helper(cf, cmcf,
                                          NGX_HTTP_CAPHEALTH_CONVERTER,
                                          &cmcf->images.converter.path);
}


static char *
ngx_http_caphealth_init_helper(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, char *name, ngx_str_t *path)
{
    ngx_file_info_t  fi;

    path->data = ngx_pnalloc(cf->pool, cmcf->helper_dir.len
                             + ngx_strlen(name) + sizeof("/"));
    if (path->data == NULL) {
        return NGX_CONF_ERROR;
    }

    path->len = ngx_sprintf(path->data, "%V/%s%Z", &cmcf->helper_dir,
                            name)
                - path->data - 1;

    if (ngx_file_info(path->data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "the program \"%V\" is not there: install it "
                           "beside the module, or say where it is with "
                           "\"caphealth_helper_dir\"", path);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_file(&fi) || !(fi.st_mode & (S_IXUSR|S_IXGRP|S_IXOTH))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not an executable file: make it one, "
                           "or set \"caphealth_helper_dir\"", path);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * where the module was loaded from, or nginx, if the module is linked into it
 */

static ngx_int_t
ngx_http_caphealth_module_dir(ngx_conf_t *cf, ngx_str_t *dir)
{
    char    *slash, path[NGX_MAX_PATH];
    ssize_t  n;
    Dl_info  module, core;

    if (dladdr(&ngx_http_caphealth_module, &module) == 0
        || dladdr(&ngx_core_module, &core) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "it cannot be told where the module was loaded "
                           "from, set \"caphealth_helper_dir\"");
        return NGX_ERROR;
    }

    if (module.dli_fbase == core.dli_fbase) {
        n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        path[n == -1 ? 0 : n] = '\0';

    } else {
        (void) ngx_cpystrn((u_char *) path, (u_char *) module.dli_fname,
                           sizeof(path));
    }

    slash = strrchr(path, '/');

    dir->len = slash ? (size_t) (slash - path) : 0;
    dir->data = ngx_pnalloc(cf->pool, dir->len + 1);
    if (dir->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(dir->data, (u_char *) path, dir->len + 1);

    return NGX_OK;
}


static char *
ngx_http_caphealth_init_zone(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    size_t                        size;
    ngx_str_t                    *key;
    ngx_uint_t                    i;
    ngx_array_t                  *keys, *sources;
    ngx_http_caphealth_source_t  *source;

    sources = cmcf->collector.sources;
    source = sources->elts;

    keys = ngx_array_create(cf->pool, sources->nelts, sizeof(ngx_str_t));
    if (keys == NULL) {
        return NGX_CONF_ERROR;
    }

    size = NGX_HTTP_CAPHEALTH_ZONE_SIZE;

    for (i = 0; i < sources->nelts; i++) {
        key = ngx_array_push(keys);
        if (key == NULL) {
            return NGX_CONF_ERROR;
        }

        *key = source[i].key;

        size += (source[i].type == CAPHEALTH_SOURCE_DATABASE)
                ? (size_t) NGX_HTTP_CAPHEALTH_ZONE_SHOP
                : (source[i].type == CAPHEALTH_SOURCE_FLEET)
                ? (size_t) NGX_HTTP_CAPHEALTH_ZONE_FLEET : 4 * ngx_pagesize;
    }

    size += cmcf->state.roots->nelts * NGX_HTTP_CAPHEALTH_TREE_SIZE;

    ngx_conf_init_size_value(cmcf->zone_size, size);

    cmcf->collector.zone = ngx_http_caphealth_zone_add(cf, cmcf->zone_size,
                                                   keys, cmcf->state.roots,
                                                   &cmcf->dirs,
                                                   &ngx_http_caphealth_module);

    cmcf->state.zone = cmcf->collector.zone;
    cmcf->images.shipper.zone = cmcf->collector.zone;

    return cmcf->collector.zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * after the merge, which gives the temp paths their defaults and uploads their
 * roots
 */

ngx_int_t
ngx_http_caphealth_init_state(ngx_conf_t *cf)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    ngx_http_caphealth_mark_foreign(cmcf);

    if (ngx_http_caphealth_check_source_trees(cf, cmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_caphealth_init_state_dir(cf, cmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return cmcf->images.shipper.stores && cmcf->uploads
           ? ngx_http_caphealth_init_spool(cf, cmcf) : NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_init_state_dir(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    u_char                     *slash;
    ngx_str_t                   name, *temp;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_core_srv_conf_t  **server;
    ngx_http_core_main_conf_t  *core;

    core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (!cmcf->enabled || cmcf->state.dir.data
        || (cmcf->state.roots->nelts == 0 && !cmcf->collector.history
            && cmcf->collector.receivers == NULL))
    {
        return NGX_OK;
    }

    if (core->servers.nelts == 0) {
        cmcf->collector.history = 0;
        return NGX_OK;
    }

    server = core->servers.elts;
    clcf = server[0]->ctx->loc_conf[ngx_http_core_module.ctx_index];
    temp = &clcf->client_body_temp_path->name;

    slash = temp->data + temp->len;

    while (slash > temp->data && slash[-1] != '/') {
        slash--;
    }

    name.len = slash - temp->data + sizeof("caphealth") - 1;
    name.data = ngx_pnalloc(cf->pool, name.len + 1);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(name.data, "%*scaphealth%Z",
                       (size_t) (slash - temp->data), temp->data);

    if (ngx_conf_full_name(cf->cycle, &name, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    cmcf->state.dir = name;

    return ngx_http_caphealth_add_dir(cf, &name, "caphealth_state_dir");
}


/* where the files of images are, without a name, until they are shipped */

static ngx_int_t
ngx_http_caphealth_init_spool(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_str_t  *spool;

    spool = &cmcf->images.shipper.spool;

    spool->len = cmcf->state.dir.len + sizeof("/spool") - 1;
    spool->data = ngx_pnalloc(cf->pool, spool->len + 1);
    if (spool->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(spool->data, "%V/spool%Z", &cmcf->state.dir);

    return ngx_http_caphealth_add_dir(cf, spool, "caphealth_state_dir");
}


/* a tree without uploads is filled by programs that may run as any user */

static void
ngx_http_caphealth_mark_foreign(ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_uint_t                       i;
    ngx_http_caphealth_root_t       *root;
    ngx_http_caphealth_directory_t  *dir;

    dir = cmcf->dirs.elts;

    for (i = 0; i < cmcf->dirs.nelts; i++) {
        root = ngx_http_caphealth_find_root(cmcf, &dir[i].name);
        dir[i].foreign = (root != NULL && !root->sources
                          && root->marks.nelts == 0);
    }
}
