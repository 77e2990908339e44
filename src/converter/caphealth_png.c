
/*
 * PNG, by libpng.
 */

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_colour.h"
#include "caphealth_decode.h"
#include "caphealth_exif.h"


/* text and unknown chunks, uncompressed */
#define CAPHEALTH_PNG_CHUNK  (8 * 1024 * 1024)
#define CAPHEALTH_PNG_CACHE  64


typedef struct {
    const uint8_t          *data;
    size_t                  left;
    png_structp             png;
    png_infop               info;
    uint8_t                *rows;       /* one, or all if it is interlaced */
    unsigned                channels;
    unsigned                orientation;
    caphealth_colour_t     *colour;
    uint8_t                *tones;      /* of grey */
    caphealth_picture_t    *picture;
    const caphealth_job_t  *job;
    caphealth_result_t     *result;
    char                    error[96];
    caphealth_job_status_e  status;
    unsigned                grey:1;
} caphealth_png_t;


static void caphealth_png_decode(caphealth_png_t *p);
static int caphealth_png_header(caphealth_png_t *p);
static void caphealth_png_transforms(caphealth_png_t *p);
static void caphealth_png_profile(caphealth_png_t *p);
static uint8_t *caphealth_png_tones(const uint8_t *profile, size_t size);
static int caphealth_png_rows(caphealth_png_t *p);
static void caphealth_png_row(caphealth_png_t *p, uint32_t y, uint8_t *row);
static void caphealth_png_orientation(caphealth_png_t *p);
static void caphealth_png_read(png_structp png, png_bytep to, size_t n);
static void caphealth_png_error(png_structp png, png_const_charp message);
static void caphealth_png_warning(png_structp png, png_const_charp message);


caphealth_job_status_e
caphealth_decode_png(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_png_t  p;

    memset(&p, 0, sizeof(caphealth_png_t));

    p.data = data;
    p.left = size;
    p.job = job;
    p.picture = picture;
    p.result = result;
    p.orientation = 1;

    p.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &p,
                                   caphealth_png_error,
                                   caphealth_png_warning);
    if (p.png == NULL) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    p.info = png_create_info_struct(p.png);

    if (p.info) {
        caphealth_png_decode(&p);

    } else {
        p.status = caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    png_destroy_read_struct(&p.png, p.info ? &p.info : NULL, NULL);
    caphealth_colour_free(p.colour);
    free(p.tones);
    free(p.rows);

    if (p.status != CAPHEALTH_JOB_OK) {
        return p.status;
    }

    caphealth_picture_opaque(picture);

    if (caphealth_picture_orient(picture, p.orientation) == -1) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    return CAPHEALTH_JOB_OK;
}


/* libpng's errors come back here; all that must survive them is in *p */

static void
caphealth_png_decode(caphealth_png_t *p)
{
    if (setjmp(png_jmpbuf(p->png))) {
        p->status = caphealth_fail(p->result,
                                   strstr(p->error, "emory")
                                   ? CAPHEALTH_JOB_NO_MEMORY
                                   : CAPHEALTH_JOB_INVALID, "%s", p->error);
        return;
    }

    png_set_read_fn(p->png, p, caphealth_png_read);
    png_set_user_limits(p->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(p->png, CAPHEALTH_PNG_CHUNK);
    png_set_chunk_cache_max(p->png, CAPHEALTH_PNG_CACHE);

    /* a bad checksum: fatal in what makes the image, else left out */

    png_set_crc_action(p->png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);

    png_read_info(p->png, p->info);

    if (caphealth_png_header(p) == -1) {
        return;
    }

    caphealth_png_transforms(p);

    if (caphealth_png_rows(p) == -1) {
        p->status = caphealth_fail(p->result, CAPHEALTH_JOB_NO_MEMORY, "%s",
                                   "");
        return;
    }

    png_read_end(p->png, p->info);

    caphealth_png_orientation(p);
}


static int
caphealth_png_header(caphealth_png_t *p)
{
    p->status = caphealth_check_size(p->job, p->result,
                                     png_get_image_width(p->png, p->info),
                                     png_get_image_height(p->png, p->info));

    return p->status == CAPHEALTH_JOB_OK ? 0 : -1;
}


/* whatever it is becomes 8 bits of red, green, blue, and alpha if there is */

static void
caphealth_png_transforms(caphealth_png_t *p)
{
    p->grey = !(png_get_color_type(p->png, p->info) & PNG_COLOR_MASK_COLOR);

    png_set_expand(p->png);
    png_set_scale_16(p->png);
    png_set_gray_to_rgb(p->png);

    (void) png_set_interlace_handling(p->png);

    png_read_update_info(p->png, p->info);

    p->channels = png_get_channels(p->png, p->info);

    caphealth_png_profile(p);
}


static void
caphealth_png_profile(caphealth_png_t *p)
{
    int          method;
    png_charp    name;
    png_bytep    profile;
    png_uint_32  size;

    if (!png_get_iCCP(p->png, p->info, &name, &method, &profile, &size)) {
        return;
    }

    if (!p->grey) {
        p->colour = caphealth_colour_create(profile, size,
                                            p->channels == 3
                                            ? CAPHEALTH_COLOUR_RGB
                                            : CAPHEALTH_COLOUR_RGBA);
        return;
    }

    p->tones = caphealth_png_tones(profile, size);
}


/* what a profile for grey makes of each of its values, in RGB */

static uint8_t *
caphealth_png_tones(const uint8_t *profile, size_t size)
{
    unsigned             i;
    uint8_t             *tones, greys[256];
    caphealth_colour_t  *colour;

    colour = caphealth_colour_create(profile, size, CAPHEALTH_COLOUR_GREY);
    if (colour == NULL) {
        return NULL;
    }

    for (i = 0; i < 256; i++) {
        greys[i] = (uint8_t) i;
    }

    tones = malloc(3 * 256);

    if (tones) {
        caphealth_colour_row(colour, greys, tones, 256);
    }

    caphealth_colour_free(colour);

    return tones;
}


static int
caphealth_png_rows(caphealth_png_t *p)
{
    int       pass, passes;
    size_t    stride;
    uint32_t  y, width, height;

    width = png_get_image_width(p->png, p->info);
    height = png_get_image_height(p->png, p->info);
    stride = png_get_rowbytes(p->png, p->info);
    passes = png_get_interlace_type(p->png, p->info) == PNG_INTERLACE_NONE
             ? 1 : 7;

    if (caphealth_picture_create(p->picture, CAPHEALTH_PICTURE_RGB,
                                 p->channels == 4, 0, 0, width, height)
        == -1)
    {
        return -1;
    }

    p->rows = malloc(passes == 1 ? stride : stride * height);
    if (p->rows == NULL) {
        return -1;
    }

    if (passes == 1) {
        for (y = 0; y < height; y++) {
            png_read_row(p->png, p->rows, NULL);
            caphealth_png_row(p, y, p->rows);
        }

        return 0;
    }

    for (pass = 0; pass < passes; pass++) {
        for (y = 0; y < height; y++) {
            png_read_row(p->png, p->rows + y * stride, NULL);
        }
    }

    for (y = 0; y < height; y++) {
        caphealth_png_row(p, y, p->rows + y * stride);
    }

    return 0;
}


static void
caphealth_png_row(caphealth_png_t *p, uint32_t y, uint8_t *row)
{
    uint32_t   x;
    uint8_t   *sample;

    if (p->colour) {
        caphealth_colour_row(p->colour, row, row, p->picture->width);
    }

    if (p->tones) {
        for (x = 0; x < p->picture->width; x++) {
            sample = row + x * p->channels;
            memcpy(sample, p->tones + 3 * sample[0], 3);
        }
    }

    caphealth_picture_row(p->picture, y, row, p->channels);
}


static void
caphealth_png_orientation(caphealth_png_t *p)
{
    png_bytep    exif;
    png_uint_32  size;

    if (png_get_eXIf_1(p->png, p->info, &size, &exif)) {
        p->orientation = caphealth_exif_orientation(exif, size);
    }
}


static void
caphealth_png_read(png_structp png, png_bytep to, size_t n)
{
    caphealth_png_t  *p;

    p = png_get_io_ptr(png);

    if (n > p->left) {
        png_error(png, "the file ends too soon");
    }

    memcpy(to, p->data, n);

    p->data += n;
    p->left -= n;
}


static void
caphealth_png_error(png_structp png, png_const_charp message)
{
    caphealth_png_t  *p;

    p = png_get_error_ptr(png);

    strncpy(p->error, message, sizeof(p->error) - 1);

    longjmp(png_jmpbuf(png), 1);
}


static void
caphealth_png_warning(png_structp png, png_const_charp message)
{
    (void) png;
    (void) message;
}
