
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
#include "caphealth_facts.h"


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
    char                 *text;
    json_t               *first;
    caphealth_vendors_t   v;

    text = caphealth_vendor_products(ask->result);
    fuzz_check(text != NULL);

    fuzz_check(caphealth_vendors_parse(&v, text, strlen(text)) == NULL);
    fuzz_check(v.list_n <= ask->rows && v.n <= ask->rows && v.products >= (double) v.n);

    first = caphealth_vendors_first(&v, 2);
    fuzz_check(json_object_size(first) == (v.n < 2 ? v.n : 2));

    json_decref(first);
    caphealth_vendors_free(&v);
    free(text);
}


static void
check_result(const caphealth_ask_t *ask)
{
    char                  *text, err[256];
    json_t                *facts;
    caphealth_vendors_t    v;
    caphealth_database_t   d;

    if (ask->query->shape == CAPHEALTH_ROWS) {
        check_rows(ask);
        return;
    }

    facts = json_pack("{s:O}", ask->query->member, ask->result);
    text = json_dumps(facts, JSON_COMPACT);
    fuzz_check(text != NULL);

    fuzz_check(caphealth_database_parse(&d, &v, text, strlen(text), err,
                                        sizeof(err))
               == 0);
    fuzz_check(d.orders_count >= 0 && ask->rows == 1);

    free(text);
    json_decref(facts);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               rc;
    json_t           *error;
    fuzz_bytes_t      b = { data, size };
    caphealth_ask_t   ask;

    static const caphealth_query_t  queries[] = {
        { "orders_count", "orders_count", CAPHEALTH_SCALAR, { "", "" } },
        { "products_by_vendor", "vendors", CAPHEALTH_ROWS, { "", "" } }
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

    fuzz_check((rc == 0) == (ask.error.text[0] == '\0'));
    fuzz_check((rc == 0) == (ask.result != NULL));

    error = json_string(ask.error.text);
    fuzz_check(error != NULL);
    json_decref(error);

    if (rc == 0) {
        check_result(&ask);
    }

    json_decref(ask.result);

    return 0;
}
