
/*
 * Whose images are in a tree.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_owners.h"
#include "caphealth_tree.h"
#include "caphealth_utf8.h"


#define CAPHEALTH_OWNERS_COUNTS  ".counts"

/* "caphown" and the version */
#define CAPHEALTH_OWNERS_MAGIC   0x636170686f776e01u

/* a name that has no image: of an upload that was killed, after so long */
#define CAPHEALTH_OWNERS_LEFT    3600          /* seconds */

/* counts that are read while another writes them */
#define CAPHEALTH_OWNERS_TRIES   3

/* "../../" */
#define CAPHEALTH_OWNERS_UP      6


/* ".counts"; only a machine of the same kind can read it */

typedef struct {
    uint64_t  magic;
    int64_t   images;
    int64_t   bytes;
    double    looked_at;
    int64_t   seconds;           /* the directory's modification time; 0: the
                                    images are being changed, and these are
                                    the counts before that */
    int64_t   nanoseconds;
    uint64_t  hash;              /* of all of the above */
} caphealth_owner_counts_t;


static int caphealth_owner_failed(caphealth_owner_t *o, const char *call);
static int caphealth_owner_hex(char c);
static int caphealth_owner_open_dir(caphealth_owner_t *o, const char *root,
    const char *name, int create);
static int caphealth_owner_make(int parent, const char *name);
static int caphealth_owner_read(caphealth_owner_t *o, double max_age);
static int caphealth_owner_read_noted(caphealth_owner_t *o,
    caphealth_owner_counts_t *counts);
static int caphealth_owner_before(const char *root,
    caphealth_owner_row_t *row);
static int caphealth_owner_look(caphealth_owner_t *o);
static int caphealth_owner_image(caphealth_owner_t *o, int dir,
    const char *id, double now);
static int64_t caphealth_owner_image_bytes(int leaf, const char *id);
static void caphealth_owner_note(caphealth_owner_t *o, int known);
static double caphealth_owner_now(void);
static int caphealth_owner_images_of(int parent, const char *dir,
    const char *prefix, int (*image)(void *data, const char *id,
    const char *name), void *data);
static int caphealth_owner_open_all(const char *root, DIR **list);
static int caphealth_owner_compare(const void *a, const void *b);


int
caphealth_owner_valid(const char *name, size_t len)
{
    size_t  i;

    if (len == 0 || len > CAPHEALTH_OWNER_LEN
        || !caphealth_utf8_valid(name, len))
    {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if ((unsigned char) name[i] < 0x20 || name[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


int
caphealth_owner_open(caphealth_owner_t *o, const char *root, const char *name,
    int create, double max_age)
{
    int  err;

    memset(o, 0, sizeof(caphealth_owner_t));
    o->dir = -1;

    if (caphealth_owner_open_dir(o, root, name, create) == -1) {
        return -1;
    }

    /* the lock ends with the descriptor, also if the process is killed */

    if (flock(o->dir, LOCK_EX|LOCK_NB) == -1) {
        (void) caphealth_owner_failed(o, "flock() of an owner");
        goto failed;
    }

    if (caphealth_owner_read(o, max_age) == 0
        || caphealth_owner_look(o) == 0)
    {
        return 0;
    }

failed:

    err = errno;
    (void) close(o->dir);
    o->dir = -1;
    errno = err;

    return -1;
}


static int
caphealth_owner_failed(caphealth_owner_t *o, const char *call)
{
    o->failed = call;

    return -1;
}


void
caphealth_owner_encode(const char *name, char text[CAPHEALTH_OWNER_TEXT])
{
    size_t  n;

    for (n = 0; *name != '\0' && n + 3 < CAPHEALTH_OWNER_TEXT; name++) {

        if ((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')
            || (*name >= '0' && *name <= '9') || *name == '-' || *name == '_')
        {
            text[n++] = *name;
            continue;
        }

        n += (size_t) snprintf(text + n, CAPHEALTH_OWNER_TEXT - n, "%%%02x",
                               (unsigned char) *name);
    }

    text[n] = '\0';
}


int
caphealth_owner_decode(const char *text, char name[CAPHEALTH_OWNER_LEN + 1])
{
    char    again[CAPHEALTH_OWNER_TEXT];
    size_t  i, n;

    for (i = 0, n = 0; text[i] != '\0' && n < CAPHEALTH_OWNER_LEN; n++) {

        if (text[i] != '%') {
            name[n] = text[i++];
            continue;
        }

        if (caphealth_owner_hex(text[i + 1]) == -1
            || caphealth_owner_hex(text[i + 2]) == -1)
        {
            return -1;
        }

        name[n] = (char) (caphealth_owner_hex(text[i + 1]) << 4
                          | caphealth_owner_hex(text[i + 2]));
        i += 3;
    }

    name[n] = '\0';

    if (text[i] != '\0' || !caphealth_owner_valid(name, n)) {
        return -1;
    }

    caphealth_owner_encode(name, again);

    return strcmp(text, again) == 0 ? 0 : -1;
}


static int
caphealth_owner_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static int
caphealth_owner_open_dir(caphealth_owner_t *o, const char *root,
    const char *name, int create)
{
    int   top, owners, err;
    char  dir[CAPHEALTH_OWNER_TEXT];

    caphealth_owner_encode(name, dir);

    top = open(root, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (top == -1) {
        return caphealth_owner_failed(o, "open() of the image root");
    }

    owners = openat(top, CAPHEALTH_OWNERS_DIR,
                    O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (owners == -1 && errno == ENOENT && create
        && caphealth_owner_make(top, CAPHEALTH_OWNERS_DIR) == 0)
    {
        owners = openat(top, CAPHEALTH_OWNERS_DIR,
                        O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    }

    err = errno;
    (void) close(top);
    errno = err;

    if (owners == -1) {
        return caphealth_owner_failed(o, "open() of the owners' directory");
    }

    o->dir = openat(owners, dir, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (o->dir == -1 && errno == ENOENT && create
        && caphealth_owner_make(owners, dir) == 0)
    {
        o->dir = openat(owners, dir,
                        O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    }

    err = errno;
    (void) close(owners);
    errno = err;

    return o->dir == -1 ? caphealth_owner_failed(o, "open() of an owner") : 0;
}


/* other users cannot see whose images are in the tree: 0700 */

static int
caphealth_owner_make(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) == -1 && errno != EEXIST) {
        return -1;
    }

    return fsync(parent);
}


/* -1: what was noted does not hold */

static int
caphealth_owner_read(caphealth_owner_t *o, double max_age)
{
    double                    age;
    struct stat               st;
    caphealth_owner_counts_t  counts;

    if (caphealth_owner_read_noted(o, &counts) == -1
        || fstat(o->dir, &st) == -1
        || counts.seconds != (int64_t) st.st_mtim.tv_sec
        || counts.nanoseconds != (int64_t) st.st_mtim.tv_nsec)
    {
        return -1;
    }

    age = caphealth_owner_now() - counts.looked_at;

    if (max_age > 0 && (age < 0 || age > max_age)) {
        return -1;
    }

    o->images = counts.images;
    o->bytes = counts.bytes;
    o->looked_at = counts.looked_at;
    o->known = 1;

    return 0;
}


/* whether they hold or not */

static int
caphealth_owner_read_noted(caphealth_owner_t *o,
    caphealth_owner_counts_t *counts)
{
    int      fd;
    ssize_t  n;

    fd = openat(o->dir, CAPHEALTH_OWNERS_COUNTS,
                O_RDONLY|O_NOFOLLOW|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    do {
        n = read(fd, counts, sizeof(caphealth_owner_counts_t));
    } while (n == -1 && errno == EINTR);

    (void) close(fd);

    return n == (ssize_t) sizeof(caphealth_owner_counts_t)
           && counts->magic == CAPHEALTH_OWNERS_MAGIC
           && counts->hash == caphealth_hash(CAPHEALTH_HASH, counts,
                                    offsetof(caphealth_owner_counts_t, hash))
           && counts->images >= 0 && counts->bytes >= 0
           ? 0 : -1;
}


static int
caphealth_owner_look(caphealth_owner_t *o)
{
    DIR            *list;
    int             fd, err;
    double          now;
    struct dirent  *entry;

    o->images = 0;
    o->bytes = 0;

    fd = openat(o->dir, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    list = (fd == -1) ? NULL : fdopendir(fd);

    if (list == NULL) {
        err = errno;

        if (fd != -1) {
            (void) close(fd);
        }

        errno = err;

        return caphealth_owner_failed(o, "open() of an owner");
    }

    now = caphealth_owner_now();

    for ( ;; ) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            break;
        }

        if (caphealth_id_valid(entry->d_name, strlen(entry->d_name))
            && caphealth_owner_image(o, dirfd(list), entry->d_name, now)
               == -1)
        {
            break;
        }
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    if (err) {
        return caphealth_owner_failed(o, "read() of an owner");
    }

    o->looked_at = now;

    /* stored at once, so that the next count is shorter */

    caphealth_owner_note(o, 1);
    o->known = 1;

    return 0;
}


/* counts an image, or removes the name of one that is gone */

static int
caphealth_owner_image(caphealth_owner_t *o, int dir, const char *id,
    double now)
{
    int          leaf;
    char         path[CAPHEALTH_OWNERS_UP + CAPHEALTH_LEAF_LEN];
    int64_t      bytes;
    struct stat  st, link;

    /* the mark, which the link leads to */

    if (fstatat(dir, id, &st, 0) == -1) {
        if (errno != ENOENT) {
            return -1;
        }

        if (fstatat(dir, id, &link, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISLNK(link.st_mode)
            && now - (double) link.st_ctim.tv_sec > CAPHEALTH_OWNERS_LEFT)
        {
            (void) unlinkat(dir, id, 0);
        }

        errno = 0;
        return 0;
    }

    (void) snprintf(path, sizeof(path), "../../%.2s/%.2s", id, id + 2);

    leaf = openat(dir, path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (leaf == -1) {
        return -1;
    }

    bytes = caphealth_owner_image_bytes(leaf, id);

    if (bytes == -1) {
        return -1;
    }

    o->images++;
    o->bytes += bytes;
    errno = 0;

    return 0;
}


/* of all its files but the record, as in the tree; leaf is closed */

static int64_t
caphealth_owner_image_bytes(int leaf, const char *id)
{
    DIR            *list;
    int             err;
    int64_t         bytes;
    struct stat     st;
    struct dirent  *entry;

    list = fdopendir(leaf);

    if (list == NULL) {
        err = errno;
        (void) close(leaf);
        errno = err;
        return -1;
    }

    bytes = 0;

    for ( ;; ) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            break;
        }

        if (strncmp(entry->d_name, id, CAPHEALTH_ID_LEN) == 0
            && entry->d_name[CAPHEALTH_ID_LEN] == '_'
            && !caphealth_record_name_valid(entry->d_name,
                                            strlen(entry->d_name))
            && fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)
               == 0
            && S_ISREG(st.st_mode))
        {
            bytes += st.st_size;
        }
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    return err ? -1 : bytes;
}


int
caphealth_owner_add(caphealth_owner_t *o, const char *id, const char *path)
{
    char  target[CAPHEALTH_OWNERS_UP + CAPHEALTH_PATH_LEN];

    caphealth_owner_doubt(o);

    (void) snprintf(target, sizeof(target), "../../%s", path);

    return symlinkat(target, o->dir, id) == -1
           ? caphealth_owner_failed(o, "symlink() of an owner's image") : 0;
}


int
caphealth_owner_sync(caphealth_owner_t *o)
{
    return fsync(o->dir) == -1
           ? caphealth_owner_failed(o, "fsync() of an owner") : 0;
}


void
caphealth_owner_doubt(caphealth_owner_t *o)
{
    if (o->known) {
        o->known = 0;
        caphealth_owner_note(o, 0);
    }
}


int
caphealth_owner_remove(caphealth_owner_t *o, const char *id)
{
    caphealth_owner_doubt(o);

    return unlinkat(o->dir, id, 0) == -1 && errno != ENOENT
           ? caphealth_owner_failed(o, "unlink() of an owner's image") : 0;
}


void
caphealth_owner_close(caphealth_owner_t *o, int64_t images, int64_t bytes,
    int sure)
{
    if (o->dir == -1) {
        return;
    }

    /* else nothing was changed, or what was noted stays void */

    if (!o->known && sure) {
        o->images += images;
        o->bytes += bytes;
        caphealth_owner_note(o, o->images >= 0 && o->bytes >= 0);
    }

    (void) close(o->dir);
    o->dir = -1;
}


/*
 * Not known: until the next note, so that what a killed process has changed is
 * seen even if the clock of the file system has not moved meanwhile; with what
 * was known before.  It is written in place, for a new file would change the
 * directory.
 */

static void
caphealth_owner_note(caphealth_owner_t *o, int known)
{
    int                       fd;
    struct stat               st;
    caphealth_owner_counts_t  counts;

    fd = openat(o->dir, CAPHEALTH_OWNERS_COUNTS,
                O_WRONLY|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600);
    if (fd == -1) {
        return;
    }

    memset(&counts, 0, sizeof(counts));

    if (fstat(o->dir, &st) == 0) {
        counts.magic = CAPHEALTH_OWNERS_MAGIC;
        counts.images = o->images;
        counts.bytes = o->bytes;
        counts.looked_at = o->looked_at;
        counts.seconds = known ? (int64_t) st.st_mtim.tv_sec : 0;
        counts.nanoseconds = known ? (int64_t) st.st_mtim.tv_nsec : 0;
        counts.hash = caphealth_hash(CAPHEALTH_HASH, &counts,
                                   offsetof(caphealth_owner_counts_t, hash));
    }

    /* a file that is missing or empty says that they are not known */

    if (pwrite(fd, &counts, sizeof(counts), 0) != (ssize_t) sizeof(counts)
        && ftruncate(fd, 0) == -1)
    {
        (void) unlinkat(o->dir, CAPHEALTH_OWNERS_COUNTS, 0);
    }

    (void) close(fd);
}


static double
caphealth_owner_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


int
caphealth_owner_has(const char *root, const char *name, const char *id)
{
    int   fd, rc;
    char  dir[CAPHEALTH_OWNER_TEXT], path[PATH_MAX];

    caphealth_owner_encode(name, dir);

    if ((size_t) snprintf(path, sizeof(path), "%s/" CAPHEALTH_OWNERS_DIR
                          "/%s", root, dir)
        >= sizeof(path))
    {
        errno = ENAMETOOLONG;
        return -1;
    }

    fd = open(path, O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (fd == -1) {
        return errno == ENOENT ? 0 : -1;
    }

    rc = faccessat(fd, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? 1
         : errno == ENOENT ? 0 : -1;
    (void) close(fd);

    return rc;
}


/* NULL and 0: there are no owners */

static int
caphealth_owner_open_all(const char *root, DIR **list)
{
    int   fd, err;
    char  path[PATH_MAX];

    *list = NULL;

    if ((size_t) snprintf(path, sizeof(path), "%s/" CAPHEALTH_OWNERS_DIR,
                          root)
        >= sizeof(path))
    {
        errno = ENAMETOOLONG;
        return -1;
    }

    fd = open(path, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (fd == -1) {
        return errno == ENOENT ? 0 : -1;
    }

    *list = fdopendir(fd);

    if (*list == NULL) {
        err = errno;
        (void) close(fd);
        errno = err;
        return -1;
    }

    return 0;
}


int
caphealth_owner_find(const char *root, const char *id,
    char name[CAPHEALTH_OWNER_LEN + 1])
{
    DIR            *list;
    int             rc, err;
    char            path[NAME_MAX + 1 + CAPHEALTH_ID_LEN + 1];
    struct dirent  *entry;

    if (caphealth_owner_open_all(root, &list) == -1) {
        return -1;
    }

    if (list == NULL) {
        return 0;
    }

    for (rc = 0; rc == 0; /* void */) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            rc = errno ? -1 : 0;
            break;
        }

        (void) snprintf(path, sizeof(path), "%s/%s", entry->d_name, id);

        if (faccessat(dirfd(list), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
            && caphealth_owner_decode(entry->d_name, name) == 0)
        {
            rc = 1;
        }
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    return rc;
}


int
caphealth_owner_images(const char *root, const char *prefix,
    int (*image)(void *data, const char *id, const char *name), void *data)
{
    DIR            *list;
    int             rc, err;
    struct dirent  *entry;

    if (caphealth_owner_open_all(root, &list) == -1) {
        return -1;
    }

    for (rc = 0; list != NULL && rc == 0; /* void */) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            rc = errno ? -1 : 0;
            break;
        }

        rc = caphealth_owner_images_of(dirfd(list), entry->d_name, prefix,
                                       image, data);
    }

    if (list != NULL) {
        err = errno;
        (void) closedir(list);
        errno = err;
    }

    return rc;
}


static int
caphealth_owner_images_of(int parent, const char *dir, const char *prefix,
    int (*image)(void *data, const char *id, const char *name), void *data)
{
    DIR            *list;
    int             fd, rc, err;
    char            name[CAPHEALTH_OWNER_LEN + 1];
    struct dirent  *entry;

    if (caphealth_owner_decode(dir, name) == -1) {
        return 0;
    }

    fd = openat(parent, dir, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (fd == -1) {
        return (errno == ENOENT || errno == ENOTDIR) ? 0 : -1;
    }

    list = fdopendir(fd);

    if (list == NULL) {
        err = errno;
        (void) close(fd);
        errno = err;
        return -1;
    }

    for (rc = 0; rc == 0; /* void */) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            rc = errno ? -1 : 0;
            break;
        }

        if (caphealth_id_valid(entry->d_name, strlen(entry->d_name))
            && strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
        {
            rc = image(data, entry->d_name, name);
        }
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    return rc;
}


int
caphealth_owner_list(const char *root, double max_age,
    caphealth_owner_row_t **rows, size_t *n)
{
    DIR                    *list;
    int                     err;
    size_t                  room;
    struct dirent          *entry;
    caphealth_owner_t       o;
    caphealth_owner_row_t   row, *more;

    *rows = NULL;
    *n = 0;
    room = 0;
    err = 0;

    if (caphealth_owner_open_all(root, &list) == -1) {
        return -1;
    }

    while (list != NULL && err == 0) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            err = errno;
            break;
        }

        if (caphealth_owner_decode(entry->d_name, row.name) == -1) {
            continue;
        }

        if (caphealth_owner_open(&o, root, row.name, 0, max_age) == 0) {
            row.images = o.images;
            row.bytes = o.bytes;
            caphealth_owner_close(&o, 0, 0, 1);

        } else if (errno != EWOULDBLOCK
                   || caphealth_owner_before(root, &row) == -1)
        {
            err = (errno == ENOENT || errno == ENOTDIR) ? 0 : errno;
            continue;
        }

        if (row.images == 0) {
            continue;
        }

        if (*n == room) {
            room = room == 0 ? 64 : 2 * room;
            more = realloc(*rows, room * sizeof(caphealth_owner_row_t));

            if (more == NULL) {
                err = ENOMEM;
                break;
            }

            *rows = more;
        }

        (*rows)[(*n)++] = row;
    }

    if (list != NULL) {
        (void) closedir(list);
    }

    if (err) {
        free(*rows);
        *rows = NULL;
        errno = err;
        return -1;
    }

    if (*n) {
        qsort(*rows, *n, sizeof(caphealth_owner_row_t),
              caphealth_owner_compare);
    }

    return 0;
}


/* of one that is locked; EWOULDBLOCK: it is not known */

static int
caphealth_owner_before(const char *root, caphealth_owner_row_t *row)
{
    int                       i, rc;
    caphealth_owner_t         o;
    caphealth_owner_counts_t  counts;

    if (caphealth_owner_open_dir(&o, root, row->name, 0) == -1) {
        return -1;
    }

    /* they may be written at this moment */

    for (i = 0, rc = -1; rc == -1 && i < CAPHEALTH_OWNERS_TRIES; i++) {
        rc = caphealth_owner_read_noted(&o, &counts);
    }

    (void) close(o.dir);

    if (rc == -1) {
        errno = EWOULDBLOCK;
        return -1;
    }

    row->images = counts.images;
    row->bytes = counts.bytes;

    return 0;
}


static int
caphealth_owner_compare(const void *a, const void *b)
{
    const caphealth_owner_row_t  *one = a, *two = b;

    if (one->bytes != two->bytes) {
        return one->bytes < two->bytes ? 1 : -1;
    }

    return strcmp(one->name, two->name);
}
