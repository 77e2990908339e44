
/*
 * Report: the JSON documents that clients read, made of facts and policy.
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
 * The capacity answer with a page of the list of vendors in place of
 * products_by_vendor, see caphealth_vendors_page().
 */
char *caphealth_report_vendors(const caphealth_facts_t *f, double now,
    const caphealth_vendor_t *after, size_t limit, size_t *len);

/* The body of the image statistics, likewise. */
char *caphealth_report_statistics(const caphealth_facts_t *f, double now,
    size_t *len);

/*
 * The nodes of the fleet, which is configured.  It is a report as the others
 * are; p is ignored, because each node has judged itself.
 */
char *caphealth_report_nodes(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len);

/*
 * The time of the oldest data in the answer, in seconds since the epoch, from
 * which its Age is counted.  0: there is no data in it.
 */
double caphealth_report_health_time(const caphealth_facts_t *f);
double caphealth_report_capacity_time(const caphealth_facts_t *f);
double caphealth_report_nodes_time(const caphealth_facts_t *f);


#endif /* CAPHEALTH_REPORT_H */
