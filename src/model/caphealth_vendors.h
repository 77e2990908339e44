
/*
 * Vendors: how many products each of them has, as the text of a JSON object,
 *
 *     {"name":products,...}
 *
 * the most products first, which is what the capacity report shows.  There
 * may be very many: the collector writes the text, and a worker looks through
 * it and passes it on, for to make a document of 100,000 vendors, and a text
 * again, would take it 0.1 to 0.3 s, in which it answers nobody.
 */

#ifndef CAPHEALTH_VENDORS_H
#define CAPHEALTH_VENDORS_H


#include <stddef.h>

#include <jansson.h>


typedef struct {
    char       *text;            /* ends with a NUL; NULL: unknown */
    size_t      len;             /* bytes, without the NUL */
    size_t      n;               /* vendors */
    double      products;        /* of all of them together */
} caphealth_vendors_t;


/*
 * Takes a copy of len bytes, if they are exactly such a text: without white
 * space, in UTF-8, escaped as json_dumps() does it, with counts from 1 to
 * INT64_MAX in their order.  Names are not compared with each other.
 * Returns NULL, or what is wrong, and *v unknown.
 */
const char *caphealth_vendors_parse(caphealth_vendors_t *v, const char *text,
    size_t len);

/* Leaves *v unknown. */
void caphealth_vendors_free(caphealth_vendors_t *v);

/*
 * The first n as an object: a new reference, JSON's null if they are unknown,
 * or NULL: no memory.
 */
json_t *caphealth_vendors_first(const caphealth_vendors_t *v, size_t n);


#endif /* CAPHEALTH_VENDORS_H */
