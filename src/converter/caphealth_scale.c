
/*
 * Resampling, range and colour matrix in one pass, by zimg.
 */

#include <stdlib.h>
#include <string.h>
#include <zimg.h>

#include "caphealth_picture.h"


#define CAPHEALTH_LANCZOS  3
#define CAPHEALTH_NEUTRAL  128

/* bytes of input from which a band of output is made */
#define CAPHEALTH_STRIP    (16 * 1024 * 1024)


static void caphealth_scale_formats(const caphealth_picture_t *from,
    const caphealth_region_t *region, const caphealth_picture_t *to,
    zimg_image_format *in, zimg_image_format *out);
static zimg_filter_graph *caphealth_scale_graph(
    const caphealth_picture_t *from, const caphealth_region_t *region,
    const caphealth_picture_t *to);
static int caphealth_scale_run(zimg_filter_graph *graph,
    const caphealth_picture_t *from, const caphealth_picture_t *to);
static uint32_t caphealth_scale_beside(const caphealth_picture_t *from,
    double rows);
static uint32_t caphealth_scale_band(const caphealth_picture_t *from,
    double rows);
static void caphealth_scale_move(caphealth_picture_t *strip, uint32_t first,
    uint32_t rows);
static int caphealth_scale_part(const caphealth_picture_t *from,
    const caphealth_region_t *region, const caphealth_picture_t *to);
static void caphealth_scale_grey(const caphealth_picture_t *to);


int
caphealth_picture_scale(const caphealth_picture_t *from,
    const caphealth_region_t *region, caphealth_picture_t *to,
    caphealth_picture_kind_e kind, uint32_t width, uint32_t height)
{
    unsigned  sub;

    sub = (kind == CAPHEALTH_PICTURE_YUV) ? 1 : 0;

    if (caphealth_picture_create(to, kind, from->alpha, sub, sub, width,
                                 height)
        == -1)
    {
        return -1;
    }

    return caphealth_scale_part(from, region, to);
}


static int
caphealth_scale_part(const caphealth_picture_t *from,
    const caphealth_region_t *region, const caphealth_picture_t *to)
{
    int                 rc;
    zimg_filter_graph  *graph;

    graph = caphealth_scale_graph(from, region, to);
    if (graph == NULL) {
        return -1;
    }

    rc = caphealth_scale_run(graph, from, to);

    zimg_filter_graph_free(graph);

    if (from->kind == CAPHEALTH_PICTURE_GREY) {
        caphealth_scale_grey(to);
    }

    return rc;
}


/*
 * zimg's own callbacks cannot be used for it: it cuts wide images into tiles,
 * and requests all rows again for each tile.  So a band of the output after
 * another is made of a strip of the input, with the rows beside it that the
 * filter reads; those which the next strip needs, too, are moved to its
 * beginning.
 */

int
caphealth_picture_scale_read(caphealth_picture_t *from, uint32_t batch,
    caphealth_picture_read_pt read, void *ctx,
    const caphealth_region_t *region, caphealth_picture_t *to,
    caphealth_picture_kind_e kind, uint32_t width, uint32_t height)
{
    double               rows, top, bottom;
    unsigned             i, sub, unit;
    uint32_t             y, n, band, beside, room, first, last;
    caphealth_region_t   part;
    caphealth_picture_t  in, out;

    sub = (kind == CAPHEALTH_PICTURE_YUV) ? 1 : 0;

    if (caphealth_picture_create(to, kind, from->alpha, sub, sub, width,
                                 height)
        == -1)
    {
        return -1;
    }

    rows = region->height / height;
    unit = 1u << from->sub_h;
    beside = caphealth_scale_beside(from, rows);
    band = caphealth_scale_band(from, rows);
    room = caphealth_picture_scale_rows(from, batch, region->height, height);

    if (caphealth_picture_allocate(from, room) == -1) {
        return -1;
    }

    for (y = 0; y < height; y += n) {
        n = height - y < band ? height - y : band;

        top = region->top + y * rows;
        bottom = top + n * rows;

        first = top > beside ? (uint32_t) top - beside : 0;
        first &= ~(unit - 1);

        last = ((uint32_t) bottom + beside + unit) & ~(unit - 1);
        last = last < from->planes[0].height ? last : from->planes[0].height;

        caphealth_scale_move(from, first, room);

        if (read(ctx, (last < from->height ? last : from->height) - 1) == -1) {
            return -1;
        }

        in = *from;
        in.height = last - first;
        in.planes[0].height = in.height;

        out = *to;
        out.height = n;
        out.planes[0].height = (n + sub) & ~sub;

        for (i = 0; i < 4; i++) {
            if (out.planes[i].data) {
                out.planes[i].data += (i % 3 ? y >> sub : y)
                                      * out.planes[i].stride;
                out.planes[i].height = i % 3 ? (n + sub) >> sub
                                             : out.planes[0].height;
            }
        }

        part = (caphealth_region_t) { region->left, top - first, region->width,
                                      bottom - top };

        if (caphealth_scale_part(&in, &part, &out) == -1) {
            return -1;
        }
    }

    /* an image may be broken in rows that the filter does not read */

    return read(ctx, from->height - 1);
}


uint32_t
caphealth_picture_scale_rows(const caphealth_picture_t *from, uint32_t batch,
    double region_height, uint32_t height)
{
    double    rows;
    unsigned  unit;

    rows = region_height / height;
    unit = 1u << from->sub_h;

    return ((uint32_t) (caphealth_scale_band(from, rows) * rows)
            + 2 * caphealth_scale_beside(from, rows) + batch + 4 * unit)
           & ~(unit - 1);
}


/* rows of input that the filter reads beside those of a band */

static uint32_t
caphealth_scale_beside(const caphealth_picture_t *from, double rows)
{
    return ((uint32_t) ((rows > 1 ? rows : 1) * (CAPHEALTH_LANCZOS + 1)) + 1)
           << from->sub_h;
}


/* rows of output at once: an even number, of a few megabytes of input */

static uint32_t
caphealth_scale_band(const caphealth_picture_t *from, double rows)
{
    double    n;
    size_t    bytes;
    unsigned  i;

    bytes = 0;

    for (i = 0; i < 4; i++) {
        bytes += from->planes[i].stride;
    }

    n = CAPHEALTH_STRIP / ((double) bytes * rows);

    return n < 16 ? 16 : n > 1024 ? 1024 : (uint32_t) n & ~1u;
}


/* makes the strip begin with row first of luma */

static void
caphealth_scale_move(caphealth_picture_t *strip, uint32_t first, uint32_t rows)
{
    unsigned            i;
    uint32_t            by, n;
    caphealth_plane_t  *plane;

    by = first - strip->first;

    for (i = 0; by && by < rows && i < 4; i++) {
        plane = &strip->planes[i];

        if (plane->data) {
            n = i % 3 ? by >> strip->sub_h : by;
            memmove(plane->data, plane->data + n * plane->stride,
                    ((i % 3 ? rows >> strip->sub_h : rows) - n)
                    * plane->stride);
        }
    }

    strip->first = first;
}


static zimg_filter_graph *
caphealth_scale_graph(const caphealth_picture_t *from,
    const caphealth_region_t *region, const caphealth_picture_t *to)
{
    zimg_image_format           in, out;
    zimg_graph_builder_params   params;

    caphealth_scale_formats(from, region, to, &in, &out);

    zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);

    params.resample_filter = ZIMG_RESIZE_LANCZOS;
    params.filter_param_a = CAPHEALTH_LANCZOS;
    params.resample_filter_uv = ZIMG_RESIZE_LANCZOS;
    params.filter_param_a_uv = CAPHEALTH_LANCZOS;

    return zimg_filter_graph_build(&in, &out, &params);
}


/* its grey is in the first plane */

static void
caphealth_scale_grey(const caphealth_picture_t *to)
{
    size_t    size;
    unsigned  i;

    for (i = 1; i < 3; i++) {
        size = to->planes[i].stride * to->planes[i].height;

        if (to->kind == CAPHEALTH_PICTURE_RGB) {
            memcpy(to->planes[i].data, to->planes[0].data, size);

        } else {
            memset(to->planes[i].data, CAPHEALTH_NEUTRAL, size);
        }
    }
}


/*
 * The output's planes are padded to even sizes; so that its window gets just
 * the input's, the input's active region is longer by the same share.
 */

static void
caphealth_scale_formats(const caphealth_picture_t *from,
    const caphealth_region_t *region, const caphealth_picture_t *to,
    zimg_image_format *in, zimg_image_format *out)
{
    zimg_image_format_default(in, ZIMG_API_VERSION);
    zimg_image_format_default(out, ZIMG_API_VERSION);

    in->width = from->planes[0].width;
    in->height = from->planes[0].height;
    in->pixel_type = ZIMG_PIXEL_BYTE;
    in->depth = 8;
    in->pixel_range = from->kind == CAPHEALTH_PICTURE_YUV
                      ? ZIMG_RANGE_LIMITED : ZIMG_RANGE_FULL;
    in->chroma_location = ZIMG_CHROMA_CENTER;

    /* zimg multiplies colours by straight alpha before it scales them */

    in->alpha = from->alpha ? ZIMG_ALPHA_STRAIGHT : ZIMG_ALPHA_NONE;

    in->active_region.left = from->left + region->left;
    in->active_region.top = from->top + region->top;
    in->active_region.width = region->width * to->planes[0].width / to->width;
    in->active_region.height = region->height * to->planes[0].height
                               / to->height;

    out->width = to->planes[0].width;
    out->height = to->planes[0].height;
    out->pixel_type = ZIMG_PIXEL_BYTE;
    out->depth = 8;
    out->chroma_location = ZIMG_CHROMA_CENTER;
    out->alpha = in->alpha;

    if (to->kind == CAPHEALTH_PICTURE_RGB) {
        out->color_family = ZIMG_COLOR_RGB;
        out->matrix_coefficients = ZIMG_MATRIX_RGB;
        out->pixel_range = ZIMG_RANGE_FULL;

    } else {
        out->color_family = ZIMG_COLOR_YUV;
        out->matrix_coefficients = ZIMG_MATRIX_ST170_M;
        out->pixel_range = ZIMG_RANGE_LIMITED;
        out->subsample_w = 1;
        out->subsample_h = 1;
    }

    switch (from->kind) {

    case CAPHEALTH_PICTURE_GREY:
        in->color_family = ZIMG_COLOR_GREY;
        out->color_family = ZIMG_COLOR_GREY;
        out->matrix_coefficients = in->matrix_coefficients;
        out->subsample_w = 0;
        out->subsample_h = 0;
        break;

    case CAPHEALTH_PICTURE_RGB:
        in->color_family = ZIMG_COLOR_RGB;
        in->matrix_coefficients = ZIMG_MATRIX_RGB;
        break;

    default:
        in->color_family = ZIMG_COLOR_YUV;
        in->matrix_coefficients = ZIMG_MATRIX_ST170_M;
        in->subsample_w = from->sub_w;
        in->subsample_h = from->sub_h;
        break;
    }
}


static int
caphealth_scale_run(zimg_filter_graph *graph, const caphealth_picture_t *from,
    const caphealth_picture_t *to)
{
    void                     *tmp;
    size_t                    size;
    unsigned                  i;
    zimg_error_code_e         rc;
    zimg_image_buffer         out;
    zimg_image_buffer_const   in;

    if (zimg_filter_graph_get_tmp_size(graph, &size) != ZIMG_ERROR_SUCCESS) {
        return -1;
    }

    tmp = aligned_alloc(64, (size + 63) & ~(size_t) 63);
    if (tmp == NULL) {
        return -1;
    }

    memset(&in, 0, sizeof(in));
    memset(&out, 0, sizeof(out));

    in.version = ZIMG_API_VERSION;
    out.version = ZIMG_API_VERSION;

    for (i = 0; i < 4; i++) {
        in.plane[i].data = from->planes[i].data;
        in.plane[i].stride = (ptrdiff_t) from->planes[i].stride;
        in.plane[i].mask = ZIMG_BUFFER_MAX;

        out.plane[i].data = to->planes[i].data;
        out.plane[i].stride = (ptrdiff_t) to->planes[i].stride;
        out.plane[i].mask = ZIMG_BUFFER_MAX;
    }

    rc = zimg_filter_graph_process(graph, &in, &out, tmp, NULL, NULL, NULL,
                                   NULL);
    free(tmp);

    return rc == ZIMG_ERROR_SUCCESS ? 0 : -1;
}
