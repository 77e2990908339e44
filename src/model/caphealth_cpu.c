
/*
 * CPU: see the header.
 */

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "caphealth_cpu.h"


/* a window is kept in steps of this part of it, so that it fits */
#define CAPHEALTH_CPU_STEPS     240

/* a look so soon after another says little: clock ticks are 10 ms */
#define CAPHEALTH_CPU_LEAST     1.0

/* seconds that a counter may go backwards, as those of idle time do */
#define CAPHEALTH_CPU_BACKWARDS 1.0


static const caphealth_cpu_sample_t *caphealth_cpu_sample(
    const caphealth_cpu_window_t *w, size_t i);
static const caphealth_cpu_sample_t *caphealth_cpu_first(
    const caphealth_cpu_window_t *w, double window, double gap);
static double caphealth_cpu_share(double part, double total);
static int caphealth_cpu_read(const json_t *facts, int64_t *basis,
    caphealth_cpu_sample_t *sample);
static int caphealth_cpu_carry(json_t *facts, const json_t *before,
    const char *const *names, double gap, double now);
static int caphealth_cpu_set(json_t *facts, const char *name, double x);


/* what a look may not know yet; each is carried over with the time it is of */

static const char *const  caphealth_cpu_now[] = {
    "cpu_at", "cpu_percent", NULL
};

static const char *const  caphealth_cpu_window[] = {
    "cpu_mean_at", "cpu_mean", "cpu_converters", "cpu_seconds", NULL
};


void
caphealth_cpu_add(caphealth_cpu_window_t *w, int64_t basis,
    const caphealth_cpu_sample_t *sample, double window)
{
    const caphealth_cpu_sample_t  *newest;

    if (w->n > CAPHEALTH_CPU_SAMPLES || w->first >= CAPHEALTH_CPU_SAMPLES) {
        w->n = 0;
    }

    if (w->n > 0 && basis == w->basis && sample->at <= w->last.at) {
        return;
    }

    if (w->n > 0
        && (basis != w->basis
            || sample->busy < w->last.busy - CAPHEALTH_CPU_BACKWARDS
            || sample->total < w->last.total - CAPHEALTH_CPU_BACKWARDS))
    {
        w->n = 0;
    }

    if (w->n == 0) {
        w->first = 0;
        w->basis = basis;
    }

    newest = (w->n == 0) ? NULL : caphealth_cpu_sample(w, w->n - 1);

    w->last = *sample;

    if (newest != NULL
        && sample->at - newest->at < window / CAPHEALTH_CPU_STEPS)
    {
        return;
    }

    if (w->n == CAPHEALTH_CPU_SAMPLES) {
        w->first = (w->first + 1) % CAPHEALTH_CPU_SAMPLES;
        w->n--;
    }

    w->samples[(w->first + w->n) % CAPHEALTH_CPU_SAMPLES] = *sample;
    w->n++;
}


static const caphealth_cpu_sample_t *
caphealth_cpu_sample(const caphealth_cpu_window_t *w, size_t i)
{
    return &w->samples[(w->first + i) % CAPHEALTH_CPU_SAMPLES];
}


void
caphealth_cpu_mean(const caphealth_cpu_window_t *w, double window,
    double gap, caphealth_cpu_mean_t *mean)
{
    double                         busy, idle, total;
    const caphealth_cpu_sample_t  *from;

    mean->percent = NAN;
    mean->converters = NAN;
    mean->seconds = NAN;

    from = caphealth_cpu_first(w, window, gap);

    if (from == NULL) {
        return;
    }

    total = w->last.total - from->total;

    if (!(total > 0)) {
        return;
    }

    busy = fmin(fmax(w->last.busy - from->busy, 0), total);
    idle = fmin(fmax(w->last.idle - from->idle, 0), busy);

    mean->percent = caphealth_cpu_share(busy - idle, total);
    mean->converters = caphealth_cpu_share(idle, total);
    mean->seconds = w->last.at - from->at;
}


/* the oldest in the window but the last; or that before the last */

static const caphealth_cpu_sample_t *
caphealth_cpu_first(const caphealth_cpu_window_t *w, double window,
    double gap)
{
    size_t                         i;
    double                         age;
    const caphealth_cpu_sample_t  *s, *before;

    before = NULL;

    for (i = 0; i < w->n; i++) {
        s = caphealth_cpu_sample(w, i);
        age = w->last.at - s->at;

        if (age <= 0) {
            break;
        }

        if (age <= window) {
            return s;
        }

        before = s;
    }

    return (before != NULL && w->last.at - before->at <= gap) ? before : NULL;
}


double
caphealth_cpu_since(const caphealth_cpu_window_t *w, double least,
    double gap)
{
    size_t                         i;
    double                         age, total;
    const caphealth_cpu_sample_t  *s;

    for (i = w->n; i > 0; i--) {
        s = caphealth_cpu_sample(w, i - 1);
        age = w->last.at - s->at;
        total = w->last.total - s->total;

        if (age < least || !(total > 0)) {
            continue;
        }

        if (age > gap) {
            break;
        }

        return caphealth_cpu_share(w->last.busy - s->busy, total);
    }

    return NAN;
}


static double
caphealth_cpu_share(double part, double total)
{
    return fmin(100, fmax(0, 100 * part / total));
}


char *
caphealth_cpu_facts(caphealth_cpu_window_t *w, const char *data,
    const char *old, double idle, double window, double gap, double now)
{
    int                      failed;
    char                    *text;
    double                   percent;
    json_t                  *facts, *before;
    int64_t                  basis;
    caphealth_cpu_mean_t     mean;
    caphealth_cpu_sample_t   sample;

    facts = json_loads(data, 0, NULL);
    if (facts == NULL) {
        return NULL;
    }

    before = (old == NULL) ? NULL : json_loads(old, 0, NULL);

    percent = json_is_number(json_object_get(facts, "cpu_percent"))
              ? json_number_value(json_object_get(facts, "cpu_percent")) : NAN;

    mean = (caphealth_cpu_mean_t) { NAN, NAN, NAN };

    if (caphealth_cpu_read(facts, &basis, &sample)) {
        sample.idle = idle;

        caphealth_cpu_add(w, basis, &sample, window);
        caphealth_cpu_mean(w, window, gap, &mean);

        if (isnan(percent)) {
            percent = caphealth_cpu_since(w, CAPHEALTH_CPU_LEAST, gap);
        }
    }

    if (isnan(percent)) {
        failed = caphealth_cpu_carry(facts, before, caphealth_cpu_now, gap,
                                     now);

    } else {
        failed = caphealth_cpu_set(facts, "cpu_at", now);
        failed |= caphealth_cpu_set(facts, "cpu_percent", percent);
    }

    if (isnan(mean.percent)) {
        failed |= caphealth_cpu_carry(facts, before, caphealth_cpu_window,
                                      gap, now);

    } else {
        failed |= caphealth_cpu_set(facts, "cpu_mean_at", now);
        failed |= caphealth_cpu_set(facts, "cpu_mean", mean.percent);
        failed |= caphealth_cpu_set(facts, "cpu_converters", mean.converters);
        failed |= caphealth_cpu_set(facts, "cpu_seconds", mean.seconds);
    }

    text = failed ? NULL : json_dumps(facts, JSON_COMPACT);

    json_decref(before);
    json_decref(facts);

    return text;
}


static int
caphealth_cpu_read(const json_t *facts, int64_t *basis,
    caphealth_cpu_sample_t *sample)
{
    const json_t  *counters, *of, *at, *busy, *total;

    counters = json_object_get(facts, "cpu_counters");

    of = json_object_get(counters, "basis");
    at = json_object_get(counters, "at");
    busy = json_object_get(counters, "busy");
    total = json_object_get(counters, "total");

    if (!json_is_integer(of) || !json_is_number(at) || !json_is_number(busy)
        || !json_is_number(total))
    {
        return 0;
    }

    *basis = json_integer_value(of);

    sample->at = json_number_value(at);
    sample->busy = json_number_value(busy);
    sample->total = json_number_value(total);

    return 1;
}


/* nothing where nothing was known, or it is too old by now */

static int
caphealth_cpu_carry(json_t *facts, const json_t *before,
    const char *const *names, double gap, double now)
{
    int      failed;
    double   at;
    json_t  *value;

    at = json_number_value(json_object_get(before, names[0]));

    if (!(at > 0) || at > now || now - at > gap) {
        return 0;
    }

    failed = 0;

    for ( /* void */ ; *names != NULL; names++) {
        value = json_object_get(before, *names);

        if (value != NULL) {
            failed |= json_object_set(facts, *names, value);
        }
    }

    return failed;
}


static int
caphealth_cpu_set(json_t *facts, const char *name, double x)
{
    return json_object_set_new(facts, name, json_real(x));
}
