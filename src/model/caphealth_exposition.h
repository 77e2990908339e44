
/*
 * Exposition: metrics as text, in the format of Prometheus, version 0.0.4, or
 * in that of OpenMetrics, 1.0.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * https://prometheus.io/docs/specs/om/open_metrics_spec/
 */

#ifndef CAPHEALTH_EXPOSITION_H
#define CAPHEALTH_EXPOSITION_H


#include <stddef.h>
#include <stdio.h>


typedef enum {
    CAPHEALTH_PROMETHEUS = 0,
    CAPHEALTH_OPENMETRICS,
    CAPHEALTH_DIALECTS           /* how many there are */
} caphealth_dialect_e;


typedef enum {
    CAPHEALTH_GAUGE = 0,
    CAPHEALTH_COUNTER,
    CAPHEALTH_INFO,
    CAPHEALTH_STATESET,
    CAPHEALTH_HISTOGRAM
} caphealth_metric_type_e;


/* a family of samples; help has nothing that would need to be escaped */

typedef struct {
    const char                *name;     /* without "_total" and "_info"; its
                                            unit is at the end */
    caphealth_metric_type_e    type;
    const char                *help;
} caphealth_metric_t;


/* a label whose value is NULL is left out */

typedef struct {
    const char                *name;
    const char                *value;
} caphealth_label_t;


typedef struct {
    FILE                          *stream;
    char                          *text;
    size_t                         len;
    caphealth_dialect_e            dialect;
    const caphealth_metric_t      *metric;
    int                            named;    /* its HELP and TYPE are there */
    int                            failed;   /* the caller had no memory for a
                                                sample */
} caphealth_exposition_t;


/* Returns 0, or -1: no memory. */
int caphealth_exposition_open(caphealth_exposition_t *e,
    caphealth_dialect_e dialect);

/*
 * Begins a family.  Its description is written with its first sample, so
 * nothing is written of a family without samples.
 */
void caphealth_exposition_metric(caphealth_exposition_t *e,
    const caphealth_metric_t *metric);

/*
 * Writes a sample, unless its value is NAN: unknown.
 * suffix is NULL, or for a histogram "_bucket", "_sum" or "_count".  Label
 * values may be any bytes: they are escaped, and come out as valid UTF-8.
 */
void caphealth_exposition_sample(caphealth_exposition_t *e,
    const char *suffix, const caphealth_label_t *labels, size_t n,
    double value);

/* Writes the end of an OpenMetrics document; nothing for Prometheus. */
void caphealth_exposition_end(caphealth_exposition_t *e);

/*
 * The text, *len bytes without its NUL, which the caller free()s.  NULL: no
 * memory.
 */
char *caphealth_exposition_close(caphealth_exposition_t *e, size_t *len);

/*
 * A number as both formats write it: an integer without a point, others with
 * the fewest digits that are read back as the same double.
 */
void caphealth_exposition_number(char *text, size_t size, double x);


#endif /* CAPHEALTH_EXPOSITION_H */
