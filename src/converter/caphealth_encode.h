
/*
 * A picture as the file of a variant.
 */

#ifndef CAPHEALTH_ENCODE_H
#define CAPHEALTH_ENCODE_H


#include <errno.h>

#include "caphealth_convert.h"
#include "caphealth_picture.h"


/* the method of WebP from which the whole file is kept as tokens before it is
   written; and the pixels above which it is not if there is no memory for it */
#define CAPHEALTH_ENCODE_TOKENS         3
#define CAPHEALTH_ENCODE_TOKENS_PIXELS  (16 * 1024 * 1024)


/* where a file goes, and what became of it */

typedef struct {
    caphealth_convert_write_pt   write;
    void                        *ctx;
    unsigned                     variant;
    uint64_t                     bytes;
    int                          err;      /* errno of a write that failed */
} caphealth_encode_t;


/* Writes the next bytes of the file.  Returns 0, or -1 with e->err set. */
static inline int
caphealth_encode_put(caphealth_encode_t *e, const uint8_t *data, size_t size)
{
    if (size && e->write(e->ctx, e->variant, data, size) == -1) {
        e->err = errno;
        return -1;
    }

    e->bytes += size;

    return 0;
}


/*
 * Encodes picture, YUV or RGB, as variant number of job, without metadata, and
 * fills in its part of *result.  If graphic is set, which means that the image
 * was drawn, an RGB picture becomes lossless WebP where that is smaller; AVIF
 * becomes WebP where that is smaller or where there is no memory for AVIF.  A
 * picture for JPEG has no alpha.  Returns result->status.
 */
caphealth_job_status_e caphealth_encode(const caphealth_picture_t *picture,
    int graphic, const caphealth_job_t *job, unsigned number,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result);

/*
 * Whether a variant of this format and quality keeps a sample of chroma for
 * each pixel, so that it has to be made of an RGB picture.
 */
int caphealth_encode_full_chroma(const caphealth_variant_t *variant);

/*
 * Sets the status of a failure of libwebp, by its WebPEncodingError, and
 * returns it.
 */
caphealth_job_status_e caphealth_encode_webp_failed(int code,
    caphealth_result_t *result);

/* The quality of the WebP that a variant is, or that stands in for its AVIF. */
unsigned caphealth_encode_webp_quality(const caphealth_variant_t *variant);

/*
 * Writes picture as a progressive JPEG with optimised Huffman tables: YUV as
 * 4:2:0, RGB, without alpha, as 4:4:4.  quality is libjpeg's, 0 to 100.
 * Returns the status, with *result set where it is not CAPHEALTH_JOB_OK.
 */
caphealth_job_status_e caphealth_encode_jpeg(
    const caphealth_picture_t *picture, unsigned quality,
    caphealth_encode_t *e, caphealth_result_t *result);

/*
 * Makes an AVIF of a YUV picture: 4:2:0, BT.601 of limited range, alpha without
 * loss.  quality is libavif's, 0 to 100.  Returns 0 and *data, of *size bytes,
 * which the caller frees; or -1 if there is not enough memory.
 */
int caphealth_encode_avif(const caphealth_picture_t *yuv, unsigned quality,
    uint8_t **data, size_t *size);

/*
 * Whether so many bytes of address space are left.  A library that ends the
 * process when there are not is asked for less.
 */
int caphealth_encode_room(uint64_t bytes);


#endif /* CAPHEALTH_ENCODE_H */
