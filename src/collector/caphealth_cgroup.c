
/*
 * The limits of our own control group.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_cgroup.h"
#include "caphealth_file.h"
#include "caphealth_proc.h"


/* what differs between the versions */

typedef struct {
    const char  *memory;         /* the controller's name, "": v2 */
    const char  *memory_limit;
    const char  *memory_usage;
    const char  *inactive_file;  /* of memory.stat */
    const char  *cpu;
    const char  *cpu_quota;
    const char  *cpu_period;     /* NULL: the second number of cpu_quota */
    const char  *cpuacct;
    const char  *cpu_usage;
    const char  *cpu_usage_key;  /* NULL: the whole file is the number */
    double       cpu_usage_unit; /* in seconds */
} caphealth_cgroup_version_t;


typedef struct {
    char         dir[PATH_MAX];  /* of our own group, below the root */
    size_t       mount;          /* the length of its mount point */
} caphealth_cgroup_dir_t;


static const caphealth_cgroup_version_t  caphealth_cgroup_versions[] = {
    { "", "memory.max", "memory.current", "inactive_file",
      "", "cpu.max", NULL,
      "", "cpu.stat", "usage_usec", 1e-6 },

    { "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
      "total_inactive_file",
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
        return NULL;
    }

    return caphealth_file_read(root, path, len);
}


static int64_t
caphealth_cgroup_number(const char *root, const char *dir, const char *name,
    const char *key)
{
    int       rc;
    char     *text;
    size_t    len;
    int64_t   number;

    text = caphealth_cgroup_file(root, dir, name, &len);
    if (text == NULL) {
        return -1;
    }

    rc = (key == NULL) ? caphealth_proc_number(text, len, &number)
                       : caphealth_proc_key(text, len, key, &number);

    free(text);

    return rc == 0 ? number : -1;
}


/*
 * A container sees its own group at the mount point itself: /proc/self/cgroup
 * then names a path that is below the mount's root, or "/", or "/..".
 */

static int
caphealth_cgroup_find(caphealth_cgroup_dir_t *d, const char *root,
    const char *controller)
{
    int     n, rc;
    char   *text, path[PATH_MAX], mount[PATH_MAX], top[PATH_MAX];
    size_t  len;

    text = caphealth_file_read(root, "/proc/self/cgroup", &len);
    if (text == NULL) {
        return -1;
    }

    rc = caphealth_proc_cgroup(text, len, controller, path, sizeof(path));
    free(text);

    if (rc == -1) {
        return -1;
    }

    text = caphealth_file_read(root, "/proc/self/mountinfo", &len);
    if (text == NULL) {
        return -1;
    }

    rc = caphealth_proc_cgroup_mount(text, len, controller, mount, top,
                                     sizeof(mount));
    free(text);

    if (rc == -1) {
        return -1;
    }

    len = (strcmp(top, "/") == 0) ? 0 : strlen(top);

    if (strncmp(path, top, len) != 0
        || (path[len] != '/' && path[len] != '\0')
        || strncmp(path, "/..", 3) == 0
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


static void
caphealth_cgroup_memory(caphealth_cgroup_t *cg, const char *root,
    const caphealth_cgroup_version_t *v, int64_t host)
{
    int64_t                 limit, used, inactive;
    caphealth_cgroup_dir_t  d;

    if (caphealth_cgroup_find(&d, root, v->memory) == -1) {
        return;
    }

    do {
        limit = caphealth_cgroup_number(root, d.dir, v->memory_limit, NULL);

        if (limit < 0 || limit >= host || limit >= cg->memory_limit) {
            continue;
        }

        used = caphealth_cgroup_number(root, d.dir, v->memory_usage, NULL);
        inactive = caphealth_cgroup_number(root, d.dir, "memory.stat",
                                           v->inactive_file);

        cg->memory_limit = limit;
        cg->memory_used = (used < 0 || inactive < 0) ? -1
                          : used > inactive ? used - inactive : 0;

    } while (caphealth_cgroup_up(&d));
}


static double
caphealth_cgroup_quota(const char *root, const char *dir,
    const caphealth_cgroup_version_t *v)
{
    char     *text, *space;
    size_t    len;
    int64_t   quota, period;

    if (v->cpu_period != NULL) {
        quota = caphealth_cgroup_number(root, dir, v->cpu_quota, NULL);
        period = caphealth_cgroup_number(root, dir, v->cpu_period, NULL);

    } else {
        quota = -1;
        period = -1;

        text = caphealth_cgroup_file(root, dir, v->cpu_quota, &len);
        if (text == NULL) {
            return 0;
        }

        space = strchr(text, ' ');

        if (space == NULL
            || caphealth_proc_number(text, len, &quota) == -1
            || caphealth_proc_number(space, strlen(space), &period) == -1)
        {
            quota = -1;
        }

        free(text);
    }

    if (quota <= 0 || quota == INT64_MAX || period <= 0) {
        return 0;
    }

    return (double) quota / (double) period;
}


/* the same level in the hierarchy of the controller that counts */

static int64_t
caphealth_cgroup_usage(const char *root, const caphealth_cgroup_dir_t *level,
    const caphealth_cgroup_version_t *v)
{
    char                    dir[PATH_MAX];
    int                     n;
    caphealth_cgroup_dir_t  d;

    if (caphealth_cgroup_find(&d, root, v->cpuacct) == -1) {
        return -1;
    }

    n = snprintf(dir, sizeof(dir), "%.*s%s", (int) d.mount, d.dir,
                 level->dir + level->mount);

    if (n < 0 || (size_t) n >= sizeof(dir)) {
        return -1;
    }

    return caphealth_cgroup_number(root, dir, v->cpu_usage,
                                   v->cpu_usage_key);
}


static void
caphealth_cgroup_cpu(caphealth_cgroup_t *cg, const char *root,
    const caphealth_cgroup_version_t *v, unsigned host)
{
    double                  cores;
    int64_t                 usage;
    caphealth_cgroup_dir_t  d;

    if (caphealth_cgroup_find(&d, root, v->cpu) == -1) {
        return;
    }

    do {
        cores = caphealth_cgroup_quota(root, d.dir, v);

        if (cores <= 0 || cores >= host
            || (cg->cpu_cores > 0 && cores >= cg->cpu_cores))
        {
            continue;
        }

        usage = caphealth_cgroup_usage(root, &d, v);

        cg->cpu_cores = cores;
        cg->cpu_usage = usage < 0 ? -1 : (double) usage * v->cpu_usage_unit;

        memcpy(cg->cpu_level, d.dir, sizeof(d.dir));

    } while (caphealth_cgroup_up(&d));
}


void
caphealth_cgroup_read(caphealth_cgroup_t *cg, const char *root,
    int64_t host_memory, unsigned host_cores)
{
    size_t                  i, n;
    caphealth_cgroup_dir_t  d;

    memset(cg, 0, sizeof(caphealth_cgroup_t));

    cg->memory_limit = INT64_MAX;
    cg->memory_used = -1;
    cg->cpu_usage = -1;

    n = sizeof(caphealth_cgroup_versions)
        / sizeof(caphealth_cgroup_versions[0]);

    for (i = 0; i < n; i++) {
        caphealth_cgroup_memory(cg, root, &caphealth_cgroup_versions[i],
                                host_memory);
        caphealth_cgroup_cpu(cg, root, &caphealth_cgroup_versions[i],
                             host_cores);
    }

    if (caphealth_cgroup_find(&d, root, "") == 0) {
        memcpy(cg->pressure_dir, d.dir, sizeof(d.dir));
    }
}
