
/*
 * What is in the image trees, at this moment.
 */

#include "ngx_http_caphealth.h"

#include "caphealth_images.h"


static void ngx_http_caphealth_stats_free(void *data);


static ngx_str_t  ngx_http_caphealth_stats_type =
    ngx_string("application/json");


ngx_int_t
ngx_http_caphealth_stats_handler(ngx_http_request_t *r)
{
    char                            *text;
    size_t                           len;
    double                           now;
    ngx_int_t                        rc;
    ngx_pool_cleanup_t              *cln;
    ngx_http_caphealth_main_conf_t  *cmcf;

    rc = ngx_http_caphealth_admit(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    now = ngx_http_caphealth_now();

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL
        || ngx_http_caphealth_refresh(cmcf, now, r->connection->log) != NGX_OK
        || ngx_http_caphealth_add_no_cache(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* live: the request after an upload counts it */

    ngx_http_caphealth_view_images(cmcf->view, now);

    text = caphealth_images_stats(&cmcf->view->facts.images.value, now, &len);
    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_caphealth_stats_free;
    cln->data = text;

    r->headers_out.status = NGX_HTTP_OK;

    return ngx_http_caphealth_send(r, &ngx_http_caphealth_stats_type,
                                   (u_char *) text, len);
}


static void
ngx_http_caphealth_stats_free(void *data)
{
    free(data);
}
