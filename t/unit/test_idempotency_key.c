
/*
 * The header Idempotency-Key: in quotes or without, and what is none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_idempotency_key.h"


/* in memory of exactly its size, for the sanitizers */

static const char *
read_key(const char *value, char key[CAPHEALTH_KEY_MAX + 1])
{
    char        *copy;
    size_t       len;
    const char  *reason;

    len = strlen(value);
    copy = malloc(len + 1);
    assert_non_null(copy);

    memmove(copy + 1, value, len);
    memset(key, 'x', CAPHEALTH_KEY_MAX + 1);

    reason = caphealth_idempotency_key(copy + 1, len, key);

    free(copy);

    return reason;
}


static void
taken(void **state)
{
    size_t  i;
    char    key[CAPHEALTH_KEY_MAX + 1];

    static const char *const  table[][2] = {
        { "8e03978e-40d5-43dd-bc93-6894a57f9324",
          "8e03978e-40d5-43dd-bc93-6894a57f9324" },
        { "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
          "8e03978e-40d5-43dd-bc93-6894a57f9324" },
        { " \t\"a\" ", "a" },
        { "\"two words\"", "two words" },
        { "\"a\\\"b\\\\c\"", "a\"b\\c" },
        { "\"a\";b=c", "a" },
        { "AbC+/=:;,_.~", "AbC+/=:;,_.~" },
        { "\\", "\\" },
        { "'a'", "'a'" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_null(read_key(table[i][0], key));
        assert_string_equal(key, table[i][1]);
    }
}


static void
refused(void **state)
{
    size_t  i;
    char    key[CAPHEALTH_KEY_MAX + 1];

    static const char *const  table[] = {
        "", " ", "\"", "\"\"", "\"a", "\"a\\\"", "\"a\\b\"", "\"a\"b",
        "\"a\" b", "\"a\nb\"", "\"caf\xc3\xa9\"", "\"a\";\x7f", "two words",
        "a\"b", "caf\xc3\xa9", "a\x7f"
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_non_null(read_key(table[i], key));
    }
}


static void
lengths(void **state)
{
    char    key[CAPHEALTH_KEY_MAX + 1], value[CAPHEALTH_KEY_MAX + 4];
    size_t  n;

    (void) state;

    for (n = CAPHEALTH_KEY_MAX - 1; n <= CAPHEALTH_KEY_MAX + 1; n++) {
        memset(value, 'k', n);
        value[n] = '\0';

        assert_true((read_key(value, key) == NULL) == (n <= CAPHEALTH_KEY_MAX));

        value[0] = '"';
        memset(value + 1, 'k', n);
        memcpy(value + 1 + n, "\"", 2);

        assert_true((read_key(value, key) == NULL) == (n <= CAPHEALTH_KEY_MAX));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(taken),
        cmocka_unit_test(refused),
        cmocka_unit_test(lengths)
    };

    return cmocka_run_group_tests_name("idempotency_key", tests, NULL, NULL);
}
