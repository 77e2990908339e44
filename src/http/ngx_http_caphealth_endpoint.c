
/*
 * The directives that make a location an endpoint.
 */

#include "ngx_http_caphealth.h"


char *
ngx_http_caphealth_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_caphealth_endpoint(cf, ngx_http_caphealth_health_handler);
}


char *
ngx_http_caphealth_capacity(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_caphealth_endpoint(cf,
                                       ngx_http_caphealth_capacity_handler);
}


char *
ngx_http_caphealth_stats(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_caphealth_endpoint(cf, ngx_http_caphealth_stats_handler);
}


char *
ngx_http_caphealth_endpoint(ngx_conf_t *cf, ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return "is duplicate";
    }

    if (clcf->handler) {
        return "conflicts with another handler of this location";
    }

    clcf->handler = handler;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);
    cmcf->enabled = 1;

    return NGX_CONF_OK;
}
