
/*
 * The limits of our own control group.
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_cgroup.h"
#include "caphealth_file.h"
#include "caphealth_proc.h"


/* what differs between the versions */

typedef struct {
    const char  *memory;         /* the controller's name, "": v2 */
    const char  *memory_limit;
    const char  *memory_high;    /* NULL: there is none */
    const char  *memory_usage;
    const char  *inactive_file;  /* of memory.stat */
    const char  *active_file;
    const char  *dirty;
    const char  *writeback;
    const char  *cpu;
    const char  *cpu_quota;
    const char  *cpu_period;     /* NULL: the second number of cpu_quota */
    const char  *cpuacct;
    const char  *cpu_usage;
    const char  *cpu_usage_key;  /* NULL: the whole file is the number */
    double       cpu_usage_unit; /* in seconds */
} caphealth_cgroup_version_t;


/* who we are and what is mounted where, as /proc/self has it */

typedef struct {
    const char  *root;
    char        *groups;
    char        *mounts;
    size_t       groups_len;
    size_t       mounts_len;
} caphealth_cgroup_self_t;


typedef struct {
    char         dir[PATH_MAX];  /* of our own group, below the root */
    size_t       mount;          /* the length of its mount point */
} caphealth_cgroup_dir_t;


static const caphealth_cgroup_version_t  caphealth_cgroup_versions[] = {
    { "", "memory.max", "memory.high", "memory.current",
      "inactive_file", "active_file", "file_dirty", "file_writeback",
      "", "cpu.max", NULL,
      "", "cpu.stat", "usage_usec", 1e-6 },

    { "memory", "memory.limit_in_bytes", NULL, "memory.usage_in_bytes",
      "total_inactive_file", "total_active_file", "total_dirty",
      "total_writeback",
      "cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us",
      "cpuacct", "cpuacct.usage", NULL, 1e-9 }
};


static char *
caphealth_cgroup_file(const char *root, const char *dir, const char *name,
    size_t *len)
{
    int   n;
    char  path[PATH_MAX];

    n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }

    return caphealth_file_read(root, path, len);
}


/* the number in a file, or after key in it; -1: unknown, and *bad is name */

static int64_t
caphealth_cgroup_number(const char *root, const char *dir, const char *name,
    const char *key, const char **bad)
{
    int       rc;
    char     *text;
    size_t    len;
    int64_t   number;

    rc = -1;

    text = caphealth_cgroup_file(root, dir, name, &len);

    if (text != NULL) {
        rc = (key == NULL) ? caphealth_proc_number(text, len, &number)
                           : caphealth_proc_key(text, len, key, &number);
        free(text);
    }

    if (rc == -1) {
        *bad = name;
        return -1;
    }

    return number;
}


/*
 * Where our own group is.  A container may see it at the mount point itself:
 * the path in /proc/self/cgroup then is not below the mount's root, or leads
 * out of the name space with "/..".
 */

static int
caphealth_cgroup_find(caphealth_cgroup_dir_t *d,
    const caphealth_cgroup_self_t *self, const char *controller)
{
    int     n;
    char    path[PATH_MAX], mount[PATH_MAX], top[PATH_MAX];
    size_t  len;

    if (caphealth_proc_cgroup(self->groups, self->groups_len, controller,
                              path, sizeof(path))
        == -1
        || caphealth_proc_cgroup_mount(self->mounts, self->mounts_len,
                                       controller, mount, top, sizeof(top))
           == -1)
    {
        return -1;
    }

    len = (strcmp(top, "/") == 0) ? 0 : strlen(top);

    if (strncmp(path, top, len) != 0
        || (path[len] != '/' && path[len] != '\0')
        || strcmp(path, "/..") == 0
        || strncmp(path, "/../", 4) == 0
        || strcmp(path, "/") == 0)
    {
        path[0] = '\0';
        len = 0;
    }

    n = snprintf(d->dir, sizeof(d->dir), "%s%s", mount, path + len);

    d->mount = strlen(mount);

    return n < 0 || (size_t) n >= sizeof(d->dir) ? -1 : 0;
}


/* the next level upwards; 0 above the mount point */

static int
caphealth_cgroup_up(caphealth_cgroup_dir_t *d)
{
    char  *slash;

    if (strlen(d->dir) <= d->mount) {
        return 0;
    }

    slash = strrchr(d->dir, '/');
    *slash = '\0';

    return strlen(d->dir) >= d->mount;
}


static int64_t
caphealth_cgroup_memory_limit(caphealth_cgroup_t *cg, const char *root,
    const char *dir, const char *name)
{
    int       rc;
    char     *text;
    size_t    len;
    int64_t   limit;

    /* the topmost group has no such file */

    text = caphealth_cgroup_file(root, dir, name, &len);
    if (text == NULL) {
        return INT64_MAX;
    }

    rc = caphealth_proc_limit(text, len, &limit);
    free(text);

    if (rc == -1) {
        cg->memory_bad = name;
        return INT64_MAX;
    }

    return limit > 0 ? limit : INT64_MAX;
}


/* a number that an older kernel does not have is 0 */

static int64_t
caphealth_cgroup_optional(const char *text, size_t len, const char *key)
{
    int64_t  number;

    return caphealth_proc_key(text, len, key, &number) == 0 ? number : 0;
}


/*
 * Pages of files that could be dropped at once: those on the two lists that
 * are neither to be written nor being written.  Pages of tmpfs are on the
 * lists of anonymous memory, and those that are locked on a list of their
 * own, so that neither is among them.
 */

static int64_t
caphealth_cgroup_reclaimable(caphealth_cgroup_t *cg, const char *root,
    const char *dir, const caphealth_cgroup_version_t *v)
{
    char     *text;
    size_t    len;
    int64_t   number;

    text = caphealth_cgroup_file(root, dir, "memory.stat", &len);

    if (text == NULL
        || caphealth_proc_key(text, len, v->inactive_file, &number) == -1)
    {
        free(text);
        cg->memory_bad = "memory.stat";
        return -1;
    }

    number += caphealth_cgroup_optional(text, len, v->active_file);
    number -= caphealth_cgroup_optional(text, len, v->dirty);
    number -= caphealth_cgroup_optional(text, len, v->writeback);

    free(text);

    return number > 0 ? number : 0;
}


/* whether the first is the fuller one, or both are as full; -1: unknown */

static int
caphealth_cgroup_fuller(int64_t used, int64_t limit, int64_t than,
    int64_t of)
{
    if (used == -1 || than == -1) {
        return used == -1;
    }

    return (double) used / (double) limit >= (double) than / (double) of;
}


/*
 * Each level's own use is measured against its own limit, and the level that
 * is fuller counts: a larger limit that we share with others may be reached
 * before our own.  Of two that are as full it is the outer one, which holds
 * all that the inner one does.
 */

static void
caphealth_cgroup_memory(caphealth_cgroup_t *cg,
    const caphealth_cgroup_self_t *self, const caphealth_cgroup_version_t *v,
    int64_t host)
{
    int64_t                 limit, high, used, reclaimable;
    caphealth_cgroup_dir_t  d;

    if (caphealth_cgroup_find(&d, self, v->memory) == -1) {
        return;
    }

    do {
        limit = caphealth_cgroup_memory_limit(cg, self->root, d.dir,
                                              v->memory_limit);

        if (v->memory_high != NULL) {
            high = caphealth_cgroup_memory_limit(cg, self->root, d.dir,
                                                 v->memory_high);
            limit = high < limit ? high : limit;
        }

        if (limit >= host || limit == INT64_MAX) {
            continue;
        }

        used = caphealth_cgroup_number(self->root, d.dir, v->memory_usage,
                                       NULL, &cg->memory_bad);
        reclaimable = caphealth_cgroup_reclaimable(cg, self->root, d.dir, v);

        used = (used == -1 || reclaimable == -1) ? -1
               : used > reclaimable ? used - reclaimable : 0;

        if (cg->memory_limit == INT64_MAX
            || caphealth_cgroup_fuller(used, limit, cg->memory_used,
                                       cg->memory_limit))
        {
            cg->memory_limit = limit;
            cg->memory_used = used;
        }

    } while (caphealth_cgroup_up(&d));
}


/*
 * In v2 only: the limits of v1 are of memory and swap together.  A limit of 0
 * forbids swap, so no other level matters.
 */

static void
caphealth_cgroup_swap(caphealth_cgroup_t *cg,
    const caphealth_cgroup_self_t *self)
{
    int                      rc;
    char                    *text;
    size_t                   len;
    int64_t                  limit, used;
    caphealth_cgroup_dir_t   d;

    if (caphealth_cgroup_find(&d, self, "") == -1) {
        return;
    }

    do {
        text = caphealth_cgroup_file(self->root, d.dir, "memory.swap.max",
                                     &len);

        /* the topmost group, and a kernel without swap, have no such file */

        if (text == NULL) {
            continue;
        }

        rc = caphealth_proc_limit(text, len, &limit);
        free(text);

        if (rc == -1 || limit < 0) {
            cg->memory_bad = "memory.swap.max";
            continue;
        }

        if (limit == INT64_MAX || cg->swap_limit == 0) {
            continue;
        }

        used = caphealth_cgroup_number(self->root, d.dir,
                                       "memory.swap.current", NULL,
                                       &cg->memory_bad);

        if (limit == 0 || cg->swap_limit == INT64_MAX
            || caphealth_cgroup_fuller(used, limit, cg->swap_used,
                                       cg->swap_limit))
        {
            cg->swap_limit = limit;
            cg->swap_used = used;
        }

    } while (caphealth_cgroup_up(&d));
}


static double
caphealth_cgroup_quota(caphealth_cgroup_t *cg, const char *root,
    const char *dir, const caphealth_cgroup_version_t *v)
{
    int       rc;
    char     *text;
    size_t    len;
    int64_t   quota, period;

    text = caphealth_cgroup_file(root, dir, v->cpu_quota, &len);
    if (text == NULL) {
        return 0;
    }

    if (v->cpu_period == NULL) {
        rc = caphealth_proc_quota(text, len, &quota, &period);

    } else {
        rc = caphealth_proc_limit(text, len, &quota);
        period = caphealth_cgroup_number(root, dir, v->cpu_period, NULL,
                                         &cg->cpu_bad);
    }

    free(text);

    if (rc == -1) {
        cg->cpu_bad = v->cpu_quota;
        return 0;
    }

    if (quota <= 0 || quota == INT64_MAX || period <= 0) {
        return 0;
    }

    return (double) quota / (double) period;
}


/* at the same level in the hierarchy of the controller that counts */

static void
caphealth_cgroup_usage(caphealth_cgroup_t *cg,
    const caphealth_cgroup_self_t *self, const caphealth_cgroup_dir_t *group,
    const caphealth_cgroup_dir_t *level, const caphealth_cgroup_version_t *v)
{
    int64_t                 usage;
    struct timespec         ts;
    caphealth_cgroup_dir_t  d;

    cg->cpu_usage = -1;

    if (caphealth_cgroup_find(&d, self, v->cpuacct) == -1
        || strcmp(d.dir + d.mount, group->dir + group->mount) != 0)
    {
        cg->cpu_bad = v->cpu_usage;
        return;
    }

    d.dir[d.mount + strlen(level->dir + level->mount)] = '\0';

    usage = caphealth_cgroup_number(self->root, d.dir, v->cpu_usage,
                                    v->cpu_usage_key, &cg->cpu_bad);

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    cg->cpu_at = (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;

    if (usage != -1) {
        cg->cpu_usage = (double) usage * v->cpu_usage_unit;
    }
}


static void
caphealth_cgroup_cpu(caphealth_cgroup_t *cg,
    const caphealth_cgroup_self_t *self, const caphealth_cgroup_version_t *v,
    unsigned host)
{
    double                  cores;
    caphealth_cgroup_dir_t  d, group;

    if (caphealth_cgroup_find(&d, self, v->cpu) == -1) {
        return;
    }

    group = d;

    do {
        cores = caphealth_cgroup_quota(cg, self->root, d.dir, v);

        if (cores <= 0 || cores >= host
            || (cg->cpu_cores > 0 && cores > cg->cpu_cores))
        {
            continue;
        }

        cg->cpu_cores = cores;

        memcpy(cg->cpu_level, d.dir, sizeof(d.dir));

        caphealth_cgroup_usage(cg, self, &group, &d, v);

    } while (caphealth_cgroup_up(&d));
}


static const char *
caphealth_cgroup_self(caphealth_cgroup_self_t *self, const char *root)
{
    memset(self, 0, sizeof(caphealth_cgroup_self_t));

    self->root = root;

    self->groups = caphealth_file_read(root, "/proc/self/cgroup",
                                       &self->groups_len);
    if (self->groups == NULL) {
        return "/proc/self/cgroup";
    }

    self->mounts = caphealth_file_read(root, "/proc/self/mountinfo",
                                       &self->mounts_len);
    if (self->mounts == NULL) {
        return "/proc/self/mountinfo";
    }

    return NULL;
}


const char *
caphealth_cgroup_read(caphealth_cgroup_t *cg, const char *root,
    int64_t host_memory, unsigned host_cores)
{
    int                      err;
    size_t                   i, n;
    const char              *unread;
    caphealth_cgroup_dir_t   d;
    caphealth_cgroup_self_t  self;

    memset(cg, 0, sizeof(caphealth_cgroup_t));

    cg->memory_limit = INT64_MAX;
    cg->memory_used = -1;
    cg->swap_limit = INT64_MAX;
    cg->swap_used = -1;
    cg->cpu_usage = -1;

    unread = caphealth_cgroup_self(&self, root);

    if (unread != NULL) {
        err = errno;
        free(self.groups);
        errno = err;

        return err == ENOENT ? NULL : unread;
    }

    n = sizeof(caphealth_cgroup_versions)
        / sizeof(caphealth_cgroup_versions[0]);

    for (i = 0; i < n; i++) {
        caphealth_cgroup_memory(cg, &self, &caphealth_cgroup_versions[i],
                                host_memory);
        caphealth_cgroup_cpu(cg, &self, &caphealth_cgroup_versions[i],
                             host_cores);
    }

    caphealth_cgroup_swap(cg, &self);

    if (caphealth_cgroup_find(&d, &self, "") == 0) {
        memcpy(cg->pressure_dir, d.dir, sizeof(d.dir));
    }

    free(self.groups);
    free(self.mounts);

    return NULL;
}


/*
 * The effective ones, of the nearest level that has a cpuset: what stands
 * above it is in them.  v1 has the effective ones since Linux 3.17.
 */

static int
caphealth_cgroup_cpuset(const caphealth_cgroup_self_t *self,
    const char *controller, const char *const *names,
    caphealth_proc_cpus_t *cpus, const char **bad)
{
    int                      rc;
    char                    *text;
    size_t                   i, len;
    caphealth_cgroup_dir_t   d;

    if (caphealth_cgroup_find(&d, self, controller) == -1) {
        return 0;
    }

    do {
        for (i = 0; names[i] != NULL; i++) {

            text = caphealth_cgroup_file(self->root, d.dir, names[i], &len);

            if (text == NULL) {
                continue;
            }

            rc = caphealth_proc_cpu_list(text, len, NULL, cpus);
            free(text);

            if (rc == 0) {
                return 1;
            }

            *bad = names[i];
            return -1;
        }

    } while (caphealth_cgroup_up(&d));

    return 0;
}


int
caphealth_cgroup_cpus(const char *root, caphealth_proc_cpus_t *cpus,
    const char **bad)
{
    int                      rc;
    caphealth_cgroup_self_t  self;

    static const char *const  v1[] = { "cpuset.effective_cpus",
                                       "cpuset.cpus", NULL };
    static const char *const  v2[] = { "cpuset.cpus.effective", NULL };

    rc = 0;

    if (caphealth_cgroup_self(&self, root) == NULL) {
        rc = caphealth_cgroup_cpuset(&self, "cpuset", v1, cpus, bad);

        if (rc == 0) {
            rc = caphealth_cgroup_cpuset(&self, "", v2, cpus, bad);
        }
    }

    free(self.groups);
    free(self.mounts);

    return rc;
}


double
caphealth_cgroup_cpu_percent(const caphealth_cgroup_t *from,
    const caphealth_cgroup_t *to)
{
    double  time, used;

    if (to->cpu_cores <= 0
        || to->cpu_cores != from->cpu_cores
        || strcmp(to->cpu_level, from->cpu_level) != 0
        || to->cpu_usage < 0 || from->cpu_usage < 0)
    {
        return NAN;
    }

    time = to->cpu_at - from->cpu_at;
    used = to->cpu_usage - from->cpu_usage;

    /* one that went backwards belongs to another group of the same name */

    if (time <= 0 || used < 0) {
        return NAN;
    }

    return fmin(100.0, 100.0 * used / (time * to->cpu_cores));
}
