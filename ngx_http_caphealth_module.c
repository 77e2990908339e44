
/*
 * caphealth: a shop platform's health and capacity, from inside nginx.
 */

#include "ngx_http_caphealth_conf.h"
#include "ngx_http_caphealth_cors.h"
#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_token.h"
#include "ngx_http_caphealth_upload_conf.h"
#include "ngx_http_caphealth_upload_outcome.h"
#include "ngx_http_caphealth_worker.h"

#include "caphealth_multipart.h"


static ngx_int_t ngx_http_caphealth_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_caphealth_add_variables(ngx_conf_t *cf,
    ngx_http_variable_t *v);
static ngx_int_t ngx_http_caphealth_init(ngx_conf_t *cf);
static void *ngx_http_caphealth_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_caphealth_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_caphealth_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_caphealth_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void ngx_http_caphealth_merge_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf);

static ngx_int_t ngx_http_caphealth_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_caphealth_init_process(ngx_cycle_t *cycle);
static void ngx_http_caphealth_exit_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_caphealth_accesses[] = {
    { ngx_string("local"), NGX_HTTP_CAPHEALTH_ACCESS_LOCAL },
    { ngx_string("delegated"), NGX_HTTP_CAPHEALTH_ACCESS_DELEGATED },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_caphealth_priorities[] = {
    { ngx_string("normal"), 0 },
    { ngx_string("idle"), 1 },
    { ngx_null_string, 0 }
};


/* of the directives that take one value: what it may be */

static ngx_http_caphealth_value_t  ngx_http_caphealth_access_value = {
    NGX_HTTP_CAPHEALTH_NAME, 0, 0, ngx_http_caphealth_accesses,
    "\"local\" or \"delegated\""
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_refresh_value = {
    NGX_HTTP_CAPHEALTH_MSEC, 1000, 86400000, NULL,
    "a time between 1s and 1d"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_timeout_value = {
    NGX_HTTP_CAPHEALTH_MSEC, 100, 600000, NULL,
    "a time between 100ms and 10m"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_cpu_window_value = {
    NGX_HTTP_CAPHEALTH_MSEC, 10000, 3600000, NULL,
    "a time between 10s and 1h"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_zone_value = {
    NGX_HTTP_CAPHEALTH_SIZE, NGX_HTTP_CAPHEALTH_ZONE_MIN,
    NGX_MAX_SIZE_T_VALUE, NULL,
    "a size of at least 64k"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_history_size_value = {
    NGX_HTTP_CAPHEALTH_SIZE, 4 * 1024 * 1024, 1024 * 1024 * 1024, NULL,
    "a size between 4m and 1g"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_vendors_value = {
    NGX_HTTP_CAPHEALTH_NUMBER, 0, 10000, NULL,
    "a number of vendors between 0 and 10000"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_max_files_value = {
    NGX_HTTP_CAPHEALTH_NUMBER, 1, CAPHEALTH_PARTS_MAX, NULL,
    "a number of files between 1 and 100"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_max_pixels_value = {
    NGX_HTTP_CAPHEALTH_SIZE, 1, CAPHEALTH_PIXELS_MAX, NULL,
    "width times height, between 1 and 1g"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_image_timeout_value = {
    NGX_HTTP_CAPHEALTH_MSEC, 1000, 600000, NULL,
    "a time between 1s and 10m"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_image_memory_value = {
    NGX_HTTP_CAPHEALTH_SIZE, 64 * 1024 * 1024, NGX_MAX_SIZE_T_VALUE, NULL,
    "a size of at least 64m, of which the decoders themselves take half"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_converters_value = {
    NGX_HTTP_CAPHEALTH_NUMBER, 1, 16, NULL,
    "a number of processes for each worker between 1 and 16"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_queue_value = {
    NGX_HTTP_CAPHEALTH_NUMBER, 0, 1024, NULL,
    "a number of images between 0 and 1024"
};

static ngx_http_caphealth_value_t  ngx_http_caphealth_priority_value = {
    NGX_HTTP_CAPHEALTH_NAME, 0, 0, ngx_http_caphealth_priorities,
    "\"normal\" or \"idle\""
};


static ngx_command_t  ngx_http_caphealth_commands[] = {

    { ngx_string("caphealth_database"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_database,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_fleet"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_caphealth_fleet,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_query"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_caphealth_query,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_refresh"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, collector.refresh),
      &ngx_http_caphealth_refresh_value },

    { ngx_string("caphealth_database_refresh"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, database_refresh),
      &ngx_http_caphealth_refresh_value },

    { ngx_string("caphealth_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, collector.timeout),
      &ngx_http_caphealth_timeout_value },

    { ngx_string("caphealth_cpu_window"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, collector.cpu_window),
      &ngx_http_caphealth_cpu_window_value },

    { ngx_string("caphealth_threshold"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_caphealth_threshold,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_tier"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_caphealth_tier,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_disk"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_disk,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, zone_size),
      &ngx_http_caphealth_zone_value },

    { ngx_string("caphealth_helper_dir"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, helper_dir),
      NULL },

    { ngx_string("caphealth_access"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_caphealth_loc_conf_t, access),
      &ngx_http_caphealth_access_value },

    { ngx_string("caphealth_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_caphealth_health,
      0,
      0,
      NULL },

    { ngx_string("caphealth_capacity"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_caphealth_capacity,
      0,
      0,
      NULL },

    { ngx_string("caphealth_image_stats"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_caphealth_image_stats,
      0,
      0,
      NULL },

    { ngx_string("caphealth_probe"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_caphealth_probe,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_nodes"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_caphealth_nodes,
      0,
      0,
      NULL },

    { ngx_string("caphealth_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_caphealth_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_metrics_vendors"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, metrics_vendors),
      &ngx_http_caphealth_vendors_value },

    { ngx_string("caphealth_dashboard"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_caphealth_dashboard,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_dashboard_link"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_caphealth_dashboard_link,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_upload"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_caphealth_image_upload,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_root"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_image_root,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_store"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_caphealth_image_store,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_url"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_image_url,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_variant"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1234,
      ngx_http_caphealth_image_variant,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_source"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_image_source,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_id"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_image_id,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_delete"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_caphealth_loc_conf_t, upload.delete),
      NULL },

    { ngx_string("caphealth_image_tokens"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_image_tokens,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_owner"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_caphealth_loc_conf_t, upload.owner),
      NULL },

    { ngx_string("caphealth_image_quota"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_caphealth_image_quota,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_owners"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_caphealth_image_owners,
      0,
      0,
      NULL },

    { ngx_string("caphealth_image_cors"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_caphealth_image_cors,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_max_pixels"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, images.converter.max_pixels),
      &ngx_http_caphealth_max_pixels_value },

    { ngx_string("caphealth_image_max_files"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, images.max_files),
      &ngx_http_caphealth_max_files_value },

    { ngx_string("caphealth_image_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, images.converter.timeout),
      &ngx_http_caphealth_image_timeout_value },

    { ngx_string("caphealth_image_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, images.converter.memory),
      &ngx_http_caphealth_image_memory_value },

    { ngx_string("caphealth_image_converters"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, images.converter.converters),
      &ngx_http_caphealth_converters_value },

    { ngx_string("caphealth_image_queue"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, images.converter.queue),
      &ngx_http_caphealth_queue_value },

    { ngx_string("caphealth_image_priority"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, images.converter.sched_idle),
      &ngx_http_caphealth_priority_value },

    { ngx_string("caphealth_state_dir"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_state_dir,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_history"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, collector.history),
      NULL },

    { ngx_string("caphealth_history"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_caphealth_history,
      0,
      0,
      NULL },

    { ngx_string("caphealth_history_size"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_set_value,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_caphealth_main_conf_t, collector.history_size),
      &ngx_http_caphealth_history_size_value },

    { ngx_string("caphealth_notify"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_caphealth_notify,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_scan"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_image_scan,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("caphealth_image_scan_share"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_caphealth_scan_share,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_caphealth_module_ctx = {
    ngx_http_caphealth_preconfiguration,   /* preconfiguration */
    ngx_http_caphealth_init,               /* postconfiguration */

    ngx_http_caphealth_create_main_conf,   /* create main configuration */
    ngx_http_caphealth_init_main_conf,     /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_caphealth_create_loc_conf,    /* create location configuration */
    ngx_http_caphealth_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_caphealth_module = {
    NGX_MODULE_V1,
    &ngx_http_caphealth_module_ctx,        /* module context */
    ngx_http_caphealth_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_caphealth_init_module,        /* init module */
    ngx_http_caphealth_init_process,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_caphealth_exit_process,       /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_caphealth_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_http_caphealth_add_variables(cf, ngx_http_caphealth_variables)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_caphealth_add_variables(cf,
                                         ngx_http_caphealth_upload_variables);
}


static ngx_int_t
ngx_http_caphealth_add_variables(ngx_conf_t *cf, ngx_http_variable_t *v)
{
    ngx_http_variable_t  *var;

    for ( /* void */ ; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *core;

    core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&core->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_caphealth_token_mask;

    ngx_http_caphealth_cors_init();

    if (ngx_http_caphealth_init_state(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_caphealth_init_dashboard_pages(cf);
}


static void *
ngx_http_caphealth_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_main_conf_t));
    if (cmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     cmcf->database = { 0, NULL };
     *     cmcf->disks = NULL;
     *     cmcf->tiers = NULL;
     *     cmcf->collector.receivers = NULL;
     *     cmcf->images.shipper.stores = NULL;
     *     cmcf->helper_dir = { 0, NULL };
     *     cmcf->thresholds = 0;
     *     cmcf->state.dir = { 0, NULL };
     *     cmcf->thread_pool = NULL;
     *     cmcf->dashboards = NULL;
     *     cmcf->probes = NULL;
     *     cmcf->enabled = 0;
     *     cmcf->uploads = 0;
     *     cmcf->histories = 0;
     *     cmcf->worker = NULL;
     */

    cmcf->collector.refresh = NGX_CONF_UNSET_MSEC;
    cmcf->collector.timeout = NGX_CONF_UNSET_MSEC;
    cmcf->collector.cpu_window = NGX_CONF_UNSET_MSEC;
    cmcf->collector.scan = NGX_CONF_UNSET;
    cmcf->collector.history = NGX_CONF_UNSET;
    cmcf->collector.history_size = NGX_CONF_UNSET_SIZE;
    cmcf->collector.scan_share = NGX_CONF_UNSET_UINT;
    cmcf->database_refresh = NGX_CONF_UNSET_MSEC;
    cmcf->zone_size = NGX_CONF_UNSET_SIZE;
    cmcf->metrics_vendors = NGX_CONF_UNSET;
    cmcf->images.max_files = NGX_CONF_UNSET;
    cmcf->images.converter.max_pixels = NGX_CONF_UNSET_SIZE;
    cmcf->images.converter.timeout = NGX_CONF_UNSET_MSEC;
    cmcf->images.converter.memory = NGX_CONF_UNSET_SIZE;
    cmcf->images.converter.converters = NGX_CONF_UNSET;
    cmcf->images.converter.queue = NGX_CONF_UNSET;
    cmcf->images.converter.sched_idle = NGX_CONF_UNSET_UINT;

    cmcf->state.roots = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_http_caphealth_root_t *));

    if (cmcf->state.roots == NULL
        || ngx_array_init(&cmcf->dirs, cf->pool, 4,
                          sizeof(ngx_http_caphealth_directory_t))
           != NGX_OK)
    {
        return NULL;
    }

    caphealth_policy_init(&cmcf->policy);

    return cmcf;
}


static char *
ngx_http_caphealth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_conf_init_msec_value(cmcf->collector.refresh, 10000);
    ngx_conf_init_msec_value(cmcf->collector.timeout, 5000);

    if (cmcf->collector.fleet.grace == 0) {
        cmcf->collector.fleet.grace = CAPHEALTH_STALE_INTERVALS
                                      * cmcf->collector.refresh;
    }

    ngx_conf_init_msec_value(cmcf->collector.cpu_window, 300000);
    ngx_conf_init_msec_value(cmcf->database_refresh, 60000);
    ngx_conf_init_value(cmcf->metrics_vendors, 0);
    ngx_conf_init_value(cmcf->collector.scan, 6 * 3600);
    ngx_conf_init_size_value(cmcf->collector.history_size, 50 * 1024 * 1024);
    ngx_http_caphealth_init_history(cf, cmcf);
    ngx_conf_init_uint_value(cmcf->collector.scan_share, 25);
    ngx_conf_init_value(cmcf->images.max_files, 10);
    ngx_conf_init_size_value(cmcf->images.converter.max_pixels,
                             CAPHEALTH_PIXELS_MAX);
    ngx_conf_init_msec_value(cmcf->images.converter.timeout, 30000);
    ngx_conf_init_size_value(cmcf->images.converter.memory,
                             1024 * 1024 * 1024);
    ngx_conf_init_value(cmcf->images.converter.converters, 1);
    ngx_conf_init_value(cmcf->images.converter.queue, 32);
    ngx_conf_init_uint_value(cmcf->images.converter.sched_idle, 1);

    cmcf->images.shipper.queue = cmcf->images.converter.queue;

    if (ngx_http_caphealth_variables_used(cf)) {
        cmcf->enabled = 1;
    }

    if (cmcf->database.data == NULL) {
        ngx_str_set(&cmcf->database, "off");
    }

    if (cmcf->collector.queries && ngx_strcmp(cmcf->database.data, "off") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"caphealth_query\" needs a "
                           "\"caphealth_database\" that is not \"off\"");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_init_policy(cf, cmcf) != NGX_CONF_OK
        || ngx_http_caphealth_init_probes(cf, cmcf) != NGX_CONF_OK
        || ngx_http_caphealth_init_dashboard_data(cf, cmcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return cmcf->enabled ? ngx_http_caphealth_init_runtime(cf, cmcf)
                         : NGX_CONF_OK;
}


static void *
ngx_http_caphealth_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_caphealth_loc_conf_t  *clcf;

    clcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_loc_conf_t));
    if (clcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     clcf->endpoint = NGX_HTTP_CAPHEALTH_ENDPOINT_NONE;
     *     clcf->handler = NULL;
     *     clcf->upload.root = { 0, NULL };
     *     clcf->upload.store = NULL;
     *     clcf->upload.source = { 0, NULL };
     *     clcf->upload.tree = NULL;
     *     clcf->upload.url = { 0, NULL };
     *     clcf->upload.owner = NULL;
     */

    clcf->access = NGX_CONF_UNSET_UINT;
    clcf->upload.variants = NGX_CONF_UNSET_PTR;
    clcf->upload.delete = NGX_CONF_UNSET;
    clcf->upload.tokens = NGX_CONF_UNSET_PTR;
    clcf->upload.cors = NGX_CONF_UNSET_PTR;
    clcf->upload.quota.images = NGX_CONF_UNSET;
    clcf->upload.quota.bytes = NGX_CONF_UNSET;
    clcf->upload.id = NGX_CONF_UNSET_UINT;
    clcf->dashboard = NGX_CONF_UNSET_PTR;
    clcf->probe = NGX_CONF_UNSET_PTR;
    clcf->links = NGX_CONF_UNSET_PTR;
    clcf->metrics_nodes = NGX_CONF_UNSET_UINT;

    return clcf;
}


static char *
ngx_http_caphealth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_caphealth_loc_conf_t *prev = parent;
    ngx_http_caphealth_loc_conf_t *conf = child;

    ngx_conf_merge_uint_value(conf->access, prev->access,
                              NGX_HTTP_CAPHEALTH_ACCESS_LOCAL);
    ngx_conf_merge_ptr_value(conf->dashboard, prev->dashboard, NULL);
    ngx_conf_merge_ptr_value(conf->probe, prev->probe, NULL);
    ngx_conf_merge_ptr_value(conf->links, prev->links, NULL);
    ngx_conf_merge_uint_value(conf->metrics_nodes, prev->metrics_nodes, 0);

    ngx_http_caphealth_merge_endpoint(cf, prev, conf);

    return ngx_http_caphealth_merge_upload_conf(cf, prev, conf);
}


/*
 * "if" and "limit_except" are locations of their own.  nginx keeps the handler
 * of the location around an "if", but not that around a "limit_except".
 */

static void
ngx_http_caphealth_merge_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_loc_conf_t *prev, ngx_http_caphealth_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->handler == NULL) {
        conf->handler = prev->handler;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = conf->handler;
    }
}


/* the configuration is in force, and its workers are started next */

static ngx_int_t
ngx_http_caphealth_init_module(ngx_cycle_t *cycle)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_caphealth_module);

    if (cmcf && cmcf->enabled) {
        ngx_http_caphealth_zone_begin(cmcf->collector.zone);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_init_process(ngx_cycle_t *cycle)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_caphealth_module);

    if (cmcf == NULL || !cmcf->enabled
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    return ngx_http_caphealth_worker_create(cycle, cmcf);
}


static void
ngx_http_caphealth_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_caphealth_module);

    if (cmcf && cmcf->worker) {
        ngx_http_caphealth_worker_stop(cmcf->worker);
    }
}
