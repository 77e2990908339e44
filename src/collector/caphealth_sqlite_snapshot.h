
/*
 * A shop's SQLite file as it is at one moment, for SQLite to read through a
 * VFS.
 *
 * SQLite's own reader takes locks, for which a writer waits, and in WAL mode
 * makes a -shm file, and a -wal if there is none, which then belong to the
 * workers' user: the shop cannot write any more.  Here the file and its WAL are
 * opened for reading only, no lock is taken and no file is created.  Instead
 * the reader checks afterwards whether what it has read was written meanwhile,
 * and reads again if so.
 */

#ifndef CAPHEALTH_SQLITE_SNAPSHOT_H
#define CAPHEALTH_SQLITE_SNAPSHOT_H


#include <stdint.h>
#include <time.h>

#include "caphealth_error.h"


/* a file as stat() has it: all zeros if there is none, or an empty WAL */

typedef struct {
    uint64_t         device;
    uint64_t         inode;
    int64_t          size;
    struct timespec  modified;
    struct timespec  changed;
} caphealth_sqlite_stamp_t;


/* what changes with each transaction of the shop's */

typedef struct {
    caphealth_sqlite_stamp_t  file;
    caphealth_sqlite_stamp_t  wal;
    uint8_t                   counter[8];  /* bytes 24 to 31 of the file: the
                                              counter and the pages */
    uint8_t                   header[32];  /* of the WAL, with its salts */
} caphealth_sqlite_state_t;


typedef struct caphealth_sqlite_snapshot_s  caphealth_sqlite_snapshot_t;


/*
 * NULL: no memory.  path outlives the snapshot.  vfs() is the name for
 * sqlite3_open_v2(), where the name of the file does not matter.
 */
caphealth_sqlite_snapshot_t *caphealth_sqlite_snapshot_create(
    const char *path);
void caphealth_sqlite_snapshot_destroy(caphealth_sqlite_snapshot_t *s);
const char *caphealth_sqlite_snapshot_vfs(
    const caphealth_sqlite_snapshot_t *s);

/*
 * Opens the files, after the end of a transaction that is being written.
 * Returns 0, or -1 with the error.  No
 * connection may be open.
 */
int caphealth_sqlite_snapshot_open(caphealth_sqlite_snapshot_t *s,
    double deadline, caphealth_error_t *error);
void caphealth_sqlite_snapshot_close(caphealth_sqlite_snapshot_t *s);

/* 1: what has been read since open() is of one moment */
int caphealth_sqlite_snapshot_valid(caphealth_sqlite_snapshot_t *s);

/*
 * Copies the state at open().  Returns 0, or -1 if a change right after it
 * might not be seen in a state that is taken later.
 */
int caphealth_sqlite_snapshot_state(const caphealth_sqlite_snapshot_t *s,
    caphealth_sqlite_state_t *state);


#endif /* CAPHEALTH_SQLITE_SNAPSHOT_H */
