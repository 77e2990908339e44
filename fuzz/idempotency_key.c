
/*
 * Under test: src/upload/caphealth_idempotency_key.c
 *
 * The value of an Idempotency-Key.
 */

#include "fuzz.h"

#include "caphealth_idempotency_key.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         key[CAPHEALTH_KEY_MAX + 1], again[CAPHEALTH_KEY_MAX + 1];
    char         quoted[2 * CAPHEALTH_KEY_MAX + 3], *copy;
    size_t       i, n;
    const char  *reason;

    /* with nothing behind it, so that a read past the end is seen */

    copy = malloc(size + (size == 0));
    fuzz_check(copy != NULL);
    memcpy(copy, data, size);

    memset(key, 'x', sizeof(key));
    reason = caphealth_idempotency_key(copy, size, key);

    free(copy);

    if (reason != NULL) {
        return 0;
    }

    fuzz_check(memchr(key, '\0', sizeof(key)) != NULL && key[0] != '\0');

    /* in quotes it is the same key */

    quoted[0] = '"';

    for (i = 0, n = 1; key[i]; i++) {
        fuzz_check(key[i] >= ' ' && key[i] <= '~');

        if (key[i] == '"' || key[i] == '\\') {
            quoted[n++] = '\\';
        }

        quoted[n++] = key[i];
    }

    quoted[n++] = '"';

    fuzz_check(caphealth_idempotency_key(quoted, n, again) == NULL);
    fuzz_check(strcmp(key, again) == 0);

    return 0;
}
