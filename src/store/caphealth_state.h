
/*
 * What is known of an image tree, kept in a file while nginx is not running.
 *
 * <dir>/<name>.tree, where the name is a hash of the root's path, replaced
 * as a whole or not at all.  It is of use on the machine that wrote it only.
 *
 * All of it may block: not for nginx's event loop.
 */

#ifndef CAPHEALTH_STATE_H
#define CAPHEALTH_STATE_H


#include "caphealth_tree.h"


typedef enum {
    CAPHEALTH_STATE_OK = 0,
    CAPHEALTH_STATE_NONE,        /* there is no such file */
    CAPHEALTH_STATE_FOREIGN,     /* it is damaged, or another's; it is set
                                    aside as <name>.tree.bad */
    CAPHEALTH_STATE_ERROR        /* errno says why */
} caphealth_state_e;


/*
 * Opens the directory and waits until no other process is saving in it.
 * Returns a descriptor, which close() gives free, or -1 with errno set.
 */
int caphealth_state_lock(const char *dir);

/*
 * Replaces the file of the tree at root, which is one that something is known
 * of.  Returns 0, or -1 with errno set.
 */
int caphealth_state_save(int dir, const char *root, const caphealth_tree_t *t);

/* Reads it; t is undefined unless the result is CAPHEALTH_STATE_OK. */
caphealth_state_e caphealth_state_load(const char *dir, const char *root,
    caphealth_tree_t *t);

/*
 * Who counts: those who share their counts share a number, from 1 up to
 * INT64_MAX / 2.  _claim says in the directory that the calling process is one
 * of them, and returns a descriptor, or -1 with errno set; the kernel takes
 * the claim back when it is closed or the process ends.  _others is whether
 * any other process has claimed another number, or -1 with errno set.  Neither
 * blocks for long.
 */
int caphealth_state_claim(const char *dir, uint64_t number);
int caphealth_state_others(int fd, uint64_t number);


#endif /* CAPHEALTH_STATE_H */
