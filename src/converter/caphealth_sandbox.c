
/*
 * What a converter may still do when it reads the first untrusted byte.
 */

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_sandbox.h"


/* the first three, the socket, a job's descriptors, and a few to spare: what
   is kept of one job is not there for the next */
#define CAPHEALTH_SANDBOX_FILES  16

#if defined(__SANITIZE_ADDRESS__)
#define CAPHEALTH_SANDBOX_NONE   1
#endif


static int caphealth_sandbox_resource(int resource, rlim_t value);
#if !defined(CAPHEALTH_SANDBOX_NONE)
static int caphealth_sandbox_silence(void);
static int caphealth_sandbox_rules(scmp_filter_ctx ctx);
static int caphealth_sandbox_list(scmp_filter_ctx ctx, uint32_t action,
    const int *calls, size_t n);
static int caphealth_sandbox_arguments(scmp_filter_ctx ctx);


/* none of them takes a path, an address or a pid */

static const int  caphealth_sandbox_calls[] = {

    /* descriptors that it has or is sent */

    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(fdatasync),
    SCMP_SYS(close),

    /* memory */

    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),

    /* time, its own signals, chance, and the end */

    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group)
};


/*
 * What libc and the codecs may ask, which depends on their versions and on the
 * processor, and can do without: how large and how busy the machine is, whose
 * process this is, what a descriptor or a page is.  Refused with EPERM.
 */

static const int  caphealth_sandbox_refused[] = {
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getcpu),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(clock_getres),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(getpriority),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(fcntl),
    SCMP_SYS(ioctl),
    SCMP_SYS(mincore),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    SCMP_SYS(get_mempolicy),
    SCMP_SYS(membarrier),
    SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(prctl)
};
#endif


int
caphealth_sandbox_limit(const caphealth_limits_t *limits)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1
        || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1
        || caphealth_sandbox_resource(RLIMIT_CORE, 0) == -1
        || caphealth_sandbox_resource(RLIMIT_NPROC, 0) == -1
        || caphealth_sandbox_resource(RLIMIT_NOFILE, CAPHEALTH_SANDBOX_FILES)
           == -1
        || caphealth_sandbox_resource(RLIMIT_FSIZE,
                                      (rlim_t) limits->file_size)
           == -1)
    {
        return -1;
    }

#if !defined(CAPHEALTH_SANDBOX_NONE)

    if (caphealth_sandbox_resource(RLIMIT_AS, (rlim_t) limits->memory) == -1)
    {
        return -1;
    }

#endif

    return 0;
}


uint64_t
caphealth_sandbox_program(void)
{
#if defined(CAPHEALTH_SANDBOX_NONE)

    return 0;

#else

    FILE                *file;
    unsigned long long   pages;

    file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }

    if (fscanf(file, "%llu", &pages) != 1) {
        pages = 0;
    }

    (void) fclose(file);

    return pages * (uint64_t) sysconf(_SC_PAGESIZE);

#endif
}


/* an operator's own limit may be lower */

static int
caphealth_sandbox_resource(int resource, rlim_t value)
{
    struct rlimit  limit;

    if (getrlimit(resource, &limit) == -1) {
        return -1;
    }

    if (limit.rlim_max > value) {
        limit.rlim_max = value;
    }

    limit.rlim_cur = limit.rlim_max;

    return setrlimit(resource, &limit);
}


int
caphealth_sandbox_close(void)
{
#if defined(CAPHEALTH_SANDBOX_NONE)

    return 0;

#else

    int              rc, log;
    scmp_filter_ctx  ctx;

    log = caphealth_sandbox_silence();
    if (log == -1) {
        return -1;
    }

    ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    rc = ctx ? caphealth_sandbox_rules(ctx) : -ENOMEM;

    if (rc == 0) {
        rc = seccomp_load(ctx);
    }

    if (ctx) {
        seccomp_release(ctx);
    }

    if (rc != 0) {
        (void) dup2(log, STDERR_FILENO);
    }

    (void) close(log);

    if (rc != 0) {
        errno = -rc;
        return -1;
    }

    return 0;

#endif
}


#if !defined(CAPHEALTH_SANDBOX_NONE)

/*
 * Standard error is the server's log: a decoder that is not itself any more
 * must not write there.  Returns a copy of it.
 */

static int
caphealth_sandbox_silence(void)
{
    int  null, log;

    null = open("/dev/null", O_WRONLY|O_CLOEXEC);
    if (null == -1) {
        return -1;
    }

    log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

    if (log != -1) {
        (void) dup2(null, STDERR_FILENO);
    }

    (void) close(null);

    return log;
}


static int
caphealth_sandbox_rules(scmp_filter_ctx ctx)
{
    int  rc;

    rc = caphealth_sandbox_list(ctx, SCMP_ACT_ALLOW, caphealth_sandbox_calls,
                                sizeof(caphealth_sandbox_calls)
                                / sizeof(int));
    if (rc != 0) {
        return rc;
    }

    rc = caphealth_sandbox_list(ctx, SCMP_ACT_ERRNO(EPERM),
                                caphealth_sandbox_refused,
                                sizeof(caphealth_sandbox_refused)
                                / sizeof(int));
    if (rc != 0) {
        return rc;
    }

    return caphealth_sandbox_arguments(ctx);
}


static int
caphealth_sandbox_list(scmp_filter_ctx ctx, uint32_t action, const int *calls,
    size_t n)
{
    int     rc;
    size_t  i;

    for (i = 0; i < n; i++) {
        rc = seccomp_rule_add(ctx, action, calls[i], 0);
        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static int
caphealth_sandbox_arguments(scmp_filter_ctx ctx)
{
    int  rc;

    /* nothing that is written can be run, and no file outlives its job */

    rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0));
    if (rc != 0) {
        return rc;
    }

    rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc != 0) {
        return rc;
    }

    /* SIGALRM to itself, for caphealth_sched_yield_start() */

    rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setitimer), 1,
                          SCMP_A0(SCMP_CMP_EQ, ITIMER_REAL));
    if (rc != 0) {
        return rc;
    }

    /* abort(): a decoder that gives up is not one that breaks out */

    rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
                          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t) getpid()),
                          SCMP_A2(SCMP_CMP_EQ, SIGABRT));
    if (rc != 0) {
        return rc;
    }

    /* its own CPU time, for caphealth_sandbox_cpu() */

    rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                          SCMP_A0(SCMP_CMP_EQ, 0),
                          SCMP_A1(SCMP_CMP_EQ, RLIMIT_CPU));
    if (rc != 0) {
        return rc;
    }

    /* the others can be asked for, as by sysconf() */

    return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64),
                            2, SCMP_A1(SCMP_CMP_NE, RLIMIT_CPU),
                            SCMP_A2(SCMP_CMP_EQ, 0));
}

#endif


void
caphealth_sandbox_cpu(unsigned seconds)
{
    struct rlimit    limit;
    struct timespec  used;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == -1
        || getrlimit(RLIMIT_CPU, &limit) == -1)
    {
        return;
    }

    limit.rlim_cur = (rlim_t) used.tv_sec + seconds + 1;

    if (limit.rlim_cur > limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
    }

    (void) setrlimit(RLIMIT_CPU, &limit);
}
