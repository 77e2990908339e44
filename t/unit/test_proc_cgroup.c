
/*
 * What the kernel says of control groups: numbers, paths, mounts.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bare.h"
#include "caphealth_proc.h"


#define N(table)  (sizeof(table) / sizeof(table[0]))


/* one file that holds a number, as each of the three readers sees it */

static void
test_numbers(void **state)
{
    char     *copy;
    size_t    i, len;
    int64_t   number, limit, period;

    static const struct {
        const char  *text;
        int64_t      number;
        int64_t      limit;
        int64_t      quota;
        int64_t      period;
    } table[] = {

        { "0\n", 0, 0, -2, 0 },
        { "2147483648\n", 2147483648, 2147483648, -2, 0 },
        { "max\n", -2, INT64_MAX, -2, 0 },
        { "-1\n", -2, INT64_MAX, -2, 0 },
        { "4611686018427387903\n", INT64_C(4611686018427387903),
          INT64_C(4611686018427387903), -2, 0 },
        { "4611686018427387904\n", INT64_C(4611686018427387904),
          INT64_MAX, -2, 0 },

        /* v1 without a limit: pages of 4 kB, of 64 kB, Linux before 3.19 */

        { "9223372036854771712\n", INT64_C(9223372036854771712),
          INT64_MAX, -2, 0 },
        { "9223372036854710272\n", INT64_C(9223372036854710272),
          INT64_MAX, -2, 0 },
        { "9223372036854775807\n", INT64_MAX, INT64_MAX, -2, 0 },

        { "18446744073709551615\n", -2, INT64_MAX, -2, 0 },
        { "18446744073709551616\n", -2, -2, -2, 0 },
        { "150000 100000\n", 150000, 150000, 150000, 100000 },
        { "max 100000\n", -2, INT64_MAX, INT64_MAX, 100000 },
        { "100000 max\n", 100000, 100000, -2, 0 },
        { "100000 -1\n", 100000, 100000, -2, 0 },
        { "-2\n", -2, -2, -2, 0 },
        { "maximum\n", -2, -2, -2, 0 },
        { "12abc\n", -2, -2, -2, 0 },
        { "12", -2, -2, -2, 0 },
        { "", -2, -2, -2, 0 },
        { "\n12\n", -2, -2, -2, 0 },
        { " \n", -2, -2, -2, 0 }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        len = strlen(table[i].text);
        copy = bare(table[i].text, len);

        number = -3;
        limit = -3;
        period = -3;

        if (caphealth_proc_number(copy, len, &number) == -1) {
            number = -2;
        }

        assert_int_equal(number, table[i].number);

        if (caphealth_proc_limit(copy, len, &limit) == -1) {
            limit = -2;
        }

        assert_int_equal(limit, table[i].limit);

        limit = -3;

        if (caphealth_proc_quota(copy, len, &limit, &period) == -1) {
            limit = -2;
            period = 0;
        }

        assert_int_equal(limit, table[i].quota);
        assert_int_equal(period, table[i].period);

        free(copy);
    }
}


static void
test_key(void **state)
{
    int64_t      number;
    const char  *text;

    (void) state;

    text = "anon 1\ninactive_file 268435456\nactive_file x\nusage\n"
           "total 18446744073709551615\n";

    assert_int_equal(caphealth_proc_key(text, strlen(text), "inactive_file",
                                        &number), 0);
    assert_int_equal(number, 268435456);

    assert_int_equal(caphealth_proc_key(text, strlen(text), "inactive",
                                        &number), -1);
    assert_int_equal(caphealth_proc_key(text, strlen(text), "active_file",
                                        &number), -1);
    assert_int_equal(caphealth_proc_key(text, strlen(text), "usage",
                                        &number), -1);
    assert_int_equal(caphealth_proc_key(text, strlen(text), "total",
                                        &number), -1);
    assert_int_equal(caphealth_proc_key(text, 20, "inactive_file", &number),
                     -1);
    assert_int_equal(caphealth_proc_key("", 0, "anon", &number), -1);
}


static void
test_cgroup(void **state)
{
    int          rc;
    char        *copy, path[32];
    size_t       i, len;

    static const char  text[] =
        "9:memory:/docker/6fa1\n"
        "8:cpu,cpuacct:/a:b/c\n"
        "7:cpuset:relative\n"
        "6:pids\n"
        "5:blkio:/a/path/that/is/longer/than/there/is/room\n"
        "4:net_cls,net_prio:\n"
        "3::/no/controllers\n"
        "1:name=systemd:/system.slice/nginx.service\n"
        "0::/user.slice\n";

    static const struct {
        const char  *controller;
        const char  *path;
    } table[] = {
        { "memory", "/docker/6fa1" },
        { "cpu", "/a:b/c" },
        { "cpuacct", "/a:b/c" },
        { "", "/user.slice" },
        { "cpuset", NULL },
        { "pids", NULL },
        { "blkio", NULL },
        { "net_prio", NULL },
        { "hugetlb", NULL },
        { "mem", NULL },
        { "cpu,cpuacct", NULL }
    };

    (void) state;

    len = sizeof(text) - 1;
    copy = bare(text, len);

    for (i = 0; i < N(table); i++) {
        rc = caphealth_proc_cgroup(copy, len, table[i].controller, path,
                                   sizeof(path));

        if (table[i].path == NULL) {
            assert_int_equal(rc, -1);

        } else {
            assert_int_equal(rc, 0);
            assert_string_equal(path, table[i].path);
        }
    }

    /* just room for it and its NUL, and not */

    assert_int_equal(caphealth_proc_cgroup(copy, len, "memory", path, 13), 0);
    assert_int_equal(caphealth_proc_cgroup(copy, len, "memory", path, 12),
                     -1);

    /* cut off before its last newline */

    assert_int_equal(caphealth_proc_cgroup(copy, len - 1, "memory", path,
                                           sizeof(path)), -1);
    assert_int_equal(caphealth_proc_cgroup(copy, 0, "", path, sizeof(path)),
                     -1);

    free(copy);
}


static void
test_mount(void **state)
{
    int          rc;
    char        *copy, mount[48], root[48];
    size_t       i, len;

    static const char  text[] =
        "22 30 0:21 / /proc rw,relatime shared:12 - proc proc rw\n"
        "31 24 0:25 / /sys/fs/cgroup ro - tmpfs cgroup ro,memory\n"
        "32 31 0:26 / /sys/fs/cgroup/unified rw shared:9 master:3 - cgroup2"
            " cgroup2 rw\n"
        "33 31 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup"
            " rw,xattr,name=systemd\n"
        "36 31 0:30 /docker/6fa1 /c,p rw - cgroup cgroup rw,cpu,cpuacct\n"
        "38 31 0:32 /a\\134x2db /with\\040a\\040blank rw shared:16 - cgroup"
            " memory rw,memory\n"
        "39 31 0:33 /\\377\\077 /not\\400octal\\08\\1x0 rw - cgroup none"
            " rw,pids\n"
        "40 31 0:34 / /nul\\000 rw - cgroup none rw,freezer\n"
        "41 31 0:35 / /longer/than/there/is/room/for/it/in/the/buffer/here"
            " rw - cgroup none rw,blkio\n"
        "42 31 0:36 / /short - cgroup none rw,cpuset\n"
        "43 31 0:37 / /no rw -\n"
        "44 31 0:38 / /no rw - cgroup none\n"
        "45 31 0:39 / /no rw\n"
        "46\n"
        "\n";

    static const struct {
        const char  *controller;
        const char  *mount;
        const char  *root;
    } table[] = {
        { "", "/sys/fs/cgroup/unified", "/" },
        { "cpu", "/c,p", "/docker/6fa1" },
        { "cpuacct", "/c,p", "/docker/6fa1" },
        { "memory", "/with a blank", "/a\\x2db" },
        { "pids", "/not\\400octal\\08\\1x0", "/\377?" },
        { "freezer", NULL, NULL },
        { "blkio", NULL, NULL },
        { "cpuset", NULL, NULL },
        { "hugetlb", NULL, NULL }
    };

    (void) state;

    len = sizeof(text) - 1;
    copy = bare(text, len);

    for (i = 0; i < N(table); i++) {
        rc = caphealth_proc_cgroup_mount(copy, len, table[i].controller,
                                         mount, root, sizeof(mount));

        if (table[i].mount == NULL) {
            assert_int_equal(rc, -1);

        } else {
            assert_int_equal(rc, 0);
            assert_string_equal(mount, table[i].mount);
            assert_string_equal(root, table[i].root);
        }
    }

    assert_int_equal(caphealth_proc_cgroup_mount(copy, len, "memory", mount,
                                                 root, 14), 0);
    assert_int_equal(caphealth_proc_cgroup_mount(copy, len, "memory", mount,
                                                 root, 13), -1);

    free(copy);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_cgroup),
        cmocka_unit_test(test_mount)
    };

    return cmocka_run_group_tests_name("proc_cgroup", tests, NULL, NULL);
}
