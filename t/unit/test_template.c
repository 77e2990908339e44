
/*
 * Template: tags in, text out.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_template.h"


typedef struct {
    const char  *text;
    const char  *document;
    const char  *expected;               /* NULL: refused */
} example_t;


static const example_t  examples[] = {
    { "", "{}", "" },
    { "plain { } }} text", "{}", "plain { } }} text" },
    { "{{a}}", "{\"a\":\"b\"}", "b" },
    { "{{a}}{{b}}", "{\"a\":7,\"b\":-1}", "7-1" },
    { "[{{a}}]", "{}", "[]" },
    { "[{{a}}]", "{\"a\":null}", "[]" },

    /* as text, in an element and in an attribute */

    { "{{a}}", "{\"a\":\"<b c='d' e=\\\"f\\\">&amp;\"}",
      "&lt;b c=&#39;d&#39; e=&quot;f&quot;&gt;&amp;amp;" },
    { "{{a}}", "{\"a\":\"{{b}}\",\"b\":\"c\"}", "{{b}}" },
    { "{{a}}", "{\"a\":\"x\\u0000y\"}", "x\xef\xbf\xbdy" },

    { "{{#a}}x{{/a}}", "{\"a\":true}", "x" },
    { "{{#a}}x{{/a}}", "{\"a\":\"s\"}", "x" },
    { "{{#a}}x{{/a}}", "{\"a\":0}", "x" },
    { "{{#a}}x{{/a}}", "{\"a\":{}}", "x" },
    { "{{#a}}x{{/a}}|{{^a}}y{{/a}}", "{\"a\":false}", "|y" },
    { "{{#a}}x{{/a}}|{{^a}}y{{/a}}", "{\"a\":\"\"}", "|y" },
    { "{{#a}}x{{/a}}|{{^a}}y{{/a}}", "{\"a\":[]}", "|y" },
    { "{{#a}}x{{/a}}|{{^a}}y{{/a}}", "{\"a\":null}", "|y" },
    { "{{#a}}x{{/a}}|{{^a}}y{{/a}}", "{}", "|y" },

    { "{{#a}}<{{b}}>{{/a}}", "{\"a\":[{\"b\":1},{\"b\":2}]}", "<1><2>" },
    { "{{#a}}{{b}}{{c}};{{/a}}", "{\"c\":9,\"a\":[{\"b\":1},{\"c\":2}]}",
      "19;2;" },
    { "{{#a}}{{#a}}{{b}}{{/a}}{{/a}}", "{\"a\":{\"a\":{\"b\":\"in\"}}}",
      "in" },
    { "{{#a}}{{b}}{{/a}}", "{\"b\":\"out\",\"a\":{\"b\":null}}", "" },
    { "{{^a}}{{#b}}x{{/b}}{{/a}}y", "{\"a\":1,\"b\":1}", "y" },

    { "{{a.b}}", "{\"a\":{\"b\":\"c\"}}", "c" },
    { "{{a.b.c}}", "{\"a\":{\"b.c\":\"d\"}}", "d" },
    { "{{a.b.c}}", "{\"a\":{\"b\":{\"c\":\"d\"}}}", "d" },
    { "{{#a.b}}{{c}}{{/a.b}}", "{\"a\":{\"b\":[{\"c\":1}]}}", "1" },
    { "[{{a.b}}]", "{\"a\":\"c\"}", "[]" },

    { "{{#a}}x", "{\"a\":1}", NULL },
    { "{{#a}}x", "{}", NULL },
    { "{{#a}}{{#b}}{{/a}}{{/b}}", "{\"a\":1,\"b\":1}", NULL },
    { "x{{/a}}", "{}", NULL },
    { "x{{a", "{\"a\":1}", NULL }
};


static void
test_examples(void **state)
{
    char             *text;
    size_t            i, len;
    json_t           *document;
    const example_t  *e;

    (void) state;

    for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        e = &examples[i];

        document = json_loads(e->document, JSON_ALLOW_NUL, NULL);
        assert_non_null(document);

        text = caphealth_template(e->text, document, &len);

        if (e->expected == NULL) {
            assert_null(text);

        } else {
            assert_non_null(text);
            assert_string_equal(text, e->expected);
            assert_int_equal(len, strlen(text));
        }

        free(text);
        json_decref(document);
    }
}


/* found by fuzz/template: the same whether it is shown or not */

static void
test_deep(void **state)
{
    int      i;
    char     template[32 * 16], *text;
    size_t   len;
    json_t  *document;

    (void) state;

    template[0] = '\0';

    for (i = 0; i < 32; i++) {
        strcat(template, "{{#a}}");
    }

    for (i = 0; i < 32; i++) {
        strcat(template, "{{/a}}");
    }

    document = json_pack("{s:b}", "a", 1);
    text = caphealth_template(template, document, &len);

    assert_null(text);
    assert_null(caphealth_template(template, NULL, &len));

    json_decref(document);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_deep)
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
