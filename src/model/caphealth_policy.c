
/*
 * Policy: the bounds of the thresholds, and the tiers.
 */

#include <math.h>
#include <string.h>

#include "caphealth_measures.h"
#include "caphealth_policy.h"


static const char *caphealth_tier_check(const caphealth_tier_t *tiers,
    size_t i, size_t n);
static int caphealth_bound_lower(int64_t bound, int64_t earlier);
static int caphealth_bound_exceeded(int64_t bound, int64_t n);
static int caphealth_bound_undecided(int64_t bound, int64_t n);


static const caphealth_tier_t  caphealth_tiers[] = {
    { "Starter", 50, 10000 },
    { "Small", 100, 30000 },
    { "Medium", 300, 100000 },
    { "Large", 500, 250000 },
    { "Scale", 1000, 500000 },
    { "Enterprise", CAPHEALTH_UNKNOWN, CAPHEALTH_UNKNOWN }
};


void
caphealth_policy_init(caphealth_policy_t *p)
{
    size_t  i;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        p->bounds[i] = caphealth_threshold(i)->bounds;
        p->off[i] = 0;
    }

    p->tiers = caphealth_tiers;
    p->ntiers = sizeof(caphealth_tiers) / sizeof(caphealth_tiers[0]);
}


const char *
caphealth_bounds_check(const caphealth_bounds_t *b, caphealth_unit_e unit)
{
    if (!isfinite(b->warning) || !isfinite(b->critical)
        || !isfinite(b->limit))
    {
        return "a bound is not a finite number";
    }

    if (b->limit <= 0) {
        return "limit is not greater than zero";
    }

    if (b->warning < 0) {
        return "warning is negative";
    }

    if (b->warning > b->critical) {
        return "warning is greater than critical";
    }

    if (b->critical > b->limit) {
        return "critical is greater than limit";
    }

    if (unit == CAPHEALTH_UNIT_PERCENT && b->limit > 100) {
        return "limit of a percentage is greater than 100";
    }

    return NULL;
}


const char *
caphealth_tiers_check(const caphealth_tier_t *tiers, size_t n)
{
    size_t       i;
    const char  *wrong;

    if (n == 0) {
        return "there is no tier";
    }

    for (i = 0; i < n; i++) {
        wrong = caphealth_tier_check(tiers, i, n);
        if (wrong != NULL) {
            return wrong;
        }
    }

    return NULL;
}


static const char *
caphealth_tier_check(const caphealth_tier_t *tiers, size_t i, size_t n)
{
    int                      bounded;
    size_t                   k;
    const caphealth_tier_t  *t;

    t = &tiers[i];

    if (t->name == NULL || t->name[0] == '\0') {
        return "a tier has no name";
    }

    if (t->max_clients < CAPHEALTH_UNKNOWN
        || t->max_products < CAPHEALTH_UNKNOWN)
    {
        return "a bound of a tier is negative";
    }

    bounded = t->max_clients != CAPHEALTH_UNKNOWN
              || t->max_products != CAPHEALTH_UNKNOWN;

    if (i + 1 < n && !bounded) {
        return "a tier before the last has no bound";
    }

    if (i + 1 == n && bounded) {
        return "the last tier has a bound";
    }

    for (k = 0; k < i; k++) {

        if (strcmp(tiers[k].name, t->name) == 0) {
            return "two tiers have the same name";
        }

        if (caphealth_bound_lower(t->max_clients, tiers[k].max_clients)
            || caphealth_bound_lower(t->max_products, tiers[k].max_products))
        {
            return "a bound of a tier is lower than that of an earlier tier";
        }
    }

    return NULL;
}


static int
caphealth_bound_lower(int64_t bound, int64_t earlier)
{
    return bound != CAPHEALTH_UNKNOWN && bound < earlier;
}


const caphealth_tier_t *
caphealth_tier_find(const caphealth_policy_t *p, int64_t clients,
    int64_t products)
{
    size_t                   i;
    const caphealth_tier_t  *t;

    for (i = 0; i < p->ntiers; i++) {
        t = &p->tiers[i];

        if (caphealth_bound_exceeded(t->max_clients, clients)
            || caphealth_bound_exceeded(t->max_products, products))
        {
            continue;
        }

        if (caphealth_bound_undecided(t->max_clients, clients)
            || caphealth_bound_undecided(t->max_products, products))
        {
            return NULL;
        }

        return t;
    }

    return NULL;
}


static int
caphealth_bound_exceeded(int64_t bound, int64_t n)
{
    return bound != CAPHEALTH_UNKNOWN && n > bound;
}


static int
caphealth_bound_undecided(int64_t bound, int64_t n)
{
    return bound != CAPHEALTH_UNKNOWN && n == CAPHEALTH_UNKNOWN;
}
