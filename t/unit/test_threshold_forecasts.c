
/*
 * Forecasts of the thresholds and of the tier, by the daily maxima.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_metrics.h"
#include "caphealth_threshold_forecasts.h"
#include "sample.h"


typedef struct {
    sample_t                 sample;
    caphealth_root_t         roots[2];
    caphealth_forecasts_t    forecasts;
} platform_t;


static void
platform(platform_t *p)
{
    memset(p, 0, sizeof(platform_t));
    sample_init(&p->sample);

    p->roots[0].path = "/a";
    p->roots[1].path = "/b";

    p->sample.facts.images.value.roots = p->roots;
    p->sample.facts.images.value.nroots = 2;
    p->sample.facts.forecasts = &p->forecasts;
}


static const caphealth_forecast_t *
find(platform_t *p, const char *key)
{
    return caphealth_forecasts_find(&p->sample.facts, key);
}


static void
update(platform_t *p, double now)
{
    caphealth_forecasts_update(&p->forecasts, &p->sample.facts,
                               &p->sample.policy, now);
}


static caphealth_forecast_reason_e
reason(platform_t *p, const char *key)
{
    const caphealth_forecast_t  *f;

    f = find(p, key);

    return caphealth_forecasts_reason(&p->sample.facts, key,
                            f == NULL ? NULL : &f[CAPHEALTH_LEVEL_LIMIT]);
}


/* takes the text */

static void
contains(char *text, const char *part)
{
    assert_non_null(text);

    if (strstr(text, part) == NULL) {
        print_error("no %s in\n%s\n", part, text);
        fail();
    }

    free(text);
}


static void
assert_days(const caphealth_forecast_t *f, double days)
{
    assert_int_equal(f->reason, CAPHEALTH_FORECAST_KNOWN);
    assert_true(f->low <= f->mid && f->mid <= f->high);
    assert_true(fabs(f->mid - days) < 0.1 * days + 1);
}


static void
growth(void **state)
{
    platform_t                   p;
    const caphealth_forecast_t  *f;

    (void) state;

    platform(&p);
    sample_past(&p.sample, "disk_percent:/", 33, 0.5, 0.2);
    update(&p, SAMPLE_NOW);

    f = find(&p, "disk_percent");

    assert_non_null(f);
    assert_days(&f[CAPHEALTH_LEVEL_WARNING], (70 - 33) / 0.5);
    assert_days(&f[CAPHEALTH_LEVEL_CRITICAL], (85 - 33) / 0.5);
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (100 - 33) / 0.5);
    assert_int_equal(f[CAPHEALTH_LEVEL_LIMIT].from_days, 59);
}


/* each series in the unit that its threshold has */

static void
units(void **state)
{
    platform_t                   p;
    const caphealth_forecast_t  *f;

    (void) state;

    platform(&p);
    sample_set(&p.sample, CAPHEALTH_STORAGE_GB, 500);
    sample_set(&p.sample, CAPHEALTH_DB_SIZE_MB, 10240);
    sample_past(&p.sample, "image_bytes:/a", 400.0 * GIB, 4.0 * GIB, 0);
    sample_past(&p.sample, "image_bytes:/b", 100.0 * GIB, 1.0 * GIB, 0);
    sample_past(&p.sample, "database_size_gb", 10, 0.125, 0);
    sample_past(&p.sample, "products_count", 1200, 1000, 0);
    sample_past(&p.sample, "vendors_count", 12, 1, 0);
    sample_past(&p.sample, "disk_inodes_percent:/", 33, 1, 0);
    sample_past(&p.sample, "memory_percent", 25, 0.5, 0);
    sample_past(&p.sample, "cpu_mean_percent", 19, 0.5, 0);
    update(&p, SAMPLE_NOW);

    f = find(&p, "storage_gb");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (1000 - 500) / 5.0);

    f = find(&p, "db_size_mb");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (25000 - 10240) / 128.0);

    f = find(&p, "products_total");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (500000 - 1200) / 1000.0);

    f = find(&p, "inodes_percent:/");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (100 - 33) / 1.0);

    f = find(&p, "memory_percent");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (100 - 25) / 0.5);

    f = find(&p, "cpu_percent");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (100 - 19) / 0.5);

    /* Starter: 50 vendors, 10000 products */

    f = find(&p, "tier:vendors");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (50 - 12) / 1.0);
    assert_int_equal(f[CAPHEALTH_LEVEL_WARNING].reason,
                     CAPHEALTH_FORECAST_NO_LIMIT);

    f = find(&p, "tier:products");
    assert_days(&f[CAPHEALTH_LEVEL_LIMIT], (10000 - 1200) / 1000.0);
}


/* the sum of trees is not known if one of them is not */

static void
one_tree(void **state)
{
    platform_t  p;

    (void) state;

    platform(&p);
    sample_past(&p.sample, "image_bytes:/a", 400.0 * GIB, 4.0 * GIB, 0);
    update(&p, SAMPLE_NOW);

    assert_null(find(&p, "storage_gb"));
}


static void
kept(void **state)
{
    double             now;
    uint64_t           n;
    platform_t         p;
    caphealth_past_t  *past;

    (void) state;

    now = floor(SAMPLE_NOW / 3600) * 3600;

    platform(&p);
    sample_set(&p.sample, CAPHEALTH_DISK_PERCENT, 69);
    sample_past(&p.sample, "disk_percent:/", 69, 0.5, 0.2);
    sample_past(&p.sample, "memory_percent", 25, 0.5, 0.2);

    past = p.sample.facts.history.value.series;

    update(&p, now);
    assert_int_equal(p.forecasts.computed, 2);

    /* neither the next look nor what today's maximum is */

    past[0].days[CAPHEALTH_PAST_DAYS - 1] += 1;
    sample_set(&p.sample, CAPHEALTH_DISK_PERCENT, 69.5);
    update(&p, now + 10);
    assert_int_equal(p.forecasts.computed, 2);

    /* a bound: of that threshold, at once */

    p.sample.policy.bounds[CAPHEALTH_MEMORY_PERCENT].limit = 95;
    update(&p, now + 20);
    assert_int_equal(p.forecasts.computed, 3);
    assert_days(&find(&p, "memory_percent")[CAPHEALTH_LEVEL_LIMIT], 140);

    /* a day of the past */

    past[0].days[CAPHEALTH_PAST_DAYS - 2] += 0.25F;
    update(&p, now + 30);
    assert_int_equal(p.forecasts.computed, 4);

    /* on which side of a bound it is */

    sample_set(&p.sample, CAPHEALTH_DISK_PERCENT, 72);
    update(&p, now + 40);
    assert_int_equal(p.forecasts.computed, 5);
    assert_int_equal(find(&p, "disk_percent")[CAPHEALTH_LEVEL_WARNING].reason,
                     CAPHEALTH_FORECAST_REACHED);

    sample_set(&p.sample, CAPHEALTH_DISK_PERCENT, 69.5);
    update(&p, now + 50);
    assert_int_equal(p.forecasts.computed, 6);
    assert_int_equal(find(&p, "disk_percent")[CAPHEALTH_LEVEL_WARNING].reason,
                     CAPHEALTH_FORECAST_KNOWN);

    /* the time, one at each update */

    n = p.forecasts.computed;
    update(&p, now + 3599);
    assert_int_equal(p.forecasts.computed, n);
    update(&p, now + 3600);
    assert_int_equal(p.forecasts.computed, n + 1);
    update(&p, now + 3610);
    assert_int_equal(p.forecasts.computed, n + 2);
    update(&p, now + 3620);
    assert_int_equal(p.forecasts.computed, n + 2);
}


static void
reasons(void **state)
{
    size_t             i;
    platform_t         p;
    caphealth_past_t  *past;

    (void) state;

    platform(&p);
    update(&p, SAMPLE_NOW);
    assert_int_equal(reason(&p, "disk_percent"),
                     CAPHEALTH_FORECAST_NO_HISTORY);

    /* it begins */

    p.sample.facts.history.section.configured = 1;
    update(&p, SAMPLE_NOW);
    assert_int_equal(reason(&p, "disk_percent"),
                     CAPHEALTH_FORECAST_TOO_LITTLE_PAST);
    assert_int_equal(reason(&p, "read_only:/"),
                     CAPHEALTH_FORECAST_NOT_KEPT);
    assert_int_equal(reason(&p, "upload_failures_percent"),
                     CAPHEALTH_FORECAST_NOT_KEPT);
    assert_int_equal(reason(&p, "inodes_percent:/srv"),
                     CAPHEALTH_FORECAST_TOO_LITTLE_PAST);
    assert_int_equal(reason(&p, "tier:vendors"),
                     CAPHEALTH_FORECAST_TOO_LITTLE_PAST);

    /* four days */

    sample_past(&p.sample, "disk_percent:/", 33, 0.5, 0.2);
    past = p.sample.facts.history.value.series;

    for (i = 0; i < CAPHEALTH_PAST_DAYS - 5; i++) {
        past->days[i] = NAN;
    }

    update(&p, SAMPLE_NOW);
    assert_int_equal(reason(&p, "disk_percent"),
                     CAPHEALTH_FORECAST_TOO_LITTLE_PAST);

    sample_past(&p.sample, "memory_percent", 25, 0, 1);
    sample_past(&p.sample, "cpu_mean_percent", 19, 0.5, 0);
    sample_past(&p.sample, "disk_percent:/srv/images", 33, 0.5, 0.2);
    update(&p, SAMPLE_NOW);
    assert_int_equal(reason(&p, "memory_percent"),
                     CAPHEALTH_FORECAST_NOT_GROWING);
    assert_int_equal(reason(&p, "cpu_percent"),
                     CAPHEALTH_FORECAST_KNOWN);
    assert_int_equal(reason(&p, "disk_percent:/srv/images"),
                     CAPHEALTH_FORECAST_KNOWN);

    /* one that is off has nothing to reach */

    p.sample.policy.off[CAPHEALTH_CPU_PERCENT] = 1;
    update(&p, SAMPLE_NOW);
    assert_null(find(&p, "cpu_percent"));
}


static void
documents(void **state)
{
    char        sentence[CAPHEALTH_FORECAST_LEN];
    size_t      len;
    platform_t  p;

    static const caphealth_build_t  build = { "0.0.0", "1.22.1" };

    (void) state;

    platform(&p);
    sample_set(&p.sample, CAPHEALTH_DISK_PERCENT, 96);
    sample_past(&p.sample, "disk_percent:/", 95, 1, 0.1);
    update(&p, SAMPLE_NOW);

    assert_non_null(caphealth_forecasts_sentence(sentence, "full",
                                                 &p.sample.facts,
                                                 "disk_percent"));
    assert_memory_equal(sentence, "at this pace, full in 4", 23);

    contains(caphealth_report_health(&p.sample.facts, &p.sample.policy,
                                     SAMPLE_NOW, &len), sentence);
    contains(caphealth_report_health(&p.sample.facts, &p.sample.policy,
                                     SAMPLE_NOW, &len),
             "\"critical_in_days\":{\"low\":0,\"mid\":0,\"high\":0}");
    contains(caphealth_metrics_facts(&p.sample.facts, &p.sample.policy, &build,
                                     SAMPLE_NOW, CAPHEALTH_OPENMETRICS, &len),
             "caphealth_forecast_limit_seconds{measure=\"disk_percent\","
             "path=\"/\",level=\"critical\",estimate=\"high\"} 0\n");

    /* full: there is no sentence for what is already so */

    sample_set(&p.sample, CAPHEALTH_DISK_PERCENT, 100);
    update(&p, SAMPLE_NOW);
    assert_null(caphealth_forecasts_sentence(sentence, "full",
                                             &p.sample.facts,
                                             "disk_percent"));
    contains(caphealth_report_health(&p.sample.facts, &p.sample.policy,
                                     SAMPLE_NOW, &len),
             "\"limit_in_days\":{\"low\":0,\"mid\":0,\"high\":0}");
}


static void
days(void **state)
{
    (void) state;

    assert_float_equal(caphealth_forecast_days(0.04), 0, 0);
    assert_float_equal(caphealth_forecast_days(3.14), 3.1, 0);
    assert_float_equal(caphealth_forecast_days(9.94), 9.9, 0);
    assert_float_equal(caphealth_forecast_days(9.96), 10, 0);
    assert_float_equal(caphealth_forecast_days(37.6), 38, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth),
        cmocka_unit_test(units),
        cmocka_unit_test(one_tree),
        cmocka_unit_test(kept),
        cmocka_unit_test(reasons),
        cmocka_unit_test(documents),
        cmocka_unit_test(days)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
