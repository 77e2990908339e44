
/*
 * What a collector answers is checked here before anyone believes it.
 */

#include "ngx_http_caphealth_reply.h"

#include <math.h>
#include <sys/mman.h>

#include <jansson.h>

#include "caphealth_facts.h"
#include "caphealth_ipc.h"


#define NGX_HTTP_CAPHEALTH_REASON_LEN  256


static ngx_int_t ngx_http_caphealth_reply_parse(
    ngx_http_caphealth_reply_t *reply, json_t *document, char *reason);
static ngx_int_t ngx_http_caphealth_reply_data(
    ngx_http_caphealth_reply_t *reply, ngx_http_caphealth_source_t *source,
    char *reason);


ngx_int_t
ngx_http_caphealth_reply_read(ngx_http_caphealth_reply_t *reply,
    ngx_http_caphealth_source_t *source, int fd, ngx_log_t *log)
{
    char        *text, reason[NGX_HTTP_CAPHEALTH_REASON_LEN];
    size_t       size;
    json_t      *document;
    ngx_int_t    rc;

    ngx_memzero(reply, sizeof(ngx_http_caphealth_reply_t));

    text = caphealth_ipc_map(fd, &size);

    if (text == NULL) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "facts of %V from %s cannot be read",
                      &source->name, NGX_HTTP_CAPHEALTH_COLLECTOR);
        return NGX_ERROR;
    }

    document = json_loadb(text, size, 0, NULL);

    (void) munmap(text, size);

    rc = ngx_http_caphealth_reply_parse(reply, document, reason);

    json_decref(document);

    if (rc == NGX_OK) {
        rc = ngx_http_caphealth_reply_data(reply, source, reason);
    }

    if (rc != NGX_OK) {
        ngx_http_caphealth_reply_free(reply);

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "invalid facts of %V from %s: %s",
                      &source->name, NGX_HTTP_CAPHEALTH_COLLECTOR, reason);
    }

    return rc;
}


static ngx_int_t
ngx_http_caphealth_reply_parse(ngx_http_caphealth_reply_t *reply,
    json_t *document, char *reason)
{
    json_t       *at, *took, *error, *data;
    const char   *s;

    at = json_object_get(document, "collected_at");
    took = json_object_get(document, "duration");
    error = json_object_get(document, "error");
    data = json_object_get(document, "data");

    if (!json_is_number(at)
        || !json_is_number(took)
        || (!json_is_string(error) && !json_is_null(error))
        || (!json_is_object(data) && !json_is_null(data))
        || (json_is_null(data) && json_is_null(error)))
    {
        (void) ngx_snprintf((u_char *) reason, NGX_HTTP_CAPHEALTH_REASON_LEN,
                            "unexpected members%Z");
        return NGX_ERROR;
    }

    reply->facts.attempted_at = json_number_value(at);
    reply->facts.seconds = json_number_value(took);
    reply->facts.failed = json_is_null(data);

    s = json_string_value(error);

    if (s) {
        reply->error = strdup(s);
        if (reply->error == NULL) {
            goto no_memory;
        }

        reply->facts.error.data = (u_char *) reply->error;
        reply->facts.error.len = ngx_strlen(reply->error);
    }

    if (json_is_null(data)) {
        return NGX_OK;
    }

    reply->data = json_dumps(data, JSON_COMPACT);
    if (reply->data == NULL) {
        goto no_memory;
    }

    reply->facts.collected_at = reply->facts.attempted_at;
    reply->facts.data.data = (u_char *) reply->data;
    reply->facts.data.len = ngx_strlen(reply->data);

    return NGX_OK;

no_memory:

    (void) ngx_snprintf((u_char *) reason, NGX_HTTP_CAPHEALTH_REASON_LEN,
                        "no memory%Z");

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_caphealth_reply_data(ngx_http_caphealth_reply_t *reply,
    ngx_http_caphealth_source_t *source, char *reason)
{
    int                    rc;
    size_t                 len;
    caphealth_disk_t       disk;
    caphealth_system_t     system;
    caphealth_database_t   database;

    len = reply->facts.data.len;

    if (len == 0) {
        return NGX_OK;
    }

    switch (source->type) {

    case NGX_HTTP_CAPHEALTH_SYSTEM:
        rc = caphealth_system_parse(&system, reply->data, len, reason,
                                    NGX_HTTP_CAPHEALTH_REASON_LEN);
        reply->partial = isnan(system.cpu_percent) ? 1 : 0;
        caphealth_system_free(&system);
        break;

    case NGX_HTTP_CAPHEALTH_DISK:
        rc = caphealth_disk_parse(&disk, reply->data, len, reason,
                                  NGX_HTTP_CAPHEALTH_REASON_LEN);
        caphealth_disk_free(&disk);
        break;

    default: /* NGX_HTTP_CAPHEALTH_DATABASE */
        rc = caphealth_database_parse(&database, reply->data, len, reason,
                                      NGX_HTTP_CAPHEALTH_REASON_LEN);
        caphealth_database_free(&database);
        break;
    }

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


void
ngx_http_caphealth_reply_free(ngx_http_caphealth_reply_t *reply)
{
    free(reply->data);
    free(reply->error);

    ngx_memzero(reply, sizeof(ngx_http_caphealth_reply_t));
}
