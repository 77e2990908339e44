
/*
 * Measures: the table of all numbers and texts that clients read.  A row has a
 * measure's member in JSON, its type, unit and decimals, its field, its metric,
 * and, if it is judged, its key, its label and its bounds.  The reports' JSON
 * and the metrics are made of it, and util/measures makes the tables of fields
 * in the documents and the properties in the OpenAPI description of it.
 */

#ifndef CAPHEALTH_MEASURES_H
#define CAPHEALTH_MEASURES_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_activity.h"
#include "caphealth_exposition.h"
#include "caphealth_policy.h"
#include "caphealth_record.h"


#define caphealth_count_of(list)  (sizeof(list) / sizeof((list)[0]))


/* the type of a field, and the value by which it is unknown */

typedef enum {
    CAPHEALTH_TYPE_COUNT = 0,    /* int64_t; CAPHEALTH_UNKNOWN */
    CAPHEALTH_TYPE_REAL,         /* double; not finite */
    CAPHEALTH_TYPE_NUMBER,       /* the same; JSON has no fraction if it is 0 */
    CAPHEALTH_TYPE_FLAG,         /* int: 1, 0; -1 */
    CAPHEALTH_TYPE_TIME,         /* double, seconds since the epoch; 0 */
    CAPHEALTH_TYPE_STRING,       /* char *; NULL */
    CAPHEALTH_TYPE_TEXT,         /* char []; "" */
    CAPHEALTH_TYPE_STALE,        /* of a section: whether its data is stale */
    CAPHEALTH_TYPE_INTERVAL,     /* of a section: seconds between collections */
    CAPHEALTH_TYPE_REACHABLE,    /* of a section: whether the last look brought
                                    data */
    CAPHEALTH_TYPE_CODE          /* none: see caphealth_code_e */
} caphealth_type_e;


/* rows without a field, whose JSON or samples are written by code */

typedef enum {
    CAPHEALTH_CODE_NONE = 0,

    CAPHEALTH_CODE_LOAD,
    CAPHEALTH_CODE_PRESSURE,
    CAPHEALTH_CODE_VENDORS,
    CAPHEALTH_CODE_FULLEST,
    CAPHEALTH_CODE_ROOTS,
    CAPHEALTH_CODE_SOURCES,
    CAPHEALTH_CODE_MISSING,
    CAPHEALTH_CODE_SCAN,
    CAPHEALTH_CODE_FILESYSTEM,
    CAPHEALTH_CODE_NODES,
    CAPHEALTH_CODE_NODE_COUNTS,
    CAPHEALTH_CODE_CAUSE_ARGS,

    CAPHEALTH_CODE_BUILD,
    CAPHEALTH_CODE_STATUS,
    CAPHEALTH_CODE_CHECK_STATUS,
    CAPHEALTH_CODE_CURRENT,
    CAPHEALTH_CODE_BOUNDS,
    CAPHEALTH_CODE_TIER,
    CAPHEALTH_CODE_TIER_UTILIZATION,
    CAPHEALTH_CODE_FORECAST,
    CAPHEALTH_CODE_TIER_FORECAST,
    CAPHEALTH_CODE_SCOPE,
    CAPHEALTH_CODE_ENGINE,
    CAPHEALTH_CODE_UPLOADS,
    CAPHEALTH_CODE_DELETES,
    CAPHEALTH_CODE_STAGES,
    CAPHEALTH_CODE_STORE_REQUESTS,
    CAPHEALTH_CODE_STORE_IMAGES,
    CAPHEALTH_CODE_STORE_SECONDS,
    CAPHEALTH_CODE_NOTIFICATIONS,
    CAPHEALTH_CODE_PLATFORM,
    CAPHEALTH_CODE_NODE_VERSION,
    CAPHEALTH_CODE_NODE_STATUS,

    CAPHEALTH_CODES              /* how many there are */
} caphealth_code_e;


/* the structs of the rows' fields, in the order of the metrics */

typedef enum {
    CAPHEALTH_STATUS = 0,     /* no struct */
    CAPHEALTH_COLLECTOR,         /* caphealth_collector_t */
    CAPHEALTH_SYSTEM,            /* caphealth_facts_t */
    CAPHEALTH_STALL,             /* caphealth_stall_t */
    CAPHEALTH_DISK,              /* caphealth_disk_facts_t */
    CAPHEALTH_DATABASE,          /* caphealth_facts_t */
    CAPHEALTH_CAPACITY,          /* caphealth_facts_t */
    CAPHEALTH_FLEET,             /* caphealth_platform_t */
    CAPHEALTH_NODE_COUNTS,       /* caphealth_platform_t */

    CAPHEALTH_VENDORS,           /* no struct */

    CAPHEALTH_NODE,              /* caphealth_platform_node_t */

    CAPHEALTH_ROOT,              /* caphealth_root_t */
    CAPHEALTH_SOURCE_TREE,       /* caphealth_root_t */
    CAPHEALTH_UPLOADS,           /* caphealth_uploads_t */
    CAPHEALTH_OBJECT_STORES,     /* caphealth_store_activity_t */
    CAPHEALTH_PROCESSES,         /* caphealth_activity_t */

    CAPHEALTH_IMAGES,            /* caphealth_facts_t */
    CAPHEALTH_STATISTICS,        /* caphealth_statistics_t */
    CAPHEALTH_SCAN,              /* caphealth_root_t */
    CAPHEALTH_FILESYSTEM,        /* caphealth_disk_facts_t */
    CAPHEALTH_FLEET_BRIEF,       /* caphealth_platform_t */
    CAPHEALTH_OBJECTS            /* how many there are */
} caphealth_object_e;


/* the metrics of a source; NAN: it is not configured */

typedef struct {
    double                    up;
    double                    stale;
    double                    seconds;
    double                    succeeded;
    double                    failures;
} caphealth_collector_t;


/* the image trees together */

typedef struct {
    caphealth_images_t        images;
    const caphealth_root_t   *fullest;       /* NULL: none, or unknown */
    int64_t                   incomplete;
    int64_t                   strays;
    int64_t                   drift_files;
    int64_t                   drift_bytes;
    double                    scanned_at;
    double                    now;
    const char               *source;
    const char               *error;
    const char               *error_code;
    const char               *node;
    const char               *version;
} caphealth_statistics_t;


typedef struct {
    const char               *name;          /* in JSON; NULL: not there */
    caphealth_type_e          type;
    caphealth_unit_e          unit;          /* in JSON */
    int                       decimals;
    caphealth_code_e          code;
    size_t                    offset;        /* of the field, or the section */

    /* computes the value of a row without a field; NAN: unknown */
    double                  (*value)(const void *object);

    /* the value is unknown where it returns 0; NULL: always known */
    int                     (*known)(const void *object);

    caphealth_metric_t        metric;        /* a NULL name: there is none */
    int                       order;         /* of the metrics of an object;
                                                equal: in the rows' order */
    caphealth_series_unit_e   series_unit;
    caphealth_label_t         sample_label;  /* of the sample, beside those of
                                                the object */

    const char               *series;        /* of the history; NULL: none */

    const char               *key;           /* of the threshold; NULL: none */
    const char               *label;         /* for people */
    caphealth_bounds_t        bounds;        /* by default */
    size_t                    section;       /* that the threshold judges */
} caphealth_measure_t;


typedef struct {
    const char                *name;
    const char                *schema;       /* in OpenAPI; NULL: not in JSON */
    const char                *path;         /* before the members' names */
    const caphealth_measure_t *rows;
    size_t                     n;
} caphealth_object_t;


extern const caphealth_object_t  caphealth_objects[CAPHEALTH_OBJECTS];

/* the keys of the thresholds */
extern const char *const  caphealth_threshold_keys[CAPHEALTH_THRESHOLDS];


/* As people write it after a number; NULL: none. */
const char *caphealth_unit_name(caphealth_unit_e unit);

/* How many of the field's own unit it is. */
double caphealth_unit_size(caphealth_unit_e unit);

/*
 * The value of a row's field as a number, in the unit of the field (bytes, not
 * GiB); NAN: unknown, or no number.
 */
double caphealth_measure_value(const caphealth_measure_t *m,
    const void *object);

/* The row whose threshold has that key; NULL: there is none. */
const caphealth_measure_t *caphealth_measure_by_key(const char *key);

/* A threshold's row, its number in the row's unit, and the section of that. */
const caphealth_measure_t *caphealth_threshold(caphealth_threshold_e i);
double caphealth_threshold_value(caphealth_threshold_e i,
    const caphealth_facts_t *f);
const caphealth_section_t *caphealth_threshold_section(
    caphealth_threshold_e i, const caphealth_facts_t *f);


#endif /* CAPHEALTH_MEASURES_H */
