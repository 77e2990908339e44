
/*
 * What is known of the image trees, as JSON.
 */

#ifndef CAPHEALTH_IMAGES_H
#define CAPHEALTH_IMAGES_H


#include "caphealth_facts.h"
#include "caphealth_json.h"


/*
 * The body of the image statistics: UTF-8 JSON, one line that ends in a
 * newline.  *len becomes its length without the NUL.  The caller free()s it.
 * NULL: no memory.
 */
char *caphealth_images_stats(const caphealth_facts_t *f, double now,
    size_t *len);

/* A list of the roots, each with all that is known of it. */
void caphealth_images_roots(caphealth_json_t *j, const char *name,
    const caphealth_images_t *i);

/*
 * How many more images of the mean size of those that are there fit into the
 * root's file system, by its free bytes and its free inodes, whichever is
 * used up first.  CAPHEALTH_UNKNOWN: the file system or the mean is not known.
 */
int64_t caphealth_images_left(const caphealth_root_t *root);


#endif /* CAPHEALTH_IMAGES_H */
