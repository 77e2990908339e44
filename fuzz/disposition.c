
/*
 * Under test: src/http/caphealth_disposition.c src/http/caphealth_multipart.c
 *     (disposition|boundary|parameter|quoted|caphealth_is)
 *
 * After the first byte, a Content-Type or the header lines of a part.
 */

#include "fuzz.h"

#include "caphealth_disposition.h"
#include "caphealth_multipart.h"


#define TWICE     "Content-Disposition: form-data; name=x\r\n"
#define FILENAME  "; filename=\"twice\""


static void
content_type(fuzz_bytes_t b)
{
    char                           boundary[CAPHEALTH_BOUNDARY_MAX + 1];
    char                           type[CAPHEALTH_BOUNDARY_MAX + 64];
    char                           again[CAPHEALTH_BOUNDARY_MAX + 1];
    const char                    *reason;
    caphealth_multipart_result_e   rc;

    memset(boundary, 'x', sizeof(boundary));
    reason = NULL;

    rc = caphealth_multipart_boundary((const char *) b.data, b.size, boundary,
                                      &reason);

    fuzz_check((rc == CAPHEALTH_MULTIPART_INVALID) == (reason != NULL));

    if (rc != CAPHEALTH_MULTIPART_OK) {
        return;
    }

    fuzz_check(memchr(boundary, '\0', sizeof(boundary)) != NULL);
    fuzz_check(boundary[0] != '\0');

    /* what was understood means the same when it is said again */

    (void) snprintf(type, sizeof(type), "multipart/form-data; boundary=\"%s\"",
                    boundary);

    rc = caphealth_multipart_boundary(type, strlen(type), again, &reason);

    fuzz_check(rc == CAPHEALTH_MULTIPART_OK && strcmp(again, boundary) == 0);
}


static const char *
lines(const char *text, size_t len, caphealth_disposition_t *d,
    char filename[CAPHEALTH_FILENAME_MAX])
{
    memset(d, 0, sizeof(caphealth_disposition_t));
    memset(filename, 0, CAPHEALTH_FILENAME_MAX);

    d->filename = filename;
    d->size = CAPHEALTH_FILENAME_MAX;

    return caphealth_disposition(text, len, d);
}


static void
header(fuzz_bytes_t b)
{
    char                     *text, filename[CAPHEALTH_FILENAME_MAX];
    size_t                    n;
    caphealth_disposition_t   d, e;

    if (lines((const char *) b.data, b.size, &d, filename) != NULL) {
        return;
    }

    fuzz_check(d.seen && d.name);
    fuzz_check(memchr(filename, '\0', sizeof(filename)) != NULL);
    fuzz_check(d.file || filename[0] == '\0');

    /* another one is one too many */

    text = malloc(b.size + sizeof(TWICE));
    fuzz_check(text != NULL);

    memcpy(text, b.data, b.size);
    memcpy(text + b.size, TWICE, sizeof(TWICE));

    fuzz_check(lines(text, b.size + sizeof(TWICE) - 1, &e, filename) != NULL);

    free(text);

    /* and so is another file name, where that is the only line */

    if (memmem(b.data, b.size, "\r\n", 2) != b.data + b.size - 2
        || !d.file || memchr(b.data, '*', b.size) != NULL)
    {
        return;
    }

    n = b.size - 2;
    text = malloc(b.size + sizeof(FILENAME));
    fuzz_check(text != NULL);

    memcpy(text, b.data, n);
    memcpy(text + n, FILENAME "\r\n", sizeof(FILENAME) + 2 - 1);

    fuzz_check(lines(text, n + sizeof(FILENAME) + 2 - 1, &e, filename)
               != NULL);

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes_t  b = { data, size };

    if (size == 0) {
        return 0;
    }

    if (fuzz_number(&b, 1) & 1) {
        content_type(b);

    } else {
        header(b);
    }

    return 0;
}
