
/*
 * caphealth_probe
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"
#include "ngx_http_caphealth_worker.h"

#include "caphealth_probe.h"


/* a location with "caphealth_probe ready" */

struct ngx_http_caphealth_probe_s {
    unsigned      checks;            /* a bit for each */
    unsigned      named:1;           /* by the operator */
    u_char       *file;              /* of the directive */
    ngx_uint_t    line;
};


static char *ngx_http_caphealth_probe_checks(ngx_conf_t *cf,
    ngx_http_caphealth_probe_t *probe);
static char *ngx_http_caphealth_probe_configured(ngx_conf_t *cf,
    ngx_http_caphealth_probe_t *probe, unsigned checks, char *directive);
static ngx_int_t ngx_http_caphealth_live_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_ready_handler(ngx_http_request_t *r);
static caphealth_ready_t *ngx_http_caphealth_probe_judge(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_probe_answer(ngx_http_request_t *r,
    const char *name, caphealth_probe_check_t *checks, ngx_uint_t n);


static ngx_str_t  ngx_http_caphealth_ok = ngx_string("ok\n");


char *
ngx_http_caphealth_probe(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t                        *value;
    ngx_http_caphealth_probe_t       *probe, **added;
    ngx_http_caphealth_main_conf_t   *cmcf;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "live") == 0) {

        if (cf->args->nelts > 2) {
            return "has checks for \"ready\" only, \"live\" takes none";
        }

        return ngx_http_caphealth_add_endpoint(cf,
                                            NGX_HTTP_CAPHEALTH_ENDPOINT_PROBE,
                                            ngx_http_caphealth_live_handler);
    }

    if (ngx_strcmp(value[1].data, "ready") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown probe \"%V\", expected \"live\" or "
                           "\"ready\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (lcf->probe != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    probe = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_probe_t));
    if (probe == NULL) {
        return NGX_CONF_ERROR;
    }

    probe->file = cf->conf_file->file.name.data;
    probe->line = cf->conf_file->line;

    if (ngx_http_caphealth_probe_checks(cf, probe) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    if (cmcf->probes == NULL) {
        cmcf->probes = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_http_caphealth_probe_t *));
        if (cmcf->probes == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    added = ngx_array_push(cmcf->probes);
    if (added == NULL) {
        return NGX_CONF_ERROR;
    }

    *added = probe;
    lcf->probe = probe;

    return ngx_http_caphealth_add_endpoint(cf,
                                           NGX_HTTP_CAPHEALTH_ENDPOINT_PROBE,
                                           ngx_http_caphealth_ready_handler);
}


static char *
ngx_http_caphealth_probe_checks(ngx_conf_t *cf,
    ngx_http_caphealth_probe_t *probe)
{
    ngx_str_t   *value;
    ngx_uint_t   i, n;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        for (n = 0; n < CAPHEALTH_READY_CHECKS; n++) {
            if (ngx_strcmp(value[i].data, caphealth_ready_names[n]) == 0) {
                break;
            }
        }

        if (n == CAPHEALTH_READY_CHECKS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown check \"%V\" of \"caphealth_probe "
                               "ready\", expected \"fresh\", \"cpu\", "
                               "\"memory\", \"disk\", \"images\", "
                               "\"database\", \"products\" or "
                               "\"database_size\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (probe->checks & caphealth_ready_bit(n)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "check \"%V\" of \"caphealth_probe ready\" is "
                               "duplicate", &value[i]);
            return NGX_CONF_ERROR;
        }

        probe->checks |= caphealth_ready_bit(n);
        probe->named = 1;
    }

    if (!probe->named) {
        probe->checks = CAPHEALTH_READY_LOCAL;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_init_probes(ngx_conf_t *cf,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    unsigned                      images;
    ngx_uint_t                    i;
    ngx_http_caphealth_probe_t  **probe;

    if (cmcf->probes == NULL) {
        return NGX_CONF_OK;
    }

    probe = cmcf->probes->elts;
    images = caphealth_ready_bit(CAPHEALTH_READY_IMAGES);

    for (i = 0; i < cmcf->probes->nelts; i++) {

        if (ngx_strcmp(cmcf->database.data, "off") == 0
            && ngx_http_caphealth_probe_configured(cf, probe[i],
                                                   CAPHEALTH_READY_SHARED,
                                                   "caphealth_database")
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (cmcf->state.roots->nelts) {
            continue;
        }

        if (!probe[i]->named) {
            probe[i]->checks &= ~images;
        }

        if (ngx_http_caphealth_probe_configured(cf, probe[i], images,
                                                "caphealth_image_root")
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* logs an error if the probe needs one of the checks that cannot be made */

static char *
ngx_http_caphealth_probe_configured(ngx_conf_t *cf,
    ngx_http_caphealth_probe_t *probe, unsigned checks, char *directive)
{
    ngx_uint_t  i;

    for (i = 0; i < CAPHEALTH_READY_CHECKS; i++) {
        if (probe->checks & checks & caphealth_ready_bit(i)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "check \"%s\" of \"caphealth_probe ready\" in "
                          "%s:%ui needs a \"%s\", add one or leave the check "
                          "out", caphealth_ready_names[i], probe->file,
                          probe->line, directive);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_caphealth_live_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    caphealth_probe_check_t  check = { "ping", "", 0, 0 };

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_caphealth_probe_answer(r, "live", &check, 1);
}


static ngx_int_t
ngx_http_caphealth_ready_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_uint_t                      i, n;
    caphealth_ready_t              *ready;
    caphealth_probe_check_t         checks[CAPHEALTH_READY_CHECKS];
    ngx_http_caphealth_loc_conf_t  *lcf;

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ready = ngx_http_caphealth_probe_judge(r);
    if (ready == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    n = 0;

    for (i = 0; i < CAPHEALTH_READY_CHECKS; i++) {

        if (!(lcf->probe->checks & caphealth_ready_bit(i))) {
            continue;
        }

        checks[n].name = caphealth_ready_names[i];
        checks[n].reason = ready->reasons[i];
        checks[n].failed = (ready->failed & caphealth_ready_bit(i)) != 0;
        checks[n].excluded = 0;
        n++;
    }

    return ngx_http_caphealth_probe_answer(r, "ready", checks, n);
}


/* judged once for a change of the facts, as the reports are rendered */

static caphealth_ready_t *
ngx_http_caphealth_probe_judge(ngx_http_request_t *r)
{
    double                            now;
    ngx_http_caphealth_main_conf_t   *cmcf;
    ngx_http_caphealth_worker_ctx_t  *w;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    w = cmcf->worker;

    now = ngx_http_caphealth_now();

    if (ngx_http_caphealth_worker_update(w, now, r->connection->log)
        != NGX_OK)
    {
        return NULL;
    }

    if (w->ready_changes == w->cache->changes) {
        return &w->ready;
    }

    if (w->ready_changes) {
        caphealth_ready_free(&w->ready);
        w->ready_changes = 0;
    }

    if (caphealth_ready(&w->ready, &w->cache->facts, &cmcf->policy, now) != 0) {
        return NULL;
    }

    w->ready_changes = w->cache->changes;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth ready: failed checks %xD, change %ui",
                   (uint32_t) w->ready.failed, w->ready_changes);

    return &w->ready;
}


static ngx_int_t
ngx_http_caphealth_probe_answer(ngx_http_request_t *r, const char *name,
    caphealth_probe_check_t *checks, ngx_uint_t n)
{
    char                *text;
    size_t               len;
    ngx_uint_t           verbose, failed;
    ngx_table_elt_t     *h;
    ngx_pool_cleanup_t  *cln;

    static ngx_str_t  type = ngx_string("text/plain; charset=utf-8");
    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  options = ngx_string("X-Content-Type-Options");
    static ngx_str_t  nosniff = ngx_string("nosniff");

    verbose = caphealth_probe_query(checks, n, (char *) r->args.data,
                                    r->args.len);
    failed = (caphealth_probe_failures(checks, n) != 0);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth probe %s: failed:%ui verbose:%ui",
                   name, failed, verbose);

    h = ngx_http_caphealth_add_header(r, &options, &nosniff);

    if (h == NULL
        || ngx_http_caphealth_add_cache_control(r, &no_store) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = failed ? NGX_HTTP_SERVICE_UNAVAILABLE
                                   : NGX_HTTP_OK;

    if (!failed && !verbose) {
        return ngx_http_caphealth_send(r, &type, ngx_http_caphealth_ok.data,
                                       ngx_http_caphealth_ok.len);
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text = caphealth_probe_text(name, checks, n, (char *) r->args.data,
                                r->args.len, &len);
    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = free;
    cln->data = text;

    return ngx_http_caphealth_send(r, &type, (u_char *) text, len);
}
