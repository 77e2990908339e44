
/*
 * Tokens of one use that have been used, in the zone, until they expire.
 *
 * A use is bound to a request, by its path and its Idempotency-Key: the same
 * request may come again while the first is under way, or after the worker that
 * had it was killed, and each of them holds the use until it has ended.  The
 * use is final when one of them has stored something; when all have ended and
 * none has, it is removed.
 */

#ifndef _NGX_HTTP_CAPHEALTH_USES_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_USES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* tokens that are kept in mind at a time */
#define NGX_HTTP_CAPHEALTH_USES     2048

#define NGX_HTTP_CAPHEALTH_USE_LEN  16


typedef struct {
    int64_t     expires;         /* seconds since the epoch */
    u_char      use[NGX_HTTP_CAPHEALTH_USE_LEN];
    u_char      of[NGX_HTTP_CAPHEALTH_USE_LEN];
    uint32_t    holders;         /* requests under way */
    uint32_t    over;            /* something was stored */
} ngx_http_caphealth_use_t;


typedef struct {
    ngx_uint_t                n; /* the last one in use, plus one */
    ngx_http_caphealth_use_t  uses[NGX_HTTP_CAPHEALTH_USES];
} ngx_http_caphealth_uses_t;


/*
 * Holds a use, which is known by those bytes, for a request, which is known by
 * others; NULL: by one that cannot be repeated.  NGX_DECLINED: another request
 * holds it, or has.  NGX_BUSY: there are as many as can be kept.  NGX_ERROR:
 * the zone is full.
 */
ngx_int_t ngx_http_caphealth_use(ngx_shm_zone_t *zone, u_char *use,
    u_char *of, int64_t expires);

/* Whether something was stored with it, so that nothing else may be. */
ngx_uint_t ngx_http_caphealth_use_is_over(ngx_shm_zone_t *zone, u_char *use);

/* A request that holds it has ended, and has stored something, or nothing. */
void ngx_http_caphealth_unuse(ngx_shm_zone_t *zone, u_char *use,
    ngx_uint_t stored);


#endif /* _NGX_HTTP_CAPHEALTH_USES_H_INCLUDED_ */
