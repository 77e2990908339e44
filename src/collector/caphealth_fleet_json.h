
/*
 * What goes to and from the fleet's database, contrib/postgresql/
 * caphealth-fleet.sql, as JSON, so that nodes of different versions understand
 * each other: a member that is not known is ignored, one that is missing is
 * unknown.  What is read may have been written by anybody.
 */

#ifndef CAPHEALTH_FLEET_JSON_H
#define CAPHEALTH_FLEET_JSON_H


#include <stddef.h>

#include <jansson.h>

#include "caphealth_fleet_counts.h"
#include "caphealth_fleet_facts.h"
#include "caphealth_notification.h"
#include "caphealth_record.h"
#include "caphealth_source_facts.h"


/* of contrib/postgresql/caphealth-fleet.sql */
#define CAPHEALTH_FLEET_SCHEMA  2

/* bytes of an id, with its NUL, which the database chooses */
#define CAPHEALTH_FLEET_ID      64


/* this node, as it presents itself; texts are UTF-8 */

typedef struct {
    const char    *node;
    const char    *instance;
    double         interval;     /* seconds */
    double         clock;        /* its own, seconds since the epoch */
    int            shop;         /* it can ask the shop's database */
    const char    *facts_id;     /* of the shop, that it has read; or "" */
    const char    *settings;     /* a digest of the shop's, or NULL */
    const char    *process;      /* of nginx, or NULL */
    const char    *follows;      /* that has started it, or NULL */
    double         looks;        /* seconds between two queries of the shop */
    caphealth_told_t  told;      /* in notifications; NONE: it sends none */
} caphealth_fleet_self_t;


/* what is known of the shop; all zero: nothing */

typedef struct {
    char                  facts_id[CAPHEALTH_FLEET_ID];  /* "": no facts */
    char                  attempt_id[CAPHEALTH_FLEET_ID];
    char                  node[CAPHEALTH_NODE_NAME];     /* that has asked */
    double                age;           /* of the facts, seconds */
    double                attempt_age;   /* of the last attempt */
    int                   failed;        /* it brought no facts */
    caphealth_error_t     error;         /* of it */
    int                   fresh;         /* the facts are these, and not those
                                            that were read before */
    caphealth_database_t  facts;
    char                 *vendors;       /* their text, or NULL */
} caphealth_fleet_shop_t;


typedef struct {
    caphealth_fleet_t        fleet;      /* but for node, shop and alone */
    int                      stored;     /* the facts that were sent */
    int                      probe;      /* this node is to look at the shop,
                                            as the holder cannot */
    caphealth_told_t         told;       /* in notifications */
    caphealth_fleet_node_t  *nodes;      /* fleet.nnodes, or NULL */
    caphealth_fleet_shop_t   shop;
    caphealth_counted_t     *counted;    /* ncounted object stores, or NULL */
    size_t                   ncounted;
} caphealth_fleet_reply_t;


/*
 * The request of caphealth.refresh(): record is the last, or NULL; stores is an
 * array of what the worker tells of object stores, or NULL.  The caller free()s
 * it.  NULL: no memory.
 */
char *caphealth_fleet_request(const caphealth_fleet_self_t *self,
    const caphealth_record_t *record, json_t *stores);

/*
 * A look at the shop's database, which was age seconds ago, and the vendors'
 * text of it, or NULL.  The caller free()s it.  NULL: no memory.
 */
char *caphealth_fleet_looked(const caphealth_answer_t *a,
    const char *vendors, double age);

/*
 * Reads the three columns that caphealth.refresh() returns; shop and nodes may
 * be NULL; stores is what was sent in the request, or NULL.  Returns 0 and the
 * reply, which caphealth_fleet_reply_free() frees; or -1, and the error.  An
 * error with 0 says what of the reply is left out.
 */
int caphealth_fleet_reply(caphealth_fleet_reply_t *reply, const char *fleet,
    const char *shop, const char *nodes, const json_t *stores,
    caphealth_error_t *error);
void caphealth_fleet_reply_free(caphealth_fleet_reply_t *reply);


#endif /* CAPHEALTH_FLEET_JSON_H */
