
/*
 * What of the history goes to the fleet's database: finished rows, from where
 * that database is, in batches.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "caphealth_fleet_history.h"


/* the begin of a day */
#define START  1700006400


static char                        dir[] = "/tmp/caphealth-fleet-XXXXXX";
static int                         ready;
static caphealth_history_t        *history;
static caphealth_fleet_history_t  *fleet;


static void
is_ready(void *data)
{
    assert_null(data);
    ready++;
}


static int
setup(void **state)
{
    char  path[64];

    (void) state;

    strcpy(strrchr(dir, '-'), "-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void) snprintf(path, sizeof(path), "%s/history.sqlite", dir);

    ready = 0;
    history = caphealth_history_create(path, 0, NULL, NULL);
    fleet = caphealth_fleet_history_create(is_ready, NULL);
    assert_non_null(fleet);

    return 0;
}


static int
teardown(void **state)
{
    char  command[128];

    (void) state;

    caphealth_fleet_history_destroy(fleet);
    caphealth_history_destroy(history);

    (void) snprintf(command, sizeof(command), "rm -rf %s", dir);

    return system(command);
}


/* a sample each half minute */

static void
record(int64_t from, int64_t to)
{
    int64_t  t;

    for (t = from; t < to; t += 30) {
        caphealth_history_add(history, "cpu_percent", "percent", (double) t,
                              (double) (t - from));
        caphealth_history_add(history, "products_count", "count", (double) t,
                              7);
    }

    assert_int_equal(caphealth_history_write(history, (double) to,
                                             (double) to), 0);
}


static void
event(double time, const char *code, const char *args)
{
    caphealth_history_event(history, &(caphealth_history_event_t) {
        .time = time, .kind = "status", .from = "ok", .to = "warning",
        .text = "disk \"/\"", .code = code, .args = args
    });
}


static void
answer(int64_t now, int64_t minutes, int64_t tens, int64_t six, double events)
{
    char  text[256];

    (void) snprintf(text, sizeof(text), "{\"now\":%lld,\"after\":{\"60\":%lld,"
                    "\"600\":%lld,\"21600\":%lld},\"events\":%f}",
                    (long long) now, (long long) minutes, (long long) tens,
                    (long long) six, events);

    assert_int_equal(caphealth_fleet_history_answered(fleet, text,
                                                      (double) now), 0);
}


static json_t *
batch(double now)
{
    json_t      *root;
    const char  *text;

    assert_int_equal(caphealth_fleet_history_read(fleet, history, now), 0);

    text = caphealth_fleet_history_batch(fleet);
    root = (text == NULL) ? NULL : json_loads(text, 0, NULL);

    assert_true((text == NULL) == (root == NULL));

    return root;
}


static int64_t
at(const json_t *root, const char *column, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(root, column),
                                             i));
}


static size_t
length(const json_t *root, const char *column)
{
    return json_array_size(json_object_get(root, column));
}


/* how many points of a step there are, and the newest of them */

static int
points(const json_t *root, int64_t step, int64_t *last)
{
    int     n;
    size_t  i;

    for (i = 0, n = 0; i < length(root, "step"); i++) {
        if (at(root, "step", i) == step) {
            *last = at(root, "start", i);
            n++;
        }
    }

    return n;
}


static void
first_it_asks(void **state)
{
    (void) state;

    record(START, START + 600);

    /* nothing is read before it is known where to go on */

    assert_int_equal(caphealth_fleet_history_read(fleet, history, START + 600),
                     0);
    assert_string_equal(caphealth_fleet_history_batch(fleet), "{}");

    answer(START + 600, START - 1, START - 1, START - 1, START);
    assert_int_equal(ready, 1);
    assert_null(caphealth_fleet_history_batch(fleet));
}


static void
finished_rows(void **state)
{
    int64_t  last;
    json_t  *root;

    (void) state;

    record(START, START + 1500);
    answer(START + 1500, START + 60, START - 1, START - 1, START);

    root = batch(START + 1500);

    /* minutes 2 to 22, each with two series: 23 has ended 120 s ago, not 24 */

    assert_int_equal(points(root, 60, &last), 2 * 21);
    assert_int_equal(last, START + 22 * 60);
    assert_int_equal(points(root, 600, &last), 2 * 2);
    assert_int_equal(last, START + 600);
    assert_int_equal(points(root, 21600, &last), 0);

    assert_int_equal(at(root, "start", 0), START + 120);
    assert_int_equal(at(root, "of", 0), 0);
    assert_int_equal(at(root, "samples", 0), 2);
    assert_float_equal(json_real_value(json_array_get(
                           json_object_get(root, "min"), 0)), 120, 0);
    assert_float_equal(json_real_value(json_array_get(
                           json_object_get(root, "mean"), 0)), 135, 0);
    assert_float_equal(json_real_value(json_array_get(
                           json_object_get(root, "max"), 0)), 150, 0);

    assert_int_equal(length(root, "series"), 2);
    assert_string_equal(json_string_value(json_array_get(json_array_get(
                            json_object_get(root, "series"), 1), 0)),
                        "products_count");
    assert_string_equal(json_string_value(json_array_get(json_array_get(
                            json_object_get(root, "series"), 1), 1)), "count");

    /* behind which it goes on */

    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(root, "after"), "60")), START + 60);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(root, "after"), "600")), START - 1);
    json_decref(root);

    /* the same until it is answered, then nothing until there is more */

    root = batch(START + 9999);
    assert_int_equal(points(root, 60, &last), 2 * 21);
    json_decref(root);

    answer(START + 1500, START + 22 * 60, START + 600, START - 1, START);
    assert_int_equal(ready, 1);
    assert_null(batch(START + 1500));

    root = batch(START + 1560);
    assert_int_equal(points(root, 60, &last), 2);
    assert_int_equal(last, START + 23 * 60);
    json_decref(root);
}


static void
another_server(void **state)
{
    int64_t  last;
    json_t  *root;

    (void) state;

    record(START, START + 1500);
    answer(START + 1500, START + 1200, START + 600, START - 1, START);

    root = batch(START + 1500);
    assert_int_equal(points(root, 60, &last), 2 * 2);
    json_decref(root);

    /* it has less, and has taken nothing */

    answer(START + 1500, START + 600, START - 1, START - 1, START);

    root = batch(START + 1500);
    assert_int_equal(points(root, 60, &last), 2 * 12);
    assert_int_equal(points(root, 600, &last), 2 * 2);
    json_decref(root);
}


static void
outage_in_batches(void **state)
{
    int64_t  last, after, rows;
    json_t  *root;

    (void) state;

    /* there is a gap of a day, longer than what is read at once */

    record(START, START + 3600);
    record(START + 86400, START + 86400 + 400 * 60);

    last = START - 1;
    rows = 0;

    for ( ;; ) {
        after = last;

        answer(START + 2 * 86400, after, START + 2 * 86400, START + 2 * 86400,
               START + 2 * 86400);

        root = batch(START + 2 * 86400);
        if (root == NULL) {
            break;
        }

        rows += points(root, 60, &last) / 2;

        assert_in_range(points(root, 60, &last), 1,
                        2 * CAPHEALTH_FLEET_HISTORY_ROWS);
        assert_true(last > after);
        json_decref(root);
    }

    assert_int_equal(rows, 60 + 400);

    /* each batch but the last was full, and the next could be read at once */

    assert_int_equal(ready, 2);
}


static void
clocks(void **state)
{
    int64_t  last;
    json_t  *root;

    (void) state;

    record(START, START + 3600);

    /* the server's is ten minutes behind: it would not take the last ones */

    assert_int_equal(caphealth_fleet_history_answered(fleet,
        "{\"now\":1700009400,\"after\":{\"60\":0,\"600\":0,\"21600\":0},"
        "\"events\":0}", START + 3600), 0);

    root = batch(START + 3600);
    assert_int_equal(points(root, 60, &last), 2 * (50 - 2));
    assert_int_equal(last, START + 47 * 60);
    json_decref(root);
}


static void
happened(void **state)
{
    size_t   i;
    json_t  *root, *events, *e;

    (void) state;

    event(START + 10, "threshold", "{\"number\":1.5}");
    event(START + 700, "started", "");
    event(START + 710, "started", "[1");
    record(START, START + 720);

    answer(START + 720, START + 86400, START + 86400, START + 86400,
           START + 700);

    root = batch(START + 720);
    events = json_object_get(root, "events");

    /* the one that is late has overlapped, the one of long before has not */

    assert_int_equal(json_array_size(events), 2);

    e = json_array_get(events, 0);
    assert_int_equal(json_array_size(e), 7);
    assert_float_equal(json_real_value(json_array_get(e, 0)), START + 700, 0);
    assert_string_equal(json_string_value(json_array_get(e, 1)), "status");
    assert_string_equal(json_string_value(json_array_get(e, 4)),
                        "disk \"/\"");
    assert_true(json_is_object(json_array_get(e, 6)));
    assert_true(json_is_object(json_array_get(json_array_get(events, 1), 6)));
    json_decref(root);

    /* no more than so many at once */

    for (i = 0; i < 900; i++) {
        event(START + 800 + (double) i / 10, "threshold", "");
    }

    record(START + 800, START + 1000);
    answer(START + 1000, START + 86400, START + 86400, START + 86400,
           START + 850);

    root = batch(START + 1000);
    assert_in_range(length(root, "events"), CAPHEALTH_FLEET_HISTORY_EVENTS,
                    2 * CAPHEALTH_FLEET_HISTORY_EVENTS);
    json_decref(root);

    answer(START + 1000, START + 86400, START + 86400, START + 86400,
           START + 889);
    assert_int_equal(ready, 1 + 1);
}


static void
no_answers(void **state)
{
    size_t  i;

    static const char *const  wrong[] = {
        "", "[]", "null", "{\"now\":1}",
        "{\"now\":1,\"events\":1,\"after\":1}",
        "{\"now\":1,\"events\":1,\"after\":{\"60\":1,\"600\":1}}",
        "{\"now\":1,\"events\":1,\"after\":{\"60\":1,\"600\":1,"
            "\"21600\":\"1\"}}",
        "{\"now\":-1,\"events\":1,\"after\":{\"60\":1,\"600\":1,"
            "\"21600\":1}}",
        "{\"now\":1,\"events\":1e300,\"after\":{\"60\":1,\"600\":1,"
            "\"21600\":1}}",
        "{\"now\":1,\"events\":1,\"after\":{\"60\":1,\"600\":1,"
            "\"21600\":1}} x"
    };

    (void) state;

    record(START, START + 1500);

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        answer(START + 1500, START - 1, START - 1, START - 1, START);
        assert_int_equal(caphealth_fleet_history_read(fleet, history,
                                                      START + 1500), 0);
        assert_int_equal(caphealth_fleet_history_answered(fleet, wrong[i],
                                                          START), -1);

        /* it asks again, and no earlier batch is left */

        assert_string_equal(caphealth_fleet_history_batch(fleet), "{}");
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(first_it_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(finished_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(another_server, setup, teardown),
        cmocka_unit_test_setup_teardown(outage_in_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(clocks, setup, teardown),
        cmocka_unit_test_setup_teardown(happened, setup, teardown),
        cmocka_unit_test_setup_teardown(no_answers, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
