
/*
 * The transfer of an image's files to the other side, its commit mark last.
 */

#ifndef CAPHEALTH_MOVE_IMAGE_H
#define CAPHEALTH_MOVE_IMAGE_H


#include "caphealth_move_slice.h"


/*
 * Begins to transfer those of files[0] to files[n - 1] that are wanted, and the
 * owner of the image.  owner is the one in the tree; "": none.  If the sides
 * have different owners, that is a failure, and nothing is transferred.  Until
 * the transfer has ended, the image counts as active in run, and files and
 * owner must not be moved in memory.
 */
void caphealth_move_image(caphealth_move_run_t *run,
    caphealth_move_file_t *files, size_t n, const char *owner);


#endif /* CAPHEALTH_MOVE_IMAGE_H */
