
/*
 * How an image becomes a variant: how large, and which part of it is where.
 */

#ifndef CAPHEALTH_FIT_H
#define CAPHEALTH_FIT_H


#include "caphealth_job.h"


typedef struct {
    uint32_t   width;          /* of the variant, pixels */
    uint32_t   height;
    uint32_t   left;           /* in the variant: where the image is; what is
                                  around it is the background */
    uint32_t   top;
    uint32_t   image_width;
    uint32_t   image_height;
    double     x;              /* in the image: the part that is shown, its
                                  pixels */
    double     y;
    double     w;
    double     h;
    uint32_t   whole_width;    /* of all of the image at that scale */
    uint32_t   whole_height;
    double     scale;          /* pixels of the variant for one of the image,
                                  1 at most */
    unsigned   cut:1;          /* not all of the image is shown */
} caphealth_fit_t;


/*
 * Computes *fit, of a variant of job, for an image of width by height as it is
 * displayed.  Sides are rounded to the nearest pixel, 1 at least.  Nothing is
 * enlarged: as sharp's withoutEnlargement has it, CAPHEALTH_FIT_COVER cuts each
 * side that is longer than the variant's, and leaves one that is shorter;
 * CAPHEALTH_FIT_CONTAIN puts a smaller image into the middle.  The focus is
 * where object-position of CSS, or centering of Pillow's ImageOps.fit(), has
 * it: that share of the image is at the same share of the variant.
 */
void caphealth_fit(const caphealth_job_t *job,
    const caphealth_variant_t *variant, uint32_t width, uint32_t height,
    caphealth_fit_t *fit);

/*
 * The fit of the largest scale that a variant has.  Of an image that is turned
 * by a quarter, width and height are those in the file, and the fit is in their
 * terms.
 */
void caphealth_fit_largest(const caphealth_job_t *job, uint32_t width,
    uint32_t height, unsigned turned, caphealth_fit_t *fit);


#endif /* CAPHEALTH_FIT_H */
