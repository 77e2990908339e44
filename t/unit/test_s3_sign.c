
/*
 * AWS Signature Version 4: the examples of its test suite
 * (aws-sig-v4-test-suite) and of the documentation of S3.  Those that
 * normalize a path are left out, because S3 does not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_s3_sign.h"


#define EMPTY  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define UNRESERVED  "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"               \
                    "abcdefghijklmnopqrstuvwxyz"

#define TOKEN  "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4" \
               "FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI" \
               "/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQ" \
               "DYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT" \
               "38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9K" \
               "SYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="


/* 2015-08-30T12:36:00Z and 2013-05-24T00:00:00Z */

#define SUITE_TIME     1440938160
#define EXAMPLES_TIME  1369353600


static const caphealth_s3_credentials_t  suite = {
    .key_id = "AKIDEXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1"
};

static const caphealth_s3_credentials_t  examples = {
    .key_id = "AKIAIOSFODNN7EXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1"
};


typedef struct {
    const char           *name;
    const char           *method;
    const char           *path;
    caphealth_s3_pair_t   query[4];
    caphealth_s3_pair_t   headers[6];
    const char           *payload;
    const char           *names;
    const char           *signature;
} vector_t;


#define SUITE_HEADERS  { "host", "example.amazonaws.com" },                   \
                       { "x-amz-date", "20150830T123600Z" }

static const vector_t  suite_vectors[] = {
    { "get-vanilla", "GET", "/", {{ 0 }}, { SUITE_HEADERS }, EMPTY,
      "host;x-amz-date",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-vanilla-query-order-key", "GET", "/",
      { { "Param1", "value2" }, { "Param1", "Value1" } }, { SUITE_HEADERS },
      EMPTY, "host;x-amz-date",
      "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1" },
    { "get-vanilla-query-order-key-case", "GET", "/",
      { { "Param2", "value2" }, { "Param1", "value1" } }, { SUITE_HEADERS },
      EMPTY, "host;x-amz-date",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
    { "get-vanilla-query-order-value", "GET", "/",
      { { "Param1", "value2" }, { "Param1", "value1" } }, { SUITE_HEADERS },
      EMPTY, "host;x-amz-date",
      "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694" },
    { "get-vanilla-query-unreserved", "GET", "/",
      { { UNRESERVED, UNRESERVED } }, { SUITE_HEADERS }, EMPTY,
      "host;x-amz-date",
      "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
    { "get-header-key-duplicate", "GET", "/", {{ 0 }},
      { SUITE_HEADERS, { "my-header1", "value2" }, { "my-header1", "value2" },
        { "my-header1", "value1" } }, EMPTY, "host;my-header1;x-amz-date",
      "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
    { "get-header-value-order", "GET", "/", {{ 0 }},
      { { "my-header1", "value4" }, { "my-header1", "value1" },
        { "my-header1", "value3" }, { "my-header1", "value2" },
        SUITE_HEADERS }, EMPTY, "host;my-header1;x-amz-date",
      "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
    { "get-header-value-trim", "GET", "/", {{ 0 }},
      { { "my-header2", " \"a   b   c\" " }, { "my-header1", " value1" },
        SUITE_HEADERS }, EMPTY, "host;my-header1;my-header2;x-amz-date",
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
    { "get-unreserved", "GET", "/" UNRESERVED, {{ 0 }}, { SUITE_HEADERS },
      EMPTY, "host;x-amz-date",
      "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
    { "get-space", "GET", "/example space/", {{ 0 }}, { SUITE_HEADERS },
      EMPTY, "host;x-amz-date",
      "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
    { "get-utf8", "GET", "/\xe1\x88\xb4", {{ 0 }}, { SUITE_HEADERS }, EMPTY,
      "host;x-amz-date",
      "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
    { "get-vanilla-utf8-query", "GET", "/", { { "\xe1\x88\xb4", "bar" } },
      { SUITE_HEADERS }, EMPTY, "host;x-amz-date",
      "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
    { "get-vanilla-query-order-encoded", "GET", "/",
      { { "Param-3", "Value3" }, { "Param", "Value2" },
        { "\xe1\x88\xb4", "Value1" } }, { SUITE_HEADERS }, EMPTY,
      "host;x-amz-date",
      "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },
    { "get-slashes-unnormalized", "GET", "//example//", {{ 0 }},
      { SUITE_HEADERS }, EMPTY, "host;x-amz-date",
      "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5" },
    { "get-relative-unnormalized", "GET", "/example/..", {{ 0 }},
      { SUITE_HEADERS }, EMPTY, "host;x-amz-date",
      "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282" },
    { "post-vanilla", "POST", "/", {{ 0 }}, { SUITE_HEADERS }, EMPTY,
      "host;x-amz-date",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
    { "post-x-www-form-urlencoded", "POST", "/", {{ 0 }},
      { { "content-type", "application/x-www-form-urlencoded" },
        SUITE_HEADERS },
      "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
      "content-type;host;x-amz-date",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
    { "post-sts-header-before", "POST", "/", {{ 0 }},
      { SUITE_HEADERS, { "x-amz-security-token", TOKEN } }, EMPTY,
      "host;x-amz-date;x-amz-security-token",
      "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" }
};


#define EXAMPLE_HEADERS  { "host", "examplebucket.s3.amazonaws.com" },        \
                         { "x-amz-date", "20130524T000000Z" }

static const vector_t  example_vectors[] = {
    { "GET Object", "GET", "/test.txt", {{ 0 }},
      { EXAMPLE_HEADERS, { "range", "bytes=0-9" },
        { "x-amz-content-sha256", EMPTY } }, EMPTY,
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { "PUT Object", "PUT", "/test$file.text", {{ 0 }},
      { EXAMPLE_HEADERS, { "date", "Fri, 24 May 2013 00:00:00 GMT" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
        { "x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4"
                                  "e99e42034a8b803f8b072" } },
      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
    { "GET Bucket Lifecycle", "GET", "/", { { "lifecycle", "" } },
      { EXAMPLE_HEADERS, { "x-amz-content-sha256", EMPTY } }, EMPTY,
      "host;x-amz-content-sha256;x-amz-date",
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { "GET Bucket (List Objects)", "GET", "/",
      { { "prefix", "J" }, { "max-keys", "2" } },
      { EXAMPLE_HEADERS, { "x-amz-content-sha256", EMPTY } }, EMPTY,
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },

    /* not of the documentation: parameters are sorted as they are encoded */

    { "\"a%7B\" is before \"aA\"", "GET", "/", { { "a{", "1" }, { "aA", "2" } },
      { EXAMPLE_HEADERS, { "x-amz-content-sha256", EMPTY } }, EMPTY,
      "host;x-amz-content-sha256;x-amz-date",
      "94c8abf8cccda38feaa65be11528c66b123357c7d0cdec9b4f05b1f60f827af5" },
    { "in any order", "GET", "/", { { "aA", "2" }, { "a{", "1" } },
      { EXAMPLE_HEADERS, { "x-amz-content-sha256", EMPTY } }, EMPTY,
      "host;x-amz-content-sha256;x-amz-date",
      "94c8abf8cccda38feaa65be11528c66b123357c7d0cdec9b4f05b1f60f827af5" }
};


static caphealth_s3_request_t
request(const vector_t *v, const char *service, time_t now)
{
    caphealth_s3_request_t  r;

    memset(&r, 0, sizeof(r));

    r.method = v->method;
    r.path = v->path;
    r.query = v->query;
    r.headers = v->headers;
    r.payload = v->payload;
    r.service = service;
    r.now = now;

    while (r.nquery < 4 && v->query[r.nquery].name) {
        r.nquery++;
    }

    while (r.nheaders < 6 && v->headers[r.nheaders].name) {
        r.nheaders++;
    }

    return r;
}


static void
check(const caphealth_s3_credentials_t *c, const vector_t *vectors, size_t n,
    const char *service, const char *day, time_t now)
{
    char                    wanted[512], text[512];
    size_t                  i, len;
    caphealth_s3_request_t  r;

    for (i = 0; i < n; i++) {
        r = request(&vectors[i], service, now);

        (void) snprintf(wanted, sizeof(wanted),
                        "AWS4-HMAC-SHA256 Credential=%s/%s/us-east-1/%s/"
                        "aws4_request, SignedHeaders=%s, Signature=%s",
                        c->key_id, day, service, vectors[i].names,
                        vectors[i].signature);

        len = caphealth_s3_authorization(c, &r, text, sizeof(text));

        if (len == 0 || strcmp(text, wanted) != 0) {
            print_error("%s: \"%s\"\n", vectors[i].name, text);
        }

        assert_string_equal(text, wanted);
        assert_int_equal(len, strlen(wanted));
    }
}


static void
test_suite(void **state)
{
    (void) state;

    check(&suite, suite_vectors,
          sizeof(suite_vectors) / sizeof(suite_vectors[0]), "service",
          "20150830", SUITE_TIME);
}


static void
documentation(void **state)
{
    (void) state;

    check(&examples, example_vectors,
          sizeof(example_vectors) / sizeof(example_vectors[0]), "s3",
          "20130524", EXAMPLES_TIME);
}


/* in memory of exactly its size, for the sanitizers */

static void
sizes(void **state)
{
    char                    *text, whole[512];
    size_t                   len, size;
    caphealth_s3_request_t   r;

    (void) state;

    r = request(&example_vectors[0], "s3", EXAMPLES_TIME);
    len = caphealth_s3_authorization(&examples, &r, whole, sizeof(whole));

    for (size = 0; size <= len + 1; size++) {
        text = malloc(size + 1);
        assert_non_null(text);

        assert_int_equal(caphealth_s3_authorization(&examples, &r, text,
                                                    size),
                         size == len + 1 ? len : 0);

        if (size == len + 1) {
            assert_string_equal(text, whole);
        }

        free(text);
    }
}


static void
too_many(void **state)
{
    size_t                  i;
    char                    text[4096];
    caphealth_s3_pair_t     pairs[33];
    caphealth_s3_request_t  r;

    (void) state;

    for (i = 0; i < 33; i++) {
        pairs[i] = (caphealth_s3_pair_t) { "a", "b" };
    }

    r = request(&example_vectors[0], "s3", EXAMPLES_TIME);
    r.query = pairs;

    for (i = 31; i <= 33; i++) {
        r.nquery = i;

        assert_int_equal(caphealth_s3_authorization(&examples, &r, text,
                                                    sizeof(text)) > 0,
                         i <= 32);
    }
}


static void
encode(void **state)
{
    size_t  i;
    char    text[64];

    static const struct {
        const char  *from;
        int          slash;
        const char  *to;
    } table[] = {
        { "a/b c", 1, "a/b%20c" },
        { "a/b+c", 0, "a%2Fb%2Bc" },
        { "~-._", 0, "~-._" },
        { "\xe1\x88\xb4*", 1, "%E1%88%B4%2A" },
        { "%", 0, "%25" },
        { "", 0, "" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(caphealth_s3_encode(table[i].from, table[i].slash,
                                             text, sizeof(text)),
                         strlen(table[i].to));
        assert_string_equal(text, table[i].to);
        assert_int_equal(caphealth_s3_encode(table[i].from, table[i].slash,
                                             text, strlen(table[i].to)), 0);
    }
}


static void
dates(void **state)
{
    char  date[CAPHEALTH_S3_DATE];

    (void) state;

    caphealth_s3_date(SUITE_TIME, date);
    assert_string_equal(date, "20150830T123600Z");

    caphealth_s3_date(1709251199, date);
    assert_string_equal(date, "20240229T235959Z");

    caphealth_s3_date((time_t) 1 << 60, date);
    assert_int_equal(strlen(date), CAPHEALTH_S3_DATE - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_suite),
        cmocka_unit_test(documentation),
        cmocka_unit_test(sizes),
        cmocka_unit_test(too_many),
        cmocka_unit_test(encode),
        cmocka_unit_test(dates)
    };

    return cmocka_run_group_tests_name("s3_sign", tests, NULL, NULL);
}
