
/*
 * Uploads to an object store, and deletions there: what a shipper is asked, and
 * what its answers mean.
 *
 * An image that was put, or may have been, and of which the client is not told,
 * is removed again.  The upload waits for that, so that no listing counts the
 * slice meanwhile.
 */

#include "ngx_http_caphealth_token.h"
#include "ngx_http_caphealth_upload.h"


static ngx_http_caphealth_shipper_t *ngx_http_caphealth_upload_shipper(
    ngx_http_caphealth_upload_t *u);
static void ngx_http_caphealth_upload_ship_image(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static void ngx_http_caphealth_upload_shipped(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_upload_shipped_claimed(
    ngx_http_caphealth_upload_t *u);
static ngx_int_t ngx_http_caphealth_upload_clear(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static void ngx_http_caphealth_upload_cleared(
    ngx_http_caphealth_shipment_t *shipment);
static ngx_int_t ngx_http_caphealth_upload_ship_again(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static void ngx_http_caphealth_upload_unship_image(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image,
    void (*handler)(ngx_http_caphealth_shipment_t *shipment));
static void ngx_http_caphealth_upload_withdrawn(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_upload_unshipped(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_upload_store_failed(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_shipment_t *shipment);


ngx_int_t
ngx_http_caphealth_upload_store_check(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, caphealth_token_t *token)
{
    ngx_http_caphealth_shipper_t    *shipper;
    ngx_http_caphealth_main_conf_t  *cmcf;

    static ngx_str_t  quota = ngx_string("The token has a quota, and the "
                                         "owners of images are not counted "
                                         "in an object store. Request a "
                                         "token without a quota.");
    static ngx_str_t  full = ngx_string("Too many images are waiting to be "
                                        "put into the object store. Try "
                                        "again after the seconds in "
                                        "Retry-After.");

    if (conf->store == NULL) {
        return NGX_DECLINED;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_caphealth_module);
    shipper = ngx_http_caphealth_shipper(cmcf->worker->shippers, conf->store);

    if (!(r->method & NGX_HTTP_DELETE)) {

        if (token->images != -1 || token->owner_bytes != -1) {
            return ngx_http_caphealth_upload_problem(r,
                                               CAPHEALTH_OUTCOME_NOT_PERMITTED,
                                               &quota);
        }

        if (ngx_http_caphealth_shipper_full(shipper)) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "upload refused, %i images are waiting to be put "
                          "into \"%V\"", cmcf->images.shipper.queue,
                          &conf->root);

            return ngx_http_caphealth_upload_problem(r,
                                                  CAPHEALTH_OUTCOME_QUEUE_FULL,
                                                  &full);
        }

        if (ngx_http_caphealth_shipper_away(shipper)) {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "upload refused, \"%V\" is away", &conf->root);

            return ngx_http_caphealth_upload_problem(r,
                                                  CAPHEALTH_OUTCOME_STORE_AWAY,
                                                  NULL);
        }
    }

    if (ngx_http_caphealth_shipper_unavailable(shipper)) {
        return ngx_http_caphealth_upload_problem(r,
                                                 CAPHEALTH_OUTCOME_STORE_AWAY,
                                                 NULL);
    }

    return NGX_DECLINED;
}


static ngx_http_caphealth_shipper_t *
ngx_http_caphealth_upload_shipper(ngx_http_caphealth_upload_t *u)
{
    return ngx_http_caphealth_shipper(u->worker->shippers, u->conf->store);
}


void
ngx_http_caphealth_upload_store_admit(ngx_http_caphealth_upload_t *u)
{
    ngx_http_caphealth_shipper_admit(ngx_http_caphealth_upload_shipper(u));
}


ngx_int_t
ngx_http_caphealth_upload_shipments(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                      n;
    ngx_http_caphealth_shipment_t  *shipment;

    if (u->images->shipment) {
        return NGX_OK;
    }

    shipment = ngx_pcalloc(u->pool, u->nimages
                                    * sizeof(ngx_http_caphealth_shipment_t));
    if (shipment == NULL) {
        return NGX_ERROR;
    }

    for (n = 0; n < u->nimages; n++) {
        u->images[n].upload = u;
        u->images[n].shipment = &shipment[n];
    }

    return NGX_OK;
}


void
ngx_http_caphealth_upload_ship(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  n;

    if (ngx_http_caphealth_upload_shipments(u) != NGX_OK) {
        ngx_http_caphealth_upload_call_failed(u, NGX_ENOMEM, "malloc()");
        ngx_http_caphealth_upload_finish(u);
        return;
    }

    u->state = NGX_HTTP_CAPHEALTH_SHIPPING;

    for (n = 0; n < u->nimages; n++) {

        if (u->images[n].skip) {
            continue;
        }

        if (!u->images[n].left
            || ngx_http_caphealth_upload_clear(u, &u->images[n]) != NGX_OK)
        {
            ngx_http_caphealth_upload_ship_image(u, &u->images[n]);
        }
    }
}


void
ngx_http_caphealth_upload_submit_shipment(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_shipper_submit(ngx_http_caphealth_upload_shipper(u),
                                      shipment);
}


static void
ngx_http_caphealth_upload_ship_image(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    unsigned                        i;
    caphealth_ship_file_t          *file;
    ngx_http_caphealth_shipment_t  *shipment;

    shipment = image->shipment;

    shipment->type = NGX_HTTP_CAPHEALTH_SHIP;
    shipment->handler = ngx_http_caphealth_upload_shipped;
    shipment->data = image;
    shipment->ship.nfiles = image->files.nvariants;

    (void) ngx_cpystrn((u_char *) shipment->ship.owner,
                       (u_char *) u->token.owner,
                       sizeof(shipment->ship.owner));

    if (u->named) {
        caphealth_record_path(&image->record, shipment->ship.record);
        (void) ngx_cpystrn((u_char *) shipment->ship.token,
                           (u_char *) image->token,
                           sizeof(shipment->ship.token));
    }

    for (i = 0; i < image->files.nvariants; i++) {
        file = &shipment->ship.files[i];

        (void) caphealth_path(file->key, image->files.id,
                              image->files.variants[i].name,
                              image->files.variants[i].format);

        file->bytes = image->job.result.outputs[i].bytes;
        file->format = image->files.variants[i].format;

        shipment->fds[i] = image->files.variants[i].fd;
    }

    u->shipments++;

    ngx_http_caphealth_shipper_submit(ngx_http_caphealth_upload_shipper(u),
                                      shipment);
}


static void
ngx_http_caphealth_upload_shipped(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_uint_t                    n;
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    image = shipment->data;
    u = image->upload;

    u->shipments--;
    u->last_progress = ngx_current_msec;

    if (shipment->result.status == CAPHEALTH_SHIP_OK) {
        image->published = 1;

    } else if (shipment->result.status == CAPHEALTH_SHIP_EXISTS
               && u->request && u->outcome == CAPHEALTH_OUTCOME_OK
               && ngx_http_caphealth_upload_ship_again(u, image) == NGX_OK)
    {
        return;

    } else if (shipment->result.status == CAPHEALTH_SHIP_BUSY) {
        image->claimed = 0;
        ngx_http_caphealth_upload_claimed(u, shipment);

    } else {
        image->published = shipment->lost;

        ngx_http_caphealth_upload_store_refused(u, shipment);
        ngx_http_caphealth_upload_cancel_shipments(u);
    }

    if (u->shipments) {
        return;
    }

    ngx_http_caphealth_observe(u->counters, CAPHEALTH_PUBLISH,
                               ngx_current_msec - u->publishing_at);

    if (u->named) {
        ngx_http_caphealth_upload_shipped_claimed(u);
        return;
    }

    for (n = 0; n < u->nimages && u->outcome == CAPHEALTH_OUTCOME_OK; n++) {
        (void) ngx_http_caphealth_upload_record(u, &u->images[n]);
    }

    ngx_http_caphealth_upload_finish(u);
}


/*
 * An image with its record and its mark is stored, even if the client has gone:
 * a repeated request is answered from the record.
 */

static void
ngx_http_caphealth_upload_shipped_claimed(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   n, stored;
    ngx_http_caphealth_image_t  *image;

    stored = 1;

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];
        stored &= (image->skip || image->published);

        /* another request, which has the id of another image of this one, may
           have found this image stored */

        if (u->busy && image->published) {
            image->claimed = 0;
        }
    }

    if (u->busy && u->request && u->outcome == CAPHEALTH_OUTCOME_OK) {
        ngx_http_caphealth_upload_look(u);
        return;
    }

    if (stored && u->request == NULL && u->outcome == CAPHEALTH_OUTCOME_OK) {
        ngx_http_caphealth_upload_counts_add(u);
        ngx_http_caphealth_token_unuse(u->main_conf, &u->token, 1);
        u->stored = 1;
    }

    ngx_http_caphealth_upload_finish(u);
}


/* the id is claimed, so what else is there is of an upload that died */

static ngx_int_t
ngx_http_caphealth_upload_clear(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    if (image->cleared) {
        return NGX_DECLINED;
    }

    image->cleared = 1;
    image->replaces = 1;

    ngx_http_caphealth_upload_unship_image(u, image,
                                           ngx_http_caphealth_upload_cleared);
    return NGX_OK;
}


static void
ngx_http_caphealth_upload_cleared(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    image = shipment->data;
    u = image->upload;

    u->shipments--;
    u->last_progress = ngx_current_msec;

    image->removed.files += shipment->result.files;
    image->removed.bytes += shipment->result.bytes;
    image->removed.marked |= (shipment->result.marked != 0);

    if ((shipment->result.status == CAPHEALTH_SHIP_OK
         || shipment->result.status == CAPHEALTH_SHIP_NOT_FOUND)
        && u->request && u->outcome == CAPHEALTH_OUTCOME_OK)
    {
        ngx_http_caphealth_upload_ship_image(u, image);
        return;
    }

    /* as if that had failed */

    ngx_http_caphealth_upload_cancel_shipments(u);

    if (u->request) {
        ngx_http_caphealth_upload_store_refused(u, shipment);
    }

    if (u->shipments == 0) {
        ngx_http_caphealth_upload_shipped_claimed(u);
    }
}


/* the id is another image's: once more, with another one */

static ngx_int_t
ngx_http_caphealth_upload_ship_again(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    ngx_str_t       *root;
    ngx_shm_zone_t  *zone;

    if (u->named) {
        return ngx_http_caphealth_upload_clear(u, image);
    }

    if (image->renamed) {
        return NGX_DECLINED;
    }

    image->renamed = 1;
    root = &u->conf->root;
    zone = u->main_conf->state.zone;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "image \"%s\" is in \"%V\" already, a new one gets another "
                  "id", image->files.id, root);

    /* what is stored of the other image may have been replaced, so look */

    ngx_http_caphealth_tree_end(zone, &u->conf->tree->key, image->files.id,
                                image->begun, 0);

    if (caphealth_id_create(image->files.id) == -1) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno, "getrandom()");
    }

    image->begun = ngx_http_caphealth_tree_begin(zone, &u->conf->tree->key,
                                                 image->files.id);

    if (u->outcome) {
        return NGX_ERROR;
    }

    ngx_http_caphealth_upload_ship_image(u, image);

    return NGX_OK;
}


void
ngx_http_caphealth_upload_cancel_shipments(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                      n;
    ngx_http_caphealth_shipment_t  *shipment;

    for (n = 0; n < u->nimages; n++) {
        shipment = u->images[n].shipment;

        if (shipment && shipment->shipper
            && ngx_http_caphealth_shipper_cancel(shipment) == NGX_OK)
        {
            u->shipments--;
        }
    }
}


ngx_int_t
ngx_http_caphealth_upload_withdraw(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                   n;
    ngx_http_caphealth_image_t  *image;

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];

        if (image->published && (!u->named || image->claimed)) {
            u->state = NGX_HTTP_CAPHEALTH_WITHDRAWING;
            ngx_http_caphealth_upload_unship_image(u, image,
                                          ngx_http_caphealth_upload_withdrawn);
        }
    }

    if (u->shipments == 0) {
        u->state = NGX_HTTP_CAPHEALTH_WITHDRAWING;
        return ngx_http_caphealth_upload_release_ids(u);
    }

    return NGX_AGAIN;
}


static void
ngx_http_caphealth_upload_unship_image(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image,
    void (*handler)(ngx_http_caphealth_shipment_t *shipment))
{
    char                            path[CAPHEALTH_PATH_LEN];
    caphealth_unship_t             *unship;
    ngx_http_caphealth_shipment_t  *shipment;

    shipment = image->shipment;
    unship = &shipment->unship;

    shipment->type = NGX_HTTP_CAPHEALTH_UNSHIP;
    shipment->handler = handler;
    shipment->data = image;

    /* "ab/cd/<id>_", and the same with the mark's variant and a dot */

    (void) caphealth_path(path, image->files.id, u->conf->variants->names[0],
                          CAPHEALTH_OUTPUT_WEBP);

    ngx_memzero(unship, sizeof(caphealth_unship_t));
    (void) ngx_cpystrn((u_char *) unship->prefix, (u_char *) path,
                       CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 2);
    (void) ngx_cpystrn((u_char *) unship->mark, (u_char *) path,
                       strrchr(path, '.') - path + 2);

    /* a request without an owner, as of the shop's own server, removes any */

    if (u->deletion) {
        (void) ngx_cpystrn((u_char *) unship->owner,
                           (u_char *) u->token.owner, sizeof(unship->owner));
    }

    if (image->token[0]) {
        caphealth_record_path(&image->record, unship->record);
        (void) ngx_cpystrn((u_char *) unship->token, (u_char *) image->token,
                           sizeof(unship->token));
        unship->withdraw = (u->state == NGX_HTTP_CAPHEALTH_WITHDRAWING);
    }

    u->shipments++;

    ngx_http_caphealth_shipper_submit(ngx_http_caphealth_upload_shipper(u),
                                      shipment);
}


static void
ngx_http_caphealth_upload_withdrawn(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u;

    image = shipment->data;
    u = image->upload;

    u->shipments--;

    if (shipment->result.status != CAPHEALTH_SHIP_OK
        && shipment->result.status != CAPHEALTH_SHIP_NOT_FOUND)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "image \"%s\", of an upload that failed, may be left in "
                      "\"%V\": %s", image->files.id, &u->conf->root,
                      shipment->result.detail);

        /* then its record stays, so that a listing, or another request, finds
           that nobody has it any more */

        image->claimed = 0;
    }

    /* all of them, when no image is left */

    if (u->shipments == 0
        && ngx_http_caphealth_upload_release_ids(u) != NGX_AGAIN)
    {
        ngx_http_caphealth_upload_end(u);
    }
}


void
ngx_http_caphealth_upload_unship(ngx_http_caphealth_upload_t *u)
{
    ngx_http_caphealth_upload_unship_image(u, u->images,
                                          ngx_http_caphealth_upload_unshipped);
}


static void
ngx_http_caphealth_upload_unshipped(ngx_http_caphealth_shipment_t *shipment)
{
    caphealth_ship_result_t      *result;
    ngx_http_caphealth_upload_t  *u;

    u = ((ngx_http_caphealth_image_t *) shipment->data)->upload;
    result = &shipment->result;

    u->shipments--;
    u->images->removed.files = result->files;
    u->images->removed.bytes = result->bytes;
    u->images->removed.marked = (result->marked != 0);

    u->busy = (result->status == CAPHEALTH_SHIP_BUSY);

    if (result->status == CAPHEALTH_SHIP_NOT_FOUND) {
        u->err = NGX_ENOENT;

    } else if (u->busy) {
        u->err = 0;

    } else if (result->status != CAPHEALTH_SHIP_OK) {
        u->err = EIO;
        ngx_http_caphealth_upload_store_failed(u, shipment);

    } else if (result->left) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "image \"%s\" was removed from \"%V\", but not all of "
                      "its smaller variants: a listing removes them when they "
                      "are older than an hour", u->images->files.id,
                      &u->conf->root);
    }

    ngx_http_caphealth_upload_removed(u);
}


void
ngx_http_caphealth_upload_store_refused(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_shipment_t *shipment)
{
    if (u->outcome) {
        return;
    }

    ngx_http_caphealth_upload_store_failed(u, shipment);

    if (u->outcome == CAPHEALTH_OUTCOME_STORE_AWAY && shipment->answered) {
        ngx_http_caphealth_shipper_upload_failed(
                                         ngx_http_caphealth_upload_shipper(u));
    }
}


/* what its status means for the client, and for the operator */

static void
ngx_http_caphealth_upload_store_failed(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_shipment_t *shipment)
{
    char                     *action;
    ngx_log_t                *log;
    ngx_uint_t                level;
    caphealth_ship_result_t  *result;

    level = NGX_LOG_CRIT;
    action = "";
    result = &shipment->result;

    switch (result->status) {

    case CAPHEALTH_SHIP_AWAY:
        level = NGX_LOG_ERR;
        u->outcome = CAPHEALTH_OUTCOME_STORE_AWAY;
        break;

    case CAPHEALTH_SHIP_FULL:
        u->outcome = u->deletion ? CAPHEALTH_OUTCOME_STORAGE_FAILED
                                 : CAPHEALTH_OUTCOME_STORAGE_FULL;
        break;

    case CAPHEALTH_SHIP_DENIED:
        if (result->http == 0) {
            action = "; check \"endpoint=\" of \"caphealth_image_store\", "
                     "and that the store's certificate is of that name, valid "
                     "now, and signed by an authority that this system or "
                     "\"trusted_certificate=\" has";

        } else if (result->http / 100 == 2) {
            action = "; check \"endpoint=\" of \"caphealth_image_store\", it "
                     "may not be that of an object store";

        } else if (result->http / 100 == 3) {
            action = "; check \"endpoint=\" and \"region=\" of "
                     "\"caphealth_image_store\", redirects are not followed";

        } else {
            action = "; check the credentials, the region and the bucket of "
                     "\"caphealth_image_store\", what they permit, and this "
                     "system's clock";
        }

        u->outcome = CAPHEALTH_OUTCOME_STORAGE_FAILED;
        break;

    default:
        if (result->http == NGX_HTTP_BAD_REQUEST) {
            action = "; check \"endpoint=\" of \"caphealth_image_store\", the "
                     "server there may expect https";
        }

        u->outcome = CAPHEALTH_OUTCOME_STORAGE_FAILED;
        break;
    }

    u->detail[0] = '\0';

    if (u->outcome == CAPHEALTH_OUTCOME_STORAGE_FAILED && !u->deletion) {
        ngx_http_caphealth_upload_refuse(u, u->outcome, NULL,
                                         "The object store did not take the "
                                         "image; the server's error log says "
                                         "why. Nothing was stored.");
    }

    log = ngx_cycle->log;

    if (u->request) {
        log = u->request->connection->log;
        ngx_http_set_log_request(log, u->request);
    }

    ngx_log_error(level, log, (ngx_err_t) result->error,
                  "image \"%s\" was not %s \"%V\": %s%s%s",
                  ((ngx_http_caphealth_image_t *) shipment->data)->files.id,
                  shipment->type == NGX_HTTP_CAPHEALTH_UNSHIP
                  ? "removed from" : "put into",
                  &u->conf->root, result->detail,
                  result->left ? ", a part of it may be left" : "", action);
}
