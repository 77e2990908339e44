
/*
 * Status: each threshold's, what they add up to, and why.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_json.h"
#include "caphealth_measures.h"
#include "caphealth_number.h"
#include "caphealth_status.h"


static void caphealth_check(caphealth_check_t *c, caphealth_threshold_e i,
    const caphealth_facts_t *f, double now);
static caphealth_status_e caphealth_check_status_of(const caphealth_check_t *c);
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
static char *caphealth_reason_stale(char *buf, const caphealth_section_t *s);


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


void
caphealth_check_evaluate(caphealth_check_t *c, double current, int decimals,
    const caphealth_section_t *s, double now)
{
    double  used;

    current = caphealth_round(current, decimals);

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

    c->status = caphealth_check_status_of(c);
}


static caphealth_status_e
caphealth_check_status_of(const caphealth_check_t *c)
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
caphealth_reason_section(char *buf, const caphealth_section_t *s, double now)
{
    buf[0] = '\0';

    if (!s->configured) {
        return buf;
    }

    if (caphealth_section_stale(s, now)) {
        return caphealth_reason_stale(buf, s);
    }

    if (s->error != NULL) {
        (void) snprintf(buf, CAPHEALTH_REASON_LEN, "%s", s->error);
        caphealth_reason_line(buf);

    } else if (s->attempted_at > 0 && s->failed) {
        (void) snprintf(buf, CAPHEALTH_REASON_LEN, "the last attempt failed");

    } else if (!caphealth_section_known(s)) {
        (void) snprintf(buf, CAPHEALTH_REASON_LEN,
                        "nothing has been collected yet");
    }

    return buf;
}


/*
 * The answer is kept until the facts change, so it says since when they are
 * stale, not for how long.
 */

static char *
caphealth_reason_stale(char *buf, const caphealth_section_t *s)
{
    char         text[CAPHEALTH_TIME_LEN];
    const char  *when;

    when = caphealth_time(text, fmin(s->collected_at, CAPHEALTH_TIME_MAX));

    (void) snprintf(buf, CAPHEALTH_REASON_LEN, "stale, the latest values are "
                    "of %s%s%s", when == NULL ? "" : when,
                    s->error == NULL ? "" : ": ",
                    s->error == NULL ? "" : s->error);

    caphealth_reason_line(buf);

    return buf;
}


void
caphealth_reason_line(char *text)
{
    char  *p;

    for (p = text; *p != '\0'; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *p = ' ';
        }
    }
}


char *
caphealth_reason_check(char *buf, const caphealth_evaluation_t *a,
    caphealth_threshold_e i, const caphealth_facts_t *f, double now)
{
    double                        bound;
    const char                   *level;
    const caphealth_check_t      *c;
    const caphealth_measure_t    *t;

    buf[0] = '\0';

    c = &a->checks[i];
    t = caphealth_threshold(i);

    switch (c->status) {

    case CAPHEALTH_WARNING:
        level = "warning";
        bound = c->bounds.warning;
        break;

    case CAPHEALTH_CRITICAL:
        level = "critical";
        bound = c->bounds.critical;
        break;

    case CAPHEALTH_UNKNOWN_STATUS:
        (void) caphealth_reason_section(buf, caphealth_threshold_section(i, f),
                                        now);

        if (buf[0] == '\0') {
            (void) snprintf(buf, CAPHEALTH_REASON_LEN,
                            "the latest facts do not include it");
        }

        return buf;

    default:
        return buf;
    }

    (void) snprintf(buf, CAPHEALTH_REASON_LEN, "%.*f %s, %s from %.15g %s",
                    t->decimals, c->current, caphealth_unit_name(t->unit),
                    level, bound, caphealth_unit_name(t->unit));

    return buf;
}
