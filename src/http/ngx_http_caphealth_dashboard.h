
/*
 * The admin page: its location, and the locations of its data.
 */

#ifndef _NGX_HTTP_CAPHEALTH_DASHBOARD_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_DASHBOARD_H_INCLUDED_


#include "ngx_http_caphealth.h"


typedef enum {
    NGX_HTTP_CAPHEALTH_DATA_HEALTH = 0,
    NGX_HTTP_CAPHEALTH_DATA_CAPACITY,
    NGX_HTTP_CAPHEALTH_DATA_IMAGES,
    NGX_HTTP_CAPHEALTH_DATA_UPLOAD,
    NGX_HTTP_CAPHEALTH_DATA          /* how many there are */
} ngx_http_caphealth_data_e;


/* a parameter of "caphealth_dashboard", and what it leads to */

typedef struct {
    ngx_str_t                    name;
    ngx_str_t                    directive;
    ngx_http_handler_pt          handler;
} ngx_http_caphealth_data_kind_t;


typedef struct {
    ngx_str_t                    uri;        /* decoded; without data: none */
    ngx_str_t                    url;        /* escaped, ends with a NUL */
    ngx_http_core_loc_conf_t    *location;
    unsigned                     named:1;    /* by the operator */
    unsigned                     off:1;
} ngx_http_caphealth_data_t;


struct ngx_http_caphealth_dashboard_s {
    ngx_http_caphealth_data_t    data[NGX_HTTP_CAPHEALTH_DATA];

    caphealth_page_t             page;
    json_t                      *texts;
    ngx_str_t                    policy;     /* Content-Security-Policy */

    ngx_http_core_loc_conf_t    *location;
    ngx_http_core_srv_conf_t    *server;
    ngx_array_t                  kept;       /* ngx_uint_t, of variables that
                                                the server's name sets */

    u_char                      *file;       /* of the directive */
    ngx_uint_t                   line;
};


extern ngx_http_caphealth_data_kind_t
    ngx_http_caphealth_data_kinds[NGX_HTTP_CAPHEALTH_DATA];


/* A decoded path as a URL; ends with a NUL that is not counted. */
ngx_int_t ngx_http_caphealth_escape(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *url);

/*
 * Asks what the access rules of a location would answer this client: starts
 * a subrequest for the URI that gets no further than these rules, and when it
 * is done puts a status of HTTP there, 200 for yes, and calls the request's
 * write_event_handler.  A location with another handler than the wanted one
 * is 404.  The url is the URI as a client would send it; the
 * values of the kept variables, by their indexes, are the request's.
 */
ngx_int_t ngx_http_caphealth_ask(ngx_http_request_t *r, ngx_str_t *uri,
    ngx_str_t *url, ngx_array_t *kept, ngx_http_handler_pt wanted,
    int *status);

/* Adds the handler of the phase in which the questions are answered. */
ngx_int_t ngx_http_caphealth_init_ask(ngx_conf_t *cf);


#endif /* _NGX_HTTP_CAPHEALTH_DASHBOARD_H_INCLUDED_ */
