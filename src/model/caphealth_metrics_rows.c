
/*
 * A row of a table, as samples.
 */

#include <math.h>

#include "caphealth_metrics_rows.h"


void
caphealth_rows_write(caphealth_scrape_t *s, const caphealth_row_t *rows,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        caphealth_exposition_metric(&s->out, &rows[i].metric);
        rows[i].each(s, &rows[i]);
    }
}


void
caphealth_row_sample(caphealth_scrape_t *s, const caphealth_row_t *row,
    const void *thing, const caphealth_label_t *labels, size_t n)
{
    const char  *field;

    field = (const char *) thing + row->offset;

    caphealth_exposition_sample(&s->out, NULL, labels, n, row->read(field));
}


void
caphealth_row_states(caphealth_scrape_t *s, const caphealth_row_t *row,
    const caphealth_label_t *first, const char *label,
    const char *const *states, size_t n, size_t current)
{
    size_t             i;
    caphealth_label_t  labels[3] = {
        { NULL, NULL }, { row->metric.name, NULL }, { label, NULL }
    };

    if (first != NULL) {
        labels[0] = *first;
    }

    for (i = 0; i < n; i++) {
        labels[1].value = states[i];
        labels[2].value = states[i];

        caphealth_exposition_sample(&s->out, NULL, labels, 3, i == current);
    }
}


double
caphealth_read_count(const void *field)
{
    int64_t  n;

    n = *(const int64_t *) field;

    return (n == CAPHEALTH_UNKNOWN) ? NAN : (double) n;
}


double
caphealth_read_real(const void *field)
{
    double  x;

    x = *(const double *) field;

    return isfinite(x) ? x : NAN;
}


double
caphealth_read_percent(const void *field)
{
    return caphealth_read_real(field) / 100;
}


double
caphealth_read_flag(const void *field)
{
    int  flag;

    flag = *(const int *) field;

    return (flag < 0) ? (double) NAN : (double) flag;
}


double
caphealth_read_time(const void *field)
{
    double  t;

    t = caphealth_read_real(field);

    return (t > 0) ? t : NAN;
}
