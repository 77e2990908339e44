
/* What a request that stores or deletes images came to. */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_conf.h"
#include "ngx_http_caphealth_upload_outcome.h"
#include "ngx_http_caphealth_zone.h"

#include "caphealth_path.h"


static void ngx_http_caphealth_outcome_end(void *data);
static void ngx_http_caphealth_outcome_marker(void *data);
static void ngx_http_caphealth_outcome_count_recent(
    ngx_http_caphealth_outcome_t *outcome, caphealth_outcome_e result);
static void ngx_http_caphealth_forget_variables(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_owner(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_caphealth_variable_set(ngx_http_variable_value_t *v,
    u_char *data, size_t len);


ngx_http_variable_t  ngx_http_caphealth_upload_variables[] = {

    { ngx_string("caphealth_image_id"), NULL,
      ngx_http_caphealth_variable_id, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_image_owner"), NULL,
      ngx_http_caphealth_variable_owner, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_image_result"), NULL,
      ngx_http_caphealth_variable_result, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_image_seconds"), NULL,
      ngx_http_caphealth_variable_seconds, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_caphealth_outcome_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t              *mark;
    ngx_http_cleanup_t              *cln;
    ngx_http_caphealth_outcome_t    *outcome;
    ngx_http_caphealth_loc_conf_t   *lcf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    if (!(r->method & NGX_HTTP_POST)
        && !(r->method & NGX_HTTP_DELETE && lcf->upload.delete))
    {
        return NGX_OK;
    }

    if (ngx_http_caphealth_outcome(r)) {
        return NGX_OK;
    }

    mark = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_caphealth_outcome_t));
    if (mark == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    outcome = mark->data;
    ngx_memzero(outcome, sizeof(ngx_http_caphealth_outcome_t));

    outcome->request = r;
    outcome->counters = ngx_http_caphealth_zone_counters(cmcf->collector.zone);
    outcome->deletion = (r->method & NGX_HTTP_DELETE) ? 1 : 0;

    /*
     * an internal redirect clears the request's contexts, but not its pool's
     * cleanup handlers, among which the outcome is found by this one
     */

    mark->handler = ngx_http_caphealth_outcome_marker;

    /* the request's cleanup handlers run before its log is written */

    cln->handler = ngx_http_caphealth_outcome_end;
    cln->data = outcome;

    if (lcf->upload.tokens == NULL && !ngx_http_caphealth_access_allowed(r)) {
        ngx_http_caphealth_outcome_count(r, CAPHEALTH_OUTCOME_NOT_LOCAL);
    }

    return NGX_OK;
}


ngx_http_caphealth_outcome_t *
ngx_http_caphealth_outcome(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_caphealth_outcome_marker) {
            return cln->data;
        }
    }

    return NULL;
}


/* does nothing: the address marks the cleanup that has the outcome */

static void
ngx_http_caphealth_outcome_marker(void *data)
{
}


void
ngx_http_caphealth_outcome_start(ngx_http_request_t *r)
{
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome) {
        outcome->timed = 1;
        outcome->started = ngx_current_msec;
    }
}


ngx_int_t
ngx_http_caphealth_outcome_ids(ngx_http_request_t *r, char *id, size_t stride,
    ngx_uint_t n)
{
    u_char                        *p;
    ngx_uint_t                     i;
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || n == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, n * (CAPHEALTH_ID_LEN + 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    outcome->ids.data = p;

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, id + i * stride, CAPHEALTH_ID_LEN);
        *p++ = ',';
    }

    outcome->ids.len = p - 1 - outcome->ids.data;

    ngx_http_caphealth_forget_variables(r);

    return NGX_OK;
}


ngx_int_t
ngx_http_caphealth_outcome_owner(ngx_http_request_t *r, const char *owner)
{
    size_t                         len;
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);
    len = ngx_strlen(owner);

    if (outcome == NULL || len == 0) {
        return NGX_OK;
    }

    outcome->owner.data = ngx_pnalloc(r->pool, len);
    if (outcome->owner.data == NULL) {
        return NGX_ERROR;
    }

    outcome->owner.len = len;
    ngx_memcpy(outcome->owner.data, owner, len);

    ngx_http_caphealth_forget_variables(r);

    return NGX_OK;
}


void
ngx_http_caphealth_outcome_decide(ngx_http_request_t *r,
    caphealth_outcome_e result)
{
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || outcome->counted) {
        return;
    }

    outcome->decided = 1;
    outcome->result = result;
    outcome->elapsed = ngx_current_msec - outcome->started;

    ngx_http_caphealth_forget_variables(r);
}


void
ngx_http_caphealth_outcome_count(ngx_http_request_t *r,
    caphealth_outcome_e result)
{
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || outcome->counted) {
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth %s: outcome %d is counted",
                   outcome->deletion ? "deletion" : "upload", (int) result);

    ngx_http_caphealth_outcome_decide(r, result);

    /* the ids of images that were not stored are not told */

    if (result != CAPHEALTH_OUTCOME_OK
        && result != CAPHEALTH_OUTCOME_REPLAYED
        && result != CAPHEALTH_OUTCOME_DUPLICATE
        && !outcome->deletion)
    {
        ngx_str_null(&outcome->ids);
    }

    outcome->counted = 1;

    ngx_http_caphealth_count(outcome->deletion
                             ? &outcome->counters->deletes[result]
                             : &outcome->counters->posts[result], 1);

    if (!outcome->deletion) {
        ngx_http_caphealth_outcome_count_recent(outcome, result);
    }
}


/* counts whether uploads work, so not what the client did wrong, or gave up */

static void
ngx_http_caphealth_outcome_count_recent(ngx_http_caphealth_outcome_t *outcome,
    caphealth_outcome_e result)
{
    ngx_uint_t                   status;
    ngx_http_caphealth_upload_e  upload;

    if (result == CAPHEALTH_OUTCOME_QUOTA) {
        return;
    }

    if (result == CAPHEALTH_OUTCOME_OK) {
        ngx_http_caphealth_count_recent(outcome->counters,
                                        NGX_HTTP_CAPHEALTH_UPLOAD_STORED);
        ngx_http_caphealth_count_stored(outcome->counters, outcome->elapsed);
        return;
    }

    status = (result == CAPHEALTH_OUTCOME_INTERNAL)
             ? NGX_HTTP_INTERNAL_SERVER_ERROR
             : caphealth_outcomes[result].status;

    switch (status) {

    case NGX_HTTP_INSUFFICIENT_STORAGE:
        upload = NGX_HTTP_CAPHEALTH_UPLOAD_FULL;
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        upload = (result == CAPHEALTH_OUTCOME_STORE_AWAY)
                 ? NGX_HTTP_CAPHEALTH_UPLOAD_AWAY
                 : NGX_HTTP_CAPHEALTH_UPLOAD_BUSY;
        break;

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        upload = NGX_HTTP_CAPHEALTH_UPLOAD_FAILED;
        break;

    default:
        return;
    }

    ngx_http_caphealth_count_recent(outcome->counters, upload);
}


/* counts a request that nginx or the client has ended */

static void
ngx_http_caphealth_outcome_end(void *data)
{
    ngx_http_caphealth_outcome_t *outcome = data;

    ngx_uint_t                   status;
    ngx_http_request_t          *r;
    caphealth_outcome_e          result;

    r = outcome->request;
    status = r->err_status ? r->err_status : r->headers_out.status;

    switch (status) {

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        result = CAPHEALTH_OUTCOME_BODY_TOO_LARGE;
        break;

    case NGX_HTTP_BAD_REQUEST:

        /*
         * nginx has this status also for a client that closes the connection
         * before the body has ended
         */

        result = r->connection->error ? CAPHEALTH_OUTCOME_CLIENT_GONE
                                      : CAPHEALTH_OUTCOME_BAD_REQUEST;
        break;

    default:
        result = (status >= NGX_HTTP_INTERNAL_SERVER_ERROR)
                 ? CAPHEALTH_OUTCOME_INTERNAL
                 : CAPHEALTH_OUTCOME_CLIENT_GONE;
        break;
    }

    ngx_http_caphealth_outcome_count(r, result);
}


/*
 * The log, "map" and others use the cached value of a variable, which may be
 * "not found" if it was evaluated before the upload began.
 */

static void
ngx_http_caphealth_forget_variables(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].get_handler == ngx_http_caphealth_variable_id
            || v[i].get_handler == ngx_http_caphealth_variable_owner
            || v[i].get_handler == ngx_http_caphealth_variable_result
            || v[i].get_handler == ngx_http_caphealth_variable_seconds)
        {
            r->variables[i].valid = 0;
            r->variables[i].not_found = 0;
        }
    }
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
ngx_http_caphealth_variable_owner(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || outcome->owner.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_caphealth_variable_set(v, outcome->owner.data,
                                    outcome->owner.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char                    *name;
    const caphealth_outcome_t     *row;
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || !outcome->decided) {
        v->not_found = 1;
        return NGX_OK;
    }

    row = &caphealth_outcomes[outcome->result];
    name = outcome->deletion ? row->deletion : row->upload;

    ngx_http_caphealth_variable_set(v, (u_char *) name, ngx_strlen(name));

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_variable_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                        *p;
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
