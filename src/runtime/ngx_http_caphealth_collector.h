
/*
 * The collector's life, as worker 0 sees it: started, asked for one source
 * after another as each falls due, killed and replaced when it hangs.  What
 * it answers is checked and published in the zone.
 */

#ifndef _NGX_HTTP_CAPHEALTH_COLLECTOR_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_COLLECTOR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_caphealth_trees.h"

#include "caphealth_source_type.h"


typedef struct {
    caphealth_source_e            type;
    ngx_str_t                     key;        /* in the zone */
    ngx_str_t                     name;       /* in the log */
    ngx_str_t                     argument;   /* path or URL */
    ngx_msec_t                    interval;
    ngx_http_caphealth_root_t    *root;       /* of images, or NULL */
    unsigned                      hidden:1;   /* a disk for the sake of the
                                                 images on it alone */
} ngx_http_caphealth_source_t;


/* receivers of notifications; caphealth_notify */

typedef struct {
    ngx_str_t                     url;
    size_t                        shown;      /* bytes of it, for the log */
    ngx_str_t                     secret;     /* "": nothing is signed */
    ngx_str_t                     ca;         /* a file; "": the system's */
    ngx_str_t                     runbooks;   /* a URL, or "" */
    ngx_uint_t                    kinds;      /* 1 << caphealth_notify_kind_e */
    ngx_uint_t                    format;     /* caphealth_notify_format_e */
    ngx_msec_t                    hold;
    ngx_msec_t                    interval;
    ngx_msec_t                    remind;     /* 0: never */
} ngx_http_caphealth_receiver_t;


/* caphealth_fleet */

typedef struct {
    ngx_str_t                     url;        /* "": there is none */
    ngx_str_t                     node;       /* this one's name */
    ngx_msec_t                    grace;      /* without contact, until this
                                                 node asks the shop itself */
    ngx_pid_t                     follows;    /* the master process that has
                                                 started this one, or 0 */
} ngx_http_caphealth_fleet_conf_t;


typedef struct {
    ngx_array_t                  *sources;    /* ..._source_t, system first */
    ngx_array_t                  *queries;    /* ngx_keyval_t, or NULL */
    ngx_msec_t                    refresh;
    ngx_msec_t                    timeout;
    ngx_msec_t                    cpu_window; /* that CPU use is judged over */
    time_t                        scan;       /* seconds between full scans;
                                                 0: only the first */
    ngx_uint_t                    scan_share; /* percent of a core */
    ngx_flag_t                    history;    /* is kept */
    size_t                        history_size;
    ngx_array_t                  *receivers;  /* ..._receiver_t, or NULL */
    ngx_str_t                    *state_dir;  /* that both are in */
    ngx_http_caphealth_fleet_conf_t  fleet;
    time_t                        configured; /* when that was read */
    unsigned                      reload:1;   /* and not at the start */
    ngx_str_t                     path;       /* of the program */
    ngx_shm_zone_t               *zone;
} ngx_http_caphealth_collector_conf_t;


#define NGX_HTTP_CAPHEALTH_COLLECTOR  "caphealth-collector"


typedef struct ngx_http_caphealth_collector_s  ngx_http_caphealth_collector_t;

struct ngx_http_caphealth_recording_s;
struct ngx_http_caphealth_shippers_s;


/*
 * To be called from init_process of the one worker that has a collector.
 * Nothing is started before the event loop runs.  recording is what is sent for
 * the history and for notifications, or NULL; shippers list object stores, or
 * NULL.  NULL: no memory.
 */
ngx_http_caphealth_collector_t *ngx_http_caphealth_collector_create(
    ngx_cycle_t *cycle, ngx_http_caphealth_collector_conf_t *conf,
    struct ngx_http_caphealth_recording_s *recording,
    struct ngx_http_caphealth_shippers_s *shippers);

/* To be called from exit_process. */
void ngx_http_caphealth_collector_stop(ngx_http_caphealth_collector_t *cl);

/*
 * After that, and after all else that is left to do: blocks until it has
 * written the history.
 */
void ngx_http_caphealth_collector_wait(ngx_http_caphealth_collector_t *cl);

/*
 * From exit_process of the last worker that uses the zone, if it quits: blocks
 * until a collector of its own has sent the last changes of object stores to
 * the fleet's database, or two seconds have passed.  A worker that serves no
 * store of a fleet has nothing to send.
 */
void ngx_http_caphealth_collector_finish(
    ngx_http_caphealth_collector_conf_t *conf, ngx_log_t *log);


#endif /* _NGX_HTTP_CAPHEALTH_COLLECTOR_H_INCLUDED_ */
