
/*
 * caphealth-converter --remake.
 *
 * The process that was started counts and reports; workers of it take a slice
 * of the tree after the other, and each has a sandboxed process that decodes.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "caphealth_image_source.h"
#include "caphealth_output.h"
#include "caphealth_remake.h"
#include "caphealth_state.h"


#define CAPHEALTH_REMAKE_LEAVES  (256 * 256)

/* the first line of the state file; a hash of what is asked for follows it */
#define CAPHEALTH_REMAKE_MAGIC   "caphealth-remake 1"

/* a decoder is replaced after so many images, as nginx replaces them */
#define CAPHEALTH_REMAKE_IMAGES  100

/* how often the state is saved, seconds */
#define CAPHEALTH_REMAKE_SAVE    10

/* <linux/ioprio.h>: IOPRIO_WHO_PROCESS, IOPRIO_CLASS_IDLE << 13 */
#define CAPHEALTH_IOPRIO_PROCESS  1
#define CAPHEALTH_IOPRIO_IDLE     (3 << 13)


/* shared by the processes */

typedef struct {
    atomic_int         stop;
    atomic_uint        slice;          /* the next one */
    atomic_ullong      total;          /* sources, as counted at the start */
    atomic_ullong      sources;        /* that were checked */
    atomic_ullong      complete;       /* of these, nothing was to be made */
    atomic_ullong      images;         /* of which variants were made */
    atomic_ullong      files;          /* the variants */
    atomic_ullong      bytes;          /* in them */
    atomic_ullong      lost;           /* images without any file, left alone */
    atomic_ullong      deleted;        /* while they were being made */
    atomic_ullong      failed;
    atomic_uchar       done[CAPHEALTH_REMAKE_LEAVES];
} caphealth_remake_shared_t;


/* a worker, and the source in its hands */

typedef struct {
    caphealth_remake_t         *remake;
    caphealth_remake_shared_t  *shared;
    caphealth_job_t             job;
    char                        id[CAPHEALTH_ID_LEN + 1];
    char                        name[CAPHEALTH_IMAGE_SOURCE_LEN];
    int                         dir;         /* of the sources */
    uint32_t                    present;     /* a bit for each variant */
    unsigned                    decoded;     /* by the present decoder */
    unsigned                    others;      /* files of the image that are no
                                                variants now */
} caphealth_remake_worker_t;


static volatile sig_atomic_t  caphealth_remake_signal;


static int caphealth_remake_prepare(caphealth_remake_t *remake);
static int caphealth_remake_become_owner(const char *root);
static void caphealth_remake_idle(void);
static int caphealth_remake_claim(const char *dir);
static void caphealth_remake_signals(void);
static void caphealth_remake_caught(int signo);
static int caphealth_remake_run(caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared);
static void caphealth_remake_count(caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared);
static int caphealth_remake_wait(caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared, unsigned workers);
static void caphealth_remake_report(const caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared, double seconds, int last);
static void caphealth_remake_print(caphealth_remake_shared_t *shared,
    double rate, double left, int last);
static double caphealth_remake_now(void);
static uint64_t caphealth_remake_hash(const caphealth_remake_t *remake);
static int caphealth_remake_load(const caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared);
static int caphealth_remake_save(const caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared);
static void caphealth_remake_work(caphealth_remake_worker_t *w);
static void caphealth_remake_slice(caphealth_remake_worker_t *w,
    unsigned slice);
static int caphealth_remake_leaf(caphealth_remake_worker_t *w, const char *id);
static DIR *caphealth_remake_open(const char *root, const char *id);
static int caphealth_remake_is_source(const char *prefix, const char *name);
static void caphealth_remake_source(caphealth_remake_worker_t *w);
static int caphealth_remake_look(caphealth_remake_worker_t *w);
static void caphealth_remake_file(caphealth_remake_worker_t *w,
    const char *name);
static uint32_t caphealth_remake_wanted(caphealth_remake_worker_t *w);
static void caphealth_remake_make(caphealth_remake_worker_t *w,
    uint32_t wanted);
static int caphealth_remake_focus(caphealth_remake_worker_t *w, int fd);
static int caphealth_remake_convert(caphealth_remake_worker_t *w, int fd,
    caphealth_image_files_t *files, caphealth_result_t *result);
static int caphealth_remake_publish(caphealth_remake_worker_t *w,
    caphealth_image_files_t *files);
static void caphealth_remake_failed(caphealth_remake_worker_t *w,
    const char *format, ...) __attribute__((format(printf, 2, 3)));


int
caphealth_remake(caphealth_remake_t *remake)
{
    int                         claim, rc;
    caphealth_remake_shared_t  *shared;

    if (caphealth_remake_prepare(remake) == -1) {
        return 2;
    }

    shared = mmap(NULL, sizeof(caphealth_remake_shared_t),
                  PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED) {
        perror("caphealth-converter: mmap() failed");
        return 2;
    }

    claim = -1;

    if (remake->state_dir) {
        claim = caphealth_remake_claim(remake->state_dir);

        if (claim == -1) {
            (void) munmap(shared, sizeof(caphealth_remake_shared_t));
            return 2;
        }
    }

    rc = caphealth_remake_load(remake, shared) == -1
         ? 2 : caphealth_remake_run(remake, shared);

    if (claim != -1) {
        (void) close(claim);
    }

    (void) munmap(shared, sizeof(caphealth_remake_shared_t));

    return rc;
}


static int
caphealth_remake_prepare(caphealth_remake_t *remake)
{
    if (access(remake->source, R_OK|X_OK) == -1 && geteuid() != 0) {
        fprintf(stderr, "caphealth-converter: --source \"%s\": %s; run as the "
                "user of nginx's workers, or as root\n", remake->source,
                strerror(errno));
        return -1;
    }

    if (geteuid() == 0 && caphealth_remake_become_owner(remake->root) == -1) {
        return -1;
    }

    if (access(remake->root, R_OK|W_OK|X_OK) == -1) {
        fprintf(stderr, "caphealth-converter: --root \"%s\": %s; run as the "
                "user of nginx's workers, or as root\n", remake->root,
                strerror(errno));
        return -1;
    }

    if (access(remake->source, R_OK|X_OK) == -1) {
        fprintf(stderr, "caphealth-converter: --source \"%s\": %s\n",
                remake->source, strerror(errno));
        return -1;
    }

    if (remake->child.limits.idle) {
        caphealth_remake_idle();
    }

    caphealth_remake_signals();

    return 0;
}


/* so that what is made belongs to the workers' user, as all of the tree */

static int
caphealth_remake_become_owner(const char *root)
{
    struct stat  st;

    if (stat(root, &st) == -1) {
        fprintf(stderr, "caphealth-converter: --root \"%s\": %s\n", root,
                strerror(errno));
        return -1;
    }

    if (st.st_uid == 0) {
        return 0;
    }

    if (setgroups(0, NULL) == -1 || setgid(st.st_gid) == -1
        || setuid(st.st_uid) == -1)
    {
        fprintf(stderr, "caphealth-converter: the owner of \"%s\" cannot be "
                "impersonated: %s\n", root, strerror(errno));
        return -1;
    }

    return 0;
}


/* everything else on the machine goes first, on its CPUs and on its disks */

static void
caphealth_remake_idle(void)
{
    struct sched_param  param;

    memset(&param, 0, sizeof(param));

    (void) sched_setscheduler(0, SCHED_IDLE, &param);
    (void) syscall(SYS_ioprio_set, CAPHEALTH_IOPRIO_PROCESS, 0,
                   CAPHEALTH_IOPRIO_IDLE);
}


/* nginx's counts are not "live" meanwhile, and it scans when this is gone */

static int
caphealth_remake_claim(const char *dir)
{
    int       fd;
    uint64_t  number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
        perror("caphealth-converter: getrandom() failed");
        return -1;
    }

    number = 1 + number % (uint64_t) (INT64_MAX / 2 - 1);
    fd = caphealth_state_claim(dir, number);

    if (fd == -1) {
        fprintf(stderr, "caphealth-converter: --state-dir \"%s\": %s\n", dir,
                strerror(errno));
    }

    return fd;
}


/* the workers read it in the shared memory after their current image */

static void
caphealth_remake_signals(void)
{
    struct sigaction  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = caphealth_remake_caught;

    (void) sigaction(SIGINT, &sa, NULL);
    (void) sigaction(SIGTERM, &sa, NULL);
    (void) sigaction(SIGHUP, &sa, NULL);
    (void) signal(SIGPIPE, SIG_IGN);
}


static void
caphealth_remake_caught(int signo)
{
    caphealth_remake_signal = signo;
}


static int
caphealth_remake_run(caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared)
{
    pid_t                       pid, parent;
    unsigned                    i;
    caphealth_remake_worker_t   w;

    memset(&w, 0, sizeof(caphealth_remake_worker_t));
    w.remake = remake;
    w.shared = shared;

    caphealth_remake_count(remake, shared);

    parent = getpid();

    for (i = 0; i < remake->jobs; i++) {
        pid = fork();

        if (pid == -1) {
            perror("caphealth-converter: fork() failed");

            if (i == 0) {
                return 2;
            }

            break;
        }

        if (pid == 0) {
            (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void) signal(SIGINT, SIG_IGN);
            (void) signal(SIGTERM, SIG_IGN);
            (void) signal(SIGHUP, SIG_IGN);

            if (getppid() == parent) {
                caphealth_remake_work(&w);
            }

            _exit(0);
        }
    }

    return caphealth_remake_wait(remake, shared, i);
}


/* so that it can be said how much is left */

static void
caphealth_remake_count(caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared)
{
    DIR            *list;
    char            id[CAPHEALTH_ID_LEN + 1];
    unsigned        i;
    struct dirent  *entry;

    for (i = 0; i < CAPHEALTH_REMAKE_LEAVES && !caphealth_remake_signal; i++) {

        if (atomic_load(&shared->done[i])) {
            continue;
        }

        (void) snprintf(id, sizeof(id), "%04x", i);
        list = caphealth_remake_open(remake->source, id);

        while (list && (entry = readdir(list)) != NULL) {
            if (caphealth_remake_is_source(id, entry->d_name)) {
                atomic_fetch_add(&shared->total, 1);
            }
        }

        if (list) {
            (void) closedir(list);
        }
    }
}


static int
caphealth_remake_wait(caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared, unsigned workers)
{
    int              status, broken;
    pid_t            pid;
    double           start, saved, reported, now;
    struct timespec  pause;

    start = caphealth_remake_now();
    saved = reported = start;
    broken = 0;

    while (workers) {
        pid = waitpid(-1, &status, WNOHANG);

        if (pid > 0) {
            workers--;
            broken |= (status != 0);
            continue;
        }

        if (caphealth_remake_signal) {
            atomic_store(&shared->stop, 1);
        }

        now = caphealth_remake_now();

        if (now >= reported + 1) {
            caphealth_remake_report(remake, shared, now - start, 0);
            reported = now;
        }

        if (now >= saved + CAPHEALTH_REMAKE_SAVE) {
            (void) caphealth_remake_save(remake, shared);
            saved = now;
        }

        pause.tv_sec = 0;
        pause.tv_nsec = 50000000;

        (void) nanosleep(&pause, NULL);
    }

    broken |= (caphealth_remake_save(remake, shared) == -1);

    caphealth_remake_report(remake, shared, caphealth_remake_now() - start, 1);

    if (fflush(stdout) == EOF) {
        perror("caphealth-converter: the answer cannot be written");
        broken = 1;
    }

    if (atomic_load(&shared->stop)) {
        return 3;
    }

    return (broken || atomic_load(&shared->failed)) ? 1 : 0;
}


static void
caphealth_remake_report(const caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared, double seconds, int last)
{
    double              rate, left;
    unsigned long long  total, sources;

    total = atomic_load(&shared->total);
    sources = atomic_load(&shared->sources);

    rate = seconds > 0 ? (double) sources / seconds : 0;
    left = (rate > 0 && total > sources) ? (double) (total - sources) / rate
                                         : 0;

    if (remake->json || last) {
        caphealth_remake_print(shared, rate, left, last);
    }

    if (!remake->json && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%llu of %llu sources, %llu images made, %llu "
                "failed, %.1f a second, %.0f s left %s", sources, total,
                atomic_load(&shared->images), atomic_load(&shared->failed),
                rate, left, last ? "\n" : "");
    }
}


static void
caphealth_remake_print(caphealth_remake_shared_t *shared, double rate,
    double left, int last)
{
    printf("{\"total\":%llu,\"sources\":%llu,\"complete\":%llu,"
           "\"images\":%llu,\"files\":%llu,\"bytes\":%llu,\"lost\":%llu,"
           "\"deleted\":%llu,\"failed\":%llu,\"rate\":%.1f,"
           "\"remaining_seconds\":%.0f,\"finished\":%s}\n",
           atomic_load(&shared->total), atomic_load(&shared->sources),
           atomic_load(&shared->complete), atomic_load(&shared->images),
           atomic_load(&shared->files), atomic_load(&shared->bytes),
           atomic_load(&shared->lost), atomic_load(&shared->deleted),
           atomic_load(&shared->failed), rate, left,
           last && !atomic_load(&shared->stop) ? "true" : "false");

    (void) fflush(stdout);
}


static double
caphealth_remake_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/* --- the state file: how far another run came with the same task --- */

static uint64_t
caphealth_remake_hash(const caphealth_remake_t *remake)
{
    uint32_t  options[5];
    uint64_t  hash;
    unsigned  i;

    options[0] = remake->replace;
    options[1] = remake->lost;
    options[2] = remake->variants.n;
    options[3] = (uint32_t) remake->focus_x;
    options[4] = (uint32_t) remake->focus_y;

    hash = caphealth_hash(CAPHEALTH_HASH, remake->root,
                          strlen(remake->root) + 1);
    hash = caphealth_hash(hash, remake->source, strlen(remake->source) + 1);
    hash = caphealth_hash(hash, options, sizeof(options));

    for (i = 0; i < remake->variants.n; i++) {
        hash = caphealth_hash(hash, remake->variants.names[i],
                              strlen(remake->variants.names[i]) + 1);
        hash = caphealth_hash(hash, &remake->variants.variants[i],
                              sizeof(caphealth_variant_t));
    }

    return hash;
}


static int
caphealth_remake_load(const caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared)
{
    int       c;
    char      head[64], wanted[64];
    FILE     *file;
    size_t    i;

    if (remake->state == NULL) {
        return 0;
    }

    file = fopen(remake->state, "re");

    if (file == NULL) {
        if (errno == ENOENT) {
            return 0;
        }

        fprintf(stderr, "caphealth-converter: --state \"%s\": %s\n",
                remake->state, strerror(errno));
        return -1;
    }

    (void) snprintf(wanted, sizeof(wanted),
                    CAPHEALTH_REMAKE_MAGIC " %016" PRIx64 "\n",
                    caphealth_remake_hash(remake));

    if (fgets(head, sizeof(head), file) == NULL || strcmp(head, wanted) != 0) {
        fprintf(stderr, "caphealth-converter: --state \"%s\": it is of "
                "another task: other trees, variants or options; remove it to "
                "begin anew\n", remake->state);
        (void) fclose(file);
        return -1;
    }

    for (i = 0; i < CAPHEALTH_REMAKE_LEAVES; i++) {
        c = fgetc(file);

        if (c != '0' && c != '1') {
            fprintf(stderr, "caphealth-converter: --state \"%s\": it is "
                    "damaged; remove it to begin anew\n", remake->state);
            (void) fclose(file);
            return -1;
        }

        atomic_store(&shared->done[i], (unsigned char) (c == '1'));
    }

    (void) fclose(file);

    return 0;
}


static int
caphealth_remake_save(const caphealth_remake_t *remake,
    caphealth_remake_shared_t *shared)
{
    int      rc;
    char    *temp;
    FILE    *file;
    size_t   i;

    if (remake->state == NULL) {
        return 0;
    }

    if (asprintf(&temp, "%s.tmp", remake->state) == -1) {
        return -1;
    }

    file = fopen(temp, "we");
    rc = (file == NULL) ? -1 : 0;

    if (file) {
        fprintf(file, CAPHEALTH_REMAKE_MAGIC " %016" PRIx64 "\n",
                caphealth_remake_hash(remake));

        for (i = 0; i < CAPHEALTH_REMAKE_LEAVES; i++) {
            fputc(atomic_load(&shared->done[i]) ? '1' : '0', file);
        }

        fputc('\n', file);

        rc = (fflush(file) == EOF || fsync(fileno(file)) == -1) ? -1 : 0;

        if (fclose(file) == EOF) {
            rc = -1;
        }
    }

    if (rc == 0) {
        rc = rename(temp, remake->state);
    }

    if (rc == -1) {
        fprintf(stderr, "caphealth-converter: --state \"%s\" cannot be "
                "written: %s\n", remake->state, strerror(errno));
    }

    free(temp);

    return rc;
}


/* --- a worker --- */

static void
caphealth_remake_work(caphealth_remake_worker_t *w)
{
    unsigned  slice;

    while (!atomic_load(&w->shared->stop)) {
        slice = atomic_fetch_add(&w->shared->slice, 1);

        if (slice >= 256) {
            break;
        }

        caphealth_remake_slice(w, slice);
    }

    caphealth_child_stop(&w->remake->child);
}


static void
caphealth_remake_slice(caphealth_remake_worker_t *w, unsigned slice)
{
    char      id[CAPHEALTH_ID_LEN + 1];
    unsigned  leaf;

    for (leaf = 0; leaf < 256 && !atomic_load(&w->shared->stop); leaf++) {

        if (atomic_load(&w->shared->done[slice * 256 + leaf])) {
            continue;
        }

        (void) snprintf(id, sizeof(id), "%02x%02x", slice & 255, leaf & 255);

        if (caphealth_remake_leaf(w, id) == 0
            && !atomic_load(&w->shared->stop))
        {
            atomic_store(&w->shared->done[slice * 256 + leaf], 1);
        }
    }
}


/* id has its first four digits; 0, or -1: its sources could not be read */

static int
caphealth_remake_leaf(caphealth_remake_worker_t *w, const char *id)
{
    int             err;
    DIR            *list;
    struct dirent  *entry;

    list = caphealth_remake_open(w->remake->source, id);

    if (list == NULL) {
        if (errno == ENOENT) {
            return 0;
        }

        caphealth_remake_failed(w, "\"%s/%.2s/%s\": %s", w->remake->source, id,
                                id + 2, strerror(errno));
        return -1;
    }

    w->dir = dirfd(list);

    while (!atomic_load(&w->shared->stop)) {
        errno = 0;
        entry = readdir(list);

        if (entry == NULL) {
            break;
        }

        if (caphealth_remake_is_source(id, entry->d_name)) {
            (void) snprintf(w->name, sizeof(w->name), "%.*s",
                            CAPHEALTH_IMAGE_SOURCE_LEN - 1, entry->d_name);
            (void) snprintf(w->id, sizeof(w->id), "%.*s", CAPHEALTH_ID_LEN,
                            entry->d_name);

            caphealth_remake_source(w);
            atomic_fetch_add(&w->shared->sources, 1);
            errno = 0;
        }
    }

    err = errno;

    if (err) {
        caphealth_remake_failed(w, "\"%s/%.2s/%s\": %s", w->remake->source, id,
                                id + 2, strerror(err));
    }

    (void) closedir(list);

    return err ? -1 : 0;
}


/* NULL with errno set */

static DIR *
caphealth_remake_open(const char *root, const char *id)
{
    int   fd, err;
    DIR  *list;

    fd = caphealth_image_find_leaf(root, id);
    if (fd == -1) {
        return NULL;
    }

    list = fdopendir(fd);

    if (list == NULL) {
        err = errno;
        (void) close(fd);
        errno = err;
    }

    return list;
}


static int
caphealth_remake_is_source(const char *prefix, const char *name)
{
    int  hidden;

    return caphealth_image_source_valid(name, strlen(name), &hidden)
           != CAPHEALTH_FORMAT_UNKNOWN
           && !hidden
           && memcmp(name, prefix, 4) == 0;
}


static void
caphealth_remake_source(caphealth_remake_worker_t *w)
{
    uint32_t  wanted;

    if (caphealth_remake_look(w) == -1) {
        caphealth_remake_failed(w, "its image cannot be looked at: %s",
                                strerror(errno));
        return;
    }

    if (w->present == 0 && w->others == 0 && !w->remake->lost) {
        atomic_fetch_add(&w->shared->lost, 1);
        return;
    }

    wanted = caphealth_remake_wanted(w);

    if (wanted == 0) {
        atomic_fetch_add(&w->shared->complete, 1);
        return;
    }

    caphealth_remake_make(w, wanted);
}


/* which files there are of the image */

static int
caphealth_remake_look(caphealth_remake_worker_t *w)
{
    int             err;
    DIR            *list;
    struct dirent  *entry;

    w->present = 0;
    w->others = 0;

    list = caphealth_remake_open(w->remake->root, w->id);

    if (list == NULL) {
        return errno == ENOENT ? 0 : -1;
    }

    errno = 0;

    while ((entry = readdir(list)) != NULL) {
        if (strncmp(entry->d_name, w->id, CAPHEALTH_ID_LEN) == 0
            && entry->d_name[CAPHEALTH_ID_LEN] == '_')
        {
            caphealth_remake_file(w, entry->d_name + CAPHEALTH_ID_LEN + 1);
        }

        errno = 0;
    }

    err = errno;
    (void) closedir(list);
    errno = err;

    return err ? -1 : 0;
}


/* name is what follows the id: "800.webp" */

static void
caphealth_remake_file(caphealth_remake_worker_t *w, const char *name)
{
    size_t    len, extension;
    unsigned  i;

    len = strlen(name);
    extension = caphealth_output_extension(name, len);

    if (extension == 0) {
        return;
    }

    len -= extension;

    for (i = 0; i < w->remake->variants.n; i++) {
        if (strncmp(w->remake->variants.names[i], name, len) == 0
            && w->remake->variants.names[i][len] == '\0')
        {
            w->present |= (uint32_t) 1 << i;
            return;
        }
    }

    w->others++;
}


static uint32_t
caphealth_remake_wanted(caphealth_remake_worker_t *w)
{
    uint32_t  all;

    all = ((uint32_t) 1 << w->remake->variants.n) - 1;

    return (all & ~w->present) | w->remake->replace;
}


static void
caphealth_remake_make(caphealth_remake_worker_t *w, uint32_t wanted)
{
    int                      fd;
    unsigned                 i;
    uint64_t                 bytes;
    caphealth_result_t       result;
    caphealth_image_files_t  files;

    fd = openat(w->dir, w->name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1) {
        if (errno == ENOENT) {
            atomic_fetch_add(&w->shared->deleted, 1);

        } else {
            caphealth_remake_failed(w, "open() failed: %s", strerror(errno));
        }

        return;
    }

    caphealth_image_init(&files);
    (void) snprintf(files.id, sizeof(files.id), "%s", w->id);

    w->job.nvariants = 0;

    for (i = 0; i < w->remake->variants.n; i++) {
        if (wanted & (uint32_t) 1 << i) {
            caphealth_image_add(&files, w->remake->variants.names[i]);
            files.variants[w->job.nvariants].replace =
                                     (w->remake->replace & (uint32_t) 1 << i)
                                     != 0;
            w->job.variants[w->job.nvariants++] =
                                               w->remake->variants.variants[i];
        }
    }

    if (caphealth_remake_focus(w, fd) == 0
        && caphealth_remake_convert(w, fd, &files, &result) == 0
        && caphealth_remake_publish(w, &files) == 0)
    {
        for (i = 0, bytes = 0; i < files.nvariants; i++) {
            bytes += result.outputs[i].bytes;
        }

        atomic_fetch_add(&w->shared->images, 1);
        atomic_fetch_add(&w->shared->files, files.nvariants);
        atomic_fetch_add(&w->shared->bytes, bytes);
    }

    caphealth_image_close(&files);
    (void) close(fd);
}


/* as its upload had it, so that fit=cover cuts the same */

static int
caphealth_remake_focus(caphealth_remake_worker_t *w, int fd)
{
    char     text[CAPHEALTH_FOCUS_TEXT];
    ssize_t  n;

    w->job.focus_x = w->remake->focus_x;
    w->job.focus_y = w->remake->focus_y;

    n = caphealth_image_source_focus(fd, text, sizeof(text));

    if (n == 0) {
        return 0;
    }

    if (n > 0 && caphealth_job_focus(&w->job, text, (size_t) n) == 0) {
        return 0;
    }

    if (n == -1 && errno != ERANGE) {
        caphealth_remake_failed(w, "fgetxattr(\"%s\") failed: %s",
                                CAPHEALTH_IMAGE_SOURCE_FOCUS, strerror(errno));
        return -1;
    }

    caphealth_remake_failed(w, "its attribute \"%s\" must be two numbers from "
                            "0 to 1, as in 0.5,0.25",
                            CAPHEALTH_IMAGE_SOURCE_FOCUS);

    return -1;
}


static int
caphealth_remake_convert(caphealth_remake_worker_t *w, int fd,
    caphealth_image_files_t *files, caphealth_result_t *result)
{
    unsigned      i;
    const char   *reason;
    struct stat   st;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size == 0) {
        caphealth_remake_failed(w, "it is not a file, or empty");
        return -1;
    }

    w->job.offset = 0;
    w->job.length = (uint64_t) st.st_size;
    w->job.max_pixels = w->remake->max_pixels;

    if (caphealth_image_open(files, w->remake->root) == -1) {
        caphealth_remake_failed(w, "%s failed: %s", files->failed,
                                strerror(errno));
        return -1;
    }

    if (++w->decoded > CAPHEALTH_REMAKE_IMAGES) {
        caphealth_child_stop(&w->remake->child);
        w->decoded = 1;
    }

    memset(result, 0, sizeof(caphealth_result_t));

    reason = caphealth_child_convert(&w->remake->child, fd, &w->job, files,
                                     result);

    if (reason) {
        caphealth_remake_failed(w, "%s", reason);
        return -1;
    }

    if (result->status != CAPHEALTH_JOB_OK) {
        caphealth_remake_failed(w, "%s%s%.*s",
                                caphealth_job_reason(result->status),
                                result->detail[0] ? ": " : "",
                                (int) sizeof(result->detail), result->detail);
        return -1;
    }

    for (i = 0; i < files->nvariants; i++) {
        if (caphealth_image_check(files, i, &result->outputs[i]) == -1) {
            caphealth_remake_failed(w, "the decoder's answer does not fit its "
                                    "files");
            return -1;
        }
    }

    return 0;
}


/* the source loses its name before anything of the image is removed */

static int
caphealth_remake_publish(caphealth_remake_worker_t *w,
    caphealth_image_files_t *files)
{
    struct stat  st;

    if (fstatat(w->dir, w->name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        atomic_fetch_add(&w->shared->deleted, 1);
        return -1;
    }

    if (caphealth_image_publish(files) == -1) {

        /* another process was faster */

        if (errno == EEXIST) {
            atomic_fetch_add(&w->shared->complete, 1);
            return -1;
        }

        caphealth_remake_failed(w, "%s failed: %s", files->failed,
                                strerror(errno));
        return -1;
    }

    if (fstatat(w->dir, w->name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        caphealth_image_withdraw(files);
        atomic_fetch_add(&w->shared->deleted, 1);
        return -1;
    }

    return 0;
}


static void
caphealth_remake_failed(caphealth_remake_worker_t *w, const char *format, ...)
{
    char     text[1024];
    va_list  args;

    atomic_fetch_add(&w->shared->failed, 1);

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    fprintf(stderr, "%scaphealth-converter: \"%s\": %s\n",
            isatty(STDERR_FILENO) ? "\r" : "",
            w->name[0] ? w->name : w->remake->source, text);
}
