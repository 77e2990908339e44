
/*
 * Facts: what the collector saw, as raw numbers.
 *
 * Each source (the system, each watched disk, the database) is a section with
 * its own age and error, so that the failure of one source does not concern the
 * others.  What is unknown is NAN or CAPHEALTH_UNKNOWN, never zero.
 */

#ifndef CAPHEALTH_FACTS_H
#define CAPHEALTH_FACTS_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_fleet_facts.h"
#include "caphealth_source_facts.h"
#include "caphealth_tree.h"
#include "caphealth_vendors.h"


/* data that is older than so many intervals is stale */
#define CAPHEALTH_STALE_INTERVALS  3


/* an image tree; its counts are in shared memory */

typedef struct {
    const char            *path;
    const char            *key;           /* of its counts in shared memory */
    const char            *source;        /* "live", "saved", or NULL: nothing
                                             is known yet */
    int64_t                files;
    int64_t                bytes;
    int64_t                complete;      /* images with a commit mark */
    int64_t                max_files;     /* in the fullest leaf directory */
    char                   fullest[8];    /* its name, "ab/cd"; "": none */
    int64_t                incomplete;    /* images without one */
    int64_t                strays;        /* files that are not ours */
    int64_t                stray_bytes;
    int64_t                foreign;       /* directories that are symbolic
                                             links, or on another file
                                             system */
    int64_t                removed;       /* files that dead uploads left */
    int64_t                removed_bytes;
    int64_t                drift_files;   /* that the last full scan found */
    int64_t                drift_bytes;
    double                 scanned_at;    /* the last full scan ended; 0: there
                                             was none */
    double                 scan_seconds;  /* it took */
    double                 scanning_since;/* 0: no scan is under way */
    double                 progress;      /* of it, 0 to 100 */
    const char            *error;         /* or NULL */
    const char            *error_code;    /* the same for programs */
    int                    uploads;       /* a location takes uploads to it */
    const char            *images;        /* of a tree of sources: the path of
                                             their images' tree; or NULL */
    size_t                 ncounted;      /* variants that are counted */
    const char            *counted[CAPHEALTH_COUNTED_MAX];
    int64_t                missing[CAPHEALTH_COUNTED_MAX];
                                          /* images that lacked each of them at
                                             the last full scan */
    int                    missing_known;
    const struct caphealth_disk_facts_s  *disk;    /* its file system, or
                                                      NULL */
    const struct caphealth_section_s     *scans;   /* its scans, or
                                                      NULL */
} caphealth_root_t;


/* the image trees together */

typedef struct {
    int64_t                files;
    int64_t                bytes;
    int64_t                max_files_per_dir;
    int64_t                complete;      /* images with a commit mark */
    caphealth_root_t      *roots;
    size_t                 nroots;
    caphealth_root_t      *sources;       /* trees of sources, which are not in
                                             the sums */
    size_t                 nsources;
} caphealth_images_t;


/* a section, without its data */

typedef struct caphealth_section_s {
    int                    configured;    /* 0: it is not asked for */
    int                    failed;        /* the last attempt brought no data */
    double                 collected_at;  /* of the data, seconds since the
                                             epoch; 0: there is none yet */
    double                 attempted_at;  /* of the last attempt; 0: none yet */
    double                 interval;      /* seconds between attempts */
    double                 way;           /* seconds that the data takes to get
                                             here: from another node of the
                                             fleet; else 0 */
    const char            *error;         /* of the last attempt, or NULL.  With
                                             failed == 0 the data is there, but
                                             a part of it is missing */
    const char            *error_code;    /* the same for programs */
    double                 seconds;       /* the last attempt took */
    int64_t                failures;      /* attempts that brought no data */
} caphealth_section_t;


typedef struct {
    caphealth_section_t    section;
    caphealth_system_t     value;
} caphealth_system_facts_t;


typedef struct caphealth_disk_facts_s {
    caphealth_section_t    section;
    const char            *path;          /* as it is configured */
    caphealth_disk_t       value;
} caphealth_disk_facts_t;


typedef struct {
    caphealth_section_t    section;
    caphealth_database_t   value;
    caphealth_vendors_t    vendors;
} caphealth_database_facts_t;


typedef struct {
    caphealth_section_t    section;
    caphealth_images_t     value;
} caphealth_images_facts_t;


/* the daily maxima of the history; not configured: it is off */

typedef struct {
    caphealth_section_t        section;
    caphealth_history_facts_t  value;
} caphealth_past_facts_t;


/* not configured: there is no fleet */

typedef struct {
    caphealth_section_t            section;   /* read from its database */
    caphealth_fleet_t              value;
    const caphealth_fleet_node_t  *nodes;     /* value.nnodes */
} caphealth_fleet_facts_t;


/* uploads of the last minutes, by their outcome */

typedef struct {
    caphealth_section_t    section;       /* not configured: no location takes
                                             uploads */
    int64_t                stored;
    int64_t                full;          /* 507: no room */
    int64_t                busy;          /* 503: no converter was free */
    int64_t                away;          /* 503: the object store was */
    int64_t                failed;        /* 500 */
    double                 seconds;       /* they are counted over these */
} caphealth_upload_facts_t;


typedef struct {
    const char                  *node;    /* this machine's name, or NULL */
    const char                  *version; /* of this software, or NULL */
    caphealth_system_facts_t     system;
    caphealth_disk_facts_t      *disks;   /* the first gives disk_percent */
    size_t                       ndisks;
    caphealth_database_facts_t   database;
    caphealth_images_facts_t     images;
    caphealth_upload_facts_t     uploads;
    caphealth_past_facts_t       history;
    caphealth_fleet_facts_t      fleet;

    /* of these, kept by the caller, or NULL: there are none */
    const struct caphealth_forecasts_s  *forecasts;
} caphealth_facts_t;


/* Sets every field to unknown. */
void caphealth_images_clear(caphealth_images_t *i);

/*
 * Adds up the roots.  The sums are unknown if one of them is, or if there is no
 * root.
 */
void caphealth_images_add(caphealth_images_t *i);

/*
 * The section of index i: the system, each disk, the database, the images, then
 * the disks that are watched only because a root is on them.  NULL: there is
 * none.
 */
const caphealth_section_t *caphealth_facts_section(
    const caphealth_facts_t *f, size_t i);

/*
 * The disk of index i: those of the report, then those that are watched only
 * because a root is on them.  NULL: there is none.
 */
const caphealth_disk_facts_t *caphealth_facts_mount(
    const caphealth_facts_t *f, size_t i);

/*
 * Whether the last attempt brought data: 1, 0, or -1 where there was none.
 */
int caphealth_section_reachable(const caphealth_section_t *s);

/* Whether a section is configured and has data, however old. */
int caphealth_section_known(const caphealth_section_t *s);

/*
 * A section is stale if its data is older than three intervals and its way at
 * the time now (seconds since the epoch), or more than one interval in the
 * future, because the clock was set back.  A section that is not configured, or
 * has no data yet, is unknown, not stale.
 */
int caphealth_section_stale(const caphealth_section_t *s, double now);

/*
 * The time at which the next of the sections will become stale, in seconds
 * since the epoch; INFINITY if none will.
 */
double caphealth_facts_stale_at(const caphealth_facts_t *f, double now);


#endif /* CAPHEALTH_FACTS_H */
