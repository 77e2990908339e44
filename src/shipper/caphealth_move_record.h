
/*
 * The transfer of the records of images, from which repeated uploads are
 * answered: caphealth_image_record.h.
 */

#ifndef CAPHEALTH_MOVE_RECORD_H
#define CAPHEALTH_MOVE_RECORD_H


#include "caphealth_move_slice.h"


/*
 * Transfers the records of the slice that are wanted and whose images the other
 * side has, so no image may be active.
 */
void caphealth_move_records(caphealth_move_slice_t *slice);


#endif /* CAPHEALTH_MOVE_RECORD_H */
