
/*
 * How many products each vendor has, as workers pass it on.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_vendor_products.h"


typedef struct {
    const char  *name;
    json_t      *products;
} caphealth_vendor_products_t;


static json_t *caphealth_vendor_products_sum(const json_t *rows);
static json_t *caphealth_vendor_products_order(json_t *vendors);
static int caphealth_vendor_products_compare(const void *a, const void *b);


char *
caphealth_vendor_products(const json_t *rows)
{
    char    *text;
    json_t  *vendors, *ordered;

    vendors = caphealth_vendor_products_sum(rows);
    ordered = (vendors == NULL) ? NULL
                                : caphealth_vendor_products_order(vendors);

    text = (ordered == NULL) ? NULL : json_dumps(ordered, JSON_COMPACT);

    json_decref(ordered);
    json_decref(vendors);

    return text;
}


static json_t *
caphealth_vendor_products_sum(const json_t *rows)
{
    int          rc;
    size_t       i;
    json_t      *vendors, *row;
    json_int_t   n, products;
    const char  *name;

    rc = 0;
    vendors = json_object();

    json_array_foreach(rows, i, row) {

        name = json_string_value(json_array_get(row, 0));
        products = json_integer_value(json_array_get(row, 1));

        /* a query of the operator's own may list vendors that have nothing */

        if (products <= 0) {
            continue;
        }

        if (name == NULL) {
            name = "Unknown";
        }

        n = json_integer_value(json_object_get(vendors, name));

        if (__builtin_add_overflow(n, products, &n)) {
            n = INT64_MAX;
        }

        rc |= json_object_set_new(vendors, name, json_integer(n));
    }

    if (rc != 0) {
        json_decref(vendors);
        return NULL;
    }

    return vendors;
}


static json_t *
caphealth_vendor_products_order(json_t *vendors)
{
    int                           rc;
    size_t                        i, n;
    json_t                       *ordered, *products;
    const char                   *name;
    caphealth_vendor_products_t  *all;

    ordered = json_object();
    all = calloc(json_object_size(vendors) + 1,
                 sizeof(caphealth_vendor_products_t));

    rc = (ordered == NULL || all == NULL) ? -1 : 0;
    n = 0;

    if (rc == 0) {
        json_object_foreach(vendors, name, products) {
            all[n].name = name;
            all[n++].products = products;
        }

        qsort(all, n, sizeof(caphealth_vendor_products_t),
              caphealth_vendor_products_compare);
    }

    for (i = 0; i < n; i++) {
        rc |= json_object_set(ordered, all[i].name, all[i].products);
    }

    free(all);

    if (rc != 0) {
        json_decref(ordered);
        return NULL;
    }

    return ordered;
}


/* by count, the largest first, then by name */

static int
caphealth_vendor_products_compare(const void *a, const void *b)
{
    json_int_t                          n, m;
    const caphealth_vendor_products_t  *x = a, *y = b;

    n = json_integer_value(x->products);
    m = json_integer_value(y->products);

    if (n != m) {
        return n < m ? 1 : -1;
    }

    return strcmp(x->name, y->name);
}
