
/*
 * Tokens of uploads.
 */

#include <math.h>
#include <string.h>

#include <jansson.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "caphealth_token.h"


/* numbers above it are not exact in JSON as most languages read it */
#define CAPHEALTH_TOKEN_NUMBER  9007199254740991


typedef struct {
    const char  *name;
    size_t       offset;
} caphealth_token_claim_t;


static int caphealth_token_hex(const char *s, size_t len, uint8_t *out);
static ptrdiff_t caphealth_token_base64url(const char *s, size_t len,
    uint8_t *out);
static int caphealth_token_digit(char c);
static json_t *caphealth_token_json(const char *s, size_t len);
static const caphealth_token_key_t *caphealth_token_find(json_t *header,
    const caphealth_token_key_t *keys, size_t n, const char **reason);
static const char *caphealth_token_verify(const char *text, size_t signed_len,
    const char *mac, size_t maclen, const caphealth_token_key_t *key);
static caphealth_token_e caphealth_token_claims(json_t *claims, int64_t now,
    caphealth_token_t *token, const char **reason);
static int caphealth_token_time(json_t *claims, const char *name,
    int64_t *time);
static int caphealth_token_audience(json_t *aud);
static const char *caphealth_token_limits(json_t *claims,
    caphealth_token_t *token);
static const char *caphealth_token_one_use(json_t *claims, int64_t now,
    caphealth_token_t *token);
static void caphealth_token_use(caphealth_token_t *token, const char *kid,
    const char *jti);


static const caphealth_token_claim_t  caphealth_token_numbers[] = {
    { "bytes", offsetof(caphealth_token_t, bytes) },
    { "files", offsetof(caphealth_token_t, files) },
    { "pixels", offsetof(caphealth_token_t, pixels) },
    { "images", offsetof(caphealth_token_t, images) },
    { "owner_bytes", offsetof(caphealth_token_t, owner_bytes) }
};


const char *
caphealth_token_key(const char *line, size_t len, caphealth_token_key_t *key)
{
    size_t       i, n, m;
    ptrdiff_t    size;
    const char  *p, *last, *secret;

    memset(key, 0, sizeof(caphealth_token_key_t));

    p = line;
    last = line + len;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (last > p
           && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\r'))
    {
        last--;
    }

    if (p == last || *p == '#') {
        return NULL;
    }

    for (n = 0; p + n < last && (caphealth_token_digit(p[n]) >= 0
                                 || p[n] == '.'); n++)
    {
        /* void */
    }

    secret = p + n;

    while (secret < last && (*secret == ' ' || *secret == '\t')) {
        secret++;
    }

    if (n == 0 || n > CAPHEALTH_TOKEN_KID_LEN || secret == p + n) {
        return "it must be an id of 1 to 64 letters, digits, \"-\", \"_\" or "
               "\".\", a blank, and the secret";
    }

    m = (size_t) (last - secret);

    /* padding */

    for (i = 0; i < 2 && m && secret[m - 1] == '='; i++) {
        m--;
    }

    if (m > 2 * CAPHEALTH_TOKEN_SECRETS) {
        return "its secret is longer than 128 bytes";
    }

    /* 64 hexadecimal digits are base64url, too, and are meant as the former */

    if (m % 2 == 0 && caphealth_token_hex(secret, m, key->secret) == 0) {
        size = (ptrdiff_t) m / 2;

    } else if (m / 4 * 3 > CAPHEALTH_TOKEN_SECRETS) {
        return "its secret is longer than 128 bytes";

    } else {
        size = caphealth_token_base64url(secret, m, key->secret);
    }

    if (size == -1) {
        return "its secret must be hexadecimal digits or base64url (A-Z, a-z, "
               "0-9, \"-\" and \"_\")";
    }

    if (size < CAPHEALTH_TOKEN_SECRET) {
        return "its secret must be of at least 32 bytes: 64 hexadecimal "
               "digits, or 43 characters of base64url";
    }

    memcpy(key->id, p, n);
    key->len = (size_t) size;

    return NULL;
}


static int
caphealth_token_hex(const char *s, size_t len, uint8_t *out)
{
    int     c;
    size_t  i;

    for (i = 0; i < len; i++) {
        c = (unsigned char) s[i];

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            c = (c | 0x20) - 'a' + 10;

        } else {
            return -1;
        }

        out[i / 2] = (uint8_t) (i % 2 ? out[i / 2] | c : c << 4);
    }

    return 0;
}


/*
 * RFC 4648, section 5, without padding.  Bits that are left over must be 0, so
 * that each value has one text.  Returns the length, or -1.
 */

static ptrdiff_t
caphealth_token_base64url(const char *s, size_t len, uint8_t *out)
{
    int       digit;
    size_t    i, n;
    uint32_t  bits;

    n = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        digit = caphealth_token_digit(s[i]);

        if (digit < 0) {
            return -1;
        }

        bits = bits << 6 | (uint32_t) digit;

        if (i % 4) {
            out[n++] = (uint8_t) (bits >> (6 - i % 4 * 2));
        }
    }

    if (len % 4 == 1 || (len % 4 == 2 && bits & 15)
        || (len % 4 == 3 && bits & 3))
    {
        return -1;
    }

    return (ptrdiff_t) n;
}


static int
caphealth_token_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}


void
caphealth_token_none(caphealth_token_t *token)
{
    size_t  i;

    memset(token, 0, sizeof(caphealth_token_t));

    for (i = 0; i < sizeof(caphealth_token_numbers)
                    / sizeof(caphealth_token_numbers[0]); i++)
    {
        *(int64_t *) ((char *) token + caphealth_token_numbers[i].offset) =
            -1;
    }
}


caphealth_token_e
caphealth_token_check(const char *text, size_t len,
    const caphealth_token_key_t *keys, size_t n, int64_t now,
    caphealth_token_t *token, const char **reason)
{
    json_t                       *header, *claims;
    const char                   *payload, *mac, *end;
    caphealth_token_e             rc;
    const caphealth_token_key_t  *key;

    end = text + len;
    payload = NULL;
    mac = NULL;

    if (len <= CAPHEALTH_TOKEN_LEN) {
        payload = memchr(text, '.', len);
    }

    if (payload) {
        payload++;
        mac = memchr(payload, '.', (size_t) (end - payload));
    }

    if (mac == NULL) {
        *reason = "The token is not a JSON Web Token: three parts of base64url "
                  "with two dots between them, of at most 4096 characters.";
        return CAPHEALTH_TOKEN_INVALID;
    }

    mac++;

    header = caphealth_token_json(text, (size_t) (payload - 1 - text));
    key = caphealth_token_find(header, keys, n, reason);
    json_decref(header);

    if (key == NULL) {
        return CAPHEALTH_TOKEN_INVALID;
    }

    *reason = caphealth_token_verify(text, (size_t) (mac - 1 - text), mac,
                                     (size_t) (end - mac), key);
    if (*reason) {
        return CAPHEALTH_TOKEN_INVALID;
    }

    /* from here on it is what the shop has signed */

    claims = caphealth_token_json(payload, (size_t) (mac - 1 - payload));
    rc = caphealth_token_claims(claims, now, token, reason);

    if (rc == CAPHEALTH_TOKEN_OK && token->once) {
        caphealth_token_use(token, key->id,
                            json_string_value(json_object_get(claims, "jti")));
    }

    json_decref(claims);

    return rc;
}


/* an object in base64url; NULL: it is none */

static json_t *
caphealth_token_json(const char *s, size_t len)
{
    json_t     *json;
    uint8_t     text[CAPHEALTH_TOKEN_LEN];
    ptrdiff_t   n;

    n = caphealth_token_base64url(s, len, text);

    if (n == -1) {
        return NULL;
    }

    json = json_loadb((char *) text, (size_t) n, JSON_REJECT_DUPLICATES,
                      NULL);

    if (!json_is_object(json)) {
        json_decref(json);
        return NULL;
    }

    return json;
}


static const caphealth_token_key_t *
caphealth_token_find(json_t *header, const caphealth_token_key_t *keys,
    size_t n, const char **reason)
{
    size_t       i;
    const char  *alg, *kid;

    alg = json_string_value(json_object_get(header, "alg"));

    if (alg == NULL || strcmp(alg, "HS256") != 0) {
        *reason = "The token's header must be JSON with \"alg\":\"HS256\"; no "
                  "other algorithm is accepted.";
        return NULL;
    }

    /* RFC 7515, section 4.1.11: none is known here */

    if (json_object_get(header, "crit") != NULL) {
        *reason = "The token's header has a \"crit\", of which nothing is "
                  "supported.";
        return NULL;
    }

    kid = json_string_value(json_object_get(header, "kid"));

    for (i = 0; kid && i < n; i++) {
        if (strcmp(keys[i].id, kid) == 0) {
            return &keys[i];
        }
    }

    *reason = kid ? "The token's \"kid\" is not the id of a key of this server."
                  : "The token's header must name its key by \"kid\".";

    return NULL;
}


static const char *
caphealth_token_verify(const char *text, size_t signed_len, const char *mac,
    size_t maclen, const caphealth_token_key_t *key)
{
    uint8_t                 sent[SHA256_DIGEST_SIZE + 3];
    uint8_t                 ours[SHA256_DIGEST_SIZE];
    struct hmac_sha256_ctx  ctx;

    static const char  wrong[] = "The token's signature is not that of its "
                                 "key.";

    /* 43 characters */

    if (maclen != (SHA256_DIGEST_SIZE * 4 + 2) / 3
        || caphealth_token_base64url(mac, maclen, sent) != SHA256_DIGEST_SIZE)
    {
        return wrong;
    }

    hmac_sha256_set_key(&ctx, key->len, key->secret);
    hmac_sha256_update(&ctx, signed_len, (const uint8_t *) text);
    hmac_sha256_digest(&ctx, sizeof(ours), ours);

    /* in constant time */

    return memeql_sec(sent, ours, sizeof(ours)) ? NULL : wrong;
}


static caphealth_token_e
caphealth_token_claims(json_t *claims, int64_t now, caphealth_token_t *token,
    const char **reason)
{
    json_t   *sub;
    int64_t   since;

    caphealth_token_none(token);

    if (claims == NULL) {
        *reason = "The token's second part must be a JSON object, without "
                  "duplicate members.";
        return CAPHEALTH_TOKEN_INVALID;
    }

    if (caphealth_token_time(claims, "exp", &token->expires) != 1) {
        *reason = "The token must have an \"exp\", the seconds since 1970 when "
                  "it expires.";
        return CAPHEALTH_TOKEN_INVALID;
    }

    if (token->expires <= now) {
        *reason = "The token has expired. Ask for a new one.";
        return CAPHEALTH_TOKEN_EXPIRED;
    }

    switch (caphealth_token_time(claims, "nbf", &since)) {

    case 0:
        break;

    case 1:
        if (since <= now + CAPHEALTH_TOKEN_LEEWAY) {
            break;
        }

        /* fall through */

    default:
        *reason = "The token is not valid yet, or its \"nbf\" is not a time in "
                  "seconds since 1970.";
        return CAPHEALTH_TOKEN_INVALID;
    }

    if (!caphealth_token_audience(json_object_get(claims, "aud"))) {
        *reason = "The token's \"aud\" must be \"caphealth\", or have it among "
                  "others.";
        return CAPHEALTH_TOKEN_INVALID;
    }

    sub = json_object_get(claims, "sub");

    if (sub != NULL) {
        if (!json_is_string(sub)
            || !caphealth_owner_valid(json_string_value(sub),
                                      json_string_length(sub)))
        {
            *reason = "The token's \"sub\", the owner, must be a string of 1 "
                      "to 80 bytes without control characters.";
            return CAPHEALTH_TOKEN_INVALID;
        }

        memcpy(token->owner, json_string_value(sub), json_string_length(sub));
    }

    *reason = caphealth_token_limits(claims, token);

    if (*reason == NULL) {
        *reason = caphealth_token_one_use(claims, now, token);
    }

    return *reason ? CAPHEALTH_TOKEN_INVALID : CAPHEALTH_TOKEN_OK;
}


/* 1: *time is set; 0: there is no such claim; -1: it is no time */

static int
caphealth_token_time(json_t *claims, const char *name, int64_t *time)
{
    double   value;
    json_t  *claim;

    claim = json_object_get(claims, name);

    if (claim == NULL) {
        return 0;
    }

    value = json_number_value(claim);

    if (!json_is_number(claim) || value < 0
        || value > (double) CAPHEALTH_TOKEN_NUMBER)
    {
        return -1;
    }

    *time = (int64_t) floor(value);

    return 1;
}


static int
caphealth_token_audience(json_t *aud)
{
    size_t       i;
    const char  *name;

    static const char  ours[] = "caphealth";

    if (aud == NULL) {
        return 1;
    }

    if (json_is_string(aud)) {
        return strcmp(json_string_value(aud), ours) == 0;
    }

    for (i = 0; i < json_array_size(aud); i++) {
        name = json_string_value(json_array_get(aud, i));

        if (name && strcmp(name, ours) == 0) {
            return 1;
        }
    }

    return 0;
}


static const char *
caphealth_token_limits(json_t *claims, caphealth_token_t *token)
{
    json_t   *claim;
    size_t    i;
    int64_t   value;

    for (i = 0; i < sizeof(caphealth_token_numbers)
                    / sizeof(caphealth_token_numbers[0]); i++)
    {
        claim = json_object_get(claims, caphealth_token_numbers[i].name);
        value = -1;

        if (claim != NULL) {
            value = json_integer_value(claim);

            if (!json_is_integer(claim) || value <= 0
                || value > CAPHEALTH_TOKEN_NUMBER)
            {
                return "The token's \"bytes\", \"files\", \"pixels\", "
                       "\"images\" and \"owner_bytes\" must be whole numbers "
                       "above 0, where they are there.";
            }
        }

        *(int64_t *) ((char *) token + caphealth_token_numbers[i].offset) =
            value;
    }

    claim = json_object_get(claims, "delete");

    if (claim != NULL && !json_is_boolean(claim)) {
        return "The token's \"delete\" must be true or false.";
    }

    token->delete = json_is_true(claim);

    if (token->owner[0] == '\0'
        && (token->images != -1 || token->owner_bytes != -1))
    {
        return "The token has a quota, \"images\" or \"owner_bytes\", but no "
               "\"sub\", whose it is.";
    }

    return NULL;
}


static const char *
caphealth_token_one_use(json_t *claims, int64_t now, caphealth_token_t *token)
{
    size_t   len;
    json_t  *once, *jti;

    once = json_object_get(claims, "once");
    jti = json_object_get(claims, "jti");

    if (once == NULL || json_is_false(once)) {
        return NULL;
    }

    len = json_string_length(jti);

    if (!json_is_true(once) || len == 0 || len > CAPHEALTH_TOKEN_JTI_LEN) {
        return "The token's \"once\" must be true or false; if it is true, it "
               "needs a \"jti\", a name of its own of 1 to 128 bytes.";
    }

    if (token->expires > now + CAPHEALTH_TOKEN_ONCE) {
        return "The token is for one use, and must expire within a day.";
    }

    token->once = 1;

    return NULL;
}


static void
caphealth_token_use(caphealth_token_t *token, const char *kid, const char *jti)
{
    struct sha256_ctx  ctx;

    sha256_init(&ctx);
    sha256_update(&ctx, strlen(kid) + 1, (const uint8_t *) kid);
    sha256_update(&ctx, strlen(jti), (const uint8_t *) jti);
    sha256_digest(&ctx, sizeof(token->use), token->use);
}
