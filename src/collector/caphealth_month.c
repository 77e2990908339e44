
/*
 * Months of the calendar, in UTC.
 */

#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "caphealth_month.h"


_Static_assert(sizeof(time_t) == sizeof(int64_t), "time_t ends in 2038");


int
caphealth_month(int64_t t, int64_t *begin, int64_t *end)
{
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) t;

    if (gmtime_r(&seconds, &tm) == NULL) {
        return -1;
    }

    tm.tm_mday = 1;
    tm.tm_hour = 0;
    tm.tm_min = 0;
    tm.tm_sec = 0;

    *begin = timegm(&tm);

    /* timegm() makes a thirteenth month the first of the next year */

    tm.tm_mon++;

    *end = timegm(&tm);

    return 0;
}


int
caphealth_month_text(int64_t t, char *text)
{
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) t;

    if (gmtime_r(&seconds, &tm) == NULL) {
        text[0] = '\0';
        return -1;
    }

    (void) snprintf(text, CAPHEALTH_MONTH_TEXT,
                    "%04lld-%02d-%02dT%02d:%02d:%02dZ",
                    tm.tm_year + 1900LL, tm.tm_mon + 1, tm.tm_mday,
                    tm.tm_hour, tm.tm_min, tm.tm_sec);

    return 0;
}
