
/*
 * The directives of the admin page.
 */

#include "ngx_http_caphealth_dashboard.h"


static char *ngx_http_caphealth_dashboard_place(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);
static char *ngx_http_caphealth_dashboard_data(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_str_t *value);
static ngx_uint_t ngx_http_caphealth_plain_path(ngx_str_t *path);
static ngx_uint_t ngx_http_caphealth_link_url(ngx_str_t *url);


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

    if (ngx_http_caphealth_dashboard_place(cf, d->location) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_caphealth_dashboard_data(cf, d, &value[i])
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

    return ngx_http_caphealth_endpoint(cf,
                                       ngx_http_caphealth_dashboard_handler);
}


static char *
ngx_http_caphealth_dashboard_place(ngx_conf_t *cf,
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
ngx_http_caphealth_dashboard_data(ngx_conf_t *cf,
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
                       "it may be \"health=\", \"capacity=\", \"images=\" or "
                       "\"upload=\"", value);

    return NGX_CONF_ERROR;
}


/* one that is the same with and without escapes */

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

    ngx_str_t              *value;
    caphealth_page_link_t  *link;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_dashboard_link\" needs a title that "
                           "is not empty");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_utf8(cf, &value[1]) != NGX_OK) {
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
                                      sizeof(caphealth_page_link_t));
        if (lcf->links == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    link = ngx_array_push(lcf->links);
    if (link == NULL) {
        return NGX_CONF_ERROR;
    }

    link->title = (char *) value[1].data;
    link->url = (char *) value[2].data;

    return NGX_CONF_OK;
}


/* one that leads to a page: no "javascript:", and no "//host" by mistake */

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
