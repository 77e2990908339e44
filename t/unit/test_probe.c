
/*
 * Probes: the query, and the text.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_probe.h"


static const caphealth_probe_check_t  sample[] = {
    { "fresh", "", 0, 0 },
    { "disk", "/srv: stale", 1, 0 },
    { "memory", "80 percent, warning from 75 percent", 0, 0 }
};


static caphealth_probe_check_t  checks[3];


static int
ask(const char *query)
{
    memcpy(checks, sample, sizeof(sample));

    return caphealth_probe_query(checks, 3, query, strlen(query));
}


static void
assert_text(const char *query, const char *expected)
{
    char    *text;
    size_t   len;

    (void) ask(query);

    text = caphealth_probe_text("ready", checks, 3, query, strlen(query),
                                &len);

    assert_non_null(text);
    assert_string_equal(text, expected);
    assert_int_equal(strlen(text), len);

    free(text);
}


static void
queries(void **state)
{
    size_t  i;

    static const struct {
        const char  *query;
        int          verbose;
        int          excluded[3];
    } table[] = {
        { "", 0, { 0, 0, 0 } },
        { "verbose", 1, { 0, 0, 0 } },
        { "verbose=", 1, { 0, 0, 0 } },
        { "verbose=false", 1, { 0, 0, 0 } },
        { "&&verbose&", 1, { 0, 0, 0 } },
        { "verb%6fse", 1, { 0, 0, 0 } },
        { "verbosely", 0, { 0, 0, 0 } },
        { "x=verbose", 0, { 0, 0, 0 } },
        { "exclude=disk", 0, { 0, 1, 0 } },
        { "exclude=disk&exclude=memory&verbose", 1, { 0, 1, 1 } },
        { "exclude=disk&exclude=disk", 0, { 0, 1, 0 } },
        { "exclude=%64is%6B", 0, { 0, 1, 0 } },
        { "exclude=disk%00", 0, { 0, 0, 0 } },
        { "exclude=disk,memory", 0, { 0, 0, 0 } },
        { "exclude=Disk", 0, { 0, 0, 0 } },
        { "exclude=disk+", 0, { 0, 0, 0 } },
        { "exclude", 0, { 0, 0, 0 } },
        { "exclude=", 0, { 0, 0, 0 } },
        { "exclude=dis%6", 0, { 0, 0, 0 } },
        { "exclude=dis%", 0, { 0, 0, 0 } },
        { "exclude==disk", 0, { 0, 0, 0 } }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (ask(table[i].query) != table[i].verbose
            || checks[0].excluded != table[i].excluded[0]
            || checks[1].excluded != table[i].excluded[1]
            || checks[2].excluded != table[i].excluded[2])
        {
            fail_msg("\"%s\"", table[i].query);
        }

        assert_int_equal(caphealth_probe_failures(checks, 3),
                         !table[i].excluded[1]);
    }

    assert_int_equal(caphealth_probe_query(checks, 3, NULL, 0), 0);
}


static void
texts(void **state)
{
    (void) state;

    assert_text("",
                "[+]fresh ok\n"
                "[-]disk failed: /srv: stale\n"
                "[+]memory ok: 80 percent, warning from 75 percent\n"
                "ready check failed\n");

    assert_text("exclude=disk&exclude=fresh",
                "[+]fresh excluded: ok\n"
                "[+]disk excluded: ok\n"
                "[+]memory ok: 80 percent, warning from 75 percent\n"
                "ready check passed\n");

    assert_text("exclude=disk&exclude=etcd&exclude=%22%0a%5c%c3%a4",
                "[+]fresh ok\n"
                "[+]disk excluded: ok\n"
                "[+]memory ok: 80 percent, warning from 75 percent\n"
                "warn: some health checks cannot be excluded: no matches for "
                "\"etcd\",\"\\\"\\x0a\\\\\\xc3\\xa4\"\n"
                "ready check passed\n");
}


/* a name that is too long is none of ours, even if it begins like one */

static void
long_name(void **state)
{
    char    *text, query[sizeof("exclude=") + 200];
    size_t   i, len;

    static const caphealth_probe_check_t  longest = {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "", 1, 0
    };

    (void) state;

    for (i = 62; i < 200; i++) {
        strcpy(query, "exclude=");
        memset(query + 8, 'a', i);

        checks[0] = longest;

        (void) caphealth_probe_query(checks, 1, query, 8 + i);

        assert_int_equal(checks[0].excluded, i == 63);
    }

    text = caphealth_probe_text("ready", checks, 1, query, 8 + 199, &len);

    assert_non_null(text);
    assert_non_null(strstr(text, "aaa...\"\nready check failed\n"));

    free(text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(queries),
        cmocka_unit_test(texts),
        cmocka_unit_test(long_name)
    };

    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
