
/*
 * What a request that stores or deletes images came to: for the counters, and
 * for the variables, with which it can be logged.
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
    ngx_str_t                         owner;     /* "": none */
    caphealth_outcome_e               result;
    ngx_msec_t                        started;
    ngx_msec_t                        elapsed;   /* if it is counted */
    unsigned                          deletion:1;
    unsigned                          timed:1;   /* _start() was called */
    unsigned                          decided:1; /* the result is set */
    unsigned                          counted:1;
} ngx_http_caphealth_outcome_t;


/*
 * A request that stores or deletes images is counted from here on, once,
 * however it ends.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_caphealth_outcome_create(ngx_http_request_t *r);

/*
 * The outcome of the request, or of its main request, even after an internal
 * redirect.  NULL: it has none.
 */
ngx_http_caphealth_outcome_t *ngx_http_caphealth_outcome(
    ngx_http_request_t *r);

/* The request has been read: $caphealth_image_seconds begins. */
void ngx_http_caphealth_outcome_start(ngx_http_request_t *r);

/* Its n images: their ids, each stride bytes behind the last. */
ngx_int_t ngx_http_caphealth_outcome_ids(ngx_http_request_t *r, char *id,
    size_t stride, ngx_uint_t n);

/* Whose images they are; "": nobody's. */
ngx_int_t ngx_http_caphealth_outcome_owner(ngx_http_request_t *r,
    const char *owner);

/*
 * Sets the result for the variables; _count() also counts it, after which it
 * does not change any more.
 */
void ngx_http_caphealth_outcome_decide(ngx_http_request_t *r,
    caphealth_outcome_e result);
void ngx_http_caphealth_outcome_count(ngx_http_request_t *r,
    caphealth_outcome_e result);

extern ngx_http_variable_t  ngx_http_caphealth_upload_variables[];


#endif /* _NGX_HTTP_CAPHEALTH_UPLOAD_OUTCOME_H_INCLUDED_ */
