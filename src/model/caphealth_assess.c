
/*
 * The judgement: each threshold's status, and what they add up to.
 */

#include <math.h>

#include "caphealth_report.h"


static void caphealth_check(caphealth_check_t *c,
    const caphealth_threshold_t *t, const caphealth_facts_t *f, double now);
static caphealth_status_e caphealth_judge(const caphealth_check_t *c);
static caphealth_status_e caphealth_overall(const caphealth_assessment_t *a,
    const caphealth_facts_t *f, double now);
static caphealth_status_e caphealth_disks_status(const caphealth_facts_t *f,
    double now);
static caphealth_status_e caphealth_database_status(
    const caphealth_section_t *s);
static caphealth_status_e caphealth_worse(caphealth_status_e a,
    caphealth_status_e b);


static const char *const  caphealth_check_status[] = {
    [CAPHEALTH_NOT_CONFIGURED] = "not_configured",
    [CAPHEALTH_OK] = "ok",
    [CAPHEALTH_UNKNOWN_STATUS] = "unknown",
    [CAPHEALTH_WARNING] = "warning",
    [CAPHEALTH_CRITICAL] = "critical"
};


static const char *const  caphealth_overall_status[] = {
    [CAPHEALTH_NOT_CONFIGURED] = "not_configured",
    [CAPHEALTH_OK] = "healthy",
    [CAPHEALTH_UNKNOWN_STATUS] = "unknown",
    [CAPHEALTH_WARNING] = "degraded",
    [CAPHEALTH_CRITICAL] = "critical"
};


const char *
caphealth_check_name(caphealth_status_e status)
{
    return caphealth_check_status[status];
}


const char *
caphealth_overall_name(caphealth_status_e status)
{
    return caphealth_overall_status[status];
}


void
caphealth_assess(caphealth_assessment_t *a, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now)
{
    size_t  i;

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        a->checks[i].bounds = p->bounds[i];
        caphealth_check(&a->checks[i], &caphealth_thresholds[i], f, now);
    }

    a->stale = caphealth_section_stale(&f->system.section, now);
    a->overall = caphealth_overall(a, f, now);

    a->tier = caphealth_tier_find(p, f->database.value.vendors_count,
                                  f->database.value.products_count);
}


static void
caphealth_check(caphealth_check_t *c, const caphealth_threshold_t *t,
    const caphealth_facts_t *f, double now)
{
    double                      current, used;
    const caphealth_section_t  *s;

    s = t->section(f);

    current = caphealth_section_known(s) ? t->current(f) : NAN;
    current = caphealth_round(current, t->decimals);

    used = (c->bounds.limit > 0) ? 100 * current / c->bounds.limit : NAN;

    c->current = isfinite(current) ? current : NAN;
    c->percent_used = isfinite(used) ? caphealth_round(used, 1) : NAN;

    if (!s->configured) {
        c->status = CAPHEALTH_NOT_CONFIGURED;
        return;
    }

    if (isnan(c->current) || caphealth_section_stale(s, now)) {
        c->status = CAPHEALTH_UNKNOWN_STATUS;
        return;
    }

    c->status = caphealth_judge(c);
}


static caphealth_status_e
caphealth_judge(const caphealth_check_t *c)
{
    if (c->current >= c->bounds.critical) {
        return CAPHEALTH_CRITICAL;
    }

    if (c->current >= c->bounds.warning) {
        return CAPHEALTH_WARNING;
    }

    return CAPHEALTH_OK;
}


static caphealth_status_e
caphealth_overall(const caphealth_assessment_t *a, const caphealth_facts_t *f,
    double now)
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

    status = caphealth_worse(status, caphealth_disks_status(f, now));
    status = caphealth_worse(status,
                             caphealth_database_status(&f->database.section));

    /* where nobody looks, nothing is known */

    if (status == CAPHEALTH_NOT_CONFIGURED) {
        return CAPHEALTH_UNKNOWN_STATUS;
    }

    return status;
}


/* the disks beyond the first have no threshold, but must be known as well */

static caphealth_status_e
caphealth_disks_status(const caphealth_facts_t *f, double now)
{
    size_t                      i;
    const caphealth_section_t  *s;

    for (i = 1; i < f->ndisks; i++) {
        s = &f->disks[i].section;

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


/* statuses are in the order of how bad they are */

static caphealth_status_e
caphealth_worse(caphealth_status_e a, caphealth_status_e b)
{
    return (a > b) ? a : b;
}
