
/*
 * Reply: the document that a collector answers with, {"collected_at",
 * "duration", "error", "data"}, and behind a line feed the vendors of a
 * database, checked before anyone believes it.
 */

#ifndef CAPHEALTH_REPLY_H
#define CAPHEALTH_REPLY_H


#include <stddef.h>


/* what was looked at */

typedef enum {
    CAPHEALTH_REPLY_SYSTEM = 0,
    CAPHEALTH_REPLY_DISK,
    CAPHEALTH_REPLY_DATABASE
} caphealth_reply_e;


typedef struct {
    double     collected_at;     /* seconds since the epoch */
    double     duration;         /* of the look, in seconds */
    char      *data;             /* what the parser of such facts takes; NULL:
                                    the look brought none */
    unsigned   code;             /* caphealth_error_e */
    char      *error;            /* or NULL; without data there is one */
    unsigned   partial:1;        /* the CPU's first sample */
} caphealth_reply_t;


/*
 * Reads the text.  Returns 0, and the caller releases the reply with
 * caphealth_reply_free(); or -1 with what is wrong in err, and nothing in it.
 */
int caphealth_reply_parse(caphealth_reply_t *reply, caphealth_reply_e of,
    const char *text, size_t len, char *err, size_t errlen);

void caphealth_reply_free(caphealth_reply_t *reply);


#endif /* CAPHEALTH_REPLY_H */
