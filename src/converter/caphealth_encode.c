
/*
 * A YUV picture, or an RGB one with alpha, as a WebP file.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <webp/encode.h>

#include "caphealth_encode.h"


/* WebP's macroblock, pixels a side */
#define CAPHEALTH_ENCODE_BLOCK  16

/* rows that become YUV at once, whole macroblocks */
#define CAPHEALTH_ENCODE_ROWS   32


typedef struct {
    caphealth_convert_write_pt   write;
    void                        *ctx;
    unsigned                     variant;
    uint64_t                     bytes;
    int                          err;
} caphealth_encode_t;


static caphealth_job_status_e caphealth_encode_yuv(
    const caphealth_picture_t *picture, const caphealth_job_t *job,
    unsigned number, caphealth_convert_write_pt write, void *ctx,
    caphealth_result_t *result);
static int caphealth_encode_import(const caphealth_picture_t *rgb,
    caphealth_picture_t *yuv);
static void caphealth_encode_interleave(const caphealth_picture_t *rgb,
    uint32_t y, uint32_t rows, uint8_t *to);
static void caphealth_encode_fill(uint8_t *rgba, uint32_t width,
    uint32_t rows);
static int caphealth_encode_mean(const uint8_t *rgba, uint32_t width,
    uint32_t w, uint32_t h, uint8_t mean[3]);
static int caphealth_encode_strip(const uint8_t *rgba, uint32_t rows,
    caphealth_picture_t *yuv, uint32_t y);
static int caphealth_encode_write(const uint8_t *data, size_t size,
    const WebPPicture *wp);
static caphealth_job_status_e caphealth_encode_failed(const WebPPicture *wp,
    const caphealth_encode_t *e, caphealth_result_t *result);


caphealth_job_status_e
caphealth_encode(const caphealth_picture_t *picture,
    const caphealth_job_t *job, unsigned number,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result)
{
    caphealth_picture_t     yuv;
    caphealth_job_status_e  rc;

    if (!picture->alpha) {
        return caphealth_encode_yuv(picture, job, number, write, ctx, result);
    }

    rc = caphealth_encode_import(picture, &yuv) == 0
         ? caphealth_encode_yuv(&yuv, job, number, write, ctx, result)
         : caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

    caphealth_picture_free(&yuv);

    return rc;
}


static caphealth_job_status_e
caphealth_encode_yuv(const caphealth_picture_t *picture,
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
    result->outputs[number].format = CAPHEALTH_OUTPUT_WEBP;
    result->outputs[number].frames = 1;

    return CAPHEALTH_JOB_OK;
}


/*
 * A sample of chroma stands for four pixels, and is the mean of those that are
 * seen: libwebp's importer weighs each by its alpha.  It wants whole pixels,
 * so it is given a few rows at a time.  *yuv is the caller's to free.
 */

static int
caphealth_encode_import(const caphealth_picture_t *rgb,
    caphealth_picture_t *yuv)
{
    int        rc;
    uint8_t   *rgba;
    uint32_t   y, rows;

    if (caphealth_picture_create(yuv, CAPHEALTH_PICTURE_YUV, 1, 1, 1,
                                 rgb->width, rgb->height)
        == -1)
    {
        return -1;
    }

    rgba = malloc((size_t) rgb->width * 4 * CAPHEALTH_ENCODE_ROWS);
    if (rgba == NULL) {
        return -1;
    }

    rc = 0;

    for (y = 0; y < rgb->height && rc == 0; y += rows) {
        rows = rgb->height - y < CAPHEALTH_ENCODE_ROWS
               ? rgb->height - y : CAPHEALTH_ENCODE_ROWS;

        caphealth_encode_interleave(rgb, y, rows, rgba);
        caphealth_encode_fill(rgba, rgb->width, rows);

        rc = caphealth_encode_strip(rgba, rows, yuv, y);
    }

    free(rgba);

    return rc;
}


static void
caphealth_encode_interleave(const caphealth_picture_t *rgb, uint32_t y,
    uint32_t rows, uint8_t *to)
{
    uint32_t        x, last;
    const uint8_t  *r, *g, *b, *a;

    for (last = y + rows; y < last; y++) {
        r = rgb->planes[0].data + y * rgb->planes[0].stride;
        g = rgb->planes[1].data + y * rgb->planes[1].stride;
        b = rgb->planes[2].data + y * rgb->planes[2].stride;
        a = rgb->planes[3].data + y * rgb->planes[3].stride;

        for (x = 0; x < rgb->width; x++, to += 4) {
            to[0] = r[x];
            to[1] = g[x];
            to[2] = b[x];
            to[3] = a[x];
        }
    }
}


/*
 * A transform mixes the colours of a macroblock, so what is invisible in it
 * gets the mean of what is visible; where nothing is, that of the block before.
 */

static void
caphealth_encode_fill(uint8_t *rgba, uint32_t width, uint32_t rows)
{
    uint8_t   *p, mean[3] = { 0, 0, 0 };
    uint32_t   x, y, i, j, w, h;

    for (y = 0; y < rows; y += CAPHEALTH_ENCODE_BLOCK) {
        h = rows - y < CAPHEALTH_ENCODE_BLOCK ? rows - y
                                              : CAPHEALTH_ENCODE_BLOCK;

        for (x = 0; x < width; x += CAPHEALTH_ENCODE_BLOCK) {
            w = width - x < CAPHEALTH_ENCODE_BLOCK ? width - x
                                                   : CAPHEALTH_ENCODE_BLOCK;

            p = rgba + ((size_t) y * width + x) * 4;

            if (!caphealth_encode_mean(p, width, w, h, mean)) {
                continue;
            }

            for (j = 0; j < h; j++, p += (size_t) width * 4) {
                for (i = 0; i < w; i++) {
                    if (p[4 * i + 3] == 0) {
                        memcpy(p + 4 * i, mean, 3);
                    }
                }
            }
        }
    }
}


/* whether something is invisible; mean stays if all of it is */

static int
caphealth_encode_mean(const uint8_t *rgba, uint32_t width, uint32_t w,
    uint32_t h, uint8_t mean[3])
{
    uint32_t  x, y, a, sum[3] = { 0, 0, 0 }, weight, hidden, i;

    weight = 0;
    hidden = 0;

    for (y = 0; y < h; y++, rgba += (size_t) width * 4) {
        for (x = 0; x < w; x++) {
            a = rgba[4 * x + 3];

            weight += a;
            hidden += a == 0;

            for (i = 0; i < 3; i++) {
                sum[i] += a * rgba[4 * x + i];
            }
        }
    }

    for (i = 0; i < 3 && weight; i++) {
        mean[i] = (uint8_t) ((sum[i] + weight / 2) / weight);
    }

    return hidden > 0;
}


static int
caphealth_encode_strip(const uint8_t *rgba, uint32_t rows,
    caphealth_picture_t *yuv, uint32_t y)
{
    uint8_t            *alpha;
    uint32_t            i;
    WebPPicture         wp;
    caphealth_plane_t  *p;

    if (!WebPPictureInit(&wp)) {
        return -1;
    }

    wp.width = (int) yuv->width;
    wp.height = (int) rows;

    if (!WebPPictureImportRGBA(&wp, rgba, wp.width * 4)) {
        WebPPictureFree(&wp);
        return -1;
    }

    p = yuv->planes;

    for (i = 0; i < rows; i++) {
        memcpy(p[0].data + (y + i) * p[0].stride, wp.y + i * wp.y_stride,
               yuv->width);

        alpha = p[3].data + (y + i) * p[3].stride;

        if (wp.a) {
            memcpy(alpha, wp.a + i * wp.a_stride, yuv->width);

        } else {
            memset(alpha, 255, yuv->width);
        }
    }

    for (i = 0; i < (rows + 1) / 2; i++) {
        memcpy(p[1].data + (y / 2 + i) * p[1].stride,
               wp.u + i * wp.uv_stride, p[1].width);
        memcpy(p[2].data + (y / 2 + i) * p[2].stride,
               wp.v + i * wp.uv_stride, p[2].width);
    }

    WebPPictureFree(&wp);

    return 0;
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

    /* the alpha encoder of libwebp up to 1.2 says nothing else of it */

    case VP8_ENC_OK:
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

    default:
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "libwebp cannot encode it, error %d",
                              (int) wp->error_code);
    }
}
