
/*
 * Readiness: what fails, and what does not.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_ready.h"
#include "sample.h"


#define bit(name)  caphealth_ready_bit(CAPHEALTH_READY_##name)

#define SYSTEM     (bit(FRESH)|bit(CPU)|bit(MEMORY))
#define DATABASE   (bit(DATABASE)|bit(PRODUCTS)|bit(DATABASE_SIZE))


static void
assert_failed(const sample_t *s, double now, unsigned failed)
{
    int                i;
    caphealth_ready_t  r;

    assert_int_equal(caphealth_ready(&r, &s->facts, &s->policy, now), 0);
    assert_int_equal(r.failed, failed);

    for (i = 0; i < CAPHEALTH_READY_CHECKS; i++) {

        assert_null(strchr(r.reasons[i], '\n'));

        if (r.failed & caphealth_ready_bit(i)) {
            assert_string_not_equal(r.reasons[i], "");
        }
    }

    caphealth_ready_free(&r);
}


static void
assert_reason(const sample_t *s, double now, caphealth_ready_e i,
    const char *reason)
{
    caphealth_ready_t  r;

    assert_int_equal(caphealth_ready(&r, &s->facts, &s->policy, now), 0);
    assert_string_equal(r.reasons[i], reason);

    caphealth_ready_free(&r);
}


static void
healthy(void **state)
{
    int       i;
    sample_t  s;

    (void) state;

    sample_init(&s);

    assert_failed(&s, SAMPLE_NOW, 0);

    for (i = 0; i < CAPHEALTH_READY_CHECKS; i++) {
        assert_reason(&s, SAMPLE_NOW, (caphealth_ready_e) i, "");
    }
}


/* each threshold, at and just below its bounds */

static void
thresholds(void **state)
{
    int       i;
    sample_t  s;

    static const unsigned  bits[CAPHEALTH_THRESHOLDS] = {
        [CAPHEALTH_CPU_PERCENT] = bit(CPU),
        [CAPHEALTH_MEMORY_PERCENT] = bit(MEMORY),
        [CAPHEALTH_DISK_PERCENT] = bit(DISK),
        [CAPHEALTH_STORAGE_GB] = bit(IMAGES),
        [CAPHEALTH_PRODUCTS_TOTAL] = bit(PRODUCTS),
        [CAPHEALTH_DB_SIZE_MB] = bit(DATABASE_SIZE)
    };

    (void) state;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        sample_init(&s);

        sample_set(&s, (caphealth_threshold_e) i,
                   s.policy.bounds[i].critical);
        assert_failed(&s, SAMPLE_NOW, bits[i]);

        sample_set(&s, (caphealth_threshold_e) i,
                   s.policy.bounds[i].critical - 1);
        assert_failed(&s, SAMPLE_NOW, 0);
    }

    sample_init(&s);
    sample_set(&s, CAPHEALTH_DB_SIZE_MB, 23999);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_DATABASE_SIZE,
                  "23999.00 MiB, warning from 20000 MiB");

    sample_set(&s, CAPHEALTH_CPU_PERCENT, 99.94);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_CPU,
                  "99.9 percent, critical from 85 percent");
}


static void
stale(void **state)
{
    sample_t  s;

    (void) state;

    sample_init(&s);

    assert_failed(&s, SAMPLE_THEN + 30, 0);
    assert_failed(&s, SAMPLE_THEN + 31, SYSTEM|bit(DISK));
    assert_failed(&s, SAMPLE_THEN + 181,
                  SYSTEM|bit(DISK)|bit(IMAGES)|DATABASE);

    assert_reason(&s, SAMPLE_THEN + 31, CAPHEALTH_READY_FRESH,
                  "stale, the latest values are of 2001-09-09T01:46:40Z");

    /* the second disk has no threshold, but a mount may hang */

    sample_init(&s);
    s.disks[1].section.collected_at -= 60;
    s.disks[1].section.error = "no answer\nwithin the timeout";
    s.disks[1].path = "/srv\n/images";

    assert_failed(&s, SAMPLE_NOW, bit(DISK));
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_DISK,
                  "/srv /images: stale, the latest values are of "
                  "2001-09-09T01:45:40Z: no answer within the timeout");

    s.disks[1].path = NULL;
    assert_failed(&s, SAMPLE_NOW, bit(DISK));

    /* a clock that was set back */

    sample_init(&s);
    assert_failed(&s, SAMPLE_THEN - 11, SYSTEM|bit(DISK));
}


static void
absent(void **state)
{
    sample_t  s;

    (void) state;

    sample_init(&s);
    s.facts.system.section.collected_at = 0;
    s.facts.system.section.attempted_at = 0;

    assert_failed(&s, SAMPLE_NOW, SYSTEM);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_FRESH,
                  "nothing has been collected yet");

    s.facts.system.section.attempted_at = SAMPLE_THEN;
    s.facts.system.section.failed = 1;
    assert_failed(&s, SAMPLE_NOW, SYSTEM);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_CPU,
                  "the last attempt failed");

    /* a tree that is not known yet, and one that cannot be read */

    sample_init(&s);
    s.facts.images.section.collected_at = 0;
    assert_failed(&s, SAMPLE_NOW, 0);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_IMAGES,
                  "nothing has been collected yet");

    s.facts.images.section.failed = 1;
    s.facts.images.section.error = "it is gone";
    assert_failed(&s, SAMPLE_NOW, bit(IMAGES));
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_IMAGES, "it is gone");

    /* fresh facts that lack a number are not critical */

    sample_init(&s);
    s.facts.system.value.cpu_mean = NAN;
    assert_failed(&s, SAMPLE_NOW, 0);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_CPU,
                  "the latest facts do not include it");

    /* what nobody configured does not fail */

    sample_nothing(&s);
    assert_failed(&s, SAMPLE_NOW, 0);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_IMAGES, "not configured");
}


static void
database(void **state)
{
    sample_t              s;
    caphealth_section_t  *d;

    (void) state;

    sample_init(&s);
    d = &s.facts.database.section;

    /* down, with good numbers of a moment ago */

    d->failed = 1;
    d->error = "connection refused";
    assert_failed(&s, SAMPLE_NOW, bit(DATABASE));
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_DATABASE,
                  "connection refused");

    /* it answers, but not all that is asked */

    d->failed = 0;
    d->error = "no such table: orders";
    assert_failed(&s, SAMPLE_NOW, 0);
    assert_reason(&s, SAMPLE_NOW, CAPHEALTH_READY_DATABASE,
                  "no such table: orders");

    /* never there */

    d->failed = 1;
    d->collected_at = 0;
    assert_failed(&s, SAMPLE_NOW, DATABASE);

    d->attempted_at = 0;
    d->error = NULL;
    d->failed = 0;
    assert_failed(&s, SAMPLE_NOW, DATABASE);
}


/*
 * Nothing of the database is among what counts by default, nor is the CPU:
 * photos that are being converted would take a node out.
 */

static void
defaults(void **state)
{
    (void) state;

    assert_int_equal(CAPHEALTH_READY_LOCAL & DATABASE, 0);
    assert_int_equal(CAPHEALTH_READY_SHARED, DATABASE);
    assert_int_equal(CAPHEALTH_READY_LOCAL|CAPHEALTH_READY_SHARED
                     |caphealth_ready_bit(CAPHEALTH_READY_CPU),
                     (1u << CAPHEALTH_READY_CHECKS) - 1);
    assert_int_equal(CAPHEALTH_READY_LOCAL
                     & caphealth_ready_bit(CAPHEALTH_READY_CPU), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(healthy),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(stale),
        cmocka_unit_test(absent),
        cmocka_unit_test(database),
        cmocka_unit_test(defaults)
    };

    return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
