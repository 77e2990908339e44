
/*
 * What a collector or a shipper may still do.
 *
 * Both read what a server answers, and run as the workers' user.  If one of
 * them is taken over through a client library, it must not be able to read the
 * TLS keys in a worker's memory.
 */

#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "caphealth_confine.h"


/* the most vendors that are believed, and their names, take half of it */
#define CAPHEALTH_CONFINE_MEMORY  (1024ul * 1024 * 1024)


static void caphealth_confine_resource(int resource, rlim_t value);
static void caphealth_confine_domain(void);


void
caphealth_confine(void)
{
    /* the settings may hold a password: no core file, no ptrace() */

    (void) prctl(PR_SET_DUMPABLE, 0);
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    caphealth_confine_resource(RLIMIT_CORE, 0);

    /* a sanitizer's shadow is much larger */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    caphealth_confine_resource(RLIMIT_DATA, CAPHEALTH_CONFINE_MEMORY);
#endif

    caphealth_confine_domain();
}


/* an operator's own limit may be lower */

static void
caphealth_confine_resource(int resource, rlim_t value)
{
    struct rlimit  limit;

    if (getrlimit(resource, &limit) == -1 || limit.rlim_max < value) {
        return;
    }

    limit.rlim_cur = value;
    limit.rlim_max = value;

    (void) setrlimit(resource, &limit);
}


/*
 * A Landlock domain may not trace, or read the memory of, what is outside of
 * it; that it may execute nothing is the rule that makes it one.
 */

static void
caphealth_confine_domain(void)
{
    int                            fd;
    struct landlock_ruleset_attr   attr;

    memset(&attr, 0, sizeof(struct landlock_ruleset_attr));
    attr.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE;

    fd = (int) syscall(SYS_landlock_create_ruleset, &attr,
                       sizeof(attr.handled_access_fs), 0);
    if (fd == -1) {
        return;
    }

    (void) syscall(SYS_landlock_restrict_self, fd, 0);
    (void) close(fd);
}
