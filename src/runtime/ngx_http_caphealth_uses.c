
/*
 * Tokens of one use that have been used.
 */

#include "ngx_http_caphealth_trees.h"
#include "ngx_http_caphealth_uses.h"


static ngx_http_caphealth_use_t *ngx_http_caphealth_use_find(
    ngx_http_caphealth_uses_t *u, u_char *use, ngx_uint_t *room);


ngx_int_t
ngx_http_caphealth_use(ngx_shm_zone_t *zone, u_char *use, u_char *of,
    int64_t expires)
{
    ngx_int_t                    rc;
    ngx_uint_t                   room;
    ngx_http_caphealth_use_t    *one;
    ngx_http_caphealth_uses_t   *u;
    ngx_http_caphealth_trees_t  *data;

    data = zone->data;

    ngx_shmtx_lock(&data->shpool->mutex);

    u = *data->uses;

    if (u == NULL) {
        u = ngx_slab_calloc_locked(data->shpool,
                                   sizeof(ngx_http_caphealth_uses_t));
        if (u == NULL) {
            ngx_shmtx_unlock(&data->shpool->mutex);
            return NGX_ERROR;
        }

        *data->uses = u;
    }

    one = ngx_http_caphealth_use_find(u, use, &room);

    if (one) {
        rc = of && ngx_memcmp(one->of, of, NGX_HTTP_CAPHEALTH_USE_LEN) == 0
             ? NGX_OK : NGX_DECLINED;

    } else if (room == NGX_HTTP_CAPHEALTH_USES) {
        rc = NGX_BUSY;

    } else {
        one = &u->uses[room];

        ngx_memzero(one, sizeof(ngx_http_caphealth_use_t));

        one->expires = expires;
        ngx_memcpy(one->use, use, NGX_HTTP_CAPHEALTH_USE_LEN);

        if (of) {
            ngx_memcpy(one->of, of, NGX_HTTP_CAPHEALTH_USE_LEN);
        }

        u->n = ngx_max(u->n, room + 1);
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {
        one->holders++;
    }

    ngx_shmtx_unlock(&data->shpool->mutex);

    return rc;
}


/* NULL: there is none, but room for it, or NGX_HTTP_CAPHEALTH_USES */

static ngx_http_caphealth_use_t *
ngx_http_caphealth_use_find(ngx_http_caphealth_uses_t *u, u_char *use,
    ngx_uint_t *room)
{
    time_t      now;
    ngx_uint_t  i;

    now = ngx_time();
    *room = u->n;

    for (i = 0; i < u->n; i++) {

        if (u->uses[i].expires <= now) {
            *room = ngx_min(*room, i);
            continue;
        }

        if (ngx_memcmp(u->uses[i].use, use, NGX_HTTP_CAPHEALTH_USE_LEN) == 0) {
            return &u->uses[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_caphealth_use_is_over(ngx_shm_zone_t *zone, u_char *use)
{
    ngx_uint_t                   room, over;
    ngx_http_caphealth_use_t    *one;
    ngx_http_caphealth_trees_t  *data;

    data = zone->data;
    over = 0;

    ngx_shmtx_lock(&data->shpool->mutex);

    if (*data->uses) {
        one = ngx_http_caphealth_use_find(*data->uses, use, &room);
        over = one && one->over;
    }

    ngx_shmtx_unlock(&data->shpool->mutex);

    return over;
}


void
ngx_http_caphealth_unuse(ngx_shm_zone_t *zone, u_char *use, ngx_uint_t stored)
{
    ngx_uint_t                   room;
    ngx_http_caphealth_use_t    *one;
    ngx_http_caphealth_uses_t   *u;
    ngx_http_caphealth_trees_t  *data;

    data = zone->data;

    ngx_shmtx_lock(&data->shpool->mutex);

    u = *data->uses;
    one = u ? ngx_http_caphealth_use_find(u, use, &room) : NULL;

    if (one) {
        one->over |= stored ? 1 : 0;
        one->holders--;

        if (one->holders == 0 && !one->over) {
            one->expires = 0;
        }

        while (u->n && u->uses[u->n - 1].expires == 0) {
            u->n--;
        }
    }

    ngx_shmtx_unlock(&data->shpool->mutex);
}
