
/*
 * Inside the walk's room: a walk under way, and the sets of the leaf it is in.
 */

#ifndef CAPHEALTH_TOUR_H
#define CAPHEALTH_TOUR_H


#include <sys/stat.h>

#include "caphealth_path.h"
#include "caphealth_walk.h"


/* bytes of a directory that are read at once */
#define CAPHEALTH_ENTRIES     32768

#define CAPHEALTH_SUFFIX      ".webp"
#define CAPHEALTH_SUFFIX_LEN  (sizeof(CAPHEALTH_SUFFIX) - 1)


/* a file of an image, or, when sorted and joined, all of its files */

typedef struct {
    char      id[CAPHEALTH_ID_LEN];
    uint8_t   mark;
    uint8_t   part;              /* one of the others, 0: of none we know */
    double    newest;
} caphealth_seen_t;


typedef struct {
    const caphealth_walker_t  *walker;
    caphealth_walk_t          *walk;
    dev_t                      device;       /* the root's */
    unsigned                   slice;
    unsigned                   leaf;
    char                       prefix[5];    /* of every id in the leaf */
    caphealth_seen_t          *seen;
    size_t                     nseen;
    size_t                     room;
    char                       entries[CAPHEALTH_ENTRIES]
                               __attribute__((aligned(8)));
} caphealth_tour_t;


/* Notes a file of an image, whose name is so long. */
void caphealth_walk_seen(caphealth_tour_t *t, const char *name, size_t len,
    const struct stat *st);

/* Counts the sets of the leaf, and removes those that are leftovers. */
void caphealth_walk_sets(caphealth_tour_t *t, int dir);

/* When a file was last written, renamed or copied, seconds since the epoch. */
double caphealth_walk_newest(const struct stat *st);

/* Keeps the first complaint. */
void caphealth_walk_failed(caphealth_tour_t *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


#endif /* CAPHEALTH_TOUR_H */
