
/*
 * Under test: src/collector/caphealth_ask.c src/ipc/caphealth_utf8.c
 *     src/collector/caphealth_vendor_products.c
 *
 * What a database answers to a query: its shape, how many columns it says it
 * has, and a row in each line, a name, a tab and a number.  An empty name is
 * NULL.
 */

#include "fuzz.h"

#include "caphealth_vendor_products.h"
#include "caphealth_db.h"
#include "caphealth_vendors.h"


static int
row(caphealth_ask_t *ask, fuzz_bytes_t line)
{
    int            rc;
    char            *name, *number;
    fuzz_bytes_t     first, third;
    caphealth_id_t   id;

    first = fuzz_piece(&line, '\t');
    third = fuzz_piece(&line, '\t');

    memset(&id, 0, sizeof(id));

    id.text = third.size ? fuzz_copy(third.data, third.size) : NULL;
    id.len = third.size;

    name = fuzz_copy(first.data, first.size);
    number = fuzz_copy(line.data, line.size);

    rc = ask->query->shape == CAPHEALTH_ROWS
         ? caphealth_ask_row(ask, first.size ? name : NULL, first.size,
                             line.size ? number : NULL, line.size,
                             third.size ? &id : NULL)
         : caphealth_ask_number(ask, line.size ? number : NULL, line.size);

    free((char *) id.text);
    free(name);
    free(number);

    return rc;
}


/* what is made of it is what a worker takes */

static void
check_rows(const caphealth_ask_t *ask)
{
    char                       *text;
    caphealth_vendors_t         v;
    caphealth_database_t        d, read;
    caphealth_vendors_check_t   check;

    caphealth_database_clear(&d);

    text = caphealth_vendor_products(&ask->vendors, &d);
    fuzz_check(text != NULL);

    fuzz_check(caphealth_database_read(&read, &d, sizeof(d)) == NULL);
    fuzz_check(caphealth_vendors_size(&d) == strlen(text) + 1);

    caphealth_vendors_set(&v, text, &d);
    caphealth_vendors_check_init(&check, &v);

    fuzz_check(caphealth_vendors_check(&check, SIZE_MAX) == 1);
    fuzz_check((size_t) v.list_n <= ask->rows);

    caphealth_vendors_free(&v);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               rc;
    fuzz_bytes_t      b = { data, size };
    caphealth_ask_t   ask;

    static const caphealth_query_t  queries[] = {
        { "orders_count", CAPHEALTH_SCALAR, 0, { "", "" } },
        { "products_by_vendor", CAPHEALTH_ROWS, 0, { "", "" } }
    };

    memset(&ask, 0, sizeof(ask));

    ask.query = &queries[fuzz_number(&b, 1) & 1];

    rc = caphealth_ask_columns(&ask, (int) fuzz_number(&b, 1) % 4);

    while (rc == 0 && b.size) {
        rc = row(&ask, fuzz_piece(&b, '\n'));
    }

    if (rc == 0) {
        rc = caphealth_ask_end(&ask);
    }

    fuzz_check((rc == 0) == (ask.error.code == 0));
    fuzz_check((rc == 0) == ask.known);
    fuzz_check(caphealth_error_valid(&ask.error));

    if (rc == 0 && ask.query->shape == CAPHEALTH_ROWS) {
        check_rows(&ask);

    } else if (rc == 0) {
        fuzz_check(ask.number >= 0 && ask.rows == 1);
    }

    caphealth_vendor_rows_free(&ask.vendors);

    return 0;
}
