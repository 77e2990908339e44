
/*
 * caphealth_health
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_report.h"

#include "caphealth_accept.h"


static ngx_int_t ngx_http_caphealth_health_handler(ngx_http_request_t *r);


static ngx_http_caphealth_report_e  ngx_http_caphealth_health_reports[] = {
    NGX_HTTP_CAPHEALTH_REPORT_HEALTH,
    NGX_HTTP_CAPHEALTH_REPORT_HEALTH_JSON
};


static const caphealth_media_t  ngx_http_caphealth_health_media[] = {
    { "application/json", "", "utf-8" },
    { "application/health+json", "", "utf-8" }
};


char *
ngx_http_caphealth_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_caphealth_add_endpoint(cf,
                                           NGX_HTTP_CAPHEALTH_ENDPOINT_HEALTH,
                                           ngx_http_caphealth_health_handler);
}


static ngx_int_t
ngx_http_caphealth_health_handler(ngx_http_request_t *r)
{
    size_t     i;
    ngx_int_t  rc;
    ngx_str_t  accept;

    static ngx_str_t  name = ngx_string("accept");

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_caphealth_header_list(r, &name, &accept) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    i = accept.len
        ? caphealth_accept((char *) accept.data, accept.len,
                           ngx_http_caphealth_health_media, 2)
        : 0;

    return ngx_http_caphealth_send_report(r,
                                          ngx_http_caphealth_health_reports[i],
                                          NULL);
}
