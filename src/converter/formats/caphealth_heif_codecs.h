
/*
 * The decoders of HEVC and AV1 that libheif uses here, in place of its own,
 * which start threads, and which take a broken picture for a whole one.
 */

#ifndef CAPHEALTH_HEIF_CODECS_H
#define CAPHEALTH_HEIF_CODECS_H


#include <stdint.h>


/*
 * Makes libheif use them, for pictures of so many pixels at most.  To be
 * called before each image.
 */
void caphealth_heif_codecs(uint64_t max_pixels);

/*
 * The pixels of all pictures that they have made since then: a grid's are at
 * least those of its tiles.
 */
uint64_t caphealth_heif_decoded(void);


#endif /* CAPHEALTH_HEIF_CODECS_H */
