
/*
 * This node's place in the fleet.
 */

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "caphealth_db.h"
#include "caphealth_fleet.h"
#include "caphealth_fleet_json.h"
#include "caphealth_postgres_connection.h"
#include "caphealth_thread.h"


/* a lease is so many intervals, as the function in the database has it */
#define CAPHEALTH_FLEET_LEASE      3

/* seconds that the first refresh waits for the first record */
#define CAPHEALTH_FLEET_FIRST      1.0

/* the part of the timeout that a query of the shop waits for a refresh */
#define CAPHEALTH_FLEET_WAIT       0.9

/* a query of the shop that is due within this part of a refresh is due now */
#define CAPHEALTH_FLEET_DUE        0.5


/* the statement, of which nothing is prepared or left behind in a session */

static const char  caphealth_fleet_refresh[] =
    "SELECT fleet, shop, nodes"
    " FROM caphealth.refresh($1::pg_catalog.jsonb, $2::pg_catalog.json)";

static const char  caphealth_fleet_end[] =
    "SELECT caphealth.finish($1::pg_catalog.jsonb)";

static const char  caphealth_fleet_put_history[] =
    "SELECT caphealth.put_history($1::pg_catalog.text,"
    " $2::pg_catalog.jsonb)";


/* SQLSTATEs of a session that another server, or another try, may do better */

static const char *const  caphealth_fleet_again[] = {
    "25006",                     /* read_only_sql_transaction: failed over */
    "57P",                       /* shutdown, crash, cannot connect now */
    "08",                        /* connection_exception */
    "26000"                      /* invalid_sql_statement_name, by a pooler */
};


struct caphealth_fleet_client_s {
    caphealth_postgres_connection_t  connection;     /* of the refresh */
    char                            *url;
    char                            *node;
    char                             instance[24];
    char                             digest[CAPHEALTH_DB_DIGEST];
    char                            *process;        /* or NULL */
    char                            *follows;        /* or NULL */
    double                           interval;
    double                           database;
    double                           timeout;
    double                           grace;
    double                           created;        /* by CLOCK_REALTIME */
    caphealth_fleet_history_t       *history;        /* NULL: none is kept */
    char                            *nodes;          /* as they are answered */
    int                              doubled;
    unsigned                         sending;        /* the look on its way */
    double                           contact_time;   /* by CLOCK_REALTIME */
    caphealth_fleet_t                fleet;          /* that was read last */
    caphealth_error_t                part;           /* of it */
    void                           (*counted)(uint64_t serial,
                                              const caphealth_counted_t *c,
                                              size_t n);
    json_t                          *telling;        /* of object stores, on
                                                        its way; or NULL */
    uint64_t                         telling_serial;

    char                            *given;          /* vendors, to the last
                                                        who asked */
    char                             given_facts[CAPHEALTH_FLEET_ID];
    char                             given_attempt[CAPHEALTH_FLEET_ID];

    pthread_mutex_t                  mutex;          /* of the rest */
    pthread_cond_t                   changed;
    int                              recorded;       /* there is a record */
    int                              refreshed;      /* one has ended */
    int                              joined;         /* one has succeeded */
    caphealth_record_t               record;
    json_t                          *stores;         /* to be sent, or NULL */
    uint64_t                         serial;         /* of them */
    double                           contact;        /* the last that did, by
                                                        CLOCK_BOOTTIME */
    double                           lease;          /* it ends */
    int                              probe;          /* this node is to look */
    double                           looked;         /* this node at the shop
                                                        began to; -INFINITY:
                                                        never */
    caphealth_told_t                 tells;          /* this node */
    caphealth_told_t                 told;           /* the fleet, before */
    caphealth_fleet_shop_t           shop;           /* of the fleet, */
    double                           shop_at;        /* when it was read */
    int                              own;            /* this node's numbers are
                                                        shown */
    caphealth_answer_t               answer;         /* its own look, to be */
    char                            *vendors;        /* stored */
    unsigned                         looks;          /* so far */
    unsigned                         sent;           /* the last of them that
                                                        was */
};


static int caphealth_fleet_first(caphealth_fleet_client_t *fc);
static char *caphealth_fleet_self(caphealth_fleet_client_t *fc);
static char *caphealth_fleet_unstored(caphealth_fleet_client_t *fc);
static int caphealth_fleet_ask(caphealth_fleet_client_t *fc,
    const char *request, const char *looked, double deadline,
    caphealth_fleet_reply_t *reply, caphealth_error_t *error);
static int caphealth_fleet_run(caphealth_fleet_client_t *fc,
    const char *request, const char *looked, double deadline,
    PGresult **result, caphealth_error_t *error);
static int caphealth_fleet_retry(const PGresult *result);
static void caphealth_fleet_copy(caphealth_fleet_client_t *fc,
    double deadline, caphealth_error_t *error);
static int caphealth_fleet_columns(caphealth_fleet_reply_t *reply,
    const PGresult *result, const json_t *stores, caphealth_error_t *error);
static void caphealth_fleet_take(caphealth_fleet_client_t *fc,
    caphealth_fleet_reply_t *reply, double sent);
static const char *caphealth_fleet_answer(caphealth_fleet_client_t *fc,
    caphealth_answer_t *a, int failed);
static int caphealth_fleet_alone(const caphealth_fleet_client_t *fc,
    double now);
static int caphealth_fleet_due(const caphealth_fleet_client_t *fc,
    double now);
static void caphealth_fleet_give(caphealth_fleet_client_t *fc,
    caphealth_answer_t *a, const char **vendors, double now);
static double caphealth_fleet_clock(clockid_t id);


caphealth_fleet_client_t *
caphealth_fleet_create(const char *url, const json_t *settings,
    double interval, const json_t *database, double timeout)
{
    const char                *node, *process, *follows;
    caphealth_fleet_client_t  *fc;

    fc = calloc(1, sizeof(caphealth_fleet_client_t));
    if (fc == NULL) {
        return NULL;
    }

    node = json_string_value(json_object_get(settings, "node"));

    process = json_string_value(json_object_get(settings, "process"));
    follows = json_string_value(json_object_get(settings, "follows"));

    fc->url = strdup(url);
    fc->node = (node == NULL) ? NULL : strdup(node);
    fc->process = (process == NULL) ? NULL : strdup(process);
    fc->follows = (follows == NULL) ? NULL : strdup(follows);

    if (fc->url == NULL || fc->node == NULL
        || !caphealth_node_name_valid(fc->node, strlen(fc->node))
        || (database != NULL
            && caphealth_db_digest(fc->digest, database) == -1))
    {
        free(fc->url);
        free(fc->node);
        free(fc->process);
        free(fc->follows);
        free(fc);
        return NULL;
    }

    (void) snprintf(fc->instance, sizeof(fc->instance), "%llx",
                    (unsigned long long) json_integer_value(
                                   json_object_get(settings, "instance")));

    fc->connection.url = fc->url;
    fc->interval = interval;
    fc->database = json_number_value(json_object_get(database, "interval"));
    fc->timeout = timeout;
    fc->grace = json_number_value(json_object_get(settings, "grace"));
    fc->created = caphealth_fleet_clock(CLOCK_REALTIME);
    fc->contact = caphealth_fleet_clock(CLOCK_BOOTTIME);
    fc->lease = -INFINITY;
    fc->looked = -INFINITY;

    caphealth_fleet_clear(&fc->fleet);

    (void) pthread_mutex_init(&fc->mutex, NULL);
    caphealth_thread_cond_init(&fc->changed);

    return fc;
}


void
caphealth_fleet_copy_history(caphealth_fleet_client_t *fc,
    caphealth_fleet_history_t *history)
{
    fc->history = history;
}


void
caphealth_fleet_counted(caphealth_fleet_client_t *fc,
    void (*counted)(uint64_t serial, const caphealth_counted_t *counted,
                    size_t n))
{
    fc->counted = counted;
}


void
caphealth_fleet_count(caphealth_fleet_client_t *fc, json_t *stores,
    uint64_t serial)
{
    (void) pthread_mutex_lock(&fc->mutex);

    json_decref(fc->stores);

    fc->stores = stores;
    fc->serial = serial;

    (void) pthread_mutex_unlock(&fc->mutex);
}


int
caphealth_fleet_finish(caphealth_fleet_client_t *fc, const json_t *stores,
    caphealth_error_t *error)
{
    int                               rc;
    char                             *text;
    json_t                           *request;
    double                            deadline;
    PGresult                         *result;
    caphealth_postgres_connection_t  *c;

    c = &fc->connection;
    deadline = caphealth_db_clock() + fc->timeout;

    request = json_pack("{s:s, s:s, s:f, s:O}", "node", fc->node,
                        "instance", fc->instance, "seconds", fc->interval,
                        "stores", stores);
    text = (request == NULL) ? NULL : json_dumps(request, JSON_COMPACT);

    json_decref(request);

    if (text == NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");
        return -1;
    }

    const char *const  values[] = { text };

    rc = caphealth_postgres_open(c, deadline, error);

    if (rc == 0) {
        rc = caphealth_postgres_call(c, PQsendQueryParams(c->conn,
                                                          caphealth_fleet_end,
                                                          1, NULL, values,
                                                          NULL, NULL, 0),
                                     "finish", deadline, &result, error);
    }

    free(text);

    if (rc == -1) {
        return -1;
    }

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        caphealth_postgres_refused("finish", result, error);
        rc = -1;
    }

    PQclear(result);

    return rc;
}


void
caphealth_fleet_record(caphealth_fleet_client_t *fc,
    const caphealth_record_t *record)
{
    (void) pthread_mutex_lock(&fc->mutex);

    fc->record = *record;
    fc->recorded = 1;

    (void) pthread_cond_broadcast(&fc->changed);
    (void) pthread_mutex_unlock(&fc->mutex);
}


const char *
caphealth_fleet_collect(caphealth_fleet_client_t *fc, caphealth_answer_t *a)
{
    int                       rc, first;
    char                     *request, *looked;
    double                    sent, deadline;
    caphealth_error_t         error;
    caphealth_fleet_reply_t   reply;

    memset(&error, 0, sizeof(caphealth_error_t));

    first = caphealth_fleet_first(fc);

    request = caphealth_fleet_self(fc);
    looked = caphealth_fleet_unstored(fc);

    sent = caphealth_fleet_clock(CLOCK_BOOTTIME);

    deadline = caphealth_db_clock() + fc->timeout;

    rc = caphealth_fleet_ask(fc, request, looked, deadline, &reply, &error);

    if (rc == 0) {
        fc->contact_time = a->collected_at;
        fc->part = error;

        caphealth_fleet_take(fc, &reply, sent);
        caphealth_fleet_copy(fc, deadline, &error);
    }

    free(request);
    free(looked);

    json_decref(fc->telling);
    fc->telling = NULL;

    a->error = error;

    if (first) {
        (void) pthread_mutex_lock(&fc->mutex);
        fc->refreshed = 1;
        (void) pthread_cond_broadcast(&fc->changed);
        (void) pthread_mutex_unlock(&fc->mutex);
    }

    return caphealth_fleet_answer(fc, a, rc == -1);
}


/* a node that has just started would report that nothing is known of it */

static int
caphealth_fleet_first(caphealth_fleet_client_t *fc)
{
    int              first;
    struct timespec  until;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t) CAPHEALTH_FLEET_FIRST;

    (void) pthread_mutex_lock(&fc->mutex);

    first = !fc->refreshed;

    while (first && !fc->recorded
           && pthread_cond_timedwait(&fc->changed, &fc->mutex, &until) == 0)
    {
        /* void */
    }

    (void) pthread_mutex_unlock(&fc->mutex);

    return first;
}


static char *
caphealth_fleet_self(caphealth_fleet_client_t *fc)
{
    char                    *request;
    caphealth_fleet_self_t   self;

    (void) pthread_mutex_lock(&fc->mutex);

    self = (caphealth_fleet_self_t) {
        .node = fc->node,
        .instance = fc->instance,
        .interval = fc->interval,
        .clock = caphealth_fleet_clock(CLOCK_REALTIME),
        .shop = (fc->database > 0),
        .facts_id = fc->shop.facts_id,
        .settings = (fc->digest[0] == '\0') ? NULL : fc->digest,
        .process = fc->process,
        .follows = fc->follows,
        .looks = fc->database
    };

    /* a node that is about to take the lease has told nothing for the fleet */

    if (caphealth_fleet_clock(CLOCK_BOOTTIME) < fc->lease) {
        self.told = fc->tells;
    }

    fc->telling = fc->stores;
    fc->telling_serial = fc->serial;
    fc->stores = NULL;

    request = caphealth_fleet_request(&self,
                                      fc->recorded ? &fc->record : NULL,
                                      fc->telling);

    (void) pthread_mutex_unlock(&fc->mutex);

    return request;
}


/* what this node saw in the shop; NULL: nothing that is not stored */

static char *
caphealth_fleet_unstored(caphealth_fleet_client_t *fc)
{
    char    *looked;
    double   now;

    now = caphealth_fleet_clock(CLOCK_BOOTTIME);

    (void) pthread_mutex_lock(&fc->mutex);

    fc->sending = fc->looks;

    looked = (fc->looks == fc->sent)
             ? NULL : caphealth_fleet_looked(&fc->answer, fc->vendors,
                                             now - fc->looked);

    (void) pthread_mutex_unlock(&fc->mutex);

    return looked;
}


static int
caphealth_fleet_ask(caphealth_fleet_client_t *fc, const char *request,
    const char *looked, double deadline, caphealth_fleet_reply_t *reply,
    caphealth_error_t *error)
{
    int        rc;
    PGresult  *result;

    if (request == NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");
        return -1;
    }

    rc = 1;

    /* a server may have closed the connection since the last refresh */

    if (fc->connection.conn != NULL) {
        rc = caphealth_fleet_run(fc, request, looked, deadline, &result,
                                 error);
    }

    if (rc == 1) {
        memset(error, 0, sizeof(caphealth_error_t));

        if (caphealth_postgres_open(&fc->connection, deadline, error) == -1) {
            return -1;
        }

        rc = caphealth_fleet_run(fc, request, looked, deadline, &result,
                                 error);
    }

    if (rc != 0) {
        return -1;
    }

    rc = caphealth_fleet_columns(reply, result, fc->telling, error);

    PQclear(result);

    return rc;
}


/* 0 and *result; or the error and -1, or 1: a new connection may help */

static int
caphealth_fleet_run(caphealth_fleet_client_t *fc, const char *request,
    const char *looked, double deadline, PGresult **result,
    caphealth_error_t *error)
{
    int                               again;
    const char                       *state;
    caphealth_postgres_connection_t  *c;

    const char *const  values[] = { request, looked };

    c = &fc->connection;

    if (caphealth_postgres_call(c, PQsendQueryParams(c->conn,
                                                     caphealth_fleet_refresh,
                                                     2, NULL, values, NULL,
                                                     NULL, 0),
                                "refresh", deadline, result, error)
        == -1)
    {
        return error->code == CAPHEALTH_ERROR_TIMEOUT ? -1 : 1;
    }

    if (PQresultStatus(*result) == PGRES_TUPLES_OK) {
        return 0;
    }

    state = PQresultErrorField(*result, PG_DIAG_SQLSTATE);

    if (state != NULL
        && (strcmp(state, "42883") == 0      /* undefined_function */
            || strcmp(state, "3F000") == 0)) /* invalid_schema_name */
    {
        caphealth_error_set(error, CAPHEALTH_ERROR_SCHEMA,
                            "the fleet's database has no schema "
                            "\"caphealth\", or an old one: run "
                            "caphealth-fleet.sql in it");
        again = -1;

    } else {
        caphealth_postgres_refused("refresh", *result, error);
        again = caphealth_fleet_retry(*result);
    }

    PQclear(*result);

    if (again == 1) {
        caphealth_postgres_close(c);
    }

    return again;
}


static int
caphealth_fleet_retry(const PGresult *result)
{
    size_t       i;
    const char  *state;

    state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    for (i = 0;
         state != NULL && i < sizeof(caphealth_fleet_again)
                              / sizeof(caphealth_fleet_again[0]);
         i++)
    {
        if (strncmp(state, caphealth_fleet_again[i],
                    strlen(caphealth_fleet_again[i]))
            == 0)
        {
            return 1;
        }
    }

    return -1;
}


/*
 * A part of the history.  It is copied again if it fails; that is an error of
 * the refresh, which has succeeded.
 */

static void
caphealth_fleet_copy(caphealth_fleet_client_t *fc, double deadline,
    caphealth_error_t *error)
{
    PGresult                         *result;
    const char                       *batch;
    caphealth_error_t                 failed;
    caphealth_postgres_connection_t  *c;

    /* of two nodes of one name each has a past of its own */

    batch = (fc->history == NULL || fc->doubled)
            ? NULL : caphealth_fleet_history_batch(fc->history);

    if (batch == NULL) {
        return;
    }

    const char *const  values[] = { fc->node, batch };

    memset(&failed, 0, sizeof(caphealth_error_t));
    c = &fc->connection;

    if (caphealth_postgres_call(c, PQsendQueryParams(c->conn,
                                                  caphealth_fleet_put_history,
                                                  2, NULL, values, NULL, NULL,
                                                  0),
                                "put_history", deadline, &result, &failed)
        == -1)
    {
        caphealth_error_add(error, &failed);
        return;
    }

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        caphealth_postgres_refused("put_history", result, &failed);

    } else if (PQntuples(result) != 1 || PQnfields(result) != 1
               || PQgetisnull(result, 0, 0)
               || caphealth_fleet_history_answered(fc->history,
                                       PQgetvalue(result, 0, 0),
                                       caphealth_fleet_clock(CLOCK_REALTIME))
                  == -1)
    {
        caphealth_error_set(&failed, CAPHEALTH_ERROR_SCHEMA,
                            "put_history: the fleet's database answers with "
                            "something else");
    }

    PQclear(result);

    caphealth_error_add(error, &failed);
}


static int
caphealth_fleet_columns(caphealth_fleet_reply_t *reply, const PGresult *result,
    const json_t *stores, caphealth_error_t *error)
{
    if (PQntuples(result) != 1 || PQnfields(result) != 3
        || PQgetisnull(result, 0, 0))
    {
        caphealth_error_set(error, CAPHEALTH_ERROR_SCHEMA,
                            "the fleet's database answers with %d rows of %d "
                            "columns, expected one row of three",
                            PQntuples(result), PQnfields(result));
        return -1;
    }

    return caphealth_fleet_reply(reply, PQgetvalue(result, 0, 0),
                                 PQgetisnull(result, 0, 1)
                                 ? NULL : PQgetvalue(result, 0, 1),
                                 PQgetisnull(result, 0, 2)
                                 ? NULL : PQgetvalue(result, 0, 2), stores,
                                 error);
}


/* takes the reply's memory, too */

static void
caphealth_fleet_take(caphealth_fleet_client_t *fc,
    caphealth_fleet_reply_t *reply, double sent)
{
    char    *nodes;
    size_t   size;
    int64_t  i;

    fc->doubled = (reply->fleet.doubled != 0);

    for (i = 0; i < reply->fleet.nnodes; i++) {
        if (strcmp(reply->nodes[i].name, fc->node) == 0) {
            reply->fleet.clock_offset = reply->nodes[i].clock_offset;
            reply->fleet.differs = reply->nodes[i].differs;
        }
    }

    /* the array has room for the NUL behind the last */

    nodes = (char *) reply->nodes;
    size = caphealth_fleet_nodes_size(&reply->fleet);

    if (size > 0) {
        nodes[size - 1] = '\0';
    }

    free(fc->nodes);

    fc->nodes = nodes;
    fc->fleet = reply->fleet;

    if (fc->counted != NULL && reply->ncounted > 0) {
        fc->counted(fc->telling_serial, reply->counted, reply->ncounted);
    }

    free(reply->counted);

    (void) pthread_mutex_lock(&fc->mutex);

    fc->joined = 1;
    fc->contact = sent;
    fc->lease = reply->fleet.leader
                ? sent + CAPHEALTH_FLEET_LEASE * fc->interval : -INFINITY;

    fc->sent = fc->sending;
    fc->probe = fc->probe || reply->probe;
    fc->told = reply->told;

    if (reply->stored) {

        /* what this node has answered already */

        memcpy(fc->given_attempt, reply->shop.attempt_id, CAPHEALTH_FLEET_ID);

        if (strcmp(reply->shop.facts_id, reply->shop.attempt_id) == 0) {
            memcpy(fc->given_facts, reply->shop.facts_id, CAPHEALTH_FLEET_ID);
        }
    }

    if (!reply->shop.fresh
        && strcmp(reply->shop.facts_id, fc->shop.facts_id) == 0)
    {
        reply->shop.facts = fc->shop.facts;
        reply->shop.vendors = fc->shop.vendors;
        fc->shop.vendors = NULL;
    }

    free(fc->shop.vendors);

    fc->shop = reply->shop;
    fc->shop_at = sent;

    (void) pthread_mutex_unlock(&fc->mutex);
}


static const char *
caphealth_fleet_answer(caphealth_fleet_client_t *fc, caphealth_answer_t *a,
    int failed)
{
    int                 joined;
    double              now;
    caphealth_fleet_t  *f;

    now = caphealth_fleet_clock(CLOCK_BOOTTIME);
    f = &a->facts.fleet;

    *f = fc->fleet;
    memcpy(f->node, fc->node, strlen(fc->node) + 1);

    (void) pthread_mutex_lock(&fc->mutex);

    joined = fc->joined;
    f->failed = (uint32_t) failed;
    f->leader = (now < fc->lease);
    f->alone = (uint32_t) caphealth_fleet_alone(fc, now);

    if (!fc->own && strcmp(fc->shop.node, fc->node) != 0) {
        memcpy(f->shop, fc->shop.node, CAPHEALTH_NODE_NAME);
    }

    (void) pthread_mutex_unlock(&fc->mutex);

    if (!joined && !f->alone) {

        /* what a collector before this one has read may still be shown */

        return NULL;
    }

    a->known = 1;
    a->collected_at = joined ? fc->contact_time : fc->created;

    return (f->nnodes > 0) ? fc->nodes : NULL;
}


caphealth_fleet_look_e
caphealth_fleet_shop(caphealth_fleet_client_t *fc, caphealth_answer_t *a,
    const char **vendors)
{
    int                     first;
    double                  now;
    struct timespec         until;
    caphealth_fleet_look_e  look;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);

    until.tv_nsec += (long) (fmod(fc->timeout * CAPHEALTH_FLEET_WAIT, 1)
                             * 1e9);
    until.tv_sec += (time_t) (fc->timeout * CAPHEALTH_FLEET_WAIT)
                    + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    (void) pthread_mutex_lock(&fc->mutex);

    while (!fc->refreshed
           && pthread_cond_timedwait(&fc->changed, &fc->mutex, &until) == 0)
    {
        /* void */
    }

    now = caphealth_fleet_clock(CLOCK_BOOTTIME);

    /* the last good facts come first: the query may fail */

    first = (fc->given_facts[0] == '\0' && fc->looks == 0
             && fc->shop.facts_id[0] != '\0');

    if (!first && caphealth_fleet_due(fc, now)) {
        look = CAPHEALTH_FLEET_LOOK;
        fc->looked = now;
        fc->probe = 0;

    } else {
        look = CAPHEALTH_FLEET_ANSWERED;
        caphealth_fleet_give(fc, a, vendors, now);
    }

    (void) pthread_mutex_unlock(&fc->mutex);

    return look;
}


/* without contact for longer than the grace */

static int
caphealth_fleet_alone(const caphealth_fleet_client_t *fc, double now)
{
    return now - fc->contact > fc->grace;
}


/*
 * The holder of the lease queries the shop when the fleet's last query, of any
 * node, is old enough; a node that is alone, when its own last query is.  A
 * node that has to find out whether it can do what the holder cannot does so
 * once.
 */

static int
caphealth_fleet_due(const caphealth_fleet_client_t *fc, double now)
{
    double  last;

    if (fc->probe) {
        return 1;
    }

    last = fc->looked;

    if (now < fc->lease) {
        if (fc->shop.attempt_id[0] != '\0') {
            last = fmax(last, fc->shop_at - fc->shop.attempt_age);
        }

    } else if (!caphealth_fleet_alone(fc, now)) {
        return 0;
    }

    return now - last >= fc->database - CAPHEALTH_FLEET_DUE * fc->interval;
}


/*
 * Facts, then the failure of an attempt behind them, each once.  A look that
 * brought facts but for a part of them has its error with the facts.
 */

static void
caphealth_fleet_give(caphealth_fleet_client_t *fc, caphealth_answer_t *a,
    const char **vendors, double now)
{
    double                         realtime;
    const caphealth_fleet_shop_t  *shop;

    shop = &fc->shop;
    realtime = a->collected_at;
    *vendors = NULL;

    if (fc->own && fc->shop_at - shop->age < fc->looked) {

        /* what this node has seen itself since, while it was alone, is newer */

        return;
    }

    if (shop->facts_id[0] != '\0'
        && strcmp(shop->facts_id, fc->given_facts) != 0)
    {
        memcpy(fc->given_facts, shop->facts_id, CAPHEALTH_FLEET_ID);

        a->known = 1;
        a->collected_at = fmax(realtime - (now - fc->shop_at) - shop->age, 0);
        a->facts.database = shop->facts;

        if (!shop->failed) {
            memcpy(fc->given_attempt, shop->attempt_id, CAPHEALTH_FLEET_ID);
            a->error = shop->error;
        }

        free(fc->given);
        fc->given = (shop->vendors == NULL) ? NULL : strdup(shop->vendors);
        *vendors = fc->given;

        if (shop->vendors != NULL && fc->given == NULL) {
            a->facts.database.names_len = CAPHEALTH_UNKNOWN;
            caphealth_error_set(&a->error, CAPHEALTH_ERROR_NO_MEMORY,
                                "no memory for the vendors");
        }

        fc->own = 0;

        return;
    }

    if (shop->failed && strcmp(shop->attempt_id, fc->given_attempt) != 0) {
        memcpy(fc->given_attempt, shop->attempt_id, CAPHEALTH_FLEET_ID);

        a->collected_at = fmax(realtime - (now - fc->shop_at)
                               - shop->attempt_age, 0);
        a->error = shop->error;
    }
}


void
caphealth_fleet_looked_at(caphealth_fleet_client_t *fc,
    const caphealth_answer_t *a, const char *vendors)
{
    (void) pthread_mutex_lock(&fc->mutex);

    free(fc->vendors);

    fc->answer = *a;
    fc->vendors = (vendors == NULL) ? NULL : strdup(vendors);
    fc->looks++;

    if (a->known) {
        fc->own = 1;
    }

    (void) pthread_mutex_unlock(&fc->mutex);
}


caphealth_fleet_role_e
caphealth_fleet_role(caphealth_fleet_client_t *fc,
    caphealth_told_t *told)
{
    double                  now;
    caphealth_fleet_role_e  role;

    now = caphealth_fleet_clock(CLOCK_BOOTTIME);

    (void) pthread_mutex_lock(&fc->mutex);

    role = (now < fc->lease) ? CAPHEALTH_FLEET_HOLDER
           : caphealth_fleet_alone(fc, now) ? CAPHEALTH_FLEET_ALONE
                                            : CAPHEALTH_FLEET_MEMBER;
    *told = fc->told;

    (void) pthread_mutex_unlock(&fc->mutex);

    return role;
}


void
caphealth_fleet_tells(caphealth_fleet_client_t *fc,
    const caphealth_told_t *told)
{
    (void) pthread_mutex_lock(&fc->mutex);
    fc->tells = *told;
    (void) pthread_mutex_unlock(&fc->mutex);
}


static double
caphealth_fleet_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}
