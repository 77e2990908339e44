
/*
 * The parts of the page, each a JSON object or array for the template.  What
 * they show comes from the documents that the endpoints send, so that the
 * page says what they say.
 *
 * Every list begins with a row that has nothing but "blank": the pattern that
 * the page's script makes new rows of.
 *
 * Functions that return a json_t * return a new reference, or NULL: no
 * memory.
 */

#ifndef CAPHEALTH_PAGE_PARTS_H
#define CAPHEALTH_PAGE_PARTS_H


#include "caphealth_page.h"


/* without its script the page is not the place for thousands of rows */
#define CAPHEALTH_VENDORS_SHOWN  50


typedef struct {
    const caphealth_page_t   *page;
    const json_t             *words;
    const char               *language;
    double                    now;

    /* empty objects: the client may not see them */

    json_t                   *health;
    json_t                   *capacity;
    json_t                   *stats;

    /* the capacity has the first CAPHEALTH_VENDORS_SHOWN of these */

    const caphealth_vendors_t  *vendors;
} caphealth_page_view_t;


json_t *caphealth_page_cards(const caphealth_page_view_t *v);
json_t *caphealth_page_thresholds(const caphealth_page_view_t *v);
json_t *caphealth_page_advice(const caphealth_page_view_t *v);
json_t *caphealth_page_overall(const caphealth_page_view_t *v);
json_t *caphealth_page_tier(const caphealth_page_view_t *v);
json_t *caphealth_page_platform(const caphealth_page_view_t *v);
json_t *caphealth_page_images(const caphealth_page_view_t *v);


/* --- what they share --- */

/* A list with the blank row; pattern, which is taken, is what it holds. */
json_t *caphealth_page_list(json_t *pattern);

/* NAN, NULL: it is not there, or null. */
double caphealth_page_number(const json_t *object, const char *name);
const char *caphealth_page_string(const json_t *object, const char *name);

/* The time of a document's string, in seconds since the epoch; 0: none. */
double caphealth_page_time(const json_t *object, const char *name);

/* Sets "time" and "age" by the time of a section. */
int caphealth_page_age(const caphealth_page_view_t *v, json_t *part,
    const json_t *section, const char *name);

/* Sets "status", "shape" and "state", a word with that prefix. */
int caphealth_page_status(const caphealth_page_view_t *v, json_t *part,
    const char *prefix, const char *status);

/* The threshold of that key; NULL: there is none. */
const json_t *caphealth_page_threshold(const caphealth_page_view_t *v,
    const char *key);

/* "12.5%", between 0 and 100, as SVG wants it. */
json_t *caphealth_page_length(double percent);

/* Appends { key, label, value }; takes the value. */
int caphealth_page_line(const caphealth_page_view_t *v, json_t *lines,
    const char *key, json_t *value);


#endif /* CAPHEALTH_PAGE_PARTS_H */
