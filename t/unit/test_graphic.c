
/*
 * Drawn images are distinguished from photographs.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "caphealth_graphic.h"


#define WIDTH   800
#define HEIGHT  600


typedef void (*paint_pt)(uint32_t x, uint32_t y, uint8_t pixel[4]);


static uint32_t  seed;


static unsigned
dice(unsigned sides)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 16) % sides;
}


static void
picture(caphealth_picture_t *p, paint_pt paint, unsigned alpha)
{
    uint8_t   pixel[4];
    unsigned  i;
    uint32_t  x, y;

    seed = 1;

    assert_int_equal(caphealth_picture_create(p, CAPHEALTH_PICTURE_RGB, alpha,
                                              0, 0, WIDTH, HEIGHT), 0);

    for (y = 0; y < HEIGHT; y++) {
        for (x = 0; x < WIDTH; x++) {
            pixel[3] = 255;
            paint(x, y, pixel);

            for (i = 0; i < (alpha ? 4u : 3u); i++) {
                p->planes[i].data[y * p->planes[i].stride + x] = pixel[i];
            }
        }
    }
}


/* --- drawn --- */

static void
plain(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    (void) x;
    (void) y;
    memset(pixel, 200, 3);
}


static void
dithered(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    (void) y;
    memset(pixel, dice(WIDTH) < x ? 255 : 0, 3);
}


/* many colours, each in a block, as of a screenshot or a chart */

static void
blocks(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    pixel[0] = (uint8_t) (x / 37 * 61);
    pixel[1] = (uint8_t) (y / 23 * 83);
    pixel[2] = (uint8_t) ((x / 37 + y / 23) * 29);
}


/* thin lines with soft edges, on white, in many reds */

static void
lines(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    unsigned  n;

    n = (x + y / 3) % 12;

    pixel[0] = (uint8_t) (255 - (n == 5 ? y % 32 : 0));
    pixel[1] = n == 5 ? 0 : n == 4 || n == 6 ? 128 : 255;
    pixel[2] = pixel[1];
}


/* --- photographed --- */

static void
photo(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    pixel[0] = (uint8_t) (x * 200 / WIDTH + dice(5));
    pixel[1] = (uint8_t) (y * 200 / HEIGHT + dice(5));
    pixel[2] = (uint8_t) ((x + y) % 500 / 3 + dice(5));
}


/* a product on pure white */

static void
product(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    if (x > 200 && x < 600 && y > 100 && y < 500) {
        photo(x, y, pixel);
        return;
    }

    memset(pixel, 255, 3);
}


/* the same, cut out: what is invisible is not seen */

static void
cut_out(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    photo(x, y, pixel);

    if (!(x > 200 && x < 600 && y > 100 && y < 500)) {
        pixel[3] = 0;
    }
}


static void
shade(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    memset(pixel, (int) ((x * 2 + y) / 9), 3);
}


/* a logo: an edge around a shade, on white */

static void
logo(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    if (x > 200 && x < 600 && y > 100 && y < 500) {
        pixel[0] = (uint8_t) (x / 4);
        pixel[1] = (uint8_t) (y / 3);
        pixel[2] = (uint8_t) (255 - x / 5);
        return;
    }

    memset(pixel, 255, 3);
}


static void
noise(uint32_t x, uint32_t y, uint8_t pixel[4])
{
    (void) x;
    (void) y;
    pixel[0] = (uint8_t) dice(256);
    pixel[1] = (uint8_t) dice(256);
    pixel[2] = (uint8_t) dice(256);
}


static void
told(void **state)
{
    size_t               i;
    caphealth_picture_t  p;

    static const struct {
        paint_pt  paint;
        unsigned  alpha;
        int       graphic;
        int       plain;
    } cases[] = {
        { plain, 0, 1, 1 }, { dithered, 0, 1, 1 }, { blocks, 0, 1, 1 },
        { lines, 0, 1, 1 }, { lines, 1, 1, 1 }, { logo, 0, 1, 1 },
        { photo, 0, 0, 0 },
        { product, 0, 0, 1 }, { cut_out, 1, 0, 1 }, { shade, 0, 1, 1 },
        { noise, 0, 0, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        picture(&p, cases[i].paint, cases[i].alpha);

        assert_int_equal(caphealth_graphic(&p), cases[i].graphic);
        assert_int_equal(caphealth_graphic_plain(&p), cases[i].plain);

        caphealth_picture_free(&p);
    }
}


/* where chroma is subsampled already, no edge is hard */

static void
other_kinds(void **state)
{
    caphealth_picture_t  p;

    (void) state;

    picture(&p, plain, 0);

    p.kind = CAPHEALTH_PICTURE_YCC;
    assert_false(caphealth_graphic(&p));
    p.kind = CAPHEALTH_PICTURE_YUV;
    assert_false(caphealth_graphic(&p));
    p.kind = CAPHEALTH_PICTURE_GREY;
    assert_false(caphealth_graphic(&p));

    caphealth_picture_free(&p);
}


/* 1 by 1, and only the window of the planes */

static void
window(void **state)
{
    caphealth_picture_t  p;

    (void) state;

    picture(&p, product, 0);

    p.width = 150;
    p.height = 90;
    assert_true(caphealth_graphic(&p));

    p.left = 250;
    p.top = 150;
    assert_false(caphealth_graphic(&p));

    p.width = 1;
    p.height = 1;
    assert_true(caphealth_graphic(&p));

    caphealth_picture_free(&p);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(told),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(window)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
