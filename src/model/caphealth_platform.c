
/*
 * Platform: the nodes of a fleet.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_json.h"
#include "caphealth_measures.h"
#include "caphealth_notification.h"
#include "caphealth_platform.h"


static void caphealth_platform_nodes(caphealth_platform_t *p);
static void caphealth_platform_unknown(caphealth_platform_t *p);
static int caphealth_platform_worse(caphealth_status_e a, caphealth_status_e b);
static void caphealth_platform_silence(caphealth_platform_node_t *n,
    const caphealth_fleet_node_t *node, const caphealth_section_t *s,
    double now);
static caphealth_status_e caphealth_platform_state(uint32_t state);


void
caphealth_platform(caphealth_platform_t *p, const caphealth_facts_t *f,
    double now)
{
    const caphealth_fleet_t    *fleet = &f->fleet.value;
    const caphealth_section_t  *s = &f->fleet.section;

    memset(p, 0, sizeof(caphealth_platform_t));

    p->facts = f;
    p->section = *s;
    p->version = f->version;
    p->now = now;
    p->next = INFINITY;

    if (!s->configured) {
        p->status = caphealth_overall_name(p->state);
        return;
    }

    p->node = caphealth_known(fleet->node);

    if (caphealth_section_known(s)) {
        p->holder = caphealth_known(fleet->holder);
        p->clock_offset = fleet->clock_offset;
        p->held = (int) fleet->leader;
        p->alone = (int) fleet->alone;
        p->differs = (int) fleet->differs;

        if (f->database.section.configured) {
            p->shop = (fleet->shop[0] == '\0') ? p->node : fleet->shop;
        }

        caphealth_platform_nodes(p);

    } else {
        p->clock_offset = NAN;
        p->held = p->alone = p->differs = -1;
        p->nodes = p->healthy = p->degraded = p->unknown = p->critical
                 = p->silent = CAPHEALTH_UNKNOWN;
    }

    if (p->nodes <= 0 || p->alone || caphealth_section_stale(s, now)) {
        caphealth_platform_unknown(p);
    }

    p->status = caphealth_overall_name(p->state);
    p->reason = caphealth_known(p->text);
}


static void
caphealth_platform_nodes(caphealth_platform_t *p)
{
    size_t                     i;
    int64_t                    left;
    caphealth_platform_node_t  n;

    static const caphealth_event_args_t  silent = {
        .code = CAPHEALTH_EVENT_NODE_SILENT
    };

    p->nodes = p->facts->fleet.value.nnodes;

    for (i = 0; i < (size_t) p->nodes; i++) {
        caphealth_platform_node(&n, p->facts, i, p->now);

        p->silent += n.silent;
        p->next = fmin(p->next, n.silent_at);

        p->healthy += (n.state == CAPHEALTH_OK);
        p->degraded += (n.state == CAPHEALTH_WARNING);
        p->unknown += (n.state == CAPHEALTH_UNKNOWN_STATUS);
        p->critical += (n.state == CAPHEALTH_CRITICAL);

        if (!caphealth_platform_worse(n.state, p->state)) {
            continue;
        }

        p->state = n.state;
        p->args = n.silent ? &silent : n.args;

        if (n.cause != NULL) {
            (void) snprintf(p->text, CAPHEALTH_REASON_LEN, "%s: %s", n.name,
                            n.cause);
        }
    }

    /* what was left out may be in any state */

    left = p->facts->fleet.value.total - p->nodes;

    if (left > 0
        && caphealth_platform_worse(CAPHEALTH_UNKNOWN_STATUS, p->state))
    {
        p->state = CAPHEALTH_UNKNOWN_STATUS;
        p->args = NULL;

        (void) snprintf(p->text, CAPHEALTH_REASON_LEN, "%lld of its %lld nodes "
                        "are left out of the list", (long long) left,
                        (long long) p->facts->fleet.value.total);
    }
}


/* the status is unknown, because this node cannot read those of the others */

static void
caphealth_platform_unknown(caphealth_platform_t *p)
{
    char                        why[CAPHEALTH_REASON_LEN];
    const caphealth_section_t  *s = &p->facts->fleet.section;

    p->state = CAPHEALTH_UNKNOWN_STATUS;
    p->args = NULL;

    (void) caphealth_reason_section(why, s, p->now);

    if (why[0] == '\0') {
        (void) snprintf(why, sizeof(why), "%s", p->nodes > 0
                        ? "it cannot be reached" : "it has no nodes");
    }

    (void) snprintf(p->text, CAPHEALTH_REASON_LEN, "the fleet's database: "
                    "%.*s", CAPHEALTH_REASON_LEN / 2, why);
}


static int
caphealth_platform_worse(caphealth_status_e a, caphealth_status_e b)
{
    static const int  ranks[] = {
        [CAPHEALTH_NOT_CONFIGURED] = 0,
        [CAPHEALTH_OK] = 1,
        [CAPHEALTH_WARNING] = 2,
        [CAPHEALTH_UNKNOWN_STATUS] = 3,
        [CAPHEALTH_CRITICAL] = 4
    };

    return ranks[a] > ranks[b];
}


void
caphealth_platform_node(caphealth_platform_node_t *n,
    const caphealth_facts_t *f, size_t i, double now)
{
    const caphealth_section_t     *s = &f->fleet.section;
    const caphealth_fleet_node_t  *node = &f->fleet.nodes[i];

    n->name = node->name;
    n->version = caphealth_known(node->version);
    n->interval = node->interval;
    n->started = node->started;
    n->clock_offset = node->clock_offset;
    n->doubled = (int) node->doubled;
    n->differs = (int) node->differs;
    n->code = NULL;
    n->args = NULL;
    n->reported_at = s->collected_at - node->age;
    n->state = caphealth_platform_state(node->state);

    caphealth_platform_silence(n, node, s, now);

    if (n->silent) {
        n->state = CAPHEALTH_UNKNOWN_STATUS;
        n->code = caphealth_event_code(CAPHEALTH_EVENT_NODE_SILENT);

    } else if (n->state == CAPHEALTH_OK) {
        n->text[0] = '\0';

    } else if (node->cause[0] != '\0') {
        (void) snprintf(n->text, sizeof(n->text), "%s", node->cause);
        caphealth_reason_line(n->text);

        if (node->args.code != CAPHEALTH_EVENT_CODE_NONE) {
            n->code = caphealth_event_code(node->args.code);
            n->args = &node->args;
        }

    } else {
        (void) snprintf(n->text, sizeof(n->text), "no cause was reported");
    }

    n->status = caphealth_overall_name(n->state);
    n->cause = caphealth_known(n->text);
}


static void
caphealth_platform_silence(caphealth_platform_node_t *n,
    const caphealth_fleet_node_t *node, const caphealth_section_t *s,
    double now)
{
    char         text[CAPHEALTH_TIME_LEN];
    double       least;
    const char  *when;

    least = CAPHEALTH_STALE_INTERVALS * node->interval;

    n->silent_at = n->reported_at
                   + fmax(least, CAPHEALTH_STALE_INTERVALS * s->interval);

    n->silent = !(node->age <= least) || now > n->silent_at;

    if (!n->silent) {
        return;
    }

    n->silent_at = INFINITY;

    /* the answer is kept, so it says since when, not for how long */

    when = caphealth_time(text, n->reported_at);

    (void) snprintf(n->text, sizeof(n->text), "it has not reported %s%s",
                    when == NULL ? "for a long time" : "since ",
                    when == NULL ? "" : when);
}


static caphealth_status_e
caphealth_platform_state(uint32_t state)
{
    switch (state) {

    case CAPHEALTH_OVERALL_HEALTHY:
        return CAPHEALTH_OK;

    case CAPHEALTH_OVERALL_DEGRADED:
        return CAPHEALTH_WARNING;

    case CAPHEALTH_OVERALL_CRITICAL:
        return CAPHEALTH_CRITICAL;

    default:
        return CAPHEALTH_UNKNOWN_STATUS;
    }
}
