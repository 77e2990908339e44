
/*
 * The ready documents of the history.
 */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "caphealth_documents.h"
#include "caphealth_utf8.h"


#define CAPHEALTH_DAY               86400

/* the last events of a window */
#define CAPHEALTH_DOCUMENT_EVENTS   500

#define CAPHEALTH_DOCUMENT_BUFFER   65536
#define CAPHEALTH_DOCUMENT_NUMBER   32
#define CAPHEALTH_DOCUMENT_ERROR    256


typedef struct {
    const char                *name;
    int64_t                    seconds;
    caphealth_history_tier_e   tier;
    int                        level;    /* of compression: that of a window
                                            which is written each minute must
                                            cost little */
} caphealth_window_t;


/* a series of a window; a column without a sample has the count 0 */

typedef struct {
    uint32_t                  *count;
    float                     *min;
    float                     *mean;
    float                     *max;
} caphealth_columns_t;


struct caphealth_documents_s {
    caphealth_history_t       *history;
    char                      *dir;
    int64_t                    step;
    caphealth_history_log_pt   log;
    void                      *data;
    int                        dirfd;    /* while they are written, or -1 */
    int64_t                    written[4];   /* the last column of each */
    char                       error[CAPHEALTH_DOCUMENT_ERROR];

    char                      *names[CAPHEALTH_HISTORY_SERIES + 1];
    char                      *units[CAPHEALTH_HISTORY_SERIES + 1];

    /* the one that is being made */

    const caphealth_window_t  *window;
    int64_t                    begin;    /* of the first column there may be */
    int64_t                    width;    /* seconds of a column */
    size_t                     n;        /* columns */
    size_t                     first;    /* with a sample */
    int                        failed;   /* errno */
    caphealth_columns_t        series[CAPHEALTH_HISTORY_SERIES + 1];
    size_t                     events;
    size_t                     skip;
    int                        fd;
    gzFile                     gz;
    size_t                     len;
    char                       buffer[CAPHEALTH_DOCUMENT_BUFFER];

    /* or the past of each day */

    caphealth_history_facts_t *past;
    uint32_t                   pasts[CAPHEALTH_HISTORY_SERIES + 1];
};


static int caphealth_documents_lock(caphealth_documents_t *d);
static int caphealth_documents_names(caphealth_documents_t *d);
static void caphealth_documents_name(void *data, uint32_t series,
    const char *name, const char *unit);
static int caphealth_document_write(caphealth_documents_t *d, double now);
static int caphealth_document_read(caphealth_documents_t *d);
static void caphealth_document_row(void *data, int64_t time,
    const caphealth_history_point_t *points, size_t n);
static caphealth_columns_t *caphealth_document_series(
    caphealth_documents_t *d, uint32_t series);
static void caphealth_document_free(caphealth_documents_t *d);
static int caphealth_document_open(caphealth_documents_t *d);
static int caphealth_document_close(caphealth_documents_t *d);
static int caphealth_document_rename(caphealth_documents_t *d,
    const char *suffix);
static void caphealth_document_body(caphealth_documents_t *d, double now);
static void caphealth_document_values(caphealth_documents_t *d,
    const char *name, const uint32_t *count, const float *values);
static void caphealth_document_events(caphealth_documents_t *d);
static void caphealth_document_count(void *data,
    const caphealth_history_event_t *event);
static void caphealth_document_event(void *data,
    const caphealth_history_event_t *event);
static void caphealth_document_text(caphealth_documents_t *d,
    const char *text);
static void caphealth_document_string(caphealth_documents_t *d,
    const char *text);
static void caphealth_document_time(caphealth_documents_t *d, double time);
static void caphealth_document_flush(caphealth_documents_t *d);
static void caphealth_documents_failed(caphealth_documents_t *d,
    const char *what, int err);
static int caphealth_documents_forecast(const char *name, const char *unit);
static void caphealth_documents_day(void *data, int64_t time,
    const caphealth_history_point_t *points, size_t n);


static const caphealth_window_t  caphealth_windows[] = {
    { "2h", 7200, CAPHEALTH_HISTORY_SECONDS, 1 },
    { "2d", 2 * CAPHEALTH_DAY, CAPHEALTH_HISTORY_MINUTES, 1 },
    { "60d", 60 * CAPHEALTH_DAY, CAPHEALTH_HISTORY_TEN_MINUTES, 4 },
    { "3y", 3 * 1461 * 21600, CAPHEALTH_HISTORY_SIX_HOURS, 4 }
};


caphealth_documents_t *
caphealth_documents_create(caphealth_history_t *h, const char *dir,
    int64_t step, caphealth_history_log_pt log, void *data)
{
    caphealth_documents_t  *d;

    d = calloc(1, sizeof(caphealth_documents_t));
    if (d == NULL) {
        return NULL;
    }

    d->history = h;
    d->dir = strdup(dir);
    d->step = (step > 0) ? step : 1;
    d->log = log;
    d->data = data;
    d->dirfd = -1;
    d->fd = -1;

    memset(d->written, -1, sizeof(d->written));

    if (d->dir == NULL) {
        free(d);
        return NULL;
    }

    return d;
}


void
caphealth_documents_destroy(caphealth_documents_t *d)
{
    size_t  i;

    for (i = 0; i <= CAPHEALTH_HISTORY_SERIES; i++) {
        free(d->names[i]);
        free(d->units[i]);
    }

    free(d->dir);
    free(d);
}


int
caphealth_documents_write(caphealth_documents_t *d, double now)
{
    int      lock, rc;
    size_t   i;
    int64_t  column;

    lock = caphealth_documents_lock(d);
    if (lock == -1) {
        return -1;
    }

    /* during a reload the other collector writes the same */

    rc = (lock == -2) ? 0 : caphealth_documents_names(d);

    for (i = 0; lock >= 0 && rc == 0 && i < 4; i++) {
        d->window = &caphealth_windows[i];
        d->width = (i == 0) ? d->step : caphealth_history_step(
                                                     d->window->tier);
        column = (int64_t) now / d->width;

        /* those of a minute's step and less are written each minute */

        if (i > 1 && column == d->written[i]) {
            continue;
        }

        d->n = (size_t) (d->window->seconds / d->width);
        d->begin = (column - (int64_t) d->n + 1) * d->width;

        rc = caphealth_document_write(d, now);

        /* one without a column is written again as soon as there is one */

        if (rc == 0 && d->first < d->n) {
            d->written[i] = column;
        }
    }

    if (lock >= 0) {
        (void) close(lock);

        /* what the largest window took is of no use until the next one */

        (void) malloc_trim(0);
    }

    (void) close(d->dirfd);
    d->dirfd = -1;

    if (rc == 0 && lock >= 0) {
        d->error[0] = '\0';
    }

    return rc;
}


/* -2: another process has it */

static int
caphealth_documents_lock(caphealth_documents_t *d)
{
    int  err, fd;

    d->dirfd = open(d->dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    fd = (d->dirfd == -1) ? -1
         : openat(d->dirfd, "history-documents.lock",
                  O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (fd != -1 && flock(fd, LOCK_EX|LOCK_NB) == 0) {
        return fd;
    }

    err = errno;

    if (fd != -1) {
        (void) close(fd);

        if (err == EWOULDBLOCK) {
            return -2;
        }
    }

    if (d->dirfd != -1) {
        (void) close(d->dirfd);
        d->dirfd = -1;
    }

    caphealth_documents_failed(d, "be locked", err);

    return -1;
}


static int
caphealth_documents_names(caphealth_documents_t *d)
{
    size_t  i;

    for (i = 0; i <= CAPHEALTH_HISTORY_SERIES; i++) {
        free(d->names[i]);
        free(d->units[i]);
        d->names[i] = NULL;
        d->units[i] = NULL;
    }

    return caphealth_history_series(d->history, caphealth_documents_name, d);
}


static void
caphealth_documents_name(void *data, uint32_t series, const char *name,
    const char *unit)
{
    caphealth_documents_t  *d = data;

    d->names[series] = strdup(name);
    d->units[series] = strdup(unit);
}


static int
caphealth_document_write(caphealth_documents_t *d, double now)
{
    int  rc;

    d->failed = 0;
    d->first = d->n;
    d->len = 0;

    rc = caphealth_document_read(d);

    if (rc == 0) {
        rc = caphealth_document_open(d);
    }

    if (rc == 0) {
        caphealth_document_body(d, now);
        rc = caphealth_document_close(d);
    }

    caphealth_document_free(d);

    return rc;
}


static int
caphealth_document_read(caphealth_documents_t *d)
{
    if (caphealth_history_read(d->history, d->window->tier, d->begin,
                               d->begin + (int64_t) d->n * d->width,
                               caphealth_document_row, d)
        != 0)
    {
        return -1;
    }

    if (d->failed) {
        caphealth_documents_failed(d, "be made", d->failed);
        return -1;
    }

    return 0;
}


static void
caphealth_document_row(void *data, int64_t time,
    const caphealth_history_point_t *points, size_t n)
{
    size_t                  i, column;
    caphealth_columns_t    *c;
    caphealth_documents_t  *d = data;

    column = (size_t) ((time - d->begin) / d->width);

    if (column < d->first) {
        d->first = column;
    }

    for (i = 0; i < n; i++) {
        c = caphealth_document_series(d, points[i].series);

        if (c == NULL) {
            continue;
        }

        if (c->count[column] == 0) {
            c->min[column] = (float) points[i].min;
            c->mean[column] = (float) points[i].mean;
            c->max[column] = (float) points[i].max;
            c->count[column] = points[i].count;
            continue;
        }

        /* several of the finest tier in one column */

        c->count[column] += points[i].count;
        c->min[column] = fminf(c->min[column], (float) points[i].min);
        c->max[column] = fmaxf(c->max[column], (float) points[i].max);
        c->mean[column] += ((float) points[i].mean - c->mean[column])
                           * (float) points[i].count
                           / (float) c->count[column];
    }
}


static caphealth_columns_t *
caphealth_document_series(caphealth_documents_t *d, uint32_t series)
{
    float                *values;
    caphealth_columns_t  *c;

    c = &d->series[series];

    if (c->count != NULL) {
        return c;
    }

    if (d->names[series] == NULL || d->units[series] == NULL) {
        return NULL;
    }

    c->count = calloc(d->n, sizeof(uint32_t));
    values = malloc(d->n * 3 * sizeof(float));

    if (c->count == NULL || values == NULL) {
        free(c->count);
        free(values);
        c->count = NULL;
        d->failed = ENOMEM;
        return NULL;
    }

    c->min = values;
    c->mean = &values[d->n];
    c->max = &values[2 * d->n];

    return c;
}


static void
caphealth_document_free(caphealth_documents_t *d)
{
    size_t  i;

    for (i = 0; i <= CAPHEALTH_HISTORY_SERIES; i++) {
        if (d->series[i].count != NULL) {
            free(d->series[i].count);
            free(d->series[i].min);
            d->series[i].count = NULL;
        }
    }
}


static int
caphealth_document_open(caphealth_documents_t *d)
{
    int   err, fd;
    char  name[64], mode[8];

    (void) snprintf(name, sizeof(name), "history-%s.json.tmp",
                    d->window->name);

    d->fd = openat(d->dirfd, name,
                   O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC|O_NOFOLLOW, 0600);
    if (d->fd == -1) {
        caphealth_documents_failed(d, "be opened", errno);
        return -1;
    }

    (void) snprintf(name, sizeof(name), "history-%s.json.gz.tmp",
                    d->window->name);
    (void) snprintf(mode, sizeof(mode), "wb%d", d->window->level);

    fd = openat(d->dirfd, name,
                O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC|O_NOFOLLOW, 0600);
    err = errno;

    d->gz = (fd == -1) ? NULL : gzdopen(fd, mode);

    if (d->gz == NULL) {
        if (fd != -1) {
            (void) close(fd);
            err = ENOMEM;
        }

        (void) close(d->fd);
        caphealth_documents_failed(d, "be opened", err);
        return -1;
    }

    return 0;
}


static int
caphealth_document_close(caphealth_documents_t *d)
{
    int  rc;

    caphealth_document_flush(d);

    if (close(d->fd) == -1 && d->failed == 0) {
        d->failed = errno;
    }

    errno = 0;
    rc = gzclose(d->gz);

    if (rc != Z_OK && d->failed == 0) {
        d->failed = errno ? errno : EIO;
    }

    if (d->failed == 0 && caphealth_document_rename(d, "") == 0
        && caphealth_document_rename(d, ".gz") == 0)
    {
        return 0;
    }

    caphealth_documents_failed(d, "be written", d->failed);

    return -1;
}


static int
caphealth_document_rename(caphealth_documents_t *d, const char *suffix)
{
    char  from[64], to[64];

    (void) snprintf(to, sizeof(to), "history-%s.json%s", d->window->name,
                    suffix);
    (void) snprintf(from, sizeof(from), "%.48s.tmp", to);

    if (renameat(d->dirfd, from, d->dirfd, to) == 0) {
        return 0;
    }

    d->failed = errno;

    return -1;
}


static void
caphealth_document_body(caphealth_documents_t *d, double now)
{
    char                  text[128];
    size_t                i;
    const char           *comma;
    caphealth_columns_t  *c;

    caphealth_document_text(d, "{\"window\":\"");
    caphealth_document_text(d, d->window->name);
    (void) snprintf(text, sizeof(text), "\",\"step\":%lld,\"start\":",
                    (long long) d->width);
    caphealth_document_text(d, text);
    caphealth_document_time(d, (double) (d->begin
                                         + (int64_t) d->first * d->width));
    (void) snprintf(text, sizeof(text), ",\"columns\":%zu,"
                    "\"generated_at\":", d->n - d->first);
    caphealth_document_text(d, text);
    caphealth_document_time(d, now);
    caphealth_document_text(d, ",\"series\":{");

    comma = "";

    for (i = 0; i <= CAPHEALTH_HISTORY_SERIES; i++) {
        c = &d->series[i];

        if (c->count == NULL) {
            continue;
        }

        caphealth_document_text(d, comma);
        caphealth_document_string(d, d->names[i]);
        caphealth_document_text(d, ":{\"unit\":");
        caphealth_document_string(d, d->units[i]);
        caphealth_document_values(d, ",\"min\":[", c->count, c->min);
        caphealth_document_values(d, "],\"mean\":[", c->count, c->mean);
        caphealth_document_values(d, "],\"max\":[", c->count, c->max);
        caphealth_document_text(d, "]}");
        comma = ",";
    }

    caphealth_document_text(d, "},\"events\":[");
    caphealth_document_events(d);
    caphealth_document_text(d, "]}\n");
}


static void
caphealth_document_values(caphealth_documents_t *d, const char *name,
    const uint32_t *count, const float *values)
{
    size_t  i;

    caphealth_document_text(d, name);

    for (i = d->first; i < d->n; i++) {
        if (d->len + CAPHEALTH_DOCUMENT_NUMBER + 1 > sizeof(d->buffer)) {
            caphealth_document_flush(d);
        }

        if (i > d->first) {
            d->buffer[d->len++] = ',';
        }

        d->len += caphealth_documents_number(&d->buffer[d->len],
                                             count[i] ? (double) values[i]
                                                      : (double) NAN);
    }
}


size_t
caphealth_documents_number(char *text, double x)
{
    int       decimals;
    char     *p, digits[24];
    size_t    n;
    double    least, scale;
    uint64_t  m;

    if (!isfinite(x)) {
        memcpy(text, "null", 4);
        return 4;
    }

    p = text;

    if (x < 0) {
        *p++ = '-';
        x = -x;
    }

    if (x < 1e-6 || x >= 1e15) {
        if (x < 1e-300) {
            *text = '0';
            return 1;
        }

        (void) snprintf(digits, sizeof(digits), "%.4g", x);
        n = strlen(digits);
        memcpy(p, digits, n);
        return (size_t) (p - text) + n;
    }

    /* 4 digits before the point, or as many behind it as make 4 */

    decimals = 0;
    scale = 1;

    least = 1000;

    while (x < least) {
        decimals++;
        scale *= 10;
        least /= 10;
    }

    if (decimals == 0) {
        least = 10000;

        while (x >= least) {
            scale *= 10;
            least *= 10;
        }

        m = (uint64_t) (nearbyint(x / scale) * scale);

    } else {
        m = (uint64_t) nearbyint(x * scale);
    }

    for (/* void */; decimals > 0 && m % 10 == 0; decimals--) {
        m /= 10;
    }

    n = sizeof(digits);

    do {
        digits[--n] = (char) ('0' + m % 10);
        m /= 10;

        if (--decimals == 0) {
            digits[--n] = '.';

            if (m == 0) {
                digits[--n] = '0';
            }
        }

    } while (m > 0 || decimals > 0);

    memcpy(p, &digits[n], sizeof(digits) - n);

    return (size_t) (p - text) + sizeof(digits) - n;
}


static void
caphealth_document_events(caphealth_documents_t *d)
{
    double  from, to;

    from = (double) d->begin;
    to = (double) (d->begin + (int64_t) d->n * d->width);

    d->events = 0;

    if (caphealth_history_events(d->history, from, to,
                                 caphealth_document_count, d)
        != 0)
    {
        d->failed = EIO;
        return;
    }

    d->skip = (d->events > CAPHEALTH_DOCUMENT_EVENTS)
              ? d->events - CAPHEALTH_DOCUMENT_EVENTS : 0;
    d->events = 0;

    if (caphealth_history_events(d->history, from, to,
                                 caphealth_document_event, d)
        != 0)
    {
        d->failed = EIO;
    }
}


static void
caphealth_document_count(void *data, const caphealth_history_event_t *event)
{
    caphealth_documents_t  *d = data;

    (void) event;

    d->events++;
}


static void
caphealth_document_event(void *data, const caphealth_history_event_t *event)
{
    caphealth_documents_t  *d = data;

    if (d->events++ < d->skip) {
        return;
    }

    caphealth_document_text(d, (d->events > d->skip + 1) ? ",{\"at\":"
                                                         : "{\"at\":");
    caphealth_document_time(d, event->time);
    caphealth_document_text(d, ",\"kind\":");
    caphealth_document_string(d, event->kind);
    caphealth_document_text(d, ",\"from\":");
    caphealth_document_string(d, (*event->from == '\0') ? NULL : event->from);
    caphealth_document_text(d, ",\"to\":");
    caphealth_document_string(d, (*event->to == '\0') ? NULL : event->to);
    caphealth_document_text(d, ",\"text\":");
    caphealth_document_string(d, event->text);
    caphealth_document_text(d, ",\"code\":");
    caphealth_document_string(d, (*event->code == '\0') ? NULL : event->code);
    caphealth_document_text(d, ",\"args\":");
    caphealth_document_text(d, (*event->args == '\0') ? "{}" : event->args);
    caphealth_document_text(d, "}");
}


static void
caphealth_document_text(caphealth_documents_t *d, const char *text)
{
    size_t  len, n;

    for (len = strlen(text); len > 0; len -= n) {
        if (d->len == sizeof(d->buffer)) {
            caphealth_document_flush(d);
        }

        n = sizeof(d->buffer) - d->len;
        n = (len < n) ? len : n;

        memcpy(&d->buffer[d->len], text, n);
        d->len += n;
        text += n;
    }
}


static void
caphealth_document_string(caphealth_documents_t *d, const char *text)
{
    char  *quoted;

    if (text == NULL) {
        caphealth_document_text(d, "null");
        return;
    }

    quoted = caphealth_utf8_quote(text);

    if (quoted == NULL) {
        d->failed = ENOMEM;

    } else {
        caphealth_document_text(d, quoted);
    }

    free(quoted);
}


static void
caphealth_document_time(caphealth_documents_t *d, double time)
{
    char       text[64];
    time_t     t;
    struct tm  tm;

    t = (time_t) time;

    if (gmtime_r(&t, &tm) == NULL
        || strftime(text, sizeof(text), "\"%Y-%m-%dT%H:%M:%SZ\"", &tm) == 0)
    {
        d->failed = EOVERFLOW;
        return;
    }

    caphealth_document_text(d, text);
}


static void
caphealth_document_flush(caphealth_documents_t *d)
{
    char     *p;
    size_t    len;
    ssize_t   n;

    for (p = d->buffer, len = d->len; d->failed == 0 && len > 0; /* void */) {
        n = write(d->fd, p, len);

        if (n == -1 && errno != EINTR) {
            d->failed = errno;

        } else if (n > 0) {
            p += n;
            len -= (size_t) n;
        }
    }

    errno = 0;

    if (d->failed == 0 && d->len > 0
        && gzwrite(d->gz, d->buffer, (unsigned) d->len) != (int) d->len)
    {
        d->failed = errno ? errno : EIO;
    }

    d->len = 0;
}


static void
caphealth_documents_failed(caphealth_documents_t *d, const char *what,
    int err)
{
    char  text[CAPHEALTH_DOCUMENT_ERROR];

    (void) snprintf(text, sizeof(text), "the documents of the history in "
                    "\"%.100s\" cannot %s: %s", d->dir, what, strerror(err));

    if (strcmp(text, d->error) != 0) {
        memcpy(d->error, text, sizeof(text));

        if (d->log != NULL) {
            d->log(d->data, text);
        }
    }
}


int
caphealth_documents_past(caphealth_documents_t *d, double now,
    caphealth_history_facts_t *facts)
{
    size_t    i, day;
    int64_t   today;
    uint32_t  n;

    today = (int64_t) now / CAPHEALTH_DAY;

    caphealth_history_facts_clear(facts);
    facts->first_day = (int32_t) (today - CAPHEALTH_PAST_DAYS + 1);

    if (caphealth_documents_names(d) != 0) {
        return -1;
    }

    n = 0;

    for (i = 0; i <= CAPHEALTH_HISTORY_SERIES; i++) {
        d->pasts[i] = CAPHEALTH_PAST_SERIES;

        if (n < CAPHEALTH_PAST_SERIES && d->names[i] != NULL
            && d->units[i] != NULL
            && caphealth_documents_forecast(d->names[i], d->units[i]))
        {
            (void) snprintf(facts->series[n].name, CAPHEALTH_SERIES_NAME,
                            "%.*s", CAPHEALTH_SERIES_NAME - 1, d->names[i]);

            for (day = 0; day < CAPHEALTH_PAST_DAYS; day++) {
                facts->series[n].days[day] = NAN;
            }

            d->pasts[i] = n++;
        }
    }

    facts->n = n;
    d->past = facts;

    return caphealth_history_read(d->history, CAPHEALTH_HISTORY_TEN_MINUTES,
                           (int64_t) facts->first_day * CAPHEALTH_DAY,
                           (today + 1) * CAPHEALTH_DAY,
                           caphealth_documents_day, d);
}


/* what reaches a limit as it grows */

static int
caphealth_documents_forecast(const char *name, const char *unit)
{
    return strcmp(unit, "per_minute") != 0 && strcmp(unit, "status") != 0
           && strcmp(unit, "seconds") != 0
           && strcmp(name, "converters_waiting") != 0
           && strlen(name) < CAPHEALTH_SERIES_NAME;
}


static void
caphealth_documents_day(void *data, int64_t time,
    const caphealth_history_point_t *points, size_t n)
{
    float                  *value;
    size_t                  i;
    int64_t                 day;
    uint32_t                past;
    caphealth_documents_t  *d = data;

    day = time / CAPHEALTH_DAY - d->past->first_day;

    for (i = 0; i < n; i++) {
        past = d->pasts[points[i].series];

        if (past < CAPHEALTH_PAST_SERIES) {
            value = &d->past->series[past].days[day];

            /* fmaxf() takes what is known of the two */

            *value = fmaxf(*value, (float) points[i].max);
        }
    }
}
