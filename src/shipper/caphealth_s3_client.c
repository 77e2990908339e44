
/*
 * A client of one object store.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <nettle/sha2.h>

#include "caphealth_s3_client.h"
#include "caphealth_version.h"


/* seconds: the first pause before another attempt, and the longest */
#define CAPHEALTH_S3_PAUSE      0.1
#define CAPHEALTH_S3_PAUSE_MAX  5.0

/* seconds to connect, and without a byte in either direction */
#define CAPHEALTH_S3_CONNECT    5.0
#define CAPHEALTH_S3_STALL      20L

/* no longer time to wait is believed */
#define CAPHEALTH_S3_AFTER_MAX  3600

#define CAPHEALTH_S3_URL                                                      \
    (CAPHEALTH_S3_ENDPOINT + CAPHEALTH_S3_BUCKET                              \
     + 3 * (CAPHEALTH_S3_PREFIX + CAPHEALTH_S3_KEY + CAPHEALTH_S3_TOKEN))

/* as the snippets that serve images have it */
#define CAPHEALTH_S3_CACHE_CONTROL                                            \
    "public, max-age=31536000, immutable"

#define CAPHEALTH_S3_META       "x-amz-meta-caphealth"
#define CAPHEALTH_S3_OWNER      "x-amz-meta-caphealth-owner"

/* of nothing */
#define CAPHEALTH_S3_EMPTY                                                    \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


_Static_assert(CAPHEALTH_S3_REASON >= CURL_ERROR_SIZE,
               "what libcurl says fits");


/* of a code with any status; retry: the same may succeed later */

typedef struct {
    const char               *code;
    caphealth_ship_status_e   status;
    int                       retry;
} caphealth_s3_meaning_t;


struct caphealth_s3_client_s {
    const caphealth_s3_store_t  *store;
    CURLM                       *multi;
    caphealth_s3_call_t         *waiting;    /* in order */
    caphealth_s3_call_t        **last;
    caphealth_s3_call_t         *running;
    unsigned                     nrunning;
    unsigned                     nwaiting;
    unsigned                     connections;
    unsigned                     most;       /* of them that are used now */
    unsigned                     answered;   /* since most has grown */
    double                       slowed;     /* when most was made smaller */
    double                       not_before; /* the store asked all to wait */
    int                          conditional;
    int                          outdated;
    struct stat                  resolver[2];
    caphealth_ship_requests_t    requests;
    char                         host[CAPHEALTH_S3_HOST];
    char                         base[CAPHEALTH_S3_HOST + sizeof("https://")];
    char                        *ca;
    size_t                       ca_len;
};


static char *caphealth_s3_read_certificates(size_t *len);
static void caphealth_s3_resolver(struct stat resolver[2]);
static int caphealth_s3_hash(int fd, uint64_t size,
    char hash[CAPHEALTH_S3_HASH]);
static void caphealth_s3_append(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call);
static int caphealth_s3_next(caphealth_s3_client_t *client, double now);
static int caphealth_s3_cancelled(caphealth_s3_client_t *client, double now);
static int caphealth_s3_ended(caphealth_s3_client_t *client);
static double caphealth_s3_wait(const caphealth_s3_client_t *client,
    double now, double seconds);
static void caphealth_s3_start(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, double now);
static int caphealth_s3_prepare(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, double now);
static int caphealth_s3_prepare_url(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, char path[CAPHEALTH_S3_PATH]);
static int caphealth_s3_add_encoded(char url[CAPHEALTH_S3_URL], size_t *len,
    const char *text, int slash);
static int caphealth_s3_prepare_headers(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, const char *path);
static int caphealth_s3_header(caphealth_s3_call_t *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static size_t caphealth_s3_on_read(char *buffer, size_t size, size_t n,
    void *data);
static int caphealth_s3_on_seek(void *data, curl_off_t offset, int origin);
static size_t caphealth_s3_on_body(char *text, size_t size, size_t n,
    void *data);
static size_t caphealth_s3_on_header(char *text, size_t size, size_t n,
    void *data);
static double caphealth_s3_time(const char *value, size_t len);
static void caphealth_s3_copy_value(char *to, size_t size, const char *value,
    size_t len);
static void caphealth_s3_finish(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, CURLcode rc);
static void caphealth_s3_count_request(caphealth_s3_client_t *client,
    const caphealth_s3_call_t *call);
static int caphealth_s3_judge(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, CURLcode rc);
static int caphealth_s3_judge_failure(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, CURLcode rc);
static void caphealth_s3_detail(caphealth_s3_call_t *call, const char *fmt,
    ...) __attribute__((format(printf, 2, 3)));
static void caphealth_s3_pace(caphealth_s3_client_t *client,
    const caphealth_s3_call_t *call, double now);
static double caphealth_s3_pause(const caphealth_s3_call_t *call);
static void caphealth_s3_release(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call);


/*
 * What stores other than S3 say is among them.  A body that was damaged on its
 * way is sent again.
 */

static const caphealth_s3_meaning_t  caphealth_s3_meanings[] = {
    { "AccessDenied", CAPHEALTH_SHIP_DENIED, 0 },
    { "AccountProblem", CAPHEALTH_SHIP_DENIED, 0 },
    { "AllAccessDisabled", CAPHEALTH_SHIP_DENIED, 0 },
    { "AuthorizationHeaderMalformed", CAPHEALTH_SHIP_DENIED, 0 },
    { "BadDigest", CAPHEALTH_SHIP_AWAY, 1 },
    { "ConditionalRequestConflict", CAPHEALTH_SHIP_AWAY, 1 },
    { "EntityTooLarge", CAPHEALTH_SHIP_FULL, 0 },
    { "ExpiredToken", CAPHEALTH_SHIP_DENIED, 0 },
    { "IllegalLocationConstraintException", CAPHEALTH_SHIP_DENIED, 0 },
    { "IncompleteBody", CAPHEALTH_SHIP_AWAY, 1 },
    { "InvalidAccessKeyId", CAPHEALTH_SHIP_DENIED, 0 },
    { "InvalidBucketName", CAPHEALTH_SHIP_DENIED, 0 },
    { "InvalidBucketState", CAPHEALTH_SHIP_DENIED, 0 },
    { "InvalidToken", CAPHEALTH_SHIP_DENIED, 0 },
    { "NoSuchBucket", CAPHEALTH_SHIP_DENIED, 0 },
    { "OperationAborted", CAPHEALTH_SHIP_AWAY, 1 },
    { "PermanentRedirect", CAPHEALTH_SHIP_DENIED, 0 },
    { "QuotaExceeded", CAPHEALTH_SHIP_FULL, 0 },
    { "RequestTimeTooSkewed", CAPHEALTH_SHIP_DENIED, 0 },
    { "RequestTimeout", CAPHEALTH_SHIP_AWAY, 1 },
    { "SignatureDoesNotMatch", CAPHEALTH_SHIP_DENIED, 0 },
    { "SlowDown", CAPHEALTH_SHIP_AWAY, 1 },
    { "TokenRefreshRequired", CAPHEALTH_SHIP_DENIED, 0 },
    { "XAmzContentSHA256Mismatch", CAPHEALTH_SHIP_AWAY, 1 },
    { "XMinioAdminBucketQuotaExceeded", CAPHEALTH_SHIP_FULL, 0 },
    { "XMinioStorageFull", CAPHEALTH_SHIP_FULL, 0 }
};

#define CAPHEALTH_S3_MEANINGS                                                 \
    (sizeof(caphealth_s3_meanings) / sizeof(caphealth_s3_meanings[0]))


caphealth_s3_client_t *
caphealth_s3_client_create(const caphealth_s3_store_t *store,
    unsigned connections, const char *ca, size_t ca_len)
{
    size_t                  scheme;
    const char             *host;
    caphealth_s3_client_t  *client;

    client = calloc(1, sizeof(caphealth_s3_client_t));
    if (client == NULL) {
        return NULL;
    }

    client->store = store;
    client->connections = connections;
    client->most = connections;
    client->conditional = 1;
    client->last = &client->waiting;
    client->multi = curl_multi_init();

    host = strstr(store->endpoint, "://") + 3;
    scheme = (size_t) (host - store->endpoint);

    (void) caphealth_s3_store_host(store, client->host);
    (void) snprintf(client->base, sizeof(client->base), "%s%s",
                    scheme == sizeof("https://") - 1 ? "https://" : "http://",
                    client->host);

    caphealth_s3_resolver(client->resolver);

    if (scheme == sizeof("https://") - 1) {

        if (ca != NULL) {
            client->ca = malloc(ca_len);
            client->ca_len = ca_len;

            if (client->ca != NULL) {
                memcpy(client->ca, ca, ca_len);
            }

        } else {
            client->ca = caphealth_s3_read_certificates(&client->ca_len);
        }
    }

    if (client->multi == NULL || (ca != NULL && client->ca == NULL
                                  && scheme == sizeof("https://") - 1))
    {
        caphealth_s3_client_free(client);
        return NULL;
    }

    (void) curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
                             (long) connections);

    return client;
}


void
caphealth_s3_client_free(caphealth_s3_client_t *client)
{
    if (client->multi != NULL) {
        (void) curl_multi_cleanup(client->multi);
    }

    free(client->ca);
    free(client);
}


/*
 * Where libcurl looks for them, read once: a confined process could not.
 * Without any, no certificate is trusted.
 */

static char *
caphealth_s3_read_certificates(size_t *len)
{
    char                    *text;
    FILE                    *file;
    struct stat              st;
    curl_version_info_data  *info;

    *len = 0;
    text = NULL;
    info = curl_version_info(CURLVERSION_NOW);
    file = info->cainfo ? fopen(info->cainfo, "re") : NULL;

    if (file != NULL && fstat(fileno(file), &st) == 0 && st.st_size > 0) {
        text = malloc((size_t) st.st_size);
        *len = text ? fread(text, 1, (size_t) st.st_size, file) : 0;
    }

    if (file != NULL) {
        (void) fclose(file);
    }

    return text;
}


static void
caphealth_s3_resolver(struct stat resolver[2])
{
    memset(resolver, 0, 2 * sizeof(struct stat));

    (void) stat("/etc/resolv.conf", &resolver[0]);
    (void) stat("/etc/hosts", &resolver[1]);
}


void
caphealth_s3_client_key(const caphealth_s3_client_t *client, const char *key,
    char *text, size_t size)
{
    (void) snprintf(text, size, "%s%s%s", client->store->prefix,
                    client->store->prefix[0] ? "/" : "", key);
}


int
caphealth_s3_client_requests(caphealth_s3_client_t *client,
    caphealth_ship_requests_t *requests)
{
    static const caphealth_ship_requests_t  none;

    *requests = client->requests;
    client->requests = none;

    return memcmp(requests, &none, sizeof(none)) != 0;
}


int
caphealth_s3_client_conditional(const caphealth_s3_client_t *client)
{
    return client->conditional;
}


int
caphealth_s3_client_outdated(const caphealth_s3_client_t *client)
{
    return client->outdated;
}


double
caphealth_s3_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/* of the first size bytes; EIO: there are fewer */

static int
caphealth_s3_hash(int fd, uint64_t size, char hash[CAPHEALTH_S3_HASH])
{
    ssize_t            n;
    uint8_t            digest[SHA256_DIGEST_SIZE], bytes[16384];
    uint64_t           offset;
    struct sha256_ctx  ctx;

    sha256_init(&ctx);

    for (offset = 0; offset < size; offset += (uint64_t) n) {

        n = pread(fd, bytes, size - offset < sizeof(bytes)
                             ? (size_t) (size - offset) : sizeof(bytes),
                  (off_t) offset);

        if (n == -1 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }

        sha256_update(&ctx, (size_t) n, bytes);
    }

    sha256_digest(&ctx, sizeof(digest), digest);
    caphealth_s3_hex(digest, sizeof(digest), hash);

    return 0;
}


void
caphealth_s3_call(caphealth_s3_client_t *client, caphealth_s3_call_t *call)
{
    call->attempts = 0;
    call->doubtful = 0;
    call->cancelled = 0;
    call->not_before = 0;
    call->unmatched = 0;
    call->http = 0;
    call->retry_after = 0;
    call->curl = NULL;
    call->headers = NULL;
    call->code[0] = '\0';
    call->hash[0] = '\0';

    caphealth_s3_append(client, call);
}


static void
caphealth_s3_append(caphealth_s3_client_t *client, caphealth_s3_call_t *call)
{
    call->next = NULL;
    *client->last = call;
    client->last = &call->next;
    client->nwaiting++;
}


void
caphealth_s3_cancel(caphealth_s3_call_t *call, double seconds)
{
    call->cancelled = 1;
    call->cancel_at = caphealth_s3_now() + seconds;
}


int
caphealth_s3_client_run(caphealth_s3_client_t *client, int s, double seconds)
{
    int                 n;
    double              now;
    struct curl_waitfd  fd;

    now = caphealth_s3_now();

    while (caphealth_s3_cancelled(client, now)
           || caphealth_s3_next(client, now))
    {
        /* void */
    }

    if (curl_multi_perform(client->multi, &n) != CURLM_OK) {
        return -1;
    }

    memset(&fd, 0, sizeof(struct curl_waitfd));
    fd.fd = s;
    fd.events = CURL_WAIT_POLLIN;

    /* what has ended already may have begun something else */

    seconds = caphealth_s3_ended(client)
              ? 0 : caphealth_s3_wait(client, now, seconds);

    if (curl_multi_poll(client->multi, &fd, s == -1 ? 0 : 1,
                        (int) (seconds * 1000) + (seconds > 0), NULL)
        != CURLM_OK
        || curl_multi_perform(client->multi, &n) != CURLM_OK)
    {
        return -1;
    }

    (void) caphealth_s3_ended(client);

    return fd.revents ? 1 : 0;
}


/* takes up what has ended; 0: nothing has */

static int
caphealth_s3_ended(caphealth_s3_client_t *client)
{
    int                   n, ended;
    CURLMsg              *message;
    caphealth_s3_call_t  *call;

    ended = 0;

    while ((message = curl_multi_info_read(client->multi, &n)) != NULL) {

        if (message->msg == CURLMSG_DONE
            && curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call)
               == CURLE_OK)
        {
            caphealth_s3_finish(client, call, message->data.result);
            ended = 1;
        }
    }

    return ended;
}


/* until something is due */

static double
caphealth_s3_wait(const caphealth_s3_client_t *client, double now,
    double seconds)
{
    double                      due;
    const caphealth_s3_call_t  *call;

    for (call = client->running; call != NULL; call = call->next) {
        if (call->cancelled && call->cancel_at - now < seconds) {
            seconds = call->cancel_at - now;
        }
    }

    for (call = client->waiting; call != NULL; call = call->next) {

        due = call->not_before;

        if (due < client->not_before) {
            due = client->not_before;
        }

        if (client->nrunning >= client->most || due > call->deadline) {
            due = call->deadline;
        }

        if (due - now < seconds) {
            seconds = due - now;
        }
    }

    return seconds > 0 ? seconds : 0;
}


/* starts one call, or ends one whose time is over; 0: there is none such */

static int
caphealth_s3_next(caphealth_s3_client_t *client, double now)
{
    int                    due;
    caphealth_s3_call_t   *call, **link;

    for (link = &client->waiting; *link != NULL; link = &(*link)->next) {
        call = *link;

        due = now >= call->not_before && now >= client->not_before
              && client->nrunning < client->most;

        if (!due && now < call->deadline && !call->cancelled) {
            continue;
        }

        *link = call->next;
        client->nwaiting--;

        if (*link == NULL) {
            client->last = link;
        }

        if (call->cancelled || now >= call->deadline) {

            /* what the last attempt said is the reason, if there was one */

            if (call->attempts == 0 || call->cancelled) {
                call->status = CAPHEALTH_SHIP_AWAY;
                caphealth_s3_detail(call, call->cancelled
                                          ? "it was cancelled"
                                          : "the store did not answer in "
                                            "time");
            }

            call->done(call);

        } else {
            caphealth_s3_start(client, call, now);
        }

        return 1;
    }

    return 0;
}


/* ends one that was cancelled, and whose time is over; 0: there is none */

static int
caphealth_s3_cancelled(caphealth_s3_client_t *client, double now)
{
    caphealth_s3_call_t  *call;

    for (call = client->running; call != NULL; call = call->next) {
        if (call->cancelled && now >= call->cancel_at) {
            caphealth_s3_finish(client, call, CURLE_ABORTED_BY_CALLBACK);
            return 1;
        }
    }

    return 0;
}


static void
caphealth_s3_start(caphealth_s3_client_t *client, caphealth_s3_call_t *call,
    double now)
{
    call->attempts++;
    call->started = now;
    call->offset = 0;
    call->nbody = 0;
    call->damaged = 0;
    call->error = 0;
    call->http = 0;
    call->length = UINT64_MAX;
    call->etag[0] = '\0';
    call->found[0] = '\0';
    call->owned[0] = '\0';
    call->modified = 0;
    call->date = 0;
    call->code[0] = '\0';
    call->retry_after = 0;
    call->reason[0] = '\0';
    call->headers = NULL;
    call->conditional = call->create && client->conditional;

    if (strcmp(call->method, "PUT") == 0 && call->hash[0] == '\0'
        && caphealth_s3_hash(call->fd, call->size, call->hash) == -1)
    {
        call->error = errno;
        call->status = CAPHEALTH_SHIP_READ;
        caphealth_s3_detail(call, "a file cannot be read: %s",
                            strerror(call->error));
        call->done(call);
        return;
    }

    if (call->begin) {
        call->begin(call);
    }

    call->curl = curl_easy_init();

    if (call->curl == NULL
        || caphealth_s3_prepare(client, call, now) == -1
        || curl_multi_add_handle(client->multi, call->curl) != CURLM_OK)
    {
        caphealth_s3_release(client, call);

        call->status = CAPHEALTH_SHIP_FAILED;
        caphealth_s3_detail(call, "no memory for a request");
        call->done(call);
        return;
    }

    call->next = client->running;
    client->running = call;
    client->nrunning++;
}


static int
caphealth_s3_prepare(caphealth_s3_client_t *client, caphealth_s3_call_t *call,
    double now)
{
    CURL              *curl;
    char               path[CAPHEALTH_S3_PATH];
    double             left;
    struct curl_blob   blob;

    curl = call->curl;
    left = call->deadline - now;

    (void) curl_easy_setopt(curl, CURLOPT_PRIVATE, call);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->reason);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                            (long) CURL_HTTP_VERSION_1_1);
    (void) curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                            (long) CURL_SSLVERSION_TLSv1_2);
    (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT,
                            "caphealth/" CAPHEALTH_VERSION);
    (void) curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                            (long) (left * 1000) + 1);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                            (long) (1000 * (left < CAPHEALTH_S3_CONNECT
                                            ? left : CAPHEALTH_S3_CONNECT))
                            + 1);
    (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, CAPHEALTH_S3_STALL);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, caphealth_s3_on_body);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION,
                            caphealth_s3_on_header);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);

    /* the name may have another address now: libcurl keeps the old one for a
       minute */

    if (call->attempts > 1) {
        (void) curl_easy_setopt(curl, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    }

    if (client->ca != NULL) {
        blob = (struct curl_blob) { client->ca, client->ca_len,
                                    CURL_BLOB_NOCOPY };

        if (curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK) {
            return -1;
        }

        (void) curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }

    if (strcmp(call->method, "HEAD") == 0) {
        (void) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);

    } else if (strcmp(call->method, "PUT") == 0) {
        (void) curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_READFUNCTION,
                                caphealth_s3_on_read);
        (void) curl_easy_setopt(curl, CURLOPT_READDATA, call);
        (void) curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION,
                                caphealth_s3_on_seek);
        (void) curl_easy_setopt(curl, CURLOPT_SEEKDATA, call);
        (void) curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                                (curl_off_t) call->size);

    } else if (strcmp(call->method, "GET") != 0
               && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method)
                  != CURLE_OK)
    {
        return -1;
    }

    if (caphealth_s3_prepare_url(client, call, path) == -1) {
        return -1;
    }

    return caphealth_s3_prepare_headers(client, call, path);
}


/* path becomes that of the URL, not encoded */

static int
caphealth_s3_prepare_url(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, char path[CAPHEALTH_S3_PATH])
{
    char                         url[CAPHEALTH_S3_URL];
    size_t                       i, len;
    const caphealth_s3_store_t  *store;

    store = client->store;

    if (call->key) {

        if (caphealth_s3_store_path(store, call->key, strlen(call->key), path)
            == 0)
        {
            return -1;
        }

    } else {
        (void) snprintf(path, CAPHEALTH_S3_PATH, "/%s",
                        store->virtual_host ? "" : store->bucket);
    }

    len = strlen(client->base);
    memcpy(url, client->base, len);

    if (caphealth_s3_add_encoded(url, &len, path, 1) == -1) {
        return -1;
    }

    for (i = 0; i < call->nquery; i++) {

        if (sizeof(url) - len < 2) {
            return -1;
        }

        url[len++] = i == 0 ? '?' : '&';

        if (caphealth_s3_add_encoded(url, &len, call->query[i].name, 0) == -1
            || sizeof(url) - len < 2)
        {
            return -1;
        }

        url[len++] = '=';

        if (caphealth_s3_add_encoded(url, &len, call->query[i].value, 0)
            == -1)
        {
            return -1;
        }
    }

    return curl_easy_setopt(call->curl, CURLOPT_URL, url) == CURLE_OK ? 0 : -1;
}


/* caphealth_s3_encode() returns 0 for an empty text, too */

static int
caphealth_s3_add_encoded(char url[CAPHEALTH_S3_URL], size_t *len,
    const char *text, int slash)
{
    size_t  n;

    url[*len] = '\0';
    n = caphealth_s3_encode(text, slash, url + *len, CAPHEALTH_S3_URL - *len);
    *len += n;

    return (n == 0 && *text != '\0') ? -1 : 0;
}


/*
 * The hash of a body is signed, over TLS too: the store then checks that what
 * it received is what was read here.
 */

static int
caphealth_s3_prepare_headers(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, const char *path)
{
    int                                put;
    char                               date[CAPHEALTH_S3_DATE];
    char                               text[1024];
    char                               owner[CAPHEALTH_OWNER_TEXT];
    size_t                             i, n;
    caphealth_s3_pair_t                headers[8];
    caphealth_s3_request_t             r;
    const caphealth_s3_credentials_t  *c;

    c = &client->store->credentials;
    put = (call->hash[0] != '\0');

    memset(&r, 0, sizeof(caphealth_s3_request_t));

    r.now = time(NULL);
    r.method = call->method;
    r.path = path;
    r.query = call->query;
    r.nquery = call->nquery;
    r.headers = headers;
    r.payload = put ? call->hash : CAPHEALTH_S3_EMPTY;
    r.service = "s3";

    caphealth_s3_date(r.now, date);

    n = 0;
    headers[n++] = (caphealth_s3_pair_t) { "host", client->host };
    headers[n++] = (caphealth_s3_pair_t) { "x-amz-content-sha256", r.payload };
    headers[n++] = (caphealth_s3_pair_t) { "x-amz-date", date };

    if (c->session[0]) {
        headers[n++] = (caphealth_s3_pair_t) { "x-amz-security-token",
                                               c->session };
    }

    /* no file changes; a CDN in front of the bucket serves this as it is */

    if (put) {
        headers[n++] = (caphealth_s3_pair_t) { "cache-control",
                                               CAPHEALTH_S3_CACHE_CONTROL };
    }

    if (put && call->type) {
        headers[n++] = (caphealth_s3_pair_t) { "content-type", call->type };
    }

    if (put && call->mark) {
        headers[n++] = (caphealth_s3_pair_t) { CAPHEALTH_S3_META, call->mark };
    }

    if (put && call->owner) {
        caphealth_owner_encode(call->owner, owner);
        headers[n++] = (caphealth_s3_pair_t) { CAPHEALTH_S3_OWNER, owner };
    }

    r.nheaders = n;

    if (caphealth_s3_authorization(c, &r, text, sizeof(text)) == 0) {
        return -1;
    }

    for (i = 0; i < n; i++) {
        if (caphealth_s3_header(call, "%s: %s", headers[i].name,
                                headers[i].value)
            == -1)
        {
            return -1;
        }
    }

    /* libcurl would wait a second for a 100 that not all stores send */

    if (caphealth_s3_header(call, "Authorization: %s", text) == -1
        || caphealth_s3_header(call, "Expect:") == -1
        || (call->conditional
            && caphealth_s3_header(call, "If-None-Match: *") == -1)
        || (call->match && !call->unmatched
            && caphealth_s3_header(call, "If-Match: %s", call->match) == -1))
    {
        return -1;
    }

    return curl_easy_setopt(call->curl, CURLOPT_HTTPHEADER, call->headers)
           == CURLE_OK ? 0 : -1;
}


static int
caphealth_s3_header(caphealth_s3_call_t *call, const char *fmt, ...)
{
    int                 n;
    char                line[CAPHEALTH_S3_SESSION + 64];
    va_list             args;
    struct curl_slist  *more;

    va_start(args, fmt);
    n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);

    more = (n < 0 || (size_t) n >= sizeof(line))
           ? NULL : curl_slist_append(call->headers, line);

    if (more == NULL) {
        return -1;
    }

    call->headers = more;

    return 0;
}


static size_t
caphealth_s3_on_read(char *buffer, size_t size, size_t n, void *data)
{
    ssize_t               got;
    uint64_t              left;
    caphealth_s3_call_t  *call = data;

    left = call->size - call->offset;
    n *= size;
    n = left < n ? (size_t) left : n;

    do {
        got = pread(call->fd, buffer, n, (off_t) call->offset);
    } while (got == -1 && errno == EINTR);

    if (got == -1 || (got == 0 && n > 0)) {
        call->error = got == -1 ? errno : EIO;
        return CURL_READFUNC_ABORT;
    }

    call->offset += (uint64_t) got;

    return (size_t) got;
}


static int
caphealth_s3_on_seek(void *data, curl_off_t offset, int origin)
{
    caphealth_s3_call_t  *call = data;

    if (origin != SEEK_SET || offset < 0
        || (uint64_t) offset > call->size)
    {
        return CURL_SEEKFUNC_FAIL;
    }

    /* libcurl sends it again, by another connection */

    call->doubtful |= (call->offset > 0);
    call->offset = (uint64_t) offset;

    return CURL_SEEKFUNC_OK;
}


static size_t
caphealth_s3_on_body(char *text, size_t size, size_t n, void *data)
{
    long                  http;
    size_t                room;
    caphealth_s3_call_t  *call = data;

    n *= size;

    (void) curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &http);

    if (http / 100 == 2) {

        if (call->body && call->body(call, text, n) == -1) {
            call->damaged = 1;
            return 0;
        }

        return n;
    }

    room = CAPHEALTH_S3_BODY - call->nbody;
    room = n < room ? n : room;

    memcpy(call->error_body + call->nbody, text, room);
    call->nbody += room;

    return n;
}


static size_t
caphealth_s3_on_header(char *text, size_t size, size_t n, void *data)
{
    char                  owner[CAPHEALTH_OWNER_TEXT];
    size_t                len;
    caphealth_s3_call_t  *call = data;

    n *= size;

    /* those of a 100 come first */

    len = sizeof("etag:") - 1;

    if (n > len && strncasecmp(text, "etag:", len) == 0) {
        caphealth_s3_copy_value(call->etag, sizeof(call->etag), text + len,
                                n - len);
    }

    len = sizeof(CAPHEALTH_S3_META ":") - 1;

    if (n > len && strncasecmp(text, CAPHEALTH_S3_META ":", len) == 0) {
        caphealth_s3_copy_value(call->found, sizeof(call->found), text + len,
                                n - len);
    }

    len = sizeof(CAPHEALTH_S3_OWNER ":") - 1;

    if (n > len && strncasecmp(text, CAPHEALTH_S3_OWNER ":", len) == 0) {
        owner[0] = '\0';
        caphealth_s3_copy_value(owner, sizeof(owner), text + len, n - len);

        if (caphealth_owner_decode(owner, call->owned) == -1) {
            call->owned[0] = '\0';
        }
    }

    len = sizeof("last-modified:") - 1;

    if (n > len && strncasecmp(text, "last-modified:", len) == 0) {
        call->modified = caphealth_s3_time(text + len, n - len);
    }

    len = sizeof("date:") - 1;

    if (n > len && strncasecmp(text, "date:", len) == 0) {
        call->date = caphealth_s3_time(text + len, n - len);
    }

    return n;
}


/* 0: it is none */

static double
caphealth_s3_time(const char *value, size_t len)
{
    char    text[64];
    time_t  t;

    text[0] = '\0';
    caphealth_s3_copy_value(text, sizeof(text), value, len);

    t = curl_getdate(text, NULL);

    return t > 0 ? (double) t : 0;
}


/* what does not fit is none */

static void
caphealth_s3_copy_value(char *to, size_t size, const char *value, size_t len)
{
    while (len > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        len--;
    }

    while (len > 0 && strchr(" \t\r\n", value[len - 1])) {
        len--;
    }

    if (len < size) {
        memcpy(to, value, len);
        to[len] = '\0';
    }
}


static void
caphealth_s3_finish(caphealth_s3_client_t *client, caphealth_s3_call_t *call,
    CURLcode rc)
{
    int                    retry;
    double                 now, pause;
    unsigned               attempts;
    caphealth_s3_call_t  **link;

    for (link = &client->running;
         *link != NULL && *link != call;
         link = &(*link)->next)
    {
        /* void */
    }

    *link = call->next;
    client->nrunning--;

    attempts = call->attempts;
    retry = caphealth_s3_judge(client, call, rc);

    /* libcurl has the same code for a file that cannot be read */

    if (call->attempts == attempts
        && (rc != CURLE_ABORTED_BY_CALLBACK || call->error))
    {
        caphealth_s3_count_request(client, call);
    }

    now = caphealth_s3_now();
    caphealth_s3_pace(client, call, now);

    caphealth_s3_release(client, call);

    if (!retry || call->cancelled) {
        call->done(call);
        return;
    }

    pause = caphealth_s3_pause(call);

    /* a store that is too busy is left alone by all */

    if (call->retry_after || strcmp(call->code, "SlowDown") == 0) {
        client->not_before = now + pause;
    }

    call->not_before = now + pause;

    if (call->not_before >= call->deadline) {
        call->done(call);
        return;
    }

    caphealth_s3_append(client, call);
}


/* an attempt that was neither cancelled nor one of what the store lacks */

static void
caphealth_s3_count_request(caphealth_s3_client_t *client,
    const caphealth_s3_call_t *call)
{
    curl_off_t                  sent;
    caphealth_ship_requests_t  *r;

    r = &client->requests;

    if (call->damaged) {
        r->damaged++;

    } else {
        r->results[call->status]++;
    }

    r->retries += (call->attempts > 1);

    if (curl_easy_getinfo(call->curl, CURLINFO_SIZE_UPLOAD_T, &sent)
        == CURLE_OK && sent > 0)
    {
        r->sent += (uint64_t) sent;
    }
}


/* sets the outcome of an attempt; returns 1 if another one may succeed */

static int
caphealth_s3_judge(caphealth_s3_client_t *client, caphealth_s3_call_t *call,
    CURLcode rc)
{
    int          retry;
    long         http, sent;
    curl_off_t   value;

    http = 0;
    sent = 0;

    (void) curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &http);
    (void) curl_easy_getinfo(call->curl, CURLINFO_REQUEST_SIZE, &sent);

    if (rc != CURLE_OK || call->damaged) {
        call->doubtful |= (sent > 0);
        return caphealth_s3_judge_failure(client, call, rc);
    }

    call->http = (unsigned) http;

    if (curl_easy_getinfo(call->curl, CURLINFO_RETRY_AFTER, &value) == CURLE_OK
        && value > 0 && value <= CAPHEALTH_S3_AFTER_MAX)
    {
        call->retry_after = (unsigned) value;
    }

    if (curl_easy_getinfo(call->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                          &value)
        == CURLE_OK && value >= 0)
    {
        call->length = (uint64_t) value;
    }

    if (http / 100 == 2) {

        if (call->end && call->end(call) == -1) {
            call->damaged = 1;
            call->status = CAPHEALTH_SHIP_AWAY;
            caphealth_s3_detail(call, "the store's answer is damaged");
            return 1;
        }

        /* every store sends one; another server may answer 200 to anything */

        if (call->etag[0] == '\0' && strcmp(call->method, "PUT") == 0) {
            call->doubtful = 1;
            call->status = CAPHEALTH_SHIP_DENIED;
            caphealth_s3_detail(call, "the answer %u to a PUT has no ETag",
                                call->http);
            return 0;
        }

        call->status = CAPHEALTH_SHIP_OK;
        call->detail[0] = '\0';
        return 0;
    }

    caphealth_s3_error_code(call->error_body, call->nbody, call->code);

    /* Swift, and others that are old, refuse If-None-Match */

    if (http == 501 && call->conditional) {
        client->conditional = 0;
        call->status = CAPHEALTH_SHIP_AWAY;
        call->attempts--;
        return 1;
    }

    if (http == 501 && call->match && !call->unmatched) {
        call->unmatched = 1;
        call->status = CAPHEALTH_SHIP_AWAY;
        call->attempts--;
        return 1;
    }

    call->status = caphealth_s3_status(call->method, call->http, call->code,
                                       &retry);

    caphealth_s3_detail(call, "the store answered %u%s%s", call->http,
                        call->code[0] ? ", " : "", call->code);

    /* of these it may have done what it was asked for */

    call->doubtful |= (http == 408 || (http / 100 == 5 && retry));

    return retry;
}


static int
caphealth_s3_judge_failure(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call, CURLcode rc)
{
    const char   *reason;
    struct stat   resolver[2];

    if (call->error) {
        call->status = CAPHEALTH_SHIP_READ;
        caphealth_s3_detail(call, "a file cannot be read: %s",
                            strerror(call->error));
        return 0;
    }

    call->status = CAPHEALTH_SHIP_AWAY;

    if (rc == CURLE_ABORTED_BY_CALLBACK && call->cancelled) {
        caphealth_s3_detail(call, "it was cancelled");
        return 0;
    }

    if (call->damaged) {
        caphealth_s3_detail(call, "the store's answer is damaged");
        return 1;
    }

    /* curl_easy_strerror() does not say what is wrong with a certificate */

    reason = ((rc == CURLE_PEER_FAILED_VERIFICATION
               || rc == CURLE_SSL_CACERT_BADFILE
               || rc == CURLE_SSL_CONNECT_ERROR)
              && call->reason[0]) ? call->reason : curl_easy_strerror(rc);

    caphealth_s3_detail(call, "the request to the store failed: %s", reason);

    switch (rc) {

    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        call->status = CAPHEALTH_SHIP_DENIED;
        return 0;

    case CURLE_SSL_CONNECT_ERROR:

        /* what OpenSSL and GnuTLS make of bytes that are not TLS */

        if (strstr(call->reason, "wrong version number")
            || strstr(call->reason, "packet length too long")
            || strstr(call->reason, "unexpected TLS packet"))
        {
            caphealth_s3_detail(call, "the store does not answer by TLS");
            call->status = CAPHEALTH_SHIP_DENIED;
            return 0;
        }

        return 1;

    /* a server that expects TLS answers with an alert */

    case CURLE_UNSUPPORTED_PROTOCOL:
        caphealth_s3_detail(call, "the store does not answer by HTTP, it may "
                            "expect TLS");
        call->status = CAPHEALTH_SHIP_DENIED;
        return 0;

    case CURLE_COULDNT_RESOLVE_HOST:
        caphealth_s3_resolver(resolver);

        if (resolver[0].st_ino != client->resolver[0].st_ino
            || resolver[0].st_dev != client->resolver[0].st_dev
            || resolver[1].st_ino != client->resolver[1].st_ino
            || resolver[1].st_dev != client->resolver[1].st_dev)
        {
            client->outdated = 1;
        }

        return 1;

    case CURLE_OUT_OF_MEMORY:
    case CURLE_URL_MALFORMAT:
        call->status = CAPHEALTH_SHIP_FAILED;
        return 0;

    default:
        return 1;
    }
}


caphealth_ship_status_e
caphealth_s3_status(const char *method, unsigned http, const char *code,
    int *retry)
{
    size_t  i;

    *retry = 0;

    if (http / 100 == 2) {
        return CAPHEALTH_SHIP_OK;
    }

    for (i = 0; i < CAPHEALTH_S3_MEANINGS; i++) {
        if (strcmp(caphealth_s3_meanings[i].code, code) == 0) {
            *retry = caphealth_s3_meanings[i].retry;
            return caphealth_s3_meanings[i].status;
        }
    }

    switch (http) {

    case 301:
    case 302:
    case 307:
    case 308:
    case 401:
    case 403:
        return CAPHEALTH_SHIP_DENIED;

    /* that a bucket is not there has a code, but not where there is no body */

    case 404:
    case 410:
        return strcmp(method, "PUT") == 0 ? CAPHEALTH_SHIP_DENIED
                                          : CAPHEALTH_SHIP_NOT_FOUND;

    case 412:
        return CAPHEALTH_SHIP_EXISTS;

    case 413:
    case 507:
        return CAPHEALTH_SHIP_FULL;

    case 501:
    case 505:
        return CAPHEALTH_SHIP_FAILED;

    case 408:
    case 425:
    case 429:
        *retry = 1;
        return CAPHEALTH_SHIP_AWAY;

    default:
        break;
    }

    if (http / 100 == 5) {
        *retry = 1;
        return CAPHEALTH_SHIP_AWAY;
    }

    return CAPHEALTH_SHIP_FAILED;
}


static void
caphealth_s3_detail(caphealth_s3_call_t *call, const char *fmt, ...)
{
    char     *p;
    va_list   args;

    va_start(args, fmt);
    (void) vsnprintf(call->detail, sizeof(call->detail), fmt, args);
    va_end(args);

    for (p = call->detail; *p; p++) {
        if (*p < ' ' || *p > '~') {
            *p = '?';
        }
    }
}


/*
 * A store that is too busy gets half as many requests at once, and one more
 * each time that it has answered as many.  Answers to requests that were sent
 * before that say nothing new.
 */

static void
caphealth_s3_pace(caphealth_s3_client_t *client,
    const caphealth_s3_call_t *call, double now)
{
    if (call->http == 429 || call->http == 503) {

        if (call->started > client->slowed) {
            client->slowed = now;
            client->answered = 0;
            client->most = client->most > 1 ? client->most / 2 : 1;
        }

        return;
    }

    if (call->http == 0 || client->most == client->connections) {
        return;
    }

    if (++client->answered >= client->most) {
        client->answered = 0;
        client->most++;
    }
}


/*
 * Doubled with each attempt, and by chance between half of it and all of it,
 * so that those who failed together do not come back together.
 */

static double
caphealth_s3_pause(const caphealth_s3_call_t *call)
{
    double    pause;
    unsigned  i;
    uint16_t  chance;

    pause = call->attempts ? CAPHEALTH_S3_PAUSE : 0;

    for (i = 1; i < call->attempts && pause < CAPHEALTH_S3_PAUSE_MAX; i++) {
        pause *= 2;
    }

    if (pause > CAPHEALTH_S3_PAUSE_MAX) {
        pause = CAPHEALTH_S3_PAUSE_MAX;
    }

    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK)
        != (ssize_t) sizeof(chance))
    {
        chance = 0;
    }

    pause *= 0.5 + 0.5 * (double) chance / UINT16_MAX;

    return pause > call->retry_after ? pause : call->retry_after;
}


static void
caphealth_s3_release(caphealth_s3_client_t *client, caphealth_s3_call_t *call)
{
    if (call->curl != NULL) {
        (void) curl_multi_remove_handle(client->multi, call->curl);
        curl_easy_cleanup(call->curl);
    }

    curl_slist_free_all(call->headers);

    call->curl = NULL;
    call->headers = NULL;
}
