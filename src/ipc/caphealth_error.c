
/*
 * What went wrong with a source.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_error.h"
#include "caphealth_utf8.h"


/* what a client reads, and what of a database if that is something else */

static const struct {
    const char  *name;
    const char  *database;
} caphealth_error_names[] = {
    [CAPHEALTH_ERROR_COLLECTOR] = { "collector_unavailable", NULL },
    [CAPHEALTH_ERROR_ZONE_FULL] = { "zone_full", NULL },
    [CAPHEALTH_ERROR_NO_MEMORY] = { "no_memory", NULL },
    [CAPHEALTH_ERROR_URL] = { "database_url_invalid", NULL },
    [CAPHEALTH_ERROR_AUTHENTICATION] = { "database_authentication", NULL },
    [CAPHEALTH_ERROR_TIMEOUT] = { "timeout", "database_timeout" },
    [CAPHEALTH_ERROR_PERMISSION] = { "permission_denied",
                                     "database_permission_denied" },
    [CAPHEALTH_ERROR_LOCKED] = { "database_locked", NULL },
    [CAPHEALTH_ERROR_CORRUPT] = { "database_corrupt", NULL },
    [CAPHEALTH_ERROR_SCHEMA] = { "database_schema", NULL },
    [CAPHEALTH_ERROR_NOT_FOUND] = { "not_found", NULL },
    [CAPHEALTH_ERROR_READ_ONLY] = { "read_only", NULL }
};


void
caphealth_error_set(caphealth_error_t *error, caphealth_error_e code,
    const char *format, ...)
{
    char     text[4 * CAPHEALTH_ERROR_LEN];
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    memset(error, 0, sizeof(caphealth_error_t));

    error->code = code;
    caphealth_utf8_append(error->text, CAPHEALTH_ERROR_LEN, text);
}


void
caphealth_error_add(caphealth_error_t *error, const caphealth_error_t *more)
{
    caphealth_error_t  before;

    if (more->code == 0) {
        return;
    }

    if (error->code == 0) {
        *error = *more;
        return;
    }

    before = *error;

    caphealth_error_set(error, more->code < before.code ? more->code
                                                        : before.code,
                        "%s; %s", before.text, more->text);
}


caphealth_error_e
caphealth_error_errno(int err)
{
    switch (err) {

    case EACCES:
        return CAPHEALTH_ERROR_PERMISSION;

    case ENOENT:
        return CAPHEALTH_ERROR_NOT_FOUND;

    case EROFS:
        return CAPHEALTH_ERROR_READ_ONLY;

    default:
        return CAPHEALTH_ERROR_OTHER;
    }
}


int
caphealth_error_valid(const caphealth_error_t *error)
{
    const char  *end;

    end = memchr(error->text, '\0', CAPHEALTH_ERROR_LEN);

    return end != NULL
           && caphealth_utf8_valid(error->text, (size_t) (end - error->text))
           && error->code < CAPHEALTH_ERRORS
           && (error->code == 0) == (error->text[0] == '\0');
}


const char *
caphealth_error_name(uint32_t code, caphealth_source_e of, int failed)
{
    if (code == 0 || code >= CAPHEALTH_ERRORS) {
        return NULL;
    }

    if (code == CAPHEALTH_ERROR_OTHER) {
        return failed ? caphealth_source_types[of].failed
                      : caphealth_source_types[of].partial;
    }

    return of == CAPHEALTH_SOURCE_DATABASE
           && caphealth_error_names[code].database != NULL
           ? caphealth_error_names[code].database
           : caphealth_error_names[code].name;
}
