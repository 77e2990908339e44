
/*
 * When a change is told, and what is told: the rules, the bodies, and the file
 * that remembers what was told.
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

#include "caphealth_notifier.h"
#include "caphealth_notify_body.h"
#include "caphealth_notify_state.h"


#define START  1700000000.0


static caphealth_notify_t        notify;
static caphealth_record_t        record;
static caphealth_notify_rules_t  rules;
static caphealth_notify_event_t  event;


static int
setup(void **state)
{
    (void) state;

    memset(&notify, 0, sizeof(notify));
    memset(&record, 0, sizeof(record));
    memset(&event, 0, sizeof(event));

    rules = (caphealth_notify_rules_t) {
        .kinds = CAPHEALTH_NOTIFY_ALL, .hold = 60, .interval = 600
    };

    return 0;
}


/* whether something is told of a status at so many seconds */

static int
at(double seconds, uint32_t status)
{
    record.version = CAPHEALTH_RECORD_VERSION;
    record.time = START + seconds;
    record.state = status;

    caphealth_notify_observe(&notify, &record);

    return caphealth_notify_status(&notify, &rules, &event);
}


/* how often, if it is so from one time to another, by ten seconds */

static int
from_to(double from, double to, uint32_t status)
{
    int     n;
    double  t;

    for (n = 0, t = from; t <= to; t += 10) {
        n += at(t, status);
    }

    return n;
}


static void
held(void **state)
{
    (void) state;

    /* good from the start is no news */

    assert_int_equal(from_to(0, 600, CAPHEALTH_OVERALL_HEALTHY), 0);
    assert_int_equal(notify.told, CAPHEALTH_OVERALL_HEALTHY);

    /* sent once, when it has lasted */

    assert_int_equal(from_to(610, 660, CAPHEALTH_OVERALL_CRITICAL), 0);
    assert_true(at(670, CAPHEALTH_OVERALL_CRITICAL));
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_CRITICAL);
    assert_int_equal(event.from, CAPHEALTH_OVERALL_HEALTHY);
    assert_int_equal(event.to, CAPHEALTH_OVERALL_CRITICAL);
    assert_true(event.since == START + 610);
    assert_false(event.reminder);
    assert_int_equal(from_to(680, 10000, CAPHEALTH_OVERALL_CRITICAL), 0);

    assert_int_equal(from_to(10010, 10060, CAPHEALTH_OVERALL_HEALTHY), 0);
    assert_true(at(10070, CAPHEALTH_OVERALL_HEALTHY));
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_RECOVERY);
}


static void
bad_at_first(void **state)
{
    (void) state;

    assert_int_equal(from_to(0, 50, CAPHEALTH_OVERALL_NONE), 0);
    assert_int_equal(from_to(60, 110, CAPHEALTH_OVERALL_DEGRADED), 0);
    assert_true(at(120, CAPHEALTH_OVERALL_DEGRADED));
    assert_int_equal(event.from, CAPHEALTH_OVERALL_NONE);
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_WARNING);
}


static void
swinging(void **state)
{
    int     n;
    double  t;

    (void) state;

    /* around the status that was sent last: nothing */

    assert_int_equal(from_to(0, 100, CAPHEALTH_OVERALL_HEALTHY), 0);

    for (n = 0, t = 110; t < 4000; t += 20) {
        n += at(t, CAPHEALTH_OVERALL_CRITICAL);
        n += at(t + 10, CAPHEALTH_OVERALL_HEALTHY);
    }

    assert_int_equal(n, 0);

    /* between two that are worse: the better of them, once */

    for (n = 0, t = 4010; t < 8000; t += 20) {
        n += at(t, CAPHEALTH_OVERALL_CRITICAL);
        n += at(t + 10, CAPHEALTH_OVERALL_DEGRADED);
    }

    assert_int_equal(n, 1);
    assert_int_equal(event.to, CAPHEALTH_OVERALL_DEGRADED);
    assert_true(event.since == START + 4010);

    /* now the worse one stays */

    assert_int_equal(from_to(8010, 8070, CAPHEALTH_OVERALL_CRITICAL), 1);

    /* between two that are better: the worse of them, once */

    for (n = 0, t = 8080; t < 12000; t += 20) {
        n += at(t, CAPHEALTH_OVERALL_HEALTHY);
        n += at(t + 10, CAPHEALTH_OVERALL_UNKNOWN);
    }

    assert_int_equal(n, 1);
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_UNKNOWN);
}


/* slower than the hold: at most one of a kind in an interval */

static void
least_time_between(void **state)
{
    int     n;
    double  t;

    (void) state;

    assert_int_equal(from_to(0, 90, CAPHEALTH_OVERALL_HEALTHY), 0);

    for (n = 0, t = 100; t < 100 + 6000; t += 200) {
        n += from_to(t, t + 90, CAPHEALTH_OVERALL_CRITICAL);
        n += from_to(t + 100, t + 190, CAPHEALTH_OVERALL_HEALTHY);
    }

    /* 30 changes each way in 10 intervals */

    assert_in_range(n, 16, 20);

    /* a status that was held back is sent if it lasts */

    (void) setup(NULL);
    rules.hold = 0;
    (void) at(0, CAPHEALTH_OVERALL_HEALTHY);
    assert_true(at(10, CAPHEALTH_OVERALL_CRITICAL));
    assert_true(at(20, CAPHEALTH_OVERALL_HEALTHY));
    assert_int_equal(from_to(30, 600, CAPHEALTH_OVERALL_CRITICAL), 0);
    assert_true(at(610, CAPHEALTH_OVERALL_CRITICAL));
    assert_true(event.since == START + 30);
}


static void
reminded(void **state)
{
    (void) state;

    rules.hold = 0;
    rules.remind = 3600;

    (void) at(0, CAPHEALTH_OVERALL_HEALTHY);
    assert_true(at(10, CAPHEALTH_OVERALL_DEGRADED));
    assert_int_equal(from_to(20, 3600, CAPHEALTH_OVERALL_DEGRADED), 0);
    assert_true(at(3610, CAPHEALTH_OVERALL_DEGRADED));
    assert_true(event.reminder);
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_WARNING);
    assert_int_equal(event.from, CAPHEALTH_OVERALL_DEGRADED);
    assert_true(event.since == START + 10);
    assert_int_equal(from_to(3620, 7200, CAPHEALTH_OVERALL_DEGRADED), 0);
    assert_true(at(7210, CAPHEALTH_OVERALL_DEGRADED));

    /* of what is well nobody is reminded */

    assert_true(at(7220, CAPHEALTH_OVERALL_HEALTHY));
    assert_int_equal(from_to(7230, 20000, CAPHEALTH_OVERALL_HEALTHY), 0);
}


/* as the platform's status: what is not known may be critical */

static void
ranked(void **state)
{
    int     n;
    double  t;

    (void) state;

    assert_int_equal(from_to(0, 100, CAPHEALTH_OVERALL_HEALTHY), 0);

    for (n = 0, t = 110; t < 4000; t += 20) {
        n += at(t, CAPHEALTH_OVERALL_UNKNOWN);
        n += at(t + 10, CAPHEALTH_OVERALL_DEGRADED);
    }

    assert_int_equal(n, 1);
    assert_int_equal(event.to, CAPHEALTH_OVERALL_DEGRADED);

    assert_int_equal(from_to(4000, 4070, CAPHEALTH_OVERALL_UNKNOWN), 1);
    assert_int_equal(event.to, CAPHEALTH_OVERALL_UNKNOWN);
    assert_int_equal(event.from, CAPHEALTH_OVERALL_DEGRADED);
}


/* a node of a fleet that is cut off, and comes back */

static int
taken_back(double seconds, uint32_t own)
{
    record.time = START + seconds;

    caphealth_notify_observe(&notify, &record);
    caphealth_notify_observe_own(&notify, own);

    return caphealth_notify_take_back(&notify, &rules, &event);
}


static void
alone(void **state)
{
    caphealth_told_t  told = { CAPHEALTH_OVERALL_DEGRADED, START, "a" };

    (void) state;

    rules.hold = 10;
    rules.interval = 0;

    /* only the fleet sends the end of what the fleet has sent */

    notify.alone = 1;
    caphealth_notify_adopt(&notify, &told, "b");
    assert_int_equal(from_to(0, 100, CAPHEALTH_OVERALL_HEALTHY), 0);
    assert_int_equal(notify.told, CAPHEALTH_OVERALL_DEGRADED);
    assert_int_equal(notify.owed, CAPHEALTH_OVERALL_NONE);

    /* what is worse it tells itself, and that it is over */

    assert_int_equal(from_to(110, 130, CAPHEALTH_OVERALL_CRITICAL), 1);
    assert_true(event.own);
    assert_string_equal(event.succeeds, "");
    assert_int_equal(notify.owed, CAPHEALTH_OVERALL_CRITICAL);
    assert_int_equal(from_to(140, 160, CAPHEALTH_OVERALL_HEALTHY), 1);
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_RECOVERY);
    assert_int_equal(notify.owed, CAPHEALTH_OVERALL_NONE);

    /* also when another one tells for the fleet again */

    assert_int_equal(from_to(170, 190, CAPHEALTH_OVERALL_CRITICAL), 1);
    notify.alone = 0;
    assert_false(taken_back(200, CAPHEALTH_OVERALL_CRITICAL));
    assert_false(taken_back(210, CAPHEALTH_OVERALL_HEALTHY));
    assert_false(taken_back(215, CAPHEALTH_OVERALL_UNKNOWN));
    assert_false(taken_back(220, CAPHEALTH_OVERALL_HEALTHY));
    assert_false(taken_back(229, CAPHEALTH_OVERALL_HEALTHY));
    assert_true(taken_back(230, CAPHEALTH_OVERALL_HEALTHY));
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_RECOVERY);
    assert_int_equal(event.from, CAPHEALTH_OVERALL_CRITICAL);
    assert_true(event.own);
    assert_true(event.since == START + 220);
    assert_false(taken_back(240, CAPHEALTH_OVERALL_HEALTHY));

    /* a receiver without recoveries does not get this one */

    notify.owed = CAPHEALTH_OVERALL_CRITICAL;
    rules.kinds &= ~(1u << CAPHEALTH_NOTIFY_RECOVERY);
    assert_false(taken_back(250, CAPHEALTH_OVERALL_HEALTHY));
    assert_int_equal(notify.owed, CAPHEALTH_OVERALL_NONE);
}


static void
taken_over(void **state)
{
    caphealth_told_t  told = { CAPHEALTH_OVERALL_DEGRADED, START, "a" };

    (void) state;

    rules.hold = 0;
    rules.remind = 300;

    /* the lease moves: the first status ends what the node before told */

    caphealth_notify_adopt(&notify, &told, "b");
    assert_string_equal(notify.before, "a");
    assert_false(at(10, CAPHEALTH_OVERALL_DEGRADED));
    assert_true(at(310, CAPHEALTH_OVERALL_DEGRADED));
    assert_true(event.reminder);
    assert_string_equal(event.succeeds, "a");
    assert_false(event.own);
    assert_true(at(320, CAPHEALTH_OVERALL_HEALTHY));
    assert_string_equal(event.succeeds, "");

    /* it comes back to the same node */

    caphealth_notify_adopt(&notify, &told, "a");
    assert_string_equal(notify.before, "");

    /* of one that still owes, the platform's status takes that back */

    (void) setup(NULL);
    rules.hold = 0;
    notify.owed = CAPHEALTH_OVERALL_CRITICAL;
    caphealth_notify_adopt(&notify, &told, "b");
    assert_int_equal(notify.told, CAPHEALTH_OVERALL_CRITICAL);
    assert_int_equal(notify.owed, CAPHEALTH_OVERALL_NONE);
    assert_true(at(10, CAPHEALTH_OVERALL_HEALTHY));
    assert_int_equal(event.from, CAPHEALTH_OVERALL_CRITICAL);

    /* nothing is known of the fleet */

    told.state = CAPHEALTH_OVERALL_NONE;
    caphealth_notify_adopt(&notify, &told, "b");
    assert_int_equal(notify.told, CAPHEALTH_OVERALL_HEALTHY);
}


static void
not_asked_for(void **state)
{
    (void) state;

    rules.hold = 0;
    rules.interval = 0;
    rules.kinds = 1u << CAPHEALTH_NOTIFY_CRITICAL
                  | 1u << CAPHEALTH_NOTIFY_RECOVERY;

    (void) at(0, CAPHEALTH_OVERALL_HEALTHY);

    /* who heard of no warning hears of no recovery from it */

    assert_false(at(10, CAPHEALTH_OVERALL_DEGRADED));
    assert_false(at(20, CAPHEALTH_OVERALL_HEALTHY));

    assert_true(at(30, CAPHEALTH_OVERALL_CRITICAL));
    assert_false(at(40, CAPHEALTH_OVERALL_DEGRADED));
    assert_false(at(50, CAPHEALTH_OVERALL_CRITICAL));
    assert_false(at(60, CAPHEALTH_OVERALL_DEGRADED));
    assert_true(at(70, CAPHEALTH_OVERALL_HEALTHY));
    assert_int_equal(event.from, CAPHEALTH_OVERALL_CRITICAL);
}


static void
clock_set_back(void **state)
{
    (void) state;

    rules.remind = 600;

    assert_int_equal(from_to(0, 90, CAPHEALTH_OVERALL_HEALTHY), 0);
    assert_int_equal(from_to(100, 200, CAPHEALTH_OVERALL_CRITICAL), 1);

    /* by a day: nothing waits for a day */

    assert_int_equal(from_to(-86400, -86400 + 590,
                             CAPHEALTH_OVERALL_CRITICAL), 0);
    assert_true(at(-86400 + 600, CAPHEALTH_OVERALL_CRITICAL));
    assert_int_equal(from_to(-85790, -85730, CAPHEALTH_OVERALL_HEALTHY), 1);
}


static int
foresee(double seconds, double days)
{
    record.time = START + seconds;
    record.nforecasts = 0;

    if (days >= 0) {
        assert_int_equal(caphealth_record_forecast(&record, "disk_percent",
                             NULL, "Disk: full", days, days, days), 0);
    }

    caphealth_notify_observe(&notify, &record);

    return caphealth_notify_forecast(&notify, &rules, &record, &event);
}


static void
foreseen(void **state)
{
    int     n;
    double  t;

    (void) state;

    assert_false(foresee(0, 7.5));
    assert_false(foresee(10, 6.9));
    assert_false(foresee(60, 6.9));
    assert_true(foresee(70, 6.9));
    assert_int_equal(event.kind, CAPHEALTH_NOTIFY_FORECAST);
    assert_string_equal(event.forecast->key, "disk_percent");
    assert_true(event.since == START + 10);

    /* around the bound, or now and then unknown: nothing more */

    for (n = 0, t = 80; t < 400000; t += 100) {
        n += foresee(t, 6.5);
        n += foresee(t + 10, 8.5);
        n += foresee(t + 20, -1);
    }

    assert_int_equal(n, 0);

    /* away for a day, and again */

    for (t = 400000; t < 400000 + 90000; t += 1000) {
        assert_false(foresee(t, 12));
    }

    assert_false(foresee(500000, 5));
    assert_true(foresee(500060, 5));

    rules.kinds = 1u << CAPHEALTH_NOTIFY_CRITICAL;
    (void) setup(NULL);
    rules.kinds = 1u << CAPHEALTH_NOTIFY_CRITICAL;
    assert_false(foresee(0, 1));
    assert_false(foresee(100, 1));
}


static void
many_forecasts(void **state)
{
    int   i, j;
    char  key[32];

    (void) state;

    rules.hold = 0;

    /* more than are remembered */

    for (i = 0; i < 10; i++) {
        record.time = START + i;
        record.nforecasts = 0;

        for (j = 0; j < CAPHEALTH_RECORD_FORECASTS; j++) {
            (void) snprintf(key, sizeof(key), "disk_percent:/%d",
                            i * CAPHEALTH_RECORD_FORECASTS + j);
            (void) caphealth_record_forecast(&record, key, NULL, "", 1, 1, 1);
        }

        caphealth_notify_observe(&notify, &record);

        while (caphealth_notify_forecast(&notify, &rules, &record, &event)) {
            /* void */
        }
    }

    assert_int_equal(notify.nforecasts, CAPHEALTH_NOTIFY_FORECASTS);
}


/* --- bodies --- */

static json_t *
body(const json_t *note, caphealth_notify_format_e format)
{
    char    *text;
    json_t  *json;

    text = caphealth_notify_body(note, format, 3, START + 100, 600);
    assert_non_null(text);

    json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);

    free(text);

    return json;
}


static const char *
text(const json_t *json, const char *name)
{
    const char  *value;

    value = json_string_value(json_object_get(json, name));
    assert_non_null(value);

    return value;
}


static json_t *
note_of(uint32_t from, uint32_t to, int reminder)
{
    json_t                  *note;
    uint32_t                 platform;
    caphealth_event_args_t   args;

    platform = record.platform;

    memset(&record, 0, sizeof(record));
    record.time = START;
    record.platform = platform;

    caphealth_event_args(&args, CAPHEALTH_EVENT_THRESHOLD, "disk_percent:/a",
                         "/a");
    (void) strcpy(args.unit, "percent");
    args.numbers[0] = 85.7;
    args.numbers[1] = NAN;
    (void) caphealth_record_cause(&record, CAPHEALTH_OVERALL_CRITICAL,
                                  "Disk <a> & \"b\"", &args);

    caphealth_event_args(&args, CAPHEALTH_EVENT_SOURCE_FAILED, "database",
                         NULL);
    (void) caphealth_record_cause(&record, CAPHEALTH_OVERALL_CRITICAL,
                                  "database: gone", &args);

    caphealth_event_args(&args, CAPHEALTH_EVENT_NODE_SILENT, NULL, NULL);
    (void) caphealth_record_cause(&record, CAPHEALTH_OVERALL_UNKNOWN,
                                  "shop2: no report", &args);

    event = (caphealth_notify_event_t) {
        .kind = (to == CAPHEALTH_OVERALL_HEALTHY) ? CAPHEALTH_NOTIFY_RECOVERY
                                                  : CAPHEALTH_NOTIFY_CRITICAL,
        .reminder = reminder, .from = from, .to = to, .since = START - 60
    };

    note = caphealth_notify_note("0123456789abcdef0123456789abcdef", "shop1",
                                 "https://h/operations/", &event, &record);

    assert_non_null(note);
    assert_true(caphealth_notify_note_valid(note));

    return note;
}


static void
assert_summary(uint32_t from, uint32_t to, int reminder, const char *expected)
{
    json_t  *note;

    note = note_of(from, to, reminder);
    assert_string_equal(text(note, "summary"), expected);
    json_decref(note);
}


static void
bodies(void **state)
{
    char    *line, signature[CAPHEALTH_NOTIFY_SIGNATURE];
    json_t  *note, *json, *cause;

    (void) state;

    note = note_of(CAPHEALTH_OVERALL_NONE, CAPHEALTH_OVERALL_CRITICAL, 0);

    json = body(note, CAPHEALTH_NOTIFY_JSON);
    assert_string_equal(text(json, "kind"), "critical");
    assert_true(json_is_null(json_object_get(json, "from")));
    assert_string_equal(text(json, "since"), "2023-11-14T22:12:20Z");
    assert_string_equal(text(json, "sent_at"), "2023-11-14T22:15:00Z");
    assert_int_equal(json_integer_value(json_object_get(json, "attempt")), 3);
    assert_string_equal(text(json, "summary"),
                        "shop1 is critical: Disk <a> & \"b\"");
    cause = json_array_get(json_object_get(json, "causes"), 0);
    assert_string_equal(text(cause, "runbook_url"),
                 "https://h/operations/image-storage.html#the-disk-is-full");
    assert_true(json_real_value(json_object_get(cause, "current")) == 85.7);
    assert_true(json_is_null(json_object_get(cause, "bound")));
    cause = json_array_get(json_object_get(json, "causes"), 1);
    assert_string_equal(text(cause, "runbook_url"), "https://h/operations/"
                 "platform-health.html#the-database-cannot-be-reached");
    cause = json_array_get(json_object_get(json, "causes"), 2);
    assert_string_equal(text(cause, "code"), "silent");
    assert_string_equal(text(cause, "runbook_url"), "https://h/operations/"
                        "several-nodes.html#a-node-is-silent");
    json_decref(json);

    /* numbers as they are shown */

    line = caphealth_notify_body(note, CAPHEALTH_NOTIFY_JSON, 1, START, 0);
    assert_non_null(strstr(line, "\"current\":85.7,"));
    free(line);

    json = body(note, CAPHEALTH_NOTIFY_SLACK);
    assert_string_equal(text(json, "text"),
        "shop1 is critical: Disk &lt;a&gt; &amp; \"b\"\n- database: gone\n- shop2: no report\n"
        "https://h/operations/image-storage.html#the-disk-is-full");
    assert_int_equal(json_object_size(json), 1);
    json_decref(json);

    json = body(note, CAPHEALTH_NOTIFY_ALERTMANAGER);
    assert_int_equal(json_array_size(json), 3);
    cause = json_array_get(json, 0);
    assert_string_equal(text(json_object_get(cause, "labels"), "status"),
                        "critical");
    assert_string_equal(text(cause, "endsAt"), "2023-11-14T22:45:00Z");
    assert_string_equal(text(json_array_get(json, 1), "endsAt"),
                        "2023-11-14T22:15:00Z");
    json_decref(json);
    json_decref(note);

    note = note_of(CAPHEALTH_OVERALL_CRITICAL, CAPHEALTH_OVERALL_HEALTHY, 0);
    json = body(note, CAPHEALTH_NOTIFY_JSON);
    assert_int_equal(json_array_size(json_object_get(json, "causes")), 0);
    assert_string_equal(text(json, "summary"),
                        "shop1 is healthy again (was critical)");
    json_decref(json);
    json = body(note, CAPHEALTH_NOTIFY_ALERTMANAGER);
    assert_string_equal(text(json_array_get(json, 0), "endsAt"),
                        "2023-11-14T22:15:00Z");
    json_decref(json);
    json_decref(note);

    /* the alerts of the previous sender end */

    note = note_of(CAPHEALTH_OVERALL_NONE, CAPHEALTH_OVERALL_CRITICAL, 0);
    assert_true(json_is_null(json_object_get(note, "succeeds")));
    json_object_set_new(note, "succeeds", json_string("shop0"));
    json = body(note, CAPHEALTH_NOTIFY_ALERTMANAGER);
    assert_int_equal(json_array_size(json), 6);
    cause = json_array_get(json, 3);
    assert_string_equal(text(json_object_get(cause, "labels"), "instance"),
                        "shop0");
    assert_string_equal(text(json_object_get(cause, "labels"), "status"),
                        "critical");
    assert_string_equal(text(cause, "endsAt"), "2023-11-14T22:15:00Z");
    json_decref(json);
    json_decref(note);

    note = note_of(CAPHEALTH_OVERALL_CRITICAL, CAPHEALTH_OVERALL_CRITICAL, 1);
    assert_string_equal(text(note, "summary"),
                        "shop1 is still critical: Disk <a> & \"b\"");
    json_decref(note);

    /* of a fleet */

    record.platform = CAPHEALTH_OVERALL_CRITICAL;
    assert_summary(CAPHEALTH_OVERALL_HEALTHY, CAPHEALTH_OVERALL_CRITICAL, 0,
                   "shop1: the platform is critical (was healthy): "
                   "Disk <a> & \"b\"");
    assert_summary(CAPHEALTH_OVERALL_CRITICAL, CAPHEALTH_OVERALL_CRITICAL, 1,
                   "shop1: the platform is still critical: "
                   "Disk <a> & \"b\"");
    assert_summary(CAPHEALTH_OVERALL_CRITICAL, CAPHEALTH_OVERALL_HEALTHY, 0,
                   "shop1: the platform is healthy again (was critical)");
    record.platform = CAPHEALTH_OVERALL_NONE;

    /* RFC 4231, test case 2 */

    assert_string_equal(caphealth_notify_sign(signature, "Jefe",
                                             "what do ya want for nothing?"),
                        "sha256=5bdcc146bf60754e6a042426089575c7"
                        "5a003f089d2739839dec58b964ec3843");
}


static void
body_of_a_forecast(void **state)
{
    json_t  *note, *json, *days;

    (void) state;

    (void) caphealth_record_forecast(&record, "tier:vendors", NULL,
                                     "Vendors of this tier: at this pace, "
                                     "outgrown in 5 days", 3, 5.04, INFINITY);
    event = (caphealth_notify_event_t) {
        .kind = CAPHEALTH_NOTIFY_FORECAST, .since = START,
        .forecast = &record.forecasts[0]
    };

    note = caphealth_notify_note("0123456789abcdef0123456789abcdef", "shop1",
                                 NULL, &event, &record);
    assert_non_null(note);
    assert_true(caphealth_notify_note_valid(note));

    json = body(note, CAPHEALTH_NOTIFY_JSON);
    assert_null(json_object_get(json, "to"));
    assert_null(json_object_get(json, "causes"));
    json_decref(json);

    json = json_object_get(note, "forecast");
    assert_string_equal(text(json, "subject"), "tier:vendors");
    assert_true(json_is_null(json_object_get(json, "runbook_url")));
    days = json_object_get(json, "limit_in_days");
    assert_true(json_real_value(json_object_get(days, "mid")) == 5);
    assert_true(json_is_null(json_object_get(days, "high")));

    json = body(note, CAPHEALTH_NOTIFY_ALERTMANAGER);
    assert_int_equal(json_array_size(json), 1);
    assert_string_equal(text(json_object_get(json_array_get(json, 0),
                                             "labels"), "measure"),
                        "tier:vendors");
    json_decref(json);
    json_decref(note);
}


/* --- the file --- */

static void
remembered(void **state)
{
    char                *line;
    json_t              *queue, *loaded;
    caphealth_notify_t   other;

    (void) state;

    rules.hold = 0;
    (void) at(0, CAPHEALTH_OVERALL_HEALTHY);
    assert_true(at(10, CAPHEALTH_OVERALL_CRITICAL));
    assert_true(foresee(20, 3));

    queue = json_pack("[{s:o, s:i, s:f}]", "note",
                      note_of(CAPHEALTH_OVERALL_HEALTHY,
                              CAPHEALTH_OVERALL_CRITICAL, 0),
                      "attempts", 7, "created", START);

    notify.owed = CAPHEALTH_OVERALL_UNKNOWN;

    line = caphealth_notify_save(&notify, queue);
    assert_non_null(line);

    memset(&other, 0, sizeof(other));
    loaded = NULL;
    assert_null(caphealth_notify_load(&other, &loaded, line, strlen(line),
                                      START + 1000));
    assert_int_equal(other.told, CAPHEALTH_OVERALL_CRITICAL);
    assert_true(other.since == START + 10);
    assert_true(other.kinds[CAPHEALTH_NOTIFY_CRITICAL] == START + 10);
    assert_int_equal(other.nforecasts, 1);
    assert_int_equal(other.owed, CAPHEALTH_OVERALL_UNKNOWN);
    assert_true(json_equal(queue, loaded));

    /* nothing is sent again */

    notify = other;
    rules.hold = 0;
    assert_false(at(1000, CAPHEALTH_OVERALL_CRITICAL));
    assert_false(foresee(1010, 3));

    json_decref(queue);
    json_decref(loaded);
    free(line);
}


static void
damaged(void **state)
{
    char                *line;
    size_t               i, len;
    json_t              *queue, *loaded;
    caphealth_notify_t   other;

    (void) state;

    static const char *const  wrong[] = {
        "", "[]", "{}", "{\"version\":2}", "{\"version\":1}",
        "{\"version\":1,\"told\":\"well\",\"since\":0,\"sent\":0,"
        "\"kinds\":{},\"forecasts\":[],\"queue\":[]}",
        "{\"version\":1,\"told\":\"none\",\"since\":-1,\"sent\":0,"
        "\"kinds\":{},\"forecasts\":[],\"queue\":[]}",
        "{\"version\":1,\"told\":\"none\",\"since\":0,\"sent\":0,"
        "\"kinds\":{},\"forecasts\":[1],\"queue\":[]}",
        "{\"version\":1,\"told\":\"none\",\"since\":0,\"sent\":0,"
        "\"kinds\":{},\"forecasts\":[],\"queue\":[{}]}",
        "{\"version\":1,\"told\":\"none\",\"since\":0,\"sent\":0,"
        "\"kinds\":{},\"forecasts\":[],\"queue\":[]}"
    };

    memset(&other, 0, sizeof(other));

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_non_null(caphealth_notify_load(&other, &loaded, wrong[i],
                                              strlen(wrong[i]), START));
    }

    /* cut anywhere */

    queue = json_array();
    line = caphealth_notify_save(&notify, queue);
    len = strlen(line);

    for (i = 0; i < len; i++) {
        assert_non_null(caphealth_notify_load(&other, &loaded, line, i,
                                              START));
    }

    assert_int_equal(other.told, CAPHEALTH_OVERALL_NONE);

    json_decref(queue);
    free(line);
}


static void
attempts(void **state)
{
    (void) state;

    assert_true(caphealth_notifier_pause(1) == 1);
    assert_true(caphealth_notifier_pause(2) == 2);
    assert_true(caphealth_notifier_pause(10) == 512);
    assert_true(caphealth_notifier_pause(11) == 600);
    assert_true(caphealth_notifier_pause(4000000000u) == 600);

    assert_int_equal(caphealth_notifier_result(0), CAPHEALTH_NOTIFY_RETRIED);
    assert_int_equal(caphealth_notifier_result(202),
                     CAPHEALTH_NOTIFY_DELIVERED);
    assert_int_equal(caphealth_notifier_result(301),
                     CAPHEALTH_NOTIFY_ABANDONED);
    assert_int_equal(caphealth_notifier_result(404),
                     CAPHEALTH_NOTIFY_ABANDONED);
    assert_int_equal(caphealth_notifier_result(408),
                     CAPHEALTH_NOTIFY_RETRIED);
    assert_int_equal(caphealth_notifier_result(429),
                     CAPHEALTH_NOTIFY_RETRIED);
    assert_int_equal(caphealth_notifier_result(503),
                     CAPHEALTH_NOTIFY_RETRIED);
}


static void
urls(void **state)
{
    size_t  i, shown;

    (void) state;

    static const struct {
        const char  *url;
        const char  *shown;          /* NULL: it is refused */
    } cases[] = {
        { "https://hooks.example.com/services/T0/B1/x", "https://"
          "hooks.example.com" },
        { "http://127.0.0.1:8080", "http://127.0.0.1:8080" },
        { "https://h?token=x", "https://h" },
        { "https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443" },
        { "https://", NULL },
        { "https:///a", NULL },
        { "ftp://h/", NULL },
        { "HTTPS://h/", NULL },
        { "https://user:pass@h/", NULL },
        { "https://h/a b", NULL },
        { "https://h/\n", NULL },
        { "https://h/\xc3\xa4", NULL },
        { "https://h/#a", NULL },
        { "https://h:0/", NULL },
        { "https://h:65536/", NULL },
        { "https://h:/", NULL },
        { "https://h:8x/", NULL },
        { "https://h\\a/", NULL },
        { "https://[::1/", NULL },
        { "https://[]/", NULL },
        { "https://[::1]x/", NULL },
        { "https://h:99999999999999999999/", NULL },
        { "", NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].shown == NULL) {
            assert_non_null(caphealth_receiver_check_url(cases[i].url,
                                              strlen(cases[i].url), &shown));
            assert_int_equal(shown, 0);
            continue;
        }

        assert_null(caphealth_receiver_check_url(cases[i].url,
                                              strlen(cases[i].url), &shown));
        assert_int_equal(shown, strlen(cases[i].shown));
    }
}


static void
names(void **state)
{
    uint32_t  i;

    (void) state;

    for (i = 0; i < CAPHEALTH_NOTIFY_KINDS; i++) {
        const char  *name = caphealth_notify_kind_name(i);

        assert_int_equal(caphealth_notify_kind_find(name, strlen(name)), i);
    }

    assert_null(caphealth_notify_kind_name(i));
    assert_null(caphealth_notify_result_name(CAPHEALTH_NOTIFY_RESULTS));
    assert_int_equal(caphealth_notify_kind_find("warn", 4), -1);
    assert_int_equal(caphealth_notify_format_find("slack", 5),
                     CAPHEALTH_NOTIFY_SLACK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(held, setup),
        cmocka_unit_test_setup(bad_at_first, setup),
        cmocka_unit_test_setup(swinging, setup),
        cmocka_unit_test_setup(least_time_between, setup),
        cmocka_unit_test_setup(reminded, setup),
        cmocka_unit_test_setup(ranked, setup),
        cmocka_unit_test_setup(alone, setup),
        cmocka_unit_test_setup(taken_over, setup),
        cmocka_unit_test_setup(not_asked_for, setup),
        cmocka_unit_test_setup(clock_set_back, setup),
        cmocka_unit_test_setup(foreseen, setup),
        cmocka_unit_test_setup(many_forecasts, setup),
        cmocka_unit_test_setup(bodies, setup),
        cmocka_unit_test_setup(body_of_a_forecast, setup),
        cmocka_unit_test_setup(remembered, setup),
        cmocka_unit_test_setup(damaged, setup),
        cmocka_unit_test(attempts),
        cmocka_unit_test(urls),
        cmocka_unit_test(names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
