
/*
 * When each threshold will reach its bounds, and each dimension of the tier its
 * own, by the daily maxima of the history.
 *
 * The three bounds of a threshold take up to half a millisecond, so what was
 * computed is kept.  It is computed anew at once where a bound has changed, or
 * on which side of it the value is; and where a day of the past has changed, or
 * an hour has gone by, for one threshold at each update.
 */

#ifndef CAPHEALTH_THRESHOLD_FORECASTS_H
#define CAPHEALTH_THRESHOLD_FORECASTS_H


#include "caphealth_facts.h"
#include "caphealth_forecast.h"
#include "caphealth_policy.h"


/* those with a past, of which there are at most as many as series; products are
   in a threshold and in the tier */
#define CAPHEALTH_FORECASTS  (CAPHEALTH_PAST_SERIES + 1)

/* "at this pace, full in 38 days (31 to 52)" */
#define CAPHEALTH_FORECAST_LEN  128


typedef enum {
    CAPHEALTH_LEVEL_WARNING = 0,
    CAPHEALTH_LEVEL_CRITICAL,
    CAPHEALTH_LEVEL_LIMIT,
    CAPHEALTH_LEVELS             /* how many there are */
} caphealth_level_e;


/* what forecasts are computed of */

typedef struct {
    char                         key[CAPHEALTH_SERIES_NAME];
    int32_t                      first_day;
    uint32_t                     reached;    /* a bit a level */
    int64_t                      hour;
    double                       limits[CAPHEALTH_LEVELS];
    double                       days[CAPHEALTH_PAST_DAYS];
} caphealth_forecast_input_t;


typedef struct {
    const char                  *measure;    /* the key without a path; NULL: it
                                                is of the tier */
    const char                  *path;       /* of a disk, or NULL */
    caphealth_forecast_input_t   input;
    caphealth_forecast_t         levels[CAPHEALTH_LEVELS];
} caphealth_threshold_forecast_t;


typedef struct caphealth_forecasts_s {
    size_t                          n;
    uint64_t                        computed;    /* since the start */
    int                             renewed;     /* one, in this update */
    caphealth_threshold_forecast_t  of[CAPHEALTH_FORECASTS];
} caphealth_forecasts_t;


/* Brings them up to date; all zero before the first time. */
void caphealth_forecasts_update(caphealth_forecasts_t *fs,
    const caphealth_facts_t *f, const caphealth_policy_t *p, double now);

/*
 * The forecasts of a threshold by its key, an extra one's among them, or of
 * "tier:vendors" and "tier:products", of which only the limit is set.  NULL:
 * there are none.
 */
const caphealth_forecast_t *caphealth_forecasts_find(
    const caphealth_facts_t *f, const char *key);

/* Whether there is a time. */
int caphealth_forecast_known(const caphealth_forecast_t *f);

/* Why a level of it has no time; CAPHEALTH_FORECAST_KNOWN: it has one. */
caphealth_forecast_reason_e caphealth_forecasts_reason(
    const caphealth_facts_t *f, const char *key,
    const caphealth_forecast_t *forecast);

/* Days as clients read them: with a decimal below 10. */
double caphealth_forecast_days(double days);

/*
 * When the limit will be reached, for people, in buf, of CAPHEALTH_FORECAST_LEN
 * bytes; what is "full" or "outgrown".  NULL: that is not known, or it is
 * reached.
 */
const char *caphealth_forecasts_sentence(char *buf, const char *what,
    const caphealth_facts_t *f, const char *key);


#endif /* CAPHEALTH_THRESHOLD_FORECASTS_H */
