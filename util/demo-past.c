
/*
 * Thirty days of past for the demo, so that its charts and its forecasts have
 * something to show.  All of it is made up, and an event says so.
 *
 *     demo-past FILE ROOT PRODUCTS ORDERS VENDORS DATABASE-BYTES
 *
 * FILE is the history that the collector goes on with; ROOT the image tree.  The
 * last numbers are those of the demo's shop and of this machine's disk, so that
 * there is no step where the real ones begin.
 */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#include "caphealth_history.h"


#define DAYS      30
#define DAY       86400.0

/* the past has a point each 10 minutes, and the last two days one a minute */
#define STEP      600.0
#define RECENT    (2 * DAY)
#define STEP_NOW  60.0

/* days before now: an afternoon of too much work, and a night's clean-up */
#define INCIDENT  9.4
#define HOURS     2.5


typedef struct {
    caphealth_history_t  *history;
    const char           *root;
    double                now;
    double                products;
    double                orders;
    double                vendors;
    double                database;      /* bytes */
    double                disk;          /* percent */
    double                inodes;
    uint64_t              seed;
} past_t;


/* -1 to 1; numbers of Knuth's MMIX */

static double
noise(past_t *p)
{
    p->seed = p->seed * UINT64_C(6364136223846793005)
              + UINT64_C(1442695040888963407);

    return (double) (int64_t) p->seed / 9223372036854775808.0;
}


/* 0 at night to 1 in the evening, less on Sundays */

static double
traffic(double at)
{
    double     hour, shape;
    time_t     t;
    struct tm  tm;

    t = (time_t) at;
    (void) localtime_r(&t, &tm);

    hour = tm.tm_hour + tm.tm_min / 60.0;
    shape = 0.5 - 0.5 * cos(2 * M_PI * (hour - 4) / 24);

    return shape * shape * (tm.tm_wday == 0 ? 0.6 : 1);
}


static void
add(past_t *p, const char *name, const char *unit, double at, double value)
{
    caphealth_history_add(p->history, name, unit, at, value);
}


static void
add_of(past_t *p, const char *name, const char *path, const char *unit,
    double at, double value)
{
    char  full[CAPHEALTH_HISTORY_NAME];

    (void) snprintf(full, sizeof(full), "%s:%s", name, path);

    add(p, full, unit, at, value);
}


static int
incident(past_t *p, double at)
{
    double  begun;

    begun = p->now - INCIDENT * DAY;

    return at >= begun && at < begun + HOURS * 3600;
}


static void
sample(past_t *p, double at)
{
    int     bad;
    double  ago, busy, cpu;

    ago = (p->now - at) / DAY;
    busy = traffic(at);
    bad = incident(p, at);

    cpu = bad ? 93 + 3 * noise(p) : 6 + 34 * busy + 3 * noise(p);

    add(p, "cpu_percent", "percent", at, cpu);
    add(p, "cpu_mean_percent", "percent", at, cpu);
    add(p, "memory_percent", "percent", at,
        38 + 9 * busy + 0.8 * noise(p) + (bad ? 14 : 0));

    add_of(p, "disk_percent", "/", "percent", at,
           fmax(1, p->disk - 0.35 * ago + 0.02 * noise(p)));
    add_of(p, "disk_percent", p->root, "percent", at,
           fmax(1, p->disk - 0.35 * ago + 0.02 * noise(p)));
    add_of(p, "disk_inodes_percent", "/", "percent", at,
           fmax(0.1, p->inodes - 0.02 * ago));
    add_of(p, "disk_inodes_percent", p->root, "percent", at,
           fmax(0.1, p->inodes - 0.02 * ago));

    add(p, "products_count", "count", at, floor(p->products - 900 * ago));
    add(p, "orders_count", "count", at, floor(p->orders - 1100 * ago));
    add(p, "vendors_count", "count", at, floor(p->vendors - 0.4 * ago));
    add(p, "database_size_gb", "GiB", at,
        (p->database - 130e3 * ago) / 1073741824);

    add(p, "uploads_per_minute", "per_minute", at,
        fmax(0, 5 * busy + 0.6 * noise(p)));
    add(p, "upload_failures_per_minute", "per_minute", at,
        fmax(0, 0.05 * busy + 0.03 * noise(p)));
    add(p, "converters_waiting", "count", at, busy > 0.9 ? 1 : 0);
    add(p, "status", "status", at, bad ? 2 : 0);
}


static void
event(past_t *p, double at, const char *kind, const char *from,
    const char *to, const char *text, const char *code, const char *args)
{
    caphealth_history_event_t  e = {
        .time = at, .kind = kind, .from = from, .to = to, .text = text,
        .code = code, .args = args
    };

    caphealth_history_event(p->history, &e);
}


static int
write_past(past_t *p)
{
    double  at, begun, written;

    at = p->now - DAYS * DAY;
    begun = p->now - INCIDENT * DAY;
    written = at;

    event(p, begun, "status", "healthy", "critical",
          "CPU usage: 93 percent, critical from 90 percent", "threshold",
          "{\"subject\":\"cpu_percent\",\"unit\":\"percent\","
          "\"current\":93,\"bound\":90}");
    event(p, begun + HOURS * 3600, "status", "critical", "healthy", "",
          "all-healthy", "");
    event(p, p->now - 1, "history", "", "",
          "All before this is made up, for the demo", "", "");

    while (at < p->now) {
        sample(p, at);

        if (at - written > DAY / 2) {
            if (caphealth_history_write(p->history, at, at) == -1) {
                return -1;
            }

            written = at;
        }

        at += p->now - at > RECENT ? STEP : STEP_NOW;
    }

    return caphealth_history_write(p->history, p->now, p->now);
}


int
main(int argc, char **argv)
{
    int             rc;
    past_t          p = { .seed = 1 };
    struct statvfs  fs;

    if (argc != 7) {
        fprintf(stderr, "usage: demo-past FILE ROOT PRODUCTS ORDERS VENDORS "
                "DATABASE-BYTES\n");
        return 2;
    }

    p.root = argv[2];
    p.now = (double) time(NULL);
    p.products = atof(argv[3]);
    p.orders = atof(argv[4]);
    p.vendors = atof(argv[5]);
    p.database = atof(argv[6]);

    if (statvfs("/", &fs) == -1 || fs.f_blocks == 0) {
        perror("demo-past: statvfs() \"/\" failed");
        return 1;
    }

    p.disk = 100.0 * (double) (fs.f_blocks - fs.f_bfree)
             / (double) (fs.f_blocks - fs.f_bfree + fs.f_bavail);
    p.inodes = fs.f_files == 0 ? 0
               : 100.0 * (double) (fs.f_files - fs.f_ffree)
                 / (double) fs.f_files;

    p.history = caphealth_history_create(argv[1], 0, NULL, NULL);

    if (p.history == NULL) {
        fprintf(stderr, "demo-past: no memory\n");
        return 1;
    }

    rc = write_past(&p);

    if (rc == -1) {
        fprintf(stderr, "demo-past: %s\n", caphealth_history_error(p.history));
    }

    caphealth_history_destroy(p.history);

    return rc == -1 ? 1 : 0;
}
