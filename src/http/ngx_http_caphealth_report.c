
/*
 * A report, from the facts to the wire.
 */

#include "ngx_http_caphealth.h"

#include "caphealth_health_json.h"
#include "caphealth_report.h"


struct ngx_http_caphealth_body_s {
    char        *text;
    size_t       len;
    double       time;               /* of the oldest facts in it, or 0 */
    ngx_uint_t   status;             /* HTTP's */
    ngx_uint_t   refs;
    ngx_str_t    etag;
    u_char       etag_data[sizeof("\"\"") - 1
                           + 2 * sizeof(ngx_atomic_uint_t)
                           + sizeof("-") - 1 + 8];
};


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
    ngx_http_caphealth_page_t *page, double now);
static ngx_http_caphealth_body_t *ngx_http_caphealth_report_render(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_http_caphealth_report_e report,
    ngx_http_caphealth_page_t *page, double now);
static ngx_int_t ngx_http_caphealth_report_headers(ngx_http_request_t *r,
    ngx_http_caphealth_body_t *body, double now);
static void ngx_http_caphealth_report_release(void *data);
static void ngx_http_caphealth_report_cleanup(void *data);


static ngx_http_caphealth_renderer_t  ngx_http_caphealth_renderers[] = {
    { caphealth_report_health, caphealth_report_health_time, NULL,
      ngx_string("application/json"), 1 },
    { caphealth_health_json, caphealth_report_health_time,
      caphealth_health_json_fails,
      ngx_string("application/health+json"), 1 },
    { caphealth_report_capacity, caphealth_report_capacity_time, NULL,
      ngx_string("application/json"), 0 }
};


static ngx_str_t  ngx_http_caphealth_etag = ngx_string("ETag");
static ngx_str_t  ngx_http_caphealth_age = ngx_string("Age");

static ngx_str_t  ngx_http_caphealth_cache_control =
    ngx_string("Cache-Control");
static ngx_str_t  ngx_http_caphealth_no_cache =
    ngx_string("private, no-cache");
static ngx_str_t  ngx_http_caphealth_vary = ngx_string("Vary");
static ngx_str_t  ngx_http_caphealth_accept = ngx_string("Accept");


ngx_int_t
ngx_http_caphealth_report_init(ngx_cycle_t *cycle,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_pool_cleanup_t  *cln;

    cmcf->view = ngx_http_caphealth_view_create(cycle->pool,
                                                &cmcf->collector);
    if (cmcf->view == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_caphealth_report_cleanup;
    cln->data = cmcf;

    return NGX_OK;
}


static void
ngx_http_caphealth_report_cleanup(void *data)
{
    ngx_uint_t                       i;
    ngx_http_caphealth_main_conf_t  *cmcf = data;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_REPORTS; i++) {
        if (cmcf->bodies[i]) {
            ngx_http_caphealth_report_release(cmcf->bodies[i]);
        }
    }

    if (cmcf->judged) {
        caphealth_ready_free(&cmcf->ready);
    }

    ngx_http_caphealth_metrics_forget(cmcf);
}


ngx_int_t
ngx_http_caphealth_report(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report)
{
    ngx_int_t  rc;

    rc = ngx_http_caphealth_admit(r);

    return rc == NGX_DECLINED ? ngx_http_caphealth_send_report(r, report, NULL)
                              : rc;
}


ngx_int_t
ngx_http_caphealth_send_report(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report, ngx_http_caphealth_page_t *page)
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

    /* a slow client keeps its body after the next one has been rendered */

    body = ngx_http_caphealth_report_body(r, report, page, now);
    if (body == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_caphealth_report_release;
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

    return ngx_http_caphealth_send(r, &renderer->type, (u_char *) body->text,
                                   body->len);
}


static ngx_http_caphealth_body_t *
ngx_http_caphealth_report_body(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report, ngx_http_caphealth_page_t *page,
    double now)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    if (ngx_http_caphealth_refresh(cmcf, now, r->connection->log) != NGX_OK) {
        return NULL;
    }

    /* which pages are asked for is up to the clients: none is kept */

    if (page) {
        return ngx_http_caphealth_report_render(cmcf, report, page, now);
    }

    if (cmcf->bodies[report] == NULL) {
        cmcf->bodies[report] = ngx_http_caphealth_report_render(cmcf, report,
                                                                NULL, now);
    }

    if (cmcf->bodies[report]) {
        cmcf->bodies[report]->refs++;
    }

    return cmcf->bodies[report];
}


ngx_int_t
ngx_http_caphealth_refresh(ngx_http_caphealth_main_conf_t *cmcf, double now,
    ngx_log_t *log)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = ngx_http_caphealth_view_update(cmcf->view, now, log);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_CAPHEALTH_REPORTS; i++) {

        /* a long list of vendors is not rendered again for the system */

        if (i == NGX_HTTP_CAPHEALTH_CAPACITY && !cmcf->view->capacity) {
            continue;
        }

        if (cmcf->bodies[i]) {
            ngx_http_caphealth_report_release(cmcf->bodies[i]);
            cmcf->bodies[i] = NULL;
        }
    }

    if (cmcf->judged) {
        caphealth_ready_free(&cmcf->ready);
        cmcf->judged = 0;
    }

    return NGX_OK;
}


caphealth_status_e
ngx_http_caphealth_status(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_log_t *log)
{
    double                  now;
    caphealth_assessment_t  assessment;

    now = ngx_http_caphealth_now();

    if (ngx_http_caphealth_refresh(cmcf, now, log) != NGX_OK) {
        return CAPHEALTH_UNKNOWN_STATUS;
    }

    if (cmcf->assessed != cmcf->view->changes) {
        caphealth_assess(&assessment, &cmcf->view->facts, &cmcf->policy, now);

        cmcf->status = assessment.overall;
        cmcf->assessed = cmcf->view->changes;
    }

    return cmcf->status;
}


static ngx_http_caphealth_body_t *
ngx_http_caphealth_report_render(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_http_caphealth_report_e report, ngx_http_caphealth_page_t *page,
    double now)
{
    ngx_http_caphealth_body_t      *body;
    ngx_http_caphealth_view_t      *view;
    ngx_http_caphealth_renderer_t  *renderer;

    view = cmcf->view;
    renderer = &ngx_http_caphealth_renderers[report];

    body = ngx_alloc(sizeof(ngx_http_caphealth_body_t), ngx_cycle->log);
    if (body == NULL) {
        return NULL;
    }

    body->text = page ? caphealth_report_vendors(&view->facts, now, page->after,
                                                 page->limit, &body->len)
                      : renderer->render(&view->facts, &cmcf->policy, now,
                                         &body->len);
    if (body->text == NULL) {
        ngx_free(body);
        return NULL;
    }

    body->time = renderer->time(&view->facts);
    body->status = renderer->fails
                   && renderer->fails(&view->facts, &cmcf->policy, now)
                   ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_HTTP_OK;
    body->refs = 1;

    /*
     * The generation alone would not do: it begins anew with the zone, and a
     * reload may change the thresholds under the same facts.
     */

    body->etag.data = body->etag_data;
    body->etag.len = ngx_sprintf(body->etag_data, "\"%xA-%08xD\"",
                                 view->generation,
                                 ngx_crc32_long((u_char *) body->text,
                                                body->len))
                     - body->etag_data;

    return body;
}


static ngx_int_t
ngx_http_caphealth_report_headers(ngx_http_request_t *r,
    ngx_http_caphealth_body_t *body, double now)
{
    ngx_str_t  age;

    r->headers_out.etag = ngx_http_caphealth_add_header(r,
                                                     &ngx_http_caphealth_etag,
                                                     &body->etag);
    if (r->headers_out.etag == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_caphealth_add_no_cache(r) != NGX_OK) {
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


ngx_int_t
ngx_http_caphealth_add_no_cache(ngx_http_request_t *r)
{
    return ngx_http_caphealth_add_cache_control(r,
                                                &ngx_http_caphealth_no_cache);
}


/* known to nginx by more than its name, so that "expires" finds it */

ngx_int_t
ngx_http_caphealth_add_cache_control(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_table_elt_t   *h;
#if (nginx_version < 1023000)
    ngx_array_t       *cc;
    ngx_table_elt_t  **hp;
#endif

    h = ngx_http_caphealth_add_header(r, &ngx_http_caphealth_cache_control,
                                      value);
    if (h == NULL) {
        return NGX_ERROR;
    }

#if (nginx_version >= 1023000)

    r->headers_out.cache_control = h;

#else

    cc = &r->headers_out.cache_control;

    if (cc->elts == NULL
        && ngx_array_init(cc, r->pool, 1, sizeof(ngx_table_elt_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    hp = ngx_array_push(cc);
    if (hp == NULL) {
        return NGX_ERROR;
    }

    *hp = h;

#endif

    return NGX_OK;
}


static void
ngx_http_caphealth_report_release(void *data)
{
    ngx_http_caphealth_body_t  *body = data;

    if (--body->refs) {
        return;
    }

    free(body->text);
    ngx_free(body);
}
