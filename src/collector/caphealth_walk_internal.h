
/*
 * What the files of the walk share: a walk under way, and the images of the
 * leaf directory it is in.
 */

#ifndef CAPHEALTH_WALK_INTERNAL_H
#define CAPHEALTH_WALK_INTERNAL_H


#include <sys/stat.h>

#include "caphealth_path.h"
#include "caphealth_walk.h"


/* bytes of a directory that are read at once */
#define CAPHEALTH_ENTRIES     32768


typedef struct {
    const caphealth_walk_settings_t  *settings;
    caphealth_walk_t                 *walk;
    dev_t                             device;    /* the root's */
    unsigned                          slice;
    unsigned                          leaf;
    char                              prefix[5]; /* of every id in the leaf */
    int                               beside;    /* of sources: their images
                                                    are in a directory that
                                                    could be read */
    caphealth_walk_image_t           *images;
    size_t                            nimages;
    size_t                            room;      /* in images */
    char                              entries[CAPHEALTH_ENTRIES]
                                      __attribute__((aligned(8)));
} caphealth_walk_ctx_t;


/*
 * Adds a file of an image, whose name is so long, its extension included.  st
 * may be NULL.
 */
void caphealth_walk_add_file(caphealth_walk_ctx_t *t, const char *name,
    size_t len, const struct stat *st);

/*
 * Reads the images of the leaf, whose sources are walked, and looks at a
 * file beside them: 0, if it is no source.
 */
void caphealth_walk_beside(caphealth_walk_ctx_t *t);
int caphealth_walk_source(caphealth_walk_ctx_t *t, int dir, const char *name);

/* Adds up the files of each image: sorted by their ids, one for each. */
void caphealth_walk_join(caphealth_walk_ctx_t *t);

/* Counts the images of the leaf, and removes those that are leftovers. */
void caphealth_walk_images(caphealth_walk_ctx_t *t, int dir);

/*
 * Whether the leaf has no file of a configured variant of the image whose id
 * begins there.
 */
int caphealth_walk_without_files(caphealth_walk_ctx_t *t, int dir,
    const char *id);

/* When a file was last written, renamed or copied, seconds since the epoch. */
double caphealth_walk_written(const struct stat *st);

/* Sets walk->error, unless there was a failure before. */
void caphealth_walk_failed(caphealth_walk_ctx_t *t, caphealth_error_e code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));


#endif /* CAPHEALTH_WALK_INTERNAL_H */
