
/*
 * The ready documents of the history: what a client reads.
 */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <zlib.h>

#include <cmocka.h>

#include "caphealth_documents.h"


/* the begin of a day */
#define START  1700006400.0


static char                    dir[] = "/tmp/caphealth-documents-XXXXXX";
static char                    path[64];
static char                    logged[4096];
static caphealth_history_t    *history;
static caphealth_documents_t  *documents;


static void
log_line(void *data, const char *text)
{
    size_t  len;

    (void) data;

    len = strlen(logged);
    (void) snprintf(&logged[len], sizeof(logged) - len, "%s\n", text);
}


static int
setup(void **state)
{
    (void) state;

    strcpy(strrchr(dir, '-'), "-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void) snprintf(path, sizeof(path), "%s/history.sqlite", dir);

    logged[0] = '\0';
    history = caphealth_history_create(path, 0, log_line, NULL);
    documents = caphealth_documents_create(history, dir, 10, log_line, NULL);
    assert_non_null(documents);

    return 0;
}


static int
teardown(void **state)
{
    char  command[128];

    (void) state;

    caphealth_documents_destroy(documents);
    caphealth_history_destroy(history);

    (void) snprintf(command, sizeof(command), "rm -rf %s", dir);

    return system(command);
}


static void
write_at(double now)
{
    assert_int_equal(caphealth_history_write(history, now, now - 1e9), 0);
    assert_int_equal(caphealth_documents_write(documents, now), 0);
}


static char *
read_gz(const char *window, const char *suffix)
{
    int          n;
    char         name[128];
    gzFile       gz;
    static char  text[8 * 1024 * 1024];

    (void) snprintf(name, sizeof(name), "%s/history-%s.json%s", dir, window,
                    suffix);

    gz = gzopen(name, "rb");
    assert_non_null(gz);

    n = gzread(gz, text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    (void) gzclose(gz);

    return text;
}


/* a file that is not compressed is read as it is, by gzread() too */

static json_t *
document(const char *window)
{
    char          *plain;
    json_t        *json;
    json_error_t   error;

    plain = strdup(read_gz(window, ""));
    assert_string_equal(read_gz(window, ".gz"), plain);

    json = json_loads(plain, 0, &error);

    if (json == NULL) {
        print_error("%s\n%s\n", error.text, plain);
    }

    assert_non_null(json);
    free(plain);

    return json;
}


static json_t *
series(json_t *json, const char *name, const char *what)
{
    return json_object_get(json_object_get(json_object_get(json, "series"),
                                           name), what);
}


static const char *
text_of(json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}


static json_int_t
number_of(json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}


static void
windows(void **state)
{
    int      i;
    json_t  *json, *event;

    (void) state;

    for (i = 0; i <= 300; i++) {
        if (i < 100 || i > 110) {
            caphealth_history_add(history, "cpu \"x\"", "percent",
                                  START + 10 * i, i % 60);
        }

        caphealth_history_add(history, "orders", "count", START + 10 * i,
                              123456);
    }

    caphealth_history_event(history, &(caphealth_history_event_t) {
        .time = START + 5, .kind = "status", .from = "healthy",
        .to = "critical", .text = "a disk \xff is full", .code = "threshold",
        .args = "{\"subject\":\"disk_percent\",\"current\":97}"
    });
    caphealth_history_event(history, &(caphealth_history_event_t) {
        .time = START + 7, .kind = "start"
    });

    write_at(START + 3000);

    json = document("2h");

    assert_string_equal(text_of(json, "window"), "2h");
    assert_int_equal(number_of(json, "step"), 10);
    assert_int_equal(number_of(json, "columns"), 301);
    assert_string_equal(text_of(json, "start"), "2023-11-15T00:00:00Z");
    assert_string_equal(text_of(json, "generated_at"),
                        "2023-11-15T00:50:00Z");

    assert_string_equal(json_string_value(series(json, "cpu \"x\"", "unit")),
                        "percent");
    assert_int_equal(json_array_size(series(json, "cpu \"x\"", "min")), 301);
    assert_int_equal(json_array_size(series(json, "cpu \"x\"", "max")), 301);
    assert_int_equal(json_integer_value(json_array_get(series(json,
                                        "cpu \"x\"", "mean"), 59)), 59);
    assert_true(json_is_null(json_array_get(series(json, "cpu \"x\"", "mean"),
                                            105)));
    assert_int_equal(json_integer_value(json_array_get(series(json, "orders",
                                        "mean"), 105)), 123500);

    assert_int_equal(json_array_size(json_object_get(json, "events")), 2);
    event = json_array_get(json_object_get(json, "events"), 0);
    assert_string_equal(text_of(event, "at"), "2023-11-15T00:00:05Z");
    assert_string_equal(text_of(event, "kind"), "status");
    assert_string_equal(text_of(event, "from"), "healthy");
    assert_string_equal(text_of(event, "to"), "critical");
    assert_string_equal(text_of(event, "text"), "a disk \xef\xbf\xbd is full");
    assert_string_equal(text_of(event, "code"), "threshold");
    assert_int_equal(number_of(json_object_get(event, "args"), "current"), 97);
    event = json_array_get(json_object_get(json, "events"), 1);
    assert_true(json_is_null(json_object_get(event, "from")));
    assert_true(json_is_null(json_object_get(event, "code")));
    assert_int_equal(json_object_size(json_object_get(event, "args")), 0);

    json_decref(json);

    json = document("2d");
    assert_int_equal(number_of(json, "step"), 60);
    assert_int_equal(number_of(json, "columns"), 51);
    assert_int_equal(json_integer_value(json_array_get(series(json,
                                        "cpu \"x\"", "max"), 1)), 11);
    assert_int_equal(json_integer_value(json_array_get(series(json,
                                        "cpu \"x\"", "min"), 1)), 6);
    assert_true(json_real_value(json_array_get(series(json, "cpu \"x\"",
                                               "mean"), 1)) == 8.5);
    json_decref(json);

    json = document("60d");
    assert_int_equal(number_of(json, "columns"), 6);
    json_decref(json);

    json = document("3y");
    assert_int_equal(number_of(json, "columns"), 1);
    assert_string_equal(text_of(json, "start"), "2023-11-15T00:00:00Z");
    json_decref(json);

    assert_string_equal(logged, "");
}


/* the largest are written when there is a column more, and not before */

static void
when_it_moved(void **state)
{
    json_t       *json;
    struct stat   before, after;
    char          name[64];

    (void) state;

    (void) snprintf(name, sizeof(name), "%s/history-60d.json", dir);

    caphealth_history_add(history, "cpu", "percent", START, 1);
    write_at(START);
    assert_int_equal(stat(name, &before), 0);

    caphealth_history_add(history, "cpu", "percent", START + 60, 2);
    write_at(START + 60);
    assert_int_equal(stat(name, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);

    json = document("2d");
    assert_int_equal(number_of(json, "columns"), 2);
    json_decref(json);

    caphealth_history_add(history, "cpu", "percent", START + 601, 3);
    write_at(START + 601);
    assert_int_equal(stat(name, &after), 0);
    assert_true(before.st_ino != after.st_ino
                || before.st_size != after.st_size);

    json = document("60d");
    assert_int_equal(number_of(json, "columns"), 2);
    json_decref(json);
}


static void
nothing_yet(void **state)
{
    json_t  *json;

    (void) state;

    write_at(START);

    json = document("2d");
    assert_int_equal(number_of(json, "columns"), 0);
    assert_int_equal(json_object_size(json_object_get(json, "series")), 0);
    assert_int_equal(json_array_size(json_object_get(json, "events")), 0);
    json_decref(json);
}


/* the other collector during a reload */

static void
another_writes(void **state)
{
    int   fd;
    char  name[64];

    (void) state;

    (void) snprintf(name, sizeof(name), "%s/history-documents.lock", dir);
    fd = open(name, O_RDWR|O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);

    write_at(START);
    assert_string_equal(logged, "");

    (void) snprintf(name, sizeof(name), "%s/history-2h.json", dir);
    assert_int_equal(access(name, F_OK), -1);

    (void) close(fd);

    write_at(START);
    assert_int_equal(access(name, F_OK), 0);
}


static void
not_written(void **state)
{
    char  name[64];

    (void) state;

    (void) snprintf(name, sizeof(name), "%s/history-2h.json.tmp", dir);
    assert_int_equal(mkdir(name, 0700), 0);

    assert_int_equal(caphealth_history_write(history, START, 0), 0);
    assert_int_equal(caphealth_documents_write(documents, START), -1);
    assert_int_equal(caphealth_documents_write(documents, START), -1);

    assert_non_null(strstr(logged, "cannot be opened: Is a directory"));
    assert_null(strstr(strstr(logged, "opened") + 1, "opened"));

    assert_int_equal(rmdir(name), 0);
    assert_int_equal(caphealth_documents_write(documents, START), 0);
}


static void
past(void **state)
{
    int                               i;
    const caphealth_past_t           *cpu;
    static caphealth_history_facts_t  facts;

    (void) state;

    for (i = 0; i < 24 * 65; i++) {
        if (i / 24 != 62) {
            caphealth_history_add(history, "cpu", "percent",
                                  START + 3600 * i, i / 24 + (i % 24) / 100.0);
        }

        caphealth_history_add(history, "status", "status", START + 3600 * i,
                              0);
    }

    write_at(START + 86400 * 64.5);

    assert_int_equal(caphealth_documents_past(documents,
                                              START + 86400 * 64.5, &facts),
                     0);
    assert_int_equal(facts.n, 1);
    assert_int_equal(facts.first_day, START / 86400 + 5);

    cpu = caphealth_history_facts_past(&facts, "cpu");
    assert_non_null(cpu);
    assert_true(fabsf(cpu->days[0] - 5.23f) < 1e-5f);
    assert_true(fabsf(cpu->days[59] - 64.23f) < 1e-5f);
    assert_true(isnan(cpu->days[57]));
}


static void
numbers(void **state)
{
    size_t  i;
    char    text[33];

    static const struct {
        double       x;
        const char  *text;
    } n[] = {
        { 0, "0" }, { 1, "1" }, { 12.345678, "12.35" }, { 99.999, "100" },
        { 100.04, "100" }, { 0.05, "0.05" }, { 0.012346, "0.01235" },
        { 9999.6, "10000" }, { 123456, "123500" }, { 1234567890, "1235000000" },
        { -12.5, "-12.5" }, { 0.99999, "1" }, { 1e-7, "1e-07" },
        { 1.5e16, "1.5e+16" }, { 3.4e38, "3.4e+38" }, { 0.1, "0.1" },
        { NAN, "null" }, { INFINITY, "null" }, { 5e-324, "0" },
        { 0.000012345, "0.00001234" }, { 999999999999999, "1000000000000000" }
    };

    (void) state;

    for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        text[caphealth_documents_number(text, n[i].x)] = '\0';
        assert_string_equal(text, n[i].text);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(windows, setup, teardown),
        cmocka_unit_test_setup_teardown(when_it_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(another_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(past, setup, teardown),
        cmocka_unit_test(numbers)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
