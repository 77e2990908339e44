
/*
 * The endpoints: the directives that make a location one, and what else the
 * module calls of them.
 */

#ifndef _NGX_HTTP_CAPHEALTH_ENDPOINTS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_ENDPOINTS_H_INCLUDED_


#include "ngx_http_caphealth_conf.h"


char *ngx_http_caphealth_health(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_capacity(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_stats(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_history(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_nodes(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_probe(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_dashboard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_dashboard_link(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Checks that what each probe names is configured. */
char *ngx_http_caphealth_init_probes(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/*
 * The locations of each dashboard's data: while nginx's list of locations is
 * still whole, before they are merged.
 */
char *ngx_http_caphealth_init_dashboard_data(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/* The HTML of the dashboards, after the merge. */
ngx_int_t ngx_http_caphealth_init_dashboard_pages(ngx_conf_t *cf);

extern ngx_http_variable_t  ngx_http_caphealth_variables[];

/* Whether one of them is used that needs the facts. */
ngx_uint_t ngx_http_caphealth_variables_used(ngx_conf_t *cf);


#endif /* _NGX_HTTP_CAPHEALTH_ENDPOINTS_H_INCLUDED_ */
