
/*
 * Months of the calendar, in UTC.  Pure functions.
 */

#ifndef CAPHEALTH_MONTH_H
#define CAPHEALTH_MONTH_H


#include <stdint.h>


/* a year has at most ten digits and a sign */
#define CAPHEALTH_MONTH_TEXT  sizeof("-2147483648-01-01T00:00:00Z")


/*
 * The first second of the month that holds t, and of the month after it, all
 * in seconds since the epoch.  Returns 0, or -1: t is in no year that can be
 * counted.
 */
int caphealth_month(int64_t t, int64_t *begin, int64_t *end);

/*
 * Writes t as RFC 3339 does, "2024-02-29T12:00:00Z", to text, which has room
 * for CAPHEALTH_MONTH_TEXT.  Returns 0, or -1 as above, with text "".
 */
int caphealth_month_text(int64_t t, char *text);


#endif /* CAPHEALTH_MONTH_H */
