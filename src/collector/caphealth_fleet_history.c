
/*
 * What of the history goes to the fleet's database: see the header.
 */

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "caphealth_fleet_history.h"


/* seconds that an event may have been written after one that is later */
#define CAPHEALTH_FLEET_HISTORY_OVERLAP  600

/* seconds, more than a history reaches back */
#define CAPHEALTH_FLEET_HISTORY_PAST     (1200 * 86400.0)

/* the last moment of the year 9999 */
#define CAPHEALTH_FLEET_HISTORY_LATEST   253402300799.0

/* bytes of the seconds of a step, as text */
#define CAPHEALTH_FLEET_HISTORY_STEP     24


typedef enum {
    CAPHEALTH_FLEET_HISTORY_ASK = 0,     /* where to go on is not known */
    CAPHEALTH_FLEET_HISTORY_READ,        /* the next batch may be read */
    CAPHEALTH_FLEET_HISTORY_SEND         /* it has been */
} caphealth_fleet_history_state_e;


struct caphealth_fleet_history_s {
    caphealth_fleet_history_ready_pt   ready;
    void                              *data;

    pthread_mutex_t                    mutex;  /* of the state: whose the rest
                                                  is follows from it */
    caphealth_fleet_history_state_e    state;

    double                             offset; /* of the server's clock */
    int64_t                            after[CAPHEALTH_HISTORY_TIERS];
    double                             events; /* time of the last */
    int                                full;   /* there is more than a batch */
    char                              *batch;
};


/* a batch that is being read */

typedef struct {
    caphealth_fleet_history_t         *fleet;
    int64_t                            step;
    size_t                             rows;
    size_t                             points;
    size_t                             events;
    json_t                            *names[CAPHEALTH_HISTORY_SERIES + 1];
    int                                index[CAPHEALTH_HISTORY_SERIES + 1];
    json_t                            *series;
    json_t                            *steps;
    json_t                            *starts;
    json_t                            *of;
    json_t                            *samples;
    json_t                            *min;
    json_t                            *mean;
    json_t                            *max;
    json_t                            *happened;
} caphealth_fleet_history_batch_t;


static caphealth_fleet_history_state_e caphealth_fleet_history_state(
    caphealth_fleet_history_t *f);
static void caphealth_fleet_history_become(caphealth_fleet_history_t *f,
    caphealth_fleet_history_state_e state);
static int caphealth_fleet_history_rows(caphealth_fleet_history_batch_t *b,
    caphealth_history_t *h, double now);
static int caphealth_fleet_history_tier(caphealth_fleet_history_batch_t *b,
    caphealth_history_t *h, caphealth_history_tier_e tier, double now);
static int caphealth_fleet_history_full(
    const caphealth_fleet_history_batch_t *b);
static void caphealth_fleet_history_name(void *data, uint32_t series,
    const char *name, const char *unit);
static void caphealth_fleet_history_row(void *data, int64_t time,
    const caphealth_history_point_t *points, size_t n);
static void caphealth_fleet_history_event(void *data,
    const caphealth_history_event_t *event);
static void caphealth_fleet_history_free(caphealth_fleet_history_batch_t *b);
static char *caphealth_fleet_history_text(caphealth_fleet_history_batch_t *b);
static void caphealth_fleet_history_step(char *name, size_t tier);
static int caphealth_fleet_history_time(const json_t *object,
    const char *name, double *time);


caphealth_fleet_history_t *
caphealth_fleet_history_create(caphealth_fleet_history_ready_pt ready,
    void *data)
{
    caphealth_fleet_history_t  *f;

    f = calloc(1, sizeof(caphealth_fleet_history_t));
    if (f == NULL) {
        return NULL;
    }

    f->ready = ready;
    f->data = data;

    (void) pthread_mutex_init(&f->mutex, NULL);

    return f;
}


void
caphealth_fleet_history_destroy(caphealth_fleet_history_t *f)
{
    (void) pthread_mutex_destroy(&f->mutex);

    free(f->batch);
    free(f);
}


static caphealth_fleet_history_state_e
caphealth_fleet_history_state(caphealth_fleet_history_t *f)
{
    caphealth_fleet_history_state_e  state;

    (void) pthread_mutex_lock(&f->mutex);
    state = f->state;
    (void) pthread_mutex_unlock(&f->mutex);

    return state;
}


static void
caphealth_fleet_history_become(caphealth_fleet_history_t *f,
    caphealth_fleet_history_state_e state)
{
    (void) pthread_mutex_lock(&f->mutex);
    f->state = state;
    (void) pthread_mutex_unlock(&f->mutex);
}


int
caphealth_fleet_history_read(caphealth_fleet_history_t *f,
    caphealth_history_t *h, double now)
{
    int                               rc;
    caphealth_fleet_history_batch_t  *b;

    if (caphealth_fleet_history_state(f) != CAPHEALTH_FLEET_HISTORY_READ) {
        return 0;
    }

    b = calloc(1, sizeof(caphealth_fleet_history_batch_t));
    if (b == NULL) {
        return -1;
    }

    b->fleet = f;
    b->series = json_array();
    b->steps = json_array();
    b->starts = json_array();
    b->of = json_array();
    b->samples = json_array();
    b->min = json_array();
    b->mean = json_array();
    b->max = json_array();
    b->happened = json_array();

    rc = caphealth_fleet_history_rows(b, h, now);

    if (rc == 0 && b->rows + b->events > 0) {
        f->full = caphealth_fleet_history_full(b)
                  || b->events >= CAPHEALTH_FLEET_HISTORY_EVENTS;
        f->batch = caphealth_fleet_history_text(b);

        if (f->batch != NULL) {
            caphealth_fleet_history_become(f, CAPHEALTH_FLEET_HISTORY_SEND);

        } else {
            rc = -1;
        }
    }

    caphealth_fleet_history_free(b);

    return rc;
}


static int
caphealth_fleet_history_rows(caphealth_fleet_history_batch_t *b,
    caphealth_history_t *h, double now)
{
    size_t                      tier;
    caphealth_fleet_history_t  *f = b->fleet;

    if (caphealth_history_series(h, caphealth_fleet_history_name, b) == -1) {
        return -1;
    }

    /* what the server's clock has not reached, the server does not take */

    if (f->offset < 0) {
        now += f->offset;
    }

    for (tier = CAPHEALTH_HISTORY_MINUTES; tier < CAPHEALTH_HISTORY_TIERS;
         tier++)
    {
        if (caphealth_fleet_history_tier(b, h,
                                         (caphealth_history_tier_e) tier, now)
            == -1)
        {
            return -1;
        }
    }

    /* events before the last one are only sent together with something newer */

    if (caphealth_history_events(h, f->events, now,
                                 caphealth_fleet_history_event, b)
        == -1)
    {
        return -1;
    }

    if (b->events == 0 && b->rows == 0) {
        return 0;
    }

    return caphealth_history_events(h,
                                f->events - CAPHEALTH_FLEET_HISTORY_OVERLAP,
                                f->events, caphealth_fleet_history_event, b);
}


/*
 * As many rows as a batch may have: rather than reading all there are, and
 * leaving most of them.
 */

static int
caphealth_fleet_history_tier(caphealth_fleet_history_batch_t *b,
    caphealth_history_t *h, caphealth_history_tier_e tier, double now)
{
    int64_t  from, to, end;

    b->step = caphealth_history_step(tier);

    from = b->fleet->after[tier] + 1;
    end = (int64_t) now - CAPHEALTH_FLEET_HISTORY_LATE - b->step + 1;

    while (from < end && !caphealth_fleet_history_full(b)) {

        to = from + CAPHEALTH_FLEET_HISTORY_ROWS * b->step;
        to = (to < end) ? to : end;

        if (caphealth_history_read(h, tier, from, to,
                                   caphealth_fleet_history_row, b)
            == -1)
        {
            return -1;
        }

        from = to;
    }

    return 0;
}


static int
caphealth_fleet_history_full(const caphealth_fleet_history_batch_t *b)
{
    return b->rows >= CAPHEALTH_FLEET_HISTORY_ROWS
           || b->points >= CAPHEALTH_FLEET_HISTORY_POINTS;
}


/* the file may have been written by another program: it may not be UTF-8 */

static void
caphealth_fleet_history_name(void *data, uint32_t series, const char *name,
    const char *unit)
{
    caphealth_fleet_history_batch_t  *b = data;

    if (b->names[series] == NULL) {
        b->names[series] = json_pack("[s,s]", name, unit);
        b->index[series] = -1;
    }
}


static void
caphealth_fleet_history_row(void *data, int64_t time,
    const caphealth_history_point_t *points, size_t n)
{
    size_t                            i;
    uint32_t                          series;
    caphealth_fleet_history_batch_t  *b = data;

    if (caphealth_fleet_history_full(b) || time % b->step != 0) {
        return;
    }

    for (i = 0; i < n; i++) {
        series = points[i].series;

        if (b->names[series] == NULL) {
            continue;
        }

        if (b->index[series] == -1) {
            b->index[series] = (int) json_array_size(b->series);
            (void) json_array_append(b->series, b->names[series]);
        }

        (void) json_array_append_new(b->steps, json_integer(b->step));
        (void) json_array_append_new(b->starts, json_integer(time));
        (void) json_array_append_new(b->of, json_integer(b->index[series]));
        (void) json_array_append_new(b->samples,
                                     json_integer(points[i].count
                                                  > INT32_MAX
                                                  ? INT32_MAX
                                                  : points[i].count));
        (void) json_array_append_new(b->min, json_real(points[i].min));
        (void) json_array_append_new(b->mean, json_real(points[i].mean));
        (void) json_array_append_new(b->max, json_real(points[i].max));
    }

    b->rows++;
    b->points += n;
}


static void
caphealth_fleet_history_event(void *data,
    const caphealth_history_event_t *event)
{
    json_t                           *args, *e;
    caphealth_fleet_history_batch_t  *b = data;

    if (event->time < b->fleet->events
        ? json_array_size(b->happened) >= 2 * CAPHEALTH_FLEET_HISTORY_EVENTS
        : b->events >= CAPHEALTH_FLEET_HISTORY_EVENTS)
    {
        return;
    }

    args = json_loads(event->args, JSON_REJECT_DUPLICATES, NULL);

    e = json_pack("[f,s,s,s,s,s,o]", event->time, event->kind, event->from,
                  event->to, event->text, event->code,
                  args ? args : json_object());

    if (e == NULL) {
        return;
    }

    (void) json_array_append_new(b->happened, e);
    b->events += (event->time >= b->fleet->events);
}


static void
caphealth_fleet_history_free(caphealth_fleet_history_batch_t *b)
{
    size_t  i;

    for (i = 0; i <= CAPHEALTH_HISTORY_SERIES; i++) {
        json_decref(b->names[i]);
    }

    json_decref(b->series);
    json_decref(b->steps);
    json_decref(b->starts);
    json_decref(b->of);
    json_decref(b->samples);
    json_decref(b->min);
    json_decref(b->mean);
    json_decref(b->max);
    json_decref(b->happened);
    free(b);
}


/* NULL: no memory, which a column that is too short may be of, too */

static char *
caphealth_fleet_history_text(caphealth_fleet_history_batch_t *b)
{
    char    *text, name[CAPHEALTH_FLEET_HISTORY_STEP];
    size_t   n, tier;
    json_t  *batch, *after;

    n = json_array_size(b->steps);

    if (json_array_size(b->starts) != n || json_array_size(b->of) != n
        || json_array_size(b->samples) != n || json_array_size(b->min) != n
        || json_array_size(b->mean) != n || json_array_size(b->max) != n)
    {
        return NULL;
    }

    after = json_object();

    for (tier = CAPHEALTH_HISTORY_MINUTES; tier < CAPHEALTH_HISTORY_TIERS;
         tier++)
    {
        caphealth_fleet_history_step(name, tier);
        (void) json_object_set_new(after, name,
                                   json_integer(b->fleet->after[tier]));
    }

    batch = json_pack("{s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:o}",
                      "series", b->series, "step", b->steps,
                      "start", b->starts, "of", b->of,
                      "samples", b->samples, "min", b->min,
                      "mean", b->mean, "max", b->max,
                      "events", b->happened,
                      "after", after);

    text = (batch == NULL) ? NULL
                           : json_dumps(batch, JSON_COMPACT
                                               |JSON_REAL_PRECISION(17));
    json_decref(batch);

    return text;
}


const char *
caphealth_fleet_history_batch(caphealth_fleet_history_t *f)
{
    switch (caphealth_fleet_history_state(f)) {

    case CAPHEALTH_FLEET_HISTORY_ASK:
        return "{}";

    case CAPHEALTH_FLEET_HISTORY_SEND:
        return f->batch;

    default:
        return NULL;
    }
}


int
caphealth_fleet_history_answered(caphealth_fleet_history_t *f,
    const char *answer, double now)
{
    int      more;
    char     name[CAPHEALTH_FLEET_HISTORY_STEP];
    size_t   tier;
    double   time;
    json_t  *root, *after;

    root = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);
    after = json_object_get(root, "after");

    if (caphealth_fleet_history_time(root, "now", &time) == -1
        || caphealth_fleet_history_time(root, "events", &f->events) == -1)
    {
        goto invalid;
    }

    f->offset = time - now;

    for (tier = CAPHEALTH_HISTORY_MINUTES; tier < CAPHEALTH_HISTORY_TIERS;
         tier++)
    {
        caphealth_fleet_history_step(name, tier);

        if (caphealth_fleet_history_time(after, name, &time) == -1) {
            goto invalid;
        }

        /* with an answer of "0" the recorder would read from 1970 on */

        f->after[tier] = (int64_t) fmax(time,
                                        now - CAPHEALTH_FLEET_HISTORY_PAST);
    }

    json_decref(root);

    /* after the question where to go on, too */

    more = (f->batch == NULL) || f->full;

    free(f->batch);
    f->batch = NULL;

    caphealth_fleet_history_become(f, CAPHEALTH_FLEET_HISTORY_READ);

    if (more && f->ready != NULL) {
        f->ready(f->data);
    }

    return 0;

invalid:

    json_decref(root);

    free(f->batch);
    f->batch = NULL;

    caphealth_fleet_history_become(f, CAPHEALTH_FLEET_HISTORY_ASK);

    return -1;
}


/* "60": name has room for CAPHEALTH_FLEET_HISTORY_STEP bytes */

static void
caphealth_fleet_history_step(char *name, size_t tier)
{
    (void) snprintf(name, CAPHEALTH_FLEET_HISTORY_STEP, "%lld", (long long)
                    caphealth_history_step((caphealth_history_tier_e) tier));
}


static int
caphealth_fleet_history_time(const json_t *object, const char *name,
    double *time)
{
    const json_t  *member;

    member = json_object_get(object, name);
    *time = json_number_value(member);

    return (json_is_number(member) && *time >= 0
            && *time <= CAPHEALTH_FLEET_HISTORY_LATEST) ? 0 : -1;
}
