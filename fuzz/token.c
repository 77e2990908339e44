
/*
 * Under test: src/upload/caphealth_token.c
 *
 * A line of a key file, a line feed, and a token: as it stands, and, if its
 * second part is preceded by "!", its header and claims in clear, which are
 * signed here, so that what is behind the signature is reached.
 */

#include "fuzz.h"

#include <nettle/base64.h>
#include <nettle/hmac.h>

#include "caphealth_token.h"


#define NOW  1700000000


static const char  known_key[] =
    "k 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";


static caphealth_token_e
check(const char *text, size_t size, const caphealth_token_key_t *keys)
{
    char               *copy;
    const char         *reason;
    caphealth_token_e   rc;
    caphealth_token_t   token;

    /* with nothing behind it, so that a read past the end is seen */

    copy = malloc(size + 1);
    fuzz_check(copy != NULL);
    memcpy(copy + 1, text, size);

    reason = NULL;
    rc = caphealth_token_check(copy + 1, size, keys, 2, NOW, &token, &reason);

    free(copy);

    if (rc != CAPHEALTH_TOKEN_OK) {
        fuzz_check(reason != NULL && strncmp(reason, "The token", 9) == 0);
        return rc;
    }

    fuzz_check(token.expires > NOW);
    fuzz_check(token.bytes == -1 || token.bytes > 0);
    fuzz_check(token.files == -1 || token.files > 0);
    fuzz_check(token.pixels == -1 || token.pixels > 0);
    fuzz_check(token.images == -1 || token.owner[0] != '\0');
    fuzz_check(token.owner_bytes == -1 || token.owner[0] != '\0');
    fuzz_check(token.owner[0] == '\0'
               || caphealth_owner_valid(token.owner, strlen(token.owner)));
    fuzz_check(!token.once || token.expires <= NOW + CAPHEALTH_TOKEN_ONCE);

    return rc;
}


static size_t
encode(char *out, const uint8_t *data, size_t size)
{
    size_t                    n;
    struct base64_encode_ctx  ctx;

    base64url_encode_init(&ctx);
    n = base64_encode_update(&ctx, out, size, data);
    n += base64_encode_final(&ctx, out + n);

    while (n && out[n - 1] == '=') {
        n--;
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                   *token;
    size_t                  n;
    uint8_t                 mac[SHA256_DIGEST_SIZE];
    const char             *reason;
    fuzz_bytes_t            line, header, b = { data, size };
    caphealth_token_key_t   keys[2];
    struct hmac_sha256_ctx  ctx;

    if (size > CAPHEALTH_TOKEN_LEN) {
        return 0;
    }

    line = fuzz_piece(&b, '\n');
    reason = caphealth_token_key((const char *) line.data, line.size,
                                 &keys[0]);

    if (reason || keys[0].len == 0) {
        fuzz_check(keys[0].len == 0);

    } else {
        fuzz_check(keys[0].id[0] != '\0');
        fuzz_check(keys[0].len >= CAPHEALTH_TOKEN_SECRET
                   && keys[0].len <= CAPHEALTH_TOKEN_SECRETS);
    }

    fuzz_check(caphealth_token_key(known_key, strlen(known_key), &keys[1])
               == NULL);

    if (b.size == 0 || b.data[0] != '!') {
        (void) check((const char *) b.data, b.size, keys);
        return 0;
    }

    b.data++;
    b.size--;

    header = fuzz_piece(&b, '\n');

    token = malloc(4 * size + 256);
    fuzz_check(token != NULL);

    n = encode(token, header.data, header.size);
    token[n++] = '.';
    n += encode(token + n, b.data, b.size);

    hmac_sha256_set_key(&ctx, keys[1].len, keys[1].secret);
    hmac_sha256_update(&ctx, n, (const uint8_t *) token);
    hmac_sha256_digest(&ctx, sizeof(mac), mac);

    token[n++] = '.';
    n += encode(token + n, mac, sizeof(mac));

    /* another signature is never good */

    if (check(token, n, keys) == CAPHEALTH_TOKEN_OK) {
        token[n - 10] = (char) (token[n - 10] == 'A' ? 'B' : 'A');
        fuzz_check(check(token, n, keys) == CAPHEALTH_TOKEN_INVALID);
    }

    free(token);

    return 0;
}
