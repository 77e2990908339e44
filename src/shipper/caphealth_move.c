
/*
 * The images of a tree are copied into an object store, or back.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/md5.h>

#include "caphealth_image_files.h"
#include "caphealth_move.h"
#include "caphealth_output.h"
#include "caphealth_s3_image.h"


#define CAPHEALTH_MOVE_SLICES   256

/* "ab/cd/<id>_" */
#define CAPHEALTH_MOVE_STEM     (CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 1)

/* hexadecimal, with its NUL */
#define CAPHEALTH_MOVE_MD5      (2 * MD5_DIGEST_SIZE + 1)


typedef enum {
    CAPHEALTH_MOVE_TREE = 0,
    CAPHEALTH_MOVE_STORE,
    CAPHEALTH_MOVE_SIDES
} caphealth_move_side_e;


/* a file of the slice, on either side */

typedef struct {
    char      key[CAPHEALTH_PATH_LEN];
    char      md5[CAPHEALTH_MOVE_MD5];   /* of the tree's; "": not known */
    char      etag[CAPHEALTH_MOVE_MD5];  /* of the store's, if it may be an
                                            MD5 */
    uint64_t  size[CAPHEALTH_MOVE_SIDES];
    unsigned  is[CAPHEALTH_MOVE_SIDES];  /* it is there */
    unsigned  mark:1;
    unsigned  wanted:1;
    unsigned  moved:1;
} caphealth_move_file_t;


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


typedef struct {
    const caphealth_move_t  *move;
    caphealth_move_file_t   *files;
    size_t                   nfiles;
    size_t                   room;
    unsigned                 active;     /* images under way */
    unsigned                 slice;
    int                      no_memory;
    int                      stop;       /* a failure that all would have */
    double                   begun;
    double                   reported;

    uint64_t                 images;     /* of which files were moved */
    uint64_t                 moved;      /* files */
    uint64_t                 bytes;      /* in them */
    uint64_t                 complete;   /* images that were there */
    uint64_t                 incomplete; /* that have no commit mark */
    uint64_t                 failed;
} caphealth_move_run_t;


/* an image of which files are being moved: so many at once, the mark with the
   last of them */

struct caphealth_move_job_s {
    caphealth_move_run_t     *run;
    size_t                    next;      /* the first that is not moved */
    size_t                    end;       /* behind its last file */
    unsigned                  nchunk;
    caphealth_move_file_t    *chunk[CAPHEALTH_VARIANTS_MAX];

    /* to the tree */

    unsigned                  pending;
    int                       broken;
    caphealth_image_files_t   image;
    caphealth_move_get_t      gets[CAPHEALTH_VARIANTS_MAX];
};


/* a listing, or a comparison, that is waited for */

typedef struct {
    caphealth_s3_call_t       call;      /* the first member */
    caphealth_move_run_t     *run;
    caphealth_s3_reader_t    *reader;
    caphealth_s3_listing_t    listing;
    size_t                    skip;      /* of the keys: the prefix */
    size_t                    kept;      /* files before this page */
    int                       done;
    int                       fd;
    int                       differs;
    uint64_t                  offset;
} caphealth_move_wait_t;


static volatile sig_atomic_t  caphealth_move_signal;


static void caphealth_move_signals(void);
static void caphealth_move_caught(int signo);
static int caphealth_move_slice(caphealth_move_run_t *run);
static int caphealth_move_list(caphealth_move_run_t *run, unsigned slice);
static void caphealth_move_on_begin(caphealth_s3_call_t *call);
static int caphealth_move_on_list(caphealth_s3_call_t *call, const char *text,
    size_t len);
static void caphealth_move_on_object(void *data,
    const caphealth_s3_object_t *object);
static int caphealth_move_on_list_end(caphealth_s3_call_t *call);
static void caphealth_move_on_waited(caphealth_s3_call_t *call);
static void caphealth_move_wait(caphealth_move_run_t *run,
    caphealth_move_wait_t *wait);
static int caphealth_move_read(caphealth_move_run_t *run);
static int caphealth_move_read_leaf(caphealth_move_run_t *run, const char *id);
static caphealth_move_file_t *caphealth_move_add(caphealth_move_run_t *run,
    const char *key);
static void caphealth_move_merge(caphealth_move_run_t *run);
static int caphealth_move_compare(const void *a, const void *b);
static size_t caphealth_move_image_end(const caphealth_move_run_t *run,
    size_t first);
static void caphealth_move_image(caphealth_move_run_t *run, size_t first,
    size_t end);
static int caphealth_move_plan(caphealth_move_run_t *run, size_t first,
    size_t end);
static int caphealth_move_same(caphealth_move_run_t *run,
    caphealth_move_file_t *f);
static int caphealth_move_same_bytes(caphealth_move_run_t *run,
    caphealth_move_file_t *f);
static int caphealth_move_on_bytes(caphealth_s3_call_t *call, const char *text,
    size_t len);
static void caphealth_move_on_compare(caphealth_s3_call_t *call);
static void caphealth_move_next(caphealth_move_job_t *job);
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
static void caphealth_move_verify(caphealth_move_run_t *run);
static void caphealth_move_verify_file(caphealth_move_run_t *run,
    caphealth_move_file_t *f);
static int caphealth_move_look(caphealth_move_run_t *run,
    caphealth_move_file_t *f);
static void caphealth_move_etag(const char *text,
    char etag[CAPHEALTH_MOVE_MD5]);
static int caphealth_move_open(caphealth_move_run_t *run,
    const caphealth_move_file_t *f);
static int caphealth_move_digest(caphealth_move_run_t *run,
    caphealth_move_file_t *f);
static void caphealth_move_hex(struct md5_ctx *md5,
    char text[CAPHEALTH_MOVE_MD5]);
static uint32_t caphealth_move_format(const char *key);
static void caphealth_move_step(caphealth_move_run_t *run);
static void caphealth_move_failed(caphealth_move_run_t *run, const char *key,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
static void caphealth_move_status(caphealth_move_run_t *run,
    caphealth_ship_status_e status);
static void caphealth_move_report(caphealth_move_run_t *run, int last);


int
caphealth_move(const caphealth_move_t *move)
{
    int                   rc;
    caphealth_move_run_t  run;

    memset(&run, 0, sizeof(caphealth_move_run_t));

    run.move = move;
    run.begun = caphealth_s3_now();
    run.reported = run.begun;

    caphealth_move_signals();

    rc = 0;

    for (run.slice = 0; run.slice < CAPHEALTH_MOVE_SLICES; run.slice++) {

        if (caphealth_move_slice(&run) == -1) {
            rc = 1;
        }

        if (caphealth_move_signal || run.stop) {
            break;
        }
    }

    caphealth_move_report(&run, 1);
    free(run.files);

    if (fflush(stdout) == EOF) {
        perror("caphealth-shipper: the answer cannot be written");
        rc = 1;
    }

    if (caphealth_move_signal) {
        return 3;
    }

    return (run.failed || run.stop) ? 1 : rc;
}


/* what is in hand is finished, but for a second signal */

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
caphealth_move_slice(caphealth_move_run_t *run)
{
    size_t  first, end;

    run->nfiles = 0;
    run->no_memory = 0;

    if (caphealth_move_read(run) == -1) {
        return -1;
    }

    if (run->nfiles == 0 && !run->move->back) {
        return 0;
    }

    if (caphealth_move_list(run, run->slice) == -1) {
        return -1;
    }

    caphealth_move_merge(run);

    for (first = 0; first < run->nfiles; first = end) {
        end = caphealth_move_image_end(run, first);

        while (run->active >= run->move->jobs) {
            caphealth_move_step(run);
        }

        if (caphealth_move_signal || run->stop) {
            break;
        }

        caphealth_move_image(run, first, end);
    }

    while (run->active) {
        caphealth_move_step(run);
    }

    caphealth_move_verify(run);

    return 0;
}


/* --- what there is --- */

static int
caphealth_move_list(caphealth_move_run_t *run, unsigned slice)
{
    char                   prefix[CAPHEALTH_S3_PREFIX + 8], key[8];
    caphealth_s3_pair_t    query[4];
    caphealth_move_wait_t  wait;

    memset(&wait, 0, sizeof(caphealth_move_wait_t));

    (void) snprintf(key, sizeof(key), "%02x/", slice);
    caphealth_s3_client_key(run->move->client, key, prefix, sizeof(prefix));

    query[0] = (caphealth_s3_pair_t) { "list-type", "2" };
    query[1] = (caphealth_s3_pair_t) { "prefix", prefix };
    query[2] = (caphealth_s3_pair_t) { "encoding-type", "url" };
    query[3] = (caphealth_s3_pair_t) { "continuation-token",
                                       wait.listing.token };
    wait.run = run;
    wait.skip = strlen(prefix) - strlen(key);

    do {
        memset(&wait.call, 0, sizeof(caphealth_s3_call_t));

        wait.kept = run->nfiles;
        wait.call.method = "GET";
        wait.call.query = query;
        wait.call.nquery = wait.listing.token[0] ? 4 : 3;
        wait.call.begin = caphealth_move_on_begin;
        wait.call.body = caphealth_move_on_list;
        wait.call.end = caphealth_move_on_list_end;

        caphealth_move_wait(run, &wait);

        caphealth_s3_reader_free(wait.reader);
        wait.reader = NULL;

        if (wait.call.status != CAPHEALTH_SHIP_OK || run->no_memory) {
            caphealth_move_failed(run, prefix, "it cannot be listed: %s",
                                  run->no_memory ? strerror(ENOMEM)
                                                 : wait.call.detail);
            run->stop = 1;
            return -1;
        }

    } while (wait.listing.truncated);

    return 0;
}


static void
caphealth_move_on_begin(caphealth_s3_call_t *call)
{
    caphealth_move_wait_t  *wait = (caphealth_move_wait_t *) call;

    wait->run->nfiles = wait->kept;

    caphealth_s3_reader_free(wait->reader);
    wait->reader = caphealth_s3_reader_create(caphealth_move_on_object, wait);
}


static int
caphealth_move_on_list(caphealth_s3_call_t *call, const char *text, size_t len)
{
    caphealth_move_wait_t  *wait = (caphealth_move_wait_t *) call;

    return wait->reader ? caphealth_s3_reader_add(wait->reader, text, len)
                        : -1;
}


static void
caphealth_move_on_object(void *data, const caphealth_s3_object_t *object)
{
    const char             *key;
    caphealth_move_file_t  *f;
    caphealth_move_wait_t  *wait = data;

    if (object->prefix || strlen(object->key) <= wait->skip) {
        return;
    }

    key = object->key + wait->skip;

    if (!caphealth_path_valid(key, strlen(key))) {
        return;
    }

    f = caphealth_move_add(wait->run, key);

    if (f) {
        f->is[CAPHEALTH_MOVE_STORE] = 1;
        f->size[CAPHEALTH_MOVE_STORE] = object->size;
        caphealth_move_etag(object->etag, f->etag);
    }
}


static int
caphealth_move_on_list_end(caphealth_s3_call_t *call)
{
    caphealth_move_wait_t  *wait = (caphealth_move_wait_t *) call;

    return wait->reader ? caphealth_s3_reader_end(wait->reader,
                                                  &wait->listing)
                        : -1;
}


static void
caphealth_move_on_waited(caphealth_s3_call_t *call)
{
    caphealth_move_wait_t  *wait = (caphealth_move_wait_t *) call;

    wait->done = 1;
}


static void
caphealth_move_wait(caphealth_move_run_t *run, caphealth_move_wait_t *wait)
{
    wait->done = 0;
    wait->run = run;
    wait->call.done = caphealth_move_on_waited;
    wait->call.deadline = caphealth_s3_now() + run->move->timeout;

    caphealth_s3_call(run->move->client, &wait->call);

    while (!wait->done) {
        caphealth_move_step(run);
    }
}


static int
caphealth_move_read(caphealth_move_run_t *run)
{
    char      id[8];
    unsigned  leaf;

    for (leaf = 0; leaf < 256; leaf++) {
        (void) snprintf(id, sizeof(id), "%02x%02x", run->slice, leaf);

        if (caphealth_move_read_leaf(run, id) == -1) {
            caphealth_move_failed(run, run->move->root,
                                  "%.2s/%s cannot be read: %s", id, id + 2,
                                  strerror(errno));
            return -1;
        }
    }

    return 0;
}


static int
caphealth_move_read_leaf(caphealth_move_run_t *run, const char *id)
{
    int                     fd, err;
    DIR                    *list;
    char                    key[CAPHEALTH_PATH_LEN];
    struct stat             st;
    struct dirent          *entry;
    caphealth_move_file_t  *f;

    fd = caphealth_image_find_leaf(run->move->root, id);

    if (fd == -1) {
        return errno == ENOENT ? 0 : -1;
    }

    list = fdopendir(fd);

    if (list == NULL) {
        err = errno;
        (void) close(fd);
        errno = err;
        return -1;
    }

    for ( ;; ) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            break;
        }

        if (strlen(entry->d_name) >= sizeof(key) - CAPHEALTH_LEAF_LEN) {
            continue;
        }

        (void) snprintf(key, sizeof(key), "%.2s/%.2s/%.*s", id, id + 2,
                        (int) (sizeof(key) - CAPHEALTH_LEAF_LEN - 1),
                        entry->d_name);

        if (!caphealth_path_valid(key, strlen(key))
            || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1
            || !S_ISREG(st.st_mode))
        {
            continue;
        }

        f = caphealth_move_add(run, key);

        if (f == NULL) {
            errno = ENOMEM;
            break;
        }

        f->is[CAPHEALTH_MOVE_TREE] = 1;
        f->size[CAPHEALTH_MOVE_TREE] = (uint64_t) st.st_size;
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    return err ? -1 : 0;
}


static caphealth_move_file_t *
caphealth_move_add(caphealth_move_run_t *run, const char *key)
{
    size_t                  len, room;
    const char             *variant;
    caphealth_move_file_t  *f, *files;

    if (run->nfiles == run->room) {
        room = run->room ? 2 * run->room : 1024;
        files = reallocarray(run->files, room, sizeof(caphealth_move_file_t));

        if (files == NULL) {
            run->no_memory = 1;
            return NULL;
        }

        run->files = files;
        run->room = room;
    }

    f = &run->files[run->nfiles++];

    memset(f, 0, sizeof(caphealth_move_file_t));
    (void) snprintf(f->key, sizeof(f->key), "%s", key);

    variant = key + CAPHEALTH_MOVE_STEM;
    len = strlen(run->move->mark);

    f->mark = (strncmp(variant, run->move->mark, len) == 0
               && variant[len] == '.');

    return f;
}


/* a file that both have becomes one; those of an image follow each other, its
   mark the last */

static void
caphealth_move_merge(caphealth_move_run_t *run)
{
    size_t                  i, n;
    unsigned                side;
    caphealth_move_file_t  *f, *last;

    if (run->nfiles == 0) {
        return;
    }

    qsort(run->files, run->nfiles, sizeof(caphealth_move_file_t),
          caphealth_move_compare);

    for (i = 1, n = 1; i < run->nfiles; i++) {
        f = &run->files[i];
        last = &run->files[n - 1];

        if (strcmp(f->key, last->key) != 0) {
            run->files[n++] = *f;
            continue;
        }

        for (side = 0; side < CAPHEALTH_MOVE_SIDES; side++) {
            if (f->is[side]) {
                last->is[side] = 1;
                last->size[side] = f->size[side];
            }
        }

        if (f->is[CAPHEALTH_MOVE_STORE]) {
            memcpy(last->etag, f->etag, sizeof(last->etag));
        }

        if (f->is[CAPHEALTH_MOVE_TREE]) {
            memcpy(last->md5, f->md5, sizeof(last->md5));
        }

        last->moved |= f->moved;
    }

    run->nfiles = n;
}


static int
caphealth_move_compare(const void *a, const void *b)
{
    int                           rc;
    const caphealth_move_file_t  *one = a, *two = b;

    rc = memcmp(one->key, two->key, CAPHEALTH_MOVE_STEM);

    if (rc == 0) {
        rc = (int) one->mark - (int) two->mark;
    }

    return rc ? rc : strcmp(one->key, two->key);
}


static size_t
caphealth_move_image_end(const caphealth_move_run_t *run, size_t first)
{
    size_t  end;

    for (end = first + 1; end < run->nfiles; end++) {
        if (memcmp(run->files[first].key, run->files[end].key,
                   CAPHEALTH_MOVE_STEM)
            != 0)
        {
            break;
        }
    }

    return end;
}


/* --- an image --- */

static void
caphealth_move_image(caphealth_move_run_t *run, size_t first, size_t end)
{
    int                    rc;
    caphealth_move_job_t  *job;

    rc = caphealth_move_plan(run, first, end);

    if (rc <= 0) {
        return;
    }

    job = calloc(1, sizeof(caphealth_move_job_t));

    if (job == NULL) {
        caphealth_move_failed(run, run->files[first].key, "%s",
                              strerror(ENOMEM));
        return;
    }

    job->run = run;
    job->next = first;
    job->end = end;

    run->active++;

    caphealth_move_next(job);
}


/* Returns whether files of it are wanted, or -1. */

static int
caphealth_move_plan(caphealth_move_run_t *run, size_t first, size_t end)
{
    int                     rc, wanted, marked, there;
    size_t                  i;
    unsigned                from, to;
    caphealth_move_file_t  *f;

    from = run->move->back ? CAPHEALTH_MOVE_STORE : CAPHEALTH_MOVE_TREE;
    to = run->move->back ? CAPHEALTH_MOVE_TREE : CAPHEALTH_MOVE_STORE;
    wanted = marked = there = 0;

    for (i = first; i < end; i++) {
        there |= (run->files[i].is[from] != 0);
        marked |= (run->files[i].mark && run->files[i].is[from]);
    }

    if (!marked) {
        run->incomplete += (uint64_t) there;
        return 0;
    }

    for (i = first; i < end; i++) {
        f = &run->files[i];

        if (!f->is[from]) {
            continue;
        }

        if (f->is[CAPHEALTH_MOVE_TREE]
            && caphealth_move_digest(run, f) == -1)
        {
            return -1;
        }

        if (!f->is[to]) {
            f->wanted = 1;
            wanted = 1;
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

    return wanted;
}


/* Returns 1, 0, or -1: it is not known, which has been told. */

static int
caphealth_move_same(caphealth_move_run_t *run, caphealth_move_file_t *f)
{
    if (f->size[CAPHEALTH_MOVE_TREE] != f->size[CAPHEALTH_MOVE_STORE]) {
        return 0;
    }

    /* an entity tag of parts, or of a file that the store has encrypted, is
       not the MD5 */

    if (f->etag[0] && strcmp(f->etag, f->md5) == 0) {
        return 1;
    }

    return caphealth_move_same_bytes(run, f);
}


static int
caphealth_move_same_bytes(caphealth_move_run_t *run, caphealth_move_file_t *f)
{
    caphealth_move_wait_t  wait;

    memset(&wait, 0, sizeof(caphealth_move_wait_t));

    wait.fd = caphealth_move_open(run, f);

    if (wait.fd == -1) {
        return -1;
    }

    wait.call.method = "GET";
    wait.call.key = f->key;
    wait.call.begin = caphealth_move_on_compare;
    wait.call.body = caphealth_move_on_bytes;

    caphealth_move_wait(run, &wait);

    (void) close(wait.fd);

    if (wait.call.status != CAPHEALTH_SHIP_OK) {
        caphealth_move_failed(run, f->key, "it cannot be compared: %s",
                              wait.call.detail);
        caphealth_move_status(run, wait.call.status);
        return -1;
    }

    return !wait.differs && wait.offset == f->size[CAPHEALTH_MOVE_TREE];
}


static void
caphealth_move_on_compare(caphealth_s3_call_t *call)
{
    caphealth_move_wait_t  *wait = (caphealth_move_wait_t *) call;

    wait->offset = 0;
    wait->differs = 0;
}


static int
caphealth_move_on_bytes(caphealth_s3_call_t *call, const char *text,
    size_t len)
{
    char                    ours[16384];
    size_t                  n;
    caphealth_move_wait_t  *wait = (caphealth_move_wait_t *) call;

    for ( /* void */ ; len && !wait->differs; text += n, len -= n) {
        n = len < sizeof(ours) ? len : sizeof(ours);

        if (pread(wait->fd, ours, n, (off_t) wait->offset) != (ssize_t) n
            || memcmp(ours, text, n) != 0)
        {
            wait->differs = 1;
        }

        wait->offset += n;
    }

    return 0;
}


static void
caphealth_move_next(caphealth_move_job_t *job)
{
    caphealth_move_file_t  *f;

    job->nchunk = 0;

    while (job->next < job->end && job->nchunk < CAPHEALTH_VARIANTS_MAX) {
        f = &job->run->files[job->next++];

        if (f->wanted) {
            job->chunk[job->nchunk++] = f;
        }
    }

    if (job->nchunk == 0) {
        job->run->images++;
        caphealth_move_end(job);
        return;
    }

    /* the mark is the last of all; of a chunk, the first is done last */

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
caphealth_move_end(caphealth_move_job_t *job)
{
    job->run->active--;
    free(job);
}


static void
caphealth_move_chunk_done(caphealth_move_job_t *job)
{
    unsigned  i, from;

    from = job->run->move->back ? CAPHEALTH_MOVE_STORE : CAPHEALTH_MOVE_TREE;

    for (i = 0; i < job->nchunk; i++) {
        job->chunk[i]->moved = 1;
        job->run->moved++;
        job->run->bytes += job->chunk[i]->size[from];
    }

    caphealth_move_next(job);
}


/* --- to the store --- */

static void
caphealth_move_put(caphealth_move_job_t *job)
{
    int                     fds[CAPHEALTH_VARIANTS_MAX];
    unsigned                i, n;
    caphealth_ship_t        ship;
    caphealth_move_run_t   *run;
    caphealth_move_file_t  *f;

    run = job->run;

    memset(&ship, 0, sizeof(caphealth_ship_t));

    ship.nfiles = job->nchunk;
    ship.timeout = 1000 * run->move->timeout;

    for (n = 0; n < job->nchunk; n++) {
        f = job->chunk[n];
        fds[n] = caphealth_move_open(run, f);

        if (fds[n] == -1) {
            goto failed;
        }

        job->gets[n].fd = fds[n];

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

    if (caphealth_s3_image_put(run->move->client, &ship, fds,
                               caphealth_move_on_put, job)
        != NULL)
    {
        return;
    }

    caphealth_move_failed(run, job->chunk[0]->key, "%s", strerror(ENOMEM));

failed:

    for (i = 0; i < n; i++) {
        (void) close(fds[i]);
    }

    caphealth_move_end(job);
}


static void
caphealth_move_on_put(void *data, const caphealth_ship_result_t *result)
{
    unsigned               i;
    caphealth_move_job_t  *job = data;

    for (i = 0; i < job->nchunk; i++) {
        (void) close(job->gets[i].fd);
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


/* --- to the tree --- */

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


/* --- what was moved is looked at again --- */

static void
caphealth_move_verify(caphealth_move_run_t *run)
{
    size_t  i, n;

    for (i = 0, n = 0; i < run->nfiles; i++) {
        if (run->files[i].moved) {
            run->files[i].is[CAPHEALTH_MOVE_STORE] = run->move->back;
            n++;
        }
    }

    if (n == 0 || run->stop) {
        return;
    }

    if (!run->move->back) {
        if (caphealth_move_list(run, run->slice) == -1) {
            return;
        }

        caphealth_move_merge(run);
    }

    for (i = 0; i < run->nfiles && !run->stop; i++) {
        if (run->files[i].moved) {
            caphealth_move_verify_file(run, &run->files[i]);
        }
    }
}


static void
caphealth_move_verify_file(caphealth_move_run_t *run,
    caphealth_move_file_t *f)
{
    int                   rc;
    char                  id[CAPHEALTH_ID_LEN + 1];
    caphealth_removed_t   removed;

    /* some stores list a file a moment after it was put */

    rc = f->is[CAPHEALTH_MOVE_STORE] ? 1 : caphealth_move_look(run, f);

    if (rc == 1) {
        rc = caphealth_move_same(run, f);
    }

    if (rc != 0) {
        return;
    }

    caphealth_move_failed(run, f->key, "the copy differs from the original");

    if (run->move->back) {
        (void) snprintf(id, sizeof(id), "%.*s", CAPHEALTH_ID_LEN,
                        f->key + CAPHEALTH_LEAF_LEN);
        (void) caphealth_image_remove(run->move->root, id, run->move->mark,
                                      &removed);
    }
}


/* Returns 1, or -1 if it is not there or not known, which has been told. */

static int
caphealth_move_look(caphealth_move_run_t *run, caphealth_move_file_t *f)
{
    caphealth_move_wait_t  wait;

    memset(&wait, 0, sizeof(caphealth_move_wait_t));

    wait.call.method = "HEAD";
    wait.call.key = f->key;

    caphealth_move_wait(run, &wait);

    if (wait.call.status != CAPHEALTH_SHIP_OK) {
        caphealth_move_failed(run, f->key, "the file was put, but %s%s%s",
                              caphealth_ship_reason(wait.call.status),
                              wait.call.detail[0] ? ": " : "",
                              wait.call.detail);
        caphealth_move_status(run, wait.call.status);
        return -1;
    }

    f->is[CAPHEALTH_MOVE_STORE] = 1;
    f->size[CAPHEALTH_MOVE_STORE] = wait.call.length;
    caphealth_move_etag(wait.call.etag, f->etag);

    return 1;
}


/* --- files --- */

/* "d41d8cd98f00b204e9800998ecf8427e", with quotation marks or without */

static void
caphealth_move_etag(const char *text, char etag[CAPHEALTH_MOVE_MD5])
{
    size_t  len;

    etag[0] = '\0';
    text += (*text == '"');
    len = strspn(text, "0123456789abcdef");

    if (len == CAPHEALTH_MOVE_MD5 - 1
        && (text[len] == '\0' || strcmp(text + len, "\"") == 0))
    {
        memcpy(etag, text, len);
        etag[len] = '\0';
    }
}


static int
caphealth_move_open(caphealth_move_run_t *run, const caphealth_move_file_t *f)
{
    int  fd, dir, err;

    dir = caphealth_image_find_leaf(run->move->root,
                                    f->key + CAPHEALTH_LEAF_LEN);
    fd = -1;

    if (dir != -1) {
        fd = openat(dir, f->key + CAPHEALTH_LEAF_LEN,
                    O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);
        err = errno;
        (void) close(dir);
        errno = err;
    }

    if (fd == -1) {
        caphealth_move_failed(run, f->key, "open() failed: %s",
                              strerror(errno));
    }

    return fd;
}


static int
caphealth_move_digest(caphealth_move_run_t *run, caphealth_move_file_t *f)
{
    int             fd;
    uint8_t         buffer[65536];
    ssize_t         n;
    uint64_t        size;
    struct md5_ctx  md5;

    fd = caphealth_move_open(run, f);

    if (fd == -1) {
        return -1;
    }

    md5_init(&md5);
    size = 0;

    for ( ;; ) {
        n = read(fd, buffer, sizeof(buffer));

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            break;
        }

        md5_update(&md5, (size_t) n, buffer);
        size += (uint64_t) n;
    }

    if (n == -1) {
        caphealth_move_failed(run, f->key, "read() failed: %s",
                              strerror(errno));

    } else if (size != f->size[CAPHEALTH_MOVE_TREE]) {
        caphealth_move_failed(run, f->key, "it was changed during the move");
        n = -1;

    } else {
        caphealth_move_hex(&md5, f->md5);
    }

    (void) close(fd);

    return n == -1 ? -1 : 0;
}


static void
caphealth_move_hex(struct md5_ctx *md5, char text[CAPHEALTH_MOVE_MD5])
{
    uint8_t  digest[MD5_DIGEST_SIZE];

    md5_digest(md5, sizeof(digest), digest);
    caphealth_s3_hex(digest, sizeof(digest), text);
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


/* --- the run --- */

static void
caphealth_move_step(caphealth_move_run_t *run)
{
    (void) caphealth_s3_client_run(run->move->client, -1, 1);

    if (caphealth_s3_now() >= run->reported + 1) {
        caphealth_move_report(run, 0);
    }
}


static void
caphealth_move_failed(caphealth_move_run_t *run, const char *key,
    const char *format, ...)
{
    char     text[1024];
    va_list  args;

    run->failed++;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    fprintf(stderr, "%scaphealth-shipper: \"%s\": %s\n",
            isatty(STDERR_FILENO) ? "\r" : "", key, text);
}


/* what one image fails of, all others would */

static void
caphealth_move_status(caphealth_move_run_t *run,
    caphealth_ship_status_e status)
{
    if (!run->stop
        && (status == CAPHEALTH_SHIP_AWAY || status == CAPHEALTH_SHIP_FULL
            || status == CAPHEALTH_SHIP_DENIED))
    {
        run->stop = 1;
        fputs("caphealth-shipper: the move has stopped; run it again to go on\n",
              stderr);
    }
}


static void
caphealth_move_report(caphealth_move_run_t *run, int last)
{
    double  seconds, rate, left;

    run->reported = caphealth_s3_now();

    seconds = run->reported - run->begun;
    rate = seconds > 0 ? (double) run->moved / seconds : 0;

    /* ids are random, so slices are of one size */

    left = run->slice
           ? seconds / run->slice * (CAPHEALTH_MOVE_SLICES - run->slice) : 0;

    if (run->move->json || last) {
        printf("{\"percent\":%.1f,\"images\":%" PRIu64 ",\"files\":%" PRIu64
               ",\"bytes\":%" PRIu64 ",\"complete\":%" PRIu64
               ",\"incomplete\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"rate\":%.1f,\"remaining_seconds\":%.0f,"
               "\"finished\":%s}\n",
               100.0 * run->slice / CAPHEALTH_MOVE_SLICES, run->images,
               run->moved, run->bytes, run->complete, run->incomplete,
               run->failed, rate, left,
               run->slice == CAPHEALTH_MOVE_SLICES ? "true" : "false");

        (void) fflush(stdout);
    }

    if (!run->move->json && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%.1f %%, %" PRIu64 " images moved, %" PRIu64
                " were there, %" PRIu64 " failed, %.1f files a second, %.0f s "
                "left %s", 100.0 * run->slice / CAPHEALTH_MOVE_SLICES,
                run->images, run->complete, run->failed, rate, left,
                last ? "\n" : "");
    }
}
