
/*
 * Under test: src/http/caphealth_accept.c
 *
 * The value of an Accept.
 */

#include "fuzz.h"

#include "caphealth_accept.h"


#define MEDIA   3
#define PLAIN   "text/plain;version=0.0.4;q=1,"
#define NOBODY  ",image/*;q=1,;;,a/b;q=nan"


static size_t
choose(const char *before, const uint8_t *data, size_t size,
    const char *after)
{
    char    *field;
    size_t   n, choice;

    static const caphealth_media_t  media[MEDIA] = {
        { "application/openmetrics-text", "1.0.0", "utf-8" },
        { "text/plain", "0.0.4", "utf-8" },
        { "application/json", "1", "utf-8" }
    };

    n = strlen(before) + size + strlen(after);
    field = fuzz_copy("", 0);
    field = realloc(field, n ? n : 1);
    fuzz_check(field != NULL);

    memcpy(field, before, strlen(before));

    if (size) {
        memcpy(field + strlen(before), data, size);
    }

    memcpy(field + n - strlen(after), after, strlen(after));

    choice = caphealth_accept(field, n, media, MEDIA);
    fuzz_check(choice < MEDIA);

    free(field);

    return choice;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t  choice;

    choice = choose("", data, size, "");

    /* a quote that is open takes in what comes behind it */

    if (size && memchr(data, '"', size) != NULL) {
        return 0;
    }

    /* what is about nothing of ours, or malformed, changes nothing */

    fuzz_check(choose("", data, size, NOBODY) == choice);

    /* what is wanted as much as anything is chosen, or changes nothing */

    choice = choose(PLAIN, data, size, "");
    fuzz_check(choice == 1
               || choose("", data, size, "") == choice);

    return 0;
}
