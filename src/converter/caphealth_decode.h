
/*
 * The decoders, one a format.  Each makes a picture of the bytes of a file, in
 * sRGB and with its orientation applied, and returns CAPHEALTH_JOB_OK, or the
 * status of what is wrong, with a detail in *result.  The caller frees the
 * picture either way.
 */

#ifndef CAPHEALTH_DECODE_H
#define CAPHEALTH_DECODE_H


#include "caphealth_format.h"
#include "caphealth_picture.h"


typedef caphealth_job_status_e (*caphealth_decode_pt)(
    const caphealth_job_t *job, const uint8_t *data, size_t size,
    caphealth_picture_t *picture, caphealth_result_t *result);


/*
 * caphealth_decode_jpeg() and so on, in formats/.  Where no profile makes it
 * RGB, libjpeg-turbo's picture is YCC or GREY and libwebp's is YUV; libpng's
 * is always RGB.
 */

#define caphealth_decode_declare(id, name, ...)                               \
    caphealth_job_status_e caphealth_decode_##name(                           \
        const caphealth_job_t *job, const uint8_t *data, size_t size,         \
        caphealth_picture_t *picture, caphealth_result_t *result);

CAPHEALTH_FORMATS(caphealth_decode_declare)


#endif /* CAPHEALTH_DECODE_H */
