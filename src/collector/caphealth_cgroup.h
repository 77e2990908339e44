
/*
 * The limits of our own control group, v1, v2 or both.
 */

#ifndef CAPHEALTH_CGROUP_H
#define CAPHEALTH_CGROUP_H


#include <limits.h>
#include <stdint.h>

#include "caphealth_proc.h"


typedef struct {
    int64_t      memory_limit;   /* bytes; INT64_MAX: none */
    int64_t      memory_used;    /* usage less the file cache that could be
                                    reclaimed at once, bytes, at the level of
                                    the limit; -1: unknown */
    int64_t      swap_limit;     /* bytes; INT64_MAX: none */
    int64_t      swap_used;      /* bytes, at the level of the limit; -1:
                                    unknown */
    double       cpu_cores;      /* quota / period; 0: none */
    double       cpu_usage;      /* seconds, at the level of the quota; < 0:
                                    unknown */
    double       cpu_at;         /* when it was read, monotonic seconds */
    const char  *memory_bad;     /* the name of a file of the group's that is
                                    missing or not as expected, or NULL */
    const char  *cpu_bad;        /* the same */
    char         cpu_level[PATH_MAX];     /* where the quota is */
    char         pressure_dir[PATH_MAX];  /* our own group in v2; "": none */
} caphealth_cgroup_t;


/*
 * Reads the limits from our own group upwards and keeps the tightest of each
 * kind: of memory and swap the one that is used most.  root is "", or where
 * recorded proc/ and sys/ trees are.  A limit of memory or CPU that is not
 * below the host's (host_memory in bytes, host_cores) is none.
 *
 * Returns NULL, or the name of the file in /proc that cannot be read, with
 * errno set.  A kernel without control groups has none and limits nothing.
 */
const char *caphealth_cgroup_read(caphealth_cgroup_t *cg, const char *root,
    int64_t host_memory, unsigned host_cores);

/*
 * The CPUs that our own group may use.  Returns 1, 0 if no cpuset says, or -1
 * and the name of a file that is not as expected.
 */
int caphealth_cgroup_cpus(const char *root, caphealth_proc_cpus_t *cpus,
    const char **bad);

/*
 * CPU use between two samples in percent of the quota, at most 100; NAN if it
 * is unknown, or the quota is not the same at both.
 */
double caphealth_cgroup_cpu_percent(const caphealth_cgroup_t *from,
    const caphealth_cgroup_t *to);


#endif /* CAPHEALTH_CGROUP_H */
