
/*
 * Report: facts and policy in, the JSON that a client sees out.  Pure
 * functions: the same input gives the same text.
 */

#ifndef CAPHEALTH_REPORT_H
#define CAPHEALTH_REPORT_H


#include "caphealth_facts.h"
#include "caphealth_policy.h"


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
    int                      stale;      /* the collector's pulse, the system
                                            section, is stale */
    const caphealth_tier_t  *tier;       /* NULL: unknown */
} caphealth_assessment_t;


/* now: seconds since the epoch. */
void caphealth_assess(caphealth_assessment_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);

/*
 * One threshold alone, whose bounds are set: current is not rounded, and NAN
 * where it is not known.
 */
void caphealth_check_judge(caphealth_check_t *c, double current, int decimals,
    const caphealth_section_t *s, double now);

/* What a client reads: of a threshold, and overall.  Never NULL. */
const char *caphealth_check_name(caphealth_status_e status);
const char *caphealth_overall_name(caphealth_status_e status);

/*
 * The body of the health and of the capacity answer: UTF-8 JSON, one line
 * that ends in a newline.  *len becomes its length without the NUL.  The
 * caller free()s it.  NULL: no memory.
 */
char *caphealth_report_health(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len);
char *caphealth_report_capacity(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len);

/*
 * The same as the capacity answer with a page of the list of vendors in place
 * of their names, see caphealth_vendors_page().
 */
char *caphealth_report_vendors(const caphealth_facts_t *f, double now,
    const caphealth_vendor_t *after, size_t limit, size_t *len);

/* The same of the image statistics. */
char *caphealth_report_statistics(const caphealth_facts_t *f, double now,
    size_t *len);

/*
 * The time of the oldest data that the answer draws on, in seconds since the
 * epoch: what its Age is counted from.  0: it draws on none.
 */
double caphealth_report_health_time(const caphealth_facts_t *f);
double caphealth_report_capacity_time(const caphealth_facts_t *f);

/*
 * x rounded to that many decimals, half to even on the exact binary value, as
 * printf() and Python's round() do.
 */
double caphealth_round(double x, int decimals);


#endif /* CAPHEALTH_REPORT_H */
