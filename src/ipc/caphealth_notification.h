
/*
 * Notifications: what may be told of the platform, to whom, and how that went.
 * The directive and the collector share these names.
 */

#ifndef CAPHEALTH_NOTIFICATION_H
#define CAPHEALTH_NOTIFICATION_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_fleet_facts.h"


/* receivers, and bytes of a URL, of a secret and of a receiver's name */
#define CAPHEALTH_RECEIVERS            16
#define CAPHEALTH_RECEIVER_URL         2048
#define CAPHEALTH_RECEIVER_SECRET_MIN  16
#define CAPHEALTH_RECEIVER_SECRET_MAX  1024


/* the overall status, the worse the larger, as the platform's status is of its
   nodes': what is not known may be critical */

typedef enum {
    CAPHEALTH_OVERALL_NONE = 0,        /* nothing is known yet */
    CAPHEALTH_OVERALL_HEALTHY,
    CAPHEALTH_OVERALL_DEGRADED,
    CAPHEALTH_OVERALL_UNKNOWN,
    CAPHEALTH_OVERALL_CRITICAL,
    CAPHEALTH_OVERALL_STATES
} caphealth_overall_e;


/* the status that was told last, since when it is so, seconds since the epoch,
   and the node that told it, or ""; NONE: nothing, or it is not known */

typedef struct {
    uint32_t  state;
    double    since;
    char      node[CAPHEALTH_NODE_NAME];
} caphealth_told_t;


/* what is told; a set of kinds has the bit 1 << kind for each */

typedef enum {
    CAPHEALTH_NOTIFY_WARNING = 0,    /* it is "degraded" now */
    CAPHEALTH_NOTIFY_CRITICAL,
    CAPHEALTH_NOTIFY_UNKNOWN,
    CAPHEALTH_NOTIFY_RECOVERY,       /* it is "healthy" again */
    CAPHEALTH_NOTIFY_FORECAST,       /* a limit will be reached soon */
    CAPHEALTH_NOTIFY_KINDS
} caphealth_notify_kind_e;


#define CAPHEALTH_NOTIFY_ALL  ((1u << CAPHEALTH_NOTIFY_KINDS) - 1)


typedef enum {
    CAPHEALTH_NOTIFY_JSON = 0,
    CAPHEALTH_NOTIFY_SLACK,          /* {"text": ...}, as many chats take it */
    CAPHEALTH_NOTIFY_ALERTMANAGER,   /* its API, version 2 */
    CAPHEALTH_NOTIFY_FORMATS
} caphealth_notify_format_e;


/* how an attempt to deliver one ended */

typedef enum {
    CAPHEALTH_NOTIFY_DELIVERED = 0,
    CAPHEALTH_NOTIFY_RETRIED,        /* it failed, and is tried again */
    CAPHEALTH_NOTIFY_ABANDONED,      /* it failed, and is not */
    CAPHEALTH_NOTIFY_RESULTS
} caphealth_notify_result_e;


/* The names, as they are written and read; NULL: there is no such number. */
const char *caphealth_overall_state_name(uint32_t state);
const char *caphealth_notify_kind_name(uint32_t kind);
const char *caphealth_notify_format_name(uint32_t format);
const char *caphealth_notify_result_name(uint32_t result);

/* The number of a name of len bytes; -1: there is none. */
int caphealth_overall_state_find(const char *name, size_t len);
int caphealth_notify_kind_find(const char *name, size_t len);
int caphealth_notify_format_find(const char *name, size_t len);

/*
 * Checks the URL of a receiver: http or https, a host, no blanks, control
 * characters or bytes above 127, no user or password, no fragment.  Returns
 * NULL, and in *shown how many bytes of it (the scheme, the host and the port)
 * may be logged, as the rest may be a secret; or the end of a sentence.
 */
const char *caphealth_receiver_check_url(const char *url, size_t len,
    size_t *shown);


#endif /* CAPHEALTH_NOTIFICATION_H */
