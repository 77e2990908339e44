
/*
 * Under test: src/shipper/caphealth_s3_xml.c
 *
 * What an object store answers: a byte that says in how many pieces it
 * arrives, and a listing, which is read as an error, too.  Whatever it is, it
 * is read alike in one piece.
 */

#include "fuzz.h"

#include <math.h>

#include "caphealth_s3_xml.h"


typedef struct {
    unsigned  n;
    uint64_t  bytes;
    uint64_t  hash;
} found_t;


static void
object(void *data, const caphealth_s3_object_t *o)
{
    size_t    i;
    found_t  *found = data;

    fuzz_check(memchr(o->key, '\0', sizeof(o->key)) != NULL);
    fuzz_check(memchr(o->etag, '\0', sizeof(o->etag)) != NULL);
    fuzz_check(o->key[0] != '\0');
    fuzz_check(o->size <= UINT64_C(1) << 48);
    fuzz_check(isnan(o->modified) || isfinite(o->modified));
    fuzz_check(!o->prefix || o->size == 0);

    found->n++;
    found->bytes += o->size;

    for (i = 0; o->key[i]; i++) {
        found->hash = found->hash * 31 + (uint8_t) o->key[i];
    }
}


static int
read_listing(const uint8_t *data, size_t size, size_t piece, found_t *found,
    caphealth_s3_listing_t *listing)
{
    int                     rc;
    size_t                  n;
    caphealth_s3_reader_t  *r;

    memset(found, 0, sizeof(*found));
    memset(listing, 0, sizeof(*listing));

    r = caphealth_s3_reader_create(object, found);
    fuzz_check(r != NULL);

    for (rc = 0; size > 0 && rc == 0; data += n, size -= n) {
        n = size < piece ? size : piece;
        rc = caphealth_s3_reader_add(r, (const char *) data, n);
    }

    rc = caphealth_s3_reader_end(r, listing);
    caphealth_s3_reader_free(r);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                     rc;
    char                    code[CAPHEALTH_S3_CODE];
    size_t                  piece;
    found_t                 one, two;
    caphealth_s3_listing_t  a, b;

    if (size == 0) {
        return 0;
    }

    piece = (size_t) data[0] + 1;
    data++;
    size--;

    rc = read_listing(data, size, piece, &one, &a);
    fuzz_check(read_listing(data, size, size + 1, &two, &b) == rc);

    if (rc == 0) {
        fuzz_check(one.n == two.n && one.bytes == two.bytes
                   && one.hash == two.hash);
        fuzz_check(a.truncated == b.truncated
                   && strcmp(a.token, b.token) == 0);
        fuzz_check(!a.truncated || a.token[0]);
    }

    caphealth_s3_error_code((const char *) data, size, code);
    fuzz_check(memchr(code, '\0', sizeof(code)) != NULL);
    fuzz_check(strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "abcdefghijklmnopqrstuvwxyz0123456789.-")
               == strlen(code));

    return 0;
}
