
/*
 * What the parts of a move have in common: what it has done so far, how it
 * waits for the store, and what it reports.
 */

#ifndef CAPHEALTH_MOVE_RUN_H
#define CAPHEALTH_MOVE_RUN_H


#include "caphealth_move.h"


#define CAPHEALTH_MOVE_SLICES   256


typedef struct {
    const caphealth_move_t  *move;
    unsigned                 active;     /* images under way */
    unsigned                 slice;
    int                      waiting;    /* for caphealth_move_call() */
    int                      stop;       /* 1: a failure that all images would
                                            have */
    double                   begun;
    double                   reported;

    uint64_t                 images;     /* of which files were moved */
    uint64_t                 moved;      /* files */
    uint64_t                 bytes;      /* in them */
    uint64_t                 complete;   /* images that were there */
    uint64_t                 incomplete; /* that have no commit mark */
    uint64_t                 failed;
    uint64_t                 records;    /* that were moved */
    uint64_t                 owners;     /* of so many images */
} caphealth_move_run_t;


/* Does what there is to do within a second, and reports the progress. */
void caphealth_move_step(caphealth_move_run_t *run);

/*
 * Sends a call, of which the caller has set all but deadline, done and data,
 * and waits until it has ended.  No other call may be waited for meanwhile.
 */
void caphealth_move_call(caphealth_move_run_t *run, caphealth_s3_call_t *call);

/* Writes a failure to stderr, and counts it. */
void caphealth_move_failed(caphealth_move_run_t *run, const char *key,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Stops the run if the next images would fail with this status as well. */
void caphealth_move_status(caphealth_move_run_t *run,
    caphealth_ship_status_e status);

/* last: the summary, after which nothing is reported. */
void caphealth_move_report(caphealth_move_run_t *run, int last);


#endif /* CAPHEALTH_MOVE_RUN_H */
