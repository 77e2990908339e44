
/*
 * The directives of uploads.
 */

#include "ngx_http_caphealth_cors.h"
#include "ngx_http_caphealth_upload_conf.h"


static ngx_uint_t ngx_http_caphealth_url_char(u_char c);
static char *ngx_http_caphealth_check_store(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *ucf);


char *
ngx_http_caphealth_image_upload(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    cmcf->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (cmcf->thread_pool == NULL) {
        return NGX_CONF_ERROR;
    }

    cmcf->uploads = 1;

    return ngx_http_caphealth_add_endpoint(cf,
                                     NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_UPLOAD,
                                     ngx_http_caphealth_upload_handler);
}


char *
ngx_http_caphealth_image_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    u_char      *p;
    ngx_str_t   *value, *url;
    ngx_uint_t   i;

    if (lcf->upload.url.data) {
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
        return ngx_http_caphealth_invalid_value(cf, url,
                                             "a prefix as \"/media/\" or "
                                             "\"https://cdn.example.com/\"");
    }

    p = ngx_pnalloc(cf->pool, url->len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->upload.url.data = p;
    p = ngx_cpymem(p, url->data, url->len);

    if (p[-1] != '/') {
        *p++ = '/';
    }

    lcf->upload.url.len = p - lcf->upload.url.data;

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
ngx_http_caphealth_image_id(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    static ngx_str_t  names[] = {
        ngx_string("random"),
        ngx_string("key"),
        ngx_string("content"),
        ngx_null_string
    };

    if (lcf->upload.id != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; names[i].len; i++) {
        if (value[1].len == names[i].len
            && ngx_strcmp(value[1].data, names[i].data) == 0)
        {
            lcf->upload.id = i;
            return NGX_CONF_OK;
        }
    }

    return ngx_http_caphealth_invalid_value(cf, &value[1],
                                            "random, key or content");
}


char *
ngx_http_caphealth_image_variant(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t             *value;
    ngx_uint_t             i;
    const char            *reason;
    caphealth_variants_t  *variants;

    value = cf->args->elts;

    variants = lcf->upload.variants;

    if (variants == NGX_CONF_UNSET_PTR) {
        variants = ngx_pcalloc(cf->pool, sizeof(caphealth_variants_t));
        if (variants == NULL) {
            return NGX_CONF_ERROR;
        }

        lcf->upload.variants = variants;
    }

    reason = caphealth_variants_add(variants, (char *) value[1].data);

    for (i = 2; reason == NULL && i < cf->args->nelts; i++) {
        reason = caphealth_variants_option(variants, (char *) value[i].data);
    }

    if (reason == NULL) {
        reason = caphealth_variants_agree(variants);
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
ngx_http_caphealth_image_quota(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t                   *value, number;
    ngx_uint_t                   i;
    ngx_http_caphealth_quota_t  *quota;

    quota = &lcf->upload.quota;

    if (quota->images != NGX_CONF_UNSET || quota->bytes != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "images=", 7) == 0
            && quota->images == NGX_CONF_UNSET)
        {
            quota->images = ngx_atoi(value[i].data + 7, value[i].len - 7);

            if (quota->images > 0) {
                continue;
            }

        } else if (ngx_strncmp(value[i].data, "bytes=", 6) == 0
                   && quota->bytes == NGX_CONF_UNSET)
        {
            number.data = value[i].data + 6;
            number.len = value[i].len - 6;

            quota->bytes = ngx_parse_offset(&number);

            if (quota->bytes > 0) {
                continue;
            }
        }

        return ngx_http_caphealth_invalid_value(cf, &value[i],
                                             "\"images=\" and a number, or "
                                             "\"bytes=\" and a size as "
                                             "\"500m\", each once and above "
                                             "0");
    }

    return NGX_CONF_OK;
}


/* what is kept in links, or beside the images, needs a directory */

static char *
ngx_http_caphealth_check_store(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *ucf)
{
    ngx_uint_t  i;

    const struct {
        ngx_uint_t   set;
        char        *directive;
        char        *reason;
    } directives[] = {
        { ucf->source.len != 0, "caphealth_image_source",
          "the originals are kept in a directory beside that of the images" },
        { ucf->id == NGX_HTTP_CAPHEALTH_ID_CONTENT, "caphealth_image_id",
          "ids that follow from the bytes are kept in a directory, so it must "
          "be \"random\" or \"key\"" },
        { ucf->quota.images != NGX_CONF_UNSET
          || ucf->quota.bytes != NGX_CONF_UNSET, "caphealth_image_quota",
          "what an owner has is counted in a directory" }
    };

    for (i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
        if (directives[i].set) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%s\" does not work with "
                               "\"caphealth_image_store\": %s",
                               directives[i].directive, directives[i].reason);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_merge_upload_conf(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t          *clcf;
    ngx_http_caphealth_upload_conf_t  *ucf;

    ucf = &conf->upload;
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* locations inside of it inherit the directive */

    if (ucf->delete == 1
        && conf->endpoint != NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_UPLOAD
        && clcf->locations == NULL && !clcf->noname)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_delete\" needs a "
                           "\"caphealth_image_upload\" in its location "
                           "\"%V\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (ucf->root.data == NULL) {
        ucf->store = prev->upload.store;
    }

    ngx_conf_merge_str_value(ucf->root, prev->upload.root, "");
    ngx_conf_merge_str_value(ucf->source, prev->upload.source, "");
    ngx_conf_merge_str_value(ucf->url, prev->upload.url, "/");
    ngx_conf_merge_ptr_value(ucf->variants, prev->upload.variants, NULL);
    ngx_conf_merge_value(ucf->delete, prev->upload.delete, 0);
    ngx_conf_merge_uint_value(ucf->id, prev->upload.id,
                              NGX_HTTP_CAPHEALTH_ID_RANDOM);
    ngx_conf_merge_ptr_value(ucf->tokens, prev->upload.tokens, NULL);
    ngx_conf_merge_ptr_value(ucf->cors, prev->upload.cors, NULL);

    /* "if" and "limit_except" inherit the handler as well */

    if (clcf->noname) {
        ucf->tree = prev->upload.tree;
    }

    if (ucf->owner == NULL) {
        ucf->owner = prev->upload.owner;
    }

    if (ucf->quota.images == NGX_CONF_UNSET
        && ucf->quota.bytes == NGX_CONF_UNSET)
    {
        ucf->quota = prev->upload.quota;
    }

    if (conf->endpoint == NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_OWNERS
        && (ucf->root.len == 0 || ucf->store))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_owners\" needs a "
                           "\"caphealth_image_root\", the tree whose owners "
                           "are listed");
        return NGX_CONF_ERROR;
    }

    if (ucf->variants) {
        caphealth_variants_order(ucf->variants);
    }

    if (conf->endpoint != NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_UPLOAD) {
        return NGX_CONF_OK;
    }

    if (ngx_http_caphealth_cors_check(cf, ucf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (ucf->root.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_upload\" needs a "
                           "\"caphealth_image_root\", the directory for the "
                           "images, or a \"caphealth_image_store\"");
        return NGX_CONF_ERROR;
    }

    if (ucf->store && ngx_http_caphealth_check_store(cf, ucf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (ucf->variants == NULL) {
        ucf->variants = ngx_palloc(cf->pool, sizeof(caphealth_variants_t));
        if (ucf->variants == NULL) {
            return NGX_CONF_ERROR;
        }

        caphealth_variants_default(ucf->variants);
    }

    return ngx_http_caphealth_add_upload(cf, ucf) == NGX_OK ? NGX_CONF_OK
                                                            : NGX_CONF_ERROR;
}
