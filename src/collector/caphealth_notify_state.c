
/*
 * The state of a receiver's notifications, as the text of a file.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_notify_body.h"
#include "caphealth_notify_state.h"


#define CAPHEALTH_NOTIFY_VERSION  1

/* the last second of the year 9999 */
#define CAPHEALTH_NOTIFY_LATEST   253402300799.0


static int caphealth_notify_load_time(const json_t *object, const char *name,
    double *time);
static int caphealth_notify_load_forecasts(caphealth_notify_t *n,
    const json_t *forecasts, double now);
static int caphealth_notify_queue_valid(const json_t *queue);


char *
caphealth_notify_save(const caphealth_notify_t *n, const json_t *queue)
{
    char    *text;
    size_t   i;
    json_t  *state, *kinds, *forecasts;

    kinds = json_object();
    forecasts = json_array();

    for (i = 0; i < CAPHEALTH_NOTIFY_KINDS; i++) {
        (void) json_object_set_new(kinds,
                                   caphealth_notify_kind_name((uint32_t) i),
                                   json_real(n->kinds[i]));
    }

    for (i = 0; i < n->nforecasts; i++) {
        if (n->forecasts[i].told) {
            (void) json_array_append_new(forecasts,
                                         json_string(n->forecasts[i].key));
        }
    }

    state = json_pack("{s:i, s:s, s:s, s:f, s:f, s:o, s:o, s:O}",
                      "version", CAPHEALTH_NOTIFY_VERSION,
                      "told", caphealth_overall_state_name(n->told),
                      "owed", caphealth_overall_state_name(n->owed),
                      "since", n->since,
                      "sent", n->sent,
                      "kinds", kinds,
                      "forecasts", forecasts,
                      "queue", queue);

    text = (state == NULL) ? NULL : json_dumps(state, JSON_COMPACT);

    json_decref(state);

    return text;
}


const char *
caphealth_notify_load(caphealth_notify_t *n, json_t **queue, const char *text,
    size_t len, double now)
{
    int                  told, owed;
    size_t               i;
    json_t              *state, *waiting;
    const char          *wrong, *name;
    caphealth_notify_t   read;

    state = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

    memset(&read, 0, sizeof(caphealth_notify_t));

    name = json_string_value(json_object_get(state, "told"));
    told = (name == NULL) ? -1
                          : caphealth_overall_state_find(name, strlen(name));
    waiting = json_object_get(state, "queue");
    wrong = NULL;

    /* a file of an older version has none */

    name = json_string_value(json_object_get(state, "owed"));
    owed = (name == NULL) ? CAPHEALTH_OVERALL_NONE
                          : caphealth_overall_state_find(name, strlen(name));

    if (json_integer_value(json_object_get(state, "version"))
        != CAPHEALTH_NOTIFY_VERSION)
    {
        wrong = "its version";

    } else if (told == -1 || owed == -1
               || !caphealth_notify_load_time(state, "since", &read.since)
               || !caphealth_notify_load_time(state, "sent", &read.sent))
    {
        wrong = "the status that was told";

    } else if (!caphealth_notify_load_forecasts(&read,
                                      json_object_get(state, "forecasts"),
                                      now))
    {
        wrong = "a forecast";

    } else if (!caphealth_notify_queue_valid(waiting)) {
        wrong = "a notification that waits";
    }

    for (i = 0; wrong == NULL && i < CAPHEALTH_NOTIFY_KINDS; i++) {
        if (!caphealth_notify_load_time(json_object_get(state, "kinds"),
                               caphealth_notify_kind_name((uint32_t) i),
                               &read.kinds[i]))
        {
            wrong = "a time";
        }
    }

    if (wrong == NULL) {
        n->told = (uint32_t) told;
        n->owed = (uint32_t) owed;
        n->since = read.since;
        n->sent = read.sent;
        n->nforecasts = read.nforecasts;

        memcpy(n->kinds, read.kinds, sizeof(read.kinds));
        memcpy(n->forecasts, read.forecasts, sizeof(read.forecasts));

        *queue = json_incref(waiting);
    }

    json_decref(state);

    return wrong;
}


static int
caphealth_notify_load_time(const json_t *object, const char *name,
    double *time)
{
    const json_t  *value;

    value = json_object_get(object, name);
    *time = json_number_value(value);

    return json_is_number(value) && *time >= 0
           && *time < CAPHEALTH_NOTIFY_LATEST;
}


static int
caphealth_notify_load_forecasts(caphealth_notify_t *n,
    const json_t *forecasts, double now)
{
    size_t                        i;
    const json_t                 *key;
    caphealth_notify_forecast_t  *f;

    if (!json_is_array(forecasts)
        || json_array_size(forecasts) > CAPHEALTH_NOTIFY_FORECASTS)
    {
        return 0;
    }

    for (i = 0; i < json_array_size(forecasts); i++) {
        key = json_array_get(forecasts, i);
        f = &n->forecasts[i];

        if (!json_is_string(key) || json_string_length(key) == 0
            || json_string_length(key) >= sizeof(f->key))
        {
            return 0;
        }

        (void) snprintf(f->key, sizeof(f->key), "%s", json_string_value(key));

        f->told = 1;
        f->seen = now;
    }

    n->nforecasts = i;

    return 1;
}


static int
caphealth_notify_queue_valid(const json_t *queue)
{
    double         created;
    size_t         i;
    const json_t  *entry, *attempts;

    if (!json_is_array(queue)
        || json_array_size(queue) > CAPHEALTH_NOTIFY_QUEUE)
    {
        return 0;
    }

    for (i = 0; i < json_array_size(queue); i++) {
        entry = json_array_get(queue, i);
        attempts = json_object_get(entry, "attempts");

        if (!json_is_integer(attempts) || json_integer_value(attempts) < 0
            || json_integer_value(attempts) > 1000000
            || !caphealth_notify_load_time(entry, "created", &created)
            || !caphealth_notify_note_valid(json_object_get(entry, "note")))
        {
            return 0;
        }
    }

    return 1;
}
