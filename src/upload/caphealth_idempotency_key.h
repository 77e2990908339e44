
/*
 * The header Idempotency-Key, draft-ietf-httpapi-idempotency-key-header: a
 * string of RFC 8941 ("8e03978e-40d5-43dd-bc93-6894a57f9324", with its
 * quotes), or, as many clients send it, the bare text.
 */

#ifndef CAPHEALTH_IDEMPOTENCY_KEY_H
#define CAPHEALTH_IDEMPOTENCY_KEY_H


#include <stddef.h>


/* the most bytes of a key */
#define CAPHEALTH_KEY_MAX  255


/*
 * Reads the value of the header into key, zero-terminated, which has room for
 * CAPHEALTH_KEY_MAX + 1 bytes.  NULL, or what is wrong, as a sentence.
 */
const char *caphealth_idempotency_key(const char *value, size_t len,
    char key[CAPHEALTH_KEY_MAX + 1]);


#endif /* CAPHEALTH_IDEMPOTENCY_KEY_H */
