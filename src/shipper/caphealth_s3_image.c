
/*
 * An image in an object store.
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "caphealth_ipc.h"
#include "caphealth_output.h"
#include "caphealth_s3_claim.h"
#include "caphealth_s3_image.h"
#include "caphealth_s3_list.h"


/* seconds that requests under way may take after the upload was given up */
#define CAPHEALTH_S3_LAST   3.0

/* seconds for the end of a failed put, which removes what was put */
#define CAPHEALTH_S3_GRACE  (CAPHEALTH_SHIP_GRACE / 1000.0 - 0.5)


/* what a deletion puts in place of a record, to claim the id */
#define CAPHEALTH_S3_REMOVED  "{}"


typedef enum {
    CAPHEALTH_S3_ABSENT = 0,     /* it was not put, or is removed */
    CAPHEALTH_S3_DOUBTFUL,       /* it may have been put */
    CAPHEALTH_S3_PRESENT         /* it was put */
} caphealth_s3_presence_e;


/* in the order of their removal; without a claim, the others are first */

typedef enum {
    CAPHEALTH_S3_MARKS = 0,
    CAPHEALTH_S3_OTHERS,
    CAPHEALTH_S3_RECORDS,
    CAPHEALTH_S3_KINDS
} caphealth_s3_kind_e;


typedef struct {
    caphealth_s3_call_t       call;      /* the first: a call is a file */
    caphealth_s3_image_t     *image;
    caphealth_s3_presence_e   presence;
    int                       mark;
    int                       record;
    int                       again;     /* its removal was tried before */
    double                    modified;  /* of a record */
    uint64_t                  bytes;
    char                      key[CAPHEALTH_SHIP_KEY];
    char                      type[32];
} caphealth_s3_file_t;


struct caphealth_s3_image_s {
    caphealth_s3_client_t    *client;
    void                    (*done)(void *data,
                                    const caphealth_ship_result_t *result);
    void                     *data;
    caphealth_s3_file_t      *files;
    unsigned                  nfiles;
    unsigned                  room;
    unsigned                  pending;
    int                       removing;      /* what was put */
    int                       given_up;
    double                    deadline;
    caphealth_ship_result_t   result;
    char                      token[CAPHEALTH_S3_MARK];
    char                      owner[CAPHEALTH_SHIP_OWNER];

    /* of an id that is claimed */

    caphealth_s3_call_t       claim;
    int                       claimed;       /* it is still */
    int                       late;          /* the mark may come yet */
    char                      record[CAPHEALTH_SHIP_KEY];    /* "": it is not */
    char                      claimant[CAPHEALTH_SHIP_TOKEN];

    /* of a removal */

    caphealth_s3_kind_e       kind;          /* that is being removed */
    int                       unclaimed;     /* the store is full, and takes no
                                                claim */
    int                       removed;       /* a descriptor of what is put in
                                                place of a record; or -1 */

    caphealth_unship_t        unship;
    const caphealth_walk_settings_t
                             *leftover;      /* NULL: it is none */
    caphealth_walk_image_t    found;         /* of a leftover */
    caphealth_s3_list_t       list;
    unsigned                  listed;        /* files, before the page that is
                                                being read */
};


static caphealth_s3_image_t *caphealth_s3_image_create(
    caphealth_s3_client_t *client,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data, unsigned room, uint32_t timeout);
static void caphealth_s3_image_end(caphealth_s3_image_t *image);
static void caphealth_s3_image_fail(caphealth_s3_image_t *image,
    const caphealth_s3_call_t *call);
static int caphealth_s3_image_token(char token[CAPHEALTH_S3_MARK]);
static void caphealth_s3_image_begin(caphealth_s3_file_t *file,
    const char *method, void (*done)(caphealth_s3_call_t *call));
static void caphealth_s3_image_put_file(caphealth_s3_file_t *file);
static void caphealth_s3_image_on_put(caphealth_s3_call_t *call);
static void caphealth_s3_image_on_look(caphealth_s3_call_t *call);
static int caphealth_s3_image_is_ours(const caphealth_s3_file_t *file);
static void caphealth_s3_image_next(caphealth_s3_image_t *image);
static void caphealth_s3_image_look_record(caphealth_s3_image_t *image,
    const char *method, void (*done)(caphealth_s3_call_t *call));
static int caphealth_s3_image_is_claimed(const caphealth_s3_image_t *image);
static void caphealth_s3_image_on_claim(caphealth_s3_call_t *call);
static void caphealth_s3_image_on_undo_claim(caphealth_s3_call_t *call);
static void caphealth_s3_image_on_released(caphealth_s3_call_t *call);
static void caphealth_s3_image_on_remove_claim(caphealth_s3_call_t *call);
static void caphealth_s3_image_void_record(caphealth_s3_image_t *image,
    void (*done)(caphealth_s3_call_t *call));
static void caphealth_s3_image_on_undo_void(caphealth_s3_call_t *call);
static void caphealth_s3_image_on_remove_void(caphealth_s3_call_t *call);
static void caphealth_s3_image_stored(caphealth_s3_image_t *image);
static void caphealth_s3_image_undo(caphealth_s3_image_t *image);
static void caphealth_s3_image_undo_file(caphealth_s3_file_t *file);
static void caphealth_s3_image_on_undo_look(caphealth_s3_call_t *call);
static void caphealth_s3_image_on_undone(caphealth_s3_call_t *call);
static void caphealth_s3_image_list(caphealth_s3_image_t *image);
static void caphealth_s3_image_list_begin(caphealth_s3_list_t *list);
static void caphealth_s3_image_list_object(caphealth_s3_list_t *list,
    const char *key, const caphealth_s3_object_t *object);
static void caphealth_s3_image_leftover(caphealth_s3_image_t *image,
    const caphealth_s3_object_t *object, const char *name);
static void caphealth_s3_image_on_list(caphealth_s3_list_t *list);
static void caphealth_s3_image_look_owner(caphealth_s3_image_t *image);
static void caphealth_s3_image_on_owner(caphealth_s3_call_t *call);
static void caphealth_s3_image_not_found(caphealth_s3_image_t *image);
static void caphealth_s3_image_remove_listed(caphealth_s3_image_t *image);
static uint32_t caphealth_s3_image_busy(const caphealth_s3_image_t *image);
static void caphealth_s3_image_claim(caphealth_s3_image_t *image);
static void caphealth_s3_image_on_claimed(caphealth_s3_call_t *call);
static void caphealth_s3_image_look_stored(caphealth_s3_image_t *image);
static caphealth_s3_file_t *caphealth_s3_image_only(
    caphealth_s3_image_t *image, caphealth_s3_kind_e kind);
static void caphealth_s3_image_on_stored(caphealth_s3_call_t *call);
static void caphealth_s3_image_delete(caphealth_s3_image_t *image);
static caphealth_s3_kind_e caphealth_s3_image_kind(
    const caphealth_s3_file_t *file);
static void caphealth_s3_image_on_delete(caphealth_s3_call_t *call);
static void caphealth_s3_image_on_record(caphealth_s3_call_t *call);
static void caphealth_s3_image_deleted(caphealth_s3_image_t *image);


caphealth_s3_image_t *
caphealth_s3_image_put(caphealth_s3_client_t *client,
    const caphealth_ship_t *ship, const int *fds,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data)
{
    unsigned               i;
    caphealth_s3_file_t   *file;
    caphealth_s3_image_t  *image;

    image = caphealth_s3_image_create(client, done, data, ship->nfiles,
                                      ship->timeout);
    if (image == NULL) {
        return NULL;
    }

    image->nfiles = ship->nfiles;
    memcpy(image->record, ship->record, sizeof(image->record));
    memcpy(image->claimant, ship->token, sizeof(image->claimant));
    memcpy(image->owner, ship->owner, sizeof(image->owner));

    /* by which the mark is known as that of the record */

    if (ship->record[0]) {
        memcpy(image->token, ship->token, sizeof(image->token));
    }

    for (i = 0; i < ship->nfiles; i++) {
        file = &image->files[i];

        file->image = image;
        file->mark = (i == 0);
        file->bytes = ship->files[i].bytes;
        file->call.fd = fds[i];

        memcpy(file->key, ship->files[i].key, CAPHEALTH_SHIP_KEY);
        (void) snprintf(file->type, sizeof(file->type), "image/%s",
                        caphealth_output_row(ship->files[i].format)->name);
    }

    for (i = 1; i < image->nfiles; i++) {
        caphealth_s3_image_put_file(&image->files[i]);
    }

    caphealth_s3_image_next(image);

    return image;
}


static caphealth_s3_image_t *
caphealth_s3_image_create(caphealth_s3_client_t *client,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data, unsigned room, uint32_t timeout)
{
    caphealth_s3_image_t  *image;

    image = calloc(1, sizeof(caphealth_s3_image_t));
    if (image == NULL) {
        return NULL;
    }

    image->files = calloc(room, sizeof(caphealth_s3_file_t));

    if (image->files == NULL
        || caphealth_s3_image_token(image->token) == -1)
    {
        free(image->files);
        free(image);
        return NULL;
    }

    image->client = client;
    image->done = done;
    image->data = data;
    image->room = room;
    image->removed = -1;
    image->deadline = caphealth_s3_now() + timeout / 1000.0;

    return image;
}


static void
caphealth_s3_image_end(caphealth_s3_image_t *image)
{
    image->done(image->data, &image->result);

    if (image->removed != -1) {
        (void) close(image->removed);
    }

    caphealth_s3_list_free(&image->list);
    free(image->files);
    free(image);
}


/*
 * The first failure is reported.  What these mean of an upload they do not mean
 * of a removal, which a full store refuses to claim the id for.
 */

static void
caphealth_s3_image_fail(caphealth_s3_image_t *image,
    const caphealth_s3_call_t *call)
{
    caphealth_ship_result_t  *r;

    r = &image->result;

    if (r->status == CAPHEALTH_SHIP_OK) {
        r->status = (uint32_t) call->status;

        if (image->unship.prefix[0]
            && (call->status == CAPHEALTH_SHIP_EXISTS
                || call->status == CAPHEALTH_SHIP_FULL
                || call->status == CAPHEALTH_SHIP_READ))
        {
            r->status = CAPHEALTH_SHIP_FAILED;
        }

        r->error = (uint32_t) call->error;
        r->http = call->http;
        r->retry_after = call->retry_after;
        memcpy(r->detail, call->detail, sizeof(r->detail));
    }
}


static int
caphealth_s3_image_token(char token[CAPHEALTH_S3_MARK])
{
    ssize_t  n;
    uint8_t  bytes[(CAPHEALTH_S3_MARK - 1) / 2];

    do {
        n = getrandom(bytes, sizeof(bytes), 0);
    } while (n == -1 && errno == EINTR);

    if (n != (ssize_t) sizeof(bytes)) {
        return -1;
    }

    caphealth_s3_hex(bytes, sizeof(bytes), token);

    return 0;
}


static void
caphealth_s3_image_begin(caphealth_s3_file_t *file, const char *method,
    void (*done)(caphealth_s3_call_t *call))
{
    int                    fd;
    caphealth_s3_image_t  *image;

    image = file->image;
    fd = file->call.fd;

    memset(&file->call, 0, sizeof(caphealth_s3_call_t));

    file->call.fd = fd;
    file->call.method = method;
    file->call.key = file->key;
    file->call.deadline = image->deadline;
    file->call.done = done;

    image->pending++;
}


static void
caphealth_s3_image_put_file(caphealth_s3_file_t *file)
{
    caphealth_s3_image_begin(file, "PUT", caphealth_s3_image_on_put);

    file->call.size = file->bytes;
    file->call.type = file->type;
    file->call.mark = file->image->token;
    file->call.owner = file->image->owner[0] ? file->image->owner : NULL;
    file->call.create = 1;

    caphealth_s3_call(file->image->client, &file->call);
}


static void
caphealth_s3_image_on_put(caphealth_s3_call_t *call)
{
    caphealth_s3_file_t   *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t  *image = file->image;

    image->pending--;

    if (call->status == CAPHEALTH_SHIP_OK) {
        file->presence = CAPHEALTH_S3_PRESENT;
        caphealth_s3_image_next(image);
        return;
    }

    if (call->doubtful) {
        file->presence = CAPHEALTH_S3_DOUBTFUL;
    }

    /*
     * What is there may be what an attempt before has put: one of ours, or of
     * libcurl's, which sends a request again if a connection that was kept
     * turns out to be closed.
     */

    if (call->status == CAPHEALTH_SHIP_EXISTS && !image->given_up) {
        caphealth_s3_image_begin(file, "HEAD", caphealth_s3_image_on_look);
        caphealth_s3_call(image->client, &file->call);
        return;
    }

    caphealth_s3_image_fail(image, call);
    caphealth_s3_image_next(image);
}


static void
caphealth_s3_image_on_look(caphealth_s3_call_t *call)
{
    caphealth_s3_file_t   *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t  *image = file->image;

    image->pending--;

    if (call->status == CAPHEALTH_SHIP_OK) {

        if (caphealth_s3_image_is_ours(file)) {
            file->presence = CAPHEALTH_S3_PRESENT;

        } else {
            file->presence = CAPHEALTH_S3_ABSENT;
            call->status = CAPHEALTH_SHIP_EXISTS;
            call->http = 412;
            caphealth_s3_image_fail(image, call);
        }

    } else {

        if (call->status == CAPHEALTH_SHIP_NOT_FOUND) {
            call->status = CAPHEALTH_SHIP_AWAY;
            (void) snprintf(call->detail, sizeof(call->detail),
                            "a file with the same name was removed at the "
                            "same time");
        }

        caphealth_s3_image_fail(image, call);
    }

    caphealth_s3_image_next(image);
}


static int
caphealth_s3_image_is_ours(const caphealth_s3_file_t *file)
{
    return file->call.length == file->bytes
           && strcmp(file->call.found, file->image->token) == 0;
}


/* a call has ended, or none was needed */

static void
caphealth_s3_image_next(caphealth_s3_image_t *image)
{
    if (image->pending) {
        return;
    }

    if (image->given_up) {
        image->result.status = CAPHEALTH_SHIP_AWAY;
    }

    if (image->result.status != CAPHEALTH_SHIP_OK) {
        caphealth_s3_image_undo(image);
        return;
    }

    if (image->files[0].presence != CAPHEALTH_S3_PRESENT) {

        /* another request may have taken the id meanwhile */

        if (image->record[0] && !image->claimed) {
            caphealth_s3_image_look_record(image, "HEAD",
                                           caphealth_s3_image_on_claim);
            return;
        }

        caphealth_s3_image_put_file(&image->files[0]);
        return;
    }

    caphealth_s3_image_stored(image);
}


static void
caphealth_s3_image_look_record(caphealth_s3_image_t *image,
    const char *method, void (*done)(caphealth_s3_call_t *call))
{
    memset(&image->claim, 0, sizeof(caphealth_s3_call_t));

    image->claim.method = method;
    image->claim.key = image->record;
    image->claim.deadline = image->deadline;
    image->claim.done = done;
    image->claim.data = image;

    image->pending++;

    caphealth_s3_call(image->client, &image->claim);
}


static int
caphealth_s3_image_is_claimed(const caphealth_s3_image_t *image)
{
    return image->claim.status == CAPHEALTH_SHIP_OK
           && strcmp(image->claim.found, image->claimant) == 0;
}


static void
caphealth_s3_image_on_claim(caphealth_s3_call_t *call)
{
    caphealth_s3_image_t  *image = call->data;

    image->pending--;
    image->claimed = caphealth_s3_image_is_claimed(image);

    if (!image->claimed) {

        if (call->status == CAPHEALTH_SHIP_OK
            || call->status == CAPHEALTH_SHIP_NOT_FOUND)
        {
            call->status = CAPHEALTH_SHIP_BUSY;
            (void) snprintf(call->detail, sizeof(call->detail),
                            "another request has taken the id");
        }

        caphealth_s3_image_fail(image, call);
    }

    caphealth_s3_image_next(image);
}


static void
caphealth_s3_image_stored(caphealth_s3_image_t *image)
{
    unsigned  i;

    memset(&image->result, 0, sizeof(caphealth_ship_result_t));

    image->result.files = image->nfiles;
    image->result.http = 200;

    for (i = 0; i < image->nfiles; i++) {
        image->result.bytes += image->files[i].bytes;
    }

    caphealth_s3_image_end(image);
}


/*
 * Removes what was put, the mark first: without the others there is no mark.
 */

static void
caphealth_s3_image_undo(caphealth_s3_image_t *image)
{
    unsigned  i;

    if (!image->removing) {
        image->removing = 1;
        image->deadline = caphealth_s3_now() + CAPHEALTH_S3_GRACE;

        if (image->record[0]) {
            caphealth_s3_image_look_record(image, "HEAD",
                                           caphealth_s3_image_on_undo_claim);
            return;
        }
    }

    if (image->removing == 1) {
        image->removing = 2;
        image->late = (image->files[0].presence != CAPHEALTH_S3_ABSENT);

        if (image->files[0].presence == CAPHEALTH_S3_DOUBTFUL) {
            caphealth_s3_image_undo_file(&image->files[0]);
            return;
        }
    }

    /* a mark that comes late must not find the answer, which says that the
       others are there */

    if (image->removing == 2) {
        image->removing = 3;

        if (image->record[0] && image->late) {
            caphealth_s3_image_void_record(image,
                                           caphealth_s3_image_on_undo_void);
            return;
        }
    }

    if (image->removing == 3) {
        image->removing = 4;

        if (image->files[0].presence != CAPHEALTH_S3_ABSENT) {
            caphealth_s3_image_undo_file(&image->files[0]);
            return;
        }
    }

    if (image->removing == 4) {
        image->removing = 5;

        for (i = 1; i < image->nfiles; i++) {
            if (image->files[i].presence != CAPHEALTH_S3_ABSENT) {
                caphealth_s3_image_undo_file(&image->files[i]);
            }
        }
    }

    if (image->pending) {
        return;
    }

    /* else the worker does it, when all images of the request are removed */

    if (image->given_up && image->record[0] && !image->result.left) {
        caphealth_s3_image_look_record(image, "DELETE",
                                       caphealth_s3_image_on_released);
        return;
    }

    caphealth_s3_image_end(image);
}


/* replaces a record, which is still this request's, by one without an answer */

static void
caphealth_s3_image_void_record(caphealth_s3_image_t *image,
    void (*done)(caphealth_s3_call_t *call))
{
    caphealth_s3_call_t  *call;

    if (image->removed == -1) {
        image->removed = caphealth_ipc_memfd(CAPHEALTH_S3_REMOVED,
                                             sizeof(CAPHEALTH_S3_REMOVED) - 1);
    }

    call = &image->claim;
    memset(call, 0, sizeof(caphealth_s3_call_t));

    call->method = "PUT";
    call->key = image->record;
    call->deadline = image->deadline;
    call->fd = image->removed;
    call->size = sizeof(CAPHEALTH_S3_REMOVED) - 1;
    call->type = "application/json";
    call->mark = image->claimant;
    call->done = done;
    call->data = image;

    image->pending++;

    caphealth_s3_call(image->client, call);
}


/* if that cannot be done, the image stays, which is whole with its mark */

static void
caphealth_s3_image_on_undo_void(caphealth_s3_call_t *call)
{
    caphealth_s3_image_t  *image = call->data;

    image->pending--;

    if (call->status == CAPHEALTH_SHIP_OK) {
        caphealth_s3_image_undo(image);
        return;
    }

    image->result.left = 1;
    caphealth_s3_image_end(image);
}


/* what is another request's now is left as it is */

static void
caphealth_s3_image_on_undo_claim(caphealth_s3_call_t *call)
{
    caphealth_s3_image_t  *image = call->data;

    image->pending--;

    if (caphealth_s3_image_is_claimed(image)) {
        caphealth_s3_image_undo(image);
        return;
    }

    if (call->status == CAPHEALTH_SHIP_OK) {
        image->result.status = CAPHEALTH_SHIP_BUSY;

    } else if (call->status != CAPHEALTH_SHIP_NOT_FOUND) {
        image->result.left = 1;
    }

    caphealth_s3_image_end(image);
}


static void
caphealth_s3_image_on_released(caphealth_s3_call_t *call)
{
    caphealth_s3_image_t  *image = call->data;

    image->pending--;

    caphealth_s3_image_end(image);
}


static void
caphealth_s3_image_undo_file(caphealth_s3_file_t *file)
{
    /*
     * Where a store puts files only where there are none, a doubtful one may
     * be another's.  If the mark was put, the image is whole.
     */

    if (file->presence == CAPHEALTH_S3_DOUBTFUL
        && (file->mark
            || caphealth_s3_client_conditional(file->image->client)))
    {
        caphealth_s3_image_begin(file, "HEAD",
                                 caphealth_s3_image_on_undo_look);

    } else {

        /* it may still be put: a request may be under way */

        if (file->presence == CAPHEALTH_S3_DOUBTFUL) {
            file->image->result.left = 1;
        }

        caphealth_s3_image_begin(file, "DELETE", caphealth_s3_image_on_undone);
    }

    caphealth_s3_call(file->image->client, &file->call);
}


static void
caphealth_s3_image_on_undo_look(caphealth_s3_call_t *call)
{
    caphealth_s3_file_t   *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t  *image = file->image;

    image->pending--;

    if (call->status == CAPHEALTH_SHIP_OK && caphealth_s3_image_is_ours(file)) {
        file->presence = CAPHEALTH_S3_PRESENT;

        if (file->mark && !image->given_up) {
            caphealth_s3_image_stored(image);

        } else if (file->mark) {
            caphealth_s3_image_undo(image);

        } else {
            caphealth_s3_image_undo_file(file);
        }

        return;
    }

    if (call->status != CAPHEALTH_SHIP_OK) {
        image->result.left = 1;
    }

    file->presence = CAPHEALTH_S3_ABSENT;
    caphealth_s3_image_undo(image);
}


static void
caphealth_s3_image_on_undone(caphealth_s3_call_t *call)
{
    caphealth_s3_file_t   *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t  *image = file->image;

    image->pending--;

    if (call->status != CAPHEALTH_SHIP_OK
        && call->status != CAPHEALTH_SHIP_NOT_FOUND)
    {
        image->result.left = 1;
    }

    file->presence = CAPHEALTH_S3_ABSENT;
    caphealth_s3_image_undo(image);
}


void
caphealth_s3_image_give_up(caphealth_s3_image_t *image)
{
    unsigned  i;

    if (image->given_up || image->unship.prefix[0]) {
        return;
    }

    image->given_up = 1;

    if (image->removing) {
        return;
    }

    for (i = 0; i < image->nfiles; i++) {
        caphealth_s3_cancel(&image->files[i].call, CAPHEALTH_S3_LAST);
    }

    caphealth_s3_cancel(&image->claim, CAPHEALTH_S3_LAST);
}


caphealth_s3_image_t *
caphealth_s3_image_remove(caphealth_s3_client_t *client,
    const caphealth_unship_t *unship,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data)
{
    caphealth_s3_image_t  *image;

    image = caphealth_s3_image_create(client, done, data,
                                      CAPHEALTH_VARIANTS_MAX,
                                      unship->timeout);
    if (image == NULL) {
        return NULL;
    }

    image->unship = *unship;

    if (unship->record[0]) {
        memcpy(image->record, unship->record, sizeof(image->record));
        memcpy(image->claimant, unship->token, sizeof(image->claimant));
        caphealth_s3_image_look_record(image, "HEAD",
                                       caphealth_s3_image_on_remove_claim);

    } else {
        caphealth_s3_image_list(image);
    }

    return image;
}


static void
caphealth_s3_image_on_remove_void(caphealth_s3_call_t *call)
{
    caphealth_s3_image_t  *image = call->data;

    image->pending--;

    if (call->status == CAPHEALTH_SHIP_OK) {
        caphealth_s3_image_list(image);
        return;
    }

    caphealth_s3_image_fail(image, call);
    caphealth_s3_image_end(image);
}


static void
caphealth_s3_image_on_remove_claim(caphealth_s3_call_t *call)
{
    caphealth_s3_image_t  *image = call->data;

    image->pending--;

    if (caphealth_s3_image_is_claimed(image)) {

        if (image->unship.withdraw) {
            caphealth_s3_image_void_record(image,
                                           caphealth_s3_image_on_remove_void);

        } else {
            caphealth_s3_image_list(image);
        }

        return;
    }

    if (call->status == CAPHEALTH_SHIP_OK) {
        call->status = CAPHEALTH_SHIP_NOT_FOUND;
    }

    caphealth_s3_image_fail(image, call);
    caphealth_s3_image_end(image);
}


caphealth_s3_image_t *
caphealth_s3_image_remove_leftover(caphealth_s3_client_t *client,
    const caphealth_walk_settings_t *w, const char *prefix, uint32_t timeout,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data)
{
    caphealth_s3_image_t  *image;

    image = caphealth_s3_image_create(client, done, data,
                                      CAPHEALTH_VARIANTS_MAX, timeout);
    if (image == NULL) {
        return NULL;
    }

    (void) snprintf(image->unship.prefix, sizeof(image->unship.prefix), "%s",
                    prefix);
    image->leftover = w;
    image->found.known = 1;

    caphealth_s3_image_list(image);

    return image;
}


static void
caphealth_s3_image_list(caphealth_s3_image_t *image)
{
    caphealth_s3_list_t  *list;

    list = &image->list;

    list->client = image->client;
    list->prefix = image->unship.prefix;
    list->begin = caphealth_s3_image_list_begin;
    list->object = caphealth_s3_image_list_object;
    list->done = caphealth_s3_image_on_list;
    list->data = image;

    image->listed = image->nfiles;

    caphealth_s3_list_page(list, image->deadline);
}


static void
caphealth_s3_image_list_begin(caphealth_s3_list_t *list)
{
    caphealth_s3_image_t  *image = list->data;

    image->nfiles = image->listed;
}


static void
caphealth_s3_image_list_object(caphealth_s3_list_t *list, const char *key,
    const caphealth_s3_object_t *object)
{
    unsigned               room;
    caphealth_s3_file_t   *file, *files;
    caphealth_s3_image_t  *image = list->data;

    if (object->prefix || strlen(key) >= CAPHEALTH_SHIP_KEY
        || image->nfiles == CAPHEALTH_SHIP_FILES_MAX)
    {
        return;
    }

    /* that by which the id is claimed is removed on its own */

    if (image->record[0] && strcmp(key, image->record) == 0) {
        return;
    }

    if (image->nfiles == image->room) {
        room = 2 * image->room;
        files = reallocarray(image->files, room, sizeof(caphealth_s3_file_t));

        if (files == NULL) {
            image->result.left = 1;
            return;
        }

        image->files = files;
        image->room = room;
    }

    file = &image->files[image->nfiles++];

    memset(file, 0, sizeof(caphealth_s3_file_t));

    file->image = image;
    file->bytes = object->size;
    file->presence = CAPHEALTH_S3_PRESENT;
    file->record = caphealth_record_path_valid(key, strlen(key));
    file->modified = object->modified;
    file->mark = image->leftover == NULL
                 && strncmp(key, image->unship.mark,
                            strlen(image->unship.mark))
                    == 0;

    memcpy(file->key, key, strlen(key) + 1);

    if (image->leftover) {
        caphealth_s3_image_leftover(image, object, key + CAPHEALTH_LEAF_LEN);
    }
}


/* those of a page that is listed again change nothing */

static void
caphealth_s3_image_leftover(caphealth_s3_image_t *image,
    const caphealth_s3_object_t *object, const char *name)
{
    caphealth_walk_image_t  file;

    if (caphealth_record_name_valid(name, strlen(name))) {
        caphealth_walk_image_record(name, object->modified, &file);
        caphealth_walk_image_join(&image->found, &file);
        return;
    }

    if (!caphealth_walk_image_name(name, name, strlen(name))) {
        image->found.known = 0;
        return;
    }

    caphealth_walk_image_file(image->leftover, name, strlen(name),
                              isnan(object->modified) ? INFINITY
                                                      : object->modified,
                              &file);
    caphealth_walk_image_join(&image->found, &file);
}


static void
caphealth_s3_image_on_list(caphealth_s3_list_t *list)
{
    caphealth_s3_call_t   *call = &list->call;
    caphealth_s3_image_t  *image = list->data;

    if (call->status != CAPHEALTH_SHIP_OK) {

        /* no bucket */

        if (call->status == CAPHEALTH_SHIP_NOT_FOUND) {
            call->status = CAPHEALTH_SHIP_DENIED;
        }

        caphealth_s3_image_fail(image, call);
        caphealth_s3_image_end(image);
        return;
    }

    if (list->page.truncated
        && image->nfiles < CAPHEALTH_SHIP_FILES_MAX)
    {
        caphealth_s3_image_list(image);
        return;
    }

    image->result.http = call->http;
    image->result.left |= (uint32_t) list->page.truncated;

    if (image->nfiles == 0) {
        caphealth_s3_image_not_found(image);
        return;
    }

    if (image->leftover
        && (image->found.mark
            || !caphealth_walk_image_leftover(image->leftover,
                                              &image->found)))
    {
        image->result.status = CAPHEALTH_SHIP_EXISTS;
        caphealth_s3_image_end(image);
        return;
    }

    if (image->unship.owner[0]) {
        caphealth_s3_image_look_owner(image);
        return;
    }

    caphealth_s3_image_remove_listed(image);
}


/* reads the owner of the image from its mark, or else from another file */

static void
caphealth_s3_image_look_owner(caphealth_s3_image_t *image)
{
    unsigned              i;
    caphealth_s3_file_t  *file, *f;

    file = NULL;

    for (i = 0; i < image->nfiles; i++) {
        f = &image->files[i];

        if (!f->record && f->presence != CAPHEALTH_S3_ABSENT
            && (f->mark || file == NULL))
        {
            file = f;
        }
    }

    if (file == NULL) {
        caphealth_s3_image_not_found(image);
        return;
    }

    caphealth_s3_image_begin(file, "HEAD", caphealth_s3_image_on_owner);
    caphealth_s3_call(image->client, &file->call);
}


static void
caphealth_s3_image_on_owner(caphealth_s3_call_t *call)
{
    caphealth_s3_file_t   *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t  *image = file->image;

    image->pending--;

    switch (call->status) {

    case CAPHEALTH_SHIP_OK:

        if (strcmp(call->owned, image->unship.owner) == 0) {
            caphealth_s3_image_remove_listed(image);

        } else {
            caphealth_s3_image_not_found(image);
        }

        return;

    /* the file was removed since, or before: a listing may be out of date */

    case CAPHEALTH_SHIP_NOT_FOUND:
        file->presence = CAPHEALTH_S3_ABSENT;
        caphealth_s3_image_look_owner(image);
        return;

    default:
        caphealth_s3_image_fail(image, call);
        caphealth_s3_image_end(image);
    }
}


static void
caphealth_s3_image_not_found(caphealth_s3_image_t *image)
{
    image->result.status = CAPHEALTH_SHIP_NOT_FOUND;
    caphealth_s3_image_end(image);
}


static void
caphealth_s3_image_remove_listed(caphealth_s3_image_t *image)
{
    image->result.retry_after = caphealth_s3_image_busy(image);

    if (image->result.retry_after) {
        image->result.status = CAPHEALTH_SHIP_BUSY;
        caphealth_s3_image_end(image);
        return;
    }

    caphealth_s3_image_claim(image);
}


/* the seconds that another request may have the id, whose record is there */

static uint32_t
caphealth_s3_image_busy(const caphealth_s3_image_t *image)
{
    uint32_t                    left, most;
    unsigned                    i;
    const caphealth_s3_file_t  *file;

    most = 0;

    for (i = 0; i < image->nfiles && !image->leftover; i++) {
        file = &image->files[i];

        if (file->mark) {
            return 0;
        }

        if (file->record && !isnan(file->modified)) {
            left = caphealth_s3_claim_left(file->modified,
                                           image->list.call.date,
                                           image->unship.lease);
            most = left > most ? left : most;
        }
    }

    return most;
}


/*
 * An upload that is under way, or begins, finds that it has lost the id, and
 * that another has it.
 */

static void
caphealth_s3_image_claim(caphealth_s3_image_t *image)
{
    unsigned              i;
    caphealth_s3_file_t  *file;

    /* an upload that is withdrawn has one already */

    if (image->removed == -1) {
        image->removed = caphealth_ipc_memfd(CAPHEALTH_S3_REMOVED,
                                             sizeof(CAPHEALTH_S3_REMOVED) - 1);
    }

    for (i = 0; i < image->nfiles && image->removed != -1; i++) {
        file = &image->files[i];

        if (file->record) {
            caphealth_s3_image_begin(file, "PUT",
                                     caphealth_s3_image_on_claimed);

            file->call.fd = image->removed;
            file->call.size = sizeof(CAPHEALTH_S3_REMOVED) - 1;
            file->call.type = "application/json";
            file->call.mark = image->token;
        }
    }

    if (image->removed == -1) {
        image->result.status = CAPHEALTH_SHIP_FAILED;
        (void) snprintf(image->result.detail, sizeof(image->result.detail),
                        "no memory");
    }

    if (image->pending == 0) {
        caphealth_s3_image_delete(image);
        return;
    }

    for (i = 0; i < image->nfiles; i++) {
        if (image->files[i].record) {
            caphealth_s3_call(image->client, &image->files[i].call);
        }
    }
}


static void
caphealth_s3_image_on_claimed(caphealth_s3_call_t *call)
{
    caphealth_s3_file_t   *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t  *image = file->image;

    image->pending--;

    if (call->status != CAPHEALTH_SHIP_OK) {
        caphealth_s3_image_fail(image, call);
    }

    image->unclaimed = (call->status == CAPHEALTH_SHIP_FULL);

    if (image->pending) {
        return;
    }

    if (image->unclaimed && image->record[0] == '\0') {
        caphealth_s3_image_look_stored(image);
        return;
    }

    caphealth_s3_image_delete(image);
}


/*
 * If the store is full, an image that is stored is removed without a claim, or
 * there would never be room.  Its id is not free as long as the mark and the
 * record are there, so another upload of the id can begin only when all other
 * files have been removed.  The record of such an upload stays, because the
 * record is removed only if it is still the same; its mark is put after all its
 * other files.
 */

static void
caphealth_s3_image_look_stored(caphealth_s3_image_t *image)
{
    caphealth_s3_file_t  *mark, *record;

    mark = caphealth_s3_image_only(image, CAPHEALTH_S3_MARKS);
    record = caphealth_s3_image_only(image, CAPHEALTH_S3_RECORDS);

    if (mark == NULL || record == NULL) {
        caphealth_s3_image_end(image);
        return;
    }

    caphealth_s3_image_begin(mark, "HEAD", caphealth_s3_image_on_stored);
    caphealth_s3_image_begin(record, "HEAD", caphealth_s3_image_on_stored);

    caphealth_s3_call(image->client, &mark->call);
    caphealth_s3_call(image->client, &record->call);
}


/* the file of a kind; NULL: there is none, or there are several */

static caphealth_s3_file_t *
caphealth_s3_image_only(caphealth_s3_image_t *image, caphealth_s3_kind_e kind)
{
    unsigned              i;
    caphealth_s3_file_t  *only;

    only = NULL;

    for (i = 0; i < image->nfiles; i++) {

        if (caphealth_s3_image_kind(&image->files[i]) != kind) {
            continue;
        }

        if (only) {
            return NULL;
        }

        only = &image->files[i];
    }

    return only;
}


static void
caphealth_s3_image_on_stored(caphealth_s3_call_t *call)
{
    uint32_t               left;
    caphealth_s3_file_t   *mark, *record;
    caphealth_s3_image_t  *image = ((caphealth_s3_file_t *) call)->image;

    image->pending--;

    if (image->pending) {
        return;
    }

    mark = caphealth_s3_image_only(image, CAPHEALTH_S3_MARKS);
    record = caphealth_s3_image_only(image, CAPHEALTH_S3_RECORDS);

    /* a record without an answer is no image's, and one without a token is of
       an image that was moved */

    if (mark->call.status != CAPHEALTH_SHIP_OK
        || record->call.status != CAPHEALTH_SHIP_OK
        || record->call.length == sizeof(CAPHEALTH_S3_REMOVED) - 1
        || (record->call.found[0]
            && strcmp(record->call.found, mark->call.found) != 0))
    {
        caphealth_s3_image_end(image);
        return;
    }

    memcpy(image->token, record->call.found, sizeof(image->token));

    left = image->result.left;
    memset(&image->result, 0, sizeof(caphealth_ship_result_t));
    image->result.left = left;

    caphealth_s3_image_delete(image);
}


/* those of the next kind that there are */

static void
caphealth_s3_image_delete(caphealth_s3_image_t *image)
{
    unsigned             i, found;
    caphealth_s3_kind_e  kind;

    static const caphealth_s3_kind_e  unclaimed[] = {
        CAPHEALTH_S3_OTHERS, CAPHEALTH_S3_MARKS, CAPHEALTH_S3_RECORDS
    };

    kind = image->kind;

    for (found = 0; image->kind < CAPHEALTH_S3_KINDS && !found; /* void */) {

        kind = image->unclaimed ? unclaimed[image->kind] : image->kind;

        if (image->result.status != CAPHEALTH_SHIP_OK
            || (kind == CAPHEALTH_S3_RECORDS && image->result.left))
        {
            break;
        }

        for (i = 0; i < image->nfiles; i++) {
            if (caphealth_s3_image_kind(&image->files[i]) != kind) {
                continue;
            }

            found = 1;

            if (kind == CAPHEALTH_S3_RECORDS) {
                caphealth_s3_image_begin(&image->files[i], "HEAD",
                                         caphealth_s3_image_on_record);

            } else {
                caphealth_s3_image_begin(&image->files[i], "DELETE",
                                         caphealth_s3_image_on_delete);
            }
        }

        image->kind++;
    }

    if (!found) {
        caphealth_s3_image_deleted(image);
        return;
    }

    for (i = 0; i < image->nfiles; i++) {
        if (caphealth_s3_image_kind(&image->files[i]) == kind) {
            caphealth_s3_call(image->client, &image->files[i].call);
        }
    }
}


static caphealth_s3_kind_e
caphealth_s3_image_kind(const caphealth_s3_file_t *file)
{
    if (file->record) {
        return CAPHEALTH_S3_RECORDS;
    }

    return file->mark ? CAPHEALTH_S3_MARKS : CAPHEALTH_S3_OTHERS;
}


/* a record alone is no image */

static void
caphealth_s3_image_deleted(caphealth_s3_image_t *image)
{
    if (image->result.status == CAPHEALTH_SHIP_OK && image->result.files == 0) {
        image->result.status = CAPHEALTH_SHIP_NOT_FOUND;
    }

    caphealth_s3_image_end(image);
}


/* of two deletions, the one that was the last to claim the id removes it */

static void
caphealth_s3_image_on_record(caphealth_s3_call_t *call)
{
    int                    ours;
    caphealth_s3_file_t   *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t  *image = file->image;

    image->pending--;

    if (strcmp(call->method, "HEAD") == 0) {
        ours = strcmp(call->found, image->token) == 0;

        if (call->status == CAPHEALTH_SHIP_OK && ours) {
            caphealth_s3_image_begin(file, "DELETE",
                                     caphealth_s3_image_on_record);
            caphealth_s3_call(image->client, &file->call);
            return;
        }
    }

    if (call->status != CAPHEALTH_SHIP_OK
        && call->status != CAPHEALTH_SHIP_NOT_FOUND)
    {
        image->result.left = 1;
    }

    if (image->pending == 0) {
        caphealth_s3_image_deleted(image);
    }
}


static void
caphealth_s3_image_on_delete(caphealth_s3_call_t *call)
{
    caphealth_s3_file_t      *file = (caphealth_s3_file_t *) call;
    caphealth_s3_image_t     *image = file->image;
    caphealth_ship_result_t  *r = &image->result;

    image->pending--;

    if (call->status == CAPHEALTH_SHIP_OK
        || call->status == CAPHEALTH_SHIP_NOT_FOUND)
    {
        r->files++;
        r->bytes += file->bytes;
        r->marked |= (uint32_t) file->mark;

    } else if (r->marked && !file->mark) {

        /*
         * Without its mark the image is gone, and what is left of it follows,
         * but only after an hour: so it is tried once more.
         */

        if (!file->again && caphealth_s3_now() < image->deadline) {
            file->again = 1;

            caphealth_s3_image_begin(file, "DELETE",
                                     caphealth_s3_image_on_delete);
            caphealth_s3_call(image->client, &file->call);
            return;
        }

        r->left = 1;

    } else {
        caphealth_s3_image_fail(image, call);
    }

    if (image->pending == 0) {
        caphealth_s3_image_delete(image);
    }
}
