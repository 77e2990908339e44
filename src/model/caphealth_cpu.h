
/*
 * CPU: its use over the last minutes, less what converters took at idle
 * priority.
 *
 * The samples are of counters that only grow, and are kept where they outlive
 * the collector that read them: a fresh one goes on where the last one ended.
 * Time that converters took is counted by the workers that started them.
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
    double                   total;      /* CPU seconds that there were */
    double                   idle;       /* of busy, those that converters took
                                            at idle priority */
} caphealth_cpu_sample_t;


/* all zero: there are none */

typedef struct {
    int64_t                  basis;      /* what the counters are of */
    uint32_t                 first;
    uint32_t                 n;
    caphealth_cpu_sample_t   last;       /* the newest; n > 0 */
    caphealth_cpu_sample_t   samples[CAPHEALTH_CPU_SAMPLES];
} caphealth_cpu_window_t;


/* percent of what there was; NAN: unknown */

typedef struct {
    double                   percent;    /* 0 to 100, without converters */
    double                   converters; /* at idle priority */
    double                   seconds;    /* that this is the mean of */
} caphealth_cpu_mean_t;


/*
 * Adds a sample to a window of so many seconds.  One of another basis, or of
 * counters that went backwards, begins anew; one that is older than the newest
 * is ignored.
 */
void caphealth_cpu_add(caphealth_cpu_window_t *w, int64_t basis,
    const caphealth_cpu_sample_t *sample, double window);

/*
 * The mean of the window, or of what there is of it.  Where the samples are
 * further apart than the window is long, of the time between the last two, if
 * that is at most gap seconds.
 */
void caphealth_cpu_mean(const caphealth_cpu_window_t *w, double window,
    double gap, caphealth_cpu_mean_t *mean);

/*
 * CPU use in percent, converters included, from the newest sample that is at
 * least so many seconds older than the last one, and at most gap seconds; NAN:
 * there is no such sample.
 */
double caphealth_cpu_since(const caphealth_cpu_window_t *w, double least,
    double gap);

/*
 * Adds the counters of a look to the window, and sets what is made of it: the
 * mean; and what this look does not know yet, if it is in the facts before it
 * (or NULL) and at most gap seconds older than now (seconds since the epoch),
 * which the look is of.  idle are the CPU seconds of converters.
 */
void caphealth_cpu_facts(caphealth_cpu_window_t *w, caphealth_system_t *s,
    const caphealth_system_t *before, double idle, double window, double gap,
    double now);


#endif /* CAPHEALTH_CPU_H */
