
/*
 * Facts: what a collector's text becomes.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_facts.h"
#include "unknown.h"


#define ERRLEN  256


static const char  system_text[] =
    "{\"scope\":\"cgroup\",\"cpu_percent\":12.5,\"cores\":2,"
    "\"memory_total\":8589934592,\"memory_used\":4294967296,"
    "\"load1\":0.5,\"load5\":0.25,\"load15\":1,"
    "\"pressure\":{"
    "\"cpu\":{\"some\":{\"avg10\":1,\"avg60\":2,\"avg300\":3,\"total\":4},"
    "\"full\":{\"avg10\":5,\"avg60\":6,\"avg300\":7,\"total\":8}},"
    "\"memory\":{\"some\":{\"avg10\":9,\"avg60\":10,\"avg300\":11,"
    "\"total\":12},"
    "\"full\":{\"avg10\":13,\"avg60\":14,\"avg300\":15,\"total\":16}},"
    "\"io\":{\"some\":{\"avg10\":17,\"avg60\":18,\"avg300\":19,\"total\":20},"
    "\"full\":{\"avg10\":21,\"avg60\":22,\"avg300\":23,\"total\":24.5}}}}";

static const char  disk_text[] =
    "{\"device\":\"8:1\",\"total\":100,\"used\":40,\"available\":50,"
    "\"inodes\":1000,\"inodes_free\":900,\"read_only\":true}";

static const char  database_text[] =
    "{\"engine\":\"sqlite\",\"version\":\"3.40.1\",\"size\":1048576,"
    "\"products_count\":7,\"orders_count\":6,\"vendors_count\":5,"
    "\"inventory_count\":4,\"orders_this_month\":3,\"active_vendors\":2}\n"
    "{\"Unknown\":6,\"Ünïcode \\\"quoted\\\"\":3,\"\":1}";


static void
assert_stall(const caphealth_stall_t *s, double first)
{
    assert_true(s->avg10 == first);
    assert_true(s->avg60 == first + 1);
    assert_true(s->avg300 == first + 2);
    assert_true(floor(s->total) == first + 3);
}


static void
test_clear(void **state)
{
    caphealth_images_t  images;

    (void) state;

    memset(&images, 0x55, sizeof(caphealth_images_t));

    caphealth_images_clear(&images);

    assert_int_equal(images.files, CAPHEALTH_UNKNOWN);
    assert_int_equal(images.bytes, CAPHEALTH_UNKNOWN);
    assert_int_equal(images.max_files_per_dir, CAPHEALTH_UNKNOWN);
    assert_int_equal(images.complete, CAPHEALTH_UNKNOWN);
}


static void
test_system(void **state)
{
    char                err[ERRLEN];
    caphealth_system_t  s;

    (void) state;

    assert_int_equal(caphealth_system_parse(&s, system_text,
                                            strlen(system_text), err,
                                            sizeof(err)), 0);

    assert_string_equal(s.scope, "cgroup");
    assert_true(s.cpu_percent == 12.5);
    assert_true(s.cores == 2);
    assert_int_equal(s.memory_total, 8589934592);
    assert_int_equal(s.memory_used, 4294967296);
    assert_true(s.load1 == 0.5);
    assert_true(s.load5 == 0.25);
    assert_true(s.load15 == 1);
    assert_stall(&s.pressure_cpu.some, 1);
    assert_stall(&s.pressure_cpu.full, 5);
    assert_stall(&s.pressure_memory.some, 9);
    assert_stall(&s.pressure_memory.full, 13);
    assert_stall(&s.pressure_io.some, 17);
    assert_stall(&s.pressure_io.full, 21);
    assert_true(s.pressure_io.full.total == 24.5);

}


static void
test_disk(void **state)
{
    char              err[ERRLEN];
    const char       *writable;
    caphealth_disk_t  d;

    (void) state;

    assert_int_equal(caphealth_disk_parse(&d, disk_text, strlen(disk_text),
                                          err, sizeof(err)), 0);

    assert_string_equal(d.device, "8:1");
    assert_int_equal(d.total, 100);
    assert_int_equal(d.used, 40);
    assert_int_equal(d.available, 50);
    assert_int_equal(d.inodes, 1000);
    assert_int_equal(d.inodes_free, 900);
    assert_int_equal(d.read_only, 1);

    writable = "{\"read_only\":false,\"inodes\":0}";

    assert_int_equal(caphealth_disk_parse(&d, writable, strlen(writable),
                                          err, sizeof(err)), 0);
    assert_int_equal(d.read_only, 0);
    assert_int_equal(d.inodes, 0);
    assert_int_equal(d.inodes_free, CAPHEALTH_UNKNOWN);
}


static void
test_database(void **state)
{
    char                  err[ERRLEN];
    caphealth_vendors_t   v;
    caphealth_database_t  d;

    (void) state;

    assert_int_equal(caphealth_database_parse(&d, &v, database_text,
                                              strlen(database_text), err,
                                              sizeof(err)), 0);

    assert_string_equal(d.engine, "sqlite");
    assert_string_equal(d.version, "3.40.1");
    assert_int_equal(d.size, 1048576);
    assert_int_equal(d.products_count, 7);
    assert_int_equal(d.orders_count, 6);
    assert_int_equal(d.vendors_count, 5);
    assert_int_equal(d.inventory_count, 4);
    assert_int_equal(d.orders_this_month, 3);
    assert_int_equal(d.active_vendors, 2);

    assert_string_equal(v.text, strchr(database_text, '\n') + 1);
    assert_int_equal(v.len, strlen(v.text));
    assert_int_equal(v.n, 3);
    assert_true(v.products == 10);

    caphealth_vendors_free(&v);
}


/* no vendors are known to be none */

static void
test_no_vendors(void **state)
{
    char                  err[ERRLEN];
    caphealth_vendors_t   v;
    caphealth_database_t  d;

    (void) state;

    assert_int_equal(caphealth_database_parse(&d, &v, "{}\n{}", 5, err,
                                              sizeof(err)), 0);
    assert_string_equal(v.text, "{}");
    assert_int_equal(v.n, 0);

    caphealth_vendors_free(&v);
}


static void
test_unknown(void **state)
{
    char                  err[ERRLEN];
    size_t                i;
    caphealth_disk_t      disk;
    caphealth_system_t    system;
    caphealth_vendors_t   v;
    caphealth_database_t  database;

    static const char  *texts[] = {
        "{}",
        " {\t} ",
        "{\"later\":{\"x\":[1,{}]},\"\":-1,\"pressure.cpu\":7}",
        "{\"scope\":null,\"cpu_percent\":null,\"cores\":null,"
        "\"memory_total\":null,\"memory_used\":null,\"load1\":null,"
        "\"load5\":null,\"load15\":null,\"pressure\":null,"
        "\"path\":null,\"total\":null,\"used\":null,\"available\":null,"
        "\"inodes\":null,\"inodes_free\":null,\"read_only\":null,"
        "\"engine\":null,\"version\":null,\"size\":null,"
        "\"products_count\":null,\"orders_count\":null,"
        "\"vendors_count\":null,\"inventory_count\":null,"
        "\"orders_this_month\":null,\"active_vendors\":null}",
        "{\"pressure\":{\"cpu\":null,\"memory\":{}}}",
        "{\"pressure\":{\"io\":{\"some\":null,\"full\":{\"avg10\":null}}}}"
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(caphealth_system_parse(&system, texts[i],
                                                strlen(texts[i]), err,
                                                sizeof(err)), 0);
        assert_system_unknown(&system);

        assert_int_equal(caphealth_disk_parse(&disk, texts[i],
                                              strlen(texts[i]), err,
                                              sizeof(err)), 0);
        assert_disk_unknown(&disk);

        assert_int_equal(caphealth_database_parse(&database, &v, texts[i],
                                                  strlen(texts[i]), err,
                                                  sizeof(err)), 0);
        assert_database_unknown(&database);
    }
}


static void
test_extremes(void **state)
{
    char                  err[ERRLEN];
    const char           *text;
    caphealth_system_t    s;

    (void) state;

    text = "{\"cpu_percent\":0,\"load1\":-0.0,\"memory_used\":0}";

    assert_int_equal(caphealth_system_parse(&s, text, strlen(text), err,
                                            sizeof(err)), 0);
    assert_true(s.cpu_percent == 0);
    assert_true(s.load1 == 0);
    assert_int_equal(s.memory_used, 0);

    text = "{\"cpu_percent\":1e300,\"memory_used\":9223372036854775807}";

    assert_int_equal(caphealth_system_parse(&s, text, strlen(text), err,
                                            sizeof(err)), 0);
    assert_true(s.cpu_percent == 1e300);
    assert_int_equal(s.memory_used, INT64_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_no_vendors),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_extremes)
    };

    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
