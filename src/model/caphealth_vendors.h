
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
 * which the page shows.  A NUL ends it.  There may be very many: the
 * collector writes the text, one worker checks it, a piece at a time, before it
 * publishes it, and all of them pass it on as it is.  To make a document of
 * 100,000 vendors, and a text again, would take 0.1 to 0.3 s, and to look
 * through it 10 to 20 ms, in which a worker serves no request.
 */

#ifndef CAPHEALTH_VENDORS_H
#define CAPHEALTH_VENDORS_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_source_facts.h"
#include "caphealth_vendor.h"


typedef struct {
    char       *text;            /* of the object; NULL: unknown */
    size_t      len;             /* bytes of it */
    char       *list;            /* lines, in the same memory, up to a NUL;
                                    NULL: unknown */
    size_t      list_len;
    int64_t     list_n;          /* vendors */
} caphealth_vendors_t;


/* the progress of a check */

typedef struct {
    const caphealth_vendors_t  *vendors;
    const char                 *p;           /* where it goes on */
    int64_t                     products;    /* of the previous vendor */
    int64_t                     n;           /* of the list so far */
    caphealth_vendor_t          before;
    unsigned                    names:1;     /* there is one */
    unsigned                    list:1;      /* it is in the list */
} caphealth_vendors_check_t;


/*
 * The vendors of a text that has caphealth_vendors_size() bytes by the facts,
 * the last of which is a NUL, and of facts that know their names_len.  _free()
 * free()s the text and leaves *v unknown.
 */
void caphealth_vendors_set(caphealth_vendors_t *v, char *text,
    const caphealth_database_t *d);
void caphealth_vendors_free(caphealth_vendors_t *v);

/*
 * Whether it is exactly such a text: without white space, in UTF-8, escaped as
 * jansson does it, with counts from 1 to INT64_MAX in their order, and the
 * lines in the order of the list.  Names are not compared with each other.
 *
 * _check() looks at some len bytes more, at least at one vendor, so that it can
 * be left for something else.  Returns 1: it is, -1: it is not, 0: so far.
 */
void caphealth_vendors_check_init(caphealth_vendors_check_t *c,
    const caphealth_vendors_t *v);
int caphealth_vendors_check(caphealth_vendors_check_t *c, size_t len);

/*
 * The names one after another, of a text that has been checked: from NULL, or
 * from what was returned before.  The caller free()s the name; NULL: no memory.
 * Returns NULL if there is none any more, or if they are unknown.
 */
const char *caphealth_vendors_next(const caphealth_vendors_t *v,
    const char *p, char **name, int64_t *products);

/*
 * The cursor is where a page of the list ends.  It holds the last vendor's
 * sort key, not an index, so that the next page begins after it even if vendors
 * were added, removed or moved.
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
