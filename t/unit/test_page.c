
/*
 * Page: the page as the server sends it, in each language and state.
 */

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_page.h"
#include "caphealth_words.h"
#include "sample.h"


typedef struct {
    char     *template;
    json_t   *texts;
} files_t;


/* allocations that succeed before the one that does not; -1: all do */

static int  allocations = -1;


static void *
allocate(size_t size)
{
    if (allocations == -1) {
        return malloc(size);
    }

    return (allocations-- == 0) ? NULL : malloc(size);
}


static char *
slurp(const char *path)
{
    char  *text;
    FILE  *file;
    long   size;

    file = fopen(path, "r");

    if (file == NULL) {
        fail_msg("fopen(\"%s\") failed: %s", path, strerror(errno));
    }

    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);

    text = calloc(1, size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, size, file), size);

    fclose(file);

    return text;
}


static int
load(void **state)
{
    char            *text;
    static files_t   files;

    files.template = slurp("src/dashboard/index.html");

    text = slurp("src/dashboard/texts.json");
    files.texts = caphealth_page_texts(text, strlen(text));
    free(text);

    assert_non_null(files.texts);

    *state = &files;

    return 0;
}


static int
unload(void **state)
{
    files_t  *files = *state;

    allocations = -1;
    json_set_alloc_funcs(malloc, free);

    free(files->template);
    json_decref(files->texts);

    return 0;
}


static const caphealth_page_t  all = {
    .self = "/admin",
    .assets = "/admin/0123456789abcdef",
    .health = { "/health", 200 },
    .capacity = { "/capacity", 200 },
    .images = { "/stats", 200 },
    .upload = { "/images", 200 },
    .refresh = 10000
};


static char *
render(const files_t *files, const caphealth_page_t *page,
    const char *language, const sample_t *s)
{
    char    *text;
    size_t   len;

    text = caphealth_page(page, files->template, files->texts, language,
                          &s->facts, &s->policy, SAMPLE_NOW, &len);
    if (text) {
        assert_int_equal(len, strlen(text));
    }

    return text;
}


static void
assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("there is no \"%s\" in the page", part);
    }
}


static void
assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("there is a \"%s\" in the page", part);
    }
}


static void
test_healthy(void **state)
{
    char      *text;
    sample_t   s;

    sample_init(&s);
    text = render(*state, &all, "en", &s);

    assert_non_null(text);
    assert_has(text, "<html lang=\"en\" data-refresh=\"10000\"");
    assert_has(text, "data-health=\"/health\"");
    assert_has(text, "<title>Healthy – Platform Health</title>");
    assert_has(text, "/admin/0123456789abcdef/icon-healthy.svg");
    assert_has(text, "Nothing needs you now.");
    assert_has(text, "<span data-f=\"value\">21.5%</span>");
    assert_has(text, "21.5% of 4 cores");
    assert_has(text, "2 of 8 GB");
    assert_has(text, "33.3%, read-only");
    assert_has(text, "13,107,200 bytes");
    assert_has(text, "sqlite 3.40.1");
    assert_has(text, "up to 50 vendors, 10,000 products");
    assert_has(text, "12 of 50");
    assert_has(text, "Next step: Small, beyond 50 vendors or 10,000 products."
                     " Room left: 38 vendors or 8,766 products.");
    assert_has(text, "data-a=\"tabindex:focus\">Zoë</bdi>");
    assert_has(text, ">Unknown</bdi>");
    assert_has(text, "5 s ago");
    assert_has(text, "datetime=\"2001-09-09T01:46:40Z\"");
    assert_has(text, "action=\"/images\"");
    assert_has_not(text, "{{");

    free(text);
}


static void
test_german(void **state)
{
    char      *text;
    sample_t   s;

    sample_init(&s);
    text = render(*state, &all, "de", &s);

    assert_has(text, "<html lang=\"de\"");
    assert_has(text, "<title>Gesund – Plattformzustand</title>");
    assert_has(text, "21,5 % von 4 Kernen");
    assert_has(text, "13.107.200 Bytes");

    free(text);
}


static void
test_critical(void **state)
{
    char      *text;
    sample_t   s;

    sample_init(&s);
    sample_set(&s, CAPHEALTH_DISK_PERCENT, 90);
    sample_set(&s, CAPHEALTH_PRODUCTS_TOTAL, 450000);

    s.facts.database.section.failed = 1;
    s.facts.database.section.error = "<script>alert(1)</script> \"&'";

    text = render(*state, &all, "en", &s);

    assert_has(text, "<title>Critical – Platform Health</title>");
    assert_has(text, "3 things need you: Products, Disk usage (%), Database.");
    assert_has(text, "Immediate scaling or cleanup required");
    assert_has(text, "Currently at 90% of capacity (90 of 100)");
    assert_has(text, "Plan scaling in the next 2–4 weeks");
    assert_has(text, "Database cannot be reached");
    assert_has(text, "&lt;script&gt;alert(1)&lt;/script&gt; "
                     "&quot;&amp;&#39;");
    assert_has_not(text, "<script>alert");

    free(text);
}


static void
test_refused(void **state)
{
    char              *text;
    sample_t           s;
    caphealth_page_t   page;

    sample_init(&s);

    page = all;
    page.health.status = 401;
    page.capacity.status = 403;
    page.images.status = 502;

    text = render(*state, &page, "en", &s);

    assert_has(text, "You are not signed in for the platform&#39;s health");
    assert_has(text, "You may not see the platform&#39;s capacity");
    assert_has(text, "Cannot show the image statistics: the server answered "
                     "502.");
    assert_has(text, "<title>Unknown – Platform Health</title>");
    assert_has_not(text, "21.5");
    assert_has_not(text, "Zoë");
    assert_has_not(text, "1,234");
    assert_has_not(text, "Starter");
    assert_has_not(text, "2001-09-09T01:46:40Z");

    free(text);
}


static void
test_absent(void **state)
{
    char                   *text;
    sample_t                s;
    caphealth_page_t        page;
    caphealth_page_link_t   links[2] = {
        { "Orders & <more>", "/orders?a=1&b=2" },
        { "Wiki", "https://wiki.example.com/" }
    };

    sample_init(&s);
    sample_nothing(&s);

    page = all;
    page.capacity.url = NULL;
    page.images.url = NULL;
    page.upload.url = NULL;
    page.links = links;
    page.nlinks = 2;

    text = render(*state, &page, "en", &s);

    assert_has(text, "<a href=\"/orders?a=1&amp;b=2\">"
                     "Orders &amp; &lt;more&gt;</a>");
    assert_has(text, "No location with caphealth_capacity is configured.");
    assert_has(text, "No location with caphealth_image_stats is configured.");
    assert_has(text, "Nothing is watched");
    assert_has(text, "The tier is not known");
    assert_has_not(text, "id=\"upload\"");
    assert_has_not(text, "href=\"\"");

    free(text);
}


static void
test_many_vendors(void **state)
{
    char                 *text, *p, vendors[300 * 16];
    int                   i;
    sample_t              s;
    caphealth_vendors_t  *v = &s.facts.database.value.vendors;

    sample_init(&s);

    p = stpcpy(vendors, "{");

    for (i = 299; i >= 0; i--) {
        p += sprintf(p, "\"v%03d\":%d%s", i, i + 1, i ? "," : "}");
    }

    assert_null(caphealth_vendors_parse(v, vendors, strlen(vendors)));

    text = render(*state, &all, "en", &s);

    assert_has(text, "300 vendors. The first 50 of 300 are shown.");
    assert_has(text, ">v299</bdi>");
    assert_has(text, ">v250</bdi>");
    assert_has_not(text, ">v249</bdi>");
    assert_has(text, ">0.7%<");

    free(text);
    caphealth_vendors_free(v);
}


static void
test_languages(void **state)
{
    size_t    i;
    files_t  *files = *state;

    static const char *const  expected[][2] = {
        { "", "en" },
        { "de", "de" },
        { "DE-at", "de" },
        { "fr, de;q=0.5, en;q=0.4", "de" },
        { "de;q=0.4, en;q=0.5", "en" },
        { "de; q=0, en;q=0.1", "en" },
        { "de;q=0", "en" },
        { "deutsch", "en" },
        { "*", "en" },
        { ",,;;q,q=,de", "de" },
        { "fr", "en" },

        /* found by fuzz/language: qualities that are none */

        { "en;q=0.5, de;q=09", "en" },
        { "en;q=0.5, de;q=inf", "en" },
        { "en;q=0.5, de;q=0x1p9", "en" },
        { "en;q=0.5, de;q=1.001", "en" },
        { "en;q=0.5, de;q=", "en" },
        { "en;q=0.5, de;q=0.6 ", "de" },
        { "en;q=0.999, de;q=1.000", "de" }
    };

    for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_string_equal(caphealth_page_language(files->texts,
                                                    expected[i][0],
                                                    strlen(expected[i][0])),
                            expected[i][1]);
    }
}


/* found by fuzz/language: what fits closer, whichever comes first */

static void
test_closer_language(void **state)
{
    json_t  *texts;

    static const char  text[] = "{\"en\":{},\"de\":{},\"de-CH\":{}}";

    (void) state;

    texts = caphealth_page_texts(text, strlen(text));
    assert_non_null(texts);

    assert_string_equal(caphealth_page_language(texts, "de-CH", 5), "de-CH");
    assert_string_equal(caphealth_page_language(texts, "de-AT", 5), "de");

    json_decref(texts);
}


/* a language that is begun must be whole */

static void
test_words(void **state)
{
    json_t      *words, *word;
    files_t     *files = *state;
    const char  *tag, *key;

    json_object_foreach(files->texts, tag, words) {
        json_object_foreach(json_object_get(files->texts, "en"), key, word) {
            if (!json_is_string(json_object_get(words, key))) {
                fail_msg("\"%s\" has no \"%s\"", tag, key);
            }
        }

        assert_int_equal(json_object_size(words),
                         json_object_size(json_object_get(files->texts,
                                                          "en")));
    }
}


static void
test_numbers(void **state)
{
    size_t    i;
    json_t   *words, *text;
    files_t  *files = *state;

    static const struct {
        double       x;
        int          decimals;
        const char  *expected;
    } numbers[] = {
        { 0, 0, "0" },
        { 0.004, 2, "0" },
        { 5.5, 2, "5,5" },
        { 5.005, 2, "5" },
        { 100, 2, "100" },
        { 999.999, 2, "1.000" },
        { 1000, 0, "1.000" },
        { 1234567.891, 2, "1.234.567,89" },
        { 9007199254740992.0, 0, "9.007.199.254.740.992" },
        { -1234.5, 1, "-1.234,5" },
        { NAN, 2, "unbekannt" },
        { INFINITY, 2, "unbekannt" }
    };

    words = json_object_get(files->texts, "de");

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        text = caphealth_words_number(words, numbers[i].x,
                                      numbers[i].decimals);
        assert_string_equal(json_string_value(text), numbers[i].expected);
        json_decref(text);
    }
}


static void
test_ages(void **state)
{
    size_t    i;
    json_t   *words, *text;
    files_t  *files = *state;

    static const struct {
        double       age;
        const char  *expected;
    } ages[] = {
        { -5, "just now" },
        { 0.9, "just now" },
        { 1, "1 s ago" },
        { 119.9, "119 s ago" },
        { 120, "2 min ago" },
        { 7199, "119 min ago" },
        { 7200, "2 h ago" },
        { 172799, "47 h ago" },
        { 172800, "2 d ago" }
    };

    words = json_object_get(files->texts, "en");

    for (i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        text = caphealth_words_age(words, SAMPLE_NOW - ages[i].age,
                                   SAMPLE_NOW);
        assert_string_equal(json_string_value(text), ages[i].expected);
        json_decref(text);
    }

    text = caphealth_words_age(words, 0, SAMPLE_NOW);
    assert_string_equal(json_string_value(text), "no data yet");
    json_decref(text);
}


/* every allocation of jansson's fails once; the text is the same after all */

static void
test_no_memory(void **state)
{
    int                n;
    char              *text, *whole;
    sample_t           s;
    files_t           *files = *state;
    caphealth_root_t   root;

    json_set_alloc_funcs(allocate, free);
    allocations = -1;

    sample_init(&s);
    sample_set(&s, CAPHEALTH_DISK_PERCENT, 90);
    s.facts.database.section.failed = 1;
    s.facts.database.section.error = "no";
    s.facts.system.section.collected_at = 1;

    memset(&root, 0, sizeof(caphealth_root_t));
    root.path = "/srv/images";
    root.source = "live";
    root.scanning_since = 1;
    s.facts.images.value.roots = &root;
    s.facts.images.value.nroots = 1;

    whole = render(files, &all, "en", &s);
    assert_non_null(whole);

    for (n = 0; /* void */ ; n++) {
        allocations = n;

        text = render(files, &all, "en", &s);
        if (text != NULL) {
            break;
        }
    }

    allocations = -1;

    assert_true(n > 10);
    assert_string_equal(text, whole);

    free(text);
    free(whole);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_german),
        cmocka_unit_test(test_critical),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_many_vendors),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_closer_language),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_no_memory)
    };

    return cmocka_run_group_tests_name("page", tests, load, unload);
}
