
/*
 * A platform's database in SQLite.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "caphealth_db.h"


/* virtual machine instructions between two looks at the clock */
#define CAPHEALTH_SQLITE_STEPS   10000

/* bytes of one value or row: a name that is longer is none */
#define CAPHEALTH_SQLITE_LENGTH  16777216


typedef struct {
    const char   *path;
    sqlite3      *db;
    dev_t         device;            /* of the file that is open */
    ino_t         inode;
    double        deadline;
    int64_t       data_version;
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

    return s;
}


static void
caphealth_sqlite_close(caphealth_sqlite_t *s)
{
    (void) sqlite3_close_v2(s->db);

    s->db = NULL;
}


static void
caphealth_sqlite_destroy(void *driver)
{
    caphealth_sqlite_close(driver);
    free(driver);
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


/* how long a lock may be waited for, from now */

static void
caphealth_sqlite_patience(caphealth_sqlite_t *s)
{
    double  left;

    left = s->deadline - caphealth_db_clock();

    (void) sqlite3_busy_timeout(s->db, left > 0 ? (int) (left * 1000) : 0);
}


static int
caphealth_sqlite_open(void *driver, double deadline, char *error)
{
    caphealth_sqlite_t  *s = driver;

    int          rc;
    struct stat  st;

    s->deadline = deadline;

    if (stat(s->path, &st) == -1) {
        caphealth_sqlite_close(s);
        caphealth_db_error(error, "\"%s\" cannot be opened: %s", s->path,
                           strerror(errno));
        return -1;
    }

    /* to open a FIFO is to wait for its writer */

    if (!S_ISREG(st.st_mode)) {
        caphealth_sqlite_close(s);
        caphealth_db_error(error, "\"%s\" cannot be opened: not a file",
                           s->path);
        return -1;
    }

    if (s->db != NULL && st.st_dev == s->device && st.st_ino == s->inode) {
        return 0;
    }

    caphealth_sqlite_close(s);

    s->data_version = -1;

    rc = sqlite3_open_v2(s->path, &s->db,
                         SQLITE_OPEN_READONLY|SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK) {
        caphealth_db_error(error, "\"%s\" cannot be opened: %s", s->path,
                           s->db == NULL ? sqlite3_errstr(rc)
                                         : sqlite3_errmsg(s->db));
        caphealth_sqlite_close(s);
        return -1;
    }

    s->device = st.st_dev;
    s->inode = st.st_ino;

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


static int
caphealth_sqlite_unchanged(void *driver)
{
    caphealth_sqlite_t  *s = driver;

    int64_t        version;
    sqlite3_stmt  *stmt;

    version = -1;
    stmt = NULL;

    caphealth_sqlite_patience(s);

    if (sqlite3_prepare_v2(s->db, "PRAGMA data_version", -1, &stmt, NULL)
        == SQLITE_OK
        && sqlite3_step(stmt) == SQLITE_ROW)
    {
        version = sqlite3_column_int64(stmt, 0);
    }

    (void) sqlite3_finalize(stmt);

    if (version == -1 || version != s->data_version) {
        s->data_version = version;
        return 0;
    }

    return 1;
}


static int
caphealth_sqlite_row(sqlite3_stmt *stmt, caphealth_ask_t *ask)
{
    const char  *name, *number;

    if (ask->query->shape == CAPHEALTH_SCALAR) {
        number = (const char *) sqlite3_column_text(stmt, 0);

        return caphealth_ask_number(ask, number,
                                    (size_t) sqlite3_column_bytes(stmt, 0));
    }

    name = (const char *) sqlite3_column_text(stmt, 0);
    number = (const char *) sqlite3_column_text(stmt, 1);

    return caphealth_ask_row(ask, name,
                             (size_t) sqlite3_column_bytes(stmt, 0), number,
                             (size_t) sqlite3_column_bytes(stmt, 1));
}


/* one statement that reads: NULL and the ask's error if it is not */

static sqlite3_stmt *
caphealth_sqlite_prepare(caphealth_sqlite_t *s, caphealth_ask_t *ask, int *rc)
{
    const char    *tail;
    sqlite3_stmt  *stmt;

    *rc = sqlite3_prepare_v2(s->db, ask->sql, -1, &stmt, &tail);

    if (*rc != SQLITE_OK) {
        return NULL;
    }

    tail += strspn(tail, " \t\r\n;");

    if (stmt == NULL || *tail != '\0' || !sqlite3_stmt_readonly(stmt)) {
        caphealth_db_error(ask->error, "query \"%s\" is not one statement "
                           "that only reads", ask->query->name);
        goto failed;
    }

    if (caphealth_ask_columns(ask, sqlite3_column_count(stmt)) == -1
        || caphealth_ask_parameters(ask, sqlite3_bind_parameter_count(stmt))
           == -1)
    {
        goto failed;
    }

    if (sqlite3_bind_parameter_count(stmt) == 2) {
        (void) sqlite3_bind_int64(stmt, 1, ask->month.first);
        (void) sqlite3_bind_int64(stmt, 2, ask->month.next);
    }

    return stmt;

failed:

    (void) sqlite3_finalize(stmt);

    return NULL;
}


/*
 * What is wrong with the query, or takes it too long, is the query's; what is
 * wrong with the file is the look's.
 */

static int
caphealth_sqlite_failed(caphealth_sqlite_t *s, caphealth_ask_t *ask, int rc)
{
    switch (rc & 0xff) {

    case SQLITE_INTERRUPT:
        caphealth_db_error(ask->error, "query \"%s\": no answer within the "
                           "timeout", ask->query->name);
        return 0;

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        caphealth_db_error(ask->error, "\"%s\" is locked by another "
                           "connection", s->path);
        return -1;

    case SQLITE_ERROR:
    case SQLITE_AUTH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
        caphealth_db_error(ask->error, "%s: %s", ask->query->name,
                           sqlite3_errmsg(s->db));
        return 0;

    default:
        caphealth_db_error(ask->error, "\"%s\" cannot be read: %s", s->path,
                           sqlite3_errmsg(s->db));
        caphealth_sqlite_close(s);
        return -1;
    }
}


static int
caphealth_sqlite_ask(void *driver, caphealth_ask_t *ask, double deadline)
{
    caphealth_sqlite_t  *s = driver;

    int            rc;
    sqlite3_stmt  *stmt;

    s->deadline = caphealth_db_clock() + caphealth_db_share(deadline);

    caphealth_sqlite_patience(s);

    stmt = caphealth_sqlite_prepare(s, ask, &rc);

    if (stmt == NULL) {
        return rc == SQLITE_OK ? 0 : caphealth_sqlite_failed(s, ask, rc);
    }

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (caphealth_sqlite_row(stmt, ask) == -1) {
            break;
        }
    }

    /* an open read transaction would keep the shop's log growing */

    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        (void) sqlite3_finalize(stmt);

        if (rc == SQLITE_DONE) {
            (void) caphealth_ask_end(ask);
        }

        return 0;
    }

    rc = caphealth_sqlite_failed(s, ask, rc);

    (void) sqlite3_finalize(stmt);

    return rc;
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
    .unchanged = caphealth_sqlite_unchanged,
    .ask = caphealth_sqlite_ask,
    .version = caphealth_sqlite_version
};
