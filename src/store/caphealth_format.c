
/*
 * The format of a file, by its first bytes.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "caphealth_format.h"


#define CAPHEALTH_MAGICS_MAX  8

/* an ISO base media file: the size of its first box, "ftyp", the major brand,
   a version, the compatible brands */
#define CAPHEALTH_BRAND       8
#define CAPHEALTH_BRANDS      16


typedef struct {
    const char  *name;
    const char  *label;
    unsigned     may;
    const char  *magics[CAPHEALTH_MAGICS_MAX];
} caphealth_format_t;


typedef struct {
    size_t       size;
    const char  *magic;
    const char  *name;
} caphealth_guess_t;


static int caphealth_format_begins(const uint8_t *data, size_t size,
    const char *magic);
static int caphealth_format_is(const uint8_t *data, size_t size,
    const char *magic, size_t n);
static const caphealth_format_t *caphealth_format_row(
    caphealth_format_e format);
static const char *caphealth_format_markup(const uint8_t *data, size_t size);


#define caphealth_format_define(id, name, label, may, ...)                    \
    [CAPHEALTH_FORMAT_##id] = { #name, label, may, { __VA_ARGS__ } },

static const caphealth_format_t  caphealth_formats[] = {
    [CAPHEALTH_FORMAT_UNKNOWN] = { "unknown", "unknown", 0, { NULL } },
    CAPHEALTH_FORMATS(caphealth_format_define)
};


#define caphealth_guess(magic, name)  { sizeof(magic) - 1, magic, name }

/* what a build without libheif does not read */

#define CAPHEALTH_HEIF_LESS  ", which needs a caphealth that is built with "  \
                             "libheif"

static const caphealth_guess_t  caphealth_guesses[] = {
    caphealth_guess("BM", "a BMP image"),
    caphealth_guess("II*\0", "a TIFF image, or a camera's raw one"),
    caphealth_guess("MM\0*", "a TIFF image, or a camera's raw one"),
#if !(CAPHEALTH_HEIF)
    caphealth_guess("????ftypavi", "an AVIF image" CAPHEALTH_HEIF_LESS),
    caphealth_guess("????ftyphe", "a HEIC photo" CAPHEALTH_HEIF_LESS),
    caphealth_guess("????ftypmif", "a HEIC photo" CAPHEALTH_HEIF_LESS),
    caphealth_guess("????ftypmsf", "a HEIC photo" CAPHEALTH_HEIF_LESS),
#endif
    caphealth_guess("????ftyp", "a video"),
    caphealth_guess("\0\0\0\14JXL ", "a JPEG XL image"),
    caphealth_guess("\377\12", "a JPEG XL image"),
    caphealth_guess("\0\0\0\14jP  ", "a JPEG 2000 image"),
    caphealth_guess("8BPS", "a Photoshop file"),
    caphealth_guess("%PDF", "a PDF document"),
    caphealth_guess("%!PS", "a PostScript file"),
    caphealth_guess("PK\3\4", "a ZIP archive"),
    caphealth_guess("\0\0\1\0", "an icon"),
    { 0, NULL, NULL }
};


caphealth_format_e
caphealth_format(const uint8_t *data, size_t size)
{
    unsigned            i;
    const char *const  *magic;

    for (i = CAPHEALTH_FORMAT_UNKNOWN + 1; i < CAPHEALTH_FORMAT_COUNT; i++) {
        for (magic = caphealth_formats[i].magics; *magic; magic++) {
            if (caphealth_format_begins(data, size, *magic)) {
                return (caphealth_format_e) i;
            }
        }
    }

    return CAPHEALTH_FORMAT_UNKNOWN;
}


static int
caphealth_format_begins(const uint8_t *data, size_t size, const char *magic)
{
    size_t  n, at;

    n = strlen(magic);

    if (caphealth_format_is(data, size, magic, n)) {
        return 1;
    }

    if (size < CAPHEALTH_BRANDS
        || memcmp(data + 4, "ftyp", 4) != 0
        || strncmp(magic, "????ftyp", CAPHEALTH_BRAND) != 0)
    {
        return 0;
    }

    if (size > CAPHEALTH_FORMAT_BYTES) {
        size = CAPHEALTH_FORMAT_BYTES;
    }

    if (data[0] == 0 && data[1] == 0 && data[2] == 0 && data[3] < size) {
        size = data[3];
    }

    for (at = CAPHEALTH_BRANDS; at + 4 <= size; at += 4) {
        if (caphealth_format_is(data + at, 4, magic + CAPHEALTH_BRAND, 4)) {
            return 1;
        }
    }

    return 0;
}


static int
caphealth_format_is(const uint8_t *data, size_t size, const char *magic,
    size_t n)
{
    size_t  i;

    if (size < n) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (magic[i] != '?' && data[i] != (uint8_t) magic[i]) {
            return 0;
        }
    }

    return 1;
}


const char *
caphealth_format_name(caphealth_format_e format)
{
    return caphealth_format_row(format)->name;
}


const char *
caphealth_format_label(caphealth_format_e format)
{
    return caphealth_format_row(format)->label;
}


unsigned
caphealth_format_may(caphealth_format_e format)
{
    return caphealth_format_row(format)->may;
}


/* the number may be from a converter, which is not trusted */

static const caphealth_format_t *
caphealth_format_row(caphealth_format_e format)
{
    if ((unsigned) format >= CAPHEALTH_FORMAT_COUNT) {
        format = CAPHEALTH_FORMAT_UNKNOWN;
    }

    return &caphealth_formats[format];
}


char *
caphealth_format_list(char list[CAPHEALTH_FORMAT_LIST], const char *last)
{
    size_t       n;
    unsigned     i;
    const char  *separator;

    n = 0;
    separator = "";
    list[0] = '\0';

    for (i = CAPHEALTH_FORMAT_UNKNOWN + 1; i < CAPHEALTH_FORMAT_COUNT; i++) {

        n += (size_t) snprintf(list + n, CAPHEALTH_FORMAT_LIST - n, "%s%s",
                               separator, caphealth_formats[i].label);

        if (n >= CAPHEALTH_FORMAT_LIST) {
            break;
        }

        separator = (i + 2 == CAPHEALTH_FORMAT_COUNT) ? last : ", ";
    }

    return list;
}


const char *
caphealth_format_guess(const uint8_t *data, size_t size)
{
    const caphealth_guess_t  *g;

    for (g = caphealth_guesses; g->magic; g++) {
        if (caphealth_format_is(data, size, g->magic, g->size)) {
            return g->name;
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
