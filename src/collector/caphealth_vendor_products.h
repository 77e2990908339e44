
/*
 * How many products each vendor has, as workers pass it on.
 */

#ifndef CAPHEALTH_VENDOR_PRODUCTS_H
#define CAPHEALTH_VENDOR_PRODUCTS_H


#include <jansson.h>


/*
 * The text that caphealth_vendors_parse() takes, of rows of a name, or null,
 * and a count.  A name that is null is "Unknown", equal names add up, and
 * vendors without products are left out.  The caller free()s it.  NULL: no
 * memory.
 */
char *caphealth_vendor_products(const json_t *rows);


#endif /* CAPHEALTH_VENDOR_PRODUCTS_H */
