
/*
 * ThumbHash.
 */

#include <math.h>
#include <string.h>

#include "caphealth_thumbhash.h"


/* terms a side, of the longer one for brightness */
#define CAPHEALTH_THUMBHASH_L        7
#define CAPHEALTH_THUMBHASH_L_ALPHA  5
#define CAPHEALTH_THUMBHASH_PQ       3
#define CAPHEALTH_THUMBHASH_A        5

#define CAPHEALTH_THUMBHASH_TERMS    7

/* less is the noise of the arithmetic */
#define CAPHEALTH_THUMBHASH_FLAT     1e-9


typedef enum {
    CAPHEALTH_THUMBHASH_BRIGHTNESS = 0,
    CAPHEALTH_THUMBHASH_YELLOW_BLUE,
    CAPHEALTH_THUMBHASH_RED_GREEN,
    CAPHEALTH_THUMBHASH_ALPHA,
    CAPHEALTH_THUMBHASH_CHANNELS
} caphealth_thumbhash_channel_e;


typedef struct {
    unsigned   nx;             /* terms, columns and rows */
    unsigned   ny;
    double     terms[CAPHEALTH_THUMBHASH_TERMS][CAPHEALTH_THUMBHASH_TERMS];
    double     scale;          /* the largest but the first */
} caphealth_thumbhash_channel_t;


typedef struct {
    const caphealth_picture_t      *picture;
    unsigned                        alpha;     /* it is not opaque */
    double                          mean[3];
    caphealth_thumbhash_channel_t   channels[CAPHEALTH_THUMBHASH_CHANNELS];
    double   x[CAPHEALTH_THUMBHASH_TERMS][CAPHEALTH_THUMBHASH_SIDE];
    double   y[CAPHEALTH_THUMBHASH_TERMS][CAPHEALTH_THUMBHASH_SIDE];
} caphealth_thumbhash_t;


static void caphealth_thumbhash_mean(caphealth_thumbhash_t *t);
static void caphealth_thumbhash_pixel(const caphealth_picture_t *picture,
    uint32_t x, uint32_t y, double rgba[4]);
static unsigned caphealth_thumbhash_side(unsigned most, uint32_t side,
    uint32_t longer);
static void caphealth_thumbhash_waves(
    double waves[CAPHEALTH_THUMBHASH_TERMS][CAPHEALTH_THUMBHASH_SIDE],
    uint32_t side);
static void caphealth_thumbhash_size(caphealth_thumbhash_t *t, unsigned which,
    unsigned nx, unsigned ny);
static void caphealth_thumbhash_row(caphealth_thumbhash_t *t, uint32_t y);
static void caphealth_thumbhash_scale(caphealth_thumbhash_channel_t *c,
    double pixels);
static unsigned caphealth_thumbhash_write(
    const caphealth_thumbhash_channel_t *c, uint8_t *hash, unsigned n);
static uint32_t caphealth_thumbhash_bits(double value, unsigned bits);


unsigned
caphealth_thumbhash(const caphealth_picture_t *picture,
    uint8_t hash[CAPHEALTH_THUMBHASH_MAX])
{
    unsigned               i, n, lx, ly, most;
    uint32_t               y, longer, head, tail;
    caphealth_thumbhash_t  t;

    const caphealth_thumbhash_channel_t  *l, *p, *q, *a;

    memset(&t, 0, sizeof(caphealth_thumbhash_t));
    memset(hash, 0, CAPHEALTH_THUMBHASH_MAX);

    t.picture = picture;
    caphealth_thumbhash_mean(&t);

    most = t.alpha ? CAPHEALTH_THUMBHASH_L_ALPHA : CAPHEALTH_THUMBHASH_L;
    longer = picture->width > picture->height ? picture->width
                                              : picture->height;
    lx = caphealth_thumbhash_side(most, picture->width, longer);
    ly = caphealth_thumbhash_side(most, picture->height, longer);

    caphealth_thumbhash_size(&t, CAPHEALTH_THUMBHASH_BRIGHTNESS, lx, ly);
    caphealth_thumbhash_size(&t, CAPHEALTH_THUMBHASH_YELLOW_BLUE,
                             CAPHEALTH_THUMBHASH_PQ, CAPHEALTH_THUMBHASH_PQ);
    caphealth_thumbhash_size(&t, CAPHEALTH_THUMBHASH_RED_GREEN,
                             CAPHEALTH_THUMBHASH_PQ, CAPHEALTH_THUMBHASH_PQ);
    caphealth_thumbhash_size(&t, CAPHEALTH_THUMBHASH_ALPHA,
                             CAPHEALTH_THUMBHASH_A, CAPHEALTH_THUMBHASH_A);

    caphealth_thumbhash_waves(t.x, picture->width);
    caphealth_thumbhash_waves(t.y, picture->height);

    for (y = 0; y < picture->height; y++) {
        caphealth_thumbhash_row(&t, y);
    }

    for (i = 0; i < CAPHEALTH_THUMBHASH_CHANNELS; i++) {
        caphealth_thumbhash_scale(&t.channels[i], (double) picture->width
                                                  * picture->height);
    }

    l = &t.channels[CAPHEALTH_THUMBHASH_BRIGHTNESS];
    p = &t.channels[CAPHEALTH_THUMBHASH_YELLOW_BLUE];
    q = &t.channels[CAPHEALTH_THUMBHASH_RED_GREEN];
    a = &t.channels[CAPHEALTH_THUMBHASH_ALPHA];

    head = caphealth_thumbhash_bits(l->terms[0][0], 6)
           | caphealth_thumbhash_bits(0.5 + 0.5 * p->terms[0][0], 6) << 6
           | caphealth_thumbhash_bits(0.5 + 0.5 * q->terms[0][0], 6) << 12
           | caphealth_thumbhash_bits(l->scale, 5) << 18
           | t.alpha << 23;

    /* of the sides, the shorter one; of equal ones, either */

    tail = (picture->width > picture->height ? ly : lx)
           | caphealth_thumbhash_bits(p->scale, 6) << 3
           | caphealth_thumbhash_bits(q->scale, 6) << 9
           | (uint32_t) (picture->width > picture->height) << 15;

    hash[0] = (uint8_t) head;
    hash[1] = (uint8_t) (head >> 8);
    hash[2] = (uint8_t) (head >> 16);
    hash[3] = (uint8_t) tail;
    hash[4] = (uint8_t) (tail >> 8);

    n = 2 * 5;

    if (t.alpha) {
        hash[5] = (uint8_t) (caphealth_thumbhash_bits(a->terms[0][0], 4)
                             | caphealth_thumbhash_bits(a->scale, 4) << 4);
        n += 2;
    }

    n = caphealth_thumbhash_write(l, hash, n);
    n = caphealth_thumbhash_write(p, hash, n);
    n = caphealth_thumbhash_write(q, hash, n);

    if (t.alpha) {
        n = caphealth_thumbhash_write(a, hash, n);
    }

    return (n + 1) / 2;
}


/* of what is visible */

static void
caphealth_thumbhash_mean(caphealth_thumbhash_t *t)
{
    double    rgba[4], alpha;
    uint32_t  x, y, i;

    alpha = 0;

    for (y = 0; y < t->picture->height; y++) {
        for (x = 0; x < t->picture->width; x++) {
            caphealth_thumbhash_pixel(t->picture, x, y, rgba);

            for (i = 0; i < 3; i++) {
                t->mean[i] += rgba[3] * rgba[i];
            }

            alpha += rgba[3];
            t->alpha |= rgba[3] < 1;
        }
    }

    for (i = 0; i < 3 && alpha > 0; i++) {
        t->mean[i] /= alpha;
    }
}


/* 0 to 1 */

static void
caphealth_thumbhash_pixel(const caphealth_picture_t *picture, uint32_t x,
    uint32_t y, double rgba[4])
{
    unsigned                  i;
    const caphealth_plane_t  *plane;

    rgba[3] = 1;

    for (i = 0; i < (picture->alpha ? 4 : 3); i++) {
        plane = &picture->planes[i];
        rgba[i] = plane->data[(picture->top + y) * plane->stride
                              + picture->left + x] / 255.0;
    }
}


/* the terms of a side, as the sides are to each other, 1 at least */

static unsigned
caphealth_thumbhash_side(unsigned most, uint32_t side, uint32_t longer)
{
    unsigned  n;

    n = (unsigned) floor((double) most * side / longer + 0.5);

    return n ? n : 1;
}


static void
caphealth_thumbhash_waves(
    double waves[CAPHEALTH_THUMBHASH_TERMS][CAPHEALTH_THUMBHASH_SIDE],
    uint32_t side)
{
    uint32_t  i, k;

    for (k = 0; k < CAPHEALTH_THUMBHASH_TERMS; k++) {
        for (i = 0; i < side; i++) {
            waves[k][i] = cos(M_PI / side * k * (i + 0.5));
        }
    }
}


static void
caphealth_thumbhash_size(caphealth_thumbhash_t *t, unsigned which, unsigned nx,
    unsigned ny)
{
    t->channels[which].nx = nx > 3 ? nx : 3;
    t->channels[which].ny = ny > 3 ? ny : 3;
}


/* adds a row of pixels to the terms: first along it, then down */

static void
caphealth_thumbhash_row(caphealth_thumbhash_t *t, uint32_t y)
{
    double                          rgba[4], sum;
    double                          row[CAPHEALTH_THUMBHASH_CHANNELS]
                                       [CAPHEALTH_THUMBHASH_SIDE];
    uint32_t                        x, i, cx, cy;
    caphealth_thumbhash_channel_t  *c;

    for (x = 0; x < t->picture->width; x++) {
        caphealth_thumbhash_pixel(t->picture, x, y, rgba);

        for (i = 0; i < 3; i++) {
            rgba[i] = t->mean[i] * (1 - rgba[3]) + rgba[3] * rgba[i];
        }

        row[CAPHEALTH_THUMBHASH_BRIGHTNESS][x] = (rgba[0] + rgba[1]
                                                  + rgba[2]) / 3;
        row[CAPHEALTH_THUMBHASH_YELLOW_BLUE][x] = (rgba[0] + rgba[1]) / 2
                                                  - rgba[2];
        row[CAPHEALTH_THUMBHASH_RED_GREEN][x] = rgba[0] - rgba[1];
        row[CAPHEALTH_THUMBHASH_ALPHA][x] = rgba[3];
    }

    for (i = 0; i < CAPHEALTH_THUMBHASH_CHANNELS; i++) {
        c = &t->channels[i];

        for (cx = 0; cx < c->nx; cx++) {
            sum = 0;

            for (x = 0; x < t->picture->width; x++) {
                sum += row[i][x] * t->x[cx][x];
            }

            for (cy = 0; cy < c->ny; cy++) {
                c->terms[cy][cx] += sum * t->y[cy][y];
            }
        }
    }
}


/* those of the lower triangle are kept: cx / nx + cy / ny < 1 */

static void
caphealth_thumbhash_scale(caphealth_thumbhash_channel_t *c, double pixels)
{
    unsigned  cx, cy;

    for (cy = 0; cy < c->ny; cy++) {
        for (cx = 0; cx * c->ny < c->nx * (c->ny - cy); cx++) {
            c->terms[cy][cx] /= pixels;

            if (cx + cy) {
                c->scale = fmax(c->scale, fabs(c->terms[cy][cx]));
            }
        }
    }
}


/* from the nibble n; returns where the next one is */

static unsigned
caphealth_thumbhash_write(const caphealth_thumbhash_channel_t *c,
    uint8_t *hash, unsigned n)
{
    uint32_t  bits;
    unsigned  cx, cy;

    for (cy = 0; cy < c->ny; cy++) {
        for (cx = cy ? 0 : 1; cx * c->ny < c->nx * (c->ny - cy); cx++, n++) {

            if (c->scale > CAPHEALTH_THUMBHASH_FLAT) {
                bits = caphealth_thumbhash_bits(0.5 + 0.5 / c->scale
                                                      * c->terms[cy][cx], 4);
                hash[n / 2] |= (uint8_t) (bits << 4 * (n % 2));
            }
        }
    }

    return n;
}


/* 0 to 1 as an integer of so many bits */

static uint32_t
caphealth_thumbhash_bits(double value, unsigned bits)
{
    uint32_t  most;

    most = (1u << bits) - 1;
    value = fmin(fmax(value, 0), 1);

    return (uint32_t) floor(most * value + 0.5);
}
