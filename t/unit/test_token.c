
/*
 * Tokens of uploads, and the keys that they are signed with.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>

#include "caphealth_token.h"


#define NOW  1700000000


static caphealth_token_key_t  keys[2];


/* RFC 7515, appendix A.1: the key of its example */

static const char  rfc_key[] = "rfc AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr"
                               "_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
static const char  hex_key[] =
    "hex 000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f";


static int
setup(void **state)
{
    (void) state;

    assert_null(caphealth_token_key(rfc_key, strlen(rfc_key), &keys[0]));
    assert_null(caphealth_token_key(hex_key, strlen(hex_key), &keys[1]));

    return 0;
}


static size_t
base64url(char *out, const void *data, size_t len)
{
    struct base64_encode_ctx  ctx;
    size_t                    n;

    base64url_encode_init(&ctx);
    n = base64_encode_update(&ctx, out, len, data);
    n += base64_encode_final(&ctx, out + n);

    while (n && out[n - 1] == '=') {
        n--;
    }

    return n;
}


/* signed by the second key; NULL: the usual header */

static char *
sign(const char *header, const char *claims)
{
    size_t                  n;
    uint8_t                 mac[SHA256_DIGEST_SIZE];
    static char             token[16384];
    struct hmac_sha256_ctx  ctx;

    if (header == NULL) {
        header = "{\"alg\":\"HS256\",\"kid\":\"hex\"}";
    }

    n = base64url(token, header, strlen(header));
    token[n++] = '.';
    n += base64url(token + n, claims, strlen(claims));

    hmac_sha256_set_key(&ctx, keys[1].len, keys[1].secret);
    hmac_sha256_update(&ctx, n, (const uint8_t *) token);
    hmac_sha256_digest(&ctx, sizeof(mac), mac);

    token[n++] = '.';
    n += base64url(token + n, mac, sizeof(mac));
    token[n] = '\0';

    return token;
}


static caphealth_token_e
check(const char *text, caphealth_token_t *token, const char **reason)
{
    char               *copy;
    size_t              len;
    caphealth_token_e   rc;

    /* with nothing behind it, so that a read past the end is seen */

    len = strlen(text);
    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, text, len);

    *reason = NULL;
    rc = caphealth_token_check(copy + 1, len, keys, 2, NOW, token, reason);

    free(copy);

    return rc;
}


static void
refused(const char *text, const char *part)
{
    const char         *reason;
    caphealth_token_t   token;

    assert_int_equal(check(text, &token, &reason), CAPHEALTH_TOKEN_INVALID);
    assert_non_null(reason);

    if (strstr(reason, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, reason);
    }
}


static void
test_keys(void **state)
{
    size_t                 i;
    const char            *reason;
    caphealth_token_key_t  key;

    static const char *const  nothing[] = {
        "", " \t", "# a comment", "  # one more", "\r"
    };

    static const struct {
        const char  *line;
        const char  *reason;
    } wrong[] = {
        { "id", "a blank, and the secret" },
        { "id ", "a blank, and the secret" },
        { "i/d 00", "a blank, and the secret" },
        { "0123456789012345678901234567890123456789012345678901234567890123x"
          " 00", "1 to 64" },
        { "id 00", "at least 32 bytes" },
        { "id 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
          "at least 32 bytes" },
        { "id AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A", "base64url" },
        { "id AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA x", "base64url" },
        { "id AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", "base64url" }
    };

    (void) state;

    assert_string_equal(keys[0].id, "rfc");
    assert_int_equal(keys[0].len, 64);
    assert_int_equal(keys[0].secret[0], 3);
    assert_int_equal(keys[0].secret[63], 163);
    assert_string_equal(keys[1].id, "hex");
    assert_int_equal(keys[1].len, 32);
    assert_int_equal(keys[1].secret[10], 10);
    assert_int_equal(keys[1].secret[31], 31);

    /* padding, blanks and CR */

    reason = caphealth_token_key("\t2024.a_b-c\t AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                                 "AAAAAAAAAAAAE= \r", 59, &key);
    assert_null(reason);
    assert_string_equal(key.id, "2024.a_b-c");
    assert_int_equal(key.len, 32);
    assert_int_equal(key.secret[31], 1);

    for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        assert_null(caphealth_token_key(nothing[i], strlen(nothing[i]),
                                        &key));
        assert_int_equal(key.len, 0);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        reason = caphealth_token_key(wrong[i].line, strlen(wrong[i].line),
                                     &key);
        assert_non_null(reason);
        assert_non_null(strstr(reason, wrong[i].reason));
    }
}


static void
test_longest_secret(void **state)
{
    char                   line[300];
    caphealth_token_key_t  key;

    (void) state;

    memset(line, 'a', sizeof(line));
    memcpy(line, "k ", 2);

    assert_null(caphealth_token_key(line, 2 + 256, &key));
    assert_int_equal(key.len, 128);
    assert_non_null(caphealth_token_key(line, 2 + 258, &key));

    memset(line + 2, 'A' + 25, 298);
    assert_non_null(caphealth_token_key(line, 2 + 172, &key));
    assert_null(caphealth_token_key(line, 2 + 168, &key));
    assert_int_equal(key.len, 126);
}


/* RFC 7515, A.1: its header has no "kid", all else is as it must be */

static void
test_rfc(void **state)
{
    uint8_t                 mac[SHA256_DIGEST_SIZE];
    char                    text[64];
    struct hmac_sha256_ctx  ctx;

    static const char  input[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAi"
        "OjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    (void) state;

    hmac_sha256_set_key(&ctx, keys[0].len, keys[0].secret);
    hmac_sha256_update(&ctx, strlen(input), (const uint8_t *) input);
    hmac_sha256_digest(&ctx, sizeof(mac), mac);
    text[base64url(text, mac, sizeof(mac))] = '\0';

    assert_string_equal(text, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}


/* signed by PyJWT 2.6 with the key "hex" */

static void
test_pyjwt(void **state)
{
    const char         *reason;
    caphealth_token_t   token;

    static const char  text[] =
        "eyJhbGciOiJIUzI1NiIsImtpZCI6ImhleCIsInR5cCI6IkpXVCJ9.eyJleHAiOjQwMDAw"
        "MDAwMDAsInN1YiI6InZlbmRvci03IiwiYnl0ZXMiOjEwMDAwMDB9.0o2P2jW_WsZvJ_Jk"
        "fsTRgGvvZdhvecNQnQexjHGYVAY";

    (void) state;

    assert_int_equal(check(text, &token, &reason), CAPHEALTH_TOKEN_OK);
    assert_string_equal(token.owner, "vendor-7");
    assert_int_equal(token.bytes, 1000000);
}


static void
test_granted(void **state)
{
    const char         *reason;
    caphealth_token_t   token, other;

    (void) state;

    assert_int_equal(check(sign(NULL, "{\"exp\":1700000001}"), &token,
                           &reason), CAPHEALTH_TOKEN_OK);
    assert_int_equal(token.expires, NOW + 1);
    assert_int_equal(token.bytes, -1);
    assert_int_equal(token.files, -1);
    assert_int_equal(token.pixels, -1);
    assert_int_equal(token.images, -1);
    assert_int_equal(token.owner_bytes, -1);
    assert_string_equal(token.owner, "");
    assert_false(token.once);
    assert_false(token.delete);

    assert_int_equal(check(sign("{\"typ\":\"JWT\",\"kid\":\"hex\","
                                "\"alg\":\"HS256\"}",
                                "{\"exp\":1700003600.5,\"nbf\":1700000060,"
                                "\"iat\":1,\"iss\":\"shop\","
                                "\"aud\":[\"x\",\"caphealth\"],"
                                "\"sub\":\"Grüße 7\",\"bytes\":1,\"files\":2,"
                                "\"pixels\":3,\"images\":4,\"owner_bytes\":5,"
                                "\"once\":true,\"jti\":\"j\","
                                "\"delete\":true}"),
                           &token, &reason), CAPHEALTH_TOKEN_OK);
    assert_int_equal(token.expires, NOW + 3600);
    assert_string_equal(token.owner, "Grüße 7");
    assert_int_equal(token.bytes, 1);
    assert_int_equal(token.files, 2);
    assert_int_equal(token.pixels, 3);
    assert_int_equal(token.images, 4);
    assert_int_equal(token.owner_bytes, 5);
    assert_true(token.once);
    assert_true(token.delete);

    /* a use is known by the jti */

    (void) check(sign(NULL, "{\"exp\":1700000002,\"once\":true,"
                            "\"jti\":\"j\"}"), &other, &reason);
    assert_memory_equal(token.use, other.use, sizeof(token.use));
    (void) check(sign(NULL, "{\"exp\":1700000002,\"once\":true,"
                            "\"jti\":\"k\"}"), &other, &reason);
    assert_memory_not_equal(token.use, other.use, sizeof(token.use));
}


static void
test_refused(void **state)
{
    char               *text, *mac;
    char                longest[CAPHEALTH_TOKEN_LEN + 2];
    size_t              i;
    const char         *reason;
    caphealth_token_t   token;

    static const struct {
        const char  *header;
        const char  *claims;
        const char  *reason;
    } cases[] = {
        { "{\"alg\":\"none\",\"kid\":\"hex\"}", "{\"exp\":1800000000}",
          "HS256" },
        { "{\"alg\":\"RS256\",\"kid\":\"hex\"}", "{\"exp\":1800000000}",
          "HS256" },
        { "{\"kid\":\"hex\"}", "{\"exp\":1800000000}", "HS256" },
        { "[]", "{\"exp\":1800000000}", "HS256" },
        { "x", "{\"exp\":1800000000}", "HS256" },
        { "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"hex\"}",
          "{\"exp\":1800000000}", "HS256" },
        { "{\"alg\":\"HS256\",\"kid\":\"hex\",\"crit\":[\"b64\"],"
          "\"b64\":false}", "{\"exp\":1800000000}", "crit" },
        { "{\"alg\":\"HS256\"}", "{\"exp\":1800000000}", "\"kid\"" },
        { "{\"alg\":\"HS256\",\"kid\":7}", "{\"exp\":1800000000}", "\"kid\"" },
        { "{\"alg\":\"HS256\",\"kid\":\"old\"}", "{\"exp\":1800000000}",
          "not the id of a key" },
        { "{\"alg\":\"HS256\",\"kid\":\"rfc\"}", "{\"exp\":1800000000}",
          "signature" },
        { NULL, "[1]", "JSON object" },
        { NULL, "{\"exp\":1800000000,\"exp\":1}", "JSON object" },
        { NULL, "{}", "\"exp\"" },
        { NULL, "{\"exp\":\"1800000000\"}", "\"exp\"" },
        { NULL, "{\"exp\":-1}", "\"exp\"" },
        { NULL, "{\"exp\":1e300}", "\"exp\"" },
        { NULL, "{\"exp\":1800000000,\"nbf\":1700000061}", "not valid yet" },
        { NULL, "{\"exp\":1800000000,\"nbf\":true}", "not valid yet" },
        { NULL, "{\"exp\":1800000000,\"aud\":\"mail\"}", "\"aud\"" },
        { NULL, "{\"exp\":1800000000,\"aud\":[]}", "\"aud\"" },
        { NULL, "{\"exp\":1800000000,\"aud\":7}", "\"aud\"" },
        { NULL, "{\"exp\":1800000000,\"sub\":\"\"}", "\"sub\"" },
        { NULL, "{\"exp\":1800000000,\"sub\":7}", "\"sub\"" },
        { NULL, "{\"exp\":1800000000,\"sub\":\"a\\nb\"}", "\"sub\"" },
        { NULL, "{\"exp\":1800000000,\"sub\":\"0123456789012345678901234567890"
          "12345678901234567890123456789012345678901234567890\"}", "\"sub\"" },
        { NULL, "{\"exp\":1800000000,\"bytes\":0}", "whole numbers" },
        { NULL, "{\"exp\":1800000000,\"files\":1.5}", "whole numbers" },
        { NULL, "{\"exp\":1800000000,\"pixels\":\"1\"}", "whole numbers" },
        { NULL, "{\"exp\":1800000000,\"images\":-1}", "whole numbers" },
        { NULL, "{\"exp\":1800000000,\"owner_bytes\":9007199254740992}",
          "whole numbers" },
        { NULL, "{\"exp\":1800000000,\"images\":1}", "no \"sub\"" },
        { NULL, "{\"exp\":1800000000,\"delete\":1}", "\"delete\"" },
        { NULL, "{\"exp\":1700000001,\"once\":1}", "\"once\"" },
        { NULL, "{\"exp\":1700000001,\"once\":true}", "\"jti\"" },
        { NULL, "{\"exp\":1700000001,\"once\":true,\"jti\":\"\"}",
          "\"jti\"" },
        { NULL, "{\"exp\":1700086401,\"once\":true,\"jti\":\"a\"}",
          "within a day" }
    };

    static const char *const  none[] = {
        "", ".", "a", "a.b", "..", "a.b.c", "....", "%.%.%", "e30.e30."
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refused(sign(cases[i].header, cases[i].claims), cases[i].reason);
    }

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        refused(none[i], "The token");
    }

    memset(longest, '.', sizeof(longest));
    longest[CAPHEALTH_TOKEN_LEN + 1] = '\0';
    refused(longest, "JSON Web Token");

    assert_int_equal(check(sign(NULL, "{\"exp\":1700000000}"), &token,
                           &reason), CAPHEALTH_TOKEN_EXPIRED);

    /* each character of the signature counts */

    text = sign(NULL, "{\"exp\":1800000000}");
    mac = strrchr(text, '.') + 1;

    for (i = 0; mac[i] != '\0'; i++) {
        mac[i] = (char) (mac[i] == 'A' ? 'B' : 'A');
        refused(text, "signature");
        text = sign(NULL, "{\"exp\":1800000000}");
    }

    mac[i - 1] = '\0';
    refused(text, "signature");
    text = sign(NULL, "{\"exp\":1800000000}");
    strcat(text, "A");
    refused(text, "signature");
    text[strlen(text) - 1] = '=';
    refused(text, "signature");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_longest_secret),
        cmocka_unit_test(test_rfc),
        cmocka_unit_test(test_pyjwt),
        cmocka_unit_test(test_granted),
        cmocka_unit_test(test_refused)
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
