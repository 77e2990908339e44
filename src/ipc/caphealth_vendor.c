
/*
 * A vendor of the list, and the order of it.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_vendor.h"


static int caphealth_vendor_kind(const caphealth_vendor_t *vendor);
static int caphealth_vendor_text(const char *a, size_t a_len, const char *b,
    size_t b_len);


int
caphealth_vendor_compare(const caphealth_vendor_t *a,
    const caphealth_vendor_t *b)
{
    int        kind;
    long long  n, m;

    if (a->products != b->products) {
        return a->products < b->products ? 1 : -1;
    }

    kind = caphealth_vendor_kind(a);

    if (kind != caphealth_vendor_kind(b)) {
        return kind - caphealth_vendor_kind(b);
    }

    switch (kind) {

    case 0:
        n = strtoll(a->id, NULL, 10);
        m = strtoll(b->id, NULL, 10);

        return (n > m) - (n < m);

    case 1:
        return caphealth_vendor_text(a->id, a->id_len, b->id, b->id_len);

    default:
        return caphealth_vendor_text(a->name, a->name_len, b->name,
                                     b->name_len);
    }
}


static int
caphealth_vendor_kind(const caphealth_vendor_t *vendor)
{
    switch (vendor->id[0]) {

    case 'n':
        return 2;

    case '"':
        return 1;

    default:
        return 0;
    }
}


static int
caphealth_vendor_text(const char *a, size_t a_len, const char *b,
    size_t b_len)
{
    int  rc;

    rc = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return (rc != 0) ? rc : (a_len > b_len) - (a_len < b_len);
}
