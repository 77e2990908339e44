
/*
 * A picture in memory.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_picture.h"


/* what zimg's widest instructions want */
#define CAPHEALTH_ALIGN  64

/* above so many pixels, a byte of the file stands for at most so many: a scan
   of black and white has 500, a photo less than 50 */
#define CAPHEALTH_BOMB_PIXELS  (50 * 1024 * 1024)
#define CAPHEALTH_BOMB_BYTE    1024


static void caphealth_picture_over(const uint8_t *from[4], uint8_t *to[4],
    const uint8_t background[4], uint32_t x);
static void caphealth_plane_layout(caphealth_plane_t *plane, uint32_t width,
    uint32_t height);
static int caphealth_plane_allocate(caphealth_plane_t *plane, uint32_t rows);
static int caphealth_plane_orient(caphealth_plane_t *plane, unsigned swap,
    unsigned mirror, unsigned flip);
static void caphealth_plane_mirror(caphealth_plane_t *plane);
static void caphealth_plane_flip(caphealth_plane_t *plane);
static int caphealth_plane_transpose(caphealth_plane_t *plane);
static void caphealth_transpose_block(const caphealth_plane_t *from,
    caphealth_plane_t *to, uint32_t x0, uint32_t y0);


int
caphealth_picture_create(caphealth_picture_t *p,
    caphealth_picture_kind_e kind, unsigned alpha, unsigned sub_w,
    unsigned sub_h, uint32_t width, uint32_t height)
{
    caphealth_picture_layout(p, kind, alpha, sub_w, sub_h, width, height);

    return caphealth_picture_allocate(p, p->planes[0].height);
}


void
caphealth_picture_layout(caphealth_picture_t *p,
    caphealth_picture_kind_e kind, unsigned alpha, unsigned sub_w,
    unsigned sub_h, uint32_t width, uint32_t height)
{
    unsigned  i, n;
    uint32_t  w, h;

    memset(p, 0, sizeof(caphealth_picture_t));

    p->kind = kind;
    p->alpha = alpha ? 1 : 0;
    p->sub_w = sub_w;
    p->sub_h = sub_h;
    p->width = width;
    p->height = height;
    p->image_width = width;
    p->image_height = height;

    w = (width + (1u << sub_w) - 1) >> sub_w;
    h = (height + (1u << sub_h) - 1) >> sub_h;
    n = (kind == CAPHEALTH_PICTURE_GREY) ? 1 : 3;

    for (i = 0; i < 4; i++) {
        if (i >= n && !(i == 3 && alpha)) {
            continue;
        }

        caphealth_plane_layout(&p->planes[i], i % 3 ? w : w << sub_w,
                               i % 3 ? h : h << sub_h);
    }
}


int
caphealth_picture_allocate(caphealth_picture_t *p, uint32_t rows)
{
    unsigned  i;

    for (i = 0; i < 4; i++) {
        if (p->planes[i].stride
            && caphealth_plane_allocate(&p->planes[i],
                                        i % 3 ? rows >> p->sub_h : rows)
               == -1)
        {
            return -1;
        }
    }

    return 0;
}


static void
caphealth_plane_layout(caphealth_plane_t *plane, uint32_t width,
    uint32_t height)
{
    plane->data = NULL;
    plane->width = width;
    plane->height = height;
    plane->stride = ((size_t) width + CAPHEALTH_ALIGN - 1)
                    & ~(size_t) (CAPHEALTH_ALIGN - 1);
}


static int
caphealth_plane_allocate(caphealth_plane_t *plane, uint32_t rows)
{
    plane->data = aligned_alloc(CAPHEALTH_ALIGN, plane->stride * rows);

    return plane->data ? 0 : -1;
}


uint8_t *
caphealth_picture_line(const caphealth_picture_t *p, unsigned plane,
    uint32_t y)
{
    y -= plane % 3 ? p->first >> p->sub_h : p->first;

    return p->planes[plane].data + y * p->planes[plane].stride;
}


void
caphealth_picture_free(caphealth_picture_t *p)
{
    unsigned  i;

    for (i = 0; i < 4; i++) {
        free(p->planes[i].data);
        p->planes[i].data = NULL;
    }
}


void
caphealth_picture_row(caphealth_picture_t *p, uint32_t y, const uint8_t *row,
    unsigned channels)
{
    uint8_t   *r, *g, *b, *a;
    uint32_t   x;

    r = caphealth_picture_line(p, 0, y);
    g = caphealth_picture_line(p, 1, y);
    b = caphealth_picture_line(p, 2, y);

    if (channels == 3) {
        for (x = 0; x < p->width; x++, row += 3) {
            r[x] = row[0];
            g[x] = row[1];
            b[x] = row[2];
        }

        return;
    }

    a = caphealth_picture_line(p, 3, y);

    for (x = 0; x < p->width; x++, row += 4) {
        r[x] = row[0];
        g[x] = row[1];
        b[x] = row[2];
        a[x] = row[3];
    }
}


void
caphealth_picture_pad(caphealth_picture_t *p)
{
    unsigned            i;
    uint32_t            y;
    caphealth_plane_t  *plane;

    for (i = 0; i < 4; i += 3) {
        plane = &p->planes[i];

        if (plane->data == NULL) {
            continue;
        }

        for (y = 0; y < p->height && plane->width > p->width; y++) {
            memset(plane->data + y * plane->stride + p->width,
                   plane->data[y * plane->stride + p->width - 1],
                   plane->width - p->width);
        }

        for (y = p->height; y < plane->height; y++) {
            memcpy(plane->data + y * plane->stride,
                   plane->data + (y - 1) * plane->stride, plane->width);
        }
    }
}


void
caphealth_picture_opaque(caphealth_picture_t *p)
{
    uint32_t        x, y;
    const uint8_t  *row;

    if (!p->alpha) {
        return;
    }

    for (y = 0; y < p->height; y++) {
        row = p->planes[3].data + y * p->planes[3].stride;

        for (x = 0; x < p->width; x++) {
            if (row[x] != 255) {
                return;
            }
        }
    }

    free(p->planes[3].data);
    p->planes[3].data = NULL;
    p->alpha = 0;
}


int
caphealth_picture_lay(const caphealth_picture_t *from, uint32_t left,
    uint32_t top, const uint8_t background[4], caphealth_picture_t *to,
    uint32_t width, uint32_t height)
{
    unsigned        i;
    uint8_t        *rows[4];
    uint32_t        x, y;
    const uint8_t  *lines[4];

    if (caphealth_picture_create(to, CAPHEALTH_PICTURE_RGB,
                                 background[3] < 255, 0, 0, width, height)
        == -1)
    {
        return -1;
    }

    for (i = 0; i < 4; i++) {
        if (to->planes[i].data) {
            memset(to->planes[i].data, background[i],
                   to->planes[i].stride * height);
        }
    }

    for (y = 0; y < from->height; y++) {
        for (i = 0; i < 4; i++) {
            rows[i] = to->planes[i].data;
            lines[i] = from->planes[i].data;

            if (rows[i]) {
                rows[i] += (top + y) * to->planes[i].stride + left;
            }

            if (lines[i]) {
                lines[i] += (from->top + y) * from->planes[i].stride
                            + from->left;
            }
        }

        if (from->alpha) {
            for (x = 0; x < from->width; x++) {
                caphealth_picture_over(lines, rows, background, x);
            }

            continue;
        }

        for (i = 0; i < 3; i++) {
            memcpy(rows[i], lines[i], from->width);
        }

        if (to->alpha) {
            memset(rows[3], 255, from->width);
        }
    }

    return 0;
}


/* "source over" of Porter and Duff, of straight alpha */

static void
caphealth_picture_over(const uint8_t *from[4], uint8_t *to[4],
    const uint8_t background[4], uint32_t x)
{
    unsigned  i, front, back, sum;

    front = from[3][x] * 255u;
    back = (255u - from[3][x]) * background[3];
    sum = front + back;

    if (sum == 0) {
        return;
    }

    for (i = 0; i < 3; i++) {
        to[i][x] = (uint8_t) ((from[i][x] * front + background[i] * back
                               + sum / 2) / sum);
    }

    if (to[3]) {
        to[3][x] = (uint8_t) ((sum + 127) / 255);
    }
}


/*
 * EXIF 2.32, 4.6.4: rows and columns are swapped in 5 to 8; then 2, 3, 6 and
 * 7 begin at the right, 3, 4, 7 and 8 at the bottom.
 */

int
caphealth_picture_orient(caphealth_picture_t *p, unsigned orientation)
{
    unsigned  i, swap, mirror, flip;
    uint32_t  n;

    if (orientation < 2 || orientation > 8) {
        return 0;
    }

    swap = orientation >= 5;
    mirror = orientation == 2 || orientation == 3 || orientation == 6
             || orientation == 7;
    flip = orientation == 3 || orientation == 4 || orientation == 7
           || orientation == 8;

    for (i = 0; i < 4; i++) {
        if (p->planes[i].data
            && caphealth_plane_orient(&p->planes[i], swap, mirror, flip)
               == -1)
        {
            return -1;
        }
    }

    if (swap) {
        n = p->width;
        p->width = p->height;
        p->height = n;

        n = p->image_width;
        p->image_width = p->image_height;
        p->image_height = n;

        n = p->left;
        p->left = p->top;
        p->top = n;

        n = p->sub_w;
        p->sub_w = p->sub_h;
        p->sub_h = n;
    }

    if (mirror) {
        p->left = p->planes[0].width - p->left - p->width;
    }

    if (flip) {
        p->top = p->planes[0].height - p->top - p->height;
    }

    return 0;
}


static int
caphealth_plane_orient(caphealth_plane_t *plane, unsigned swap,
    unsigned mirror, unsigned flip)
{
    if (swap && caphealth_plane_transpose(plane) == -1) {
        return -1;
    }

    if (mirror) {
        caphealth_plane_mirror(plane);
    }

    if (flip) {
        caphealth_plane_flip(plane);
    }

    return 0;
}


static void
caphealth_plane_mirror(caphealth_plane_t *plane)
{
    uint8_t    c, *row;
    uint32_t   y, x;

    for (y = 0; y < plane->height; y++) {
        row = plane->data + y * plane->stride;

        for (x = 0; x < plane->width / 2; x++) {
            c = row[x];
            row[x] = row[plane->width - 1 - x];
            row[plane->width - 1 - x] = c;
        }
    }
}


static void
caphealth_plane_flip(caphealth_plane_t *plane)
{
    uint8_t    c, *a, *b;
    uint32_t   y, x;

    for (y = 0; y < plane->height / 2; y++) {
        a = plane->data + y * plane->stride;
        b = plane->data + (plane->height - 1 - y) * plane->stride;

        for (x = 0; x < plane->width; x++) {
            c = a[x];
            a[x] = b[x];
            b[x] = c;
        }
    }
}


static int
caphealth_plane_transpose(caphealth_plane_t *plane)
{
    uint32_t           x, y;
    caphealth_plane_t  to;

    caphealth_plane_layout(&to, plane->height, plane->width);

    if (caphealth_plane_allocate(&to, to.height) == -1) {
        return -1;
    }

    /* in blocks, so that both sides stay in the cache */

    for (y = 0; y < plane->height; y += CAPHEALTH_ALIGN) {
        for (x = 0; x < plane->width; x += CAPHEALTH_ALIGN) {
            caphealth_transpose_block(plane, &to, x, y);
        }
    }

    free(plane->data);
    *plane = to;

    return 0;
}


static void
caphealth_transpose_block(const caphealth_plane_t *from,
    caphealth_plane_t *to, uint32_t x0, uint32_t y0)
{
    uint8_t        *out;
    uint32_t        x, y, xn, yn;
    const uint8_t  *in;

    xn = x0 + CAPHEALTH_ALIGN < from->width ? x0 + CAPHEALTH_ALIGN
                                            : from->width;
    yn = y0 + CAPHEALTH_ALIGN < from->height ? y0 + CAPHEALTH_ALIGN
                                             : from->height;

    for (x = x0; x < xn; x++) {
        in = from->data + x;
        out = to->data + x * to->stride;

        for (y = y0; y < yn; y++) {
            out[y] = in[y * from->stride];
        }
    }
}


caphealth_job_status_e
caphealth_fail(caphealth_result_t *result, caphealth_job_status_e status,
    const char *format, ...)
{
    char     *p;
    va_list   args;

    va_start(args, format);
    (void) vsnprintf(result->detail, sizeof(result->detail), format, args);
    va_end(args);

    for (p = result->detail; *p; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }

    result->status = status;

    return status;
}


caphealth_job_status_e
caphealth_check_size(const caphealth_job_t *job, size_t size,
    caphealth_result_t *result, uint64_t width, uint64_t height)
{
    if (width == 0 || height == 0) {
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "it has no pixels");
    }

    if (width > UINT16_MAX * 4 || height > UINT16_MAX * 4
        || width * height > job->max_pixels)
    {
        return caphealth_fail(result, CAPHEALTH_JOB_TOO_LARGE,
                              "it has %llu x %llu pixels, the limit is %llu",
                              (unsigned long long) width,
                              (unsigned long long) height,
                              (unsigned long long) job->max_pixels);
    }

    if (width * height > CAPHEALTH_BOMB_PIXELS
        && width * height / CAPHEALTH_BOMB_BYTE > size)
    {
        return caphealth_fail(result, CAPHEALTH_JOB_INVALID,
                              "it has %llu x %llu pixels in %zu bytes, which "
                              "no photo has", (unsigned long long) width,
                              (unsigned long long) height, size);
    }

    return CAPHEALTH_JOB_OK;
}
