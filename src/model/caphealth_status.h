
/*
 * Status: each threshold judged by its bounds, what they add up to, and why.
 */

#ifndef CAPHEALTH_STATUS_H
#define CAPHEALTH_STATUS_H


#include "caphealth_facts.h"
#include "caphealth_policy.h"


/* an error of the collector, and the words around it */
#define CAPHEALTH_REASON_LEN  1024


/* a threshold's status, and the overall one */

typedef enum {
    CAPHEALTH_NOT_CONFIGURED = 0,    /* "not_configured" */
    CAPHEALTH_OK,                    /* "ok", overall "healthy" */
    CAPHEALTH_UNKNOWN_STATUS,        /* "unknown" */
    CAPHEALTH_WARNING,               /* "warning", overall "degraded" */
    CAPHEALTH_CRITICAL               /* "critical" */
} caphealth_status_e;


/* one judged threshold */

typedef struct {
    double              current;         /* rounded as it is shown, or NAN */
    double              percent_used;    /* 1 decimal, or NAN */
    caphealth_bounds_t  bounds;
    caphealth_status_e  status;
} caphealth_check_t;


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

/*
 * Judges one check by its bounds, which are set.  current is not rounded yet;
 * NAN: unknown.
 */
void caphealth_check_evaluate(caphealth_check_t *c, double current,
    int decimals, const caphealth_section_t *s, double now);

/* The status as text: of a threshold, and the overall one.  Never NULL. */
const char *caphealth_check_name(caphealth_status_e status);
const char *caphealth_overall_name(caphealth_status_e status);

/*
 * Each writes into buf, of CAPHEALTH_REASON_LEN bytes, why a section at the
 * time now (seconds since the epoch), or the threshold i, is not well: one line
 * without a full stop; "" if it is.  Returns buf.
 */
char *caphealth_reason_section(char *buf, const caphealth_section_t *s,
    double now);
char *caphealth_reason_check(char *buf, const caphealth_evaluation_t *a,
    caphealth_threshold_e i, const caphealth_facts_t *f, double now);

/* Replaces control characters, line feeds among them, by blanks. */
void caphealth_reason_line(char *text);


#endif /* CAPHEALTH_STATUS_H */
