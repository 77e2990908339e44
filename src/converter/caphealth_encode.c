
/*
 * A YUV picture as a WebP file.
 */

#include <errno.h>
#include <webp/encode.h>

#include "caphealth_encode.h"


typedef struct {
    caphealth_convert_write_pt   write;
    void                        *ctx;
    unsigned                     variant;
    uint64_t                     bytes;
    int                          err;
} caphealth_encode_t;


static int caphealth_encode_write(const uint8_t *data, size_t size,
    const WebPPicture *wp);
static caphealth_job_status_e caphealth_encode_failed(const WebPPicture *wp,
    const caphealth_encode_t *e, caphealth_result_t *result);


caphealth_job_status_e
caphealth_encode(const caphealth_picture_t *picture,
    const caphealth_job_t *job, unsigned number,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result)
{
    WebPConfig           config;
    WebPPicture          wp;
    caphealth_encode_t   e;

    if (!WebPConfigInit(&config) || !WebPPictureInit(&wp)) {
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "libwebp is of another version");
    }

    config.quality = job->variants[number].quality;
    config.method = job->variants[number].method;

    wp.use_argb = 0;
    wp.colorspace = picture->alpha ? WEBP_YUV420A : WEBP_YUV420;
    wp.width = (int) picture->width;
    wp.height = (int) picture->height;
    wp.y = picture->planes[0].data;
    wp.u = picture->planes[1].data;
    wp.v = picture->planes[2].data;
    wp.a = picture->planes[3].data;
    wp.y_stride = (int) picture->planes[0].stride;
    wp.uv_stride = (int) picture->planes[1].stride;
    wp.a_stride = (int) picture->planes[3].stride;

    e = (caphealth_encode_t) { write, ctx, number, 0, 0 };

    wp.writer = caphealth_encode_write;
    wp.custom_ptr = &e;

    if (!WebPEncode(&config, &wp)) {
        return caphealth_encode_failed(&wp, &e, result);
    }

    result->outputs[number].width = picture->width;
    result->outputs[number].height = picture->height;
    result->outputs[number].bytes = e.bytes;

    return CAPHEALTH_JOB_OK;
}


static int
caphealth_encode_write(const uint8_t *data, size_t size,
    const WebPPicture *wp)
{
    caphealth_encode_t  *e;

    e = wp->custom_ptr;

    if (size && e->write(e->ctx, e->variant, data, size) == -1) {
        e->err = errno;
        return 0;
    }

    e->bytes += size;

    return 1;
}


static caphealth_job_status_e
caphealth_encode_failed(const WebPPicture *wp, const caphealth_encode_t *e,
    caphealth_result_t *result)
{
    if (e->err) {
        result->error = (uint32_t) e->err;
        return caphealth_fail(result, CAPHEALTH_JOB_WRITE, "%s", "");
    }

    switch (wp->error_code) {

    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

    default:
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "libwebp cannot encode it, error %d",
                              (int) wp->error_code);
    }
}
