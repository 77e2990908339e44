
/*
 * Tokens of uploads: the key file, and what a request has of them.
 */

#include "ngx_http_caphealth_token.h"
#include "ngx_http_caphealth_upload.h"
#include "ngx_http_caphealth_upload_outcome.h"
#include "ngx_http_caphealth_uses.h"

#include <nettle/sha2.h>


/* a key file that is longer is none */
#define NGX_HTTP_CAPHEALTH_KEYFILE_LEN  (256 * 1024)


static ngx_int_t ngx_http_caphealth_token_read(ngx_conf_t *cf,
    ngx_str_t *path, ngx_str_t *text);
static char *ngx_http_caphealth_token_keys(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text, ngx_array_t *keys);
static char *ngx_http_caphealth_token_key(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t line, char *data, size_t len, ngx_array_t *keys);
static ngx_int_t ngx_http_caphealth_token_sent(ngx_http_request_t *r,
    ngx_str_t *text);
static ngx_int_t ngx_http_caphealth_token_owner(ngx_http_request_t *r,
    caphealth_token_t *token);
static ngx_int_t ngx_http_caphealth_token_limits(ngx_http_request_t *r,
    caphealth_token_t *token);
static ngx_int_t ngx_http_caphealth_token_refuse(ngx_http_request_t *r,
    caphealth_outcome_e outcome, const char *detail);
static ngx_int_t ngx_http_caphealth_token_mask_in(ngx_pool_t *pool,
    ngx_str_t *text);


char *
ngx_http_caphealth_image_tokens(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    char       *rv;
    ngx_str_t  *value, path, text;

    if (lcf->upload.tokens != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    path = value[1];

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->upload.tokens = ngx_array_create(cf->pool, 2,
                                          sizeof(caphealth_token_key_t));
    if (lcf->upload.tokens == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_token_read(cf, &path, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_caphealth_token_keys(cf, &path, &text, lcf->upload.tokens);

    ngx_explicit_memzero(text.data, text.len);

    return rv;
}


static ngx_int_t
ngx_http_caphealth_token_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"caphealth_image_tokens\": " ngx_open_file_n
                           " \"%V\" failed", path);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"caphealth_image_tokens\": " ngx_fd_info_n
                           " \"%V\" failed", path);
        goto failed;
    }

    if (!ngx_is_file(&fi)
        || ngx_file_size(&fi) > NGX_HTTP_CAPHEALTH_KEYFILE_LEN)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_tokens\": \"%V\" must be a file "
                           "of keys, of at most 256 kilobytes", path);
        goto failed;
    }

    if (fi.st_mode & (S_IROTH|S_IWOTH|S_IWGRP)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"caphealth_image_tokens\": \"%V\" has the mode "
                           "%04uxi, so that others can read or change its "
                           "secrets; make it 0600, of the user who starts "
                           "nginx", path,
                           (ngx_uint_t) (((fi.st_mode >> 6 & 7) << 8)
                                         | ((fi.st_mode >> 3 & 7) << 4)
                                         | (fi.st_mode & 7)));
    }

    text->len = (size_t) ngx_file_size(&fi);
    text->data = ngx_pnalloc(cf->temp_pool, text->len + 1);
    if (text->data == NULL) {
        goto failed;
    }

    n = ngx_read_fd(fd, text->data, text->len);

    if (n != (ssize_t) text->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n == -1 ? ngx_errno : 0,
                           "\"caphealth_image_tokens\": " ngx_read_fd_n
                           " \"%V\" failed", path);
        goto failed;
    }

    (void) ngx_close_file(fd);

    return NGX_OK;

failed:

    (void) ngx_close_file(fd);

    return NGX_ERROR;
}


static char *
ngx_http_caphealth_token_keys(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text, ngx_array_t *keys)
{
    char        *rv;
    u_char      *p, *end, *last;
    ngx_uint_t   line;

    last = text->data + text->len;

    for (p = text->data, line = 1; p < last; p = end + 1, line++) {
        end = ngx_strlchr(p, last, LF);

        if (end == NULL) {
            end = last;
        }

        rv = ngx_http_caphealth_token_key(cf, path, line, (char *) p, end - p,
                                          keys);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (keys->nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_tokens\": there is no key in "
                           "\"%V\", it must have lines of an id and a secret",
                           path);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_token_key(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t line, char *data, size_t len, ngx_array_t *keys)
{
    ngx_uint_t              i;
    const char             *reason;
    caphealth_token_key_t  *key, *known, read;

    reason = caphealth_token_key(data, len, &read);

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_image_tokens\": invalid key in "
                           "%V:%ui, %s", path, line, reason);
        return NGX_CONF_ERROR;
    }

    if (read.len == 0) {
        return NGX_CONF_OK;
    }

    known = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (ngx_strcmp(known[i].id, read.id) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"caphealth_image_tokens\": duplicate key "
                               "\"%s\" in %V:%ui, each needs an id of its own",
                               read.id, path, line);
            return NGX_CONF_ERROR;
        }
    }

    key = ngx_array_push(keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    *key = read;
    ngx_explicit_memzero(&read, sizeof(caphealth_token_key_t));

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_caphealth_token(ngx_http_request_t *r, caphealth_token_t *token)
{
    ngx_int_t                      rc;
    ngx_str_t                      text;
    const char                    *reason;
    ngx_array_t                   *keys;
    caphealth_token_e              result;
    ngx_http_caphealth_loc_conf_t *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);
    keys = lcf->upload.tokens;

    if (keys == NULL) {
        caphealth_token_none(token);
        token->delete = 1;

        return ngx_http_caphealth_token_owner(r, token);
    }

    if (ngx_http_caphealth_token_sent(r, &text) != NGX_OK) {
        return ngx_http_caphealth_token_refuse(r, CAPHEALTH_OUTCOME_NO_TOKEN,
                                               NULL);
    }

    result = caphealth_token_check((char *) text.data, text.len, keys->elts,
                                   keys->nelts, ngx_time(), token, &reason);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth token: %d, owner \"%s\"%s", (int) result,
                   result == CAPHEALTH_TOKEN_OK ? token->owner : "",
                   result == CAPHEALTH_TOKEN_OK && token->once ? ", one use"
                                                               : "");

    if (result != CAPHEALTH_TOKEN_OK) {
        return ngx_http_caphealth_token_refuse(r, CAPHEALTH_OUTCOME_BAD_TOKEN,
                                               reason);
    }

    rc = ngx_http_caphealth_token_owner(r, token);

    return rc == NGX_DECLINED ? ngx_http_caphealth_token_limits(r, token) : rc;
}


/* RFC 6750: in the header, or else as an argument */

static ngx_int_t
ngx_http_caphealth_token_sent(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  bearer = ngx_string("bearer ");

    h = r->headers_in.authorization;

    if (h && h->value.len > bearer.len
        && ngx_strncasecmp(h->value.data, bearer.data, bearer.len) == 0)
    {
        text->data = h->value.data + bearer.len;
        text->len = h->value.len - bearer.len;

        while (text->len && *text->data == ' ') {
            text->data++;
            text->len--;
        }

        return NGX_OK;
    }

    return ngx_http_arg(r, (u_char *) "token", sizeof("token") - 1, text);
}


/* that of the token, or else of the configuration; NGX_DECLINED: it is known */

static ngx_int_t
ngx_http_caphealth_token_owner(ngx_http_request_t *r, caphealth_token_t *token)
{
    ngx_str_t                       owner;
    ngx_http_caphealth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    if (token->owner[0] == '\0' && lcf->upload.owner) {

        if (ngx_http_complex_value(r, lcf->upload.owner, &owner) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (owner.len == 0) {
            return NGX_DECLINED;
        }

        if (!caphealth_owner_valid((char *) owner.data, owner.len)) {
            return ngx_http_caphealth_token_refuse(r,
                                         CAPHEALTH_OUTCOME_NOT_PERMITTED,
                                         "The owner of the images must be a "
                                         "name of 1 to 80 bytes of UTF-8, "
                                         "without control characters.");
        }

        ngx_memcpy(token->owner, owner.data, owner.len);
        token->owner[owner.len] = '\0';
    }

    return ngx_http_caphealth_outcome_owner(r, token->owner) == NGX_OK
           ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* the token's limits, as far as the request's header shows them */

static ngx_int_t
ngx_http_caphealth_token_limits(ngx_http_request_t *r,
    caphealth_token_t *token)
{
    if (r->method & NGX_HTTP_DELETE) {
        return token->delete ? NGX_DECLINED
               : ngx_http_caphealth_token_refuse(r,
                                         CAPHEALTH_OUTCOME_NOT_PERMITTED,
                                         "The token is for uploads only: to "
                                         "remove an image it needs "
                                         "\"delete\":true.");
    }

    return ngx_http_caphealth_token_length(r, token,
                                           r->headers_in.content_length_n);
}


ngx_int_t
ngx_http_caphealth_token_length(ngx_http_request_t *r,
    caphealth_token_t *token, off_t length)
{
    u_char  detail[NGX_HTTP_CAPHEALTH_DETAIL_LEN];

    if (token->bytes == -1 || length <= token->bytes) {
        return NGX_DECLINED;
    }

    (void) ngx_snprintf(detail, sizeof(detail),
                        "The request has %O bytes, and the token is for at "
                        "most %L. Send less, or ask for another one.%Z",
                        length, token->bytes);

    return ngx_http_caphealth_token_refuse(r, CAPHEALTH_OUTCOME_TOO_LARGE,
                                           (char *) detail);
}


ngx_int_t
ngx_http_caphealth_token_use(ngx_http_request_t *r, caphealth_token_t *token,
    ngx_str_t *key)
{
    u_char                           of[CAPHEALTH_DIGEST_LEN];
    struct sha256_ctx                hash;
    ngx_http_caphealth_main_conf_t  *cmcf;

    if (!token->once) {
        return NGX_DECLINED;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    /* the owner is in the token */

    if (key) {
        nettle_sha256_init(&hash);
        nettle_sha256_update(&hash, r->uri.len, r->uri.data);
        nettle_sha256_update(&hash, 1, (u_char *) "");
        nettle_sha256_update(&hash, key->len, key->data);
        nettle_sha256_digest(&hash, sizeof(of), of);
    }

    switch (ngx_http_caphealth_use(cmcf->state.zone, token->use,
                                   key ? of : NULL, token->expires))
    {

    case NGX_OK:
        return NGX_DECLINED;

    case NGX_DECLINED:
        return ngx_http_caphealth_token_refuse(r, CAPHEALTH_OUTCOME_BAD_TOKEN,
                                               NGX_HTTP_CAPHEALTH_TOKEN_USED);

    case NGX_BUSY:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upload refused, %d tokens of one use have been used "
                      "and have not expired yet, and no more are kept; let "
                      "them expire sooner", NGX_HTTP_CAPHEALTH_USES);

        return ngx_http_caphealth_token_refuse(r, CAPHEALTH_OUTCOME_NO_THREAD,
                                         "As many tokens of one use as can be "
                                         "kept in mind have been used, and "
                                         "have not expired yet. Try again "
                                         "later.");

    default: /* NGX_ERROR */
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upload refused, there is no room in \"caphealth_zone\" "
                      "for tokens of one use, make it %uz kilobytes larger",
                      (sizeof(ngx_http_caphealth_uses_t) + ngx_pagesize)
                      / 1024);

        return ngx_http_caphealth_token_refuse(r, CAPHEALTH_OUTCOME_NO_THREAD,
                                         "The server has no room to keep in "
                                         "mind which tokens of one use have "
                                         "been used; its log says what to do. "
                                         "Try again later.");
    }
}


ngx_uint_t
ngx_http_caphealth_token_is_over(ngx_http_caphealth_main_conf_t *cmcf,
    caphealth_token_t *token)
{
    return token->once
           && ngx_http_caphealth_use_is_over(cmcf->state.zone, token->use);
}


void
ngx_http_caphealth_token_unuse(ngx_http_caphealth_main_conf_t *cmcf,
    caphealth_token_t *token, ngx_uint_t stored)
{
    if (token->once) {
        ngx_http_caphealth_unuse(cmcf->state.zone, token->use, stored);
        token->once = 0;
    }
}


static ngx_int_t
ngx_http_caphealth_token_refuse(ngx_http_request_t *r,
    caphealth_outcome_e outcome, const char *detail)
{
    ngx_str_t  text;

    ngx_str_null(&text);

    if (detail) {
        text.data = (u_char *) detail;
        text.len = ngx_strlen(detail);
    }

    return ngx_http_caphealth_upload_problem(r, outcome, &text);
}


ngx_int_t
ngx_http_caphealth_token_mask(ngx_http_request_t *r)
{
    ngx_http_caphealth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    if (lcf->upload.tokens == NULL || r->args.len == 0) {
        return NGX_DECLINED;
    }

    if (ngx_http_caphealth_token_mask_in(r->pool, &r->request_line) != NGX_OK
        || ngx_http_caphealth_token_mask_in(r->pool, &r->unparsed_uri)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


/* a copy: what is masked here is still read elsewhere */

static ngx_int_t
ngx_http_caphealth_token_mask_in(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char      *p, *q, *last;
    ngx_uint_t   argument;

    static u_char  name[] = "token=";

    if (ngx_strlcasestrn(text->data, text->data + text->len, name,
                         sizeof(name) - 2)
        == NULL)
    {
        return NGX_OK;
    }

    p = text->data;
    last = p + text->len;

    /* with three asterisks for each, of which there are at most len / 7 */

    q = ngx_pnalloc(pool, text->len + text->len / 2);
    if (q == NULL) {
        return NGX_ERROR;
    }

    text->data = q;
    argument = 0;

    while (p < last) {

        if (argument && last - p >= (ssize_t) sizeof(name) - 1
            && ngx_strncasecmp(p, name, sizeof(name) - 1) == 0)
        {
            q = ngx_cpymem(q, p, sizeof(name) - 1);
            p += sizeof(name) - 1;
            q = ngx_cpymem(q, "***", 3);

            while (p < last && *p != '&' && *p != ' ') {
                p++;
            }

            continue;
        }

        argument = (*p == '?' || *p == '&');
        *q++ = *p++;
    }

    text->len = q - text->data;

    return NGX_OK;
}
