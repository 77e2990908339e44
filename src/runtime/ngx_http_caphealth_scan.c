
/*
 * The scan of an image tree: a slice at a time, and no faster than it may be.
 */

#include "ngx_http_caphealth_lane.h"
#include "ngx_http_caphealth_state.h"

#include <sys/mman.h>


/* between two looks whether there is anything to walk */
#define NGX_HTTP_CAPHEALTH_SCAN_TICK     1000

/* before a slice that keeps changing is walked again */
#define NGX_HTTP_CAPHEALTH_SCAN_AGAIN    50

/* a slice with very many files, on a disk that is slow and not cached */
#define NGX_HTTP_CAPHEALTH_SCAN_TIMEOUT  300000

/* before a tree that cannot be read is tried again */
#define NGX_HTTP_CAPHEALTH_SCAN_RETRY    10000


static ngx_uint_t ngx_http_caphealth_scan_known(
    ngx_http_caphealth_lane_t *lane);
static void ngx_http_caphealth_scan_ended(ngx_http_caphealth_lane_t *lane);
static ngx_msec_t ngx_http_caphealth_scan_judge(
    ngx_http_caphealth_lane_t *lane, caphealth_walk_t *walk);


void
ngx_http_caphealth_scan_ask(ngx_http_caphealth_lane_t *lane)
{
    ngx_int_t                             rc;
    caphealth_ipc_message_t               m;
    ngx_http_caphealth_collector_conf_t  *conf;

    conf = lane->collector->conf;

    rc = ngx_http_caphealth_tree_step(conf->zone, &lane->source->root->path,
                                      (double) conf->scan,
                                      ngx_http_caphealth_state_others(),
                                      &lane->step);

    if (rc == NGX_DONE) {
        ngx_http_caphealth_scan_ended(lane);
    }

    if (rc != NGX_OK) {
        ngx_add_timer(&lane->event, NGX_HTTP_CAPHEALTH_SCAN_TICK);
        return;
    }

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));

    m.type = CAPHEALTH_IPC_SCAN;
    m.value = CAPHEALTH_IPC_SLICE(lane - lane->collector->lanes,
                                  lane->step.slice);

    (void) ngx_http_caphealth_lane_send(lane, &m,
                                        NGX_HTTP_CAPHEALTH_SCAN_TIMEOUT);
}


/* at the level of a drift that nobody expects, else for who wants to know */

static void
ngx_http_caphealth_scan_ended(ngx_http_caphealth_lane_t *lane)
{
    ngx_uint_t         level;
    caphealth_scan_t   scan;
    caphealth_total_t  total;

    if (ngx_http_caphealth_tree_total(lane->collector->conf->zone,
                                      &lane->source->root->path, &total,
                                      &scan)
        != NGX_OK)
    {
        return;
    }

    level = scan.drift_files || scan.drift_bytes ? NGX_LOG_WARN
                                                 : NGX_LOG_NOTICE;

    ngx_log_error(level, lane->collector->log, 0,
                  "caphealth %V: %L files, %L bytes, %L images found in %.3f "
                  "seconds; the counts were off by %L files, %L bytes",
                  &lane->source->name, total.files, total.bytes, total.sets,
                  scan.scan_seconds, scan.drift_files, scan.drift_bytes);

    ngx_http_caphealth_lane_tell(lane, NULL);
}


ngx_int_t
ngx_http_caphealth_scan_answered(ngx_http_caphealth_lane_t *lane, int fd)
{
    size_t             size;
    ngx_uint_t         valid;
    ngx_msec_t         pause;
    caphealth_walk_t  *walk;

    walk = caphealth_ipc_map(fd, &size);
    if (walk == NULL) {
        return NGX_ERROR;
    }

    valid = (size == sizeof(caphealth_walk_t) && caphealth_walk_valid(walk));

    if (!valid) {
        (void) munmap(walk, size);
        return NGX_ERROR;
    }

    lane->waiting = 0;
    lane->overdue = 0;
    lane->shun = 0;

    pause = ngx_http_caphealth_scan_judge(lane, walk);

    (void) munmap(walk, size);

    if (pause) {
        ngx_add_timer(&lane->event, pause);
        return NGX_OK;
    }

    ngx_del_timer(&lane->event);
    ngx_post_event(&lane->event, &ngx_posted_events);

    return NGX_OK;
}


/* returns how long to wait before the next slice, 0: not at all */

static ngx_msec_t
ngx_http_caphealth_scan_judge(ngx_http_caphealth_lane_t *lane,
    caphealth_walk_t *walk)
{
    ngx_int_t                             rc;
    ngx_uint_t                            known;
    ngx_msec_t                            pause;
    ngx_http_caphealth_collector_conf_t  *conf;

    conf = lane->collector->conf;

    if (walk->error.code) {
        lane->failed = 1;

        ngx_http_caphealth_tree_abandon(conf->zone,
                                        &lane->source->root->path);
        ngx_http_caphealth_lane_tell(lane, &walk->error);

        return NGX_HTTP_CAPHEALTH_SCAN_RETRY;
    }

    if (lane->failed) {
        lane->failed = 0;
        ngx_http_caphealth_lane_tell(lane, NULL);
    }

    if (walk->removed) {
        ngx_log_error(NGX_LOG_NOTICE, lane->collector->log, 0,
                      "caphealth %V: removed %L files, %L bytes, that "
                      "unfinished uploads had left in slice %02xui",
                      &lane->source->name, walk->removed,
                      walk->removed_bytes, lane->step.slice);
    }

    known = ngx_http_caphealth_scan_known(lane);
    rc = ngx_http_caphealth_tree_walked(conf->zone,
                                        &lane->source->root->path,
                                        &lane->step, walk);

    /* whoever waits for the first numbers shall not wait long */

    if (known) {
        lane->debt += (ngx_uint_t) walk->cpu * (100 - conf->scan_share)
                      / conf->scan_share;
    }

    pause = lane->debt / 1000;
    lane->debt %= 1000;

    if (rc == NGX_AGAIN) {
        return ngx_max(pause, NGX_HTTP_CAPHEALTH_SCAN_AGAIN);
    }

    return pause;
}


static ngx_uint_t
ngx_http_caphealth_scan_known(ngx_http_caphealth_lane_t *lane)
{
    caphealth_scan_t   scan;
    caphealth_total_t  total;

    return ngx_http_caphealth_tree_total(lane->collector->conf->zone,
                                         &lane->source->root->path, &total,
                                         &scan)
           == NGX_OK
           && scan.source == CAPHEALTH_TREE_LIVE;
}
