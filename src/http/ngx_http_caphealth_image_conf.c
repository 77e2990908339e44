
/*
 * The directives about images.
 */

#include "ngx_http_caphealth.h"


static ngx_int_t ngx_http_caphealth_add_root(ngx_conf_t *cf,
    ngx_str_t *path);
static ngx_http_caphealth_root_t *ngx_http_caphealth_find_root(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_str_t *path);
static ngx_int_t ngx_http_caphealth_add_dir(ngx_conf_t *cf, ngx_str_t *name,
    char *directive);
static void ngx_http_caphealth_mark_foreign(
    ngx_http_caphealth_main_conf_t *cmcf);
static ngx_int_t ngx_http_caphealth_add_variants(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *lcf);
static ngx_uint_t ngx_http_caphealth_url_char(u_char c);


char *
ngx_http_caphealth_image_upload(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    cmcf->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (cmcf->thread_pool == NULL) {
        return NGX_CONF_ERROR;
    }

    cmcf->uploads = 1;
    lcf->upload = 1;

    return ngx_http_caphealth_endpoint(cf, ngx_http_caphealth_upload_handler);
}


char *
ngx_http_caphealth_image_root(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->image_root.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    lcf->image_root = value[1];

    if (value[1].len == 0 || ngx_strlchr(value[1].data,
                                         value[1].data + value[1].len, '$'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_root\" must be the path of a "
                           "directory, without variables");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &lcf->image_root, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (lcf->image_root.len > 1
           && lcf->image_root.data[lcf->image_root.len - 1] == '/')
    {
        lcf->image_root.data[--lcf->image_root.len] = '\0';
    }

    if (lcf->image_root.len == 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_root\" must not be \"/\": give "
                           "the images a directory of their own");
        return NGX_CONF_ERROR;
    }

    return ngx_http_caphealth_add_root(cf, &lcf->image_root) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_caphealth_add_root(ngx_conf_t *cf, ngx_str_t *path)
{
    ngx_http_caphealth_root_t       *root, **added;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    if (ngx_http_caphealth_find_root(cmcf, path)) {
        return NGX_OK;
    }

    if (cmcf->state.roots == NULL) {
        cmcf->state.roots = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_http_caphealth_root_t *));
        if (cmcf->state.roots == NULL) {
            return NGX_ERROR;
        }
    }

    /* every save is done by a thread */

    cmcf->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (cmcf->thread_pool == NULL) {
        return NGX_ERROR;
    }

    cmcf->state.thread_pool = cmcf->thread_pool;

    added = ngx_array_push(cmcf->state.roots);
    root = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_root_t));

    if (added == NULL || root == NULL
        || ngx_array_init(&root->marks, cf->pool, 1, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&root->parts, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *added = root;
    root->path = *path;

    return ngx_http_caphealth_add_dir(cf, path, "caphealth_image_root");
}


static ngx_http_caphealth_root_t *
ngx_http_caphealth_find_root(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_str_t *path)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_root_t  **root;

    if (cmcf->state.roots == NULL) {
        return NULL;
    }

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


/* the master makes it, for the workers' user */

static ngx_int_t
ngx_http_caphealth_add_dir(ngx_conf_t *cf, ngx_str_t *name, char *directive)
{
    ngx_http_caphealth_dir_t        *dir;
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


/* a tree without uploads is filled by others, as whomever they run */

static void
ngx_http_caphealth_mark_foreign(ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_uint_t                  i;
    ngx_http_caphealth_dir_t   *dir;
    ngx_http_caphealth_root_t  *root;

    dir = cmcf->dirs.elts;

    for (i = 0; i < cmcf->dirs.nelts; i++) {
        root = ngx_http_caphealth_find_root(cmcf, &dir[i].name);
        dir[i].foreign = (root != NULL && root->marks.nelts == 0);
    }
}


/* what a scan takes for complete, and for a part, is what is uploaded here */

static ngx_int_t
ngx_http_caphealth_add_variants(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *lcf)
{
    unsigned                         i;
    ngx_str_t                       *name;
    ngx_http_caphealth_root_t       *root;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);
    root = ngx_http_caphealth_find_root(cmcf, &lcf->image_root);

    for (i = 0; root && i < lcf->variants->n; i++) {
        name = ngx_array_push(i == 0 ? &root->marks : &root->parts);
        if (name == NULL) {
            return NGX_ERROR;
        }

        name->data = (u_char *) lcf->variants->names[i];
        name->len = ngx_strlen(name->data);
    }

    return NGX_OK;
}


char *
ngx_http_caphealth_state_dir(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t  *value;

    if (cmcf->state.dir.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_state_dir\" must be the path of a "
                           "directory");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cmcf->state.dir = value[1];

    return ngx_http_caphealth_add_dir(cf, &cmcf->state.dir,
                                      "caphealth_state_dir") == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* not before the temp paths have their defaults, and uploads their roots */

ngx_int_t
ngx_http_caphealth_init_state(ngx_conf_t *cf)
{
    u_char                          *slash;
    ngx_str_t                        name, *temp;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_core_main_conf_t       *core;
    ngx_http_core_srv_conf_t       **server;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);
    core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    ngx_http_caphealth_mark_foreign(cmcf);

    if (!cmcf->enabled || cmcf->state.dir.data
        || cmcf->state.roots->nelts == 0 || core->servers.nelts == 0)
    {
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


char *
ngx_http_caphealth_image_scan(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    time_t      scan;
    ngx_str_t  *value;

    if (cmcf->collector.scan != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        cmcf->collector.scan = 0;
        return NGX_CONF_OK;
    }

    scan = ngx_parse_time(&value[1], 1);

    if (scan == (time_t) NGX_ERROR || scan < 1 || scan > 365 * 86400) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"caphealth_image_scan\" \"%V\", it must "
                           "be a time between 1s and 365d, as \"6h\", or "
                           "\"off\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    cmcf->collector.scan = scan;

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_scan_share(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_int_t   share;
    ngx_str_t  *value;

    if (cmcf->collector.scan_share != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    share = NGX_ERROR;

    if (value[1].len > 1 && value[1].data[value[1].len - 1] == '%') {
        share = ngx_atoi(value[1].data, value[1].len - 1);
    }

    if (share == NGX_ERROR || share < 1 || share > 100) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"caphealth_image_scan_share\" \"%V\", it "
                           "must be between 1%% and 100%% of a core",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    cmcf->collector.scan_share = share;

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_image_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    u_char      *p;
    ngx_str_t   *value, *url;
    ngx_uint_t   i;

    if (lcf->image_url.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    url = &value[1];

    for (i = 0; i < url->len && ngx_http_caphealth_url_char(url->data[i]);
         i++)
    {
        /* void */
    }

    if (url->len == 0 || i < url->len
        || (url->data[0] != '/'
            && ngx_strncasecmp(url->data, (u_char *) "http://", 7) != 0
            && ngx_strncasecmp(url->data, (u_char *) "https://", 8) != 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"caphealth_image_url\" \"%V\", it must "
                           "be a prefix as \"/media/\" or "
                           "\"https://cdn.example.com/\"", url);
        return NGX_CONF_ERROR;
    }

    p = ngx_pnalloc(cf->pool, url->len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->image_url.data = p;
    p = ngx_cpymem(p, url->data, url->len);

    if (p[-1] != '/') {
        *p++ = '/';
    }

    lcf->image_url.len = p - lcf->image_url.data;

    return NGX_CONF_OK;
}


/* RFC 3986, without "?", "#" and what would need an escape */

static ngx_uint_t
ngx_http_caphealth_url_char(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && ngx_strchr("/:@-._~!&'()*+,;=%[]", c) != NULL);
}


char *
ngx_http_caphealth_image_variant(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;
    const char  *reason;

    value = cf->args->elts;

    if (lcf->variants == NGX_CONF_UNSET_PTR) {
        lcf->variants = ngx_pcalloc(cf->pool, sizeof(caphealth_variants_t));
        if (lcf->variants == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    reason = caphealth_variants_add(lcf->variants, (char *) value[1].data);

    for (i = 2; reason == NULL && i < cf->args->nelts; i++) {
        reason = caphealth_variants_option(lcf->variants,
                                           (char *) value[i].data);
    }

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"caphealth_image_variant\" \"%V\", at "
                           "\"%V\": %s", &value[1], &value[i - 1], reason);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_image_timeout(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *value = data;

    if (*value < 1000 || *value > 600000) {
        return "must be between 1s and 10m";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_image_pixels(ngx_conf_t *cf, void *post, void *data)
{
    size_t *value = data;

    if (*value < 1 || *value > 1024 * 1024 * 1024) {
        return "must be between 1 and 1g, width times height";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_image_memory(ngx_conf_t *cf, void *post, void *data)
{
    size_t *value = data;

    if (*value < 64 * 1024 * 1024) {
        return "must be at least 64m, the decoders themselves take half of it";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_merge_images(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf)
{
    const char  *reason;

    ngx_conf_merge_str_value(conf->image_root, prev->image_root, "");
    ngx_conf_merge_str_value(conf->image_url, prev->image_url, "/");
    ngx_conf_merge_ptr_value(conf->variants, prev->variants, NULL);
    ngx_conf_merge_value(conf->image_delete, prev->image_delete, 0);

    if (conf->variants) {
        reason = caphealth_variants_check(conf->variants);

        if (reason) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the \"caphealth_image_variant\" directives "
                               "make no set: %s", reason);
            return NGX_CONF_ERROR;
        }
    }

    if (!conf->upload) {
        return NGX_CONF_OK;
    }

    if (conf->image_root.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_upload\" needs a "
                           "\"caphealth_image_root\", the directory for the "
                           "images");
        return NGX_CONF_ERROR;
    }

    if (conf->variants == NULL) {
        conf->variants = ngx_palloc(cf->pool, sizeof(caphealth_variants_t));
        if (conf->variants == NULL) {
            return NGX_CONF_ERROR;
        }

        caphealth_variants_default(conf->variants);
    }

    return ngx_http_caphealth_add_variants(cf, conf) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_caphealth_init_images(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_http_caphealth_images_conf_t  *images;

    images = &cmcf->images;

    ngx_conf_init_value(images->max_files, 10);
    ngx_conf_init_size_value(images->converter.max_pixels, 50 * 1024 * 1024);
    ngx_conf_init_msec_value(images->converter.timeout, 30000);
    ngx_conf_init_size_value(images->converter.memory, 1024 * 1024 * 1024);
    ngx_conf_init_value(images->converter.converters, 1);
    ngx_conf_init_value(images->converter.queue, 32);
    ngx_conf_init_uint_value(images->converter.idle, 1);
    ngx_conf_init_value(cmcf->collector.scan, 6 * 3600);
    ngx_conf_init_uint_value(cmcf->collector.scan_share, 25);

    if (cmcf->state.roots == NULL) {
        cmcf->state.roots = ngx_array_create(cf->pool, 1,
                                        sizeof(ngx_http_caphealth_root_t *));
        if (cmcf->state.roots == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
