
/*
 * The files of a slice of the ids, as the tree and the store have them.
 */

#ifndef CAPHEALTH_MOVE_SLICE_H
#define CAPHEALTH_MOVE_SLICE_H


#include <nettle/md5.h>

#include "caphealth_move_run.h"
#include "caphealth_path.h"


/* "ab/cd/<id>_" */
#define CAPHEALTH_MOVE_STEM     (CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 1)

/* hexadecimal, with its NUL */
#define CAPHEALTH_MOVE_MD5      (2 * MD5_DIGEST_SIZE + 1)


typedef enum {
    CAPHEALTH_MOVE_TREE = 0,
    CAPHEALTH_MOVE_STORE,
    CAPHEALTH_MOVE_SIDES
} caphealth_move_side_e;


typedef struct {
    char      key[CAPHEALTH_RECORD_PATH_LEN];
    char      md5[CAPHEALTH_MOVE_MD5];   /* of the tree's; "": not known */
    char      etag[CAPHEALTH_MOVE_MD5];  /* of the store's, if it may be an
                                            MD5 */
    uint64_t  size[CAPHEALTH_MOVE_SIDES];
    unsigned  exists[CAPHEALTH_MOVE_SIDES];
    unsigned  mark:1;
    unsigned  record:1;
    unsigned  wanted:1;
    unsigned  moved:1;
} caphealth_move_file_t;


typedef struct caphealth_move_owner_s  caphealth_move_owner_t;


typedef struct {
    caphealth_move_run_t    *run;
    caphealth_move_file_t   *files;
    size_t                   nfiles;
    size_t                   room;
    int                      no_memory;
    caphealth_move_owner_t  *owners;     /* of the tree, by their ids */
    size_t                   nowners;
    size_t                   owners_room;
} caphealth_move_slice_t;


/*
 * Each of these returns 0, or -1 after it has reported the failure.  read and
 * list add the files of run->slice that one side has; after them merge makes
 * one of two files with the same key, and sorts them: the files of an image
 * follow each other, behind the others its mark, and its record last.
 */
int caphealth_move_read(caphealth_move_slice_t *slice);
int caphealth_move_list(caphealth_move_slice_t *slice);
void caphealth_move_merge(caphealth_move_slice_t *slice);

/* The index behind the last file of the image whose first file this is. */
size_t caphealth_move_image_end(const caphealth_move_slice_t *slice,
    size_t first);

/* Requests length and entity tag of a file that was put but is not listed. */
int caphealth_move_head(caphealth_move_run_t *run, caphealth_move_file_t *f);

/*
 * Whether the file is the same on both sides: 1, 0, or -1 if that cannot be
 * determined, which has been reported.
 */
int caphealth_move_same(caphealth_move_run_t *run,
    const caphealth_move_file_t *f);

/* Opens the tree's file for reading; -1: the failure has been reported. */
int caphealth_move_open(caphealth_move_run_t *run,
    const caphealth_move_file_t *f);

/* Computes the MD5 of the tree's file.  Returns 0 or -1, as above. */
int caphealth_move_digest(caphealth_move_run_t *run, caphealth_move_file_t *f);

/* Writes the MD5 of what md5 was given. */
void caphealth_move_hex(struct md5_ctx *md5, char text[CAPHEALTH_MOVE_MD5]);


#endif /* CAPHEALTH_MOVE_SLICE_H */
