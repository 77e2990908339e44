
/*
 * The answers to the client of an upload, or of a deletion.
 */

#include "ngx_http_caphealth_answer.h"
#include "caphealth_image_hints.h"
#include "caphealth_output.h"
#include "ngx_http_caphealth_upload.h"
#include "ngx_http_caphealth_upload_outcome.h"

#include <jansson.h>


typedef struct {
    ngx_str_t     title;
    ngx_str_t     detail;       /* used where there is none more exact */
} ngx_http_caphealth_refusal_t;


static u_char *ngx_http_caphealth_upload_which_file(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image,
    u_char *p, u_char *last);
static size_t ngx_http_caphealth_upload_utf8_len(u_char *name);
static ngx_uint_t ngx_http_caphealth_storage_full(ngx_err_t err);
static ngx_int_t ngx_http_caphealth_upload_problem_type(ngx_pool_t *pool,
    ngx_str_t *type, caphealth_outcome_e outcome);
static ngx_int_t ngx_http_caphealth_upload_retry_after(ngx_http_request_t *r,
    caphealth_outcome_e outcome);
static ngx_int_t ngx_http_caphealth_upload_authenticate(ngx_http_request_t *r,
    caphealth_outcome_e outcome);
static json_t *ngx_http_caphealth_upload_variants(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static ngx_int_t ngx_http_caphealth_upload_add_location(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u, json_t *images);
static u_char *ngx_http_caphealth_upload_url(ngx_pool_t *pool,
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image,
    unsigned variant, size_t *len);


static ngx_http_caphealth_refusal_t
    ngx_http_caphealth_refusals[CAPHEALTH_OUTCOMES] =
{
    [CAPHEALTH_OUTCOME_MALFORMED] = {
        ngx_string("Malformed multipart/form-data"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_CROSS_SITE] = {
        ngx_string("Cross-site request"),
        ngx_string("The browser says that a page of another site made it "
                   "ask. Serve the page from the site that uploads, or "
                   "upload from your server.")
    },

    [CAPHEALTH_OUTCOME_NO_IMAGE] = {
        ngx_string("No image in the request"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_TOO_MANY] = {
        ngx_string("Too many files"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_TOO_LARGE] = {
        ngx_string("File too large"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_UNSUPPORTED] = {
        ngx_string("Not an accepted image"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_UNDECODABLE] = {
        ngx_string("The image cannot be converted"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_TIMEOUT] = {
        ngx_string("The image took too long"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_QUEUE_FULL] = {
        ngx_string("Too many uploads at once"),
        ngx_string("As many images as may are waiting to be converted. Try "
                   "again after the seconds in Retry-After.")
    },

    [CAPHEALTH_OUTCOME_NO_CONVERTER] = {
        ngx_string("Images cannot be converted now"),
        ngx_string("The program that converts images does not work; the "
                   "server's error log says why. Nothing is wrong with the "
                   "image: try again later.")
    },

    [CAPHEALTH_OUTCOME_STORAGE_FAILED] = {
        ngx_string("Image storage failed"),
        ngx_string("The image tree cannot be written; the server's error log "
                   "says why. Nothing was stored.")
    },

    [CAPHEALTH_OUTCOME_STORAGE_FULL] = {
        ngx_string("Image storage is full"),
        ngx_string("There is no room for the image. Nothing was stored; "
                   "uploads work again as soon as there is.")
    },

    [CAPHEALTH_OUTCOME_STORE_AWAY] = {
        ngx_string("The object store is away"),
        ngx_string("The object store that images are kept in does not answer; "
                   "the server's error log says more. Nothing is wrong with "
                   "the request: try again after the seconds in "
                   "Retry-After.")
    },

    [CAPHEALTH_OUTCOME_NO_THREAD] = {
        ngx_string("The server is busy"),
        ngx_string("No thread is free to work with files. Nothing has "
                   "changed: try again after the seconds in Retry-After.")
    },

    [CAPHEALTH_OUTCOME_NO_TOKEN] = {
        ngx_string("A token is needed"),
        ngx_string("The request has no token. Ask the shop for one, and send "
                   "it as \"Authorization: Bearer\" and the token.")
    },

    [CAPHEALTH_OUTCOME_BAD_TOKEN] = {
        ngx_string("The token is not valid"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_NOT_PERMITTED] = {
        ngx_string("Not permitted"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_QUOTA] = {
        ngx_string("The owner's quota is used up"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_NO_SUCH_IMAGE] = {
        ngx_string("No such image"),
        ngx_string("There is no image of this id. The last part of the path "
                   "must be the \"id\" that the upload was answered with, 32 "
                   "hexadecimal digits.")
    },

    [CAPHEALTH_OUTCOME_INVALID_FIELD] = {
        ngx_string("A field cannot be taken"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_INVALID_KEY] = {
        ngx_string("The Idempotency-Key cannot be taken"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_KEY_REUSED] = {
        ngx_string("The Idempotency-Key is used already"),
        ngx_null_string
    },

    [CAPHEALTH_OUTCOME_KEY_IN_USE] = {
        ngx_string("The same upload is under way"),
        ngx_string("The same upload has not ended yet. Try again after the "
                   "seconds in Retry-After: the answer will be what it was "
                   "told.")
    },

    [CAPHEALTH_OUTCOME_IMAGE_SHARED] = {
        ngx_string("The image may be in use elsewhere"),
        ngx_string("An image is stored once here, however often it was "
                   "uploaded, so other products may show it. To remove it all "
                   "the same, add \"?force=1\".")
    }
};


static ngx_str_t  ngx_http_caphealth_json_type =
    ngx_string("application/json");


void
ngx_http_caphealth_upload_refuse(ngx_http_caphealth_upload_t *u,
    caphealth_outcome_e outcome, ngx_http_caphealth_image_t *image,
    const char *fmt, ...)
{
    u_char   *p, *last;
    va_list   args;

    u->outcome = outcome;

    p = u->detail;
    last = u->detail + sizeof(u->detail) - 1;

    if (image) {
        p = ngx_http_caphealth_upload_which_file(u, image, p, last);
    }

    va_start(args, fmt);
    p = ngx_vslprintf(p, last, fmt, args);
    va_end(args);

    *p = '\0';
}


/* names the file, if the request is a form */

static u_char *
ngx_http_caphealth_upload_which_file(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, u_char *p, u_char *last)
{
    size_t   len;
    u_char  *name;

    if (u->boundary[0] == '\0') {
        return p;
    }

    name = (u_char *) image->part.filename;
    len = ngx_http_caphealth_upload_utf8_len(name);

    p = ngx_slprintf(p, last, "File %i of %ui", image - u->images + 1,
                     u->nimages);
    if (len) {
        p = ngx_slprintf(p, last, ", \"%*s\"", len, name);
    }

    return ngx_slprintf(p, last, ": ");
}


/*
 * the length of the valid UTF-8 at its beginning: a long name was cut, perhaps
 * inside a character
 */

static size_t
ngx_http_caphealth_upload_utf8_len(u_char *name)
{
    u_char  *p, *q, *last;

    last = name + ngx_strlen(name);

    for (p = name; p < last; p = q) {
        q = p + 1;

        if (*p < 0x80) {
            continue;
        }

        q = p;

        if (ngx_utf8_decode(&q, last - p) > 0x10ffff) {
            break;
        }
    }

    return p - name;
}


void
ngx_http_caphealth_upload_call_failed(ngx_http_caphealth_upload_t *u,
    ngx_err_t err, const char *call)
{
    u->err = err;
    u->failed_call = call;
    u->detail[0] = '\0';
    u->outcome = ngx_http_caphealth_storage_full(err)
               ? CAPHEALTH_OUTCOME_STORAGE_FULL
               : CAPHEALTH_OUTCOME_STORAGE_FAILED;
}


void
ngx_http_caphealth_upload_source_failed(ngx_http_caphealth_upload_t *u,
    ngx_err_t err, const char *call)
{
    u->failed_source = &u->conf->tree->source->path;

    ngx_http_caphealth_upload_call_failed(u, err, call);
}


void
ngx_http_caphealth_upload_bad_output(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, const char *what)
{
    u->failed_call = what;

    ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNDECODABLE, image,
                                     "The decoder stopped while it read the "
                                     "image. Save the image anew with an image "
                                     "editor; if it is sound, try again.");
}


static ngx_uint_t
ngx_http_caphealth_storage_full(ngx_err_t err)
{
    return err == NGX_ENOSPC || err == EDQUOT || err == EFBIG;
}


void
ngx_http_caphealth_upload_check_result(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    char                 formats[CAPHEALTH_FORMAT_LIST];
    caphealth_result_t  *result;

    result = &image->job.result;

    switch (image->job.outcome) {

    case NGX_HTTP_CAPHEALTH_JOB_ANSWERED:
        break;

    case NGX_HTTP_CAPHEALTH_JOB_DIED:
        ngx_http_caphealth_upload_bad_output(u, image, NULL);
        return;

    case NGX_HTTP_CAPHEALTH_JOB_KILLED:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_NO_CONVERTER,
                                         NULL,
                                         "The server ended the program that "
                                         "read the image, as it does when it "
                                         "has no memory left. Nothing was "
                                         "stored: try again after the seconds "
                                         "in Retry-After.");
        return;

    case NGX_HTTP_CAPHEALTH_JOB_TIMED_OUT:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_TIMEOUT, image,
                                         "It was not converted within %M ms. "
                                         "Send a smaller or simpler image.",
                                      u->main_conf->images.converter.timeout);
        return;

    case NGX_HTTP_CAPHEALTH_JOB_STARVED:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_NO_CONVERTER,
                                         NULL,
                                         "The server was too busy to convert "
                                         "the image. Nothing is wrong with it: "
                                         "try again after the seconds in "
                                         "Retry-After.");
        return;

    default: /* NGX_HTTP_CAPHEALTH_JOB_UNAVAILABLE */
        u->outcome = CAPHEALTH_OUTCOME_NO_CONVERTER;
        return;
    }

    switch (result->status) {

    case CAPHEALTH_JOB_OK:
        if (result->format != image->format) {
            ngx_http_caphealth_upload_bad_output(u, image,
                                                 "check of a format");

        } else if (u->named
                   && ngx_memcmp(result->sha256, image->sha256,
                                 CAPHEALTH_DIGEST_LEN)
                      != 0)
        {
            ngx_http_caphealth_upload_bad_output(u, image,
                                                 "check of a digest");
        }

        return;

    case CAPHEALTH_JOB_UNSUPPORTED:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNSUPPORTED,
                                         image,
                                         "This kind of image is not supported%s"
                                         "%s. Send an ordinary %s.",
                                         result->detail[0] ? ": " : "",
                                         result->detail,
                                         caphealth_format_list(formats,
                                                               " or "));
        return;

    case CAPHEALTH_JOB_WRITE:
    case CAPHEALTH_JOB_READ:
        ngx_http_caphealth_upload_call_failed(u, (ngx_err_t) result->error,
                                         result->status == CAPHEALTH_JOB_WRITE
                                         ? "write() by a converter"
                                         : "mmap() by a converter");
        return;

    case CAPHEALTH_JOB_NO_MEMORY:
        if (result->detail[0]) {
            ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNDECODABLE,
                                             image,
                                             "The image cannot be converted: "
                                             "%s (%s, and "
                                             "\"caphealth_image_memory\" is "
                                             "%uz bytes).",
                                          caphealth_job_reason(result->status),
                                             result->detail,
                                       u->main_conf->images.converter.memory);
            return;
        }

        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNDECODABLE,
                                         image,
                                         "The image cannot be converted: %s "
                                         "(it is too large for "
                                         "\"caphealth_image_memory\", %uz "
                                         "bytes).",
                                         caphealth_job_reason(result->status),
                                       u->main_conf->images.converter.memory);
        return;

    case CAPHEALTH_JOB_TOO_LARGE:
        if (u->token.pixels != -1
            && (uint64_t) u->token.pixels
               < u->main_conf->images.converter.max_pixels)
        {
            ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNDECODABLE,
                                             image,
                                             "The image has more pixels than "
                                             "the token is for, %L. Send a "
                                             "smaller one, or ask for another "
                                             "token.", u->token.pixels);
            return;
        }

        /* fall through */

    default:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNDECODABLE,
                                         image,
                                         "The image cannot be converted: %s%s"
                                         "%s%s.",
                                         caphealth_job_reason(result->status),
                                         result->detail[0] ? " (" : "",
                                         result->detail,
                                         result->detail[0] ? ")" : "");
        return;
    }
}


ngx_int_t
ngx_http_caphealth_upload_send_deleted(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u)
{
    static ngx_str_t  detail = ngx_string("The image, or a part of it, cannot "
                                          "be removed; the server's error log "
                                          "says why.");

    if (u->err == 0) {
        ngx_http_caphealth_outcome_count(r, CAPHEALTH_OUTCOME_OK);

        r->headers_out.status = NGX_HTTP_NO_CONTENT;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    if (u->outcome == CAPHEALTH_OUTCOME_NO_THREAD) {
        return ngx_http_caphealth_upload_send_refused(r, u);
    }

    if (u->err == NGX_ENOENT && u->images->removed.files == 0) {
        return ngx_http_caphealth_upload_problem(r,
                                               CAPHEALTH_OUTCOME_NO_SUCH_IMAGE,
                                               NULL);
    }

    if (u->outcome && u->conf->store) {
        return ngx_http_caphealth_upload_problem(r, u->outcome,
                               u->outcome == CAPHEALTH_OUTCOME_STORAGE_FAILED
                               ? &detail : NULL);
    }

    if (u->failed_source) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, u->err,
                      "source of image \"%s\" cannot be removed from image "
                      "source \"%V\"", u->images->files.id, u->failed_source);

    } else {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, u->err,
                      "image \"%s\" cannot be removed from image root \"%V\"",
                      u->images->files.id, &u->conf->root);
    }

    return ngx_http_caphealth_upload_problem(r,
                                             CAPHEALTH_OUTCOME_STORAGE_FAILED,
                                             &detail);
}


ngx_int_t
ngx_http_caphealth_upload_send_refused(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u)
{
    ngx_str_t  detail;

    if (u->failed_source) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, u->err,
                      "%s in image source \"%V\" failed", u->failed_call,
                      u->failed_source);

    } else if (u->failed_call && u->conf->store) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, u->err,
                      "%s in \"%V\" failed", u->failed_call,
                      &u->main_conf->images.shipper.spool);

    } else if (u->failed_call) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, u->err,
                      "%s in image root \"%V\" failed", u->failed_call,
                      &u->conf->root);
    }

    detail.data = u->detail;
    detail.len = ngx_strlen(u->detail);

    return ngx_http_caphealth_upload_problem(r, u->outcome, &detail);
}


ngx_int_t
ngx_http_caphealth_upload_send_queue_full(ngx_http_request_t *r,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "upload refused, %i images are waiting for a converter",
                  cmcf->images.converter.queue);

    return ngx_http_caphealth_upload_problem(r, CAPHEALTH_OUTCOME_QUEUE_FULL,
                                             NULL);
}


ngx_int_t
ngx_http_caphealth_upload_problem(ngx_http_request_t *r,
    caphealth_outcome_e outcome, ngx_str_t *detail)
{
    u_char                        *p;
    ngx_http_caphealth_problem_t   problem;
    ngx_http_caphealth_refusal_t  *refusal;

    ngx_http_caphealth_outcome_count(r, outcome);

    refusal = &ngx_http_caphealth_refusals[outcome];

    if (detail == NULL || detail->len == 0) {
        detail = &refusal->detail;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "%s refused: %V",
                  (r->method & NGX_HTTP_DELETE) ? "deletion" : "upload",
                  detail);

    ngx_memzero(&problem, sizeof(ngx_http_caphealth_problem_t));
    problem.status = caphealth_outcomes[outcome].status;
    problem.title = refusal->title;

    if (ngx_http_caphealth_upload_problem_type(r->pool, &problem.type, outcome)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    problem.detail.len = detail->len
                         + ngx_escape_json(NULL, detail->data, detail->len);

    p = ngx_pnalloc(r->pool, problem.detail.len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    problem.detail.data = p;
    (void) ngx_escape_json(p, detail->data, detail->len);

    if ((problem.status == NGX_HTTP_SERVICE_UNAVAILABLE
         || outcome == CAPHEALTH_OUTCOME_KEY_IN_USE)
        && ngx_http_caphealth_upload_retry_after(r, outcome) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (problem.status == NGX_HTTP_UNAUTHORIZED
        && ngx_http_caphealth_upload_authenticate(r, outcome) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_caphealth_send_problem(r, &problem);
}


static ngx_int_t
ngx_http_caphealth_upload_problem_type(ngx_pool_t *pool, ngx_str_t *type,
    caphealth_outcome_e outcome)
{
    const char  *name;

    name = caphealth_outcomes[outcome].upload;

    if (name == NULL) {
        name = caphealth_outcomes[outcome].deletion;
    }

    type->len = sizeof(NGX_HTTP_CAPHEALTH_URN) - 1 + ngx_strlen(name);

    type->data = ngx_pnalloc(pool, type->len);
    if (type->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(type->data, NGX_HTTP_CAPHEALTH_URN "%s", name);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_upload_retry_after(ngx_http_request_t *r,
    caphealth_outcome_e outcome)
{
    ngx_str_t                         value;
    ngx_uint_t                        retry;
    ngx_http_caphealth_upload_t      *u;
    ngx_http_caphealth_loc_conf_t    *lcf;
    ngx_http_caphealth_worker_ctx_t  *w;
    ngx_http_caphealth_main_conf_t   *cmcf;

    static ngx_str_t  retry_after = ngx_string("Retry-After");

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);
    w = cmcf->worker;

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    u = ngx_http_get_module_ctx(r, ngx_http_caphealth_module);

    if (outcome == CAPHEALTH_OUTCOME_KEY_IN_USE && u && u->retry_after) {
        value.len = ngx_sprintf(value.data, "%ui", u->retry_after)
                    - value.data;

        return ngx_http_caphealth_add_header(r, &retry_after, &value)
               ? NGX_OK : NGX_ERROR;
    }

    retry = (outcome == CAPHEALTH_OUTCOME_STORE_AWAY)
            ? ngx_http_caphealth_shipper_retry(
                ngx_http_caphealth_shipper(w->shippers, lcf->upload.store))
            : ngx_http_caphealth_converters_retry(w->converters);

    value.len = ngx_sprintf(value.data, "%ui", retry) - value.data;

    return ngx_http_caphealth_add_header(r, &retry_after, &value) ? NGX_OK
                                                                  : NGX_ERROR;
}


/* RFC 6750, section 3 */

static ngx_int_t
ngx_http_caphealth_upload_authenticate(ngx_http_request_t *r,
    caphealth_outcome_e outcome)
{
    static ngx_str_t  name = ngx_string("WWW-Authenticate");
    static ngx_str_t  missing = ngx_string("Bearer realm=\"caphealth\"");
    static ngx_str_t  invalid = ngx_string("Bearer realm=\"caphealth\", "
                                           "error=\"invalid_token\"");

    r->headers_out.www_authenticate =
        ngx_http_caphealth_add_header(r, &name,
                                      outcome == CAPHEALTH_OUTCOME_BAD_TOKEN
                                      ? &invalid : &missing);

    return r->headers_out.www_authenticate ? NGX_OK : NGX_ERROR;
}


caphealth_outcome_e
ngx_http_caphealth_upload_stored_outcome(ngx_http_caphealth_upload_t *u)
{
    if (u->nstore) {
        return CAPHEALTH_OUTCOME_OK;
    }

    return u->conf->id == NGX_HTTP_CAPHEALTH_ID_KEY
           ? CAPHEALTH_OUTCOME_REPLAYED : CAPHEALTH_OUTCOME_DUPLICATE;
}


ngx_int_t
ngx_http_caphealth_upload_send_created(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u)
{
    char        *text;
    u_char      *data;
    size_t       len;
    json_t      *images, *answer;
    ngx_int_t    rc;
    ngx_uint_t   i;

    images = json_array();

    for (i = 0; i < u->nimages; i++) {
        if (json_array_append_new(images,
                          ngx_http_caphealth_upload_told(u, &u->images[i])))
        {
            json_decref(images);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    answer = json_pack("{s:o}", "images", images);
    text = json_dumps(answer, JSON_COMPACT);

    rc = (answer && u->nimages == 1)
         ? ngx_http_caphealth_upload_add_location(r, u, images) : NGX_OK;

    json_decref(answer);

    if (text == NULL || rc != NGX_OK) {
        free(text);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = ngx_strlen(text);
    data = ngx_pnalloc(r->pool, len + 1);

    if (data) {
        ngx_memcpy(data, text, len);
        data[len] = LF;
    }

    free(text);

    if (data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_caphealth_outcome_ids(r, u->images[0].files.id,
                                    sizeof(ngx_http_caphealth_image_t),
                                    u->nimages)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_caphealth_outcome_decide(r,
                                  ngx_http_caphealth_upload_stored_outcome(u));

    r->headers_out.status = u->nstore ? NGX_HTTP_CREATED : NGX_HTTP_OK;

    return ngx_http_caphealth_send(r, &ngx_http_caphealth_json_type, data,
                                   len + 1);
}


json_t *
ngx_http_caphealth_upload_image(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    json_t              *told;
    u_char               sha256[2 * 32];
    caphealth_result_t  *result;

    result = &image->job.result;

    (void) ngx_hex_dump(sha256, result->sha256, sizeof(result->sha256));

    told = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s%, s:s*, s:o}",
                     "id", image->files.id,
                     "format", caphealth_format_name(image->format),
                     "width", (json_int_t) result->width,
                     "height", (json_int_t) result->height,
                     "bytes", (json_int_t) image->part.length,
                     "sha256", sha256, sizeof(sha256),
                     "alt", image->alt,
                     "variants", ngx_http_caphealth_upload_variants(u, image));

    if (caphealth_image_hints(told, (char *) u->conf->url.data,
                              u->conf->url.len, &image->files,
                              &image->job.spec, result)
        == -1)
    {
        json_decref(told);
        return NULL;
    }

    return told;
}


static json_t *
ngx_http_caphealth_upload_variants(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    size_t               len;
    u_char              *url;
    json_t              *variants;
    unsigned             i;
    caphealth_output_t  *output;

    variants = json_object();

    for (i = 0; i < image->files.nvariants; i++) {

        url = ngx_http_caphealth_upload_url(u->pool, u, image, i, &len);
        output = &image->job.result.outputs[i];

        if (url == NULL
            || json_object_set_new(variants, image->files.variants[i].name,
                                   json_pack("{s:s%, s:I, s:I, s:I, s:s}",
                                             "url", url, len, "width",
                                             (json_int_t) output->width,
                                             "height",
                                             (json_int_t) output->height,
                                             "bytes",
                                             (json_int_t) output->bytes,
                                             "format",
                                             caphealth_output_row(
                                                 output->format)->name)))
        {
            json_decref(variants);
            return NULL;
        }

        if (output->frames > 1
            && json_object_set_new(json_object_get(variants,
                                              image->files.variants[i].name),
                                   "frames", json_integer(output->frames)))
        {
            json_decref(variants);
            return NULL;
        }
    }

    return variants;
}


static ngx_int_t
ngx_http_caphealth_upload_add_location(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u, json_t *images)
{
    json_t           *first, *variants, *variant;
    ngx_str_t         url;
    const char       *text;
    ngx_table_elt_t  *location;

    static ngx_str_t  name = ngx_string("Location");

    first = json_array_get(images, 0);
    variants = json_object_get(first, "variants");

    /* of one that was stored before, when other variants were configured */

    variant = json_object_get(variants, u->conf->variants->names[0]);

    if (variant == NULL) {
        variant = json_object_iter_value(json_object_iter(variants));
    }

    text = json_string_value(json_object_get(variant, "url"));

    if (text == NULL) {
        return NGX_OK;
    }

    url.len = ngx_strlen(text);
    url.data = ngx_pnalloc(r->pool, url.len);
    if (url.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(url.data, text, url.len);

    location = ngx_http_caphealth_add_header(r, &name, &url);

    r->headers_out.location = location;

    return location ? NGX_OK : NGX_ERROR;
}


static u_char *
ngx_http_caphealth_upload_url(ngx_pool_t *pool, ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, unsigned variant, size_t *len)
{
    char    path[CAPHEALTH_PATH_LEN];
    size_t  n;
    u_char  *url;

    n = caphealth_path(path, image->files.id,
                       image->files.variants[variant].name,
                       image->files.variants[variant].format);

    *len = u->conf->url.len + n;

    url = ngx_pnalloc(pool, *len);
    if (url == NULL) {
        return NULL;
    }

    ngx_memcpy(url, u->conf->url.data, u->conf->url.len);
    ngx_memcpy(url + u->conf->url.len, path, n);

    return url;
}
