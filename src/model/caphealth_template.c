
/*
 * Template: see the header.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_template.h"


#define CAPHEALTH_TEMPLATE_DEPTH  16


typedef struct {
    FILE           *out;
    size_t          nested;      /* sections, shown or not */
    size_t          depth;
    const json_t   *scopes[CAPHEALTH_TEMPLATE_DEPTH];
} caphealth_template_t;


typedef struct {
    char            kind;        /* '#', '^', '/', or 0 */
    const char     *name;
    size_t          len;
} caphealth_tag_t;


static const char *caphealth_template_part(caphealth_template_t *t,
    const char *p, const caphealth_tag_t *section, int emit);
static const char *caphealth_template_section(caphealth_template_t *t,
    const char *p, const caphealth_tag_t *tag, int emit);
static const char *caphealth_template_tag(const char *p,
    caphealth_tag_t *tag);
static const json_t *caphealth_template_find(const caphealth_template_t *t,
    const caphealth_tag_t *tag);
static const json_t *caphealth_template_member(const json_t *object,
    const char *name, size_t len);
static int caphealth_template_true(const json_t *value);
static void caphealth_template_value(FILE *out, const json_t *value);
static void caphealth_template_escape(FILE *out, const char *p, size_t len);


char *
caphealth_template(const char *text, const json_t *root, size_t *len)
{
    char                  *result;
    const char            *end;
    caphealth_template_t   t;

    result = NULL;
    t.nested = 1;
    t.depth = 1;
    t.scopes[0] = root;

    t.out = open_memstream(&result, len);
    if (t.out == NULL) {
        return NULL;
    }

    end = caphealth_template_part(&t, text, NULL, 1);

    if (fclose(t.out) != 0 || end == NULL) {
        free(result);
        return NULL;
    }

    return result;
}


/* up to the end of the section, or of the text; NULL: it has no end */

static const char *
caphealth_template_part(caphealth_template_t *t, const char *p,
    const caphealth_tag_t *section, int emit)
{
    const char       *open;
    caphealth_tag_t   tag;

    for ( ;; ) {
        open = strstr(p, "{{");

        if (emit) {
            fwrite(p, 1, open ? (size_t) (open - p) : strlen(p), t->out);
        }

        if (open == NULL) {
            return section ? NULL : p + strlen(p);
        }

        p = caphealth_template_tag(open + 2, &tag);
        if (p == NULL) {
            return NULL;
        }

        if (tag.kind == '/') {
            return section && section->len == tag.len
                   && memcmp(section->name, tag.name, tag.len) == 0
                   ? p : NULL;
        }

        if (tag.kind != 0) {
            p = caphealth_template_section(t, p, &tag, emit);
            if (p == NULL) {
                return NULL;
            }

        } else if (emit) {
            caphealth_template_value(t->out,
                                     caphealth_template_find(t, &tag));
        }
    }
}


static const char *
caphealth_template_section(caphealth_template_t *t, const char *p,
    const caphealth_tag_t *tag, int emit)
{
    size_t         i, n;
    const char    *end;
    const json_t  *value;

    if (t->nested == CAPHEALTH_TEMPLATE_DEPTH) {
        return NULL;
    }

    value = emit ? caphealth_template_find(t, tag) : NULL;
    n = json_is_array(value) ? json_array_size(value) : 1;

    if (caphealth_template_true(value) != (tag->kind == '#')) {
        emit = 0;
    }

    t->nested++;

    if (!emit || tag->kind == '^') {
        end = caphealth_template_part(t, p, tag, emit);
        t->nested--;

        return end;
    }

    end = NULL;
    t->depth++;

    for (i = 0; i < n; i++) {
        t->scopes[t->depth - 1] = json_is_array(value)
                                  ? json_array_get(value, i) : value;
        end = caphealth_template_part(t, p, tag, 1);
    }

    t->depth--;
    t->nested--;

    return end;
}


/* what is behind the opening braces; returns what is behind the closing ones */

static const char *
caphealth_template_tag(const char *p, caphealth_tag_t *tag)
{
    const char  *end;

    end = strstr(p, "}}");
    if (end == NULL) {
        return NULL;
    }

    tag->kind = '\0';

    if (*p == '#' || *p == '^' || *p == '/') {
        tag->kind = *p;
        p++;
    }

    tag->name = p;
    tag->len = end - p;

    return end + 2;
}


static const json_t *
caphealth_template_find(const caphealth_template_t *t,
    const caphealth_tag_t *tag)
{
    size_t         i;
    const json_t  *value;

    for (i = t->depth; i > 0; i--) {
        value = caphealth_template_member(t->scopes[i - 1], tag->name,
                                          tag->len);
        if (value) {
            return value;
        }
    }

    return NULL;
}


static const json_t *
caphealth_template_member(const json_t *object, const char *name, size_t len)
{
    const char    *dot;
    const json_t  *value;

    value = json_object_getn(object, name, len);
    if (value) {
        return value;
    }

    dot = memchr(name, '.', len);
    if (dot == NULL) {
        return NULL;
    }

    value = json_object_getn(object, name, dot - name);
    if (value == NULL) {
        return NULL;
    }

    dot++;

    return caphealth_template_member(value, dot, len - (dot - name));
}


static int
caphealth_template_true(const json_t *value)
{
    if (value == NULL || json_is_null(value) || json_is_false(value)) {
        return 0;
    }

    if (json_is_array(value)) {
        return json_array_size(value) != 0;
    }

    return !json_is_string(value) || json_string_length(value) != 0;
}


static void
caphealth_template_value(FILE *out, const json_t *value)
{
    if (json_is_integer(value)) {
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));

    } else if (json_is_string(value)) {
        caphealth_template_escape(out, json_string_value(value),
                                  json_string_length(value));
    }
}


static void
caphealth_template_escape(FILE *out, const char *p, size_t len)
{
    const char  *last;

    for (last = p + len; p < last; p++) {

        switch (*p) {

        case '<':
            fputs("&lt;", out);
            break;

        case '>':
            fputs("&gt;", out);
            break;

        case '&':
            fputs("&amp;", out);
            break;

        case '"':
            fputs("&quot;", out);
            break;

        case '\'':
            fputs("&#39;", out);
            break;

        case '\0':
            fputs("\xef\xbf\xbd", out);
            break;

        default:
            fputc(*p, out);
            break;
        }
    }
}
