
/*
 * What a shipper may still do: connect to the store's port, resolve names.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/landlock.h>

#include <cmocka.h>

#include "caphealth_shipper_confine.h"


static int       listening, other;
static uint16_t  port, other_port;


static int
abi(void)
{
    return (int) syscall(SYS_landlock_create_ruleset, NULL, 0,
                         LANDLOCK_CREATE_RULESET_VERSION);
}


static int
listener(uint16_t *number)
{
    int                 s;
    socklen_t           len;
    struct sockaddr_in  address;

    len = sizeof(address);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    s = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(s, (struct sockaddr *) &address, len), 0);
    assert_int_equal(listen(s, 5), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *) &address, &len), 0);

    *number = ntohs(address.sin_port);

    return s;
}


/* 0, or errno */

static int
connects(uint16_t number)
{
    int                 s, rc;
    struct sockaddr_in  address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number);

    s = socket(AF_INET, SOCK_STREAM, 0);
    rc = connect(s, (struct sockaddr *) &address, sizeof(address));
    rc = rc == 0 ? 0 : errno;

    (void) close(s);

    return rc;
}


static int
opens(const char *path, int flags)
{
    int  fd;

    fd = open(path, flags, 0600);

    if (fd == -1) {
        return errno;
    }

    (void) close(fd);

    return 0;
}


/* runs what is asked in a confined child of this process */

static int
confined(int (*what)(void))
{
    int    status;
    pid_t  pid;

    pid = fork();
    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        caphealth_shipper_confine(port);
        _exit(what());
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));

    return WEXITSTATUS(status);
}


static int
limited(void)
{
    struct rlimit  core;

    (void) getrlimit(RLIMIT_CORE, &core);

    return core.rlim_max == 0
           && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
           && prctl(PR_GET_DUMPABLE) == 0;
}


static void
limits(void **state)
{
    (void) state;

    assert_true(confined(limited));
}


static int
files_are_closed(void)
{
    return opens("/etc/passwd", O_RDONLY) == EACCES
           && opens("/proc/self/maps", O_RDONLY) == EACCES
           && opens("/dev/null", O_RDWR) == EACCES
           && opens("/tmp/caphealth-confine", O_WRONLY|O_CREAT) == EACCES
           && opens("/usr/lib/caphealth-confine", O_WRONLY|O_CREAT) == EACCES
           && opens("/usr/lib", O_RDONLY|O_DIRECTORY) == 0
           && opens("/etc/hosts", O_RDONLY) == 0
           && opens("/etc/hosts", O_WRONLY) == EACCES
           && mkdir("/tmp/caphealth-confine", 0700) == -1 && errno == EACCES
           && execl("/bin/true", "true", (char *) NULL) == -1
           && errno == EACCES;
}


static void
files(void **state)
{
    (void) state;

    if (abi() < 1) {
        skip();
    }

    assert_true(confined(files_are_closed));
}


static int
only_the_port(void)
{
    return connects(port) == 0 && connects(other_port) == EACCES;
}


static void
ports(void **state)
{
    (void) state;

    if (abi() < 4) {
        skip();
    }

    assert_int_equal(connects(other_port), 0);
    assert_true(confined(only_the_port));
}


static int
resolves(void)
{
    int               rc;
    struct addrinfo  *info;

    rc = getaddrinfo("localhost", NULL, NULL, &info);

    if (rc == 0) {
        freeaddrinfo(info);
    }

    return rc == 0;
}


static void
names(void **state)
{
    (void) state;

    assert_true(confined(resolves));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(limits),
        cmocka_unit_test(files),
        cmocka_unit_test(ports),
        cmocka_unit_test(names)
    };

    listening = listener(&port);
    other = listener(&other_port);

    return cmocka_run_group_tests_name("shipper_confine", tests, NULL, NULL);
}
