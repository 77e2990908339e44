
/*
 * Page: the verdict, and the recommendations that it follows from.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_page_parts.h"
#include "caphealth_words.h"


static int caphealth_advice_rows(const caphealth_page_view_t *v, json_t *rows,
    const char *priority);
static json_t *caphealth_advice_row(const caphealth_page_view_t *v,
    const json_t *advice, size_t i);
static json_t *caphealth_advice_args(const caphealth_page_view_t *v,
    const json_t *advice);
static int caphealth_advice_threshold(const caphealth_page_view_t *v,
    json_t *args, const json_t *threshold);
static int caphealth_advice_tier(const caphealth_page_view_t *v, json_t *args);
static json_t *caphealth_advice_share(const caphealth_page_view_t *v,
    const char *count, double bound);
static json_t *caphealth_advice_subject(const caphealth_page_view_t *v,
    const json_t *advice);
static json_t *caphealth_advice_word(const caphealth_page_view_t *v,
    const json_t *advice, json_t *args, const char *part, const char *plain);
static json_t *caphealth_overall_summary(const caphealth_page_view_t *v,
    const char *status);
static json_t *caphealth_overall_subjects(const caphealth_page_view_t *v,
    int all, size_t *n);
static int caphealth_overall_action(const caphealth_page_view_t *v,
    json_t *part);


static const char *const  caphealth_priorities[] = {
    "critical", "warning", "info"
};


json_t *
caphealth_page_advice(const caphealth_page_view_t *v)
{
    int      rc;
    size_t   i;
    json_t  *rows;

    rc = 0;
    rows = caphealth_page_list(json_object());

    for (i = 0; i < 3; i++) {
        rc |= caphealth_advice_rows(v, rows, caphealth_priorities[i]);
    }

    if (rc != 0) {
        json_decref(rows);
        return NULL;
    }

    return rows;
}


static int
caphealth_advice_rows(const caphealth_page_view_t *v, json_t *rows,
    const char *priority)
{
    int      rc;
    size_t   i;
    json_t  *advice;

    rc = 0;

    json_array_foreach(json_object_get(v->health, "recommendations"), i,
                       advice)
    {
        if (strcmp(caphealth_page_string(advice, "priority"), priority) == 0)
        {
            rc |= json_array_append_new(rows,
                                        caphealth_advice_row(v, advice, i));
        }
    }

    return rc;
}


static json_t *
caphealth_advice_row(const caphealth_page_view_t *v, const json_t *advice,
    size_t i)
{
    int      rc;
    json_t  *row, *args;

    row = json_object();
    args = caphealth_advice_args(v, advice);

    rc = json_object_set_new(row, "key", json_sprintf("%zu", i));
    rc |= json_object_set(row, "priority",
                          json_object_get(advice, "priority"));
    rc |= caphealth_page_status(v, row, "check",
                                caphealth_page_string(advice, "priority"));
    rc |= json_object_set_new(row, "title",
              caphealth_advice_word(v, advice, args, "title", "title"));
    rc |= json_object_set_new(row, "text",
              caphealth_advice_word(v, advice, args, "text", "description"));
    rc |= json_object_set_new(row, "action",
              caphealth_advice_word(v, advice, args, "action", "action"));

    json_decref(args);

    if (rc != 0) {
        json_decref(row);
        return NULL;
    }

    return row;
}


/* in the page's language, where it has words for it */

static json_t *
caphealth_advice_word(const caphealth_page_view_t *v, const json_t *advice,
    json_t *args, const char *part, const char *plain)
{
    char     key[96];
    json_t  *sentence;

    snprintf(key, sizeof(key), "advice.%s.%s",
             caphealth_page_string(advice, "code"), part);

    if (json_object_get(v->words, key)) {
        return caphealth_words_text(v->words, key, json_incref(args));
    }

    sentence = json_object_get(advice, plain);

    return json_incref(sentence ? sentence : json_null());
}


static json_t *
caphealth_advice_args(const caphealth_page_view_t *v, const json_t *advice)
{
    int            rc;
    json_t        *args;
    const char    *subject;
    const json_t  *threshold;

    args = json_object();
    subject = caphealth_page_string(advice, "subject");
    threshold = subject ? caphealth_page_threshold(v, subject) : NULL;

    rc = json_object_set_new(args, "subject",
                             caphealth_advice_subject(v, advice));

    if (threshold) {
        rc |= caphealth_advice_threshold(v, args, threshold);
    }

    if (subject == NULL) {
        rc |= caphealth_advice_tier(v, args);
    }

    if (rc != 0) {
        json_decref(args);
        return NULL;
    }

    return args;
}


static int
caphealth_advice_threshold(const caphealth_page_view_t *v, json_t *args,
    const json_t *threshold)
{
    int  rc;

    rc = json_object_set_new(args, "used",
             caphealth_words_percent(v->words,
                 caphealth_page_number(threshold, "percent_used")));
    rc |= json_object_set_new(args, "current",
              caphealth_words_number(v->words,
                  caphealth_page_number(threshold, "current"), 2));
    rc |= json_object_set_new(args, "limit",
              caphealth_words_number(v->words,
                  caphealth_page_number(threshold, "limit"), 2));

    return rc;
}


static int
caphealth_advice_tier(const caphealth_page_view_t *v, json_t *args)
{
    int          rc;
    size_t       i;
    json_t      *tiers, *tier;
    const char  *name;

    name = caphealth_page_string(v->health, "infrastructure_tier");
    tiers = json_object_get(v->health, "tiers");

    json_array_foreach(tiers, i, tier) {

        if (name == NULL
            || strcmp(caphealth_page_string(tier, "name"), name) != 0
            || i + 1 == json_array_size(tiers))
        {
            continue;
        }

        rc = json_object_set(args, "tier", json_object_get(tier, "name"));
        rc |= json_object_set(args, "next",
                              json_object_get(json_array_get(tiers, i + 1),
                                              "name"));
        rc |= json_object_set_new(args, "vendors",
                  caphealth_advice_share(v, "vendors_count",
                      caphealth_page_number(tier, "max_clients")));
        rc |= json_object_set_new(args, "products",
                  caphealth_advice_share(v, "products_count",
                      caphealth_page_number(tier, "max_products")));

        return rc;
    }

    return 0;
}


static json_t *
caphealth_advice_share(const caphealth_page_view_t *v, const char *count,
    double bound)
{
    double  n;

    n = caphealth_page_number(json_object_get(v->health, "database"), count);

    return caphealth_words_percent(v->words,
                                   bound > 0 ? 100 * n / bound : NAN);
}


static json_t *
caphealth_advice_subject(const caphealth_page_view_t *v, const json_t *advice)
{
    char         key[96];
    const char  *subject, *path;

    subject = caphealth_page_string(advice, "subject");
    path = caphealth_page_string(advice, "path");

    if (subject == NULL) {
        return json_string("");
    }

    snprintf(key, sizeof(key), "name.%s", subject);

    return caphealth_words_text(v->words, key,
                                json_pack("{s:s}", "path", path ? path : ""));
}


json_t *
caphealth_page_overall(const caphealth_page_view_t *v)
{
    int          rc;
    json_t      *part;
    const char  *status;

    part = json_object();
    status = caphealth_page_string(v->health, "overall_status");

    if (status == NULL) {
        status = "unknown";
    }

    rc = caphealth_page_status(v, part, "status", status);
    rc |= json_object_set_new(part, "summary",
                              caphealth_overall_summary(v, status));
    rc |= caphealth_overall_action(v, part);
    rc |= caphealth_page_age(v, part, json_object_get(v->health, "system"),
                             "collected_at");

    if (rc != 0) {
        json_decref(part);
        return NULL;
    }

    return part;
}


static json_t *
caphealth_overall_summary(const caphealth_page_view_t *v, const char *status)
{
    size_t   n;
    json_t  *what;

    if (strcmp(status, "healthy") == 0) {
        return caphealth_words_plain(v->words, "summary.healthy");
    }

    what = caphealth_overall_subjects(v, strcmp(status, "unknown") == 0, &n);

    if (n == 0) {
        json_decref(what);
        return caphealth_words_plain(v->words, "summary.unknown.all");
    }

    if (strcmp(status, "unknown") == 0) {
        return caphealth_words_text(v->words, "summary.unknown",
                                    json_pack("{s:o}", "what", what));
    }

    return caphealth_words_plural(v->words, "summary.attention", (double) n,
                                  json_pack("{s:o}", "what", what));
}


/* what the recommendations are about, each once; all: those of no urgency too */

static json_t *
caphealth_overall_subjects(const caphealth_page_view_t *v, int all, size_t *n)
{
    size_t   i;
    json_t  *seen, *advice, *subject, *what;

    *n = 0;
    seen = json_object();
    what = json_string("");

    json_array_foreach(json_object_get(v->health, "recommendations"), i,
                       advice)
    {
        if (caphealth_page_string(advice, "subject") == NULL
            || (!all && strcmp(caphealth_page_string(advice, "priority"),
                               "info") == 0))
        {
            continue;
        }

        subject = caphealth_advice_subject(v, advice);

        if (json_object_get(seen, json_string_value(subject))) {
            json_decref(subject);
            continue;
        }

        if (json_object_set_new(seen, json_string_value(subject), json_true())
            != 0)
        {
            json_decref(what);
            what = NULL;
        }

        what = caphealth_words_join(what, ", ", subject);
        (*n)++;
    }

    json_decref(seen);

    return what;
}


/* of what is most urgent */

static int
caphealth_overall_action(const caphealth_page_view_t *v, json_t *part)
{
    int          rc;
    json_t      *rows, *first, *action;
    const char  *priority;

    rows = caphealth_page_advice(v);
    if (rows == NULL) {
        return -1;
    }

    first = json_array_get(rows, 1);
    action = json_object_get(first, "action");
    priority = caphealth_page_string(first, "priority");

    if (action == NULL || strcmp(priority, "info") == 0) {
        action = json_null();
    }

    rc = json_object_set(part, "action", action);

    json_decref(rows);

    return rc;
}
