
/*
 * The one thing of EXIF that is needed.
 */

#ifndef CAPHEALTH_EXIF_H
#define CAPHEALTH_EXIF_H


#include <stddef.h>
#include <stdint.h>


/*
 * The orientation, 1 to 8, in EXIF data: a TIFF header and its first
 * directory, with or without "Exif\0\0" before them.  1 if it does not say.
 */
unsigned caphealth_exif_orientation(const uint8_t *data, size_t size);


#endif /* CAPHEALTH_EXIF_H */
