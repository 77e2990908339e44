
/*
 * A converter whose decoder does what the image tells it to: everything else
 * of it, the sandbox and the messages, is the real one's.  An image is a JPEG
 * by its first three bytes, then a word.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_convert.h"
#include "caphealth_format.h"
#include "caphealth_ipc.h"


typedef struct {
    const char  *word;
    void       (*act)(caphealth_result_t *result);
} strange_t;


#if defined(__SANITIZE_ADDRESS__)

const char *__asan_default_options(void);


/* one whose descriptors are all in use cannot be searched for leaks */

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}

#endif


static void
do_open(caphealth_result_t *result)
{
    (void) result;
    (void) syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}


static void
do_socket(caphealth_result_t *result)
{
    (void) result;
    (void) socket(AF_INET, SOCK_STREAM, 0);
}


static void
do_execve(caphealth_result_t *result)
{
    char  *argv[] = { "/bin/true", NULL };

    (void) result;
    (void) execve(argv[0], argv, NULL);
}


static void
do_fork(caphealth_result_t *result)
{
    (void) result;
    (void) fork();
}


static void
do_kill(caphealth_result_t *result)
{
    (void) result;
    (void) kill(getppid(), SIGURG);
}


static void
do_ptrace(caphealth_result_t *result)
{
    (void) result;
    (void) syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}


static void
do_execmem(caphealth_result_t *result)
{
    (void) result;
    (void) mmap(NULL, 4096, PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS,
                -1, 0);
}


static void
do_share(caphealth_result_t *result)
{
    (void) result;
    (void) mmap(NULL, 4096, PROT_READ, MAP_SHARED|MAP_ANONYMOUS, -1, 0);
}


/* well only if each is refused, and not what it is killed for */

static void
do_ask(caphealth_result_t *result)
{
    struct stat     st;
    struct rlimit   limit;
    struct sysinfo  info;
    struct utsname  name;

    if (sysinfo(&info) != -1 || errno != EPERM
        || uname(&name) != -1 || errno != EPERM
        || fstat(CAPHEALTH_IPC_FD, &st) != -1 || errno != EPERM
        || sched_getaffinity(0, sizeof(cpu_set_t), &(cpu_set_t) { 0 }) != -1
        || errno != EPERM
        || getrlimit(RLIMIT_AS, &limit) != -1 || errno != EPERM)
    {
        result->status = CAPHEALTH_JOB_INVALID;
    }
}


static void
do_limit(caphealth_result_t *result)
{
    const struct rlimit  limit = { 0, 0 };

    (void) result;
    (void) setrlimit(RLIMIT_NOFILE, &limit);
}


/* another's */

static void
do_tgkill(caphealth_result_t *result)
{
    (void) result;
    (void) syscall(SYS_tgkill, getppid(), getppid(), SIGABRT);
}


static void
do_abort(caphealth_result_t *result)
{
    (void) result;
    abort();
}


/* what glibc says of it, and how it ends the process */

static void
do_heap(caphealth_result_t *result)
{
    void *volatile  p;

    (void) result;

    p = malloc(100);

    free(p);
    free(p);
}


static void
do_assert(caphealth_result_t *result)
{
    __assert_fail("it is well", __FILE__, __LINE__, __func__);
    result->status = CAPHEALTH_JOB_INVALID;
}


static void
do_crash(caphealth_result_t *result)
{
    (void) result;
    __builtin_trap();
}


static void
do_hang(caphealth_result_t *result)
{
    volatile unsigned  n;

    (void) result;

    for (n = 0; /* void */ ; n++) { /* void */ }
}


static void
do_sleep(caphealth_result_t *result)
{
    (void) result;

    while (poll(NULL, 0, 60000) == -1 && errno == EINTR) { /* void */ }
}


/* well only if something interrupts it */

static void
do_timer(caphealth_result_t *result)
{
    if (poll(NULL, 0, 1000) != -1 || errno != EINTR) {
        result->status = CAPHEALTH_JOB_INVALID;
    }
}


static void
do_slow(caphealth_result_t *result)
{
    struct timespec  start, now;

    (void) result;
    (void) clock_gettime(CLOCK_MONOTONIC, &start);

    do {
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 2);
}


static void
do_bloat(caphealth_result_t *result)
{
    char    *p;
    size_t   i;

    while ((p = malloc(1024 * 1024)) != NULL) {
        for (i = 0; i < 1024 * 1024; i += 4096) {
            p[i] = 1;
        }
    }

    result->status = CAPHEALTH_JOB_NO_MEMORY;
}


static void
say(const void *data, size_t size)
{
    struct iovec   iov;
    struct msghdr  msg;

    memset(&msg, 0, sizeof(struct msghdr));

    iov.iov_base = (void *) data;
    iov.iov_len = size;
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;

    (void) sendmsg(CAPHEALTH_IPC_FD, &msg, MSG_NOSIGNAL);
}


static void
do_garbage(caphealth_result_t *result)
{
    (void) result;
    say("What is the answer to the ultimate question?", 44);
}


static void
do_short(caphealth_result_t *result)
{
    (void) result;
    say("?", 1);
}


static void
do_serial(caphealth_result_t *result)
{
    struct {
        caphealth_ipc_message_t  m;
        caphealth_result_t       result;
    } answer;

    memset(&answer, 0, sizeof(answer));
    answer.m.version = CAPHEALTH_IPC_VERSION;
    answer.m.type = CAPHEALTH_IPC_CONVERTED;
    answer.m.serial = 4711;
    answer.result = *result;

    say(&answer, sizeof(answer));
}


static void
do_numbers(caphealth_result_t *result)
{
    result->outputs[0].width = 70000;
}


static void
do_bytes(caphealth_result_t *result)
{
    result->outputs[0].bytes++;
}


static void
do_status(caphealth_result_t *result)
{
    result->status = 99;
}


static void
do_log(caphealth_result_t *result)
{
    static const char  forged[] = "2026/01/01 00:00:00 [alert] forged\n";

    (void) result;
    (void) !write(STDERR_FILENO, forged, sizeof(forged) - 1);
}


static void
do_detail(caphealth_result_t *result)
{
    result->status = CAPHEALTH_JOB_INVALID;
    memset(result->detail, '\\', sizeof(result->detail));
}


static void
do_quotes(caphealth_result_t *result)
{
    result->status = CAPHEALTH_JOB_INVALID;
    strcpy(result->detail, "it says \"\\boo\"");
}


static void
do_full(caphealth_result_t *result)
{
    result->status = CAPHEALTH_JOB_WRITE;
    result->error = ENOSPC;
}


static void
do_nothing(caphealth_result_t *result)
{
    (void) result;
}


/* the answer to the next image is sent again */

static int  twice;


static void
do_twice(caphealth_result_t *result)
{
    (void) result;
    twice = 1;
}


caphealth_ipc_result_e __real_caphealth_ipc_send_cargo(int s,
    const caphealth_ipc_message_t *m, const caphealth_ipc_cargo_t *cargo);
caphealth_ipc_result_e __wrap_caphealth_ipc_send_cargo(int s,
    const caphealth_ipc_message_t *m, const caphealth_ipc_cargo_t *cargo);


caphealth_ipc_result_e
__wrap_caphealth_ipc_send_cargo(int s, const caphealth_ipc_message_t *m,
    const caphealth_ipc_cargo_t *cargo)
{
    if (twice) {
        twice = 0;
        (void) __real_caphealth_ipc_send_cargo(s, m, cargo);
    }

    return __real_caphealth_ipc_send_cargo(s, m, cargo);
}


/* what came with this image is not closed */

static int  keep;


static void
do_keep(caphealth_result_t *result)
{
    (void) result;
    keep = 1;
}


void __real_caphealth_ipc_close(caphealth_ipc_cargo_t *cargo);
void __wrap_caphealth_ipc_close(caphealth_ipc_cargo_t *cargo);


void
__wrap_caphealth_ipc_close(caphealth_ipc_cargo_t *cargo)
{
    if (!keep) {
        __real_caphealth_ipc_close(cargo);
    }

    keep = 0;
}


static const strange_t  acts[] = {
    { "open", do_open },
    { "socket", do_socket },
    { "execve", do_execve },
    { "fork", do_fork },
    { "kill", do_kill },
    { "readv", do_ptrace },
    { "execmem", do_execmem },
    { "share", do_share },
    { "limit", do_limit },
    { "tgkill", do_tgkill },
    { "ask", do_ask },
    { "abort", do_abort },
    { "heap", do_heap },
    { "assert", do_assert },
    { "crash", do_crash },
    { "hang", do_hang },
    { "sleep", do_sleep },
    { "timer", do_timer },
    { "slow", do_slow },
    { "bloat", do_bloat },
    { "garbage", do_garbage },
    { "short", do_short },
    { "serial", do_serial },
    { "numbers", do_numbers },
    { "bytes", do_bytes },
    { "status", do_status },
    { "detail", do_detail },
    { "log", do_log },
    { "quotes", do_quotes },
    { "full", do_full },
    { "twice", do_twice },
    { "keep", do_keep },
    { "well", do_nothing },
    { NULL, NULL }
};


caphealth_job_status_e
caphealth_convert(const caphealth_job_t *job, const uint8_t *data,
    size_t length, caphealth_convert_decoded_pt decoded,
    caphealth_convert_write_pt write_output, void *ctx,
    caphealth_result_t *result)
{
    unsigned          i;
    const strange_t  *s;

    static const uint8_t  webp[] = "RIFF\4\0\0\0WEBP";

    (void) decoded;

    result->format = CAPHEALTH_FORMAT_JPEG;
    result->width = 1;
    result->height = 1;
    result->nvariants = job->nvariants;

    for (i = 0; i < job->nvariants; i++) {
        if (write_output(ctx, i, webp, sizeof(webp) - 1) == -1) {
            result->status = CAPHEALTH_JOB_WRITE;
            result->error = (uint32_t) errno;
            return CAPHEALTH_JOB_WRITE;
        }

        result->outputs[i].width = 1;
        result->outputs[i].height = 1;
        result->outputs[i].bytes = sizeof(webp) - 1;
        result->outputs[i].frames = 1;
    }

    for (s = acts; s->word; s++) {
        if (length >= 3 + strlen(s->word)
            && memcmp(data + 3, s->word, strlen(s->word)) == 0)
        {
            s->act(result);
        }
    }

    return (caphealth_job_status_e) result->status;
}


int
caphealth_convert_warm_up(void)
{
    return 0;
}
