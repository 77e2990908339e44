
/*
 * Ids that follow from an Idempotency-Key or from the bytes of an image, so
 * that a request that is repeated finds what it stored before: in the tree
 * itself, after a restart and from any worker.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_upload.h"

#include "caphealth_idempotency_key.h"

#include <nettle/sha2.h>


#define NGX_HTTP_CAPHEALTH_HASH_BUFFER  65536


static void ngx_http_caphealth_ids_of_key(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, uint8_t digest[CAPHEALTH_DIGEST_LEN]);
static ngx_int_t ngx_http_caphealth_ids_request(
    ngx_http_caphealth_upload_t *u);
static ngx_int_t ngx_http_caphealth_ids_hash(ngx_http_caphealth_upload_t *u,
    struct sha256_ctx *hash, uint64_t offset, uint64_t length, u_char *buf);
static ngx_int_t ngx_http_caphealth_ids_claim_image(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static ngx_int_t ngx_http_caphealth_ids_text(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, json_t *json);
static json_t *ngx_http_caphealth_ids_move(json_t *image, const char *from,
    ngx_str_t *to, const char *id);


ngx_int_t
ngx_http_caphealth_upload_key(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, ngx_str_t *key)
{
    u_char           *p;
    ngx_uint_t        i, n;
    ngx_str_t         detail;
    const char       *reason;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *header;

    static ngx_str_t  name = ngx_string("Idempotency-Key");

    ngx_str_null(key);

    if (conf->id != NGX_HTTP_CAPHEALTH_ID_KEY) {
        return NGX_DECLINED;
    }

    header = NULL;
    n = 0;

    part = &r->headers_in.headers.part;

    do {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, name.data, name.len) == 0)
            {
                header = &h[i];
                n++;
            }
        }

        part = part->next;

    } while (part);

    p = ngx_pnalloc(r->pool, CAPHEALTH_KEY_MAX + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (n == 0) {
        reason = "An upload needs the header Idempotency-Key here: a text that "
                 "is new for each upload, such as a UUID, and the same when "
                 "it is repeated.";

    } else if (n > 1) {
        reason = "The header Idempotency-Key is there more than once.";

    } else {
        reason = caphealth_idempotency_key((char *) header->value.data,
                                           header->value.len, (char *) p);
    }

    if (reason == NULL) {
        key->data = p;
        key->len = ngx_strlen(p);

        return NGX_DECLINED;
    }

    detail.data = (u_char *) reason;
    detail.len = ngx_strlen(reason);

    return ngx_http_caphealth_upload_problem(r, CAPHEALTH_OUTCOME_INVALID_KEY,
                                             &detail);
}


ngx_int_t
ngx_http_caphealth_upload_ids(ngx_http_caphealth_upload_t *u)
{
    uint8_t                      digest[CAPHEALTH_DIGEST_LEN];
    ngx_uint_t                   i, j;
    ngx_http_caphealth_image_t  *image;

    if (u->conf->id == NGX_HTTP_CAPHEALTH_ID_RANDOM) {
        return NGX_OK;
    }

    if (ngx_http_caphealth_ids_request(u) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < u->nimages; i++) {
        image = &u->images[i];

        if (u->conf->id == NGX_HTTP_CAPHEALTH_ID_CONTENT) {
            ngx_memcpy(digest, image->sha256, sizeof(digest));

        } else {
            ngx_http_caphealth_ids_of_key(u, image, digest);
        }

        caphealth_record_init(&image->record, (char *) u->conf->root.data,
                              digest);
        ngx_memcpy(image->files.id, image->record.id, CAPHEALTH_ID_LEN + 1);

        /* the same photo twice in one request is stored once */

        for (j = 0; j < i; j++) {
            if (ngx_strcmp(u->images[j].files.id, image->files.id) == 0) {
                image->same = &u->images[j];
                image->skip = 1;
                break;
            }
        }
    }

    u->named = 1;

    return NGX_OK;
}


/*
 * The key is of the URL that was asked and of the owner, so that another
 * client's key is another one.
 */

static void
ngx_http_caphealth_ids_of_key(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, uint8_t digest[CAPHEALTH_DIGEST_LEN])
{
    u_char             number[NGX_INT_T_LEN];
    size_t             len;
    struct sha256_ctx  hash;

    len = ngx_sprintf(number, "%ui", (ngx_uint_t) (image - u->images) + 1)
          - number;

    nettle_sha256_init(&hash);
    nettle_sha256_update(&hash, u->uri.len, u->uri.data);
    nettle_sha256_update(&hash, 1, (u_char *) "");
    nettle_sha256_update(&hash, ngx_strlen(u->token.owner) + 1,
                         (u_char *) u->token.owner);
    nettle_sha256_update(&hash, u->key.len, u->key.data);
    nettle_sha256_update(&hash, 1, (u_char *) "");
    nettle_sha256_update(&hash, len, number);
    nettle_sha256_digest(&hash, CAPHEALTH_DIGEST_LEN, digest);
}


/*
 * Digests of each file, and of all that makes two requests the same: their
 * files' bytes and the fields that are read, or the focus of the arguments, not
 * their boundaries and names.
 */

static ngx_int_t
ngx_http_caphealth_ids_request(ngx_http_caphealth_upload_t *u)
{
    u_char                      *buf;
    uint64_t                     length;
    ngx_int_t                    rc;
    ngx_uint_t                   i, n;
    caphealth_field_t           *field;
    struct sha256_ctx            request, file;
    ngx_http_caphealth_image_t  *image;

    buf = malloc(NGX_HTTP_CAPHEALTH_HASH_BUFFER);
    if (buf == NULL) {
        ngx_http_caphealth_upload_call_failed(u, NGX_ENOMEM, "malloc()");
        return NGX_ERROR;
    }

    rc = NGX_OK;
    nettle_sha256_init(&request);

    for (i = 0; rc == NGX_OK && i < u->nimages; i++) {
        image = &u->images[i];

        nettle_sha256_init(&file);
        rc = ngx_http_caphealth_ids_hash(u, &file, image->part.offset,
                                         image->part.length, buf);
        nettle_sha256_digest(&file, CAPHEALTH_DIGEST_LEN, image->sha256);
        nettle_sha256_update(&request, CAPHEALTH_DIGEST_LEN, image->sha256);
    }

    for (i = 0; u->boundary[0] && i < NGX_HTTP_CAPHEALTH_FIELDS; i++) {
        field = &u->fields[i];

        for (n = 0; rc == NGX_OK && n < field->n; n++) {
            length = field->values[n].length;

            nettle_sha256_update(&request, ngx_strlen(field->name) + 1,
                                 (u_char *) field->name);
            nettle_sha256_update(&request, sizeof(length), (u_char *) &length);

            rc = ngx_http_caphealth_ids_hash(u, &request,
                                             field->values[n].offset, length,
                                             buf);
        }
    }

    if (u->focus_x || u->focus_y) {
        nettle_sha256_update(&request, sizeof(u->focus_x),
                             (u_char *) &u->focus_x);
        nettle_sha256_update(&request, sizeof(u->focus_y),
                             (u_char *) &u->focus_y);
    }

    nettle_sha256_digest(&request, CAPHEALTH_DIGEST_LEN, u->digest);
    free(buf);

    return rc;
}


static ngx_int_t
ngx_http_caphealth_ids_hash(ngx_http_caphealth_upload_t *u,
    struct sha256_ctx *hash, uint64_t offset, uint64_t length, u_char *buf)
{
    ssize_t  n;

    for ( /* void */ ; length; length -= (uint64_t) n) {
        n = pread(u->body, buf,
                  ngx_min(length, (uint64_t) NGX_HTTP_CAPHEALTH_HASH_BUFFER),
                  (off_t) offset);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            ngx_http_caphealth_upload_call_failed(u, n ? ngx_errno : EIO,
                                                  "read() of a body");
            return NGX_ERROR;
        }

        nettle_sha256_update(hash, (size_t) n, buf);
        offset += (uint64_t) n;
    }

    return NGX_OK;
}


void
ngx_http_caphealth_upload_claim(void *data, ngx_log_t *log)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u = data;

    rc = NGX_OK;

    /* in an object store a shipper does it */

    for (i = 0;
         rc == NGX_OK && u->named && u->conf->store == NULL && i < u->nimages;
         i++)
    {
        rc = ngx_http_caphealth_ids_claim_image(u, &u->images[i]);
    }

    u->busy = (rc == NGX_AGAIN);

    if (rc == NGX_OK) {
        (void) ngx_http_caphealth_upload_owner_check(u);
        return;
    }

    /*
     * What waits holds nothing that another upload may wait for.  That one may
     * fail, and remove what was found stored of it, so all is looked at again.
     */

    for (i = 0; rc == NGX_AGAIN && i < u->nimages; i++) {
        image = &u->images[i];

        if (image->same == NULL) {
            image->skip = 0;
            json_decref(image->answer);
            image->answer = NULL;
        }
    }

    ngx_http_caphealth_upload_release(u);
}


static ngx_int_t
ngx_http_caphealth_ids_claim_image(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    if (image->skip || image->record.fd != -1) {
        return NGX_OK;
    }

    switch (caphealth_record_claim(&image->record)) {

    case CAPHEALTH_CLAIM_TAKEN:
        return ngx_http_caphealth_upload_owner_disown(u, image);

    case CAPHEALTH_CLAIM_BUSY:
        return NGX_AGAIN;

    case CAPHEALTH_CLAIM_STORED:
        image->skip = 1;
        return ngx_http_caphealth_upload_is_stored(u, image);

    default: /* CAPHEALTH_CLAIM_ERROR */
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              image->record.failed);
        return NGX_ERROR;
    }
}


/* the answer about an image that is stored already */

ngx_int_t
ngx_http_caphealth_upload_is_stored(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    u_char       digest[2 * CAPHEALTH_DIGEST_LEN];
    json_t      *json, *told;
    const char  *request;

    json = image->record.json;
    image->record.json = NULL;

    json_decref(image->answer);
    image->answer = NULL;

    told = json_object_get(json, "image");
    request = json_string_value(json_object_get(json, "request"));

    if (u->conf->id == NGX_HTTP_CAPHEALTH_ID_CONTENT) {
        image->answer = ngx_http_caphealth_ids_move(told,
                               json_string_value(json_object_get(json, "url")),
                               &u->conf->url, image->files.id);
        json_decref(json);

        if (image->answer == NULL) {
            ngx_http_caphealth_upload_call_failed(u, NGX_ENOMEM, "malloc()");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    (void) ngx_hex_dump(digest, u->digest, CAPHEALTH_DIGEST_LEN);

    if (ngx_strncmp(request, digest, sizeof(digest)) != 0) {
        json_decref(json);

        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_KEY_REUSED, NULL,
                                         "This Idempotency-Key was sent with "
                                         "another body before, which was "
                                         "stored. Send a new key with each new "
                                         "upload.");
        return NGX_ERROR;
    }

    image->answer = json_incref(told);
    json_decref(json);

    return NGX_OK;
}


/*
 * A copy of an image with the URLs of now: those that were told may begin with
 * an older "caphealth_image_url".  No URL has a character that JSON escapes.
 */

static json_t *
ngx_http_caphealth_ids_move(json_t *image, const char *from, ngx_str_t *to,
    const char *id)
{
    char    *text, *p, *q, *moved, *out;
    char     path[CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 2];
    size_t   len, needle, n;
    json_t  *json;

    if (ngx_strlen(from) == to->len
        && ngx_strncmp(from, to->data, to->len) == 0)
    {
        return json_incref(image);
    }

    text = json_dumps(image, JSON_COMPACT);
    needle = ngx_strlen(from) + sizeof(path) - 1;
    q = malloc(needle + 1);

    if (text == NULL || q == NULL) {
        free(text);
        free(q);
        return NULL;
    }

    (void) ngx_sprintf((u_char *) path, "%*s/%*s/%s_%Z", (size_t) 2, id,
                       (size_t) 2, id + 2, id);
    (void) ngx_sprintf((u_char *) q, "%s%s%Z", from, path);

    for (n = 0, p = text; (p = strstr(p, q)) != NULL; p += needle) {
        n++;
    }

    len = ngx_strlen(text);
    moved = malloc(len + n * to->len + 1);

    if (moved == NULL) {
        free(text);
        free(q);
        return NULL;
    }

    out = moved;

    for (p = text; *p; /* void */) {
        if (ngx_strncmp(p, q, needle) == 0) {
            out = (char *) ngx_cpymem(out, to->data, to->len);
            out = (char *) ngx_cpymem(out, path, sizeof(path) - 1);
            p += needle;

        } else {
            *out++ = *p++;
        }
    }

    json = json_loadb(moved, (size_t) (out - moved), 0, NULL);

    free(moved);
    free(text);
    free(q);

    return json;
}


ngx_int_t
ngx_http_caphealth_upload_record(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    char        path[CAPHEALTH_PATH_LEN];
    u_char      request[2 * CAPHEALTH_DIGEST_LEN];
    json_t     *json, *told;
    ngx_int_t   rc;

    image->answer = ngx_http_caphealth_upload_image(u, image);

    if (image->answer == NULL) {
        ngx_http_caphealth_upload_call_failed(u, NGX_ENOMEM, "malloc()");
        return NGX_ERROR;
    }

    if (!u->named) {
        return NGX_OK;
    }

    told = json_copy(image->answer);

    /* of the bytes only: what a request says of them is its own */

    if (u->conf->id == NGX_HTTP_CAPHEALTH_ID_CONTENT) {
        (void) json_object_del(told, "alt");
    }

    (void) caphealth_path(path, image->files.id, image->files.variants[0].name,
                          image->files.variants[0].format);
    (void) ngx_hex_dump(request, u->digest, CAPHEALTH_DIGEST_LEN);

    json = json_pack("{s:i, s:s, s:s%, s:s%, s:o}",
                     "version", 1,
                     "mark", path + CAPHEALTH_LEAF_LEN,
                     "request", request, sizeof(request),
                     "url", u->conf->url.data, u->conf->url.len,
                     "image", told);

    if (json == NULL) {
        ngx_http_caphealth_upload_call_failed(u, NGX_ENOMEM, "malloc()");
        return NGX_ERROR;
    }

    if (u->conf->store) {
        rc = ngx_http_caphealth_ids_text(u, image, json);

    } else if (caphealth_record_write(&image->record, json) == 0) {
        rc = NGX_OK;

    } else {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              image->record.failed);
        rc = NGX_ERROR;
    }

    json_decref(json);

    return rc;
}


/* the record for a shipper, which puts it */

static ngx_int_t
ngx_http_caphealth_ids_text(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, json_t *json)
{
    int      fd;
    char    *text;
    size_t   len;

    fd = -1;
    len = 0;
    text = json_dumps(json, JSON_COMPACT);

    if (text == NULL) {
        ngx_set_errno(NGX_ENOMEM);

    } else {
        len = ngx_strlen(text);

        if (len > CAPHEALTH_RECORD_MAX) {
            ngx_set_errno(EFBIG);

        } else if (caphealth_id_create(image->token) == 0) {
            fd = caphealth_ipc_memfd(text, len);
        }
    }

    if (fd == -1) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              "write() of a record");
        free(text);
        return NGX_ERROR;
    }

    image->record_fd = fd;
    image->record_bytes = len;

    free(text);

    return NGX_OK;
}


void
ngx_http_caphealth_upload_release(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_image_t  *image;

    if (!u->named) {
        return;
    }

    for (i = 0; i < u->nimages; i++) {
        image = &u->images[i];

        if (image->same == NULL) {
            caphealth_record_release(&image->record);
        }
    }
}


json_t *
ngx_http_caphealth_upload_told(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    json_t                      *json;
    ngx_http_caphealth_image_t  *of;

    of = image->same ? image->same : image;

    if (u->conf->id != NGX_HTTP_CAPHEALTH_ID_CONTENT || of->answer == NULL) {
        return json_incref(of->answer);
    }

    json = json_copy(of->answer);

    if (json == NULL) {
        return NULL;
    }

    (void) json_object_del(json, "alt");

    if ((image->alt
         && json_object_set_new(json, "alt", json_string(image->alt)) == -1)
        || (image->skip
            && json_object_set_new(json, "duplicate", json_true()) == -1))
    {
        json_decref(json);
        return NULL;
    }

    return json;
}
