
/*
 * Uploads by pages of other origins.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_cors.h"

#include "caphealth_origin.h"


static ngx_table_elt_t *ngx_http_caphealth_cors_origin(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_caphealth_cors_any(ngx_array_t *cors);
static ngx_int_t ngx_http_caphealth_cors_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_cors_add(ngx_http_request_t *r,
    char *name, char *value, size_t len);


static ngx_http_output_header_filter_pt
    ngx_http_caphealth_cors_next_header_filter;


char *
ngx_http_caphealth_image_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t    *value, *origin;
    ngx_uint_t    i;
    const char   *reason;

    if (lcf->upload.cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    lcf->upload.cors = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                        sizeof(ngx_str_t));
    if (lcf->upload.cors == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        reason = value[i].len == 1 && value[i].data[0] == '*' ? NULL
                 : caphealth_origin_check((char *) value[i].data,
                                          value[i].len);

        if (reason || (cf->args->nelts > 2 && value[i].data[0] == '*')) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in "
                               "\"caphealth_image_cors\" directive, %s",
                               &value[i],
                               reason ? reason
                                      : "\"*\" is any origin, and must be "
                                        "alone");
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(lcf->upload.cors);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_cors_check(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *conf)
{
    if (conf->cors == NULL || conf->tokens
        || !ngx_http_caphealth_cors_any(conf->cors))
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"caphealth_image_cors *\" needs a "
                       "\"caphealth_image_tokens\": without tokens a page of "
                       "any site could make a visitor's browser upload");

    return NGX_CONF_ERROR;
}


void
ngx_http_caphealth_cors_init(void)
{
    ngx_http_caphealth_cors_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_caphealth_cors_header_filter;
}


static ngx_uint_t
ngx_http_caphealth_cors_any(ngx_array_t *cors)
{
    ngx_str_t  *origin;

    origin = cors->elts;

    return origin[0].len == 1 && origin[0].data[0] == '*';
}


ngx_uint_t
ngx_http_caphealth_cors_allowed(ngx_http_request_t *r)
{
    return ngx_http_caphealth_cors_origin(r) != NULL;
}


/* NULL: there is none, or one that is not allowed */

static ngx_table_elt_t *
ngx_http_caphealth_cors_origin(ngx_http_request_t *r)
{
    ngx_str_t                      *origin;
    ngx_uint_t                      i;
    ngx_array_t                    *cors;
    ngx_table_elt_t                *h;
    ngx_http_caphealth_loc_conf_t  *lcf;

    static ngx_str_t  name = ngx_string("origin");

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);
    cors = lcf->upload.cors;

    if (cors == NULL) {
        return NULL;
    }

    h = ngx_http_caphealth_header(r, &name);

    if (h == NULL || ngx_http_caphealth_cors_any(cors)) {
        return h;
    }

    origin = cors->elts;

    /* byte by byte: a browser sends it as the directive must have it */

    for (i = 0; i < cors->nelts; i++) {
        if (h->value.len == origin[i].len
            && ngx_memcmp(h->value.data, origin[i].data, origin[i].len) == 0)
        {
            return h;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_caphealth_cors_preflight(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_str_t                       methods;
    ngx_http_caphealth_loc_conf_t  *lcf;

    static ngx_str_t  name = ngx_string("access-control-request-method");
    static ngx_str_t  post = ngx_string("POST");
    static ngx_str_t  post_delete = ngx_string("POST, DELETE");
    static char       headers[] = "Authorization, Content-Type, "
                                  "Idempotency-Key";

    if (!(r->method & NGX_HTTP_OPTIONS)
        || ngx_http_caphealth_header(r, &name) == NULL
        || !ngx_http_caphealth_cors_allowed(r))
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_caphealth_discard_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);
    methods = lcf->upload.delete ? post_delete : post;

    /* 7200 seconds are the most that Chromium keeps an answer */

    if (ngx_http_caphealth_cors_add(r, "Access-Control-Allow-Methods",
                                    (char *) methods.data, methods.len)
        != NGX_OK
        || ngx_http_caphealth_cors_add(r, "Access-Control-Allow-Headers",
                                       headers, sizeof(headers) - 1)
           != NGX_OK
        || ngx_http_caphealth_cors_add(r, "Access-Control-Max-Age", "7200", 4)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/*
 * Of each answer, also of those that nginx itself has made, as 413: without
 * these headers a page cannot read what is wrong.
 */

static ngx_int_t
ngx_http_caphealth_cors_header_filter(ngx_http_request_t *r)
{
    ngx_table_elt_t                *h;
    ngx_http_caphealth_loc_conf_t  *lcf;

    static char  exposed[] = "Location, Retry-After, WWW-Authenticate";

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    if (lcf->upload.cors == NULL || r != r->main) {
        return ngx_http_caphealth_cors_next_header_filter(r);
    }

    if (ngx_http_caphealth_cors_add(r, "Vary", "Origin", 6) != NGX_OK) {
        return NGX_ERROR;
    }

    h = ngx_http_caphealth_cors_origin(r);

    if (h
        && (ngx_http_caphealth_cors_add(r, "Access-Control-Allow-Origin",
                                        (char *) h->value.data, h->value.len)
            != NGX_OK
            || ngx_http_caphealth_cors_add(r, "Access-Control-Expose-Headers",
                                           exposed, sizeof(exposed) - 1)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_caphealth_cors_next_header_filter(r);
}


/* name and value live as long as the request */

static ngx_int_t
ngx_http_caphealth_cors_add(ngx_http_request_t *r, char *name, char *value,
    size_t len)
{
    ngx_str_t  key, text;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);
    text.data = (u_char *) value;
    text.len = len;

    return ngx_http_caphealth_add_header(r, &key, &text) ? NGX_OK : NGX_ERROR;
}
