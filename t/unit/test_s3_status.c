
/*
 * What an object store's answers mean, as S3, Swift, Ceph and MinIO give them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_s3_client.h"


static void
answers(void **state)
{
    int     retry;
    size_t  i;

    static const struct {
        const char               *method;
        unsigned                  http;
        const char               *code;
        caphealth_ship_status_e   status;
        int                       retry;
    } table[] = {
        { "PUT", 200, "", CAPHEALTH_SHIP_OK, 0 },
        { "DELETE", 204, "", CAPHEALTH_SHIP_OK, 0 },
        { "GET", 200, "AccessDenied", CAPHEALTH_SHIP_OK, 0 },
        { "PUT", 301, "PermanentRedirect", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 307, "TemporaryRedirect", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 400, "AuthorizationHeaderMalformed", CAPHEALTH_SHIP_DENIED,
          0 },
        { "PUT", 400, "ExpiredToken", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 400, "RequestTimeout", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 400, "EntityTooLarge", CAPHEALTH_SHIP_FULL, 0 },
        { "PUT", 400, "BadDigest", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 400, "IncompleteBody", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 400, "XAmzContentSHA256Mismatch", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 400, "IllegalLocationConstraintException",
          CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 400, "TokenRefreshRequired", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 400, "InvalidArgument", CAPHEALTH_SHIP_FAILED, 0 },
        { "PUT", 403, "", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 403, "SignatureDoesNotMatch", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 403, "RequestTimeTooSkewed", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 403, "QuotaExceeded", CAPHEALTH_SHIP_FULL, 0 },
        { "PUT", 404, "NoSuchBucket", CAPHEALTH_SHIP_DENIED, 0 },
        { "DELETE", 404, "NoSuchBucket", CAPHEALTH_SHIP_DENIED, 0 },
        { "DELETE", 404, "NoSuchKey", CAPHEALTH_SHIP_NOT_FOUND, 0 },
        { "HEAD", 404, "", CAPHEALTH_SHIP_NOT_FOUND, 0 },
        { "PUT", 404, "", CAPHEALTH_SHIP_DENIED, 0 },
        { "PUT", 409, "ConditionalRequestConflict", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 409, "OperationAborted", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 412, "PreconditionFailed", CAPHEALTH_SHIP_EXISTS, 0 },
        { "PUT", 413, "", CAPHEALTH_SHIP_FULL, 0 },
        { "PUT", 429, "", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 500, "InternalError", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 501, "NotImplemented", CAPHEALTH_SHIP_FAILED, 0 },
        { "PUT", 503, "SlowDown", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 503, "", CAPHEALTH_SHIP_AWAY, 1 },
        { "PUT", 507, "", CAPHEALTH_SHIP_FULL, 0 },
        { "PUT", 507, "XMinioStorageFull", CAPHEALTH_SHIP_FULL, 0 },
        { "PUT", 100, "", CAPHEALTH_SHIP_FAILED, 0 },
        { "PUT", 418, "", CAPHEALTH_SHIP_FAILED, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        retry = 2;

        if (caphealth_s3_status(table[i].method, table[i].http, table[i].code,
                                &retry)
            != table[i].status || retry != table[i].retry)
        {
            print_error("%s %u %s\n", table[i].method, table[i].http,
                        table[i].code);
            fail();
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(answers)
    };

    return cmocka_run_group_tests_name("s3_status", tests, NULL, NULL);
}
