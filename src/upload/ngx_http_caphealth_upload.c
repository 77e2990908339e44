
/*
 * The life of an upload: its states, in their order.
 *
 *     READING      nginx reads the body
 *     PREPARING    a thread looks for the images in it, and for what is
 *                  stored of them already
 *     CONVERTING   threads open files for the images, converters fill them
 *     PUBLISHING   a thread gives the files their names
 *     CLOSING      the client has its answer, or is gone: a thread closes
 *                  the files, and removes those that are not to stay
 *
 * Images for an object store are only checked in PUBLISHING.  Behind it is
 *
 *     CLAIMING     a shipper takes their ids, if those are not random; before
 *                  CONVERTING it looks at them
 *     SHIPPING     a shipper puts the files into the store
 *     WITHDRAWING  and if the client is not told so, removes them again
 *
 * A deletion has one, REMOVING, in which a thread or a shipper removes the
 * files.
 *
 * A thread never waits for another request that has the same id, or changes
 * images of the same owner: in WAITING a timer does, and then the thread's task
 * is posted again.
 */

#include "ngx_http_caphealth_answer.h"
#include "ngx_http_caphealth_cors.h"
#include "ngx_http_caphealth_token.h"
#include "ngx_http_caphealth_upload.h"
#include "ngx_http_caphealth_upload_conf.h"
#include "ngx_http_caphealth_upload_outcome.h"

#include "caphealth_origin.h"


/*
 * Descriptors that the files of one upload may keep until all are made; those
 * of a larger one are closed meanwhile.
 */
#define NGX_HTTP_CAPHEALTH_UPLOAD_FDS  64

/*
 * How often a request looks whether another has given up the id, or the owner,
 * and how long an upload does so for another of the same key, or of the same
 * photo; milliseconds.  An owner is changed within a moment.
 */
#define NGX_HTTP_CAPHEALTH_CLAIM_PAUSE  100
#define NGX_HTTP_CAPHEALTH_OWNER_PAUSE  20
#define NGX_HTTP_CAPHEALTH_CLAIM_WAIT   5000


static ngx_int_t ngx_http_caphealth_upload_method(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf);
static ngx_uint_t ngx_http_caphealth_upload_cross_site(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_caphealth_upload_other_origin(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_caphealth_upload_post(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, caphealth_token_t *token);
static ngx_int_t ngx_http_caphealth_upload_boundary(ngx_http_request_t *r,
    char *boundary);
static ngx_int_t ngx_http_caphealth_upload_length(ngx_http_request_t *r,
    ngx_http_caphealth_main_conf_t *cmcf);
static ngx_http_caphealth_upload_t *ngx_http_caphealth_upload_create(
    ngx_http_request_t *r, ngx_http_caphealth_upload_conf_t *conf,
    caphealth_token_t *token, const char *boundary);
static ngx_int_t ngx_http_caphealth_upload_focus_argument(
    ngx_http_request_t *r, caphealth_job_t *job);
static ngx_int_t ngx_http_caphealth_upload_set_key(
    ngx_http_caphealth_upload_t *u, ngx_str_t *key);
static ngx_int_t ngx_http_caphealth_upload_delete(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, caphealth_token_t *token);
static void ngx_http_caphealth_upload_body_handler(ngx_http_request_t *r);
static void ngx_http_caphealth_upload_body_received(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_post_task(
    ngx_http_caphealth_upload_t *u, void (*handler)(void *data,
    ngx_log_t *log));
static void ngx_http_caphealth_upload_task_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_caphealth_upload_wait(
    ngx_http_caphealth_upload_t *u, ngx_msec_t pause, ngx_msec_t longest);
static void ngx_http_caphealth_upload_waited(ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_prepared(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_published(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_end_deletion(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_owner_busy(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_start_converting(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_advance(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_check_results(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_submit(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image);
static uint64_t ngx_http_caphealth_upload_max_pixels(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_open_next(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_reserve(ngx_http_caphealth_upload_t *u,
    ngx_uint_t n);
static void ngx_http_caphealth_upload_timer_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_caphealth_upload_in_progress(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_on_timeout(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_job_handler(
    ngx_http_caphealth_job_t *job);
static void ngx_http_caphealth_upload_cancel(ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_respond(ngx_http_caphealth_upload_t *u);
static ngx_int_t ngx_http_caphealth_upload_send_stored(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_cleanup(void *data);
static void ngx_http_caphealth_upload_cancel_task(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_destroy(
    ngx_http_caphealth_upload_t *u);


static ngx_http_caphealth_problem_t  ngx_http_caphealth_upload_only = {
    NGX_HTTP_NOT_ALLOWED,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "method-not-allowed"),
    ngx_string("Method not allowed"),
    ngx_string("This location takes images: POST one as it is, or several as "
               "multipart/form-data."),
    ngx_string("POST")
};


static ngx_http_caphealth_problem_t  ngx_http_caphealth_upload_or_delete = {
    NGX_HTTP_NOT_ALLOWED,
    ngx_string(NGX_HTTP_CAPHEALTH_URN "method-not-allowed"),
    ngx_string("Method not allowed"),
    ngx_string("This location takes images: POST one as it is, or several as "
               "multipart/form-data; and DELETE one by its id."),
    ngx_string("POST, DELETE")
};


ngx_int_t
ngx_http_caphealth_upload_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_caphealth_loc_conf_t  *lcf;

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"caphealth_image_upload\" takes no subrequests");
        return NGX_HTTP_FORBIDDEN;
    }

    if (ngx_http_caphealth_outcome_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_caphealth_module);

    /* where tokens are needed, they are what lets a request in */

    if (lcf->upload.tokens == NULL) {
        rc = ngx_http_caphealth_check_access(r);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    rc = ngx_http_caphealth_cors_preflight(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_caphealth_upload_method(r, &lcf->upload);
}


static ngx_int_t
ngx_http_caphealth_upload_method(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf)
{
    ngx_int_t          rc;
    caphealth_token_t  token;

    if (!(r->method & NGX_HTTP_POST)
        && !(r->method & NGX_HTTP_DELETE && conf->delete))
    {
        return ngx_http_caphealth_send_problem(r,
                                         conf->delete
                                         ? &ngx_http_caphealth_upload_or_delete
                                         : &ngx_http_caphealth_upload_only);
    }

    if (!ngx_http_caphealth_cors_allowed(r)
        && ngx_http_caphealth_upload_cross_site(r))
    {
        return ngx_http_caphealth_upload_problem(r,
                                                 CAPHEALTH_OUTCOME_CROSS_SITE,
                                                 NULL);
    }

    rc = ngx_http_caphealth_token(r, &token);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (r->method & NGX_HTTP_DELETE) {
        return ngx_http_caphealth_upload_delete(r, conf, &token);
    }

    return ngx_http_caphealth_upload_post(r, conf, &token);
}


/*
 * whether a page of another site made a browser send this: W3C's Fetch
 * Metadata
 */

static ngx_uint_t
ngx_http_caphealth_upload_cross_site(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("sec-fetch-site");
    static ngx_str_t  cross_site = ngx_string("cross-site");

    h = ngx_http_caphealth_header(r, &name);

    if (h == NULL) {
        return ngx_http_caphealth_upload_other_origin(r);
    }

    return h->value.len == cross_site.len
           && ngx_strncasecmp(h->value.data, cross_site.data, cross_site.len)
              == 0;
}


/*
 * browsers send Sec-Fetch-Site over TLS and to localhost only, but Origin
 * always
 */

static ngx_uint_t
ngx_http_caphealth_upload_other_origin(ngx_http_request_t *r)
{
    ngx_str_t        *server;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("origin");

    h = ngx_http_caphealth_header(r, &name);

    if (h == NULL) {
        return 0;
    }

    server = &r->headers_in.server;

    return !caphealth_origin_is((char *) h->value.data, h->value.len,
                                (char *) server->data, server->len);
}


static ngx_int_t
ngx_http_caphealth_upload_post(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, caphealth_token_t *token)
{
    char                             boundary[CAPHEALTH_BOUNDARY_MAX + 1];
    ngx_int_t                        rc;
    ngx_str_t                        key;
    caphealth_job_t                  job;
    ngx_http_caphealth_upload_t     *u;
    ngx_http_caphealth_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);

    ngx_memzero(&job, sizeof(caphealth_job_t));

    /* what the header shows to be wrong is refused before the body is read */

    rc = ngx_http_caphealth_upload_boundary(r, boundary);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (boundary[0] == '\0') {
        rc = ngx_http_caphealth_upload_length(r, cmcf);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        rc = ngx_http_caphealth_upload_focus_argument(r, &job);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    rc = ngx_http_caphealth_upload_key(r, conf, &key);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_caphealth_converters_full(cmcf->worker->converters)) {
        return ngx_http_caphealth_upload_send_queue_full(r, cmcf);
    }

    if (ngx_http_caphealth_converters_unavailable(cmcf->worker->converters)) {
        return ngx_http_caphealth_upload_problem(r,
                                                CAPHEALTH_OUTCOME_NO_CONVERTER,
                                                NULL);
    }

    rc = ngx_http_caphealth_upload_store_check(r, conf, token);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_caphealth_token_use(r, token, key.len ? &key : NULL);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    u = ngx_http_caphealth_upload_create(r, conf, token, boundary);
    if (u == NULL) {
        ngx_http_caphealth_token_unuse(cmcf, token, 0);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (conf->store) {
        ngx_http_caphealth_upload_store_admit(u);
    }

    u->focus_x = job.focus_x;
    u->focus_y = job.focus_y;

    if (ngx_http_caphealth_upload_set_key(u, &key) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, u, ngx_http_caphealth_module);

    rc = ngx_http_read_client_request_body(r,
                                      ngx_http_caphealth_upload_body_handler);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/*
 * What the field "focus" is of a form; as it, it is none if it is empty.
 * NGX_DECLINED: the request may go on.
 */

static ngx_int_t
ngx_http_caphealth_upload_focus_argument(ngx_http_request_t *r,
    caphealth_job_t *job)
{
    u_char     *p, *src;
    ngx_str_t   value;

    static ngx_str_t  detail = ngx_string("The argument \"focus\" must be two "
                                          "numbers from 0 to 1, as in "
                                          "0.5,0.25: how far from the left, "
                                          "and from the top.");

    if (ngx_http_arg(r, (u_char *) "focus", 5, &value) != NGX_OK
        || value.len == 0)
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, value.len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a browser's URLSearchParams escapes the comma */

    src = value.data;
    value.data = p;
    ngx_unescape_uri(&p, &src, value.len, 0);
    value.len = p - value.data;

    if (caphealth_job_focus(job, (char *) value.data, value.len) == 0) {
        return NGX_DECLINED;
    }

    return ngx_http_caphealth_upload_problem(r, CAPHEALTH_OUTCOME_INVALID_FIELD,
                                             &detail);
}


/* NGX_DECLINED: the request may go on */

static ngx_int_t
ngx_http_caphealth_upload_boundary(ngx_http_request_t *r, char *boundary)
{
    const char                    *reason;
    ngx_str_t                      detail, *type;
    caphealth_multipart_result_e   rc;

    static ngx_str_t  other = ngx_string("The Content-Type is multipart, but "
                                         "not multipart/form-data. Send a "
                                         "form, or an image as it is.");

    boundary[0] = '\0';

    if (r->headers_in.content_type == NULL) {
        return NGX_DECLINED;
    }

    type = &r->headers_in.content_type->value;

    rc = caphealth_multipart_boundary((char *) type->data, type->len,
                                      boundary, &reason);

    if (rc == CAPHEALTH_MULTIPART_OK) {
        return NGX_DECLINED;
    }

    if (rc == CAPHEALTH_MULTIPART_NONE) {

        if (type->len < sizeof("multipart/") - 1
            || ngx_strncasecmp(type->data, (u_char *) "multipart/",
                               sizeof("multipart/") - 1)
               != 0)
        {
            return NGX_DECLINED;
        }

        return ngx_http_caphealth_upload_problem(r,
                                                 CAPHEALTH_OUTCOME_UNSUPPORTED,
                                                 &other);
    }

    detail.data = (u_char *) reason;
    detail.len = ngx_strlen(reason);

    return ngx_http_caphealth_upload_problem(r, CAPHEALTH_OUTCOME_MALFORMED,
                                             &detail);
}


/*
 * of a body that is an image, not a form; NGX_DECLINED: the request may go on
 */

static ngx_int_t
ngx_http_caphealth_upload_length(ngx_http_request_t *r,
    ngx_http_caphealth_main_conf_t *cmcf)
{
    size_t     most;
    u_char     buf[NGX_HTTP_CAPHEALTH_DETAIL_LEN];
    ngx_str_t  detail;

    most = cmcf->images.converter.memory / 2;

    if (r->headers_in.content_length_n <= (off_t) most) {
        return NGX_DECLINED;
    }

    detail.data = buf;
    detail.len = ngx_snprintf(buf, sizeof(buf),
                              NGX_HTTP_CAPHEALTH_TOO_LONG,
                              (uint64_t) r->headers_in.content_length_n, most)
                 - buf;

    return ngx_http_caphealth_upload_problem(r, CAPHEALTH_OUTCOME_TOO_LARGE,
                                             &detail);
}


static ngx_http_caphealth_upload_t *
ngx_http_caphealth_upload_create(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, caphealth_token_t *token,
    const char *boundary)
{
    ngx_pool_t                   *pool;
    ngx_http_cleanup_t           *cln;
    ngx_http_caphealth_upload_t  *u;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    u = ngx_pcalloc(pool, sizeof(ngx_http_caphealth_upload_t));
    if (u == NULL) {
        goto failed;
    }

    u->work.task = ngx_thread_task_alloc(pool, 0);
    if (u->work.task == NULL) {
        goto failed;
    }

    u->pool = pool;
    u->request = r;
    u->conf = conf;
    u->token = *token;
    u->main_conf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    u->worker = u->main_conf->worker;
    u->counters = ngx_http_caphealth_zone_counters(
                                                 u->main_conf->collector.zone);
    u->body = NGX_INVALID_FILE;
    u->input = NGX_INVALID_FILE;
    (void) ngx_cpystrn((u_char *) u->boundary, (u_char *) boundary,
                       sizeof(u->boundary));

    u->work.task->ctx = u;
    u->work.task->event.data = u;
    u->work.task->event.log = ngx_cycle->log;
    u->work.task->event.handler = ngx_http_caphealth_upload_task_handler;

    u->event.data = u;
    u->event.log = ngx_cycle->log;
    u->event.handler = ngx_http_caphealth_upload_timer_handler;

    u->cleanup = cln;
    cln->handler = ngx_http_caphealth_upload_cleanup;
    cln->data = u;

    return u;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


/* the key, and the URL that it is of */

static ngx_int_t
ngx_http_caphealth_upload_set_key(ngx_http_caphealth_upload_t *u,
    ngx_str_t *key)
{
    if (key->len == 0) {
        return NGX_OK;
    }

    u->key.len = key->len;
    u->key.data = ngx_pstrdup(u->pool, key);

    u->uri.len = u->request->uri.len;
    u->uri.data = ngx_pstrdup(u->pool, &u->request->uri);

    return u->key.data && u->uri.data ? NGX_OK : NGX_ERROR;
}


/* removes the image whose id is the last part of the path */

static ngx_int_t
ngx_http_caphealth_upload_delete(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, caphealth_token_t *token)
{
    u_char                       *p, *id;
    size_t                        len;
    ngx_int_t                     rc;
    ngx_str_t                     force;
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    ngx_http_caphealth_outcome_start(r);

    p = r->uri.data + r->uri.len;

    for (id = p; id > r->uri.data && id[-1] != '/'; id--) { /* void */ }

    len = p - id;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth delete: \"%*s\"", len, id);

    if (!caphealth_id_valid((char *) id, len)) {
        return ngx_http_caphealth_upload_problem(r,
                                               CAPHEALTH_OUTCOME_NO_SUCH_IMAGE,
                                               NULL);
    }

    if (conf->id == NGX_HTTP_CAPHEALTH_ID_CONTENT
        && (ngx_http_arg(r, (u_char *) "force", 5, &force) != NGX_OK
            || force.len != 1 || force.data[0] != '1'))
    {
        return ngx_http_caphealth_upload_problem(r,
                                                CAPHEALTH_OUTCOME_IMAGE_SHARED,
                                                NULL);
    }

    rc = ngx_http_caphealth_discard_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_caphealth_outcome_ids(r, (char *) id, 0, 1) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_caphealth_upload_store_check(r, conf, token);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_caphealth_token_use(r, token, NULL);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    u = ngx_http_caphealth_upload_create(r, conf, token, "");
    if (u == NULL) {
        ngx_http_caphealth_token_unuse(ngx_http_get_module_main_conf(r,
                                                   ngx_http_caphealth_module),
                                       token, 0);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u->deletion = 1;
    u->images = ngx_pcalloc(u->pool, sizeof(ngx_http_caphealth_image_t));
    u->nimages = (u->images != NULL);

    if (u->images == NULL
        || (conf->store && ngx_http_caphealth_upload_shipments(u) != NGX_OK))
    {
        u->cleanup->handler = NULL;
        ngx_http_caphealth_upload_destroy(u);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    image = u->images;
    ngx_memcpy(image->files.id, id, CAPHEALTH_ID_LEN);

    image->begun = ngx_http_caphealth_tree_begin(u->main_conf->state.zone,
                                                 &conf->tree->key,
                                                 image->files.id);

    if (conf->tree->source) {
        image->source_begun =
                         ngx_http_caphealth_tree_begin(u->main_conf->state.zone,
                                                    &conf->tree->source->key,
                                                       image->files.id);
    }

    u->work.task->handler = ngx_http_caphealth_upload_remove;

    if (conf->store) {
        ngx_http_caphealth_upload_unship(u);

    } else if (ngx_http_caphealth_threads_try(u->worker->threads, u->work.task)
               != NGX_OK)
    {
        ngx_http_caphealth_upload_counts_remove(u);
        u->cleanup->handler = NULL;
        ngx_http_caphealth_upload_destroy(u);
        return ngx_http_caphealth_upload_problem(r,
                                                 CAPHEALTH_OUTCOME_NO_THREAD,
                                                 NULL);
    }

    u->state = NGX_HTTP_CAPHEALTH_REMOVING;
    u->task_active = (conf->store == NULL);

    ngx_add_timer(&u->event, u->main_conf->images.converter.timeout);

    r->main->count++;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_http_caphealth_upload_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_caphealth_upload_t  *u;

    u = ngx_http_get_module_ctx(r, ngx_http_caphealth_module);

    ngx_http_caphealth_upload_body_received(u);

    if (ngx_http_caphealth_converters_full(u->worker->converters)) {
        ngx_http_finalize_request(r,
                     ngx_http_caphealth_upload_send_queue_full(r,
                                                             u->main_conf));
        return;
    }

    if (ngx_http_caphealth_upload_body(u, r->request_body) != NGX_OK
        || ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_caphealth_token_length(r, &u->token, (off_t) u->size);

    if (rc != NGX_DECLINED) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    /* nothing has been made yet, so it is refused if no thread is free */

    u->work.task->handler = ngx_http_caphealth_upload_prepare;

    if (ngx_http_caphealth_threads_try(u->worker->threads, u->work.task)
        != NGX_OK)
    {
        ngx_http_finalize_request(r, ngx_http_caphealth_upload_problem(r,
                                         CAPHEALTH_OUTCOME_NO_THREAD, NULL));
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "caphealth upload: %p, body of %uL bytes", u, u->size);

    u->state = NGX_HTTP_CAPHEALTH_PREPARING;
    u->task_active = 1;
    u->last_progress = ngx_current_msec;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (r->connection->read->ready) {

        /*
         * the client's close may have been read already, and is not reported
         * again
         */

        ngx_post_event(r->connection->read, &ngx_posted_events);
    }

    ngx_http_caphealth_count(&u->counters->received,
                             (ngx_atomic_int_t) u->size);

    ngx_add_timer(&u->event, u->main_conf->images.converter.timeout);
    ngx_http_caphealth_upload_reserve(u, 1);
}


static void
ngx_http_caphealth_upload_body_received(ngx_http_caphealth_upload_t *u)
{
    ngx_time_t          *tp;
    ngx_msec_int_t       ms;
    ngx_http_request_t  *r;

    r = u->request;
    tp = ngx_timeofday();

    /* computed as $request_time; negative if the clock was set back */

    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));
    ms = ngx_max(ms, 0);

    ngx_http_caphealth_outcome_start(r);

    u->received_at = ngx_current_msec;

    ngx_http_caphealth_observe(u->counters, CAPHEALTH_RECEIVE,
                               (ngx_msec_t) ms);
}


static void
ngx_http_caphealth_upload_post_task(ngx_http_caphealth_upload_t *u,
    void (*handler)(void *data, ngx_log_t *log))
{
    u->task_active = 1;
    u->last_progress = ngx_current_msec;
    u->work.task->handler = handler;

    ngx_http_caphealth_threads_post(u->worker->threads, &u->work);
}


static void
ngx_http_caphealth_upload_task_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_upload_t  *u;

    u = ev->data;

    u->task_active = 0;
    u->last_progress = ngx_current_msec;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ev->log, 0,
                   "caphealth upload: %p, a thread has ended in state %d, "
                   "outcome %d", u, (int) u->state, (int) u->outcome);

    ngx_http_caphealth_threads_ended(u->worker->threads);

    switch (u->state) {

    case NGX_HTTP_CAPHEALTH_PREPARING:
        ngx_http_caphealth_upload_prepared(u);
        break;

    case NGX_HTTP_CAPHEALTH_CONVERTING:
        u->opened = u->open_until;
        ngx_http_caphealth_upload_advance(u);
        break;

    case NGX_HTTP_CAPHEALTH_PUBLISHING:
        ngx_http_caphealth_upload_published(u);
        break;

    case NGX_HTTP_CAPHEALTH_REMOVING:
        ngx_http_caphealth_upload_removed(u);
        break;

    default: /* NGX_HTTP_CAPHEALTH_CLOSING */

        /* what was counted must not stay so, however long that takes */

        if (u->busy) {
            (void) ngx_http_caphealth_upload_wait(u,
                                               NGX_HTTP_CAPHEALTH_OWNER_PAUSE,
                                               NGX_MAX_INT32_VALUE);
            return;
        }

        ngx_http_caphealth_upload_counts_end(u);
        ngx_http_caphealth_upload_destroy(u);
        break;
    }
}


/*
 * Another request has the id, or the owner.  NGX_DECLINED: it has been waited
 * for that long.
 */

static ngx_int_t
ngx_http_caphealth_upload_wait(ngx_http_caphealth_upload_t *u,
    ngx_msec_t pause, ngx_msec_t longest)
{
    if (u->state != u->waiting_in) {
        u->waiting_in = u->state;
        u->waiting_since = ngx_current_msec;
    }

    if (ngx_current_msec - u->waiting_since >= longest) {
        return NGX_DECLINED;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "caphealth upload: %p, waits in state %d", u,
                   (int) u->state);

    u->state = NGX_HTTP_CAPHEALTH_WAITING;

    if (u->event.timer_set) {
        ngx_del_timer(&u->event);
    }

    ngx_add_timer(&u->event, pause);

    return NGX_OK;
}


/* a deletion, and the end of an upload, go on without their client */

static void
ngx_http_caphealth_upload_waited(ngx_http_caphealth_upload_t *u)
{
    u->state = u->waiting_in;

    if (u->state != NGX_HTTP_CAPHEALTH_CLOSING) {
        ngx_add_timer(&u->event, u->main_conf->images.converter.timeout);
    }

    switch (u->state) {

    case NGX_HTTP_CAPHEALTH_PREPARING:
    case NGX_HTTP_CAPHEALTH_PUBLISHING:

        if (u->request == NULL) {
            ngx_http_caphealth_upload_finish(u);
            return;
        }

        ngx_http_caphealth_upload_post_task(u,
                                   u->state == NGX_HTTP_CAPHEALTH_PREPARING
                                   ? ngx_http_caphealth_upload_claim
                                   : ngx_http_caphealth_upload_publish);
        break;

    case NGX_HTTP_CAPHEALTH_CLAIMING:

        if (u->request == NULL) {
            ngx_http_caphealth_upload_finish(u);
            return;
        }

        ngx_http_caphealth_upload_look(u);
        break;

    case NGX_HTTP_CAPHEALTH_REMOVING:

        if (u->conf->store) {
            ngx_http_caphealth_upload_unship(u);
            return;
        }

        ngx_http_caphealth_upload_post_task(u,
                                            ngx_http_caphealth_upload_remove);
        break;

    default: /* NGX_HTTP_CAPHEALTH_CLOSING */
        ngx_http_caphealth_upload_post_task(u,
                                            ngx_http_caphealth_upload_close);
        break;
    }
}


/*
 * An upload with the id of another that is under way waits for its end, so that
 * a client that repeats a request has the answer of the first.
 */

static void
ngx_http_caphealth_upload_prepared(ngx_http_caphealth_upload_t *u)
{
    if (u->busy && u->request) {

        if (ngx_http_caphealth_upload_wait(u, NGX_HTTP_CAPHEALTH_CLAIM_PAUSE,
                                           NGX_HTTP_CAPHEALTH_CLAIM_WAIT)
            == NGX_OK)
        {
            return;
        }

        u->outcome = CAPHEALTH_OUTCOME_KEY_IN_USE;
    }

    if (u->conf->store && u->named && u->request
        && u->outcome == CAPHEALTH_OUTCOME_OK)
    {
        ngx_http_caphealth_upload_look(u);
        return;
    }

    ngx_http_caphealth_upload_begin(u);
}


ngx_int_t
ngx_http_caphealth_upload_wait_claim(ngx_http_caphealth_upload_t *u,
    ngx_msec_t pause)
{
    return ngx_http_caphealth_upload_wait(u, pause,
                                          NGX_HTTP_CAPHEALTH_CLAIM_WAIT);
}


void
ngx_http_caphealth_upload_begin(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  i;

    for (i = 0; i < u->nimages; i++) {
        u->nstore += !u->images[i].skip;
    }

    if (u->nstore && u->outcome == CAPHEALTH_OUTCOME_OK
        && ngx_http_caphealth_token_is_over(u->main_conf, &u->token))
    {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_BAD_TOKEN, NULL,
                                         NGX_HTTP_CAPHEALTH_TOKEN_USED);
    }

    ngx_http_caphealth_upload_start_converting(u);
}


static void
ngx_http_caphealth_upload_published(ngx_http_caphealth_upload_t *u)
{
    if (u->conf->store && u->request && u->outcome == CAPHEALTH_OUTCOME_OK) {

        if (u->named) {
            ngx_http_caphealth_upload_take(u);

        } else {
            ngx_http_caphealth_upload_ship(u);
        }

        return;
    }

    if (u->busy && u->request) {

        if (ngx_http_caphealth_upload_wait(u, NGX_HTTP_CAPHEALTH_OWNER_PAUSE,
                                        u->main_conf->images.converter.timeout)
            == NGX_OK)
        {
            return;
        }

        ngx_http_caphealth_upload_owner_busy(u);
    }

    u->busy = 0;

    ngx_http_caphealth_observe(u->counters, CAPHEALTH_PUBLISH,
                               ngx_current_msec - u->publishing_at);

    ngx_http_caphealth_upload_finish(u);
}


void
ngx_http_caphealth_upload_removed(ngx_http_caphealth_upload_t *u)
{
    if (u->busy) {

        if (ngx_http_caphealth_upload_wait(u,
                                        u->conf->store
                                        ? NGX_HTTP_CAPHEALTH_CLAIM_PAUSE
                                        : NGX_HTTP_CAPHEALTH_OWNER_PAUSE,
                                        u->main_conf->images.converter.timeout)
            == NGX_OK)
        {
            return;
        }

        u->err = NGX_EAGAIN;
        ngx_http_caphealth_upload_owner_busy(u);
    }

    ngx_http_caphealth_upload_end_deletion(u);
}


static void
ngx_http_caphealth_upload_end_deletion(ngx_http_caphealth_upload_t *u)
{
    ngx_http_caphealth_upload_counts_remove(u);

    /* also when the client has not waited: the image is gone */

    ngx_http_caphealth_token_unuse(u->main_conf, &u->token, u->err == 0);

    ngx_http_caphealth_upload_respond(u);
    ngx_http_caphealth_upload_destroy(u);
}


static void
ngx_http_caphealth_upload_owner_busy(ngx_http_caphealth_upload_t *u)
{
    ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_NO_THREAD, NULL,
                                     "Other requests have changed the same "
                                     "image, or images of the same owner, for "
                                     "%M ms, and this one could not. Try "
                                     "again.",
                                     u->main_conf->images.converter.timeout);
}


/*
 * refuses images that do not fit into the queue, before any descriptor is
 * opened for them
 */

static void
ngx_http_caphealth_upload_start_converting(ngx_http_caphealth_upload_t *u)
{
    ngx_http_caphealth_converters_t  *cs;

    cs = u->worker->converters;

    if (u->request && u->outcome == CAPHEALTH_OUTCOME_OK
        && !ngx_http_caphealth_converters_room(cs, u->nstore))
    {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_QUEUE_FULL, NULL,
                                         "So many images are waiting to be "
                                         "converted that these %ui do not fit "
                                         "in. Try again after the seconds in "
                                         "Retry-After, or send fewer at once.",
                                         u->nstore);
    }

    if (u->request == NULL || u->outcome || u->nstore == 0) {
        ngx_http_caphealth_upload_finish(u);
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "caphealth upload: %p, %ui images to convert", u,
                   u->nstore);

    u->state = NGX_HTTP_CAPHEALTH_CONVERTING;

    /* if another request has an id when this upload takes it, the upload waits
       anew, however long it has waited before */

    u->waiting_in = u->state;

    u->unconverted = u->nstore;
    u->release_fds = u->conf->store == NULL
                     && u->nstore * (u->conf->variants->n + 1)
                        > NGX_HTTP_CAPHEALTH_UPLOAD_FDS;

    ngx_http_caphealth_upload_reserve(u, u->nstore);
    ngx_http_caphealth_upload_advance(u);
}


/*
 * takes the next step, unless a thread is at work: what it uses must not
 * change
 */

static void
ngx_http_caphealth_upload_advance(ngx_http_caphealth_upload_t *u)
{
    ngx_http_caphealth_image_t  *image;

    if (u->task_active) {
        return;
    }

    ngx_http_caphealth_upload_check_results(u);

    if (u->request == NULL || u->outcome) {
        ngx_http_caphealth_upload_cancel(u);
        ngx_http_caphealth_upload_finish(u);
        return;
    }

    while (u->submitted < u->opened) {
        image = &u->images[u->submitted++];

        if (!image->skip) {
            ngx_http_caphealth_upload_submit(u, image);
        }
    }

    if (u->unconverted) {
        ngx_http_caphealth_upload_open_next(u);
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "caphealth upload: %p, all converted, publish", u);

    ngx_http_caphealth_upload_counts_begin(u);

    u->state = NGX_HTTP_CAPHEALTH_PUBLISHING;
    u->publishing_at = ngx_current_msec;
    ngx_http_caphealth_upload_post_task(u, u->conf->store
                                           ? ngx_http_caphealth_upload_check
                                           : ngx_http_caphealth_upload_publish);
}


static void
ngx_http_caphealth_upload_check_results(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_image_t  *image;

    for (i = 0; i < u->submitted && u->outcome == CAPHEALTH_OUTCOME_OK; i++) {
        image = &u->images[i];

        if (image->converted && !image->accepted) {
            ngx_http_caphealth_upload_check_result(u, image);

            image->accepted = 1;
            image->release_fds = u->release_fds;
        }
    }
}


static void
ngx_http_caphealth_upload_submit(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    ngx_uint_t  n;

    image->upload = u;
    image->job.data = image;
    image->job.handler = ngx_http_caphealth_upload_job_handler;
    image->job.since = u->received_at;
    image->job.input = u->input;
    image->job.spec.offset = image->part.offset;
    image->job.spec.length = image->part.length;
    image->job.spec.max_pixels = ngx_http_caphealth_upload_max_pixels(u);
    image->job.spec.nvariants = image->files.nvariants;

    for (n = 0; n < image->files.nvariants; n++) {
        image->job.outputs[n] = image->files.variants[n].fd;
        image->job.spec.variants[n] = u->conf->variants->variants[n];
    }

    ngx_http_caphealth_converters_submit(u->worker->converters,
                                         &image->job);
    ngx_http_caphealth_upload_reserve(u, u->reserved - 1);
}


static uint64_t
ngx_http_caphealth_upload_max_pixels(ngx_http_caphealth_upload_t *u)
{
    uint64_t  most;

    most = u->main_conf->images.converter.max_pixels;

    return u->token.pixels == -1 ? most
           : ngx_min(most, (uint64_t) u->token.pixels);
}


/*
 * Opens the files of as many images as there are converters, and of one more,
 * so that no converter waits for a thread.
 */

static void
ngx_http_caphealth_upload_open_next(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  n;

    n = u->nimages - u->unconverted
        + (ngx_uint_t) u->main_conf->images.converter.converters + 1;

    n = ngx_min(n, u->nimages);

    if (n > u->opened) {

        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "caphealth upload: %p, open files of images %ui to %ui",
                       u, u->opened, n - 1);

        u->open_until = n;
        ngx_http_caphealth_upload_post_task(u,
                                            ngx_http_caphealth_upload_open);
    }
}


static void
ngx_http_caphealth_upload_reserve(ngx_http_caphealth_upload_t *u, ngx_uint_t n)
{
    ngx_int_t  more;

    more = (ngx_int_t) n - (ngx_int_t) u->reserved;

    if (more) {
        u->reserved = n;
        ngx_http_caphealth_converters_reserve(u->worker->converters, more);
    }
}


static void
ngx_http_caphealth_upload_job_handler(ngx_http_caphealth_job_t *job)
{
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    image = job->data;
    u = image->upload;

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "caphealth upload: %p, image %i, job outcome %d, status %d",
                   u, (ngx_int_t) (image - u->images), (int) job->outcome,
                   (int) job->result.status);

    u->unconverted--;
    u->last_progress = ngx_current_msec;
    image->converted = 1;

    ngx_http_caphealth_upload_advance(u);
}


/* refuses an upload that has waited too long for a converter or a thread */

static void
ngx_http_caphealth_upload_timer_handler(ngx_event_t *ev)
{
    ngx_msec_t                    timeout;
    ngx_msec_int_t                left;
    ngx_http_caphealth_upload_t  *u;

    u = ev->data;
    timeout = u->main_conf->images.converter.timeout;

    if (u->state == NGX_HTTP_CAPHEALTH_WAITING) {
        ngx_http_caphealth_upload_waited(u);
        return;
    }

    if (ngx_http_caphealth_upload_in_progress(u)) {
        ngx_add_timer(ev, timeout);
        return;
    }

    left = (ngx_msec_int_t) (u->last_progress + timeout - ngx_current_msec);

    if (left > 0) {
        ngx_add_timer(ev, (ngx_msec_t) left);
        return;
    }

    ngx_http_caphealth_upload_on_timeout(u);
}


/*
 * whether a thread or a converter has begun, or a shipper was asked; each
 * reports when it ends
 */

static ngx_uint_t
ngx_http_caphealth_upload_in_progress(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  i;

    if ((u->task_active && !u->work.waiting) || u->shipments) {
        return 1;
    }

    for (i = 0; i < u->submitted; i++) {
        if (u->images[i].job.converter) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_caphealth_upload_on_timeout(ngx_http_caphealth_upload_t *u)
{
    ngx_msec_t  timeout;

    timeout = u->main_conf->images.converter.timeout;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "caphealth upload: %p, timed out in state %d", u,
                   (int) u->state);

    if (u->work.waiting) {
        ngx_http_caphealth_upload_cancel_task(u);

        u->outcome = CAPHEALTH_OUTCOME_NO_THREAD;

        if (u->deletion) {
            u->err = NGX_EAGAIN;
            ngx_http_caphealth_upload_end_deletion(u);
            return;
        }

    } else {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_QUEUE_FULL, NULL,
                                         "It has waited %M ms for its turn to "
                                         "be converted, the longest that an "
                                         "image waits. Try again after the "
                                         "seconds in Retry-After.", timeout);
    }

    ngx_http_caphealth_upload_cancel(u);
    ngx_http_caphealth_upload_finish(u);
}


static void
ngx_http_caphealth_upload_cancel(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  i;

    for (i = 0; i < u->nimages; i++) {
        ngx_http_caphealth_converters_cancel(u->worker->converters,
                                             &u->images[i].job);
    }
}


/* answers the request, unless it is gone; to finalize it may free it */

static void
ngx_http_caphealth_upload_respond(ngx_http_caphealth_upload_t *u)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = u->request;

    if (r == NULL) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "caphealth upload: %p, its request is gone", u);
        return;
    }

    u->request = NULL;
    u->cleanup->handler = NULL;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    /*
     * before the client knows, who may then try again with the same token; what
     * was stored before needs none
     */

    if (u->outcome || u->nstore == 0) {
        ngx_http_caphealth_token_unuse(u->main_conf, &u->token, 0);
    }

    if (u->deletion) {
        rc = ngx_http_caphealth_upload_send_deleted(r, u);

    } else if (u->outcome) {
        rc = ngx_http_caphealth_upload_send_refused(r, u);

    } else {
        rc = ngx_http_caphealth_upload_send_stored(r, u);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* the files are kept only if the client can be told of them */

static ngx_int_t
ngx_http_caphealth_upload_send_stored(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u)
{
    ngx_int_t  rc;

    if (u->nstore) {
        ngx_http_caphealth_upload_counts_add(u);
    }

    rc = ngx_http_caphealth_upload_send_created(r, u);

    if (rc == NGX_OK || rc == NGX_AGAIN) {
        u->stored = 1;

        ngx_http_caphealth_token_unuse(u->main_conf, &u->token, 1);
        ngx_http_caphealth_outcome_count(r,
                                  ngx_http_caphealth_upload_stored_outcome(u));
        ngx_http_caphealth_count(&u->counters->written,
                                 ngx_http_caphealth_upload_counts_bytes(u));
    }

    return rc;
}


void
ngx_http_caphealth_upload_finish(ngx_http_caphealth_upload_t *u)
{
    /*
     * set first: the request's cleanup handler may run below, and is then not
     * to finish the upload a second time
     */

    u->state = NGX_HTTP_CAPHEALTH_CLOSING;

    ngx_http_caphealth_upload_respond(u);

    if (u->event.timer_set) {
        ngx_del_timer(&u->event);
    }

    ngx_http_caphealth_upload_reserve(u, 0);

    if (u->conf->store && !u->stored
        && ngx_http_caphealth_upload_withdraw(u) == NGX_AGAIN)
    {
        /* keeps a worker that quits */

        ngx_add_timer(&u->event, u->main_conf->images.converter.timeout);
        return;
    }

    ngx_http_caphealth_upload_end(u);
}


void
ngx_http_caphealth_upload_end(ngx_http_caphealth_upload_t *u)
{
    u->state = NGX_HTTP_CAPHEALTH_CLOSING;

    if (u->event.timer_set) {
        ngx_del_timer(&u->event);
    }

    /* the files must be closed even when nginx exits */

    u->work.required = 1;
    ngx_http_caphealth_upload_post_task(u, ngx_http_caphealth_upload_close);
}


/* the cleanup handler of the request, answered or not */

static void
ngx_http_caphealth_upload_cleanup(void *data)
{
    ngx_http_caphealth_upload_t  *u = data;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "caphealth upload: %p, the request ends in state %d", u,
                   (int) u->state);

    u->request = NULL;

    switch (u->state) {

    case NGX_HTTP_CAPHEALTH_READING:
        ngx_http_caphealth_upload_destroy(u);
        break;

    case NGX_HTTP_CAPHEALTH_CONVERTING:
        ngx_http_caphealth_upload_cancel_task(u);
        ngx_http_caphealth_upload_advance(u);
        break;

    case NGX_HTTP_CAPHEALTH_PUBLISHING:
        if (u->work.waiting) {
            ngx_http_caphealth_upload_cancel_task(u);
            ngx_http_caphealth_upload_finish(u);
        }

        break;

    case NGX_HTTP_CAPHEALTH_CLAIMING:
    case NGX_HTTP_CAPHEALTH_SHIPPING:
        ngx_http_caphealth_upload_cancel_shipments(u);

        if (u->shipments == 0) {
            ngx_http_caphealth_upload_finish(u);
        }

        break;

    default:
        break;
    }
}


/* removes a task that no thread has taken yet */

static void
ngx_http_caphealth_upload_cancel_task(ngx_http_caphealth_upload_t *u)
{
    if (u->work.waiting) {
        ngx_http_caphealth_threads_cancel(&u->work);
        u->task_active = 0;
    }
}


static void
ngx_http_caphealth_upload_destroy(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  i;

    for (i = 0; i < u->nimages; i++) {
        json_decref(u->images[i].answer);
    }

    if (u->event.timer_set) {
        ngx_del_timer(&u->event);
    }

    ngx_http_caphealth_token_unuse(u->main_conf, &u->token, 0);

    if (u->body != NGX_INVALID_FILE && close(u->body) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "close() of a body failed");
    }

    ngx_destroy_pool(u->pool);
}
