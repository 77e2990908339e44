
/*
 * Text that others wrote.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_utf8.h"


#define BAD  "\xef\xbf\xbd"


static const struct {
    const char  *text;
    size_t       len;
    const char  *expected;
} table[] = {
    { "", 0, "" },
    { "Anna", 4, "Anna" },
    { "\xc3\x9cn\xc3\xaf", 5, "\xc3\x9cn\xc3\xaf" },
    { "\xf0\x9f\x8d\x8e", 4, "\xf0\x9f\x8d\x8e" },
    { "A\0B", 3, "A" BAD "B" },
    { "A\xc3\xa4\xff", 4, "A\xc3\xa4" BAD },
    { "\xc3", 1, BAD },                          /* ends in mid-character */
    { "\xe2\x82", 2, BAD BAD },
    { "\xc0\xaf", 2, BAD BAD },                  /* overlong "/" */
    { "\xe0\x80\xaf", 3, BAD BAD BAD },
    { "\xed\xa0\x80", 3, BAD BAD BAD },          /* a surrogate */
    { "\xf4\x90\x80\x80", 4, BAD BAD BAD BAD },  /* past U+10FFFF */
    { "\xf5\x80\x80\x80", 4, BAD BAD BAD BAD },
    { "\x80" "A", 2, BAD "A" }
};


static void
test_copy(void **state)
{
    char    *copy;
    size_t   i;

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        copy = caphealth_utf8_copy(table[i].text, table[i].len);

        assert_non_null(copy);
        assert_string_equal(copy, table[i].expected);
        assert_int_equal(caphealth_utf8_valid(table[i].text, table[i].len),
                         strlen(copy) == table[i].len
                         && memcmp(copy, table[i].text, table[i].len) == 0);
        free(copy);
    }
}


/* as jansson writes it */

static void
test_quote(void **state)
{
    int      c;
    char     text[3], *quoted, *expected;
    size_t   i;
    json_t  *value;

    (void) state;

    text[1] = 'x';
    text[2] = '\0';

    for (c = 1; c < 0x80; c++) {
        text[0] = (char) c;

        value = json_string(text);
        expected = json_dumps(value, JSON_ENCODE_ANY);
        quoted = caphealth_utf8_quote(text);

        assert_string_equal(quoted, expected);

        free(quoted);
        free(expected);
        json_decref(value);
    }

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (memchr(table[i].text, '\0', table[i].len) != NULL) {
            continue;
        }

        quoted = caphealth_utf8_quote(table[i].text);

        assert_int_equal(strlen(quoted), strlen(table[i].expected) + 2);
        assert_memory_equal(quoted + 1, table[i].expected,
                            strlen(table[i].expected));
        free(quoted);
    }
}


static void
test_append(void **state)
{
    char  buf[64];

    (void) state;

    buf[0] = '\0';
    caphealth_utf8_append(buf, sizeof(buf), "one\n\ttwo\a\xff\n\n");
    assert_string_equal(buf, "one; two " BAD);

    caphealth_utf8_append(buf, sizeof(buf), ", three");
    assert_string_equal(buf, "one; two " BAD ", three");

    /* what a terminal would obey, in each of its forms */

    buf[0] = '\0';
    caphealth_utf8_append(buf, sizeof(buf), "a\x1b[2Jb\xc2\x9b" "2Jc\xc2\xa0");
    assert_string_equal(buf, "a [2Jb 2Jc\xc2\xa0");
}


/* what does not fit is cut between two characters, at each length */

static void
test_cut(void **state)
{
    char     buf[16];
    size_t   size, len;
    json_t  *value;

    (void) state;

    for (size = 1; size <= sizeof(buf); size++) {
        buf[0] = '\0';
        caphealth_utf8_append(buf, size, "x\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d"
                              "\x8e\xc3\xa4\xc3\xa4\xc3\xa4");

        len = strlen(buf);

        assert_true(len < size);

        value = json_string(buf);

        assert_non_null(value);
        json_decref(value);
    }
}


static void
test_conceal(void **state)
{
    char  a[] = "user sesame, sesame", b[] = "a pw of two: ab", c[] = "none";

    (void) state;

    caphealth_utf8_mask(a, "sesame");
    assert_string_equal(a, "user ***, ***");

    caphealth_utf8_mask(b, "ab");
    assert_string_equal(b, "a pw of two: **");

    caphealth_utf8_mask(c, "");
    assert_string_equal(c, "none");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_conceal)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
