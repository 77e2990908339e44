
/*
 * What a collector knows of a source, as it sends it, the shared zone keeps it
 * and each worker copies it: a struct of fixed size without a pointer.  What
 * is unknown is NAN, CAPHEALTH_UNKNOWN, -1 or "", never zero.
 *
 * A new field is a row in the table of caphealth_source_facts.c, by which it
 * is cleared and checked; its source sets it.
 */

#ifndef CAPHEALTH_SOURCE_FACTS_H
#define CAPHEALTH_SOURCE_FACTS_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_error.h"
#include "caphealth_fleet_facts.h"
#include "caphealth_record.h"


#define CAPHEALTH_UNKNOWN  ((int64_t) -1)

/* of the history: series, and days of each */
#define CAPHEALTH_PAST_SERIES  24
#define CAPHEALTH_PAST_DAYS    60


/* PSI, /proc/pressure: percent of the last 10, 60, 300 seconds; NAN: unknown */

typedef struct {
    double                 avg10;
    double                 avg60;
    double                 avg300;
    double                 total;         /* stalled, seconds since boot */
} caphealth_stall_t;


typedef struct {
    caphealth_stall_t      some;
    caphealth_stall_t      full;
} caphealth_pressure_t;


typedef struct {
    char                   scope[16];     /* "host" or "cgroup" */
    double                 cpu_percent;   /* of cores, over the interval */
    double                 cpu_mean;      /* the same over caphealth_cpu_window,
                                             without converters at idle
                                             priority */
    double                 cpu_converters;/* what those took of it */
    double                 cpu_seconds;   /* that both are the mean of */
    double                 cores;         /* may be a fraction in a cgroup */
    int64_t                memory_total;  /* bytes */
    int64_t                memory_used;   /* bytes */
    int64_t                swap_total;    /* bytes; unknown without swap */
    int64_t                swap_used;     /* bytes */
    double                 load1;
    double                 load5;
    double                 load15;
    double                 uptime;        /* seconds since boot */
    caphealth_pressure_t   pressure_cpu;
    caphealth_pressure_t   pressure_memory;
    caphealth_pressure_t   pressure_io;

    /* of the CPU's numbers above, which may be of an earlier sample */

    double                 cpu_percent_at;   /* seconds since the epoch */
    double                 cpu_mean_at;

    /* what they are made of, for caphealth_cpu_facts() */

    int64_t                cpu_basis;     /* what the counters are of */
    double                 cpu_clock;     /* they were read, CLOCK_MONOTONIC */
    double                 cpu_busy;      /* CPU seconds in use */
    double                 cpu_total;     /* CPU seconds that there were */
} caphealth_system_t;


typedef struct {
    char                   device[32];    /* "8:1", the same for all paths to a
                                             file system */
    int64_t                total;         /* bytes, statvfs f_blocks */
    int64_t                used;          /* bytes, f_blocks - f_bfree */
    int64_t                available;     /* bytes, f_bavail: to non-root */
    int64_t                inodes;        /* 0 where the file system has no
                                             fixed number */
    int64_t                inodes_free;
    int32_t                read_only;     /* 1, 0, or -1: unknown */
    int32_t                device_read_only;  /* not this mount alone, but the
                                             file system: 1, 0, or -1 */
} caphealth_disk_t;


typedef struct {
    char                   engine[16];    /* "sqlite" or "postgresql" */
    char                   version[64];   /* of the server or the library */
    int64_t                size;          /* bytes */
    int64_t                products_count;
    int64_t                orders_count;
    int64_t                vendors_count;
    int64_t                inventory_count;
    int64_t                orders_this_month;
    int64_t                active_vendors;

    /* of the text of the vendors that stands behind the answer, in bytes */

    int64_t                names_len;     /* unknown: there is no text */
    int64_t                list_len;      /* unknown: there are names alone */
    int64_t                list_vendors;  /* how many are in the list */
} caphealth_database_t;


/* the highest values of each day, in UTC, for forecasts */

typedef struct {
    char                   name[CAPHEALTH_SERIES_NAME];
    float                  days[CAPHEALTH_PAST_DAYS];   /* of the series; NAN:
                                                           unknown */
} caphealth_past_t;


typedef struct {
    int32_t                first_day;     /* since the epoch */
    uint32_t               n;             /* series */
    caphealth_error_t      error;         /* why the history is not written */
    caphealth_past_t       series[CAPHEALTH_PAST_SERIES];
} caphealth_history_facts_t;


typedef union {
    caphealth_system_t     system;
    caphealth_disk_t       disk;
    caphealth_database_t   database;
    caphealth_fleet_t      fleet;
} caphealth_source_facts_t;


/*
 * What a collector answers: this, and behind it for a database that has vendors
 * their text with a NUL, as caphealth_vendors.h has it, or for the fleet its
 * nodes, as caphealth_fleet_facts.h has them.
 */

typedef struct {
    uint32_t               source;        /* caphealth_source_e */
    uint32_t               known;         /* 0: the look brought no facts, and
                                             an error; of a database, without
                                             one: nothing has changed since
                                             the last answer */
    double                 collected_at;  /* seconds since the epoch */
    double                 duration;      /* of the collection, seconds */
    caphealth_error_t      error;         /* with facts: a part of them is
                                             unknown */
    caphealth_source_facts_t  facts;
} caphealth_answer_t;


/* Each sets every field to unknown, and what is between them to zero. */
void caphealth_system_clear(caphealth_system_t *s);
void caphealth_disk_clear(caphealth_disk_t *d);
void caphealth_database_clear(caphealth_database_t *d);
void caphealth_history_facts_clear(caphealth_history_facts_t *h);

/*
 * Each takes a copy of size bytes of any origin, if they are such a
 * struct: every number unknown or within its range, every string in UTF-8 and
 * with a NUL.  Returns NULL, or the name of the first field that is not, ""
 * if the size is another one, and the struct cleared.
 */
const char *caphealth_system_read(caphealth_system_t *s, const void *data,
    size_t size);
const char *caphealth_disk_read(caphealth_disk_t *d, const void *data,
    size_t size);
const char *caphealth_database_read(caphealth_database_t *d,
    const void *data, size_t size);
const char *caphealth_history_facts_read(caphealth_history_facts_t *h,
    const void *data, size_t size);

/*
 * The count of index i in a database's facts, and its name, as the queries'
 * are; NULL: there are no more.
 */
int64_t *caphealth_database_count(caphealth_database_t *d, size_t i,
    const char **name);

/* The past of a series; NULL: there is none. */
const caphealth_past_t *caphealth_history_facts_past(
    const caphealth_history_facts_t *h, const char *name);

/*
 * The same for a whole answer of such a source, at an address that is aligned
 * as a double is.  Of the vendors' text no more is checked than that it has the
 * length that the facts say.
 */
const char *caphealth_answer_read(caphealth_answer_t *a,
    caphealth_source_e of, const void *data, size_t size);

/* The bytes that stand behind an answer; 0: none. */
size_t caphealth_answer_behind(const caphealth_answer_t *a);

/* The bytes of the vendors' text with its NUL; 0: there is none. */
size_t caphealth_vendors_size(const caphealth_database_t *d);

/* A string of a struct, or NULL where it is unknown. */
const char *caphealth_known(const char *s);


#endif /* CAPHEALTH_SOURCE_FACTS_H */
