
/*
 * Metrics.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_measures.h"
#include "caphealth_metrics.h"
#include "caphealth_number.h"
#include "caphealth_platform.h"
#include "caphealth_threshold_forecasts.h"


#define CAPHEALTH_BOUND_LEN  32


/* a text that is being written; NULL: not used in it */

typedef struct {
    caphealth_exposition_t         out;
    const caphealth_facts_t       *facts;
    const caphealth_policy_t      *policy;
    const caphealth_evaluation_t  *evaluation;
    const caphealth_platform_t    *platform;
    const caphealth_build_t       *build;
    const caphealth_images_t      *images;
    const caphealth_activity_t    *activity;
    double                         now;
} caphealth_scrape_t;


typedef void (*caphealth_samples_pt)(caphealth_scrape_t *s,
    const caphealth_measure_t *m);


static void caphealth_metrics_objects(caphealth_scrape_t *s,
    caphealth_object_e first, caphealth_object_e last);
static int caphealth_metrics_object(caphealth_scrape_t *s,
    caphealth_object_e object, int order);
static void caphealth_metrics_sample(caphealth_scrape_t *s,
    const caphealth_measure_t *m, const void *object,
    const caphealth_label_t *labels, size_t n);
static void caphealth_metrics_states(caphealth_scrape_t *s,
    const caphealth_measure_t *m, const caphealth_label_t *first,
    const char *label, const char *const *states, size_t n, size_t current);
static void caphealth_metrics_overall(caphealth_scrape_t *s,
    const caphealth_measure_t *m, const caphealth_label_t *first,
    caphealth_status_e status);

static void caphealth_samples_build(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_status(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_checks(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_tier(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_tier_utilization(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_forecasts(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_tier_forecasts(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_collectors(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_facts(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_scope(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_stalls(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_disks(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_engine(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_roots(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_sources(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_missing(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_uploads(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_processes(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_upload_requests(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_delete_requests(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_stages(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_stores(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_store_requests(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_store_images(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_store_seconds(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_notifications(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_platform(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_fleet(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_samples_nodes(caphealth_scrape_t *s,
    const caphealth_measure_t *m);
static void caphealth_collector_of(caphealth_collector_t *c,
    const caphealth_section_t *section, double now);
static void caphealth_metrics_check(caphealth_scrape_t *s,
    const caphealth_measure_t *m, const caphealth_measure_t *threshold,
    const char *key, const caphealth_check_t *c);
static void caphealth_metrics_estimates(caphealth_scrape_t *s,
    caphealth_label_t *labels, const caphealth_forecast_t *f);
static double caphealth_in_base_unit(double x, caphealth_unit_e unit);
static void caphealth_metrics_results(caphealth_scrape_t *s,
    const caphealth_tally_t *tallies, size_t n);
static void caphealth_metrics_store_results(caphealth_scrape_t *s,
    caphealth_label_t *labels, size_t n, const caphealth_tally_t *tallies);
static void caphealth_metrics_histogram(caphealth_scrape_t *s,
    const char *label, const char *value, const caphealth_histogram_t *h);


const double  caphealth_bucket_bounds[CAPHEALTH_BUCKETS] = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60
};


static const char *const  caphealth_stages[CAPHEALTH_STAGES] = {
    [CAPHEALTH_RECEIVE] = "receive",
    [CAPHEALTH_QUEUE] = "queue",
    [CAPHEALTH_CONVERT] = "convert",
    [CAPHEALTH_PUBLISH] = "publish"
};


/* the samples of a row of each object */

static const caphealth_samples_pt
    caphealth_object_samples[CAPHEALTH_OBJECTS] =
{
    [CAPHEALTH_COLLECTOR] = caphealth_samples_collectors,
    [CAPHEALTH_SYSTEM] = caphealth_samples_facts,
    [CAPHEALTH_STALL] = caphealth_samples_stalls,
    [CAPHEALTH_DISK] = caphealth_samples_disks,
    [CAPHEALTH_DATABASE] = caphealth_samples_facts,
    [CAPHEALTH_CAPACITY] = caphealth_samples_facts,
    [CAPHEALTH_FLEET] = caphealth_samples_fleet,
    [CAPHEALTH_NODE_COUNTS] = caphealth_samples_fleet,
    [CAPHEALTH_NODE] = caphealth_samples_nodes,
    [CAPHEALTH_ROOT] = caphealth_samples_roots,
    [CAPHEALTH_SOURCE_TREE] = caphealth_samples_sources,
    [CAPHEALTH_UPLOADS] = caphealth_samples_uploads,
    [CAPHEALTH_OBJECT_STORES] = caphealth_samples_stores,
    [CAPHEALTH_PROCESSES] = caphealth_samples_processes
};


/* the samples of rows that have no field */

static const caphealth_samples_pt  caphealth_code_samples[CAPHEALTH_CODES] = {
    [CAPHEALTH_CODE_BUILD] = caphealth_samples_build,
    [CAPHEALTH_CODE_STATUS] = caphealth_samples_status,
    [CAPHEALTH_CODE_CHECK_STATUS] = caphealth_samples_checks,
    [CAPHEALTH_CODE_CURRENT] = caphealth_samples_checks,
    [CAPHEALTH_CODE_BOUNDS] = caphealth_samples_checks,
    [CAPHEALTH_CODE_TIER] = caphealth_samples_tier,
    [CAPHEALTH_CODE_TIER_UTILIZATION] = caphealth_samples_tier_utilization,
    [CAPHEALTH_CODE_FORECAST] = caphealth_samples_forecasts,
    [CAPHEALTH_CODE_TIER_FORECAST] = caphealth_samples_tier_forecasts,
    [CAPHEALTH_CODE_SCOPE] = caphealth_samples_scope,
    [CAPHEALTH_CODE_ENGINE] = caphealth_samples_engine,
    [CAPHEALTH_CODE_UPLOADS] = caphealth_samples_upload_requests,
    [CAPHEALTH_CODE_DELETES] = caphealth_samples_delete_requests,
    [CAPHEALTH_CODE_STAGES] = caphealth_samples_stages,
    [CAPHEALTH_CODE_STORE_REQUESTS] = caphealth_samples_store_requests,
    [CAPHEALTH_CODE_STORE_IMAGES] = caphealth_samples_store_images,
    [CAPHEALTH_CODE_STORE_SECONDS] = caphealth_samples_store_seconds,
    [CAPHEALTH_CODE_MISSING] = caphealth_samples_missing,
    [CAPHEALTH_CODE_NOTIFICATIONS] = caphealth_samples_notifications,
    [CAPHEALTH_CODE_PLATFORM] = caphealth_samples_platform,
    [CAPHEALTH_CODE_NODE_VERSION] = caphealth_samples_nodes,
    [CAPHEALTH_CODE_NODE_STATUS] = caphealth_samples_nodes
};


char *
caphealth_metrics_facts(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_build_t *build, double now,
    caphealth_dialect_e dialect, size_t *len)
{
    caphealth_scrape_t      scrape = { .facts = f, .policy = p,
                                       .build = build, .now = now };
    caphealth_platform_t    platform;
    caphealth_evaluation_t  evaluation;

    if (caphealth_exposition_open(&scrape.out, dialect) == -1) {
        return NULL;
    }

    caphealth_evaluate(&evaluation, f, p, now);
    caphealth_platform(&platform, f, now);

    scrape.evaluation = &evaluation;
    scrape.platform = &platform;

    caphealth_metrics_objects(&scrape, CAPHEALTH_STATUS,
                              CAPHEALTH_NODE_COUNTS);

    return caphealth_exposition_close(&scrape.out, len);
}


char *
caphealth_metrics_vendors(const caphealth_vendors_t *v, size_t n,
    caphealth_dialect_e dialect, size_t *len)
{
    int                      no_memory;
    char                    *name, *text;
    const char              *p;
    int64_t                  products;
    caphealth_label_t        vendor = { "vendor", NULL };
    caphealth_exposition_t   out;

    if (caphealth_exposition_open(&out, dialect) == -1) {
        return NULL;
    }

    caphealth_exposition_metric(&out,
                            &caphealth_objects[CAPHEALTH_VENDORS].rows->metric);

    no_memory = 0;
    p = NULL;

    while (n-- > 0
           && (p = caphealth_vendors_next(v, p, &name, &products)) != NULL)
    {
        no_memory |= (name == NULL);
        vendor.value = name;

        caphealth_exposition_sample(&out, NULL, &vendor, 1,
                                    (double) products);
        free(name);
    }

    text = caphealth_exposition_close(&out, len);

    if (no_memory) {
        free(text);
        return NULL;
    }

    return text;
}


char *
caphealth_metrics_nodes(const caphealth_facts_t *f, double now,
    caphealth_dialect_e dialect, size_t *len)
{
    caphealth_scrape_t  scrape = { .facts = f, .now = now };

    if (caphealth_exposition_open(&scrape.out, dialect) == -1) {
        return NULL;
    }

    caphealth_metrics_objects(&scrape, CAPHEALTH_NODE, CAPHEALTH_NODE);

    return caphealth_exposition_close(&scrape.out, len);
}


char *
caphealth_metrics_live(const caphealth_images_t *i,
    const caphealth_activity_t *a, caphealth_dialect_e dialect, size_t *len)
{
    caphealth_scrape_t  scrape = { .images = i, .activity = a };

    if (caphealth_exposition_open(&scrape.out, dialect) == -1) {
        return NULL;
    }

    caphealth_metrics_objects(&scrape, CAPHEALTH_ROOT, CAPHEALTH_PROCESSES);

    caphealth_exposition_end(&scrape.out);

    return caphealth_exposition_close(&scrape.out, len);
}


static void
caphealth_metrics_objects(caphealth_scrape_t *s, caphealth_object_e first,
    caphealth_object_e last)
{
    int                 order;
    caphealth_object_e  object;

    for (object = first; object <= last; object++) {
        for (order = 0; caphealth_metrics_object(s, object, order); order++) {
            /* void */
        }
    }
}


/* Returns 0 if no row has a larger order. */

static int
caphealth_metrics_object(caphealth_scrape_t *s, caphealth_object_e object,
    int order)
{
    int                         more;
    const char                 *family;
    const caphealth_object_t   *o = &caphealth_objects[object];
    const caphealth_measure_t  *m;

    more = 0;
    family = "";

    for (m = o->rows; m < o->rows + o->n; m++) {

        if (m->metric.name == NULL || m->order != order) {
            more |= (m->metric.name != NULL && m->order > order);
            continue;
        }

        /* adjacent rows may be samples of one metric */

        if (strcmp(family, m->metric.name) != 0) {
            caphealth_exposition_metric(&s->out, &m->metric);
            family = m->metric.name;
        }

        if (m->code != CAPHEALTH_CODE_NONE) {
            caphealth_code_samples[m->code](s, m);

        } else {
            caphealth_object_samples[object](s, m);
        }
    }

    return more;
}


static void
caphealth_metrics_sample(caphealth_scrape_t *s, const caphealth_measure_t *m,
    const void *object, const caphealth_label_t *labels, size_t n)
{
    double  x;

    x = caphealth_measure_value(m, object);

    caphealth_exposition_sample(&s->out, NULL, labels, n,
                                m->unit == CAPHEALTH_UNIT_PERCENT ? x / 100
                                                                  : x);
}


/*
 * A state set: a sample for each of n states, 1 for the current one, 0 for the
 * others.  The state is the value of two labels: one has the metric's name, as
 * OpenMetrics demands, the other the short name label.  first is a label before
 * them, or NULL.
 */

static void
caphealth_metrics_states(caphealth_scrape_t *s, const caphealth_measure_t *m,
    const caphealth_label_t *first, const char *label,
    const char *const *states, size_t n, size_t current)
{
    size_t             i;
    caphealth_label_t  labels[3] = {
        { NULL, NULL }, { m->metric.name, NULL }, { label, NULL }
    };

    if (first != NULL) {
        labels[0] = *first;
    }

    for (i = 0; i < n; i++) {
        labels[1].value = states[i];
        labels[2].value = states[i];

        caphealth_exposition_sample(&s->out, NULL, labels, 3, i == current);
    }
}


static void
caphealth_samples_build(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    caphealth_label_t  labels[] = {
        { "version", s->build->version },
        { "nginx_version", s->build->nginx }
    };

    (void) m;

    caphealth_exposition_sample(&s->out, NULL, labels, 2, 1);
}


static void
caphealth_samples_status(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    caphealth_metrics_overall(s, m, NULL, s->evaluation->overall);
}


static void
caphealth_metrics_overall(caphealth_scrape_t *s, const caphealth_measure_t *m,
    const caphealth_label_t *first, caphealth_status_e status)
{
    size_t       i, current;
    const char  *states[4];

    static const caphealth_status_e  statuses[] = {
        CAPHEALTH_OK, CAPHEALTH_WARNING, CAPHEALTH_CRITICAL,
        CAPHEALTH_UNKNOWN_STATUS
    };

    current = 0;

    for (i = 0; i < caphealth_count_of(statuses); i++) {
        states[i] = caphealth_overall_name(statuses[i]);

        if (statuses[i] == status) {
            current = i;
        }
    }

    caphealth_metrics_states(s, m, first, "status", states,
                         caphealth_count_of(states), current);
}


/* the six, then the extra thresholds */

static void
caphealth_samples_checks(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t                      i;
    caphealth_extra_t           e;
    const caphealth_measure_t  *threshold;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        threshold = caphealth_threshold(i);

        caphealth_metrics_check(s, m, threshold, threshold->key,
                                 &s->evaluation->checks[i]);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, s->facts, s->policy, s->now)) {
        caphealth_metrics_check(s, m, e.measure, e.key, &e.check);
    }
}


static void
caphealth_metrics_check(caphealth_scrape_t *s, const caphealth_measure_t *m,
    const caphealth_measure_t *threshold, const char *key,
    const caphealth_check_t *c)
{
    size_t             i;
    const char        *states[CAPHEALTH_CRITICAL + 1];
    caphealth_label_t  labels[2] = { { "check", key }, { "level", NULL } };

    const struct {
        const char  *name;
        double       bound;
    } levels[] = {
        { "warning", c->bounds.warning },
        { "critical", c->bounds.critical },
        { "limit", c->bounds.limit }
    };

    switch (m->code) {

    case CAPHEALTH_CODE_CHECK_STATUS:

        for (i = 0; i < caphealth_count_of(states); i++) {
            states[i] = caphealth_check_name((caphealth_status_e) i);
        }

        caphealth_metrics_states(s, m, &labels[0], "status", states,
                                 caphealth_count_of(states), c->status);
        break;

    case CAPHEALTH_CODE_CURRENT:
        caphealth_exposition_sample(&s->out, NULL, labels, 1,
                                    caphealth_in_base_unit(c->current,
                                                           threshold->unit));
        break;

    default: /* CAPHEALTH_CODE_BOUNDS */

        for (i = 0; i < caphealth_count_of(levels); i++) {
            labels[1].value = levels[i].name;

            caphealth_exposition_sample(&s->out, NULL, labels, 2,
                                    caphealth_in_base_unit(levels[i].bound,
                                                           threshold->unit));
        }

        break;
    }
}


static double
caphealth_in_base_unit(double x, caphealth_unit_e unit)
{
    return (unit == CAPHEALTH_UNIT_PERCENT) ? x / 100
                                            : x * caphealth_unit_size(unit);
}


static void
caphealth_samples_tier(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t        i;
    const char  **names;

    if (s->evaluation->tier == NULL) {
        return;
    }

    names = calloc(s->policy->ntiers, sizeof(char *));
    if (names == NULL) {
        s->out.failed = 1;
        return;
    }

    for (i = 0; i < s->policy->ntiers; i++) {
        names[i] = s->policy->tiers[i].name;
    }

    caphealth_metrics_states(s, m, NULL, "tier", names, s->policy->ntiers,
                         (size_t) (s->evaluation->tier - s->policy->tiers));

    free(names);
}


/* a tier without a bound has no sample */

static void
caphealth_samples_tier_utilization(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    const caphealth_tier_t      *tier;
    const caphealth_database_t  *d;
    caphealth_label_t            vendors = { "dimension", "vendors" };
    caphealth_label_t            products = { "dimension", "products" };

    (void) m;

    d = &s->facts->database.value;
    tier = s->evaluation->tier;

    if (tier == NULL) {
        return;
    }

    caphealth_exposition_sample(&s->out, NULL, &vendors, 1,
                                caphealth_share(d->vendors_count,
                                                tier->max_clients) / 100);
    caphealth_exposition_sample(&s->out, NULL, &products, 1,
                                caphealth_share(d->products_count,
                                                tier->max_products) / 100);
}


static void
caphealth_samples_forecasts(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    size_t                                 i, level;
    caphealth_label_t                      labels[4];
    const caphealth_forecasts_t           *fs = s->facts->forecasts;
    const caphealth_threshold_forecast_t  *t;

    static const char *const  levels[CAPHEALTH_LEVELS] = {
        [CAPHEALTH_LEVEL_WARNING] = "warning",
        [CAPHEALTH_LEVEL_CRITICAL] = "critical",
        [CAPHEALTH_LEVEL_LIMIT] = "limit"
    };

    (void) m;

    for (i = 0; fs != NULL && i < fs->n; i++) {
        t = &fs->of[i];

        if (t->measure == NULL) {
            continue;
        }

        labels[0] = (caphealth_label_t) { "measure", t->measure };
        labels[1] = (caphealth_label_t) { "path", t->path };

        for (level = 0; level < CAPHEALTH_LEVELS; level++) {
            labels[2] = (caphealth_label_t) { "level", levels[level] };
            caphealth_metrics_estimates(s, labels, &t->levels[level]);
        }
    }
}


/* the last of the 4 labels is the estimate */

static void
caphealth_metrics_estimates(caphealth_scrape_t *s, caphealth_label_t *labels,
    const caphealth_forecast_t *f)
{
    size_t  i;

    const struct {
        const char  *name;
        double       days;
    } estimates[] = { { "low", f->low }, { "mid", f->mid },
                      { "high", f->high } };

    for (i = 0; i < caphealth_count_of(estimates); i++) {
        labels[3] = (caphealth_label_t) { "estimate", estimates[i].name };

        caphealth_exposition_sample(&s->out, NULL, labels, 4,
                                    round(estimates[i].days * 86400));
    }
}


static void
caphealth_samples_tier_forecasts(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    size_t                       i;
    caphealth_label_t            labels[4];
    const caphealth_forecast_t  *levels;

    static const struct {
        const char  *dimension;
        const char  *key;
    } dimensions[] = { { "vendors", "tier:vendors" },
                       { "products", "tier:products" } };

    (void) m;

    memset(labels, 0, sizeof(labels));

    for (i = 0; i < caphealth_count_of(dimensions); i++) {
        levels = caphealth_forecasts_find(s->facts, dimensions[i].key);

        if (levels != NULL) {
            labels[0] = (caphealth_label_t) { "dimension",
                                              dimensions[i].dimension };

            caphealth_metrics_estimates(s, labels,
                                        &levels[CAPHEALTH_LEVEL_LIMIT]);
        }
    }
}


static void
caphealth_samples_collectors(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    size_t                         i;
    caphealth_label_t              labels[2];
    caphealth_collector_t          c;
    const caphealth_root_t        *root;
    const caphealth_disk_facts_t  *disk;

    labels[0] = (caphealth_label_t) { "collector", "system" };
    labels[1] = (caphealth_label_t) { NULL, NULL };
    caphealth_collector_of(&c, &s->facts->system.section, s->now);
    caphealth_metrics_sample(s, m, &c, labels, 2);

    labels[0].value = "database";
    caphealth_collector_of(&c, &s->facts->database.section, s->now);
    caphealth_metrics_sample(s, m, &c, labels, 2);

    labels[0].value = "fleet";
    caphealth_collector_of(&c, &s->facts->fleet.section, s->now);
    caphealth_metrics_sample(s, m, &c, labels, 2);

    labels[0].value = "disk";
    labels[1].name = "mountpoint";

    for (i = 0; (disk = caphealth_facts_mount(s->facts, i)) != NULL; i++) {
        labels[1].value = disk->path;
        caphealth_collector_of(&c, &disk->section, s->now);
        caphealth_metrics_sample(s, m, &c, labels, 2);
    }

    labels[0].value = "image_storage";
    labels[1].name = "root";

    for (i = 0; i < s->facts->images.value.nroots; i++) {
        root = &s->facts->images.value.roots[i];

        if (root->scans == NULL) {
            continue;
        }

        caphealth_collector_of(&c, root->scans, s->now);

        /* counted as it changes, so it is never stale */

        labels[1].value = root->path;
        c.up = (root->source != NULL && !root->scans->failed);
        c.stale = 0;
        c.seconds = (root->scanned_at > 0) ? root->scan_seconds : NAN;
        c.succeeded = root->scanned_at;

        caphealth_metrics_sample(s, m, &c, labels, 2);
    }
}


static void
caphealth_collector_of(caphealth_collector_t *c,
    const caphealth_section_t *section, double now)
{
    if (!section->configured) {
        c->up = c->stale = c->seconds = c->succeeded = c->failures = NAN;
        return;
    }

    c->stale = caphealth_section_stale(section, now);
    c->up = caphealth_section_known(section) && !section->failed && !c->stale;
    c->seconds = (section->attempted_at > 0) ? section->seconds : NAN;
    c->succeeded = section->collected_at;
    c->failures = (double) section->failures;
}


static void
caphealth_samples_facts(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    caphealth_metrics_sample(s, m, s->facts, &m->sample_label, 1);
}


static void
caphealth_samples_platform(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    if (s->facts->fleet.section.configured) {
        caphealth_metrics_overall(s, m, NULL, s->platform->state);
    }
}


static void
caphealth_samples_fleet(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    if (s->facts->fleet.section.configured) {
        caphealth_metrics_sample(s, m, s->platform, &m->sample_label, 1);
    }
}


static void
caphealth_samples_nodes(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t                     i;
    caphealth_label_t          labels[2] = { { "node", NULL },
                                             { "version", NULL } };
    caphealth_platform_node_t  n;

    for (i = 0; i < (size_t) s->facts->fleet.value.nnodes; i++) {
        caphealth_platform_node(&n, s->facts, i, s->now);

        labels[0].value = n.name;

        switch (m->code) {

        case CAPHEALTH_CODE_NODE_VERSION:
            labels[1].value = n.version;
            caphealth_exposition_sample(&s->out, NULL, labels, 2, 1);
            break;

        case CAPHEALTH_CODE_NODE_STATUS:
            caphealth_metrics_overall(s, m, labels, n.state);
            break;

        default:
            caphealth_metrics_sample(s, m, &n, labels, 1);
            break;
        }
    }
}


static void
caphealth_samples_scope(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    caphealth_label_t  scope = {
        "scope", caphealth_known(s->facts->system.value.scope)
    };

    (void) m;

    caphealth_exposition_sample(&s->out, NULL, &scope, 1,
                                scope.value == NULL ? NAN : 1);
}


static void
caphealth_samples_stalls(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t                     i;
    caphealth_label_t          labels[2] = { { "resource", NULL },
                                             { "kind", NULL } };
    const caphealth_system_t  *v = &s->facts->system.value;

    const struct {
        const char                  *name;
        const caphealth_pressure_t  *pressure;
    } resources[] = {
        { "cpu", &v->pressure_cpu },
        { "memory", &v->pressure_memory },
        { "io", &v->pressure_io }
    };

    for (i = 0; i < caphealth_count_of(resources); i++) {
        labels[0].value = resources[i].name;

        labels[1].value = "some";
        caphealth_metrics_sample(s, m, &resources[i].pressure->some, labels,
                                 2);

        labels[1].value = "full";
        caphealth_metrics_sample(s, m, &resources[i].pressure->full, labels,
                                 2);
    }
}


static void
caphealth_samples_disks(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t                         i;
    caphealth_label_t              mountpoint = { "mountpoint", NULL };
    const caphealth_disk_facts_t  *disk;

    for (i = 0; (disk = caphealth_facts_mount(s->facts, i)) != NULL; i++) {
        mountpoint.value = disk->path;
        caphealth_metrics_sample(s, m, disk, &mountpoint, 1);
    }
}


static void
caphealth_samples_engine(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    caphealth_label_t  labels[] = {
        { "engine", caphealth_known(s->facts->database.value.engine) },
        { "version", caphealth_known(s->facts->database.value.version) }
    };

    (void) m;

    caphealth_exposition_sample(&s->out, NULL, labels, 2,
                                labels[0].value == NULL ? NAN : 1);
}


static void
caphealth_samples_roots(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t             i;
    caphealth_label_t  root = { "root", NULL };

    for (i = 0; i < s->images->nroots; i++) {
        root.value = s->images->roots[i].path;
        caphealth_metrics_sample(s, m, &s->images->roots[i], &root, 1);
    }
}


static void
caphealth_samples_sources(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t             i;
    caphealth_label_t  root = { "root", NULL };

    for (i = 0; i < s->images->nsources; i++) {
        root.value = s->images->sources[i].path;
        caphealth_metrics_sample(s, m, &s->images->sources[i], &root, 1);
    }
}


static void
caphealth_samples_missing(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t                   i, n;
    caphealth_label_t        labels[2] = { { "root", NULL },
                                           { "variant", NULL } };
    const caphealth_root_t  *root;

    (void) m;

    for (i = 0; i < s->images->nroots; i++) {
        root = &s->images->roots[i];

        if (root->source == NULL || !root->missing_known) {
            continue;
        }

        labels[0].value = root->path;

        for (n = 0; n < root->ncounted; n++) {
            labels[1].value = root->counted[n];
            caphealth_exposition_sample(&s->out, NULL, labels, 2,
                                        (double) root->missing[n]);
        }
    }
}


static void
caphealth_samples_uploads(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    if (s->activity->uploads.configured) {
        caphealth_metrics_sample(s, m, &s->activity->uploads, NULL, 0);
    }
}


static void
caphealth_samples_processes(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    caphealth_metrics_sample(s, m, s->activity, NULL, 0);
}


static void
caphealth_samples_upload_requests(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    (void) m;

    caphealth_metrics_results(s, s->activity->uploads.posts,
                              s->activity->uploads.nposts);
}


static void
caphealth_samples_delete_requests(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    (void) m;

    caphealth_metrics_results(s, s->activity->uploads.deletes,
                              s->activity->uploads.ndeletes);
}


static void
caphealth_metrics_results(caphealth_scrape_t *s,
    const caphealth_tally_t *tallies, size_t n)
{
    size_t             i;
    caphealth_label_t  result = { "result", NULL };

    if (!s->activity->uploads.configured) {
        return;
    }

    for (i = 0; i < n; i++) {
        result.value = tallies[i].name;
        caphealth_exposition_sample(&s->out, NULL, &result, 1, tallies[i].n);
    }
}


static void
caphealth_samples_stages(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t  i;

    (void) m;

    if (!s->activity->uploads.configured) {
        return;
    }

    for (i = 0; i < CAPHEALTH_STAGES; i++) {
        caphealth_metrics_histogram(s, "stage", caphealth_stages[i],
                                    &s->activity->uploads.stages[i]);
    }
}


static void
caphealth_samples_stores(caphealth_scrape_t *s, const caphealth_measure_t *m)
{
    size_t             i;
    caphealth_label_t  root = { "root", NULL };

    for (i = 0; i < s->activity->nstores; i++) {
        root.value = s->activity->stores[i].root;
        caphealth_metrics_sample(s, m, &s->activity->stores[i], &root, 1);
    }
}


static void
caphealth_samples_store_requests(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    size_t             i;
    caphealth_label_t  labels[2] = { { "root", NULL }, { "result", NULL } };

    (void) m;

    for (i = 0; i < s->activity->nstores; i++) {
        labels[0].value = s->activity->stores[i].root;
        caphealth_metrics_store_results(s, labels, 2,
                                        s->activity->stores[i].requests);
    }
}


static void
caphealth_samples_store_images(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    size_t                             i;
    caphealth_label_t                  labels[3] = { { "root", NULL },
                                                     { "operation", NULL },
                                                     { "result", NULL } };
    const caphealth_store_activity_t  *store;

    (void) m;

    for (i = 0; i < s->activity->nstores; i++) {
        store = &s->activity->stores[i];
        labels[0].value = store->root;

        labels[1].value = "put";
        caphealth_metrics_store_results(s, labels, 3, store->put);

        labels[1].value = "remove";
        caphealth_metrics_store_results(s, labels, 3, store->removed);
    }
}


/* the last of n labels is the result */

static void
caphealth_metrics_store_results(caphealth_scrape_t *s,
    caphealth_label_t *labels, size_t n, const caphealth_tally_t *tallies)
{
    size_t  i;

    for (i = 0; i < CAPHEALTH_STORE_RESULTS && tallies[i].name; i++) {
        labels[n - 1].value = tallies[i].name;
        caphealth_exposition_sample(&s->out, NULL, labels, n, tallies[i].n);
    }
}


static void
caphealth_samples_store_seconds(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    size_t                             i;
    const caphealth_store_activity_t  *store;

    (void) m;

    for (i = 0; i < s->activity->nstores; i++) {
        store = &s->activity->stores[i];
        caphealth_metrics_histogram(s, "root", store->root, &store->seconds);
    }
}


static void
caphealth_samples_notifications(caphealth_scrape_t *s,
    const caphealth_measure_t *m)
{
    size_t             i;
    caphealth_label_t  result = { "result", NULL };

    (void) m;

    for (i = 0; s->activity->notifies && i < CAPHEALTH_NOTIFY_RESULTS; i++) {
        result.value = caphealth_notify_result_name((uint32_t) i);
        caphealth_exposition_sample(&s->out, NULL, &result, 1,
                                    s->activity->notifications[i]);
    }
}


/* OpenMetrics demands a point in bounds that are integers */

static void
caphealth_metrics_histogram(caphealth_scrape_t *s, const char *label,
    const char *value, const caphealth_histogram_t *h)
{
    char               bound[CAPHEALTH_BOUND_LEN];
    double             n;
    size_t             i, len;
    caphealth_label_t  labels[2] = { { label, value }, { "le", bound } };

    n = 0;

    for (i = 0; i < CAPHEALTH_BUCKETS; i++) {
        n += h->buckets[i];

        caphealth_exposition_number(bound, sizeof(bound),
                                    caphealth_bucket_bounds[i]);

        if (strchr(bound, '.') == NULL) {
            len = strlen(bound);
            (void) snprintf(bound + len, sizeof(bound) - len, ".0");
        }

        caphealth_exposition_sample(&s->out, "_bucket", labels, 2, n);
    }

    n += h->buckets[CAPHEALTH_BUCKETS];

    labels[1].value = "+Inf";

    caphealth_exposition_sample(&s->out, "_bucket", labels, 2, n);
    caphealth_exposition_sample(&s->out, "_sum", labels, 1, h->sum);
    caphealth_exposition_sample(&s->out, "_count", labels, 1, n);
}


double
caphealth_histogram_quantile(const caphealth_histogram_t *h, double q)
{
    size_t  i;
    double  all, rank, low;

    all = 0;

    for (i = 0; i <= CAPHEALTH_BUCKETS; i++) {
        all += h->buckets[i];
    }

    if (all <= 0) {
        return NAN;
    }

    rank = q * all;
    low = 0;

    for (i = 0; i < CAPHEALTH_BUCKETS; i++) {
        if (rank <= h->buckets[i]) {
            return low + (caphealth_bucket_bounds[i] - low) * rank
                         / h->buckets[i];
        }

        rank -= h->buckets[i];
        low = caphealth_bucket_bounds[i];
    }

    return low;
}
