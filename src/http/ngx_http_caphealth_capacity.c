
/*
 * caphealth_capacity
 */

#include "ngx_http_caphealth.h"


ngx_int_t
ngx_http_caphealth_capacity_handler(ngx_http_request_t *r)
{
    return ngx_http_caphealth_report(r, NGX_HTTP_CAPHEALTH_CAPACITY);
}
