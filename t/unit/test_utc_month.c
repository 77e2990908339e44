
/*
 * Months, in UTC.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "caphealth_utc_month.h"


/* now, the first second of the month, of the next: as "date -u +%s" says */

static const int64_t  cases[][3] = {
    { 0, 0, 2678400 },                               /* January 1970 */
    { 1798761599, 1796083200, 1798761600 },          /* end of 2026 */
    { 1798761600, 1798761600, 1801440000 },          /* begin of 2027 */
    { 1709164800, 1706745600, 1709251200 },          /* 29 February 2024 */
    { 1709251199, 1706745600, 1709251200 },
    { 1709251200, 1709251200, 1711929600 },
    { 951782400, 949363200, 951868800 },             /* 29 February 2000 */
    { 4107542399, 4105123200, 4107542400 },          /* no 29th in 2100 */
    { 2147483648, 2145916800, 2148595200 },          /* January 2038 */
    { 253402300799, 253399622400, 253402300800 }     /* end of 9999 */
};


static void
months(void **state)
{
    size_t                 i;
    caphealth_utc_month_t  m;

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        m = caphealth_utc_month(cases[i][0]);

        assert_true(m.first == cases[i][1]);
        assert_true(m.next == cases[i][2]);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(months)
    };

    return cmocka_run_group_tests_name("month", tests, NULL, NULL);
}
