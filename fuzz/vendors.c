
/*
 * Under test: src/model/caphealth_vendors.c src/ipc/caphealth_vendor.c
 *
 * What a collector says of the vendors.  What is accepted is spliced into a
 * report as it is, so it has to be JSON, in UTF-8.
 */

#include "fuzz.h"

#include "caphealth_vendors.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *page, *next;
    size_t                n;
    json_t               *all, *first;
    const char           *wrong;
    caphealth_vendors_t   v;

    wrong = caphealth_vendors_parse(&v, (const char *) data, size);

    fuzz_check((wrong == NULL) == (v.text != NULL));

    if (wrong) {
        fuzz_check(v.n == 0 && caphealth_vendors_first(&v, 1) == json_null());
        return 0;
    }

    fuzz_check(v.len <= size && memcmp(v.text, data, v.len) == 0);

    if (v.list) {
        page = caphealth_vendors_page(&v, NULL, 2, &next);
        all = json_loads(page, 0, NULL);

        fuzz_check(json_array_size(all) == (v.list_n < 2 ? v.list_n : 2));
        fuzz_check((next != NULL) == (v.list_n > 2));

        json_decref(all);
        free(page);
        free(next);
    }

    all = json_loadb(v.text, v.len, 0, NULL);
    fuzz_check(json_is_object(all));

    /* fewer where a name comes twice */

    n = json_object_size(all);
    fuzz_check(n <= v.n && (n == 0) == (v.n == 0));

    first = caphealth_vendors_first(&v, v.n);
    fuzz_check(json_equal(first, all));
    json_decref(first);

    first = caphealth_vendors_first(&v, 1);
    fuzz_check(json_object_size(first) == (v.n > 0));
    json_decref(first);

    json_decref(all);
    caphealth_vendors_free(&v);

    return 0;
}
