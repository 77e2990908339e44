
/*
 * The servers that a PostgreSQL URL names.
 */

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libpq-fe.h>

#include "caphealth_postgres_hosts.h"


/* what libpq takes for a port of a list that is left out */
#define CAPHEALTH_POSTGRES_PORT  "5432"

/* seconds; libpq raises a shorter connect_timeout to it */
#define CAPHEALTH_POSTGRES_LEAST_TIMEOUT  2


/* three lists of the same length, or of none or one port for all */

typedef struct {
    const char  *host;
    const char  *address;
    const char  *port;
} caphealth_postgres_lists_t;


static const char *
caphealth_postgres_option(const PQconninfoOption *options, const char *name)
{
    const PQconninfoOption  *o;

    for (o = options; o->keyword != NULL; o++) {
        if (strcmp(o->keyword, name) == 0) {
            return o->val != NULL && o->val[0] != '\0' ? o->val : NULL;
        }
    }

    return NULL;
}


static size_t
caphealth_postgres_length(const char *list)
{
    size_t  n;

    if (list == NULL) {
        return 0;
    }

    for (n = 1; (list = strchr(list, ',')) != NULL; n++) {
        list++;
    }

    return n;
}


/* the element i of a list, to be freed; NULL: there is none, or no memory */

static char *
caphealth_postgres_element(const char *list, size_t i)
{
    for ( /* void */ ; list != NULL && i > 0; i--) {
        list = strchr(list, ',');
        list = (list == NULL) ? NULL : list + 1;
    }

    return list == NULL ? NULL : strndup(list, strcspn(list, ","));
}


void
caphealth_postgres_host_clear(caphealth_postgres_host_t *host)
{
    free(host->host);
    free(host->address);
    free(host->port);

    memset(host, 0, sizeof(caphealth_postgres_host_t));
}


int
caphealth_postgres_host_copy(caphealth_postgres_host_t *to,
    const caphealth_postgres_host_t *from)
{
    memset(to, 0, sizeof(caphealth_postgres_host_t));

    to->host = (from->host == NULL) ? NULL : strdup(from->host);
    to->address = (from->address == NULL) ? NULL : strdup(from->address);
    to->port = (from->port == NULL) ? NULL : strdup(from->port);

    if ((from->host != NULL && to->host == NULL)
        || (from->address != NULL && to->address == NULL)
        || (from->port != NULL && to->port == NULL))
    {
        caphealth_postgres_host_clear(to);
        return -1;
    }

    return 0;
}


static int
caphealth_postgres_add(caphealth_postgres_hosts_t *list,
    const caphealth_postgres_host_t *host)
{
    caphealth_postgres_host_t  *hosts;

    hosts = realloc(list->hosts,
                    (list->count + 1) * sizeof(caphealth_postgres_host_t));
    if (hosts == NULL) {
        return -1;
    }

    list->hosts = hosts;

    if (caphealth_postgres_host_copy(&hosts[list->count], host) == -1) {
        return -1;
    }

    list->count++;

    return 0;
}


/*
 * A name may have several addresses.  Of one that cannot be resolved libpq
 * will say so.
 */

static int
caphealth_postgres_resolve(caphealth_postgres_hosts_t *list,
    const caphealth_postgres_host_t *host)
{
    int                         rc;
    char                        address[NI_MAXHOST];
    struct addrinfo             hints, *found, *a;
    caphealth_postgres_host_t   one;

    one = *host;

    /* a directory with a socket, or an abstract one, has no address */

    if (host->address != NULL || host->host == NULL
        || host->host[0] == '/' || host->host[0] == '@')
    {
        return caphealth_postgres_add(list, host);
    }

    memset(&hints, 0, sizeof(struct addrinfo));
    hints.ai_socktype = SOCK_STREAM;

    if (getaddrinfo(host->host, NULL, &hints, &found) != 0) {
        return caphealth_postgres_add(list, host);
    }

    rc = 0;

    for (a = found; a != NULL && rc == 0; a = a->ai_next) {

        if (getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof(address),
                        NULL, 0, NI_NUMERICHOST)
            == 0)
        {
            one.address = address;
            rc = caphealth_postgres_add(list, &one);
        }
    }

    freeaddrinfo(found);

    return rc;
}


/* what libpq has to see whole, because it refuses it or has a default */

static int
caphealth_postgres_left_to_libpq(const caphealth_postgres_lists_t *l,
    size_t count)
{
    size_t  hosts, addresses, ports;

    hosts = caphealth_postgres_length(l->host);
    addresses = caphealth_postgres_length(l->address);
    ports = caphealth_postgres_length(l->port);

    return count == 0
           || (hosts > 0 && addresses > 0 && hosts != addresses)
           || (ports > 1 && ports != count);
}


static int
caphealth_postgres_expand(caphealth_postgres_hosts_t *list,
    const caphealth_postgres_lists_t *l)
{
    int                        rc;
    size_t                     i, count, ports;
    caphealth_postgres_host_t  host;

    count = caphealth_postgres_length(l->address != NULL ? l->address
                                                         : l->host);
    ports = caphealth_postgres_length(l->port);

    memset(&host, 0, sizeof(caphealth_postgres_host_t));

    if (caphealth_postgres_left_to_libpq(l, count)) {
        return caphealth_postgres_add(list, &host);
    }

    rc = 0;

    for (i = 0; i < count && rc == 0; i++) {

        host.host = caphealth_postgres_element(l->host, i);
        host.address = caphealth_postgres_element(l->address, i);
        host.port = caphealth_postgres_element(l->port, ports > 1 ? i : 0);

        if (host.port != NULL && host.port[0] == '\0') {
            free(host.port);
            host.port = strdup(CAPHEALTH_POSTGRES_PORT);
        }

        /* an empty element is the default, which an override cannot say */

        rc = (host.host != NULL && host.host[0] == '\0')
             || (host.address != NULL && host.address[0] == '\0')
             ? 1 : caphealth_postgres_resolve(list, &host);

        caphealth_postgres_host_clear(&host);
    }

    if (rc != 1) {
        return rc;
    }

    while (list->count > 0) {
        caphealth_postgres_host_clear(&list->hosts[--list->count]);
    }

    return caphealth_postgres_add(list, &host);
}


static int
caphealth_postgres_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}


static void
caphealth_postgres_first(caphealth_postgres_hosts_t *list,
    const caphealth_postgres_host_t *last)
{
    size_t                     i;
    caphealth_postgres_host_t  host;

    for (i = 0; i < list->count; i++) {
        host = list->hosts[i];

        if (caphealth_postgres_equal(host.host, last->host)
            && caphealth_postgres_equal(host.address, last->address)
            && caphealth_postgres_equal(host.port, last->port))
        {
            memmove(&list->hosts[1], &list->hosts[0],
                    i * sizeof(caphealth_postgres_host_t));
            list->hosts[0] = host;
            return;
        }
    }
}


int
caphealth_postgres_hosts_create(caphealth_postgres_hosts_t *list,
    const char *url, const caphealth_postgres_host_t *last)
{
    int                          rc;
    const char                  *timeout, *attrs;
    PQconninfoOption            *options;
    caphealth_postgres_lists_t   l;

    memset(list, 0, sizeof(caphealth_postgres_hosts_t));

    options = PQconninfoParse(url, NULL);
    if (options == NULL) {
        return -1;
    }

    l.host = caphealth_postgres_option(options, "host");
    l.address = caphealth_postgres_option(options, "hostaddr");
    l.port = caphealth_postgres_option(options, "port");

    timeout = caphealth_postgres_option(options, "connect_timeout");
    attrs = caphealth_postgres_option(options, "target_session_attrs");

    list->prefer_standby = attrs != NULL
                           && strcmp(attrs, "prefer-standby") == 0;

    if (timeout != NULL && strtol(timeout, NULL, 10) > 0) {
        list->connect_timeout = (double) strtol(timeout, NULL, 10);

        if (list->connect_timeout < CAPHEALTH_POSTGRES_LEAST_TIMEOUT) {
            list->connect_timeout = CAPHEALTH_POSTGRES_LEAST_TIMEOUT;
        }
    }

    rc = caphealth_postgres_expand(list, &l);

    PQconninfoFree(options);

    if (rc == -1) {
        caphealth_postgres_hosts_destroy(list);
        return -1;
    }

    if (last != NULL) {
        caphealth_postgres_first(list, last);
    }

    return 0;
}


void
caphealth_postgres_hosts_destroy(caphealth_postgres_hosts_t *list)
{
    size_t  i;

    for (i = 0; i < list->count; i++) {
        caphealth_postgres_host_clear(&list->hosts[i]);
    }

    free(list->hosts);

    memset(list, 0, sizeof(caphealth_postgres_hosts_t));
}
