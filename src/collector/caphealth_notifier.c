
/*
 * The notifiers.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <nettle/sha2.h>

#include "caphealth_log.h"
#include "caphealth_notifier.h"
#include "caphealth_notify_body.h"
#include "caphealth_notify_state.h"
#include "caphealth_path.h"
#include "caphealth_thread.h"
#include "caphealth_version.h"


/* milliseconds that a connection, and an attempt, may take */
#define CAPHEALTH_NOTIFIER_CONNECT  5000L
#define CAPHEALTH_NOTIFIER_TIMEOUT  10000L

/* seconds: the longest pause, the longest that a receiver may ask for, and the
   age at which a notification is not tried any more */
#define CAPHEALTH_NOTIFIER_PAUSE    600
#define CAPHEALTH_NOTIFIER_AFTER    3600
#define CAPHEALTH_NOTIFIER_AGE      86400

/* milliseconds between two checks whether the old collector has ended, and
   that the end is put off for an attempt under way */
#define CAPHEALTH_NOTIFIER_LOOK     500
#define CAPHEALTH_NOTIFIER_END      500

/* hexadecimal digits of the hash of a URL, with a NUL */
#define CAPHEALTH_NOTIFIER_HASH     17


typedef struct {
    caphealth_notifiers_t        *all;
    const char                   *url;
    const char                   *secret;    /* NULL: nothing is signed */
    const char                   *ca;        /* NULL: those of the system */
    const char                   *runbooks;  /* or NULL */
    const char                   *path;      /* of the file, or NULL */
    const char                   *lock;      /* of the one that is locked */
    int                           shown;     /* bytes of the URL, for the log */
    caphealth_notify_format_e     format;
    caphealth_notify_rules_t      rules;

    /* of the thread */

    caphealth_notify_t            told;
    caphealth_record_t            record;
    json_t                       *queue;
    double                        retry;     /* by CLOCK_MONOTONIC */
    int                           lockfd;    /* -1: it is not locked yet */
    int                           owner;     /* it is, or there is none */
    unsigned                      failed;    /* attempts, since the last that
                                                did not */
    int                           unsaved;   /* that is logged */
    int                           quiet;     /* it is muted */
    uint32_t                      state;     /* of this node */

    pthread_mutex_t               mutex;     /* of the rest */
    pthread_cond_t                changed;
    caphealth_record_t            added;
    uint32_t                      own;       /* this node's status with it */
    int                           records;   /* one was added */
    int                           muted;     /* another node tells */
    int                           alone;     /* this one tells for itself */
    int                           adopts;    /* what was told last: */
    caphealth_told_t              adopted;
    caphealth_told_t              published; /* what this one told */
    int                           ending;
    int                           ended;
} caphealth_notifier_t;


struct caphealth_notifiers_s {
    json_t                       *receivers;
    char                         *node;
    caphealth_notifier_result_pt  result;
    size_t                        n;
    caphealth_notifier_t          elts[CAPHEALTH_RECEIVERS];
};


static int caphealth_notifier_init(caphealth_notifier_t *n,
    const json_t *settings, const char *dir);
static int caphealth_notifier_start(caphealth_notifier_t *n);
static void *caphealth_notifier_run(void *data);
static int caphealth_notifier_wait(caphealth_notifier_t *n);
static void caphealth_notifier_fleet(caphealth_notifier_t *n);
static double caphealth_notifier_wake(const caphealth_notifier_t *n);
static void caphealth_notifier_own(caphealth_notifier_t *n);
static void caphealth_notifier_load(caphealth_notifier_t *n);
static char *caphealth_notifier_read(const char *path, size_t *len);
static void caphealth_notifier_save(caphealth_notifier_t *n);
static int caphealth_notifier_write(const char *path, const char *text);
static void caphealth_notifier_judge(caphealth_notifier_t *n);
static int caphealth_notifier_has_status(const caphealth_notifier_t *n);
static void caphealth_notifier_push(caphealth_notifier_t *n,
    const caphealth_notify_event_t *event);
static void caphealth_notifier_send(caphealth_notifier_t *n);
static long caphealth_notifier_post(caphealth_notifier_t *n,
    const json_t *note, unsigned attempt, char *error, double *after);
static struct curl_slist *caphealth_notifier_headers(
    const caphealth_notifier_t *n, const json_t *note, const char *body);
static size_t caphealth_notifier_discard(char *data, size_t size, size_t n,
    void *unused);
static double caphealth_notifier_clock(clockid_t id);


caphealth_notifiers_t *
caphealth_notifiers_create(const json_t *receivers, const char *node,
    const char *dir, caphealth_notifier_result_pt result)
{
    size_t                  i;
    caphealth_notifiers_t  *ns;

    ns = calloc(1, sizeof(caphealth_notifiers_t));
    if (ns == NULL) {
        return NULL;
    }

    /* a receiver that closes its connection is an error of that attempt */

    (void) signal(SIGPIPE, SIG_IGN);

    ns->receivers = json_deep_copy(receivers);
    ns->node = strdup(node);
    ns->result = result;

    if (ns->node == NULL || json_array_size(ns->receivers) == 0
        || json_array_size(ns->receivers) > CAPHEALTH_RECEIVERS
        || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    {
        errno = EINVAL;
        goto failed;
    }

    for (i = 0; i < json_array_size(ns->receivers); i++) {
        ns->elts[i].all = ns;

        if (caphealth_notifier_init(&ns->elts[i],
                                    json_array_get(ns->receivers, i), dir)
            == -1)
        {
            goto failed;
        }
    }

    ns->n = i;

    for (i = 0; i < ns->n; i++) {
        errno = caphealth_notifier_start(&ns->elts[i]);

        if (errno != 0) {
            /* one that has started uses it until the process exits */
            return NULL;
        }
    }

    return ns;

failed:

    json_decref(ns->receivers);
    free(ns->node);
    free(ns);

    return NULL;
}


static int
caphealth_notifier_init(caphealth_notifier_t *n, const json_t *settings,
    const char *dir)
{
    char               *path, *lock, hash[CAPHEALTH_NOTIFIER_HASH];
    size_t              i, len;
    uint8_t             digest[SHA256_DIGEST_SIZE];
    const json_t       *url;
    const char         *format;
    struct sha256_ctx   sha256;

    url = json_object_get(settings, "url");
    format = json_string_value(json_object_get(settings, "format"));

    if (!json_is_string(url) || format == NULL
        || caphealth_notify_format_find(format, strlen(format)) == -1
        || caphealth_receiver_check_url(json_string_value(url),
                                        json_string_length(url), &len)
           != NULL)
    {
        errno = EINVAL;
        return -1;
    }

    n->url = json_string_value(url);
    n->shown = (int) len;
    n->format = (caphealth_notify_format_e)
                caphealth_notify_format_find(format, strlen(format));
    n->secret = json_string_value(json_object_get(settings, "secret"));
    n->ca = json_string_value(json_object_get(settings, "ca"));
    n->runbooks = json_string_value(json_object_get(settings, "runbooks"));
    n->lockfd = -1;

    n->rules.kinds = (uint32_t)
                     json_integer_value(json_object_get(settings, "kinds"));
    n->rules.hold = json_number_value(json_object_get(settings, "hold"));
    n->rules.interval = json_number_value(json_object_get(settings,
                                                          "interval"));
    n->rules.remind = json_number_value(json_object_get(settings, "remind"));

    n->queue = json_array();

    if (n->queue == NULL) {
        errno = ENOMEM;
        return -1;
    }

    if (dir == NULL) {
        n->owner = 1;
        return 0;
    }

    /* the URL may be a secret, and it is no name of a file */

    sha256_init(&sha256);
    sha256_update(&sha256, json_string_length(url), (const uint8_t *) n->url);
    sha256_digest(&sha256, sizeof(digest), digest);

    for (i = 0; i < sizeof(hash) / 2; i++) {
        (void) sprintf(hash + 2 * i, "%02x", digest[i]);
    }

    if (asprintf(&path, "%s/notify-%s.json", dir, hash) == -1
        || asprintf(&lock, "%s/notify-%s.lock", dir, hash) == -1)
    {
        errno = ENOMEM;
        return -1;
    }

    n->path = path;
    n->lock = lock;

    return 0;
}


static int
caphealth_notifier_start(caphealth_notifier_t *n)
{
    caphealth_thread_cond_init(&n->changed);
    (void) pthread_mutex_init(&n->mutex, NULL);

    return caphealth_thread_start(caphealth_notifier_run, n);
}


void
caphealth_notifiers_add(caphealth_notifiers_t *ns,
    const caphealth_record_t *record, uint32_t own)
{
    size_t                 i;
    caphealth_notifier_t  *n;

    for (i = 0; i < ns->n; i++) {
        n = &ns->elts[i];

        (void) pthread_mutex_lock(&n->mutex);

        n->added = *record;
        n->own = own;
        n->records = 1;

        (void) pthread_cond_broadcast(&n->changed);
        (void) pthread_mutex_unlock(&n->mutex);
    }
}


void
caphealth_notifiers_mute(caphealth_notifiers_t *ns)
{
    size_t                 i;
    caphealth_notifier_t  *n;

    for (i = 0; i < ns->n; i++) {
        n = &ns->elts[i];

        (void) pthread_mutex_lock(&n->mutex);
        n->muted = 1;
        (void) pthread_mutex_unlock(&n->mutex);
    }
}


void
caphealth_notifiers_unmute(caphealth_notifiers_t *ns,
    const caphealth_told_t *told, int alone)
{
    size_t                 i;
    caphealth_notifier_t  *n;

    for (i = 0; i < ns->n; i++) {
        n = &ns->elts[i];

        (void) pthread_mutex_lock(&n->mutex);

        if (n->muted || (n->alone && !alone)) {
            n->muted = 0;
            n->adopts = 1;
            n->adopted = *told;

            if (told->state != CAPHEALTH_OVERALL_NONE) {
                n->published = *told;
            }
        }

        n->alone = alone;

        (void) pthread_mutex_unlock(&n->mutex);
    }
}


void
caphealth_notifiers_told(caphealth_notifiers_t *ns, caphealth_told_t *told)
{
    caphealth_notifier_t  *n;

    n = &ns->elts[0];

    (void) pthread_mutex_lock(&n->mutex);
    *told = n->published;
    (void) pthread_mutex_unlock(&n->mutex);
}


void
caphealth_notifiers_end(caphealth_notifiers_t *ns)
{
    size_t                 i;
    struct timespec        until;
    caphealth_notifier_t  *n;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);

    until.tv_nsec += CAPHEALTH_NOTIFIER_END * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    for (i = 0; i < ns->n; i++) {
        n = &ns->elts[i];

        (void) pthread_mutex_lock(&n->mutex);
        n->ending = 1;
        (void) pthread_cond_broadcast(&n->changed);
        (void) pthread_mutex_unlock(&n->mutex);
    }

    for (i = 0; i < ns->n; i++) {
        n = &ns->elts[i];

        (void) pthread_mutex_lock(&n->mutex);

        while (!n->ended
               && pthread_cond_timedwait(&n->changed, &n->mutex, &until) == 0)
        {
            /* void */
        }

        (void) pthread_mutex_unlock(&n->mutex);
    }
}


/*
 * During a reload there are two collectors: the new one tells nothing until the
 * one before has ended, and then goes on where that one stopped.
 */

static void *
caphealth_notifier_run(void *data)
{
    caphealth_notifier_t  *n = data;

    for ( ;; ) {

        if (!n->owner) {
            caphealth_notifier_own(n);
        }

        if (n->owner && json_array_size(n->queue) > 0
            && caphealth_notifier_clock(CLOCK_MONOTONIC) >= n->retry)
        {
            caphealth_notifier_send(n);
        }

        switch (caphealth_notifier_wait(n)) {

        case -1:
            (void) pthread_mutex_lock(&n->mutex);
            n->ended = 1;
            (void) pthread_cond_broadcast(&n->changed);
            (void) pthread_mutex_unlock(&n->mutex);

            return NULL;

        case 1:
            caphealth_notify_observe(&n->told, &n->record);
            caphealth_notify_observe_own(&n->told, n->state);
            /* fall through */

        default:
            if (n->owner && n->told.now != 0) {
                caphealth_notifier_judge(n);
            }
        }
    }
}


/* 1: n->record is a new one, 0: there is none, -1: this is the end */

static int
caphealth_notifier_wait(caphealth_notifier_t *n)
{
    int              rc;
    double           wake;
    struct timespec  until;

    wake = caphealth_notifier_wake(n);
    until.tv_sec = (time_t) wake;
    until.tv_nsec = (long) ((wake - (double) until.tv_sec) * 1e9);

    (void) pthread_mutex_lock(&n->mutex);

    while (!n->ending && !n->records
           && pthread_cond_timedwait(&n->changed, &n->mutex, &until) == 0)
    {
        /* void */
    }

    rc = n->ending ? -1 : n->records;

    if (n->records) {
        n->records = 0;
        n->record = n->added;
        n->state = n->own;
    }

    caphealth_notifier_fleet(n);

    (void) pthread_mutex_unlock(&n->mutex);

    return rc;
}


static void
caphealth_notifier_fleet(caphealth_notifier_t *n)
{
    const char  *node;

    n->quiet = n->muted;
    n->told.alone = n->alone && !n->muted;

    if (n->owner && !n->quiet && n->adopts) {
        n->adopts = 0;
        caphealth_notify_adopt(&n->told, &n->adopted, n->all->node);
    }

    if (!n->adopts || n->adopted.state == CAPHEALTH_OVERALL_NONE) {
        n->published.state = n->told.told;
        n->published.since = n->told.since;

        node = (n->told.before[0] == '\0') ? n->all->node : n->told.before;

        (void) snprintf(n->published.node, sizeof(n->published.node), "%.63s",
                        node);
    }
}


/* when there is something to do without a record */

static double
caphealth_notifier_wake(const caphealth_notifier_t *n)
{
    double  now;

    now = caphealth_notifier_clock(CLOCK_MONOTONIC);

    if (!n->owner) {
        return now + CAPHEALTH_NOTIFIER_LOOK / 1000.0;
    }

    return (json_array_size(n->queue) > 0) ? n->retry
                                           : now + CAPHEALTH_NOTIFIER_PAUSE;
}


/* a process that ends in any way gives up its lock */

static void
caphealth_notifier_own(caphealth_notifier_t *n)
{
    if (n->lockfd == -1) {
        n->lockfd = open(n->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                         0600);
    }

    if (n->lockfd == -1) {
        fprintf(stderr, "caphealth-collector: open() \"%s\" failed: %s; what "
                "was told is not remembered over a restart\n", n->lock,
                strerror(errno));
        n->path = NULL;
        n->owner = 1;
        return;
    }

    if (flock(n->lockfd, LOCK_EX | LOCK_NB) == -1) {
        return;
    }

    n->owner = 1;

    caphealth_notifier_load(n);
}


static void
caphealth_notifier_load(caphealth_notifier_t *n)
{
    char        *text;
    size_t       len;
    json_t      *queue;
    const char  *wrong;

    text = caphealth_notifier_read(n->path, &len);

    if (text == NULL) {
        if (errno != ENOENT) {
            fprintf(stderr, "caphealth-collector: \"%s\" cannot be read: %s; "
                    "a status may be told again\n", n->path, strerror(errno));
        }

        return;
    }

    wrong = caphealth_notify_load(&n->told, &queue, text, len,
                                  caphealth_notifier_clock(CLOCK_REALTIME));

    free(text);

    if (wrong != NULL) {
        fprintf(stderr, "caphealth-collector: \"%s\" is damaged (%s) and is "
                "begun anew; a status may be told again\n", n->path, wrong);
        return;
    }

    json_decref(n->queue);
    n->queue = queue;
}


/* NULL with errno set */

static char *
caphealth_notifier_read(const char *path, size_t *len)
{
    int      fd;
    char    *text;
    size_t   size;
    ssize_t  got;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd == -1) {
        return NULL;
    }

    size = CAPHEALTH_NOTIFY_FILE;
    text = malloc(size);
    *len = 0;

    while (text != NULL && *len < size) {
        got = read(fd, text + *len, size - *len);

        if (got == 0) {
            (void) close(fd);
            return text;
        }

        if (got == -1) {
            break;
        }

        *len += (size_t) got;
    }

    errno = (text != NULL && *len == size) ? EFBIG : errno;

    free(text);
    (void) close(fd);

    return NULL;
}


static void
caphealth_notifier_save(caphealth_notifier_t *n)
{
    char  *text;

    if (n->path == NULL) {
        return;
    }

    text = caphealth_notify_save(&n->told, n->queue);

    if (text == NULL) {
        errno = ENOMEM;
    }

    if (text == NULL || caphealth_notifier_write(n->path, text) == -1) {

        if (!n->unsaved) {
            fprintf(stderr, "caphealth-collector: \"%s\" cannot be written: "
                    "%s; after a restart a status may be told again\n",
                    n->path, strerror(errno));
        }

        n->unsaved = 1;

    } else {
        n->unsaved = 0;
    }

    free(text);
}


/* the file is whole at any moment; -1 with errno set */

static int
caphealth_notifier_write(const char *path, const char *text)
{
    int     fd, err;
    char   *new;
    size_t  len;

    if (asprintf(&new, "%s.new", path) == -1) {
        errno = ENOMEM;
        return -1;
    }

    len = strlen(text);
    fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
              0600);

    err = 0;

    if (fd == -1) {
        err = errno;

    } else {
        errno = ENOSPC;

        if (write(fd, text, len) != (ssize_t) len || fsync(fd) == -1) {
            err = errno;
        }

        (void) close(fd);
    }

    if (err == 0 && rename(new, path) == -1) {
        err = errno;
    }

    if (err != 0 && fd != -1) {
        (void) unlink(new);
    }

    free(new);
    errno = err;

    return (err == 0) ? 0 : -1;
}


/* a status is told when the one before has been delivered, or given up */

static void
caphealth_notifier_judge(caphealth_notifier_t *n)
{
    size_t                    waiting;
    uint32_t                  told, owed;
    caphealth_notify_event_t  event;

    told = n->told.told;
    owed = n->told.owed;
    waiting = json_array_size(n->queue);

    if (!caphealth_notifier_has_status(n)
        && json_array_size(n->queue) < CAPHEALTH_NOTIFY_QUEUE
        && (n->quiet
            ? caphealth_notify_take_back(&n->told, &n->rules, &event)
            : caphealth_notify_status(&n->told, &n->rules, &event)))
    {
        caphealth_notifier_push(n, &event);
    }

    while (!n->quiet && json_array_size(n->queue) < CAPHEALTH_NOTIFY_QUEUE
           && caphealth_notify_forecast(&n->told, &n->rules, &n->record,
                                        &event))
    {
        caphealth_notifier_push(n, &event);
    }

    if (told != n->told.told || owed != n->told.owed
        || waiting != json_array_size(n->queue))
    {
        caphealth_notifier_save(n);
    }
}


static int
caphealth_notifier_has_status(const caphealth_notifier_t *n)
{
    size_t  i;

    for (i = 0; i < json_array_size(n->queue); i++) {
        if (json_object_get(json_object_get(json_array_get(n->queue, i),
                                            "note"), "to")
            != NULL)
        {
            return 1;
        }
    }

    return 0;
}


static void
caphealth_notifier_push(caphealth_notifier_t *n,
    const caphealth_notify_event_t *event)
{
    char     id[CAPHEALTH_ID_LEN + 1];
    json_t  *entry;

    if (caphealth_id_create(id) == -1) {
        fprintf(stderr, "caphealth-collector: no notification, getrandom() "
                "failed: %s\n", strerror(errno));
        return;
    }

    entry = json_pack("{s:o, s:i, s:f}",
                      "note", caphealth_notify_note(id, n->all->node,
                                                    n->runbooks, event,
                                                    &n->record),
                      "attempts", 0,
                      "created", n->record.time);

    if (entry == NULL || json_array_append_new(n->queue, entry) == -1) {
        fprintf(stderr, "caphealth-collector: no memory for a notification\n");
    }
}


static void
caphealth_notifier_send(caphealth_notifier_t *n)
{
    char                        error[CURL_ERROR_SIZE];
    long                        status;
    double                      after, age, pause;
    json_t                     *entry;
    unsigned                    attempt;
    caphealth_notify_result_e   result;

    entry = json_array_get(n->queue, 0);
    attempt = (unsigned) json_integer_value(json_object_get(entry,
                                                            "attempts"))
              + 1;

    /* an attempt that is cut off may have been received, so it counts */

    (void) json_object_set_new(entry, "attempts", json_integer(attempt));
    caphealth_notifier_save(n);

    status = caphealth_notifier_post(n, json_object_get(entry, "note"),
                                     attempt, error, &after);

    result = caphealth_notifier_result(status);
    age = caphealth_notifier_clock(CLOCK_REALTIME)
          - json_number_value(json_object_get(entry, "created"));

    if (status != 0) {
        (void) snprintf(error, sizeof(error), "it answered with %ld%s", status,
                        (status >= 300 && status < 400)
                        ? ", and redirects are not followed" : "");
    }

    if (result == CAPHEALTH_NOTIFY_RETRIED && age > CAPHEALTH_NOTIFIER_AGE) {
        result = CAPHEALTH_NOTIFY_ABANDONED;
    }

    pause = 0;

    switch (result) {

    case CAPHEALTH_NOTIFY_DELIVERED:
        if (n->failed) {
            fprintf(stderr, CAPHEALTH_LOG_NOTICE
                    "caphealth-collector: a notification to \"%.*s\" "
                    "was delivered after %u attempts\n", n->shown, n->url,
                    attempt);
        }

        n->failed = 0;
        break;

    case CAPHEALTH_NOTIFY_RETRIED:
        pause = caphealth_notifier_pause(attempt);
        pause = (after > pause) ? after : pause;

        if (n->failed++ == 0) {
            fprintf(stderr, "caphealth-collector: a notification to \"%.*s\" "
                    "was not delivered: %s; it is tried again in %.0f s, for "
                    "a day\n", n->shown, n->url, error, pause);
        }

        break;

    default: /* CAPHEALTH_NOTIFY_ABANDONED */
        fprintf(stderr, "caphealth-collector: a notification to \"%.*s\" was "
                "not delivered and is not tried again: %s\n", n->shown,
                n->url, error);
    }

    n->retry = caphealth_notifier_clock(CLOCK_MONOTONIC) + pause;

    if (result != CAPHEALTH_NOTIFY_RETRIED) {
        (void) json_array_remove(n->queue, 0);
        caphealth_notifier_save(n);
    }

    n->all->result(result);
}


/* The HTTP status; 0 with the reason in error: there was no answer. */

static long
caphealth_notifier_post(caphealth_notifier_t *n, const json_t *note,
    unsigned attempt, char *error, double *after)
{
    char               *body;
    CURL               *curl;
    long                status;
    CURLcode            rc;
    curl_off_t          retry;
    struct curl_slist  *headers;

    *after = 0;
    status = 0;
    (void) snprintf(error, CURL_ERROR_SIZE, "there is no memory for it");

    curl = curl_easy_init();
    body = caphealth_notify_body(note, n->format, attempt,
                                 caphealth_notifier_clock(CLOCK_REALTIME),
                                 n->rules.remind);
    headers = (body == NULL) ? NULL
                             : caphealth_notifier_headers(n, note, body);

    if (curl == NULL || headers == NULL) {
        goto done;
    }

    error[0] = '\0';

    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                            (long) CURL_SSLVERSION_TLSv1_2);
    (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                            CAPHEALTH_NOTIFIER_CONNECT);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                            CAPHEALTH_NOTIFIER_TIMEOUT);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT,
                            "caphealth/" CAPHEALTH_VERSION);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION,
                            caphealth_notifier_discard);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long) strlen(body));
    (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);

    if (n->ca != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_CAINFO, n->ca);
    }

    if (curl_easy_setopt(curl, CURLOPT_URL, n->url) != CURLE_OK) {
        goto done;
    }

    rc = curl_easy_perform(curl);

    if (rc != CURLE_OK) {
        if (error[0] == '\0') {
            (void) snprintf(error, CURL_ERROR_SIZE, "%s",
                            curl_easy_strerror(rc));
        }

        goto done;
    }

    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);

    if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry) == CURLE_OK
        && retry > 0)
    {
        *after = (retry > CAPHEALTH_NOTIFIER_AFTER) ? CAPHEALTH_NOTIFIER_AFTER
                                                    : (double) retry;
    }

done:

    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    free(body);

    return status;
}


/* the key is a structured field (RFC 8941), a string in quotes */

static struct curl_slist *
caphealth_notifier_headers(const caphealth_notifier_t *n, const json_t *note,
    const char *body)
{
    char                line[128], signature[CAPHEALTH_NOTIFY_SIGNATURE];
    struct curl_slist  *headers, *more;

    headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers == NULL) {
        return NULL;
    }

    (void) snprintf(line, sizeof(line), "Idempotency-Key: \"%s\"",
                    json_string_value(json_object_get(note, "id")));

    more = curl_slist_append(headers, line);

    if (more != NULL && n->secret != NULL) {
        (void) snprintf(line, sizeof(line), "X-Caphealth-Signature: %s",
                        caphealth_notify_sign(signature, n->secret, body));

        more = curl_slist_append(more, line);
    }

    if (more == NULL) {
        curl_slist_free_all(headers);
    }

    return more;
}


static size_t
caphealth_notifier_discard(char *data, size_t size, size_t n, void *unused)
{
    (void) data;
    (void) unused;

    return size * n;
}


/* twice as long each time */

double
caphealth_notifier_pause(unsigned attempts)
{
    unsigned  pause;

    pause = (attempts > 10) ? CAPHEALTH_NOTIFIER_PAUSE
                            : 1u << (attempts > 0 ? attempts - 1 : 0);

    return (pause > CAPHEALTH_NOTIFIER_PAUSE) ? CAPHEALTH_NOTIFIER_PAUSE
                                              : pause;
}


caphealth_notify_result_e
caphealth_notifier_result(long status)
{
    if (status >= 200 && status < 300) {
        return CAPHEALTH_NOTIFY_DELIVERED;
    }

    /* Request Timeout, Too Early, Too Many Requests */

    if (status == 0 || status >= 500 || status == 408 || status == 425
        || status == 429)
    {
        return CAPHEALTH_NOTIFY_RETRIED;
    }

    return CAPHEALTH_NOTIFY_ABANDONED;
}


static double
caphealth_notifier_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}
