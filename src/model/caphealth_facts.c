
/*
 * Facts: sections, their ages, and the image trees added up.
 */

#include <math.h>

#include "caphealth_facts.h"


static double caphealth_section_expires(const caphealth_section_t *s);


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
    return s->collected_at + CAPHEALTH_STALE_INTERVALS * s->interval + s->way;
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

    s = &f->fleet.section;
    at = (caphealth_section_known(s) && !caphealth_section_stale(s, now))
         ? caphealth_section_expires(s) : INFINITY;

    for (i = 0; (s = caphealth_facts_section(f, i)) != NULL; i++) {

        if (!caphealth_section_known(s) || caphealth_section_stale(s, now)) {
            continue;
        }

        at = fmin(at, caphealth_section_expires(s));
    }

    return at;
}
