
/*
 * The files of one image, from their making to their end.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_set.h"


/* RIFF, the size of what follows, WEBP */
#define CAPHEALTH_SET_RIFF   12

/* ".", ".tmp" */
#define CAPHEALTH_TEMP_LEN   (CAPHEALTH_PATH_LEN + 5)

/* "/proc/self/fd/" and a number */
#define CAPHEALTH_PROC_LEN   (sizeof("/proc/self/fd/") + 12)

/* a process that is just being started has copies of all descriptors */
#define CAPHEALTH_SET_PAUSE  1000000     /* nanoseconds, then twice as many */
#define CAPHEALTH_SET_TRIES  11          /* 2 seconds in all */


static int caphealth_set_open_leaf(caphealth_set_t *set);
static int caphealth_set_reopen(caphealth_set_t *set);
static void caphealth_set_leave(caphealth_set_t *set);
static int caphealth_set_open_dir(caphealth_set_t *set, int parent,
    const char *name, size_t len);
static int caphealth_set_open_file(caphealth_set_t *set,
    caphealth_set_file_t *f);
static int caphealth_set_no_writers(caphealth_set_t *set,
    caphealth_set_file_t *f);
static int caphealth_set_lease(int fd);
static void caphealth_set_proc_path(char path[CAPHEALTH_PROC_LEN], int fd);
static int caphealth_set_link(caphealth_set_t *set, caphealth_set_file_t *f);
static int caphealth_set_move(caphealth_set_t *set, caphealth_set_file_t *f,
    const char *name);
static void caphealth_set_temp_name(caphealth_set_t *set,
    caphealth_set_file_t *f, char temp[CAPHEALTH_TEMP_LEN]);
static int caphealth_set_find_leaf(const char *root, const char *id);
static int caphealth_set_remove_file(int dir, const char *name,
    caphealth_removed_t *removed);
static int caphealth_set_remove_rest(int dir, const char *id,
    caphealth_removed_t *removed);
static int caphealth_set_failed(caphealth_set_t *set, const char *call);


void
caphealth_set_init(caphealth_set_t *set)
{
    memset(set, 0, sizeof(caphealth_set_t));
    set->dir = -1;
}


void
caphealth_set_add(caphealth_set_t *set, const char *name)
{
    caphealth_set_file_t  *f;

    f = &set->files[set->nfiles++];

    f->fd = -1;
    (void) snprintf(f->name, sizeof(f->name), "%s", name);
}


int
caphealth_set_open(caphealth_set_t *set, const char *root)
{
    unsigned  i;

    set->root = root;

    if (caphealth_id_create(set->id) == -1) {
        return caphealth_set_failed(set, "getrandom()");
    }

    if (caphealth_set_open_leaf(set) == -1) {
        return -1;
    }

    for (i = 0; i < set->nfiles; i++) {
        if (caphealth_set_open_file(set, &set->files[i]) == -1) {
            return -1;
        }
    }

    return 0;
}


static int
caphealth_set_open_leaf(caphealth_set_t *set)
{
    int  top, slice;

    top = open(set->root, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (top == -1) {
        return caphealth_set_failed(set, "open() of the image root");
    }

    slice = caphealth_set_open_dir(set, top, set->id, 2);
    (void) close(top);

    if (slice == -1) {
        return -1;
    }

    set->dir = caphealth_set_open_dir(set, slice, set->id + 2, 2);
    (void) close(slice);

    return set->dir == -1 ? -1 : 0;
}


/* a directory that is new must be as durable as what will be in it */

static int
caphealth_set_open_dir(caphealth_set_t *set, int parent, const char *name,
    size_t len)
{
    int   fd;
    char  dir[8];

    (void) snprintf(dir, sizeof(dir), "%.*s", (int) len, name);

    fd = openat(parent, dir, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (fd != -1) {
        return fd;
    }

    if (errno != ENOENT) {
        return caphealth_set_failed(set, "open() of a shard directory");
    }

    if (mkdirat(parent, dir, 0755) == -1 && errno != EEXIST) {
        return caphealth_set_failed(set, "mkdir()");
    }

    if (fsync(parent) == -1) {
        return caphealth_set_failed(set, "fsync() of a directory");
    }

    fd = openat(parent, dir, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    return fd == -1 ? caphealth_set_failed(set, "open() of a shard directory")
                    : fd;
}


static int
caphealth_set_open_file(caphealth_set_t *set, caphealth_set_file_t *f)
{
    char  temp[CAPHEALTH_TEMP_LEN];

    if (!set->no_tmpfile) {
        f->fd = openat(set->dir, ".", O_TMPFILE|O_RDWR|O_CLOEXEC, 0644);

        if (f->fd == -1 && errno != EOPNOTSUPP && errno != EISDIR
            && errno != EINVAL)
        {
            return caphealth_set_failed(set, "open(O_TMPFILE)");
        }
    }

    if (f->fd == -1) {
        caphealth_set_temp_name(set, f, temp);

        f->fd = openat(set->dir, temp,
                       O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0644);
        if (f->fd == -1) {
            return caphealth_set_failed(set, "open(O_CREAT|O_EXCL)");
        }

        f->named = 1;
    }

    /* whatever the umask */

    if (fchmod(f->fd, 0644) == -1) {
        return caphealth_set_failed(set, "fchmod()");
    }

    return 0;
}


int
caphealth_set_check(caphealth_set_t *set, unsigned i, uint64_t bytes)
{
    ssize_t      n;
    uint32_t     riff;
    uint8_t      head[CAPHEALTH_SET_RIFF];
    struct stat  st;

    if (caphealth_set_no_writers(set, &set->files[i]) == -1) {
        return -1;
    }

    if (fstat(set->files[i].fd, &st) == -1) {
        return caphealth_set_failed(set, "fstat()");
    }

    do {
        n = pread(set->files[i].fd, head, sizeof(head), 0);
    } while (n == -1 && errno == EINTR);

    if (n == -1) {
        return caphealth_set_failed(set, "pread()");
    }

    if (n == (ssize_t) sizeof(head)) {
        riff = head[4] | head[5] << 8 | head[6] << 16
               | (uint32_t) head[7] << 24;

        if (st.st_size >= 0
            && (uint64_t) st.st_size == bytes
            && (uint64_t) riff + 8 == bytes
            && memcmp(head, "RIFF", 4) == 0
            && memcmp(head + 8, "WEBP", 4) == 0)
        {
            return 0;
        }
    }

    errno = EINVAL;

    return caphealth_set_failed(set, "check of an output");
}


/*
 * Who made the file may still have it open for writing and change it after it
 * was checked, so this waits until nobody has.
 */

static int
caphealth_set_no_writers(caphealth_set_t *set, caphealth_set_file_t *f)
{
    int              fd, i;
    char             path[CAPHEALTH_PROC_LEN];
    struct timespec  pause;

    caphealth_set_proc_path(path, f->fd);

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return caphealth_set_failed(set, "open() of an output in /proc");
    }

    (void) close(f->fd);
    f->fd = fd;

    for (i = 0; i < CAPHEALTH_SET_TRIES; i++) {

        if (caphealth_set_lease(fd) == 0) {
            return 0;
        }

        pause.tv_sec = 0;
        pause.tv_nsec = (long) CAPHEALTH_SET_PAUSE << i;

        if (pause.tv_nsec > 999999999) {
            pause.tv_nsec = 999999999;
        }

        (void) nanosleep(&pause, NULL);
    }

    errno = EINVAL;

    return caphealth_set_failed(set, "check of who writes to an output");
}


/*
 * A lease of reading is given when no descriptor and no mapping can write,
 * in any process.  Some file systems, NFS among them, give none.
 */

static int
caphealth_set_lease(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == -1) {
        return errno == EAGAIN ? -1 : 0;
    }

    (void) fcntl(fd, F_SETLEASE, F_UNLCK);

    return 0;
}


static void
caphealth_set_proc_path(char path[CAPHEALTH_PROC_LEN], int fd)
{
    (void) snprintf(path, CAPHEALTH_PROC_LEN, "/proc/self/fd/%d", fd);
}


int
caphealth_set_release_fds(caphealth_set_t *set)
{
    char                   temp[CAPHEALTH_TEMP_LEN], proc[CAPHEALTH_PROC_LEN];
    unsigned               i;
    caphealth_set_file_t  *f;

    for (i = 0; i < set->nfiles; i++) {
        f = &set->files[i];

        if (!f->named) {
            caphealth_set_temp_name(set, f, temp);
            caphealth_set_proc_path(proc, f->fd);

            if (linkat(AT_FDCWD, proc, set->dir, temp, AT_SYMLINK_FOLLOW)
                == -1)
            {
                return caphealth_set_failed(set, "linkat()");
            }

            f->named = 1;
        }

        (void) close(f->fd);
        f->fd = -1;
    }

    set->released = 1;
    caphealth_set_leave(set);

    return 0;
}


/* the directory of one that is released */

static int
caphealth_set_reopen(caphealth_set_t *set)
{
    return set->dir == -1 && set->released ? caphealth_set_open_leaf(set) : 0;
}


static void
caphealth_set_leave(caphealth_set_t *set)
{
    if (set->released && set->dir != -1) {
        (void) close(set->dir);
        set->dir = -1;
    }
}


int
caphealth_set_publish(caphealth_set_t *set)
{
    int       err;
    unsigned  i;

    if (caphealth_set_reopen(set) == -1) {
        return -1;
    }

    for (i = set->nfiles; i-- > 0; /* void */) {
        if (caphealth_set_link(set, &set->files[i]) == -1) {
            goto failed;
        }
    }

    if (fsync(set->dir) == -1) {
        (void) caphealth_set_failed(set, "fsync() of a directory");
        goto failed;
    }

    caphealth_set_leave(set);

    return 0;

failed:

    err = errno;
    caphealth_set_withdraw(set);
    errno = err;

    return -1;
}


static int
caphealth_set_link(caphealth_set_t *set, caphealth_set_file_t *f)
{
    char  path[CAPHEALTH_PATH_LEN], proc[CAPHEALTH_PROC_LEN];

    (void) caphealth_path(path, set->id, f->name);

    if (f->named) {
        if (caphealth_set_move(set, f, path + CAPHEALTH_LEAF_LEN) == -1) {
            return caphealth_set_failed(set, "renameat2()");
        }

        f->named = 0;
        f->linked = 1;

        return 0;
    }

    /* AT_EMPTY_PATH needs a privilege that a worker does not have */

    caphealth_set_proc_path(proc, f->fd);

    if (linkat(AT_FDCWD, proc, set->dir, path + CAPHEALTH_LEAF_LEN,
               AT_SYMLINK_FOLLOW)
        == -1)
    {
        return caphealth_set_failed(set, "linkat()");
    }

    f->linked = 1;

    return 0;
}


/* some file systems, NFS among them, know no RENAME_NOREPLACE */

static int
caphealth_set_move(caphealth_set_t *set, caphealth_set_file_t *f,
    const char *name)
{
    char  temp[CAPHEALTH_TEMP_LEN];

    caphealth_set_temp_name(set, f, temp);

    if (renameat2(set->dir, temp, set->dir, name, RENAME_NOREPLACE) == 0) {
        return 0;
    }

    if (errno != EINVAL && errno != ENOSYS) {
        return -1;
    }

    if (linkat(set->dir, temp, set->dir, name, 0) == -1) {
        return -1;
    }

    (void) unlinkat(set->dir, temp, 0);

    return 0;
}


static void
caphealth_set_temp_name(caphealth_set_t *set, caphealth_set_file_t *f,
    char temp[CAPHEALTH_TEMP_LEN])
{
    char  path[CAPHEALTH_PATH_LEN];

    (void) caphealth_path(path, set->id, f->name);
    (void) snprintf(temp, CAPHEALTH_TEMP_LEN, ".%s.tmp",
                    path + CAPHEALTH_LEAF_LEN);
}


void
caphealth_set_withdraw(caphealth_set_t *set)
{
    char                   path[CAPHEALTH_PATH_LEN];
    unsigned               i;
    caphealth_set_file_t  *f;

    if (caphealth_set_reopen(set) == -1) {
        return;
    }

    for (i = 0; i < set->nfiles; i++) {
        f = &set->files[i];

        if (f->linked) {
            (void) caphealth_path(path, set->id, f->name);
            (void) unlinkat(set->dir, path + CAPHEALTH_LEAF_LEN, 0);
            f->linked = 0;
        }
    }
}


void
caphealth_set_close(caphealth_set_t *set)
{
    char                   temp[CAPHEALTH_TEMP_LEN];
    unsigned               i;
    caphealth_set_file_t  *f;

    for (i = 0; i < set->nfiles; i++) {
        f = &set->files[i];

        if (f->named && caphealth_set_reopen(set) == 0) {
            caphealth_set_temp_name(set, f, temp);
            (void) unlinkat(set->dir, temp, 0);
            f->named = 0;
        }

        if (f->fd != -1) {
            (void) close(f->fd);
            f->fd = -1;
        }
    }

    if (set->dir != -1) {
        (void) close(set->dir);
        set->dir = -1;
    }
}


int
caphealth_set_remove(const char *root, const char *id, const char *mark,
    caphealth_removed_t *removed)
{
    int   dir, rc, err;
    char  path[CAPHEALTH_PATH_LEN];

    memset(removed, 0, sizeof(caphealth_removed_t));

    (void) caphealth_path(path, id, mark);

    dir = caphealth_set_find_leaf(root, id);
    if (dir == -1) {
        return -1;
    }

    rc = caphealth_set_remove_file(dir, path + CAPHEALTH_LEAF_LEN, removed);
    removed->marked = (rc == 0);

    /* without its mark, what an earlier attempt left, or other variants did */

    if (rc == 0 || errno == ENOENT) {
        rc = caphealth_set_remove_rest(dir, id, removed);

        if (rc == 0 && removed->files == 0) {
            errno = ENOENT;
            rc = -1;
        }
    }

    if (rc == 0) {
        rc = fsync(dir);
    }

    err = errno;
    (void) close(dir);
    errno = err;

    return rc;
}


/* the directory of an image; no symbolic link below the root is followed */

static int
caphealth_set_find_leaf(const char *root, const char *id)
{
    int       fd, parent, err;
    char      name[3];
    unsigned  i;

    fd = open(root, O_PATH|O_DIRECTORY|O_CLOEXEC);

    for (i = 0; fd != -1 && i < 2; i++) {
        parent = fd;
        (void) snprintf(name, sizeof(name), "%.2s", id + 2 * i);

        fd = openat(parent, name,
                    O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
        err = errno;
        (void) close(parent);
        errno = err;
    }

    return fd;
}


static int
caphealth_set_remove_file(int dir, const char *name,
    caphealth_removed_t *removed)
{
    struct stat  st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        return -1;
    }

    if (unlinkat(dir, name, 0) == -1) {
        return -1;
    }

    removed->files++;
    removed->bytes += (uint64_t) st.st_size;

    return 0;
}


/* the variants may have been configured otherwise when it was uploaded */

static int
caphealth_set_remove_rest(int dir, const char *id,
    caphealth_removed_t *removed)
{
    DIR            *list;
    int             fd, err;
    struct dirent  *entry;

    fd = openat(dir, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    list = fdopendir(fd);
    if (list == NULL) {
        (void) close(fd);
        return -1;
    }

    err = 0;

    while ((entry = readdir(list)) != NULL) {
        if (strncmp(entry->d_name, id, CAPHEALTH_ID_LEN) == 0
            && entry->d_name[CAPHEALTH_ID_LEN] == '_'
            && caphealth_set_remove_file(dir, entry->d_name, removed)
               == -1
            && errno != ENOENT)
        {
            err = errno;
        }
    }

    (void) closedir(list);
    errno = err;

    return err ? -1 : 0;
}


static int
caphealth_set_failed(caphealth_set_t *set, const char *call)
{
    set->failed = call;

    return -1;
}
