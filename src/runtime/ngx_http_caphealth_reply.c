
/*
 * What a collector answers is checked here before anyone believes it.
 */

#include "ngx_http_caphealth_reply.h"

#include <sys/mman.h>

#include "caphealth_ipc.h"


#define NGX_HTTP_CAPHEALTH_REASON_LEN  256


static caphealth_reply_e ngx_http_caphealth_reply_of(
    ngx_http_caphealth_source_t *source);


ngx_int_t
ngx_http_caphealth_reply_read(ngx_http_caphealth_reply_t *reply,
    ngx_http_caphealth_source_t *source, int fd, ngx_log_t *log)
{
    int                           rc;
    char                         *text, reason[NGX_HTTP_CAPHEALTH_REASON_LEN];
    size_t                        size;
    ngx_http_caphealth_facts_t   *facts;

    ngx_memzero(reply, sizeof(ngx_http_caphealth_reply_t));

    text = caphealth_ipc_map(fd, &size);

    if (text == NULL) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "facts of %V from %s cannot be read",
                      &source->name, NGX_HTTP_CAPHEALTH_COLLECTOR);
        return NGX_ERROR;
    }

    rc = caphealth_reply_parse(&reply->reply,
                               ngx_http_caphealth_reply_of(source),
                               text, size, reason, sizeof(reason));

    (void) munmap(text, size);

    if (rc == -1) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "invalid facts of %V from %s: %s",
                      &source->name, NGX_HTTP_CAPHEALTH_COLLECTOR, reason);
        return NGX_ERROR;
    }

    facts = &reply->facts;

    facts->attempted_at = reply->reply.collected_at;
    facts->seconds = reply->reply.duration;
    facts->failed = (reply->reply.data == NULL);

    if (reply->reply.error) {
        facts->error.data = (u_char *) reply->reply.error;
        facts->error.len = ngx_strlen(facts->error.data);
        facts->code = reply->reply.code;
    }

    if (reply->reply.data) {
        facts->collected_at = reply->reply.collected_at;
        facts->data.data = (u_char *) reply->reply.data;
        facts->data.len = ngx_strlen(facts->data.data);
    }

    return NGX_OK;
}


static caphealth_reply_e
ngx_http_caphealth_reply_of(ngx_http_caphealth_source_t *source)
{
    switch (source->type) {

    case CAPHEALTH_SOURCE_SYSTEM:
        return CAPHEALTH_REPLY_SYSTEM;

    case CAPHEALTH_SOURCE_DISK:
        return CAPHEALTH_REPLY_DISK;

    default: /* CAPHEALTH_SOURCE_DATABASE */
        return CAPHEALTH_REPLY_DATABASE;
    }
}


void
ngx_http_caphealth_reply_free(ngx_http_caphealth_reply_t *reply)
{
    caphealth_reply_free(&reply->reply);

    ngx_memzero(reply, sizeof(ngx_http_caphealth_reply_t));
}
