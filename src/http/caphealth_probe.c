
/* Probes: the query, and the text of the answer. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_probe.h"


/* one argument of a query, decoded, and cut where it is too long */

typedef struct {
    char         name[CAPHEALTH_PROBE_NAME];
    char         value[CAPHEALTH_PROBE_NAME];
    int          cut;            /* the value is */
} caphealth_probe_arg_t;


static int caphealth_probe_next(caphealth_probe_arg_t *arg, const char **p,
    const char *last);
static int caphealth_probe_decode(char *buf, const char *p,
    const char *last);
static int caphealth_probe_hex(char c);
static size_t caphealth_probe_find(const caphealth_probe_check_t *checks,
    size_t n, const caphealth_probe_arg_t *arg);
static void caphealth_probe_unknown(FILE *out,
    const caphealth_probe_check_t *checks, size_t n, const char *query,
    size_t len);
static void caphealth_probe_quote(FILE *out, const char *p, int cut);


int
caphealth_probe_query(caphealth_probe_check_t *checks, size_t n,
    const char *query, size_t len)
{
    int                     verbose;
    size_t                  i;
    const char             *p;
    caphealth_probe_arg_t   arg;

    verbose = 0;
    p = query;

    while (caphealth_probe_next(&arg, &p, query + len)) {

        if (strcmp(arg.name, "verbose") == 0) {
            verbose = 1;
            continue;
        }

        if (strcmp(arg.name, "exclude") == 0) {
            i = caphealth_probe_find(checks, n, &arg);

            if (i < n) {
                checks[i].excluded = 1;
            }
        }
    }

    return verbose;
}


/* returns 0 if there are no more arguments */

static int
caphealth_probe_next(caphealth_probe_arg_t *arg, const char **p,
    const char *last)
{
    const char  *start, *end, *equals;

    if (*p >= last) {
        return 0;
    }

    start = *p;
    end = memchr(start, '&', last - start);
    end = (end == NULL) ? last : end;
    *p = end + 1;

    equals = memchr(start, '=', end - start);

    (void) caphealth_probe_decode(arg->name, start,
                                  equals == NULL ? end : equals);

    arg->cut = caphealth_probe_decode(arg->value,
                                      equals == NULL ? end : equals + 1, end);

    return 1;
}


/* returns whether it did not fit */

static int
caphealth_probe_decode(char *buf, const char *p, const char *last)
{
    char  c, *q;

    for (q = buf; p < last; p++) {
        c = *p;

        if (c == '+') {
            c = ' ';

        } else if (c == '%' && last - p > 2
                   && caphealth_probe_hex(p[1]) != -1
                   && caphealth_probe_hex(p[2]) != -1)
        {
            c = (char) (caphealth_probe_hex(p[1]) * 16
                        + caphealth_probe_hex(p[2]));
            p += 2;
        }

        /* a NUL in a name would make it look like another */

        if (c == '\0') {
            c = '?';
        }

        if (q == buf + CAPHEALTH_PROBE_NAME - 1) {
            *q = '\0';
            return 1;
        }

        *q++ = c;
    }

    *q = '\0';

    return 0;
}


static int
caphealth_probe_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* returns n if the name is none of theirs */

static size_t
caphealth_probe_find(const caphealth_probe_check_t *checks, size_t n,
    const caphealth_probe_arg_t *arg)
{
    size_t  i;

    for (i = 0; i < n && !arg->cut; i++) {
        if (strcmp(checks[i].name, arg->value) == 0) {
            return i;
        }
    }

    return n;
}


size_t
caphealth_probe_failures(const caphealth_probe_check_t *checks, size_t n)
{
    size_t  i, failures;

    failures = 0;

    for (i = 0; i < n; i++) {
        failures += (checks[i].failed && !checks[i].excluded);
    }

    return failures;
}


char *
caphealth_probe_text(const char *probe, const caphealth_probe_check_t *checks,
    size_t n, const char *query, size_t querylen, size_t *len)
{
    char                           *text;
    FILE                           *out;
    size_t                          i;
    const caphealth_probe_check_t  *c;

    text = NULL;
    out = open_memstream(&text, len);

    if (out == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        c = &checks[i];

        if (c->excluded) {
            fprintf(out, "[+]%s excluded: ok\n", c->name);
            continue;
        }

        fprintf(out, "[%c]%s %s%s%s\n", c->failed ? '-' : '+', c->name,
                c->failed ? "failed" : "ok", c->reason[0] == '\0' ? "" : ": ",
                c->reason);
    }

    caphealth_probe_unknown(out, checks, n, query, querylen);

    fprintf(out, "%s check %s\n", probe,
            caphealth_probe_failures(checks, n) == 0 ? "passed" : "failed");

    if (ferror(out) | fclose(out)) {
        free(text);
        return NULL;
    }

    return text;
}


static void
caphealth_probe_unknown(FILE *out, const caphealth_probe_check_t *checks,
    size_t n, const char *query, size_t len)
{
    const char             *p, *before;
    caphealth_probe_arg_t   arg;

    p = query;
    before = "warn: some health checks cannot be excluded: no matches for ";

    while (caphealth_probe_next(&arg, &p, query + len)) {

        if (strcmp(arg.name, "exclude") != 0
            || caphealth_probe_find(checks, n, &arg) < n)
        {
            continue;
        }

        fputs(before, out);
        caphealth_probe_quote(out, arg.value, arg.cut);

        before = ",";
    }

    if (before[0] == ',') {
        fputc('\n', out);
    }
}


static void
caphealth_probe_quote(FILE *out, const char *p, int cut)
{
    fputc('"', out);

    for ( /* void */ ; *p != '\0'; p++) {

        if (*p == '"' || *p == '\\') {
            fprintf(out, "\\%c", *p);

        } else if (*p < 0x20 || *p > 0x7e) {
            fprintf(out, "\\x%02x", (unsigned char) *p);

        } else {
            fputc(*p, out);
        }
    }

    fputs(cut ? "...\"" : "\"", out);
}
