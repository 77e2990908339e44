
/*
 * No memory: each allocation fails once, with an error; nothing is lost, and
 * nothing is made of a part.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lcms2.h>

#include "caphealth_vendor_products.h"
#include "caphealth_colour.h"
#include "caphealth_health_json.h"
#include "caphealth_metrics.h"
#include "caphealth_report.h"
#include "fleet.h"
#include "vendors.h"


void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
FILE *__real_open_memstream(char **text, size_t *len);
FILE *__wrap_open_memstream(char **text, size_t *len);


static const char  list[] = "{\"Zo\\u00eb\":3,\"b\":2,\"c\":1}";

static int  left = -1;                   /* allocations that succeed, or -1 */
static int  once;                        /* only the next one fails */


static int
granted(void)
{
    if (left > 0) {
        left--;
        return 1;
    }

    if (left == 0 && once) {
        left = -1;
        return 0;
    }

    return left == -1;
}


void *
__wrap_malloc(size_t size)
{
    return granted() ? __real_malloc(size) : NULL;
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return granted() ? __real_calloc(n, size) : NULL;
}


/* a stream that has room for so many bytes; -1: a real one */

static long  room = -1;


static ssize_t
write_some(void *cookie, const char *text, size_t len)
{
    long  *remaining = cookie;

    (void) text;

    if (*remaining < (long) len) {
        return 0;
    }

    *remaining -= (long) len;

    return (ssize_t) len;
}


FILE *
__wrap_open_memstream(char **text, size_t *len)
{
    static const cookie_io_functions_t  functions = { .write = write_some };

    if (room == -1) {
        return __real_open_memstream(text, len);
    }

    *text = NULL;
    *len = 0;

    return (room == 0) ? NULL : fopencookie(&room, "w", functions);
}


/* each document and each text of the metrics, with room for a part of it */

static void
test_documents(void **state)
{
    int                    i, n;
    char                  *text;
    size_t                 len;
    fleet_t                f;
    sample_t               s;
    caphealth_activity_t   activity;

    static const long               rooms[] = { -1, 0, 1, 300 };
    static const caphealth_build_t  build = { "0.0.0", "1.22.1" };

    (void) state;

    sample_init(&s);
    fleet_init(&f);
    memset(&activity, 0, sizeof(caphealth_activity_t));
    activity.uploads.configured = 1;

    for (i = 0; i < 4; i++) {
        for (n = 0; n < 8; n++) {
            room = rooms[i];

            text = n == 6 ? caphealth_report_nodes(&f.sample.facts, &s.policy,
                                                   SAMPLE_NOW, &len)
                 : n == 7 ? caphealth_metrics_nodes(&f.sample.facts,
                                                    SAMPLE_NOW,
                                                    CAPHEALTH_PROMETHEUS, &len)
                 : n == 0 ? caphealth_report_health(&s.facts, &s.policy,
                                                    SAMPLE_NOW, &len)
                 : n == 1 ? caphealth_report_capacity(&s.facts, &s.policy,
                                                      SAMPLE_NOW, &len)
                 : n == 2 ? caphealth_report_statistics(&s.facts, SAMPLE_NOW,
                                                        &len)
                 : n == 3 ? caphealth_health_json(&s.facts, &s.policy,
                                                  SAMPLE_NOW, &len)
                 : n == 4 ? caphealth_metrics_facts(&s.facts, &s.policy,
                                                    &build, SAMPLE_NOW,
                                                    CAPHEALTH_PROMETHEUS, &len)
                 : caphealth_metrics_live(&s.facts.images.value, &activity,
                                          CAPHEALTH_PROMETHEUS, &len);
            room = -1;

            assert_true((text == NULL) == (i > 0));
            free(text);
        }
    }
}


static void
test_rows(void **state)
{
    int                       i;
    char                     *text;
    caphealth_database_t      d;
    caphealth_vendor_row_t   *row;
    caphealth_vendor_rows_t   rows;

    static const struct {
        const char  *name;
        int64_t      products;
    } table[] = { { "c", 1 }, { "b", 1 }, { "Zoë", 3 }, { "b", 1 } };

    (void) state;

    memset(&rows, 0, sizeof(caphealth_vendor_rows_t));

    for (i = 0; i < 4; i++) {
        row = caphealth_vendor_rows_add(&rows);
        assert_non_null(row);

        row->name = strdup(table[i].name);
        row->products = table[i].products;
    }

    for (i = 0, text = NULL; text == NULL; i++) {
        left = i;
        text = caphealth_vendor_products(&rows, &d);
        left = -1;
    }

    assert_in_range(i, 3, 100);
    assert_string_equal(text, "{\"Zoë\":3,\"b\":2,\"c\":1}\n"
                        "[null,\"Zoë\",3]\n[null,\"b\",2]\n[null,\"c\",1]\n");
    assert_int_equal(d.list_vendors, 3);

    free(text);
    caphealth_vendor_rows_free(&rows);
}


static void
test_names(void **state)
{
    char                 *name;
    int64_t               products;
    const char           *p;
    caphealth_vendors_t   v;

    (void) state;

    assert_int_equal(vendors_take(&v, list, strlen(list)), 0);

    left = 0;
    p = caphealth_vendors_next(&v, NULL, &name, &products);
    left = -1;

    assert_non_null(p);
    assert_null(name);

    caphealth_vendors_free(&v);
}


/* a profile is broken or it is not: memory that is short makes none broken */

static void
test_colour(void **state)
{
    int                          i, kind, by, failed;
    uint8_t                      profile[4096];
    cmsHPROFILE                  wide;
    cmsToneCurve                *curves[3];
    cmsUInt32Number              size;
    caphealth_colour_t          *colour;
    caphealth_colour_status_e    rc;

    static const uint8_t         codes[] = { 12, 13, 0, 1 };
    static const cmsCIExyY       white = { 0.3127, 0.3290, 1 };
    static const cmsCIExyYTRIPLE primaries = {
        { 0.64, 0.33, 1 }, { 0.21, 0.71, 1 }, { 0.15, 0.06, 1 }
    };

    (void) state;

    curves[0] = cmsBuildGamma(NULL, 1.8);
    curves[1] = curves[0];
    curves[2] = curves[0];

    wide = cmsCreateRGBProfile(&white, &primaries, curves);
    size = sizeof(profile);

    assert_true(cmsSaveProfileToMem(wide, profile, &size));
    (void) cmsCloseProfile(wide);
    cmsFreeToneCurve(curves[0]);

    once = 1;

    for (kind = CAPHEALTH_COLOUR_GREY; kind < CAPHEALTH_COLOUR_CMYK; kind++) {
        for (by = 0; by < 3; by++) {
            for (i = 0, failed = 1; failed; i++) {
                left = i;
                rc = by == 0 ? caphealth_colour_icc(&colour, kind, profile,
                                                    size)
                   : by == 1 ? caphealth_colour_power(&colour, kind, NULL, 3)
                   : caphealth_colour_cicp(&colour, kind, codes);
                failed = left == -1;
                left = -1;

                assert_int_equal(rc, failed ? CAPHEALTH_COLOUR_NO_MEMORY
                                            : CAPHEALTH_COLOUR_OK);
                assert_true(colour == NULL || !failed);

                caphealth_colour_free(colour);
            }

            assert_in_range(i, 3, 10);
        }
    }

    once = 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_colour)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
