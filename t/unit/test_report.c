
/*
 * Report: the two documents as a client reads them, byte for byte.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_report.h"
#include "document.h"
#include "sample.h"


#define TIER(name, clients, products)                                        \
        "{\"name\":\"" name "\",\"max_clients\":" #clients                   \
        ",\"max_products\":" #products "}"

#define TIERS                                                                \
        "\"tiers\":[" TIER("Starter", 50, 10000) ","                         \
        TIER("Small", 100, 30000) "," TIER("Medium", 300, 100000) ","        \
        TIER("Large", 500, 250000) "," TIER("Scale", 1000, 500000) ","       \
        TIER("Enterprise", null, null) "],"


static void
assert_report(report_t report, const sample_t *s, const char *expected)
{
    char    *text;
    size_t   len;

    text = report(&s->facts, &s->policy, SAMPLE_NOW, &len);

    assert_non_null(text);
    assert_string_equal(text, expected);
    assert_int_equal(strlen(text), len);

    free(text);
}


#define OFF                                                                  \
        "\"forecast\":null,\"forecast_reason\":\"The history is off.\","      \
        "\"forecast_code\":\"no_history\""

#define DIMENSION(name, current, limit, percent)                             \
        "\"" name "\":{\"current\":" current ",\"limit\":" limit     \
        ",\"percent_used\":" percent "," OFF "}"

#define DIMENSIONS(vendors, most_vendors, vendors_percent,                   \
                   products, most_products, products_percent)                \
        "\"tier_forecast\":{"                                              \
        DIMENSION("vendors", vendors, most_vendors, vendors_percent) ","     \
        DIMENSION("products", products, most_products, products_percent) "}"


static void
test_health(void **state)
{
    sample_t  s;

    (void) state;

    sample_init(&s);

    assert_report(caphealth_report_health, &s,
        "{\"system\":{\"cpu_percent\":21.5,\"memory_percent\":25.0,"
        "\"memory_used_gb\":2.0,\"memory_total_gb\":8.0,"
        "\"disk_percent\":33.3,\"disk_used_gb\":30.0,"
        "\"disk_total_gb\":100.0,\"scope\":\"host\",\"cores\":4,"
        "\"load_average\":[0.13,0.99,1.26],\"pressure\":{"
        "\"cpu\":{\"some\":{\"avg10\":1.23,\"avg60\":2.35,\"avg300\":3.0,"
        "\"total_seconds\":4.062},\"full\":null},"
        "\"memory\":{\"some\":{\"avg10\":0.0,\"avg60\":0.0,\"avg300\":0.0,"
        "\"total_seconds\":0.0},\"full\":{\"avg10\":0.0,\"avg60\":0.0,"
        "\"avg300\":0.01,\"total_seconds\":1000000.0}},"
        "\"io\":null},\"cpu_mean_percent\":19.2,"
        "\"cpu_converters_percent\":1.3,\"cpu_mean_seconds\":300,"
        "\"collected_at\":\"2001-09-09T01:46:40Z\",\"stale\":false,"
        "\"error\":null,"
        "\"error_code\":null,\"swap_percent\":25.0,\"swap_used_gb\":1.0,"
        "\"swap_total_gb\":4.0,\"uptime_seconds\":86400},"

        "\"database\":{\"size_mb\":12.5,\"products_count\":1234,"
        "\"orders_count\":5678,\"vendors_count\":12,\"inventory_count\":0,"
        "\"size_bytes\":13107200,\"engine\":\"sqlite\","
        "\"version\":\"3.40.1\",\"configured\":true,\"reachable\":true,"
        "\"collected_at\":\"2001-09-09T01:46:40Z\","
        "\"attempted_at\":\"2001-09-09T01:46:40Z\",\"stale\":false,"
        "\"error\":null,"
        "\"error_code\":null},"

        "\"image_storage\":{\"total_files\":30,\"total_size_mb\":1536.0,"
        "\"total_size_gb\":1.5,\"max_files_per_dir\":6,"
        "\"products_estimated\":10,\"total_bytes\":1610612736,"
        "\"configured\":true,\"collected_at\":\"2001-09-09T01:46:40Z\","
        "\"stale\":false,\"error\":null,\"roots\":[],"
        "\"error_code\":null},"

        "\"thresholds\":["
        "{\"name\":\"Products\",\"current\":1234,\"warning\":400000,"
        "\"critical\":475000,\"limit\":500000,\"status\":\"ok\","
        "\"percent_used\":0.2,\"key\":\"products_total\",\"path\":null,"
        "\"unit\":\"products\"," OFF "},"
        "{\"name\":\"Image Storage (GB)\",\"current\":1.5,\"warning\":800,"
        "\"critical\":950,\"limit\":1000,\"status\":\"ok\","
        "\"percent_used\":0.1,\"key\":\"storage_gb\",\"path\":null,"
        "\"unit\":\"GiB\"," OFF "},"
        "{\"name\":\"Database (MB)\",\"current\":12.5,\"warning\":20000,"
        "\"critical\":24000,\"limit\":25000,\"status\":\"ok\","
        "\"percent_used\":0.1,\"key\":\"db_size_mb\",\"path\":null,"
        "\"unit\":\"MiB\"," OFF "},"
        "{\"name\":\"Disk Usage (%)\",\"current\":33.3,\"warning\":70,"
        "\"critical\":85,\"limit\":100,\"status\":\"ok\","
        "\"percent_used\":33.3,\"key\":\"disk_percent\",\"path\":\"/\","
        "\"unit\":\"percent\"," OFF "},"
        "{\"name\":\"Memory Usage (%)\",\"current\":25.0,\"warning\":75,"
        "\"critical\":90,\"limit\":100,\"status\":\"ok\","
        "\"percent_used\":25.0,\"key\":\"memory_percent\",\"path\":null,"
        "\"unit\":\"percent\"," OFF "},"
        "{\"name\":\"CPU Usage (%)\",\"current\":19.2,\"warning\":70,"
        "\"critical\":85,\"limit\":100,\"status\":\"ok\","
        "\"percent_used\":19.2,\"key\":\"cpu_percent\",\"path\":null,"
        "\"unit\":\"percent\"," OFF "},"
        "{\"name\":\"Inode Usage (%): /\",\"current\":33.3,\"warning\":70,"
        "\"critical\":85,\"limit\":100,\"status\":\"ok\","
        "\"percent_used\":33.3,\"key\":\"inodes_percent:/\",\"path\":\"/\","
        "\"unit\":\"percent\"," OFF "},"
        "{\"name\":\"Read-only: /\",\"current\":0,\"warning\":1,"
        "\"critical\":1,\"limit\":1,\"status\":\"ok\","
        "\"percent_used\":0.0,\"key\":\"read_only:/\",\"path\":\"/\","
        "\"unit\":\"flag\"," OFF "},"
        "{\"name\":\"Disk Usage (%): /srv/images\",\"current\":33.3,"
        "\"warning\":70,\"critical\":85,\"limit\":100,\"status\":\"ok\","
        "\"percent_used\":33.3,\"key\":\"disk_percent:/srv/images\","
        "\"path\":\"/srv/images\","
        "\"unit\":\"percent\"," OFF "},"
        "{\"name\":\"Read-only: /srv/images\",\"current\":0,\"warning\":1,"
        "\"critical\":1,\"limit\":1,\"status\":\"ok\","
        "\"percent_used\":0.0,\"key\":\"read_only:/srv/images\","
        "\"path\":\"/srv/images\","
        "\"unit\":\"flag\"," OFF "}],"

        "\"overall_status\":\"healthy\","
        "\"recommendations\":[{\"priority\":\"info\","
        "\"title\":\"All systems healthy\","
        "\"description\":\"No capacity concerns at this time\","
        "\"action\":null,\"code\":\"all-healthy\",\"subject\":null,"
        "\"path\":null,\"forecast\":null}],"
        "\"infrastructure_tier\":\"Starter\",\"next_tier_trigger\":null,"
        TIERS

        "\"disks\":[{\"path\":\"/\",\"percent\":33.3,\"used_gb\":30.0,"
        "\"total_gb\":100.0,\"available_gb\":60.0,\"inodes_percent\":33.3,"
        "\"read_only\":false,\"collected_at\":\"2001-09-09T01:46:40Z\","
        "\"stale\":false,\"error\":null,"
        "\"error_code\":null},"
        "{\"path\":\"/srv/images\",\"percent\":33.3,\"used_gb\":30.0,"
        "\"total_gb\":100.0,\"available_gb\":60.0,\"inodes_percent\":null,"
        "\"read_only\":true,\"collected_at\":\"2001-09-09T01:46:40Z\","
        "\"stale\":false,\"error\":null,"
        "\"error_code\":null}],"

        "\"stale\":false,\"timestamp\":\"2001-09-09T01:46:40Z\","
        "\"host\":\"shop-1\",\"version\":\"0.0.0\",\"refresh_seconds\":10,"
        DIMENSIONS("12", "50", "24.0", "1234", "10000", "12.3") "}\n");
}


static void
test_capacity(void **state)
{
    sample_t  s;

    (void) state;

    sample_init(&s);

    assert_report(caphealth_report_capacity, &s,
        "{\"products_total\":1234,\"products_by_vendor\":{\"Zoë\":1000,"
        "\"Anna\":200,\"Unknown\":34},\"images_total\":30,"
        "\"storage_used_gb\":1.5,\"database_size_mb\":12.5,"
        "\"orders_this_month\":90,\"active_vendors\":11,"
        "\"collected_at\":\"2001-09-09T01:46:40Z\",\"stale\":false,"
        "\"error\":null,\"configured\":true,"
        "\"host\":\"shop-1\",\"version\":\"0.0.0\",\"refresh_seconds\":60,"
        "\"error_code\":null}\n");
}


static void
test_nothing(void **state)
{
    sample_t  s;

    (void) state;

    sample_init(&s);
    sample_nothing(&s);

#define NOTHING(name, key, warning, critical, limit, unit)                   \
        "{\"name\":\"" name "\",\"current\":null,\"warning\":" #warning      \
        ",\"critical\":" #critical ",\"limit\":" #limit                      \
        ",\"status\":\"not_configured\",\"percent_used\":null,"              \
        "\"key\":\"" key "\",\"path\":null,"                                   \
        "\"unit\":\"" unit "\"," OFF "}"

    assert_report(caphealth_report_health, &s,
        "{\"system\":{\"cpu_percent\":null,\"memory_percent\":null,"
        "\"memory_used_gb\":null,\"memory_total_gb\":null,"
        "\"disk_percent\":null,\"disk_used_gb\":null,"
        "\"disk_total_gb\":null,\"scope\":null,\"cores\":null,"
        "\"load_average\":[null,null,null],"
        "\"pressure\":{\"cpu\":null,\"memory\":null,\"io\":null},"
        "\"cpu_mean_percent\":null,\"cpu_converters_percent\":null,"
        "\"cpu_mean_seconds\":null,"
        "\"collected_at\":null,\"stale\":null,\"error\":null,"
        "\"error_code\":null,\"swap_percent\":null,\"swap_used_gb\":null,"
        "\"swap_total_gb\":null,\"uptime_seconds\":null},"
        "\"database\":{\"size_mb\":null,\"products_count\":null,"
        "\"orders_count\":null,\"vendors_count\":null,"
        "\"inventory_count\":null,\"size_bytes\":null,\"engine\":null,"
        "\"version\":null,\"configured\":false,\"reachable\":null,"
        "\"collected_at\":null,\"attempted_at\":null,\"stale\":null,"
        "\"error\":null,"
        "\"error_code\":null},"
        "\"image_storage\":{\"total_files\":null,\"total_size_mb\":null,"
        "\"total_size_gb\":null,\"max_files_per_dir\":null,"
        "\"products_estimated\":null,\"total_bytes\":null,"
        "\"configured\":false,\"collected_at\":null,\"stale\":null,"
        "\"error\":null,\"roots\":[],"
        "\"error_code\":null},"
        "\"thresholds\":["
        NOTHING("Products", "products_total", 400000, 475000, 500000,
                "products") ","
        NOTHING("Image Storage (GB)", "storage_gb", 800, 950, 1000,
                "GiB") ","
        NOTHING("Database (MB)", "db_size_mb", 20000, 24000, 25000,
                "MiB") ","
        NOTHING("Disk Usage (%)", "disk_percent", 70, 85, 100,
                "percent") ","
        NOTHING("Memory Usage (%)", "memory_percent", 75, 90, 100,
                "percent") ","
        NOTHING("CPU Usage (%)", "cpu_percent", 70, 85, 100,
                "percent") "],"
        "\"overall_status\":\"unknown\","
        "\"recommendations\":[{\"priority\":\"info\","
        "\"title\":\"Nothing is watched\","
        "\"description\":\"There is no source of facts\","
        "\"action\":null,\"code\":\"nothing-watched\",\"subject\":null,"
        "\"path\":null,\"forecast\":null}],"
        "\"infrastructure_tier\":null,\"next_tier_trigger\":null,"
        TIERS
        "\"disks\":[],\"stale\":null,\"timestamp\":null,"
        "\"host\":null,\"version\":null,"
        "\"refresh_seconds\":null,"
        DIMENSIONS("null", "null", "null", "null", "null", "null") "}\n");

    assert_report(caphealth_report_capacity, &s,
        "{\"products_total\":null,\"products_by_vendor\":null,"
        "\"images_total\":null,\"storage_used_gb\":null,"
        "\"database_size_mb\":null,\"orders_this_month\":null,"
        "\"active_vendors\":null,\"collected_at\":null,\"stale\":null,"
        "\"error\":null,\"configured\":false,"
        "\"host\":null,\"version\":null,"
        "\"refresh_seconds\":null,"
        "\"error_code\":null}\n");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_nothing)
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
