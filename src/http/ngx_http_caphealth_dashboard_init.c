
/*
 * What the admin page needs to know of its configuration.
 */

#include "ngx_http_caphealth_dashboard.h"

#include "caphealth_assets.h"


static ngx_int_t ngx_http_caphealth_init_page(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_http_caphealth_dashboard_t *d);
static ngx_int_t ngx_http_caphealth_page_names(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d);
static ngx_int_t ngx_http_caphealth_page_urls(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d);
static ngx_int_t ngx_http_caphealth_page_policy(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d);
static ngx_int_t ngx_http_caphealth_page_texts(ngx_conf_t *cf,
    json_t **texts);
static void ngx_http_caphealth_texts_free(void *data);


ngx_int_t
ngx_http_caphealth_init_dashboards(ngx_conf_t *cf)
{
    json_t                           *texts;
    ngx_uint_t                        n;
    ngx_http_caphealth_dashboard_t  **d;
    ngx_http_caphealth_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    if (cmcf->dashboards == NULL) {
        return NGX_OK;
    }

    if (ngx_http_caphealth_page_texts(cf, &texts) != NGX_OK
        || ngx_http_caphealth_init_ask(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    d = cmcf->dashboards->elts;

    for (n = 0; n < cmcf->dashboards->nelts; n++) {
        d[n]->texts = texts;

        if (ngx_http_caphealth_init_page(cf, cmcf, d[n]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_init_page(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf, ngx_http_caphealth_dashboard_t *d)
{
    caphealth_page_t               *page;
    ngx_http_caphealth_loc_conf_t  *lcf;

    page = &d->page;

    page->health.url = (char *) d->data[NGX_HTTP_CAPHEALTH_DATA_HEALTH]
                                .url.data;
    page->capacity.url = (char *) d->data[NGX_HTTP_CAPHEALTH_DATA_CAPACITY]
                                  .url.data;
    page->images.url = (char *) d->data[NGX_HTTP_CAPHEALTH_DATA_IMAGES]
                                .url.data;
    page->upload.url = (char *) d->data[NGX_HTTP_CAPHEALTH_DATA_UPLOAD]
                                .url.data;
    page->refresh = cmcf->collector.refresh;

    lcf = d->location->loc_conf[ngx_http_caphealth_module.ctx_index];

    if (lcf->links) {
        page->links = lcf->links->elts;
        page->nlinks = lcf->links->nelts;
    }

    if (ngx_http_caphealth_page_names(cf, d) != NGX_OK
        || ngx_http_caphealth_page_urls(cf, d) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_caphealth_page_policy(cf, d);
}


/* nginx's list of names is gone when requests come */

static ngx_int_t
ngx_http_caphealth_page_names(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d)
{
#if (NGX_PCRE)
    ngx_uint_t               i, n, *index;
    ngx_http_regex_t        *re;
    ngx_http_server_name_t  *name;
#endif

    if (ngx_array_init(&d->kept, cf->pool, 1, sizeof(ngx_uint_t)) != NGX_OK) {
        return NGX_ERROR;
    }

#if (NGX_PCRE)
    name = d->server->server_names.elts;

    for (i = 0; i < d->server->server_names.nelts; i++) {
        re = name[i].regex;

        for (n = 0; re && n < re->nvariables; n++) {
            index = ngx_array_push(&d->kept);
            if (index == NULL) {
                return NGX_ERROR;
            }

            *index = re->variables[n].index;
        }
    }
#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_page_urls(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d)
{
    size_t      len;
    u_char     *p;
    ngx_str_t   self;

    if (ngx_http_caphealth_escape(cf, &d->location->name, &self) != NGX_OK) {
        return NGX_ERROR;
    }

    d->page.self = (char *) self.data;

    len = self.len;

    if (self.data[len - 1] == '/') {
        len--;
    }

    p = ngx_pnalloc(cf->pool,
                    len + 1 + ngx_strlen(caphealth_assets_version) + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    d->page.assets = (char *) p;

    ngx_sprintf(p, "%*s/%s%Z", len, self.data, caphealth_assets_version);

    return NGX_OK;
}


/* images may be served from another origin, a CDN's */

static ngx_int_t
ngx_http_caphealth_page_policy(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d)
{
    u_char                         *p, *last;
    ngx_str_t                       origin;
    ngx_http_core_loc_conf_t       *upload;
    ngx_http_caphealth_loc_conf_t  *lcf;

    static u_char  format[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'%s%V; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'self'";

    ngx_str_null(&origin);

    upload = d->data[NGX_HTTP_CAPHEALTH_DATA_UPLOAD].location;

    if (upload) {
        lcf = upload->loc_conf[ngx_http_caphealth_module.ctx_index];

        if (lcf->image_url.data[0] != '/') {
            origin = lcf->image_url;
            last = origin.data + origin.len;

            p = ngx_strlchr(origin.data, last, ':') + sizeof("://") - 1;
            origin.len = ngx_strlchr(p, last, '/') - origin.data;
        }
    }

    d->policy.data = ngx_pnalloc(cf->pool, sizeof(format) + origin.len);
    if (d->policy.data == NULL) {
        return NGX_ERROR;
    }

    d->policy.len = ngx_sprintf(d->policy.data, (char *) format,
                                origin.len ? " " : "", &origin)
                    - d->policy.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_page_texts(ngx_conf_t *cf, json_t **texts)
{
    ngx_pool_cleanup_t       *cln;
    const caphealth_asset_t  *asset;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    for (asset = caphealth_assets; asset->name; asset++) {
        if (ngx_strcmp(asset->name, "texts.json") == 0) {
            break;
        }
    }

    *texts = caphealth_page_texts((char *) asset->data, asset->len);

    if (*texts == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the texts of \"caphealth_dashboard\" cannot be "
                           "read");
        return NGX_ERROR;
    }

    cln->handler = ngx_http_caphealth_texts_free;
    cln->data = *texts;

    return NGX_OK;
}


static void
ngx_http_caphealth_texts_free(void *data)
{
    json_decref(data);
}
