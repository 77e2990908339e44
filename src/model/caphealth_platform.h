
/*
 * Platform: the nodes of a fleet, judged together.
 *
 * A node is silent, and its status unknown, when its latest report is older
 * than three of its own intervals.  Reports are read once in this node's
 * interval, so that between two reads those of a node that reports more often
 * look older than they are: then three of this node's intervals count.
 *
 * The platform's status is the worst of its nodes': critical, unknown,
 * degraded, healthy.  A critical node needs attention, whatever the status of
 * the others; what is not known may be critical, and so may nodes that were
 * left out of the list.
 */

#ifndef CAPHEALTH_PLATFORM_H
#define CAPHEALTH_PLATFORM_H


#include "caphealth_status.h"


/* a node, as clients see it; NULL, 0, NAN: unknown */

typedef struct {
    const char          *name;
    const char          *status;         /* an overall one */
    const char          *cause;          /* one line without a full stop; NULL:
                                            it is healthy */
    const char          *version;
    double               reported_at;    /* seconds since the epoch, by this
                                            node's clock */
    double               interval;       /* seconds */
    double               started;
    double               clock_offset;   /* seconds */
    int                  silent;
    int                  doubled;
    int                  differs;        /* of another shop's database, or of
                                            other queries */
    const char          *code;           /* of the cause */
    const caphealth_event_args_t  *args;
    caphealth_status_e   state;
    double               silent_at;      /* when it will be; it is kept until
                                            then */
    char                 text[CAPHEALTH_REASON_LEN];   /* of the cause */
} caphealth_platform_node_t;


typedef struct {
    const caphealth_facts_t  *facts;
    caphealth_section_t       section;
    caphealth_status_e        state;
    const char               *status;
    const char               *reason;    /* NULL: it is healthy */
    const char               *node;      /* this one */
    const char               *holder;    /* NULL: there is none */
    const char               *shop;      /* which node's numbers of the database
                                            are shown; NULL: there are none */
    const char               *version;   /* of this software */
    double                    clock_offset;  /* of this node's clock, seconds */
    int                       held;      /* -1: unknown, as of alone */
    int                       alone;
    int                       differs;
    const caphealth_event_args_t  *args; /* of the worst node's cause, or NULL */
    int64_t                   nodes;     /* CAPHEALTH_UNKNOWN, as of those
                                            below, before the first read */
    int64_t                   healthy;
    int64_t                   degraded;
    int64_t                   unknown;
    int64_t                   critical;
    int64_t                   silent;    /* of the unknown */
    double                    next;      /* when another node will be silent;
                                            INFINITY: none */
    double                    now;
    char                      text[CAPHEALTH_REASON_LEN];  /* of the reason */
} caphealth_platform_t;


/*
 * Judges the fleet at the time now, seconds since the epoch.  The platform
 * points into the facts.  Without a fleet its state is
 * CAPHEALTH_NOT_CONFIGURED.
 */
void caphealth_platform(caphealth_platform_t *p, const caphealth_facts_t *f,
    double now);

/* Judges its node of index i. */
void caphealth_platform_node(caphealth_platform_node_t *n,
    const caphealth_facts_t *f, size_t i, double now);


#endif /* CAPHEALTH_PLATFORM_H */
