
/*
 * Whose images are in a tree, and how many each owner has.
 *
 * <root>/.owners/<owner>/<id> is a symbolic link to the file that marks the
 * image as complete.  Its directory is locked while an image of the owner is
 * published or removed, and has a file ".counts" with the owner's images and
 * bytes.  They hold as long as the directory's modification time is the one
 * that was noted with them: else, as after a crash, the images are looked at
 * again.  Nobody waits for a lock: who does not get it tries again later.
 *
 * All of it may block, so nginx's event loop must not call it.
 */

#ifndef CAPHEALTH_OWNERS_H
#define CAPHEALTH_OWNERS_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_path.h"


#define CAPHEALTH_OWNERS_DIR  ".owners"

/* bytes of an owner's name */
#define CAPHEALTH_OWNER_LEN   80

/* bytes of the name as caphealth_owner_encode() writes it: three for each, and
   a NUL */
#define CAPHEALTH_OWNER_TEXT  (3 * CAPHEALTH_OWNER_LEN + 1)


typedef struct {
    int       dir;               /* locked; -1: it is not open */
    int64_t   images;
    int64_t   bytes;             /* of all variants of them */
    double    looked_at;         /* when the images themselves were counted,
                                    in seconds since the epoch */
    unsigned  known:1;           /* the counts hold */
    const char  *failed;         /* the call that failed, for the log */
} caphealth_owner_t;


/* an owner's row in a list */

typedef struct {
    int64_t   images;
    int64_t   bytes;
    char      name[CAPHEALTH_OWNER_LEN + 1];
} caphealth_owner_row_t;


/*
 * Whether these bytes may name an owner: 1 to CAPHEALTH_OWNER_LEN of UTF-8,
 * without control characters.
 */
int caphealth_owner_valid(const char *name, size_t len);

/*
 * Writes an owner's name as it is in the name of a directory, or in the value
 * of an HTTP header: letters, digits, "-" and "_" as they are, all else as
 * "%2e".
 */
void caphealth_owner_encode(const char *name,
    char text[CAPHEALTH_OWNER_TEXT]);

/*
 * The reverse.  Returns 0, or -1 if it is not what caphealth_owner_encode()
 * writes of a valid name.
 */
int caphealth_owner_decode(const char *text,
    char name[CAPHEALTH_OWNER_LEN + 1]);

/*
 * Locks an owner and reads the counts, of the images themselves if what was
 * noted does not hold or is older than max_age seconds (0: however old).  With
 * create, the directory is made if there is none.  Returns 0, or -1 with errno
 * set and nothing open: ENOENT if the owner has nothing, EWOULDBLOCK if another
 * has locked it.
 */
int caphealth_owner_open(caphealth_owner_t *o, const char *root,
    const char *name, int create, double max_age);

/*
 * Names an image that is about to be published, by its id and the path of the
 * file that marks it, below the root.  To be synced, once for several, by
 * caphealth_owner_sync().  Returns 0, or -1 with errno set.
 */
int caphealth_owner_add(caphealth_owner_t *o, const char *id,
    const char *path);
int caphealth_owner_sync(caphealth_owner_t *o);

/*
 * An image is about to be removed: what was noted does not hold until the
 * closing, in case this process dies.
 */
void caphealth_owner_doubt(caphealth_owner_t *o);

/* Takes an image's name away; of one that is not there: 0, too. */
int caphealth_owner_remove(caphealth_owner_t *o, const char *id);

/*
 * Moves the counts by what has been published or removed, notes them, and
 * unlocks.  If the owner was changed and sure is 0, the images are looked at
 * the next time.
 */
void caphealth_owner_close(caphealth_owner_t *o, int64_t images,
    int64_t bytes, int sure);

/* Whether the owner has this image.  Returns 1, 0, or -1 with errno set. */
int caphealth_owner_has(const char *root, const char *name, const char *id);

/*
 * Finds the owner of an image by a lookup in each owner's directory.  Returns 1
 * and the name; 0: it has none; -1 with errno set.
 */
int caphealth_owner_find(const char *root, const char *id,
    char name[CAPHEALTH_OWNER_LEN + 1]);

/*
 * Calls image() for each id that begins with prefix and has an owner; its image
 * may be gone, or not be there yet.  If image() returns -1, so does this
 * function, at once.  Returns 0, or -1 with errno set.
 */
int caphealth_owner_images(const char *root, const char *prefix,
    int (*image)(void *data, const char *id, const char *name), void *data);

/*
 * All owners who have images, by their bytes, most first, then by name; *rows
 * is to be free()d.  Of one that another has locked it is what there was
 * before.  Returns 0, or -1 with errno set and *rows NULL: EWOULDBLOCK if that
 * is not known.
 */
int caphealth_owner_list(const char *root, double max_age,
    caphealth_owner_row_t **rows, size_t *n);


#endif /* CAPHEALTH_OWNERS_H */
