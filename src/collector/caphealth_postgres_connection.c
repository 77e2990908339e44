
/*
 * A connection to a PostgreSQL server.
 *
 * libpq's calls that block know no deadline: here they are the ones that do
 * not, with poll() between them.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "caphealth_db.h"
#include "caphealth_postgres_connection.h"
#include "caphealth_postgres_url.h"


void
caphealth_postgres_close(caphealth_postgres_connection_t *c)
{
    PQfinish(c->conn);

    c->conn = NULL;
}


void
caphealth_postgres_clear(caphealth_postgres_connection_t *c)
{
    caphealth_postgres_close(c);
    caphealth_postgres_host_clear(&c->last);
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
caphealth_postgres_result(caphealth_postgres_connection_t *c, double deadline)
{
    int        flushed;
    PGresult  *result, *next;

    while ((flushed = PQflush(c->conn)) == 1) {
        if (caphealth_postgres_wait(c->conn, POLLOUT, deadline) == -1) {
            return NULL;
        }
    }

    if (flushed == -1) {
        return PQmakeEmptyPGresult(c->conn, PGRES_FATAL_ERROR);
    }

    result = NULL;

    for ( ;; ) {

        while (PQisBusy(c->conn)) {
            if (caphealth_postgres_wait(c->conn, POLLIN, deadline) == -1) {
                PQclear(result);
                return NULL;
            }

            if (PQconsumeInput(c->conn) == 0) {
                PQclear(result);
                return PQmakeEmptyPGresult(c->conn, PGRES_FATAL_ERROR);
            }
        }

        next = PQgetResult(c->conn);

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
caphealth_postgres_connect(caphealth_postgres_connection_t *c,
    caphealth_postgres_host_t *host, const char *attrs, double deadline,
    caphealth_error_t *error)
{
    short                      events;
    PostgresPollingStatusType  state;

    /* what stands behind the URL replaces what it says, unless it is NULL */

    const char *const  keys[] = { "dbname", "fallback_application_name",
                                  "client_encoding", "host", "hostaddr",
                                  "port", "target_session_attrs", NULL };
    const char *const  values[] = { c->url, "caphealth", "UTF8", host->host,
                                    host->address, host->port, attrs, NULL };

    c->conn = PQconnectStartParams(keys, values, 1);

    if (c->conn == NULL || PQstatus(c->conn) == CONNECTION_BAD) {
        caphealth_postgres_error(c->conn, c->url, error);
        goto failed;
    }

    (void) PQsetNoticeProcessor(c->conn, caphealth_postgres_notice, NULL);
    (void) PQsetErrorVerbosity(c->conn, PQERRORS_VERBOSE);

    state = PGRES_POLLING_WRITING;

    while (state != PGRES_POLLING_OK) {

        if (state == PGRES_POLLING_FAILED) {
            caphealth_postgres_error(c->conn, c->url, error);
            goto failed;
        }

        events = (state == PGRES_POLLING_READING) ? POLLIN : POLLOUT;

        if (caphealth_postgres_wait(c->conn, events, deadline) == -1) {
            host->silent = 1;
            goto failed;
        }

        state = PQconnectPoll(c->conn);
    }

    if (PQsetnonblocking(c->conn, 1) == 0) {
        return 0;
    }

    caphealth_postgres_error(c->conn, c->url, error);

failed:

    caphealth_postgres_close(c);

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
caphealth_postgres_each(caphealth_postgres_connection_t *c,
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

        if (caphealth_postgres_connect(c, host, attrs, until, &reason) == 0) {
            caphealth_postgres_host_clear(&c->last);
            c->has_last = caphealth_postgres_host_copy(&c->last, host) == 0;
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

int
caphealth_postgres_open(caphealth_postgres_connection_t *c, double deadline,
    caphealth_error_t *error)
{
    int                         rc;
    caphealth_postgres_hosts_t  list;

    if (caphealth_postgres_check(c->url, error) == -1) {
        return -1;
    }

    if (caphealth_postgres_hosts_create(&list, c->url,
                                        c->has_last ? &c->last : NULL)
        == -1)
    {
        caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");
        return -1;
    }

    if (list.prefer_standby && list.count > 1) {
        rc = caphealth_postgres_each(c, &list, "standby", list.count,
                                     deadline, error);
        if (rc == -1) {
            rc = caphealth_postgres_each(c, &list, "any", 0, deadline, error);
        }

    } else {
        rc = caphealth_postgres_each(c, &list, NULL, 0, deadline, error);
    }

    caphealth_postgres_hosts_destroy(&list);

    return rc;
}


int
caphealth_postgres_call(caphealth_postgres_connection_t *c, int sent,
    const char *query, double deadline, PGresult **result,
    caphealth_error_t *error)
{
    const char  *state;

    *result = sent ? caphealth_postgres_result(c, deadline)
                   : PQmakeEmptyPGresult(c->conn, PGRES_FATAL_ERROR);

    if (*result == NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_TIMEOUT,
                            "query \"%s\": no answer within the timeout",
                            query);
        caphealth_postgres_close(c);
        return -1;
    }

    /* which may end the session too */

    state = PQresultErrorField(*result, PG_DIAG_SQLSTATE);

    if (state != NULL && strcmp(state, CAPHEALTH_POSTGRES_CONFLICT) == 0) {
        c->conflict = 1;
    }

    if (PQstatus(c->conn) != CONNECTION_OK) {
        caphealth_postgres_error(c->conn, c->url, error);
        PQclear(*result);
        caphealth_postgres_close(c);
        return -1;
    }

    return 0;
}


void
caphealth_postgres_refused(const char *query, const PGresult *result,
    caphealth_error_t *error)
{
    const char  *message, *state;

    message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    caphealth_error_set(error,
                        state == NULL ? CAPHEALTH_ERROR_OTHER
                                      : caphealth_postgres_code(state),
                        "%s: %s", query,
                        message == NULL ? PQresultErrorMessage(result)
                                        : message);
}
