
/*
 * Under test: src/upload/caphealth_disposition.c
 *     src/upload/caphealth_multipart.c
 *     (disposition|boundary|parameter|quoted|caphealth_is)
 *
 * After the first byte, a Content-Type or the header lines of a part.
 */

#include "fuzz.h"

#include "caphealth_disposition.h"
#include "caphealth_multipart.h"


#define TWICE     "Content-Disposition: form-data; name=x\r\n"
#define FILENAME  "; filename=twice\r\n"


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

    /* the boundary that was parsed is parsed to the same once it is written */

    (void) snprintf(type, sizeof(type), "multipart/form-data; boundary=\"%s\"",
                    boundary);

    rc = caphealth_multipart_boundary(type, strlen(type), again, &reason);

    fuzz_check(rc == CAPHEALTH_MULTIPART_OK && strcmp(again, boundary) == 0);
}


/* the text is the function's to change, and has nothing behind it */

static const char *
lines(const char *text, size_t len, const char *more,
    caphealth_disposition_t *d, char filename[CAPHEALTH_FILENAME_MAX])
{
    char        *copy;
    size_t       n;
    const char  *reason;

    n = len + strlen(more);
    copy = malloc(n + (n == 0));
    fuzz_check(copy != NULL);

    memcpy(copy, text, len);
    memcpy(copy + len, more, n - len);

    memset(d, 0, sizeof(caphealth_disposition_t));
    memset(filename, 0, CAPHEALTH_FILENAME_MAX);

    d->filename = filename;
    d->size = CAPHEALTH_FILENAME_MAX;

    reason = caphealth_disposition(copy, n, d);

    fuzz_check(reason != NULL || d->type == NULL
               || (d->type >= copy && d->type + d->type_len <= copy + n));

    d->type = NULL;
    free(copy);

    return reason;
}


static void
header(fuzz_bytes_t b)
{
    char                      filename[CAPHEALTH_FILENAME_MAX];
    size_t                    i;
    const char               *text;
    caphealth_disposition_t   d, e;

    text = (const char *) b.data;

    if (lines(text, b.size, "", &d, filename) != NULL) {
        return;
    }

    fuzz_check(memchr(filename, '\0', sizeof(filename)) != NULL);
    fuzz_check(d.file || filename[0] == '\0');
    fuzz_check(d.file || (!d.plain && !d.extended));

    for (i = 0; filename[i]; i++) {
        fuzz_check((unsigned char) filename[i] >= 0x20
                   && filename[i] != 0x7f);
    }

    if (d.kind == CAPHEALTH_DISPOSITION_NONE) {
        fuzz_check(!d.name && !d.file);
        return;
    }

    /* another one is one too many */

    fuzz_check(lines(text, b.size, TWICE, &e, filename) != NULL);

    /* and so is another file name, where that is the only line */

    if (d.plain && !memchr(text, '\n', b.size - 1)
        && text[b.size - 2] == '\r')
    {
        fuzz_check(lines(text, b.size - 2, FILENAME, &e, filename) != NULL);
    }
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
