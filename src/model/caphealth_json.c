
/*
 * JSON, written value by value.
 */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_json.h"
#include "caphealth_number.h"
#include "caphealth_utf8.h"


/* rounded numbers have fewer digits, so they are printed as rounded */
#define CAPHEALTH_JSON_DIGITS   15

/* 2^53: every smaller integer is exactly a double */
#define CAPHEALTH_JSON_INTEGER  9007199254740992.0


static void caphealth_json_name(caphealth_json_t *j, const char *name);
static void caphealth_json_open(caphealth_json_t *j, const char *name,
    int bracket);
static void caphealth_json_close(caphealth_json_t *j, int bracket);


int
caphealth_json_begin(caphealth_json_t *j)
{
    memset(j, 0, sizeof(caphealth_json_t));

    j->stream = open_memstream(&j->text, &j->len);

    if (j->stream == NULL) {
        return -1;
    }

    /* no other thread has it */

    __fsetlocking(j->stream, FSETLOCKING_BYCALLER);

    return 0;
}


char *
caphealth_json_end(caphealth_json_t *j, size_t *len)
{
    int  failed;

    failed = j->failed || ferror(j->stream);

    if (fclose(j->stream) == EOF || failed) {
        free(j->text);
        return NULL;
    }

    *len = j->len;

    return j->text;
}


void
caphealth_json_open_object(caphealth_json_t *j, const char *name)
{
    caphealth_json_open(j, name, '{');
}


void
caphealth_json_close_object(caphealth_json_t *j)
{
    caphealth_json_close(j, '}');
}


void
caphealth_json_open_array(caphealth_json_t *j, const char *name)
{
    caphealth_json_open(j, name, '[');
}


void
caphealth_json_close_array(caphealth_json_t *j)
{
    caphealth_json_close(j, ']');
}


static void
caphealth_json_open(caphealth_json_t *j, const char *name, int bracket)
{
    caphealth_json_name(j, name);
    fputc(bracket, j->stream);

    j->depth++;
    j->comma = 0;
}


/* a line feed follows the outermost value */

static void
caphealth_json_close(caphealth_json_t *j, int bracket)
{
    fputc(bracket, j->stream);

    if (--j->depth == 0) {
        fputc('\n', j->stream);
    }

    j->comma = 1;
}


static void
caphealth_json_name(caphealth_json_t *j, const char *name)
{
    if (j->comma) {
        fputc(',', j->stream);
    }

    j->comma = 1;

    if (name != NULL) {
        caphealth_utf8_json(j->stream, name);
        fputc(':', j->stream);
    }
}


void
caphealth_json_raw(caphealth_json_t *j, const char *name, const char *text,
    size_t len)
{
    caphealth_json_name(j, name);
    fwrite(text, 1, len, j->stream);
}


void
caphealth_json_null(caphealth_json_t *j, const char *name)
{
    caphealth_json_raw(j, name, "null", 4);
}


void
caphealth_json_flag(caphealth_json_t *j, const char *name, int flag)
{
    if (flag < 0) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_name(j, name);
    fputs(flag ? "true" : "false", j->stream);
}


void
caphealth_json_count(caphealth_json_t *j, const char *name, int64_t n)
{
    if (n == CAPHEALTH_UNKNOWN) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_name(j, name);
    fprintf(j->stream, "%lld", (long long) n);
}


void
caphealth_json_number(caphealth_json_t *j, const char *name, double x)
{
    if (fabs(x) <= CAPHEALTH_JSON_INTEGER && x == floor(x)) {
        caphealth_json_name(j, name);
        fprintf(j->stream, "%lld", (long long) x);
        return;
    }

    caphealth_json_real(j, name, x, -1);
}


/* always with a fraction, and an exponent without "+" and leading zeros */

void
caphealth_json_real(caphealth_json_t *j, const char *name, double x,
    int decimals)
{
    char  *p, text[32];

    if (!isfinite(x)) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_name(j, name);

    /* adding 0 makes -0 a 0 */

    (void) snprintf(text, sizeof(text), "%.*g", CAPHEALTH_JSON_DIGITS,
                    caphealth_round(x, decimals) + 0.0);

    p = strchr(text, 'e');

    if (p == NULL) {
        fprintf(j->stream, "%s%s", text, strchr(text, '.') ? "" : ".0");
        return;
    }

    *p++ = '\0';

    fprintf(j->stream, "%se%d", text, atoi(p));
}


void
caphealth_json_time(caphealth_json_t *j, const char *name, double t)
{
    char  text[CAPHEALTH_TIME_LEN];

    caphealth_json_string(j, name, caphealth_time(text, t));
}


const char *
caphealth_time(char *text, double t)
{
    time_t     seconds;
    struct tm  tm;

    if (!(t > 0 && t <= CAPHEALTH_TIME_MAX)) {
        return NULL;
    }

    seconds = (time_t) t;

    if (gmtime_r(&seconds, &tm) == NULL
        || strftime(text, CAPHEALTH_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        return NULL;
    }

    return text;
}


void
caphealth_json_string(caphealth_json_t *j, const char *name, const char *s)
{
    if (s == NULL) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_name(j, name);
    caphealth_utf8_json(j->stream, s);
}


void
caphealth_json_format(caphealth_json_t *j, const char *name, const char *fmt,
    ...)
{
    int       n;
    char     *text;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&text, fmt, args);
    va_end(args);

    if (n == -1) {
        j->failed = 1;
        return;
    }

    caphealth_json_string(j, name, text);

    free(text);
}
