
/*
 * A converter at work: jobs in, results out, over a socket.
 */

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <nettle/sha2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caphealth_convert.h"
#include "caphealth_sched.h"
#include "caphealth_ipc.h"
#include "caphealth_sandbox.h"
#include "caphealth_serve.h"


/* memory is kept from one image to the next, and returned when idle */
#define CAPHEALTH_SERVE_LULL  1000
#define CAPHEALTH_SERVE_KEEP  (32 * 1024 * 1024)

/* bytes of the input that are hashed at once */
#define CAPHEALTH_SERVE_PIECE (4 * 1024 * 1024)


static int caphealth_serve_begin(int s);
static int caphealth_serve_complain(const char *call);
static void caphealth_serve_rest(int s);
static int caphealth_serve_job(int s, const caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo, const caphealth_limits_t *limits,
    uint64_t program);
static void caphealth_serve_convert(const caphealth_job_t *job,
    caphealth_ipc_cargo_t *cargo, caphealth_result_t *result);
static void caphealth_serve_sync(const caphealth_job_t *job,
    caphealth_ipc_cargo_t *cargo, caphealth_result_t *result);
static void caphealth_serve_drop(const uint8_t *data, size_t size);
static void caphealth_serve_hash(const uint8_t *data, size_t size,
    uint8_t *sha256);
static int caphealth_serve_write(void *ctx, unsigned variant,
    const uint8_t *data, size_t size);


int
caphealth_serve(int s)
{
    uint64_t                 program;
    caphealth_job_t          job;
    caphealth_limits_t       limits;
    caphealth_ipc_cargo_t    cargo;
    caphealth_ipc_result_e   rc;
    caphealth_ipc_message_t  m;

    if (caphealth_serve_begin(s) == -1) {
        return 1;
    }

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));

    cargo.body = &limits;
    cargo.size = sizeof(caphealth_limits_t);

    rc = caphealth_ipc_recv_cargo(s, &m, &cargo, 0);

    if (rc == CAPHEALTH_IPC_CLOSED) {
        return 0;
    }

    if (rc != CAPHEALTH_IPC_OK
        || m.version != CAPHEALTH_IPC_VERSION
        || m.type != CAPHEALTH_IPC_LIMITS
        || cargo.size != sizeof(caphealth_limits_t))
    {
        return caphealth_serve_complain("no limits were received");
    }

    if (caphealth_sandbox_limit(&limits) == -1) {
        return caphealth_serve_complain("its limits cannot be set");
    }

    if (caphealth_convert_warm_up() == -1) {
        return caphealth_serve_complain("a codec does not work");
    }

    program = caphealth_sandbox_program();

    if (limits.idle && caphealth_sched_idle() == -1) {
        limits.idle = 0;
    }

    if (caphealth_sandbox_close() == -1) {
        return caphealth_serve_complain("seccomp does not work here, and "
                                        "without it no image is decoded");
    }

    if (caphealth_ipc_send_type(s, CAPHEALTH_IPC_READY) == -1) {
        return 0;
    }

    for ( ;; ) {
        caphealth_serve_rest(s);

        cargo.body = &job;
        cargo.size = sizeof(caphealth_job_t);

        rc = caphealth_ipc_recv_cargo(s, &m, &cargo, CAPHEALTH_IPC_FDS);

        if (rc != CAPHEALTH_IPC_OK) {
            return rc == CAPHEALTH_IPC_CLOSED ? 0 : 1;
        }

        if (caphealth_serve_job(s, &m, &cargo, &limits, program) == -1) {
            return 1;
        }
    }
}


static int
caphealth_serve_begin(int s)
{
    /* a file that cannot grow is an error to report, not a reason to die */

    (void) signal(SIGXFSZ, SIG_IGN);
    (void) signal(SIGPIPE, SIG_IGN);

    /* glibc's own largest threshold: what is larger comes and goes */

    (void) mallopt(M_MMAP_THRESHOLD, CAPHEALTH_SERVE_KEEP);
    (void) mallopt(M_TRIM_THRESHOLD, INT_MAX);

    return caphealth_ipc_send_type(s, CAPHEALTH_IPC_HELLO);
}


static int
caphealth_serve_complain(const char *reason)
{
    fprintf(stderr, "caphealth-converter: %s (%s)\n", reason,
            strerror(errno));

    return 1;
}


static void
caphealth_serve_rest(int s)
{
    struct pollfd  fd;

    fd.fd = s;
    fd.events = POLLIN;

    if (poll(&fd, 1, CAPHEALTH_SERVE_LULL) == 0) {
        (void) malloc_trim(0);
    }
}


static int
caphealth_serve_job(int s, const caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo, const caphealth_limits_t *limits,
    uint64_t program)
{
    caphealth_job_t          *job;
    caphealth_result_t        result;
    caphealth_ipc_cargo_t     answer;
    caphealth_ipc_result_e    rc;
    caphealth_ipc_message_t   am;

    job = cargo->body;

    if (m->type != CAPHEALTH_IPC_CONVERT
        || cargo->size != sizeof(caphealth_job_t)
        || !caphealth_job_valid(job)
        || cargo->nfds != job->nvariants + 1)
    {
        caphealth_ipc_close(cargo);
        return -1;
    }

    memset(&result, 0, sizeof(caphealth_result_t));

    job->memory = program ? limits->memory : 0;
    job->program = program;

    caphealth_sandbox_cpu(limits->cpu);

    if (limits->idle) {
        caphealth_sched_yield_start();
    }

    caphealth_serve_convert(job, cargo, &result);

    if (limits->idle) {
        caphealth_sched_yield_stop();
    }

    if (result.status == CAPHEALTH_JOB_OK) {
        caphealth_serve_sync(job, cargo, &result);
    }

    caphealth_ipc_close(cargo);

    am = *m;
    am.type = CAPHEALTH_IPC_CONVERTED;

    memset(&answer, 0, sizeof(caphealth_ipc_cargo_t));
    answer.body = &result;
    answer.size = sizeof(caphealth_result_t);

    rc = caphealth_ipc_send_cargo(s, &am, &answer);

    return rc == CAPHEALTH_IPC_OK ? 0 : -1;
}


static void
caphealth_serve_convert(const caphealth_job_t *job,
    caphealth_ipc_cargo_t *cargo, caphealth_result_t *result)
{
    size_t    slack, size;
    uint8_t  *map;

    /* a mapping begins at a page, which has 64k on some machines */

    slack = (size_t) job->offset & 65535;
    size = (size_t) job->length + slack;

    map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, cargo->fds[0],
               (off_t) (job->offset - slack));

    if (map == MAP_FAILED) {
        result->status = errno == ENOMEM ? CAPHEALTH_JOB_NO_MEMORY
                                         : CAPHEALTH_JOB_READ;
        result->error = (uint32_t) errno;
        return;
    }

    if (caphealth_convert(job, map + slack, (size_t) job->length,
                          caphealth_serve_drop, caphealth_serve_write, cargo,
                          result)
        == CAPHEALTH_JOB_OK)
    {
        caphealth_serve_hash(map + slack, (size_t) job->length,
                             result->sha256);
    }

    (void) munmap(map, size);
}


static void
caphealth_serve_sync(const caphealth_job_t *job, caphealth_ipc_cargo_t *cargo,
    caphealth_result_t *result)
{
    unsigned  i;

    for (i = 0; i < job->nvariants; i++) {
        if (fdatasync(cargo->fds[i + 1]) == -1) {
            result->status = CAPHEALTH_JOB_WRITE;
            result->error = (uint32_t) errno;
            return;
        }
    }
}


/* a mapping of a file: its bytes are read again at the next access */

static void
caphealth_serve_drop(const uint8_t *data, size_t size)
{
    size_t  slack;

    slack = (size_t) ((uintptr_t) data
                      % (uintptr_t) sysconf(_SC_PAGESIZE));

    (void) madvise((void *) (data - slack), size + slack, MADV_DONTNEED);
}


static void
caphealth_serve_hash(const uint8_t *data, size_t size, uint8_t *sha256)
{
    size_t             n;
    struct sha256_ctx  ctx;

    sha256_init(&ctx);

    for ( /* void */ ; size > 0; data += n, size -= n) {
        n = size < CAPHEALTH_SERVE_PIECE ? size : CAPHEALTH_SERVE_PIECE;

        sha256_update(&ctx, n, data);
        caphealth_serve_drop(data, n);
    }

    sha256_digest(&ctx, SHA256_DIGEST_SIZE, sha256);
}


static int
caphealth_serve_write(void *ctx, unsigned variant, const uint8_t *data,
    size_t size)
{
    ssize_t                 n;
    caphealth_ipc_cargo_t  *cargo;

    cargo = ctx;

    for ( /* void */ ; size > 0; data += n, size -= (size_t) n) {

        n = write(cargo->fds[variant + 1], data, size);

        if (n == -1 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n == -1) {
            return -1;
        }
    }

    return 0;
}
