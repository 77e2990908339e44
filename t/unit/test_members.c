
/*
 * Report: the members of the two documents, case by case.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_report.h"
#include "document.h"
#include "sample.h"
#include "vendors.h"


#define assert_member(object, name, expected)                                \
    assert_value(health_member(&s, object, name), expected)


static void
test_vendors(void **state)
{
    sample_t              s;
    caphealth_vendors_t  *v;

    static const char  vendors[] =
        "{\"big\":9223372036854775807,\"true\":14,\"Ünïcode \\\"quoted\\\"\":3}";

    (void) state;

    sample_init(&s);

    v = &s.facts.database.vendors;

    assert_int_equal(vendors_take(v, vendors, strlen(vendors)), 0);
    assert_value(capacity_member(&s, "products_by_vendor"), vendors);
    caphealth_vendors_free(v);

    assert_value(capacity_member(&s, "products_by_vendor"), "null");

    assert_int_equal(vendors_take(v, "{}", 2), 0);
    assert_value(capacity_member(&s, "products_by_vendor"), "{}");
    caphealth_vendors_free(v);
}


static void
test_statuses(void **state)
{
    size_t     i;
    json_t    *thresholds;
    sample_t   s;

    static const struct {
        double       cpu;
        const char  *status;
        const char  *overall;
    } table[] = {
        { 69.9, "ok", "\"healthy\"" },
        { 70, "warning", "\"degraded\"" },
        { 85, "critical", "\"critical\"" },
        { NAN, "unknown", "\"unknown\"" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sample_init(&s);
        s.facts.system.value.cpu_mean = table[i].cpu;

        assert_member(NULL, "overall_status", table[i].overall);

        thresholds = health_member(&s, NULL, "thresholds");

        assert_string_equal(json_string_value(json_object_get(
                                json_array_get(thresholds, 5), "status")),
                            table[i].status);
        json_decref(thresholds);
    }
}


static void
test_disks(void **state)
{
    size_t     i;
    json_t    *disks;
    sample_t   s;

    static const struct {
        int64_t      inodes;
        int64_t      inodes_free;
        const char  *percent;
    } table[] = {
        { 1000, 1000, "0.0" },
        { 1000, 872, "12.8" },
        { 1000, 0, "100.0" },
        { 1000, 1001, "null" },
        { 1000, CAPHEALTH_UNKNOWN, "null" },
        { CAPHEALTH_UNKNOWN, 1000, "null" },
        { CAPHEALTH_UNKNOWN, CAPHEALTH_UNKNOWN, "null" },
        { 0, 0, "null" },
        { INT64_MAX, INT64_MAX, "0.0" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sample_init(&s);

        s.disks[1].value.inodes = table[i].inodes;
        s.disks[1].value.inodes_free = table[i].inodes_free;

        disks = health_member(&s, NULL, "disks");

        assert_value(json_incref(json_object_get(json_array_get(disks, 1),
                                                 "inodes_percent")),
                     table[i].percent);
        json_decref(disks);
    }
}


static void
test_cores(void **state)
{
    sample_t  s;

    (void) state;

    sample_init(&s);

    s.facts.system.value.cores = 1.5;
    assert_member("system", "cores", "1.5");

    s.facts.system.value.cores = 0.333333;
    assert_member("system", "cores", "0.33");
}


/* bounds print as they were written */

static void
test_bounds(void **state)
{
    json_t    *thresholds;
    sample_t   s;

    (void) state;

    sample_init(&s);

    s.policy.bounds[CAPHEALTH_STORAGE_GB]
        = (caphealth_bounds_t) { 19.2, 20, 1e300 };

    thresholds = health_member(&s, NULL, "thresholds");

    assert_value(json_incref(json_array_get(thresholds, 1)),
                 "{\"name\":\"Image Storage (GB)\",\"current\":1.5,"
                 "\"warning\":19.2,\"critical\":20,\"limit\":1e300,"
                 "\"status\":\"ok\",\"percent_used\":0.0,"
                 "\"key\":\"storage_gb\",\"path\":null,\"unit\":\"GiB\","
                 "\"forecast\":null,"
                 "\"forecast_reason\":\"The history is off.\","
                 "\"forecast_code\":\"no_history\"}");

    json_decref(thresholds);
}


static void
test_reachable(void **state)
{
    size_t    i;
    sample_t  s;

    static const struct {
        int          configured;
        int          failed;
        double       attempted_at;
        const char  *reachable;
    } table[] = {
        { 1, 0, SAMPLE_THEN, "true" },
        { 1, 1, SAMPLE_THEN, "false" },
        { 1, 0, 0, "null" },
        { 1, 1, 0, "null" },
        { 0, 0, SAMPLE_THEN, "null" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sample_init(&s);

        s.facts.database.section.configured = table[i].configured;
        s.facts.database.section.failed = table[i].failed;
        s.facts.database.section.attempted_at = table[i].attempted_at;

        assert_member("database", "reachable", table[i].reachable);
    }
}


/* what is old is shown, and says so */

static void
test_stale(void **state)
{
    size_t    i;
    sample_t  s;

    (void) state;

    sample_init(&s);

    for (i = 0; caphealth_facts_section(&s.facts, i) != NULL; i++) {
        ((caphealth_section_t *) caphealth_facts_section(&s.facts, i))
            ->collected_at = 1;
    }

    s.facts.database.section.error = "refused by \"db\" \xff";

    assert_member(NULL, "stale", "true");
    assert_member(NULL, "overall_status", "\"unknown\"");
    assert_member(NULL, "timestamp", "\"1970-01-01T00:00:01Z\"");
    assert_member(NULL, "infrastructure_tier", "\"Starter\"");
    assert_member("system", "stale", "true");
    assert_member("system", "cpu_percent", "21.5");
    assert_member("system", "cpu_mean_percent", "19.2");
    assert_member("database", "stale", "true");
    assert_member("database", "products_count", "1234");
    assert_member("database", "collected_at", "\"1970-01-01T00:00:01Z\"");
    assert_member("database", "attempted_at", "\"2001-09-09T01:46:40Z\"");
    assert_member("database", "error",
                  "\"refused by \\\"db\\\" \xef\xbf\xbd\"");
    assert_member("image_storage", "stale", "true");
    assert_member("image_storage", "total_files", "30");

    assert_value(capacity_member(&s, "stale"), "true");
    assert_value(capacity_member(&s, "error"),
                 "\"refused by \\\"db\\\" \xef\xbf\xbd\"");
    assert_value(capacity_member(&s, "products_total"), "1234");
}


/* whatever the facts, the text is JSON */

static void
test_absurd(void **state)
{
    char      error[10241];
    sample_t  s;

    (void) state;

    sample_init(&s);

    memset(error, '\xc3', 10240);
    error[10240] = '\0';

    s.facts.system.section.error = error;
    s.facts.system.section.collected_at = 1e300;
    s.facts.system.value.cpu_percent = 1e300;
    s.facts.system.value.cores = INFINITY;
    s.facts.system.value.load1 = -INFINITY;
    s.facts.system.value.load5 = 1e300;
    s.facts.system.value.memory_used = INT64_MAX;
    s.facts.system.value.memory_total = 1;
    s.disks[1].path = NULL;

    assert_member("system", "cpu_percent", "1e300");
    assert_member("system", "cores", "null");
    assert_member("system", "load_average", "[null,1e300,1.26]");
    assert_member("system", "memory_percent", "9.22337203685478e20");
    assert_member("system", "collected_at", "null");
    assert_member("system", "stale", "true");
    assert_member(NULL, "timestamp", "null");
}


static void
test_times(void **state)
{
    sample_t  s;

    (void) state;

    sample_init(&s);

    s.facts.system.section.collected_at = 500;
    s.disks[0].section.collected_at = 400;
    s.disks[1].section.collected_at = 300;
    s.facts.database.section.collected_at = 200;
    s.facts.images.section.collected_at = 100;

    assert_true(caphealth_report_health_time(&s.facts) == 100);
    assert_true(caphealth_report_capacity_time(&s.facts) == 100);
    assert_member(NULL, "timestamp", "\"1970-01-01T00:08:20Z\"");

    s.facts.images.section.configured = 0;
    assert_true(caphealth_report_health_time(&s.facts) == 200);
    assert_true(caphealth_report_capacity_time(&s.facts) == 200);

    s.facts.database.section.collected_at = 0;
    assert_true(caphealth_report_health_time(&s.facts) == 300);
    assert_true(caphealth_report_capacity_time(&s.facts) == 0);

    s.disks[1].section.configured = 0;
    assert_true(caphealth_report_health_time(&s.facts) == 400);

    s.facts.ndisks = 0;
    assert_true(caphealth_report_health_time(&s.facts) == 500);

    sample_nothing(&s);
    assert_true(caphealth_report_health_time(&s.facts) == 0);
    assert_true(caphealth_report_capacity_time(&s.facts) == 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vendors),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_cores),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_reachable),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_absurd),
        cmocka_unit_test(test_times)
    };

    return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
