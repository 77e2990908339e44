
/*
 * What goes to and from the fleet's database.
 */

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "caphealth_fleet_json.h"
#include "caphealth_ipc.h"
#include "caphealth_utf8.h"
#include "caphealth_vendor_products.h"
#include "caphealth_version.h"


#define CAPHEALTH_FLEET_FILE    "caphealth-fleet.sql"

/* seconds since the epoch: the year 9999, the last that has four digits */
#define CAPHEALTH_FLEET_LATEST  253402300799.0


static json_t *caphealth_fleet_report(const caphealth_record_t *record);
static json_t *caphealth_fleet_cause(const caphealth_record_cause_t *cause);
static json_t *caphealth_fleet_facts(const caphealth_answer_t *a,
    const char *vendors);
static json_t *caphealth_fleet_vendors(const caphealth_database_t *d,
    const char *text);
static char *caphealth_fleet_dump(json_t *value);
static json_t *caphealth_fleet_load(const char *text);
static int caphealth_fleet_schema(const json_t *fleet,
    caphealth_error_t *error);
static void caphealth_fleet_read_told(caphealth_told_t *told,
    const json_t *value);
static int caphealth_fleet_read_nodes(caphealth_fleet_reply_t *reply,
    const json_t *fleet, const json_t *nodes, caphealth_error_t *error);
static int caphealth_fleet_read_node(caphealth_fleet_node_t *node,
    const json_t *value, double age);
static void caphealth_fleet_read_args(caphealth_event_args_t *args,
    const json_t *node);
static int caphealth_fleet_node_compare(const void *a, const void *b);
static int caphealth_fleet_read_shop(caphealth_fleet_shop_t *shop,
    const json_t *value);
static void caphealth_fleet_read_attempt(caphealth_fleet_shop_t *shop,
    const json_t *attempt);
static int caphealth_fleet_read_facts(caphealth_fleet_shop_t *shop,
    const json_t *facts);
static int caphealth_fleet_read_vendors(caphealth_fleet_shop_t *shop,
    const json_t *vendors);
static int caphealth_fleet_read_vendor(caphealth_vendor_rows_t *rows,
    const json_t *vendor);
static void caphealth_fleet_read_stores(caphealth_fleet_reply_t *reply,
    const json_t *fleet, const json_t *stores, caphealth_error_t *error);
static int caphealth_fleet_read_counted(caphealth_counted_t *c,
    const json_t *value);
static int caphealth_fleet_read_slice(caphealth_counted_slice_t *slice,
    const json_t *row);
static double caphealth_fleet_seconds(const json_t *object, const char *name);
static void caphealth_fleet_text(char *buf, size_t size, const json_t *object,
    const char *name);
static int caphealth_fleet_name(char name[CAPHEALTH_NODE_NAME],
    const json_t *value);


char *
caphealth_fleet_request(const caphealth_fleet_self_t *self,
    const caphealth_record_t *record, json_t *stores)
{
    uint32_t  state;
    json_t   *request;

    state = (record == NULL) ? CAPHEALTH_OVERALL_NONE : record->state;

    request = json_pack("{s:i, s:s, s:s, s:f, s:s, s:s, s:s, s:f, s:b, s:s,"
                        " s:s*, s:s*, s:s*, s:o}",
                        "schema", CAPHEALTH_FLEET_SCHEMA,
                        "node", self->node,
                        "instance", self->instance,
                        "seconds", self->interval,
                        "version", CAPHEALTH_VERSION,
                        "state", caphealth_overall_state_name(state),
                        "cause", (record != NULL && record->ncauses > 0)
                                 ? record->causes[0].text : "",
                        "clock", self->clock,
                        "shop", self->shop,
                        "facts_id", self->facts_id,
                        "settings", self->settings,
                        "process", self->process,
                        "follows", self->follows,
                        "report", caphealth_fleet_report(record));

    if (request != NULL && self->shop
        && json_object_set_new(request, "looks", json_real(self->looks)) == -1)
    {
        json_decref(request);
        return NULL;
    }

    if (request != NULL && self->told.state != CAPHEALTH_OVERALL_NONE
        && json_object_set_new(request, "told",
                     json_pack("{s:s, s:f, s:s}",
                               "state",
                               caphealth_overall_state_name(self->told.state),
                               "since", self->told.since,
                               "node", self->told.node))
           == -1)
    {
        json_decref(request);
        return NULL;
    }

    if (request != NULL && stores != NULL
        && json_object_set(request, "stores", stores) == -1)
    {
        json_decref(request);
        return NULL;
    }

    return caphealth_fleet_dump(request);
}


/* the measures, by their names */

static json_t *
caphealth_fleet_report(const caphealth_record_t *record)
{
    int       failed;
    json_t   *report, *series, *causes;
    uint32_t  i;

    report = json_object();

    if (record == NULL) {
        return report;
    }

    series = json_object();
    causes = json_array();
    failed = 0;

    for (i = 0; i < record->nseries; i++) {
        failed |= json_object_set_new(series, record->series[i].name,
                                      isnan(record->series[i].value)
                                      ? json_null()
                                      : json_real(record->series[i].value));
    }

    for (i = 0; i < record->ncauses; i++) {
        failed |= json_array_append_new(causes,
                                    caphealth_fleet_cause(&record->causes[i]));
    }

    failed |= json_object_set_new(report, "time", json_real(record->time));
    failed |= json_object_set_new(report, "causes", causes);
    failed |= json_object_set_new(report, "series", series);

    if (failed) {
        json_decref(report);
        return NULL;
    }

    return report;
}


/* the code and what it is about, as in an event */

static json_t *
caphealth_fleet_cause(const caphealth_record_cause_t *cause)
{
    char    *text;
    json_t  *value, *args;

    value = json_pack("{s:s, s:s}",
                      "state", caphealth_overall_state_name(cause->state),
                      "text", cause->text);

    if (cause->args.code == CAPHEALTH_EVENT_CODE_NONE) {
        return value;
    }

    text = caphealth_event_args_json(&cause->args);
    args = (text == NULL) ? NULL : json_loads(text, 0, NULL);

    free(text);

    if (json_object_set_new(value, "args", args) == -1
        || json_object_set_new(value, "code",
                               json_string(caphealth_event_code(
                                                       cause->args.code)))
           == -1)
    {
        json_decref(value);
        return NULL;
    }

    return value;
}


char *
caphealth_fleet_looked(const caphealth_answer_t *a, const char *vendors,
    double age)
{
    int      failed;
    json_t  *looked;

    looked = json_pack("{s:f, s:b}", "age", age, "failed", !a->known);
    failed = 0;

    if (a->error.code != 0) {
        failed |= json_object_set_new(looked, "error",
                  json_pack("{s:s, s:s}",
                            "code", caphealth_error_name(a->error.code,
                                                 CAPHEALTH_SOURCE_DATABASE,
                                                 !a->known),
                            "text", a->error.text));
    }

    if (a->known) {
        failed |= json_object_set_new(looked, "facts",
                                      caphealth_fleet_facts(a, vendors));
    }

    if (failed) {
        json_decref(looked);
        return NULL;
    }

    return caphealth_fleet_dump(looked);
}


static json_t *
caphealth_fleet_facts(const caphealth_answer_t *a, const char *vendors)
{
    int                    failed;
    size_t                 i;
    json_t                *facts;
    int64_t               *count;
    const char            *name;
    caphealth_database_t   d;

    d = a->facts.database;

    facts = json_pack("{s:s, s:s}", "engine", d.engine, "version", d.version);
    failed = 0;

    for (i = 0; (count = caphealth_database_count(&d, i, &name)) != NULL; i++)
    {
        failed |= json_object_set_new(facts, name,
                                      *count == CAPHEALTH_UNKNOWN
                                      ? json_null() : json_integer(*count));
    }

    if (vendors != NULL && d.list_len != CAPHEALTH_UNKNOWN) {
        failed |= json_object_set_new(facts, "vendors",
                                      caphealth_fleet_vendors(&d, vendors));
    }

    if (failed) {
        json_decref(facts);
        return NULL;
    }

    return facts;
}


/* a line of the list is JSON already: [id,name,products] */

static json_t *
caphealth_fleet_vendors(const caphealth_database_t *d, const char *text)
{
    json_t      *vendors;
    const char  *line, *end;

    vendors = json_array();
    line = text + d->names_len + 1;

    while (*line != '\0' && (end = strchr(line, '\n')) != NULL) {

        if (json_array_append_new(vendors,
                                  json_loadb(line, (size_t) (end - line), 0,
                                             NULL))
            == -1)
        {
            json_decref(vendors);
            return NULL;
        }

        line = end + 1;
    }

    return vendors;
}


static char *
caphealth_fleet_dump(json_t *value)
{
    char  *text;

    text = (value == NULL) ? NULL : json_dumps(value, JSON_COMPACT);

    json_decref(value);

    return text;
}


int
caphealth_fleet_reply(caphealth_fleet_reply_t *reply, const char *fleet,
    const char *shop, const char *nodes, const json_t *stores,
    caphealth_error_t *error)
{
    int      rc;
    json_t  *f, *s, *n;

    memset(reply, 0, sizeof(caphealth_fleet_reply_t));
    caphealth_fleet_clear(&reply->fleet);
    caphealth_database_clear(&reply->shop.facts);
    memset(error, 0, sizeof(caphealth_error_t));

    f = caphealth_fleet_load(fleet);
    s = (shop == NULL) ? NULL : caphealth_fleet_load(shop);
    n = (nodes == NULL) ? NULL : caphealth_fleet_load(nodes);

    rc = caphealth_fleet_schema(f, error);

    if (rc == 0) {
        (void) caphealth_fleet_name(reply->fleet.holder,
                                    json_object_get(f, "holder"));

        reply->fleet.leader = json_is_true(json_object_get(f, "leader"));
        caphealth_fleet_read_told(&reply->told, json_object_get(f, "told"));
        reply->probe = json_is_true(json_object_get(f, "probe"));
        reply->stored = json_is_true(json_object_get(f, "stored"));
        reply->fleet.doubled = json_is_true(json_object_get(f, "doubled"));
        reply->fleet.total = json_integer_value(json_object_get(f, "total"));

        rc = caphealth_fleet_read_nodes(reply, f, n, error);
    }

    if (rc == 0 && shop != NULL) {
        rc = caphealth_fleet_read_shop(&reply->shop, s);

        if (rc == -1) {
            caphealth_error_set(error, CAPHEALTH_ERROR_SCHEMA,
                                "the shop's facts in the fleet's database are "
                                "invalid");
        }
    }

    if (rc == 0 && stores != NULL) {
        caphealth_fleet_read_stores(reply, f, stores, error);
    }

    json_decref(f);
    json_decref(s);
    json_decref(n);

    if (rc == -1) {
        caphealth_fleet_reply_free(reply);
    }

    return rc;
}


void
caphealth_fleet_reply_free(caphealth_fleet_reply_t *reply)
{
    free(reply->nodes);
    free(reply->shop.vendors);
    free(reply->counted);

    reply->nodes = NULL;
    reply->counted = NULL;
    reply->shop.vendors = NULL;
}


/* NULL: it is no JSON, or too much of it */

static json_t *
caphealth_fleet_load(const char *text)
{
    size_t  len;

    len = strlen(text);

    return (len > CAPHEALTH_IPC_MAX) ? NULL : json_loadb(text, len, 0, NULL);
}


static int
caphealth_fleet_schema(const json_t *fleet, caphealth_error_t *error)
{
    const json_t  *version, *oldest;

    version = json_object_get(fleet, "schema");
    oldest = json_object_get(fleet, "oldest");

    if (!json_is_integer(version) || !json_is_integer(oldest)) {
        caphealth_error_set(error, CAPHEALTH_ERROR_SCHEMA,
                            "the fleet's database sent an unexpected "
                            "answer; run " CAPHEALTH_FLEET_FILE " of caphealth "
                            CAPHEALTH_VERSION " in it");
        return -1;
    }

    if (json_integer_value(version) < CAPHEALTH_FLEET_SCHEMA) {
        caphealth_error_set(error, CAPHEALTH_ERROR_SCHEMA,
                            "the fleet's schema has version %lld, and %d is "
                            "needed; run " CAPHEALTH_FLEET_FILE " of caphealth "
                            CAPHEALTH_VERSION " in its database",
                            (long long) json_integer_value(version),
                            CAPHEALTH_FLEET_SCHEMA);
        return -1;
    }

    if (json_integer_value(oldest) > CAPHEALTH_FLEET_SCHEMA) {
        caphealth_error_set(error, CAPHEALTH_ERROR_SCHEMA,
                            "the fleet's schema has version %lld, and takes "
                            "nodes of version %lld and newer, not %d; upgrade "
                            "caphealth on this node",
                            (long long) json_integer_value(version),
                            (long long) json_integer_value(oldest),
                            CAPHEALTH_FLEET_SCHEMA);
        return -1;
    }

    return 0;
}


static void
caphealth_fleet_read_told(caphealth_told_t *told, const json_t *value)
{
    int          state;
    double       since;
    const char  *name;

    name = json_string_value(json_object_get(value, "state"));
    since = caphealth_fleet_seconds(value, "since");
    state = (name == NULL) ? -1
                           : caphealth_overall_state_find(name, strlen(name));

    if (state != -1 && since < CAPHEALTH_FLEET_LATEST) {
        told->state = (uint32_t) state;
        told->since = since;
        (void) caphealth_fleet_name(told->node,
                                    json_object_get(value, "node"));
    }
}


/* one that is invalid is left out */

static int
caphealth_fleet_read_nodes(caphealth_fleet_reply_t *reply,
    const json_t *fleet, const json_t *nodes, caphealth_error_t *error)
{
    double                   age;
    size_t                   i, n, size;
    int64_t                  total;
    caphealth_fleet_node_t  *all;

    /* the list is not made for each who reads it */

    age = caphealth_fleet_seconds(fleet, "nodes_age");
    age = isnan(age) ? 0 : age;

    size = json_array_size(nodes);
    size = (size > CAPHEALTH_NODES_MAX) ? CAPHEALTH_NODES_MAX : size;

    all = calloc(size + 1, sizeof(caphealth_fleet_node_t));
    if (all == NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");
        return -1;
    }

    for (n = 0, i = 0; i < size; i++) {
        n += (size_t) caphealth_fleet_read_node(&all[n],
                                                json_array_get(nodes, i),
                                                age);
    }

    qsort(all, n, sizeof(caphealth_fleet_node_t),
          caphealth_fleet_node_compare);

    for (size = n, n = 0, i = 0; i < size; i++) {
        if (n == 0 || strcmp(all[n - 1].name, all[i].name) != 0) {
            all[n++] = all[i];
        }
    }

    total = reply->fleet.total;

    reply->nodes = all;
    reply->fleet.nnodes = (int64_t) n;
    reply->fleet.total = (total < (int64_t) n) ? (int64_t) n : total;

    if (reply->fleet.total > reply->fleet.nnodes) {
        caphealth_error_set(error, CAPHEALTH_ERROR_OTHER,
                            "%lld of the fleet's %lld nodes are left out: "
                            "there are more than %d, or rows are invalid",
                            (long long) (reply->fleet.total
                                         - reply->fleet.nnodes),
                            (long long) reply->fleet.total,
                            CAPHEALTH_NODES_MAX);
    }

    return 0;
}


/* 1, or 0: it is invalid */

static int
caphealth_fleet_read_node(caphealth_fleet_node_t *node, const json_t *value,
    double age)
{
    int            state;
    const char    *name;
    const json_t  *offset;

    memset(node, 0, sizeof(caphealth_fleet_node_t));

    name = json_string_value(json_object_get(value, "state"));
    state = (name == NULL) ? -1
                           : caphealth_overall_state_find(name, strlen(name));

    if (!caphealth_fleet_name(node->name, json_object_get(value, "name"))) {
        return 0;
    }

    caphealth_fleet_text(node->version, sizeof(node->version), value,
                         "version");
    caphealth_fleet_text(node->cause, sizeof(node->cause), value, "cause");

    /* a status that a newer version has is not known here */

    node->state = (state == -1) ? CAPHEALTH_OVERALL_UNKNOWN : (uint32_t) state;
    node->doubled = json_is_true(json_object_get(value, "doubled"));
    node->differs = json_is_true(json_object_get(value, "differs"));
    caphealth_fleet_read_args(&node->args, value);
    node->age = caphealth_fleet_seconds(value, "age") + age;
    node->interval = caphealth_fleet_seconds(value, "seconds");
    node->started = caphealth_fleet_seconds(value, "started");

    offset = json_object_get(value, "clock_offset");
    node->clock_offset = json_is_number(offset) ? json_number_value(offset)
                                                : NAN;

    return isfinite(node->age) && !isnan(node->started)
           && node->interval > 0 && !isinf(node->clock_offset);
}


/*
 * A code of a newer version, or none of an older one: the sentence alone tells
 * the cause.
 */

static void
caphealth_fleet_read_args(caphealth_event_args_t *args, const json_t *node)
{
    size_t         i;
    const char    *code, *name;
    const json_t  *value, *number;

    code = json_string_value(json_object_get(node, "code"));
    value = json_object_get(node, "args");

    if (code == NULL || !json_is_object(value)) {
        return;
    }

    caphealth_event_args(args, (caphealth_event_code_e)
                               caphealth_event_code_find(code), NULL, NULL);

    if (args->code == CAPHEALTH_EVENT_CODE_NONE) {
        return;
    }

    caphealth_fleet_text(args->subject, sizeof(args->subject), value,
                         "subject");
    caphealth_fleet_text(args->path, sizeof(args->path), value, "path");
    caphealth_fleet_text(args->error_code, sizeof(args->error_code), value,
                         "error_code");
    caphealth_fleet_text(args->unit, sizeof(args->unit), value, "unit");

    for (i = 0; (name = caphealth_event_number(args->code, i)) != NULL; i++) {
        number = json_object_get(value, name);

        if (json_is_number(number) && isfinite(json_number_value(number))) {
            args->numbers[i] = json_number_value(number);
        }
    }
}


static int
caphealth_fleet_node_compare(const void *a, const void *b)
{
    const caphealth_fleet_node_t  *x = a, *y = b;

    return strcmp(x->name, y->name);
}


static int
caphealth_fleet_read_shop(caphealth_fleet_shop_t *shop, const json_t *value)
{
    const json_t  *facts;

    if (!json_is_object(value)) {
        return -1;
    }

    caphealth_fleet_text(shop->facts_id, sizeof(shop->facts_id), value,
                         "facts_id");
    caphealth_fleet_text(shop->attempt_id, sizeof(shop->attempt_id), value,
                         "attempt_id");
    (void) caphealth_fleet_name(shop->node, json_object_get(value, "node"));

    shop->age = caphealth_fleet_seconds(value, "age");
    shop->attempt_age = caphealth_fleet_seconds(value, "attempt_age");

    if (isnan(shop->attempt_age)
        || (shop->facts_id[0] != '\0' && isnan(shop->age)))
    {
        return -1;
    }

    caphealth_fleet_read_attempt(shop, json_object_get(value, "attempt"));

    facts = json_object_get(value, "facts");

    return json_is_object(facts) ? caphealth_fleet_read_facts(shop, facts) : 0;
}


static void
caphealth_fleet_read_attempt(caphealth_fleet_shop_t *shop,
    const json_t *attempt)
{
    char           node[CAPHEALTH_NODE_NAME];
    uint32_t       code;
    const char    *name, *text, *known;
    const json_t  *error;

    shop->failed = json_is_true(json_object_get(attempt, "failed"));

    error = json_object_get(attempt, "error");
    name = json_string_value(json_object_get(error, "code"));
    text = json_string_value(json_object_get(error, "text"));

    if (!json_is_object(error) && !shop->failed) {
        return;
    }

    for (code = CAPHEALTH_ERRORS - 1; code > 0 && name != NULL; code--) {
        known = caphealth_error_name(code, CAPHEALTH_SOURCE_DATABASE,
                                     shop->failed);

        if (known != NULL && strcmp(known, name) == 0) {
            break;
        }
    }

    code = (code == 0 || name == NULL) ? CAPHEALTH_ERROR_OTHER : code;

    if (!caphealth_fleet_name(node, json_object_get(attempt, "node"))) {
        node[0] = '\0';
    }

    caphealth_error_set(&shop->error, (caphealth_error_e) code,
                        "queried by node \"%s\": %s", node,
                        (text == NULL || *text == '\0') ? "it failed" : text);
}


static int
caphealth_fleet_read_facts(caphealth_fleet_shop_t *shop, const json_t *facts)
{
    size_t                 i;
    int64_t               *count;
    const char            *name;
    const json_t          *value;
    caphealth_database_t  *d;

    d = &shop->facts;

    caphealth_fleet_text(d->engine, sizeof(d->engine), facts, "engine");
    caphealth_fleet_text(d->version, sizeof(d->version), facts, "version");

    for (i = 0; (count = caphealth_database_count(d, i, &name)) != NULL; i++) {
        value = json_object_get(facts, name);

        if (json_is_integer(value) && json_integer_value(value) >= 0) {
            *count = json_integer_value(value);
        }
    }

    shop->fresh = 1;

    value = json_object_get(facts, "vendors");

    return json_is_array(value) ? caphealth_fleet_read_vendors(shop, value)
                                : 0;
}


/* the text is made anew of the rows, so that it is as this version has it */

static int
caphealth_fleet_read_vendors(caphealth_fleet_shop_t *shop,
    const json_t *vendors)
{
    int                      rc;
    size_t                   i;
    caphealth_database_t    *d;
    caphealth_vendor_rows_t  rows;

    memset(&rows, 0, sizeof(caphealth_vendor_rows_t));

    d = &shop->facts;
    rc = 0;

    for (i = 0; rc == 0 && i < json_array_size(vendors); i++) {
        rc = caphealth_fleet_read_vendor(&rows, json_array_get(vendors, i));
    }

    if (rc == 0) {
        shop->vendors = caphealth_vendor_products(&rows, d);
    }

    caphealth_vendor_rows_free(&rows);

    if (shop->vendors == NULL
        || caphealth_vendors_size(d)
           > CAPHEALTH_IPC_MAX - sizeof(caphealth_answer_t))
    {
        free(shop->vendors);
        shop->vendors = NULL;

        d->names_len = CAPHEALTH_UNKNOWN;
        d->list_len = CAPHEALTH_UNKNOWN;
        d->list_vendors = CAPHEALTH_UNKNOWN;

        return -1;
    }

    return 0;
}


static int
caphealth_fleet_read_vendor(caphealth_vendor_rows_t *rows,
    const json_t *vendor)
{
    const json_t            *id, *name, *products;
    caphealth_vendor_row_t  *row;

    id = json_array_get(vendor, 0);
    name = json_array_get(vendor, 1);
    products = json_array_get(vendor, 2);

    if (!json_is_integer(products) || json_integer_value(products) < 0
        || !(json_is_string(name) || json_is_null(name))
        || !(json_is_integer(id) || json_is_string(id) || json_is_null(id)))
    {
        return -1;
    }

    row = caphealth_vendor_rows_add(rows);
    if (row == NULL) {
        return -1;
    }

    row->products = json_integer_value(products);

    if (json_is_string(name)) {
        row->name = strdup(json_string_value(name));

        if (row->name == NULL) {
            return -1;
        }
    }

    if (json_is_string(id)) {
        row->id = caphealth_utf8_quote(json_string_value(id));

    } else if (json_is_integer(id)) {
        row->id = json_dumps(id, JSON_ENCODE_ANY);
    }

    return (row->id == NULL && !json_is_null(id)) ? -1 : 0;
}


/* one that is invalid is left out, and its changes are sent again */

static void
caphealth_fleet_read_stores(caphealth_fleet_reply_t *reply,
    const json_t *fleet, const json_t *stores, caphealth_error_t *error)
{
    double                clock;
    size_t                i, k, n;
    const char           *name, *told;
    const json_t         *answers, *answer;
    caphealth_counted_t  *c;

    answers = json_object_get(fleet, "stores");
    clock = caphealth_fleet_seconds(fleet, "clock");
    n = json_array_size(stores);

    c = calloc(n + 1, sizeof(caphealth_counted_t));
    if (c == NULL) {
        caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");
        return;
    }

    reply->counted = c;

    for (i = 0; i < n; i++) {
        told = json_string_value(json_object_get(json_array_get(stores, i),
                                                 "name"));

        for (k = 0; k < json_array_size(answers); k++) {
            answer = json_array_get(answers, k);
            name = json_string_value(json_object_get(answer, "name"));

            if (told == NULL || name == NULL || strcmp(name, told) != 0) {
                continue;
            }

            c = &reply->counted[reply->ncounted];
            memset(c, 0, sizeof(caphealth_counted_t));

            c->store = (uint32_t) i;
            c->clock = clock;

            if (caphealth_fleet_read_counted(c, answer) == 0) {
                reply->ncounted++;

            } else {
                caphealth_error_set(error, CAPHEALTH_ERROR_SCHEMA,
                                    "the counts of \"%s\" in the fleet's "
                                    "database are invalid", told);
            }

            break;
        }
    }
}


/* 0, or -1: it is invalid */

static int
caphealth_fleet_read_counted(caphealth_counted_t *c, const json_t *value)
{
    size_t         i;
    const char    *todo, *hash;
    const json_t  *rows;

    c->trusted = json_is_true(json_object_get(value, "trusted"));
    c->lister = json_is_true(json_object_get(value, "lister"));
    c->sequence = (uint64_t) json_integer_value(json_object_get(value,
                                                                "sequence"));
    c->version = (uint64_t) json_integer_value(json_object_get(value,
                                                               "version"));
    c->pass = json_integer_value(json_object_get(value, "pass"));
    c->pass_age = caphealth_fleet_seconds(value, "pass_age");
    c->scan_age = caphealth_fleet_seconds(value, "scan_age");
    c->scan_seconds = caphealth_fleet_seconds(value, "scan_seconds");
    c->scan_seconds = isnan(c->scan_seconds) ? 0 : c->scan_seconds;
    c->drift_files = json_integer_value(json_object_get(value,
                                                        "drift_files"));
    c->drift_bytes = json_integer_value(json_object_get(value,
                                                        "drift_bytes"));
    c->removed = json_integer_value(json_object_get(value, "removed"));
    c->removed_bytes = json_integer_value(json_object_get(value,
                                                          "removed_bytes"));

    hash = json_string_value(json_object_get(value, "counted"));
    c->counted = (hash == NULL) ? 0 : strtoull(hash, NULL, 16);

    todo = json_string_value(json_object_get(value, "todo"));

    for (i = 0; todo != NULL && todo[i] != '\0' && i < CAPHEALTH_SLICES; i++) {
        c->todo[i] = (todo[i] == '1');
    }

    rows = json_object_get(value, "rows");

    if (json_array_size(rows) > CAPHEALTH_SLICES) {
        return -1;
    }

    for (i = 0; i < json_array_size(rows); i++) {
        if (caphealth_fleet_read_slice(&c->slices[c->nslices++],
                                       json_array_get(rows, i))
            == -1)
        {
            return -1;
        }
    }

    return caphealth_counted_valid(c) ? 0 : -1;
}


static int
caphealth_fleet_read_slice(caphealth_counted_slice_t *slice,
    const json_t *row)
{
    size_t         i;
    int64_t        n[9];
    const json_t  *missing;

    for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        if (!json_is_integer(json_array_get(row, i))) {
            return -1;
        }

        n[i] = json_integer_value(json_array_get(row, i));
    }

    if (n[0] < 0 || n[0] >= CAPHEALTH_SLICES
        || n[7] < 0 || n[7] >= CAPHEALTH_LEAVES)
    {
        return -1;
    }

    slice->slice = (int32_t) n[0];
    slice->files = n[1];
    slice->bytes = n[2];
    slice->complete = n[3];
    slice->incomplete = n[4];
    slice->strays = n[5];
    slice->stray_bytes = n[6];
    slice->leaf = (int32_t) n[7];
    slice->leaf_files = n[8];

    missing = json_array_get(row, i);

    for (i = 0; i < CAPHEALTH_COUNTED_MAX; i++) {
        n[0] = json_integer_value(json_array_get(missing, i));

        if (n[0] < 0 || n[0] > INT32_MAX) {
            return -1;
        }

        slice->missing[i] = (int32_t) n[0];
    }

    return 0;
}


/* NAN: unknown */

static double
caphealth_fleet_seconds(const json_t *object, const char *name)
{
    double         x;
    const json_t  *value;

    value = json_object_get(object, name);
    x = json_number_value(value);

    return (json_is_number(value) && x >= 0 && x <= DBL_MAX) ? x : NAN;
}


/* buf is empty */

static void
caphealth_fleet_text(char *buf, size_t size, const json_t *object,
    const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(object, name));

    if (text != NULL) {
        caphealth_utf8_append(buf, size, text);
    }
}


/* 1, or 0: it is none */

static int
caphealth_fleet_name(char name[CAPHEALTH_NODE_NAME], const json_t *value)
{
    if (!json_is_string(value)
        || !caphealth_node_name_valid(json_string_value(value),
                                      json_string_length(value)))
    {
        return 0;
    }

    memcpy(name, json_string_value(value), json_string_length(value) + 1);

    return 1;
}
