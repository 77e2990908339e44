
/*
 * The collector's life, as worker 0 sees it.
 */

#include "ngx_http_caphealth_fleet_counts.h"
#include "ngx_http_caphealth_recording.h"
#include "ngx_http_caphealth_scan.h"

#include <jansson.h>
#include <poll.h>

#include "caphealth_notification.h"


struct ngx_http_caphealth_collector_s {
    ngx_http_caphealth_collector_conf_t  *conf;
    ngx_http_caphealth_helper_t           helper;
    ngx_http_caphealth_source_timers_t    timers;
    ngx_http_caphealth_source_timer_t    *fleet;     /* or NULL */
    char                                 *reason;    /* of the last failure */
    ngx_http_caphealth_recording_t       *recording; /* NULL: nothing needs
                                                        records */
};


#define NGX_HTTP_CAPHEALTH_PAUSE_MIN  200
#define NGX_HTTP_CAPHEALTH_PAUSE_MAX  60000

/* milliseconds that a worker that quits waits for a collector */
#define NGX_HTTP_CAPHEALTH_EXIT       2000


static ngx_int_t ngx_http_caphealth_collector_configure(
    ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_collector_running(
    ngx_http_caphealth_helper_t *h);
static char *ngx_http_caphealth_collector_message(
    ngx_http_caphealth_helper_t *h, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);
static void ngx_http_caphealth_collector_failed(
    ngx_http_caphealth_helper_t *h, char *reason);
static void ngx_http_caphealth_collector_restart(
    ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_collector_quit(ngx_http_caphealth_helper_t *h);
static char *ngx_http_caphealth_collector_settings(
    ngx_http_caphealth_collector_conf_t *conf);
static char *ngx_http_caphealth_collector_last(
    ngx_http_caphealth_collector_conf_t *conf);
static ngx_int_t ngx_http_caphealth_collector_hand_over(
    ngx_http_caphealth_process_t *p, char *text);
static json_t *ngx_http_caphealth_collector_fleet(
    ngx_http_caphealth_collector_conf_t *conf);
static json_t *ngx_http_caphealth_collector_process(ngx_pid_t pid);
static json_t *ngx_http_caphealth_collector_notify(
    ngx_http_caphealth_collector_conf_t *conf);


static const ngx_http_caphealth_program_t  ngx_http_caphealth_collector = {
    .name = NGX_HTTP_CAPHEALTH_COLLECTOR,
    .body = 0,
    .nfds = 1,
    .exit_timeout = NGX_HTTP_CAPHEALTH_EXIT,
    .pause_first = NGX_HTTP_CAPHEALTH_PAUSE_MIN,
    .pause_min = NGX_HTTP_CAPHEALTH_PAUSE_MIN,
    .pause_max = NGX_HTTP_CAPHEALTH_PAUSE_MAX,
    .pause_max_start = NGX_HTTP_CAPHEALTH_PAUSE_MAX,
    .pause_reset = NGX_HTTP_CAPHEALTH_PAUSE_MAX,
    .exited = "exited",
    .consequence = "it is replaced",
    .stderr_log = 1,
    .configure = ngx_http_caphealth_collector_configure,
    .running = ngx_http_caphealth_collector_running,
    .message = ngx_http_caphealth_collector_message,
    .failed = ngx_http_caphealth_collector_failed,
    .restart = ngx_http_caphealth_collector_restart,
    .quit = ngx_http_caphealth_collector_quit
};


ngx_http_caphealth_collector_t *
ngx_http_caphealth_collector_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_collector_conf_t *conf,
    ngx_http_caphealth_recording_t *recording,
    ngx_http_caphealth_shippers_t *shippers)
{
    ngx_uint_t                          i;
    ngx_http_caphealth_collector_t     *cl;
    ngx_http_caphealth_source_timer_t  *t;

    cl = ngx_pcalloc(cycle->pool, sizeof(ngx_http_caphealth_collector_t));
    if (cl == NULL) {
        return NULL;
    }

    cl->conf = conf;
    cl->recording = recording;

    if (ngx_http_caphealth_source_timers_init(&cl->timers, cycle, conf,
                                              &cl->helper)
        != NGX_OK)
    {
        return NULL;
    }

    for (i = 0; i < cl->timers.nelts; i++) {
        t = &cl->timers.elts[i];

        if (t->source->type == CAPHEALTH_SOURCE_FLEET) {
            cl->fleet = t;

            if (ngx_http_caphealth_fleet_init(t, cycle->pool) != NGX_OK) {
                return NULL;
            }

        } else if (t->source->type != CAPHEALTH_SOURCE_IMAGES) {
            t->ask = ngx_http_caphealth_source_timer_ask;

        } else if (ngx_http_caphealth_scan_init(t, shippers, cycle->pool)
                   != NGX_OK)
        {
            return NULL;
        }
    }

    cl->helper.program = &ngx_http_caphealth_collector;
    cl->helper.data = cl;
    cl->helper.log = cycle->log;
    cl->helper.start_timeout = conf->timeout + NGX_HTTP_CAPHEALTH_GRACE;
    cl->helper.reason = &cl->reason;
    cl->helper.failures =
                     &ngx_http_caphealth_zone_counters(conf->zone)->restarts;

    ngx_http_caphealth_helper_init(&cl->helper, (char *) conf->path.data);

    /* in init_process nginx is still closing what it has inherited */

    ngx_http_caphealth_helper_pause(&cl->helper, 1);

    return cl;
}


void
ngx_http_caphealth_collector_stop(ngx_http_caphealth_collector_t *cl)
{
    ngx_http_caphealth_source_timers_reset(&cl->timers);
    ngx_http_caphealth_helper_stop(&cl->helper);
}


/* it writes the last minute of the history when its socket is closed */

void
ngx_http_caphealth_collector_wait(ngx_http_caphealth_collector_t *cl)
{
    if (cl->recording) {
        ngx_http_caphealth_helper_wait(&cl->helper);
    }
}


/*
 * The collector of worker 0 has ended when worker 0 began to quit, and other
 * workers may have changed counts since, so another collector is started.  The
 * event loop has ended, so the socket is polled here.
 */

void
ngx_http_caphealth_collector_finish(ngx_http_caphealth_collector_conf_t *conf,
    ngx_log_t *log)
{
    char                          *text;
    ngx_int_t                      rc;
    ngx_http_caphealth_process_t   p;

    text = ngx_http_caphealth_collector_last(conf);
    if (text == NULL) {
        return;
    }

    ngx_memzero(&p, sizeof(ngx_http_caphealth_process_t));

    p.name = NGX_HTTP_CAPHEALTH_COLLECTOR;
    p.path = (char *) conf->path.data;

    rc = ngx_http_caphealth_process_start(&p, NULL, NULL, log);

    if (rc == NGX_OK) {
        rc = ngx_http_caphealth_collector_hand_over(&p, text);

        ngx_http_caphealth_process_close(&p);
        ngx_http_caphealth_process_kill(&p);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "the last changes of object stores were not sent to the "
                      "fleet's database, the stores are listed again");
    }

    ngx_explicit_memzero(text, ngx_strlen(text));
    free(text);
}


/* the settings, to be free()d; NULL: there is nothing to send, or no memory */

static char *
ngx_http_caphealth_collector_last(ngx_http_caphealth_collector_conf_t *conf)
{
    char                           *text;
    json_t                         *settings, *stores;
    const caphealth_source_type_t  *type;

    if (conf->fleet.url.len == 0) {
        return NULL;
    }

    stores = ngx_http_caphealth_fleet_finish(conf);

    if (json_array_size(stores) == 0) {
        json_decref(stores);
        return NULL;
    }

    type = &caphealth_source_types[CAPHEALTH_SOURCE_FLEET];

    settings = json_pack("{s:f, s:[{s:s, s:s%, s:f}], s:o, s:o}",
                         "timeout", (double) ngx_min(conf->timeout,
                                                     NGX_HTTP_CAPHEALTH_EXIT)
                                    / 1000,
                         "sources", "type", type->name,
                         type->argument, conf->fleet.url.data,
                         conf->fleet.url.len,
                         "interval", (double) conf->refresh / 1000,
                         "fleet", ngx_http_caphealth_collector_fleet(conf),
                         "stores", stores);

    text = settings ? json_dumps(settings, JSON_COMPACT) : NULL;

    json_decref(settings);

    return text;
}


/* NGX_ERROR after two seconds, or at once with SIGTERM or SIGINT */

static ngx_int_t
ngx_http_caphealth_collector_hand_over(ngx_http_caphealth_process_t *p,
    char *text)
{
    int                       fd, sent;
    ngx_msec_t                started;
    struct pollfd             pfd;
    caphealth_ipc_result_e    rc;
    caphealth_ipc_message_t   m;

    sent = 0;
    pfd.fd = p->connection->fd;
    pfd.events = POLLIN;

    ngx_time_update();
    started = ngx_current_msec;

    for ( ;; ) {
        ngx_time_update();

        if (ngx_terminate
            || ngx_current_msec - started >= NGX_HTTP_CAPHEALTH_EXIT)
        {
            return NGX_ERROR;
        }

        if (poll(&pfd, 1, 50) <= 0) {
            continue;
        }

        rc = caphealth_ipc_recv(pfd.fd, &m, &fd);

        if (fd != -1) {
            (void) close(fd);
        }

        if (rc == CAPHEALTH_IPC_AGAIN) {
            continue;
        }

        if (rc != CAPHEALTH_IPC_OK || m.version != CAPHEALTH_IPC_VERSION) {
            return NGX_ERROR;
        }

        if (m.type == CAPHEALTH_IPC_FINISH) {
            return NGX_OK;
        }

        if (m.type != CAPHEALTH_IPC_HELLO || sent) {
            return NGX_ERROR;
        }

        sent = 1;

        fd = caphealth_ipc_memfd(text, ngx_strlen(text));

        if (fd == -1) {
            return NGX_ERROR;
        }

        ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
        m.version = CAPHEALTH_IPC_VERSION;
        m.type = CAPHEALTH_IPC_FINISH;

        rc = caphealth_ipc_send(pfd.fd, &m, fd);

        (void) close(fd);

        if (rc != CAPHEALTH_IPC_OK) {
            return NGX_ERROR;
        }
    }
}


static void
ngx_http_caphealth_collector_quit(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_collector_stop(h->data);
}


static void
ngx_http_caphealth_collector_restart(ngx_http_caphealth_helper_t *h)
{
    if (!ngx_exiting) {
        ngx_http_caphealth_helper_start(h);
    }
}


static ngx_int_t
ngx_http_caphealth_collector_configure(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_collector_t  *cl;

    cl = h->data;

    return ngx_http_caphealth_helper_settings(h,
                             ngx_http_caphealth_collector_settings(cl->conf));
}


static void
ngx_http_caphealth_collector_running(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_collector_t  *cl;

    cl = h->data;

    ngx_http_caphealth_source_timers_start(&cl->timers);
}


static char *
ngx_http_caphealth_collector_settings(
    ngx_http_caphealth_collector_conf_t *conf)
{
    int                              failed;
    char                            *text;
    json_t                          *settings, *sources, *queries, *entry;
    ngx_uint_t                       i;
    ngx_keyval_t                    *query;
    ngx_http_caphealth_source_t     *source;
    const caphealth_source_type_t   *type;

    failed = 0;
    sources = json_array();
    queries = json_object();

    if (conf->queries) {
        query = conf->queries->elts;

        for (i = 0; i < conf->queries->nelts; i++) {
            failed |= json_object_set_new(queries,
                                  (char *) query[i].key.data,
                                  json_stringn((char *) query[i].value.data,
                                               query[i].value.len));
        }
    }

    source = conf->sources->elts;

    for (i = 0; i < conf->sources->nelts; i++) {
        type = &caphealth_source_types[source[i].type];

        /* object stores are the last sources, and their shippers list them */

        if (source[i].root && source[i].root->store) {
            break;
        }

        entry = json_pack("{s:s, s:s%, s:O}",
                          "type", type->name, type->argument,
                          source[i].argument.data, source[i].argument.len,
                          "queries", queries);

        failed |= json_object_set_new(entry, "interval",
                          json_real((double) source[i].interval / 1000));

        if (source[i].root) {
            failed |= ngx_http_caphealth_tree_settings(entry, conf->zone,
                                                       source[i].root);
        }

        failed |= json_array_append_new(sources, entry);
    }

    settings = json_pack("{s:f, s:o}",
                         "timeout", (double) conf->timeout / 1000,
                         "sources", sources);

    if (settings && conf->history) {
        failed |= json_object_set_new(settings, "history",
                      json_pack("{s:s%, s:I, s:f}",
                                "path", conf->state_dir->data,
                                conf->state_dir->len,
                                "size", (json_int_t) conf->history_size,
                                "refresh", (double) conf->refresh / 1000));
    }

    if (settings && conf->fleet.url.len) {
        failed |= json_object_set_new(settings, "fleet",
                                  ngx_http_caphealth_collector_fleet(conf));
    }

    if (settings && conf->receivers) {
        failed |= json_object_set_new(settings, "notify",
                                 ngx_http_caphealth_collector_notify(conf));
    }

    /* a source that is left out would shift the numbers of the others */

    text = failed ? NULL : json_dumps(settings, JSON_COMPACT);

    json_decref(queries);
    json_decref(settings);

    return text;
}


/*
 * The instance is the same after a reload, and another one after a restart.
 * The process tells whether two of one name are one node in a binary upgrade.
 */

static json_t *
ngx_http_caphealth_collector_fleet(ngx_http_caphealth_collector_conf_t *conf)
{
    int                               failed;
    json_t                           *settings;
    ngx_http_caphealth_fleet_conf_t  *fleet;

    fleet = &conf->fleet;

    settings = json_pack("{s:s%, s:I, s:f}",
                         "node", fleet->node.data, fleet->node.len,
                         "instance", (json_int_t)
                                     ngx_http_caphealth_zone_number(conf->zone),
                         "grace", (double) fleet->grace / 1000);

    failed = json_object_set_new(settings, "process",
                                 ngx_http_caphealth_collector_process(
                                     ngx_process == NGX_PROCESS_SINGLE
                                     ? ngx_pid : ngx_parent));

    if (fleet->follows) {
        failed |= json_object_set_new(settings, "follows",
                                      ngx_http_caphealth_collector_process(
                                                            fleet->follows));
    }

    if (failed) {
        json_decref(settings);
        return NULL;
    }

    return settings;
}


static json_t *
ngx_http_caphealth_collector_process(ngx_pid_t pid)
{
    ngx_str_t  host;

    host = ngx_cycle->hostname;

    /* the kernel allows any bytes */

    if (!caphealth_node_name_valid((char *) host.data, host.len)) {
        host.len = 0;
    }

    return json_sprintf("%.*s:%d", (int) host.len, (char *) host.data,
                        (int) pid);
}


static json_t *
ngx_http_caphealth_collector_notify(ngx_http_caphealth_collector_conf_t *conf)
{
    int                             failed;
    json_t                         *receivers, *entry;
    ngx_str_t                      *node;
    ngx_uint_t                      i, n;
    ngx_http_caphealth_receiver_t  *r;

    failed = 0;
    receivers = json_array();
    r = conf->receivers->elts;

    for (i = 0; i < conf->receivers->nelts; i++) {
        entry = json_pack("{s:s%, s:s, s:I, s:f, s:f, s:f}",
                          "url", r[i].url.data, r[i].url.len,
                          "format", caphealth_notify_format_name(r[i].format),
                          "kinds", (json_int_t) r[i].kinds,
                          "hold", (double) r[i].hold / 1000,
                          "interval", (double) r[i].interval / 1000,
                          "remind", (double) r[i].remind / 1000);

        const struct {
            const char  *name;
            ngx_str_t   *value;
        } texts[] = {
            { "secret", &r[i].secret },
            { "ca", &r[i].ca },
            { "runbooks", &r[i].runbooks }
        };

        for (n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
            if (texts[n].value->len) {
                failed |= json_object_set_new(entry, texts[n].name,
                               json_stringn((char *) texts[n].value->data,
                                            texts[n].value->len));
            }
        }

        failed |= json_array_append_new(receivers, entry);
    }

    if (failed) {
        json_decref(receivers);
        return NULL;
    }

    node = conf->fleet.url.len ? &conf->fleet.node
                               : (ngx_str_t *) &ngx_cycle->hostname;

    entry = json_pack("{s:o, s:s%}", "receivers", receivers, "node",
                      node->data, node->len);

    if (entry && conf->state_dir->len
        && json_object_set_new(entry, "path",
                               json_stringn((char *) conf->state_dir->data,
                                            conf->state_dir->len))
           == -1)
    {
        json_decref(entry);
        return NULL;
    }

    return entry;
}


static char *
ngx_http_caphealth_collector_message(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    ngx_int_t                           rc;
    ngx_http_caphealth_collector_t     *cl;
    ngx_http_caphealth_source_timer_t  *t;

    cl = h->data;

    if (m->type == CAPHEALTH_IPC_PAST && cargo->nfds == 1 && cl->recording) {
        return ngx_http_caphealth_recording_past(cl->recording, cargo->fds[0])
               == NGX_OK ? NULL : "sent an invalid past";
    }

    if (m->type == CAPHEALTH_IPC_NOTIFIED && cargo->nfds == 0
        && m->value < CAPHEALTH_NOTIFY_RESULTS && cl->conf->receivers)
    {
        ngx_http_caphealth_count(
               &ngx_http_caphealth_zone_counters(cl->conf->zone)
                                                  ->notifications[m->value],
               1);
        return NULL;
    }

    if (m->type == CAPHEALTH_IPC_COUNTED && cargo->nfds == 1 && cl->fleet
        && cl->fleet->data)
    {
        return ngx_http_caphealth_fleet_counted(cl->fleet, m->serial,
                                                cargo->fds[0])
               == NGX_OK ? NULL : "sent invalid counts";
    }

    if (m->type != CAPHEALTH_IPC_FACTS && m->type != CAPHEALTH_IPC_SCANNED) {
        return "sent an unknown message";
    }

    if (m->value >= cl->timers.nelts || cargo->nfds != 1) {
        return "sent facts of no source";
    }

    t = &cl->timers.elts[m->value];

    if (!t->waiting || t->checked || t->serial != m->serial) {
        return "sent facts unasked";
    }

    if ((m->type == CAPHEALTH_IPC_SCANNED)
        != (t->source->type == CAPHEALTH_SOURCE_IMAGES))
    {
        return "sent another's facts";
    }

    rc = (m->type == CAPHEALTH_IPC_SCANNED)
         ? ngx_http_caphealth_scan_walked(t, cargo->fds[0])
         : ngx_http_caphealth_source_timer_facts(t, cargo->fds[0]);

    if (rc != NGX_OK) {
        return "sent invalid facts";
    }

    /* a collector that answers once and dies, again and again, does not work */

    if (ngx_current_msec - h->started >= h->pause) {
        ngx_http_caphealth_helper_works(h);
    }

    if (cl->recording && t->source->type == CAPHEALTH_SOURCE_SYSTEM) {
        ngx_http_caphealth_recording_send(cl->recording, h);
    }

    return NULL;
}


/*
 * The first failure of one that had worked is over before the next facts are
 * due; others are an error of the system's facts.
 */

static void
ngx_http_caphealth_collector_failed(ngx_http_caphealth_helper_t *h,
    char *reason)
{
    ngx_http_caphealth_collector_t  *cl;

    cl = h->data;

    if (h->unusable || h->pause > NGX_HTTP_CAPHEALTH_PAUSE_MIN) {
        ngx_http_caphealth_source_timers_collector_failed(&cl->timers, reason);
    }

    ngx_http_caphealth_source_timers_reset(&cl->timers);
}
