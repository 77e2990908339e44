
/*
 * What clients read, to the byte: each body of a set of facts, held against
 * t/unit/data/golden/STATE/BODY.  A change that is meant is written with
 * GOLDEN=write in the environment, and seen in the diff.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "caphealth_health_json.h"
#include "caphealth_report.h"
#include "caphealth_metrics.h"
#include "caphealth_threshold_forecasts.h"
#include "fleet.h"


#define GOLDEN  "t/unit/data/golden"


typedef struct {
    sample_t                 sample;
    caphealth_root_t         roots[2];
    caphealth_root_t         source;
    caphealth_section_t      scans[2];
    caphealth_activity_t     activity;
    caphealth_forecasts_t    forecasts;
    fleet_t                  fleet;
    double                   now;
} golden_t;


typedef struct {
    const char              *name;
    void                   (*make)(golden_t *g);
} golden_state_t;


static const caphealth_tally_t  golden_posts[] = {
    { "stored", 7 }, { "queue-full", 0 }
};

static const caphealth_tally_t  golden_deletes[] = { { "deleted", 2 } };


static const caphealth_store_activity_t  golden_store = {
    .root = "s3://shop/images",
    .requests = { { "ok", 21 }, { "away", 2 }, { "damaged", 1 } },
    .retries = 3,
    .sent = 2e6,
    .put = { { "ok", 7 }, { "away", 0 } },
    .removed = { { "ok", 2 }, { "not-found", 1 } },
    .seconds = { .buckets = { [4] = 6, [7] = 1 }, .sum = 1.5 },
    .under_way = 1
};


static void
golden_healthy(golden_t *g)
{
    size_t                i;
    caphealth_uploads_t  *uploads;

    memset(g, 0, sizeof(golden_t));

    sample_init(&g->sample);

    g->now = SAMPLE_NOW;
    g->sample.facts.node = "node-1";

    for (i = 0; i < 2; i++) {
        sample_section(&g->scans[i], 10);

        g->roots[i] = (caphealth_root_t) {
            .path = i == 0 ? "/srv/images" : "/srv/b", .source = "live",
            .files = 15, .bytes = 3 * GIB / 4, .complete = 5, .max_files = 6,
            .fullest = "ab/cd", .scanned_at = SAMPLE_THEN,
            .scan_seconds = 2.5, .disk = &g->sample.disks[1],
            .scans = &g->scans[i]
        };
    }

    g->sample.facts.images.value.roots = g->roots;
    g->sample.facts.images.value.nroots = 2;

    g->roots[0].ncounted = 2;
    g->roots[0].counted[0] = "original";
    g->roots[0].counted[1] = "800";
    g->roots[0].missing[1] = 3;
    g->roots[0].missing_known = 1;

    g->source = (caphealth_root_t) {
        .path = "/srv/sources", .images = "/srv/images", .source = "live",
        .files = 4, .bytes = GIB, .complete = 3, .incomplete = 1,
        .scanned_at = SAMPLE_THEN, .scan_seconds = 0.5,
        .scans = &g->scans[0]
    };

    g->sample.facts.images.value.sources = &g->source;
    g->sample.facts.images.value.nsources = 1;

    uploads = &g->activity.uploads;

    uploads->configured = 1;
    uploads->posts = golden_posts;
    uploads->nposts = 2;
    uploads->deletes = golden_deletes;
    uploads->ndeletes = 1;
    uploads->received = 1e6;
    uploads->written = 2e6;
    uploads->waiting = 3;
    uploads->starts = 4;
    uploads->deaths = 1;
    uploads->stages[CAPHEALTH_CONVERT].buckets[3] = 2;
    uploads->stages[CAPHEALTH_CONVERT].buckets[CAPHEALTH_BUCKETS] = 1;
    uploads->stages[CAPHEALTH_CONVERT].sum = 31.25;
}


static void
golden_nothing(golden_t *g)
{
    golden_healthy(g);
    sample_nothing(&g->sample);
    memset(&g->activity, 0, sizeof(caphealth_activity_t));
}


static void
golden_not_collected(golden_t *g)
{
    size_t  i;

    golden_healthy(g);
    sample_nothing(&g->sample);

    g->sample.facts.disks = g->sample.disks;
    g->sample.facts.ndisks = 2;

    g->sample.facts.system.section.configured = 1;
    g->sample.facts.system.section.interval = 10;
    g->sample.facts.database.section.configured = 1;
    g->sample.facts.database.section.interval = 60;
    g->sample.facts.images.section.configured = 1;

    for (i = 0; i < 2; i++) {
        caphealth_disk_clear(&g->sample.disks[i].value);
        memset(&g->sample.disks[i].section, 0, sizeof(caphealth_section_t));
        g->sample.disks[i].section.configured = 1;
        g->sample.disks[i].section.interval = 10;
        g->sample.disks[i].path = (i == 0) ? "/" : "/srv";
    }
}


static void
golden_stale(golden_t *g)
{
    golden_healthy(g);

    g->now = SAMPLE_NOW + 3600;
}


static void
golden_failed_section(caphealth_section_t *s, const char *error,
    const char *error_code)
{
    s->failed = 1;
    s->attempted_at = SAMPLE_THEN + 4;
    s->error = error;
    s->error_code = error_code;
    s->failures = 3;
    s->seconds = 1.5;
}


static void
golden_failed(golden_t *g)
{
    golden_healthy(g);

    golden_failed_section(&g->sample.facts.system.section,
                          "open() \"/proc/stat\" failed (13: Permission "
                          "denied)", "permission_denied");
    golden_failed_section(&g->sample.facts.database.section,
                          "connection refused", "database_unreachable");
    golden_failed_section(&g->sample.disks[0].section, "no answer in 5s",
                          "disk_failed");
    golden_failed_section(&g->scans[0], "open() \"/srv/images\" failed",
                          "images_failed");

    g->roots[0].error = g->scans[0].error;
    g->roots[0].error_code = g->scans[0].error_code;

    /* its numbers are those of the last good look; a part of them is absent */

    g->sample.facts.database.value.orders_count = CAPHEALTH_UNKNOWN;
    caphealth_disk_clear(&g->sample.disks[1].value);
    g->sample.disks[1].path = "/srv/images";
}


static void
golden_critical(golden_t *g)
{
    int  i;

    golden_healthy(g);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        sample_set(&g->sample, (caphealth_threshold_e) i,
                   g->sample.policy.bounds[i].critical);
    }

    g->sample.facts.database.value.vendors_count = 400;
}


static void
golden_warning(golden_t *g)
{
    int  i;

    golden_healthy(g);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        sample_set(&g->sample, (caphealth_threshold_e) i,
                   g->sample.policy.bounds[i].warning);
    }
}


static void
golden_hostile(golden_t *g)
{
    static char  vendors[] = "{\"\\\"<b>&\\n\":5,\"Zoë\":4,\"\":3}";

    golden_healthy(g);

    g->sample.facts.node = "no\"de\\\n";
    g->sample.disks[1].path = "/srv/\"a\\b\n</script>";
    g->roots[0].path = "/srv/\"a\\b\n</script>";
    g->roots[1].path = "/srv/{ü}";
    strcpy(g->sample.facts.database.value.version, "15.1 (\"x\\y\")");
    g->sample.facts.database.vendors = (caphealth_vendors_t) {
        .text = vendors, .len = sizeof(vendors) - 1
    };
    golden_failed_section(&g->sample.facts.database.section,
                          "column \"<script>\\\" does not exist\n",
                          "database_schema");
}


static void
golden_extreme(golden_t *g)
{
    caphealth_system_t    *system;
    caphealth_database_t  *database;

    golden_healthy(g);

    system = &g->sample.facts.system.value;
    database = &g->sample.facts.database.value;

    system->cpu_percent = 99.96;
    system->cores = 0.5;
    system->memory_total = INT64_MAX;
    system->memory_used = INT64_MAX - 1;
    system->load1 = 12345.678;
    system->load5 = NAN;
    system->load15 = 0;
    strcpy(system->scope, "cgroup");

    database->size = INT64_C(1) << 53;
    database->products_count = INT64_C(1) << 53;
    database->orders_count = 0;
    database->vendors_count = 0;
    database->active_vendors = CAPHEALTH_UNKNOWN;
    database->orders_this_month = CAPHEALTH_UNKNOWN;
    memset(&g->sample.facts.database.vendors, 0, sizeof(caphealth_vendors_t));

    g->sample.disks[0].value.total = 1;
    g->sample.disks[0].value.used = 1;
    g->sample.disks[0].value.available = 0;

    g->roots[0].scanning_since = SAMPLE_THEN;
    g->roots[0].progress = 99.95;
    g->roots[0].source = "saved";
    g->roots[1].source = NULL;
    g->roots[1].files = CAPHEALTH_UNKNOWN;
    g->roots[1].disk = NULL;
    g->roots[1].scans = NULL;
}


/* what grows, what does not, what is full, and what is known for too short */

static void
golden_history(golden_t *g)
{
    int                         i;
    caphealth_history_facts_t  *h;

    golden_warning(g);

    g->activity.stores = &golden_store;
    g->activity.nstores = 1;

    h = &g->sample.facts.history.value;

    g->sample.facts.database.value.vendors_count = 460;

    sample_past(&g->sample, "products_count", 399500, 250, 300);
    sample_past(&g->sample, "vendors_count", 459, 1, 2);
    sample_past(&g->sample, "database_size_gb", 19.5, 0.004, 0.02);
    sample_past(&g->sample, "image_bytes:/srv/images", 700e9, 1e9, 2e9);
    sample_past(&g->sample, "image_bytes:/srv/b", 150e9, 1e8, 1e8);
    sample_past(&g->sample, "disk_percent:/", 68.5, 1.2, 0.8);
    sample_past(&g->sample, "disk_percent:/srv/images", 99.5, 0.5, 0.1);
    sample_past(&g->sample, "memory_percent", 60, 0, 5);
    sample_past(&g->sample, "cpu_mean_percent", 40, 0.1, 20);
    sample_past(&g->sample, "disk_inodes_percent:/", 33, 0.01, 0);

    for (i = 0; i < CAPHEALTH_PAST_DAYS - 5; i++) {
        h->series[h->n - 1].days[i] = NAN;
    }

    g->sample.facts.disks[1].value.used = 99 * GIB;
    g->sample.facts.disks[1].value.available = GIB;

    caphealth_forecasts_update(&g->forecasts, &g->sample.facts,
                               &g->sample.policy, g->now);

    g->sample.facts.forecasts = &g->forecasts;
}


static void
golden_fleet(golden_t *g)
{
    golden_healthy(g);

    fleet_init(&g->fleet);
    fleet_state(&g->fleet, 1, CAPHEALTH_OVERALL_DEGRADED,
                "Memory Usage (%): 80.0 percent, warning from 75 percent");
    fleet_state(&g->fleet, 2, CAPHEALTH_OVERALL_CRITICAL, "\"<b>\n</script>");

    caphealth_event_args(&g->fleet.nodes[1].args, CAPHEALTH_EVENT_THRESHOLD,
                         "memory_percent", NULL);
    (void) strcpy(g->fleet.nodes[1].args.unit, "percent");
    g->fleet.nodes[1].args.numbers[0] = 80;
    g->fleet.nodes[1].args.numbers[1] = 75;

    g->fleet.nodes[3].age = 100;
    g->fleet.nodes[4].differs = 1;
    g->fleet.nodes[4].doubled = 1;
    g->fleet.nodes[4].clock_offset = NAN;

    g->sample.facts.fleet = g->fleet.sample.facts.fleet;
}


static const golden_state_t  golden_states[] = {
    { "healthy", golden_healthy },
    { "nothing", golden_nothing },
    { "not-collected", golden_not_collected },
    { "stale", golden_stale },
    { "failed", golden_failed },
    { "critical", golden_critical },
    { "warning", golden_warning },
    { "hostile", golden_hostile },
    { "extreme", golden_extreme },
    { "history", golden_history },
    { "fleet", golden_fleet }
};


/* takes the text */

static void
golden_body(const char *state, const char *body, char *text, size_t len)
{
    int     wrong;
    char    path[256], *expected;
    FILE   *file;
    size_t  n;

    assert_non_null(text);

    (void) snprintf(path, sizeof(path), GOLDEN "/%s", state);

    if (getenv("GOLDEN")) {
        assert_true(mkdir(GOLDEN, 0755) == 0 || errno == EEXIST);
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
    }

    (void) snprintf(path, sizeof(path), GOLDEN "/%s/%s", state, body);

    if (getenv("GOLDEN")) {
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, len, file), len);
        assert_int_equal(fclose(file), 0);
        free(text);
        return;
    }

    file = fopen(path, "r");
    assert_non_null(file);

    expected = malloc(len + 2);
    assert_non_null(expected);

    n = fread(expected, 1, len + 1, file);
    expected[n] = '\0';
    (void) fclose(file);

    wrong = (n != len || memcmp(text, expected, len) != 0);

    if (wrong) {
        print_error("%s: it should be\n%s\nand is\n%s\n", path, expected,
                    text);
    }

    free(expected);
    free(text);

    assert_false(wrong);
}


static void
bodies(void **state)
{
    char                   *text;
    size_t                  i, d, len;
    golden_t                g;
    const char             *name;
    caphealth_facts_t      *f;
    caphealth_policy_t     *p;

    static const caphealth_build_t   build = { "0.0.0", "1.22.1" };
    static const char *const         dialects[][4] = {
        { "facts.prometheus", "vendors.prometheus", "live.prometheus",
          "nodes.prometheus" },
        { "facts.openmetrics", "vendors.openmetrics", "live.openmetrics",
          "nodes.openmetrics" }
    };

    (void) state;

    for (i = 0; i < sizeof(golden_states) / sizeof(golden_state_t); i++) {
        golden_states[i].make(&g);

        name = golden_states[i].name;
        f = &g.sample.facts;
        p = &g.sample.policy;

        text = caphealth_report_health(f, p, g.now, &len);
        golden_body(name, "health.json", text, len);

        text = caphealth_report_capacity(f, p, g.now, &len);
        golden_body(name, "capacity.json", text, len);

        text = caphealth_health_json(f, p, g.now, &len);
        golden_body(name, "health+json.json", text, len);

        text = caphealth_report_statistics(f, g.now, &len);
        golden_body(name, "image-stats.json", text, len);

        if (f->fleet.section.configured) {
            text = caphealth_report_nodes(f, p, g.now, &len);
            golden_body(name, "nodes.json", text, len);
        }

        for (d = 0; d < CAPHEALTH_DIALECTS; d++) {
            text = caphealth_metrics_facts(f, p, &build, g.now,
                                           (caphealth_dialect_e) d, &len);
            golden_body(name, dialects[d][0], text, len);

            text = caphealth_metrics_vendors(&f->database.vendors, 2,
                                             (caphealth_dialect_e) d, &len);
            golden_body(name, dialects[d][1], text, len);

            text = caphealth_metrics_live(&f->images.value, &g.activity,
                                          (caphealth_dialect_e) d, &len);
            golden_body(name, dialects[d][2], text, len);

            if (f->fleet.section.configured) {
                text = caphealth_metrics_nodes(f, g.now,
                                               (caphealth_dialect_e) d, &len);
                golden_body(name, dialects[d][3], text, len);
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
