
/*
 * Sources: what the collector reads.  Each is blocking code that runs in
 * a thread of its own and fills the facts, and the error, of an answer
 * that is all zero; the worker kills the collector if a source outlives its
 * deadline, so a source need not defend itself against a kernel that hangs,
 * only against a peer that does.
 */

#ifndef CAPHEALTH_SOURCE_H
#define CAPHEALTH_SOURCE_H


#include <stddef.h>

#include <jansson.h>

#include "caphealth_source_facts.h"


/* --- the system: CPU, memory, load, pressure --- */

typedef struct caphealth_host_s  caphealth_host_t;

/*
 * root is "" for the running system; the tests pass a directory that holds
 * recorded proc/ and sys/ trees.  root is not copied.  The object remembers
 * the CPU counters of the last sample.  NULL: no memory.
 */
caphealth_host_t *caphealth_host_create(const char *root);
void caphealth_host_destroy(caphealth_host_t *h);

/*
 * cpu_percent is unknown for the first sample; what is made of several looks,
 * the mean and the times, is caphealth_cpu_facts()'s to set.
 */
void caphealth_host_collect(caphealth_host_t *h, caphealth_answer_t *a);


/* --- a watched mount --- */

void caphealth_disk_collect(const char *path, caphealth_answer_t *a);


/* --- the platform's database --- */

typedef struct caphealth_db_s  caphealth_db_t;

/* hexadecimal digits, with a NUL */
#define CAPHEALTH_DB_DIGEST  33

/*
 * url is sqlite:/path or a libpq URI (postgresql:// or postgres://).  queries
 * is an object, query name to SQL, of those that replace a built-in one, or
 * NULL.  timeout is in seconds, for one caphealth_db_collect() as a whole.
 * Everything is copied.  Nothing is opened yet.  NULL: no memory.
 */
caphealth_db_t *caphealth_db_create(const char *url, const json_t *queries,
    double timeout);
void caphealth_db_destroy(caphealth_db_t *db);

/*
 * A digest of which database the settings of this source, "url" and "queries",
 * ask for what, so that nodes can be compared: of a libpq URI the hosts in any
 * order, the ports, the name and the options.  Returns 0, or -1: no memory.
 */
int caphealth_db_digest(char digest[CAPHEALTH_DB_DIGEST],
    const json_t *settings);

/* one query of a check */

typedef struct {
    const char         *name;        /* as in caphealth_query */
    int                 known;
    int64_t             number;      /* what it counted, or how many rows it
                                        brought */
    int                 rows;        /* it brings rows */
    double              seconds;
    const char         *plan;        /* the first line of the server's plan */
    caphealth_error_t   error;
} caphealth_db_check_t;

typedef void (*caphealth_db_check_pt)(void *ctx,
    const caphealth_db_check_t *check);

/*
 * Connects, and calls report() after each query.  engine and version are the
 * facts' of *a, which is all zero before; its error is that of the connection.
 * Returns 0, or -1 if there was no connection, or none any more.
 */
int caphealth_db_check(caphealth_db_t *db, caphealth_answer_t *a,
    caphealth_db_check_pt report, void *ctx);

/*
 * Connects, asks and closes: nothing is held between two calls.  A query that
 * fails leaves its number unknown and its name in the error; a database that
 * cannot be reached gives no facts.  No error text ever holds a password.
 * Returns the vendors' text, which is valid until the next call, or NULL.
 */
const char *caphealth_db_collect(caphealth_db_t *db, caphealth_answer_t *a);


#endif /* CAPHEALTH_SOURCE_H */
