
/*
 * A picture as a JPEG file, by libjpeg-turbo's libjpeg API.
 */

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

#include "caphealth_encode.h"


/* bytes that are written at once */
#define CAPHEALTH_ENCODE_BUFFER  65536

/* rows of luma, and of chroma, of one row of 4:2:0 blocks */
#define CAPHEALTH_ENCODE_LUMA    (2 * DCTSIZE)
#define CAPHEALTH_ENCODE_CHROMA  DCTSIZE


typedef struct {
    struct jpeg_compress_struct    cinfo;
    struct jpeg_error_mgr          err;
    struct jpeg_destination_mgr    dest;
    jmp_buf                        jump;
    const caphealth_picture_t     *picture;
    caphealth_encode_t            *e;
    uint8_t                       *buffer;
    uint8_t                       *rows;      /* samples of a row of blocks */
    size_t                         stride;    /* of rows, bytes */
    uint8_t                        luma[256];
    uint8_t                        chroma[256];
} caphealth_encode_jpeg_t;


static int caphealth_encode_jpeg_run(caphealth_encode_jpeg_t *j,
    unsigned quality);
static void caphealth_encode_jpeg_ranges(caphealth_encode_jpeg_t *j);
static void caphealth_encode_jpeg_yuv(caphealth_encode_jpeg_t *j);
static void caphealth_encode_jpeg_plane(caphealth_encode_jpeg_t *j,
    unsigned plane, uint32_t y, JSAMPROW *rows);
static void caphealth_encode_jpeg_rgb(caphealth_encode_jpeg_t *j);
static void caphealth_encode_jpeg_begin(j_compress_ptr cinfo);
static boolean caphealth_encode_jpeg_full(j_compress_ptr cinfo);
static void caphealth_encode_jpeg_end(j_compress_ptr cinfo);
static void caphealth_encode_jpeg_write(caphealth_encode_jpeg_t *j,
    size_t size);
static void caphealth_encode_jpeg_error(j_common_ptr cinfo);
static void caphealth_encode_jpeg_quiet(j_common_ptr cinfo);


caphealth_job_status_e
caphealth_encode_jpeg(const caphealth_picture_t *picture, unsigned quality,
    caphealth_encode_t *e, caphealth_result_t *result)
{
    int                       rc;
    caphealth_encode_jpeg_t  *j;

    j = calloc(1, sizeof(caphealth_encode_jpeg_t));
    if (j == NULL) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    j->picture = picture;
    j->e = e;
    j->stride = ((size_t) picture->width + CAPHEALTH_ENCODE_LUMA - 1)
                / CAPHEALTH_ENCODE_LUMA * CAPHEALTH_ENCODE_LUMA;

    j->buffer = malloc(CAPHEALTH_ENCODE_BUFFER);
    j->rows = malloc(j->stride * (CAPHEALTH_ENCODE_LUMA
                                  + 2 * CAPHEALTH_ENCODE_CHROMA));

    rc = j->buffer && j->rows ? caphealth_encode_jpeg_run(j, quality)
                              : JERR_OUT_OF_MEMORY;

    free(j->rows);
    free(j->buffer);
    free(j);

    if (rc == 0) {
        return CAPHEALTH_JOB_OK;
    }

    if (e->err) {
        result->error = (uint32_t) e->err;
        return caphealth_fail(result, CAPHEALTH_JOB_WRITE, "%s", "");
    }

    return rc == JERR_OUT_OF_MEMORY
           ? caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "")
           : caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                            "libjpeg cannot encode it, error %d", rc);
}


/* 0, or libjpeg's code of what is wrong */

static int
caphealth_encode_jpeg_run(caphealth_encode_jpeg_t *j, unsigned quality)
{
    struct jpeg_compress_struct  *cinfo;

    cinfo = &j->cinfo;

    cinfo->err = jpeg_std_error(&j->err);
    j->err.error_exit = caphealth_encode_jpeg_error;
    j->err.output_message = caphealth_encode_jpeg_quiet;

    if (setjmp(j->jump)) {
        jpeg_destroy_compress(cinfo);
        return j->err.msg_code;
    }

    jpeg_create_compress(cinfo);
    cinfo->client_data = j;

    j->dest.init_destination = caphealth_encode_jpeg_begin;
    j->dest.empty_output_buffer = caphealth_encode_jpeg_full;
    j->dest.term_destination = caphealth_encode_jpeg_end;
    cinfo->dest = &j->dest;

    cinfo->image_width = j->picture->width;
    cinfo->image_height = j->picture->height;
    cinfo->input_components = 3;
    cinfo->in_color_space = j->picture->kind == CAPHEALTH_PICTURE_RGB
                            ? JCS_RGB : JCS_YCbCr;

    /* YCbCr and 4:2:0 are what it sets */

    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, (int) quality, TRUE);
    jpeg_simple_progression(cinfo);
    cinfo->optimize_coding = TRUE;

    if (j->picture->kind == CAPHEALTH_PICTURE_RGB) {
        cinfo->comp_info[0].h_samp_factor = 1;
        cinfo->comp_info[0].v_samp_factor = 1;

        jpeg_start_compress(cinfo, TRUE);
        caphealth_encode_jpeg_rgb(j);

    } else {
        cinfo->raw_data_in = TRUE;

        caphealth_encode_jpeg_ranges(j);

        jpeg_start_compress(cinfo, TRUE);
        caphealth_encode_jpeg_yuv(j);
    }

    jpeg_finish_compress(cinfo);
    jpeg_destroy_compress(cinfo);

    return 0;
}


/* BT.601 of limited range, 16 to 235 and 240, becomes JFIF's full range */

static void
caphealth_encode_jpeg_ranges(caphealth_encode_jpeg_t *j)
{
    int  i, y, c;

    for (i = 0; i < 256; i++) {
        y = ((i - 16) * 255 * 2 + 219) / (2 * 219);
        c = 128 + ((i - 128) * 255 * 2 + (i < 128 ? -224 : 224)) / (2 * 224);

        j->luma[i] = (uint8_t) (i < 16 ? 0 : y > 255 ? 255 : y);
        j->chroma[i] = (uint8_t) (c < 0 ? 0 : c > 255 ? 255 : c);
    }
}


static void
caphealth_encode_jpeg_yuv(caphealth_encode_jpeg_t *j)
{
    unsigned    i;
    uint32_t    y;
    JSAMPROW    rows[CAPHEALTH_ENCODE_LUMA + 2 * CAPHEALTH_ENCODE_CHROMA];
    JSAMPARRAY  planes[3];

    planes[0] = rows;
    planes[1] = rows + CAPHEALTH_ENCODE_LUMA;
    planes[2] = rows + CAPHEALTH_ENCODE_LUMA + CAPHEALTH_ENCODE_CHROMA;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rows[i] = j->rows + i * j->stride;
    }

    for (y = 0; y < j->picture->height; y += CAPHEALTH_ENCODE_LUMA) {

        for (i = 0; i < 3; i++) {
            caphealth_encode_jpeg_plane(j, i, y, planes[i]);
        }

        (void) jpeg_write_raw_data(&j->cinfo, planes, CAPHEALTH_ENCODE_LUMA);
    }
}


/* the last column and row are repeated up to whole blocks */

static void
caphealth_encode_jpeg_plane(caphealth_encode_jpeg_t *j, unsigned plane,
    uint32_t y, JSAMPROW *rows)
{
    size_t                    x, width, stride;
    uint32_t                  i, n, height, row;
    const uint8_t            *from, *range;
    const caphealth_plane_t  *p;

    p = &j->picture->planes[plane];

    if (plane == 0) {
        n = CAPHEALTH_ENCODE_LUMA;
        width = j->picture->width;
        height = j->picture->height;
        stride = j->stride;
        range = j->luma;

    } else {
        n = CAPHEALTH_ENCODE_CHROMA;
        width = (j->picture->width + 1) / 2;
        height = (j->picture->height + 1) / 2;
        stride = j->stride / 2;
        range = j->chroma;
        y /= 2;
    }

    for (i = 0; i < n; i++) {
        row = y + i < height ? y + i : height - 1;
        from = p->data + row * p->stride;

        for (x = 0; x < width; x++) {
            rows[i][x] = range[from[x]];
        }

        memset(rows[i] + width, rows[i][width - 1], stride - width);
    }
}


static void
caphealth_encode_jpeg_rgb(caphealth_encode_jpeg_t *j)
{
    uint8_t                    *to;
    JSAMPROW                    row;
    uint32_t                    x, y;
    const uint8_t              *r, *g, *b;
    const caphealth_plane_t    *p;

    p = j->picture->planes;
    row = j->rows;

    for (y = 0; y < j->picture->height; y++) {
        r = p[0].data + y * p[0].stride;
        g = p[1].data + y * p[1].stride;
        b = p[2].data + y * p[2].stride;

        to = row;

        for (x = 0; x < j->picture->width; x++, to += 3) {
            to[0] = r[x];
            to[1] = g[x];
            to[2] = b[x];
        }

        (void) jpeg_write_scanlines(&j->cinfo, &row, 1);
    }
}


static void
caphealth_encode_jpeg_begin(j_compress_ptr cinfo)
{
    caphealth_encode_jpeg_t  *j;

    j = cinfo->client_data;

    j->dest.next_output_byte = j->buffer;
    j->dest.free_in_buffer = CAPHEALTH_ENCODE_BUFFER;
}


static boolean
caphealth_encode_jpeg_full(j_compress_ptr cinfo)
{
    caphealth_encode_jpeg_write(cinfo->client_data, CAPHEALTH_ENCODE_BUFFER);
    caphealth_encode_jpeg_begin(cinfo);

    return TRUE;
}


static void
caphealth_encode_jpeg_end(j_compress_ptr cinfo)
{
    caphealth_encode_jpeg_t  *j;

    j = cinfo->client_data;

    caphealth_encode_jpeg_write(j, CAPHEALTH_ENCODE_BUFFER
                                   - j->dest.free_in_buffer);
}


static void
caphealth_encode_jpeg_write(caphealth_encode_jpeg_t *j, size_t size)
{
    if (caphealth_encode_put(j->e, j->buffer, size) == -1) {
        j->err.msg_code = JERR_FILE_WRITE;
        longjmp(j->jump, 1);
    }
}


static void
caphealth_encode_jpeg_error(j_common_ptr cinfo)
{
    caphealth_encode_jpeg_t  *j;

    j = cinfo->client_data;

    longjmp(j->jump, 1);
}


/* what it would say has no reader */

static void
caphealth_encode_jpeg_quiet(j_common_ptr cinfo)
{
    (void) cinfo;
}
