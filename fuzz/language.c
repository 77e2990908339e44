
/*
 * Under test: src/model/caphealth_page.c (language|quality)
 *
 * The value of an Accept-Language.
 */

#include "fuzz.h"

#include "caphealth_page.h"


static json_t  *texts;


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char  text[] =
        "{\"en\":{},\"de\":{},\"de-CH\":{},\"fr\":{},\"pt-BR\":{}}";

    (void) argc;
    (void) argv;

    texts = caphealth_page_texts(text, strlen(text));
    fuzz_check(texts != NULL);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        *header;
    const char  *language, *again;

    language = caphealth_page_language(texts, (const char *) data, size);

    fuzz_check(json_object_get(texts, language) != NULL);

    /* what comes later and is wanted at most as much changes nothing */

    header = malloc(size + 32);
    fuzz_check(header != NULL);

    if (size) {
        memcpy(header, data, size);
    }

    memcpy(header + size, ",de;q=0,fr;q=0.0,*;q=0", 22);

    again = caphealth_page_language(texts, header, size + 22);
    fuzz_check(strcmp(again, language) == 0);

    /* nobody wants anything more than 1 */

    memcpy(header, "de-CH;q=1,", 10);

    if (size) {
        memcpy(header + 10, data, size);
    }

    again = caphealth_page_language(texts, header, size + 10);
    fuzz_check(strcmp(again, "de-CH") == 0);

    free(header);

    return 0;
}
