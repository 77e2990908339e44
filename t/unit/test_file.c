
/*
 * Files of the kernel's, read whole or not at all.
 */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_file.h"
#include "tree.h"


static void
put_long(const char *path, size_t len)
{
    char    name[256];
    FILE   *f;
    size_t  i;

    (void) snprintf(name, sizeof(name), "%s%s", tree_root, path);

    f = fopen(name, "w");
    assert_non_null(f);

    for (i = 0; i < len; i++) {
        assert_int_not_equal(putc((int) ('a' + i % 23), f), EOF);
    }

    assert_int_equal(fclose(f), 0);
}


static void
lengths(void **state)
{
    char    *text;
    size_t   i, j, len;

    static const size_t  table[] = {
        0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 100000,
        CAPHEALTH_FILE_MAX
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        put_long("/file", table[i]);

        text = caphealth_file_read(tree_root, "/file", &len);
        assert_non_null(text);
        assert_int_equal(len, table[i]);
        assert_int_equal(text[len], '\0');

        for (j = 0; j < len && text[j] == (char) ('a' + j % 23); j++) {
            /* void */
        }

        assert_int_equal(j, len);
        free(text);
    }

    put_long("/file", CAPHEALTH_FILE_MAX + 1);
    assert_null(caphealth_file_read(tree_root, "/file", &len));
    assert_int_equal(errno, EFBIG);
}


/* a NUL does not end it */

static void
bytes(void **state)
{
    char    *text;
    size_t   len;

    (void) state;

    text = caphealth_file_read("/proc", "/self/cmdline", &len);
    assert_non_null(text);
    assert_true(strlen(text) < len);

    free(text);
}


static void
errors(void **state)
{
    char    path[PATH_MAX + 1];
    size_t  len;

    (void) state;

    assert_null(caphealth_file_read(tree_root, "/missing", &len));
    assert_int_equal(errno, ENOENT);

    tree_put("/dir/file", "");
    assert_null(caphealth_file_read(tree_root, "/dir", &len));
    assert_int_equal(errno, EISDIR);

    assert_null(caphealth_file_read(tree_root, "/dir/file/x", &len));
    assert_int_equal(errno, ENOTDIR);

    memset(path, '/', PATH_MAX);
    path[PATH_MAX] = '\0';

    assert_null(caphealth_file_read("", path, &len));
    assert_int_equal(errno, ENAMETOOLONG);
}


#define TREE_TEST(f)  cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TREE_TEST(lengths),
        cmocka_unit_test(bytes),
        TREE_TEST(errors)
    };

    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
