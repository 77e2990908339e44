
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
    ngx_http_caphealth_loc_conf_t   *lcf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return "is duplicate";
    }

    if (clcf->handler) {
        return "conflicts with another handler of this location";
    }

    clcf->handler = handler;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_caphealth_module);
    lcf->handler = handler;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);
    cmcf->enabled = 1;

    return NGX_CONF_OK;
}


/*
 * "if" and "limit_except" are locations of their own.  nginx keeps the handler
 * of the location around an "if", but not that around a "limit_except".
 */

void
ngx_http_caphealth_merge_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->handler == NULL) {
        conf->handler = prev->handler;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = conf->handler;
    }
}
