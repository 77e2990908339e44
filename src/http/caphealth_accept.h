
/*
 * Accept: which of several representations a client would rather have.
 * RFC 9110, section 12.5.1.
 */

#ifndef CAPHEALTH_ACCEPT_H
#define CAPHEALTH_ACCEPT_H


#include <stddef.h>


/* a media type, and what it says of itself */

typedef struct {
    const char  *type;           /* "text/plain" */
    const char  *version;
    const char  *charset;
} caphealth_media_t;


/*
 * The one of n that the client likes best; of those it likes as much, and
 * where it likes none or says nothing (len is 0), the first.  accept is the
 * field's value, len bytes; several fields are to be joined by commas.
 *
 * A range that names a version or a charset wants exactly that; what else it
 * may have is not looked at.  Of the ranges that fit, the one that says most
 * counts.  What is malformed is passed over.
 */
size_t caphealth_accept(const char *accept, size_t len,
    const caphealth_media_t *media, size_t n);


#endif /* CAPHEALTH_ACCEPT_H */
