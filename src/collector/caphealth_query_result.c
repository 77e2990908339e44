
/*
 * The result of a query, checked, for the query may be the operator's own.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_db.h"
#include "caphealth_utf8.h"


/* a result that is larger comes from a mistake in the query */

#define CAPHEALTH_QUERY_ROWS  1000000
#define CAPHEALTH_QUERY_TEXT  16777216

/* a longer id is not passed on: there may be as many as rows */
#define CAPHEALTH_QUERY_ID    64

/* beyond this, JavaScript rounds a whole number */
#define CAPHEALTH_QUERY_EXACT  9007199254740991


int
caphealth_query_result_columns(caphealth_query_result_t *qr, int columns)
{
    int  scalar;

    if (qr->query->shape == CAPHEALTH_PLAN) {
        return 0;
    }

    scalar = (qr->query->shape == CAPHEALTH_SCALAR);

    if (columns != (scalar ? 1 : 2) && (scalar || columns != 3)) {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_SCHEMA,
                            "query \"%s\" returned %d columns, expected %s",
                            qr->query->name, columns,
                            scalar ? "1" : "2 or 3");
        return -1;
    }

    qr->known = !scalar;

    return 0;
}


int
caphealth_query_result_parameters(caphealth_query_result_t *qr, int parameters)
{
    if (parameters == 0 || parameters == 2) {
        return 0;
    }

    caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                        "query \"%s\" has %d parameters, expected none, or "
                        "two: the first second of this month and of the next",
                        qr->query->name, parameters);

    return -1;
}


static int
caphealth_query_result_whole(caphealth_query_result_t *qr, const char *text,
    size_t len, int64_t *number)
{
    char       *end, digits[32];
    long long   n;

    if (text == NULL) {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned NULL, expected a whole "
                            "number", qr->query->name);
        return -1;
    }

    if (len > 0 && len < sizeof(digits)) {

        memcpy(digits, text, len);
        digits[len] = '\0';

        errno = 0;
        n = strtoll(digits, &end, 10);

        if (errno == 0 && *end == '\0' && n >= 0
            && digits[0] >= '0' && digits[0] <= '9')
        {
            *number = n;
            return 0;
        }
    }

    caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                        "query \"%s\" returned \"%.*s\", expected a whole "
                        "number that is not negative",
                        qr->query->name, len > 40 ? 40 : (int) len, text);

    return -1;
}


int
caphealth_query_result_number(caphealth_query_result_t *qr, const char *text,
    size_t len)
{
    if (++qr->rows > 1) {
        qr->known = 0;

        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned more than one row, "
                            "expected one", qr->query->name);
        return -1;
    }

    if (caphealth_query_result_whole(qr, text, len, &qr->number) == -1) {
        return -1;
    }

    qr->known = 1;

    return 0;
}


/* "null": there is none, or none that can be passed on; NULL: no memory */

static char *
caphealth_query_result_id(const caphealth_id_t *id)
{
    char       *text, *copy, digits[CAPHEALTH_QUERY_ID + 1];
    long long   n;

    if (id == NULL || id->text == NULL || id->len > CAPHEALTH_QUERY_ID) {
        return strdup("null");
    }

    if (id->number) {
        memcpy(digits, id->text, id->len);
        digits[id->len] = '\0';

        n = strtoll(digits, NULL, 10);

        if (n >= -CAPHEALTH_QUERY_EXACT && n <= CAPHEALTH_QUERY_EXACT) {
            return asprintf(&text, "%lld", n) == -1 ? NULL : text;
        }
    }

    copy = caphealth_utf8_copy(id->text, id->len);
    text = (copy == NULL) ? NULL : caphealth_utf8_quote(copy);

    free(copy);

    return text;
}


int
caphealth_query_result_row(caphealth_query_result_t *qr, const char *name,
    size_t len, const char *number, size_t number_len,
    const caphealth_id_t *id)
{
    int64_t                  products;
    caphealth_vendor_row_t  *row;

    qr->rows++;
    qr->text += len;

    if (qr->rows > CAPHEALTH_QUERY_ROWS || qr->text > CAPHEALTH_QUERY_TEXT) {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned more than %d rows, or "
                            "than %d bytes of names", qr->query->name,
                            CAPHEALTH_QUERY_ROWS, CAPHEALTH_QUERY_TEXT);
        goto failed;
    }

    if (caphealth_query_result_whole(qr, number, number_len, &products) == -1) {
        goto failed;
    }

    row = caphealth_vendor_rows_add(&qr->vendors);

    if (row != NULL) {
        row->products = products;
        row->name = (name == NULL) ? NULL : caphealth_utf8_copy(name, len);
        row->id = caphealth_query_result_id(id);

        if (row->id != NULL && (name == NULL || row->name != NULL)) {
            return 0;
        }
    }

    caphealth_error_set(&qr->error, CAPHEALTH_ERROR_NO_MEMORY,
                        "query \"%s\": no memory", qr->query->name);

failed:

    caphealth_vendor_rows_free(&qr->vendors);
    qr->known = 0;

    return -1;
}


int
caphealth_query_result_plan(caphealth_query_result_t *qr, const char *text,
    size_t len)
{
    char  *copy;

    if (qr->rows++ > 0 || text == NULL) {
        return 0;
    }

    copy = caphealth_utf8_copy(text, len);

    if (copy != NULL) {
        caphealth_utf8_append(qr->plan, sizeof(qr->plan), copy);
    }

    free(copy);
    qr->known = 1;

    return 0;
}


int
caphealth_query_result_end(caphealth_query_result_t *qr)
{
    if (qr->query->shape == CAPHEALTH_SCALAR && qr->rows == 0) {
        caphealth_error_set(&qr->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned no row, expected one",
                            qr->query->name);
        return -1;
    }

    return 0;
}


void
caphealth_query_result_reset(caphealth_query_result_t *qr)
{
    caphealth_vendor_rows_free(&qr->vendors);

    qr->known = 0;
    qr->rows = 0;
    qr->text = 0;
    memset(&qr->error, 0, sizeof(caphealth_error_t));
}
