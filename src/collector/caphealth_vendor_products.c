
/*
 * How many products each vendor has, as workers pass it on.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_vendor.h"
#include "caphealth_vendor_products.h"


typedef struct {
    const char  *name;
    json_t      *products;
} caphealth_vendor_products_t;


static char *caphealth_vendor_products_object(const json_t *rows);
static char *caphealth_vendor_list(const json_t *rows);
static size_t caphealth_vendor_list_text(caphealth_vendor_t *all,
    const json_t *rows);
static int caphealth_vendor_list_json(const json_t *value, const char **text,
    size_t *len);
static size_t caphealth_vendor_list_merge(caphealth_vendor_t *all, size_t n);
static char *caphealth_vendor_list_lines(const caphealth_vendor_t *all,
    size_t n);
static void caphealth_vendor_list_free(caphealth_vendor_t *vendor);
static int caphealth_vendor_list_same(const caphealth_vendor_t *a,
    const caphealth_vendor_t *b);
static int caphealth_vendor_list_id(const void *a, const void *b);
static int caphealth_vendor_list_row(const void *a, const void *b);
static json_t *caphealth_vendor_products_sum(const json_t *rows);
static json_t *caphealth_vendor_products_order(json_t *vendors);
static int caphealth_vendor_products_compare(const void *a, const void *b);


char *
caphealth_vendor_products(const json_t *rows)
{
    char  *text, *object, *list;

    object = caphealth_vendor_products_object(rows);
    list = (object == NULL) ? NULL : caphealth_vendor_list(rows);

    if (list == NULL || asprintf(&text, "%s\n%s", object, list) == -1) {
        text = NULL;
    }

    free(list);
    free(object);

    return text;
}


static char *
caphealth_vendor_products_object(const json_t *rows)
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


static char *
caphealth_vendor_list(const json_t *rows)
{
    char                *list;
    size_t               i, n;
    caphealth_vendor_t  *all;

    all = calloc(json_array_size(rows) + 1, sizeof(caphealth_vendor_t));
    if (all == NULL) {
        return NULL;
    }

    list = NULL;
    n = caphealth_vendor_list_text(all, rows);

    if (n != SIZE_MAX) {
        n = caphealth_vendor_list_merge(all, n);

        qsort(all, n, sizeof(caphealth_vendor_t), caphealth_vendor_list_row);

        list = caphealth_vendor_list_lines(all, n);
    }

    for (i = 0; i < json_array_size(rows); i++) {
        caphealth_vendor_list_free(&all[i]);
    }

    free(all);

    return list;
}


/* how many there are; SIZE_MAX: no memory */

static size_t
caphealth_vendor_list_text(caphealth_vendor_t *all, const json_t *rows)
{
    size_t               i, n;
    json_t              *row;
    caphealth_vendor_t  *vendor;

    n = 0;

    json_array_foreach(rows, i, row) {
        vendor = &all[n];
        vendor->products = json_integer_value(json_array_get(row, 1));

        if (vendor->products <= 0) {
            continue;
        }

        if (caphealth_vendor_list_json(json_array_get(row, 2), &vendor->id,
                                     &vendor->id_len)
            == -1
            || caphealth_vendor_list_json(json_array_get(row, 0), &vendor->name,
                                        &vendor->name_len)
               == -1)
        {
            return SIZE_MAX;
        }

        n++;
    }

    return n;
}


static int
caphealth_vendor_list_json(const json_t *value, const char **text, size_t *len)
{
    *text = (json_is_integer(value) || json_is_string(value))
            ? json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY)
            : strdup("null");

    if (*text == NULL) {
        return -1;
    }

    *len = strlen(*text);

    return 0;
}


/*
 * A query of the operator's own may bring a vendor in several rows, and under
 * several names, of which the first in their order is kept.
 */

static size_t
caphealth_vendor_list_merge(caphealth_vendor_t *all, size_t n)
{
    size_t               i, merged;
    caphealth_vendor_t  *last;

    qsort(all, n, sizeof(caphealth_vendor_t), caphealth_vendor_list_id);

    merged = 0;

    for (i = 0; i < n; i++) {
        last = &all[merged];

        if (merged > 0 && caphealth_vendor_list_same(last - 1, &all[i]) == 0) {

            if (__builtin_add_overflow(last[-1].products, all[i].products,
                                       &last[-1].products))
            {
                last[-1].products = INT64_MAX;
            }

            caphealth_vendor_list_free(&all[i]);
            continue;
        }

        if (last != &all[i]) {
            *last = all[i];
            memset(&all[i], 0, sizeof(caphealth_vendor_t));
        }

        merged++;
    }

    return merged;
}


static char *
caphealth_vendor_list_lines(const caphealth_vendor_t *all, size_t n)
{
    int      rc;
    char    *list;
    FILE    *stream;
    size_t   i, len;

    stream = open_memstream(&list, &len);
    if (stream == NULL) {
        return NULL;
    }

    rc = 0;

    for (i = 0; i < n && rc >= 0; i++) {
        rc = fprintf(stream, "[%s,%s,%lld]\n", all[i].id, all[i].name,
                     (long long) all[i].products);
    }

    if (fclose(stream) == EOF || rc < 0) {
        free(list);
        return NULL;
    }

    return list;
}


static void
caphealth_vendor_list_free(caphealth_vendor_t *vendor)
{
    free((char *) vendor->id);
    free((char *) vendor->name);

    memset(vendor, 0, sizeof(caphealth_vendor_t));
}


/* whether they are one vendor, whatever their products: 0; else their order */

static int
caphealth_vendor_list_same(const caphealth_vendor_t *a,
    const caphealth_vendor_t *b)
{
    caphealth_vendor_t  x = *a, y = *b;

    x.products = y.products = 0;

    return caphealth_vendor_compare(&x, &y);
}


static int
caphealth_vendor_list_id(const void *a, const void *b)
{
    int                        rc;
    const caphealth_vendor_t  *x = a, *y = b;

    rc = caphealth_vendor_list_same(x, y);

    return (rc != 0) ? rc : strcmp(x->name, y->name);
}


static int
caphealth_vendor_list_row(const void *a, const void *b)
{
    return caphealth_vendor_compare(a, b);
}
