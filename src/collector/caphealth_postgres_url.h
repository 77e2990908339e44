
/*
 * A PostgreSQL URL may hold a password, and libpq quotes what it is given.
 */

#ifndef CAPHEALTH_POSTGRES_URL_H
#define CAPHEALTH_POSTGRES_URL_H


#include <libpq-fe.h>


/*
 * Whether libpq may be given the URL at all.  Returns 0, or -1 with a
 * sentence in error, which has room for CAPHEALTH_ERROR_LEN.
 */
int caphealth_postgres_check(const char *url, char *error);

/* What libpq says of the connection, without the URL and its secrets. */
void caphealth_postgres_error(PGconn *conn, const char *url, char *error);


#endif /* CAPHEALTH_POSTGRES_URL_H */
