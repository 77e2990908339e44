
/*
 * The recorder: a thread that writes the history, renders its documents, and
 * sends the worker the highest value of each day.  A thread that adds a record
 * never waits for a disk.
 */

#ifndef CAPHEALTH_RECORDER_H
#define CAPHEALTH_RECORDER_H


#include "caphealth_fleet_history.h"
#include "caphealth_record.h"
#include "caphealth_source_facts.h"


typedef struct caphealth_recorder_s  caphealth_recorder_t;


/* called by the recorder's thread, when something of them has changed */
typedef void (*caphealth_recorder_past_pt)(
    const caphealth_history_facts_t *facts);


/*
 * Starts it: a history in the directory dir, of size bytes at most; refresh are
 * the seconds between two records.  NULL with errno set.
 */
caphealth_recorder_t *caphealth_recorder_create(const char *dir,
    int64_t size, double refresh, caphealth_recorder_past_pt past);

/* Adds a record, which has been checked, in memory. */
void caphealth_recorder_add(caphealth_recorder_t *r,
    const caphealth_record_t *record);

/* What of the history goes to the fleet's database; of the recorder's life. */
caphealth_fleet_history_t *caphealth_recorder_fleet(caphealth_recorder_t *r);

/* Writes what has been added, but waits a few seconds at most. */
void caphealth_recorder_end(caphealth_recorder_t *r);


#endif /* CAPHEALTH_RECORDER_H */
