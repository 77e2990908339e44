
/*
 * A YUV picture, or an RGB one with alpha, as a WebP file, by libwebp.
 */

#ifndef CAPHEALTH_ENCODE_H
#define CAPHEALTH_ENCODE_H


#include "caphealth_convert.h"
#include "caphealth_picture.h"


/*
 * Encodes picture as variant number of job, with nothing beside the pixels in
 * it, and fills in its part of *result.  Returns result->status.
 */
caphealth_job_status_e caphealth_encode(const caphealth_picture_t *picture,
    const caphealth_job_t *job, unsigned number,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result);


#endif /* CAPHEALTH_ENCODE_H */
