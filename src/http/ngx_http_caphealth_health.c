
/*
 * caphealth_health
 */

#include "ngx_http_caphealth.h"

#include "caphealth_accept.h"


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

    static ngx_str_t  name = ngx_string("accept");

    if (ngx_http_caphealth_header_list(r, &name, &accept) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    i = accept.len
        ? caphealth_accept((char *) accept.data, accept.len,
                           ngx_http_caphealth_health_media, 2)
        : 0;

    return ngx_http_caphealth_report(r, ngx_http_caphealth_health_reports[i]);
}
