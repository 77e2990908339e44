
/*
 * When a limit will be reached: generated series, and a recorded one.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_forecast.h"


#define TODAY  20000
#define MOST   1100


static size_t                    n;
static uint32_t                  seed;
static caphealth_forecast_day_t  past[MOST];


static int
clean(void **state)
{
    (void) state;

    n = 0;
    seed = 1;

    return 0;
}


/* the next day; the last one is yesterday when of days have been added */

static void
add(size_t of, double value)
{
    past[n].day = (int32_t) (TODAY - of + n);
    past[n].value = value;
    n++;
}


/* from -1 to 1, always the same row */

static double
noise(void)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 8) / (double) (1 << 23) - 1;
}


static caphealth_forecast_t
forecast_at(double now, double value, double limit)
{
    caphealth_forecast_t  f;

    memset(&f, 0xff, sizeof(caphealth_forecast_t));
    caphealth_forecast(past, n, now, value, &limit, 1, &f);

    if (f.reason == CAPHEALTH_FORECAST_KNOWN) {
        assert_true(0 <= f.low && f.low <= f.mid && f.mid <= f.high);
        assert_true(isfinite(f.high));
        assert_true(f.from_days >= CAPHEALTH_FORECAST_LEAST);
        assert_true(isnan(f.hit_rate)
                    || (f.hit_rate >= 0 && f.hit_rate <= 1));
        assert_string_equal(caphealth_forecast_reason(f.reason), "");

    } else {
        assert_string_not_equal(caphealth_forecast_reason(f.reason), "");
        assert_true(isnan(f.hit_rate));

        if (f.reason == CAPHEALTH_FORECAST_REACHED) {
            assert_true(f.low == 0 && f.mid == 0 && f.high == 0);

        } else {
            assert_true(isnan(f.low) && isnan(f.mid) && isnan(f.high));
        }
    }

    return f;
}


static caphealth_forecast_t
forecast(double limit)
{
    return forecast_at(TODAY, NAN, limit);
}


#define assert_known(f)                                                       \
    assert_int_equal((f).reason, CAPHEALTH_FORECAST_KNOWN)

#define assert_reason(f, why)                                                 \
    assert_int_equal((f).reason, CAPHEALTH_FORECAST_##why)

#define assert_about(x, days, error)                                          \
    assert_true(fabs((x) - (days)) <= (error) * (days))


static void
exact(void **state)
{
    size_t                i;
    caphealth_forecast_t  f;

    (void) state;

    for (i = 1; i <= 40; i++) {
        add(40, 2.0 * i);
    }

    f = forecast(100);
    assert_known(f);
    assert_about(f.mid, 10, 1e-9);
    assert_int_equal(f.from_days, 40);
    assert_true(f.low > 9 && f.high < 11);
    assert_true(f.hit_rate == 1);

    /* as the day goes on, the same moment */

    f = forecast_at(TODAY + 0.75, 80.5, 100);
    assert_known(f);
    assert_about(f.mid, 9.25, 1e-9);
}


static void
steady_growth(void **state)
{
    size_t                i;
    caphealth_forecast_t  f;

    (void) state;

    for (i = 1; i <= 60; i++) {
        add(60, 50 + i + noise());
    }

    f = forecast(140);
    assert_known(f);
    assert_about(f.mid, 30, 0.1);
    assert_true(f.low <= 30 && f.high >= 30);
    assert_true(f.high - f.low < 15);
    assert_true(f.hit_rate >= 0.8);
}


static void
weekly_rhythm(void **state)
{
    double                value;
    size_t                i;
    caphealth_forecast_t  f;

    (void) state;

    for (i = 0, value = 50; i < 56; i++) {
        value += (i % 7 < 5) ? 1.3 : 0.25;
        add(56, value);
    }

    /* seven weeks more, whatever the day of the week */

    f = forecast(value + 49.0);
    assert_known(f);
    assert_about(f.mid, 49, 0.05);

    n -= 3;

    f = forecast_at(TODAY - 3, NAN, past[n - 1].value + 49);
    assert_known(f);
    assert_about(f.mid, 49, 0.05);
}


/* a dump of 30 GB each night, which is gone when it has been copied */

static void
nightly_files(void **state)
{
    int                   hour;
    double                value;
    size_t                i;
    caphealth_forecast_t  f;

    (void) state;

    for (i = 1; i <= 60; i++) {
        add(60, 80 + 0.2 * i + 0.2 * noise());
    }

    for (hour = 0; hour < 24; hour++) {
        value = 62 + ((hour < 4) ? 7.6 * hour : 0);
        f = forecast_at(TODAY + hour / 24.0, value, 100);

        assert_known(f);
        assert_about(f.mid, 40, 0.1);
        assert_true(f.low > 20);
    }

    /* a limit that is reached each night is reported by day as well */

    f = forecast_at(TODAY + 0.5, 62, 90);
    assert_reason(f, REACHED);
}


/*
 * What is higher than all that was above the line is where the line goes on;
 * but it may go on to rise so.
 */

static void
higher_today(void **state)
{
    size_t                i;
    caphealth_forecast_t  f;

    (void) state;

    for (i = 1; i <= 30; i++) {
        add(30, 2.0 * i + 0.5 * noise());
    }

    f = forecast_at(TODAY + 0.5, 61.2, 100);
    assert_known(f);
    assert_about(f.mid, 19.5, 0.05);

    f = forecast_at(TODAY + 0.5, 66, 100);
    assert_known(f);
    assert_about(f.mid, 17, 0.05);
    assert_true(f.low > 4 && f.low < 8);

    assert_reason(forecast_at(TODAY + 0.5, 90, 100), TOO_UNSTEADY);

    f = forecast_at(TODAY + 0.5, 20, 100);
    assert_known(f);
    assert_about(f.mid, 19.5, 0.05);
}


static void
a_clean_up(void **state)
{
    size_t                i, since;
    caphealth_forecast_t  f;

    (void) state;

    for (since = 1; since <= 20; since++) {
        clean(NULL);

        for (i = 1; i <= 60; i++) {
            add(60, (i <= 60 - since ? 100 : 20) + i + 0.3 * noise());
        }

        f = forecast(170);

        if (since < CAPHEALTH_FORECAST_LEAST) {
            assert_reason(f, TOO_LITTLE_PAST);
            continue;
        }

        /* 81 from here, and nothing of what was before counts */

        assert_known(f);
        assert_int_equal(f.from_days, since);
        assert_true(f.low <= 90 && f.high >= 90);

        if (since >= 10) {
            assert_about(f.mid, 90, 0.2);
        }
    }
}


static void
a_migration(void **state)
{
    size_t                i, since;
    caphealth_forecast_t  f;

    (void) state;

    for (since = 1; since <= 20; since++) {
        clean(NULL);

        for (i = 1; i <= 60; i++) {
            add(60, (i <= 60 - since ? 20 : 100) + i + 0.3 * noise());
        }

        f = forecast_at(TODAY, past[n - 1].value, 190);

        /* 30 from here, or for some days nothing: never by the old level */

        if (since < 3) {
            assert_reason(f, TOO_UNSTEADY);
            continue;
        }

        if (f.reason == CAPHEALTH_FORECAST_KNOWN) {
            assert_about(f.mid, 30, since < 10 ? 0.25 : 0.1);
            assert_true(f.low <= 30 && f.high >= 30);
            assert_int_equal(f.from_days, since);

        } else {
            assert_reason(f, TOO_LITTLE_PAST);
            assert_in_range(since, 3, 4);
        }
    }
}


/* one day's rise that is gone again shifts nothing */

static void
a_single_day(void **state)
{
    size_t                i, at;
    caphealth_forecast_t  f;

    (void) state;

    for (at = 1; at <= 60; at++) {
        clean(NULL);

        for (i = 1; i <= 60; i++) {
            add(60, 50 + i + (i == at ? 60 : 0) + 0.3 * noise());
        }

        f = forecast_at(TODAY, 110, 200);
        assert_known(f);
        assert_about(f.mid, 90, 0.1);
        assert_in_range(f.from_days, (at < 4) ? 57 : 60, 60);
    }
}


/* a log that nobody rotates any more: after four days it is known */

static void
faster(void **state)
{
    double                value;
    size_t                i, rate, since;
    caphealth_forecast_t  f;

    (void) state;

    for (rate = 4; rate <= 32; rate *= 2) {
        for (since = 1; since <= 20; since++) {
            clean(NULL);

            for (i = 1, value = 50; i <= 60; i++) {
                value += (i <= 60 - since) ? 1 : (double) rate;
                add(60, value + 0.3 * noise());
            }

            f = forecast_at(TODAY, value, value + 10.0 * (double) rate);

            if (f.reason == CAPHEALTH_FORECAST_KNOWN) {
                assert_true(f.low < 15);

                if (since > 4) {
                    assert_about(f.mid, 10, 0.2);
                    assert_true(f.low <= 10 && f.high >= 10);
                    assert_in_range(f.from_days, 5, since + 2);
                }

            } else {
                assert_true(since <= 5);
                assert_int_not_equal(f.reason, CAPHEALTH_FORECAST_NOT_GROWING);
            }
        }
    }
}


static void
slower(void **state)
{
    double                value;
    size_t                i, since;
    caphealth_forecast_t  f;

    (void) state;

    for (since = 1; since <= 30; since++) {
        clean(NULL);

        for (i = 1, value = 50; i <= 60; i++) {
            value += (i <= 60 - since) ? 5 : 1;
            add(60, value + 0.3 * noise());
        }

        f = forecast_at(TODAY, value, value + 50);
        assert_int_not_equal(f.reason, CAPHEALTH_FORECAST_NOT_GROWING);

        if (since > 6 && since < 21) {
            assert_known(f);
            assert_about(f.mid, 50, 0.2);
        }

        if (since > 6 && f.reason == CAPHEALTH_FORECAST_KNOWN) {
            assert_true(f.low <= 50 && f.high >= 50);
        }
    }

    /* a pause of each weekend is none */

    clean(NULL);

    for (i = 1, value = 50; i <= 60; i++) {
        value += (i % 7 < 5) ? 1.4 : 0;
        add(60, value);
    }

    f = forecast(value + 30);
    assert_known(f);
    assert_int_equal(f.from_days, 60);
}


static void
not_growing(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < 60; i++) {
        add(60, 50);
    }

    assert_reason(forecast(60), NOT_GROWING);

    clean(NULL);

    for (i = 0; i < 60; i++) {
        add(60, 50 + noise());
    }

    assert_reason(forecast(60), NOT_GROWING);

    clean(NULL);

    for (i = 0; i < 60; i++) {
        add(60, 150 - 1.0 * i + noise());
    }

    assert_reason(forecast(160), NOT_GROWING);

    /* ten years and more are not a forecast */

    clean(NULL);

    for (i = 0; i < 60; i++) {
        add(60, 50 + 0.001 * i);
    }

    assert_known(forecast(53));
    assert_reason(forecast(54), NOT_GROWING);
}


static void
too_unsteady(void **state)
{
    size_t  i;
    double  value;

    (void) state;

    for (i = 0, value = 50; i < 60; i++) {
        value += (noise() > 0.8) ? 20 * (1 + noise()) : 0.05;
        add(60, value);
    }

    assert_reason(forecast(value + 100), TOO_UNSTEADY);
}


static void
too_little_past(void **state)
{
    size_t                i, days;
    caphealth_forecast_t  f;

    (void) state;

    assert_reason(forecast(100), TOO_LITTLE_PAST);

    for (days = 1; days <= 12; days++) {
        clean(NULL);

        for (i = 1; i <= days; i++) {
            add(days, 50 + 1.0 * i);
        }

        f = forecast(100 + (double) days);

        if (days < CAPHEALTH_FORECAST_LEAST) {
            assert_reason(f, TOO_LITTLE_PAST);
            continue;
        }

        assert_known(f);
        assert_about(f.mid, 50, 1e-6);
        assert_int_equal(f.from_days, days);

        /* too short for a hindcast */

        if (days < 6) {
            assert_true(isnan(f.hit_rate));
            assert_true(f.low < 25 && f.high > 100);
        }
    }

    /* a past that ended long ago is none */

    clean(NULL);

    for (i = 1; i <= 60; i++) {
        add(60, 50 + 1.0 * i);
    }

    f = forecast_at(TODAY + 58, NAN, 200);
    assert_reason(f, TOO_LITTLE_PAST);
    f = forecast_at(TODAY + 600, NAN, 200);
    assert_reason(f, TOO_LITTLE_PAST);
}


static void
gaps(void **state)
{
    size_t                i;
    caphealth_forecast_t  f;

    (void) state;

    for (i = 1; i <= 60; i++) {
        add(60, 50 + i + 0.3 * noise());

        if ((i > 10 && i < 17) || i % 9 == 0) {
            past[n - 1].value = NAN;
        }
    }

    f = forecast(140);
    assert_known(f);
    assert_about(f.mid, 30, 0.05);
    assert_int_equal(f.from_days, 60);

    /* days that are not there at all; and some, at the end, not known yet */

    clean(NULL);

    for (i = 1; i <= 60; i++) {
        add(60, 50 + i + 0.3 * noise());
    }

    memmove(&past[20], &past[29], (60 - 29) * sizeof(past[0]));
    n -= 9 + 6;

    f = forecast(140);
    assert_known(f);
    assert_about(f.mid, 30, 0.05);
    assert_int_equal(f.from_days, 60);
}


static void
reached(void **state)
{
    size_t                i;
    caphealth_forecast_t  f;

    (void) state;

    for (i = 1; i <= 60; i++) {
        add(60, 50 + 1.0 * i);
    }

    f = forecast_at(TODAY, 110.5, 110.5);
    assert_reason(f, REACHED);
    assert_reason(forecast(109), REACHED);

    /* in something that shrinks too, and without any past */

    f = forecast_at(TODAY, 111, 105);
    assert_reason(f, REACHED);

    clean(NULL);
    f = forecast_at(TODAY, 111, 105);
    assert_reason(f, REACHED);
}


/* the further away a limit is moved, the later it is reached */

static void
a_limit_is_moved(void **state)
{
    size_t                i;
    caphealth_forecast_t  f[8];

    const double  limits[8] = { 100, 115, 120, 130, 150, NAN, 200, INFINITY };

    (void) state;

    for (i = 1; i <= 60; i++) {
        add(60, 50 + i + 0.5 * noise());
    }

    caphealth_forecast(past, n, TODAY, 110, limits, 8, f);

    assert_reason(f[0], REACHED);
    assert_reason(f[5], NO_LIMIT);
    assert_reason(f[7], NO_LIMIT);

    assert_about(f[1].mid, 5, 0.2);
    assert_about(f[2].mid, 10, 0.1);
    assert_about(f[3].mid, 20, 0.1);
    assert_about(f[4].mid, 40, 0.1);
    assert_about(f[6].mid, 90, 0.1);

    /* each alone is the same */

    for (i = 0; i < 8; i++) {
        caphealth_forecast_t  alone = forecast_at(TODAY, 110, limits[i]);

        assert_memory_equal(&alone.mid, &f[i].mid, sizeof(double));
        assert_memory_equal(&alone.low, &f[i].low, sizeof(double));
        assert_memory_equal(&alone.high, &f[i].high, sizeof(double));
    }
}


/* what is older than 60 days, of today or later, or out of order is ignored */

static void
ignored(void **state)
{
    size_t                i;
    caphealth_forecast_t  a, b;

    (void) state;

    for (i = 0; i < MOST; i++) {
        add(MOST - 20, (i < MOST - 80) ? 1000 * noise()
                       : (i < MOST - 20) ? (double) i : -1e6);
    }

    a = forecast(MOST);
    assert_known(a);
    assert_about(a.mid, 21, 0.01);
    assert_int_equal(a.from_days, 60);

    past[MOST - 30].day = past[MOST - 31].day;
    past[MOST - 30].value = -1e6;

    b = forecast(MOST);
    assert_known(b);
    assert_about(b.mid, 21, 0.01);
}


static void
not_a_number(void **state)
{
    size_t                i;
    caphealth_forecast_t  f;

    static const double  bad[] = {
        NAN, INFINITY, -INFINITY, 1e308, -1e308, 1e99, -1e99, 1e-320, 0
    };

    (void) state;

    for (i = 0; i < 60; i++) {
        add(60, bad[i % 9]);
    }

    for (i = 0; i < 9; i++) {
        f = forecast_at(TODAY, bad[i], bad[(i + 4) % 9]);
        (void) forecast_at(bad[i], 1, 5);
        (void) f;
    }

    clean(NULL);

    for (i = 0; i < 60; i++) {
        add(60, 1e-300 * (double) i);
    }

    assert_reason(forecast(1e90), NOT_GROWING);

    for (i = 0; i < 60; i++) {
        past[i].day = (i % 2) ? INT32_MIN : INT32_MAX;
    }

    assert_reason(forecast(5), TOO_LITTLE_PAST);
    f = forecast_at(NAN, 1, 5);
    assert_reason(f, TOO_LITTLE_PAST);
}


/* commits to Pillow a day from 2022-03-01: work of people, with pauses */

static const unsigned char  recorded[] = {
    13, 7, 1, 24, 5, 6, 0, 3, 8, 8, 8, 12, 3, 3, 2, 2, 2, 2, 8, 2, 1, 10,
    11, 7, 2, 6, 9, 11, 5, 15, 26, 15, 15, 5, 7, 2, 8, 0, 9, 6, 27, 13, 8,
    4, 2, 8, 15, 11, 9, 3, 6, 9, 6, 8, 8, 7, 12, 9, 2, 12, 4, 9, 5, 7, 7,
    5, 5, 10, 3, 7, 4, 1, 1, 5, 11, 2, 1, 9, 4, 7, 6, 9, 6, 6, 4, 1, 2,
    10, 9, 6, 2, 2, 6, 1, 2, 4, 2, 3, 0, 2, 0, 5, 2, 4, 2, 5, 6, 2, 1, 1,
    13, 7, 3, 4, 2, 1, 3, 6, 5, 3, 8, 17, 10, 0, 0, 7, 3, 2, 1, 1, 2, 3,
    7, 2, 2, 1, 8, 10, 1, 14, 2, 1, 1, 3, 6, 4, 5, 2, 7, 2, 1, 2, 3, 7, 2,
    0, 5, 1, 9, 4, 0, 1, 2, 2, 0, 10, 2, 3, 1, 4, 0, 2, 0, 2, 9, 7, 17, 6,
    6, 5
};


static void
a_recorded_series(void **state)
{
    size_t                today, day, i, said, hits, near;
    double                sum, limit;
    caphealth_forecast_t  f;

    double  sums[sizeof(recorded)];

    (void) state;

    for (i = 0, sum = 1000; i < sizeof(recorded); i++) {
        sum += recorded[i];
        sums[i] = sum;
    }

    said = 0;
    hits = 0;
    near = 0;

    for (today = 40; today + 30 < sizeof(recorded); today++) {
        n = 0;

        for (i = 0; i < today; i++) {
            add(today, sums[i]);
        }

        day = today + 20;
        limit = sums[day];

        while (sums[day - 1] >= limit) {
            day--;
        }

        f = forecast_at(TODAY, sums[today - 1], limit);

        if (f.reason != CAPHEALTH_FORECAST_KNOWN) {
            continue;
        }

        said++;
        hits += (f.low <= day - today + 1.0 && f.high >= day - today + 1.0);
        near += (fabs(f.mid - (day - today + 1.0)) < 0.5 * 21);
    }

    print_message("# recorded: said %zu, in the band %zu, near %zu\n", said,
                  hits, near);

    assert_true(said >= 80);
    assert_true(hits >= 0.8 * said);
    assert_true(near >= 0.5 * said);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(exact, clean),
        cmocka_unit_test_setup(steady_growth, clean),
        cmocka_unit_test_setup(weekly_rhythm, clean),
        cmocka_unit_test_setup(nightly_files, clean),
        cmocka_unit_test_setup(higher_today, clean),
        cmocka_unit_test_setup(a_clean_up, clean),
        cmocka_unit_test_setup(a_migration, clean),
        cmocka_unit_test_setup(a_single_day, clean),
        cmocka_unit_test_setup(faster, clean),
        cmocka_unit_test_setup(slower, clean),
        cmocka_unit_test_setup(not_growing, clean),
        cmocka_unit_test_setup(too_unsteady, clean),
        cmocka_unit_test_setup(too_little_past, clean),
        cmocka_unit_test_setup(gaps, clean),
        cmocka_unit_test_setup(reached, clean),
        cmocka_unit_test_setup(a_limit_is_moved, clean),
        cmocka_unit_test_setup(ignored, clean),
        cmocka_unit_test_setup(not_a_number, clean),
        cmocka_unit_test_setup(a_recorded_series, clean)
    };

    return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
