
/*
 * The body of a request becomes the upload's own, for it must outlive the
 * request.
 */

#include "ngx_http_caphealth_upload.h"


static ngx_int_t ngx_http_caphealth_upload_copy(
    ngx_http_caphealth_upload_t *u, ngx_chain_t *cl);


ngx_int_t
ngx_http_caphealth_upload_body(ngx_http_caphealth_upload_t *u,
    ngx_http_request_body_t *rb)
{
    ngx_uint_t        n;
    ngx_file_info_t   fi;

    n = u->main_conf->images.max_files;

    u->parts = ngx_palloc(u->pool, n * sizeof(caphealth_part_t));
    u->images = ngx_pcalloc(u->pool, n * sizeof(ngx_http_caphealth_image_t));

    u->fields = ngx_palloc(u->pool, NGX_HTTP_CAPHEALTH_FIELDS
                                    * sizeof(caphealth_field_t));

    if (u->parts == NULL || u->images == NULL || u->fields == NULL) {
        return NGX_ERROR;
    }

    if (rb == NULL || rb->temp_file == NULL) {
        return ngx_http_caphealth_upload_copy(u, rb ? rb->bufs : NULL);
    }

    u->body = fcntl(rb->temp_file->file.fd, F_DUPFD_CLOEXEC, 0);

    if (u->body == NGX_INVALID_FILE || ngx_fd_info(u->body, &fi) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "fcntl(F_DUPFD_CLOEXEC) of a body failed");
        return NGX_ERROR;
    }

    u->size = (uint64_t) ngx_file_size(&fi);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_upload_copy(ngx_http_caphealth_upload_t *u,
    ngx_chain_t *cl)
{
    ssize_t  n;
    u_char  *p;

    u->body = memfd_create("caphealth-body", MFD_CLOEXEC);

    if (u->body == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "memfd_create() failed");
        return NGX_ERROR;
    }

    for ( /* void */ ; cl; cl = cl->next) {
        for (p = cl->buf->pos; p < cl->buf->last; p += n) {

            n = ngx_write_fd(u->body, p, cl->buf->last - p);

            if (n == -1) {
                ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                              "write() to a memfd failed");
                return NGX_ERROR;
            }

            u->size += (uint64_t) n;
        }
    }

    return NGX_OK;
}
