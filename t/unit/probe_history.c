
/*
 * For t/: writes a history of days into a file.
 *
 *     probe_history FILE DAYS SERIES UNIT YESTERDAY STEP ...
 *
 * A series had the value YESTERDAY yesterday, and STEP less on each day before.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "caphealth_history.h"


int
main(int argc, char **argv)
{
    int                   i, day, days;
    double                now, at;
    caphealth_history_t  *h;

    if (argc < 7 || (argc - 3) % 4 != 0) {
        fprintf(stderr, "usage: probe_history FILE DAYS "
                "SERIES UNIT YESTERDAY STEP ...\n");
        return 2;
    }

    h = caphealth_history_create(argv[1], 0, NULL, NULL);

    if (h == NULL) {
        return 1;
    }

    days = atoi(argv[2]);
    now = (double) time(NULL);

    for (day = days; day >= 1; day--) {
        at = now - 86400.0 * day;

        for (i = 3; i < argc; i += 4) {
            caphealth_history_add(h, argv[i], argv[i + 1], at,
                                  atof(argv[i + 2])
                                  - (day - 1) * atof(argv[i + 3]));
        }

        if (caphealth_history_write(h, at, at) == -1) {
            fprintf(stderr, "%s\n", caphealth_history_error(h));
            return 1;
        }
    }

    caphealth_history_destroy(h);

    return 0;
}
