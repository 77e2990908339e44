
/*
 * A converter whose filter tells of a call that it would be killed for, and
 * lets it pass.  Linked with the real sandbox, whose calls of libseccomp are
 * wrapped.
 *
 * The kernel asks a process made before (seccomp_unotify(2)), which appends
 * the call's name to the file named by CAPHEALTH_WATCH_LOG.  Unlike a log of
 * the kernel's, that needs no privilege and no audit daemon, and unlike
 * SIGSYS or ptrace() it changes nothing in the process itself.
 *
 * CAPHEALTH_WATCH_WITHOUT names a call that is left out of the filter's
 * lists.  With CAPHEALTH_WATCH_IDLE the converter runs at idle priority, with
 * its timer.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caphealth_sandbox.h"


#define WATCH_ARGUMENTS  6


int __real_caphealth_sandbox_limit(const caphealth_limits_t *limits);
int __wrap_caphealth_sandbox_limit(const caphealth_limits_t *limits);
scmp_filter_ctx __real_seccomp_init(uint32_t action);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action);
int __wrap_seccomp_rule_add(scmp_filter_ctx ctx, uint32_t action, int call,
    unsigned n, ...);
int __real_seccomp_load(scmp_filter_ctx ctx);
int __wrap_seccomp_load(scmp_filter_ctx ctx);


static int  watch_socket = -1;


static void
watch_fail(const char *what)
{
    perror(what);
    _exit(125);
}


static int
watch_receive(int s)
{
    int              fd;
    char             byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    memset(&msg, 0, sizeof(struct msghdr));

    iov.iov_base = &byte;
    iov.iov_len = 1;
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control;
    msg.msg_controllen = sizeof(control);

    if (recvmsg(s, &msg, 0) != 1) {
        _exit(0);
    }

    cmsg = CMSG_FIRSTHDR(&msg);

    if (cmsg == NULL) {
        _exit(125);
    }

    memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));

    return fd;
}


static void
watch_send(int s, int fd)
{
    char             byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    memset(&msg, 0, sizeof(struct msghdr));
    memset(control, 0, sizeof(control));

    byte = 0;
    iov.iov_base = &byte;
    iov.iov_len = 1;
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control;
    msg.msg_controllen = sizeof(control);

    cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));

    if (sendmsg(s, &msg, MSG_NOSIGNAL) != 1) {
        watch_fail("sendmsg() of the filter's descriptor failed");
    }
}


static void
watch_write(int log, const struct seccomp_data *data)
{
    int    n;
    char  *name, line[256];

    name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, data->nr);

    n = snprintf(line, sizeof(line), "%s(%#llx, %#llx, %#llx)\n",
                 name ? name : "?", (unsigned long long) data->args[0],
                 (unsigned long long) data->args[1],
                 (unsigned long long) data->args[2]);

    free(name);

    if (write(log, line, (size_t) n) != n) {
        watch_fail("write() of a call failed");
    }
}


/* until the converter is gone */

static void
watch(int s, int log)
{
    int                          fd;
    struct pollfd                pfd;
    struct seccomp_notif        *call;
    struct seccomp_notif_resp   *answer;

    static const char  closed[] = "closed\n";

    fd = watch_receive(s);

    if (seccomp_notify_alloc(&call, &answer) != 0
        || write(log, closed, sizeof(closed) - 1) == -1)
    {
        watch_fail("the log cannot be written");
    }

    pfd.fd = fd;
    pfd.events = POLLIN;

    for ( ;; ) {
        if (poll(&pfd, 1, -1) == -1 && errno != EINTR) {
            watch_fail("poll() failed");
        }

        if (!(pfd.revents & POLLIN)) {
            _exit(0);
        }

        memset(call, 0, sizeof(struct seccomp_notif));

        if (seccomp_notify_receive(fd, call) != 0) {
            continue;
        }

        watch_write(log, &call->data);

        memset(answer, 0, sizeof(struct seccomp_notif_resp));
        answer->id = call->id;
        answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;

        (void) seccomp_notify_respond(fd, answer);
    }
}


int
__wrap_caphealth_sandbox_limit(const caphealth_limits_t *limits)
{
    int          s[2], log;
    const char  *path;

    path = getenv("CAPHEALTH_WATCH_LOG");

    log = path ? open(path, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0644) : -1;

    if (log == -1 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == -1) {
        watch_fail("CAPHEALTH_WATCH_LOG cannot be opened");
    }

    switch (fork()) {

    case -1:
        watch_fail("fork() failed");
        break;

    case 0:

        /* its parent's socket would keep that from being seen to be gone */

        (void) dup2(log, STDOUT_FILENO);
        (void) dup2(s[1], STDIN_FILENO);
        (void) close_range(STDERR_FILENO + 1, ~0U, 0);

        watch(STDIN_FILENO, STDOUT_FILENO);
        break;

    default:
        break;
    }

    (void) close(log);
    (void) close(s[1]);

    watch_socket = s[0];

    if (getenv("CAPHEALTH_WATCH_IDLE")) {
        ((caphealth_limits_t *) limits)->idle = 1;
    }

    return __real_caphealth_sandbox_limit(limits);
}


scmp_filter_ctx
__wrap_seccomp_init(uint32_t action)
{
    (void) action;

    return __real_seccomp_init(SCMP_ACT_NOTIFY);
}


int
__wrap_seccomp_rule_add(scmp_filter_ctx ctx, uint32_t action, int call,
    unsigned n, ...)
{
    unsigned             i;
    va_list              args;
    const char          *without;
    struct scmp_arg_cmp  list[WATCH_ARGUMENTS];

    without = getenv("CAPHEALTH_WATCH_WITHOUT");

    if (without && seccomp_syscall_resolve_name(without) == call) {
        return 0;
    }

    va_start(args, n);

    for (i = 0; i < n && i < WATCH_ARGUMENTS; i++) {
        list[i] = va_arg(args, struct scmp_arg_cmp);
    }

    va_end(args);

    return seccomp_rule_add_array(ctx, action, call, i, list);
}


int
__wrap_seccomp_load(scmp_filter_ctx ctx)
{
    int  rc, fd;

    rc = __real_seccomp_load(ctx);

    if (rc != 0) {
        return rc;
    }

    fd = seccomp_notify_fd(ctx);

    watch_send(watch_socket, fd);

    (void) close(fd);
    (void) close(watch_socket);

    return 0;
}
