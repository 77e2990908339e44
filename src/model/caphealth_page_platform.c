
/*
 * Page: what the platform holds, by vendor, and what is in the image trees.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_page_parts.h"
#include "caphealth_words.h"


/* a longer name is shown in part, and whole where it has the focus */
#define CAPHEALTH_NAME_LONG  100


/* a number with a label, and where it comes from */

typedef struct {
    const char  *key;
    const char  *name;
} caphealth_tile_t;


static int caphealth_tiles(const caphealth_page_view_t *v, json_t *tiles,
    const char *prefix, const json_t *document, const caphealth_tile_t *tile,
    size_t n);
static json_t *caphealth_tile(const caphealth_page_view_t *v,
    const char *prefix, const char *key, json_t *value, json_t *exact);
static int caphealth_vendors(const caphealth_page_view_t *v, json_t *part);
static int caphealth_vendor_rows(const caphealth_page_view_t *v,
    json_t *rows, json_t *vendors);
static json_t *caphealth_vendor_row(const caphealth_page_view_t *v,
    const char *name, double products, double most);
static json_t *caphealth_vendor_count(const caphealth_page_view_t *v,
    json_t *vendors);
static int caphealth_image_tiles(const caphealth_page_view_t *v,
    json_t *tiles);
static json_t *caphealth_image_drift(const caphealth_page_view_t *v);
static json_t *caphealth_image_scanned(const caphealth_page_view_t *v,
    const json_t *document);
static json_t *caphealth_image_note(const caphealth_page_view_t *v);
static json_t *caphealth_image_root(const caphealth_page_view_t *v,
    const json_t *root, size_t i);


static const caphealth_tile_t  caphealth_platform_tiles[] = {
    { "orders", "orders_this_month" },
    { "vendors", "active_vendors" },
    { "products", "products_total" },
    { "images", "images_total" }
};


static const caphealth_tile_t  caphealth_image_counts[] = {
    { "files", "total_files" },
    { "sets", "products_estimated" },
    { "incomplete", "incomplete_sets" },
    { "strays", "stray_files" }
};


json_t *
caphealth_page_platform(const caphealth_page_view_t *v)
{
    int      rc;
    json_t  *part, *tiles, *error;

    part = json_object();
    tiles = caphealth_page_list(json_object());
    error = json_object_get(v->capacity, "error");

    rc = json_object_set(part, "error", error ? error : json_null());

    if (json_object_size(v->capacity)) {
        rc |= caphealth_tiles(v, tiles, "tile", v->capacity,
                              caphealth_platform_tiles, 4);
    }

    rc |= json_object_set_new(part, "tiles", tiles);

    rc |= caphealth_page_age(v, part, v->capacity, "collected_at");
    rc |= caphealth_vendors(v, part);

    if (rc != 0) {
        json_decref(part);
        return NULL;
    }

    return part;
}


static int
caphealth_tiles(const caphealth_page_view_t *v, json_t *tiles,
    const char *prefix, const json_t *document, const caphealth_tile_t *tile,
    size_t n)
{
    int     rc;
    size_t  i;

    rc = 0;

    for (i = 0; i < n; i++) {
        rc |= json_array_append_new(tiles,
                  caphealth_tile(v, prefix, tile[i].key,
                      caphealth_words_number(v->words,
                          caphealth_page_number(document, tile[i].name), 0),
                      json_null()));
    }

    return rc;
}


static json_t *
caphealth_tile(const caphealth_page_view_t *v, const char *prefix,
    const char *key, json_t *value, json_t *exact)
{
    char  label[64];

    snprintf(label, sizeof(label), "%s.%s", prefix, key);

    return json_pack("{s:s,s:s,s:o,s:o}", "key", key,
                     "label", caphealth_word(v->words, label),
                     "value", value, "exact", exact);
}


static int
caphealth_vendors(const caphealth_page_view_t *v, json_t *part)
{
    int      rc;
    json_t  *rows, *vendors;

    rows = caphealth_page_list(json_object());
    vendors = json_object_get(v->capacity, "products_by_vendor");

    rc = json_object_set_new(part, "count",
                             caphealth_vendor_count(v, vendors));

    if (json_object_size(vendors)) {
        rc |= caphealth_vendor_rows(v, rows, vendors);
    }

    return rc | json_object_set_new(part, "vendors", rows);
}


static json_t *
caphealth_vendor_count(const caphealth_page_view_t *v, json_t *vendors)
{
    size_t   n;
    json_t  *count, *shown;

    if (v->page->capacity.url == NULL) {
        return caphealth_words_plain(v->words, "source.absent.capacity");
    }

    n = v->vendors->n;

    if (json_object_size(vendors) == 0) {
        return caphealth_words_plain(v->words, json_is_object(vendors)
                                               ? "vendors.none"
                                               : "vendors.unknown");
    }

    count = caphealth_words_plural(v->words, "vendors.count", (double) n,
                                   json_object());

    if (n <= CAPHEALTH_VENDORS_SHOWN) {
        return count;
    }

    shown = caphealth_words_text(v->words, "vendors.shown",
                json_pack("{s:o,s:o}",
                          "n", caphealth_words_number(v->words,
                                   CAPHEALTH_VENDORS_SHOWN, 0),
                          "total", caphealth_words_number(v->words,
                                                          (double) n, 0)));

    return caphealth_words_join(count, ". ", shown);
}


static int
caphealth_vendor_rows(const caphealth_page_view_t *v, json_t *rows,
    json_t *vendors)
{
    int          rc;
    double       most;
    json_t      *products;
    const char  *name;

    rc = 0;
    most = 0;

    json_object_foreach(vendors, name, products) {

        if (most == 0) {
            most = json_number_value(products);
        }

        rc |= json_array_append_new(rows,
                                    caphealth_vendor_row(v, name,
                                                  json_number_value(products),
                                                  most));
    }

    return rc;
}


static json_t *
caphealth_vendor_row(const caphealth_page_view_t *v, const char *name,
    double products, double most)
{
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o}",
                     "key", name,
                     "name", name,
                     "focus", strlen(name) > CAPHEALTH_NAME_LONG ? "0" : "",
                     "products", caphealth_words_number(v->words, products,
                                                        0),
                     "share", caphealth_words_percent(v->words,
                                        100 * products / v->vendors->products),
                     "fill", caphealth_page_length(100 * products / most));
}


json_t *
caphealth_page_images(const caphealth_page_view_t *v)
{
    int      rc;
    size_t   i;
    json_t  *part, *tiles, *roots, *root, *error;

    part = json_object();
    tiles = caphealth_page_list(json_object());
    roots = caphealth_page_list(json_pack("{s:o}", "lines",
                                          caphealth_page_list(json_object())));
    error = json_object_get(v->stats, "error");

    rc = json_object_set_new(part, "note", caphealth_image_note(v));
    rc |= json_object_set(part, "error", error ? error : json_null());
    rc |= caphealth_page_age(v, part, v->stats, "timestamp");

    if (json_array_size(json_object_get(v->stats, "roots"))) {
        rc |= caphealth_image_tiles(v, tiles);
    }

    json_array_foreach(json_object_get(v->stats, "roots"), i, root) {
        rc |= json_array_append_new(roots, caphealth_image_root(v, root, i));
    }

    rc |= json_object_set_new(part, "tiles", tiles);
    rc |= json_object_set_new(part, "roots", roots);

    if (rc != 0) {
        json_decref(part);
        return NULL;
    }

    return part;
}


static int
caphealth_image_tiles(const caphealth_page_view_t *v, json_t *tiles)
{
    int          rc;
    double       bytes;
    const char  *fullest;

    bytes = caphealth_page_number(v->stats, "total_bytes");
    fullest = caphealth_page_string(v->stats, "max_files_dir");

    rc = caphealth_tiles(v, tiles, "images", v->stats,
                         caphealth_image_counts, 4);

    rc |= json_array_append_new(tiles,
              caphealth_tile(v, "images", "size",
                  caphealth_words_unit(v->words, "number.mb",
                      caphealth_page_number(v->stats, "total_size_mb"), 2),
                  isnan(bytes) ? json_null()
                               : caphealth_words_unit(v->words,
                                                      "number.bytes", bytes,
                                                      0)));

    rc |= json_array_append_new(tiles,
              caphealth_tile(v, "images", "fullest",
                  caphealth_words_number(v->words,
                      caphealth_page_number(v->stats, "max_files_per_dir"),
                      0),
                  fullest ? json_string(fullest) : json_null()));

    rc |= json_array_append_new(tiles,
              caphealth_tile(v, "images", "drift", caphealth_image_drift(v),
                             json_null()));

    rc |= json_array_append_new(tiles,
              caphealth_tile(v, "images", "scanned",
                             caphealth_image_scanned(v, v->stats),
                             json_null()));

    return rc;
}


static json_t *
caphealth_image_drift(const caphealth_page_view_t *v)
{
    double  files, bytes;

    files = caphealth_page_number(v->stats, "drift_files");
    bytes = caphealth_page_number(v->stats, "drift_bytes");

    if (isnan(files) || isnan(bytes)) {
        return caphealth_words_plain(v->words, "number.unknown");
    }

    return caphealth_words_text(v->words, "images.drift.value",
               json_pack("{s:o,s:o}",
                         "files", caphealth_words_number(v->words, files, 0),
                         "bytes", caphealth_words_number(v->words, bytes,
                                                         0)));
}


static json_t *
caphealth_image_scanned(const caphealth_page_view_t *v,
    const json_t *document)
{
    double  t;

    t = caphealth_page_time(document, "last_full_scan");

    if (t == 0) {
        return caphealth_words_plain(v->words, "images.scanned.never");
    }

    return caphealth_words_age(v->words, t, v->now);
}


static json_t *
caphealth_image_note(const caphealth_page_view_t *v)
{
    const char  *source;

    if (v->page->images.url == NULL) {
        return caphealth_words_plain(v->words, "source.absent.images");
    }

    if (json_object_size(v->stats) == 0) {
        return json_null();
    }

    if (json_array_size(json_object_get(v->stats, "roots")) == 0) {
        return caphealth_words_plain(v->words, "images.none");
    }

    source = caphealth_page_string(v->stats, "source");

    if (source == NULL) {
        return caphealth_words_plain(v->words, "age.never");
    }

    return caphealth_words_plain(v->words, strcmp(source, "live") == 0
                                           ? "images.live" : "images.saved");
}


static json_t *
caphealth_image_root(const caphealth_page_view_t *v, const json_t *root,
    size_t i)
{
    int            rc;
    double         free_gb;
    json_t        *lines, *row;
    const json_t  *scan;

    lines = caphealth_page_list(json_object());
    scan = json_object_get(root, "scan");

    free_gb = caphealth_page_number(json_object_get(root, "filesystem"),
                                    "available_bytes")
              / (1024.0 * 1024 * 1024);

    rc = json_array_append_new(lines,
             caphealth_tile(v, "images", "files",
                 caphealth_words_number(v->words,
                     caphealth_page_number(root, "total_files"), 0),
                 json_null()));
    rc |= json_array_append_new(lines,
              caphealth_tile(v, "images", "free",
                  caphealth_words_unit(v->words, "number.gb", free_gb, 2),
                  json_null()));
    rc |= json_array_append_new(lines,
              caphealth_tile(v, "images", "left",
                  caphealth_words_number(v->words,
                      caphealth_page_number(root, "images_left"), 0),
                  json_null()));

    if (json_is_object(scan)) {
        rc |= json_array_append_new(lines,
                  caphealth_tile(v, "images", "scan",
                      caphealth_words_percent(v->words,
                          caphealth_page_number(scan, "percent")),
                      json_null()));
    }

    row = json_pack("{s:o,s:O,s:O,s:o}",
                    "key", json_sprintf("%zu", i),
                    "path", json_object_get(root, "path"),
                    "error", json_object_get(root, "error"),
                    "lines", lines);

    if (rc != 0) {
        json_decref(row);
        return NULL;
    }

    return row;
}
