
/*
 * The overall status, and what it follows from.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_measures.h"
#include "caphealth_status.h"


static void caphealth_check(caphealth_check_t *c, caphealth_threshold_e i,
    const caphealth_facts_t *f, double now);
static caphealth_status_e caphealth_overall(const caphealth_evaluation_t *a,
    const caphealth_facts_t *f, const caphealth_policy_t *p, double now);
static caphealth_status_e caphealth_extra_status(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);
static caphealth_status_e caphealth_disks_status(const caphealth_facts_t *f,
    double now);
static caphealth_status_e caphealth_database_status(
    const caphealth_section_t *s);
static caphealth_status_e caphealth_worse(caphealth_status_e a,
    caphealth_status_e b);


static const char *const  caphealth_overall_status[] = {
    [CAPHEALTH_NOT_CONFIGURED] = "not_configured",
    [CAPHEALTH_OK] = "healthy",
    [CAPHEALTH_UNKNOWN_STATUS] = "unknown",
    [CAPHEALTH_WARNING] = "degraded",
    [CAPHEALTH_CRITICAL] = "critical"
};


const char *
caphealth_overall_name(caphealth_status_e status)
{
    return caphealth_overall_status[status];
}


void
caphealth_evaluate(caphealth_evaluation_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    size_t  i;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        a->checks[i].bounds = p->bounds[i];
        caphealth_check(&a->checks[i], i, f, now);

        if (p->off[i]) {
            a->checks[i].status = CAPHEALTH_NOT_CONFIGURED;
        }
    }

    a->stale = caphealth_section_stale(&f->system.section, now);
    a->overall = caphealth_overall(a, f, p, now);

    a->tier = caphealth_tier_find(p, f->database.value.vendors_count,
                                  f->database.value.products_count);
}


static void
caphealth_check(caphealth_check_t *c, caphealth_threshold_e i,
    const caphealth_facts_t *f, double now)
{
    const caphealth_section_t  *s;

    s = caphealth_threshold_section(i, f);

    caphealth_check_evaluate(c, caphealth_section_known(s)
                             ? caphealth_threshold_value(i, f) : NAN,
                             caphealth_threshold(i)->decimals, s, now);
}


static caphealth_status_e
caphealth_overall(const caphealth_evaluation_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    size_t              i;
    caphealth_status_e  status;

    if (a->stale) {
        return CAPHEALTH_UNKNOWN_STATUS;
    }

    status = CAPHEALTH_NOT_CONFIGURED;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        status = caphealth_worse(status, a->checks[i].status);
    }

    status = caphealth_worse(status, caphealth_extra_status(f, p, now));
    status = caphealth_worse(status, caphealth_disks_status(f, now));
    status = caphealth_worse(status,
                             caphealth_database_status(&f->database.section));

    /* nothing is configured */

    if (status == CAPHEALTH_NOT_CONFIGURED) {
        return CAPHEALTH_UNKNOWN_STATUS;
    }

    return status;
}


/*
 * Only what is not well counts: without any source of facts, uploads that do
 * not fail do not make the platform healthy.
 */

static caphealth_status_e
caphealth_extra_status(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    caphealth_extra_t   e;
    caphealth_status_e  status;

    status = CAPHEALTH_NOT_CONFIGURED;
    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, f, p, now)) {
        if (e.check.status > CAPHEALTH_OK) {
            status = caphealth_worse(status, e.check.status);
        }
    }

    return status;
}


/* a path that is not the first on its file system must be known as well */

static caphealth_status_e
caphealth_disks_status(const caphealth_facts_t *f, double now)
{
    size_t                         i;
    const caphealth_section_t     *s;
    const caphealth_disk_facts_t  *disk;

    for (i = 1; (disk = caphealth_facts_mount(f, i)) != NULL; i++) {
        s = &disk->section;

        if (s->configured
            && (!caphealth_section_known(s)
                || caphealth_section_stale(s, now)))
        {
            return CAPHEALTH_UNKNOWN_STATUS;
        }
    }

    return CAPHEALTH_NOT_CONFIGURED;
}


static caphealth_status_e
caphealth_database_status(const caphealth_section_t *s)
{
    if (!s->configured || !(s->attempted_at > 0)) {
        return CAPHEALTH_NOT_CONFIGURED;
    }

    if (s->failed) {
        return CAPHEALTH_CRITICAL;
    }

    return (s->error == NULL) ? CAPHEALTH_OK : CAPHEALTH_UNKNOWN_STATUS;
}


/* the worse status is the larger one */

static caphealth_status_e
caphealth_worse(caphealth_status_e a, caphealth_status_e b)
{
    return (a > b) ? a : b;
}


char *
caphealth_reason_check(char *buf, const caphealth_evaluation_t *a,
    caphealth_threshold_e i, const caphealth_facts_t *f, double now)
{
    const caphealth_check_t    *c;
    const caphealth_measure_t  *t;

    c = &a->checks[i];
    t = caphealth_threshold(i);

    if (caphealth_check_reason(buf, c, caphealth_threshold_section(i, f),
                               now))
    {
        (void) snprintf(buf, CAPHEALTH_REASON_LEN, "%.*f %s, %s from %.15g %s",
                        t->decimals, c->current, caphealth_unit_name(t->unit),
                        caphealth_check_name(c->status),
                        caphealth_check_bound(c),
                        caphealth_unit_name(t->unit));
    }

    return buf;
}
