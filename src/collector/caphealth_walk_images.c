
/*
 * The images of a leaf directory: counted, and removed where the process died
 * that uploaded them.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caphealth_job.h"
#include "caphealth_walk_internal.h"


static int caphealth_walk_compare(const void *a, const void *b);
static int caphealth_walk_leftover(caphealth_walk_ctx_t *t, int dir,
    const caphealth_walk_image_t *image);
static void caphealth_walk_remove(caphealth_walk_ctx_t *t, int dir,
    const caphealth_walk_image_t *image);
static void caphealth_walk_remove_file(caphealth_walk_ctx_t *t, int dir,
    const char *name);
static const char *caphealth_walk_name(char path[CAPHEALTH_PATH_LEN],
    const caphealth_walk_image_t *image, const char *variant,
    uint32_t format);


void
caphealth_walk_add_file(caphealth_walk_ctx_t *t, const char *name, size_t len,
    const struct stat *st)
{
    size_t                            room;
    caphealth_walk_image_t           *images;
    const caphealth_walk_settings_t  *w;

    w = t->settings;

    if (t->nimages == t->room) {
        room = t->room == 0 ? 64 : 2 * t->room;
        images = realloc(t->images, room * sizeof(caphealth_walk_image_t));

        if (images == NULL) {
            caphealth_walk_failed(t, CAPHEALTH_ERROR_NO_MEMORY,
                                  "no memory for the images of \"%s\"",
                                  w->root);
            return;
        }

        t->images = images;
        t->room = room;
    }

    caphealth_walk_image_file(w, name, len,
                              st ? caphealth_walk_written(st) : 0,
                              &t->images[t->nimages++]);
}


void
caphealth_walk_images(caphealth_walk_ctx_t *t, int dir)
{
    size_t                   i;
    caphealth_walk_image_t  *image;

    caphealth_walk_join(t);

    for (i = 0; i < t->nimages; i++) {
        image = &t->images[i];

        if (image->mark) {
            caphealth_walk_image_count(t->settings, image, t->walk);

        } else if (caphealth_walk_leftover(t, dir, image)) {
            caphealth_walk_remove(t, dir, image);

        } else {
            t->walk->incomplete++;
        }
    }
}


void
caphealth_walk_join(caphealth_walk_ctx_t *t)
{
    size_t                   i, n;
    caphealth_walk_image_t  *image, *file;

    if (t->nimages == 0) {
        return;
    }

    qsort(t->images, t->nimages, sizeof(caphealth_walk_image_t),
          caphealth_walk_compare);

    n = 0;

    for (i = 1; i < t->nimages; i++) {
        image = &t->images[n];
        file = &t->images[i];

        if (memcmp(file->id, image->id, CAPHEALTH_ID_LEN) != 0) {
            t->images[++n] = *file;
            continue;
        }

        caphealth_walk_image_join(image, file);
    }

    t->nimages = n + 1;
}


static int
caphealth_walk_compare(const void *a, const void *b)
{
    const caphealth_walk_image_t  *one = a, *two = b;

    return memcmp(one->id, two->id, CAPHEALTH_ID_LEN);
}


static int
caphealth_walk_leftover(caphealth_walk_ctx_t *t, int dir,
    const caphealth_walk_image_t *image)
{
    char                              path[CAPHEALTH_PATH_LEN];
    size_t                            i;
    uint32_t                          format;
    struct stat                       st;
    const caphealth_walk_settings_t  *w;

    w = t->settings;

    if (!caphealth_walk_image_leftover(w, image)) {
        return 0;
    }

    /* the mark may have been linked after the directory was read */

    for (i = 0; i < w->nmarks; i++) {
        for (format = 0; format < CAPHEALTH_OUTPUTS; format++) {

            if (fstatat(dir, caphealth_walk_name(path, image, w->marks[i],
                                                 format),
                        &st, AT_SYMLINK_NOFOLLOW)
                == 0
                || errno != ENOENT)
            {
                return 0;
            }
        }
    }

    return 1;
}


static void
caphealth_walk_remove(caphealth_walk_ctx_t *t, int dir,
    const caphealth_walk_image_t *image)
{
    char                              path[CAPHEALTH_PATH_LEN];
    size_t                            i;
    uint32_t                          format;
    const caphealth_walk_settings_t  *w;

    w = t->settings;

    for (i = 0; i < w->nvariants; i++) {
        for (format = 0; format < CAPHEALTH_OUTPUTS; format++) {
            caphealth_walk_remove_file(t, dir,
                                       caphealth_walk_name(path, image,
                                                           w->variants[i],
                                                           format));
        }
    }
}


static void
caphealth_walk_remove_file(caphealth_walk_ctx_t *t, int dir, const char *name)
{
    int64_t      bytes;
    struct stat  st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        return;
    }

    if (unlinkat(dir, name, 0) == -1) {
        caphealth_walk_failed(t, caphealth_error_errno(errno),
                              "\"%s/%02x/%02x/%s\", a leftover, "
                              "cannot be removed: %s", t->settings->root,
                              t->slice, t->leaf, name, strerror(errno));
        return;
    }

    /* less may have been counted: the sum is limited, or the file has grown */

    bytes = st.st_size;
    bytes = bytes < t->walk->bytes ? bytes : t->walk->bytes;

    t->walk->files--;
    t->walk->bytes -= bytes;
    t->walk->leaves[t->leaf]--;
    t->walk->removed++;
    caphealth_tree_add(&t->walk->removed_bytes, (uint64_t) st.st_size);
}


int
caphealth_walk_without_files(caphealth_walk_ctx_t *t, int dir, const char *id)
{
    char                     path[CAPHEALTH_PATH_LEN];
    size_t                   i;
    uint32_t                 format;
    struct stat              st;
    caphealth_walk_image_t   image;

    memcpy(image.id, id, CAPHEALTH_ID_LEN);

    for (i = 0; i < t->settings->nvariants; i++) {
        for (format = 0; format < CAPHEALTH_OUTPUTS; format++) {

            if (fstatat(dir, caphealth_walk_name(path, &image,
                                                 t->settings->variants[i],
                                                 format),
                        &st, AT_SYMLINK_NOFOLLOW)
                == 0
                || errno != ENOENT)
            {
                return 0;
            }
        }
    }

    return t->settings->nvariants > 0;
}


/* the name of a file of the image, in path */

static const char *
caphealth_walk_name(char path[CAPHEALTH_PATH_LEN],
    const caphealth_walk_image_t *image, const char *variant, uint32_t format)
{
    char  id[CAPHEALTH_ID_LEN + 1];

    memcpy(id, image->id, CAPHEALTH_ID_LEN);
    id[CAPHEALTH_ID_LEN] = '\0';

    (void) caphealth_path(path, id, variant, format);

    return path + CAPHEALTH_LEAF_LEN;
}


/* st_ctim too, because a copy may keep the st_mtim of its original */

double
caphealth_walk_written(const struct stat *st)
{
    double  mtime, ctime;

    mtime = (double) st->st_mtim.tv_sec + (double) st->st_mtim.tv_nsec / 1e9;
    ctime = (double) st->st_ctim.tv_sec + (double) st->st_ctim.tv_nsec / 1e9;

    return mtime > ctime ? mtime : ctime;
}


void
caphealth_walk_failed(caphealth_walk_ctx_t *t, caphealth_error_e code,
    const char *fmt, ...)
{
    char     text[PATH_MAX + CAPHEALTH_ERROR_LEN];
    va_list  args;

    if (t->walk->error.code != 0) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    caphealth_error_set(&t->walk->error, code, "%s", text);
}
