
/*
 * Policy: the table of thresholds, the ladder of tiers, and their checks.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_measures.h"


#define NONE  CAPHEALTH_UNKNOWN


static void
assert_text(const char *text, const char *expected)
{
    if (expected == NULL) {
        assert_null(text);
        return;
    }

    assert_non_null(text);
    assert_string_equal(text, expected);
}


static void
test_thresholds(void **state)
{
    size_t                        i;
    caphealth_policy_t            p;
    const caphealth_measure_t  *t;

    static const struct {
        const char          *key;
        const char          *name;
        caphealth_unit_e     unit;
        int                  decimals;
        caphealth_bounds_t   bounds;
    } table[] = {
        { "products_total", "Products", CAPHEALTH_UNIT_COUNT, 0,
          { 400000, 475000, 500000 } },
        { "storage_gb", "Image Storage (GB)", CAPHEALTH_UNIT_GB, 2,
          { 800, 950, 1000 } },
        { "db_size_mb", "Database (MB)", CAPHEALTH_UNIT_MB, 2,
          { 20000, 24000, 25000 } },
        { "disk_percent", "Disk Usage (%)", CAPHEALTH_UNIT_PERCENT, 1,
          { 70, 85, 100 } },
        { "memory_percent", "Memory Usage (%)", CAPHEALTH_UNIT_PERCENT, 1,
          { 75, 90, 100 } },
        { "cpu_percent", "CPU Usage (%)", CAPHEALTH_UNIT_PERCENT, 1,
          { 70, 85, 100 } }
    };

    (void) state;

    assert_int_equal(sizeof(table) / sizeof(table[0]), CAPHEALTH_THRESHOLDS);

    caphealth_policy_init(&p);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        t = caphealth_threshold(i);

        assert_string_equal(t->key, table[i].key);
        assert_string_equal(t->label, table[i].name);
        assert_int_equal(t->unit, table[i].unit);
        assert_int_equal(t->decimals, table[i].decimals);
        assert_true(p.bounds[i].warning == table[i].bounds.warning);
        assert_true(p.bounds[i].critical == table[i].bounds.critical);
        assert_true(p.bounds[i].limit == table[i].bounds.limit);
        assert_text(caphealth_bounds_check(&p.bounds[i], t->unit), NULL);
    }
}


static double
current(const caphealth_facts_t *f, caphealth_threshold_e i)
{
    return caphealth_threshold_value(i, f);
}


static void
test_current(void **state)
{
    caphealth_facts_t       f;
    caphealth_disk_facts_t  disk;

    (void) state;

    memset(&f, 0, sizeof(caphealth_facts_t));
    memset(&disk, 0, sizeof(caphealth_disk_facts_t));

    f.disks = &disk;
    f.ndisks = 1;

    f.system.value.cpu_mean = 12.345;
    f.system.value.memory_used = 1;
    f.system.value.memory_total = 8;
    f.database.value.products_count = 7;
    f.database.value.size = 1024 * 1024 * 5 / 2;
    f.images.value.bytes = INT64_C(1024) * 1024 * 1024 * 5 / 4;
    disk.value.total = 1000;
    disk.value.used = 30;
    disk.value.available = 10;

    assert_true(current(&f, CAPHEALTH_CPU_PERCENT) == 12.345);
    assert_true(current(&f, CAPHEALTH_MEMORY_PERCENT) == 12.5);
    assert_true(current(&f, CAPHEALTH_PRODUCTS_TOTAL) == 7);
    assert_true(current(&f, CAPHEALTH_DB_SIZE_MB) == 2.5);
    assert_true(current(&f, CAPHEALTH_STORAGE_GB) == 1.25);
    assert_true(current(&f, CAPHEALTH_DISK_PERCENT) == 75);

    /* as large as they come */

    disk.value.used = INT64_MAX;
    disk.value.available = INT64_MAX;
    f.system.value.memory_used = INT64_MAX;
    f.system.value.memory_total = 1;

    assert_true(current(&f, CAPHEALTH_DISK_PERCENT) == 50);
    assert_true(isfinite(current(&f, CAPHEALTH_MEMORY_PERCENT)));
}


static void
test_current_unknown(void **state)
{
    size_t                  i;
    caphealth_facts_t       f;
    caphealth_disk_facts_t  disk;

    (void) state;

    memset(&f, 0, sizeof(caphealth_facts_t));

    caphealth_system_clear(&f.system.value);
    caphealth_database_clear(&f.database.value);
    caphealth_images_clear(&f.images.value);
    caphealth_disk_clear(&disk.value);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        assert_true(isnan(current(&f, i)));
    }

    f.disks = &disk;
    f.ndisks = 1;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        assert_true(isnan(current(&f, i)));
    }

    /* half known is unknown, and nothing is divided by zero */

    disk.value.used = 1;
    assert_true(isnan(current(&f, CAPHEALTH_DISK_PERCENT)));

    disk.value.used = 0;
    disk.value.available = 0;
    assert_true(isnan(current(&f, CAPHEALTH_DISK_PERCENT)));

    f.system.value.memory_total = 8;
    assert_true(isnan(current(&f, CAPHEALTH_MEMORY_PERCENT)));

    f.system.value.memory_used = 8;
    f.system.value.memory_total = 0;
    assert_true(isnan(current(&f, CAPHEALTH_MEMORY_PERCENT)));
}


static void
test_section(void **state)
{
    size_t                      i;
    caphealth_facts_t           f;
    caphealth_disk_facts_t      disks[2];
    const caphealth_section_t  *s;

    const caphealth_section_t  *sections[CAPHEALTH_THRESHOLDS] = {
        &f.database.section, &f.images.section, &f.database.section,
        &disks[0].section, &f.system.section, &f.system.section
    };

    (void) state;

    memset(&f, 0, sizeof(caphealth_facts_t));

    s = caphealth_threshold_section(CAPHEALTH_DISK_PERCENT, &f);
    assert_non_null(s);
    assert_int_equal(s->configured, 0);

    f.disks = disks;
    f.ndisks = 2;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        assert_ptr_equal(caphealth_threshold_section(i, &f), sections[i]);
    }
}


static void
test_bounds_check(void **state)
{
    size_t  i;

    static const struct {
        caphealth_bounds_t   bounds;
        caphealth_unit_e     unit;
        const char          *wrong;
    } table[] = {
        { { 1, 2, 3 }, CAPHEALTH_UNIT_COUNT, NULL },
        { { 0, 0, 1 }, CAPHEALTH_UNIT_COUNT, NULL },
        { { 5, 5, 5 }, CAPHEALTH_UNIT_GB, NULL },
        { { 1, 2, 1e300 }, CAPHEALTH_UNIT_MB, NULL },
        { { 70, 85, 100 }, CAPHEALTH_UNIT_PERCENT, NULL },
        { { 70, 85, 100.1 }, CAPHEALTH_UNIT_PERCENT,
          "limit of a percentage is greater than 100" },
        { { 70, 85, 100.1 }, CAPHEALTH_UNIT_GB, NULL },
        { { 0, 0, 0 }, CAPHEALTH_UNIT_COUNT,
          "limit is not greater than zero" },
        { { 0, 0, -1 }, CAPHEALTH_UNIT_COUNT,
          "limit is not greater than zero" },
        { { -1, 2, 3 }, CAPHEALTH_UNIT_COUNT, "warning is negative" },
        { { 2.1, 2, 3 }, CAPHEALTH_UNIT_COUNT,
          "warning is greater than critical" },
        { { 1, 3.1, 3 }, CAPHEALTH_UNIT_COUNT,
          "critical is greater than limit" },
        { { NAN, 2, 3 }, CAPHEALTH_UNIT_COUNT,
          "a bound is not a finite number" },
        { { 1, NAN, 3 }, CAPHEALTH_UNIT_COUNT,
          "a bound is not a finite number" },
        { { 1, 2, NAN }, CAPHEALTH_UNIT_COUNT,
          "a bound is not a finite number" },
        { { 1, 2, INFINITY }, CAPHEALTH_UNIT_COUNT,
          "a bound is not a finite number" },
        { { -INFINITY, 2, 3 }, CAPHEALTH_UNIT_COUNT,
          "a bound is not a finite number" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_text(caphealth_bounds_check(&table[i].bounds, table[i].unit),
                    table[i].wrong);
    }
}


static void
test_tiers_check(void **state)
{
    size_t  i;

    static const struct {
        size_t             n;
        caphealth_tier_t   tiers[4];
        const char        *wrong;
    } table[] = {
        { 1, { { "All", NONE, NONE } }, NULL },
        { 2, { { "A", 1, NONE }, { "B", NONE, NONE } }, NULL },
        { 2, { { "A", NONE, 1 }, { "B", NONE, NONE } }, NULL },
        { 2, { { "A", 0, 0 }, { "B", NONE, NONE } }, NULL },
        { 3, { { "A", 5, 5 }, { "B", 5, 5 }, { "C", NONE, NONE } }, NULL },
        { 3, { { "A", 5, NONE }, { "B", NONE, 2 }, { "C", NONE, NONE } },
          NULL },
        { 2, { { "A", 1, 1 }, { "a", NONE, NONE } }, NULL },
        { 0, { { NULL, 0, 0 } }, "there is no tier" },
        { 1, { { "", NONE, NONE } }, "a tier has no name" },
        { 1, { { NULL, NONE, NONE } }, "a tier has no name" },
        { 1, { { "A", 5, 5 } }, "the last tier has a bound" },
        { 2, { { "A", 5, 5 }, { "B", NONE, 6 } },
          "the last tier has a bound" },
        { 2, { { "A", NONE, NONE }, { "B", NONE, NONE } },
          "a tier before the last has no bound" },
        { 2, { { "A", -2, 5 }, { "B", NONE, NONE } },
          "a bound of a tier is negative" },
        { 2, { { "A", 5, INT64_MIN }, { "B", NONE, NONE } },
          "a bound of a tier is negative" },
        { 2, { { "A", 5, 5 }, { "A", NONE, NONE } },
          "two tiers have the same name" },
        { 4, { { "A", 1, 1 }, { "B", 2, 2 }, { "A", 3, 3 },
               { "D", NONE, NONE } },
          "two tiers have the same name" },
        { 3, { { "A", 5, 5 }, { "B", 4, 6 }, { "C", NONE, NONE } },
          "a bound of a tier is lower than that of an earlier tier" },
        { 3, { { "A", 5, 5 }, { "B", 6, 4 }, { "C", NONE, NONE } },
          "a bound of a tier is lower than that of an earlier tier" },
        { 4, { { "A", 5, 5 }, { "B", NONE, 6 }, { "C", 4, 7 },
               { "D", NONE, NONE } },
          "a bound of a tier is lower than that of an earlier tier" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_text(caphealth_tiers_check(table[i].tiers, table[i].n),
                    table[i].wrong);
    }
}


static void
test_tier_corners(void **state)
{
    size_t                   i;
    caphealth_policy_t       p;
    const caphealth_tier_t  *t;

    static const struct {
        int64_t      clients;
        int64_t      products;
        const char  *name;
    } table[] = {
        { 0, 0, "Starter" },
        { 50, 10000, "Starter" },
        { 51, 10000, "Small" },
        { 50, 10001, "Small" },
        { 100, 30000, "Small" },
        { 101, 30000, "Medium" },
        { 100, 30001, "Medium" },
        { 300, 100000, "Medium" },
        { 301, 100000, "Large" },
        { 300, 100001, "Large" },
        { 500, 250000, "Large" },
        { 501, 250000, "Scale" },
        { 500, 250001, "Scale" },
        { 1000, 500000, "Scale" },
        { 1001, 500000, "Enterprise" },
        { 1000, 500001, "Enterprise" },
        { 0, 500001, "Enterprise" },
        { 1001, 0, "Enterprise" },
        { INT64_MAX, INT64_MAX, "Enterprise" },

        /* what is unknown may or may not decide */

        { NONE, NONE, NULL },
        { NONE, 0, NULL },
        { 0, NONE, NULL },
        { NONE, 500000, NULL },
        { NONE, 500001, "Enterprise" },
        { 1000, NONE, NULL },
        { 1001, NONE, "Enterprise" }
    };

    (void) state;

    caphealth_policy_init(&p);

    assert_int_equal(p.ntiers, 6);
    assert_text(caphealth_tiers_check(p.tiers, p.ntiers), NULL);

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        t = caphealth_tier_find(&p, table[i].clients, table[i].products);

        assert_text(t == NULL ? NULL : t->name, table[i].name);
    }
}


static void
test_tier_custom(void **state)
{
    size_t                   i;
    caphealth_policy_t       p;
    const caphealth_tier_t  *t;

    static const caphealth_tier_t  ladder[] = {
        { "Stall", 3, NONE },
        { "Shop", NONE, 100 },
        { "Mall", NONE, NONE }
    };

    static const caphealth_tier_t  single[] = {
        { "All", NONE, NONE }
    };

    static const struct {
        int64_t      clients;
        int64_t      products;
        const char  *name;
    } table[] = {
        { 3, INT64_MAX, "Stall" },
        { 3, NONE, "Stall" },
        { 4, 100, "Shop" },
        { 4, 101, "Mall" },
        { 4, NONE, NULL },
        { NONE, 100, NULL },
        { INT64_MAX, 0, "Shop" }
    };

    (void) state;

    caphealth_policy_init(&p);

    p.tiers = ladder;
    p.ntiers = 3;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        t = caphealth_tier_find(&p, table[i].clients, table[i].products);

        assert_text(t == NULL ? NULL : t->name, table[i].name);
    }

    p.tiers = single;
    p.ntiers = 1;

    assert_ptr_equal(caphealth_tier_find(&p, NONE, NONE), single);

    p.ntiers = 0;

    assert_null(caphealth_tier_find(&p, 0, 0));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_current),
        cmocka_unit_test(test_current_unknown),
        cmocka_unit_test(test_section),
        cmocka_unit_test(test_bounds_check),
        cmocka_unit_test(test_tiers_check),
        cmocka_unit_test(test_tier_corners),
        cmocka_unit_test(test_tier_custom)
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
