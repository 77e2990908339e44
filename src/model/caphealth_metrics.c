
/*
 * Metrics: what moves with the facts.
 */

#include <math.h>

#include "caphealth_metrics_rows.h"
#include "caphealth_number.h"


/* a source, as the metrics look at it */

typedef struct {
    caphealth_label_t  labels[2];    /* its kind, and which of that kind */
    double             up;           /* NAN: nobody asked for it */
    double             stale;
    double             seconds;
    double             succeeded;
    double             failures;
} caphealth_collector_t;


static void caphealth_each_collector(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_system(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_scope(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_stall(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_filesystem(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_reachable(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_engine(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_database(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_table(caphealth_scrape_t *s,
    const caphealth_row_t *row);

static double caphealth_read_memory(const void *system);
static double caphealth_read_usage(const void *disk);

static void caphealth_collector_of(caphealth_collector_t *c,
    const caphealth_section_t *section, double now);


#define caphealth_system_row(name, unit, help, read, field)                  \
    { { "caphealth_" name, CAPHEALTH_GAUGE, unit, help },                    \
      caphealth_each_system, caphealth_read_##read,                          \
      offsetof(caphealth_system_t, field) }

#define caphealth_filesystem_row(name, unit, help, read, field)              \
    { { "caphealth_filesystem_" name, CAPHEALTH_GAUGE, unit, help },         \
      caphealth_each_filesystem, caphealth_read_##read,                      \
      offsetof(caphealth_disk_t, field) }

#define caphealth_collector_row(name, type, unit, help, read, field)         \
    { { "caphealth_collector_" name, type, unit, help },                     \
      caphealth_each_collector, caphealth_read_##read,                       \
      offsetof(caphealth_collector_t, field) }

#define caphealth_database_row(name, unit, help, field)                      \
    { { "caphealth_" name, CAPHEALTH_GAUGE, unit, help },                    \
      caphealth_each_database, caphealth_read_count,                         \
      offsetof(caphealth_database_t, field) }


static const caphealth_row_t  caphealth_facts_rows[] = {

    caphealth_collector_row("up", CAPHEALTH_GAUGE, NULL,
        "Whether the last look at a source brought data, and in time.",
        real, up),

    caphealth_collector_row("stale", CAPHEALTH_GAUGE, NULL,
        "Whether the data of a source is older than three intervals.",
        real, stale),

    caphealth_collector_row("duration_seconds", CAPHEALTH_GAUGE, "seconds",
        "How long the last look at a source took; the last full scan of an "
        "image tree.", real, seconds),

    caphealth_collector_row("last_success_timestamp_seconds", CAPHEALTH_GAUGE,
        "seconds",
        "When the data of a source was read; the last full scan of an image "
        "tree ended.", time, succeeded),

    caphealth_collector_row("failures", CAPHEALTH_COUNTER, NULL,
        "Looks at a source that brought no data.", real, failures),

    { { "caphealth_system", CAPHEALTH_INFO, NULL,
        "What CPU and memory are measured against: the host, or a limit of "
        "a control group." },
      caphealth_each_scope, NULL, 0 },

    caphealth_system_row("cpu_utilization_ratio", "ratio",
        "CPU time in use, of caphealth_cpu_cores, since the look before.",
        percent, cpu_percent),

    caphealth_system_row("cpu_mean_ratio", "ratio",
        "CPU time in use over caphealth_cpu_window, without converters at "
        "idle priority: what the threshold judges.", percent, cpu_mean),

    caphealth_system_row("cpu_converters_ratio", "ratio",
        "CPU time that converters at idle priority took, over the same time.",
        percent, cpu_converters),

    caphealth_system_row("cpu_cores", NULL,
        "CPUs that may be used; a fraction under a quota.", real, cores),

    caphealth_system_row("load1", NULL, "Load average over 1 minute.",
        real, load1),
    caphealth_system_row("load5", NULL, "Load average over 5 minutes.",
        real, load5),
    caphealth_system_row("load15", NULL, "Load average over 15 minutes.",
        real, load15),

    caphealth_system_row("memory_size_bytes", "bytes",
        "Memory that may be used.", count, memory_total),

    caphealth_system_row("memory_used_bytes", "bytes",
        "Memory in use that cannot be reclaimed.", count, memory_used),

    { { "caphealth_memory_utilization_ratio", CAPHEALTH_GAUGE, "ratio",
        "Memory in use that cannot be reclaimed, of what may be used." },
      caphealth_each_system, caphealth_read_memory, 0 },

    { { "caphealth_pressure_stalled_seconds", CAPHEALTH_COUNTER, "seconds",
        "Time in which some, or all (full), tasks waited for a resource." },
      caphealth_each_stall, caphealth_read_real,
      offsetof(caphealth_stall_t, total) },

    caphealth_filesystem_row("size_bytes", "bytes",
        "Size of a file system.", count, total),
    caphealth_filesystem_row("used_bytes", "bytes",
        "Space in use in a file system.", count, used),
    caphealth_filesystem_row("avail_bytes", "bytes",
        "Space in a file system that is available to others than root.",
        count, available),

    { { "caphealth_filesystem_utilization_ratio", CAPHEALTH_GAUGE, "ratio",
        "Space in use, of what is in use or available to others than root." },
      caphealth_each_filesystem, caphealth_read_usage, 0 },

    caphealth_filesystem_row("files", NULL,
        "Inodes of a file system; 0: no fixed number.", count, inodes),
    caphealth_filesystem_row("files_free", NULL,
        "Free inodes of a file system.", count, inodes_free),
    caphealth_filesystem_row("readonly", NULL,
        "Whether a file system is mounted read-only.", flag, read_only),

    { { "caphealth_database_up", CAPHEALTH_GAUGE, NULL,
        "Whether the last look at the database brought an answer." },
      caphealth_each_reachable, NULL, 0 },

    { { "caphealth_database", CAPHEALTH_INFO, NULL,
        "The engine of the database, and its version." },
      caphealth_each_engine, NULL, 0 },

    caphealth_database_row("database_size_bytes", "bytes",
        "Size of the database.", size),

    { { "caphealth_database_rows", CAPHEALTH_GAUGE, NULL,
        "Rows of a table." },
      caphealth_each_table, caphealth_read_count, 0 },

    caphealth_database_row("orders_this_month", NULL,
        "Orders since the first of this month, 00:00:00 UTC.",
        orders_this_month),

    caphealth_database_row("active_vendors", NULL,
        "Vendors that are active.", active_vendors)
};


char *
caphealth_metrics_facts(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_build_t *build, double now,
    caphealth_dialect_e dialect, size_t *len)
{
    caphealth_scrape_t      scrape = { .facts = f, .policy = p,
                                       .build = build, .now = now };
    caphealth_assessment_t  assessment;

    if (caphealth_exposition_open(&scrape.out, dialect) == -1) {
        return NULL;
    }

    caphealth_assess(&assessment, f, p, now);

    scrape.assessment = &assessment;

    caphealth_rows_judged(&scrape);
    caphealth_rows_write(&scrape, caphealth_facts_rows,
                         caphealth_count_of(caphealth_facts_rows));

    return caphealth_exposition_close(&scrape.out, len);
}


static void
caphealth_each_collector(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t                         i;
    caphealth_collector_t          c;
    const caphealth_root_t        *root;
    const caphealth_disk_facts_t  *disk;

    c.labels[0] = (caphealth_label_t) { "collector", "system" };
    c.labels[1] = (caphealth_label_t) { NULL, NULL };
    caphealth_collector_of(&c, &s->facts->system.section, s->now);
    caphealth_row_sample(s, row, &c, c.labels, 2);

    c.labels[0].value = "database";
    caphealth_collector_of(&c, &s->facts->database.section, s->now);
    caphealth_row_sample(s, row, &c, c.labels, 2);

    c.labels[0].value = "disk";
    c.labels[1].name = "mountpoint";

    for (i = 0; (disk = caphealth_facts_mount(s->facts, i)) != NULL; i++) {
        c.labels[1].value = disk->path;
        caphealth_collector_of(&c, &disk->section, s->now);
        caphealth_row_sample(s, row, &c, c.labels, 2);
    }

    c.labels[0].value = "image_storage";
    c.labels[1].name = "root";

    for (i = 0; i < s->facts->images.value.nroots; i++) {
        root = &s->facts->images.value.roots[i];

        if (root->scans == NULL) {
            continue;
        }

        caphealth_collector_of(&c, root->scans, s->now);

        /* counted as it changes, and only looked at now and then */

        c.labels[1].value = root->path;
        c.up = (root->source != NULL && !root->scans->failed);
        c.stale = 0;
        c.seconds = (root->scanned_at > 0) ? root->scan_seconds : NAN;
        c.succeeded = root->scanned_at;

        caphealth_row_sample(s, row, &c, c.labels, 2);
    }
}


static void
caphealth_collector_of(caphealth_collector_t *c,
    const caphealth_section_t *section, double now)
{
    if (!section->configured) {
        c->up = c->stale = c->seconds = c->succeeded = c->failures = NAN;
        return;
    }

    c->stale = caphealth_section_stale(section, now);
    c->up = caphealth_section_known(section) && !section->failed && !c->stale;
    c->seconds = (section->attempted_at > 0) ? section->seconds : NAN;
    c->succeeded = section->collected_at;
    c->failures = (double) section->failures;
}


static void
caphealth_each_system(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    caphealth_row_sample(s, row, &s->facts->system.value, NULL, 0);
}


static double
caphealth_read_memory(const void *system)
{
    const caphealth_system_t  *v = system;

    return caphealth_share(v->memory_used, v->memory_total) / 100;
}


static void
caphealth_each_scope(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    caphealth_label_t  scope = {
        "scope", caphealth_known(s->facts->system.value.scope)
    };

    (void) row;

    caphealth_exposition_sample(&s->out, NULL, &scope, 1,
                                scope.value == NULL ? NAN : 1);
}


static void
caphealth_each_stall(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t             i;
    const char        *pressure;
    caphealth_label_t  labels[2] = { { "resource", NULL }, { "kind", NULL } };

    static const caphealth_part_t  resources[] = {
        { "cpu", offsetof(caphealth_system_t, pressure_cpu) },
        { "memory", offsetof(caphealth_system_t, pressure_memory) },
        { "io", offsetof(caphealth_system_t, pressure_io) }
    };

    for (i = 0; i < caphealth_count_of(resources); i++) {
        labels[0].value = resources[i].name;

        pressure = (const char *) &s->facts->system.value
                   + resources[i].offset;

        labels[1].value = "some";
        caphealth_row_sample(s, row,
                             pressure + offsetof(caphealth_pressure_t, some),
                             labels, 2);

        labels[1].value = "full";
        caphealth_row_sample(s, row,
                             pressure + offsetof(caphealth_pressure_t, full),
                             labels, 2);
    }
}


static void
caphealth_each_filesystem(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t                         i;
    caphealth_label_t              mountpoint = { "mountpoint", NULL };
    const caphealth_disk_facts_t  *disk;

    for (i = 0; (disk = caphealth_facts_mount(s->facts, i)) != NULL; i++) {
        mountpoint.value = disk->path;
        caphealth_row_sample(s, row, &disk->value, &mountpoint, 1);
    }
}


static double
caphealth_read_usage(const void *disk)
{
    return caphealth_disk_usage(disk) / 100;
}


static void
caphealth_each_reachable(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    int  reachable;

    (void) row;

    reachable = caphealth_section_reachable(&s->facts->database.section);

    caphealth_exposition_sample(&s->out, NULL, NULL, 0,
                                caphealth_read_flag(&reachable));
}


static void
caphealth_each_engine(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    caphealth_label_t  labels[] = {
        { "engine", caphealth_known(s->facts->database.value.engine) },
        { "version", caphealth_known(s->facts->database.value.version) }
    };

    (void) row;

    caphealth_exposition_sample(&s->out, NULL, labels, 2,
                                labels[0].value == NULL ? NAN : 1);
}


static void
caphealth_each_database(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    caphealth_row_sample(s, row, &s->facts->database.value, NULL, 0);
}


static void
caphealth_each_table(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t             i;
    const char        *database;
    caphealth_label_t  table = { "table", NULL };

    static const caphealth_part_t  tables[] = {
        { "products", offsetof(caphealth_database_t, products_count) },
        { "orders", offsetof(caphealth_database_t, orders_count) },
        { "vendors", offsetof(caphealth_database_t, vendors_count) },
        { "inventory", offsetof(caphealth_database_t, inventory_count) }
    };

    database = (const char *) &s->facts->database.value;

    for (i = 0; i < caphealth_count_of(tables); i++) {
        table.value = tables[i].name;
        caphealth_row_sample(s, row, database + tables[i].offset, &table, 1);
    }
}
