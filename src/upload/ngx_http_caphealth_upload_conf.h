
/*
 * The directives of uploads, and the configuration of a location that takes
 * them.
 */

#ifndef _NGX_HTTP_CAPHEALTH_UPLOAD_CONF_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_UPLOAD_CONF_H_INCLUDED_


#include "ngx_http_caphealth_conf.h"


char *ngx_http_caphealth_image_upload(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_id(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_variant(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

char *ngx_http_caphealth_image_quota(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_owners(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

char *ngx_http_caphealth_merge_upload_conf(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf);

ngx_int_t ngx_http_caphealth_upload_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_CAPHEALTH_UPLOAD_CONF_H_INCLUDED_ */
