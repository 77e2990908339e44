
/*
 * What an object store answers in XML: a listing,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html, read
 * as it arrives, and the code of an error.
 */

#ifndef CAPHEALTH_S3_XML_H
#define CAPHEALTH_S3_XML_H


#include <stddef.h>
#include <stdint.h>


/* bytes of a key as S3 has it, with a NUL */
#define CAPHEALTH_S3_KEY    1025

/* of what asks for the next part of a listing, with its NUL */
#define CAPHEALTH_S3_TOKEN  2048

/* an entity tag, with its quotes and its NUL */
#define CAPHEALTH_S3_ETAG   80

/* of an error's code, "NoSuchBucket", with its NUL */
#define CAPHEALTH_S3_CODE   64


typedef struct {
    char      key[CAPHEALTH_S3_KEY];     /* decoded, if the store has encoded
                                            it; only bytes, but no NUL */
    uint64_t  size;                      /* bytes, at most 2^48 */
    double    modified;                  /* seconds since the epoch; NAN: it is
                                            not known */
    char      etag[CAPHEALTH_S3_ETAG];   /* as it was sent; "": it was not, or
                                            is too long */
    int       prefix;                    /* 1: all keys that begin with it,
                                            which were asked to be left out */
} caphealth_s3_object_t;


typedef struct {
    int       truncated;                 /* there is more */
    char      token[CAPHEALTH_S3_TOKEN]; /* to ask for it, if truncated */

    /* set by caphealth_s3_list.c, which requests page after page */

    unsigned  npages;                    /* so far */
    char      seen[CAPHEALTH_S3_TOKEN];  /* the token of an earlier page, that
                                            must not recur */
} caphealth_s3_listing_t;


typedef struct caphealth_s3_reader_s  caphealth_s3_reader_t;


/*
 * A reader of one listing, which calls object() with each object and prefix,
 * those whose keys may be encoded at the end.  NULL: no memory.
 */
caphealth_s3_reader_t *caphealth_s3_reader_create(
    void (*object)(void *data, const caphealth_s3_object_t *object),
    void *data);

/*
 * The next bytes.  Returns 0, or -1 if this is no listing: not well-formed,
 * with a DTD, a key that is too long, a size that is no number; or if it is
 * longer than 16 MiB, which no page of a store is.
 */
int caphealth_s3_reader_add(caphealth_s3_reader_t *r, const char *text,
    size_t len);

/* The end: 0 if the listing was whole, else -1. */
int caphealth_s3_reader_end(caphealth_s3_reader_t *r,
    caphealth_s3_listing_t *listing);

void caphealth_s3_reader_free(caphealth_s3_reader_t *r);

/*
 * The code of an error, as far as it was received: letters, digits, "." and
 * "-" only; "": it has none.
 */
void caphealth_s3_error_code(const char *text, size_t len,
    char code[CAPHEALTH_S3_CODE]);


#endif /* CAPHEALTH_S3_XML_H */
