
/*
 * An image in, WebP variants out.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_animation.h"
#include "caphealth_colour.h"
#include "caphealth_convert.h"
#include "caphealth_decode.h"
#include "caphealth_encode.h"
#include "caphealth_fit.h"
#include "caphealth_format.h"
#include "caphealth_graphic.h"
#include "caphealth_picture.h"
#include "caphealth_plan.h"
#include "caphealth_preview.h"


#define CAPHEALTH_WARM_UP_SIDE  64
#define CAPHEALTH_WARM_UP_SORT  4096


typedef struct {
    uint8_t   data[8192];
    size_t    size;
} caphealth_convert_buffer_t;


static caphealth_job_status_e caphealth_convert_decode(
    const caphealth_job_t *job, const uint8_t *data, size_t length,
    caphealth_picture_t *picture, caphealth_result_t *result);
static caphealth_job_status_e caphealth_convert_variants(
    const caphealth_job_t *job, caphealth_picture_t *picture,
    const uint8_t *data, size_t length, caphealth_convert_write_pt write,
    void *ctx, caphealth_result_t *result);
static int caphealth_convert_make(const caphealth_job_t *job,
    const caphealth_plan_t *plan, unsigned number,
    caphealth_picture_t *picture, const caphealth_result_t *result,
    caphealth_picture_t *next, const caphealth_picture_t **made);
static caphealth_job_status_e caphealth_convert_animated(
    const caphealth_job_t *job, unsigned number, const caphealth_fit_t *fit,
    const caphealth_picture_t *picture, const uint8_t *data, size_t length,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result);
static caphealth_job_status_e caphealth_convert_frames(
    const caphealth_job_t *job, unsigned number, const caphealth_fit_t *fit,
    uint64_t held, caphealth_animation_t *animation,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result);
static caphealth_job_status_e caphealth_convert_shown(
    const caphealth_animation_t *animation, const caphealth_job_t *job,
    unsigned number, const caphealth_fit_t *fit, caphealth_picture_t *to,
    caphealth_result_t *result);
static int caphealth_convert_frame(const caphealth_picture_t *picture,
    const caphealth_variant_t *variant, const caphealth_fit_t *fit,
    const caphealth_result_t *result, caphealth_picture_t *to);
static int caphealth_convert_lay(const caphealth_picture_t *picture,
    const caphealth_variant_t *variant, const caphealth_fit_t *fit,
    const caphealth_result_t *result, caphealth_picture_kind_e kind,
    caphealth_picture_t *to);
static int caphealth_convert_part(const caphealth_picture_t *picture,
    const caphealth_fit_t *fit, const caphealth_result_t *result,
    caphealth_picture_kind_e kind, caphealth_picture_t *to);
static int caphealth_convert_keep(void *ctx, unsigned variant,
    const uint8_t *data, size_t size);
static void caphealth_warm_up_sort(void);
static int caphealth_warm_up_compare(const void *a, const void *b);
static int caphealth_warm_up_image(const caphealth_job_t *job,
    const uint8_t *data, size_t size, caphealth_convert_buffer_t *b);


#define caphealth_convert_decoder(id, name, ...)                              \
    [CAPHEALTH_FORMAT_##id] = caphealth_decode_##name,

static const caphealth_decode_pt  caphealth_decoders[] = {
    CAPHEALTH_FORMATS(caphealth_convert_decoder)
};


/* a JPEG of 32 by 32 pixels, 4:2:0 */

static const uint8_t  caphealth_warm_up_jpeg[] = {
    255, 216, 255, 219, 0, 67, 0, 13, 9, 10, 11, 10, 8, 13, 11, 10, 11, 14,
    14, 13, 15, 19, 32, 21, 19, 18, 18, 19, 39, 28, 30, 23, 32, 46, 41, 49,
    48, 46, 41, 45, 44, 51, 58, 74, 62, 51, 54, 70, 55, 44, 45, 64, 87, 65,
    70, 76, 78, 82, 83, 82, 50, 62, 90, 97, 90, 80, 96, 74, 81, 82, 79, 255,
    219, 0, 67, 1, 14, 14, 14, 19, 17, 19, 38, 21, 21, 38, 79, 53, 45, 53, 79,
    79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79,
    79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79,
    79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 79, 255, 192, 0, 17, 8, 0,
    32, 0, 32, 3, 1, 34, 0, 2, 17, 1, 3, 17, 1, 255, 196, 0, 22, 0, 1, 1, 1,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 6, 255, 196, 0, 34, 16, 0, 0,
    5, 3, 5, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 17, 33, 49, 18,
    34, 65, 81, 97, 113, 19, 255, 196, 0, 26, 1, 0, 1, 5, 1, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 6, 0, 1, 2, 3, 4, 7, 255, 196, 0, 33, 17, 0, 1, 3, 4, 1,
    5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 4, 3, 17, 18, 33, 81, 19, 49,
    145, 161, 240, 255, 218, 0, 12, 3, 1, 0, 2, 17, 3, 17, 0, 63, 0, 192, 51,
    26, 188, 7, 51, 19, 192, 182, 35, 98, 194, 156, 120, 152, 176, 106, 44,
    234, 165, 26, 85, 148, 246, 97, 87, 128, 230, 96, 248, 30, 134, 82, 217,
    145, 105, 170, 186, 9, 105, 135, 23, 231, 203, 9, 212, 108, 118, 28, 109,
    145, 224, 34, 40, 146, 137, 64, 141, 26, 180, 176, 162, 150, 63, 52, 21,
    11, 113, 224, 34, 36, 108, 88, 53, 184, 218, 221, 59, 88, 172, 49, 209,
    144, 89, 28, 99, 221, 218, 11, 158, 70, 147, 114, 137, 26, 29, 170, 100,
    24, 219, 38, 163, 162, 10, 133, 223, 33, 105, 142, 106, 86, 130, 193, 103,
    232, 99, 113, 233, 177, 5, 126, 79, 161, 67, 235, 6, 12, 91, 160, 60, 147,
    192, 251, 210, 36, 139, 38, 235, 255, 217
};


/* a PNG of 4 by 4 pixels, red, green, blue, and not opaque */

static const uint8_t  caphealth_warm_up_png[] = {
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 4,
    0, 0, 0, 4, 8, 6, 0, 0, 0, 169, 241, 158, 126, 0, 0, 0, 26, 73, 68, 65,
    84, 120, 156, 99, 100, 96, 104, 96, 176, 97, 96, 8, 128, 97, 22, 6, 27,
    6, 20, 64, 88, 0, 0, 151, 28, 2, 230, 243, 66, 109, 5, 0, 0, 0, 0, 73,
    69, 78, 68, 174, 66, 96, 130
};


/* a GIF of 4 by 4 pixels, one colour of which is transparent */

static const uint8_t  caphealth_warm_up_gif[] = {
    71, 73, 70, 56, 57, 97, 4, 0, 4, 0, 129, 0, 0, 0, 0, 0, 255, 0, 0, 0, 255,
    0, 0, 0, 255, 33, 249, 4, 1, 0, 0, 0, 0, 44, 0, 0, 0, 0, 4, 0, 4, 0, 0, 8,
    15, 0, 1, 4, 16, 48, 96, 224, 0, 0, 4, 5, 30, 28, 24, 16, 0, 59
};


#if (CAPHEALTH_HEIF)

/* an AVIF of 4 by 4 pixels, with alpha */

static const uint8_t  caphealth_warm_up_avif[] = {
    0, 0, 0, 32, 102, 116, 121, 112, 97, 118, 105, 102, 0, 0, 0, 0, 97, 118,
    105, 102, 109, 105, 102, 49, 109, 105, 97, 102, 77, 65, 49, 65, 0, 0, 1,
    141, 109, 101, 116, 97, 0, 0, 0, 0, 0, 0, 0, 40, 104, 100, 108, 114, 0, 0,
    0, 0, 0, 0, 0, 0, 112, 105, 99, 116, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    108, 105, 98, 97, 118, 105, 102, 0, 0, 0, 0, 14, 112, 105, 116, 109, 0, 0,
    0, 0, 0, 1, 0, 0, 0, 44, 105, 108, 111, 99, 0, 0, 0, 0, 68, 0, 0, 2, 0, 1,
    0, 0, 0, 1, 0, 0, 1, 205, 0, 0, 0, 34, 0, 2, 0, 0, 0, 1, 0, 0, 1, 181, 0,
    0, 0, 24, 0, 0, 0, 66, 105, 105, 110, 102, 0, 0, 0, 0, 0, 2, 0, 0, 0, 26,
    105, 110, 102, 101, 2, 0, 0, 0, 0, 1, 0, 0, 97, 118, 48, 49, 67, 111, 108,
    111, 114, 0, 0, 0, 0, 26, 105, 110, 102, 101, 2, 0, 0, 0, 0, 2, 0, 0, 97,
    118, 48, 49, 65, 108, 112, 104, 97, 0, 0, 0, 0, 26, 105, 114, 101, 102, 0,
    0, 0, 0, 0, 0, 0, 14, 97, 117, 120, 108, 0, 2, 0, 1, 0, 1, 0, 0, 0, 195,
    105, 112, 114, 112, 0, 0, 0, 157, 105, 112, 99, 111, 0, 0, 0, 20, 105,
    115, 112, 101, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 16, 112, 105,
    120, 105, 0, 0, 0, 0, 3, 8, 8, 8, 0, 0, 0, 12, 97, 118, 49, 67, 129, 32,
    0, 0, 0, 0, 0, 19, 99, 111, 108, 114, 110, 99, 108, 120, 0, 1, 0, 13, 0,
    6, 128, 0, 0, 0, 14, 112, 105, 120, 105, 0, 0, 0, 0, 1, 8, 0, 0, 0, 12,
    97, 118, 49, 67, 129, 0, 28, 0, 0, 0, 0, 56, 97, 117, 120, 67, 0, 0, 0, 0,
    117, 114, 110, 58, 109, 112, 101, 103, 58, 109, 112, 101, 103, 66, 58, 99,
    105, 99, 112, 58, 115, 121, 115, 116, 101, 109, 115, 58, 97, 117, 120,
    105, 108, 105, 97, 114, 121, 58, 97, 108, 112, 104, 97, 0, 0, 0, 0, 30,
    105, 112, 109, 97, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 1, 2, 131, 4, 0, 2, 4,
    1, 5, 134, 7, 0, 0, 0, 66, 109, 100, 97, 116, 18, 0, 10, 5, 24, 4, 125,
    133, 64, 50, 13, 16, 0, 134, 210, 132, 40, 41, 41, 242, 231, 114, 248,
    126, 18, 0, 10, 8, 56, 4, 125, 132, 4, 52, 26, 64, 50, 20, 27, 64, 28,
    113, 199, 4, 0, 60, 246, 25, 13, 30, 40, 95, 80, 39, 26, 26, 52, 128
};


/* a HEIC of 4 by 4 pixels, cut out of 64 by 64 */

static const uint8_t  caphealth_warm_up_heic[] = {
    0, 0, 0, 28, 102, 116, 121, 112, 104, 101, 105, 99, 0, 0, 0, 0, 109, 105,
    102, 49, 104, 101, 105, 99, 109, 105, 97, 102, 0, 0, 1, 173, 109, 101,
    116, 97, 0, 0, 0, 0, 0, 0, 0, 33, 104, 100, 108, 114, 0, 0, 0, 0, 0, 0, 0,
    0, 112, 105, 99, 116, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14,
    112, 105, 116, 109, 0, 0, 0, 0, 0, 2, 0, 0, 0, 16, 105, 100, 97, 116, 0,
    0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 56, 105, 108, 111, 99, 1, 0, 0, 0, 68, 64,
    0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 1, 209, 0, 1, 0, 0, 0, 0, 0, 0, 0, 49, 0, 2,
    0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 56, 105,
    105, 110, 102, 0, 0, 0, 0, 0, 2, 0, 0, 0, 21, 105, 110, 102, 101, 2, 0, 0,
    1, 0, 1, 0, 0, 104, 118, 99, 49, 0, 0, 0, 0, 21, 105, 110, 102, 101, 2, 0,
    0, 0, 0, 2, 0, 0, 103, 114, 105, 100, 0, 0, 0, 0, 216, 105, 112, 114, 112,
    0, 0, 0, 182, 105, 112, 99, 111, 0, 0, 0, 118, 104, 118, 99, 67, 1, 3,
    112, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 240, 0, 252, 253, 248, 248, 0, 0, 15,
    3, 32, 0, 1, 0, 24, 64, 1, 12, 1, 255, 255, 3, 112, 0, 0, 3, 0, 144, 0, 0,
    3, 0, 0, 3, 0, 30, 186, 2, 64, 33, 0, 1, 0, 42, 66, 1, 1, 3, 112, 0, 0, 3,
    0, 144, 0, 0, 3, 0, 0, 3, 0, 30, 160, 32, 129, 5, 150, 234, 174, 154, 230,
    224, 64, 64, 192, 128, 0, 0, 3, 0, 128, 0, 0, 3, 0, 132, 34, 0, 1, 0, 6,
    68, 1, 193, 115, 193, 137, 0, 0, 0, 20, 105, 115, 112, 101, 0, 0, 0, 0, 0,
    0, 0, 64, 0, 0, 0, 64, 0, 0, 0, 20, 105, 115, 112, 101, 0, 0, 0, 0, 0, 0,
    0, 4, 0, 0, 0, 4, 0, 0, 0, 16, 112, 105, 120, 105, 0, 0, 0, 0, 3, 8, 8, 8,
    0, 0, 0, 26, 105, 112, 109, 97, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 2, 129, 2,
    0, 2, 2, 3, 132, 0, 0, 0, 26, 105, 114, 101, 102, 0, 0, 0, 0, 0, 0, 0, 14,
    100, 105, 109, 103, 0, 2, 0, 1, 0, 1, 0, 0, 0, 57, 109, 100, 97, 116, 0,
    0, 0, 45, 40, 1, 175, 11, 72, 88, 36, 176, 250, 226, 181, 19, 168, 186,
    101, 37, 71, 238, 192, 33, 199, 226, 139, 133, 212, 244, 11, 129, 132,
    184, 182, 225, 82, 121, 160, 186, 37, 241, 92, 98, 128, 177, 93, 232, 222
};

#endif


caphealth_job_status_e
caphealth_convert(const caphealth_job_t *job, const uint8_t *data,
    size_t length, caphealth_convert_decoded_pt decoded,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result)
{
    caphealth_picture_t     picture;
    caphealth_job_status_e  rc;

    memset(result, 0, sizeof(caphealth_result_t));
    memset(&picture, 0, sizeof(caphealth_picture_t));

    result->nvariants = job->nvariants;

    rc = caphealth_convert_decode(job, data, length, &picture, result);

    if (rc == CAPHEALTH_JOB_OK) {
        result->width = picture.image_width;
        result->height = picture.image_height;

        if (decoded) {
            decoded(data, length);
        }

        rc = caphealth_convert_variants(job, &picture, data, length, write,
                                        ctx, result);
    }

    caphealth_picture_free(&picture);

    result->status = rc;

    return rc;
}


static caphealth_job_status_e
caphealth_convert_decode(const caphealth_job_t *job, const uint8_t *data,
    size_t length, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_format_e  format;

    format = caphealth_format(data, length);
    result->format = format;

    if (format == CAPHEALTH_FORMAT_UNKNOWN) {
        return caphealth_fail(result, CAPHEALTH_JOB_UNSUPPORTED,
                              "its first bytes are of no known format");
    }

    if (caphealth_format_may(format) & CAPHEALTH_FORMAT_ALPHA) {

        /*
         * It may become RGB, which takes twice the memory of YCC, so what the
         * image before it left in the heap is given back.
         */

        (void) malloc_trim(0);
    }

    return caphealth_decoders[format](job, data, length, picture, result);
}


static caphealth_job_status_e
caphealth_convert_variants(const caphealth_job_t *job,
    caphealth_picture_t *picture, const uint8_t *data, size_t length,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result)
{
    int                         graphic;
    unsigned                    i, n, previewed;
    caphealth_plan_t            plan;
    caphealth_picture_t         next;
    caphealth_job_status_e      status;
    const caphealth_picture_t  *made;

    graphic = caphealth_graphic(picture);

    status = caphealth_memory_check(job, length,
                                    caphealth_memory_variants(job, picture,
                                                              result->width,
                                                              result->height,
                                                              graphic),
                                    result);
    if (status != CAPHEALTH_JOB_OK) {
        return status;
    }

    caphealth_plan(job, picture, result->width, result->height, graphic,
                   &plan);
    previewed = caphealth_plan_previewed(job, &plan, picture);

    for (i = 0; i < job->nvariants; i++) {

        n = plan.order[i];

        if (job->variants[n].animated) {
            status = caphealth_convert_animated(job, n, &plan.fits[n],
                                                picture, data, length, write,
                                                ctx, result);
            if (status != CAPHEALTH_JOB_OK) {
                return status;
            }

            if (result->outputs[n].frames) {
                continue;
            }
        }

        memset(&next, 0, sizeof(caphealth_picture_t));

        status = caphealth_convert_make(job, &plan, n, picture, result, &next,
                                        &made)
                 == 0
                 ? caphealth_encode(made, graphic, job, n, write, ctx,
                                    result)
                 : caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

        if (status == CAPHEALTH_JOB_OK && n == previewed
            && caphealth_preview(made, result) == -1)
        {
            status = caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
        }

        caphealth_picture_free(&next);

        if (status != CAPHEALTH_JOB_OK) {
            return status;
        }
    }

    if (previewed == job->nvariants
        && caphealth_preview(picture, result) == -1)
    {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    return CAPHEALTH_JOB_OK;
}


/*
 * Sets *made to what is encoded, picture or next, which the caller frees, also
 * where it is -1: without memory for it.
 */

static int
caphealth_convert_make(const caphealth_job_t *job,
    const caphealth_plan_t *plan, unsigned number,
    caphealth_picture_t *picture, const caphealth_result_t *result,
    caphealth_picture_t *next, const caphealth_picture_t **made)
{
    int               rc;
    caphealth_step_t  step;

    *made = next;

    step = caphealth_plan_step(job, plan, picture, number);

    switch (step.how) {

    case CAPHEALTH_STEP_LAID:
        return caphealth_convert_lay(picture, &job->variants[number],
                                     &plan->fits[number], result, step.kind,
                                     next);

    case CAPHEALTH_STEP_SCALED:
        rc = caphealth_convert_part(picture, &plan->fits[number], result,
                                    step.kind, next);

        if (rc == 0 && step.replaces) {
            caphealth_picture_free(picture);
            *picture = *next;
            *made = picture;

            memset(next, 0, sizeof(caphealth_picture_t));
        }

        return rc;

    default: /* CAPHEALTH_STEP_SAME */
        *made = picture;
        return 0;
    }
}


/*
 * All frames of an image that has several.  An image that has one, or is of a
 * format that has, is left to be made a still: then its frames are 0.
 */

static caphealth_job_status_e
caphealth_convert_animated(const caphealth_job_t *job, unsigned number,
    const caphealth_fit_t *fit, const caphealth_picture_t *picture,
    const uint8_t *data, size_t length, caphealth_convert_write_pt write,
    void *ctx, caphealth_result_t *result)
{
    caphealth_animation_t    animation;
    caphealth_animation_pt   begin;
    caphealth_job_status_e   status;

    begin = caphealth_animation_of((caphealth_format_e) result->format);

    if (begin == NULL) {
        return CAPHEALTH_JOB_OK;
    }

    status = begin(job, data, length, &animation, result);

    if (status == CAPHEALTH_JOB_OK) {
        status = caphealth_convert_frames(job, number, fit,
                                          length
                                          + caphealth_memory_picture(picture),
                                          &animation, write, ctx, result);
    }

    caphealth_animation_free(&animation);

    return status;
}


/*
 * A frame is kept until it is known that another follows.  The limit of pixels
 * is that of all frames.  held: bytes that there are already.
 */

static caphealth_job_status_e
caphealth_convert_frames(const caphealth_job_t *job, unsigned number,
    const caphealth_fit_t *fit, uint64_t held,
    caphealth_animation_t *animation, caphealth_convert_write_pt write,
    void *ctx, caphealth_result_t *result)
{
    uint32_t                 n, duration;
    uint64_t                 pixels;
    caphealth_picture_t      made;
    caphealth_animator_t    *animator;
    caphealth_job_status_e   status;

    animator = NULL;
    pixels = (uint64_t) animation->width * animation->height;

    for (n = 1; /* void */; n++) {

        if (pixels * n > job->max_pixels) {
            status = caphealth_fail(result, CAPHEALTH_JOB_TOO_LARGE,
                                    "%u frames have %llu pixels, the limit "
                                    "is %llu", (unsigned) n,
                                    (unsigned long long) pixels * n,
                                    (unsigned long long) job->max_pixels);
            break;
        }

        if (n == 1) {
            status = animation->next(animation);

            if (status != CAPHEALTH_JOB_OK || animation->ended) {
                break;
            }
        }

        duration = animation->duration;
        status = caphealth_convert_shown(animation, job, number, fit, &made,
                                         result);

        if (status == CAPHEALTH_JOB_OK) {
            status = animation->next(animation);
        }

        if (status == CAPHEALTH_JOB_OK && animator == NULL
            && !animation->ended)
        {
            status = caphealth_memory_check(job, held, pixels
                         * animation->pixel_bytes
                         + caphealth_memory_frames(&job->variants[number],
                                                   fit, animation->width,
                                                   animation->height),
                                            result);
        }

        if (status == CAPHEALTH_JOB_OK && animator == NULL
            && !animation->ended)
        {
            animator = caphealth_animator_create(job, number, made.width,
                                                 made.height,
                                                 animation->loops);
            if (animator == NULL) {
                status = caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY,
                                        "%s", "");
            }
        }

        if (status == CAPHEALTH_JOB_OK && animator) {
            status = caphealth_animator_add(animator, &made, duration,
                                            result);
        }

        caphealth_picture_free(&made);

        if (status != CAPHEALTH_JOB_OK || animation->ended) {
            break;
        }
    }

    if (animator) {
        if (status == CAPHEALTH_JOB_OK) {
            status = caphealth_animator_write(animator, write, ctx, result);
        }

        caphealth_animator_free(animator);
    }

    return status;
}


static caphealth_job_status_e
caphealth_convert_shown(const caphealth_animation_t *animation,
    const caphealth_job_t *job, unsigned number, const caphealth_fit_t *fit,
    caphealth_picture_t *to, caphealth_result_t *result)
{
    int                  rc;
    caphealth_picture_t  canvas;

    memset(to, 0, sizeof(caphealth_picture_t));

    rc = caphealth_animation_picture(animation, &canvas);

    if (rc == 0) {
        rc = caphealth_convert_frame(&canvas, &job->variants[number], fit,
                                     result, to);
    }

    caphealth_picture_free(&canvas);

    return rc == 0 ? CAPHEALTH_JOB_OK
                   : caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s",
                                    "");
}


static int
caphealth_convert_lay(const caphealth_picture_t *picture,
    const caphealth_variant_t *variant, const caphealth_fit_t *fit,
    const caphealth_result_t *result, caphealth_picture_kind_e kind,
    caphealth_picture_t *to)
{
    int                  rc;
    caphealth_region_t   all;
    caphealth_picture_t  laid;

    rc = caphealth_convert_frame(picture, variant, fit, result, &laid);

    if (rc == 0 && (laid.alpha || (kind == CAPHEALTH_PICTURE_RGB))) {
        *to = laid;
        return 0;
    }

    if (rc == 0) {
        all = (caphealth_region_t) { 0, 0, laid.width, laid.height };
        rc = caphealth_picture_scale(&laid, &all, to, CAPHEALTH_PICTURE_YUV,
                                     laid.width, laid.height);
    }

    caphealth_picture_free(&laid);

    return rc;
}


/* a variant as RGB; *to is the caller's to free either way */

static int
caphealth_convert_frame(const caphealth_picture_t *picture,
    const caphealth_variant_t *variant, const caphealth_fit_t *fit,
    const caphealth_result_t *result, caphealth_picture_t *to)
{
    int                  rc;
    uint8_t              background[4] = { 255, 255, 255, 255 };
    caphealth_picture_t  part;

    if (!caphealth_plan_laid(picture, variant, fit)) {
        return caphealth_convert_part(picture, fit, result,
                                      CAPHEALTH_PICTURE_RGB, to);
    }

    if (variant->filled) {
        memcpy(background, variant->background, 3);
        background[3] = variant->opacity;

    } else if (variant->format != CAPHEALTH_OUTPUT_JPEG) {
        memset(background, 0, 4);
    }

    memset(to, 0, sizeof(caphealth_picture_t));

    rc = caphealth_convert_part(picture, fit, result, CAPHEALTH_PICTURE_RGB,
                                &part);
    if (rc == 0) {
        rc = caphealth_picture_lay(&part, fit->left, fit->top, background,
                                   to, fit->width, fit->height);
    }

    caphealth_picture_free(&part);

    return rc;
}


/* what of the image is in a variant, of a picture that may be smaller */

static int
caphealth_convert_part(const caphealth_picture_t *picture,
    const caphealth_fit_t *fit, const caphealth_result_t *result,
    caphealth_picture_kind_e kind, caphealth_picture_t *to)
{
    double              x, y;
    caphealth_region_t  region;

    x = (double) picture->width / result->width;
    y = (double) picture->height / result->height;

    region.left = fit->x * x;
    region.top = fit->y * y;
    region.width = fit->w * x;
    region.height = fit->h * y;

    return caphealth_picture_scale(picture, &region, to, kind,
                                   fit->image_width, fit->image_height);
}


int
caphealth_convert_warm_up(void)
{
    int                          rc;
    caphealth_job_t              job;
    caphealth_convert_buffer_t  *b;

    memset(&job, 0, sizeof(caphealth_job_t));

    job.max_pixels = CAPHEALTH_WARM_UP_SIDE * CAPHEALTH_WARM_UP_SIDE;
    job.nvariants = 5;
    job.variants[0] = (caphealth_variant_t) { .quality = 85, .method = 6 };
    job.variants[1] = (caphealth_variant_t) { .max = 3, .quality = 85 };
    job.variants[2] = (caphealth_variant_t) {
        .quality = 85, .format = CAPHEALTH_OUTPUT_JPEG
    };
    job.variants[3] = (caphealth_variant_t) {
        .quality = 95, .format = CAPHEALTH_OUTPUT_JPEG
    };
    job.variants[4] = (caphealth_variant_t) {
        .quality = 70, .format = CAPHEALTH_OUTPUT_AVIF
    };

    caphealth_warm_up_sort();

    b = malloc(2 * sizeof(caphealth_convert_buffer_t));
    if (b == NULL) {
        return -1;
    }

    /* JPEG to WebP to WebP, then all that transparency and graphics add */

    rc = caphealth_warm_up_image(&job, caphealth_warm_up_jpeg,
                                 sizeof(caphealth_warm_up_jpeg), &b[1]);

    if (rc == 0) {
        rc = caphealth_warm_up_image(&job, b[1].data, b[1].size, &b[0]);
    }

    if (rc == 0) {
        rc = caphealth_warm_up_image(&job, caphealth_warm_up_png,
                                     sizeof(caphealth_warm_up_png), &b[0]);
    }

    if (rc == 0) {
        rc = caphealth_warm_up_image(&job, b[0].data, b[0].size, &b[1]);
    }

    if (rc == 0) {
        rc = caphealth_warm_up_image(&job, caphealth_warm_up_gif,
                                     sizeof(caphealth_warm_up_gif), &b[0]);
    }

#if (CAPHEALTH_HEIF)

    if (rc == 0) {
        rc = caphealth_warm_up_image(&job, caphealth_warm_up_avif,
                                     sizeof(caphealth_warm_up_avif), &b[0]);
    }

    if (rc == 0) {
        rc = caphealth_warm_up_image(&job, caphealth_warm_up_heic,
                                     sizeof(caphealth_warm_up_heic), &b[0]);
    }

#endif

    free(b);

    return rc == 0 ? caphealth_colour_warm_up() : -1;
}


/*
 * With more than a kilobyte to sort, glibc's qsort(), up to 2.36, asks once
 * how much memory the machine has.  libwebp sorts so much only for the alpha
 * of images larger than those below.
 */

static void
caphealth_warm_up_sort(void)
{
    uint8_t  values[CAPHEALTH_WARM_UP_SORT];

    memset(values, 0, sizeof(values));

    qsort(values, sizeof(values), 1, caphealth_warm_up_compare);
}


static int
caphealth_warm_up_compare(const void *a, const void *b)
{
    const uint8_t  *x = a, *y = b;

    return *x - *y;
}


static int
caphealth_warm_up_image(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_convert_buffer_t *b)
{
    caphealth_result_t  result;

    b->size = 0;

    return caphealth_convert(job, data, size, NULL, caphealth_convert_keep, b,
                             &result)
           == CAPHEALTH_JOB_OK ? 0 : -1;
}


/* the first variant */

static int
caphealth_convert_keep(void *ctx, unsigned variant, const uint8_t *data,
    size_t size)
{
    caphealth_convert_buffer_t  *b;

    b = ctx;

    if (variant != 0 || size > sizeof(b->data) - b->size) {
        return 0;
    }

    memcpy(b->data + b->size, data, size);
    b->size += size;

    return 0;
}
