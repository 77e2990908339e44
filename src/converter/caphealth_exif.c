
/*
 * What of Exif data the picture needs.  Exif 2.32, 4.5 and 4.6.
 */

#include <string.h>

#include "caphealth_exif.h"


#define CAPHEALTH_EXIF_TIFF            42
#define CAPHEALTH_EXIF_ENTRY           12

#define CAPHEALTH_EXIF_BYTE            1
#define CAPHEALTH_EXIF_ASCII           2
#define CAPHEALTH_EXIF_SHORT           3
#define CAPHEALTH_EXIF_LONG            4

/* of the first directory, of Exif's, and of interoperability's */
#define CAPHEALTH_EXIF_ORIENTATION     0x0112
#define CAPHEALTH_EXIF_IFD             0x8769
#define CAPHEALTH_EXIF_COLOUR_SPACE    0xa001
#define CAPHEALTH_EXIF_INTEROP_IFD     0xa005
#define CAPHEALTH_EXIF_INTEROP_INDEX   0x0001

/* ColorSpace: 2 is not in the standard, but cameras and editors write it */
#define CAPHEALTH_EXIF_ADOBE_RGB       2
#define CAPHEALTH_EXIF_UNCALIBRATED    0xffff


typedef struct {
    const uint8_t  *data;
    size_t          size;
    int             big;          /* its byte order */
} caphealth_tiff_t;


static int caphealth_exif_header(const uint8_t *data, size_t size,
    caphealth_tiff_t *tiff);
static const uint8_t *caphealth_exif_entry(const caphealth_tiff_t *tiff,
    size_t offset, uint32_t tag);
static uint32_t caphealth_exif_number(const caphealth_tiff_t *tiff,
    size_t offset, uint32_t tag);
static int caphealth_exif_adobe_rgb(const caphealth_tiff_t *tiff,
    size_t offset);
static uint32_t caphealth_exif_16(const uint8_t *p, int big);
static uint32_t caphealth_exif_32(const uint8_t *p, int big);


/*
 * From the first directory to Exif's, and from there to interoperability's:
 * each is visited once, and "next directory" is not followed, so there are no
 * loops.
 */

int
caphealth_exif(const uint8_t *data, size_t size, caphealth_exif_t *exif)
{
    size_t            offset;
    uint32_t          value;
    caphealth_tiff_t  tiff;

    exif->orientation = 1;
    exif->adobe_rgb = 0;

    if (caphealth_exif_header(data, size, &tiff) == -1) {
        return -1;
    }

    offset = caphealth_exif_32(tiff.data + 4, tiff.big);

    if (offset > tiff.size - 2) {
        return -1;
    }

    value = caphealth_exif_number(&tiff, offset, CAPHEALTH_EXIF_ORIENTATION);

    if (value >= 1 && value <= 8) {
        exif->orientation = value;
    }

    offset = caphealth_exif_number(&tiff, offset, CAPHEALTH_EXIF_IFD);

    if (offset && caphealth_exif_adobe_rgb(&tiff, offset)) {
        exif->adobe_rgb = 1;
    }

    return 0;
}


static int
caphealth_exif_header(const uint8_t *data, size_t size,
    caphealth_tiff_t *tiff)
{
    if (size >= 6 && memcmp(data, "Exif\0", 5) == 0) {
        data += 6;
        size -= 6;
    }

    if (size < 8 || (memcmp(data, "II", 2) != 0 && memcmp(data, "MM", 2) != 0))
    {
        return -1;
    }

    tiff->data = data;
    tiff->size = size;
    tiff->big = data[0] == 'M';

    return caphealth_exif_16(data + 2, tiff->big) == CAPHEALTH_EXIF_TIFF
           ? 0 : -1;
}


/* NULL: the directory has no such tag, or ends before it */

static const uint8_t *
caphealth_exif_entry(const caphealth_tiff_t *tiff, size_t offset,
    uint32_t tag)
{
    uint32_t        i, n;
    const uint8_t  *p, *end;

    if (offset > tiff->size - 2) {
        return NULL;
    }

    p = tiff->data + offset;
    end = tiff->data + tiff->size;

    n = caphealth_exif_16(p, tiff->big);
    p += 2;

    for (i = 0; i < n && end - p >= CAPHEALTH_EXIF_ENTRY; i++) {

        if (caphealth_exif_16(p, tiff->big) == tag) {
            return p;
        }

        p += CAPHEALTH_EXIF_ENTRY;
    }

    return NULL;
}


/*
 * The standard has each number in one type, but writers use others: any that
 * holds the value in the entry itself is taken.  0: there is no number.
 */

static uint32_t
caphealth_exif_number(const caphealth_tiff_t *tiff, size_t offset,
    uint32_t tag)
{
    const uint8_t  *entry;

    entry = caphealth_exif_entry(tiff, offset, tag);

    if (entry == NULL || caphealth_exif_32(entry + 4, tiff->big) != 1) {
        return 0;
    }

    switch (caphealth_exif_16(entry + 2, tiff->big)) {

    case CAPHEALTH_EXIF_BYTE:
        return entry[8];

    case CAPHEALTH_EXIF_SHORT:
        return caphealth_exif_16(entry + 8, tiff->big);

    case CAPHEALTH_EXIF_LONG:
        return caphealth_exif_32(entry + 8, tiff->big);

    default:
        return 0;
    }
}


/* DCF 2.0: a file in Adobe RGB is "uncalibrated" with the index "R03" */

static int
caphealth_exif_adobe_rgb(const caphealth_tiff_t *tiff, size_t offset)
{
    size_t          interop;
    uint32_t        space;
    const uint8_t  *index;

    space = caphealth_exif_number(tiff, offset, CAPHEALTH_EXIF_COLOUR_SPACE);

    if (space == CAPHEALTH_EXIF_ADOBE_RGB) {
        return 1;
    }

    if (space != CAPHEALTH_EXIF_UNCALIBRATED) {
        return 0;
    }

    interop = caphealth_exif_number(tiff, offset, CAPHEALTH_EXIF_INTEROP_IFD);
    if (interop == 0) {
        return 0;
    }

    index = caphealth_exif_entry(tiff, interop, CAPHEALTH_EXIF_INTEROP_INDEX);

    return index
           && caphealth_exif_16(index + 2, tiff->big) == CAPHEALTH_EXIF_ASCII
           && memcmp(index + 8, "R03", 3) == 0;
}


static uint32_t
caphealth_exif_16(const uint8_t *p, int big)
{
    return big ? (uint32_t) (p[0] << 8 | p[1])
               : (uint32_t) (p[1] << 8 | p[0]);
}


static uint32_t
caphealth_exif_32(const uint8_t *p, int big)
{
    return big ? caphealth_exif_16(p, 1) << 16 | caphealth_exif_16(p + 2, 1)
               : caphealth_exif_16(p + 2, 0) << 16 | caphealth_exif_16(p, 0);
}
