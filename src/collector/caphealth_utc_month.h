
/*
 * The first second of a month and of the next, in UTC.
 */

#ifndef CAPHEALTH_UTC_MONTH_H
#define CAPHEALTH_UTC_MONTH_H


#include <stdint.h>


typedef struct {
    int64_t  first;              /* 00:00:00 UTC of the month's first day */
    int64_t  next;               /* of the next month's; seconds since 1970 */
} caphealth_utc_month_t;


/* The month that holds the time now, in seconds since 1970. */
caphealth_utc_month_t caphealth_utc_month(int64_t now);


#endif /* CAPHEALTH_UTC_MONTH_H */
