
/*
 * The module's configuration, and what the endpoints share.
 */

#ifndef _NGX_HTTP_CAPHEALTH_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_caphealth_collector.h"
#include "ngx_http_caphealth_converters.h"
#include "ngx_http_caphealth_threads.h"
#include "ngx_http_caphealth_state.h"
#include "ngx_http_caphealth_view.h"

#include "caphealth_exposition.h"
#include "caphealth_policy.h"
#include "caphealth_ready.h"
#include "caphealth_report.h"
#include "caphealth_variants.h"


#define NGX_HTTP_CAPHEALTH_URN  "urn:caphealth:problem:"

#define NGX_HTTP_CAPHEALTH_ACCESS_LOCAL      0
#define NGX_HTTP_CAPHEALTH_ACCESS_DELEGATED  1


typedef enum {
    NGX_HTTP_CAPHEALTH_HEALTH = 0,
    NGX_HTTP_CAPHEALTH_HEALTH_JSON,
    NGX_HTTP_CAPHEALTH_CAPACITY,
    NGX_HTTP_CAPHEALTH_REPORTS       /* how many there are */
} ngx_http_caphealth_report_e;


/* of the list of vendors */

typedef struct {
    caphealth_vendor_t         cursor;
    const caphealth_vendor_t  *after;    /* the cursor; NULL: the first page */
    size_t                     limit;
} ngx_http_caphealth_page_t;


/* the parts of the metrics, by what they move with */

typedef enum {
    NGX_HTTP_CAPHEALTH_FACTS = 0,
    NGX_HTTP_CAPHEALTH_VENDORS,      /* with the database */
    NGX_HTTP_CAPHEALTH_LIVE,         /* with each request */
    NGX_HTTP_CAPHEALTH_TEXTS         /* how many there are */
} ngx_http_caphealth_text_e;


typedef struct ngx_http_caphealth_body_s  ngx_http_caphealth_body_t;
typedef struct ngx_http_caphealth_text_s  ngx_http_caphealth_text_t;
typedef struct ngx_http_caphealth_dashboard_s
    ngx_http_caphealth_dashboard_t;


/* a location with "caphealth_probe ready" */

typedef struct {
    unsigned                              checks;    /* a bit for each */
    unsigned                              named:1;   /* by the operator */
    u_char                               *file;      /* of the directive */
    ngx_uint_t                            line;
} ngx_http_caphealth_probe_t;


typedef struct {
    ngx_http_caphealth_converter_conf_t   converter;
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
                                   /* ngx_http_caphealth_dir_t */
    ngx_thread_pool_t                    *thread_pool;
    ngx_array_t                          *dashboards;
                                   /* ngx_http_caphealth_dashboard_t * */
    ngx_array_t                          *probes;
                                   /* ngx_http_caphealth_probe_t * */
    ngx_int_t                             metrics_vendors;

    ngx_uint_t                            enabled;        /* an endpoint is
                                                             configured */
    ngx_uint_t                            uploads;        /* an upload is */

    /* of this process */

    ngx_http_caphealth_view_t            *view;
    ngx_http_caphealth_collector_t       *process;
    ngx_http_caphealth_converters_t      *converters;
    ngx_http_caphealth_threads_t         *threads;
    ngx_http_caphealth_state_t           *saver;
    ngx_http_caphealth_body_t            *bodies[NGX_HTTP_CAPHEALTH_REPORTS];
    caphealth_ready_t                     ready;
    ngx_uint_t                            judged;         /* ready is */
    ngx_http_caphealth_text_t            *metrics[NGX_HTTP_CAPHEALTH_TEXTS]
                                                 [CAPHEALTH_DIALECTS];
    caphealth_status_e                    status;
    ngx_uint_t                            assessed;       /* the view's changes
                                                             that status is of
                                                             */
} ngx_http_caphealth_main_conf_t;


typedef struct {
    ngx_uint_t                            access;
    ngx_str_t                             image_root;
    ngx_str_t                             image_url;      /* ends with "/" */
    caphealth_variants_t                 *variants;
    ngx_flag_t                            image_delete;
    ngx_flag_t                            upload;
    ngx_http_handler_pt                   handler;        /* of the endpoint */
    ngx_http_caphealth_dashboard_t       *dashboard;
    ngx_http_caphealth_probe_t           *probe;
    ngx_array_t                          *links;   /* of the dashboard */
} ngx_http_caphealth_loc_conf_t;


extern ngx_module_t  ngx_http_caphealth_module;


/* --- directives with a grammar of their own --- */

char *ngx_http_caphealth_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_query(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_threshold(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_tier(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_caphealth_disk(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_caphealth_image_root(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_upload(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_variant(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

char *ngx_http_caphealth_dashboard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_dashboard_link(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_conf_post_t's: what a value must be. */
char *ngx_http_caphealth_interval(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_caphealth_timeout(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_caphealth_cpu_window(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_caphealth_zone_size(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_caphealth_image_timeout(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_caphealth_image_pixels(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_caphealth_image_memory(ngx_conf_t *cf, void *post, void *data);

char *ngx_http_caphealth_state_dir(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_image_scan(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_scan_share(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* What the tiers add up to. */
char *ngx_http_caphealth_init_policy(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/* Says so, if a value is not in UTF-8. */
ngx_int_t ngx_http_caphealth_utf8(ngx_conf_t *cf, ngx_str_t *value);

/* What the directives about images add up to, in a location and in all. */
char *ngx_http_caphealth_merge_images(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf);
char *ngx_http_caphealth_init_images(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/*
 * The locations of each dashboard's data: while nginx's list of locations is
 * still whole, before they are merged.
 */
char *ngx_http_caphealth_find_data(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);

/* What of the dashboards is known only after the merge. */
ngx_int_t ngx_http_caphealth_init_dashboards(ngx_conf_t *cf);

/* Where the state is saved, if nobody said: beside nginx's temp paths. */
ngx_int_t ngx_http_caphealth_init_state(ngx_conf_t *cf);


/* Makes the sources, finds the helper program, adds the zone. */
char *ngx_http_caphealth_setup(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);


/* --- the endpoints --- */

char *ngx_http_caphealth_health(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_capacity(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_stats(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_caphealth_probe(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Whether what each probe names is there to be looked at. */
char *ngx_http_caphealth_init_probes(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf);
char *ngx_http_caphealth_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Makes handler the location's, and that of a "limit_except" in it. */
char *ngx_http_caphealth_endpoint(ngx_conf_t *cf, ngx_http_handler_pt handler);
void ngx_http_caphealth_merge_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf);

ngx_int_t ngx_http_caphealth_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_capacity_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_stats_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_upload_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_dashboard_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_live_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_ready_handler(ngx_http_request_t *r);

/*
 * A process's view of the facts, and what is rendered from it, which go when
 * the cycle does.
 */
ngx_int_t ngx_http_caphealth_report_init(ngx_cycle_t *cycle,
    ngx_http_caphealth_main_conf_t *cmcf);

/*
 * A report: rendered once for a generation of the facts, then sent from the
 * same memory to everyone who asks.
 */
ngx_int_t ngx_http_caphealth_report(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report);

/*
 * The same for a client that is admitted.  With a page, which only the
 * capacity report has, the answer is rendered for this request.
 */
ngx_int_t ngx_http_caphealth_send_report(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report, ngx_http_caphealth_page_t *page);

/*
 * Brings the facts up to date, and throws away what was rendered of older
 * ones.  now is in seconds since the epoch.
 */
ngx_int_t ngx_http_caphealth_refresh(ngx_http_caphealth_main_conf_t *cmcf,
    double now, ngx_log_t *log);

/*
 * The overall status, as the health report would have it now; judged once for
 * a generation of the facts.
 */
caphealth_status_e ngx_http_caphealth_status(
    ngx_http_caphealth_main_conf_t *cmcf, ngx_log_t *log);

/* At the end of the process. */
void ngx_http_caphealth_metrics_forget(ngx_http_caphealth_main_conf_t *cmcf);

/* Cache-Control: private, no-cache; or value, which outlives the request. */
ngx_int_t ngx_http_caphealth_add_no_cache(ngx_http_request_t *r);
ngx_int_t ngx_http_caphealth_add_cache_control(ngx_http_request_t *r,
    ngx_str_t *value);


/* --- variables --- */

extern ngx_http_variable_t  ngx_http_caphealth_variables[];

/* Whether $caphealth_status is used, which needs the facts. */
ngx_uint_t ngx_http_caphealth_status_used(ngx_conf_t *cf);


/* --- answers --- */

typedef struct {
    ngx_uint_t    status;
    ngx_str_t     type;              /* stable, see docs/http-api.md */
    ngx_str_t     title;
    ngx_str_t     detail;            /* what to do about it */
    ngx_str_t     allow;             /* for 405 */
} ngx_http_caphealth_problem_t;


/*
 * What every read-only endpoint asks first: may this client, with this
 * method.  NGX_DECLINED: it may.  Anything else is the handler's result.
 */
ngx_int_t ngx_http_caphealth_admit(ngx_http_request_t *r);

/* The same, whatever the method. */
ngx_int_t ngx_http_caphealth_admit_client(ngx_http_request_t *r);

/* Whether "caphealth_access" of the request's location lets this client in. */
ngx_uint_t ngx_http_caphealth_allowed(ngx_http_request_t *r);

/* The first header of that name, in lower case; NULL: there is none. */
ngx_table_elt_t *ngx_http_caphealth_header(ngx_http_request_t *r,
    ngx_str_t *name);

/*
 * The headers of that name, joined by commas as RFC 9110 has it; of length 0:
 * there is none.  A copy is made only of several.
 */
ngx_int_t ngx_http_caphealth_header_list(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *list);

/*
 * As ngx_http_discard_request_body(), for a body that no answer depends on: a
 * client that waits for 100 Continue gets the answer instead.
 */
ngx_int_t ngx_http_caphealth_discard_body(ngx_http_request_t *r);

/* Sends application/problem+json, RFC 9457. */
ngx_int_t ngx_http_caphealth_send_problem(ngx_http_request_t *r,
    ngx_http_caphealth_problem_t *problem);

/* key and value must live as long as the request. */
ngx_table_elt_t *ngx_http_caphealth_add_header(ngx_http_request_t *r,
    ngx_str_t *key, ngx_str_t *value);

/* Sends a header and len bytes of memory that outlives the request. */
ngx_int_t ngx_http_caphealth_send(ngx_http_request_t *r, ngx_str_t *type,
    u_char *data, size_t len);


#endif /* _NGX_HTTP_CAPHEALTH_H_INCLUDED_ */
