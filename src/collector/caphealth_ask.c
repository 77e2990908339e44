
/*
 * What a query may answer.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_db.h"
#include "caphealth_utf8.h"


/* beyond this an answer is a mistake in the query, not a shop */

#define CAPHEALTH_ASK_ROWS  1000000
#define CAPHEALTH_ASK_TEXT  16777216

/* a longer id is not passed on: there may be as many as rows */
#define CAPHEALTH_ASK_ID    64

/* beyond this, JavaScript rounds a whole number */
#define CAPHEALTH_ASK_EXACT  9007199254740991


int
caphealth_ask_columns(caphealth_ask_t *ask, int columns)
{
    int  scalar;

    scalar = (ask->query->shape == CAPHEALTH_SCALAR);

    if (columns != (scalar ? 1 : 2) && (scalar || columns != 3)) {
        caphealth_error_set(&ask->error, CAPHEALTH_ERROR_SCHEMA,
                            "query \"%s\" returned %d columns, expected %s",
                            ask->query->name, columns,
                            scalar ? "1" : "2 or 3");
        return -1;
    }

    ask->known = !scalar;

    return 0;
}


int
caphealth_ask_parameters(caphealth_ask_t *ask, int parameters)
{
    if (parameters == 0 || parameters == 2) {
        return 0;
    }

    caphealth_error_set(&ask->error, CAPHEALTH_ERROR_OTHER,
                        "query \"%s\" has %d parameters, expected none, or "
                        "two: the first second of this month and of the next",
                        ask->query->name, parameters);

    return -1;
}


static int
caphealth_ask_whole(caphealth_ask_t *ask, const char *text, size_t len,
    int64_t *number)
{
    char       *end, digits[32];
    long long   n;

    if (text == NULL) {
        caphealth_error_set(&ask->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned NULL, expected a whole "
                            "number", ask->query->name);
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

    caphealth_error_set(&ask->error, CAPHEALTH_ERROR_OTHER,
                        "query \"%s\" returned \"%.*s\", expected a whole "
                        "number that is not negative",
                        ask->query->name, len > 40 ? 40 : (int) len, text);

    return -1;
}


int
caphealth_ask_number(caphealth_ask_t *ask, const char *text, size_t len)
{
    if (++ask->rows > 1) {
        ask->known = 0;

        caphealth_error_set(&ask->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned more than one row, "
                            "expected one", ask->query->name);
        return -1;
    }

    if (caphealth_ask_whole(ask, text, len, &ask->number) == -1) {
        return -1;
    }

    ask->known = 1;

    return 0;
}


/* "null": there is none, or none that can be passed on; NULL: no memory */

static char *
caphealth_ask_id(const caphealth_id_t *id)
{
    char       *text, *copy, digits[CAPHEALTH_ASK_ID + 1];
    long long   n;

    if (id == NULL || id->text == NULL || id->len > CAPHEALTH_ASK_ID) {
        return strdup("null");
    }

    if (id->number) {
        memcpy(digits, id->text, id->len);
        digits[id->len] = '\0';

        n = strtoll(digits, NULL, 10);

        if (n >= -CAPHEALTH_ASK_EXACT && n <= CAPHEALTH_ASK_EXACT) {
            return asprintf(&text, "%lld", n) == -1 ? NULL : text;
        }
    }

    copy = caphealth_utf8_copy(id->text, id->len);
    text = (copy == NULL) ? NULL : caphealth_utf8_quote(copy);

    free(copy);

    return text;
}


int
caphealth_ask_row(caphealth_ask_t *ask, const char *name, size_t len,
    const char *number, size_t number_len, const caphealth_id_t *id)
{
    int64_t                  products;
    caphealth_vendor_row_t  *row;

    ask->rows++;
    ask->text += len;

    if (ask->rows > CAPHEALTH_ASK_ROWS || ask->text > CAPHEALTH_ASK_TEXT) {
        caphealth_error_set(&ask->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned more than %d rows, or "
                            "than %d bytes of names", ask->query->name,
                            CAPHEALTH_ASK_ROWS, CAPHEALTH_ASK_TEXT);
        goto failed;
    }

    if (caphealth_ask_whole(ask, number, number_len, &products) == -1) {
        goto failed;
    }

    row = caphealth_vendor_rows_add(&ask->vendors);

    if (row != NULL) {
        row->products = products;
        row->name = (name == NULL) ? NULL : caphealth_utf8_copy(name, len);
        row->id = caphealth_ask_id(id);

        if (row->id != NULL && (name == NULL || row->name != NULL)) {
            return 0;
        }
    }

    caphealth_error_set(&ask->error, CAPHEALTH_ERROR_NO_MEMORY,
                        "query \"%s\": no memory", ask->query->name);

failed:

    caphealth_vendor_rows_free(&ask->vendors);
    ask->known = 0;

    return -1;
}


int
caphealth_ask_end(caphealth_ask_t *ask)
{
    if (ask->query->shape == CAPHEALTH_SCALAR && ask->rows == 0) {
        caphealth_error_set(&ask->error, CAPHEALTH_ERROR_OTHER,
                            "query \"%s\" returned no row, expected one",
                            ask->query->name);
        return -1;
    }

    return 0;
}


void
caphealth_ask_again(caphealth_ask_t *ask)
{
    caphealth_vendor_rows_free(&ask->vendors);

    ask->known = 0;
    ask->rows = 0;
    ask->text = 0;
    memset(&ask->error, 0, sizeof(caphealth_error_t));
}
