
/*
 * The owners of images in the tree.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_move_owner.h"


/* nanoseconds until a lock is tried again */
#define CAPHEALTH_MOVE_PAUSE  20000000L


struct caphealth_move_owner_s {
    char  id[CAPHEALTH_ID_LEN + 1];      /* the first member */
    char  name[CAPHEALTH_OWNER_LEN + 1];
};


static int caphealth_move_owner_add(void *data, const char *id,
    const char *name);
static int caphealth_move_owner_compare(const void *a, const void *b);
static int caphealth_move_owner_open(caphealth_move_run_t *run,
    caphealth_owner_t *o, const char *name, int create);


int
caphealth_move_owners(caphealth_move_slice_t *slice)
{
    char                   prefix[8];
    caphealth_move_run_t  *run;

    run = slice->run;
    slice->nowners = 0;

    (void) snprintf(prefix, sizeof(prefix), "%02x", run->slice & 255);

    if (caphealth_owner_images(run->move->root, prefix,
                               caphealth_move_owner_add, slice)
        == -1)
    {
        caphealth_move_failed(run, run->move->root, "the owners of its images "
                              "cannot be read: %s", strerror(errno));
        run->stop = 1;
        return -1;
    }

    if (slice->nowners) {
        qsort(slice->owners, slice->nowners, sizeof(caphealth_move_owner_t),
              caphealth_move_owner_compare);
    }

    return 0;
}


static int
caphealth_move_owner_add(void *data, const char *id, const char *name)
{
    size_t                   room;
    caphealth_move_slice_t  *slice = data;
    caphealth_move_owner_t  *owner, *owners;

    if (slice->nowners == slice->owners_room) {
        room = slice->owners_room ? 2 * slice->owners_room : 256;
        owners = reallocarray(slice->owners, room,
                              sizeof(caphealth_move_owner_t));
        if (owners == NULL) {
            return -1;
        }

        slice->owners = owners;
        slice->owners_room = room;
    }

    owner = &slice->owners[slice->nowners++];

    (void) snprintf(owner->id, sizeof(owner->id), "%s", id);
    (void) snprintf(owner->name, sizeof(owner->name), "%s", name);

    return 0;
}


/* a is an entry, or the id in a key, for which bsearch() is called */

static int
caphealth_move_owner_compare(const void *a, const void *b)
{
    return memcmp(a, b, CAPHEALTH_ID_LEN);
}


const char *
caphealth_move_owner_of(const caphealth_move_slice_t *slice, const char *key)
{
    const caphealth_move_owner_t  *owner;

    owner = slice->nowners == 0
            ? NULL : bsearch(key + CAPHEALTH_LEAF_LEN, slice->owners,
                             slice->nowners, sizeof(caphealth_move_owner_t),
                             caphealth_move_owner_compare);

    return owner ? owner->name : "";
}


int
caphealth_move_own(caphealth_move_run_t *run,
    const caphealth_move_file_t *files, size_t n,
    const caphealth_move_file_t *mark, const char *name)
{
    int                rc, named;
    char               id[CAPHEALTH_ID_LEN + 1];
    size_t             i;
    int64_t            bytes;
    caphealth_owner_t  o;

    if (caphealth_move_owner_open(run, &o, name, 1) == -1) {
        caphealth_move_failed(run, mark->key, "%s failed: %s", o.failed,
                              strerror(errno));
        return -1;
    }

    (void) snprintf(id, sizeof(id), "%.*s", CAPHEALTH_ID_LEN,
                    mark->key + CAPHEALTH_LEAF_LEN);

    for (i = 0, bytes = 0; i < n; i++) {
        if (!files[i].record
            && (files[i].exists[CAPHEALTH_MOVE_TREE] || files[i].moved))
        {
            bytes += (int64_t) files[i].size[CAPHEALTH_MOVE_TREE];
        }
    }

    rc = caphealth_owner_add(&o, id, mark->key);

    /* if it was named before, how much of it is counted is not known */

    named = (rc == -1 && errno == EEXIST);

    if (named || rc == 0) {
        rc = caphealth_owner_sync(&o);
    }

    if (rc == -1) {
        caphealth_move_failed(run, mark->key, "%s failed: %s", o.failed,
                              strerror(errno));
    }

    caphealth_owner_close(&o, 1, bytes, rc == 0 && !named);

    return rc;
}


/* o->failed is set with -1 */

static int
caphealth_move_owner_open(caphealth_move_run_t *run, caphealth_owner_t *o,
    const char *name, int create)
{
    double           end;
    struct timespec  pause = { 0, CAPHEALTH_MOVE_PAUSE };

    end = caphealth_s3_now() + run->move->timeout;

    while (caphealth_owner_open(o, run->move->root, name, create, 0) == -1) {

        if (errno != EWOULDBLOCK || caphealth_s3_now() >= end) {
            return -1;
        }

        (void) nanosleep(&pause, NULL);
    }

    return 0;
}


void
caphealth_move_disown(caphealth_move_run_t *run, const char *id)
{
    int                rc;
    char               name[CAPHEALTH_OWNER_LEN + 1];
    caphealth_owner_t  o;

    rc = caphealth_owner_find(run->move->root, id, name);

    if (rc == 1 && caphealth_move_owner_open(run, &o, name, 0) == 0) {
        (void) caphealth_owner_remove(&o, id);
        caphealth_owner_close(&o, 0, 0, 0);
    }
}
