
/*
 * The transfer of the records of images.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caphealth_image_record.h"
#include "caphealth_move_record.h"


typedef struct {
    caphealth_s3_call_t      call;       /* the first member */
    caphealth_move_run_t    *run;
    caphealth_move_file_t   *file;
    int                      fd;         /* of the tree's, or -1 */
    char                    *text;       /* of the store's */
    size_t                   len;
} caphealth_move_record_t;


static int caphealth_move_record_ready(const caphealth_move_slice_t *slice,
    size_t n);
static void caphealth_move_record_begin(caphealth_move_run_t *run,
    caphealth_move_file_t *f);
static int caphealth_move_record_valid(const caphealth_move_record_t *record);
static json_t *caphealth_move_record_parse(const caphealth_move_file_t *f,
    const char *text, size_t len);
static void caphealth_move_record_on_begin(caphealth_s3_call_t *call);
static int caphealth_move_record_on_text(caphealth_s3_call_t *call,
    const char *text, size_t len);
static void caphealth_move_record_on_end(caphealth_s3_call_t *call);
static int caphealth_move_record_write(caphealth_move_record_t *record);
static void caphealth_move_record_digest(const char *name,
    uint8_t digest[CAPHEALTH_DIGEST_LEN]);


void
caphealth_move_records(caphealth_move_slice_t *slice)
{
    size_t                 n;
    caphealth_move_run_t  *run;

    run = slice->run;

    for (n = 0; n < slice->nfiles && !run->stop; n++) {

        if (!caphealth_move_record_ready(slice, n)) {
            continue;
        }

        while (run->active >= run->move->jobs) {
            caphealth_move_step(run);
        }

        caphealth_move_record_begin(run, &slice->files[n]);
    }

    while (run->active) {
        caphealth_move_step(run);
    }
}


/* a record without an image would reserve its id */

static int
caphealth_move_record_ready(const caphealth_move_slice_t *slice, size_t n)
{
    size_t                        i;
    unsigned                      to;
    const caphealth_move_file_t  *f, *mark;

    f = &slice->files[n];
    to = slice->run->move->back ? CAPHEALTH_MOVE_TREE : CAPHEALTH_MOVE_STORE;

    if (!f->record || !f->wanted) {
        return 0;
    }

    /* the records of an image follow its mark */

    for (i = n; i > 0; i--) {
        mark = &slice->files[i - 1];

        if (memcmp(mark->key, f->key, CAPHEALTH_MOVE_STEM) != 0) {
            break;
        }

        if (mark->mark) {
            return mark->exists[to] || mark->moved;
        }
    }

    return 0;
}


static void
caphealth_move_record_begin(caphealth_move_run_t *run,
    caphealth_move_file_t *f)
{
    caphealth_s3_call_t      *call;
    caphealth_move_record_t  *record;

    record = calloc(1, sizeof(caphealth_move_record_t));

    if (record == NULL) {
        caphealth_move_failed(run, f->key, "%s", strerror(ENOMEM));
        return;
    }

    record->run = run;
    record->file = f;
    record->fd = -1;

    call = &record->call;
    call->key = f->key;
    call->deadline = caphealth_s3_now() + run->move->timeout;
    call->done = caphealth_move_record_on_end;

    if (run->move->back) {
        call->method = "GET";
        call->begin = caphealth_move_record_on_begin;
        call->body = caphealth_move_record_on_text;

    } else {
        record->fd = caphealth_move_open(run, f);

        if (record->fd == -1) {
            free(record);
            return;
        }

        /* what is damaged answers nobody */

        if (!caphealth_move_record_valid(record)) {
            (void) close(record->fd);
            free(record);
            return;
        }

        call->method = "PUT";
        call->fd = record->fd;
        call->size = f->size[CAPHEALTH_MOVE_TREE];
        call->type = "application/json";
        call->create = 1;
    }

    run->active++;

    caphealth_s3_call(run->move->client, call);
}


static int
caphealth_move_record_valid(const caphealth_move_record_t *record)
{
    int                           valid;
    char                         *text;
    json_t                       *json;
    size_t                        size;
    const caphealth_move_file_t  *f;

    f = record->file;
    size = f->size[CAPHEALTH_MOVE_TREE];
    text = size <= CAPHEALTH_RECORD_MAX ? malloc(size + 1) : NULL;
    json = NULL;

    if (text != NULL && pread(record->fd, text, size, 0) == (ssize_t) size) {
        json = caphealth_move_record_parse(f, text, size);
    }

    valid = (json != NULL);

    json_decref(json);
    free(text);

    return valid;
}


static json_t *
caphealth_move_record_parse(const caphealth_move_file_t *f, const char *text,
    size_t len)
{
    char  id[CAPHEALTH_ID_LEN + 1];

    memcpy(id, f->key + CAPHEALTH_LEAF_LEN, CAPHEALTH_ID_LEN);
    id[CAPHEALTH_ID_LEN] = '\0';

    return caphealth_record_parse(text, len, id);
}


static void
caphealth_move_record_on_begin(caphealth_s3_call_t *call)
{
    caphealth_move_record_t  *record = (caphealth_move_record_t *) call;

    record->len = 0;
}


static int
caphealth_move_record_on_text(caphealth_s3_call_t *call, const char *text,
    size_t len)
{
    char                     *more;
    caphealth_move_record_t  *record = (caphealth_move_record_t *) call;

    if (len > CAPHEALTH_RECORD_MAX - record->len) {
        return -1;
    }

    more = realloc(record->text, record->len + len + 1);
    if (more == NULL) {
        return -1;
    }

    memcpy(more + record->len, text, len);

    record->text = more;
    record->len += len;

    return 0;
}


static void
caphealth_move_record_on_end(caphealth_s3_call_t *call)
{
    caphealth_move_run_t     *run;
    caphealth_move_file_t    *f;
    caphealth_move_record_t  *record = (caphealth_move_record_t *) call;

    f = record->file;
    run = record->run;

    /* what is there is what an attempt before has put; it is verified */

    if (call->status == CAPHEALTH_SHIP_OK
        || (call->status == CAPHEALTH_SHIP_EXISTS && !run->move->back))
    {
        if (!run->move->back || caphealth_move_record_write(record) == 0) {
            f->moved = 1;
            run->records++;
        }

    } else {
        caphealth_move_failed(run, f->key, "%s%s%s",
                              caphealth_ship_reason(call->status),
                              call->detail[0] ? ": " : "", call->detail);
        caphealth_move_status(run, call->status);
    }

    if (record->fd != -1) {
        (void) close(record->fd);
    }

    run->active--;

    free(record->text);
    free(record);
}


static int
caphealth_move_record_write(caphealth_move_record_t *record)
{
    int                        rc;
    json_t                    *json;
    uint8_t                    digest[CAPHEALTH_DIGEST_LEN];
    struct md5_ctx             md5;
    caphealth_move_file_t     *f;
    caphealth_image_record_t   to;

    f = record->file;

    json = record->text ? caphealth_move_record_parse(f, record->text,
                                                      record->len)
                        : NULL;

    if (json == NULL) {
        caphealth_move_failed(record->run, f->key, "it is not a record");
        return -1;
    }

    caphealth_move_record_digest(f->key + CAPHEALTH_LEAF_LEN, digest);
    caphealth_record_init(&to, record->run->move->root, digest);

    rc = caphealth_record_write(&to, json);

    if (rc == -1) {
        caphealth_move_failed(record->run, f->key, "%s failed: %s", to.failed,
                              strerror(errno));
    }

    json_decref(json);

    md5_init(&md5);
    md5_update(&md5, record->len, (const uint8_t *) record->text);
    caphealth_move_hex(&md5, f->md5);
    f->size[CAPHEALTH_MOVE_TREE] = record->len;

    return rc;
}


/* of "<id>_<secret>.answer", which is valid */

static void
caphealth_move_record_digest(const char *name,
    uint8_t digest[CAPHEALTH_DIGEST_LEN])
{
    int          i;
    char         byte[3];
    const char  *p;

    byte[2] = '\0';

    for (i = 0; i < CAPHEALTH_DIGEST_LEN; i++) {
        p = name + 2 * i + (i >= CAPHEALTH_ID_BYTES);
        byte[0] = p[0];
        byte[1] = p[1];
        digest[i] = (uint8_t) strtoul(byte, NULL, 16);
    }
}
