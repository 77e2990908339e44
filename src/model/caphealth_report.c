
/*
 * Report: the health and the capacity document.
 *
 * Each object is a table of its members, in the order in which a client sees
 * them.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_advice.h"
#include "caphealth_extra.h"
#include "caphealth_images.h"
#include "caphealth_json.h"
#include "caphealth_number.h"
#include "caphealth_reason.h"
#include "caphealth_report.h"


#define caphealth_count_of(list)  (sizeof(list) / sizeof((list)[0]))

#define caphealth_object(members)                                            \
    caphealth_json_object((members), caphealth_count_of(members))

#define caphealth_array(values)                                              \
    caphealth_json_array((values), caphealth_count_of(values))


static json_t *caphealth_report_system(const caphealth_facts_t *f,
    const caphealth_assessment_t *a, double now);
static json_t *caphealth_report_load(const caphealth_system_t *s);
static json_t *caphealth_report_pressures(const caphealth_system_t *s);
static json_t *caphealth_report_pressure(const caphealth_pressure_t *p);
static json_t *caphealth_report_stall(const caphealth_stall_t *s);
static json_t *caphealth_report_known(json_t *object);
static json_t *caphealth_report_database(const caphealth_database_facts_t *d,
    double now);
static json_t *caphealth_report_images(const caphealth_images_facts_t *i,
    double now);
static json_t *caphealth_report_tiers(const caphealth_policy_t *p);
static json_t *caphealth_report_thresholds(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_assessment_t *a, double now);
static json_t *caphealth_report_threshold(const char *key, const char *name,
    const char *unit, int decimals, const char *path,
    const caphealth_check_t *c);
static json_t *caphealth_report_disks(const caphealth_facts_t *f, double now);
static json_t *caphealth_report_disk(const caphealth_disk_facts_t *d,
    double now);
static char *caphealth_report_splice(char *text, size_t *len,
    const char *spliced, size_t spliced_len);
static json_t *caphealth_report_capacity_members(const caphealth_facts_t *f,
    double now, const char *name, json_t *vendors);

static json_t *caphealth_report_check(const caphealth_assessment_t *a,
    caphealth_threshold_e i);
static json_t *caphealth_report_shown(double x, int decimals);
static json_t *caphealth_report_stale(const caphealth_section_t *s,
    double now);
static json_t *caphealth_report_interval(const caphealth_section_t *s);
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
    return caphealth_json_text(caphealth_report_health_document(f, p, now),
                               len);
}


json_t *
caphealth_report_health_document(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    caphealth_assessment_t         judged;
    const caphealth_tier_t        *tier;
    const caphealth_assessment_t  *a = &judged;

    caphealth_assess(&judged, f, p, now);

    tier = a->tier;

    caphealth_member_t  members[] = {
        { "system", caphealth_report_system(f, a, now) },
        { "database", caphealth_report_database(&f->database, now) },
        { "image_storage", caphealth_report_images(&f->images, now) },
        { "thresholds", caphealth_report_thresholds(f, p, a, now) },
        { "overall_status",
          json_string(caphealth_overall_name(a->overall)) },
        { "recommendations", caphealth_advice(f, p, a, now) },
        { "infrastructure_tier",
          caphealth_json_string(tier == NULL ? NULL : tier->name) },
        { "next_tier_trigger", caphealth_advice_trigger(f, p, tier) },
        { "tiers", caphealth_report_tiers(p) },
        { "disks", caphealth_report_disks(f, now) },
        { "stale", caphealth_report_stale(&f->system.section, now) },
        { "timestamp", caphealth_json_time(caphealth_report_newest(f)) },
        { "host", caphealth_json_string(f->node) },
        { "version", caphealth_json_string(f->version) },
        { "refresh_seconds",
          caphealth_report_interval(&f->system.section) }
    };

    return caphealth_object(members);
}


/* true stands for the vendors, whose text is there already */

char *
caphealth_report_capacity(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len)
{
    char                       *text;
    size_t                      n;
    json_t                     *document;
    const caphealth_vendors_t  *v = &f->database.vendors;

    (void) p;

    n = 0;
    document = caphealth_report_capacity_members(f, now, "products_by_vendor",
                                                 v->text == NULL ? json_null()
                                                                 : json_true());
    text = caphealth_json_text(document, &n);

    if (text != NULL && v->text != NULL) {
        text = caphealth_report_splice(text, &n, v->text, v->len);
    }

    *len = n;

    return text;
}


char *
caphealth_report_vendors(const caphealth_facts_t *f, double now,
    const caphealth_vendor_t *after, size_t limit, size_t *len)
{
    int                         rc;
    char                       *text, *page, *next;
    size_t                      n;
    json_t                     *document;
    const caphealth_vendors_t  *v = &f->database.vendors;

    page = next = NULL;

    if (v->list != NULL) {
        page = caphealth_vendors_page(v, after, limit, &next);

        if (page == NULL) {
            return NULL;
        }
    }

    document = caphealth_report_capacity_members(f, now, "vendors",
                                                 page == NULL ? json_null()
                                                              : json_true());

    rc = json_object_set_new(document, "vendors_total",
                             caphealth_json_count(page == NULL
                                                  ? CAPHEALTH_UNKNOWN
                                                  : (int64_t) v->list_n));
    rc |= json_object_set_new(document, "vendors_next",
                              caphealth_json_string(next));

    if (rc != 0) {
        json_decref(document);
        document = NULL;
    }

    n = 0;
    text = caphealth_json_text(document, &n);

    if (text != NULL && page != NULL) {
        text = caphealth_report_splice(text, &n, page, strlen(page));
    }

    free(page);
    free(next);

    *len = n;

    return text;
}


/* takes the text; the first "true" in it is that of the vendors */

static char *
caphealth_report_splice(char *text, size_t *len, const char *spliced,
    size_t spliced_len)
{
    char    *whole, *p;
    size_t   before, after;

    static const char  stand_in[] = "true";

    before = (size_t) (strstr(text, stand_in) - text);
    after = *len - before - (sizeof(stand_in) - 1);

    whole = malloc(before + spliced_len + after + 1);

    if (whole != NULL) {
        p = mempcpy(whole, text, before);
        p = mempcpy(p, spliced, spliced_len);
        memcpy(p, text + *len - after, after + 1);

        *len = before + spliced_len + after;
    }

    free(text);

    return whole;
}


json_t *
caphealth_report_capacity_document(const caphealth_facts_t *f, double now,
    size_t n)
{
    return caphealth_report_capacity_members(f, now, "products_by_vendor",
               caphealth_vendors_first(&f->database.vendors, n));
}


static json_t *
caphealth_report_capacity_members(const caphealth_facts_t *f, double now,
    const char *name, json_t *vendors)
{
    const caphealth_images_t    *i = &f->images.value;
    const caphealth_section_t   *s = &f->database.section;
    const caphealth_database_t  *d = &f->database.value;

    caphealth_member_t  members[] = {
        { "products_total", caphealth_json_count(d->products_count) },
        { name, vendors },
        { "images_total", caphealth_json_count(i->files) },
        { "storage_used_gb", caphealth_json_amount(i->bytes, CAPHEALTH_GIB) },
        { "database_size_mb", caphealth_json_amount(d->size, CAPHEALTH_MIB) },
        { "orders_this_month", caphealth_json_count(d->orders_this_month) },
        { "active_vendors", caphealth_json_count(d->active_vendors) },
        { "collected_at", caphealth_json_time(s->collected_at) },
        { "stale", caphealth_report_stale(s, now) },
        { "error", caphealth_json_string(s->error) },
        { "configured", json_boolean(s->configured) },
        { "host", caphealth_json_string(f->node) },
        { "version", caphealth_json_string(f->version) },
        { "refresh_seconds", caphealth_report_interval(s) },
        { "error_code", caphealth_json_string(s->error_code) }
    };

    return caphealth_object(members);
}


static json_t *
caphealth_report_system(const caphealth_facts_t *f,
    const caphealth_assessment_t *a, double now)
{
    const caphealth_disk_t     *d = f->ndisks == 0 ? &caphealth_no_disk
                                                    : &f->disks[0].value;
    const caphealth_system_t   *v = &f->system.value;
    const caphealth_section_t  *s = &f->system.section;

    caphealth_member_t  members[] = {
        { "cpu_percent", caphealth_json_real(caphealth_section_known(s)
                                             ? v->cpu_percent : NAN, 1) },
        { "memory_percent",
          caphealth_report_check(a, CAPHEALTH_MEMORY_PERCENT) },
        { "memory_used_gb",
          caphealth_json_amount(v->memory_used, CAPHEALTH_GIB) },
        { "memory_total_gb",
          caphealth_json_amount(v->memory_total, CAPHEALTH_GIB) },
        { "disk_percent", caphealth_report_check(a, CAPHEALTH_DISK_PERCENT) },
        { "disk_used_gb", caphealth_json_amount(d->used, CAPHEALTH_GIB) },
        { "disk_total_gb", caphealth_json_amount(d->total, CAPHEALTH_GIB) },
        { "scope", caphealth_json_string(caphealth_known(v->scope)) },
        { "cores", caphealth_json_number(caphealth_round(v->cores, 2)) },
        { "load_average", caphealth_report_load(v) },
        { "pressure", caphealth_report_pressures(v) },
        { "cpu_mean_percent",
          caphealth_report_check(a, CAPHEALTH_CPU_PERCENT) },
        { "cpu_converters_percent",
          caphealth_json_real(v->cpu_converters, 1) },
        { "cpu_mean_seconds",
          caphealth_json_number(caphealth_round(v->cpu_seconds, 0)) },
        { "collected_at", caphealth_json_time(s->collected_at) },
        { "stale", caphealth_report_stale(s, now) },
        { "error", caphealth_json_string(s->error) },
        { "error_code", caphealth_json_string(s->error_code) }
    };

    return caphealth_object(members);
}


static json_t *
caphealth_report_load(const caphealth_system_t *s)
{
    json_t  *values[] = {
        caphealth_json_real(s->load1, 2),
        caphealth_json_real(s->load5, 2),
        caphealth_json_real(s->load15, 2)
    };

    return caphealth_array(values);
}


static json_t *
caphealth_report_pressures(const caphealth_system_t *s)
{
    caphealth_member_t  members[] = {
        { "cpu", caphealth_report_pressure(&s->pressure_cpu) },
        { "memory", caphealth_report_pressure(&s->pressure_memory) },
        { "io", caphealth_report_pressure(&s->pressure_io) }
    };

    return caphealth_object(members);
}


static json_t *
caphealth_report_pressure(const caphealth_pressure_t *p)
{
    caphealth_member_t  members[] = {
        { "some", caphealth_report_stall(&p->some) },
        { "full", caphealth_report_stall(&p->full) }
    };

    return caphealth_report_known(caphealth_object(members));
}


static json_t *
caphealth_report_stall(const caphealth_stall_t *s)
{
    caphealth_member_t  members[] = {
        { "avg10", caphealth_json_real(s->avg10, 2) },
        { "avg60", caphealth_json_real(s->avg60, 2) },
        { "avg300", caphealth_json_real(s->avg300, 2) },
        { "total_seconds", caphealth_json_real(s->total, 3) }
    };

    return caphealth_report_known(caphealth_object(members));
}


/* an object that knows nothing is itself unknown; takes the object */

static json_t *
caphealth_report_known(json_t *object)
{
    void  *member;

    for (member = json_object_iter(object);
         member != NULL;
         member = json_object_iter_next(object, member))
    {
        if (!json_is_null(json_object_iter_value(member))) {
            return object;
        }
    }

    if (object == NULL) {
        return NULL;
    }

    json_decref(object);

    return json_null();
}


static json_t *
caphealth_report_database(const caphealth_database_facts_t *d, double now)
{
    const caphealth_section_t   *s = &d->section;
    const caphealth_database_t  *v = &d->value;

    caphealth_member_t  members[] = {
        { "size_mb", caphealth_json_amount(v->size, CAPHEALTH_MIB) },
        { "products_count", caphealth_json_count(v->products_count) },
        { "orders_count", caphealth_json_count(v->orders_count) },
        { "vendors_count", caphealth_json_count(v->vendors_count) },
        { "inventory_count", caphealth_json_count(v->inventory_count) },
        { "size_bytes", caphealth_json_count(v->size) },
        { "engine", caphealth_json_string(caphealth_known(v->engine)) },
        { "version", caphealth_json_string(caphealth_known(v->version)) },
        { "configured", json_boolean(s->configured) },
        { "reachable", caphealth_json_flag(caphealth_section_reachable(s)) },
        { "collected_at", caphealth_json_time(s->collected_at) },
        { "attempted_at", caphealth_json_time(s->attempted_at) },
        { "stale", caphealth_report_stale(s, now) },
        { "error", caphealth_json_string(s->error) },
        { "error_code", caphealth_json_string(s->error_code) }
    };

    return caphealth_object(members);
}


static json_t *
caphealth_report_images(const caphealth_images_facts_t *i, double now)
{
    const caphealth_images_t   *v = &i->value;
    const caphealth_section_t  *s = &i->section;

    caphealth_member_t  members[] = {
        { "total_files", caphealth_json_count(v->files) },
        { "total_size_mb", caphealth_json_amount(v->bytes, CAPHEALTH_MIB) },
        { "total_size_gb", caphealth_json_amount(v->bytes, CAPHEALTH_GIB) },
        { "max_files_per_dir", caphealth_json_count(v->max_files_per_dir) },
        { "products_estimated", caphealth_json_count(v->sets) },
        { "total_bytes", caphealth_json_count(v->bytes) },
        { "configured", json_boolean(s->configured) },
        { "collected_at", caphealth_json_time(s->collected_at) },
        { "stale", caphealth_report_stale(s, now) },
        { "error", caphealth_json_string(s->error) },
        { "roots", caphealth_images_roots(v) },
        { "error_code", caphealth_json_string(s->error_code) }
    };

    return caphealth_object(members);
}


/* the six, and what follows them */

static json_t *
caphealth_report_thresholds(const caphealth_facts_t *f,
    const caphealth_policy_t *p, const caphealth_assessment_t *a, double now)
{
    int                           rc;
    size_t                        i;
    json_t                       *list;
    const char                   *path;
    caphealth_extra_t             e;
    const caphealth_threshold_t  *t;

    rc = 0;
    list = json_array();

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        t = &caphealth_thresholds[i];
        path = (i == CAPHEALTH_DISK_PERCENT && f->ndisks > 0)
               ? f->disks[0].path : NULL;

        rc |= json_array_append_new(list,
                  caphealth_report_threshold(t->key, t->name,
                                             caphealth_unit_name(i),
                                             t->decimals, path,
                                             &a->checks[i]));
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, f, p, now)) {
        rc |= json_array_append_new(list,
                  caphealth_report_threshold(e.key, e.name, e.unit,
                                             e.decimals, e.path, &e.check));
    }

    if (rc != 0) {
        json_decref(list);
        return NULL;
    }

    return list;
}


static json_t *
caphealth_report_threshold(const char *key, const char *name,
    const char *unit, int decimals, const char *path,
    const caphealth_check_t *c)
{
    caphealth_member_t  members[] = {
        { "name", caphealth_json_string(name) },
        { "current", caphealth_report_shown(c->current, decimals) },
        { "warning", caphealth_json_number(c->bounds.warning) },
        { "critical", caphealth_json_number(c->bounds.critical) },
        { "limit", caphealth_json_number(c->bounds.limit) },
        { "status", json_string(caphealth_check_name(c->status)) },
        { "percent_used", caphealth_json_real(c->percent_used, 1) },
        { "key", caphealth_json_string(key) },
        { "path", caphealth_json_string(path) },
        { "unit", caphealth_json_string(unit[0] == '\0' ? "flag" : unit) }
    };

    return caphealth_object(members);
}


static json_t *
caphealth_report_tiers(const caphealth_policy_t *p)
{
    int      rc;
    size_t   i;
    json_t  *tiers;

    rc = 0;
    tiers = json_array();

    for (i = 0; i < p->ntiers; i++) {
        caphealth_member_t  members[] = {
            { "name", caphealth_json_string(p->tiers[i].name) },
            { "max_clients", caphealth_json_count(p->tiers[i].max_clients) },
            { "max_products", caphealth_json_count(p->tiers[i].max_products) }
        };

        rc |= json_array_append_new(tiers, caphealth_object(members));
    }

    if (rc != 0) {
        json_decref(tiers);
        return NULL;
    }

    return tiers;
}


static json_t *
caphealth_report_disks(const caphealth_facts_t *f, double now)
{
    int      rc;
    size_t   i;
    json_t  *disks;

    rc = 0;
    disks = json_array();

    for (i = 0; i < f->ndisks; i++) {
        rc |= json_array_append_new(disks,
                                    caphealth_report_disk(&f->disks[i], now));
    }

    if (rc != 0) {
        json_decref(disks);
        return NULL;
    }

    return disks;
}


static json_t *
caphealth_report_disk(const caphealth_disk_facts_t *d, double now)
{
    const caphealth_disk_t     *v = &d->value;
    const caphealth_section_t  *s = &d->section;

    caphealth_member_t  members[] = {
        { "path", caphealth_json_string(d->path) },
        { "percent", caphealth_json_real(caphealth_disk_usage(v), 1) },
        { "used_gb", caphealth_json_amount(v->used, CAPHEALTH_GIB) },
        { "total_gb", caphealth_json_amount(v->total, CAPHEALTH_GIB) },
        { "available_gb",
          caphealth_json_amount(v->available, CAPHEALTH_GIB) },
        { "inodes_percent",
          caphealth_json_real(caphealth_disk_inodes(v), 1) },
        { "read_only", caphealth_json_flag(v->read_only) },
        { "collected_at", caphealth_json_time(s->collected_at) },
        { "stale", caphealth_report_stale(s, now) },
        { "error", caphealth_json_string(s->error) },
        { "error_code", caphealth_json_string(s->error_code) }
    };

    return caphealth_object(members);
}


/* the very number that is judged */

static json_t *
caphealth_report_check(const caphealth_assessment_t *a,
    caphealth_threshold_e i)
{
    return caphealth_report_shown(a->checks[i].current,
                                  caphealth_thresholds[i].decimals);
}


static json_t *
caphealth_report_shown(double x, int decimals)
{
    return (decimals == 0) ? caphealth_json_number(x)
                           : caphealth_json_real(x, decimals);
}


/* null: there is nothing that could be */

static json_t *
caphealth_report_stale(const caphealth_section_t *s, double now)
{
    if (!(s->collected_at > 0)) {
        return json_null();
    }

    return json_boolean(caphealth_section_stale(s, now));
}


/* null: nobody looks */

static json_t *
caphealth_report_interval(const caphealth_section_t *s)
{
    return caphealth_json_number(s->configured ? s->interval : NAN);
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
