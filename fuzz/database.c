
/*
 * Under test: src/collector/caphealth_query_result.c src/ipc/caphealth_utf8.c
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
row(caphealth_query_result_t *qr, fuzz_bytes_t line)
{
    int             rc;
    char           *name, *number;
    fuzz_bytes_t    first, third;
    caphealth_id_t  id;

    first = fuzz_piece(&line, '\t');
    third = fuzz_piece(&line, '\t');

    memset(&id, 0, sizeof(id));

    id.text = third.size ? fuzz_copy(third.data, third.size) : NULL;
    id.len = third.size;

    name = fuzz_copy(first.data, first.size);
    number = fuzz_copy(line.data, line.size);

    rc = qr->query->shape == CAPHEALTH_ROWS
         ? caphealth_query_result_row(qr, first.size ? name : NULL, first.size,
                                      line.size ? number : NULL, line.size,
                                      third.size ? &id : NULL)
         : caphealth_query_result_number(qr, line.size ? number : NULL,
                                         line.size);

    free((char *) id.text);
    free(name);
    free(number);

    return rc;
}


/* what is made of it is what a worker takes */

static void
check_rows(const caphealth_query_result_t *qr)
{
    char                      *text;
    caphealth_vendors_t        v;
    caphealth_database_t       d, read;
    caphealth_vendors_check_t  check;

    caphealth_database_clear(&d);

    text = caphealth_vendor_products(&qr->vendors, &d);
    fuzz_check(text != NULL);

    fuzz_check(caphealth_database_read(&read, &d, sizeof(d)) == NULL);
    fuzz_check(caphealth_vendors_size(&d) == strlen(text) + 1);

    caphealth_vendors_set(&v, text, &d);
    caphealth_vendors_check_init(&check, &v);

    fuzz_check(caphealth_vendors_check(&check, SIZE_MAX) == 1);
    fuzz_check((size_t) v.list_n <= qr->rows);

    caphealth_vendors_free(&v);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                       rc;
    fuzz_bytes_t              b = { data, size };
    caphealth_query_result_t  qr;

    static const caphealth_query_t  queries[] = {
        { "orders_count", CAPHEALTH_SCALAR, 0, { "", "" } },
        { "products_by_vendor", CAPHEALTH_ROWS, 0, { "", "" } }
    };

    memset(&qr, 0, sizeof(qr));

    qr.query = &queries[fuzz_number(&b, 1) & 1];

    rc = caphealth_query_result_columns(&qr, (int) fuzz_number(&b, 1) % 4);

    while (rc == 0 && b.size) {
        rc = row(&qr, fuzz_piece(&b, '\n'));
    }

    if (rc == 0) {
        rc = caphealth_query_result_end(&qr);
    }

    fuzz_check((rc == 0) == (qr.error.code == 0));
    fuzz_check((rc == 0) == qr.known);
    fuzz_check(caphealth_error_valid(&qr.error));

    if (rc == 0 && qr.query->shape == CAPHEALTH_ROWS) {
        check_rows(&qr);

    } else if (rc == 0) {
        fuzz_check(qr.number >= 0 && qr.rows == 1);
    }

    caphealth_vendor_rows_free(&qr.vendors);

    return 0;
}
