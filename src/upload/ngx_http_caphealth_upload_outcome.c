
/*
 * What is noted of a request that brings or removes images.
 */

#include "ngx_http_caphealth_upload_outcome.h"


static void ngx_http_caphealth_outcome_end(void *data);
static void ngx_http_caphealth_outcome_mark(void *data);
static ngx_int_t ngx_http_caphealth_outcome_tally(ngx_pool_t *pool,
    ngx_atomic_t *counters, ngx_uint_t deletes,
    const caphealth_tally_t **tallies, size_t *n);
static void ngx_http_caphealth_outcome_recent(
    ngx_http_caphealth_outcome_t *outcome,
    ngx_http_caphealth_fault_e result);
static ngx_uint_t ngx_http_caphealth_outcome_may(ngx_uint_t deletes,
    ngx_uint_t result);


/* results that are no faults of the upload's own */

static ngx_str_t  ngx_http_caphealth_outcome_names[] = {
    ngx_string("not-local"),
    ngx_string("no-such-image"),
    ngx_string("body-too-large"),
    ngx_string("bad-request"),
    ngx_string("client-closed-request"),
    ngx_string("internal-error")
};


ngx_int_t
ngx_http_caphealth_outcome_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t              *mark;
    ngx_http_cleanup_t              *cln;
    ngx_http_caphealth_outcome_t       *outcome;
    ngx_http_caphealth_loc_conf_t   *conf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    if (!(r->method & NGX_HTTP_POST)
        && !(r->method & NGX_HTTP_DELETE && conf->image_delete))
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
    outcome->deletes = (r->method & NGX_HTTP_DELETE) ? 1 : 0;

    /* the request's context does not outlive an internal redirect */

    mark->handler = ngx_http_caphealth_outcome_mark;

    /* before the log is written */

    cln->handler = ngx_http_caphealth_outcome_end;
    cln->data = outcome;

    if (!ngx_http_caphealth_allowed(r)) {
        ngx_http_caphealth_outcome_count(r, NGX_HTTP_CAPHEALTH_NOT_LOCAL);
    }

    return NGX_OK;
}


ngx_http_caphealth_outcome_t *
ngx_http_caphealth_outcome(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_caphealth_outcome_mark) {
            return cln->data;
        }
    }

    return NULL;
}


/* to be found by */

static void
ngx_http_caphealth_outcome_mark(void *data)
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
    u_char                     *p;
    ngx_uint_t                  i;
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


void
ngx_http_caphealth_outcome_decide(ngx_http_request_t *r,
    ngx_http_caphealth_fault_e result)
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
    ngx_http_caphealth_fault_e result)
{
    ngx_http_caphealth_outcome_t  *outcome;

    outcome = ngx_http_caphealth_outcome(r);

    if (outcome == NULL || outcome->counted) {
        return;
    }

    ngx_http_caphealth_outcome_decide(r, result);

    /* nobody gets to know the ids of what was not stored */

    if (result != NGX_HTTP_CAPHEALTH_FINE && !outcome->deletes) {
        ngx_str_null(&outcome->ids);
    }

    outcome->counted = 1;

    ngx_http_caphealth_count(outcome->deletes
                             ? &outcome->counters->deletes[result]
                             : &outcome->counters->posts[result], 1);

    if (!outcome->deletes) {
        ngx_http_caphealth_outcome_recent(outcome, result);
    }
}


/* what is the client's fault, or its wish, says nothing of us */

static void
ngx_http_caphealth_outcome_recent(ngx_http_caphealth_outcome_t *outcome,
    ngx_http_caphealth_fault_e result)
{
    ngx_uint_t                   status;
    ngx_http_caphealth_upload_e  upload;

    if (result == NGX_HTTP_CAPHEALTH_FINE) {
        ngx_http_caphealth_count_recent(outcome->counters,
                                        NGX_HTTP_CAPHEALTH_UPLOAD_STORED);
        return;
    }

    status = (result == NGX_HTTP_CAPHEALTH_INTERNAL)
             ? NGX_HTTP_INTERNAL_SERVER_ERROR
             : (result < NGX_HTTP_CAPHEALTH_FAULTS)
             ? ngx_http_caphealth_fault_status(result) : 0;

    switch (status) {

    case NGX_HTTP_INSUFFICIENT_STORAGE:
        upload = NGX_HTTP_CAPHEALTH_UPLOAD_FULL;
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        upload = NGX_HTTP_CAPHEALTH_UPLOAD_BUSY;
        break;

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        upload = NGX_HTTP_CAPHEALTH_UPLOAD_FAILED;
        break;

    default:
        return;
    }

    ngx_http_caphealth_count_recent(outcome->counters, upload);
}


/* whatever was not counted yet: nginx ended it, or the client did */

static void
ngx_http_caphealth_outcome_end(void *data)
{
    ngx_http_caphealth_outcome_t *outcome = data;

    ngx_uint_t                   status;
    ngx_http_request_t          *r;
    ngx_http_caphealth_fault_e   result;

    r = outcome->request;
    status = r->err_status ? r->err_status : r->headers_out.status;

    switch (status) {

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        result = NGX_HTTP_CAPHEALTH_BODY_TOO_LARGE;
        break;

    case NGX_HTTP_BAD_REQUEST:

        /* so nginx calls a body that ends too early, as well */

        result = r->connection->error ? NGX_HTTP_CAPHEALTH_CLIENT_GONE
                                      : NGX_HTTP_CAPHEALTH_BAD_REQUEST;
        break;

    default:
        result = (status >= NGX_HTTP_INTERNAL_SERVER_ERROR)
                 ? NGX_HTTP_CAPHEALTH_INTERNAL
                 : NGX_HTTP_CAPHEALTH_CLIENT_GONE;
        break;
    }

    ngx_http_caphealth_outcome_count(r, result);
}


void
ngx_http_caphealth_outcome_name(ngx_str_t *name, ngx_uint_t deletes,
    ngx_http_caphealth_fault_e result)
{
    if (result == NGX_HTTP_CAPHEALTH_FINE) {
        if (deletes) {
            ngx_str_set(name, "deleted");

        } else {
            ngx_str_set(name, "stored");
        }

    } else if (result >= NGX_HTTP_CAPHEALTH_FAULTS) {
        *name = ngx_http_caphealth_outcome_names[result
                                              - NGX_HTTP_CAPHEALTH_FAULTS];

    } else {
        ngx_http_caphealth_fault_name(name, result);
    }
}


ngx_int_t
ngx_http_caphealth_outcome_tallies(ngx_pool_t *pool,
    ngx_http_caphealth_counters_t *counters, caphealth_uploads_t *uploads)
{
    if (ngx_http_caphealth_outcome_tally(pool, counters->posts, 0,
                                      &uploads->posts, &uploads->nposts)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_caphealth_outcome_tally(pool, counters->deletes, 1,
                                         &uploads->deletes,
                                         &uploads->ndeletes);
}


static ngx_int_t
ngx_http_caphealth_outcome_tally(ngx_pool_t *pool, ngx_atomic_t *counters,
    ngx_uint_t deletes, const caphealth_tally_t **tallies, size_t *n)
{
    ngx_str_t           name;
    ngx_uint_t          i;
    caphealth_tally_t  *t;

    t = ngx_palloc(pool, NGX_HTTP_CAPHEALTH_RESULTS
                         * sizeof(caphealth_tally_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    *tallies = t;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_RESULTS; i++) {

        if (!ngx_http_caphealth_outcome_may(deletes, i)) {
            continue;
        }

        ngx_http_caphealth_outcome_name(&name, deletes, i);

        /* the names are constants, and end with a NUL */

        t->name = (char *) name.data;
        t->n = (double) counters[i];
        t++;
    }

    *n = t - *tallies;

    return NGX_OK;
}


/* whether such a request can end so */

static ngx_uint_t
ngx_http_caphealth_outcome_may(ngx_uint_t deletes, ngx_uint_t result)
{
    switch (result) {

    case NGX_HTTP_CAPHEALTH_FINE:
    case NGX_HTTP_CAPHEALTH_CROSS_SITE:
    case NGX_HTTP_CAPHEALTH_STORAGE_FAILED:
    case NGX_HTTP_CAPHEALTH_NO_THREAD:
    case NGX_HTTP_CAPHEALTH_NOT_LOCAL:
    case NGX_HTTP_CAPHEALTH_BODY_TOO_LARGE:
    case NGX_HTTP_CAPHEALTH_BAD_REQUEST:
    case NGX_HTTP_CAPHEALTH_CLIENT_GONE:
    case NGX_HTTP_CAPHEALTH_INTERNAL:
        return 1;

    case NGX_HTTP_CAPHEALTH_NO_SUCH_IMAGE:
        return deletes;

    default:
        return !deletes;
    }
}
