
/*
 * Recommendations: what the operator may do, in sentences.
 */

#ifndef CAPHEALTH_RECOMMENDATIONS_H
#define CAPHEALTH_RECOMMENDATIONS_H


#include "caphealth_json.h"
#include "caphealth_status.h"


/* An array, never empty. */
void caphealth_recommendations(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_evaluation_t *a, double now);

/* Why the next tier will be needed: a string, or null. */
void caphealth_next_tier_trigger(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_tier_t *tier);


#endif /* CAPHEALTH_RECOMMENDATIONS_H */
