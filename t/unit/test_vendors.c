
/*
 * Vendors: the text that a collector writes, and that workers take from it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_vendor_products.h"
#include "caphealth_vendors.h"


#define MOST  "9223372036854775807"


static void
assert_rows(const char *rows, const char *expected)
{
    char                 *text;
    json_t               *document;
    caphealth_vendors_t   v;

    document = json_loads(rows, 0, NULL);
    assert_non_null(document);

    text = caphealth_vendor_products(document);
    assert_non_null(text);
    assert_string_equal(text, expected);

    assert_null(caphealth_vendors_parse(&v, text, strlen(text)));
    assert_string_equal(v.text, expected);

    caphealth_vendors_free(&v);
    free(text);
    json_decref(document);
}


static void
test_rows(void **state)
{
    (void) state;

    assert_rows("[]", "{}");
    assert_rows("[[\"none\",0]]", "{}");
    assert_rows("[[\"a\",1],[\"b\",3],[\"c\",2]]",
                "{\"b\":3,\"c\":2,\"a\":1}");
    assert_rows("[[\"b\",1],[\"a\",1]]", "{\"a\":1,\"b\":1}");
    assert_rows("[[\"a\",1],[null,2],[\"a\",5],[\"Unknown\",3]]",
                "{\"a\":6,\"Unknown\":5}");
    assert_rows("[[\"a\"," MOST "],[\"a\",1],[\"b\"," MOST "]]",
                "{\"a\":" MOST ",\"b\":" MOST "}");
    assert_rows("[[\"Ünï \\\"\\\\\\n\\u0001\\u007f/\",1],[\"\",1]]",
                "{\"\":1,\"Ünï \\\"\\\\\\n\\u0001\x7f/\":1}");
}


static void
test_parsed(void **state)
{
    char                 *shown;
    size_t                i;
    json_t               *first;
    caphealth_vendors_t   v;

    static const char  text[] = "{\"a\\u001F\":3,\"b\":2,\"b\":2,\"\\/\":1}";

    static const struct {
        size_t       n;
        const char  *first;
    } table[] = {
        { 0, "{}" },
        { 1, "{\"a\\u001F\": 3}" },
        { 2, "{\"a\\u001F\": 3, \"b\": 2}" },
        { 4, "{\"a\\u001F\": 3, \"b\": 2, \"/\": 1}" },
        { 100, "{\"a\\u001F\": 3, \"b\": 2, \"/\": 1}" }
    };

    (void) state;

    assert_null(caphealth_vendors_parse(&v, text, strlen(text)));
    assert_int_equal(v.n, 4);
    assert_true(v.products == 8);

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        first = caphealth_vendors_first(&v, table[i].n);
        shown = json_dumps(first, 0);

        assert_string_equal(shown, table[i].first);

        free(shown);
        json_decref(first);
    }

    caphealth_vendors_free(&v);
    assert_null(v.text);
    assert_int_equal(v.n, 0);
    assert_true(json_is_null(caphealth_vendors_first(&v, 5)));
}


static void
test_refused(void **state)
{
    char                 *copy;
    size_t                i;
    caphealth_vendors_t   v;

    static const char *const  table[] = {
        "", "{", "}", "[]", "null", "{} ", " {}", "{}{}",
        "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{,\"a\":1}",
        "{\"a\":1}}", "{\"a\":1,\"b\"", "{\"a:1}", "{a:1}", "{\"a\" :1}",
        "{\"a\":0}", "{\"a\":-1}", "{\"a\":01}", "{\"a\":1.0}",
        "{\"a\":1e3}", "{\"a\":\"1\"}", "{\"a\":null}", "{\"a\":[1]}",
        "{\"a\":9223372036854775808}", "{\"a\":99999999999999999999}",
        "{\"a\":1,\"b\":2}", "{\"a\n\":1}", "{\"a\t\":1}", "{\"\\x\":1}",
        "{\"\\", "{\"\\\":1}", "{\"\\u\":1}", "{\"\\u001\":1}",
        "{\"\\u001g\":1}", "{\"\\u0000\":1}", "{\"\\u0100\":1}",
        "{\"\\ud83d\\ude00\":1}", "{\"\xff\":1}", "{\"\xc0\x80\":1}",
        "{\"\xed\xa0\x80\":1}", "{\"\xe2\x82\":1}", "{\"\xf0\x9f\x98"
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {

        /* without what follows, for those who watch memory */

        copy = malloc(strlen(table[i]) + 1);
        assert_non_null(copy);
        memmove(copy + 1, table[i], strlen(table[i]));

        assert_string_equal(caphealth_vendors_parse(&v, copy + 1,
                                                    strlen(table[i])),
                            "vendors are not an object of counts, the "
                            "largest first");
        assert_null(v.text);

        free(copy);
    }

    assert_non_null(caphealth_vendors_parse(&v, "{}\0", 3));
    assert_non_null(caphealth_vendors_parse(&v, "{\"a\0\":1}", 8));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_parsed),
        cmocka_unit_test(test_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
