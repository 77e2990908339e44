
/*
 * Under test: src/model/caphealth_template.c
 *
 * A template, and after a NUL the document that fills it in.
 */

#include "fuzz.h"

#include "caphealth_template.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *text, *result, *p;
    size_t         len, again;
    json_t        *root;
    fuzz_bytes_t   b = { data, size };

    text = fuzz_string(fuzz_piece(&b, '\0'));
    root = json_loadb((const char *) b.data, b.size, JSON_ALLOW_NUL, NULL);

    /* what is markup in the result can be from a value only */

    for (p = text; *p; p++) {
        if (strchr("<>\"'", *p) != NULL) {
            *p = '.';
        }
    }

    result = caphealth_template(text, root, &len);

    if (result) {
        fuzz_check(len == strlen(result));
        fuzz_check(strpbrk(result, "<>\"'") == NULL);
        free(result);
    }

    /* whether it can be rendered does not depend on what is in it */

    p = caphealth_template(text, NULL, &again);
    fuzz_check((p != NULL) == (result != NULL));

    free(p);
    free(text);
    json_decref(root);

    return 0;
}
