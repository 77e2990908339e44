
/*
 * caphealth_metrics
 */

#include "ngx_http_caphealth.h"

#include "caphealth_accept.h"
#include "caphealth_metrics.h"
#include "caphealth_version.h"


/* a part of the answer, and what it was rendered of */

struct ngx_http_caphealth_text_s {
    char        *data;
    size_t       len;
    ngx_uint_t   changes;
    ngx_uint_t   refs;
};


static caphealth_dialect_e ngx_http_caphealth_metrics_dialect(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_metrics_chain(ngx_http_request_t *r,
    caphealth_dialect_e dialect, ngx_chain_t **out, off_t *len);
static ngx_http_caphealth_text_t *ngx_http_caphealth_metrics_text(
    ngx_http_request_t *r, ngx_uint_t part, caphealth_dialect_e dialect,
    double now);
static ngx_http_caphealth_text_t *ngx_http_caphealth_metrics_render(
    ngx_http_request_t *r, ngx_uint_t part, caphealth_dialect_e dialect,
    double now);
static char *ngx_http_caphealth_metrics_live(ngx_http_request_t *r,
    caphealth_dialect_e dialect, double now, size_t *len);
static void ngx_http_caphealth_metrics_release(void *data);
static ngx_chain_t *ngx_http_caphealth_metrics_link(ngx_http_request_t *r,
    ngx_http_caphealth_text_t *text);
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
    return ngx_http_caphealth_endpoint(cf,
                                       ngx_http_caphealth_metrics_handler);
}


ngx_int_t
ngx_http_caphealth_metrics_handler(ngx_http_request_t *r)
{
    off_t                len;
    ngx_int_t            rc;
    ngx_chain_t         *out;
    caphealth_dialect_e  dialect;

    rc = ngx_http_caphealth_admit(r);

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
    ngx_http_caphealth_text_t       *text;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    now = ngx_http_caphealth_now();

    if (ngx_http_caphealth_refresh(cmcf, now, r->connection->log) != NGX_OK) {
        return NGX_ERROR;
    }

    *len = 0;
    cl = NULL;

    for (part = 0; part < NGX_HTTP_CAPHEALTH_TEXTS; part++) {

        text = ngx_http_caphealth_metrics_text(r, part, dialect, now);
        if (text == NULL) {
            return NGX_ERROR;
        }

        if (text->len == 0) {
            continue;
        }

        *out = ngx_http_caphealth_metrics_link(r, text);
        if (*out == NULL) {
            return NGX_ERROR;
        }

        *len += (off_t) text->len;

        cl = *out;
        out = &cl->next;
    }

    /* what is live is never empty */

    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    return NGX_OK;
}


/* one that is kept, or a new one; a reference for the request */

static ngx_http_caphealth_text_t *
ngx_http_caphealth_metrics_text(ngx_http_request_t *r, ngx_uint_t part,
    caphealth_dialect_e dialect, double now)
{
    ngx_uint_t                        changes;
    ngx_pool_cleanup_t               *cln;
    ngx_http_caphealth_text_t        *text, **kept;
    ngx_http_caphealth_main_conf_t   *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    kept = &cmcf->metrics[part][dialect];
    changes = (part == NGX_HTTP_CAPHEALTH_VENDORS) ? cmcf->view->capacities
                                                   : cmcf->view->changes;

    if (*kept && ((*kept)->changes != changes
                  || part == NGX_HTTP_CAPHEALTH_LIVE))
    {
        ngx_http_caphealth_metrics_release(*kept);
        *kept = NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    text = *kept;

    if (text == NULL) {
        text = ngx_http_caphealth_metrics_render(r, part, dialect, now);
        if (text == NULL) {
            return NULL;
        }

        text->changes = changes;
        *kept = text;
    }

    /* a slow client keeps its text after the next one has been rendered */

    text->refs++;

    cln->handler = ngx_http_caphealth_metrics_release;
    cln->data = text;

    return text;
}


static ngx_http_caphealth_text_t *
ngx_http_caphealth_metrics_render(ngx_http_request_t *r, ngx_uint_t part,
    caphealth_dialect_e dialect, double now)
{
    caphealth_facts_t               *facts;
    ngx_http_caphealth_text_t       *text;
    ngx_http_caphealth_main_conf_t  *cmcf;

    static const caphealth_build_t  build = {
        CAPHEALTH_VERSION, NGINX_VERSION
    };

    text = ngx_alloc(sizeof(ngx_http_caphealth_text_t), ngx_cycle->log);
    if (text == NULL) {
        return NULL;
    }

    text->refs = 1;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    facts = &cmcf->view->facts;

    switch (part) {

    case NGX_HTTP_CAPHEALTH_FACTS:
        text->data = caphealth_metrics_facts(facts, &cmcf->policy, &build,
                                             now, dialect, &text->len);
        break;

    case NGX_HTTP_CAPHEALTH_VENDORS:
        text->data = caphealth_metrics_vendors(&facts->database.vendors,
                                               cmcf->metrics_vendors, dialect,
                                               &text->len);
        break;

    default: /* NGX_HTTP_CAPHEALTH_LIVE */
        text->data = ngx_http_caphealth_metrics_live(r, dialect, now,
                                                     &text->len);
        break;
    }

    if (text->data == NULL) {
        ngx_free(text);
        return NULL;
    }

    return text;
}


static char *
ngx_http_caphealth_metrics_live(ngx_http_request_t *r,
    caphealth_dialect_e dialect, double now, size_t *len)
{
    caphealth_activity_t             activity;
    ngx_http_caphealth_counters_t   *counters;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    counters = ngx_http_caphealth_zone_counters(cmcf->collector.zone);

    ngx_http_caphealth_view_images(cmcf->view, now);

    if (ngx_http_caphealth_counters_read(counters, r->pool, &activity)
        != NGX_OK)
    {
        return NULL;
    }

    activity.uploads.configured = cmcf->uploads ? 1 : 0;

    return caphealth_metrics_live(&cmcf->view->facts.images.value, &activity,
                                  dialect, len);
}


void
ngx_http_caphealth_metrics_forget(ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_uint_t  i, dialect;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_TEXTS; i++) {
        for (dialect = 0; dialect < CAPHEALTH_DIALECTS; dialect++) {
            if (cmcf->metrics[i][dialect]) {
                ngx_http_caphealth_metrics_release(cmcf->metrics[i][dialect]);
            }
        }
    }
}


static void
ngx_http_caphealth_metrics_release(void *data)
{
    ngx_http_caphealth_text_t  *text = data;

    if (--text->refs == 0) {
        free(text->data);
        ngx_free(text);
    }
}


static ngx_chain_t *
ngx_http_caphealth_metrics_link(ngx_http_request_t *r,
    ngx_http_caphealth_text_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    b = ngx_calloc_buf(r->pool);

    if (cl == NULL || b == NULL) {
        return NULL;
    }

    b->pos = (u_char *) text->data;
    b->last = b->pos + text->len;
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

    /* its length is that of the type alone: "gzip_types" compares no more */

    r->headers_out.content_type = ngx_http_caphealth_metrics_types[dialect];
    r->headers_out.content_type_len =
                   ngx_strlen(ngx_http_caphealth_metrics_media[dialect].type);
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}
