
/*
 * The locations of the admin page's data.
 */

#include "ngx_http_caphealth_dashboard.h"


static char *ngx_http_caphealth_find_one(ngx_conf_t *cf,
    ngx_http_caphealth_dashboard_t *d, ngx_uint_t i);
static ngx_uint_t ngx_http_caphealth_discover(ngx_http_core_loc_conf_t *pclcf,
    ngx_http_handler_pt handler, ngx_str_t *name);
static ngx_http_core_loc_conf_t *ngx_http_caphealth_location(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *pclcf, ngx_str_t *uri);
static ngx_http_core_loc_conf_t *ngx_http_caphealth_location_prefix(
    ngx_http_core_loc_conf_t *pclcf, ngx_str_t *uri);
static ngx_http_core_loc_conf_t *ngx_http_caphealth_location_regex(
    ngx_conf_t *cf, ngx_http_core_loc_conf_t *pclcf, ngx_str_t *uri);
static ngx_http_core_loc_conf_t *ngx_http_caphealth_queued(ngx_queue_t *q);


ngx_http_caphealth_data_kind_t
    ngx_http_caphealth_data_kinds[NGX_HTTP_CAPHEALTH_DATA] =
{
    { ngx_string("health"), ngx_string("caphealth_health"),
      ngx_http_caphealth_health_handler },
    { ngx_string("capacity"), ngx_string("caphealth_capacity"),
      ngx_http_caphealth_capacity_handler },
    { ngx_string("images"), ngx_string("caphealth_image_stats"),
      ngx_http_caphealth_stats_handler },
    { ngx_string("upload"), ngx_string("caphealth_image_upload"),
      ngx_http_caphealth_upload_handler }
};


char *
ngx_http_caphealth_find_data(ngx_conf_t *cf,
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
                && ngx_http_caphealth_find_one(cf, d[n], i) != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_find_one(ngx_conf_t *cf, ngx_http_caphealth_dashboard_t *d,
    ngx_uint_t i)
{
    ngx_uint_t                       n;
    ngx_http_core_loc_conf_t        *root;
    ngx_http_caphealth_data_t       *data;
    ngx_http_caphealth_data_kind_t  *kind;

    data = &d->data[i];
    kind = &ngx_http_caphealth_data_kinds[i];
    root = d->server->ctx->loc_conf[ngx_http_core_module.ctx_index];

    if (!data->named) {
        n = ngx_http_caphealth_discover(root, kind->handler, &data->uri);

        if (n > 1) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"caphealth_dashboard\" in %s:%ui finds several "
                          "\"%V\" locations in its server, name one with "
                          "\"%V=\"", d->file, d->line, &kind->directive,
                          &kind->name);
            return NGX_CONF_ERROR;
        }

        if (n == 0 && i == NGX_HTTP_CAPHEALTH_DATA_HEALTH) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"caphealth_dashboard\" in %s:%ui finds no "
                          "\"%V\" location in its server, add one",
                          d->file, d->line, &kind->directive);
            return NGX_CONF_ERROR;
        }

        if (n == 0) {
            return NGX_CONF_OK;
        }
    }

    data->location = ngx_http_caphealth_location(cf, root, &data->uri);

    if (data->location == NULL || data->location->handler != kind->handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V=%V\" of \"caphealth_dashboard\" in %s:%ui leads "
                      "to no \"%V\" location of its server",
                      &kind->name, &data->uri, d->file, d->line,
                      &kind->directive);
        return NGX_CONF_ERROR;
    }

    return ngx_http_caphealth_escape(cf, &data->uri, &data->url) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* how many locations with that handler have a path, and the last one's path */

static ngx_uint_t
ngx_http_caphealth_discover(ngx_http_core_loc_conf_t *pclcf,
    ngx_http_handler_pt handler, ngx_str_t *name)
{
    ngx_uint_t                 n;
    ngx_queue_t               *q;
    ngx_http_core_loc_conf_t  *clcf;

    n = 0;

    if (pclcf->locations == NULL) {
        return 0;
    }

    for (q = ngx_queue_head(pclcf->locations);
         q != ngx_queue_sentinel(pclcf->locations);
         q = ngx_queue_next(q))
    {
        clcf = ngx_http_caphealth_queued(q);

        n += ngx_http_caphealth_discover(clcf, handler, name);

        if (clcf->handler != handler || clcf->named || clcf->noname) {
            continue;
        }

#if (NGX_PCRE)
        if (clcf->regex) {
            continue;
        }
#endif

        *name = clcf->name;
        n++;
    }

    return n;
}


/* as ngx_http_core_find_location(), on the list that its tree is made of */

static ngx_http_core_loc_conf_t *
ngx_http_caphealth_location(ngx_conf_t *cf, ngx_http_core_loc_conf_t *pclcf,
    ngx_str_t *uri)
{
    ngx_http_core_loc_conf_t  *prefix, *clcf;

    if (pclcf->locations == NULL) {
        return NULL;
    }

    prefix = ngx_http_caphealth_location_prefix(pclcf, uri);

    if (prefix && prefix->exact_match) {
        return prefix;
    }

    if (prefix) {
        clcf = ngx_http_caphealth_location(cf, prefix, uri);

        if (clcf) {
            return clcf;
        }
    }

    clcf = NULL;

#if (NGX_PCRE)
    if (prefix == NULL || !prefix->noregex) {
        clcf = ngx_http_caphealth_location_regex(cf, pclcf, uri);
    }
#endif

    return clcf ? clcf : prefix;
}


static ngx_http_core_loc_conf_t *
ngx_http_caphealth_location_prefix(ngx_http_core_loc_conf_t *pclcf,
    ngx_str_t *uri)
{
    ngx_queue_t               *q;
    ngx_http_core_loc_conf_t  *clcf, *longest;

    longest = NULL;

    for (q = ngx_queue_head(pclcf->locations);
         q != ngx_queue_sentinel(pclcf->locations);
         q = ngx_queue_next(q))
    {
        clcf = ngx_http_caphealth_queued(q);

        if (clcf->named || clcf->noname || clcf->name.len > uri->len
            || ngx_strncmp(clcf->name.data, uri->data, clcf->name.len) != 0)
        {
            continue;
        }

#if (NGX_PCRE)
        if (clcf->regex) {
            continue;
        }
#endif

        if (clcf->exact_match) {
            if (clcf->name.len == uri->len) {
                return clcf;
            }

        } else if (longest == NULL || clcf->name.len > longest->name.len) {
            longest = clcf;
        }
    }

    return longest;
}


#if (NGX_PCRE)

static ngx_http_core_loc_conf_t *
ngx_http_caphealth_location_regex(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *pclcf, ngx_str_t *uri)
{
    int                        captures[3];
    ngx_queue_t               *q;
    ngx_http_core_loc_conf_t  *clcf, *nested;

    for (q = ngx_queue_head(pclcf->locations);
         q != ngx_queue_sentinel(pclcf->locations);
         q = ngx_queue_next(q))
    {
        clcf = ngx_http_caphealth_queued(q);

        if (clcf->regex
            && ngx_regex_exec(clcf->regex->regex, uri, captures, 3) >= 0)
        {
            nested = ngx_http_caphealth_location(cf, clcf, uri);

            return nested ? nested : clcf;
        }
    }

    return NULL;
}

#endif


static ngx_http_core_loc_conf_t *
ngx_http_caphealth_queued(ngx_queue_t *q)
{
    ngx_http_location_queue_t  *lq;

    lq = (ngx_http_location_queue_t *) q;

    return lq->exact ? lq->exact : lq->inclusive;
}


ngx_int_t
ngx_http_caphealth_escape(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *url)
{
    u_char     *p;
    uintptr_t   escapes;

    escapes = ngx_escape_uri(NULL, path->data, path->len, NGX_ESCAPE_URI);

    url->len = path->len + 2 * escapes;

    url->data = ngx_pnalloc(cf->pool, url->len + 1);
    if (url->data == NULL) {
        return NGX_ERROR;
    }

    if (escapes) {
        p = (u_char *) ngx_escape_uri(url->data, path->data, path->len,
                                      NGX_ESCAPE_URI);
    } else {
        p = ngx_cpymem(url->data, path->data, path->len);
    }

    *p = '\0';

    return NGX_OK;
}
