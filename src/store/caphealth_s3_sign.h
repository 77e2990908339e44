
/*
 * AWS Signature Version 4, as
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 * describes it: the Authorization header of a request.  Pure: no clock, no
 * memory, no I/O.
 */

#ifndef CAPHEALTH_S3_SIGN_H
#define CAPHEALTH_S3_SIGN_H


#include <stddef.h>
#include <stdint.h>
#include <time.h>


/* no longer ones are used by any store that is known */
#define CAPHEALTH_S3_KEY_ID   128
#define CAPHEALTH_S3_SECRET   128
#define CAPHEALTH_S3_SESSION  2048
#define CAPHEALTH_S3_REGION   64


typedef struct {
    char  key_id[CAPHEALTH_S3_KEY_ID];
    char  secret[CAPHEALTH_S3_SECRET];
    char  session[CAPHEALTH_S3_SESSION];     /* "": none */
    char  region[CAPHEALTH_S3_REGION];
} caphealth_s3_credentials_t;


/* "20150830T123600Z" */
#define CAPHEALTH_S3_DATE  17

/* hexadecimal SHA-256 with its NUL, and what stands for a body that is not
   hashed */
#define CAPHEALTH_S3_HASH  65
#define CAPHEALTH_S3_UNSIGNED_PAYLOAD  "UNSIGNED-PAYLOAD"


/* a header or a query parameter, not encoded; at most 32 of each */

typedef struct {
    const char  *name;           /* of a header: in lower case */
    const char  *value;
} caphealth_s3_pair_t;


typedef struct {
    const char                 *method;
    const char                 *path;        /* not encoded, begins with "/" */
    const caphealth_s3_pair_t  *query;       /* in any order */
    size_t                      nquery;
    const caphealth_s3_pair_t  *headers;     /* that are signed, "host" among
                                                them, in any order */
    size_t                      nheaders;
    const char                 *payload;     /* its hash; _UNSIGNED_PAYLOAD */
    const char                 *service;     /* "s3" */
    time_t                      now;
} caphealth_s3_request_t;


/*
 * Writes the value of the header Authorization, zero-terminated.  The caller
 * sends x-amz-date, x-amz-content-sha256 and, with a session,
 * x-amz-security-token, and has them among the headers.  Returns its length, or
 * 0 if it does not fit.
 */
size_t caphealth_s3_authorization(const caphealth_s3_credentials_t *c,
    const caphealth_s3_request_t *r, char *text, size_t size);

/* The time as x-amz-date has it, in UTC. */
void caphealth_s3_date(time_t now, char date[CAPHEALTH_S3_DATE]);

/* Writes so many bytes as hexadecimal digits, zero-terminated. */
void caphealth_s3_hex(const uint8_t *bytes, size_t n, char *text);

/*
 * Percent-encodes all but A-Z, a-z, 0-9, "-", ".", "_", "~" and, if slash is
 * set, "/".  Returns the length, or 0 if it does not fit, or text is "".
 */
size_t caphealth_s3_encode(const char *from, int slash, char *text,
    size_t size);


#endif /* CAPHEALTH_S3_SIGN_H */
