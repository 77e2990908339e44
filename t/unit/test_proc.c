
/*
 * The parsers of /proc, on recorded text: whole, cut short, absurd.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_proc.h"


#define TEXT(s)  s, sizeof(s) - 1


static const char  stat_text[] =
    "cpu  2009 10 1727 106376 440 3 64 11 500 7\n"
    "cpu0 661 5 581 54070 17 1 9 2 250 3\n"
    "cpu1 1347 5 1145 52305 423 2 54 8 250 4\n"
    "intr 512034 0 9 0 0 0 0 0\n"
    "ctxt 1034567\n"
    "btime 1790000000\n";


static void
stat_whole(void **state)
{
    caphealth_proc_stat_t  s;

    (void) state;

    assert_int_equal(caphealth_proc_stat(TEXT(stat_text), &s), 0);
    assert_int_equal(s.cores, 2);

    /* the guests' 500 and 7 are in user and nice already */

    assert_int_equal(s.total, 2009 + 10 + 1727 + 106376 + 440 + 3 + 64 + 11);
    assert_int_equal(s.idle, 106376 + 440);
}


static void
stat_bad(void **state)
{
    size_t                  i;
    caphealth_proc_stat_t   s;

    static const char  *bad[] = {
        "",
        "\n\n\n",
        "cpu",
        "cpu \n",
        "cpu  1 2 3 4 5 6 7\ncpu0 1\n",
        "cpu  1 2 x 4 5 6 7 8\ncpu0 1\n",
        "cpu  1 2 -3 4 5 6 7 8\ncpu0 1\n",
        "cpu  99999999999999999999999 2 3 4 5 6 7 8\ncpu0 1\n",
        "cpu  18446744073709551615 18446744073709551615 3 4 5 6 7 8\ncpu0\n",
        "cpu  1 2 3 4 5 6 7 8\n",
        "cpu0 1 2 3 4 5 6 7 8\n"
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(caphealth_proc_stat(bad[i], strlen(bad[i]), &s), -1);
    }
}


/* every prefix, in memory of just that size: no byte beyond is looked at */

static void
prefixes(void **state)
{
    char                       *copy;
    size_t                      len;
    double                      load[3];
    uint64_t                    total, available;
    caphealth_proc_stat_t       s;
    caphealth_proc_pressure_t   p;

    (void) state;

    for (len = 0; len < sizeof(stat_text); len++) {
        copy = malloc(len + 1);
        assert_non_null(copy);
        copy = realloc(copy, len ? len : 1);
        memcpy(copy, stat_text, len);

        (void) caphealth_proc_stat(copy, len, &s);
        (void) caphealth_proc_meminfo(copy, len, &total, &available);
        (void) caphealth_proc_loadavg(copy, len, load);
        (void) caphealth_proc_pressure(copy, len, &p);

        free(copy);
    }
}


static void
cpu_percent(void **state)
{
    caphealth_proc_stat_t  from, to;

    (void) state;

    from = (caphealth_proc_stat_t) { .total = 1000, .idle = 900 };
    to = (caphealth_proc_stat_t) { .total = 1100, .idle = 975 };

    assert_true(fabs(caphealth_proc_cpu_percent(&from, &to) - 25.0) < 1e-9);

    /* nothing has passed */

    assert_true(isnan(caphealth_proc_cpu_percent(&from, &from)));

    /* iowait may go backwards, and with it the total */

    to = (caphealth_proc_stat_t) { .total = 1100, .idle = 890 };
    assert_true(fabs(caphealth_proc_cpu_percent(&from, &to) - 100.0) < 1e-9);

    to = (caphealth_proc_stat_t) { .total = 990, .idle = 950 };
    assert_true(isnan(caphealth_proc_cpu_percent(&from, &to)));

    to = (caphealth_proc_stat_t) { .total = 1010, .idle = 950 };
    assert_true(fabs(caphealth_proc_cpu_percent(&from, &to)) < 1e-9);
}


static void
meminfo(void **state)
{
    size_t    i;
    uint64_t  total, available;

    static const char  whole[] =
        "MemTotal:       24683656 kB\n"
        "MemFree:        23241332 kB\n"
        "MemAvailable:   24328752 kB\n"
        "Buffers:           32068 kB\n";

    static const char  *bad[] = {
        "",
        "MemTotal:       24683656 kB\nMemFree: 1 kB\n",
        "MemTotal: 10 kB\nMemAvailable: 11 kB\n",
        "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
        "MemTotal: 10\nMemAvailable: 5\n",
        "MemTotal: 10 MB\nMemAvailable: 5 MB\n",
        "MemTotal: 18014398509481984 kB\nMemAvailable: 5 kB\n",
        "MemTotal: -5 kB\nMemAvailable: 5 kB\n"
    };

    (void) state;

    assert_int_equal(caphealth_proc_meminfo(TEXT(whole), &total, &available),
                     0);
    assert_int_equal(total, 24683656ull * 1024);
    assert_int_equal(available, 24328752ull * 1024);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(caphealth_proc_meminfo(bad[i], strlen(bad[i]),
                                                &total, &available),
                         -1);
    }
}


static void
loadavg(void **state)
{
    size_t  i;
    double  load[3];

    static const char  *bad[] = {
        "", "0.20", "0.20 0.18", "0.20 x 0.12 1/80 3", "1e3 0.18 0.12",
        "nan 0.18 0.12", "-1 2 3", "1.1234567891 2 3", ". 2 3", "1. 2 3"
    };

    (void) state;

    assert_int_equal(caphealth_proc_loadavg(TEXT("0.20 10.18 0.1 1/80 3\n"),
                                            load),
                     0);
    assert_true(fabs(load[0] - 0.20) < 1e-9);
    assert_true(fabs(load[1] - 10.18) < 1e-9);
    assert_true(fabs(load[2] - 0.1) < 1e-9);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(caphealth_proc_loadavg(bad[i], strlen(bad[i]), load),
                         -1);
    }
}


static void
pressure(void **state)
{
    caphealth_proc_pressure_t  p;

    (void) state;

    assert_int_equal(caphealth_proc_pressure(TEXT(
        "some avg10=0.74 avg60=1.61 avg300=0.61 total=4358067\n"
        "full avg10=0.00 avg60=0.00 avg300=0.10 total=20\n"), &p), 0);

    assert_true(p.has_some && p.has_full);
    assert_true(fabs(p.some.avg10 - 0.74) < 1e-9);
    assert_true(fabs(p.some.total - 4.358067) < 1e-9);
    assert_true(fabs(p.full.avg300 - 0.1) < 1e-9);

    /* before Linux 5.13 there is no "full" for the CPU */

    assert_int_equal(caphealth_proc_pressure(TEXT(
        "some avg10=0.74 avg60=1.61 avg300=0.61 total=4358067\n"), &p), 0);
    assert_false(p.has_full);

    assert_int_equal(caphealth_proc_pressure(TEXT(""), &p), -1);
    assert_int_equal(caphealth_proc_pressure(TEXT("some avg10=1\n"), &p), -1);
    assert_int_equal(caphealth_proc_pressure(TEXT(
        "some avg10=x avg60=1.61 avg300=0.61 total=4358067\n"), &p), -1);
}


static void
cgroup(void **state)
{
    char  path[64];

    static const char  hybrid[] =
        "4:memory:/shop/nginx\n"
        "2:cpu,cpuacct:/shop\n"
        "0::/system.slice/nginx.service\n";

    (void) state;

    assert_int_equal(caphealth_proc_cgroup(TEXT(hybrid), "", path, 64), 0);
    assert_string_equal(path, "/system.slice/nginx.service");

    assert_int_equal(caphealth_proc_cgroup(TEXT(hybrid), "memory", path, 64),
                     0);
    assert_string_equal(path, "/shop/nginx");

    assert_int_equal(caphealth_proc_cgroup(TEXT(hybrid), "cpuacct", path, 64),
                     0);
    assert_string_equal(path, "/shop");

    assert_int_equal(caphealth_proc_cgroup(TEXT(hybrid), "pids", path, 64),
                     -1);
    assert_int_equal(caphealth_proc_cgroup(TEXT(hybrid), "", path, 8), -1);
    assert_int_equal(caphealth_proc_cgroup(TEXT("0:\n0\n:::\n"), "", path,
                                           64),
                     -1);
}


static void
cgroup_mount(void **state)
{
    char  mount[64], root[64];

    static const char  info[] =
        "36 35 98:0 / /proc rw - proc proc rw\n"
        "40 35 0:30 /docker/ab /sys/fs/cgroup/memory ro,nosuid master:11"
        " shared:5 - cgroup cgroup rw,memory\n"
        "41 35 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    (void) state;

    assert_int_equal(caphealth_proc_cgroup_mount(TEXT(info), "memory", mount,
                                                 root, 64),
                     0);
    assert_string_equal(mount, "/sys/fs/cgroup/memory");
    assert_string_equal(root, "/docker/ab");

    assert_int_equal(caphealth_proc_cgroup_mount(TEXT(info), "", mount, root,
                                                 64),
                     0);
    assert_string_equal(mount, "/sys/fs/cgroup/unified");
    assert_string_equal(root, "/");

    assert_int_equal(caphealth_proc_cgroup_mount(TEXT(info), "cpu", mount,
                                                 root, 64),
                     -1);
    assert_int_equal(caphealth_proc_cgroup_mount(TEXT("1 2 3 4 5 - cgroup2"),
                                                 "", mount, root, 64),
                     -1);
}


static void
numbers(void **state)
{
    int64_t  n;

    (void) state;

    assert_int_equal(caphealth_proc_number(TEXT("max\n"), &n), 0);
    assert_true(n == INT64_MAX);
    assert_int_equal(caphealth_proc_number(TEXT("-1\n"), &n), 0);
    assert_true(n == INT64_MAX);
    assert_int_equal(caphealth_proc_number(TEXT("18446744073709551615"), &n),
                     0);
    assert_true(n == INT64_MAX);
    assert_int_equal(caphealth_proc_number(TEXT("4711\n"), &n), 0);
    assert_int_equal(n, 4711);
    assert_int_equal(caphealth_proc_number(TEXT("-2\n"), &n), -1);
    assert_int_equal(caphealth_proc_number(TEXT(""), &n), -1);

    assert_int_equal(caphealth_proc_key(TEXT("a 1\nab 2\nb 3\n"), "ab", &n),
                     0);
    assert_int_equal(n, 2);
    assert_int_equal(caphealth_proc_key(TEXT("a 1\nb\n"), "b", &n), -1);
    assert_int_equal(caphealth_proc_key(TEXT("a 1\n"), "b", &n), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(stat_whole),
        cmocka_unit_test(stat_bad),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(cpu_percent),
        cmocka_unit_test(meminfo),
        cmocka_unit_test(loadavg),
        cmocka_unit_test(pressure),
        cmocka_unit_test(cgroup),
        cmocka_unit_test(cgroup_mount),
        cmocka_unit_test(numbers)
    };

    return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
