
/*
 * caphealth_dashboard: the admin page, a client of the other locations.  Its
 * files are embedded in the module; what depends on the configuration is put
 * into its HTML when the configuration is read.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"

#include "caphealth_assets.h"
#include "caphealth_format.h"


/* ",image/jpeg,image/png" and so on */

#define ngx_http_caphealth_media_type(id, name, ...)  ",image/" #name

#define NGX_HTTP_CAPHEALTH_MEDIA_TYPES                                        \
    CAPHEALTH_FORMATS(ngx_http_caphealth_media_type)


typedef enum {
    NGX_HTTP_CAPHEALTH_DATA_HEALTH = 0,
    NGX_HTTP_CAPHEALTH_DATA_CAPACITY,
    NGX_HTTP_CAPHEALTH_DATA_IMAGES,
    NGX_HTTP_CAPHEALTH_DATA_UPLOAD,
    NGX_HTTP_CAPHEALTH_DATA_HISTORY,
    NGX_HTTP_CAPHEALTH_DATA_NODES,
    NGX_HTTP_CAPHEALTH_DATA          /* how many there are */
} ngx_http_caphealth_data_e;


/* a parameter of "caphealth_dashboard", and what it leads to */

typedef struct {
    ngx_str_t                       name;
    ngx_str_t                       directive;
    ngx_http_caphealth_endpoint_e   endpoint;
} ngx_http_caphealth_data_kind_t;


typedef struct {
    ngx_str_t                    uri;        /* decoded; without data: none */
    unsigned                     named:1;    /* by the operator */
    unsigned                     off:1;
} ngx_http_caphealth_data_t;


typedef struct {
    ngx_str_t                    title;
    ngx_str_t                    url;
} ngx_http_caphealth_link_t;


struct ngx_http_caphealth_dashboard_s {
    ngx_http_caphealth_data_t    data[NGX_HTTP_CAPHEALTH_DATA];
    ngx_array_t                  uploads;    /* of the server:
                                                ngx_http_core_loc_conf_t * */

    ngx_str_t                    page;       /* HTML */
    ngx_str_t                    etag;
    ngx_str_t                    policy;     /* Content-Security-Policy */

    ngx_http_core_loc_conf_t    *location;
    ngx_http_core_srv_conf_t    *server;

    u_char                      *file;       /* of the directive */
    ngx_uint_t                   line;
};


static char *ngx_http_caphealth_check_dashboard_location(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);
static char *ngx_http_caphealth_dashboard_parameter(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_str_t *value);
static ngx_uint_t ngx_http_caphealth_plain_path(ngx_str_t *path);
static ngx_uint_t ngx_http_caphealth_link_url(ngx_str_t *url);
static char *ngx_http_caphealth_find_location(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_uint_t i);
static ngx_int_t ngx_http_caphealth_find_endpoints(
    ngx_http_core_loc_conf_t *pclcf, ngx_http_caphealth_endpoint_e endpoint,
    ngx_array_t *found);
static ngx_uint_t ngx_http_caphealth_is_endpoint(
    ngx_http_core_loc_conf_t *clcf, ngx_http_caphealth_endpoint_e endpoint);
static ngx_uint_t ngx_http_caphealth_has_path(ngx_http_core_loc_conf_t *clcf);
static ngx_int_t ngx_http_caphealth_page_render(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_msec_t refresh);
static ngx_int_t ngx_http_caphealth_page_upload(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_str_t *max, ngx_str_t *delete);
static size_t ngx_http_caphealth_page_fill(u_char *dst, ngx_keyval_t *values);
static ngx_int_t ngx_http_caphealth_page_assets(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_str_t *assets);
static ngx_int_t ngx_http_caphealth_page_links(ngx_conf_t *cf,
    ngx_array_t *links, ngx_str_t *html);
static ngx_int_t ngx_http_caphealth_page_policy(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d);
static ngx_int_t ngx_http_caphealth_escape_path(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *html);
static ngx_int_t ngx_http_caphealth_escape_html(ngx_conf_t *cf,
    ngx_str_t *text, ngx_str_t *html);
static ngx_int_t ngx_http_caphealth_dashboard_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_send_page(ngx_http_request_t *r,
    ngx_http_caphealth_dashboard_t *d);
static ngx_int_t ngx_http_caphealth_send_asset(ngx_http_request_t *r,
    ngx_str_t *name);
static const caphealth_asset_t *ngx_http_caphealth_find_asset(
    ngx_str_t *name);
static ngx_uint_t ngx_http_caphealth_asset_gzip(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_asset_etag(ngx_http_request_t *r,
    const caphealth_asset_t *asset, ngx_uint_t gzip);
static ngx_int_t ngx_http_caphealth_add_headers(ngx_http_request_t *r,
    ngx_keyval_t *header);


static ngx_http_caphealth_data_kind_t
    ngx_http_caphealth_data_kinds[NGX_HTTP_CAPHEALTH_DATA] =
{
    { ngx_string("health"), ngx_string("caphealth_health"),
      NGX_HTTP_CAPHEALTH_ENDPOINT_HEALTH },
    { ngx_string("capacity"), ngx_string("caphealth_capacity"),
      NGX_HTTP_CAPHEALTH_ENDPOINT_CAPACITY },
    { ngx_string("images"), ngx_string("caphealth_image_stats"),
      NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_STATS },
    { ngx_string("upload"), ngx_string("caphealth_image_upload"),
      NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_UPLOAD },
    { ngx_string("history"), ngx_string("caphealth_history"),
      NGX_HTTP_CAPHEALTH_ENDPOINT_HISTORY },
    { ngx_string("nodes"), ngx_string("caphealth_nodes"),
      NGX_HTTP_CAPHEALTH_ENDPOINT_NODES }
};


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


char *
ngx_http_caphealth_dashboard(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t                        *value;
    ngx_uint_t                        i;
    ngx_http_caphealth_dashboard_t   *d, **added;
    ngx_http_caphealth_main_conf_t   *cmcf;

    if (lcf->dashboard != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    d = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_dashboard_t));
    if (d == NULL) {
        return NGX_CONF_ERROR;
    }

    d->location = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    d->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    d->file = cf->conf_file->file.name.data;
    d->line = cf->conf_file->line;

    if (ngx_http_caphealth_check_dashboard_location(cf, d->location)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_caphealth_dashboard_parameter(cf, d, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    if (cmcf->dashboards == NULL) {
        cmcf->dashboards = ngx_array_create(cf->pool, 1,
                                  sizeof(ngx_http_caphealth_dashboard_t *));
        if (cmcf->dashboards == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    added = ngx_array_push(cmcf->dashboards);
    if (added == NULL) {
        return NGX_CONF_ERROR;
    }

    *added = d;
    lcf->dashboard = d;

    return ngx_http_caphealth_add_endpoint(cf,
                                        NGX_HTTP_CAPHEALTH_ENDPOINT_DASHBOARD,
                                        ngx_http_caphealth_dashboard_handler);
}


static char *
ngx_http_caphealth_check_dashboard_location(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf)
{
    ngx_uint_t  regex;

#if (NGX_PCRE)
    regex = (clcf->regex != NULL);
#else
    regex = 0;
#endif

    if (regex || clcf->exact_match || clcf->named || clcf->name.len == 0
        || clcf->name.data[0] != '/')
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_dashboard\" needs a location that is "
                           "a prefix, as \"location /admin/health\": the "
                           "page's files are served below it");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_dashboard_parameter(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_str_t *value)
{
    ngx_str_t                   uri, *name;
    ngx_uint_t                  i;
    ngx_http_caphealth_data_t  *data;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_DATA; i++) {
        name = &ngx_http_caphealth_data_kinds[i].name;
        data = &d->data[i];

        if (value->len <= name->len || value->data[name->len] != '='
            || ngx_strncmp(value->data, name->data, name->len) != 0)
        {
            continue;
        }

        uri.data = value->data + name->len + 1;
        uri.len = value->len - name->len - 1;

        if (data->named || data->off) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"%V\" of \"caphealth_dashboard\"",
                               name);
            return NGX_CONF_ERROR;
        }

        if (i != NGX_HTTP_CAPHEALTH_DATA_HEALTH
            && ngx_strcmp(uri.data, "off") == 0)
        {
            data->off = 1;
            return NGX_CONF_OK;
        }

        if (!ngx_http_caphealth_plain_path(&uri)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\" of \"caphealth_dashboard\", "
                               "it must be the path of a location, as "
                               "\"%V=/platform/%V\"", value, name, name);
            return NGX_CONF_ERROR;
        }

        data->uri = uri;
        data->named = 1;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"caphealth_dashboard\", "
                       "it may be \"health=\", \"capacity=\", \"images=\", "
                       "\"upload=\", \"history=\" or \"nodes=\"", value);

    return NGX_CONF_ERROR;
}


/* a path that is the same as a URL, without any escapes */

static ngx_uint_t
ngx_http_caphealth_plain_path(ngx_str_t *path)
{
    u_char      c;
    ngx_uint_t  i;

    if (path->len == 0 || path->data[0] != '/') {
        return 0;
    }

    for (i = 0; i < path->len; i++) {
        c = path->data[i];

        if (c <= ' ' || c >= 0x7f || ngx_strchr("%?#\"<>\\^`{|}", c)) {
            return 0;
        }
    }

    return 1;
}


char *
ngx_http_caphealth_dashboard_link(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t                  *value;
    ngx_http_caphealth_link_t  *link;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_dashboard_link\" needs a title that "
                           "is not empty");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_check_utf8(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (!ngx_http_caphealth_link_url(&value[2])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL \"%V\" of "
                           "\"caphealth_dashboard_link\", it must begin with "
                           "\"/\", \"http://\" or \"https://\", and what is "
                           "special in a URL must be escaped", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (lcf->links == NGX_CONF_UNSET_PTR) {
        lcf->links = ngx_array_create(cf->pool, 4,
                                      sizeof(ngx_http_caphealth_link_t));
        if (lcf->links == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    link = ngx_array_push(lcf->links);
    if (link == NULL) {
        return NGX_CONF_ERROR;
    }

    link->title = value[1];
    link->url = value[2];

    return NGX_CONF_OK;
}


/*
 * no "javascript:", which would run, and no "//host", which is another server
 */

static ngx_uint_t
ngx_http_caphealth_link_url(ngx_str_t *url)
{
    ngx_uint_t  i;

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f
            || ngx_strchr("\"<>\\^`{|}", url->data[i]))
        {
            return 0;
        }
    }

    if (url->len == 0 || url->data[0] == '/') {
        return url->len != 0 && url->data[1] != '/';
    }

    return (url->len > 7
            && ngx_strncasecmp(url->data, (u_char *) "http://", 7) == 0)
           || (url->len > 8
               && ngx_strncasecmp(url->data, (u_char *) "https://", 8) == 0);
}


/* before the merge, which makes a tree of nginx's list of locations */

char *
ngx_http_caphealth_init_dashboard_data(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_uint_t                        i, n;
    ngx_http_caphealth_dashboard_t  **d;

    if (cmcf->dashboards == NULL) {
        return NGX_CONF_OK;
    }

    d = cmcf->dashboards->elts;

    for (n = 0; n < cmcf->dashboards->nelts; n++) {
        for (i = 0; i < NGX_HTTP_CAPHEALTH_DATA; i++) {
            if (!d[n]->data[i].off
                && ngx_http_caphealth_find_location(cf, d[n], i) != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_find_location(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_uint_t i)
{
    ngx_uint_t                       n, paths;
    ngx_array_t                      found;
    ngx_http_core_loc_conf_t        *root, **clcf;
    ngx_http_caphealth_data_t       *data;
    ngx_http_caphealth_data_kind_t  *kind;

    data = &d->data[i];
    kind = &ngx_http_caphealth_data_kinds[i];
    root = d->server->ctx->loc_conf[ngx_http_core_module.ctx_index];

    if (ngx_array_init(&found, cf->pool, 1,
                       sizeof(ngx_http_core_loc_conf_t *))
        != NGX_OK
        || ngx_http_caphealth_find_endpoints(root, kind->endpoint, &found)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (i == NGX_HTTP_CAPHEALTH_DATA_UPLOAD) {
        d->uploads = found;
    }

    if (data->named) {

        /* the past's documents may be another server's, or files */

        if (found.nelts || i == NGX_HTTP_CAPHEALTH_DATA_HISTORY) {
            return NGX_CONF_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V=%V\" of \"caphealth_dashboard\" in %s:%ui: there "
                      "is no \"%V\" location in its server",
                      &kind->name, &data->uri, d->file, d->line,
                      &kind->directive);
        return NGX_CONF_ERROR;
    }

    paths = 0;
    clcf = found.elts;

    for (n = 0; n < found.nelts; n++) {
        if (ngx_http_caphealth_has_path(clcf[n])) {
            data->uri = clcf[n]->name;
            paths++;
        }
    }

    if (paths > 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"caphealth_dashboard\" in %s:%ui finds several "
                      "\"%V\" locations in its server, name one with "
                      "\"%V=\"", d->file, d->line, &kind->directive,
                      &kind->name);
        return NGX_CONF_ERROR;
    }

    if (paths == 0 && i == NGX_HTTP_CAPHEALTH_DATA_HEALTH) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"caphealth_dashboard\" in %s:%ui finds no \"%V\" "
                      "location in its server, add one",
                      d->file, d->line, &kind->directive);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* the locations that are such an endpoint, nested ones as well */

static ngx_int_t
ngx_http_caphealth_find_endpoints(ngx_http_core_loc_conf_t *pclcf,
    ngx_http_caphealth_endpoint_e endpoint, ngx_array_t *found)
{
    ngx_queue_t                *q;
    ngx_http_core_loc_conf_t   *clcf, **one;
    ngx_http_location_queue_t  *lq;

    if (pclcf->locations == NULL) {
        return NGX_OK;
    }

    for (q = ngx_queue_head(pclcf->locations);
         q != ngx_queue_sentinel(pclcf->locations);
         q = ngx_queue_next(q))
    {
        lq = (ngx_http_location_queue_t *) q;
        clcf = lq->exact ? lq->exact : lq->inclusive;

        if (ngx_http_caphealth_is_endpoint(clcf, endpoint)) {
            one = ngx_array_push(found);
            if (one == NULL) {
                return NGX_ERROR;
            }

            *one = clcf;
        }

        if (ngx_http_caphealth_find_endpoints(clcf, endpoint, found)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a directive of another module may have replaced the handler since */

static ngx_uint_t
ngx_http_caphealth_is_endpoint(ngx_http_core_loc_conf_t *clcf,
    ngx_http_caphealth_endpoint_e endpoint)
{
    ngx_http_caphealth_loc_conf_t  *lcf;

    lcf = clcf->loc_conf[ngx_http_caphealth_module.ctx_index];

    return lcf->endpoint == endpoint && clcf->handler == lcf->handler;
}


/* "if" and "limit_except" make locations without a name */

static ngx_uint_t
ngx_http_caphealth_has_path(ngx_http_core_loc_conf_t *clcf)
{
#if (NGX_PCRE)
    if (clcf->regex) {
        return 0;
    }
#endif

    return !clcf->named && !clcf->noname;
}


ngx_int_t
ngx_http_caphealth_init_dashboard_pages(ngx_conf_t *cf)
{
    ngx_uint_t                        n;
    ngx_http_caphealth_dashboard_t  **d;
    ngx_http_caphealth_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    if (cmcf->dashboards == NULL) {
        return NGX_OK;
    }

    d = cmcf->dashboards->elts;

    for (n = 0; n < cmcf->dashboards->nelts; n++) {
        if (ngx_http_caphealth_page_render(cf, d[n], cmcf->collector.refresh)
            != NGX_OK
            || ngx_http_caphealth_page_policy(cf, d[n]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_page_render(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_msec_t refresh)
{
    ngx_uint_t                      i;
    ngx_http_caphealth_loc_conf_t  *lcf;

    ngx_keyval_t  values[] = {
        { ngx_string("{{health}}"), ngx_null_string },
        { ngx_string("{{capacity}}"), ngx_null_string },
        { ngx_string("{{images}}"), ngx_null_string },
        { ngx_string("{{upload}}"), ngx_null_string },
        { ngx_string("{{history}}"), ngx_null_string },
        { ngx_string("{{nodes}}"), ngx_null_string },
        { ngx_string("{{upload-max}}"), ngx_null_string },
        { ngx_string("{{upload-delete}}"), ngx_null_string },
        { ngx_string("{{assets}}"), ngx_null_string },
        { ngx_string("{{links}}"), ngx_null_string },
        { ngx_string("{{refresh}}"), ngx_null_string },
        { ngx_string("{{accept}}"),
          ngx_string(NGX_HTTP_CAPHEALTH_MEDIA_TYPES) },
        { ngx_null_string, ngx_null_string }
    };

    for (i = 0; i < NGX_HTTP_CAPHEALTH_DATA; i++) {
        if (ngx_http_caphealth_escape_path(cf, &d->data[i].uri,
                                           &values[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_caphealth_page_upload(cf, d, &values[i].value,
                                       &values[i + 1].value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    i += 2;

    lcf = d->location->loc_conf[ngx_http_caphealth_module.ctx_index];

    if (ngx_http_caphealth_page_assets(cf, d, &values[i++].value) != NGX_OK
        || ngx_http_caphealth_page_links(cf, lcf->links, &values[i++].value)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    values[i].value.data = ngx_pnalloc(cf->pool, NGX_INT_T_LEN);
    if (values[i].value.data == NULL) {
        return NGX_ERROR;
    }

    values[i].value.len = ngx_sprintf(values[i].value.data, "%M", refresh)
                          - values[i].value.data;

    i++;
    values[i].value.data++;
    values[i].value.len--;

    d->page.len = ngx_http_caphealth_page_fill(NULL, values);

    d->page.data = ngx_pnalloc(cf->pool, d->page.len);
    d->etag.data = ngx_pnalloc(cf->pool, sizeof("\"01234567\"") - 1);

    if (d->page.data == NULL || d->etag.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_caphealth_page_fill(d->page.data, values);

    d->etag.len = ngx_sprintf(d->etag.data, "\"%08xD\"",
                              ngx_crc32_long(d->page.data, d->page.len))
                  - d->etag.data;

    return NGX_OK;
}


/*
 * How large a request the location of the uploads takes, and whether it
 * deletes; both empty if no location has that name.
 */

static ngx_int_t
ngx_http_caphealth_page_upload(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_str_t *max, ngx_str_t *delete)
{
    ngx_str_t                      *uri;
    ngx_uint_t                      i;
    ngx_http_core_loc_conf_t      **clcf, *found;
    ngx_http_caphealth_loc_conf_t  *lcf;

    uri = &d->data[NGX_HTTP_CAPHEALTH_DATA_UPLOAD].uri;
    clcf = d->uploads.elts;
    found = NULL;

    for (i = 0; i < d->uploads.nelts; i++) {
        if (uri->len && ngx_http_caphealth_has_path(clcf[i])
            && clcf[i]->name.len == uri->len
            && ngx_strncmp(clcf[i]->name.data, uri->data, uri->len) == 0)
        {
            found = clcf[i];
        }
    }

    if (found == NULL) {
        return NGX_OK;
    }

    lcf = found->loc_conf[ngx_http_caphealth_module.ctx_index];

    if (lcf->upload.delete) {
        ngx_str_set(delete, "on");
    }

    max->data = ngx_pnalloc(cf->pool, NGX_OFF_T_LEN);
    if (max->data == NULL) {
        return NGX_ERROR;
    }

    max->len = ngx_sprintf(max->data, "%O", found->client_max_body_size)
               - max->data;

    return NGX_OK;
}


/*
 * Copies the HTML with a value in the place of each of its names.  Returns
 * the length; with dst NULL nothing is copied.
 */

static size_t
ngx_http_caphealth_page_fill(u_char *dst, ngx_keyval_t *values)
{
    u_char        *p, *last;
    size_t         len;
    ngx_str_t      part;
    ngx_keyval_t  *v;

    len = 0;
    p = (u_char *) caphealth_asset_page.data;
    last = p + caphealth_asset_page.len;

    while (p < last) {
        part.data = p;
        part.len = 1;

        for (v = values; *p == '{' && v->key.len; v++) {
            if (ngx_strncmp(p, v->key.data, v->key.len) == 0) {
                part = v->value;
                p += v->key.len - 1;
                break;
            }
        }

        if (dst && part.len) {
            dst = ngx_cpymem(dst, part.data, part.len);
        }

        len += part.len;
        p++;
    }

    return len;
}


/* the URL of the directory of the assets, without a slash at its end */

static ngx_int_t
ngx_http_caphealth_page_assets(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_str_t *assets)
{
    u_char     *p;
    ngx_str_t   self;

    if (ngx_http_caphealth_escape_path(cf, &d->location->name, &self)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (self.len && self.data[self.len - 1] == '/') {
        self.len--;
    }

    p = ngx_pnalloc(cf->pool,
                    self.len + 1 + ngx_strlen(caphealth_assets_version));
    if (p == NULL) {
        return NGX_ERROR;
    }

    assets->data = p;
    assets->len = ngx_sprintf(p, "%V/%s", &self, caphealth_assets_version)
                  - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_page_links(ngx_conf_t *cf, ngx_array_t *links,
    ngx_str_t *html)
{
    u_char                     *p;
    size_t                      len;
    ngx_str_t                  *escaped;
    ngx_uint_t                  i;
    ngx_http_caphealth_link_t  *link;

    if (links == NULL) {
        return NGX_OK;
    }

    link = links->elts;

    escaped = ngx_palloc(cf->temp_pool, 2 * links->nelts * sizeof(ngx_str_t));
    if (escaped == NULL) {
        return NGX_ERROR;
    }

    len = 0;

    for (i = 0; i < links->nelts; i++) {
        if (ngx_http_caphealth_escape_html(cf, &link[i].url, &escaped[2 * i])
            != NGX_OK
            || ngx_http_caphealth_escape_html(cf, &link[i].title,
                                              &escaped[2 * i + 1])
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        len += sizeof("<li><a href=\"\"></a></li>") - 1
               + escaped[2 * i].len + escaped[2 * i + 1].len;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    html->data = p;
    html->len = len;

    for (i = 0; i < links->nelts; i++) {
        p = ngx_sprintf(p, "<li><a href=\"%V\">%V</a></li>",
                        &escaped[2 * i], &escaped[2 * i + 1]);
    }

    return NGX_OK;
}


/* images may be served from another origin, a CDN's */

static ngx_int_t
ngx_http_caphealth_page_policy(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d)
{
    u_char                          *p, *last;
    size_t                           len;
    ngx_str_t                        origin;
    ngx_uint_t                       i;
    ngx_http_core_loc_conf_t       **clcf;
    ngx_http_caphealth_loc_conf_t   *lcf;

    static u_char  before[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'";

    static u_char  after[] =
        "; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'";

    len = sizeof(before) + sizeof(after);
    clcf = d->uploads.elts;

    for (i = 0; i < d->uploads.nelts; i++) {
        lcf = clcf[i]->loc_conf[ngx_http_caphealth_module.ctx_index];
        len += 1 + lcf->upload.url.len;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    d->policy.data = p;

    p = ngx_cpymem(p, before, sizeof(before) - 1);

    for (i = 0; i < d->uploads.nelts; i++) {
        lcf = clcf[i]->loc_conf[ngx_http_caphealth_module.ctx_index];
        origin = lcf->upload.url;

        if (origin.len == 0 || origin.data[0] == '/') {
            continue;
        }

        last = ngx_strlchr(origin.data, origin.data + origin.len, ':')
               + sizeof("://") - 1;
        origin.len = ngx_strlchr(last, origin.data + origin.len, '/')
                     - origin.data;

        p = ngx_sprintf(p, " %V", &origin);
    }

    p = ngx_cpymem(p, after, sizeof(after) - 1);

    d->policy.len = p - d->policy.data;

    return NGX_OK;
}


/* a decoded path as a URL, for an attribute */

static ngx_int_t
ngx_http_caphealth_escape_path(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *html)
{
    ngx_str_t  url;

    if (path->len == 0) {
        ngx_str_null(html);
        return NGX_OK;
    }

    url.len = path->len + 2 * ngx_escape_uri(NULL, path->data, path->len,
                                             NGX_ESCAPE_URI);

    url.data = ngx_pnalloc(cf->temp_pool, url.len);
    if (url.data == NULL) {
        return NGX_ERROR;
    }

    if (url.len > path->len) {
        (void) ngx_escape_uri(url.data, path->data, path->len,
                              NGX_ESCAPE_URI);
    } else {
        ngx_memcpy(url.data, path->data, path->len);
    }

    return ngx_http_caphealth_escape_html(cf, &url, html);
}


static ngx_int_t
ngx_http_caphealth_escape_html(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *html)
{
    html->len = text->len + ngx_escape_html(NULL, text->data, text->len);

    html->data = ngx_pnalloc(cf->pool, html->len);
    if (html->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_escape_html(html->data, text->data, text->len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_dashboard_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_str_t                       name, version;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_caphealth_loc_conf_t  *lcf;

    /*
     * the page's URLs and Content-Security-Policy are not valid inside another
     * page
     */

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"caphealth_dashboard\" takes no subrequests");
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_http_caphealth_check_request(r);

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
        return ngx_http_caphealth_send_page(r, lcf->dashboard);
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
ngx_http_caphealth_send_page(ngx_http_request_t *r,
    ngx_http_caphealth_dashboard_t *d)
{
    static ngx_str_t  type = ngx_string("text/html; charset=utf-8");
    static ngx_str_t  policy = ngx_string("Content-Security-Policy");

    if (ngx_http_caphealth_add_etag(r, &d->etag) != NGX_OK
        || ngx_http_caphealth_add_no_cache(r) != NGX_OK
        || ngx_http_caphealth_add_headers(r, ngx_http_caphealth_page_headers)
           != NGX_OK
        || ngx_http_caphealth_add_header(r, &policy, &d->policy) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;

    return ngx_http_caphealth_send(r, &type, d->page.data, d->page.len);
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

    return ngx_http_caphealth_add_etag(r, &value);
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
