
/*
 * How many products each vendor has, as workers pass it on.
 */

#ifndef CAPHEALTH_VENDOR_PRODUCTS_H
#define CAPHEALTH_VENDOR_PRODUCTS_H


#include <jansson.h>


/*
 * The text that caphealth_vendors_parse() takes, of rows of a name, or null, a
 * count, and, if it is known, an id: a number or a string.  Vendors without
 * products are left out.  In the object a name that is null is "Unknown", and
 * equal names add up; in the list equal ids do, and without them equal names.
 * The caller free()s it.  NULL: no memory.
 */
char *caphealth_vendor_products(const json_t *rows);


#endif /* CAPHEALTH_VENDOR_PRODUCTS_H */
