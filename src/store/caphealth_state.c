
/*
 * The counts of an image tree, saved in a file.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caphealth_state.h"


/* "caphtree" and the version of caphealth_tree_t */
#define CAPHEALTH_STATE_MAGIC  (0x6361706874726565u + 2)

#define CAPHEALTH_STATE_NAME   64

/* the byte at the offset of a number is locked by processes that claim it */
#define CAPHEALTH_STATE_CLAIMS  "counting.lock"


typedef struct {
    uint64_t   magic;
    uint64_t   size;             /* of the tree */
    uint64_t   hash;             /* of the root's path and the tree */
    uint64_t   root_len;
    char       root[PATH_MAX];
} caphealth_state_t;


static int caphealth_state_claimed(int fd, off_t start, off_t len);
static int caphealth_state_write(int fd, const caphealth_state_t *state,
    const caphealth_tree_t *t);
static int caphealth_state_read(int fd, const char *root,
    caphealth_tree_t *t);
static ssize_t caphealth_state_read_full(int fd, void *data, size_t size);
static int caphealth_state_header(caphealth_state_t *state, const char *root,
    const caphealth_tree_t *t);
static void caphealth_state_name(char name[CAPHEALTH_STATE_NAME],
    const char *root, const char *suffix);


int
caphealth_state_lock(const char *dir)
{
    int  fd, err;

    fd = open(dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    while (flock(fd, LOCK_EX) == -1) {

        if (errno == EINTR) {
            continue;
        }

        err = errno;
        (void) close(fd);
        errno = err;

        return -1;
    }

    return fd;
}


/*
 * Record locks, because a child does not inherit them, and those of the same
 * process do not conflict.
 */

int
caphealth_state_claim(const char *dir, uint64_t number)
{
    int           fd, top, err;
    struct flock  lock;

    top = open(dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (top == -1) {
        return -1;
    }

    fd = openat(top, CAPHEALTH_STATE_CLAIMS,
                O_RDWR|O_CREAT|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC, 0600);
    err = errno;
    (void) close(top);

    if (fd == -1) {
        errno = err;
        return -1;
    }

    memset(&lock, 0, sizeof(struct flock));
    lock.l_type = F_RDLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = (off_t) number;
    lock.l_len = 1;

    if (fcntl(fd, F_SETLK, &lock) == -1) {
        err = errno;
        (void) close(fd);
        errno = err;

        return -1;
    }

    return fd;
}


int
caphealth_state_others(int fd, uint64_t number)
{
    int  rc;

    rc = caphealth_state_claimed(fd, 0, (off_t) number);

    if (rc == 0) {
        rc = caphealth_state_claimed(fd, (off_t) number + 1, 0);
    }

    return rc;
}


/* whether another process has a lock there; len 0: up to the end */

static int
caphealth_state_claimed(int fd, off_t start, off_t len)
{
    struct flock  lock;

    memset(&lock, 0, sizeof(struct flock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = len;

    if (fcntl(fd, F_GETLK, &lock) == -1) {
        return -1;
    }

    return lock.l_type != F_UNLCK;
}


int
caphealth_state_save(int dir, const char *root, const caphealth_tree_t *t)
{
    int                fd, rc, err;
    char               name[CAPHEALTH_STATE_NAME], temp[CAPHEALTH_STATE_NAME];
    caphealth_state_t  state;

    if (caphealth_state_header(&state, root, t) == -1) {
        return -1;
    }

    caphealth_state_name(name, root, "");
    caphealth_state_name(temp, root, ".new");

    /* the directory is locked, so a process that was killed has left this */

    (void) unlinkat(dir, temp, 0);

    fd = openat(dir, temp, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);
    if (fd == -1) {
        return -1;
    }

    rc = caphealth_state_write(fd, &state, t);
    err = errno;

    if (close(fd) == -1 && rc == 0) {
        rc = -1;
        err = errno;
    }

    if (rc == 0) {
        rc = renameat(dir, temp, dir, name);

        if (rc == 0) {
            rc = fsync(dir);
        }

        err = errno;
    }

    if (rc == -1) {
        (void) unlinkat(dir, temp, 0);
    }

    errno = err;

    return rc;
}


static int
caphealth_state_write(int fd, const caphealth_state_t *state,
    const caphealth_tree_t *t)
{
    size_t       i, n;
    ssize_t      done;
    const void  *parts[] = { state, t };
    size_t       sizes[] = { sizeof(*state), sizeof(*t) };

    for (i = 0; i < 2; i++) {
        for (n = 0; n < sizes[i]; n += (size_t) done) {

            done = write(fd, (const char *) parts[i] + n, sizes[i] - n);

            if (done == -1) {
                if (errno != EINTR) {
                    return -1;
                }

                done = 0;
            }
        }
    }

    return fsync(fd);
}


caphealth_state_e
caphealth_state_load(const char *dir, const char *root, caphealth_tree_t *t)
{
    int   top, fd, rc;
    char  name[CAPHEALTH_STATE_NAME], bad[CAPHEALTH_STATE_NAME];

    top = caphealth_state_lock(dir);
    if (top == -1) {
        return errno == ENOENT ? CAPHEALTH_STATE_NONE : CAPHEALTH_STATE_ERROR;
    }

    caphealth_state_name(name, root, "");
    caphealth_state_name(bad, root, ".bad");

    /* open() of a fifo would block, hence O_NONBLOCK */

    fd = openat(top, name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1) {
        rc = errno;
        (void) close(top);
        errno = rc;

        return rc == ENOENT ? CAPHEALTH_STATE_NONE : CAPHEALTH_STATE_ERROR;
    }

    rc = caphealth_state_read(fd, root, t);
    (void) close(fd);

    if (rc == -1) {
        (void) renameat(top, name, top, bad);
    }

    (void) close(top);

    return rc == 0 ? CAPHEALTH_STATE_OK : CAPHEALTH_STATE_FOREIGN;
}


static int
caphealth_state_read(int fd, const char *root, caphealth_tree_t *t)
{
    char               more;
    caphealth_state_t  state, expected;

    if (caphealth_state_read_full(fd, &state, sizeof(state))
        != (ssize_t) sizeof(state)
        || caphealth_state_read_full(fd, t, sizeof(*t)) != (ssize_t) sizeof(*t)
        || caphealth_state_read_full(fd, &more, 1) != 0)
    {
        return -1;
    }

    if (caphealth_state_header(&expected, root, t) == -1
        || memcmp(&state, &expected, sizeof(state)) != 0)
    {
        return -1;
    }

    /* a tree of which nothing is known is never saved */

    return caphealth_tree_valid(t)
           && t->scan.source != CAPHEALTH_TREE_UNKNOWN
           ? 0 : -1;
}


static ssize_t
caphealth_state_read_full(int fd, void *data, size_t size)
{
    size_t   n;
    ssize_t  done;

    for (n = 0; n < size; n += (size_t) done) {

        done = read(fd, (char *) data + n, size - n);

        if (done == 0) {
            break;
        }

        if (done == -1) {
            if (errno != EINTR) {
                return -1;
            }

            done = 0;
        }
    }

    return (ssize_t) n;
}


static int
caphealth_state_header(caphealth_state_t *state, const char *root,
    const caphealth_tree_t *t)
{
    size_t  len;

    len = strlen(root);

    if (len >= sizeof(state->root)) {
        errno = ENAMETOOLONG;
        return -1;
    }

    memset(state, 0, sizeof(caphealth_state_t));

    state->magic = CAPHEALTH_STATE_MAGIC;
    state->size = sizeof(caphealth_tree_t);
    state->root_len = len;
    memcpy(state->root, root, len);

    state->hash = caphealth_hash(CAPHEALTH_HASH, root, len);
    state->hash = caphealth_hash(state->hash, t, sizeof(caphealth_tree_t));

    return 0;
}


static void
caphealth_state_name(char name[CAPHEALTH_STATE_NAME], const char *root,
    const char *suffix)
{
    (void) snprintf(name, CAPHEALTH_STATE_NAME, "%016llx.tree%s",
                    (unsigned long long) caphealth_hash(CAPHEALTH_HASH, root,
                                                        strlen(root)),
                    suffix);
}
