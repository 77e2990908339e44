
/*
 * Error codes: what went wrong, for programs.
 */

#include <string.h>
#include <strings.h>

#include "caphealth_error.h"


typedef struct {
    const char  *text;               /* is in the sentence */
    const char  *code;
    int          database;           /* only where a database says it */
} caphealth_error_row_t;


/* the first that fits */

static const caphealth_error_row_t  caphealth_errors[] = {
    { "caphealth-collector ", "collector_unavailable", 0 },
    { " not fit into \"caphealth_zone\"", "zone_full", 0 },
    { "no memory", "no_memory", 0 },

    { "database's URL", "database_url_invalid", 1 },
    { "authentication failed", "database_authentication", 1 },
    { "no password supplied", "database_authentication", 1 },
    { "pg_hba.conf", "database_authentication", 1 },
    { "no answer within", "database_timeout", 1 },
    { "within the timeout", "database_timeout", 1 },
    { "timeout expired", "database_timeout", 1 },
    { "statement timeout", "database_timeout", 1 },
    { "permission denied", "database_permission_denied", 1 },
    { "is locked", "database_locked", 1 },
    { "not a database", "database_corrupt", 1 },
    { "is malformed", "database_corrupt", 1 },
    { "no such table", "database_schema", 1 },
    { "no such column", "database_schema", 1 },
    { "\" does not exist", "database_schema", 1 },
    { " columns, expected", "database_schema", 1 },

    { "within the timeout", "timeout", 0 },
    { "permission denied", "permission_denied", 0 },
    { "no such file", "not_found", 0 },
    { "read-only file system", "read_only", 0 }
};


static const char *const  caphealth_error_failed[] = {
    [CAPHEALTH_ERROR_SYSTEM] = "system_failed",
    [CAPHEALTH_ERROR_DISK] = "disk_failed",
    [CAPHEALTH_ERROR_IMAGES] = "images_failed",
    [CAPHEALTH_ERROR_DATABASE] = "database_unreachable"
};


static const char *const  caphealth_error_partial[] = {
    [CAPHEALTH_ERROR_SYSTEM] = "system_partial",
    [CAPHEALTH_ERROR_DISK] = "disk_partial",
    [CAPHEALTH_ERROR_IMAGES] = "images_failed",
    [CAPHEALTH_ERROR_DATABASE] = "database_partial"
};


const char *
caphealth_error_code(caphealth_error_e of, const char *error, int failed)
{
    size_t                        i;
    const caphealth_error_row_t  *row;

    if (error == NULL) {
        return NULL;
    }

    for (i = 0;
         i < sizeof(caphealth_errors) / sizeof(caphealth_errors[0]);
         i++)
    {
        row = &caphealth_errors[i];

        if ((!row->database || of == CAPHEALTH_ERROR_DATABASE)
            && strcasestr(error, row->text) != NULL)
        {
            return row->code;
        }
    }

    return failed ? caphealth_error_failed[of] : caphealth_error_partial[of];
}
