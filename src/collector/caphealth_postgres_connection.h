
/*
 * A connection to a PostgreSQL server, with a deadline for all that is done
 * with it.  The platform's database and the fleet's are reached by it.
 */

#ifndef CAPHEALTH_POSTGRES_CONNECTION_H
#define CAPHEALTH_POSTGRES_CONNECTION_H


#include <libpq-fe.h>

#include "caphealth_error.h"
#include "caphealth_postgres_hosts.h"


/* serialization_failure: on a hot standby, a conflict with recovery */
#define CAPHEALTH_POSTGRES_CONFLICT  "40001"


/* all zero but for the URL, which outlives it */

typedef struct {
    const char                 *url;
    PGconn                     *conn;        /* NULL: there is none */
    caphealth_postgres_host_t   last;        /* that answered */
    unsigned                    has_last:1;
    unsigned                    conflict:1;  /* of the last call */
} caphealth_postgres_connection_t;


/*
 * Connects to one of the servers that the URL names, each of which has its
 * share of the time until deadline, of caphealth_db_clock().  Returns 0, or -1
 * with the error, which has no password in it.
 */
int caphealth_postgres_open(caphealth_postgres_connection_t *c,
    double deadline, caphealth_error_t *error);

/* Ends it, if there is one; and frees all that belongs to it. */
void caphealth_postgres_close(caphealth_postgres_connection_t *c);
void caphealth_postgres_clear(caphealth_postgres_connection_t *c);

/*
 * Waits for the answer to what one of libpq's PQsend...() returned sent for;
 * query is its name.  Returns 0 and *result, which the caller PQclear()s; or -1
 * with the error, and there is no connection any more.
 */
int caphealth_postgres_call(caphealth_postgres_connection_t *c, int sent,
    const char *query, double deadline, PGresult **result,
    caphealth_error_t *error);

/* What the server says is wrong with the query, in one line. */
void caphealth_postgres_refused(const char *query, const PGresult *result,
    caphealth_error_t *error);


#endif /* CAPHEALTH_POSTGRES_CONNECTION_H */
