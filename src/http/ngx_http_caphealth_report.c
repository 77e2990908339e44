
/* How a report is rendered, kept and sent. */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_report.h"

#include "caphealth_health_json.h"


typedef struct {
    char      *(*render)(const caphealth_facts_t *f,
                         const caphealth_policy_t *p, double now,
                         size_t *len);
    double     (*time)(const caphealth_facts_t *f);
    int        (*fails)(const caphealth_facts_t *f,
                        const caphealth_policy_t *p, double now);
                                     /* with 503; NULL: never */
    ngx_str_t    type;
    ngx_uint_t   vary;               /* by Accept */
} ngx_http_caphealth_renderer_t;


static ngx_http_caphealth_body_t *ngx_http_caphealth_report_body(
    ngx_http_request_t *r, ngx_http_caphealth_report_e report,
    ngx_http_caphealth_vendors_page_t *page, double now);
static ngx_http_caphealth_body_t *ngx_http_caphealth_report_render(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_http_caphealth_report_e report,
    ngx_http_caphealth_vendors_page_t *page, double now);
static ngx_int_t ngx_http_caphealth_report_headers(ngx_http_request_t *r,
    ngx_http_caphealth_body_t *body, double now);


static ngx_http_caphealth_renderer_t  ngx_http_caphealth_renderers[] = {
    { caphealth_report_health, caphealth_report_health_time, NULL,
      ngx_string("application/json"), 1 },
    { caphealth_health_json, caphealth_report_health_time,
      caphealth_health_json_fails,
      ngx_string("application/health+json"), 1 },
    { caphealth_report_capacity, caphealth_report_capacity_time, NULL,
      ngx_string("application/json"), 0 },
    { caphealth_report_nodes, caphealth_report_nodes_time, NULL,
      ngx_string("application/json"), 0 }
};


static ngx_str_t  ngx_http_caphealth_age = ngx_string("Age");
static ngx_str_t  ngx_http_caphealth_vary = ngx_string("Vary");
static ngx_str_t  ngx_http_caphealth_accept = ngx_string("Accept");


ngx_int_t
ngx_http_caphealth_send_report(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report,
    ngx_http_caphealth_vendors_page_t *page)
{
    double                          now;
    ngx_pool_cleanup_t             *cln;
    ngx_http_caphealth_body_t      *body;
    ngx_http_caphealth_renderer_t  *renderer;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    now = ngx_http_caphealth_now();
    renderer = &ngx_http_caphealth_renderers[report];

    body = ngx_http_caphealth_report_body(r, report, page, now);
    if (body == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_caphealth_body_release;
    cln->data = body;

    if (ngx_http_caphealth_report_headers(r, body, now) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (renderer->vary
        && ngx_http_caphealth_add_header(r, &ngx_http_caphealth_vary,
                                         &ngx_http_caphealth_accept)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = body->status;

    return ngx_http_caphealth_send(r, &renderer->type, (u_char *) body->data,
                                   body->len);
}


static ngx_http_caphealth_body_t *
ngx_http_caphealth_report_body(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report,
    ngx_http_caphealth_vendors_page_t *page, double now)
{
    ngx_uint_t                         changes;
    ngx_http_caphealth_body_t        **body;
    ngx_http_caphealth_main_conf_t    *cmcf;
    ngx_http_caphealth_worker_ctx_t   *w;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    w = cmcf->worker;

    if (ngx_http_caphealth_worker_update(w, now, r->connection->log)
        != NGX_OK)
    {
        return NULL;
    }

    /* clients may ask for any page, so that none is kept */

    if (page) {
        return ngx_http_caphealth_report_render(cmcf, report, page, now);
    }

    /* a long list, of vendors or nodes, is not rendered again for the system */

    switch (report) {

    case NGX_HTTP_CAPHEALTH_REPORT_CAPACITY:
        changes = w->cache->capacities;
        break;

    case NGX_HTTP_CAPHEALTH_REPORT_NODES:
        changes = w->cache->fleets;
        break;

    default:
        changes = w->cache->changes;
        break;
    }

    body = &w->reports[report];

    if (*body == NULL || (*body)->changes != changes) {

        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "caphealth report %d is rendered, change %ui",
                       (int) report, changes);

        ngx_http_caphealth_body_release(*body);

        *body = ngx_http_caphealth_report_render(cmcf, report, NULL, now);
        if (*body == NULL) {
            return NULL;
        }

        (*body)->changes = changes;
    }

    (*body)->refs++;

    return *body;
}


static ngx_http_caphealth_body_t *
ngx_http_caphealth_report_render(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_http_caphealth_report_e report,
    ngx_http_caphealth_vendors_page_t *page, double now)
{
    char                           *text;
    size_t                          len;
    caphealth_facts_t              *facts;
    ngx_http_caphealth_body_t      *body;
    ngx_http_caphealth_renderer_t  *renderer;

    facts = &cmcf->worker->cache->facts;
    renderer = &ngx_http_caphealth_renderers[report];

    text = page ? caphealth_report_vendors(facts, now, page->after,
                                           page->limit, &len)
                : renderer->render(facts, &cmcf->policy, now, &len);

    body = ngx_http_caphealth_body_create(text, len);
    if (body == NULL) {
        return NULL;
    }

    body->time = renderer->time(facts);
    body->status = renderer->fails
                   && renderer->fails(facts, &cmcf->policy, now)
                   ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_HTTP_OK;

    /*
     * The generation alone does not suffice: it begins anew with the zone, and
     * after a reload the same facts may be judged by other thresholds.
     */

    body->etag.data = body->etag_data;
    body->etag.len = ngx_sprintf(body->etag_data, "\"%xA-%08xD\"",
                                 cmcf->worker->cache->generation,
                                 ngx_crc32_long((u_char *) body->data,
                                                body->len))
                     - body->etag_data;

    return body;
}


static ngx_int_t
ngx_http_caphealth_report_headers(ngx_http_request_t *r,
    ngx_http_caphealth_body_t *body, double now)
{
    ngx_str_t  age;

    if (ngx_http_caphealth_add_etag(r, &body->etag) != NGX_OK
        || ngx_http_caphealth_add_no_cache(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (body->time == 0) {
        return NGX_OK;
    }

    age.data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
    if (age.data == NULL) {
        return NGX_ERROR;
    }

    age.len = ngx_sprintf(age.data, "%T",
                          (time_t) (now > body->time ? now - body->time : 0))
              - age.data;

    if (ngx_http_caphealth_add_header(r, &ngx_http_caphealth_age, &age)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
