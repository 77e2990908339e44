
/*
 * caphealth-collector: reads the system, the disks and the database for
 * the nginx worker that started it, and for no other process.
 *
 * The worker sends the settings once, then asks for one source at a time as
 * each falls due.  Every source has a thread of its own, so that one that is
 * slow or hangs delays no other; the worker keeps the deadlines, and kills
 * this process when one is missed.  When the worker goes, the socket closes
 * and the process exits.
 */

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_arguments.h"
#include "caphealth_confine.h"
#include "caphealth_fleet.h"
#include "caphealth_ipc.h"
#include "caphealth_log.h"
#include "caphealth_notifier.h"
#include "caphealth_recorder.h"
#include "caphealth_source.h"
#include "caphealth_thread.h"
#include "caphealth_walk.h"


/* files of an upload that has not ended after so many seconds are removed */
#define CAPHEALTH_LEFTOVER  3600


typedef struct caphealth_source_thread_s  caphealth_source_thread_t;


typedef struct {
    const char      *type;
    int            (*create)(caphealth_source_thread_t *st,
                             const json_t *settings,
                             double timeout);
    const char    *(*collect)(caphealth_source_thread_t *st,
                              caphealth_answer_t *a);
                                             /* returns what is behind the
                                                answer, or NULL; NULL: it is a
                                                tree's */
    caphealth_source_e  source;
} caphealth_source_ops_t;


struct caphealth_source_thread_s {
    const caphealth_source_ops_t  *type;
    void                         *source;
    uint32_t                      number;
    caphealth_fleet_client_t     *fleet;     /* NULL: there is none */
    atomic_uint_fast64_t          serial;
    atomic_uint_fast32_t          slice;     /* of a tree */
    sem_t                         asked;
};


typedef struct {
    caphealth_source_thread_t    *elts;
    size_t                        nelts;
    caphealth_recorder_t         *recorder;  /* NULL: no history is kept */
    caphealth_notifiers_t        *notifiers; /* NULL: there is no receiver */
    caphealth_fleet_client_t     *fleet;     /* NULL: there is none */
} caphealth_source_threads_t;


static int caphealth_serve(caphealth_source_threads_t *threads);
static int caphealth_configure(caphealth_source_threads_t *threads, int fd);
static json_t *caphealth_settings(int fd);
static int caphealth_fleet_start(caphealth_source_threads_t *threads,
    const json_t *settings, double timeout);
static const json_t *caphealth_source_settings(const json_t *settings,
    caphealth_source_e type);
static int caphealth_history_start(caphealth_source_threads_t *threads,
    const json_t *settings);
static int caphealth_notify_start(caphealth_source_threads_t *threads,
    const json_t *settings);
static int caphealth_record(caphealth_source_threads_t *threads, int fd);
static int caphealth_count(caphealth_source_threads_t *threads,
    const caphealth_ipc_message_t *m, int fd);
static int caphealth_finish(caphealth_source_threads_t *threads, int fd);
static void caphealth_send_counted(uint64_t serial,
    const caphealth_counted_t *counted, size_t n);
static void caphealth_record_fleet(caphealth_source_threads_t *threads,
    caphealth_record_t *record);
static void caphealth_send_past(const caphealth_history_facts_t *facts);
static void caphealth_send_result(caphealth_notify_result_e result);
static int caphealth_source_thread_start(caphealth_source_thread_t *st,
    const json_t *settings, double timeout);
static void *caphealth_source_thread_run(void *data);
static void caphealth_source_thread_answer(caphealth_source_thread_t *st,
    uint64_t serial);
static void caphealth_source_thread_walk(caphealth_source_thread_t *st,
    uint64_t serial);
static void caphealth_source_thread_send(caphealth_source_thread_t *st,
    uint16_t type, uint64_t serial, const void *document, size_t size);
static int caphealth_source_thread_wake(caphealth_source_threads_t *threads,
    const caphealth_ipc_message_t *m);
static double caphealth_clock(clockid_t id);
static int caphealth_system_create(caphealth_source_thread_t *st,
    const json_t *settings, double timeout);
static const char *caphealth_system_collect(caphealth_source_thread_t *st,
    caphealth_answer_t *a);
static int caphealth_mount_create(caphealth_source_thread_t *st,
    const json_t *settings, double timeout);
static const char *caphealth_mount_collect(caphealth_source_thread_t *st,
    caphealth_answer_t *a);
static int caphealth_database_create(caphealth_source_thread_t *st,
    const json_t *settings, double timeout);
static const char *caphealth_database_collect(caphealth_source_thread_t *st,
    caphealth_answer_t *a);
static int caphealth_nodes_create(caphealth_source_thread_t *st,
    const json_t *settings, double timeout);
static const char *caphealth_nodes_collect(caphealth_source_thread_t *st,
    caphealth_answer_t *a);
static int caphealth_images_create(caphealth_source_thread_t *st,
    const json_t *settings, double timeout);


static const caphealth_source_ops_t  caphealth_source_ops[] = {
    { "system", caphealth_system_create, caphealth_system_collect,
      CAPHEALTH_SOURCE_SYSTEM },
    { "disk", caphealth_mount_create, caphealth_mount_collect,
      CAPHEALTH_SOURCE_DISK },
    { "database", caphealth_database_create, caphealth_database_collect,
      CAPHEALTH_SOURCE_DATABASE },
    { "images", caphealth_images_create, NULL, CAPHEALTH_SOURCE_IMAGES },
    { "fleet", caphealth_nodes_create, caphealth_nodes_collect,
      CAPHEALTH_SOURCE_FLEET },
    { NULL, NULL, NULL, CAPHEALTH_SOURCES }
};


int
main(int argc, char **argv)
{
    int                         rc;
    caphealth_source_threads_t  threads;

    rc = caphealth_arguments(argc, argv);
    if (rc != -1) {
        return rc;
    }

    memset(&threads, 0, sizeof(caphealth_source_threads_t));

    /*
     * _exit(), because another thread may hang in a mount, which exit()'s
     * handlers could wait for.
     */

    _exit(caphealth_serve(&threads));
}


static int
caphealth_serve(caphealth_source_threads_t *threads)
{
    int                      fd, rc;
    caphealth_ipc_message_t  m;

    caphealth_log_init();
    caphealth_confine();

    if (caphealth_ipc_send_type(CAPHEALTH_IPC_FD, CAPHEALTH_IPC_HELLO) == -1) {
        return 0;
    }

    for ( ;; ) {

        switch (caphealth_ipc_recv(CAPHEALTH_IPC_FD, &m, &fd)) {

        case CAPHEALTH_IPC_OK:
            break;

        case CAPHEALTH_IPC_CLOSED:
            if (threads->notifiers != NULL) {
                caphealth_notifiers_end(threads->notifiers);
            }

            if (threads->recorder != NULL) {
                caphealth_recorder_end(threads->recorder);
            }

            return 0;

        default:
            fprintf(stderr, "caphealth-collector: no message can be read "
                    "from the worker: %s\n", strerror(errno));
            return 1;
        }

        switch (m.type) {

        case CAPHEALTH_IPC_CONFIGURE:
            rc = caphealth_configure(threads, fd);
            break;

        case CAPHEALTH_IPC_COLLECT:
        case CAPHEALTH_IPC_SCAN:
            rc = caphealth_source_thread_wake(threads, &m);
            break;

        case CAPHEALTH_IPC_RECORD:
            rc = caphealth_record(threads, fd);
            break;

        case CAPHEALTH_IPC_COUNTS:
            rc = caphealth_count(threads, &m, fd);
            break;

        case CAPHEALTH_IPC_FINISH:
            rc = caphealth_finish(threads, fd);
            break;

        case CAPHEALTH_IPC_LOG:
            rc = dup2(fd, STDERR_FILENO);
            break;

        default:
            fprintf(stderr, "caphealth-collector: unknown message %d from "
                    "the worker\n", m.type);
            rc = -1;
        }

        if (fd != -1) {
            (void) close(fd);
        }

        if (rc == -1) {
            return 1;
        }
    }
}


static int
caphealth_configure(caphealth_source_threads_t *threads, int fd)
{
    size_t   i;
    double   timeout;
    json_t  *settings, *sources;

    if (threads->elts != NULL) {
        fprintf(stderr, "caphealth-collector: configured twice\n");
        return -1;
    }

    settings = caphealth_settings(fd);
    if (settings == NULL) {
        return -1;
    }

    timeout = json_number_value(json_object_get(settings, "timeout"));
    sources = json_object_get(settings, "sources");

    threads->nelts = json_array_size(sources);
    threads->elts = calloc(threads->nelts, sizeof(caphealth_source_thread_t));

    if (threads->elts == NULL) {
        fprintf(stderr, "caphealth-collector: no sources, or no memory\n");
        goto failed;
    }

    if (caphealth_fleet_start(threads, settings, timeout) == -1) {
        goto failed;
    }

    for (i = 0; i < threads->nelts; i++) {
        threads->elts[i].number = (uint32_t) i;
        threads->elts[i].fleet = threads->fleet;

        if (caphealth_source_thread_start(&threads->elts[i],
                                          json_array_get(sources, i), timeout)
            == -1)
        {
            goto failed;
        }
    }

    if (caphealth_history_start(threads, json_object_get(settings, "history"))
        == -1
        || caphealth_notify_start(threads, json_object_get(settings, "notify"))
           == -1)
    {
        goto failed;
    }

    if (threads->fleet != NULL && threads->recorder != NULL) {
        caphealth_fleet_copy_history(threads->fleet,
                                  caphealth_recorder_fleet(threads->recorder));
    }

    json_decref(settings);

    return 0;

failed:

    json_decref(settings);

    return -1;
}


static json_t *
caphealth_settings(int fd)
{
    void         *text;
    size_t        size;
    json_t       *settings;
    json_error_t  error;

    text = caphealth_ipc_map(fd, &size);
    if (text == NULL) {
        fprintf(stderr, "caphealth-collector: the settings cannot be read: "
                "%s\n", strerror(errno));
        return NULL;
    }

    settings = json_loadb(text, size, 0, &error);

    (void) munmap(text, size);

    if (settings == NULL) {
        /* the parser quotes what it read, which may be a password */
        fprintf(stderr, "caphealth-collector: the settings are not JSON, "
                "at byte %d\n", error.position);
    }

    return settings;
}


/* the database's source and the fleet's share it */

static int
caphealth_fleet_start(caphealth_source_threads_t *threads,
    const json_t *settings, double timeout)
{
    const json_t  *fleet, *database;

    fleet = caphealth_source_settings(settings, CAPHEALTH_SOURCE_FLEET);
    database = caphealth_source_settings(settings, CAPHEALTH_SOURCE_DATABASE);

    if (fleet == NULL) {
        return 0;
    }

    threads->fleet = caphealth_fleet_create(
                      json_string_value(json_object_get(fleet, "url")),
                      json_object_get(settings, "fleet"),
                      json_number_value(json_object_get(fleet, "interval")),
                      database, timeout);

    if (threads->fleet == NULL) {
        fprintf(stderr, "caphealth-collector: the fleet cannot be set up: "
                "%s\n", strerror(errno));
        return -1;
    }

    caphealth_fleet_counted(threads->fleet, caphealth_send_counted);

    return 0;
}


/* of the only source of a type; NULL: there is none */

static const json_t *
caphealth_source_settings(const json_t *settings, caphealth_source_e type)
{
    size_t         i;
    const char    *name;
    const json_t  *sources, *source;

    sources = json_object_get(settings, "sources");

    for (i = 0; i < json_array_size(sources); i++) {
        source = json_array_get(sources, i);
        name = json_string_value(json_object_get(source, "type"));

        if (name != NULL
            && strcmp(name, caphealth_source_types[type].name) == 0)
        {
            return source;
        }
    }

    return NULL;
}


/* settings may be NULL: none is kept */

static int
caphealth_history_start(caphealth_source_threads_t *threads,
    const json_t *settings)
{
    const char  *path;

    path = json_string_value(json_object_get(settings, "path"));

    if (path == NULL) {
        return 0;
    }

    threads->recorder = caphealth_recorder_create(path,
             json_integer_value(json_object_get(settings, "size")),
             json_number_value(json_object_get(settings, "refresh")),
             caphealth_send_past);

    if (threads->recorder == NULL) {
        fprintf(stderr, "caphealth-collector: the history cannot be set up: "
                "%s\n", strerror(errno));
        return -1;
    }

    return 0;
}


/* settings may be NULL: there is no receiver */

static int
caphealth_notify_start(caphealth_source_threads_t *threads,
    const json_t *settings)
{
    const char  *node;

    if (settings == NULL) {
        return 0;
    }

    node = json_string_value(json_object_get(settings, "node"));

    threads->notifiers = caphealth_notifiers_create(
                   json_object_get(settings, "receivers"), node ? node : "",
                   json_string_value(json_object_get(settings, "path")),
                   caphealth_send_result);

    if (threads->notifiers == NULL) {
        fprintf(stderr, "caphealth-collector: the notifications cannot be "
                "set up: %s\n", strerror(errno));
        return -1;
    }

    return 0;
}


static int
caphealth_record(caphealth_source_threads_t *threads, int fd)
{
    void                      *data;
    size_t                     size;
    uint32_t                   own;
    const char                *wrong;
    static caphealth_record_t  record;

    data = caphealth_ipc_map(fd, &size);
    if (data == NULL) {
        fprintf(stderr, "caphealth-collector: a record cannot be read: %s\n",
                strerror(errno));
        return -1;
    }

    wrong = caphealth_record_read(&record, data, size);

    (void) munmap(data, size);

    if (wrong != NULL
        || (threads->recorder == NULL && threads->notifiers == NULL
            && threads->fleet == NULL))
    {
        fprintf(stderr, "caphealth-collector: a record was %s: %s\n",
                wrong ? "invalid" : "unexpected",
                wrong ? wrong : "no history is kept, nobody is notified, and "
                                "there is no fleet");
        return -1;
    }

    if (threads->fleet != NULL) {
        caphealth_fleet_record(threads->fleet, &record);
    }

    if (threads->recorder != NULL) {
        caphealth_recorder_add(threads->recorder, &record);
    }

    if (threads->notifiers != NULL) {
        own = record.state;

        if (threads->fleet != NULL) {
            caphealth_record_fleet(threads, &record);
        }

        caphealth_notifiers_add(threads->notifiers, &record, own);
    }

    return 0;
}


static int
caphealth_count(caphealth_source_threads_t *threads,
    const caphealth_ipc_message_t *m, int fd)
{
    void    *text;
    size_t   size;
    json_t  *stores;

    text = caphealth_ipc_map(fd, &size);
    if (text == NULL) {
        fprintf(stderr, "caphealth-collector: counts cannot be read: %s\n",
                strerror(errno));
        return -1;
    }

    stores = json_loadb(text, size, 0, NULL);

    (void) munmap(text, size);

    if (threads->fleet == NULL || !json_is_array(stores)) {
        fprintf(stderr, "caphealth-collector: counts were %s\n",
                threads->fleet ? "invalid" : "sent, and there is no fleet");
        json_decref(stores);
        return -1;
    }

    caphealth_fleet_count(threads->fleet, stores, m->serial);

    return 0;
}


/* the worker that quits has started this process for this message only */

static int
caphealth_finish(caphealth_source_threads_t *threads, int fd)
{
    int                rc;
    json_t            *settings;
    caphealth_error_t  error;

    settings = caphealth_settings(fd);
    if (settings == NULL) {
        return -1;
    }

    memset(&error, 0, sizeof(caphealth_error_t));

    rc = caphealth_fleet_start(threads, settings,
                     json_number_value(json_object_get(settings, "timeout")));

    if (rc == 0 && threads->fleet != NULL
        && caphealth_fleet_finish(threads->fleet,
                                  json_object_get(settings, "stores"), &error)
           == -1)
    {
        fprintf(stderr, "caphealth-collector: the last changes of object "
                "stores were not stored: %s\n", error.text);
        rc = -1;
    }

    json_decref(settings);

    return rc == 0 ? caphealth_ipc_send_type(CAPHEALTH_IPC_FD,
                                             CAPHEALTH_IPC_FINISH)
                   : -1;
}


/* in the fleet's thread, before its facts are sent */

static void
caphealth_send_counted(uint64_t serial, const caphealth_counted_t *counted,
    size_t n)
{
    int                      fd;
    caphealth_ipc_message_t  m;

    fd = caphealth_ipc_memfd(counted, n * sizeof(caphealth_counted_t));

    if (fd == -1) {
        fprintf(stderr, "caphealth-collector: counts cannot be sent: %s\n",
                strerror(errno));
        return;
    }

    m = (caphealth_ipc_message_t) {
        .version = CAPHEALTH_IPC_VERSION,
        .type = CAPHEALTH_IPC_COUNTED,
        .serial = serial
    };

    (void) caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, fd);

    (void) close(fd);
}


/*
 * The holder of the lease tells the status of the platform, for all; a node
 * that is alone its own.
 */

static void
caphealth_record_fleet(caphealth_source_threads_t *threads,
    caphealth_record_t *record)
{
    caphealth_told_t           told;
    caphealth_fleet_role_e     role;
    caphealth_record_cause_t  *cause;

    role = caphealth_fleet_role(threads->fleet, &told);

    if (role == CAPHEALTH_FLEET_MEMBER) {
        caphealth_notifiers_mute(threads->notifiers);

    } else {
        caphealth_notifiers_unmute(threads->notifiers, &told,
                                   role == CAPHEALTH_FLEET_ALONE);

        caphealth_notifiers_told(threads->notifiers, &told);
        caphealth_fleet_tells(threads->fleet, &told);
    }

    if (role == CAPHEALTH_FLEET_ALONE) {
        record->platform = CAPHEALTH_OVERALL_NONE;
    }

    if (record->platform == CAPHEALTH_OVERALL_NONE) {
        return;
    }

    record->state = record->platform;
    record->ncauses = 0;

    if (record->platform_cause[0] == '\0') {
        return;
    }

    cause = &record->causes[record->ncauses++];

    memset(cause, 0, sizeof(caphealth_record_cause_t));

    cause->state = record->platform;
    cause->args = record->platform_args;
    memcpy(cause->text, record->platform_cause, sizeof(cause->text));
}


/* in the recorder's thread */

static void
caphealth_send_past(const caphealth_history_facts_t *facts)
{
    int                      fd;
    caphealth_ipc_message_t  m;

    fd = caphealth_ipc_memfd(facts, sizeof(caphealth_history_facts_t));

    if (fd == -1) {
        fprintf(stderr, "caphealth-collector: the past cannot be sent: %s\n",
                strerror(errno));
        return;
    }

    m = (caphealth_ipc_message_t) {
        .version = CAPHEALTH_IPC_VERSION,
        .type = CAPHEALTH_IPC_PAST
    };

    (void) caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, fd);

    (void) close(fd);
}


/* in a notifier's thread */

static void
caphealth_send_result(caphealth_notify_result_e result)
{
    caphealth_ipc_message_t  m;

    m = (caphealth_ipc_message_t) {
        .version = CAPHEALTH_IPC_VERSION,
        .type = CAPHEALTH_IPC_NOTIFIED,
        .value = result
    };

    (void) caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, -1);
}


static int
caphealth_source_thread_start(caphealth_source_thread_t *st,
    const json_t *settings, double timeout)
{
    int                            err;
    const char                    *name;
    const caphealth_source_ops_t  *type;

    name = json_string_value(json_object_get(settings, "type"));

    for (type = caphealth_source_ops; type->type != NULL; type++) {
        if (name != NULL && strcmp(type->type, name) == 0) {
            break;
        }
    }

    if (type->type == NULL) {
        fprintf(stderr, "caphealth-collector: unknown source \"%s\"\n",
                name == NULL ? "" : name);
        return -1;
    }

    st->type = type;

    if (type->create(st, settings, timeout) == -1
        || sem_init(&st->asked, 0, 0) == -1)
    {
        fprintf(stderr, "caphealth-collector: source \"%s\" cannot be set "
                "up: %s\n", name, strerror(errno));
        return -1;
    }

    err = caphealth_thread_start(caphealth_source_thread_run, st);

    if (err != 0) {
        fprintf(stderr, "caphealth-collector: pthread_create() failed: %s\n",
                strerror(err));
        return -1;
    }

    return 0;
}


static int
caphealth_source_thread_wake(caphealth_source_threads_t *threads,
    const caphealth_ipc_message_t *m)
{
    uint32_t                    source, slice;
    caphealth_source_thread_t  *st;

    source = m->value;
    slice = 0;

    if (m->type == CAPHEALTH_IPC_SCAN) {
        source = m->value & 0xffff;
        slice = m->value >> 16;
    }

    st = (source < threads->nelts) ? &threads->elts[source] : NULL;

    if (st == NULL || slice >= CAPHEALTH_SLICES
        || (st->type->collect == NULL) != (m->type == CAPHEALTH_IPC_SCAN))
    {
        fprintf(stderr, "caphealth-collector: asked by message %d for slice "
                "%u of source %u of %zu\n", m->type, slice, source,
                threads->nelts);
        return -1;
    }

    atomic_store(&st->slice, slice);
    atomic_store(&st->serial, m->serial);

    return sem_post(&st->asked);
}


static void *
caphealth_source_thread_run(void *data)
{
    caphealth_source_thread_t  *st = data;

    for ( ;; ) {

        while (sem_wait(&st->asked) == -1) {
            if (errno != EINTR) {
                _exit(1);
            }
        }

        if (st->type->collect == NULL) {
            caphealth_source_thread_walk(st, atomic_load(&st->serial));

        } else {
            caphealth_source_thread_answer(st, atomic_load(&st->serial));
        }
    }

    return NULL;
}


static void
caphealth_source_thread_answer(caphealth_source_thread_t *st, uint64_t serial)
{
    char               *document;
    double              start;
    size_t              size;
    const char         *behind;
    caphealth_answer_t  answer;

    memset(&answer, 0, sizeof(caphealth_answer_t));

    /* the age of facts is counted from the moment before they were read */

    answer.source = st->type->source;
    answer.collected_at = caphealth_clock(CLOCK_REALTIME);

    start = caphealth_clock(CLOCK_MONOTONIC);

    behind = st->type->collect(st, &answer);

    answer.duration = caphealth_clock(CLOCK_MONOTONIC) - start;

    size = (behind == NULL) ? 0 : caphealth_answer_behind(&answer);

    document = malloc(sizeof(caphealth_answer_t) + size);

    if (document != NULL) {
        memcpy(document, &answer, sizeof(caphealth_answer_t));
    }

    if (document != NULL && behind != NULL) {
        memcpy(document + sizeof(caphealth_answer_t), behind, size);
    }

    caphealth_source_thread_send(st, CAPHEALTH_IPC_FACTS, serial, document,
                                 sizeof(caphealth_answer_t) + size);

    free(document);
}


static void
caphealth_source_thread_walk(caphealth_source_thread_t *st, uint64_t serial)
{
    caphealth_walk_t           walk;
    caphealth_walk_settings_t  walker;

    walker = *(caphealth_walk_settings_t *) st->source;
    walker.before = caphealth_clock(CLOCK_REALTIME) - CAPHEALTH_LEFTOVER;

    /* old workers may still upload with other marks after a reload */

    walker.since += CAPHEALTH_LEFTOVER;

    (void) caphealth_walk(&walker, (unsigned) atomic_load(&st->slice),
                          &walk);

    caphealth_source_thread_send(st, CAPHEALTH_IPC_SCANNED, serial, &walk,
                                 sizeof(caphealth_walk_t));
}


static void
caphealth_source_thread_send(caphealth_source_thread_t *st, uint16_t type,
    uint64_t serial, const void *document, size_t size)
{
    int                      fd;
    caphealth_ipc_message_t  m;

    fd = (document == NULL) ? -1 : caphealth_ipc_memfd(document, size);

    if (fd == -1) {
        fprintf(stderr, "caphealth-collector: the facts of source \"%s\" "
                "cannot be sent: %s\n", st->type->type, strerror(errno));
        _exit(1);
    }

    m = (caphealth_ipc_message_t) {
        .version = CAPHEALTH_IPC_VERSION,
        .type = type,
        .value = st->number,
        .serial = serial
    };

    if (caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, fd) != CAPHEALTH_IPC_OK) {
        _exit(0);
    }

    (void) close(fd);
}


static double
caphealth_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static int
caphealth_system_create(caphealth_source_thread_t *st, const json_t *settings,
    double timeout)
{
    (void) settings;
    (void) timeout;

    st->source = caphealth_host_create("");

    return st->source == NULL ? -1 : 0;
}


static const char *
caphealth_system_collect(caphealth_source_thread_t *st, caphealth_answer_t *a)
{
    caphealth_host_collect(st->source, a);

    return NULL;
}


static int
caphealth_mount_create(caphealth_source_thread_t *st, const json_t *settings,
    double timeout)
{
    const char  *path;

    (void) timeout;

    path = json_string_value(json_object_get(settings, "path"));

    st->source = (path == NULL) ? NULL : strdup(path);

    return st->source == NULL ? -1 : 0;
}


static const char *
caphealth_mount_collect(caphealth_source_thread_t *st, caphealth_answer_t *a)
{
    caphealth_disk_collect(st->source, a);

    return NULL;
}


static int
caphealth_database_create(caphealth_source_thread_t *st,
    const json_t *settings, double timeout)
{
    const char  *url;

    url = json_string_value(json_object_get(settings, "url"));

    st->source = (url == NULL) ? NULL
                   : caphealth_db_create(url,
                                         json_object_get(settings, "queries"),
                                         timeout);

    return st->source == NULL ? -1 : 0;
}


static const char *
caphealth_database_collect(caphealth_source_thread_t *st,
    caphealth_answer_t *a)
{
    const char  *vendors;

    if (st->fleet == NULL) {
        return caphealth_db_collect(st->source, a);
    }

    if (caphealth_fleet_shop(st->fleet, a, &vendors)
        == CAPHEALTH_FLEET_LOOK)
    {
        vendors = caphealth_db_collect(st->source, a);
        caphealth_fleet_looked_at(st->fleet, a, vendors);
    }

    return vendors;
}


static int
caphealth_nodes_create(caphealth_source_thread_t *st, const json_t *settings,
    double timeout)
{
    (void) settings;
    (void) timeout;

    return st->fleet == NULL ? -1 : 0;
}


static const char *
caphealth_nodes_collect(caphealth_source_thread_t *st, caphealth_answer_t *a)
{
    return caphealth_fleet_collect(st->fleet, a);
}


static int
caphealth_images_create(caphealth_source_thread_t *st, const json_t *settings,
    double timeout)
{
    (void) timeout;

    st->source = caphealth_walk_settings(settings);

    return st->source == NULL ? -1 : 0;
}
