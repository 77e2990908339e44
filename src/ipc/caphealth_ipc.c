
/*
 * The messages between a worker and its helper programs.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caphealth_ipc.h"


#define CAPHEALTH_IPC_SEALS  (F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE)


typedef union {
    struct cmsghdr  align;
    char            space[CMSG_SPACE(sizeof(int) * 4)];
} caphealth_ipc_control_t;


static int caphealth_ipc_descriptor(struct msghdr *msg, int *fd);


caphealth_ipc_result_e
caphealth_ipc_send(int s, const caphealth_ipc_message_t *m, int fd)
{
    ssize_t                   n;
    struct iovec              iov;
    struct msghdr             msg;
    struct cmsghdr           *cmsg;
    caphealth_ipc_control_t   control;

    memset(&msg, 0, sizeof(struct msghdr));
    memset(&control, 0, sizeof(caphealth_ipc_control_t));

    iov.iov_base = (void *) m;
    iov.iov_len = sizeof(caphealth_ipc_message_t);

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;

    if (fd != -1) {
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(sizeof(int));

        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));

        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    }

    do {
        n = sendmsg(s, &msg, MSG_NOSIGNAL);
    } while (n == -1 && errno == EINTR);

    if (n == (ssize_t) sizeof(caphealth_ipc_message_t)) {
        return CAPHEALTH_IPC_OK;
    }

    if (n != -1) {
        return CAPHEALTH_IPC_INVALID;
    }

    switch (errno) {

    case EAGAIN:
        return CAPHEALTH_IPC_AGAIN;

    case EPIPE:
    case ECONNRESET:
        return CAPHEALTH_IPC_CLOSED;

    default:
        return CAPHEALTH_IPC_ERROR;
    }
}


caphealth_ipc_result_e
caphealth_ipc_recv(int s, caphealth_ipc_message_t *m, int *fd)
{
    int                       rc;
    ssize_t                   n;
    struct iovec              iov;
    struct msghdr             msg;
    caphealth_ipc_control_t   control;

    *fd = -1;

    memset(&msg, 0, sizeof(struct msghdr));

    iov.iov_base = m;
    iov.iov_len = sizeof(caphealth_ipc_message_t);

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.space;
    msg.msg_controllen = sizeof(control.space);

    do {
        n = recvmsg(s, &msg, MSG_CMSG_CLOEXEC);
    } while (n == -1 && errno == EINTR);

    if (n == 0) {
        return CAPHEALTH_IPC_CLOSED;
    }

    if (n == -1) {
        if (errno == EAGAIN) {
            return CAPHEALTH_IPC_AGAIN;
        }

        return errno == ECONNRESET ? CAPHEALTH_IPC_CLOSED
                                   : CAPHEALTH_IPC_ERROR;
    }

    rc = caphealth_ipc_descriptor(&msg, fd);

    if (rc == -1
        || n != (ssize_t) sizeof(caphealth_ipc_message_t)
        || (msg.msg_flags & (MSG_TRUNC|MSG_CTRUNC)))
    {
        if (*fd != -1) {
            (void) close(*fd);
            *fd = -1;
        }

        return CAPHEALTH_IPC_INVALID;
    }

    return CAPHEALTH_IPC_OK;
}


/* takes the one descriptor; closes whatever else the peer pushed at us */

static int
caphealth_ipc_descriptor(struct msghdr *msg, int *fd)
{
    int              one, extra;
    size_t           i, n;
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

            if (*fd == -1) {
                *fd = one;
                continue;
            }

            (void) close(one);
            extra = 1;
        }
    }

    return extra ? -1 : 0;
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
