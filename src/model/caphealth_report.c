
/*
 * Report: the documents that clients read.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_json.h"
#include "caphealth_measures.h"
#include "caphealth_number.h"
#include "caphealth_platform.h"
#include "caphealth_recommendations.h"
#include "caphealth_report.h"
#include "caphealth_threshold_forecasts.h"


/* a document that is being written */

typedef struct {
    caphealth_json_t               json;
    double                         now;
    const char                    *vendors;      /* their member's name */
    const char                    *vendors_text; /* JSON, or NULL: unknown */
    size_t                         vendors_len;
} caphealth_report_t;


static void caphealth_report_object(caphealth_report_t *r, const char *name,
    caphealth_object_e object, const void *base);
static void caphealth_report_members(caphealth_report_t *r,
    caphealth_object_e object, const void *base);
static void caphealth_report_member(caphealth_report_t *r,
    const caphealth_measure_t *m, const void *base);
static void caphealth_report_number(caphealth_report_t *r,
    const caphealth_measure_t *m, const void *base);
static void caphealth_report_code(caphealth_report_t *r,
    const caphealth_measure_t *m, const void *base);
static void caphealth_report_args(caphealth_report_t *r, const char *name,
    const caphealth_event_args_t *args);
static void caphealth_report_nodes_list(caphealth_report_t *r,
    const char *name, const caphealth_facts_t *f);
static void caphealth_report_fleet(caphealth_report_t *r,
    const caphealth_facts_t *f);
static void caphealth_report_pressure(caphealth_report_t *r, const char *name,
    const caphealth_pressure_t *p);
static void caphealth_report_stall(caphealth_report_t *r, const char *name,
    const caphealth_stall_t *s);
static int caphealth_stall_known(const caphealth_stall_t *s);
static void caphealth_report_thresholds(caphealth_report_t *r,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_evaluation_t *a);
static void caphealth_report_threshold(caphealth_json_t *j,
    const caphealth_facts_t *f, const caphealth_measure_t *m, const char *key,
    const char *label, const char *path, const caphealth_check_t *c);
static void caphealth_report_forecast(caphealth_json_t *j,
    const caphealth_facts_t *f, const char *key);
static void caphealth_report_days(caphealth_json_t *j, const char *name,
    const caphealth_forecast_t *f);
static void caphealth_report_tiers(caphealth_json_t *j,
    const caphealth_policy_t *p);
static void caphealth_report_tier_forecast(caphealth_json_t *j,
    const caphealth_facts_t *f, const caphealth_tier_t *tier);
static void caphealth_report_dimension(caphealth_json_t *j,
    const caphealth_facts_t *f, const char *name, const char *key, int64_t n,
    int64_t limit);
static void caphealth_report_stale(caphealth_report_t *r, const char *name,
    const caphealth_section_t *s);
static void caphealth_report_interval(caphealth_report_t *r, const char *name,
    const caphealth_section_t *s);
static void caphealth_statistics(caphealth_statistics_t *s,
    const caphealth_facts_t *f, double now);
static double caphealth_report_newest(const caphealth_facts_t *f);
static double caphealth_report_older(const caphealth_section_t *s, double t);


char *
caphealth_report_health(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len)
{
    size_t                   i;
    caphealth_json_t        *j;
    caphealth_report_t       r = { .now = now };
    caphealth_evaluation_t   a;

    j = &r.json;

    if (caphealth_json_begin(j) == -1) {
        return NULL;
    }

    caphealth_evaluate(&a, f, p, now);

    caphealth_json_open_object(j, NULL);

    caphealth_report_object(&r, "system", CAPHEALTH_SYSTEM, f);
    caphealth_report_object(&r, "database", CAPHEALTH_DATABASE, f);
    caphealth_report_object(&r, "image_storage", CAPHEALTH_IMAGES, f);
    caphealth_report_thresholds(&r, f, p, &a);
    caphealth_json_string(j, "overall_status",
                          caphealth_overall_name(a.overall));
    caphealth_recommendations(j, "recommendations", f, p, &a, now);
    caphealth_json_string(j, "infrastructure_tier",
                          a.tier == NULL ? NULL : a.tier->name);
    caphealth_next_tier_trigger(j, "next_tier_trigger", f, p, a.tier);
    caphealth_report_tiers(j, p);

    caphealth_json_open_array(j, "disks");

    for (i = 0; i < f->ndisks; i++) {
        caphealth_report_object(&r, NULL, CAPHEALTH_DISK, &f->disks[i]);
    }

    caphealth_json_close_array(j);

    caphealth_report_stale(&r, "stale", &f->system.section);
    caphealth_json_time(j, "timestamp", caphealth_report_newest(f));
    caphealth_json_string(j, "host", f->node);
    caphealth_json_string(j, "version", f->version);
    caphealth_report_interval(&r, "refresh_seconds", &f->system.section);
    caphealth_report_tier_forecast(j, f, a.tier);
    caphealth_report_fleet(&r, f);

    caphealth_json_close_object(j);

    return caphealth_json_end(j, len);
}


char *
caphealth_report_capacity(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len)
{
    caphealth_report_t  r = {
        .now = now,
        .vendors = "products_by_vendor",
        .vendors_text = f->database.vendors.text,
        .vendors_len = f->database.vendors.len
    };

    (void) p;

    if (caphealth_json_begin(&r.json) == -1) {
        return NULL;
    }

    caphealth_json_open_object(&r.json, NULL);
    caphealth_report_members(&r, CAPHEALTH_CAPACITY, f);
    caphealth_report_fleet(&r, f);
    caphealth_json_close_object(&r.json);

    return caphealth_json_end(&r.json, len);
}


char *
caphealth_report_vendors(const caphealth_facts_t *f, double now,
    const caphealth_vendor_t *after, size_t limit, size_t *len)
{
    char                       *text, *page, *next;
    caphealth_report_t          r = { .now = now, .vendors = "vendors" };
    const caphealth_vendors_t  *v = &f->database.vendors;

    page = next = text = NULL;

    if (v->list != NULL) {
        page = caphealth_vendors_page(v, after, limit, &next);

        if (page == NULL) {
            return NULL;
        }

        r.vendors_text = page;
        r.vendors_len = strlen(page);
    }

    if (caphealth_json_begin(&r.json) == 0) {
        caphealth_json_open_object(&r.json, NULL);
        caphealth_report_members(&r, CAPHEALTH_CAPACITY, f);
        caphealth_json_count(&r.json, "vendors_total",
                             page == NULL ? CAPHEALTH_UNKNOWN
                                          : (int64_t) v->list_n);
        caphealth_json_string(&r.json, "vendors_next", next);
        caphealth_report_fleet(&r, f);
        caphealth_json_close_object(&r.json);

        text = caphealth_json_end(&r.json, len);
    }

    free(page);
    free(next);

    return text;
}


char *
caphealth_report_statistics(const caphealth_facts_t *f, double now,
    size_t *len)
{
    caphealth_report_t      r = { .now = now };
    caphealth_statistics_t  s;

    if (caphealth_json_begin(&r.json) == -1) {
        return NULL;
    }

    caphealth_statistics(&s, f, now);
    caphealth_report_object(&r, NULL, CAPHEALTH_STATISTICS, &s);

    return caphealth_json_end(&r.json, len);
}


char *
caphealth_report_nodes(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len)
{
    caphealth_report_t    r = { .now = now };
    caphealth_platform_t  platform;

    (void) p;

    if (caphealth_json_begin(&r.json) == -1) {
        return NULL;
    }

    caphealth_platform(&platform, f, now);
    caphealth_report_object(&r, NULL, CAPHEALTH_FLEET, &platform);

    return caphealth_json_end(&r.json, len);
}


static void
caphealth_report_object(caphealth_report_t *r, const char *name,
    caphealth_object_e object, const void *base)
{
    caphealth_json_open_object(&r->json, name);
    caphealth_report_members(r, object, base);
    caphealth_json_close_object(&r->json);
}


static void
caphealth_report_members(caphealth_report_t *r, caphealth_object_e object,
    const void *base)
{
    const caphealth_object_t   *o = &caphealth_objects[object];
    const caphealth_measure_t  *m;

    for (m = o->rows; m < o->rows + o->n; m++) {
        if (m->name != NULL) {
            caphealth_report_member(r, m, base);
        }
    }
}


static void
caphealth_report_member(caphealth_report_t *r, const caphealth_measure_t *m,
    const void *base)
{
    const void        *field = (const char *) base + m->offset;
    caphealth_json_t  *j = &r->json;

    if (m->known != NULL && !m->known(base)) {
        caphealth_json_null(j, m->name);
        return;
    }

    switch (m->type) {

    case CAPHEALTH_TYPE_COUNT:
    case CAPHEALTH_TYPE_REAL:
    case CAPHEALTH_TYPE_NUMBER:
        caphealth_report_number(r, m, base);
        break;

    case CAPHEALTH_TYPE_FLAG:
        caphealth_json_flag(j, m->name, *(const int *) field);
        break;

    case CAPHEALTH_TYPE_TIME:
        caphealth_json_time(j, m->name, *(const double *) field);
        break;

    case CAPHEALTH_TYPE_STRING:
        caphealth_json_string(j, m->name, *(const char *const *) field);
        break;

    case CAPHEALTH_TYPE_TEXT:
        caphealth_json_string(j, m->name, caphealth_known(field));
        break;

    case CAPHEALTH_TYPE_STALE:
        caphealth_report_stale(r, m->name, field);
        break;

    case CAPHEALTH_TYPE_INTERVAL:
        caphealth_report_interval(r, m->name, field);
        break;

    case CAPHEALTH_TYPE_REACHABLE:
        caphealth_json_flag(j, m->name, caphealth_section_reachable(field));
        break;

    case CAPHEALTH_TYPE_CODE:
        caphealth_report_code(r, m, base);
        break;
    }
}


/* counts are written as int64_t, as they may not be exact in a double */

static void
caphealth_report_number(caphealth_report_t *r, const caphealth_measure_t *m,
    const void *base)
{
    double  x;

    if (m->type == CAPHEALTH_TYPE_COUNT && m->decimals == 0
        && m->value == NULL)
    {
        caphealth_json_count(&r->json, m->name,
                             *(const int64_t *) ((const char *) base
                                                 + m->offset));
        return;
    }

    x = caphealth_measure_value(m, base) / caphealth_unit_size(m->unit);

    if (m->type == CAPHEALTH_TYPE_NUMBER || m->decimals == 0) {
        caphealth_json_number(&r->json, m->name,
                              caphealth_round(x, m->decimals));

    } else {
        caphealth_json_real(&r->json, m->name, x, m->decimals);
    }
}


static void
caphealth_report_code(caphealth_report_t *r, const caphealth_measure_t *m,
    const void *base)
{
    size_t                         i;
    const void                    *field = (const char *) base + m->offset;
    caphealth_json_t              *j = &r->json;
    const caphealth_root_t        *root = base;
    const caphealth_facts_t       *f = base;
    const caphealth_images_t      *trees = field;
    const caphealth_platform_t    *p = base;
    const caphealth_statistics_t  *s = base;

    switch (m->code) {

    case CAPHEALTH_CODE_LOAD:
        caphealth_json_open_array(j, m->name);
        caphealth_json_real(j, NULL, f->system.value.load1, 2);
        caphealth_json_real(j, NULL, f->system.value.load5, 2);
        caphealth_json_real(j, NULL, f->system.value.load15, 2);
        caphealth_json_close_array(j);
        break;

    case CAPHEALTH_CODE_PRESSURE:
        caphealth_json_open_object(j, m->name);
        caphealth_report_pressure(r, "cpu", &f->system.value.pressure_cpu);
        caphealth_report_pressure(r, "memory",
                                  &f->system.value.pressure_memory);
        caphealth_report_pressure(r, "io", &f->system.value.pressure_io);
        caphealth_json_close_object(j);
        break;

    case CAPHEALTH_CODE_VENDORS:
        if (r->vendors_text == NULL) {
            caphealth_json_null(j, r->vendors);
        } else {
            caphealth_json_raw(j, r->vendors, r->vendors_text,
                               r->vendors_len);
        }

        break;

    case CAPHEALTH_CODE_FULLEST:
        if (s->fullest == NULL) {
            caphealth_json_null(j, m->name);
        } else {
            caphealth_json_format(j, m->name, "%s/%s", s->fullest->path,
                                  s->fullest->fullest);
        }

        break;

    case CAPHEALTH_CODE_ROOTS:
        caphealth_json_open_array(j, m->name);

        for (i = 0; i < trees->nroots; i++) {
            caphealth_report_object(r, NULL, CAPHEALTH_ROOT,
                                    &trees->roots[i]);
        }

        caphealth_json_close_array(j);
        break;

    case CAPHEALTH_CODE_SOURCES:
        caphealth_json_open_array(j, m->name);

        for (i = 0; i < trees->nsources; i++) {
            caphealth_report_object(r, NULL, CAPHEALTH_SOURCE_TREE,
                                    &trees->sources[i]);
        }

        caphealth_json_close_array(j);
        break;

    case CAPHEALTH_CODE_MISSING:
        if (root->source == NULL || !root->missing_known) {
            caphealth_json_null(j, m->name);
            break;
        }

        caphealth_json_open_object(j, m->name);

        for (i = 0; i < root->ncounted; i++) {
            caphealth_json_number(j, root->counted[i],
                                  (double) root->missing[i]);
        }

        caphealth_json_close_object(j);
        break;

    case CAPHEALTH_CODE_SCAN:
        if (root->scanning_since > 0) {
            caphealth_report_object(r, m->name, CAPHEALTH_SCAN, root);
        } else {
            caphealth_json_null(j, m->name);
        }

        break;

    case CAPHEALTH_CODE_FILESYSTEM:
        if (root->disk != NULL) {
            caphealth_report_object(r, m->name, CAPHEALTH_FILESYSTEM,
                                    root->disk);
        } else {
            caphealth_json_null(j, m->name);
        }

        break;

    case CAPHEALTH_CODE_NODES:
        caphealth_report_nodes_list(r, m->name, p->facts);
        break;

    case CAPHEALTH_CODE_NODE_COUNTS:
        caphealth_report_object(r, m->name, CAPHEALTH_NODE_COUNTS, p);
        break;

    case CAPHEALTH_CODE_CAUSE_ARGS:
        caphealth_report_args(r, m->name,
                              ((const caphealth_platform_node_t *) base)->args);
        break;

    default:
        break;
    }
}


static void
caphealth_report_args(caphealth_report_t *r, const char *name,
    const caphealth_event_args_t *args)
{
    char  *text;

    if (args == NULL) {
        caphealth_json_null(&r->json, name);
        return;
    }

    text = caphealth_event_args_json(args);

    if (text == NULL) {
        r->json.failed = 1;
        return;
    }

    caphealth_json_raw(&r->json, name, text, strlen(text));

    free(text);
}


static void
caphealth_report_nodes_list(caphealth_report_t *r, const char *name,
    const caphealth_facts_t *f)
{
    size_t                     i;
    caphealth_platform_node_t  n;

    caphealth_json_open_array(&r->json, name);

    for (i = 0; i < (size_t) f->fleet.value.nnodes; i++) {
        caphealth_platform_node(&n, f, i, r->now);
        caphealth_report_object(r, NULL, CAPHEALTH_NODE, &n);
    }

    caphealth_json_close_array(&r->json);
}


/* not there without a fleet */

static void
caphealth_report_fleet(caphealth_report_t *r, const caphealth_facts_t *f)
{
    caphealth_platform_t  platform;

    if (f->fleet.section.configured) {
        caphealth_platform(&platform, f, r->now);
        caphealth_report_object(r, "fleet", CAPHEALTH_FLEET_BRIEF, &platform);
    }
}


/* null, if all of its members are unknown */

static void
caphealth_report_pressure(caphealth_report_t *r, const char *name,
    const caphealth_pressure_t *p)
{
    if (!caphealth_stall_known(&p->some) && !caphealth_stall_known(&p->full)) {
        caphealth_json_null(&r->json, name);
        return;
    }

    caphealth_json_open_object(&r->json, name);
    caphealth_report_stall(r, "some", &p->some);
    caphealth_report_stall(r, "full", &p->full);
    caphealth_json_close_object(&r->json);
}


static void
caphealth_report_stall(caphealth_report_t *r, const char *name,
    const caphealth_stall_t *s)
{
    if (caphealth_stall_known(s)) {
        caphealth_report_object(r, name, CAPHEALTH_STALL, s);
    } else {
        caphealth_json_null(&r->json, name);
    }
}


static int
caphealth_stall_known(const caphealth_stall_t *s)
{
    return isfinite(s->avg10) || isfinite(s->avg60) || isfinite(s->avg300)
           || isfinite(s->total);
}


/* the six, then the extra thresholds */

static void
caphealth_report_thresholds(caphealth_report_t *r, const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_evaluation_t *a)
{
    size_t                      i;
    const char                 *path;
    caphealth_extra_t           e;
    const caphealth_measure_t  *m;

    caphealth_json_open_array(&r->json, "thresholds");

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        m = caphealth_threshold(i);
        path = (i == CAPHEALTH_DISK_PERCENT && f->ndisks > 0)
               ? f->disks[0].path : NULL;

        caphealth_report_threshold(&r->json, f, m, m->key, m->label, path,
                                   &a->checks[i]);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, f, p, r->now)) {
        caphealth_report_threshold(&r->json, f, e.measure, e.key, e.name,
                                   e.path, &e.check);
    }

    caphealth_json_close_array(&r->json);
}


static void
caphealth_report_threshold(caphealth_json_t *j, const caphealth_facts_t *f,
    const caphealth_measure_t *m, const char *key, const char *label,
    const char *path, const caphealth_check_t *c)
{
    caphealth_json_open_object(j, NULL);
    caphealth_json_string(j, "name", label);

    if (m->decimals == 0) {
        caphealth_json_number(j, "current", c->current);
    } else {
        caphealth_json_real(j, "current", c->current, m->decimals);
    }

    caphealth_json_number(j, "warning", c->bounds.warning);
    caphealth_json_number(j, "critical", c->bounds.critical);
    caphealth_json_number(j, "limit", c->bounds.limit);
    caphealth_json_string(j, "status", caphealth_check_name(c->status));
    caphealth_json_real(j, "percent_used", c->percent_used, 1);
    caphealth_json_string(j, "key", key);
    caphealth_json_string(j, "path", path);
    caphealth_json_string(j, "unit", caphealth_unit_name(m->unit));
    caphealth_report_forecast(j, f, key);
    caphealth_json_close_object(j);
}


/* of a dimension of the tier, the limit is the only level */

static void
caphealth_report_forecast(caphealth_json_t *j, const caphealth_facts_t *f,
    const char *key)
{
    caphealth_forecast_reason_e  reason;
    const caphealth_forecast_t  *levels, *best;

    levels = caphealth_forecasts_find(f, key);
    best = (levels == NULL) ? NULL : &levels[CAPHEALTH_LEVEL_LIMIT];
    reason = caphealth_forecasts_reason(f, key, best);

    /* a limit may be too far away to be known, and a level before it not */

    while (best != NULL && best > levels && !caphealth_forecast_known(best)) {
        best--;
    }

    if (best == NULL || !caphealth_forecast_known(best)) {
        caphealth_json_null(j, "forecast");

    } else {
        caphealth_json_open_object(j, "forecast");
        caphealth_report_days(j, "limit_in_days",
                              &levels[CAPHEALTH_LEVEL_LIMIT]);
        caphealth_report_days(j, "warning_in_days",
                              &levels[CAPHEALTH_LEVEL_WARNING]);
        caphealth_report_days(j, "critical_in_days",
                              &levels[CAPHEALTH_LEVEL_CRITICAL]);
        caphealth_json_number(j, "from_days",
                              best->from_days == 0
                              ? NAN : (double) best->from_days);
        caphealth_json_number(j, "hit_rate",
                              caphealth_round(best->hit_rate, 2));
        caphealth_json_close_object(j);
    }

    caphealth_json_string(j, "forecast_reason",
                      caphealth_known(caphealth_forecast_reason(reason)));
    caphealth_json_string(j, "forecast_code", caphealth_forecast_code(reason));
}


static void
caphealth_report_days(caphealth_json_t *j, const char *name,
    const caphealth_forecast_t *f)
{
    if (!caphealth_forecast_known(f)) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_open_object(j, name);
    caphealth_json_number(j, "low", caphealth_forecast_days(f->low));
    caphealth_json_number(j, "mid", caphealth_forecast_days(f->mid));
    caphealth_json_number(j, "high", caphealth_forecast_days(f->high));
    caphealth_json_close_object(j);
}


static void
caphealth_report_tier_forecast(caphealth_json_t *j, const caphealth_facts_t *f,
    const caphealth_tier_t *tier)
{
    const caphealth_database_t  *d = &f->database.value;

    caphealth_json_open_object(j, "tier_forecast");

    caphealth_report_dimension(j, f, "vendors", "tier:vendors",
                               d->vendors_count,
                               tier == NULL ? CAPHEALTH_UNKNOWN
                                            : tier->max_clients);
    caphealth_report_dimension(j, f, "products", "tier:products",
                               d->products_count,
                               tier == NULL ? CAPHEALTH_UNKNOWN
                                            : tier->max_products);

    caphealth_json_close_object(j);
}


static void
caphealth_report_dimension(caphealth_json_t *j, const caphealth_facts_t *f,
    const char *name, const char *key, int64_t n, int64_t limit)
{
    caphealth_json_open_object(j, name);
    caphealth_json_count(j, "current", n);
    caphealth_json_count(j, "limit", limit);
    caphealth_json_real(j, "percent_used", caphealth_share(n, limit), 1);
    caphealth_report_forecast(j, f, key);
    caphealth_json_close_object(j);
}


static void
caphealth_report_tiers(caphealth_json_t *j, const caphealth_policy_t *p)
{
    size_t  i;

    caphealth_json_open_array(j, "tiers");

    for (i = 0; i < p->ntiers; i++) {
        caphealth_json_open_object(j, NULL);
        caphealth_json_string(j, "name", p->tiers[i].name);
        caphealth_json_count(j, "max_clients", p->tiers[i].max_clients);
        caphealth_json_count(j, "max_products", p->tiers[i].max_products);
        caphealth_json_close_object(j);
    }

    caphealth_json_close_array(j);
}


/* null: there is no data that could be stale */

static void
caphealth_report_stale(caphealth_report_t *r, const char *name,
    const caphealth_section_t *s)
{
    caphealth_json_flag(&r->json, name, s->collected_at > 0
                                        ? caphealth_section_stale(s, r->now)
                                        : -1);
}


/* null: the source is not configured */

static void
caphealth_report_interval(caphealth_report_t *r, const char *name,
    const caphealth_section_t *s)
{
    caphealth_json_number(&r->json, name, s->configured ? s->interval : NAN);
}


static void
caphealth_statistics(caphealth_statistics_t *s, const caphealth_facts_t *f,
    double now)
{
    size_t                     n;
    const caphealth_root_t    *root;
    const caphealth_images_t  *i = &f->images.value;

    memset(s, 0, sizeof(caphealth_statistics_t));

    s->images = *i;
    s->scanned_at = INFINITY;
    s->source = (i->nroots == 0) ? NULL : "live";
    s->node = f->node;
    s->version = f->version;
    s->now = now;

    for (n = 0; n < i->nroots; n++) {
        root = &i->roots[n];

        s->drift_files += root->drift_files;
        s->drift_bytes += root->drift_bytes;
        s->incomplete += root->incomplete;
        s->strays += root->strays;
        s->scanned_at = fmin(s->scanned_at, root->scanned_at);

        if (s->error == NULL) {
            s->error = root->error;
            s->error_code = root->error_code;
        }

        if (s->source != NULL
            && (root->source == NULL || strcmp(root->source, "live") != 0))
        {
            s->source = root->source;
        }

        if (root->fullest[0] != '\0'
            && (s->fullest == NULL
                || root->max_files > s->fullest->max_files))
        {
            s->fullest = root;
        }
    }

    if (i->files == CAPHEALTH_UNKNOWN) {
        s->incomplete = s->strays = CAPHEALTH_UNKNOWN;
        s->fullest = NULL;
    }

    if (!(s->scanned_at > 0) || !isfinite(s->scanned_at)) {
        s->scanned_at = 0;
        s->drift_files = s->drift_bytes = CAPHEALTH_UNKNOWN;
    }
}


static double
caphealth_report_newest(const caphealth_facts_t *f)
{
    size_t                      i;
    double                      t;
    const caphealth_section_t  *s;

    t = 0;

    for (i = 0; (s = caphealth_facts_section(f, i)) != NULL; i++) {
        if (caphealth_section_known(s)) {
            t = fmax(t, s->collected_at);
        }
    }

    return t;
}


double
caphealth_report_health_time(const caphealth_facts_t *f)
{
    size_t                      i;
    double                      t;
    const caphealth_section_t  *s;

    t = 0;

    for (i = 0; (s = caphealth_facts_section(f, i)) != NULL; i++) {
        t = caphealth_report_older(s, t);
    }

    return t;
}


double
caphealth_report_capacity_time(const caphealth_facts_t *f)
{
    return caphealth_report_older(&f->images.section,
               caphealth_report_older(&f->database.section, 0));
}


double
caphealth_report_nodes_time(const caphealth_facts_t *f)
{
    return caphealth_report_older(&f->fleet.section, 0);
}


/* the earlier of t and the time of the section's data; 0: there is none */

static double
caphealth_report_older(const caphealth_section_t *s, double t)
{
    if (!caphealth_section_known(s)) {
        return t;
    }

    return (t > 0) ? fmin(t, s->collected_at) : s->collected_at;
}
