
/*
 * What an upload adds to the counts of its tree, and what a deletion takes
 * away.
 */

#include "ngx_http_caphealth_upload.h"


static int64_t ngx_http_caphealth_upload_counts_image_bytes(
    ngx_http_caphealth_image_t *image);
static void ngx_http_caphealth_upload_counts_move(
    ngx_http_caphealth_upload_t *u, int64_t sign);


void
ngx_http_caphealth_upload_counts_begin(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   n;
    ngx_http_caphealth_image_t  *image;

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];

        if (image->skip) {
            continue;
        }

        image->begun = ngx_http_caphealth_tree_begin(u->main_conf->state.zone,
                                                     &u->conf->tree->key,
                                                     image->files.id);

        if (u->conf->source.len) {
            image->source_begun =
                         ngx_http_caphealth_tree_begin(u->main_conf->state.zone,
                                                  &u->conf->tree->source->key,
                                                       image->files.id);
        }
    }

    u->counts_begun = 1;
}


void
ngx_http_caphealth_upload_counts_add(ngx_http_caphealth_upload_t *u)
{
    ngx_http_caphealth_upload_counts_move(u, 1);

    u->counted = 1;
}


void
ngx_http_caphealth_upload_counts_end(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   n, sure;
    ngx_http_caphealth_image_t  *image;

    if (!u->counts_begun) {
        return;
    }

    if (u->counted && !u->stored) {
        ngx_http_caphealth_upload_counts_move(u, -1);
    }

    /*
     * A failed upload may have left files, so that the slice is walked again.
     * So it is where leftovers were removed, for whether they had been counted
     * is not known.
     */

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];

        if (image->skip) {
            continue;
        }

        sure = u->counted && u->stored && !image->replaces;

        if (image->removed.files) {
            ngx_http_caphealth_tree_move(u->main_conf->state.zone,
                                         &u->conf->tree->key, image->files.id,
                                         -(int64_t) image->removed.files,
                                         -(int64_t) image->removed.bytes,
                                         -(int64_t) image->removed.marked);
        }

        ngx_http_caphealth_tree_end(u->main_conf->state.zone,
                                    &u->conf->tree->key, image->files.id,
                                    image->begun, sure);

        if (u->conf->source.len) {
            ngx_http_caphealth_tree_end(u->main_conf->state.zone,
                                        &u->conf->tree->source->key,
                                        image->files.id, image->source_begun,
                                        sure);
        }
    }
}


void
ngx_http_caphealth_upload_counts_remove(ngx_http_caphealth_upload_t *u)
{
    ngx_str_t                   *root;
    ngx_uint_t                   sure;
    ngx_shm_zone_t              *zone;
    ngx_http_caphealth_image_t  *image;

    zone = u->main_conf->state.zone;
    root = &u->conf->tree->key;
    image = u->images;

    if (image->removed.files) {
        ngx_http_caphealth_tree_move(zone, root, image->files.id,
                                     -(int64_t) image->removed.files,
                                     -(int64_t) image->removed.bytes,
                                     -(int64_t) image->removed.marked);
    }

    sure = (image->removed.files == 0) ? (u->err == 0 || u->err == NGX_ENOENT)
                                   : (u->err == 0 && image->removed.marked);

    ngx_http_caphealth_tree_end(zone, root, image->files.id, image->begun,
                                sure);

    if (u->conf->tree->source == NULL) {
        return;
    }

    root = &u->conf->tree->source->key;

    if (image->removed_source.files) {
        ngx_http_caphealth_tree_move(zone, root, image->files.id, -1,
                                     -(int64_t) image->removed_source.bytes,
                                     -(int64_t) image->removed.marked);
    }

    ngx_http_caphealth_tree_end(zone, root, image->files.id,
                                image->source_begun,
                                u->err == 0 || u->err == NGX_ENOENT);
}


static void
ngx_http_caphealth_upload_counts_move(ngx_http_caphealth_upload_t *u,
    int64_t sign)
{
    int64_t                      bytes;
    ngx_uint_t                   n;
    ngx_http_caphealth_image_t  *image;

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];

        if (image->skip) {
            continue;
        }

        bytes = ngx_http_caphealth_upload_counts_image_bytes(image);

        ngx_http_caphealth_tree_move(u->main_conf->state.zone,
                                     &u->conf->tree->key, image->files.id,
                                     sign * image->files.nvariants,
                                     sign * bytes, sign);

        if (image->source.named) {
            ngx_http_caphealth_tree_move(u->main_conf->state.zone,
                                         &u->conf->tree->source->key,
                                         image->files.id, sign,
                                         sign * (int64_t) image->source.bytes,
                                         sign);
        }
    }
}


int64_t
ngx_http_caphealth_upload_counts_bytes(ngx_http_caphealth_upload_t *u)
{
    int64_t     bytes;
    ngx_uint_t  n;

    bytes = 0;

    for (n = 0; n < u->nimages; n++) {
        bytes += ngx_http_caphealth_upload_counts_image_bytes(&u->images[n]);
    }

    return bytes;
}


static int64_t
ngx_http_caphealth_upload_counts_image_bytes(ngx_http_caphealth_image_t *image)
{
    int64_t   bytes;
    unsigned  i;

    bytes = 0;

    for (i = 0; i < image->files.nvariants; i++) {
        bytes += (int64_t) image->job.result.outputs[i].bytes;
    }

    return bytes;
}
