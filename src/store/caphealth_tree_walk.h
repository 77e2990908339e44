
/*
 * What a walk of an image tree and a listing of an object store have in common:
 * their settings, and how the files of an image add up.
 */

#ifndef CAPHEALTH_TREE_WALK_H
#define CAPHEALTH_TREE_WALK_H


#include <jansson.h>

#include "caphealth_path.h"
#include "caphealth_tree.h"


typedef struct {
    const char   *root;
    const char   *images;        /* of a tree of sources: the tree of their
                                    images; or NULL */
    const char  **marks;         /* variants that mark an image as complete */
    size_t        nmarks;
    const char  **variants;      /* all the other variants that are made */
    size_t        nvariants;
    const char  **counted;       /* those of which is counted how many images
                                    lack them, at most CAPHEALTH_COUNTED_MAX */
    size_t        ncounted;
    double        since;         /* the marks are these, seconds since the
                                    epoch */
    double        before;        /* leftovers were written before; 0: there
                                    are none, nothing is removed */
} caphealth_walk_settings_t;


/* a file of an image; when joined, all of its files */

typedef struct {
    char      id[CAPHEALTH_ID_LEN];
    uint8_t   mark;              /* it has a commit mark */
    uint8_t   known;             /* all are files of the other variants */
    uint32_t  counted;           /* a bit for each counted variant it has */
    double    written;           /* the last of them was */
} caphealth_walk_image_t;


/*
 * From {"path": …, "marks": […], "variants": […], "counted": […],
 * "since": …}, of a tree of sources with "images": …, the other tree's path.
 * The strings are copied.  NULL: no memory, or not such an object.
 */
caphealth_walk_settings_t *caphealth_walk_settings(const json_t *settings);

/* A hash of the counted variants' names; 0: there are none. */
uint64_t caphealth_walk_counted(const caphealth_walk_settings_t *w);

/*
 * Whether it is the name, of that length, of a file of an image whose id begins
 * with those four digits.
 */
int caphealth_walk_image_name(const char *digits, const char *name,
    size_t len);

/* Makes an image of one file of that name, which was written at that time. */
void caphealth_walk_image_file(const caphealth_walk_settings_t *w,
    const char *name, size_t len, double written,
    caphealth_walk_image_t *image);

/* The same of its record, by which alone there is no image. */
void caphealth_walk_image_record(const char *name, double written,
    caphealth_walk_image_t *image);

/* Adds a file of the same image. */
void caphealth_walk_image_join(caphealth_walk_image_t *image,
    const caphealth_walk_image_t *file);

/* Counts a complete image. */
void caphealth_walk_image_count(const caphealth_walk_settings_t *w,
    const caphealth_walk_image_t *image, caphealth_walk_t *walk);

/*
 * Whether an image without a mark may be removed: it has nothing but files of
 * the other variants, and was written since the marks are these but before the
 * time given.
 */
int caphealth_walk_image_leftover(const caphealth_walk_settings_t *w,
    const caphealth_walk_image_t *image);


#endif /* CAPHEALTH_TREE_WALK_H */
