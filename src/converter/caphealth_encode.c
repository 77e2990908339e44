
/*
 * A picture as the file of a variant: WebP here, by libwebp.
 */

#include <stdlib.h>
#include <string.h>
#include <webp/encode.h>

#include "caphealth_encode.h"
#include "caphealth_graphic.h"


/* WebP's macroblock, pixels a side */
#define CAPHEALTH_ENCODE_BLOCK  16

/* rows that become YUV at once, whole macroblocks */
#define CAPHEALTH_ENCODE_ROWS   32


/*
 * From this quality on, a JPEG keeps all samples of chroma, as libvips and
 * Lightroom do: below it, the coarse steps of chroma cost more than the lost
 * samples.
 */
#define CAPHEALTH_ENCODE_FULL_CHROMA      90

/* libwebp's default, of 0 to 100 */
#define CAPHEALTH_ENCODE_EFFORT           75

/*
 * Lossless WebP takes three to four times as long as lossy, and so many bytes
 * for a pixel at most.
 */
#define CAPHEALTH_ENCODE_LOSSLESS_PIXELS  (16 * 1024 * 1024)
#define CAPHEALTH_ENCODE_LOSSLESS_PIXEL   40

/* bytes for a pixel of libwebp's tokens, of noise at quality 100 */
#define CAPHEALTH_ENCODE_TOKENS_PIXEL     12

/* bytes for a pixel of libwebp's sharp YUV, and of its copy of the picture */
#define CAPHEALTH_ENCODE_SHARP_PIXEL      20


/* the smallest file so far */

typedef struct {
    uint8_t                     *data;
    size_t                       size;
    uint32_t                     format;
} caphealth_encode_best_t;


/* qualities of AVIF and of WebP that look the same, by their SSIM */

static const uint8_t  caphealth_encode_qualities[][2] = {
    { 0, 0 }, { 49, 60 }, { 55, 75 }, { 65, 80 }, { 70, 85 }, { 81, 90 },
    { 90, 95 }, { 100, 100 }
};


static caphealth_job_status_e caphealth_encode_one(
    const caphealth_picture_t *picture, int graphic,
    const caphealth_variant_t *variant, caphealth_encode_t *e,
    caphealth_result_t *result);
static caphealth_job_status_e caphealth_encode_smallest(
    const caphealth_picture_t *picture, int graphic,
    const caphealth_picture_t *yuv, const caphealth_variant_t *variant,
    caphealth_encode_t *e, caphealth_result_t *result);
static void caphealth_encode_keep(caphealth_encode_best_t *best,
    uint32_t format, uint8_t *data, size_t size);
static caphealth_job_status_e caphealth_encode_webp(
    const caphealth_picture_t *picture, const caphealth_variant_t *variant,
    caphealth_encode_t *e, caphealth_result_t *result);
static caphealth_job_status_e caphealth_encode_webp_memory(
    const caphealth_picture_t *yuv, const caphealth_variant_t *variant,
    caphealth_encode_best_t *best, caphealth_result_t *result);
static int caphealth_encode_webp_planes(const caphealth_picture_t *yuv,
    const caphealth_variant_t *variant, WebPConfig *config, WebPPicture *wp);
static int caphealth_encode_no_tokens(const caphealth_picture_t *yuv);
static void caphealth_encode_lossless(const caphealth_picture_t *rgb,
    const caphealth_variant_t *variant, caphealth_encode_best_t *best);
static int caphealth_encode_argb(const caphealth_picture_t *rgb,
    WebPPicture *wp);
static void caphealth_encode_rows(const caphealth_picture_t *rgb, uint32_t y,
    const uint8_t *rows[4]);
static int caphealth_encode_sharp(const caphealth_picture_t *rgb,
    caphealth_picture_t *yuv);
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
caphealth_encode(const caphealth_picture_t *picture, int graphic,
    const caphealth_job_t *job, unsigned number,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result)
{
    caphealth_encode_t      e;
    caphealth_job_status_e  rc;

    e = (caphealth_encode_t) { write, ctx, number, 0, 0 };

    result->outputs[number].width = picture->width;
    result->outputs[number].height = picture->height;
    result->outputs[number].format = job->variants[number].format;
    result->outputs[number].frames = 1;

    rc = caphealth_encode_one(picture, graphic, &job->variants[number], &e,
                              result);

    result->outputs[number].bytes = e.bytes;

    return rc;
}


int
caphealth_encode_full_chroma(const caphealth_variant_t *variant)
{
    return variant->format == CAPHEALTH_OUTPUT_JPEG
           && variant->quality >= CAPHEALTH_ENCODE_FULL_CHROMA;
}


static caphealth_job_status_e
caphealth_encode_one(const caphealth_picture_t *picture, int graphic,
    const caphealth_variant_t *variant, caphealth_encode_t *e,
    caphealth_result_t *result)
{
    int                     rgb;
    caphealth_picture_t     yuv;
    caphealth_job_status_e  rc;

    rgb = picture->kind == CAPHEALTH_PICTURE_RGB;

    if (variant->format == CAPHEALTH_OUTPUT_JPEG) {
        return caphealth_encode_jpeg(picture, variant->quality, e, result);
    }

    if (!rgb) {
        return variant->format == CAPHEALTH_OUTPUT_WEBP
               ? caphealth_encode_webp(picture, variant, e, result)
               : caphealth_encode_smallest(picture, 0, picture, variant, e,
                                           result);
    }

    if (caphealth_encode_import(picture, &yuv) == -1) {
        rc = caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

    } else {
        rc = caphealth_encode_smallest(picture, graphic, &yuv, variant, e,
                                       result);
    }

    caphealth_picture_free(&yuv);

    return rc;
}


/* the variant's format, or WebP if that is smaller; picture may be the RGB */

static caphealth_job_status_e
caphealth_encode_smallest(const caphealth_picture_t *picture, int graphic,
    const caphealth_picture_t *yuv, const caphealth_variant_t *variant,
    caphealth_encode_t *e, caphealth_result_t *result)
{
    size_t                   size;
    uint8_t                 *data;
    caphealth_job_status_e   rc;
    caphealth_encode_best_t  best = { NULL, 0, CAPHEALTH_OUTPUT_WEBP };

    if (graphic && caphealth_graphic_plain(picture)) {
        caphealth_encode_lossless(picture, variant, &best);
    }

    if (variant->format == CAPHEALTH_OUTPUT_AVIF
        && caphealth_encode_avif(yuv, variant->quality, &data, &size) == 0)
    {
        caphealth_encode_keep(&best, CAPHEALTH_OUTPUT_AVIF, data, size);
    }

    if (best.data == NULL) {
        result->outputs[e->variant].format = CAPHEALTH_OUTPUT_WEBP;
        return caphealth_encode_webp(yuv, variant, e, result);
    }

    rc = caphealth_encode_webp_memory(yuv, variant, &best, result);

    if (rc == CAPHEALTH_JOB_OK
        && caphealth_encode_put(e, best.data, best.size) == -1)
    {
        result->error = (uint32_t) e->err;
        rc = caphealth_fail(result, CAPHEALTH_JOB_WRITE, "%s", "");
    }

    result->outputs[e->variant].format = best.format;

    free(best.data);

    return rc;
}


/* data is best's, or freed */

static void
caphealth_encode_keep(caphealth_encode_best_t *best, uint32_t format,
    uint8_t *data, size_t size)
{
    if (best->data && best->size <= size) {
        free(data);
        return;
    }

    free(best->data);

    best->data = data;
    best->size = size;
    best->format = format;
}


unsigned
caphealth_encode_webp_quality(const caphealth_variant_t *variant)
{
    unsigned       i, q;
    const uint8_t  (*p)[2];

    if (variant->format == CAPHEALTH_OUTPUT_WEBP) {
        return variant->quality;
    }

    q = variant->quality;

    for (i = 1; q > caphealth_encode_qualities[i][0]; i++) {
        /* void */
    }

    p = &caphealth_encode_qualities[i - 1];

    return p[0][1] + (q - p[0][0]) * (p[1][1] - p[0][1])
                     / (unsigned) (p[1][0] - p[0][0]);
}


static caphealth_job_status_e
caphealth_encode_webp(const caphealth_picture_t *picture,
    const caphealth_variant_t *variant, caphealth_encode_t *e,
    caphealth_result_t *result)
{
    WebPConfig   config;
    WebPPicture  wp;

    if (caphealth_encode_webp_planes(picture, variant, &config, &wp) == -1) {
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "libwebp is of another version");
    }

    wp.writer = caphealth_encode_write;
    wp.custom_ptr = e;

    if (!WebPEncode(&config, &wp)) {
        return caphealth_encode_failed(&wp, e, result);
    }

    return CAPHEALTH_JOB_OK;
}


static caphealth_job_status_e
caphealth_encode_webp_memory(const caphealth_picture_t *yuv,
    const caphealth_variant_t *variant, caphealth_encode_best_t *best,
    caphealth_result_t *result)
{
    WebPConfig          config;
    WebPPicture         wp;
    WebPMemoryWriter    file;
    caphealth_encode_t  e = { 0 };

    if (caphealth_encode_webp_planes(yuv, variant, &config, &wp) == -1) {
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "libwebp is of another version");
    }

    WebPMemoryWriterInit(&file);

    wp.writer = WebPMemoryWrite;
    wp.custom_ptr = &file;

    if (!WebPEncode(&config, &wp)) {
        WebPMemoryWriterClear(&file);
        return caphealth_encode_failed(&wp, &e, result);
    }

    caphealth_encode_keep(best, CAPHEALTH_OUTPUT_WEBP, file.mem, file.size);

    return CAPHEALTH_JOB_OK;
}


/* the planes stay the picture's */

static int
caphealth_encode_webp_planes(const caphealth_picture_t *yuv,
    const caphealth_variant_t *variant, WebPConfig *config, WebPPicture *wp)
{
    if (!WebPConfigInit(config) || !WebPPictureInit(wp)) {
        return -1;
    }

    config->quality = (float) caphealth_encode_webp_quality(variant);
    config->method = variant->method;
    config->low_memory = caphealth_encode_no_tokens(yuv);

    wp->use_argb = 0;
    wp->colorspace = yuv->alpha ? WEBP_YUV420A : WEBP_YUV420;
    wp->width = (int) yuv->width;
    wp->height = (int) yuv->height;
    wp->y = yuv->planes[0].data;
    wp->u = yuv->planes[1].data;
    wp->v = yuv->planes[2].data;
    wp->a = yuv->planes[3].data;
    wp->y_stride = (int) yuv->planes[0].stride;
    wp->uv_stride = (int) yuv->planes[1].stride;
    wp->a_stride = (int) yuv->planes[3].stride;

    return 0;
}


/*
 * The tokens of a large picture may take more memory than all the rest.
 * Without them libwebp goes through the picture twice.
 */

static int
caphealth_encode_no_tokens(const caphealth_picture_t *yuv)
{
    uint64_t  pixels;

    pixels = (uint64_t) yuv->width * yuv->height;

    return pixels > CAPHEALTH_ENCODE_TOKENS_PIXELS
           && !caphealth_encode_room(pixels * CAPHEALTH_ENCODE_TOKENS_PIXEL);
}


/* best stays as it is if there is no memory for it */

static void
caphealth_encode_lossless(const caphealth_picture_t *rgb,
    const caphealth_variant_t *variant, caphealth_encode_best_t *best)
{
    uint64_t          pixels;
    WebPConfig        config;
    WebPPicture       wp;
    WebPMemoryWriter  file;

    pixels = (uint64_t) rgb->width * rgb->height;

    if (pixels > CAPHEALTH_ENCODE_LOSSLESS_PIXELS
        || !caphealth_encode_room(pixels * CAPHEALTH_ENCODE_LOSSLESS_PIXEL)
        || !WebPConfigInit(&config)
        || caphealth_encode_argb(rgb, &wp) == -1)
    {
        return;
    }

    /* quality is its effort here */

    config.lossless = 1;
    config.quality = CAPHEALTH_ENCODE_EFFORT;
    config.method = variant->method;

    WebPMemoryWriterInit(&file);

    wp.writer = WebPMemoryWrite;
    wp.custom_ptr = &file;

    if (WebPEncode(&config, &wp)) {
        caphealth_encode_keep(best, CAPHEALTH_OUTPUT_WEBP, file.mem,
                              file.size);

    } else {
        WebPMemoryWriterClear(&file);
    }

    WebPPictureFree(&wp);
}


/* 0, and the caller frees *wp; or -1, without memory for it */

static int
caphealth_encode_argb(const caphealth_picture_t *rgb, WebPPicture *wp)
{
    uint32_t        x, y, a, *to;
    const uint8_t  *rows[4];

    if (!WebPPictureInit(wp)) {
        return -1;
    }

    wp->use_argb = 1;
    wp->width = (int) rgb->width;
    wp->height = (int) rgb->height;

    if (!WebPPictureAlloc(wp)) {
        return -1;
    }

    for (y = 0; y < rgb->height; y++) {
        caphealth_encode_rows(rgb, y, rows);
        to = wp->argb + (size_t) y * (size_t) wp->argb_stride;

        for (x = 0; x < rgb->width; x++) {
            a = rows[3] ? rows[3][x] : 255;
            to[x] = a << 24 | (uint32_t) rows[0][x] << 16
                    | (uint32_t) rows[1][x] << 8 | rows[2][x];
        }
    }

    return 0;
}


static void
caphealth_encode_rows(const caphealth_picture_t *rgb, uint32_t y,
    const uint8_t *rows[4])
{
    unsigned  i;

    for (i = 0; i < 4; i++) {
        rows[i] = rgb->planes[i].data
                  ? rgb->planes[i].data
                    + (rgb->top + y) * rgb->planes[i].stride + rgb->left
                  : NULL;
    }
}


/*
 * An edge between two colours has chroma of its own at each pixel, and luma is
 * made to fit the samples of it that are kept.  Returns 0; or -1 without memory
 * for it, and *yuv is as it was.
 */

static int
caphealth_encode_sharp(const caphealth_picture_t *rgb,
    caphealth_picture_t *yuv)
{
    int                 rc;
    unsigned            i;
    uint32_t            y;
    WebPPicture         wp;
    caphealth_plane_t  *p;

    if (!caphealth_encode_room((uint64_t) rgb->width * rgb->height
                               * CAPHEALTH_ENCODE_SHARP_PIXEL)
        || caphealth_encode_argb(rgb, &wp) == -1)
    {
        return -1;
    }

    rc = WebPPictureSharpARGBToYUVA(&wp) ? 0 : -1;

    for (i = 0; i < 3 && rc == 0; i++) {
        p = &yuv->planes[i];

        for (y = 0; y < (i ? (rgb->height + 1) / 2 : rgb->height); y++) {
            memcpy(p->data + y * p->stride,
                   i == 0 ? wp.y + (size_t) y * (size_t) wp.y_stride
                   : (i == 1 ? wp.u : wp.v)
                     + (size_t) y * (size_t) wp.uv_stride,
                   i ? (rgb->width + 1) / 2 : rgb->width);
        }
    }

    WebPPictureFree(&wp);

    return rc;
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

    if (caphealth_picture_create(yuv, CAPHEALTH_PICTURE_YUV, rgb->alpha, 1, 1,
                                 rgb->width, rgb->height)
        == -1)
    {
        return -1;
    }

    if (!rgb->alpha && caphealth_encode_sharp(rgb, yuv) == 0) {
        return 0;
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
    const uint8_t  *rows_of[4];

    for (last = y + rows; y < last; y++) {
        caphealth_encode_rows(rgb, y, rows_of);

        for (x = 0; x < rgb->width; x++, to += 4) {
            to[0] = rows_of[0][x];
            to[1] = rows_of[1][x];
            to[2] = rows_of[2][x];
            to[3] = rows_of[3] ? rows_of[3][x] : 255;
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

        if (!yuv->alpha) {
            continue;
        }

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
    return caphealth_encode_put(wp->custom_ptr, data, size) == 0;
}


static caphealth_job_status_e
caphealth_encode_failed(const WebPPicture *wp, const caphealth_encode_t *e,
    caphealth_result_t *result)
{
    if (e->err) {
        result->error = (uint32_t) e->err;
        return caphealth_fail(result, CAPHEALTH_JOB_WRITE, "%s", "");
    }

    return caphealth_encode_webp_failed(wp->error_code, result);
}


caphealth_job_status_e
caphealth_encode_webp_failed(int code, caphealth_result_t *result)
{
    switch (code) {

    /*
     * The alpha encoder of libwebp up to 1.2, and the encoder of animations,
     * set no error if there is no memory.
     */

    case VP8_ENC_OK:
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

    default:
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "libwebp cannot encode it, error %d", code);
    }
}
