
/*
 * The overall status: what the thresholds and the sections add up to.
 */

#ifndef CAPHEALTH_STATUS_H
#define CAPHEALTH_STATUS_H


#include "caphealth_threshold_check.h"


typedef struct {
    caphealth_check_t        checks[CAPHEALTH_THRESHOLDS];
    caphealth_status_e       overall;
    int                      stale;      /* the system's facts are stale: the
                                            collector has stopped answering */
    const caphealth_tier_t  *tier;       /* NULL: unknown */
} caphealth_evaluation_t;


/* Judges all of them at the time now, seconds since the epoch. */
void caphealth_evaluate(caphealth_evaluation_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);

/* The overall status as text. */
const char *caphealth_overall_name(caphealth_status_e status);

/*
 * Writes into buf, of CAPHEALTH_REASON_LEN bytes, why the threshold i is not
 * well, as caphealth_reason_section() does.  Returns buf.
 */
char *caphealth_reason_check(char *buf, const caphealth_evaluation_t *a,
    caphealth_threshold_e i, const caphealth_facts_t *f, double now);

#endif /* CAPHEALTH_STATUS_H */
