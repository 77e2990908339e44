
/*
 * application/health+json: see the header.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_extra.h"
#include "caphealth_health_json.h"
#include "caphealth_json.h"
#include "caphealth_number.h"
#include "caphealth_reason.h"
#include "caphealth_version.h"


/* in the order of how bad they are */

typedef enum {
    CAPHEALTH_PASS = 0,
    CAPHEALTH_WARN,
    CAPHEALTH_FAIL
} caphealth_verdict_e;


typedef struct {
    const caphealth_facts_t       *facts;
    const caphealth_policy_t      *policy;
    double                         now;
    caphealth_assessment_t         judged;
    caphealth_verdict_e            worst;
    json_t                        *checks;
    FILE                          *output;   /* what did not pass, and why */
    int                            outputs;
    int                            failed;   /* no memory */
} caphealth_health_t;


typedef struct {
    const char                    *key;
    const char                    *type;
    const char                    *id;       /* or NULL */
    json_t                        *value;
    const char                    *unit;     /* or NULL */
    const caphealth_section_t     *section;
    caphealth_verdict_e            verdict;
    const char                    *reason;
} caphealth_component_t;


static json_t *caphealth_health_document(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);
static void caphealth_health_threshold(caphealth_health_t *h,
    caphealth_threshold_e i);
static void caphealth_health_disks(caphealth_health_t *h);
static int caphealth_health_judged(caphealth_health_t *h,
    const caphealth_disk_facts_t *d);
static void caphealth_health_extra(caphealth_health_t *h,
    caphealth_extra_e kind);
static void caphealth_health_database(caphealth_health_t *h);
static void caphealth_health_add(caphealth_health_t *h,
    const caphealth_component_t *c);
static caphealth_verdict_e caphealth_health_verdict(
    const caphealth_assessment_t *a, caphealth_status_e status,
    const caphealth_section_t *s, const caphealth_facts_t *f);
static int caphealth_health_silent(const caphealth_assessment_t *a,
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
    return caphealth_json_text(caphealth_health_document(f, p, now), len);
}


int
caphealth_health_json_fails(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    caphealth_assessment_t  a;

    caphealth_assess(&a, f, p, now);

    return a.overall == CAPHEALTH_CRITICAL || caphealth_health_silent(&a, f);
}


static json_t *
caphealth_health_document(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    char                *text;
    size_t               len;
    json_t              *document, *output;
    caphealth_health_t   h;

    memset(&h, 0, sizeof(caphealth_health_t));

    h.facts = f;
    h.policy = p;
    h.now = now;
    h.checks = json_object();

    text = NULL;
    h.output = open_memstream(&text, &len);

    if (h.output == NULL) {
        json_decref(h.checks);
        return NULL;
    }

    caphealth_assess(&h.judged, f, p, now);

    h.worst = caphealth_health_silent(&h.judged, f) ? CAPHEALTH_FAIL
                                                    : CAPHEALTH_PASS;

    caphealth_health_threshold(&h, CAPHEALTH_CPU_PERCENT);
    caphealth_health_threshold(&h, CAPHEALTH_MEMORY_PERCENT);
    caphealth_health_threshold(&h, CAPHEALTH_DISK_PERCENT);
    caphealth_health_extra(&h, CAPHEALTH_EXTRA_SPACE);
    caphealth_health_disks(&h);
    caphealth_health_database(&h);
    caphealth_health_threshold(&h, CAPHEALTH_DB_SIZE_MB);
    caphealth_health_threshold(&h, CAPHEALTH_PRODUCTS_TOTAL);
    caphealth_health_threshold(&h, CAPHEALTH_STORAGE_GB);
    caphealth_health_extra(&h, CAPHEALTH_EXTRA_INODES);
    caphealth_health_extra(&h, CAPHEALTH_EXTRA_READ_ONLY);
    caphealth_health_extra(&h, CAPHEALTH_EXTRA_UPLOADS);

    h.failed |= (fclose(h.output) == EOF);

    output = h.failed ? NULL : caphealth_json_string(text);

    free(text);

    caphealth_member_t  members[] = {
        { "status", json_string(caphealth_verdicts[h.worst]) },
        { "releaseId", json_string(CAPHEALTH_VERSION) },
        { "serviceId", caphealth_json_string(f->node) },
        { "description",
          json_string("Health and capacity of the shop platform") },
        { "checks", h.checks },
        { "output", output }
    };

    document = caphealth_json_object(members,
                                     sizeof(members) / sizeof(members[0]));

    /* the draft has no null, and no output of what passes */

    if (f->node == NULL) {
        (void) json_object_del(document, "serviceId");
    }

    if (h.outputs == 0) {
        (void) json_object_del(document, "output");
    }

    return document;
}


static void
caphealth_health_threshold(caphealth_health_t *h, caphealth_threshold_e i)
{
    char                          reason[CAPHEALTH_REASON_LEN];
    const caphealth_check_t      *check;
    const caphealth_threshold_t  *t;

    t = &caphealth_thresholds[i];
    check = &h->judged.checks[i];

    if (check->status == CAPHEALTH_NOT_CONFIGURED) {
        return;
    }

    caphealth_component_t  c = {
        .key = caphealth_health_names[i].key,
        .type = caphealth_health_names[i].type,
        .id = (i == CAPHEALTH_DISK_PERCENT) ? h->facts->disks[0].path
                                            : NULL,
        .value = t->decimals == 0
                 ? caphealth_json_number(check->current)
                 : caphealth_json_real(check->current, t->decimals),
        .unit = caphealth_unit_name(i),
        .section = t->section(h->facts),
        .verdict = caphealth_health_verdict(&h->judged, check->status,
                                            t->section(h->facts), h->facts),
        .reason = caphealth_reason_check(reason, &h->judged, i, h->facts,
                                         h->now)
    };

    caphealth_health_add(h, &c);
}


/* another path to a file system that has been judged must be known as well */

static void
caphealth_health_disks(caphealth_health_t *h)
{
    size_t                         i;
    char                           reason[CAPHEALTH_REASON_LEN];
    const caphealth_disk_facts_t  *d;

    for (i = 1; (d = caphealth_facts_mount(h->facts, i)) != NULL; i++) {

        if (!d->section.configured || caphealth_health_judged(h, d)) {
            continue;
        }

        caphealth_component_t  c = {
            .key = caphealth_health_names[CAPHEALTH_DISK_PERCENT].key,
            .type = caphealth_health_names[CAPHEALTH_DISK_PERCENT].type,
            .id = d->path,
            .value = caphealth_json_real(
                         caphealth_section_known(&d->section)
                         ? caphealth_disk_usage(&d->value) : NAN, 1),
            .unit = caphealth_unit_name(CAPHEALTH_DISK_PERCENT),
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
caphealth_health_judged(caphealth_health_t *h,
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
            .value = (kind != CAPHEALTH_EXTRA_READ_ONLY)
                     ? caphealth_json_real(e.check.current, e.decimals)
                     : isnan(e.check.current)
                     ? json_null() : json_boolean(e.check.current > 0),
            .unit = (e.unit[0] == '\0') ? NULL : e.unit,
            .section = e.section,
            .verdict = caphealth_health_verdict(&h->judged, e.check.status,
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
        .value = s->attempted_at > 0 ? json_boolean(!failed) : json_null(),
        .section = s,
        .reason = caphealth_reason_section(reason, s, h->now)
    };

    c.verdict = failed ? CAPHEALTH_FAIL
                : reason[0] != '\0' ? CAPHEALTH_WARN : CAPHEALTH_PASS;

    caphealth_health_add(h, &c);
}


/* takes the value */

static void
caphealth_health_add(caphealth_health_t *h, const caphealth_component_t *c)
{
    json_t              *list;
    caphealth_member_t   members[8];
    size_t               n;

    n = 0;

    if (c->id != NULL) {
        members[n++] = (caphealth_member_t) {
            "componentId", caphealth_json_string(c->id)
        };
    }

    members[n++] = (caphealth_member_t) {
        "componentType", json_string(c->type)
    };
    members[n++] = (caphealth_member_t) { "observedValue", c->value };

    if (c->unit != NULL) {
        members[n++] = (caphealth_member_t) {
            "observedUnit", json_string(c->unit)
        };
    }

    members[n++] = (caphealth_member_t) {
        "status", json_string(caphealth_verdicts[c->verdict])
    };

    if (caphealth_section_known(c->section)) {
        members[n++] = (caphealth_member_t) {
            "time", caphealth_json_time(c->section->collected_at)
        };
    }

    if (c->verdict != CAPHEALTH_PASS) {
        members[n++] = (caphealth_member_t) {
            "output", caphealth_json_string(c->reason)
        };

        fprintf(h->output, "%s%s%s%s: %s", h->outputs++ == 0 ? "" : "; ",
                c->key, c->id == NULL ? "" : " ", c->id == NULL ? "" : c->id,
                c->reason);
    }

    list = json_object_get(h->checks, c->key);

    if (list == NULL) {
        list = json_array();
        h->failed |= (json_object_set_new(h->checks, c->key, list) != 0);
    }

    h->failed |= (json_array_append_new(list,
                                        caphealth_json_object(members, n))
                  != 0);

    if (c->verdict > h->worst) {
        h->worst = c->verdict;
    }
}


/* what is unknown for want of the pulse is worse than a gap */

static caphealth_verdict_e
caphealth_health_verdict(const caphealth_assessment_t *a,
    caphealth_status_e status, const caphealth_section_t *s,
    const caphealth_facts_t *f)
{
    switch (status) {

    case CAPHEALTH_CRITICAL:
        return CAPHEALTH_FAIL;

    case CAPHEALTH_UNKNOWN_STATUS:
        return s == &f->system.section && caphealth_health_silent(a, f)
               ? CAPHEALTH_FAIL : CAPHEALTH_WARN;

    case CAPHEALTH_WARNING:
        return CAPHEALTH_WARN;

    default:
        return CAPHEALTH_PASS;
    }
}


static int
caphealth_health_silent(const caphealth_assessment_t *a,
    const caphealth_facts_t *f)
{
    return a->stale || !caphealth_section_known(&f->system.section);
}
