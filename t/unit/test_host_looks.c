
/*
 * The system from one look to the next, and when a part of it cannot be read.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_source.h"
#include "look.h"
#include "tree.h"


static int
make(void **state)
{
    (void) state;

    (void) tree_make();

    tree_put("/proc/stat",
             "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n");
    tree_put("/proc/meminfo",
             "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n");
    tree_put("/proc/loadavg", "0.50 0.25 0.10 1/200 4000\n");

    return 0;
}


/* a whole answer, member by member, as the model reads it */

static void
recorded(void **state)
{
    char                *text;
    size_t               i;
    seen_t               a = { 0 };
    caphealth_host_t    *h;
    caphealth_system_t   facts;

    static const struct {
        const char  *root;
        const char  *error;
        double       busy;
        const char  *data;
    } table[] = {

        { "t/unit/data/host", "", 1110.02,
          "{\"scope\":\"host\",\"cpu_percent\":null,\"cores\":2.0,"
          "\"memory_total\":25276063744,\"memory_used\":459476992,"
          "\"swap_total\":null,\"swap_used\":null,\"uptime\":2222.68,"
          "\"load1\":0.26,\"load5\":0.55,\"load15\":0.44,\"pressure\":{"
          "\"cpu\":{\"some\":{\"avg10\":0.0,\"avg60\":0.9,\"avg300\":4.05,"
          "\"total\":153.754546},\"full\":{\"avg10\":0.0,\"avg60\":0.0,"
          "\"avg300\":0.0,\"total\":0.0}},"
          "\"memory\":{\"some\":{\"avg10\":0.0,\"avg60\":0.0,\"avg300\":0.0,"
          "\"total\":0.0},\"full\":{\"avg10\":0.0,\"avg60\":0.0,"
          "\"avg300\":0.0,\"total\":0.0}},"
          "\"io\":{\"some\":{\"avg10\":0.0,\"avg60\":0.05,\"avg300\":0.2,"
          "\"total\":15.897842},\"full\":{\"avg10\":0.0,\"avg60\":0.02,"
          "\"avg300\":0.18,\"total\":14.844143}}}}" },

        /* memory of the limit; pressure of our own group, not the slice's */

        { "t/unit/data/v2-slices", "", 9,
          "{\"scope\":\"cgroup\",\"cpu_percent\":null,\"cores\":0.5,"
          "\"memory_total\":1073741824,\"memory_used\":619999993,"
          "\"swap_total\":null,\"swap_used\":null,\"uptime\":null,"
          "\"load1\":1.0,\"load5\":1.5,\"load15\":2.0,\"pressure\":{"
          "\"cpu\":{\"some\":{\"avg10\":24.0,\"avg60\":12.0,\"avg300\":6.0,"
          "\"total\":24.0},\"full\":{\"avg10\":3.0,\"avg60\":1.5,"
          "\"avg300\":0.0,\"total\":3.0}},"
          "\"memory\":{\"some\":{\"avg10\":24.0,\"avg60\":12.0,"
          "\"avg300\":6.0,\"total\":24.0},\"full\":{\"avg10\":3.0,"
          "\"avg60\":1.5,\"avg300\":0.0,\"total\":3.0}},"
          "\"io\":{\"some\":{\"avg10\":24.0,\"avg60\":12.0,\"avg300\":6.0,"
          "\"total\":24.0},\"full\":{\"avg10\":3.0,\"avg60\":1.5,"
          "\"avg300\":0.0,\"total\":3.0}}}}" },

        { "t/unit/data/linux-3.10",
          "\"/proc/meminfo\" has no valid MemAvailable", 822.78,
          "{\"scope\":\"host\",\"cpu_percent\":null,\"cores\":2.0,"
          "\"memory_total\":3975233536,\"memory_used\":null,"
          "\"swap_total\":null,\"swap_used\":null,\"uptime\":null,"
          "\"load1\":0.0,\"load5\":0.01,\"load15\":0.05,\"pressure\":{"
          "\"cpu\":null,\"memory\":null,\"io\":null}}" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        h = caphealth_host_create(table[i].root);
        facts = look(h, &a);

        /* the counters tell when they were read */

        assert_true(facts.cpu_basis >= 0);
        assert_true(facts.cpu_clock > 0);
        assert_true(facts.cpu_total > 0);
        assert_true(fabs(facts.cpu_busy - table[i].busy) < 1e-9);

        text = json_dumps(a.data, JSON_COMPACT|JSON_REAL_PRECISION(15));
        assert_non_null(text);

        assert_string_equal(a.error.text, table[i].error);
        assert_string_equal(text, table[i].data);

        free(text);
        caphealth_host_destroy(h);
    }

    json_decref(a.data);
}


static void
put_quota(const char *quota, const char *usage)
{
    char  text[64];

    (void) snprintf(text, sizeof(text), "%s 100000\n", quota);
    tree_put("/sys/fs/cgroup/cpu.max", text);

    (void) snprintf(text, sizeof(text), "usage_usec %s\n", usage);
    tree_put("/sys/fs/cgroup/cpu.stat", text);
}


static int
cpu_unknown(caphealth_host_t *h, seen_t *a)
{
    look(h, a);
    assert_non_null(a->data);

    return json_is_null(json_object_get(a->data, "cpu_percent"));
}


/* what was counted under another limit, or under none, means nothing */

static void
limit_comes(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    (void) state;

    tree_put("/proc/self/cgroup", "0::/\n");
    tree_put("/proc/self/mountinfo",
             "41 35 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");

    assert_true(cpu_unknown(h, &a));
    tree_put("/proc/stat", "cpu 200 0 100 900 0 0 0 0\ncpu0 1\ncpu1 1\n");
    assert_false(cpu_unknown(h, &a));
    assert_true(fabs(number(&a, "cpu_percent") - 50.0) < 1e-9);

    put_quota("100000", "1000000");
    assert_true(cpu_unknown(h, &a));
    assert_false(cpu_unknown(h, &a));
    assert_true(number(&a, "cpu_percent") == 0);

    put_quota("max", "1000000");
    tree_put("/proc/stat", "cpu 300 0 100 900 0 0 0 0\ncpu0 1\ncpu1 1\n");
    assert_true(cpu_unknown(h, &a));
    tree_put("/proc/stat", "cpu 310 0 100 930 0 0 0 0\ncpu0 1\ncpu1 1\n");
    assert_false(cpu_unknown(h, &a));
    assert_true(fabs(number(&a, "cpu_percent") - 25.0) < 1e-9);

    /* nothing passed, then a look that failed */

    assert_true(cpu_unknown(h, &a));
    tree_put("/proc/stat", "cpu 3");
    assert_true(cpu_unknown(h, &a));
    assert_string_equal(a.error.text, "\"/proc/stat\" is not as expected");
    assert_true(json_is_null(json_object_get(a.data, "cores")));
    tree_put("/proc/stat", "cpu 410 0 100 930 0 0 0 0\ncpu0 1\ncpu1 1\n");
    assert_true(cpu_unknown(h, &a));
    tree_put("/proc/stat", "cpu 510 0 100 930 0 0 0 0\ncpu0 1\ncpu1 1\n");
    assert_false(cpu_unknown(h, &a));
    assert_true(number(&a, "cpu_percent") == 100);

    json_decref(a.data);
    caphealth_host_destroy(h);
}


/* a part that cannot be read leaves the others alone */

static void
parts(void **state)
{
    size_t               i, j;
    seen_t               a = { 0 };
    caphealth_host_t    *h;

    static const char *const  members[] = {
        "cores", "memory_total", "memory_used", "load1", "load5", "load15"
    };

    static const struct {
        const char  *path;
        const char  *text;
        const char  *error;
        unsigned     unknown;    /* a bit for each of the members */
    } table[] = {
        { "/proc/stat", "cpu  100 0 100 8",
          "\"/proc/stat\" is not as expected", 0x01 },
        { "/proc/stat", "", "\"/proc/stat\" is not as expected", 0x01 },
        { "/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 12",
          "\"/proc/meminfo\" is not as expected", 0x06 },
        { "/proc/meminfo", "MemTotal: 10 kB\nMemAvailable: 11 kB\n",
          "\"/proc/meminfo\" has no valid MemAvailable", 0x04 },
        { "/proc/loadavg", "0.50 0.2",
          "\"/proc/loadavg\" is not as expected", 0x38 },
        { "/proc/loadavg", "nan nan nan 1/2 3\n",
          "\"/proc/loadavg\" is not as expected", 0x38 }
    };

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tree_remove();
        assert_int_equal(make(state), 0);
        tree_put(table[i].path, table[i].text);

        h = caphealth_host_create(tree_root);
        look(h, &a);

        assert_string_equal(a.error.text, table[i].error);

        for (j = 0; j < sizeof(members) / sizeof(members[0]); j++) {
            assert_int_equal(json_is_null(json_object_get(a.data,
                                                          members[j])),
                             (table[i].unknown >> j) & 1);
        }

        caphealth_host_destroy(h);
    }

    json_decref(a.data);
}


/* one part is enough for an answer */

static void
last_part(void **state)
{
    size_t               i, j;
    seen_t               a = { 0 };
    caphealth_host_t    *h;

    static const struct {
        const char  *path;
        const char  *text;
        const char  *member;
    } table[] = {
        { "/proc/stat", "cpu 1 2 3 4 5 6 7 8\ncpu0 1\n", "cores" },
        { "/proc/meminfo", "MemTotal: 5 kB\n", "memory_total" },
        { "/proc/loadavg", "1 2 3 1/2 3\n", "load15" },
        { "/sys/fs/cgroup/memory.max", "4096\n", "memory_total" },
        { "/sys/fs/cgroup/cpu.max", "50000 100000\n", "cores" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tree_remove();
        (void) tree_make();

        tree_put("/proc/self/cgroup", "0::/\n");
        tree_put("/proc/self/mountinfo",
                 "41 35 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");

        h = caphealth_host_create(tree_root);
        look(h, &a);
        assert_null(a.data);
        assert_string_not_equal(a.error.text, "");

        tree_put(table[i].path, table[i].text);

        for (j = 0; j < 2; j++) {
            look(h, &a);
            assert_non_null(a.data);
            assert_true(number(&a, table[i].member) > 0);
            assert_string_not_equal(a.error.text, "");
        }

        caphealth_host_destroy(h);
    }

    json_decref(a.data);
}


/* "no limit" is no limit, even when the host's own memory is unknown */

static void
memory_unknown(void **state)
{
    seen_t               a = { 0 };
    caphealth_host_t    *h = caphealth_host_create(tree_root);

    (void) state;

    tree_put("/proc/meminfo", "");
    tree_put("/proc/self/cgroup", "5:memory:/a\n");
    tree_put("/proc/self/mountinfo",
             "40 35 0:30 / /m rw - cgroup cgroup rw,memory\n");
    tree_put("/m/a/memory.limit_in_bytes", "9223372036854771712\n");
    tree_put("/m/a/memory.usage_in_bytes", "4096\n");
    tree_put("/m/a/memory.stat", "total_inactive_file 0\n");

    look(h, &a);

    assert_string_equal(a.error.text, "\"/proc/meminfo\" is not as expected");
    assert_string_equal(scope(&a), "host");
    assert_true(json_is_null(json_object_get(a.data, "memory_total")));
    assert_true(json_is_null(json_object_get(a.data, "memory_used")));

    /* a limit whose use cannot be determined */

    tree_put("/m/a/memory.limit_in_bytes", "8192\n");
    tree_put("/m/a/memory.usage_in_bytes", "max\n");
    look(h, &a);

    assert_string_equal(scope(&a), "cgroup");
    assert_true(number(&a, "memory_total") == 8192);
    assert_true(json_is_null(json_object_get(a.data, "memory_used")));
    assert_non_null(strstr(a.error.text, "\"memory.usage_in_bytes\" of the"
                           " control group is missing or not as expected"));

    json_decref(a.data);
    caphealth_host_destroy(h);
}


#define TREE_TEST(f)  cmocka_unit_test_setup_teardown(f, make, tree_teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(recorded),
        TREE_TEST(limit_comes),
        TREE_TEST(parts),
        TREE_TEST(last_part),
        TREE_TEST(memory_unknown)
    };

    return cmocka_run_group_tests_name("host_looks", tests, NULL, NULL);
}
