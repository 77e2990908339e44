
/*
 * A converter as its parent sees it, where the parent is not nginx.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caphealth_child.h"
#include "caphealth_ipc.h"
#include "caphealth_serve.h"


static const char *caphealth_child_start(caphealth_child_t *child);
static int caphealth_child_hear(caphealth_child_t *child,
    caphealth_ipc_type_e type, caphealth_ipc_message_t *m, void *body,
    size_t size);
static int caphealth_child_starved(pid_t pid);
static const char *caphealth_child_end(caphealth_child_t *child);


const char *
caphealth_child_convert(caphealth_child_t *child, int input,
    const caphealth_job_t *job, const caphealth_image_files_t *image,
    caphealth_result_t *result)
{
    int                       rc;
    unsigned                  i;
    const char               *reason;
    caphealth_ipc_cargo_t     cargo;
    caphealth_ipc_message_t   m;

    if (child->pid == 0) {
        reason = caphealth_child_start(child);

        if (reason) {
            return reason;
        }
    }

    memset(&m, 0, sizeof(caphealth_ipc_message_t));
    m.version = CAPHEALTH_IPC_VERSION;
    m.type = CAPHEALTH_IPC_CONVERT;
    m.serial = ++child->serial;

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));
    cargo.body = (void *) job;
    cargo.size = sizeof(caphealth_job_t);
    cargo.fds[cargo.nfds++] = input;

    for (i = 0; i < image->nvariants; i++) {
        cargo.fds[cargo.nfds++] = image->variants[i].fd;
    }

    if (caphealth_ipc_send_cargo(child->s, &m, &cargo) != CAPHEALTH_IPC_OK) {
        return caphealth_child_end(child);
    }

    rc = caphealth_child_hear(child, CAPHEALTH_IPC_CONVERTED, &m, result,
                              sizeof(caphealth_result_t));

    if (rc == 0) {
        (void) kill(child->pid, SIGKILL);
        (void) caphealth_child_end(child);
        return "it took longer than the time limit";
    }

    if (rc == -1 || m.serial != child->serial
        || !caphealth_job_answered(job, result))
    {
        return caphealth_child_end(child);
    }

    return NULL;
}


static const char *
caphealth_child_start(caphealth_child_t *child)
{
    int                       s[2];
    pid_t                     parent;
    caphealth_ipc_cargo_t     cargo;
    caphealth_ipc_message_t   m;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, s) == -1) {
        return "socketpair() failed";
    }

    parent = getpid();
    child->pid = fork();

    if (child->pid == -1) {
        child->pid = 0;
        (void) close(s[0]);
        (void) close(s[1]);
        return "fork() failed";
    }

    if (child->pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) dup2(s[1], CAPHEALTH_IPC_FD);
        (void) close_range(CAPHEALTH_IPC_FD + 1, ~0U, 0);
        (void) close(STDOUT_FILENO);

        _exit(getppid() == parent ? caphealth_serve(CAPHEALTH_IPC_FD) : 0);
    }

    (void) close(s[1]);
    child->s = s[0];

    memset(&m, 0, sizeof(caphealth_ipc_message_t));
    m.version = CAPHEALTH_IPC_VERSION;
    m.type = CAPHEALTH_IPC_LIMITS;

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));
    cargo.body = &child->limits;
    cargo.size = sizeof(caphealth_limits_t);

    if (caphealth_ipc_send_cargo(s[0], &m, &cargo) != CAPHEALTH_IPC_OK
        || caphealth_child_hear(child, CAPHEALTH_IPC_HELLO, &m, NULL, 0) != 1
        || caphealth_child_hear(child, CAPHEALTH_IPC_READY, &m, NULL, 0) != 1)
    {
        (void) kill(child->pid, SIGKILL);
        (void) caphealth_child_end(child);
        return "the sandbox cannot be set up";
    }

    return NULL;
}


/* 1: heard; 0: not in time; -1: not what was expected */

static int
caphealth_child_hear(caphealth_child_t *child, caphealth_ipc_type_e type,
    caphealth_ipc_message_t *m, void *body, size_t size)
{
    int                    n;
    struct pollfd          pfd;
    caphealth_ipc_cargo_t  cargo;

    pfd.fd = child->s;
    pfd.events = POLLIN;

    do {
        n = poll(&pfd, 1, (int) child->timeout * 1000);
    } while ((n == -1 && errno == EINTR)
             || (n == 0 && caphealth_child_starved(child->pid)));

    if (n == 0) {
        return 0;
    }

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));
    cargo.body = body;
    cargo.size = size;

    return (n == 1
            && caphealth_ipc_recv_cargo(child->s, m, &cargo, 0)
               == CAPHEALTH_IPC_OK
            && m->type == type
            && cargo.size == size)
           ? 1 : -1;
}


/*
 * Whether a process that did not answer in time would run if it had a core: at
 * idle priority, it may get none for as long as others are busy.  RLIMIT_CPU
 * ends one that has used its time.  proc_pid_stat(5): the state follows the
 * name, which is in parentheses.
 */

static int
caphealth_child_starved(pid_t pid)
{
    int      fd;
    char     text[128], *state;
    ssize_t  n;

    (void) snprintf(text, sizeof(text), "/proc/%d/stat", (int) pid);

    fd = open(text, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    n = read(fd, text, sizeof(text) - 1);
    (void) close(fd);

    if (n <= 0) {
        return 0;
    }

    text[n] = '\0';
    state = strrchr(text, ')');

    return state != NULL && strncmp(state, ") R", 3) == 0;
}


/* of a process that closed its socket, or will not be listened to */

static const char *
caphealth_child_end(caphealth_child_t *child)
{
    int    status;
    pid_t  pid;

    (void) close(child->s);
    (void) kill(child->pid, SIGKILL);

    do {
        pid = waitpid(child->pid, &status, 0);
    } while (pid == -1 && errno == EINTR);

    child->pid = 0;

    if (pid != -1 && WIFSIGNALED(status)) {
        switch (WTERMSIG(status)) {

        case SIGSYS:
            return "the decoder did what it must not, and was killed";

        case SIGXCPU:
            return "it took longer than the time limit";

        default:
            break;
        }
    }

    return "the decoder crashed";
}


void
caphealth_child_stop(caphealth_child_t *child)
{
    int    status;
    pid_t  pid;

    if (child->pid == 0) {
        return;
    }

    (void) close(child->s);

    do {
        pid = waitpid(child->pid, &status, 0);
    } while (pid == -1 && errno == EINTR);

    child->pid = 0;
}
