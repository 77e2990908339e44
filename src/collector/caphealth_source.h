
/*
 * Sources: what the collector looks at.  Each is blocking code that runs in
 * a thread (a lane) of its own and answers with one JSON object; the worker
 * kills the collector if a source outlives its deadline, so a source need not
 * defend itself against a kernel that hangs, only against a peer that does.
 */

#ifndef CAPHEALTH_SOURCE_H
#define CAPHEALTH_SOURCE_H


#include <stddef.h>

#include <jansson.h>

#include "caphealth_error.h"


/*
 * What came of one look.  data is a new reference or NULL.  Data with an error:
 * a part of it is missing (null), and the error says which and why.
 */

typedef struct {
    json_t             *data;
    caphealth_error_t   error;
} caphealth_answer_t;


/* --- the system: CPU, memory, load, pressure --- */

typedef struct caphealth_host_s  caphealth_host_t;

/*
 * root is "" for the running system; the tests pass a directory that holds
 * recorded proc/ and sys/ trees.  root is not copied.  The object remembers
 * the CPU counters of the last look.  NULL: no memory.
 */
caphealth_host_t *caphealth_host_create(const char *root);
void caphealth_host_destroy(caphealth_host_t *h);

/*
 * The members that caphealth_system_parse() reads: scope, cpu_percent, cores,
 * memory_total, memory_used, load1, load5, load15, pressure.  cpu_percent is
 * null at the first look.  cpu_counters is for caphealth_cpu_facts().
 */
void caphealth_host_collect(caphealth_host_t *h, caphealth_answer_t *a);


/* --- a watched mount --- */

/*
 * path, total, used, available, inodes, inodes_free, read_only, device,
 * device_read_only
 */
void caphealth_disk_collect(const char *path, caphealth_answer_t *a);


/* --- the platform's database --- */

typedef struct caphealth_db_s  caphealth_db_t;

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
 * Connects, asks and closes: nothing is held between two looks.  engine,
 * version, size, the four *_count, orders_this_month, active_vendors, vendors
 * (an array of [name or null, products], with an id, or null, where the query
 * brings them).  A query that fails leaves its member null and its name in the
 * error; a database that cannot be reached gives no data.  No error text ever
 * holds a password.
 */
void caphealth_db_collect(caphealth_db_t *db, caphealth_answer_t *a);


#endif /* CAPHEALTH_SOURCE_H */
