
/*
 * Reasons: see the header.
 */

#include <math.h>
#include <stdio.h>

#include "caphealth_json.h"
#include "caphealth_measures.h"
#include "caphealth_reason.h"


static char *caphealth_reason_stale(char *buf, const caphealth_section_t *s);


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


/* it says since when, not for how long: an answer is kept for a while */

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
caphealth_reason_check(char *buf, const caphealth_assessment_t *a,
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
