
/*
 * What the history keeps of the facts, and what notifications tell of them.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_measures.h"
#include "caphealth_notification.h"
#include "caphealth_number.h"
#include "caphealth_platform.h"
#include "caphealth_recording.h"
#include "caphealth_threshold_forecasts.h"
#include "caphealth_utf8.h"


/* seconds between two events of failed uploads */
#define CAPHEALTH_RECORDING_UPLOADS  60


typedef struct {
    caphealth_record_t             *record;
    caphealth_recording_t          *last;
    const caphealth_facts_t        *facts;
    double                          now;
    int                             left_out;
} caphealth_recorded_t;


static void caphealth_record_measures(caphealth_recorded_t *r);
static void caphealth_record_object(caphealth_recorded_t *r,
    caphealth_object_e of, const void *object, const caphealth_section_t *s,
    const char *path);
static void caphealth_record_uploads(caphealth_recorded_t *r,
    const caphealth_recording_uploads_t *uploads);
static void caphealth_record_status(caphealth_recorded_t *r,
    const caphealth_policy_t *p);
static void caphealth_record_causes(caphealth_recorded_t *r,
    const caphealth_evaluation_t *a, const caphealth_policy_t *p,
    caphealth_status_e status);
static void caphealth_record_section(caphealth_recorded_t *r,
    const char *name, const char *path, const caphealth_section_t *s,
    uint32_t state);
static void caphealth_record_forecasts(caphealth_recorded_t *r);
static const char *caphealth_record_label(
    const caphealth_threshold_forecast_t *t);
static int caphealth_record_begins(const caphealth_recorded_t *r);
static void caphealth_record_platform(caphealth_recorded_t *r);
static uint32_t caphealth_record_state(caphealth_status_e status);
static void caphealth_record_judged(caphealth_event_args_t *args,
    const char *key, const char *path, const caphealth_measure_t *m,
    const caphealth_check_t *check);
static void caphealth_record_error(caphealth_event_args_t *args,
    const caphealth_section_t *s);
static void caphealth_record_outages(caphealth_recorded_t *r);
static void caphealth_record_outage(caphealth_recorded_t *r, size_t i,
    const char *name, const char *path, const caphealth_section_t *s);
static void caphealth_record_scans(caphealth_recorded_t *r);
static int caphealth_record_fresh(const caphealth_recorded_t *r,
    const caphealth_section_t *s);
static void caphealth_record_value(caphealth_recorded_t *r,
    const caphealth_section_t *s, const char *name, const char *path,
    caphealth_series_unit_e unit, double value);


int
caphealth_recording_fill(caphealth_record_t *record,
    caphealth_recording_t *last, const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_recording_uploads_t *uploads,
    double now)
{
    caphealth_recorded_t  r;

    record->version = CAPHEALTH_RECORD_VERSION;
    record->time = now;

    r.record = record;
    r.last = last;
    r.facts = f;
    r.now = now;
    r.left_out = 0;

    caphealth_record_status(&r, p);
    caphealth_record_platform(&r);
    caphealth_record_uploads(&r, uploads);
    caphealth_record_measures(&r);
    caphealth_record_outages(&r);
    caphealth_record_scans(&r);
    caphealth_record_forecasts(&r);

    last->time = now;

    return r.left_out;
}


static void
caphealth_record_measures(caphealth_recorded_t *r)
{
    size_t                         i;
    const caphealth_facts_t       *f = r->facts;
    const caphealth_disk_facts_t  *d;

    caphealth_record_object(r, CAPHEALTH_SYSTEM, f, &f->system.section, NULL);

    if (f->database.section.configured) {
        caphealth_record_object(r, CAPHEALTH_DATABASE, f,
                                &f->database.section, NULL);
        caphealth_record_object(r, CAPHEALTH_CAPACITY, f,
                                &f->database.section, NULL);
    }

    for (i = 0; (d = caphealth_facts_mount(f, i)) != NULL; i++) {
        caphealth_record_object(r, CAPHEALTH_DISK, d, &d->section, d->path);
    }

    /* counted live, so never stale */

    for (i = 0; i < f->images.value.nroots; i++) {
        caphealth_record_object(r, CAPHEALTH_ROOT, &f->images.value.roots[i],
                                NULL, f->images.value.roots[i].path);
    }
}


/* the rows that have a series */

static void
caphealth_record_object(caphealth_recorded_t *r, caphealth_object_e of,
    const void *object, const caphealth_section_t *s, const char *path)
{
    size_t                      i;
    double                      value;
    const caphealth_measure_t  *m;

    for (i = 0; i < caphealth_objects[of].n; i++) {
        m = &caphealth_objects[of].rows[i];

        if (m->series == NULL) {
            continue;
        }

        value = caphealth_measure_value(m, object);

        if (m->series_unit == CAPHEALTH_SERIES_GB) {
            value /= CAPHEALTH_GIB;
        }

        caphealth_record_value(r, s, m->series, path, m->series_unit, value);
    }
}


static void
caphealth_record_uploads(caphealth_recorded_t *r,
    const caphealth_recording_uploads_t *uploads)
{
    char                    text[64];
    double                  minutes, stored, failed;
    caphealth_recording_t  *last;
    caphealth_event_args_t  args;

    last = r->last;

    if (!r->facts->uploads.section.configured) {
        return;
    }

    minutes = (r->now - last->time) / 60;
    stored = uploads->stored - last->uploads.stored;
    failed = uploads->failed - last->uploads.failed;

    if (last->time == 0 || minutes <= 0 || stored < 0 || failed < 0) {
        stored = NAN;
        failed = NAN;
    }

    last->uploads = *uploads;

    caphealth_record_value(r, NULL, "uploads_per_minute", NULL,
                           CAPHEALTH_SERIES_PER_MINUTE, stored / minutes);
    caphealth_record_value(r, NULL, "upload_failures_per_minute", NULL,
                           CAPHEALTH_SERIES_PER_MINUTE, failed / minutes);
    caphealth_record_value(r, NULL, "converters_waiting", NULL,
                           CAPHEALTH_SERIES_COUNT, uploads->waiting);
    caphealth_record_value(r, NULL, "upload_p95_seconds", NULL,
                           CAPHEALTH_SERIES_SECONDS, uploads->p95);

    if (failed > 0) {
        last->failures += failed;
    }

    if (last->failures > 0
        && (r->now - last->told_at >= CAPHEALTH_RECORDING_UPLOADS
            || r->now < last->told_at))
    {
        (void) snprintf(text, sizeof(text), "%.0f upload%s failed",
                        last->failures, (last->failures == 1) ? "" : "s");

        caphealth_event_args(&args, CAPHEALTH_EVENT_UPLOADS_FAILED, NULL,
                             NULL);
        args.numbers[0] = last->failures;

        (void) caphealth_record_event(r->record, r->now,
                                      CAPHEALTH_EVENT_UPLOADS, "", "", text,
                                      &args);
        last->failures = 0;
        last->told_at = r->now;
    }
}


static void
caphealth_record_status(caphealth_recorded_t *r, const caphealth_policy_t *p)
{
    double                           value;
    const char                      *text;
    caphealth_status_e               status;
    caphealth_evaluation_t           a;
    caphealth_event_args_t           args;
    const caphealth_record_cause_t  *cause;

    caphealth_evaluate(&a, r->facts, p, r->now);

    value = (a.overall == CAPHEALTH_OK) ? 0
            : (a.overall == CAPHEALTH_WARNING) ? 1
            : (a.overall == CAPHEALTH_CRITICAL) ? 2 : NAN;

    caphealth_record_value(r, NULL, "status", NULL, CAPHEALTH_SERIES_STATUS,
                           value);

    /* the worst are the first */

    for (status = a.overall; status > CAPHEALTH_OK; status--) {
        caphealth_record_causes(r, &a, p, status);
    }

    /* at the start nothing is known for a moment */

    r->record->state = (a.overall == CAPHEALTH_UNKNOWN_STATUS && !a.stale
                        && caphealth_record_begins(r))
                       ? CAPHEALTH_OVERALL_NONE
                       : caphealth_record_state(a.overall);

    if (a.overall == r->last->status
        || r->record->state == CAPHEALTH_OVERALL_NONE)
    {
        return;
    }

    if (r->last->status == CAPHEALTH_NOT_CONFIGURED) {
        if (!isnan(value)) {
            r->last->status = a.overall;
        }

        return;
    }

    caphealth_event_args(&args, CAPHEALTH_EVENT_ALL_HEALTHY, NULL, NULL);
    text = (a.overall == CAPHEALTH_OK) ? "all is well" : "";
    cause = &r->record->causes[0];

    if (r->record->ncauses > 0) {
        args = cause->args;
        text = cause->text;
    }

    (void) caphealth_record_event(r->record, r->now, CAPHEALTH_EVENT_STATUS,
                                  caphealth_overall_name(r->last->status),
                                  caphealth_overall_name(a.overall), text,
                                  &args);
    r->last->status = a.overall;
}


/* whether something has not been collected yet */

static int
caphealth_record_begins(const caphealth_recorded_t *r)
{
    size_t                         i;
    const caphealth_root_t        *root;
    const caphealth_section_t     *s;
    const caphealth_disk_facts_t  *disk;

    s = &r->facts->database.section;

    if (s->configured && s->attempted_at == 0) {
        return 1;
    }

    for (i = 0; (disk = caphealth_facts_mount(r->facts, i)) != NULL; i++) {
        if (disk->section.configured && disk->section.attempted_at == 0) {
            return 1;
        }
    }

    for (i = 0; i < r->facts->images.value.nroots; i++) {
        root = &r->facts->images.value.roots[i];

        if (root->source == NULL && root->error == NULL) {
            return 1;
        }
    }

    return r->facts->system.section.attempted_at == 0;
}


static void
caphealth_record_platform(caphealth_recorded_t *r)
{
    caphealth_platform_t  p;

    if (!r->facts->fleet.section.configured) {
        return;
    }

    caphealth_platform(&p, r->facts, r->now);

    /* before the first read, the platform is not judged */

    if (p.nodes == CAPHEALTH_UNKNOWN) {
        return;
    }

    r->record->platform = caphealth_record_state(p.state);

    if (p.args != NULL) {
        r->record->platform_args = *p.args;
    }

    if (p.reason != NULL) {
        caphealth_utf8_append(r->record->platform_cause,
                              sizeof(r->record->platform_cause), p.reason);
    }
}


static uint32_t
caphealth_record_state(caphealth_status_e status)
{
    switch (status) {

    case CAPHEALTH_OK:
        return CAPHEALTH_OVERALL_HEALTHY;

    case CAPHEALTH_WARNING:
        return CAPHEALTH_OVERALL_DEGRADED;

    case CAPHEALTH_CRITICAL:
        return CAPHEALTH_OVERALL_CRITICAL;

    default:
        return CAPHEALTH_OVERALL_UNKNOWN;
    }
}


/* those of one status, each with its name */

static void
caphealth_record_causes(caphealth_recorded_t *r,
    const caphealth_evaluation_t *a, const caphealth_policy_t *p,
    caphealth_status_e status)
{
    char                           reason[CAPHEALTH_REASON_LEN];
    char                           text[CAPHEALTH_REASON_LEN + 128];
    size_t                         i;
    uint32_t                       state;
    caphealth_extra_t              extra;
    caphealth_event_args_t         args;
    const caphealth_disk_facts_t  *disk;

    state = caphealth_record_state(status);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        if (a->checks[i].status == status) {
            (void) caphealth_reason_check(reason, a, i, r->facts, r->now);
            (void) snprintf(text, sizeof(text), "%.100s: %s",
                            caphealth_threshold(i)->label, reason);
            caphealth_record_judged(&args, caphealth_threshold(i)->key, NULL,
                                    caphealth_threshold(i), &a->checks[i]);
            (void) caphealth_record_cause(r->record, state, text, &args);
        }
    }

    memset(&extra, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&extra, r->facts, p, r->now)) {
        if (extra.check.status != status) {
            continue;
        }

        (void) caphealth_extra_reason(reason, &extra, r->facts, r->now);
        (void) snprintf(text, sizeof(text), "%.100s: %s", extra.name, reason);
        caphealth_record_judged(&args, extra.key, extra.path, extra.measure,
                                &extra.check);

        if (extra.kind == CAPHEALTH_EXTRA_READ_ONLY
            && extra.check.status != CAPHEALTH_UNKNOWN_STATUS)
        {
            caphealth_event_args(&args, CAPHEALTH_EVENT_FILESYSTEM_READ_ONLY,
                                 extra.key, extra.path);
        }

        (void) caphealth_record_cause(r->record, state, text, &args);
    }

    /* what is judged for being there at all */

    if (r->facts->database.section.attempted_at > 0
        && (r->facts->database.section.failed
            ? CAPHEALTH_CRITICAL : CAPHEALTH_UNKNOWN_STATUS) == status)
    {
        caphealth_record_section(r, "database", NULL,
                                 &r->facts->database.section, state);
    }

    for (i = 1; status == CAPHEALTH_UNKNOWN_STATUS
                && (disk = caphealth_facts_mount(r->facts, i)) != NULL; i++)
    {
        if (!caphealth_record_fresh(r, &disk->section)) {
            caphealth_record_section(r, "disk", disk->path, &disk->section,
                                     state);
        }
    }

    if (a->stale && status == a->overall) {
        caphealth_record_section(r, "system", NULL, &r->facts->system.section,
                                 state);
    }
}


/* nothing if it is well */

static void
caphealth_record_section(caphealth_recorded_t *r, const char *name,
    const char *path, const caphealth_section_t *s, uint32_t state)
{
    char                    reason[CAPHEALTH_REASON_LEN];
    char                    text[CAPHEALTH_REASON_LEN + 128];
    caphealth_event_args_t  args;

    if (caphealth_reason_section(reason, s, r->now)[0] == '\0') {
        return;
    }

    (void) snprintf(text, sizeof(text), "%s%s%.100s%s: %s", name,
                    path ? " \"" : "", path ? path : "", path ? "\"" : "",
                    reason);

    caphealth_event_args(&args, CAPHEALTH_EVENT_SOURCE_FAILED, name, path);
    caphealth_record_error(&args, s);

    (void) caphealth_record_cause(r->record, state, text, &args);
}


/* for people */

static const char *
caphealth_record_label(const caphealth_threshold_forecast_t *t)
{
    size_t  i;

    if (t->measure == NULL) {
        return (strcmp(t->input.key, "tier:vendors") == 0)
               ? "Vendors of this tier" : "Products of this tier";
    }

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        if (strcmp(caphealth_threshold(i)->key, t->measure) == 0) {
            return caphealth_threshold(i)->label;
        }
    }

    return t->measure;
}


/* a limit that is reached is a cause of the status */

static void
caphealth_record_forecasts(caphealth_recorded_t *r)
{
    char                                   text[CAPHEALTH_FORECAST_LEN];
    char                                   sentence[CAPHEALTH_REASON_LEN];
    size_t                                 i;
    const char                            *key, *words;
    const caphealth_forecast_t            *f;
    const caphealth_forecasts_t           *fs = r->facts->forecasts;
    const caphealth_threshold_forecast_t  *t;

    for (i = 0; fs != NULL && i < fs->n; i++) {
        t = &fs->of[i];
        f = &t->levels[CAPHEALTH_LEVEL_LIMIT];
        key = t->input.key;

        if (f->reason != CAPHEALTH_FORECAST_KNOWN
            || f->mid > CAPHEALTH_RECORDING_DAYS)
        {
            continue;
        }

        words = caphealth_forecasts_sentence(text,
                                       t->measure ? "full" : "outgrown",
                                       r->facts, key);

        (void) snprintf(sentence, sizeof(sentence), "%s%s%.100s%s: %s",
                        caphealth_record_label(t),
                        t->path ? " of \"" : "", t->path ? t->path : "",
                        t->path ? "\"" : "", words ? words : "");

        if (caphealth_record_forecast(r->record, key, t->path, sentence,
                                      f->low, f->mid, f->high)
            == -1)
        {
            return;
        }
    }
}


static void
caphealth_record_judged(caphealth_event_args_t *args, const char *key,
    const char *path, const caphealth_measure_t *m,
    const caphealth_check_t *check)
{
    if (check->status == CAPHEALTH_UNKNOWN_STATUS) {
        caphealth_event_args(args, CAPHEALTH_EVENT_VALUE_UNKNOWN, key, path);
        return;
    }

    caphealth_event_args(args, CAPHEALTH_EVENT_THRESHOLD, key, path);

    (void) snprintf(args->unit, sizeof(args->unit), "%s",
                    caphealth_unit_name(m->unit));
    args->numbers[0] = check->current;
    args->numbers[1] = (check->status == CAPHEALTH_CRITICAL)
                       ? check->bounds.critical : check->bounds.warning;
}


static void
caphealth_record_error(caphealth_event_args_t *args,
    const caphealth_section_t *s)
{
    if (s->error_code != NULL) {
        (void) snprintf(args->error_code, sizeof(args->error_code), "%s",
                        s->error_code);
    }
}


static void
caphealth_record_outages(caphealth_recorded_t *r)
{
    size_t                         i;
    const caphealth_disk_facts_t  *d;

    caphealth_record_outage(r, 0, "system", NULL, &r->facts->system.section);
    caphealth_record_outage(r, 1, "database", NULL,
                            &r->facts->database.section);

    for (i = 0; (d = caphealth_facts_mount(r->facts, i)) != NULL; i++) {
        caphealth_record_outage(r, i + 2, "disk", d->path, &d->section);
    }
}


static void
caphealth_record_outage(caphealth_recorded_t *r, size_t i, const char *name,
    const char *path, const caphealth_section_t *s)
{
    char                    text[CAPHEALTH_REASON_LEN];
    caphealth_event_args_t  args;

    if (i >= CAPHEALTH_RECORDING_SECTIONS || !s->configured
        || s->attempted_at == 0 || s->failed == r->last->failed[i])
    {
        return;
    }

    (void) snprintf(text, sizeof(text), "%s%s%s%s%s%s", name,
                    path ? " \"" : "", path ? path : "", path ? "\"" : "",
                    (s->failed && s->error) ? ": " : "",
                    (s->failed && s->error) ? s->error : "");
    caphealth_reason_line(text);

    caphealth_event_args(&args, s->failed ? CAPHEALTH_EVENT_SOURCE_FAILED
                                          : CAPHEALTH_EVENT_SOURCE_RECOVERED,
                         name, path);

    if (s->failed) {
        caphealth_record_error(&args, s);
    }

    /* what there is no room for is sent with the next record */

    if (caphealth_record_event(r->record, r->now,
                               s->failed ? CAPHEALTH_EVENT_OUTAGE
                                         : CAPHEALTH_EVENT_RECOVERY,
                               "", "", text, &args)
        == 0)
    {
        r->last->failed[i] = (unsigned char) s->failed;
    }
}


static void
caphealth_record_scans(caphealth_recorded_t *r)
{
    char                     text[CAPHEALTH_REASON_LEN];
    double                   before;
    size_t                   i;
    const caphealth_root_t  *root;
    caphealth_event_args_t   args;

    for (i = 0; i < r->facts->images.value.nroots
                && i < CAPHEALTH_RECORDING_ROOTS; i++)
    {
        root = &r->facts->images.value.roots[i];
        before = r->last->scanned_at[i];

        if (root->source == NULL || root->scanned_at == before) {
            continue;
        }

        r->last->scanned_at[i] = root->scanned_at;

        /* one of before this process began is not news */

        if (r->last->time == 0 || root->drift_files == 0) {
            continue;
        }

        (void) snprintf(text, sizeof(text), "image root \"%s\": %lld files "
                        "and %lld bytes had changed unseen", root->path,
                        (long long) root->drift_files,
                        (long long) root->drift_bytes);
        caphealth_reason_line(text);

        caphealth_event_args(&args, CAPHEALTH_EVENT_TREE_CHANGED,
                             "image_storage", root->path);
        args.numbers[0] = (double) root->drift_files;
        args.numbers[1] = (double) root->drift_bytes;

        (void) caphealth_record_event(r->record, r->now, CAPHEALTH_EVENT_SCAN,
                                      "", "", text, &args);
    }
}


static int
caphealth_record_fresh(const caphealth_recorded_t *r,
    const caphealth_section_t *s)
{
    return s == NULL
           || (caphealth_section_known(s)
               && !caphealth_section_stale(s, r->now));
}


/* s is what it is a number of; NULL: it is never stale */

static void
caphealth_record_value(caphealth_recorded_t *r, const caphealth_section_t *s,
    const char *name, const char *path, caphealth_series_unit_e unit,
    double value)
{
    if (!caphealth_record_fresh(r, s)) {
        value = NAN;
    }

    if (caphealth_record_add(r->record, name, path, unit, value) == -1) {
        r->left_out++;
    }
}
