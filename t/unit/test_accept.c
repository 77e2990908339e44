
/*
 * Which format a client would rather have.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "caphealth_accept.h"


#define TEXT  0
#define OPEN  1


static const caphealth_media_t  media[] = {
    { "text/plain", "0.0.4", "utf-8" },
    { "application/openmetrics-text", "1.0.0", "utf-8" }
};


/* in memory of exactly its size, for the sanitizers */

static size_t
accepted(const char *accept)
{
    char    *copy;
    size_t   len, choice;

    len = strlen(accept);
    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, accept, len);

    choice = caphealth_accept(copy, len, media, 2);

    free(copy);

    return choice;
}


static void
assert_choice(const char *accept, size_t choice)
{
    if (accepted(accept) != choice) {
        fail_msg("\"%s\" is not %zu", accept, choice);
    }
}


static void
says_nothing(void **state)
{
    (void) state;

    assert_choice("", TEXT);
    assert_choice("*/*", TEXT);
    assert_choice("text/html, application/xhtml+xml, */*;q=0.8", TEXT);
    assert_choice("application/json", TEXT);
    assert_choice("text/plain;q=0", TEXT);
    assert_choice("application/vnd.google.protobuf", TEXT);
}


static void
as_prometheus_asks(void **state)
{
    (void) state;

    /* 2.42, 2.49, 3.0 */

    assert_choice("application/openmetrics-text;version=1.0.0,"
                  "application/openmetrics-text;version=0.0.1;q=0.75,"
                  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPEN);
    assert_choice("application/openmetrics-text;version=1.0.0;q=0.5,"
                  "application/openmetrics-text;version=0.0.1;q=0.4,"
                  "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OPEN);
    assert_choice("application/openmetrics-text;version=1.0.0;"
                  "escaping=allow-utf-8;q=0.5,"
                  "application/openmetrics-text;version=0.0.1;q=0.4,"
                  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                  "text/plain;version=0.0.4;q=0.2,*/*;q=0.1", OPEN);
    assert_choice("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT);
    assert_choice("text/plain;version=0.0.4;q=0.5,"
                  "application/openmetrics-text;version=1.0.0;q=0.4", TEXT);
}


static void
qualities(void **state)
{
    (void) state;

    assert_choice("application/openmetrics-text", OPEN);
    assert_choice("application/openmetrics-text;q=0.001", OPEN);
    assert_choice("application/openmetrics-text;q=0", TEXT);
    assert_choice("application/openmetrics-text;q=0.000", TEXT);
    assert_choice("application/openmetrics-text, text/plain", TEXT);
    assert_choice("application/openmetrics-text, text/plain;q=0.999", OPEN);
    assert_choice("text/plain;q=0.3, application/openmetrics-text;q=0.31",
                  OPEN);
    assert_choice("application/*, text/*;q=0.9", OPEN);
    assert_choice("text/plain;q=0, */*", OPEN);
    assert_choice("*/*, text/plain;q=0", OPEN);
    assert_choice("APPLICATION/OpenMetrics-Text ; Q=0.5 , */* ;q=0.1", OPEN);
    assert_choice("application/openmetrics-text\t;\tq=1.000", OPEN);
}


static void
the_most_specific_counts(void **state)
{
    (void) state;

    assert_choice("application/*, application/openmetrics-text;q=0.1,"
                  " text/plain;q=0.2", TEXT);
    assert_choice("application/openmetrics-text;q=0.1, text/plain;q=0.2,"
                  " application/openmetrics-text;version=1.0.0;q=0.3", OPEN);
    assert_choice("*/*;q=0.9, text/*;q=0.1", OPEN);
    assert_choice("application/openmetrics-text;version=0.0.1", TEXT);
    assert_choice("application/openmetrics-text;version=0.0.1,"
                  " text/plain;q=0.1", TEXT);
    assert_choice("application/openmetrics-text;version=\"1.0.0\"", OPEN);
    assert_choice("application/openmetrics-text;charset=UTF-8", OPEN);
    assert_choice("application/openmetrics-text;charset=utf-16", TEXT);
    assert_choice("application/openmetrics-text;version=1.0.0;charset=utf-8;"
                  "escaping=\"a,b;\\\"c\";q=0.9, text/plain;q=0.8", OPEN);
    assert_choice("application/openmetrics-text;", OPEN);
    assert_choice("application/openmetrics-text;;q=0.5, text/plain;q=0.4",
                  OPEN);
}


static void
malformed(void **state)
{
    size_t       i;
    static const char *const  others[] = {
        "application", "application/", "/openmetrics-text", "/", ";", ",",
        ",,,", "application/openmetrics-text;q", "*", "*/",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=2", "application/openmetrics-text;q=1.1",
        "application/openmetrics-text;q=0.1234",
        "application/openmetrics-text;q=a", "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=.5",
        "application/openmetrics-text;q=0,5",
        "application/openmetrics-text;version=\"1.0.0",
        "application/openmetrics-text;version=\"1.0.0\\",
        "application/openmetrics-text;version=\"\\",
        "application/openmetrics-text version=1.0.0",
        "application/openmetrics-text;version",
        "application/openmetrics-text/x", "\"application/openmetrics-text\"",
        "application/openmetrics-textx", "application/openmetrics-tex",
        "\xff/\xff", "a/*;\"", "\\"
    };

    (void) state;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_choice(others[i], TEXT);
    }

    /* one that is malformed does not spoil the others */

    assert_choice("a b, ;q=1, application/openmetrics-text;q=0.5,/", OPEN);
    assert_choice(",,application/openmetrics-text,,", OPEN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(says_nothing),
        cmocka_unit_test(as_prometheus_asks),
        cmocka_unit_test(qualities),
        cmocka_unit_test(the_most_specific_counts),
        cmocka_unit_test(malformed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
