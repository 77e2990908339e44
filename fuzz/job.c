
/*
 * Under test: src/converter/caphealth_serve.c src/ipc/caphealth_job.c
 *     (caphealth_serve|valid)
 *
 * All that a worker may say to a converter, limits and jobs with descriptors,
 * and what the converter answers.  The sandbox is left out, as a process
 * closes it once and for all.
 *
 * A message: the number of its descriptors, its length, its bytes.  The first
 * descriptor of each is what remains of the input, as the file to convert.
 */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caphealth_convert.h"
#include "caphealth_sched.h"
#include "caphealth_ipc.h"
#include "caphealth_sandbox.h"
#include "caphealth_serve.h"


#define MESSAGES    4
#define MAX_PIXELS  (64 * 1024)
#define INPUT       (128 * 1024)


/* instead of src/converter/caphealth_sandbox.c */

int
caphealth_sandbox_limit(const caphealth_limits_t *limits)
{
    return limits->memory == 1 ? -1 : 0;
}


uint64_t
caphealth_sandbox_program(void)
{
    return 16 * 1024 * 1024;
}


int
caphealth_sandbox_close(void)
{
    return 0;
}


void
caphealth_sandbox_cpu(unsigned seconds)
{
    (void) seconds;
}


/* instead of src/converter/caphealth_sched.c: SIGALRM is libFuzzer's */

int
caphealth_sched_idle(void)
{
    return 0;
}


void
caphealth_sched_yield_start(void)
{
}


void
caphealth_sched_yield_stop(void)
{
}


/* instead of that of src/converter/caphealth_convert.c: once is enough */

int __wrap_caphealth_convert_warm_up(void);

int
__wrap_caphealth_convert_warm_up(void)
{
    return 0;
}


static int
output(void)
{
    int  fd;

    fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_check(fd != -1);

    return fd;
}


/*
 * Limits that are not out of all proportion, and a range that the file has:
 * a worker takes it from there.
 */

static void
in_bounds(caphealth_job_t *job)
{
    job->max_pixels %= MAX_PIXELS;

    if (caphealth_job_valid(job)) {
        job->offset %= INPUT;
        job->length %= INPUT - job->offset;
    }
}


static int
send_message(int s, fuzz_bytes_t *b, int input, caphealth_job_t *job)
{
    size_t                    size;
    uint8_t                   text[sizeof(caphealth_ipc_message_t)
                                   + sizeof(caphealth_job_t)];
    unsigned                  i, nfds;
    caphealth_ipc_cargo_t     cargo;
    caphealth_ipc_message_t  *m = (caphealth_ipc_message_t *) text;

    nfds = (unsigned) fuzz_number(b, 1) % (CAPHEALTH_IPC_FDS + 1);
    size = (size_t) fuzz_number(b, 2);

    size = size < b->size ? size : b->size;
    size = size < sizeof(text) ? size : sizeof(text);

    if (size < sizeof(caphealth_ipc_message_t)) {
        return -1;
    }

    memset(text, 0, sizeof(text));
    memcpy(text, b->data, size);
    b->data += size;
    b->size -= size;

    memset(&cargo, 0, sizeof(cargo));

    cargo.body = text + sizeof(caphealth_ipc_message_t);
    cargo.size = size - sizeof(caphealth_ipc_message_t);

    if (m->type == CAPHEALTH_IPC_CONVERT && cargo.size == sizeof(*job)) {
        memcpy(job, cargo.body, sizeof(*job));
        in_bounds(job);
        memcpy(cargo.body, job, sizeof(*job));
    }

    for (i = 0; i < nfds; i++) {
        cargo.fds[cargo.nfds++] = i == 0 ? dup(input) : output();
    }

    fuzz_check(caphealth_ipc_send_cargo(s, m, &cargo) == CAPHEALTH_IPC_OK);

    caphealth_ipc_close(&cargo);

    return 0;
}


static void
check_answer(const caphealth_ipc_message_t *m, const caphealth_job_t *job,
    const caphealth_result_t *result, size_t size)
{
    switch (m->type) {

    case CAPHEALTH_IPC_HELLO:
    case CAPHEALTH_IPC_READY:
        fuzz_check(size == 0);
        return;

    case CAPHEALTH_IPC_CONVERTED:
        fuzz_check(size == sizeof(*result));
        fuzz_check(caphealth_job_valid(job));
        fuzz_check(caphealth_job_answered(job, result));
        return;

    default:
        fuzz_check(!"an answer of an unknown type");
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                       i, n, s[2], input;
    fuzz_bytes_t              b = { data, size };
    caphealth_job_t           jobs[MESSAGES];
    caphealth_result_t        result;
    caphealth_ipc_cargo_t     cargo;
    caphealth_ipc_message_t   m;

    fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, s) == 0);

    input = output();
    memset(jobs, 0, sizeof(jobs));

    /* the file is known when the last message is */

    for (n = 0; n < MESSAGES && b.size; n++) {
        if (send_message(s[0], &b, input, &jobs[n]) == -1) {
            break;
        }
    }

    fuzz_check(pwrite(input, b.data, b.size, 0) == (ssize_t) b.size);
    fuzz_check(ftruncate(input, INPUT) == 0);
    fuzz_check(shutdown(s[0], SHUT_WR) == 0);

    (void) caphealth_serve(s[1]);
    (void) close(s[1]);

    /* answers come in the order of the jobs */

    for (i = 0; /* void */ ; ) {
        memset(&cargo, 0, sizeof(cargo));
        cargo.body = &result;
        cargo.size = sizeof(result);

        if (caphealth_ipc_recv_cargo(s[0], &m, &cargo, 0)
            != CAPHEALTH_IPC_OK)
        {
            break;
        }

        while (m.type == CAPHEALTH_IPC_CONVERTED && i < MESSAGES
               && !caphealth_job_valid(&jobs[i]))
        {
            i++;
        }

        fuzz_check(i < MESSAGES);
        check_answer(&m, &jobs[i], &result, cargo.size);

        i += (m.type == CAPHEALTH_IPC_CONVERTED);
    }

    (void) close(s[0]);
    (void) close(input);

    return 0;
}
