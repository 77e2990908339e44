
/*
 * What stands for an image until it is there: a colour, and a ThumbHash.
 */

#ifndef CAPHEALTH_PREVIEW_H
#define CAPHEALTH_PREVIEW_H


#include "caphealth_picture.h"
#include "caphealth_thumbhash.h"


/*
 * Sets the colour and the thumbhash of *result, which has the width and height
 * of the image, of a picture of all of it, however large, by Lanczos-3 in at
 * most 100 by 100 pixels.
 *
 * The colour is the mean of the pixels that have the four highest bits of red,
 * green and blue in common with the most others; pixels with an alpha below 128
 * are left out, and if there is no other, there is no colour.
 *
 * Measured on one core: 0.6 ms of a picture of 200 pixels, as a variant is; 27
 * ms of 12 megapixels, 133 ms with alpha.  Returns 0, or -1 if there is no
 * memory.
 */
int caphealth_preview(const caphealth_picture_t *picture,
    caphealth_result_t *result);


#endif /* CAPHEALTH_PREVIEW_H */
