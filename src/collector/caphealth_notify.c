
/*
 * When something is worth a notification.
 */

#include <stdio.h>
#include <string.h>

#include "caphealth_notify.h"


static void caphealth_notify_set_back(caphealth_notify_t *n, double now);
static void caphealth_notify_observe_forecasts(caphealth_notify_t *n,
    const caphealth_record_t *record);
static caphealth_notify_forecast_t *caphealth_notify_find(
    caphealth_notify_t *n, const char *key);
static uint32_t caphealth_notify_settled(const caphealth_notify_t *n,
    double hold, double *since);
static caphealth_notify_kind_e caphealth_notify_kind(uint32_t state);


void
caphealth_notify_observe(caphealth_notify_t *n,
    const caphealth_record_t *record)
{
    double    now;
    uint32_t  state;

    now = record->time;

    if (now < n->now) {
        caphealth_notify_set_back(n, now);
    }

    n->now = now;
    n->state = record->state;

    for (state = CAPHEALTH_OVERALL_HEALTHY; state < CAPHEALTH_OVERALL_STATES;
         state++)
    {

        if (n->state == CAPHEALTH_OVERALL_NONE || n->state < state) {
            n->at_least[state] = 0;

        } else if (n->at_least[state] == 0) {
            n->at_least[state] = now;
        }

        if (n->state == CAPHEALTH_OVERALL_NONE || n->state > state) {
            n->at_most[state] = 0;

        } else if (n->at_most[state] == 0) {
            n->at_most[state] = now;
        }
    }

    caphealth_notify_observe_forecasts(n, record);
}


void
caphealth_notify_observe_own(caphealth_notify_t *n, uint32_t state)
{
    if (state != CAPHEALTH_OVERALL_HEALTHY) {
        n->well = 0;

    } else if (n->well == 0) {
        n->well = n->now;
    }
}


/*
 * What another node has told counts as told here, so that it is neither
 * repeated nor, if it has changed since, left out.  What this one owes does,
 * too: the next status takes it back.
 */

void
caphealth_notify_adopt(caphealth_notify_t *n, const caphealth_told_t *told,
    const char *node)
{
    if (told->state != CAPHEALTH_OVERALL_NONE) {
        n->told = told->state;
        n->since = told->since;
        n->sent = told->since;

        (void) snprintf(n->before, sizeof(n->before), "%s",
                        strcmp(told->node, node) == 0 ? "" : told->node);
    }

    if (n->owed > n->told) {
        n->told = n->owed;
    }

    if (!n->alone) {
        n->owed = CAPHEALTH_OVERALL_NONE;
    }
}


/* nothing has happened in the future */

static void
caphealth_notify_set_back(caphealth_notify_t *n, double now)
{
    size_t                       i;
    caphealth_notify_forecast_t  *f;

    n->since = (n->since > now) ? now : n->since;
    n->sent = (n->sent > now) ? now : n->sent;
    n->well = (n->well > now) ? now : n->well;

    for (i = 0; i < CAPHEALTH_NOTIFY_KINDS; i++) {
        n->kinds[i] = (n->kinds[i] > now) ? now : n->kinds[i];
    }

    for (i = 0; i < CAPHEALTH_OVERALL_STATES; i++) {
        n->at_least[i] = (n->at_least[i] > now) ? now : n->at_least[i];
        n->at_most[i] = (n->at_most[i] > now) ? now : n->at_most[i];
    }

    for (i = 0; i < n->nforecasts; i++) {
        f = &n->forecasts[i];
        f->seen = (f->seen > now) ? now : f->seen;
        f->near_since = (f->near_since > now) ? now : f->near_since;
    }
}


static void
caphealth_notify_observe_forecasts(caphealth_notify_t *n,
    const caphealth_record_t *record)
{
    int                                 near[CAPHEALTH_NOTIFY_FORECASTS];
    size_t                              i;
    caphealth_notify_forecast_t        *f;
    const caphealth_record_forecast_t  *seen;

    memset(near, 0, sizeof(near));

    for (i = 0; i < record->nforecasts; i++) {
        seen = &record->forecasts[i];

        if (seen->mid > CAPHEALTH_NOTIFY_FAR_DAYS) {
            continue;
        }

        f = caphealth_notify_find(n, seen->key);

        if (f == NULL) {
            continue;
        }

        f->seen = n->now;

        if (seen->mid <= CAPHEALTH_NOTIFY_DAYS) {
            near[f - n->forecasts] = 1;
            f->near_since = (f->near_since == 0) ? n->now : f->near_since;
        }
    }

    /* backwards, as one that is forgotten is replaced by the last */

    for (i = n->nforecasts; i-- > 0; /* void */) {
        f = &n->forecasts[i];
        f->near_since = near[i] ? f->near_since : 0;

        if (n->now - f->seen > CAPHEALTH_NOTIFY_FORGET) {
            *f = n->forecasts[--n->nforecasts];
        }
    }
}


/* NULL: there is no room */

static caphealth_notify_forecast_t *
caphealth_notify_find(caphealth_notify_t *n, const char *key)
{
    size_t                        i;
    caphealth_notify_forecast_t  *f;

    for (i = 0; i < n->nforecasts; i++) {
        if (strcmp(n->forecasts[i].key, key) == 0) {
            return &n->forecasts[i];
        }
    }

    if (n->nforecasts == CAPHEALTH_NOTIFY_FORECASTS) {
        return NULL;
    }

    f = &n->forecasts[n->nforecasts++];

    memset(f, 0, sizeof(caphealth_notify_forecast_t));
    (void) snprintf(f->key, sizeof(f->key), "%s", key);

    return f;
}


int
caphealth_notify_status(caphealth_notify_t *n,
    const caphealth_notify_rules_t *rules, caphealth_notify_event_t *event)
{
    double                   since;
    uint32_t                 to;
    caphealth_notify_kind_e  kind;

    to = caphealth_notify_settled(n, rules->hold, &since);

    if (to == CAPHEALTH_OVERALL_NONE) {
        return 0;
    }

    /* a node that is alone does not know that the platform is better */

    if (n->alone && n->owed == CAPHEALTH_OVERALL_NONE && to < n->told) {
        return 0;
    }

    /* that all is well at first is no news */

    if (n->told == CAPHEALTH_OVERALL_NONE && to == CAPHEALTH_OVERALL_HEALTHY) {
        n->told = to;
        n->since = since;
        return 0;
    }

    kind = caphealth_notify_kind(to);

    if (!(rules->kinds & (1u << kind))) {
        return 0;
    }

    event->reminder = (to == n->told);

    if (event->reminder) {

        if (to == CAPHEALTH_OVERALL_HEALTHY || rules->remind == 0
            || n->now - n->sent < rules->remind)
        {
            return 0;
        }

    } else {

        if (n->kinds[kind] != 0 && n->now - n->kinds[kind] < rules->interval) {
            return 0;
        }

        n->since = since;
        n->kinds[kind] = n->now;
    }

    event->kind = kind;
    event->own = n->alone;
    event->from = n->told;
    event->to = to;
    event->since = n->since;
    event->forecast = NULL;
    event->succeeds[0] = '\0';

    n->told = to;
    n->sent = n->now;

    if (n->alone) {
        n->owed = (to == CAPHEALTH_OVERALL_HEALTHY) ? CAPHEALTH_OVERALL_NONE
                                                    : to;

    } else {
        memcpy(event->succeeds, n->before, sizeof(n->before));
        n->before[0] = '\0';
    }

    return 1;
}


/* for a node that another one tells for */

int
caphealth_notify_take_back(caphealth_notify_t *n,
    const caphealth_notify_rules_t *rules, caphealth_notify_event_t *event)
{
    if (n->owed == CAPHEALTH_OVERALL_NONE || n->well == 0
        || n->now - n->well < rules->hold)
    {
        return 0;
    }

    event->kind = CAPHEALTH_NOTIFY_RECOVERY;
    event->reminder = 0;
    event->own = 1;
    event->from = n->owed;
    event->to = CAPHEALTH_OVERALL_HEALTHY;
    event->since = n->well;
    event->forecast = NULL;
    event->succeeds[0] = '\0';

    n->owed = CAPHEALTH_OVERALL_NONE;

    return (rules->kinds & (1u << CAPHEALTH_NOTIFY_RECOVERY)) != 0;
}


/*
 * The status that has held, seen from the one that was told: if it has not been
 * below a worse one for so long, the worst of these, else the best that it has
 * not been above.  NONE: it has not settled.
 */

static uint32_t
caphealth_notify_settled(const caphealth_notify_t *n, double hold,
    double *since)
{
    uint32_t  state, told;

    told = n->told;

    if (told == CAPHEALTH_OVERALL_NONE) {
        told = CAPHEALTH_OVERALL_HEALTHY;
    }

    for (state = CAPHEALTH_OVERALL_STATES - 1; state > told; state--) {
        if (n->at_least[state] != 0 && n->now - n->at_least[state] >= hold) {
            *since = n->at_least[state];
            return state;
        }
    }

    for (state = CAPHEALTH_OVERALL_HEALTHY; state < told; state++) {
        if (n->at_most[state] != 0 && n->now - n->at_most[state] >= hold) {
            *since = n->at_most[state];
            return state;
        }
    }

    if (n->state == told) {
        *since = n->now;
        return told;
    }

    return CAPHEALTH_OVERALL_NONE;
}


static caphealth_notify_kind_e
caphealth_notify_kind(uint32_t state)
{
    switch (state) {

    case CAPHEALTH_OVERALL_HEALTHY:
        return CAPHEALTH_NOTIFY_RECOVERY;

    case CAPHEALTH_OVERALL_UNKNOWN:
        return CAPHEALTH_NOTIFY_UNKNOWN;

    case CAPHEALTH_OVERALL_DEGRADED:
        return CAPHEALTH_NOTIFY_WARNING;

    default:
        return CAPHEALTH_NOTIFY_CRITICAL;
    }
}


int
caphealth_notify_forecast(caphealth_notify_t *n,
    const caphealth_notify_rules_t *rules, const caphealth_record_t *record,
    caphealth_notify_event_t *event)
{
    size_t                        i;
    caphealth_notify_forecast_t  *f;

    if (!(rules->kinds & (1u << CAPHEALTH_NOTIFY_FORECAST))) {
        return 0;
    }

    for (i = 0; i < record->nforecasts; i++) {

        if (record->forecasts[i].mid > CAPHEALTH_NOTIFY_DAYS) {
            continue;
        }

        f = caphealth_notify_find(n, record->forecasts[i].key);

        if (f == NULL || f->told || f->near_since == 0
            || n->now - f->near_since < rules->hold)
        {
            continue;
        }

        f->told = 1;

        event->kind = CAPHEALTH_NOTIFY_FORECAST;
        event->reminder = 0;
        event->own = 0;
        event->succeeds[0] = '\0';
        event->from = CAPHEALTH_OVERALL_NONE;
        event->to = CAPHEALTH_OVERALL_NONE;
        event->since = f->near_since;
        event->forecast = &record->forecasts[i];

        return 1;
    }

    return 0;
}
