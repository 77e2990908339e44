
/*
 * Error codes: what went wrong, for programs.  The sentences beside them are
 * for people, and come from libraries and servers in part; what is told apart
 * here is what somebody would act on in another way.
 */

#ifndef CAPHEALTH_ERROR_H
#define CAPHEALTH_ERROR_H


#include "caphealth_facts.h"


typedef enum {
    CAPHEALTH_ERROR_SYSTEM = 0,
    CAPHEALTH_ERROR_DISK,
    CAPHEALTH_ERROR_IMAGES,
    CAPHEALTH_ERROR_DATABASE
} caphealth_error_e;


/*
 * The code of a source's error; NULL: there is none.  failed: the last look
 * brought no data.  A sentence that is not known gets the code of its source.
 */
const char *caphealth_error_code(caphealth_error_e of, const char *error,
    int failed);


#endif /* CAPHEALTH_ERROR_H */
