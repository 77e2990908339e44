
/*
 * What worker 0 sends the collector for the history and for notifications.
 */

#include "ngx_http_caphealth_recording.h"

#include <sys/mman.h>

#include "caphealth_recording.h"


/* seconds after a configuration was read that its first workers begin in */
#define NGX_HTTP_CAPHEALTH_RECORDING_BEGIN  30

/* of the answers that are the server's fault, the least status */
#define NGX_HTTP_CAPHEALTH_RECORDING_FAILED  500


struct ngx_http_caphealth_recording_s {
    ngx_http_caphealth_collector_conf_t  *conf;
    ngx_http_caphealth_facts_cache_t     *cache;
    const caphealth_policy_t             *policy;
    caphealth_forecasts_t                *forecasts;
    ngx_log_t                            *log;
    caphealth_recording_t                 last;
    caphealth_record_t                    record;
    caphealth_history_facts_t             past;
    time_t                                failed_since;  /* 0: it is written */
    unsigned                              begun:1;   /* the start is told */
    unsigned                              left_out:1;
    unsigned                              unsent:1;  /* that is logged */
};


static void ngx_http_caphealth_recording_begin(
    ngx_http_caphealth_recording_t *rec, double now);
static void ngx_http_caphealth_recording_uploads(
    ngx_http_caphealth_recording_t *rec,
    caphealth_recording_uploads_t *uploads);
static void ngx_http_caphealth_recording_error(
    ngx_http_caphealth_recording_t *rec);


ngx_http_caphealth_recording_t *
ngx_http_caphealth_recording_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_collector_conf_t *conf,
    ngx_http_caphealth_facts_cache_t *cache, const caphealth_policy_t *policy,
    caphealth_forecasts_t *forecasts)
{
    ngx_http_caphealth_recording_t  *rec;

    rec = ngx_pcalloc(cycle->pool, sizeof(ngx_http_caphealth_recording_t));
    if (rec == NULL) {
        return NULL;
    }

    rec->conf = conf;
    rec->cache = cache;
    rec->policy = policy;
    rec->forecasts = forecasts;
    rec->log = cycle->log;

    return rec;
}


void
ngx_http_caphealth_recording_send(ngx_http_caphealth_recording_t *rec,
    ngx_http_caphealth_helper_t *collector)
{
    int                             left_out;
    double                          now;
    caphealth_ipc_cargo_t           cargo;
    caphealth_ipc_result_e          rc;
    caphealth_ipc_message_t         m;
    caphealth_recording_uploads_t   uploads;
    ngx_http_caphealth_counters_t  *counters;

    now = ngx_http_caphealth_now();

    if (ngx_http_caphealth_facts_cache_update(rec->cache, now, rec->log)
        == NGX_ERROR)
    {
        return;
    }

    /* there may have been no request for a report */

    if (rec->conf->receivers) {
        caphealth_forecasts_update(rec->forecasts, &rec->cache->facts,
                                   rec->policy, now);
    }

    ngx_http_caphealth_facts_cache_images(rec->cache, now);
    ngx_http_caphealth_recording_uploads(rec, &uploads);

    ngx_memzero(&rec->record, sizeof(caphealth_record_t));

    ngx_http_caphealth_recording_begin(rec, now);

    /* a change by a reload, or while worker 0 was replaced, is one, too */

    counters = ngx_http_caphealth_zone_counters(rec->conf->zone);

    if (rec->last.status == CAPHEALTH_NOT_CONFIGURED) {
        rec->last.status = (caphealth_status_e) counters->status;
    }

    left_out = caphealth_recording_fill(&rec->record, &rec->last,
                                        &rec->cache->facts, rec->policy,
                                        &uploads, now);

    counters->status = rec->last.status;

    if (left_out && !rec->left_out) {
        rec->left_out = 1;
        ngx_log_error(NGX_LOG_WARN, rec->log, 0,
                      "%d series are left out of the history: a path is "
                      "longer than it takes, or there are too many",
                      left_out);
    }

    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));

    cargo.fds[0] = caphealth_ipc_memfd(&rec->record,
                                       sizeof(caphealth_record_t));

    if (cargo.fds[0] == -1) {
        ngx_log_error(NGX_LOG_ALERT, rec->log, ngx_errno,
                      "memfd with a record failed");
        return;
    }

    cargo.nfds = 1;

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    m.type = CAPHEALTH_IPC_RECORD;

    rc = ngx_http_caphealth_helper_send(collector, &m, &cargo);

    caphealth_ipc_close(&cargo);

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, rec->log, 0,
                   "caphealth record of %uD series, %uD events: %d",
                   rec->record.nseries, rec->record.nevents, (int) rc);

    /* a collector that does not read is found by the next question */

    if (rc == CAPHEALTH_IPC_OK) {
        rec->unsent = 0;

    } else if (!rec->unsent) {
        rec->unsent = 1;
        ngx_log_error(NGX_LOG_WARN, rec->log, 0,
                      "a record cannot be sent to %s, it is lost",
                      NGX_HTTP_CAPHEALTH_COLLECTOR);
    }
}


static void
ngx_http_caphealth_recording_begin(ngx_http_caphealth_recording_t *rec,
    double now)
{
    caphealth_event_args_t  args;

    if (rec->begun) {
        return;
    }

    rec->begun = 1;

    if (ngx_time() - rec->conf->configured
        > NGX_HTTP_CAPHEALTH_RECORDING_BEGIN)
    {
        caphealth_event_args(&args, CAPHEALTH_EVENT_WORKER_REPLACED, NULL,
                             NULL);

        (void) caphealth_record_event(&rec->record, now,
                                      CAPHEALTH_EVENT_START, "", "",
                                      "a worker process was replaced", &args);
        return;
    }

    caphealth_event_args(&args,
                         rec->conf->reload ? CAPHEALTH_EVENT_RELOADED
                                           : CAPHEALTH_EVENT_STARTED,
                         NULL, NULL);

    (void) caphealth_record_event(&rec->record, now,
                                  rec->conf->reload ? CAPHEALTH_EVENT_RELOAD
                                                    : CAPHEALTH_EVENT_START,
                                  "", "",
                                  rec->conf->reload
                                  ? "nginx has read its configuration anew"
                                  : "nginx has started", &args);
}


static void
ngx_http_caphealth_recording_uploads(ngx_http_caphealth_recording_t *rec,
    caphealth_recording_uploads_t *uploads)
{
    ngx_uint_t                      i, status;
    ngx_http_caphealth_counters_t  *counters;

    counters = ngx_http_caphealth_zone_counters(rec->conf->zone);

    uploads->stored = (double) counters->posts[CAPHEALTH_OUTCOME_OK];
    uploads->p95 = ngx_http_caphealth_stored_p95(counters);
    uploads->waiting = (double) ngx_http_caphealth_workers_waiting(counters);
    uploads->failed = (double) counters->posts[CAPHEALTH_OUTCOME_INTERNAL];

    for (i = 0; i < CAPHEALTH_OUTCOMES; i++) {
        status = caphealth_outcomes[i].status;

        if (status >= NGX_HTTP_CAPHEALTH_RECORDING_FAILED) {
            uploads->failed += (double) counters->posts[i];
        }
    }
}


ngx_int_t
ngx_http_caphealth_recording_past(ngx_http_caphealth_recording_t *rec, int fd)
{
    void        *map;
    size_t       size;
    const char  *wrong;

    map = caphealth_ipc_map(fd, &size);

    if (map == NULL) {
        ngx_log_error(NGX_LOG_ERR, rec->log, ngx_errno,
                      "the past from %s cannot be read",
                      NGX_HTTP_CAPHEALTH_COLLECTOR);
        return NGX_ERROR;
    }

    wrong = caphealth_history_facts_read(&rec->past, map, size);

    (void) munmap(map, size);

    if (wrong) {
        ngx_log_error(NGX_LOG_ERR, rec->log, 0,
                      "invalid past from %s: \"%s\"",
                      NGX_HTTP_CAPHEALTH_COLLECTOR, wrong);
        return NGX_ERROR;
    }

    ngx_http_caphealth_recording_error(rec);
    ngx_http_caphealth_zone_write_past(rec->conf->zone, &rec->past);

    return NGX_OK;
}


static void
ngx_http_caphealth_recording_error(ngx_http_caphealth_recording_t *rec)
{
    if (rec->past.error.code) {
        if (rec->failed_since == 0) {
            rec->failed_since = ngx_time();
        }

        ngx_log_error(NGX_LOG_ERR, rec->log, 0,
                      "caphealth history in \"%V\" is not written: %s",
                      rec->conf->state_dir, rec->past.error.text);

    } else if (rec->failed_since) {
        ngx_log_error(NGX_LOG_NOTICE, rec->log, 0,
                      "caphealth history in \"%V\" is written again, after "
                      "%T seconds", rec->conf->state_dir,
                      ngx_time() - rec->failed_since);

        rec->failed_since = 0;
    }
}
