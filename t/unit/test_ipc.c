
/*
 * The messages between a worker and its helpers: what arrives, what is
 * refused, and that no descriptor is lost on the way.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "caphealth_ipc.h"


typedef struct {
    int  s[2];
    int  next;                   /* the lowest free descriptor */
} pair_t;


static pair_t  pair;


static int
lowest(void)
{
    int  fd;

    fd = dup(STDERR_FILENO);
    (void) close(fd);

    return fd;
}


static int
make(void **state)
{
    (void) state;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_NONBLOCK, 0, pair.s) == -1) {
        return -1;
    }

    pair.next = lowest();

    return 0;
}


static int
clean(void **state)
{
    (void) state;

    (void) close(pair.s[0]);
    (void) close(pair.s[1]);

    return 0;
}


/* sends text as it is, with n copies of a descriptor */

static void
push(const void *text, size_t len, int n)
{
    int             i, fd;
    char            space[CMSG_SPACE(8 * sizeof(int))];
    struct iovec    iov;
    struct msghdr   msg;
    struct cmsghdr *cmsg;

    memset(&msg, 0, sizeof(msg));
    memset(space, 0, sizeof(space));

    iov.iov_base = (void *) text;
    iov.iov_len = len;
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;

    if (n > 0) {
        msg.msg_control = space;
        msg.msg_controllen = CMSG_SPACE((size_t) n * sizeof(int));

        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN((size_t) n * sizeof(int));

        for (i = 0; i < n; i++) {
            fd = STDERR_FILENO;
            memcpy(CMSG_DATA(cmsg) + (size_t) i * sizeof(int), &fd,
                   sizeof(int));
        }
    }

    assert_int_equal(sendmsg(pair.s[0], &msg, 0), (ssize_t) len);
}


static void
there_and_back(void **state)
{
    int                       fd, got;
    void                     *text;
    size_t                    size;
    caphealth_ipc_message_t   m, r;

    (void) state;

    m = (caphealth_ipc_message_t) { CAPHEALTH_IPC_VERSION,
                                    CAPHEALTH_IPC_FACTS, 7, UINT64_MAX };

    fd = caphealth_ipc_memfd("facts", 5);
    assert_int_not_equal(fd, -1);

    assert_int_equal(caphealth_ipc_send(pair.s[0], &m, fd), CAPHEALTH_IPC_OK);
    assert_int_equal(close(fd), 0);

    assert_int_equal(caphealth_ipc_recv(pair.s[1], &r, &got),
                     CAPHEALTH_IPC_OK);
    assert_memory_equal(&m, &r, sizeof(m));
    assert_int_not_equal(got, -1);
    assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);

    text = caphealth_ipc_map(got, &size);
    assert_non_null(text);
    assert_int_equal(size, 5);
    assert_memory_equal(text, "facts", 5);

    assert_int_equal(munmap(text, size), 0);
    assert_int_equal(close(got), 0);
    assert_int_equal(lowest(), pair.next);
}


static void
without_descriptor(void **state)
{
    int                       fd;
    caphealth_ipc_message_t   m, r;

    (void) state;

    memset(&m, 0, sizeof(m));

    assert_int_equal(caphealth_ipc_recv(pair.s[1], &r, &fd),
                     CAPHEALTH_IPC_AGAIN);
    assert_int_equal(caphealth_ipc_send(pair.s[0], &m, -1), CAPHEALTH_IPC_OK);
    assert_int_equal(caphealth_ipc_recv(pair.s[1], &r, &fd),
                     CAPHEALTH_IPC_OK);
    assert_int_equal(fd, -1);
}


static void
not_a_message(void **state)
{
    int                       fd;
    char                      text[256];
    size_t                    i;
    caphealth_ipc_message_t   r;

    static const struct {
        size_t  len;
        int     descriptors;
    } bad[] = {
        { 1, 0 },
        { sizeof(caphealth_ipc_message_t) - 1, 1 },
        { sizeof(caphealth_ipc_message_t) + 1, 1 },
        { sizeof(text), 0 },
        { sizeof(caphealth_ipc_message_t), 2 },
        { sizeof(caphealth_ipc_message_t), 8 }
    };

    (void) state;

    memset(text, 1, sizeof(text));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        push(text, bad[i].len, bad[i].descriptors);

        assert_int_equal(caphealth_ipc_recv(pair.s[1], &r, &fd),
                         CAPHEALTH_IPC_INVALID);
        assert_int_equal(fd, -1);
        assert_int_equal(lowest(), pair.next);
    }
}


/* as the end of a connection, but for what it carries */

static void
nothing_with_descriptors(void **state)
{
    int                       fd;
    caphealth_ipc_message_t   r;

    (void) state;

    push("", 0, 3);

    assert_int_equal(caphealth_ipc_recv(pair.s[1], &r, &fd),
                     CAPHEALTH_IPC_CLOSED);
    assert_int_equal(fd, -1);
    assert_int_equal(lowest(), pair.next);
}


static void
closed(void **state)
{
    int                       fd, s[2];
    caphealth_ipc_message_t   m;

    (void) state;

    memset(&m, 0, sizeof(m));

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
    assert_int_equal(close(s[1]), 0);

    /* and no SIGPIPE */

    assert_int_equal(caphealth_ipc_send(s[0], &m, -1), CAPHEALTH_IPC_CLOSED);
    assert_int_equal(caphealth_ipc_recv(s[0], &m, &fd), CAPHEALTH_IPC_CLOSED);
    assert_int_equal(close(s[0]), 0);

    assert_int_equal(caphealth_ipc_send(-1, &m, -1), CAPHEALTH_IPC_ERROR);
    assert_int_equal(errno, EBADF);
}


static void
full(void **state)
{
    int                      i, rc;
    caphealth_ipc_message_t  m;

    (void) state;

    memset(&m, 0, sizeof(m));

    for (i = 0, rc = CAPHEALTH_IPC_OK; rc == CAPHEALTH_IPC_OK; i++) {
        assert_true(i < 1000000);
        rc = caphealth_ipc_send(pair.s[0], &m, -1);
    }

    assert_int_equal(rc, CAPHEALTH_IPC_AGAIN);
}


static void
not_a_document(void **state)
{
    int     fd;
    size_t  size;

    (void) state;

    /* a memfd that its maker could still change */

    fd = memfd_create("test", MFD_CLOEXEC|MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, "{}", 2), 2);
    assert_null(caphealth_ipc_map(fd, &size));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(close(fd), 0);

    /* an empty one */

    fd = caphealth_ipc_memfd("", 0);
    assert_null(caphealth_ipc_map(fd, &size));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(close(fd), 0);

    /* one that is too long */

    fd = memfd_create("test", MFD_CLOEXEC|MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, (off_t) CAPHEALTH_IPC_MAX + 1), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK|F_SEAL_GROW
                                            |F_SEAL_WRITE),
                     0);
    assert_null(caphealth_ipc_map(fd, &size));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(close(fd), 0);

    /* a file that is no memfd */

    fd = open("/dev/null", O_RDONLY);
    assert_null(caphealth_ipc_map(fd, &size));
    assert_int_equal(close(fd), 0);
}


static void
sealed(void **state)
{
    int  fd;

    (void) state;

    fd = caphealth_ipc_memfd("facts", 5);

    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_int_equal(close(fd), 0);
}


#define PAIR_TEST(f)  cmocka_unit_test_setup_teardown(f, make, clean)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        PAIR_TEST(there_and_back),
        PAIR_TEST(without_descriptor),
        PAIR_TEST(not_a_message),
        PAIR_TEST(nothing_with_descriptors),
        PAIR_TEST(closed),
        PAIR_TEST(full),
        PAIR_TEST(not_a_document),
        PAIR_TEST(sealed)
    };

    return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
