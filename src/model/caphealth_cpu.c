
/*
 * CPU: its use over a window of time.
 */

#include <math.h>
#include <string.h>

#include "caphealth_cpu.h"


/* samples closer than this part of the window are left out to fit it */
#define CAPHEALTH_CPU_STEPS     240

/* seconds; clock ticks of 10 ms make a shorter time too inexact */
#define CAPHEALTH_CPU_LEAST     1.0

/* seconds that a counter may go backwards, as those of idle time do */
#define CAPHEALTH_CPU_BACKWARDS 1.0


static const caphealth_cpu_sample_t *caphealth_cpu_sample(
    const caphealth_cpu_window_t *w, size_t i);
static const caphealth_cpu_sample_t *caphealth_cpu_first(
    const caphealth_cpu_window_t *w, double window, double gap);
static double caphealth_cpu_share(double part, double total);
static int caphealth_cpu_fresh(double at, double gap, double now);


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


/* the oldest sample in the window, else the one before the last */

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


void
caphealth_cpu_facts(caphealth_cpu_window_t *w, caphealth_system_t *s,
    const caphealth_system_t *before, double idle, double window, double gap,
    double now)
{
    caphealth_cpu_mean_t    mean;
    caphealth_cpu_sample_t  sample;

    mean = (caphealth_cpu_mean_t) { NAN, NAN, NAN };

    if (s->cpu_basis != CAPHEALTH_UNKNOWN) {
        sample.at = s->cpu_clock;
        sample.busy = s->cpu_busy;
        sample.total = s->cpu_total;
        sample.idle = idle;

        caphealth_cpu_add(w, s->cpu_basis, &sample, window);
        caphealth_cpu_mean(w, window, gap, &mean);

        if (isnan(s->cpu_percent)) {
            s->cpu_percent = caphealth_cpu_since(w, CAPHEALTH_CPU_LEAST, gap);
        }
    }

    /* unknown values are copied from the facts before, with their time */

    s->cpu_percent_at = now;
    s->cpu_mean_at = now;

    if (isnan(s->cpu_percent)) {
        s->cpu_percent_at = NAN;

        if (before && caphealth_cpu_fresh(before->cpu_percent_at, gap, now)) {
            s->cpu_percent_at = before->cpu_percent_at;
            s->cpu_percent = before->cpu_percent;
        }
    }

    s->cpu_mean = mean.percent;
    s->cpu_converters = mean.converters;
    s->cpu_seconds = mean.seconds;

    if (isnan(s->cpu_mean)) {
        s->cpu_mean_at = NAN;

        if (before && caphealth_cpu_fresh(before->cpu_mean_at, gap, now)) {
            s->cpu_mean_at = before->cpu_mean_at;
            s->cpu_mean = before->cpu_mean;
            s->cpu_converters = before->cpu_converters;
            s->cpu_seconds = before->cpu_seconds;
        }
    }
}


static int
caphealth_cpu_fresh(double at, double gap, double now)
{
    return at > 0 && at <= now && now - at <= gap;
}
