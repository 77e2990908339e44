
/*
 * History: the past of each measure, and what happened, in an SQLite file.
 *
 * A sample is added in memory and costs no more than that; a write, once a
 * minute by a thread of its own, puts all that came since into the file, in one
 * transaction.  What cannot be written, because the disk is full or another
 * process has locked the file, is kept for the next write.
 *
 * There are four tiers: the values of each second, for two hours; and the
 * lowest, the mean and the highest of each minute, for 2 days, of 10 minutes,
 * for 60 days, and of 6 hours, for 3 years.  Each sample goes into all of them
 * at once, so the newest row of each is not complete yet, and two processes
 * that write during a reload add to the same rows.
 *
 * In all but the finest tier a row goes when there are too many, and not for
 * its age: a clock that is set forward for a moment removes nothing.  Rows that
 * are more than a day ahead of the clock go first.
 *
 * The file has a largest size: where the series are so many that it would grow
 * beyond, the oldest rows of the largest tier go earlier.
 *
 * A file that is damaged becomes PATH.damaged, one that a newer version has
 * written PATH.newer, in place of an earlier one, and a new one is begun: after
 * a downgrade there is a history, and nothing has touched the newer one.  A
 * database that is no history is left alone, and there is none.
 */

#ifndef CAPHEALTH_HISTORY_H
#define CAPHEALTH_HISTORY_H


#include <stddef.h>
#include <stdint.h>


/* names that a file may have, over all times */
#define CAPHEALTH_HISTORY_SERIES    1024

/*
 * bytes of a name, of the kind of an event, its states and its code, and of its
 * text and its arguments, with the NUL
 */
#define CAPHEALTH_HISTORY_NAME      256
#define CAPHEALTH_HISTORY_KIND      32
#define CAPHEALTH_HISTORY_TEXT      512

/* a smaller limit of the size is raised to this, in bytes */
#define CAPHEALTH_HISTORY_MIN_SIZE  (4 * 1024 * 1024)


typedef enum {
    CAPHEALTH_HISTORY_SECONDS = 0,
    CAPHEALTH_HISTORY_MINUTES,
    CAPHEALTH_HISTORY_TEN_MINUTES,
    CAPHEALTH_HISTORY_SIX_HOURS,
    CAPHEALTH_HISTORY_TIERS
} caphealth_history_tier_e;


typedef struct caphealth_history_s  caphealth_history_t;


/* one series in one row */

typedef struct {
    uint32_t                 series;     /* caphealth_history_series() */
    uint32_t                 count;      /* samples */
    double                   min;
    double                   mean;
    double                   max;
} caphealth_history_point_t;


/* what it says, once each time that this changes, for a log */
typedef void (*caphealth_history_log_pt)(void *data, const char *text);

typedef void (*caphealth_history_name_pt)(void *data, uint32_t series,
    const char *name, const char *unit);

/* n points of the row that begins at time, by series in ascending order */
typedef void (*caphealth_history_row_pt)(void *data, int64_t time,
    const caphealth_history_point_t *points, size_t n);

/* every text may be "" */

typedef struct {
    double                   time;
    const char              *kind;
    const char              *from;       /* a state */
    const char              *to;
    const char              *text;       /* for people */
    const char              *code;       /* for programs */
    const char              *args;       /* of the code, a JSON object */
} caphealth_history_event_t;


typedef void (*caphealth_history_event_pt)(void *data,
    const caphealth_history_event_t *event);


/*
 * A history in a file, which is made when it is first written or read, readable
 * by its owner only, and of at most so many bytes.  log may be NULL.  NULL: no
 * memory.
 */
caphealth_history_t *caphealth_history_create(const char *path,
    int64_t max_size, caphealth_history_log_pt log, void *data);

/* Writes nothing: what is to be kept is written before. */
void caphealth_history_destroy(caphealth_history_t *h);

/*
 * Adds a sample, or an event, in memory; of any thread.  time are seconds since
 * the epoch.  A value that is no finite number is unknown and is not kept.  A
 * name or text that is too long is cut, and arguments that are too long are
 * left out; a text that is NULL is "".  unit is one of caphealth_series_unit().
 */
void caphealth_history_add(caphealth_history_t *h, const char *name,
    const char *unit, double time, double value);
void caphealth_history_event(caphealth_history_t *h,
    const caphealth_history_event_t *event);

/*
 * What follows is for one thread.
 *
 * Writes all that has been added.  now is the time, up the seconds since the
 * system was started (CLOCK_BOOTTIME): where one moves by a minute more than
 * the other, the clock was set, which becomes an event.  Returns 0; or -1 with
 * the reason in caphealth_history_error(), and nothing is lost unless the next
 * writes fail for hours.
 */
int caphealth_history_write(caphealth_history_t *h, double now, double up);

/* Why the last write or reading failed, or "". */
const char *caphealth_history_error(const caphealth_history_t *h);

/*
 * Each calls back for what is in the file: the names of the series; the rows
 * of a tier that begin in a time from (included) to (excluded), in ascending
 * order; the events of such a time.  Each returns 0, or -1 as a write does.
 */
int caphealth_history_series(caphealth_history_t *h,
    caphealth_history_name_pt name, void *data);
int caphealth_history_read(caphealth_history_t *h,
    caphealth_history_tier_e tier, int64_t from, int64_t to,
    caphealth_history_row_pt row, void *data);
int caphealth_history_events(caphealth_history_t *h, double from, double to,
    caphealth_history_event_pt event, void *data);

/* Seconds that a row of a tier is of: 1, 60, 600, 21600. */
int64_t caphealth_history_step(caphealth_history_tier_e tier);


#endif /* CAPHEALTH_HISTORY_H */
