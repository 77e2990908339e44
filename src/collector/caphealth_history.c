
/*
 * History: see the header.
 *
 * A row has all series of its time, for they are written together: one page of
 * the file a minute and tier instead of one a series.
 */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <sqlite3.h>

#include "caphealth_history.h"
#include "caphealth_history_row.h"


/* "CapH"; and the schema, which a newer version may change */
#define CAPHEALTH_HISTORY_ID        0x43617048
#define CAPHEALTH_HISTORY_VERSION   1

/* samples and events that are kept while nothing can be written */
#define CAPHEALTH_HISTORY_WAITING   65536
#define CAPHEALTH_HISTORY_PENDING      1024

/* events in the file */
#define CAPHEALTH_HISTORY_EVENTS    4000

/* writes between two checks of the size */
#define CAPHEALTH_HISTORY_WRITES    60

/* seconds for which the values of each second are kept */
#define CAPHEALTH_HISTORY_RAW       7200

/* milliseconds that another process is waited for */
#define CAPHEALTH_HISTORY_BUSY      2000

/* seconds: a time beyond is of a clock that was wrong; more than that apart,
   one was set; the last moment of the year 9999 */
#define CAPHEALTH_HISTORY_AHEAD     86400
#define CAPHEALTH_HISTORY_SET       60
#define CAPHEALTH_HISTORY_LATEST    253402300799.0

/* beside SQLite's own results, which have other low bits */
#define CAPHEALTH_HISTORY_NEWER     (SQLITE_NOTADB | (100 << 8))
#define CAPHEALTH_HISTORY_FOREIGN   (SQLITE_AUTH | (100 << 8))
#define CAPHEALTH_HISTORY_SYSTEM    (SQLITE_IOERR | (100 << 8))


typedef struct {
    const char                  *table;
    int64_t                      step;   /* seconds */
    int64_t                      rows;   /* the most */
} caphealth_history_kind_t;


typedef struct {
    double                       time;
    double                       value;
    uint32_t                     name;   /* index */
} caphealth_history_sample_t;


typedef struct {
    double                       time;
    char                         kind[CAPHEALTH_HISTORY_KIND];
    char                         from[CAPHEALTH_HISTORY_KIND];
    char                         to[CAPHEALTH_HISTORY_KIND];
    char                         text[CAPHEALTH_HISTORY_TEXT];
    char                         code[CAPHEALTH_HISTORY_KIND];
    char                         args[CAPHEALTH_HISTORY_TEXT];
} caphealth_history_pending_t;


/* what has been added, and not yet written */

typedef struct {
    size_t                       nsamples;
    size_t                       npending;  /* events */
    size_t                       lost;      /* samples */
    caphealth_history_sample_t  *samples;
    caphealth_history_pending_t *pending;
} caphealth_history_batch_t;


struct caphealth_history_s {
    char                        *path;
    int64_t                      max_size;
    caphealth_history_log_pt     log;
    void                        *data;

    pthread_mutex_t              mutex;  /* of the following five */
    size_t                       nnames;
    unsigned                     full:1; /* there were more names */
    char                        *names[CAPHEALTH_HISTORY_SERIES];
    const char                  *units[CAPHEALTH_HISTORY_SERIES];
    caphealth_history_batch_t    added;

    caphealth_history_batch_t    batch;  /* that is being written */
    sqlite3                     *db;     /* NULL: it is not open */
    int                          lock;   /* descriptor; -1 */
    unsigned                     writes;
    unsigned                     full_logged:1;
    unsigned                     has_offset:1;
    double                       offset; /* of the clock */
    int32_t                      ids[CAPHEALTH_HISTORY_SERIES];
    sqlite3_stmt                *get[CAPHEALTH_HISTORY_TIERS];
    sqlite3_stmt                *put[CAPHEALTH_HISTORY_TIERS];
    caphealth_history_row_t      row;    /* that is being made */
    unsigned char                blob[CAPHEALTH_HISTORY_ROW];
    int                          errnum; /* of CAPHEALTH_HISTORY_SYSTEM */
    char                         error[CAPHEALTH_HISTORY_TEXT];
};


static int caphealth_history_alloc(caphealth_history_batch_t *b);
static void caphealth_history_drop(caphealth_history_batch_t *b, size_t n);
static void caphealth_history_cut(char *to, size_t size, const char *text);
static void caphealth_history_clock(caphealth_history_t *h, double now,
    double up);
static void caphealth_history_take(caphealth_history_t *h);
static void caphealth_history_give_back(caphealth_history_t *h);
static int caphealth_history_open(caphealth_history_t *h);
static int caphealth_history_open_lock(caphealth_history_t *h, int operation);
static int caphealth_history_open_file(caphealth_history_t *h);
static int caphealth_history_schema(caphealth_history_t *h);
static int caphealth_history_add_columns(caphealth_history_t *h);
static int caphealth_history_create_schema(caphealth_history_t *h);
static int caphealth_history_prepare(caphealth_history_t *h);
static void caphealth_history_close(caphealth_history_t *h);
static int caphealth_history_recover(caphealth_history_t *h, int rc,
    double now);
static int caphealth_history_set_aside(caphealth_history_t *h,
    const char *suffix);
static void caphealth_history_failed(caphealth_history_t *h, int rc);
static void caphealth_history_set_error(caphealth_history_t *h,
    const char *text);
static void caphealth_history_log(caphealth_history_t *h, const char *text);
static int caphealth_history_transaction(caphealth_history_t *h, double now);
static int caphealth_history_write_names(caphealth_history_t *h);
static int caphealth_history_write_tier(caphealth_history_t *h, size_t tier);
static int caphealth_history_get(caphealth_history_t *h, size_t tier,
    int64_t time);
static int caphealth_history_put(caphealth_history_t *h, size_t tier);
static int caphealth_history_write_events(caphealth_history_t *h, double now);
static int caphealth_history_insert(sqlite3_stmt *insert,
    const caphealth_history_pending_t *event);
static int caphealth_history_remove_old(caphealth_history_t *h, int64_t now);
static int caphealth_history_remove_rows(caphealth_history_t *h, size_t tier,
    int64_t rows, int64_t now);
static int caphealth_history_shrink(caphealth_history_t *h, int64_t now);
static int caphealth_history_largest(caphealth_history_t *h, size_t *largest,
    int64_t *rows);
static int caphealth_history_select(caphealth_history_t *h, const char *sql,
    double from, double to, sqlite3_stmt **stmt);
static int caphealth_history_selected(caphealth_history_t *h,
    sqlite3_stmt *stmt, int rc);
static int caphealth_history_exec(caphealth_history_t *h, const char *format,
    ...)
    __attribute__ ((format(printf, 2, 3)));
static int caphealth_history_number(caphealth_history_t *h, int64_t *number,
    const char *format, ...)
    __attribute__ ((format(printf, 3, 4)));


static const caphealth_history_kind_t
    caphealth_history_tiers[CAPHEALTH_HISTORY_TIERS] =
{
    { "seconds",     1,     CAPHEALTH_HISTORY_RAW },
    { "minutes",     60,    2 * 1440 },
    { "ten_minutes", 600,   60 * 144 },
    { "six_hours",   21600, 3 * 1461 }
};


static const char  caphealth_history_tables[] =
    "CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " unit TEXT NOT NULL);"
    "CREATE TABLE seconds (time INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE minutes (time INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE ten_minutes (time INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE six_hours (time INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL NOT NULL,"
    " kind TEXT NOT NULL, \"from\" TEXT NOT NULL, \"to\" TEXT NOT NULL,"
    " text TEXT NOT NULL, code TEXT NOT NULL DEFAULT '',"
    " args TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX events_time ON events (time);";


caphealth_history_t *
caphealth_history_create(const char *path, int64_t max_size,
    caphealth_history_log_pt log, void *data)
{
    caphealth_history_t  *h;

    h = calloc(1, sizeof(caphealth_history_t));
    if (h == NULL) {
        return NULL;
    }

    h->max_size = (max_size > CAPHEALTH_HISTORY_MIN_SIZE)
                  ? max_size : CAPHEALTH_HISTORY_MIN_SIZE;
    h->log = log;
    h->data = data;
    h->lock = -1;
    h->path = strdup(path);

    (void) pthread_mutex_init(&h->mutex, NULL);

    if (h->path == NULL || caphealth_history_alloc(&h->added) != 0
        || caphealth_history_alloc(&h->batch) != 0)
    {
        caphealth_history_destroy(h);
        return NULL;
    }

    return h;
}


/* memory that is not used until there is something to keep */

static int
caphealth_history_alloc(caphealth_history_batch_t *b)
{
    b->samples = calloc(CAPHEALTH_HISTORY_WAITING,
                        sizeof(caphealth_history_sample_t));
    b->pending = calloc(CAPHEALTH_HISTORY_PENDING,
                        sizeof(caphealth_history_pending_t));

    return (b->samples == NULL || b->pending == NULL) ? -1 : 0;
}


void
caphealth_history_destroy(caphealth_history_t *h)
{
    size_t  i;

    caphealth_history_close(h);

    for (i = 0; i < h->nnames; i++) {
        free(h->names[i]);
    }

    (void) pthread_mutex_destroy(&h->mutex);

    free(h->added.samples);
    free(h->added.pending);
    free(h->batch.samples);
    free(h->batch.pending);
    free(h->path);
    free(h);
}


void
caphealth_history_add(caphealth_history_t *h, const char *name,
    const char *unit, double time, double value)
{
    size_t                      i;
    char                        cut[CAPHEALTH_HISTORY_NAME];
    caphealth_history_batch_t  *b;

    if (!isfinite(value) || !(time >= 0 && time < CAPHEALTH_HISTORY_LATEST)) {
        return;
    }

    caphealth_history_cut(cut, sizeof(cut), name);

    (void) pthread_mutex_lock(&h->mutex);

    b = &h->added;

    for (i = 0; i < h->nnames; i++) {
        if (strcmp(h->names[i], cut) == 0) {
            break;
        }
    }

    if (i == h->nnames && i < CAPHEALTH_HISTORY_SERIES) {
        h->names[i] = strdup(cut);
        h->units[i] = unit;
        h->nnames += (h->names[i] != NULL);
    }

    if (i == h->nnames) {
        h->full = 1;

    } else {
        if (b->nsamples == CAPHEALTH_HISTORY_WAITING) {
            caphealth_history_drop(b, CAPHEALTH_HISTORY_WAITING / 16);
        }

        b->samples[b->nsamples++] = (caphealth_history_sample_t) {
            time, value, (uint32_t) i
        };
    }

    (void) pthread_mutex_unlock(&h->mutex);
}


/* the oldest samples */

static void
caphealth_history_drop(caphealth_history_batch_t *b, size_t n)
{
    b->nsamples -= n;
    b->lost += n;

    memmove(b->samples, &b->samples[n],
            b->nsamples * sizeof(caphealth_history_sample_t));
}


void
caphealth_history_event(caphealth_history_t *h,
    const caphealth_history_event_t *event)
{
    caphealth_history_batch_t    *b;
    caphealth_history_pending_t  *p;

    if (!(event->time >= 0 && event->time < CAPHEALTH_HISTORY_LATEST)) {
        return;
    }

    (void) pthread_mutex_lock(&h->mutex);

    b = &h->added;

    if (b->npending == CAPHEALTH_HISTORY_PENDING) {
        b->npending--;
        memmove(b->pending, &b->pending[1],
                b->npending * sizeof(caphealth_history_pending_t));
    }

    p = &b->pending[b->npending++];
    p->time = event->time;

    caphealth_history_cut(p->kind, sizeof(p->kind), event->kind);
    caphealth_history_cut(p->from, sizeof(p->from), event->from);
    caphealth_history_cut(p->to, sizeof(p->to), event->to);
    caphealth_history_cut(p->text, sizeof(p->text), event->text);
    caphealth_history_cut(p->code, sizeof(p->code), event->code);
    caphealth_history_cut(p->args, sizeof(p->args),
                          (event->args != NULL
                           && strlen(event->args) < sizeof(p->args))
                          ? event->args : NULL);

    (void) pthread_mutex_unlock(&h->mutex);
}


/* not within a UTF-8 character */

static void
caphealth_history_cut(char *to, size_t size, const char *text)
{
    size_t  len;

    if (text == NULL) {
        *to = '\0';
        return;
    }

    len = strnlen(text, size);

    if (len == size) {
        len--;

        while (len > 0 && ((unsigned char) text[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    memcpy(to, text, len);
    to[len] = '\0';
}


int
caphealth_history_write(caphealth_history_t *h, double now, double up)
{
    int  rc, tries;

    caphealth_history_clock(h, now, up);
    caphealth_history_take(h);

    for (tries = 0; tries < 3; tries++) {
        rc = caphealth_history_open(h);

        if (rc == SQLITE_OK) {
            rc = caphealth_history_transaction(h, now);
        }

        if (rc == SQLITE_OK) {
            if (h->error[0] != '\0') {
                h->error[0] = '\0';
                caphealth_history_log(h, "it is written again");
            }

            return 0;
        }

        if (!caphealth_history_recover(h, rc, now)) {
            break;
        }
    }

    caphealth_history_give_back(h);

    return -1;
}


/* that a clock is slowed down or sped up is no event */

static void
caphealth_history_clock(caphealth_history_t *h, double now, double up)
{
    double  by;
    char    text[CAPHEALTH_HISTORY_TEXT], args[64];

    by = now - up - h->offset;
    h->offset = now - up;

    if (h->has_offset && fabs(by) > CAPHEALTH_HISTORY_SET) {
        (void) snprintf(text, sizeof(text), "the clock was set %s by %.0f s",
                        (by > 0) ? "forward" : "back", fabs(by));
        (void) snprintf(args, sizeof(args), "{\"seconds\":%.0f}", by);

        caphealth_history_event(h, &(caphealth_history_event_t) {
            .time = now, .kind = "clock", .text = text, .code = "clock-set",
            .args = args
        });
        caphealth_history_log(h, text);
    }

    h->has_offset = 1;
}


static void
caphealth_history_take(caphealth_history_t *h)
{
    caphealth_history_batch_t  b;

    (void) pthread_mutex_lock(&h->mutex);

    b = h->batch;
    h->batch = h->added;
    h->added = b;

    h->added.nsamples = 0;
    h->added.npending = 0;
    h->added.lost = 0;

    (void) pthread_mutex_unlock(&h->mutex);
}


/* before what has been added meanwhile */

static void
caphealth_history_give_back(caphealth_history_t *h)
{
    size_t                      n;
    caphealth_history_batch_t  *a, *b;

    (void) pthread_mutex_lock(&h->mutex);

    a = &h->added;
    b = &h->batch;

    if (a->nsamples + b->nsamples > CAPHEALTH_HISTORY_WAITING) {
        caphealth_history_drop(b, a->nsamples + b->nsamples
                                  - CAPHEALTH_HISTORY_WAITING);
    }

    memmove(&a->samples[b->nsamples], a->samples,
            a->nsamples * sizeof(caphealth_history_sample_t));
    memcpy(a->samples, b->samples,
           b->nsamples * sizeof(caphealth_history_sample_t));

    a->nsamples += b->nsamples;
    a->lost += b->lost;

    n = CAPHEALTH_HISTORY_PENDING - a->npending;
    n = (b->npending < n) ? b->npending : n;

    memmove(&a->pending[n], a->pending,
            a->npending * sizeof(caphealth_history_pending_t));
    memcpy(a->pending, &b->pending[b->npending - n],
           n * sizeof(caphealth_history_pending_t));

    a->npending += n;

    (void) pthread_mutex_unlock(&h->mutex);
}


static int
caphealth_history_open(caphealth_history_t *h)
{
    int  rc;

    if (h->db != NULL) {
        return SQLITE_OK;
    }

    rc = caphealth_history_open_file(h);

    if (rc == SQLITE_OK) {
        rc = caphealth_history_schema(h);
    }

    if (rc == SQLITE_OK) {
        rc = caphealth_history_prepare(h);
    }

    h->writes = 0;
    memset(h->ids, 0, sizeof(h->ids));

    /* a schema that SQLite cannot read, or that is not the one it should be */

    return ((rc & 0xff) == SQLITE_ERROR) ? SQLITE_CORRUPT : rc;
}


/*
 * A lock of its own says that a process has the file open: it may be renamed
 * only if no other process has it open, because SQLite finds its journal by
 * its name.
 */

static int
caphealth_history_open_lock(caphealth_history_t *h, int operation)
{
    int   rc;
    char  *path;

    if (h->lock == -1) {
        if (asprintf(&path, "%s.lock", h->path) == -1) {
            return SQLITE_NOMEM;
        }

        h->lock = open(path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);
        free(path);

        if (h->lock == -1) {
            h->errnum = errno;
            return CAPHEALTH_HISTORY_SYSTEM;
        }
    }

    do {
        rc = flock(h->lock, operation|LOCK_NB);
    } while (rc == -1 && errno == EINTR);

    if (rc == 0) {
        return SQLITE_OK;
    }

    h->errnum = errno;

    return (errno == EWOULDBLOCK) ? SQLITE_BUSY : CAPHEALTH_HISTORY_SYSTEM;
}


static int
caphealth_history_open_file(caphealth_history_t *h)
{
    int  fd, rc;

    rc = caphealth_history_open_lock(h, LOCK_SH);
    if (rc != SQLITE_OK) {
        return rc;
    }

    /* with these permissions, which SQLite gives its journal too */

    fd = open(h->path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);
    if (fd == -1) {
        h->errnum = errno;
        return CAPHEALTH_HISTORY_SYSTEM;
    }

    (void) close(fd);

    rc = sqlite3_open_v2(h->path, &h->db,
                         SQLITE_OPEN_READWRITE|SQLITE_OPEN_NOMUTEX
                         |SQLITE_OPEN_EXRESCODE, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(h->db, CAPHEALTH_HISTORY_BUSY);
    }

    if (rc == SQLITE_OK) {
        rc = caphealth_history_exec(h, "PRAGMA temp_store=MEMORY;"
                                       "PRAGMA cache_size=-256;"
                                       "PRAGMA trusted_schema=OFF");
    }

    return rc;
}


static int
caphealth_history_schema(caphealth_history_t *h)
{
    int      rc;
    int64_t  id, version, tables, ok;

    if ((rc = caphealth_history_number(h, &id, "PRAGMA application_id"))
        || (rc = caphealth_history_number(h, &version, "PRAGMA user_version"))
        || (rc = caphealth_history_number(h, &tables,
                                        "SELECT count(*) FROM sqlite_schema")))
    {
        return rc;
    }

    if (tables == 0 && id == 0) {
        return caphealth_history_create_schema(h);
    }

    if (id == CAPHEALTH_HISTORY_ID && version > CAPHEALTH_HISTORY_VERSION) {
        return CAPHEALTH_HISTORY_NEWER;
    }

    rc = caphealth_history_number(h, &ok, "SELECT quick_check = 'ok'"
                                  " FROM pragma_quick_check(1)");
    if (rc != SQLITE_OK) {
        return rc;
    }

    if (!ok) {
        return SQLITE_CORRUPT;
    }

    return (id == CAPHEALTH_HISTORY_ID) ? caphealth_history_add_columns(h)
                                        : CAPHEALTH_HISTORY_FOREIGN;
}


/*
 * The columns of the events that came later.  A version without them goes on
 * with the file, for it names those that it writes.
 */

static int
caphealth_history_add_columns(caphealth_history_t *h)
{
    int      rc;
    int64_t  n;

    static const char  columns[] = "SELECT count(*) FROM"
        " pragma_table_info('events') WHERE name = 'args'";

    rc = caphealth_history_number(h, &n, columns);

    if (rc != SQLITE_OK || n > 0) {
        return rc;
    }

    rc = caphealth_history_exec(h, "BEGIN IMMEDIATE");

    /* another process may have done it meanwhile */

    if (rc == SQLITE_OK) {
        rc = caphealth_history_number(h, &n, columns);
    }

    if (rc == SQLITE_OK && n == 0) {
        rc = caphealth_history_exec(h,
                 "ALTER TABLE events ADD code TEXT NOT NULL DEFAULT '';"
                 "ALTER TABLE events ADD args TEXT NOT NULL DEFAULT ''");
    }

    return (rc == SQLITE_OK) ? caphealth_history_exec(h, "COMMIT") : rc;
}


/* unless another process has done it meanwhile */

static int
caphealth_history_create_schema(caphealth_history_t *h)
{
    int      rc;
    int64_t  tables;

    tables = 0;

    rc = caphealth_history_exec(h, "PRAGMA auto_vacuum=INCREMENTAL;"
                                   "BEGIN IMMEDIATE");

    if (rc == SQLITE_OK) {
        rc = caphealth_history_number(h, &tables,
                                      "SELECT count(*) FROM sqlite_schema");
    }

    if (rc == SQLITE_OK && tables == 0) {
        rc = caphealth_history_exec(h, "PRAGMA application_id=%d;"
                                    "PRAGMA user_version=%d;%s",
                                    CAPHEALTH_HISTORY_ID,
                                    CAPHEALTH_HISTORY_VERSION,
                                    caphealth_history_tables);
    }

    return (rc == SQLITE_OK) ? caphealth_history_exec(h, "COMMIT") : rc;
}


static int
caphealth_history_prepare(caphealth_history_t *h)
{
    int     rc;
    char    sql[128];
    size_t  tier;

    for (tier = 0; tier < CAPHEALTH_HISTORY_TIERS; tier++) {
        (void) snprintf(sql, sizeof(sql), "SELECT data FROM %s WHERE time = ?",
                        caphealth_history_tiers[tier].table);

        rc = sqlite3_prepare_v2(h->db, sql, -1, &h->get[tier], NULL);
        if (rc != SQLITE_OK) {
            return rc;
        }

        (void) snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO %s"
                        " (time, data) VALUES (?, ?)",
                        caphealth_history_tiers[tier].table);

        rc = sqlite3_prepare_v2(h->db, sql, -1, &h->put[tier], NULL);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }

    return SQLITE_OK;
}


static void
caphealth_history_close(caphealth_history_t *h)
{
    size_t  tier;

    for (tier = 0; tier < CAPHEALTH_HISTORY_TIERS; tier++) {
        (void) sqlite3_finalize(h->get[tier]);
        (void) sqlite3_finalize(h->put[tier]);

        h->get[tier] = NULL;
        h->put[tier] = NULL;
    }

    (void) sqlite3_close_v2(h->db);
    h->db = NULL;

    if (h->lock != -1) {
        (void) close(h->lock);
        h->lock = -1;
    }
}


/*
 * After a failure: keeps what it was as the error, closes the file, and puts
 * it aside if it cannot be used.  1: it is worth another try.
 */

static int
caphealth_history_recover(caphealth_history_t *h, int rc, double now)
{
    int   aside, newer;
    char  text[CAPHEALTH_HISTORY_TEXT];

    aside = ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB);

    if (!aside) {
        caphealth_history_failed(h, rc);
        caphealth_history_close(h);
        return 0;
    }

    newer = (rc == CAPHEALTH_HISTORY_NEWER);

    (void) snprintf(text, sizeof(text), "%s",
                    newer ? "a newer version has written the file"
                          : "the file is damaged");

    caphealth_history_close(h);

    rc = caphealth_history_set_aside(h, newer ? "newer" : "damaged");

    if (rc != SQLITE_OK) {
        (void) snprintf(&text[strlen(text)], sizeof(text) - strlen(text),
                        ", and cannot be set aside: %s",
                        (rc == SQLITE_BUSY) ? "another process has it open"
                                            : strerror(h->errnum));

        caphealth_history_set_error(h, text);
        caphealth_history_close(h);
        return 0;
    }

    (void) snprintf(&text[strlen(text)], sizeof(text) - strlen(text),
                    ", and was set aside");

    caphealth_history_log(h, text);
    caphealth_history_event(h, &(caphealth_history_event_t) {
        .time = now, .kind = "history", .text = text,
        .code = newer ? "history-newer" : "history-damaged"
    });

    return 1;
}


static int
caphealth_history_set_aside(caphealth_history_t *h, const char *suffix)
{
    int   rc;
    char  *from, *to, *journal;

    rc = caphealth_history_open_lock(h, LOCK_EX);
    if (rc != SQLITE_OK) {
        return rc;
    }

    from = NULL;
    to = NULL;
    journal = NULL;

    if (asprintf(&from, "%s-journal", h->path) == -1
        || asprintf(&to, "%s.%s", h->path, suffix) == -1
        || asprintf(&journal, "%s.%s-journal", h->path, suffix) == -1)
    {
        rc = SQLITE_NOMEM;

    } else if (rename(h->path, to) == -1
               || (rename(from, journal) == -1
                   && (errno != ENOENT
                       || (unlink(journal) == -1 && errno != ENOENT))))
    {
        h->errnum = errno;
        rc = CAPHEALTH_HISTORY_SYSTEM;
    }

    free(from);
    free(to);
    free(journal);

    return rc;
}


static void
caphealth_history_failed(caphealth_history_t *h, int rc)
{
    int         errnum;
    char        text[CAPHEALTH_HISTORY_TEXT];
    const char  *why;

    errnum = (rc == CAPHEALTH_HISTORY_SYSTEM) ? h->errnum
                                              : sqlite3_system_errno(h->db);

    switch (rc & 0xff) {

    case SQLITE_FULL:
        why = "the disk is full";
        errnum = 0;
        break;

    case SQLITE_BUSY:
        why = "another process has locked the file";
        errnum = 0;
        break;

    case SQLITE_AUTH:
        why = "the file is another program's database";
        errnum = 0;
        break;

    default:
        why = (rc == CAPHEALTH_HISTORY_SYSTEM) ? "the file cannot be opened"
                                               : sqlite3_errstr(rc);
    }

    (void) snprintf(text, sizeof(text), "%s%s%s", why, errnum ? ": " : "",
                    errnum ? strerror(errnum) : "");

    caphealth_history_set_error(h, text);
}


static void
caphealth_history_set_error(caphealth_history_t *h, const char *text)
{
    if (strcmp(h->error, text) != 0) {
        (void) snprintf(h->error, sizeof(h->error), "%s", text);
        caphealth_history_log(h, text);
    }
}


static void
caphealth_history_log(caphealth_history_t *h, const char *text)
{
    char  line[CAPHEALTH_HISTORY_TEXT + 256];

    if (h->log != NULL) {
        (void) snprintf(line, sizeof(line), "history \"%s\": %s", h->path,
                        text);
        h->log(h->data, line);
    }
}


const char *
caphealth_history_error(const caphealth_history_t *h)
{
    return h->error;
}


static int
caphealth_history_transaction(caphealth_history_t *h, double now)
{
    int      rc;
    size_t   tier;
    int64_t  version;

    rc = caphealth_history_exec(h, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK) {
        return rc;
    }

    /* a newer version may have been started beside this one */

    rc = caphealth_history_number(h, &version, "PRAGMA user_version");

    if (rc == SQLITE_OK && version != CAPHEALTH_HISTORY_VERSION) {
        rc = CAPHEALTH_HISTORY_NEWER;
    }

    if (rc == SQLITE_OK) {
        rc = caphealth_history_write_names(h);
    }

    for (tier = 0; rc == SQLITE_OK && tier < CAPHEALTH_HISTORY_TIERS; tier++) {
        rc = caphealth_history_write_tier(h, tier);
    }

    if (rc == SQLITE_OK) {
        rc = caphealth_history_write_events(h, now);
    }

    if (rc == SQLITE_OK && h->writes % CAPHEALTH_HISTORY_WRITES == 0) {
        rc = caphealth_history_remove_old(h, (int64_t) now);
    }

    if (rc == SQLITE_OK) {
        rc = caphealth_history_shrink(h, (int64_t) now);
    }

    if (rc == SQLITE_OK) {
        rc = caphealth_history_exec(h, "COMMIT");
    }

    if (rc != SQLITE_OK) {
        (void) sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
        memset(h->ids, 0, sizeof(h->ids));
        return rc;
    }

    h->writes++;

    return SQLITE_OK;
}


/* the numbers of the names in the file; -1: there are too many */

static int
caphealth_history_write_names(caphealth_history_t *h)
{
    int            rc;
    size_t         i, n;
    int64_t        id;
    unsigned       full;
    sqlite3_stmt  *insert, *find;

    (void) pthread_mutex_lock(&h->mutex);
    n = h->nnames;
    full = h->full;
    (void) pthread_mutex_unlock(&h->mutex);

    insert = NULL;
    find = NULL;

    rc = sqlite3_prepare_v2(h->db, "INSERT OR IGNORE INTO series"
                            " (name, unit) SELECT ?, ? WHERE"
                            " (SELECT count(*) FROM series) < ?", -1,
                            &insert, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(h->db, "SELECT id FROM series WHERE name = ?",
                                -1, &find, NULL);
    }

    for (i = 0; rc == SQLITE_OK && i < n; i++) {
        if (h->ids[i] != 0) {
            continue;
        }

        (void) sqlite3_bind_text(insert, 1, h->names[i], -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(insert, 2, h->units[i], -1, SQLITE_STATIC);
        (void) sqlite3_bind_int(insert, 3, CAPHEALTH_HISTORY_SERIES);
        (void) sqlite3_bind_text(find, 1, h->names[i], -1, SQLITE_STATIC);

        (void) sqlite3_step(insert);
        rc = sqlite3_reset(insert);

        if (rc != SQLITE_OK) {
            break;
        }

        id = (sqlite3_step(find) == SQLITE_ROW) ? sqlite3_column_int64(find, 0)
                                                : -1;

        if (id <= 0 || id > CAPHEALTH_HISTORY_SERIES) {
            id = -1;
            full = 1;
        }

        h->ids[i] = (int32_t) id;

        rc = sqlite3_reset(find);
    }

    (void) sqlite3_finalize(insert);
    (void) sqlite3_finalize(find);

    if (full && !h->full_logged) {
        h->full_logged = 1;
        caphealth_history_log(h, "there are too many series");
    }

    return rc;
}


static int
caphealth_history_write_tier(caphealth_history_t *h, size_t tier)
{
    int                                rc;
    size_t                             i;
    int64_t                            time, step;
    const caphealth_history_sample_t  *s;

    step = caphealth_history_tiers[tier].step;
    h->row.n = 0;
    h->row.time = -1;

    for (i = 0; i < h->batch.nsamples; i++) {
        s = &h->batch.samples[i];

        if (h->ids[s->name] == -1) {
            continue;
        }

        time = (int64_t) s->time;
        time -= time % step;

        if (time != h->row.time) {
            rc = caphealth_history_put(h, tier);

            if (rc == SQLITE_OK) {
                rc = caphealth_history_get(h, tier, time);
            }

            if (rc != SQLITE_OK) {
                return rc;
            }
        }

        caphealth_history_row_merge(&h->row, (uint32_t) h->ids[s->name],
                                    s->value);
    }

    return caphealth_history_put(h, tier);
}


static int
caphealth_history_get(caphealth_history_t *h, size_t tier, int64_t time)
{
    int            rc;
    sqlite3_stmt  *get;

    h->row.n = 0;
    h->row.time = time;

    get = h->get[tier];
    (void) sqlite3_bind_int64(get, 1, time);

    rc = SQLITE_OK;

    if (sqlite3_step(get) == SQLITE_ROW
        && caphealth_history_row_decode(&h->row, sqlite3_column_blob(get, 0),
                                  (size_t) sqlite3_column_bytes(get, 0)) != 0)
    {
        rc = SQLITE_CORRUPT;
    }

    return (sqlite3_reset(get) == SQLITE_OK) ? rc : sqlite3_errcode(h->db);
}


static int
caphealth_history_put(caphealth_history_t *h, size_t tier)
{
    size_t         size;
    sqlite3_stmt  *put;

    if (h->row.n == 0) {
        return SQLITE_OK;
    }

    size = caphealth_history_row_encode(&h->row, h->blob);
    put = h->put[tier];

    (void) sqlite3_bind_int64(put, 1, h->row.time);
    (void) sqlite3_bind_blob(put, 2, h->blob, (int) size, SQLITE_STATIC);
    (void) sqlite3_step(put);

    return sqlite3_reset(put);
}


static int
caphealth_history_write_events(caphealth_history_t *h, double now)
{
    int                              rc;
    size_t                           i;
    sqlite3_stmt                    *insert;
    caphealth_history_pending_t         lost;
    const caphealth_history_pending_t  *event;

    rc = sqlite3_prepare_v2(h->db, "INSERT INTO events"
                            " (time, kind, \"from\", \"to\", text, code,"
                            " args) VALUES (?, ?, ?, ?, ?, ?, ?)", -1,
                            &insert, NULL);

    for (i = 0; rc == SQLITE_OK && i < h->batch.npending; i++) {
        event = &h->batch.pending[i];

        rc = caphealth_history_insert(insert, event);
    }

    if (rc == SQLITE_OK && h->batch.lost > 0) {
        lost = (caphealth_history_pending_t) {
            .time = now, .kind = "history", .code = "samples-lost"
        };

        (void) snprintf(lost.text, sizeof(lost.text),
                        "%zu samples were lost", h->batch.lost);
        (void) snprintf(lost.args, sizeof(lost.args), "{\"count\":%zu}",
                        h->batch.lost);

        rc = caphealth_history_insert(insert, &lost);

        caphealth_history_log(h, lost.text);
    }

    (void) sqlite3_finalize(insert);

    return rc;
}


static int
caphealth_history_insert(sqlite3_stmt *insert,
    const caphealth_history_pending_t *event)
{
    (void) sqlite3_bind_double(insert, 1, event->time);
    (void) sqlite3_bind_text(insert, 2, event->kind, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(insert, 3, event->from, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(insert, 4, event->to, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(insert, 5, event->text, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(insert, 6, event->code, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(insert, 7, event->args, -1, SQLITE_STATIC);
    (void) sqlite3_step(insert);

    return sqlite3_reset(insert);
}


static int
caphealth_history_remove_old(caphealth_history_t *h, int64_t now)
{
    int     rc;
    size_t  tier;

    rc = caphealth_history_exec(h,
             "DELETE FROM seconds WHERE time < %lld OR time > %lld;"
             "DELETE FROM events WHERE id <="
             " (SELECT max(id) FROM events) - %d",
             (long long) now - CAPHEALTH_HISTORY_RAW,
             (long long) now + CAPHEALTH_HISTORY_AHEAD,
             CAPHEALTH_HISTORY_EVENTS);

    for (tier = 0; rc == SQLITE_OK && tier < CAPHEALTH_HISTORY_TIERS; tier++) {
        rc = caphealth_history_remove_rows(h, tier,
                                           caphealth_history_tiers[tier].rows,
                                           now);
    }

    return rc;
}


/* all but so many rows: first those of a time to come, then the oldest */

static int
caphealth_history_remove_rows(caphealth_history_t *h, size_t tier,
    int64_t rows, int64_t now)
{
    int          rc;
    int64_t      n;
    const char  *table;

    table = caphealth_history_tiers[tier].table;

    rc = caphealth_history_number(h, &n, "SELECT count(*) FROM %s", table);

    if (rc == SQLITE_OK && n > rows) {
        rc = caphealth_history_exec(h, "DELETE FROM %s WHERE time IN"
                 " (SELECT time FROM %s WHERE time > %lld"
                 " ORDER BY time DESC LIMIT %lld)", table, table,
                 (long long) now + CAPHEALTH_HISTORY_AHEAD,
                 (long long) n - rows);

        n -= sqlite3_changes64(h->db);
    }

    if (rc == SQLITE_OK && n > rows) {
        rc = caphealth_history_exec(h, "DELETE FROM %s WHERE time IN"
                 " (SELECT time FROM %s ORDER BY time LIMIT %lld)",
                 table, table, (long long) n - rows);
    }

    return rc;
}


/* until a tenth of what there may be is free */

static int
caphealth_history_shrink(caphealth_history_t *h, int64_t now)
{
    int      rc;
    size_t   tier;
    int64_t  pages, spare, size, rows;

    for ( ;; ) {
        if ((rc = caphealth_history_number(h, &size, "PRAGMA page_size"))
            || (rc = caphealth_history_number(h, &pages, "PRAGMA page_count"))
            || (rc = caphealth_history_number(h, &spare,
                                              "PRAGMA freelist_count")))
        {
            return rc;
        }

        if ((pages - spare) * size <= h->max_size / 10 * 9) {
            break;
        }

        rc = caphealth_history_largest(h, &tier, &rows);

        if (rc != SQLITE_OK) {
            return rc;
        }

        if (rows == 0) {
            break;
        }

        rc = caphealth_history_remove_rows(h, tier, rows * 9 / 10, now);

        if (rc != SQLITE_OK) {
            return rc;
        }
    }

    return (pages * size > h->max_size)
           ? caphealth_history_exec(h, "PRAGMA incremental_vacuum") : rc;
}


/* the tier of the most bytes */

static int
caphealth_history_largest(caphealth_history_t *h, size_t *largest,
    int64_t *rows)
{
    int      rc;
    size_t   tier;
    int64_t  bytes, most, n;

    *largest = 0;
    *rows = 0;
    most = 0;

    for (tier = 0; tier < CAPHEALTH_HISTORY_TIERS; tier++) {
        if ((rc = caphealth_history_number(h, &bytes,
                      "SELECT total(length(data)) FROM %s",
                      caphealth_history_tiers[tier].table))
            || (rc = caphealth_history_number(h, &n, "SELECT count(*) FROM %s",
                         caphealth_history_tiers[tier].table)))
        {
            return rc;
        }

        if (bytes > most) {
            most = bytes;
            *largest = tier;
            *rows = n;
        }
    }

    return SQLITE_OK;
}


int
caphealth_history_series(caphealth_history_t *h,
    caphealth_history_name_pt name, void *data)
{
    int            rc;
    int64_t        id;
    const char    *text, *unit;
    sqlite3_stmt  *stmt;

    rc = caphealth_history_select(h, "SELECT id, name, unit FROM series"
                                  " ORDER BY id", 0, 0, &stmt);

    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        id = sqlite3_column_int64(stmt, 0);
        text = (const char *) sqlite3_column_text(stmt, 1);

        unit = (const char *) sqlite3_column_text(stmt, 2);

        if (id > 0 && id <= CAPHEALTH_HISTORY_SERIES && text != NULL
            && unit != NULL)
        {
            name(data, (uint32_t) id, text, unit);
        }
    }

    return caphealth_history_selected(h, stmt, rc);
}


int
caphealth_history_read(caphealth_history_t *h, caphealth_history_tier_e tier,
    int64_t from, int64_t to, caphealth_history_row_pt row, void *data)
{
    int            rc;
    char           sql[128];
    sqlite3_stmt  *stmt;

    (void) snprintf(sql, sizeof(sql), "SELECT time, data FROM %s"
                    " WHERE time >= ? AND time < ? ORDER BY time",
                    caphealth_history_tiers[tier].table);

    rc = caphealth_history_select(h, sql, (double) from, (double) to, &stmt);

    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        if (caphealth_history_row_decode(&h->row, sqlite3_column_blob(stmt, 1),
                              (size_t) sqlite3_column_bytes(stmt, 1)) != 0)
        {
            rc = SQLITE_CORRUPT;
            break;
        }

        row(data, sqlite3_column_int64(stmt, 0), h->row.points, h->row.n);
    }

    return caphealth_history_selected(h, stmt, rc);
}


int
caphealth_history_events(caphealth_history_t *h, double from, double to,
    caphealth_history_event_pt event, void *data)
{
    int                        rc;
    sqlite3_stmt              *stmt;
    caphealth_history_event_t  e;

    /* another program may have written the file: args may not be JSON */

    rc = caphealth_history_select(h, "SELECT time, kind, \"from\", \"to\","
                                  " text, code, CASE WHEN json_valid(args)"
                                  " AND json_type(args) = 'object'"
                                  " THEN json(args) ELSE '' END FROM events"
                                  " WHERE time >= ? AND time < ?"
                                  " ORDER BY time, id", from, to, &stmt);

    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        e.time = sqlite3_column_double(stmt, 0);
        e.kind = (const char *) sqlite3_column_text(stmt, 1);
        e.from = (const char *) sqlite3_column_text(stmt, 2);
        e.to = (const char *) sqlite3_column_text(stmt, 3);
        e.text = (const char *) sqlite3_column_text(stmt, 4);
        e.code = (const char *) sqlite3_column_text(stmt, 5);
        e.args = (const char *) sqlite3_column_text(stmt, 6);

        if (e.kind != NULL && e.from != NULL && e.to != NULL && e.text != NULL
            && e.code != NULL && e.args != NULL)
        {
            event(data, &e);
        }
    }

    return caphealth_history_selected(h, stmt, rc);
}


static int
caphealth_history_select(caphealth_history_t *h, const char *sql, double from,
    double to, sqlite3_stmt **stmt)
{
    int  rc;

    *stmt = NULL;

    rc = caphealth_history_open(h);

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(h->db, sql, -1, stmt, NULL);
    }

    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(*stmt) > 0) {
        (void) sqlite3_bind_double(*stmt, 1, from);
        (void) sqlite3_bind_double(*stmt, 2, to);
    }

    return rc;
}


/* rc is of what was before the last step of the statement */

static int
caphealth_history_selected(caphealth_history_t *h, sqlite3_stmt *stmt, int rc)
{
    int  ended;

    ended = sqlite3_finalize(stmt);

    if (rc == SQLITE_OK) {
        rc = ended;
    }

    if (rc == SQLITE_OK) {
        return 0;
    }

    (void) caphealth_history_recover(h, rc, -1);

    return -1;
}


int64_t
caphealth_history_step(caphealth_history_tier_e tier)
{
    return caphealth_history_tiers[tier].step;
}


static int
caphealth_history_exec(caphealth_history_t *h, const char *format, ...)
{
    int      rc;
    char    *sql;
    va_list  args;

    va_start(args, format);
    rc = vasprintf(&sql, format, args);
    va_end(args);

    if (rc == -1) {
        return SQLITE_NOMEM;
    }

    rc = sqlite3_exec(h->db, sql, NULL, NULL, NULL);
    free(sql);

    return rc;
}


/* the only value of a query */

static int
caphealth_history_number(caphealth_history_t *h, int64_t *number,
    const char *format, ...)
{
    int            rc;
    char           sql[256];
    va_list        args;
    sqlite3_stmt  *stmt;

    *number = 0;

    va_start(args, format);
    (void) vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);

    rc = sqlite3_prepare_v2(h->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        *number = sqlite3_column_int64(stmt, 0);
    }

    return (rc == SQLITE_OK) ? sqlite3_finalize(stmt) : rc;
}
