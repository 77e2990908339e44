
/*
 * The files of a slice, in the tree and in the store.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caphealth_image_files.h"
#include "caphealth_move_slice.h"
#include "caphealth_s3_list.h"


/* a listing of the slice that is waited for */

typedef struct {
    caphealth_move_slice_t  *slice;
    size_t                   kept;       /* files before this page */
    int                      done;
} caphealth_move_listing_t;


/* a file of the store that is compared with the tree's */

typedef struct {
    caphealth_s3_call_t      call;       /* the first member */
    int                      fd;
    int                      differs;
    uint64_t                 offset;
} caphealth_move_bytes_t;


static int caphealth_move_read_leaf(caphealth_move_slice_t *slice,
    const char *id);
static void caphealth_move_on_begin(caphealth_s3_list_t *list);
static void caphealth_move_on_object(caphealth_s3_list_t *list,
    const char *key, const caphealth_s3_object_t *object);
static void caphealth_move_on_page(caphealth_s3_list_t *list);
static caphealth_move_file_t *caphealth_move_add(caphealth_move_slice_t *slice,
    const char *key);
static int caphealth_move_key_valid(const char *key);
static int caphealth_move_compare(const void *a, const void *b);
static int caphealth_move_same_bytes(caphealth_move_run_t *run,
    const caphealth_move_file_t *f);
static void caphealth_move_on_bytes_begin(caphealth_s3_call_t *call);
static int caphealth_move_on_bytes(caphealth_s3_call_t *call, const char *text,
    size_t len);
static void caphealth_move_etag(const char *text,
    char etag[CAPHEALTH_MOVE_MD5]);


int
caphealth_move_read(caphealth_move_slice_t *slice)
{
    char                   id[8];
    unsigned               leaf;
    caphealth_move_run_t  *run;

    run = slice->run;

    for (leaf = 0; leaf < 256; leaf++) {
        (void) snprintf(id, sizeof(id), "%02x%02x", run->slice, leaf);

        if (caphealth_move_read_leaf(slice, id) == -1) {
            caphealth_move_failed(run, run->move->root,
                                  "%.2s/%s cannot be read: %s", id, id + 2,
                                  strerror(errno));
            return -1;
        }
    }

    return 0;
}


static int
caphealth_move_read_leaf(caphealth_move_slice_t *slice, const char *id)
{
    int                     fd, err;
    DIR                    *list;
    char                    key[CAPHEALTH_RECORD_PATH_LEN];
    struct stat             st;
    struct dirent          *entry;
    caphealth_move_file_t  *f;

    fd = caphealth_image_find_leaf(slice->run->move->root, id);

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

        if (!caphealth_move_key_valid(key)
            || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1
            || !S_ISREG(st.st_mode))
        {
            continue;
        }

        f = caphealth_move_add(slice, key);

        if (f == NULL) {
            errno = ENOMEM;
            break;
        }

        f->exists[CAPHEALTH_MOVE_TREE] = 1;
        f->size[CAPHEALTH_MOVE_TREE] = (uint64_t) st.st_size;
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    return err ? -1 : 0;
}


int
caphealth_move_list(caphealth_move_slice_t *slice)
{
    char                       prefix[8];
    const char                *reason;
    caphealth_s3_list_t        list;
    caphealth_move_run_t      *run;
    caphealth_move_listing_t   listing;

    run = slice->run;

    memset(&list, 0, sizeof(caphealth_s3_list_t));
    memset(&listing, 0, sizeof(caphealth_move_listing_t));

    (void) snprintf(prefix, sizeof(prefix), "%02x/", run->slice & 255);

    list.client = run->move->client;
    list.prefix = prefix;
    list.begin = caphealth_move_on_begin;
    list.object = caphealth_move_on_object;
    list.done = caphealth_move_on_page;
    list.data = &listing;

    listing.slice = slice;
    slice->no_memory = 0;

    do {
        listing.kept = slice->nfiles;
        listing.done = 0;

        caphealth_s3_list_page(&list, caphealth_s3_now() + run->move->timeout);

        while (!listing.done) {
            caphealth_move_step(run);
        }

        reason = slice->no_memory ? strerror(ENOMEM)
                 : list.call.status != CAPHEALTH_SHIP_OK ? list.call.detail
                 : NULL;

    } while (reason == NULL && list.page.truncated);

    caphealth_s3_list_free(&list);

    if (reason) {
        caphealth_move_failed(run, list.text, "it cannot be listed: %s",
                              reason);
        run->stop = 1;
        return -1;
    }

    return 0;
}


static void
caphealth_move_on_begin(caphealth_s3_list_t *list)
{
    caphealth_move_listing_t  *listing = list->data;

    listing->slice->nfiles = listing->kept;
}


static void
caphealth_move_on_object(caphealth_s3_list_t *list, const char *key,
    const caphealth_s3_object_t *object)
{
    caphealth_move_file_t     *f;
    caphealth_move_listing_t  *listing = list->data;

    if (object->prefix || !caphealth_move_key_valid(key)) {
        return;
    }

    f = caphealth_move_add(listing->slice, key);

    if (f) {
        f->exists[CAPHEALTH_MOVE_STORE] = 1;
        f->size[CAPHEALTH_MOVE_STORE] = object->size;
        caphealth_move_etag(object->etag, f->etag);
    }
}


static void
caphealth_move_on_page(caphealth_s3_list_t *list)
{
    caphealth_move_listing_t  *listing = list->data;

    listing->done = 1;
}


static caphealth_move_file_t *
caphealth_move_add(caphealth_move_slice_t *slice, const char *key)
{
    size_t                  len, room;
    const char             *variant;
    caphealth_move_file_t  *f, *files;

    if (slice->nfiles == slice->room) {
        room = slice->room ? 2 * slice->room : 1024;
        files = reallocarray(slice->files, room, sizeof(caphealth_move_file_t));

        if (files == NULL) {
            slice->no_memory = 1;
            return NULL;
        }

        slice->files = files;
        slice->room = room;
    }

    f = &slice->files[slice->nfiles++];

    memset(f, 0, sizeof(caphealth_move_file_t));
    (void) snprintf(f->key, sizeof(f->key), "%s", key);

    variant = key + CAPHEALTH_MOVE_STEM;
    len = strlen(slice->run->move->mark);

    f->mark = (strncmp(variant, slice->run->move->mark, len) == 0
               && variant[len] == '.');
    f->record = (caphealth_record_path_valid(key, strlen(key)) != 0);

    return f;
}


static int
caphealth_move_key_valid(const char *key)
{
    return caphealth_path_valid(key, strlen(key))
           || caphealth_record_path_valid(key, strlen(key));
}


void
caphealth_move_merge(caphealth_move_slice_t *slice)
{
    size_t                  i, n;
    unsigned                side;
    caphealth_move_file_t  *f, *last;

    if (slice->nfiles == 0) {
        return;
    }

    qsort(slice->files, slice->nfiles, sizeof(caphealth_move_file_t),
          caphealth_move_compare);

    for (i = 1, n = 1; i < slice->nfiles; i++) {
        f = &slice->files[i];
        last = &slice->files[n - 1];

        if (strcmp(f->key, last->key) != 0) {
            slice->files[n++] = *f;
            continue;
        }

        for (side = 0; side < CAPHEALTH_MOVE_SIDES; side++) {
            if (f->exists[side]) {
                last->exists[side] = 1;
                last->size[side] = f->size[side];
            }
        }

        if (f->exists[CAPHEALTH_MOVE_STORE]) {
            memcpy(last->etag, f->etag, sizeof(last->etag));
        }

        if (f->exists[CAPHEALTH_MOVE_TREE]) {
            memcpy(last->md5, f->md5, sizeof(last->md5));
        }

        last->moved |= f->moved;
    }

    slice->nfiles = n;
}


static int
caphealth_move_compare(const void *a, const void *b)
{
    int                           rc;
    const caphealth_move_file_t  *one = a, *two = b;

    rc = memcmp(one->key, two->key, CAPHEALTH_MOVE_STEM);

    if (rc == 0) {
        rc = (int) one->mark - (int) two->mark
             + 2 * ((int) one->record - (int) two->record);
    }

    return rc ? rc : strcmp(one->key, two->key);
}


size_t
caphealth_move_image_end(const caphealth_move_slice_t *slice, size_t first)
{
    size_t  end;

    for (end = first + 1; end < slice->nfiles; end++) {
        if (memcmp(slice->files[first].key, slice->files[end].key,
                   CAPHEALTH_MOVE_STEM)
            != 0)
        {
            break;
        }
    }

    return end;
}


int
caphealth_move_head(caphealth_move_run_t *run, caphealth_move_file_t *f)
{
    caphealth_s3_call_t  call;

    memset(&call, 0, sizeof(caphealth_s3_call_t));

    call.method = "HEAD";
    call.key = f->key;

    caphealth_move_call(run, &call);

    if (call.status != CAPHEALTH_SHIP_OK) {
        caphealth_move_failed(run, f->key, "the file was put, but %s%s%s",
                              caphealth_ship_reason(call.status),
                              call.detail[0] ? ": " : "", call.detail);
        caphealth_move_status(run, call.status);
        return -1;
    }

    f->exists[CAPHEALTH_MOVE_STORE] = 1;
    f->size[CAPHEALTH_MOVE_STORE] = call.length;
    caphealth_move_etag(call.etag, f->etag);

    return 0;
}


int
caphealth_move_same(caphealth_move_run_t *run, const caphealth_move_file_t *f)
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
caphealth_move_same_bytes(caphealth_move_run_t *run,
    const caphealth_move_file_t *f)
{
    caphealth_move_bytes_t  bytes;

    memset(&bytes, 0, sizeof(caphealth_move_bytes_t));

    bytes.fd = caphealth_move_open(run, f);

    if (bytes.fd == -1) {
        return -1;
    }

    bytes.call.method = "GET";
    bytes.call.key = f->key;
    bytes.call.begin = caphealth_move_on_bytes_begin;
    bytes.call.body = caphealth_move_on_bytes;

    caphealth_move_call(run, &bytes.call);

    (void) close(bytes.fd);

    if (bytes.call.status != CAPHEALTH_SHIP_OK) {
        caphealth_move_failed(run, f->key, "it cannot be compared: %s",
                              bytes.call.detail);
        caphealth_move_status(run, bytes.call.status);
        return -1;
    }

    return !bytes.differs && bytes.offset == f->size[CAPHEALTH_MOVE_TREE];
}


static void
caphealth_move_on_bytes_begin(caphealth_s3_call_t *call)
{
    caphealth_move_bytes_t  *bytes = (caphealth_move_bytes_t *) call;

    bytes->offset = 0;
    bytes->differs = 0;
}


static int
caphealth_move_on_bytes(caphealth_s3_call_t *call, const char *text,
    size_t len)
{
    char                    ours[16384];
    size_t                  n;
    caphealth_move_bytes_t  *bytes = (caphealth_move_bytes_t *) call;

    for ( /* void */ ; len && !bytes->differs; text += n, len -= n) {
        n = len < sizeof(ours) ? len : sizeof(ours);

        if (pread(bytes->fd, ours, n, (off_t) bytes->offset) != (ssize_t) n
            || memcmp(ours, text, n) != 0)
        {
            bytes->differs = 1;
        }

        bytes->offset += n;
    }

    return 0;
}


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


int
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


int
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


void
caphealth_move_hex(struct md5_ctx *md5, char text[CAPHEALTH_MOVE_MD5])
{
    uint8_t  digest[MD5_DIGEST_SIZE];

    md5_digest(md5, sizeof(digest), digest);
    caphealth_s3_hex(digest, sizeof(digest), text);
}
