
/*
 * AWS Signature Version 4.
 */

#include <stdio.h>
#include <string.h>

#include <nettle/hmac.h>
#include <nettle/sha2.h>

#include "caphealth_s3_sign.h"


/* of a request's headers, or of its query */
#define CAPHEALTH_S3_PAIRS    32

#define CAPHEALTH_S3_SCHEME   "AWS4-HMAC-SHA256"
#define CAPHEALTH_S3_DAY      8

/* "20150830/us-east-1/s3/aws4_request" */
#define CAPHEALTH_S3_SCOPE                                                    \
    (CAPHEALTH_S3_DATE + CAPHEALTH_S3_REGION + 32 + sizeof("//aws4_request"))


/* where text goes: into a buffer, a hash, or both; what does not fit is lost */

typedef struct {
    char               *text;
    size_t              size;
    size_t              len;
    struct sha256_ctx  *hash;
} caphealth_s3_out_t;


typedef struct {
    const caphealth_s3_pair_t  *pairs[CAPHEALTH_S3_PAIRS];
    size_t                      n;
} caphealth_s3_sorted_t;


static int caphealth_s3_sort(caphealth_s3_sorted_t *sorted,
    const caphealth_s3_pair_t *pairs, size_t n, int values);
static int caphealth_s3_compare(const char *a, const char *b);
static int caphealth_s3_unreserved(char c);
static void caphealth_s3_put(caphealth_s3_out_t *out, const char *text,
    size_t len);
static void caphealth_s3_puts(caphealth_s3_out_t *out, const char *text);
static void caphealth_s3_put_encoded(caphealth_s3_out_t *out,
    const char *text, int slash);
static void caphealth_s3_put_query(caphealth_s3_out_t *out,
    const caphealth_s3_sorted_t *query);
static void caphealth_s3_put_header(caphealth_s3_out_t *out,
    const char *value);
static void caphealth_s3_put_names(caphealth_s3_out_t *out,
    const caphealth_s3_sorted_t *headers);
static int caphealth_s3_scope(const caphealth_s3_credentials_t *c,
    const caphealth_s3_request_t *r, char scope[CAPHEALTH_S3_SCOPE]);
static void caphealth_s3_signature(const caphealth_s3_credentials_t *c,
    const caphealth_s3_request_t *r, const char *scope,
    const caphealth_s3_sorted_t *query, const caphealth_s3_sorted_t *headers,
    char signature[CAPHEALTH_S3_HASH]);
static void caphealth_s3_hmac(const uint8_t *key, size_t len,
    const char *text, size_t size, uint8_t mac[SHA256_DIGEST_SIZE]);


size_t
caphealth_s3_authorization(const caphealth_s3_credentials_t *c,
    const caphealth_s3_request_t *r, char *text, size_t size)
{
    char                   scope[CAPHEALTH_S3_SCOPE];
    char                   signature[CAPHEALTH_S3_HASH];
    caphealth_s3_out_t     out = { text, size, 0, NULL };
    caphealth_s3_sorted_t  query, headers;

    if (caphealth_s3_sort(&query, r->query, r->nquery, 1) == -1
        || caphealth_s3_sort(&headers, r->headers, r->nheaders, 0) == -1
        || caphealth_s3_scope(c, r, scope) == -1)
    {
        return 0;
    }

    caphealth_s3_signature(c, r, scope, &query, &headers, signature);

    caphealth_s3_puts(&out, CAPHEALTH_S3_SCHEME " Credential=");
    caphealth_s3_puts(&out, c->key_id);
    caphealth_s3_puts(&out, "/");
    caphealth_s3_puts(&out, scope);
    caphealth_s3_puts(&out, ", SignedHeaders=");
    caphealth_s3_put_names(&out, &headers);
    caphealth_s3_puts(&out, ", Signature=");
    caphealth_s3_puts(&out, signature);
    caphealth_s3_put(&out, "", 1);

    return out.len > size ? 0 : out.len - 1;
}


void
caphealth_s3_date(time_t now, char date[CAPHEALTH_S3_DATE])
{
    struct tm  tm;

    /* years of more than four digits are not written */

    if (gmtime_r(&now, &tm) == NULL
        || strftime(date, CAPHEALTH_S3_DATE, "%Y%m%dT%H%M%SZ", &tm) == 0)
    {
        memcpy(date, "19700101T000000Z", CAPHEALTH_S3_DATE);
    }
}


size_t
caphealth_s3_encode(const char *from, int slash, char *text, size_t size)
{
    caphealth_s3_out_t  out = { text, size, 0, NULL };

    caphealth_s3_put_encoded(&out, from, slash);
    caphealth_s3_put(&out, "", 1);

    return out.len > size ? 0 : out.len - 1;
}


/* headers of one name stay in their order, parameters are in that of values */

static int
caphealth_s3_sort(caphealth_s3_sorted_t *sorted,
    const caphealth_s3_pair_t *pairs, size_t n, int values)
{
    int                         rc;
    size_t                      i, j;
    const caphealth_s3_pair_t  *before;

    if (n > CAPHEALTH_S3_PAIRS) {
        return -1;
    }

    for (i = 0; i < n; i++) {
        for (j = i; j > 0; j--) {
            before = sorted->pairs[j - 1];
            rc = caphealth_s3_compare(before->name, pairs[i].name);

            if (rc == 0 && values) {
                rc = caphealth_s3_compare(before->value, pairs[i].value);
            }

            if (rc <= 0) {
                break;
            }

            sorted->pairs[j] = before;
        }

        sorted->pairs[j] = &pairs[i];
    }

    sorted->n = n;

    return 0;
}


/*
 * As strcmp() of what is percent-encoded: "%" is less than all that is not
 * encoded, and the digits of what is are in the order of its bytes.
 */

static int
caphealth_s3_compare(const char *a, const char *b)
{
    int  plain;

    while (*a && *a == *b) {
        a++;
        b++;
    }

    if (*a && *b) {
        plain = caphealth_s3_unreserved(*a);

        if (plain != caphealth_s3_unreserved(*b)) {
            return plain ? 1 : -1;
        }
    }

    return (int) (uint8_t) *a - (int) (uint8_t) *b;
}


static int
caphealth_s3_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9')
           || c == '-' || c == '.' || c == '_' || c == '~';
}


static void
caphealth_s3_put(caphealth_s3_out_t *out, const char *text, size_t len)
{
    if (out->hash != NULL) {
        sha256_update(out->hash, len, (const uint8_t *) text);
    }

    if (out->text != NULL && out->len <= out->size
        && len <= out->size - out->len)
    {
        memcpy(out->text + out->len, text, len);
    }

    out->len += len;
}


static void
caphealth_s3_puts(caphealth_s3_out_t *out, const char *text)
{
    caphealth_s3_put(out, text, strlen(text));
}


static void
caphealth_s3_put_encoded(caphealth_s3_out_t *out, const char *text, int slash)
{
    char     code[3];
    uint8_t  c;

    static const char  hex[] = "0123456789ABCDEF";

    for ( /* void */ ; *text; text++) {

        if (caphealth_s3_unreserved(*text) || (slash && *text == '/')) {
            caphealth_s3_put(out, text, 1);
            continue;
        }

        c = (uint8_t) *text;

        code[0] = '%';
        code[1] = hex[c >> 4];
        code[2] = hex[c & 15];

        caphealth_s3_put(out, code, 3);
    }
}


static void
caphealth_s3_put_query(caphealth_s3_out_t *out,
    const caphealth_s3_sorted_t *query)
{
    size_t  i;

    for (i = 0; i < query->n; i++) {
        if (i > 0) {
            caphealth_s3_puts(out, "&");
        }

        caphealth_s3_put_encoded(out, query->pairs[i]->name, 0);
        caphealth_s3_puts(out, "=");
        caphealth_s3_put_encoded(out, query->pairs[i]->value, 0);
    }
}


/* without the spaces around it, and one for several within */

static void
caphealth_s3_put_header(caphealth_s3_out_t *out, const char *value)
{
    const char  *p;

    while (*value == ' ') {
        value++;
    }

    for (p = value; *p; p++) {
        if (*p != ' ' || (p[1] != ' ' && p[1] != '\0')) {
            caphealth_s3_put(out, p, 1);
        }
    }
}


static void
caphealth_s3_put_names(caphealth_s3_out_t *out,
    const caphealth_s3_sorted_t *headers)
{
    size_t  i;

    for (i = 0; i < headers->n; i++) {

        if (i > 0 && strcmp(headers->pairs[i]->name,
                            headers->pairs[i - 1]->name)
                     == 0)
        {
            continue;
        }

        if (i > 0) {
            caphealth_s3_puts(out, ";");
        }

        caphealth_s3_puts(out, headers->pairs[i]->name);
    }
}


static int
caphealth_s3_scope(const caphealth_s3_credentials_t *c,
    const caphealth_s3_request_t *r, char scope[CAPHEALTH_S3_SCOPE])
{
    int   n;
    char  date[CAPHEALTH_S3_DATE];

    caphealth_s3_date(r->now, date);

    n = snprintf(scope, CAPHEALTH_S3_SCOPE, "%.*s/%s/%s/aws4_request",
                 CAPHEALTH_S3_DAY, date, c->region, r->service);

    return n < 0 || (size_t) n >= CAPHEALTH_S3_SCOPE ? -1 : 0;
}


static void
caphealth_s3_signature(const caphealth_s3_credentials_t *c,
    const caphealth_s3_request_t *r, const char *scope,
    const caphealth_s3_sorted_t *query, const caphealth_s3_sorted_t *headers,
    char signature[CAPHEALTH_S3_HASH])
{
    char                secret[4 + CAPHEALTH_S3_SECRET];
    char                date[CAPHEALTH_S3_DATE];
    size_t              i;
    uint8_t             key[SHA256_DIGEST_SIZE], digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx   canonical;
    caphealth_s3_out_t  out = { NULL, 0, 0, &canonical };
    struct hmac_sha256_ctx  mac;

    /* the canonical request is long, and only its hash is needed */

    sha256_init(&canonical);

    caphealth_s3_puts(&out, r->method);
    caphealth_s3_puts(&out, "\n");
    caphealth_s3_put_encoded(&out, r->path, 1);
    caphealth_s3_puts(&out, "\n");
    caphealth_s3_put_query(&out, query);

    for (i = 0; i < headers->n; i++) {

        if (i > 0 && strcmp(headers->pairs[i]->name,
                            headers->pairs[i - 1]->name)
                     == 0)
        {
            caphealth_s3_puts(&out, ",");

        } else {
            caphealth_s3_puts(&out, "\n");
            caphealth_s3_puts(&out, headers->pairs[i]->name);
            caphealth_s3_puts(&out, ":");
        }

        caphealth_s3_put_header(&out, headers->pairs[i]->value);
    }

    caphealth_s3_puts(&out, "\n\n");
    caphealth_s3_put_names(&out, headers);
    caphealth_s3_puts(&out, "\n");
    caphealth_s3_puts(&out, r->payload);

    sha256_digest(&canonical, sizeof(digest), digest);
    caphealth_s3_hex(digest, sizeof(digest), signature);

    /* each key is the code of the next part of the scope */

    i = (size_t) snprintf(secret, sizeof(secret), "AWS4%s", c->secret);

    caphealth_s3_date(r->now, date);

    caphealth_s3_hmac((uint8_t *) secret, i, date, CAPHEALTH_S3_DAY, key);
    caphealth_s3_hmac(key, sizeof(key), c->region, strlen(c->region), key);
    caphealth_s3_hmac(key, sizeof(key), r->service, strlen(r->service), key);
    caphealth_s3_hmac(key, sizeof(key), "aws4_request",
                      sizeof("aws4_request") - 1, key);

    hmac_sha256_set_key(&mac, sizeof(key), key);

    hmac_sha256_update(&mac, sizeof(CAPHEALTH_S3_SCHEME "\n") - 1,
                       (const uint8_t *) CAPHEALTH_S3_SCHEME "\n");
    hmac_sha256_update(&mac, CAPHEALTH_S3_DATE - 1, (uint8_t *) date);
    hmac_sha256_update(&mac, 1, (const uint8_t *) "\n");
    hmac_sha256_update(&mac, strlen(scope), (const uint8_t *) scope);
    hmac_sha256_update(&mac, 1, (const uint8_t *) "\n");
    hmac_sha256_update(&mac, CAPHEALTH_S3_HASH - 1, (uint8_t *) signature);

    hmac_sha256_digest(&mac, sizeof(digest), digest);
    caphealth_s3_hex(digest, sizeof(digest), signature);
}


static void
caphealth_s3_hmac(const uint8_t *key, size_t len, const char *text,
    size_t size, uint8_t mac[SHA256_DIGEST_SIZE])
{
    struct hmac_sha256_ctx  ctx;

    hmac_sha256_set_key(&ctx, len, key);
    hmac_sha256_update(&ctx, size, (const uint8_t *) text);
    hmac_sha256_digest(&ctx, SHA256_DIGEST_SIZE, mac);
}


void
caphealth_s3_hex(const uint8_t *bytes, size_t n, char *text)
{
    size_t  i;

    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {
        text[2 * i] = hex[bytes[i] >> 4];
        text[2 * i + 1] = hex[bytes[i] & 15];
    }

    text[2 * n] = '\0';
}
