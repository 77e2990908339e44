
/*
 * Sections: when what is known about them is too old.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_facts.h"


static void
test_stale(void **state)
{
    size_t               i;
    caphealth_section_t  s;

    static const struct {
        int     configured;
        double  collected_at;
        double  interval;
        double  now;
        int     known;
        int     stale;
    } table[] = {
        { 1, 1000, 10, 1000, 1, 0 },
        { 1, 1000, 10, 1029.999, 1, 0 },
        { 1, 1000, 10, 1030, 1, 0 },
        { 1, 1000, 10, 1030.001, 1, 1 },
        { 1, 1000, 10, 1e300, 1, 1 },
        { 1, 1000, 10, 990, 1, 0 },
        { 1, 1000, 10, 989.999, 1, 1 },
        { 1, 1000, 10, 1, 1, 1 },
        { 0, 1000, 10, 5000, 0, 0 },
        { 1, 0, 10, 5000, 0, 0 },
        { 1, -5, 10, 5000, 0, 0 },
        { 1, NAN, 10, 5000, 0, 0 },
        { 1, INFINITY, 10, 5000, 1, 1 },
        { 1, 1000, 0, 1000, 1, 0 },
        { 1, 1000, 0, 1000.001, 1, 1 },
        { 1, 1000, 0, 999.999, 1, 1 }
    };

    (void) state;

    s = (caphealth_section_t) { .configured = 1, .collected_at = 1000,
                                .interval = 10, .way = 5 };
    assert_false(caphealth_section_stale(&s, 1035));
    assert_true(caphealth_section_stale(&s, 1035.001));

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        memset(&s, 0, sizeof(caphealth_section_t));

        s.configured = table[i].configured;
        s.collected_at = table[i].collected_at;
        s.interval = table[i].interval;

        assert_int_equal(caphealth_section_known(&s), table[i].known);
        assert_int_equal(caphealth_section_stale(&s, table[i].now),
                         table[i].stale);
    }
}


static void
section_set(caphealth_section_t *s, double collected_at, double interval)
{
    s->configured = 1;
    s->collected_at = collected_at;
    s->interval = interval;
}


static void
test_sections(void **state)
{
    caphealth_facts_t       f;
    caphealth_disk_facts_t  disks[2];

    (void) state;

    memset(&f, 0, sizeof(caphealth_facts_t));
    memset(disks, 0, sizeof(disks));

    assert_ptr_equal(caphealth_facts_section(&f, 0), &f.system.section);
    assert_ptr_equal(caphealth_facts_section(&f, 1), &f.database.section);
    assert_ptr_equal(caphealth_facts_section(&f, 2), &f.images.section);
    assert_null(caphealth_facts_section(&f, 3));

    f.disks = disks;
    f.ndisks = 2;

    assert_ptr_equal(caphealth_facts_section(&f, 1), &disks[0].section);
    assert_ptr_equal(caphealth_facts_section(&f, 2), &disks[1].section);
    assert_ptr_equal(caphealth_facts_section(&f, 3), &f.database.section);
    assert_ptr_equal(caphealth_facts_section(&f, 4), &f.images.section);
    assert_null(caphealth_facts_section(&f, 5));
    assert_null(caphealth_facts_section(&f, 500));
}


static void
test_stale_at(void **state)
{
    double                  at;
    caphealth_facts_t       f;
    caphealth_disk_facts_t  disks[2];

    (void) state;

    memset(&f, 0, sizeof(caphealth_facts_t));
    memset(disks, 0, sizeof(disks));

    f.disks = disks;
    f.ndisks = 2;

    /* nothing configured; configured, but without data */

    assert_true(caphealth_facts_stale_at(&f, 1000) == INFINITY);

    section_set(&f.system.section, 0, 10);
    assert_true(caphealth_facts_stale_at(&f, 1000) == INFINITY);

    /* each section counts, and the earliest is next */

    section_set(&f.images.section, 1000, 500);
    assert_true(caphealth_facts_stale_at(&f, 1000) == 2500);

    section_set(&f.database.section, 1000, 60);
    assert_true(caphealth_facts_stale_at(&f, 1000) == 1180);

    section_set(&disks[1].section, 1000, 20);
    assert_true(caphealth_facts_stale_at(&f, 1000) == 1060);

    section_set(&f.system.section, 1000, 10);
    assert_true(caphealth_facts_stale_at(&f, 1000) == 1030);

    /* what is stale does not become so again, at each step */

    assert_true(caphealth_facts_stale_at(&f, 1030) == 1030);
    assert_true(caphealth_facts_stale_at(&f, 1030.001) == 1060);
    assert_true(caphealth_facts_stale_at(&f, 1061) == 1180);
    assert_true(caphealth_facts_stale_at(&f, 2499) == 2500);
    assert_true(caphealth_facts_stale_at(&f, 2501) == INFINITY);

    /* a clock set back */

    section_set(&disks[0].section, 5000, 1);
    assert_true(caphealth_facts_stale_at(&f, 1000) == 1030);

    /* the answer is the last moment at which nothing has changed */

    at = caphealth_facts_stale_at(&f, 1000);
    assert_false(caphealth_section_stale(&f.system.section, at));
    assert_true(caphealth_section_stale(&f.system.section,
                                        nextafter(at, INFINITY)));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_stale_at)
    };

    return cmocka_run_group_tests_name("stale", tests, NULL, NULL);
}
