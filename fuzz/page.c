
/*
 * Under test: src/model/caphealth_page.c src/model/caphealth_page_advice.c
 *     src/model/caphealth_page_cards.c src/model/caphealth_page_platform.c
 *     src/model/caphealth_page_tier.c src/model/caphealth_words.c
 *     src/model/caphealth_template.c
 *
 * The admin page, of facts and of an operator's links with anything in them.
 * It must have as much markup as if nothing in them looked like any.
 */

#include "facts.h"

#include "caphealth_page.h"


#define LINKS  4


static char    *template;
static json_t  *texts;


/* what is markup, or ends an attribute, and what stands in for it */

static const struct {
    char         mark;
    const char  *instead;
} marks[] = {
    { '<', "\xee\x80\x80" },
    { '>', "\xee\x80\x81" },
    { '"', "\xee\x80\x82" },
    { '\'', "\xee\x80\x83" },
    { '&', "\xee\x80\x84" }
};


static char *
slurp(const char *path)
{
    FILE    *file;
    char    *text;
    size_t   len;

    file = fopen(path, "r");

    if (file == NULL) {
        perror(path);
        exit(1);
    }

    text = calloc(1, 256 * 1024);
    fuzz_check(text != NULL);

    len = fread(text, 1, 256 * 1024 - 1, file);
    fuzz_check(len > 0 && len < 256 * 1024 - 1);

    (void) fclose(file);

    return text;
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char  *text;

    (void) argc;
    (void) argv;

    template = slurp("src/dashboard/index.html");
    text = slurp("src/dashboard/texts.json");

    texts = caphealth_page_texts(text, strlen(text));
    fuzz_check(texts != NULL);

    free(text);

    return 0;
}


static const char *
instead_of(char c)
{
    size_t  i;

    for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (marks[i].mark == c) {
            return marks[i].instead;
        }
    }

    return NULL;
}


static json_t *
harmless_string(const json_t *string)
{
    char        *text, *last;
    size_t       i, len;
    json_t      *result;
    const char  *s, *instead;

    s = json_string_value(string);
    len = json_string_length(string);

    text = malloc(3 * len + 1);
    fuzz_check(text != NULL);

    for (last = text, i = 0; i < len; i++) {
        instead = instead_of(s[i]);

        if (instead) {
            last = mempcpy(last, instead, 3);

        } else {
            *last++ = s[i];
        }
    }

    result = json_stringn(text, (size_t) (last - text));
    fuzz_check(result != NULL);

    free(text);

    return result;
}


/* a new reference */

static json_t *
harmless(json_t *value)
{
    size_t       i;
    json_t      *copy, *member;
    const char  *key;

    if (json_is_string(value)) {
        return harmless_string(value);
    }

    if (json_is_array(value)) {
        copy = json_array();

        json_array_foreach(value, i, member) {
            (void) json_array_append_new(copy, harmless(member));
        }

        return copy;
    }

    if (json_is_object(value)) {
        copy = json_object();

        json_object_foreach(value, key, member) {
            (void) json_object_set_new(copy, key, harmless(member));
        }

        return copy;
    }

    return json_incref(value);
}


static const char *
setting(const json_t *page, const char *name, const char *otherwise)
{
    const char  *s;

    s = json_string_value(json_object_get(page, name));

    return s && *s ? s : otherwise;
}


static caphealth_page_source_t
source(const json_t *page, const char *name)
{
    const json_t             *status;
    caphealth_page_source_t   s;

    s.url = setting(page, name, NULL);
    status = json_object_get(json_object_get(page, "status"), name);
    s.status = json_is_integer(status) ? (int) json_integer_value(status)
                                       : 200;

    return s;
}


static char *
render(json_t *document)
{
    char                  *text;
    size_t                 i, len;
    json_t                *page, *links;
    facts_t                f;
    caphealth_page_t       p;
    caphealth_page_link_t  link[LINKS];

    facts_read(&f, document);

    page = json_object_get(document, "page");
    links = json_object_get(page, "links");

    memset(&p, 0, sizeof(p));

    p.self = setting(page, "self", "/admin");
    p.assets = setting(page, "assets", "/admin/0");
    p.health = source(page, "health");
    p.capacity = source(page, "capacity");
    p.images = source(page, "images");
    p.upload = source(page, "upload");
    p.refresh = 10000;
    p.links = link;

    for (i = 0; i < LINKS && i < json_array_size(links); i++) {
        link[i].title = setting(json_array_get(links, i), "title", "a");
        link[i].url = setting(json_array_get(links, i), "url", "/");
        p.nlinks++;
    }

    text = caphealth_page(&p, template, texts, "en", &f.facts, &f.policy,
                          f.now, &len);

    fuzz_check(text != NULL);
    fuzz_check(len == strlen(text));
    fuzz_check(strstr(text, "{{") == NULL
               || json_object_get(document, "braces") != NULL);

    facts_free(&f);

    return text;
}


static size_t
count(const char *text, char c)
{
    size_t  n;

    for (n = 0; *text; text++) {
        n += (*text == c);
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char    *text, *same;
    size_t   i;
    json_t  *document, *copy;

    document = json_loadb((const char *) data, size, JSON_ALLOW_NUL, NULL);

    if (!json_is_object(document)
        || memmem(data, size, "\xee\x80", 2) != NULL
        || memmem(data, size, "\\u", 2) != NULL)
    {
        json_decref(document);
        return 0;
    }

    if (memmem(data, size, "{{", 2) != NULL) {
        (void) json_object_set_new(document, "braces", json_true());
    }

    copy = harmless(document);

    text = render(document);
    same = render(copy);

    for (i = 0; i < 4; i++) {
        fuzz_check(count(text, marks[i].mark) == count(same, marks[i].mark));
    }

    free(text);
    free(same);
    json_decref(document);
    json_decref(copy);

    return 0;
}
