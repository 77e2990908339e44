
/*
 * caphealth-shipper --move: the images of a tree are copied into an object
 * store, or back.
 *
 * It goes slice by slice.  Files that exist already, with the same length and
 * with the MD5 that is the store's entity tag, or else with the same bytes, are
 * skipped, so a move that was stopped can be repeated.  Images without their
 * commit mark are skipped, too.  Nothing is ever overwritten or removed.
 *
 * The owner of an image goes with it, and is compared where both sides have the
 * image already.
 */

#ifndef CAPHEALTH_MOVE_H
#define CAPHEALTH_MOVE_H


#include "caphealth_s3_client.h"


#define CAPHEALTH_MOVE_JOBS      8
#define CAPHEALTH_MOVE_JOBS_MAX  64

/* seconds */
#define CAPHEALTH_MOVE_TIMEOUT      120
#define CAPHEALTH_MOVE_TIMEOUT_MAX  3600


typedef struct {
    const char             *root;        /* the tree */
    const char             *mark;        /* the variant that is put last */
    caphealth_s3_client_t  *client;
    int                     back;        /* 1: from the store to the tree */
    int                     json;        /* progress as lines of JSON, on
                                            stdout */
    unsigned                jobs;        /* images at once */
    unsigned                timeout;     /* seconds, of an image's files, and of
                                            a page of a listing */
} caphealth_move_t;


/*
 * Moves all images.  Each failure is written to stderr, and a summary to
 * stdout.  Returns the exit status: 0, or 1 if something is missing, 2 if
 * nothing was tried, 3 if a signal stopped it.
 */
int caphealth_move(const caphealth_move_t *move);

/*
 * The command "caphealth-shipper --move ...", whose arguments begin behind
 * --move.  Returns the exit status.
 */
int caphealth_move_command(int argc, char *const argv[]);


#endif /* CAPHEALTH_MOVE_H */
