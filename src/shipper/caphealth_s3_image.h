
/*
 * An image in an object store: all of its files are put, or none; and removed.
 */

#ifndef CAPHEALTH_S3_IMAGE_H
#define CAPHEALTH_S3_IMAGE_H


#include "caphealth_s3_client.h"
#include "caphealth_ship.h"
#include "caphealth_tree_walk.h"


typedef struct caphealth_s3_image_s  caphealth_s3_image_t;


/*
 * Puts the files of ship, which are read from fds.  done() is called once, with
 * the result, from caphealth_s3_client_run() or at once; the descriptors are
 * the caller's again then.  ship, which is copied, must be valid.
 *
 * The others are put first, then the mark.  Each carries a mark of this call,
 * by which a file that a lost answer was about is told from one that was there
 * before.  After a failure what was put is removed, for CAPHEALTH_SHIP_GRACE at
 * most.  If the id is claimed, by a record, and another request has taken it
 * meanwhile, nothing is.
 *
 * Returns what can be given up, or NULL if there is no memory; done() is not
 * called then.
 */
caphealth_s3_image_t *caphealth_s3_image_put(caphealth_s3_client_t *client,
    const caphealth_ship_t *ship, const int *fds,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data);

/*
 * The same for a removal, which must be valid, too.
 *
 * With an owner, the owner of the image is first read from the mark, or from
 * another file if there is no mark any more.  An image with the same id may be
 * stored between that and the removal, but only of the same owner, because an
 * id is either random, or made of a key and the owner.
 */
caphealth_s3_image_t *caphealth_s3_image_remove(caphealth_s3_client_t *client,
    const caphealth_unship_t *unship,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data);

/*
 * The same for what an upload that failed has left, if a listing shows that it
 * is that still; it is EXISTS, or NOT_FOUND, if not.  prefix: "ab/cd/<id>_".  w
 * must live until done() is called.
 */
caphealth_s3_image_t *caphealth_s3_image_remove_leftover(
    caphealth_s3_client_t *client, const caphealth_walk_settings_t *w,
    const char *prefix, uint32_t timeout,
    void (*done)(void *data, const caphealth_ship_result_t *result),
    void *data);

/*
 * Gives up a put: what was put so far is removed, and then its record, and
 * done() is called when that has ended.  A removal continues.
 */
void caphealth_s3_image_give_up(caphealth_s3_image_t *image);


#endif /* CAPHEALTH_S3_IMAGE_H */
