
/*
 * The source of an image: copied, hidden, named, removed.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "caphealth_image_files.h"
#include "caphealth_image_source.h"


/* ".<8 digits>.tmp" */
#define CAPHEALTH_HIDDEN_LEN  13


static int caphealth_image_source_fill(caphealth_image_source_t *source,
    int dir, const char *focus, int body, uint64_t offset);
static int caphealth_image_source_keep_focus(int fd, const char *focus);
static int caphealth_image_source_range(int to, int from, uint64_t offset,
    uint64_t length);
static int caphealth_image_source_hidden_name(
    caphealth_image_source_t *source);
static int caphealth_image_source_is_hidden(const char *rest, size_t len);
static int caphealth_image_source_failed(caphealth_image_source_t *source,
    const char *call);


int
caphealth_image_source_copy(caphealth_image_source_t *source,
    const char *root, const char *id, caphealth_format_e format,
    const char *focus, int body, uint64_t offset, uint64_t length)
{
    int  dir, rc, err;

    memset(source, 0, sizeof(caphealth_image_source_t));

    source->root = root;
    source->format = format;
    source->bytes = length;
    (void) snprintf(source->id, sizeof(source->id), "%s", id);

    if (caphealth_image_source_hidden_name(source) == -1) {
        return -1;
    }

    dir = caphealth_image_make_leaf(root, id, 0700, &source->failed);

    if (dir == -1) {
        source->hidden[0] = '\0';
        return -1;
    }

    rc = caphealth_image_source_fill(source, dir, focus, body, offset);
    err = errno;

    if (rc == -1) {
        (void) unlinkat(dir, source->hidden, 0);
        source->hidden[0] = '\0';
    }

    (void) close(dir);
    errno = err;

    return rc;
}


static int
caphealth_image_source_fill(caphealth_image_source_t *source, int dir,
    const char *focus, int body, uint64_t offset)
{
    int  fd, err;

    fd = openat(dir, source->hidden,
                O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);
    if (fd == -1) {
        return caphealth_image_source_failed(source,
                                             "open(O_CREAT|O_EXCL)");
    }

    if (caphealth_image_source_range(fd, body, offset, source->bytes) == -1) {
        (void) caphealth_image_source_failed(source, "copy of a source");
        goto failed;
    }

    if (focus && caphealth_image_source_keep_focus(fd, focus) == -1) {
        (void) caphealth_image_source_failed(source, "fsetxattr()");
        goto failed;
    }

    if (fsync(fd) == -1) {
        (void) caphealth_image_source_failed(source, "fsync()");
        goto failed;
    }

    if (close(fd) == -1) {
        return caphealth_image_source_failed(source, "close()");
    }

    if (fsync(dir) == -1) {
        return caphealth_image_source_failed(source,
                                             "fsync() of a directory");
    }

    return 0;

failed:

    err = errno;
    (void) close(fd);
    errno = err;

    return -1;
}


static int
caphealth_image_source_keep_focus(int fd, const char *focus)
{
    if (fsetxattr(fd, CAPHEALTH_IMAGE_SOURCE_FOCUS, focus, strlen(focus), 0)
        == 0)
    {
        return 0;
    }

    return (errno == EOPNOTSUPP || errno == ENOSYS) ? 0 : -1;
}


/*
 * copy_file_range() does not copy between some file systems, as from memory
 * to a disk; sendfile() does.
 */

static int
caphealth_image_source_range(int to, int from, uint64_t offset,
    uint64_t length)
{
    off_t    at;
    size_t   most;
    ssize_t  n;
    int      ranges;

    at = (off_t) offset;
    ranges = 1;

    while (length) {
        most = length < 1024 * 1024 * 1024 ? (size_t) length
                                           : 1024 * 1024 * 1024;

        n = ranges ? copy_file_range(from, &at, to, NULL, most, 0)
                   : sendfile(to, from, &at, most);

        if (n > 0) {
            length -= (uint64_t) n;
            continue;
        }

        if (n == -1 && errno == EINTR) {
            continue;
        }

        /* 0 is also what some file systems return that cannot copy */

        if (ranges && (n == 0 || errno == EXDEV || errno == EINVAL
                       || errno == ENOSYS || errno == EOPNOTSUPP))
        {
            ranges = 0;
            continue;
        }

        if (n == 0) {
            errno = EIO;
        }

        return -1;
    }

    return 0;
}


int
caphealth_image_source_hide(caphealth_image_source_t *source,
    const char *root, const char *id)
{
    int                 dir, rc, err;
    char                name[CAPHEALTH_IMAGE_SOURCE_LEN];
    struct stat         st;
    caphealth_format_e  format;

    memset(source, 0, sizeof(caphealth_image_source_t));

    source->root = root;
    (void) snprintf(source->id, sizeof(source->id), "%s", id);

    dir = caphealth_image_find_leaf(root, id);
    if (dir == -1) {
        return caphealth_image_source_failed(source,
                                             "open() of a shard directory");
    }

    rc = -1;
    errno = ENOENT;

    for (format = CAPHEALTH_FORMAT_UNKNOWN + 1;
         rc == -1 && errno == ENOENT && format < CAPHEALTH_FORMAT_COUNT;
         format++)
    {
        source->format = format;
        caphealth_image_source_file(name, id, format);

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
            continue;
        }

        source->bytes = (uint64_t) st.st_size;

        rc = caphealth_image_source_hidden_name(source);

        if (rc == 0) {
            rc = caphealth_image_rename(dir, name, source->hidden);
        }
    }

    if (rc == 0) {
        rc = fsync(dir);
    }

    err = errno;

    if (rc == -1) {
        (void) caphealth_image_source_failed(source, "rename of a source");
        source->hidden[0] = '\0';
    }

    (void) close(dir);
    errno = err;

    return rc;
}


int
caphealth_image_source_name(caphealth_image_source_t *source)
{
    int   dir, rc, err;
    char  name[CAPHEALTH_IMAGE_SOURCE_LEN];

    dir = caphealth_image_find_leaf(source->root, source->id);
    if (dir == -1) {
        return caphealth_image_source_failed(source,
                                             "open() of a shard directory");
    }

    caphealth_image_source_file(name, source->id, source->format);

    rc = caphealth_image_rename(dir, source->hidden, name);

    if (rc == 0) {
        source->hidden[0] = '\0';
        source->named = 1;

    } else if (errno == EEXIST) {
        rc = unlinkat(dir, source->hidden, 0);
        source->hidden[0] = '\0';
    }

    if (rc == 0) {
        rc = fsync(dir);
    }

    err = errno;

    if (rc == -1) {
        (void) caphealth_image_source_failed(source, "rename of a source");
    }

    (void) close(dir);
    errno = err;

    return rc;
}


int
caphealth_image_source_remove(caphealth_image_source_t *source)
{
    int   dir, rc, err;
    char  name[CAPHEALTH_IMAGE_SOURCE_LEN];

    if (source->hidden[0] == '\0' && !source->named) {
        return 0;
    }

    dir = caphealth_image_find_leaf(source->root, source->id);
    if (dir == -1) {
        return caphealth_image_source_failed(source,
                                             "open() of a shard directory");
    }

    caphealth_image_source_file(name, source->id, source->format);

    rc = unlinkat(dir, source->named ? name : source->hidden, 0);

    if (rc == 0) {
        source->hidden[0] = '\0';
        source->named = 0;
        rc = fsync(dir);
    }

    err = errno;

    if (rc == -1) {
        (void) caphealth_image_source_failed(source, "unlink() of a source");
    }

    (void) close(dir);
    errno = err;

    return rc;
}


ssize_t
caphealth_image_source_focus(int fd, char *text, size_t size)
{
    ssize_t  n;

    n = fgetxattr(fd, CAPHEALTH_IMAGE_SOURCE_FOCUS, text, size);

    if (n == -1 && (errno == ENODATA || errno == EOPNOTSUPP
                    || errno == ENOSYS))
    {
        return 0;
    }

    return n;
}


caphealth_format_e
caphealth_image_source_valid(const char *name, size_t len, int *hidden)
{
    size_t              n;
    const char         *extension;
    caphealth_format_e  format;

    *hidden = (len && name[0] == '.');

    name += *hidden;
    len -= (size_t) *hidden;

    if (len <= CAPHEALTH_ID_LEN + 1 || name[CAPHEALTH_ID_LEN] != '.'
        || !caphealth_id_valid(name, CAPHEALTH_ID_LEN))
    {
        return CAPHEALTH_FORMAT_UNKNOWN;
    }

    name += CAPHEALTH_ID_LEN + 1;
    len -= CAPHEALTH_ID_LEN + 1;

    if (*hidden) {
        if (len <= CAPHEALTH_HIDDEN_LEN
            || !caphealth_image_source_is_hidden(name + len
                                                 - CAPHEALTH_HIDDEN_LEN,
                                                 CAPHEALTH_HIDDEN_LEN))
        {
            return CAPHEALTH_FORMAT_UNKNOWN;
        }

        len -= CAPHEALTH_HIDDEN_LEN;
    }

    for (format = CAPHEALTH_FORMAT_UNKNOWN + 1;
         format < CAPHEALTH_FORMAT_COUNT;
         format++)
    {
        extension = caphealth_format_name(format);
        n = strlen(extension);

        if (n == len && memcmp(name, extension, n) == 0) {
            return format;
        }
    }

    return CAPHEALTH_FORMAT_UNKNOWN;
}


static int
caphealth_image_source_is_hidden(const char *rest, size_t len)
{
    size_t  i;

    if (rest[0] != '.' || memcmp(rest + len - 4, ".tmp", 4) != 0) {
        return 0;
    }

    for (i = 1; i < len - 4; i++) {
        if ((rest[i] < '0' || rest[i] > '9')
            && (rest[i] < 'a' || rest[i] > 'f'))
        {
            return 0;
        }
    }

    return 1;
}


void
caphealth_image_source_file(char name[CAPHEALTH_IMAGE_SOURCE_LEN],
    const char *id, caphealth_format_e format)
{
    (void) snprintf(name, CAPHEALTH_IMAGE_SOURCE_LEN, "%.*s.%s",
                    CAPHEALTH_ID_LEN, id, caphealth_format_name(format));
}


/* another of the same image may be under way, so no two have the same name */

static int
caphealth_image_source_hidden_name(caphealth_image_source_t *source)
{
    ssize_t   n;
    uint32_t  number;

    do {
        n = getrandom(&number, sizeof(number), 0);
    } while (n == -1 && errno == EINTR);

    if (n != (ssize_t) sizeof(number)) {
        return caphealth_image_source_failed(source, "getrandom()");
    }

    (void) snprintf(source->hidden, sizeof(source->hidden),
                    ".%s.%s.%08x.tmp", source->id,
                    caphealth_format_name(source->format), number);

    return 0;
}


static int
caphealth_image_source_failed(caphealth_image_source_t *source,
    const char *call)
{
    source->failed = call;

    return -1;
}
