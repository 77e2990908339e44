
/*
 * The decoders.  Each makes a picture of the bytes of a file of its format,
 * already in sRGB and already turned the way it is looked at, and returns
 * CAPHEALTH_JOB_OK, or the status of what is wrong, with a detail in *result.
 * The caller frees the picture either way.
 */

#ifndef CAPHEALTH_DECODE_H
#define CAPHEALTH_DECODE_H


#include "caphealth_picture.h"


/* libjpeg-turbo; YCC or GREY where no profile makes it RGB */
caphealth_job_status_e caphealth_decode_jpeg(const caphealth_job_t *job,
    const uint8_t *data, size_t size, caphealth_picture_t *picture,
    caphealth_result_t *result);

/* libpng; RGB */
caphealth_job_status_e caphealth_decode_png(const caphealth_job_t *job,
    const uint8_t *data, size_t size, caphealth_picture_t *picture,
    caphealth_result_t *result);

/* libwebp; YUV where no profile makes it RGB */
caphealth_job_status_e caphealth_decode_webp(const caphealth_job_t *job,
    const uint8_t *data, size_t size, caphealth_picture_t *picture,
    caphealth_result_t *result);


#endif /* CAPHEALTH_DECODE_H */
