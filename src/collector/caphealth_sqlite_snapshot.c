
/*
 * A shop's SQLite file as it is at one moment.
 *
 * The formats are those of https://www.sqlite.org/fileformat2.html: the
 * change counter in the header, the WAL with its salts and checksums, the
 * bytes that are locked, and what makes a rollback journal a hot one.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "caphealth_db.h"
#include "caphealth_sqlite_snapshot.h"


#define CAPHEALTH_SQLITE_COUNTER       24  /* where it is in the file */
#define CAPHEALTH_SQLITE_WAL_HEADER    32
#define CAPHEALTH_SQLITE_WAL_FRAME     24  /* bytes before each page */

/* the bytes that a writer locks */
#define CAPHEALTH_SQLITE_RESERVED      0x40000001
#define CAPHEALTH_SQLITE_SHARED        0x40000002
#define CAPHEALTH_SQLITE_SHARED_SIZE   510

/* milliseconds between two attempts, and how many a tick of the clock takes */
#define CAPHEALTH_SQLITE_PAUSE         2
#define CAPHEALTH_SQLITE_TICK          8

/* frames of a WAL between two readings of the clock */
#define CAPHEALTH_SQLITE_FRAMES        256


/* the newest place of a page in the WAL */

typedef struct {
    uint32_t                   page;
    uint32_t                   frame;        /* from 0 */
} caphealth_sqlite_frame_t;


struct caphealth_sqlite_snapshot_s {
    const char                *path;
    char                       real[PATH_MAX];  /* without symbolic links */
    int                        fd;
    int                        wal;          /* -1: there is none */
    uint32_t                   page_size;    /* of the WAL; 0: no frames */
    uint32_t                   pages;        /* in the file with its WAL */
    caphealth_sqlite_frame_t  *frames;       /* sorted by page */
    size_t                     count;
    caphealth_sqlite_state_t   state;
    unsigned                   file_settled:1;
    unsigned                   wal_settled:1;
    sqlite3_vfs               *parent;
    sqlite3_vfs                vfs;
    char                       name[40];
};


/* SQLite's file: it allocates szOsFile bytes for one */

typedef struct {
    sqlite3_file                  base;
    caphealth_sqlite_snapshot_t  *snapshot;
} caphealth_sqlite_file_t;


typedef enum {
    CAPHEALTH_SQLITE_OPENED = 0,
    CAPHEALTH_SQLITE_BUSY,               /* another attempt may succeed */
    CAPHEALTH_SQLITE_FAILED
} caphealth_sqlite_attempt_e;


static uint32_t
caphealth_sqlite_u32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


/* as many bytes as there are; -1: error */

static ssize_t
caphealth_sqlite_pread(int fd, void *buf, size_t len, int64_t offset)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < len; done += (size_t) n) {

        n = pread(fd, (char *) buf + done, len - done,
                  (off_t) (offset + (int64_t) done));

        if (n == -1 && errno == EINTR) {
            n = 0;
            continue;
        }

        if (n == -1) {
            return -1;
        }

        if (n == 0) {
            break;
        }
    }

    return (ssize_t) done;
}


/* --- what SQLite calls --- */


static int
caphealth_sqlite_compare(const void *a, const void *b)
{
    const caphealth_sqlite_frame_t  *x = a, *y = b;

    if (x->page != y->page) {
        return x->page < y->page ? -1 : 1;
    }

    return x->frame < y->frame ? -1 : x->frame > y->frame;
}


/* where a page, counted from 1, is; *fd is the WAL or the file */

static int64_t
caphealth_sqlite_locate(const caphealth_sqlite_snapshot_t *s, uint32_t page,
    int *fd)
{
    size_t  low, high, middle;

    low = 0;
    high = s->count;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (s->frames[middle].page <= page) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    if (low > 0 && s->frames[low - 1].page == page) {
        *fd = s->wal;

        return CAPHEALTH_SQLITE_WAL_HEADER
               + (int64_t) s->frames[low - 1].frame
                 * (CAPHEALTH_SQLITE_WAL_FRAME + (int64_t) s->page_size)
               + CAPHEALTH_SQLITE_WAL_FRAME;
    }

    *fd = s->fd;

    return (int64_t) (page - 1) * s->page_size;
}


static int64_t
caphealth_sqlite_size(const caphealth_sqlite_snapshot_t *s)
{
    return s->page_size == 0 ? s->state.file.size
                             : (int64_t) s->pages * s->page_size;
}


static int
caphealth_sqlite_read(sqlite3_file *file, void *buf, int amount,
    sqlite3_int64 offset)
{
    int                           fd;
    char                         *p;
    size_t                        n, left;
    int64_t                       at, in_page;
    ssize_t                       got;
    caphealth_sqlite_snapshot_t  *s;

    s = ((caphealth_sqlite_file_t *) file)->snapshot;

    p = buf;
    left = (size_t) amount;

    while (left > 0 && offset < caphealth_sqlite_size(s)) {

        if (s->page_size == 0) {
            fd = s->fd;
            at = offset;
            n = left;

        } else {
            in_page = offset % s->page_size;
            at = caphealth_sqlite_locate(s, (uint32_t) (offset / s->page_size)
                                            + 1, &fd)
                 + in_page;
            n = s->page_size - (size_t) in_page;
            n = n < left ? n : left;
        }

        got = caphealth_sqlite_pread(fd, p, n, at);

        if (got == -1) {
            return SQLITE_IOERR_READ;
        }

        p += got;
        offset += got;
        left -= (size_t) got;

        if ((size_t) got < n) {
            break;
        }
    }

    if (left > 0) {
        memset(p, 0, left);
        return SQLITE_IOERR_SHORT_READ;
    }

    return SQLITE_OK;
}


static int
caphealth_sqlite_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = caphealth_sqlite_size(((caphealth_sqlite_file_t *) file)
                                  ->snapshot);

    return SQLITE_OK;
}


static int
caphealth_sqlite_file_close(sqlite3_file *file)
{
    (void) file;

    return SQLITE_OK;
}


static int
caphealth_sqlite_write(sqlite3_file *file, const void *buf, int amount,
    sqlite3_int64 offset)
{
    (void) file;
    (void) buf;
    (void) amount;
    (void) offset;

    return SQLITE_READONLY;
}


static int
caphealth_sqlite_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    (void) file;
    (void) size;

    return SQLITE_READONLY;
}


static int
caphealth_sqlite_lock(sqlite3_file *file, int level)
{
    (void) file;
    (void) level;

    return SQLITE_OK;
}


static int
caphealth_sqlite_reserved(sqlite3_file *file, int *reserved)
{
    (void) file;

    *reserved = 0;

    return SQLITE_OK;
}


static int
caphealth_sqlite_control(sqlite3_file *file, int op, void *arg)
{
    (void) file;
    (void) op;
    (void) arg;

    return SQLITE_NOTFOUND;
}


static int
caphealth_sqlite_sector(sqlite3_file *file)
{
    (void) file;

    return 4096;
}


/* immutable: SQLite looks for no journal or WAL, and asks for no lock */

static int
caphealth_sqlite_device(sqlite3_file *file)
{
    (void) file;

    return SQLITE_IOCAP_IMMUTABLE;
}


static const sqlite3_io_methods  caphealth_sqlite_methods = {
    .iVersion = 1,
    .xClose = caphealth_sqlite_file_close,
    .xRead = caphealth_sqlite_read,
    .xWrite = caphealth_sqlite_write,
    .xTruncate = caphealth_sqlite_truncate,
    .xSync = caphealth_sqlite_lock,
    .xFileSize = caphealth_sqlite_file_size,
    .xLock = caphealth_sqlite_lock,
    .xUnlock = caphealth_sqlite_lock,
    .xCheckReservedLock = caphealth_sqlite_reserved,
    .xFileControl = caphealth_sqlite_control,
    .xSectorSize = caphealth_sqlite_sector,
    .xDeviceCharacteristics = caphealth_sqlite_device
};


/* what a large query has to sort goes to files of SQLite's own in /tmp */

static int
caphealth_sqlite_vfs_open(sqlite3_vfs *vfs, sqlite3_filename name,
    sqlite3_file *file, int flags, int *out)
{
    caphealth_sqlite_file_t      *f;
    caphealth_sqlite_snapshot_t  *s;

    s = vfs->pAppData;

    if (flags & SQLITE_OPEN_MAIN_DB) {
        f = (caphealth_sqlite_file_t *) file;

        f->base.pMethods = &caphealth_sqlite_methods;
        f->snapshot = s;

        if (out != NULL) {
            *out = SQLITE_OPEN_READONLY;
        }

        return SQLITE_OK;
    }

    if (name == NULL) {
        return s->parent->xOpen(s->parent, name, file, flags, out);
    }

    file->pMethods = NULL;

    return SQLITE_CANTOPEN;
}


static int
caphealth_sqlite_vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void) vfs;
    (void) name;
    (void) sync;

    return SQLITE_IOERR_DELETE;
}


static int
caphealth_sqlite_vfs_access(sqlite3_vfs *vfs, const char *name, int flags,
    int *result)
{
    (void) vfs;
    (void) name;
    (void) flags;

    *result = 0;

    return SQLITE_OK;
}


static int
caphealth_sqlite_vfs_path(sqlite3_vfs *vfs, const char *name, int len,
    char *path)
{
    int  n;

    (void) vfs;

    n = snprintf(path, (size_t) len, "%s", name);

    return n < 0 || n >= len ? SQLITE_CANTOPEN : SQLITE_OK;
}


/* --- the files --- */


static void
caphealth_sqlite_stamp(caphealth_sqlite_stamp_t *stamp, const struct stat *st)
{
    memset(stamp, 0, sizeof(caphealth_sqlite_stamp_t));

    stamp->device = (uint64_t) st->st_dev;
    stamp->inode = (uint64_t) st->st_ino;
    stamp->size = (int64_t) st->st_size;
    stamp->modified = st->st_mtim;
    stamp->changed = st->st_ctim;
}


static int
caphealth_sqlite_same(const caphealth_sqlite_stamp_t *a,
    const caphealth_sqlite_stamp_t *b)
{
    return memcmp(a, b, sizeof(caphealth_sqlite_stamp_t)) == 0;
}


/*
 * The kernel stamps a write with the time of the last tick: after a write in
 * this tick another one leaves the same time.  A time far ahead is of a clock
 * that has been set back, and the next write brings it back too.
 */

static int
caphealth_sqlite_settled(const caphealth_sqlite_stamp_t *stamp,
    const struct timespec *tick)
{
    const struct timespec  *t;

    t = &stamp->changed;

    return t->tv_sec < tick->tv_sec
           || t->tv_sec > tick->tv_sec + 1
           || (t->tv_sec == tick->tv_sec && t->tv_nsec < tick->tv_nsec);
}


/* whether another connection holds a lock that stands against a reader's */

static int
caphealth_sqlite_locked(int fd, off_t start, off_t len)
{
    struct flock  lock;

    memset(&lock, 0, sizeof(struct flock));

    /* only checked, never taken; of any process */

    lock.l_type = F_RDLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = len;

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}


static int
caphealth_sqlite_open_file(const char *path, struct stat *st,
    caphealth_error_t *error)
{
    int                fd;
    const char        *reason;
    caphealth_error_e  code;

    /* to open a FIFO would be to wait for its writer */

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1 || fstat(fd, st) == -1) {
        reason = strerror(errno);
        code = caphealth_error_errno(errno);

    } else if (!S_ISREG(st->st_mode)) {
        reason = "not a file";
        code = CAPHEALTH_ERROR_OTHER;

    } else {
        return fd;
    }

    caphealth_error_set(error, code, "\"%s\" cannot be opened: %s", path,
                        reason);

    if (fd != -1) {
        (void) close(fd);
    }

    return -1;
}


/* the name of the file with an end; returns -1 if it is too long */

static int
caphealth_sqlite_beside(const caphealth_sqlite_snapshot_t *s, const char *end,
    char *path, size_t size)
{
    int  n;

    n = snprintf(path, size, "%s%s", s->real, end);

    return n < 0 || (size_t) n >= size ? -1 : 0;
}


/*
 * A journal is hot if the transaction that it belongs to was interrupted:
 * pages of it may be in the file, and the shop rolls them back when it opens
 * the file.  That of a living transaction has a writer with a lock.
 */

static caphealth_sqlite_attempt_e
caphealth_sqlite_journal(const caphealth_sqlite_snapshot_t *s,
    caphealth_error_t *error)
{
    int      fd, hot;
    char     path[PATH_MAX + 16];
    ssize_t  n;
    uint8_t  first;

    if (caphealth_sqlite_beside(s, "-journal", path, sizeof(path)) == -1) {
        return CAPHEALTH_SQLITE_OPENED;
    }

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1) {
        if (errno == ENOENT) {
            return CAPHEALTH_SQLITE_OPENED;
        }

        caphealth_error_set(error, caphealth_error_errno(errno),
                            "\"%s\" cannot be opened: %s", path,
                            strerror(errno));

        return CAPHEALTH_SQLITE_FAILED;
    }

    n = caphealth_sqlite_pread(fd, &first, 1, 0);
    (void) close(fd);

    hot = n == 1 && first != 0 && s->state.file.size > 0
          && !caphealth_sqlite_locked(s->fd, CAPHEALTH_SQLITE_RESERVED, 1);

    if (!hot) {
        return CAPHEALTH_SQLITE_OPENED;
    }

    caphealth_error_set(error, CAPHEALTH_ERROR_OTHER,
                        "\"%s\" was left in the middle of a transaction: the "
                        "shop has to open it, which rolls \"%s\" back",
                        s->path, path);

    return CAPHEALTH_SQLITE_BUSY;
}


/* --- the WAL --- */


static void
caphealth_sqlite_checksum(uint32_t sum[2], const uint8_t *p, size_t len,
    int big)
{
    size_t    i;
    uint32_t  x, y;

    for (i = 0; i + 8 <= len; i += 8) {

        if (big) {
            x = caphealth_sqlite_u32(p + i);
            y = caphealth_sqlite_u32(p + i + 4);

        } else {
            x = __builtin_bswap32(caphealth_sqlite_u32(p + i));
            y = __builtin_bswap32(caphealth_sqlite_u32(p + i + 4));
        }

        sum[0] += x + sum[1];
        sum[1] += y + sum[0];
    }
}


/* the page size, or 0 if it is not the header of a WAL */

static uint32_t
caphealth_sqlite_wal_header(const uint8_t *header, uint32_t sum[2], int *big)
{
    uint32_t  magic, size;

    magic = caphealth_sqlite_u32(header);
    size = caphealth_sqlite_u32(header + 8);

    *big = (int) (magic & 1);

    if ((magic & ~1u) != 0x377f0682
        || caphealth_sqlite_u32(header + 4) != 3007000
        || size < 512 || size > 65536 || (size & (size - 1)) != 0)
    {
        return 0;
    }

    sum[0] = 0;
    sum[1] = 0;

    caphealth_sqlite_checksum(sum, header, 24, *big);

    return sum[0] == caphealth_sqlite_u32(header + 24)
           && sum[1] == caphealth_sqlite_u32(header + 28) ? size : 0;
}


static int
caphealth_sqlite_add(caphealth_sqlite_snapshot_t *s, size_t count,
    size_t *room, uint32_t page)
{
    size_t                     n;
    caphealth_sqlite_frame_t  *frames;

    if (count == *room) {
        n = *room == 0 ? 256 : *room * 2;
        frames = realloc(s->frames, n * sizeof(caphealth_sqlite_frame_t));

        if (frames == NULL) {
            return -1;
        }

        s->frames = frames;
        *room = n;
    }

    s->frames[count].page = page;
    s->frames[count].frame = (uint32_t) count;

    return 0;
}


/*
 * As SQLite recovers a WAL: the frames up to the last commit whose salts are
 * the header's and whose checksums, each of which covers all before it, are
 * right.  What a writer adds meanwhile is behind them.
 */

static caphealth_sqlite_attempt_e
caphealth_sqlite_wal_frames(caphealth_sqlite_snapshot_t *s, uint32_t size,
    uint32_t sum[2], int big, double deadline,
    caphealth_error_t *error)
{
    size_t                      i, len, room;
    uint8_t                    *frame;
    uint32_t                    page;
    caphealth_sqlite_attempt_e  rc;

    len = CAPHEALTH_SQLITE_WAL_FRAME + (size_t) size;
    room = 0;
    rc = CAPHEALTH_SQLITE_OPENED;

    frame = malloc(len);
    if (frame == NULL) {
        goto no_memory;
    }

    for (i = 0; i < UINT32_MAX; i++) {

        if (i % CAPHEALTH_SQLITE_FRAMES == CAPHEALTH_SQLITE_FRAMES - 1
            && caphealth_db_clock() > deadline)
        {
            caphealth_error_set(error, CAPHEALTH_ERROR_TIMEOUT,
                                "\"%s-wal\" is too long to be read within "
                                "the timeout", s->path);
            rc = CAPHEALTH_SQLITE_FAILED;
            break;
        }

        if (caphealth_sqlite_pread(s->wal, frame, len,
                                   CAPHEALTH_SQLITE_WAL_HEADER
                                   + (int64_t) i * (int64_t) len)
            != (ssize_t) len
            || memcmp(frame + 8, s->state.header + 16, 8) != 0)
        {
            break;
        }

        caphealth_sqlite_checksum(sum, frame, 8, big);
        caphealth_sqlite_checksum(sum, frame + CAPHEALTH_SQLITE_WAL_FRAME,
                                  size, big);

        page = caphealth_sqlite_u32(frame);

        if (page == 0
            || sum[0] != caphealth_sqlite_u32(frame + 16)
            || sum[1] != caphealth_sqlite_u32(frame + 20))
        {
            break;
        }

        if (caphealth_sqlite_add(s, i, &room, page) == -1) {
            goto no_memory;
        }

        if (caphealth_sqlite_u32(frame + 4) != 0) {
            s->pages = caphealth_sqlite_u32(frame + 4);
            s->count = i + 1;
        }
    }

    free(frame);

    if (s->count > 0) {
        s->page_size = size;
        qsort(s->frames, s->count, sizeof(caphealth_sqlite_frame_t),
              caphealth_sqlite_compare);
    }

    return rc;

no_memory:

    free(frame);
    caphealth_error_set(error, CAPHEALTH_ERROR_NO_MEMORY, "no memory");

    return CAPHEALTH_SQLITE_FAILED;
}


/* SQLite takes no WAL of a file that is empty, nor one without a header */

static caphealth_sqlite_attempt_e
caphealth_sqlite_wal(caphealth_sqlite_snapshot_t *s,
    const struct timespec *tick, double deadline,
    caphealth_error_t *error)
{
    int          big;
    char         path[PATH_MAX + 16];
    uint32_t     size, sum[2];
    struct stat  st;

    s->wal_settled = 1;

    if (caphealth_sqlite_beside(s, "-wal", path, sizeof(path)) == -1
        || (stat(path, &st) == -1 && errno == ENOENT))
    {
        return CAPHEALTH_SQLITE_OPENED;
    }

    s->wal = caphealth_sqlite_open_file(path, &st, error);

    if (s->wal == -1) {
        return access(path, F_OK) == -1 && errno == ENOENT
               ? CAPHEALTH_SQLITE_BUSY : CAPHEALTH_SQLITE_FAILED;
    }

    if (s->state.file.size == 0
        || caphealth_sqlite_pread(s->wal, s->state.header,
                                  CAPHEALTH_SQLITE_WAL_HEADER, 0)
           != CAPHEALTH_SQLITE_WAL_HEADER)
    {
        memset(s->state.header, 0, CAPHEALTH_SQLITE_WAL_HEADER);
        return CAPHEALTH_SQLITE_OPENED;
    }

    caphealth_sqlite_stamp(&s->state.wal, &st);

    s->wal_settled = caphealth_sqlite_settled(&s->state.wal, tick) != 0;

    size = caphealth_sqlite_wal_header(s->state.header, sum, &big);

    return size == 0 ? CAPHEALTH_SQLITE_OPENED
                     : caphealth_sqlite_wal_frames(s, size, sum, big,
                                                   deadline, error);
}


/* --- a moment --- */


/*
 * A writer with a rollback journal changes the file in place, under a lock
 * that keeps readers out.  In WAL mode a checkpoint changes it, but only
 * pages whose newest content is in the WAL too, where they are read from.
 */

static caphealth_sqlite_attempt_e
caphealth_sqlite_attempt(caphealth_sqlite_snapshot_t *s, double deadline,
    caphealth_error_t *error)
{
    struct stat                 st;
    struct timespec             tick;
    caphealth_sqlite_attempt_e  rc;

    if (realpath(s->path, s->real) == NULL) {
        caphealth_error_set(error, caphealth_error_errno(errno),
                            "\"%s\" cannot be opened: %s", s->path,
                            strerror(errno));
        return CAPHEALTH_SQLITE_FAILED;
    }

    (void) clock_gettime(CLOCK_REALTIME_COARSE, &tick);

    s->fd = caphealth_sqlite_open_file(s->path, &st, error);

    if (s->fd == -1) {
        return CAPHEALTH_SQLITE_FAILED;
    }

    caphealth_sqlite_stamp(&s->state.file, &st);

    s->file_settled = caphealth_sqlite_settled(&s->state.file, &tick) != 0;

    (void) caphealth_sqlite_pread(s->fd, s->state.counter,
                                  sizeof(s->state.counter),
                                  CAPHEALTH_SQLITE_COUNTER);

    rc = caphealth_sqlite_journal(s, error);

    if (rc == CAPHEALTH_SQLITE_OPENED) {
        rc = caphealth_sqlite_wal(s, &tick, deadline, error);
    }

    if (rc == CAPHEALTH_SQLITE_OPENED && s->count == 0
        && caphealth_sqlite_locked(s->fd, CAPHEALTH_SQLITE_SHARED,
                                   CAPHEALTH_SQLITE_SHARED_SIZE))
    {
        caphealth_error_set(error, CAPHEALTH_ERROR_LOCKED,
                            "\"%s\" is locked by another connection",
                            s->path);
        return CAPHEALTH_SQLITE_BUSY;
    }

    return rc;
}


int
caphealth_sqlite_snapshot_open(caphealth_sqlite_snapshot_t *s,
    double deadline,
    caphealth_error_t *error)
{
    int                         tick;
    caphealth_sqlite_attempt_e  rc;

    for (tick = 0; ; tick++) {

        rc = caphealth_sqlite_attempt(s, deadline, error);

        /* written just now: a moment later its times tell of any change */

        if (rc == CAPHEALTH_SQLITE_OPENED
            && (s->file_settled || tick >= CAPHEALTH_SQLITE_TICK))
        {
            memset(error, 0, sizeof(caphealth_error_t));
            return 0;
        }

        caphealth_sqlite_snapshot_close(s);

        if (rc == CAPHEALTH_SQLITE_FAILED
            || (rc == CAPHEALTH_SQLITE_BUSY
                && caphealth_db_clock() > deadline))
        {
            return -1;
        }

        (void) poll(NULL, 0, CAPHEALTH_SQLITE_PAUSE);
    }
}


void
caphealth_sqlite_snapshot_close(caphealth_sqlite_snapshot_t *s)
{
    if (s->fd != -1) {
        (void) close(s->fd);
    }

    if (s->wal != -1) {
        (void) close(s->wal);
    }

    free(s->frames);

    s->fd = -1;
    s->wal = -1;
    s->frames = NULL;
    s->count = 0;
    s->pages = 0;
    s->page_size = 0;

    memset(&s->state, 0, sizeof(caphealth_sqlite_state_t));
}


int
caphealth_sqlite_snapshot_valid(caphealth_sqlite_snapshot_t *s)
{
    int                        same;
    char                       path[PATH_MAX + 16];
    uint8_t                    counter[8], header[CAPHEALTH_SQLITE_WAL_HEADER];
    struct stat                st;
    caphealth_sqlite_stamp_t   now;

    memset(counter, 0, sizeof(counter));

    if (stat(s->path, &st) == -1
        || caphealth_sqlite_pread(s->fd, counter, sizeof(counter),
                                  CAPHEALTH_SQLITE_COUNTER)
           == -1)
    {
        return 0;
    }

    caphealth_sqlite_stamp(&now, &st);

    if (now.device != s->state.file.device
        || now.inode != s->state.file.inode)
    {
        return 0;
    }

    same = caphealth_sqlite_same(&now, &s->state.file)
           && memcmp(counter, s->state.counter, sizeof(counter)) == 0;

    /* a WAL that has come since then has changed nothing in the file */

    if (s->count == 0) {
        return same;
    }

    if (caphealth_sqlite_beside(s, "-wal", path, sizeof(path)) == -1
        || stat(path, &st) == -1
        || caphealth_sqlite_pread(s->wal, header, sizeof(header), 0)
           != sizeof(header)
        || memcmp(header, s->state.header, sizeof(header)) != 0)
    {
        return 0;
    }

    caphealth_sqlite_stamp(&now, &st);

    if (now.inode != s->state.wal.inode || now.device != s->state.wal.device)
    {
        return 0;
    }

    /*
     * A checkpoint has written pages of later transactions to the file only
     * if there were any, and the file has then changed too.
     */

    return (same && s->file_settled)
           || (caphealth_sqlite_same(&now, &s->state.wal) && s->wal_settled);
}


int
caphealth_sqlite_snapshot_state(const caphealth_sqlite_snapshot_t *s,
    caphealth_sqlite_state_t *state)
{
    memcpy(state, &s->state, sizeof(caphealth_sqlite_state_t));

    return s->file_settled && s->wal_settled ? 0 : -1;
}


const char *
caphealth_sqlite_snapshot_vfs(const caphealth_sqlite_snapshot_t *s)
{
    return s->name;
}


caphealth_sqlite_snapshot_t *
caphealth_sqlite_snapshot_create(const char *path)
{
    caphealth_sqlite_snapshot_t  *s;

    s = calloc(1, sizeof(caphealth_sqlite_snapshot_t));
    if (s == NULL) {
        return NULL;
    }

    s->path = path;
    s->fd = -1;
    s->wal = -1;
    s->parent = sqlite3_vfs_find(NULL);

    (void) snprintf(s->name, sizeof(s->name), "caphealth-%p", (void *) s);

    if (s->parent != NULL) {
        s->vfs = *s->parent;

        s->vfs.zName = s->name;
        s->vfs.pNext = NULL;
        s->vfs.pAppData = s;
        s->vfs.xOpen = caphealth_sqlite_vfs_open;
        s->vfs.xDelete = caphealth_sqlite_vfs_delete;
        s->vfs.xAccess = caphealth_sqlite_vfs_access;
        s->vfs.xFullPathname = caphealth_sqlite_vfs_path;

        if (s->vfs.szOsFile < (int) sizeof(caphealth_sqlite_file_t)) {
            s->vfs.szOsFile = (int) sizeof(caphealth_sqlite_file_t);
        }

        if (sqlite3_vfs_register(&s->vfs, 0) == SQLITE_OK) {
            return s;
        }
    }

    free(s);

    return NULL;
}


void
caphealth_sqlite_snapshot_destroy(caphealth_sqlite_snapshot_t *s)
{
    caphealth_sqlite_snapshot_close(s);

    (void) sqlite3_vfs_unregister(&s->vfs);

    free(s);
}
