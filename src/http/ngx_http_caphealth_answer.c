
/*
 * What all endpoints do with a request.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_conf.h"


static ngx_uint_t ngx_http_caphealth_is_local(struct sockaddr *sa);


static ngx_http_caphealth_problem_t  ngx_http_caphealth_not_local = {
    NGX_HTTP_FORBIDDEN,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "not-local"),
    ngx_string("Local clients only"),
    ngx_string("This location answers clients on the loopback interface and "
               "on unix sockets only. To open it to others, set "
               "\\\"caphealth_access delegated\\\" and protect the location "
               "with auth_request, auth_basic or allow and deny."),
    ngx_null_string
};


static ngx_http_caphealth_problem_t  ngx_http_caphealth_not_allowed = {
    NGX_HTTP_NOT_ALLOWED,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "method-not-allowed"),
    ngx_string("Method not allowed"),
    ngx_string("This location can only be read. Use GET or HEAD."),
    ngx_string("GET, HEAD")
};


static ngx_str_t  ngx_http_caphealth_problem_type =
    ngx_string("application/problem+json");

static ngx_str_t  ngx_http_caphealth_allow = ngx_string("Allow");

static ngx_str_t  ngx_http_caphealth_cache_control =
    ngx_string("Cache-Control");

static ngx_str_t  ngx_http_caphealth_no_cache =
    ngx_string("private, no-cache");


ngx_int_t
ngx_http_caphealth_check_request(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_caphealth_check_access(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_caphealth_send_problem(r,
                                           &ngx_http_caphealth_not_allowed);
    }

    rc = ngx_http_caphealth_discard_body(r);

    return rc == NGX_OK ? NGX_DECLINED : rc;
}


ngx_int_t
ngx_http_caphealth_check_access(ngx_http_request_t *r)
{
    if (!ngx_http_caphealth_access_allowed(r)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "access forbidden, \"caphealth_access\" is \"local\"");

        return ngx_http_caphealth_send_problem(r,
                                             &ngx_http_caphealth_not_local);
    }

    return NGX_DECLINED;
}


ngx_uint_t
ngx_http_caphealth_access_allowed(ngx_http_request_t *r)
{
    ngx_http_caphealth_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    return clcf->access == NGX_HTTP_CAPHEALTH_ACCESS_DELEGATED
           || ngx_http_caphealth_is_local(r->connection->sockaddr);
}


static ngx_uint_t
ngx_http_caphealth_is_local(struct sockaddr *sa)
{
    in_addr_t             addr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    u_char               *p;
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;

        if (IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr)) {
            return 1;
        }

        p = sin6->sin6_addr.s6_addr;

        return IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr) && p[12] == 127;
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        addr = ntohl(sin->sin_addr.s_addr);

        return (addr >> 24) == 127;

    default:
        return 0;
    }
}


ngx_table_elt_t *
ngx_http_caphealth_header(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == name->len
            && ngx_strncmp(h[i].lowcase_key, name->data, name->len) == 0)
        {
            return &h[i];
        }
    }
}


ngx_int_t
ngx_http_caphealth_header_list(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *list)
{
    u_char           *p;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_str_null(list);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != name->len
                || ngx_strncmp(h[i].lowcase_key, name->data, name->len) != 0)
            {
                continue;
            }

            if (list->len == 0) {
                *list = h[i].value;
                continue;
            }

            p = ngx_pnalloc(r->pool, list->len + 1 + h[i].value.len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            list->len = ngx_sprintf(p, "%V,%V", list, &h[i].value) - p;
            list->data = p;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_caphealth_discard_body(ngx_http_request_t *r)
{
    ngx_table_elt_t  *expect;

    expect = r->headers_in.expect;

    if (r == r->main && expect && r->http_version == NGX_HTTP_VERSION_11
        && r->request_body == NULL && !r->discard_body
        && r->header_in->pos == r->header_in->last
        && (r->headers_in.content_length_n > 0 || r->headers_in.chunked))
    {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "caphealth discards no body, \"Expect: %V\"",
                       &expect->value);

        /*
         * What the client sends next may be the body or another request, and
         * cannot be told apart: the connection is not kept.
         */

        r->expect_tested = 1;
        r->keepalive = 0;
        r->lingering_close = 1;

        return NGX_OK;
    }

    r->expect_tested = 1;

    return ngx_http_discard_request_body(r);
}


ngx_int_t
ngx_http_caphealth_send_problem(ngx_http_request_t *r,
    ngx_http_caphealth_problem_t *problem)
{
    u_char     *p, *data;
    size_t      len;
    ngx_int_t   rc;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth problem: %ui \"%V\"",
                   problem->status, &problem->type);

    rc = ngx_http_caphealth_discard_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    len = sizeof("{\"type\":\"\",\"title\":\"\",\"status\":,\"detail\":\"\"}\n")
          - 1 + NGX_INT_T_LEN
          + problem->type.len + problem->title.len + problem->detail.len;

    data = ngx_pnalloc(r->pool, len);
    if (data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(data, "{\"type\":\"%V\",\"title\":\"%V\",\"status\":%ui,"
                    "\"detail\":\"%V\"}\n",
                    &problem->type, &problem->title, problem->status,
                    &problem->detail);

    if (problem->allow.len
        && ngx_http_caphealth_add_header(r, &ngx_http_caphealth_allow,
                                         &problem->allow)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = problem->status;

    return ngx_http_caphealth_send(r, &ngx_http_caphealth_problem_type, data,
                                   p - data);
}


ngx_table_elt_t *
ngx_http_caphealth_add_header(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = *key;
    h->value = *value;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


ngx_int_t
ngx_http_caphealth_add_etag(ngx_http_request_t *r, ngx_str_t *value)
{
    static ngx_str_t  etag = ngx_string("ETag");

    r->headers_out.etag = ngx_http_caphealth_add_header(r, &etag, value);

    return r->headers_out.etag ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_caphealth_add_no_cache(ngx_http_request_t *r)
{
    return ngx_http_caphealth_add_cache_control(r,
                                                &ngx_http_caphealth_no_cache);
}


/* set in r->headers_out.cache_control as well, where "expires" looks for it */

ngx_int_t
ngx_http_caphealth_add_cache_control(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_table_elt_t   *h;
#if (nginx_version < 1023000)
    ngx_array_t       *cc;
    ngx_table_elt_t  **hp;
#endif

    h = ngx_http_caphealth_add_header(r, &ngx_http_caphealth_cache_control,
                                      value);
    if (h == NULL) {
        return NGX_ERROR;
    }

#if (nginx_version >= 1023000)

    r->headers_out.cache_control = h;

#else

    cc = &r->headers_out.cache_control;

    if (cc->elts == NULL
        && ngx_array_init(cc, r->pool, 1, sizeof(ngx_table_elt_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    hp = ngx_array_push(cc);
    if (hp == NULL) {
        return NGX_ERROR;
    }

    *hp = h;

#endif

    return NGX_OK;
}


ngx_int_t
ngx_http_caphealth_send(ngx_http_request_t *r, ngx_str_t *type, u_char *data,
    size_t len)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = (off_t) len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = data;
    b->last = data + len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
