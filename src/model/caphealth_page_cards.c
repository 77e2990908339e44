
/*
 * Page: the cards of the resources, and the table of thresholds.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_page_parts.h"
#include "caphealth_words.h"


/* a card: what is read, and where from */

typedef struct {
    const char   *key;
    const char   *threshold;
    const char   *section;
    int         (*fill)(const caphealth_page_view_t *v, json_t *card,
                        const json_t *section, json_t *lines);
} caphealth_card_t;


static int caphealth_card(const caphealth_page_view_t *v, json_t *cards,
    const caphealth_card_t *kind);
static const char *caphealth_card_status(const caphealth_card_t *kind,
    const json_t *threshold, const json_t *section);
static int caphealth_card_bar(const caphealth_page_view_t *v, json_t *card,
    const json_t *threshold);
static int caphealth_card_cpu(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines);
static int caphealth_card_used(const caphealth_page_view_t *v, json_t *card,
    json_t *lines, double used, double total);
static int caphealth_card_memory(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines);
static int caphealth_card_disk(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines);
static int caphealth_card_database(const caphealth_page_view_t *v,
    json_t *card, const json_t *section, json_t *lines);
static int caphealth_card_images(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines);

static int caphealth_card_load(const caphealth_page_view_t *v, json_t *lines,
    const json_t *section);
static int caphealth_card_mounts(const caphealth_page_view_t *v,
    json_t *lines, const json_t *disks);
static json_t *caphealth_card_mount(const caphealth_page_view_t *v,
    const json_t *disk);
static int caphealth_card_count(const caphealth_page_view_t *v, json_t *lines,
    const json_t *section, const char *key, const char *name);
static json_t *caphealth_card_of(const caphealth_page_view_t *v, double a,
    double b);
static json_t *caphealth_threshold_row(const caphealth_page_view_t *v,
    const json_t *threshold);


static const caphealth_card_t  caphealth_cards[] = {
    { "cpu", "cpu_percent", "system", caphealth_card_cpu },
    { "memory", "memory_percent", "system", caphealth_card_memory },
    { "disk", "disk_percent", "disks", caphealth_card_disk },
    { "database", "db_size_mb", "database", caphealth_card_database },
    { "images", "storage_gb", "image_storage", caphealth_card_images }
};


json_t *
caphealth_page_cards(const caphealth_page_view_t *v)
{
    int      rc;
    size_t   i;
    json_t  *cards;

    cards = caphealth_page_list(json_pack("{s:o}", "lines",
                                          caphealth_page_list(json_object())));
    rc = 0;

    for (i = 0; i < sizeof(caphealth_cards) / sizeof(caphealth_cards[0])
                && json_object_size(v->health);
         i++)
    {
        rc |= caphealth_card(v, cards, &caphealth_cards[i]);
    }

    if (rc != 0) {
        json_decref(cards);
        return NULL;
    }

    return cards;
}


static int
caphealth_card(const caphealth_page_view_t *v, json_t *cards,
    const caphealth_card_t *kind)
{
    int            rc;
    char           title[64];
    json_t        *card, *lines, *error;
    const json_t  *threshold, *section;

    card = json_object();
    lines = caphealth_page_list(json_object());

    threshold = caphealth_page_threshold(v, kind->threshold);
    section = json_object_get(v->health, kind->section);

    if (json_is_array(section)) {
        section = json_array_get(section, 0);
    }

    error = json_object_get(section, "error");

    snprintf(title, sizeof(title), "card.%s", kind->key);

    rc = json_object_set_new(card, "key", json_string(kind->key));
    rc |= json_object_set_new(card, "title",
                              caphealth_words_plain(v->words, title));
    rc |= json_object_set(card, "error", error ? error : json_null());
    rc |= json_object_set_new(card, "exact", json_null());
    rc |= caphealth_page_status(v, card, "check",
                                caphealth_card_status(kind, threshold,
                                                      section));
    rc |= caphealth_page_age(v, card, section, "collected_at");
    rc |= caphealth_card_bar(v, card, threshold);
    rc |= kind->fill(v, card, section, lines);
    rc |= json_object_set_new(card, "lines", lines);

    return json_array_append_new(cards, card) | rc;
}


/* what is wrong with the source is worse than what it last said */

static const char *
caphealth_card_status(const caphealth_card_t *kind, const json_t *threshold,
    const json_t *section)
{
    const char  *status;

    status = caphealth_page_string(threshold, "status");

    if (json_is_false(json_object_get(section, "configured"))) {
        return "not_configured";
    }

    if (json_is_false(json_object_get(section, "reachable"))
        || (status && strcmp(status, "critical") == 0))
    {
        return "critical";
    }

    if (strcmp(kind->section, "database") == 0
        && caphealth_page_string(section, "error"))
    {
        return "warning";
    }

    return status ? status : "unknown";
}


static int
caphealth_card_bar(const caphealth_page_view_t *v, json_t *card,
    const json_t *threshold)
{
    int      rc;
    double   used, warning, critical, limit;
    json_t  *label, *name;

    used = caphealth_page_number(threshold, "percent_used");
    warning = caphealth_page_number(threshold, "warning");
    critical = caphealth_page_number(threshold, "critical");
    limit = caphealth_page_number(threshold, "limit");

    name = json_incref(json_object_get(card, "title"));

    if (isnan(used)) {
        label = caphealth_words_text(v->words, "card.bar.unknown",
                                     json_pack("{s:o}", "name", name));
    } else {
        label = caphealth_words_text(v->words, "card.bar",
                    json_pack("{s:o,s:o,s:o,s:o}", "name", name,
                              "used", caphealth_words_percent(v->words, used),
                              "warning",
                              caphealth_words_number(v->words, warning, 2),
                              "critical",
                              caphealth_words_number(v->words, critical, 2)));
    }

    rc = json_object_set_new(card, "bar", label);
    rc |= json_object_set_new(card, "fill", caphealth_page_length(used));
    rc |= json_object_set_new(card, "warning",
                              caphealth_page_length(100 * warning / limit));
    rc |= json_object_set_new(card, "critical",
                              caphealth_page_length(100 * critical / limit));

    return rc;
}


static int
caphealth_card_cpu(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines)
{
    int          rc;
    char         scope[64];
    double       percent, cores;
    const char  *where;

    percent = caphealth_page_number(section, "cpu_percent");
    cores = caphealth_page_number(section, "cores");
    where = caphealth_page_string(section, "scope");

    rc = json_object_set_new(card, "value",
                             caphealth_words_percent(v->words, percent));

    if (!isnan(percent) && !isnan(cores)) {
        rc |= json_object_set_new(card, "exact",
                  caphealth_words_text(v->words, "card.exact.cpu",
                      json_pack("{s:o,s:o}", "value",
                                caphealth_words_percent(v->words, percent),
                                "cores",
                                caphealth_words_plural(v->words, "cores",
                                                       cores,
                                                       json_object()))));
    }

    rc |= caphealth_card_load(v, lines, section);

    if (where && strlen(where) < 32) {
        snprintf(scope, sizeof(scope), "scope.%s", where);

        rc |= caphealth_page_line(v, lines, "scope",
                                  caphealth_words_plain(v->words, scope));
    }

    return rc;
}


static int
caphealth_card_load(const caphealth_page_view_t *v, json_t *lines,
    const json_t *section)
{
    size_t   i;
    json_t  *load, *average, *text;

    load = json_object_get(section, "load_average");
    text = json_string("");

    json_array_foreach(load, i, average) {

        if (!json_is_number(average)) {
            json_decref(text);
            return 0;
        }

        text = caphealth_words_join(text, " \xc2\xb7 ",
                   caphealth_words_number(v->words,
                                          json_number_value(average), 2));
    }

    return caphealth_page_line(v, lines, "load", text);
}


/* "2 of 8 GB", exactly and as a line */

static int
caphealth_card_used(const caphealth_page_view_t *v, json_t *card,
    json_t *lines, double used, double total)
{
    int      rc;
    json_t  *text;

    text = caphealth_card_of(v, used, total);

    rc = json_object_set(card, "exact", text);
    rc |= caphealth_page_line(v, lines, "used", text);

    return rc;
}


static int
caphealth_card_memory(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines)
{
    int     rc;
    double  used, total;

    used = caphealth_page_number(section, "memory_used_gb");
    total = caphealth_page_number(section, "memory_total_gb");

    rc = json_object_set_new(card, "value",
             caphealth_words_percent(v->words,
                 caphealth_page_number(section, "memory_percent")));

    rc |= caphealth_card_used(v, card, lines, used, total);

    return rc;
}


static int
caphealth_card_disk(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines)
{
    int            rc;
    const json_t  *system;

    system = json_object_get(v->health, "system");

    rc = json_object_set_new(card, "value",
             caphealth_words_percent(v->words,
                 caphealth_page_number(system, "disk_percent")));

    rc |= caphealth_card_used(v, card, lines,
                              caphealth_page_number(section, "used_gb"),
                              caphealth_page_number(section, "total_gb"));

    rc |= caphealth_card_mounts(v, lines,
                                json_object_get(v->health, "disks"));

    return rc;
}


/* every watched one, by its path */

static int
caphealth_card_mounts(const caphealth_page_view_t *v, json_t *lines,
    const json_t *disks)
{
    int      rc;
    size_t   i;
    json_t  *line, *disk;

    rc = 0;

    json_array_foreach((json_t *) disks, i, disk) {
        line = json_pack("{s:o,s:O,s:o}",
                         "key", json_sprintf("disk %zu", i),
                         "label", json_object_get(disk, "path"),
                         "value", caphealth_card_mount(v, disk));

        rc |= json_array_append_new(lines, line);
    }

    return rc;
}


static json_t *
caphealth_card_mount(const caphealth_page_view_t *v, const json_t *disk)
{
    json_t  *value;

    if (caphealth_page_string(disk, "error")) {
        return json_incref(json_object_get(disk, "error"));
    }

    value = caphealth_words_percent(v->words,
                                    caphealth_page_number(disk, "percent"));

    if (!json_is_true(json_object_get(disk, "read_only"))) {
        return value;
    }

    return caphealth_words_join(value, ", ",
               caphealth_words_plain(v->words, "line.read_only"));
}


static int
caphealth_card_database(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines)
{
    int          rc;
    double       bytes;
    const char  *engine, *version;

    bytes = caphealth_page_number(section, "size_bytes");
    engine = caphealth_page_string(section, "engine");
    version = caphealth_page_string(section, "version");

    rc = json_object_set_new(card, "value",
             caphealth_words_unit(v->words, "number.mb",
                 caphealth_page_number(section, "size_mb"), 2));

    if (!isnan(bytes)) {
        rc |= json_object_set_new(card, "exact",
                  caphealth_words_unit(v->words, "number.bytes", bytes, 0));
    }

    rc |= caphealth_card_count(v, lines, section, "products",
                               "products_count");
    rc |= caphealth_card_count(v, lines, section, "orders", "orders_count");
    rc |= caphealth_card_count(v, lines, section, "vendors", "vendors_count");
    rc |= caphealth_card_count(v, lines, section, "inventory",
                               "inventory_count");

    if (engine) {
        rc |= caphealth_page_line(v, lines, "engine",
                                  json_sprintf("%s %s", engine,
                                               version ? version : ""));
    }

    return rc;
}


static int
caphealth_card_images(const caphealth_page_view_t *v, json_t *card,
    const json_t *section, json_t *lines)
{
    int     rc;
    double  bytes;

    bytes = caphealth_page_number(section, "total_bytes");

    rc = json_object_set_new(card, "value",
             caphealth_words_unit(v->words, "number.gb",
                 caphealth_page_number(section, "total_size_gb"), 2));

    if (!isnan(bytes)) {
        rc |= json_object_set_new(card, "exact",
                  caphealth_words_unit(v->words, "number.bytes", bytes, 0));
    }

    rc |= caphealth_card_count(v, lines, section, "files", "total_files");
    rc |= caphealth_card_count(v, lines, section, "sets",
                               "products_estimated");
    rc |= caphealth_card_count(v, lines, section, "fullest",
                               "max_files_per_dir");

    return rc;
}


static int
caphealth_card_count(const caphealth_page_view_t *v, json_t *lines,
    const json_t *section, const char *key, const char *name)
{
    return caphealth_page_line(v, lines, key,
               caphealth_words_number(v->words,
                   caphealth_page_number(section, name), 0));
}


/* both in GB */

static json_t *
caphealth_card_of(const caphealth_page_view_t *v, double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return caphealth_words_plain(v->words, "number.unknown");
    }

    return caphealth_words_text(v->words, "number.of",
               json_pack("{s:o,s:o}",
                         "a", caphealth_words_number(v->words, a, 2),
                         "b", caphealth_words_unit(v->words, "number.gb", b,
                                                   2)));
}


json_t *
caphealth_page_thresholds(const caphealth_page_view_t *v)
{
    int      rc;
    size_t   i;
    json_t  *rows, *threshold;

    rc = 0;
    rows = caphealth_page_list(json_object());

    json_array_foreach(json_object_get(v->health, "thresholds"), i, threshold)
    {
        rc |= json_array_append_new(rows,
                                    caphealth_threshold_row(v, threshold));
    }

    if (rc != 0) {
        json_decref(rows);
        return NULL;
    }

    return rows;
}


static json_t *
caphealth_threshold_row(const caphealth_page_view_t *v,
    const json_t *threshold)
{
    int          rc;
    char         name[64];
    size_t       i;
    json_t      *row;
    const char  *key;

    static const char *const  numbers[] = {
        "current", "warning", "critical", "limit"
    };

    row = json_object();
    key = caphealth_page_string(threshold, "key");

    snprintf(name, sizeof(name), "name.%s", key);

    rc = json_object_set_new(row, "key", json_string(key));
    rc |= json_object_set_new(row, "name",
                              caphealth_words_plain(v->words, name));
    rc |= caphealth_page_status(v, row, "check",
                                caphealth_page_string(threshold, "status"));

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        rc |= json_object_set_new(row, numbers[i],
                  caphealth_words_number(v->words,
                      caphealth_page_number(threshold, numbers[i]), 2));
    }

    rc |= json_object_set_new(row, "used",
              caphealth_words_percent(v->words,
                  caphealth_page_number(threshold, "percent_used")));

    if (rc != 0) {
        json_decref(row);
        return NULL;
    }

    return row;
}
