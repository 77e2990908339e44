
/*
 * A walk of one slice of an image tree: counts what is there, and removes
 * what dead uploads have left.
 */

#ifndef CAPHEALTH_WALK_H
#define CAPHEALTH_WALK_H


#include "caphealth_tree_walk.h"


/*
 * Walks slice, 0 to CAPHEALTH_TOP.  A leftover is a set that has no mark,
 * nothing but files of the other variants, and was written since the marks
 * are these but before the time given.  Nothing else is ever removed; no
 * symbolic link is followed below the root.
 *
 * Of a tree of sources, each is a file; complete are those that have an image,
 * incomplete the others, which are not removed.  A hidden one that was written
 * before the time given gets its name if its image has a mark, and is removed
 * if there is no file of the image, but a directory where it would be.
 *
 * Returns 0, or -1 with walk->error if something could not be
 * read: the counts are then of what could.
 */
int caphealth_walk(const caphealth_walk_settings_t *w, unsigned slice,
    caphealth_walk_t *walk);


#endif /* CAPHEALTH_WALK_H */
