
/*
 * What is in a slice of an object store, by listing it: the counts that a walk
 * of a tree makes, caphealth_walk.h, and with it what uploads that failed have
 * left is removed.  Memory does not grow with the number of keys.
 */

#ifndef CAPHEALTH_S3_COUNT_H
#define CAPHEALTH_S3_COUNT_H


#include "caphealth_s3_client.h"
#include "caphealth_tree_walk.h"


typedef struct caphealth_s3_count_s  caphealth_s3_count_t;


/*
 * Lists slice, 0 to CAPHEALTH_TOP.  A store has to list keys in the order of
 * their bytes, as S3 does.  timeout is that of one page, in seconds; w must
 * live until done() is called, from caphealth_s3_client_run(), with the
 * counts, or with walk->error if they are not those of all keys.  page() is
 * called after each page, as a sign that it goes on.  NULL: no memory.
 */
caphealth_s3_count_t *caphealth_s3_count(caphealth_s3_client_t *client,
    const caphealth_walk_settings_t *w, unsigned slice, double timeout,
    void (*page)(void *data),
    void (*done)(void *data, const caphealth_walk_t *walk), void *data);

/* Nobody waits for it any more: done() is called soon. */
void caphealth_s3_count_give_up(caphealth_s3_count_t *count);


#endif /* CAPHEALTH_S3_COUNT_H */
