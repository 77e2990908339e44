
/*
 * What kind of file it is, by its first bytes and nothing else.
 */

#include <string.h>
#include <strings.h>

#include "caphealth_format.h"


typedef struct {
    size_t       offset;
    size_t       size;
    const char  *bytes;
    const char  *name;
} caphealth_magic_t;


static int caphealth_format_is(const uint8_t *data, size_t size,
    size_t offset, const char *bytes, size_t n);
static const char *caphealth_format_markup(const uint8_t *data, size_t size);


#define caphealth_magic(offset, bytes, name)                                  \
    { offset, sizeof(bytes) - 1, bytes, name }


/* ISO base media files name their brand after "ftyp" */

static const caphealth_magic_t  caphealth_magics[] = {
    caphealth_magic(0, "GIF8", "a GIF image"),
    caphealth_magic(0, "BM", "a BMP image"),
    caphealth_magic(0, "II*\0", "a TIFF image, or a camera's raw one"),
    caphealth_magic(0, "MM\0*", "a TIFF image, or a camera's raw one"),
    caphealth_magic(4, "ftypavi", "an AVIF image"),
    caphealth_magic(4, "ftyphe", "a HEIC photo"),
    caphealth_magic(4, "ftypmif1", "a HEIC photo"),
    caphealth_magic(4, "ftypmsf1", "a HEIC photo"),
    caphealth_magic(4, "ftyp", "a video"),
    caphealth_magic(0, "\0\0\0\14JXL ", "a JPEG XL image"),
    caphealth_magic(0, "\377\12", "a JPEG XL image"),
    caphealth_magic(0, "\0\0\0\14jP  ", "a JPEG 2000 image"),
    caphealth_magic(0, "8BPS", "a Photoshop file"),
    caphealth_magic(0, "%PDF", "a PDF document"),
    caphealth_magic(0, "%!PS", "a PostScript file"),
    caphealth_magic(0, "PK\3\4", "a ZIP archive"),
    caphealth_magic(0, "\0\0\1\0", "an icon"),
    { 0, 0, NULL, NULL }
};


caphealth_format_e
caphealth_format(const uint8_t *data, size_t size)
{
    if (caphealth_format_is(data, size, 0, "\377\330\377", 3)) {
        return CAPHEALTH_FORMAT_JPEG;
    }

    if (caphealth_format_is(data, size, 0, "\211PNG\r\n\032\n", 8)) {
        return CAPHEALTH_FORMAT_PNG;
    }

    if (caphealth_format_is(data, size, 0, "RIFF", 4)
        && caphealth_format_is(data, size, 8, "WEBP", 4))
    {
        return CAPHEALTH_FORMAT_WEBP;
    }

    return CAPHEALTH_FORMAT_UNKNOWN;
}


static int
caphealth_format_is(const uint8_t *data, size_t size, size_t offset,
    const char *bytes, size_t n)
{
    return size >= offset + n && memcmp(data + offset, bytes, n) == 0;
}


const char *
caphealth_format_name(caphealth_format_e format)
{
    switch (format) {

    case CAPHEALTH_FORMAT_JPEG:
        return "jpeg";

    case CAPHEALTH_FORMAT_PNG:
        return "png";

    case CAPHEALTH_FORMAT_WEBP:
        return "webp";

    default:
        return "unknown";
    }
}


const char *
caphealth_format_guess(const uint8_t *data, size_t size)
{
    const caphealth_magic_t  *m;

    for (m = caphealth_magics; m->bytes; m++) {
        if (caphealth_format_is(data, size, m->offset, m->bytes, m->size)) {
            return m->name;
        }
    }

    return caphealth_format_markup(data, size);
}


static const char *
caphealth_format_markup(const uint8_t *data, size_t size)
{
    size_t  i, n;

    n = size < CAPHEALTH_FORMAT_BYTES ? size : CAPHEALTH_FORMAT_BYTES;
    i = (n >= 3 && memcmp(data, "\357\273\277", 3) == 0) ? 3 : 0;

    while (i < n && strchr(" \t\r\n", data[i]) && data[i] != '\0') {
        i++;
    }

    if (n - i >= 4 && strncasecmp((const char *) data + i, "<svg", 4) == 0) {
        return "an SVG drawing";
    }

    if (n - i >= 5 && strncasecmp((const char *) data + i, "<?xml", 5) == 0) {
        return "an XML document, an SVG drawing perhaps";
    }

    if (n - i >= 2 && data[i] == '<') {
        return "an HTML or XML document";
    }

    for (i = 0; i < n; i++) {
        if ((data[i] < 0x20 && strchr("\t\r\n\f", data[i]) == NULL)
            || data[i] == '\0' || data[i] == 0x7f || data[i] > 0xf4)
        {
            return NULL;
        }
    }

    return "text";
}
