
/*
 * Tokens of uploads: JSON Web Tokens (RFC 7519) in the compact form of RFC
 * 7515, signed by HS256, HMAC with SHA-256, and no other algorithm.
 *
 * The header's "kid" names the key.  Claims:
 *
 *     exp          required: seconds since the epoch, from then on it is void
 *     nbf          not before then, within CAPHEALTH_TOKEN_LEEWAY
 *     aud          if it is there, "caphealth" must be among it
 *     sub          the owner of what is uploaded
 *     bytes        the most that the body of the request may have
 *     files        the most images in it
 *     pixels       the most that each of them may have
 *     images       the most images that the owner may have
 *     owner_bytes  the most bytes that they may have
 *     delete       true: it may remove images of its owner as well
 *     once, jti    true and a name: one upload is stored with it
 *
 * Others are ignored, as RFC 7519 has it.
 */

#ifndef CAPHEALTH_TOKEN_H
#define CAPHEALTH_TOKEN_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_owners.h"


#define CAPHEALTH_TOKEN_LEN       4096        /* of one, the most */
#define CAPHEALTH_TOKEN_KID_LEN   64
#define CAPHEALTH_TOKEN_JTI_LEN   128
#define CAPHEALTH_TOKEN_SECRET    32          /* bytes, the least */
#define CAPHEALTH_TOKEN_SECRETS   128         /* and the most */
#define CAPHEALTH_TOKEN_LEEWAY    60          /* seconds, for "nbf" */

/* tokens of one use are kept in mind until they expire, so it must be soon */
#define CAPHEALTH_TOKEN_ONCE      86400       /* seconds */


typedef struct {
    char      id[CAPHEALTH_TOKEN_KID_LEN + 1];
    uint8_t   secret[CAPHEALTH_TOKEN_SECRETS];
    size_t    len;                            /* of the secret */
} caphealth_token_key_t;


/* what a token grants; a number of -1: it says nothing of that */

typedef struct {
    int64_t   expires;
    int64_t   bytes;
    int64_t   files;
    int64_t   pixels;
    int64_t   images;
    int64_t   owner_bytes;
    char      owner[CAPHEALTH_OWNER_LEN + 1]; /* "": none */
    uint8_t   use[16];                        /* of one use: what it is known
                                                 by, of its key and its jti */
    unsigned  once:1;
    unsigned  delete:1;
} caphealth_token_t;


typedef enum {
    CAPHEALTH_TOKEN_OK = 0,
    CAPHEALTH_TOKEN_INVALID,                  /* malformed, or not signed */
    CAPHEALTH_TOKEN_EXPIRED
} caphealth_token_e;


/*
 * Reads a line of a key file, "ID SECRET", the secret as hexadecimal digits or
 * base64url.  An empty line or a comment leaves key->len 0.  NULL, or what is
 * wrong with it; that never has a part of the secret in it.
 */
const char *caphealth_token_key(const char *line, size_t len,
    caphealth_token_key_t *key);

/* A token that says nothing. */
void caphealth_token_none(caphealth_token_t *token);

/*
 * Checks a token of any bytes by one of n keys; now is in seconds since the
 * epoch.  *reason becomes a sentence for the client, or, if it is OK, is not
 * set.  *token is defined only then.
 */
caphealth_token_e caphealth_token_check(const char *text, size_t len,
    const caphealth_token_key_t *keys, size_t n, int64_t now,
    caphealth_token_t *token, const char **reason);


#endif /* CAPHEALTH_TOKEN_H */
