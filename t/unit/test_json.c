
/*
 * JSON as the report writes it: rounding, numbers, times, text.
 */

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_json.h"
#include "caphealth_number.h"



/* what write(j, ...) writes into an array */

#define assert_json(write, ...)                                              \
    do {                                                                     \
        begin();                                                             \
        write;                                                               \
        end(__VA_ARGS__);                                                    \
    } while (0)


static caphealth_json_t   writer;
static caphealth_json_t  *j = &writer;


static void
begin(void)
{
    assert_int_equal(caphealth_json_begin(j), 0);
    caphealth_json_open_array(j, NULL);
}


static void
end(const char *expected)
{
    char    *text;
    size_t   len;

    caphealth_json_close_array(j);
    text = caphealth_json_end(j, &len);

    assert_non_null(text);
    assert_int_equal(strlen(text), len);
    assert_int_equal(text[0], '[');
    assert_string_equal(text + len - 2, "]\n");

    text[len - 2] = '\0';
    assert_string_equal(text + 1, expected);

    free(text);
}


/* the right column is what Python's round() says */

static void
test_round(void **state)
{
    size_t  i;

    static const struct {
        double  x;
        int     decimals;
        double  expected;
    } table[] = {
        { 0.5, 0, 0 },
        { 1.5, 0, 2 },
        { 2.5, 0, 2 },
        { 3.5, 0, 4 },
        { -0.5, 0, 0 },
        { -1.5, 0, -2 },
        { 0.25, 1, 0.2 },
        { 0.75, 1, 0.8 },
        { 0.35, 1, 0.3 },            /* 0.34999999999999997 */
        { 0.45, 1, 0.5 },            /* 0.45000000000000001 */
        { 69.95, 1, 70 },
        { 69.85, 1, 69.8 },          /* 69.849999999999994 */
        { 0.125, 2, 0.12 },
        { 0.375, 2, 0.38 },
        { 2.675, 2, 2.67 },          /* 2.6749999999999998 */
        { 1.005, 2, 1 },             /* 1.0049999999999999 */
        { 19.2, 1, 19.2 },
        { 19.199999999999999, 1, 19.2 },
        { 99.95, 1, 100 },
        { 123456789012.345, 2, 123456789012.35 },
        { 0, 1, 0 },
        { DBL_MIN, 2, 0 },
        { 4503599627370495.5, 0, 4503599627370496.0 },
        { 4503599627370497.0, 2, 4503599627370497.0 },
        { 1e300, 2, 1e300 },
        { -DBL_MAX, 1, -DBL_MAX }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_true(caphealth_round(table[i].x, table[i].decimals)
                    == table[i].expected);
    }

    /* decimals that no table has change nothing */

    assert_true(caphealth_round(1.23456789, -1) == 1.23456789);
    assert_true(caphealth_round(1.25, 16) == 1.25);
    assert_true(caphealth_round(1.25, 1000000) == 1.25);
    assert_true(caphealth_round(5e-16, 15) != 5e-16);

    assert_true(isnan(caphealth_round(NAN, 1)));
    assert_true(caphealth_round(INFINITY, 1) == INFINITY);
    assert_true(caphealth_round(-INFINITY, 1) == -INFINITY);
}


static void
test_real(void **state)
{
    (void) state;

    assert_json(caphealth_json_real(j, NULL, 19.2, 1), "19.2");
    assert_json(caphealth_json_real(j, NULL, 19.199999999999999, 1), "19.2");
    assert_json(caphealth_json_real(j, NULL, 20, 1), "20.0");
    assert_json(caphealth_json_real(j, NULL, 0, 2), "0.0");
    assert_json(caphealth_json_real(j, NULL, -0.01, 1), "0.0");
    assert_json(caphealth_json_real(j, NULL, -1.25, 1), "-1.2");
    assert_json(caphealth_json_real(j, NULL, 0.1 + 0.2, 2), "0.3");
    assert_json(caphealth_json_real(j, NULL, 1234567890.129, 2),
                "1234567890.13");
    assert_json(caphealth_json_real(j, NULL, 1e300, 2), "1e300");
    assert_json(caphealth_json_real(j, NULL, NAN, 1), "null");
    assert_json(caphealth_json_real(j, NULL, INFINITY, 1), "null");
    assert_json(caphealth_json_real(j, NULL, -INFINITY, 1), "null");
}


static void
test_number(void **state)
{
    (void) state;

    assert_json(caphealth_json_number(j, NULL, 400000), "400000");
    assert_json(caphealth_json_number(j, NULL, 0), "0");
    assert_json(caphealth_json_number(j, NULL, -0.0), "0");
    assert_json(caphealth_json_number(j, NULL, 70.5), "70.5");
    assert_json(caphealth_json_number(j, NULL, 19.2), "19.2");
    assert_json(caphealth_json_number(j, NULL, 9007199254740992.0),
                "9007199254740992");
    assert_json(caphealth_json_number(j, NULL, 1e300), "1e300");
    assert_json(caphealth_json_number(j, NULL, NAN), "null");
    assert_json(caphealth_json_number(j, NULL, INFINITY), "null");

    assert_json(caphealth_json_count(j, NULL, 0), "0");
    assert_json(caphealth_json_count(j, NULL, INT64_MAX),
                "9223372036854775807");
    assert_json(caphealth_json_count(j, NULL, CAPHEALTH_UNKNOWN), "null");

    assert_json(caphealth_json_flag(j, NULL, 1), "true");
    assert_json(caphealth_json_flag(j, NULL, 0), "false");
    assert_json(caphealth_json_flag(j, NULL, -1), "null");
}


static void
test_time(void **state)
{
    (void) state;

    assert_json(caphealth_json_time(j, NULL, 1000000000),
                "\"2001-09-09T01:46:40Z\"");
    assert_json(caphealth_json_time(j, NULL, 1000000000.999),
                "\"2001-09-09T01:46:40Z\"");
    assert_json(caphealth_json_time(j, NULL, 951782400),
                "\"2000-02-29T00:00:00Z\"");
    assert_json(caphealth_json_time(j, NULL, 0.5), "\"1970-01-01T00:00:00Z\"");
    assert_json(caphealth_json_time(j, NULL, 4102444799.0),
                "\"2099-12-31T23:59:59Z\"");
    assert_json(caphealth_json_time(j, NULL, 253402300799.0),
                "\"9999-12-31T23:59:59Z\"");
    assert_json(caphealth_json_time(j, NULL, 253402300800.0), "null");
    assert_json(caphealth_json_time(j, NULL, 0), "null");
    assert_json(caphealth_json_time(j, NULL, -1), "null");
    assert_json(caphealth_json_time(j, NULL, 1e300), "null");
    assert_json(caphealth_json_time(j, NULL, NAN), "null");
    assert_json(caphealth_json_time(j, NULL, INFINITY), "null");
}


#define BAD  "\xef\xbf\xbd"


static void
test_string(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        const char  *expected;
    } table[] = {
        { NULL, "null" },
        { "", "\"\"" },
        { "/srv/images", "\"/srv/images\"" },
        { "Ünïcode \"quoted\" \\", "\"Ünïcode \\\"quoted\\\" \\\\\"" },
        { "a\tb\n\x01\x7f", "\"a\\tb\\n\\u0001\x7f\"" },
        { "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
        { "\xed\x9f\xbf\xee\x80\x80", "\"\xed\x9f\xbf\xee\x80\x80\"" },
        { "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"" },

        { "caf\xe9!", "\"caf" BAD "!\"" },
        { "\xff\xfe", "\"" BAD BAD "\"" },
        { "\x80", "\"" BAD "\"" },
        { "\xc3", "\"" BAD "\"" },
        { "\xe2\x82", "\"" BAD BAD "\"" },
        { "\xf0\x9f\x98", "\"" BAD BAD BAD "\"" },
        { "\xc0\xaf", "\"" BAD BAD "\"" },
        { "\xe0\x80\xaf", "\"" BAD BAD BAD "\"" },
        { "\xed\xa0\x80", "\"" BAD BAD BAD "\"" },
        { "\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"" },
        { "\xf5", "\"" BAD "\"" },
        { "ok \xc3\xa9 \xe9 ok", "\"ok \xc3\xa9 " BAD " ok\"" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_json(caphealth_json_string(j, NULL, table[i].text),
                table[i].expected);
    }
}


static void
test_format(void **state)
{
    char  text[10241], expected[10245];

    (void) state;

    assert_json(caphealth_json_format(j, NULL, "%s: %.0f%%", "a", 12.5),
                "\"a: 12%\"");
    assert_json(caphealth_json_format(j, NULL, "open() \"%s\"", "\xe9"),
                "\"open() \\\"" BAD "\\\"\"");

    memset(text, 'x', 10240);
    text[10240] = '\0';

    (void) sprintf(expected, "\"%s!\"", text);

    assert_json(caphealth_json_format(j, NULL, "%s!", text), expected);
}


static void
test_nested(void **state)
{
    char    *text;
    size_t   len;

    (void) state;

    assert_int_equal(caphealth_json_begin(j), 0);

    caphealth_json_open_object(j, NULL);
    caphealth_json_open_object(j, "empty");
    caphealth_json_close_object(j);
    caphealth_json_open_array(j, "a\"");
    caphealth_json_count(j, NULL, 1);
    caphealth_json_open_object(j, NULL);
    caphealth_json_null(j, "n");
    caphealth_json_close_object(j);
    caphealth_json_close_array(j);
    caphealth_json_raw(j, "raw", "{\"x\":1}", 7);
    caphealth_json_flag(j, "last", 1);
    caphealth_json_close_object(j);

    text = caphealth_json_end(j, &len);

    assert_string_equal(text, "{\"empty\":{},\"a\\\"\":[1,{\"n\":null}],"
                        "\"raw\":{\"x\":1},\"last\":true}\n");
    assert_int_equal(len, strlen(text));

    free(text);
}


/* no text is made of a part */

static void
test_no_memory(void **state)
{
    size_t  len;

    (void) state;

    begin();
    j->failed = 1;
    caphealth_json_close_array(j);

    assert_null(caphealth_json_end(j, &len));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_no_memory)
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
