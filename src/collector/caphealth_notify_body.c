
/*
 * A notification as JSON.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nettle/hmac.h>

#include "caphealth_notify_body.h"
#include "caphealth_path.h"
#include "caphealth_version.h"


/* seconds that an alert of a forecast lasts at Alertmanager */
#define CAPHEALTH_NOTIFY_DAY  86400

#define CAPHEALTH_NOTIFY_TIME  sizeof("9999-12-31T23:59:59Z")


static json_t *caphealth_note_causes(const caphealth_record_t *record,
    const char *runbooks);
static json_t *caphealth_note_forecast(
    const caphealth_record_forecast_t *forecast, const char *runbooks);
static json_t *caphealth_note_runbook(const char *runbooks,
    const char *subject, uint32_t code);
static json_t *caphealth_note_summary(const char *node,
    const caphealth_notify_event_t *event, const caphealth_record_t *record);
static json_t *caphealth_note_status(uint32_t status);
static json_t *caphealth_note_text(const char *text);
static json_t *caphealth_note_number(double x);
static json_t *caphealth_note_time(double time);
static json_t *caphealth_note_slack(const json_t *note);
static void caphealth_note_escape(FILE *stream, const char *text);
static json_t *caphealth_note_alerts(const json_t *note, double now,
    double remind);
static int caphealth_note_statuses(json_t *alerts, const json_t *note,
    const char *node, const char *fires, double now, double seconds);
static json_t *caphealth_note_alert(const json_t *note, json_t *labels,
    double ends);
static const char *caphealth_note_string(const json_t *note,
    const char *name);


/* the sections of the handbook, by what a cause is */

static const struct {
    const char  *subject;        /* that the cause's begins with; NULL: any */
    uint32_t     code;           /* CAPHEALTH_EVENT_CODE_NONE: any */
    const char  *page;
} caphealth_runbooks[] = {
    { NULL, CAPHEALTH_EVENT_FILESYSTEM_READ_ONLY,
      "image-storage.html#the-image-tree-cannot-be-written" },
    { NULL, CAPHEALTH_EVENT_NODE_SILENT,
      "several-nodes.html#a-node-is-silent" },
    { "database", CAPHEALTH_EVENT_SOURCE_FAILED,
      "platform-health.html#the-database-cannot-be-reached" },
    { "disk", CAPHEALTH_EVENT_SOURCE_FAILED,
      "platform-health.html#a-mount-hangs-or-is-gone" },
    { "system", CAPHEALTH_EVENT_SOURCE_FAILED,
      "platform-health.html#everything-is-stale" },
    { NULL, CAPHEALTH_EVENT_VALUE_UNKNOWN,
      "platform-health.html#something-is-not-known" },
    { "tier:", CAPHEALTH_EVENT_CODE_NONE,
      "capacity-monitoring.html#when-the-tier-turns" },
    { "disk_percent", CAPHEALTH_EVENT_CODE_NONE,
      "image-storage.html#the-disk-is-full" },
    { "inodes_percent", CAPHEALTH_EVENT_CODE_NONE,
      "image-storage.html#the-disk-is-full" },
    { NULL, CAPHEALTH_EVENT_CODE_NONE,
      "capacity-monitoring.html#when-a-threshold-turns" }
};


static const struct {
    const char  *state;
    const char  *severity;
} caphealth_alerts[] = {
    { "critical", "critical" },
    { "degraded", "warning" },
    { "unknown", "warning" }
};


json_t *
caphealth_notify_note(const char *id, const char *node, const char *runbooks,
    const caphealth_notify_event_t *event, const caphealth_record_t *record)
{
    int      status;
    json_t  *note;

    status = (event->forecast == NULL);

    note = json_pack("{s:s, s:s, s:b, s:o, s:s, s:o, s:o*, s:o*, s:o, s:o,"
                     " s:o*}",
                     "id", id,
                     "kind", caphealth_notify_kind_name(event->kind),
                     "reminder", event->reminder,
                     "node", caphealth_note_text(node),
                     "version", CAPHEALTH_VERSION,
                     "at", caphealth_note_time(record->time),
                     "from", status ? caphealth_note_status(event->from)
                                    : NULL,
                     "to", status ? caphealth_note_status(event->to) : NULL,
                     "since", caphealth_note_time(event->since),
                     "summary", caphealth_note_summary(node, event, record),
                     "succeeds", status ? caphealth_note_text(event->succeeds)
                                        : NULL);

    if (note == NULL) {
        return NULL;
    }

    if (status
        ? json_object_set_new(note, "causes",
                              (event->to == CAPHEALTH_OVERALL_HEALTHY)
                              ? json_array()
                              : caphealth_note_causes(record, runbooks))
        : json_object_set_new(note, "forecast",
                              caphealth_note_forecast(event->forecast,
                                                      runbooks)))
    {
        json_decref(note);
        return NULL;
    }

    return note;
}


static json_t *
caphealth_note_causes(const caphealth_record_t *record, const char *runbooks)
{
    size_t                           i;
    json_t                          *causes, *entry;
    const caphealth_event_args_t    *args;
    const caphealth_record_cause_t  *cause;

    causes = json_array();

    for (i = 0; i < record->ncauses; i++) {
        cause = &record->causes[i];
        args = &cause->args;

        entry = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}",
                          "status", caphealth_overall_state_name(cause->state),
                          "code", caphealth_event_code(args->code),
                          "subject", caphealth_note_text(args->subject),
                          "path", caphealth_note_text(args->path),
                          "sentence", json_string(cause->text),
                          "runbook_url", caphealth_note_runbook(runbooks,
                                                                args->subject,
                                                                args->code));

        if (entry != NULL && args->code == CAPHEALTH_EVENT_THRESHOLD) {
            (void) json_object_set_new(entry, "current",
                                   caphealth_note_number(args->numbers[0]));
            (void) json_object_set_new(entry, "bound",
                                   caphealth_note_number(args->numbers[1]));
            (void) json_object_set_new(entry, "unit",
                                       caphealth_note_text(args->unit));
        }

        if (json_array_append_new(causes, entry) == -1) {
            json_decref(causes);
            return NULL;
        }
    }

    return causes;
}


static json_t *
caphealth_note_forecast(const caphealth_record_forecast_t *forecast,
    const char *runbooks)
{
    return json_pack("{s:s, s:o, s:s, s:{s:o, s:o, s:o}, s:o}",
                     "subject", forecast->key,
                     "path", caphealth_note_text(forecast->path),
                     "sentence", forecast->text,
                     "limit_in_days",
                         "low", caphealth_note_number(forecast->low),
                         "mid", caphealth_note_number(forecast->mid),
                         "high", caphealth_note_number(forecast->high),
                     "runbook_url", caphealth_note_runbook(runbooks,
                                                  forecast->key,
                                                  CAPHEALTH_EVENT_THRESHOLD));
}


static json_t *
caphealth_note_runbook(const char *runbooks, const char *subject,
    uint32_t code)
{
    size_t       i, len;
    const char  *prefix;

    if (runbooks == NULL) {
        return json_null();
    }

    for (i = 0; /* void */; i++) {
        prefix = caphealth_runbooks[i].subject;

        if ((prefix == NULL || strncmp(subject, prefix, strlen(prefix)) == 0)
            && (caphealth_runbooks[i].code == CAPHEALTH_EVENT_CODE_NONE
                || caphealth_runbooks[i].code == code))
        {
            break;
        }
    }

    len = strlen(runbooks);

    return json_sprintf("%s%s%s", runbooks,
                        (len > 0 && runbooks[len - 1] == '/') ? "" : "/",
                        caphealth_runbooks[i].page);
}


static json_t *
caphealth_note_summary(const char *node, const caphealth_notify_event_t *event,
    const caphealth_record_t *record)
{
    const char  *to, *from, *cause, *whole;

    if (event->forecast != NULL) {
        return json_sprintf("%s: %s", node, event->forecast->text);
    }

    whole = (event->own || record->platform == CAPHEALTH_OVERALL_NONE)
            ? "" : ": the platform";

    to = caphealth_overall_state_name(event->to);
    from = (event->from == CAPHEALTH_OVERALL_NONE)
           ? NULL : caphealth_overall_state_name(event->from);

    if (event->to == CAPHEALTH_OVERALL_HEALTHY) {
        return json_sprintf("%s%s is healthy again (was %s)", node, whole,
                            from);
    }

    cause = (record->ncauses > 0) ? record->causes[0].text : NULL;

    if (event->reminder) {
        return json_sprintf("%s%s is still %s%s%s", node, whole, to,
                            cause ? ": " : "", cause ? cause : "");
    }

    return json_sprintf("%s%s is %s%s%s%s%s%s", node, whole, to,
                        from ? " (was " : "", from ? from : "",
                        from ? ")" : "", cause ? ": " : "",
                        cause ? cause : "");
}


static json_t *
caphealth_note_status(uint32_t status)
{
    return (status == CAPHEALTH_OVERALL_NONE)
           ? json_null() : json_string(caphealth_overall_state_name(status));
}


/* null: there is none */

static json_t *
caphealth_note_text(const char *text)
{
    return (*text == '\0') ? json_null() : json_string(text);
}


/* one decimal, for people */

static json_t *
caphealth_note_number(double x)
{
    return isfinite(x) ? json_real(round(x * 10) / 10) : json_null();
}


static json_t *
caphealth_note_time(double time)
{
    char       text[CAPHEALTH_NOTIFY_TIME];
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) time;

    if (gmtime_r(&seconds, &tm) == NULL
        || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        return json_null();
    }

    return json_string(text);
}


int
caphealth_notify_note_valid(const json_t *note)
{
    const json_t  *id;
    const char    *kind;

    id = json_object_get(note, "id");
    kind = json_string_value(json_object_get(note, "kind"));

    return json_is_string(id)
           && caphealth_id_valid(json_string_value(id), json_string_length(id))
           && kind != NULL
           && caphealth_notify_kind_find(kind, strlen(kind)) != -1
           && json_is_string(json_object_get(note, "summary"))
           && json_is_string(json_object_get(note, "since"));
}


char *
caphealth_notify_body(const json_t *note, caphealth_notify_format_e format,
    unsigned attempt, double now, double remind)
{
    char    *text;
    json_t  *body;

    switch (format) {

    case CAPHEALTH_NOTIFY_SLACK:
        body = caphealth_note_slack(note);
        break;

    case CAPHEALTH_NOTIFY_ALERTMANAGER:
        body = caphealth_note_alerts(note, now, remind);
        break;

    default: /* CAPHEALTH_NOTIFY_JSON */
        body = json_copy((json_t *) note);

        if (body != NULL
            && (json_object_set_new(body, "sent_at", caphealth_note_time(now))
                | json_object_set_new(body, "attempt",
                                      json_integer(attempt)))
               == -1)
        {
            json_decref(body);
            body = NULL;
        }
    }

    /* 15 digits: 85.7 is not written as 85.700000000000003 */

    text = (body == NULL) ? NULL
                          : json_dumps(body, JSON_COMPACT
                                             | JSON_REAL_PRECISION(15));

    json_decref(body);

    return text;
}


/* the first cause is in the summary */

static json_t *
caphealth_note_slack(const json_t *note)
{
    char          *text;
    FILE          *stream;
    size_t         i, len;
    json_t        *body, *url;
    const char    *sentence;
    const json_t  *causes, *cause;

    stream = open_memstream(&text, &len);
    if (stream == NULL) {
        return NULL;
    }

    caphealth_note_escape(stream, caphealth_note_string(note, "summary"));

    causes = json_object_get(note, "causes");

    for (i = 1; i < json_array_size(causes); i++) {
        sentence = caphealth_note_string(json_array_get(causes, i),
                                         "sentence");
        fprintf(stream, "\n- ");
        caphealth_note_escape(stream, sentence);
    }

    cause = json_array_get(causes, 0);
    cause = (cause == NULL) ? json_object_get(note, "forecast") : cause;
    url = json_object_get(cause, "runbook_url");

    if (json_is_string(url)) {
        fprintf(stream, "\n");
        caphealth_note_escape(stream, json_string_value(url));
    }

    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }

    body = json_pack("{s:s}", "text", text);

    free(text);

    return body;
}


/* what has a meaning in Slack's text; other chats show it as HTML does */

static void
caphealth_note_escape(FILE *stream, const char *text)
{
    for (/* void */; *text != '\0'; text++) {

        switch (*text) {

        case '&':
            (void) fputs("&amp;", stream);
            break;

        case '<':
            (void) fputs("&lt;", stream);
            break;

        case '>':
            (void) fputs("&gt;", stream);
            break;

        default:
            (void) fputc(*text, stream);
        }
    }
}


/*
 * An alert for each status but "healthy": the current one fires, the others
 * have ended, also those of the node that sent notifications before.
 * Alertmanager ignores the end of an alert that it has never received.
 */

static json_t *
caphealth_note_alerts(const json_t *note, double now, double remind)
{
    json_t      *alerts, *alert, *labels;
    const char  *node, *succeeds;

    alerts = json_array();
    node = caphealth_note_string(note, "node");
    succeeds = caphealth_note_string(note, "succeeds");

    if (json_object_get(note, "forecast") != NULL) {
        labels = json_pack("{s:s, s:s, s:s, s:s}",
                           "alertname", "CaphealthForecast",
                           "instance", node,
                           "severity", "warning",
                           "measure", caphealth_note_string(
                                          json_object_get(note, "forecast"),
                                          "subject"));

        alert = caphealth_note_alert(note, labels,
                                     now + CAPHEALTH_NOTIFY_DAY);

        if (json_array_append_new(alerts, alert) == -1) {
            json_decref(alerts);
            return NULL;
        }

        return alerts;
    }

    if (caphealth_note_statuses(alerts, note, node,
                                caphealth_note_string(note, "to"), now,
                                3 * remind)
        == -1
        || (*succeeds != '\0'
            && caphealth_note_statuses(alerts, note, succeeds, "", now, 0)
               == -1))
    {
        json_decref(alerts);
        return NULL;
    }

    return alerts;
}


/* those of a node, of which one fires for so many seconds */

static int
caphealth_note_statuses(json_t *alerts, const json_t *note, const char *node,
    const char *fires, double now, double seconds)
{
    size_t   i;
    json_t  *alert, *labels;

    for (i = 0; i < sizeof(caphealth_alerts) / sizeof(caphealth_alerts[0]);
         i++)
    {
        labels = json_pack("{s:s, s:s, s:s, s:s}",
                           "alertname", "CaphealthStatus",
                           "instance", node,
                           "severity", caphealth_alerts[i].severity,
                           "status", caphealth_alerts[i].state);

        alert = caphealth_note_alert(note, labels,
                               strcmp(fires, caphealth_alerts[i].state) == 0
                               ? now + seconds : now);

        if (json_array_append_new(alerts, alert) == -1) {
            return -1;
        }
    }

    return 0;
}


static json_t *
caphealth_note_alert(const json_t *note, json_t *labels, double ends)
{
    json_t        *alert, *url;
    const json_t  *cause;

    alert = json_pack("{s:o, s:{s:s, s:s}, s:s, s:o}",
                      "labels", labels,
                      "annotations",
                          "summary", caphealth_note_string(note, "summary"),
                          "notification", caphealth_note_string(note, "id"),
                      "startsAt", caphealth_note_string(note, "since"),
                      "endsAt", caphealth_note_time(ends));

    cause = json_array_get(json_object_get(note, "causes"), 0);
    cause = (cause == NULL) ? json_object_get(note, "forecast") : cause;
    url = json_object_get(cause, "runbook_url");

    if (alert != NULL && json_is_string(url)) {
        (void) json_object_set(json_object_get(alert, "annotations"),
                               "runbook_url", url);
    }

    return alert;
}


/* "" if it has none */

static const char *
caphealth_note_string(const json_t *note, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(note, name));

    return (text == NULL) ? "" : text;
}


const char *
caphealth_notify_sign(char text[CAPHEALTH_NOTIFY_SIGNATURE],
    const char *secret, const char *body)
{
    size_t                  i;
    uint8_t                 digest[SHA256_DIGEST_SIZE];
    struct hmac_sha256_ctx  hmac;

    hmac_sha256_set_key(&hmac, strlen(secret), (const uint8_t *) secret);
    hmac_sha256_update(&hmac, strlen(body), (const uint8_t *) body);
    hmac_sha256_digest(&hmac, sizeof(digest), digest);

    memcpy(text, "sha256=", sizeof("sha256="));

    for (i = 0; i < sizeof(digest); i++) {
        (void) sprintf(text + 7 + 2 * i, "%02x", digest[i]);
    }

    return text;
}
