
/*
 * Metrics: the facts, the report's judgement of them, and what has happened
 * here, in the words of Prometheus.  The families are the rows of tables.
 *
 * What moves with the facts, what moves with the database alone, and what
 * moves with each request are texts of their own, to be sent one behind the
 * other in this order: the first two may be kept until the facts move.
 */

#ifndef CAPHEALTH_METRICS_H
#define CAPHEALTH_METRICS_H


#include "caphealth_activity.h"
#include "caphealth_exposition.h"
#include "caphealth_status.h"


typedef struct {
    const char  *version;        /* of this module */
    const char  *nginx;          /* of nginx */
} caphealth_build_t;


/*
 * Each returns a text of *len bytes without its NUL, which the caller free()s;
 * it may be empty.  NULL: no memory.  now is in seconds since the epoch.
 */

char *caphealth_metrics_facts(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_build_t *build, double now,
    caphealth_dialect_e dialect, size_t *len);

/* The products of the n vendors that have the most. */
char *caphealth_metrics_vendors(const caphealth_vendors_t *v, size_t n,
    caphealth_dialect_e dialect, size_t *len);

/* The image trees, and the activity; and the end of it all. */
char *caphealth_metrics_live(const caphealth_images_t *i,
    const caphealth_activity_t *a, caphealth_dialect_e dialect, size_t *len);


#endif /* CAPHEALTH_METRICS_H */
