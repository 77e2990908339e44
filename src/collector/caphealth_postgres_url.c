
/*
 * A PostgreSQL URL may hold a password, and libpq quotes what it is given.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_db.h"
#include "caphealth_postgres_url.h"
#include "caphealth_utf8.h"


/* what comes after the user and the password, where libpq looks for them */

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
caphealth_postgres_invalid(const char *url, char *message, char *error)
{
    char  *quoted;

    static const char  parameter[] = "invalid URI query parameter: ";

    quoted = (message == NULL) ? NULL : strstr(message, ": \"");

    if (quoted == NULL) {
        caphealth_db_error(error, "the database's URL is invalid");
        return;
    }

    if (strncmp(message, parameter, strlen(parameter)) == 0
        && strchr(caphealth_postgres_address(url), '@') == NULL)
    {
        caphealth_db_error(error, "the database's URL is invalid: %s",
                           message);
        return;
    }

    *quoted = '\0';

    caphealth_db_error(error, "the database's URL is invalid: %s: \"...\"",
                       message);
}


int
caphealth_postgres_check(const char *url, char *error)
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
        caphealth_db_error(error, "%s", wrong);
    }

    PQconninfoFree(options);

    return wrong == NULL ? 0 : -1;
}


void
caphealth_postgres_error(PGconn *conn, const char *url, char *error)
{
    char              *message;
    const char        *text;
    PQconninfoOption  *options, *o;

    text = PQerrorMessage(conn);
    message = strdup(*text == '\0' ? "no memory" : text);
    options = PQconninfoParse(url, NULL);

    if (message == NULL || options == NULL) {
        caphealth_db_error(error, "no memory");
        goto done;
    }

    caphealth_utf8_mask(message, url);

    for (o = options; o->keyword != NULL; o++) {
        if (o->dispchar[0] == '*' && o->val != NULL) {
            caphealth_utf8_mask(message, o->val);
        }
    }

    caphealth_db_error(error, "%s", message);

done:

    PQconninfoFree(options);
    free(message);
}
