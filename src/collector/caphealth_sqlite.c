
/*
 * A platform's database in SQLite.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "caphealth_db.h"
#include "caphealth_sqlite_snapshot.h"


/* virtual machine instructions between two readings of the clock */
#define CAPHEALTH_SQLITE_STEPS   10000

/* bytes of one value or row: a name that is longer is none */
#define CAPHEALTH_SQLITE_LENGTH  16777216

/* bytes of an id that is a BLOB, 2 digits each */
#define CAPHEALTH_SQLITE_BLOB    32


typedef struct {
    const char                   *path;
    sqlite3                      *db;        /* NULL: no snapshot either */
    caphealth_sqlite_snapshot_t  *snapshot;
    caphealth_sqlite_state_t      seen;      /* when the last query began */
    double                        deadline;
    unsigned                      has_seen:1;
    unsigned                      unchanged:1;
} caphealth_sqlite_t;


static void *
caphealth_sqlite_create(const char *url)
{
    caphealth_sqlite_t  *s;

    s = calloc(1, sizeof(caphealth_sqlite_t));
    if (s == NULL) {
        return NULL;
    }

    s->path = url + strlen(caphealth_sqlite_driver.scheme);
    s->snapshot = caphealth_sqlite_snapshot_create(s->path);

    if (s->snapshot == NULL) {
        free(s);
        return NULL;
    }

    return s;
}


static void
caphealth_sqlite_close(void *driver)
{
    caphealth_sqlite_t  *s = driver;

    (void) sqlite3_close_v2(s->db);
    caphealth_sqlite_snapshot_close(s->snapshot);

    s->db = NULL;
}


static void
caphealth_sqlite_destroy(void *driver)
{
    caphealth_sqlite_t  *s = driver;

    caphealth_sqlite_close(s);
    caphealth_sqlite_snapshot_destroy(s->snapshot);
    free(s);
}


static int
caphealth_sqlite_progress(void *data)
{
    caphealth_sqlite_t  *s = data;

    return caphealth_db_clock() > s->deadline;
}


/* a query of the operator's own may read this database, and only this one */

static int
caphealth_sqlite_authorize(void *data, int action, const char *a,
    const char *b, const char *c, const char *d)
{
    (void) data;
    (void) a;
    (void) b;
    (void) c;
    (void) d;

    return action == SQLITE_ATTACH || action == SQLITE_DETACH ? SQLITE_DENY
                                                              : SQLITE_OK;
}


/*
 * What is missing of a schema has no code of its own in SQLite, whose messages
 * are in English everywhere.
 */

static caphealth_error_e
caphealth_sqlite_code(int rc, const char *message)
{
    switch (rc & 0xff) {

    case SQLITE_ERROR:
        return strncmp(message, "no such table", 13) == 0
               || strncmp(message, "no such column", 14) == 0
               ? CAPHEALTH_ERROR_SCHEMA : CAPHEALTH_ERROR_OTHER;

    case SQLITE_NOMEM:
        return CAPHEALTH_ERROR_NO_MEMORY;

    case SQLITE_PERM:
        return CAPHEALTH_ERROR_PERMISSION;

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return CAPHEALTH_ERROR_LOCKED;

    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return CAPHEALTH_ERROR_CORRUPT;

    default:
        return CAPHEALTH_ERROR_OTHER;
    }
}


/* a snapshot, and a connection that reads it */

static int
caphealth_sqlite_connect(caphealth_sqlite_t *s, caphealth_error_t *error)
{
    int  rc;

    if (caphealth_sqlite_snapshot_open(s->snapshot, s->deadline, error)
        == -1)
    {
        return -1;
    }

    rc = sqlite3_open_v2(s->path, &s->db,
                         SQLITE_OPEN_READONLY|SQLITE_OPEN_NOMUTEX,
                         caphealth_sqlite_snapshot_vfs(s->snapshot));

    if (rc != SQLITE_OK) {
        caphealth_error_set(error, caphealth_sqlite_code(rc, ""),
                            "\"%s\" cannot be opened: %s", s->path,
                            s->db == NULL ? sqlite3_errstr(rc)
                                          : sqlite3_errmsg(s->db));
        caphealth_sqlite_close(s);
        return -1;
    }

    sqlite3_progress_handler(s->db, CAPHEALTH_SQLITE_STEPS,
                             caphealth_sqlite_progress, s);

    (void) sqlite3_set_authorizer(s->db, caphealth_sqlite_authorize, NULL);
    (void) sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, CAPHEALTH_SQLITE_LENGTH);

    /* who writes the file chooses its views, but not what they may call */

    (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void) sqlite3_exec(s->db, "PRAGMA cell_size_check = ON", NULL, NULL,
                        NULL);
    (void) sqlite3_exec(s->db, "PRAGMA query_only = ON", NULL, NULL, NULL);

    return 0;
}


/* also returns whether the shop has written since the last query began */

static int
caphealth_sqlite_open(void *driver, double deadline,
    caphealth_error_t *error)
{
    caphealth_sqlite_t  *s = driver;

    int                       settled;
    caphealth_sqlite_state_t  state;

    s->deadline = deadline;
    s->unchanged = 0;

    if (caphealth_sqlite_connect(s, error) == -1) {
        s->has_seen = 0;
        return -1;
    }

    settled = (caphealth_sqlite_snapshot_state(s->snapshot, &state) == 0);

    s->unchanged = settled && s->has_seen
                   && memcmp(&state, &s->seen, sizeof(state)) == 0;

    s->has_seen = settled != 0;
    s->seen = state;

    return 0;
}


static int
caphealth_sqlite_unchanged(void *driver)
{
    caphealth_sqlite_t  *s = driver;

    return s->unchanged;
}


/* a BLOB is no text: a UUID may be kept as one, and is shown as hex() does */

static void
caphealth_sqlite_id(sqlite3_stmt *stmt, caphealth_id_t *id, char *hex)
{
    int                   i, n;
    const unsigned char  *blob;

    id->number = (sqlite3_column_type(stmt, 2) == SQLITE_INTEGER);

    if (sqlite3_column_type(stmt, 2) != SQLITE_BLOB) {
        id->text = (const char *) sqlite3_column_text(stmt, 2);
        id->len = (size_t) sqlite3_column_bytes(stmt, 2);
        return;
    }

    blob = sqlite3_column_blob(stmt, 2);
    n = sqlite3_column_bytes(stmt, 2);

    if (blob == NULL || n > CAPHEALTH_SQLITE_BLOB) {
        id->text = NULL;
        id->len = 0;
        return;
    }

    for (i = 0; i < n; i++) {
        (void) sprintf(hex + 2 * i, "%02X", blob[i]);
    }

    id->text = hex;
    id->len = 2 * (size_t) n;
}


static int
caphealth_sqlite_row(sqlite3_stmt *stmt, caphealth_query_result_t *qr)
{
    int             last;
    char            hex[2 * CAPHEALTH_SQLITE_BLOB + 1];
    const char     *name, *number;
    caphealth_id_t  id;

    if (qr->query->shape == CAPHEALTH_PLAN) {
        last = sqlite3_column_count(stmt) - 1;
        name = (const char *) sqlite3_column_text(stmt, last);

        return caphealth_query_result_plan(qr, name,
                                    (size_t) sqlite3_column_bytes(stmt, last));
    }

    if (qr->query->shape == CAPHEALTH_SCALAR) {
        number = (const char *) sqlite3_column_text(stmt, 0);

        return caphealth_query_result_number(qr, number,
                                       (size_t) sqlite3_column_bytes(stmt, 0));
    }

    name = (const char *) sqlite3_column_text(stmt, 0);
    number = (const char *) sqlite3_column_text(stmt, 1);

    if (sqlite3_column_count(stmt) == 3) {
        caphealth_sqlite_id(stmt, &id, hex);
    }

    return caphealth_query_result_row(qr, name,
                                (size_t) sqlite3_column_bytes(stmt, 0), number,
                                (size_t) sqlite3_column_bytes(stmt, 1),
                                sqlite3_column_count(stmt) == 3 ? &id : NULL);
}


/* NULL, and the error of qr, unless it is one statement that reads */

static sqlite3_stmt *
caphealth_sqlite_prepare(caphealth_sqlite_t *s, caphealth_query_result_t *qr,
    int *rc)
{
    const char    *tail;
    sqlite3_stmt  *stmt;

    *rc = sqlite3_prepare_v2(s->db, qr->sql, -1, &stmt, &tail);

    if (*rc != SQLITE_OK) {
        return NULL;
    }

    tail += strspn(tail, " \t\r\n;");

    if (stmt == NULL || *tail != '\0' || !sqlite3_stmt_readonly(stmt)) {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" is not one statement that only "
                            "reads", qr->query->name);
        goto failed;
    }

    if (caphealth_query_result_columns(qr, sqlite3_column_count(stmt)) == -1
        || caphealth_query_result_parameters(qr,
                                            sqlite3_bind_parameter_count(stmt))
           == -1)
    {
        goto failed;
    }

    if (sqlite3_bind_parameter_count(stmt) == 2) {
        (void) sqlite3_bind_int64(stmt, 1, qr->month.first);
        (void) sqlite3_bind_int64(stmt, 2, qr->month.next);
    }

    return stmt;

failed:

    (void) sqlite3_finalize(stmt);

    return NULL;
}


/*
 * An error of the query, as that it takes too long, is the query's alone.  An
 * error of the file ends all queries.
 */

static int
caphealth_sqlite_failed(caphealth_sqlite_t *s, caphealth_query_result_t *qr,
    int rc)
{
    switch (rc & 0xff) {

    case SQLITE_INTERRUPT:
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_TIMEOUT,
                            "query \"%s\": no answer within the timeout",
                            qr->query->name);
        return 0;

    case SQLITE_ERROR:
    case SQLITE_AUTH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
        caphealth_error_set(&qr->error,
                            caphealth_sqlite_code(rc, sqlite3_errmsg(s->db)),
                            "%s: %s", qr->query->name,
                            sqlite3_errmsg(s->db));
        return 0;

    default:
        caphealth_error_set(&qr->error, caphealth_sqlite_code(rc, ""),
                            "\"%s\" cannot be read: %s", s->path,
                            sqlite3_errmsg(s->db));
        return -1;
    }
}


/* as run_query(), if the snapshot was still valid at the end */

static int
caphealth_sqlite_query(caphealth_sqlite_t *s, caphealth_query_result_t *qr)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = caphealth_sqlite_prepare(s, qr, &rc);

    if (stmt == NULL) {
        return rc == SQLITE_OK ? 0 : caphealth_sqlite_failed(s, qr, rc);
    }

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (caphealth_sqlite_row(stmt, qr) == -1) {
            break;
        }
    }

    if (rc == SQLITE_DONE) {
        (void) caphealth_query_result_end(qr);
    }

    rc = (rc == SQLITE_ROW || rc == SQLITE_DONE)
         ? 0 : caphealth_sqlite_failed(s, qr, rc);

    (void) sqlite3_finalize(stmt);

    return rc;
}


/*
 * If the shop has written during the queries, they are run again, because some
 * of the results would be of one transaction and some of the next.
 */

static int
caphealth_sqlite_run_query(void *driver, caphealth_query_result_t *qr,
    double deadline)
{
    caphealth_sqlite_t  *s = driver;

    int  rc;

    s->deadline = caphealth_db_clock() + caphealth_db_share(deadline);

    for ( ;; ) {

        if (s->db == NULL && caphealth_sqlite_connect(s, &qr->error) == -1) {
            return -1;
        }

        rc = caphealth_sqlite_query(s, qr);

        if (caphealth_sqlite_snapshot_valid(s->snapshot)) {
            return rc;
        }

        caphealth_sqlite_close(s);
        caphealth_query_result_reset(qr);

        if (caphealth_db_clock() > s->deadline) {
            caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                                "query \"%s\": \"%s\" was written each time "
                                "before it was read", qr->query->name,
                                s->path);
            return 0;
        }
    }
}


static void
caphealth_sqlite_version(void *driver, char *version, size_t len)
{
    (void) driver;

    (void) snprintf(version, len, "%s", sqlite3_libversion());
}


const caphealth_driver_t  caphealth_sqlite_driver = {
    .engine = "sqlite",
    .scheme = "sqlite:",
    .create = caphealth_sqlite_create,
    .destroy = caphealth_sqlite_destroy,
    .open = caphealth_sqlite_open,
    .close = caphealth_sqlite_close,
    .unchanged = caphealth_sqlite_unchanged,
    .run_query = caphealth_sqlite_run_query,
    .version = caphealth_sqlite_version
};
