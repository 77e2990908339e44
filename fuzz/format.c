
/*
 * Under test: src/store/caphealth_format.c
 *
 * The first bytes of a file.
 */

#include "fuzz.h"

#include "caphealth_format.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t               n;
    char                *head;
    const char          *guess, *p;
    caphealth_format_e   format;

    format = caphealth_format(data, size);
    guess = caphealth_format_guess(data, size);

    fuzz_check(caphealth_format_name(format) != NULL);
    fuzz_check(guess == NULL || guess[0] != '\0');

    for (p = guess; p && *p; p++) {
        fuzz_check(*p >= 0x20 && *p <= 0x7e);
    }

    /* so many bytes are enough to tell */

    n = size < CAPHEALTH_FORMAT_BYTES ? size : CAPHEALTH_FORMAT_BYTES;
    head = fuzz_copy(data, n);

    fuzz_check(caphealth_format((uint8_t *) head, n) == format);
    fuzz_check(caphealth_format_guess((uint8_t *) head, n) == guess);

    free(head);

    return 0;
}
