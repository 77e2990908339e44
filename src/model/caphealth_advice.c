
/*
 * Advice: recommendations, and the next tier's trigger.
 */

#include <math.h>
#include <string.h>

#include "caphealth_advice.h"
#include "caphealth_extra.h"
#include "caphealth_json.h"
#include "caphealth_number.h"


/* more than this share of a tier's bound: time to think of the next tier */
#define CAPHEALTH_TRIGGER_PERCENT  70


/* a section, as it is called in a sentence: what and path together */

typedef struct {
    const caphealth_section_t     *section;
    const char                    *name;     /* for programs */
    const char                    *what;
    const char                    *path;
} caphealth_subject_t;


/* what a program makes a sentence of its own of */

typedef struct {
    const char                    *priority;
    const char                    *code;
    const char                    *subject;  /* a threshold's key, a source's
                                                name, or NULL */
    const char                    *path;     /* of a disk, or NULL */
} caphealth_topic_t;


static int caphealth_advise_thresholds(json_t *list,
    const caphealth_assessment_t *a);
static int caphealth_advise_threshold(json_t *list, const char *key,
    const char *name, const char *path, const caphealth_check_t *c);
static int caphealth_advise_extras(json_t *list, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);
static int caphealth_advise_extra(json_t *list, const caphealth_extra_t *e);
static int caphealth_advise_read_only(json_t *list,
    const caphealth_extra_t *e);
static int caphealth_advise_uploads(json_t *list, const caphealth_extra_t *e,
    const caphealth_facts_t *f);
static int caphealth_advise_sources(json_t *list, const caphealth_facts_t *f,
    double now);
static caphealth_subject_t caphealth_subject(const caphealth_facts_t *f,
    size_t i);
static void caphealth_subject_disk(caphealth_subject_t *subject,
    const caphealth_disk_facts_t *disk);
static int caphealth_advise_source(json_t *list,
    const caphealth_subject_t *subject, double now);
static int caphealth_advise_database(json_t *list,
    const caphealth_subject_t *subject, double now);
static int caphealth_advise_stale(json_t *list,
    const caphealth_subject_t *subject);
static int caphealth_advise_absent(json_t *list,
    const caphealth_subject_t *subject);
static int caphealth_advise_tier(json_t *list, const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_tier_t *tier);
static int caphealth_advise_nothing(json_t *list,
    const caphealth_assessment_t *a);
static int caphealth_advise_unknown(json_t *list, const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_assessment_t *a, double now);
static int caphealth_advise_value(json_t *list, const caphealth_section_t *s,
    caphealth_status_e status, const char *key, const char *name,
    const char *path, double now);
static int caphealth_advise_subject(json_t *list, const char *priority,
    const char *code, const caphealth_subject_t *subject, json_t *title,
    json_t *description, const char *action);
static int caphealth_advise(json_t *list, const caphealth_topic_t *topic,
    json_t *title, json_t *description, const char *action);
static int caphealth_advice_urgent(const json_t *advice);
static int caphealth_attempt_failed(const caphealth_section_t *s);
static const char *caphealth_error(const caphealth_section_t *s);


/*
 * What takes the shop away comes first: no scaling or cleanup helps there.  The
 * others follow in the order of the thresholds and of the sources.
 */

static const char *const  caphealth_urgent[] = {
    "database-unreachable", "filesystem-read-only"
};


json_t *
caphealth_advice(const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_assessment_t *a, double now)
{
    json_t  *list;

    list = json_array();

    if (caphealth_advise_thresholds(list, a) == -1
        || caphealth_advise_extras(list, f, p, now) == -1
        || caphealth_advise_sources(list, f, now) == -1
        || caphealth_advise_unknown(list, f, p, a, now) == -1
        || caphealth_advise_tier(list, f, p, a->tier) == -1)
    {
        goto failed;
    }

    if (json_array_size(list) == 0
        && caphealth_advise_nothing(list, a) == -1)
    {
        goto failed;
    }

    return list;

failed:

    json_decref(list);

    return NULL;
}


static int
caphealth_advise_thresholds(json_t *list, const caphealth_assessment_t *a)
{
    size_t  i;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {

        if (a->checks[i].status < CAPHEALTH_WARNING) {
            continue;
        }

        if (caphealth_advise_threshold(list, caphealth_thresholds[i].key,
                                       caphealth_thresholds[i].name, NULL,
                                       &a->checks[i])
            == -1)
        {
            return -1;
        }
    }

    return 0;
}


static int
caphealth_advise_threshold(json_t *list, const char *key, const char *name,
    const char *path, const caphealth_check_t *c)
{
    json_t             *description;
    caphealth_topic_t   topic = { "warning", "threshold-warning", key, path };

    if (isnan(c->percent_used)) {
        description = caphealth_json_format("Currently at %.0f of %.0f",
                                            c->current, c->bounds.limit);

    } else {
        description = caphealth_json_format("Currently at %.0f%% of capacity "
                                            "(%.0f of %.0f)",
                                            c->percent_used, c->current,
                                            c->bounds.limit);
    }

    if (c->status == CAPHEALTH_CRITICAL) {
        topic.priority = "critical";
        topic.code = "threshold-critical";

        return caphealth_advise(list, &topic,
                    caphealth_json_format("%s at critical level", name),
                    description, "Immediate scaling or cleanup required");
    }

    return caphealth_advise(list, &topic,
                caphealth_json_format("%s approaching limit", name),
                description, "Plan scaling in the next 2-4 weeks");
}


static int
caphealth_advise_extras(json_t *list, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    int                rc;
    caphealth_extra_t  e;

    rc = 0;
    memset(&e, 0, sizeof(caphealth_extra_t));

    while (rc == 0 && caphealth_extra_next(&e, f, p, now)) {

        if (e.check.status < CAPHEALTH_WARNING) {
            continue;
        }

        rc = (e.kind == CAPHEALTH_EXTRA_UPLOADS)
             ? caphealth_advise_uploads(list, &e, f)
             : caphealth_advise_extra(list, &e);
    }

    return rc;
}


static int
caphealth_advise_extra(json_t *list, const caphealth_extra_t *e)
{
    if (e->kind == CAPHEALTH_EXTRA_READ_ONLY) {
        return caphealth_advise_read_only(list, e);
    }

    return caphealth_advise_threshold(list, e->key, e->name, e->path,
                                      &e->check);
}


static int
caphealth_advise_read_only(json_t *list, const caphealth_extra_t *e)
{
    const caphealth_topic_t  topic = { "critical", "filesystem-read-only",
                                       e->key, e->path };

    return caphealth_advise(list, &topic,
                caphealth_json_format("File system of %s is read-only",
                                      e->path == NULL ? "a disk" : e->path),
                json_string(e->images ? "Uploads cannot be stored"
                                      : "Nothing can be written to it"),
                "Check the kernel's log and the disk, then mount it "
                "read-write");
}


/* the action is that for what most of them failed of */

static int
caphealth_advise_uploads(json_t *list, const caphealth_extra_t *e,
    const caphealth_facts_t *f)
{
    double             failures, all;
    const char        *action;
    caphealth_topic_t  topic = { "warning", "uploads-failed", e->key, NULL };

    if (e->check.status == CAPHEALTH_CRITICAL) {
        topic.priority = "critical";
    }

    failures = (double) caphealth_extra_failures(f);
    all = failures + (double) f->uploads.stored;

    action = "Check nginx's error log and the image tree's permissions";

    if (f->uploads.full >= f->uploads.failed
        && f->uploads.full >= f->uploads.busy)
    {
        topic.code = "uploads-full";
        action = "Make room on the image tree's file system";

    } else if (f->uploads.busy >= f->uploads.failed) {
        topic.code = "uploads-busy";
        action = "Check nginx's error log and the load of the converters";
    }

    return caphealth_advise(list, &topic, json_string("Image uploads fail"),
                caphealth_json_format("%.0f of %.0f uploads of the last %.0f "
                                      "minutes were answered with 500, 503 "
                                      "or 507", failures, all,
                                      f->uploads.seconds / 60),
                action);
}


static int
caphealth_advise_sources(json_t *list, const caphealth_facts_t *f, double now)
{
    int                  rc;
    size_t               i;
    caphealth_subject_t  subject;

    for (i = 0; /* void */ ; i++) {

        subject = caphealth_subject(f, i);

        if (subject.section == NULL) {
            return 0;
        }

        if (!subject.section->configured) {
            continue;
        }

        if (subject.section == &f->database.section) {
            rc = caphealth_advise_database(list, &subject, now);

        } else {
            rc = caphealth_advise_source(list, &subject, now);
        }

        if (rc == -1) {
            return -1;
        }
    }
}


static caphealth_subject_t
caphealth_subject(const caphealth_facts_t *f, size_t i)
{
    caphealth_subject_t  subject;

    memset(&subject, 0, sizeof(caphealth_subject_t));

    subject.section = caphealth_facts_section(f, i);
    subject.path = "";

    if (i == 0) {
        subject.name = "system";
        subject.what = "the system";

    } else if (i <= f->ndisks) {
        caphealth_subject_disk(&subject, &f->disks[i - 1]);

    } else if (subject.section == &f->database.section) {
        subject.name = "database";
        subject.what = "the database";

    } else if (subject.section == &f->images.section) {
        subject.name = "image_storage";
        subject.what = "the image storage";

    } else if (subject.section != NULL) {
        caphealth_subject_disk(&subject, caphealth_facts_mount(f, i - 3));
    }

    return subject;
}


static void
caphealth_subject_disk(caphealth_subject_t *subject,
    const caphealth_disk_facts_t *disk)
{
    const char  *path;

    path = disk->path;

    subject->name = "disk";
    subject->what = (path == NULL) ? "a disk" : "the disk ";
    subject->path = (path == NULL) ? "" : path;
}


static int
caphealth_advise_source(json_t *list, const caphealth_subject_t *subject,
    double now)
{
    const caphealth_section_t  *s;

    s = subject->section;

    if (caphealth_section_stale(s, now)) {
        return caphealth_advise_stale(list, subject);
    }

    if (caphealth_section_known(s)) {
        return 0;
    }

    if (!caphealth_attempt_failed(s)) {
        return caphealth_advise_absent(list, subject);
    }

    return caphealth_advise_subject(list, "warning", "source-failed", subject,
                caphealth_json_format("Facts of %s%s cannot be collected",
                                      subject->what, subject->path),
                caphealth_json_string(caphealth_error(s)),
                "Check nginx's configuration and its error log");
}


static int
caphealth_advise_database(json_t *list, const caphealth_subject_t *subject,
    double now)
{
    const caphealth_section_t  *s;

    s = subject->section;

    if (caphealth_attempt_failed(s)) {
        return caphealth_advise_subject(list, "critical",
                    "database-unreachable", subject,
                    json_string("Database cannot be reached"),
                    caphealth_json_string(caphealth_error(s)),
                    "Check that the database is running and that "
                    "caphealth_database is right");
    }

    if (caphealth_section_stale(s, now)) {
        return caphealth_advise_stale(list, subject);
    }

    if (!caphealth_section_known(s)) {
        return caphealth_advise_absent(list, subject);
    }

    if (s->error == NULL) {
        return 0;
    }

    return caphealth_advise_subject(list, "warning", "database-partial",
                subject, json_string("Database partly unknown"),
                caphealth_json_string(s->error),
                "Check the database's tables and caphealth_query");
}


/* an answer is kept for a while: it says since when, not for how long */

static int
caphealth_advise_stale(json_t *list, const caphealth_subject_t *subject)
{
    json_t                     *at, *description;
    const char                 *when;
    const caphealth_section_t  *s;

    s = subject->section;

    at = caphealth_json_time(s->collected_at);
    if (at == NULL) {
        return -1;
    }

    when = json_is_null(at) ? "an unknown time" : json_string_value(at);

    if (s->error == NULL) {
        description = caphealth_json_format("The latest values are of %s",
                                            when);

    } else {
        description = caphealth_json_format("The latest values are of %s: %s",
                                            when, s->error);
    }

    json_decref(at);

    return caphealth_advise_subject(list, "warning", "source-stale", subject,
                caphealth_json_format("Facts of %s%s are stale",
                                      subject->what, subject->path),
                description, "Check nginx's error log");
}


static int
caphealth_advise_absent(json_t *list, const caphealth_subject_t *subject)
{
    return caphealth_advise_subject(list, "info", "source-absent", subject,
                caphealth_json_format("Facts of %s%s not collected yet",
                                      subject->what, subject->path),
                json_string("The first look has not brought an answer"),
                NULL);
}


static int
caphealth_advise_tier(json_t *list, const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_tier_t *tier)
{
    json_t                   *trigger;
    const caphealth_topic_t   topic = { "info", "tier-next", NULL, NULL };

    trigger = caphealth_advice_trigger(f, p, tier);
    if (trigger == NULL) {
        return -1;
    }

    if (json_is_null(trigger) || f->database.value.vendors_count < 1) {
        json_decref(trigger);
        return 0;
    }

    return caphealth_advise(list, &topic,
                caphealth_json_format("Current tier: %s", tier->name),
                trigger, "Review capacity planning documentation");
}


json_t *
caphealth_advice_trigger(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_tier_t *tier)
{
    double       vendors, products;
    const char  *next;

    if (tier == NULL || tier + 1 == p->tiers + p->ntiers) {
        return json_null();
    }

    /* NAN where the tier has no such bound, and so above nothing */

    vendors = caphealth_share(f->database.value.vendors_count,
                              tier->max_clients);
    products = caphealth_share(f->database.value.products_count,
                               tier->max_products);

    if (!(vendors > CAPHEALTH_TRIGGER_PERCENT)
        && !(products > CAPHEALTH_TRIGGER_PERCENT))
    {
        return json_null();
    }

    next = tier[1].name;

    if (isnan(products)) {
        return caphealth_json_format("Approaching %s tier (vendors: %.0f%%)",
                                     next, vendors);
    }

    if (isnan(vendors)) {
        return caphealth_json_format("Approaching %s tier (products: %.0f%%)",
                                     next, products);
    }

    return caphealth_json_format("Approaching %s tier (vendors: %.0f%%, "
                                 "products: %.0f%%)",
                                 next, vendors, products);
}


static int
caphealth_advise_nothing(json_t *list, const caphealth_assessment_t *a)
{
    caphealth_topic_t  topic = { "info", "all-healthy", NULL, NULL };

    if (a->overall == CAPHEALTH_OK) {
        return caphealth_advise(list, &topic,
                    json_string("All systems healthy"),
                    json_string("No capacity concerns at this time"), NULL);
    }

    topic.code = "nothing-watched";

    return caphealth_advise(list, &topic, json_string("Nothing is watched"),
                json_string("There is no source of facts"), NULL);
}


/*
 * What its source answers, but leaves open.  Where the source says itself what
 * is wrong, that has been told.
 */

static int
caphealth_advise_unknown(json_t *list, const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_assessment_t *a, double now)
{
    int                           rc;
    size_t                        i;
    caphealth_extra_t             e;
    const caphealth_threshold_t  *t;

    if (a->overall != CAPHEALTH_UNKNOWN_STATUS) {
        return 0;
    }

    rc = 0;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        t = &caphealth_thresholds[i];

        rc |= caphealth_advise_value(list, t->section(f), a->checks[i].status,
                                     t->key, t->name, NULL, now);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, f, p, now)) {
        rc |= caphealth_advise_value(list, e.section, e.check.status, e.key,
                                     e.name, e.path, now);
    }

    return rc;
}


static int
caphealth_advise_value(json_t *list, const caphealth_section_t *s,
    caphealth_status_e status, const char *key, const char *name,
    const char *path, double now)
{
    const caphealth_topic_t  topic = { "info", "value-unknown", key, path };

    if (status != CAPHEALTH_UNKNOWN_STATUS
        || !caphealth_section_known(s) || caphealth_section_stale(s, now))
    {
        return 0;
    }

    return caphealth_advise(list, &topic,
                caphealth_json_format("%s is not known yet", name),
                json_string("The latest facts do not include it"), NULL);
}


static int
caphealth_advise_subject(json_t *list, const char *priority, const char *code,
    const caphealth_subject_t *subject, json_t *title, json_t *description,
    const char *action)
{
    caphealth_topic_t  topic = { priority, code, subject->name, NULL };

    if (subject->path[0] != '\0') {
        topic.path = subject->path;
    }

    return caphealth_advise(list, &topic, title, description, action);
}


/* takes title and description; either may be NULL: no memory */

static int
caphealth_advise(json_t *list, const caphealth_topic_t *topic, json_t *title,
    json_t *description, const char *action)
{
    size_t   i;
    json_t  *advice;

    caphealth_member_t  members[] = {
        { "priority", json_string(topic->priority) },
        { "title", title },
        { "description", description },
        { "action", caphealth_json_string(action) },
        { "code", json_string(topic->code) },
        { "subject", caphealth_json_string(topic->subject) },
        { "path", caphealth_json_string(topic->path) }
    };

    advice = caphealth_json_object(members,
                                   sizeof(members) / sizeof(members[0]));
    if (advice == NULL) {
        return -1;
    }

    i = json_array_size(list);

    if (caphealth_advice_urgent(advice)) {
        for (i = 0; i < json_array_size(list); i++) {
            if (!caphealth_advice_urgent(json_array_get(list, i))) {
                break;
            }
        }
    }

    return json_array_insert_new(list, i, advice);
}


static int
caphealth_advice_urgent(const json_t *advice)
{
    size_t       i;
    const char  *code;

    code = json_string_value(json_object_get(advice, "code"));

    for (i = 0; i < sizeof(caphealth_urgent) / sizeof(caphealth_urgent[0]);
         i++)
    {
        if (strcmp(code, caphealth_urgent[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
caphealth_attempt_failed(const caphealth_section_t *s)
{
    return s->attempted_at > 0 && s->failed;
}


static const char *
caphealth_error(const caphealth_section_t *s)
{
    return (s->error == NULL) ? "the last attempt failed" : s->error;
}
