
/*
 * Members of an image's JSON by which a page displays it: srcset, colour and
 * placeholder.
 */

#ifndef CAPHEALTH_IMAGE_HINTS_H
#define CAPHEALTH_IMAGE_HINTS_H


#include <jansson.h>

#include "caphealth_image_files.h"


/*
 * Adds to image, an object:
 *
 * "srcset", an object: by the name of a format, what the attribute srcset of
 * HTML's img and source takes, "URL 800w, URL 200w", the widest first.  A URL
 * is prefix, of len bytes, and the path in the tree.  In it are the variants of
 * that format that show all of the image in its own shape, fit=inside; of equal
 * widths the first.  An animation and a still are not mixed: those that are as
 * the widest is.
 *
 * "colour", "#rrggbb": the dominant one, unless all of the image is
 * transparent; "thumbhash", the ThumbHash in base64.  Neither is there if the
 * result lacks it.
 *
 * files, job and result are of that image, result is CAPHEALTH_JOB_OK and was
 * checked.  Returns 0, or -1 if there is no memory.
 */
int caphealth_image_hints(json_t *image, const char *prefix, size_t len,
    const caphealth_image_files_t *files, const caphealth_job_t *job,
    const caphealth_result_t *result);


#endif /* CAPHEALTH_IMAGE_HINTS_H */
