
/*
 * What the kernel says in /proc, and what it never says.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bare.h"
#include "caphealth_file.h"
#include "caphealth_proc.h"


#define N(table)  (sizeof(table) / sizeof(table[0]))


static int
stat_parse(const char *text, caphealth_proc_stat_t *s)
{
    int    rc;
    char  *copy;

    copy = bare(text, strlen(text));
    rc = caphealth_proc_stat(copy, strlen(text), s);
    free(copy);

    return rc;
}


static void
test_stat(void **state)
{
    char                   *text;
    size_t                  len;
    caphealth_proc_stat_t   s;

    static const uint64_t   ticks[] = {
        79122, 0, 26777, 1142570, 1730, 0, 5070, 33
    };

    (void) state;

    text = caphealth_file_read("t/unit/data/host", "/proc/stat", &len);
    assert_non_null(text);

    assert_int_equal(caphealth_proc_stat(text, len, &s), 0);
    assert_int_equal(s.cores, 2);
    assert_memory_equal(s.ticks, ticks, sizeof(ticks));

    free(text);

    /* a kernel without guest time; a line that is no CPU's */

    assert_int_equal(stat_parse("cpu 1 2 3 4 5 6 7 8\ncpu7 1\ncpufreq 1\n"
                                "irq42 1\n", &s), 0);
    assert_int_equal(s.cores, 1);
    assert_int_equal(s.ticks[7], 8);
}


static void
test_stat_bad(void **state)
{
    size_t                  i;
    caphealth_proc_stat_t   s;

    static const char *const  table[] = {
        "",
        "\n",
        "cpu",
        "cpu\n",
        "cpu0 1 2 3 4 5 6 7 8\n",
        "cpu 1 2 3 4 5 6 7 8\n",
        "cpu 1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\n",
        "cpu 1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8",
        "cpu 1 2 3 4 -5 6 7 8\ncpu0 1\n",
        "cpu 1 2 3 4 5e3 6 7 8\ncpu0 1\n",
        "cpu 1 2 3 0x4 5 6 7 8\ncpu0 1\n",
        "cpu 1 2 3 18446744073709551616 5 6 7 8\ncpu0 1\n",
        "cpu 1 2 3 99999999999999999999999999 5 6 7 8\ncpu0 1\n",
        "cpu 1 2 3 2305843009213693952 5 6 7 8\ncpu0 1\n",
        "intr 1 2 3 4 5 6 7 8 9 10\n"
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        assert_int_equal(stat_parse(table[i], &s), -1);
    }
}


static void
test_cpu_percent(void **state)
{
    size_t                  i;
    double                  percent;
    caphealth_proc_stat_t   from, to;

    static const struct {
        const char  *from;
        const char  *to;
        double       percent;
    } table[] = {

        { "cpu 0 0 0 0 0 0 0 0\n", "cpu 10 10 10 50 10 5 3 2\n", 40 },
        { "cpu 5 5 5 5 5 5 5 5\n", "cpu 5 5 5 105 5 5 5 5\n", 0 },
        { "cpu 5 5 5 5 5 5 5 5\n", "cpu 5 5 5 5 105 5 5 5\n", 0 },
        { "cpu 5 5 5 5 5 5 5 5\n", "cpu 5 5 105 5 5 5 5 5\n", 100 },
        { "cpu 5 5 5 5 5 5 5 5\n", "cpu 5 5 5 5 5 5 5 105\n", 100 },

        /* guest time is in user and nice already */

        { "cpu 0 0 0 0 0 0 0 0 0 0\n", "cpu 30 20 0 50 0 0 0 0 30 20\n", 50 },

        /* iowait went backwards: it stood still; then all of them did */

        { "cpu 0 0 0 0 90 0 0 0\n", "cpu 25 0 0 75 10 0 0 0\n", 25 },
        { "cpu 0 0 0 90 0 0 0 0\n", "cpu 25 0 0 10 75 0 0 0\n", 25 },
        { "cpu 90 0 0 0 0 0 0 0\n", "cpu 10 0 50 50 0 0 0 0\n", 50 },
        { "cpu 9 9 9 9 9 9 9 9\n", "cpu 8 8 8 8 8 8 8 8\n", NAN },
        { "cpu 9 9 9 9 9 9 9 9\n", "cpu 9 9 9 9 9 9 9 9\n", NAN },

        /* as large as there may be */

        { "cpu 0 0 0 0 0 0 0 0\n",
          "cpu 2305843009213693951 2305843009213693951"
          " 2305843009213693951 2305843009213693951 2305843009213693951"
          " 2305843009213693951 2305843009213693951 2305843009213693951\n",
          75 }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        char  text[512];

        (void) snprintf(text, sizeof(text), "%scpu0 1\n", table[i].from);
        assert_int_equal(stat_parse(text, &from), 0);

        (void) snprintf(text, sizeof(text), "%scpu0 1\n", table[i].to);
        assert_int_equal(stat_parse(text, &to), 0);

        percent = caphealth_proc_cpu_percent(&from, &to);

        if (isnan(table[i].percent)) {
            assert_true(isnan(percent));

        } else {
            assert_true(fabs(percent - table[i].percent) < 1e-9);
        }
    }
}


static void
test_meminfo(void **state)
{
    int      rc;
    char    *copy;
    size_t   i;
    int64_t  total, available;

    static const struct {
        const char  *text;
        int64_t      total;
        int64_t      available;
    } table[] = {

        { "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n",
          1024000, 409600 },
        { "MemAvailable:\t0 kB\nMemTotal:\t1 kB\n", 1024, 0 },
        { "MemTotal: 5 kB\nMemAvailable: 5 kB\n", 5120, 5120 },
        { "MemTotal: 9007199254740991 kB\nMemAvailable: 1 kB\n",
          INT64_C(9223372036854774784), 1024 },

        /* Linux before 3.14 */

        { "MemTotal: 1000 kB\nMemFree: 1 kB\n", 1024000, -1 },

        { "MemTotal: 1000 kB\nMemAvailable: 1001 kB\n", 1024000, -1 },
        { "MemTotal: 1000 kB\nMemAvailable: -1 kB\n", 1024000, -1 },
        { "MemTotal: 1000 kB\nMemAvailable: 1\n", 1024000, -1 },
        { "MemTotal: 1000 kB\nMemAvailable:\n", 1024000, -1 },
        { "MemTotal: 1000 MB\nMemAvailable: 400 kB\n", -1, 409600 },
        { "MemTotal: 0 kB\nMemAvailable: 0 kB\n", -1, 0 },
        { "MemTotal: 9007199254740992 kB\nMemAvailable: 1 kB\n", -1, 1024 },
        { "MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB\n",
          -1, 1024 },
        { "MemTotal: 1000 kB\nMemAvailable: 400 k", -1, -1 },
        { "MemTotal: 1000 kB\nMemAvailable: 4", -1, -1 },
        { "XMemTotal: 1000 kB\nMemAvailableX: 400 kB\n", -1, -1 },
        { "", -1, -1 },
        { "\n\n", -1, -1 }
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        copy = bare(table[i].text, strlen(table[i].text));
        rc = caphealth_proc_meminfo(copy, strlen(table[i].text), &total,
                                    &available);
        free(copy);

        assert_int_equal(total, table[i].total);
        assert_int_equal(available, table[i].available);
        assert_int_equal(rc, total == -1 || available == -1 ? -1 : 0);
    }
}


static void
test_loadavg(void **state)
{
    char    *copy;
    double   load[3];
    size_t   i;

    static const char *const  bad[] = {
        "", "\n", "0.52\n", "0.52 0.58\n", "0.52 0.58 \n",
        "0.52 0.58 0.59", "0.52 0.58 0.59 1/80 1", "-0.52 0.58 0.59\n",
        "0,52 0,58 0,59\n", "nan 0.58 0.59\n", "1e3 0.58 0.59\n",
        "0.5.2 0.58 0.59\n", ". 0.58 0.59\n", "1. 0.58 0.59\n",
        ".5 0.58 0.59\n", "0.1234567890 0.58 0.59\n",
        "18446744073709551616.0 0.58 0.59\n", "0.52\n0.58\n0.59\n"
    };

    (void) state;

    assert_int_equal(caphealth_proc_loadavg("0.52 10.58 100 1/80 9\n", 22,
                                            load), 0);
    assert_true(fabs(load[0] - 0.52) < 1e-12);
    assert_true(fabs(load[1] - 10.58) < 1e-12);
    assert_true(fabs(load[2] - 100) < 1e-12);

    assert_int_equal(caphealth_proc_loadavg("0.123456789 1 2\n", 16, load),
                     0);
    assert_true(fabs(load[0] - 0.123456789) < 1e-12);

    for (i = 0; i < N(bad); i++) {
        copy = bare(bad[i], strlen(bad[i]));
        assert_int_equal(caphealth_proc_loadavg(copy, strlen(bad[i]), load),
                         -1);
        free(copy);
    }
}


static void
test_pressure(void **state)
{
    const char                 *text;
    caphealth_proc_pressure_t   p;

    (void) state;

    text = "some avg10=1.53 avg60=2.11 avg300=0.87 total=117111942\n"
           "full avg10=0.25 avg60=0.50 avg300=99.99 total=1\n";

    assert_int_equal(caphealth_proc_pressure(text, strlen(text), &p), 0);
    assert_int_equal(p.has_some, 1);
    assert_int_equal(p.has_full, 1);
    assert_true(fabs(p.some.avg10 - 1.53) < 1e-12);
    assert_true(fabs(p.some.avg60 - 2.11) < 1e-12);
    assert_true(fabs(p.some.avg300 - 0.87) < 1e-12);
    assert_true(fabs(p.some.total - 117.111942) < 1e-9);
    assert_true(fabs(p.full.avg10 - 0.25) < 1e-12);
    assert_true(fabs(p.full.avg60 - 0.5) < 1e-12);
    assert_true(fabs(p.full.avg300 - 99.99) < 1e-12);
    assert_true(fabs(p.full.total - 1e-6) < 1e-15);

    /* cpu has no "full" before Linux 5.13 */

    text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

    assert_int_equal(caphealth_proc_pressure(text, strlen(text), &p), 0);
    assert_int_equal(p.has_some, 1);
    assert_int_equal(p.has_full, 0);
}


static void
test_pressure_bad(void **state)
{
    char                       *copy;
    size_t                      i;
    caphealth_proc_pressure_t   p;

    static const char *const  table[] = {
        "",
        "\n",
        "some\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=-1\n",
        "some avg10=x avg60=0.00 avg300=0.00 total=0\n",
        "some avg10 avg60=0.00 avg300=0.00 total=0\n",
        "some avg60=0.00 avg10=0.00 avg300=0.00 total=0\n",
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=1.0\n"
    };

    (void) state;

    for (i = 0; i < N(table); i++) {
        copy = bare(table[i], strlen(table[i]));
        assert_int_equal(caphealth_proc_pressure(copy, strlen(table[i]), &p),
                         -1);
        free(copy);
    }
}


/*
 * Any file, cut anywhere: what does not end in a newline says nothing, to any
 * parser, and none of them reads past its end.
 */

static void
test_cut(void **state)
{
    char                       *text, *copy, path[64], other[64];
    double                      load[3];
    size_t                      i, len, cut;
    int64_t                     a, b;
    caphealth_proc_stat_t       s;
    caphealth_proc_pressure_t   p;

    static const char *const  files[] = {
        "/host/proc/meminfo",
        "/host/proc/loadavg",
        "/host/proc/pressure/io",
        "/v2-container/proc/stat",
        "/v2-container/sys/fs/cgroup/memory.stat",
        "/v2-container/sys/fs/cgroup/cpu.max",
        "/v1-docker/proc/self/cgroup",
        "/v1-docker/proc/self/mountinfo"
    };

    (void) state;

    for (i = 0; i < N(files); i++) {
        text = caphealth_file_read("t/unit/data", files[i], &len);
        assert_non_null(text);

        for (cut = 0; cut < len; cut++) {
            size_t  j;
            int     rc[11];

            copy = bare(text, cut);

            rc[0] = caphealth_proc_stat(copy, cut, &s);
            rc[1] = caphealth_proc_meminfo(copy, cut, &a, &b);
            rc[2] = caphealth_proc_loadavg(copy, cut, load);
            rc[3] = caphealth_proc_pressure(copy, cut, &p);
            rc[4] = caphealth_proc_cgroup(copy, cut, "memory", path,
                                          sizeof(path));
            rc[5] = caphealth_proc_cgroup_mount(copy, cut, "memory", path,
                                                other, sizeof(path));
            rc[6] = caphealth_proc_number(copy, cut, &a);
            rc[7] = caphealth_proc_limit(copy, cut, &a);
            rc[8] = caphealth_proc_quota(copy, cut, &a, &b);
            rc[9] = caphealth_proc_key(copy, cut, "inactive_file", &a);
            rc[10] = caphealth_proc_uptime(copy, cut, load);

            free(copy);

            for (j = 0; j < N(rc); j++) {
                if (cut == 0 || text[cut - 1] != '\n') {
                    assert_int_equal(rc[j], -1);
                }
            }
        }

        free(text);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_stat),
        cmocka_unit_test(test_stat_bad),
        cmocka_unit_test(test_cpu_percent),
        cmocka_unit_test(test_meminfo),
        cmocka_unit_test(test_loadavg),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_pressure_bad),
        cmocka_unit_test(test_cut)
    };

    return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
