
/*
 * Page: the ladder of tiers, and where the platform stands on it.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_page_parts.h"
#include "caphealth_words.h"


/* more than this share of a bound: time to think of the next tier */
#define CAPHEALTH_NEAR_PERCENT  70


/* the two that a tier bounds */

typedef struct {
    const char  *key;
    const char  *label;
    const char  *room;
    const char  *count;
    const char  *bound;
} caphealth_dimension_t;


static json_t *caphealth_tier_step(const caphealth_page_view_t *v,
    const json_t *tier, size_t i, size_t here);
static json_t *caphealth_tier_bounds(const caphealth_page_view_t *v,
    const json_t *tier);
static json_t *caphealth_tier_dimension(const caphealth_page_view_t *v,
    const json_t *tier, const caphealth_dimension_t *d);
static json_t *caphealth_tier_next(const caphealth_page_view_t *v,
    const json_t *tiers, size_t here);
static json_t *caphealth_tier_either(const caphealth_page_view_t *v,
    const json_t *tier, int room);


static const caphealth_dimension_t  caphealth_dimensions[] = {
    { "vendors", "tier.vendors", "tier.room.vendors", "vendors_count",
      "max_clients" },
    { "products", "tier.products", "tier.room.products", "products_count",
      "max_products" }
};


json_t *
caphealth_page_tier(const caphealth_page_view_t *v)
{
    int          rc;
    size_t       i, here;
    json_t      *part, *ladder, *dimensions, *tiers, *tier;
    const char  *name;

    part = json_object();
    ladder = caphealth_page_list(json_object());
    dimensions = caphealth_page_list(json_object());

    rc = 0;
    tiers = json_object_get(v->health, "tiers");
    name = caphealth_page_string(v->health, "infrastructure_tier");

    for (here = 0; here < json_array_size(tiers); here++) {
        tier = json_array_get(tiers, here);

        if (name && strcmp(caphealth_page_string(tier, "name"), name) == 0) {
            break;
        }
    }

    json_array_foreach(tiers, i, tier) {
        rc |= json_array_append_new(ladder,
                                    caphealth_tier_step(v, tier, i,
                                        name ? here : SIZE_MAX));
    }

    for (i = 0; name && i < 2; i++) {
        rc |= json_array_append_new(dimensions,
                  caphealth_tier_dimension(v, json_array_get(tiers, here),
                                           &caphealth_dimensions[i]));
    }

    rc |= json_object_set_new(part, "next",
              name ? caphealth_tier_next(v, tiers, here)
                   : caphealth_words_plain(v->words, "tier.unknown"));

    rc |= json_object_set_new(part, "ladder", ladder);
    rc |= json_object_set_new(part, "dimensions", dimensions);

    if (rc != 0) {
        json_decref(part);
        return NULL;
    }

    return part;
}


static json_t *
caphealth_tier_step(const caphealth_page_view_t *v, const json_t *tier,
    size_t i, size_t here)
{
    const char  *place, *shape;

    place = i < here ? "below" : i == here ? "here" : "above";
    shape = i < here ? "\xe2\x9c\x93" : i == here ? "\xe2\x96\xb6"
                                                  : "\xe2\x97\x8b";
    if (here == SIZE_MAX) {
        place = "above";
        shape = "\xe2\x97\x8b";
    }

    return json_pack("{s:o,s:s,s:s,s:s,s:O,s:o,s:o}",
                     "key", json_sprintf("%zu", i),
                     "place", place,
                     "shape", shape,
                     "current", i == here ? "step" : "false",
                     "name", json_object_get(tier, "name"),
                     "bounds", caphealth_tier_bounds(v, tier),
                     "here", i == here
                             ? caphealth_words_plain(v->words, "tier.here")
                             : json_null());
}


static json_t *
caphealth_tier_bounds(const caphealth_page_view_t *v, const json_t *tier)
{
    double       vendors, products;
    const char  *key;

    vendors = caphealth_page_number(tier, "max_clients");
    products = caphealth_page_number(tier, "max_products");

    key = isnan(vendors) ? isnan(products) ? "tier.bounds.none"
                                           : "tier.bounds.products"
                         : isnan(products) ? "tier.bounds.vendors"
                                           : "tier.bounds";

    return caphealth_words_text(v->words, key,
               json_pack("{s:o,s:o}",
                         "vendors",
                         caphealth_words_number(v->words, vendors, 0),
                         "products",
                         caphealth_words_number(v->words, products, 0)));
}


static json_t *
caphealth_tier_dimension(const caphealth_page_view_t *v, const json_t *tier,
    const caphealth_dimension_t *d)
{
    double   n, bound, share;
    json_t  *label, *value, *bar;

    n = caphealth_page_number(json_object_get(v->health, "database"),
                              d->count);
    bound = caphealth_page_number(tier, d->bound);
    share = bound > 0 ? 100 * n / bound : NAN;

    if (isnan(bound)) {
        value = caphealth_words_number(v->words, n, 0);
    } else {
        value = caphealth_words_text(v->words, "tier.of",
                    json_pack("{s:o,s:o}",
                              "n", caphealth_words_number(v->words, n, 0),
                              "bound",
                              caphealth_words_number(v->words, bound, 0)));
    }

    label = caphealth_words_plain(v->words, d->label);
    bar = caphealth_words_join(json_incref(label), ": ", json_incref(value));

    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:s}",
                     "key", d->key,
                     "label", label,
                     "value", value,
                     "bar", bar,
                     "fill", caphealth_page_length(share),
                     "status", share > CAPHEALTH_NEAR_PERCENT ? "warning"
                                                              : "ok");
}


static json_t *
caphealth_tier_next(const caphealth_page_view_t *v, const json_t *tiers,
    size_t here)
{
    const json_t  *tier, *next;

    tier = json_array_get(tiers, here);
    next = json_array_get(tiers, here + 1);

    if (next == NULL) {
        return caphealth_words_plain(v->words, "tier.next.last");
    }

    return caphealth_words_text(v->words, "tier.next",
               json_pack("{s:O,s:o,s:o}",
                         "next", json_object_get(next, "name"),
                         "bounds", caphealth_tier_either(v, tier, 0),
                         "room", caphealth_tier_either(v, tier, 1)));
}


/* the bounds, or the room that they leave: "5 vendors or 100 products" */

static json_t *
caphealth_tier_either(const caphealth_page_view_t *v, const json_t *tier,
    int room)
{
    size_t                        i;
    double                        n;
    json_t                       *text;
    const caphealth_dimension_t  *d;

    text = json_string("");

    for (i = 0; i < 2; i++) {
        d = &caphealth_dimensions[i];
        n = caphealth_page_number(tier, d->bound);

        if (room) {
            n -= caphealth_page_number(json_object_get(v->health, "database"),
                                       d->count);
        }

        if (isnan(n)) {
            continue;
        }

        text = caphealth_words_join(text,
                                    caphealth_word(v->words, "tier.and"),
                                    caphealth_words_unit(v->words, d->room, n,
                                                         0));
    }

    return text;
}
