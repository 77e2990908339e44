
/*
 * Would this client be let in there?
 *
 * nginx runs no access rules for a subrequest, so this one runs them itself,
 * in a phase before, and ends there.
 */

#include "ngx_http_caphealth_dashboard.h"


typedef struct {
    ngx_http_handler_pt   wanted;
    ngx_uint_t            left;      /* access handlers that have not run */
    int                  *status;
} ngx_http_caphealth_question_t;


static ngx_http_variable_value_t *ngx_http_caphealth_ask_variables(
    ngx_http_request_t *r, ngx_array_t *kept);
static ngx_int_t ngx_http_caphealth_ask_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_ask_rules(ngx_http_request_t *r,
    ngx_http_caphealth_question_t *q);
static ngx_int_t ngx_http_caphealth_ask_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc);


ngx_int_t
ngx_http_caphealth_ask(ngx_http_request_t *r, ngx_str_t *uri, ngx_str_t *url,
    ngx_array_t *kept, ngx_http_handler_pt wanted, int *status)
{
    ngx_http_request_t             *sr;
    ngx_http_core_main_conf_t      *cmcf;
    ngx_http_variable_value_t      *variables;
    ngx_http_post_subrequest_t     *ps;
    ngx_http_caphealth_question_t  *q;

    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    q = ngx_palloc(r->pool, sizeof(ngx_http_caphealth_question_t));
    variables = ngx_http_caphealth_ask_variables(r, kept);

    if (ps == NULL || q == NULL || variables == NULL) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    q->wanted = wanted;
    q->left = cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers.nelts;
    q->status = status;

    ps->handler = ngx_http_caphealth_ask_done;
    ps->data = q;

    if (ngx_http_subrequest(r, uri, NULL, &sr, ps, NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* as the client's own request would come */

    sr->header_only = 1;
    sr->variables = variables;
    sr->unparsed_uri = *url;

    if (wanted == ngx_http_caphealth_upload_handler) {
        sr->method = NGX_HTTP_POST;
        ngx_str_set(&sr->method_name, "POST");
    }

    return NGX_OK;
}


/*
 * A subrequest shares the values of variables that nginx keeps, as those of
 * "map": rules would go by the page's URI.  What the server's name has told
 * is as true here.
 */

static ngx_http_variable_value_t *
ngx_http_caphealth_ask_variables(ngx_http_request_t *r, ngx_array_t *kept)
{
    ngx_uint_t                  i, *index;
    ngx_http_core_main_conf_t  *cmcf;
    ngx_http_variable_value_t  *variables;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    variables = ngx_pcalloc(r->pool, cmcf->variables.nelts
                                     * sizeof(ngx_http_variable_value_t));
    if (variables == NULL) {
        return NULL;
    }

    index = kept->elts;

    for (i = 0; i < kept->nelts; i++) {
        variables[index[i]] = r->variables[index[i]];
    }

    return variables;
}


ngx_int_t
ngx_http_caphealth_init_ask(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_caphealth_ask_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_ask_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_caphealth_question_t  *q;

    if (r == r->main || r->post_subrequest == NULL
        || r->post_subrequest->handler != ngx_http_caphealth_ask_done)
    {
        return NGX_DECLINED;
    }

    q = r->post_subrequest->data;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->handler != q->wanted) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (!ngx_http_caphealth_allowed(r)) {
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_http_caphealth_ask_rules(r, q);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth ask \"%V\": %i", &r->uri, rc);

    /* NGX_OK would go on to the content */

    return rc == NGX_OK ? NGX_HTTP_OK : rc;
}


/* as ngx_http_core_access_phase() and ngx_http_core_post_access_phase() */

static ngx_int_t
ngx_http_caphealth_ask_rules(ngx_http_request_t *r,
    ngx_http_caphealth_question_t *q)
{
    ngx_int_t                   rc;
    ngx_http_handler_pt        *h;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_core_main_conf_t  *cmcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    h = cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers.elts;

    while (q->left) {

        rc = h[q->left - 1](r);

        if (rc == NGX_AGAIN || rc == NGX_DONE) {
            return rc;
        }

        q->left--;

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (clcf->satisfy == NGX_HTTP_SATISFY_ALL) {

            if (rc == NGX_OK) {
                continue;
            }

        } else {

            if (rc == NGX_OK) {
                return NGX_OK;
            }

            if (rc == NGX_HTTP_FORBIDDEN || rc == NGX_HTTP_UNAUTHORIZED) {

                if (r->access_code != NGX_HTTP_UNAUTHORIZED) {
                    r->access_code = rc;
                }

                continue;
            }
        }

        return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
    }

    return r->access_code ? (ngx_int_t) r->access_code : NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_ask_done(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_caphealth_question_t *q = data;

    *q->status = rc < NGX_HTTP_OK ? NGX_HTTP_INTERNAL_SERVER_ERROR : (int) rc;

    /* whatever the answer is, nothing of it is sent */

    return rc == NGX_ERROR ? rc : NGX_OK;
}
