
/*
 * Under test: src/collector/caphealth_proc.c src/collector/caphealth_str.c
 *
 * Which parser, and a file of the kernel's.
 */

#include "fuzz.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

#include "caphealth_proc.h"


#define PATH  64


static const char *const  controllers[] = { "", "memory", "cpu", "cpuacct" };


static void
stat_(fuzz_bytes_t b)
{
    double                 percent;
    fuzz_bytes_t           first;
    caphealth_proc_stat_t  from, to;

    /* two looks, with a line of "-" between them */

    first = fuzz_piece(&b, '-');

    if (caphealth_proc_stat((const char *) first.data, first.size, &from)
        == -1
        || caphealth_proc_stat((const char *) b.data, b.size, &to) == -1)
    {
        return;
    }

    fuzz_check(from.cores > 0 && to.cores > 0);

    percent = caphealth_proc_cpu_percent(&from, &to);
    fuzz_check(isnan(percent) || (percent >= 0 && percent <= 100));
}


static void
memory(const char *text, size_t len)
{
    int64_t  total, available;

    if (caphealth_proc_meminfo(text, len, &total, &available) == 0) {
        fuzz_check(total > 0 && available >= 0 && available <= total);
    }

    fuzz_check(total == -1 || total > 0);
    fuzz_check(available >= -1);
}


static void
load(const char *text, size_t len)
{
    int     i;
    double  load[3];

    if (caphealth_proc_loadavg(text, len, load) == 0) {
        for (i = 0; i < 3; i++) {
            fuzz_check(isfinite(load[i]) && load[i] >= 0);
        }
    }
}


static void
uptime(const char *text, size_t len)
{
    double  seconds;

    if (caphealth_proc_uptime(text, len, &seconds) == 0) {
        fuzz_check(isfinite(seconds) && seconds >= 0);
    }
}


static void
stall(const caphealth_proc_stall_t *s)
{
    fuzz_check(isfinite(s->avg10) && s->avg10 >= 0);
    fuzz_check(isfinite(s->avg60) && s->avg60 >= 0);
    fuzz_check(isfinite(s->avg300) && s->avg300 >= 0);
    fuzz_check(isfinite(s->total) && s->total >= 0);
}


static void
pressure(const char *text, size_t len)
{
    caphealth_proc_pressure_t  p;

    if (caphealth_proc_pressure(text, len, &p) == 0) {
        fuzz_check(p.has_some);
        stall(&p.some);
        stall(&p.full);
    }
}


static void
group(const char *text, size_t len, const char *controller)
{
    char  *path;

    path = malloc(PATH);
    fuzz_check(path != NULL);

    if (caphealth_proc_cgroup(text, len, controller, path, PATH) == 0) {
        fuzz_check(memchr(path, '\0', PATH) != NULL && path[0] == '/');
    }

    free(path);
}


static void
mount(const char *text, size_t len, const char *controller)
{
    char  *path, *root;

    path = malloc(PATH);
    root = malloc(PATH);
    fuzz_check(path != NULL && root != NULL);

    if (caphealth_proc_cgroup_mount(text, len, controller, path, root, PATH)
        == 0)
    {
        fuzz_check(memchr(path, '\0', PATH) != NULL);
        fuzz_check(memchr(root, '\0', PATH) != NULL);
    }

    free(path);
    free(root);
}


static void
numbers(const char *text, size_t len)
{
    char     *copy;
    int64_t   n, period;

    if (caphealth_proc_number(text, len, &n) == 0) {
        copy = fuzz_string((fuzz_bytes_t) { (const uint8_t *) text, len });

        errno = 0;
        fuzz_check(strtoll(copy, NULL, 10) == n && errno == 0 && n >= 0);

        free(copy);
    }

    if (caphealth_proc_limit(text, len, &n) == 0) {
        fuzz_check(n >= 0);
    }

    if (caphealth_proc_quota(text, len, &n, &period) == 0) {
        fuzz_check(n >= 0 && period >= 0);
    }

    if (caphealth_proc_key(text, len, "inactive_file", &n) == 0) {
        fuzz_check(n >= 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned       which;
    const char    *text;
    fuzz_bytes_t   b = { data, size };

    which = (unsigned) fuzz_number(&b, 1);
    text = (const char *) b.data;

    switch (which % 8) {

    case 0:
        stat_(b);
        break;

    case 1:
        memory(text, b.size);
        break;

    case 2:
        load(text, b.size);
        break;

    case 3:
        pressure(text, b.size);
        break;

    case 4:
        numbers(text, b.size);
        break;

    case 5:
        group(text, b.size, controllers[which / 8 % 4]);
        break;

    case 6:
        uptime(text, b.size);
        break;

    default:
        mount(text, b.size, controllers[which / 8 % 4]);
        break;
    }

    return 0;
}
