
/*
 * Page: the parts put together, and filled into the template.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "caphealth_images.h"
#include "caphealth_page_parts.h"
#include "caphealth_report.h"
#include "caphealth_template.h"
#include "caphealth_words.h"


typedef struct {
    const char  *status;
    const char  *shape;
} caphealth_shape_t;


static json_t *caphealth_page_document(const caphealth_page_source_t *source,
    json_t *document);
static json_t *caphealth_page_root(const caphealth_page_view_t *v);
static json_t *caphealth_page_about(const caphealth_page_view_t *v,
    const json_t *overall);
static json_t *caphealth_page_links(const caphealth_page_view_t *v);
static json_t *caphealth_page_banners(const caphealth_page_view_t *v);
static int caphealth_page_refused(const caphealth_page_view_t *v,
    json_t *banners, const char *name, const caphealth_page_source_t *source);
static int caphealth_page_stale(const caphealth_page_view_t *v,
    json_t *banners);
static json_t *caphealth_page_banner(const char *key, const char *kind,
    json_t *text);
static json_t *caphealth_page_url(const caphealth_page_source_t *source);
static json_t *caphealth_page_upload(const caphealth_page_t *page);
static const char *caphealth_page_shape(const char *status);
static const char *caphealth_page_tag(const json_t *texts, const char *p,
    const char *end);
static unsigned caphealth_page_quality(const char *p, const char *last);


/* the same in view.js */

static const caphealth_shape_t  caphealth_shapes[] = {
    { "ok", "\xe2\x97\x8f" },
    { "healthy", "\xe2\x97\x8f" },
    { "info", "\xe2\x97\x8b" },
    { "warning", "\xe2\x96\xb2" },
    { "degraded", "\xe2\x96\xb2" },
    { "critical", "\xe2\x96\xa0" },
    { "not_configured", "\xe2\x80\x93" }
};


json_t *
caphealth_page_texts(const char *text, size_t len)
{
    json_t  *texts;

    texts = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(json_object_get(texts, "en"))) {
        json_decref(texts);
        return NULL;
    }

    return texts;
}


const char *
caphealth_page_language(const json_t *texts, const char *accept, size_t len)
{
    unsigned     q, best;
    const char  *p, *end, *last, *tag, *language;

    best = 0;
    language = "en";
    last = accept + len;

    for (p = accept; p < last; p = end + 1) {

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        end = memchr(p, ',', last - p);
        end = end ? end : last;

        tag = caphealth_page_tag(texts, p, end);
        q = caphealth_page_quality(p, end);

        if (tag && q > best) {
            best = q;
            language = tag;
        }
    }

    return language;
}


/* "de" is what there is for "de-AT", unless there is "de-AT" */

static const char *
caphealth_page_tag(const json_t *texts, const char *p, const char *end)
{
    size_t       len;
    json_t      *words;
    const char  *tag, *longest;

    longest = NULL;

    json_object_foreach((json_t *) texts, tag, words) {
        len = strlen(tag);

        if ((size_t) (end - p) >= len && strncasecmp(p, tag, len) == 0
            && (p + len == end || strchr("-; \t", p[len]) != NULL)
            && (longest == NULL || len > strlen(longest)))
        {
            longest = tag;
        }
    }

    return longest;
}


/* thousandths, RFC 9110, 12.4.2; 0 where it is not what it must be */

static unsigned
caphealth_page_quality(const char *p, const char *last)
{
    unsigned     quality, unit;
    const char  *q;

    q = memchr(p, ';', last - p);

    while (q && q < last && (*q == ';' || *q == ' ' || *q == '\t')) {
        q++;
    }

    if (q == NULL || last - q < 2 || (*q != 'q' && *q != 'Q') || q[1] != '=')
    {
        return 1000;
    }

    while (last[-1] == ' ' || last[-1] == '\t') {
        last--;
    }

    q += 2;

    if (q >= last || (*q != '0' && *q != '1')
        || (last - q > 1 && q[1] != '.') || last - q > 5)
    {
        return 0;
    }

    quality = (*q - '0') * 1000;
    unit = 100;

    for (q += 2; q < last; q++, unit /= 10) {

        if (*q < '0' || *q > '9') {
            return 0;
        }

        quality += (*q - '0') * unit;
    }

    return quality <= 1000 ? quality : 0;
}


char *
caphealth_page(const caphealth_page_t *page, const char *template,
    const json_t *texts, const char *language, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len)
{
    char                   *text;
    json_t                 *root;
    caphealth_page_view_t   v;

    v.page = page;
    v.words = json_object_get(texts, language);
    v.language = language;
    v.now = now;
    v.vendors = &f->database.value.vendors;

    v.health = caphealth_page_document(&page->health,
                   caphealth_report_health_document(f, p, now));
    v.capacity = caphealth_page_document(&page->capacity,
                     caphealth_report_capacity_document(f, now,
                                               CAPHEALTH_VENDORS_SHOWN));
    v.stats = caphealth_page_document(&page->images,
                  caphealth_images_document(&f->images.value, now));

    text = NULL;
    root = NULL;

    if (v.health && v.capacity && v.stats) {
        root = caphealth_page_root(&v);
    }

    if (root) {
        text = caphealth_template(template, root, len);
    }

    json_decref(root);
    json_decref(v.health);
    json_decref(v.capacity);
    json_decref(v.stats);

    return text;
}


/* takes the document; an empty one instead, where it may not be seen */

static json_t *
caphealth_page_document(const caphealth_page_source_t *source,
    json_t *document)
{
    if (source->url && source->status == 200) {
        return document;
    }

    json_decref(document);

    return json_object();
}


static json_t *
caphealth_page_root(const caphealth_page_view_t *v)
{
    json_t  *overall, *about;

    overall = caphealth_page_overall(v);
    about = caphealth_page_about(v, overall);

    return json_pack("{s:o,s:O,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
                     "page", about,
                     "t", v->words,
                     "overall", overall,
                     "links", caphealth_page_links(v),
                     "banners", caphealth_page_banners(v),
                     "cards", caphealth_page_cards(v),
                     "thresholds", caphealth_page_thresholds(v),
                     "advice", caphealth_page_advice(v),
                     "tier", caphealth_page_tier(v),
                     "platform", caphealth_page_platform(v),
                     "images", caphealth_page_images(v));
}


static json_t *
caphealth_page_about(const caphealth_page_view_t *v, const json_t *overall)
{
    const char              *state;
    const caphealth_page_t  *page = v->page;

    state = caphealth_page_string(overall, "state");

    return json_pack("{s:s,s:s,s:s,s:i,s:b,s:o,s:o,s:o,s:o,s:o}",
                     "lang", v->language,
                     "self", page->self,
                     "assets", page->assets,
                     "refresh", (int) page->refresh,
                     "linked", page->nlinks != 0,
                     "health", caphealth_page_url(&page->health),
                     "capacity", caphealth_page_url(&page->capacity),
                     "images", caphealth_page_url(&page->images),
                     "upload", caphealth_page_upload(page),
                     "title", caphealth_words_text(v->words, "page.title",
                                  json_pack("{s:s}", "state",
                                            state ? state : "")));
}


static json_t *
caphealth_page_url(const caphealth_page_source_t *source)
{
    return json_string(source->url ? source->url : "");
}


/* what may not be done is not offered */

static json_t *
caphealth_page_upload(const caphealth_page_t *page)
{
    return json_string(page->upload.url && page->upload.status == 200
                       ? page->upload.url : "");
}


static json_t *
caphealth_page_links(const caphealth_page_view_t *v)
{
    int      rc;
    size_t   i;
    json_t  *links;

    rc = 0;
    links = json_array();

    for (i = 0; i < v->page->nlinks; i++) {
        rc |= json_array_append_new(links,
                  json_pack("{s:s,s:s}", "title", v->page->links[i].title,
                            "url", v->page->links[i].url));
    }

    if (rc != 0) {
        json_decref(links);
        return NULL;
    }

    return links;
}


static json_t *
caphealth_page_banners(const caphealth_page_view_t *v)
{
    int      rc;
    json_t  *banners;

    banners = caphealth_page_list(json_object());

    rc = caphealth_page_refused(v, banners, "health", &v->page->health);
    rc |= caphealth_page_refused(v, banners, "capacity", &v->page->capacity);
    rc |= caphealth_page_refused(v, banners, "images", &v->page->images);
    rc |= caphealth_page_stale(v, banners);

    if (rc != 0) {
        json_decref(banners);
        return NULL;
    }

    return banners;
}


static int
caphealth_page_refused(const caphealth_page_view_t *v, json_t *banners,
    const char *name, const caphealth_page_source_t *source)
{
    char         what[32];
    const char  *key;

    if (source->url == NULL || source->status == 200) {
        return 0;
    }

    snprintf(what, sizeof(what), "source.%s", name);

    key = source->status == 401 ? "refused.401"
          : source->status == 403 ? "refused.403" : "refused.other";

    return json_array_append_new(banners,
               caphealth_page_banner(name, "warning",
                   caphealth_words_text(v->words, key,
                       json_pack("{s:s,s:o}",
                                 "what", caphealth_word(v->words, what),
                                 "status",
                                 json_sprintf("%d", source->status)))));
}


static int
caphealth_page_stale(const caphealth_page_view_t *v, json_t *banners)
{
    const json_t  *system;

    if (!json_is_true(json_object_get(v->health, "stale"))) {
        return 0;
    }

    system = json_object_get(v->health, "system");

    return json_array_append_new(banners,
               caphealth_page_banner("stale", "warning",
                   caphealth_words_text(v->words, "banner.stale",
                       json_pack("{s:O}", "time",
                                 json_object_get(system, "collected_at")))));
}


static json_t *
caphealth_page_banner(const char *key, const char *kind, json_t *text)
{
    return json_pack("{s:s,s:s,s:s,s:o}", "key", key, "kind", kind,
                     "shape", caphealth_page_shape(kind), "text", text);
}


json_t *
caphealth_page_list(json_t *pattern)
{
    if (pattern == NULL
        || json_object_set_new(pattern, "blank", json_true()) != 0)
    {
        json_decref(pattern);
        return NULL;
    }

    return json_pack("[o]", pattern);
}


double
caphealth_page_number(const json_t *object, const char *name)
{
    const json_t  *value;

    value = json_object_get(object, name);

    return json_is_number(value) ? json_number_value(value) : NAN;
}


const char *
caphealth_page_string(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}


double
caphealth_page_time(const json_t *object, const char *name)
{
    struct tm    tm;
    const char  *text;

    text = caphealth_page_string(object, name);

    memset(&tm, 0, sizeof(struct tm));

    if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL) {
        return 0;
    }

    return (double) timegm(&tm);
}


int
caphealth_page_age(const caphealth_page_view_t *v, json_t *part,
    const json_t *section, const char *name)
{
    int          rc;
    double       t;
    const char  *time;

    t = caphealth_page_time(section, name);
    time = caphealth_page_string(section, name);

    rc = json_object_set_new(part, "time", json_string(time ? time : ""));

    if (json_is_false(json_object_get(section, "configured"))) {
        return rc | json_object_set_new(part, "age",
                        caphealth_words_plain(v->words, "age.off"));
    }

    return rc | json_object_set_new(part, "age",
                    caphealth_words_age(v->words, t, v->now));
}


int
caphealth_page_status(const caphealth_page_view_t *v, json_t *part,
    const char *prefix, const char *status)
{
    int   rc;
    char  key[64];

    snprintf(key, sizeof(key), "%s.%s", prefix, status);

    rc = json_object_set_new(part, "status", json_string(status));
    rc |= json_object_set_new(part, "shape",
                              json_string(caphealth_page_shape(status)));
    rc |= json_object_set_new(part, "state",
                              caphealth_words_plain(v->words, key));

    return rc;
}


static const char *
caphealth_page_shape(const char *status)
{
    size_t  i;

    for (i = 0; i < sizeof(caphealth_shapes) / sizeof(caphealth_shapes[0]);
         i++)
    {
        if (strcmp(caphealth_shapes[i].status, status) == 0) {
            return caphealth_shapes[i].shape;
        }
    }

    return "\xe2\x97\x87";
}


const json_t *
caphealth_page_threshold(const caphealth_page_view_t *v, const char *key)
{
    size_t        i;
    json_t       *threshold;
    const char   *name;

    json_array_foreach(json_object_get(v->health, "thresholds"), i, threshold)
    {
        name = caphealth_page_string(threshold, "key");

        if (name && strcmp(name, key) == 0) {
            return threshold;
        }
    }

    return NULL;
}


json_t *
caphealth_page_length(double percent)
{
    if (isnan(percent)) {
        percent = 0;
    }

    return json_sprintf("%.1f%%", fmin(100, fmax(0, percent)));
}


int
caphealth_page_line(const caphealth_page_view_t *v, json_t *lines,
    const char *key, json_t *value)
{
    char  label[64];

    snprintf(label, sizeof(label), "line.%s", key);

    return json_array_append_new(lines,
               json_pack("{s:s,s:s,s:o}", "key", key,
                         "label", caphealth_word(v->words, label),
                         "value", value));
}
