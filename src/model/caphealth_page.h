
/*
 * Page: the admin page with the current values in it, for those without
 * JavaScript and for the first sight of everyone else.  A pure function, as
 * the report is.
 */

#ifndef CAPHEALTH_PAGE_H
#define CAPHEALTH_PAGE_H


#include <stddef.h>

#include <jansson.h>

#include "caphealth_facts.h"
#include "caphealth_policy.h"


/* a location that has data for the page */

typedef struct {
    const char               *url;       /* NULL: there is none */
    int                       status;    /* of HTTP, what the location would
                                            answer this client: 200, 401, 403
                                            ...; what it does not show, the
                                            page does not show either */
} caphealth_page_source_t;


typedef struct {
    const char               *title;
    const char               *url;
} caphealth_page_link_t;


typedef struct {
    const char               *self;      /* the page's own URL */
    const char               *assets;    /* URL of the directory of the assets,
                                            without a slash at its end */
    caphealth_page_source_t   health;
    caphealth_page_source_t   capacity;
    caphealth_page_source_t   images;
    caphealth_page_source_t   upload;
    caphealth_page_link_t    *links;     /* the operator's own */
    size_t                    nlinks;
    unsigned                  refresh;   /* milliseconds */
} caphealth_page_t;


/*
 * The texts of the page: a JSON object with a member for each language, each
 * an object of strings.  NULL: it is not, or no memory.  The caller
 * json_decref()s it.
 */
json_t *caphealth_page_texts(const char *text, size_t len);

/*
 * The language of the texts that a browser would rather read, by its header
 * Accept-Language (RFC 9110, 12.5.4); "en" if there is none.  The tag belongs
 * to texts.
 */
const char *caphealth_page_language(const json_t *texts, const char *accept,
    size_t len);

/*
 * Renders the template, which ends with a NUL, in a language of texts.  now:
 * seconds since the epoch.  *len becomes the length without the NUL.  The
 * caller free()s it.  NULL: no memory.
 */
char *caphealth_page(const caphealth_page_t *page, const char *template,
    const json_t *texts, const char *language, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len);


#endif /* CAPHEALTH_PAGE_H */
