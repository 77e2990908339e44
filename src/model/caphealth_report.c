
/*
 * Report: the health and the capacity document.
 *
 * Each object is a table of its members, in the order in which a client sees
 * them.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_recommendations.h"
#include "caphealth_extra.h"
#include "caphealth_images.h"
#include "caphealth_json.h"
#include "caphealth_number.h"
#include "caphealth_reason.h"
#include "caphealth_report.h"


static void caphealth_report_system(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_assessment_t *a, double now);
static void caphealth_report_load(caphealth_json_t *j, const char *name,
    const caphealth_system_t *s);
static void caphealth_report_pressures(caphealth_json_t *j, const char *name,
    const caphealth_system_t *s);
static void caphealth_report_pressure(caphealth_json_t *j, const char *name,
    const caphealth_pressure_t *p);
static void caphealth_report_stall(caphealth_json_t *j, const char *name,
    const caphealth_stall_t *s);
static int caphealth_stall_known(const caphealth_stall_t *s);
static void caphealth_report_database(caphealth_json_t *j, const char *name,
    const caphealth_database_facts_t *d, double now);
static void caphealth_report_images(caphealth_json_t *j, const char *name,
    const caphealth_images_facts_t *i, double now);
static void caphealth_report_thresholds(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_assessment_t *a, double now);
static void caphealth_report_threshold(caphealth_json_t *j, const char *key,
    const char *label, const char *unit, int decimals, const char *path,
    const caphealth_check_t *c);
static void caphealth_report_tiers(caphealth_json_t *j, const char *name,
    const caphealth_policy_t *p);
static void caphealth_report_disks(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, double now);
static void caphealth_report_disk(caphealth_json_t *j,
    const caphealth_disk_facts_t *d, double now);
static void caphealth_report_capacity_members(caphealth_json_t *j,
    const caphealth_facts_t *f, double now, const char *name,
    const char *vendors, size_t len);

static void caphealth_report_check(caphealth_json_t *j, const char *name,
    const caphealth_assessment_t *a, caphealth_threshold_e i);
static void caphealth_report_shown(caphealth_json_t *j, const char *name,
    double x, int decimals);
static void caphealth_report_stale(caphealth_json_t *j, const char *name,
    const caphealth_section_t *s, double now);
static void caphealth_report_interval(caphealth_json_t *j, const char *name,
    const caphealth_section_t *s);
static double caphealth_report_newest(const caphealth_facts_t *f);
static double caphealth_report_older(const caphealth_section_t *s, double t);


static const caphealth_disk_t  caphealth_no_disk = {
    .total = CAPHEALTH_UNKNOWN,
    .used = CAPHEALTH_UNKNOWN
};


char *
caphealth_report_health(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len)
{
    caphealth_json_t               writer, *j = &writer;
    caphealth_assessment_t         judged;
    const caphealth_tier_t        *tier;
    const caphealth_assessment_t  *a = &judged;

    if (caphealth_json_begin(j) == -1) {
        return NULL;
    }

    caphealth_assess(&judged, f, p, now);

    tier = a->tier;

    caphealth_json_open_object(j, NULL);

    caphealth_report_system(j, "system", f, a, now);
    caphealth_report_database(j, "database", &f->database, now);
    caphealth_report_images(j, "image_storage", &f->images, now);
    caphealth_report_thresholds(j, "thresholds", f, p, a, now);
    caphealth_json_string(j, "overall_status", caphealth_overall_name(a->overall));
    caphealth_recommendations(j, "recommendations", f, p, a, now);
    caphealth_json_string(j, "infrastructure_tier",
                          tier == NULL ? NULL : tier->name);
    caphealth_next_tier_trigger(j, "next_tier_trigger", f, p, tier);
    caphealth_report_tiers(j, "tiers", p);
    caphealth_report_disks(j, "disks", f, now);
    caphealth_report_stale(j, "stale", &f->system.section, now);
    caphealth_json_time(j, "timestamp", caphealth_report_newest(f));
    caphealth_json_string(j, "host", f->node);
    caphealth_json_string(j, "version", f->version);
    caphealth_report_interval(j, "refresh_seconds", &f->system.section);

    caphealth_json_close_object(j);

    return caphealth_json_end(j, len);
}


char *
caphealth_report_capacity(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len)
{
    caphealth_json_t            j;
    const caphealth_vendors_t  *v = &f->database.vendors;

    (void) p;

    if (caphealth_json_begin(&j) == -1) {
        return NULL;
    }

    caphealth_json_open_object(&j, NULL);
    caphealth_report_capacity_members(&j, f, now, "products_by_vendor",
                                      v->text, v->len);
    caphealth_json_close_object(&j);

    return caphealth_json_end(&j, len);
}


char *
caphealth_report_vendors(const caphealth_facts_t *f, double now,
    const caphealth_vendor_t *after, size_t limit, size_t *len)
{
    char                       *text, *page, *next;
    caphealth_json_t            j;
    const caphealth_vendors_t  *v = &f->database.vendors;

    page = next = text = NULL;

    if (v->list != NULL) {
        page = caphealth_vendors_page(v, after, limit, &next);

        if (page == NULL) {
            return NULL;
        }
    }

    if (caphealth_json_begin(&j) == 0) {
        caphealth_json_open_object(&j, NULL);
        caphealth_report_capacity_members(&j, f, now, "vendors", page,
                                          page == NULL ? 0 : strlen(page));
        caphealth_json_count(&j, "vendors_total",
                             page == NULL ? CAPHEALTH_UNKNOWN
                                          : (int64_t) v->list_n);
        caphealth_json_string(&j, "vendors_next", next);
        caphealth_json_close_object(&j);

        text = caphealth_json_end(&j, len);
    }

    free(page);
    free(next);

    return text;
}


/* the vendors are len bytes that are JSON already; NULL: unknown */

static void
caphealth_report_capacity_members(caphealth_json_t *j,
    const caphealth_facts_t *f, double now, const char *name,
    const char *vendors, size_t len)
{
    const caphealth_images_t    *i = &f->images.value;
    const caphealth_section_t   *s = &f->database.section;
    const caphealth_database_t  *d = &f->database.value;

    caphealth_json_count(j, "products_total", d->products_count);

    if (vendors == NULL) {
        caphealth_json_null(j, name);
    } else {
        caphealth_json_raw(j, name, vendors, len);
    }

    caphealth_json_count(j, "images_total", i->files);
    caphealth_json_amount(j, "storage_used_gb", i->bytes, CAPHEALTH_GIB);
    caphealth_json_amount(j, "database_size_mb", d->size, CAPHEALTH_MIB);
    caphealth_json_count(j, "orders_this_month", d->orders_this_month);
    caphealth_json_count(j, "active_vendors", d->active_vendors);
    caphealth_json_time(j, "collected_at", s->collected_at);
    caphealth_report_stale(j, "stale", s, now);
    caphealth_json_string(j, "error", s->error);
    caphealth_json_flag(j, "configured", s->configured);
    caphealth_json_string(j, "host", f->node);
    caphealth_json_string(j, "version", f->version);
    caphealth_report_interval(j, "refresh_seconds", s);
    caphealth_json_string(j, "error_code", s->error_code);
}


static void
caphealth_report_system(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_assessment_t *a, double now)
{
    const caphealth_disk_t     *d = f->ndisks == 0 ? &caphealth_no_disk
                                                    : &f->disks[0].value;
    const caphealth_system_t   *v = &f->system.value;
    const caphealth_section_t  *s = &f->system.section;

    caphealth_json_open_object(j, name);
    caphealth_json_real(j, "cpu_percent", caphealth_section_known(s)
                                         ? v->cpu_percent : NAN, 1);
    caphealth_report_check(j, "memory_percent", a, CAPHEALTH_MEMORY_PERCENT);
    caphealth_json_amount(j, "memory_used_gb", v->memory_used, CAPHEALTH_GIB);
    caphealth_json_amount(j, "memory_total_gb", v->memory_total, CAPHEALTH_GIB);
    caphealth_report_check(j, "disk_percent", a, CAPHEALTH_DISK_PERCENT);
    caphealth_json_amount(j, "disk_used_gb", d->used, CAPHEALTH_GIB);
    caphealth_json_amount(j, "disk_total_gb", d->total, CAPHEALTH_GIB);
    caphealth_json_string(j, "scope", caphealth_known(v->scope));
    caphealth_json_number(j, "cores", caphealth_round(v->cores, 2));
    caphealth_report_load(j, "load_average", v);
    caphealth_report_pressures(j, "pressure", v);
    caphealth_report_check(j, "cpu_mean_percent", a, CAPHEALTH_CPU_PERCENT);
    caphealth_json_real(j, "cpu_converters_percent", v->cpu_converters, 1);
    caphealth_json_number(j, "cpu_mean_seconds",
                          caphealth_round(v->cpu_seconds, 0));
    caphealth_json_time(j, "collected_at", s->collected_at);
    caphealth_report_stale(j, "stale", s, now);
    caphealth_json_string(j, "error", s->error);
    caphealth_json_string(j, "error_code", s->error_code);
    caphealth_json_close_object(j);
}


static void
caphealth_report_load(caphealth_json_t *j, const char *name,
    const caphealth_system_t *s)
{
    caphealth_json_open_array(j, name);
    caphealth_json_real(j, NULL, s->load1, 2);
    caphealth_json_real(j, NULL, s->load5, 2);
    caphealth_json_real(j, NULL, s->load15, 2);
    caphealth_json_close_array(j);
}


static void
caphealth_report_pressures(caphealth_json_t *j, const char *name,
    const caphealth_system_t *s)
{
    caphealth_json_open_object(j, name);
    caphealth_report_pressure(j, "cpu", &s->pressure_cpu);
    caphealth_report_pressure(j, "memory", &s->pressure_memory);
    caphealth_report_pressure(j, "io", &s->pressure_io);
    caphealth_json_close_object(j);
}


/* an object that knows nothing is itself unknown */

static void
caphealth_report_pressure(caphealth_json_t *j, const char *name,
    const caphealth_pressure_t *p)
{
    if (!caphealth_stall_known(&p->some) && !caphealth_stall_known(&p->full)) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_open_object(j, name);
    caphealth_report_stall(j, "some", &p->some);
    caphealth_report_stall(j, "full", &p->full);
    caphealth_json_close_object(j);
}


static void
caphealth_report_stall(caphealth_json_t *j, const char *name,
    const caphealth_stall_t *s)
{
    if (!caphealth_stall_known(s)) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_open_object(j, name);
    caphealth_json_real(j, "avg10", s->avg10, 2);
    caphealth_json_real(j, "avg60", s->avg60, 2);
    caphealth_json_real(j, "avg300", s->avg300, 2);
    caphealth_json_real(j, "total_seconds", s->total, 3);
    caphealth_json_close_object(j);
}


static int
caphealth_stall_known(const caphealth_stall_t *s)
{
    return isfinite(s->avg10) || isfinite(s->avg60) || isfinite(s->avg300)
           || isfinite(s->total);
}


static void
caphealth_report_database(caphealth_json_t *j, const char *name,
    const caphealth_database_facts_t *d, double now)
{
    const caphealth_section_t   *s = &d->section;
    const caphealth_database_t  *v = &d->value;

    caphealth_json_open_object(j, name);
    caphealth_json_amount(j, "size_mb", v->size, CAPHEALTH_MIB);
    caphealth_json_count(j, "products_count", v->products_count);
    caphealth_json_count(j, "orders_count", v->orders_count);
    caphealth_json_count(j, "vendors_count", v->vendors_count);
    caphealth_json_count(j, "inventory_count", v->inventory_count);
    caphealth_json_count(j, "size_bytes", v->size);
    caphealth_json_string(j, "engine", caphealth_known(v->engine));
    caphealth_json_string(j, "version", caphealth_known(v->version));
    caphealth_json_flag(j, "configured", s->configured);
    caphealth_json_flag(j, "reachable", caphealth_section_reachable(s));
    caphealth_json_time(j, "collected_at", s->collected_at);
    caphealth_json_time(j, "attempted_at", s->attempted_at);
    caphealth_report_stale(j, "stale", s, now);
    caphealth_json_string(j, "error", s->error);
    caphealth_json_string(j, "error_code", s->error_code);
    caphealth_json_close_object(j);
}


static void
caphealth_report_images(caphealth_json_t *j, const char *name,
    const caphealth_images_facts_t *i, double now)
{
    const caphealth_images_t   *v = &i->value;
    const caphealth_section_t  *s = &i->section;

    caphealth_json_open_object(j, name);
    caphealth_json_count(j, "total_files", v->files);
    caphealth_json_amount(j, "total_size_mb", v->bytes, CAPHEALTH_MIB);
    caphealth_json_amount(j, "total_size_gb", v->bytes, CAPHEALTH_GIB);
    caphealth_json_count(j, "max_files_per_dir", v->max_files_per_dir);
    caphealth_json_count(j, "products_estimated", v->sets);
    caphealth_json_count(j, "total_bytes", v->bytes);
    caphealth_json_flag(j, "configured", s->configured);
    caphealth_json_time(j, "collected_at", s->collected_at);
    caphealth_report_stale(j, "stale", s, now);
    caphealth_json_string(j, "error", s->error);
    caphealth_images_roots(j, "roots", v);
    caphealth_json_string(j, "error_code", s->error_code);
    caphealth_json_close_object(j);
}


/* the six, and what follows them */

static void
caphealth_report_thresholds(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, const caphealth_policy_t *p,
    const caphealth_assessment_t *a, double now)
{
    size_t                        i;
    const char                   *path;
    caphealth_extra_t             e;
    const caphealth_threshold_t  *t;

    caphealth_json_open_array(j, name);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        t = &caphealth_thresholds[i];
        path = (i == CAPHEALTH_DISK_PERCENT && f->ndisks > 0)
               ? f->disks[0].path : NULL;

        caphealth_report_threshold(j, t->key, t->name, caphealth_unit_name(i),
                                   t->decimals, path, &a->checks[i]);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, f, p, now)) {
        caphealth_report_threshold(j, e.key, e.name, e.unit, e.decimals,
                                   e.path, &e.check);
    }

    caphealth_json_close_array(j);
}


static void
caphealth_report_threshold(caphealth_json_t *j, const char *key,
    const char *label, const char *unit, int decimals, const char *path,
    const caphealth_check_t *c)
{
    caphealth_json_open_object(j, NULL);
    caphealth_json_string(j, "name", label);
    caphealth_report_shown(j, "current", c->current, decimals);
    caphealth_json_number(j, "warning", c->bounds.warning);
    caphealth_json_number(j, "critical", c->bounds.critical);
    caphealth_json_number(j, "limit", c->bounds.limit);
    caphealth_json_string(j, "status", caphealth_check_name(c->status));
    caphealth_json_real(j, "percent_used", c->percent_used, 1);
    caphealth_json_string(j, "key", key);
    caphealth_json_string(j, "path", path);
    caphealth_json_string(j, "unit", unit[0] == '\0' ? "flag" : unit);
    caphealth_json_close_object(j);
}


static void
caphealth_report_tiers(caphealth_json_t *j, const char *name,
    const caphealth_policy_t *p)
{
    size_t  i;

    caphealth_json_open_array(j, name);

    for (i = 0; i < p->ntiers; i++) {
        caphealth_json_open_object(j, NULL);
        caphealth_json_string(j, "name", p->tiers[i].name);
        caphealth_json_count(j, "max_clients", p->tiers[i].max_clients);
        caphealth_json_count(j, "max_products", p->tiers[i].max_products);
        caphealth_json_close_object(j);
    }

    caphealth_json_close_array(j);
}


static void
caphealth_report_disks(caphealth_json_t *j, const char *name,
    const caphealth_facts_t *f, double now)
{
    size_t  i;

    caphealth_json_open_array(j, name);

    for (i = 0; i < f->ndisks; i++) {
        caphealth_report_disk(j, &f->disks[i], now);
    }

    caphealth_json_close_array(j);
}


static void
caphealth_report_disk(caphealth_json_t *j, const caphealth_disk_facts_t *d,
    double now)
{
    const caphealth_disk_t     *v = &d->value;
    const caphealth_section_t  *s = &d->section;

    caphealth_json_open_object(j, NULL);
    caphealth_json_string(j, "path", d->path);
    caphealth_json_real(j, "percent", caphealth_disk_usage(v), 1);
    caphealth_json_amount(j, "used_gb", v->used, CAPHEALTH_GIB);
    caphealth_json_amount(j, "total_gb", v->total, CAPHEALTH_GIB);
    caphealth_json_amount(j, "available_gb", v->available, CAPHEALTH_GIB);
    caphealth_json_real(j, "inodes_percent", caphealth_disk_inodes(v), 1);
    caphealth_json_flag(j, "read_only", v->read_only);
    caphealth_json_time(j, "collected_at", s->collected_at);
    caphealth_report_stale(j, "stale", s, now);
    caphealth_json_string(j, "error", s->error);
    caphealth_json_string(j, "error_code", s->error_code);
    caphealth_json_close_object(j);
}


/* the very number that is judged */

static void
caphealth_report_check(caphealth_json_t *j, const char *name,
    const caphealth_assessment_t *a, caphealth_threshold_e i)
{
    caphealth_report_shown(j, name, a->checks[i].current,
                           caphealth_thresholds[i].decimals);
}


static void
caphealth_report_shown(caphealth_json_t *j, const char *name, double x,
    int decimals)
{
    if (decimals == 0) {
        caphealth_json_number(j, name, x);
    } else {
        caphealth_json_real(j, name, x, decimals);
    }
}


/* null: there is nothing that could be */

static void
caphealth_report_stale(caphealth_json_t *j, const char *name,
    const caphealth_section_t *s, double now)
{
    caphealth_json_flag(j, name, s->collected_at > 0
                                 ? caphealth_section_stale(s, now) : -1);
}


/* null: nobody looks */

static void
caphealth_report_interval(caphealth_json_t *j, const char *name,
    const caphealth_section_t *s)
{
    caphealth_json_number(j, name, s->configured ? s->interval : NAN);
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


/* the older of t and the section's data, where 0 is none */

static double
caphealth_report_older(const caphealth_section_t *s, double t)
{
    if (!caphealth_section_known(s)) {
        return t;
    }

    return (t > 0) ? fmin(t, s->collected_at) : s->collected_at;
}
