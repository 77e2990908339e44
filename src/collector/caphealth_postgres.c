
/*
 * A platform's database in PostgreSQL.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_db.h"
#include "caphealth_postgres_connection.h"


/* of a query's time, how much it may spend on waiting for another's lock */
#define CAPHEALTH_POSTGRES_LOCK      0.3

/* milliseconds between two attempts of a query that a standby has cancelled */
#define CAPHEALTH_POSTGRES_PAUSE     20


static void *
caphealth_postgres_create(const char *url)
{
    caphealth_postgres_connection_t  *c;

    c = calloc(1, sizeof(caphealth_postgres_connection_t));
    if (c == NULL) {
        return NULL;
    }

    c->url = url;

    return c;
}


static void
caphealth_postgres_destroy(void *driver)
{
    caphealth_postgres_clear(driver);
    free(driver);
}


static int
caphealth_postgres_driver_open(void *driver, double deadline,
    caphealth_error_t *error)
{
    return caphealth_postgres_open(driver, deadline, error);
}


static void
caphealth_postgres_driver_close(void *driver)
{
    caphealth_postgres_close(driver);
}


/* of pg_type, and the same on every server */

static int
caphealth_postgres_whole(Oid type)
{
    return type == 20 /* int8 */ || type == 21 /* int2 */
           || type == 23 /* int4 */;
}


static void
caphealth_postgres_rows(caphealth_query_result_t *qr, const PGresult *result)
{
    int             i, rc, name, number;
    caphealth_id_t  id;

    rc = 0;
    memset(&id, 0, sizeof(caphealth_id_t));

    for (i = 0; rc == 0 && i < PQntuples(result); i++) {

        if (qr->query->shape == CAPHEALTH_PLAN) {
            rc = caphealth_query_result_plan(qr, PQgetvalue(result, i, 0),
                                           (size_t) PQgetlength(result, i, 0));
            continue;
        }

        if (qr->query->shape == CAPHEALTH_SCALAR) {
            rc = caphealth_query_result_number(qr,
                                           PQgetisnull(result, i, 0)
                                           ? NULL : PQgetvalue(result, i, 0),
                                           (size_t) PQgetlength(result, i, 0));
            continue;
        }

        name = !PQgetisnull(result, i, 0);
        number = !PQgetisnull(result, i, 1);

        if (PQnfields(result) == 3) {
            id.text = PQgetisnull(result, i, 2) ? NULL
                                                : PQgetvalue(result, i, 2);
            id.len = (size_t) PQgetlength(result, i, 2);
            id.number = caphealth_postgres_whole(PQftype(result, 2));
        }

        rc = caphealth_query_result_row(qr,
                                      name ? PQgetvalue(result, i, 0) : NULL,
                                      (size_t) PQgetlength(result, i, 0),
                                      number ? PQgetvalue(result, i, 1) : NULL,
                                      (size_t) PQgetlength(result, i, 1),
                                      PQnfields(result) == 3 ? &id : NULL);
    }

    if (rc == 0) {
        (void) caphealth_query_result_end(qr);
    }
}


static void
caphealth_postgres_time(int64_t at, char *text, size_t len)
{
    time_t     t;
    struct tm  tm;

    t = (time_t) at;

    (void) gmtime_r(&t, &tm);
    (void) strftime(text, len, "%Y-%m-%d %H:%M:%S+00", &tm);
}


/* prepared, so that the server returns the number of parameters */

static int
caphealth_postgres_describe(caphealth_postgres_connection_t *c,
    caphealth_query_result_t *qr, double deadline, int *parameters)
{
    PGresult  *result;

    *parameters = -1;

    if (caphealth_postgres_call(c, PQsendPrepare(c->conn, "", qr->sql, 0,
                                                 NULL),
                                qr->query->name, deadline, &result,
                                &qr->error)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        caphealth_postgres_refused(qr->query->name, result,
                                   &qr->error);
        PQclear(result);
        return 0;
    }

    PQclear(result);

    if (caphealth_postgres_call(c, PQsendDescribePrepared(c->conn, ""),
                                qr->query->name, deadline, &result,
                                &qr->error)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        caphealth_postgres_refused(qr->query->name, result,
                                   &qr->error);

    } else if (caphealth_query_result_columns(qr, PQnfields(result)) == 0
               && caphealth_query_result_parameters(qr, PQnparams(result)) == 0)
    {
        *parameters = PQnparams(result);
    }

    PQclear(result);

    return 0;
}


/* what stands around a query, and brings no rows */

static int
caphealth_postgres_command(caphealth_postgres_connection_t *c, const char *sql,
    caphealth_query_result_t *qr, double deadline)
{
    PGresult  *result;

    if (caphealth_postgres_call(c, PQsendQuery(c->conn, sql),
                                qr->query->name, deadline, &result,
                                &qr->error)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        caphealth_postgres_refused(qr->query->name, result,
                                   &qr->error);
    }

    PQclear(result);

    return 0;
}


/*
 * A transaction of its own, which is always rolled back: whatever settings a
 * query of the operator's own changes, the next one cannot write either.
 */

static int
caphealth_postgres_begin(caphealth_postgres_connection_t *c,
    caphealth_query_result_t *qr, double deadline)
{
    char    sql[256];
    double  share;

    share = caphealth_db_share(deadline) * 1000;

    (void) snprintf(sql, sizeof(sql),
                    "BEGIN READ ONLY;"
                    "SET LOCAL TimeZone = 'UTC';"
                    "SET LOCAL statement_timeout = %.0f;"
                    "SET LOCAL lock_timeout = %.0f",
                    share + 1, share * CAPHEALTH_POSTGRES_LOCK + 1);

    return caphealth_postgres_command(c, sql, qr, deadline);
}


static int
caphealth_postgres_run(caphealth_postgres_connection_t *c,
    caphealth_query_result_t *qr, double deadline)
{
    int        n;
    char       first[32], next[32];
    PGresult  *result;

    const char *const  values[] = { first, next };

    if (caphealth_postgres_describe(c, qr, deadline, &n) == -1) {
        return -1;
    }

    if (n == -1) {
        return 0;
    }

    caphealth_postgres_time(qr->month.first, first, sizeof(first));
    caphealth_postgres_time(qr->month.next, next, sizeof(next));

    if (caphealth_postgres_call(c, PQsendQueryPrepared(c->conn, "", n, values,
                                                       NULL, NULL, 0),
                                qr->query->name, deadline, &result,
                                &qr->error)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        caphealth_postgres_rows(qr, result);

    } else {
        caphealth_postgres_refused(qr->query->name, result,
                                   &qr->error);
    }

    PQclear(result);

    return 0;
}


static int
caphealth_postgres_attempt(caphealth_postgres_connection_t *c,
    caphealth_query_result_t *qr, double deadline)
{
    if (caphealth_postgres_begin(c, qr, deadline) == -1) {
        return -1;
    }

    if (qr->error.code == 0
        && caphealth_postgres_run(c, qr, deadline) == -1)
    {
        return -1;
    }

    return caphealth_postgres_command(c, "ROLLBACK", qr, deadline);
}


/*
 * A standby cancels a query which reads what the primary has removed: a new
 * one sees the state after that.
 */

static int
caphealth_postgres_run_query(void *driver, caphealth_query_result_t *qr,
    double deadline)
{
    caphealth_postgres_connection_t  *c = driver;

    int     rc;
    double  until;

    until = caphealth_db_clock() + caphealth_db_share(deadline);

    for ( ;; ) {
        c->conflict = 0;

        rc = caphealth_postgres_attempt(c, qr, deadline);

        if (!c->conflict || caphealth_db_clock() > until) {
            return rc;
        }

        caphealth_query_result_reset(qr);

        (void) poll(NULL, 0, CAPHEALTH_POSTGRES_PAUSE);

        if (c->conn == NULL
            && caphealth_postgres_open(c, until, &qr->error) == -1)
        {
            return -1;
        }
    }
}


static void
caphealth_postgres_version(void *driver, char *version, size_t len)
{
    caphealth_postgres_connection_t  *c = driver;

    const char  *s;

    s = PQparameterStatus(c->conn, "server_version");

    (void) snprintf(version, len, "%.*s", s == NULL ? 0 : (int) strcspn(s, " "),
                    s == NULL ? "" : s);
}


const caphealth_driver_t  caphealth_postgres_driver = {
    .engine = "postgresql",
    .scheme = "postgres",
    .create = caphealth_postgres_create,
    .destroy = caphealth_postgres_destroy,
    .open = caphealth_postgres_driver_open,
    .close = caphealth_postgres_driver_close,
    .unchanged = NULL,
    .run_query = caphealth_postgres_run_query,
    .version = caphealth_postgres_version
};
