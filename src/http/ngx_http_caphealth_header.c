
/*
 * What a client's headers say.
 */

#include "ngx_http_caphealth.h"


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
