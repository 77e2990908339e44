
/*
 * Under test: src/model/caphealth_vendors.c src/ipc/caphealth_vendor.c
 *
 * What a collector says of the vendors.  What is accepted is spliced into a
 * report as it is, so it has to be JSON, in UTF-8.
 */

#include "fuzz.h"

#include <jansson.h>

#include "caphealth_vendors.h"


/* the facts are made up: what they say of the list is so */

static int
vendors_take(caphealth_vendors_t *v, const uint8_t *data, size_t size,
    size_t slice)
{
    int                         rc;
    char                       *text;
    const char                 *p;
    caphealth_database_t        d;
    caphealth_vendors_check_t   check;

    text = malloc(size + 1);
    fuzz_check(text != NULL);

    if (size) {
        memcpy(text, data, size);
    }

    text[size] = '\0';

    caphealth_database_clear(&d);

    p = memchr(text, '\n', size);
    d.names_len = p ? p - text : (int64_t) size;

    if (p) {
        d.list_len = (int64_t) size - d.names_len - 1;

        for (d.list_vendors = -1; p; d.list_vendors++) {
            p = memchr(p + 1, '\n', (size_t) (text + size - p - 1));
        }
    }

    fuzz_check(caphealth_vendors_size(&d) == size + 1);

    caphealth_vendors_set(v, text, &d);
    caphealth_vendors_check_init(&check, v);

    do {
        rc = caphealth_vendors_check(&check, slice);
    } while (rc == 0);

    return rc;
}


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

    fuzz_check(n == (size_t) v->list_n);
}


/* the names one after another are those of the object */

static void
check_names(const caphealth_vendors_t *v, const json_t *all)
{
    char        *name;
    size_t       n;
    int64_t      products;
    const char  *p;

    n = 0;
    p = NULL;

    while ((p = caphealth_vendors_next(v, p, &name, &products))) {
        fuzz_check(name != NULL && products > 0);
        fuzz_check(json_is_integer(json_object_get(all, name)));
        free(name);
        n++;
    }

    fuzz_check(n >= json_object_size(all));
    fuzz_check((n == 0) == (json_object_size(all) == 0));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                    rc;
    size_t                 slice;
    json_t                *all;
    caphealth_vendors_t    v;

    /* at once, and a piece at a time */

    rc = vendors_take(&v, data, size, SIZE_MAX);
    caphealth_vendors_free(&v);

    for (slice = 1; slice < 20; slice += 18) {
        fuzz_check(vendors_take(&v, data, size, slice) == rc);

        if (slice == 1) {
            caphealth_vendors_free(&v);
        }
    }

    if (rc == 1) {
        fuzz_check(v.len <= size && memcmp(v.text, data, v.len) == 0);

        if (v.list) {
            check_pages(&v);
        }

        all = json_loadb(v.text, v.len, 0, NULL);
        fuzz_check(json_is_object(all));

        check_names(&v, all);
        json_decref(all);
    }

    caphealth_vendors_free(&v);

    return 0;
}
