
/*
 * Under test: src/upload/caphealth_origin.c
 *
 * A host, a line feed, and an Origin.  nginx has made the host lower case,
 * and it is not empty.
 */

#include "fuzz.h"

#include <strings.h>

#include "caphealth_origin.h"


static int
is(const char *before, fuzz_bytes_t middle, const char *after,
    fuzz_bytes_t host)
{
    int     rc;
    char   *origin, *copy, *p;
    size_t  n, m;

    n = strlen(before);
    m = strlen(after);

    /* with nothing behind them, so that a read past the end is seen */

    origin = malloc(1 + n + middle.size + m);
    copy = malloc(host.size);

    fuzz_check(origin != NULL && copy != NULL);

    p = mempcpy(origin + 1, before, n);
    p = mempcpy(p, middle.data, middle.size);
    memcpy(p, after, m);
    memcpy(copy, host.data, host.size);

    rc = caphealth_origin_is(origin + 1, n + middle.size + m, copy,
                             host.size);

    free(copy);
    free(origin);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t  *p;
    fuzz_bytes_t    host, b = { data, size };

    host = fuzz_piece(&b, '\n');

    if (host.size == 0 || memchr(host.data, ':', host.size)
        || memchr(host.data, '[', host.size)
        || memchr(host.data, ']', host.size))
    {
        return 0;
    }

    fuzz_check(is("https://", host, "", host));
    fuzz_check(is("http://", host, ":8080", host));
    fuzz_check(!is("http://", host, ".evil.example", host));
    fuzz_check(!is("http://evil.", host, "", host));
    fuzz_check(!is("", host, "", host));

    /* one that a directive may name is well formed, and names its own host */

    if (caphealth_origin_check((const char *) b.data, b.size) == NULL) {
        p = memmem(b.data, b.size, "://", 3);

        fuzz_check(p != NULL && p > b.data);
        fuzz_check(memchr(p + 3, '/', b.size - (size_t) (p + 3 - b.data))
                   == NULL);
    }

    /* what is another's stays another's */

    if (is("", b, "", host)) {
        p = memmem(b.data, b.size, "://", 3);

        fuzz_check(p != NULL);
        fuzz_check(b.size - (size_t) (p + 3 - b.data) >= host.size);
        fuzz_check(strncasecmp((const char *) p + 3,
                               (const char *) host.data, host.size) == 0);
    }

    return 0;
}
