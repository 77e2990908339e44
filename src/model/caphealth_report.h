
/*
 * Report: facts and policy in, the JSON that a client sees out.  Pure
 * functions: the same input gives the same text.
 */

#ifndef CAPHEALTH_REPORT_H
#define CAPHEALTH_REPORT_H


#include "caphealth_status.h"


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


#endif /* CAPHEALTH_REPORT_H */
