
/*
 * Animated images.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "caphealth_animation.h"
#include "caphealth_encode.h"


/* where the flags of an extended file are, and the one of transparency */
#define CAPHEALTH_VP8X_AT     12
#define CAPHEALTH_VP8X_FLAGS  20


struct caphealth_animator_s {
    WebPAnimEncoder   *encoder;
    WebPConfig         config;
    uint32_t           width;
    uint32_t           height;
    uint32_t           frames;
    int                time;         /* of the next frame, milliseconds */
    unsigned           variant;
    unsigned           alpha:1;      /* something is seen through */
};


static void caphealth_animator_transparent(const caphealth_animator_t *a,
    WebPData *data);
static void caphealth_animator_argb(const caphealth_picture_t *picture,
    WebPPicture *wp);
static uint32_t caphealth_animator_frames(const WebPData *data);


caphealth_animation_pt
caphealth_animation_of(caphealth_format_e format)
{
    switch (format) {

    case CAPHEALTH_FORMAT_GIF:
        return caphealth_animation_gif;

    case CAPHEALTH_FORMAT_WEBP:
        return caphealth_animation_webp;

    default:
        return NULL;
    }
}


int
caphealth_animation_picture(const caphealth_animation_t *animation,
    caphealth_picture_t *picture)
{
    size_t          stride;
    uint8_t        *converted;
    uint32_t        y;
    const uint8_t  *row;

    stride = (size_t) animation->width * 4;
    converted = NULL;

    if (caphealth_picture_create(picture, CAPHEALTH_PICTURE_RGB, 1, 0, 0,
                                 animation->width, animation->height)
        == -1)
    {
        return -1;
    }

    if (animation->colour) {
        converted = malloc(stride);
        if (converted == NULL) {
            return -1;
        }
    }

    for (y = 0; y < animation->height; y++) {
        row = animation->canvas + y * stride;

        if (converted) {
            caphealth_colour_row(animation->colour, row, converted,
                                 animation->width);
            row = converted;
        }

        caphealth_picture_row(picture, y, row, 4);
    }

    free(converted);

    caphealth_picture_opaque(picture);

    return animation->orientation > 1
           ? caphealth_picture_orient(picture, animation->orientation) : 0;
}


void
caphealth_animation_free(caphealth_animation_t *animation)
{
    if (animation->close) {
        animation->close(animation);
    }

    caphealth_colour_free(animation->colour);

    memset(animation, 0, sizeof(caphealth_animation_t));
}


caphealth_animator_t *
caphealth_animator_create(const caphealth_job_t *job, unsigned number,
    uint32_t width, uint32_t height, uint32_t loops)
{
    caphealth_animator_t    *a;
    WebPAnimEncoderOptions   options;

    a = calloc(1, sizeof(caphealth_animator_t));
    if (a == NULL) {
        return NULL;
    }

    a->width = width;
    a->height = height;
    a->variant = number;

    if (WebPAnimEncoderOptionsInit(&options) && WebPConfigInit(&a->config)) {
        options.anim_params.loop_count = (int) loops;

        a->config.quality = job->variants[number].quality;
        a->config.method = job->variants[number].method;
        a->encoder = WebPAnimEncoderNew((int) width, (int) height, &options);
    }

    if (a->encoder == NULL) {
        free(a);
        return NULL;
    }

    return a;
}


caphealth_job_status_e
caphealth_animator_add(caphealth_animator_t *animator,
    const caphealth_picture_t *picture, uint32_t duration,
    caphealth_result_t *result)
{
    int                      rc;
    WebPPicture              wp;
    caphealth_job_status_e   status;

    if (!WebPPictureInit(&wp)) {
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "libwebp is of another version");
    }

    wp.use_argb = 1;
    wp.width = (int) animator->width;
    wp.height = (int) animator->height;

    if (!WebPPictureAlloc(&wp)) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    caphealth_animator_argb(picture, &wp);

    if (picture->alpha) {
        animator->alpha = 1;
    }

    rc = WebPAnimEncoderAdd(animator->encoder, &wp, animator->time,
                            &animator->config);

    status = rc ? CAPHEALTH_JOB_OK
                : caphealth_encode_webp_failed(wp.error_code, result);

    WebPPictureFree(&wp);

    animator->frames++;
    animator->time += (int) duration;

    return status;
}


static void
caphealth_animator_argb(const caphealth_picture_t *picture, WebPPicture *wp)
{
    uint32_t        x, y, alpha, *to;
    const uint8_t  *r, *g, *b, *a;

    for (y = 0; y < picture->height; y++) {
        r = picture->planes[0].data + y * picture->planes[0].stride;
        g = picture->planes[1].data + y * picture->planes[1].stride;
        b = picture->planes[2].data + y * picture->planes[2].stride;
        a = picture->alpha
            ? picture->planes[3].data + y * picture->planes[3].stride : NULL;

        to = wp->argb + (size_t) y * (size_t) wp->argb_stride;

        for (x = 0; x < picture->width; x++) {
            alpha = a ? a[x] : UINT8_MAX;

            to[x] = alpha ? alpha << 24 | (uint32_t) r[x] << 16
                            | (uint32_t) g[x] << 8 | b[x]
                          : 0;
        }
    }
}


caphealth_job_status_e
caphealth_animator_write(caphealth_animator_t *animator,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result)
{
    int                  rc;
    WebPData             data;
    caphealth_output_t  *output;

    WebPDataInit(&data);

    /* the last frame ends here */

    if (!WebPAnimEncoderAdd(animator->encoder, NULL, animator->time, NULL)
        || !WebPAnimEncoderAssemble(animator->encoder, &data))
    {
        WebPDataClear(&data);
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    caphealth_animator_transparent(animator, &data);

    rc = write(ctx, animator->variant, data.bytes, data.size);

    if (rc == -1) {
        result->error = (uint32_t) errno;
    }

    output = &result->outputs[animator->variant];

    output->width = animator->width;
    output->height = animator->height;
    output->bytes = data.size;
    output->format = CAPHEALTH_OUTPUT_WEBP;
    output->frames = caphealth_animator_frames(&data);

    WebPDataClear(&data);

    return rc == -1 ? caphealth_fail(result, CAPHEALTH_JOB_WRITE, "%s", "")
                    : CAPHEALTH_JOB_OK;
}


/*
 * The library says that an animation has transparency if a frame has.  Where
 * frames are smaller than the canvas, one is seen through that has none.
 */

static void
caphealth_animator_transparent(const caphealth_animator_t *a, WebPData *data)
{
    uint8_t  *bytes;

    bytes = (uint8_t *) data->bytes;

    if (a->alpha && data->size > CAPHEALTH_VP8X_FLAGS
        && memcmp(bytes + CAPHEALTH_VP8X_AT, "VP8X", 4) == 0)
    {
        bytes[CAPHEALTH_VP8X_FLAGS] |= ALPHA_FLAG;
    }
}


/* frames that look the same have become one */

static uint32_t
caphealth_animator_frames(const WebPData *data)
{
    uint32_t      n;
    WebPDemuxer  *demux;

    demux = WebPDemux(data);
    n = demux ? WebPDemuxGetI(demux, WEBP_FF_FRAME_COUNT) : 0;

    WebPDemuxDelete(demux);

    return n ? n : 1;
}


void
caphealth_animator_free(caphealth_animator_t *animator)
{
    WebPAnimEncoderDelete(animator->encoder);
    free(animator);
}
