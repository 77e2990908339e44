
/*
 * caphealth_image_stats: what is in the image trees, at this moment.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_worker.h"

#include <ngx_md5.h>

#include "caphealth_report.h"


static ngx_int_t ngx_http_caphealth_stats_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_stats_etag(ngx_http_request_t *r,
    char *text, size_t len);


static ngx_str_t  ngx_http_caphealth_stats_type =
    ngx_string("application/json");


char *
ngx_http_caphealth_image_stats(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_caphealth_add_endpoint(cf,
                                      NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_STATS,
                                      ngx_http_caphealth_stats_handler);
}


static ngx_int_t
ngx_http_caphealth_stats_handler(ngx_http_request_t *r)
{
    char                             *text;
    size_t                            len;
    double                            now;
    ngx_int_t                         rc;
    ngx_pool_cleanup_t               *cln;
    ngx_http_caphealth_main_conf_t   *cmcf;
    ngx_http_caphealth_worker_ctx_t  *w;

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    w = cmcf->worker;

    now = ngx_http_caphealth_now();

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL
        || ngx_http_caphealth_worker_update(w, now, r->connection->log)
           != NGX_OK
        || ngx_http_caphealth_add_no_cache(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* read for each request, so that the one after an upload counts it */

    ngx_http_caphealth_facts_cache_images(w->cache, now);

    text = caphealth_report_statistics(&w->cache->facts, now, &len);
    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = free;
    cln->data = text;

    if (ngx_http_caphealth_stats_etag(r, text, len) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;

    return ngx_http_caphealth_send(r, &ngx_http_caphealth_stats_type,
                                   (u_char *) text, len);
}


/*
 * The time of the answer changes with each request, and is left out.  As
 * answers with the same tag are then not the same bytes, it is a weak one.
 */

static ngx_int_t
ngx_http_caphealth_stats_etag(ngx_http_request_t *r, char *text, size_t len)
{
    char      *time, *rest;
    u_char    *p, digest[16];
    ngx_str_t  value;
    ngx_md5_t  md5;

    static const char  member[] = ",\"timestamp\":";

    time = memmem(text, len, member, sizeof(member) - 1);

    rest = time ? memchr(time + 1, ',', text + len - time - 1) : NULL;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, text, rest ? (size_t) (time - text) : len);

    if (rest) {
        ngx_md5_update(&md5, rest, text + len - rest);
    }

    ngx_md5_final(digest, &md5);

    value.len = sizeof("W/\"\"") - 1 + 2 * sizeof(digest);
    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, "W/\"", sizeof("W/\"") - 1);
    p = ngx_hex_dump(p, digest, sizeof(digest));
    *p = '"';

    return ngx_http_caphealth_add_etag(r, &value);
}
