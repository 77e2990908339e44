
/*
 * caphealth_health
 */

#include "ngx_http_caphealth.h"

#include "caphealth_accept.h"


static ngx_int_t ngx_http_caphealth_health_accept(ngx_http_request_t *r,
    ngx_str_t *accept);


static ngx_http_caphealth_report_e  ngx_http_caphealth_health_reports[] = {
    NGX_HTTP_CAPHEALTH_HEALTH,
    NGX_HTTP_CAPHEALTH_HEALTH_JSON
};


static const caphealth_media_t  ngx_http_caphealth_health_media[] = {
    { "application/json", "", "utf-8" },
    { "application/health+json", "", "utf-8" }
};


ngx_int_t
ngx_http_caphealth_health_handler(ngx_http_request_t *r)
{
    size_t     i;
    ngx_str_t  accept;

    if (ngx_http_caphealth_health_accept(r, &accept) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    i = accept.len
        ? caphealth_accept((char *) accept.data, accept.len,
                           ngx_http_caphealth_health_media, 2)
        : 0;

    return ngx_http_caphealth_report(r, ngx_http_caphealth_health_reports[i]);
}


/* several lines mean the same as one; a copy is made only of several */

static ngx_int_t
ngx_http_caphealth_health_accept(ngx_http_request_t *r, ngx_str_t *accept)
{
    u_char           *p;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("accept");

    ngx_str_null(accept);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != name.len
                || ngx_strncmp(h[i].lowcase_key, name.data, name.len) != 0)
            {
                continue;
            }

            if (accept->len == 0) {
                *accept = h[i].value;
                continue;
            }

            p = ngx_pnalloc(r->pool, accept->len + 1 + h[i].value.len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            accept->len = ngx_sprintf(p, "%V,%V", accept, &h[i].value) - p;
            accept->data = p;
        }
    }

    return NGX_OK;
}
