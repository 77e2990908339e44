
/*
 * The saved state: loaded at a cold start, saved every minute and at the end.
 */

#include "ngx_http_caphealth_state.h"
#include "ngx_http_caphealth_zone.h"

#include <ngx_event.h>

#include "caphealth_state.h"


#define NGX_HTTP_CAPHEALTH_STATE_INTERVAL  60000

/* when there was no thread for it */
#define NGX_HTTP_CAPHEALTH_STATE_RETRY     5000


struct ngx_http_caphealth_state_s {
    ngx_http_caphealth_state_conf_t  *conf;
    ngx_event_t                       event;
    ngx_thread_task_t                *task;
    ngx_log_t                        *log;

    /*
     * A tree has 290 kB.  Allocated by a thread of the pool it would stay in
     * that thread's malloc() arena, and in time in each thread's.
     */

    caphealth_tree_t                 *tree;
    ngx_fd_t                          claim;         /* the lock; or -1 */
    unsigned                          failed:1;      /* the last save did */
};


/* of this process */

static ngx_http_caphealth_state_t  *ngx_http_caphealth_state;


static void ngx_http_caphealth_state_claim(
    ngx_http_caphealth_state_t *state);
static void ngx_http_caphealth_state_load(ngx_http_caphealth_state_t *state);
static void ngx_http_caphealth_state_load_root(
    ngx_http_caphealth_state_t *state, ngx_http_caphealth_root_t *root);
static void ngx_http_caphealth_state_timer_handler(ngx_event_t *ev);
static void ngx_http_caphealth_state_save(void *data, ngx_log_t *log);
static ngx_int_t ngx_http_caphealth_state_save_root(
    ngx_http_caphealth_state_t *state, int dir,
    ngx_http_caphealth_root_t *root);
static void ngx_http_caphealth_state_failed(
    ngx_http_caphealth_state_t *state, ngx_err_t err, char *what,
    ngx_str_t *root);
static void ngx_http_caphealth_state_saved_handler(ngx_event_t *ev);


ngx_http_caphealth_state_t *
ngx_http_caphealth_state_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_state_conf_t *conf, ngx_uint_t owner)
{
    ngx_http_caphealth_state_t  *state;

    state = ngx_pcalloc(cycle->pool, sizeof(ngx_http_caphealth_state_t));
    if (state == NULL) {
        return NULL;
    }

    state->tree = ngx_palloc(cycle->pool, sizeof(caphealth_tree_t));
    if (state->tree == NULL) {
        return NULL;
    }

    state->conf = conf;
    state->log = cycle->log;

    ngx_http_caphealth_state_claim(state);

    /*
     * This blocks, for a small local file: the counts must be known before the
     * first request, whichever worker takes it.
     */

    ngx_http_caphealth_state_load(state);

    if (!owner) {
        return state;
    }

    state->task = ngx_thread_task_alloc(cycle->pool, 0);
    if (state->task == NULL) {
        return NULL;
    }

    state->task->ctx = state;
    state->task->handler = ngx_http_caphealth_state_save;
    state->task->event.data = state;
    state->task->event.log = cycle->log;
    state->task->event.handler = ngx_http_caphealth_state_saved_handler;

    state->event.data = state;
    state->event.log = cycle->log;
    state->event.handler = ngx_http_caphealth_state_timer_handler;
    state->event.cancelable = 1;

    ngx_add_timer(&state->event, NGX_HTTP_CAPHEALTH_STATE_INTERVAL);

    return state;
}


static void
ngx_http_caphealth_state_claim(ngx_http_caphealth_state_t *state)
{
    state->claim = caphealth_state_claim((char *) state->conf->dir.data,
                        ngx_http_caphealth_zone_number(state->conf->zone));

    if (state->claim == -1) {
        ngx_log_error(NGX_LOG_ERR, state->log, ngx_errno,
                      "no lock in \"%V\": whether another nginx stores images "
                      "in the same roots is not known, see "
                      "\"caphealth_state_dir\"", &state->conf->dir);
    }

    ngx_http_caphealth_state = state;
}


ngx_uint_t
ngx_http_caphealth_state_others(void)
{
    ngx_http_caphealth_state_t  *state;

    state = ngx_http_caphealth_state;

    return state && state->claim != -1
           && caphealth_state_others(state->claim,
                          ngx_http_caphealth_zone_number(state->conf->zone))
              == 1;
}


static void
ngx_http_caphealth_state_load(ngx_http_caphealth_state_t *state)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_root_t  **root;

    root = state->conf->roots->elts;

    for (i = 0; i < state->conf->roots->nelts; i++) {
        if (ngx_http_caphealth_tree_unknown(state->conf->zone,
                                            &root[i]->key))
        {
            ngx_http_caphealth_state_load_root(state, root[i]);
        }
    }
}


static void
ngx_http_caphealth_state_load_root(ngx_http_caphealth_state_t *state,
    ngx_http_caphealth_root_t *root)
{
    char               *dir;
    ngx_err_t           err;
    caphealth_state_e   rc;

    dir = (char *) state->conf->dir.data;

    rc = caphealth_state_load(dir, (char *) root->key.data, state->tree);
    err = ngx_errno;

    switch (rc) {

    case CAPHEALTH_STATE_OK:
        (void) ngx_http_caphealth_tree_restore(state->conf->zone, &root->key,
                                               state->tree);
        break;

    case CAPHEALTH_STATE_NONE:
        break;

    case CAPHEALTH_STATE_FOREIGN:
        ngx_log_error(NGX_LOG_ERR, state->log, 0,
                      "the saved state of image root \"%V\" in \"%s\" is "
                      "damaged or of another version, it is set aside as "
                      "\".bad\"; a scan counts anew", &root->path, dir);
        break;

    default: /* CAPHEALTH_STATE_ERROR */
        ngx_log_error(NGX_LOG_ERR, state->log, err,
                      "the saved state of image root \"%V\" in \"%s\" cannot "
                      "be read, a scan counts anew", &root->path, dir);
        break;
    }
}


static void
ngx_http_caphealth_state_timer_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_state_t  *state;

    state = ev->data;

    if (ngx_exiting) {
        return;
    }

    state->task->event.complete = 0;

    if (ngx_thread_task_post(state->conf->thread_pool, state->task) != NGX_OK)
    {
        ngx_add_timer(ev, NGX_HTTP_CAPHEALTH_STATE_RETRY);
    }
}


static void
ngx_http_caphealth_state_saved_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_state_t  *state;

    state = ev->data;

    if (!ngx_exiting) {
        ngx_add_timer(&state->event, NGX_HTTP_CAPHEALTH_STATE_INTERVAL);
    }
}


/* the thread pool has ended by now, and with it a save that was under way */

void
ngx_http_caphealth_state_stop(ngx_http_caphealth_state_t *state)
{
    ngx_http_caphealth_state_save(state, state->log);
}


/*
 * Each copy is made while the directory is locked, so that a worker of another
 * cycle, which saves as well, never replaces newer numbers by older ones.
 */

static void
ngx_http_caphealth_state_save(void *data, ngx_log_t *log)
{
    ngx_http_caphealth_state_t *state = data;

    int                          dir;
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_caphealth_root_t  **root;

    root = state->conf->roots->elts;

    dir = caphealth_state_lock((char *) state->conf->dir.data);

    if (dir == -1) {
        ngx_http_caphealth_state_failed(state, ngx_errno, "opened",
                                          &root[0]->path);
        return;
    }

    rc = NGX_OK;

    for (i = 0; i < state->conf->roots->nelts; i++) {
        if (ngx_http_caphealth_state_save_root(state, dir, root[i])
            != NGX_OK)
        {
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_OK && state->failed) {
        state->failed = 0;

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "the state of the image roots is saved in \"%V\" again",
                      &state->conf->dir);
    }

    (void) close(dir);
}


static ngx_int_t
ngx_http_caphealth_state_save_root(ngx_http_caphealth_state_t *state, int dir,
    ngx_http_caphealth_root_t *root)
{
    ngx_err_t          err;
    caphealth_tree_t  *tree;

    tree = state->tree;

    if (ngx_http_caphealth_tree_copy(state->conf->zone, &root->key, tree)
        != NGX_OK)
    {
        return NGX_OK;
    }

    /* a count that is negative for a moment would be refused when loaded */

    if (!caphealth_tree_valid(tree)) {
        ngx_http_caphealth_tree_unsaved(state->conf->zone, &root->key);
        return NGX_OK;
    }

    if (caphealth_state_save(dir, (char *) root->key.data, tree) == 0) {
        return NGX_OK;
    }

    err = ngx_errno;

    ngx_http_caphealth_tree_unsaved(state->conf->zone, &root->key);
    ngx_http_caphealth_state_failed(state, err, "saved", &root->path);

    return NGX_ERROR;
}


static void
ngx_http_caphealth_state_failed(ngx_http_caphealth_state_t *state,
    ngx_err_t err, char *what, ngx_str_t *root)
{
    if (state->failed) {
        return;
    }

    state->failed = 1;

    ngx_log_error(NGX_LOG_ERR, state->log, err,
                  "the state of image root \"%V\" cannot be %s in \"%V\", "
                  "see \"caphealth_state_dir\"", root, what,
                  &state->conf->dir);
}
