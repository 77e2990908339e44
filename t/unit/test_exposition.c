
/*
 * How metrics are written, in either format.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_exposition.h"


static caphealth_exposition_t  out;


static const caphealth_metric_t  bytes = {
    "a_size_bytes", CAPHEALTH_GAUGE, "A size."
};

static const caphealth_metric_t  requests = {
    "a_requests", CAPHEALTH_COUNTER, "Requests."
};

static const caphealth_metric_t  build = {
    "a_build", CAPHEALTH_INFO, "Versions."
};

static const caphealth_metric_t  status = {
    "a_status", CAPHEALTH_STATESET, "A status."
};

static const caphealth_metric_t  seconds = {
    "a_seconds", CAPHEALTH_HISTOGRAM, "Durations."
};


static void
assert_text(const char *expected)
{
    char    *text;
    size_t   len;

    text = caphealth_exposition_close(&out, &len);

    assert_non_null(text);
    assert_int_equal(strlen(text), len);
    assert_string_equal(text, expected);

    free(text);
}


static void
families(caphealth_dialect_e dialect)
{
    caphealth_label_t  labels[] = { { "x", "1" }, { "y", NULL }, { "z", "" } };

    assert_int_equal(caphealth_exposition_open(&out, dialect), 0);

    caphealth_exposition_metric(&out, &bytes);
    caphealth_exposition_sample(&out, NULL, NULL, 0, 4096);
    caphealth_exposition_metric(&out, &requests);
    caphealth_exposition_sample(&out, NULL, labels, 3, 7);
    caphealth_exposition_sample(&out, NULL, labels + 1, 1, 8);
    caphealth_exposition_metric(&out, &build);
    caphealth_exposition_sample(&out, NULL, labels, 1, 1);
    caphealth_exposition_metric(&out, &status);
    caphealth_exposition_sample(&out, NULL, labels, 1, 0);
    caphealth_exposition_metric(&out, &seconds);
    caphealth_exposition_sample(&out, "_count", NULL, 0, 3);
    caphealth_exposition_end(&out);
}


static void
prometheus(void **state)
{
    (void) state;

    families(CAPHEALTH_PROMETHEUS);

    assert_text("# HELP a_size_bytes A size.\n"
                "# TYPE a_size_bytes gauge\n"
                "a_size_bytes 4096\n"
                "# HELP a_requests_total Requests.\n"
                "# TYPE a_requests_total counter\n"
                "a_requests_total{x=\"1\",z=\"\"} 7\n"
                "a_requests_total 8\n"
                "# HELP a_build_info Versions.\n"
                "# TYPE a_build_info gauge\n"
                "a_build_info{x=\"1\"} 1\n"
                "# HELP a_status A status.\n"
                "# TYPE a_status gauge\n"
                "a_status{x=\"1\"} 0\n"
                "# HELP a_seconds Durations.\n"
                "# TYPE a_seconds histogram\n"
                "a_seconds_count 3\n");
}


static void
openmetrics(void **state)
{
    (void) state;

    families(CAPHEALTH_OPENMETRICS);

    assert_text("# HELP a_size_bytes A size.\n"
                "# TYPE a_size_bytes gauge\n"
                "# UNIT a_size_bytes bytes\n"
                "a_size_bytes 4096\n"
                "# HELP a_requests Requests.\n"
                "# TYPE a_requests counter\n"
                "a_requests_total{x=\"1\",z=\"\"} 7\n"
                "a_requests_total 8\n"
                "# HELP a_build Versions.\n"
                "# TYPE a_build info\n"
                "a_build_info{x=\"1\"} 1\n"
                "# HELP a_status A status.\n"
                "# TYPE a_status stateset\n"
                "a_status{x=\"1\"} 0\n"
                "# HELP a_seconds Durations.\n"
                "# TYPE a_seconds histogram\n"
                "# UNIT a_seconds seconds\n"
                "a_seconds_count 3\n"
                "# EOF\n");
}


static void
unknown(void **state)
{
    (void) state;

    assert_int_equal(caphealth_exposition_open(&out, CAPHEALTH_PROMETHEUS), 0);

    caphealth_exposition_metric(&out, &bytes);
    caphealth_exposition_sample(&out, NULL, NULL, 0, NAN);
    caphealth_exposition_end(&out);

    assert_text("");
}


static void
no_memory(void **state)
{
    size_t  len;

    (void) state;

    assert_int_equal(caphealth_exposition_open(&out, CAPHEALTH_PROMETHEUS), 0);

    out.failed = 1;

    assert_null(caphealth_exposition_close(&out, &len));
}


static void
assert_label(const char *value, const char *expected)
{
    char               *text;
    caphealth_label_t   label = { "v", value };

    assert_true(asprintf(&text, "# HELP a_size_bytes A size.\n"
                         "# TYPE a_size_bytes gauge\n"
                         "a_size_bytes{v=\"%s\"} 1\n", expected) > 0);

    assert_int_equal(caphealth_exposition_open(&out, CAPHEALTH_PROMETHEUS), 0);
    caphealth_exposition_metric(&out, &bytes);
    caphealth_exposition_sample(&out, NULL, &label, 1, 1);
    assert_text(text);

    free(text);
}


static void
labels(void **state)
{
    char  *value, *expected;

    (void) state;

    assert_label("", "");
    assert_label("Zo\xc3\xab {a,b} = #\t\x01", "Zo\xc3\xab {a,b} = #\t\x01");
    assert_label("\"a\"", "\\\"a\\\"");
    assert_label("a\\n", "a\\\\n");
    assert_label("a\nb\n", "a\\nb\\n");
    assert_label("a\r\n", "a\r\\n");
    assert_label("\\", "\\\\");
    assert_label("\xff", "\xef\xbf\xbd");
    assert_label("a\xc3", "a\xef\xbf\xbd");
    assert_label("\xc3\"", "\xef\xbf\xbd\\\"");
    assert_label("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
    assert_label("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_label("\xf0\x9f\x9b\x92", "\xf0\x9f\x9b\x92");

    value = malloc(10241);
    expected = malloc(20481);
    assert_non_null(value);
    assert_non_null(expected);

    memset(value, '"', 10240);
    value[10240] = '\0';
    expected[20480] = '\0';

    for (size_t i = 0; i < 20480; i++) {
        expected[i] = (i % 2 == 0) ? '\\' : '"';
    }

    assert_label(value, expected);

    free(value);
    free(expected);
}


static void
numbers(void **state)
{
    char    text[32];
    size_t  i;

    static const struct {
        double       x;
        const char  *text;
    } cases[] = {
        { 0, "0" },
        { -0.0, "0" },
        { 1, "1" },
        { -3, "-3" },
        { 0.1, "0.1" },
        { 0.192, "0.192" },
        { 1.0 / 3, "0.3333333333333333" },
        { 2.0 / 3, "0.6666666666666666" },
        { 1e-7, "1e-07" },
        { 1000000000.75, "1000000000.75" },
        { 9007199254740992.0, "9007199254740992" },
        { 1e300, "1e+300" },
        { INFINITY, "+Inf" },
        { -INFINITY, "-Inf" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        caphealth_exposition_number(text, sizeof(text), cases[i].x);
        assert_string_equal(text, cases[i].text);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(prometheus),
        cmocka_unit_test(openmetrics),
        cmocka_unit_test(unknown),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(labels),
        cmocka_unit_test(numbers)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
