
/*
 * The recorder.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_documents.h"
#include "caphealth_history.h"
#include "caphealth_recorder.h"
#include "caphealth_thread.h"


/* seconds between two transactions, and from the first record to the first */
#define CAPHEALTH_RECORDER_PAUSE    60
#define CAPHEALTH_RECORDER_FIRST    3

/* milliseconds that the end is put off for the last one */
#define CAPHEALTH_RECORDER_END      500

/* the least seconds of a column of the shortest window: 720 columns */
#define CAPHEALTH_RECORDER_STEP     10

/* seconds after which the highest value of a day may have changed */
#define CAPHEALTH_RECORDER_PAST     600


struct caphealth_recorder_s {
    caphealth_history_t         *history;
    caphealth_documents_t       *documents;
    caphealth_fleet_history_t   *fleet;
    caphealth_recorder_past_pt   past;
    caphealth_history_facts_t    facts;
    int64_t                      past_at;    /* in units of _PAST; 0: never */
    int                          told;       /* the worker has the facts */

    pthread_mutex_t              mutex;      /* of the rest */
    pthread_cond_t               changed;
    int                          records;    /* some have been added */
    int                          ready;      /* for the fleet's next batch */
    int                          ending;
    int                          ended;
};


static int caphealth_recorder_start(caphealth_recorder_t *r);
static void *caphealth_recorder_run(void *data);
static void caphealth_recorder_copy(caphealth_recorder_t *r);
static void caphealth_recorder_ready(void *data);
static void caphealth_recorder_write(caphealth_recorder_t *r);
static void caphealth_recorder_tell(caphealth_recorder_t *r, double now);
static void caphealth_recorder_log(void *data, const char *text);
static double caphealth_recorder_clock(clockid_t id);


caphealth_recorder_t *
caphealth_recorder_create(const char *dir, int64_t size, double refresh,
    caphealth_recorder_past_pt past)
{
    char                  *path;
    int64_t                step;
    caphealth_recorder_t  *r;

    r = calloc(1, sizeof(caphealth_recorder_t));

    if (r == NULL || asprintf(&path, "%s/history.sqlite", dir) == -1) {
        free(r);
        errno = ENOMEM;
        return NULL;
    }

    step = (int64_t) refresh + ((double) (int64_t) refresh < refresh);
    step = (step < CAPHEALTH_RECORDER_STEP) ? CAPHEALTH_RECORDER_STEP : step;

    r->past = past;
    r->history = caphealth_history_create(path, size, caphealth_recorder_log,
                                          r);
    free(path);

    r->fleet = caphealth_fleet_history_create(caphealth_recorder_ready, r);

    if (r->history != NULL && r->fleet != NULL) {
        r->documents = caphealth_documents_create(r->history, dir, step,
                                                  caphealth_recorder_log, r);
    }

    if (r->documents == NULL) {
        if (r->history != NULL) {
            caphealth_history_destroy(r->history);
        }

        if (r->fleet != NULL) {
            caphealth_fleet_history_destroy(r->fleet);
        }

        free(r);
        errno = ENOMEM;
        return NULL;
    }

    errno = caphealth_recorder_start(r);

    if (errno != 0) {
        caphealth_documents_destroy(r->documents);
        caphealth_fleet_history_destroy(r->fleet);
        caphealth_history_destroy(r->history);
        free(r);
        return NULL;
    }

    return r;
}


static int
caphealth_recorder_start(caphealth_recorder_t *r)
{
    caphealth_thread_cond_init(&r->changed);
    (void) pthread_mutex_init(&r->mutex, NULL);

    return caphealth_thread_start(caphealth_recorder_run, r);
}


void
caphealth_recorder_add(caphealth_recorder_t *r,
    const caphealth_record_t *record)
{
    char                            *args;
    size_t                           i;
    const caphealth_record_event_t  *event;

    for (i = 0; i < record->nseries; i++) {
        caphealth_history_add(r->history, record->series[i].name,
                              caphealth_series_unit(record->series[i].unit),
                              record->time, record->series[i].value);
    }

    for (i = 0; i < record->nevents; i++) {
        event = &record->events[i];

        args = caphealth_event_args_json(&event->args);

        caphealth_history_event(r->history, &(caphealth_history_event_t) {
            .time = event->time,
            .kind = caphealth_event_name(event->kind),
            .from = event->from,
            .to = event->to,
            .text = event->text,
            .code = caphealth_event_code(event->args.code),
            .args = args ? args : ""
        });

        free(args);
    }

    (void) pthread_mutex_lock(&r->mutex);

    r->records = 1;

    (void) pthread_cond_broadcast(&r->changed);
    (void) pthread_mutex_unlock(&r->mutex);
}


caphealth_fleet_history_t *
caphealth_recorder_fleet(caphealth_recorder_t *r)
{
    return r->fleet;
}


/* in the fleet's thread */

static void
caphealth_recorder_ready(void *data)
{
    caphealth_recorder_t  *r = data;

    (void) pthread_mutex_lock(&r->mutex);

    r->ready = 1;

    (void) pthread_cond_broadcast(&r->changed);
    (void) pthread_mutex_unlock(&r->mutex);
}


void
caphealth_recorder_end(caphealth_recorder_t *r)
{
    struct timespec  until;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);

    until.tv_nsec += CAPHEALTH_RECORDER_END * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    (void) pthread_mutex_lock(&r->mutex);

    r->ending = 1;
    (void) pthread_cond_broadcast(&r->changed);

    while (!r->ended
           && pthread_cond_timedwait(&r->changed, &r->mutex, &until) == 0)
    {
        /* void */
    }

    (void) pthread_mutex_unlock(&r->mutex);
}


/*
 * What is in the file already is read at once, and the first records are
 * written soon, so that there are documents after the start.
 */

static void *
caphealth_recorder_run(void *data)
{
    int                    first, late, ready, ending;
    struct timespec        next;
    caphealth_recorder_t  *r = data;

    caphealth_recorder_write(r);

    (void) clock_gettime(CLOCK_MONOTONIC, &next);
    next.tv_sec += CAPHEALTH_RECORDER_PAUSE;

    for (first = 1, ending = 0; !ending; /* void */) {

        late = 0;

        (void) pthread_mutex_lock(&r->mutex);

        while (!r->ending && !r->ready && !late) {
            late = pthread_cond_timedwait(&r->changed, &r->mutex, &next);

            if (first && r->records) {
                first = 0;
                (void) clock_gettime(CLOCK_MONOTONIC, &next);
                next.tv_sec += CAPHEALTH_RECORDER_FIRST;
            }
        }

        ending = r->ending;
        ready = r->ready;
        r->ready = 0;

        (void) pthread_mutex_unlock(&r->mutex);

        if (ready && !ending) {
            caphealth_recorder_copy(r);
            continue;
        }

        caphealth_recorder_write(r);

        (void) clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += CAPHEALTH_RECORDER_PAUSE;
    }

    (void) pthread_mutex_lock(&r->mutex);

    r->ended = 1;
    (void) pthread_cond_broadcast(&r->changed);

    (void) pthread_mutex_unlock(&r->mutex);

    return NULL;
}


static void
caphealth_recorder_write(caphealth_recorder_t *r)
{
    int     ending;
    double  now;

    (void) pthread_mutex_lock(&r->mutex);
    ending = r->ending;
    (void) pthread_mutex_unlock(&r->mutex);

    now = caphealth_recorder_clock(CLOCK_REALTIME);

    /* the documents are the next collector's to write, which may be here */

    if (caphealth_history_write(r->history, now,
                                caphealth_recorder_clock(CLOCK_BOOTTIME))
        == 0
        && !ending)
    {
        (void) caphealth_documents_write(r->documents, now);
        caphealth_recorder_copy(r);
    }

    if (!ending) {
        caphealth_recorder_tell(r, now);
    }
}


/*
 * While nothing can be written, rows are not finished that seem to be; an error
 * of the reading is one of the history.
 */

static void
caphealth_recorder_copy(caphealth_recorder_t *r)
{
    if (*caphealth_history_error(r->history) == '\0') {
        (void) caphealth_fleet_history_read(r->fleet, r->history,
                                   caphealth_recorder_clock(CLOCK_REALTIME));
    }
}


static void
caphealth_recorder_tell(caphealth_recorder_t *r, double now)
{
    int64_t      at;
    const char  *error;

    at = (int64_t) now / CAPHEALTH_RECORDER_PAST;
    error = caphealth_history_error(r->history);

    if (*error == '\0' && at != r->past_at) {
        if (caphealth_documents_past(r->documents, now, &r->facts) == 0) {
            r->past_at = at;
            r->told = 0;
        }

        error = caphealth_history_error(r->history);
    }

    if (r->facts.error.code ? strcmp(r->facts.error.text, error) != 0
                            : *error != '\0')
    {
        memset(&r->facts.error, 0, sizeof(caphealth_error_t));

        if (*error != '\0') {
            caphealth_error_set(&r->facts.error, CAPHEALTH_ERROR_OTHER, "%s",
                                error);
        }

        r->told = 0;
    }

    if (!r->told) {
        r->told = 1;
        r->past(&r->facts);
    }
}


/* an error of the history is sent to the worker, which logs it */

static void
caphealth_recorder_log(void *data, const char *text)
{
    const char            *error;
    caphealth_recorder_t  *r = data;

    error = (r->history == NULL) ? "" : caphealth_history_error(r->history);

    if ((*error != '\0' && strstr(text, error) != NULL)
        || strstr(text, ": it is written again") != NULL)
    {
        return;
    }

    fprintf(stderr, "caphealth-collector: %s\n", text);
}


static double
caphealth_recorder_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}
