
/*
 * A shipper that puts nothing anywhere, and does what the bucket's name says.
 * What it is asked for, it appends to the file whose path is the access key id.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "caphealth_ipc.h"
#include "caphealth_ship.h"
#include "caphealth_tree.h"


typedef struct {
    const char               *bucket;
    caphealth_ship_status_e   status;
} strange_answer_t;


static const strange_answer_t  answers[] = {
    { "exists", CAPHEALTH_SHIP_EXISTS },
    { "away", CAPHEALTH_SHIP_AWAY },
    { "full", CAPHEALTH_SHIP_FULL },
    { "denied", CAPHEALTH_SHIP_DENIED },
    { "read", CAPHEALTH_SHIP_READ },
    { "failed", CAPHEALTH_SHIP_FAILED },
    { "none", CAPHEALTH_SHIP_NOT_FOUND }
};


#if defined(__SANITIZE_ADDRESS__)

const char *__asan_default_options(void);


/* its settings are never freed */

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}

#endif


static char      *bucket, *path;
static int        ships;
static uint64_t   counted;


static int
is(const char *name)
{
    return strcmp(bucket, name) == 0;
}


static void
note(const char *what, const char *key)
{
    int   fd;
    char  line[4096];

    (void) snprintf(line, sizeof(line), "%s %s\n", what, key);

    fd = open(path, O_WRONLY|O_CREAT|O_APPEND, 0644);

    if (fd != -1) {
        if (write(fd, line, strlen(line)) == -1) {
            abort();
        }

        (void) close(fd);
    }
}


static void
say(caphealth_ipc_type_e type)
{
    caphealth_ipc_message_t  m;

    memset(&m, 0, sizeof(caphealth_ipc_message_t));
    m.version = CAPHEALTH_IPC_VERSION;
    m.type = (uint16_t) type;

    (void) caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, -1);
}


static void
configure(void)
{
    int                       fd;
    char                     *text;
    size_t                    i, size;
    json_t                   *settings, *name;
    caphealth_ipc_message_t   m;

    if (caphealth_ipc_recv(CAPHEALTH_IPC_FD, &m, &fd) != CAPHEALTH_IPC_OK
        || m.type != CAPHEALTH_IPC_CONFIGURE)
    {
        exit(1);
    }

    text = caphealth_ipc_map(fd, &size);
    settings = text ? json_loadb(text, size, 0, NULL) : NULL;

    if (settings == NULL) {
        exit(1);
    }

    bucket = strdup(json_string_value(json_object_get(settings, "bucket")));
    path = strdup(json_string_value(json_object_get(settings, "key_id")));

    counted = CAPHEALTH_HASH;

    json_array_foreach(json_object_get(settings, "counted"), i, name) {
        counted = caphealth_hash(counted, json_string_value(name),
                                 json_string_length(name) + 1);
    }

    json_object_set_new(settings, "since", json_integer(0));
    note("settings", json_dumps(settings, JSON_COMPACT|JSON_SORT_KEYS));
}


static void
answer(const caphealth_ipc_message_t *m, caphealth_ship_result_t *result)
{
    caphealth_ipc_cargo_t      cargo;
    caphealth_ipc_message_t    am;
    caphealth_ship_requests_t  requests;

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));
    cargo.body = result;
    cargo.size = sizeof(caphealth_ship_result_t);

    am = *m;
    am.type = CAPHEALTH_IPC_SHIPPED;

    if (is("counts")) {
        memset(&requests, 0xff, sizeof(caphealth_ship_requests_t));
        cargo.body = &requests;
        cargo.size = sizeof(caphealth_ship_requests_t);
        am.type = CAPHEALTH_IPC_REQUESTS;
    }

    if (is("unasked")) {
        am.serial += 7;
    }

    (void) caphealth_ipc_send_cargo(CAPHEALTH_IPC_FD, &am, &cargo);
}


static void
fail(caphealth_ship_result_t *result, caphealth_ship_status_e status)
{
    memset(result, 0, sizeof(caphealth_ship_result_t));

    result->status = status;
    result->error = status == CAPHEALTH_SHIP_READ ? 5 : 0;
    result->http = status == CAPHEALTH_SHIP_DENIED ? 403 : 0;
    result->retry_after = status == CAPHEALTH_SHIP_AWAY ? 77 : 0;

    (void) snprintf(result->detail, sizeof(result->detail),
                    "the store is %s", bucket);
}


static void
ship(const caphealth_ipc_message_t *m, const caphealth_ship_t *s)
{
    char                     released[4096];
    size_t                   i;
    caphealth_ship_result_t  result;

    memset(&result, 0, sizeof(caphealth_ship_result_t));

    note("owner", s->owner);

    for (i = 0; i < s->nfiles; i++) {
        note("put", s->files[i].key);
        result.files++;
        result.bytes += s->files[i].bytes;
    }

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (is(answers[i].bucket) && !is("none")) {
            fail(&result, answers[i].status);
        }
    }

    ships++;

    if (is("exists-once") && ships == 1) {
        fail(&result, CAPHEALTH_SHIP_EXISTS);
    }

    if (is("recovers") && ships <= 4) {
        fail(&result, CAPHEALTH_SHIP_AWAY);
        result.retry_after = 1;
    }

    if (is("half") && ships % 2 == 0) {
        fail(&result, CAPHEALTH_SHIP_FAILED);
    }

    if (is("dies")) {
        exit(1);
    }

    if (is("silent")) {
        return;
    }

    if (is("slow")) {
        (void) sleep(1);
    }

    /* until the test says so */

    if (is("held")) {
        (void) snprintf(released, sizeof(released), "%s.released", path);

        while (access(released, F_OK) == -1) {
            (void) usleep(10000);
        }
    }

    if (is("invalid")) {
        result.status = CAPHEALTH_SHIP_STATUSES;
    }

    answer(m, &result);
    note("answered", s->files[0].key);
}


static void
unship(const caphealth_ipc_message_t *m, const caphealth_unship_t *u)
{
    size_t                   i;
    caphealth_ship_result_t  result;

    note("remove", u->prefix);
    note("mark", u->mark);
    note("remover", u->owner);

    memset(&result, 0, sizeof(caphealth_ship_result_t));
    result.files = 3;
    result.bytes = 1000;
    result.marked = 1;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (is(answers[i].bucket) && !is("exists")) {
            fail(&result, answers[i].status);
        }
    }

    answer(m, &result);
}


static void
scan(caphealth_ipc_message_t *m)
{
    int               fd;
    caphealth_walk_t  walk;

    note("list", "");

    memset(&walk, 0, sizeof(caphealth_walk_t));
    walk.counted = counted;

    if (is("bad-listing")) {
        walk.files = -1;
    }

    if (is("no-listing")) {
        caphealth_error_set(&walk.error, CAPHEALTH_ERROR_PERMISSION,
                            "the store answered 403");
    }

    m->type = CAPHEALTH_IPC_SCANNED;

    fd = caphealth_ipc_memfd(&walk, sizeof(caphealth_walk_t));

    (void) caphealth_ipc_send(CAPHEALTH_IPC_FD, m, fd);
    (void) close(fd);
}


int
main(void)
{
    union {
        caphealth_ship_t        ship;
        caphealth_unship_t      unship;
        caphealth_ship_claim_t  claim;
    } body;

    caphealth_ipc_cargo_t    cargo;
    caphealth_ipc_message_t  m;

    say(CAPHEALTH_IPC_HELLO);
    configure();

    if (is("unready")) {
        return 1;
    }

    say(CAPHEALTH_IPC_READY);

    for ( ;; ) {
        memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));
        cargo.body = &body;
        cargo.size = sizeof(body);

        if (caphealth_ipc_recv_cargo(CAPHEALTH_IPC_FD, &m, &cargo,
                                     CAPHEALTH_VARIANTS_MAX)
            != CAPHEALTH_IPC_OK)
        {
            return 0;
        }

        switch (m.type) {

        case CAPHEALTH_IPC_SHIP:
            ship(&m, &body.ship);
            break;

        case CAPHEALTH_IPC_UNSHIP:
            unship(&m, &body.unship);
            break;

        case CAPHEALTH_IPC_SCAN:
            scan(&m);
            break;

        default:
            break;
        }

        caphealth_ipc_close(&cargo);
    }
}
