
/*
 * Tokens of one use that have been used, in the zone, until they expire.
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
} ngx_http_caphealth_use_t;


typedef struct {
    ngx_uint_t                n; /* the last one in use, plus one */
    ngx_http_caphealth_use_t  uses[NGX_HTTP_CAPHEALTH_USES];
} ngx_http_caphealth_uses_t;


/*
 * Notes a use, which is known by those bytes.  NGX_DECLINED: it has been noted
 * before.  NGX_ERROR: there are as many as can be kept, or the zone is full.
 */
ngx_int_t ngx_http_caphealth_use(ngx_shm_zone_t *zone, u_char *use,
    int64_t expires);

/* Forgets it: nothing came of it. */
void ngx_http_caphealth_unuse(ngx_shm_zone_t *zone, u_char *use);


#endif /* _NGX_HTTP_CAPHEALTH_USES_H_INCLUDED_ */
