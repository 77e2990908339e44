
/*
 * The notifiers: a thread for each receiver, which decides by the records what
 * to send, sends it, and tries again.  A thread that adds a record waits for
 * neither a receiver nor a disk.
 */

#ifndef CAPHEALTH_NOTIFIER_H
#define CAPHEALTH_NOTIFIER_H


#include <jansson.h>

#include "caphealth_notification.h"
#include "caphealth_record.h"


typedef struct caphealth_notifiers_s  caphealth_notifiers_t;


/* called by a notifier's thread when an attempt has ended */
typedef void (*caphealth_notifier_result_pt)(
    caphealth_notify_result_e result);


/*
 * Starts one for each of the receivers in an array of the settings, as
 * ngx_http_caphealth_collector.c makes it.  Each keeps what it told in a file
 * of the directory dir; NULL: in memory alone.  NULL with errno set.
 */
caphealth_notifiers_t *caphealth_notifiers_create(const json_t *receivers,
    const char *node, const char *dir, caphealth_notifier_result_pt result);

/*
 * Adds a record, which has been checked; own is this node's status, where that
 * of the record is the platform's.
 */
void caphealth_notifiers_add(caphealth_notifiers_t *ns,
    const caphealth_record_t *record, uint32_t own);

/*
 * In a fleet one node sends notifications for all.  A node that is muted only
 * observes the records.  It sends what was pending before, and the recovery of
 * what it sent while it was alone.  When it is unmuted it continues from the
 * status that was sent last.  _told returns what this node has sent so far.
 */
void caphealth_notifiers_mute(caphealth_notifiers_t *ns);
void caphealth_notifiers_unmute(caphealth_notifiers_t *ns,
    const caphealth_told_t *told, int alone);
void caphealth_notifiers_told(caphealth_notifiers_t *ns,
    caphealth_told_t *told);

/*
 * Begins no further attempt, and waits a short time for those under way: what
 * was not delivered is in the files, for the next collector.
 */
void caphealth_notifiers_end(caphealth_notifiers_t *ns);

/* Seconds to wait after so many attempts that failed: 1, 2, 4 ... 600. */
double caphealth_notifier_pause(unsigned attempts);

/*
 * How an attempt has ended that was answered with an HTTP status; 0: it was not
 * answered.
 */
caphealth_notify_result_e caphealth_notifier_result(long status);


#endif /* CAPHEALTH_NOTIFIER_H */
