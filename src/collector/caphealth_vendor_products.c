
/*
 * How many products each vendor has, as workers pass it on.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_utf8.h"
#include "caphealth_vendor.h"
#include "caphealth_vendor_products.h"


typedef struct {
    const char  *name;
    int64_t      products;
} caphealth_vendor_name_t;


static int caphealth_vendor_names(FILE *stream,
    const caphealth_vendor_rows_t *rows);
static size_t caphealth_vendor_names_merge(caphealth_vendor_name_t *names,
    const caphealth_vendor_rows_t *rows);
static int caphealth_vendor_names_compare(const void *a, const void *b);
static int caphealth_vendor_names_order(const void *a, const void *b);
static int caphealth_vendor_list(FILE *stream,
    const caphealth_vendor_rows_t *rows, int64_t *vendors);
static int caphealth_vendor_list_fill(caphealth_vendor_t *all,
    const caphealth_vendor_rows_t *rows, size_t *n);
static size_t caphealth_vendor_list_merge(caphealth_vendor_t *all, size_t n);
static int caphealth_vendor_list_same(const caphealth_vendor_t *a,
    const caphealth_vendor_t *b);
static int caphealth_vendor_list_id(const void *a, const void *b);
static int caphealth_vendor_list_row(const void *a, const void *b);
static void caphealth_vendor_list_free(caphealth_vendor_t *vendor);
static void caphealth_vendor_add(int64_t *sum, int64_t products);


caphealth_vendor_row_t *
caphealth_vendor_rows_add(caphealth_vendor_rows_t *rows)
{
    size_t                   room;
    caphealth_vendor_row_t  *all;

    if (rows->n == rows->room) {
        room = rows->room ? 2 * rows->room : 64;
        all = realloc(rows->rows, room * sizeof(caphealth_vendor_row_t));

        if (all == NULL) {
            return NULL;
        }

        rows->rows = all;
        rows->room = room;
    }

    return memset(&rows->rows[rows->n++], 0, sizeof(caphealth_vendor_row_t));
}


void
caphealth_vendor_rows_free(caphealth_vendor_rows_t *rows)
{
    size_t  i;

    for (i = 0; i < rows->n; i++) {
        free(rows->rows[i].name);
        free(rows->rows[i].id);
    }

    free(rows->rows);

    memset(rows, 0, sizeof(caphealth_vendor_rows_t));
}


char *
caphealth_vendor_products(const caphealth_vendor_rows_t *rows,
    caphealth_database_t *d)
{
    int      rc;
    long     end;
    char    *text;
    FILE    *stream;
    size_t   len;

    stream = open_memstream(&text, &len);
    if (stream == NULL) {
        return NULL;
    }

    rc = caphealth_vendor_names(stream, rows);

    end = ftell(stream);
    d->names_len = end;

    fputc('\n', stream);
    rc |= caphealth_vendor_list(stream, rows, &d->list_vendors);

    d->list_len = ftell(stream) - end - 1;

    rc |= ferror(stream);

    if (fclose(stream) == EOF || rc != 0) {
        free(text);
        return NULL;
    }

    return text;
}


static int
caphealth_vendor_names(FILE *stream, const caphealth_vendor_rows_t *rows)
{
    size_t                    i, n;
    caphealth_vendor_name_t  *names;

    names = calloc(rows->n + 1, sizeof(caphealth_vendor_name_t));
    if (names == NULL) {
        return -1;
    }

    n = caphealth_vendor_names_merge(names, rows);

    fputc('{', stream);

    for (i = 0; i < n; i++) {
        if (i > 0) {
            fputc(',', stream);
        }

        caphealth_utf8_json(stream, names[i].name);
        fprintf(stream, ":%lld", (long long) names[i].products);
    }

    free(names);

    fputc('}', stream);

    return 0;
}


/* how many there are */

static size_t
caphealth_vendor_names_merge(caphealth_vendor_name_t *names,
    const caphealth_vendor_rows_t *rows)
{
    size_t                         i, n, merged;
    const caphealth_vendor_row_t  *row;

    n = 0;

    for (i = 0; i < rows->n; i++) {
        row = &rows->rows[i];

        /* a query of the operator's own may list vendors that have nothing */

        if (row->products > 0) {
            names[n].name = (row->name == NULL) ? "Unknown" : row->name;
            names[n++].products = row->products;
        }
    }

    qsort(names, n, sizeof(caphealth_vendor_name_t),
          caphealth_vendor_names_compare);

    merged = 0;

    for (i = 0; i < n; i++) {
        if (merged > 0 && strcmp(names[merged - 1].name, names[i].name) == 0) {
            caphealth_vendor_add(&names[merged - 1].products,
                                 names[i].products);
            continue;
        }

        names[merged++] = names[i];
    }

    qsort(names, merged, sizeof(caphealth_vendor_name_t),
          caphealth_vendor_names_order);

    return merged;
}


static int
caphealth_vendor_names_compare(const void *a, const void *b)
{
    const caphealth_vendor_name_t  *x = a, *y = b;

    return strcmp(x->name, y->name);
}


/* by count, the largest first, then by name */

static int
caphealth_vendor_names_order(const void *a, const void *b)
{
    const caphealth_vendor_name_t  *x = a, *y = b;

    if (x->products != y->products) {
        return x->products < y->products ? 1 : -1;
    }

    return strcmp(x->name, y->name);
}


static int
caphealth_vendor_list(FILE *stream, const caphealth_vendor_rows_t *rows,
    int64_t *vendors)
{
    int                  rc;
    size_t               i, n;
    caphealth_vendor_t  *all;

    all = calloc(rows->n + 1, sizeof(caphealth_vendor_t));
    if (all == NULL) {
        return -1;
    }

    rc = caphealth_vendor_list_fill(all, rows, &n);

    n = caphealth_vendor_list_merge(all, n);

    qsort(all, n, sizeof(caphealth_vendor_t), caphealth_vendor_list_row);

    for (i = 0; i < n && rc == 0; i++) {
        fprintf(stream, "[%s,%s,%lld]\n", all[i].id, all[i].name,
                (long long) all[i].products);
    }

    *vendors = (int64_t) n;

    for (i = 0; i < rows->n; i++) {
        caphealth_vendor_list_free(&all[i]);
    }

    free(all);

    return rc;
}


/* -1: no memory for all of them */

static int
caphealth_vendor_list_fill(caphealth_vendor_t *all,
    const caphealth_vendor_rows_t *rows, size_t *n)
{
    size_t                         i;
    caphealth_vendor_t            *vendor;
    const caphealth_vendor_row_t  *row;

    *n = 0;

    for (i = 0; i < rows->n; i++) {
        row = &rows->rows[i];

        if (row->products <= 0) {
            continue;
        }

        vendor = &all[*n];
        vendor->products = row->products;
        vendor->id = strdup(row->id == NULL ? "null" : row->id);
        vendor->name = (row->name == NULL) ? strdup("null")
                                           : caphealth_utf8_quote(row->name);

        if (vendor->id == NULL || vendor->name == NULL) {
            caphealth_vendor_list_free(vendor);
            return -1;
        }

        vendor->id_len = strlen(vendor->id);
        vendor->name_len = strlen(vendor->name);

        ++*n;
    }

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
            caphealth_vendor_add(&last[-1].products, all[i].products);
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


/* 0: they are the same vendor; else their order.  Products are not compared */

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


static void
caphealth_vendor_list_free(caphealth_vendor_t *vendor)
{
    free((char *) vendor->id);
    free((char *) vendor->name);

    memset(vendor, 0, sizeof(caphealth_vendor_t));
}


static void
caphealth_vendor_add(int64_t *sum, int64_t products)
{
    if (__builtin_add_overflow(*sum, products, sum)) {
        *sum = INT64_MAX;
    }
}
