
/*
 * Under test: src/http/caphealth_probe.c
 *
 * The query of a probe.
 */

#include "fuzz.h"

#include "caphealth_probe.h"


#define CHECKS  3


/* lines, with nothing in them that a terminal would obey */

static size_t
lines(const char *text, size_t len)
{
    size_t  i, n;

    fuzz_check(text != NULL && strlen(text) == len);
    fuzz_check(len > 0 && text[len - 1] == '\n');

    for (n = 0, i = 0; i < len; i++) {
        n += (text[i] == '\n');

        fuzz_check(((unsigned char) text[i] >= 0x20 || text[i] == '\n')
                   && text[i] != 0x7f);
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                       verbose;
    char                     *text;
    size_t                    i, n, len, failures;
    const char               *query;
    caphealth_probe_check_t   checks[CHECKS] = {
        { "system", "it is stale", 1, 0 },
        { "disk:/srv", "", 0, 0 },
        { "database", "no answer", 1, 0 }
    };

    query = (const char *) data;

    verbose = caphealth_probe_query(checks, CHECKS, query, size);
    fuzz_check(verbose == 0 || verbose == 1);

    for (failures = 0, i = 0; i < CHECKS; i++) {
        failures += checks[i].failed && !checks[i].excluded;
    }

    fuzz_check(caphealth_probe_failures(checks, CHECKS) == failures);

    text = caphealth_probe_text("readyz", checks, CHECKS, query, size, &len);
    n = lines(text, len);

    /* each check, what is unknown, and the outcome */

    fuzz_check(n == CHECKS + 1 || n == CHECKS + 2);

    free(text);

    return 0;
}
