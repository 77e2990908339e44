
/*
 * Under test: src/model/caphealth_vendors.c src/ipc/caphealth_vendor.c
 *
 * What a collector says of the vendors.  What is accepted is spliced into a
 * report as it is, so it has to be JSON, in UTF-8.
 */

#include "fuzz.h"

#include "caphealth_vendors.h"


/* page by page, each vendor comes once */

static void
check_pages(const caphealth_vendors_t *v)
{
    char               *page, *next, *buf;
    size_t              n, len;
    json_t             *some;
    caphealth_vendor_t  after;

    n = 0;
    next = NULL;

    do {
        buf = NULL;

        if (next) {
            len = strlen(next);
            buf = malloc(len + 1);
            fuzz_check(buf != NULL);
            fuzz_check(caphealth_vendors_cursor_parse(&after, next, len, buf)
                       == 0);
            free(next);
        }

        page = caphealth_vendors_page(v, buf ? &after : NULL, 2, &next);
        fuzz_check(page != NULL);

        some = json_loads(page, 0, NULL);
        fuzz_check(json_is_array(some));

        n += json_array_size(some);

        json_decref(some);
        free(page);
        free(buf);

    } while (next);

    fuzz_check(n == v->list_n);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
        check_pages(&v);
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
