
/*
 * What an upload, or a deletion, has to do with the owner of the images: it
 * blocks, and so runs in nginx's thread pool.
 */

#include "ngx_http_caphealth_upload.h"


static int64_t ngx_http_caphealth_upload_owner_new(
    ngx_http_caphealth_upload_t *u);
static int64_t ngx_http_caphealth_upload_owner_limit(int64_t token,
    int64_t conf);
static ngx_int_t ngx_http_caphealth_upload_owner_quota(
    ngx_http_caphealth_upload_t *u, caphealth_owner_t *o, int64_t images,
    int64_t bytes);
static ngx_int_t ngx_http_caphealth_upload_owner_names(
    ngx_http_caphealth_upload_t *u);
static double ngx_http_caphealth_upload_owner_age(
    ngx_http_caphealth_upload_t *u);


/*
 * Refuses what certainly is too much before it is converted.  Others may be at
 * work for the same owner, so what decides is the look before it is published.
 */

ngx_int_t
ngx_http_caphealth_upload_owner_check(ngx_http_caphealth_upload_t *u)
{
    int64_t            images;
    ngx_int_t          rc;
    caphealth_owner_t  o;

    /* nobody's images are counted in an object store */

    if (u->token.owner[0] == '\0' || u->conf->store) {
        return NGX_OK;
    }

    if (caphealth_owner_open(&o, (char *) u->conf->root.data, u->token.owner,
                             0, ngx_http_caphealth_upload_owner_age(u))
        == -1)
    {
        if (ngx_errno == NGX_EAGAIN) {
            return NGX_OK;
        }

        if (ngx_errno != NGX_ENOENT) {
            ngx_http_caphealth_upload_call_failed(u, ngx_errno, o.failed);
            return NGX_ERROR;
        }

        /* of whom nothing is stored */
    }

    images = ngx_http_caphealth_upload_owner_new(u);

    rc = images == 0 ? NGX_OK
         : ngx_http_caphealth_upload_owner_quota(u, &o, images, 1);

    caphealth_owner_close(&o, 0, 0, 1);

    return rc;
}


ngx_int_t
ngx_http_caphealth_upload_owner_begin(ngx_http_caphealth_upload_t *u)
{
    caphealth_owner_t  *o;

    o = &u->owner;

    if (u->token.owner[0] == '\0') {
        return NGX_OK;
    }

    if (caphealth_owner_open(o, (char *) u->conf->root.data, u->token.owner,
                             1, ngx_http_caphealth_upload_owner_age(u))
        == -1)
    {
        if (ngx_errno == NGX_EAGAIN) {
            return NGX_AGAIN;
        }

        ngx_http_caphealth_upload_call_failed(u, ngx_errno, o->failed);
        return NGX_ERROR;
    }

    u->owner_locked = 1;

    if (ngx_http_caphealth_upload_owner_quota(u, o,
                                   ngx_http_caphealth_upload_owner_new(u),
                                   ngx_http_caphealth_upload_counts_bytes(u))
        != NGX_OK)
    {
        caphealth_owner_close(o, 0, 0, 1);
        u->owner_locked = 0;
        return NGX_ERROR;
    }

    if (ngx_http_caphealth_upload_owner_names(u) != NGX_OK) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno, o->failed);
        ngx_http_caphealth_upload_owner_end(u, 0);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* images that were stored before are somebody's already */

static int64_t
ngx_http_caphealth_upload_owner_new(ngx_http_caphealth_upload_t *u)
{
    int64_t     images;
    ngx_uint_t  n;

    images = 0;

    for (n = 0; n < u->nimages; n++) {
        images += !u->images[n].skip;
    }

    return images;
}


static int64_t
ngx_http_caphealth_upload_owner_limit(int64_t token, int64_t conf)
{
    return token != -1 ? token : conf;
}


static ngx_int_t
ngx_http_caphealth_upload_owner_quota(ngx_http_caphealth_upload_t *u,
    caphealth_owner_t *o, int64_t images, int64_t bytes)
{
    int64_t  most;

    most = ngx_http_caphealth_upload_owner_limit(u->token.images,
                                                 u->conf->quota.images);

    if (most != -1 && images > most - o->images) {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_QUOTA, NULL,
                                         "The owner \"%s\" has %L images and "
                                         "may have %L: %L more are too many. "
                                         "Remove some, or ask for a larger "
                                         "quota.",
                                         u->token.owner, o->images, most,
                                         images);
        return NGX_ERROR;
    }

    most = ngx_http_caphealth_upload_owner_limit(u->token.owner_bytes,
                                                 u->conf->quota.bytes);

    if (most != -1 && bytes > most - o->bytes) {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_QUOTA, NULL,
                                         "The owner \"%s\" has images of %L "
                                         "bytes and may have %L, variants "
                                         "included: there is no room for this "
                                         "upload. Remove some, or ask for a "
                                         "larger quota.",
                                         u->token.owner, o->bytes, most);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* all of them, before the first is published: none is ever nobody's */

static ngx_int_t
ngx_http_caphealth_upload_owner_names(ngx_http_caphealth_upload_t *u)
{
    char                      path[CAPHEALTH_PATH_LEN];
    ngx_uint_t                n;
    caphealth_image_files_t  *files;

    for (n = 0; n < u->nimages; n++) {
        files = &u->images[n].files;

        if (u->images[n].skip) {
            continue;
        }

        (void) caphealth_path(path, files->id, files->variants[0].name,
                              files->variants[0].format);

        if (caphealth_owner_add(&u->owner, files->id, path) == -1) {
            return NGX_ERROR;
        }
    }

    return caphealth_owner_sync(&u->owner) == -1 ? NGX_ERROR : NGX_OK;
}


void
ngx_http_caphealth_upload_owner_end(ngx_http_caphealth_upload_t *u,
    ngx_uint_t published)
{
    ngx_err_t   err;
    ngx_uint_t  n;

    if (!u->owner_locked) {
        return;
    }

    u->owner_locked = 0;

    if (published) {
        caphealth_owner_close(&u->owner,
                              ngx_http_caphealth_upload_owner_new(u),
                              ngx_http_caphealth_upload_counts_bytes(u), 1);
        u->owner_counted = 1;
        return;
    }

    err = ngx_errno;

    for (n = 0; n < u->nimages; n++) {
        if (!u->images[n].skip) {
            (void) caphealth_owner_remove(&u->owner, u->images[n].files.id);
        }
    }

    caphealth_owner_close(&u->owner, 0, 0, 1);

    ngx_set_errno(err);
}


ngx_int_t
ngx_http_caphealth_upload_owner_withdraw(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t  n;

    if (!u->owner_counted) {
        return NGX_OK;
    }

    if (caphealth_owner_open(&u->owner, (char *) u->conf->root.data,
                             u->token.owner, 0, 0)
        == -1)
    {
        return ngx_errno == NGX_EAGAIN ? NGX_AGAIN : NGX_OK;
    }

    for (n = 0; n < u->nimages; n++) {
        if (!u->images[n].skip) {
            (void) caphealth_owner_remove(&u->owner, u->images[n].files.id);
        }
    }

    caphealth_owner_close(&u->owner, -ngx_http_caphealth_upload_owner_new(u),
                          -ngx_http_caphealth_upload_counts_bytes(u), 1);
    u->owner_counted = 0;

    return NGX_OK;
}


/*
 * What has this id, and no record, is of an upload that died, of this owner or
 * of another one.  Whether it was counted is not known, so that owner's images
 * are looked at the next time.  It is still there until this upload is
 * published, but is not counted any more, in that quota and in those images.
 */

ngx_int_t
ngx_http_caphealth_upload_owner_disown(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    int                rc;
    char               name[CAPHEALTH_OWNER_LEN + 1], *root;
    caphealth_owner_t  o;

    root = (char *) u->conf->root.data;

    rc = image->record.left
         ? 1 : caphealth_image_exists(root, image->files.id);

    if (rc == 1) {
        rc = caphealth_owner_find(root, image->files.id, name);
    }

    if (rc == 0) {
        return NGX_OK;
    }

    if (rc == -1) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              "read() of a directory");
        return NGX_ERROR;
    }

    if (caphealth_owner_open(&o, root, name, 0, 0) == -1) {

        if (ngx_errno == NGX_EAGAIN) {
            return NGX_AGAIN;
        }

        ngx_http_caphealth_upload_call_failed(u, ngx_errno, o.failed);
        return NGX_ERROR;
    }

    rc = caphealth_owner_remove(&o, image->files.id);

    if (rc == -1) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno, o.failed);
    }

    caphealth_owner_close(&o, 0, 0, 0);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/*
 * Who has an owner removes images of that owner only; others are not there for
 * them.  Who has none, as the shop's own server, removes any.
 */

ngx_int_t
ngx_http_caphealth_upload_owner_lock(ngx_http_caphealth_upload_t *u)
{
    int    rc;
    char   name[CAPHEALTH_OWNER_LEN + 1], *root, *id, *owner;

    root = (char *) u->conf->root.data;
    id = u->images->files.id;
    owner = u->token.owner;

    if (owner[0]) {
        rc = caphealth_owner_has(root, owner, id);

        if (rc == 0) {
            ngx_set_errno(NGX_ENOENT);
            return NGX_ERROR;
        }

    } else {
        owner = name;
        rc = caphealth_owner_find(root, id, owner);

        if (rc == 0) {
            return NGX_OK;
        }
    }

    if (rc == -1) {
        return NGX_ERROR;
    }

    if (caphealth_owner_open(&u->owner, root, owner, 0, 0) == -1) {
        return ngx_errno == NGX_EAGAIN ? NGX_AGAIN : NGX_ERROR;
    }

    u->owner_locked = 1;
    caphealth_owner_doubt(&u->owner);

    return NGX_OK;
}


void
ngx_http_caphealth_upload_owner_removed(ngx_http_caphealth_upload_t *u)
{
    if (!u->owner_locked) {
        return;
    }

    u->owner_locked = 0;

    /* if some of it is left, another DELETE is to find whose it is */

    if (u->err == 0 || u->err == NGX_ENOENT) {
        (void) caphealth_owner_remove(&u->owner, u->images->files.id);
    }

    caphealth_owner_close(&u->owner, u->images->removed.marked ? -1 : 0,
                          -(int64_t) u->images->removed.bytes,
                          u->err == 0 && u->images->removed.marked);
}


/* images that were added or removed by hand are counted after that time */

static double
ngx_http_caphealth_upload_owner_age(ngx_http_caphealth_upload_t *u)
{
    return (double) u->main_conf->collector.scan;
}
