
/*
 * The health report as application/health+json.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_health_json.h"
#include "caphealth_json.h"
#include "caphealth_number.h"
#include "caphealth_status.h"
#include "caphealth_version.h"


/* the worst is the largest */

typedef enum {
    CAPHEALTH_PASS = 0,
    CAPHEALTH_WARN,
    CAPHEALTH_FAIL
} caphealth_verdict_e;


typedef struct {
    const caphealth_facts_t       *facts;
    const caphealth_policy_t      *policy;
    double                         now;
    caphealth_evaluation_t         evaluation;
    caphealth_verdict_e            worst;
    const char                    *key;      /* of the last component */
    caphealth_json_t               checks;
    FILE                          *output;   /* the checks that did not pass */
    int                            outputs;
} caphealth_health_t;


typedef struct {
    const char                    *key;
    const char                    *type;
    const char                    *id;       /* or NULL */
    double                         value;    /* NAN: unknown */
    int                            decimals; /* -1: true or false */
    const char                    *unit;     /* or NULL */
    const caphealth_section_t     *section;
    caphealth_verdict_e            verdict;
    const char                    *reason;
} caphealth_component_t;


static void caphealth_health_checks(caphealth_health_t *h);
static char *caphealth_health_document(const caphealth_health_t *h,
    const char *checks, size_t checks_len, const char *output, size_t *len);
static void caphealth_health_threshold(caphealth_health_t *h,
    caphealth_threshold_e i);
static void caphealth_health_disks(caphealth_health_t *h);
static int caphealth_health_has_space_check(caphealth_health_t *h,
    const caphealth_disk_facts_t *d);
static void caphealth_health_extra(caphealth_health_t *h,
    caphealth_extra_e kind);
static void caphealth_health_database(caphealth_health_t *h);
static void caphealth_health_add(caphealth_health_t *h,
    const caphealth_component_t *c);
static caphealth_verdict_e caphealth_health_verdict(
    const caphealth_evaluation_t *a, caphealth_status_e status,
    const caphealth_section_t *s, const caphealth_facts_t *f);
static int caphealth_health_no_answer(const caphealth_evaluation_t *a,
    const caphealth_facts_t *f);


static const char *const  caphealth_verdicts[] = {
    [CAPHEALTH_PASS] = "pass",
    [CAPHEALTH_WARN] = "warn",
    [CAPHEALTH_FAIL] = "fail"
};


static const struct {
    const char  *key;
    const char  *type;
} caphealth_health_names[CAPHEALTH_THRESHOLDS] = {
    [CAPHEALTH_PRODUCTS_TOTAL] = { "database:products", "datastore" },
    [CAPHEALTH_STORAGE_GB] = { "image_storage:size", "datastore" },
    [CAPHEALTH_DB_SIZE_MB] = { "database:size", "datastore" },
    [CAPHEALTH_DISK_PERCENT] = { "disk:utilization", "system" },
    [CAPHEALTH_MEMORY_PERCENT] = { "memory:utilization", "system" },
    [CAPHEALTH_CPU_PERCENT] = { "cpu:utilization", "system" }
};


static const struct {
    const char  *key;
    const char  *type;
} caphealth_health_extras[] = {
    [CAPHEALTH_EXTRA_SPACE] = { "disk:utilization", "system" },
    [CAPHEALTH_EXTRA_INODES] = { "disk:inodes", "system" },
    [CAPHEALTH_EXTRA_READ_ONLY] = { "disk:read_only", "system" },
    [CAPHEALTH_EXTRA_UPLOADS] = { "uploads:failures", "component" }
};


char *
caphealth_health_json(const caphealth_facts_t *f, const caphealth_policy_t *p,
    double now, size_t *len)
{
    char                *checks, *output, *text;
    size_t               checks_len, output_len;
    caphealth_health_t   h = { .facts = f, .policy = p, .now = now };

    output = text = NULL;
    h.output = open_memstream(&output, &output_len);

    if (h.output == NULL) {
        return NULL;
    }

    if (caphealth_json_begin(&h.checks) == -1) {
        (void) fclose(h.output);
        free(output);
        return NULL;
    }

    caphealth_evaluate(&h.evaluation, f, p, now);

    h.worst = caphealth_health_no_answer(&h.evaluation, f) ? CAPHEALTH_FAIL
                                                    : CAPHEALTH_PASS;

    caphealth_health_checks(&h);

    checks = caphealth_json_end(&h.checks, &checks_len);

    if (fclose(h.output) == 0 && checks != NULL) {
        text = caphealth_health_document(&h, checks, checks_len,
                                         h.outputs == 0 ? NULL : output, len);
    }

    free(checks);
    free(output);

    return text;
}


int
caphealth_health_json_fails(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    caphealth_evaluation_t  a;

    caphealth_evaluate(&a, f, p, now);

    return a.overall == CAPHEALTH_CRITICAL || caphealth_health_no_answer(&a, f);
}


static void
caphealth_health_checks(caphealth_health_t *h)
{
    caphealth_json_open_object(&h->checks, NULL);

    caphealth_health_threshold(h, CAPHEALTH_CPU_PERCENT);
    caphealth_health_threshold(h, CAPHEALTH_MEMORY_PERCENT);
    caphealth_health_threshold(h, CAPHEALTH_DISK_PERCENT);
    caphealth_health_extra(h, CAPHEALTH_EXTRA_SPACE);
    caphealth_health_disks(h);
    caphealth_health_database(h);
    caphealth_health_threshold(h, CAPHEALTH_DB_SIZE_MB);
    caphealth_health_threshold(h, CAPHEALTH_PRODUCTS_TOTAL);
    caphealth_health_threshold(h, CAPHEALTH_STORAGE_GB);
    caphealth_health_extra(h, CAPHEALTH_EXTRA_INODES);
    caphealth_health_extra(h, CAPHEALTH_EXTRA_READ_ONLY);
    caphealth_health_extra(h, CAPHEALTH_EXTRA_UPLOADS);

    if (h->key != NULL) {
        caphealth_json_close_array(&h->checks);
    }

    caphealth_json_close_object(&h->checks);
}


/* the draft has no null values, and no output if all checks pass */

static char *
caphealth_health_document(const caphealth_health_t *h, const char *checks,
    size_t checks_len, const char *output, size_t *len)
{
    caphealth_json_t  j;

    if (caphealth_json_begin(&j) == -1) {
        return NULL;
    }

    caphealth_json_open_object(&j, NULL);
    caphealth_json_string(&j, "status", caphealth_verdicts[h->worst]);
    caphealth_json_string(&j, "releaseId", CAPHEALTH_VERSION);

    if (h->facts->node != NULL) {
        caphealth_json_string(&j, "serviceId", h->facts->node);
    }

    caphealth_json_string(&j, "description",
                          "Health and capacity of the shop platform");

    /* without its line feed */

    caphealth_json_raw(&j, "checks", checks, checks_len - 1);

    if (output != NULL) {
        caphealth_json_string(&j, "output", output);
    }

    caphealth_json_close_object(&j);

    return caphealth_json_end(&j, len);
}


static void
caphealth_health_threshold(caphealth_health_t *h, caphealth_threshold_e i)
{
    char                          reason[CAPHEALTH_REASON_LEN];
    const caphealth_check_t      *check;
    const caphealth_measure_t    *t;
    const caphealth_section_t    *s;

    t = caphealth_threshold(i);
    s = caphealth_threshold_section(i, h->facts);
    check = &h->evaluation.checks[i];

    if (check->status == CAPHEALTH_NOT_CONFIGURED) {
        return;
    }

    caphealth_component_t  c = {
        .key = caphealth_health_names[i].key,
        .type = caphealth_health_names[i].type,
        .id = (i == CAPHEALTH_DISK_PERCENT) ? h->facts->disks[0].path
                                            : NULL,
        .value = check->current,
        .decimals = t->decimals,
        .unit = caphealth_unit_name(t->unit),
        .section = s,
        .verdict = caphealth_health_verdict(&h->evaluation, check->status, s,
                                            h->facts),
        .reason = caphealth_reason_check(reason, &h->evaluation, i, h->facts,
                                         h->now)
    };

    caphealth_health_add(h, &c);
}


/* paths to a file system of which another path is judged */

static void
caphealth_health_disks(caphealth_health_t *h)
{
    size_t                         i;
    char                           reason[CAPHEALTH_REASON_LEN];
    const caphealth_disk_facts_t  *d;

    for (i = 1; (d = caphealth_facts_mount(h->facts, i)) != NULL; i++) {

        if (!d->section.configured || caphealth_health_has_space_check(h, d)) {
            continue;
        }

        caphealth_component_t  c = {
            .key = caphealth_health_names[CAPHEALTH_DISK_PERCENT].key,
            .type = caphealth_health_names[CAPHEALTH_DISK_PERCENT].type,
            .id = d->path,
            .value = caphealth_section_known(&d->section)
                     ? caphealth_disk_usage(&d->value) : NAN,
            .decimals = 1,
            .unit = caphealth_unit_name(CAPHEALTH_UNIT_PERCENT),
            .section = &d->section,
            .verdict = !caphealth_section_known(&d->section)
                       || caphealth_section_stale(&d->section, h->now)
                       ? CAPHEALTH_WARN : CAPHEALTH_PASS,
            .reason = caphealth_reason_section(reason, &d->section, h->now)
        };

        caphealth_health_add(h, &c);
    }
}


static int
caphealth_health_has_space_check(caphealth_health_t *h,
    const caphealth_disk_facts_t *d)
{
    caphealth_extra_t  e;

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, h->facts, h->policy, h->now)) {
        if (e.kind == CAPHEALTH_EXTRA_SPACE && e.disk == d) {
            return 1;
        }
    }

    return 0;
}


static void
caphealth_health_extra(caphealth_health_t *h, caphealth_extra_e kind)
{
    char               reason[CAPHEALTH_REASON_LEN];
    caphealth_extra_t  e;

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, h->facts, h->policy, h->now)) {

        if (e.kind != kind || !e.section->configured) {
            continue;
        }

        caphealth_component_t  c = {
            .key = caphealth_health_extras[kind].key,
            .type = caphealth_health_extras[kind].type,
            .id = e.path,
            .value = e.check.current,
            .decimals = (kind == CAPHEALTH_EXTRA_READ_ONLY)
                        ? -1 : e.measure->decimals,
            .unit = (kind == CAPHEALTH_EXTRA_READ_ONLY)
                    ? NULL : caphealth_unit_name(e.measure->unit),
            .section = e.section,
            .verdict = caphealth_health_verdict(&h->evaluation, e.check.status,
                                                e.section, h->facts),
            .reason = caphealth_extra_reason(reason, &e, h->facts, h->now)
        };

        caphealth_health_add(h, &c);
    }
}


static void
caphealth_health_database(caphealth_health_t *h)
{
    int                         failed;
    char                        reason[CAPHEALTH_REASON_LEN];
    const caphealth_section_t  *s;

    s = &h->facts->database.section;

    if (!s->configured) {
        return;
    }

    failed = s->attempted_at > 0 && s->failed;

    caphealth_component_t  c = {
        .key = "database:reachable",
        .type = "datastore",
        .value = s->attempted_at > 0 ? (double) !failed : (double) NAN,
        .decimals = -1,
        .section = s,
        .reason = caphealth_reason_section(reason, s, h->now)
    };

    c.verdict = failed ? CAPHEALTH_FAIL
                : reason[0] != '\0' ? CAPHEALTH_WARN : CAPHEALTH_PASS;

    caphealth_health_add(h, &c);
}


static void
caphealth_health_add(caphealth_health_t *h, const caphealth_component_t *c)
{
    caphealth_json_t  *j = &h->checks;

    /* components of one key follow each other */

    if (h->key == NULL || strcmp(h->key, c->key) != 0) {

        if (h->key != NULL) {
            caphealth_json_close_array(j);
        }

        caphealth_json_open_array(j, c->key);
        h->key = c->key;
    }

    caphealth_json_open_object(j, NULL);

    if (c->id != NULL) {
        caphealth_json_string(j, "componentId", c->id);
    }

    caphealth_json_string(j, "componentType", c->type);

    if (c->decimals == -1) {
        caphealth_json_flag(j, "observedValue",
                            isnan(c->value) ? -1 : c->value > 0);

    } else if (c->decimals == 0) {
        caphealth_json_number(j, "observedValue", c->value);

    } else {
        caphealth_json_real(j, "observedValue", c->value, c->decimals);
    }

    if (c->unit != NULL) {
        caphealth_json_string(j, "observedUnit", c->unit);
    }

    caphealth_json_string(j, "status", caphealth_verdicts[c->verdict]);

    if (caphealth_section_known(c->section)) {
        caphealth_json_time(j, "time", c->section->collected_at);
    }

    if (c->verdict != CAPHEALTH_PASS) {
        caphealth_json_string(j, "output", c->reason);

        fprintf(h->output, "%s%s%s%s: %s", h->outputs++ == 0 ? "" : "; ",
                c->key, c->id == NULL ? "" : " ", c->id == NULL ? "" : c->id,
                c->reason);
    }

    caphealth_json_close_object(j);

    if (c->verdict > h->worst) {
        h->worst = c->verdict;
    }
}


/* values that are unknown because the collector has stopped answering fail */

static caphealth_verdict_e
caphealth_health_verdict(const caphealth_evaluation_t *a,
    caphealth_status_e status, const caphealth_section_t *s,
    const caphealth_facts_t *f)
{
    switch (status) {

    case CAPHEALTH_CRITICAL:
        return CAPHEALTH_FAIL;

    case CAPHEALTH_UNKNOWN_STATUS:
        return s == &f->system.section && caphealth_health_no_answer(a, f)
               ? CAPHEALTH_FAIL : CAPHEALTH_WARN;

    case CAPHEALTH_WARNING:
        return CAPHEALTH_WARN;

    default:
        return CAPHEALTH_PASS;
    }
}


static int
caphealth_health_no_answer(const caphealth_evaluation_t *a,
    const caphealth_facts_t *f)
{
    return a->stale || !caphealth_section_known(&f->system.section);
}
