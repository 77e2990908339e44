
/*
 * Outcomes of requests that store or delete images.
 */

#include <stddef.h>

#include "caphealth_outcomes.h"


const caphealth_outcome_t  caphealth_outcomes[CAPHEALTH_OUTCOMES] = {
    [CAPHEALTH_OUTCOME_OK] = { 0, "stored", "deleted" },
    [CAPHEALTH_OUTCOME_MALFORMED] = { 400, "malformed-multipart", NULL },
    [CAPHEALTH_OUTCOME_CROSS_SITE] = { 403, "cross-site", "cross-site" },
    [CAPHEALTH_OUTCOME_NO_IMAGE] = { 400, "no-image", NULL },
    [CAPHEALTH_OUTCOME_TOO_MANY] = { 413, "too-many-files", NULL },
    [CAPHEALTH_OUTCOME_TOO_LARGE] = { 413, "file-too-large", NULL },
    [CAPHEALTH_OUTCOME_UNSUPPORTED] = { 415, "unsupported-image", NULL },
    [CAPHEALTH_OUTCOME_UNDECODABLE] = { 422, "undecodable-image", NULL },
    [CAPHEALTH_OUTCOME_TIMEOUT] = { 422, "image-timeout", NULL },
    [CAPHEALTH_OUTCOME_QUEUE_FULL] = { 503, "queue-full", NULL },
    [CAPHEALTH_OUTCOME_NO_CONVERTER] = { 503, "converter-unavailable", NULL },
    [CAPHEALTH_OUTCOME_STORAGE_FAILED] =
        { 500, "storage-failed", "storage-failed" },
    [CAPHEALTH_OUTCOME_STORAGE_FULL] = { 507, "storage-full", NULL },
    [CAPHEALTH_OUTCOME_NO_THREAD] = { 503, "server-busy", "server-busy" },
    [CAPHEALTH_OUTCOME_NOT_LOCAL] = { 0, "not-local", "not-local" },
    [CAPHEALTH_OUTCOME_NO_SUCH_IMAGE] = { 404, NULL, "no-such-image" },
    [CAPHEALTH_OUTCOME_BODY_TOO_LARGE] =
        { 0, "body-too-large", "body-too-large" },
    [CAPHEALTH_OUTCOME_BAD_REQUEST] = { 0, "bad-request", "bad-request" },
    [CAPHEALTH_OUTCOME_CLIENT_GONE] =
        { 0, "client-closed-request", "client-closed-request" },
    [CAPHEALTH_OUTCOME_INTERNAL] = { 0, "internal-error", "internal-error" },
    [CAPHEALTH_OUTCOME_INVALID_FIELD] = { 400, "invalid-field", NULL },
    [CAPHEALTH_OUTCOME_NO_TOKEN] = { 401, "no-token", "no-token" },
    [CAPHEALTH_OUTCOME_BAD_TOKEN] = { 401, "invalid-token", "invalid-token" },
    [CAPHEALTH_OUTCOME_NOT_PERMITTED] =
        { 403, "not-permitted", "not-permitted" },
    [CAPHEALTH_OUTCOME_QUOTA] = { 507, "quota-exceeded", NULL },
    [CAPHEALTH_OUTCOME_REPLAYED] = { 0, "replayed", NULL },
    [CAPHEALTH_OUTCOME_DUPLICATE] = { 0, "duplicate", NULL },
    [CAPHEALTH_OUTCOME_INVALID_KEY] = { 400, "invalid-idempotency-key", NULL },
    [CAPHEALTH_OUTCOME_KEY_REUSED] = { 422, "idempotency-key-reused", NULL },
    [CAPHEALTH_OUTCOME_KEY_IN_USE] = { 409, "idempotency-key-in-use", NULL },
    [CAPHEALTH_OUTCOME_IMAGE_SHARED] = { 409, NULL, "image-shared" },
    [CAPHEALTH_OUTCOME_STORE_AWAY] =
        { 503, "store-unavailable", "store-unavailable" }
};
