
/*
 * The header lines of one part of a multipart body.
 */

#ifndef CAPHEALTH_DISPOSITION_H
#define CAPHEALTH_DISPOSITION_H


#include <stddef.h>


typedef struct {
    unsigned   seen:1;          /* there was a Content-Disposition */
    unsigned   file:1;          /* with a file name, "" perhaps */
    unsigned   plain:1;         /* and one that was not extended, RFC 8187 */
    unsigned   name:1;
    char      *filename;        /* the caller's, zero-terminated */
    size_t     size;            /* of it; a longer name is cut */
} caphealth_disposition_t;


/*
 * Reads header lines, each ended by CRLF.  NULL, or what is wrong with them
 * as a sentence.
 */
const char *caphealth_disposition(const char *lines, size_t len,
    caphealth_disposition_t *d);

/* a-z and so on: what RFC 9110 calls a token, and lower case of one */
int caphealth_is_token(char c);

/*
 * Reads the parameter at *p, `; name=value` or `; name="value"`, and moves *p
 * behind it.  The value is copied, without its quotes, to value, which has
 * room for size bytes; what does not fit is left out.  1: read; 0: there is
 * none; -1: it is malformed.
 */
int caphealth_parameter(const char **p, const char *end, const char **name,
    size_t *len, char *value, size_t size);


#endif /* CAPHEALTH_DISPOSITION_H */
