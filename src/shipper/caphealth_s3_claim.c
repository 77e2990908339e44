
/*
 * Ids that are claimed in an object store.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_image_record.h"
#include "caphealth_s3_claim.h"


struct caphealth_s3_claim_s {
    caphealth_s3_call_t       call;          /* the first: a call is a claim */
    caphealth_s3_client_t    *client;
    caphealth_ship_claim_t    claim;
    int                       fd;
    int                       given_up;
    double                    deadline;
    void                    (*done)(void *data,
                                    const caphealth_ship_result_t *result,
                                    const char *text, size_t len);
    void                     *data;
    char                     *text;          /* of the record that is there */
    size_t                    len;
    int                       long_text;     /* it is longer than any */
    double                    modified;
    double                    date;
    char                      etag[CAPHEALTH_S3_ETAG];
    char                      bare[CAPHEALTH_S3_ETAG];
                                             /* the same without quotes */
    int                       refused;       /* to put a record in its place */
    unsigned                  unmatched;     /* ways of If-Match that the store
                                                does not know */
    char                      found[CAPHEALTH_S3_MARK];
                                             /* the token of that; "": none */
    char                      mark[CAPHEALTH_SHIP_KEY];
    caphealth_ship_result_t   result;
};


static void caphealth_s3_claim_begin(caphealth_s3_claim_t *claim,
    const char *method, const char *key,
    void (*done)(caphealth_s3_call_t *call));
static void caphealth_s3_claim_end(caphealth_s3_claim_t *claim,
    caphealth_ship_status_e status);
static void caphealth_s3_claim_fail(caphealth_s3_claim_t *claim);
static void caphealth_s3_claim_look(caphealth_s3_claim_t *claim);
static void caphealth_s3_claim_on_begin(caphealth_s3_call_t *call);
static int caphealth_s3_claim_on_text(caphealth_s3_call_t *call,
    const char *text, size_t len);
static void caphealth_s3_claim_on_look(caphealth_s3_call_t *call);
static int caphealth_s3_claim_mark(caphealth_s3_claim_t *claim);
static void caphealth_s3_claim_on_mark(caphealth_s3_call_t *call);
static void caphealth_s3_claim_without_mark(caphealth_s3_claim_t *claim);
static void caphealth_s3_claim_take(caphealth_s3_claim_t *claim);
static void caphealth_s3_claim_on_take(caphealth_s3_call_t *call);
static void caphealth_s3_claim_on_taken(caphealth_s3_call_t *call);
static int caphealth_s3_claim_is_unchanged(const caphealth_s3_claim_t *claim);
static void caphealth_s3_claim_on_release(caphealth_s3_call_t *call);
static void caphealth_s3_claim_on_released(caphealth_s3_call_t *call);


caphealth_s3_claim_t *
caphealth_s3_claim(caphealth_s3_client_t *client,
    const caphealth_ship_claim_t *c, int fd,
    void (*done)(void *data, const caphealth_ship_result_t *result,
                 const char *text, size_t len),
    void *data)
{
    caphealth_s3_claim_t  *claim;

    claim = calloc(1, sizeof(caphealth_s3_claim_t));
    if (claim == NULL) {
        return NULL;
    }

    claim->client = client;
    claim->claim = *c;
    claim->fd = fd;
    claim->done = done;
    claim->data = data;
    claim->deadline = caphealth_s3_now() + c->timeout / 1000.0;

    if (c->action == CAPHEALTH_SHIP_RELEASE) {
        caphealth_s3_claim_begin(claim, "HEAD", claim->claim.record,
                                 caphealth_s3_claim_on_release);
        caphealth_s3_call(client, &claim->call);

    } else {
        caphealth_s3_claim_look(claim);
    }

    return claim;
}


void
caphealth_s3_claim_give_up(caphealth_s3_claim_t *claim)
{
    claim->given_up = 1;
    caphealth_s3_cancel(&claim->call, 1);
}


static void
caphealth_s3_claim_begin(caphealth_s3_claim_t *claim, const char *method,
    const char *key, void (*done)(caphealth_s3_call_t *call))
{
    memset(&claim->call, 0, sizeof(caphealth_s3_call_t));

    claim->call.method = method;
    claim->call.key = key;
    claim->call.deadline = claim->given_up ? 0 : claim->deadline;
    claim->call.done = done;
}


static void
caphealth_s3_claim_end(caphealth_s3_claim_t *claim,
    caphealth_ship_status_e status)
{
    int  stored;

    stored = (status == CAPHEALTH_SHIP_EXISTS);

    claim->result.status = (uint32_t) status;
    claim->result.marked = (uint32_t) stored;

    claim->done(claim->data, &claim->result, stored ? claim->text : NULL,
                stored ? claim->len : 0);

    free(claim->text);
    free(claim);
}


/* as the store has answered */

static void
caphealth_s3_claim_fail(caphealth_s3_claim_t *claim)
{
    caphealth_s3_call_t      *call;
    caphealth_ship_result_t  *r;

    r = &claim->result;
    call = &claim->call;

    r->error = (uint32_t) call->error;
    r->http = call->http;
    r->left = 0;
    r->retry_after = call->retry_after;
    memcpy(r->detail, call->detail, sizeof(r->detail));

    /* what these mean of an image they do not mean here */

    if (call->status == CAPHEALTH_SHIP_EXISTS
        || call->status == CAPHEALTH_SHIP_NOT_FOUND
        || call->status == CAPHEALTH_SHIP_OK)
    {
        call->status = CAPHEALTH_SHIP_FAILED;
    }

    caphealth_s3_claim_end(claim, call->status);
}


static void
caphealth_s3_claim_look(caphealth_s3_claim_t *claim)
{
    caphealth_s3_claim_begin(claim, "GET", claim->claim.record,
                             caphealth_s3_claim_on_look);

    claim->call.begin = caphealth_s3_claim_on_begin;
    claim->call.body = caphealth_s3_claim_on_text;

    caphealth_s3_call(claim->client, &claim->call);
}


static void
caphealth_s3_claim_on_begin(caphealth_s3_call_t *call)
{
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    claim->len = 0;
    claim->long_text = 0;
}


static int
caphealth_s3_claim_on_text(caphealth_s3_call_t *call, const char *text,
    size_t len)
{
    char                  *more;
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    if (claim->long_text || len > CAPHEALTH_RECORD_MAX - claim->len) {
        claim->long_text = 1;
        return 0;
    }

    more = realloc(claim->text, claim->len + len + 1);
    if (more == NULL) {
        return -1;
    }

    memcpy(more + claim->len, text, len);

    claim->text = more;
    claim->len += len;

    return 0;
}


static void
caphealth_s3_claim_on_look(caphealth_s3_call_t *call)
{
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    if (call->status == CAPHEALTH_SHIP_NOT_FOUND) {
        caphealth_s3_claim_take(claim);
        return;
    }

    if (call->status != CAPHEALTH_SHIP_OK) {
        caphealth_s3_claim_fail(claim);
        return;
    }

    claim->modified = call->modified;
    claim->date = call->date;
    memcpy(claim->etag, call->etag, sizeof(claim->etag));
    memcpy(claim->found, call->found, sizeof(claim->found));

    if (!caphealth_s3_claim_mark(claim)) {
        caphealth_s3_claim_without_mark(claim);
        return;
    }

    caphealth_s3_claim_begin(claim, "HEAD", claim->mark,
                             caphealth_s3_claim_on_mark);
    caphealth_s3_call(claim->client, &claim->call);
}


/* the key of the mark; 0: it is a deletion's, or damaged */

static int
caphealth_s3_claim_mark(caphealth_s3_claim_t *claim)
{
    char     id[CAPHEALTH_ID_LEN + 1];
    json_t  *json;

    if (claim->long_text || claim->text == NULL) {
        return 0;
    }

    (void) snprintf(id, sizeof(id), "%.*s", CAPHEALTH_ID_LEN,
                    claim->claim.record + CAPHEALTH_LEAF_LEN);

    json = caphealth_record_parse(claim->text, claim->len, id);

    if (json == NULL) {
        return 0;
    }

    (void) snprintf(claim->mark, sizeof(claim->mark), "%.*s%s",
                    CAPHEALTH_LEAF_LEN, claim->claim.record,
                    json_string_value(json_object_get(json, "mark")));

    json_decref(json);

    return 1;
}


static void
caphealth_s3_claim_on_mark(caphealth_s3_call_t *call)
{
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    switch (call->status) {

    case CAPHEALTH_SHIP_OK:

        /* one that came late is that of another request */

        if (claim->found[0] && strcmp(call->found, claim->found) != 0) {
            caphealth_s3_claim_without_mark(claim);
            return;
        }

        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_EXISTS);
        return;

    case CAPHEALTH_SHIP_NOT_FOUND:
        caphealth_s3_claim_without_mark(claim);
        return;

    default:
        caphealth_s3_claim_fail(claim);
    }
}


static void
caphealth_s3_claim_without_mark(caphealth_s3_claim_t *claim)
{
    claim->result.retry_after = caphealth_s3_claim_left(claim->modified,
                                                        claim->date,
                                                        claim->claim.lease);

    if (claim->result.retry_after) {
        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_BUSY);
        return;
    }

    claim->result.left = 1;
    caphealth_s3_claim_take(claim);
}


/* the store's two times are of one clock, or of clocks that are kept equal */

uint32_t
caphealth_s3_claim_left(double modified, double date, uint32_t lease)
{
    double  left;

    if (date == 0) {
        date = (double) time(NULL);
    }

    left = ceil(modified + lease / 1000.0 - date);

    /* one that is put in the future is new */

    if (modified == 0 || left > lease / 1000.0) {
        left = ceil(lease / 1000.0);
    }

    return left > 0 ? (uint32_t) left : 0;
}


/* there is no record, or that of a request that has died */

static void
caphealth_s3_claim_take(caphealth_s3_claim_t *claim)
{
    if (claim->claim.action == CAPHEALTH_SHIP_LOOK) {
        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_NOT_FOUND);
        return;
    }

    caphealth_s3_claim_begin(claim, "PUT", claim->claim.record,
                             caphealth_s3_claim_on_take);

    claim->call.fd = claim->fd;
    claim->call.size = claim->claim.bytes;
    claim->call.type = "application/json";
    claim->call.mark = claim->claim.token;

    if (claim->etag[0] == '\0') {
        claim->call.create = 1;

    } else if (claim->unmatched == 0) {
        claim->call.match = claim->etag;

    } else if (claim->unmatched == 1) {
        (void) snprintf(claim->bare, sizeof(claim->bare), "%.*s",
                        (int) strcspn(claim->etag + (claim->etag[0] == '"'),
                                      "\""),
                        claim->etag + (claim->etag[0] == '"'));
        claim->call.match = claim->bare;
    }

    caphealth_s3_call(claim->client, &claim->call);
}


static void
caphealth_s3_claim_on_take(caphealth_s3_call_t *call)
{
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    if (call->status == CAPHEALTH_SHIP_OK && call->conditional) {
        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_OK);
        return;
    }

    /* what was there when it was read may be gone */

    if (call->match && strcmp(call->code, "NoSuchKey") == 0) {
        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_BUSY);
        return;
    }

    /* whose it is: that of an attempt before, or of another request */

    claim->refused = (call->status == CAPHEALTH_SHIP_EXISTS);

    if (call->status == CAPHEALTH_SHIP_OK
        || call->status == CAPHEALTH_SHIP_EXISTS)
    {
        caphealth_s3_claim_begin(claim, "HEAD", claim->claim.record,
                                 caphealth_s3_claim_on_taken);
        caphealth_s3_call(claim->client, &claim->call);
        return;
    }

    caphealth_s3_claim_fail(claim);
}


static void
caphealth_s3_claim_on_taken(caphealth_s3_call_t *call)
{
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    switch (call->status) {

    case CAPHEALTH_SHIP_OK:

        if (caphealth_s3_claim_is_unchanged(claim)) {
            claim->unmatched++;
            caphealth_s3_claim_take(claim);
            return;
        }

        caphealth_s3_claim_end(claim,
                               strcmp(call->found, claim->claim.token) == 0
                               ? CAPHEALTH_SHIP_OK : CAPHEALTH_SHIP_BUSY);
        return;

    case CAPHEALTH_SHIP_NOT_FOUND:
        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_BUSY);
        return;

    default:
        caphealth_s3_claim_fail(claim);
    }
}


/*
 * Ceph up to 16.2, at least, compares the tag in If-Match without the quotes,
 * and answers 412 to all of them if the bucket has versions.
 */

static int
caphealth_s3_claim_is_unchanged(const caphealth_s3_claim_t *claim)
{
    return claim->refused && claim->etag[0] && claim->unmatched < 2
           && strcmp(claim->call.etag, claim->etag) == 0
           && strcmp(claim->call.found, claim->found) == 0;
}


static void
caphealth_s3_claim_on_release(caphealth_s3_call_t *call)
{
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    if (call->status == CAPHEALTH_SHIP_NOT_FOUND
        || (call->status == CAPHEALTH_SHIP_OK
            && strcmp(call->found, claim->claim.token) != 0))
    {
        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_OK);
        return;
    }

    if (call->status != CAPHEALTH_SHIP_OK) {
        caphealth_s3_claim_fail(claim);
        return;
    }

    caphealth_s3_claim_begin(claim, "DELETE", claim->claim.record,
                             caphealth_s3_claim_on_released);
    caphealth_s3_call(claim->client, &claim->call);
}


static void
caphealth_s3_claim_on_released(caphealth_s3_call_t *call)
{
    caphealth_s3_claim_t  *claim = (caphealth_s3_claim_t *) call;

    if (call->status == CAPHEALTH_SHIP_OK
        || call->status == CAPHEALTH_SHIP_NOT_FOUND)
    {
        caphealth_s3_claim_end(claim, CAPHEALTH_SHIP_OK);
        return;
    }

    caphealth_s3_claim_fail(claim);
}
