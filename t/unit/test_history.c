
/*
 * The history: its tiers, how much it keeps, and what may happen to its file.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "caphealth_history_row.h"


/* the beginning of a day, some years ago */
#define UNIT  "percent"

#define START  1700006400.0
#define MIB    (1024 * 1024)


static char                  dir[64];
static char                  path[128];
static char                  logged[8192];
static caphealth_history_t  *history;


/* what was read last: all points of one series, or all events */

typedef struct {
    char                       name[CAPHEALTH_HISTORY_NAME];
    uint32_t                   series;
    size_t                     n;
    int64_t                    times[20000];
    caphealth_history_point_t  points[20000];
    char                       events[8192];
} found_t;

static found_t  found;


static void
log_text(void *data, const char *text)
{
    size_t  len;

    (void) data;

    len = strlen(logged);
    (void) snprintf(&logged[len], sizeof(logged) - len, "%s\n", text);
}


static caphealth_history_t *
create(int64_t most)
{
    caphealth_history_t  *h;

    h = caphealth_history_create(path, most, log_text, NULL);
    assert_non_null(h);

    return h;
}


static int
setup(void **state)
{
    (void) state;

    /* in memory, for a disk may take long to sync */

    (void) snprintf(dir, sizeof(dir), "%s/caphealth_history.XXXXXX",
                    (access("/dev/shm", W_OK) == 0) ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(dir));
    (void) snprintf(path, sizeof(path), "%s/history.db", dir);

    logged[0] = '\0';
    history = create(50 * MIB);

    return 0;
}


static int
teardown(void **state)
{
    char  command[128];

    (void) state;

    if (history != NULL) {
        caphealth_history_destroy(history);
    }

    (void) snprintf(command, sizeof(command), "rm -rf %s", dir);

    return system(command);
}


static void
reopen(void)
{
    caphealth_history_destroy(history);
    history = create(50 * MIB);
}


/* the clock and the uptime move together */

static void
write_at(double now)
{
    int  rc;

    rc = caphealth_history_write(history, now, now - 1e9);

    if (rc != 0) {
        print_error("%s\n", caphealth_history_error(history));
    }

    assert_int_equal(rc, 0);
    assert_string_equal(caphealth_history_error(history), "");
}


static void
add_name(void *data, uint32_t series, const char *name, const char *unit)
{
    found_t  *f = data;

    assert_string_equal(unit, "percent");

    if (strcmp(name, f->name) == 0) {
        f->series = series;
    }
}


static void
add_row(void *data, int64_t time, const caphealth_history_point_t *points,
    size_t n)
{
    size_t    i;
    found_t  *f = data;

    for (i = 0; i < n; i++) {
        if (points[i].series == f->series) {
            assert_true(f->n < 20000);
            f->times[f->n] = time;
            f->points[f->n++] = points[i];
        }
    }
}


static void
add_event(void *data, const caphealth_history_event_t *event)
{
    size_t    len;
    found_t  *f = data;

    len = strlen(f->events);
    (void) snprintf(&f->events[len], sizeof(f->events) - len,
                    "%.0f %s%s%s: %s%s%s%s%s\n", event->time - START,
                    event->kind, event->from, event->to, event->text,
                    (*event->code == '\0') ? "" : " ", event->code,
                    (*event->args == '\0') ? "" : " ", event->args);
    f->n++;
}


static void
happens(double time, const char *kind)
{
    caphealth_history_event(history, &(caphealth_history_event_t) {
        .time = time, .kind = kind
    });
}


static size_t
read_tier(caphealth_history_tier_e tier, const char *name)
{
    memset(&found, 0, sizeof(found));
    (void) snprintf(found.name, sizeof(found.name), "%s", name);

    assert_int_equal(caphealth_history_series(history, add_name, &found), 0);
    assert_int_equal(caphealth_history_read(history, tier, 0, INT64_MAX,
                                            add_row, &found), 0);

    return found.n;
}


static const char *
read_events(void)
{
    memset(&found, 0, sizeof(found));
    assert_int_equal(caphealth_history_events(history, 0, INFINITY, add_event,
                                              &found), 0);
    return found.events;
}


static void
sql(const char *text)
{
    char     *error;
    sqlite3  *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);

    error = NULL;
    (void) sqlite3_exec(db, text, NULL, NULL, &error);

    assert_null(error);
    (void) sqlite3_close(db);
}


static int
exists(const char *suffix)
{
    char  name[160];

    (void) snprintf(name, sizeof(name), "%s%s", path, suffix);

    return access(name, F_OK) == 0;
}


static void
tiers(void **state)
{
    int  i;

    (void) state;

    /* an hour and a half, each ten seconds */

    for (i = 0; i < 540; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 10 * i, i);
        caphealth_history_add(history, "flat", UNIT, START + 10 * i, 7);

        if (i % 6 == 5) {
            write_at(START + 10 * i + 1);
        }
    }

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SECONDS, "cpu"), 540);
    assert_int_equal(found.times[539], (int64_t) START + 5390);
    assert_true(found.points[539].mean == 539);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 90);
    assert_int_equal(found.times[1], (int64_t) START + 60);
    assert_int_equal(found.points[1].count, 6);
    assert_true(found.points[1].min == 6 && found.points[1].max == 11);
    assert_true(fabs(found.points[1].mean - 8.5) < 1e-9);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_TEN_MINUTES, "cpu"), 9);
    assert_int_equal(found.points[8].count, 60);
    assert_true(found.points[8].min == 480 && found.points[8].max == 539);
    assert_true(fabs(found.points[8].mean - 509.5) < 1e-9);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SIX_HOURS, "flat"), 1);
    assert_int_equal(found.times[0], (int64_t) START);
    assert_int_equal(found.points[0].count, 540);
    assert_true(found.points[0].min == 7 && found.points[0].mean == 7
                && found.points[0].max == 7);

    /* the same after a restart, and a minute goes on */

    reopen();
    caphealth_history_add(history, "cpu", UNIT, START + 5399, 1000);
    write_at(START + 5400);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 90);
    assert_int_equal(found.points[89].count, 7);
    assert_true(found.points[89].max == 1000);

    assert_int_equal(caphealth_history_step(CAPHEALTH_HISTORY_SIX_HOURS),
                     21600);
    assert_string_equal(logged, "");
}


static void
a_part_of_the_time(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 10; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 60 * i, i);
        happens(START + 60 * i, "reload");
    }

    write_at(START + 600);
    (void) read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu");
    found.n = 0;

    assert_int_equal(caphealth_history_read(history, CAPHEALTH_HISTORY_MINUTES,
                                            (int64_t) START + 120,
                                            (int64_t) START + 240, add_row,
                                            &found), 0);
    assert_int_equal(found.n, 2);
    assert_true(found.points[0].mean == 2 && found.points[1].mean == 3);

    memset(&found, 0, sizeof(found));
    assert_int_equal(caphealth_history_events(history, START + 60, START + 180,
                                              add_event, &found), 0);
    assert_string_equal(found.events, "60 reload: \n120 reload: \n");
}


/* the code of an event and its arguments, which are an object or nothing */

static void
codes(void **state)
{
    static const struct {
        const char  *args;
        const char  *kept;
    } all[] = {
        { "{\"path\":\"/a } b\"}", " x {\"path\":\"/a } b\"}" },
        { "{\"n\":1", " x" },
        { "[1]", " x" },
        { "{},{}", " x" },
        { "", " x" }
    };

    size_t  i;
    char    expected[64];

    (void) state;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        caphealth_history_event(history, &(caphealth_history_event_t) {
            .time = START + (double) i, .kind = "scan", .code = "x",
            .args = all[i].args
        });
        write_at(START + (double) i);

        (void) snprintf(expected, sizeof(expected), "%zu scan: %s\n", i,
                        all[i].kept);
        assert_non_null(strstr(read_events(), expected));
    }
}


/* a file without codes, of an older version, is used, and gets them */

static void
without_codes(void **state)
{
    (void) state;

    happens(START, "start");
    write_at(START);
    caphealth_history_destroy(history);
    history = NULL;

    sql("CREATE TABLE old AS SELECT id, time, kind, \"from\", \"to\", text"
        " FROM events; DROP TABLE events;"
        "CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL NOT NULL,"
        " kind TEXT NOT NULL, \"from\" TEXT NOT NULL, \"to\" TEXT NOT NULL,"
        " text TEXT NOT NULL);"
        "INSERT INTO events SELECT * FROM old; DROP TABLE old;");

    history = create(50 * MIB);
    caphealth_history_event(history, &(caphealth_history_event_t) {
        .time = START + 1, .kind = "reload", .code = "reloaded", .args = "{}"
    });
    write_at(START + 1);

    assert_string_equal(read_events(), "0 start: \n"
                                       "1 reload:  reloaded {}\n");
    assert_string_equal(logged, "");
    assert_false(exists(".damaged"));

    /* a version that knows no codes goes on beside this one */

    sql("INSERT INTO events (time, kind, \"from\", \"to\", text)"
        " VALUES (1700000000, 'start', '', '', '')");
    (void) read_events();
    assert_int_equal(found.n, 3);
}


/* the number of rows of each tier, and the size of the file */

static void
what_is_kept(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 3 * 1440; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 60 * i, i);

        if (i % 30 == 29) {
            write_at(START + 60 * i);
        }
    }

    reopen();
    write_at(START + 60 * i);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SECONDS, "cpu"), 120);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 2880);
    assert_true(found.points[0].mean == 1440);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_TEN_MINUTES, "cpu"), 432);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SIX_HOURS, "cpu"), 12);
}


static void
most_bytes(void **state)
{
    int          i, j;
    char         name[32];
    size_t       tens;
    struct stat  st;

    (void) state;

    caphealth_history_destroy(history);
    history = create(CAPHEALTH_HISTORY_MIN_SIZE);

    for (i = 0; i < 150; i++) {
        for (j = 0; j < 500; j++) {
            (void) snprintf(name, sizeof(name), "series %d", j);
            caphealth_history_add(history, name, UNIT, START + 60 * i, i * j);
            caphealth_history_add(history, name, UNIT, START + 60 * i + 1,
                                  i + j);
        }

        write_at(START + 60 * i + 2);

        assert_int_equal(stat(path, &st), 0);
        assert_true(st.st_size <= CAPHEALTH_HISTORY_MIN_SIZE);
    }

    /* of the largest tiers some is left, of the others all */

    assert_in_range(read_tier(CAPHEALTH_HISTORY_MINUTES, "series 3"), 20, 149);
    assert_int_equal(found.times[found.n - 1], (int64_t) START + 60 * 149);
    tens = read_tier(CAPHEALTH_HISTORY_TEN_MINUTES, "series 3");
    assert_in_range(tens, 10, 15);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SIX_HOURS, "series 3"), 1);
    assert_string_equal(logged, "");

    /* a limit that has been lowered */

    caphealth_history_destroy(history);
    history = create(50 * MIB);

    for (i = 150; i < 270; i++) {
        for (j = 0; j < 500; j++) {
            (void) snprintf(name, sizeof(name), "series %d", j);
            caphealth_history_add(history, name, UNIT, START + 60 * i, i * j);
        }

        write_at(START + 60 * i + 2);
    }

    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > CAPHEALTH_HISTORY_MIN_SIZE);

    caphealth_history_destroy(history);
    history = create(CAPHEALTH_HISTORY_MIN_SIZE);
    write_at(START + 60 * 270);

    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size <= CAPHEALTH_HISTORY_MIN_SIZE);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SIX_HOURS, "series 3"), 1);
    assert_string_equal(logged, "");
}


static void
what_is_not_kept(void **state)
{
    int   i;
    char  name[600];

    (void) state;

    caphealth_history_add(history, "nothing", UNIT, START, NAN);
    caphealth_history_add(history, "nothing", UNIT, START, INFINITY);
    caphealth_history_add(history, "nothing", UNIT, NAN, 1);
    caphealth_history_add(history, "nothing", UNIT, -1, 1);
    caphealth_history_add(history, "nothing", UNIT, 1e300, 1);
    happens(NAN, "nothing");

    /* a name is cut before a character that is not there whole */

    memset(name, 'x', sizeof(name));
    memcpy(&name[254], "\xc3\xa4", 2);
    name[599] = '\0';

    caphealth_history_add(history, name, UNIT, START, 1);
    caphealth_history_event(history, &(caphealth_history_event_t) {
        .time = START, .kind = "a kind that is longer than it is taken",
        .from = " ok", .to = " failed", .text = name, .code = "threshold",
        .args = name
    });
    write_at(START);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "nothing"), 0);
    assert_int_equal(found.series, 0);

    name[254] = '\0';
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, name), 1);

    assert_non_null(strstr(read_events(),
                           "0 a kind that is longer than it i ok failed:"));
    assert_int_equal(found.n, 1);
    assert_string_equal(logged, "");

    /* more names than there may be */

    for (i = 0; i < 2 * CAPHEALTH_HISTORY_SERIES; i++) {
        (void) snprintf(name, sizeof(name), "series %d", i);
        caphealth_history_add(history, name, UNIT, START, i);
    }

    write_at(START);
    write_at(START);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "series 1000"), 1);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "series 1030"), 0);
    assert_non_null(strstr(logged, "there are too many series"));
    assert_null(strstr(strstr(logged, "too many") + 1, "too many"));

    /* and others, of a later time */

    reopen();
    caphealth_history_add(history, "another", UNIT, START, 1);
    caphealth_history_add(history, "series 5", UNIT, START, 1);
    write_at(START);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "another"), 0);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "series 5"), 1);
    assert_int_equal(found.points[0].count, 2);
}


static void
break_file(off_t at, off_t len)
{
    int    fd;
    off_t  i;

    fd = open(path, O_WRONLY);
    assert_true(fd >= 0);

    for (i = 0; i < len; i++) {
        assert_int_equal(pwrite(fd, "\xa5", 1, at + i), 1);
    }

    (void) close(fd);
}


static void
a_damaged_file(void **state)
{
    size_t  i;

    static const struct {
        off_t  at, len;
    } parts[] = {
        { 0, 100 }, { 40, 4000 }, { 4096, 4096 }, { 8192, 20000 }
    };

    (void) state;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        caphealth_history_add(history, "cpu", UNIT, START, 1);
        write_at(START);

        break_file(parts[i].at, parts[i].len);
        reopen();
        logged[0] = '\0';

        caphealth_history_add(history, "cpu", UNIT, START + 60, 2);
        write_at(START + 60);

        assert_true(exists(".damaged"));
        assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 1);
        assert_true(found.points[0].mean == 2);
        assert_non_null(strstr(logged, "the file is damaged, and was set"
                                       " aside"));

        /* the event is written with what comes next */

        write_at(START + 120);
        assert_string_equal(read_events(), "60 history: the file is damaged,"
                                           " and was set aside"
                                           " history-damaged\n");
    }
}


/* while it is open: what is read in its pages, and what is no row */

static void
damaged_while_open(void **state)
{
    (void) state;

    caphealth_history_add(history, "cpu", UNIT, START, 1);
    write_at(START);

    sql("UPDATE minutes SET data = x'0102'");

    caphealth_history_add(history, "cpu", UNIT, START + 30, 2);
    write_at(START + 30);

    assert_true(exists(".damaged"));
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 1);
    assert_int_equal(found.points[0].count, 1);

    sql("UPDATE ten_minutes SET data = x'ff'");
    assert_int_equal(caphealth_history_read(history,
                                            CAPHEALTH_HISTORY_TEN_MINUTES, 0,
                                            INT64_MAX, add_row, &found), -1);
    caphealth_history_add(history, "cpu", UNIT, START + 60, 3);
    write_at(START + 60);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_TEN_MINUTES, "cpu"), 1);

    /* a file that was removed is created again at the next start */

    reopen();
    assert_int_equal(truncate(path, 0), 0);
    caphealth_history_add(history, "cpu", UNIT, START + 60, 3);
    write_at(START + 60);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_TEN_MINUTES, "cpu"), 1);
}


static void
a_newer_file(void **state)
{
    caphealth_history_t  *other;

    (void) state;

    caphealth_history_add(history, "cpu", UNIT, START, 1);
    write_at(START);

    sql("PRAGMA user_version=2; ALTER TABLE minutes RENAME TO moments");

    /* the newer version is at work: it is not taken away from under it */

    other = history;
    history = create(50 * MIB);
    caphealth_history_add(history, "cpu", UNIT, START + 60, 2);

    assert_int_equal(caphealth_history_write(history, START, 0), -1);
    assert_string_equal(caphealth_history_error(history),
                        "a newer version has written the file, and cannot be"
                        " set aside: another process has it open");
    assert_false(exists(".newer"));

    /* when it has gone */

    caphealth_history_destroy(other);
    write_at(START + 60);

    assert_true(exists(".newer"));
    assert_false(exists(".damaged"));
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 1);

    /* what was set aside is whole */

    (void) strcat(path, ".newer");
    sql("SELECT * FROM moments");
    path[strlen(path) - strlen(".newer")] = '\0';

    /* one that becomes newer while this version writes */

    sql("PRAGMA user_version=3");
    caphealth_history_add(history, "cpu", UNIT, START + 120, 2);
    write_at(START + 120);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 1);
}


static void
another_database(void **state)
{
    (void) state;

    sql("CREATE TABLE vendors (id)");

    caphealth_history_add(history, "cpu", UNIT, START, 1);
    assert_int_equal(caphealth_history_write(history, START, 0), -1);
    assert_string_equal(caphealth_history_error(history),
                        "the file is another program's database");
    assert_int_equal(caphealth_history_write(history, START, 0), -1);

    sql("SELECT id FROM vendors");
    assert_false(exists(".damaged"));

    /* said once */

    assert_null(strstr(strstr(logged, "another") + 1, "another"));
}


static void
a_clock_that_jumps(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 2000; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 60 * i, i);
    }

    write_at(START + 120000);

    /* thirty years too late for some minutes: nothing that was is removed */

    for (i = 0; i < 130; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 1e9 + 60 * i, 5);
        assert_int_equal(caphealth_history_write(history,
                             START + 1e9 + 60 * i,
                             START - 1e9 + 120000 + 60 * i), 0);
    }

    assert_non_null(strstr(logged, "the clock was set forward by"));
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 2130);

    /* back again, until the tier is full: those of that time go first */

    for (i = 2130; i < 3000; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 60 * i, i);

        if (i % 8 == 0) {
            write_at(START + 60 * i);
        }
    }

    assert_non_null(strstr(logged, "the clock was set back by"));

    write_at(START + 60 * i);
    reopen();
    write_at(START + 60 * i);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 2880);
    assert_true(found.points[0].mean == 0);
    assert_true(found.points[2869].mean == 2999);
    assert_true(found.times[2870] > START + 1e8);

    assert_non_null(strstr(read_events(), "clock: the clock was set back by"));
    assert_non_null(strstr(found.events, " clock-set {\"seconds\":-"));
    assert_int_equal(found.n, 2);

    /* a slow one is none */

    assert_int_equal(caphealth_history_write(history, START, 0), 0);
    logged[0] = '\0';
    assert_int_equal(caphealth_history_write(history, START + 59, 0), 0);
    assert_int_equal(caphealth_history_write(history, START + 70, 0), 0);
    assert_string_equal(logged, "");
}


static void
two_processes(void **state)
{
    int                   i;
    caphealth_history_t  *other;

    (void) state;

    other = create(50 * MIB);

    for (i = 0; i < 60; i++) {
        caphealth_history_add(history, (i % 2) ? "cpu" : "old", UNIT,
                              START + i, i);
        caphealth_history_add(other, (i % 2) ? "new" : "cpu", UNIT,
                              START + i, i);

        if (i % 10 == 0) {
            write_at(START + i);
            assert_int_equal(caphealth_history_write(other, START + i, 0), 0);
        }
    }

    write_at(START + i);
    assert_int_equal(caphealth_history_write(other, START + i, 0), 0);
    caphealth_history_destroy(other);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SECONDS, "cpu"), 60);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 1);
    assert_int_equal(found.points[0].count, 60);
    assert_true(fabs(found.points[0].mean - 29.5) < 1e-9);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "old"), 1);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "new"), 1);
    assert_string_equal(logged, "");
}


/* nothing is lost that is written later */

static void
a_locked_file(void **state)
{
    sqlite3  *db;

    (void) state;

    write_at(START);

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), 0);

    caphealth_history_add(history, "cpu", UNIT, START + 1, 1);
    assert_int_equal(caphealth_history_write(history, START + 1, 1), -1);
    assert_string_equal(caphealth_history_error(history),
                        "another process has locked the file");

    caphealth_history_add(history, "cpu", UNIT, START + 2, 2);
    (void) sqlite3_close(db);

    write_at(START + 2);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SECONDS, "cpu"), 2);
    assert_non_null(strstr(logged, "it is written again"));
}


/* a file system of its own; 0: there cannot be one here */

static int
mount_small(const char *size)
{
    return unshare(CLONE_NEWNS) == 0
           && mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL) == 0
           && mount("tmpfs", dir, "tmpfs", 0, size) == 0;
}


static void
fill(const char *name, int on)
{
    int           fd;
    static char   block[4096];
    char          file[128];

    (void) snprintf(file, sizeof(file), "%s/%s", dir, name);

    if (!on) {
        assert_int_equal(unlink(file), 0);
        return;
    }

    fd = open(file, O_WRONLY|O_CREAT, 0600);
    assert_true(fd >= 0);

    while (write(fd, block, sizeof(block)) > 0) {
        /* void */
    }

    assert_int_equal(errno, ENOSPC);
    (void) close(fd);
}


static void
a_full_disk(void **state)
{
    int  i;

    (void) state;

    if (!mount_small("size=2m")) {
        print_message("# skipped: no file system can be mounted\n");
        skip();
    }

    /* from the beginning, and after a while */

    fill("other", 1);
    caphealth_history_add(history, "cpu", UNIT, START - 60, 0);
    assert_int_equal(caphealth_history_write(history, START, 0), -1);
    assert_non_null(strstr(caphealth_history_error(history),
                           "the disk is full"));
    fill("other", 0);

    for (i = 0; i < 100; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 60 * i, i);
        write_at(START + 60 * i);
    }

    fill("other", 1);

    for (i = 100; i < 200; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 60 * i, i);
        assert_int_equal(caphealth_history_write(history, START + 60 * i, 0),
                         -1);
    }

    assert_string_equal(caphealth_history_error(history), "the disk is full");

    /* what was written is there meanwhile, and all is when there is room */

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 101);

    fill("other", 0);
    write_at(START + 60 * i);
    assert_int_equal(read_tier(CAPHEALTH_HISTORY_MINUTES, "cpu"), 201);
    assert_false(exists(".damaged"));

    assert_int_equal(umount2(dir, MNT_DETACH), 0);
}


/* if rows have to wait too long, the oldest are lost, which is logged */

static void
waits_too_long(void **state)
{
    int  i;

    (void) state;

    assert_int_equal(mkdir(path, 0700), 0);

    for (i = 0; i < 70000; i++) {
        caphealth_history_add(history, "cpu", UNIT, START + 0.1 * i, i);

        if (i % 600 == 599) {
            assert_int_equal(caphealth_history_write(history, START, 0), -1);
        }
    }

    for (i = 0; i < 1100; i++) {
        happens(START + i, "n");
    }

    assert_non_null(strstr(caphealth_history_error(history),
                           "the file cannot be opened: Is a directory"));

    assert_int_equal(rmdir(path), 0);
    write_at(START + 7000);

    assert_in_range(read_tier(CAPHEALTH_HISTORY_SECONDS, "cpu"), 6100, 6560);
    assert_int_equal(found.times[found.n - 1], (int64_t) START + 6999);

    (void) read_events();
    assert_in_range(found.n, 1024, 1025);
    memset(&found, 0, sizeof(found));
    assert_int_equal(caphealth_history_events(history, START + 7000, INFINITY,
                                              add_event, &found), 0);
    assert_non_null(strstr(found.events, "samples were lost samples-lost"
                                         " {\"count\":"));
}


/* killed at any moment, the file is whole, and has all but the last minute */

static void
killed(void **state)
{
    int       i, k, status, fds[2];
    char      byte;
    pid_t     pid;

    (void) state;

    for (k = 0; k < 20; k++) {
        assert_int_equal(pipe(fds), 0);

        pid = fork();
        assert_true(pid >= 0);

        if (pid == 0) {
            caphealth_history_t  *h = create(50 * MIB);

            for (i = 0; i < 100000; i++) {
                caphealth_history_add(h, "cpu", UNIT, START + 300 * k + i, i);
                (void) caphealth_history_write(h, START + 300 * k + i, 0);

                if (write(fds[1], "", 1) != 1) {
                    break;
                }
            }

            _exit(0);
        }

        (void) close(fds[1]);

        for (i = 0; i <= k; i++) {
            assert_int_equal(read(fds[0], &byte, 1), 1);
        }

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        (void) close(fds[0]);

        caphealth_history_add(history, "mark", UNIT, START + 300 * k, 1);
        write_at(START + 300 * k);
        assert_true(read_tier(CAPHEALTH_HISTORY_SECONDS, "cpu")
                    >= (size_t) (k + 1));
    }

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SECONDS, "mark"), 20);
    assert_false(exists(".damaged"));
}


static void *
add_many(void *data)
{
    int   i;
    char  name[32];

    for (i = 0; i < 20000; i++) {
        (void) snprintf(name, sizeof(name), "%s %d", (const char *) data,
                        i % 10);
        caphealth_history_add(history, name, UNIT, START + i / 100.0, i);

        if (i % 100 == 0) {
            happens(START, "thread");
        }
    }

    return NULL;
}


static void
threads(void **state)
{
    int        i;
    pthread_t  a, b;
    uint32_t   count;

    (void) state;

    assert_int_equal(pthread_create(&a, NULL, add_many, "one"), 0);
    assert_int_equal(pthread_create(&b, NULL, add_many, "two"), 0);

    for (i = 0; i < 20; i++) {
        write_at(START + i);
    }

    (void) pthread_join(a, NULL);
    (void) pthread_join(b, NULL);
    write_at(START + i);

    assert_int_equal(read_tier(CAPHEALTH_HISTORY_SIX_HOURS, "two 9"), 1);
    count = found.points[0].count;
    assert_int_equal(count, 2000);

    (void) read_events();
    assert_int_equal(found.n, 400);
}


static void
permissions(void **state)
{
    struct stat  st;

    (void) state;

    write_at(START);

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}


/* of any bytes, only what is written so is a row */

static void
rows(void **state)
{
    size_t                          i, j, size;
    unsigned char                   data[CAPHEALTH_HISTORY_ROW];
    unsigned char                   again[CAPHEALTH_HISTORY_ROW];
    static caphealth_history_row_t  row, other;

    (void) state;

    row.n = 0;

    for (i = 0; i < 5000; i++) {
        caphealth_history_row_merge(&row, 1 + i * 7 % 1024,
                                    (i % 3) ? 5 : (double) i);
    }

    assert_int_equal(row.n, 1024);

    size = caphealth_history_row_encode(&row, data);
    assert_int_equal(caphealth_history_row_decode(&other, data, size), 0);
    assert_int_equal(caphealth_history_row_encode(&other, again), size);
    assert_memory_equal(data, again, size);

    /* cut anywhere, and with any byte changed: none, or a row again */

    for (i = 0; i < 500; i++) {
        if (caphealth_history_row_decode(&other, data, i) == 0) {
            assert_int_equal(caphealth_history_row_encode(&other, again), i);
        }
    }

    for (i = 0; i < 200; i++) {
        for (j = 1; j < 256; j += 6) {
            data[i] ^= j;

            if (caphealth_history_row_decode(&other, data, 400) == 0) {
                (void) caphealth_history_row_encode(&other, again);
            }

            data[i] ^= j;
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test_setup_teardown(tiers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_of_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(most_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_while_open, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_file, setup, teardown),
        cmocka_unit_test_setup_teardown(codes, setup, teardown),
        cmocka_unit_test_setup_teardown(without_codes, setup, teardown),
        cmocka_unit_test_setup_teardown(another_database, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_jumps, setup, teardown),
        cmocka_unit_test_setup_teardown(two_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_locked_file, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(killed, setup, teardown),
        cmocka_unit_test_setup_teardown(threads, setup, teardown),
        cmocka_unit_test_setup_teardown(permissions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk, setup, teardown)
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
