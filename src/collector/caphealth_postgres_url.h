
/*
 * A PostgreSQL URL may hold a password, and libpq quotes what it is given.
 */

#ifndef CAPHEALTH_POSTGRES_URL_H
#define CAPHEALTH_POSTGRES_URL_H


#include <libpq-fe.h>

#include "caphealth_error.h"


/*
 * Whether libpq may be given the URL at all.  Returns 0, or -1 with the error.
 */
int caphealth_postgres_check(const char *url, caphealth_error_t *error);

/*
 * Where a URL leads: its hosts with their ports, sorted, the database, and the
 * options of the session.  Neither how the client connects nor who it is
 * counts.  Of a URL that is invalid, the same for each.  The caller free()s
 * it.  NULL: no memory.
 */
char *caphealth_postgres_place(const char *url);

/*
 * What libpq says of the connection, without the URL and its secrets.  The code
 * is that of the SQLSTATE, which the message has if PQERRORS_VERBOSE is set:
 * the sentence is in the server's language.
 */
void caphealth_postgres_error(PGconn *conn, const char *url,
    caphealth_error_t *error);

/*
 * FATAL:  28P01: password authentication failed for user "shop"
 * LOCATION:  auth_failed, auth.c:338
 *
 * Takes the SQLSTATEs and the places in the server's source out of such a
 * message, and returns the code that they are.
 */
caphealth_error_e caphealth_postgres_terse(char *message);

/* The code of an SQLSTATE, which is not NULL. */
caphealth_error_e caphealth_postgres_code(const char *state);


#endif /* CAPHEALTH_POSTGRES_URL_H */
