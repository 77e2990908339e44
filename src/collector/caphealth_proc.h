
/*
 * Parsers of what the kernel says of itself in /proc and in control groups.
 * Pure functions over text that need not end in a NUL; nothing here opens a
 * file.  Numbers are checked for overflow, and a text that does not end in a
 * newline, as the kernel's do, was cut off and says nothing.
 */

#ifndef CAPHEALTH_PROC_H
#define CAPHEALTH_PROC_H


#include <stddef.h>
#include <stdint.h>


/* user nice system idle iowait irq softirq steal: guest time is inside */

#define CAPHEALTH_PROC_CPU_FIELDS  8
#define CAPHEALTH_PROC_CPU_IDLE    3
#define CAPHEALTH_PROC_CPU_IOWAIT  4


/* the "cpu" line of /proc/stat, in clock ticks, and the number of CPUs */

typedef struct {
    uint64_t  ticks[CAPHEALTH_PROC_CPU_FIELDS];
    unsigned  cores;
} caphealth_proc_stat_t;


/* CPUs by their numbers */

#define CAPHEALTH_PROC_CPUS  8192

typedef struct {
    uint64_t  bits[CAPHEALTH_PROC_CPUS / 64];
} caphealth_proc_cpus_t;


/* /proc/pressure: percent, and seconds since boot */

typedef struct {
    double    avg10;
    double    avg60;
    double    avg300;
    double    total;
} caphealth_proc_stall_t;


typedef struct {
    int                     has_some;
    int                     has_full;
    caphealth_proc_stall_t  some;
    caphealth_proc_stall_t  full;
} caphealth_proc_pressure_t;


/* each returns 0, or -1 if the text does not say what it should */

int caphealth_proc_stat(const char *text, size_t len,
    caphealth_proc_stat_t *stat);

/* the same of some CPUs only: ticks are their sum, cores may be 0 */
int caphealth_proc_stat_of(const char *text, size_t len,
    const caphealth_proc_cpus_t *cpus, caphealth_proc_stat_t *stat);

/* "0-3,8", or what follows key in a file such as /proc/self/status */
int caphealth_proc_cpu_list(const char *text, size_t len, const char *key,
    caphealth_proc_cpus_t *cpus);

/*
 * MemTotal and MemAvailable (Linux 3.14), in bytes; -1: unknown.  Returns -1
 * if either is.
 */
int caphealth_proc_meminfo(const char *text, size_t len, int64_t *total,
    int64_t *available);

int caphealth_proc_loadavg(const char *text, size_t len, double load[3]);

/* seconds since boot */
int caphealth_proc_uptime(const char *text, size_t len, double *uptime);

int caphealth_proc_pressure(const char *text, size_t len,
    caphealth_proc_pressure_t *pressure);

/*
 * CPU use in percent between two samples: 100 * (1 - (didle + diowait) /
 * dtotal), a counter that went backwards counting as one that stood still.
 * NAN if no time has passed.
 */
double caphealth_proc_cpu_percent(const caphealth_proc_stat_t *from,
    const caphealth_proc_stat_t *to);

/*
 * The path of our own control group: that of the named v1 controller, or of
 * v2 if controller is "".  /proc/self/cgroup.  Returns 0 and a NUL-terminated
 * path, or -1 if there is none or it does not fit into size bytes.
 */
int caphealth_proc_cgroup(const char *text, size_t len,
    const char *controller, char *path, size_t size);

/*
 * Where that hierarchy is mounted, and which of its directories is there (its
 * root): /proc/self/mountinfo.  controller is as above.
 */
int caphealth_proc_cgroup_mount(const char *text, size_t len,
    const char *controller, char *mount, char *root, size_t size);

/* A file that begins with a number. */
int caphealth_proc_number(const char *text, size_t len, int64_t *number);

/*
 * The same, of a limit: "max", -1 and what no machine has (v1 says "no limit"
 * with the largest multiple of a page) are INT64_MAX.
 */
int caphealth_proc_limit(const char *text, size_t len, int64_t *limit);

/* cpu.max: a limit and a period, in microseconds. */
int caphealth_proc_quota(const char *text, size_t len, int64_t *quota,
    int64_t *period);

/* The number after key in a file of "key number" lines. */
int caphealth_proc_key(const char *text, size_t len, const char *key,
    int64_t *number);

/* a number in a kstat, such as ZFS's arcstats: its name, type and value */
int caphealth_proc_kstat(const char *text, size_t len, const char *name,
    int64_t *number);


#endif /* CAPHEALTH_PROC_H */
