
/*
 * The first second of a month and of the next, in UTC.
 */

#include <time.h>

#include "caphealth_utc_month.h"


caphealth_utc_month_t
caphealth_utc_month(int64_t now)
{
    time_t                 t;
    struct tm              tm;
    caphealth_utc_month_t  month;

    t = (time_t) now;

    (void) gmtime_r(&t, &tm);

    tm.tm_mday = 1;
    tm.tm_hour = 0;
    tm.tm_min = 0;
    tm.tm_sec = 0;

    month.first = (int64_t) timegm(&tm);

    /* timegm() makes January of the month after December */

    tm.tm_mon++;

    month.next = (int64_t) timegm(&tm);

    return month;
}
