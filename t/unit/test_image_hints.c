
/*
 * What a page needs of an image to show it: srcset, colour, thumbhash.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_image_hints.h"


#define BASE  "/media/00/11/00112233445566778899aabbccddeeff_"


typedef struct {
    const char  *name;
    uint32_t     format;
    uint32_t     fit;
    uint32_t     width;
    uint32_t     frames;
} variant_t;


static caphealth_image_files_t  files;
static caphealth_result_t       result;
static caphealth_job_t          job;


static void
with(const variant_t *variants)
{
    unsigned  n;

    memset(&files, 0, sizeof(files));
    memset(&result, 0, sizeof(result));
    memset(&job, 0, sizeof(job));

    strcpy(files.id, "00112233445566778899aabbccddeeff");

    for (n = 0; variants[n].name; n++) {
        strcpy(files.variants[n].name, variants[n].name);
        job.variants[n].fit = (uint8_t) variants[n].fit;
        result.outputs[n].format = variants[n].format;
        result.outputs[n].width = variants[n].width;
        result.outputs[n].height = variants[n].width;
        result.outputs[n].frames = variants[n].frames ? variants[n].frames : 1;
    }

    files.nvariants = n;
    job.nvariants = n;
    result.nvariants = n;
}


static void
hints(const char *expected)
{
    char    *text;
    json_t  *image;

    image = json_object();

    /* what is after its length is not of the prefix */

    assert_int_equal(caphealth_image_hints(image, "/media/x", 7, &files, &job,
                                           &result), 0);

    text = json_dumps(image, JSON_COMPACT);
    assert_string_equal(text, expected);

    free(text);
    json_decref(image);
}


static void
formats(void **state)
{
    (void) state;

    with((variant_t[]) {
        { "original", CAPHEALTH_OUTPUT_WEBP, 0, 1200, 0 },
        { "200", CAPHEALTH_OUTPUT_WEBP, 0, 200, 0 },
        { "800", CAPHEALTH_OUTPUT_WEBP, 0, 800, 0 },
        { "mail", CAPHEALTH_OUTPUT_JPEG, 0, 600, 0 },
        { "next", CAPHEALTH_OUTPUT_AVIF, 0, 800, 0 },
        { 0 }
    });

    hints("{\"srcset\":{"
          "\"webp\":\"" BASE "original.webp 1200w, " BASE "800.webp 800w, "
          BASE "200.webp 200w\","
          "\"jpeg\":\"" BASE "mail.jpg 600w\","
          "\"avif\":\"" BASE "next.avif 800w\"}}");
}


static void
other_shapes(void **state)
{
    (void) state;

    with((variant_t[]) {
        { "a", CAPHEALTH_OUTPUT_WEBP, CAPHEALTH_FIT_COVER, 1200, 0 },
        { "b", CAPHEALTH_OUTPUT_WEBP, CAPHEALTH_FIT_CONTAIN, 800, 0 },
        { 0 }
    });

    hints("{\"srcset\":{}}");

    with((variant_t[]) {
        { "a", CAPHEALTH_OUTPUT_WEBP, CAPHEALTH_FIT_COVER, 1200, 0 },
        { "b", CAPHEALTH_OUTPUT_WEBP, CAPHEALTH_FIT_INSIDE, 80, 0 },
        { 0 }
    });

    hints("{\"srcset\":{\"webp\":\"" BASE "b.webp 80w\"}}");
}


static void
equal_widths(void **state)
{
    (void) state;

    with((variant_t[]) {
        { "a", CAPHEALTH_OUTPUT_WEBP, 0, 40, 0 },
        { "b", CAPHEALTH_OUTPUT_WEBP, 0, 40, 0 },
        { "c", CAPHEALTH_OUTPUT_JPEG, 0, 40, 0 },
        { "d", CAPHEALTH_OUTPUT_WEBP, 0, 20, 0 },
        { "e", CAPHEALTH_OUTPUT_WEBP, 0, 40, 0 },
        { "f", CAPHEALTH_OUTPUT_WEBP, 0, 20, 0 },
        { 0 }
    });

    hints("{\"srcset\":{\"webp\":\"" BASE "a.webp 40w, " BASE "d.webp 20w\","
          "\"jpeg\":\"" BASE "c.jpg 40w\"}}");
}


static void
animations(void **state)
{
    (void) state;

    with((variant_t[]) {
        { "a", CAPHEALTH_OUTPUT_WEBP, 0, 400, 3 },
        { "b", CAPHEALTH_OUTPUT_WEBP, 0, 300, 0 },
        { "c", CAPHEALTH_OUTPUT_WEBP, 0, 200, 2 },
        { "d", CAPHEALTH_OUTPUT_JPEG, 0, 200, 0 },
        { 0 }
    });

    hints("{\"srcset\":{\"webp\":\"" BASE "a.webp 400w, " BASE "c.webp 200w\","
          "\"jpeg\":\"" BASE "d.jpg 200w\"}}");

    with((variant_t[]) {
        { "a", CAPHEALTH_OUTPUT_WEBP, 0, 400, 0 },
        { "b", CAPHEALTH_OUTPUT_WEBP, 0, 300, 3 },
        { 0 }
    });

    hints("{\"srcset\":{\"webp\":\"" BASE "a.webp 400w\"}}");
}


static void
previews(void **state)
{
    (void) state;

    with((variant_t[]) { { 0 } });

    result.coloured = 1;
    memcpy(result.colour, "\x00\x0a\xff", 3);
    hints("{\"srcset\":{},\"colour\":\"#000aff\"}");

    result.coloured = 0;
    result.thumbhash_size = 17;
    memset(result.thumbhash, 0xff, CAPHEALTH_THUMBHASH_MAX);
    hints("{\"srcset\":{},\"thumbhash\":\"//////////////////////8=\"}");

    result.thumbhash_size = CAPHEALTH_THUMBHASH_MAX;
    hints("{\"srcset\":{},"
          "\"thumbhash\":\"/////////////////////////////////w==\"}");
}


/* as many as there may be, the narrowest first */

static void
most(void **state)
{
    char       names[CAPHEALTH_VARIANTS_MAX][2];
    char       expected[2048];
    size_t     n;
    unsigned   i;
    variant_t  v[CAPHEALTH_VARIANTS_MAX + 1];

    (void) state;

    memset(v, 0, sizeof(v));

    for (i = 0; i < CAPHEALTH_VARIANTS_MAX; i++) {
        names[i][0] = (char) ('a' + i);
        names[i][1] = '\0';
        v[i].name = names[i];
        v[i].width = 10 + i;
    }

    with(v);

    n = (size_t) sprintf(expected, "{\"srcset\":{\"webp\":\"");

    while (i--) {
        n += (size_t) sprintf(expected + n, "%s" BASE "%s.webp %uw",
                              i + 1 < CAPHEALTH_VARIANTS_MAX ? ", " : "",
                              names[i], 10 + i);
    }

    strcpy(expected + n, "\"}}");
    hints(expected);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(other_shapes),
        cmocka_unit_test(equal_widths),
        cmocka_unit_test(animations),
        cmocka_unit_test(previews),
        cmocka_unit_test(most)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
