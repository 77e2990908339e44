
/*
 * caphealth_image_owners: who has how many images in a tree.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_upload_conf.h"

#include <jansson.h>

#include "caphealth_owners.h"


#define NGX_HTTP_CAPHEALTH_OWNERS_LIMIT  100
#define NGX_HTTP_CAPHEALTH_OWNERS_MAX    1000

/* after this time without an end of the thread the timer is set again */
#define NGX_HTTP_CAPHEALTH_OWNERS_WAIT   60000


/* it does not belong to the request, which may end while the thread reads */

typedef struct {
    ngx_http_request_t  *request;    /* NULL: it has ended */
    ngx_thread_task_t   *task;
    const char          *root;       /* of the configuration */
    double               max_age;
    ngx_uint_t           limit;
    ngx_uint_t           offset;
    char                *text;
    ngx_err_t            err;
    unsigned             running:1;  /* the thread has it */
} ngx_http_caphealth_owners_t;


static ngx_int_t ngx_http_caphealth_owners_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_owners_args(ngx_http_request_t *r,
    ngx_http_caphealth_owners_t *owners);
static ngx_int_t ngx_http_caphealth_owners_number(ngx_http_request_t *r,
    char *name, ngx_int_t low, ngx_int_t high, ngx_uint_t *number);
static void ngx_http_caphealth_owners_thread(void *data, ngx_log_t *log);
static char *ngx_http_caphealth_owners_text(
    ngx_http_caphealth_owners_t *owners, caphealth_owner_row_t *rows,
    size_t n);
static void ngx_http_caphealth_owners_done(ngx_event_t *ev);
static ngx_int_t ngx_http_caphealth_owners_answer(
    ngx_http_caphealth_owners_t *owners);
static void ngx_http_caphealth_owners_cleanup(void *data);
static void ngx_http_caphealth_owners_free(
    ngx_http_caphealth_owners_t *owners);


static ngx_http_caphealth_problem_t  ngx_http_caphealth_owners_invalid = {
    NGX_HTTP_BAD_REQUEST,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "invalid-argument"),
    ngx_string("Invalid argument"),
    ngx_string("The list of owners takes \\\"limit\\\", a number from 1 to "
               "1000, and \\\"offset\\\", how many to leave out before."),
    ngx_null_string
};


static ngx_http_caphealth_problem_t  ngx_http_caphealth_owners_busy = {
    NGX_HTTP_SERVICE_UNAVAILABLE,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "server-busy"),
    ngx_string("Server busy"),
    ngx_string("The server has no thread free for this. Try again."),
    ngx_null_string
};


static ngx_http_caphealth_problem_t  ngx_http_caphealth_owners_counting = {
    NGX_HTTP_SERVICE_UNAVAILABLE,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "server-busy"),
    ngx_string("Server busy"),
    ngx_string("The images of an owner are being counted. Try again."),
    ngx_null_string
};


static ngx_str_t  ngx_http_caphealth_owners_type =
    ngx_string("application/json");


char *
ngx_http_caphealth_image_owners(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);

    cmcf->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (cmcf->thread_pool == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_caphealth_add_endpoint(cf,
                                     NGX_HTTP_CAPHEALTH_ENDPOINT_IMAGE_OWNERS,
                                     ngx_http_caphealth_owners_handler);
}


static ngx_int_t
ngx_http_caphealth_owners_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_thread_task_t               *task;
    ngx_pool_cleanup_t              *cln;
    ngx_http_caphealth_owners_t     *owners;
    ngx_http_caphealth_loc_conf_t   *lcf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    rc = ngx_http_caphealth_check_request(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    owners = ngx_calloc(sizeof(ngx_http_caphealth_owners_t),
                        r->connection->log);
    if (owners == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_caphealth_owners_cleanup;
    cln->data = owners;

    owners->request = r;
    owners->root = (char *) lcf->upload.root.data;
    owners->max_age = (double) cmcf->collector.scan;

    if (ngx_http_caphealth_owners_args(r, owners) != NGX_OK) {
        return ngx_http_caphealth_send_problem(r,
                                          &ngx_http_caphealth_owners_invalid);
    }

    task = ngx_calloc(sizeof(ngx_thread_task_t), r->connection->log);
    if (task == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    owners->task = task;

    task->ctx = owners;
    task->handler = ngx_http_caphealth_owners_thread;
    task->event.data = owners;
    task->event.handler = ngx_http_caphealth_owners_done;
    task->event.log = ngx_cycle->log;

    if (ngx_thread_task_post(cmcf->thread_pool, task) != NGX_OK) {
        return ngx_http_caphealth_send_problem(r,
                                             &ngx_http_caphealth_owners_busy);
    }

    /* a worker that quits waits for timers, and not for threads */

    ngx_add_timer(&task->event, NGX_HTTP_CAPHEALTH_OWNERS_WAIT);

    owners->running = 1;
    r->main->count++;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_caphealth_owners_args(ngx_http_request_t *r,
    ngx_http_caphealth_owners_t *owners)
{
    owners->limit = NGX_HTTP_CAPHEALTH_OWNERS_LIMIT;
    owners->offset = 0;

    if (ngx_http_caphealth_owners_number(r, "limit", 1,
                                         NGX_HTTP_CAPHEALTH_OWNERS_MAX,
                                         &owners->limit)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_caphealth_owners_number(r, "offset", 0,
                                            NGX_MAX_INT_T_VALUE,
                                            &owners->offset);
}


static ngx_int_t
ngx_http_caphealth_owners_number(ngx_http_request_t *r, char *name,
    ngx_int_t low, ngx_int_t high, ngx_uint_t *number)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) != NGX_OK) {
        return NGX_OK;
    }

    n = ngx_atoi(value.data, value.len);

    if (n == NGX_ERROR || n < low || n > high) {
        return NGX_ERROR;
    }

    *number = (ngx_uint_t) n;

    return NGX_OK;
}


static void
ngx_http_caphealth_owners_thread(void *data, ngx_log_t *log)
{
    ngx_http_caphealth_owners_t *owners = data;

    size_t                  n;
    caphealth_owner_row_t  *rows;

    if (caphealth_owner_list(owners->root, owners->max_age, &rows, &n) == -1) {
        owners->err = ngx_errno;
        return;
    }

    owners->text = ngx_http_caphealth_owners_text(owners, rows, n);

    if (owners->text == NULL) {
        owners->err = NGX_ENOMEM;
    }

    free(rows);
}


static char *
ngx_http_caphealth_owners_text(ngx_http_caphealth_owners_t *owners,
    caphealth_owner_row_t *rows, size_t n)
{
    char     *text;
    json_t   *list, *answer;
    size_t    i;
    int64_t   images, bytes;

    images = 0;
    bytes = 0;
    list = json_array();

    for (i = 0; i < n; i++) {
        images += rows[i].images;
        bytes += rows[i].bytes;

        if (i < owners->offset || i - owners->offset >= owners->limit) {
            continue;
        }

        if (json_array_append_new(list,
                                  json_pack("{s:s, s:I, s:I}",
                                            "owner", rows[i].name,
                                            "images",
                                            (json_int_t) rows[i].images,
                                            "bytes",
                                            (json_int_t) rows[i].bytes)))
        {
            json_decref(list);
            return NULL;
        }
    }

    answer = json_pack("{s:I, s:I, s:I, s:o}",
                       "total_owners", (json_int_t) n,
                       "total_images", (json_int_t) images,
                       "total_bytes", (json_int_t) bytes,
                       "owners", list);

    text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);

    return text;
}


static void
ngx_http_caphealth_owners_done(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_caphealth_owners_t  *owners;

    owners = ev->data;
    r = owners->request;

    if (ev->timedout) {
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_CAPHEALTH_OWNERS_WAIT);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    owners->running = 0;

    if (r == NULL) {
        ngx_http_caphealth_owners_free(owners);
        return;
    }

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, ngx_http_caphealth_owners_answer(owners));
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_caphealth_owners_answer(ngx_http_caphealth_owners_t *owners)
{
    size_t               len;
    ngx_http_request_t  *r;

    r = owners->request;

    if (owners->err == NGX_EAGAIN) {
        return ngx_http_caphealth_send_problem(r,
                                         &ngx_http_caphealth_owners_counting);
    }

    if (owners->text == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, owners->err,
                      "the owners of image root \"%s\" cannot be read",
                      owners->root);

        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_caphealth_add_no_cache(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* json_dumps() ends it with a NUL, of which a line feed is made */

    len = ngx_strlen(owners->text);
    owners->text[len] = LF;

    r->headers_out.status = NGX_HTTP_OK;

    return ngx_http_caphealth_send(r, &ngx_http_caphealth_owners_type,
                                   (u_char *) owners->text, len + 1);
}


static void
ngx_http_caphealth_owners_cleanup(void *data)
{
    ngx_http_caphealth_owners_t *owners = data;

    owners->request = NULL;

    if (!owners->running) {
        ngx_http_caphealth_owners_free(owners);
    }
}


static void
ngx_http_caphealth_owners_free(ngx_http_caphealth_owners_t *owners)
{
    free(owners->text);

    if (owners->task) {
        ngx_free(owners->task);
    }

    ngx_free(owners);
}
