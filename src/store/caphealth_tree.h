
/*
 * The counts of an image tree: files, bytes and complete images, by slice and
 * by leaf directory.
 *
 * A slice is one of the 256 directories right below the root, a leaf one of
 * the 256 below each of those.  One slice more, CAPHEALTH_TOP, stands for
 * all else that is in the root.  Uploads and deletes move the counts; a scan
 * replaces a slice's counts by what it has found.
 *
 * The structure has no pointers: it lives in shared memory and in a file.
 */

#ifndef CAPHEALTH_TREE_H
#define CAPHEALTH_TREE_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_error.h"


#define CAPHEALTH_LEAVES      256
#define CAPHEALTH_TOP         256
#define CAPHEALTH_SLICES      (CAPHEALTH_TOP + 1)


/* variants of which is counted how many images lack them */
#define CAPHEALTH_COUNTED_MAX  16


/* the largest number of a slice that is valid, 2^47 - 1: larger ones could
   overflow when those of all slices and roots are added up */
#define CAPHEALTH_TREE_MOST   (INT64_MAX >> 16)


/* what a walk of one slice found */

typedef struct {
    int64_t   files;             /* images' files, by their names */
    int64_t   bytes;             /* in them, st_size */
    int64_t   complete;              /* images that have a commit mark */
    int64_t   incomplete;        /* images that have none */
    int64_t   strays;            /* files that are not ours */
    int64_t   stray_bytes;
    int64_t   foreign;           /* directories that are symbolic links, or on
                                    another file system than the root */
    int64_t   removed;           /* files that unfinished uploads had left */
    int64_t   removed_bytes;
    int64_t   cpu;               /* microseconds that the walk took of a CPU */
    uint64_t  counted;           /* a hash of the counted variants' names; 0:
                                    there are none */
    int32_t   missing[CAPHEALTH_COUNTED_MAX];      /* complete images that
                                                      lack each of them */
    int32_t   leaves[CAPHEALTH_LEAVES];            /* files in each */
    caphealth_error_t  error;    /* none: all was read */
} caphealth_walk_t;


typedef struct {
    uint64_t  changes;           /* moves with every change of the slice */
    int64_t   files;
    int64_t   bytes;
    int64_t   complete;
    int64_t   incomplete;
    int64_t   strays;
    int64_t   stray_bytes;
    int64_t   foreign;
    int32_t   missing[CAPHEALTH_COUNTED_MAX];      /* at the last walk */
    int32_t   fullest;           /* the leaf with the most files */
    uint8_t   walked;            /* in the pass that is under way */
    uint8_t   doubtful;          /* may be wrong, and is walked soon */
    uint8_t   partial;           /* of its leaves only the fullest is known */
} caphealth_slice_t;


/* where the numbers are from */

typedef enum {
    CAPHEALTH_TREE_UNKNOWN = 0,  /* there are no numbers yet */
    CAPHEALTH_TREE_SAVED,        /* from a file, not confirmed by a scan */
    CAPHEALTH_TREE_LIVE          /* from a full scan and all changes since */
} caphealth_tree_source_e;


/* times are in seconds since the epoch; 0: never */

typedef struct {
    int64_t   source;            /* caphealth_tree_source_e */
    double    marks_since;       /* these commit marks are in force */
    uint64_t  marks;             /* a hash of their names */
    uint64_t  counted;           /* the same of the counted variants */
    int64_t   counted_known;     /* a full scan has counted these */
    double    scanned_at;        /* the last full scan ended */
    double    scan_seconds;      /* and took so long */
    double    scanning_since;    /* 0: no scan is under way */
    int64_t   drift_files;       /* what the last full scan corrected, the */
    int64_t   drift_bytes;       /* differences of each slice added up */
    int64_t   pass_files;        /* the same, of the one under way */
    int64_t   pass_bytes;
    int64_t   removed;           /* leftovers, since the tree is known */
    int64_t   removed_bytes;
} caphealth_scan_t;


typedef struct {
    uint64_t           changes;  /* moves with every change */
    caphealth_scan_t   scan;
    caphealth_slice_t  slices[CAPHEALTH_SLICES];
    int32_t            leaves[CAPHEALTH_TOP][CAPHEALTH_LEAVES];
} caphealth_tree_t;


/* the sum of all slices */

typedef struct {
    int64_t   files;
    int64_t   bytes;
    int64_t   complete;
    int64_t   incomplete;
    int64_t   strays;
    int64_t   stray_bytes;
    int64_t   foreign;
    int32_t   max_files;         /* in the fullest leaf directory */
    char      fullest[sizeof("ab/cd")];            /* its name; "": none */
    int64_t   missing[CAPHEALTH_COUNTED_MAX];
    unsigned  walked;            /* slices, in the pass that is under way */
} caphealth_total_t;


/* Adds the bytes of a file to *sum, which stays at CAPHEALTH_TREE_MOST then. */
void caphealth_tree_add(int64_t *sum, uint64_t bytes);

/* The slice and the leaf that the image id belongs in. */
unsigned caphealth_tree_slice(const char *id);
unsigned caphealth_tree_leaf(const char *id);

/* Moves the counts by an image's files; all may be negative. */
void caphealth_tree_move(caphealth_tree_t *t, const char *id, int64_t files,
    int64_t bytes, int64_t complete);

/*
 * Replaces a slice's counts by what a walk found, and adds the difference to
 * the pass's drift if there was a count to differ from.
 */
void caphealth_tree_replace(caphealth_tree_t *t, unsigned slice,
    const caphealth_walk_t *walk);

/* A pass over all slices begins, and ends; now is the time. */
void caphealth_tree_begin(caphealth_tree_t *t, double now);
void caphealth_tree_end(caphealth_tree_t *t, double now);

/*
 * Says which commit marks are in force, by a hash of their names.  If they
 * were others before, they are since now.
 */
void caphealth_tree_mark(caphealth_tree_t *t, uint64_t marks, double now);

/*
 * Says of which variants is counted how many images lack them, by a hash of
 * their names.  If they were others before, a new pass is due.
 */
void caphealth_tree_count(caphealth_tree_t *t, uint64_t counted);

/* Adds up.  A count may be negative for a moment; that is 0 here. */
void caphealth_tree_total(const caphealth_tree_t *t, caphealth_total_t *total);

/*
 * Whether the numbers can be what they say they are: none negative, or larger
 * than can be added up, leaves that add up to their slice.
 */
int caphealth_walk_valid(const caphealth_walk_t *walk);
int caphealth_tree_valid(const caphealth_tree_t *t);

/*
 * FNV-1a, 64 bits, http://www.isthe.com/chongo/tech/comp/fnv/: it finds damage,
 * but is no protection from forgery.  The first hash is CAPHEALTH_HASH.
 */
#define CAPHEALTH_HASH  0xcbf29ce484222325u

uint64_t caphealth_hash(uint64_t hash, const void *data, size_t len);


#endif /* CAPHEALTH_TREE_H */
