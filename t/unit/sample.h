
/*
 * A platform in good health, for the tests to spoil.
 */

#ifndef SAMPLE_H
#define SAMPLE_H


#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_report.h"


#define SAMPLE_THEN  1000000000.75       /* 2001-09-09T01:46:40Z */
#define SAMPLE_NOW   1000000005.0

#define MIB          (INT64_C(1024) * 1024)
#define GIB          (INT64_C(1024) * 1024 * 1024)


typedef struct {
    caphealth_facts_t        facts;
    caphealth_disk_facts_t   disks[2];
    caphealth_policy_t       policy;
} sample_t;


/* there is nothing to free */

#define SAMPLE_VENDORS  "{\"Zoë\":1000,\"Anna\":200,\"Unknown\":34}"

static const caphealth_vendors_t  sample_vendors = {
    .text = (char *) SAMPLE_VENDORS,
    .len = sizeof(SAMPLE_VENDORS) - 1
};


static inline void
sample_section(caphealth_section_t *s, double interval)
{
    s->configured = 1;
    s->collected_at = SAMPLE_THEN;
    s->attempted_at = SAMPLE_THEN;
    s->interval = interval;
}


static inline void
sample_init(sample_t *s)
{
    size_t  i;

    memset(s, 0, sizeof(sample_t));

    caphealth_policy_init(&s->policy);

    s->facts.node = "shop-1";
    s->facts.version = "0.0.0";

    sample_section(&s->facts.system.section, 10);
    sample_section(&s->facts.database.section, 60);
    sample_section(&s->facts.images.section, 60);

    s->facts.system.value = (caphealth_system_t) {
        .scope = "host",
        .cpu_percent = 21.5,
        .cpu_mean = 19.199999,
        .cpu_converters = 1.26,
        .cpu_seconds = 299.98,
        .cores = 4,
        .memory_total = 8 * GIB,
        .memory_used = 2 * GIB,
        .swap_total = 4 * GIB,
        .swap_used = GIB,
        .load1 = 0.126,
        .load5 = 0.994,
        .load15 = 1.256,
        .uptime = 86399.51,
        .pressure_cpu = { { 1.234, 2.346, 3, 4.0625 },
                          { NAN, NAN, NAN, NAN } },
        .pressure_memory = { { 0, 0, 0, 0 }, { 0, 0, 0.01, 1e6 } },
        .pressure_io = { { NAN, NAN, NAN, NAN }, { NAN, NAN, NAN, NAN } }
    };

    s->facts.disks = s->disks;
    s->facts.ndisks = 2;

    for (i = 0; i < 2; i++) {
        sample_section(&s->disks[i].section, 10);

        s->disks[i].path = (i == 0) ? "/" : "/srv/images";
        s->disks[i].value = (caphealth_disk_t) {
            .total = 100 * GIB,
            .used = 30 * GIB,
            .available = 60 * GIB,
            .inodes = (i == 0) ? 3000 : 0,
            .inodes_free = (i == 0) ? 2000 : 0,
            .read_only = (int) i
        };
    }

    s->facts.database.value = (caphealth_database_t) {
        .engine = "sqlite",
        .version = "3.40.1",
        .size = 12 * MIB + 512 * 1024,
        .products_count = 1234,
        .orders_count = 5678,
        .vendors_count = 12,
        .inventory_count = 0,
        .orders_this_month = 90,
        .active_vendors = 11
    };

    s->facts.database.vendors = sample_vendors;

    s->facts.images.value = (caphealth_images_t) {
        .files = 30,
        .bytes = 3 * GIB / 2,
        .max_files_per_dir = 6,
        .complete = 10
    };
}


/* nothing is configured, and nothing is known */

static inline void
sample_nothing(sample_t *s)
{
    memset(&s->facts, 0, sizeof(caphealth_facts_t));

    caphealth_system_clear(&s->facts.system.value);
    caphealth_database_clear(&s->facts.database.value);
    caphealth_images_clear(&s->facts.images.value);
}


/* sets what the threshold i looks at */

static inline void
sample_set(sample_t *s, caphealth_threshold_e i, double x)
{
    switch (i) {

    case CAPHEALTH_PRODUCTS_TOTAL:
        s->facts.database.value.products_count = (int64_t) x;
        break;

    case CAPHEALTH_STORAGE_GB:
        s->facts.images.value.bytes = (int64_t) (x * GIB);
        break;

    case CAPHEALTH_DB_SIZE_MB:
        s->facts.database.value.size = (int64_t) (x * MIB);
        break;

    case CAPHEALTH_DISK_PERCENT:
        s->disks[0].value.used = (int64_t) (x * 1e9);
        s->disks[0].value.available = (int64_t) ((100 - x) * 1e9);
        break;

    case CAPHEALTH_MEMORY_PERCENT:
        s->facts.system.value.memory_used = (int64_t) (x * 1e9);
        s->facts.system.value.memory_total = (int64_t) 100e9;
        break;

    case CAPHEALTH_CPU_PERCENT:
        s->facts.system.value.cpu_mean = x;
        break;

    case CAPHEALTH_THRESHOLDS:
        break;
    }
}


/*
 * A history of 59 days and of today, in which a series rises by step a day, up
 * to the value last yesterday, and is off the line by up to noise.
 */

static inline void
sample_past(sample_t *s, const char *name, double last, double step,
    double noise)
{
    int                         i;
    caphealth_past_t           *past;
    caphealth_history_facts_t  *h = &s->facts.history.value;

    static const double  off[] = { 0, 0.7, -0.4, 1, -1, 0.2, -0.6 };

    sample_section(&s->facts.history.section, 60);

    h->first_day = (int32_t) (SAMPLE_NOW / 86400) - (CAPHEALTH_PAST_DAYS - 1);

    past = &h->series[h->n++];

    (void) snprintf(past->name, sizeof(past->name), "%s", name);

    for (i = 0; i < CAPHEALTH_PAST_DAYS; i++) {
        past->days[i] = (float) (last + step * (i - CAPHEALTH_PAST_DAYS + 2)
                                 + noise * off[(i * 3 + i / 7) % 7]);
    }
}


#endif /* SAMPLE_H */
