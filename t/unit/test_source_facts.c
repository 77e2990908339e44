
/*
 * What a collector sends of a source, and what of it is taken.
 */

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unknown.h"


static void
test_clear(void **state)
{
    caphealth_disk_t      disk;
    caphealth_system_t    system;
    caphealth_database_t  database;

    (void) state;

    memset(&disk, 0x55, sizeof(caphealth_disk_t));
    memset(&system, 0x55, sizeof(caphealth_system_t));
    memset(&database, 0x55, sizeof(caphealth_database_t));

    caphealth_disk_clear(&disk);
    caphealth_system_clear(&system);
    caphealth_database_clear(&database);

    assert_disk_unknown(&disk);
    assert_system_unknown(&system);
    assert_database_unknown(&database);
}


/* what is unknown is taken as it is, and so is what is at its limits */

static void
test_good(void **state)
{
    caphealth_disk_t      disk, d;
    caphealth_system_t    system, s;
    caphealth_database_t  database, b;

    (void) state;

    caphealth_disk_clear(&disk);
    caphealth_system_clear(&system);
    caphealth_database_clear(&database);

    assert_null(caphealth_disk_read(&d, &disk, sizeof(disk)));
    assert_null(caphealth_system_read(&s, &system, sizeof(system)));
    assert_null(caphealth_database_read(&b, &database, sizeof(database)));

    assert_memory_equal(&d, &disk, sizeof(disk));
    assert_memory_equal(&s, &system, sizeof(system));
    assert_memory_equal(&b, &database, sizeof(database));

    strcpy(system.scope, "123456789012345");
    system.cpu_percent = 100;
    system.cpu_mean = -0.0;
    system.load1 = DBL_MAX;
    system.memory_total = INT64_MAX;
    system.memory_used = 0;
    system.pressure_io.full.total = 0.25;

    disk.read_only = 1;
    disk.device_read_only = 0;
    disk.inodes_free = INT64_MAX;

    strcpy(database.version, "15.1 (Zo\xc3\xab)");
    database.active_vendors = 0;

    assert_null(caphealth_disk_read(&d, &disk, sizeof(disk)));
    assert_null(caphealth_system_read(&s, &system, sizeof(system)));
    assert_null(caphealth_database_read(&b, &database, sizeof(database)));

    assert_memory_equal(&d, &disk, sizeof(disk));
    assert_memory_equal(&s, &system, sizeof(system));
    assert_memory_equal(&b, &database, sizeof(database));
}


#define assert_bad(type, field, set)                                          \
    do {                                                                      \
        caphealth_##type##_t  bad, read;                                      \
                                                                              \
        caphealth_##type##_clear(&bad);                                       \
        set;                                                                  \
        memset(&read, 0x55, sizeof(read));                                    \
        assert_string_equal(caphealth_##type##_read(&read, &bad,              \
                                                    sizeof(bad)), field);     \
        assert_##type##_unknown(&read);                                       \
    } while (0)


static void
test_bad(void **state)
{
    (void) state;

    assert_bad(system, "scope", memset(bad.scope, 'a', sizeof(bad.scope)));
    assert_bad(system, "scope", strcpy(bad.scope, "a\xff"));
    assert_bad(system, "scope", strcpy(bad.scope, "\xed\xa0\x80"));
    assert_bad(system, "scope", strcpy(bad.scope, "\xc3"));
    assert_bad(system, "cpu_percent", bad.cpu_percent = 100.01);
    assert_bad(system, "cpu_percent", bad.cpu_percent = -0.1);
    assert_bad(system, "cpu_mean", bad.cpu_mean = INFINITY);
    assert_bad(system, "cpu_converters", bad.cpu_converters = 101);
    assert_bad(system, "cpu_seconds", bad.cpu_seconds = -1);
    assert_bad(system, "cores", bad.cores = -INFINITY);
    assert_bad(system, "memory_total", bad.memory_total = -2);
    assert_bad(system, "memory_used", bad.memory_used = INT64_MIN);
    assert_bad(system, "load15", bad.load15 = INFINITY);
    assert_bad(system, "pressure_cpu.some.avg10",
               bad.pressure_cpu.some.avg10 = -1);
    assert_bad(system, "pressure_io.full.total",
               bad.pressure_io.full.total = INFINITY);

    assert_bad(disk, "device", memset(bad.device, '8', sizeof(bad.device)));
    assert_bad(disk, "total", bad.total = -2);
    assert_bad(disk, "used", bad.used = -2);
    assert_bad(disk, "available", bad.available = -2);
    assert_bad(disk, "inodes", bad.inodes = -2);
    assert_bad(disk, "inodes_free", bad.inodes_free = -2);
    assert_bad(disk, "read_only", bad.read_only = 2);
    assert_bad(disk, "device_read_only", bad.device_read_only = -2);

    assert_bad(database, "engine", strcpy(bad.engine, "\x80"));
    assert_bad(database, "version",
               memset(bad.version, '1', sizeof(bad.version)));
    assert_bad(database, "size", bad.size = -2);
    assert_bad(database, "products_count", bad.products_count = -2);
    assert_bad(database, "orders_count", bad.orders_count = -2);
    assert_bad(database, "vendors_count", bad.vendors_count = -2);
    assert_bad(database, "inventory_count", bad.inventory_count = -2);
    assert_bad(database, "orders_this_month", bad.orders_this_month = -2);
    assert_bad(database, "active_vendors", bad.active_vendors = INT64_MIN);
}


static void
test_size(void **state)
{
    caphealth_disk_t  disk[2], d;

    (void) state;

    caphealth_disk_clear(&disk[0]);
    disk[0].total = 5;

    assert_string_equal(caphealth_disk_read(&d, disk, 0), "");
    assert_string_equal(caphealth_disk_read(&d, disk, sizeof(d) - 1), "");
    assert_string_equal(caphealth_disk_read(&d, disk, sizeof(d) + 1), "");
    assert_disk_unknown(&d);
}


#define REFUSED(wrong, set)                                                   \
    do {                                                                      \
        a = good;                                                             \
        set;                                                                  \
        assert_string_equal(caphealth_answer_read(&read,                      \
                                CAPHEALTH_SOURCE_DISK, &a, sizeof(a)), wrong);\
    } while (0)


static void
test_answer(void **state)
{
    caphealth_answer_t  a, good, read;

    (void) state;

    memset(&good, 0, sizeof(good));

    good.source = CAPHEALTH_SOURCE_DISK;
    good.known = 1;
    good.collected_at = 12.5;
    good.duration = 0.25;
    caphealth_disk_clear(&good.facts.disk);
    good.facts.disk.total = 5;

    assert_null(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DISK, &good,
                                      sizeof(good)));
    assert_memory_equal(&read, &good, sizeof(good));

    /* facts of which a part is missing, and none at all */

    a = good;
    caphealth_error_set(&a.error, CAPHEALTH_ERROR_OTHER, "a part");
    assert_null(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DISK, &a,
                                      sizeof(a)));
    a.known = 0;
    a.facts.disk.total = -7;
    assert_null(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DISK, &a,
                                      sizeof(a)));

    REFUSED("known", a.known = 0);
    REFUSED("known", a.known = 2);
    REFUSED("source", a.source = CAPHEALTH_SOURCE_SYSTEM);
    REFUSED("collected_at", a.collected_at = -1);
    REFUSED("collected_at", a.collected_at = INFINITY);
    REFUSED("collected_at", a.collected_at = NAN);
    REFUSED("duration", a.duration = -1);
    REFUSED("duration", a.duration = NAN);
    REFUSED("error", a.error.code = CAPHEALTH_ERROR_OTHER);
    REFUSED("error", strcpy(a.error.text, "a"));
    REFUSED("total", a.facts.disk.total = -2);
    REFUSED("read_only", a.facts.disk.read_only = 2);

    assert_string_equal(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DISK,
                                              &good, sizeof(good) - 1),
                        "size");
    assert_string_equal(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DISK,
                                              &good, 0),
                        "size");
}


/* the vendors behind a database's facts */

static void
test_vendors(void **state)
{
    size_t                 i;
    caphealth_answer_t     read;
    caphealth_database_t  *d;

    static struct {
        caphealth_answer_t  answer;
        char                text[64];
    } a;

    static const struct {
        int64_t      names_len;
        int64_t      list_len;
        size_t       text;
        const char  *wrong;
    } table[] = {
        { -1, -1, 0, NULL },
        { -1, 5, 0, NULL },
        { -1, -1, 1, "vendors" },
        { 2, -1, 3, NULL },
        { 2, -1, 2, "vendors" },
        { 2, -1, 4, "vendors" },
        { 2, 0, 4, NULL },
        { 2, 10, 14, NULL },
        { 2, 10, 13, "vendors" },
        { 2, -2, 3, "list_len" },
        { INT64_MAX, INT64_MAX, 0, "names_len" }
    };

    (void) state;

    memset(&a, 0, sizeof(a));

    a.answer.source = CAPHEALTH_SOURCE_DATABASE;
    a.answer.known = 1;

    d = &a.answer.facts.database;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        caphealth_database_clear(d);

        d->names_len = table[i].names_len;
        d->list_len = table[i].list_len;

        if (table[i].wrong == NULL) {
            assert_null(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DATABASE,
                                              &a, sizeof(caphealth_answer_t)
                                                  + table[i].text));
            assert_int_equal(caphealth_vendors_size(d), table[i].text);

        } else {
            assert_string_equal(caphealth_answer_read(&read,
                                    CAPHEALTH_SOURCE_DATABASE, &a,
                                    sizeof(caphealth_answer_t)
                                    + table[i].text), table[i].wrong);
        }
    }

    /* without a NUL at its end */

    caphealth_database_clear(d);
    d->names_len = 2;
    memcpy(a.text, "{}}", 3);

    assert_string_equal(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DATABASE,
                            &a, sizeof(caphealth_answer_t) + 3), "vendors");
}


static void
test_known(void **state)
{
    (void) state;

    assert_null(caphealth_known(""));
    assert_string_equal(caphealth_known("host"), "host");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_vendors),
        cmocka_unit_test(test_known)
    };

    return cmocka_run_group_tests_name("facts of a source", tests, NULL,
                                       NULL);
}
