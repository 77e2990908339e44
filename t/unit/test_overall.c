
/*
 * The judgement of the whole: what the thresholds and the state of their
 * sources add up to.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"


#define NOT      CAPHEALTH_NOT_CONFIGURED
#define OK       CAPHEALTH_OK
#define UNKNOWN  CAPHEALTH_UNKNOWN_STATUS
#define WARN     CAPHEALTH_WARNING
#define CRIT     CAPHEALTH_CRITICAL


typedef void (*change_t)(sample_t *s);


typedef struct {
    caphealth_status_e  overall;
    change_t            changes[4];
} combination_t;


static void
cpu_warning(sample_t *s)
{
    sample_set(s, CAPHEALTH_CPU_PERCENT, 75);
}


static void
cpu_critical(sample_t *s)
{
    sample_set(s, CAPHEALTH_CPU_PERCENT, 95);
}


static void
cpu_unknown(sample_t *s)
{
    sample_set(s, CAPHEALTH_CPU_PERCENT, NAN);
}


static void
products_critical(sample_t *s)
{
    sample_set(s, CAPHEALTH_PRODUCTS_TOTAL, 500000);
}


static void
products_unknown(sample_t *s)
{
    s->facts.database.value.products_count = CAPHEALTH_UNKNOWN;
}


static void
age(caphealth_section_t *s)
{
    s->collected_at -= 4 * s->interval;
}


static void
empty(caphealth_section_t *s)
{
    s->collected_at = 0;
    s->attempted_at = 0;
}


static void
system_stale(sample_t *s)
{
    age(&s->facts.system.section);
}


static void
system_future(sample_t *s)
{
    s->facts.system.section.collected_at = SAMPLE_NOW + 11;
}


static void
system_failed(sample_t *s)
{
    s->facts.system.section.failed = 1;
    s->facts.system.section.error = "no";
}


static void
system_empty(sample_t *s)
{
    empty(&s->facts.system.section);
    caphealth_system_clear(&s->facts.system.value);
}


static void
system_off(sample_t *s)
{
    s->facts.system.section.configured = 0;
}


static void
disk_stale(sample_t *s)
{
    age(&s->disks[0].section);
}


static void
disk_failed(sample_t *s)
{
    s->disks[0].section.failed = 1;
}


static void
disks_none(sample_t *s)
{
    s->facts.ndisks = 0;
}


static void
second_stale(sample_t *s)
{
    age(&s->disks[1].section);
}


static void
second_empty(sample_t *s)
{
    empty(&s->disks[1].section);
}


static void
second_failed(sample_t *s)
{
    s->disks[1].section.failed = 1;
}


static void
second_off(sample_t *s)
{
    s->disks[1].section.configured = 0;
}


static void
second_full(sample_t *s)
{
    s->disks[1].value.available = 0;
}


static void
database_stale(sample_t *s)
{
    age(&s->facts.database.section);
}


static void
database_empty(sample_t *s)
{
    empty(&s->facts.database.section);
    caphealth_database_clear(&s->facts.database.value);
}


static void
database_failed(sample_t *s)
{
    s->facts.database.section.failed = 1;
    s->facts.database.section.error = "refused";
    s->facts.database.section.attempted_at = SAMPLE_NOW;
}


static void
database_partly(sample_t *s)
{
    s->facts.database.section.error = "no such table: inventory";
    s->facts.database.value.inventory_count = CAPHEALTH_UNKNOWN;
}


static void
database_off(sample_t *s)
{
    s->facts.database.section.configured = 0;
    empty(&s->facts.database.section);
    caphealth_database_clear(&s->facts.database.value);
}


static void
images_stale(sample_t *s)
{
    age(&s->facts.images.section);
}


static void
images_empty(sample_t *s)
{
    empty(&s->facts.images.section);
    caphealth_images_clear(&s->facts.images.value);
}


static void
images_off(sample_t *s)
{
    s->facts.images.section.configured = 0;
    images_empty(s);
}


static void
test_overall(void **state)
{
    size_t                  i, k;
    sample_t                s;
    caphealth_evaluation_t  a;

    static const combination_t  table[] = {
        { OK, { NULL } },
        { WARN, { cpu_warning } },
        { CRIT, { cpu_critical } },
        { UNKNOWN, { cpu_unknown } },
        { CRIT, { cpu_warning, products_critical } },
        { WARN, { cpu_warning, products_unknown } },
        { CRIT, { cpu_unknown, products_critical } },

        /* without the pulse nothing is known, however bad it was */

        { UNKNOWN, { system_stale } },
        { UNKNOWN, { system_stale, products_critical } },
        { UNKNOWN, { system_stale, cpu_critical } },
        { UNKNOWN, { system_stale, database_failed } },
        { UNKNOWN, { system_future } },
        { UNKNOWN, { system_empty } },
        { CRIT, { system_empty, products_critical } },
        { OK, { system_failed } },
        { CRIT, { system_failed, cpu_critical } },
        { UNKNOWN, { system_failed, system_stale } },

        { UNKNOWN, { disk_stale } },
        { WARN, { disk_stale, cpu_warning } },
        { OK, { disk_failed } },
        { UNKNOWN, { second_stale } },
        { UNKNOWN, { second_empty } },
        { WARN, { second_empty, cpu_warning } },
        { CRIT, { second_stale, cpu_critical } },
        { OK, { second_failed } },
        { UNKNOWN, { second_failed, second_empty } },
        { OK, { second_off, second_empty } },
        { CRIT, { second_full } },
        { OK, { disks_none } },

        { UNKNOWN, { database_stale } },
        { UNKNOWN, { database_stale, products_critical } },
        { UNKNOWN, { database_empty } },
        { CRIT, { database_failed } },
        { CRIT, { database_empty, database_failed } },
        { CRIT, { database_stale, database_failed } },
        { UNKNOWN, { database_partly } },
        { WARN, { database_partly, cpu_warning } },
        { UNKNOWN, { products_unknown } },
        { OK, { database_off } },

        { UNKNOWN, { images_stale } },
        { UNKNOWN, { images_empty } },
        { CRIT, { images_empty, cpu_critical } },
        { OK, { images_off } },
        { OK, { images_off, database_off } },

        { UNKNOWN, { system_off, disks_none, database_off, images_off } }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {

        sample_init(&s);

        for (k = 0; k < 4 && table[i].changes[k] != NULL; k++) {
            table[i].changes[k](&s);
        }

        caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);

        if (a.overall != table[i].overall) {
            print_error("combination %zu\n", i);
        }

        assert_int_equal(a.overall, table[i].overall);
    }
}


/* a database that was never tried has not failed */

static void
test_untried(void **state)
{
    sample_t                s;
    caphealth_evaluation_t  a;

    (void) state;

    sample_init(&s);
    database_failed(&s);
    database_empty(&s);

    caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);
    assert_int_equal(a.overall, UNKNOWN);
}


static void
test_checks(void **state)
{
    size_t                  i, k;
    sample_t                s;
    caphealth_evaluation_t  a;

    static const struct {
        change_t            change;
        int                 stale;
        int                 known[CAPHEALTH_THRESHOLDS];
        caphealth_status_e  status[CAPHEALTH_THRESHOLDS];
    } table[] = {
        { system_stale, 1, { 1, 1, 1, 1, 1, 1 },
          { OK, OK, OK, OK, UNKNOWN, UNKNOWN } },
        { system_empty, 0, { 1, 1, 1, 1, 0, 0 },
          { OK, OK, OK, OK, UNKNOWN, UNKNOWN } },
        { system_failed, 0, { 1, 1, 1, 1, 1, 1 },
          { OK, OK, OK, OK, OK, OK } },
        { system_off, 0, { 1, 1, 1, 1, 0, 0 },
          { OK, OK, OK, OK, NOT, NOT } },
        { disk_stale, 0, { 1, 1, 1, 1, 1, 1 },
          { OK, OK, OK, UNKNOWN, OK, OK } },
        { disks_none, 0, { 1, 1, 1, 0, 1, 1 },
          { OK, OK, OK, NOT, OK, OK } },
        { database_stale, 0, { 1, 1, 1, 1, 1, 1 },
          { UNKNOWN, OK, UNKNOWN, OK, OK, OK } },
        { database_empty, 0, { 0, 1, 0, 1, 1, 1 },
          { UNKNOWN, OK, UNKNOWN, OK, OK, OK } },
        { database_failed, 0, { 1, 1, 1, 1, 1, 1 },
          { OK, OK, OK, OK, OK, OK } },
        { database_off, 0, { 0, 1, 0, 1, 1, 1 },
          { NOT, OK, NOT, OK, OK, OK } },
        { products_unknown, 0, { 0, 1, 1, 1, 1, 1 },
          { UNKNOWN, OK, OK, OK, OK, OK } },
        { images_stale, 0, { 1, 1, 1, 1, 1, 1 },
          { OK, UNKNOWN, OK, OK, OK, OK } },
        { images_off, 0, { 1, 0, 1, 1, 1, 1 },
          { OK, NOT, OK, OK, OK, OK } }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {

        sample_init(&s);
        table[i].change(&s);

        caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);

        assert_int_equal(a.stale, table[i].stale);

        for (k = 0; k < CAPHEALTH_THRESHOLDS; k++) {
            assert_int_equal(a.checks[k].status, table[i].status[k]);
            assert_int_equal(!isnan(a.checks[k].current), table[i].known[k]);
            assert_int_equal(!isnan(a.checks[k].percent_used),
                             table[i].known[k]);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_overall),
        cmocka_unit_test(test_untried),
        cmocka_unit_test(test_checks)
    };

    return cmocka_run_group_tests_name("overall", tests, NULL, NULL);
}
