
/*
 * ThumbHash: an image in 17 to 25 bytes, of which a browser draws a blurred
 * placeholder until the image is there.
 */

#ifndef CAPHEALTH_THUMBHASH_H
#define CAPHEALTH_THUMBHASH_H


#include "caphealth_picture.h"


/* the longer side at most, pixels: more changes nothing */
#define CAPHEALTH_THUMBHASH_SIDE  100


/*
 * Writes the ThumbHash of an RGB picture, with or without alpha, no side of
 * which is longer than CAPHEALTH_THUMBHASH_SIDE, and returns its length, 17 to
 * CAPHEALTH_THUMBHASH_MAX.
 *
 * As https://evanw.github.io/thumbhash/ describes it: brightness, yellow-blue,
 * red-green and, if it is not opaque, alpha, over the mean colour; the lowest
 * terms of the discrete cosine transform of each, 4 bits a term as a share of
 * the largest.  A channel that is flat has only zeros for its terms, where the
 * library for JavaScript has the noise of its arithmetic; both draw the same.
 */
unsigned caphealth_thumbhash(const caphealth_picture_t *picture,
    uint8_t hash[CAPHEALTH_THUMBHASH_MAX]);


#endif /* CAPHEALTH_THUMBHASH_H */
