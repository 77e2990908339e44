
/*
 * Vendors: the text that a collector writes, and that workers take from it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_vendor_products.h"
#include "vendors.h"


#define MOST  "9223372036854775807"


/* the object; and the list, if it is of interest */

static void
assert_rows(const char *rows, const char *expected, const char *list)
{
    char                     *text;
    size_t                    i;
    json_t                   *document, *row, *id;
    const char               *name;
    caphealth_vendors_t       v;
    caphealth_database_t      d;
    caphealth_vendor_row_t   *vendor;
    caphealth_vendor_rows_t   all;

    document = json_loads(rows, 0, NULL);
    assert_non_null(document);

    memset(&all, 0, sizeof(caphealth_vendor_rows_t));

    json_array_foreach(document, i, row) {
        vendor = caphealth_vendor_rows_add(&all);
        assert_non_null(vendor);

        name = json_string_value(json_array_get(row, 0));
        id = json_array_get(row, 2);

        vendor->name = (name == NULL) ? NULL : strdup(name);
        vendor->products = json_integer_value(json_array_get(row, 1));
        vendor->id = (id == NULL) ? NULL : json_dumps(id, JSON_ENCODE_ANY);
    }

    caphealth_database_clear(&d);

    text = caphealth_vendor_products(&all, &d);
    assert_non_null(text);
    assert_int_equal(caphealth_vendors_size(&d), strlen(text) + 1);

    assert_int_equal(vendors_take(&v, text, strlen(text)), 0);
    assert_int_equal(v.len, strlen(expected));
    assert_memory_equal(v.text, expected, v.len);
    assert_int_equal(v.len, d.names_len);
    assert_int_equal(v.list_len, strlen(v.list));
    assert_int_equal(v.list_len, d.list_len);
    assert_int_equal(v.list_n, d.list_vendors);

    if (list != NULL) {
        assert_string_equal(v.list, list);
    }

    caphealth_vendors_free(&v);
    caphealth_vendor_rows_free(&all);
    free(text);
    json_decref(document);
}


static void
test_rows(void **state)
{
    (void) state;

    assert_rows("[]", "{}", "");
    assert_rows("[[\"none\",0]]", "{}", "");
    assert_rows("[[\"a\",1],[\"b\",3],[\"c\",2]]",
                "{\"b\":3,\"c\":2,\"a\":1}",
                "[null,\"b\",3]\n[null,\"c\",2]\n[null,\"a\",1]\n");
    assert_rows("[[\"b\",1],[\"a\",1]]", "{\"a\":1,\"b\":1}",
                "[null,\"a\",1]\n[null,\"b\",1]\n");
    assert_rows("[[\"a\",1],[null,2],[\"a\",5],[\"Unknown\",3]]",
                "{\"a\":6,\"Unknown\":5}",
                "[null,\"a\",6]\n[null,\"Unknown\",3]\n[null,null,2]\n");
    assert_rows("[[\"a\"," MOST "],[\"a\",1],[\"b\"," MOST "]]",
                "{\"a\":" MOST ",\"b\":" MOST "}",
                "[null,\"a\"," MOST "]\n[null,\"b\"," MOST "]\n");
    assert_rows("[[\"Ünï \\\"\\\\\\n\\u0001\\u007f/\",1],[\"\",1]]",
                "{\"\":1,\"Ünï \\\"\\\\\\n\\u0001\x7f/\":1}", NULL);
}


/* vendors of one name are one in the object, and two in the list */

static void
test_ids(void **state)
{
    (void) state;

    assert_rows("[[\"a\",1,1],[\"a\",3,2],[\"b\",2,3]]",
                "{\"a\":4,\"b\":2}",
                "[2,\"a\",3]\n[3,\"b\",2]\n[1,\"a\",1]\n");

    /* equal ones: numbers by their value, text, and those without an id */

    assert_rows("[[\"a\",1,null],[\"a\",1,\"10\"],[\"a\",1,10],[\"a\",1,9],"
                "[\"a\",1,-1],[\"a\",1,0],[\"a\",1,\"1\"],[\"A\",1]]",
                "{\"a\":7,\"A\":1}",
                "[-1,\"a\",1]\n[0,\"a\",1]\n[9,\"a\",1]\n[10,\"a\",1]\n"
                "[\"1\",\"a\",1]\n[\"10\",\"a\",1]\n"
                "[null,\"A\",1]\n[null,\"a\",1]\n");

    /* rows of one id are of one vendor */

    assert_rows("[[\"a\",1,7],[\"c\",4,8],[\"a\",3,7],[\"a\",2,7]]",
                "{\"a\":6,\"c\":4}", "[7,\"a\",6]\n[8,\"c\",4]\n");

    /* also where their names differ: then the object has more than the list */

    assert_rows("[[\"b\",1,7],[\"a\",3,7]]", "{\"a\":3,\"b\":1}",
                "[7,\"a\",4]\n");
    assert_rows("[[\"a\",3,7],[\"b\",1,7]]", "{\"a\":3,\"b\":1}",
                "[7,\"a\",4]\n");
}


static void
assert_page(const caphealth_vendors_t *v, const char *after, size_t limit,
    const char *expected, char **next)
{
    char                *text, buf[256];
    caphealth_vendor_t   cursor;

    if (after != NULL) {
        assert_int_equal(caphealth_vendors_cursor_parse(&cursor, after,
                                                        strlen(after), buf),
                         0);
    }

    text = caphealth_vendors_page(v, after == NULL ? NULL : &cursor, limit,
                                  next);

    assert_non_null(text);
    assert_string_equal(text, expected);

    free(text);
}


static void
test_pages(void **state)
{
    char                 *next, *last;
    caphealth_vendors_t   v;

    static const char  before[] =
        "{\"a\":9,\"b\":5,\"c\":5,\"d\":1}\n"
        "[1,\"a\",9]\n[2,\"b\",5]\n[\"x\",\"c\",5]\n[null,\"d\",1]\n";

    /* b is gone, e has come to the front, and a has one less */

    static const char  later[] =
        "{\"e\":50,\"a\":8,\"c\":5,\"d\":1}\n"
        "[5,\"e\",50]\n[1,\"a\",8]\n[\"x\",\"c\",5]\n[null,\"d\",1]\n";

    (void) state;

    assert_int_equal(vendors_take(&v, before, strlen(before)), 0);
    assert_int_equal(v.list_n, 4);

    assert_page(&v, NULL, 4, "[{\"id\":1,\"name\":\"a\",\"products\":9},"
                "{\"id\":2,\"name\":\"b\",\"products\":5},"
                "{\"id\":\"x\",\"name\":\"c\",\"products\":5},"
                "{\"id\":null,\"name\":\"d\",\"products\":1}]", &next);
    assert_null(next);

    assert_page(&v, NULL, 2, "[{\"id\":1,\"name\":\"a\",\"products\":9},"
                "{\"id\":2,\"name\":\"b\",\"products\":5}]", &next);
    assert_non_null(next);

    caphealth_vendors_free(&v);

    /* the rest is complete, and without repetition */

    assert_int_equal(vendors_take(&v, later, strlen(later)), 0);

    assert_page(&v, next, 1,
                "[{\"id\":\"x\",\"name\":\"c\",\"products\":5}]", &last);
    free(next);

    assert_non_null(last);
    assert_page(&v, last, 1000,
                "[{\"id\":null,\"name\":\"d\",\"products\":1}]", &next);
    free(last);
    assert_null(next);

    /* "[null,\"zz\",1]", which is behind the last */

    assert_page(&v, "5b6e756c6c2c227a7a222c315d", 10, "[]", &next);
    assert_null(next);

    caphealth_vendors_free(&v);
    assert_null(v.list);
}


/* each vendor is on one page, however long the pages are */

static void
test_walk(void **state)
{
    int                   n;
    char                 *text, *page, *next, buf[256];
    size_t                i, len, limit, seen, id;
    FILE                 *stream;
    json_t               *vendors, *vendor;
    caphealth_vendor_t    cursor;
    caphealth_vendors_t   v;

    (void) state;

    stream = open_memstream(&text, &len);
    assert_non_null(stream);

    fprintf(stream, "{");

    for (n = 0; n < 500; n++) {
        fprintf(stream, "%s\"v%d\":%d", n ? "," : "", n, 1 + (499 - n) / 7);
    }

    fprintf(stream, "}\n");

    for (n = 0; n < 500; n++) {
        fprintf(stream, "[%d,\"v%d\",%d]\n", n, n, 1 + (499 - n) / 7);
    }

    assert_int_equal(fclose(stream), 0);
    assert_int_equal(vendors_take(&v, text, len), 0);
    free(text);

    for (limit = 1; limit <= 501; limit += 25) {
        seen = 0;
        next = NULL;

        do {
            if (next != NULL) {
                assert_int_equal(caphealth_vendors_cursor_parse(&cursor, next,
                                     strlen(next), buf), 0);
            }

            page = next;
            text = caphealth_vendors_page(&v, page == NULL ? NULL : &cursor,
                                          limit, &next);
            free(page);

            vendors = json_loads(text, 0, NULL);
            assert_non_null(vendors);
            free(text);

            json_array_foreach(vendors, i, vendor) {
                id = (size_t) json_integer_value(json_object_get(vendor,
                                                                 "id"));
                assert_int_equal(id, seen++);
            }

            json_decref(vendors);

        } while (next != NULL);

        assert_int_equal(seen, 500);
    }

    caphealth_vendors_free(&v);
}


static void
test_cursors(void **state)
{
    char                 buf[256];
    size_t               i;
    caphealth_vendor_t   cursor;

    static const char *const  table[] = {
        "", "5", "5b", "zz", "5B312C6E756C6C2C315D",   /* in capitals */
        "5b312c6e756c6c2c315",                         /* half a digit */
        "5b312c6e756c6c2c305d",                        /* no products */
        "5b312c6e756c6c2c315d0a",                      /* and a line feed */
        "5b312c22002c315d",                            /* a NUL */
        "5b312c22ff222c315d"                           /* no UTF-8 */
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(caphealth_vendors_cursor_parse(&cursor, table[i],
                                                        strlen(table[i]),
                                                        buf), -1);
    }

    assert_int_equal(caphealth_vendors_cursor_parse(&cursor,
                                                    "5b312c6e756c6c2c315d",
                                                    20, buf), 0);
    assert_int_equal(cursor.products, 1);
}


static void
test_refused_lists(void **state)
{
    char                 text[256];
    size_t               i;
    caphealth_vendors_t  v;

    static const char *const  table[] = {
        "", "[1,\"a\",1]", "[1,\"a\",0]\n", "[1,\"a\",01]\n", "[1,a,1]\n",
        "[01,\"a\",1]\n", "[-0,\"a\",1]\n", "[1.5,\"a\",1]\n",
        "[true,\"a\",1]\n", "[1,2,1]\n", "[1,\"a\"]\n", "[1,\"a\",1,1]\n",
        "[1,\"a\",1]\n\n", "\n[1,\"a\",1]\n", "[ 1,\"a\",1]\n",
        "[\"\xff\",\"a\",1]\n", "[1,\"a\",1]\n[1,\"b\",1]\n",
        "[2,\"a\",1]\n[1,\"a\",1]\n", "[1,\"a\",1]\n[2,\"a\",2]\n",
        "[null,\"a\",1]\n[1,\"a\",1]\n",
        "[9223372036854775808,\"a\",1]\n"
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        (void) snprintf(text, sizeof(text), "{\"a\":1}\n%s", table[i]);

        assert_int_equal(vendors_take(&v, text, strlen(text)), -1);
        assert_null(v.text);
        assert_null(v.list);
    }

    assert_int_equal(vendors_take(&v, "{}\n[1,\"a\",1]\n", 14), -1);
}


/* the names one after another, and what they are escaped for */

static void
test_names(void **state)
{
    char                 *name;
    size_t                i;
    int64_t               products;
    const char           *p;
    caphealth_vendors_t   v;

    static const char  text[] = "{\"a\\u001F\\u00e4\":3,\"b\":2,\"b\":2,"
        "\"\\/\\\\\\\"\\b\\f\\n\\r\\t\":1,\"\":1}";

    static const struct {
        const char  *name;
        int64_t      products;
    } table[] = {
        { "a\x1f\xc3\xa4", 3 }, { "b", 2 }, { "b", 2 },
        { "/\\\"\b\f\n\r\t", 1 }, { "", 1 }
    };

    (void) state;

    assert_int_equal(vendors_take(&v, text, strlen(text)), 0);

    p = NULL;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        p = caphealth_vendors_next(&v, p, &name, &products);

        assert_non_null(p);
        assert_string_equal(name, table[i].name);
        assert_int_equal(products, table[i].products);

        free(name);
    }

    assert_null(caphealth_vendors_next(&v, p, &name, &products));

    caphealth_vendors_free(&v);
    assert_null(v.text);
    assert_null(caphealth_vendors_next(&v, NULL, &name, &products));

    assert_int_equal(vendors_take(&v, "{}", 2), 0);
    assert_null(caphealth_vendors_next(&v, NULL, &name, &products));
    caphealth_vendors_free(&v);
}


/* a text that is not as the facts say */

static void
test_lengths(void **state)
{
    size_t                     i;
    caphealth_vendors_t        v;
    caphealth_database_t       d;
    caphealth_vendors_check_t  check;

    static char  text[] = "{\"a\":1}\n[1,\"a\",1]\n";

    static const struct {
        int64_t  names_len;
        int64_t  list_len;
        int64_t  list_vendors;
        int      rc;
    } table[] = {
        { 7, 10, 1, 1 }, { 7, 10, 0, -1 }, { 7, 10, 2, -1 }, { 6, 11, 1, -1 },
        { 8, 9, 1, -1 }, { 7, 9, 1, -1 }, { 7, 0, 0, -1 },
        { 7, CAPHEALTH_UNKNOWN, CAPHEALTH_UNKNOWN, -1 },
        { 18, CAPHEALTH_UNKNOWN, CAPHEALTH_UNKNOWN, -1 }
    };

    (void) state;

    caphealth_database_clear(&d);

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        d.names_len = table[i].names_len;
        d.list_len = table[i].list_len;
        d.list_vendors = table[i].list_vendors;

        caphealth_vendors_set(&v, text, &d);
        caphealth_vendors_check_init(&check, &v);

        assert_int_equal(caphealth_vendors_check(&check, 1000), table[i].rc);
    }
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

        assert_int_equal(vendors_take(&v, copy + 1, strlen(table[i])), -1);
        assert_null(v.text);

        free(copy);
    }

    assert_int_equal(vendors_take(&v, "{}\0", 3), -1);
    assert_int_equal(vendors_take(&v, "{\"a\0\":1}", 8), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_refused_lists),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
