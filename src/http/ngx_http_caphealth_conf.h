
/*
 * The module's configuration: what the directives say, and what follows from
 * all of them.
 */

#ifndef _NGX_HTTP_CAPHEALTH_CONF_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_caphealth_collector.h"
#include "ngx_http_caphealth_converters.h"
#include "ngx_http_caphealth_shippers.h"
#include "ngx_http_caphealth_state.h"

#include "caphealth_policy.h"
#include "caphealth_variants.h"


/* of caphealth_zone, bytes */
#define NGX_HTTP_CAPHEALTH_ZONE_MIN          (64 * 1024)

#define NGX_HTTP_CAPHEALTH_ACCESS_LOCAL      0
#define NGX_HTTP_CAPHEALTH_ACCESS_DELEGATED  1


typedef enum {
    NGX_HTTP_CAPHEALTH_ENDPOINT_NONE = 0,
    NGX_HTTP_CAPHEALTH_ENDPOINT_HEALTH,
    NGX_HTTP_CAPHEALTH_ENDPOINT_CAPACITY,
    NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_STATS,
    NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_UPLOAD,
    NGX_HTTP_CAPHEALTH_ENDPOINT_METRICS,
    NGX_HTTP_CAPHEALTH_ENDPOINT_PROBE,
    NGX_HTTP_CAPHEALTH_ENDPOINT_DASHBOARD,
    NGX_HTTP_CAPHEALTH_ENDPOINT_HISTORY,
    NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_OWNERS,
    NGX_HTTP_CAPHEALTH_ENDPOINT_NODES
} ngx_http_caphealth_endpoint_e;


typedef struct ngx_http_caphealth_dashboard_s
    ngx_http_caphealth_dashboard_t;
typedef struct ngx_http_caphealth_probe_s  ngx_http_caphealth_probe_t;
typedef struct ngx_http_caphealth_worker_ctx_s
    ngx_http_caphealth_worker_ctx_t;


typedef struct {
    ngx_http_caphealth_converter_conf_t   converter;
    ngx_http_caphealth_shipper_conf_t     shipper;
    ngx_int_t                             max_files;      /* of a request */
} ngx_http_caphealth_images_conf_t;


typedef struct {
    ngx_http_caphealth_collector_conf_t   collector;
    ngx_http_caphealth_images_conf_t      images;

    ngx_str_t                             database;
    ngx_msec_t                            database_refresh;
    ngx_array_t                          *disks;          /* ngx_str_t */
    ngx_array_t                          *tiers;     /* caphealth_tier_t */
    ngx_str_t                             helper_dir;
    size_t                                zone_size;
    ngx_uint_t                            thresholds;     /* a bit for each
                                                             one that is set */
    caphealth_policy_t                    policy;

    ngx_http_caphealth_state_conf_t       state;          /* and the roots,
                                                             each once */
    ngx_array_t                           dirs;
                                   /* ngx_http_caphealth_directory_t */
    ngx_thread_pool_t                    *thread_pool;
    ngx_array_t                          *dashboards;
                                   /* ngx_http_caphealth_dashboard_t * */
    ngx_array_t                          *probes;
                                   /* ngx_http_caphealth_probe_t * */
    ngx_int_t                             metrics_vendors;

    ngx_uint_t                            enabled;        /* an endpoint is
                                                             configured */
    ngx_uint_t                            uploads;        /* an upload is */
    ngx_uint_t                            histories;      /* a location that
                                                             serves it is */

    ngx_http_caphealth_worker_ctx_t      *worker;         /* NULL: this process
                                                             is none */
} ngx_http_caphealth_main_conf_t;


/* what an owner may have; NGX_CONF_UNSET: as much as there is room for */

typedef struct {
    ngx_int_t                             images;
    off_t                                 bytes;
} ngx_http_caphealth_quota_t;


typedef enum {
    NGX_HTTP_CAPHEALTH_ID_RANDOM = 0,
    NGX_HTTP_CAPHEALTH_ID_KEY,
    NGX_HTTP_CAPHEALTH_ID_CONTENT
} ngx_http_caphealth_image_id_e;


/* of a location that takes images */

typedef struct {
    ngx_str_t                             root;           /* of a store:
                                                      "s3://bucket/prefix" */
    ngx_http_caphealth_store_t           *store;          /* NULL: it is a
                                                             directory */
    ngx_str_t                             source;
    ngx_http_caphealth_root_t            *tree;           /* the root's */
    ngx_str_t                             url;            /* ends with "/" */
    caphealth_variants_t                 *variants;
    ngx_flag_t                            delete;
    ngx_array_t                          *tokens;  /* caphealth_token_key_t;
                                                      NULL: none is needed */
    ngx_http_complex_value_t             *owner;
    ngx_array_t                          *cors;    /* ngx_str_t, origins */
    ngx_http_caphealth_quota_t            quota;
    ngx_uint_t                            id;      /* what follows an id from:
                                           ngx_http_caphealth_image_id_e */
} ngx_http_caphealth_upload_conf_t;


typedef struct {
    ngx_uint_t                            access;
    ngx_http_caphealth_endpoint_e         endpoint;
    ngx_http_handler_pt                   handler;        /* of the endpoint */
    ngx_http_caphealth_upload_conf_t      upload;
    ngx_http_caphealth_dashboard_t       *dashboard;
    ngx_http_caphealth_probe_t           *probe;
    ngx_array_t                          *links;   /* of the dashboard */
    ngx_uint_t                            metrics_nodes;  /* each node of the
                                                             fleet is in the
                                                             metrics */
} ngx_http_caphealth_loc_conf_t;


extern ngx_module_t  ngx_http_caphealth_module;


/* --- directives with a grammar of their own --- */

char *ngx_http_caphealth_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_fleet(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_query(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_threshold(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_tier(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_caphealth_disk(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_caphealth_image_root(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_source(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_state_dir(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_notify(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_scan(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_scan_share(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * The value of a directive that takes one, and is set in a configuration where
 * it is NGX_CONF_UNSET or, with the same bits, NGX_CONF_UNSET_MSEC, _UINT or
 * _SIZE.
 */

typedef enum {
    NGX_HTTP_CAPHEALTH_NUMBER = 0,                        /* ngx_int_t */
    NGX_HTTP_CAPHEALTH_SIZE,                              /* size_t */
    NGX_HTTP_CAPHEALTH_MSEC,                              /* ngx_msec_t */
    NGX_HTTP_CAPHEALTH_NAME                               /* ngx_uint_t */
} ngx_http_caphealth_value_e;

typedef struct {
    ngx_http_caphealth_value_e            type;
    size_t                                low;
    size_t                                high;
    ngx_conf_enum_t                      *names;          /* of a name */
    char                                 *expected;       /* "it must be ..." */
} ngx_http_caphealth_value_t;

/* Sets it; cmd->post is an ngx_http_caphealth_value_t. */
char *ngx_http_caphealth_set_value(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Logs that an argument of the directive must be what is expected, and returns
 * NGX_CONF_ERROR.
 */
char *ngx_http_caphealth_invalid_value(ngx_conf_t *cf, ngx_str_t *value,
    char *expected);

/* Logs an error if value, an argument of the directive, is not UTF-8. */
ngx_int_t ngx_http_caphealth_check_utf8(ngx_conf_t *cf, ngx_str_t *value);

/* Makes the location that endpoint. */
char *ngx_http_caphealth_add_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_endpoint_e endpoint, ngx_http_handler_pt handler);


/* --- what follows from all of them --- */

/*
 * An image root, which the location or one that inherits it may fill; or a tree
 * of sources.
 */
ngx_int_t ngx_http_caphealth_add_root(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t sources);

/*
 * The same of an object store, whose URL is path; *store becomes the one that
 * was added before, if there is one.
 */
ngx_int_t ngx_http_caphealth_add_store(ngx_conf_t *cf, ngx_str_t *path,
    ngx_http_caphealth_store_t **store);

/* A location that takes uploads: the variants that are made, the source. */
ngx_int_t ngx_http_caphealth_add_upload(ngx_conf_t *cf,
    ngx_http_caphealth_upload_conf_t *upload);

/* A directory that the master makes, for the workers' user. */
ngx_int_t ngx_http_caphealth_add_dir(ngx_conf_t *cf, ngx_str_t *name,
    char *directive);

/* Checks the tiers. */
char *ngx_http_caphealth_init_policy(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/* Whether a history is kept. */
void ngx_http_caphealth_init_history(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/* Makes the sources, finds the helper programs, adds the zone. */
char *ngx_http_caphealth_init_runtime(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/*
 * After the merge: where the state is saved, by default beside nginx's temp
 * paths, and which roots no location uploads to.
 */
ngx_int_t ngx_http_caphealth_init_state(ngx_conf_t *cf);


#endif /* _NGX_HTTP_CAPHEALTH_CONF_H_INCLUDED_ */
