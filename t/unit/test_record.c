
/*
 * What goes into the history, and what comes out of it for forecasts: checked
 * as bytes of any origin.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_record.h"
#include "caphealth_source_facts.h"


static caphealth_record_t         record, copy;
static caphealth_history_facts_t  past, past_copy;


static void
prepare(void)
{
    caphealth_event_args_t  args;

    memset(&record, 0, sizeof(record));
    record.version = CAPHEALTH_RECORD_VERSION;
    record.time = 1700000000;

    assert_int_equal(caphealth_record_add(&record, "cpu_percent", NULL,
                                     CAPHEALTH_SERIES_PERCENT, 12.5), 0);
    assert_int_equal(caphealth_record_add(&record, "disk_percent", "/",
                                     CAPHEALTH_SERIES_PERCENT, INFINITY), 0);
    caphealth_event_args(&args, CAPHEALTH_EVENT_THRESHOLD,
                         "disk_percent:/a \"b\"", "/a \"b\"");
    (void) strcpy(args.unit, "percent");
    args.numbers[0] = 97.25;

    assert_int_equal(caphealth_record_event(&record, record.time,
                                     CAPHEALTH_EVENT_STATUS, "healthy",
                                     "critical", "a disk is full", &args), 0);
}


static const char *
read_record(void)
{
    return caphealth_record_read(&copy, &record, sizeof(record));
}


static void
taken(void **state)
{
    (void) state;

    prepare();

    assert_null(read_record());
    assert_memory_equal(&copy, &record, sizeof(record));
    assert_string_equal(copy.series[1].name, "disk_percent:/");
    assert_true(isnan(copy.series[1].value));
    assert_string_equal(copy.events[0].to, "critical");
    assert_string_equal(caphealth_event_name(copy.events[0].kind), "status");
    assert_string_equal(caphealth_series_unit(copy.series[0].unit),
                        "percent");
    assert_string_equal(caphealth_series_unit(1000), "");
    assert_string_equal(caphealth_event_name(1000), "");
    assert_string_equal(caphealth_event_code(copy.events[0].args.code),
                        "threshold");
    assert_string_equal(caphealth_event_code(1000), "");
}


/* each code has a name, and what is unknown is null */

static void
arguments(void **state)
{
    char                    *json;
    uint32_t                 code;
    caphealth_event_args_t   args;

    (void) state;

    prepare();
    json = caphealth_event_args_json(&record.events[0].args);
    assert_string_equal(json, "{\"subject\":\"disk_percent:/a \\\"b\\\"\","
                        "\"path\":\"/a \\\"b\\\"\",\"unit\":\"percent\","
                        "\"current\":97.25,\"bound\":null}");
    free(json);

    for (code = 0; code < CAPHEALTH_EVENT_CODES; code++) {
        assert_true((caphealth_event_code(code)[0] == '\0')
                    == (code == CAPHEALTH_EVENT_CODE_NONE));
    }

    caphealth_event_args(&args, CAPHEALTH_EVENT_UPLOADS_FAILED, NULL, NULL);
    args.numbers[0] = 3;
    json = caphealth_event_args_json(&args);
    assert_string_equal(json, "{\"count\":3}");
    free(json);

    caphealth_event_args(&args, CAPHEALTH_EVENT_STARTED, NULL, NULL);
    json = caphealth_event_args_json(&args);
    assert_string_equal(json, "{}");
    free(json);
}


static void
refused(void **state)
{
    (void) state;

    prepare();
    assert_string_equal(caphealth_record_read(&copy, &record,
                                              sizeof(record) - 1),
                        "its size");

    record.version++;
    assert_string_equal(read_record(), "its version");

    prepare();
    record.nseries = CAPHEALTH_RECORD_SERIES + 1;
    assert_string_equal(read_record(), "a number of elements");

    prepare();
    record.time = NAN;
    assert_string_equal(read_record(), "its time");

    prepare();
    memset(record.series[1].name, 'x', CAPHEALTH_SERIES_NAME);
    assert_string_equal(read_record(), "a name");

    prepare();
    record.series[0].name[0] = '\xff';
    assert_string_equal(read_record(), "a name");

    prepare();
    record.series[0].unit = CAPHEALTH_SERIES_UNITS;
    assert_string_equal(read_record(), "a unit");

    prepare();
    record.series[0].value = INFINITY;
    assert_string_equal(read_record(), "a value");

    prepare();
    record.events[0].kind = CAPHEALTH_EVENTS;
    assert_string_equal(read_record(), "an event");

    prepare();
    memset(record.events[0].text, 'x', sizeof(record.events[0].text));
    assert_string_equal(read_record(), "an event");

    prepare();
    record.events[0].args.code = CAPHEALTH_EVENT_CODES;
    assert_string_equal(read_record(), "an event");

    prepare();
    memset(record.events[0].args.path, 'x', sizeof(record.events[0].args.path));
    assert_string_equal(read_record(), "an event");

    prepare();
    record.events[0].args.numbers[1] = INFINITY;
    assert_string_equal(read_record(), "an event");
}


/* what does not fit is left out, and a text is cut between two characters */

static void
too_much(void **state)
{
    int     i;
    char    text[400];
    size_t  len;

    (void) state;

    prepare();

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';

    assert_int_equal(caphealth_record_add(&record, "disk_percent", text,
                                          CAPHEALTH_SERIES_PERCENT, 1), -1);
    assert_int_equal(record.nseries, 2);

    len = sizeof(record.events[0].text);
    memcpy(&text[len - 2], "\xc3\xa4", 2);

    assert_int_equal(caphealth_record_event(&record, 1,
                                       CAPHEALTH_EVENT_OUTAGE, "", "", text,
                                       NULL),
                     0);
    assert_int_equal(strlen(record.events[1].text), len - 2);

    for (i = 2; i < CAPHEALTH_RECORD_SERIES; i++) {
        assert_int_equal(caphealth_record_add(&record, "x", NULL,
                                          CAPHEALTH_SERIES_COUNT, 1), 0);
    }

    assert_int_equal(caphealth_record_add(&record, "x", NULL,
                                          CAPHEALTH_SERIES_COUNT, 1), -1);

    for (i = 2; i < CAPHEALTH_RECORD_EVENTS; i++) {
        assert_int_equal(caphealth_record_event(&record, 1,
                                       CAPHEALTH_EVENT_START, "", "", "",
                                       NULL), 0);
    }

    assert_int_equal(caphealth_record_event(&record, 1,
                                       CAPHEALTH_EVENT_START, "", "", "",
                                       NULL), -1);
    assert_null(read_record());
}


static void
facts(void **state)
{
    (void) state;

    caphealth_history_facts_clear(&past);
    past.first_day = 19000;
    past.n = 2;
    strcpy(past.series[0].name, "cpu_percent");
    strcpy(past.series[1].name, "disk_percent:/");
    past.series[1].days[59] = NAN;

    assert_null(caphealth_history_facts_read(&past_copy, &past,
                                             sizeof(past)));
    assert_memory_equal(&past_copy, &past, sizeof(past));
    assert_ptr_equal(caphealth_history_facts_past(&past, "disk_percent:/"),
                     &past.series[1]);
    assert_null(caphealth_history_facts_past(&past, "disk_percent"));

    assert_string_equal(caphealth_history_facts_read(&past_copy, &past, 8),
                        "");
    assert_int_equal(past_copy.n, 0);

    past.series[0].days[3] = INFINITY;
    assert_string_equal(caphealth_history_facts_read(&past_copy, &past,
                                                     sizeof(past)), "days");

    past.series[0].days[3] = 0;
    memset(past.series[0].name, 'x', CAPHEALTH_SERIES_NAME);
    assert_string_equal(caphealth_history_facts_read(&past_copy, &past,
                                                     sizeof(past)), "name");

    past.n = CAPHEALTH_PAST_SERIES + 1;
    assert_string_equal(caphealth_history_facts_read(&past_copy, &past,
                                                     sizeof(past)), "n");
    assert_int_equal(past_copy.n, 0);

    /* the last of its days must be one, too */

    past.first_day = INT32_MAX;
    assert_string_equal(caphealth_history_facts_read(&past_copy, &past,
                                                     sizeof(past)),
                        "first_day");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(taken),
        cmocka_unit_test(arguments),
        cmocka_unit_test(refused),
        cmocka_unit_test(too_much),
        cmocka_unit_test(facts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
