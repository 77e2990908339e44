
/*
 * Facts: a section's text becomes a structure.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_facts.h"
#include "caphealth_fields.h"


static double caphealth_section_expires(const caphealth_section_t *s);


#define caphealth_stall_field(resource, share, name)                         \
    { "pressure." #resource "." #share "." #name, &caphealth_field_real,     \
      offsetof(caphealth_system_t, pressure_##resource.share.name) }

#define caphealth_stall_fields(resource, share)                              \
    caphealth_stall_field(resource, share, avg10),                           \
    caphealth_stall_field(resource, share, avg60),                           \
    caphealth_stall_field(resource, share, avg300),                          \
    caphealth_stall_field(resource, share, total)

#define caphealth_system_field(name, type)                                   \
    { #name, &caphealth_field_##type, offsetof(caphealth_system_t, name) }

#define caphealth_disk_field(name, type)                                     \
    { #name, &caphealth_field_##type, offsetof(caphealth_disk_t, name) }

#define caphealth_database_field(name, type)                                 \
    { #name, &caphealth_field_##type, offsetof(caphealth_database_t, name) }


static const caphealth_field_t  caphealth_system_fields[] = {
    caphealth_system_field(scope, text16),
    caphealth_system_field(cpu_percent, real),
    caphealth_system_field(cpu_mean, real),
    caphealth_system_field(cpu_converters, real),
    caphealth_system_field(cpu_seconds, real),
    caphealth_system_field(cores, real),
    caphealth_system_field(memory_total, count),
    caphealth_system_field(memory_used, count),
    caphealth_system_field(load1, real),
    caphealth_system_field(load5, real),
    caphealth_system_field(load15, real),
    caphealth_stall_fields(cpu, some),
    caphealth_stall_fields(cpu, full),
    caphealth_stall_fields(memory, some),
    caphealth_stall_fields(memory, full),
    caphealth_stall_fields(io, some),
    caphealth_stall_fields(io, full),
    { NULL, NULL, 0 }
};


static const caphealth_field_t  caphealth_disk_fields[] = {
    caphealth_disk_field(total, count),
    caphealth_disk_field(used, count),
    caphealth_disk_field(available, count),
    caphealth_disk_field(inodes, count),
    caphealth_disk_field(inodes_free, count),
    caphealth_disk_field(read_only, flag),
    caphealth_disk_field(device, text32),
    caphealth_disk_field(device_read_only, flag),
    { NULL, NULL, 0 }
};


static const caphealth_field_t  caphealth_database_fields[] = {
    caphealth_database_field(engine, text16),
    caphealth_database_field(version, text64),
    caphealth_database_field(size, count),
    caphealth_database_field(products_count, count),
    caphealth_database_field(orders_count, count),
    caphealth_database_field(vendors_count, count),
    caphealth_database_field(inventory_count, count),
    caphealth_database_field(orders_this_month, count),
    caphealth_database_field(active_vendors, count),
    { NULL, NULL, 0 }
};


void
caphealth_images_clear(caphealth_images_t *i)
{
    i->files = CAPHEALTH_UNKNOWN;
    i->bytes = CAPHEALTH_UNKNOWN;
    i->max_files_per_dir = CAPHEALTH_UNKNOWN;
    i->complete = CAPHEALTH_UNKNOWN;
}


void
caphealth_images_add(caphealth_images_t *i)
{
    size_t                   n;
    const caphealth_root_t  *root;

    caphealth_images_clear(i);

    for (n = 0; n < i->nroots; n++) {
        if (i->roots[n].source == NULL) {
            return;
        }
    }

    for (n = 0; n < i->nroots; n++) {
        root = &i->roots[n];

        if (n == 0) {
            i->files = 0;
            i->bytes = 0;
            i->max_files_per_dir = 0;
            i->complete = 0;
        }

        i->files += root->files;
        i->bytes += root->bytes;
        i->complete += root->complete;

        if (root->max_files > i->max_files_per_dir) {
            i->max_files_per_dir = root->max_files;
        }
    }
}


int
caphealth_system_parse(caphealth_system_t *s, const char *text, size_t len,
    char *err, size_t errlen)
{
    return caphealth_fields_parse(caphealth_system_fields, s, text, len,
                                  err, errlen);
}


int
caphealth_disk_parse(caphealth_disk_t *d, const char *text, size_t len,
    char *err, size_t errlen)
{
    return caphealth_fields_parse(caphealth_disk_fields, d, text, len,
                                  err, errlen);
}


int
caphealth_database_parse(caphealth_database_t *d, caphealth_vendors_t *v,
    const char *text, size_t len, char *err, size_t errlen)
{
    size_t       first;
    const char  *end, *wrong;

    end = memchr(text, '\n', len);
    first = (end == NULL) ? len : (size_t) (end - text);

    memset(v, 0, sizeof(caphealth_vendors_t));

    if (caphealth_fields_parse(caphealth_database_fields, d, text, first, err,
                               errlen)
        == -1)
    {
        return -1;
    }

    wrong = (end == NULL) ? NULL
            : caphealth_vendors_parse(v, end + 1, len - first - 1);

    if (wrong == NULL) {
        return 0;
    }

    caphealth_database_clear(d);
    (void) snprintf(err, errlen, "%s", wrong);

    return -1;
}


int
caphealth_section_reachable(const caphealth_section_t *s)
{
    return (s->configured && s->attempted_at > 0) ? !s->failed : -1;
}


int
caphealth_section_known(const caphealth_section_t *s)
{
    return s->configured && s->collected_at > 0;
}


int
caphealth_section_stale(const caphealth_section_t *s, double now)
{
    if (!caphealth_section_known(s)) {
        return 0;
    }

    return now > caphealth_section_expires(s)
           || s->collected_at - now > s->interval;
}


static double
caphealth_section_expires(const caphealth_section_t *s)
{
    return s->collected_at + CAPHEALTH_STALE_INTERVALS * s->interval;
}


const caphealth_section_t *
caphealth_facts_section(const caphealth_facts_t *f, size_t i)
{
    const caphealth_disk_facts_t  *disk;

    if (i == 0) {
        return &f->system.section;
    }

    if (i <= f->ndisks) {
        return &f->disks[i - 1].section;
    }

    switch (i - f->ndisks) {

    case 1:
        return &f->database.section;

    case 2:
        return &f->images.section;

    default:
        disk = caphealth_facts_mount(f, i - 3);

        return (disk == NULL) ? NULL : &disk->section;
    }
}


const caphealth_disk_facts_t *
caphealth_facts_mount(const caphealth_facts_t *f, size_t i)
{
    size_t                         n;
    const caphealth_disk_facts_t  *disk;

    if (i < f->ndisks) {
        return &f->disks[i];
    }

    i -= f->ndisks;

    for (n = 0; n < f->images.value.nroots; n++) {
        disk = f->images.value.roots[n].disk;

        if (disk == NULL || (disk >= f->disks && disk < f->disks + f->ndisks))
        {
            continue;
        }

        if (i-- == 0) {
            return disk;
        }
    }

    return NULL;
}


double
caphealth_facts_stale_at(const caphealth_facts_t *f, double now)
{
    size_t                      i;
    double                      at;
    const caphealth_section_t  *s;

    at = INFINITY;

    for (i = 0; (s = caphealth_facts_section(f, i)) != NULL; i++) {

        if (!caphealth_section_known(s) || caphealth_section_stale(s, now)) {
            continue;
        }

        at = fmin(at, caphealth_section_expires(s));
    }

    return at;
}
