
/*
 * Vendors: how many products each of them has.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_json.h"
#include "caphealth_vendors.h"


static int caphealth_vendors_scan(caphealth_vendors_t *v);
static const char *caphealth_vendor_scan(const char *p, int64_t *products);
static const char *caphealth_vendor_name(const char *p);
static const char *caphealth_vendor_escape(const char *p);


const char *
caphealth_vendors_parse(caphealth_vendors_t *v, const char *text, size_t len)
{
    memset(v, 0, sizeof(caphealth_vendors_t));

    v->text = malloc(len + 1);
    if (v->text == NULL) {
        return "vendors cannot be kept, no memory";
    }

    memcpy(v->text, text, len);
    v->text[len] = '\0';
    v->len = len;

    if (caphealth_vendors_scan(v) == -1) {
        caphealth_vendors_free(v);
        return "vendors are not an object of counts, the largest first";
    }

    return NULL;
}


void
caphealth_vendors_free(caphealth_vendors_t *v)
{
    free(v->text);

    memset(v, 0, sizeof(caphealth_vendors_t));
}


static int
caphealth_vendors_scan(caphealth_vendors_t *v)
{
    int64_t      products, before;
    const char  *p = v->text;

    before = INT64_MAX;

    if (strcmp(p, "{}") == 0) {
        return v->len == 2 ? 0 : -1;
    }

    if (*p != '{') {
        return -1;
    }

    do {
        p = caphealth_vendor_scan(p + 1, &products);

        if (p == NULL || products > before) {
            return -1;
        }

        before = products;

        v->n++;
        v->products += (double) products;

    } while (*p == ',');

    return (*p == '}' && p + 1 == v->text + v->len) ? 0 : -1;
}


/* from its quote to what follows the count; NULL: that is no vendor */

static const char *
caphealth_vendor_scan(const char *p, int64_t *products)
{
    if (*p++ != '"') {
        return NULL;
    }

    p = caphealth_vendor_name(p);

    if (p == NULL || *p++ != '"' || *p++ != ':' || *p < '1' || *p > '9') {
        return NULL;
    }

    for (*products = 0; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(*products, 10, products)
            || __builtin_add_overflow(*products, *p - '0', products))
        {
            return NULL;
        }
    }

    return p;
}


/* what may stand in a JSON string, up to the quote at its end */

static const char *
caphealth_vendor_name(const char *p)
{
    size_t         len;
    unsigned char  c;

    while (p != NULL && *p != '"') {

        c = (unsigned char) *p;

        if (c == '\\') {
            p = caphealth_vendor_escape(p + 1);

        } else if (c < 0x20) {
            return NULL;

        } else if (c < 0x80) {
            p++;

        } else {
            len = caphealth_utf8_len((const unsigned char *) p);
            p = len ? p + len : NULL;
        }
    }

    return p;
}


/* those that json_dumps() makes, but for U+0000, which no name has */

static const char *
caphealth_vendor_escape(const char *p)
{
    static const char  hex[] = "0123456789abcdefABCDEF";

    if (*p != '\0' && strchr("\"\\/bfnrt", *p)) {
        return p + 1;
    }

    if (strncmp(p, "u00", 3) != 0
        || strspn(p + 3, hex) < 2
        || strncmp(p + 3, "00", 2) == 0)
    {
        return NULL;
    }

    return p + 5;
}


json_t *
caphealth_vendors_first(const caphealth_vendors_t *v, size_t n)
{
    char        *text;
    size_t       i, len;
    json_t      *vendors;
    int64_t      products;
    const char  *p;

    if (v->text == NULL) {
        return json_null();
    }

    p = v->text;

    for (i = 0; i < n && i < v->n; i++) {
        p = caphealth_vendor_scan(p + 1, &products);

        if (p == NULL) {
            return NULL;
        }
    }

    len = (size_t) (p - v->text);

    if (len == 0) {
        return json_object();
    }

    text = malloc(len + 1);
    if (text == NULL) {
        return NULL;
    }

    memcpy(text, v->text, len);
    text[len] = '}';

    vendors = json_loadb(text, len + 1, 0, NULL);

    free(text);

    return vendors;
}
