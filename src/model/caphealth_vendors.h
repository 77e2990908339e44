
/*
 * Vendors: how many products each of them has, as the text of a JSON object,
 *
 *     {"name":products,...}
 *
 * the most products first, which is what the capacity report shows, and behind
 * a line feed the same as a list, each vendor on a line that ends in a line
 * feed,
 *
 *     [id,"name",products]
 *
 * which is shown by the page.  There may be very many: the collector writes
 * the text, and a worker looks through it and passes it on, for to make a
 * document of 100,000 vendors, and a text again, would take it 0.1 to 0.3 s,
 * in which it answers nobody.
 */

#ifndef CAPHEALTH_VENDORS_H
#define CAPHEALTH_VENDORS_H


#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "caphealth_vendor.h"


typedef struct {
    char       *text;            /* of the object, ends with a NUL; NULL:
                                    unknown */
    size_t      len;             /* bytes, without the NUL */
    size_t      n;               /* names */
    double      products;        /* of all of them together */
    char       *list;            /* lines, in the same memory; NULL: unknown */
    size_t      list_len;
    size_t      list_n;          /* vendors */
} caphealth_vendors_t;


/*
 * Takes a copy of len bytes, if they are exactly such a text: without white
 * space, in UTF-8, escaped as json_dumps() does it, with counts from 1 to
 * INT64_MAX in their order, and the lines in the order of the list.  Names are
 * not compared with each other.  Without a line feed the list is unknown.
 * Returns NULL, or what is wrong, and *v unknown.
 */
const char *caphealth_vendors_parse(caphealth_vendors_t *v, const char *text,
    size_t len);

/* Leaves *v unknown. */
void caphealth_vendors_free(caphealth_vendors_t *v);

/*
 * The first n names as an object: a new reference, JSON's null if they are
 * unknown, or NULL: no memory.
 */
json_t *caphealth_vendors_first(const caphealth_vendors_t *v, size_t n);

/*
 * Where in the list a page ends, as text for whoever asks for the next: it
 * holds the last vendor's place in the order, not his number, so that the next
 * page begins behind it even if he or others have moved.
 *
 * _parse() points into buf, which has room for len bytes.  It returns 0, or
 * -1: that is no cursor.
 */
int caphealth_vendors_cursor_parse(caphealth_vendor_t *cursor,
    const char *text, size_t len, char *buf);

/*
 * A page of the list, which is known: a JSON array of {"id","name","products"}
 * of at most limit vendors, behind after, or from the first if that is NULL.
 * *next is the cursor of the next page, NULL if there is none.  The caller
 * free()s both.  NULL: no memory.
 */
char *caphealth_vendors_page(const caphealth_vendors_t *v,
    const caphealth_vendor_t *after, size_t limit, char **next);


#endif /* CAPHEALTH_VENDORS_H */
