
/*
 * The platform's database: what is asked of it, whichever it is.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nettle/sha2.h>

#include "caphealth_db.h"
#include "caphealth_ipc.h"
#include "caphealth_postgres_url.h"
#include "caphealth_query_names.h"
#include "caphealth_utf8.h"


/*
 * SQLite keeps dates as the shop wrote them: text with a blank or a "T",
 * seconds, and what JavaScript writes, milliseconds.  PostgreSQL compares a
 * timestamp without a zone in the session's, which is UTC.
 */

static const caphealth_query_t  caphealth_queries[] = {

    { "database_size", CAPHEALTH_SCALAR,
      offsetof(caphealth_database_t, size),
      { "SELECT page_count * page_size"
        " FROM pragma_page_count(), pragma_page_size()",
        "SELECT pg_database_size(current_database())" } },

    { "products_count", CAPHEALTH_SCALAR,
      offsetof(caphealth_database_t, products_count),
      { "SELECT count(*) FROM products",
        "SELECT count(*) FROM products" } },

    { "orders_count", CAPHEALTH_SCALAR,
      offsetof(caphealth_database_t, orders_count),
      { "SELECT count(*) FROM orders",
        "SELECT count(*) FROM orders" } },

    { "vendors_count", CAPHEALTH_SCALAR,
      offsetof(caphealth_database_t, vendors_count),
      { "SELECT count(*) FROM vendors",
        "SELECT count(*) FROM vendors" } },

    { "inventory_count", CAPHEALTH_SCALAR,
      offsetof(caphealth_database_t, inventory_count),
      { "SELECT count(*) FROM inventory",
        "SELECT count(*) FROM inventory" } },

    { "orders_this_month", CAPHEALTH_SCALAR,
      offsetof(caphealth_database_t, orders_this_month),
      { "SELECT count(*) FROM (SELECT"
        " coalesce(unixepoch(created_at, 'auto'),"
        " unixepoch(created_at / 1000, 'unixepoch')) AS at FROM orders)"
        " WHERE at >= ?1 AND at < ?2",
        "SELECT count(*) FROM orders"
        " WHERE created_at >= $1::timestamptz"
        " AND created_at < $2::timestamptz" } },

    { "active_vendors", CAPHEALTH_SCALAR,
      offsetof(caphealth_database_t, active_vendors),
      { "SELECT count(*) FROM vendors"
        " WHERE lower(is_active) IN ('1', 't', 'true')",
        "SELECT count(*) FROM vendors WHERE is_active" } },

    { "products_by_vendor", CAPHEALTH_ROWS, 0,
      { "SELECT v.name, p.n, v.id FROM (SELECT vendor_id, count(*) AS n"
        " FROM products GROUP BY vendor_id) p"
        " JOIN vendors v ON v.id = p.vendor_id"
        " ORDER BY p.n DESC, v.name NULLS LAST",
        "SELECT v.name, p.n, v.id FROM (SELECT vendor_id, count(*) AS n"
        " FROM products GROUP BY vendor_id) p"
        " JOIN vendors v ON v.id = p.vendor_id"
        " ORDER BY p.n DESC, v.name NULLS LAST" } }
};


#define CAPHEALTH_QUERIES                                                     \
    (sizeof(caphealth_queries) / sizeof(caphealth_queries[0]))

_Static_assert(CAPHEALTH_QUERIES
               == sizeof((const char *[]) { CAPHEALTH_QUERY_NAMES })
                  / sizeof(char *),
               "caphealth_query_names.h names other queries");


static const caphealth_driver_t *const  caphealth_drivers[] = {
    &caphealth_sqlite_driver,
    &caphealth_postgres_driver
};


#define CAPHEALTH_DB_SHARE  0.75


static caphealth_engine_e caphealth_db_engine_of(const char *url);


struct caphealth_db_s {
    caphealth_engine_e         engine;
    const caphealth_driver_t  *driver;
    void                      *connection;
    char                      *url;
    json_t                    *queries;      /* those that replace one */
    double                     timeout;
    caphealth_database_t       last;         /* the last whole answer */
    char                      *vendors;      /* the text of this query */
    int64_t                    month;        /* in which it was given */
    unsigned                   has_last:1;
};


double
caphealth_db_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


double
caphealth_db_share(double deadline)
{
    double  left;

    left = deadline - caphealth_db_clock();

    return left > 0 ? left * CAPHEALTH_DB_SHARE : 0;
}


caphealth_db_t *
caphealth_db_create(const char *url, const json_t *queries, double timeout)
{
    caphealth_db_t  *db;

    db = calloc(1, sizeof(caphealth_db_t));
    if (db == NULL) {
        return NULL;
    }

    db->engine = caphealth_db_engine_of(url);
    db->driver = caphealth_drivers[db->engine];
    db->timeout = timeout;
    db->url = strdup(url);
    db->queries = (queries == NULL) ? json_object()
                                    : json_deep_copy(queries);

    if (db->url != NULL && db->queries != NULL) {
        db->connection = db->driver->create(db->url);
    }

    if (db->connection == NULL) {
        caphealth_db_destroy(db);
        return NULL;
    }

    return db;
}


static caphealth_engine_e
caphealth_db_engine_of(const char *url)
{
    return (strncmp(url, caphealth_sqlite_driver.scheme,
                    strlen(caphealth_sqlite_driver.scheme)) == 0)
           ? CAPHEALTH_SQLITE : CAPHEALTH_POSTGRES;
}


int
caphealth_db_digest(char digest[CAPHEALTH_DB_DIGEST], const json_t *settings)
{
    char               *address, *queries;
    size_t              i;
    uint8_t             bytes[SHA256_DIGEST_SIZE];
    const char         *url;
    struct sha256_ctx   sha256;

    url = json_string_value(json_object_get(settings, "url"));
    url = (url == NULL) ? "" : url;

    address = (caphealth_db_engine_of(url) == CAPHEALTH_SQLITE)
              ? strdup(url) : caphealth_postgres_place(url);
    queries = json_dumps(json_object_get(settings, "queries"),
                         JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (address == NULL) {
        free(queries);
        return -1;
    }

    sha256_init(&sha256);
    sha256_update(&sha256, strlen(address) + 1, (const uint8_t *) address);

    if (queries != NULL) {
        sha256_update(&sha256, strlen(queries), (const uint8_t *) queries);
    }

    sha256_digest(&sha256, sizeof(bytes), bytes);

    for (i = 0; i < (CAPHEALTH_DB_DIGEST - 1) / 2; i++) {
        (void) sprintf(digest + 2 * i, "%02x", bytes[i]);
    }

    free(address);
    free(queries);

    return 0;
}


void
caphealth_db_destroy(caphealth_db_t *db)
{
    if (db->connection != NULL) {
        db->driver->destroy(db->connection);
    }

    json_decref(db->queries);
    free(db->vendors);
    free(db->url);
    free(db);
}


/* an unchanged database has the same result, unless a query is not our own */

static int
caphealth_db_unchanged(caphealth_db_t *db, int64_t month)
{
    int  unchanged;

    if (db->driver->unchanged == NULL) {
        return 0;
    }

    unchanged = db->driver->unchanged(db->connection);

    return unchanged && db->has_last && db->month == month
           && json_object_size(db->queries) == 0;
}


static void
caphealth_db_vendors(caphealth_db_t *db, caphealth_query_result_t *qr,
    caphealth_database_t *d)
{
    db->vendors = caphealth_vendor_products(&qr->vendors, d);

    if (db->vendors == NULL) {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_NO_MEMORY,
                            "query \"%s\": no memory", qr->query->name);

    } else if (caphealth_vendors_size(d)
               > CAPHEALTH_IPC_MAX - sizeof(caphealth_answer_t))
    {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned more vendors than can be "
                            "passed on", qr->query->name);
    }

    if (qr->error.code != 0) {
        d->names_len = CAPHEALTH_UNKNOWN;
        d->list_len = CAPHEALTH_UNKNOWN;
        d->list_vendors = CAPHEALTH_UNKNOWN;
    }
}


static void
caphealth_db_query(caphealth_db_t *db, const caphealth_query_t *query,
    caphealth_utc_month_t month, caphealth_query_result_t *qr)
{
    const char  *sql;

    memset(qr, 0, sizeof(caphealth_query_result_t));

    sql = json_string_value(json_object_get(db->queries, query->name));

    qr->query = query;
    qr->sql = (sql == NULL) ? query->sql[db->engine] : sql;
    qr->month = month;
}


/* -1: there is no connection any more */

static int
caphealth_db_ask(caphealth_db_t *db, const caphealth_query_t *query,
    caphealth_utc_month_t month, double deadline, caphealth_answer_t *a)
{
    int                       rc;
    caphealth_database_t     *d;
    caphealth_query_result_t  qr;

    caphealth_db_query(db, query, month, &qr);

    rc = db->driver->run_query(db->connection, &qr, deadline);

    d = &a->facts.database;

    if (qr.error.code == 0 && qr.known) {

        if (query->shape == CAPHEALTH_SCALAR) {
            *(int64_t *) ((char *) d + query->offset) = qr.number;

        } else {
            caphealth_db_vendors(db, &qr, d);
        }
    }

    caphealth_error_add(&a->error, &qr.error);
    caphealth_vendor_rows_free(&qr.vendors);

    return rc;
}


static void
caphealth_db_engine(caphealth_db_t *db, caphealth_database_t *d)
{
    char  version[sizeof(d->version)];

    caphealth_database_clear(d);

    db->driver->version(db->connection, version, sizeof(version));

    caphealth_utf8_append(d->engine, sizeof(d->engine), db->driver->engine);
    caphealth_utf8_append(d->version, sizeof(d->version), version);
}


static void
caphealth_db_look(caphealth_db_t *db, caphealth_answer_t *a)
{
    size_t                  i;
    double                  deadline;
    caphealth_database_t   *d;
    caphealth_utc_month_t   month;

    deadline = caphealth_db_clock() + db->timeout;
    month = caphealth_utc_month((int64_t) time(NULL));
    d = &a->facts.database;

    if (db->driver->open(db->connection, deadline, &a->error) == -1) {
        return;
    }

    a->known = 1;

    if (caphealth_db_unchanged(db, month.first)) {
        *d = db->last;
        return;
    }

    db->has_last = 0;

    free(db->vendors);
    db->vendors = NULL;

    caphealth_db_engine(db, d);

    for (i = 0; i < CAPHEALTH_QUERIES; i++) {

        if (caphealth_db_ask(db, &caphealth_queries[i], month, deadline, a)
            == -1)
        {
            a->known = 0;
            return;
        }
    }

    if (a->error.code == 0) {
        db->has_last = 1;
        db->last = *d;
        db->month = month.first;
    }
}


const char *
caphealth_db_collect(caphealth_db_t *db, caphealth_answer_t *a)
{
    caphealth_db_look(db, a);

    db->driver->close(db->connection);

    return (a->known && a->facts.database.names_len != CAPHEALTH_UNKNOWN)
           ? db->vendors : NULL;
}


/* the first line of the plan of a query, "" if there is none */

static int
caphealth_db_plan(caphealth_db_t *db, const caphealth_query_result_t *asked,
    double deadline, char *plan, size_t len)
{
    int                       rc;
    char                     *sql;
    caphealth_query_result_t  qr;

    static const char *const         explain[] = { "EXPLAIN QUERY PLAN ",
                                                   "EXPLAIN " };
    static const caphealth_query_t   query = { "plan", CAPHEALTH_PLAN, 0,
                                               { NULL, NULL } };

    plan[0] = '\0';

    if (asprintf(&sql, "%s%s", explain[db->engine], asked->sql) == -1) {
        return 0;
    }

    caphealth_db_query(db, &query, asked->month, &qr);
    qr.sql = sql;

    rc = db->driver->run_query(db->connection, &qr, deadline);

    if (qr.error.code == 0) {
        caphealth_utf8_append(plan, len, qr.plan);
    }

    free(sql);

    return rc;
}


int
caphealth_db_check(caphealth_db_t *db, caphealth_answer_t *a,
    caphealth_db_check_pt report, void *ctx)
{
    int                       rc;
    char                      plan[sizeof(((caphealth_query_result_t *) 0)
                                          ->plan)];
    size_t                    i;
    double                    start, deadline;
    caphealth_db_check_t      check;
    caphealth_utc_month_t     month;
    caphealth_query_result_t  qr;

    month = caphealth_utc_month((int64_t) time(NULL));
    rc = db->driver->open(db->connection, caphealth_db_clock() + db->timeout,
                          &a->error);

    if (rc == 0) {
        caphealth_db_engine(db, &a->facts.database);
    }

    /* each has the whole timeout: one that is slow must not hide the others */

    for (i = 0; rc == 0 && i < CAPHEALTH_QUERIES; i++) {

        caphealth_db_query(db, &caphealth_queries[i], month, &qr);

        start = caphealth_db_clock();
        deadline = start + db->timeout;

        rc = db->driver->run_query(db->connection, &qr, deadline);

        memset(&check, 0, sizeof(caphealth_db_check_t));

        check.name = qr.query->name;
        check.known = (qr.error.code == 0 && qr.known);
        check.rows = (qr.query->shape == CAPHEALTH_ROWS);
        check.number = check.rows ? (int64_t) qr.rows : qr.number;
        check.seconds = caphealth_db_clock() - start;
        check.error = qr.error;
        check.plan = "";

        if (rc == 0 && check.known) {
            rc = caphealth_db_plan(db, &qr, caphealth_db_clock() + db->timeout,
                                   plan, sizeof(plan));
            check.plan = plan;
        }

        report(ctx, &check);
        caphealth_vendor_rows_free(&qr.vendors);
    }

    db->driver->close(db->connection);

    return rc;
}
