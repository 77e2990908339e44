
/*
 * Who may upload, and for whom: tokens that the shop's server has signed.
 */

#ifndef _NGX_HTTP_CAPHEALTH_TOKEN_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_TOKEN_H_INCLUDED_


#include "ngx_http_caphealth_conf.h"

#include "caphealth_token.h"


char *ngx_http_caphealth_image_tokens(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Checks the token of a request, before its body is read, or takes the owner
 * of "caphealth_image_owner" where there are no tokens.  NGX_DECLINED: it may
 * go on, and *token says what is granted.  Anything else is the handler's
 * result: it has been answered.
 */
ngx_int_t ngx_http_caphealth_token(ngx_http_request_t *r,
    caphealth_token_t *token);

/*
 * Whether a body of that length is granted, as above.  Of one that is sent in
 * chunks the length is known when it has been read.
 */
ngx_int_t ngx_http_caphealth_token_length(ngx_http_request_t *r,
    caphealth_token_t *token, off_t length);

#define NGX_HTTP_CAPHEALTH_TOKEN_USED                                         \
    "The token is for one use, and has been used. Ask for a new one."

/*
 * Uses a token, if it is of one use; NGX_DECLINED: the request may go on.  The
 * key is that of an upload which may be repeated, and NULL if it may not: a
 * token that was used goes on with the path and the key of its use, to be
 * answered again.  So before anything is stored, _is_over asks whether it was
 * already.  _unuse is called when the request has stored, or removed,
 * something, or nothing: then the token can be used anew.
 */
ngx_int_t ngx_http_caphealth_token_use(ngx_http_request_t *r,
    caphealth_token_t *token, ngx_str_t *key);
ngx_uint_t ngx_http_caphealth_token_is_over(
    ngx_http_caphealth_main_conf_t *cmcf, caphealth_token_t *token);
void ngx_http_caphealth_token_unuse(ngx_http_caphealth_main_conf_t *cmcf,
    caphealth_token_t *token, ngx_uint_t stored);

/*
 * In the rewrite phase: the log is not to have the token of "?token=", so it
 * is masked in what $request and $request_uri are made of.
 */
ngx_int_t ngx_http_caphealth_token_mask(ngx_http_request_t *r);


#endif /* _NGX_HTTP_CAPHEALTH_TOKEN_H_INCLUDED_ */
