
/*
 * What is told of an image by its first bytes, of a variant by its words, of
 * a converter by its answer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_format.h"
#include "caphealth_job.h"
#include "caphealth_variants.h"


static void
formats(void **state)
{
    char    list[CAPHEALTH_FORMAT_LIST];
    size_t  i;

    static const struct {
        const char         *bytes;
        size_t              size;
        caphealth_format_e  format;
        const char         *guess;
    } table[] = {
        { "\377\330\377\340", 4, CAPHEALTH_FORMAT_JPEG, NULL },
        { "\377\330", 2, CAPHEALTH_FORMAT_UNKNOWN, NULL },
        { "\211PNG\r\n\032\n", 8, CAPHEALTH_FORMAT_PNG, NULL },
        { "\211PNG\n\032\n", 7, CAPHEALTH_FORMAT_UNKNOWN, NULL },
        { "RIFF\0\0\0\0WEBPVP8 ", 16, CAPHEALTH_FORMAT_WEBP, NULL },
        { "RIFF\0\0\0\0WAVEfmt ", 16, CAPHEALTH_FORMAT_UNKNOWN, NULL },
        { "GIF89a", 6, CAPHEALTH_FORMAT_GIF, NULL },
        { "GIF87a", 6, CAPHEALTH_FORMAT_GIF, NULL },
        { "GIF88a", 6, CAPHEALTH_FORMAT_UNKNOWN, "text" },
#if (CAPHEALTH_HEIF)
        { "\0\0\0\30ftypheic", 12, CAPHEALTH_FORMAT_HEIC, NULL },
        { "\0\0\0\30ftypavif", 12, CAPHEALTH_FORMAT_AVIF, NULL },
        { "\0\0\0\30ftypmif1\0\0\0\0mif1heic", 24, CAPHEALTH_FORMAT_HEIC,
          NULL },
        { "\0\0\0\34ftypmif1\0\0\0\0mif1miafavif", 28,
          CAPHEALTH_FORMAT_AVIF, NULL },
        { "\0\0\0\30ftypmif1\0\0\0\0mif1miafavif", 28,
          CAPHEALTH_FORMAT_HEIC, NULL },    /* it is behind the box */
        { "\0\0\0\34ftypmsf1\0\0\0\0avis", 20, CAPHEALTH_FORMAT_AVIF, NULL },
        { "\0\0\0\34ftypMiHB\0\0\0\0heix", 20, CAPHEALTH_FORMAT_HEIC, NULL },
        { "\0\0\0\34ftypMiHB\0\0\0\0hei", 19, CAPHEALTH_FORMAT_UNKNOWN,
          "a video" },
        { "\0\0\0\24ftypqt  \0\0\0\0qt  avif", 24, CAPHEALTH_FORMAT_UNKNOWN,
          "a video" },
#endif
        { "\0\0\0\30ftypisom", 12, CAPHEALTH_FORMAT_UNKNOWN, "a video" },
        { "<svg xmlns", 10, CAPHEALTH_FORMAT_UNKNOWN, "an SVG drawing" },
        { "\357\273\277 \n<SVG>", 10, CAPHEALTH_FORMAT_UNKNOWN,
          "an SVG drawing" },
        { "<?xml version", 13, CAPHEALTH_FORMAT_UNKNOWN,
          "an XML document, an SVG drawing perhaps" },
        { "<html>", 6, CAPHEALTH_FORMAT_UNKNOWN, "an HTML or XML document" },
        { "Hello", 5, CAPHEALTH_FORMAT_UNKNOWN, "text" },
        { "II*\0", 4, CAPHEALTH_FORMAT_UNKNOWN,
          "a TIFF image, or a camera's raw one" },
        { "\1\2\3", 3, CAPHEALTH_FORMAT_UNKNOWN, NULL },
        { "a\0b", 3, CAPHEALTH_FORMAT_UNKNOWN, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(caphealth_format((const uint8_t *) table[i].bytes,
                                          table[i].size), table[i].format);

        if (table[i].format == CAPHEALTH_FORMAT_UNKNOWN) {
            const char  *guess;

            guess = caphealth_format_guess((const uint8_t *) table[i].bytes,
                                           table[i].size);

            if (table[i].guess) {
                assert_string_equal(guess, table[i].guess);

            } else {
                assert_null(guess);
            }
        }
    }

    assert_string_equal(caphealth_format_name(CAPHEALTH_FORMAT_WEBP), "webp");
    assert_string_equal(caphealth_format_name((caphealth_format_e) 77),
                        "unknown");
    assert_string_equal(caphealth_format_label(CAPHEALTH_FORMAT_WEBP),
                        "WebP");
    assert_string_equal(caphealth_format_list(list, " or "),
                        "JPEG, PNG, WebP, GIF, AVIF or HEIC");
    assert_string_equal(caphealth_format_list(list, ", "),
                        "JPEG, PNG, WebP, GIF, AVIF, HEIC");
    assert_int_equal(caphealth_format_may(CAPHEALTH_FORMAT_JPEG),
                     CAPHEALTH_FORMAT_PROFILE);
    assert_int_equal(caphealth_format_may(CAPHEALTH_FORMAT_UNKNOWN), 0);
}


static void
variants(void **state)
{
    size_t                i;
    caphealth_variants_t  set;

    static const char  *bad[] = {
        "max=0", "max=16384", "max=", "max=-1", "max=8x", "max=99999999999",
        "quality=101", "quality=", "method=7", "method=a", "min=3", "max", "",
        "size=", "size=8", "size=8x", "size=x8", "size=0x8", "size=8x0",
        "size=16384x1", "size=1x16384", "size=8x8x8", "size=8,8", "size=+8x8",
        "size=00000001x1", "fit=", "fit=fill", "fit=Cover", "background=",
        "background=#fff", "background=ffffff", "background=#ffffff0",
        "background=#fffffg", "background=# fffff", "background=#+f+f+f",
        "background=#ffffff000", "animation=", "animation=all",
        "animation=Keep"
    };

    (void) state;

    caphealth_variants_default(&set);
    caphealth_variants_order(&set);
    assert_int_equal(set.n, 3);
    assert_string_equal(set.names[0], "original");
    assert_int_equal(set.variants[0].method, 2);
    assert_int_equal(set.variants[1].max, 800);
    assert_int_equal(set.variants[2].quality, 85);

    memset(&set, 0, sizeof(set));
    assert_null(caphealth_variants_add(&set, "thumb"));
    assert_null(caphealth_variants_option(&set, "max=16383"));
    assert_null(caphealth_variants_option(&set, "quality=0"));
    assert_null(caphealth_variants_option(&set, "method=6"));
    assert_null(caphealth_variants_agree(&set));

    assert_null(caphealth_variants_add(&set, "full"));
    assert_null(caphealth_variants_agree(&set));
    caphealth_variants_order(&set);
    assert_string_equal(set.names[0], "full");
    assert_string_equal(set.names[1], "thumb");
    assert_int_equal(set.variants[1].max, 16383);
    assert_int_equal(set.variants[1].quality, 0);
    assert_int_equal(set.variants[1].method, 6);
    assert_int_equal(set.variants[0].method, 4);
    caphealth_variants_order(&set);
    assert_string_equal(set.names[0], "full");

    assert_non_null(caphealth_variants_add(&set, "full"));
    assert_non_null(caphealth_variants_add(&set, ""));
    assert_non_null(caphealth_variants_add(&set, "a/b"));
    assert_non_null(caphealth_variants_add(&set, "A"));
    assert_non_null(caphealth_variants_add(&set,
                                    "a23456789012345678901234567890123"));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_non_null(caphealth_variants_option(&set, bad[i]));
    }
}


/* sizes, fits and backgrounds; the largest area marks an image as complete */

static void
variants_fit(void **state)
{
    caphealth_variants_t        set;
    const caphealth_variant_t  *v;

    (void) state;

    memset(&set, 0, sizeof(set));

    assert_null(caphealth_variants_add(&set, "wide"));
    assert_null(caphealth_variants_option(&set, "size=400x100"));
    assert_null(caphealth_variants_agree(&set));

    assert_null(caphealth_variants_add(&set, "square"));
    assert_null(caphealth_variants_option(&set, "fit=cover"));
    assert_non_null(caphealth_variants_agree(&set));
    assert_null(caphealth_variants_option(&set, "size=200x200"));
    assert_null(caphealth_variants_agree(&set));
    assert_null(caphealth_variants_option(&set, "max=200"));
    assert_non_null(caphealth_variants_agree(&set));
    set.variants[1].max = 0;

    assert_null(caphealth_variants_add(&set, "canvas"));
    assert_null(caphealth_variants_option(&set, "size=16383x1"));
    assert_null(caphealth_variants_option(&set, "fit=contain"));
    assert_null(caphealth_variants_option(&set, "background=#01fFa080"));
    assert_null(caphealth_variants_option(&set, "animation=keep"));
    assert_null(caphealth_variants_agree(&set));
    assert_int_equal(set.variants[2].animated, 1);

    set.variants[2].format = CAPHEALTH_OUTPUT_AVIF;
    assert_string_equal(caphealth_variants_agree(&set),
                        "animation=keep is for WebP");
    set.variants[2].format = CAPHEALTH_OUTPUT_WEBP;

    assert_null(caphealth_variants_option(&set, "animation=first"));
    assert_int_equal(set.variants[2].animated, 0);

    v = &set.variants[2];
    assert_int_equal(v->width, 16383);
    assert_int_equal(v->height, 1);
    assert_int_equal(v->fit, CAPHEALTH_FIT_CONTAIN);
    assert_int_equal(v->filled, 1);
    assert_int_equal(v->background[0], 0x01);
    assert_int_equal(v->background[1], 0xff);
    assert_int_equal(v->background[2], 0xa0);
    assert_int_equal(v->opacity, 0x80);

    /* of 400 x 100 and 200 x 200 the first */

    caphealth_variants_order(&set);
    assert_string_equal(set.names[0], "wide");

    assert_null(caphealth_variants_add(&set, "max"));
    assert_null(caphealth_variants_option(&set, "max=201"));
    assert_null(caphealth_variants_option(&set, "background=#010203"));
    assert_int_equal(set.variants[3].opacity, 255);

    caphealth_variants_order(&set);
    assert_string_equal(set.names[0], "max");
    assert_string_equal(set.names[1], "wide");
    assert_string_equal(set.names[3], "canvas");

    assert_null(caphealth_variants_add(&set, "all"));
    assert_null(caphealth_variants_add(&set, "too"));
    caphealth_variants_order(&set);
    assert_string_equal(set.names[0], "all");
}


/* one number after another that a worker must not say */

static void
jobs(void **state)
{
    size_t           i;
    caphealth_job_t  good, job;

    static const struct {
        size_t    offset;
        size_t    size;
        uint64_t  value;
    } bad[] = {
        { offsetof(caphealth_job_t, offset), 8, UINT64_MAX - 65535 },
        { offsetof(caphealth_job_t, length), 8, UINT64_MAX - 65535 },
        { offsetof(caphealth_job_t, nvariants), 4, 0 },
        { offsetof(caphealth_job_t, nvariants), 4, 9 },
        { offsetof(caphealth_job_t, variants[0].max), 4, 16384 },
        { offsetof(caphealth_job_t, variants[1].quality), 1, 101 },
        { offsetof(caphealth_job_t, variants[1].method), 1, 7 },
        { offsetof(caphealth_job_t, variants[1].width), 4, 100 },
        { offsetof(caphealth_job_t, variants[1].height), 4, 100 },
        { offsetof(caphealth_job_t, variants[2].max), 4, 100 },
        { offsetof(caphealth_job_t, variants[2].width), 4, 16384 },
        { offsetof(caphealth_job_t, variants[2].height), 4, 16384 },
        { offsetof(caphealth_job_t, variants[0].fit), 1, 1 },
        { offsetof(caphealth_job_t, variants[1].format), 1, CAPHEALTH_OUTPUTS },
        { offsetof(caphealth_job_t, variants[1].fit), 1, CAPHEALTH_FITS },
        { offsetof(caphealth_job_t, variants[1].filled), 1, 2 },
        { offsetof(caphealth_job_t, variants[1].animated), 1, 2 },
        { offsetof(caphealth_job_t, focus_x), 4, 32769 },
        { offsetof(caphealth_job_t, focus_x), 4, (uint32_t) -32769 },
        { offsetof(caphealth_job_t, focus_y), 4, 32769 },
        { offsetof(caphealth_job_t, focus_y), 4, (uint32_t) -32769 }
    };

    (void) state;

    memset(&good, 0, sizeof(good));
    good.offset = 70000;
    good.length = 1000;
    good.max_pixels = 1000000;
    good.nvariants = 3;
    good.variants[0] = (caphealth_variant_t) { .quality = 100, .method = 6 };
    good.variants[1] = (caphealth_variant_t) { .max = 16383 };
    good.variants[2] = (caphealth_variant_t) { .width = 9, .height = 16383,
                                             .fit = CAPHEALTH_FIT_COVER };

    assert_true(caphealth_job_valid(&good));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        job = good;
        memcpy((char *) &job + bad[i].offset, &bad[i].value, bad[i].size);
        assert_false(caphealth_job_valid(&job));
    }

    /* what is beyond the last is nobody's */

    job = good;
    job.variants[3].quality = 255;
    assert_true(caphealth_job_valid(&job));
}


static void
focus(void **state)
{
    char             text[CAPHEALTH_FOCUS_TEXT];
    size_t           i;
    caphealth_job_t  job;

    static const struct {
        const char  *text;
        int32_t      x;
        int32_t      y;
    } good[] = {
        { "0.5,0.5", 0, 0 },
        { "0,1", -32768, 32768 },
        { "1,0", 32768, -32768 },
        { "1.,0.", 32768, -32768 },
        { ".25,.75", -16384, 16384 },
        { "1.0000000000000000,000.0000", 32768, -32768 },
        { "0.333333333333333333333333,0.1", -10923, -26214 },
        { "0.0000000001,0.9999999999999", -32768, 32768 }
    };

    static const char  *bad[] = {
        "", ",", "0.5", "0.5,", ",0.5", "0.5,0.5,0.5", "1.1,0", "0,2",
        "-0.1,0", "0,+1", "1e-1,0", "nan,0", "0.5;0.5", " 0.5,0.5",
        "0.5, 0.5", "0x1,0", ".,.", "1.000000001,0", "99999999999999999999,0",
        "0,5,0,5", "50%,50%"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        memset(&job, 0, sizeof(job));
        assert_int_equal(caphealth_job_focus(&job, good[i].text,
                                             strlen(good[i].text)), 0);
        assert_int_equal(job.focus_x, good[i].x);
        assert_int_equal(job.focus_y, good[i].y);

        caphealth_job_focus_text(&job, text);
        job.focus_x = job.focus_y = 1;
        assert_int_equal(caphealth_job_focus(&job, text, strlen(text)), 0);
        assert_int_equal(job.focus_x, good[i].x);
        assert_int_equal(job.focus_y, good[i].y);
    }

    job.focus_x = 7;
    job.focus_y = 8;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(caphealth_job_focus(&job, bad[i], strlen(bad[i])),
                         -1);
    }

    assert_int_equal(caphealth_job_focus(&job, "0.5,0.5\0", 8), -1);
    assert_int_equal(job.focus_x, 7);
    assert_int_equal(job.focus_y, 8);
}


/* an output is bounded by its variant, and by the image where that is less */

static void
sizes(void **state)
{
    caphealth_variant_t  v;

    const uint64_t  side = CAPHEALTH_SIDE_MAX, most = UINT64_C(1) << 62;

    (void) state;

    memset(&v, 0, sizeof(v));

    assert_int_equal(caphealth_job_variant_size(&v, 1000),
                     caphealth_job_file_size(1000));
    assert_int_equal(caphealth_job_variant_size(&v, most),
                     caphealth_job_file_size(side * side));

    v.max = 800;
    assert_int_equal(caphealth_job_variant_size(&v, most),
                     caphealth_job_file_size(800 * 800));

    v.max = 0;
    v.width = 300;
    v.height = 200;
    v.fit = CAPHEALTH_FIT_COVER;
    assert_int_equal(caphealth_job_variant_size(&v, 1000),
                     caphealth_job_file_size(1000));
    assert_int_equal(caphealth_job_variant_size(&v, 1000000),
                     caphealth_job_file_size(60000));

    v.animated = 1;
    assert_int_equal(caphealth_job_variant_size(&v, 1000000),
                     caphealth_job_file_size(1000000));

    /* a background is as large as the variant, whatever the image is */

    v.fit = CAPHEALTH_FIT_CONTAIN;
    assert_int_equal(caphealth_job_variant_size(&v, 1000),
                     caphealth_job_file_size(60000000));
    assert_int_equal(caphealth_job_variant_size(&v, most), most);

    v.animated = 0;
    assert_int_equal(caphealth_job_variant_size(&v, 1000),
                     caphealth_job_file_size(60000));
    assert_int_equal(caphealth_job_file_size(most), most);
}


/* one number after another that a converter must not say */

static void
answers(void **state)
{
    size_t              i;
    unsigned            n;
    caphealth_job_t     job;
    caphealth_result_t  good, r;

    static const struct {
        size_t    offset;
        uint32_t  value;
    } bad[] = {
        { offsetof(caphealth_result_t, status), CAPHEALTH_JOB_STATUSES },
        { offsetof(caphealth_result_t, nvariants), 2 },
        { offsetof(caphealth_result_t, nvariants), 9 },
        { offsetof(caphealth_result_t, width), 0 },
        { offsetof(caphealth_result_t, height), 0 },
        { offsetof(caphealth_result_t, width), 1000000 },
        { offsetof(caphealth_result_t, height), UINT32_MAX },
        { offsetof(caphealth_result_t, outputs[0].width), 0 },
        { offsetof(caphealth_result_t, outputs[0].height), 16384 },
        { offsetof(caphealth_result_t, outputs[0].width), 1001 },
        { offsetof(caphealth_result_t, outputs[0].height), 1001 },
        { offsetof(caphealth_result_t, outputs[1].width), 801 },
        { offsetof(caphealth_result_t, outputs[1].height), 0 },
        { offsetof(caphealth_result_t, outputs[1].bytes), 0 },
        { offsetof(caphealth_result_t, outputs[1].bytes), UINT32_MAX },
        { offsetof(caphealth_result_t, outputs[1].format), CAPHEALTH_OUTPUTS },
        { offsetof(caphealth_result_t, outputs[1].frames), 0 },
        { offsetof(caphealth_result_t, outputs[2].width), 101 },
        { offsetof(caphealth_result_t, outputs[2].height), 51 },
        { offsetof(caphealth_result_t, outputs[3].width), 29 },
        { offsetof(caphealth_result_t, outputs[3].height), 41 },
        { offsetof(caphealth_result_t, outputs[3].bytes), 2 * 1024 * 1024 }
    };

    /* those of npm's thumbhash 0.1.1, and two of no shape */

    static const struct {
        uint8_t   head[5];
        unsigned  size;
    } hashes[] = {
        { { 0x21, 0x07, 0x06, 0x5f, 0x02 }, 24 },
        { { 0x21, 0x07, 0x06, 0x55, 0x82 }, 21 },
        { { 0x5e, 0x36, 0x06, 0x69, 0x8a }, 17 },
        { { 0xa5, 0x33, 0x0a, 0x31, 0x0e }, 17 },
        { { 0x21, 0x17, 0x86, 0x2b, 0x82 }, 23 },
        { { 0xe4, 0x15, 0x82, 0x1d, 0x02 }, 25 },
        { { 0x1f, 0xf2, 0xbe, 0x81, 0x3d }, 23 },
        { { 0x21, 0x07, 0x06, 0x58, 0x02 }, 0 },
        { { 0x21, 0x17, 0x86, 0x2e, 0x82 }, 0 }
    };

    (void) state;

    memset(&job, 0, sizeof(job));
    job.max_pixels = 1000000;
    job.nvariants = 4;
    job.variants[1].max = 800;
    job.variants[2].width = 100;
    job.variants[2].height = 50;
    job.variants[3].width = 30;
    job.variants[3].height = 40;
    job.variants[3].fit = CAPHEALTH_FIT_CONTAIN;

    memset(&good, 0, sizeof(good));
    good.width = 1000;
    good.height = 1000;
    good.nvariants = 4;
    good.outputs[0] = (caphealth_output_t) {
        .width = 1000, .height = 1000, .bytes = 5000, .frames = 1
    };
    good.outputs[1] = (caphealth_output_t) {
        .width = 800, .height = 800, .bytes = 100, .frames = 1
    };
    good.outputs[2] = (caphealth_output_t) {
        .width = 50, .height = 50, .bytes = 100, .frames = 1
    };
    good.outputs[3] = (caphealth_output_t) {
        .width = 30, .height = 40, .bytes = 1024 * 1024, .frames = 1
    };

    assert_true(caphealth_job_answered(&job, &good));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        r = good;
        memcpy((char *) &r + bad[i].offset, &bad[i].value, sizeof(uint32_t));
        assert_false(caphealth_job_answered(&job, &r));
    }

    /* a ThumbHash is as long as it says, of each shape, with alpha or not */

    for (i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        for (n = 0; n <= UINT8_MAX; n++) {
            r = good;
            memcpy(r.thumbhash, hashes[i].head, 5);
            r.thumbhash_size = (uint8_t) n;

            assert_int_equal(caphealth_job_answered(&job, &r),
                             n == 0 || n == hashes[i].size);
        }
    }

    r = good;
    r.coloured = 1;
    assert_true(caphealth_job_answered(&job, &r));

    r.coloured = 2;
    assert_false(caphealth_job_answered(&job, &r));

    /* each frame of an animation has its bytes */

    r = good;
    job.max_pixels = 2000000;
    r.outputs[1].bytes = 2 * caphealth_job_file_size(800 * 800);
    assert_false(caphealth_job_answered(&job, &r));

    job.variants[1].animated = 1;
    r.outputs[1].frames = 2;
    r.outputs[1].bytes = caphealth_job_file_size(2 * 800 * 800);
    assert_true(caphealth_job_answered(&job, &r));

    r.outputs[1].bytes++;
    assert_false(caphealth_job_answered(&job, &r));

    /* and all of them are within the limit of pixels */

    r.outputs[1].bytes = 1;
    job.max_pixels--;
    assert_false(caphealth_job_answered(&job, &r));

    job.variants[1].animated = 0;

    r = good;
    r.status = CAPHEALTH_JOB_INVALID;
    r.width = 0;
    strcpy(r.detail, "it is what it is");
    assert_true(caphealth_job_answered(&job, &r));

    r.detail[3] = '\n';
    assert_false(caphealth_job_answered(&job, &r));

    r.detail[3] = '\200';
    assert_false(caphealth_job_answered(&job, &r));

    memset(r.detail, 'x', sizeof(r.detail));
    assert_false(caphealth_job_answered(&job, &r));

    for (i = 0; i <= CAPHEALTH_JOB_STATUSES; i++) {
        assert_non_null(caphealth_job_reason((uint32_t) i));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(variants),
        cmocka_unit_test(variants_fit),
        cmocka_unit_test(jobs),
        cmocka_unit_test(focus),
        cmocka_unit_test(sizes),
        cmocka_unit_test(answers)
    };

    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
