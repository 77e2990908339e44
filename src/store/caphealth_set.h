
/*
 * The files of one image, from their making to their end.
 *
 * A set comes into sight all at once: its files are made without a name, in
 * the directory where they belong, and get their names when all of them are
 * complete, the one that marks the set as complete ("original") last.  What is
 * given up before leaves nothing behind.
 *
 * All of it may block: not for nginx's event loop.
 */

#ifndef CAPHEALTH_SET_H
#define CAPHEALTH_SET_H


#include <stdint.h>

#include "caphealth_job.h"
#include "caphealth_path.h"


typedef struct {
    int       fd;
    char      name[CAPHEALTH_VARIANT_LEN + 1];
    unsigned  named:1;         /* it has a temporary name in the directory */
    unsigned  linked:1;        /* it has its own */
} caphealth_set_file_t;


typedef struct {
    char                  id[CAPHEALTH_ID_LEN + 1];
    int                   dir;         /* the leaf directory, or -1 */
    unsigned              nfiles;
    unsigned              no_tmpfile:1; /* as if there were no O_TMPFILE */
    unsigned              released:1;    /* no descriptor is open */
    const char           *root;        /* the caller's */
    const char           *failed;      /* the call that failed, for the log */
    caphealth_set_file_t  files[CAPHEALTH_VARIANTS_MAX];
} caphealth_set_t;


typedef struct {
    unsigned              files;
    uint64_t              bytes;
    unsigned              marked:1;    /* the commit mark was among them */
} caphealth_removed_t;


/* Makes it safe to call caphealth_set_close(); opens nothing. */
void caphealth_set_init(caphealth_set_t *set);

/*
 * Adds a file of a variant of this name.  The first one that is added is the
 * commit mark.
 */
void caphealth_set_add(caphealth_set_t *set, const char *name);

/*
 * Chooses an id, makes the directories of it under root where they are
 * missing, and opens an empty file for each that was added.  Returns 0, or -1
 * with errno set; the caller closes the set either way.  root must outlive it.
 */
int caphealth_set_open(caphealth_set_t *set, const char *root);

/*
 * Whether file i is a WebP file of so many bytes, by its header, to which
 * nobody can write any more, the caller included.  May block for 2 seconds.
 * Returns 0, or -1 with errno set, which is EINVAL if it is not.
 */
int caphealth_set_check(caphealth_set_t *set, unsigned i, uint64_t bytes);

/*
 * Closes the files of a set that is complete until it is published, so that an
 * upload of many takes few descriptors: until then they have hidden names, as
 * without O_TMPFILE.  Returns 0, or -1 with errno set.
 */
int caphealth_set_release_fds(caphealth_set_t *set);

/*
 * Gives the files their names, the first one last, and syncs the directory.
 * Returns 0, or -1 with errno set and no file visible.
 */
int caphealth_set_publish(caphealth_set_t *set);

/* Removes again what was published, the commit mark first. */
void caphealth_set_withdraw(caphealth_set_t *set);

/* Closes everything; files that were not published are gone. */
void caphealth_set_close(caphealth_set_t *set);

/*
 * Removes the files of the image id, the commit mark first, so that a set
 * which cannot be removed whole is not taken for one, and can be tried again.
 * *removed becomes what was removed, whether all of it or not.  Returns 0, or
 * -1 with errno set: ENOENT if there is no such image.
 */
int caphealth_set_remove(const char *root, const char *id, const char *mark,
    caphealth_removed_t *removed);


#endif /* CAPHEALTH_SET_H */
