
/*
 * The system as a whole, on recorded trees: a bare host, containers of both
 * versions, limits at any level.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "caphealth_source.h"
#include "look.h"
#include "tree.h"


#define GIB  1073741824.0


static int
make(void **state)
{
    (void) state;

    (void) tree_make();

    tree_put("/proc/stat",
             "cpu  100 0 100 800 0 0 0 0 0 0\n"
             "cpu0 25 0 25 200 0 0 0 0\ncpu1 25 0 25 200 0 0 0 0\n"
             "cpu2 25 0 25 200 0 0 0 0\ncpu3 25 0 25 200 0 0 0 0\n");
    tree_put("/proc/meminfo",
             "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n");
    tree_put("/proc/loadavg", "0.50 0.25 0.10 1/200 4000\n");
    tree_put("/proc/pressure/cpu",
             "some avg10=1.50 avg60=0.00 avg300=0.00 total=1000000\n");

    return 0;
}


static void
v2(const char *path)
{
    char  text[256];

    (void) snprintf(text, sizeof(text), "0::%s\n", path);

    tree_put("/proc/self/cgroup", text);
    tree_put("/proc/self/mountinfo",
             "41 35 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
}


static void
host(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    (void) state;

    look(h, &a);

    assert_string_equal(a.error.text, "");
    assert_string_equal(scope(&a), "host");
    assert_true(json_is_null(json_object_get(a.data, "cpu_percent")));
    assert_true(number(&a, "cores") == 4);
    assert_true(number(&a, "memory_total") == 16 * GIB);
    assert_true(number(&a, "memory_used") == 4 * GIB);
    assert_true(number(&a, "load5") == 0.25);

    tree_put("/proc/stat", "cpu  130 0 100 860 10 0 0 0 0 0\n"
             "cpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\n");
    look(h, &a);

    assert_true(fabs(number(&a, "cpu_percent") - 30.0) < 1e-9);

    json_decref(a.data);
    caphealth_host_destroy(h);
}


/* of the host, or of the group where a limit of its is below that */

static void
swap(void **state)
{
    size_t               i;
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);
    caphealth_system_t   s;

    static const struct {
        const char  *swap;       /* of /proc/meminfo */
        const char  *limit;      /* of the group, and of the one above it */
        const char  *upper;
        int64_t      total;      /* MiB; -1: unknown */
        int64_t      used;
    } table[] = {
        { "", "max\n", "max\n", -1, -1 },
        { "SwapTotal: 0 kB\nSwapFree: 0 kB\n", "max\n", "max\n", -1, -1 },
        { "SwapTotal: 4096000 kB\nSwapFree: 1024000 kB\n", "max\n", "max\n",
          4000, 3000 },
        { "SwapTotal: 1024 kB\nSwapFree: 2048 kB\n", "max\n", "max\n",
          1, -1 },
        { "SwapTotal: 4096000 kB\nSwapFree: 1024000 kB\n", "104857600\n",
          "max\n", 100, 10 },
        { "SwapTotal: 4096000 kB\nSwapFree: 1024000 kB\n", "104857600\n",
          "209715200\n", 200, 30 },
        { "SwapTotal: 4096000 kB\nSwapFree: 1024000 kB\n", "0\n", "max\n",
          -1, -1 },
        { "SwapTotal: 4096000 kB\nSwapFree: 1024000 kB\n", "104857600\n",
          "0\n", -1, -1 },
        { "SwapTotal: 10240 kB\nSwapFree: 8192 kB\n", "104857600\n",
          "max\n", 10, 2 },
        { "SwapTotal: 0 kB\nSwapFree: 0 kB\n", "104857600\n", "max\n",
          -1, -1 }
    };

    (void) state;

    v2("/a/b");
    tree_put("/sys/fs/cgroup/a/b/memory.swap.current", "10485760\n");
    tree_put("/sys/fs/cgroup/a/memory.swap.current", "31457280\n");

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char  text[256];

        (void) snprintf(text, sizeof(text), "MemTotal: 16777216 kB\n"
                        "MemAvailable: 12582912 kB\n%s", table[i].swap);
        tree_put("/proc/meminfo", text);
        tree_put("/sys/fs/cgroup/a/b/memory.swap.max", table[i].limit);
        tree_put("/sys/fs/cgroup/a/memory.swap.max", table[i].upper);

        s = look(h, &a);

        assert_string_equal(a.error.text, "");
        assert_int_equal(s.swap_total, table[i].total < 0
                                       ? CAPHEALTH_UNKNOWN
                                       : table[i].total << 20);
        assert_int_equal(s.swap_used, table[i].used < 0
                                      ? CAPHEALTH_UNKNOWN
                                      : table[i].used << 20);
    }

    json_decref(a.data);
    caphealth_host_destroy(h);
}


/* what a sandbox leaves out is no error, what makes no sense is one */

static void
uptime(void **state)
{
    size_t               i;
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);
    caphealth_system_t   s;

    static const struct {
        const char  *text;       /* NULL: there is no such file */
        double       seconds;    /* NAN: unknown */
        const char  *error;
    } table[] = {
        { NULL, NAN, "" },
        { "17105.42 31337.01\n", 17105.42, "" },
        { "0.00 0.00\n", 0, "" },
        { "", NAN, "\"/proc/uptime\" is not as expected" },
        { "17105.42 313", NAN, "\"/proc/uptime\" is not as expected" },
        { "long 0.00\n", NAN, "\"/proc/uptime\" is not as expected" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {

        if (table[i].text != NULL) {
            tree_put("/proc/uptime", table[i].text);
        }

        s = look(h, &a);

        assert_string_equal(a.error.text, table[i].error);
        assert_true(isnan(table[i].seconds) == isnan(s.uptime));
        assert_true(isnan(s.uptime)
                    || fabs(s.uptime - table[i].seconds) < 1e-9);
    }

    json_decref(a.data);
    caphealth_host_destroy(h);
}


#define CPUS(a, b, c, d)                                                     \
    "cpu  0 0 0 " a " 0 0 0 0 0 0\n"                                         \
    "cpu0 " a " 0 0 1000 0 0 0 0 0 0\n"                                      \
    "cpu1 " b " 0 0 1000 0 0 0 0 0 0\n"                                      \
    "cpu2 " c " 0 0 1000 0 0 0 0 0 0\n"                                      \
    "cpu3 " d " 0 0 1000 0 0 0 0 0 0\n"                                      \
    "intr 7\n"

#define LATER                                                                \
    "cpu  0 0 0 4000 0 0 0 0 0 0\n"                                          \
    "cpu0 10 0 0 1100 0 0 0 0 0 0\n"                                         \
    "cpu1 10 0 0 1100 0 0 0 0 0 0\n"                                         \
    "cpu2 310 0 0 1100 0 0 0 0 0 0\n"                                        \
    "cpu3 110 0 0 1100 0 0 0 0 0 0\n"


/* a group or a process may have some CPUs only: their ticks count */

static void
some_cpus(void **state)
{
    size_t               i;
    seen_t               a;
    caphealth_host_t    *h;

    static const struct {
        const char  *cpuset;
        const char  *affinity;
        const char  *quota;
        const char  *scope;
        double       cores;
        double       percent;    /* < 0: not of these ticks */
    } table[] = {
        { "0-3\n", "0-3", "max 100000\n", "host", 4, -1 },
        { "2-3\n", "0-3", "max 100000\n", "cgroup", 2, 100.0 * 400 / 600 },
        { "2\n", "0-127", "max 100000\n", "cgroup", 1, 75 },
        { "0-3\n", "3", "max 100000\n", "host", 1, 50 },
        { "1-3\n", "0,3", "max 100000\n", "cgroup", 1, 50 },
        { "2-3\n", "0-3", "150000 100000\n", "cgroup", 1.5, -1 },
        { "2-3\n", "0-3", "250000 100000\n", "cgroup", 2,
          100.0 * 400 / 600 },

        /* a container manager has renumbered them */

        { "8-9\n", "8-9", "max 100000\n", "host", 4, -1 }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char  text[64];

        memset(&a, 0, sizeof(seen_t));
        h = caphealth_host_create(tree_root);

        v2("/");
        tree_put("/proc/stat", CPUS("10", "10", "10", "10"));
        tree_put("/sys/fs/cgroup/cpuset.cpus.effective", table[i].cpuset);
        tree_put("/sys/fs/cgroup/cpu.max", table[i].quota);
        tree_put("/sys/fs/cgroup/cpu.stat", "usage_usec 1\n");
        (void) snprintf(text, sizeof(text),
                        "Name:\tnginx\nCpus_allowed_list:\t%s\n",
                        table[i].affinity);
        tree_put("/proc/self/status", text);

        look(h, &a);
        assert_string_equal(a.error.text, "");
        assert_string_equal(scope(&a), table[i].scope);
        assert_true(number(&a, "cores") == table[i].cores);

        tree_put("/proc/stat", LATER);
        look(h, &a);

        if (table[i].percent >= 0) {
            assert_true(fabs(number(&a, "cpu_percent") - table[i].percent)
                        < 1e-9);
        }

        /* others than at the look before: these ticks tell nothing */

        tree_put("/sys/fs/cgroup/cpuset.cpus.effective", "0\n");
        tree_put("/proc/self/status", "Cpus_allowed_list:\t0-3\n");
        look(h, &a);
        assert_true(json_is_null(json_object_get(a.data, "cpu_percent")));

        json_decref(a.data);
        caphealth_host_destroy(h);
    }
}


/* ZFS's cache above its least size is given back when it is needed */

static void
zfs(void **state)
{
    size_t               i;
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    static const struct {
        const char  *size;
        const char  *least;
        int64_t      used;
        const char  *error;
    } table[] = {
        { "3221225472", "1073741824", 2 * GIB, "" },
        { "536870912", "1073741824", 4 * GIB, "" },
        { "99999999999", "1073741824", 0, "" },
        { "much", "1073741824", 4 * GIB,
          "\"/proc/spl/kstat/zfs/arcstats\" is not as expected" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char  text[512];

        (void) snprintf(text, sizeof(text),
                        "13 1 0x01 147 39984 5323562361 6349716113543\n"
                        "name                            type data\n"
                        "hits                            4    11123563\n"
                        "c                               4    8271693824\n"
                        "c_min                           4    %s\n"
                        "c_max                           4    8271693824\n"
                        "size                            4    %s\n"
                        "compressed_size                 4    1\n",
                        table[i].least, table[i].size);
        tree_put("/proc/spl/kstat/zfs/arcstats", text);

        look(h, &a);

        assert_string_equal(a.error.text, table[i].error);
        assert_true(number(&a, "memory_used") == (double) table[i].used);
    }

    json_decref(a.data);
    caphealth_host_destroy(h);
}


static void
container_v2(void **state)
{
    double               percent;
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    struct timespec  pause = { 0, 100000000 };

    (void) state;

    v2("/");
    tree_put("/sys/fs/cgroup/memory.max", "2147483648\n");
    tree_put("/sys/fs/cgroup/memory.current", "1610612736\n");
    tree_put("/sys/fs/cgroup/memory.stat",
             "anon 5\nfile 9\ninactive_file 536870912\n");
    tree_put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    tree_put("/sys/fs/cgroup/cpu.stat", "usage_usec 1000000\nuser_usec 5\n");

    look(h, &a);

    assert_string_equal(scope(&a), "cgroup");
    assert_true(number(&a, "cores") == 1.5);
    assert_true(number(&a, "memory_total") == 2 * GIB);
    assert_true(number(&a, "memory_used") == 1 * GIB);
    assert_true(json_is_null(json_object_get(a.data, "cpu_percent")));

    /* 30 ms of at least 100 ms of 1.5 cores: at most 20 % */

    (void) nanosleep(&pause, NULL);
    tree_put("/sys/fs/cgroup/cpu.stat", "usage_usec 1030000\n");
    look(h, &a);

    percent = number(&a, "cpu_percent");
    assert_true(percent > 0 && percent <= 20.0);

    /* another limit: what was counted under the old one means nothing */

    tree_put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    look(h, &a);
    assert_true(json_is_null(json_object_get(a.data, "cpu_percent")));

    json_decref(a.data);
    caphealth_host_destroy(h);
}


static void
outer_level_v2(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    (void) state;

    /* our own limit is wider than the slice's, which others use as well */

    v2("/shop.slice/nginx.service");
    tree_put("/sys/fs/cgroup/shop.slice/nginx.service/memory.max",
             "8589934592\n");
    tree_put("/sys/fs/cgroup/shop.slice/nginx.service/memory.current", "1\n");
    tree_put("/sys/fs/cgroup/shop.slice/nginx.service/memory.stat",
             "inactive_file 0\n");
    tree_put("/sys/fs/cgroup/shop.slice/nginx.service/cpu.max",
             "max 100000\n");
    tree_put("/sys/fs/cgroup/shop.slice/memory.max", "4294967296\n");
    tree_put("/sys/fs/cgroup/shop.slice/memory.current", "3221225472\n");
    tree_put("/sys/fs/cgroup/shop.slice/memory.stat", "inactive_file 0\n");
    tree_put("/sys/fs/cgroup/shop.slice/cpu.max", "200000 100000\n");
    tree_put("/sys/fs/cgroup/shop.slice/cpu.stat", "usage_usec 1\n");
    tree_put("/sys/fs/cgroup/shop.slice/nginx.service/cpu.pressure",
             "some avg10=9.50 avg60=0.00 avg300=0.00 total=1\n");

    look(h, &a);

    assert_string_equal(scope(&a), "cgroup");
    assert_true(number(&a, "memory_total") == 4 * GIB);
    assert_true(number(&a, "memory_used") == 3 * GIB);
    assert_true(number(&a, "cores") == 2);
    assert_true(json_number_value(json_object_get(json_object_get(
                    json_object_get(json_object_get(a.data, "pressure"),
                                    "cpu"), "some"), "avg10")) == 9.5);

    json_decref(a.data);
    caphealth_host_destroy(h);
}


static void
no_limit(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    (void) state;

    /* what is not below the host's is no limit */

    v2("/a");
    tree_put("/sys/fs/cgroup/a/memory.max", "17179869184\n");
    tree_put("/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
    look(h, &a);

    assert_string_equal(scope(&a), "host");
    assert_true(number(&a, "cores") == 4);
    assert_true(number(&a, "memory_total") == 16 * GIB);

    json_decref(a.data);
    caphealth_host_destroy(h);
}


static void
container_v1(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    (void) state;

    /* Docker: the mount's root is our own group, the path is the host's */

    tree_put("/proc/self/cgroup",
             "5:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/\n");
    tree_put("/proc/self/mountinfo",
             "40 35 0:30 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup"
             " rw,memory\n"
             "41 35 0:31 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro master:3 -"
             " cgroup cgroup rw,cpu,cpuacct\n");
    tree_put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
    tree_put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "805306368\n");
    tree_put("/sys/fs/cgroup/memory/memory.stat",
             "inactive_file 1\ntotal_inactive_file 268435456\n");
    tree_put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
    tree_put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    tree_put("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "1000\n");

    look(h, &a);

    assert_string_equal(scope(&a), "cgroup");
    assert_true(number(&a, "cores") == 0.5);
    assert_true(number(&a, "memory_total") == GIB);
    assert_true(number(&a, "memory_used") == GIB / 2);

    /* no limit is a very large number in v1 */

    tree_put("/sys/fs/cgroup/memory/memory.limit_in_bytes",
             "9223372036854771712\n");
    tree_put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    look(h, &a);

    assert_string_equal(scope(&a), "host");

    json_decref(a.data);
    caphealth_host_destroy(h);
}


static void
broken(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    (void) state;

    /* Linux before 3.14, and absurd limits */

    v2("/a");
    tree_put("/sys/fs/cgroup/a/memory.max", "lots\n");
    tree_put("/sys/fs/cgroup/a/cpu.max", "100000\n");
    tree_put("/proc/meminfo", "MemTotal: 16777216 kB\nMemFree: 1 kB\n");
    tree_put("/proc/pressure/cpu", "some\n");
    look(h, &a);

    assert_string_equal(a.error.text,
                        "\"memory.max\" of the control group is missing or"
                        " not as expected; "
                        "\"cpu.max\" of the control group is missing or"
                        " not as expected; "
                        "\"/proc/meminfo\" has no valid MemAvailable; "
                        "\"cpu\" pressure is not as expected");
    assert_string_equal(scope(&a), "host");
    assert_true(json_is_null(json_object_get(a.data, "memory_used")));
    assert_true(number(&a, "memory_total") == 16 * GIB);
    assert_true(number(&a, "cores") == 4);
    assert_true(json_is_null(json_object_get(json_object_get(a.data,
                                             "pressure"), "cpu")));

    json_decref(a.data);
    caphealth_host_destroy(h);
}


static void
nothing(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create("/nowhere");

    (void) state;

    look(h, &a);

    assert_null(a.data);
    assert_non_null(strstr(a.error.text, "\"/proc/stat\" cannot be read: No such"));
    assert_non_null(strstr(a.error.text, "\"/proc/meminfo\" cannot be read"));

    caphealth_host_destroy(h);
}


static void
disk(void **state)
{
    seen_t  a = { 0 };

    (void) state;

    look_disk(tree_root, &a);

    assert_string_equal(a.error.text, "");
    assert_true(number(&a, "total") > 0);
    assert_true(number(&a, "used") <= number(&a, "total"));
    assert_true(number(&a, "available") <= number(&a, "total"));
    assert_true(json_is_false(json_object_get(a.data, "read_only")));

    json_decref(a.data);
    memset(&a, 0, sizeof(a));

    look_disk("/nowhere", &a);

    assert_null(a.data);
    assert_string_equal(a.error.text, "statvfs() \"/nowhere\" failed: "
                        "No such file or directory");
}


#define TREE_TEST(f)  cmocka_unit_test_setup_teardown(f, make, tree_teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TREE_TEST(host),
        TREE_TEST(swap),
        TREE_TEST(uptime),
        TREE_TEST(some_cpus),
        TREE_TEST(zfs),
        TREE_TEST(container_v2),
        TREE_TEST(outer_level_v2),
        TREE_TEST(no_limit),
        TREE_TEST(container_v1),
        TREE_TEST(broken),
        TREE_TEST(nothing),
        TREE_TEST(disk)
    };

    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
