
/*
 * The variables.
 */

#include "ngx_http_caphealth_upload_outcome.h"

#include "caphealth_report.h"


static ngx_int_t ngx_http_caphealth_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_caphealth_variable_set(ngx_http_variable_value_t *v,
    u_char *data, size_t len);


static ngx_str_t  ngx_http_caphealth_status_name =
    ngx_string("caphealth_status");


static ngx_http_variable_t  ngx_http_caphealth_variables[] = {

    { ngx_string("caphealth_status"), NULL,
      ngx_http_caphealth_variable_status, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_image_id"), NULL,
      ngx_http_caphealth_variable_id, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_image_result"), NULL,
      ngx_http_caphealth_variable_result, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_image_seconds"), NULL,
      ngx_http_caphealth_variable_seconds, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_caphealth_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_caphealth_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


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


/*
 * The log, "map" and others take what was asked for once, be it "not found"
 * of a time before the upload began.
 */

void
ngx_http_caphealth_forget_variables(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].get_handler == ngx_http_caphealth_variable_id
            || v[i].get_handler == ngx_http_caphealth_variable_result
            || v[i].get_handler == ngx_http_caphealth_variable_seconds)
        {
            r->variables[i].valid = 0;
            r->variables[i].not_found = 0;
        }
    }
}


static ngx_int_t
ngx_http_caphealth_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char                      *name;
    caphealth_status_e               status;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    if (cmcf->view == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    status = ngx_http_caphealth_status(cmcf, r->connection->log);
    name = caphealth_overall_name(status);

    ngx_http_caphealth_variable_set(v, (u_char *) name, ngx_strlen(name));

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || outcome->ids.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_caphealth_variable_set(v, outcome->ids.data, outcome->ids.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                   name;
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || !outcome->decided) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_caphealth_outcome_name(&name, outcome->deletes, outcome->result);
    ngx_http_caphealth_variable_set(v, name.data, name.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_variable_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p;
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || !outcome->decided || !outcome->timed) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_caphealth_variable_set(v, p,
                              ngx_sprintf(p, "%T.%03M",
                                          (time_t) (outcome->elapsed / 1000),
                                          outcome->elapsed % 1000)
                              - p);
    return NGX_OK;
}


static void
ngx_http_caphealth_variable_set(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = data;
    v->len = len;
}
