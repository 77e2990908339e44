
/*
 * Whether a picture was drawn or photographed.
 *
 * A photograph differs a little from each pixel to the next, by noise and
 * shades, even where a background of pure white has been laid under it.  What
 * was drawn does not differ, or does so at an edge, by much, or in a shade that
 * goes one way.
 */

#include <stdlib.h>

#include "caphealth_graphic.h"


#define CAPHEALTH_GRAPHIC_ROWS     128

/* with so few colours, dithered ones too, a palette is the smallest */
#define CAPHEALTH_GRAPHIC_COLOURS  16

/* a difference of a channel that is noise or shade, not an edge */
#define CAPHEALTH_GRAPHIC_SOFT     12

/* pixels of a picture that is small */
#define CAPHEALTH_GRAPHIC_SMALL    (512 * 512)

/*
 * percent: of the pairs, those without a difference, at least; of the pairs
 * with one, those with a soft one, at most; or of these, those that go back
 * what the one before went, at most, which noise does
 */
#define CAPHEALTH_GRAPHIC_PLAIN    50
#define CAPHEALTH_GRAPHIC_SHADED   70
#define CAPHEALTH_GRAPHIC_NOISY    8


typedef struct {
    uint64_t   pairs;          /* of neighbours in a row */
    uint64_t   plain;          /* without a difference */
    uint64_t   soft;
    uint64_t   noisy;          /* soft, and back from the one before */
    unsigned   ncolours;       /* CAPHEALTH_GRAPHIC_COLOURS + 1: more */
    uint32_t   colours[CAPHEALTH_GRAPHIC_COLOURS];
} caphealth_graphic_t;


static void caphealth_graphic_look(caphealth_graphic_t *g,
    const caphealth_picture_t *picture);
static void caphealth_graphic_row(caphealth_graphic_t *g,
    const caphealth_picture_t *picture, uint32_t y);
static uint32_t caphealth_graphic_pixel(const uint8_t *const rows[4],
    uint32_t x);
static unsigned caphealth_graphic_difference(uint32_t a, uint32_t b);
static void caphealth_graphic_colour(caphealth_graphic_t *g, uint32_t colour);


int
caphealth_graphic(const caphealth_picture_t *picture)
{
    caphealth_graphic_t  g;

    if (picture->kind != CAPHEALTH_PICTURE_RGB) {
        return 0;
    }

    caphealth_graphic_look(&g, picture);

    return g.ncolours <= CAPHEALTH_GRAPHIC_COLOURS
           || (g.plain * 100 >= g.pairs * CAPHEALTH_GRAPHIC_PLAIN
               && (g.soft * 100 <= (g.pairs - g.plain)
                                   * CAPHEALTH_GRAPHIC_SHADED
                   || g.noisy * 100 <= g.soft * CAPHEALTH_GRAPHIC_NOISY));
}


int
caphealth_graphic_plain(const caphealth_picture_t *picture)
{
    caphealth_graphic_t  g;

    if ((uint64_t) picture->width * picture->height
        <= CAPHEALTH_GRAPHIC_SMALL)
    {
        return 1;
    }

    caphealth_graphic_look(&g, picture);

    return g.ncolours <= CAPHEALTH_GRAPHIC_COLOURS
           || g.plain * 100 >= g.pairs * CAPHEALTH_GRAPHIC_PLAIN;
}


static void
caphealth_graphic_look(caphealth_graphic_t *g,
    const caphealth_picture_t *picture)
{
    uint32_t  i, rows;

    *g = (caphealth_graphic_t) { 0 };

    rows = picture->height < CAPHEALTH_GRAPHIC_ROWS ? picture->height
                                                    : CAPHEALTH_GRAPHIC_ROWS;

    for (i = 0; i < rows; i++) {
        caphealth_graphic_row(g, picture,
                              (uint32_t) ((uint64_t) i * picture->height
                                          / rows));
    }
}


static void
caphealth_graphic_row(caphealth_graphic_t *g,
    const caphealth_picture_t *picture, uint32_t y)
{
    int             step, before;
    unsigned        i, difference;
    uint32_t        x, pixel, last;
    const uint8_t  *rows[4];

    for (i = 0; i < 4; i++) {
        rows[i] = picture->planes[i].data
                  ? picture->planes[i].data
                    + (picture->top + y) * picture->planes[i].stride
                    + picture->left
                  : NULL;
    }

    before = 0;
    last = caphealth_graphic_pixel(rows, 0);
    caphealth_graphic_colour(g, last);

    for (x = 1; x < picture->width; x++, last = pixel) {
        pixel = caphealth_graphic_pixel(rows, x);
        g->pairs++;

        if (pixel == last) {
            g->plain++;
            continue;
        }

        difference = caphealth_graphic_difference(pixel, last);

        step = (int) (pixel >> 8 & 255) - (int) (last >> 8 & 255);

        if (difference <= CAPHEALTH_GRAPHIC_SOFT) {
            g->soft++;
            g->noisy += step * before < 0;
        }

        before = step;

        caphealth_graphic_colour(g, pixel);
    }
}


/* what is invisible has no colour */

static uint32_t
caphealth_graphic_pixel(const uint8_t *const rows[4], uint32_t x)
{
    uint32_t  alpha;

    alpha = rows[3] ? rows[3][x] : 255;

    return alpha == 0 ? 0
           : alpha << 24 | (uint32_t) rows[0][x] << 16
             | (uint32_t) rows[1][x] << 8 | rows[2][x];
}


/* the largest of the channels' */

static unsigned
caphealth_graphic_difference(uint32_t a, uint32_t b)
{
    int       d;
    unsigned  i, largest;

    largest = 0;

    for (i = 0; i < 32; i += 8) {
        d = abs((int) (a >> i & 255) - (int) (b >> i & 255));

        if ((unsigned) d > largest) {
            largest = (unsigned) d;
        }
    }

    return largest;
}


static void
caphealth_graphic_colour(caphealth_graphic_t *g, uint32_t colour)
{
    unsigned  i;

    if (g->ncolours > CAPHEALTH_GRAPHIC_COLOURS) {
        return;
    }

    for (i = 0; i < g->ncolours; i++) {
        if (g->colours[i] == colour) {
            return;
        }
    }

    if (g->ncolours < CAPHEALTH_GRAPHIC_COLOURS) {
        g->colours[g->ncolours] = colour;
    }

    g->ncolours++;
}
