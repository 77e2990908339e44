
/*
 * How many products each vendor has, as workers pass it on.
 */

#ifndef CAPHEALTH_VENDOR_PRODUCTS_H
#define CAPHEALTH_VENDOR_PRODUCTS_H


#include "caphealth_source_facts.h"


/* as a database has it */

typedef struct {
    char                    *name;       /* UTF-8, or NULL */
    char                    *id;         /* JSON: a number, a string, null; or
                                            NULL, the same as null */
    int64_t                  products;
} caphealth_vendor_row_t;


typedef struct {
    caphealth_vendor_row_t  *rows;
    size_t                   n;
    size_t                   room;
} caphealth_vendor_rows_t;


/* Room for one more row, all zero; NULL: no memory. */
caphealth_vendor_row_t *caphealth_vendor_rows_add(
    caphealth_vendor_rows_t *rows);
void caphealth_vendor_rows_free(caphealth_vendor_rows_t *rows);

/*
 * The text of the vendors, and its summary in the facts.  Vendors
 * without products are left out.  In the object a name that is NULL is
 * "Unknown", and equal names add up; in the list equal ids do, and without them
 * equal names.  The caller free()s it.  NULL: no memory.
 */
char *caphealth_vendor_products(const caphealth_vendor_rows_t *rows,
    caphealth_database_t *d);


#endif /* CAPHEALTH_VENDOR_PRODUCTS_H */
