
/*
 * How an object store is named: the bucket, the endpoint, the credentials.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_s3_store.h"


#define TEXT(s)  s, sizeof(s) - 1


static void
test_url(void **state)
{
    size_t                i;
    caphealth_s3_store_t  store;

    const struct {
        const char  *url;
        const char  *bucket;
        const char  *prefix;
    } good[] = {
        { "s3://shop", "shop", "" },
        { "s3://shop/", "shop", "" },
        { "s3://shop/images", "shop", "images" },
        { "s3://shop/images/", "shop", "images" },
        { "s3://1-a.b/Images/v1.0/_x", "1-a.b", "Images/v1.0/_x" },
        { "s3://shop/a..b", "shop", "a..b" },
        { "s3://" "123456789012345678901234567890123456789012345678901234567890"
          "123", "123456789012345678901234567890123456789012345678901234567890"
          "123", "" }
    };

    const char *const  bad[] = {
        "", "s3:/shop", "http://shop", "S3://shop", "s3://", "s3:///a",
        "s3://ab", "s3://Shop", "s3://-shop", "s3://shop-", "s3://.shop",
        "s3://sh..op", "s3://sh_op", "s3://shop?x", "s3://shop//a",
        "s3://shop/a//b", "s3://shop/./b", "s3://shop/..", "s3://shop/a b",
        "s3://shop/a%20b", "s3://shop/a?b", "s3://shop/a//", "s3://u:p@shop",
        "s3://" "123456789012345678901234567890123456789012345678901234567890"
        "1234",
        "s3://shop/" "12345678901234567890123456789012345678901234567890"
        "12345678901234567890123456789012345678901234567890"
        "12345678901234567890123456789012345678901234567890"
        "12345678901234567890123456789012345678901234567890"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        memset(&store, 0, sizeof(caphealth_s3_store_t));

        assert_null(caphealth_s3_store_url(&store, good[i].url));
        assert_string_equal(store.bucket, good[i].bucket);
        assert_string_equal(store.prefix, good[i].prefix);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&store, 0, sizeof(caphealth_s3_store_t));

        if (caphealth_s3_store_url(&store, bad[i]) == NULL) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
}


static void
test_endpoint(void **state)
{
    size_t                i;
    caphealth_s3_store_t  store;

    const char *const  good[] = {
        "https://s3.example.com", "http://127.0.0.1:8080", "http://localhost:1",
        "https://[2001:db8::1]:8443", "http://[::1]", "https://S3.example.com",
        "https://a-b.c:65535"
    };

    const char *const  bad[] = {
        "", "s3.example.com", "ftp://s3.example.com", "https://",
        "https:///", "https://s3.example.com/", "https://s3.example.com/x",
        "https://s3.example.com:0", "https://s3.example.com:65536",
        "https://s3.example.com:", "https://s3.example.com:80a",
        "https://s3.example.com:000080", "https://key:secret@s3.example.com",
        "https://s3.example.com?x", "https://s3..example.com",
        "https://-s3.example.com", "https://s3-.example.com",
        "https://s3.example.com.", "https://s3_x.example.com",
        "https://[::1", "https://[::x]", "https://[127.0.0.1]",
        "https://[]", "https://s3 .example.com"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        memset(&store, 0, sizeof(caphealth_s3_store_t));

        assert_null(caphealth_s3_store_endpoint(&store, good[i]));
        assert_string_equal(store.endpoint, good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&store, 0, sizeof(caphealth_s3_store_t));

        if (caphealth_s3_store_endpoint(&store, bad[i]) == NULL) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
}


static void
test_region(void **state)
{
    caphealth_s3_store_t  store;

    (void) state;

    memset(&store, 0, sizeof(caphealth_s3_store_t));

    assert_null(caphealth_s3_store_region(&store, "eu-central-1"));
    assert_string_equal(store.credentials.region, "eu-central-1");

    assert_non_null(caphealth_s3_store_region(&store, ""));
    assert_non_null(caphealth_s3_store_region(&store, "eu central"));
    assert_non_null(caphealth_s3_store_region(&store, "eu/central"));
    assert_non_null(caphealth_s3_store_region(&store,
                                              "1234567890123456789012345678901"
                                              "23456789012345678901234567890123"
                                              "4"));
}


static void
test_virtual(void **state)
{
    size_t                i;
    caphealth_s3_store_t  store;

    const struct {
        const char  *url;
        const char  *endpoint;
        int          good;
    } stores[] = {
        { "s3://shop", "https://s3.example.com", 1 },
        { "s3://shop", "http://localhost:8080", 1 },
        { "s3://my.shop", "http://s3.example.com", 1 },
        { "s3://my.shop", "https://s3.example.com", 0 },
        { "s3://shop", "http://127.0.0.1:8080", 0 },
        { "s3://shop", "https://[::1]", 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        memset(&store, 0, sizeof(caphealth_s3_store_t));

        assert_null(caphealth_s3_store_url(&store, stores[i].url));
        assert_null(caphealth_s3_store_endpoint(&store, stores[i].endpoint));

        assert_int_equal(caphealth_s3_store_virtual(&store) == NULL,
                         stores[i].good);
        assert_int_equal(store.virtual_host, stores[i].good);
    }
}


static void
test_credentials(void **state)
{
    caphealth_s3_store_t  store;

    (void) state;

    memset(&store, 0, sizeof(caphealth_s3_store_t));

    assert_null(caphealth_s3_store_credentials(&store, TEXT(
        "# of the shop\n"
        "[other]\n"
        "aws_access_key_id = OTHER\n"
        "aws_secret_access_key = other\n"
        "\n"
        "[default]\r\n"
        "region = eu-central-1\n"
        "a line without a sign\n"
        "; aws_access_key_id = COMMENT\n"
        "\taws_access_key_id=AKIAIOSFODNN7EXAMPLE \r\n"
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY=\n"
        "aws_session_token = to=ken\n"
        "[third]\n"
        "aws_access_key_id = THIRD")));

    assert_string_equal(store.credentials.key_id, "AKIAIOSFODNN7EXAMPLE");
    assert_string_equal(store.credentials.secret,
                        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY=");
    assert_string_equal(store.credentials.session, "to=ken");

    /* without a session, and without a line feed at the end */

    memset(&store, 0, sizeof(caphealth_s3_store_t));

    assert_null(caphealth_s3_store_credentials(&store, TEXT(
        "[default]\naws_access_key_id=test:tester\n"
        "aws_secret_access_key=s")));

    assert_string_equal(store.credentials.key_id, "test:tester");
    assert_string_equal(store.credentials.secret, "s");
    assert_string_equal(store.credentials.session, "");
}


/* messages do not contain the secret */

static void
test_bad_credentials(void **state)
{
    size_t                i;
    const char           *wrong;
    caphealth_s3_store_t  store;

    const struct {
        const char  *text;
        size_t       len;
        const char  *wrong;
    } files[] = {
        { TEXT(""), "no profile \"[default]\"" },
        { TEXT("aws_access_key_id=A\naws_secret_access_key=hidden\n"),
          "no profile \"[default]\"" },
        { TEXT("[default]\naws_secret_access_key=hidden\n"),
          "no \"aws_access_key_id\"" },
        { TEXT("[default]\naws_access_key_id=A\n"),
          "no \"aws_secret_access_key\"" },
        { TEXT("[default]\naws_access_key_id=A\naws_secret_access_key=\n"),
          "secret access key is not" },
        { TEXT("[default]\naws_access_key_id=A B\n"
               "aws_secret_access_key=hidden\n"),
          "access key id is not" },
        { TEXT("[default]\naws_access_key_id=A\n"
               "aws_secret_access_key=hidden\0x\n"),
          "secret access key is not" },
        { TEXT("[default]\naws_access_key_id=A\n"
               "aws_secret_access_key=hidden\xc3\xa4\n"),
          "secret access key is not" },
        { TEXT("[default]\naws_access_key_id=A\n"
               "aws_secret_access_key=hidden\naws_session_token=\n"),
          "session token is not" }
    };

    (void) state;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        memset(&store, 0, sizeof(caphealth_s3_store_t));

        wrong = caphealth_s3_store_credentials(&store, files[i].text,
                                               files[i].len);
        assert_non_null(wrong);
        assert_non_null(strstr(wrong, files[i].wrong));
        assert_null(strstr(wrong, "hidden"));
    }
}


static void
test_long_credentials(void **state)
{
    char                  text[512];
    caphealth_s3_store_t  store;

    (void) state;

    memset(&store, 0, sizeof(caphealth_s3_store_t));
    (void) snprintf(text, sizeof(text), "[default]\naws_access_key_id=%0*d\n"
                    "aws_secret_access_key=s\n", CAPHEALTH_S3_KEY_ID - 1, 0);

    assert_null(caphealth_s3_store_credentials(&store, text, strlen(text)));
    assert_int_equal(strlen(store.credentials.key_id),
                     CAPHEALTH_S3_KEY_ID - 1);

    memset(&store, 0, sizeof(caphealth_s3_store_t));
    (void) snprintf(text, sizeof(text), "[default]\naws_access_key_id=%0*d\n"
                    "aws_secret_access_key=s\n", CAPHEALTH_S3_KEY_ID, 0);

    assert_non_null(caphealth_s3_store_credentials(&store, text,
                                                   strlen(text)));
}


static void
test_environment(void **state)
{
    caphealth_s3_store_t  store;

    (void) state;

    memset(&store, 0, sizeof(caphealth_s3_store_t));

    assert_non_null(caphealth_s3_store_environment(&store, NULL, "s", NULL));
    assert_non_null(caphealth_s3_store_environment(&store, "k", NULL, NULL));
    assert_non_null(caphealth_s3_store_environment(&store, "k", "", NULL));
    assert_non_null(caphealth_s3_store_environment(&store, "k", "s", "a b"));

    assert_null(caphealth_s3_store_environment(&store, "k", "s", ""));
    assert_string_equal(store.credentials.session, "");

    assert_null(caphealth_s3_store_environment(&store, "k", "s", "t"));
    assert_string_equal(store.credentials.key_id, "k");
    assert_string_equal(store.credentials.secret, "s");
    assert_string_equal(store.credentials.session, "t");
}


static void
test_request(void **state)
{
    char                  host[CAPHEALTH_S3_HOST], path[CAPHEALTH_S3_PATH];
    caphealth_s3_store_t  store;

    (void) state;

    memset(&store, 0, sizeof(caphealth_s3_store_t));

    assert_null(caphealth_s3_store_url(&store, "s3://shop/images"));
    assert_null(caphealth_s3_store_endpoint(&store, "https://s3.eu:8443"));

    assert_string_equal(caphealth_s3_store_host(&store, host), "s3.eu:8443");
    assert_int_equal(caphealth_s3_store_path(&store, "ab/xyz", 4, path), 17);
    assert_string_equal(path, "/shop/images/ab/x");

    store.virtual_host = 1;

    assert_string_equal(caphealth_s3_store_host(&store, host),
                        "shop.s3.eu:8443");
    assert_int_equal(caphealth_s3_store_path(&store, "ab/x", 4, path), 12);
    assert_string_equal(path, "/images/ab/x");

    memset(&store, 0, sizeof(caphealth_s3_store_t));

    assert_null(caphealth_s3_store_url(&store, "s3://shop"));
    assert_null(caphealth_s3_store_endpoint(&store, "http://[::1]"));

    store.virtual_host = 1;
    assert_int_equal(caphealth_s3_store_path(&store, "ab/x", 4, path), 5);
    assert_string_equal(path, "/ab/x");

    store.virtual_host = 0;

    assert_string_equal(caphealth_s3_store_host(&store, host), "[::1]");
    assert_int_equal(caphealth_s3_store_path(&store, "ab/x", 4, path), 10);
    assert_string_equal(path, "/shop/ab/x");

    assert_int_equal(caphealth_s3_store_path(&store, path, sizeof(path),
                                             path),
                     0);
}


static void
test_certificates(void **state)
{
    size_t       i;
    char         text[512];
    const char  *wrong;

#define BEGIN  "-----BEGIN CERTIFICATE-----"
#define END    "-----END CERTIFICATE-----"

    static const struct {
        const char  *text;
        const char  *kept;           /* NULL: it is refused */
    } tests[] = {
        { BEGIN "\nMIIB\n" END, BEGIN "\nMIIB\n" END },
        { BEGIN "\r\nMI+/\r\nAA==\r\n" END "\r\n",
          BEGIN "\r\nMI+/\r\nAA==\r\n" END "\n" },
        { "\xff a name\n" BEGIN "\nMIIB\n" END "\n# and\n" BEGIN "\nMIIC\n"
          END "\n-----BEGIN X509 CRL-----\n",
          BEGIN "\nMIIB\n" END "\n" BEGIN "\nMIIC\n" END "\n" },
        { BEGIN "\nMIIB\n" END BEGIN "\nMIIC\n" END "\n", NULL },
        { "", NULL },
        { "MIIB\n", NULL },
        { END, NULL },
        { BEGIN, NULL },
        { BEGIN "\nMIIB\n" BEGIN "\n", NULL },
        { BEGIN "\n\n" END "\n", NULL },
        { BEGIN "\nAAAA\n" END "\n", NULL },
        { BEGIN "\nMI\"B\n" END "\n", NULL },
        { BEGIN "\nMIIB\n" END "\n" BEGIN "\nMIIB\n", NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        strcpy(text, tests[i].text);

        wrong = caphealth_s3_store_certificates(text, strlen(text));

        assert_int_equal(wrong == NULL, tests[i].kept != NULL);

        if (tests[i].kept) {
            assert_string_equal(text, tests[i].kept);
        }
    }

    /* a NUL is none of base64 */

    memcpy(text, BEGIN "\nMI\0B\n" END, sizeof(BEGIN "\nMI\0B\n" END));
    assert_non_null(caphealth_s3_store_certificates(text,
                                        sizeof(BEGIN "\nMI\0B\n" END) - 1));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_region),
        cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_bad_credentials),
        cmocka_unit_test(test_long_credentials),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_request)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
