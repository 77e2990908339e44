
/*
 * Exposition: metrics as text.
 */

#include <math.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_exposition.h"
#include "caphealth_utf8.h"


/* 2^53: every smaller integer is exactly a double */
#define CAPHEALTH_EXACT        9007199254740992.0

#define CAPHEALTH_NUMBER_LEN   32

/* 15 digits survive as a double, and 17 identify any double */
#define CAPHEALTH_DIGITS_MIN   15
#define CAPHEALTH_DIGITS_MAX   17

#define CAPHEALTH_REPLACEMENT  "\xef\xbf\xbd"


static const char *caphealth_metric_unit(const char *name);
static void caphealth_exposition_name(caphealth_exposition_t *e);
static void caphealth_exposition_label(caphealth_exposition_t *e,
    const caphealth_label_t *label);


/* the name of each type, and the suffix of its samples */

static const struct {
    const char  *type[CAPHEALTH_DIALECTS];
    const char  *suffix;
} caphealth_metric_types[] = {

    [CAPHEALTH_GAUGE] = { { "gauge", "gauge" }, "" },
    [CAPHEALTH_COUNTER] = { { "counter", "counter" }, "_total" },
    [CAPHEALTH_INFO] = { { "gauge", "info" }, "_info" },
    [CAPHEALTH_STATESET] = { { "gauge", "stateset" }, "" },
    [CAPHEALTH_HISTOGRAM] = { { "histogram", "histogram" }, "" }
};


int
caphealth_exposition_open(caphealth_exposition_t *e,
    caphealth_dialect_e dialect)
{
    memset(e, 0, sizeof(caphealth_exposition_t));

    e->dialect = dialect;
    e->stream = open_memstream(&e->text, &e->len);

    if (e->stream == NULL) {
        return -1;
    }

    /* no other thread has it */

    __fsetlocking(e->stream, FSETLOCKING_BYCALLER);

    return 0;
}


void
caphealth_exposition_metric(caphealth_exposition_t *e,
    const caphealth_metric_t *metric)
{
    e->metric = metric;
    e->named = 0;
}


/* OpenMetrics describes the family's name, Prometheus that of its samples */

static void
caphealth_exposition_name(caphealth_exposition_t *e)
{
    const char                *suffix, *unit;
    const caphealth_metric_t  *m;

    m = e->metric;
    suffix = (e->dialect == CAPHEALTH_OPENMETRICS)
             ? "" : caphealth_metric_types[m->type].suffix;

    fprintf(e->stream, "# HELP %s%s %s\n# TYPE %s%s %s\n",
            m->name, suffix, m->help, m->name, suffix,
            caphealth_metric_types[m->type].type[e->dialect]);

    unit = caphealth_metric_unit(m->name);

    if (unit != NULL && e->dialect == CAPHEALTH_OPENMETRICS) {
        fprintf(e->stream, "# UNIT %s %s\n", m->name, unit);
    }

    e->named = 1;
}


static const char *
caphealth_metric_unit(const char *name)
{
    size_t       i;
    const char  *last;

    static const char *const  units[] = { "bytes", "ratio", "seconds" };

    last = strrchr(name, '_');

    for (i = 0; last != NULL && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(last + 1, units[i]) == 0) {
            return units[i];
        }
    }

    return NULL;
}


void
caphealth_exposition_sample(caphealth_exposition_t *e, const char *suffix,
    const caphealth_label_t *labels, size_t n, double value)
{
    int     first;
    char    number[CAPHEALTH_NUMBER_LEN];
    size_t  i;

    if (isnan(value)) {
        return;
    }

    if (!e->named) {
        caphealth_exposition_name(e);
    }

    if (suffix == NULL) {
        suffix = caphealth_metric_types[e->metric->type].suffix;
    }

    fputs(e->metric->name, e->stream);
    fputs(suffix, e->stream);

    first = 1;

    for (i = 0; i < n; i++) {
        if (labels[i].value != NULL) {
            fputc(first ? '{' : ',', e->stream);
            caphealth_exposition_label(e, &labels[i]);
            first = 0;
        }
    }

    caphealth_exposition_number(number, sizeof(number), value);

    fprintf(e->stream, "%s %s\n", first ? "" : "}", number);
}


static void
caphealth_exposition_label(caphealth_exposition_t *e,
    const caphealth_label_t *label)
{
    size_t       len;
    const char  *p;

    fputs(label->name, e->stream);
    fputs("=\"", e->stream);

    p = label->value;

    while (*p != '\0') {

        len = caphealth_utf8_plain(p);

        if (len > 0) {
            fwrite(p, 1, len, e->stream);
            p += len;
            continue;
        }

        len = caphealth_utf8_len(p, strnlen(p, 4));

        if (len == 0) {
            fputs(CAPHEALTH_REPLACEMENT, e->stream);
            p++;
            continue;
        }

        if (*p == '\n') {
            fputs("\\n", e->stream);

        } else {
            if (*p == '"' || *p == '\\') {
                fputc('\\', e->stream);
            }

            fwrite(p, 1, len, e->stream);
        }

        p += len;
    }

    fputc('"', e->stream);
}


void
caphealth_exposition_number(char *text, size_t size, double x)
{
    int  digits;

    if (isinf(x)) {
        (void) snprintf(text, size, "%sInf", x > 0 ? "+" : "-");
        return;
    }

    if (fabs(x) <= CAPHEALTH_EXACT && x == floor(x)) {
        (void) snprintf(text, size, "%lld", (long long) x);
        return;
    }

    for (digits = CAPHEALTH_DIGITS_MIN; digits <= CAPHEALTH_DIGITS_MAX;
         digits++)
    {
        (void) snprintf(text, size, "%.*g", digits, x);

        if (strtod(text, NULL) == x) {
            return;
        }
    }
}


void
caphealth_exposition_end(caphealth_exposition_t *e)
{
    if (e->dialect == CAPHEALTH_OPENMETRICS) {
        fputs("# EOF\n", e->stream);
    }
}


char *
caphealth_exposition_close(caphealth_exposition_t *e, size_t *len)
{
    int  failed;

    failed = e->failed || ferror(e->stream);

    if (fclose(e->stream) == EOF || failed) {
        free(e->text);
        return NULL;
    }

    *len = e->len;

    return e->text;
}
