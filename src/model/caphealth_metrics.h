
/*
 * Metrics: the facts, the thresholds' statuses and the activity, in the formats
 * of Prometheus.  They are rows of the table of measures.
 *
 * The metrics are texts, to be sent one after another: of the facts, of the
 * vendors, of the fleet's nodes if they are asked for, and of what changes with
 * each request.  All but the last may be kept until the facts change.
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

/* The nodes of the fleet, each by its name. */
char *caphealth_metrics_nodes(const caphealth_facts_t *f, double now,
    caphealth_dialect_e dialect, size_t *len);

/* The products of the n vendors that have the most products. */
char *caphealth_metrics_vendors(const caphealth_vendors_t *v, size_t n,
    caphealth_dialect_e dialect, size_t *len);

/* The image trees and the activity, with the end of the document. */
char *caphealth_metrics_live(const caphealth_images_t *i,
    const caphealth_activity_t *a, caphealth_dialect_e dialect, size_t *len);


#endif /* CAPHEALTH_METRICS_H */
