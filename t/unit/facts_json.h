
/*
 * For tests and probes: the facts of a source as JSON, member by member.
 */

#ifndef FACTS_JSON_H
#define FACTS_JSON_H


#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "caphealth_source.h"


/* what a source has answered; data is NULL, or to be json_decref()ed */

typedef struct {
    json_t             *data;
    caphealth_error_t   error;
} seen_t;


static inline json_t *
real_json(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}


static inline json_t *
count_json(int64_t n)
{
    return n == CAPHEALTH_UNKNOWN ? json_null() : json_integer(n);
}


static inline json_t *
flag_json(int flag)
{
    return flag == -1 ? json_null() : json_boolean(flag);
}


static inline json_t *
stall_json(const caphealth_stall_t *s)
{
    if (isnan(s->avg10)) {
        return json_null();
    }

    return json_pack("{s:o, s:o, s:o, s:o}",
                     "avg10", real_json(s->avg10),
                     "avg60", real_json(s->avg60),
                     "avg300", real_json(s->avg300),
                     "total", real_json(s->total));
}


static inline json_t *
pressure_json(const caphealth_pressure_t *p)
{
    if (isnan(p->some.avg10) && isnan(p->full.avg10)) {
        return json_null();
    }

    return json_pack("{s:o, s:o}", "some", stall_json(&p->some),
                     "full", stall_json(&p->full));
}


static inline json_t *
system_json(const caphealth_system_t *s)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
                     " s:o, s:{s:o, s:o, s:o}}",
                     "scope", s->scope,
                     "cpu_percent", real_json(s->cpu_percent),
                     "cores", real_json(s->cores),
                     "memory_total", count_json(s->memory_total),
                     "memory_used", count_json(s->memory_used),
                     "swap_total", count_json(s->swap_total),
                     "swap_used", count_json(s->swap_used),
                     "uptime", real_json(s->uptime),
                     "load1", real_json(s->load1),
                     "load5", real_json(s->load5),
                     "load15", real_json(s->load15),
                     "pressure",
                     "cpu", pressure_json(&s->pressure_cpu),
                     "memory", pressure_json(&s->pressure_memory),
                     "io", pressure_json(&s->pressure_io));
}


static inline json_t *
disk_json(const caphealth_disk_t *d)
{
    json_t  *disk;

    disk = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}",
                     "total", count_json(d->total),
                     "used", count_json(d->used),
                     "available", count_json(d->available),
                     "inodes", count_json(d->inodes),
                     "inodes_free", count_json(d->inodes_free),
                     "read_only", flag_json(d->read_only));

    if (d->device[0] != '\0') {
        (void) json_object_set_new(disk, "device", json_string(d->device));
    }

    if (d->device_read_only != -1) {
        (void) json_object_set_new(disk, "device_read_only",
                                   flag_json(d->device_read_only));
    }

    return disk;
}


/* vendors: an array of [name, products, id], as they are in the list */

static inline json_t *
database_json(const caphealth_database_t *d, const char *text)
{
    json_t      *vendors, *line;
    const char  *p, *end;

    vendors = (text == NULL) ? json_null() : json_array();

    for (p = (text == NULL) ? "" : text + d->names_len + 1;
         *p != '\0';
         p = end + 1)
    {
        end = strchr(p, '\n');
        line = json_loadb(p, (size_t) (end - p), 0, NULL);

        (void) json_array_append_new(vendors,
                                     json_pack("[O, O, O]",
                                               json_array_get(line, 1),
                                               json_array_get(line, 2),
                                               json_array_get(line, 0)));
        json_decref(line);
    }

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "engine", d->engine,
                     "version", d->version,
                     "size", count_json(d->size),
                     "products_count", count_json(d->products_count),
                     "orders_count", count_json(d->orders_count),
                     "vendors_count", count_json(d->vendors_count),
                     "inventory_count", count_json(d->inventory_count),
                     "orders_this_month", count_json(d->orders_this_month),
                     "active_vendors", count_json(d->active_vendors),
                     "vendors", vendors);
}


/* one look of each kind, of which a worker takes the answer */

static inline void
see_host(caphealth_host_t *h, seen_t *seen, caphealth_answer_t *a)
{
    memset(a, 0, sizeof(caphealth_answer_t));
    a->source = CAPHEALTH_SOURCE_SYSTEM;

    caphealth_host_collect(h, a);

    seen->data = a->known ? system_json(&a->facts.system) : NULL;
    seen->error = a->error;
}


static inline void
see_disk(const char *path, seen_t *seen, caphealth_answer_t *a)
{
    memset(a, 0, sizeof(caphealth_answer_t));
    a->source = CAPHEALTH_SOURCE_DISK;

    caphealth_disk_collect(path, a);

    seen->data = a->known ? disk_json(&a->facts.disk) : NULL;
    seen->error = a->error;
}


static inline const char *
see_database(caphealth_db_t *db, seen_t *seen, caphealth_answer_t *a)
{
    const char  *vendors;

    memset(a, 0, sizeof(caphealth_answer_t));
    a->source = CAPHEALTH_SOURCE_DATABASE;

    vendors = caphealth_db_collect(db, a);

    seen->data = a->known ? database_json(&a->facts.database, vendors) : NULL;
    seen->error = a->error;

    return vendors;
}


#endif /* FACTS_JSON_H */
