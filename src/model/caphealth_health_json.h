
/*
 * The health report in the common format for such reports:
 * draft-inadarei-api-health-check-06, application/health+json.
 */

#ifndef CAPHEALTH_HEALTH_JSON_H
#define CAPHEALTH_HEALTH_JSON_H


#include "caphealth_status.h"


/*
 * The body: UTF-8 JSON, one line that ends in a newline.  *len becomes its
 * length without the NUL.  The caller free()s it.  NULL: no memory.  now is in
 * seconds since the epoch.
 *
 * "status" is the worst of its checks.  "pass": healthy.  "warn": a threshold
 * is at a warning, or something that is configured is not known.  "fail": a
 * threshold is critical, the database cannot be reached, or the system's facts
 * are absent or stale, because the collector does not answer.
 */
char *caphealth_health_json(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len);

/* Whether its "status" is "fail"; the draft demands a status of 4xx or 5xx. */
int caphealth_health_json_fails(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);


#endif /* CAPHEALTH_HEALTH_JSON_H */
