
/*
 * The limits of our own control group, v1, v2 or both.
 */

#ifndef CAPHEALTH_CGROUP_H
#define CAPHEALTH_CGROUP_H


#include <limits.h>
#include <stdint.h>


typedef struct {
    int64_t  memory_limit;       /* bytes; INT64_MAX: none */
    int64_t  memory_used;        /* usage - inactive file pages, bytes, at the
                                    level of the limit; -1: unknown */
    double   cpu_cores;          /* quota / period; 0: none */
    double   cpu_usage;          /* seconds, at the level of the quota; < 0:
                                    unknown */
    char     cpu_level[PATH_MAX];     /* which level that is */
    char     pressure_dir[PATH_MAX];  /* our own in v2; "": there is none */
} caphealth_cgroup_t;


/*
 * Reads the limits from our own group upwards and keeps the tightest of each
 * kind.  root is "", or where recorded proc/ and sys/ trees are.  A limit
 * that is not below the host's (host_memory in bytes, host_cores) is none.
 */
void caphealth_cgroup_read(caphealth_cgroup_t *cg, const char *root,
    int64_t host_memory, unsigned host_cores);


#endif /* CAPHEALTH_CGROUP_H */
