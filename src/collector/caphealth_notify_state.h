
/*
 * Notify state: which notifications were sent to a receiver, and which are
 * queued, as the text of a file, so that a restart neither repeats nor loses
 * one.
 */

#ifndef CAPHEALTH_NOTIFY_STATE_H
#define CAPHEALTH_NOTIFY_STATE_H


#include <jansson.h>

#include "caphealth_notify.h"


/* notifications that wait for a receiver */
#define CAPHEALTH_NOTIFY_QUEUE  16

/* bytes of a file; a longer one is not read */
#define CAPHEALTH_NOTIFY_FILE   (1024 * 1024)


/*
 * queue is an array of {"note": ..., "attempts": N, "created": SECONDS}.  The
 * caller free()s the text.  NULL: no memory.
 */
char *caphealth_notify_save(const caphealth_notify_t *n, const json_t *queue);

/*
 * Reads such a text at the time now, of which a limit that was told counts as
 * seen.  Sets what is kept over a restart, and *queue, which the caller
 * json_decref()s.  Returns NULL; or what is wrong, and nothing is set.
 */
const char *caphealth_notify_load(caphealth_notify_t *n, json_t **queue,
    const char *text, size_t len, double now);


#endif /* CAPHEALTH_NOTIFY_STATE_H */
