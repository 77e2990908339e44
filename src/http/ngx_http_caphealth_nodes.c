
/*
 * caphealth_nodes: the nodes of the fleet, and what they add up to.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_report.h"


static ngx_int_t ngx_http_caphealth_nodes_handler(ngx_http_request_t *r);


static ngx_http_caphealth_problem_t  ngx_http_caphealth_no_fleet = {
    NGX_HTTP_NOT_FOUND,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "no-fleet"),
    ngx_string("No fleet"),
    ngx_string("This node does not belong to a fleet. To add it to one, "
               "set \\\"caphealth_fleet\\\"."),
    ngx_null_string
};


char *
ngx_http_caphealth_nodes(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_caphealth_add_endpoint(cf,
                                           NGX_HTTP_CAPHEALTH_ENDPOINT_NODES,
                                           ngx_http_caphealth_nodes_handler);
}


static ngx_int_t
ngx_http_caphealth_nodes_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_caphealth_main_conf_t  *cmcf;

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    if (!cmcf->worker->cache->facts.fleet.section.configured) {
        return ngx_http_caphealth_send_problem(r,
                                               &ngx_http_caphealth_no_fleet);
    }

    return ngx_http_caphealth_send_report(r, NGX_HTTP_CAPHEALTH_REPORT_NODES,
                                          NULL);
}
