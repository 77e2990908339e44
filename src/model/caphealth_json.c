
/*
 * JSON as the report writes it.
 */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_facts.h"
#include "caphealth_json.h"
#include "caphealth_number.h"
#include "caphealth_report.h"


/* a rounded number has fewer digits than this, so it prints as rounded */
#define CAPHEALTH_JSON_DIGITS   15

/* up to here each integer is a double of its own */
#define CAPHEALTH_JSON_INTEGER  9007199254740992.0

/* the last second of the year 9999 */
#define CAPHEALTH_JSON_TIME     253402300799.0

#define CAPHEALTH_REPLACEMENT   "\xef\xbf\xbd"


/* well-formed UTF-8, as in table 3-7 of the Unicode standard */

typedef struct {
    unsigned char  first;        /* the first byte is one of these */
    unsigned char  last;
    unsigned char  low;          /* the second byte is one of these */
    unsigned char  high;
    size_t         len;
} caphealth_utf8_t;


static json_t *caphealth_json_repaired(const char *s);


static const caphealth_utf8_t  caphealth_utf8[] = {
    { 0x01, 0x7f, 0x00, 0xff, 1 },
    { 0xc2, 0xdf, 0x80, 0xbf, 2 },
    { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 },
    { 0xed, 0xed, 0x80, 0x9f, 3 },
    { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 },
    { 0xf1, 0xf3, 0x80, 0xbf, 4 },
    { 0xf4, 0xf4, 0x80, 0x8f, 4 }
};


json_t *
caphealth_json_object(const caphealth_member_t *members, size_t n)
{
    int      rc;
    size_t   i;
    json_t  *object;

    rc = 0;
    object = json_object();

    for (i = 0; i < n; i++) {
        rc |= json_object_set_new(object, members[i].name, members[i].value);
    }

    if (rc != 0) {
        json_decref(object);
        return NULL;
    }

    return object;
}


json_t *
caphealth_json_array(json_t *const *values, size_t n)
{
    int      rc;
    size_t   i;
    json_t  *array;

    rc = 0;
    array = json_array();

    for (i = 0; i < n; i++) {
        rc |= json_array_append_new(array, values[i]);
    }

    if (rc != 0) {
        json_decref(array);
        return NULL;
    }

    return array;
}


json_t *
caphealth_json_real(double x, int decimals)
{
    if (!isfinite(x)) {
        return json_null();
    }

    /* adding 0 makes -0 a 0 */

    return json_real(caphealth_round(x, decimals) + 0.0);
}


json_t *
caphealth_json_number(double x)
{
    if (!isfinite(x)) {
        return json_null();
    }

    if (fabs(x) <= CAPHEALTH_JSON_INTEGER && x == floor(x)) {
        return json_integer((json_int_t) x);
    }

    return json_real(x);
}


json_t *
caphealth_json_count(int64_t n)
{
    return (n == CAPHEALTH_UNKNOWN) ? json_null() : json_integer(n);
}


json_t *
caphealth_json_amount(int64_t n, double unit)
{
    return caphealth_json_real(caphealth_amount(n, unit), 2);
}


json_t *
caphealth_json_flag(int flag)
{
    return (flag < 0) ? json_null() : json_boolean(flag);
}


json_t *
caphealth_json_time(double t)
{
    char       text[sizeof("9999-12-31T23:59:59Z")];
    time_t     seconds;
    struct tm  tm;

    if (!(t > 0 && t <= CAPHEALTH_JSON_TIME)) {
        return json_null();
    }

    seconds = (time_t) t;

    if (gmtime_r(&seconds, &tm) == NULL
        || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        return json_null();
    }

    return json_string(text);
}


json_t *
caphealth_json_string(const char *s)
{
    const unsigned char  *p;

    if (s == NULL) {
        return json_null();
    }

    for (p = (const unsigned char *) s; *p != '\0'; /* void */ ) {

        if (caphealth_utf8_len(p) == 0) {
            return caphealth_json_repaired(s);
        }

        p += caphealth_utf8_len(p);
    }

    return json_string(s);
}


/* a path, or a message of the system, may be in any character set */

static json_t *
caphealth_json_repaired(const char *s)
{
    char                 *text, *last;
    size_t                len;
    json_t               *value;
    const unsigned char  *p;

    text = malloc(strlen(s) * strlen(CAPHEALTH_REPLACEMENT) + 1);
    if (text == NULL) {
        return NULL;
    }

    last = text;

    for (p = (const unsigned char *) s; *p != '\0'; /* void */ ) {

        len = caphealth_utf8_len(p);

        if (len == 0) {
            last = stpcpy(last, CAPHEALTH_REPLACEMENT);
            p++;
            continue;
        }

        memcpy(last, p, len);

        last += len;
        p += len;
    }

    *last = '\0';

    value = json_string(text);

    free(text);

    return value;
}


size_t
caphealth_utf8_len(const unsigned char *p)
{
    size_t                   i, n;
    const caphealth_utf8_t  *u;

    n = sizeof(caphealth_utf8) / sizeof(caphealth_utf8[0]);

    for (u = caphealth_utf8; u < caphealth_utf8 + n; u++) {

        if (*p < u->first || *p > u->last) {
            continue;
        }

        if (p[1] < u->low || p[1] > u->high) {
            return 0;
        }

        for (i = 2; i < u->len; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return 0;
            }
        }

        return u->len;
    }

    return 0;
}


json_t *
caphealth_json_format(const char *fmt, ...)
{
    int       n;
    char     *text;
    json_t   *value;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&text, fmt, args);
    va_end(args);

    if (n == -1) {
        return NULL;
    }

    value = caphealth_json_string(text);

    free(text);

    return value;
}


char *
caphealth_json_text(json_t *document, size_t *len)
{
    int    rc;
    char  *text;
    FILE  *stream;

    if (document == NULL) {
        return NULL;
    }

    text = NULL;
    stream = open_memstream(&text, len);

    if (stream == NULL) {
        json_decref(document);
        return NULL;
    }

    rc = json_dumpf(document, stream,
                    JSON_COMPACT|JSON_REAL_PRECISION(CAPHEALTH_JSON_DIGITS));

    if (fputc('\n', stream) == EOF) {
        rc = -1;
    }

    if (fclose(stream) == EOF) {
        rc = -1;
    }

    json_decref(document);

    if (rc != 0) {
        free(text);
        return NULL;
    }

    return text;
}
