
/*
 * One threshold: its status by its bounds, and the reason.
 */

#include <math.h>
#include <stdio.h>

#include "caphealth_json.h"
#include "caphealth_number.h"
#include "caphealth_threshold_check.h"


static caphealth_status_e caphealth_check_status_of(const caphealth_check_t *c);
static char *caphealth_reason_stale(char *buf, const caphealth_section_t *s);


static const char *const  caphealth_check_status[] = {
    [CAPHEALTH_NOT_CONFIGURED] = "not_configured",
    [CAPHEALTH_OK] = "ok",
    [CAPHEALTH_UNKNOWN_STATUS] = "unknown",
    [CAPHEALTH_WARNING] = "warning",
    [CAPHEALTH_CRITICAL] = "critical"
};


const char *
caphealth_check_name(caphealth_status_e status)
{
    return caphealth_check_status[status];
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


double
caphealth_check_bound(const caphealth_check_t *c)
{
    return c->status == CAPHEALTH_CRITICAL ? c->bounds.critical
                                           : c->bounds.warning;
}


int
caphealth_check_reason(char *buf, const caphealth_check_t *c,
    const caphealth_section_t *s, double now)
{
    buf[0] = '\0';

    if (c->status == CAPHEALTH_UNKNOWN_STATUS) {
        (void) caphealth_reason_section(buf, s, now);

        if (buf[0] == '\0') {
            (void) snprintf(buf, CAPHEALTH_REASON_LEN,
                            "the latest facts do not include it");
        }
    }

    return c->status == CAPHEALTH_WARNING || c->status == CAPHEALTH_CRITICAL;
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
