
/*
 * The format of a file, by its first bytes.
 */

#ifndef CAPHEALTH_FORMAT_H
#define CAPHEALTH_FORMAT_H


#include <stddef.h>
#include <stdint.h>


/* as many bytes as caphealth_format() ever looks at */
#define CAPHEALTH_FORMAT_BYTES  64

/* room for what caphealth_format_list() writes */
#define CAPHEALTH_FORMAT_LIST   128


/* what an image of a format may have beside its pixels */

#define CAPHEALTH_FORMAT_ALPHA      1
#define CAPHEALTH_FORMAT_PROFILE    2
#define CAPHEALTH_FORMAT_ANIMATION  4


/*
 * The formats that are converted.  A row is
 *
 *     row(ID, name, label, what it may have, magic, ...)
 *
 * where CAPHEALTH_FORMAT_ID is its number, name is for programs, label for
 * people, and each magic is what the first bytes of a file may be, without
 * a NUL; "?" stands for any byte, and a brand behind "????ftyp" is the major
 * one of an ISO base media file or one of the compatible brands behind it.
 * caphealth_decode_name() decodes it, in src/converter/formats/.
 *
 * Those of libheif are the last, so that a build without them, with
 * CAPHEALTH_HEIF 0, has the same numbers.
 */

#ifndef CAPHEALTH_HEIF
#define CAPHEALTH_HEIF  1
#endif

#if (CAPHEALTH_HEIF)

#define CAPHEALTH_FORMATS_HEIF(row)                                           \
    row(AVIF, avif, "AVIF", CAPHEALTH_FORMAT_ALPHA                            \
        | CAPHEALTH_FORMAT_PROFILE | CAPHEALTH_FORMAT_ANIMATION,              \
        "????ftypavif", "????ftypavis")                                       \
    row(HEIC, heic, "HEIC", CAPHEALTH_FORMAT_ALPHA                            \
        | CAPHEALTH_FORMAT_PROFILE, "????ftyphei?", "????ftyphev?",           \
        "????ftypmif?", "????ftypmsf?")

#else

#define CAPHEALTH_FORMATS_HEIF(row)

#endif

#define CAPHEALTH_FORMATS(row)                                                \
    row(JPEG, jpeg, "JPEG", CAPHEALTH_FORMAT_PROFILE, "\377\330\377")         \
    row(PNG, png, "PNG", CAPHEALTH_FORMAT_ALPHA | CAPHEALTH_FORMAT_PROFILE    \
        | CAPHEALTH_FORMAT_ANIMATION, "\211PNG\r\n\032\n")                    \
    row(WEBP, webp, "WebP", CAPHEALTH_FORMAT_ALPHA | CAPHEALTH_FORMAT_PROFILE \
        | CAPHEALTH_FORMAT_ANIMATION, "RIFF????WEBP")                         \
    row(GIF, gif, "GIF", CAPHEALTH_FORMAT_ALPHA | CAPHEALTH_FORMAT_ANIMATION, \
        "GIF87a", "GIF89a")                                                   \
    CAPHEALTH_FORMATS_HEIF(row)


#define caphealth_format_number(id, ...)  CAPHEALTH_FORMAT_##id,

typedef enum {
    CAPHEALTH_FORMAT_UNKNOWN = 0,
    CAPHEALTH_FORMATS(caphealth_format_number)
    CAPHEALTH_FORMAT_COUNT
} caphealth_format_e;


/* The format of a file that begins with these bytes. */
caphealth_format_e caphealth_format(const uint8_t *data, size_t size);

/* "jpeg", "JPEG"; "unknown" if it is none; never NULL. */
const char *caphealth_format_name(caphealth_format_e format);
const char *caphealth_format_label(caphealth_format_e format);

/* CAPHEALTH_FORMAT_ALPHA and so on, or 0. */
unsigned caphealth_format_may(caphealth_format_e format);

/*
 * All labels, "JPEG, PNG or WebP" where last is " or ".  Returns list.
 */
char *caphealth_format_list(char list[CAPHEALTH_FORMAT_LIST],
    const char *last);

/*
 * What a file that is none of these seems to be, for people: "a TIFF image",
 * "a video", "an SVG drawing", "text" … or NULL.
 */
const char *caphealth_format_guess(const uint8_t *data, size_t size);


#endif /* CAPHEALTH_FORMAT_H */
