
/*
 * Policy: the bounds of the six thresholds and the infrastructure tiers, as
 * they are configured; their defaults, and the checks that the directives use.
 */

#ifndef CAPHEALTH_POLICY_H
#define CAPHEALTH_POLICY_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_facts.h"


typedef enum {
    CAPHEALTH_PRODUCTS_TOTAL = 0,
    CAPHEALTH_STORAGE_GB,
    CAPHEALTH_DB_SIZE_MB,
    CAPHEALTH_DISK_PERCENT,
    CAPHEALTH_MEMORY_PERCENT,
    CAPHEALTH_CPU_PERCENT,
    CAPHEALTH_THRESHOLDS         /* how many there are */
} caphealth_threshold_e;


typedef enum {
    CAPHEALTH_UNIT_NONE = 0,
    CAPHEALTH_UNIT_COUNT,        /* products */
    CAPHEALTH_UNIT_BYTES,
    CAPHEALTH_UNIT_MB,           /* MiB, as every "mb" of the report */
    CAPHEALTH_UNIT_GB,           /* GiB */
    CAPHEALTH_UNIT_PERCENT,
    CAPHEALTH_UNIT_SECONDS,
    CAPHEALTH_UNIT_FLAG          /* 0 or 1 */
} caphealth_unit_e;


typedef struct {
    double  warning;
    double  critical;
    double  limit;
} caphealth_bounds_t;


typedef struct {
    const char  *name;
    int64_t      max_clients;    /* CAPHEALTH_UNKNOWN: no bound */
    int64_t      max_products;
} caphealth_tier_t;


typedef struct {
    caphealth_bounds_t       bounds[CAPHEALTH_THRESHOLDS];
    int                      off[CAPHEALTH_THRESHOLDS];   /* not judged */
    const caphealth_tier_t  *tiers;       /* the last one has no bounds */
    size_t                   ntiers;
} caphealth_policy_t;


/* Sets the defaults, which are in static memory. */
void caphealth_policy_init(caphealth_policy_t *p);

/*
 * Each returns NULL, or a sentence (static memory, lower case, no full stop)
 * that says what is wrong.  Bounds: 0 <= warning <= critical <= limit,
 * limit > 0, all finite; a percentage's limit is at most 100.  Tiers: at
 * least one; unique non-empty names; every one but the last has a bound, the
 * last has none; no bound is lower than the same bound of an earlier tier.
 */
const char *caphealth_bounds_check(const caphealth_bounds_t *b,
    caphealth_unit_e unit);
const char *caphealth_tiers_check(const caphealth_tier_t *tiers, size_t n);

/*
 * The first tier whose bounds neither number exceeds; NULL if that depends on a
 * number that is CAPHEALTH_UNKNOWN.
 */
const caphealth_tier_t *caphealth_tier_find(const caphealth_policy_t *p,
    int64_t clients, int64_t products);


#endif /* CAPHEALTH_POLICY_H */
