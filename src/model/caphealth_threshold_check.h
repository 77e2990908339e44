
/*
 * One threshold: its status by its bounds, and the reason.
 */

#ifndef CAPHEALTH_THRESHOLD_CHECK_H
#define CAPHEALTH_THRESHOLD_CHECK_H


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


/*
 * Judges one check by its bounds, which are set.  current is not rounded yet;
 * NAN: unknown.
 */
void caphealth_check_evaluate(caphealth_check_t *c, double current,
    int decimals, const caphealth_section_t *s, double now);

/* The bound that its status, a warning or critical, is from. */
double caphealth_check_bound(const caphealth_check_t *c);

/* The status of a threshold as text. */
const char *caphealth_check_name(caphealth_status_e status);

/*
 * Writes into buf, of CAPHEALTH_REASON_LEN bytes, why its status is unknown, or
 * "".  Returns 1 if it is a warning or critical, of which the caller writes the
 * reason, else 0.
 */
int caphealth_check_reason(char *buf, const caphealth_check_t *c,
    const caphealth_section_t *s, double now);

/*
 * Writes into buf, of CAPHEALTH_REASON_LEN bytes, why a section is not well at
 * the time now, seconds since the epoch: one line without a full stop; "" if it
 * is.  Returns buf.
 */
char *caphealth_reason_section(char *buf, const caphealth_section_t *s,
    double now);

/* Replaces control characters, line feeds among them, by blanks. */
void caphealth_reason_line(char *text);


#endif /* CAPHEALTH_THRESHOLD_CHECK_H */
