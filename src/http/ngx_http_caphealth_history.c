
/*
 * caphealth_history: the ready documents of the history, served as files, or
 * what is cut of them in the thread pool.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_endpoints.h"

#include "caphealth_accept.h"
#include "caphealth_history_query.h"


/* a larger document is not valid */
#define NGX_HTTP_CAPHEALTH_HISTORY_MAX  (64 * 1024 * 1024)

/* after this time without an end of the thread the timer is set again */
#define NGX_HTTP_CAPHEALTH_HISTORY_WAIT  60000


/*
 * A part of a document, and the thread that cuts it.  It does not belong to the
 * request, which may end meanwhile.
 */

typedef struct {
    ngx_http_request_t          *request;    /* NULL: it has ended */
    ngx_thread_task_t           *task;
    ngx_fd_t                     fd;
    off_t                        size;
    ngx_uint_t                   csv;
    char                        *text;
    size_t                       len;
    ngx_err_t                    err;        /* of reading it */
    unsigned                     running:1;  /* the thread has it */
    caphealth_history_query_t    query;
} ngx_http_caphealth_cut_t;


static ngx_int_t ngx_http_caphealth_history_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_history_problem(ngx_http_request_t *r,
    const char *detail);
static ngx_int_t ngx_http_caphealth_history_csv(ngx_http_request_t *r,
    ngx_uint_t *csv);
static ngx_int_t ngx_http_caphealth_history_open(ngx_http_request_t *r,
    const char *window, char *suffix, ngx_open_file_info_t *of,
    ngx_str_t *path);
static ngx_int_t ngx_http_caphealth_history_header(ngx_http_request_t *r,
    ngx_open_file_info_t *of, ngx_uint_t csv);
static ngx_int_t ngx_http_caphealth_history_send(ngx_http_request_t *r,
    ngx_open_file_info_t *of, ngx_str_t *path);
static ngx_int_t ngx_http_caphealth_history_cut(ngx_http_request_t *r,
    ngx_http_caphealth_cut_t *cut, ngx_open_file_info_t *of);
static ngx_int_t ngx_http_caphealth_history_etag(ngx_http_request_t *r,
    ngx_open_file_info_t *of, ngx_uint_t csv);
static void ngx_http_caphealth_history_thread(void *data, ngx_log_t *log);
static void ngx_http_caphealth_history_done(ngx_event_t *ev);
static ngx_int_t ngx_http_caphealth_history_answer(
    ngx_http_caphealth_cut_t *cut);
static void ngx_http_caphealth_history_cleanup(void *data);
static void ngx_http_caphealth_history_free(ngx_http_caphealth_cut_t *cut);


static ngx_http_caphealth_problem_t  ngx_http_caphealth_history_off = {
    NGX_HTTP_NOT_FOUND,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "history-off"),
    ngx_string("History is off"),
    ngx_string("No history is kept here. To keep one, set "
               "\\\"caphealth_history on\\\"."),
    ngx_null_string
};


static ngx_http_caphealth_problem_t  ngx_http_caphealth_history_none = {
    NGX_HTTP_NOT_FOUND,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "no-history"),
    ngx_string("No history yet"),
    ngx_string("There is no history yet. It begins within a minute of the "
               "start; if it does not, the error log says why."),
    ngx_null_string
};


/* but for what is wrong */

static ngx_http_caphealth_problem_t  ngx_http_caphealth_history_invalid = {
    NGX_HTTP_BAD_REQUEST,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "invalid-query"),
    ngx_string("Invalid query"),
    ngx_null_string,
    ngx_null_string
};


static ngx_http_caphealth_problem_t  ngx_http_caphealth_history_busy = {
    NGX_HTTP_SERVICE_UNAVAILABLE,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "server-busy"),
    ngx_string("Server busy"),
    ngx_string("The server has no thread free for this. Try again."),
    ngx_null_string
};


static const caphealth_media_t  ngx_http_caphealth_history_media[] = {
    { "application/json", "", "utf-8" },
    { "text/csv", "", "utf-8" }
};


static ngx_str_t  ngx_http_caphealth_history_types[] = {
    ngx_string("application/json"),
    ngx_string("text/csv; charset=utf-8")
};


char *
ngx_http_caphealth_history(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);
    cmcf->histories = 1;

    cmcf->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (cmcf->thread_pool == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_caphealth_add_endpoint(cf,
                                          NGX_HTTP_CAPHEALTH_ENDPOINT_HISTORY,
                                          ngx_http_caphealth_history_handler);
}


static ngx_int_t
ngx_http_caphealth_history_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_str_t                        path;
    const char                      *error;
    ngx_pool_cleanup_t              *cln;
    ngx_open_file_info_t             of;
    ngx_http_caphealth_cut_t        *cut;
    ngx_http_caphealth_main_conf_t  *cmcf;

    static ngx_str_t  encoding = ngx_string("Content-Encoding");
    static ngx_str_t  gzipped = ngx_string("gzip");

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    if (!cmcf->collector.history) {
        return ngx_http_caphealth_send_problem(r,
                                             &ngx_http_caphealth_history_off);
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cut = ngx_alloc(sizeof(ngx_http_caphealth_cut_t), r->connection->log);
    if (cut == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(cut, offsetof(ngx_http_caphealth_cut_t, query));
    cut->request = r;
    cut->fd = NGX_INVALID_FILE;

    cln->handler = ngx_http_caphealth_history_cleanup;
    cln->data = cut;

    error = caphealth_history_query_parse(&cut->query, (char *) r->args.data,
                                          r->args.len, (double) ngx_time());
    if (error) {
        return ngx_http_caphealth_history_problem(r, error);
    }

    if (ngx_http_caphealth_history_csv(r, &cut->csv) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth history of %s, whole %d, CSV %ui",
                   cut->query.window, cut->query.whole, cut->csv);

    rc = NGX_DECLINED;

#if (NGX_HTTP_GZIP)
    if (cut->query.whole && !cut->csv && ngx_http_gzip_ok(r) == NGX_OK) {
        rc = ngx_http_caphealth_history_open(r, cut->query.window, ".gz", &of,
                                             &path);

        if (rc == NGX_OK) {
            r->headers_out.content_encoding = ngx_http_caphealth_add_header(r,
                                                         &encoding, &gzipped);
            if (r->headers_out.content_encoding == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }
    }
#endif

    if (rc == NGX_DECLINED) {
        rc = ngx_http_caphealth_history_open(r, cut->query.window, "", &of,
                                             &path);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_caphealth_send_problem(r,
                                            &ngx_http_caphealth_history_none);
    }

    if (rc != NGX_OK
        || ngx_http_caphealth_history_header(r, &of, cut->csv) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return (cut->query.whole && !cut->csv)
           ? ngx_http_caphealth_history_send(r, &of, &path)
           : ngx_http_caphealth_history_cut(r, cut, &of);
}


/* the sentences have no more than quotes that JSON has to escape */

static ngx_int_t
ngx_http_caphealth_history_problem(ngx_http_request_t *r, const char *detail)
{
    u_char                        *p;
    ngx_http_caphealth_problem_t   problem;

    problem = ngx_http_caphealth_history_invalid;

    problem.detail.data = ngx_pnalloc(r->pool, 2 * ngx_strlen(detail));
    if (problem.detail.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (p = problem.detail.data; *detail; detail++) {
        if (*detail == '"') {
            *p++ = '\\';
        }

        *p++ = *detail;
    }

    problem.detail.len = p - problem.detail.data;

    return ngx_http_caphealth_send_problem(r, &problem);
}


static ngx_int_t
ngx_http_caphealth_history_csv(ngx_http_request_t *r, ngx_uint_t *csv)
{
    ngx_str_t  accept;

    static ngx_str_t  name = ngx_string("accept");

    if (ngx_http_caphealth_header_list(r, &name, &accept) != NGX_OK) {
        return NGX_ERROR;
    }

    *csv = accept.len
           ? caphealth_accept((char *) accept.data, accept.len,
                              ngx_http_caphealth_history_media, 2)
           : 0;

    return NGX_OK;
}


/* as nginx opens files; NGX_DECLINED: there is none */

static ngx_int_t
ngx_http_caphealth_history_open(ngx_http_request_t *r, const char *window,
    char *suffix, ngx_open_file_info_t *of, ngx_str_t *path)
{
    ngx_uint_t                       level;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    path->data = ngx_pnalloc(r->pool, cmcf->state.dir.len
                                      + sizeof("/history-60d.json.gz"));
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    path->len = ngx_sprintf(path->data, "%V/history-%s.json%s%Z",
                            &cmcf->state.dir, window, suffix)
                - path->data - 1;

    ngx_memzero(of, sizeof(ngx_open_file_info_t));

    of->read_ahead = clcf->read_ahead;
    of->directio = clcf->directio;
    of->valid = clcf->open_file_cache_valid;
    of->min_uses = clcf->open_file_cache_min_uses;
    of->errors = clcf->open_file_cache_errors;
    of->events = clcf->open_file_cache_events;

    if (ngx_open_cached_file(clcf->open_file_cache, path, of, r->pool)
        == NGX_OK)
    {
        if (of->is_file && of->size <= NGX_HTTP_CAPHEALTH_HISTORY_MAX) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"%V\" is no document of the history", path);
        return NGX_ERROR;
    }

    if (of->err == 0) {
        return NGX_ERROR;
    }

    /* of an empty window there is a document, too: none has been written */

    level = (of->err == NGX_ENOENT) ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, r->connection->log, of->err, "%s \"%V\" failed",
                  of->failed, path);

    return (of->err == NGX_ENOENT) ? NGX_DECLINED : NGX_ERROR;
}


static ngx_int_t
ngx_http_caphealth_history_header(ngx_http_request_t *r,
    ngx_open_file_info_t *of, ngx_uint_t csv)
{
    ngx_str_t  *type;

    static ngx_str_t  vary = ngx_string("Vary");
    static ngx_str_t  fields = ngx_string("Accept, Accept-Encoding");

    type = &ngx_http_caphealth_history_types[csv];

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.last_modified_time = of->mtime;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;

    return (ngx_http_caphealth_add_header(r, &vary, &fields) == NULL
            || ngx_http_caphealth_add_no_cache(r) != NGX_OK)
           ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_history_send(ngx_http_request_t *r,
    ngx_open_file_info_t *of, ngx_str_t *path)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.content_length_n = of->size;
    r->allow_ranges = 1;

    if (ngx_http_set_etag(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->file_last = of->size;
    b->in_file = b->file_last ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    b->file->fd = of->fd;
    b->file->name = *path;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_caphealth_history_cut(ngx_http_request_t *r,
    ngx_http_caphealth_cut_t *cut, ngx_open_file_info_t *of)
{
    ngx_thread_task_t               *task;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    /* that of the cache is closed with the request */

    cut->size = of->size;
    cut->fd = fcntl(of->fd, F_DUPFD_CLOEXEC, 0);

    if (cut->fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, ngx_errno,
                      "fcntl(F_DUPFD_CLOEXEC) failed");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_caphealth_history_etag(r, of, cut->csv) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    task = ngx_calloc(sizeof(ngx_thread_task_t), r->connection->log);
    if (task == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cut->task = task;

    task->ctx = cut;
    task->handler = ngx_http_caphealth_history_thread;
    task->event.data = cut;
    task->event.handler = ngx_http_caphealth_history_done;
    task->event.log = ngx_cycle->log;

    if (ngx_thread_task_post(cmcf->thread_pool, task) != NGX_OK) {
        ngx_http_clean_header(r);
        return ngx_http_caphealth_send_problem(r,
                                            &ngx_http_caphealth_history_busy);
    }

    /* a worker that quits waits for timers, and not for threads */

    ngx_add_timer(&task->event, NGX_HTTP_CAPHEALTH_HISTORY_WAIT);

    cut->running = 1;
    r->main->count++;

    return NGX_DONE;
}


/* of the document, what is asked of it, and the form of the answer */

static ngx_int_t
ngx_http_caphealth_history_etag(ngx_http_request_t *r,
    ngx_open_file_info_t *of, ngx_uint_t csv)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_OFF_T_LEN + NGX_TIME_T_LEN
                                      + sizeof("\"--00000000-csv\""));
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "\"%xT-%xO-%08xD%s\"", of->mtime,
                            of->size,
                            ngx_crc32_long(r->args.data, r->args.len),
                            csv ? "-csv" : "")
                - value.data;

    return ngx_http_caphealth_add_etag(r, &value);
}


static void
ngx_http_caphealth_history_thread(void *data, ngx_log_t *log)
{
    ngx_http_caphealth_cut_t *cut = data;

    char     *document;
    off_t     offset;
    ssize_t   n;

    document = malloc(cut->size + 1);

    if (document == NULL) {
        cut->err = NGX_ENOMEM;
        return;
    }

    for (offset = 0; offset < cut->size; offset += n) {
        n = pread(cut->fd, document + offset, cut->size - offset, offset);

        if (n == 0) {
            break;
        }

        if (n == -1) {
            if (ngx_errno == NGX_EINTR) {
                n = 0;
                continue;
            }

            cut->err = ngx_errno;
            free(document);
            return;
        }
    }

    cut->text = caphealth_history_cut(document, offset, &cut->query,
                                      (int) cut->csv, &cut->len);

    if (cut->text == NULL && cut->len) {
        cut->err = NGX_ENOMEM;
    }

    free(document);
}


static void
ngx_http_caphealth_history_done(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_caphealth_cut_t  *cut;

    cut = ev->data;
    r = cut->request;

    if (ev->timedout) {
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_CAPHEALTH_HISTORY_WAIT);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    cut->running = 0;

    if (r == NULL) {
        ngx_http_caphealth_history_free(cut);
        return;
    }

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "caphealth history cut: %uz bytes \"%V?%V\"",
                   cut->len, &r->uri, &r->args);

    ngx_http_finalize_request(r, ngx_http_caphealth_history_answer(cut));
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_caphealth_history_answer(ngx_http_caphealth_cut_t *cut)
{
    ngx_http_request_t  *r;

    r = cut->request;

    if (cut->text == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, cut->err,
                      cut->err ? "the history of %s cannot be read"
                               : "the document of the history of %s is "
                                 "damaged, it is written anew",
                      cut->query.window);

        ngx_http_clean_header(r);

        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_caphealth_send(r,
                              &ngx_http_caphealth_history_types[cut->csv],
                              (u_char *) cut->text, cut->len);
}


static void
ngx_http_caphealth_history_cleanup(void *data)
{
    ngx_http_caphealth_cut_t *cut = data;

    cut->request = NULL;

    if (!cut->running) {
        ngx_http_caphealth_history_free(cut);
    }
}


static void
ngx_http_caphealth_history_free(ngx_http_caphealth_cut_t *cut)
{
    if (cut->fd != NGX_INVALID_FILE) {
        (void) close(cut->fd);
    }

    free(cut->text);

    if (cut->task) {
        ngx_free(cut->task);
    }

    ngx_free(cut);
}
