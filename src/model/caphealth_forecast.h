
/*
 * Forecast: when a measure that grows will reach its limits, from the highest
 * value of each day of its past.  Pure functions: no clock, no allocation, the
 * same result for the same input.
 *
 * The line.  Theil-Sen: the slope is the median of the slopes between pairs of
 * days, the level the median of what is left (H. Theil, "A rank-invariant
 * method of linear and polynomial regression analysis", 1950; P. K. Sen,
 * "Estimates of the regression coefficient based on Kendall's tau", J. of the
 * American Statistical Association 63, 1968).  Only pairs that are at least
 * half of the window apart count, so that a weekly rhythm and the noise of
 * single days weigh less.  Where less than 80 % of the pairs rise, the measure
 * is not growing (the share is that of M. G. Kendall's tau, "A new measure of
 * rank correlation", Biometrika 30, 1938).
 *
 * The window: 14, 28 or 60 days, whichever would have been least wrong in the
 * past.
 *
 * The past begins after the last level shift, as a clean-up or a migration is
 * one: a step between two days that is further from the median step than 6
 * standard deviations (1.4826 times the median absolute deviation: F. R.
 * Hampel, "The influence curve and its role in robust estimation", ibid. 69,
 * 1974) and than 3 times the 90 % quantile of such distances, if the medians of
 * the four days before it and after it differ, too.  One downwards counts on
 * the day after it; one upwards when three days have shown that it stays.
 *
 * It also begins where the growth has become faster or slower: where it has
 * grown in the last 3 to 21 days by twice the most that it ever did in so many
 * days, or in the last 5 to 21 days by less than half of the least, the largest
 * step and the least of each left out.  (A rule of our own; bench/foresight has
 * series for it.)
 *
 * A rise of the last two days only may be gone tomorrow: the line stays, but
 * goes on from today's value, and the band begins where it would if the rise
 * went on.
 *
 * The band.  A hindcast: the line of each past day says when a limit as far
 * away would be reached; the logarithms of what was by what was said are its
 * errors (L. J. Tashman, "Out-of-sample tests of forecasting accuracy", Int. J.
 * of Forecasting 16, 2000).  Their quantiles are widened until the bands that
 * would have been given in the past were right in 82 % of the cases (I. Gibbs,
 * E. Candes, "Adaptive conformal inference under distribution shift", NeurIPS
 * 2021).  Where the daily steps add up as those of a random walk do, it is at
 * least as wide as 1.5 standard deviations of the time that a random walk with
 * that slope takes (variance of the inverse Gaussian distribution: J. L. Folks,
 * R. S. Chhikara, J. of the Royal Statistical Society B 40, 1978).
 *
 * How well it does is what bench/foresight measures.
 */

#ifndef CAPHEALTH_FORECAST_H
#define CAPHEALTH_FORECAST_H


#include <stddef.h>
#include <stdint.h>


/* days of the past that are used; older ones may be given, and are ignored */
#define CAPHEALTH_FORECAST_DAYS     60

/* with fewer, nothing is said */
#define CAPHEALTH_FORECAST_LEAST    5

/* a limit that is further away in days is not being approached */
#define CAPHEALTH_FORECAST_FURTHEST 3650.0


typedef enum {
    CAPHEALTH_FORECAST_KNOWN = 0,        /* low, mid, high are */
    CAPHEALTH_FORECAST_REACHED,          /* low, mid, high are 0 */
    CAPHEALTH_FORECAST_TOO_LITTLE_PAST,
    CAPHEALTH_FORECAST_NOT_GROWING,
    CAPHEALTH_FORECAST_TOO_UNSTEADY,
    CAPHEALTH_FORECAST_NO_LIMIT,         /* it is NAN, or infinite */

    /* of the caller: */
    CAPHEALTH_FORECAST_NO_HISTORY,       /* it is off */
    CAPHEALTH_FORECAST_NOT_KEPT          /* in the history */
} caphealth_forecast_reason_e;


typedef struct {
    int32_t                      day;    /* since the epoch, in UTC */
    double                       value;  /* the highest; NAN: unknown */
} caphealth_forecast_day_t;


typedef struct {
    caphealth_forecast_reason_e  reason;
    uint32_t                     from_days;  /* of the past used; 0: none */
    double                       low;    /* days from now; NAN: unknown */
    double                       mid;
    double                       high;
    double                       hit_rate;   /* 0 to 1; NAN: unknown */
} caphealth_forecast_t;


/*
 * When each of the limits will be reached.  past are n days in ascending
 * order, in which days may be missing; today's and later ones are ignored, for
 * they are not complete.  now is the time in days since the epoch, value what
 * the measure is now, or NAN.
 *
 * hit_rate is the share of the cases in the past in which the band would have
 * been right.  It is unknown while the past is too short for that; where it is
 * too short for a hindcast, the band is from 0.4 to 2.5 times.
 */
void caphealth_forecast(const caphealth_forecast_day_t *past, size_t n,
    double now, double value, const double *limits, size_t nlimits,
    caphealth_forecast_t *forecasts);

/* Why there is none, as a sentence for clients; "": there is one. */
const char *caphealth_forecast_reason(caphealth_forecast_reason_e reason);

/* The same for programs; NULL: there is one. */
const char *caphealth_forecast_code(caphealth_forecast_reason_e reason);


#endif /* CAPHEALTH_FORECAST_H */
