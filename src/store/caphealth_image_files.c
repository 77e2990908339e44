
/*
 * The files of one image in its tree: made, checked, published, removed.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_image_files.h"
#include "caphealth_output.h"


/* ".", ".tmp" */
#define CAPHEALTH_TEMP_LEN   (CAPHEALTH_PATH_LEN + 5)

/* "/proc/self/fd/" and a number */
#define CAPHEALTH_PROC_LEN   (sizeof("/proc/self/fd/") + 12)

/* a process that is being started has copies of all descriptors until it has
   called execve(), so a file that seems to have a writer is checked again */
#define CAPHEALTH_IMAGE_PAUSE  1000000     /* nanoseconds, then twice as many */
#define CAPHEALTH_IMAGE_TRIES  11          /* 2 seconds in all */


static int caphealth_image_open_files(caphealth_image_files_t *image);
static int caphealth_image_open_leaf(caphealth_image_files_t *image);
static int caphealth_image_reopen(caphealth_image_files_t *image);
static void caphealth_image_leave(caphealth_image_files_t *image);
static int caphealth_image_make_dir(int parent, const char *id, mode_t mode,
    const char **failed);
static int caphealth_image_open_file(caphealth_image_files_t *image,
    caphealth_image_file_t *f);
static int caphealth_image_read(int fd, uint8_t *to, size_t size,
    off_t offset);
static int caphealth_image_no_writers(caphealth_image_files_t *image,
    caphealth_image_file_t *f);
static int caphealth_image_lease(int fd);
static void caphealth_image_proc_path(char path[CAPHEALTH_PROC_LEN], int fd);
static int caphealth_image_link(caphealth_image_files_t *image,
    caphealth_image_file_t *f);
static int caphealth_image_hide(caphealth_image_files_t *image,
    caphealth_image_file_t *f);
static int caphealth_image_replace(caphealth_image_files_t *image,
    caphealth_image_file_t *f, const char *name);
static int caphealth_image_move(caphealth_image_files_t *image,
    caphealth_image_file_t *f, const char *name);
static void caphealth_image_temp_name(caphealth_image_files_t *image,
    caphealth_image_file_t *f, char temp[CAPHEALTH_TEMP_LEN]);
static int caphealth_image_remove_mark(int dir, const char *id,
    const char *mark, caphealth_removed_t *removed);
static int caphealth_image_remove_file(int dir, const char *name,
    caphealth_removed_t *removed);
static int caphealth_image_remove_rest(int dir, const char *id,
    caphealth_removed_t *removed);
static int caphealth_image_failed(caphealth_image_files_t *image,
    const char *call);


void
caphealth_image_init(caphealth_image_files_t *image)
{
    memset(image, 0, sizeof(caphealth_image_files_t));
    image->dir = -1;
}


void
caphealth_image_add(caphealth_image_files_t *image, const char *name)
{
    caphealth_image_file_t  *f;

    f = &image->variants[image->nvariants++];

    f->fd = -1;
    (void) snprintf(f->name, sizeof(f->name), "%s", name);
}


int
caphealth_image_open(caphealth_image_files_t *image, const char *root)
{
    image->root = root;

    if (image->id[0] == '\0' && caphealth_id_create(image->id) == -1) {
        return caphealth_image_failed(image, "getrandom()");
    }

    if (caphealth_image_open_leaf(image) == -1) {
        return -1;
    }

    return caphealth_image_open_files(image);
}


int
caphealth_image_open_spool(caphealth_image_files_t *image, const char *dir)
{
    char                     temp[CAPHEALTH_TEMP_LEN];
    unsigned                 i;
    caphealth_image_file_t  *f;

    if (image->id[0] == '\0' && caphealth_id_create(image->id) == -1) {
        return caphealth_image_failed(image, "getrandom()");
    }

    image->dir = open(dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (image->dir == -1) {
        return caphealth_image_failed(image, "open() of the directory");
    }

    if (caphealth_image_open_files(image) == -1) {
        return -1;
    }

    /* without O_TMPFILE they have names, which nothing needs here */

    for (i = 0; i < image->nvariants; i++) {
        f = &image->variants[i];

        if (!f->named) {
            continue;
        }

        caphealth_image_temp_name(image, f, temp);

        if (unlinkat(image->dir, temp, 0) == -1) {
            return caphealth_image_failed(image, "unlinkat()");
        }

        f->named = 0;
    }

    return 0;
}


static int
caphealth_image_open_files(caphealth_image_files_t *image)
{
    unsigned  i;

    for (i = 0; i < image->nvariants; i++) {
        if (caphealth_image_open_file(image, &image->variants[i]) == -1) {
            return -1;
        }
    }

    return 0;
}


static int
caphealth_image_open_leaf(caphealth_image_files_t *image)
{
    image->dir = caphealth_image_make_leaf(image->root, image->id, 0755,
                                           &image->failed);

    return image->dir == -1 ? -1 : 0;
}


int
caphealth_image_make_leaf(const char *root, const char *id, mode_t mode,
    const char **failed)
{
    int  top, slice, leaf;

    top = open(root, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (top == -1) {
        *failed = "open() of the image root";
        return -1;
    }

    slice = caphealth_image_make_dir(top, id, mode, failed);
    (void) close(top);

    if (slice == -1) {
        return -1;
    }

    leaf = caphealth_image_make_dir(slice, id + 2, mode, failed);
    (void) close(slice);

    return leaf;
}


/* a new directory is synced in its parent, or a crash could lose the image */

static int
caphealth_image_make_dir(int parent, const char *id, mode_t mode,
    const char **failed)
{
    int   fd;
    char  dir[3];

    (void) snprintf(dir, sizeof(dir), "%.2s", id);

    *failed = "open() of a shard directory";
    fd = openat(parent, dir, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (fd != -1 || errno != ENOENT) {
        return fd;
    }

    if (mkdirat(parent, dir, mode) == -1 && errno != EEXIST) {
        *failed = "mkdir()";
        return -1;
    }

    if (fsync(parent) == -1) {
        *failed = "fsync() of a directory";
        return -1;
    }

    return openat(parent, dir, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
}


static int
caphealth_image_open_file(caphealth_image_files_t *image,
    caphealth_image_file_t *f)
{
    char  temp[CAPHEALTH_TEMP_LEN];

    if (!image->no_tmpfile) {
        f->fd = openat(image->dir, ".", O_TMPFILE|O_RDWR|O_CLOEXEC, 0644);

        if (f->fd == -1 && errno != EOPNOTSUPP && errno != EISDIR
            && errno != EINVAL)
        {
            return caphealth_image_failed(image, "open(O_TMPFILE)");
        }
    }

    if (f->fd == -1) {
        caphealth_image_temp_name(image, f, temp);

        f->fd = openat(image->dir, temp,
                       O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0644);
        if (f->fd == -1) {
            return caphealth_image_failed(image, "open(O_CREAT|O_EXCL)");
        }

        f->named = 1;
    }

    /* the umask may have cleared some of the bits */

    if (fchmod(f->fd, 0644) == -1) {
        return caphealth_image_failed(image, "fchmod()");
    }

    return 0;
}


int
caphealth_image_check(caphealth_image_files_t *image, unsigned i,
    const caphealth_output_t *output)
{
    int                      rc;
    uint8_t                  head[CAPHEALTH_OUTPUT_HEAD];
    uint8_t                  tail[CAPHEALTH_OUTPUT_TAIL];
    struct stat              st;
    caphealth_image_file_t  *f;

    f = &image->variants[i];

    if (caphealth_image_no_writers(image, f) == -1) {
        return -1;
    }

    if (fstat(f->fd, &st) == -1) {
        return caphealth_image_failed(image, "fstat()");
    }

    if (st.st_size >= CAPHEALTH_OUTPUT_HEAD
        && (uint64_t) st.st_size == output->bytes)
    {
        rc = caphealth_image_read(f->fd, head, sizeof(head), 0);

        if (rc == 0) {
            rc = caphealth_image_read(f->fd, tail, sizeof(tail),
                                      st.st_size - (off_t) sizeof(tail));
        }

        if (rc == -1) {
            return caphealth_image_failed(image, "pread()");
        }

        if (caphealth_output_is(output->format, output->bytes, head, tail)) {
            f->format = output->format;
            return 0;
        }
    }

    errno = EINVAL;

    return caphealth_image_failed(image, "check of an output");
}


static int
caphealth_image_read(int fd, uint8_t *to, size_t size, off_t offset)
{
    ssize_t  n;

    do {
        n = pread(fd, to, size, offset);
    } while (n == -1 && errno == EINTR);

    if (n >= 0 && (size_t) n != size) {
        errno = EINVAL;
        return -1;
    }

    return n == -1 ? -1 : 0;
}


/*
 * A converter may have kept the file open for writing, and change it after it
 * was checked, so this waits until no process has.
 */

static int
caphealth_image_no_writers(caphealth_image_files_t *image,
    caphealth_image_file_t *f)
{
    int              fd, i;
    char             path[CAPHEALTH_PROC_LEN];
    struct timespec  pause;

    caphealth_image_proc_path(path, f->fd);

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return caphealth_image_failed(image, "open() of an output in /proc");
    }

    (void) close(f->fd);
    f->fd = fd;

    for (i = 0; i < CAPHEALTH_IMAGE_TRIES; i++) {

        if (caphealth_image_lease(fd) == 0) {
            return 0;
        }

        pause.tv_sec = 0;
        pause.tv_nsec = (long) CAPHEALTH_IMAGE_PAUSE << i;

        if (pause.tv_nsec > 999999999) {
            pause.tv_nsec = 999999999;
        }

        (void) nanosleep(&pause, NULL);
    }

    errno = EINVAL;

    return caphealth_image_failed(image, "check of who writes to an output");
}


/*
 * The kernel grants a read lease only if no descriptor and no mapping of any
 * process can write to the file.  Some file systems, as NFS, grant none.
 */

static int
caphealth_image_lease(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == -1) {
        return errno == EAGAIN ? -1 : 0;
    }

    (void) fcntl(fd, F_SETLEASE, F_UNLCK);

    return 0;
}


static void
caphealth_image_proc_path(char path[CAPHEALTH_PROC_LEN], int fd)
{
    (void) snprintf(path, CAPHEALTH_PROC_LEN, "/proc/self/fd/%d", fd);
}


int
caphealth_image_release_fds(caphealth_image_files_t *image)
{
    unsigned                 i;
    caphealth_image_file_t  *f;

    for (i = 0; i < image->nvariants; i++) {
        f = &image->variants[i];

        if (!f->named && caphealth_image_hide(image, f) == -1) {
            return -1;
        }

        (void) close(f->fd);
        f->fd = -1;
    }

    image->released = 1;
    caphealth_image_leave(image);

    return 0;
}


static int
caphealth_image_hide(caphealth_image_files_t *image, caphealth_image_file_t *f)
{
    char  temp[CAPHEALTH_TEMP_LEN], proc[CAPHEALTH_PROC_LEN];

    caphealth_image_temp_name(image, f, temp);
    caphealth_image_proc_path(proc, f->fd);

    if (linkat(AT_FDCWD, proc, image->dir, temp, AT_SYMLINK_FOLLOW) == -1) {
        return caphealth_image_failed(image, "linkat()");
    }

    f->named = 1;

    return 0;
}


/* opens the directory again of an image whose descriptors were released */

static int
caphealth_image_reopen(caphealth_image_files_t *image)
{
    return image->dir == -1 && image->released
           ? caphealth_image_open_leaf(image) : 0;
}


static void
caphealth_image_leave(caphealth_image_files_t *image)
{
    if (image->released && image->dir != -1) {
        (void) close(image->dir);
        image->dir = -1;
    }
}


int
caphealth_image_publish(caphealth_image_files_t *image)
{
    int       err;
    unsigned  i;

    if (caphealth_image_reopen(image) == -1) {
        return -1;
    }

    for (i = image->nvariants; i-- > 0; /* void */) {
        if (caphealth_image_link(image, &image->variants[i]) == -1) {
            goto failed;
        }
    }

    if (fsync(image->dir) == -1) {
        (void) caphealth_image_failed(image, "fsync() of a directory");
        goto failed;
    }

    caphealth_image_leave(image);

    return 0;

failed:

    err = errno;

    /* what was replaced stays: without it, an image would lack a file */

    for (i = 0; i < image->nvariants; i++) {
        if (image->variants[i].replace) {
            image->variants[i].linked = 0;
        }
    }

    caphealth_image_withdraw(image);
    errno = err;

    return -1;
}


static int
caphealth_image_link(caphealth_image_files_t *image, caphealth_image_file_t *f)
{
    char  path[CAPHEALTH_PATH_LEN], proc[CAPHEALTH_PROC_LEN];

    (void) caphealth_path(path, image->id, f->name, f->format);

    if (f->replace) {
        return caphealth_image_replace(image, f, path + CAPHEALTH_LEAF_LEN);
    }

    if (f->named) {
        if (caphealth_image_move(image, f, path + CAPHEALTH_LEAF_LEN) == -1) {
            return caphealth_image_failed(image, "renameat2()");
        }

        f->named = 0;
        f->linked = 1;

        return 0;
    }

    /* AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH, which a worker has not */

    caphealth_image_proc_path(proc, f->fd);

    if (linkat(AT_FDCWD, proc, image->dir, path + CAPHEALTH_LEAF_LEN,
               AT_SYMLINK_FOLLOW)
        == -1)
    {
        return caphealth_image_failed(image, "linkat()");
    }

    f->linked = 1;

    return 0;
}


/* one of another format, which has another name, is removed afterwards */

static int
caphealth_image_replace(caphealth_image_files_t *image,
    caphealth_image_file_t *f, const char *name)
{
    char      path[CAPHEALTH_PATH_LEN], temp[CAPHEALTH_TEMP_LEN];
    uint32_t  format;

    if (!f->named && caphealth_image_hide(image, f) == -1) {
        return -1;
    }

    caphealth_image_temp_name(image, f, temp);

    if (renameat(image->dir, temp, image->dir, name) == -1) {
        return caphealth_image_failed(image, "renameat()");
    }

    f->named = 0;
    f->linked = 1;

    for (format = 0; format < CAPHEALTH_OUTPUTS; format++) {
        if (format != f->format) {
            (void) caphealth_path(path, image->id, f->name, format);
            (void) unlinkat(image->dir, path + CAPHEALTH_LEAF_LEN, 0);
        }
    }

    return 0;
}


static int
caphealth_image_move(caphealth_image_files_t *image,
    caphealth_image_file_t *f, const char *name)
{
    char  temp[CAPHEALTH_TEMP_LEN];

    caphealth_image_temp_name(image, f, temp);

    return caphealth_image_rename(image->dir, temp, name);
}


/* some file systems, as NFS, do not have RENAME_NOREPLACE */

int
caphealth_image_rename(int dir, const char *from, const char *to)
{
    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }

    if (errno != EINVAL && errno != ENOSYS) {
        return -1;
    }

    if (linkat(dir, from, dir, to, 0) == -1) {
        return -1;
    }

    (void) unlinkat(dir, from, 0);

    return 0;
}


/* made before the format is known, so the extension is the same for all */

static void
caphealth_image_temp_name(caphealth_image_files_t *image,
    caphealth_image_file_t *f, char temp[CAPHEALTH_TEMP_LEN])
{
    char  path[CAPHEALTH_PATH_LEN];

    (void) caphealth_path(path, image->id, f->name, CAPHEALTH_OUTPUT_WEBP);
    (void) snprintf(temp, CAPHEALTH_TEMP_LEN, ".%s.tmp",
                    path + CAPHEALTH_LEAF_LEN);
}


void
caphealth_image_withdraw(caphealth_image_files_t *image)
{
    char                   path[CAPHEALTH_PATH_LEN];
    unsigned               i;
    caphealth_image_file_t  *f;

    if (caphealth_image_reopen(image) == -1) {
        return;
    }

    for (i = 0; i < image->nvariants; i++) {
        f = &image->variants[i];

        if (f->linked) {
            (void) caphealth_path(path, image->id, f->name, f->format);
            (void) unlinkat(image->dir, path + CAPHEALTH_LEAF_LEN, 0);
            f->linked = 0;
        }
    }
}


void
caphealth_image_close(caphealth_image_files_t *image)
{
    char                   temp[CAPHEALTH_TEMP_LEN];
    unsigned               i;
    caphealth_image_file_t  *f;

    for (i = 0; i < image->nvariants; i++) {
        f = &image->variants[i];

        if (f->named && caphealth_image_reopen(image) == 0) {
            caphealth_image_temp_name(image, f, temp);
            (void) unlinkat(image->dir, temp, 0);
            f->named = 0;
        }

        if (f->fd != -1) {
            (void) close(f->fd);
            f->fd = -1;
        }
    }

    if (image->dir != -1) {
        (void) close(image->dir);
        image->dir = -1;
    }
}


int
caphealth_image_exists(const char *root, const char *id)
{
    DIR            *list;
    int             dir, rc, err;
    size_t          len;
    struct dirent  *entry;

    dir = caphealth_image_find_leaf(root, id);
    list = (dir == -1) ? NULL : fdopendir(dir);

    if (list == NULL) {
        err = errno;

        if (dir != -1) {
            (void) close(dir);
        }

        errno = err;

        return err == ENOENT ? 0 : -1;
    }

    for (rc = 0; rc == 0; /* void */) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            rc = errno ? -1 : 0;
            break;
        }

        len = strlen(entry->d_name);

        rc = strncmp(entry->d_name, id, CAPHEALTH_ID_LEN) == 0
             && entry->d_name[CAPHEALTH_ID_LEN] == '_'
             && !caphealth_record_name_valid(entry->d_name, len);
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    return rc;
}


int
caphealth_image_remove(const char *root, const char *id, const char *mark,
    caphealth_removed_t *removed)
{
    int  dir, rc, err;

    memset(removed, 0, sizeof(caphealth_removed_t));

    dir = caphealth_image_find_leaf(root, id);
    if (dir == -1) {
        return -1;
    }

    rc = caphealth_image_remove_mark(dir, id, mark, removed);

    if (rc == 0) {
        rc = caphealth_image_remove_rest(dir, id, removed);

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


int
caphealth_image_find_leaf(const char *root, const char *id)
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


/*
 * There may be none: only files of an earlier attempt, or of other variants,
 * are left.
 */

static int
caphealth_image_remove_mark(int dir, const char *id, const char *mark,
    caphealth_removed_t *removed)
{
    char      path[CAPHEALTH_PATH_LEN];
    uint32_t  format;

    for (format = 0; format < CAPHEALTH_OUTPUTS; format++) {
        (void) caphealth_path(path, id, mark, format);

        if (caphealth_image_remove_file(dir, path + CAPHEALTH_LEAF_LEN,
                                        removed)
            == 0)
        {
            removed->marked = 1;

        } else if (errno != ENOENT) {
            return -1;
        }
    }

    return 0;
}


static int
caphealth_image_remove_file(int dir, const char *name,
    caphealth_removed_t *removed)
{
    struct stat  st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        return -1;
    }

    if (unlinkat(dir, name, 0) == -1) {
        return -1;
    }

    /* records are not counted in the tree */

    if (!caphealth_record_name_valid(name, strlen(name))) {
        removed->files++;
        removed->bytes += (uint64_t) st.st_size;
    }

    return 0;
}


/* it may have been uploaded when other variants were configured */

static int
caphealth_image_remove_rest(int dir, const char *id,
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
            && caphealth_image_remove_file(dir, entry->d_name, removed)
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
caphealth_image_failed(caphealth_image_files_t *image, const char *call)
{
    image->failed = call;

    return -1;
}
