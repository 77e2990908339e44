
/*
 * What is wrong with a database's URL or a query, as they are configured.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "caphealth_database_check.h"


#define ENCODE  "what is special in a user or a password must be "            \
                "percent-encoded, as \"%40\" for \"@\", \"%2F\" for \"/\", "  \
                "\"%3A\" for \":\", \"%3F\" for \"?\""

#define RANGE   "a port must be between 1 and 65535"
#define NUMBER  "a port must be a number; \":\" in a user or a password is "  \
                "\"%3A\""
#define PERCENT "\"%\" must be followed by two hexadecimal digits, not by "    \
                "\"00\"; itself it is \"%25\""
#define PAIR    "a parameter must be NAME=VALUE; \"?\" and \"&\" in a "       \
                "password are \"%3F\" and \"%26\""


static void
urls(void **state)
{
    int                rc;
    char               wrong[CAPHEALTH_DATABASE_WRONG];
    size_t             i;
    PQconninfoOption  *options;

    static const struct {
        const char  *url;
        const char  *wrong;
    } cases[] = {
        { "postgresql://", NULL },
        { "postgresql:///shop", NULL },
        { "postgresql://db", NULL },
        { "postgresql://db/shop", NULL },
        { "postgresql://db:5432/shop", NULL },
        { "postgresql://db:/shop", NULL },
        { "postgresql://u@db/shop", NULL },
        { "postgresql://u:p@db/shop", NULL },
        { "postgresql://u:p?ss@db/shop", NULL },
        { "postgresql://u:p%40ss%2F@db/shop", NULL },
        { "postgres://u@a:1,b:65535,c/shop?target_session_attrs=any", NULL },
        { "postgresql://[::1]:5432/shop", NULL },
        { "postgresql://u@[2001:db8::1],[::1]:1/shop", NULL },
        { "postgresql://u@/shop?host=/run/postgresql", NULL },
        { "postgresql://u@/shop?host=/run/postgresql&port=5433", NULL },
        { "postgresql:///shop?host=a,b&port=1,2", NULL },
        { "postgresql:///shop?user=me&password=a@b", NULL },
        { "postgresql:///shop?sslmode=verify-full&sslrootcert=system", NULL },
        { "postgresql://%2Frun%2Fpostgresql/shop", NULL },
        { "postgresql://db/shop?", NULL },

        { "postgresql://db:0/shop", RANGE },
        { "postgresql://db:65536/shop", RANGE },
        { "postgresql://db:99999999999999999999/shop", RANGE },
        { "postgresql://a:1,b:70000/shop", RANGE },
        { "postgresql:///shop?port=70000", RANGE },
        { "postgresql:///shop?port=1,0&host=a,b", RANGE },
        { "postgresql://db:sql/shop", NUMBER },
        { "postgresql://db:54 32/shop", NUMBER },
        { "postgresql://[::1]:x/shop", NUMBER },
        { "postgresql://[::1/shop", "an IPv6 address must end with \"]\"" },
        { "postgresql://db/shop?sslmod=require",
          "libpq knows no parameter \"sslmod\"" },
        { "postgresql://db/shop?user=a&connect-timeout=3",
          "libpq knows no parameter \"connect-timeout\"" },
        { "postgresql://db/shop?=3", "libpq knows no parameter \"\"" },
        { "postgresql://db/shop?sslmode", PAIR },
        { "postgresql://u:p@ss@db/shop", ENCODE },
        { "postgresql://u:p/ss@db/shop", ENCODE },
        { "postgresql://u:100%@db/shop", PERCENT },
        { "postgresql://u:1%4@db/shop", PERCENT },
        { "postgresql://u:1%00@db/shop", PERCENT },
        { "postgresql://[::1]5432/shop",
          "\"]\" must be followed by \":\" and a port, or by the next host" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        strcpy(wrong, "untouched");
        rc = caphealth_database_check_url(cases[i].url, wrong);

        if (rc != (cases[i].wrong ? -1 : 0)
            || strcmp(wrong, cases[i].wrong ? cases[i].wrong : "untouched"))
        {
            fail_msg("%s: %d, %s", cases[i].url, rc, wrong);
        }

        /* what is taken here is taken by libpq */

        if (rc == 0) {
            options = PQconninfoParse(cases[i].url, NULL);

            if (options == NULL) {
                fail_msg("%s: refused by libpq", cases[i].url);
            }

            PQconninfoFree(options);
        }
    }
}


static void
queries(void **state)
{
    size_t       i;
    const char  *wrong;

    static const struct {
        const char  *sql;
        const char  *wrong;
    } cases[] = {
        { "SELECT 1", NULL },
        { "  select count(*) from vendors;", NULL },
        { "SELECT 1; -- all of them\n ", NULL },
        { "-- of the shop\nSELECT 1", NULL },
        { "/* a /* nested */ comment; */ SELECT 1", NULL },
        { "WITH v AS (SELECT 1) SELECT count(*) FROM v", NULL },
        { "(SELECT 1) UNION (SELECT 2)", NULL },
        { "VALUES (1)", NULL },
        { "TABLE one", NULL },
        { "SELECT 1 FROM a WHERE b = 'x; y' AND c = 'it''s;'", NULL },
        { "SELECT E'it\\'s; so', e'\\\\'", NULL },
        { "SELECT 1 FROM \"a;b\" WHERE c = $1 AND d < $2", NULL },
        { "SELECT $$a; b$$, $tag$ ; $$ ; $tag$", NULL },
        { "SELECT 5 - 3 / 2 -- ; no more", NULL },
        { "SELECT 1;;", NULL },

        { "", "is empty" },
        { " ; ", "is empty" },
        { "-- nothing", "is empty" },
        { "DELETE FROM vendors", "must be a SELECT" },
        { "selection", "must be a SELECT" },
        { "vendors", "must be a SELECT" },
        { "EXPLAIN SELECT 1", "must be a SELECT" },
        { "SELECT 1; SELECT 2",
          "must be one SELECT, and has another statement behind \";\"" },
        { "SELECT 1; DROP TABLE vendors; --",
          "must be one SELECT, and has another statement behind \";\"" },
        { "SELECT name'; DELETE FROM vendors",
          "has a quote or a comment that does not end" },
        { "SELECT 'x\\'; DELETE FROM vendors",
          "must be one SELECT, and has another statement behind \";\"" },
        { "SELECT E'x\\'; 1", "has a quote or a comment that does not end" },
        { "SELECT 1 /* ;", "has a quote or a comment that does not end" },
        { "SELECT $a$ ; $b$", "has a quote or a comment that does not end" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        wrong = caphealth_database_check_query(cases[i].sql);

        if (cases[i].wrong == NULL ? wrong != NULL
            : wrong == NULL || strcmp(wrong, cases[i].wrong))
        {
            fail_msg("%s: %s", cases[i].sql, wrong ? wrong : "good");
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(queries)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
