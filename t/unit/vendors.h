
/*
 * For tests: a text of vendors, as a worker takes it.
 */

#ifndef VENDORS_H
#define VENDORS_H


#include <stdlib.h>
#include <string.h>

#include "caphealth_vendors.h"


/*
 * Takes a copy, if it is such a text, of which the facts are made up.  Returns
 * 0, or -1 and *v unknown.
 */

static inline int
vendors_take(caphealth_vendors_t *v, const char *text, size_t len)
{
    int                         rc;
    char                       *copy;
    const char                 *p;
    caphealth_database_t        d;
    caphealth_vendors_check_t   check;

    caphealth_database_clear(&d);

    p = memchr(text, '\n', len);
    d.names_len = (p == NULL) ? (int64_t) len : p - text;

    if (p != NULL) {
        d.list_len = (int64_t) len - d.names_len - 1;
        d.list_vendors = 0;

        while ((p = memchr(p + 1, '\n', (size_t) (text + len - p - 1)))) {
            d.list_vendors++;
        }
    }

    if (caphealth_vendors_size(&d) != len + 1) {
        abort();
    }

    copy = malloc(len + 1);
    if (copy == NULL) {
        abort();
    }

    memcpy(copy, text, len);
    copy[len] = '\0';

    caphealth_vendors_set(v, copy, &d);
    caphealth_vendors_check_init(&check, v);

    do {
        rc = caphealth_vendors_check(&check, 1);
    } while (rc == 0);

    if (rc == 1) {
        return 0;
    }

    caphealth_vendors_free(v);

    return -1;
}


#endif /* VENDORS_H */
