
/*
 * Uploads by pages of other origins: the CORS protocol of
 * https://fetch.spec.whatwg.org/#http-cors-protocol.
 */

#ifndef _NGX_HTTP_CAPHEALTH_CORS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_CORS_H_INCLUDED_


#include "ngx_http_caphealth_conf.h"


char *ngx_http_caphealth_image_cors(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* "*" needs tokens: without, any page could upload. */
char *ngx_http_caphealth_cors_check(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *conf);

/* After the configuration: the headers are added by a filter. */
void ngx_http_caphealth_cors_init(void);

/* Whether the request comes from a page of an origin that may upload. */
ngx_uint_t ngx_http_caphealth_cors_allowed(ngx_http_request_t *r);

/*
 * Answers a preflight, which OPTIONS with Access-Control-Request-Method is.
 * NGX_DECLINED: the request is none, or comes from no origin that may upload.
 */
ngx_int_t ngx_http_caphealth_cors_preflight(ngx_http_request_t *r);


#endif /* _NGX_HTTP_CAPHEALTH_CORS_H_INCLUDED_ */
