
/*
 * Tokens of one use that have been used.
 */

#include "ngx_http_caphealth_trees.h"
#include "ngx_http_caphealth_uses.h"


ngx_int_t
ngx_http_caphealth_use(ngx_shm_zone_t *zone, u_char *use, int64_t expires)
{
    time_t                       now;
    ngx_int_t                    rc;
    ngx_uint_t                   i, room;
    ngx_http_caphealth_uses_t   *u;
    ngx_http_caphealth_trees_t  *data;

    data = zone->data;
    now = ngx_time();
    rc = NGX_OK;
    room = NGX_HTTP_CAPHEALTH_USES;

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

    for (i = 0; i < u->n; i++) {

        if (u->uses[i].expires <= now) {
            room = ngx_min(room, i);
            continue;
        }

        if (ngx_memcmp(u->uses[i].use, use, NGX_HTTP_CAPHEALTH_USE_LEN) == 0)
        {
            rc = NGX_DECLINED;
            break;
        }
    }

    if (rc == NGX_OK && room == NGX_HTTP_CAPHEALTH_USES) {
        room = u->n;
    }

    if (rc == NGX_OK && room == NGX_HTTP_CAPHEALTH_USES) {
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK) {
        u->uses[room].expires = expires;
        ngx_memcpy(u->uses[room].use, use, NGX_HTTP_CAPHEALTH_USE_LEN);
        u->n = ngx_max(u->n, room + 1);
    }

    ngx_shmtx_unlock(&data->shpool->mutex);

    return rc;
}


void
ngx_http_caphealth_unuse(ngx_shm_zone_t *zone, u_char *use)
{
    ngx_uint_t                   i;
    ngx_http_caphealth_uses_t   *u;
    ngx_http_caphealth_trees_t  *data;

    data = zone->data;
    ngx_shmtx_lock(&data->shpool->mutex);

    u = *data->uses;

    if (u == NULL) {
        ngx_shmtx_unlock(&data->shpool->mutex);
        return;
    }

    for (i = 0; i < u->n; i++) {
        if (ngx_memcmp(u->uses[i].use, use, NGX_HTTP_CAPHEALTH_USE_LEN) == 0)
        {
            u->uses[i].expires = 0;
        }
    }

    while (u->n && u->uses[u->n - 1].expires == 0) {
        u->n--;
    }

    ngx_shmtx_unlock(&data->shpool->mutex);
}
