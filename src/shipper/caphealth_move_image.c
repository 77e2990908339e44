
/*
 * The transfer of an image.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caphealth_image_files.h"
#include "caphealth_move_image.h"
#include "caphealth_move_owner.h"
#include "caphealth_output.h"
#include "caphealth_s3_image.h"


typedef struct caphealth_move_job_s  caphealth_move_job_t;


/* a file that is being fetched */

typedef struct {
    caphealth_s3_call_t      call;       /* the first member */
    caphealth_move_job_t    *job;
    caphealth_move_file_t   *file;
    struct md5_ctx           md5;
    int                      fd;
    int                      error;      /* errno of a write() */
    uint64_t                 size;
} caphealth_move_get_t;


/*
 * An image, whose files are transferred in chunks, the mark in the last one.
 * To the store, the owner is put with each file, and then read from the mark
 * to verify it.  Back, it is read from the mark before the files.
 */

struct caphealth_move_job_s {
    caphealth_move_run_t     *run;
    caphealth_move_file_t    *files;
    size_t                    nfiles;
    const caphealth_move_file_t
                             *mark;
    const char               *owner;     /* in the tree; "": nobody */
    char                      owned[CAPHEALTH_OWNER_LEN + 1];
                                         /* the same in the store */
    caphealth_s3_call_t       look;      /* reads it */
    int                       moved;     /* whether any file was */
    size_t                    next;      /* file, of the next chunk */
    unsigned                  nchunk;
    caphealth_move_file_t    *chunk[CAPHEALTH_VARIANTS_MAX];

    /* to the store */

    int                       fds[CAPHEALTH_VARIANTS_MAX];

    /* to the tree */

    unsigned                  pending;
    int                       broken;
    caphealth_image_files_t   image;
    caphealth_move_get_t      gets[CAPHEALTH_VARIANTS_MAX];
};


static void caphealth_move_look_owner(caphealth_move_job_t *job);
static void caphealth_move_on_owner(caphealth_s3_call_t *call);
static void caphealth_move_next(caphealth_move_job_t *job);
static void caphealth_move_files_done(caphealth_move_job_t *job);
static void caphealth_move_put(caphealth_move_job_t *job);
static void caphealth_move_on_put(void *data,
    const caphealth_ship_result_t *result);
static void caphealth_move_get(caphealth_move_job_t *job);
static void caphealth_move_on_get_begin(caphealth_s3_call_t *call);
static int caphealth_move_on_get(caphealth_s3_call_t *call, const char *text,
    size_t len);
static void caphealth_move_on_got(caphealth_s3_call_t *call);
static void caphealth_move_publish(caphealth_move_job_t *job);
static void caphealth_move_chunk_done(caphealth_move_job_t *job);
static void caphealth_move_end(caphealth_move_job_t *job);
static uint32_t caphealth_move_format(const char *key);


void
caphealth_move_image(caphealth_move_run_t *run, caphealth_move_file_t *files,
    size_t n, const char *owner)
{
    size_t                 i;
    unsigned               from, stored;
    caphealth_move_job_t  *job;

    job = calloc(1, sizeof(caphealth_move_job_t));

    if (job == NULL) {
        caphealth_move_failed(run, files[0].key, "%s", strerror(ENOMEM));
        return;
    }

    job->run = run;
    job->files = files;
    job->nfiles = n;
    job->owner = owner;

    from = run->move->back ? CAPHEALTH_MOVE_STORE : CAPHEALTH_MOVE_TREE;
    stored = 0;

    for (i = 0; i < n; i++) {
        if (files[i].mark && files[i].exists[from]) {
            job->mark = &files[i];
            stored = files[i].exists[CAPHEALTH_MOVE_STORE];
        }
    }

    run->active++;

    /* nothing is put beside the files of another owner */

    if (run->move->back || (owner[0] && stored)) {
        caphealth_move_look_owner(job);

    } else {
        caphealth_move_next(job);
    }
}


static void
caphealth_move_look_owner(caphealth_move_job_t *job)
{
    job->look.method = "HEAD";
    job->look.key = job->mark->key;
    job->look.deadline = caphealth_s3_now() + job->run->move->timeout;
    job->look.done = caphealth_move_on_owner;
    job->look.data = job;

    caphealth_s3_call(job->run->move->client, &job->look);
}


static void
caphealth_move_on_owner(caphealth_s3_call_t *call)
{
    caphealth_move_job_t  *job = call->data;
    caphealth_move_run_t  *run = job->run;

    if (call->status != CAPHEALTH_SHIP_OK) {
        caphealth_move_failed(run, call->key, "its owner is not known, %s%s%s",
                              caphealth_ship_reason(call->status),
                              call->detail[0] ? ": " : "", call->detail);
        caphealth_move_status(run, call->status);
        caphealth_move_end(job);
        return;
    }

    memcpy(job->owned, call->owned, sizeof(job->owned));

    /* an image that only the tree has an owner of is a failure only on the way
       to the store, which should have it; on the way back the tree keeps it */

    if (job->owner[0] && strcmp(job->owned, job->owner) != 0
        && (job->owned[0] || !run->move->back))
    {
        caphealth_move_failed(run, call->key, "its owner is \"%s\" in the tree "
                              "and \"%s\" in the store", job->owner,
                              job->owned);
        caphealth_move_end(job);
        return;
    }

    if (!job->moved) {
        caphealth_move_next(job);
        return;
    }

    run->owners++;

    caphealth_move_end(job);
}


static void
caphealth_move_next(caphealth_move_job_t *job)
{
    caphealth_move_file_t  *f;

    job->nchunk = 0;

    while (job->next < job->nfiles && job->nchunk < CAPHEALTH_VARIANTS_MAX) {
        f = &job->files[job->next++];

        if (f->wanted && !f->record) {
            job->chunk[job->nchunk++] = f;
        }
    }

    if (job->nchunk == 0) {
        caphealth_move_files_done(job);
        return;
    }

    /*
     * The mark is the last file of the image, but of a chunk the first file is
     * transferred last.
     */

    f = job->chunk[0];
    job->chunk[0] = job->chunk[job->nchunk - 1];
    job->chunk[job->nchunk - 1] = f;

    if (job->run->move->back) {
        caphealth_move_get(job);

    } else {
        caphealth_move_put(job);
    }
}


static void
caphealth_move_files_done(caphealth_move_job_t *job)
{
    caphealth_move_run_t  *run;

    run = job->run;
    run->images += (uint64_t) job->moved;

    /* without the store's owner, the mark was put just now */

    if (!run->move->back && job->owner[0] && job->owned[0] == '\0') {
        caphealth_move_look_owner(job);
        return;
    }

    if (!run->move->back) {
        run->owners += (uint64_t) (job->owner[0] && job->moved);
        caphealth_move_end(job);
        return;
    }

    /* if the tree has the owner already, files that were moved now have to be
       added to the owner's counts */

    if (job->owned[0]
        && (job->moved || job->owner[0] == '\0')
        && caphealth_move_own(run, job->files, job->nfiles, job->mark,
                              job->owned)
           == 0)
    {
        run->owners++;
    }

    caphealth_move_end(job);
}


static void
caphealth_move_put(caphealth_move_job_t *job)
{
    unsigned                n;
    caphealth_ship_t        ship;
    caphealth_move_run_t   *run;
    caphealth_move_file_t  *f;

    run = job->run;

    memset(&ship, 0, sizeof(caphealth_ship_t));

    ship.nfiles = job->nchunk;
    ship.timeout = 1000 * run->move->timeout;
    (void) snprintf(ship.owner, sizeof(ship.owner), "%s", job->owner);

    for (n = 0; n < job->nchunk; n++) {
        f = job->chunk[n];
        job->fds[n] = caphealth_move_open(run, f);

        if (job->fds[n] == -1) {
            goto failed;
        }

        (void) snprintf(ship.files[n].key, sizeof(ship.files[n].key), "%s",
                        f->key);
        ship.files[n].bytes = f->size[CAPHEALTH_MOVE_TREE];
        ship.files[n].format = caphealth_move_format(f->key);
    }

    if (!caphealth_ship_valid(&ship)) {
        caphealth_move_failed(run, job->chunk[0]->key, "it is empty, or not "
                              "a file of an image");
        goto failed;
    }

    if (caphealth_s3_image_put(run->move->client, &ship, job->fds,
                               caphealth_move_on_put, job)
        != NULL)
    {
        return;
    }

    caphealth_move_failed(run, job->chunk[0]->key, "%s", strerror(ENOMEM));

failed:

    while (n) {
        (void) close(job->fds[--n]);
    }

    caphealth_move_end(job);
}


static void
caphealth_move_on_put(void *data, const caphealth_ship_result_t *result)
{
    unsigned               i;
    caphealth_move_job_t  *job = data;

    for (i = 0; i < job->nchunk; i++) {
        (void) close(job->fds[i]);
    }

    if (result->status == CAPHEALTH_SHIP_OK) {
        caphealth_move_chunk_done(job);
        return;
    }

    caphealth_move_failed(job->run, job->chunk[0]->key, "%s%s%.*s%s",
                          caphealth_ship_reason(result->status),
                          result->detail[0] ? ": " : "",
                          (int) sizeof(result->detail), result->detail,
                          result->left ? "; files without a commit mark are "
                                         "left there" : "");

    caphealth_move_status(job->run, result->status);
    caphealth_move_end(job);
}


static void
caphealth_move_get(caphealth_move_job_t *job)
{
    char                    name[CAPHEALTH_VARIANT_LEN + 1];
    unsigned                i;
    const char             *variant;
    caphealth_move_run_t   *run;
    caphealth_move_get_t   *get;
    caphealth_move_file_t  *f;

    run = job->run;

    caphealth_image_init(&job->image);
    (void) snprintf(job->image.id, sizeof(job->image.id), "%.*s",
                    CAPHEALTH_ID_LEN, job->chunk[0]->key + CAPHEALTH_LEAF_LEN);

    for (i = 0; i < job->nchunk; i++) {
        variant = job->chunk[i]->key + CAPHEALTH_MOVE_STEM;

        (void) snprintf(name, sizeof(name), "%.*s",
                        (int) strcspn(variant, "."), variant);
        caphealth_image_add(&job->image, name);
    }

    if (caphealth_image_open(&job->image, run->move->root) == -1) {
        caphealth_move_failed(run, job->chunk[0]->key, "%s failed: %s",
                              job->image.failed, strerror(errno));
        caphealth_image_close(&job->image);
        caphealth_move_end(job);
        return;
    }

    job->pending = job->nchunk;
    job->broken = 0;

    for (i = 0; i < job->nchunk; i++) {
        f = job->chunk[i];
        get = &job->gets[i];

        memset(get, 0, sizeof(caphealth_move_get_t));

        get->job = job;
        get->file = f;
        get->fd = job->image.variants[i].fd;
        get->call.method = "GET";
        get->call.key = f->key;
        get->call.deadline = caphealth_s3_now() + run->move->timeout;
        get->call.begin = caphealth_move_on_get_begin;
        get->call.body = caphealth_move_on_get;
        get->call.done = caphealth_move_on_got;

        caphealth_s3_call(run->move->client, &get->call);
    }
}


static void
caphealth_move_on_get_begin(caphealth_s3_call_t *call)
{
    caphealth_move_get_t  *get = (caphealth_move_get_t *) call;

    md5_init(&get->md5);
    get->size = 0;
    get->error = ftruncate(get->fd, 0) == -1 ? errno : 0;
}


static int
caphealth_move_on_get(caphealth_s3_call_t *call, const char *text, size_t len)
{
    ssize_t                n;
    caphealth_move_get_t  *get = (caphealth_move_get_t *) call;

    md5_update(&get->md5, len, (const uint8_t *) text);

    while (len && get->error == 0) {
        n = pwrite(get->fd, text, len, (off_t) get->size);

        if (n == -1) {
            get->error = errno == EINTR ? 0 : errno;
            continue;
        }

        text += n;
        len -= (size_t) n;
        get->size += (uint64_t) n;
    }

    return 0;
}


static void
caphealth_move_on_got(caphealth_s3_call_t *call)
{
    caphealth_move_get_t   *get = (caphealth_move_get_t *) call;
    caphealth_move_job_t   *job = get->job;
    caphealth_move_file_t  *f = get->file;

    if (call->status != CAPHEALTH_SHIP_OK) {
        caphealth_move_failed(job->run, f->key, "%s%s%s",
                              caphealth_ship_reason(call->status),
                              call->detail[0] ? ": " : "", call->detail);
        caphealth_move_status(job->run, call->status);
        job->broken = 1;

    } else if (get->error) {
        caphealth_move_failed(job->run, f->key, "pwrite() failed: %s",
                              strerror(get->error));
        job->run->stop |= (get->error == ENOSPC || get->error == EDQUOT);
        job->broken = 1;

    } else if (get->size != f->size[CAPHEALTH_MOVE_STORE]) {
        caphealth_move_failed(job->run, f->key, "%" PRIu64 " bytes came of %"
                              PRIu64, get->size,
                              f->size[CAPHEALTH_MOVE_STORE]);
        job->broken = 1;

    } else {
        caphealth_move_hex(&get->md5, f->md5);
        f->size[CAPHEALTH_MOVE_TREE] = get->size;
    }

    if (--job->pending == 0) {
        caphealth_move_publish(job);
    }
}


static void
caphealth_move_publish(caphealth_move_job_t *job)
{
    unsigned             i;
    caphealth_output_t   output;

    for (i = 0; i < job->nchunk && !job->broken; i++) {
        memset(&output, 0, sizeof(caphealth_output_t));

        output.format = caphealth_move_format(job->chunk[i]->key);
        output.bytes = job->chunk[i]->size[CAPHEALTH_MOVE_TREE];

        if (fdatasync(job->image.variants[i].fd) == -1) {
            caphealth_move_failed(job->run, job->chunk[i]->key,
                                  "fdatasync() failed: %s", strerror(errno));
            job->broken = 1;

        } else if (caphealth_image_check(&job->image, i, &output) == -1) {
            caphealth_move_failed(job->run, job->chunk[i]->key, "%s failed: "
                                  "%s", job->image.failed,
                                  errno == EINVAL ? "it is not an image of "
                                                    "its format"
                                                  : strerror(errno));
            job->broken = 1;
        }
    }

    if (!job->broken && caphealth_image_publish(&job->image) == -1) {
        caphealth_move_failed(job->run, job->chunk[0]->key, "%s failed: %s",
                              job->image.failed, strerror(errno));
        job->broken = 1;
    }

    caphealth_image_close(&job->image);

    if (job->broken) {
        caphealth_move_end(job);
        return;
    }

    caphealth_move_chunk_done(job);
}


static void
caphealth_move_chunk_done(caphealth_move_job_t *job)
{
    unsigned  i, from;

    from = job->run->move->back ? CAPHEALTH_MOVE_STORE : CAPHEALTH_MOVE_TREE;

    job->moved = 1;

    for (i = 0; i < job->nchunk; i++) {
        job->chunk[i]->moved = 1;
        job->run->moved++;
        job->run->bytes += job->chunk[i]->size[from];
    }

    caphealth_move_next(job);
}


static void
caphealth_move_end(caphealth_move_job_t *job)
{
    job->run->active--;
    free(job);
}


static uint32_t
caphealth_move_format(const char *key)
{
    uint32_t     format;
    const char  *extension;

    extension = strrchr(key, '.') + 1;

    for (format = 0; format < CAPHEALTH_OUTPUTS; format++) {
        if (strcmp(caphealth_output_row(format)->extension, extension) == 0) {
            break;
        }
    }

    return format;
}
