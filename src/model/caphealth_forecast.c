
/*
 * Forecast: see the header.
 */

#include <math.h>
#include <string.h>

#include "caphealth_forecast.h"


#define CAPHEALTH_FORECAST_WINDOWS    3
#define CAPHEALTH_FORECAST_WIDTHS     4

/* of the distance of a limit, that a hindcast is made for */
#define CAPHEALTH_FORECAST_PARTS      3

#define CAPHEALTH_FORECAST_PAIRS                                              \
    (CAPHEALTH_FORECAST_DAYS * (CAPHEALTH_FORECAST_DAYS - 1) / 2)

#define CAPHEALTH_FORECAST_ERRORS                                             \
    (CAPHEALTH_FORECAST_DAYS * CAPHEALTH_FORECAST_PARTS)

/* what is larger is not a number of anything */
#define CAPHEALTH_FORECAST_LARGEST    1e100

/* fewer errors than these have no quantiles */
#define CAPHEALTH_FORECAST_FEW        6

/* pairs of days that rise in what grows, in percent; and if they are so few
   days that the line may rise by chance */
#define CAPHEALTH_FORECAST_RISING     80
#define CAPHEALTH_FORECAST_CHANCE     10
#define CAPHEALTH_FORECAST_MORE       90

/* the level of a line is at most the highest value of so many days */
#define CAPHEALTH_FORECAST_RECENT     7

/* steps of which the last are looked at for a growth that has become faster or
   slower, and by how much; fewer may be a pause, and not slower */
#define CAPHEALTH_FORECAST_STEPS      21
#define CAPHEALTH_FORECAST_FASTER     2
#define CAPHEALTH_FORECAST_PAUSE      5

/* a window is left for a longer one that errs so much less */
#define CAPHEALTH_FORECAST_BETTER     0.85

/* quantile of the errors at each end of the band, and the share of the past
   days on which it has to be right */
#define CAPHEALTH_FORECAST_TAIL       0.12
#define CAPHEALTH_FORECAST_HITS       0.82

/* half of the band of a random walk, in standard deviations */
#define CAPHEALTH_FORECAST_DEVIATIONS 1.5

/* the band grows by this power of the distance that the past is too short
   for */
#define CAPHEALTH_FORECAST_GROWTH     0.35

/* days that each end of the band is wider, for at which hour of a day its
   highest value was is not known */
#define CAPHEALTH_FORECAST_HOURS      0.25

/* logarithms: the least distance of the ends of the band from its middle, the
   most from each other (12 times), both ends while there is no hindcast (2.5
   times), and the largest error (1000 times) */
#define CAPHEALTH_FORECAST_NARROWEST  0.02
#define CAPHEALTH_FORECAST_WIDEST     2.4849
#define CAPHEALTH_FORECAST_GUESS      0.9163
#define CAPHEALTH_FORECAST_MOST       6.9078


typedef struct {
    size_t                      n;
    int32_t                     days[CAPHEALTH_FORECAST_DAYS];
    double                      values[CAPHEALTH_FORECAST_DAYS];
    double                      recent;      /* the highest of the last ones */
    double                      last;        /* of those that are cut off */
} caphealth_forecast_past_t;


typedef struct {
    double                      slope;   /* a day */
    double                      level;   /* of the line, on its last day */
    double                      above;   /* the furthest value above it */
    unsigned                    grows:1; /* else nothing is said */
} caphealth_forecast_line_t;


/* for each window, the line of each day and those before it */

typedef struct {
    size_t                      windows;
    double                      variance;    /* a day, of the random walk that
                                                the past contains */
    caphealth_forecast_line_t   lines[CAPHEALTH_FORECAST_WINDOWS]
                                     [CAPHEALTH_FORECAST_DAYS];
} caphealth_forecast_lines_t;


/*
 * What was said on a past day.  The error and both ends of the band are
 * logarithms of a time by the time that the line said.
 */

typedef struct {
    size_t                      said;    /* indices of days */
    size_t                      known;
    double                      error;
    double                      walk;    /* the band of a random walk */
    double                      low;     /* of the errors known until then */
    double                      high;
} caphealth_forecast_case_t;


typedef struct {
    size_t                      n;
    double                      horizon;     /* days */
    caphealth_forecast_case_t   of[CAPHEALTH_FORECAST_ERRORS];
} caphealth_forecast_hindcast_t;


static void caphealth_forecast_copy(caphealth_forecast_past_t *p,
    const caphealth_forecast_day_t *past, size_t n, double today);
static void caphealth_forecast_shift(caphealth_forecast_past_t *p,
    size_t *start, size_t *end);
static size_t caphealth_forecast_faster(const caphealth_forecast_past_t *p);
static size_t caphealth_forecast_slower(const caphealth_forecast_past_t *p,
    size_t start, size_t end);
static double caphealth_forecast_gain(const caphealth_forecast_past_t *p,
    size_t from, size_t to);
static double caphealth_forecast_step(const caphealth_forecast_past_t *p,
    size_t i, double m);
static double caphealth_forecast_median_of(const caphealth_forecast_past_t *p,
    size_t from, size_t to);
static void caphealth_forecast_cut(caphealth_forecast_past_t *p,
    size_t start, size_t end, double today);
static void caphealth_forecast_fit(caphealth_forecast_lines_t *l,
    const caphealth_forecast_past_t *p);
static caphealth_forecast_line_t caphealth_forecast_fit_line(
    const caphealth_forecast_past_t *p, size_t last, int32_t window);
static double caphealth_forecast_variance(const caphealth_forecast_past_t *p);
static double caphealth_forecast_lag_square(const caphealth_forecast_past_t *p,
    double slope, int32_t lag);
static void caphealth_forecast_limit(const caphealth_forecast_past_t *p,
    const caphealth_forecast_lines_t *l, double now, double value,
    double limit, caphealth_forecast_t *f);
static double caphealth_forecast_distance(
    const caphealth_forecast_line_t *line, double ahead, double value,
    double limit, double *soonest);
static void caphealth_forecast_hindcast(const caphealth_forecast_past_t *p,
    const caphealth_forecast_lines_t *l, size_t window, double distance,
    caphealth_forecast_hindcast_t *h);
static double caphealth_forecast_error(const caphealth_forecast_past_t *p,
    const caphealth_forecast_line_t *line, size_t said, size_t known);
static double caphealth_forecast_walk_width(
    const caphealth_forecast_lines_t *l, size_t window, double slope,
    double distance);
static double caphealth_forecast_score(const caphealth_forecast_hindcast_t *h);
static int caphealth_forecast_band(const caphealth_forecast_lines_t *l,
    size_t window, double slope, double distance, double soonest,
    caphealth_forecast_hindcast_t *h, caphealth_forecast_t *f);
static double caphealth_forecast_width(caphealth_forecast_hindcast_t *h,
    double *sorted, double *hit_rate);
static size_t caphealth_forecast_add_known(
    const caphealth_forecast_hindcast_t *h, size_t day, double *sorted,
    size_t n);
static double caphealth_forecast_sorted_quantile(const double *a, size_t n,
    double q);
static double caphealth_forecast_quantile(double *a, size_t n, double q);
static double caphealth_forecast_select(double *a, size_t n, size_t k);


static const int32_t  caphealth_forecast_windows[CAPHEALTH_FORECAST_WINDOWS] = {
    14, 28, 60
};


static const double  caphealth_forecast_parts[CAPHEALTH_FORECAST_PARTS] = {
    0.5, 0.75, 1
};


static const double  caphealth_forecast_widths[CAPHEALTH_FORECAST_WIDTHS] = {
    1, 1.25, 1.5, 2
};


static const struct {
    const char                 *code;
    const char                 *sentence;
} caphealth_forecast_reasons[] = {
    [CAPHEALTH_FORECAST_KNOWN] = { NULL, "" },
    [CAPHEALTH_FORECAST_REACHED] = {
        "reached", "The limit has been reached in the last 7 days." },
    [CAPHEALTH_FORECAST_TOO_LITTLE_PAST] = {
        "too_little_past",
        "Too little is known of the past: at least 5 days are needed." },
    [CAPHEALTH_FORECAST_NOT_GROWING] = {
        "not_growing", "It is not growing." },
    [CAPHEALTH_FORECAST_TOO_UNSTEADY] = {
        "too_unsteady", "It grows too unsteadily to say when." },
    [CAPHEALTH_FORECAST_NO_LIMIT] = {
        "no_limit", "There is no limit." },
    [CAPHEALTH_FORECAST_NO_HISTORY] = {
        "no_history", "The history is off." },
    [CAPHEALTH_FORECAST_NOT_KEPT] = {
        "not_kept", "No history of it is kept." }
};


void
caphealth_forecast(const caphealth_forecast_day_t *past, size_t n,
    double now, double value, const double *limits, size_t nlimits,
    caphealth_forecast_t *forecasts)
{
    size_t                      i, start, end;
    caphealth_forecast_past_t   p;
    caphealth_forecast_lines_t  lines;

    caphealth_forecast_copy(&p, past, n, floor(now));
    caphealth_forecast_shift(&p, &start, &end);
    caphealth_forecast_cut(&p, start, end, floor(now));
    caphealth_forecast_fit(&lines, &p);

    for (i = 0; i < nlimits; i++) {
        caphealth_forecast_limit(&p, &lines, now, value, limits[i],
                                 &forecasts[i]);
    }
}


const char *
caphealth_forecast_reason(caphealth_forecast_reason_e reason)
{
    return caphealth_forecast_reasons[reason].sentence;
}


const char *
caphealth_forecast_code(caphealth_forecast_reason_e reason)
{
    return caphealth_forecast_reasons[reason].code;
}


static void
caphealth_forecast_copy(caphealth_forecast_past_t *p,
    const caphealth_forecast_day_t *past, size_t n, double today)
{
    size_t  i;
    double  age;

    p->n = 0;

    for (i = 0; i < n; i++) {
        age = today - past[i].day;

        if (!(age >= 1 && age <= CAPHEALTH_FORECAST_DAYS)
            || !(fabs(past[i].value) < CAPHEALTH_FORECAST_LARGEST)
            || (p->n > 0 && past[i].day <= p->days[p->n - 1]))
        {
            continue;
        }

        p->days[p->n] = past[i].day;
        p->values[p->n] = past[i].value;
        p->n++;
    }
}


/*
 * The days after the last level shift, and before a rise in the last two days,
 * which may be gone tomorrow; or those of a growth that has become faster or
 * slower.  A rise of a single day is taken out.
 */

static void
caphealth_forecast_shift(caphealth_forecast_past_t *p, size_t *start,
    size_t *end)
{
    double  m, step, before, after, least, most;
    size_t  i, n;
    double  steps[CAPHEALTH_FORECAST_DAYS], a[CAPHEALTH_FORECAST_DAYS];

    *start = 0;
    *end = p->n;

    if (p->n < 9) {
        return;
    }

    i = caphealth_forecast_faster(p);

    if (i > 0) {
        *start = i;
        return;
    }

    n = p->n - 1;
    most = fabs(p->values[0]);

    for (i = 0; i < n; i++) {
        steps[i] = p->values[i + 1] - p->values[i];
        most = fmax(most, fabs(p->values[i + 1]));
    }

    memcpy(a, steps, n * sizeof(double));
    m = caphealth_forecast_quantile(a, n, 0.5);

    for (i = 0; i < n; i++) {
        a[i] = fabs(steps[i] - m);
    }

    least = fmax(6 * 1.4826 * caphealth_forecast_quantile(a, n, 0.5),
                 3 * caphealth_forecast_quantile(a, n, 0.9));
    least = fmax(least, 0.02 * most);

    for (i = 1; i + 1 < p->n; i++) {
        if (caphealth_forecast_step(p, i, m) > least
            && caphealth_forecast_step(p, i + 1, m) < -least)
        {
            p->n--;
            memmove(&p->days[i], &p->days[i + 1],
                    (p->n - i) * sizeof(int32_t));
            memmove(&p->values[i], &p->values[i + 1],
                    (p->n - i) * sizeof(double));
        }
    }

    *end = p->n;

    for (i = 1; i < p->n; i++) {
        step = caphealth_forecast_step(p, i, m);

        if (fabs(step) <= least) {
            continue;
        }

        before = caphealth_forecast_median_of(p, (i < 4) ? 0 : i - 4, i);
        after = caphealth_forecast_median_of(p, i, i + 4);

        if (p->n - i >= 3) {
            if (fabs(after - before - 4 * m) > 0.75 * least) {
                *start = i;
            }

        } else if (step > 0) {
            *end = (*end < i) ? *end : i;

        } else if (before - p->values[i] > least) {

            /* what has become less need not grow as it did */

            *start = i;
            *end = p->n;
        }
    }

    *start = caphealth_forecast_slower(p, *start, *end);
}


/*
 * The day since which it has grown by far more than it ever did in so many
 * days, and still does; 0: there is none.
 */

static size_t
caphealth_forecast_faster(const caphealth_forecast_past_t *p)
{
    double  gain, most, ratio, best;
    size_t  i, k, last, found;

    last = p->n - 1;
    best = CAPHEALTH_FORECAST_FASTER;
    found = 0;

    for (k = 3;
         k <= CAPHEALTH_FORECAST_STEPS
         && last >= 2 * k + CAPHEALTH_FORECAST_FEW;
         k++)
    {
        gain = caphealth_forecast_gain(p, last - k, last);

        if (gain <= 0
            || p->values[last] - p->values[last - 2] < gain / (double) k)
        {
            continue;
        }

        most = 0;

        for (i = 0; i + k <= last - k; i++) {
            most = fmax(most, caphealth_forecast_gain(p, i, i + k));
        }

        ratio = (most > 0) ? gain / most : CAPHEALTH_FORECAST_LARGEST;

        if (ratio > best) {
            best = ratio;
            found = last - k;
        }
    }

    return found;
}


/* the day since which it has grown by far less than ever; or start */

static size_t
caphealth_forecast_slower(const caphealth_forecast_past_t *p, size_t start,
    size_t end)
{
    double  gain, least, ratio, best;
    size_t  i, k, last, found;

    last = end - 1;
    best = CAPHEALTH_FORECAST_FASTER;
    found = start;

    for (k = CAPHEALTH_FORECAST_PAUSE;
         k <= CAPHEALTH_FORECAST_STEPS
         && last >= start + 2 * k + CAPHEALTH_FORECAST_FEW;
         k++)
    {
        gain = caphealth_forecast_gain(p, last - k, last);
        least = INFINITY;

        for (i = start; i + k <= last - k; i++) {
            least = fmin(least, caphealth_forecast_gain(p, i, i + k));
        }

        ratio = (gain > 0) ? least / gain : CAPHEALTH_FORECAST_LARGEST;

        if (least > 0 && ratio > best) {
            best = ratio;
            found = last - k;
        }
    }

    return found;
}


/*
 * Without the largest step and the least: they may be a migration and a
 * clean-up, or the two sides of a single day.
 */

static double
caphealth_forecast_gain(const caphealth_forecast_past_t *p, size_t from,
    size_t to)
{
    size_t  i;
    double  step, largest, least;

    largest = -INFINITY;
    least = INFINITY;

    for (i = from + 1; i <= to; i++) {
        step = p->values[i] - p->values[i - 1];
        largest = fmax(largest, step);
        least = fmin(least, step);
    }

    return p->values[to] - p->values[from] - largest - least;
}


/* from the day before, less what is usual */

static double
caphealth_forecast_step(const caphealth_forecast_past_t *p, size_t i, double m)
{
    return p->values[i] - p->values[i - 1]
           - m * (p->days[i] - p->days[i - 1]);
}


static double
caphealth_forecast_median_of(const caphealth_forecast_past_t *p, size_t from,
    size_t to)
{
    size_t  n;
    double  a[4];

    if (to > p->n) {
        to = p->n;
    }

    n = to - from;
    memcpy(a, &p->values[from], n * sizeof(double));

    return caphealth_forecast_quantile(a, n, 0.5);
}


static void
caphealth_forecast_cut(caphealth_forecast_past_t *p, size_t start, size_t end,
    double today)
{
    size_t  i;

    p->recent = -INFINITY;
    p->last = (p->n > end) ? p->values[p->n - 1] : NAN;

    for (i = start; i < p->n; i++) {
        if (today - p->days[i] <= CAPHEALTH_FORECAST_RECENT) {
            p->recent = fmax(p->recent, p->values[i]);
        }
    }

    p->n = end - start;

    memmove(p->days, &p->days[start], p->n * sizeof(int32_t));
    memmove(p->values, &p->values[start], p->n * sizeof(double));
}


static void
caphealth_forecast_fit(caphealth_forecast_lines_t *l,
    const caphealth_forecast_past_t *p)
{
    size_t   i, w;
    int32_t  days, window;

    l->windows = 0;

    if (p->n < CAPHEALTH_FORECAST_LEAST) {
        return;
    }

    days = p->days[p->n - 1] - p->days[0] + 1;
    l->variance = caphealth_forecast_variance(p);

    for (w = 0; w < CAPHEALTH_FORECAST_WINDOWS; w++) {
        window = caphealth_forecast_windows[w];

        if (w > 0 && 4 * days < 3 * window) {
            break;
        }

        for (i = 0; i < p->n; i++) {

            /* where the past is shorter than both windows, they are one */

            if (w > 0 && p->days[i] - p->days[0]
                         < caphealth_forecast_windows[w - 1])
            {
                l->lines[w][i] = l->lines[w - 1][i];
                continue;
            }

            l->lines[w][i] = caphealth_forecast_fit_line(p, i, window);
        }

        l->windows++;
    }
}


static caphealth_forecast_line_t
caphealth_forecast_fit_line(const caphealth_forecast_past_t *p, size_t last,
    int32_t window)
{
    size_t                     i, j, first, n, rising;
    double                     slope, recent;
    double                     a[CAPHEALTH_FORECAST_PAIRS];
    int32_t                    days;
    caphealth_forecast_line_t  line;

    line = (caphealth_forecast_line_t) { NAN, NAN, 0, 0 };

    for (first = last;
         first > 0 && p->days[last] - p->days[first - 1] < window;
         first--)
    {
        /* void */
    }

    if (last - first + 1 < CAPHEALTH_FORECAST_LEAST) {
        return line;
    }

    days = p->days[last] - p->days[first];
    n = 0;
    rising = 0;

    for (i = first; i < last; i++) {
        for (j = last; 2 * (p->days[j] - p->days[i]) >= days; j--) {
            slope = (p->values[j] - p->values[i])
                    / (p->days[j] - p->days[i]);

            a[n++] = slope;
            rising += (slope > 0);
        }
    }

    line.slope = caphealth_forecast_quantile(a, n, 0.5);
    line.grows = (line.slope > 0
                  && 100 * rising >= n * ((days < CAPHEALTH_FORECAST_CHANCE)
                                          ? CAPHEALTH_FORECAST_MORE
                                          : CAPHEALTH_FORECAST_RISING));

    n = 0;
    recent = p->values[last];

    for (i = first; i <= last; i++) {
        a[n++] = p->values[i] + line.slope * (p->days[last] - p->days[i]);

        if (p->days[last] - p->days[i] < CAPHEALTH_FORECAST_RECENT) {
            recent = fmax(recent, p->values[i]);
        }
    }

    line.level = fmin(caphealth_forecast_quantile(a, n, 0.5), recent);

    for (i = 0; i < n; i++) {
        line.above = fmax(line.above, a[i] - line.level);
    }

    return line;
}


/*
 * The steps of a random walk add up, the noise of single days does not: what
 * 7 days differ by more than one day does comes of six steps.
 */

static double
caphealth_forecast_variance(const caphealth_forecast_past_t *p)
{
    double  slope;

    slope = (p->values[p->n - 1] - p->values[0])
            / (p->days[p->n - 1] - p->days[0]);

    return fmax(0, (caphealth_forecast_lag_square(p, slope, 7)
                    - caphealth_forecast_lag_square(p, slope, 1)) / 6);
}


/* mean square of the differences of days that are so far apart */

static double
caphealth_forecast_lag_square(const caphealth_forecast_past_t *p, double slope,
    int32_t lag)
{
    double  sum, x;
    size_t  i, j, n;

    n = 0;
    sum = 0;
    j = 0;

    for (i = 0; i < p->n; i++) {
        while (p->days[i] - p->days[j] > lag) {
            j++;
        }

        if (p->days[i] - p->days[j] == lag) {
            x = p->values[i] - p->values[j] - slope * lag;
            sum += x * x;
            n++;
        }
    }

    return (n == 0) ? 0 : sum / (double) n;
}


static void
caphealth_forecast_limit(const caphealth_forecast_past_t *p,
    const caphealth_forecast_lines_t *l, double now, double value,
    double limit, caphealth_forecast_t *f)
{
    size_t                           w, window;
    double                           ahead, away, distance, score, best,
                                     soonest, early;
    caphealth_forecast_hindcast_t    h, tried;
    const caphealth_forecast_line_t  *line;

    *f = (caphealth_forecast_t) {
        CAPHEALTH_FORECAST_NO_LIMIT, 0, NAN, NAN, NAN, NAN
    };

    if (!(fabs(limit) < CAPHEALTH_FORECAST_LARGEST)) {
        return;
    }

    if (isnan(value)) {
        value = p->last;
    }

    if (value >= limit || p->recent >= limit) {
        f->reason = CAPHEALTH_FORECAST_REACHED;
        f->low = f->mid = f->high = 0;
        return;
    }

    if (l->windows == 0) {
        f->reason = CAPHEALTH_FORECAST_TOO_LITTLE_PAST;
        return;
    }

    f->reason = CAPHEALTH_FORECAST_NOT_GROWING;
    f->from_days = (uint32_t) (floor(now) - p->days[0]);

    /* what is known of a day is known at its end */

    ahead = now - p->days[p->n - 1] - 1;
    distance = INFINITY;
    best = INFINITY;
    soonest = INFINITY;
    window = 0;
    h.n = 0;

    for (w = 0; w < l->windows; w++) {
        line = &l->lines[w][p->n - 1];

        if (!line->grows) {
            continue;
        }

        away = caphealth_forecast_distance(line, ahead, value, limit,
                                           &early);

        caphealth_forecast_hindcast(p, l, w, away, &tried);
        score = caphealth_forecast_score(&tried);

        if (score < best * CAPHEALTH_FORECAST_BETTER) {
            best = score;
            distance = away;
            soonest = early;
            window = w;
            h = tried;
        }
    }

    if (distance > CAPHEALTH_FORECAST_FURTHEST) {
        return;
    }

    f->reason = caphealth_forecast_band(l, window,
                                        l->lines[window][p->n - 1].slope,
                                        distance, soonest, &h, f)
                ? CAPHEALTH_FORECAST_KNOWN : CAPHEALTH_FORECAST_TOO_UNSTEADY;
}


/*
 * Days from now.  A value that is higher than all that were above the line is
 * more than noise: the line goes on from there, and if the value went on to
 * rise so, the limit would be reached much earlier.
 */

static double
caphealth_forecast_distance(const caphealth_forecast_line_t *line,
    double ahead, double value, double limit, double *soonest)
{
    double  level, rise;

    level = line->level + line->slope * ahead;
    rise = value - level - line->slope - line->above;

    if (!(rise > 0)) {
        *soonest = INFINITY;
        return fmax(0, (limit - level) / line->slope);
    }

    *soonest = (limit - value) / (line->slope + rise / fmax(ahead, 1));

    return (limit - value) / line->slope;
}


/* what the lines of past days said of limits that were about as far away */

static void
caphealth_forecast_hindcast(const caphealth_forecast_past_t *p,
    const caphealth_forecast_lines_t *l, size_t window, double distance,
    caphealth_forecast_hindcast_t *h)
{
    double                           horizon;
    size_t                           i, j, k, before, last;
    int32_t                          days, until, least;
    const caphealth_forecast_line_t  *line;

    last = p->n - 1;
    days = p->days[last] - p->days[0] + 1;

    h->n = 0;
    h->horizon = fmax(1, fmin(distance, 0.5 * days));

    /* lines of much fewer days than today's say nothing of its errors */

    least = caphealth_forecast_windows[window];
    least = (days < least) ? days / 2 : least / 2;

    for (i = 0; i < last; i++) {
        line = &l->lines[window][i];

        if (!line->grows || p->days[i] - p->days[0] < least - 1) {
            continue;
        }

        before = i;

        for (k = 0; k < CAPHEALTH_FORECAST_PARTS; k++) {
            horizon = h->horizon * caphealth_forecast_parts[k];
            until = p->days[i] + (int32_t) lround(fmax(1, horizon));

            if (until > p->days[last]) {
                break;
            }

            for (j = before; j < last && p->days[j + 1] <= until; j++) {
                /* void */
            }

            if (j == before) {
                continue;
            }

            h->of[h->n++] = (caphealth_forecast_case_t) {
                i, j, caphealth_forecast_error(p, line, i, j),
                caphealth_forecast_walk_width(l, window, line->slope, horizon),
                0, 0
            };

            before = j;
        }
    }
}


/*
 * When the highest value between two days was reached, beside what the first
 * day's line says.  A limit would be anywhere between that value and the
 * highest before it, and reached at any time of that day: the middle is taken.
 */

static double
caphealth_forecast_error(const caphealth_forecast_past_t *p,
    const caphealth_forecast_line_t *line, size_t said, size_t known)
{
    size_t  i, reached;
    double  highest, before, distance, error;

    reached = said;
    highest = line->level;
    before = highest;

    for (i = said + 1; i <= known; i++) {
        if (p->values[i] > highest) {
            before = highest;
            highest = p->values[i];
            reached = i;
        }
    }

    if (reached == said) {
        return CAPHEALTH_FORECAST_MOST;
    }

    distance = ((highest + before) / 2 - line->level) / line->slope;

    error = log((p->days[reached] - p->days[said] - 0.5)
                / fmax(distance, 0.5));

    return fmin(fmax(error, -CAPHEALTH_FORECAST_MOST),
                CAPHEALTH_FORECAST_MOST);
}


/* the standard deviation of the time, and that of the slope, by the time */

static double
caphealth_forecast_walk_width(const caphealth_forecast_lines_t *l,
    size_t window, double slope, double distance)
{
    double  variance;

    variance = l->variance / (slope * slope)
               * (1 / fmax(distance, 1)
                  + 1.0 / caphealth_forecast_windows[window]);

    return fmax(CAPHEALTH_FORECAST_NARROWEST,
                CAPHEALTH_FORECAST_DEVIATIONS * sqrt(variance));
}


static double
caphealth_forecast_score(const caphealth_forecast_hindcast_t *h)
{
    size_t  i;
    double  a[CAPHEALTH_FORECAST_ERRORS];

    if (h->n < CAPHEALTH_FORECAST_FEW) {
        return CAPHEALTH_FORECAST_MOST;
    }

    for (i = 0; i < h->n; i++) {
        a[i] = fabs(h->of[i].error);
    }

    return caphealth_forecast_quantile(a, h->n, 0.5);
}


static int
caphealth_forecast_band(const caphealth_forecast_lines_t *l, size_t window,
    double slope, double distance, double soonest,
    caphealth_forecast_hindcast_t *h, caphealth_forecast_t *f)
{
    double  low, high, width, walk, hit_rate;
    double  sorted[CAPHEALTH_FORECAST_ERRORS];

    if (h->n < CAPHEALTH_FORECAST_FEW) {
        low = -CAPHEALTH_FORECAST_GUESS;
        high = CAPHEALTH_FORECAST_GUESS;
        hit_rate = NAN;

    } else {
        width = caphealth_forecast_width(h, sorted, &hit_rate);
        width *= pow(fmax(distance / h->horizon, 1),
                     CAPHEALTH_FORECAST_GROWTH);
        walk = caphealth_forecast_walk_width(l, window, slope, distance);

        low = caphealth_forecast_sorted_quantile(sorted, h->n,
                                                 CAPHEALTH_FORECAST_TAIL);
        high = caphealth_forecast_sorted_quantile(sorted, h->n,
                                                  1 - CAPHEALTH_FORECAST_TAIL);

        low = fmin(low * width, -walk);
        high = fmax(high * width, walk);
    }

    low = fmin(low, log(soonest / distance));

    if (high - low > CAPHEALTH_FORECAST_WIDEST) {
        return 0;
    }

    f->low = fmax(0, distance * exp(low) - CAPHEALTH_FORECAST_HOURS);
    f->mid = distance;
    f->high = distance * exp(high) + CAPHEALTH_FORECAST_HOURS;
    f->hit_rate = hit_rate;

    return 1;
}


/*
 * By what the band is widened so that it would have been right as often as it
 * has to be.  On each past day it is made of what was known then; sorted
 * becomes all errors.
 */

static double
caphealth_forecast_width(caphealth_forecast_hindcast_t *h, double *sorted,
    double *hit_rate)
{
    size_t                      i, k, n, day, first, hits;
    double                      width;
    caphealth_forecast_case_t  *c;

    n = 0;
    day = 0;
    first = h->n;

    for (i = 0; i < h->n; i++) {
        c = &h->of[i];

        for ( /* void */ ; day <= c->said; day++) {
            n = caphealth_forecast_add_known(h, day, sorted, n);
        }

        if (n < CAPHEALTH_FORECAST_FEW) {
            continue;
        }

        if (first == h->n) {
            first = i;
        }

        c->low = caphealth_forecast_sorted_quantile(sorted, n,
                                                    CAPHEALTH_FORECAST_TAIL);
        c->high = caphealth_forecast_sorted_quantile(sorted, n,
                                                 1 - CAPHEALTH_FORECAST_TAIL);
    }

    for ( /* void */ ; day < CAPHEALTH_FORECAST_DAYS; day++) {
        n = caphealth_forecast_add_known(h, day, sorted, n);
    }

    *hit_rate = NAN;
    width = 1;

    if (h->n - first < CAPHEALTH_FORECAST_FEW) {
        return width;
    }

    for (k = 0; k < CAPHEALTH_FORECAST_WIDTHS; k++) {
        width = caphealth_forecast_widths[k];
        hits = 0;

        for (i = first; i < h->n; i++) {
            c = &h->of[i];

            hits += (c->error >= fmin(c->low * width, -c->walk)
                     && c->error <= fmax(c->high * width, c->walk));
        }

        *hit_rate = (double) hits / (double) (h->n - first);

        if (*hit_rate >= CAPHEALTH_FORECAST_HITS) {
            break;
        }
    }

    return width;
}


/* adds the errors that became known on a day to n that are sorted */

static size_t
caphealth_forecast_add_known(const caphealth_forecast_hindcast_t *h, size_t day,
    double *sorted, size_t n)
{
    size_t  i, k;

    for (i = 0; i < h->n; i++) {
        if (h->of[i].known != day) {
            continue;
        }

        for (k = n; k > 0 && sorted[k - 1] > h->of[i].error; k--) {
            sorted[k] = sorted[k - 1];
        }

        sorted[k] = h->of[i].error;
        n++;
    }

    return n;
}


static double
caphealth_forecast_sorted_quantile(const double *a, size_t n, double q)
{
    size_t  k;
    double  x;

    x = q * (double) (n - 1);
    k = (size_t) x;

    return (k + 1 == n) ? a[k] : a[k] + (x - (double) k) * (a[k + 1] - a[k]);
}


/* linear between two values; a is reordered */

static double
caphealth_forecast_quantile(double *a, size_t n, double q)
{
    size_t  i, k;
    double  x, next;

    k = (size_t) (q * (double) (n - 1));
    x = caphealth_forecast_select(a, n, k);

    if (k + 1 == n) {
        return x;
    }

    next = a[k + 1];

    for (i = k + 2; i < n; i++) {
        next = fmin(next, a[i]);
    }

    return x + (q * (double) (n - 1) - (double) k) * (next - x);
}


/* the k-th smallest; it is at k then, and no smaller one behind it */

static double
caphealth_forecast_select(double *a, size_t n, size_t k)
{
    double     x, t;
    ptrdiff_t  i, j, low, high;

    low = 0;
    high = (ptrdiff_t) n - 1;

    while (low < high) {
        x = a[k];
        i = low;
        j = high;

        do {
            while (a[i] < x) {
                i++;
            }

            while (x < a[j]) {
                j--;
            }

            if (i <= j) {
                t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        } while (i <= j);

        if (j < (ptrdiff_t) k) {
            low = i;
        }

        if ((ptrdiff_t) k < i) {
            high = j;
        }
    }

    return a[k];
}
