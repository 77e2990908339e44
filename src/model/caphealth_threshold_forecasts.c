
/*
 * Forecasts of the thresholds and of the tier.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_number.h"
#include "caphealth_status.h"
#include "caphealth_threshold_forecasts.h"


#define CAPHEALTH_DAY_SECONDS   86400
#define CAPHEALTH_HOUR_SECONDS  3600


/* the daily maxima of a threshold, in its unit */

typedef struct {
    const char    *key;          /* of it, without a path */
    const char    *series;       /* of the history */
    double         unit;         /* of the threshold, in that of the series */
} caphealth_forecast_source_t;


static void caphealth_forecasts_threshold(caphealth_forecasts_t *fs,
    const caphealth_facts_t *f, const char *name, const char *key,
    const char *path, const caphealth_check_t *c, double now);
static void caphealth_forecasts_tier(caphealth_forecasts_t *fs,
    const caphealth_facts_t *f, const char *key, int64_t value, int64_t bound,
    double now);
static const caphealth_forecast_source_t *caphealth_forecast_source(
    const char *key);
static int caphealth_forecast_past(caphealth_forecast_input_t *input,
    const caphealth_facts_t *f, const caphealth_forecast_source_t *source,
    const char *path);
static int caphealth_forecast_add_series(caphealth_forecast_input_t *input,
    const caphealth_facts_t *f, const caphealth_forecast_source_t *source,
    const char *path);
static void caphealth_forecasts_add(caphealth_forecasts_t *fs,
    caphealth_forecast_input_t *input, const char *measure, const char *path,
    double value, double now);
static int caphealth_forecast_same_bounds(const caphealth_forecast_input_t *a,
    const caphealth_forecast_input_t *b);
static int caphealth_forecast_same_past(const caphealth_forecast_input_t *a,
    const caphealth_forecast_input_t *b);
static int caphealth_forecast_same(const double *a, const double *b,
    size_t n);


static const caphealth_forecast_source_t  caphealth_forecast_sources[] = {
    { "products_total", "products_count", 1 },
    { "storage_gb", "image_bytes", CAPHEALTH_GIB },
    { "db_size_mb", "database_size_gb", 1 / 1024.0 },
    { "disk_percent", "disk_percent", 1 },
    { "inodes_percent", "disk_inodes_percent", 1 },
    { "memory_percent", "memory_percent", 1 },
    { "cpu_percent", "cpu_mean_percent", 1 },
    { "tier:vendors", "vendors_count", 1 },
    { "tier:products", "products_count", 1 }
};


void
caphealth_forecasts_update(caphealth_forecasts_t *fs,
    const caphealth_facts_t *f, const caphealth_policy_t *p, double now)
{
    size_t                       i;
    const char                  *path;
    caphealth_extra_t            e;
    caphealth_evaluation_t       a;
    const caphealth_tier_t      *tier;
    const caphealth_measure_t   *m;
    const caphealth_database_t  *d = &f->database.value;

    fs->n = 0;
    fs->renewed = 0;

    if (f->history.value.n == 0) {
        return;
    }

    caphealth_evaluate(&a, f, p, now);

    for (i = 0; i < CAPHEALTH_THRESHOLDS; i++) {
        m = caphealth_threshold((caphealth_threshold_e) i);
        path = (i == CAPHEALTH_DISK_PERCENT && f->ndisks > 0)
               ? f->disks[0].path : NULL;

        caphealth_forecasts_threshold(fs, f, m->key, m->key, path,
                                      &a.checks[i], now);
    }

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, f, p, now)) {
        caphealth_forecasts_threshold(fs, f, e.measure->key, e.key, e.path,
                                      &e.check, now);
    }

    tier = a.tier;

    if (tier != NULL) {
        caphealth_forecasts_tier(fs, f, "tier:vendors", d->vendors_count,
                                 tier->max_clients, now);
        caphealth_forecasts_tier(fs, f, "tier:products", d->products_count,
                                 tier->max_products, now);
    }
}


/* a threshold that is off has no bounds to reach */

static void
caphealth_forecasts_threshold(caphealth_forecasts_t *fs,
    const caphealth_facts_t *f, const char *name, const char *key,
    const char *path, const caphealth_check_t *c, double now)
{
    caphealth_forecast_input_t          input;
    const caphealth_forecast_source_t  *source;

    source = caphealth_forecast_source(name);

    if (source == NULL || strlen(key) >= sizeof(input.key)
        || c->status == CAPHEALTH_NOT_CONFIGURED)
    {
        return;
    }

    memset(&input, 0, sizeof(caphealth_forecast_input_t));

    (void) snprintf(input.key, sizeof(input.key), "%s", key);

    input.limits[CAPHEALTH_LEVEL_WARNING] = c->bounds.warning;
    input.limits[CAPHEALTH_LEVEL_CRITICAL] = c->bounds.critical;
    input.limits[CAPHEALTH_LEVEL_LIMIT] = c->bounds.limit;

    if (caphealth_forecast_past(&input, f, source, path)) {
        caphealth_forecasts_add(fs, &input, name, path, c->current, now);
    }
}


static void
caphealth_forecasts_tier(caphealth_forecasts_t *fs, const caphealth_facts_t *f,
    const char *key, int64_t value, int64_t bound, double now)
{
    caphealth_forecast_input_t  input;

    memset(&input, 0, sizeof(caphealth_forecast_input_t));

    (void) snprintf(input.key, sizeof(input.key), "%s", key);

    input.limits[CAPHEALTH_LEVEL_WARNING] = NAN;
    input.limits[CAPHEALTH_LEVEL_CRITICAL] = NAN;
    input.limits[CAPHEALTH_LEVEL_LIMIT] = caphealth_amount(bound, 1);

    if (caphealth_forecast_past(&input, f, caphealth_forecast_source(key),
                                NULL))
    {
        caphealth_forecasts_add(fs, &input, NULL, NULL,
                                caphealth_amount(value, 1), now);
    }
}


/* NULL: of such a threshold no history is kept */

static const caphealth_forecast_source_t *
caphealth_forecast_source(const char *key)
{
    size_t  i;

    for (i = 0; i < caphealth_count_of(caphealth_forecast_sources); i++) {
        if (strcmp(caphealth_forecast_sources[i].key, key) == 0) {
            return &caphealth_forecast_sources[i];
        }
    }

    return NULL;
}


/*
 * The image trees are judged together.  The sum of their maxima is that of the
 * trees, unless one shrinks on a day on which another grows.
 */

static int
caphealth_forecast_past(caphealth_forecast_input_t *input,
    const caphealth_facts_t *f, const caphealth_forecast_source_t *source,
    const char *path)
{
    size_t                     i;
    const caphealth_images_t  *images = &f->images.value;

    input->first_day = f->history.value.first_day;

    if (strcmp(source->series, "image_bytes") != 0) {
        return caphealth_forecast_add_series(input, f, source, path);
    }

    for (i = 0; i < images->nroots; i++) {
        if (!caphealth_forecast_add_series(input, f, source,
                                           images->roots[i].path))
        {
            return 0;
        }
    }

    return images->nroots > 0;
}


static int
caphealth_forecast_add_series(caphealth_forecast_input_t *input,
    const caphealth_facts_t *f, const caphealth_forecast_source_t *source,
    const char *path)
{
    int                      n;
    char                     name[CAPHEALTH_SERIES_NAME];
    size_t                   i;
    const caphealth_past_t  *past;

    n = snprintf(name, sizeof(name), "%s%s%s", source->series,
                 path == NULL ? "" : ":", path == NULL ? "" : path);

    if (n < 0 || (size_t) n >= sizeof(name)) {
        return 0;
    }

    past = caphealth_history_facts_past(&f->history.value, name);

    if (past == NULL) {
        return 0;
    }

    for (i = 0; i < CAPHEALTH_PAST_DAYS; i++) {
        input->days[i] += (double) past->days[i] / source->unit;
    }

    return 1;
}


static void
caphealth_forecasts_add(caphealth_forecasts_t *fs,
    caphealth_forecast_input_t *input, const char *measure, const char *path,
    double value, double now)
{
    size_t                           i;
    caphealth_forecast_day_t         days[CAPHEALTH_PAST_DAYS];
    caphealth_threshold_forecast_t  *t;

    if (fs->n == CAPHEALTH_FORECASTS) {
        return;
    }

    input->hour = (int64_t) (now / CAPHEALTH_HOUR_SECONDS);

    for (i = 0; i < CAPHEALTH_LEVELS; i++) {
        if (value >= input->limits[i]) {
            input->reached |= UINT32_C(1) << i;
        }
    }

    for (i = 0; i < CAPHEALTH_PAST_DAYS; i++) {
        days[i].day = input->first_day + (int32_t) i;

        /* the day that is not over changes, and is not used */

        if (days[i].day >= (int32_t) (now / CAPHEALTH_DAY_SECONDS)) {
            input->days[i] = NAN;
        }

        days[i].value = input->days[i];
    }

    t = &fs->of[fs->n++];
    t->measure = measure;
    t->path = path;

    if (caphealth_forecast_same_bounds(&t->input, input)) {

        if (caphealth_forecast_same_past(&t->input, input)) {
            return;
        }

        /* at midnight it is so of all, and each takes its time */

        if (fs->renewed) {
            return;
        }

        fs->renewed = 1;
    }

    t->input = *input;

    caphealth_forecast(days, CAPHEALTH_PAST_DAYS, now / CAPHEALTH_DAY_SECONDS,
                       value, input->limits, CAPHEALTH_LEVELS, t->levels);

    fs->computed++;
}


static int
caphealth_forecast_same_bounds(const caphealth_forecast_input_t *a,
    const caphealth_forecast_input_t *b)
{
    return strcmp(a->key, b->key) == 0 && a->reached == b->reached
           && caphealth_forecast_same(a->limits, b->limits, CAPHEALTH_LEVELS);
}


static int
caphealth_forecast_same_past(const caphealth_forecast_input_t *a,
    const caphealth_forecast_input_t *b)
{
    return a->hour == b->hour && a->first_day == b->first_day
           && caphealth_forecast_same(a->days, b->days, CAPHEALTH_PAST_DAYS);
}


/* a NAN is like another one */

static int
caphealth_forecast_same(const double *a, const double *b, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) {
            return 0;
        }
    }

    return 1;
}


const caphealth_forecast_t *
caphealth_forecasts_find(const caphealth_facts_t *f, const char *key)
{
    size_t                        i;
    const caphealth_forecasts_t  *fs = f->forecasts;

    for (i = 0; fs != NULL && i < fs->n; i++) {
        if (strcmp(fs->of[i].input.key, key) == 0) {
            return fs->of[i].levels;
        }
    }

    return NULL;
}


int
caphealth_forecast_known(const caphealth_forecast_t *f)
{
    return f->reason == CAPHEALTH_FORECAST_KNOWN
           || f->reason == CAPHEALTH_FORECAST_REACHED;
}


caphealth_forecast_reason_e
caphealth_forecasts_reason(const caphealth_facts_t *f, const char *key,
    const caphealth_forecast_t *forecast)
{
    int   n;
    char  name[CAPHEALTH_SERIES_NAME];

    if (forecast != NULL) {
        return caphealth_forecast_known(forecast) ? CAPHEALTH_FORECAST_KNOWN
                                                  : forecast->reason;
    }

    if (!f->history.section.configured) {
        return CAPHEALTH_FORECAST_NO_HISTORY;
    }

    n = (strncmp(key, "tier:", 5) == 0) ? (int) strlen(key)
                                        : (int) strcspn(key, ":");

    (void) snprintf(name, sizeof(name), "%.*s", n, key);

    return (caphealth_forecast_source(name) == NULL)
           ? CAPHEALTH_FORECAST_NOT_KEPT : CAPHEALTH_FORECAST_TOO_LITTLE_PAST;
}


double
caphealth_forecast_days(double days)
{
    return caphealth_round(days, days < 9.95 ? 1 : 0);
}


const char *
caphealth_forecasts_sentence(char *buf, const char *what,
    const caphealth_facts_t *f, const char *key)
{
    double                       mid;
    const caphealth_forecast_t  *forecast;

    forecast = caphealth_forecasts_find(f, key);

    if (forecast == NULL
        || forecast[CAPHEALTH_LEVEL_LIMIT].reason != CAPHEALTH_FORECAST_KNOWN)
    {
        return NULL;
    }

    forecast = &forecast[CAPHEALTH_LEVEL_LIMIT];
    mid = caphealth_forecast_days(forecast->mid);

    (void) snprintf(buf, CAPHEALTH_FORECAST_LEN,
                    "at this pace, %s in %.15g day%s (%.15g to %.15g)", what,
                    mid, mid == 1 ? "" : "s",
                    caphealth_forecast_days(forecast->low),
                    caphealth_forecast_days(forecast->high));

    return buf;
}
