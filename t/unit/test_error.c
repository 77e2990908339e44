
/*
 * Errors of sources, for people and for programs.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_error.h"


static void
test_set(void **state)
{
    char               text[3 * CAPHEALTH_ERROR_LEN];
    caphealth_error_t  e;

    (void) state;

    caphealth_error_set(&e, CAPHEALTH_ERROR_SCHEMA, "%s: a\n b\x01\xff", "q");
    assert_int_equal(e.code, CAPHEALTH_ERROR_SCHEMA);
    assert_string_equal(e.text, "q: a; b \xef\xbf\xbd");
    assert_true(caphealth_error_valid(&e));

    memset(text, 0, sizeof(text));
    memset(text, 'a', CAPHEALTH_ERROR_LEN - 2);
    strcat(text, "\xc3\xa4");

    caphealth_error_set(&e, CAPHEALTH_ERROR_OTHER, "%s", text);
    assert_int_equal(strlen(e.text), CAPHEALTH_ERROR_LEN - 2);
    assert_true(caphealth_error_valid(&e));
}


/* the code is that of the more telling one, in whichever order they come */

static void
test_add(void **state)
{
    caphealth_error_t  e, none, other, schema;

    (void) state;

    memset(&e, 0, sizeof(e));
    memset(&none, 0, sizeof(none));

    caphealth_error_set(&other, CAPHEALTH_ERROR_OTHER, "one");
    caphealth_error_set(&schema, CAPHEALTH_ERROR_SCHEMA, "two");

    caphealth_error_add(&e, &none);
    assert_int_equal(e.code, 0);
    assert_string_equal(e.text, "");

    caphealth_error_add(&e, &other);
    caphealth_error_add(&e, &schema);
    caphealth_error_add(&e, &none);
    caphealth_error_add(&e, &other);

    assert_int_equal(e.code, CAPHEALTH_ERROR_SCHEMA);
    assert_string_equal(e.text, "one; two; one");
}


static void
test_errno(void **state)
{
    (void) state;

    assert_int_equal(caphealth_error_errno(EACCES),
                     CAPHEALTH_ERROR_PERMISSION);
    assert_int_equal(caphealth_error_errno(ENOENT),
                     CAPHEALTH_ERROR_NOT_FOUND);
    assert_int_equal(caphealth_error_errno(EROFS), CAPHEALTH_ERROR_READ_ONLY);
    assert_int_equal(caphealth_error_errno(EIO), CAPHEALTH_ERROR_OTHER);
}


static void
test_valid(void **state)
{
    caphealth_error_t  e;

    (void) state;

    memset(&e, 0, sizeof(e));
    assert_true(caphealth_error_valid(&e));

    e.code = CAPHEALTH_ERROR_OTHER;
    assert_false(caphealth_error_valid(&e));

    strcpy(e.text, "a");
    assert_true(caphealth_error_valid(&e));

    e.code = 0;
    assert_false(caphealth_error_valid(&e));

    e.code = CAPHEALTH_ERRORS;
    assert_false(caphealth_error_valid(&e));

    e.code = CAPHEALTH_ERROR_OTHER;
    strcpy(e.text, "\xc3");
    assert_false(caphealth_error_valid(&e));

    memset(e.text, 'a', sizeof(e.text));
    assert_false(caphealth_error_valid(&e));
}


static void
test_name(void **state)
{
    size_t       i;
    const char  *name;

    static const struct {
        uint32_t             code;
        caphealth_source_e   of;
        int                  failed;
        const char          *name;
    } cases[] = {
        { 0, CAPHEALTH_SOURCE_SYSTEM, 1, NULL },
        { CAPHEALTH_ERRORS, CAPHEALTH_SOURCE_SYSTEM, 1, NULL },
        { CAPHEALTH_ERROR_COLLECTOR, CAPHEALTH_SOURCE_SYSTEM, 1,
          "collector_unavailable" },
        { CAPHEALTH_ERROR_ZONE_FULL, CAPHEALTH_SOURCE_DATABASE, 0,
          "zone_full" },
        { CAPHEALTH_ERROR_NO_MEMORY, CAPHEALTH_SOURCE_DATABASE, 1,
          "no_memory" },
        { CAPHEALTH_ERROR_URL, CAPHEALTH_SOURCE_DATABASE, 1,
          "database_url_invalid" },
        { CAPHEALTH_ERROR_AUTHENTICATION, CAPHEALTH_SOURCE_DATABASE, 1,
          "database_authentication" },
        { CAPHEALTH_ERROR_TIMEOUT, CAPHEALTH_SOURCE_DATABASE, 1,
          "database_timeout" },
        { CAPHEALTH_ERROR_TIMEOUT, CAPHEALTH_SOURCE_DISK, 1, "timeout" },
        { CAPHEALTH_ERROR_PERMISSION, CAPHEALTH_SOURCE_DATABASE, 0,
          "database_permission_denied" },
        { CAPHEALTH_ERROR_PERMISSION, CAPHEALTH_SOURCE_IMAGES, 1,
          "permission_denied" },
        { CAPHEALTH_ERROR_LOCKED, CAPHEALTH_SOURCE_DATABASE, 1,
          "database_locked" },
        { CAPHEALTH_ERROR_CORRUPT, CAPHEALTH_SOURCE_DATABASE, 1,
          "database_corrupt" },
        { CAPHEALTH_ERROR_SCHEMA, CAPHEALTH_SOURCE_DATABASE, 0,
          "database_schema" },
        { CAPHEALTH_ERROR_NOT_FOUND, CAPHEALTH_SOURCE_DISK, 1, "not_found" },
        { CAPHEALTH_ERROR_READ_ONLY, CAPHEALTH_SOURCE_IMAGES, 1,
          "read_only" },
        { CAPHEALTH_ERROR_OTHER, CAPHEALTH_SOURCE_SYSTEM, 1,
          "system_failed" },
        { CAPHEALTH_ERROR_OTHER, CAPHEALTH_SOURCE_SYSTEM, 0,
          "system_partial" },
        { CAPHEALTH_ERROR_OTHER, CAPHEALTH_SOURCE_DISK, 1, "disk_failed" },
        { CAPHEALTH_ERROR_OTHER, CAPHEALTH_SOURCE_DISK, 0, "disk_partial" },
        { CAPHEALTH_ERROR_OTHER, CAPHEALTH_SOURCE_IMAGES, 1,
          "images_failed" },
        { CAPHEALTH_ERROR_OTHER, CAPHEALTH_SOURCE_DATABASE, 1,
          "database_unreachable" },
        { CAPHEALTH_ERROR_OTHER, CAPHEALTH_SOURCE_DATABASE, 0,
          "database_partial" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name = caphealth_error_name(cases[i].code, cases[i].of,
                                    cases[i].failed);

        if (cases[i].name == NULL) {
            assert_null(name);

        } else {
            assert_string_equal(name, cases[i].name);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_name)
    };

    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
