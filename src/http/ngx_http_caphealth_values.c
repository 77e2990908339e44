
/*
 * What the values of directives must be.
 */

#include "ngx_http_caphealth.h"


#define NGX_HTTP_CAPHEALTH_ZONE_MIN  (16 * ngx_pagesize)


char *
ngx_http_caphealth_interval(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *value = data;

    if (*value < 1000 || *value > 86400000) {
        return "must be between 1s and 1d";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_timeout(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *value = data;

    if (*value < 100 || *value > 600000) {
        return "must be between 100ms and 10m";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_cpu_window(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *value = data;

    if (*value < 10000 || *value > 3600000) {
        return "must be between 10s and 1h";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_zone_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t *value = data;

    if (*value < (size_t) NGX_HTTP_CAPHEALTH_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_zone\" of %uz bytes is too small, "
                           "it must be at least %uz", *value,
                           (size_t) NGX_HTTP_CAPHEALTH_ZONE_MIN);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_init_policy(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    const char  *reason;

    if (cmcf->tiers == NULL) {
        return NGX_CONF_OK;
    }

    cmcf->policy.tiers = cmcf->tiers->elts;
    cmcf->policy.ntiers = cmcf->tiers->nelts;

    reason = caphealth_tiers_check(cmcf->policy.tiers, cmcf->policy.ntiers);

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the ladder of \"caphealth_tier\" is not "
                           "possible: %s", reason);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
