
/*
 * What is noted of a request that brings or removes images: for the counters,
 * and for the variables that tell of it, in the log for instance.
 */

#ifndef _NGX_HTTP_CAPHEALTH_UPLOAD_OUTCOME_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_UPLOAD_OUTCOME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_caphealth_counters.h"


typedef struct {
    ngx_http_request_t               *request;
    ngx_http_caphealth_counters_t    *counters;
    ngx_str_t                         ids;       /* separated by commas */
    caphealth_outcome_e               result;
    ngx_msec_t                        started;
    ngx_msec_t                        elapsed;   /* if it is counted */
    unsigned                          deletion:1;
    unsigned                          timed:1;   /* it has started */
    unsigned                          decided:1; /* the client is told so */
    unsigned                          counted:1;
} ngx_http_caphealth_outcome_t;


/*
 * If the request brings or removes images, it will be counted, once, whatever
 * becomes of it.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_caphealth_outcome_create(ngx_http_request_t *r);

/*
 * The outcome of a request, of its main request's, even after an internal
 * redirect; NULL: it has none.
 */
ngx_http_caphealth_outcome_t *ngx_http_caphealth_outcome(
    ngx_http_request_t *r);

/* All of it is there: from now on it is our time. */
void ngx_http_caphealth_outcome_start(ngx_http_request_t *r);

/* Which images it is about: n ids, each stride bytes behind the last. */
ngx_int_t ngx_http_caphealth_outcome_ids(ngx_http_request_t *r, char *id,
    size_t stride, ngx_uint_t n);

/*
 * What the client is about to be told, for the variables; and that this is
 * what has become of it.  The first that is counted stays.
 */
void ngx_http_caphealth_outcome_decide(ngx_http_request_t *r,
    caphealth_outcome_e result);
void ngx_http_caphealth_outcome_count(ngx_http_request_t *r,
    caphealth_outcome_e result);

extern ngx_http_variable_t  ngx_http_caphealth_upload_variables[];


#endif /* _NGX_HTTP_CAPHEALTH_UPLOAD_OUTCOME_H_INCLUDED_ */
