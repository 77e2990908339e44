
/*
 * DELETE of an image: its files are removed in the thread pool.
 */

#include "ngx_http_caphealth_upload_outcome.h"


typedef struct {
    ngx_pool_t                      *pool;
    ngx_http_request_t              *request;    /* NULL: nobody waits */
    ngx_http_caphealth_loc_conf_t   *conf;
    ngx_http_cleanup_t              *cleanup;
    ngx_thread_task_t               *task;
    ngx_event_t                      event;
    char                             id[CAPHEALTH_ID_LEN + 1];
    ngx_err_t                        err;        /* 0: it is removed */
    caphealth_removed_t              removed;
    ngx_http_caphealth_main_conf_t  *main_conf;
    ngx_int_t                        move;       /* of the tree's counts */
} ngx_http_caphealth_delete_t;


static ngx_http_caphealth_delete_t *ngx_http_caphealth_delete_create(
    ngx_http_request_t *r, ngx_str_t *id);
static void ngx_http_caphealth_delete_thread(void *data, ngx_log_t *log);
static void ngx_http_caphealth_delete_handler(ngx_event_t *ev);
static void ngx_http_caphealth_delete_count(ngx_http_caphealth_delete_t *d);
static ngx_int_t ngx_http_caphealth_delete_answer(ngx_http_request_t *r,
    ngx_http_caphealth_delete_t *d);
static void ngx_http_caphealth_delete_cleanup(void *data);


ngx_int_t
ngx_http_caphealth_delete(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_int_t                     rc;
    ngx_http_caphealth_delete_t  *d;

    ngx_http_caphealth_outcome_start(r);

    if (!caphealth_id_valid((char *) id->data, id->len)) {
        return ngx_http_caphealth_send_fault(r,
                                             CAPHEALTH_OUTCOME_NO_SUCH_IMAGE,
                                             NULL);
    }

    rc = ngx_http_caphealth_discard_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_caphealth_outcome_ids(r, (char *) id->data, 0, 1) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    d = ngx_http_caphealth_delete_create(r, id);
    if (d == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    d->move = ngx_http_caphealth_tree_begin(d->main_conf->state.zone,
                                            &d->conf->image_root, d->id);

    if (ngx_http_caphealth_threads_try(d->main_conf->threads, d->task)
        != NGX_OK)
    {
        ngx_http_caphealth_delete_count(d);
        d->cleanup->handler = NULL;
        ngx_destroy_pool(d->pool);

        return ngx_http_caphealth_send_fault(r, CAPHEALTH_OUTCOME_NO_THREAD,
                                             NULL);
    }

    d->request = r;

    ngx_add_timer(&d->event, NGX_HTTP_CAPHEALTH_KEEP);

    r->main->count++;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static ngx_http_caphealth_delete_t *
ngx_http_caphealth_delete_create(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_pool_t                   *pool;
    ngx_http_cleanup_t           *cln;
    ngx_http_caphealth_delete_t  *d;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(NGX_MIN_POOL_SIZE + 1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    d = ngx_pcalloc(pool, sizeof(ngx_http_caphealth_delete_t));
    if (d == NULL) {
        goto failed;
    }

    d->task = ngx_thread_task_alloc(pool, 0);
    if (d->task == NULL) {
        goto failed;
    }

    d->pool = pool;
    d->conf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);
    d->main_conf = ngx_http_get_module_main_conf(r,
                                                 ngx_http_caphealth_module);
    ngx_memcpy(d->id, id->data, CAPHEALTH_ID_LEN);

    d->task->ctx = d;
    d->task->handler = ngx_http_caphealth_delete_thread;
    d->task->event.data = d;
    d->task->event.log = ngx_cycle->log;
    d->task->event.handler = ngx_http_caphealth_delete_handler;

    d->event.data = d;
    d->event.log = ngx_cycle->log;
    d->event.handler = ngx_http_caphealth_keep_handler;

    d->cleanup = cln;
    cln->handler = ngx_http_caphealth_delete_cleanup;
    cln->data = d;

    return d;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void
ngx_http_caphealth_delete_thread(void *data, ngx_log_t *log)
{
    ngx_http_caphealth_delete_t *d = data;

    if (caphealth_set_remove((char *) d->conf->image_root.data, d->id,
                             d->conf->variants->names[0], &d->removed)
        == -1)
    {
        d->err = ngx_errno;
    }
}


static void
ngx_http_caphealth_delete_handler(ngx_event_t *ev)
{
    ngx_int_t                     rc;
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_caphealth_delete_t  *d;

    d = ev->data;
    r = d->request;
    d->request = NULL;

    ngx_http_caphealth_threads_ended(d->main_conf->threads);

    ngx_http_caphealth_delete_count(d);

    if (r) {
        c = r->connection;
        d->cleanup->handler = NULL;

        ngx_http_set_log_request(c->log, r);

        rc = ngx_http_caphealth_delete_answer(r, d);

        ngx_http_finalize_request(r, rc);
        ngx_http_run_posted_requests(c);
    }

    ngx_del_timer(&d->event);
    ngx_destroy_pool(d->pool);
}


/* also of one that failed half-way */

static void
ngx_http_caphealth_delete_count(ngx_http_caphealth_delete_t *d)
{
    ngx_str_t       *root;
    ngx_uint_t       sure;
    ngx_shm_zone_t  *zone;

    zone = d->main_conf->state.zone;
    root = &d->conf->image_root;

    if (d->removed.files) {
        ngx_http_caphealth_tree_move(zone, root, d->id,
                                     -(int64_t) d->removed.files,
                                     -(int64_t) d->removed.bytes,
                                     -(int64_t) d->removed.marked);
    }

    sure = (d->removed.files == 0) ? (d->err == 0 || d->err == NGX_ENOENT)
                                   : (d->err == 0 && d->removed.marked);

    ngx_http_caphealth_tree_end(zone, root, d->id, d->move, sure);
}


static ngx_int_t
ngx_http_caphealth_delete_answer(ngx_http_request_t *r,
    ngx_http_caphealth_delete_t *d)
{
    static ngx_str_t  detail = ngx_string("The image, or a part of it, cannot "
                                          "be removed; the server's error log "
                                          "says why.");

    if (d->err == 0) {
        ngx_http_caphealth_outcome_count(r, CAPHEALTH_OUTCOME_OK);

        r->headers_out.status = NGX_HTTP_NO_CONTENT;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    if (d->err == NGX_ENOENT && d->removed.files == 0) {
        return ngx_http_caphealth_send_fault(r,
                                             CAPHEALTH_OUTCOME_NO_SUCH_IMAGE,
                                             NULL);
    }

    ngx_log_error(NGX_LOG_CRIT, r->connection->log, d->err,
                  "image \"%s\" cannot be removed from image root \"%V\"",
                  d->id, &d->conf->image_root);

    return ngx_http_caphealth_send_fault(r, CAPHEALTH_OUTCOME_STORAGE_FAILED,
                                         &detail);
}


/* the files are removed all the same */

static void
ngx_http_caphealth_delete_cleanup(void *data)
{
    ngx_http_caphealth_delete_t *d = data;

    d->request = NULL;
}
