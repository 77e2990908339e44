
/*
 * The counts of an image tree, saved in a file while nginx is not running.
 *
 * The file is <dir>/<name>.tree, where the name is a hash of the root's path,
 * and is replaced atomically.  Only a machine of the same kind can read it.
 *
 * All of it may block, so nginx's event loop must not call it, but at start.
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
 * Returns a descriptor, by whose close() it is unlocked, or -1 with errno set.
 */
int caphealth_state_lock(const char *dir);

/*
 * Replaces the file of the tree at root, whose source is not unknown.  Returns
 * 0, or -1 with errno set.
 */
int caphealth_state_save(int dir, const char *root, const caphealth_tree_t *t);

/* Reads it; t is undefined unless the result is CAPHEALTH_STATE_OK. */
caphealth_state_e caphealth_state_load(const char *dir, const char *root,
    caphealth_tree_t *t);

/*
 * Processes that move the same counts have the same number, from 1 up to
 * INT64_MAX / 2.  _claim locks the number for the calling process, and returns
 * a descriptor, or -1 with errno set; the lock ends with the descriptor or the
 * process.  _others is whether any process has locked another number, or -1
 * with errno set.  Neither waits for a lock.
 */
int caphealth_state_claim(const char *dir, uint64_t number);
int caphealth_state_others(int fd, uint64_t number);


#endif /* CAPHEALTH_STATE_H */
