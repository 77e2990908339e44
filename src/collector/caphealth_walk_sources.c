
/*
 * The sources of a leaf directory: counted by whether they have an image, and
 * hidden ones named or removed where the process died that had hidden them.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caphealth_image_files.h"
#include "caphealth_image_source.h"
#include "caphealth_walk_internal.h"


static const caphealth_walk_image_t *caphealth_walk_find(
    caphealth_walk_ctx_t *t, const char *id);
static int caphealth_walk_compare_id(const void *id, const void *image);
static int caphealth_walk_hidden(caphealth_walk_ctx_t *t, int dir,
    const char *name, caphealth_format_e format);


void
caphealth_walk_beside(caphealth_walk_ctx_t *t)
{
    int               fd;
    size_t            len;
    ssize_t           n, i;
    struct dirent64  *entry;

    t->beside = 0;

    fd = caphealth_image_find_leaf(t->settings->images, t->prefix);
    if (fd == -1) {

        if (errno != ENOENT) {
            caphealth_walk_failed(t, caphealth_error_errno(errno),
                                  "\"%s/%02x/%02x\" cannot be read: %s",
                                  t->settings->images, t->slice, t->leaf,
                                  strerror(errno));
        }

        return;
    }

    while ((n = getdents64(fd, t->entries, sizeof(t->entries))) > 0) {
        for (i = 0; i < n; i += entry->d_reclen) {
            entry = (struct dirent64 *) (t->entries + i);
            len = strlen(entry->d_name);

            if (caphealth_walk_image_name(t->prefix, entry->d_name, len)) {
                caphealth_walk_add_file(t, entry->d_name, len, NULL);
            }
        }
    }

    t->beside = (n == 0);

    (void) close(fd);

    caphealth_walk_join(t);
}


int
caphealth_walk_source(caphealth_walk_ctx_t *t, int dir, const char *name)
{
    int                            hidden;
    struct stat                    st;
    caphealth_format_e             format;
    const caphealth_walk_image_t  *image;

    format = caphealth_image_source_valid(name, strlen(name), &hidden);

    if (format == CAPHEALTH_FORMAT_UNKNOWN
        || memcmp(name + hidden, t->prefix, 4) != 0
        || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1
        || !S_ISREG(st.st_mode))
    {
        return 0;
    }

    if (hidden
        && (caphealth_walk_written(&st) >= t->settings->before
            || !caphealth_walk_hidden(t, dir, name, format)))
    {
        return 1;
    }

    image = caphealth_walk_find(t, name + hidden);

    t->walk->files++;
    caphealth_tree_add(&t->walk->bytes, (uint64_t) st.st_size);
    t->walk->leaves[t->leaf]++;

    if (image && image->mark) {
        t->walk->complete++;

    } else {
        t->walk->incomplete++;
    }

    return 1;
}


static const caphealth_walk_image_t *
caphealth_walk_find(caphealth_walk_ctx_t *t, const char *id)
{
    return t->nimages == 0 ? NULL
           : bsearch(id, t->images, t->nimages,
                     sizeof(caphealth_walk_image_t),
                     caphealth_walk_compare_id);
}


static int
caphealth_walk_compare_id(const void *id, const void *image)
{
    return memcmp(id, ((const caphealth_walk_image_t *) image)->id,
                  CAPHEALTH_ID_LEN);
}


/*
 * Returns whether it has got its name.  Where the directory of the images is
 * missing, as on a disk that is not mounted, nothing is known of them.
 */

static int
caphealth_walk_hidden(caphealth_walk_ctx_t *t, int dir, const char *name,
    caphealth_format_e format)
{
    char                           own[CAPHEALTH_IMAGE_SOURCE_LEN];
    const caphealth_walk_image_t  *image;

    image = caphealth_walk_find(t, name + 1);

    if (image && image->mark) {
        caphealth_image_source_file(own, name + 1, format);

        if (caphealth_image_rename(dir, name, own) == 0) {
            return 1;
        }

        if (errno == EEXIST) {
            (void) unlinkat(dir, name, 0);
        }

        return 0;
    }

    if (image == NULL && t->beside) {
        (void) unlinkat(dir, name, 0);
    }

    return 0;
}
