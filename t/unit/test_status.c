
/*
 * The judgement of each threshold: at, under and above its bounds.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"


#define OK       CAPHEALTH_OK
#define UNKNOWN  CAPHEALTH_UNKNOWN_STATUS
#define WARN     CAPHEALTH_WARNING
#define CRIT     CAPHEALTH_CRITICAL


static void
test_bounds(void **state)
{
    size_t                    i;
    sample_t                  s;
    caphealth_evaluation_t    a;
    const caphealth_check_t  *c;

    static const struct {
        caphealth_threshold_e  key;
        double                 value;
        double                 current;
        double                 percent_used;
        caphealth_status_e     status;
    } table[] = {
        { CAPHEALTH_PRODUCTS_TOTAL, 0, 0, 0, OK },
        { CAPHEALTH_PRODUCTS_TOTAL, 399999, 399999, 80, OK },
        { CAPHEALTH_PRODUCTS_TOTAL, 400000, 400000, 80, WARN },
        { CAPHEALTH_PRODUCTS_TOTAL, 400001, 400001, 80, WARN },
        { CAPHEALTH_PRODUCTS_TOTAL, 474999, 474999, 95, WARN },
        { CAPHEALTH_PRODUCTS_TOTAL, 475000, 475000, 95, CRIT },
        { CAPHEALTH_PRODUCTS_TOTAL, 475001, 475001, 95, CRIT },
        { CAPHEALTH_PRODUCTS_TOTAL, 500000, 500000, 100, CRIT },
        { CAPHEALTH_PRODUCTS_TOTAL, 612345, 612345, 122.5, CRIT },

        { CAPHEALTH_STORAGE_GB, 799.99, 799.99, 80, OK },
        { CAPHEALTH_STORAGE_GB, 799.994, 799.99, 80, OK },
        { CAPHEALTH_STORAGE_GB, 799.996, 800, 80, WARN },
        { CAPHEALTH_STORAGE_GB, 800, 800, 80, WARN },
        { CAPHEALTH_STORAGE_GB, 800.01, 800.01, 80, WARN },
        { CAPHEALTH_STORAGE_GB, 949.99, 949.99, 95, WARN },
        { CAPHEALTH_STORAGE_GB, 949.996, 950, 95, CRIT },
        { CAPHEALTH_STORAGE_GB, 950, 950, 95, CRIT },
        { CAPHEALTH_STORAGE_GB, 950.01, 950.01, 95, CRIT },
        { CAPHEALTH_STORAGE_GB, 1000, 1000, 100, CRIT },

        { CAPHEALTH_DB_SIZE_MB, 19999.99, 19999.99, 80, OK },
        { CAPHEALTH_DB_SIZE_MB, 20000, 20000, 80, WARN },
        { CAPHEALTH_DB_SIZE_MB, 20000.01, 20000.01, 80, WARN },
        { CAPHEALTH_DB_SIZE_MB, 23999.99, 23999.99, 96, WARN },
        { CAPHEALTH_DB_SIZE_MB, 24000, 24000, 96, CRIT },
        { CAPHEALTH_DB_SIZE_MB, 24000.01, 24000.01, 96, CRIT },
        { CAPHEALTH_DB_SIZE_MB, 25000, 25000, 100, CRIT },

        { CAPHEALTH_DISK_PERCENT, 69.9, 69.9, 69.9, OK },
        { CAPHEALTH_DISK_PERCENT, 69.94, 69.9, 69.9, OK },
        { CAPHEALTH_DISK_PERCENT, 69.96, 70, 70, WARN },
        { CAPHEALTH_DISK_PERCENT, 70, 70, 70, WARN },
        { CAPHEALTH_DISK_PERCENT, 70.1, 70.1, 70.1, WARN },
        { CAPHEALTH_DISK_PERCENT, 84.9, 84.9, 84.9, WARN },
        { CAPHEALTH_DISK_PERCENT, 85, 85, 85, CRIT },
        { CAPHEALTH_DISK_PERCENT, 85.1, 85.1, 85.1, CRIT },
        { CAPHEALTH_DISK_PERCENT, 100, 100, 100, CRIT },

        { CAPHEALTH_MEMORY_PERCENT, 74.9, 74.9, 74.9, OK },
        { CAPHEALTH_MEMORY_PERCENT, 75, 75, 75, WARN },
        { CAPHEALTH_MEMORY_PERCENT, 75.1, 75.1, 75.1, WARN },
        { CAPHEALTH_MEMORY_PERCENT, 89.9, 89.9, 89.9, WARN },
        { CAPHEALTH_MEMORY_PERCENT, 90, 90, 90, CRIT },
        { CAPHEALTH_MEMORY_PERCENT, 90.1, 90.1, 90.1, CRIT },

        { CAPHEALTH_CPU_PERCENT, 69.9, 69.9, 69.9, OK },
        { CAPHEALTH_CPU_PERCENT, 70, 70, 70, WARN },
        { CAPHEALTH_CPU_PERCENT, 70.1, 70.1, 70.1, WARN },
        { CAPHEALTH_CPU_PERCENT, 84.75, 84.8, 84.8, WARN },
        { CAPHEALTH_CPU_PERCENT, 84.9375, 84.9, 84.9, WARN },
        { CAPHEALTH_CPU_PERCENT, 84.96, 85, 85, CRIT },
        { CAPHEALTH_CPU_PERCENT, 85, 85, 85, CRIT },
        { CAPHEALTH_CPU_PERCENT, 85.1, 85.1, 85.1, CRIT },
        { CAPHEALTH_CPU_PERCENT, 1e300, 1e300, 1e300, CRIT }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sample_init(&s);
        sample_set(&s, table[i].key, table[i].value);

        caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);

        c = &a.checks[table[i].key];

        assert_true(c->current == table[i].current);
        assert_true(c->percent_used == table[i].percent_used);
        assert_int_equal(c->status, table[i].status);
        assert_int_equal(a.overall, table[i].status);
    }
}


/* the status is that of the number that is shown */

static void
test_ties(void **state)
{
    size_t                    i;
    sample_t                  s;
    caphealth_evaluation_t    a;
    const caphealth_check_t  *c;

    static const struct {
        double              value;
        double              warning;
        double              current;
        caphealth_status_e  status;
    } table[] = {
        { 0.25, 0.25, 0.2, OK },
        { 0.25, 0.2, 0.2, WARN },
        { 0.75, 0.8, 0.8, WARN },
        { 0.35, 0.35, 0.3, OK },
        { 0.45, 0.5, 0.5, WARN },
        { 0.04, 0.01, 0, OK },
        { 0, 0, 0, WARN }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sample_init(&s);
        sample_set(&s, CAPHEALTH_CPU_PERCENT, table[i].value);
        s.policy.bounds[CAPHEALTH_CPU_PERCENT].warning = table[i].warning;

        caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);

        c = &a.checks[CAPHEALTH_CPU_PERCENT];

        assert_true(c->current == table[i].current);
        assert_true(c->bounds.warning == table[i].warning);
        assert_int_equal(c->status, table[i].status);
    }
}


static void
test_zero_limit(void **state)
{
    sample_t                s;
    caphealth_check_t      *c;
    caphealth_evaluation_t  a;

    (void) state;

    sample_init(&s);
    memset(&s.policy.bounds[CAPHEALTH_PRODUCTS_TOTAL], 0,
           sizeof(caphealth_bounds_t));

    c = &a.checks[CAPHEALTH_PRODUCTS_TOTAL];

    caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
    assert_true(c->current == 1234);
    assert_true(isnan(c->percent_used));
    assert_int_equal(c->status, CRIT);

    sample_set(&s, CAPHEALTH_PRODUCTS_TOTAL, 0);

    caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
    assert_true(c->current == 0);
    assert_true(isnan(c->percent_used));
    assert_int_equal(c->status, CRIT);
}


/* numbers that no collector should send */

static void
test_absurd(void **state)
{
    size_t                  i;
    sample_t                s;
    caphealth_check_t      *c;
    caphealth_evaluation_t  a;

    static const double  values[] = { NAN, INFINITY, -INFINITY };

    (void) state;

    c = &a.checks[CAPHEALTH_CPU_PERCENT];

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        sample_init(&s);
        sample_set(&s, CAPHEALTH_CPU_PERCENT, values[i]);

        caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
        assert_true(isnan(c->current));
        assert_true(isnan(c->percent_used));
        assert_int_equal(c->status, UNKNOWN);
        assert_int_equal(a.overall, UNKNOWN);
    }

    sample_set(&s, CAPHEALTH_CPU_PERCENT, 1.7e308);

    caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
    assert_true(c->current == 1.7e308);
    assert_true(isnan(c->percent_used));
    assert_int_equal(c->status, CRIT);
}


static void
test_tier(void **state)
{
    sample_t                s;
    caphealth_evaluation_t  a;

    (void) state;

    sample_init(&s);
    caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
    assert_string_equal(a.tier->name, "Starter");

    s.facts.database.value.vendors_count = 51;
    caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
    assert_string_equal(a.tier->name, "Small");

    caphealth_database_clear(&s.facts.database.value);
    caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
    assert_null(a.tier);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_zero_limit),
        cmocka_unit_test(test_absurd),
        cmocka_unit_test(test_tier)
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
