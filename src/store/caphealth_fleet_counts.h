
/*
 * The counts of an object store that the nodes of a fleet share,
 * contrib/postgresql/caphealth-fleet.sql.
 *
 * Each node has a copy of the fleet's counts, caphealth_tree_t.  What its own
 * uploads and deletions change is added to the copy at once, and to the pending
 * changes here, a slice at a time.  At a refresh these are sent, under a number
 * that grows, and are sent again until they are known to be stored.  The answer
 * has the slices that have changed in the fleet; the node's copy of a slice is
 * what the answer has and what is not stored yet.
 *
 * One node, the lister, lists the store.  For others to know whether a listing
 * is exact, each tells when its changes began and ended, by the clock of the
 * database's server, which the answers contain.
 *
 * The structure has no pointers: it lives in shared memory.  Zeroes are the
 * initial state.  Times are seconds of CLOCK_BOOTTIME, unless they are said to
 * be the server's.
 */

#ifndef CAPHEALTH_FLEET_COUNTS_H
#define CAPHEALTH_FLEET_COUNTS_H


#include <jansson.h>

#include "caphealth_tree.h"


/* of one slice */

typedef struct {
    int64_t   files;
    int64_t   bytes;
    int64_t   complete;
    int64_t   leaf_files;        /* in the leaf below */
    int32_t   leaf;              /* that the fleet has as the fullest */
    uint32_t  doubtful;          /* it may be wrong, and is to be listed */
    double    first;             /* change began; 0: there was none */
    double    last;              /* ended */
} caphealth_delta_t;


typedef struct {
    uint64_t           sequence;     /* of what is sent; 0: nothing was */
    uint64_t           stored;       /* the last that is known to be */
    uint64_t           version;      /* of the fleet's counts that it has */
    int64_t            pass;         /* over all slices, the last that is
                                        known */
    double             complete_to;  /* what is sent has all changes */
    double             contact;      /* the last answer came; 0: none did */
    double             clock;        /* the server's, in that */
    double             early;        /* that clock is at least so much ahead of
                                        CLOCK_BOOTTIME, */
    double             late;         /* and at most */
    uint32_t           lister;       /* this node is */
    uint8_t            todo[CAPHEALTH_SLICES];       /* to be listed by it */
    caphealth_delta_t  pending[CAPHEALTH_SLICES];
    caphealth_delta_t  sent[CAPHEALTH_SLICES];
} caphealth_fleet_counts_t;


/* a listing that is to be sent to the fleet */

typedef struct {
    unsigned           slice;
    double             from;
    double             until;
    caphealth_walk_t   walk;
} caphealth_fleet_listing_t;


/* what the fleet's database answers, of a store: the body of _COUNTED */

typedef struct {
    int32_t   slice;
    int32_t   leaf;              /* the fullest */
    int64_t   leaf_files;        /* in it */
    int64_t   files;
    int64_t   bytes;
    int64_t   complete;
    int64_t   incomplete;
    int64_t   strays;
    int64_t   stray_bytes;
    int32_t   missing[CAPHEALTH_COUNTED_MAX];
} caphealth_counted_slice_t;


typedef struct {
    uint32_t   store;            /* its index among those that were sent */
    uint32_t   nslices;
    uint32_t   trusted;          /* 1: the counts are complete */
    uint32_t   lister;           /* 1: this node lists the store */
    uint64_t   sequence;         /* the last that is stored */
    uint64_t   version;          /* of the counts; 0: they are not known yet */
    uint64_t   counted;          /* a hash of the counted variants' names */
    int64_t    pass;             /* over all slices, the last */
    double     clock;            /* the server's */
    double     pass_age;         /* the pass under way began so many seconds
                                    ago; NAN: there is none */
    double     scan_age;         /* the last one ended; NAN: none has */
    double     scan_seconds;     /* and took so long */
    int64_t    drift_files;      /* and found so much */
    int64_t    drift_bytes;
    int64_t    removed;          /* leftovers, by all listings */
    int64_t    removed_bytes;
    uint8_t    todo[CAPHEALTH_SLICES];                 /* to be listed */
    uint8_t    reserved[7];
    caphealth_counted_slice_t  slices[CAPHEALTH_SLICES];  /* nslices, that
                                                             have changed */
} caphealth_counted_t;


/* A change of the slice begins, or ends, or is under way, at now. */
void caphealth_fleet_counts_touch(caphealth_fleet_counts_t *f, unsigned slice,
    double now);

/* The slice may be wrong. */
void caphealth_fleet_counts_doubt(caphealth_fleet_counts_t *f, unsigned slice,
    double now);

/* The tree's counts have moved by as much, for an image. */
void caphealth_fleet_counts_move(caphealth_fleet_counts_t *f, const char *id,
    int64_t files, int64_t bytes, int64_t complete, double now);

/*
 * Makes what is pending what is sent, unless that has to be sent again, or the
 * first answer has not come: the server's clock is not known before.  changing
 * has a byte for each slice, which is not 0 if a change is under way in it.
 * wall is in milliseconds since the epoch: where the first number is taken
 * from, so that a node that has forgotten a store uses none twice.
 */
void caphealth_fleet_counts_freeze(caphealth_fleet_counts_t *f,
    const uint8_t *changing, double now, uint64_t wall);

/*
 * The node quits: *f becomes what was sent last, which may not be stored, and
 * *last what is pending, which is to be sent after it.  *shared, which is in
 * shared memory, is cleared, as if the node had never seen the store.  In case
 * that another process goes on with it, the slices of *f and *last are doubtful
 * there.
 */
void caphealth_fleet_counts_finish(caphealth_fleet_counts_t *shared,
    caphealth_fleet_counts_t *f, caphealth_fleet_counts_t *last, double now,
    uint64_t wall);

/*
 * What is sent, and n listings, as count_images() takes them, but for the
 * "scan": the caller adds it and json_decref()s the result.  NULL: no memory.
 */
json_t *caphealth_fleet_counts_request(const caphealth_fleet_counts_t *f,
    const char *name, uint64_t counted,
    const caphealth_fleet_listing_t *listings, unsigned n);

/*
 * Takes an answer to what was asked at asked, and came at now; wall is the time
 * now in seconds since the epoch.  Returns 1 if a pass that was under way has
 * ended, or 0.
 */
int caphealth_fleet_counts_take(caphealth_fleet_counts_t *f,
    caphealth_tree_t *t, const caphealth_counted_t *answer, double asked,
    double now, double wall);

/* Whether each number of an answer is within its range. */
int caphealth_counted_valid(const caphealth_counted_t *answer);


#endif /* CAPHEALTH_FLEET_COUNTS_H */
