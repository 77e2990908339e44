
/*
 * The files of one image in its tree: made, checked, published, removed.
 *
 * An image is published all at once.  Its files are made without a name, in the
 * directory where they belong, and get their names when all of them are
 * complete, last the variant that marks the image as complete ("original").
 * An image that is closed before leaves nothing behind.
 *
 * All of it may block, so nginx's event loop must not call it.
 */

#ifndef CAPHEALTH_IMAGE_FILES_H
#define CAPHEALTH_IMAGE_FILES_H


#include <stdint.h>
#include <sys/types.h>

#include "caphealth_job.h"
#include "caphealth_path.h"


typedef struct {
    int       fd;
    uint32_t  format;          /* caphealth_output_format_e, which gives the
                                  extension; set when it is checked */
    char      name[CAPHEALTH_VARIANT_LEN + 1];
    unsigned  named:1;         /* it has a temporary name in the directory */
    unsigned  linked:1;        /* it has its own */
    unsigned  replace:1;       /* the caller's: a file of this variant that
                                  exists is replaced when it is published */
} caphealth_image_file_t;


typedef struct {
    char                  id[CAPHEALTH_ID_LEN + 1];
    int                   dir;         /* the leaf directory, or -1 */
    unsigned              nvariants;
    unsigned              no_tmpfile:1; /* O_TMPFILE is not used */
    unsigned              released:1;    /* no descriptor is open */
    const char           *root;        /* the caller's */
    const char           *failed;      /* the call that failed, for the log */
    caphealth_image_file_t  variants[CAPHEALTH_VARIANTS_MAX];
} caphealth_image_files_t;


typedef struct {
    unsigned              files;
    uint64_t              bytes;
    unsigned              marked:1;    /* the commit mark was among them */
} caphealth_removed_t;


/* Makes it safe to call caphealth_image_close(); opens nothing. */
void caphealth_image_init(caphealth_image_files_t *image);

/*
 * Adds a file of a variant of this name.  The first one that is added is the
 * commit mark.
 */
void caphealth_image_add(caphealth_image_files_t *image, const char *name);

/*
 * Chooses an id, unless the caller has set one, makes its directories under
 * root where they are missing, and opens an empty file for each that was added.
 * Returns 0, or -1 with errno set; the caller closes it either way.  root must
 * outlive it.
 */
int caphealth_image_open(caphealth_image_files_t *image, const char *root);

/*
 * The same of an image that is not published in a tree: its files are in dir,
 * without a name, and are gone when they are closed.
 */
int caphealth_image_open_spool(caphealth_image_files_t *image,
    const char *dir);

/*
 * Whether file i is what a converter says of it, of its format by its header
 * and of so many bytes, and no other process can write to it, the caller
 * included.  May block for 2 seconds.  Returns 0, or -1 with errno set, which
 * is EINVAL if it is not.
 */
int caphealth_image_check(caphealth_image_files_t *image, unsigned i,
    const caphealth_output_t *output);

/*
 * Closes the files of an image that is complete until it is published, so that
 * an upload of many takes few descriptors: until then they have hidden names,
 * as without O_TMPFILE.  Returns 0, or -1 with errno set.
 */
int caphealth_image_release_fds(caphealth_image_files_t *image);

/*
 * Gives the files their names, the first one last, and syncs the directory.
 * Returns 0, or -1 with errno set and no file visible.
 */
int caphealth_image_publish(caphealth_image_files_t *image);

/* Removes again what was published, the commit mark first. */
void caphealth_image_withdraw(caphealth_image_files_t *image);

/* Closes everything; files that were not published are gone. */
void caphealth_image_close(caphealth_image_files_t *image);

/*
 * Whether a file of the image id is there, its record aside.  Returns 1, 0, or
 * -1 with errno set.
 */
int caphealth_image_exists(const char *root, const char *id);

/*
 * Removes the files of the image id, the commit mark, in any format,
 * first, so that an image of which a file cannot be removed is not complete,
 * and can be tried again.  Its record goes with them.  *removed becomes what
 * was removed, without the record, whether all of it or not.  Returns 0, or -1
 * with errno set: ENOENT if there is no such image.
 */
int caphealth_image_remove(const char *root, const char *id, const char *mark,
    caphealth_removed_t *removed);

/*
 * The directory "ab/cd" below root that the files of the image id are in: made
 * with that mode and synced where it is missing, or only found.  No symbolic
 * link below the root is followed.  Returns a descriptor that the caller owns,
 * or -1 with errno set and *failed, the call that failed.
 */
int caphealth_image_make_leaf(const char *root, const char *id, mode_t mode,
    const char **failed);
int caphealth_image_find_leaf(const char *root, const char *id);

/*
 * Renames a file within a directory, unless the new name is taken: EEXIST.
 * Returns 0, or -1 with errno set.
 */
int caphealth_image_rename(int dir, const char *from, const char *to);


#endif /* CAPHEALTH_IMAGE_FILES_H */
