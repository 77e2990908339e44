
/*
 * CPU use over a window, less what converters took; and what a fresh
 * collector's first look does not know.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>


#include "caphealth_cpu.h"


#define BASIS   7
#define WINDOW  300
#define GAP     30


static caphealth_cpu_window_t  window;


static int
clean(void **state)
{
    (void) state;

    memset(&window, 0, sizeof(caphealth_cpu_window_t));

    return 0;
}


/* a machine of two cores, of which so much is busy at the time at */

static void
add(double at, double busy, double idle)
{
    caphealth_cpu_sample_t  sample = { at, busy, 2 * at, idle };

    caphealth_cpu_add(&window, BASIS, &sample, WINDOW);
}


static caphealth_cpu_mean_t
mean(void)
{
    caphealth_cpu_mean_t  m;

    caphealth_cpu_mean(&window, WINDOW, GAP, &m);

    return m;
}


#define assert_near(a, b)  assert_true(fabs((a) - (b)) < 1e-9)


static void
of_what_there_is(void **state)
{
    (void) state;

    assert_true(isnan(mean().percent));

    add(1000, 50, 0);
    assert_true(isnan(mean().percent));
    assert_true(isnan(mean().converters));

    add(1010, 60, 0);
    assert_near(mean().percent, 50);
    assert_near(mean().converters, 0);
    assert_near(mean().seconds, 10);

    add(1020, 60, 0);
    assert_near(mean().percent, 25);
    assert_near(mean().seconds, 20);
}


static void
of_the_window(void **state)
{
    int  i;

    (void) state;

    /* an hour of nothing, then everything: after five minutes it is 100 */

    for (i = 0; i <= 360; i++) {
        add(1000 + 10 * i, 5, 0);
    }

    assert_near(mean().percent, 0);
    assert_near(mean().seconds, 300);

    for (i = 1; i <= 15; i++) {
        add(4600 + 10 * i, 5 + 20 * i, 0);
    }

    assert_near(mean().percent, 50);

    for (i = 16; i <= 60; i++) {
        add(4600 + 10 * i, 5 + 20 * i, 0);
    }

    assert_near(mean().percent, 100);
    assert_near(mean().seconds, 300);
}


/* a look each second does not push out what is still in the window */

static void
often(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i <= 3000; i++) {
        add(1000 + i, i, 0);
    }

    assert_near(mean().percent, 50);
    assert_true(mean().seconds > 297);
    assert_true(mean().seconds <= 300);
}


/* looks further apart than the window is long */

static void
seldom(void **state)
{
    (void) state;

    add(1000, 0, 0);
    add(1600, 600, 0);
    assert_true(isnan(mean().percent));

    caphealth_cpu_mean_t  m;

    caphealth_cpu_mean(&window, WINDOW, 1800, &m);
    assert_near(m.percent, 50);
    assert_near(m.seconds, 600);
}


static void
converters(void **state)
{
    int  i;

    (void) state;

    /* one core's worth of photos beside a tenth of a core of requests */

    for (i = 0; i <= 30; i++) {
        add(1000 + 10 * i, 11 * i, 10 * i);
    }

    assert_near(mean().percent, 5);
    assert_near(mean().converters, 50);

    /* clocks differ: what converters took is never more than what was busy */

    clean(NULL);
    add(1000, 100, 0);
    add(1010, 110, 12);
    assert_near(mean().percent, 0);
    assert_near(mean().converters, 50);

    /* a new zone counts from 0 */

    clean(NULL);
    add(1000, 100, 500);
    add(1010, 110, 1);
    assert_near(mean().percent, 50);
    assert_near(mean().converters, 0);
}


static void
anew(void **state)
{
    caphealth_cpu_sample_t  sample = { 1040, 500, 80, 0 };

    (void) state;

    add(1000, 50, 0);
    add(1010, 70, 0);
    assert_near(mean().percent, 100);

    /* that of a collector of the old cycle comes late */

    add(1005, 60, 0);
    assert_near(mean().percent, 100);
    assert_near(mean().seconds, 10);

    /* counters that went backwards, and counters of something else */

    add(1020, 10, 0);
    assert_true(isnan(mean().percent));
    add(1030, 11, 0);
    assert_near(mean().percent, 5);

    caphealth_cpu_add(&window, BASIS + 1, &sample, WINDOW);
    assert_true(isnan(mean().percent));

    /* an index that cannot be */

    window.first = 100000;
    add(1050, 0, 0);
    window.n = 100000;
    add(1060, 10, 0);
    add(1070, 20, 0);
    assert_near(mean().percent, 50);
}


static caphealth_system_t
facts(double at, double busy, double percent, const caphealth_system_t *before,
    double now)
{
    caphealth_system_t  f;

    caphealth_system_clear(&f);

    f.cpu_percent = percent;
    f.memory_used = 5;
    f.cpu_basis = BASIS;
    f.cpu_clock = at;
    f.cpu_busy = busy;
    f.cpu_total = 2 * at;

    caphealth_cpu_facts(&window, &f, before, 0, WINDOW, GAP, now);

    assert_int_equal(f.memory_used, 5);

    return f;
}


/* a collector that is restarted again and again */

static void
fresh_collectors(void **state)
{
    int                 i;
    caphealth_system_t  f;

    (void) state;

    f = facts(1000, 50, NAN, NULL, 5000);
    assert_true(isnan(f.cpu_percent));
    assert_true(isnan(f.cpu_percent_at));
    assert_true(isnan(f.cpu_mean));
    assert_true(isnan(f.cpu_mean_at));

    for (i = 1; i < 100; i++) {
        f = facts(1000 + 0.5 * i, 50 + 0.5 * i, NAN, NULL, 5000 + 0.5 * i);

        if (i > 2) {
            assert_near(f.cpu_percent, 50);
            assert_near(f.cpu_mean, 50);
        }
    }
}


static void
carried(void **state)
{
    caphealth_system_t  f, before;

    (void) state;

    caphealth_system_clear(&before);

    before.cpu_percent = 31;
    before.cpu_percent_at = 4980;
    before.cpu_mean = 32;
    before.cpu_mean_at = 4980;
    before.cpu_converters = 33;
    before.cpu_seconds = 34;
    before.memory_used = 6;

    /* nothing to compare with, but a value that is still fresh */

    f = facts(1000, 50, NAN, &before, 5000);
    assert_near(f.cpu_percent, 31);
    assert_near(f.cpu_percent_at, 4980);
    assert_near(f.cpu_mean, 32);
    assert_near(f.cpu_mean_at, 4980);
    assert_near(f.cpu_converters, 33);
    assert_near(f.cpu_seconds, 34);

    /* its own are better */

    f = facts(1010, 55, 40, &before, 5010);
    assert_near(f.cpu_percent, 40);
    assert_near(f.cpu_percent_at, 5010);
    assert_near(f.cpu_mean, 25);
    assert_near(f.cpu_mean_at, 5010);

    /* too old by now; of the future, by a clock that was set back */

    clean(NULL);
    f = facts(1000, 50, NAN, &before, 5010.5);
    assert_true(isnan(f.cpu_percent));
    assert_true(isnan(f.cpu_mean));

    clean(NULL);
    f = facts(1000, 50, NAN, &before, 4979);
    assert_true(isnan(f.cpu_percent));
}


/* what could not be read adds nothing, and says nothing of the mean */

static void
no_counters(void **state)
{
    caphealth_system_t  f;

    (void) state;

    caphealth_system_clear(&f);
    f.cpu_mean = 7;

    caphealth_cpu_facts(&window, &f, NULL, 0, WINDOW, GAP, 5000);

    assert_int_equal(window.n, 0);
    assert_true(isnan(f.cpu_mean));
    assert_true(isnan(f.cpu_mean_at));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(of_what_there_is, clean),
        cmocka_unit_test_setup(of_the_window, clean),
        cmocka_unit_test_setup(often, clean),
        cmocka_unit_test_setup(seldom, clean),
        cmocka_unit_test_setup(converters, clean),
        cmocka_unit_test_setup(anew, clean),
        cmocka_unit_test_setup(fresh_collectors, clean),
        cmocka_unit_test_setup(carried, clean),
        cmocka_unit_test_setup(no_counters, clean)
    };

    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
