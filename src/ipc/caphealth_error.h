
/*
 * What went wrong with a source: a sentence for people, which may come from a
 * library or a server in part, and a code for programs, which is set where the
 * error arises.
 */

#ifndef CAPHEALTH_ERROR_H
#define CAPHEALTH_ERROR_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_source_type.h"


#define CAPHEALTH_ERROR_LEN  512


/* of several errors the first of these is the code of all */

typedef enum {
    CAPHEALTH_ERROR_COLLECTOR = 1,   /* it does not run, or does not answer */
    CAPHEALTH_ERROR_ZONE_FULL,
    CAPHEALTH_ERROR_NO_MEMORY,
    CAPHEALTH_ERROR_URL,             /* of the database */
    CAPHEALTH_ERROR_AUTHENTICATION,
    CAPHEALTH_ERROR_TIMEOUT,
    CAPHEALTH_ERROR_PERMISSION,
    CAPHEALTH_ERROR_LOCKED,
    CAPHEALTH_ERROR_CORRUPT,
    CAPHEALTH_ERROR_SCHEMA,
    CAPHEALTH_ERROR_NOT_FOUND,
    CAPHEALTH_ERROR_READ_ONLY,
    CAPHEALTH_ERROR_OTHER,           /* it has no code but the source's */
    CAPHEALTH_ERRORS
} caphealth_error_e;


/* all zero: there is none */

typedef struct {
    uint32_t  code;              /* caphealth_error_e */
    char      text[CAPHEALTH_ERROR_LEN];     /* lower case, no full stop */
} caphealth_error_t;


/* printf() into the error, which becomes whole UTF-8 in one line. */
void caphealth_error_set(caphealth_error_t *error, caphealth_error_e code,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds another one behind it. */
void caphealth_error_add(caphealth_error_t *error,
    const caphealth_error_t *more);

/* The code of what the system said. */
caphealth_error_e caphealth_error_errno(int err);

/* Whether bytes of any origin are an error, or none. */
int caphealth_error_valid(const caphealth_error_t *error);

/*
 * The code as a client reads it; NULL: there is no error.  failed: the last
 * look brought no data.
 */
const char *caphealth_error_name(uint32_t code, caphealth_source_e of,
    int failed);


#endif /* CAPHEALTH_ERROR_H */
