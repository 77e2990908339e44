
/*
 * What a collector answers is checked here before anyone believes it.
 */

#ifndef _NGX_HTTP_CAPHEALTH_REPLY_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_REPLY_H_INCLUDED_


#include "caphealth_reply.h"
#include "ngx_http_caphealth_collector.h"
#include "ngx_http_caphealth_zone.h"


typedef struct {
    ngx_http_caphealth_facts_t   facts;      /* points into the reply */
    caphealth_reply_t            reply;
} ngx_http_caphealth_reply_t;


/*
 * Reads the document in the memfd fd, which stays the caller's.  NGX_OK: reply
 * holds it, to be released with ngx_http_caphealth_reply_free().  NGX_ERROR:
 * it is not what a collector of this version sends; the log says why.
 */
ngx_int_t ngx_http_caphealth_reply_read(ngx_http_caphealth_reply_t *reply,
    ngx_http_caphealth_source_t *source, int fd, ngx_log_t *log);

void ngx_http_caphealth_reply_free(ngx_http_caphealth_reply_t *reply);


#endif /* _NGX_HTTP_CAPHEALTH_REPLY_H_INCLUDED_ */
