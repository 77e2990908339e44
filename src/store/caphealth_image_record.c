
/*
 * The answer to the client about an image, stored beside its files.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caphealth_image_record.h"


#define CAPHEALTH_RECORD_VERSION  1

/* ".<id>_<secret>.answer.tmp", the longest name of all */
#define CAPHEALTH_RECORD_NAME                                                 \
    (CAPHEALTH_ID_LEN + 1 + CAPHEALTH_SECRET_LEN                              \
     + sizeof("." CAPHEALTH_RECORD_SUFFIX ".tmp"))

/* others may give a claim up, or complete it, so often while this one checks */
#define CAPHEALTH_RECORD_TRIES    16


static caphealth_claim_e caphealth_record_stored(
    caphealth_image_record_t *record, int dir, int *again);
static int caphealth_record_held(caphealth_image_record_t *record, int dir);
static caphealth_claim_e caphealth_record_lock(
    caphealth_image_record_t *record, int dir, int *again);
static caphealth_claim_e caphealth_record_look(
    caphealth_image_record_t *record, int dir);
static int caphealth_record_find(caphealth_image_record_t *record, int dir);
static char *caphealth_record_read(caphealth_image_record_t *record, int dir,
    const char *name, size_t *len);
static int caphealth_record_fill(caphealth_image_record_t *record, int dir,
    const char *text, size_t len);
static void caphealth_record_name(const caphealth_image_record_t *record,
    char name[CAPHEALTH_RECORD_NAME]);
static void caphealth_record_temp(const caphealth_image_record_t *record,
    char temp[CAPHEALTH_RECORD_NAME]);
static void caphealth_record_lock_name(const caphealth_image_record_t *record,
    char lock[CAPHEALTH_RECORD_NAME]);
static void caphealth_record_hex(char *to, const uint8_t *bytes, size_t n);
static int caphealth_record_hex_valid(const char *text);
static int caphealth_record_failed(caphealth_image_record_t *record,
    const char *call);


void
caphealth_record_init(caphealth_image_record_t *record, const char *root,
    const uint8_t digest[CAPHEALTH_DIGEST_LEN])
{
    memset(record, 0, sizeof(caphealth_image_record_t));

    record->fd = -1;
    record->root = root;

    caphealth_record_hex(record->id, digest, CAPHEALTH_ID_BYTES);
    caphealth_record_hex(record->secret, digest + CAPHEALTH_ID_BYTES,
                         CAPHEALTH_DIGEST_LEN - CAPHEALTH_ID_BYTES);
}


void
caphealth_record_init_id(caphealth_image_record_t *record, const char *root,
    const char *id)
{
    memset(record, 0, sizeof(caphealth_image_record_t));

    record->fd = -1;
    record->root = root;

    memcpy(record->id, id, CAPHEALTH_ID_LEN);
}


void
caphealth_record_path(const caphealth_image_record_t *record,
    char path[CAPHEALTH_RECORD_PATH_LEN])
{
    (void) snprintf(path, CAPHEALTH_RECORD_PATH_LEN,
                    "%.2s/%.2s/%s_%s" CAPHEALTH_RECORD_SUFFIX, record->id,
                    record->id + 2, record->id, record->secret);
}


static void
caphealth_record_hex(char *to, const uint8_t *bytes, size_t n)
{
    size_t  i;

    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {
        to[2 * i] = hex[bytes[i] >> 4];
        to[2 * i + 1] = hex[bytes[i] & 15];
    }

    to[2 * n] = '\0';
}


caphealth_claim_e
caphealth_record_claim(caphealth_image_record_t *record)
{
    int                i, dir, err, again;
    const char        *failed;
    caphealth_claim_e  rc;

    dir = caphealth_image_make_leaf(record->root, record->id, 0755, &failed);
    if (dir == -1) {
        return caphealth_record_failed(record, failed);
    }

    rc = CAPHEALTH_CLAIM_BUSY;

    for (i = 0, again = 1; i < CAPHEALTH_RECORD_TRIES && again; i++) {
        again = 0;

        switch (caphealth_record_find(record, dir)) {

        case -1:
            rc = CAPHEALTH_CLAIM_ERROR;
            break;

        case 0:
            rc = caphealth_record_stored(record, dir, &again);
            break;

        default:
            rc = caphealth_record_lock(record, dir, &again);

            if (rc == CAPHEALTH_CLAIM_TAKEN) {
                rc = caphealth_record_look(record, dir);
            }

            break;
        }
    }

    err = errno;
    (void) close(dir);
    errno = err;

    return rc;
}


/*
 * There is a record.  While another request has the id, that may be an upload
 * that removes the image again, because its client is gone, or a deletion.
 */

static caphealth_claim_e
caphealth_record_stored(caphealth_image_record_t *record, int dir, int *again)
{
    int  held;

    held = caphealth_record_held(record, dir);

    json_decref(record->json);
    record->json = NULL;

    if (held != 0) {
        return held == 1 ? CAPHEALTH_CLAIM_BUSY : CAPHEALTH_CLAIM_ERROR;
    }

    /* that request may have removed the record before it gave up the id */

    switch (caphealth_record_find(record, dir)) {

    case -1:
        return CAPHEALTH_CLAIM_ERROR;

    case 0:
        return CAPHEALTH_CLAIM_STORED;

    default:
        *again = 1;
        return CAPHEALTH_CLAIM_BUSY;
    }
}


/* 1: another request has the id; 0: none has; -1: errno says why */

static int
caphealth_record_held(caphealth_image_record_t *record, int dir)
{
    int   fd, rc, err;
    char  lock[CAPHEALTH_RECORD_NAME];

    caphealth_record_lock_name(record, lock);

    fd = openat(dir, lock, O_RDONLY|O_NOFOLLOW|O_CLOEXEC);

    if (fd == -1) {
        return errno == ENOENT
               ? 0 : caphealth_record_failed(record, "open() of a claim");
    }

    if (flock(fd, LOCK_SH|LOCK_NB) == 0) {

        /* a process that is being started may have a copy of the descriptor */

        (void) flock(fd, LOCK_UN);
        rc = 0;

    } else if (errno == EWOULDBLOCK) {
        rc = 1;

    } else {
        rc = caphealth_record_failed(record, "flock()");
    }

    err = errno;
    (void) close(fd);
    errno = err;

    return rc;
}


caphealth_claim_e
caphealth_record_take(caphealth_image_record_t *record)
{
    int                i, dir, err, again;
    caphealth_claim_e  rc;

    dir = caphealth_image_find_leaf(record->root, record->id);
    if (dir == -1) {
        return caphealth_record_failed(record, "open() of a shard directory");
    }

    rc = CAPHEALTH_CLAIM_BUSY;

    for (i = 0, again = 1; i < CAPHEALTH_RECORD_TRIES && again; i++) {
        again = 0;
        rc = caphealth_record_lock(record, dir, &again);
    }

    err = errno;
    (void) close(dir);
    errno = err;

    if (rc == CAPHEALTH_CLAIM_ERROR && (err == ENOSPC || err == EDQUOT)) {
        return CAPHEALTH_CLAIM_TAKEN;
    }

    return rc;
}


/*
 * Another request may have ended since the file was opened, and have removed
 * it: then all of it is done again.
 */

static caphealth_claim_e
caphealth_record_lock(caphealth_image_record_t *record, int dir, int *again)
{
    int          fd;
    char         lock[CAPHEALTH_RECORD_NAME];
    struct stat  st, named;

    caphealth_record_lock_name(record, lock);

    record->left = 0;

    fd = openat(dir, lock, O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1 && errno == EEXIST) {
        record->left = 1;
        fd = openat(dir, lock, O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600);
    }

    if (fd == -1) {
        return caphealth_record_failed(record, "open() of a claim");
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1) {

        if (errno == EWOULDBLOCK) {
            (void) close(fd);
            return CAPHEALTH_CLAIM_BUSY;
        }

        (void) caphealth_record_failed(record, "flock()");
        (void) close(fd);

        return CAPHEALTH_CLAIM_ERROR;
    }

    record->fd = fd;

    if (fstat(fd, &st) == -1
        || fstatat(dir, lock, &named, AT_SYMLINK_NOFOLLOW) == -1
        || st.st_ino != named.st_ino)
    {
        *again = 1;
        (void) close(fd);
        record->fd = -1;

        return CAPHEALTH_CLAIM_BUSY;
    }

    /* one that is old is removed by a scan */

    if (record->left) {
        (void) futimens(fd, NULL);
    }

    return CAPHEALTH_CLAIM_TAKEN;
}


/* under the lock nobody else gives the record its name */

static caphealth_claim_e
caphealth_record_look(caphealth_image_record_t *record, int dir)
{
    char  name[CAPHEALTH_RECORD_NAME];

    switch (caphealth_record_find(record, dir)) {

    case -1:
        caphealth_record_release(record);
        return CAPHEALTH_CLAIM_ERROR;

    case 0:
        caphealth_record_release(record);
        return CAPHEALTH_CLAIM_STORED;

    default:
        caphealth_record_name(record, name);
        (void) unlinkat(dir, name, 0);

        return CAPHEALTH_CLAIM_TAKEN;
    }
}


/* 0: found; 1: there is none, or none that can be used; -1: errno says why */

static int
caphealth_record_find(caphealth_image_record_t *record, int dir)
{
    char         name[CAPHEALTH_RECORD_NAME], *text;
    size_t       len;
    struct stat  st;

    caphealth_record_name(record, name);

    text = caphealth_record_read(record, dir, name, &len);

    if (text == NULL) {
        return (errno == ENOENT || errno == EFBIG) ? 1 : -1;
    }

    record->json = caphealth_record_parse(text, len, record->id);
    free(text);

    if (record->json == NULL) {
        return 1;
    }

    if (fstatat(dir, json_string_value(json_object_get(record->json, "mark")),
                &st, AT_SYMLINK_NOFOLLOW)
        == 0)
    {
        return 0;
    }

    json_decref(record->json);
    record->json = NULL;

    return errno == ENOENT ? 1 : caphealth_record_failed(record, "fstatat()");
}


static char *
caphealth_record_read(caphealth_image_record_t *record, int dir,
    const char *name, size_t *len)
{
    int          fd, err;
    char        *text;
    ssize_t      n;
    struct stat  st;

    fd = openat(dir, name, O_RDONLY|O_NOFOLLOW|O_CLOEXEC);
    if (fd == -1) {
        (void) caphealth_record_failed(record, "open() of a record");
        return NULL;
    }

    text = NULL;
    *len = 0;

    if (fstat(fd, &st) == -1) {
        goto failed;
    }

    if (st.st_size > CAPHEALTH_RECORD_MAX) {
        errno = EFBIG;
        goto failed;
    }

    text = malloc((size_t) st.st_size + 1);
    if (text == NULL) {
        goto failed;
    }

    while (*len < (size_t) st.st_size) {
        n = read(fd, text + *len, (size_t) st.st_size - *len);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            goto failed;
        }

        if (n == 0) {
            break;
        }

        *len += (size_t) n;
    }

    (void) close(fd);

    return text;

failed:

    err = errno;
    free(text);
    (void) close(fd);
    errno = err;

    (void) caphealth_record_failed(record, "read() of a record");

    return NULL;
}


int
caphealth_record_write(caphealth_image_record_t *record, json_t *json)
{
    int    dir, rc, err;
    char   name[CAPHEALTH_RECORD_NAME], temp[CAPHEALTH_RECORD_NAME], *text;

    text = json_dumps(json, JSON_COMPACT);
    if (text == NULL) {
        errno = ENOMEM;
        return caphealth_record_failed(record, "json_dumps()");
    }

    dir = caphealth_image_find_leaf(record->root, record->id);

    if (dir == -1) {
        free(text);
        return caphealth_record_failed(record, "open() of a shard directory");
    }

    caphealth_record_name(record, name);
    caphealth_record_temp(record, temp);

    rc = caphealth_record_fill(record, dir, text, strlen(text));
    free(text);

    if (rc == 0) {
        rc = renameat(dir, temp, dir, name);

        if (rc == -1) {
            (void) caphealth_record_failed(record, "rename() of a record");
        }
    }

    if (rc == -1) {
        err = errno;
        (void) unlinkat(dir, temp, 0);
        errno = err;

    } else {
        record->named = 1;
        rc = fsync(dir);

        if (rc == -1) {
            (void) caphealth_record_failed(record, "fsync() of a directory");
        }
    }

    err = errno;
    (void) close(dir);
    errno = err;

    return rc;
}


static int
caphealth_record_fill(caphealth_image_record_t *record, int dir,
    const char *text, size_t len)
{
    int      fd, err;
    char     temp[CAPHEALTH_RECORD_NAME];
    size_t   done;
    ssize_t  n;

    if (len > CAPHEALTH_RECORD_MAX) {
        errno = EFBIG;
        return caphealth_record_failed(record, "write() of a record");
    }

    caphealth_record_temp(record, temp);

    /* a process that died may have left one */

    fd = openat(dir, temp, O_WRONLY|O_CREAT|O_TRUNC|O_NOFOLLOW|O_CLOEXEC, 0600);
    if (fd == -1) {
        return caphealth_record_failed(record, "open() of a record");
    }

    for (done = 0; done < len; done += (size_t) n) {
        n = pwrite(fd, text + done, len - done, (off_t) done);

        if (n == -1 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n == -1) {
            (void) caphealth_record_failed(record, "write() of a record");
            goto failed;
        }
    }

    if (fsync(fd) == -1) {
        (void) caphealth_record_failed(record, "fsync() of a record");
        goto failed;
    }

    (void) close(fd);

    return 0;

failed:

    err = errno;
    (void) close(fd);
    errno = err;

    return -1;
}


void
caphealth_record_withdraw(caphealth_image_record_t *record)
{
    int   dir;
    char  name[CAPHEALTH_RECORD_NAME];

    if (!record->named) {
        return;
    }

    dir = caphealth_image_find_leaf(record->root, record->id);
    if (dir == -1) {
        return;
    }

    caphealth_record_name(record, name);
    (void) unlinkat(dir, name, 0);
    (void) close(dir);

    record->named = 0;
}


void
caphealth_record_release(caphealth_image_record_t *record)
{
    int   dir;
    char  lock[CAPHEALTH_RECORD_NAME];

    if (record->fd == -1) {
        return;
    }

    dir = caphealth_image_find_leaf(record->root, record->id);

    if (dir != -1) {
        caphealth_record_lock_name(record, lock);
        (void) unlinkat(dir, lock, 0);
        (void) close(dir);
    }

    /* a process that is being started may have a copy of the descriptor */

    (void) flock(record->fd, LOCK_UN);
    (void) close(record->fd);
    record->fd = -1;
}


json_t *
caphealth_record_parse(const char *text, size_t len, const char *id)
{
    int          version;
    json_t      *json, *image, *variants;
    size_t       n;
    const char  *mark, *url, *request, *name;

    json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

    if (json == NULL) {
        return NULL;
    }

    if (json_unpack(json, "{s:i, s:s%, s:s, s:s, s:o, s:{s:s, s:o}}",
                    "version", &version, "mark", &mark, &n, "url", &url,
                    "request", &request, "image", &image,
                    "image", "id", &name, "variants", &variants)
        == 0
        && version == CAPHEALTH_RECORD_VERSION
        && n < CAPHEALTH_PATH_LEN && strlen(mark) == n
        && strchr(mark, '/') == NULL
        && strncmp(mark, id, CAPHEALTH_ID_LEN) == 0
        && mark[CAPHEALTH_ID_LEN] == '_'
        && strcmp(name, id) == 0
        && json_is_object(variants)
        && caphealth_record_hex_valid(request))
    {
        return json;
    }

    json_decref(json);

    return NULL;
}


static int
caphealth_record_hex_valid(const char *text)
{
    return strlen(text) == 2 * CAPHEALTH_DIGEST_LEN
           && strspn(text, "0123456789abcdef") == 2 * CAPHEALTH_DIGEST_LEN;
}


static void
caphealth_record_name(const caphealth_image_record_t *record,
    char name[CAPHEALTH_RECORD_NAME])
{
    (void) snprintf(name, CAPHEALTH_RECORD_NAME,
                    "%s_%s" CAPHEALTH_RECORD_SUFFIX, record->id,
                    record->secret);
}


static void
caphealth_record_temp(const caphealth_image_record_t *record,
    char temp[CAPHEALTH_RECORD_NAME])
{
    (void) snprintf(temp, CAPHEALTH_RECORD_NAME,
                    ".%s_%s" CAPHEALTH_RECORD_SUFFIX ".tmp", record->id,
                    record->secret);
}


static void
caphealth_record_lock_name(const caphealth_image_record_t *record,
    char lock[CAPHEALTH_RECORD_NAME])
{
    (void) snprintf(lock, CAPHEALTH_RECORD_NAME, ".%s.tmp", record->id);
}


static int
caphealth_record_failed(caphealth_image_record_t *record, const char *call)
{
    record->failed = call;

    return -1;
}
