
/*
 * caphealth_capacity
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_report.h"


#define NGX_HTTP_CAPHEALTH_VENDORS_LIMIT  100
#define NGX_HTTP_CAPHEALTH_VENDORS_MAX    1000


/* the arguments of the list; without data: not given */

typedef struct {
    ngx_str_t   vendors;
    ngx_str_t   limit;
    ngx_str_t   after;
    ngx_uint_t  twice;
} ngx_http_caphealth_vendors_args_t;


static ngx_int_t ngx_http_caphealth_capacity_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_vendors_args(ngx_http_request_t *r,
    ngx_http_caphealth_vendors_args_t *args);
static ngx_int_t ngx_http_caphealth_vendors_value(ngx_http_request_t *r,
    ngx_str_t *arg, ngx_str_t *value);
static ngx_int_t ngx_http_caphealth_vendors_page(ngx_http_request_t *r,
    ngx_http_caphealth_vendors_args_t *args,
    ngx_http_caphealth_vendors_page_t *page);


static ngx_http_caphealth_problem_t  ngx_http_caphealth_invalid_argument = {
    NGX_HTTP_BAD_REQUEST,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "invalid-argument"),
    ngx_string("Invalid argument"),
    ngx_string("The list of vendors takes \\\"vendors=list\\\", \\\"limit\\\", "
               "a number from 1 to 1000, and \\\"after\\\", the "
               "\\\"vendors_next\\\" of the page before, each once."),
    ngx_null_string
};


char *
ngx_http_caphealth_capacity(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_caphealth_add_endpoint(cf,
                                         NGX_HTTP_CAPHEALTH_ENDPOINT_CAPACITY,
                                         ngx_http_caphealth_capacity_handler);
}


static ngx_int_t
ngx_http_caphealth_capacity_handler(ngx_http_request_t *r)
{
    ngx_int_t                          rc;
    ngx_http_caphealth_vendors_args_t  args;
    ngx_http_caphealth_vendors_page_t  page;

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_caphealth_vendors_args(r, &args) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* without "vendors" the other arguments are ignored */

    if (args.vendors.data == NULL) {
        return ngx_http_caphealth_send_report(r,
                                          NGX_HTTP_CAPHEALTH_REPORT_CAPACITY,
                                          NULL);
    }

    rc = ngx_http_caphealth_vendors_page(r, &args, &page);

    if (rc == NGX_DECLINED) {
        return ngx_http_caphealth_send_problem(r,
                                        &ngx_http_caphealth_invalid_argument);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_caphealth_send_report(r,
                                          NGX_HTTP_CAPHEALTH_REPORT_CAPACITY,
                                          &page);
}


static ngx_int_t
ngx_http_caphealth_vendors_args(ngx_http_request_t *r,
    ngx_http_caphealth_vendors_args_t *args)
{
    u_char      *p, *end, *last;
    ngx_str_t    arg, *value;

    ngx_memzero(args, sizeof(ngx_http_caphealth_vendors_args_t));

    last = r->args.data + r->args.len;

    for (p = r->args.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');

        if (end == NULL) {
            end = last;
        }

        arg.data = p;
        arg.len = end - p;

        p = ngx_strlchr(p, end, '=');

        if (p == NULL) {
            p = end;
        }

        if (p - arg.data == 7 && ngx_strncmp(arg.data, "vendors", 7) == 0) {
            value = &args->vendors;

        } else if (p - arg.data == 5 && ngx_strncmp(arg.data, "limit", 5) == 0)
        {
            value = &args->limit;

        } else if (p - arg.data == 5 && ngx_strncmp(arg.data, "after", 5) == 0)
        {
            value = &args->after;

        } else {
            continue;
        }

        if (value->data) {
            args->twice = 1;
        }

        arg.data = (p < end) ? p + 1 : end;
        arg.len = end - arg.data;

        if (ngx_http_caphealth_vendors_value(r, &arg, value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_vendors_value(ngx_http_request_t *r, ngx_str_t *arg,
    ngx_str_t *value)
{
    u_char  *dst, *src;

    value->data = ngx_pnalloc(r->pool, arg->len + 1);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    src = arg->data;
    dst = value->data;

    ngx_unescape_uri(&dst, &src, arg->len, 0);

    value->len = dst - value->data;

    return NGX_OK;
}


/* NGX_DECLINED: an argument is invalid */

static ngx_int_t
ngx_http_caphealth_vendors_page(ngx_http_request_t *r,
    ngx_http_caphealth_vendors_args_t *args,
    ngx_http_caphealth_vendors_page_t *page)
{
    char       *buf;
    ngx_int_t   limit;

    ngx_memzero(page, sizeof(ngx_http_caphealth_vendors_page_t));

    limit = args->limit.data ? ngx_atoi(args->limit.data, args->limit.len)
                             : NGX_HTTP_CAPHEALTH_VENDORS_LIMIT;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth vendors: \"%V\" limit: %i after: \"%V\"",
                   &args->vendors, limit, &args->after);

    if (args->twice
        || args->vendors.len != 4
        || ngx_strncmp(args->vendors.data, "list", 4) != 0
        || limit < 1 || limit > NGX_HTTP_CAPHEALTH_VENDORS_MAX)
    {
        return NGX_DECLINED;
    }

    page->limit = limit;

    if (args->after.data == NULL) {
        return NGX_OK;
    }

    buf = ngx_pnalloc(r->pool, args->after.len + 1);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (caphealth_vendors_cursor_parse(&page->cursor,
                                       (char *) args->after.data,
                                       args->after.len, buf)
        == -1)
    {
        return NGX_DECLINED;
    }

    page->after = &page->cursor;

    return NGX_OK;
}
