
/*
 * caphealth_metrics
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_worker.h"

#include "caphealth_accept.h"
#include "caphealth_metrics.h"
#include "caphealth_version.h"


static ngx_int_t ngx_http_caphealth_metrics_handler(ngx_http_request_t *r);
static caphealth_dialect_e ngx_http_caphealth_metrics_dialect(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_metrics_chain(ngx_http_request_t *r,
    caphealth_dialect_e dialect, ngx_chain_t **out, off_t *len);
static ngx_http_caphealth_body_t *ngx_http_caphealth_metrics_part(
    ngx_http_request_t *r, ngx_uint_t part, caphealth_dialect_e dialect,
    double now);
static ngx_http_caphealth_body_t *ngx_http_caphealth_metrics_render(
    ngx_http_request_t *r, ngx_uint_t part, caphealth_dialect_e dialect,
    double now);
static char *ngx_http_caphealth_metrics_live(ngx_http_request_t *r,
    caphealth_dialect_e dialect, double now, size_t *len);
static ngx_chain_t *ngx_http_caphealth_metrics_link(ngx_http_request_t *r,
    ngx_http_caphealth_body_t *body);
static ngx_int_t ngx_http_caphealth_metrics_headers(ngx_http_request_t *r,
    caphealth_dialect_e dialect, off_t len);


static const caphealth_media_t  ngx_http_caphealth_metrics_media[] = {
    [CAPHEALTH_PROMETHEUS] = { "text/plain", "0.0.4", "utf-8" },
    [CAPHEALTH_OPENMETRICS] = { "application/openmetrics-text", "1.0.0",
                                "utf-8" }
};


static ngx_str_t  ngx_http_caphealth_metrics_types[] = {
    ngx_string("text/plain; version=0.0.4; charset=utf-8"),
    ngx_string("application/openmetrics-text; version=1.0.0; charset=utf-8")
};


char *
ngx_http_caphealth_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "nodes") != 0) {
        return ngx_http_caphealth_invalid_value(cf, &value[1],
                                                "\"nodes\", or left out");
    }

    lcf->metrics_nodes = (cf->args->nelts == 2);

    return ngx_http_caphealth_add_endpoint(cf,
                                          NGX_HTTP_CAPHEALTH_ENDPOINT_METRICS,
                                          ngx_http_caphealth_metrics_handler);
}


static ngx_int_t
ngx_http_caphealth_metrics_handler(ngx_http_request_t *r)
{
    off_t                len;
    ngx_int_t            rc;
    ngx_chain_t         *out;
    caphealth_dialect_e  dialect;

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    dialect = ngx_http_caphealth_metrics_dialect(r);

    if (ngx_http_caphealth_metrics_chain(r, dialect, &out, &len) != NGX_OK
        || ngx_http_caphealth_metrics_headers(r, dialect, len) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


static caphealth_dialect_e
ngx_http_caphealth_metrics_dialect(ngx_http_request_t *r)
{
    ngx_str_t  accept;

    static ngx_str_t  name = ngx_string("accept");

    if (ngx_http_caphealth_header_list(r, &name, &accept) != NGX_OK) {
        return CAPHEALTH_PROMETHEUS;
    }

    return caphealth_accept((char *) accept.data, accept.len,
                            ngx_http_caphealth_metrics_media,
                            CAPHEALTH_DIALECTS);
}


static ngx_int_t
ngx_http_caphealth_metrics_chain(ngx_http_request_t *r,
    caphealth_dialect_e dialect, ngx_chain_t **out, off_t *len)
{
    double                           now;
    ngx_uint_t                       part;
    ngx_chain_t                     *cl;
    ngx_http_caphealth_body_t       *body;
    ngx_http_caphealth_loc_conf_t   *lcf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    now = ngx_http_caphealth_now();

    if (ngx_http_caphealth_worker_update(cmcf->worker, now,
                                         r->connection->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    *len = 0;
    cl = NULL;

    for (part = 0; part < NGX_HTTP_CAPHEALTH_METRICS_PARTS; part++) {

        if (part == NGX_HTTP_CAPHEALTH_METRICS_NODES && !lcf->metrics_nodes) {
            continue;
        }

        body = ngx_http_caphealth_metrics_part(r, part, dialect, now);
        if (body == NULL) {
            return NGX_ERROR;
        }

        if (body->len == 0) {
            continue;
        }

        *out = ngx_http_caphealth_metrics_link(r, body);
        if (*out == NULL) {
            return NGX_ERROR;
        }

        *len += (off_t) body->len;

        cl = *out;
        out = &cl->next;
    }

    /* the live part is never empty */

    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    return NGX_OK;
}


/*
 * the part as it was rendered before, or anew; the request has a reference to
 * it
 */

static ngx_http_caphealth_body_t *
ngx_http_caphealth_metrics_part(ngx_http_request_t *r, ngx_uint_t part,
    caphealth_dialect_e dialect, double now)
{
    ngx_uint_t                        changes;
    ngx_pool_cleanup_t               *cln;
    ngx_http_caphealth_body_t       **body;
    ngx_http_caphealth_main_conf_t   *cmcf;
    ngx_http_caphealth_worker_ctx_t  *w;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    w = cmcf->worker;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    body = &w->metrics[part][dialect];

    switch (part) {

    case NGX_HTTP_CAPHEALTH_METRICS_VENDORS:
        changes = w->cache->capacities;
        break;

    case NGX_HTTP_CAPHEALTH_METRICS_NODES:
        changes = w->cache->fleets;
        break;

    default:
        changes = w->cache->changes;
        break;
    }

    if (*body == NULL || (*body)->changes != changes
        || part == NGX_HTTP_CAPHEALTH_METRICS_LIVE)
    {
        ngx_http_caphealth_body_release(*body);

        *body = ngx_http_caphealth_metrics_render(r, part, dialect, now);
        if (*body == NULL) {
            return NULL;
        }

        (*body)->changes = changes;
    }

    (*body)->refs++;

    cln->handler = ngx_http_caphealth_body_release;
    cln->data = *body;

    return *body;
}


static ngx_http_caphealth_body_t *
ngx_http_caphealth_metrics_render(ngx_http_request_t *r, ngx_uint_t part,
    caphealth_dialect_e dialect, double now)
{
    char                            *text;
    size_t                           len;
    caphealth_facts_t               *facts;
    ngx_http_caphealth_main_conf_t  *cmcf;

    static const caphealth_build_t  build = {
        CAPHEALTH_VERSION, NGINX_VERSION
    };

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    facts = &cmcf->worker->cache->facts;
    len = 0;

    switch (part) {

    case NGX_HTTP_CAPHEALTH_METRICS_FACTS:
        text = caphealth_metrics_facts(facts, &cmcf->policy, &build, now,
                                       dialect, &len);
        break;

    case NGX_HTTP_CAPHEALTH_METRICS_VENDORS:
        text = caphealth_metrics_vendors(&facts->database.vendors,
                                         cmcf->metrics_vendors, dialect,
                                         &len);
        break;

    case NGX_HTTP_CAPHEALTH_METRICS_NODES:
        text = caphealth_metrics_nodes(facts, now, dialect, &len);
        break;

    default: /* NGX_HTTP_CAPHEALTH_METRICS_LIVE */
        text = ngx_http_caphealth_metrics_live(r, dialect, now, &len);
        break;
    }

    return ngx_http_caphealth_body_create(text, len);
}


static char *
ngx_http_caphealth_metrics_live(ngx_http_request_t *r,
    caphealth_dialect_e dialect, double now, size_t *len)
{
    caphealth_activity_t               activity;
    ngx_http_caphealth_counters_t     *counters;
    ngx_http_caphealth_main_conf_t    *cmcf;
    ngx_http_caphealth_facts_cache_t  *cache;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    counters = ngx_http_caphealth_zone_counters(cmcf->collector.zone);

    cache = cmcf->worker->cache;

    ngx_http_caphealth_facts_cache_images(cache, now);

    if (ngx_http_caphealth_counters_read(counters, r->pool, &activity)
        != NGX_OK
        || ngx_http_caphealth_shippers_read(&cmcf->images.shipper, r->pool,
                                            &activity)
           != NGX_OK)
    {
        return NULL;
    }

    activity.uploads.configured = cmcf->uploads ? 1 : 0;
    activity.notifies = cmcf->collector.receivers ? 1 : 0;

    return caphealth_metrics_live(&cache->facts.images.value, &activity,
                                  dialect, len);
}


static ngx_chain_t *
ngx_http_caphealth_metrics_link(ngx_http_request_t *r,
    ngx_http_caphealth_body_t *body)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    b = ngx_calloc_buf(r->pool);

    if (cl == NULL || b == NULL) {
        return NULL;
    }

    b->pos = (u_char *) body->data;
    b->last = b->pos + body->len;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


static ngx_int_t
ngx_http_caphealth_metrics_headers(ngx_http_request_t *r,
    caphealth_dialect_e dialect, off_t len)
{
    static ngx_str_t  vary = ngx_string("Vary");
    static ngx_str_t  accept = ngx_string("Accept");

    if (ngx_http_caphealth_add_no_cache(r) != NGX_OK
        || ngx_http_caphealth_add_header(r, &vary, &accept) == NULL)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = len;

    /* without the parameters, as "gzip_types" compares it */

    r->headers_out.content_type = ngx_http_caphealth_metrics_types[dialect];
    r->headers_out.content_type_len =
                   ngx_strlen(ngx_http_caphealth_metrics_media[dialect].type);
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}
