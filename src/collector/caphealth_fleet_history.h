
/*
 * What of the history goes to the fleet's database: the finished rows of a
 * minute and more, and the events, in batches, as caphealth.put_history() of
 * contrib/postgresql/caphealth-fleet.sql takes them.
 *
 * How far they have come is what that database says, so that nothing is lost
 * or doubled however long it was away.  A batch says behind which rows it goes
 * on: a database that does not have those, for it is another one since a
 * failover or a restore, ignores it and says what it has.
 *
 * Two threads share it.  The recorder's reads a batch out of the history; the
 * fleet's sends it, and tells what was answered.  Neither waits for the other.
 */

#ifndef CAPHEALTH_FLEET_HISTORY_H
#define CAPHEALTH_FLEET_HISTORY_H


#include "caphealth_history.h"


/* rows of a batch, and of all of them together the points */
#define CAPHEALTH_FLEET_HISTORY_ROWS    256
#define CAPHEALTH_FLEET_HISTORY_POINTS  8192

/* events of a batch; and as many before them, which may have come late */
#define CAPHEALTH_FLEET_HISTORY_EVENTS  256

/*
 * seconds after its end that a row is finished: a minute until the samples are
 * written, and another one for a collector that a reload has replaced
 */
#define CAPHEALTH_FLEET_HISTORY_LATE    120


typedef struct caphealth_fleet_history_s  caphealth_fleet_history_t;

/* called by the fleet's thread when the next batch can be read */
typedef void (*caphealth_fleet_history_ready_pt)(void *data);


/* ready may be NULL.  NULL: no memory. */
caphealth_fleet_history_t *caphealth_fleet_history_create(
    caphealth_fleet_history_ready_pt ready, void *data);
void caphealth_fleet_history_destroy(caphealth_fleet_history_t *f);

/*
 * In the thread of the history, which was written at the time now, in seconds
 * since the epoch: reads the next batch, if the last one is done and it is
 * known where to go on.  Returns 0, or -1: caphealth_history_error(), or no
 * memory.
 */
int caphealth_fleet_history_read(caphealth_fleet_history_t *f,
    caphealth_history_t *h, double now);

/*
 * In the fleet's thread: what is to be sent, a JSON object, which stays valid
 * until it has been answered; NULL: nothing.  What could not be sent, or was
 * not answered, is sent again.
 */
const char *caphealth_fleet_history_batch(caphealth_fleet_history_t *f);

/*
 * Takes the server's answer to it, at the time now.  Returns 0, or -1 if it is
 * no such answer: the server is then asked again where to continue.
 */
int caphealth_fleet_history_answered(caphealth_fleet_history_t *f,
    const char *answer, double now);


#endif /* CAPHEALTH_FLEET_HISTORY_H */
