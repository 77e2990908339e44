
/*
 * What the collector may still do.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "caphealth_confine.h"


#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED  1
#else
#define SANITIZED  0
#endif


/* runs what is asked in a confined child of this process */

static int
confined(int (*what)(void))
{
    int    status;
    pid_t  pid;

    pid = fork();
    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        caphealth_confine();
        _exit(what());
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));

    return WEXITSTATUS(status);
}


static int
limits(void)
{
    struct rlimit  core, data;

    (void) getrlimit(RLIMIT_CORE, &core);
    (void) getrlimit(RLIMIT_DATA, &data);

    return core.rlim_max == 0 && data.rlim_max <= 1024ul * 1024 * 1024
           && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
           && prctl(PR_GET_DUMPABLE) == 0;
}


static int
much_memory(void)
{
    return malloc(1200ul * 1024 * 1024) == NULL && errno == ENOMEM;
}


static int
parents_memory(void)
{
    char  path[64];

    (void) snprintf(path, sizeof(path), "/proc/%d/mem", (int) getppid());

    return open(path, O_RDONLY) == -1 ? errno : 0;
}


static int
program(void)
{
    char *const  argv[] = { "/bin/true", NULL };

    (void) execv(argv[0], argv);

    return errno;
}


static void
test_limits(void **state)
{
    (void) state;

    /* cmocka's skip() is a failure in TAP */

    if (SANITIZED) {
        print_message("# a sanitizer needs more memory than the limit\n");
        return;
    }

    assert_int_equal(confined(limits), 1);

    if (getenv("TEST_NGINX_USE_VALGRIND")) {
        print_message("# Valgrind hands out memory beyond the limit\n");
        return;
    }

    assert_int_equal(confined(much_memory), 1);
}


static void
test_domain(void **state)
{
    (void) state;

    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) == -1) {
        print_message("# no Landlock in this kernel\n");
        return;
    }

    assert_int_equal(confined(parents_memory), EACCES);
    assert_int_equal(confined(program), EACCES);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_domain)
    };

    return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
