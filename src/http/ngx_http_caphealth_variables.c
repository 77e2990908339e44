
/*
 * $caphealth_status, $caphealth_fleet_status, and those of a request to an
 * object store, $caphealth_s3_authorization and what goes with it.
 */

#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_worker.h"


/* of the header Authorization: its names, a scope, a signature, and a key id
   and a region, each of which may be as long as it can be */
#define NGX_HTTP_CAPHEALTH_S3_AUTHORIZATION                                   \
    (512 + CAPHEALTH_S3_KEY_ID + CAPHEALTH_S3_REGION)


typedef caphealth_status_e (*ngx_http_caphealth_judge_pt)(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_log_t *log);


static ngx_int_t ngx_http_caphealth_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static caphealth_status_e ngx_http_caphealth_overall_status(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_log_t *log);
static caphealth_status_e ngx_http_caphealth_fleet_status(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_log_t *log);
static ngx_int_t ngx_http_caphealth_variable_s3_authorization(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_s3_date(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_s3_host(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_s3_token(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_caphealth_variable_s3_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static caphealth_s3_store_t *ngx_http_caphealth_s3_store(
    ngx_http_request_t *r);
static size_t ngx_http_caphealth_s3_path(ngx_http_request_t *r,
    caphealth_s3_store_t *store, char path[CAPHEALTH_S3_PATH]);
static const char *ngx_http_caphealth_s3_method(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const char *text, size_t len);


ngx_http_variable_t  ngx_http_caphealth_variables[] = {

    { ngx_string("caphealth_status"), NULL,
      ngx_http_caphealth_variable_status,
      (uintptr_t) ngx_http_caphealth_overall_status,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_fleet_status"), NULL,
      ngx_http_caphealth_variable_status,
      (uintptr_t) ngx_http_caphealth_fleet_status,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_s3_authorization"), NULL,
      ngx_http_caphealth_variable_s3_authorization, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_s3_date"), NULL,
      ngx_http_caphealth_variable_s3_date, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_s3_host"), NULL,
      ngx_http_caphealth_variable_s3_host, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_s3_token"), NULL,
      ngx_http_caphealth_variable_s3_token, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("caphealth_s3_uri"), NULL,
      ngx_http_caphealth_variable_s3_uri, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_uint_t
ngx_http_caphealth_variables_used(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v, *ours;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        for (ours = ngx_http_caphealth_variables; ours->name.len; ours++) {
            if (ours->data && v[i].name.len == ours->name.len
                && ngx_strncasecmp(v[i].name.data, ours->name.data,
                                   ours->name.len)
                   == 0)
            {
                return 1;
            }
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
    ngx_http_caphealth_judge_pt      judge;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    if (cmcf->worker == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    judge = (ngx_http_caphealth_judge_pt) data;
    status = judge(cmcf, r->connection->log);
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


/* of the platform, as the nodes' report has it; "not_configured": no fleet */

static caphealth_status_e
ngx_http_caphealth_fleet_status(ngx_http_caphealth_main_conf_t *cmcf,
    ngx_log_t *log)
{
    ngx_http_caphealth_worker_ctx_t  *w;

    w = cmcf->worker;

    if (ngx_http_caphealth_worker_update(w, ngx_http_caphealth_now(), log)
        != NGX_OK)
    {
        return CAPHEALTH_UNKNOWN_STATUS;
    }

    return w->cache->platform;
}


/*
 * The request that nginx sends for this one, "GET /bucket/prefix/ab/cd/...".
 * Date and signature are of the same second: nginx makes all headers of a
 * request at once, and its clock stands still meanwhile.
 */

static ngx_int_t
ngx_http_caphealth_variable_s3_authorization(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char                     date[CAPHEALTH_S3_DATE];
    char                     host[CAPHEALTH_S3_HOST];
    char                     path[CAPHEALTH_S3_PATH];
    char                     text[NGX_HTTP_CAPHEALTH_S3_AUTHORIZATION];
    size_t                   len;
    caphealth_s3_pair_t      headers[4];
    caphealth_s3_store_t    *store;
    caphealth_s3_request_t   request;

    store = ngx_http_caphealth_s3_store(r);

    if (store == NULL || ngx_http_caphealth_s3_path(r, store, path) == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    caphealth_s3_date(ngx_time(), date);

    ngx_memzero(&request, sizeof(caphealth_s3_request_t));

    headers[0].name = "host";
    headers[0].value = caphealth_s3_store_host(store, host);
    headers[1].name = "x-amz-content-sha256";
    headers[1].value = CAPHEALTH_S3_UNSIGNED_PAYLOAD;
    headers[2].name = "x-amz-date";
    headers[2].value = date;
    headers[3].name = "x-amz-security-token";
    headers[3].value = store->credentials.session;

    request.method = ngx_http_caphealth_s3_method(r);
    request.path = path;
    request.headers = headers;
    request.nheaders = store->credentials.session[0] ? 4 : 3;
    request.payload = CAPHEALTH_S3_UNSIGNED_PAYLOAD;
    request.service = "s3";
    request.now = ngx_time();

    len = caphealth_s3_authorization(&store->credentials, &request, text,
                                     sizeof(text));
    if (len == 0) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "the signature of \"%s\" does not fit", path);
        return NGX_ERROR;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth s3 signed: %s \"%s\"", request.method, path);

    return ngx_http_caphealth_variable_text(r, v, text, len);
}


static ngx_int_t
ngx_http_caphealth_variable_s3_date(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char  date[CAPHEALTH_S3_DATE];

    if (ngx_http_caphealth_s3_store(r) == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    caphealth_s3_date(ngx_time(), date);

    return ngx_http_caphealth_variable_text(r, v, date, ngx_strlen(date));
}


static ngx_int_t
ngx_http_caphealth_variable_s3_host(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char                   host[CAPHEALTH_S3_HOST];
    caphealth_s3_store_t  *store;

    store = ngx_http_caphealth_s3_store(r);

    if (store == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    (void) caphealth_s3_store_host(store, host);

    return ngx_http_caphealth_variable_text(r, v, host, ngx_strlen(host));
}


static ngx_int_t
ngx_http_caphealth_variable_s3_token(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    caphealth_s3_store_t  *store;

    store = ngx_http_caphealth_s3_store(r);

    if (store == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_caphealth_variable_text(r, v, store->credentials.session,
                                   ngx_strlen(store->credentials.session));
}


static ngx_int_t
ngx_http_caphealth_variable_s3_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char                   path[CAPHEALTH_S3_PATH];
    size_t                 len;
    caphealth_s3_store_t  *store;

    store = ngx_http_caphealth_s3_store(r);
    len = store ? ngx_http_caphealth_s3_path(r, store, path) : 0;

    if (len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_caphealth_variable_text(r, v, path, len);
}


static caphealth_s3_store_t *
ngx_http_caphealth_s3_store(ngx_http_request_t *r)
{
    ngx_http_caphealth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    return lcf->upload.store ? &lcf->upload.store->s3 : NULL;
}


/*
 * The key is what the URI ends in, "ab/cd/<id>_<variant>.webp", whatever is
 * before it.  Nothing else is ever signed, as a listing of the bucket.
 */

static size_t
ngx_http_caphealth_s3_path(ngx_http_request_t *r, caphealth_s3_store_t *store,
    char path[CAPHEALTH_S3_PATH])
{
    size_t      len;
    u_char     *p;
    ngx_uint_t  slashes;

    slashes = 0;

    for (p = r->uri.data + r->uri.len; p > r->uri.data; p--) {
        if (p[-1] == '/' && ++slashes == 3) {
            break;
        }
    }

    len = r->uri.data + r->uri.len - p;

    if (!caphealth_path_valid((char *) p, len)) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "caphealth s3: \"%V\" is not of a variant", &r->uri);
        return 0;
    }

    return caphealth_s3_store_path(store, (char *) p, len, path);
}


/* a HEAD becomes a GET where the answer is to be cached */

static const char *
ngx_http_caphealth_s3_method(ngx_http_request_t *r)
{
    if (!(r->method & NGX_HTTP_HEAD)
        || (r->upstream && r->upstream->method.len == 3))
    {
        return "GET";
    }

    return "HEAD";
}


static ngx_int_t
ngx_http_caphealth_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const char *text, size_t len)
{
    v->data = ngx_pnalloc(r->pool, len);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(v->data, text, len);

    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
