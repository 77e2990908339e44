
/*
 * Readiness: the checks by which a load balancer decides whether this node gets
 * requests.
 */

#ifndef CAPHEALTH_READY_H
#define CAPHEALTH_READY_H


#include "caphealth_status.h"


typedef enum {
    CAPHEALTH_READY_FRESH = 0,       /* the collector answers */
    CAPHEALTH_READY_CPU,
    CAPHEALTH_READY_MEMORY,
    CAPHEALTH_READY_DISK,            /* every watched one */
    CAPHEALTH_READY_IMAGES,
    CAPHEALTH_READY_DATABASE,        /* it answers */
    CAPHEALTH_READY_PRODUCTS,
    CAPHEALTH_READY_DATABASE_SIZE,
    CAPHEALTH_READY_CHECKS           /* how many there are */
} caphealth_ready_e;


#define caphealth_ready_bit(check)  (1u << (check))

/*
 * The checks of what only this node has.  A database is shared by all nodes, so
 * its outage would take all of them out; a busy CPU still serves.
 */
#define CAPHEALTH_READY_LOCAL                                                \
    (caphealth_ready_bit(CAPHEALTH_READY_FRESH)                              \
     |caphealth_ready_bit(CAPHEALTH_READY_MEMORY)                            \
     |caphealth_ready_bit(CAPHEALTH_READY_DISK)                              \
     |caphealth_ready_bit(CAPHEALTH_READY_IMAGES))

/* the checks of the database */
#define CAPHEALTH_READY_SHARED                                               \
    (caphealth_ready_bit(CAPHEALTH_READY_DATABASE)                           \
     |caphealth_ready_bit(CAPHEALTH_READY_PRODUCTS)                          \
     |caphealth_ready_bit(CAPHEALTH_READY_DATABASE_SIZE))


typedef struct {
    unsigned   failed;                           /* a bit for each check */
    char      *reasons[CAPHEALTH_READY_CHECKS];  /* one line; "": none */
} caphealth_ready_t;


/* names of the checks in the directive, the query and the answer */
extern const char *const  caphealth_ready_names[CAPHEALTH_READY_CHECKS];


/*
 * Judges all checks at the time now, in seconds since the epoch.  A check
 * fails when the facts it is about are absent or stale, and when its
 * threshold is critical; "database" also when the last try to reach it
 * failed; "images" not while a first scan is under way, but when none can be
 * made.  A value that fresh facts do not include is not critical.  What is not
 * configured does not fail.
 *
 * Returns 0, and caphealth_ready_free() gives the reasons back; or -1: no
 * memory, and there is nothing to free.
 */
int caphealth_ready(caphealth_ready_t *r, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);
void caphealth_ready_free(caphealth_ready_t *r);


#endif /* CAPHEALTH_READY_H */
