
/*
 * What of Exif data the picture needs.
 */

#ifndef CAPHEALTH_EXIF_H
#define CAPHEALTH_EXIF_H


#include <stddef.h>
#include <stdint.h>


typedef struct {
    unsigned   orientation;       /* 1 to 8; 1 if it does not say */
    unsigned   adobe_rgb:1;       /* its ColorSpace is Adobe RGB (1998) */
} caphealth_exif_t;


/*
 * Reads Exif data: a TIFF header and its directories, with or without
 * "Exif\0\0" before them.  Returns 0; or -1 if it has no TIFF header or no
 * first directory, and *exif says then what no Exif data would say.
 */
int caphealth_exif(const uint8_t *data, size_t size, caphealth_exif_t *exif);


#endif /* CAPHEALTH_EXIF_H */
