
/*
 * Inside the metrics' room: a row of a table is a family of samples.  It says
 * what the family is called, which things have a sample each, and which field
 * of such a thing is the number.
 */

#ifndef CAPHEALTH_METRICS_ROWS_H
#define CAPHEALTH_METRICS_ROWS_H


#include "caphealth_metrics.h"


#define caphealth_count_of(list)  (sizeof(list) / sizeof((list)[0]))


/* what the samples of one text are drawn from; NULL where it does not matter */

typedef struct {
    caphealth_exposition_t         out;
    const caphealth_facts_t       *facts;
    const caphealth_policy_t      *policy;
    const caphealth_assessment_t  *assessment;
    const caphealth_build_t       *build;
    const caphealth_images_t      *images;
    const caphealth_activity_t    *activity;
    double                         now;
} caphealth_scrape_t;


typedef struct caphealth_row_s  caphealth_row_t;

struct caphealth_row_s {
    caphealth_metric_t   metric;

    /* goes through the things */
    void               (*each)(caphealth_scrape_t *s,
                               const caphealth_row_t *row);

    /* the number in a field, in the family's unit; NAN: not known */
    double             (*read)(const void *field);
    size_t               offset;
};


/* a list of things that have a name */

typedef struct {
    const char        *name;
    size_t             offset;
} caphealth_part_t;


/* The samples of the versions, the statuses, the thresholds and the tiers. */
void caphealth_rows_judged(caphealth_scrape_t *s);

/* The samples of every row. */
void caphealth_rows_write(caphealth_scrape_t *s, const caphealth_row_t *rows,
    size_t n);

/* The sample of one thing. */
void caphealth_row_sample(caphealth_scrape_t *s, const caphealth_row_t *row,
    const void *thing, const caphealth_label_t *labels, size_t n);

/*
 * A state set: a sample for each of n states, 1 for the current one, the
 * others 0.  The state is the value of two labels: of one that has the
 * family's name, for that is what OpenMetrics wants, and of one that has the
 * short name label.  first is a label before them, or NULL.
 */
void caphealth_row_states(caphealth_scrape_t *s, const caphealth_row_t *row,
    const caphealth_label_t *first, const char *label,
    const char *const *states, size_t n, size_t current);


/* fields of these types */

double caphealth_read_count(const void *field);      /* int64_t */
double caphealth_read_real(const void *field);       /* double */
double caphealth_read_percent(const void *field);    /* double, as a ratio */
double caphealth_read_flag(const void *field);       /* int */
double caphealth_read_time(const void *field);       /* double; 0: never */


#endif /* CAPHEALTH_METRICS_ROWS_H */
