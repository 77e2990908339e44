
/*
 * The messages between a worker and its helper programs.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caphealth_ipc.h"


/* milliseconds until a message is sent again, ETOOMANYREFS */
#define CAPHEALTH_IPC_PAUSE  20

#define CAPHEALTH_IPC_SEALS  (F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE)


typedef union {
    struct cmsghdr  align;
    char            space[CMSG_SPACE(sizeof(int) * CAPHEALTH_IPC_FDS)];
} caphealth_ipc_control_t;


static int caphealth_ipc_waited(int s, int err);
static unsigned caphealth_ipc_descriptors(struct msghdr *msg,
    caphealth_ipc_cargo_t *cargo, unsigned max);


caphealth_ipc_result_e
caphealth_ipc_send(int s, const caphealth_ipc_message_t *m, int fd)
{
    caphealth_ipc_cargo_t  cargo;

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));

    if (fd != -1) {
        cargo.nfds = 1;
        cargo.fds[0] = fd;
    }

    return caphealth_ipc_send_cargo(s, m, &cargo);
}


int
caphealth_ipc_send_type(int s, caphealth_ipc_type_e type)
{
    caphealth_ipc_message_t  m;

    memset(&m, 0, sizeof(caphealth_ipc_message_t));

    m.version = CAPHEALTH_IPC_VERSION;
    m.type = (uint16_t) type;

    return caphealth_ipc_send(s, &m, -1) == CAPHEALTH_IPC_OK ? 0 : -1;
}


int
caphealth_ipc_is_worker(void)
{
    int        type;
    socklen_t  len;

    len = sizeof(int);

    return getsockopt(CAPHEALTH_IPC_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0
           && type == SOCK_SEQPACKET;
}


caphealth_ipc_result_e
caphealth_ipc_send_cargo(int s, const caphealth_ipc_message_t *m,
    const caphealth_ipc_cargo_t *cargo)
{
    size_t                    size;
    ssize_t                   n;
    struct iovec              iov[2];
    struct msghdr             msg;
    struct cmsghdr           *cmsg;
    caphealth_ipc_control_t   control;

    memset(&msg, 0, sizeof(struct msghdr));
    memset(&control, 0, sizeof(caphealth_ipc_control_t));

    iov[0].iov_base = (void *) m;
    iov[0].iov_len = sizeof(caphealth_ipc_message_t);
    iov[1].iov_base = cargo->body;
    iov[1].iov_len = cargo->size;

    msg.msg_iov = iov;
    msg.msg_iovlen = cargo->size ? 2 : 1;

    if (cargo->nfds) {
        size = cargo->nfds * sizeof(int);

        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(size);

        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(size);

        memcpy(CMSG_DATA(cmsg), cargo->fds, size);
    }

    do {
        n = sendmsg(s, &msg, MSG_NOSIGNAL);
    } while (n == -1 && caphealth_ipc_waited(s, errno));

    if (n == (ssize_t) (sizeof(caphealth_ipc_message_t) + cargo->size)) {
        return CAPHEALTH_IPC_OK;
    }

    if (n != -1) {
        return CAPHEALTH_IPC_INVALID;
    }

    switch (errno) {

    case EAGAIN:
    case ETOOMANYREFS:
        return CAPHEALTH_IPC_AGAIN;

    case EPIPE:
    case ECONNRESET:
        return CAPHEALTH_IPC_CLOSED;

    default:
        return CAPHEALTH_IPC_ERROR;
    }
}


/*
 * Whether a message is to be sent again.  On a blocking socket, as a helper's,
 * sendmsg() waits for room, but fails at once with ETOOMANYREFS, so this waits.
 */

static int
caphealth_ipc_waited(int s, int err)
{
    int  flags;

    if (err != ETOOMANYREFS) {
        return err == EINTR;
    }

    flags = fcntl(s, F_GETFL);

    if (flags == -1 || (flags & O_NONBLOCK)) {
        errno = err;
        return 0;
    }

    (void) poll(NULL, 0, CAPHEALTH_IPC_PAUSE);

    return 1;
}


caphealth_ipc_result_e
caphealth_ipc_recv(int s, caphealth_ipc_message_t *m, int *fd)
{
    caphealth_ipc_cargo_t   cargo;
    caphealth_ipc_result_e  rc;

    memset(&cargo, 0, sizeof(caphealth_ipc_cargo_t));

    rc = caphealth_ipc_recv_cargo(s, m, &cargo, 1);

    *fd = cargo.nfds ? cargo.fds[0] : -1;

    return rc;
}


caphealth_ipc_result_e
caphealth_ipc_recv_cargo(int s, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo, unsigned max)
{
    ssize_t                   n;
    unsigned                  extra;
    struct iovec              iov[2];
    struct msghdr             msg;
    caphealth_ipc_control_t   control;

    cargo->nfds = 0;

    memset(&msg, 0, sizeof(struct msghdr));

    iov[0].iov_base = m;
    iov[0].iov_len = sizeof(caphealth_ipc_message_t);
    iov[1].iov_base = cargo->body;
    iov[1].iov_len = cargo->size;

    msg.msg_iov = iov;
    msg.msg_iovlen = cargo->size ? 2 : 1;
    msg.msg_control = control.space;
    msg.msg_controllen = sizeof(control.space);

    do {
        n = recvmsg(s, &msg, MSG_CMSG_CLOEXEC);
    } while (n == -1 && errno == EINTR);

    if (n == -1) {
        if (errno == EAGAIN) {
            return CAPHEALTH_IPC_AGAIN;
        }

        return errno == ECONNRESET ? CAPHEALTH_IPC_CLOSED
                                   : CAPHEALTH_IPC_ERROR;
    }

    /* descriptors may come with an empty message as well */

    extra = caphealth_ipc_descriptors(&msg, cargo, max);

    if (n == 0) {
        caphealth_ipc_close(cargo);
        return CAPHEALTH_IPC_CLOSED;
    }

    if (extra
        || n < (ssize_t) sizeof(caphealth_ipc_message_t)
        || (msg.msg_flags & (MSG_TRUNC|MSG_CTRUNC)))
    {
        caphealth_ipc_close(cargo);
        return CAPHEALTH_IPC_INVALID;
    }

    cargo->size = (size_t) n - sizeof(caphealth_ipc_message_t);

    return CAPHEALTH_IPC_OK;
}


/* takes at most max descriptors; closes and counts all others */

static unsigned
caphealth_ipc_descriptors(struct msghdr *msg, caphealth_ipc_cargo_t *cargo,
    unsigned max)
{
    int              one;
    size_t           i, n;
    unsigned         extra;
    struct cmsghdr  *cmsg;

    extra = 0;

    for (cmsg = CMSG_FIRSTHDR(msg);
         cmsg != NULL;
         cmsg = CMSG_NXTHDR(msg, cmsg))
    {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }

        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (i = 0; i < n; i++) {
            memcpy(&one, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));

            if (cargo->nfds < max && cargo->nfds < CAPHEALTH_IPC_FDS) {
                cargo->fds[cargo->nfds++] = one;
                continue;
            }

            (void) close(one);
            extra++;
        }
    }

    return extra;
}


void
caphealth_ipc_close(caphealth_ipc_cargo_t *cargo)
{
    unsigned  i;

    for (i = 0; i < cargo->nfds; i++) {
        (void) close(cargo->fds[i]);
    }

    cargo->nfds = 0;
}


int
caphealth_ipc_memfd(const void *data, size_t size)
{
    int          fd, err;
    ssize_t      n;
    const char  *p;

    fd = memfd_create("caphealth", MFD_CLOEXEC|MFD_ALLOW_SEALING);
    if (fd == -1) {
        return -1;
    }

    for (p = data; size > 0; p += n, size -= (size_t) n) {

        n = write(fd, p, size);

        if (n == -1 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n == -1) {
            goto failed;
        }
    }

    if (fcntl(fd, F_ADD_SEALS, CAPHEALTH_IPC_SEALS|F_SEAL_SEAL) == -1) {
        goto failed;
    }

    return fd;

failed:

    err = errno;
    (void) close(fd);
    errno = err;

    return -1;
}


void *
caphealth_ipc_map(int fd, size_t *size)
{
    int          seals;
    void        *p;
    struct stat  st;

    seals = fcntl(fd, F_GET_SEALS);
    if (seals == -1) {
        return NULL;
    }

    if ((seals & CAPHEALTH_IPC_SEALS) != CAPHEALTH_IPC_SEALS) {
        errno = EINVAL;
        return NULL;
    }

    if (fstat(fd, &st) == -1) {
        return NULL;
    }

    if (st.st_size <= 0 || st.st_size > (off_t) CAPHEALTH_IPC_MAX) {
        errno = EINVAL;
        return NULL;
    }

    p = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }

    *size = (size_t) st.st_size;

    return p;
}
