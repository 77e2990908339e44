
/*
 * Ids that follow from a key or from the bytes, in an object store: whatever
 * node a request is sent to again, it finds what it stored before.
 *
 *     look      at the records, when the body was read: what is stored already
 *               is not converted
 *     take      the ids, by putting the records; of several images the first
 *               one on its own, so that of two requests for the same images one
 *               gets all of them
 *     ship      the images, as those with random ids
 *     release   the ids again, if the upload has failed
 *
 * A request that finds that another one has an id waits for it, and looks
 * again.  See caphealth_ship.h.
 */

#include "ngx_http_caphealth_upload.h"


/* milliseconds, and by chance up to as many more */
#define NGX_HTTP_CAPHEALTH_LOOK_PAUSE  100


static void ngx_http_caphealth_upload_claim_image(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image,
    caphealth_ship_claim_e action,
    void (*handler)(ngx_http_caphealth_shipment_t *shipment));
static void ngx_http_caphealth_upload_on_look(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_upload_looked(ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_look_again(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_set_stored(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image,
    ngx_uint_t stored);
static void ngx_http_caphealth_upload_on_take(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_upload_take_others(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_on_release(
    ngx_http_caphealth_shipment_t *shipment);


static void
ngx_http_caphealth_upload_claim_image(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, caphealth_ship_claim_e action,
    void (*handler)(ngx_http_caphealth_shipment_t *shipment))
{
    caphealth_ship_claim_t         *claim;
    ngx_http_caphealth_shipment_t  *shipment;

    shipment = image->shipment;
    claim = &shipment->claim;

    ngx_memzero(claim, sizeof(caphealth_ship_claim_t));

    caphealth_record_path(&image->record, claim->record);
    claim->action = action;

    /* a look needs no token of its own */

    (void) ngx_cpystrn((u_char *) claim->token,
                       (u_char *) (image->token[0] ? image->token
                                                   : image->record.id),
                       sizeof(claim->token));

    if (action == CAPHEALTH_SHIP_TAKE) {
        claim->bytes = image->record_bytes;
        shipment->fds[0] = image->record_fd;
    }

    shipment->type = NGX_HTTP_CAPHEALTH_CLAIM;
    shipment->handler = handler;
    shipment->data = image;

    u->shipments++;

    ngx_http_caphealth_upload_submit_shipment(u, shipment);
}


void
ngx_http_caphealth_upload_look(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  n;

    if (ngx_http_caphealth_upload_shipments(u) != NGX_OK) {
        ngx_http_caphealth_upload_call_failed(u, NGX_ENOMEM, "malloc()");
        ngx_http_caphealth_upload_finish(u);
        return;
    }

    u->state = NGX_HTTP_CAPHEALTH_CLAIMING;
    u->busy = 0;

    for (n = 0; n < u->nimages; n++) {
        if (u->images[n].same == NULL) {
            ngx_http_caphealth_upload_claim_image(u, &u->images[n],
                                            CAPHEALTH_SHIP_LOOK,
                                            ngx_http_caphealth_upload_on_look);
        }
    }
}


static void
ngx_http_caphealth_upload_on_look(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    image = shipment->data;
    u = image->upload;

    u->shipments--;
    u->last_progress = ngx_current_msec;

    switch (shipment->result.status) {

    case CAPHEALTH_SHIP_EXISTS:
        image->record.json = shipment->record;

        if (u->outcome) {
            json_decref(image->record.json);
            image->record.json = NULL;
            break;
        }

        ngx_http_caphealth_upload_set_stored(u, image, 1);
        (void) ngx_http_caphealth_upload_is_stored(u, image);
        break;

    case CAPHEALTH_SHIP_NOT_FOUND:
        ngx_http_caphealth_upload_set_stored(u, image, 0);
        break;

    case CAPHEALTH_SHIP_BUSY:
        ngx_http_caphealth_upload_claimed(u, shipment);
        break;

    default:
        ngx_http_caphealth_upload_store_refused(u, shipment);
        ngx_http_caphealth_upload_cancel_shipments(u);
        break;
    }

    if (u->shipments == 0) {
        ngx_http_caphealth_upload_looked(u);
    }
}


void
ngx_http_caphealth_upload_claimed(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_shipment_t *shipment)
{
    u->busy = 1;
    u->retry_after = ngx_max(u->retry_after, shipment->result.retry_after);
}


/* it is stored now, or is not any more, also by this upload */

static void
ngx_http_caphealth_upload_set_stored(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, ngx_uint_t stored)
{
    if (image->skip == stored) {
        return;
    }

    /* it has no files, because it was stored when the body was read */

    if (u->counts_begun && !stored && !image->checked) {
        u->busy = 1;
        return;
    }

    image->skip = stored;

    if (!u->counts_begun) {
        return;
    }

    if (stored) {
        ngx_http_caphealth_tree_end(u->main_conf->state.zone,
                                    &u->conf->tree->key, image->files.id,
                                    image->begun,
                                    !image->published && !image->replaces);
        image->published = 0;
        image->claimed = 0;
        return;
    }

    image->begun = ngx_http_caphealth_tree_begin(u->main_conf->state.zone,
                                                 &u->conf->tree->key,
                                                 image->files.id);
}


/*
 * An upload that has to wait has no id claimed, so two uploads never wait for
 * each other.
 */

static void
ngx_http_caphealth_upload_looked(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  n;

    if (u->request && u->outcome == CAPHEALTH_OUTCOME_OK && u->busy) {
        ngx_http_caphealth_upload_look_again(u);
        return;
    }

    if (!u->counts_begun) {
        ngx_http_caphealth_upload_begin(u);
        return;
    }

    u->nstore = 0;

    for (n = 0; n < u->nimages; n++) {
        u->nstore += !u->images[n].skip;
    }

    if (u->request == NULL || u->outcome || u->nstore == 0) {
        ngx_http_caphealth_upload_finish(u);
        return;
    }

    ngx_http_caphealth_upload_take(u);
}


static void
ngx_http_caphealth_upload_look_again(ngx_http_caphealth_upload_t *u)
{
    u->state = NGX_HTTP_CAPHEALTH_CLAIMING;

    if (ngx_http_caphealth_upload_wait_claim(u,
                                  NGX_HTTP_CAPHEALTH_LOOK_PAUSE
                                  + ngx_random()
                                    % NGX_HTTP_CAPHEALTH_LOOK_PAUSE)
        == NGX_OK)
    {
        return;
    }

    u->outcome = CAPHEALTH_OUTCOME_KEY_IN_USE;

    if (u->counts_begun) {
        ngx_http_caphealth_upload_finish(u);

    } else {
        ngx_http_caphealth_upload_begin(u);
    }
}


void
ngx_http_caphealth_upload_take(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   n;
    ngx_http_caphealth_image_t  *image;

    u->state = NGX_HTTP_CAPHEALTH_CLAIMING;
    u->busy = 0;
    u->retry_after = 0;

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];

        if (!image->skip) {
            ngx_http_caphealth_upload_claim_image(u, image,
                                            CAPHEALTH_SHIP_TAKE,
                                            ngx_http_caphealth_upload_on_take);
            return;
        }
    }
}


/*
 * What was stored when the body was read is looked at again: another request
 * may have failed since, and removed it.
 */

static void
ngx_http_caphealth_upload_take_others(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   n;
    ngx_http_caphealth_image_t  *image;

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];

        if (image->same == NULL && !image->claimed) {
            ngx_http_caphealth_upload_claim_image(u, image,
                                            image->skip ? CAPHEALTH_SHIP_LOOK
                                                        : CAPHEALTH_SHIP_TAKE,
                                            ngx_http_caphealth_upload_on_take);
        }
    }
}


static void
ngx_http_caphealth_upload_on_take(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_uint_t                    n, first;
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    image = shipment->data;
    u = image->upload;

    first = 1;

    for (n = 0; n < u->nimages; n++) {
        first &= !u->images[n].claimed;
    }

    u->shipments--;
    u->last_progress = ngx_current_msec;

    switch (shipment->result.status) {

    case CAPHEALTH_SHIP_OK:
        image->claimed = 1;
        image->left = (shipment->result.left != 0);
        break;

    case CAPHEALTH_SHIP_EXISTS:
        json_decref(shipment->record);
        shipment->record = NULL;

        if (!image->skip) {
            u->busy = 1;
        }

        break;

    case CAPHEALTH_SHIP_NOT_FOUND:
        u->busy = 1;
        break;

    case CAPHEALTH_SHIP_BUSY:
        ngx_http_caphealth_upload_claimed(u, shipment);
        break;

    default:

        /* it may have been taken */

        image->claimed = !image->skip && (shipment->answered
                                          || shipment->lost);
        ngx_http_caphealth_upload_store_refused(u, shipment);
        ngx_http_caphealth_upload_cancel_shipments(u);
        break;
    }

    if (u->shipments) {
        return;
    }

    if (u->request == NULL || u->outcome) {
        ngx_http_caphealth_upload_finish(u);
        return;
    }

    if (u->busy) {
        if (ngx_http_caphealth_upload_release_ids(u) != NGX_AGAIN) {
            ngx_http_caphealth_upload_look_again(u);
        }

        return;
    }

    if (first) {
        ngx_http_caphealth_upload_take_others(u);
    }

    if (u->shipments == 0) {
        ngx_http_caphealth_upload_ship(u);
    }
}


ngx_int_t
ngx_http_caphealth_upload_release_ids(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  n;

    for (n = 0; n < u->nimages; n++) {
        if (u->images[n].claimed) {
            ngx_http_caphealth_upload_claim_image(u, &u->images[n],
                                         CAPHEALTH_SHIP_RELEASE,
                                         ngx_http_caphealth_upload_on_release);
        }
    }

    return u->shipments ? NGX_AGAIN : NGX_OK;
}


static void
ngx_http_caphealth_upload_on_release(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    image = shipment->data;
    u = image->upload;

    /* not before: one that is cancelled with its request is released again */

    image->claimed = 0;

    u->shipments--;
    u->last_progress = ngx_current_msec;

    if (shipment->result.status != CAPHEALTH_SHIP_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "the record of image \"%s\", which was not stored, is "
                      "left in \"%V\", and the key is in use for %ui s: %s",
                      image->files.id, &u->conf->root,
                      (ngx_uint_t) shipment->claim.lease / 1000,
                      shipment->result.detail);
    }

    if (u->shipments) {
        return;
    }

    if (u->state == NGX_HTTP_CAPHEALTH_WITHDRAWING) {
        ngx_http_caphealth_upload_end(u);

    } else if (u->request == NULL) {
        ngx_http_caphealth_upload_finish(u);

    } else {
        ngx_http_caphealth_upload_look_again(u);
    }
}
