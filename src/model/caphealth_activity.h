
/*
 * Activity: what has happened here, counted in all workers since the zone was
 * made, or last resized; as the metrics tell it.
 */

#ifndef CAPHEALTH_ACTIVITY_H
#define CAPHEALTH_ACTIVITY_H


#include <stddef.h>


/* the stages of an upload, in their order */

typedef enum {
    CAPHEALTH_RECEIVE = 0,       /* of the request, to the body's last byte */
    CAPHEALTH_QUEUE,             /* from then to a free converter; an image */
    CAPHEALTH_CONVERT,           /* in the converter; an image */
    CAPHEALTH_PUBLISH,           /* its files get their names */
    CAPHEALTH_STAGES             /* how many there are */
} caphealth_stage_e;


#define CAPHEALTH_BUCKETS  13


/* the upper bounds of the histograms' buckets, seconds */
extern const double  caphealth_bucket_bounds[CAPHEALTH_BUCKETS];


typedef struct {
    double                    buckets[CAPHEALTH_BUCKETS + 1]; /* each for
                                     itself; the last is beyond all bounds */
    double                    sum;           /* seconds */
} caphealth_histogram_t;


typedef struct {
    const char               *name;
    double                    n;
} caphealth_tally_t;


typedef struct {
    int                       configured;    /* 0: nowhere are uploads taken,
                                                and below is nothing to tell */
    const caphealth_tally_t  *posts;         /* requests, by their result */
    size_t                    nposts;
    const caphealth_tally_t  *deletes;
    size_t                    ndeletes;
    double                    received;      /* bytes, of bodies */
    double                    written;       /* bytes, of variants */
    double                    waiting;       /* images, at this moment */
    double                    starts;        /* of converters */
    double                    deaths;
    double                    idle;          /* seconds of CPU time, of those
                                                at idle priority */
    caphealth_histogram_t     stages[CAPHEALTH_STAGES];
} caphealth_uploads_t;


typedef struct {
    double                    restarts;      /* of the collector */
    caphealth_uploads_t       uploads;
} caphealth_activity_t;


#endif /* CAPHEALTH_ACTIVITY_H */
