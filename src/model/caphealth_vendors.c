
/*
 * Vendors: how many products each of them has.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_utf8.h"
#include "caphealth_vendors.h"


#define CAPHEALTH_VENDOR_MEMBERS  \
    (sizeof("{\"id\":,\"name\":,\"products\":},") - 1)


static int caphealth_vendors_check_name(caphealth_vendors_check_t *c);
static int caphealth_vendors_check_line(caphealth_vendors_check_t *c);
static const char *caphealth_vendor_line(caphealth_vendor_t *vendor,
    const char *p);
static const char *caphealth_vendor_id(const char *p);
static const char *caphealth_vendor_string(const char *p);
static const char *caphealth_vendor_count(const char *p, int64_t *products);
static const char *caphealth_vendors_behind(const caphealth_vendors_t *v,
    const caphealth_vendor_t *after);
static char *caphealth_vendors_cursor(const caphealth_vendor_t *vendor);
static const char *caphealth_vendor_scan(const char *p, int64_t *products);
static const char *caphealth_vendor_name(const char *p);
static const char *caphealth_vendor_escape(const char *p);
static char *caphealth_vendor_unescape(const char *p);
static size_t caphealth_vendor_encode(char *p, unsigned code);


void
caphealth_vendors_set(caphealth_vendors_t *v, char *text,
    const caphealth_database_t *d)
{
    memset(v, 0, sizeof(caphealth_vendors_t));

    v->text = text;
    v->len = (size_t) d->names_len;

    if (d->list_len != CAPHEALTH_UNKNOWN) {
        v->list = text + v->len + 1;
        v->list_len = (size_t) d->list_len;
        v->list_n = d->list_vendors;
    }
}


void
caphealth_vendors_free(caphealth_vendors_t *v)
{
    free(v->text);

    memset(v, 0, sizeof(caphealth_vendors_t));
}


void
caphealth_vendors_check_init(caphealth_vendors_check_t *c,
    const caphealth_vendors_t *v)
{
    memset(c, 0, sizeof(caphealth_vendors_check_t));

    c->vendors = v;
    c->p = v->text;
    c->products = INT64_MAX;
}


int
caphealth_vendors_check(caphealth_vendors_check_t *c, size_t len)
{
    int          rc;
    const char  *p;

    do {
        p = c->p;
        rc = c->list ? caphealth_vendors_check_line(c)
                     : caphealth_vendors_check_name(c);

        if (rc != 0) {
            return rc;
        }

        len -= (size_t) (c->p - p) < len ? (size_t) (c->p - p) : len;

    } while (len > 0);

    return 0;
}


static int
caphealth_vendors_check_name(caphealth_vendors_check_t *c)
{
    int64_t                     products;
    const char                 *p;
    const caphealth_vendors_t  *v = c->vendors;

    p = c->p;

    if (*p != (p == v->text ? '{' : ',')) {
        return -1;
    }

    if (p == v->text && p[1] == '}') {
        p++;

    } else {
        p = caphealth_vendor_scan(p + 1, &products);

        if (p == NULL || products > c->products) {
            return -1;
        }

        c->products = products;
        c->names = 1;
        c->p = p;

        if (*p == ',') {
            return 0;
        }
    }

    if (*p != '}' || p + 1 != v->text + v->len) {
        return -1;
    }

    if (v->list == NULL) {
        return p[1] == '\0' ? 1 : -1;
    }

    c->list = 1;
    c->p = v->list;

    return p[1] == '\n' ? 0 : -1;
}


/*
 * The object adds up vendors of one name, and the list rows of one id, so
 * either may have more entries than the other.
 */

static int
caphealth_vendors_check_line(caphealth_vendors_check_t *c)
{
    const char                 *p;
    caphealth_vendor_t          vendor;
    const caphealth_vendors_t  *v = c->vendors;

    if (c->p == v->list + v->list_len) {
        return (*c->p == '\0' && c->n == v->list_n && (c->n > 0) == c->names)
               ? 1 : -1;
    }

    p = caphealth_vendor_line(&vendor, c->p);

    if (p == NULL || *p++ != '\n' || p > v->list + v->list_len
        || (c->n > 0 && caphealth_vendor_compare(&c->before, &vendor) >= 0))
    {
        return -1;
    }

    c->before = vendor;
    c->n++;
    c->p = p;

    return 0;
}


/* returns the end of the line; NULL: it is not a vendor */

static const char *
caphealth_vendor_line(caphealth_vendor_t *vendor, const char *p)
{
    if (*p++ != '[') {
        return NULL;
    }

    vendor->id = p;
    p = caphealth_vendor_id(p);

    if (p == NULL || *p != ',') {
        return NULL;
    }

    vendor->id_len = (size_t) (p++ - vendor->id);
    vendor->name = p;

    p = (*p == 'n') ? caphealth_vendor_id(p) : caphealth_vendor_string(p);

    if (p == NULL || *p != ',') {
        return NULL;
    }

    vendor->name_len = (size_t) (p++ - vendor->name);

    p = caphealth_vendor_count(p, &vendor->products);

    return (p != NULL && *p == ']') ? p + 1 : NULL;
}


static const char *
caphealth_vendor_id(const char *p)
{
    int64_t  n;

    if (strncmp(p, "null", 4) == 0) {
        return p + 4;
    }

    if (*p == '"') {
        return caphealth_vendor_string(p);
    }

    if (*p == '0') {
        return p + 1;
    }

    return caphealth_vendor_count(*p == '-' ? p + 1 : p, &n);
}


static const char *
caphealth_vendor_string(const char *p)
{
    p = (*p == '"') ? caphealth_vendor_name(p + 1) : NULL;

    return (p == NULL) ? NULL : p + 1;
}


/* returns what follows the count; NULL: it is not a vendor */

static const char *
caphealth_vendor_scan(const char *p, int64_t *products)
{
    p = caphealth_vendor_string(p);

    return (p != NULL && *p == ':') ? caphealth_vendor_count(p + 1, products)
                                    : NULL;
}


static const char *
caphealth_vendor_count(const char *p, int64_t *products)
{
    if (*p < '1' || *p > '9') {
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


/* returns the quote at the end of a JSON string; NULL: it is not one */

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
            len = caphealth_utf8_len(p, strnlen(p, 4));
            p = len ? p + len : NULL;
        }
    }

    return p;
}


/* the escapes that the collector writes; a name has no U+0000 */

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


const char *
caphealth_vendors_next(const caphealth_vendors_t *v, const char *p,
    char **name, int64_t *products)
{
    const char  *end;

    *name = NULL;

    if (v->text == NULL) {
        return NULL;
    }

    p = (p == NULL) ? v->text : p;

    if (*p == '}' || p[1] == '}') {
        return NULL;
    }

    end = caphealth_vendor_scan(p + 1, products);

    if (end != NULL) {
        *name = caphealth_vendor_unescape(p + 2);
    }

    return end;
}


/* a string that has been checked, up to its quote */

static char *
caphealth_vendor_unescape(const char *p)
{
    char         *name, *last, hex[3];
    const char   *escape;

    static const char  escapes[] = "bfnrt", characters[] = "\b\f\n\r\t";

    name = malloc((size_t) (caphealth_vendor_name(p) - p) + 1);
    if (name == NULL) {
        return NULL;
    }

    for (last = name; *p != '"'; p++) {

        if (*p != '\\') {
            *last++ = *p;
            continue;
        }

        p++;

        if (*p == 'u') {
            memcpy(hex, p + 3, 2);
            hex[2] = '\0';

            last += caphealth_vendor_encode(last,
                                            (unsigned) strtoul(hex, NULL, 16));
            p += 4;
            continue;
        }

        escape = strchr(escapes, *p);
        if (escape == NULL) {
            *last++ = *p;
        } else {
            *last++ = characters[escape - escapes];
        }
    }

    *last = '\0';

    return name;
}


/* U+0001 to U+00FF in UTF-8 */

static size_t
caphealth_vendor_encode(char *p, unsigned code)
{
    if (code < 0x80) {
        p[0] = (char) code;
        return 1;
    }

    p[0] = (char) (0xc0 | code >> 6);
    p[1] = (char) (0x80 | (code & 0x3f));

    return 2;
}


/*
 * The cursor is a line of the list in hexadecimal digits, so that no client has
 * to escape it.  It has no name if the id is known, because names may be long.
 */

int
caphealth_vendors_cursor_parse(caphealth_vendor_t *cursor, const char *text,
    size_t len, char *buf)
{
    size_t       i;
    const char  *high, *low, *end;

    static const char  hex[] = "0123456789abcdef";

    if (len == 0 || len % 2 != 0) {
        return -1;
    }

    for (i = 0; i < len / 2; i++) {
        high = memchr(hex, text[2 * i], 16);
        low = memchr(hex, text[2 * i + 1], 16);

        if (high == NULL || low == NULL) {
            return -1;
        }

        buf[i] = (char) ((high - hex) << 4 | (low - hex));
    }

    buf[i] = '\0';

    end = caphealth_vendor_line(cursor, buf);

    return (end == buf + len / 2) ? 0 : -1;
}


static char *
caphealth_vendors_cursor(const caphealth_vendor_t *vendor)
{
    int      n, named;
    char    *line, *text;
    size_t   i, len;

    static const char  hex[] = "0123456789abcdef";

    named = (vendor->id[0] == 'n');

    n = asprintf(&line, "[%.*s,%.*s,%lld]", (int) vendor->id_len, vendor->id,
                 named ? (int) vendor->name_len : 4,
                 named ? vendor->name : "null",
                 (long long) vendor->products);
    if (n == -1) {
        return NULL;
    }

    len = (size_t) n;
    text = malloc(2 * len + 1);

    for (i = 0; text != NULL && i < len; i++) {
        text[2 * i] = hex[(unsigned char) line[i] >> 4];
        text[2 * i + 1] = hex[line[i] & 0xf];
    }

    if (text != NULL) {
        text[2 * len] = '\0';
    }

    free(line);

    return text;
}


/* binary search: the lines are sorted */

static const char *
caphealth_vendors_behind(const caphealth_vendors_t *v,
    const caphealth_vendor_t *after)
{
    const char          *low, *high, *line, *middle;
    caphealth_vendor_t   vendor;

    low = v->list;
    high = v->list + v->list_len;

    while (low < high) {
        middle = low + (high - low) / 2;
        line = memrchr(low, '\n', (size_t) (middle - low));
        line = (line == NULL) ? low : line + 1;

        middle = caphealth_vendor_line(&vendor, line);

        if (middle == NULL) {
            break;
        }

        if (caphealth_vendor_compare(&vendor, after) <= 0) {
            low = middle + 1;

        } else {
            high = line;
        }
    }

    return low;
}


char *
caphealth_vendors_page(const caphealth_vendors_t *v,
    const caphealth_vendor_t *after, size_t limit, char **next)
{
    char                *text, *last;
    size_t               n;
    const char          *p, *first, *end;
    caphealth_vendor_t   vendor;

    *next = NULL;

    if (v->list == NULL) {
        return strdup("[]");
    }

    first = (after == NULL) ? v->list : caphealth_vendors_behind(v, after);
    end = v->list + v->list_len;

    for (n = 0, p = first; n < limit && p < end; n++) {
        p = (const char *) memchr(p, '\n', (size_t) (end - p)) + 1;
    }

    text = malloc((size_t) (p - first) + n * CAPHEALTH_VENDOR_MEMBERS
                  + sizeof("[]"));
    if (text == NULL) {
        return NULL;
    }

    end = p;
    last = text;
    *last++ = '[';

    memset(&vendor, 0, sizeof(caphealth_vendor_t));

    for (p = first; p < end; p++) {
        p = caphealth_vendor_line(&vendor, p);

        /* each line was checked when the list was taken */

        if (p == NULL) {
            free(text);
            return NULL;
        }

        last = stpcpy(last, last == text + 1 ? "{\"id\":" : ",{\"id\":");
        last = mempcpy(last, vendor.id, vendor.id_len);
        last = stpcpy(last, ",\"name\":");
        last = mempcpy(last, vendor.name, vendor.name_len);
        last += sprintf(last, ",\"products\":%lld}",
                        (long long) vendor.products);
    }

    (void) stpcpy(last, "]");

    if (vendor.id != NULL && end < v->list + v->list_len) {
        *next = caphealth_vendors_cursor(&vendor);

        if (*next == NULL) {
            free(text);
            return NULL;
        }
    }

    return text;
}
