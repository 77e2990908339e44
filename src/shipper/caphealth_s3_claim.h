
/*
 * An id that follows from a key or from the bytes is claimed in an object store
 * by its record, see caphealth_ship.h.
 *
 * Of several requests that put the record one gets the id, where the store
 * knows If-None-Match and If-Match.  Where it does not, the record is read
 * again after it was put, and once more before the mark is: the one that was
 * put last is there then.
 */

#ifndef CAPHEALTH_S3_CLAIM_H
#define CAPHEALTH_S3_CLAIM_H


#include "caphealth_s3_client.h"
#include "caphealth_ship.h"


typedef struct caphealth_s3_claim_s  caphealth_s3_claim_t;


/*
 * Does what claim says, which must be valid and is copied; fd has the text to
 * put, or is -1.  done() is called once, from caphealth_s3_client_run(), with
 * the result, and with the record of an image that is stored, or NULL; the
 * descriptor is the caller's again then.  NULL: no memory.
 */
caphealth_s3_claim_t *caphealth_s3_claim(caphealth_s3_client_t *client,
    const caphealth_ship_claim_t *claim, int fd,
    void (*done)(void *data, const caphealth_ship_result_t *result,
                 const char *text, size_t len),
    void *data);

/* Nobody waits for it any more: done() is called soon. */
void caphealth_s3_claim_give_up(caphealth_s3_claim_t *claim);

/*
 * Whether a record is of a request that is at work: its seconds that are left
 * of the lease, rounded up, or 0 if that request has died.  Both times are
 * those of the store, 0 if it did not say them.
 */
uint32_t caphealth_s3_claim_left(double modified, double date,
    uint32_t lease);


#endif /* CAPHEALTH_S3_CLAIM_H */
