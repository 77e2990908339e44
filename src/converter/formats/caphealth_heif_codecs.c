
/*
 * HEVC by libde265 and AV1 by dav1d, as plugins of libheif.
 */

#include <dav1d/dav1d.h>
#include <errno.h>
#include <libde265/de265.h>
#include <libheif/heif.h>
#include <libheif/heif_plugin.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_heif_codecs.h"


/* the version of the interface of plugins, and more than any other's */
#define CAPHEALTH_HEIF_API       3
#define CAPHEALTH_HEIF_PRIORITY  1000

/* each NAL unit in a HEIF item begins with its length */
#define CAPHEALTH_HEVC_LENGTH    4


typedef struct {
    de265_decoder_context   *ctx;
} caphealth_hevc_t;


typedef struct {
    Dav1dContext   *ctx;
    Dav1dData       data;
} caphealth_av1_t;


/* what a decoded picture is, whichever library it is of */

typedef struct {
    int                      width;
    int                      height;
    int                      bits;
    enum heif_chroma         chroma;
    const uint8_t           *planes[3];     /* NULL: there is none */
    ptrdiff_t                strides[3];    /* bytes */
    uint16_t                 codes[3];      /* H.273: primaries, transfer,
                                               matrix */
    uint8_t                  full_range;
} caphealth_heif_frame_t;


static struct heif_error caphealth_heif_image(
    const caphealth_heif_frame_t *frame, struct heif_image **image);
static struct heif_error caphealth_heif_plane(
    const caphealth_heif_frame_t *frame, int i, struct heif_image *image);
static void caphealth_heif_nclx(const caphealth_heif_frame_t *frame,
    struct heif_image *image);
static const char *caphealth_hevc_name(void);
static int caphealth_hevc_supports(enum heif_compression_format format);
static struct heif_error caphealth_hevc_new(void **decoder);
static void caphealth_hevc_free(void *decoder);
static struct heif_error caphealth_hevc_push(void *decoder, const void *data,
    size_t size);
static struct heif_error caphealth_hevc_decode(void *decoder,
    struct heif_image **image);
static struct heif_error caphealth_hevc_picture(
    const struct de265_image *picture, struct heif_image **image);
static int caphealth_hevc_lost(de265_decoder_context *ctx);
static int caphealth_hevc_allocate(de265_decoder_context *ctx,
    struct de265_image_spec *spec, struct de265_image *image, void *data);
static void caphealth_hevc_release(de265_decoder_context *ctx,
    struct de265_image *image, void *data);
static const char *caphealth_av1_name(void);
static int caphealth_av1_supports(enum heif_compression_format format);
static struct heif_error caphealth_av1_new(void **decoder);
static void caphealth_av1_free(void *decoder);
static struct heif_error caphealth_av1_push(void *decoder, const void *data,
    size_t size);
static struct heif_error caphealth_av1_decode(void *decoder,
    struct heif_image **image);
static struct heif_error caphealth_av1_failed(int rc);
static void caphealth_heif_strict(void *decoder, int strict);


static uint64_t  caphealth_heif_max_pixels;
static uint64_t  caphealth_heif_pixels;


static const struct heif_error  caphealth_heif_ok = {
    heif_error_Ok, heif_suberror_Unspecified, "Success"
};

static const struct heif_error  caphealth_heif_broken = {
    heif_error_Decoder_plugin_error, heif_suberror_Unspecified,
    "its bitstream is broken"
};

static const struct heif_error  caphealth_heif_short = {
    heif_error_Decoder_plugin_error, heif_suberror_End_of_data,
    "it ends too soon"
};

static const struct heif_error  caphealth_heif_no_memory = {
    heif_error_Memory_allocation_error, heif_suberror_Unspecified,
    "out of memory"
};

static const struct heif_error  caphealth_heif_large = {
    heif_error_Memory_allocation_error, heif_suberror_Security_limit_exceeded,
    "it has more pixels than it says"
};


static const struct heif_decoder_plugin  caphealth_hevc_plugin = {
    .plugin_api_version = CAPHEALTH_HEIF_API,
    .get_plugin_name = caphealth_hevc_name,
    .does_support_format = caphealth_hevc_supports,
    .new_decoder = caphealth_hevc_new,
    .free_decoder = caphealth_hevc_free,
    .push_data = caphealth_hevc_push,
    .decode_image = caphealth_hevc_decode,
    .set_strict_decoding = caphealth_heif_strict,
    .id_name = "caphealth-hevc"
};

static const struct heif_decoder_plugin  caphealth_av1_plugin = {
    .plugin_api_version = CAPHEALTH_HEIF_API,
    .get_plugin_name = caphealth_av1_name,
    .does_support_format = caphealth_av1_supports,
    .new_decoder = caphealth_av1_new,
    .free_decoder = caphealth_av1_free,
    .push_data = caphealth_av1_push,
    .decode_image = caphealth_av1_decode,
    .set_strict_decoding = caphealth_heif_strict,
    .id_name = "caphealth-av1"
};


/* libheif keeps a set of them: one that is registered already stays as it is */

void
caphealth_heif_codecs(uint64_t max_pixels)
{
    caphealth_heif_max_pixels = max_pixels;
    caphealth_heif_pixels = 0;

    (void) heif_register_decoder_plugin(&caphealth_hevc_plugin);
    (void) heif_register_decoder_plugin(&caphealth_av1_plugin);
}


uint64_t
caphealth_heif_decoded(void)
{
    return caphealth_heif_pixels;
}


/*
 * What has no colours gets neutral ones, as libheif takes every picture
 * without for one of the full range.
 */

static struct heif_error
caphealth_heif_image(const caphealth_heif_frame_t *frame,
    struct heif_image **image)
{
    int                 i;
    struct heif_error   err;

    *image = NULL;

    if (frame->width <= 0 || frame->height <= 0 || frame->bits < 8
        || frame->bits > 16)
    {
        return caphealth_heif_broken;
    }

    err = heif_image_create(frame->width, frame->height,
                            heif_colorspace_YCbCr, frame->chroma, image);
    if (err.code != heif_error_Ok) {
        return err;
    }

    for (i = 0; i < 3; i++) {
        err = caphealth_heif_plane(frame, i, *image);

        if (err.code != heif_error_Ok) {
            heif_image_release(*image);
            *image = NULL;
            return err;
        }
    }

    caphealth_heif_nclx(frame, *image);

    caphealth_heif_pixels += (uint64_t) frame->width
                             * (uint64_t) frame->height;

    return caphealth_heif_ok;
}


static struct heif_error
caphealth_heif_plane(const caphealth_heif_frame_t *frame, int i,
    struct heif_image *image)
{
    int                 x, y, width, height, stride;
    size_t              size;
    uint8_t            *to, *row;
    uint16_t            neutral;
    struct heif_error   err;

    static const enum heif_channel  channels[] = {
        heif_channel_Y, heif_channel_Cb, heif_channel_Cr
    };

    width = frame->width;
    height = frame->height;

    if (i && frame->chroma != heif_chroma_444) {
        width = (width + 1) / 2;
    }

    if (i && frame->chroma == heif_chroma_420) {
        height = (height + 1) / 2;
    }

    err = heif_image_add_plane(image, channels[i], width, height,
                               frame->bits);
    if (err.code != heif_error_Ok) {
        return caphealth_heif_no_memory;
    }

    to = heif_image_get_plane(image, channels[i], &stride);
    if (to == NULL) {
        return caphealth_heif_no_memory;
    }

    size = frame->bits > 8 ? sizeof(uint16_t) : 1;
    neutral = (uint16_t) (1 << (frame->bits - 1));

    for (y = 0; y < height; y++) {
        row = to + (ptrdiff_t) y * stride;

        if (frame->planes[i]) {
            memcpy(row, frame->planes[i] + y * frame->strides[i],
                   (size_t) width * size);

        } else if (size == 1) {
            memset(row, neutral, (size_t) width);

        } else {
            for (x = 0; x < width; x++) {
                memcpy(row + (size_t) x * size, &neutral, size);
            }
        }
    }

    return caphealth_heif_ok;
}


/* the bitstream's, for where the file says nothing; unknown ones are left */

static void
caphealth_heif_nclx(const caphealth_heif_frame_t *frame,
    struct heif_image *image)
{
    struct heif_color_profile_nclx  *nclx;

    nclx = heif_nclx_color_profile_alloc();
    if (nclx == NULL) {
        return;
    }

    nclx->full_range_flag = frame->full_range;

    (void) heif_nclx_color_profile_set_color_primaries(nclx, frame->codes[0]);
    (void) heif_nclx_color_profile_set_transfer_characteristics(nclx,
                                                             frame->codes[1]);
    (void) heif_nclx_color_profile_set_matrix_coefficients(nclx,
                                                           frame->codes[2]);

    (void) heif_image_set_nclx_color_profile(image, nclx);

    heif_nclx_color_profile_free(nclx);
}


static void
caphealth_heif_strict(void *decoder, int strict)
{
    (void) decoder;
    (void) strict;
}


/* --- HEVC --- */

static const char *
caphealth_hevc_name(void)
{
    return "libde265 without threads";
}


static int
caphealth_hevc_supports(enum heif_compression_format format)
{
    return format == heif_compression_HEVC ? CAPHEALTH_HEIF_PRIORITY : 0;
}


static struct heif_error
caphealth_hevc_new(void **decoder)
{
    caphealth_hevc_t                 *h;
    struct de265_image_allocation     functions;

    h = calloc(1, sizeof(caphealth_hevc_t));
    if (h == NULL) {
        return caphealth_heif_no_memory;
    }

    h->ctx = de265_new_decoder();
    if (h->ctx == NULL) {
        free(h);
        return caphealth_heif_no_memory;
    }

    functions.get_buffer = caphealth_hevc_allocate;
    functions.release_buffer = caphealth_hevc_release;

    de265_set_image_allocation_functions(h->ctx, &functions, NULL);

    *decoder = h;

    return caphealth_heif_ok;
}


static void
caphealth_hevc_free(void *decoder)
{
    caphealth_hevc_t  *h;

    h = decoder;

    (void) de265_free_decoder(h->ctx);
    free(h);
}


static struct heif_error
caphealth_hevc_push(void *decoder, const void *data, size_t size)
{
    size_t             n;
    de265_error        rc;
    const uint8_t     *p;
    caphealth_hevc_t  *h;

    h = decoder;

    for (p = data; size; p += n, size -= n) {

        if (size < CAPHEALTH_HEVC_LENGTH) {
            return caphealth_heif_short;
        }

        n = (size_t) p[0] << 24 | (size_t) p[1] << 16 | (size_t) p[2] << 8
            | p[3];

        p += CAPHEALTH_HEVC_LENGTH;
        size -= CAPHEALTH_HEVC_LENGTH;

        if (n > size) {
            return caphealth_heif_short;
        }

        rc = de265_push_NAL(h->ctx, p, (int) n, 0, NULL);

        if (!de265_isOK(rc)) {
            return rc == DE265_ERROR_OUT_OF_MEMORY ? caphealth_heif_no_memory
                                                   : caphealth_heif_broken;
        }
    }

    return caphealth_heif_ok;
}


/* an item has one picture; of more, the first is the image */

static struct heif_error
caphealth_hevc_decode(void *decoder, struct heif_image **image)
{
    int                         more;
    de265_error                 rc;
    caphealth_hevc_t           *h;
    const struct de265_image   *picture;

    h = decoder;
    *image = NULL;

    rc = de265_flush_data(h->ctx);

    for (more = 1; more && de265_isOK(rc); ) {

        more = 0;
        rc = de265_decode(h->ctx, &more);

        picture = de265_peek_next_picture(h->ctx);

        if (picture) {
            return caphealth_hevc_lost(h->ctx)
                   ? caphealth_heif_broken
                   : caphealth_hevc_picture(picture, image);
        }
    }

    return rc == DE265_ERROR_OUT_OF_MEMORY ? caphealth_heif_no_memory
                                           : caphealth_heif_broken;
}


static struct heif_error
caphealth_hevc_picture(const struct de265_image *picture,
    struct heif_image **image)
{
    int                      i, n, stride;
    caphealth_heif_frame_t   frame;

    static const enum heif_chroma  chromas[] = {
        [de265_chroma_mono] = heif_chroma_420,
        [de265_chroma_420] = heif_chroma_420,
        [de265_chroma_422] = heif_chroma_422,
        [de265_chroma_444] = heif_chroma_444
    };

    memset(&frame, 0, sizeof(caphealth_heif_frame_t));

    frame.width = de265_get_image_width(picture, 0);
    frame.height = de265_get_image_height(picture, 0);
    frame.bits = de265_get_bits_per_pixel(picture, 0);
    frame.chroma = chromas[de265_get_chroma_format(picture)];
    frame.codes[0] = (uint16_t) de265_get_image_colour_primaries(picture);
    frame.codes[1]
              = (uint16_t) de265_get_image_transfer_characteristics(picture);
    frame.codes[2] = (uint16_t) de265_get_image_matrix_coefficients(picture);
    frame.full_range = de265_get_image_full_range_flag(picture) ? 1 : 0;

    n = de265_get_chroma_format(picture) == de265_chroma_mono ? 1 : 3;

    for (i = 0; i < n; i++) {

        if (de265_get_bits_per_pixel(picture, i) != frame.bits) {
            return (struct heif_error) {
                heif_error_Unsupported_feature,
                heif_suberror_Unsupported_color_conversion,
                "a HEIC of several depths"
            };
        }

        frame.planes[i] = de265_get_image_plane(picture, i, &stride);
        frame.strides[i] = stride;
    }

    return caphealth_heif_image(&frame, image);
}


/*
 * The library decodes on behind an error in a slice, and only warns.  The few
 * warnings that are of no pixel are named here.
 */

static int
caphealth_hevc_lost(de265_decoder_context *ctx)
{
    int          lost;
    de265_error  warning;

    lost = 0;

    for ( ;; ) {
        warning = de265_get_warning(ctx);

        switch (warning) {

        case DE265_OK:
            return lost;

        case DE265_WARNING_NO_WPP_CANNOT_USE_MULTITHREADING:
        case DE265_WARNING_NUMBER_OF_THREADS_LIMITED_TO_MAXIMUM:
        case DE265_WARNING_SPS_MISSING_CANNOT_DECODE_SEI:
        case DE265_WARNING_INCORRECT_ENTRY_POINT_OFFSET:
            break;

        default:
            lost = 1;
        }
    }
}


/*
 * The library's own, for a picture within the limit; 0: none is decoded.  What
 * no slice covers is uninitialised memory, so it is cleared.
 */

static int
caphealth_hevc_allocate(de265_decoder_context *ctx,
    struct de265_image_spec *spec, struct de265_image *image, void *data)
{
    int             i, stride;
    const uint8_t  *plane;

    if (spec->width <= 0 || spec->height <= 0
        || (uint64_t) spec->width * (uint64_t) spec->height
           > caphealth_heif_max_pixels)
    {
        return 0;
    }

    if (!de265_get_default_image_allocation_functions()
         ->get_buffer(ctx, spec, image, data))
    {
        return 0;
    }

    for (i = 0; i < (spec->format == de265_image_format_mono8 ? 1 : 3); i++) {

        plane = de265_get_image_plane(image, i, &stride);

        if (plane) {
            memset((uint8_t *) plane, 0,
                   (size_t) stride
                   * (size_t) (i && spec->format
                                    == de265_image_format_YUV420P8
                               ? spec->height / 2 : spec->height));
        }
    }

    return 1;
}


static void
caphealth_hevc_release(de265_decoder_context *ctx, struct de265_image *image,
    void *data)
{
    de265_get_default_image_allocation_functions()
        ->release_buffer(ctx, image, data);
}


/* --- AV1 --- */

static const char *
caphealth_av1_name(void)
{
    return "dav1d without threads";
}


static int
caphealth_av1_supports(enum heif_compression_format format)
{
    return format == heif_compression_AV1 ? CAPHEALTH_HEIF_PRIORITY : 0;
}


static struct heif_error
caphealth_av1_new(void **decoder)
{
    int               rc;
    Dav1dSettings     settings;
    caphealth_av1_t  *a;

    a = calloc(1, sizeof(caphealth_av1_t));
    if (a == NULL) {
        return caphealth_heif_no_memory;
    }

    dav1d_default_settings(&settings);

    settings.n_threads = 1;
    settings.max_frame_delay = 1;
    settings.all_layers = 0;
    settings.frame_size_limit = caphealth_heif_max_pixels < UINT32_MAX
                                ? (unsigned) caphealth_heif_max_pixels
                                : UINT32_MAX;
    settings.logger.callback = NULL;

    rc = dav1d_open(&a->ctx, &settings);

    if (rc != 0) {
        free(a);
        return caphealth_av1_failed(rc);
    }

    *decoder = a;

    return caphealth_heif_ok;
}


static void
caphealth_av1_free(void *decoder)
{
    caphealth_av1_t  *a;

    a = decoder;

    dav1d_data_unref(&a->data);
    dav1d_close(&a->ctx);
    free(a);
}


static struct heif_error
caphealth_av1_push(void *decoder, const void *data, size_t size)
{
    uint8_t          *to;
    caphealth_av1_t  *a;

    a = decoder;

    if (size == 0) {
        return caphealth_heif_short;
    }

    dav1d_data_unref(&a->data);

    to = dav1d_data_create(&a->data, size);
    if (to == NULL) {
        return caphealth_heif_no_memory;
    }

    memcpy(to, data, size);

    return caphealth_heif_ok;
}


static struct heif_error
caphealth_av1_decode(void *decoder, struct heif_image **image)
{
    int                      i, rc;
    Dav1dPicture             picture;
    caphealth_av1_t         *a;
    struct heif_error        err;
    caphealth_heif_frame_t   frame;

    static const enum heif_chroma  chromas[] = {
        [DAV1D_PIXEL_LAYOUT_I400] = heif_chroma_420,
        [DAV1D_PIXEL_LAYOUT_I420] = heif_chroma_420,
        [DAV1D_PIXEL_LAYOUT_I422] = heif_chroma_422,
        [DAV1D_PIXEL_LAYOUT_I444] = heif_chroma_444
    };

    a = decoder;
    *image = NULL;

    memset(&picture, 0, sizeof(Dav1dPicture));

    /* a picture may come before all data is taken, or after */

    do {
        rc = a->data.sz ? dav1d_send_data(a->ctx, &a->data) : 0;

        if (rc < 0 && rc != DAV1D_ERR(EAGAIN)) {
            return caphealth_av1_failed(rc);
        }

        rc = dav1d_get_picture(a->ctx, &picture);

    } while (rc == DAV1D_ERR(EAGAIN) && a->data.sz);

    /* asked once more without data, it gives out what it has */

    if (rc == DAV1D_ERR(EAGAIN)) {
        rc = dav1d_get_picture(a->ctx, &picture);
    }

    if (rc != 0) {
        return caphealth_av1_failed(rc);
    }

    memset(&frame, 0, sizeof(caphealth_heif_frame_t));

    frame.width = picture.p.w;
    frame.height = picture.p.h;
    frame.bits = picture.p.bpc;
    frame.chroma = chromas[picture.p.layout];
    frame.codes[0] = (uint16_t) picture.seq_hdr->pri;
    frame.codes[1] = (uint16_t) picture.seq_hdr->trc;
    frame.codes[2] = (uint16_t) picture.seq_hdr->mtrx;
    frame.full_range = picture.seq_hdr->color_range ? 1 : 0;

    for (i = 0; i < (picture.p.layout == DAV1D_PIXEL_LAYOUT_I400 ? 1 : 3);
         i++)
    {
        frame.planes[i] = picture.data[i];
        frame.strides[i] = picture.stride[i ? 1 : 0];
    }

    err = caphealth_heif_image(&frame, image);

    dav1d_picture_unref(&picture);

    return err;
}


static struct heif_error
caphealth_av1_failed(int rc)
{
    switch (rc) {

    case DAV1D_ERR(ENOMEM):
        return caphealth_heif_no_memory;

    case DAV1D_ERR(ERANGE):
        return caphealth_heif_large;

    case DAV1D_ERR(EAGAIN):
        return caphealth_heif_short;

    default:
        return caphealth_heif_broken;
    }
}
