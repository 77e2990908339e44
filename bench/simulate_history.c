
/*
 * For bench/history: three years of a busy platform, written by the collector's
 * own code.
 *
 *     simulate_history FILE SERIES
 *
 * As a collector that has run all the time would have left it: what is older
 * than the tiers of a short step is sampled less often, because their rows would
 * have been removed anyway.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "caphealth_history.h"


#define DAY    86400
#define YEARS  (3 * 1461 * 21600)


/* seconds before now, between two samples, between two writes */

static const struct {
    long  until;
    long  step;
    long  write;
} phases[] = {
    { 61 * DAY, 900, 6 * 3600 },
    { 2 * DAY + 3600, 60, 3600 },
    { 0, 10, 60 }
};


static const struct {
    const char  *name;
    const char  *unit;
    double       least;
    double       growth;     /* a day */
    double       day;        /* what a day and chance add */
} kinds[] = {
    { "cpu_percent", "percent", 12, 0, 40 },
    { "cpu_mean_percent", "percent", 12, 0, 30 },
    { "memory_percent", "percent", 40, 0, 6 },
    { "swap_percent", "percent", 1, 0, 1 },
    { "status", "status", 0, 0, 0 },
    { "database_size_gb", "GiB", 1, 0.02, 0.001 },
    { "products_count", "count", 20000, 790, 10 },
    { "orders_count", "count", 1000, 2100, 100 },
    { "vendors_count", "count", 100, 2, 0 },
    { "orders_this_month", "count", 0, 60, 500 },
    { "uploads_per_minute", "per_minute", 0, 0, 4 },
    { "upload_failures_per_minute", "per_minute", 0, 0, 0.1 },
    { "upload_p95_seconds", "seconds", 1, 0, 1 },
    { "converters_waiting", "count", 0, 0, 3 }
};

#define KINDS  (sizeof(kinds) / sizeof(kinds[0]))


static double
chance(void)
{
    static unsigned long long  x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;

    return (double) (x >> 11) / 9007199254740992.0;
}


/* beyond the named ones, file systems: half of them grow */

static void
add(caphealth_history_t *h, long i, double at, double age)
{
    char    path[64];
    double  wave;

    wave = 0.5 + 0.35 * sin(2 * M_PI * at / DAY) + 0.15 * chance();

    if (i < (long) KINDS) {
        caphealth_history_add(h, kinds[i].name, kinds[i].unit, at,
                              kinds[i].least + kinds[i].growth * age
                              + kinds[i].day * wave);
        return;
    }

    (void) snprintf(path, sizeof(path), "disk_percent:/srv/volume-%ld", i);
    caphealth_history_add(h, path, "percent", at,
                          20 + (double) (i % 2) * 0.03 * age + 2 * wave);
}


int
main(int argc, char **argv)
{
    long                  i, n, phase;
    double                at, now, begin, written;
    caphealth_history_t  *h;

    if (argc != 3) {
        fprintf(stderr, "usage: simulate_history FILE SERIES\n");
        return 2;
    }

    n = atol(argv[2]);
    h = caphealth_history_create(argv[1], 50 * 1024 * 1024, NULL, NULL);

    if (h == NULL) {
        return 1;
    }

    now = (double) time(NULL);
    begin = now - YEARS;
    phase = 0;
    written = begin;

    for (at = begin; at < now; at += (double) phases[phase].step) {
        while (now - at <= (double) phases[phase].until) {
            phase++;
        }

        for (i = 0; i < n; i++) {
            add(h, i, at, (at - begin) / DAY);
        }

        /* four events a day */

        if (fmod(at - begin, DAY / 4.0) < (double) phases[phase].step) {
            caphealth_history_event(h, &(caphealth_history_event_t) {
                .time = at, .kind = "status", .from = "healthy",
                .to = "critical",
                .text = "Disk usage: 95.1 percent, critical from 90 percent",
                .code = "threshold",
                .args = "{\"subject\":\"disk_percent\",\"unit\":\"percent\","
                        "\"current\":95.1,\"bound\":90}"
            });
        }

        if (at - written >= (double) phases[phase].write) {
            written = at;

            if (caphealth_history_write(h, at, at) == -1) {
                fprintf(stderr, "%s\n", caphealth_history_error(h));
                return 1;
            }
        }
    }

    if (caphealth_history_write(h, now, now) == -1) {
        fprintf(stderr, "%s\n", caphealth_history_error(h));
        return 1;
    }

    caphealth_history_destroy(h);

    return 0;
}
