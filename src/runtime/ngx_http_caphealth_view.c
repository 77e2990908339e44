
/*
 * A worker's view of the facts.
 */

#include "ngx_http_caphealth_view.h"


/* one section, and where in the facts it goes */

struct ngx_http_caphealth_piece_s {
    ngx_http_caphealth_source_t   *source;
    ngx_atomic_uint_t              generation;
    caphealth_section_t           *section;
    void                          *value;
    char                           error[NGX_HTTP_CAPHEALTH_ERROR_LEN + 1];
};


static ngx_int_t ngx_http_caphealth_view_piece(
    ngx_http_caphealth_view_t *view, ngx_http_caphealth_piece_t *piece,
    ngx_pool_t *pool, ngx_log_t *log);
static int ngx_http_caphealth_view_parse(ngx_http_caphealth_piece_t *piece,
    ngx_str_t *data, char *err, size_t errlen);


ngx_http_caphealth_view_t *
ngx_http_caphealth_view_create(ngx_pool_t *pool,
    ngx_http_caphealth_collector_conf_t *conf)
{
    ngx_uint_t                    i;
    caphealth_facts_t            *f;
    caphealth_disk_facts_t       *disk;
    ngx_http_caphealth_view_t    *view;
    ngx_http_caphealth_piece_t   *piece;
    ngx_http_caphealth_source_t  *source;

    view = ngx_pcalloc(pool, sizeof(ngx_http_caphealth_view_t));
    if (view == NULL) {
        return NULL;
    }

    view->zone = conf->zone;
    view->npieces = conf->sources->nelts;

    view->pieces = ngx_pcalloc(pool, view->npieces
                                     * sizeof(ngx_http_caphealth_piece_t));
    if (view->pieces == NULL) {
        return NULL;
    }

    f = &view->facts;

    f->disks = ngx_pcalloc(pool, view->npieces
                                 * sizeof(caphealth_disk_facts_t));
    if (f->disks == NULL) {
        return NULL;
    }

    caphealth_system_clear(&f->system.value);
    caphealth_database_clear(&f->database.value);
    caphealth_images_clear(&f->images.value);

    source = conf->sources->elts;

    for (i = 0; i < view->npieces; i++) {
        piece = &view->pieces[i];
        piece->source = &source[i];

        switch (source[i].type) {

        case NGX_HTTP_CAPHEALTH_SYSTEM:
            piece->section = &f->system.section;
            piece->value = &f->system.value;
            break;

        case NGX_HTTP_CAPHEALTH_DISK:
            disk = &f->disks[f->ndisks++];
            caphealth_disk_clear(&disk->value);

            /* a disk has a name before it has been looked at */

            disk->value.path = strdup((char *) source[i].argument.data);
            if (disk->value.path == NULL) {
                return NULL;
            }

            piece->section = &disk->section;
            piece->value = &disk->value;
            break;

        default: /* NGX_HTTP_CAPHEALTH_DATABASE */
            piece->section = &f->database.section;
            piece->value = &f->database.value;
            break;
        }

        piece->section->configured = 1;
        piece->section->interval = (double) source[i].interval / 1000;
    }

    return view;
}


ngx_int_t
ngx_http_caphealth_view_update(ngx_http_caphealth_view_t *view, double now,
    ngx_log_t *log)
{
    ngx_uint_t          i;
    ngx_pool_t         *pool;
    ngx_atomic_uint_t   generation;

    generation = ngx_http_caphealth_zone_generation(view->zone);

    if (view->read && generation == view->generation) {

        /* a clock that was set back makes facts look as if from the future */

        if (now <= view->stale_at && now >= view->now) {
            view->now = now;
            return NGX_DECLINED;
        }

        view->now = now;
        view->database = 1;
        view->stale_at = caphealth_facts_stale_at(&view->facts, now);

        return NGX_OK;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, log, 0,
                   "caphealth facts of generation %uA", generation);

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    view->database = !view->read || now < view->now || now > view->stale_at;

    for (i = 0; i < view->npieces; i++) {
        if (ngx_http_caphealth_view_piece(view, &view->pieces[i], pool, log)
            != NGX_OK)
        {
            ngx_destroy_pool(pool);
            return NGX_ERROR;
        }
    }

    ngx_destroy_pool(pool);

    view->read = 1;
    view->now = now;
    view->generation = generation;
    view->stale_at = caphealth_facts_stale_at(&view->facts, now);

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_view_piece(ngx_http_caphealth_view_t *view,
    ngx_http_caphealth_piece_t *piece, ngx_pool_t *pool, ngx_log_t *log)
{
    char                          err[NGX_HTTP_CAPHEALTH_ERROR_LEN];
    ngx_int_t                     rc;
    ngx_http_caphealth_facts_t    facts;

    rc = ngx_http_caphealth_zone_read(view->zone, &piece->source->key, pool,
                                      &facts, &piece->generation);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    if (piece->source->type == NGX_HTTP_CAPHEALTH_DATABASE) {
        view->database = 1;
    }

    if (facts.data.len
        && ngx_http_caphealth_view_parse(piece, &facts.data, err, sizeof(err))
           != 0)
    {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "invalid facts of %V in the shared zone: %s",
                      &piece->source->name, err);
        facts.collected_at = 0;
    }

    piece->section->collected_at = facts.collected_at;
    piece->section->attempted_at = facts.attempted_at;
    piece->section->failed = facts.failed;

    ngx_memcpy(piece->error, facts.error.data, facts.error.len + 1);

    piece->section->error = facts.error.len ? piece->error : NULL;

    return NGX_OK;
}


static int
ngx_http_caphealth_view_parse(ngx_http_caphealth_piece_t *piece,
    ngx_str_t *data, char *err, size_t errlen)
{
    char  *text;

    text = (char *) data->data;

    switch (piece->source->type) {

    case NGX_HTTP_CAPHEALTH_SYSTEM:
        caphealth_system_free(piece->value);

        return caphealth_system_parse(piece->value, text, data->len, err,
                                      errlen);

    case NGX_HTTP_CAPHEALTH_DISK:
        caphealth_disk_free(piece->value);

        return caphealth_disk_parse(piece->value, text, data->len, err,
                                    errlen);

    default: /* NGX_HTTP_CAPHEALTH_DATABASE */
        caphealth_database_free(piece->value);

        return caphealth_database_parse(piece->value, text, data->len, err,
                                        errlen);
    }
}
