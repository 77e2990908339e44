
/*
 * The system: CPU, memory, load, pressure, of the host or of the control
 * group that limits us.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_cgroup.h"
#include "caphealth_file.h"
#include "caphealth_proc.h"
#include "caphealth_source.h"


/* one sample */

typedef struct {
    caphealth_proc_stat_t  stat;        /* of the CPUs that we may use */
    caphealth_proc_cpus_t  cpus;        /* those, if there are others */
    caphealth_proc_cpus_t  group;       /* those of our group's cpuset */
    caphealth_cgroup_t     cgroup;
    int64_t                total;       /* memory; -1: unknown */
    int64_t                available;
    int64_t                swap_total;  /* -1: unknown */
    int64_t                swap_free;
    double                 load[3];
    unsigned               has_stat:1;
    unsigned               has_load:1;
    unsigned               has_cpus:1;
    unsigned               cpuset:1;    /* a group's cpuset is why */
} caphealth_look_t;


struct caphealth_host_s {
    const char            *root;
    caphealth_look_t       last;
};


typedef struct {
    const char            *path;
    int                  (*parse)(caphealth_look_t *look, const char *text,
                              size_t len);
} caphealth_host_file_t;


static int caphealth_host_stat(caphealth_look_t *look, const char *text,
    size_t len);
static int caphealth_host_meminfo(caphealth_look_t *look, const char *text,
    size_t len);
static int caphealth_host_loadavg(caphealth_look_t *look, const char *text,
    size_t len);
static int64_t caphealth_host_basis(const char *name);


static const caphealth_host_file_t  caphealth_host_files[] = {
    { "/proc/stat", caphealth_host_stat },
    { "/proc/meminfo", caphealth_host_meminfo },
    { "/proc/loadavg", caphealth_host_loadavg }
};


caphealth_host_t *
caphealth_host_create(const char *root)
{
    caphealth_host_t  *h;

    h = calloc(1, sizeof(caphealth_host_t));
    if (h == NULL) {
        return NULL;
    }

    h->root = root;

    return h;
}


void
caphealth_host_destroy(caphealth_host_t *h)
{
    free(h);
}


/*
 * Adds a sentence.  All of them are of our own making and plain ASCII: the
 * name of a control group, which may not be, is kept out of them.
 */

static void
caphealth_host_error(caphealth_answer_t *a, const char *name,
    const char *problem)
{
    caphealth_error_t  error;

    caphealth_error_set(&error, CAPHEALTH_ERROR_OTHER, "\"%s\" %s", name,
                        problem);
    caphealth_error_add(&a->error, &error);
}


static void
caphealth_host_unreadable(caphealth_answer_t *a, const char *name)
{
    caphealth_error_t  error;

    caphealth_error_set(&error, caphealth_error_errno(errno),
                        "\"%s\" cannot be read: %s", name, strerror(errno));
    caphealth_error_add(&a->error, &error);
}


/*
 * Where only some CPUs may be used, only those are counted, with the use of all
 * processes on them.  A /proc/stat that a container's manager provides may
 * number them otherwise, but lists no more of them than there are.
 */

static int
caphealth_host_stat(caphealth_look_t *look, const char *text, size_t len)
{
    caphealth_proc_stat_t  part;

    look->has_stat = caphealth_proc_stat(text, len, &look->stat) == 0;

    if (look->has_stat && look->cpuset) {
        look->cpuset = caphealth_proc_stat_of(text, len, &look->group, &part)
                       == 0
                       && part.cores > 0 && part.cores < look->stat.cores;
    }

    if (look->has_stat && look->has_cpus) {
        look->has_cpus = caphealth_proc_stat_of(text, len, &look->cpus,
                                                &part) == 0
                         && part.cores > 0 && part.cores < look->stat.cores;

        if (look->has_cpus) {
            look->stat = part;
        }
    }

    return look->has_stat ? 0 : -1;
}


static int64_t
caphealth_host_kilobytes(const char *text, size_t len, const char *key)
{
    int64_t  number;

    if (caphealth_proc_key(text, len, key, &number) == -1 || number < 0
        || number > INT64_MAX / 1024)
    {
        return -1;
    }

    return number * 1024;
}


/* an old kernel is without MemAvailable, which a limit makes unnecessary */

static int
caphealth_host_meminfo(caphealth_look_t *look, const char *text, size_t len)
{
    (void) caphealth_proc_meminfo(text, len, &look->total, &look->available);

    look->swap_total = caphealth_host_kilobytes(text, len, "SwapTotal:");
    look->swap_free = caphealth_host_kilobytes(text, len, "SwapFree:");

    return look->total != -1 ? 0 : -1;
}


static int
caphealth_host_loadavg(caphealth_look_t *look, const char *text, size_t len)
{
    look->has_load = caphealth_proc_loadavg(text, len, look->load) == 0;

    return look->has_load ? 0 : -1;
}


static void
caphealth_host_read(caphealth_look_t *look, const char *root,
    const caphealth_host_file_t *file, caphealth_answer_t *a)
{
    int      rc;
    char    *text;
    size_t   len;

    text = caphealth_file_read(root, file->path, &len);

    if (text == NULL) {
        caphealth_host_unreadable(a, file->path);
        return;
    }

    rc = file->parse(look, text, len);
    free(text);

    if (rc == -1) {
        caphealth_host_error(a, file->path, "is not as expected");
    }
}


static void
caphealth_host_bad(caphealth_answer_t *a, const char *name)
{
    if (name != NULL) {
        caphealth_host_error(a, name, "of the control group is missing or "
                             "not as expected");
    }
}


static void
caphealth_host_cgroup(caphealth_look_t *look, const char *root,
    caphealth_answer_t *a)
{
    const char          *path;
    caphealth_cgroup_t  *cg;

    cg = &look->cgroup;

    path = caphealth_cgroup_read(cg, root,
                                 look->total != -1 ? look->total : INT64_MAX,
                                 look->has_stat ? look->stat.cores
                                                : UINT_MAX);

    if (path != NULL) {
        caphealth_host_unreadable(a, path);
    }

    caphealth_host_bad(a, cg->memory_bad);
    caphealth_host_bad(a, cg->cpu_bad);

    if (cg->memory_limit == INT64_MAX
        && look->total != -1 && look->available == -1)
    {
        caphealth_host_error(a, "/proc/meminfo", "has no valid MemAvailable");
    }
}


/*
 * nginx's worker_cpu_affinity gives each worker, and what it starts, one CPU
 * of several: there the master's affinity counts.  0: the process to ask.
 */

static pid_t
caphealth_host_master(void)
{
    int      pid;
    char    *text, *p, path[64];
    size_t   len;

    (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) getppid());

    text = caphealth_file_read("", path, &len);
    if (text == NULL) {
        return 0;
    }

    /* pid (name) state ppid; a name may have anything in it */

    p = strrchr(text, ')');
    pid = 0;

    if (p != NULL && strstr(text, " (nginx)") != NULL
        && sscanf(p, ") %*c %d", &pid) != 1)
    {
        pid = 0;
    }

    free(text);

    return (pid_t) pid;
}


static int
caphealth_host_affinity(caphealth_proc_cpus_t *cpus, const char *root)
{
    int         rc;
    char       *text;
    size_t      i, len;
    cpu_set_t  *set;

    static const size_t  size = CPU_ALLOC_SIZE(CAPHEALTH_PROC_CPUS);

    /* recorded files */

    if (root[0] != '\0') {
        text = caphealth_file_read(root, "/proc/self/status", &len);
        if (text == NULL) {
            return -1;
        }

        rc = caphealth_proc_cpu_list(text, len, "Cpus_allowed_list:", cpus);
        free(text);

        return rc;
    }

    set = CPU_ALLOC(CAPHEALTH_PROC_CPUS);
    if (set == NULL) {
        return -1;
    }

    memset(cpus, 0, sizeof(caphealth_proc_cpus_t));
    CPU_ZERO_S(size, set);

    rc = sched_getaffinity(caphealth_host_master(), size, set);

    for (i = 0; i < CAPHEALTH_PROC_CPUS; i++) {
        if (CPU_ISSET_S(i, size, set)) {
            cpus->bits[i / 64] |= UINT64_C(1) << i % 64;
        }
    }

    CPU_FREE(set);

    return rc;
}


static void
caphealth_host_cpus(caphealth_look_t *look, const char *root,
    caphealth_answer_t *a)
{
    int                    rc;
    size_t                 i;
    const char            *bad;
    caphealth_proc_cpus_t  affinity;

    rc = caphealth_cgroup_cpus(root, &look->group, &bad);

    if (rc == -1) {
        caphealth_host_bad(a, bad);
    }

    look->cpus = look->group;
    look->cpuset = rc == 1;
    look->has_cpus = rc == 1;

    if (caphealth_host_affinity(&affinity, root) == -1) {
        return;
    }

    if (!look->has_cpus) {
        look->cpus = affinity;
        look->has_cpus = 1;
        return;
    }

    for (i = 0; i < CAPHEALTH_PROC_CPUS / 64; i++) {
        look->cpus.bits[i] &= affinity.bits[i];
    }
}


/*
 * ZFS's cache gives memory back as the page cache does, down to c_min, but
 * Linux does not count it as available.
 */

static void
caphealth_host_arc(caphealth_look_t *look, const char *root,
    caphealth_answer_t *a)
{
    char     *text;
    size_t    len;
    int64_t   size, least;

    static const char  path[] = "/proc/spl/kstat/zfs/arcstats";

    if (look->total == -1 || look->available == -1) {
        return;
    }

    text = caphealth_file_read(root, path, &len);
    if (text == NULL) {
        return;
    }

    if (caphealth_proc_kstat(text, len, "size", &size) == -1
        || caphealth_proc_kstat(text, len, "c_min", &least) == -1)
    {
        caphealth_host_error(a, path, "is not as expected");

    } else if (size > least) {
        size -= least;
        look->available = size < look->total - look->available
                          ? look->available + size : look->total;
    }

    free(text);
}


static void
caphealth_host_look(caphealth_look_t *look, const char *root,
    caphealth_answer_t *a)
{
    size_t  i, n;

    memset(look, 0, sizeof(caphealth_look_t));

    look->total = -1;
    look->available = -1;
    look->swap_total = -1;
    look->swap_free = -1;

    caphealth_host_cpus(look, root, a);

    n = sizeof(caphealth_host_files) / sizeof(caphealth_host_files[0]);

    for (i = 0; i < n; i++) {
        caphealth_host_read(look, root, &caphealth_host_files[i], a);
    }

    caphealth_host_arc(look, root, a);
    caphealth_host_cgroup(look, root, a);
}


static int
caphealth_host_same_cpus(const caphealth_look_t *a, const caphealth_look_t *b)
{
    return a->has_cpus == b->has_cpus
           && (!a->has_cpus || memcmp(a->cpus.bits, b->cpus.bits,
                                      sizeof(a->cpus.bits)) == 0);
}


/* NAN for the first sample, and for the first under another limit */

static double
caphealth_host_cpu(const caphealth_look_t *from, const caphealth_look_t *to)
{
    if (from->cgroup.cpu_cores > 0 || to->cgroup.cpu_cores > 0) {
        return caphealth_cgroup_cpu_percent(&from->cgroup, &to->cgroup);
    }

    if (!from->has_stat || !to->has_stat
        || !caphealth_host_same_cpus(from, to))
    {
        return NAN;
    }

    return caphealth_proc_cpu_percent(&from->stat, &to->stat);
}


/*
 * The same as counters, CPU seconds that were in use and that there were, which
 * the worker makes a mean of that outlives this process.  Counters of another
 * limit, or of another number of CPUs, are of another basis.
 */

static void
caphealth_host_counters(caphealth_system_t *s, const caphealth_look_t *look)
{
    int                        i, n;
    char                       basis[PATH_MAX + 64];
    double                     ticks, busy, total;
    size_t                     word;
    struct timespec            ts;
    const caphealth_cgroup_t  *cg;

    cg = &look->cgroup;

    if (cg->cpu_cores > 0) {

        if (cg->cpu_usage < 0) {
            return;
        }

        (void) snprintf(basis, sizeof(basis), "%s %.9g", cg->cpu_level,
                        cg->cpu_cores);

        s->cpu_basis = caphealth_host_basis(basis);
        s->cpu_clock = cg->cpu_at;
        s->cpu_busy = cg->cpu_usage;
        s->cpu_total = cg->cpu_at * cg->cpu_cores;
        return;
    }

    if (!look->has_stat) {
        return;
    }

    ticks = (double) sysconf(_SC_CLK_TCK);
    total = 0;

    for (i = 0; i < CAPHEALTH_PROC_CPU_FIELDS; i++) {
        total += (double) look->stat.ticks[i];
    }

    busy = total - (double) look->stat.ticks[CAPHEALTH_PROC_CPU_IDLE]
                 - (double) look->stat.ticks[CAPHEALTH_PROC_CPU_IOWAIT];

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    n = snprintf(basis, sizeof(basis), "host %u", look->stat.cores);

    for (word = 0; look->has_cpus && word < CAPHEALTH_PROC_CPUS / 64; word++)
    {
        if (look->cpus.bits[word] != 0 && n > 0 && n < (int) sizeof(basis)) {
            n += snprintf(basis + n, sizeof(basis) - (size_t) n,
                          " %zu:%" PRIx64, word, look->cpus.bits[word]);
        }
    }

    s->cpu_basis = caphealth_host_basis(basis);
    s->cpu_clock = (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
    s->cpu_busy = busy / ticks;
    s->cpu_total = total / ticks;
}


/* FNV-1a: a name that may not be UTF-8 is compared, and not shown */

static int64_t
caphealth_host_basis(const char *name)
{
    uint64_t  hash;

    hash = 0xcbf29ce484222325;

    for ( /* void */ ; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char) *name) * 0x100000001b3;
    }

    return (int64_t) (hash >> 1);
}


static double
caphealth_host_cores(const caphealth_look_t *look)
{
    if (look->cgroup.cpu_cores > 0) {
        return look->cgroup.cpu_cores;
    }

    return look->has_stat ? (double) look->stat.cores : NAN;
}


static int64_t
caphealth_host_memory_used(const caphealth_look_t *look)
{
    if (look->cgroup.memory_limit != INT64_MAX) {
        return look->cgroup.memory_used;
    }

    if (look->total == -1 || look->available == -1) {
        return -1;
    }

    return look->total - look->available;
}


static int64_t
caphealth_host_memory_total(const caphealth_look_t *look)
{
    return look->cgroup.memory_limit != INT64_MAX ? look->cgroup.memory_limit
                                                  : look->total;
}


/* unknown without swap: none in the host, or none allowed to the group */

static void
caphealth_host_swap(caphealth_system_t *s, const caphealth_look_t *look)
{
    const caphealth_cgroup_t  *cg = &look->cgroup;

    if (look->swap_total <= 0) {
        return;
    }

    if (cg->swap_limit < look->swap_total) {

        if (cg->swap_limit > 0) {
            s->swap_total = cg->swap_limit;
            s->swap_used = cg->swap_used;
        }

        return;
    }

    s->swap_total = look->swap_total;

    if (look->swap_free != -1 && look->swap_free <= look->swap_total) {
        s->swap_used = look->swap_total - look->swap_free;
    }
}


static void
caphealth_host_stall(caphealth_stall_t *stall, int has,
    const caphealth_proc_stall_t *s)
{
    if (has) {
        stall->avg10 = s->avg10;
        stall->avg60 = s->avg60;
        stall->avg300 = s->avg300;
        stall->total = s->total;
    }
}


static char *
caphealth_host_pressure_text(const char *root, const char *group,
    const char *what, size_t *len)
{
    char  *text, path[PATH_MAX];

    text = NULL;

    if (group[0] != '\0'
        && snprintf(path, sizeof(path), "%s/%s.pressure", group, what)
           < (int) sizeof(path))
    {
        text = caphealth_file_read(root, path, len);
    }

    if (text == NULL) {
        (void) snprintf(path, sizeof(path), "/proc/pressure/%s", what);
        text = caphealth_file_read(root, path, len);
    }

    return text;
}


/* a kernel may be without PSI: then it is unknown, and no error */

static void
caphealth_host_pressure(caphealth_pressure_t *p, const char *root,
    const char *group, const char *what, caphealth_answer_t *a)
{
    int                         rc;
    char                       *text;
    size_t                      len;
    caphealth_proc_pressure_t   pressure;

    text = caphealth_host_pressure_text(root, group, what, &len);

    if (text == NULL) {
        return;
    }

    rc = caphealth_proc_pressure(text, len, &pressure);
    free(text);

    if (rc == -1) {
        caphealth_host_error(a, what, "pressure is not as expected");
        return;
    }

    caphealth_host_stall(&p->some, pressure.has_some, &pressure.some);
    caphealth_host_stall(&p->full, pressure.has_full, &pressure.full);
}


/* a sandbox may be without it: then it is unknown, and no error */

static void
caphealth_host_uptime(caphealth_system_t *s, const char *root,
    caphealth_answer_t *a)
{
    char    *text;
    size_t   len;
    double   uptime;

    static const char  path[] = "/proc/uptime";

    text = caphealth_file_read(root, path, &len);
    if (text == NULL) {
        return;
    }

    if (caphealth_proc_uptime(text, len, &uptime) == -1) {
        caphealth_host_error(a, path, "is not as expected");

    } else {
        s->uptime = uptime;
    }

    free(text);
}


static void
caphealth_host_facts(const caphealth_host_t *h, const caphealth_look_t *look,
    caphealth_answer_t *a)
{
    int                  limited;
    const char          *group;
    caphealth_system_t  *s;

    s = &a->facts.system;

    limited = look->cgroup.cpu_cores > 0
              || (look->has_cpus && look->cpuset)
              || look->cgroup.memory_limit != INT64_MAX;

    group = limited ? look->cgroup.pressure_dir : "";

    (void) snprintf(s->scope, sizeof(s->scope), "%s",
                    limited ? "cgroup" : "host");

    s->cpu_percent = caphealth_host_cpu(&h->last, look);
    s->cores = caphealth_host_cores(look);
    s->memory_total = caphealth_host_memory_total(look);
    s->memory_used = caphealth_host_memory_used(look);

    caphealth_host_swap(s, look);

    caphealth_host_counters(s, look);

    if (look->has_load) {
        s->load1 = look->load[0];
        s->load5 = look->load[1];
        s->load15 = look->load[2];
    }

    caphealth_host_uptime(s, h->root, a);

    caphealth_host_pressure(&s->pressure_cpu, h->root, group, "cpu", a);
    caphealth_host_pressure(&s->pressure_memory, h->root, group, "memory", a);
    caphealth_host_pressure(&s->pressure_io, h->root, group, "io", a);
}


void
caphealth_host_collect(caphealth_host_t *h, caphealth_answer_t *a)
{
    caphealth_look_t  look;

    caphealth_system_clear(&a->facts.system);

    caphealth_host_look(&look, h->root, a);

    a->known = look.has_stat || look.total != -1 || look.has_load
               || look.cgroup.cpu_cores > 0
               || look.cgroup.memory_limit != INT64_MAX;

    if (a->known) {
        caphealth_host_facts(h, &look, a);
    }

    h->last = look;
}
