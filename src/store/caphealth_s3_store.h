
/*
 * An object store as a configuration names it, checked: the bucket, where it
 * is, and the credentials.
 *
 * The functions that set something return NULL, or what is wrong as the end of
 * a sentence, without any part of what was given, which may be a secret.  The
 * caller has zeroed the struct.
 */

#ifndef CAPHEALTH_S3_STORE_H
#define CAPHEALTH_S3_STORE_H


#include <stddef.h>

#include "caphealth_path.h"
#include "caphealth_s3_sign.h"


/* bytes, with the NUL */
#define CAPHEALTH_S3_BUCKET    64
#define CAPHEALTH_S3_PREFIX    200
#define CAPHEALTH_S3_ENDPOINT  300

/* "bucket.host:port"; "/bucket/prefix/ab/cd/<id>_<variant>.webp" */
#define CAPHEALTH_S3_HOST      (CAPHEALTH_S3_BUCKET + CAPHEALTH_S3_ENDPOINT)
#define CAPHEALTH_S3_PATH                                                     \
    (CAPHEALTH_S3_BUCKET + CAPHEALTH_S3_PREFIX + 1 + CAPHEALTH_RECORD_PATH_LEN)

/* no longer file of credentials is read */
#define CAPHEALTH_S3_FILE_MAX  65536

/* no longer file of certificates */
#define CAPHEALTH_S3_CERTIFICATES_MAX  (1024 * 1024)


typedef struct {
    char                        bucket[CAPHEALTH_S3_BUCKET];
    char                        prefix[CAPHEALTH_S3_PREFIX];
                                    /* of all keys, no slash around it;
                                       "": none */
    char                        endpoint[CAPHEALTH_S3_ENDPOINT];
                                    /* "https://host:port", as it was given */
    int                         virtual_host;
                                    /* 1: the bucket is a part of the host's
                                       name, 0: of the path */
    caphealth_s3_credentials_t  credentials;
} caphealth_s3_store_t;


/*
 * "s3://BUCKET/PREFIX".  A bucket's name is as
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 * has it, a prefix of a-z, A-Z, 0-9, ".", "-", "_" and, between, slashes.
 */
const char *caphealth_s3_store_url(caphealth_s3_store_t *store,
    const char *url);

/* "https://HOST:PORT", or http; the host a name or an address. */
const char *caphealth_s3_store_endpoint(caphealth_s3_store_t *store,
    const char *url);

const char *caphealth_s3_store_region(caphealth_s3_store_t *store,
    const char *region);

/* When all else is set: whether the bucket may be a part of the host's name. */
const char *caphealth_s3_store_virtual(caphealth_s3_store_t *store);

/*
 * The profile "default" of a credentials file,
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html; what else
 * is in the file is ignored.  text need not end with a NUL.
 */
const char *caphealth_s3_store_credentials(caphealth_s3_store_t *store,
    const char *text, size_t len);

/*
 * Keeps of a file in the format PEM what certificates are in it, and ends that
 * with a NUL: comments need not be of any encoding.  text has len bytes and
 * room for one more.
 */
const char *caphealth_s3_store_certificates(char *text, size_t len);

/* As _credentials, from variables of the environment; NULL: it is not set. */
const char *caphealth_s3_store_environment(caphealth_s3_store_t *store,
    const char *key_id, const char *secret, const char *session);

/*
 * The host of requests to the store, as their header Host has it: with the
 * bucket before it if that is a part of it.  Returns host.
 */
char *caphealth_s3_store_host(const caphealth_s3_store_t *store,
    char host[CAPHEALTH_S3_HOST]);

/*
 * The path of a key of an image, "/bucket/prefix/ab/cd/...", which is the same
 * when it is encoded.  Returns its length, or 0 if it does not fit.
 */
size_t caphealth_s3_store_path(const caphealth_s3_store_t *store,
    const char *key, size_t len, char path[CAPHEALTH_S3_PATH]);


#endif /* CAPHEALTH_S3_STORE_H */
