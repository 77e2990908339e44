
/*
 * Recording: what the history keeps of the facts, what has happened between
 * two records, and what notifications tell: the overall status with its causes,
 * and the limits that will be reached soon.
 */

#ifndef CAPHEALTH_RECORDING_H
#define CAPHEALTH_RECORDING_H


#include "caphealth_facts.h"
#include "caphealth_policy.h"
#include "caphealth_record.h"
#include "caphealth_status.h"


/* image roots whose scans are events */
#define CAPHEALTH_RECORDING_ROOTS    32

/* sections whose outages are, beside them */
#define CAPHEALTH_RECORDING_SECTIONS 64


/* days: limits that will be reached within them are in a record */
#define CAPHEALTH_RECORDING_DAYS     30


/* uploads, since the zone was made; what waits at this moment */

typedef struct {
    double              stored;
    double              failed;          /* by the server */
    double              waiting;
    double              p95;             /* seconds, of the last day; NAN */
} caphealth_recording_uploads_t;


/* what is remembered from one record to the next; all zero at first */

typedef struct {
    double                          time;
    caphealth_status_e              status;
    caphealth_recording_uploads_t   uploads;
    double                          failures;    /* not recorded yet */
    double                          told_at;     /* of the last of them */
    unsigned char                   failed[CAPHEALTH_RECORDING_SECTIONS];
    double                          scanned_at[CAPHEALTH_RECORDING_ROOTS];
} caphealth_recording_t;


/*
 * Fills a record, but for the events that are in it already, at the time now.
 * What is stale is unknown.  Returns how many series had to be left out.
 */
int caphealth_recording_fill(caphealth_record_t *r, caphealth_recording_t *last,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_recording_uploads_t *uploads, double now);


#endif /* CAPHEALTH_RECORDING_H */
