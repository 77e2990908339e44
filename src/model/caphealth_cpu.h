
/*
 * CPU: its use over the last minutes, less what converters took at idle
 * priority.
 *
 * The samples are of counters that only grow, and outlive the collector that
 * read them, so that a new collector continues the window.  The time of
 * converters is counted by the workers that started them.
 */

#ifndef CAPHEALTH_CPU_H
#define CAPHEALTH_CPU_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_source_facts.h"


#define CAPHEALTH_CPU_SAMPLES  256


typedef struct {
    double                   at;         /* monotonic seconds */
    double                   busy;       /* CPU seconds in use */
    double                   total;      /* CPU seconds in use or idle */
    double                   idle;       /* of busy, those of converters at
                                            idle priority */
} caphealth_cpu_sample_t;


/* all zero: it is empty */

typedef struct {
    int64_t                  basis;      /* which counters these are: another
                                            limit has another basis */
    uint32_t                 first;
    uint32_t                 n;
    caphealth_cpu_sample_t   last;       /* the newest; n > 0 */
    caphealth_cpu_sample_t   samples[CAPHEALTH_CPU_SAMPLES];
} caphealth_cpu_window_t;


/* percent of total; NAN: unknown */

typedef struct {
    double                   percent;    /* 0 to 100, without converters */
    double                   converters; /* at idle priority */
    double                   seconds;    /* from the first sample to the last */
} caphealth_cpu_mean_t;


/*
 * Adds a sample to a window of so many seconds.  The window is emptied first if
 * the basis is another one, or a counter went backwards.  A sample that is
 * older than the newest is ignored.
 */
void caphealth_cpu_add(caphealth_cpu_window_t *w, int64_t basis,
    const caphealth_cpu_sample_t *sample, double window);

/*
 * The mean over the window, or over the part of it that has samples.  If the
 * samples are further apart than the window is long, the mean is that between
 * the last two, if they are at most gap seconds apart.
 */
void caphealth_cpu_mean(const caphealth_cpu_window_t *w, double window,
    double gap, caphealth_cpu_mean_t *mean);

/*
 * CPU use in percent, with converters, since the newest sample that is between
 * least and gap seconds older than the last one; NAN: there is none.
 */
double caphealth_cpu_since(const caphealth_cpu_window_t *w, double least,
    double gap);

/*
 * Adds the counters of a sample to the window, and sets what follows: the
 * mean; and what this sample does not know yet, if it is in the facts before it
 * (or NULL) and at most gap seconds older than now (seconds since the epoch),
 * which the sample is of.  idle are the CPU seconds of converters.
 */
void caphealth_cpu_facts(caphealth_cpu_window_t *w, caphealth_system_t *s,
    const caphealth_system_t *before, double idle, double window, double gap,
    double now);


#endif /* CAPHEALTH_CPU_H */
