
/*
 * Extra thresholds.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_number.h"


/* with fewer failed uploads the status is a warning at most */
#define CAPHEALTH_EXTRA_OUTAGE  3


static int caphealth_extra_disk(caphealth_extra_t *e,
    const caphealth_facts_t *f, const caphealth_policy_t *p, double now);
static int caphealth_extra_first_mount(const caphealth_facts_t *f, size_t i);
static int caphealth_extra_same_device(const caphealth_disk_facts_t *a,
    const caphealth_disk_facts_t *b);
static double caphealth_extra_read_only(const caphealth_extra_t *e,
    const caphealth_facts_t *f);
static int caphealth_extra_holds_root(const caphealth_facts_t *f,
    const caphealth_disk_facts_t *disk, int uploads);
static int caphealth_extra_watched(const caphealth_facts_t *f,
    const caphealth_disk_facts_t *disk);
static int caphealth_extra_upload_failures(caphealth_extra_t *e,
    const caphealth_facts_t *f);
static void caphealth_extra_evaluate(caphealth_extra_t *e, double current,
    const caphealth_bounds_t *b, double now);
static void caphealth_extra_set_names(caphealth_extra_t *e, const char *key);


int
caphealth_extra_next(caphealth_extra_t *e, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    for ( ;; ) {
        e->disk = caphealth_facts_mount(f, e->mount);

        if (e->disk == NULL) {
            e->kind = CAPHEALTH_EXTRA_UPLOADS;

            return e->next++ == CAPHEALTH_EXTRA_SPACE
                   && caphealth_extra_upload_failures(e, f);
        }

        e->kind = (caphealth_extra_e) e->next++;

        if (e->kind == CAPHEALTH_EXTRA_UPLOADS
            || !caphealth_extra_first_mount(f, e->mount))
        {
            e->next = CAPHEALTH_EXTRA_SPACE;
            e->mount++;
            continue;
        }

        if (caphealth_extra_disk(e, f, p, now)) {
            return 1;
        }
    }
}


static int
caphealth_extra_disk(caphealth_extra_t *e, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    double                     current;
    const caphealth_bounds_t  *b;

    e->section = &e->disk->section;
    e->path = e->disk->path;
    e->images = caphealth_extra_holds_root(f, e->disk, 0);
    e->watched = caphealth_extra_watched(f, e->disk);
    b = &p->bounds[CAPHEALTH_DISK_PERCENT];

    switch (e->kind) {

    case CAPHEALTH_EXTRA_SPACE:

        /* the space of the first disk is one of the six */

        if (e->mount == 0 && f->ndisks > 0) {
            return 0;
        }

        caphealth_extra_set_names(e, "disk_percent");
        current = caphealth_disk_usage(&e->disk->value);
        break;

    case CAPHEALTH_EXTRA_INODES:

        /* some file systems have no fixed number of them */

        if (!caphealth_section_known(e->section)
            || e->disk->value.inodes <= 0)
        {
            return 0;
        }

        caphealth_extra_set_names(e, "inodes_percent");
        current = caphealth_disk_inodes(&e->disk->value);
        break;

    default: /* CAPHEALTH_EXTRA_READ_ONLY */

        if (!caphealth_section_known(e->section)
            || e->disk->value.read_only == -1)
        {
            return 0;
        }

        caphealth_extra_set_names(e, "read_only");
        current = caphealth_extra_read_only(e, f);
        b = &e->measure->bounds;
        break;
    }

    caphealth_extra_evaluate(e, current, b, now);

    if (e->kind != CAPHEALTH_EXTRA_READ_ONLY
        && p->off[CAPHEALTH_DISK_PERCENT])
    {
        e->check.status = CAPHEALTH_NOT_CONFIGURED;
    }

    return 1;
}


/* whether no disk before it is on the same file system */

static int
caphealth_extra_first_mount(const caphealth_facts_t *f, size_t i)
{
    size_t  n;

    for (n = 0; n < i; n++) {
        if (caphealth_extra_same_device(caphealth_facts_mount(f, n),
                                 caphealth_facts_mount(f, i)))
        {
            return 0;
        }
    }

    return 1;
}


static int
caphealth_extra_same_device(const caphealth_disk_facts_t *a,
    const caphealth_disk_facts_t *b)
{
    const char  *device;

    device = a->value.device;

    return a == b
           || (device[0] != '\0' && strcmp(device, b->value.device) == 0);
}


/*
 * A tree that takes uploads must be writable.  A mount that is only watched may
 * be read-only on purpose, as in a container or a hardened unit, so there only
 * the file system itself counts, which the kernel makes read-only when its disk
 * fails.  A tree that is only served may be on such a file system on purpose.
 */

static double
caphealth_extra_read_only(const caphealth_extra_t *e,
    const caphealth_facts_t *f)
{
    if (caphealth_extra_holds_root(f, e->disk, 1)) {
        return e->disk->value.read_only == 1;
    }

    return !e->images && e->disk->value.device_read_only == 1;
}


static int
caphealth_extra_holds_root(const caphealth_facts_t *f,
    const caphealth_disk_facts_t *disk, int uploads)
{
    size_t                   i;
    const caphealth_root_t  *root;

    for (i = 0; i < f->images.value.nroots; i++) {
        root = &f->images.value.roots[i];

        if (root->disk != NULL && caphealth_extra_same_device(root->disk, disk)
            && (root->uploads || !uploads))
        {
            return 1;
        }
    }

    return 0;
}


static int
caphealth_extra_watched(const caphealth_facts_t *f,
    const caphealth_disk_facts_t *disk)
{
    size_t  i;

    for (i = 0; i < f->ndisks; i++) {
        if (caphealth_extra_same_device(&f->disks[i], disk)) {
            return 1;
        }
    }

    return 0;
}


/* without any uploads their share is unknown, and the status is ok */

static int
caphealth_extra_upload_failures(caphealth_extra_t *e,
    const caphealth_facts_t *f)
{
    int64_t  failures, all;

    if (!f->uploads.section.configured) {
        return 0;
    }

    failures = caphealth_upload_failures(f);
    all = failures + f->uploads.stored;

    e->section = &f->uploads.section;
    e->path = NULL;
    e->images = 0;
    e->watched = 0;
    caphealth_extra_set_names(e, "upload_failures_percent");

    e->check.bounds = e->measure->bounds;
    e->check.current = caphealth_round(caphealth_share(failures, all), 1);
    e->check.percent_used = e->check.current;
    e->check.status = CAPHEALTH_OK;

    if (e->check.current >= e->check.bounds.critical
        && failures >= CAPHEALTH_EXTRA_OUTAGE)
    {
        e->check.status = CAPHEALTH_CRITICAL;

    } else if (e->check.current >= e->check.bounds.warning) {
        e->check.status = CAPHEALTH_WARNING;
    }

    return 1;
}


int
caphealth_extra_has_images(const caphealth_facts_t *f,
    const caphealth_disk_facts_t *disk)
{
    return caphealth_extra_holds_root(f, disk, 0);
}


int64_t
caphealth_upload_failures(const caphealth_facts_t *f)
{
    return f->uploads.full + f->uploads.busy + f->uploads.away
           + f->uploads.failed;
}


static void
caphealth_extra_evaluate(caphealth_extra_t *e, double current,
    const caphealth_bounds_t *b, double now)
{
    if (!caphealth_section_known(e->section)) {
        current = NAN;
    }

    e->check.bounds = *b;

    caphealth_check_evaluate(&e->check, current, e->measure->decimals,
                             e->section, now);
}


static void
caphealth_extra_set_names(caphealth_extra_t *e, const char *key)
{
    const char  *name, *path;

    e->measure = caphealth_measure_by_key(key);
    name = e->measure->label;

    if (e->disk == NULL) {
        (void) snprintf(e->key, sizeof(e->key), "%s", key);
        (void) snprintf(e->name, sizeof(e->name), "%s", name);
        return;
    }

    path = (e->path == NULL) ? "" : e->path;

    (void) snprintf(e->key, sizeof(e->key), "%s:%s", key, path);
    (void) snprintf(e->name, sizeof(e->name), "%s: %s", name, path);
}


int
caphealth_extra_disk_critical(caphealth_extra_t *e,
    const caphealth_facts_t *f, const caphealth_policy_t *p, double now,
    int images)
{
    memset(e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(e, f, p, now)) {

        if (e->kind != CAPHEALTH_EXTRA_UPLOADS
            && e->check.status == CAPHEALTH_CRITICAL
            && (images ? e->images : e->watched))
        {
            return 1;
        }
    }

    return 0;
}


char *
caphealth_extra_reason(char *buf, const caphealth_extra_t *e,
    const caphealth_facts_t *f, double now)
{
    int  n;

    if (!caphealth_check_reason(buf, &e->check, e->section, now)) {
        return buf;
    }

    switch (e->kind) {

    case CAPHEALTH_EXTRA_READ_ONLY:
        (void) snprintf(buf, CAPHEALTH_REASON_LEN, "read-only");
        break;

    case CAPHEALTH_EXTRA_UPLOADS:
        n = snprintf(buf, CAPHEALTH_REASON_LEN,
                     "%.0f of %.0f uploads in %.0f minutes failed, "
                     "%.0f for want of room, %.0f of a converter",
                     (double) caphealth_upload_failures(f),
                     (double) (caphealth_upload_failures(f)
                               + f->uploads.stored),
                     f->uploads.seconds / 60, (double) f->uploads.full,
                     (double) f->uploads.busy);

        if (f->uploads.away && n > 0 && n < CAPHEALTH_REASON_LEN) {
            (void) snprintf(buf + n, (size_t) (CAPHEALTH_REASON_LEN - n),
                            ", %.0f of the object store",
                            (double) f->uploads.away);
        }

        break;

    default:
        (void) snprintf(buf, CAPHEALTH_REASON_LEN,
                        "%s%.1f percent, %s from %.15g percent",
                        e->kind == CAPHEALTH_EXTRA_INODES ? "inodes " : "",
                        e->check.current,
                        caphealth_check_name(e->check.status),
                        caphealth_check_bound(&e->check));
        break;
    }

    return buf;
}
