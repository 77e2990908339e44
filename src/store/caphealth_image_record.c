
/*
 * What the client of an upload was told of an image, beside its files.
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

/* ".<id>_<secret>.answer.tmp"; without the first and the last of it, the
   record's own name */
#define CAPHEALTH_RECORD_NAME                                                 \
    (CAPHEALTH_ID_LEN + 1 + CAPHEALTH_SECRET_LEN                              \
     + sizeof("." CAPHEALTH_RECORD_SUFFIX ".tmp"))

/* others may give a claim up, or complete it, so often while this one looks */
#define CAPHEALTH_RECORD_TRIES    16


static caphealth_claim_e caphealth_record_take(
    caphealth_image_record_t *record, int dir, int *again);
static int caphealth_record_find(caphealth_image_record_t *record, int dir);
static char *caphealth_record_read(caphealth_image_record_t *record, int dir,
    const char *name, size_t *len);
static int caphealth_record_fill(caphealth_image_record_t *record,
    const char *text, size_t len);
static void caphealth_record_name(const caphealth_image_record_t *record,
    char name[CAPHEALTH_RECORD_NAME]);
static void caphealth_record_temp(const caphealth_image_record_t *record,
    char temp[CAPHEALTH_RECORD_NAME]);
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
            rc = CAPHEALTH_CLAIM_STORED;
            break;

        default:
            rc = caphealth_record_take(record, dir, &again);
            break;
        }
    }

    err = errno;
    (void) close(dir);
    errno = err;

    return rc;
}


/*
 * Locks the temporary name.  Another upload may have ended since the record
 * was looked for, and removed the file that is locked here, or completed it:
 * then all of it is done again.
 */

static caphealth_claim_e
caphealth_record_take(caphealth_image_record_t *record, int dir, int *again)
{
    int          fd;
    char         name[CAPHEALTH_RECORD_NAME], temp[CAPHEALTH_RECORD_NAME];
    struct stat  st, named;

    caphealth_record_name(record, name);
    caphealth_record_temp(record, temp);

    fd = openat(dir, temp, O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600);
    if (fd == -1) {
        return caphealth_record_failed(record, "open() of a record");
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
        || fstatat(dir, temp, &named, AT_SYMLINK_NOFOLLOW) == -1
        || st.st_ino != named.st_ino)
    {
        *again = 1;
        (void) close(fd);
        record->fd = -1;

        return CAPHEALTH_CLAIM_BUSY;
    }

    /* under the lock nobody else gives the record its name */

    switch (caphealth_record_find(record, dir)) {

    case -1:
        caphealth_record_release(record);
        return CAPHEALTH_CLAIM_ERROR;

    case 0:
        caphealth_record_release(record);
        return CAPHEALTH_CLAIM_STORED;

    default:
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

    rc = caphealth_record_fill(record, text, strlen(text));
    free(text);

    if (rc == -1) {
        return -1;
    }

    dir = caphealth_image_find_leaf(record->root, record->id);
    if (dir == -1) {
        return caphealth_record_failed(record, "open() of a shard directory");
    }

    caphealth_record_name(record, name);
    caphealth_record_temp(record, temp);

    rc = linkat(dir, temp, dir, name, 0);

    if (rc == -1) {
        (void) caphealth_record_failed(record, "linkat() of a record");

    } else {
        record->linked = 1;
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
caphealth_record_fill(caphealth_image_record_t *record, const char *text,
    size_t len)
{
    size_t   done;
    ssize_t  n;

    if (len > CAPHEALTH_RECORD_MAX) {
        errno = EFBIG;
        return caphealth_record_failed(record, "write() of a record");
    }

    /* a process that died may have left the beginning of another one */

    if (ftruncate(record->fd, 0) == -1) {
        return caphealth_record_failed(record, "ftruncate() of a record");
    }

    for (done = 0; done < len; done += (size_t) n) {
        n = pwrite(record->fd, text + done, len - done, (off_t) done);

        if (n == -1 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n == -1) {
            return caphealth_record_failed(record, "write() of a record");
        }
    }

    if (fsync(record->fd) == -1) {
        return caphealth_record_failed(record, "fsync() of a record");
    }

    return 0;
}


void
caphealth_record_withdraw(caphealth_image_record_t *record)
{
    int   dir;
    char  name[CAPHEALTH_RECORD_NAME];

    if (!record->linked) {
        return;
    }

    dir = caphealth_image_find_leaf(record->root, record->id);
    if (dir == -1) {
        return;
    }

    caphealth_record_name(record, name);
    (void) unlinkat(dir, name, 0);
    (void) close(dir);

    record->linked = 0;
}


void
caphealth_record_release(caphealth_image_record_t *record)
{
    int   dir;
    char  temp[CAPHEALTH_RECORD_NAME];

    if (record->fd == -1) {
        return;
    }

    dir = caphealth_image_find_leaf(record->root, record->id);

    if (dir != -1) {
        caphealth_record_temp(record, temp);
        (void) unlinkat(dir, temp, 0);
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


static int
caphealth_record_failed(caphealth_image_record_t *record, const char *call)
{
    record->failed = call;

    return -1;
}
