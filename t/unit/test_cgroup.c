
/*
 * The limits of our own control group, in trees as the kernel lays them out.
 */

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_cgroup.h"
#include "tree.h"


#define N(table)  (sizeof(table) / sizeof(table[0]))
#define GIB       (INT64_C(1024) * 1024 * 1024)
#define V2        "/sys/fs/cgroup"


static void
recorded(void **state)
{
    size_t              i;
    char                root[64];
    caphealth_cgroup_t  cg;

    static const struct {
        const char  *tree;
        int64_t      limit;
        int64_t      used;
        double       cores;
        double       usage;
        const char  *level;
        const char  *pressure;
    } table[] = {

        { "host", INT64_MAX, -1, 0, -1, "",
          "/sys/fs/cgroup/system.slice/nginx.service" },

        /* its own name space: the group is at the mount point */

        { "v2-container", 2 * GIB, 1610612736 - 268435456 - 134217728, 1.5,
          1234.56789,
          "/sys/fs/cgroup", "/sys/fs/cgroup" },

        /* memory's tightest level is the middle one, the CPU's the outer */

        { "v2-slices", 1 * GIB, 700000000 - 80000000 - 7, 0.5, 9,
          "/sys/fs/cgroup/shop.slice",
          "/sys/fs/cgroup/shop.slice/shop-web.slice/nginx.service" },

        /* the mount's root is the group that /proc/self/cgroup names */

        { "v1-docker", GIB / 2, 402653184 - 125829120 - 83886080, 1.5,
          123456.789012345,
          "/sys/fs/cgroup/cpu,cpuacct", "" },

        { "hybrid", 3 * GIB, GIB, 0, -1, "",
          "/sys/fs/cgroup/unified/system.slice/nginx.service" },

        { "linux-3.10", INT64_MAX, -1, 0, -1, "", "" }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        (void) snprintf(root, sizeof(root), "t/unit/data/%s", table[i].tree);

        assert_null(caphealth_cgroup_read(&cg, root, 16 * GIB, 4));
        assert_null(cg.memory_bad);
        assert_null(cg.cpu_bad);
        assert_int_equal(cg.memory_limit, table[i].limit);
        assert_int_equal(cg.memory_used, table[i].used);
        assert_true(fabs(cg.cpu_cores - table[i].cores) < 1e-12);
        assert_true(fabs(cg.cpu_usage - table[i].usage) < 1e-6);
        assert_string_equal(cg.cpu_level, table[i].level);
        assert_string_equal(cg.pressure_dir, table[i].pressure);
    }
}


/* what is not below the host's own is no limit */

static void
host_bounds(void **state)
{
    caphealth_cgroup_t  cg;

    static const char  root[] = "t/unit/data/v2-container";

    (void) state;

    assert_null(caphealth_cgroup_read(&cg, root, 2 * GIB + 1, 2));
    assert_int_equal(cg.memory_limit, 2 * GIB);
    assert_true(cg.cpu_cores > 0);

    assert_null(caphealth_cgroup_read(&cg, root, 2 * GIB, 2));
    assert_int_equal(cg.memory_limit, INT64_MAX);
    assert_int_equal(cg.memory_used, -1);
    assert_true(cg.cpu_cores > 0);

    assert_null(caphealth_cgroup_read(&cg, root, 1 * GIB, 1));
    assert_int_equal(cg.memory_limit, INT64_MAX);
    assert_true(cg.cpu_cores == 0);

    /* where the host's is unknown, what v1 says for "none" is still none */

    assert_null(caphealth_cgroup_read(&cg, "t/unit/data/hybrid", INT64_MAX,
                                      UINT_MAX));
    assert_int_equal(cg.memory_limit, 3 * GIB);

    assert_null(caphealth_cgroup_read(&cg, "t/unit/data/linux-3.10",
                                      INT64_MAX, UINT_MAX));
    assert_int_equal(cg.memory_limit, INT64_MAX);
    assert_true(cg.cpu_cores == 0);
}


static void
put_group(const char *dir, const char *memory, const char *cpu, int used,
    int inactive, int usec)
{
    char  path[256], text[64];

    (void) snprintf(path, sizeof(path), "%s/memory.max", dir);
    tree_put(path, memory);

    (void) snprintf(path, sizeof(path), "%s/cpu.max", dir);
    tree_put(path, cpu);

    (void) snprintf(path, sizeof(path), "%s/memory.current", dir);
    (void) snprintf(text, sizeof(text), "%d\n", used);
    tree_put(path, text);

    (void) snprintf(path, sizeof(path), "%s/memory.stat", dir);
    (void) snprintf(text, sizeof(text), "anon 1\ninactive_file %d\n",
                    inactive);
    tree_put(path, text);

    (void) snprintf(path, sizeof(path), "%s/cpu.stat", dir);
    (void) snprintf(text, sizeof(text), "usage_usec %d\n", usec);
    tree_put(path, text);
}


static void
put_self(const char *path, const char *root, const char *mount)
{
    char  text[256];

    (void) snprintf(text, sizeof(text), "0::%s\n", path);
    tree_put("/proc/self/cgroup", text);

    (void) snprintf(text, sizeof(text),
                    "29 24 0:26 %s %s rw shared:4 - cgroup2 cgroup2 rw\n",
                    root, mount);
    tree_put("/proc/self/mountinfo", text);
}


/* of equal limits the outer one is the first to be full */

static void
equal_levels(void **state)
{
    caphealth_cgroup_t  cg;

    (void) state;

    put_self("/pod/web", "/", V2);
    put_group(V2 "/pod", "1000\n", "50000 100000\n", 900, 100, 5000000);
    put_group(V2 "/pod/web", "1000\n", "50000 100000\n", 500, 0, 1000000);

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_limit, 1000);
    assert_int_equal(cg.memory_used, 800);
    assert_string_equal(cg.cpu_level, V2 "/pod");
    assert_true(fabs(cg.cpu_usage - 5) < 1e-9);
}


/*
 * Pages that are read often are on the active list, but can be dropped, too;
 * what is to be written cannot, and tmpfs and locked pages are on other lists.
 */

static void
file_cache(void **state)
{
    caphealth_cgroup_t  cg;

    (void) state;

    put_self("/a", "/", V2);
    put_group(V2 "/a", "1000\n", "max 100000\n", 900, 0, 1);
    tree_put(V2 "/a/memory.stat",
             "anon 150\nfile 700\nshmem 50\nfile_dirty 30\n"
             "file_writeback 20\ninactive_anon 150\nactive_anon 50\n"
             "inactive_file 200\nactive_file 400\nunevictable 50\n");

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_used, 900 - 200 - 400 + 30 + 20);

    /* all of it is to be written */

    tree_put(V2 "/a/memory.stat", "inactive_file 200\nfile_dirty 300\n");
    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_used, 900);

    tree_put("/proc/self/mountinfo",
             "32 31 0:1 / /c/memory rw - cgroup cgroup rw,memory\n");
    tree_put("/proc/self/cgroup", "2:memory:/a\n");
    tree_put("/c/memory/a/memory.limit_in_bytes", "1000\n");
    tree_put("/c/memory/a/memory.usage_in_bytes", "900\n");
    tree_put("/c/memory/a/memory.stat",
             "inactive_file 1\nactive_file 1\ndirty 1\nwriteback 1\n"
             "total_inactive_file 200\ntotal_active_file 400\n"
             "total_dirty 30\ntotal_writeback 20\n");

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_used, 900 - 200 - 400 + 30 + 20);
}


/* above memory.high the kernel slows us down before memory.max kills us */

static void
memory_high(void **state)
{
    size_t              i;
    caphealth_cgroup_t  cg;

    static const struct {
        const char  *max;
        const char  *high;
        int64_t      limit;
        const char  *bad;
    } table[] = {
        { "1000\n", "800\n", 800, NULL },
        { "1000\n", "max\n", 1000, NULL },
        { "1000\n", "2000\n", 1000, NULL },
        { "max\n", "800\n", 800, NULL },
        { "max\n", "max\n", INT64_MAX, NULL },
        { "max\n", "2147483648\n", INT64_MAX, NULL },
        { "1000\n", "some\n", 1000, "memory.high" }
    };

    (void) state;

    put_self("/a", "/", V2);

    for (i = 0; i < N(table); i++) {
        put_group(V2 "/a", table[i].max, "max 100000\n", 500, 100, 1);
        tree_put(V2 "/a/memory.high", table[i].high);

        assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
        assert_int_equal(cg.memory_limit, table[i].limit);
        assert_int_equal(cg.memory_used,
                         table[i].limit == INT64_MAX ? -1 : 400);

        if (table[i].bad == NULL) {
            assert_null(cg.memory_bad);

        } else {
            assert_string_equal(cg.memory_bad, table[i].bad);
        }
    }
}


/* each level's use against its own limit: the slice is nearly full of others */

static void
fullest_level(void **state)
{
    caphealth_cgroup_t  cg;

    (void) state;

    put_self("/pod/web", "/", V2);
    put_group(V2 "/pod", "2000\n", "max 100000\n", 1950, 50, 1);
    put_group(V2 "/pod/web", "1000\n", "max 100000\n", 300, 0, 1);

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_limit, 2000);
    assert_int_equal(cg.memory_used, 1900);

    put_group(V2 "/pod", "2000\n", "max 100000\n", 500, 50, 1);

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_limit, 1000);
    assert_int_equal(cg.memory_used, 300);

    /* one that cannot be read is not taken for an empty one */

    tree_put(V2 "/pod/memory.current", "\n");

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_used, -1);
    assert_string_equal(cg.memory_bad, "memory.current");
}


static void
cpusets(void **state)
{
    const char             *bad;
    caphealth_proc_cpus_t   cpus;

    (void) state;

    bad = NULL;

    put_self("/a/b", "/", V2);
    tree_put(V2 "/cpuset.cpus.effective", "0-7\n");
    assert_int_equal(caphealth_cgroup_cpus(tree_root, &cpus, &bad), 1);
    assert_int_equal(cpus.bits[0], 0xff);

    /* the nearest level that has one */

    tree_put(V2 "/a/cpuset.cpus.effective", "1,4-5,100\n");
    assert_int_equal(caphealth_cgroup_cpus(tree_root, &cpus, &bad), 1);
    assert_int_equal(cpus.bits[0], 1 << 1 | 3 << 4);
    assert_true(cpus.bits[1] == UINT64_C(1) << 36);
    assert_null(bad);

    tree_put(V2 "/a/b/cpuset.cpus.effective", "4-x\n");
    assert_int_equal(caphealth_cgroup_cpus(tree_root, &cpus, &bad), -1);
    assert_string_equal(bad, "cpuset.cpus.effective");

    tree_put("/proc/self/mountinfo",
             "32 31 0:1 / /c/cpuset rw - cgroup cgroup rw,cpuset\n");
    tree_put("/proc/self/cgroup", "3:cpuset:/a\n");
    tree_put("/c/cpuset/a/cpuset.cpus", "0-3\n");
    assert_int_equal(caphealth_cgroup_cpus(tree_root, &cpus, &bad), 1);
    assert_int_equal(cpus.bits[0], 0xf);

    tree_put("/c/cpuset/a/cpuset.effective_cpus", "2\n");
    assert_int_equal(caphealth_cgroup_cpus(tree_root, &cpus, &bad), 1);
    assert_int_equal(cpus.bits[0], 4);

    tree_remove();
    assert_non_null(tree_make());
    assert_int_equal(caphealth_cgroup_cpus(tree_root, &cpus, &bad), 0);
}


/* more inactive pages than there are pages: the two were not read at once */

static void
never_negative(void **state)
{
    caphealth_cgroup_t  cg;

    (void) state;

    put_self("/a", "/", V2);
    put_group(V2 "/a", "1000\n", "max 100000\n", 100, 101, 1);

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_used, 0);
}


/* the same group, seen from a name space or through a mount of a part */

static void
places(void **state)
{
    size_t              i;
    caphealth_cgroup_t  cg;

    static const struct {
        const char  *path;       /* /proc/self/cgroup */
        const char  *root;       /* /proc/self/mountinfo */
        const char  *mount;
        const char  *dir;        /* where we should have looked */
    } table[] = {
        { "/", "/", V2, V2 },
        { "/a", "/", V2, V2 "/a" },
        { "/a", "/a", V2, V2 },
        { "/a/b/c", "/a", V2, V2 "/b/c" },
        { "/ab", "/a", V2, V2 },
        { "/", "/a", V2, V2 },
        { "/", "/../..", V2, V2 },
        { "/..", "/", V2, V2 },
        { "/../sibling", "/", V2, V2 },
        { "/..name", "/", V2, V2 "/..name" },
        { "/a", "/", "/mnt/c\\040g", "/mnt/c g/a" },
        { "/x\\x2dy/b", "/x\\134x2dy", V2, V2 "/b" }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        tree_remove();
        assert_non_null(tree_make());

        put_self(table[i].path, table[i].root, table[i].mount);
        put_group(table[i].dir, "1000\n", "10000 100000\n", 10, 1, 7);

        assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
        assert_null(cg.memory_bad);
        assert_null(cg.cpu_bad);
        assert_int_equal(cg.memory_limit, 1000);
        assert_int_equal(cg.memory_used, 9);
        assert_string_equal(cg.cpu_level, table[i].dir);
        assert_string_equal(cg.pressure_dir, table[i].dir);
    }
}


/* a file that is missing or absurd is named, and takes nothing else along */

static void
absurd(void **state)
{
    size_t              i;
    caphealth_cgroup_t  cg;

    static const struct {
        const char  *path;
        const char  *text;
        const char  *bad;
        int64_t      limit;
        int64_t      used;
        double       cores;
        double       usage;
    } table[] = {

        { "memory.max", "lots\n", "memory.max", INT64_MAX, -1, 0.5, 1 },
        { "memory.max", "100", "memory.max", INT64_MAX, -1, 0.5, 1 },
        { "memory.max", "", "memory.max", INT64_MAX, -1, 0.5, 1 },
        { "memory.max", "-7\n", "memory.max", INT64_MAX, -1, 0.5, 1 },
        { "memory.max", "0\n", NULL, INT64_MAX, -1, 0.5, 1 },
        { "memory.max", "18446744073709551615\n", NULL,
          INT64_MAX, -1, 0.5, 1 },
        { "memory.max", "99999999999999999999\n", "memory.max",
          INT64_MAX, -1, 0.5, 1 },
        { "memory.max", NULL, NULL, INT64_MAX, -1, 0.5, 1 },
        { "memory.current", NULL, "memory.current", 1000, -1, 0.5, 1 },
        { "memory.stat", NULL, "memory.stat", 1000, -1, 0.5, 1 },
        { "cpu.max", NULL, NULL, 1000, 900, 0, -1 },
        { "cpu.stat", NULL, "cpu.stat", 1000, 900, 0.5, -1 },
        { "memory.current", "max\n", "memory.current", 1000, -1, 0.5, 1 },
        { "memory.current", "18446744073709551615\n", "memory.current",
          1000, -1, 0.5, 1 },
        { "memory.stat", "anon 1\n", "memory.stat", 1000, -1, 0.5, 1 },
        { "memory.stat", "inactive_file 1", "memory.stat",
          1000, -1, 0.5, 1 },
        { "cpu.max", "100000\n", "cpu.max", 1000, 900, 0, -1 },
        { "cpu.max", "50000 10000", "cpu.max", 1000, 900, 0, -1 },
        { "cpu.max", "0 100000\n", NULL, 1000, 900, 0, -1 },
        { "cpu.max", "50000 0\n", NULL, 1000, 900, 0, -1 },
        { "cpu.max", "-50000 100000\n", "cpu.max", 1000, 900, 0, -1 },
        { "cpu.max", "-1 100000\n", NULL, 1000, 900, 0, -1 },
        { "cpu.stat", "user_usec 1\n", "cpu.stat", 1000, 900, 0.5, -1 },
        { "cpu.stat", "usage_usec -1\n", "cpu.stat", 1000, 900, 0.5, -1 }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        char         path[64], name[256];
        const char  *bad;

        put_self("/a", "/", V2);
        put_group(V2 "/a", "1000\n", "50000 100000\n", 1000, 100, 1000000);

        (void) snprintf(path, sizeof(path), V2 "/a/%s", table[i].path);

        if (table[i].text != NULL) {
            tree_put(path, table[i].text);

        } else {
            (void) snprintf(name, sizeof(name), "%s%s", tree_root, path);
            assert_int_equal(unlink(name), 0);
        }

        assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));

        bad = cg.memory_bad != NULL ? cg.memory_bad : cg.cpu_bad;

        assert_string_equal(bad != NULL ? bad : "none",
                            table[i].bad != NULL ? table[i].bad : "none");
        assert_true(cg.memory_bad == NULL || cg.cpu_bad == NULL);

        assert_int_equal(cg.memory_limit, table[i].limit);
        assert_int_equal(cg.memory_used, table[i].used);
        assert_true(fabs(cg.cpu_cores - table[i].cores) < 1e-12);
        assert_true(fabs(cg.cpu_usage - table[i].usage) < 1e-9);
    }
}


/* v1 with cpu and cpuacct in two places */

static void
apart(void **state)
{
    caphealth_cgroup_t  cg;

    (void) state;

    tree_put("/proc/self/mountinfo",
             "32 31 0:1 / /c/cpu rw - cgroup cgroup rw,cpu\n"
             "33 31 0:2 / /c/cpuacct rw - cgroup cgroup rw,cpuacct\n");
    tree_put("/proc/self/cgroup", "2:cpuacct:/a/b\n1:cpu:/a/b\n");
    tree_put("/c/cpu/a/cpu.cfs_quota_us", "200000\n");
    tree_put("/c/cpu/a/cpu.cfs_period_us", "100000\n");
    tree_put("/c/cpuacct/a/b/cpuacct.usage", "1\n");
    tree_put("/c/cpuacct/a/cpuacct.usage", "3000000000\n");

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_null(cg.cpu_bad);
    assert_true(cg.cpu_cores == 2);
    assert_true(fabs(cg.cpu_usage - 3) < 1e-9);
    assert_string_equal(cg.cpu_level, "/c/cpu/a");

    /* somebody else's time is not ours */

    tree_put("/proc/self/cgroup", "2:cpuacct:/x/y\n1:cpu:/a/b\n");
    tree_put("/c/cpuacct/x/y/cpuacct.usage", "5\n");
    tree_put("/c/cpuacct/x/cpuacct.usage", "6\n");

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_string_equal(cg.cpu_bad, "cpuacct.usage");
    assert_true(cg.cpu_cores == 2);
    assert_true(cg.cpu_usage < 0);
}


static void
unread(void **state)
{
    caphealth_cgroup_t  cg;

    (void) state;

    /* a kernel without control groups */

    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_limit, INT64_MAX);
    assert_true(cg.cpu_cores == 0);
    assert_string_equal(cg.pressure_dir, "");

    /* cut off, empty, or with nothing mounted */

    tree_put("/proc/self/cgroup", "0::/a");
    tree_put("/proc/self/mountinfo", "");
    assert_null(caphealth_cgroup_read(&cg, tree_root, GIB, 4));
    assert_int_equal(cg.memory_limit, INT64_MAX);
}


/* a directory opens, but does not read */

static void
unreadable(void **state)
{
    const char          *path;
    caphealth_cgroup_t   cg;

    (void) state;

    tree_put("/proc/self/cgroup/file", "");

    path = caphealth_cgroup_read(&cg, tree_root, GIB, 4);
    assert_int_equal(errno, EISDIR);
    assert_string_equal(path, "/proc/self/cgroup");
    assert_int_equal(cg.memory_limit, INT64_MAX);
}


static void
percent(void **state)
{
    size_t              i;
    double              x;
    caphealth_cgroup_t  from, to;

    static const struct {
        double       cores[2];
        double       usage[2];
        double       at[2];
        const char  *level;
        double       percent;
    } table[] = {
        { { 2, 2 }, { 5, 15 }, { 100, 110 }, "/a", 50 },
        { { 0.5, 0.5 }, { 5, 6 }, { 100, 110 }, "/a", 20 },
        { { 2, 2 }, { 5, 5 }, { 100, 110 }, "/a", 0 },
        { { 2, 2 }, { 5, 25 }, { 100, 110 }, "/a", 100 },

        /* a burst, or two clocks that were not read at once */

        { { 2, 2 }, { 5, 26 }, { 100, 110 }, "/a", 100 },

        { { 0, 2 }, { 5, 6 }, { 100, 110 }, "/a", NAN },
        { { 2, 0 }, { 5, 6 }, { 100, 110 }, "/a", NAN },
        { { 0, 0 }, { 5, 6 }, { 100, 110 }, "/a", NAN },
        { { 2, 1 }, { 5, 6 }, { 100, 110 }, "/a", NAN },
        { { 2, 2 }, { 5, 6 }, { 100, 110 }, "/b", NAN },
        { { 2, 2 }, { -1, 6 }, { 100, 110 }, "/a", NAN },
        { { 2, 2 }, { 5, -1 }, { 100, 110 }, "/a", NAN },
        { { 2, 2 }, { 6, 5 }, { 100, 110 }, "/a", NAN },
        { { 2, 2 }, { 5, 6 }, { 100, 100 }, "/a", NAN },
        { { 2, 2 }, { 5, 6 }, { 100, 99 }, "/a", NAN }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        from = (caphealth_cgroup_t) { .cpu_cores = table[i].cores[0],
                                      .cpu_usage = table[i].usage[0],
                                      .cpu_at = table[i].at[0],
                                      .cpu_level = "/a" };

        to = (caphealth_cgroup_t) { .cpu_cores = table[i].cores[1],
                                    .cpu_usage = table[i].usage[1],
                                    .cpu_at = table[i].at[1] };

        (void) snprintf(to.cpu_level, sizeof(to.cpu_level), "%s",
                        table[i].level);

        x = caphealth_cgroup_cpu_percent(&from, &to);

        if (isnan(table[i].percent)) {
            assert_true(isnan(x));

        } else {
            assert_true(fabs(x - table[i].percent) < 1e-9);
        }
    }
}


#define TREE_TEST(f)  cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(recorded),
        cmocka_unit_test(host_bounds),
        TREE_TEST(equal_levels),
        TREE_TEST(file_cache),
        TREE_TEST(memory_high),
        TREE_TEST(fullest_level),
        TREE_TEST(cpusets),
        TREE_TEST(never_negative),
        TREE_TEST(places),
        TREE_TEST(absurd),
        TREE_TEST(apart),
        TREE_TEST(unread),
        TREE_TEST(unreadable),
        cmocka_unit_test(percent)
    };

    return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
