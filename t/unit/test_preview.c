
/*
 * What stands for an image until it is there: its ThumbHash and its colour.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_preview.h"


static void
draw(caphealth_picture_t *p, uint32_t width, uint32_t height, unsigned alpha)
{
    size_t    at;
    uint32_t  x, y;

    assert_int_equal(caphealth_picture_create(p, CAPHEALTH_PICTURE_RGB, alpha,
                                              0, 0, width, height), 0);

    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            at = y * p->planes[0].stride + x;

            p->planes[0].data[at] = (uint8_t) (x * 7 + y * 3);
            p->planes[1].data[at] = (uint8_t) (x * y);
            p->planes[2].data[at] = (uint8_t) (255 - x * 2);

            if (alpha) {
                p->planes[3].data[at] = (uint8_t) (x * 5 + y * 11);
            }
        }
    }
}


static void
fill(caphealth_picture_t *p, uint32_t from, uint32_t to, uint32_t rgba)
{
    unsigned  i;
    uint32_t  x, y;

    for (y = from; y < to; y++) {
        for (x = 0; x < p->width; x++) {
            for (i = 0; i < (p->alpha ? 4 : 3); i++) {
                p->planes[i].data[y * p->planes[i].stride + x]
                    = (uint8_t) (rgba >> (24 - 8 * i));
            }
        }
    }
}


/* the npm package thumbhash 0.1.1, of the same pixels */

static void
vectors(void **state)
{
    char                 text[2 * CAPHEALTH_THUMBHASH_MAX + 1];
    size_t               i;
    uint8_t              hash[CAPHEALTH_THUMBHASH_MAX];
    unsigned             k, n;
    caphealth_picture_t  p;

    static const struct {
        uint32_t     width;
        uint32_t     height;
        unsigned     alpha;
        const char  *hash;
    } table[] = {
        { 100, 100, 0, "2107065f027f787677786877676777787777077777ab9f09" },
        { 100, 75, 0, "21070655827f786867674876777677777077e7ff96" },
        { 75, 100, 0, "23060645026f678687647574867677777087c7ddcf" },
        { 100, 8, 0, "5e3606698a3c35c0729848996076b6f9c8" },
        { 8, 100, 0, "a5330a310e546408989876965364e0ac06" },
        { 1, 1, 0, "15002aff0108f708888788708f7088f80888707ff8000000" },
        { 3, 2, 0, "56002e0d8277780887887887888887808086086777" },
        { 100, 50, 1, "2117862b82087f877667868077d7cfc484608898389889" },
        { 40, 100, 1, "2605821a02080c964190536087c7c98f70778973089788" },
        { 64, 64, 1, "e415821d02077e3657077586678077a6df756a717580b64566" },
        { 100, 3, 1, "5a76863188276c36b09777b095c7f67474707777878788" },
        { 1, 90, 1, "1ff2be813d770887788878f78787607808f78788877878" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        draw(&p, table[i].width, table[i].height, table[i].alpha);

        n = caphealth_thumbhash(&p, hash);

        for (k = 0; k < n; k++) {
            (void) sprintf(text + 2 * k, "%02x", hash[k]);
        }

        assert_string_equal(text, table[i].hash);
        caphealth_picture_free(&p);
    }
}


/* without the noise of the arithmetic */

static void
flat(void **state)
{
    unsigned             i, n;
    uint8_t              hash[CAPHEALTH_THUMBHASH_MAX];
    caphealth_picture_t  p;

    (void) state;

    draw(&p, 50, 40, 0);
    fill(&p, 0, 40, 0xc80a0aff);

    n = caphealth_thumbhash(&p, hash);

    assert_true(n > 5);

    for (i = 5; i < n; i++) {
        assert_int_equal(hash[i], 0);
    }

    caphealth_picture_free(&p);
}


static void
look(caphealth_picture_t *p, caphealth_result_t *result)
{
    memset(result, 0, sizeof(caphealth_result_t));

    result->width = p->width;
    result->height = p->height;

    assert_int_equal(caphealth_preview(p, result), 0);

    caphealth_picture_free(p);
}


static void
colours(void **state)
{
    caphealth_result_t   result;
    caphealth_picture_t  p;

    (void) state;

    /* the mean of the fullest cell, not of all */

    draw(&p, 40, 40, 0);
    fill(&p, 0, 10, 0xf0f0f0ff);
    fill(&p, 10, 25, 0x102030ff);
    fill(&p, 25, 30, 0x1c2c34ff);
    fill(&p, 30, 40, 0xff0000ff);
    look(&p, &result);

    assert_int_equal(result.coloured, 1);
    assert_memory_equal(result.colour, "\x13\x23\x31", 3);

    /* what is not seen is left out */

    draw(&p, 40, 40, 1);
    fill(&p, 0, 30, 0x00ff007f);
    fill(&p, 30, 40, 0x0000ff80);
    look(&p, &result);

    assert_int_equal(result.coloured, 1);
    assert_memory_equal(result.colour, "\0\0\xff", 3);

    draw(&p, 40, 40, 1);
    fill(&p, 0, 40, 0x00ff007f);
    look(&p, &result);

    assert_int_equal(result.coloured, 0);
    assert_memory_equal(result.colour, "\0\0\0", 3);
}


/* in at most 100 by 100 pixels, of the image's shape */

static void
shapes(void **state)
{
    size_t               i;
    uint8_t              shape;
    caphealth_result_t   result;
    caphealth_picture_t  p;

    static const struct {
        uint32_t  width, height, shape;
    } table[] = {
        { 3000, 3000, 7 }, { 3000, 1500, 0x80 | 4 }, { 700, 1400, 4 },
        { 2000, 1, 0x80 | 1 }, { 1, 2000, 1 }, { 101, 100, 0x80 | 7 },
        { 9, 9, 7 }, { 1, 1, 7 }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        draw(&p, table[i].width, table[i].height, 0);
        look(&p, &result);

        shape = (uint8_t) ((result.thumbhash[4] & 0x80)
                           | (result.thumbhash[3] & 7));
        assert_int_equal(shape, table[i].shape);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(flat),
        cmocka_unit_test(colours),
        cmocka_unit_test(shapes)
    };

    return cmocka_run_group_tests_name("preview", tests, NULL, NULL);
}
