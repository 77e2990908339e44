
/*
 * caphealth-shipper: puts images into an object store, removes them, and
 * counts what is there, for the nginx worker that started it.
 *
 * One thread: the worker's socket and all connections to the store are waited
 * for together.  When the worker goes, what is being put is removed again, and
 * the process exits.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "caphealth_file.h"
#include "caphealth_ipc.h"
#include "caphealth_log.h"
#include "caphealth_move.h"
#include "caphealth_s3_claim.h"
#include "caphealth_s3_client.h"
#include "caphealth_s3_count.h"
#include "caphealth_s3_image.h"
#include "caphealth_shipper_confine.h"
#include "caphealth_shipper_settings.h"
#include "caphealth_version.h"


/* images that are put or removed at once, whose descriptors are open; what
   more is asked for waits in the socket */
#define CAPHEALTH_SHIPPER_JOBS  64

/* files of an upload that has not ended after so many seconds are removed */
#define CAPHEALTH_SHIPPER_LEFTOVER  3600

/* the longest time to wait for an event, seconds */
#define CAPHEALTH_SHIPPER_LOOK  60.0


typedef struct caphealth_shipper_s  caphealth_shipper_t;


/* one question of the worker's */

typedef struct caphealth_shipper_job_s  caphealth_shipper_job_t;

struct caphealth_shipper_job_s {
    caphealth_shipper_t       *shipper;
    caphealth_shipper_job_t   *next;
    caphealth_ipc_message_t    question;
    caphealth_ipc_cargo_t      cargo;        /* the files */
    caphealth_s3_claim_t      *claim;
    caphealth_s3_image_t      *image;
    caphealth_s3_count_t      *count;
    caphealth_walk_settings_t  walk;         /* of the count */
};


struct caphealth_shipper_s {
    caphealth_shipper_settings_t   settings;
    caphealth_s3_client_t         *client;
    caphealth_shipper_job_t       *jobs;
    unsigned                       njobs;
    int                            closed;   /* the worker is gone */
};


typedef union {
    caphealth_ship_t        ship;
    caphealth_unship_t      unship;
    caphealth_ship_claim_t  claim;
} caphealth_shipper_question_t;


static int caphealth_shipper_arguments(int argc, char **argv);
static int caphealth_shipper_serve(caphealth_shipper_t *shipper);
static int caphealth_shipper_configure(caphealth_shipper_t *shipper);
static const char *caphealth_shipper_take_settings(
    caphealth_shipper_t *shipper, int fd);
static unsigned caphealth_shipper_port(const char *endpoint);
static int caphealth_shipper_receive(caphealth_shipper_t *shipper);
static int caphealth_shipper_begin(caphealth_shipper_t *shipper,
    const caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo);
static void caphealth_shipper_count(caphealth_shipper_job_t *job);
static void caphealth_shipper_counting(void *data);
static void caphealth_shipper_counted(void *data,
    const caphealth_walk_t *walk);
static void caphealth_shipper_end(caphealth_shipper_job_t *job);
static void caphealth_shipper_done(void *data,
    const caphealth_ship_result_t *result);
static void caphealth_shipper_claimed(void *data,
    const caphealth_ship_result_t *result, const char *text, size_t len);
static caphealth_ipc_result_e caphealth_shipper_send_requests(
    caphealth_shipper_t *shipper);
static void caphealth_shipper_close(caphealth_shipper_t *shipper);


int
main(int argc, char **argv)
{
    int                         rc;
    static caphealth_shipper_t  shipper;

    rc = caphealth_shipper_arguments(argc, argv);

    return rc == -1 ? caphealth_shipper_serve(&shipper) : rc;
}


static int
caphealth_shipper_arguments(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("caphealth-shipper %s, protocol %d\n", CAPHEALTH_VERSION,
               CAPHEALTH_IPC_VERSION);
        return 0;
    }

    if (argc > 1 && strcmp(argv[1], "--move") == 0) {
        return caphealth_move_command(argc - 1, argv + 1);
    }

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        printf("usage: caphealth-shipper --help | --version\n"
               "       caphealth-shipper --move FROM TO OPTION...\n\n"
               "It is started by an nginx worker with the caphealth module,"
               " which hands it a\nsocket as descriptor %d.  By hand, it moves"
               " images between a tree and an object\nstore, see \""
               "caphealth-shipper --move --help\".\n", CAPHEALTH_IPC_FD);
        return 0;
    }

    if (argc > 1) {
        fprintf(stderr, "caphealth-shipper: unknown argument \"%s\", "
                "try --help\n", argv[1]);
        return 2;
    }

    if (!caphealth_ipc_is_worker()) {
        fprintf(stderr, "caphealth-shipper: descriptor %d is not a worker's "
                "socket; nginx starts this program, try --help\n",
                CAPHEALTH_IPC_FD);
        return 2;
    }

    return -1;
}


static int
caphealth_shipper_serve(caphealth_shipper_t *shipper)
{
    int  rc, listening;

    caphealth_log_init();

    (void) signal(SIGPIPE, SIG_IGN);

    if (caphealth_ipc_send_type(CAPHEALTH_IPC_FD, CAPHEALTH_IPC_HELLO) == -1) {
        return 0;
    }

    rc = caphealth_shipper_configure(shipper);
    if (rc != 0) {
        return rc == 1 ? 0 : 1;
    }

    while (!shipper->closed || shipper->njobs) {

        /* what cannot be resolved any more is, by another shipper */

        if (caphealth_s3_client_outdated(shipper->client)
            && shipper->njobs == 0)
        {
            fprintf(stderr, "caphealth-shipper: /etc/resolv.conf or "
                    "/etc/hosts was replaced, it starts again\n");
            return 1;
        }

        listening = !shipper->closed
                    && shipper->njobs < CAPHEALTH_SHIPPER_JOBS
                    && !caphealth_s3_client_outdated(shipper->client);

        rc = caphealth_s3_client_run(shipper->client,
                                     listening ? CAPHEALTH_IPC_FD : -1,
                                     CAPHEALTH_SHIPPER_LOOK);
        if (rc == -1) {
            fprintf(stderr, "caphealth-shipper: libcurl failed\n");
            return 1;
        }

        if (rc == 1 && listening && caphealth_shipper_receive(shipper) == -1) {
            return 1;
        }
    }

    return 0;
}


/* 0: it is ready; 1: the worker is gone; -1: it was said what is wrong */

static int
caphealth_shipper_configure(caphealth_shipper_t *shipper)
{
    int                       fd;
    unsigned                  port;
    const char               *wrong;
    caphealth_ipc_result_e    rc;
    caphealth_ipc_message_t   m;

    rc = caphealth_ipc_recv(CAPHEALTH_IPC_FD, &m, &fd);

    if (rc == CAPHEALTH_IPC_CLOSED) {
        return 1;
    }

    if (rc != CAPHEALTH_IPC_OK || m.version != CAPHEALTH_IPC_VERSION
        || m.type != CAPHEALTH_IPC_CONFIGURE)
    {
        fprintf(stderr, "caphealth-shipper: no settings were received\n");
        return -1;
    }

    wrong = caphealth_shipper_take_settings(shipper, fd);

    if (fd != -1) {
        (void) close(fd);
    }

    if (wrong) {
        fprintf(stderr, "caphealth-shipper: its settings cannot be used: "
                "%s\n", wrong);
        return -1;
    }

    port = caphealth_shipper_port(shipper->settings.store.endpoint);
    caphealth_shipper_confine(port);

    return caphealth_ipc_send_type(CAPHEALTH_IPC_FD, CAPHEALTH_IPC_READY) == -1
           ? 1 : 0;
}


static const char *
caphealth_shipper_take_settings(caphealth_shipper_t *shipper, int fd)
{
    char        *ca;
    void        *text;
    size_t       size;
    json_t      *json;
    const char  *wrong;

    text = caphealth_ipc_map(fd, &size);
    if (text == NULL) {
        return "they are not in a sealed descriptor";
    }

    json = json_loadb(text, size, 0, NULL);
    wrong = json ? caphealth_shipper_settings(&shipper->settings, json)
                 : "they are not JSON";

    json_decref(json);
    (void) munmap(text, size);

    if (wrong) {
        return wrong;
    }

    ca = shipper->settings.ca;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        shipper->client = caphealth_s3_client_create(
                                            &shipper->settings.store,
                                            shipper->settings.connections,
                                            ca, ca ? strlen(ca) : 0);
    }

    free(ca);
    shipper->settings.ca = NULL;

    return shipper->client ? NULL : "there is no memory";
}


static unsigned
caphealth_shipper_port(const char *endpoint)
{
    const char  *host, *port;

    host = strstr(endpoint, "://") + 3;
    port = strrchr(host, ':');

    /* those within the brackets of an address are none */

    if (port != NULL && strchr(port, ']') == NULL) {
        return (unsigned) strtoul(port + 1, NULL, 10);
    }

    return endpoint[4] == 's' ? 443 : 80;
}


static int
caphealth_shipper_receive(caphealth_shipper_t *shipper)
{
    caphealth_ipc_cargo_t         cargo;
    caphealth_ipc_message_t       m;
    caphealth_shipper_question_t  question;

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));

    cargo.body = &question;
    cargo.size = sizeof(question);

    switch (caphealth_ipc_recv_cargo(CAPHEALTH_IPC_FD, &m, &cargo,
                                     CAPHEALTH_IPC_FDS))
    {

    case CAPHEALTH_IPC_OK:
        break;

    case CAPHEALTH_IPC_CLOSED:
        caphealth_shipper_close(shipper);
        return 0;

    default:
        fprintf(stderr, "caphealth-shipper: no message can be read from the "
                "worker: %s\n", strerror(errno));
        return -1;
    }

    if (m.version == CAPHEALTH_IPC_VERSION
        && caphealth_shipper_begin(shipper, &m, &cargo) == 0)
    {
        return 0;
    }

    caphealth_ipc_close(&cargo);

    fprintf(stderr, "caphealth-shipper: message %d of the worker is not known "
            "or not valid\n", m.type);

    return -1;
}


/* the descriptors become the job's */

static int
caphealth_shipper_begin(caphealth_shipper_t *shipper,
    const caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    const caphealth_ship_t        *ship = cargo->body;
    const caphealth_unship_t      *unship = cargo->body;
    const caphealth_ship_claim_t  *claim = cargo->body;
    caphealth_ship_result_t        result;
    caphealth_shipper_job_t       *job;

    switch (m->type) {

    case CAPHEALTH_IPC_SHIP:

        if (cargo->size != sizeof(caphealth_ship_t)
            || !caphealth_ship_valid(ship) || cargo->nfds != ship->nfiles)
        {
            return -1;
        }

        break;

    case CAPHEALTH_IPC_UNSHIP:

        if (cargo->size != sizeof(caphealth_unship_t)
            || !caphealth_unship_valid(unship) || cargo->nfds != 0)
        {
            return -1;
        }

        break;

    case CAPHEALTH_IPC_CLAIM:

        if (cargo->size != sizeof(caphealth_ship_claim_t)
            || !caphealth_ship_claim_valid(claim)
            || cargo->nfds != (claim->action == CAPHEALTH_SHIP_TAKE))
        {
            return -1;
        }

        break;

    case CAPHEALTH_IPC_SCAN:

        if (cargo->size != 0 || cargo->nfds != 0 || (m->value & 0xffff) != 0
            || m->value >> 16 > CAPHEALTH_TOP)
        {
            return -1;
        }

        break;

    /* the log was reopened */

    case CAPHEALTH_IPC_LOG:

        if (cargo->nfds != 1) {
            return -1;
        }

        (void) dup2(cargo->fds[0], STDERR_FILENO);
        caphealth_ipc_close(cargo);
        return 0;

    default:
        return -1;
    }

    job = calloc(1, sizeof(caphealth_shipper_job_t));
    if (job == NULL) {
        return -1;
    }

    job->shipper = shipper;
    job->question = *m;
    job->cargo = *cargo;
    job->next = shipper->jobs;

    shipper->jobs = job;
    shipper->njobs++;

    switch (m->type) {

    case CAPHEALTH_IPC_SHIP:
        job->image = caphealth_s3_image_put(shipper->client, ship, cargo->fds,
                                            caphealth_shipper_done, job);
        break;

    case CAPHEALTH_IPC_UNSHIP:
        job->image = caphealth_s3_image_remove(shipper->client, unship,
                                               caphealth_shipper_done, job);
        break;

    case CAPHEALTH_IPC_CLAIM:
        job->claim = caphealth_s3_claim(shipper->client, claim,
                                        cargo->nfds ? cargo->fds[0] : -1,
                                        caphealth_shipper_claimed, job);
        break;

    default:
        caphealth_shipper_count(job);
        return 0;
    }

    if (job->image == NULL && job->claim == NULL) {
        memset(&result, 0, sizeof(caphealth_ship_result_t));
        result.status = CAPHEALTH_SHIP_FAILED;
        (void) snprintf(result.detail, sizeof(result.detail), "no memory");

        caphealth_shipper_done(job, &result);
    }

    return 0;
}


static void
caphealth_shipper_count(caphealth_shipper_job_t *job)
{
    caphealth_walk_t      walk;
    caphealth_shipper_t  *shipper;

    shipper = job->shipper;
    job->walk = *shipper->settings.walk;
    job->walk.before = (double) time(NULL) - CAPHEALTH_SHIPPER_LEFTOVER;

    /* old workers may still upload with other marks after a reload */

    job->walk.since += CAPHEALTH_SHIPPER_LEFTOVER;

    job->count = caphealth_s3_count(shipper->client, &job->walk,
                                    job->question.value >> 16,
                                    shipper->settings.timeout,
                                    caphealth_shipper_counting,
                                    caphealth_shipper_counted, job);

    if (job->count == NULL) {
        memset(&walk, 0, sizeof(caphealth_walk_t));
        caphealth_error_set(&walk.error, CAPHEALTH_ERROR_NO_MEMORY,
                            "no memory to list \"%s\"", job->walk.root);
        caphealth_shipper_counted(job, &walk);
    }
}


static void
caphealth_shipper_counting(void *data)
{
    caphealth_shipper_t      *shipper;
    caphealth_ipc_message_t   m;
    caphealth_shipper_job_t  *job = data;

    shipper = job->shipper;

    m = job->question;
    m.type = CAPHEALTH_IPC_SCANNING;

    if (!shipper->closed) {
        (void) caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, -1);
    }
}


static void
caphealth_shipper_counted(void *data, const caphealth_walk_t *walk)
{
    int                       fd;
    caphealth_ipc_result_e    rc;
    caphealth_shipper_t      *shipper;
    caphealth_ipc_message_t   m;
    caphealth_shipper_job_t  *job = data;

    shipper = job->shipper;

    m = job->question;
    m.type = CAPHEALTH_IPC_SCANNED;

    caphealth_shipper_end(job);

    if (shipper->closed) {
        return;
    }

    fd = caphealth_ipc_memfd(walk, sizeof(caphealth_walk_t));
    rc = (fd == -1) ? CAPHEALTH_IPC_ERROR
                    : caphealth_shipper_send_requests(shipper);

    if (rc == CAPHEALTH_IPC_OK) {
        rc = caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, fd);
    }

    if (fd != -1) {
        (void) close(fd);
    }

    if (rc != CAPHEALTH_IPC_OK) {
        caphealth_shipper_close(shipper);
    }
}


/* the job is freed */

static void
caphealth_shipper_end(caphealth_shipper_job_t *job)
{
    caphealth_shipper_t       *shipper;
    caphealth_shipper_job_t  **link;

    shipper = job->shipper;

    for (link = &shipper->jobs; *link != job; link = &(*link)->next) {
        /* void */
    }

    *link = job->next;
    shipper->njobs--;

    caphealth_ipc_close(&job->cargo);
    free(job);
}


static void
caphealth_shipper_done(void *data, const caphealth_ship_result_t *result)
{
    caphealth_shipper_claimed(data, result, NULL, 0);
}


/* the record goes with it, if there is one */

static void
caphealth_shipper_claimed(void *data, const caphealth_ship_result_t *result,
    const char *text, size_t len)
{
    int                        rc;
    caphealth_ipc_cargo_t      cargo;
    caphealth_shipper_t       *shipper;
    caphealth_ipc_message_t    m;
    caphealth_shipper_job_t   *job = data;

    shipper = job->shipper;

    m = job->question;
    m.type = CAPHEALTH_IPC_SHIPPED;

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));
    cargo.body = (void *) result;
    cargo.size = sizeof(caphealth_ship_result_t);

    caphealth_shipper_end(job);

    if (shipper->closed) {
        return;
    }

    rc = 0;

    if (text) {
        cargo.fds[0] = caphealth_ipc_memfd(text, len);
        cargo.nfds = (cargo.fds[0] != -1);
        rc = (cargo.fds[0] == -1);
    }

    if (rc != 0
        || caphealth_shipper_send_requests(shipper) != CAPHEALTH_IPC_OK
        || caphealth_ipc_send_cargo(CAPHEALTH_IPC_FD, &m, &cargo)
           != CAPHEALTH_IPC_OK)
    {
        caphealth_shipper_close(shipper);
    }

    caphealth_ipc_close(&cargo);
}


/* sent before the answer, so that the worker counts them before it answers */

static caphealth_ipc_result_e
caphealth_shipper_send_requests(caphealth_shipper_t *shipper)
{
    caphealth_ipc_cargo_t      cargo;
    caphealth_ipc_message_t    m;
    caphealth_ship_requests_t  requests;

    if (!caphealth_s3_client_requests(shipper->client, &requests)) {
        return CAPHEALTH_IPC_OK;
    }

    m = (caphealth_ipc_message_t) {
        .version = CAPHEALTH_IPC_VERSION,
        .type = CAPHEALTH_IPC_REQUESTS
    };

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));
    cargo.body = &requests;
    cargo.size = sizeof(caphealth_ship_requests_t);

    return caphealth_ipc_send_cargo(CAPHEALTH_IPC_FD, &m, &cargo);
}


static void
caphealth_shipper_close(caphealth_shipper_t *shipper)
{
    caphealth_shipper_job_t  *job;

    shipper->closed = 1;

    for (job = shipper->jobs; job != NULL; job = job->next) {
        if (job->image != NULL) {
            caphealth_s3_image_give_up(job->image);

        } else if (job->claim != NULL) {
            caphealth_s3_claim_give_up(job->claim);

        } else if (job->count != NULL) {
            caphealth_s3_count_give_up(job->count);
        }
    }
}
