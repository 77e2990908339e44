
/*
 * JPEG, by libjpeg-turbo's libjpeg API.
 *
 * libjpeg goes on after damage, and fills up what is missing: it only warns.
 * A warning of lost pixels ends the decoding here, any other is of no account.
 * What it does not warn of, data that ends between two scans for instance, is
 * looked for.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

#include "caphealth_colour.h"
#include "caphealth_decode.h"
#include "caphealth_fit.h"
#include "caphealth_jpeg_markers.h"
#include "caphealth_plan.h"


/* a progressive photo has ten; each costs a pass over the whole image */
#define CAPHEALTH_SCANS_MAX  100

/* more than two blocks of the highest quality have of one coefficient */
#define CAPHEALTH_JPEG_ZEROS  64

/* unused bytes before a restart marker */
#define CAPHEALTH_JPEG_EXTRA  16

/* what libjpeg's decoders may have read ahead: a register of 64 bits */
#define CAPHEALTH_JPEG_AHEAD  8

/* rows of samples that one call yields: 4 blocks at most */
#define CAPHEALTH_JPEG_ROWS  (4 * DCTSIZE)

#define CAPHEALTH_JPEG_COMPONENTS  4

/* bytes that the library takes for a column, for rows of blocks */
#define CAPHEALTH_JPEG_COLUMN  160

/* a picture that is halved has at least so many samples for one of a variant */
#define CAPHEALTH_JPEG_MARGIN  1.75


/* as newer versions of the API call them */

#if (JPEG_LIB_VERSION >= 70)
#define CAPHEALTH_DCT_WIDTH   DCT_h_scaled_size
#define CAPHEALTH_DCT_HEIGHT  DCT_v_scaled_size
#define CAPHEALTH_DCT_MIN     min_DCT_v_scaled_size
#else
#define CAPHEALTH_DCT_WIDTH   DCT_scaled_size
#define CAPHEALTH_DCT_HEIGHT  DCT_scaled_size
#define CAPHEALTH_DCT_MIN     min_DCT_scaled_size
#endif


typedef struct {
    struct jpeg_decompress_struct   cinfo;
    struct jpeg_error_mgr           err;
    struct jpeg_source_mgr          src;
    jmp_buf                         refused;
    jmp_buf                        *jump;          /* in force */
    const uint8_t                  *data;
    size_t                          size;
    const uint8_t                  *scan;      /* where its data begins */
    unsigned                        ended:1;   /* more was read than is there */
    unsigned                        seen;      /* components, a bit each */
    caphealth_job_status_e          status;
    caphealth_colour_e              kind;
    caphealth_colour_t             *colour;
    uint8_t                        *row;       /* as decoded */
    uint8_t                        *rgb;
    caphealth_jpeg_markers_t        markers;
    const caphealth_job_t          *job;
    caphealth_picture_t            *picture;
    caphealth_picture_t             decoded;   /* a strip of it, where the
                                                  picture is made of that
                                                  meanwhile */
    caphealth_picture_t            *into;      /* one of these */
    unsigned                        planes:1;  /* into it go samples as they
                                                  are in the file */
    caphealth_fit_t                 fit;       /* of the largest variant */
    caphealth_result_t             *result;
} caphealth_jpeg_t;


static void caphealth_jpeg_decode(caphealth_jpeg_t *j);
static void caphealth_jpeg_header(caphealth_jpeg_t *j);
static void caphealth_jpeg_kind(caphealth_jpeg_t *j);
static caphealth_colour_status_e caphealth_jpeg_colour(
    const caphealth_jpeg_markers_t *m, caphealth_colour_e kind,
    caphealth_colour_t **colour);
static int caphealth_jpeg_planar(const caphealth_jpeg_t *j);
static void caphealth_jpeg_scans(caphealth_jpeg_t *j);
static int caphealth_jpeg_complete(caphealth_jpeg_t *j);
static void caphealth_jpeg_scale(caphealth_jpeg_t *j);
static void caphealth_jpeg_layout(caphealth_jpeg_t *j);
static void caphealth_jpeg_memory(caphealth_jpeg_t *j);
static uint64_t caphealth_jpeg_coefficients(const caphealth_jpeg_t *j);
static uint32_t caphealth_jpeg_batch(const caphealth_jpeg_t *j);
static void caphealth_jpeg_start(caphealth_jpeg_t *j);
static unsigned caphealth_jpeg_log(int samples, int of);
static void caphealth_jpeg_picture(caphealth_jpeg_t *j);
static int caphealth_jpeg_read(void *ctx, uint32_t y);
static void caphealth_jpeg_raw(caphealth_jpeg_t *j);
static void caphealth_jpeg_pixels(caphealth_jpeg_t *j);
static void caphealth_jpeg_scan_begin(caphealth_jpeg_t *j);
static void caphealth_jpeg_scan_end(caphealth_jpeg_t *j);
static int caphealth_jpeg_no_zeros(const caphealth_jpeg_t *j);
static const uint8_t *caphealth_jpeg_zeros(const uint8_t *p,
    const uint8_t *end);
static int caphealth_jpeg_lost(const caphealth_jpeg_t *j);
static unsigned caphealth_jpeg_at(const caphealth_jpeg_t *j);
static void caphealth_jpeg_refuse(caphealth_jpeg_t *j,
    caphealth_job_status_e status, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
static void caphealth_jpeg_error(j_common_ptr cinfo);
static void caphealth_jpeg_warning(j_common_ptr cinfo, int level);
static void caphealth_jpeg_output(j_common_ptr cinfo);
static void caphealth_jpeg_source(j_decompress_ptr cinfo);
static boolean caphealth_jpeg_fill(j_decompress_ptr cinfo);
static void caphealth_jpeg_skip(j_decompress_ptr cinfo, long n);


caphealth_job_status_e
caphealth_decode_jpeg(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_jpeg_t        *j;
    caphealth_job_status_e   rc;

    j = calloc(1, sizeof(caphealth_jpeg_t));

    if (j == NULL) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    j->data = data;
    j->size = size;
    j->job = job;
    j->picture = picture;
    j->result = result;

    caphealth_jpeg_markers(data, size, &j->markers);

    caphealth_jpeg_decode(j);

    jpeg_destroy_decompress(&j->cinfo);
    caphealth_picture_free(&j->decoded);
    caphealth_colour_free(j->colour);
    free(j->row);
    free(j->rgb);

    rc = j->status;

    if (rc == CAPHEALTH_JOB_OK
        && caphealth_picture_orient(picture, j->markers.exif.orientation)
           == -1)
    {
        rc = caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    free(j);

    return rc;
}


/* errors return here by longjmp(); what is needed after that is in *j */

static void
caphealth_jpeg_decode(caphealth_jpeg_t *j)
{
    j->cinfo.err = jpeg_std_error(&j->err);
    j->err.error_exit = caphealth_jpeg_error;
    j->err.emit_message = caphealth_jpeg_warning;
    j->err.output_message = caphealth_jpeg_output;
    j->cinfo.client_data = j;
    j->jump = &j->refused;

    if (setjmp(j->refused)) {
        return;
    }

    jpeg_create_decompress(&j->cinfo);

    j->src.init_source = caphealth_jpeg_source;
    j->src.fill_input_buffer = caphealth_jpeg_fill;
    j->src.skip_input_data = caphealth_jpeg_skip;
    j->src.resync_to_restart = jpeg_resync_to_restart;
    j->src.term_source = caphealth_jpeg_source;
    j->src.next_input_byte = j->data;
    j->src.bytes_in_buffer = j->size;
    j->cinfo.src = &j->src;

    caphealth_jpeg_header(j);
    caphealth_jpeg_kind(j);

    j->cinfo.dct_method = JDCT_ISLOW;
    j->cinfo.buffered_image = jpeg_has_multiple_scans(&j->cinfo);

    caphealth_jpeg_scale(j);
    caphealth_jpeg_layout(j);
    caphealth_jpeg_memory(j);
    caphealth_jpeg_start(j);
    caphealth_jpeg_picture(j);

    if (!j->cinfo.buffered_image) {
        caphealth_jpeg_scan_end(j);
    }
}


/*
 * Newer libraries decode 12 bits and lossless JPEG, by other functions, and
 * older ones have other words for them, so it is decided here.
 */

static void
caphealth_jpeg_header(caphealth_jpeg_t *j)
{
    const caphealth_jpeg_markers_t  *m;

    m = &j->markers;

    if (m->precision == 0) {
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                              "there is no image in the file");
    }

    if (m->precision != 8 || (m->sof & 0x03) == 3 || (m->sof & 0x04)) {
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_UNSUPPORTED,
                              "a JPEG with %u bits a sample, of type %u%s",
                              m->precision, m->sof & 0x0f,
                              (m->sof & 0x03) == 3 ? " (lossless)"
                              : (m->sof & 0x04) ? " (hierarchical)" : "");
    }

    if (m->scans > CAPHEALTH_SCANS_MAX) {
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                              "it has %u scans, the limit is %d", m->scans,
                              CAPHEALTH_SCANS_MAX);
    }

    (void) jpeg_read_header(&j->cinfo, TRUE);

    j->status = caphealth_check_size(j->job, j->size, j->result,
                                     j->cinfo.image_width,
                                     j->cinfo.image_height);

    if (j->status != CAPHEALTH_JOB_OK) {
        longjmp(*j->jump, 1);
    }
}


static void
caphealth_jpeg_kind(caphealth_jpeg_t *j)
{
    switch (j->cinfo.jpeg_color_space) {

    case JCS_GRAYSCALE:
        j->cinfo.out_color_space = JCS_GRAYSCALE;
        j->kind = CAPHEALTH_COLOUR_GREY;
        break;

    case JCS_CMYK:
    case JCS_YCCK:
        j->cinfo.out_color_space = JCS_CMYK;
        j->kind = CAPHEALTH_COLOUR_CMYK;
        break;

    case JCS_RGB:
    case JCS_YCbCr:
        j->cinfo.out_color_space = JCS_RGB;
        j->kind = CAPHEALTH_COLOUR_RGB;
        break;

    default:
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_UNSUPPORTED,
                              "a JPEG of %d components",
                              j->cinfo.num_components);
    }

    if (caphealth_jpeg_colour(&j->markers, j->kind, &j->colour)
        == CAPHEALTH_COLOUR_NO_MEMORY)
    {
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }
}


/* a profile, or else what Exif says of RGB: DCF knows Adobe RGB so */

static caphealth_colour_status_e
caphealth_jpeg_colour(const caphealth_jpeg_markers_t *m,
    caphealth_colour_e kind, caphealth_colour_t **colour)
{
    size_t                      size;
    uint8_t                    *profile;
    caphealth_colour_status_e   rc;

    *colour = NULL;

    if (caphealth_jpeg_markers_profile(m, &profile, &size) == -1) {
        return CAPHEALTH_COLOUR_NO_MEMORY;
    }

    rc = CAPHEALTH_COLOUR_UNUSABLE;

    if (profile) {
        rc = caphealth_colour_icc(colour, kind, profile, size);
        free(profile);
    }

    if (rc == CAPHEALTH_COLOUR_UNUSABLE && m->exif.adobe_rgb
        && kind == CAPHEALTH_COLOUR_RGB)
    {
        rc = caphealth_colour_adobe_rgb(colour, kind);
    }

    return rc;
}


/*
 * Whether the planes can be used as they are, with chroma subsampled by powers
 * of two; if not, the library makes pixels of it.
 */

static int
caphealth_jpeg_planar(const caphealth_jpeg_t *j)
{
    int                         w, h;
    const jpeg_component_info  *comp;

    comp = j->cinfo.comp_info;

    if (j->colour) {
        return 0;
    }

    if (j->cinfo.jpeg_color_space == JCS_GRAYSCALE) {
        return 1;
    }

    if (j->cinfo.jpeg_color_space != JCS_YCbCr
        || comp[1].h_samp_factor != comp[2].h_samp_factor
        || comp[1].v_samp_factor != comp[2].v_samp_factor
        || comp[0].h_samp_factor != j->cinfo.max_h_samp_factor
        || comp[0].v_samp_factor != j->cinfo.max_v_samp_factor)
    {
        return 0;
    }

    w = comp[0].h_samp_factor;
    h = comp[0].v_samp_factor;

    return comp[1].h_samp_factor
           << caphealth_jpeg_log(w, comp[1].h_samp_factor) == w
           && comp[1].v_samp_factor
              << caphealth_jpeg_log(h, comp[1].v_samp_factor) == h
           && caphealth_jpeg_log(w, comp[1].h_samp_factor)
              + caphealth_jpeg_log(h, comp[1].v_samp_factor) <= 2;
}


/*
 * The library halves a picture while it decodes, once or more, for the work of
 * what remains.  A halved sample is the mean of those that it is of, so that
 * what is made of twice as many as it has differs little from what is made of
 * all (CAPHEALTH_JPEG_MARGIN).
 */

static void
caphealth_jpeg_scale(caphealth_jpeg_t *j)
{
    caphealth_fit_largest(j->job, j->cinfo.image_width, j->cinfo.image_height,
                          j->markers.exif.orientation >= 5, &j->fit);

    j->cinfo.scale_num = DCTSIZE;
    j->cinfo.scale_denom = DCTSIZE;

    while (j->cinfo.scale_num > 1
           && j->cinfo.scale_num >= DCTSIZE * 2 * CAPHEALTH_JPEG_MARGIN
                                    * j->fit.scale)
    {
        j->cinfo.scale_num /= 2;
    }
}


/* what the decoded picture is like */

static void
caphealth_jpeg_layout(caphealth_jpeg_t *j)
{
    unsigned                    sub_w, sub_h;
    const jpeg_component_info  *comp;

    j->planes = caphealth_jpeg_planar(j);
    j->cinfo.raw_data_out = j->planes ? TRUE : FALSE;

    jpeg_calc_output_dimensions(&j->cinfo);

    comp = j->cinfo.comp_info;
    sub_w = 0;
    sub_h = 0;

    if (j->planes && j->cinfo.num_components == 3) {

        /* chroma is not halved where it has half of the samples already */

        sub_w = caphealth_jpeg_log(comp[0].h_samp_factor
                                   * comp[0].CAPHEALTH_DCT_WIDTH,
                                   comp[1].h_samp_factor
                                   * comp[1].CAPHEALTH_DCT_WIDTH);
        sub_h = caphealth_jpeg_log(comp[0].v_samp_factor
                                   * comp[0].CAPHEALTH_DCT_HEIGHT,
                                   comp[1].v_samp_factor
                                   * comp[1].CAPHEALTH_DCT_HEIGHT);
    }

    caphealth_picture_layout(&j->decoded,
                             !j->planes ? CAPHEALTH_PICTURE_RGB
                             : j->cinfo.num_components == 1
                               ? CAPHEALTH_PICTURE_GREY
                               : CAPHEALTH_PICTURE_YCC,
                             0, sub_w, sub_h, j->cinfo.output_width,
                             j->cinfo.output_height);
}


static void
caphealth_jpeg_memory(caphealth_jpeg_t *j)
{
    uint64_t                 decoder;
    uint32_t                 rows;
    caphealth_picture_t      layout, strip;

    decoder = caphealth_jpeg_coefficients(j)
              + (uint64_t) CAPHEALTH_JPEG_COLUMN * j->cinfo.image_width;

    layout = j->decoded;

    if (j->fit.scale < 1.0) {

        rows = caphealth_picture_scale_rows(&j->decoded,
                                            caphealth_jpeg_batch(j),
                                            j->decoded.height,
                                            j->fit.whole_height);

        caphealth_picture_layout(&strip, layout.kind, 0, layout.sub_w,
                                 layout.sub_h, layout.width, rows);

        decoder += caphealth_memory_picture(&strip)
                   + caphealth_memory_scale(&j->decoded,
                                            CAPHEALTH_PICTURE_YUV,
                                            j->fit.whole_height);

        caphealth_picture_layout(&layout, CAPHEALTH_PICTURE_YUV, 0, 1, 1,
                                 j->fit.whole_width, j->fit.whole_height);
    }

    layout.image_width = j->cinfo.image_width;
    layout.image_height = j->cinfo.image_height;

    j->status = caphealth_memory_decode(j->job, j->size, &layout, decoder,
                                        j->markers.exif.orientation >= 5,
                                        j->result);

    if (j->status != CAPHEALTH_JOB_OK) {
        longjmp(*j->jump, 1);
    }
}


/* of an image of several scans, those of all blocks */

static uint64_t
caphealth_jpeg_coefficients(const caphealth_jpeg_t *j)
{
    int                         i;
    uint64_t                    blocks;
    const jpeg_component_info  *comp;

    blocks = 0;

    for (i = 0; j->cinfo.buffered_image && i < j->cinfo.num_components; i++) {
        comp = &j->cinfo.comp_info[i];

        blocks += (uint64_t) (comp->width_in_blocks
                              + (unsigned) comp->h_samp_factor)
                  * (comp->height_in_blocks + (unsigned) comp->v_samp_factor);
    }

    return blocks * sizeof(JBLOCK);
}


/* rows that are decoded at once */

static uint32_t
caphealth_jpeg_batch(const caphealth_jpeg_t *j)
{
    return j->planes ? (uint32_t) (j->cinfo.max_v_samp_factor
                                   * j->cinfo.CAPHEALTH_DCT_MIN) : 1;
}


static void
caphealth_jpeg_start(caphealth_jpeg_t *j)
{
    (void) jpeg_start_decompress(&j->cinfo);

    if (j->cinfo.buffered_image) {
        caphealth_jpeg_scans(j);
        (void) jpeg_start_output(&j->cinfo, j->cinfo.input_scan_number);

    } else {
        caphealth_jpeg_scan_begin(j);
    }
}


/* how often it must be doubled to be as many */

static unsigned
caphealth_jpeg_log(int samples, int of)
{
    unsigned  n;

    for (n = 0; of << n < samples; n++) {
        /* void */
    }

    return n;
}


/*
 * All of the image, if a variant needs all of its pixels; else it is scaled
 * while it is decoded, and never in memory as a whole.
 */

static void
caphealth_jpeg_picture(caphealth_jpeg_t *j)
{
    int                 rc;
    caphealth_region_t  all;

    if (j->fit.scale == 1.0) {
        *j->picture = j->decoded;
        memset(&j->decoded, 0, sizeof(caphealth_picture_t));
        j->into = j->picture;

        if (caphealth_picture_allocate(j->picture,
                                       j->picture->planes[0].height)
            == -1)
        {
            caphealth_jpeg_refuse(j, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
        }

        (void) caphealth_jpeg_read(j, j->picture->height - 1);

        if (j->status != CAPHEALTH_JOB_OK) {
            longjmp(*j->jump, 1);
        }

        return;
    }

    j->into = &j->decoded;

    /* the last of the halved samples may be of less than the others */

    all = (caphealth_region_t) {
        0, 0,
        (double) j->cinfo.image_width * j->cinfo.scale_num / DCTSIZE,
        (double) j->cinfo.image_height * j->cinfo.scale_num / DCTSIZE
    };

    rc = caphealth_picture_scale_read(&j->decoded, caphealth_jpeg_batch(j),
                                      caphealth_jpeg_read, j, &all, j->picture,
                                      CAPHEALTH_PICTURE_YUV,
                                      j->fit.whole_width,
                                      j->fit.whole_height);

    caphealth_picture_free(&j->decoded);

    if (j->status != CAPHEALTH_JOB_OK) {
        longjmp(*j->jump, 1);
    }

    if (rc == -1) {
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    j->picture->image_width = j->cinfo.image_width;
    j->picture->image_height = j->cinfo.image_height;
}


/* nothing may jump over those who call this: zimg is C++ */

static int
caphealth_jpeg_read(void *ctx, uint32_t y)
{
    caphealth_jpeg_t *j = ctx;

    jmp_buf          jump;
    jmp_buf  *const  before = j->jump;

    j->jump = &jump;

    if (setjmp(jump) == 0) {
        while (j->cinfo.output_scanline <= y) {
            if (j->planes) {
                caphealth_jpeg_raw(j);

            } else {
                caphealth_jpeg_pixels(j);
            }
        }
    }

    j->jump = before;

    return j->status == CAPHEALTH_JOB_OK ? 0 : -1;
}


/*
 * Reads one scan after another until nothing can be added to the image.  What
 * follows is not read: if it is damaged, no pixel is.
 */

static void
caphealth_jpeg_scans(caphealth_jpeg_t *j)
{
    caphealth_jpeg_scan_begin(j);

    for ( ;; ) {
        switch (jpeg_consume_input(&j->cinfo)) {

        case JPEG_REACHED_SOS:
            caphealth_jpeg_scan_begin(j);
            break;

        case JPEG_SCAN_COMPLETED:
            caphealth_jpeg_scan_end(j);

            if (caphealth_jpeg_complete(j)) {
                return;
            }

            break;

        case JPEG_REACHED_EOI:
            caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                                  "%s: of its scans, %d are there, and more "
                                  "are needed", j->ended
                                                ? "it ends too soon"
                                                : "a part of it is missing",
                                  j->cinfo.input_scan_number);

        default:
            break;
        }
    }
}


/* every bit of every coefficient of every component has come */

static int
caphealth_jpeg_complete(caphealth_jpeg_t *j)
{
    int  i, k;

    for (i = 0; i < j->cinfo.comps_in_scan; i++) {
        j->seen |= 1u << j->cinfo.cur_comp_info[i]->component_index;
    }

    if (j->seen != (1u << j->cinfo.num_components) - 1) {
        return 0;
    }

    if (!j->cinfo.progressive_mode) {
        return 1;
    }

    for (i = 0; i < j->cinfo.num_components; i++) {
        for (k = 0; k < DCTSIZE2; k++) {
            if (j->cinfo.coef_bits[i][k] != 0) {
                return 0;
            }
        }
    }

    return 1;
}


/*
 * Samples as they are in the file.  The library writes whole blocks.  A plane's
 * stride has room for their columns; their rows below the plane go into a row
 * of their own.
 */

static void
caphealth_jpeg_raw(caphealth_jpeg_t *j)
{
    int                          i, k, n, rows;
    size_t                       width, widest;
    JSAMPROW                     lines[3][CAPHEALTH_JPEG_ROWS];
    uint32_t                     y;
    JSAMPARRAY                   planes[3];
    const caphealth_plane_t     *plane;
    const jpeg_component_info   *comp;

    widest = DCTSIZE;

    for (i = 0; i < j->cinfo.num_components; i++) {
        width = (size_t) j->cinfo.comp_info[i].width_in_blocks * DCTSIZE;
        widest = width > widest ? width : widest;
        planes[i] = lines[i];
    }

    if (j->row == NULL) {
        j->row = malloc(widest);

        if (j->row == NULL) {
            caphealth_jpeg_refuse(j, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
        }
    }

    rows = j->cinfo.max_v_samp_factor * j->cinfo.CAPHEALTH_DCT_MIN;

    for (i = 0; i < j->cinfo.num_components; i++) {
        comp = &j->cinfo.comp_info[i];
        plane = &j->into->planes[i];
        width = (size_t) comp->width_in_blocks * comp->CAPHEALTH_DCT_WIDTH;
        n = comp->v_samp_factor * comp->CAPHEALTH_DCT_HEIGHT;

        y = j->cinfo.output_scanline / (uint32_t) rows * (uint32_t) n;

        for (k = 0; k < n; k++, y++) {
            lines[i][k] = y < plane->height && width <= plane->stride
                          ? caphealth_picture_line(j->into, (unsigned) i, y)
                          : j->row;
        }
    }

    (void) jpeg_read_raw_data(&j->cinfo, planes, (JDIMENSION) rows);
}


/* a row of pixels */

static void
caphealth_jpeg_pixels(caphealth_jpeg_t *j)
{
    uint8_t   *rgb;
    JSAMPROW   row;
    uint32_t   y, width;

    width = j->cinfo.output_width;

    if (j->row == NULL) {
        j->row = malloc((size_t) width * CAPHEALTH_JPEG_COMPONENTS);
        j->rgb = malloc((size_t) width * 3);

        if (j->row == NULL || j->rgb == NULL) {
            caphealth_jpeg_refuse(j, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
        }
    }

    row = j->row;
    rgb = j->rgb;
    y = j->cinfo.output_scanline;

    (void) jpeg_read_scanlines(&j->cinfo, &row, 1);

    if (j->colour) {
        caphealth_colour_row(j->colour, row, rgb, width);

    } else if (j->kind == CAPHEALTH_COLOUR_CMYK) {
        caphealth_colour_cmyk(row, rgb, width);

    } else {
        rgb = row;
    }

    caphealth_picture_row(j->into, y, rgb, 3);
}


static void
caphealth_jpeg_scan_begin(caphealth_jpeg_t *j)
{
    j->scan = j->ended ? NULL : j->src.next_input_byte;
}


/*
 * What libjpeg does not warn of.  An arithmetic decoder takes what is behind
 * the data for zeros, as the standard has it, so that of a file without an
 * end nothing says how much was there.  And where a part of a file was never
 * written, there are zeros, which are codes like others.
 */

static void
caphealth_jpeg_scan_end(caphealth_jpeg_t *j)
{
    size_t          n, left;
    const uint8_t  *end, *zeros;

    if (j->cinfo.arith_code) {
        if (j->ended) {
            caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                                  "it ends too soon");
        }

        return;
    }

    if (j->scan == NULL) {
        return;
    }

    end = j->ended ? j->data + j->size : j->src.next_input_byte;
    left = (size_t) (j->data + j->size - end);

    if (caphealth_jpeg_no_zeros(j)) {
        zeros = caphealth_jpeg_zeros(j->scan, end);

        if (zeros) {
            caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                                  "a part of it is zeros, at byte %zu",
                                  (size_t) (zeros - j->data));
        }
    }

    /* from before the end of the scan to behind it */

    zeros = end;

    while (zeros > j->scan && zeros[-1] == 0) {
        zeros--;
    }

    for (n = 0; n < left && n < CAPHEALTH_JPEG_ZEROS && end[n] == 0; n++) {
        /* void */
    }

    if (end - zeros >= CAPHEALTH_JPEG_ZEROS + CAPHEALTH_JPEG_AHEAD
        && n == CAPHEALTH_JPEG_ZEROS)
    {
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                              "it is zeros from byte %zu on",
                              (size_t) (zeros - j->data));
    }
}


/*
 * The code of all zeros is the first of the shortest.  Where it does not stand
 * for the rest of a block, as it does in tables made for an image with plain
 * areas, a long run of zeros would be blocks with the same value in each
 * coefficient, which no image has.  A refinement has zeros of any number.
 */

static int
caphealth_jpeg_no_zeros(const caphealth_jpeg_t *j)
{
    int                i;
    unsigned           value;
    const JHUFF_TBL   *table;

    if (j->cinfo.progressive_mode && (j->cinfo.Ah || j->cinfo.Ss == 0)) {
        return 0;
    }

    for (i = 0; i < j->cinfo.comps_in_scan; i++) {
        table = j->cinfo.ac_huff_tbl_ptrs[j->cinfo.cur_comp_info[i]
                                          ->ac_tbl_no];
        if (table == NULL) {
            continue;
        }

        value = table->huffval[0];

        if ((value & 0x0f) || value == 0xf0) {
            return 1;
        }
    }

    return 0;
}


/* a run of them, or NULL */

static const uint8_t *
caphealth_jpeg_zeros(const uint8_t *p, const uint8_t *end)
{
    size_t  n;

    for ( /* void */ ; end - p >= CAPHEALTH_JPEG_ZEROS; p += n) {

        for (n = CAPHEALTH_JPEG_ZEROS; n && p[n - 1] == 0; n--) {
            /* void */
        }

        if (n == 0) {
            return p;
        }
    }

    return NULL;
}


/* what the warning just given says of the image */

static int
caphealth_jpeg_lost(const caphealth_jpeg_t *j)
{
    int  extra, marker;

    switch (j->err.msg_code) {

    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
        return 0;

    case JWRN_EXTRANEOUS_DATA:

        /* all before it is decoded; but of a scan, before RSTn, the decoder
           may not have been where it should: cameras leave a few bytes */

        extra = j->err.msg_parm.i[0];
        marker = j->err.msg_parm.i[1];

        return j->scan && marker >= JPEG_RST0 && marker <= JPEG_RST0 + 7
               && extra > CAPHEALTH_JPEG_EXTRA;

    case JWRN_BOGUS_PROGRESSION:

        /* a coefficient sent once more in full takes no harm */

        return j->cinfo.Ah != 0;

    default:
        return 1;
    }
}


/* the row at which the decoder is */

static unsigned
caphealth_jpeg_at(const caphealth_jpeg_t *j)
{
    uint64_t  row;

    row = (uint64_t) j->cinfo.input_iMCU_row
          * (unsigned) j->cinfo.max_v_samp_factor * DCTSIZE;

    return row < j->cinfo.image_height ? (unsigned) row
                                       : j->cinfo.image_height;
}


static void
caphealth_jpeg_refuse(caphealth_jpeg_t *j, caphealth_job_status_e status,
    const char *format, ...)
{
    char     text[sizeof(j->result->detail)];
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    j->status = caphealth_fail(j->result, status, "%s", text);

    longjmp(*j->jump, 1);
}


static void
caphealth_jpeg_error(j_common_ptr cinfo)
{
    char               text[JMSG_LENGTH_MAX];
    caphealth_jpeg_t  *j;

    j = cinfo->client_data;

    j->err.format_message(cinfo, text);

    switch (j->err.msg_code) {

    case JERR_OUT_OF_MEMORY:
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

    case JERR_EMPTY_IMAGE:
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                              "it has no pixels: its width or height is 0, "
                              "or the height is behind the image (DNL)");

    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_TOO_LARGE, "%s", text);

    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_UNSUPPORTED,
                              "a JPEG of an unusual subsampling");

    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_ARITH_NOTIMPL:
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_UNSUPPORTED, "%s", text);

    default:
        caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID,
                              j->ended ? "it ends too soon: %s" : "%s", text);
    }
}


/* level -1 is a warning, others are of what is in the file */

static void
caphealth_jpeg_warning(j_common_ptr cinfo, int level)
{
    char               text[JMSG_LENGTH_MAX];
    caphealth_jpeg_t  *j;

    if (level >= 0) {
        return;
    }

    j = cinfo->client_data;

    cinfo->err->num_warnings++;

    if (!caphealth_jpeg_lost(j)) {
        return;
    }

    j->err.format_message(cinfo, text);

    caphealth_jpeg_refuse(j, CAPHEALTH_JOB_INVALID, "%s, at row %u of %u",
                          j->ended ? "it ends too soon" : text,
                          caphealth_jpeg_at(j), j->cinfo.image_height);
}


static void
caphealth_jpeg_output(j_common_ptr cinfo)
{
    (void) cinfo;
}


static void
caphealth_jpeg_source(j_decompress_ptr cinfo)
{
    (void) cinfo;
}


/* behind the file is an end of the image */

static boolean
caphealth_jpeg_fill(j_decompress_ptr cinfo)
{
    caphealth_jpeg_t  *j;

    static const JOCTET  eoi[] = { 0xff, JPEG_EOI };

    j = cinfo->client_data;

    j->ended = 1;
    j->src.next_input_byte = eoi;
    j->src.bytes_in_buffer = sizeof(eoi);

    return TRUE;
}


static void
caphealth_jpeg_skip(j_decompress_ptr cinfo, long n)
{
    caphealth_jpeg_t  *j;

    j = cinfo->client_data;

    if (n <= 0) {
        return;
    }

    if ((size_t) n > j->src.bytes_in_buffer) {
        (void) caphealth_jpeg_fill(cinfo);
        return;
    }

    j->src.next_input_byte += n;
    j->src.bytes_in_buffer -= (size_t) n;
}
