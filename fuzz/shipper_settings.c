
/*
 * Under test: src/shipper/caphealth_shipper_settings.c
 *     src/store/caphealth_tree_walk.c
 *     (shipper_settings|shipper_store|shipper_text|shipper_walk|walk_s|walk_n)
 *
 * The settings of a shipper: JSON.  No part of it is in what is
 * said of it, and what is taken makes requests that can be signed.
 */

#include "fuzz.h"

#include "caphealth_shipper_settings.h"


static void
taken(const caphealth_shipper_settings_t *s)
{
    char                    host[CAPHEALTH_S3_HOST], text[1024];
    caphealth_s3_pair_t     header;
    caphealth_s3_request_t  r;

    fuzz_check(s->connections >= 1 && s->connections <= 256);
    fuzz_check(s->timeout > 0 && s->timeout <= 3600);
    fuzz_check(s->walk != NULL && s->walk->ncounted <= CAPHEALTH_COUNTED_MAX);
    fuzz_check(strncmp(s->walk->root, "s3://", 5) == 0);
    fuzz_check(s->store.credentials.key_id[0]
               && s->store.credentials.secret[0]
               && s->store.credentials.region[0]);

    header.name = "host";
    header.value = caphealth_s3_store_host(&s->store, host);

    fuzz_check(strpbrk(host, "/ \r\n\t@?#") == NULL && host[0]);

    memset(&r, 0, sizeof(r));
    r.method = "GET";
    r.path = "/";
    r.headers = &header;
    r.nheaders = 1;
    r.payload = CAPHEALTH_S3_UNSIGNED_PAYLOAD;
    r.service = "s3";

    fuzz_check(caphealth_s3_authorization(&s->store.credentials, &r, text,
                                          sizeof(text))
               > 0);
    fuzz_check(strpbrk(text, "\r\n") == NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t                               *json;
    const char                           *wrong;
    static caphealth_shipper_settings_t   s;

    json = json_loadb((const char *) data, size, 0, NULL);

    if (json == NULL) {
        return 0;
    }

    wrong = caphealth_shipper_settings(&s, json);

    if (wrong == NULL) {
        taken(&s);

        fuzz_check(s.ca == NULL || s.ca[0]);
        free(s.ca);
        free((char *) s.walk->root);
        free(s.walk->marks);
        free(s.walk->variants);
        free(s.walk->counted);
        free(s.walk);

    } else {
        fuzz_check(wrong[0]);
    }

    json_decref(json);

    return 0;
}
