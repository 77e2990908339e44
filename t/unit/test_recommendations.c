
/*
 * The recommendations, and the next tier's trigger.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_recommendations.h"
#include "sample.h"


#define NONE  CAPHEALTH_UNKNOWN

#define CHECK_LOG  "Check nginx's error log"

#define SCALE_NOW  "Immediate scaling or cleanup required"
#define SCALE_SOON "Plan scaling in the next 2-4 weeks"
#define SCALE_INFO "Review capacity planning documentation"


typedef struct {
    const char  *priority;
    const char  *title;
    const char  *description;
    const char  *action;
    const char  *code;
    const char  *subject;
    const char  *path;
} advice_t;


static void
assert_string(const json_t *object, const char *name, const char *expected)
{
    json_t  *value;

    value = json_object_get(object, name);
    assert_non_null(value);

    if (expected == NULL) {
        assert_true(json_is_null(value));
        return;
    }

    assert_true(json_is_string(value));
    assert_string_equal(json_string_value(value), expected);
}


static json_t *
parsed(caphealth_json_t *j)
{
    char    *text;
    size_t   len;
    json_t  *value;

    text = caphealth_json_end(j, &len);
    assert_non_null(text);

    value = json_loadb(text, len, JSON_DECODE_ANY, NULL);
    assert_non_null(value);

    free(text);

    return value;
}


/* expected ends with a NULL priority */

static void
assert_advice(const sample_t *s, const advice_t *expected)
{
    size_t                   i;
    json_t                  *list, *one;
    caphealth_json_t         j;
    caphealth_evaluation_t   a;

    caphealth_evaluate(&a, &s->facts, &s->policy, SAMPLE_NOW);

    assert_int_equal(caphealth_json_begin(&j), 0);
    caphealth_recommendations(&j, NULL, &s->facts, &s->policy, &a, SAMPLE_NOW);
    list = parsed(&j);

    for (i = 0; expected[i].priority != NULL; i++) {
        one = json_array_get(list, i);

        assert_int_equal(json_object_size(one), 8);
        assert_string(one, "priority", expected[i].priority);
        assert_string(one, "title", expected[i].title);
        assert_string(one, "description", expected[i].description);
        assert_string(one, "action", expected[i].action);
        assert_string(one, "code", expected[i].code);
        assert_string(one, "subject", expected[i].subject);
        assert_string(one, "path", expected[i].path);
    }

    assert_int_equal(json_array_size(list), i);

    json_decref(list);
}


static void
assert_trigger(const sample_t *s, const char *expected)
{
    json_t                  *trigger;
    caphealth_json_t         j;
    caphealth_evaluation_t   a;

    caphealth_evaluate(&a, &s->facts, &s->policy, SAMPLE_NOW);

    assert_int_equal(caphealth_json_begin(&j), 0);
    caphealth_next_tier_trigger(&j, NULL, &s->facts, &s->policy, a.tier);
    trigger = parsed(&j);

    if (expected == NULL) {
        assert_true(json_is_null(trigger));

    } else {
        assert_string_equal(json_string_value(trigger), expected);
    }

    json_decref(trigger);
}


static void
test_healthy(void **state)
{
    sample_t  s;

    static const advice_t  healthy[] = {
        { "info", "All systems healthy", "No capacity concerns at this time",
          NULL, "all-healthy", NULL, NULL },
        { NULL }
    };

    (void) state;

    sample_init(&s);
    assert_advice(&s, healthy);
}


static void
test_thresholds(void **state)
{
    size_t    i;
    sample_t  s;

    static const advice_t  warnings[] = {
        { "warning", "Products approaching limit",
          "Currently at 81% of capacity (406789 of 500000)", SCALE_SOON,
          "threshold-warning", "products_total", NULL },
        { "warning", "Image Storage (GB) approaching limit",
          "Currently at 80% of capacity (800 of 1000)", SCALE_SOON,
          "threshold-warning", "storage_gb", NULL },
        { "warning", "Database (MB) approaching limit",
          "Currently at 80% of capacity (20000 of 25000)", SCALE_SOON,
          "threshold-warning", "db_size_mb", NULL },
        { "warning", "Disk Usage (%) approaching limit",
          "Currently at 71% of capacity (71 of 100)", SCALE_SOON,
          "threshold-warning", "disk_percent", NULL },
        { "warning", "Memory Usage (%) approaching limit",
          "Currently at 76% of capacity (76 of 100)", SCALE_SOON,
          "threshold-warning", "memory_percent", NULL },
        { "warning", "CPU Usage (%) approaching limit",
          "Currently at 72% of capacity (72 of 100)", SCALE_SOON,
          "threshold-warning", "cpu_percent", NULL },
        { "info", "Current tier: Scale",
          "Approaching Enterprise tier (vendors: 1%, products: 81%)",
          SCALE_INFO, "tier-next", NULL, NULL },
        { NULL }
    };

    static const advice_t  criticals[] = {
        { "critical", "Products at critical level",
          "Currently at 120% of capacity (600000 of 500000)", SCALE_NOW,
          "threshold-critical", "products_total", NULL },
        { "critical", "Image Storage (GB) at critical level",
          "Currently at 95% of capacity (950 of 1000)", SCALE_NOW,
          "threshold-critical", "storage_gb", NULL },
        { "critical", "Database (MB) at critical level",
          "Currently at 96% of capacity (24001 of 25000)", SCALE_NOW,
          "threshold-critical", "db_size_mb", NULL },
        { "critical", "Disk Usage (%) at critical level",
          "Currently at 100% of capacity (100 of 100)", SCALE_NOW,
          "threshold-critical", "disk_percent", NULL },
        { "critical", "Memory Usage (%) at critical level",
          "Currently at 90% of capacity (90 of 100)", SCALE_NOW,
          "threshold-critical", "memory_percent", NULL },
        { "critical", "CPU Usage (%) at critical level",
          "Currently at 86% of capacity (86 of 100)", SCALE_NOW,
          "threshold-critical", "cpu_percent", NULL },
        { NULL }
    };

    /* 72.5 and 85.5 are even and odd: half to even */

    static const double  warning[] = { 406789, 800, 20000, 71, 76.4, 72.5 };
    static const double  critical[] = {
        600000, 950, 24001, 100, 90, 85.5
    };

    (void) state;

    sample_init(&s);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        sample_set(&s, i, warning[i]);
    }

    assert_advice(&s, warnings);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        sample_set(&s, i, critical[i]);
    }

    assert_advice(&s, criticals);
}


static void
test_zero_limit(void **state)
{
    sample_t  s;

    static const advice_t  expected[] = {
        { "critical", "CPU Usage (%) at critical level",
          "Currently at 19 of 0", SCALE_NOW,
          "threshold-critical", "cpu_percent", NULL },
        { NULL }
    };

    (void) state;

    sample_init(&s);
    memset(&s.policy.bounds[CAPHEALTH_CPU_PERCENT], 0,
           sizeof(caphealth_bounds_t));

    assert_advice(&s, expected);
}


/* a threshold first, then the sources in their order, then the tier */

static void
test_stale(void **state)
{
    size_t    i;
    sample_t  s;

    static const advice_t  expected[] = {
        { "warning", "Facts of the system are stale",
          "The latest values are of 1970-01-01T00:00:07Z", CHECK_LOG,
          "source-stale", "system", NULL },
        { "warning", "Facts of the disk / are stale",
          "The latest values are of 1970-01-01T00:00:07Z: timed out",
          CHECK_LOG, "source-stale", "disk", "/" },
        { "warning", "Facts of a disk are stale",
          "The latest values are of 1970-01-01T00:00:07Z", CHECK_LOG,
          "source-stale", "disk", NULL },
        { "warning", "Facts of the database are stale",
          "The latest values are of 1970-01-01T00:00:07Z: no table \"a\"",
          CHECK_LOG, "source-stale", "database", NULL },
        { "warning", "Facts of the image storage are stale",
          "The latest values are of an unknown time", CHECK_LOG,
          "source-stale", "image_storage", NULL },
        { "info", "Current tier: Starter",
          "Approaching Small tier (vendors: 80%, products: 12%)",
          SCALE_INFO, "tier-next", NULL, NULL },
        { NULL }
    };

    (void) state;

    sample_init(&s);

    for (i = 0; caphealth_facts_section(&s.facts, i) != NULL; i++) {
        ((caphealth_section_t *) caphealth_facts_section(&s.facts, i))
            ->collected_at = 7;
    }

    s.disks[0].section.failed = 1;
    s.disks[0].section.error = "timed out";
    s.disks[1].path = NULL;
    s.facts.database.section.error = "no table \"a\"";
    s.facts.database.value.vendors_count = 40;
    s.facts.images.section.collected_at = 1e300;

    assert_advice(&s, expected);
}


static void
test_absent(void **state)
{
    size_t               i;
    sample_t             s;
    caphealth_section_t  *section;

#define NOT_YET  "The first look has not brought an answer"

    static const advice_t  expected[] = {
        { "info", "Facts of the system not collected yet", NOT_YET, NULL,
          "source-absent", "system", NULL },
        { "info", "Facts of the disk / not collected yet", NOT_YET, NULL,
          "source-absent", "disk", "/" },
        { "info", "Facts of the disk /srv/images not collected yet", NOT_YET,
          NULL, "source-absent", "disk", "/srv/images" },
        { "info", "Facts of the database not collected yet", NOT_YET, NULL,
          "source-absent", "database", NULL },
        { "info", "Facts of the image storage not collected yet", NOT_YET,
          NULL, "source-absent", "image_storage", NULL },
        { NULL }
    };

    static const advice_t  failed[] = {
        { "critical", "Database cannot be reached",
          "the last attempt failed",
          "Check that the database is running and that caphealth_database "
          "is right", "database-unreachable", "database", NULL },
        { "warning", "Facts of the system cannot be collected",
          "the last attempt failed",
          "Check nginx's configuration and its error log",
          "source-failed", "system", NULL },
        { "warning", "Facts of the disk / cannot be collected",
          "the last attempt failed",
          "Check nginx's configuration and its error log",
          "source-failed", "disk", "/" },
        { "warning", "Facts of the disk /srv/images cannot be collected",
          "statvfs() failed",
          "Check nginx's configuration and its error log",
          "source-failed", "disk", "/srv/images" },
        { "warning", "Facts of the image storage cannot be collected",
          "the last attempt failed",
          "Check nginx's configuration and its error log",
          "source-failed", "image_storage", NULL },
        { NULL }
    };

    (void) state;

    sample_init(&s);

    caphealth_system_clear(&s.facts.system.value);
    caphealth_database_clear(&s.facts.database.value);
    caphealth_images_clear(&s.facts.images.value);

    for (i = 0; caphealth_facts_section(&s.facts, i) != NULL; i++) {
        section = (caphealth_section_t *) caphealth_facts_section(&s.facts,
                                                                  i);
        section->collected_at = 0;
        section->attempted_at = 0;
        section->failed = 1;
    }

    assert_advice(&s, expected);

    for (i = 0; caphealth_facts_section(&s.facts, i) != NULL; i++) {
        section = (caphealth_section_t *) caphealth_facts_section(&s.facts,
                                                                  i);
        section->attempted_at = SAMPLE_NOW;
    }

    s.disks[1].section.error = "statvfs() failed";

    assert_advice(&s, failed);
}


static void
test_database(void **state)
{
    sample_t  s;

    static const advice_t  unreachable[] = {
        { "critical", "Database cannot be reached", "connection refused",
          "Check that the database is running and that caphealth_database "
          "is right", "database-unreachable", "database", NULL },
        { "warning", "CPU Usage (%) approaching limit",
          "Currently at 75% of capacity (75 of 100)", SCALE_SOON,
          "threshold-warning", "cpu_percent", NULL },
        { NULL }
    };

    static const advice_t  partly[] = {
        { "warning", "CPU Usage (%) approaching limit",
          "Currently at 75% of capacity (75 of 100)", SCALE_SOON,
          "threshold-warning", "cpu_percent", NULL },
        { "warning", "Database partly unknown", "no such table: inventory",
          "Check the database's tables and caphealth_query",
          "database-partial", "database", NULL },
        { NULL }
    };

    (void) state;

    sample_init(&s);
    s.facts.system.value.cpu_mean = 75;

    s.facts.database.section.failed = 1;
    s.facts.database.section.error = "connection refused";
    assert_advice(&s, unreachable);

    /* listed once, also when the last good values are stale */

    s.facts.database.section.collected_at = 7;
    assert_advice(&s, unreachable);

    s.facts.database.section.failed = 0;
    s.facts.database.section.collected_at = SAMPLE_THEN;
    s.facts.database.section.error = "no such table: inventory";
    assert_advice(&s, partly);
}


/* every source has answered, but not everything is known */

static void
test_unknown(void **state)
{
    sample_t  s;

    static const advice_t  expected[] = {
        { "info", "Disk Usage (%) is not known yet",
          "The latest facts do not include it", NULL,
          "value-unknown", "disk_percent", NULL },
        { "info", "CPU Usage (%) is not known yet",
          "The latest facts do not include it", NULL,
          "value-unknown", "cpu_percent", NULL },
        { NULL }
    };

    (void) state;

    sample_init(&s);

    s.facts.system.value.cpu_mean = NAN;
    s.disks[0].value.used = CAPHEALTH_UNKNOWN;

    assert_advice(&s, expected);
}


static void
test_trigger(void **state)
{
    size_t    i;
    sample_t  s;

    static const struct {
        int64_t      vendors;
        int64_t      products;
        const char  *trigger;
    } table[] = {
        { 0, 0, NULL },
        { 35, 7000, NULL },
        { 36, 0, "Approaching Small tier (vendors: 72%, products: 0%)" },
        { 35, 7001, "Approaching Small tier (vendors: 70%, products: 70%)" },
        { 0, 7001, "Approaching Small tier (vendors: 0%, products: 70%)" },
        { 50, 10000,
          "Approaching Small tier (vendors: 100%, products: 100%)" },
        { 51, 10000, NULL },
        { 71, 0, "Approaching Medium tier (vendors: 71%, products: 0%)" },
        { 211, 70000,
          "Approaching Large tier (vendors: 70%, products: 70%)" },
        { 351, 1, "Approaching Scale tier (vendors: 70%, products: 0%)" },
        { 1000, 400000,
          "Approaching Enterprise tier (vendors: 100%, products: 80%)" },
        { 1001, 500000, NULL },
        { INT64_MAX, INT64_MAX, NULL },
        { NONE, 7001, NULL },
        { 36, NONE, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sample_init(&s);

        s.facts.database.value.vendors_count = table[i].vendors;
        s.facts.database.value.products_count = table[i].products;

        assert_trigger(&s, table[i].trigger);
    }
}


static void
test_trigger_custom(void **state)
{
    size_t    i;
    sample_t  s;

    static const caphealth_tier_t  ladder[] = {
        { "Nil", 0, NONE },
        { "Stall", 10, NONE },
        { "Shop", NONE, 1000 },
        { "Mall", 100, 2000 },
        { "City \"caf\xe9\"", NONE, NONE }
    };

    static const struct {
        int64_t      vendors;
        int64_t      products;
        const char  *trigger;
    } table[] = {
        { 0, NONE, NULL },
        { 7, NONE, NULL },
        { 8, NONE, "Approaching Shop tier (vendors: 80%)" },
        { 11, 700, NULL },
        { 11, 701, "Approaching Mall tier (products: 70%)" },
        { 11, 1001, NULL },
        { 75, 1500, "Approaching City \"caf\xef\xbf\xbd\" tier "
          "(vendors: 75%, products: 75%)" },
        { 101, 1500, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sample_init(&s);

        s.policy.tiers = ladder;
        s.policy.ntiers = sizeof(ladder) / sizeof(ladder[0]);
        s.facts.database.value.vendors_count = table[i].vendors;
        s.facts.database.value.products_count = table[i].products;

        assert_trigger(&s, table[i].trigger);
    }
}


/* without a vendor there is nobody to plan for */

static void
test_tier(void **state)
{
    size_t    i;
    sample_t  s;

    static const advice_t  healthy[] = {
        { "info", "All systems healthy", "No capacity concerns at this time",
          NULL, "all-healthy", NULL, NULL },
        { NULL }
    };

    static const advice_t  tier[] = {
        { "info", "Current tier: Starter",
          "Approaching Small tier (vendors: 2%, products: 90%)", SCALE_INFO,
          "tier-next", NULL, NULL },
        { NULL }
    };

    (void) state;

    for (i = 0; i < 2; i++) {
        sample_init(&s);

        s.facts.database.value.vendors_count = (int64_t) i;
        s.facts.database.value.products_count = 9000;

        assert_advice(&s, i == 0 ? healthy : tier);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_zero_limit),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_trigger),
        cmocka_unit_test(test_trigger_custom),
        cmocka_unit_test(test_tier)
    };

    return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
