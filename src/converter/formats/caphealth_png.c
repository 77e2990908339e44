
/*
 * PNG, by libpng.
 */

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "caphealth_colour.h"
#include "caphealth_decode.h"
#include "caphealth_exif.h"
#include "caphealth_plan.h"


/* of a file: its signature; what a chunk has before its data, and in all */
#define CAPHEALTH_PNG_START   8
#define CAPHEALTH_PNG_HEAD    8
#define CAPHEALTH_PNG_FRAME   12

#define CAPHEALTH_PNG_NAME    79
#define CAPHEALTH_ICC_HEADER  128

/* gAMA and cHRM have whole numbers */
#define CAPHEALTH_PNG_UNIT    100000.0

/* what gAMA says of sRGB, and how far from it writers are */
#define CAPHEALTH_PNG_SRGB    45455
#define CAPHEALTH_PNG_NEAR    500


typedef struct {
    const uint8_t          *data;
    size_t                  size;
} caphealth_png_chunk_t;


typedef struct {
    const uint8_t          *file;
    size_t                  size;
    const uint8_t          *data;
    size_t                  left;
    png_structp             png;
    png_infop               info;
    unsigned                no_memory:1;
    unsigned                complete:1; /* an error came behind the pixels */
    const uint8_t          *cut;        /* an IDAT chunk without its end */
    uint32_t                done;       /* rows that are in the picture */
    uint8_t                *rows;       /* one, or all if it is interlaced */
    unsigned                channels;
    caphealth_exif_t        exif;
    caphealth_colour_t     *colour;
    uint8_t                *converted;  /* a row, where there is colour */
    caphealth_picture_t    *picture;
    const caphealth_job_t  *job;
    caphealth_result_t     *result;
    char                    error[96];
    caphealth_job_status_e  status;
} caphealth_png_t;


static void caphealth_png_decode(caphealth_png_t *p);
static int caphealth_png_header(caphealth_png_t *p);
static void caphealth_png_transforms(caphealth_png_t *p);
static caphealth_colour_e caphealth_png_kind(const caphealth_png_t *p);
static caphealth_colour_status_e caphealth_png_colour(caphealth_png_t *p);
static caphealth_colour_status_e caphealth_png_icc(caphealth_png_t *p,
    caphealth_colour_e kind);
static uint8_t *caphealth_png_inflate(z_stream *z, size_t *size,
    caphealth_colour_status_e *rc);
static caphealth_colour_status_e caphealth_png_gamma(caphealth_png_t *p,
    caphealth_colour_e kind);
static int caphealth_png_chunk(const caphealth_png_t *p, const char *name,
    caphealth_png_chunk_t *chunk);
static void caphealth_png_xy(const uint8_t *data, double xy[2]);
static uint32_t caphealth_png_32(const uint8_t *p);
static int caphealth_png_memory(caphealth_png_t *p);
static int caphealth_png_rows(caphealth_png_t *p);
static void caphealth_png_finish(caphealth_png_t *p);
static const char *caphealth_png_checksums(const caphealth_png_t *p);
static int caphealth_png_interlaced(const caphealth_png_t *p);
static void caphealth_png_row(caphealth_png_t *p, uint32_t y, uint8_t *row);
static void caphealth_png_exif(caphealth_png_t *p);
static png_voidp caphealth_png_malloc(png_structp png, png_alloc_size_t n);
static void caphealth_png_free(png_structp png, png_voidp data);
static const uint8_t *caphealth_png_cut(const caphealth_png_t *p);
static void caphealth_png_read(png_structp png, png_bytep to, size_t n);
static void caphealth_png_error(png_structp png, png_const_charp message);
static void caphealth_png_warning(png_structp png, png_const_charp message);


caphealth_job_status_e
caphealth_decode_png(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_png_t  p;

    if (size >= 16 && memcmp(data + 12, "CgBI", 4) == 0) {
        return caphealth_fail(result, CAPHEALTH_JOB_UNSUPPORTED,
                              "a PNG in Apple's own form for iOS (CgBI)");
    }

    memset(&p, 0, sizeof(caphealth_png_t));

    p.file = data;
    p.size = size;
    p.data = data;
    p.left = size;
    p.job = job;
    p.picture = picture;
    p.result = result;
    p.exif.orientation = 1;
    p.cut = caphealth_png_cut(&p);

    p.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &p,
                                     caphealth_png_error,
                                     caphealth_png_warning, &p,
                                     caphealth_png_malloc,
                                     caphealth_png_free);
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
    free(p.converted);
    free(p.rows);

    if (p.status != CAPHEALTH_JOB_OK) {
        return p.status;
    }

    caphealth_picture_opaque(picture);

    if (caphealth_picture_orient(picture, p.exif.orientation) == -1) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    return CAPHEALTH_JOB_OK;
}


/* libpng's errors come back here; all that must survive them is in *p */

static void
caphealth_png_decode(caphealth_png_t *p)
{
    if (setjmp(png_jmpbuf(p->png))) {
        if (p->complete) {
            caphealth_png_finish(p);
            return;
        }

        p->status = caphealth_fail(p->result,
                                   p->no_memory ? CAPHEALTH_JOB_NO_MEMORY
                                                : CAPHEALTH_JOB_INVALID,
                                   "%s", p->error);
        return;
    }

    png_set_read_fn(p->png, p, caphealth_png_read);
    png_set_user_limits(p->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);

    /* colour and orientation are read here: the library has no precedence,
       and no cICP before 1.6.45; the other chunks are read by nobody */

    png_set_keep_unknown_chunks(p->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);

    /* the library does not compare that of the last IDAT before it has read
       the chunk behind it, which may be missing: those of what makes the image
       are compared here; any other chunk of a wrong one is left out */

    png_set_crc_action(p->png, PNG_CRC_QUIET_USE, PNG_CRC_WARN_DISCARD);

    /* with that right, the sum of the pixels can only be written wrong */

    (void) png_set_option(p->png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);

    png_read_info(p->png, p->info);

    if (caphealth_png_header(p) == -1) {
        return;
    }

    if (caphealth_png_colour(p) == CAPHEALTH_COLOUR_NO_MEMORY) {
        p->status = caphealth_fail(p->result, CAPHEALTH_JOB_NO_MEMORY, "%s",
                                   "");
        return;
    }

    caphealth_png_transforms(p);
    caphealth_png_exif(p);

    if (caphealth_png_memory(p) == -1) {
        return;
    }

    if (caphealth_png_rows(p) == -1) {
        p->status = caphealth_fail(p->result, CAPHEALTH_JOB_NO_MEMORY, "%s",
                                   "");
        return;
    }

    caphealth_png_finish(p);
}


static int
caphealth_png_header(caphealth_png_t *p)
{
    p->status = caphealth_check_size(p->job, p->size, p->result,
                                     png_get_image_width(p->png, p->info),
                                     png_get_image_height(p->png, p->info));

    return p->status == CAPHEALTH_JOB_OK ? 0 : -1;
}


/*
 * Whatever it is becomes 8 bits of red, green, blue, and alpha if there is.
 * Where colours change, all bits of a sample are kept until then.
 */

static void
caphealth_png_transforms(caphealth_png_t *p)
{
    png_set_expand(p->png);

    if (p->colour == NULL) {
        png_set_scale_16(p->png);
        png_set_gray_to_rgb(p->png);

    } else if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        png_set_swap(p->png);
    }

    (void) png_set_interlace_handling(p->png);

    png_read_update_info(p->png, p->info);

    p->channels = (png_get_color_type(p->png, p->info)
                   & PNG_COLOR_MASK_ALPHA) ? 4 : 3;
}


/* of the samples, once a palette and a transparent colour are expanded */

static caphealth_colour_e
caphealth_png_kind(const caphealth_png_t *p)
{
    int       type;
    unsigned  alpha, deep;

    type = png_get_color_type(p->png, p->info);

    alpha = (type & PNG_COLOR_MASK_ALPHA)
            || png_get_valid(p->png, p->info, PNG_INFO_tRNS);
    deep = png_get_bit_depth(p->png, p->info) == 16;

    if (type & PNG_COLOR_MASK_COLOR) {
        return deep ? (alpha ? CAPHEALTH_COLOUR_RGBA_16
                             : CAPHEALTH_COLOUR_RGB_16)
                    : (alpha ? CAPHEALTH_COLOUR_RGBA : CAPHEALTH_COLOUR_RGB);
    }

    return deep ? (alpha ? CAPHEALTH_COLOUR_GREYA_16
                         : CAPHEALTH_COLOUR_GREY_16)
                : (alpha ? CAPHEALTH_COLOUR_GREYA : CAPHEALTH_COLOUR_GREY);
}


/* PNG, third edition, 4.3: the first that is there and can be used */

static caphealth_colour_status_e
caphealth_png_colour(caphealth_png_t *p)
{
    caphealth_colour_e          kind;
    caphealth_png_chunk_t       chunk;
    caphealth_colour_status_e   rc;

    rc = CAPHEALTH_COLOUR_UNUSABLE;
    kind = caphealth_png_kind(p);

    if (caphealth_png_chunk(p, "cICP", &chunk) == 0 && chunk.size == 4) {
        rc = caphealth_colour_cicp(&p->colour, kind, chunk.data);
    }

    if (rc == CAPHEALTH_COLOUR_UNUSABLE) {
        rc = caphealth_png_icc(p, kind);
    }

    if (rc == CAPHEALTH_COLOUR_UNUSABLE
        && caphealth_png_chunk(p, "sRGB", &chunk) == -1)
    {
        rc = caphealth_png_gamma(p, kind);
    }

    return rc;
}


/* a name, its end, the method of compression, and what is compressed */

static caphealth_colour_status_e
caphealth_png_icc(caphealth_png_t *p, caphealth_colour_e kind)
{
    size_t                      size;
    uint8_t                    *profile;
    z_stream                    z;
    const uint8_t              *name_end;
    caphealth_png_chunk_t       chunk;
    caphealth_colour_status_e   rc;

    if (caphealth_png_chunk(p, "iCCP", &chunk) == -1) {
        return CAPHEALTH_COLOUR_UNUSABLE;
    }

    name_end = memchr(chunk.data, '\0',
                      chunk.size < CAPHEALTH_PNG_NAME + 1
                      ? chunk.size : CAPHEALTH_PNG_NAME + 1);

    if (name_end == NULL || chunk.data + chunk.size - name_end < 2) {
        return CAPHEALTH_COLOUR_UNUSABLE;
    }

    memset(&z, 0, sizeof(z_stream));

    z.next_in = (z_const Bytef *) name_end + 2;
    z.avail_in = (uInt) (chunk.data + chunk.size - z.next_in);

    if (inflateInit(&z) != Z_OK) {
        return CAPHEALTH_COLOUR_NO_MEMORY;
    }

    profile = caphealth_png_inflate(&z, &size, &rc);

    (void) inflateEnd(&z);

    if (profile) {
        rc = caphealth_colour_icc(&p->colour, kind, profile, size);
        free(profile);
    }

    return rc;
}


/* a profile says in its first four bytes how long it is */

static uint8_t *
caphealth_png_inflate(z_stream *z, size_t *size,
    caphealth_colour_status_e *rc)
{
    int       status;
    uint8_t  *profile, header[CAPHEALTH_ICC_HEADER];

    *rc = CAPHEALTH_COLOUR_UNUSABLE;

    memset(header, 0, sizeof(header));

    z->next_out = header;
    z->avail_out = sizeof(header);

    status = inflate(z, Z_SYNC_FLUSH);
    *size = caphealth_png_32(header);

    if (z->avail_out || *size < sizeof(header)
        || *size > CAPHEALTH_PROFILE_MAX)
    {
        return NULL;
    }

    profile = malloc(*size);

    if (profile == NULL || status == Z_MEM_ERROR) {
        free(profile);
        *rc = CAPHEALTH_COLOUR_NO_MEMORY;
        return NULL;
    }

    memcpy(profile, header, sizeof(header));

    z->next_out = profile + sizeof(header);
    z->avail_out = (uInt) (*size - sizeof(header));

    if (z->avail_out) {
        (void) inflate(z, Z_SYNC_FLUSH);
    }

    if (z->avail_out) {
        free(profile);
        return NULL;
    }

    return profile;
}


/*
 * Writers say "0.45455" of sRGB, as the standard has it, so with sRGB's
 * primaries it is sRGB, and not the power that is only near it.
 */

static caphealth_colour_status_e
caphealth_png_gamma(caphealth_png_t *p, caphealth_colour_e kind)
{
    double                         power;
    uint32_t                       gamma;
    caphealth_png_chunk_t          chunk;
    caphealth_primaries_t          xy;
    const caphealth_primaries_t   *primaries;
    caphealth_colour_status_e      rc;

    gamma = 0;
    primaries = NULL;

    if (caphealth_png_chunk(p, "gAMA", &chunk) == 0 && chunk.size == 4) {
        gamma = caphealth_png_32(chunk.data);
    }

    if (caphealth_png_chunk(p, "cHRM", &chunk) == 0 && chunk.size == 32) {
        caphealth_png_xy(chunk.data, xy.white);
        caphealth_png_xy(chunk.data + 8, xy.red);
        caphealth_png_xy(chunk.data + 16, xy.green);
        caphealth_png_xy(chunk.data + 24, xy.blue);
        primaries = &xy;
    }

    if (gamma == 0 && primaries == NULL) {
        return CAPHEALTH_COLOUR_OK;
    }

    power = gamma ? CAPHEALTH_PNG_UNIT / gamma : 0;

    if (gamma >= CAPHEALTH_PNG_SRGB - CAPHEALTH_PNG_NEAR
        && gamma <= CAPHEALTH_PNG_SRGB + CAPHEALTH_PNG_NEAR)
    {
        rc = caphealth_colour_power(&p->colour, kind, primaries, 0);

        if (rc != CAPHEALTH_COLOUR_OK || p->colour == NULL) {
            return rc;
        }

        caphealth_colour_free(p->colour);
    }

    return caphealth_colour_power(&p->colour, kind, primaries, power);
}


/*
 * The first of that name whose checksum is right; colour must be said before
 * the image.  0, or -1: there is none.
 */

static int
caphealth_png_chunk(const caphealth_png_t *p, const char *name,
    caphealth_png_chunk_t *chunk)
{
    size_t          at, len;
    const uint8_t  *data;

    for (at = CAPHEALTH_PNG_START;
         p->size - at >= CAPHEALTH_PNG_FRAME;
         at += len + CAPHEALTH_PNG_FRAME)
    {
        data = p->file + at;
        len = caphealth_png_32(data);

        if (len > p->size - at - CAPHEALTH_PNG_FRAME
            || (memcmp(data + 4, "IDAT", 4) == 0
                && memcmp(name, "eXIf", 4) != 0))
        {
            return -1;
        }

        if (memcmp(data + 4, name, 4) == 0
            && crc32_z(0, data + 4, len + 4)
               == caphealth_png_32(data + 8 + len))
        {
            chunk->data = data + 8;
            chunk->size = len;
            return 0;
        }
    }

    return -1;
}


static void
caphealth_png_xy(const uint8_t *data, double xy[2])
{
    xy[0] = caphealth_png_32(data) / CAPHEALTH_PNG_UNIT;
    xy[1] = caphealth_png_32(data + 4) / CAPHEALTH_PNG_UNIT;
}


static uint32_t
caphealth_png_32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


static int
caphealth_png_memory(caphealth_png_t *p)
{
    uint64_t             stride;
    uint32_t             width, height;
    caphealth_picture_t  layout;

    width = png_get_image_width(p->png, p->info);
    height = png_get_image_height(p->png, p->info);
    stride = png_get_rowbytes(p->png, p->info);

    caphealth_picture_layout(&layout, CAPHEALTH_PICTURE_RGB,
                             p->channels == 4, 0, 0, width, height);

    /* a row, the library's, and the one before it; or all of the image */

    p->status = caphealth_memory_decode(p->job, p->size, &layout,
                                        caphealth_png_interlaced(p)
                                        ? stride * height + 4 * stride
                                        : 4 * stride,
                                        p->exif.orientation >= 5, p->result);

    return p->status == CAPHEALTH_JOB_OK ? 0 : -1;
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
    passes = caphealth_png_interlaced(p) ? 7 : 1;

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

    if (p->colour) {
        p->converted = malloc((size_t) width * p->channels);
        if (p->converted == NULL) {
            return -1;
        }
    }

    if (passes == 1) {
        while (p->done < height) {
            png_read_row(p->png, p->rows, NULL);
            caphealth_png_row(p, p->done++, p->rows);
        }

        return 0;
    }

    for (pass = 0; pass < passes; pass++) {
        for (y = 0; y < height; y++) {
            png_read_row(p->png, p->rows + y * stride, NULL);
        }
    }

    return 0;
}


/*
 * With all pixels read.  Behind the last of them the library looks for the end
 * of the compressed data, and may fail: then the last row is still where it
 * was read to.  What is behind the image data is not needed.
 */

static void
caphealth_png_finish(caphealth_png_t *p)
{
    size_t       stride;
    uint32_t     height;
    const char  *wrong;

    wrong = caphealth_png_checksums(p);

    if (wrong) {
        p->status = caphealth_fail(p->result, CAPHEALTH_JOB_INVALID,
                                   "the checksum of its %.4s is wrong",
                                   wrong);
        return;
    }

    height = png_get_image_height(p->png, p->info);
    stride = caphealth_png_interlaced(p)
             ? png_get_rowbytes(p->png, p->info) : 0;

    while (p->done < height) {
        caphealth_png_row(p, p->done, p->rows + p->done * stride);
        p->done++;
    }
}


/*
 * Of what makes the pixels, up to where the last of them was read.  The name
 * of the first chunk whose checksum is wrong, or NULL.
 */

static const char *
caphealth_png_checksums(const caphealth_png_t *p)
{
    size_t          at, len;
    const char     *name;
    const uint8_t  *data;

    for (at = CAPHEALTH_PNG_START;
         p->size - at >= CAPHEALTH_PNG_FRAME && p->file + at < p->data;
         at += len + CAPHEALTH_PNG_FRAME)
    {
        data = p->file + at;
        name = (const char *) data + 4;
        len = caphealth_png_32(data);

        if (len > p->size - at - CAPHEALTH_PNG_FRAME) {
            return NULL;
        }

        if ((memcmp(name, "IHDR", 4) == 0 || memcmp(name, "PLTE", 4) == 0
             || memcmp(name, "tRNS", 4) == 0 || memcmp(name, "IDAT", 4) == 0)
            && crc32_z(0, data + 4, len + 4)
               != caphealth_png_32(data + 8 + len))
        {
            return name;
        }
    }

    return NULL;
}


static int
caphealth_png_interlaced(const caphealth_png_t *p)
{
    return png_get_interlace_type(p->png, p->info) != PNG_INTERLACE_NONE;
}


static void
caphealth_png_row(caphealth_png_t *p, uint32_t y, uint8_t *row)
{
    if (p->colour) {
        caphealth_colour_row(p->colour, row, p->converted,
                             p->picture->width);
        row = p->converted;
    }

    caphealth_picture_row(p->picture, y, row, p->channels);
}


/* it may be behind the image too */

static void
caphealth_png_exif(caphealth_png_t *p)
{
    caphealth_png_chunk_t  chunk;

    if (caphealth_png_chunk(p, "eXIf", &chunk) == 0) {
        (void) caphealth_exif(chunk.data, chunk.size, &p->exif);
    }
}


static png_voidp
caphealth_png_malloc(png_structp png, png_alloc_size_t n)
{
    void             *data;
    caphealth_png_t  *p;

    data = malloc(n);

    if (data == NULL) {
        p = png_get_mem_ptr(png);
        p->no_memory = 1;
    }

    return data;
}


static void
caphealth_png_free(png_structp png, png_voidp data)
{
    (void) png;

    free(data);
}


/* where the file ends in the data of an IDAT chunk, its beginning; or NULL */

static const uint8_t *
caphealth_png_cut(const caphealth_png_t *p)
{
    size_t          at, len;
    const uint8_t  *data;

    for (at = CAPHEALTH_PNG_START;
         p->size > at && p->size - at > CAPHEALTH_PNG_HEAD;
         at += len + CAPHEALTH_PNG_FRAME)
    {
        data = p->file + at;
        len = caphealth_png_32(data);

        if (len > p->size - at - CAPHEALTH_PNG_HEAD) {
            return memcmp(data + 4, "IDAT", 4) == 0 ? data : NULL;
        }
    }

    return NULL;
}


/*
 * The library reads a chunk's data in large pieces, and uses nothing of one
 * that is not whole; so a chunk that is cut is said to be as long as it is.
 */

static void
caphealth_png_read(png_structp png, png_bytep to, size_t n)
{
    caphealth_png_t  *p;

    p = png_get_io_ptr(png);

    if (n > p->left) {
        png_error(png, "the file ends too soon");
    }

    memcpy(to, p->data, n);

    if (p->data == p->cut && n == CAPHEALTH_PNG_HEAD) {
        png_save_uint_32(to, (png_uint_32) (p->left - n));
    }

    p->data += n;
    p->left -= n;
}


static void
caphealth_png_error(png_structp png, png_const_charp message)
{
    caphealth_png_t  *p;

    p = png_get_error_ptr(png);

    strncpy(p->error, message, sizeof(p->error) - 1);

    p->complete = caphealth_png_interlaced(p)
                  ? png_get_current_pass_number(png) >= 7
                  : p->rows && png_get_current_row_number(png)
                               >= png_get_image_height(png, p->info);

    longjmp(png_jmpbuf(png), 1);
}


static void
caphealth_png_warning(png_structp png, png_const_charp message)
{
    (void) png;
    (void) message;
}
