
/*
 * A database's URL and its queries, as they are configured.
 *
 * The syntax of URLs is that of libpq: PostgreSQL's documentation, "Connection
 * URIs"; a special character that is not encoded makes libpq take a part of
 * the password for a host, a port or a parameter.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "caphealth_database_check.h"


#define CAPHEALTH_DATABASE_PORT_MAX  65535


static int caphealth_database_wrong(char *wrong, const char *text);
static int caphealth_database_ports(const char *p, const char *last,
    char *wrong);
static int caphealth_database_port(const char *p, const char *last,
    char *wrong);
static int caphealth_database_parameters(const char *p, char *wrong);
static int caphealth_database_known(const char *name, size_t len);
static int caphealth_database_encoded(const char *p);
static const char *caphealth_database_skip(const char *p);
static const char *caphealth_database_skip_comment(const char *p);
static const char *caphealth_database_skip_quoted(const char *p);
static const char *caphealth_database_skip_escaped(const char *p);
static const char *caphealth_database_skip_dollar(const char *p);


/* of libpq 15 to 18, and "ssl", which it takes for JDBC's sake */

static const char *const  caphealth_database_keywords[] = {
    "application_name", "channel_binding", "client_encoding",
    "connect_timeout", "dbname", "fallback_application_name", "gssdelegation",
    "gssencmode", "gsslib", "host", "hostaddr", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname",
    "load_balance_hosts", "max_protocol_version", "min_protocol_version",
    "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope",
    "options", "passfile", "password", "port", "replication", "require_auth",
    "requirepeer", "scram_client_key", "scram_server_key", "service", "ssl",
    "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert",
    "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey",
    "sslkeylogfile", "sslmode", "sslnegotiation", "sslpassword",
    "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout",
    "user"
};


static const char  caphealth_database_encode[] =
    "what is special in a user or a password must be percent-encoded, as "
    "\"%40\" for \"@\", \"%2F\" for \"/\", \"%3A\" for \":\", \"%3F\" for "
    "\"?\"";


int
caphealth_database_check_url(const char *url,
    char wrong[CAPHEALTH_DATABASE_WRONG])
{
    const char  *p, *hosts, *last, *parameters;

    p = strstr(url, "://");
    p = (p == NULL) ? url : p + 3;

    if (!caphealth_database_encoded(p)) {
        return caphealth_database_wrong(wrong, "\"%\" must be followed by two "
                                               "hexadecimal digits, not by "
                                               "\"00\"; itself it is \"%25\"");
    }

    /* libpq ends the user and the password at the first "@" before a "/" */

    hosts = (p[strcspn(p, "@/")] == '@') ? strchr(p, '@') + 1 : p;
    parameters = hosts + strcspn(hosts, "?");

    if (memchr(hosts, '@', (size_t) (parameters - hosts)) != NULL) {
        return caphealth_database_wrong(wrong, caphealth_database_encode);
    }

    last = hosts + strcspn(hosts, "/?");

    if (caphealth_database_ports(hosts, last, wrong) == -1) {
        return -1;
    }

    return *parameters == '\0'
           ? 0 : caphealth_database_parameters(parameters + 1, wrong);
}


static int
caphealth_database_wrong(char *wrong, const char *text)
{
    (void) snprintf(wrong, CAPHEALTH_DATABASE_WRONG, "%s", text);

    return -1;
}


/* HOST, HOST:PORT and [IPV6]:PORT, separated by commas */

static int
caphealth_database_ports(const char *p, const char *last, char *wrong)
{
    const char  *end, *colon;

    while (p < last) {

        if (*p == '[') {
            end = memchr(p, ']', (size_t) (last - p));

            if (end == NULL) {
                return caphealth_database_wrong(wrong, "an IPv6 address must "
                                                       "end with \"]\"");
            }

            p = end + 1;

            if (p < last && *p != ':' && *p != ',') {
                return caphealth_database_wrong(wrong, "\"]\" must be "
                                                "followed by \":\" and a "
                                                "port, or by the next host");
            }
        }

        end = memchr(p, ',', (size_t) (last - p));
        end = (end == NULL) ? last : end;

        colon = memchr(p, ':', (size_t) (end - p));

        if (colon != NULL
            && caphealth_database_port(colon + 1, end, wrong) == -1)
        {
            return -1;
        }

        p = (end == last) ? last : end + 1;
    }

    return 0;
}


/* an empty one is libpq's default */

static int
caphealth_database_port(const char *p, const char *last, char *wrong)
{
    long  port;

    if (p == last) {
        return 0;
    }

    for (port = 0; p < last; p++) {

        if (*p < '0' || *p > '9') {
            (void) snprintf(wrong, CAPHEALTH_DATABASE_WRONG,
                            "a port must be a number; %s",
                            "\":\" in a user or a password is \"%3A\"");
            return -1;
        }

        port = port * 10 + (*p - '0');

        if (port > CAPHEALTH_DATABASE_PORT_MAX) {
            break;
        }
    }

    return port >= 1 && port <= CAPHEALTH_DATABASE_PORT_MAX
           ? 0 : caphealth_database_wrong(wrong, "a port must be between 1 "
                                                 "and 65535");
}


static int
caphealth_database_parameters(const char *p, char *wrong)
{
    size_t       name, len;
    const char  *end, *port;

    for ( /* void */ ; *p; p += len + (p[len] == '&')) {

        len = strcspn(p, "&");
        name = strcspn(p, "=&");

        if (name == len) {
            return caphealth_database_wrong(wrong, "a parameter must be "
                                                   "NAME=VALUE; \"?\" and "
                                                   "\"&\" in a password are "
                                                   "\"%3F\" and \"%26\"");
        }

        if (!caphealth_database_known(p, name)) {
            (void) snprintf(wrong, CAPHEALTH_DATABASE_WRONG,
                            "libpq knows no parameter \"%.*s\"",
                            name > 40 ? 40 : (int) name, p);
            return -1;
        }

        if (name != 4 || memcmp(p, "port", 4) != 0) {
            continue;
        }

        for (port = p + 5; port <= p + len; port = end + 1) {
            end = memchr(port, ',', (size_t) (p + len - port));
            end = (end == NULL) ? p + len : end;

            if (caphealth_database_port(port, end, wrong) == -1) {
                return -1;
            }
        }
    }

    return 0;
}


static int
caphealth_database_known(const char *name, size_t len)
{
    size_t  i;

    for (i = 0;
         i < sizeof(caphealth_database_keywords)
             / sizeof(caphealth_database_keywords[0]);
         i++)
    {
        if (strncmp(name, caphealth_database_keywords[i], len) == 0
            && caphealth_database_keywords[i][len] == '\0')
        {
            return 1;
        }
    }

    return 0;
}


static int
caphealth_database_encoded(const char *p)
{
    while ((p = strchr(p, '%')) != NULL) {

        if (!isxdigit((unsigned char) p[1]) || !isxdigit((unsigned char) p[2])
            || (p[1] == '0' && p[2] == '0'))
        {
            return 0;
        }

        p += 3;
    }

    return 1;
}


const char *
caphealth_database_check_query(const char *sql)
{
    int          escaped;
    size_t       i, n, word;
    const char  *p;

    static const char *const  reads[] = { "SELECT", "WITH", "VALUES", "TABLE" };

    p = caphealth_database_skip(sql);

    while (*p == '(') {
        p = caphealth_database_skip(p + 1);
    }

    if (*p == '\0' || *p == ';') {
        return "is empty";
    }

    for (n = 0; isalpha((unsigned char) p[n]) || p[n] == '_'; n++) {
        /* void */
    }

    for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        if (strlen(reads[i]) == n && strncasecmp(p, reads[i], n) == 0) {
            break;
        }
    }

    if (i == sizeof(reads) / sizeof(reads[0])) {
        return "must be a SELECT";
    }

    word = 0;

    while (*p && *p != ';') {

        /* PostgreSQL's E'it\'s' */

        escaped = (word == 1 && (p[-1] == 'E' || p[-1] == 'e'));
        word = (isalnum((unsigned char) *p) || *p == '_') ? word + 1 : 0;

        switch (*p) {

        case '\'':
            if (escaped) {
                p = caphealth_database_skip_escaped(p);
                break;
            }

            /* fall through */

        case '"':
        case '`':
            p = caphealth_database_skip_quoted(p);
            break;

        case '$':
            p = caphealth_database_skip_dollar(p);
            break;

        case '-':
        case '/':
            p = caphealth_database_skip_comment(p);
            break;

        default:
            p++;
        }

        if (p == NULL) {
            return "has a quote or a comment that does not end";
        }
    }

    while (*p == ';') {
        p = caphealth_database_skip(p + 1);
    }

    return *p ? "must be one SELECT, and has another statement behind \";\""
              : NULL;
}


/* blanks and comments */

static const char *
caphealth_database_skip(const char *p)
{
    const char  *next;

    for ( ;; ) {
        p += strspn(p, " \t\r\n\f\v");

        next = caphealth_database_skip_comment(p);

        if (next == NULL || next == p + 1 || *p == '\0') {
            return p;
        }

        p = next;
    }
}


/*
 * The end of a comment, or one character further where there is none; NULL: it
 * does not end.  PostgreSQL's may be nested, SQLite's are not.
 */

static const char *
caphealth_database_skip_comment(const char *p)
{
    unsigned  depth;

    if (p[0] == '-' && p[1] == '-') {
        return p + strcspn(p, "\n");
    }

    if (p[0] != '/' || p[1] != '*') {
        return p + 1;
    }

    for (depth = 0; *p; p++) {

        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p++;

        } else if (p[0] == '*' && p[1] == '/') {
            p++;

            if (--depth == 0) {
                return p + 1;
            }
        }
    }

    return NULL;
}


/* a quote inside is doubled, which makes two strings of it here */

static const char *
caphealth_database_skip_quoted(const char *p)
{
    p = strchr(p + 1, *p);

    return p == NULL ? NULL : p + 1;
}


/* a backslash escapes the character behind it */

static const char *
caphealth_database_skip_escaped(const char *p)
{
    for (p++; *p && *p != '\''; p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
        }
    }

    return *p ? p + 1 : NULL;
}


/* PostgreSQL's $$text$$ and $tag$text$tag$; "$1" is a parameter */

static const char *
caphealth_database_skip_dollar(const char *p)
{
    char         tag[64];
    size_t       n;
    const char  *end;

    n = 1;

    if (!isdigit((unsigned char) p[1])) {
        while (isalnum((unsigned char) p[n]) || p[n] == '_') {
            n++;
        }
    }

    if (p[n] != '$' || n + 2 > sizeof(tag)) {
        return p + 1;
    }

    memcpy(tag, p, n + 1);
    tag[n + 1] = '\0';

    end = strstr(p + n + 1, tag);

    return end == NULL ? NULL : end + n + 1;
}
