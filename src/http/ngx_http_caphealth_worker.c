
/*
 * What a worker process has.
 */

#include "ngx_http_caphealth_worker.h"


static void ngx_http_caphealth_worker_cleanup(void *data);


ngx_int_t
ngx_http_caphealth_worker_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    ngx_pool_cleanup_t               *cln;
    ngx_http_caphealth_counters_t    *counters;
    ngx_http_caphealth_recording_t   *recording;
    ngx_http_caphealth_worker_ctx_t  *w;

    cln = ngx_pool_cleanup_add(cycle->pool,
                               sizeof(ngx_http_caphealth_worker_ctx_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    w = cln->data;
    ngx_memzero(w, sizeof(ngx_http_caphealth_worker_ctx_t));

    cln->handler = ngx_http_caphealth_worker_cleanup;

    w->cache = ngx_http_caphealth_facts_cache_create(cycle->pool,
                                                     &cmcf->collector);
    if (w->cache == NULL) {
        return NGX_ERROR;
    }

    w->conf = &cmcf->collector;
    w->policy = &cmcf->policy;

    w->forecasts = ngx_pcalloc(cycle->pool, sizeof(caphealth_forecasts_t));
    if (w->forecasts == NULL) {
        return NGX_ERROR;
    }

    w->cache->facts.forecasts = w->forecasts;

    cmcf->worker = w;

    counters = ngx_http_caphealth_zone_counters(cmcf->collector.zone);

    ngx_http_caphealth_worker_join(counters);

    if (cmcf->uploads) {
        w->converters = ngx_http_caphealth_converters_create(cycle,
                                                   &cmcf->images.converter,
                                                   counters);
        w->threads = ngx_http_caphealth_threads_create(cycle,
                                                       cmcf->thread_pool);

        if (w->converters == NULL || w->threads == NULL) {
            return NGX_ERROR;
        }
    }

    if (cmcf->images.shipper.stores) {
        w->shippers = ngx_http_caphealth_shippers_create(cycle,
                                                       &cmcf->images.shipper);
        if (w->shippers == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_worker == 0) {
        ngx_http_caphealth_zone_remove_unused(cmcf->collector.zone);
    }

    if (cmcf->state.roots->nelts && cmcf->state.dir.len) {
        w->state = ngx_http_caphealth_state_create(cycle, &cmcf->state,
                                                   ngx_worker == 0);
        if (w->state == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_worker != 0) {
        return NGX_OK;
    }

    recording = NULL;

    if (cmcf->collector.history || cmcf->collector.receivers
        || cmcf->collector.fleet.url.len)
    {
        recording = ngx_http_caphealth_recording_create(cycle,
                                                        &cmcf->collector,
                                                        w->cache,
                                                        &cmcf->policy,
                                                        w->forecasts);
        if (recording == NULL) {
            return NGX_ERROR;
        }
    }

    w->collector = ngx_http_caphealth_collector_create(cycle,
                                                       &cmcf->collector,
                                                       recording, w->shippers);

    return w->collector ? NGX_OK : NGX_ERROR;
}


void
ngx_http_caphealth_worker_stop(ngx_http_caphealth_worker_ctx_t *w)
{
    if (w->collector) {
        ngx_http_caphealth_collector_stop(w->collector);
    }

    if (w->converters) {
        ngx_http_caphealth_converters_stop(w->converters);
    }

    if (w->shippers) {
        ngx_http_caphealth_shippers_stop(w->shippers);
    }

    if (w->threads) {
        ngx_http_caphealth_threads_stop(w->threads);
    }

    if (w->state) {
        ngx_http_caphealth_state_stop(w->state);
    }

    /* a fast shutdown must not wait, and interrupts uploads */

    if (ngx_http_caphealth_zone_leave(w->conf->zone)
        && ngx_exiting && !ngx_terminate)
    {
        ngx_http_caphealth_collector_finish(w->conf, ngx_cycle->log);
    }

    if (w->collector) {
        ngx_http_caphealth_collector_wait(w->collector);
    }
}


static void
ngx_http_caphealth_worker_cleanup(void *data)
{
    ngx_uint_t                        i, dialect;
    ngx_http_caphealth_worker_ctx_t  *w = data;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_REPORTS; i++) {
        ngx_http_caphealth_body_release(w->reports[i]);
    }

    for (i = 0; i < NGX_HTTP_CAPHEALTH_METRICS_PARTS; i++) {
        for (dialect = 0; dialect < CAPHEALTH_DIALECTS; dialect++) {
            ngx_http_caphealth_body_release(w->metrics[i][dialect]);
        }
    }

    if (w->ready_changes) {
        caphealth_ready_free(&w->ready);
    }
}


ngx_int_t
ngx_http_caphealth_worker_update(ngx_http_caphealth_worker_ctx_t *w,
    double now, ngx_log_t *log)
{
    if (ngx_http_caphealth_facts_cache_update(w->cache, now, log)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    if (w->forecasts_changes != w->cache->changes) {
        w->forecasts_changes = w->cache->changes;

        caphealth_forecasts_update(w->forecasts, &w->cache->facts, w->policy,
                                   now);

        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, log, 0,
                       "caphealth forecasts of %uz thresholds, %uL computed "
                       "so far",
                       w->forecasts->n, w->forecasts->computed);
    }

    return NGX_OK;
}


ngx_http_caphealth_body_t *
ngx_http_caphealth_body_create(char *data, size_t len)
{
    ngx_http_caphealth_body_t  *body;

    if (data == NULL) {
        return NULL;
    }

    body = ngx_calloc(sizeof(ngx_http_caphealth_body_t), ngx_cycle->log);
    if (body == NULL) {
        free(data);
        return NULL;
    }

    body->data = data;
    body->len = len;
    body->refs = 1;

    return body;
}


void
ngx_http_caphealth_body_release(void *data)
{
    ngx_http_caphealth_body_t *body = data;

    if (body == NULL || --body->refs) {
        return;
    }

    free(body->data);
    ngx_free(body);
}
