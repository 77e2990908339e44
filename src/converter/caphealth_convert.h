
/*
 * An image in, WebP variants out: decode, orient, colour, resize, encode.
 *
 * Nothing here opens a file, starts a thread or keeps anything from one image
 * to the next.  All input is hostile: dimensions are checked before memory is
 * taken for them.
 */

#ifndef CAPHEALTH_CONVERT_H
#define CAPHEALTH_CONVERT_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_job.h"


/*
 * Takes the next size bytes of a variant's file.  Called for one variant after
 * another, from its first byte to its last.  Returns 0, or -1 with errno set.
 */
typedef int (*caphealth_convert_write_pt)(void *ctx, unsigned variant,
    const uint8_t *data, size_t size);


/*
 * Called when the image is decoded.  Of the bytes at data only those of an
 * animation are read again, so memory that can be read again may be freed.
 */
typedef void (*caphealth_convert_decoded_pt)(const uint8_t *data,
    size_t length);


/*
 * Converts the image of length bytes at data into job->nvariants variants.
 * The caller keeps data.  job->offset is ignored; decoded may be NULL.
 * Fills in *result, except sha256, in any case, and returns
 * result->status.
 */
caphealth_job_status_e caphealth_convert(const caphealth_job_t *job,
    const uint8_t *data, size_t length, caphealth_convert_decoded_pt decoded,
    caphealth_convert_write_pt write, void *ctx, caphealth_result_t *result);

/*
 * Makes every library do now what it would do lazily at its first image
 * (choose code for this CPU, build tables), so that nothing but memory is
 * asked of the kernel later.  Returns 0, or -1 if a library does not work.
 */
int caphealth_convert_warm_up(void);


#endif /* CAPHEALTH_CONVERT_H */
