
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
#include "caphealth_utf8.h"


/* a rounded number has fewer digits than this, so it prints as rounded */
#define CAPHEALTH_JSON_DIGITS   15

/* up to here each integer is a double of its own */
#define CAPHEALTH_JSON_INTEGER  9007199254740992.0

/* the last second of the year 9999 */
#define CAPHEALTH_JSON_TIME     253402300799.0


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


/* a path, or a message of the system, may be in any character set */

json_t *
caphealth_json_string(const char *s)
{
    return (s == NULL) ? json_null() : caphealth_utf8_json(s, strlen(s));
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
