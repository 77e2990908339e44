
/*
 * Activity: the counters of uploads, converters, object stores and collectors
 * that the metrics have, added up over all workers since the shared zone was
 * created or resized.
 */

#ifndef CAPHEALTH_ACTIVITY_H
#define CAPHEALTH_ACTIVITY_H


#include <stddef.h>

#include "caphealth_notification.h"


/* the stages of an upload, in their order */

typedef enum {
    CAPHEALTH_RECEIVE = 0,       /* a request, to its body's last byte */
    CAPHEALTH_QUEUE,             /* an image, from then until a converter
                                    takes it */
    CAPHEALTH_CONVERT,           /* an image, in the converter */
    CAPHEALTH_PUBLISH,           /* a request, its files get their names */
    CAPHEALTH_STAGES             /* how many there are */
} caphealth_stage_e;


#define CAPHEALTH_BUCKETS  13


/* the upper bounds of the histograms' buckets, seconds */
extern const double  caphealth_bucket_bounds[CAPHEALTH_BUCKETS];


typedef struct {
    double                    buckets[CAPHEALTH_BUCKETS + 1]; /* not cumulative;
                                     the last is above all bounds */
    double                    sum;           /* seconds */
} caphealth_histogram_t;


/*
 * The value, in seconds, that a share q of what was counted is not above, by a
 * straight line within its bucket, as histogram_quantile() of Prometheus has
 * it; above all bounds: the last of them.  NAN: nothing was counted.
 */
double caphealth_histogram_quantile(const caphealth_histogram_t *h, double q);


typedef struct {
    const char               *name;
    double                    n;
} caphealth_tally_t;


typedef struct {
    int                       configured;    /* 0: no location takes
                                                uploads, the rest is unset */
    const caphealth_tally_t  *posts;         /* requests, by their result */
    size_t                    nposts;
    const caphealth_tally_t  *deletes;
    size_t                    ndeletes;
    double                    received;      /* bytes, of bodies */
    double                    written;       /* bytes, of variants */
    double                    waiting;       /* images in the queue */
    double                    starts;        /* of converters */
    double                    deaths;
    double                    idle;          /* seconds of CPU time, of those
                                                at idle priority */
    caphealth_histogram_t     stages[CAPHEALTH_STAGES];
} caphealth_uploads_t;


/* more than there are results of a request to a store */
#define CAPHEALTH_STORE_RESULTS  12


/* of an object store; a tally without a name is none */

typedef struct {
    const char               *root;          /* "s3://bucket/prefix" */
    caphealth_tally_t         requests[CAPHEALTH_STORE_RESULTS];
                                             /* by their result */
    double                    retries;       /* of these */
    double                    sent;          /* bytes, of files */
    caphealth_tally_t         put[CAPHEALTH_STORE_RESULTS];
                                             /* images, by their result */
    caphealth_tally_t         removed[CAPHEALTH_STORE_RESULTS];
    caphealth_histogram_t     seconds;       /* of images that were put */
    double                    under_way;     /* images, to be put or removed */
} caphealth_store_activity_t;


typedef struct {
    double                    restarts;      /* of the collector */
    int                       notifies;      /* somebody is notified; 0: what
                                                follows is not shown */
    double                    notifications[CAPHEALTH_NOTIFY_RESULTS];
                                             /* attempts */
    caphealth_uploads_t       uploads;
    const caphealth_store_activity_t  *stores;
    size_t                    nstores;
} caphealth_activity_t;


#endif /* CAPHEALTH_ACTIVITY_H */
