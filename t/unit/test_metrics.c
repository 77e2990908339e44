
/*
 * The metrics: what each says of a sample, and that it says nothing of what is
 * not known.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "caphealth_metrics.h"
#include "sample.h"
#include "vendors.h"


static sample_t                   sample;
static caphealth_root_t           roots[2];
static caphealth_section_t        scans[2];
static caphealth_disk_facts_t     hidden;
static caphealth_activity_t       activity;
static char                      *text;

static const caphealth_build_t    build = { "0.1.0", "1.22.1" };

static const caphealth_tally_t    posts[] = {
    { "stored", 7 }, { "queue-full", 0 }
};

static const caphealth_tally_t    deletes[] = { { "deleted", 2 } };


static int
setup(void **state)
{
    (void) state;

    sample_init(&sample);

    memset(roots, 0, sizeof(roots));
    memset(scans, 0, sizeof(scans));
    memset(&hidden, 0, sizeof(hidden));
    memset(&activity, 0, sizeof(activity));

    sample_section(&scans[0], 10);
    sample_section(&scans[1], 10);
    sample_section(&hidden.section, 10);

    hidden.value = sample.disks[0].value;
    hidden.path = "/hidden";

    roots[0] = (caphealth_root_t) {
        .path = "/srv/images", .source = "live", .files = 30,
        .bytes = 3 * GIB / 2, .complete = 10, .max_files = 6, .incomplete = 1,
        .strays = 2, .stray_bytes = 20, .foreign = 3, .removed = 4,
        .removed_bytes = 40, .drift_files = 5, .drift_bytes = 50,
        .scanned_at = SAMPLE_THEN, .scan_seconds = 2.5,
        .scanning_since = SAMPLE_NOW, .progress = 25,
        .disk = &sample.disks[1], .scans = &scans[0]
    };

    roots[1] = (caphealth_root_t) {
        .path = "/srv/b", .disk = &hidden, .scans = &scans[1]
    };

    sample.facts.images.value.roots = roots;
    sample.facts.images.value.nroots = 2;

    activity.uploads.configured = 1;
    activity.uploads.posts = posts;
    activity.uploads.nposts = 2;
    activity.uploads.deletes = deletes;
    activity.uploads.ndeletes = 1;
    activity.uploads.received = 1e6;
    activity.uploads.written = 2e6;
    activity.uploads.waiting = 3;
    activity.uploads.starts = 4;
    activity.uploads.deaths = 1;
    activity.uploads.idle = 2.5;
    activity.uploads.stages[CAPHEALTH_CONVERT].buckets[0] = 1;
    activity.uploads.stages[CAPHEALTH_CONVERT].buckets[7] = 2;
    activity.uploads.stages[CAPHEALTH_CONVERT].buckets[CAPHEALTH_BUCKETS] = 4;
    activity.uploads.stages[CAPHEALTH_CONVERT].sum = 321.5;
    activity.restarts = 5;

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    free(text);
    text = NULL;

    return 0;
}


static void
facts(void)
{
    size_t  len;

    free(text);
    text = caphealth_metrics_facts(&sample.facts, &sample.policy, &build,
                                   SAMPLE_NOW, CAPHEALTH_PROMETHEUS, &len);
    assert_non_null(text);
    assert_int_equal(strlen(text), len);
}


static void
live(caphealth_dialect_e dialect)
{
    size_t  len;

    free(text);
    text = caphealth_metrics_live(&sample.facts.images.value, &activity,
                                  dialect, &len);
    assert_non_null(text);
    assert_int_equal(strlen(text), len);
}


static void
vendors(size_t n)
{
    size_t  len;

    free(text);
    text = caphealth_metrics_vendors(&sample.facts.database.vendors, n,
                                     CAPHEALTH_PROMETHEUS, &len);
    assert_non_null(text);
    assert_int_equal(strlen(text), len);
}


/* a whole line */

static int
there_is(const char *line)
{
    char    *p;
    size_t   len;

    len = strlen(line);

    for (p = strstr(text, line); p != NULL; p = strstr(p + 1, line)) {
        if ((p == text || p[-1] == '\n') && p[len] == '\n') {
            return 1;
        }
    }

    return 0;
}


static void
assert_lines(const char *const *lines, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!there_is(lines[i])) {
            fail_msg("there is no line\n%s\nin\n%s", lines[i], text);
        }
    }
}


#define assert_samples(...)                                                  \
    do {                                                                     \
        const char *const  lines[] = { __VA_ARGS__ };                        \
        assert_lines(lines, sizeof(lines) / sizeof(lines[0]));               \
    } while (0)


static void
assert_nothing_of(const char *name)
{
    if (strstr(text, name) != NULL) {
        fail_msg("there is a \"%s\" in\n%s", name, text);
    }
}


static void
of_the_facts(void **state)
{
    (void) state;

    facts();

    assert_samples(
        "caphealth_build_info{version=\"0.1.0\",nginx_version=\"1.22.1\"} 1",
        "caphealth_system_info{scope=\"host\"} 1",
        "caphealth_cpu_utilization_ratio 0.215",
        "caphealth_cpu_mean_ratio 0.19199998999999998",
        "caphealth_cpu_converters_ratio 0.0126",
        "caphealth_cpu_cores 4",
        "caphealth_load1 0.126",
        "caphealth_load15 1.256",
        "caphealth_memory_size_bytes 8589934592",
        "caphealth_memory_used_bytes 2147483648",
        "caphealth_memory_utilization_ratio 0.25",
        "caphealth_pressure_stalled_seconds_total{resource=\"cpu\","
        "kind=\"some\"} 4.0625",
        "caphealth_pressure_stalled_seconds_total{resource=\"memory\","
        "kind=\"full\"} 1000000",
        "caphealth_filesystem_size_bytes{mountpoint=\"/\"} 107374182400",
        "caphealth_filesystem_avail_bytes{mountpoint=\"/srv/images\"} "
        "64424509440",
        "caphealth_filesystem_files{mountpoint=\"/\"} 3000",
        "caphealth_filesystem_files_free{mountpoint=\"/\"} 2000",
        "caphealth_filesystem_readonly{mountpoint=\"/\"} 0",
        "caphealth_filesystem_readonly{mountpoint=\"/srv/images\"} 1",
        "caphealth_filesystem_readonly{mountpoint=\"/hidden\"} 0",
        "caphealth_database_up 1",
        "caphealth_database_info{engine=\"sqlite\",version=\"3.40.1\"} 1",
        "caphealth_database_size_bytes 13107200",
        "caphealth_database_rows{table=\"products\"} 1234",
        "caphealth_database_rows{table=\"orders\"} 5678",
        "caphealth_database_rows{table=\"vendors\"} 12",
        "caphealth_database_rows{table=\"inventory\"} 0",
        "caphealth_orders_this_month 90",
        "caphealth_active_vendors 11");

    assert_nothing_of("resource=\"io\"");
    assert_nothing_of("resource=\"cpu\",kind=\"full\"");
}


static void
of_the_judgement(void **state)
{
    (void) state;

    sample_set(&sample, CAPHEALTH_DISK_PERCENT, 70);
    facts();

    assert_samples(
        "caphealth_status{caphealth_status=\"degraded\","
        "status=\"degraded\"} 1",
        "caphealth_status{caphealth_status=\"healthy\",status=\"healthy\"} 0",
        "caphealth_status{caphealth_status=\"critical\","
        "status=\"critical\"} 0",
        "caphealth_status{caphealth_status=\"unknown\",status=\"unknown\"} 0",
        "caphealth_check_status{check=\"disk_percent\","
        "caphealth_check_status=\"warning\",status=\"warning\"} 1",
        "caphealth_check_status{check=\"disk_percent\","
        "caphealth_check_status=\"ok\",status=\"ok\"} 0",
        "caphealth_check_status{check=\"cpu_percent\","
        "caphealth_check_status=\"ok\",status=\"ok\"} 1",
        "caphealth_threshold_current{check=\"disk_percent\"} 0.7",
        "caphealth_threshold_current{check=\"cpu_percent\"} 0.192",
        "caphealth_threshold_current{check=\"storage_gb\"} 1610612736",
        "caphealth_threshold_current{check=\"db_size_mb\"} 13107200",
        "caphealth_threshold_current{check=\"products_total\"} 1234",
        "caphealth_threshold{check=\"disk_percent\",level=\"warning\"} 0.7",
        "caphealth_threshold{check=\"storage_gb\",level=\"limit\"} "
        "1073741824000",
        "caphealth_threshold{check=\"products_total\",level=\"critical\"} "
        "475000",
        "caphealth_infrastructure_tier{"
        "caphealth_infrastructure_tier=\"Starter\",tier=\"Starter\"} 1",
        "caphealth_infrastructure_tier{"
        "caphealth_infrastructure_tier=\"Enterprise\",tier=\"Enterprise\"} 0",
        "caphealth_tier_utilization_ratio{dimension=\"vendors\"} 0.24",
        "caphealth_tier_utilization_ratio{dimension=\"products\"} 0.1234");

    /* a tier without a bound is not used to any degree */

    sample.facts.database.value.vendors_count = 5000;
    facts();

    assert_samples(
        "caphealth_infrastructure_tier{"
        "caphealth_infrastructure_tier=\"Enterprise\",tier=\"Enterprise\"} 1");
    assert_nothing_of("caphealth_tier_utilization_ratio");
}


static void
of_the_collectors(void **state)
{
    caphealth_section_t  *database, *disk;

    (void) state;

    database = &sample.facts.database.section;
    database->failed = 1;
    database->error = "gone";
    database->failures = 3;
    database->seconds = 5.001;

    disk = &sample.disks[1].section;
    disk->collected_at = SAMPLE_NOW - 31;

    facts();

    assert_samples(
        "caphealth_collector_up{collector=\"system\"} 1",
        "caphealth_collector_up{collector=\"database\"} 0",
        "caphealth_collector_up{collector=\"disk\",mountpoint=\"/\"} 1",
        "caphealth_collector_up{collector=\"disk\","
        "mountpoint=\"/srv/images\"} 0",
        "caphealth_collector_up{collector=\"disk\",mountpoint=\"/hidden\"} 1",
        "caphealth_collector_up{collector=\"image_storage\","
        "root=\"/srv/images\"} 1",
        "caphealth_collector_up{collector=\"image_storage\","
        "root=\"/srv/b\"} 0",
        "caphealth_collector_stale{collector=\"database\"} 0",
        "caphealth_collector_stale{collector=\"disk\","
        "mountpoint=\"/srv/images\"} 1",
        "caphealth_collector_duration_seconds{collector=\"database\"} 5.001",
        "caphealth_collector_duration_seconds{collector=\"image_storage\","
        "root=\"/srv/images\"} 2.5",
        "caphealth_collector_failures_total{collector=\"database\"} 3",
        "caphealth_collector_failures_total{collector=\"system\"} 0",
        "caphealth_collector_last_success_timestamp_seconds{"
        "collector=\"database\"} 1000000000.75",
        "caphealth_database_up 0",
        "caphealth_database_rows{table=\"products\"} 1234");

    assert_nothing_of("caphealth_collector_duration_seconds{"
                      "collector=\"image_storage\",root=\"/srv/b\"");
    assert_nothing_of("caphealth_collector_last_success_timestamp_seconds{"
                      "collector=\"image_storage\",root=\"/srv/b\"");
}


static void
of_what_is_not_there_yet(void **state)
{
    (void) state;

    sample_nothing(&sample);
    sample.facts.system.section.configured = 1;
    sample.facts.database.section.configured = 1;

    facts();

    assert_samples(
        "caphealth_status{caphealth_status=\"unknown\",status=\"unknown\"} 1",
        "caphealth_collector_up{collector=\"system\"} 0",
        "caphealth_collector_up{collector=\"database\"} 0",
        "caphealth_collector_failures_total{collector=\"database\"} 0",
        "caphealth_check_status{check=\"products_total\","
        "caphealth_check_status=\"unknown\",status=\"unknown\"} 1",
        "caphealth_check_status{check=\"storage_gb\","
        "caphealth_check_status=\"not_configured\","
        "status=\"not_configured\"} 1",
        "caphealth_threshold{check=\"cpu_percent\",level=\"limit\"} 1");

    assert_nothing_of("caphealth_database_");
    assert_nothing_of("caphealth_cpu_");
    assert_nothing_of("caphealth_load");
    assert_nothing_of("caphealth_memory");
    assert_nothing_of("caphealth_pressure");
    assert_nothing_of("caphealth_filesystem");
    assert_nothing_of("caphealth_infrastructure");
    assert_nothing_of("caphealth_threshold_current{");
    assert_nothing_of("caphealth_collector_duration_seconds");
    assert_nothing_of("caphealth_collector_last_success");
    assert_nothing_of("caphealth_orders");
    assert_nothing_of("caphealth_active");
    assert_nothing_of(" NaN");
    assert_nothing_of(" -1");
}


static void
of_no_database(void **state)
{
    (void) state;

    sample_nothing(&sample);
    sample.facts.system.section.configured = 1;

    facts();

    assert_nothing_of("collector=\"database\"");
}


static void
of_vendors(void **state)
{
    caphealth_vendors_t  *v = &sample.facts.database.vendors;

    static const char  many[] =
        "{\"Unknown\":7,\"x\\\"\\\\\\ny\":6,\"a\":5,\"b\":5,\"c\":1}";

    (void) state;

    vendors(0);
    assert_string_equal(text, "");

    assert_int_equal(vendors_take(v, many, strlen(many)), 0);

    vendors(4);
    assert_string_equal(text,
        "# HELP caphealth_vendor_products Products of a vendor, of those that "
        "have the most.\n"
        "# TYPE caphealth_vendor_products gauge\n"
        "caphealth_vendor_products{vendor=\"Unknown\"} 7\n"
        "caphealth_vendor_products{vendor=\"x\\\"\\\\\\ny\"} 6\n"
        "caphealth_vendor_products{vendor=\"a\"} 5\n"
        "caphealth_vendor_products{vendor=\"b\"} 5\n");

    vendors(100);
    assert_samples("caphealth_vendor_products{vendor=\"c\"} 1");

    caphealth_vendors_free(v);

    vendors(10);
    assert_string_equal(text, "");
}


static void
of_images(void **state)
{
    (void) state;

    live(CAPHEALTH_PROMETHEUS);

    assert_samples(
        "caphealth_image_live{root=\"/srv/images\"} 1",
        "caphealth_image_files{root=\"/srv/images\"} 30",
        "caphealth_image_bytes{root=\"/srv/images\"} 1610612736",
        "caphealth_image_sets{root=\"/srv/images\"} 10",
        "caphealth_image_directory_files_max{root=\"/srv/images\"} 6",
        "caphealth_image_incomplete_sets{root=\"/srv/images\"} 1",
        "caphealth_image_stray_files{root=\"/srv/images\"} 2",
        "caphealth_image_stray_bytes{root=\"/srv/images\"} 20",
        "caphealth_image_foreign_directories{root=\"/srv/images\"} 3",
        "caphealth_image_removed_files_total{root=\"/srv/images\"} 4",
        "caphealth_image_removed_bytes_total{root=\"/srv/images\"} 40",
        "caphealth_image_drift_files{root=\"/srv/images\"} 5",
        "caphealth_image_drift_bytes{root=\"/srv/images\"} 50",
        "caphealth_image_scan_progress_ratio{root=\"/srv/images\"} 0.25",
        "caphealth_image_sets_left{root=\"/srv/images\"} 400",
        "caphealth_image_removed_files_total{root=\"/srv/b\"} 0");

    assert_nothing_of("caphealth_image_files{root=\"/srv/b\"");
    assert_nothing_of("caphealth_image_live{root=\"/srv/b\"");
    assert_nothing_of("caphealth_image_drift_files{root=\"/srv/b\"");
    assert_nothing_of("caphealth_image_scan_progress_ratio{root=\"/srv/b\"");
    assert_nothing_of("caphealth_image_sets_left{root=\"/srv/b\"");

    roots[0].source = "saved";
    live(CAPHEALTH_PROMETHEUS);

    assert_samples("caphealth_image_live{root=\"/srv/images\"} 0");
}


static void
of_object_stores(void **state)
{
    static const caphealth_store_activity_t  stores[] = { {
        .root = "s3://shop",
        .requests = { { "ok", 10 }, { "away", 4 } },
        .retries = 3,
        .sent = 1e6,
        .put = { { "ok", 5 } },
        .removed = { { "not-found", 1 } },
        .seconds = { .buckets = { [3] = 4, [CAPHEALTH_BUCKETS] = 1 },
                     .sum = 99.5 },
        .under_way = 2
    }, {
        .root = "s3://other/a"
    } };

    (void) state;

    live(CAPHEALTH_PROMETHEUS);
    assert_nothing_of("caphealth_object_store");

    activity.stores = stores;
    activity.nstores = 2;
    live(CAPHEALTH_PROMETHEUS);

#define OF_STORE  "caphealth_object_store_"

    assert_samples(
        OF_STORE "requests_total{root=\"s3://shop\",result=\"ok\"} 10",
        OF_STORE "requests_total{root=\"s3://shop\",result=\"away\"} 4",
        OF_STORE "retries_total{root=\"s3://shop\"} 3",
        OF_STORE "sent_bytes_total{root=\"s3://shop\"} 1000000",
        OF_STORE "images_total{root=\"s3://shop\",operation=\"put\","
                 "result=\"ok\"} 5",
        OF_STORE "images_total{root=\"s3://shop\",operation=\"remove\","
                 "result=\"not-found\"} 1",
        OF_STORE "put_duration_seconds_bucket{root=\"s3://shop\","
                 "le=\"0.05\"} 4",
        OF_STORE "put_duration_seconds_bucket{root=\"s3://shop\","
                 "le=\"+Inf\"} 5",
        OF_STORE "put_duration_seconds_sum{root=\"s3://shop\"} 99.5",
        OF_STORE "images_under_way{root=\"s3://shop\"} 2",
        OF_STORE "images_under_way{root=\"s3://other/a\"} 0",
        OF_STORE "put_duration_seconds_count{root=\"s3://other/a\"} 0");

    assert_nothing_of(OF_STORE "requests_total{root=\"s3://other/a\"");
}


static void
of_uploads(void **state)
{
    (void) state;

    live(CAPHEALTH_OPENMETRICS);

    assert_samples(
        "# TYPE caphealth_image_upload_requests counter",
        "caphealth_image_upload_requests_total{result=\"stored\"} 7",
        "caphealth_image_upload_requests_total{result=\"queue-full\"} 0",
        "caphealth_image_delete_requests_total{result=\"deleted\"} 2",
        "# UNIT caphealth_image_upload_received_bytes bytes",
        "caphealth_image_upload_received_bytes_total 1000000",
        "caphealth_image_upload_written_bytes_total 2000000",
        "caphealth_image_queue_jobs 3",
        "caphealth_converter_starts_total 4",
        "caphealth_converter_deaths_total 1",
        "caphealth_converter_idle_cpu_seconds_total 2.5",
        "caphealth_collector_restarts_total 5",
        "# EOF");

#define CONVERT  "caphealth_image_upload_stage_duration_seconds"

    assert_samples(
        CONVERT "_bucket{stage=\"convert\",le=\"0.005\"} 1",
        CONVERT "_bucket{stage=\"convert\",le=\"0.5\"} 1",
        CONVERT "_bucket{stage=\"convert\",le=\"1.0\"} 3",
        CONVERT "_bucket{stage=\"convert\",le=\"60.0\"} 3",
        CONVERT "_bucket{stage=\"convert\",le=\"+Inf\"} 7",
        CONVERT "_sum{stage=\"convert\"} 321.5",
        CONVERT "_count{stage=\"convert\"} 7",
        CONVERT "_count{stage=\"receive\"} 0");

    assert_string_equal(text + strlen(text) - strlen("# EOF\n"), "# EOF\n");

    activity.uploads.configured = 0;
    live(CAPHEALTH_PROMETHEUS);

    assert_samples("caphealth_collector_restarts_total 5");
    assert_nothing_of("caphealth_image_upload");
    assert_nothing_of("caphealth_converter");
    assert_nothing_of("caphealth_image_queue");
    assert_nothing_of("EOF");
}


#define unit(function)                                                       \
    cmocka_unit_test_setup_teardown(function, setup, teardown)


/* as Prometheus has it: a straight line within a bucket */

static void
quantile(void **state)
{
    caphealth_histogram_t  h;

    (void) state;

    memset(&h, 0, sizeof(h));
    assert_true(isnan(caphealth_histogram_quantile(&h, 0.95)));

    h.buckets[7] = 100;                     /* from 0.5 to 1 */
    assert_true(fabs(caphealth_histogram_quantile(&h, 0.95) - 0.975) < 1e-9);

    h.buckets[8] = 100;                     /* to 2.5 */
    assert_true(fabs(caphealth_histogram_quantile(&h, 0.5) - 1) < 1e-9);
    assert_true(fabs(caphealth_histogram_quantile(&h, 0.95) - 2.35) < 1e-9);

    h.buckets[CAPHEALTH_BUCKETS] = 10000;
    assert_true(caphealth_histogram_quantile(&h, 0.95) == 60);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        unit(of_the_facts),
        unit(of_the_judgement),
        unit(of_the_collectors),
        unit(of_what_is_not_there_yet),
        unit(of_no_database),
        unit(of_vendors),
        unit(of_images),
        unit(of_uploads),
        unit(of_object_stores),
        unit(quantile)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
