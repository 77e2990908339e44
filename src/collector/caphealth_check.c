
/*
 * caphealth-collector --check: a database as the collector would ask it, for
 * the person who sets it up.
 */

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caphealth_check.h"
#include "caphealth_database_check.h"
#include "caphealth_query_names.h"
#include "caphealth_source.h"


/* of caphealth_timeout: its default and its bounds, seconds */
#define CAPHEALTH_CHECK_TIMEOUT      5
#define CAPHEALTH_CHECK_TIMEOUT_MIN  0.1
#define CAPHEALTH_CHECK_TIMEOUT_MAX  600


typedef struct {
    const char  *url;
    char         user[64];       /* of this process */
    int          postgres;
    double       timeout;
    json_t      *queries;
    unsigned     wrong;          /* so many queries have no number */
    unsigned     begun:1;        /* the table's head is printed */
} caphealth_check_t;


static int caphealth_check_arguments(caphealth_check_t *c, int argc,
    char **argv);
static int caphealth_check_url(caphealth_check_t *c);
static int caphealth_check_query(caphealth_check_t *c, const char *text);
static int caphealth_check_run(caphealth_check_t *c);
static void caphealth_check_report(void *ctx,
    const caphealth_db_check_t *check);
static void caphealth_check_remedy(caphealth_check_t *c,
    const caphealth_error_t *error);
static void caphealth_check_user(char *name, size_t len);


int
caphealth_check(int argc, char **argv)
{
    int                rc;
    caphealth_check_t  c;

    memset(&c, 0, sizeof(caphealth_check_t));

    c.timeout = CAPHEALTH_CHECK_TIMEOUT;
    caphealth_check_user(c.user, sizeof(c.user));
    c.queries = json_object();

    rc = caphealth_check_arguments(&c, argc, argv) == -1
         ? 2 : caphealth_check_run(&c);

    json_decref(c.queries);

    return rc;
}


static int
caphealth_check_arguments(caphealth_check_t *c, int argc, char **argv)
{
    int    i;
    char  *end;

    for (i = 0; i < argc; i++) {

        if (strcmp(argv[i], "--query") == 0 && i + 1 < argc) {
            if (caphealth_check_query(c, argv[++i]) == -1) {
                return -1;
            }

        } else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc) {
            c->timeout = strtod(argv[++i], &end);

            if (*end != '\0' || end == argv[i]
                || !(c->timeout >= CAPHEALTH_CHECK_TIMEOUT_MIN
                     && c->timeout <= CAPHEALTH_CHECK_TIMEOUT_MAX))
            {
                fprintf(stderr, "caphealth-collector: --timeout \"%s\" must "
                        "be between 0.1 and 600 seconds\n", argv[i]);
                return -1;
            }

        } else if (argv[i][0] != '-' && c->url == NULL) {
            c->url = argv[i];

        } else {
            fprintf(stderr, "caphealth-collector: \"%s\" is not an argument "
                    "of --check, try --help\n",
                    strchr(argv[i], ':') ? "..." : argv[i]);
            return -1;
        }
    }

    return caphealth_check_url(c);
}


/* the URL may have a password in it, and is not printed */

static int
caphealth_check_url(caphealth_check_t *c)
{
    char  wrong[CAPHEALTH_DATABASE_WRONG];

    if (c->url != NULL && strncmp(c->url, "sqlite:", 7) == 0) {
        return 0;
    }

    if (c->url == NULL
        || (strncmp(c->url, "postgresql://", 13) != 0
            && strncmp(c->url, "postgres://", 11) != 0))
    {
        fprintf(stderr, "caphealth-collector: --check needs the URL of a "
                "database, \"sqlite:/path\" or \"postgresql://...\"\n");
        return -1;
    }

    c->postgres = 1;

    if (caphealth_database_check_url(c->url, wrong) == -1) {
        fprintf(stderr, "caphealth-collector: the URL is invalid: %s\n",
                wrong);
        return -1;
    }

    return 0;
}


static int
caphealth_check_query(caphealth_check_t *c, const char *text)
{
    char        *name;
    size_t       i;
    const char  *sql, *wrong;

    static const char *const  names[] = { CAPHEALTH_QUERY_NAMES };

    sql = strchr(text, '=');

    for (i = 0; sql != NULL && i < sizeof(names) / sizeof(names[0]); i++) {

        if (strlen(names[i]) != (size_t) (sql - text)
            || strncmp(text, names[i], strlen(names[i])) != 0)
        {
            continue;
        }

        wrong = caphealth_database_check_query(sql + 1);

        if (wrong != NULL) {
            fprintf(stderr, "caphealth-collector: query \"%s\" %s: \"%s\"\n",
                    names[i], wrong, sql + 1);
            return -1;
        }

        if (json_object_set_new(c->queries, names[i], json_string(sql + 1))) {
            fprintf(stderr, "caphealth-collector: query \"%s\" is not in "
                    "UTF-8\n", names[i]);
            return -1;
        }

        return 0;
    }

    name = strndup(text, sql == NULL ? strlen(text) : (size_t) (sql - text));

    fprintf(stderr, "caphealth-collector: --query \"%s\" must be NAME=SELECT, "
            "NAME one of", name == NULL ? "" : name);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fprintf(stderr, "%s %s", i ? "," : "", names[i]);
    }

    fprintf(stderr, "\n");
    free(name);

    return -1;
}


static int
caphealth_check_run(caphealth_check_t *c)
{
    int                  rc;
    caphealth_db_t      *db;
    caphealth_answer_t   answer;

    db = caphealth_db_create(c->url, c->queries, c->timeout);

    if (db == NULL) {
        fprintf(stderr, "caphealth-collector: no memory\n");
        return 1;
    }

    memset(&answer, 0, sizeof(caphealth_answer_t));

    printf("as user \"%s\"%s\n\n", c->user,
           geteuid() == 0 ? "; nginx's workers are another one, as whom to "
                            "run this: sudo -u www-data ..." : "");

    rc = caphealth_db_check(db, &answer, caphealth_check_report, c);

    if (rc == -1 && answer.error.code) {
        printf("no connection: %s\n", answer.error.text);
        caphealth_check_remedy(c, &answer.error);

    } else {
        printf("\n%s %s, %s\n", answer.facts.database.engine,
               answer.facts.database.version,
               rc == -1 ? "and the connection was lost"
               : c->wrong ? "and not all is known" : "all is known");
    }

    caphealth_db_destroy(db);

    return rc == 0 && c->wrong == 0 ? 0 : 1;
}


static void
caphealth_check_report(void *ctx, const caphealth_db_check_t *check)
{
    caphealth_check_t  *c = ctx;

    if (!c->begun) {
        printf("%-20s%14s%12s  %s\n", "query", "number", "ms", "plan");
        c->begun = 1;
    }

    if (check->known) {
        printf("%-20s%14" PRId64 "%12.1f  %s%s\n", check->name, check->number,
               check->seconds * 1000, check->rows ? "rows; " : "",
               check->plan);
        return;
    }

    c->wrong++;

    printf("%-20s%14s%12.1f\n    %s\n", check->name, "-",
           check->seconds * 1000, check->error.text);

    caphealth_check_remedy(c, &check->error);
}


static void
caphealth_check_remedy(caphealth_check_t *c, const caphealth_error_t *error)
{
    const char  *text;

    switch (error->code) {

    case CAPHEALTH_ERROR_AUTHENTICATION:
        text = "the server must let this user in: a line for the database and "
               "the role in pg_hba.conf (for \"peer\" also one for the "
               "system's user in pg_ident.conf), or a password, by "
               "\"passfile=\" in the URL";
        break;

    case CAPHEALTH_ERROR_PERMISSION:
        text = c->postgres ? "as the tables' owner: GRANT USAGE ON SCHEMA ... "
                             "TO the role; GRANT SELECT ON the table TO the "
                             "role"
                           : "this user must be able to read the file, and to "
                             "search its directory";
        break;

    case CAPHEALTH_ERROR_SCHEMA:
        text = "where tables have other names or columns, or another schema: "
               "a query of your own by --query, and by caphealth_query in "
               "nginx.conf";
        break;

    case CAPHEALTH_ERROR_TIMEOUT:
        text = c->postgres ? "a longer caphealth_timeout, an index, or a query "
                             "that counts less, as of pg_class.reltuples"
                           : "a longer caphealth_timeout, or an index";
        break;

    case CAPHEALTH_ERROR_NOT_FOUND:
        text = c->postgres ? "the address in the URL, and whether a server "
                             "listens there"
                           : "the path in the URL";
        break;

    case CAPHEALTH_ERROR_LOCKED:
        text = "who locks it for long: it must be free at times";
        break;

    case CAPHEALTH_ERROR_CORRUPT:
        text = "the file is none of SQLite, or is damaged: PRAGMA "
               "integrity_check says more";
        break;

    default:
        return;
    }

    printf("    to do: %s\n", text);
}


static void
caphealth_check_user(char *name, size_t len)
{
    struct passwd  *pwd;

    pwd = getpwuid(geteuid());

    if (pwd != NULL) {
        (void) snprintf(name, len, "%s", pwd->pw_name);

    } else {
        (void) snprintf(name, len, "%u", (unsigned) geteuid());
    }
}
