
/*
 * The servers that a PostgreSQL URL names, one address each.
 *
 * libpq tries them by itself, but with one deadline for all of them if it is
 * not to block: a first one that does not answer would take all of it.
 */

#ifndef CAPHEALTH_POSTGRES_HOSTS_H
#define CAPHEALTH_POSTGRES_HOSTS_H


#include <stddef.h>


/* for PQconnectStartParams() behind the URL; NULL: what the URL says */

typedef struct {
    char      *host;
    char      *address;
    char      *port;
    unsigned   silent:1;         /* gave no answer in time */
} caphealth_postgres_host_t;


typedef struct {
    caphealth_postgres_host_t  *hosts;
    size_t                      count;           /* at least 1 */
    double                      connect_timeout; /* seconds; 0: none */
    int                         prefer_standby;
} caphealth_postgres_hosts_t;


/*
 * Resolves names, which may block.  A URL without hosts, or whose lists do not
 * fit each other, gives one that is left to libpq.  last, if not NULL, is put
 * first if it is one of them.  Returns 0, or -1: no memory.
 */
int caphealth_postgres_hosts_create(caphealth_postgres_hosts_t *list,
    const char *url, const caphealth_postgres_host_t *last);
void caphealth_postgres_hosts_destroy(caphealth_postgres_hosts_t *list);

/* copies and frees the strings of one; 0, or -1: no memory, all are NULL */
int caphealth_postgres_host_copy(caphealth_postgres_host_t *to,
    const caphealth_postgres_host_t *from);
void caphealth_postgres_host_clear(caphealth_postgres_host_t *host);


#endif /* CAPHEALTH_POSTGRES_HOSTS_H */
