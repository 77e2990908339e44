
/*
 * No memory: each allocation fails once, and it is said; nothing is lost, and
 * nothing is made of a part.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_by_vendor.h"
#include "caphealth_vendors.h"


void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);


static const char  list[] = "{\"Zo\\u00eb\":3,\"b\":2,\"c\":1}";

static int  left = -1;                   /* allocations that succeed, or -1 */


static int
granted(void)
{
    if (left > 0) {
        left--;
        return 1;
    }

    return left == -1;
}


void *
__wrap_malloc(size_t size)
{
    return granted() ? __real_malloc(size) : NULL;
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return granted() ? __real_calloc(n, size) : NULL;
}


static void
test_rows(void **state)
{
    int      i;
    char    *text;
    json_t  *rows;

    (void) state;

    rows = json_loads("[[\"c\",1],[\"b\",1],[\"Zoë\",3],[\"b\",1]]", 0, NULL);
    assert_non_null(rows);

    for (i = 0, text = NULL; text == NULL; i++) {
        left = i;
        text = caphealth_by_vendor(rows);
        left = -1;
    }

    assert_in_range(i, 10, 100);
    assert_string_equal(text, "{\"Zoë\":3,\"b\":2,\"c\":1}");

    free(text);
    json_decref(rows);
}


static void
test_parse(void **state)
{
    caphealth_vendors_t  v;

    (void) state;

    left = 0;
    assert_string_equal(caphealth_vendors_parse(&v, list, strlen(list)),
                        "vendors cannot be kept, no memory");
    left = -1;

    assert_null(v.text);
}


static void
test_first(void **state)
{
    int                   i;
    json_t               *first;
    caphealth_vendors_t   v;

    (void) state;

    assert_null(caphealth_vendors_parse(&v, list, strlen(list)));

    for (i = 0, first = NULL; first == NULL; i++) {
        left = i;
        first = caphealth_vendors_first(&v, 2);
        left = -1;
    }

    assert_in_range(i, 5, 100);
    assert_int_equal(json_object_size(first), 2);

    json_decref(first);
    caphealth_vendors_free(&v);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_first)
    };

    json_set_alloc_funcs(__wrap_malloc, free);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
