
/*
 * The fleet: what a collector sends of it, as bytes of any origin, and what it
 * makes of any JSON in its database.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "caphealth_fleet_json.h"
#include "caphealth_source.h"
#include "caphealth_notification.h"
#include "caphealth_vendor_products.h"


#define SOME  "{\"schema\":2,\"oldest\":1,\"total\":0}"


typedef struct {
    caphealth_answer_t      answer;
    caphealth_fleet_node_t  nodes[2];
    char                    nul[8];
} document_t;


static void
prepare(document_t *d)
{
    memset(d, 0, sizeof(document_t));

    d->answer.source = CAPHEALTH_SOURCE_FLEET;
    d->answer.known = 1;
    d->answer.collected_at = 1700000000;

    caphealth_fleet_clear(&d->answer.facts.fleet);

    strcpy(d->answer.facts.fleet.node, "a");
    strcpy(d->answer.facts.fleet.holder, "b-2.x_Y");
    d->answer.facts.fleet.leader = 1;
    d->answer.facts.fleet.nnodes = 2;
    d->answer.facts.fleet.total = 3;

    strcpy(d->nodes[0].name, "a");
    strcpy(d->nodes[0].cause, "Z\xc3\xbcrich is full");
    strcpy(d->nodes[1].name, "b");
    d->nodes[0].state = CAPHEALTH_OVERALL_CRITICAL;
    d->nodes[0].interval = d->nodes[1].interval = 10;
    d->nodes[0].clock_offset = -120;
    d->nodes[1].clock_offset = NAN;
    d->nodes[1].age = 12.5;
}


static const char *
read_answer(const document_t *d)
{
    caphealth_answer_t  a;

    return caphealth_answer_read(&a, CAPHEALTH_SOURCE_FLEET, d,
                                 sizeof(caphealth_answer_t)
                                 + 2 * sizeof(caphealth_fleet_node_t) + 1);
}


#define assert_refused(field, set)                                            \
    do {                                                                      \
        prepare(&d);                                                          \
        set;                                                                  \
        assert_string_equal(read_answer(&d), field);                          \
    } while (0)


static void
test_answer(void **state)
{
    document_t          d;
    caphealth_answer_t  a;
    caphealth_fleet_t  *f = &d.answer.facts.fleet;

    (void) state;

    prepare(&d);
    assert_null(read_answer(&d));

    assert_refused("node", f->node[0] = '\0');
    assert_refused("node", strcpy(f->node, "a b"));
    assert_refused("holder", memset(f->holder, 'a', CAPHEALTH_NODE_NAME));
    assert_refused("shop", strcpy(f->shop, "/"));
    assert_refused("leader", f->leader = 2);
    assert_refused("alone", f->alone = 2);
    assert_refused("doubled", f->doubled = 7);
    assert_refused("differs", f->differs = 2);
    assert_refused("failed", f->failed = 2);
    assert_refused("reserved", f->reserved = 1);
    assert_refused("nnodes", f->nnodes = -1);
    assert_refused("nnodes", f->nnodes = CAPHEALTH_NODES_MAX + 1);
    assert_refused("total", f->total = 1);
    assert_refused("clock_offset", f->clock_offset = INFINITY);
    assert_refused("nodes", f->nnodes = 1);
    assert_refused("nodes", d.nul[0] = 'a');
    assert_refused("nodes", strcpy(d.nodes[1].name, "a"));
    assert_refused("nodes", strcpy(d.nodes[1].name, "A"));
    assert_refused("name", d.nodes[0].name[0] = '\0');
    assert_refused("version", memset(d.nodes[0].version, 'a', 16));
    assert_refused("cause", d.nodes[1].cause[0] = '\xff');
    assert_refused("state", d.nodes[1].state = CAPHEALTH_OVERALL_STATES);
    assert_refused("doubled", d.nodes[1].doubled = 2);
    assert_refused("differs", d.nodes[1].differs = 2);
    assert_refused("reserved", d.nodes[0].reserved = 1);
    assert_refused("args", d.nodes[1].args.code = CAPHEALTH_EVENT_CODES);
    assert_refused("args", d.nodes[1].args.subject[0] = '\xff');
    assert_refused("args", d.nodes[1].args.numbers[1] = INFINITY);
    assert_refused("age", d.nodes[1].age = NAN);
    assert_refused("age", d.nodes[1].age = -1);
    assert_refused("interval", d.nodes[1].interval = 0);
    assert_refused("started", d.nodes[1].started = INFINITY);
    assert_refused("clock_offset", d.nodes[1].clock_offset = -INFINITY);

    prepare(&d);
    assert_string_equal(caphealth_answer_read(&a, CAPHEALTH_SOURCE_FLEET, &d,
                                              sizeof(caphealth_answer_t)),
                        "nodes");
    f->nnodes = 0;
    assert_null(caphealth_answer_read(&a, CAPHEALTH_SOURCE_FLEET, &d,
                                      sizeof(caphealth_answer_t)));

    /* a database's answer alone may say that nothing is new */

    prepare(&d);
    d.answer.known = 0;
    assert_string_equal(read_answer(&d), "known");
    d.answer.source = CAPHEALTH_SOURCE_DATABASE;
    assert_null(caphealth_answer_read(&a, CAPHEALTH_SOURCE_DATABASE, &d,
                                      sizeof(caphealth_answer_t)));
}


static void
test_request(void **state)
{
    char                      *text;
    json_t                    *request, *report, *told;
    caphealth_fleet_self_t     teller;
    caphealth_event_args_t     args;
    static caphealth_record_t  record;

    static const caphealth_fleet_self_t  self = {
        .node = "a", .instance = "1f", .interval = 10, .clock = 1700000000.5,
        .shop = 1, .facts_id = "x", .settings = "5f", .looks = 30
    };

    (void) state;

    caphealth_event_args(&args, CAPHEALTH_EVENT_CODE_NONE, NULL, NULL);

    record.state = CAPHEALTH_OVERALL_DEGRADED;
    assert_int_equal(caphealth_record_add(&record, "cpu_percent", NULL,
                                     CAPHEALTH_SERIES_PERCENT, 12.5), 0);
    assert_int_equal(caphealth_record_add(&record, "load1", NULL,
                                     CAPHEALTH_SERIES_COUNT, NAN), 0);
    assert_int_equal(caphealth_record_cause(&record,
                                     CAPHEALTH_OVERALL_DEGRADED, "\"full\"",
                                     &args), 0);

    text = caphealth_fleet_request(&self, &record, NULL);
    request = json_loads(text, 0, NULL);
    report = json_object_get(request, "report");

    assert_string_equal(json_string_value(json_object_get(request, "state")),
                        "degraded");
    assert_string_equal(json_string_value(json_object_get(request, "cause")),
                        "\"full\"");
    assert_true(json_is_null(json_object_get(json_object_get(report, "series"),
                                             "load1")));
    assert_true(json_real_value(json_object_get(json_object_get(report,
                                          "series"), "cpu_percent")) == 12.5);

    assert_null(json_object_get(request, "told"));
    assert_null(json_object_get(request, "follows"));
    assert_true(json_number_value(json_object_get(request, "looks")) == 30);
    assert_string_equal(json_string_value(json_object_get(request,
                                                          "settings")), "5f");
    assert_null(json_object_get(json_array_get(json_object_get(report,
                                                               "causes"), 0),
                                "code"));
    json_decref(request);
    free(text);

    teller = self;
    teller.told.state = CAPHEALTH_OVERALL_CRITICAL;
    teller.told.since = 5;
    strcpy(teller.told.node, "b");
    text = caphealth_fleet_request(&teller, &record, NULL);
    request = json_loads(text, 0, NULL);
    told = json_object_get(request, "told");
    assert_string_equal(json_string_value(json_object_get(told, "state")),
                        "critical");
    assert_true(json_number_value(json_object_get(told, "since")) == 5);
    assert_string_equal(json_string_value(json_object_get(told, "node")), "b");
    json_decref(request);
    free(text);

    text = caphealth_fleet_request(&self, NULL, NULL);
    request = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(request, "state")),
                        "none");
    json_decref(request);
    free(text);
}


/* why one node is not healthy, and what the list of the nodes has of it */

static void
test_cause(void **state)
{
    char                          *text, *nodes;
    json_t                        *request, *cause;
    caphealth_error_t              error;
    caphealth_event_args_t         args;
    caphealth_fleet_self_t         self;
    caphealth_fleet_reply_t        reply;
    const caphealth_event_args_t  *read;
    static caphealth_record_t      record;

    (void) state;

    memset(&self, 0, sizeof(self));
    self.node = self.instance = self.facts_id = "a";

    caphealth_event_args(&args, CAPHEALTH_EVENT_THRESHOLD,
                         "disk_percent:/\"a\"", "/\"a\"");
    strcpy(args.unit, "percent");
    strcpy(args.error_code, "timeout");
    args.numbers[0] = 97.25;

    (void) caphealth_record_cause(&record, CAPHEALTH_OVERALL_CRITICAL, "full",
                                  &args);

    text = caphealth_fleet_request(&self, &record, NULL);
    request = json_loads(text, 0, NULL);
    cause = json_array_get(json_object_get(json_object_get(request, "report"),
                                           "causes"), 0);
    free(text);

    text = json_dumps(json_object_get(cause, "args"), JSON_COMPACT);
    assert_true(asprintf(&nodes, "[{\"name\":\"b\",\"age\":1,\"seconds\":10,"
                         "\"started\":1,\"cause\":\"full\",\"code\":\"%s\","
                         "\"args\":%s,\"differs\":true},"
                         "{\"name\":\"c\",\"age\":1,\"seconds\":10,"
                         "\"started\":1,\"code\":\"new\",\"args\":%s},"
                         "{\"name\":\"d\",\"age\":1,\"seconds\":10,"
                         "\"started\":1,\"code\":\"threshold\",\"args\":"
                         "{\"subject\":5,\"current\":\"x\",\"bound\":1}}]",
                         json_string_value(json_object_get(cause, "code")),
                         text, text) > 0);
    free(text);
    json_decref(request);

    assert_int_equal(caphealth_fleet_reply(&reply, SOME, NULL, nodes, NULL,
                                           &error),
                     0);
    assert_int_equal(reply.fleet.nnodes, 3);
    assert_int_equal(reply.nodes[0].differs, 1);
    assert_int_equal(reply.nodes[1].differs, 0);

    read = &reply.nodes[0].args;
    assert_int_equal(read->code, CAPHEALTH_EVENT_THRESHOLD);
    assert_string_equal(read->subject, args.subject);
    assert_string_equal(read->path, args.path);
    assert_string_equal(read->unit, args.unit);
    assert_string_equal(read->error_code, args.error_code);
    assert_true(read->numbers[0] == 97.25);
    assert_true(isnan(read->numbers[1]));

    /* of a newer version; what is none */

    assert_int_equal(reply.nodes[1].args.code, CAPHEALTH_EVENT_CODE_NONE);
    assert_string_equal(reply.nodes[2].args.subject, "");
    assert_true(isnan(reply.nodes[2].args.numbers[0]));
    assert_true(reply.nodes[2].args.numbers[1] == 1);

    caphealth_fleet_reply_free(&reply);
    free(nodes);
}


/* whether two nodes ask the same database for the same */

static void
test_digest(void **state)
{
    char     first[CAPHEALTH_DB_DIGEST], digest[CAPHEALTH_DB_DIGEST];
    size_t   i;
    json_t  *settings;

    static const struct {
        int          same;
        const char  *url;
        const char  *sql;
    } cases[] = {
        { 1, "postgresql://shop:secret@db1,db2:5433/shop?options=-c%20a%3Db",
             "SELECT 1" },
        { 1, "postgres://shop@db1:5432,db2:5433/shop?options=-c%20a%3Db"
             "&application_name=web-1&connect_timeout=3", "SELECT 1" },
        { 1, "postgresql://other:x@db2:5433,db1/shop?options=-c%20a%3Db"
             "&passfile=/a&sslmode=require", "SELECT 1" },
        { 0, "postgresql://shop@db1,db2:5433/shop?options=-c%20a%3Dc",
             "SELECT 1" },
        { 0, "postgresql://shop@db1,db2:5433/shop?options=-c%20a%3Db",
             "SELECT 2" },
        { 0, "postgresql://shop@db1,db2/shop?options=-c%20a%3Db", "SELECT 1" },
        { 0, "postgresql://shop@db1:5433/shop?options=-c%20a%3Db",
             "SELECT 1" },
        { 0, "postgresql://shop@db1,db2:5433/store?options=-c%20a%3Db",
             "SELECT 1" },
        { 0, "postgresql://[", "SELECT 1" },
        { 0, "sqlite:/srv/shop.db", "SELECT 1" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        settings = json_pack("{s:s, s:{s:s}}", "url", cases[i].url, "queries",
                             "products_count", cases[i].sql);

        assert_int_equal(caphealth_db_digest(digest, settings), 0);
        assert_int_equal(strlen(digest), CAPHEALTH_DB_DIGEST - 1);
        json_decref(settings);

        if (i == 0) {
            strcpy(first, digest);
        }

        assert_int_equal(strcmp(first, digest) == 0, cases[i].same);
    }
}


/* what one node writes of the shop, another one reads */

static void
test_shop(void **state)
{
    char                     *vendors, *looked, *shop;
    size_t                    i;
    caphealth_error_t         error;
    caphealth_answer_t        a;
    caphealth_database_t     *d;
    caphealth_vendor_row_t   *row;
    caphealth_vendor_rows_t   rows;
    caphealth_fleet_reply_t   reply;

    static const struct {
        char     *name;
        char     *id;
        int64_t   products;
    } all[] = {
        { "Anna", "1", 2 }, { "\xc3\x9cn\xc3\xaf \"q\"", "\"a\\nb\"", 9 },
        { NULL, "9223372036854775807", 4 }, { "Anna", "-5", 3 },
        { "Bob", NULL, 1 }
    };

    (void) state;

    memset(&rows, 0, sizeof(rows));
    memset(&a, 0, sizeof(a));

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        row = caphealth_vendor_rows_add(&rows);
        row->name = (all[i].name == NULL) ? NULL : strdup(all[i].name);
        row->id = (all[i].id == NULL) ? NULL : strdup(all[i].id);
        row->products = all[i].products;
    }

    d = &a.facts.database;
    a.known = 1;
    caphealth_database_clear(d);
    strcpy(d->engine, "postgresql");
    strcpy(d->version, "15.1");
    d->size = INT64_MAX;
    d->products_count = 0;

    vendors = caphealth_vendor_products(&rows, d);
    caphealth_vendor_rows_free(&rows);

    looked = caphealth_fleet_looked(&a, vendors, 2.5);
    assert_non_null(looked);

    assert_true(asprintf(&shop, "{\"facts_id\":\"i\",\"attempt_id\":\"i\","
                         "\"node\":\"b\",\"age\":2.5,\"attempt_age\":2.5,"
                         "\"attempt\":{},%s", looked + 1) > 0);

    assert_int_equal(caphealth_fleet_reply(&reply, SOME, shop, "[]", NULL,
                                           &error),
                     0);
    assert_true(reply.shop.fresh);
    assert_false(reply.shop.failed);
    assert_string_equal(reply.shop.node, "b");
    assert_true(reply.shop.age == 2.5);
    assert_memory_equal(&reply.shop.facts, d, sizeof(*d));
    assert_string_equal(reply.shop.vendors, vendors);

    caphealth_fleet_reply_free(&reply);
    free(shop);
    free(looked);
    free(vendors);
}


static void
test_attempt(void **state)
{
    char                     *looked;
    json_t                   *json;
    caphealth_error_t         error;
    caphealth_answer_t        a;
    caphealth_fleet_reply_t   reply;

    static const char  failed[] =
        "{\"facts_id\":\"i\",\"attempt_id\":\"j\",\"age\":99,"
        "\"attempt_age\":1,\"attempt\":{\"node\":\"b\",\"failed\":true,"
        "\"error\":{\"code\":\"%s\",\"text\":\"refused\"}}}";

    (void) state;

    memset(&a, 0, sizeof(a));
    caphealth_error_set(&a.error, CAPHEALTH_ERROR_LOCKED, "it is locked");

    looked = caphealth_fleet_looked(&a, NULL, 1);
    json = json_loads(looked, 0, NULL);
    assert_true(json_is_true(json_object_get(json, "failed")));
    assert_null(json_object_get(json, "facts"));
    json_decref(json);
    free(looked);

    assert_int_equal(caphealth_fleet_reply(&reply, SOME, failed, NULL, NULL,
                                           &error),
                     0);
    assert_true(reply.shop.failed);
    assert_false(reply.shop.fresh);
    assert_int_equal(reply.shop.error.code, CAPHEALTH_ERROR_OTHER);
    assert_string_equal(reply.shop.error.text,
                        "queried by node \"b\": refused");
    caphealth_fleet_reply_free(&reply);
}


static void
test_nodes(void **state)
{
    caphealth_error_t        error;
    caphealth_fleet_reply_t  reply;

    static const char  nodes[] =
        "[{\"name\":\"b\",\"state\":\"healthy\",\"age\":1,\"seconds\":10,"
        "\"started\":1e9,\"new\":{\"a\":[]}},"
        "{\"name\":\"B\",\"state\":\"superb\",\"age\":2.5,\"seconds\":10,"
        "\"started\":1e9,\"clock_offset\":-3,\"cause\":\"a\\u0007b\","
        "\"version\":\"99.99.99-beta-of-tomorrow\"},"
        "{\"name\":\"b\",\"state\":\"healthy\",\"age\":1,\"seconds\":10,"
        "\"started\":1e9},"
        "{\"name\":\"no name\",\"age\":1,\"seconds\":10,\"started\":1},"
        "{\"name\":\"c\",\"age\":-1,\"seconds\":10,\"started\":1},"
        "{\"name\":\"d\",\"age\":1,\"seconds\":0,\"started\":1}, 5, null]";

    (void) state;

    assert_int_equal(caphealth_fleet_reply(&reply,
                 "{\"schema\":7,\"oldest\":1,\"holder\":\"b\",\"leader\":true,"
                 "\"total\":8}", NULL, nodes, NULL, &error), 0);

    assert_int_equal(reply.fleet.nnodes, 2);
    assert_int_equal(reply.fleet.total, 8);
    assert_int_equal(reply.fleet.leader, 1);
    assert_string_equal(reply.fleet.holder, "b");
    assert_string_equal(reply.nodes[0].name, "B");
    assert_string_equal(reply.nodes[0].cause, "a b");
    assert_string_equal(reply.nodes[0].version, "99.99.99-beta-o");
    assert_int_equal(reply.nodes[0].state, CAPHEALTH_OVERALL_UNKNOWN);
    assert_true(reply.nodes[0].clock_offset == -3);
    assert_true(isnan(reply.nodes[1].clock_offset));
    assert_string_equal(error.text, "6 of the fleet's 8 nodes are left out: "
                        "there are more than 4096, or rows are invalid");

    caphealth_fleet_reply_free(&reply);
}


static void
test_refused(void **state)
{
    size_t                   i;
    caphealth_error_t        error;
    caphealth_fleet_reply_t  reply;

    static const struct {
        const char  *fleet;
        const char  *shop;
        const char  *error;
    } cases[] = {
        { "", NULL, "sent an unexpected answer" },
        { "[]", NULL, "sent an unexpected answer" },
        { "{\"schema\":\"1\",\"oldest\":1}", NULL, "sent an unexpected" },
        { "{\"schema\":0,\"oldest\":0}", NULL, "version 0, and 2 is needed" },
        { "{\"schema\":9,\"oldest\":3}", NULL, "not 2; upgrade caphealth" },
        { SOME, "5", "facts in the fleet's database are invalid" },
        { SOME, "{}", "facts in the fleet's database are invalid" },
        { SOME, "{\"attempt_age\":1,\"facts_id\":\"a\"}", "invalid" },
        { SOME, "{\"attempt_age\":1,\"facts\":{\"vendors\":[[1,2,3]]}}",
          "invalid" },
        { SOME, "{\"attempt_age\":1,\"facts\":{\"vendors\":[[{},\"a\",3]]}}",
          "invalid" },
        { SOME, "{\"attempt_age\":1,\"facts\":{\"vendors\":[[1,\"a\",-3]]}}",
          "invalid" },
        { SOME, "{\"attempt_age\":1,\"facts\":{\"vendors\":[1]}}", "invalid" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(caphealth_fleet_reply(&reply, cases[i].fleet,
                                               cases[i].shop, NULL, NULL,
                                               &error),
                         -1);
        assert_non_null(strstr(error.text, cases[i].error));
        assert_null(reply.nodes);
        assert_null(reply.shop.vendors);
    }

    /* numbers that are none are unknown */

    assert_int_equal(caphealth_fleet_reply(&reply, SOME,
              "{\"attempt_age\":1,\"facts\":{\"size\":-4,\"orders_count\":1.5,"
              "\"products_count\":\"7\",\"vendors_count\":3,\"engine\":8}}",
              "{}", NULL, &error), 0);
    assert_int_equal(reply.shop.facts.size, CAPHEALTH_UNKNOWN);
    assert_int_equal(reply.shop.facts.orders_count, CAPHEALTH_UNKNOWN);
    assert_int_equal(reply.shop.facts.products_count, CAPHEALTH_UNKNOWN);
    assert_int_equal(reply.shop.facts.vendors_count, 3);
    assert_int_equal(reply.shop.facts.names_len, CAPHEALTH_UNKNOWN);
    assert_string_equal(reply.shop.facts.engine, "");
    caphealth_fleet_reply_free(&reply);
}


/* in notifications */

static void
test_told(void **state)
{
    size_t                   i;
    caphealth_error_t        error;
    caphealth_fleet_reply_t  reply;

    static const struct {
        const char  *fleet;
        uint32_t     state;
        double       since;
    } cases[] = {
        { "{\"schema\":2,\"oldest\":1,\"total\":0,\"told\":"
          "{\"state\":\"degraded\",\"since\":1.5}}",
          CAPHEALTH_OVERALL_DEGRADED, 1.5 },
        { "{\"schema\":2,\"oldest\":1,\"total\":0,\"told\":"
          "{\"state\":\"superb\",\"since\":1.5}}", 0, 0 },
        { "{\"schema\":2,\"oldest\":1,\"total\":0,\"told\":"
          "{\"state\":\"degraded\",\"since\":-1}}", 0, 0 },
        { "{\"schema\":2,\"oldest\":1,\"total\":0,\"told\":"
          "{\"state\":\"degraded\",\"since\":1e300}}", 0, 0 },
        { SOME, 0, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(caphealth_fleet_reply(&reply, cases[i].fleet, NULL,
                                               NULL, NULL, &error), 0);
        assert_int_equal(reply.told.state, cases[i].state);
        assert_true(reply.told.since == cases[i].since);
        caphealth_fleet_reply_free(&reply);
    }
}


/* what is told of object stores, and answered; those that are asked for */

static void
test_stores(void **state)
{
    char                      rows[512];
    size_t                    i;
    json_t                   *stores;
    caphealth_error_t         error;
    caphealth_fleet_reply_t   reply;

    static const char  *const  invalid[] = {
        "1", "[1]", "[[]]", "[[257,0,0,0,0,0,0,0,0]]",
        "[[-1,0,0,0,0,0,0,0,0]]", "[[1,0,0,0,0,0,0,256,0]]",
        "[[1,0,0,0,-1,0,0,0,0]]", "[[1,1e3,0,0,0,0,0,0,0]]",
        "[[1,9223372036854775807,0,0,0,0,0,0,0]]",
        "[[1,0,0,0,0,0,0,0,0,[-1]]]"
    };

    (void) state;

    stores = json_loads("[{\"name\":\"x\"},{\"name\":\"s3://a\"}]", 0, NULL);

    assert_int_equal(caphealth_fleet_reply(&reply,
        "{\"schema\":2,\"oldest\":1,\"total\":0,\"clock\":1700000000.5,"
        "\"stores\":[{\"name\":\"another\"},{\"name\":\"s3://a\","
        "\"sequence\":7,\"version\":9,\"trusted\":true,\"lister\":true,"
        "\"counted\":\"00000000000000ff\",\"todo\":\"010\",\"pass\":3,"
        "\"pass_age\":null,\"scan_age\":2.5,\"drift_files\":4,"
        "\"rows\":[[1,-3,2,1,0,5,6,77,8,[1,2]]]}]}",
        NULL, NULL, stores, &error), 0);

    assert_int_equal(error.code, 0);
    assert_int_equal(reply.ncounted, 1);
    assert_int_equal(reply.counted->store, 1);
    assert_int_equal(reply.counted->sequence, 7);
    assert_int_equal(reply.counted->version, 9);
    assert_int_equal(reply.counted->trusted, 1);
    assert_int_equal(reply.counted->lister, 1);
    assert_int_equal(reply.counted->counted, 255);
    assert_int_equal(reply.counted->pass, 3);
    assert_true(reply.counted->clock == 1700000000.5);
    assert_true(isnan(reply.counted->pass_age));
    assert_true(reply.counted->scan_age == 2.5);
    assert_int_equal(reply.counted->drift_files, 4);
    assert_memory_equal(reply.counted->todo, "\0\1\0\0", 4);
    assert_int_equal(reply.counted->nslices, 1);
    assert_int_equal(reply.counted->slices[0].slice, 1);
    assert_int_equal(reply.counted->slices[0].files, -3);
    assert_int_equal(reply.counted->slices[0].leaf, 77);
    assert_int_equal(reply.counted->slices[0].leaf_files, 8);
    assert_int_equal(reply.counted->slices[0].missing[1], 2);
    caphealth_fleet_reply_free(&reply);

    /* one that is invalid is left out, and the error says so */

    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        (void) snprintf(rows, sizeof(rows),
                        "{\"schema\":2,\"oldest\":1,\"total\":0,\"clock\":1,"
                        "\"stores\":[{\"name\":\"x\",\"rows\":%s}]}",
                        invalid[i]);

        assert_int_equal(caphealth_fleet_reply(&reply, rows, NULL, NULL,
                                               stores, &error), 0);

        /* no array is no rows */

        assert_int_equal(reply.ncounted, i == 0);
        assert_int_equal(error.code, i == 0 ? 0 : CAPHEALTH_ERROR_SCHEMA);
        caphealth_fleet_reply_free(&reply);
    }

    json_decref(stores);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_stores),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_cause),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_shop),
        cmocka_unit_test(test_attempt),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
