
/*
 * A walk of one slice of an image tree.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_owners.h"
#include "caphealth_walk_internal.h"


#define CAPHEALTH_TEMP        ".tmp"


static void caphealth_walk_top(caphealth_walk_ctx_t *t, int root);
static void caphealth_walk_slice(caphealth_walk_ctx_t *t, int root);
static void caphealth_walk_leaf(caphealth_walk_ctx_t *t, int slice,
    const char *name);
static DIR *caphealth_walk_open_dir(caphealth_walk_ctx_t *t, int parent,
    const char *name, const char *path);
static int caphealth_walk_open_fd(caphealth_walk_ctx_t *t, int parent,
    const char *name, const char *path);
static struct dirent *caphealth_walk_read_entry(caphealth_walk_ctx_t *t,
    DIR *list, const char *path);
static int caphealth_walk_is_dot(const char *name);
static void caphealth_walk_unreadable(caphealth_walk_ctx_t *t,
    const char *path);
static void caphealth_walk_file(caphealth_walk_ctx_t *t, int dir,
    const char *name);
static int caphealth_walk_temporary(caphealth_walk_ctx_t *t, int dir,
    const char *name, const struct stat *st);
static int caphealth_walk_record(caphealth_walk_ctx_t *t, int dir,
    const char *name, const struct stat *st);
static void caphealth_walk_stray(caphealth_walk_ctx_t *t, int dir,
    const char *name, const char *path);
static void caphealth_walk_stray_tree(caphealth_walk_ctx_t *t,
    const char *path);
static int caphealth_walk_is_shard(const char *name);
static int64_t caphealth_walk_cpu(void);


int
caphealth_walk(const caphealth_walk_settings_t *w, unsigned slice,
    caphealth_walk_t *walk)
{
    int                   root;
    int64_t               cpu;
    struct stat           st;
    caphealth_walk_ctx_t  t;

    memset(walk, 0, sizeof(caphealth_walk_t));
    memset(&t, 0, sizeof(caphealth_walk_ctx_t));

    t.settings = w;
    t.walk = walk;
    t.slice = slice;

    walk->counted = caphealth_walk_counted(w);

    cpu = caphealth_walk_cpu();
    root = open(w->root, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (root == -1 || fstat(root, &st) == -1) {
        caphealth_walk_failed(&t, caphealth_error_errno(errno),
                              "image root \"%s\" cannot be read: %s",
                              w->root, strerror(errno));

    } else {
        t.device = st.st_dev;

        if (slice == CAPHEALTH_TOP) {
            caphealth_walk_top(&t, root);

        } else {
            caphealth_walk_slice(&t, root);
        }
    }

    if (root != -1) {
        (void) close(root);
    }

    free(t.images);

    walk->cpu = caphealth_walk_cpu() - cpu;

    return walk->error.code == 0 ? 0 : -1;
}


/* what is in the root beside the slices */

static void
caphealth_walk_top(caphealth_walk_ctx_t *t, int root)
{
    DIR            *list;
    char            path[PATH_MAX];
    struct dirent  *entry;

    list = caphealth_walk_open_dir(t, root, ".", "");
    if (list == NULL) {
        return;
    }

    while ((entry = caphealth_walk_read_entry(t, list, "")) != NULL) {
        if (caphealth_walk_is_shard(entry->d_name)
            || strcmp(entry->d_name, CAPHEALTH_OWNERS_DIR) == 0)
        {
            continue;
        }

        (void) snprintf(path, sizeof(path), "%s/%s", t->settings->root,
                        entry->d_name);
        caphealth_walk_stray(t, root, entry->d_name, path);
    }

    (void) closedir(list);
}


static void
caphealth_walk_slice(caphealth_walk_ctx_t *t, int root)
{
    DIR            *list;
    char            name[3], path[PATH_MAX];
    struct dirent  *entry;

    (void) snprintf(name, sizeof(name), "%02x", t->slice);

    list = caphealth_walk_open_dir(t, root, name, name);
    if (list == NULL) {
        return;
    }

    while ((entry = caphealth_walk_read_entry(t, list, name)) != NULL) {
        if (caphealth_walk_is_shard(entry->d_name)) {
            caphealth_walk_leaf(t, dirfd(list), entry->d_name);
            continue;
        }

        (void) snprintf(path, sizeof(path), "%s/%s/%s", t->settings->root,
                        name, entry->d_name);
        caphealth_walk_stray(t, dirfd(list), entry->d_name, path);
    }

    (void) closedir(list);
}


static void
caphealth_walk_leaf(caphealth_walk_ctx_t *t, int slice, const char *name)
{
    int               fd;
    char              path[sizeof("ab/cd")];
    ssize_t           n, i;
    struct dirent64  *entry;

    t->leaf = (unsigned) strtoul(name, NULL, 16);
    t->nimages = 0;

    (void) snprintf(t->prefix, sizeof(t->prefix), "%02x%02x", t->slice & 255,
                    t->leaf & 255);
    (void) snprintf(path, sizeof(path), "%02x/%02x", t->slice & 255,
                    t->leaf & 255);

    fd = caphealth_walk_open_fd(t, slice, name, path);
    if (fd == -1) {
        return;
    }

    if (t->settings->images) {
        caphealth_walk_beside(t);
    }

    while ((n = getdents64(fd, t->entries, sizeof(t->entries))) > 0) {
        for (i = 0; i < n; i += entry->d_reclen) {
            entry = (struct dirent64 *) (t->entries + i);

            if (!caphealth_walk_is_dot(entry->d_name)) {
                caphealth_walk_file(t, fd, entry->d_name);
            }
        }
    }

    if (n == -1) {
        caphealth_walk_unreadable(t, path);

    } else if (t->settings->images == NULL) {
        caphealth_walk_images(t, fd);
    }

    (void) close(fd);
}


static DIR *
caphealth_walk_open_dir(caphealth_walk_ctx_t *t, int parent, const char *name,
    const char *path)
{
    int   fd;
    DIR  *list;

    fd = caphealth_walk_open_fd(t, parent, name, path);
    if (fd == -1) {
        return NULL;
    }

    list = fdopendir(fd);

    if (list == NULL) {
        caphealth_walk_unreadable(t, path);
        (void) close(fd);
    }

    return list;
}


/*
 * Returns -1 also where there is no such directory, which is no failure.  path
 * is that below the root, for the message.
 */

static int
caphealth_walk_open_fd(caphealth_walk_ctx_t *t, int parent, const char *name,
    const char *path)
{
    int          fd;
    struct stat  st;

    fd = openat(parent, name,
                O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_NOATIME|O_CLOEXEC);

    /* O_NOATIME is refused to who is not the owner */

    if (fd == -1 && errno == EPERM) {
        fd = openat(parent, name, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    }

    if (fd == -1) {
        if (errno == ELOOP || errno == ENOTDIR) {

            /* a symbolic link, or a file with a directory's name */

            t->walk->foreign++;
            t->walk->strays++;

        } else if (errno != ENOENT) {
            caphealth_walk_unreadable(t, path);
        }

        return -1;
    }

    if (fstat(fd, &st) == 0 && st.st_dev != t->device) {
        t->walk->foreign++;
    }

    return fd;
}


/* the next entry but "." and "..", NULL at the end */

static struct dirent *
caphealth_walk_read_entry(caphealth_walk_ctx_t *t, DIR *list, const char *path)
{
    struct dirent  *entry;

    do {
        errno = 0;
        entry = readdir(list);
    } while (entry != NULL && caphealth_walk_is_dot(entry->d_name));

    if (entry == NULL && errno != 0) {
        caphealth_walk_unreadable(t, path);
    }

    return entry;
}


static int
caphealth_walk_is_dot(const char *name)
{
    return name[0] == '.'
           && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}


static void
caphealth_walk_unreadable(caphealth_walk_ctx_t *t, const char *path)
{
    caphealth_walk_failed(t, caphealth_error_errno(errno),
                          "\"%s/%s\" cannot be read: %s",
                          t->settings->root, path, strerror(errno));
}


static void
caphealth_walk_file(caphealth_walk_ctx_t *t, int dir, const char *name)
{
    char         path[PATH_MAX];
    size_t       len;
    struct stat  st;

    if (t->settings->images) {
        if (!caphealth_walk_source(t, dir, name)) {
            (void) snprintf(path, sizeof(path), "%s/%02x/%02x/%s",
                            t->settings->root, t->slice, t->leaf, name);
            caphealth_walk_stray(t, dir, name, path);
        }

        return;
    }

    len = strlen(name);

    if (caphealth_walk_image_name(t->prefix, name, len)
        && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISREG(st.st_mode))
    {
        t->walk->files++;
        caphealth_tree_add(&t->walk->bytes, (uint64_t) st.st_size);
        t->walk->leaves[t->leaf]++;

        caphealth_walk_add_file(t, name, len, &st);
        return;
    }

    if ((name[0] == '.' || caphealth_record_name_valid(name, len))
        && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
        && (caphealth_walk_temporary(t, dir, name, &st)
            || caphealth_walk_record(t, dir, name, &st)))
    {
        return;
    }

    (void) snprintf(path, sizeof(path), "%s/%02x/%02x/%s", t->settings->root,
                    t->slice, t->leaf, name);
    caphealth_walk_stray(t, dir, name, path);
}


/*
 * Whether it is the file of an upload under way: the claim of its id, ".<id>",
 * or what has a temporary name where there is no O_TMPFILE.  One that is old is
 * removed.
 */

static int
caphealth_walk_temporary(caphealth_walk_ctx_t *t, int dir, const char *name,
    const struct stat *st)
{
    size_t  len;

    len = strlen(name);

    if (!S_ISREG(st->st_mode) || len <= sizeof(CAPHEALTH_TEMP)
        || strcmp(name + len + 1 - sizeof(CAPHEALTH_TEMP), CAPHEALTH_TEMP)
           != 0
        || (!caphealth_id_valid(name + 1, len - sizeof(CAPHEALTH_TEMP))
            && !caphealth_walk_image_name(t->prefix, name + 1,
                                          len - sizeof(CAPHEALTH_TEMP))
            && !caphealth_record_name_valid(name + 1,
                                            len - sizeof(CAPHEALTH_TEMP))))
    {
        return 0;
    }

    /* an upload gives it its name, or removes it, within minutes */

    if (caphealth_walk_written(st) < t->settings->before) {
        (void) unlinkat(dir, name, 0);
    }

    return 1;
}


/*
 * Whether it is the record of an image, which is not counted.  One whose image
 * is gone, as with "rm", is removed.
 */

static int
caphealth_walk_record(caphealth_walk_ctx_t *t, int dir, const char *name,
    const struct stat *st)
{
    double  written;

    if (!S_ISREG(st->st_mode) || memcmp(name, t->prefix, 4) != 0) {
        return 0;
    }

    written = caphealth_walk_written(st);

    if (written >= t->settings->since && written < t->settings->before
        && caphealth_walk_without_files(t, dir, name))
    {
        (void) unlinkat(dir, name, 0);
    }

    return 1;
}


static void
caphealth_walk_stray(caphealth_walk_ctx_t *t, int dir, const char *name,
    const char *path)
{
    struct stat  st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        return;
    }

    if (S_ISDIR(st.st_mode)) {
        caphealth_walk_stray_tree(t, path);
        return;
    }

    t->walk->strays++;

    if (S_ISREG(st.st_mode)) {
        caphealth_tree_add(&t->walk->stray_bytes, (uint64_t) st.st_size);
    }
}


/* a directory that is not part of the tree may be unreadable: no error */

static void
caphealth_walk_stray_tree(caphealth_walk_ctx_t *t, const char *path)
{
    FTS     *fts;
    char    *paths[2];
    FTSENT  *entry;

    paths[0] = strdup(path);
    paths[1] = NULL;

    fts = (paths[0] == NULL) ? NULL
          : fts_open(paths, FTS_PHYSICAL|FTS_XDEV|FTS_NOCHDIR, NULL);

    while (fts != NULL && (entry = fts_read(fts)) != NULL) {
        switch (entry->fts_info) {

        case FTS_F:
        case FTS_SL:
        case FTS_DEFAULT:
            t->walk->strays++;

            if (S_ISREG(entry->fts_statp->st_mode)) {
                caphealth_tree_add(&t->walk->stray_bytes,
                                   (uint64_t) entry->fts_statp->st_size);
            }

            break;

        default:
            break;
        }
    }

    if (fts != NULL) {
        (void) fts_close(fts);
    }

    free(paths[0]);
}


static int
caphealth_walk_is_shard(const char *name)
{
    size_t  i;

    for (i = 0; i < 2; i++) {
        if ((name[i] < '0' || name[i] > '9')
            && (name[i] < 'a' || name[i] > 'f'))
        {
            return 0;
        }
    }

    return name[2] == '\0';
}


static int64_t
caphealth_walk_cpu(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
