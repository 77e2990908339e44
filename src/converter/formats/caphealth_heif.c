
/*
 * AVIF and HEIC, by libheif, with the decoders of caphealth_heif_codecs.c.
 *
 * The image is the primary item, or what is derived from it: a grid of tiles,
 * as of phones, or an overlay.  How it is turned and cut is in properties of
 * the item, which libheif applies.  By the standard (ISO/IEC 23000-22, 7.2.4)
 * these alone count, so the orientation in Exif data is ignored.
 */

#include <libheif/heif.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_colour.h"
#include "caphealth_decode.h"
#include "caphealth_heif_codecs.h"
#include "caphealth_plan.h"


/* H.273: unspecified, and what is taken for it */
#define CAPHEALTH_CICP_UNSPECIFIED   2
#define CAPHEALTH_CICP_SRGB_PRIMARY  1
#define CAPHEALTH_CICP_SRGB_CURVE    13

/* what libheif and a codec hold at once: samples of a pixel beside alpha's, of
   the decoded picture and of what becomes of it */
#define CAPHEALTH_HEIF_SAMPLES       6
#define CAPHEALTH_HEIF_ALPHA         2

/* pixels of a side of a block, and of a tile, at most */
#define CAPHEALTH_HEIF_BLOCK         64
#define CAPHEALTH_HEIF_TILE          (16 * 1024 * 1024)

/* from the type of a box that names an item to the item's, by the version of
   the box, which says how long the item's number is */
#define CAPHEALTH_HEIF_INFE_TYPE     12
#define CAPHEALTH_HEIF_INFE_TYPE_3   14

/* auxiliary images that are read: a phone's photo has about ten */
#define CAPHEALTH_HEIF_AUXILIARY     64

/* for all that does not grow with the image */
#define CAPHEALTH_HEIF_MEMORY        (2 * 1024 * 1024)

/* the byte that glibc fills memory with when it is freed: its inverse is what
   new memory is filled with */
#define CAPHEALTH_HEIF_PERTURB       255


typedef struct {
    const uint8_t   *data;          /* NULL: there is none */
    int              stride;        /* bytes */
    int              bits;
    int              width;
    int              height;
} caphealth_heif_plane_t;


typedef struct {
    const uint8_t               *data;
    size_t                       size;
    struct heif_context         *ctx;
    struct heif_image_handle    *handle;
    struct heif_image           *image;
    caphealth_heif_plane_t       planes[4];    /* red, green, blue, alpha */
    unsigned                     alpha:1;
    unsigned                     premultiplied:1;
    caphealth_colour_t          *colour;
    void                        *row;          /* interleaved samples */
    uint8_t                     *converted;
    caphealth_picture_t         *picture;
    caphealth_result_t          *result;
} caphealth_heif_t;


static caphealth_job_status_e caphealth_heif_open(caphealth_heif_t *h,
    const caphealth_job_t *job, const uint8_t *data, size_t size);
static int caphealth_heif_alpha_dropped(const caphealth_heif_t *h);
static int caphealth_heif_is_alpha(const struct heif_image_handle *aux);
static caphealth_job_status_e caphealth_heif_reserve(
    const caphealth_heif_t *h, const caphealth_job_t *job);
static caphealth_job_status_e caphealth_heif_decode(caphealth_heif_t *h,
    const caphealth_job_t *job);
static int caphealth_heif_lacks(const caphealth_heif_t *h);
static int caphealth_heif_overlay(const caphealth_heif_t *h);
static int caphealth_heif_planes(caphealth_heif_t *h);
static caphealth_job_status_e caphealth_heif_colour(caphealth_heif_t *h);
static caphealth_colour_status_e caphealth_heif_icc(caphealth_heif_t *h,
    caphealth_colour_e kind);
static caphealth_colour_status_e caphealth_heif_cicp(caphealth_heif_t *h,
    caphealth_colour_e kind);
static caphealth_job_status_e caphealth_heif_rows(caphealth_heif_t *h);
static void caphealth_heif_narrow(const caphealth_heif_t *h, uint32_t y,
    uint8_t *to);
static void caphealth_heif_wide(const caphealth_heif_t *h, uint32_t y,
    uint16_t *to);
static uint32_t caphealth_heif_sample(const caphealth_heif_plane_t *plane,
    uint32_t x, uint32_t y, uint32_t max);
static uint32_t caphealth_heif_alpha(const caphealth_heif_t *h, uint32_t x,
    uint32_t y, uint32_t max);
static uint32_t caphealth_heif_straight(uint32_t sample, uint32_t alpha,
    uint32_t max);
static caphealth_job_status_e caphealth_heif_failed(caphealth_heif_t *h,
    struct heif_error err);


static caphealth_job_status_e
caphealth_decode_heif(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_heif_t        h;
    caphealth_job_status_e  rc;

    memset(&h, 0, sizeof(caphealth_heif_t));

    h.data = data;
    h.size = size;
    h.picture = picture;
    h.result = result;

    /*
     * Of a grid, libheif fills what the tiles cover; the rest of its memory
     * must not be what an image before this one has left there.
     */

    (void) mallopt(M_PERTURB, CAPHEALTH_HEIF_PERTURB);

    rc = caphealth_heif_open(&h, job, data, size);

    if (rc == CAPHEALTH_JOB_OK) {
        rc = caphealth_heif_decode(&h, job);
    }

    (void) mallopt(M_PERTURB, 0);

    if (rc == CAPHEALTH_JOB_OK) {
        rc = caphealth_heif_colour(&h);
    }

    if (rc == CAPHEALTH_JOB_OK) {
        rc = caphealth_heif_rows(&h);
    }

    caphealth_colour_free(h.colour);
    free(h.row);
    free(h.converted);
    heif_image_release(h.image);
    heif_image_handle_release(h.handle);
    heif_context_free(h.ctx);

    if (rc == CAPHEALTH_JOB_OK) {
        caphealth_picture_opaque(picture);
    }

    return rc;
}


caphealth_job_status_e
caphealth_decode_avif(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    return caphealth_decode_heif(job, data, size, picture, result);
}


caphealth_job_status_e
caphealth_decode_heic(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    return caphealth_decode_heif(job, data, size, picture, result);
}


/*
 * heif_init() is not called: that is what reads a directory of plugins.  The
 * library's own decoders are registered when it is loaded.
 */

static caphealth_job_status_e
caphealth_heif_open(caphealth_heif_t *h, const caphealth_job_t *job,
    const uint8_t *data, size_t size)
{
    int                      width, height;
    struct heif_error        err;
    caphealth_job_status_e   rc;

    h->ctx = heif_context_alloc();
    if (h->ctx == NULL) {
        return caphealth_fail(h->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    heif_context_set_max_decoding_threads(h->ctx, 0);

    err = heif_context_read_from_memory_without_copy(h->ctx, data, size,
                                                     NULL);

    if (err.code == heif_error_Ok) {
        err = heif_context_get_primary_image_handle(h->ctx, &h->handle);
    }

    if (err.code != heif_error_Ok) {
        return caphealth_heif_failed(h, err);
    }

    /* as it is stored, and as it is displayed, which may be cropped */

    width = heif_image_handle_get_ispe_width(h->handle);
    height = heif_image_handle_get_ispe_height(h->handle);

    if (width <= 0 || height <= 0) {
        return caphealth_fail(h->result, CAPHEALTH_JOB_INVALID,
                              "it has no pixels");
    }

    rc = caphealth_check_size(job, size, h->result, (uint64_t) width,
                              (uint64_t) height);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    if (caphealth_heif_alpha_dropped(h)) {
        return caphealth_fail(h->result, CAPHEALTH_JOB_INVALID,
                              "its transparency has no size");
    }

    /* no side of a grid may be longer than it says either */

    heif_context_set_maximum_image_size_limit(h->ctx,
                                              (width > height ? width
                                                              : height) + 1);

    return caphealth_heif_reserve(h, job);
}


/*
 * Whether the image has transparency without "ispe", the size, which each image
 * must have: libheif leaves out what is not of the image's own size.
 */

static int
caphealth_heif_alpha_dropped(const caphealth_heif_t *h)
{
    int                        i, n, dropped;
    heif_item_id               ids[CAPHEALTH_HEIF_AUXILIARY];
    struct heif_error          err;
    struct heif_image_handle  *aux;

    n = heif_image_handle_get_list_of_auxiliary_image_IDs(h->handle,
                                        LIBHEIF_AUX_IMAGE_FILTER_OMIT_ALPHA,
                                        ids, CAPHEALTH_HEIF_AUXILIARY);
    dropped = 0;

    for (i = 0; i < n && !dropped; i++) {

        err = heif_image_handle_get_auxiliary_image_handle(h->handle, ids[i],
                                                           &aux);
        if (err.code != heif_error_Ok) {
            continue;
        }

        dropped = heif_image_handle_get_ispe_width(aux) == 0
                  && caphealth_heif_is_alpha(aux);

        heif_image_handle_release(aux);
    }

    return dropped;
}


/* by what HEIF calls it for H.264 and HEVC, and MIAF for all */

static int
caphealth_heif_is_alpha(const struct heif_image_handle *aux)
{
    int          alpha;
    const char  *type;

    if (heif_image_handle_get_auxiliary_type(aux, &type).code
        != heif_error_Ok)
    {
        return 0;
    }

    alpha = strcmp(type, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha") == 0
            || strcmp(type, "urn:mpeg:hevc:2015:auxid:1") == 0
            || strcmp(type, "urn:mpeg:avc:2015:auxid:1") == 0;

    heif_image_handle_free_auxiliary_types(aux, &type);

    return alpha;
}


/*
 * The library ends the process where it has no memory, so what it will need is
 * asked for before.
 */

static caphealth_job_status_e
caphealth_heif_reserve(const caphealth_heif_t *h, const caphealth_job_t *job)
{
    unsigned                 alpha, sample;
    uint64_t                 pixels, image, bytes, made;
    void *volatile           p;
    caphealth_picture_t      layout;
    caphealth_job_status_e   rc;

    alpha = heif_image_handle_has_alpha_channel(h->handle) ? 1 : 0;
    sample = heif_image_handle_get_luma_bits_per_pixel(h->handle) > 8
             ? sizeof(uint16_t) : 1;

    caphealth_picture_layout(&layout, CAPHEALTH_PICTURE_RGB, alpha, 0, 0,
                       (uint32_t) heif_image_handle_get_ispe_width(h->handle),
                      (uint32_t) heif_image_handle_get_ispe_height(h->handle));

    pixels = (uint64_t) layout.width * layout.height;
    image = pixels * (alpha ? 4 : 3) * sample;
    bytes = CAPHEALTH_HEIF_MEMORY
            + pixels * sample * (CAPHEALTH_HEIF_SAMPLES
                                 + (alpha ? CAPHEALTH_HEIF_ALPHA : 0));

    /* the decoder is done, but for the image, when the picture is made */

    made = caphealth_memory_picture(&layout);

    rc = caphealth_memory_decode(job, h->size, &layout,
                                 bytes > made + image ? bytes - made : image,
                                 0, h->result);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    p = malloc((size_t) bytes);
    if (p == NULL) {
        return caphealth_fail(h->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    free(p);

    return CAPHEALTH_JOB_OK;
}


static caphealth_job_status_e
caphealth_heif_decode(caphealth_heif_t *h, const caphealth_job_t *job)
{
    uint64_t           pixels;
    struct heif_error  err;

    /* a coded picture is of whole blocks; a tile of a small grid is larger */

    pixels = ((uint64_t) heif_image_handle_get_ispe_width(h->handle)
              + CAPHEALTH_HEIF_BLOCK)
             * ((uint64_t) heif_image_handle_get_ispe_height(h->handle)
                + CAPHEALTH_HEIF_BLOCK);

    if (pixels < CAPHEALTH_HEIF_TILE) {
        pixels = CAPHEALTH_HEIF_TILE;
    }

    caphealth_heif_codecs(pixels < job->max_pixels ? pixels
                                                   : job->max_pixels);

    err = heif_decode_image(h->handle, &h->image, heif_colorspace_RGB,
                            heif_chroma_444, NULL);

    if (err.code != heif_error_Ok) {
        return caphealth_heif_failed(h, err);
    }

    if (caphealth_heif_lacks(h)) {
        return caphealth_fail(h->result, CAPHEALTH_JOB_INVALID,
                              "it has fewer pixels than it says");
    }

    if (caphealth_heif_planes(h) == -1) {
        return caphealth_fail(h->result, CAPHEALTH_JOB_UNSUPPORTED,
                              "its channels do not fit together");
    }

    return caphealth_check_size(job, h->size, h->result,
                                (uint64_t) h->planes[0].width,
                                (uint64_t) h->planes[0].height);
}


/*
 * Whether tiles cannot cover the grid: the library leaves black what none
 * covers.  An overlay has a background for that.
 */

static int
caphealth_heif_lacks(const caphealth_heif_t *h)
{
    uint64_t  pixels;

    pixels = (uint64_t) heif_image_handle_get_ispe_width(h->handle)
             * (uint64_t) heif_image_handle_get_ispe_height(h->handle);

    return caphealth_heif_decoded() < pixels && !caphealth_heif_overlay(h);
}


/* the library does not tell what an item is derived by; the file does */

static int
caphealth_heif_overlay(const caphealth_heif_t *h)
{
    size_t          left, at;
    const uint8_t  *p;

    left = h->size;

    for (p = h->data; (p = memmem(p, left, "infe", 4)) != NULL; p++) {

        left = h->size - (size_t) (p - h->data);

        if (left < CAPHEALTH_HEIF_INFE_TYPE_3 + 4) {
            return 0;
        }

        at = p[4] == 3 ? CAPHEALTH_HEIF_INFE_TYPE_3
                       : CAPHEALTH_HEIF_INFE_TYPE;

        if (memcmp(p + at, "iovl", 4) == 0) {
            return 1;
        }

        left--;
    }

    return 0;
}


static int
caphealth_heif_planes(caphealth_heif_t *h)
{
    unsigned                 i;
    caphealth_heif_plane_t  *p;

    static const enum heif_channel  channels[] = {
        heif_channel_R, heif_channel_G, heif_channel_B, heif_channel_Alpha
    };

    for (i = 0; i < 4; i++) {
        p = &h->planes[i];

        if (!heif_image_has_channel(h->image, channels[i])) {
            if (i < 3) {
                return -1;
            }

            return 0;
        }

        p->data = heif_image_get_plane_readonly(h->image, channels[i],
                                                &p->stride);
        p->bits = heif_image_get_bits_per_pixel_range(h->image, channels[i]);
        p->width = heif_image_get_width(h->image, channels[i]);
        p->height = heif_image_get_height(h->image, channels[i]);

        if (p->data == NULL || p->width <= 0 || p->height <= 0 || p->bits < 8
            || p->bits > 16)
        {
            return -1;
        }

        if (i < 3 && (p->width != h->planes[0].width
                      || p->height != h->planes[0].height
                      || p->bits != h->planes[0].bits))
        {
            return -1;
        }
    }

    h->alpha = 1;
    h->premultiplied = heif_image_handle_is_premultiplied_alpha(h->handle)
                       ? 1 : 0;

    return 0;
}


/* a profile counts before the code points, which may be beside it */

static caphealth_job_status_e
caphealth_heif_colour(caphealth_heif_t *h)
{
    caphealth_colour_e          kind;
    caphealth_colour_status_e   rc;

    if (h->planes[0].bits > 8) {
        kind = h->alpha ? CAPHEALTH_COLOUR_RGBA_16 : CAPHEALTH_COLOUR_RGB_16;

    } else {
        kind = h->alpha ? CAPHEALTH_COLOUR_RGBA : CAPHEALTH_COLOUR_RGB;
    }

    rc = caphealth_heif_icc(h, kind);

    if (rc == CAPHEALTH_COLOUR_UNUSABLE) {
        rc = caphealth_heif_cicp(h, kind);
    }

    return rc == CAPHEALTH_COLOUR_NO_MEMORY
           ? caphealth_fail(h->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "")
           : CAPHEALTH_JOB_OK;
}


static caphealth_colour_status_e
caphealth_heif_icc(caphealth_heif_t *h, caphealth_colour_e kind)
{
    size_t                       size;
    uint8_t                     *profile;
    struct heif_error            err;
    caphealth_colour_status_e    rc;

    size = heif_image_handle_get_raw_color_profile_size(h->handle);

    if (size == 0 || size > CAPHEALTH_PROFILE_MAX) {
        return CAPHEALTH_COLOUR_UNUSABLE;
    }

    profile = malloc(size);
    if (profile == NULL) {
        return CAPHEALTH_COLOUR_NO_MEMORY;
    }

    err = heif_image_handle_get_raw_color_profile(h->handle, profile);

    rc = err.code == heif_error_Ok
         ? caphealth_colour_icc(&h->colour, kind, profile, size)
         : CAPHEALTH_COLOUR_UNUSABLE;

    free(profile);

    return rc;
}


/*
 * Those of the file, or of the bitstream.  The curves of video are taken for
 * sRGB's, as browsers do: encoders of stills name them without changing a
 * sample.
 */

static caphealth_colour_status_e
caphealth_heif_cicp(caphealth_heif_t *h, caphealth_colour_e kind)
{
    uint8_t                          codes[4];
    struct heif_error                err;
    struct heif_color_profile_nclx  *nclx;

    /* libheif allocates it even where it then finds code points it lacks */

    nclx = NULL;
    err = heif_image_handle_get_nclx_color_profile(h->handle, &nclx);

    if (err.code != heif_error_Ok) {
        heif_nclx_color_profile_free(nclx);
        nclx = NULL;

        err = heif_image_get_nclx_color_profile(h->image, &nclx);
    }

    if (err.code != heif_error_Ok || nclx == NULL) {
        heif_nclx_color_profile_free(nclx);
        return CAPHEALTH_COLOUR_UNUSABLE;
    }

    codes[0] = (uint8_t) nclx->color_primaries;
    codes[1] = (uint8_t) nclx->transfer_characteristics;
    codes[2] = 0;
    codes[3] = 1;

    heif_nclx_color_profile_free(nclx);

    if (codes[0] == CAPHEALTH_CICP_UNSPECIFIED) {
        codes[0] = CAPHEALTH_CICP_SRGB_PRIMARY;
    }

    switch (codes[1]) {

    case 1:                              /* BT.709 */
    case CAPHEALTH_CICP_UNSPECIFIED:
    case 6:                              /* BT.601 */
    case 14:                             /* BT.2020 */
    case 15:
        codes[1] = CAPHEALTH_CICP_SRGB_CURVE;
        break;
    }

    return caphealth_colour_cicp(&h->colour, kind, codes);
}


static caphealth_job_status_e
caphealth_heif_rows(caphealth_heif_t *h)
{
    uint8_t   *row;
    unsigned   channels, wide;
    uint32_t   y, width, height;

    channels = h->alpha ? 4 : 3;
    width = (uint32_t) h->planes[0].width;
    height = (uint32_t) h->planes[0].height;
    wide = h->colour && h->planes[0].bits > 8;

    h->row = malloc((size_t) width * channels
                    * (wide ? sizeof(uint16_t) : 1));
    h->converted = malloc((size_t) width * channels);

    if (h->row == NULL || h->converted == NULL
        || caphealth_picture_create(h->picture, CAPHEALTH_PICTURE_RGB,
                                    h->alpha, 0, 0, width, height)
           == -1)
    {
        return caphealth_fail(h->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    for (y = 0; y < height; y++) {
        row = h->row;

        if (wide) {
            caphealth_heif_wide(h, y, h->row);

        } else {
            caphealth_heif_narrow(h, y, h->row);
        }

        if (h->colour) {
            caphealth_colour_row(h->colour, h->row, h->converted, width);
            row = h->converted;
        }

        caphealth_picture_row(h->picture, y, row, channels);
    }

    return CAPHEALTH_JOB_OK;
}


static void
caphealth_heif_narrow(const caphealth_heif_t *h, uint32_t y, uint8_t *to)
{
    unsigned  i;
    uint32_t  x, sample, alpha;

    for (x = 0; x < (uint32_t) h->planes[0].width; x++) {

        alpha = h->alpha ? caphealth_heif_alpha(h, x, y, UINT8_MAX)
                         : UINT8_MAX;

        for (i = 0; i < 3; i++) {
            sample = caphealth_heif_sample(&h->planes[i], x, y, UINT8_MAX);

            if (h->premultiplied) {
                sample = caphealth_heif_straight(sample, alpha, UINT8_MAX);
            }

            *to++ = (uint8_t) sample;
        }

        if (h->alpha) {
            *to++ = (uint8_t) alpha;
        }
    }
}


static void
caphealth_heif_wide(const caphealth_heif_t *h, uint32_t y, uint16_t *to)
{
    unsigned  i;
    uint32_t  x, sample, alpha;

    for (x = 0; x < (uint32_t) h->planes[0].width; x++) {

        alpha = h->alpha ? caphealth_heif_alpha(h, x, y, UINT16_MAX)
                         : UINT16_MAX;

        for (i = 0; i < 3; i++) {
            sample = caphealth_heif_sample(&h->planes[i], x, y, UINT16_MAX);

            if (h->premultiplied) {
                sample = caphealth_heif_straight(sample, alpha, UINT16_MAX);
            }

            *to++ = (uint16_t) sample;
        }

        if (h->alpha) {
            *to++ = (uint16_t) alpha;
        }
    }
}


/* from its own depth to that of max */

static uint32_t
caphealth_heif_sample(const caphealth_heif_plane_t *plane, uint32_t x,
    uint32_t y, uint32_t max)
{
    uint16_t        wide;
    uint32_t        sample, most;
    const uint8_t  *row;

    row = plane->data + (size_t) y * (size_t) plane->stride;

    if (plane->bits == 8) {
        sample = row[x];

    } else {
        memcpy(&wide, row + (size_t) x * sizeof(uint16_t), sizeof(uint16_t));
        sample = wide;
    }

    most = (1u << plane->bits) - 1;

    if (most == max) {
        return sample;
    }

    sample = sample < most ? sample : most;

    return (uint32_t) (((uint64_t) sample * max + most / 2) / most);
}


/* it may be of another size: the nearest sample */

static uint32_t
caphealth_heif_alpha(const caphealth_heif_t *h, uint32_t x, uint32_t y,
    uint32_t max)
{
    const caphealth_heif_plane_t  *a, *p;

    a = &h->planes[3];
    p = &h->planes[0];

    if (a->width != p->width) {
        x = (uint32_t) ((uint64_t) x * (uint32_t) a->width
                        / (uint32_t) p->width);
    }

    if (a->height != p->height) {
        y = (uint32_t) ((uint64_t) y * (uint32_t) a->height
                        / (uint32_t) p->height);
    }

    return caphealth_heif_sample(a, x, y, max);
}


static uint32_t
caphealth_heif_straight(uint32_t sample, uint32_t alpha, uint32_t max)
{
    if (alpha == 0) {
        return 0;
    }

    if (sample >= alpha) {
        return max;
    }

    return (uint32_t) (((uint64_t) sample * max + alpha / 2) / alpha);
}


static caphealth_job_status_e
caphealth_heif_failed(caphealth_heif_t *h, struct heif_error err)
{
    switch (err.code) {

    case heif_error_Memory_allocation_error:
        if (err.subcode != heif_suberror_Security_limit_exceeded) {
            return caphealth_fail(h->result, CAPHEALTH_JOB_NO_MEMORY, "%s",
                                  "");
        }

        break;

    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
        return caphealth_fail(h->result, CAPHEALTH_JOB_UNSUPPORTED,
                              "%s", err.message);

    default:
        break;
    }

    if (err.subcode == heif_suberror_End_of_data) {
        return caphealth_fail(h->result, CAPHEALTH_JOB_INVALID,
                              "it ends too soon");
    }

    return caphealth_fail(h->result, CAPHEALTH_JOB_INVALID, "%s",
                          err.message);
}
