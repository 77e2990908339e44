
/*
 * A platform's database in PostgreSQL.
 *
 * libpq's calls that block know no deadline: here they are the ones that do
 * not, with poll() between them.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "caphealth_db.h"
#include "caphealth_postgres_hosts.h"
#include "caphealth_postgres_url.h"


/* of a query's time, how much it may spend on waiting for another's lock */
#define CAPHEALTH_POSTGRES_LOCK      0.3

/* milliseconds between two attempts of a query that a standby has cancelled */
#define CAPHEALTH_POSTGRES_PAUSE     20

/* serialization_failure: on a hot standby, a conflict with recovery */
#define CAPHEALTH_POSTGRES_CONFLICT  "40001"


typedef struct {
    const char                 *url;
    PGconn                     *conn;
    caphealth_postgres_host_t   last;        /* that answered */
    unsigned                    has_last:1;
    unsigned                    conflict:1;  /* of the last query */
} caphealth_postgres_t;


static void *
caphealth_postgres_create(const char *url)
{
    caphealth_postgres_t  *p;

    p = calloc(1, sizeof(caphealth_postgres_t));
    if (p == NULL) {
        return NULL;
    }

    p->url = url;

    return p;
}


static void
caphealth_postgres_close(void *driver)
{
    caphealth_postgres_t  *p = driver;

    PQfinish(p->conn);

    p->conn = NULL;
}


static void
caphealth_postgres_destroy(void *driver)
{
    caphealth_postgres_t  *p = driver;

    caphealth_postgres_close(p);
    caphealth_postgres_host_clear(&p->last);
    free(p);
}


/* waits for the connection's socket; 0: ready, -1: not before the deadline */

static int
caphealth_postgres_wait(PGconn *conn, short events, double deadline)
{
    int            n;
    double         left;
    struct pollfd  pfd;

    do {
        left = deadline - caphealth_db_clock();
        if (left <= 0) {
            return -1;
        }

        pfd.fd = PQsocket(conn);
        pfd.events = events;

        n = poll(&pfd, 1, (int) (left * 1000) + 1);

    } while (n == 0 || (n == -1 && errno == EINTR));

    return n == -1 ? -1 : 0;
}


static int
caphealth_postgres_copies(const PGresult *result)
{
    switch (PQresultStatus(result)) {

    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return 1;

    default:
        return 0;
    }
}


/* the first answer, to be PQclear()ed; NULL: none before the deadline */

static PGresult *
caphealth_postgres_result(caphealth_postgres_t *p, double deadline)
{
    int        flushed;
    PGresult  *result, *next;

    while ((flushed = PQflush(p->conn)) == 1) {
        if (caphealth_postgres_wait(p->conn, POLLOUT, deadline) == -1) {
            return NULL;
        }
    }

    if (flushed == -1) {
        return PQmakeEmptyPGresult(p->conn, PGRES_FATAL_ERROR);
    }

    result = NULL;

    for ( ;; ) {

        while (PQisBusy(p->conn)) {
            if (caphealth_postgres_wait(p->conn, POLLIN, deadline) == -1) {
                PQclear(result);
                return NULL;
            }

            if (PQconsumeInput(p->conn) == 0) {
                PQclear(result);
                return PQmakeEmptyPGresult(p->conn, PGRES_FATAL_ERROR);
            }
        }

        next = PQgetResult(p->conn);

        if (next == NULL) {
            return result;
        }

        /*
         * A server that begins to copy, which nobody asked for, or answers
         * for ever, would be listened to for ever.
         */

        if (caphealth_postgres_copies(next)
            || caphealth_db_clock() > deadline)
        {
            PQclear(next);
            PQclear(result);
            return NULL;
        }

        if (result == NULL) {
            result = next;

        } else {
            PQclear(next);
        }
    }
}


/* a server's notices are not our errors, and standard error is nginx's log */

static void
caphealth_postgres_notice(void *data, const char *message)
{
    (void) data;
    (void) message;
}


/* one server; attrs replaces the URL's target_session_attrs if not NULL */

static int
caphealth_postgres_connect(caphealth_postgres_t *p,
    caphealth_postgres_host_t *host, const char *attrs, double deadline,
    caphealth_error_t *error)
{
    short                      events;
    PostgresPollingStatusType  state;

    /* what stands behind the URL replaces what it says, unless it is NULL */

    const char *const  keys[] = { "dbname", "fallback_application_name",
                                  "client_encoding", "host", "hostaddr",
                                  "port", "target_session_attrs", NULL };
    const char *const  values[] = { p->url, "caphealth", "UTF8", host->host,
                                    host->address, host->port, attrs, NULL };

    p->conn = PQconnectStartParams(keys, values, 1);

    if (p->conn == NULL || PQstatus(p->conn) == CONNECTION_BAD) {
        caphealth_postgres_error(p->conn, p->url, error);
        goto failed;
    }

    (void) PQsetNoticeProcessor(p->conn, caphealth_postgres_notice, NULL);
    (void) PQsetErrorVerbosity(p->conn, PQERRORS_VERBOSE);

    state = PGRES_POLLING_WRITING;

    while (state != PGRES_POLLING_OK) {

        if (state == PGRES_POLLING_FAILED) {
            caphealth_postgres_error(p->conn, p->url, error);
            goto failed;
        }

        events = (state == PGRES_POLLING_READING) ? POLLIN : POLLOUT;

        if (caphealth_postgres_wait(p->conn, events, deadline) == -1) {
            host->silent = 1;
            goto failed;
        }

        state = PQconnectPoll(p->conn);
    }

    if (PQsetnonblocking(p->conn, 1) == 0) {
        return 0;
    }

    caphealth_postgres_error(p->conn, p->url, error);

failed:

    caphealth_postgres_close(p);

    return -1;
}


/* an error beside those of the servers before it */

static void
caphealth_postgres_failed(const caphealth_postgres_hosts_t *list,
    const caphealth_postgres_host_t *host, caphealth_error_t *reason,
    caphealth_error_t *error)
{
    if (host->silent && list->count == 1) {
        caphealth_error_set(reason, CAPHEALTH_ERROR_TIMEOUT,
                            "the server gave no answer within the timeout");

    } else if (host->silent) {
        caphealth_error_set(reason, CAPHEALTH_ERROR_TIMEOUT,
                            "\"%s\"%s%s gave no answer within its share of "
                            "the timeout",
                            host->host != NULL ? host->host : host->address,
                            host->port != NULL ? ", port " : "",
                            host->port != NULL ? host->port : "");
    }

    caphealth_error_add(error, reason);
}


/* until when a server may answer, if others come behind it: and the queries */

static double
caphealth_postgres_until(const caphealth_postgres_hosts_t *list, size_t left,
    double deadline)
{
    double  now, share;

    now = caphealth_db_clock();
    share = deadline - now;

    if (list->count > 1) {
        share /= (double) (left + 1);
    }

    if (list->connect_timeout > 0 && list->connect_timeout < share) {
        share = list->connect_timeout;
    }

    return now + share;
}


/* each server once; 0 if one has been connected to */

static int
caphealth_postgres_each(caphealth_postgres_t *p,
    caphealth_postgres_hosts_t *list, const char *attrs, size_t more,
    double deadline, caphealth_error_t *error)
{
    size_t                      i;
    double                      until;
    caphealth_error_t           reason;
    caphealth_postgres_host_t  *host;

    for (i = 0; i < list->count; i++) {
        host = &list->hosts[i];

        if (host->silent) {
            continue;
        }

        until = caphealth_postgres_until(list, list->count - i + more,
                                         deadline);

        if (caphealth_postgres_connect(p, host, attrs, until, &reason) == 0) {
            caphealth_postgres_host_clear(&p->last);
            p->has_last = caphealth_postgres_host_copy(&p->last, host) == 0;
            memset(error, 0, sizeof(caphealth_error_t));
            return 0;
        }

        caphealth_postgres_failed(list, host, &reason, error);
    }

    return -1;
}


/*
 * libpq itself prefers a standby by going through the list twice, which it
 * cannot do if it sees one server at a time.
 */

static int
caphealth_postgres_open(void *driver, double deadline,
    caphealth_error_t *error)
{
    caphealth_postgres_t  *p = driver;

    int                         rc;
    caphealth_postgres_hosts_t  list;

    if (caphealth_postgres_check(p->url, error) == -1) {
        return -1;
    }

    if (caphealth_postgres_hosts_create(&list, p->url,
                                        p->has_last ? &p->last : NULL)
        == -1)
    {
        caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");
        return -1;
    }

    if (list.prefer_standby && list.count > 1) {
        rc = caphealth_postgres_each(p, &list, "standby", list.count,
                                     deadline, error);
        if (rc == -1) {
            rc = caphealth_postgres_each(p, &list, "any", 0, deadline, error);
        }

    } else {
        rc = caphealth_postgres_each(p, &list, NULL, 0, deadline, error);
    }

    caphealth_postgres_hosts_destroy(&list);

    return rc;
}


/* 0 and *result, or -1 and there is no connection any more */

static int
caphealth_postgres_call(caphealth_postgres_t *p, int sent,
    caphealth_query_result_t *qr, double deadline, PGresult **result)
{
    const char  *state;

    *result = sent ? caphealth_postgres_result(p, deadline)
                   : PQmakeEmptyPGresult(p->conn, PGRES_FATAL_ERROR);

    if (*result == NULL) {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_TIMEOUT,
                            "query \"%s\": no answer within the timeout",
                            qr->query->name);
        caphealth_postgres_close(p);
        return -1;
    }

    /* which may end the session too */

    state = PQresultErrorField(*result, PG_DIAG_SQLSTATE);

    if (state != NULL && strcmp(state, CAPHEALTH_POSTGRES_CONFLICT) == 0) {
        p->conflict = 1;
    }

    if (PQstatus(p->conn) != CONNECTION_OK) {
        caphealth_postgres_error(p->conn, p->url, &qr->error);
        PQclear(*result);
        caphealth_postgres_close(p);
        return -1;
    }

    return 0;
}


/* what the server says is wrong with the query, in one line */

static void
caphealth_postgres_refused(caphealth_query_result_t *qr,
    const PGresult *result)
{
    const char  *message, *state;

    message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    caphealth_error_set(&qr->error,
                        state == NULL ? CAPHEALTH_ERROR_OTHER
                                      : caphealth_postgres_code(state),
                        "%s: %s", qr->query->name,
                        message == NULL ? PQresultErrorMessage(result)
                                        : message);
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


/* prepared, so that the server tells how many parameters there are */

static int
caphealth_postgres_describe(caphealth_postgres_t *p,
    caphealth_query_result_t *qr, double deadline, int *parameters)
{
    PGresult  *result;

    *parameters = -1;

    if (caphealth_postgres_call(p, PQsendPrepare(p->conn, "", qr->sql, 0,
                                                 NULL),
                                qr, deadline, &result)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        caphealth_postgres_refused(qr, result);
        PQclear(result);
        return 0;
    }

    PQclear(result);

    if (caphealth_postgres_call(p, PQsendDescribePrepared(p->conn, ""), qr,
                                deadline, &result)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        caphealth_postgres_refused(qr, result);

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
caphealth_postgres_command(caphealth_postgres_t *p, const char *sql,
    caphealth_query_result_t *qr, double deadline)
{
    PGresult  *result;

    if (caphealth_postgres_call(p, PQsendQuery(p->conn, sql), qr, deadline,
                                &result)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        caphealth_postgres_refused(qr, result);
    }

    PQclear(result);

    return 0;
}


/*
 * A transaction of its own, which is always rolled back: whatever settings a
 * query of the operator's own changes, the next one cannot write either.
 */

static int
caphealth_postgres_begin(caphealth_postgres_t *p, caphealth_query_result_t *qr,
    double deadline)
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

    return caphealth_postgres_command(p, sql, qr, deadline);
}


static int
caphealth_postgres_run(caphealth_postgres_t *p, caphealth_query_result_t *qr,
    double deadline)
{
    int        n;
    char       first[32], next[32];
    PGresult  *result;

    const char *const  values[] = { first, next };

    if (caphealth_postgres_describe(p, qr, deadline, &n) == -1) {
        return -1;
    }

    if (n == -1) {
        return 0;
    }

    caphealth_postgres_time(qr->month.first, first, sizeof(first));
    caphealth_postgres_time(qr->month.next, next, sizeof(next));

    if (caphealth_postgres_call(p, PQsendQueryPrepared(p->conn, "", n, values,
                                                       NULL, NULL, 0),
                                qr, deadline, &result)
        == -1)
    {
        return -1;
    }

    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        caphealth_postgres_rows(qr, result);

    } else {
        caphealth_postgres_refused(qr, result);
    }

    PQclear(result);

    return 0;
}


static int
caphealth_postgres_attempt(caphealth_postgres_t *p,
    caphealth_query_result_t *qr, double deadline)
{
    if (caphealth_postgres_begin(p, qr, deadline) == -1) {
        return -1;
    }

    if (qr->error.code == 0
        && caphealth_postgres_run(p, qr, deadline) == -1)
    {
        return -1;
    }

    return caphealth_postgres_command(p, "ROLLBACK", qr, deadline);
}


/*
 * A standby cancels a query which reads what the primary has removed: a new
 * one sees the state after that.
 */

static int
caphealth_postgres_run_query(void *driver, caphealth_query_result_t *qr,
    double deadline)
{
    caphealth_postgres_t  *p = driver;

    int     rc;
    double  until;

    until = caphealth_db_clock() + caphealth_db_share(deadline);

    for ( ;; ) {
        p->conflict = 0;

        rc = caphealth_postgres_attempt(p, qr, deadline);

        if (!p->conflict || caphealth_db_clock() > until) {
            return rc;
        }

        caphealth_query_result_reset(qr);

        (void) poll(NULL, 0, CAPHEALTH_POSTGRES_PAUSE);

        if (p->conn == NULL
            && caphealth_postgres_open(p, until, &qr->error) == -1)
        {
            return -1;
        }
    }
}


static void
caphealth_postgres_version(void *driver, char *version, size_t len)
{
    caphealth_postgres_t  *p = driver;

    const char  *s;

    s = PQparameterStatus(p->conn, "server_version");

    (void) snprintf(version, len, "%.*s", s == NULL ? 0 : (int) strcspn(s, " "),
                    s == NULL ? "" : s);
}


const caphealth_driver_t  caphealth_postgres_driver = {
    .engine = "postgresql",
    .scheme = "postgres",
    .create = caphealth_postgres_create,
    .destroy = caphealth_postgres_destroy,
    .open = caphealth_postgres_open,
    .close = caphealth_postgres_close,
    .unchanged = NULL,
    .run_query = caphealth_postgres_run_query,
    .version = caphealth_postgres_version
};
