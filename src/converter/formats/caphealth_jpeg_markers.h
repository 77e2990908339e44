
/*
 * What is in a JPEG file beside the image: ITU-T T.81, Annex B.
 */

#ifndef CAPHEALTH_JPEG_MARKERS_H
#define CAPHEALTH_JPEG_MARKERS_H


#include "caphealth_exif.h"


/* the pieces of a profile are numbered by a byte */
#define CAPHEALTH_ICC_PIECES  256


typedef struct {
    const uint8_t     *data;
    size_t             size;
} caphealth_piece_t;


typedef struct {
    unsigned           has_exif:1;
    caphealth_exif_t   exif;          /* of the first that can be read */
    unsigned           precision;     /* bits of a sample; 0: no frame was
                                         found */
    unsigned           sof;           /* the frame's marker, 0xc0 to 0xcf */
    unsigned           scans;
    caphealth_piece_t  pieces[CAPHEALTH_ICC_PIECES];    /* of a profile */
    unsigned           npieces;       /* as the first says there are */
} caphealth_jpeg_markers_t;


/*
 * Walks through a file up to its end, or to where it is not a JPEG file any
 * more; what was found till then is in *m, and points into the file.
 */
void caphealth_jpeg_markers(const uint8_t *data, size_t size,
    caphealth_jpeg_markers_t *m);

/*
 * Puts the ICC profile together.  Returns 0, with *profile NULL if the file
 * has none, or a part of it is missing; or -1 without memory for it.  The
 * caller frees the profile.
 */
int caphealth_jpeg_markers_profile(const caphealth_jpeg_markers_t *m,
    uint8_t **profile, size_t *size);


#endif /* CAPHEALTH_JPEG_MARKERS_H */
