
/*
 * What is in a JPEG file beside the image: ITU-T T.81, Annex B.
 */

#ifndef CAPHEALTH_MARKERS_H
#define CAPHEALTH_MARKERS_H


#include <stddef.h>
#include <stdint.h>


typedef struct {
    unsigned   orientation;       /* EXIF's */
    unsigned   adobe:1;           /* inverse CMYK */
    unsigned   precision;         /* bits of a sample; 0: no frame was found */
    unsigned   sof;               /* the frame's marker, 0xc0 to 0xcf */
    unsigned   width;
    unsigned   height;
    unsigned   components;
    unsigned   scans;
    uint8_t   *profile;           /* ICC, or NULL; the caller's to free */
    size_t     profile_size;
} caphealth_markers_t;


/*
 * Walks through a file up to its end, or to where it is not a JPEG file any
 * more; what was found till then is in *m.
 */
void caphealth_markers(const uint8_t *data, size_t size,
    caphealth_markers_t *m);


#endif /* CAPHEALTH_MARKERS_H */
