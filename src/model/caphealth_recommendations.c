
/*
 * Recommendations.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_number.h"
#include "caphealth_recommendations.h"
#include "caphealth_threshold_forecasts.h"


/* above this share of a tier's bound the next tier is recommended */
#define CAPHEALTH_TRIGGER_PERCENT  70

/* a description of numbers only, each of at most 310 digits */
#define CAPHEALTH_TEXT_LEN         1280


/* the list that is being written */

typedef struct {
    caphealth_json_t              *json;
    const caphealth_facts_t       *facts;
    const caphealth_policy_t      *policy;
    const caphealth_evaluation_t  *evaluation;
    double                         now;
    int                            urgent;   /* whether urgent ones are written,
                                                or the others */
    size_t                         n;        /* written so far */
} caphealth_recommendations_t;


/* the part that is for programs */

typedef struct {
    const char                    *priority;
    const char                    *code;
    const char                    *subject;  /* a threshold's key, a source's
                                                name, or NULL */
    const char                    *path;     /* of a disk, or NULL */
} caphealth_topic_t;


/* a source; in a sentence its name is what, followed by path */

typedef struct {
    const caphealth_section_t     *section;
    const char                    *name;     /* for programs */
    const char                    *what;
    const char                    *path;
} caphealth_subject_t;


static void caphealth_recommend_all(caphealth_recommendations_t *r);
static void caphealth_recommend_thresholds(caphealth_recommendations_t *r);
static void caphealth_recommend_threshold(caphealth_recommendations_t *r,
    const char *key, const char *name, const char *path,
    const caphealth_check_t *c);
static void caphealth_recommend_extras(caphealth_recommendations_t *r);
static void caphealth_recommend_read_only(caphealth_recommendations_t *r,
    const caphealth_extra_t *e);
static void caphealth_recommend_uploads(caphealth_recommendations_t *r,
    const caphealth_extra_t *e);
static void caphealth_recommend_sources(caphealth_recommendations_t *r);
static caphealth_subject_t caphealth_subject(const caphealth_facts_t *f,
    size_t i);
static void caphealth_subject_disk(caphealth_subject_t *subject,
    const caphealth_disk_facts_t *disk);
static void caphealth_recommend_source(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject);
static void caphealth_recommend_database(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject);
static void caphealth_recommend_stale(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject);
static void caphealth_recommend_absent(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject);
static void caphealth_recommend_unknown(caphealth_recommendations_t *r);
static void caphealth_recommend_value(caphealth_recommendations_t *r,
    const caphealth_section_t *s, caphealth_status_e status, const char *key,
    const char *name, const char *path);
static void caphealth_recommend_tier(caphealth_recommendations_t *r);
static void caphealth_recommend_nothing(caphealth_recommendations_t *r);

static void caphealth_recommend_subject(caphealth_recommendations_t *r,
    const char *priority, const char *code, const caphealth_subject_t *subject,
    const char *title, const char *description, const char *action);
static void caphealth_recommend(caphealth_recommendations_t *r,
    const caphealth_topic_t *topic, const char *title, const char *what,
    const char *path, const char *description, const char *action);
static const char *caphealth_recommend_forecast(char *buf,
    const caphealth_facts_t *f, const caphealth_topic_t *topic);
static int caphealth_urgent(const char *code);

static char *caphealth_tier_trigger(caphealth_json_t *j,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_tier_t *tier);
static int caphealth_attempt_failed(const caphealth_section_t *s);
static const char *caphealth_error(const caphealth_section_t *s);


void
caphealth_recommendations(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_evaluation_t *a, double now)
{
    caphealth_recommendations_t  r = { j, f, p, a, now, 1, 0 };

    caphealth_json_open_array(j, name);

    caphealth_recommend_all(&r);
    r.urgent = 0;
    caphealth_recommend_all(&r);

    if (r.n == 0) {
        caphealth_recommend_nothing(&r);
    }

    caphealth_json_close_array(j);
}


static void
caphealth_recommend_all(caphealth_recommendations_t *r)
{
    caphealth_recommend_thresholds(r);
    caphealth_recommend_extras(r);
    caphealth_recommend_sources(r);
    caphealth_recommend_unknown(r);
    caphealth_recommend_tier(r);
}


static void
caphealth_recommend_thresholds(caphealth_recommendations_t *r)
{
    size_t                      i;
    const caphealth_check_t    *c;
    const caphealth_measure_t  *m;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        c = &r->evaluation->checks[i];

        if (c->status >= CAPHEALTH_WARNING) {
            m = caphealth_threshold(i);
            caphealth_recommend_threshold(r, m->key, m->label, NULL, c);
        }
    }
}


static void
caphealth_recommend_threshold(caphealth_recommendations_t *r, const char *key,
    const char *name, const char *path, const caphealth_check_t *c)
{
    char                     text[CAPHEALTH_TEXT_LEN];
    const caphealth_topic_t  warning = { "warning", "threshold-warning", key,
                                         path };
    const caphealth_topic_t  critical = { "critical", "threshold-critical",
                                          key, path };

    if (isnan(c->percent_used)) {
        (void) snprintf(text, sizeof(text), "Currently at %.0f of %.0f",
                        c->current, c->bounds.limit);

    } else {
        (void) snprintf(text, sizeof(text),
                        "Currently at %.0f%% of capacity (%.0f of %.0f)",
                        c->percent_used, c->current, c->bounds.limit);
    }

    if (c->status == CAPHEALTH_CRITICAL) {
        caphealth_recommend(r, &critical, "%s%s at critical level", name, "",
                            text, "Immediate scaling or cleanup required");

    } else {
        caphealth_recommend(r, &warning, "%s%s approaching limit", name, "",
                            text, "Plan scaling in the next 2-4 weeks");
    }
}


static void
caphealth_recommend_extras(caphealth_recommendations_t *r)
{
    caphealth_extra_t  e;

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, r->facts, r->policy, r->now)) {

        if (e.check.status < CAPHEALTH_WARNING) {
            continue;
        }

        switch (e.kind) {

        case CAPHEALTH_EXTRA_READ_ONLY:
            caphealth_recommend_read_only(r, &e);
            break;

        case CAPHEALTH_EXTRA_UPLOADS:
            caphealth_recommend_uploads(r, &e);
            break;

        default:
            caphealth_recommend_threshold(r, e.key, e.name, e.path, &e.check);
            break;
        }
    }
}


static void
caphealth_recommend_read_only(caphealth_recommendations_t *r,
    const caphealth_extra_t *e)
{
    const caphealth_topic_t  topic = { "critical", "filesystem-read-only",
                                       e->key, e->path };

    caphealth_recommend(r, &topic, "File system of %s%s is read-only",
                        e->path == NULL ? "a disk" : e->path, "",
                        e->images ? "Uploads cannot be stored"
                                  : "Nothing can be written to it",
                        "Check the kernel's log and the disk, then mount it "
                        "read-write");
}


/* the action is for the most frequent reason */

static void
caphealth_recommend_uploads(caphealth_recommendations_t *r,
    const caphealth_extra_t *e)
{
    char                             text[CAPHEALTH_TEXT_LEN];
    double                           failures;
    const char                      *action;
    caphealth_topic_t                topic = { "warning", "uploads-failed",
                                               e->key, NULL };
    const caphealth_upload_facts_t  *u = &r->facts->uploads;

    action = "Check nginx's error log and the image tree's permissions";

    if (u->away > u->failed && u->away > u->busy && u->away > u->full) {
        topic.code = "uploads-store";
        action = "Check nginx's error log and the object store";

    } else if (u->full >= u->failed && u->full >= u->busy) {
        topic.code = "uploads-full";
        action = "Make room on the image tree's file system";

    } else if (u->busy >= u->failed) {
        topic.code = "uploads-busy";
        action = "Check nginx's error log and the load of the converters";
    }

    if (e->check.status == CAPHEALTH_CRITICAL) {
        topic.priority = "critical";
    }

    failures = (double) caphealth_upload_failures(r->facts);

    (void) snprintf(text, sizeof(text),
                    "%.0f of %.0f uploads of the last %.0f minutes were "
                    "answered with 500, 503 or 507", failures,
                    failures + (double) u->stored, u->seconds / 60);

    caphealth_recommend(r, &topic, "Image uploads fail", "", "", text,
                        action);
}


static void
caphealth_recommend_sources(caphealth_recommendations_t *r)
{
    size_t               i;
    caphealth_subject_t  subject;

    for (i = 0; /* void */ ; i++) {

        subject = caphealth_subject(r->facts, i);

        if (subject.section == NULL) {
            return;
        }

        if (!subject.section->configured) {
            continue;
        }

        if (subject.section == &r->facts->database.section) {
            caphealth_recommend_database(r, &subject);

        } else {
            caphealth_recommend_source(r, &subject);
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


static void
caphealth_recommend_source(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject)
{
    const caphealth_section_t  *s = subject->section;

    if (caphealth_section_stale(s, r->now)) {
        caphealth_recommend_stale(r, subject);

    } else if (caphealth_section_known(s)) {
        return;

    } else if (caphealth_attempt_failed(s)) {
        caphealth_recommend_subject(r, "warning", "source-failed", subject,
                                    "Facts of %s%s cannot be collected",
                                    caphealth_error(s),
                                    "Check nginx's configuration and its error "
                                    "log");

    } else {
        caphealth_recommend_absent(r, subject);
    }
}


static void
caphealth_recommend_database(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject)
{
    const caphealth_section_t  *s = subject->section;

    if (caphealth_attempt_failed(s)) {
        caphealth_recommend_subject(r, "critical", "database-unreachable",
                                    subject, "Database cannot be reached",
                                    caphealth_error(s),
                                    "Check that the database is running and "
                                    "that caphealth_database is right");

    } else if (caphealth_section_stale(s, r->now)) {
        caphealth_recommend_stale(r, subject);

    } else if (!caphealth_section_known(s)) {
        caphealth_recommend_absent(r, subject);

    } else if (s->error != NULL) {
        caphealth_recommend_subject(r, "warning", "database-partial", subject,
                                    "Database partly unknown", s->error,
                                    "Check the database's tables and "
                                    "caphealth_query");
    }
}


/*
 * The body is kept until the facts change, so it says since when they are
 * stale, not for how long.
 */

static void
caphealth_recommend_stale(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject)
{
    char                       *text, time[CAPHEALTH_TIME_LEN];
    const char                 *when;
    const caphealth_section_t  *s = subject->section;

    when = caphealth_time(time, s->collected_at);

    if (asprintf(&text, "The latest values are of %s%s%s",
                 when == NULL ? "an unknown time" : when,
                 s->error == NULL ? "" : ": ",
                 s->error == NULL ? "" : s->error) == -1)
    {
        r->json->failed = 1;
        return;
    }

    caphealth_recommend_subject(r, "warning", "source-stale", subject,
                                "Facts of %s%s are stale", text,
                                "Check nginx's error log");
    free(text);
}


static void
caphealth_recommend_absent(caphealth_recommendations_t *r,
    const caphealth_subject_t *subject)
{
    caphealth_recommend_subject(r, "info", "source-absent", subject,
                                "Facts of %s%s not collected yet",
                                "The first look has not brought an answer",
                                NULL);
}


/*
 * Values that are not known although their source answers.  Where the source
 * itself says what is wrong, its own recommendation has that.
 */

static void
caphealth_recommend_unknown(caphealth_recommendations_t *r)
{
    size_t                        i;
    caphealth_extra_t             e;
    const caphealth_measure_t    *m;

    if (r->evaluation->overall != CAPHEALTH_UNKNOWN_STATUS) {
        return;
    }

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        m = caphealth_threshold(i);

        caphealth_recommend_value(r, caphealth_threshold_section(i, r->facts),
                                  r->evaluation->checks[i].status, m->key,
                                  m->label, NULL);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, r->facts, r->policy, r->now)) {
        caphealth_recommend_value(r, e.section, e.check.status, e.key, e.name,
                                  e.path);
    }
}


static void
caphealth_recommend_value(caphealth_recommendations_t *r,
    const caphealth_section_t *s, caphealth_status_e status, const char *key,
    const char *name, const char *path)
{
    const caphealth_topic_t  topic = { "info", "value-unknown", key, path };

    if (status == CAPHEALTH_UNKNOWN_STATUS && caphealth_section_known(s)
        && !caphealth_section_stale(s, r->now))
    {
        caphealth_recommend(r, &topic, "%s%s is not known yet", name, "",
                            "The latest facts do not include it", NULL);
    }
}


static void
caphealth_recommend_tier(caphealth_recommendations_t *r)
{
    char                     *trigger;
    const caphealth_tier_t   *tier = r->evaluation->tier;
    const caphealth_topic_t   topic = { "info", "tier-next", NULL, NULL };

    if (r->facts->database.value.vendors_count < 1) {
        return;
    }

    trigger = caphealth_tier_trigger(r->json, r->facts, r->policy, tier);

    if (trigger != NULL) {
        caphealth_recommend(r, &topic, "Current tier: %s%s", tier->name, "",
                            trigger, "Review capacity planning documentation");
    }

    free(trigger);
}


static void
caphealth_recommend_nothing(caphealth_recommendations_t *r)
{
    const caphealth_topic_t  healthy = { "info", "all-healthy", NULL, NULL };
    const caphealth_topic_t  nothing = { "info", "nothing-watched", NULL,
                                         NULL };

    if (r->evaluation->overall == CAPHEALTH_OK) {
        caphealth_recommend(r, &healthy, "All systems healthy", "", "",
                            "No capacity concerns at this time", NULL);

    } else {
        caphealth_recommend(r, &nothing, "Nothing is watched", "", "",
                            "There is no source of facts", NULL);
    }
}


static void
caphealth_recommend_subject(caphealth_recommendations_t *r,
    const char *priority, const char *code, const caphealth_subject_t *subject,
    const char *title, const char *description, const char *action)
{
    const caphealth_topic_t  topic = {
        priority, code, subject->name,
        subject->path[0] == '\0' ? NULL : subject->path
    };

    caphealth_recommend(r, &topic, title, subject->what, subject->path,
                        description, action);
}


/* title may have a %s for what, and one for path; action may be NULL */

static void
caphealth_recommend(caphealth_recommendations_t *r,
    const caphealth_topic_t *topic, const char *title, const char *what,
    const char *path, const char *description, const char *action)
{
    char  forecast[CAPHEALTH_FORECAST_LEN];

    if (caphealth_urgent(topic->code) != r->urgent) {
        return;
    }

    r->n++;

    caphealth_json_open_object(r->json, NULL);
    caphealth_json_string(r->json, "priority", topic->priority);
    caphealth_json_format(r->json, "title", title, what, path);
    caphealth_json_string(r->json, "description", description);
    caphealth_json_string(r->json, "action", action);
    caphealth_json_string(r->json, "code", topic->code);
    caphealth_json_string(r->json, "subject", topic->subject);
    caphealth_json_string(r->json, "path", topic->path);
    caphealth_json_string(r->json, "forecast",
                          caphealth_recommend_forecast(forecast, r->facts,
                                                       topic));
    caphealth_json_close_object(r->json);
}


/* of a threshold, or of the dimension of the tier that is outgrown first */

static const char *
caphealth_recommend_forecast(char *buf, const caphealth_facts_t *f,
    const caphealth_topic_t *topic)
{
    const char                  *key;
    const caphealth_forecast_t  *vendors, *products;

    if (strcmp(topic->code, "threshold-warning") == 0
        || strcmp(topic->code, "threshold-critical") == 0)
    {
        return caphealth_forecasts_sentence(buf, "full", f, topic->subject);
    }

    if (strcmp(topic->code, "tier-next") != 0) {
        return NULL;
    }

    vendors = caphealth_forecasts_find(f, "tier:vendors");
    products = caphealth_forecasts_find(f, "tier:products");
    key = "tier:products";

    /* a time that is not known is NAN, which no other is less than */

    if (vendors != NULL
        && (products == NULL
            || !(products[CAPHEALTH_LEVEL_LIMIT].mid
                 <= vendors[CAPHEALTH_LEVEL_LIMIT].mid)))
    {
        key = "tier:vendors";
    }

    return caphealth_forecasts_sentence(buf, "outgrown", f, key);
}


/*
 * Outages of the whole shop come first, because no scaling or cleanup helps
 * there.  The others follow in the order of the thresholds and of the sources.
 */

static int
caphealth_urgent(const char *code)
{
    return strcmp(code, "database-unreachable") == 0
           || strcmp(code, "filesystem-read-only") == 0;
}


void
caphealth_next_tier_trigger(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_tier_t *tier)
{
    char  *trigger;

    trigger = caphealth_tier_trigger(j, f, p, tier);

    caphealth_json_string(j, name, trigger);

    free(trigger);
}


/* the caller free()s it; NULL: there is none, or no memory (j->failed) */

static char *
caphealth_tier_trigger(caphealth_json_t *j, const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_tier_t *tier)
{
    int          n;
    char        *text;
    double       vendors, products;
    const char  *next;

    if (tier == NULL || tier + 1 == p->tiers + p->ntiers) {
        return NULL;
    }

    /* NAN, which no comparison is true of, if the tier has no such bound */

    vendors = caphealth_share(f->database.value.vendors_count,
                              tier->max_clients);
    products = caphealth_share(f->database.value.products_count,
                               tier->max_products);

    if (!(vendors > CAPHEALTH_TRIGGER_PERCENT)
        && !(products > CAPHEALTH_TRIGGER_PERCENT))
    {
        return NULL;
    }

    next = tier[1].name;

    if (isnan(products)) {
        n = asprintf(&text, "Approaching %s tier (vendors: %.0f%%)", next,
                     vendors);

    } else if (isnan(vendors)) {
        n = asprintf(&text, "Approaching %s tier (products: %.0f%%)", next,
                     products);

    } else {
        n = asprintf(&text, "Approaching %s tier (vendors: %.0f%%, products: "
                     "%.0f%%)", next, vendors, products);
    }

    if (n == -1) {
        j->failed = 1;
        return NULL;
    }

    return text;
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
