
/*
 * A watched mount, on file systems that answer as they please.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#include "look.h"


#define N(table)  (sizeof(table) / sizeof(table[0]))
#define NONE      UINT64_MAX
#define MAX       ((uint64_t) INT64_MAX)


/* the answer of the next statvfs(), which in this program is ours */

static struct statvfs  answer;
static int             interrupted;
static int             error;


int
statvfs(const char *path, struct statvfs *fs)
{
    (void) path;

    if (interrupted > 0) {
        interrupted--;
        errno = EINTR;
        return -1;
    }

    if (error != 0) {
        errno = error;
        return -1;
    }

    *fs = answer;

    return 0;
}


static int
reset(void **state)
{
    (void) state;

    memset(&answer, 0, sizeof(struct statvfs));

    interrupted = 0;
    error = 0;

    return 0;
}


static void
assert_data(seen_t *a, const char *expected)
{
    char  *text;

    text = json_dumps(a->data, JSON_COMPACT);
    assert_non_null(text);
    assert_string_equal(text, expected);

    free(text);
    json_decref(a->data);
}


static void
numbers(void **state)
{
    size_t              i;
    seen_t              a;

    static const struct {
        unsigned     frsize;
        uint64_t     blocks;
        uint64_t     bfree;
        uint64_t     bavail;
        uint64_t     files;
        uint64_t     favail;
        int          read_only;
        const char  *data;
        const char  *bad;
    } table[] = {

        { 4096, 1000, 400, 350, 600, 500, 0,
          "{\"total\":4096000,\"used\":2457600,"
          "\"available\":1433600,\"inodes\":600,\"inodes_free\":500,"
          "\"read_only\":false}", NULL },

        /* nothing there; as much as there may be */

        { 4096, 0, 0, 0, 0, 0, 1,
          "{\"total\":0,\"used\":0,\"available\":0,"
          "\"inodes\":0,\"inodes_free\":0,\"read_only\":true}", NULL },

        { 1, MAX, MAX, MAX, MAX, MAX, 0,
          "{\"total\":9223372036854775807,\"used\":0,"
          "\"available\":9223372036854775807,"
          "\"inodes\":9223372036854775807,"
          "\"inodes_free\":9223372036854775807,\"read_only\":false}", NULL },

        /* f_frsize not filled in: f_bsize */

        { 0, 10, 4, 3, 2, 1, 0,
          "{\"total\":5120,\"used\":3072,"
          "\"available\":1536,\"inodes\":2,\"inodes_free\":1,"
          "\"read_only\":false}", NULL },

        /* no number of inodes; more free than there is; too much */

        { 4096, 1000, 400, 350, NONE, NONE, 0,
          "{\"total\":4096000,\"used\":2457600,"
          "\"available\":1433600,\"inodes\":null,\"inodes_free\":null,"
          "\"read_only\":false}", "inodes" },

        { 4096, 1000, 1001, 350, 2, 1, 0,
          "{\"total\":4096000,\"used\":null,"
          "\"available\":1433600,\"inodes\":2,\"inodes_free\":1,"
          "\"read_only\":false}", "used" },

        { 4096, 1000, 400, NONE - 5, 2, 1, 0,
          "{\"total\":4096000,\"used\":2457600,"
          "\"available\":null,\"inodes\":2,\"inodes_free\":1,"
          "\"read_only\":false}", "available" },

        { 4096, UINT64_C(1) << 51, 0, 0, 2, 1, 0,
          "{\"total\":null,\"used\":null,"
          "\"available\":0,\"inodes\":2,\"inodes_free\":1,"
          "\"read_only\":false}", "total" },

        { 2, MAX / 2 + 1, 1, MAX / 2, 2, 1, 0,
          "{\"total\":null,\"used\":9223372036854775806,"
          "\"available\":9223372036854775806,\"inodes\":2,"
          "\"inodes_free\":1,\"read_only\":false}", "total" }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        char  expected[128];

        answer.f_bsize = 512;
        answer.f_frsize = table[i].frsize;
        answer.f_blocks = table[i].blocks;
        answer.f_bfree = table[i].bfree;
        answer.f_bavail = table[i].bavail;
        answer.f_files = table[i].files;
        answer.f_ffree = 7;
        answer.f_favail = table[i].favail;
        answer.f_flag = table[i].read_only ? ST_RDONLY|ST_NOSUID : ST_NOSUID;

        memset(&a, 0, sizeof(seen_t));
        look_disk("/x", &a);

        expected[0] = '\0';

        if (table[i].bad != NULL) {
            (void) snprintf(expected, sizeof(expected), "statvfs() \"/x\" "
                            "gave an impossible number for \"%s\"",
                            table[i].bad);
        }

        assert_string_equal(a.error.text, expected);
        assert_data(&a, table[i].data);
    }
}


static void
signals(void **state)
{
    seen_t  a = { 0 };

    (void) state;

    interrupted = 2;
    answer.f_frsize = 1;
    look_disk("/x", &a);

    assert_string_equal(a.error.text, "");
    assert_int_equal(interrupted, 0);
    assert_non_null(a.data);

    json_decref(a.data);
}


static void
errors(void **state)
{
    seen_t  a = { 0 };

    (void) state;

    error = ENOENT;
    look_disk("/x", &a);

    assert_null(a.data);
    assert_string_equal(a.error.text,
                        "statvfs() \"/x\" failed: No such file or directory");
    assert_int_equal(a.error.code, CAPHEALTH_ERROR_NOT_FOUND);

    error = ESTALE;
    look_disk("/srv/\"images\"", &a);

    assert_null(a.data);
    assert_string_equal(a.error.text, "statvfs() \"/srv/\"images\"\" failed: "
                        "Stale file handle");
    assert_int_equal(a.error.code, CAPHEALTH_ERROR_OTHER);
}


/* an error too long is cut between characters, and is still JSON */

static void
long_path(void **state)
{
    char     path[2002];
    json_t  *text;
    size_t   i, shift;
    seen_t   a;

    (void) state;

    error = ENAMETOOLONG;

    for (shift = 0; shift < 3; shift++) {

        memset(path, 0, sizeof(path));
        memset(path, 'a', shift + 1);

        for (i = shift + 1; i + 2 < sizeof(path); i += 2) {
            memcpy(path + i, "\xc3\xbc", 2);
        }

        memset(&a, 0, sizeof(seen_t));
        look_disk(path, &a);

        assert_null(a.data);
        assert_true(strlen(a.error.text) >= CAPHEALTH_ERROR_LEN - 3);

        text = json_string(a.error.text);
        assert_non_null(text);
        json_decref(text);
    }
}


static void
not_utf8(void **state)
{
    seen_t  a = { 0 };

    (void) state;

    error = ENOENT;
    look_disk("/\xff", &a);

    assert_null(a.data);
    assert_string_equal(a.error.text, "statvfs() \"/\xef\xbf\xbd\" failed: "
                        "No such file or directory");
}


#define DISK_TEST(f)  cmocka_unit_test_setup(f, reset)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        DISK_TEST(numbers),
        DISK_TEST(signals),
        DISK_TEST(errors),
        DISK_TEST(long_path),
        DISK_TEST(not_utf8)
    };

    return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
