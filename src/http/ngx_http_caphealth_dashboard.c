
/*
 * caphealth_dashboard
 */

#include "ngx_http_caphealth_dashboard.h"

#include "caphealth_assets.h"


typedef struct {
    caphealth_page_t                 page;
    ngx_http_caphealth_dashboard_t  *dashboard;
    ngx_uint_t                       asked;      /* of the data */
    int                              status[NGX_HTTP_CAPHEALTH_DATA];
                                                 /* 0: not known yet */
} ngx_http_caphealth_visit_t;


static ngx_int_t ngx_http_caphealth_visit(ngx_http_request_t *r,
    ngx_http_caphealth_dashboard_t *dashboard);
static void ngx_http_caphealth_visit_next(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_send_page(ngx_http_request_t *r,
    ngx_http_caphealth_visit_t *visit);
static char *ngx_http_caphealth_page_text(ngx_http_request_t *r,
    ngx_http_caphealth_visit_t *visit, size_t *len);
static const char *ngx_http_caphealth_accept_language(ngx_http_request_t *r,
    json_t *texts);
static void ngx_http_caphealth_page_free(void *data);
static ngx_int_t ngx_http_caphealth_send_asset(ngx_http_request_t *r,
    ngx_str_t *name);
static const caphealth_asset_t *ngx_http_caphealth_find_asset(
    ngx_str_t *name);
static ngx_uint_t ngx_http_caphealth_asset_gzip(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_asset_etag(ngx_http_request_t *r,
    const caphealth_asset_t *asset, ngx_uint_t gzip);
static ngx_int_t ngx_http_caphealth_add_headers(ngx_http_request_t *r,
    ngx_keyval_t *header);


static ngx_http_caphealth_problem_t  ngx_http_caphealth_no_such_file = {
    NGX_HTTP_NOT_FOUND,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "no-such-file"),
    ngx_string("No such file"),
    ngx_string("The admin page has no such file, or another version of it. "
               "Load the page again: it names the files that belong to it."),
    ngx_null_string
};


static ngx_keyval_t  ngx_http_caphealth_page_headers[] = {
    { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },
    { ngx_string("X-Frame-Options"), ngx_string("SAMEORIGIN") },
    { ngx_string("Referrer-Policy"), ngx_string("same-origin") },
    { ngx_string("Vary"), ngx_string("Accept-Language") },
    { ngx_null_string, ngx_null_string }
};


static ngx_keyval_t  ngx_http_caphealth_asset_headers[] = {
    { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },
    { ngx_string("Cache-Control"),
      ngx_string("public, max-age=31536000, immutable") },
#if (NGX_HTTP_GZIP)
    { ngx_string("Vary"), ngx_string("Accept-Encoding") },
#endif
    { ngx_null_string, ngx_null_string }
};


ngx_int_t
ngx_http_caphealth_dashboard_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_str_t                       name, version;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_caphealth_loc_conf_t  *lcf;

    rc = ngx_http_caphealth_admit(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    name.len = clcf->name.len;

    if (clcf->name.data[name.len - 1] == '/') {
        name.len--;
    }

    if (r->uri.len < name.len
        || ngx_strncmp(r->uri.data, clcf->name.data, name.len) != 0)
    {
        return ngx_http_caphealth_send_problem(r,
                                            &ngx_http_caphealth_no_such_file);
    }

    name.data = r->uri.data + name.len;
    name.len = r->uri.len - name.len;

    if (name.len == 0 || (name.len == 1 && name.data[0] == '/')) {
        return ngx_http_caphealth_visit(r, lcf->dashboard);
    }

    version.data = (u_char *) caphealth_assets_version;
    version.len = ngx_strlen(version.data);

    if (name.len < version.len + 2 || name.data[0] != '/'
        || ngx_strncmp(name.data + 1, version.data, version.len) != 0
        || name.data[version.len + 1] != '/')
    {
        return ngx_http_caphealth_send_problem(r,
                                            &ngx_http_caphealth_no_such_file);
    }

    name.data += version.len + 2;
    name.len -= version.len + 2;

    return ngx_http_caphealth_send_asset(r, &name);
}


static ngx_int_t
ngx_http_caphealth_visit(ngx_http_request_t *r,
    ngx_http_caphealth_dashboard_t *dashboard)
{
    ngx_http_caphealth_visit_t  *visit;

    visit = ngx_pcalloc(r->pool, sizeof(ngx_http_caphealth_visit_t));
    if (visit == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    visit->dashboard = dashboard;
    visit->page = dashboard->page;

    ngx_http_set_ctx(r, visit, ngx_http_caphealth_module);

    r->write_event_handler = ngx_http_caphealth_visit_next;
    r->main->count++;

    ngx_http_caphealth_visit_next(r);

    return NGX_DONE;
}


/* asks each location of the data in turn, and then shows what may be seen */

static void
ngx_http_caphealth_visit_next(ngx_http_request_t *r)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_data_t   *data;
    ngx_http_caphealth_visit_t  *visit;

    visit = ngx_http_get_module_ctx(r, ngx_http_caphealth_module);

    if (visit->asked && visit->status[visit->asked - 1] == 0) {
        return;
    }

    while (visit->asked < NGX_HTTP_CAPHEALTH_DATA) {

        i = visit->asked++;
        data = &visit->dashboard->data[i];

        if (data->location == NULL) {
            visit->status[i] = NGX_HTTP_NOT_FOUND;
            continue;
        }

        if (ngx_http_caphealth_ask(r, &data->uri, &data->url,
                                   &visit->dashboard->kept,
                                   ngx_http_caphealth_data_kinds[i].handler,
                                   &visit->status[i])
            != NGX_OK)
        {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    ngx_http_finalize_request(r, ngx_http_caphealth_send_page(r, visit));
}


static ngx_int_t
ngx_http_caphealth_send_page(ngx_http_request_t *r,
    ngx_http_caphealth_visit_t *visit)
{
    char                *text;
    size_t               len;
    ngx_pool_cleanup_t  *cln;

    static ngx_str_t  type = ngx_string("text/html; charset=utf-8");
    static ngx_str_t  policy = ngx_string("Content-Security-Policy");

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL
        || ngx_http_caphealth_add_no_cache(r) != NGX_OK
        || ngx_http_caphealth_add_headers(r, ngx_http_caphealth_page_headers)
           != NGX_OK
        || ngx_http_caphealth_add_header(r, &policy,
                                         &visit->dashboard->policy)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text = ngx_http_caphealth_page_text(r, visit, &len);
    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_caphealth_page_free;
    cln->data = text;

    r->headers_out.status = NGX_HTTP_OK;

    return ngx_http_caphealth_send(r, &type, (u_char *) text, len);
}


static char *
ngx_http_caphealth_page_text(ngx_http_request_t *r,
    ngx_http_caphealth_visit_t *visit, size_t *len)
{
    double                           now;
    json_t                          *texts;
    caphealth_page_t                *page;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    now = ngx_http_caphealth_now();

    if (ngx_http_caphealth_refresh(cmcf, now, r->connection->log) != NGX_OK) {
        return NULL;
    }

    ngx_http_caphealth_view_images(cmcf->view, now);

    page = &visit->page;
    page->health.status = visit->status[NGX_HTTP_CAPHEALTH_DATA_HEALTH];
    page->capacity.status = visit->status[NGX_HTTP_CAPHEALTH_DATA_CAPACITY];
    page->images.status = visit->status[NGX_HTTP_CAPHEALTH_DATA_IMAGES];
    page->upload.status = visit->status[NGX_HTTP_CAPHEALTH_DATA_UPLOAD];

    texts = visit->dashboard->texts;

    return caphealth_page(page, (char *) caphealth_asset_page.data, texts,
                          ngx_http_caphealth_accept_language(r, texts),
                          &cmcf->view->facts, &cmcf->policy, now, len);
}


static const char *
ngx_http_caphealth_accept_language(ngx_http_request_t *r, json_t *texts)
{
    ngx_str_t  accept;

    static ngx_str_t  name = ngx_string("accept-language");

    if (ngx_http_caphealth_header_list(r, &name, &accept) != NGX_OK) {
        ngx_str_null(&accept);
    }

    return caphealth_page_language(texts,
                                   accept.len ? (char *) accept.data : "",
                                   accept.len);
}


static void
ngx_http_caphealth_page_free(void *data)
{
    free(data);
}


static ngx_int_t
ngx_http_caphealth_send_asset(ngx_http_request_t *r, ngx_str_t *name)
{
    size_t                    len;
    u_char                   *data;
    ngx_str_t                 type;
    ngx_uint_t                gzip;
    const caphealth_asset_t  *asset;

    static ngx_str_t  encoding = ngx_string("Content-Encoding");
    static ngx_str_t  gzipped = ngx_string("gzip");

    asset = ngx_http_caphealth_find_asset(name);
    if (asset == NULL) {
        return ngx_http_caphealth_send_problem(r,
                                            &ngx_http_caphealth_no_such_file);
    }

    gzip = ngx_http_caphealth_asset_gzip(r);

    if (gzip) {
        r->headers_out.content_encoding = ngx_http_caphealth_add_header(r,
                                                         &encoding, &gzipped);
        if (r->headers_out.content_encoding == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ngx_http_caphealth_asset_etag(r, asset, gzip) != NGX_OK
        || ngx_http_caphealth_add_headers(r, ngx_http_caphealth_asset_headers)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    type.data = (u_char *) asset->type;
    type.len = ngx_strlen(asset->type);

    data = (u_char *) (gzip ? asset->gzip : asset->data);
    len = gzip ? asset->gzip_len : asset->len;

    r->headers_out.status = NGX_HTTP_OK;

    return ngx_http_caphealth_send(r, &type, data, len);
}


static const caphealth_asset_t *
ngx_http_caphealth_find_asset(ngx_str_t *name)
{
    const caphealth_asset_t  *asset;

    for (asset = caphealth_assets; asset->name; asset++) {
        if (ngx_strlen(asset->name) == name->len
            && ngx_strncmp(asset->name, name->data, name->len) == 0)
        {
            return asset;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_caphealth_asset_gzip(ngx_http_request_t *r)
{
#if (NGX_HTTP_GZIP)
    return ngx_http_gzip_ok(r) == NGX_OK;
#else
    return 0;
#endif
}


static ngx_int_t
ngx_http_caphealth_asset_etag(ngx_http_request_t *r,
    const caphealth_asset_t *asset, ngx_uint_t gzip)
{
    ngx_str_t  value;

    static ngx_str_t  name = ngx_string("ETag");

    value.len = sizeof("\"-00-gzip\"") - 1 + NGX_INT_T_LEN
                + ngx_strlen(caphealth_assets_version);

    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "\"%s-%i%s\"",
                            caphealth_assets_version,
                            (ngx_int_t) (asset - caphealth_assets),
                            gzip ? "-gzip" : "")
                - value.data;

    r->headers_out.etag = ngx_http_caphealth_add_header(r, &name, &value);

    return r->headers_out.etag ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_caphealth_add_headers(ngx_http_request_t *r, ngx_keyval_t *header)
{
    for ( /* void */ ; header->key.len; header++) {
        if (ngx_http_caphealth_add_header(r, &header->key, &header->value)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
