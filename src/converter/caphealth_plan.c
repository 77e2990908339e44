
/*
 * Of which picture each variant is made, and how much memory that takes.
 */

#include <malloc.h>
#include <string.h>

#include "caphealth_encode.h"
#include "caphealth_plan.h"
#include "caphealth_thumbhash.h"


/* rows that zimg reads for one: Lanczos-3 on both sides */
#define CAPHEALTH_MEMORY_TAPS      6

/* what zimg allocates for a column besides */
#define CAPHEALTH_MEMORY_COLUMN    640

/* memory that does not grow with the image, and fragmentation */
#define CAPHEALTH_MEMORY_REST      (3 * 1024 * 1024)
#define CAPHEALTH_MEMORY_HOLES     32

/* to which the bytes in a message are rounded up */
#define CAPHEALTH_MEMORY_UNIT      (1024 * 1024)

/* bytes of a pixel of libjpeg's coefficients, 4:4:4 and 4:2:0 */
#define CAPHEALTH_MEMORY_FULL      6
#define CAPHEALTH_MEMORY_HALF      3

/* bytes of a pixel that libwebp takes for alpha, by method */
#define CAPHEALTH_MEMORY_ALPHA     16
#define CAPHEALTH_MEMORY_ALPHA_3   20

/* canvases that libwebp's encoder of animations has, and the one it is given */
#define CAPHEALTH_MEMORY_CANVAS    4
#define CAPHEALTH_MEMORY_CANVASES  5


/*
 * Tenths of a byte of a pixel that libwebp takes for lossy WebP of a photo full
 * of detail, up to a quality: for macroblocks and the file, which is in memory
 * twice when its buffer grows; and for tokens besides.
 */

static const struct {
    unsigned   quality;
    unsigned   file;
    unsigned   tokens;
} caphealth_memory_qualities[] = {
    { 85, 5, 40 }, { 90, 8, 45 }, { 95, 10, 65 }, { 100, 20, 80 }
};


static void caphealth_plan_order(caphealth_plan_t *plan, unsigned n);
static int caphealth_plan_same(const caphealth_picture_t *picture,
    const caphealth_fit_t *fit, caphealth_picture_kind_e kind);
static uint64_t caphealth_memory_most(uint64_t a, uint64_t b);
static uint64_t caphealth_memory_laid(const caphealth_variant_t *variant,
    const caphealth_fit_t *fit, const caphealth_picture_t *picture,
    caphealth_picture_kind_e kind, caphealth_picture_t *made);
static uint64_t caphealth_memory_encode(const caphealth_variant_t *variant,
    const caphealth_picture_t *picture);
static uint64_t caphealth_memory_webp(const caphealth_variant_t *variant,
    uint64_t pixels, unsigned alpha);


void
caphealth_plan(const caphealth_job_t *job, const caphealth_picture_t *picture,
    uint32_t width, uint32_t height, int graphic, caphealth_plan_t *plan)
{
    unsigned  i;

    memset(plan, 0, sizeof(caphealth_plan_t));

    plan->graphic = graphic ? 1 : 0;
    plan->whole = picture->alpha || graphic;

    for (i = 0; i < job->nvariants; i++) {
        caphealth_fit(job, &job->variants[i], width, height, &plan->fits[i]);

        if (caphealth_encode_full_chroma(&job->variants[i])) {
            plan->whole = 1;
        }
    }

    caphealth_plan_order(plan, job->nvariants);
}


static void
caphealth_plan_order(caphealth_plan_t *plan, unsigned n)
{
    unsigned  i, k, *order;

    order = plan->order;

    for (k = 0; k < n; k++) {
        for (i = k;
             i > 0 && plan->fits[order[i - 1]].scale < plan->fits[k].scale;
             i--)
        {
            order[i] = order[i - 1];
        }

        order[i] = k;
    }
}


caphealth_step_t
caphealth_plan_step(const caphealth_job_t *job, const caphealth_plan_t *plan,
    const caphealth_picture_t *picture, unsigned number)
{
    caphealth_step_t             step;
    const caphealth_fit_t       *fit;
    const caphealth_variant_t   *variant;

    fit = &plan->fits[number];
    variant = &job->variants[number];

    step.kind = plan->graphic || caphealth_encode_full_chroma(variant)
                ? CAPHEALTH_PICTURE_RGB : CAPHEALTH_PICTURE_YUV;
    step.replaces = 0;

    if (caphealth_plan_laid(picture, variant, fit)) {
        step.how = CAPHEALTH_STEP_LAID;
        return step;
    }

    if (picture->alpha) {
        step.kind = CAPHEALTH_PICTURE_RGB;
    }

    if (caphealth_plan_same(picture, fit, step.kind)) {
        step.how = CAPHEALTH_STEP_SAME;
        return step;
    }

    step.how = CAPHEALTH_STEP_SCALED;
    step.replaces = !plan->whole && !fit->cut;

    return step;
}


/* whether the picture is the variant already */

static int
caphealth_plan_same(const caphealth_picture_t *picture,
    const caphealth_fit_t *fit, caphealth_picture_kind_e kind)
{
    return picture->kind == kind
           && !fit->cut
           && picture->width == fit->image_width
           && picture->height == fit->image_height
           && picture->left == 0 && picture->top == 0;
}


int
caphealth_plan_laid(const caphealth_picture_t *picture,
    const caphealth_variant_t *variant, const caphealth_fit_t *fit)
{
    return fit->width != fit->image_width || fit->height != fit->image_height
           || (picture->alpha
               && (variant->filled
                   || variant->format == CAPHEALTH_OUTPUT_JPEG));
}


unsigned
caphealth_plan_previewed(const caphealth_job_t *job,
    const caphealth_plan_t *plan, const caphealth_picture_t *picture)
{
    unsigned                i, n;
    const caphealth_fit_t  *fit;

    for (i = job->nvariants; i--; /* void */) {
        n = plan->order[i];
        fit = &plan->fits[n];

        if (!job->variants[n].animated && !fit->cut
            && !caphealth_plan_laid(picture, &job->variants[n], fit)
            && (fit->width >= CAPHEALTH_THUMBHASH_SIDE
                || fit->height >= CAPHEALTH_THUMBHASH_SIDE))
        {
            return n;
        }
    }

    return job->nvariants;
}


uint64_t
caphealth_memory_variants(const caphealth_job_t *job,
    const caphealth_picture_t *picture, uint32_t width, uint32_t height,
    int graphic)
{
    unsigned               i, n, previewed;
    uint64_t               have, made, peak;
    caphealth_plan_t       plan;
    caphealth_step_t       step;
    caphealth_picture_t    now, next;
    const caphealth_fit_t  *fit;

    caphealth_plan(job, picture, width, height, graphic, &plan);
    previewed = caphealth_plan_previewed(job, &plan, picture);

    now = *picture;
    have = caphealth_memory_picture(&now);
    peak = have;

    if (previewed == job->nvariants) {
        peak += caphealth_memory_scale(&now, CAPHEALTH_PICTURE_RGB,
                                       CAPHEALTH_THUMBHASH_SIDE);
    }

    for (i = 0; i < job->nvariants; i++) {
        n = plan.order[i];
        fit = &plan.fits[n];
        step = caphealth_plan_step(job, &plan, &now, n);
        made = 0;
        next = now;

        switch (step.how) {

        case CAPHEALTH_STEP_LAID:
            peak = caphealth_memory_most(peak, have
                       + caphealth_memory_laid(&job->variants[n], fit, &now,
                                               step.kind, &next));
            made = caphealth_memory_picture(&next);
            break;

        case CAPHEALTH_STEP_SCALED:
            caphealth_picture_layout(&next, step.kind, now.alpha,
                                     step.kind == CAPHEALTH_PICTURE_YUV,
                                     step.kind == CAPHEALTH_PICTURE_YUV,
                                     fit->image_width, fit->image_height);

            made = caphealth_memory_picture(&next);
            peak = caphealth_memory_most(peak, have + made
                       + caphealth_memory_scale(&now, step.kind,
                                                fit->image_height));

            if (step.replaces) {
                now = next;
                have = made;
                made = 0;
            }

            break;

        default: /* CAPHEALTH_STEP_SAME */
            break;
        }

        peak = caphealth_memory_most(peak, have + made
                   + caphealth_memory_encode(&job->variants[n], &next));

        if (n == previewed) {
            peak = caphealth_memory_most(peak, have + made
                       + caphealth_memory_scale(&next, CAPHEALTH_PICTURE_RGB,
                                                CAPHEALTH_THUMBHASH_SIDE));
        }
    }

    return peak;
}


static uint64_t
caphealth_memory_most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}


/* the most at once, and the layout of what remains of it */

static uint64_t
caphealth_memory_laid(const caphealth_variant_t *variant,
    const caphealth_fit_t *fit, const caphealth_picture_t *picture,
    caphealth_picture_kind_e kind, caphealth_picture_t *made)
{
    uint64_t             peak, laid;
    unsigned             alpha;
    caphealth_picture_t  part;

    alpha = variant->filled ? variant->opacity < UINT8_MAX
                            : variant->format != CAPHEALTH_OUTPUT_JPEG;

    caphealth_picture_layout(&part, CAPHEALTH_PICTURE_RGB, picture->alpha, 0,
                             0, fit->image_width, fit->image_height);
    caphealth_picture_layout(made, CAPHEALTH_PICTURE_RGB, alpha, 0, 0,
                             fit->width, fit->height);

    laid = caphealth_memory_picture(made);
    peak = caphealth_memory_picture(&part)
           + caphealth_memory_most(laid,
                                   caphealth_memory_scale(picture, part.kind,
                                                          part.height));

    if (alpha || kind == CAPHEALTH_PICTURE_RGB) {
        return peak;
    }

    part = *made;
    caphealth_picture_layout(made, kind, 0, 1, 1, fit->width, fit->height);

    return caphealth_memory_most(peak, laid + caphealth_memory_picture(made)
                                 + caphealth_memory_scale(&part, kind,
                                                          part.height));
}


uint64_t
caphealth_memory_picture(const caphealth_picture_t *picture)
{
    unsigned  i;
    uint64_t  bytes;

    bytes = 0;

    for (i = 0; i < 4; i++) {
        bytes += (uint64_t) picture->planes[i].stride
                 * picture->planes[i].height;
    }

    return bytes;
}


/*
 * zimg keeps as many rows as a row of the output is made of, in 16 bits or,
 * where colours change their matrix, in floating point, some in several forms;
 * bytes of a sample of luma, as zimg_filter_graph_get_tmp_size() has them.
 */

uint64_t
caphealth_memory_scale(const caphealth_picture_t *from,
    caphealth_picture_kind_e kind, uint32_t height)
{
    double    rows;
    uint64_t  sample;

    if (from->alpha) {
        sample = 70;

    } else if (from->kind == CAPHEALTH_PICTURE_RGB) {
        sample = kind == CAPHEALTH_PICTURE_RGB ? 8 : 17;

    } else if (from->kind == CAPHEALTH_PICTURE_YCC) {
        sample = from->sub_w && from->sub_h ? 10 : 24;

    } else {
        sample = 6;
    }

    rows = (double) from->height / height;
    rows = CAPHEALTH_MEMORY_TAPS * (rows > 1 ? rows : 1) + 2;

    return (uint64_t) ((rows * (double) sample + CAPHEALTH_MEMORY_COLUMN)
                       * from->width);
}


static uint64_t
caphealth_memory_encode(const caphealth_variant_t *variant,
    const caphealth_picture_t *picture)
{
    uint64_t             bytes, pixels;
    unsigned             rgb;
    caphealth_picture_t  yuv;

    /* whole blocks */

    rgb = picture->kind == CAPHEALTH_PICTURE_RGB;
    pixels = (uint64_t) ((picture->width + 15) & ~15u)
             * ((picture->height + 15) & ~15u);

    if (variant->format == CAPHEALTH_OUTPUT_JPEG) {
        return pixels * (rgb ? CAPHEALTH_MEMORY_FULL : CAPHEALTH_MEMORY_HALF);
    }

    bytes = 0;

    if (rgb) {
        caphealth_picture_layout(&yuv, CAPHEALTH_PICTURE_YUV, picture->alpha,
                                 1, 1, picture->width, picture->height);
        bytes = caphealth_memory_picture(&yuv)
                + (uint64_t) CAPHEALTH_MEMORY_COLUMN * picture->width;
    }

    return bytes + caphealth_memory_webp(variant, pixels, picture->alpha);
}


static uint64_t
caphealth_memory_webp(const caphealth_variant_t *variant, uint64_t pixels,
    unsigned alpha)
{
    unsigned  i, tenths, quality;
    uint64_t  bytes;

    quality = caphealth_encode_webp_quality(variant);

    for (i = 0; quality > caphealth_memory_qualities[i].quality; i++) {
        /* void */
    }

    tenths = caphealth_memory_qualities[i].file;

    if (variant->method >= CAPHEALTH_ENCODE_TOKENS
        && pixels <= CAPHEALTH_ENCODE_TOKENS_PIXELS)
    {
        tenths += caphealth_memory_qualities[i].tokens;
    }

    bytes = pixels * tenths / 10;

    if (alpha) {
        bytes += pixels * (variant->method >= CAPHEALTH_ENCODE_TOKENS
                           ? CAPHEALTH_MEMORY_ALPHA_3
                           : CAPHEALTH_MEMORY_ALPHA);
    }

    return bytes;
}


uint64_t
caphealth_memory_frames(const caphealth_variant_t *variant,
    const caphealth_fit_t *fit, uint32_t width, uint32_t height)
{
    uint64_t             pixels;
    caphealth_picture_t  canvas;

    caphealth_picture_layout(&canvas, CAPHEALTH_PICTURE_RGB, 1, 0, 0, width,
                             height);

    pixels = (uint64_t) fit->width * fit->height;

    /* a frame is made while the encoder has those before it */

    return pixels * CAPHEALTH_MEMORY_CANVAS * CAPHEALTH_MEMORY_CANVASES
           + caphealth_memory_most(caphealth_memory_picture(&canvas)
                                   + caphealth_memory_scale(&canvas,
                                                         CAPHEALTH_PICTURE_RGB,
                                                            fit->image_height),
                                   caphealth_memory_webp(variant, pixels, 1));
}


caphealth_job_status_e
caphealth_memory_check(const caphealth_job_t *job, uint64_t held,
    uint64_t bytes, caphealth_result_t *result)
{
    bytes += bytes / CAPHEALTH_MEMORY_HOLES + CAPHEALTH_MEMORY_REST + held;

    if (job->memory == 0) {
        return CAPHEALTH_JOB_OK;
    }

    if (job->memory < job->program || bytes > job->memory - job->program) {

        /* with more memory, the program itself has a little more, too */

        bytes += job->program + 3 * CAPHEALTH_MEMORY_UNIT;
        bytes -= bytes % CAPHEALTH_MEMORY_UNIT;

        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY,
                              "it takes %llu bytes",
                              (unsigned long long) bytes);
    }

    /* what an image before it left in the heap may be in its way */

    if (bytes > (job->memory - job->program) / 2) {
        (void) malloc_trim(0);
    }

    return CAPHEALTH_JOB_OK;
}


caphealth_job_status_e
caphealth_memory_decode(const caphealth_job_t *job, size_t size,
    const caphealth_picture_t *layout, uint64_t decoder, unsigned turned,
    caphealth_result_t *result)
{
    uint64_t             bytes;
    caphealth_picture_t  opaque;

    bytes = caphealth_memory_picture(layout);
    decoder = caphealth_memory_most(decoder,
                                    turned ? (uint64_t) layout->planes[0].stride
                                             * layout->planes[0].height : 0);

    caphealth_picture_layout(&opaque, layout->kind, 0, layout->sub_w,
                             layout->sub_h,
                             turned ? layout->height : layout->width,
                             turned ? layout->width : layout->height);

    bytes = caphealth_memory_most(bytes + decoder,
                caphealth_memory_variants(job, &opaque,
                                          turned ? layout->image_height
                                                 : layout->image_width,
                                          turned ? layout->image_width
                                                 : layout->image_height, 0));

    return caphealth_memory_check(job, size, bytes, result);
}
