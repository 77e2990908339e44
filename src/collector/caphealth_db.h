
/*
 * Inside the database source: the table of queries, and what a driver (one
 * for SQLite, one for PostgreSQL) has to do.
 */

#ifndef CAPHEALTH_DB_H
#define CAPHEALTH_DB_H


#include "caphealth_source.h"
#include "caphealth_utc_month.h"
#include "caphealth_vendor_products.h"


typedef enum {
    CAPHEALTH_SQLITE = 0,
    CAPHEALTH_POSTGRES,
    CAPHEALTH_ENGINES            /* how many there are */
} caphealth_engine_e;


typedef enum {
    CAPHEALTH_SCALAR = 0,        /* one row, one column: a whole number */
    CAPHEALTH_ROWS,              /* rows of a name, a whole number, and where
                                    there is a third column, an id */
    CAPHEALTH_PLAN               /* a query plan: the last column of each row
                                    is text */
} caphealth_shape_e;


typedef struct {
    const char          *name;   /* in caphealth_query */
    caphealth_shape_e    shape;
    size_t               offset; /* of the number in caphealth_database_t */
    const char          *sql[CAPHEALTH_ENGINES];
} caphealth_query_t;


/* of a row */

typedef struct {
    const char  *text;           /* NULL: it has none */
    size_t       len;
    int          number;         /* the text is that of a whole number */
} caphealth_id_t;


/* a query that has been asked, and the rows it has brought so far */

typedef struct {
    const caphealth_query_t  *query;
    const char               *sql;
    caphealth_utc_month_t     month;      /* for those with two parameters */
    int64_t                   number;
    caphealth_vendor_rows_t   vendors;    /* to be freed */
    int                       known;      /* there is a result */
    size_t                    rows;
    size_t                    text;       /* bytes of names */
    char                      plan[160];  /* the first row of a plan */
    caphealth_error_t         error;
} caphealth_query_result_t;


/*
 * deadline: of CLOCK_MONOTONIC, in seconds.  url outlives the driver.
 *
 * open() connects; returns 0, or -1 with the error.  run_query() runs one
 * query; returns 0 if another one may follow, whether or not the query brought
 * a result, -1 if not.  unchanged() is optional: 1 if the database is as it
 * was when the last query began.  close() leaves nothing open, and may be
 * called in any state: an idle connection keeps SQLite's WAL from
 * being removed, and a PostgreSQL database from being renamed or copied.
 */

typedef struct {
    const char  *engine;
    const char  *scheme;
    void      *(*create)(const char *url);
    void       (*destroy)(void *driver);
    int        (*open)(void *driver, double deadline,
                       caphealth_error_t *error);
    void       (*close)(void *driver);
    int        (*unchanged)(void *driver);
    int        (*run_query)(void *driver, caphealth_query_result_t *qr,
                            double deadline);
    void       (*version)(void *driver, char *version, size_t len);
} caphealth_driver_t;


extern const caphealth_driver_t  caphealth_sqlite_driver;
extern const caphealth_driver_t  caphealth_postgres_driver;


/* seconds of CLOCK_MONOTONIC */
double caphealth_db_clock(void);

/*
 * Seconds that one query may take, of those that are left: the ones that
 * come after it get their chance too.
 */
double caphealth_db_share(double deadline);

/*
 * A driver passes an answer on by these: first the number of its columns, then
 * each row, with an id if there is a third column, else NULL, then the end.
 * They return -1 if the answer is not of the query's shape: the result's error
 * is set, and the driver need not go on.
 */
int caphealth_query_result_columns(caphealth_query_result_t *qr, int columns);
int caphealth_query_result_parameters(caphealth_query_result_t *qr,
    int parameters);
int caphealth_query_result_number(caphealth_query_result_t *qr,
    const char *text, size_t len);
int caphealth_query_result_row(caphealth_query_result_t *qr, const char *name,
    size_t len, const char *number, size_t number_len,
    const caphealth_id_t *id);
int caphealth_query_result_plan(caphealth_query_result_t *qr, const char *text,
    size_t len);
int caphealth_query_result_end(caphealth_query_result_t *qr);

/* drops what has been passed on, because the query will be run again */
void caphealth_query_result_reset(caphealth_query_result_t *qr);


#endif /* CAPHEALTH_DB_H */
