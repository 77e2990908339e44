
/*
 * The collector's life, as worker 0 sees it.
 */

#include "ngx_http_caphealth_lane.h"

#include <jansson.h>


/* how long a collector that was told to exit may take */
#define NGX_HTTP_CAPHEALTH_EXIT       1000

#define NGX_HTTP_CAPHEALTH_PAUSE_MIN  200
#define NGX_HTTP_CAPHEALTH_PAUSE_MAX  60000


static void ngx_http_caphealth_collector_timer_handler(ngx_event_t *ev);
static void ngx_http_caphealth_collector_start(
    ngx_http_caphealth_collector_t *cl);
static void ngx_http_caphealth_collector_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_http_caphealth_collector_message(
    ngx_http_caphealth_collector_t *cl, caphealth_ipc_message_t *m, int fd);
static ngx_int_t ngx_http_caphealth_collector_configure(
    ngx_http_caphealth_collector_t *cl);
static char *ngx_http_caphealth_collector_settings(
    ngx_http_caphealth_collector_conf_t *conf);
static int ngx_http_caphealth_collector_root(json_t *entry,
    ngx_http_caphealth_collector_conf_t *conf,
    ngx_http_caphealth_root_t *root);
static json_t *ngx_http_caphealth_collector_names(ngx_array_t *array);
static ngx_uint_t ngx_http_caphealth_collector_broken(
    ngx_http_caphealth_collector_t *cl, char *reason);
static ngx_int_t ngx_http_caphealth_collector_facts(
    ngx_http_caphealth_collector_t *cl, caphealth_ipc_message_t *m, int fd);


ngx_http_caphealth_collector_t *
ngx_http_caphealth_collector_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_collector_conf_t *conf)
{
    ngx_uint_t                       i;
    ngx_http_caphealth_lane_t       *lane;
    ngx_http_caphealth_source_t     *source;
    ngx_http_caphealth_collector_t  *cl;

    cl = ngx_pcalloc(cycle->pool, sizeof(ngx_http_caphealth_collector_t));
    if (cl == NULL) {
        return NULL;
    }

    source = conf->sources->elts;

    cl->nlanes = conf->sources->nelts;
    cl->lanes = ngx_pcalloc(cycle->pool,
                            cl->nlanes * sizeof(ngx_http_caphealth_lane_t));
    if (cl->lanes == NULL) {
        return NULL;
    }

    for (i = 0; i < cl->nlanes; i++) {
        lane = &cl->lanes[i];

        lane->collector = cl;
        lane->source = &source[i];
        lane->event.handler = ngx_http_caphealth_lane_handler;
        lane->event.data = lane;
        lane->event.log = cycle->log;
        lane->event.cancelable = 1;
    }

    cl->conf = conf;
    cl->log = cycle->log;

    cl->process.name = NGX_HTTP_CAPHEALTH_COLLECTOR;
    cl->process.path = (char *) conf->path.data;

    cl->event.handler = ngx_http_caphealth_collector_timer_handler;
    cl->event.data = cl;
    cl->event.log = cycle->log;
    cl->event.cancelable = 1;

    ngx_add_timer(&cl->event, 1);

    return cl;
}


void
ngx_http_caphealth_collector_stop(ngx_http_caphealth_collector_t *cl)
{
    ngx_uint_t  i;

    if (cl->stopping) {
        return;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, cl->log, 0,
                   "caphealth collector stop");

    cl->stopping = 1;

    for (i = 0; i < cl->nlanes; i++) {
        ngx_http_caphealth_lane_reset(&cl->lanes[i]);
    }

    ngx_http_caphealth_process_close(&cl->process);

    ngx_add_timer(&cl->event, NGX_HTTP_CAPHEALTH_EXIT);
}


/* it is time to start, or nothing was heard since the start, or since stop */

static void
ngx_http_caphealth_collector_timer_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_collector_t  *cl;

    cl = ev->data;

    if (cl->stopping) {
        ngx_http_caphealth_process_kill(&cl->process);
        return;
    }

    if (ngx_exiting) {
        return;
    }

    if (cl->process.connection == NULL) {
        ngx_http_caphealth_collector_start(cl);
        return;
    }

    ngx_http_caphealth_collector_replace(cl, "did not say its version");
}


static void
ngx_http_caphealth_collector_start(ngx_http_caphealth_collector_t *cl)
{
    cl->ready = 0;
    cl->started = ngx_current_msec;

    if (ngx_http_caphealth_process_start(&cl->process,
                                   ngx_http_caphealth_collector_read_handler,
                                   cl, cl->log)
        != NGX_OK)
    {
        ngx_http_caphealth_collector_replace(cl, "cannot be started");
        return;
    }

    ngx_add_timer(&cl->event, cl->conf->timeout + NGX_HTTP_CAPHEALTH_GRACE);
}


static void
ngx_http_caphealth_collector_read_handler(ngx_event_t *rev)
{
    int                              fd;
    ngx_int_t                        rc;
    ngx_connection_t                *c;
    caphealth_ipc_result_e           result;
    caphealth_ipc_message_t          m;
    ngx_http_caphealth_collector_t  *cl;

    c = rev->data;
    cl = c->data;

    if (c->close) {
        ngx_http_caphealth_collector_stop(cl);
        return;
    }

    for ( ;; ) {
        result = caphealth_ipc_recv(c->fd, &m, &fd);

        if (result == CAPHEALTH_IPC_AGAIN) {
            rev->ready = 0;
            break;
        }

        if (result != CAPHEALTH_IPC_OK) {
            ngx_http_caphealth_collector_replace(cl, "exited");
            return;
        }

        rc = ngx_http_caphealth_collector_message(cl, &m, fd);

        if (fd != -1) {
            (void) close(fd);
        }

        if (rc != NGX_OK) {
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_caphealth_collector_replace(cl, "cannot be heard");
    }
}


/* anything but NGX_OK: the collector is replaced, its connection is gone */

static ngx_int_t
ngx_http_caphealth_collector_message(ngx_http_caphealth_collector_t *cl,
    caphealth_ipc_message_t *m, int fd)
{
    char  *reason;

    if (m->version != CAPHEALTH_IPC_VERSION) {
        reason = "is of another version";

        if (ngx_http_caphealth_collector_broken(cl, reason)) {
            ngx_log_error(NGX_LOG_ERR, cl->log, 0,
                          "\"%s\" is of another version than the module: "
                          "protocol %d, expected %d; install both from the "
                          "same build, or set \"caphealth_helper_dir\"",
                          cl->process.path, (int) m->version,
                          CAPHEALTH_IPC_VERSION);
        }

        ngx_http_caphealth_collector_replace(cl, reason);
        return NGX_ERROR;
    }

    switch (m->type) {

    case CAPHEALTH_IPC_NO_EXEC:
        reason = "cannot be executed";

        if (ngx_http_caphealth_collector_broken(cl, reason)) {
            ngx_log_error(NGX_LOG_ERR, cl->log, (ngx_err_t) m->value,
                          "execve(\"%s\") failed, check that it is there and "
                          "executable, or set \"caphealth_helper_dir\"",
                          cl->process.path);
        }

        ngx_http_caphealth_collector_replace(cl, reason);
        return NGX_ERROR;

    case CAPHEALTH_IPC_HELLO:
        return ngx_http_caphealth_collector_configure(cl);

    case CAPHEALTH_IPC_FACTS:
    case CAPHEALTH_IPC_SCANNED:
        return ngx_http_caphealth_collector_facts(cl, m, fd);

    default:
        ngx_http_caphealth_collector_replace(cl, "sent an unknown message");
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_caphealth_collector_configure(ngx_http_caphealth_collector_t *cl)
{
    char                       *text;
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    caphealth_ipc_message_t     m;

    if (cl->ready) {
        ngx_http_caphealth_collector_replace(cl, "said its version twice");
        return NGX_ERROR;
    }

    text = ngx_http_caphealth_collector_settings(cl->conf);
    if (text == NULL) {
        ngx_http_caphealth_collector_replace(cl, "cannot be configured");
        return NGX_ERROR;
    }

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    m.type = CAPHEALTH_IPC_CONFIGURE;

    rc = ngx_http_caphealth_process_send(&cl->process, &m, text,
                                         ngx_strlen(text));

    ngx_explicit_memzero(text, ngx_strlen(text));
    free(text);

    if (rc != NGX_OK) {
        ngx_http_caphealth_collector_replace(cl, "cannot be configured");
        return NGX_ERROR;
    }

    ngx_del_timer(&cl->event);

    cl->ready = 1;

    for (i = 0; i < cl->nlanes; i++) {
        ngx_post_event(&cl->lanes[i].event, &ngx_posted_events);
    }

    return NGX_OK;
}


static char *
ngx_http_caphealth_collector_settings(
    ngx_http_caphealth_collector_conf_t *conf)
{
    int                           failed;
    char                         *text;
    json_t                       *settings, *sources, *queries, *entry;
    ngx_uint_t                    i;
    ngx_keyval_t                 *query;
    ngx_http_caphealth_source_t  *source;

    static const char  *types[] = { "system", "disk", "database", "images" };
    static const char  *arguments[] = { "none", "path", "url", "path" };

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
        entry = json_pack("{s:s, s:s%, s:O}",
                          "type", types[source[i].type],
                          arguments[source[i].type],
                          source[i].argument.data, source[i].argument.len,
                          "queries", queries);

        if (source[i].root) {
            failed |= ngx_http_caphealth_collector_root(entry, conf,
                                                        source[i].root);
        }

        failed |= json_array_append_new(sources, entry);
    }

    settings = json_pack("{s:f, s:o}",
                         "timeout", (double) conf->timeout / 1000,
                         "sources", sources);

    /* a source that is left out would shift the numbers of the others */

    text = failed ? NULL : json_dumps(settings, JSON_COMPACT);

    json_decref(queries);
    json_decref(settings);

    return text;
}


static int
ngx_http_caphealth_collector_root(json_t *entry,
    ngx_http_caphealth_collector_conf_t *conf,
    ngx_http_caphealth_root_t *root)
{
    int      failed;
    json_t  *marks;

    /* a tree that others fill: the usual mark, and nothing is removed */

    marks = root->marks.nelts
            ? ngx_http_caphealth_collector_names(&root->marks)
            : json_pack("[s]", "original");

    failed = json_object_set_new(entry, "marks", marks);
    failed |= json_object_set_new(entry, "variants",
                         ngx_http_caphealth_collector_names(&root->parts));
    failed |= json_object_set_new(entry, "since",
                         json_real(ngx_http_caphealth_tree_mark(conf->zone,
                                                                root)));
    return failed;
}


static json_t *
ngx_http_caphealth_collector_names(ngx_array_t *array)
{
    json_t      *names;
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = array->elts;
    names = json_array();

    for (i = 0; i < array->nelts; i++) {
        if (json_array_append_new(names,
                                  json_stringn((char *) name[i].data,
                                               name[i].len))
            == -1)
        {
            json_decref(names);
            return NULL;
        }
    }

    return names;
}


static ngx_int_t
ngx_http_caphealth_collector_facts(ngx_http_caphealth_collector_t *cl,
    caphealth_ipc_message_t *m, int fd)
{
    ngx_int_t                    rc;
    ngx_http_caphealth_lane_t   *lane;
    ngx_http_caphealth_reply_t   reply;

    if (m->value >= cl->nlanes || fd == -1) {
        ngx_http_caphealth_collector_replace(cl, "sent facts of no source");
        return NGX_ERROR;
    }

    lane = &cl->lanes[m->value];

    if (!lane->waiting || lane->serial != m->serial) {
        ngx_http_caphealth_collector_replace(cl, "sent facts unasked");
        return NGX_ERROR;
    }

    if ((m->type == CAPHEALTH_IPC_SCANNED) != (lane->source->root != NULL)) {
        ngx_http_caphealth_collector_replace(cl, "sent another's facts");
        return NGX_ERROR;
    }

    ngx_memzero(&reply, sizeof(ngx_http_caphealth_reply_t));

    rc = lane->source->root
         ? ngx_http_caphealth_scan_answered(lane, fd)
         : ngx_http_caphealth_reply_read(&reply, lane->source, fd, cl->log);

    if (rc != NGX_OK) {
        ngx_http_caphealth_collector_replace(cl, "sent invalid facts");
        return NGX_ERROR;
    }

    /* one that answers and dies, again and again, does not work */

    if (cl->reason && ngx_current_msec - cl->started >= cl->pause) {
        cl->reason = NULL;

        ngx_log_error(NGX_LOG_ERR, cl->log, 0, "%s %P works again",
                      cl->process.name, cl->process.pid);
    }

    if (lane->source->root == NULL) {
        ngx_http_caphealth_lane_answered(lane, &reply);
        ngx_http_caphealth_reply_free(&reply);
    }

    return NGX_OK;
}


/* at once if this one has served for a while, else after a longer pause */

void
ngx_http_caphealth_collector_replace(ngx_http_caphealth_collector_t *cl,
    char *reason)
{
    if (ngx_current_msec - cl->started >= NGX_HTTP_CAPHEALTH_PAUSE_MAX) {
        cl->pause = 0;
    }

    cl->pause = cl->pause ? cl->pause * 2 : NGX_HTTP_CAPHEALTH_PAUSE_MIN;
    cl->pause = ngx_min(cl->pause, NGX_HTTP_CAPHEALTH_PAUSE_MAX);

    if (!cl->ready || cl->pause > NGX_HTTP_CAPHEALTH_PAUSE_MIN) {
        ngx_http_caphealth_lane_silent(&cl->lanes[0], reason);
    }

    ngx_http_caphealth_collector_renew(cl, reason, cl->pause);
}


void
ngx_http_caphealth_collector_renew(ngx_http_caphealth_collector_t *cl,
    char *reason, ngx_msec_t pause)
{
    ngx_uint_t  i;

    ngx_http_caphealth_process_close(&cl->process);
    ngx_http_caphealth_process_kill(&cl->process);

    ngx_http_caphealth_count(
        &ngx_http_caphealth_zone_counters(cl->conf->zone)->restarts, 1);

    if (ngx_http_caphealth_collector_broken(cl, reason)) {
        ngx_log_error(NGX_LOG_ERR, cl->log, 0, "%s %s, it is replaced",
                      cl->process.name, reason);
    }

    for (i = 0; i < cl->nlanes; i++) {
        ngx_http_caphealth_lane_reset(&cl->lanes[i]);
    }

    cl->ready = 0;

    ngx_add_timer(&cl->event, pause);
}


/* whether the reason is news, and to be logged */

static ngx_uint_t
ngx_http_caphealth_collector_broken(ngx_http_caphealth_collector_t *cl,
    char *reason)
{
    if (cl->reason && ngx_strcmp(cl->reason, reason) == 0) {
        return 0;
    }

    cl->reason = reason;

    return 1;
}
