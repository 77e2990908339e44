
/*
 * Parsers of what the kernel says of itself in /proc.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_proc.h"


#define CAPHEALTH_PROC_CPU_FIELDS  8


/* a piece of text: a line, a word */

typedef struct {
    const char  *data;
    size_t       len;
} caphealth_span_t;


static int
caphealth_next(caphealth_span_t *text, char separator, caphealth_span_t *piece)
{
    const char  *end;

    if (text->len == 0) {
        return 0;
    }

    end = memchr(text->data, separator, text->len);

    piece->data = text->data;
    piece->len = (end == NULL) ? text->len : (size_t) (end - text->data);

    text->data += piece->len;
    text->len -= piece->len;

    if (end != NULL) {
        text->data++;
        text->len--;
    }

    return 1;
}


static int
caphealth_line(caphealth_span_t *text, caphealth_span_t *line)
{
    return caphealth_next(text, '\n', line);
}


static int
caphealth_word(caphealth_span_t *line, caphealth_span_t *word)
{
    while (line->len > 0 && (*line->data == ' ' || *line->data == '\t')) {
        line->data++;
        line->len--;
    }

    word->data = line->data;
    word->len = 0;

    while (word->len < line->len
           && word->data[word->len] != ' ' && word->data[word->len] != '\t')
    {
        word->len++;
    }

    line->data += word->len;
    line->len -= word->len;

    return word->len > 0;
}


static int
caphealth_is(const caphealth_span_t *word, const char *s)
{
    return word->len == strlen(s) && memcmp(word->data, s, word->len) == 0;
}


static int
caphealth_begins(const caphealth_span_t *word, const char *s)
{
    return word->len >= strlen(s) && memcmp(word->data, s, strlen(s)) == 0;
}


static int
caphealth_u64(const caphealth_span_t *word, uint64_t *number)
{
    size_t    i;
    uint64_t  n, digit;

    if (word->len == 0) {
        return -1;
    }

    n = 0;

    for (i = 0; i < word->len; i++) {
        if (word->data[i] < '0' || word->data[i] > '9') {
            return -1;
        }

        digit = (uint64_t) (word->data[i] - '0');

        if (n > (UINT64_MAX - digit) / 10) {
            return -1;
        }

        n = n * 10 + digit;
    }

    *number = n;

    return 0;
}


/* "12.34": neither sign nor exponent, whatever the locale */

static int
caphealth_decimal(const caphealth_span_t *word, double *number)
{
    size_t            i;
    uint64_t          whole, part;
    double            scale;
    caphealth_span_t  rest, piece;

    rest = *word;

    if (!caphealth_next(&rest, '.', &piece)
        || caphealth_u64(&piece, &whole) == -1)
    {
        return -1;
    }

    *number = (double) whole;

    if (piece.len == word->len) {
        return 0;
    }

    if (rest.len > 9 || caphealth_u64(&rest, &part) == -1) {
        return -1;
    }

    scale = 1;

    for (i = 0; i < rest.len; i++) {
        scale *= 10;
    }

    *number += (double) part / scale;

    return 0;
}


static int
caphealth_copy(const caphealth_span_t *span, char *to, size_t size)
{
    if (span->len >= size) {
        return -1;
    }

    memcpy(to, span->data, span->len);
    to[span->len] = '\0';

    return 0;
}


int
caphealth_proc_stat(const char *text, size_t len, caphealth_proc_stat_t *stat)
{
    int               i, found;
    uint64_t          field[CAPHEALTH_PROC_CPU_FIELDS];
    caphealth_span_t  rest, line, word;

    rest = (caphealth_span_t) { text, len };
    found = 0;

    memset(stat, 0, sizeof(caphealth_proc_stat_t));
    memset(field, 0, sizeof(field));

    while (caphealth_line(&rest, &line)) {

        if (!caphealth_word(&line, &word) || !caphealth_begins(&word, "cpu"))
        {
            continue;
        }

        if (word.len > 3) {
            stat->cores++;
            continue;
        }

        /* user nice system idle iowait irq softirq steal [guest ...] */

        for (i = 0; i < CAPHEALTH_PROC_CPU_FIELDS; i++) {
            if (!caphealth_word(&line, &word)
                || caphealth_u64(&word, &field[i]) == -1
                || field[i] > UINT64_MAX / CAPHEALTH_PROC_CPU_FIELDS)
            {
                return -1;
            }

            stat->total += field[i];
        }

        stat->idle = field[3] + field[4];
        found = 1;
    }

    return found && stat->cores > 0 ? 0 : -1;
}


double
caphealth_proc_cpu_percent(const caphealth_proc_stat_t *from,
    const caphealth_proc_stat_t *to)
{
    uint64_t  total, idle;

    total = to->total > from->total ? to->total - from->total : 0;
    idle = to->idle > from->idle ? to->idle - from->idle : 0;

    if (total == 0) {
        return NAN;
    }

    if (idle > total) {
        idle = total;
    }

    return 100.0 * (1.0 - (double) idle / (double) total);
}


int
caphealth_proc_meminfo(const char *text, size_t len, uint64_t *total,
    uint64_t *available)
{
    int               found;
    uint64_t         *number;
    caphealth_span_t  rest, line, word;

    rest = (caphealth_span_t) { text, len };
    found = 0;

    while (caphealth_line(&rest, &line)) {

        if (!caphealth_word(&line, &word)) {
            continue;
        }

        number = caphealth_is(&word, "MemTotal:") ? total
                 : caphealth_is(&word, "MemAvailable:") ? available
                 : NULL;

        if (number == NULL) {
            continue;
        }

        if (!caphealth_word(&line, &word)
            || caphealth_u64(&word, number) == -1
            || *number > (uint64_t) INT64_MAX / 1024
            || !caphealth_word(&line, &word)
            || !caphealth_is(&word, "kB"))
        {
            return -1;
        }

        *number *= 1024;
        found |= (number == total) ? 1 : 2;
    }

    return found == 3 && *total > 0 && *available <= *total ? 0 : -1;
}


int
caphealth_proc_loadavg(const char *text, size_t len, double load[3])
{
    int               i;
    caphealth_span_t  line, word;

    line = (caphealth_span_t) { text, len };

    for (i = 0; i < 3; i++) {
        if (!caphealth_word(&line, &word)
            || caphealth_decimal(&word, &load[i]) == -1)
        {
            return -1;
        }
    }

    return 0;
}


static int
caphealth_stall(caphealth_span_t *line, caphealth_proc_stall_t *stall)
{
    size_t            i;
    double            number;
    caphealth_span_t  word, key;

    const struct {
        const char   *key;
        double       *number;
    } fields[] = {
        { "avg10", &stall->avg10 },
        { "avg60", &stall->avg60 },
        { "avg300", &stall->avg300 },
        { "total", &stall->total }
    };

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {

        if (!caphealth_word(line, &word)
            || !caphealth_next(&word, '=', &key)
            || !caphealth_is(&key, fields[i].key)
            || caphealth_decimal(&word, &number) == -1)
        {
            return -1;
        }

        *fields[i].number = number;
    }

    stall->total /= 1e6;

    return 0;
}


int
caphealth_proc_pressure(const char *text, size_t len,
    caphealth_proc_pressure_t *pressure)
{
    caphealth_span_t  rest, line, word;

    rest = (caphealth_span_t) { text, len };

    memset(pressure, 0, sizeof(caphealth_proc_pressure_t));

    while (caphealth_line(&rest, &line)) {

        if (!caphealth_word(&line, &word)) {
            continue;
        }

        if (caphealth_is(&word, "some")) {
            if (caphealth_stall(&line, &pressure->some) == -1) {
                return -1;
            }

            pressure->has_some = 1;

        } else if (caphealth_is(&word, "full")) {
            if (caphealth_stall(&line, &pressure->full) == -1) {
                return -1;
            }

            pressure->has_full = 1;
        }
    }

    return pressure->has_some ? 0 : -1;
}


/* whether name is in a list such as "cpu,cpuacct" */

static int
caphealth_listed(caphealth_span_t list, const char *name)
{
    caphealth_span_t  one;

    while (caphealth_next(&list, ',', &one)) {
        if (caphealth_is(&one, name)) {
            return 1;
        }
    }

    return 0;
}


int
caphealth_proc_cgroup(const char *text, size_t len, const char *controller,
    char *path, size_t size)
{
    int               found;
    caphealth_span_t  rest, line, id, controllers;

    rest = (caphealth_span_t) { text, len };

    /* 4:memory:/path, and 0::/path for v2 */

    while (caphealth_line(&rest, &line)) {

        if (!caphealth_next(&line, ':', &id)
            || !caphealth_next(&line, ':', &controllers)
            || line.len == 0 || line.data[0] != '/')
        {
            continue;
        }

        found = (*controller == '\0')
                ? caphealth_is(&id, "0") && controllers.len == 0
                : caphealth_listed(controllers, controller);

        if (found) {
            return caphealth_copy(&line, path, size);
        }
    }

    return -1;
}


int
caphealth_proc_cgroup_mount(const char *text, size_t len,
    const char *controller, char *mount, char *root, size_t size)
{
    int               i, v2;
    caphealth_span_t  rest, line, word, at, from, options;

    rest = (caphealth_span_t) { text, len };
    v2 = (*controller == '\0');

    /* 36 35 98:0 ROOT MOUNT rw,relatime master:1 - TYPE SOURCE OPTIONS */

    while (caphealth_line(&rest, &line)) {

        memset(&from, 0, sizeof(caphealth_span_t));
        memset(&at, 0, sizeof(caphealth_span_t));

        for (i = 0; caphealth_word(&line, &word); i++) {
            if (i == 3) {
                from = word;

            } else if (i == 4) {
                at = word;

            } else if (i > 4 && caphealth_is(&word, "-")) {
                break;
            }
        }

        if (at.len == 0
            || !caphealth_word(&line, &word)
            || !caphealth_is(&word, v2 ? "cgroup2" : "cgroup"))
        {
            continue;
        }

        if (!caphealth_word(&line, &word)
            || !caphealth_word(&line, &options)
            || (!v2 && !caphealth_listed(options, controller)))
        {
            continue;
        }

        if (caphealth_copy(&at, mount, size) == -1) {
            return -1;
        }

        return caphealth_copy(&from, root, size);
    }

    return -1;
}


int
caphealth_proc_number(const char *text, size_t len, int64_t *number)
{
    uint64_t          n;
    caphealth_span_t  rest, line, word;

    rest = (caphealth_span_t) { text, len };

    if (!caphealth_line(&rest, &line) || !caphealth_word(&line, &word)) {
        return -1;
    }

    if (caphealth_is(&word, "max") || caphealth_is(&word, "-1")) {
        *number = INT64_MAX;
        return 0;
    }

    if (caphealth_u64(&word, &n) == -1) {
        return -1;
    }

    *number = (n > (uint64_t) INT64_MAX) ? INT64_MAX : (int64_t) n;

    return 0;
}


int
caphealth_proc_key(const char *text, size_t len, const char *key,
    int64_t *number)
{
    caphealth_span_t  rest, line, word;

    rest = (caphealth_span_t) { text, len };

    while (caphealth_line(&rest, &line)) {

        if (caphealth_word(&line, &word) && caphealth_is(&word, key)) {
            return caphealth_proc_number(line.data, line.len, number);
        }
    }

    return -1;
}
