
/*
 * Readiness.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_ready.h"
#include "caphealth_status.h"


static int caphealth_ready_check(char *buf, caphealth_ready_e i,
    const caphealth_evaluation_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);
static int caphealth_ready_file_system(char *buf, caphealth_ready_e i,
    const caphealth_evaluation_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);
static int caphealth_ready_section(char *buf, const caphealth_section_t *s,
    double now);
static int caphealth_ready_disks(char *buf, const caphealth_facts_t *f,
    double now);


const char *const  caphealth_ready_names[CAPHEALTH_READY_CHECKS] = {
    [CAPHEALTH_READY_FRESH] = "fresh",
    [CAPHEALTH_READY_CPU] = "cpu",
    [CAPHEALTH_READY_MEMORY] = "memory",
    [CAPHEALTH_READY_DISK] = "disk",
    [CAPHEALTH_READY_IMAGES] = "images",
    [CAPHEALTH_READY_DATABASE] = "database",
    [CAPHEALTH_READY_PRODUCTS] = "products",
    [CAPHEALTH_READY_DATABASE_SIZE] = "database_size"
};


/* CAPHEALTH_THRESHOLDS: it has none */

static const caphealth_threshold_e
    caphealth_ready_thresholds[CAPHEALTH_READY_CHECKS] =
{
    [CAPHEALTH_READY_FRESH] = CAPHEALTH_THRESHOLDS,
    [CAPHEALTH_READY_CPU] = CAPHEALTH_CPU_PERCENT,
    [CAPHEALTH_READY_MEMORY] = CAPHEALTH_MEMORY_PERCENT,
    [CAPHEALTH_READY_DISK] = CAPHEALTH_DISK_PERCENT,
    [CAPHEALTH_READY_IMAGES] = CAPHEALTH_STORAGE_GB,
    [CAPHEALTH_READY_DATABASE] = CAPHEALTH_THRESHOLDS,
    [CAPHEALTH_READY_PRODUCTS] = CAPHEALTH_PRODUCTS_TOTAL,
    [CAPHEALTH_READY_DATABASE_SIZE] = CAPHEALTH_DB_SIZE_MB
};


int
caphealth_ready(caphealth_ready_t *r, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    int                     i;
    char                    buf[CAPHEALTH_REASON_LEN];
    caphealth_evaluation_t  a;

    memset(r, 0, sizeof(caphealth_ready_t));

    caphealth_evaluate(&a, f, p, now);

    for (i = 0; i < CAPHEALTH_READY_CHECKS; i++) {

        if (caphealth_ready_check(buf, (caphealth_ready_e) i, &a, f, p,
                                  now))
        {
            r->failed |= caphealth_ready_bit(i);
        }

        r->reasons[i] = strdup(buf);

        if (r->reasons[i] == NULL) {
            caphealth_ready_free(r);
            return -1;
        }
    }

    return 0;
}


void
caphealth_ready_free(caphealth_ready_t *r)
{
    int  i;

    for (i = 0; i < CAPHEALTH_READY_CHECKS; i++) {
        free(r->reasons[i]);
        r->reasons[i] = NULL;
    }
}


static int
caphealth_ready_check(char *buf, caphealth_ready_e i,
    const caphealth_evaluation_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    int                         failed;
    caphealth_threshold_e       threshold;
    const caphealth_section_t  *s;

    threshold = caphealth_ready_thresholds[i];

    if (threshold == CAPHEALTH_THRESHOLDS) {
        s = (i == CAPHEALTH_READY_DATABASE) ? &f->database.section
                                            : &f->system.section;

        failed = caphealth_ready_section(buf, s, now);

        return failed || (i == CAPHEALTH_READY_DATABASE && s->configured
                          && s->attempted_at > 0 && s->failed);
    }

    (void) caphealth_reason_check(buf, a, threshold, f, now);

    if (a->checks[threshold].status == CAPHEALTH_CRITICAL) {
        return 1;
    }

    s = caphealth_threshold_section(threshold, f);

    if (!s->configured) {
        (void) snprintf(buf, CAPHEALTH_REASON_LEN, "not configured");
        return 0;
    }

    if (caphealth_ready_file_system(buf, i, a, f, p, now)) {
        return 1;
    }

    /* the first scan of a large tree takes long, and uploads work meanwhile */

    if (i == CAPHEALTH_READY_IMAGES && !caphealth_section_known(s)) {
        return s->failed;
    }

    if (!caphealth_section_known(s) || caphealth_section_stale(s, now)) {
        return 1;
    }

    return (i == CAPHEALTH_READY_DISK) ? caphealth_ready_disks(buf, f, now)
                                       : 0;
}


/* whether a file system of the check is full or read-only */

static int
caphealth_ready_file_system(char *buf, caphealth_ready_e i,
    const caphealth_evaluation_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    char               reason[CAPHEALTH_REASON_LEN];
    const char        *path;
    caphealth_extra_t  e;

    if (i == CAPHEALTH_READY_IMAGES
        && a->checks[CAPHEALTH_DISK_PERCENT].status == CAPHEALTH_CRITICAL
        && caphealth_extra_has_images(f, &f->disks[0]))
    {
        path = f->disks[0].path;
        (void) caphealth_reason_check(reason, a, CAPHEALTH_DISK_PERCENT, f,
                                      now);

    } else if ((i == CAPHEALTH_READY_IMAGES || i == CAPHEALTH_READY_DISK)
               && caphealth_extra_disk_critical(&e, f, p, now,
                                                i == CAPHEALTH_READY_IMAGES))
    {
        path = e.path;
        (void) caphealth_extra_reason(reason, &e, f, now);

    } else {
        return 0;
    }

    (void) snprintf(buf, CAPHEALTH_REASON_LEN, "%.256s: %.700s",
                    path == NULL ? "a disk" : path, reason);
    caphealth_reason_line(buf);

    return 1;
}


static int
caphealth_ready_section(char *buf, const caphealth_section_t *s, double now)
{
    (void) caphealth_reason_section(buf, s, now);

    if (!s->configured) {
        (void) snprintf(buf, CAPHEALTH_REASON_LEN, "not configured");
        return 0;
    }

    return !caphealth_section_known(s) || caphealth_section_stale(s, now);
}


/* the disks after the first must be known as well */

static int
caphealth_ready_disks(char *buf, const caphealth_facts_t *f, double now)
{
    size_t  i;
    char    reason[CAPHEALTH_REASON_LEN];

    for (i = 1; i < f->ndisks; i++) {

        if (!caphealth_ready_section(reason, &f->disks[i].section, now)) {
            continue;
        }

        (void) snprintf(buf, CAPHEALTH_REASON_LEN, "%.256s: %.700s",
                        f->disks[i].path == NULL
                        ? "a disk" : f->disks[i].path, reason);
        caphealth_reason_line(buf);
        return 1;
    }

    return 0;
}
