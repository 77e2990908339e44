
/*
 * Parsers of what the kernel says of itself in /proc.
 */

#include <math.h>
#include <string.h>

#include "caphealth_proc.h"
#include "caphealth_str.h"



/* more than any machine has, in bytes; less than v1 says for "no limit" */
#define CAPHEALTH_PROC_NO_LIMIT  (INT64_C(1) << 62)


/* the kernel ends each line: a text that does not end in one was cut off */

static int
caphealth_whole(caphealth_str_t *whole, const char *text, size_t len)
{
    whole->data = text;
    whole->len = len;

    return len > 0 && text[len - 1] == '\n';
}


static int
caphealth_ticks(caphealth_str_t *line, uint64_t *ticks)
{
    int              i;
    caphealth_str_t  word;

    for (i = 0; i < CAPHEALTH_PROC_CPU_FIELDS; i++) {

        /* their sum must not overflow */

        if (!caphealth_str_word(line, &word)
            || caphealth_str_u64(&word, &ticks[i]) == -1
            || ticks[i] > UINT64_MAX / CAPHEALTH_PROC_CPU_FIELDS)
        {
            return -1;
        }
    }

    return 0;
}


int
caphealth_proc_stat(const char *text, size_t len, caphealth_proc_stat_t *stat)
{
    int              found;
    caphealth_str_t  rest, line, word;

    found = 0;

    memset(stat, 0, sizeof(caphealth_proc_stat_t));

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (caphealth_str_line(&rest, &line)) {

        if (!caphealth_str_word(&line, &word)
            || !caphealth_str_begins(&word, "cpu"))
        {
            continue;
        }

        if (word.len > 3) {
            stat->cores += (word.data[3] >= '0' && word.data[3] <= '9');
            continue;
        }

        if (caphealth_ticks(&line, stat->ticks) == -1) {
            return -1;
        }

        found = 1;
    }

    return found && stat->cores > 0 ? 0 : -1;
}


static int
caphealth_has_cpu(const caphealth_proc_cpus_t *cpus, uint64_t cpu)
{
    return cpu < CAPHEALTH_PROC_CPUS
           && (cpus->bits[cpu / 64] >> cpu % 64 & 1) != 0;
}


int
caphealth_proc_stat_of(const char *text, size_t len,
    const caphealth_proc_cpus_t *cpus, caphealth_proc_stat_t *stat)
{
    int               i;
    uint64_t          cpu, ticks[CAPHEALTH_PROC_CPU_FIELDS];
    caphealth_str_t  rest, line, word;

    memset(stat, 0, sizeof(caphealth_proc_stat_t));

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (caphealth_str_line(&rest, &line)) {

        if (!caphealth_str_word(&line, &word)
            || !caphealth_str_begins(&word, "cpu")
            || word.len == 3)
        {
            continue;
        }

        word.data += 3;
        word.len -= 3;

        if (caphealth_str_u64(&word, &cpu) == -1
            || !caphealth_has_cpu(cpus, cpu))
        {
            continue;
        }

        if (caphealth_ticks(&line, ticks) == -1) {
            return -1;
        }

        for (i = 0; i < CAPHEALTH_PROC_CPU_FIELDS; i++) {
            if (ticks[i] > UINT64_MAX / CAPHEALTH_PROC_CPU_FIELDS
                           - stat->ticks[i])
            {
                return -1;
            }

            stat->ticks[i] += ticks[i];
        }

        stat->cores++;
    }

    return 0;
}


/* "3" or "0-3" */

static int
caphealth_cpu_range(caphealth_str_t range, caphealth_proc_cpus_t *cpus)
{
    uint64_t          first, last;
    caphealth_str_t  piece;

    if (!caphealth_str_next(&range, '-', &piece)
        || caphealth_str_u64(&piece, &first) == -1)
    {
        return -1;
    }

    last = first;

    if (range.len > 0 && caphealth_str_u64(&range, &last) == -1) {
        return -1;
    }

    if (last < first || last >= CAPHEALTH_PROC_CPUS) {
        return -1;
    }

    for ( /* void */ ; first <= last; first++) {
        cpus->bits[first / 64] |= UINT64_C(1) << first % 64;
    }

    return 0;
}


int
caphealth_proc_cpu_list(const char *text, size_t len, const char *key,
    caphealth_proc_cpus_t *cpus)
{
    int               found;
    caphealth_str_t  rest, line, word, range;

    found = 0;

    memset(cpus, 0, sizeof(caphealth_proc_cpus_t));

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (!found && caphealth_str_line(&rest, &line)) {

        if (!caphealth_str_word(&line, &word)
            || (key != NULL && (!caphealth_str_is(&word, key)
                                || !caphealth_str_word(&line, &word))))
        {
            continue;
        }

        while (caphealth_str_next(&word, ',', &range)) {
            if (caphealth_cpu_range(range, cpus) == -1) {
                return -1;
            }

            found = 1;
        }
    }

    return found ? 0 : -1;
}


double
caphealth_proc_cpu_percent(const caphealth_proc_stat_t *from,
    const caphealth_proc_stat_t *to)
{
    int       i;
    uint64_t  ticks, total, idle;

    total = 0;
    idle = 0;

    for (i = 0; i < CAPHEALTH_PROC_CPU_FIELDS; i++) {

        ticks = to->ticks[i] > from->ticks[i] ? to->ticks[i] - from->ticks[i]
                                              : 0;
        total += ticks;

        if (i == CAPHEALTH_PROC_CPU_IDLE || i == CAPHEALTH_PROC_CPU_IOWAIT) {
            idle += ticks;
        }
    }

    return total > 0 ? 100.0 * (1.0 - (double) idle / (double) total) : NAN;
}


/* "24683656 kB", in bytes, or -1 */

static int64_t
caphealth_kilobytes(caphealth_str_t *line)
{
    uint64_t         number;
    caphealth_str_t  word;

    if (!caphealth_str_word(line, &word)
        || caphealth_str_u64(&word, &number) == -1
        || number > (uint64_t) INT64_MAX / 1024
        || !caphealth_str_word(line, &word)
        || !caphealth_str_is(&word, "kB"))
    {
        return -1;
    }

    return (int64_t) number * 1024;
}


int
caphealth_proc_meminfo(const char *text, size_t len, int64_t *total,
    int64_t *available)
{
    caphealth_str_t  rest, line, word;

    *total = -1;
    *available = -1;

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (caphealth_str_line(&rest, &line)) {

        if (!caphealth_str_word(&line, &word)) {
            continue;
        }

        if (caphealth_str_is(&word, "MemTotal:")) {
            *total = caphealth_kilobytes(&line);

        } else if (caphealth_str_is(&word, "MemAvailable:")) {
            *available = caphealth_kilobytes(&line);
        }
    }

    if (*total == 0) {
        *total = -1;
    }

    if (*total != -1 && *available > *total) {
        *available = -1;
    }

    return *total != -1 && *available != -1 ? 0 : -1;
}


int
caphealth_proc_loadavg(const char *text, size_t len, double load[3])
{
    int              i;
    caphealth_str_t  rest, line, word;

    if (!caphealth_whole(&rest, text, len)
        || !caphealth_str_line(&rest, &line))
    {
        return -1;
    }

    for (i = 0; i < 3; i++) {
        if (!caphealth_str_word(&line, &word)
            || caphealth_str_decimal(&word, &load[i]) == -1)
        {
            return -1;
        }
    }

    return 0;
}


int
caphealth_proc_uptime(const char *text, size_t len, double *uptime)
{
    caphealth_str_t  rest, line, word;

    if (!caphealth_whole(&rest, text, len)
        || !caphealth_str_line(&rest, &line)
        || !caphealth_str_word(&line, &word))
    {
        return -1;
    }

    return caphealth_str_decimal(&word, uptime);
}


static int
caphealth_stall(caphealth_str_t *line, caphealth_proc_stall_t *stall)
{
    size_t           i;
    double           number;
    caphealth_str_t  word, key;

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

        if (!caphealth_str_word(line, &word)
            || !caphealth_str_next(&word, '=', &key)
            || !caphealth_str_is(&key, fields[i].key)
            || caphealth_str_decimal(&word, &number) == -1)
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
    caphealth_str_t  rest, line, word;

    memset(pressure, 0, sizeof(caphealth_proc_pressure_t));

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (caphealth_str_line(&rest, &line)) {

        if (!caphealth_str_word(&line, &word)) {
            continue;
        }

        if (caphealth_str_is(&word, "some")) {
            if (caphealth_stall(&line, &pressure->some) == -1) {
                return -1;
            }

            pressure->has_some = 1;

        } else if (caphealth_str_is(&word, "full")) {
            if (caphealth_stall(&line, &pressure->full) == -1) {
                return -1;
            }

            pressure->has_full = 1;
        }
    }

    return pressure->has_some ? 0 : -1;
}


int
caphealth_proc_cgroup(const char *text, size_t len, const char *controller,
    char *path, size_t size)
{
    int              found;
    caphealth_str_t  rest, line, id, controllers;

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    /* 4:memory:/path, and 0::/path for v2 */

    while (caphealth_str_line(&rest, &line)) {

        if (!caphealth_str_next(&line, ':', &id)
            || !caphealth_str_next(&line, ':', &controllers)
            || line.len == 0 || line.data[0] != '/')
        {
            continue;
        }

        found = (*controller == '\0')
                ? caphealth_str_is(&id, "0") && controllers.len == 0
                : caphealth_str_listed(controllers, controller);

        if (found) {
            return caphealth_str_copy(&line, path, size);
        }
    }

    return -1;
}


/*
 * 36 35 98:0 ROOT MOUNT rw,relatime master:1 - TYPE SOURCE OPTIONS, and
 * options of v1 name its controllers
 */

static int
caphealth_mount(caphealth_str_t *line, const char *controller,
    caphealth_str_t *mount, caphealth_str_t *root)
{
    int              i, v2;
    caphealth_str_t  word;

    v2 = (*controller == '\0');

    for (i = 0; caphealth_str_word(line, &word); i++) {

        if (i == 3) {
            *root = word;

        } else if (i == 4) {
            *mount = word;

        } else if (i > 5 && caphealth_str_is(&word, "-")) {
            break;
        }
    }

    return caphealth_str_word(line, &word)
           && caphealth_str_is(&word, v2 ? "cgroup2" : "cgroup")
           && caphealth_str_word(line, &word)
           && caphealth_str_word(line, &word)
           && (v2 || caphealth_str_listed(word, controller));
}


int
caphealth_proc_cgroup_mount(const char *text, size_t len,
    const char *controller, char *mount, char *root, size_t size)
{
    caphealth_str_t  rest, line, at, from;

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (caphealth_str_line(&rest, &line)) {

        if (!caphealth_mount(&line, controller, &at, &from)) {
            continue;
        }

        if (caphealth_str_unescape(&at, mount, size) == -1) {
            return -1;
        }

        return caphealth_str_unescape(&from, root, size);
    }

    return -1;
}


static int
caphealth_number(caphealth_str_t *line, int64_t *number)
{
    uint64_t         n;
    caphealth_str_t  word;

    if (!caphealth_str_word(line, &word)
        || caphealth_str_u64(&word, &n) == -1
        || n > (uint64_t) INT64_MAX)
    {
        return -1;
    }

    *number = (int64_t) n;

    return 0;
}


static int
caphealth_limit(caphealth_str_t *line, int64_t *limit)
{
    uint64_t         n;
    caphealth_str_t  word;

    if (!caphealth_str_word(line, &word)) {
        return -1;
    }

    if (caphealth_str_is(&word, "max") || caphealth_str_is(&word, "-1")) {
        *limit = INT64_MAX;
        return 0;
    }

    if (caphealth_str_u64(&word, &n) == -1) {
        return -1;
    }

    *limit = (n < CAPHEALTH_PROC_NO_LIMIT) ? (int64_t) n : INT64_MAX;

    return 0;
}


int
caphealth_proc_number(const char *text, size_t len, int64_t *number)
{
    caphealth_str_t  rest, line;

    if (!caphealth_whole(&rest, text, len)
        || !caphealth_str_line(&rest, &line))
    {
        return -1;
    }

    return caphealth_number(&line, number);
}


int
caphealth_proc_limit(const char *text, size_t len, int64_t *limit)
{
    caphealth_str_t  rest, line;

    if (!caphealth_whole(&rest, text, len)
        || !caphealth_str_line(&rest, &line))
    {
        return -1;
    }

    return caphealth_limit(&line, limit);
}


int
caphealth_proc_quota(const char *text, size_t len, int64_t *quota,
    int64_t *period)
{
    caphealth_str_t  rest, line;

    if (!caphealth_whole(&rest, text, len)
        || !caphealth_str_line(&rest, &line)
        || caphealth_limit(&line, quota) == -1)
    {
        return -1;
    }

    return caphealth_number(&line, period);
}


int
caphealth_proc_key(const char *text, size_t len, const char *key,
    int64_t *number)
{
    caphealth_str_t  rest, line, word;

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (caphealth_str_line(&rest, &line)) {

        if (caphealth_str_word(&line, &word)
            && caphealth_str_is(&word, key))
        {
            return caphealth_number(&line, number);
        }
    }

    return -1;
}


int
caphealth_proc_kstat(const char *text, size_t len, const char *name,
    int64_t *number)
{
    caphealth_str_t  rest, line, word;

    if (!caphealth_whole(&rest, text, len)) {
        return -1;
    }

    while (caphealth_str_line(&rest, &line)) {

        if (caphealth_str_word(&line, &word)
            && caphealth_str_is(&word, name)
            && caphealth_str_word(&line, &word))
        {
            return caphealth_number(&line, number);
        }
    }

    return -1;
}
