
/*
 * Under test: src/collector/caphealth_fleet_json.c
 *             src/ipc/caphealth_fleet_facts.c
 *
 * What the fleet's database answers to a refresh, which any node may have
 * written: three documents, one a line.  Whatever they are, what is made of
 * them is what a worker takes, or it would end the collector; and what is made
 * of the shop, the next node reads as the same.
 */

#include "fuzz.h"

#include <math.h>

#include "caphealth_fleet_json.h"
#include "caphealth_vendors.h"


static char *
line(fuzz_bytes_t *b)
{
    fuzz_bytes_t  piece;

    piece = fuzz_piece(b, '\n');

    return fuzz_string(piece);
}


static void
check_fleet(const caphealth_fleet_reply_t *reply)
{
    char               *bytes;
    size_t              size;
    caphealth_answer_t  a, read;

    memset(&a, 0, sizeof(caphealth_answer_t));

    a.source = CAPHEALTH_SOURCE_FLEET;
    a.known = 1;
    a.facts.fleet = reply->fleet;
    strcpy(a.facts.fleet.node, "a");

    size = caphealth_fleet_nodes_size(&reply->fleet);
    fuzz_check(size == caphealth_answer_behind(&a));

    bytes = calloc(1, sizeof(caphealth_answer_t) + size);
    fuzz_check(bytes != NULL);

    memcpy(bytes, &a, sizeof(caphealth_answer_t));

    if (size > 0) {
        memcpy(bytes + sizeof(caphealth_answer_t), reply->nodes, size - 1);
    }

    fuzz_check(caphealth_answer_read(&read, CAPHEALTH_SOURCE_FLEET, bytes,
                                     sizeof(caphealth_answer_t) + size)
               == NULL);
    free(bytes);
}


static void
check_database(caphealth_answer_t *a, const char *text)
{
    int                         rc;
    char                       *bytes;
    size_t                      size;
    caphealth_answer_t          read;
    caphealth_vendors_t         vendors;
    caphealth_vendors_check_t   check;

    size = (text == NULL) ? 0 : caphealth_answer_behind(a);
    bytes = calloc(1, sizeof(caphealth_answer_t) + size);
    fuzz_check(bytes != NULL);

    memcpy(bytes, a, sizeof(caphealth_answer_t));

    if (size > 0) {
        memcpy(bytes + sizeof(caphealth_answer_t), text, size);
    }

    fuzz_check(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DATABASE, bytes,
                                     sizeof(caphealth_answer_t) + size)
               == NULL);

    if (size > 0) {
        caphealth_vendors_set(&vendors, bytes + sizeof(caphealth_answer_t),
                              &read.facts.database);
        caphealth_vendors_check_init(&check, &vendors);

        do {
            rc = caphealth_vendors_check(&check, 64);
        } while (rc == 0);

        fuzz_check(rc == 1);
    }

    free(bytes);
}


/* what is stored of it, read again */

static void
again(caphealth_fleet_reply_t *reply, const caphealth_database_t *facts,
    const char *vendors)
{
    char                *looked, *shop;
    caphealth_error_t    error;
    caphealth_answer_t   a;

    memset(&a, 0, sizeof(caphealth_answer_t));

    a.source = CAPHEALTH_SOURCE_DATABASE;
    a.known = 1;
    a.facts.database = *facts;

    looked = caphealth_fleet_looked(&a, vendors, 1);
    fuzz_check(looked != NULL);

    fuzz_check(asprintf(&shop, "{\"attempt_age\":1,%s", looked + 1) != -1);
    fuzz_check(caphealth_fleet_reply(reply,
                                     "{\"schema\":2,\"oldest\":1,\"total\":0}",
                                     shop, NULL, NULL, &error)
               == 0);
    fuzz_check(reply->shop.fresh);

    free(looked);
    free(shop);
}


/* twice: of rows with one id and several names the first name alone is kept */

static void
check_again(const caphealth_fleet_reply_t *reply)
{
    const void               *facts;
    caphealth_fleet_reply_t   one, two;

    again(&one, &reply->shop.facts, reply->shop.vendors);
    again(&two, &one.shop.facts, one.shop.vendors);

    facts = &one.shop.facts;
    fuzz_check(memcmp(&two.shop.facts, facts, sizeof(caphealth_database_t))
               == 0);
    fuzz_check((one.shop.vendors == NULL) == (two.shop.vendors == NULL));
    fuzz_check(one.shop.vendors == NULL
               || strcmp(one.shop.vendors, two.shop.vendors) == 0);

    caphealth_fleet_reply_free(&one);
    caphealth_fleet_reply_free(&two);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                       rc;
    char                     *fleet, *shop, *nodes;
    size_t                    i;
    json_t                   *stores;
    fuzz_bytes_t              b = { data, size };
    caphealth_error_t         error;
    caphealth_answer_t        a;
    caphealth_fleet_reply_t   reply;

    fleet = line(&b);
    shop = line(&b);
    nodes = line(&b);

    stores = json_pack("[{s:s}]", "name", "s");

    rc = caphealth_fleet_reply(&reply, fleet, *shop ? shop : NULL,
                               *nodes ? nodes : NULL, stores, &error);

    json_decref(stores);

    for (i = 0; rc == 0 && i < reply.ncounted; i++) {
        fuzz_check(caphealth_counted_valid(&reply.counted[i]));
    }

    if (rc == -1)
    {
        fuzz_check(error.code != 0 && caphealth_error_valid(&error));
        fuzz_check(reply.nodes == NULL && reply.shop.vendors == NULL);

    } else {
        fuzz_check(caphealth_error_valid(&error));
        fuzz_check(caphealth_error_valid(&reply.shop.error));
        fuzz_check(reply.told.state < CAPHEALTH_OVERALL_STATES);
        fuzz_check(!isnan(reply.told.since));

        check_fleet(&reply);

        memset(&a, 0, sizeof(caphealth_answer_t));

        a.source = CAPHEALTH_SOURCE_DATABASE;
        a.known = 1;
        a.error = reply.shop.error;
        a.facts.database = reply.shop.facts;

        check_database(&a, reply.shop.vendors);

        if (reply.shop.fresh) {
            check_again(&reply);
        }
    }

    caphealth_fleet_reply_free(&reply);

    free(fleet);
    free(shop);
    free(nodes);

    return 0;
}
