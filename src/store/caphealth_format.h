
/*
 * What kind of file it is, by its first bytes and nothing else.
 */

#ifndef CAPHEALTH_FORMAT_H
#define CAPHEALTH_FORMAT_H


#include <stddef.h>
#include <stdint.h>


/* as many bytes as caphealth_format() ever looks at */
#define CAPHEALTH_FORMAT_BYTES  64


typedef enum {
    CAPHEALTH_FORMAT_UNKNOWN = 0,
    CAPHEALTH_FORMAT_JPEG,
    CAPHEALTH_FORMAT_PNG,
    CAPHEALTH_FORMAT_WEBP
} caphealth_format_e;


/* The format of a file that begins with these bytes. */
caphealth_format_e caphealth_format(const uint8_t *data, size_t size);

/* "jpeg", "png", "webp"; never NULL. */
const char *caphealth_format_name(caphealth_format_e format);

/*
 * What a file that is none of these seems to be, for people: "a GIF image",
 * "an HEIC photo", "an SVG drawing", "text" … or NULL.
 */
const char *caphealth_format_guess(const uint8_t *data, size_t size);


#endif /* CAPHEALTH_FORMAT_H */
