
/*
 * The header Idempotency-Key.
 */

#include "caphealth_idempotency_key.h"


static const char *caphealth_key_string(const char *p, const char *end,
    char *key);
static const char *caphealth_key_token(const char *p, const char *end,
    char *key);


static const char  caphealth_key_length[] =
    "The Idempotency-Key must have 1 to 255 bytes.";

static const char  caphealth_key_malformed[] =
    "The Idempotency-Key must be a string in quotes, as "
    "\"8e03978e-40d5-43dd-bc93-6894a57f9324\", or the same without them: "
    "visible characters of ASCII.";


const char *
caphealth_idempotency_key(const char *value, size_t len,
    char key[CAPHEALTH_KEY_MAX + 1])
{
    const char  *p, *end;

    p = value;
    end = value + len;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    if (p == end) {
        return caphealth_key_length;
    }

    return *p == '"' ? caphealth_key_string(p + 1, end, key)
                     : caphealth_key_token(p, end, key);
}


/* RFC 8941, 3.3.3; parameters, 3.1.2, are ignored, for none is defined */

static const char *
caphealth_key_string(const char *p, const char *end, char *key)
{
    size_t  n;

    for (n = 0; p < end && *p != '"'; p++) {

        if (*p == '\\') {
            p++;

            if (p == end || (*p != '"' && *p != '\\')) {
                return caphealth_key_malformed;
            }
        }

        if (*p < ' ' || *p > '~') {
            return caphealth_key_malformed;
        }

        if (n == CAPHEALTH_KEY_MAX) {
            return caphealth_key_length;
        }

        key[n++] = *p;
    }

    if (p == end) {
        return caphealth_key_malformed;
    }

    if (n == 0) {
        return caphealth_key_length;
    }

    key[n] = '\0';

    p++;

    if (p < end && *p != ';') {
        return caphealth_key_malformed;
    }

    for ( /* void */ ; p < end; p++) {
        if (*p < ' ' || *p > '~') {
            return caphealth_key_malformed;
        }
    }

    return NULL;
}


static const char *
caphealth_key_token(const char *p, const char *end, char *key)
{
    size_t  n;

    if (end - p > CAPHEALTH_KEY_MAX) {
        return caphealth_key_length;
    }

    for (n = 0; p < end; p++) {

        if (*p <= ' ' || *p > '~' || *p == '"') {
            return caphealth_key_malformed;
        }

        key[n++] = *p;
    }

    key[n] = '\0';

    return NULL;
}
