
/*
 * The system: CPU, memory, load, pressure, of the host or of the control
 * group that limits us.
 */

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "caphealth_cgroup.h"
#include "caphealth_file.h"
#include "caphealth_proc.h"
#include "caphealth_source.h"


struct caphealth_host_s {
    const char            *root;
    int                    sampled;
    caphealth_proc_stat_t  stat;       /* the last sample, of the host */
    caphealth_cgroup_t     cgroup;     /* the last one, of our group */
    double                 at;         /* when, monotonic seconds */
};


/* one look */

typedef struct {
    caphealth_proc_stat_t  stat;
    caphealth_cgroup_t     cgroup;
    double                 at;
    uint64_t               total;      /* memory */
    uint64_t               available;
    double                 load[3];
    unsigned               has_stat:1;
    unsigned               has_memory:1;
    unsigned               has_load:1;
} caphealth_look_t;


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


static void
caphealth_host_error(caphealth_answer_t *a, const char *path, int err)
{
    size_t  len;

    len = strlen(a->error);

    (void) snprintf(a->error + len, sizeof(a->error) - len, "%s\"%s\" %s%s",
                    len ? "; " : "", path,
                    err ? "cannot be read: " : "is not as expected",
                    err ? strerror(err) : "");
}


static char *
caphealth_host_file(caphealth_host_t *h, const char *path, size_t *len,
    caphealth_answer_t *a)
{
    char  *text;

    text = caphealth_file_read(h->root, path, len);

    if (text == NULL) {
        caphealth_host_error(a, path, errno);
    }

    return text;
}


static void
caphealth_host_look(caphealth_host_t *h, caphealth_look_t *look,
    caphealth_answer_t *a)
{
    char             *text;
    size_t            len;
    struct timespec   ts;

    memset(look, 0, sizeof(caphealth_look_t));

    text = caphealth_host_file(h, "/proc/stat", &len, a);
    if (text != NULL) {
        look->has_stat = caphealth_proc_stat(text, len, &look->stat) == 0;

        if (!look->has_stat) {
            caphealth_host_error(a, "/proc/stat", 0);
        }

        free(text);
    }

    text = caphealth_host_file(h, "/proc/meminfo", &len, a);
    if (text != NULL) {
        look->has_memory = caphealth_proc_meminfo(text, len, &look->total,
                                                  &look->available) == 0;
        if (!look->has_memory) {
            caphealth_host_error(a, "/proc/meminfo", 0);
        }

        free(text);
    }

    text = caphealth_host_file(h, "/proc/loadavg", &len, a);
    if (text != NULL) {
        look->has_load = caphealth_proc_loadavg(text, len, look->load) == 0;

        if (!look->has_load) {
            caphealth_host_error(a, "/proc/loadavg", 0);
        }

        free(text);
    }

    caphealth_cgroup_read(&look->cgroup, h->root,
                          look->has_memory ? (int64_t) look->total
                                           : INT64_MAX,
                          look->has_stat ? look->stat.cores : UINT_MAX);

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    look->at = (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static json_t *
caphealth_host_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}


/* NAN at the first look, and at the first under another limit */

static double
caphealth_host_cpu(caphealth_host_t *h, const caphealth_look_t *look)
{
    double                     time, used;
    const caphealth_cgroup_t  *from, *to;

    if (!h->sampled) {
        return NAN;
    }

    from = &h->cgroup;
    to = &look->cgroup;

    if (to->cpu_cores == 0 && from->cpu_cores == 0) {
        return look->has_stat
               ? caphealth_proc_cpu_percent(&h->stat, &look->stat) : NAN;
    }

    time = look->at - h->at;
    used = to->cpu_usage - from->cpu_usage;

    if (to->cpu_cores != from->cpu_cores
        || strcmp(to->cpu_level, from->cpu_level) != 0
        || to->cpu_usage < 0 || from->cpu_usage < 0
        || time <= 0)
    {
        return NAN;
    }

    return fmin(100.0, fmax(0.0, 100.0 * used / (time * to->cpu_cores)));
}


static json_t *
caphealth_host_stall(int has, const caphealth_proc_stall_t *s)
{
    if (!has) {
        return json_null();
    }

    return json_pack("{s:f, s:f, s:f, s:f}", "avg10", s->avg10,
                     "avg60", s->avg60, "avg300", s->avg300,
                     "total", s->total);
}


/* a kernel may be without PSI: then it is unknown, and no error */

static json_t *
caphealth_host_pressure(caphealth_host_t *h, const caphealth_look_t *look,
    int limited, const char *what)
{
    int                         rc;
    char                       *text, path[PATH_MAX];
    size_t                      len;
    caphealth_proc_pressure_t   pressure;

    text = NULL;

    if (limited && look->cgroup.pressure_dir[0] != '\0'
        && snprintf(path, sizeof(path), "%s/%s.pressure",
                    look->cgroup.pressure_dir, what) < (int) sizeof(path))
    {
        text = caphealth_file_read(h->root, path, &len);
    }

    if (text == NULL) {
        (void) snprintf(path, sizeof(path), "/proc/pressure/%s", what);
        text = caphealth_file_read(h->root, path, &len);
    }

    if (text == NULL) {
        return json_null();
    }

    rc = caphealth_proc_pressure(text, len, &pressure);
    free(text);

    if (rc == -1) {
        return json_null();
    }

    return json_pack("{s:o, s:o}",
                     "some", caphealth_host_stall(pressure.has_some,
                                                  &pressure.some),
                     "full", caphealth_host_stall(pressure.has_full,
                                                  &pressure.full));
}


static void
caphealth_host_memory(const caphealth_look_t *look, json_t **total,
    json_t **used)
{
    const caphealth_cgroup_t  *cg;

    cg = &look->cgroup;

    if (cg->memory_limit != INT64_MAX) {
        *total = json_integer(cg->memory_limit);
        *used = cg->memory_used < 0 ? json_null()
                                    : json_integer(cg->memory_used);
        return;
    }

    if (!look->has_memory) {
        *total = json_null();
        *used = json_null();
        return;
    }

    *total = json_integer((json_int_t) look->total);
    *used = json_integer((json_int_t) (look->total - look->available));
}


static double
caphealth_host_cores(const caphealth_look_t *look)
{
    if (look->cgroup.cpu_cores > 0) {
        return look->cgroup.cpu_cores;
    }

    return look->has_stat ? (double) look->stat.cores : NAN;
}


void
caphealth_host_collect(caphealth_host_t *h, caphealth_answer_t *a)
{
    int                i, limited;
    json_t            *total, *used, *load[3];
    caphealth_look_t   look;

    caphealth_host_look(h, &look, a);

    if (!look.has_stat && !look.has_memory && !look.has_load) {
        return;
    }

    limited = look.cgroup.cpu_cores > 0
              || look.cgroup.memory_limit != INT64_MAX;

    caphealth_host_memory(&look, &total, &used);

    for (i = 0; i < 3; i++) {
        load[i] = look.has_load ? json_real(look.load[i]) : json_null();
    }

    a->data = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
                        " s:{s:o, s:o, s:o}}",
                        "scope", limited ? "cgroup" : "host",
                        "cpu_percent",
                        caphealth_host_number(caphealth_host_cpu(h, &look)),
                        "cores",
                        caphealth_host_number(caphealth_host_cores(&look)),
                        "memory_total", total, "memory_used", used,
                        "load1", load[0], "load5", load[1], "load15", load[2],
                        "pressure",
                        "cpu", caphealth_host_pressure(h, &look, limited,
                                                       "cpu"),
                        "memory", caphealth_host_pressure(h, &look, limited,
                                                          "memory"),
                        "io", caphealth_host_pressure(h, &look, limited,
                                                      "io"));

    h->stat = look.stat;
    h->cgroup = look.cgroup;
    h->at = look.at;
    h->sampled = look.has_stat || look.cgroup.cpu_cores > 0;
}
