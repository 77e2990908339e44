
/*
 * Metrics: the report's judgement of the facts.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_extra.h"
#include "caphealth_metrics_rows.h"
#include "caphealth_number.h"


static void caphealth_each_build(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_status(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_check(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_current(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_threshold(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_tier(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_dimension(caphealth_scrape_t *s,
    const caphealth_row_t *row);

static void caphealth_bounds_samples(caphealth_scrape_t *s, const char *key,
    const caphealth_bounds_t *b, caphealth_unit_e unit);
static double caphealth_in_base_unit(double x, caphealth_unit_e unit);


static const caphealth_row_t  caphealth_judged_rows[] = {

    { { "caphealth_build", CAPHEALTH_INFO, NULL,
        "The versions of caphealth and of nginx." },
      caphealth_each_build, NULL, 0 },

    { { "caphealth_status", CAPHEALTH_STATESET, NULL,
        "The platform's overall status: overall_status of the health "
        "report." },
      caphealth_each_status, NULL, 0 },

    { { "caphealth_check_status", CAPHEALTH_STATESET, NULL,
        "The status of each threshold." },
      caphealth_each_check, NULL, 0 },

    { { "caphealth_threshold_current", CAPHEALTH_GAUGE, NULL,
        "The number that a threshold judges: a count, or in bytes (storage_gb, "
        "db_size_mb), or a ratio of 1 (those in percent)." },
      caphealth_each_current, NULL, 0 },

    { { "caphealth_threshold", CAPHEALTH_GAUGE, NULL,
        "The bounds of a threshold, in the unit of "
        "caphealth_threshold_current." },
      caphealth_each_threshold, NULL, 0 },

    { { "caphealth_infrastructure_tier", CAPHEALTH_STATESET, NULL,
        "The infrastructure tier that the platform is in." },
      caphealth_each_tier, NULL, 0 },

    { { "caphealth_tier_utilization_ratio", CAPHEALTH_GAUGE, "ratio",
        "How much of what its tier holds the platform has." },
      caphealth_each_dimension, NULL, 0 }
};


void
caphealth_rows_judged(caphealth_scrape_t *s)
{
    caphealth_rows_write(s, caphealth_judged_rows,
                         caphealth_count_of(caphealth_judged_rows));
}


static void
caphealth_each_build(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    caphealth_label_t  labels[] = {
        { "version", s->build->version },
        { "nginx_version", s->build->nginx }
    };

    (void) row;

    caphealth_exposition_sample(&s->out, NULL, labels, 2, 1);
}


static void
caphealth_each_status(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t       i, current;
    const char  *states[4];

    static const caphealth_status_e  statuses[] = {
        CAPHEALTH_OK, CAPHEALTH_WARNING, CAPHEALTH_CRITICAL,
        CAPHEALTH_UNKNOWN_STATUS
    };

    current = 0;

    for (i = 0; i < caphealth_count_of(statuses); i++) {
        states[i] = caphealth_overall_name(statuses[i]);

        if (statuses[i] == s->assessment->overall) {
            current = i;
        }
    }

    caphealth_row_states(s, row, NULL, "status", states,
                         caphealth_count_of(states), current);
}


static void
caphealth_each_check(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t             i;
    const char        *states[CAPHEALTH_CRITICAL + 1];
    caphealth_extra_t  e;
    caphealth_label_t  check = { "check", NULL };

    for (i = 0; i < caphealth_count_of(states); i++) {
        states[i] = caphealth_check_name((caphealth_status_e) i);
    }

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        check.value = caphealth_thresholds[i].key;

        caphealth_row_states(s, row, &check, "status", states,
                             caphealth_count_of(states),
                             s->assessment->checks[i].status);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, s->facts, s->policy, s->now)) {
        check.value = e.key;

        caphealth_row_states(s, row, &check, "status", states,
                             caphealth_count_of(states), e.check.status);
    }
}


static void
caphealth_each_current(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t                        i;
    caphealth_extra_t             e;
    caphealth_label_t             check = { "check", NULL };
    const caphealth_threshold_t  *t;

    (void) row;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        t = &caphealth_thresholds[i];
        check.value = t->key;

        caphealth_exposition_sample(&s->out, NULL, &check, 1,
                caphealth_in_base_unit(s->assessment->checks[i].current,
                                       t->unit));
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, s->facts, s->policy, s->now)) {
        check.value = e.key;

        caphealth_exposition_sample(&s->out, NULL, &check, 1,
                caphealth_in_base_unit(e.check.current, e.unit[0] == '\0'
                                                        ? CAPHEALTH_UNIT_COUNT
                                                   : CAPHEALTH_UNIT_PERCENT));
    }
}


static void
caphealth_each_threshold(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t                        i;
    caphealth_extra_t             e;
    const caphealth_threshold_t  *t;

    (void) row;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        t = &caphealth_thresholds[i];

        caphealth_bounds_samples(s, t->key, &s->policy->bounds[i], t->unit);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, s->facts, s->policy, s->now)) {
        caphealth_bounds_samples(s, e.key, &e.check.bounds,
                                 e.unit[0] == '\0' ? CAPHEALTH_UNIT_COUNT
                                                   : CAPHEALTH_UNIT_PERCENT);
    }
}


static void
caphealth_bounds_samples(caphealth_scrape_t *s, const char *key,
    const caphealth_bounds_t *b, caphealth_unit_e unit)
{
    double             bound;
    size_t             n;
    caphealth_label_t  labels[2] = { { "check", key }, { "level", NULL } };

    static const caphealth_part_t  levels[] = {
        { "warning", offsetof(caphealth_bounds_t, warning) },
        { "critical", offsetof(caphealth_bounds_t, critical) },
        { "limit", offsetof(caphealth_bounds_t, limit) }
    };

    for (n = 0; n < caphealth_count_of(levels); n++) {
        labels[1].value = levels[n].name;
        bound = caphealth_read_real((const char *) b + levels[n].offset);

        caphealth_exposition_sample(&s->out, NULL, labels, 2,
                                    caphealth_in_base_unit(bound, unit));
    }
}


/* x of a threshold's unit */

static double
caphealth_in_base_unit(double x, caphealth_unit_e unit)
{
    switch (unit) {

    case CAPHEALTH_UNIT_GB:
        return x * CAPHEALTH_GIB;

    case CAPHEALTH_UNIT_MB:
        return x * CAPHEALTH_MIB;

    case CAPHEALTH_UNIT_PERCENT:
        return x / 100;

    default: /* CAPHEALTH_UNIT_COUNT */
        return x;
    }
}


static void
caphealth_each_tier(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t        i;
    const char  **names;

    if (s->assessment->tier == NULL) {
        return;
    }

    names = calloc(s->policy->ntiers, sizeof(char *));
    if (names == NULL) {
        s->out.failed = 1;
        return;
    }

    for (i = 0; i < s->policy->ntiers; i++) {
        names[i] = s->policy->tiers[i].name;
    }

    caphealth_row_states(s, row, NULL, "tier", names, s->policy->ntiers,
                         (size_t) (s->assessment->tier - s->policy->tiers));

    free(names);
}


/* nothing where the tier has no such bound */

static void
caphealth_each_dimension(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    const caphealth_tier_t      *tier;
    const caphealth_database_t  *d;
    caphealth_label_t            vendors = { "dimension", "vendors" };
    caphealth_label_t            products = { "dimension", "products" };

    (void) row;

    d = &s->facts->database.value;
    tier = s->assessment->tier;

    if (tier == NULL) {
        return;
    }

    caphealth_exposition_sample(&s->out, NULL, &vendors, 1,
                                caphealth_share(d->vendors_count,
                                                tier->max_clients) / 100);
    caphealth_exposition_sample(&s->out, NULL, &products, 1,
                                caphealth_share(d->products_count,
                                                tier->max_products) / 100);
}
