
/*
 * What is wrong with a database's URL, or with a query, as they are written in
 * a configuration.  Nothing connects to a database here: what only a server or
 * a file can tell is found by the collector.
 */

#ifndef CAPHEALTH_DATABASE_CHECK_H
#define CAPHEALTH_DATABASE_CHECK_H


#include <stddef.h>


/* room for what is wrong */
#define CAPHEALTH_DATABASE_WRONG  160


/*
 * Checks a URL of PostgreSQL, as libpq reads it: the ports, the names of the
 * parameters, and that what is special in a user or a password is
 * percent-encoded.  Returns 0, or -1 with a sentence's end in wrong, which has
 * nothing of the URL but a parameter's name.
 */
int caphealth_database_check_url(const char *url,
    char wrong[CAPHEALTH_DATABASE_WRONG]);

/*
 * Checks that a query is one statement that reads: SELECT, WITH, VALUES or
 * TABLE.  Strings, names in quotes and comments are skipped, as SQLite and
 * PostgreSQL write them.  Returns NULL, or the end of a sentence.
 */
const char *caphealth_database_check_query(const char *sql);


#endif /* CAPHEALTH_DATABASE_CHECK_H */
