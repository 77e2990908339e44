
/*
 * Facts: texts that no collector should send, and memory that runs out.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_facts.h"
#include "unknown.h"


#define ERRLEN  256


typedef struct {
    const char  *text;
    const char  *error;
} bad_t;


static const char  database_text[] =
    "{\"engine\":\"sqlite\",\"version\":\"3.40.1\",\"size\":1048576,"
    "\"products_count\":7,\"orders_count\":6,\"vendors_count\":5,"
    "\"inventory_count\":4,\"orders_this_month\":3,\"active_vendors\":2}\n"
    "{\"Unknown\":6,\"Ünïcode \\\"quoted\\\"\":3,\"\":1}";


static void
test_bad_system(void **state)
{
    char                err[ERRLEN];
    const bad_t        *bad;
    caphealth_system_t  s;

    static const bad_t  table[] = {
        { "[]", "not a JSON object" },
        { "[{}]", "not a JSON object" },
        { "7", "invalid JSON at byte " },
        { "null", "invalid JSON at byte " },
        { "", "invalid JSON at byte " },
        { "{} {}", "invalid JSON at byte " },
        { "{\"scope\":\"a\\u0000b\"}", "invalid JSON at byte " },
        { "{\"scope\":\"\xff\"}", "invalid JSON at byte " },
        { "{\"scope\":1}", "\"scope\" is not a string" },
        { "{\"scope\":[]}", "\"scope\" is not a string" },
        { "{\"scope\":\"host\",\"cores\":\"2\"}",
          "\"cores\" is not a number" },
        { "{\"cpu_percent\":true}", "\"cpu_percent\" is not a number" },
        { "{\"cpu_percent\":-0.1}", "\"cpu_percent\" is negative" },
        { "{\"cpu_percent\":-1}", "\"cpu_percent\" is negative" },
        { "{\"cpu_percent\":NaN}", "invalid JSON at byte " },
        { "{\"cpu_percent\":1e400}", "invalid JSON at byte " },
        { "{\"memory_total\":1.5}", "\"memory_total\" is not an integer" },
        { "{\"memory_total\":1e3}", "\"memory_total\" is not an integer" },
        { "{\"memory_total\":\"1\"}", "\"memory_total\" is not an integer" },
        { "{\"memory_total\":-1}", "\"memory_total\" is negative" },
        { "{\"memory_used\":9223372036854775808}",
          "invalid JSON at byte " },
        { "{\"pressure\":1}", "\"pressure\" is not an object" },
        { "{\"pressure\":{\"cpu\":[]}}",
          "\"pressure.cpu\" is not an object" },
        { "{\"pressure\":{\"io\":{\"full\":\"\"}}}",
          "\"pressure.io.full\" is not an object" },
        { "{\"pressure\":{\"memory\":{\"some\":{\"avg300\":\"1\"}}}}",
          "\"pressure.memory.some.avg300\" is not a number" },
        { NULL, NULL }
    };

    (void) state;

    for (bad = table; bad->text != NULL; bad++) {
        memset(&s, 0x55, sizeof(caphealth_system_t));

        assert_int_equal(caphealth_system_parse(&s, bad->text,
                                                strlen(bad->text), err,
                                                sizeof(err)), -1);
        assert_memory_equal(err, bad->error, strlen(bad->error));
        assert_system_unknown(&s);
    }
}


static void
test_bad_disk(void **state)
{
    char              err[ERRLEN];
    const bad_t      *bad;
    caphealth_disk_t  d;

    static const bad_t  table[] = {
        { "{\"device\":{}}", "\"device\" is not a string" },
        { "{\"device\":\"8:1\",\"inodes_free\":-2}",
          "\"inodes_free\" is negative" },
        { "{\"device\":\"8:1\",\"read_only\":1}",
          "\"read_only\" is neither true nor false" },
        { "{\"available\":false}", "\"available\" is not an integer" },
        { NULL, NULL }
    };

    (void) state;

    for (bad = table; bad->text != NULL; bad++) {
        assert_int_equal(caphealth_disk_parse(&d, bad->text,
                                              strlen(bad->text), err,
                                              sizeof(err)), -1);
        assert_string_equal(err, bad->error);
        assert_disk_unknown(&d);
    }
}


static void
test_bad_database(void **state)
{
    char                  err[ERRLEN];
    const bad_t          *bad;
    caphealth_vendors_t   v;
    caphealth_database_t  d;

    static const char   not_list[] =
        "vendors are not a list of ids, names and counts in its order";
    static const char   not_vendors[] =
        "vendors are not an object of counts, the largest first";

    static const bad_t  table[] = {
        { "{\"engine\":\"sqlite\",\"version\":3}",
          "\"version\" is not a string" },
        { "{\"orders_count\":-9223372036854775808}",
          "\"orders_count\" is negative" },
        { "{}\n", not_vendors },
        { "{}\n[]", not_vendors },
        { "{\"size\":5}\n{\"a\":1}\n", not_list },
        { NULL, NULL }
    };

    (void) state;

    for (bad = table; bad->text != NULL; bad++) {
        assert_int_equal(caphealth_database_parse(&d, &v, bad->text,
                                                  strlen(bad->text), err,
                                                  sizeof(err)), -1);
        assert_string_equal(err, bad->error);
        assert_database_unknown(&d);
    }
}


/* copied, so that a read past the end is seen by those who watch memory */

static void
test_truncated(void **state)
{
    char                  *text, err[ERRLEN];
    size_t                 len;
    caphealth_vendors_t    v;
    caphealth_database_t   d;

    (void) state;

    for (len = 0; len < strcspn(database_text, "\n"); len++) {
        text = malloc(len + 1);
        assert_non_null(text);

        memmove(text + 1, database_text, len);

        assert_int_equal(caphealth_database_parse(&d, &v, text + 1, len, err,
                                                  sizeof(err)), -1);
        assert_memory_equal(err, "invalid JSON at byte ", 21);
        assert_database_unknown(&d);

        free(text);
    }
}


static void
test_deep(void **state)
{
    char                *p, *text, err[ERRLEN];
    size_t               i, k, n;
    caphealth_system_t   s;

    static const char    head[] = "{\"later\":";
    static const char   *open[] = { "[", "{\"a\":" };

    (void) state;

    n = 100000;

    for (i = 0; i < 2; i++) {
        text = malloc(strlen(head) + n * strlen(open[i]) + 1);
        assert_non_null(text);

        p = stpcpy(text, head);

        for (k = 0; k < n; k++) {
            p = stpcpy(p, open[i]);
        }

        assert_int_equal(caphealth_system_parse(&s, text,
                                                (size_t) (p - text), err,
                                                sizeof(err)), -1);
        assert_non_null(strstr(err, "maximum parsing depth reached"));
        assert_system_unknown(&s);

        free(text);
    }
}


static void
test_short_error(void **state)
{
    char              err[16];
    size_t            errlen;
    caphealth_disk_t  d;

    (void) state;

    for (errlen = 1; errlen <= 12; errlen++) {
        memset(err, 'x', sizeof(err));

        assert_int_equal(caphealth_disk_parse(&d, "{\"device\":1}", 12, err,
                                              errlen), -1);
        assert_int_equal(strlen(err), errlen - 1);
        assert_memory_equal(err, "\"device\" is not", errlen - 1);
        assert_int_equal(err[errlen], 'x');
    }

    assert_int_equal(caphealth_disk_parse(&d, "{\"device\":1}", 12, NULL, 0),
                     -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bad_system),
        cmocka_unit_test(test_bad_disk),
        cmocka_unit_test(test_bad_database),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_short_error)
    };

    return cmocka_run_group_tests_name("facts, bad", tests, NULL, NULL);
}
