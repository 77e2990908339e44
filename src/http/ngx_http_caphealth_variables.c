
/*
 * $caphealth_status
 */

#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_worker.h"


static ngx_int_t ngx_http_caphealth_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static caphealth_status_e ngx_http_caphealth_overall_status(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_log_t *log);


static ngx_str_t  ngx_http_caphealth_status_name =
    ngx_string("caphealth_status");


ngx_http_variable_t  ngx_http_caphealth_variables[] = {

    { ngx_string("caphealth_status"), NULL,
      ngx_http_caphealth_variable_status, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_uint_t
ngx_http_caphealth_status_used(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == ngx_http_caphealth_status_name.len
            && ngx_strncasecmp(v[i].name.data,
                               ngx_http_caphealth_status_name.data,
                               v[i].name.len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_caphealth_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char                      *name;
    caphealth_status_e               status;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    if (cmcf->worker == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    status = ngx_http_caphealth_overall_status(cmcf, r->connection->log);
    name = caphealth_overall_name(status);

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = (u_char *) name;
    v->len = ngx_strlen(name);

    return NGX_OK;
}


/* as the health report would have it; judged once for a change of the facts */

static caphealth_status_e
ngx_http_caphealth_overall_status(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_log_t *log)
{
    double                            now;
    caphealth_evaluation_t            evaluation;
    ngx_http_caphealth_worker_ctx_t  *w;

    w = cmcf->worker;
    now = ngx_http_caphealth_now();

    if (ngx_http_caphealth_worker_update(w, now, log) != NGX_OK) {
        return CAPHEALTH_UNKNOWN_STATUS;
    }

    if (w->status_changes != w->cache->changes) {
        caphealth_evaluate(&evaluation, &w->cache->facts, &cmcf->policy, now);

        w->status = evaluation.overall;
        w->status_changes = w->cache->changes;
    }

    return w->status;
}
