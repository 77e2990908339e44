
/*
 * A report's document, taken apart.
 */

#ifndef DOCUMENT_H
#define DOCUMENT_H


#include <stdlib.h>

#include <jansson.h>

#include "caphealth_report.h"
#include "sample.h"


typedef char *(*report_t)(const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now, size_t *len);


/* one member of the document, or of an object in it */

static inline json_t *
document_member(report_t report, const sample_t *s, const char *object,
    const char *name)
{
    char    *text;
    size_t   len;
    json_t  *root, *value;

    text = report(&s->facts, &s->policy, SAMPLE_NOW, &len);
    assert_non_null(text);

    root = json_loadb(text, len, 0, NULL);
    assert_non_null(root);

    value = (object == NULL) ? root : json_object_get(root, object);
    value = json_incref(json_object_get(value, name));

    json_decref(root);
    free(text);

    return value;
}


static inline json_t *
health_member(const sample_t *s, const char *object, const char *name)
{
    return document_member(caphealth_report_health, s, object, name);
}


static inline json_t *
capacity_member(const sample_t *s, const char *name)
{
    return document_member(caphealth_report_capacity, s, NULL, name);
}


/* takes the value */

static inline void
assert_value(json_t *value, const char *expected)
{
    char  *text;

    assert_non_null(value);

    text = json_dumps(value, JSON_ENCODE_ANY|JSON_COMPACT
                             |JSON_REAL_PRECISION(15));
    assert_non_null(text);
    assert_string_equal(text, expected);

    free(text);
    json_decref(value);
}


#endif /* DOCUMENT_H */
