
/*
 * Notify body: a notification as JSON, as each kind of receiver takes it, and
 * its signature.
 */

#ifndef CAPHEALTH_NOTIFY_BODY_H
#define CAPHEALTH_NOTIFY_BODY_H


#include <jansson.h>

#include "caphealth_notify.h"


/* a signature, with its NUL */
#define CAPHEALTH_NOTIFY_SIGNATURE  (sizeof("sha256=") + 64)


/*
 * What is told, without what changes from one attempt to the next.  runbooks is
 * the URL of the handbook's directory "operations", or NULL.  The caller
 * json_decref()s it.  NULL: no memory.
 */
json_t *caphealth_notify_note(const char *id, const char *node,
    const char *runbooks, const caphealth_notify_event_t *event,
    const caphealth_record_t *record);

/* Whether a value, of a file, has what a note needs. */
int caphealth_notify_note_valid(const json_t *note);

/*
 * The body of an attempt, the first is 1, at the time now; remind is that of
 * the rules.  The caller free()s it.  NULL: no memory.
 */
char *caphealth_notify_body(const json_t *note,
    caphealth_notify_format_e format, unsigned attempt, double now,
    double remind);

/*
 * "sha256=" and the HMAC (RFC 2104) with SHA-256 of a body in hexadecimal
 * digits, in text.  Returns text.
 */
const char *caphealth_notify_sign(char text[CAPHEALTH_NOTIFY_SIGNATURE],
    const char *secret, const char *body);


#endif /* CAPHEALTH_NOTIFY_BODY_H */
