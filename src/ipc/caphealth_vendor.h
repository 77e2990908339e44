
/*
 * A vendor of the list that a collector writes and a worker pages through,
 * and the order of it, on which both rely.
 */

#ifndef CAPHEALTH_VENDOR_H
#define CAPHEALTH_VENDOR_H


#include <stddef.h>
#include <stdint.h>


/* a line of the list: JSON, as it stands there */

typedef struct {
    const char  *id;             /* a whole number, a string, or null */
    size_t       id_len;
    const char  *name;           /* a string, or null */
    size_t       name_len;
    int64_t      products;
} caphealth_vendor_t;


/*
 * The order of the list: the most products first; of equal ones the ids that
 * are numbers, the ids that are strings, then those without an id by name.  0:
 * they are the same vendor.
 */
int caphealth_vendor_compare(const caphealth_vendor_t *a,
    const caphealth_vendor_t *b);


#endif /* CAPHEALTH_VENDOR_H */
