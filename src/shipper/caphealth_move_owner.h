
/*
 * The owners of images in the tree, caphealth_owners.h, which are metadata of
 * the objects in the store.
 */

#ifndef CAPHEALTH_MOVE_OWNER_H
#define CAPHEALTH_MOVE_OWNER_H


#include "caphealth_move_slice.h"


/*
 * Reads the owners of the slice's images.  To be called after its files have
 * been read: an upload names the owner before it publishes the image, so the
 * owner of each image that was read is found.  Returns 0, or -1 after it has
 * reported the failure, which ends the run.
 */
int caphealth_move_owners(caphealth_move_slice_t *slice);

/* The owner, in the tree, of the image of this key; "": it has none. */
const char *caphealth_move_owner_of(const caphealth_move_slice_t *slice,
    const char *key);

/*
 * Names the owner of an image that the tree has: files[0] to files[n - 1], with
 * its mark.  It may block until a running nginx has changed images of the same
 * owner.  Returns 0, or -1 after it has reported the failure.
 */
int caphealth_move_own(caphealth_move_run_t *run,
    const caphealth_move_file_t *files, size_t n,
    const caphealth_move_file_t *mark, const char *name);

/* Removes the name of an image that was removed from its owner, if any. */
void caphealth_move_disown(caphealth_move_run_t *run, const char *id);


#endif /* CAPHEALTH_MOVE_OWNER_H */
