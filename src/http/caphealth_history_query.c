
/*
 * What a client asks of the history.
 */

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_history_query.h"


#define CAPHEALTH_HISTORY_COLUMNS  20000
#define CAPHEALTH_HISTORY_CUT      1024      /* series of a document */


typedef struct {
    const char                       *name;
    double                            seconds;
} caphealth_query_window_t;


/* a part of the document */

typedef struct {
    const char                       *p;
    const char                       *end;
} caphealth_span_t;


/* what is written */

typedef struct {
    char                             *data;
    size_t                            len;
    size_t                            size;
    int                               failed;    /* there is no memory */
} caphealth_cut_text_t;


/* the values of a series that are wanted, without the brackets */

typedef struct {
    caphealth_span_t                  name;      /* with its quotes */
    caphealth_span_t                  unit;
    caphealth_span_t                  values[3];
} caphealth_cut_series_t;


typedef struct {
    const caphealth_history_query_t  *query;
    const char                       *p;
    const char                       *end;

    caphealth_span_t                  window;
    caphealth_span_t                  generated_at;
    double                            start;
    long                              step;
    long                              columns;
    long                              first;     /* of those wanted */
    long                              last;      /* behind them */
    size_t                            nseries;
    caphealth_cut_series_t           *series;
    caphealth_span_t                  events;
} caphealth_cut_t;


static const char *caphealth_query_argument(caphealth_history_query_t *q,
    const char *name, size_t name_len, const char *value, size_t len,
    size_t *used);
static int caphealth_query_series(caphealth_history_query_t *q,
    const char *value, size_t len, size_t *used);
static int caphealth_query_decode(char *to, size_t size, const char *value,
    size_t len);
static int caphealth_query_hex(char c);
static int caphealth_query_time(double *t, const char *value, size_t len);
static int caphealth_query_digits(const char **p, int n, int *value);
static const char *caphealth_query_window(double age);
static int caphealth_cut_read(caphealth_cut_t *c);
static int caphealth_cut_series(caphealth_cut_t *c);
static int caphealth_cut_skip(caphealth_cut_t *c);
static int caphealth_cut_wanted(const caphealth_history_query_t *q,
    const caphealth_span_t *name);
static int caphealth_cut_values(caphealth_cut_t *c, caphealth_span_t *values);
static void caphealth_cut_range(caphealth_cut_t *c);
static int caphealth_cut_expect(caphealth_cut_t *c, const char *text);
static int caphealth_cut_string(caphealth_cut_t *c, caphealth_span_t *s);
static int caphealth_cut_long(caphealth_cut_t *c, long most, long *n);
static int caphealth_cut_time(caphealth_cut_t *c, double *t);
static void caphealth_cut_json(const caphealth_cut_t *c,
    caphealth_cut_text_t *f);
static int caphealth_cut_events(const caphealth_cut_t *c,
    caphealth_cut_text_t *f);
static void caphealth_cut_csv(const caphealth_cut_t *c,
    caphealth_cut_text_t *f);
static void caphealth_cut_csv_name(caphealth_cut_text_t *f,
    const caphealth_span_t *name, const char *what);
static const char *caphealth_cut_utf8(caphealth_cut_text_t *f, const char *p);
static void caphealth_cut_put_time(caphealth_cut_text_t *f, double t);
static void caphealth_cut_put(caphealth_cut_text_t *f,
    const caphealth_span_t *s);
static void caphealth_cut_puts(caphealth_cut_text_t *f, const char *text);
static void caphealth_cut_putc(caphealth_cut_text_t *f, char c);
static int caphealth_cut_reserve(caphealth_cut_text_t *f, size_t n);


/* in the order of what they reach back to */

static const caphealth_query_window_t  caphealth_query_windows[] = {
    { "2h", 7200 },
    { "2d", 2 * 86400 },
    { "60d", 60 * 86400.0 },
    { "3y", INFINITY }
};


#define caphealth_query_nwindows                                              \
    (sizeof(caphealth_query_windows) / sizeof(caphealth_query_windows[0]))


static const char  *caphealth_cut_arrays[3] = {
    ",\"min\":[", "],\"mean\":[", "],\"max\":["
};


const char *
caphealth_history_query_parse(caphealth_history_query_t *q, const char *args,
    size_t len, double now)
{
    size_t       name_len, value_len, used;
    const char  *p, *end, *next, *equals, *error;

    memset(q, 0, offsetof(caphealth_history_query_t, names));
    q->from = -INFINITY;
    q->to = INFINITY;

    used = 0;

    for (p = args, end = args + len; p < end; p = next + 1) {
        next = memchr(p, '&', (size_t) (end - p));
        next = (next == NULL) ? end : next;

        if (next == p) {
            continue;
        }

        equals = memchr(p, '=', (size_t) (next - p));

        if (equals == NULL) {
            equals = next;
        }

        name_len = (size_t) (equals - p);
        value_len = (equals < next) ? (size_t) (next - equals - 1) : 0;

        error = caphealth_query_argument(q, p, name_len,
                                         (equals < next) ? equals + 1 : next,
                                         value_len, &used);
        if (error != NULL) {
            return error;
        }
    }

    if (q->from >= q->to) {
        return "\"from\" must be before \"to\".";
    }

    q->whole = (isinf(q->from) && isinf(q->to) && q->nseries == 0);

    if (q->window == NULL) {
        q->window = isinf(q->from) ? "2h"
                                   : caphealth_query_window(now - q->from);
    }

    return NULL;
}


static const char *
caphealth_query_argument(caphealth_history_query_t *q, const char *name,
    size_t name_len, const char *value, size_t len, size_t *used)
{
    size_t   i;
    double  *time;

    if (name_len == 6 && memcmp(name, "window", 6) == 0) {
        if (q->window != NULL) {
            return "\"window\" is given twice.";
        }

        for (i = 0; i < caphealth_query_nwindows; i++) {
            if (strlen(caphealth_query_windows[i].name) == len
                && memcmp(caphealth_query_windows[i].name, value, len) == 0)
            {
                q->window = caphealth_query_windows[i].name;
                return NULL;
            }
        }

        return "\"window\" must be 2h, 2d, 60d or 3y.";
    }

    if (name_len == 6 && memcmp(name, "series", 6) == 0) {
        if (q->nseries > 0) {
            return "\"series\" is given twice.";
        }

        return (caphealth_query_series(q, value, len, used) == 0)
               ? NULL
               : "\"series\" must be up to 64 names, separated by commas.";
    }

    time = (name_len == 4 && memcmp(name, "from", 4) == 0) ? &q->from
           : (name_len == 2 && memcmp(name, "to", 2) == 0) ? &q->to
           : NULL;

    if (time == NULL) {
        return "There is an unknown argument: \"window\", \"from\", \"to\" "
               "and \"series\" are accepted.";
    }

    if (!isinf(*time)) {
        return (time == &q->from) ? "\"from\" is given twice."
                                  : "\"to\" is given twice.";
    }

    if (caphealth_query_time(time, value, len) == 0) {
        return NULL;
    }

    return (time == &q->from)
           ? "\"from\" must be a time by RFC 3339, such as "
             "2026-01-31T12:00:00Z."
           : "\"to\" must be a time by RFC 3339, such as "
             "2026-01-31T12:00:00Z.";
}


/* separated before they are decoded, so that a name may have a comma in it */

static int
caphealth_query_series(caphealth_history_query_t *q, const char *value,
    size_t len, size_t *used)
{
    int          n;
    const char  *p, *end, *comma;

    end = value + len;

    for (p = value; p <= end; p = comma + 1) {
        comma = (p < end) ? memchr(p, ',', (size_t) (end - p)) : NULL;
        comma = (comma == NULL) ? end : comma;

        if (comma == p || q->nseries == CAPHEALTH_QUERY_SERIES) {
            return -1;
        }

        n = caphealth_query_decode(&q->names[*used],
                                   sizeof(q->names) - *used, p,
                                   (size_t) (comma - p));
        if (n == -1) {
            return -1;
        }

        q->series[q->nseries++] = &q->names[*used];
        *used += (size_t) n + 1;
    }

    return 0;
}


static int
caphealth_query_decode(char *to, size_t size, const char *value, size_t len)
{
    int     high, low;
    char    c;
    size_t  i, n;

    n = 0;

    for (i = 0; i < len; i++) {
        c = value[i];

        if (c == '%') {
            if (len - i < 3) {
                return -1;
            }

            high = caphealth_query_hex(value[i + 1]);
            low = caphealth_query_hex(value[i + 2]);

            if (high == -1 || low == -1) {
                return -1;
            }

            c = (char) (high << 4 | low);
            i += 2;
        }

        if (c == '\0' || n + 1 >= size) {
            return -1;
        }

        to[n++] = c;
    }

    if (n >= size) {
        return -1;
    }

    to[n] = '\0';

    return (int) n;
}


static int
caphealth_query_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (char) (c | 0x20);

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* a "+" in a query may be decoded as a blank before it is here */

static int
caphealth_query_time(double *t, const char *value, size_t len)
{
    int          hour, minute, sign;
    char         text[64];
    double       fraction, unit;
    struct tm    tm;
    const char  *p;

    static const signed char  days[] = {
        31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    memset(text, 0, sizeof(text));

    if (caphealth_query_decode(text, sizeof(text), value, len) == -1) {
        return -1;
    }

    p = text;
    memset(&tm, 0, sizeof(struct tm));

    if (caphealth_query_digits(&p, 4, &tm.tm_year) || *p++ != '-'
        || caphealth_query_digits(&p, 2, &tm.tm_mon) || *p++ != '-'
        || caphealth_query_digits(&p, 2, &tm.tm_mday)
        || (*p != 'T' && *p != 't') || (p++, 0)
        || caphealth_query_digits(&p, 2, &tm.tm_hour) || *p++ != ':'
        || caphealth_query_digits(&p, 2, &tm.tm_min) || *p++ != ':'
        || caphealth_query_digits(&p, 2, &tm.tm_sec))
    {
        return -1;
    }

    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1
        || tm.tm_mday > days[tm.tm_mon - 1] || tm.tm_hour > 23
        || tm.tm_min > 59 || tm.tm_sec > 60)
    {
        return -1;
    }

    fraction = 0;

    if (*p == '.') {
        if (!isdigit((unsigned char) *++p)) {
            return -1;
        }

        for (unit = 0.1; isdigit((unsigned char) *p); unit /= 10) {
            fraction += unit * (*p++ - '0');
        }
    }

    sign = 0;
    hour = 0;
    minute = 0;

    if (*p == 'Z' || *p == 'z') {
        p++;

    } else {
        sign = (*p == '+' || *p == ' ') ? 1 : (*p == '-') ? -1 : 0;

        if (sign == 0 || (p++, 0)
            || caphealth_query_digits(&p, 2, &hour) || *p++ != ':'
            || caphealth_query_digits(&p, 2, &minute)
            || hour > 23 || minute > 59)
        {
            return -1;
        }
    }

    if (*p != '\0') {
        return -1;
    }

    tm.tm_year -= 1900;
    tm.tm_mon--;

    *t = (double) timegm(&tm) + fraction - sign * (hour * 3600 + minute * 60);

    return 0;
}


static int
caphealth_query_digits(const char **p, int n, int *value)
{
    for (*value = 0; n > 0; n--) {
        if (!isdigit((unsigned char) **p)) {
            return -1;
        }

        *value = *value * 10 + (*(*p)++ - '0');
    }

    return 0;
}


static const char *
caphealth_query_window(double age)
{
    size_t  i;

    for (i = 0; age > caphealth_query_windows[i].seconds; i++) {
        /* void */
    }

    return caphealth_query_windows[i].name;
}


char *
caphealth_history_cut(const char *document, size_t len,
    const caphealth_history_query_t *q, int csv, size_t *n)
{
    int                    rc;
    caphealth_cut_t        c;
    caphealth_cut_text_t   f;

    memset(&c, 0, sizeof(caphealth_cut_t));
    c.query = q;
    c.p = document;
    c.end = document + len;

    memset(&f, 0, sizeof(caphealth_cut_text_t));

    *n = 1;

    c.series = malloc(CAPHEALTH_HISTORY_CUT * sizeof(caphealth_cut_series_t));
    if (c.series == NULL) {
        return NULL;
    }

    rc = caphealth_cut_read(&c);

    if (rc == 0 && csv) {
        caphealth_cut_csv(&c, &f);

    } else if (rc == 0) {
        caphealth_cut_json(&c, &f);
        rc = caphealth_cut_events(&c, &f);
    }

    free(c.series);

    caphealth_cut_putc(&f, '\0');

    if (rc == 0 && !f.failed) {
        *n = f.len - 1;
        return f.data;
    }

    free(f.data);
    *n = (rc == 0);

    return NULL;
}


static int
caphealth_cut_read(caphealth_cut_t *c)
{
    const char  *comma;

    if (caphealth_cut_expect(c, "{\"window\":")
        || caphealth_cut_string(c, &c->window)
        || caphealth_cut_expect(c, ",\"step\":")
        || caphealth_cut_long(c, 86400, &c->step) || c->step == 0
        || caphealth_cut_expect(c, ",\"start\":")
        || caphealth_cut_time(c, &c->start)
        || caphealth_cut_expect(c, ",\"columns\":")
        || caphealth_cut_long(c, CAPHEALTH_HISTORY_COLUMNS, &c->columns)
        || caphealth_cut_expect(c, ",\"generated_at\":")
        || caphealth_cut_string(c, &c->generated_at)
        || caphealth_cut_expect(c, ",\"series\":{"))
    {
        return -1;
    }

    caphealth_cut_range(c);

    comma = "";

    while (c->p < c->end && *c->p != '}') {
        if (caphealth_cut_expect(c, comma) || caphealth_cut_series(c)) {
            return -1;
        }

        comma = ",";
    }

    if (caphealth_cut_expect(c, "},\"events\":[")) {
        return -1;
    }

    /* the rest is the events and the end of the document */

    c->events.p = c->p;
    c->events.end = c->end;

    return 0;
}


/* the columns that begin in the time that is asked for */

static void
caphealth_cut_range(caphealth_cut_t *c)
{
    double  first, last;

    first = ceil((c->query->from - c->start) / (double) c->step);
    last = ceil((c->query->to - c->start) / (double) c->step);

    first = fmin(fmax(first, 0), (double) c->columns);
    last = fmin(fmax(last, first), (double) c->columns);

    c->first = (long) first;
    c->last = (long) last;
}


static int
caphealth_cut_series(caphealth_cut_t *c)
{
    int                      wanted;
    size_t                   i;
    caphealth_cut_series_t  *s;

    if (c->nseries == CAPHEALTH_HISTORY_CUT) {
        return -1;
    }

    s = &c->series[c->nseries];

    if (caphealth_cut_string(c, &s->name)
        || caphealth_cut_expect(c, ":{\"unit\":")
        || caphealth_cut_string(c, &s->unit))
    {
        return -1;
    }

    wanted = caphealth_cut_wanted(c->query, &s->name);

    for (i = 0; i < 3; i++) {
        if (caphealth_cut_expect(c, caphealth_cut_arrays[i])
            || (wanted ? caphealth_cut_values(c, &s->values[i])
                       : caphealth_cut_skip(c)))
        {
            return -1;
        }
    }

    c->nseries += (size_t) wanted;

    return caphealth_cut_expect(c, "]}");
}


static int
caphealth_cut_skip(caphealth_cut_t *c)
{
    const char  *end;

    end = memchr(c->p, ']', (size_t) (c->end - c->p));

    if (end == NULL) {
        return -1;
    }

    c->p = end;

    return 0;
}


/* numbers, or null, up to the bracket behind them, which is not taken */

static int
caphealth_cut_values(caphealth_cut_t *c, caphealth_span_t *values)
{
    long         i;
    const char  *p, *end;

    static const char  valid[256] = {
        ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1,
        ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['.'] = 1, ['-'] = 1,
        ['+'] = 1, ['e'] = 1, ['n'] = 1, ['u'] = 1, ['l'] = 1
    };

    end = memchr(c->p, ']', (size_t) (c->end - c->p));

    if (end == NULL) {
        return -1;
    }

    p = c->p;

    values->p = p;
    values->end = p;

    for (i = 0; i < c->columns; i++) {
        if (i > 0 && (p == end || *p++ != ',')) {
            return -1;
        }

        if (i == c->first) {
            values->p = p;
            values->end = p;
        }

        if (p == end || !valid[(unsigned char) *p]) {
            return -1;
        }

        while (p < end && valid[(unsigned char) *p]) {
            p++;
        }

        if (i < c->last && i >= c->first) {
            values->end = p;
        }
    }

    c->p = end;

    return (p == end) ? 0 : -1;
}


static int
caphealth_cut_wanted(const caphealth_history_query_t *q,
    const caphealth_span_t *name)
{
    size_t       i, len;
    const char  *p, *wanted;

    for (i = 0; i < q->nseries; i++) {
        wanted = q->series[i];
        p = name->p + 1;
        len = strlen(wanted);

        /* a name has no other escapes than these, see the writer */

        while (len > 0 && p < name->end - 1) {
            if (*p == '\\' && (p[1] == '"' || p[1] == '\\')) {
                p++;
            }

            if (*p != *wanted) {
                break;
            }

            p++;
            wanted++;
            len--;
        }

        if (len == 0 && p == name->end - 1) {
            return 1;
        }
    }

    return q->nseries == 0;
}


static int
caphealth_cut_expect(caphealth_cut_t *c, const char *text)
{
    size_t  len;

    len = strlen(text);

    if ((size_t) (c->end - c->p) < len || memcmp(c->p, text, len) != 0) {
        return -1;
    }

    c->p += len;

    return 0;
}


static int
caphealth_cut_string(caphealth_cut_t *c, caphealth_span_t *s)
{
    const char  *p;

    if (c->p == c->end || *c->p != '"') {
        return -1;
    }

    for (p = c->p + 1; p < c->end && *p != '"'; p++) {
        if (*p == '\\' && ++p == c->end) {
            return -1;
        }
    }

    if (p >= c->end) {
        return -1;
    }

    s->p = c->p;
    s->end = p + 1;
    c->p = p + 1;

    return 0;
}


static int
caphealth_cut_long(caphealth_cut_t *c, long most, long *n)
{
    const char  *p;

    p = c->p;

    for (*n = 0; p < c->end && *p >= '0' && *p <= '9' && *n <= most; p++) {
        *n = *n * 10 + (*p - '0');
    }

    if (p == c->p || *n > most) {
        return -1;
    }

    c->p = p;

    return 0;
}


static int
caphealth_cut_time(caphealth_cut_t *c, double *t)
{
    caphealth_span_t  s;

    if (caphealth_cut_string(c, &s)) {
        return -1;
    }

    return caphealth_query_time(t, s.p + 1, (size_t) (s.end - s.p - 2));
}


static void
caphealth_cut_json(const caphealth_cut_t *c, caphealth_cut_text_t *f)
{
    char         number[64];
    size_t       i, j;
    const char  *comma;

    caphealth_cut_puts(f, "{\"window\":");
    caphealth_cut_put(f, &c->window);
    (void) snprintf(number, sizeof(number), ",\"step\":%ld,\"start\":\"",
                    c->step);
    caphealth_cut_puts(f, number);
    caphealth_cut_put_time(f, c->start + (double) (c->first * c->step));
    (void) snprintf(number, sizeof(number),
                    "\",\"columns\":%ld,\"generated_at\":",
                    c->last - c->first);
    caphealth_cut_puts(f, number);
    caphealth_cut_put(f, &c->generated_at);
    caphealth_cut_puts(f, ",\"series\":{");

    comma = "";

    for (i = 0; i < c->nseries; i++) {
        caphealth_cut_puts(f, comma);
        caphealth_cut_put(f, &c->series[i].name);
        caphealth_cut_puts(f, ":{\"unit\":");
        caphealth_cut_put(f, &c->series[i].unit);

        for (j = 0; j < 3; j++) {
            caphealth_cut_puts(f, caphealth_cut_arrays[j]);
            caphealth_cut_put(f, &c->series[i].values[j]);
        }

        caphealth_cut_puts(f, "]}");
        comma = ",";
    }

    caphealth_cut_puts(f, "},\"events\":[");
}


static int
caphealth_cut_events(const caphealth_cut_t *c, caphealth_cut_text_t *f)
{
    int               depth;
    double            t;
    caphealth_cut_t   e;
    caphealth_span_t  event, s;
    const char       *comma;

    e = *c;
    e.p = c->events.p;
    comma = "";

    while (e.p < e.end && *e.p != ']') {
        if (e.p != c->events.p && caphealth_cut_expect(&e, ",")) {
            return -1;
        }

        event.p = e.p;

        if (caphealth_cut_expect(&e, "{\"at\":")
            || caphealth_cut_time(&e, &t))
        {
            return -1;
        }

        for (depth = 0; e.p < e.end && (*e.p != '}' || depth > 0); /* void */)
        {
            if (*e.p == '"') {
                if (caphealth_cut_string(&e, &s)) {
                    return -1;
                }

                continue;
            }

            depth += (*e.p == '{') - (*e.p == '}');
            e.p++;
        }

        if (caphealth_cut_expect(&e, "}")) {
            return -1;
        }

        event.end = e.p;

        if (t >= c->query->from && t < c->query->to) {
            caphealth_cut_puts(f, comma);
            caphealth_cut_put(f, &event);
            comma = ",";
        }
    }

    caphealth_cut_puts(f, "]}\n");

    return caphealth_cut_expect(&e, "]}\n") || e.p != e.end ? -1 : 0;
}


/* a row a column: its time, and three values a series */

static void
caphealth_cut_csv(const caphealth_cut_t *c, caphealth_cut_text_t *f)
{
    long               row;
    size_t             i, j;
    const char        *p;
    caphealth_span_t  *v, s;

    static const char  *names[3] = { " min", " mean", " max" };

    caphealth_cut_puts(f, "time");

    for (i = 0; i < c->nseries; i++) {
        for (j = 0; j < 3; j++) {
            caphealth_cut_csv_name(f, &c->series[i].name, names[j]);
        }
    }

    caphealth_cut_puts(f, "\r\n");

    for (row = c->first; row < c->last; row++) {
        caphealth_cut_put_time(f, c->start + (double) (row * c->step));

        for (i = 0; i < c->nseries; i++) {
            for (j = 0; j < 3; j++) {
                v = &c->series[i].values[j];

                p = memchr(v->p, ',', (size_t) (v->end - v->p));
                p = (p == NULL) ? v->end : p;

                caphealth_cut_putc(f, ',');

                s.p = v->p;
                s.end = p;

                if (*v->p != 'n') {
                    caphealth_cut_put(f, &s);
                }

                v->p = (p == v->end) ? p : p + 1;
            }
        }

        caphealth_cut_puts(f, "\r\n");
    }
}


static void
caphealth_cut_csv_name(caphealth_cut_text_t *f,
    const caphealth_span_t *name, const char *what)
{
    const char  *p;

    caphealth_cut_puts(f, ",\"");

    for (p = name->p + 1; p < name->end - 1; p++) {
        if (*p == '\\') {
            p = caphealth_cut_utf8(f, p + 1);
            continue;
        }

        caphealth_cut_putc(f, *p);
    }

    caphealth_cut_puts(f, what);
    caphealth_cut_putc(f, '"');
}


/* what an escape stands for; returns its last byte */

static const char *
caphealth_cut_utf8(caphealth_cut_text_t *f, const char *p)
{
    if (*p == '"') {
        caphealth_cut_puts(f, "\"\"");

    } else if (*p == '\\' || *p == '/') {
        caphealth_cut_putc(f, *p);

    } else {
        /* a control character */
        caphealth_cut_putc(f, ' ');

        if (*p == 'u') {
            p += strspn(p + 1, "0123456789abcdefABCDEF") < 4 ? 0 : 4;
        }
    }

    return p;
}


static void
caphealth_cut_put_time(caphealth_cut_text_t *f, double t)
{
    char       text[64];
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) t;

    if (gmtime_r(&seconds, &tm) != NULL
        && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0)
    {
        caphealth_cut_puts(f, text);
    }
}


static void
caphealth_cut_put(caphealth_cut_text_t *f, const caphealth_span_t *s)
{
    size_t  len;

    len = (size_t) (s->end - s->p);

    if (len > 0 && caphealth_cut_reserve(f, len) == 0) {
        memcpy(&f->data[f->len], s->p, len);
        f->len += len;
    }
}


static void
caphealth_cut_puts(caphealth_cut_text_t *f, const char *text)
{
    caphealth_span_t  s;

    s.p = text;
    s.end = text + strlen(text);

    caphealth_cut_put(f, &s);
}


static void
caphealth_cut_putc(caphealth_cut_text_t *f, char c)
{
    if (caphealth_cut_reserve(f, 1) == 0) {
        f->data[f->len++] = c;
    }
}


static int
caphealth_cut_reserve(caphealth_cut_text_t *f, size_t n)
{
    char    *data;
    size_t   size;

    if (n <= f->size - f->len) {
        return 0;
    }

    size = 2 * f->size + n + 4096;
    data = f->failed ? NULL : realloc(f->data, size);

    if (data == NULL) {
        f->failed = 1;
        return -1;
    }

    f->data = data;
    f->size = size;

    return 0;
}
