
/*
 * What worker 0 records of the facts for the history.
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

#include "caphealth_measures.h"
#include "caphealth_notification.h"
#include "caphealth_recording.h"
#include "caphealth_threshold_forecasts.h"


#define NOW  1700000000.0


static caphealth_record_t             record, copy;
static caphealth_recording_t          last;
static caphealth_facts_t              facts;
static caphealth_disk_facts_t         disk;
static caphealth_root_t               root;
static caphealth_policy_t             policy;
static caphealth_recording_uploads_t  uploads;


static void
section(caphealth_section_t *s, double now)
{
    s->configured = 1;
    s->collected_at = now;
    s->attempted_at = now;
    s->interval = 10;
}


static int
setup(void **state)
{
    (void) state;

    memset(&last, 0, sizeof(last));
    memset(&facts, 0, sizeof(facts));
    memset(&disk, 0, sizeof(disk));
    memset(&root, 0, sizeof(root));
    memset(&uploads, 0, sizeof(uploads));

    caphealth_policy_init(&policy);
    caphealth_system_clear(&facts.system.value);
    caphealth_database_clear(&facts.database.value);
    caphealth_images_clear(&facts.images.value);
    caphealth_disk_clear(&disk.value);

    section(&facts.system.section, NOW);
    facts.system.value.cpu_percent = 12.5;
    facts.system.value.cpu_mean = 10;
    facts.system.value.memory_total = 1000;
    facts.system.value.memory_used = 250;

    section(&disk.section, NOW);
    disk.path = "/srv";
    disk.value.total = 1000;
    disk.value.used = 500;
    disk.value.available = 500;
    disk.value.inodes = 100;
    disk.value.inodes_free = 50;
    facts.disks = &disk;
    facts.ndisks = 1;

    return 0;
}


static void
fill(double now)
{
    memset(&record, 0, sizeof(record));

    assert_int_equal(caphealth_recording_fill(&record, &last, &facts, &policy,
                                              &uploads, now), 0);
}


static double
value(const char *name)
{
    size_t  i;

    for (i = 0; i < record.nseries; i++) {
        if (strcmp(record.series[i].name, name) == 0) {
            return record.series[i].value;
        }
    }

    return -1;
}


static const char *
kinds(void)
{
    size_t       i;
    static char  text[512];

    text[0] = '\0';

    for (i = 0; i < record.nevents; i++) {
        strcat(text, caphealth_event_name(record.events[i].kind));
        strcat(text, " ");
    }

    return text;
}


/* the code of the record's first event, and its arguments */

static const char *
said(void)
{
    char         *json;
    static char   text[512];

    json = caphealth_event_args_json(&record.events[0].args);
    assert_non_null(json);

    (void) snprintf(text, sizeof(text), "%s %s",
                    caphealth_event_code(record.events[0].args.code), json);
    free(json);

    return text;
}


static void
values(void **state)
{
    (void) state;

    fill(NOW);

    assert_true(record.time == NOW);
    assert_true(value("cpu_percent") == 12.5);
    assert_true(value("cpu_mean_percent") == 10);
    assert_true(value("memory_percent") == 25);
    assert_true(isnan(value("swap_percent")));
    assert_true(value("disk_percent:/srv") == 50);
    assert_true(value("disk_inodes_percent:/srv") == 50);
    assert_true(value("products_count") == -1);
    assert_true(value("uploads_per_minute") == -1);
    assert_string_equal(kinds(), "");

    /* a database has series if there is one; its size is in GiB */

    section(&facts.database.section, NOW);
    facts.database.value.size = INT64_C(3) << 29;
    facts.database.value.products_count = 12;
    facts.database.value.orders_this_month = 7;
    fill(NOW);
    assert_true(value("database_size_gb") == 1.5);
    assert_true(value("products_count") == 12);
    assert_true(value("orders_this_month") == 7);
    assert_true(isnan(value("vendors_count")));
    facts.database.section.configured = 0;

    /* what is stale is unknown */

    fill(NOW + 31);
    assert_true(isnan(value("cpu_percent")));
    assert_true(isnan(value("disk_percent:/srv")));
    assert_true(isnan(value("status")));
}


static void
status(void **state)
{
    (void) state;

    fill(NOW);
    assert_true(value("status") == 0);

    disk.value.used = 970;
    disk.value.available = 30;
    fill(NOW + 1);

    assert_true(value("status") == 2);
    assert_string_equal(kinds(), "status ");
    assert_string_equal(record.events[0].from, "healthy");
    assert_string_equal(record.events[0].to, "critical");
    assert_non_null(strstr(record.events[0].text, "97.0 percent, critical"));
    assert_string_equal(said(), "threshold {\"subject\":\"disk_percent\","
                        "\"unit\":\"percent\",\"current\":97,\"bound\":85}");

    fill(NOW + 2);
    assert_string_equal(kinds(), "");

    disk.value.used = 500;
    disk.value.available = 500;
    fill(NOW + 3);
    assert_string_equal(kinds(), "status ");
    assert_string_equal(record.events[0].to, "healthy");
    assert_string_equal(said(), "all-healthy {}");

    root.path = "/srv/img";
    root.disk = &disk;
    root.uploads = 1;
    facts.images.value.roots = &root;
    facts.images.value.nroots = 1;
    disk.value.read_only = 1;
    fill(NOW + 4);
    assert_string_equal(said(), "filesystem-read-only"
                        " {\"subject\":\"read_only:/srv\","
                        "\"path\":\"/srv\"}");

    disk.value.read_only = 0;
    fill(NOW + 50);
    assert_string_equal(record.events[0].to, "unknown");
    assert_string_equal(said(), "value-unknown {\"subject\":\"disk_percent\"}");
}


static void
outages(void **state)
{
    (void) state;

    fill(NOW);

    disk.section.failed = 1;
    disk.section.error = "statfs() failed";
    disk.section.error_code = "permission_denied";
    fill(NOW + 1);
    assert_string_equal(kinds(), "outage ");
    assert_string_equal(record.events[0].text,
                        "disk \"/srv\": statfs() failed");
    assert_string_equal(said(), "source-failed {\"subject\":\"disk\","
                        "\"path\":\"/srv\","
                        "\"error_code\":\"permission_denied\"}");

    fill(NOW + 2);
    assert_string_equal(kinds(), "");

    disk.section.failed = 0;
    disk.section.error = NULL;
    fill(NOW + 3);
    assert_string_equal(kinds(), "recovery ");
    assert_string_equal(record.events[0].text, "disk \"/srv\"");
    assert_string_equal(said(), "source-recovered {\"subject\":\"disk\","
                        "\"path\":\"/srv\"}");
}


static void
failed_uploads(void **state)
{
    (void) state;

    facts.uploads.section.configured = 1;
    facts.system.section.interval = 100;
    disk.section.interval = 100;
    uploads.stored = 1000;
    uploads.failed = 100;
    uploads.waiting = 3;
    uploads.p95 = 2.5;

    fill(NOW);
    assert_true(isnan(value("uploads_per_minute")));
    assert_true(value("converters_waiting") == 3);
    assert_true(value("upload_p95_seconds") == 2.5);

    uploads.stored = 1005;
    uploads.failed = 101;
    fill(NOW + 10);
    assert_true(value("uploads_per_minute") == 30);
    assert_true(value("upload_failures_per_minute") == 6);
    assert_string_equal(kinds(), "upload_failed ");
    assert_string_equal(record.events[0].text, "1 upload failed");

    /* one event a minute, with all of them */

    uploads.failed = 104;
    fill(NOW + 20);
    assert_string_equal(kinds(), "");
    uploads.failed = 105;
    fill(NOW + 30);
    assert_string_equal(kinds(), "");
    fill(NOW + 70);
    assert_string_equal(kinds(), "upload_failed ");
    assert_string_equal(record.events[0].text, "4 uploads failed");
    assert_string_equal(said(), "uploads-failed {\"count\":4}");

    /* the zone is new */

    uploads.stored = 0;
    fill(NOW + 80);
    assert_true(isnan(value("uploads_per_minute")));
}


static void
scans(void **state)
{
    (void) state;

    root.path = "/img";
    root.source = "live";
    root.files = 10;
    root.bytes = 4096;
    root.scanned_at = NOW - 100;
    root.drift_files = 3;
    root.drift_bytes = 0;
    facts.images.value.roots = &root;
    facts.images.value.nroots = 1;

    fill(NOW);
    assert_string_equal(kinds(), "");
    assert_true(value("image_files:/img") == 10);
    assert_true(value("image_bytes:/img") == 4096);

    root.scanned_at = NOW;
    fill(NOW + 1);
    assert_string_equal(kinds(), "scan ");
    assert_non_null(strstr(record.events[0].text, "image root \"/img\": 3 "));
    assert_string_equal(said(), "tree-changed {\"subject\":\"image_storage\","
                        "\"path\":\"/img\",\"files\":3,\"bytes\":0}");

    root.scanned_at = NOW + 2;
    root.drift_files = 0;
    fill(NOW + 3);
    assert_string_equal(kinds(), "");

    root.source = NULL;
    fill(NOW + 4);
    assert_true(isnan(value("image_files:/img")));
}


static void
a_long_path(void **state)
{
    static char  path[200];

    (void) state;

    memset(path, 'x', sizeof(path) - 1);
    disk.path = path;

    memset(&record, 0, sizeof(record));
    assert_int_equal(caphealth_recording_fill(&record, &last, &facts, &policy,
                                              &uploads, NOW), 2);
    assert_true(value("cpu_percent") == 12.5);
}


/* the events for notifications; also when a reload adds a source */

static void
verdict(void **state)
{
    caphealth_forecasts_t  forecasts;

    (void) state;

    last.status = CAPHEALTH_OK;
    facts.database.section.configured = 1;
    facts.database.section.interval = 60;

    fill(NOW);
    assert_int_equal(record.state, CAPHEALTH_OVERALL_NONE);
    assert_string_equal(kinds(), "");
    assert_int_equal(last.status, CAPHEALTH_OK);

    /* it was asked, and does not answer; and a disk is nearly full */

    facts.database.section.attempted_at = NOW;
    facts.database.section.failed = 1;
    facts.database.section.error = "no route to host";
    disk.value.used = 790;
    disk.value.available = 210;

    memset(&forecasts, 0, sizeof(forecasts));
    forecasts.n = 3;
    forecasts.of[0].measure = "disk_percent";
    forecasts.of[0].path = "/srv";
    strcpy(forecasts.of[0].input.key, "disk_percent");
    forecasts.of[0].levels[CAPHEALTH_LEVEL_LIMIT] = (caphealth_forecast_t) {
        .low = 3, .mid = 5, .high = 8
    };
    strcpy(forecasts.of[1].input.key, "tier:vendors");
    forecasts.of[1].levels[CAPHEALTH_LEVEL_LIMIT] = (caphealth_forecast_t) {
        .low = 20, .mid = 31, .high = 80
    };
    strcpy(forecasts.of[2].input.key, "tier:products");
    forecasts.of[2].levels[CAPHEALTH_LEVEL_LIMIT].reason =
                                            CAPHEALTH_FORECAST_NOT_GROWING;
    facts.forecasts = &forecasts;

    fill(NOW + 1);

    assert_int_equal(record.state, CAPHEALTH_OVERALL_CRITICAL);
    assert_string_equal(record.causes[0].text, "database: no route to host");
    assert_int_equal(record.causes[0].state, CAPHEALTH_OVERALL_CRITICAL);
    assert_int_equal(record.causes[0].args.code,
                     CAPHEALTH_EVENT_SOURCE_FAILED);

    assert_string_equal(record.causes[1].args.subject, "disk_percent");
    assert_int_equal(record.causes[1].state, CAPHEALTH_OVERALL_DEGRADED);

    assert_int_equal(record.nforecasts, 1);
    assert_string_equal(record.forecasts[0].text, "Disk Usage (%) of "
                        "\"/srv\": at this pace, full in 5 days (3 to 8)");
    assert_true(record.forecasts[0].mid == 5);

    assert_null(caphealth_record_read(&copy, &record, sizeof(record)));

    record.forecasts[0].high = 4;
    assert_string_equal(caphealth_record_read(&copy, &record, sizeof(record)),
                        "a forecast");
    record.nforecasts = 0;
    record.causes[1].state = CAPHEALTH_OVERALL_HEALTHY;
    assert_string_equal(caphealth_record_read(&copy, &record, sizeof(record)),
                        "a cause");
    record.ncauses = CAPHEALTH_RECORD_CAUSES + 1;
    assert_string_equal(caphealth_record_read(&copy, &record, sizeof(record)),
                        "a number of elements");
    record.ncauses = 0;
    record.state = CAPHEALTH_OVERALL_STATES;
    assert_string_equal(caphealth_record_read(&copy, &record, sizeof(record)),
                        "its state");
}


/* the fleet's database keeps the shop's series once, and knows them by name */

static void
of_the_platform(void **state)
{
    FILE                       *file;
    char                        name[CAPHEALTH_SERIES_NAME + 2], *end;
    size_t                      i, n;
    unsigned                    object;
    const caphealth_measure_t  *m;

    static char  sql[131072];

    (void) state;

    file = fopen("contrib/postgresql/caphealth-fleet.sql", "r");
    assert_non_null(file);
    n = fread(sql, 1, sizeof(sql) - 1, file);
    sql[n] = '\0';
    (void) fclose(file);

    end = strstr(sql, "FUNCTION caphealth.history_is_of_platform(");
    assert_non_null(end);
    memmove(sql, end, strlen(end) + 1);
    end = strstr(sql, "$$;");
    assert_non_null(end);
    *end = '\0';

    for (object = 0; object < CAPHEALTH_OBJECTS; object++) {
        for (i = 0; i < caphealth_objects[object].n; i++) {
            m = &caphealth_objects[object].rows[i];

            if (m->series == NULL) {
                continue;
            }

            (void) snprintf(name, sizeof(name), "'%s'", m->series);

            assert_int_equal(strstr(sql, name) != NULL,
                             object == CAPHEALTH_DATABASE
                             || object == CAPHEALTH_CAPACITY);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(values, setup),
        cmocka_unit_test_setup(status, setup),
        cmocka_unit_test_setup(outages, setup),
        cmocka_unit_test_setup(failed_uploads, setup),
        cmocka_unit_test_setup(scans, setup),
        cmocka_unit_test_setup(a_long_path, setup),
        cmocka_unit_test_setup(verdict, setup),
        cmocka_unit_test(of_the_platform)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
