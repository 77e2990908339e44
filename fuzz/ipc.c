
/*
 * Under test: src/ipc/caphealth_ipc.c
 *
 * What a peer may put on the socket: a message of any length with any number
 * of descriptors, and a memfd that is sealed or is not.
 */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caphealth_ipc.h"


#define FDS   12
#define BODY  256


/* as a peer that is not ours would send it */

static void
push(int s, const void *data, size_t size, const int *fds, unsigned n)
{
    struct iovec     iov = { (void *) data, size };
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    union {
        struct cmsghdr  align;
        char            space[CMSG_SPACE(sizeof(int) * FDS)];
    } control;

    memset(&msg, 0, sizeof(msg));
    memset(&control, 0, sizeof(control));

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;

    if (n) {
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));

        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
    }

    fuzz_check(sendmsg(s, &msg, MSG_NOSIGNAL) == (ssize_t) size);
}


/* the number that the next descriptor gets */

static int
next_fd(void)
{
    int  fd;

    fd = dup(STDERR_FILENO);
    fuzz_check(fd != -1);
    (void) close(fd);

    return fd;
}


static void
message(int s[2], fuzz_bytes_t *b, const int fds[FDS])
{
    size_t                    size, room;
    uint8_t                  *bodies[2];
    unsigned                  n, max;
    caphealth_ipc_cargo_t     cargo, again;
    caphealth_ipc_result_e    rc;
    caphealth_ipc_message_t   m, am;

    n = (unsigned) fuzz_number(b, 1) % (FDS + 1);
    max = (unsigned) fuzz_number(b, 1) % (CAPHEALTH_IPC_FDS + 1);
    room = (size_t) fuzz_number(b, 1);

    push(s[0], b->data, b->size, fds, n);

    bodies[0] = malloc(room + 1);
    bodies[1] = malloc(BODY);
    fuzz_check(bodies[0] != NULL && bodies[1] != NULL);

    memset(&cargo, 0, sizeof(cargo));
    cargo.body = bodies[0];
    cargo.size = room;

    rc = caphealth_ipc_recv_cargo(s[1], &m, &cargo, max);

    fuzz_check(cargo.nfds <= max);

    if (b->size == 0) {
        fuzz_check(rc == CAPHEALTH_IPC_CLOSED);

    } else if (b->size < sizeof(m) || b->size > sizeof(m) + room || n > max) {
        fuzz_check(rc == CAPHEALTH_IPC_INVALID);

    } else {
        fuzz_check(rc == CAPHEALTH_IPC_OK);
    }

    if (rc != CAPHEALTH_IPC_OK) {
        fuzz_check(cargo.nfds == 0);
        goto done;
    }

    fuzz_check(cargo.nfds == n);
    fuzz_check(memcmp(&m, b->data, sizeof(m)) == 0);

    /* what was received, sent again, is received the same */

    fuzz_check(caphealth_ipc_send_cargo(s[1], &m, &cargo)
               == CAPHEALTH_IPC_OK);

    size = cargo.size;
    caphealth_ipc_close(&cargo);

    memset(&again, 0, sizeof(again));
    again.body = bodies[1];
    again.size = BODY;

    fuzz_check(caphealth_ipc_recv_cargo(s[0], &am, &again, CAPHEALTH_IPC_FDS)
               == CAPHEALTH_IPC_OK);
    fuzz_check(memcmp(&m, &am, sizeof(m)) == 0);
    fuzz_check(again.size == size && again.nfds == n);
    fuzz_check(memcmp(bodies[0], bodies[1], size) == 0);

    caphealth_ipc_close(&again);

done:

    free(bodies[0]);
    free(bodies[1]);
}


/* the same with at most one descriptor, as a collector has it */

static void
short_message(int s[2], fuzz_bytes_t *b, const int fds[FDS])
{
    int                       fd;
    unsigned                  n;
    caphealth_ipc_result_e    rc;
    caphealth_ipc_message_t   m, again;

    n = (unsigned) fuzz_number(b, 1) % 4;
    n = n == 3 ? 0 : n;

    push(s[0], b->data, b->size, fds, n);

    rc = caphealth_ipc_recv(s[1], &m, &fd);

    fuzz_check((rc == CAPHEALTH_IPC_OK)
               == (b->size == sizeof(m) && n <= 1));
    fuzz_check((fd != -1) == (rc == CAPHEALTH_IPC_OK && n == 1));

    if (rc != CAPHEALTH_IPC_OK) {
        return;
    }

    fuzz_check(caphealth_ipc_send(s[1], &m, fd) == CAPHEALTH_IPC_OK);

    if (fd != -1) {
        (void) close(fd);
    }

    fuzz_check(caphealth_ipc_recv(s[0], &again, &fd) == CAPHEALTH_IPC_OK);
    fuzz_check(memcmp(&m, &again, sizeof(m)) == 0);
    fuzz_check((fd != -1) == (n == 1));

    if (fd != -1) {
        (void) close(fd);
    }

    /* and then nobody is there any more */

    (void) shutdown(s[0], SHUT_RDWR);

    fuzz_check(caphealth_ipc_send(s[1], &m, -1) == CAPHEALTH_IPC_CLOSED);
    fuzz_check(caphealth_ipc_recv(s[1], &m, &fd) == CAPHEALTH_IPC_CLOSED);
}


/* what is not sealed could change while it is read */

static void
document(fuzz_bytes_t *b)
{
    int     fd, sealed;
    void   *p;
    size_t  size;

    sealed = (int) (fuzz_number(b, 1) & 1);

    if (sealed) {
        fd = caphealth_ipc_memfd(b->data, b->size);

    } else {
        fd = memfd_create("fuzz", MFD_CLOEXEC|MFD_ALLOW_SEALING);
        fuzz_check(write(fd, b->data, b->size) == (ssize_t) b->size);
    }

    fuzz_check(fd != -1);

    p = caphealth_ipc_map(fd, &size);

    fuzz_check((p != NULL) == (sealed && b->size > 0));

    if (p) {
        fuzz_check(size == b->size && memcmp(p, b->data, size) == 0);
        (void) munmap(p, size);

    } else {
        fuzz_check(errno == EINVAL);
    }

    (void) close(fd);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           i, first, s[2], fds[FDS];
    uint64_t      kind;
    fuzz_bytes_t  b = { data, size };

    first = next_fd();
    kind = fuzz_number(&b, 1) % 8;

    if (kind == 7) {
        document(&b);

    } else {
        fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, s)
                   == 0);

        for (i = 0; i < FDS; i++) {
            fds[i] = s[i % 2];
        }

        if (kind == 6) {
            short_message(s, &b, fds);

        } else {
            message(s, &b, fds);
        }

        (void) close(s[0]);
        (void) close(s[1]);
    }

    fuzz_check(next_fd() == first);

    return 0;
}
