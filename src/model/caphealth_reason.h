
/*
 * Reasons: why something is judged as it is, on one line without a full stop.
 */

#ifndef CAPHEALTH_REASON_H
#define CAPHEALTH_REASON_H


#include "caphealth_report.h"


/* an error of the collector, and what is said around it */
#define CAPHEALTH_REASON_LEN  1024


/*
 * Each writes into buf, of CAPHEALTH_REASON_LEN bytes: what is wrong with a
 * section at the time now (seconds since the epoch), or with the threshold
 * i.  "": nothing is, as far as it is known.  Returns buf.
 */
char *caphealth_reason_section(char *buf, const caphealth_section_t *s,
    double now);
char *caphealth_reason_check(char *buf, const caphealth_assessment_t *a,
    caphealth_threshold_e i, const caphealth_facts_t *f, double now);

/* Makes one line of what an operator or a system may have written in several. */
void caphealth_reason_line(char *text);


#endif /* CAPHEALTH_REASON_H */
