
/*
 * Notify: when a change of the overall status, or a limit that will be reached
 * soon, is worth a notification.  Pure functions: no clock, no allocation.
 *
 * A status is told after it has held for a while: the highest that the status
 * has not been below for so long, or the lowest that it has not been above.  So
 * one that swings between two of them is told as one, and one that swings
 * around the status told last is not told.  Besides, there is a least time
 * between two notifications of a kind.
 *
 * In a fleet the status is the platform's, told by one node.  One that is alone
 * tells its own if that is worse.  It has to take this back itself, as nobody
 * else knows of it: that is owed.
 */

#ifndef CAPHEALTH_NOTIFY_H
#define CAPHEALTH_NOTIFY_H


#include "caphealth_notification.h"
#include "caphealth_record.h"


/*
 * A limit that will be reached within so many days is told.  It is forgotten,
 * and told anew, when it has not been within the larger number for a day.
 */
#define CAPHEALTH_NOTIFY_DAYS       7.0
#define CAPHEALTH_NOTIFY_FAR_DAYS   10.5
#define CAPHEALTH_NOTIFY_FORGET     86400

/* limits that are remembered */
#define CAPHEALTH_NOTIFY_FORECASTS  32


/* what one receiver is to be told; times in seconds */

typedef struct {
    uint32_t  kinds;             /* a bit each, 1 << caphealth_notify_kind_e */
    double    hold;              /* that a status has to last */
    double    interval;          /* between two of a kind */
    double    remind;            /* 0: it is told once */
} caphealth_notify_rules_t;


/* a limit that will be reached; times are since the epoch, 0: never */

typedef struct {
    char      key[CAPHEALTH_SERIES_NAME];
    int       told;
    double    near_since;        /* within _DAYS; not kept over a restart */
    double    seen;              /* the last time within _FAR_DAYS */
} caphealth_notify_forecast_t;


/* all zero at first */

typedef struct {
    uint32_t                     told;       /* caphealth_overall_e, that was
                                                told last; NONE: nothing was
                                                known yet */
    double                       since;      /* it is so */
    double                       sent;       /* it, or a reminder of it */
    double                       kinds[CAPHEALTH_NOTIFY_KINDS];
                                             /* when one of a kind was told */
    size_t                       nforecasts;
    caphealth_notify_forecast_t  forecasts[CAPHEALTH_NOTIFY_FORECASTS];
    uint32_t                     owed;       /* told while it was alone, and
                                                not taken back; NONE: nothing */

    /* what is not kept over a restart */

    int                          alone;      /* this node is, of a fleet */
    char                         before[CAPHEALTH_NODE_NAME];
                                             /* the node that told it, until
                                                this one tells; "": this one */
    double                       well;       /* its own status is "healthy"; 0:
                                                it is not */

    double                       now;        /* of the last record */
    uint32_t                     state;      /* at that time */
    double                       at_least[CAPHEALTH_OVERALL_STATES];
    double                       at_most[CAPHEALTH_OVERALL_STATES];
} caphealth_notify_t;


typedef struct {
    caphealth_notify_kind_e      kind;
    int                          reminder;
    int                          own;        /* of this node, where others are
                                                of the platform */
    char                         succeeds[CAPHEALTH_NODE_NAME];
                                             /* the node that told for the
                                                fleet before; "": this one */
    uint32_t                     from;       /* caphealth_overall_e, of a
                                                status; NONE: nothing was
                                                known */
    uint32_t                     to;
    double                       since;
    const caphealth_record_forecast_t  *forecast;    /* of a forecast, in the
                                                        record */
} caphealth_notify_event_t;


/* Takes note of a record.  A clock that was set back makes nothing wait. */
void caphealth_notify_observe(caphealth_notify_t *n,
    const caphealth_record_t *record);

/*
 * Takes note of this node's own status at the time of that record, where the
 * record's is the platform's.
 */
void caphealth_notify_observe_own(caphealth_notify_t *n, uint32_t state);

/*
 * From now on this node, of that name, sends notifications for itself or for
 * the fleet.  told is the status that was sent last; NONE: it is not known.
 */
void caphealth_notify_adopt(caphealth_notify_t *n,
    const caphealth_told_t *told, const char *node);

/*
 * Whether something is to be told by the record that was observed last.  What
 * is returned counts as told.
 */
int caphealth_notify_status(caphealth_notify_t *n,
    const caphealth_notify_rules_t *rules, caphealth_notify_event_t *event);
int caphealth_notify_take_back(caphealth_notify_t *n,
    const caphealth_notify_rules_t *rules, caphealth_notify_event_t *event);
int caphealth_notify_forecast(caphealth_notify_t *n,
    const caphealth_notify_rules_t *rules, const caphealth_record_t *record,
    caphealth_notify_event_t *event);


#endif /* CAPHEALTH_NOTIFY_H */
