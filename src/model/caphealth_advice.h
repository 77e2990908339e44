
/*
 * Advice: what to do about the judgement, in sentences.
 *
 * Both return a new reference, or NULL: no memory.
 */

#ifndef CAPHEALTH_ADVICE_H
#define CAPHEALTH_ADVICE_H


#include <jansson.h>

#include "caphealth_report.h"


/* The recommendations: an array, never empty. */
json_t *caphealth_advice(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_assessment_t *a, double now);

/* What the platform grows out of: a string, or null. */
json_t *caphealth_advice_trigger(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_tier_t *tier);


#endif /* CAPHEALTH_ADVICE_H */
