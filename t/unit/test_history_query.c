
/*
 * What a client may ask of the history, and what it is answered of a document.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bare.h"

#include "caphealth_history_query.h"


/* 2026-01-31T12:00:00Z */
#define NOON  1769860800.0


static const char  document[] =
    "{\"window\":\"2d\",\"step\":60,\"start\":\"2026-01-31T12:00:00Z\","
    "\"columns\":4,\"generated_at\":\"2026-01-31T12:03:10Z\",\"series\":{"
    "\"cpu_percent\":{\"unit\":\"percent\",\"min\":[1,2.5,null,4],"
    "\"mean\":[2,3,null,1e-07],\"max\":[3,4,null,-6]},"
    "\"disk_percent:/a \\\"b\\\\\":{\"unit\":\"percent\",\"min\":[7,7,7,7],"
    "\"mean\":[8,8,8,8],\"max\":[9,9,9,9]}},\"events\":["
    "{\"at\":\"2026-01-31T12:00:30Z\",\"kind\":\"reload\",\"from\":null,"
    "\"to\":null,\"text\":\"a } and \\\"x\\\"\",\"code\":\"reloaded\","
    "\"args\":{\"path\":\"}\",\"count\":{}}},"
    "{\"at\":\"2026-01-31T12:02:30Z\",\"kind\":\"start\",\"from\":null,"
    "\"to\":null,\"text\":\"\"}]}\n";


static caphealth_history_query_t  query;


static const char *
parse(const char *args)
{
    char        *copy;
    const char  *error;

    copy = bare(args, strlen(args));
    error = caphealth_history_query_parse(&query, copy, strlen(args),
                                          NOON + 86400);
    free(copy);

    return error;
}


static void
accepted(void **state)
{
    (void) state;

    assert_null(parse(""));
    assert_string_equal(query.window, "2h");
    assert_true(query.whole);

    assert_null(parse("window=60d&"));
    assert_string_equal(query.window, "60d");
    assert_true(query.whole);

    assert_null(parse("from=2026-01-31T12:00:00Z"));
    assert_true(query.from == NOON && isinf(query.to) && !query.whole);
    assert_string_equal(query.window, "2d");

    assert_null(parse("from=2026-01-31T14%3a00:00.25%2B02:00"));
    assert_true(query.from == NOON + 0.25);
    assert_null(parse("from=2026-01-31T14:00:00+02:00"));
    assert_true(query.from == NOON);
    assert_null(parse("from=2026-01-31t11:30:00%20-00:30") == NULL
                ? "taken" : NULL);

    assert_null(parse("from=2026-01-01T00:00:00Z&to=2026-01-31T12:00:00Z"));
    assert_string_equal(query.window, "60d");
    assert_true(query.to == NOON);

    assert_null(parse("from=1970-01-01T00:00:00Z"));
    assert_string_equal(query.window, "3y");
    assert_null(parse("from=1970-01-01T00:00:00Z&window=2h"));
    assert_string_equal(query.window, "2h");

    assert_null(parse("series=cpu_percent,disk_percent:%2Fa%2Cb"));
    assert_int_equal(query.nseries, 2);
    assert_string_equal(query.series[0], "cpu_percent");
    assert_string_equal(query.series[1], "disk_percent:/a,b");
    assert_string_equal(query.window, "2h");
    assert_false(query.whole);
}


static void
refused(void **state)
{
    size_t  i;

    static const char  *cases[][2] = {
        { "window", "\"window\" must be" },
        { "window=1h", "\"window\" must be" },
        { "window=2h&window=2h", "\"window\" is given twice" },
        { "x=1", "There is an unknown argument" },
        { "Window=2h", "There is an unknown argument" },
        { "from", "\"from\" must be a time" },
        { "from=yesterday", "\"from\" must be a time" },
        { "from=2026-02-30T00:00:00Z", "\"from\" must be a time" },
        { "from=2026-01-31T24:00:00Z", "\"from\" must be a time" },
        { "from=2026-01-31T12:00:00", "\"from\" must be a time" },
        { "from=2026-01-31T12:00:00.Z", "\"from\" must be a time" },
        { "from=2026-01-31T12:00:00ZZ", "\"from\" must be a time" },
        { "from=2026-01-31 12:00:00Z", "\"from\" must be a time" },
        { "from=2026-01-31T12:00:00%", "\"from\" must be a time" },
        { "to=2026-01-31T12:00:00%00", "\"to\" must be a time" },
        { "from=2026-01-31T12:00:00Z&from=2026-01-31T12:00:00Z",
          "\"from\" is given twice" },
        { "to=2026-01-31T12:00:00Z&to=2026-01-31T12:00:00Z",
          "\"to\" is given twice" },
        { "from=2026-01-31T12:00:00Z&to=2026-01-31T12:00:00Z",
          "\"from\" must be before" },
        { "series=", "\"series\" must be" },
        { "series=a,", "\"series\" must be" },
        { "series=%zz", "\"series\" must be" },
        { "series=a&series=b", "\"series\" is given twice" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char  *error = parse(cases[i][0]);

        if (error == NULL
            || strncmp(error, cases[i][1], strlen(cases[i][1])) != 0)
        {
            print_error("%s: %s\n", cases[i][0], error ? error : "taken");
            fail();
        }
    }
}


static char *
cut(const char *args, int csv)
{
    char    *copy, *text;
    size_t   n;

    assert_null(parse(args));

    copy = bare(document, sizeof(document) - 1);
    text = caphealth_history_cut(copy, sizeof(document) - 1, &query, csv, &n);
    free(copy);

    assert_non_null(text);
    assert_int_equal(strlen(text), n);

    return text;
}


static void
all_of_it(void **state)
{
    char  *text;

    (void) state;

    text = cut("window=2d", 0);
    assert_string_equal(text, document);
    free(text);
}


static void
a_part_of_it(void **state)
{
    char  *text;

    (void) state;

    text = cut("from=2026-01-31T12:00:01Z&to=2026-01-31T12:02:30Z"
               "&series=none,cpu_percent", 0);
    assert_string_equal(text,
        "{\"window\":\"2d\",\"step\":60,\"start\":\"2026-01-31T12:01:00Z\","
        "\"columns\":2,\"generated_at\":\"2026-01-31T12:03:10Z\",\"series\":{"
        "\"cpu_percent\":{\"unit\":\"percent\",\"min\":[2.5,null],"
        "\"mean\":[3,null],\"max\":[4,null]}},\"events\":["
        "{\"at\":\"2026-01-31T12:00:30Z\",\"kind\":\"reload\",\"from\":null,"
        "\"to\":null,\"text\":\"a } and \\\"x\\\"\",\"code\":\"reloaded\","
        "\"args\":{\"path\":\"}\",\"count\":{}}}]}\n");
    free(text);

    text = cut("series=disk_percent:/a%20%22b%5c&to=2026-01-31T12:01:00Z", 0);
    assert_non_null(strstr(text, "\"series\":{\"disk_percent:/a \\\"b\\\\\":"
                           "{\"unit\":\"percent\",\"min\":[7],\"mean\":[8],"
                           "\"max\":[9]}}"));
    free(text);

    text = cut("series=cpu&from=2030-01-01T00:00:00Z", 0);
    assert_non_null(strstr(text, "\"columns\":0,"));
    assert_non_null(strstr(text, "\"series\":{},\"events\":[]}\n"));
    free(text);
}


static void
as_csv(void **state)
{
    char  *text;

    (void) state;

    text = cut("window=2d", 1);
    assert_string_equal(text,
        "time,\"cpu_percent min\",\"cpu_percent mean\",\"cpu_percent max\","
        "\"disk_percent:/a \"\"b\\ min\",\"disk_percent:/a \"\"b\\ mean\","
        "\"disk_percent:/a \"\"b\\ max\"\r\n"
        "2026-01-31T12:00:00Z,1,2,3,7,8,9\r\n"
        "2026-01-31T12:01:00Z,2.5,3,4,7,8,9\r\n"
        "2026-01-31T12:02:00Z,,,,7,8,9\r\n"
        "2026-01-31T12:03:00Z,4,1e-07,-6,7,8,9\r\n");
    free(text);

    text = cut("series=cpu_percent&from=2026-01-31T12:03:00Z", 1);
    assert_string_equal(text,
        "time,\"cpu_percent min\",\"cpu_percent mean\",\"cpu_percent max\""
        "\r\n2026-01-31T12:03:00Z,4,1e-07,-6\r\n");
    free(text);
}


/* a file that was cut at any byte, or that a byte has changed in */

static void
no_document(void **state)
{
    char    *copy, *text;
    size_t   n, len;

    (void) state;

    assert_null(parse("window=2d"));

    for (len = 0; len < sizeof(document) - 1; len++) {
        copy = bare(document, len);
        assert_null(caphealth_history_cut(copy, len, &query, 0, &n));
        assert_int_equal(n, 0);
        free(copy);
    }

    for (len = 0; len < sizeof(document) - 1; len++) {
        copy = bare(document, sizeof(document) - 1);
        copy[len] = '"';
        text = caphealth_history_cut(copy, sizeof(document) - 1, &query, 0,
                                     &n);
        free(text);
        text = caphealth_history_cut(copy, sizeof(document) - 1, &query, 1,
                                     &n);
        free(text);
        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(a_part_of_it),
        cmocka_unit_test(as_csv),
        cmocka_unit_test(no_document)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
