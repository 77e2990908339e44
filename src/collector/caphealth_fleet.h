
/*
 * This node's place in the fleet: its reports to the fleet's database and what
 * it reads there, the lease that one node holds, and who asks the shop's
 * database.
 *
 * At each refresh one statement is run, over a connection that stays open.
 * Nothing else of the session is used, so that pgbouncer may stand between, in
 * transaction mode.  The lease ends by this node's own clock, counted from
 * before its renewal was sent, which is never later than the server has it end.
 */

#ifndef CAPHEALTH_FLEET_H
#define CAPHEALTH_FLEET_H


#include <jansson.h>

#include "caphealth_fleet_counts.h"
#include "caphealth_fleet_history.h"
#include "caphealth_notification.h"
#include "caphealth_record.h"
#include "caphealth_source_facts.h"


typedef struct caphealth_fleet_client_s  caphealth_fleet_client_t;


typedef enum {
    CAPHEALTH_FLEET_MEMBER = 0,
    CAPHEALTH_FLEET_HOLDER,      /* of the lease: asks and tells for all */
    CAPHEALTH_FLEET_ALONE        /* asks and tells for itself */
} caphealth_fleet_role_e;


/* who queries the shop's database */

typedef enum {
    CAPHEALTH_FLEET_LOOK = 0,    /* this node */
    CAPHEALTH_FLEET_ANSWERED     /* another one, whose answer is given */
} caphealth_fleet_look_e;


/*
 * url is that of the fleet's database; settings are "fleet", as
 * ngx_http_caphealth_collector.c makes them; interval is the seconds between
 * two refreshes; database are the settings of the shop's database, or NULL:
 * this node has none; timeout is for one refresh.  Everything is copied.
 * Nothing is opened yet.  NULL: no memory.
 */
caphealth_fleet_client_t *caphealth_fleet_create(const char *url,
    const json_t *settings, double interval, const json_t *database,
    double timeout);

/*
 * The history, of which each refresh takes a part along; before the first.
 */
void caphealth_fleet_copy_history(caphealth_fleet_client_t *fc,
    caphealth_fleet_history_t *history);

/*
 * What the next refresh tells of object stores, an array that is taken over,
 * and to whom the answer is given, in the refresh's thread: n of counted, for
 * the stores that have one.
 */
void caphealth_fleet_count(caphealth_fleet_client_t *fc, json_t *stores,
    uint64_t serial);
void caphealth_fleet_counted(caphealth_fleet_client_t *fc,
    void (*counted)(uint64_t serial, const caphealth_counted_t *counted,
                    size_t n));

/*
 * Instead of refreshes: the node quits, and stores are its last changes of
 * object stores, as caphealth.finish() takes them.  Returns 0 if they are
 * stored, or -1 with the error.
 */
int caphealth_fleet_finish(caphealth_fleet_client_t *fc, const json_t *stores,
    caphealth_error_t *error);

/* The record that the next report is made of. */
void caphealth_fleet_record(caphealth_fleet_client_t *fc,
    const caphealth_record_t *record);

/*
 * A refresh: fills an answer that is all zero but for its source and its
 * collected_at.  Returns the nodes with their NUL, which are valid until the
 * next refresh, or NULL.
 */
const char *caphealth_fleet_collect(caphealth_fleet_client_t *fc,
    caphealth_answer_t *a);

/*
 * Who queries the shop's database now, after the first refresh, for which it
 * waits.  If it is another node, its answer, which may be that nothing has
 * changed, is put into a, which is as above; *vendors becomes the vendors' text
 * or NULL, and is valid until the next call.
 */
caphealth_fleet_look_e caphealth_fleet_shop(caphealth_fleet_client_t *fc,
    caphealth_answer_t *a, const char **vendors);

/* What this node saw when it looked; the vendors' text may be NULL. */
void caphealth_fleet_looked_at(caphealth_fleet_client_t *fc,
    const caphealth_answer_t *a, const char *vendors);

/*
 * What this node is at the moment.  *told becomes the status that the fleet
 * told last in notifications, as it was read; NONE: that is not known.
 */
caphealth_fleet_role_e caphealth_fleet_role(caphealth_fleet_client_t *fc,
    caphealth_told_t *told);

/* What the holder of the lease told last. */
void caphealth_fleet_tells(caphealth_fleet_client_t *fc,
    const caphealth_told_t *told);


#endif /* CAPHEALTH_FLEET_H */
