
/*
 * The formats of the files that are made of images.
 */

#ifndef CAPHEALTH_OUTPUT_H
#define CAPHEALTH_OUTPUT_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_job.h"


/* bytes of a file's beginning, and of its end, that are checked */
#define CAPHEALTH_OUTPUT_HEAD  12
#define CAPHEALTH_OUTPUT_TAIL  2

/* the longest extension, "webp" */
#define CAPHEALTH_OUTPUT_EXTENSION  4


/*
 * A row is
 *
 *     row(ID, name, label, extension, quality, magic)
 *
 * where CAPHEALTH_OUTPUT_ID is its number, name is that of format=, and its
 * media type is image/name; label is for people, extension is of its files,
 * quality is what a variant has that says nothing else, and magic is how its
 * files begin, where "?" stands for any byte.
 */

#define CAPHEALTH_OUTPUT_FORMATS(row)                                         \
    row(WEBP, "webp", "WebP", "webp", 85, "RIFF????WEBP")                     \
    row(JPEG, "jpeg", "JPEG", "jpg", 85, "\377\330\377")                      \
    row(AVIF, "avif", "AVIF", "avif", 70, "????ftypavif")


typedef struct {
    const char  *name;
    const char  *label;
    const char  *extension;
    unsigned     quality;
    const char  *magic;
} caphealth_output_row_t;


/* What a format is; that of WebP where there is no such format. */
const caphealth_output_row_t *caphealth_output_row(uint32_t format);

/* The format of this name, or CAPHEALTH_OUTPUTS. */
uint32_t caphealth_output_by_name(const char *name);

/*
 * The length of the extension that a file's name ends in, with its dot, as 5
 * for ".webp", or 0 if no format has that.
 */
size_t caphealth_output_extension(const char *name, size_t len);

/*
 * Whether a file of so many bytes may be of that format: by its first bytes,
 * head, and its last, tail.  It must have that many.
 */
int caphealth_output_is(uint32_t format, uint64_t bytes,
    const uint8_t head[CAPHEALTH_OUTPUT_HEAD],
    const uint8_t tail[CAPHEALTH_OUTPUT_TAIL]);


#endif /* CAPHEALTH_OUTPUT_H */
