
/*
 * A record: what worker 0 sends the collector about one moment, for the history
 * and for notifications.  A struct of fixed size without a pointer, in a memfd.
 */

#ifndef CAPHEALTH_RECORD_H
#define CAPHEALTH_RECORD_H


#include <stddef.h>
#include <stdint.h>


#define CAPHEALTH_RECORD_VERSION  5

#define CAPHEALTH_RECORD_SERIES   64
#define CAPHEALTH_RECORD_EVENTS   16
#define CAPHEALTH_RECORD_CAUSES   16
#define CAPHEALTH_RECORD_FORECASTS  16

/* bytes of a series' name, with its NUL */
#define CAPHEALTH_SERIES_NAME     96

/* numbers that an event may have */
#define CAPHEALTH_EVENT_NUMBERS   2


typedef enum {
    CAPHEALTH_SERIES_NONE = 0,
    CAPHEALTH_SERIES_PERCENT,
    CAPHEALTH_SERIES_GB,
    CAPHEALTH_SERIES_BYTES,
    CAPHEALTH_SERIES_COUNT,
    CAPHEALTH_SERIES_PER_MINUTE,
    CAPHEALTH_SERIES_SECONDS,
    CAPHEALTH_SERIES_STATUS,     /* 0 healthy, 1 warning, 2 critical */
    CAPHEALTH_SERIES_UNITS
} caphealth_series_unit_e;


typedef enum {
    CAPHEALTH_EVENT_START = 0,   /* of nginx */
    CAPHEALTH_EVENT_RELOAD,
    CAPHEALTH_EVENT_STATUS,      /* from one to another */
    CAPHEALTH_EVENT_OUTAGE,      /* of a source */
    CAPHEALTH_EVENT_RECOVERY,
    CAPHEALTH_EVENT_UPLOADS,     /* some failed */
    CAPHEALTH_EVENT_SCAN,        /* of an image tree, with a drift */
    CAPHEALTH_EVENT_CLOCK,       /* it was set */
    CAPHEALTH_EVENT_HISTORY,     /* something of it was lost */
    CAPHEALTH_EVENTS
} caphealth_event_e;


typedef struct {
    char                name[CAPHEALTH_SERIES_NAME];
    uint32_t            unit;    /* caphealth_series_unit_e */
    uint32_t            reserved;
    double              value;   /* NAN: unknown */
} caphealth_record_series_t;


/* what an event says, for programs; in the order of its numbers */

typedef enum {
    CAPHEALTH_EVENT_CODE_NONE = 0,
    CAPHEALTH_EVENT_STARTED,
    CAPHEALTH_EVENT_WORKER_REPLACED,
    CAPHEALTH_EVENT_RELOADED,
    CAPHEALTH_EVENT_ALL_HEALTHY,
    CAPHEALTH_EVENT_THRESHOLD,       /* the number, and the bound it reached */
    CAPHEALTH_EVENT_FILESYSTEM_READ_ONLY,
    CAPHEALTH_EVENT_VALUE_UNKNOWN,
    CAPHEALTH_EVENT_SOURCE_FAILED,
    CAPHEALTH_EVENT_SOURCE_RECOVERED,
    CAPHEALTH_EVENT_UPLOADS_FAILED,  /* how many */
    CAPHEALTH_EVENT_TREE_CHANGED,    /* files, bytes */
    CAPHEALTH_EVENT_NODE_SILENT,
    CAPHEALTH_EVENT_CODES
} caphealth_event_code_e;


/* all zero: it says nothing for programs */

typedef struct {
    uint32_t            code;    /* caphealth_event_code_e */
    uint32_t            reserved;
    char                subject[128];   /* a threshold's key, a source's name,
                                           or "" */
    char                path[128];      /* that it is of, or "" */
    char                error_code[32]; /* of a source, or "" */
    char                unit[16];       /* of the numbers, or "" */
    double              numbers[CAPHEALTH_EVENT_NUMBERS];  /* NAN: unknown */
} caphealth_event_args_t;


typedef struct {
    double                  time;
    uint32_t                kind;    /* caphealth_event_e */
    char                    from[16];   /* a status, or "" */
    char                    to[16];
    char                    text[164];  /* one line without a full stop */
    caphealth_event_args_t  args;
} caphealth_record_event_t;


/* why the overall status is not "healthy" */

typedef struct {
    uint32_t                state;      /* caphealth_overall_e, above healthy */
    uint32_t                reserved;
    char                    text[256];  /* one line without a full stop */
    caphealth_event_args_t  args;
} caphealth_record_cause_t;


/* a limit that will be reached */

typedef struct {
    char                    key[CAPHEALTH_SERIES_NAME];  /* of a threshold, or
                                                            "tier:vendors" */
    char                    path[128];  /* of a disk, or "" */
    char                    text[256];  /* one line without a full stop */
    double                  low;        /* days from now */
    double                  mid;
    double                  high;       /* not below the others */
} caphealth_record_forecast_t;


typedef struct {
    uint32_t                     version;
    uint32_t                     nseries;
    uint32_t                     nevents;
    uint32_t                     state;      /* caphealth_overall_e */
    uint32_t                     ncauses;
    uint32_t                     nforecasts;
    uint32_t                     platform;   /* the same of the fleet's nodes
                                                together; NONE: there is no
                                                fleet, or nothing is known */
    uint32_t                     reserved;
    char                         platform_cause[256];    /* of that, or "" */
    caphealth_event_args_t       platform_args;
    double                       time;       /* seconds since the epoch */
    caphealth_record_series_t    series[CAPHEALTH_RECORD_SERIES];
    caphealth_record_event_t     events[CAPHEALTH_RECORD_EVENTS];
    caphealth_record_cause_t     causes[CAPHEALTH_RECORD_CAUSES];
    caphealth_record_forecast_t  forecasts[CAPHEALTH_RECORD_FORECASTS];
} caphealth_record_t;


/*
 * Takes a copy of size bytes of any origin, if they are a record of this
 * version: every time and number finite or unknown, every text in UTF-8 and
 * with a NUL.  Returns NULL, or what is wrong.
 */
const char *caphealth_record_read(caphealth_record_t *r, const void *data,
    size_t size);

/*
 * Adds a series, or an event, to a record.  A series whose name is too long, or
 * that there is no room for, is left out: -1.  A text is cut, not within a
 * character.  An event's args may be NULL.
 */
int caphealth_record_add(caphealth_record_t *r, const char *name,
    const char *path, caphealth_series_unit_e unit, double value);
int caphealth_record_event(caphealth_record_t *r, double time,
    caphealth_event_e kind, const char *from, const char *to,
    const char *text, const caphealth_event_args_t *args);

/*
 * Adds a cause, or a forecast, in the same way; -1: there is no room.  path may
 * be NULL.
 */
int caphealth_record_cause(caphealth_record_t *r, uint32_t state,
    const char *text, const caphealth_event_args_t *args);
int caphealth_record_forecast(caphealth_record_t *r, const char *key,
    const char *path, const char *text, double low, double mid, double high);

/*
 * Arguments for caphealth_record_event(), without numbers.  Each text may be
 * NULL; one that is too long is cut.
 */
void caphealth_event_args(caphealth_event_args_t *args,
    caphealth_event_code_e code, const char *subject, const char *path);

/* As clients read it.  Never NULL. */
const char *caphealth_series_unit(uint32_t unit);
const char *caphealth_event_name(uint32_t kind);
const char *caphealth_event_code(uint32_t code);

/*
 * The arguments as a JSON object, which the caller free()s.  NULL: no memory.
 */
char *caphealth_event_args_json(const caphealth_event_args_t *args);

/* Whether bytes of any origin are arguments. */
int caphealth_event_args_valid(const caphealth_event_args_t *args);

/*
 * The code of a name; NONE: there is none.  The name of a code's number i;
 * NULL: it has no more.
 */
uint32_t caphealth_event_code_find(const char *name);
const char *caphealth_event_number(uint32_t code, size_t i);


#endif /* CAPHEALTH_RECORD_H */
