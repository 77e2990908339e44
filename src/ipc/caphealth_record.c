
/*
 * A record of one moment.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_notification.h"
#include "caphealth_record.h"
#include "caphealth_utf8.h"


/* the last second of the year 9999 */
#define CAPHEALTH_RECORD_LATEST  253402300799.0


static const char *caphealth_record_verdict(const caphealth_record_t *r);
static int caphealth_record_time(double time);
static int caphealth_record_text(const char *text, size_t size);
static void caphealth_event_arg(FILE *stream, const char *name,
    const char *text);


static const char  *caphealth_series_units[CAPHEALTH_SERIES_UNITS] = {
    [CAPHEALTH_SERIES_NONE] = "",
    [CAPHEALTH_SERIES_PERCENT] = "percent",
    [CAPHEALTH_SERIES_GB] = "GiB",
    [CAPHEALTH_SERIES_BYTES] = "bytes",
    [CAPHEALTH_SERIES_COUNT] = "count",
    [CAPHEALTH_SERIES_PER_MINUTE] = "per_minute",
    [CAPHEALTH_SERIES_SECONDS] = "seconds",
    [CAPHEALTH_SERIES_STATUS] = "status"
};


static const char  *caphealth_events[CAPHEALTH_EVENTS] = {
    [CAPHEALTH_EVENT_START] = "start",
    [CAPHEALTH_EVENT_RELOAD] = "reload",
    [CAPHEALTH_EVENT_STATUS] = "status",
    [CAPHEALTH_EVENT_OUTAGE] = "outage",
    [CAPHEALTH_EVENT_RECOVERY] = "recovery",
    [CAPHEALTH_EVENT_UPLOADS] = "upload_failed",
    [CAPHEALTH_EVENT_SCAN] = "scan",
    [CAPHEALTH_EVENT_CLOCK] = "clock",
    [CAPHEALTH_EVENT_HISTORY] = "history"
};


/* a code, and the names of its numbers */

static const struct {
    const char  *name;
    const char  *numbers[CAPHEALTH_EVENT_NUMBERS];
} caphealth_event_codes[CAPHEALTH_EVENT_CODES] = {
    [CAPHEALTH_EVENT_CODE_NONE] = { "", { NULL } },
    [CAPHEALTH_EVENT_STARTED] = { "started", { NULL } },
    [CAPHEALTH_EVENT_WORKER_REPLACED] = { "worker-replaced", { NULL } },
    [CAPHEALTH_EVENT_RELOADED] = { "reloaded", { NULL } },
    [CAPHEALTH_EVENT_ALL_HEALTHY] = { "all-healthy", { NULL } },
    [CAPHEALTH_EVENT_THRESHOLD] = { "threshold", { "current", "bound" } },
    [CAPHEALTH_EVENT_FILESYSTEM_READ_ONLY] = { "filesystem-read-only",
                                               { NULL } },
    [CAPHEALTH_EVENT_VALUE_UNKNOWN] = { "value-unknown", { NULL } },
    [CAPHEALTH_EVENT_SOURCE_FAILED] = { "source-failed", { NULL } },
    [CAPHEALTH_EVENT_SOURCE_RECOVERED] = { "source-recovered", { NULL } },
    [CAPHEALTH_EVENT_UPLOADS_FAILED] = { "uploads-failed", { "count" } },
    [CAPHEALTH_EVENT_TREE_CHANGED] = { "tree-changed", { "files", "bytes" } },
    [CAPHEALTH_EVENT_NODE_SILENT] = { "silent", { NULL } }
};


const char *
caphealth_record_read(caphealth_record_t *r, const void *data, size_t size)
{
    size_t                            i;
    const caphealth_record_event_t   *event;
    const caphealth_record_series_t  *series;

    if (size != sizeof(caphealth_record_t)) {
        return "its size";
    }

    memcpy(r, data, size);

    if (r->version != CAPHEALTH_RECORD_VERSION) {
        return "its version";
    }

    if (r->nseries > CAPHEALTH_RECORD_SERIES
        || r->nevents > CAPHEALTH_RECORD_EVENTS
        || r->ncauses > CAPHEALTH_RECORD_CAUSES
        || r->nforecasts > CAPHEALTH_RECORD_FORECASTS)
    {
        return "a number of elements";
    }

    if (!caphealth_record_time(r->time)) {
        return "its time";
    }

    for (i = 0; i < r->nseries; i++) {
        series = &r->series[i];

        if (!caphealth_record_text(series->name, sizeof(series->name))
            || series->name[0] == '\0')
        {
            return "a name";
        }

        if (series->unit >= CAPHEALTH_SERIES_UNITS) {
            return "a unit";
        }

        if (isinf(series->value)) {
            return "a value";
        }
    }

    for (i = 0; i < r->nevents; i++) {
        event = &r->events[i];

        if (event->kind >= CAPHEALTH_EVENTS
            || !caphealth_record_time(event->time)
            || !caphealth_record_text(event->from, sizeof(event->from))
            || !caphealth_record_text(event->to, sizeof(event->to))
            || !caphealth_record_text(event->text, sizeof(event->text))
            || !caphealth_event_args_valid(&event->args))
        {
            return "an event";
        }
    }

    return caphealth_record_verdict(r);
}


static const char *
caphealth_record_verdict(const caphealth_record_t *r)
{
    size_t                              i;
    const caphealth_record_cause_t     *cause;
    const caphealth_record_forecast_t  *forecast;

    if (r->state >= CAPHEALTH_OVERALL_STATES) {
        return "its state";
    }

    if (r->platform >= CAPHEALTH_OVERALL_STATES
        || !caphealth_record_text(r->platform_cause,
                                  sizeof(r->platform_cause))
        || !caphealth_event_args_valid(&r->platform_args))
    {
        return "its platform's state";
    }

    for (i = 0; i < r->ncauses; i++) {
        cause = &r->causes[i];

        if (cause->state <= CAPHEALTH_OVERALL_HEALTHY
            || cause->state >= CAPHEALTH_OVERALL_STATES
            || !caphealth_record_text(cause->text, sizeof(cause->text))
            || !caphealth_event_args_valid(&cause->args))
        {
            return "a cause";
        }
    }

    for (i = 0; i < r->nforecasts; i++) {
        forecast = &r->forecasts[i];

        if (!caphealth_record_text(forecast->key, sizeof(forecast->key))
            || forecast->key[0] == '\0'
            || !caphealth_record_text(forecast->path, sizeof(forecast->path))
            || !caphealth_record_text(forecast->text, sizeof(forecast->text))
            || !(forecast->low >= 0 && forecast->low <= forecast->mid
                 && forecast->mid <= forecast->high
                 && isfinite(forecast->mid)))
        {
            return "a forecast";
        }
    }

    return NULL;
}


static int
caphealth_record_time(double time)
{
    return time >= 0 && time < CAPHEALTH_RECORD_LATEST;
}


static int
caphealth_record_text(const char *text, size_t size)
{
    const char  *end;

    end = memchr(text, '\0', size);

    return end != NULL && caphealth_utf8_valid(text, (size_t) (end - text));
}


int
caphealth_event_args_valid(const caphealth_event_args_t *args)
{
    size_t  i;

    for (i = 0; i < CAPHEALTH_EVENT_NUMBERS; i++) {
        if (isinf(args->numbers[i])) {
            return 0;
        }
    }

    return args->code < CAPHEALTH_EVENT_CODES
           && caphealth_record_text(args->subject, sizeof(args->subject))
           && caphealth_record_text(args->path, sizeof(args->path))
           && caphealth_record_text(args->error_code,
                                    sizeof(args->error_code))
           && caphealth_record_text(args->unit, sizeof(args->unit));
}


int
caphealth_record_add(caphealth_record_t *r, const char *name,
    const char *path, caphealth_series_unit_e unit, double value)
{
    int                         n;
    caphealth_record_series_t  *series;

    if (r->nseries == CAPHEALTH_RECORD_SERIES) {
        return -1;
    }

    series = &r->series[r->nseries];

    n = snprintf(series->name, sizeof(series->name), "%s%s%s", name,
                 (path == NULL) ? "" : ":", (path == NULL) ? "" : path);

    if (n < 0 || (size_t) n >= sizeof(series->name)
        || !caphealth_utf8_valid(series->name, (size_t) n))
    {
        return -1;
    }

    series->unit = unit;
    series->reserved = 0;
    series->value = isfinite(value) ? value : NAN;

    r->nseries++;

    return 0;
}


int
caphealth_record_event(caphealth_record_t *r, double time,
    caphealth_event_e kind, const char *from, const char *to,
    const char *text, const caphealth_event_args_t *args)
{
    caphealth_record_event_t  *event;

    if (r->nevents == CAPHEALTH_RECORD_EVENTS) {
        return -1;
    }

    event = &r->events[r->nevents++];

    memset(event, 0, sizeof(caphealth_record_event_t));
    event->time = time;
    event->kind = kind;

    caphealth_utf8_append(event->from, sizeof(event->from), from);
    caphealth_utf8_append(event->to, sizeof(event->to), to);
    caphealth_utf8_append(event->text, sizeof(event->text), text);

    if (args != NULL) {
        event->args = *args;
    }

    return 0;
}


int
caphealth_record_cause(caphealth_record_t *r, uint32_t state,
    const char *text, const caphealth_event_args_t *args)
{
    caphealth_record_cause_t  *cause;

    if (r->ncauses == CAPHEALTH_RECORD_CAUSES) {
        return -1;
    }

    cause = &r->causes[r->ncauses++];

    memset(cause, 0, sizeof(caphealth_record_cause_t));
    cause->state = state;
    cause->args = *args;

    caphealth_utf8_append(cause->text, sizeof(cause->text), text);

    return 0;
}


int
caphealth_record_forecast(caphealth_record_t *r, const char *key,
    const char *path, const char *text, double low, double mid, double high)
{
    caphealth_record_forecast_t  *forecast;

    if (r->nforecasts == CAPHEALTH_RECORD_FORECASTS
        || strlen(key) >= sizeof(forecast->key))
    {
        return -1;
    }

    forecast = &r->forecasts[r->nforecasts++];

    memset(forecast, 0, sizeof(caphealth_record_forecast_t));
    forecast->low = low;
    forecast->mid = mid;
    forecast->high = high;

    caphealth_utf8_append(forecast->key, sizeof(forecast->key), key);
    caphealth_utf8_append(forecast->path, sizeof(forecast->path),
                          path ? path : "");
    caphealth_utf8_append(forecast->text, sizeof(forecast->text), text);

    return 0;
}


void
caphealth_event_args(caphealth_event_args_t *args,
    caphealth_event_code_e code, const char *subject, const char *path)
{
    size_t  i;

    memset(args, 0, sizeof(caphealth_event_args_t));

    args->code = code;

    for (i = 0; i < CAPHEALTH_EVENT_NUMBERS; i++) {
        args->numbers[i] = NAN;
    }

    caphealth_utf8_append(args->subject, sizeof(args->subject),
                          subject ? subject : "");
    caphealth_utf8_append(args->path, sizeof(args->path), path ? path : "");
}


uint32_t
caphealth_event_code_find(const char *name)
{
    uint32_t  code;

    for (code = CAPHEALTH_EVENT_CODES - 1; code > 0; code--) {
        if (strcmp(caphealth_event_code(code), name) == 0) {
            break;
        }
    }

    return code;
}


const char *
caphealth_event_number(uint32_t code, size_t i)
{
    return (code < CAPHEALTH_EVENT_CODES && i < CAPHEALTH_EVENT_NUMBERS)
           ? caphealth_event_codes[code].numbers[i] : NULL;
}


char *
caphealth_event_args_json(const caphealth_event_args_t *args)
{
    char        *text;
    FILE        *stream;
    size_t       i, len;
    const char  *name;

    stream = open_memstream(&text, &len);
    if (stream == NULL) {
        return NULL;
    }

    /* a brace in place of the first comma */

    caphealth_event_arg(stream, "subject", args->subject);
    caphealth_event_arg(stream, "path", args->path);
    caphealth_event_arg(stream, "error_code", args->error_code);
    caphealth_event_arg(stream, "unit", args->unit);

    for (i = 0; (name = caphealth_event_number(args->code, i)) != NULL; i++) {
        if (isfinite(args->numbers[i])) {
            fprintf(stream, ",\"%s\":%.15g", name, args->numbers[i]);

        } else {
            fprintf(stream, ",\"%s\":null", name);
        }
    }

    if (ftell(stream) == 0) {
        (void) fputc('{', stream);
    }

    (void) fputc('}', stream);

    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }

    text[0] = '{';

    return text;
}


static void
caphealth_event_arg(FILE *stream, const char *name, const char *text)
{
    if (*text != '\0') {
        fprintf(stream, ",\"%s\":", name);
        caphealth_utf8_json(stream, text);
    }
}


const char *
caphealth_series_unit(uint32_t unit)
{
    return (unit < CAPHEALTH_SERIES_UNITS) ? caphealth_series_units[unit]
                                           : "";
}


const char *
caphealth_event_name(uint32_t kind)
{
    return (kind < CAPHEALTH_EVENTS) ? caphealth_events[kind] : "";
}


const char *
caphealth_event_code(uint32_t code)
{
    return (code < CAPHEALTH_EVENT_CODES) ? caphealth_event_codes[code].name
                                          : "";
}
