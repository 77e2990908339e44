
/*
 * What a worker asks of a converter, and the answer.
 */

#include <stdio.h>
#include <string.h>

#include "caphealth_job.h"


/* the most bytes a pixel has: noise as JPEG, of quality 100, not subsampled */
#define CAPHEALTH_JOB_PIXEL  6
#define CAPHEALTH_JOB_REST   (1024 * 1024)

/* larger offsets and lengths could overflow when they are added */
#define CAPHEALTH_JOB_MOST   (UINT64_C(1) << 62)

#define CAPHEALTH_QUALITY_MAX  100
#define CAPHEALTH_METHOD_MAX   6

/* terms of a side of a ThumbHash: of brightness, with alpha, and the least */
#define CAPHEALTH_THUMBHASH_TERMS        7
#define CAPHEALTH_THUMBHASH_ALPHA_TERMS  5
#define CAPHEALTH_THUMBHASH_LEAST        3

/* nine digits behind the point are read */
#define CAPHEALTH_FOCUS_ONE    1000000000


static int caphealth_job_output(const caphealth_job_t *job,
    const caphealth_result_t *result, uint32_t number);
static void caphealth_job_most(const caphealth_variant_t *variant,
    uint32_t *width, uint32_t *height);
static int caphealth_job_thumbhash(const caphealth_result_t *result);
static int caphealth_job_share(const char *p, const char *end,
    int32_t *focus);


const char *
caphealth_job_reason(uint32_t status)
{
    switch (status) {

    case CAPHEALTH_JOB_OK:
        return "it was converted";

    case CAPHEALTH_JOB_UNSUPPORTED:
        return "it is of a kind that is not supported";

    case CAPHEALTH_JOB_INVALID:
        return "it is damaged";

    case CAPHEALTH_JOB_TOO_LARGE:
        return "it is too large";

    case CAPHEALTH_JOB_NO_MEMORY:
        return "it needs more memory than is allowed";

    case CAPHEALTH_JOB_WRITE:
        return "its variants cannot be written";

    case CAPHEALTH_JOB_READ:
        return "it cannot be read";

    default:
        return "it is not known what happened to it";
    }
}


int
caphealth_job_valid(const caphealth_job_t *job)
{
    uint32_t                    i;
    const caphealth_variant_t  *v;

    if (job->offset > CAPHEALTH_JOB_MOST
        || job->length > CAPHEALTH_JOB_MOST
        || job->focus_x < -CAPHEALTH_FOCUS_EDGE
        || job->focus_x > CAPHEALTH_FOCUS_EDGE
        || job->focus_y < -CAPHEALTH_FOCUS_EDGE
        || job->focus_y > CAPHEALTH_FOCUS_EDGE
        || job->nvariants == 0 || job->nvariants > CAPHEALTH_VARIANTS_MAX)
    {
        return 0;
    }

    for (i = 0; i < job->nvariants; i++) {
        v = &job->variants[i];

        if (v->max > CAPHEALTH_SIDE_MAX || v->quality > CAPHEALTH_QUALITY_MAX
            || v->method > CAPHEALTH_METHOD_MAX
            || v->width > CAPHEALTH_SIDE_MAX || v->height > CAPHEALTH_SIDE_MAX
            || (v->width == 0) != (v->height == 0)
            || (v->max && v->width)
            || v->format >= CAPHEALTH_OUTPUTS || v->fit >= CAPHEALTH_FITS
            || (v->fit != CAPHEALTH_FIT_INSIDE && v->width == 0)
            || v->filled > 1 || v->animated > 1)
        {
            return 0;
        }
    }

    return 1;
}


int
caphealth_job_answered(const caphealth_job_t *job,
    const caphealth_result_t *result)
{
    uint32_t  i;

    if (result->status >= CAPHEALTH_JOB_STATUSES
        || !caphealth_job_detail_valid(result->detail))
    {
        return 0;
    }

    if (result->status != CAPHEALTH_JOB_OK) {
        return 1;
    }

    if (result->nvariants != job->nvariants
        || result->width == 0
        || result->height == 0
        || result->coloured > 1
        || (result->thumbhash_size && !caphealth_job_thumbhash(result))
        || (uint64_t) result->width * result->height > job->max_pixels)
    {
        return 0;
    }

    for (i = 0; i < job->nvariants; i++) {
        if (!caphealth_job_output(job, result, i)) {
            return 0;
        }
    }

    return 1;
}


/* nothing is enlarged, and all frames together are within the limit */

static int
caphealth_job_output(const caphealth_job_t *job,
    const caphealth_result_t *result, uint32_t number)
{
    uint32_t                    width, height;
    const caphealth_output_t   *output;
    const caphealth_variant_t  *variant;

    output = &result->outputs[number];
    variant = &job->variants[number];

    caphealth_job_most(variant, &width, &height);

    if (variant->fit == CAPHEALTH_FIT_CONTAIN
        ? output->width != width || output->height != height
        : output->width > result->width || output->height > result->height)
    {
        return 0;
    }

    return output->width > 0
           && output->width <= width
           && output->height > 0
           && output->height <= height
           && (output->format == variant->format
               || output->format == CAPHEALTH_OUTPUT_WEBP)
           && output->frames > 0
           && (output->frames == 1
               || (variant->animated
                   && output->frames <= job->max_pixels / result->width
                                        / result->height))
           && output->bytes > 0
           && output->bytes <= caphealth_job_file_size((uint64_t) output->width
                                                       * output->height
                                                       * output->frames);
}


/* how large a variant may be */

static void
caphealth_job_most(const caphealth_variant_t *variant, uint32_t *width,
    uint32_t *height)
{
    if (variant->width) {
        *width = variant->width;
        *height = variant->height;
        return;
    }

    *width = variant->max ? variant->max : CAPHEALTH_SIDE_MAX;
    *height = *width;
}


/*
 * Whether it is as long as its header says: 5 bytes, 6 with alpha, and 4 bits a
 * term.  A reader of one that is shorter would read beyond it.
 */

static int
caphealth_job_thumbhash(const caphealth_result_t *result)
{
    unsigned        alpha, most, nx, ny, y, nibbles;
    const uint8_t  *hash;

    hash = result->thumbhash;

    alpha = hash[2] >> 7;
    most = alpha ? CAPHEALTH_THUMBHASH_ALPHA_TERMS : CAPHEALTH_THUMBHASH_TERMS;
    nx = hash[3] & 7;
    ny = most;

    if (nx == 0 || nx > most) {
        return 0;
    }

    if (nx < CAPHEALTH_THUMBHASH_LEAST) {
        nx = CAPHEALTH_THUMBHASH_LEAST;
    }

    if (hash[4] >> 7) {
        ny = nx;
        nx = most;
    }

    /* yellow-blue and red-green have 5 terms, alpha has 14 */

    nibbles = alpha ? 12 + 5 + 5 + 14 : 10 + 5 + 5;

    for (y = 0; y < ny; y++) {
        nibbles += (nx * (ny - y) + ny - 1) / ny;
    }

    /* the mean is in the header */

    nibbles--;

    return result->thumbhash_size == (nibbles + 1) / 2;
}


int
caphealth_job_detail_valid(const char detail[CAPHEALTH_JOB_DETAIL])
{
    const char  *p;

    if (memchr(detail, '\0', CAPHEALTH_JOB_DETAIL) == NULL) {
        return 0;
    }

    for (p = detail; *p; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return 0;
        }
    }

    return 1;
}


int
caphealth_job_focus(caphealth_job_t *job, const char *text, size_t len)
{
    int32_t      x, y;
    const char  *comma;

    comma = len ? memchr(text, ',', len) : NULL;

    if (comma == NULL
        || caphealth_job_share(text, comma, &x) == -1
        || caphealth_job_share(comma + 1, text + len, &y) == -1)
    {
        return -1;
    }

    job->focus_x = x;
    job->focus_y = y;

    return 0;
}


/* 0 to 1 becomes -CAPHEALTH_FOCUS_EDGE to CAPHEALTH_FOCUS_EDGE */

static int
caphealth_job_share(const char *p, const char *end, int32_t *focus)
{
    unsigned  digits;
    uint64_t  value, one;

    digits = 0;
    value = 0;
    one = 1;

    for ( /* void */ ; p < end && *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t) (*p - '0');
        digits++;

        if (value > 1) {
            return -1;
        }
    }

    if (p < end && *p == '.') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
            digits++;

            if (one < CAPHEALTH_FOCUS_ONE) {
                value = value * 10 + (uint64_t) (*p - '0');
                one *= 10;
            }
        }
    }

    if (p < end || digits == 0 || value > one) {
        return -1;
    }

    value = (value * 2 * CAPHEALTH_FOCUS_EDGE + one / 2) / one;
    *focus = (int32_t) value - CAPHEALTH_FOCUS_EDGE;

    return 0;
}


/* 6 decimals: a share has 65536 steps */

void
caphealth_job_focus_text(const caphealth_job_t *job,
    char text[CAPHEALTH_FOCUS_TEXT])
{
    uint64_t  x, y;

    x = (uint64_t) ((int64_t) job->focus_x + CAPHEALTH_FOCUS_EDGE);
    y = (uint64_t) ((int64_t) job->focus_y + CAPHEALTH_FOCUS_EDGE);

    x = (x * 1000000 + CAPHEALTH_FOCUS_EDGE) / (2 * CAPHEALTH_FOCUS_EDGE);
    y = (y * 1000000 + CAPHEALTH_FOCUS_EDGE) / (2 * CAPHEALTH_FOCUS_EDGE);

    (void) snprintf(text, CAPHEALTH_FOCUS_TEXT, "%u.%06u,%u.%06u",
                    (unsigned) (x / 1000000), (unsigned) (x % 1000000),
                    (unsigned) (y / 1000000), (unsigned) (y % 1000000));
}


uint64_t
caphealth_job_file_size(uint64_t pixels)
{
    return pixels > CAPHEALTH_JOB_MOST / CAPHEALTH_JOB_PIXEL
           ? CAPHEALTH_JOB_MOST
           : pixels * CAPHEALTH_JOB_PIXEL + CAPHEALTH_JOB_REST;
}


/*
 * Each of the frames of an animation has a pixel at least, and is as large as
 * any other once it is laid on a background.
 */

uint64_t
caphealth_job_variant_size(const caphealth_variant_t *variant,
    uint64_t max_pixels)
{
    uint32_t  width, height;
    uint64_t  pixels;

    caphealth_job_most(variant, &width, &height);

    pixels = (uint64_t) width * height;

    if (variant->fit == CAPHEALTH_FIT_CONTAIN) {
        if (variant->animated) {
            pixels = max_pixels > CAPHEALTH_JOB_MOST / pixels
                     ? CAPHEALTH_JOB_MOST : pixels * max_pixels;
        }

    } else if (variant->animated || pixels > max_pixels) {
        pixels = max_pixels;
    }

    return caphealth_job_file_size(pixels);
}
