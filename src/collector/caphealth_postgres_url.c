
/*
 * A PostgreSQL URL may hold a password, and libpq quotes what it is given.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_postgres_url.h"
#include "caphealth_utf8.h"


#define CAPHEALTH_POSTGRES_PORT    "5432"

/* hosts of a URL that are compared */
#define CAPHEALTH_POSTGRES_PLACES  16


/* the beginnings of SQLSTATEs; the first that fits */

static const struct {
    const char         *state;
    caphealth_error_e   code;
} caphealth_postgres_states[] = {
    { "28", CAPHEALTH_ERROR_AUTHENTICATION },    /* class 28: authorization */
    { "42501", CAPHEALTH_ERROR_PERMISSION },     /* insufficient_privilege */
    { "57014", CAPHEALTH_ERROR_TIMEOUT },        /* query_canceled */
    { "3D000", CAPHEALTH_ERROR_SCHEMA },         /* invalid_catalog_name */
    { "3F000", CAPHEALTH_ERROR_SCHEMA },         /* invalid_schema_name */
    { "42P01", CAPHEALTH_ERROR_SCHEMA },         /* undefined_table */
    { "42703", CAPHEALTH_ERROR_SCHEMA },         /* undefined_column */
    { "42704", CAPHEALTH_ERROR_SCHEMA }          /* undefined_object */
};


/* the rest behind the user and the password, as libpq parses them */

static const char *
caphealth_postgres_address(const char *url)
{
    const char  *p;

    p = strstr(url, "://");
    p = (p == NULL) ? url : p + 3;

    return (p[strcspn(p, "@/")] == '@') ? strchr(p, '@') + 1 : p;
}


/*
 * A special character in a password that is not percent-encoded makes libpq
 * take a part of the password for a host or a port, and quote it as such: no
 * word of such a URL may come to be quoted.  Returns NULL, or what is wrong.
 */

static const char *
caphealth_postgres_ambiguous(const char *url, const PQconninfoOption *options)
{
    const char              *address;
    const PQconninfoOption  *o;

    static const char  encode[] = "a special character in the database's "
                                  "URL must be percent-encoded";

    address = caphealth_postgres_address(url);

    if (memchr(address, '@', strcspn(address, "?")) != NULL) {
        return encode;
    }

    for (o = options; o->keyword != NULL; o++) {
        if (o->val != NULL && strcmp(o->keyword, "port") == 0
            && o->val[strspn(o->val, "0123456789,")] != '\0')
        {
            return encode;
        }
    }

    return NULL;
}


/* what libpq quotes may be of the password, except a parameter's name */

static void
caphealth_postgres_invalid(const char *url, char *message,
    caphealth_error_t *error)
{
    char  *quoted;

    static const char  parameter[] = "invalid URI query parameter: ";

    quoted = (message == NULL) ? NULL : strstr(message, ": \"");

    if (quoted == NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_URL,
                            "the database's URL is invalid");
        return;
    }

    if (strncmp(message, parameter, strlen(parameter)) == 0
        && strchr(caphealth_postgres_address(url), '@') == NULL)
    {
        caphealth_error_set(error, CAPHEALTH_ERROR_URL,
                            "the database's URL is invalid: %s", message);
        return;
    }

    *quoted = '\0';

    caphealth_error_set(error, CAPHEALTH_ERROR_URL,
                        "the database's URL is invalid: %s: \"...\"",
                        message);
}


int
caphealth_postgres_check(const char *url, caphealth_error_t *error)
{
    char              *message;
    const char        *wrong;
    PQconninfoOption  *options;

    message = NULL;
    options = PQconninfoParse(url, &message);

    if (options == NULL) {
        caphealth_postgres_invalid(url, message, error);
        PQfreemem(message);
        return -1;
    }

    wrong = caphealth_postgres_ambiguous(url, options);

    if (wrong != NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_URL, "%s", wrong);
    }

    PQconninfoFree(options);

    return wrong == NULL ? 0 : -1;
}


caphealth_error_e
caphealth_postgres_code(const char *state)
{
    size_t  i;

    for (i = 0;
         i < sizeof(caphealth_postgres_states)
             / sizeof(caphealth_postgres_states[0]);
         i++)
    {
        if (strncmp(state, caphealth_postgres_states[i].state,
                    strlen(caphealth_postgres_states[i].state))
            == 0)
        {
            return caphealth_postgres_states[i].code;
        }
    }

    return CAPHEALTH_ERROR_OTHER;
}


caphealth_error_e
caphealth_postgres_terse(char *message)
{
    char               *p, *end;
    caphealth_error_e   code, one;

    static const char   capitals[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char   location[] = "LOCATION:  ";

    code = CAPHEALTH_ERROR_OTHER;

    for (p = message; (p = strstr(p, ":  ")) != NULL; /* void */ ) {
        p += 3;

        if (strspn(p, capitals) == 5 && strncmp(p + 5, ": ", 2) == 0) {
            one = caphealth_postgres_code(p);
            code = one < code ? one : code;

            memmove(p, p + 7, strlen(p + 7) + 1);
        }
    }

    for (p = message; (p = strstr(p, location)) != NULL; /* void */ ) {

        if (p > message && p[-1] != '\n') {
            p++;
            continue;
        }

        end = p + strcspn(p, "\n");
        end += (*end == '\n');

        memmove(p, end, strlen(end) + 1);
    }

    return code;
}


/* what libpq itself has found, whose messages are those of this system */

static caphealth_error_e
caphealth_postgres_local(PGconn *conn, const char *message)
{
    size_t  i;

    static const int  errors[] = { EACCES, ENOENT, EROFS };

    if (PQconnectionNeedsPassword(conn)) {
        return CAPHEALTH_ERROR_AUTHENTICATION;
    }

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strstr(message, strerror(errors[i])) != NULL) {
            return caphealth_error_errno(errors[i]);
        }
    }

    return CAPHEALTH_ERROR_OTHER;
}


void
caphealth_postgres_error(PGconn *conn, const char *url,
    caphealth_error_t *error)
{
    char               *message;
    const char         *text;
    PQconninfoOption   *options, *o;
    caphealth_error_e   code;

    text = PQerrorMessage(conn);
    message = strdup(text);
    options = PQconninfoParse(url, NULL);

    if (*text == '\0' || message == NULL || options == NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");
        goto done;
    }

    code = caphealth_postgres_terse(message);

    if (code == CAPHEALTH_ERROR_OTHER) {
        code = caphealth_postgres_local(conn, message);
    }

    caphealth_utf8_mask(message, url);

    for (o = options; o->keyword != NULL; o++) {
        if (o->dispchar[0] == '*' && o->val != NULL) {
            caphealth_utf8_mask(message, o->val);
        }
    }

    caphealth_error_set(error, code, "%s", message);

done:

    PQconninfoFree(options);
    free(message);
}


static const char *
caphealth_postgres_option(const PQconninfoOption *options, const char *keyword)
{
    const PQconninfoOption  *o;

    for (o = options; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, keyword) == 0) {
            return (o->val == NULL) ? "" : o->val;
        }
    }

    return "";
}


static int
caphealth_postgres_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


/* one port may be for all hosts, or there is one for each */

static void
caphealth_postgres_place_hosts(FILE *stream, const char *hosts,
    const char *ports)
{
    char    *list[CAPHEALTH_POSTGRES_PLACES];
    size_t   i, n, host, port;

    n = 0;

    do {
        host = strcspn(hosts, ",");
        port = strcspn(ports, ",");

        if (asprintf(&list[n], "%.*s:%.*s", (int) host, hosts,
                     (port == 0) ? 4 : (int) port,
                     (port == 0) ? CAPHEALTH_POSTGRES_PORT : ports)
            == -1)
        {
            break;
        }

        n++;
        hosts += host + (hosts[host] == ',');
        ports += (ports[port] == ',') ? port + 1 : 0;

    } while (*hosts != '\0' && n < CAPHEALTH_POSTGRES_PLACES);

    qsort(list, n, sizeof(list[0]), caphealth_postgres_compare);

    for (i = 0; i < n; i++) {
        fprintf(stream, "%s ", list[i]);
        free(list[i]);
    }
}


char *
caphealth_postgres_place(const char *url)
{
    char              *place;
    FILE              *stream;
    size_t             len;
    const char        *host, *name;
    PQconninfoOption  *options;

    stream = open_memstream(&place, &len);
    if (stream == NULL) {
        return NULL;
    }

    options = PQconninfoParse(url, NULL);

    host = caphealth_postgres_option(options, "host");
    name = caphealth_postgres_option(options, "dbname");

    caphealth_postgres_place_hosts(stream, *host != '\0' ? host
                                   : caphealth_postgres_option(options,
                                                               "hostaddr"),
                                   caphealth_postgres_option(options, "port"));

    /* the default is the user's name */

    fprintf(stream, "%s %s", *name != '\0' ? name
                             : caphealth_postgres_option(options, "user"),
            caphealth_postgres_option(options, "options"));

    PQconninfoFree(options);

    if (fclose(stream) != 0) {
        free(place);
        return NULL;
    }

    return place;
}
