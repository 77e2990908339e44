
/*
 * The images of a tree are copied into an object store, or back.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_image_files.h"
#include "caphealth_move_image.h"
#include "caphealth_move_owner.h"
#include "caphealth_move_record.h"


static volatile sig_atomic_t  caphealth_move_signal;


static void caphealth_move_signals(void);
static void caphealth_move_caught(int signo);
static int caphealth_move_slice(caphealth_move_slice_t *slice);
static int caphealth_move_plan(caphealth_move_run_t *run,
    caphealth_move_file_t *files, size_t n, const char *owner);
static void caphealth_move_verify(caphealth_move_slice_t *slice);
static void caphealth_move_verify_file(caphealth_move_run_t *run,
    caphealth_move_file_t *f);


int
caphealth_move(const caphealth_move_t *move)
{
    int                     rc;
    caphealth_move_run_t    run;
    caphealth_move_slice_t  slice;

    memset(&run, 0, sizeof(caphealth_move_run_t));
    memset(&slice, 0, sizeof(caphealth_move_slice_t));

    run.move = move;
    run.begun = caphealth_s3_now();
    run.reported = run.begun;

    slice.run = &run;

    caphealth_move_signals();

    rc = 0;

    for (run.slice = 0; run.slice < CAPHEALTH_MOVE_SLICES; run.slice++) {

        if (caphealth_move_slice(&slice) == -1) {
            rc = 1;
        }

        if (caphealth_move_signal || run.stop) {
            break;
        }
    }

    caphealth_move_report(&run, 1);
    free(slice.files);
    free(slice.owners);

    if (fflush(stdout) == EOF) {
        perror("caphealth-shipper: the answer cannot be written");
        rc = 1;
    }

    if (caphealth_move_signal) {
        return 3;
    }

    return (run.failed || run.stop) ? 1 : rc;
}


/*
 * After a signal the images under way are finished; a second one ends the
 * process.
 */

static void
caphealth_move_signals(void)
{
    struct sigaction  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = caphealth_move_caught;
    sa.sa_flags = (int) SA_RESETHAND;

    (void) sigaction(SIGINT, &sa, NULL);
    (void) sigaction(SIGTERM, &sa, NULL);
    (void) sigaction(SIGHUP, &sa, NULL);
    (void) signal(SIGPIPE, SIG_IGN);
}


static void
caphealth_move_caught(int signo)
{
    caphealth_move_signal = signo;
}


static int
caphealth_move_slice(caphealth_move_slice_t *slice)
{
    size_t                  first, end;
    const char             *owner;
    caphealth_move_run_t   *run;
    caphealth_move_file_t  *files;

    run = slice->run;
    slice->nfiles = 0;

    if (caphealth_move_read(slice) == -1) {
        return -1;
    }

    if (slice->nfiles == 0 && !run->move->back) {
        return 0;
    }

    if (caphealth_move_owners(slice) == -1
        || caphealth_move_list(slice) == -1)
    {
        return -1;
    }

    caphealth_move_merge(slice);

    for (first = 0; first < slice->nfiles; first = end) {
        end = caphealth_move_image_end(slice, first);

        while (run->active >= run->move->jobs) {
            caphealth_move_step(run);
        }

        if (caphealth_move_signal || run->stop) {
            break;
        }

        files = &slice->files[first];
        owner = caphealth_move_owner_of(slice, files->key);

        if (caphealth_move_plan(run, files, end - first, owner) == 1) {
            caphealth_move_image(run, files, end - first, owner);
        }
    }

    while (run->active) {
        caphealth_move_step(run);
    }

    caphealth_move_records(slice);
    caphealth_move_verify(slice);

    return 0;
}


/*
 * Chooses the files of an image that have to be transferred.  Returns 1 if
 * there are any, or its owners have to be compared, 0 if not, or -1 after a
 * failure.
 */

static int
caphealth_move_plan(caphealth_move_run_t *run, caphealth_move_file_t *files,
    size_t n, const char *owner)
{
    int                     rc, wanted, marked, exists;
    size_t                  i;
    unsigned                from, to;
    caphealth_move_file_t  *f;

    from = run->move->back ? CAPHEALTH_MOVE_STORE : CAPHEALTH_MOVE_TREE;
    to = run->move->back ? CAPHEALTH_MOVE_TREE : CAPHEALTH_MOVE_STORE;
    wanted = marked = exists = 0;

    for (i = 0; i < n; i++) {
        exists |= (files[i].exists[from] && !files[i].record);
        marked |= (files[i].mark && files[i].exists[from]);
    }

    if (!marked) {
        run->incomplete += (uint64_t) exists;
        return 0;
    }

    for (i = 0; i < n; i++) {
        f = &files[i];

        if (!f->exists[from]) {
            continue;
        }

        if (f->exists[CAPHEALTH_MOVE_TREE]
            && caphealth_move_digest(run, f) == -1)
        {
            return -1;
        }

        if (!f->exists[to]) {
            f->wanted = 1;
            wanted |= !f->record;
            continue;
        }

        rc = caphealth_move_same(run, f);

        if (rc == 0) {
            caphealth_move_failed(run, f->key, "the tree and the store have "
                                  "different files of this name");
        }

        if (rc != 1) {
            return -1;
        }
    }

    run->complete += (uint64_t) !wanted;

    return wanted || run->move->back || owner[0];
}


static void
caphealth_move_verify(caphealth_move_slice_t *slice)
{
    size_t                  i, n;
    caphealth_move_run_t   *run;
    caphealth_move_file_t  *f;

    run = slice->run;

    for (i = 0, n = 0; i < slice->nfiles; i++) {
        f = &slice->files[i];

        if (f->moved) {
            f->exists[CAPHEALTH_MOVE_STORE] = run->move->back;
            n++;
        }
    }

    if (n == 0 || run->stop) {
        return;
    }

    if (!run->move->back) {
        if (caphealth_move_list(slice) == -1) {
            return;
        }

        caphealth_move_merge(slice);
    }

    for (i = 0; i < slice->nfiles && !run->stop; i++) {
        f = &slice->files[i];

        if (f->moved) {
            caphealth_move_verify_file(run, f);
        }
    }
}


static void
caphealth_move_verify_file(caphealth_move_run_t *run,
    caphealth_move_file_t *f)
{
    char                  id[CAPHEALTH_ID_LEN + 1];
    caphealth_removed_t   removed;

    /* some stores list a file a moment after it was put */

    if (!f->exists[CAPHEALTH_MOVE_STORE]
        && caphealth_move_head(run, f) == -1)
    {
        return;
    }

    if (caphealth_move_same(run, f) != 0) {
        return;
    }

    caphealth_move_failed(run, f->key, "the copy differs from the original");

    if (run->move->back) {
        (void) snprintf(id, sizeof(id), "%.*s", CAPHEALTH_ID_LEN,
                        f->key + CAPHEALTH_LEAF_LEN);

        if (caphealth_image_remove(run->move->root, id, run->move->mark,
                                   &removed)
            == 0)
        {
            caphealth_move_disown(run, id);

        } else if (errno != ENOENT) {
            caphealth_move_failed(run, f->key, "it cannot be removed: %s",
                                  strerror(errno));
        }
    }
}
