
/*
 * What all endpoints do with a request: who may ask, what the client's headers
 * say, and how an answer is sent.
 */

#ifndef _NGX_HTTP_CAPHEALTH_ANSWER_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_HTTP_CAPHEALTH_URN  "urn:caphealth:problem:"


typedef struct {
    ngx_uint_t    status;
    ngx_str_t     type;              /* stable, see docs/http-api.md */
    ngx_str_t     title;
    ngx_str_t     detail;            /* what to do about it */
    ngx_str_t     allow;             /* for 405 */
} ngx_http_caphealth_problem_t;


/*
 * What every read-only endpoint checks first: whether this client may ask, and
 * with this method.  NGX_DECLINED: it may.  Anything else is the handler's
 * result.
 */
ngx_int_t ngx_http_caphealth_check_request(ngx_http_request_t *r);

/* The same, for any method. */
ngx_int_t ngx_http_caphealth_check_access(ngx_http_request_t *r);

/* Whether "caphealth_access" of the request's location lets this client in. */
ngx_uint_t ngx_http_caphealth_access_allowed(ngx_http_request_t *r);

/* The first header of that name, in lower case; NULL: there is none. */
ngx_table_elt_t *ngx_http_caphealth_header(ngx_http_request_t *r,
    ngx_str_t *name);

/*
 * The headers of that name, joined by commas as RFC 9110 has it; of length 0:
 * there is none.  A copy is made only of several.
 */
ngx_int_t ngx_http_caphealth_header_list(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *list);

/*
 * As ngx_http_discard_request_body(), for a body that no answer depends on: a
 * client that waits for 100 Continue gets the answer instead.
 */
ngx_int_t ngx_http_caphealth_discard_body(ngx_http_request_t *r);

/* key and value must live as long as the request. */
ngx_table_elt_t *ngx_http_caphealth_add_header(ngx_http_request_t *r,
    ngx_str_t *key, ngx_str_t *value);

/* ETag; value must live as long as the request. */
ngx_int_t ngx_http_caphealth_add_etag(ngx_http_request_t *r,
    ngx_str_t *value);

/* Cache-Control: private, no-cache; or value, which outlives the request. */
ngx_int_t ngx_http_caphealth_add_no_cache(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_add_cache_control(ngx_http_request_t *r,
    ngx_str_t *value);

/* Sends application/problem+json, RFC 9457. */
ngx_int_t ngx_http_caphealth_send_problem(ngx_http_request_t *r,
    ngx_http_caphealth_problem_t *problem);

/* Sends a header and len bytes of memory that outlives the request. */
ngx_int_t ngx_http_caphealth_send(ngx_http_request_t *r, ngx_str_t *type,
    u_char *data, size_t len);


#endif /* _NGX_HTTP_CAPHEALTH_ANSWER_H_INCLUDED_ */
