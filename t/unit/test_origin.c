
/*
 * Whether a page comes from the host that it sends a request to.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_origin.h"


/* in memory of exactly its size, for the sanitizers */

static int
is(const char *origin, const char *host)
{
    int     rc;
    char   *copy;
    size_t  len;

    len = strlen(origin);
    copy = malloc(len + 1);
    assert_non_null(copy);

    memmove(copy + 1, origin, len);

    rc = caphealth_origin_is(copy + 1, len, host, strlen(host));

    free(copy);

    return rc;
}


static void
test_same(void **state)
{
    (void) state;

    assert_true(is("http://shop.example", "shop.example"));
    assert_true(is("https://shop.example:8443", "shop.example"));
    assert_true(is("https://Shop.Example", "shop.example"));
    assert_true(is("http://127.0.0.1:80", "127.0.0.1"));
    assert_true(is("http://[::1]", "[::1]"));
    assert_true(is("http://[2001:db8::1]:8080", "[2001:db8::1]"));
}


static void
test_other(void **state)
{
    size_t  i;

    static const char *const  others[] = {
        "", "null", "shop.example", "http:", "http:/", "http://", "://",
        "http://:80", "http://shop.exampl", "http://shop.example.evil",
        "http://evil.shop.example", "http://evil/shop.example",
        "http://shop.example/", "http://shop.example@evil",
        "http://shop.example:80@evil", "http://shop.example:80/",
        "http://[shop.example]", "http://[shop.example", "http://[::1",
        "http://evil://shop.example", "http://shop.example evil"
    };

    (void) state;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(is(others[i], "shop.example"));
    }

    assert_false(is("http://[::1]", "::1"));
    assert_false(is("http://[::1]evil", "[::1]"));
    assert_false(is("http://", ""));
}


static void
test_check(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "https://shop.example", "http://localhost:3000", "http://[::1]:8080",
        "http://127.0.0.1", "https://shop.example:8443", "http://a:443",
        "chrome-extension://abcdef", "https://xn--bcher-kva.example"
    };

    static const char *const  bad[] = {
        "", "null", "https://", "shop.example", "//shop.example",
        "https://shop.example/", "https://Shop.example", "HTTPS://shop.example",
        "https://shop.example:443", "http://shop.example:80", "http://:80",
        "https://shop.example:", "https://*.example", "https://a b",
        "https://a@b", "1https://a", "https://a\n"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_null(caphealth_origin_check(good[i], strlen(good[i])));
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_non_null(caphealth_origin_check(bad[i], strlen(bad[i])));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_other)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
