
/*
 * The one thing of EXIF that is needed.  EXIF 2.32, 4.5 and 4.6.
 */

#include <string.h>

#include "caphealth_exif.h"


#define CAPHEALTH_EXIF_TIFF         42
#define CAPHEALTH_EXIF_ENTRY        12
#define CAPHEALTH_EXIF_ORIENTATION  0x0112
#define CAPHEALTH_EXIF_SHORT        3


static uint32_t caphealth_exif_16(const uint8_t *p, int big);
static uint32_t caphealth_exif_32(const uint8_t *p, int big);


/* only the first directory is looked at, and none is followed: no loops */

unsigned
caphealth_exif_orientation(const uint8_t *data, size_t size)
{
    int             big;
    size_t          offset;
    uint32_t        i, n, value;
    const uint8_t  *p;

    if (size >= 6 && memcmp(data, "Exif\0\0", 6) == 0) {
        data += 6;
        size -= 6;
    }

    if (size < 8 || (memcmp(data, "II", 2) != 0 && memcmp(data, "MM", 2) != 0))
    {
        return 1;
    }

    big = data[0] == 'M';
    offset = caphealth_exif_32(data + 4, big);

    if (caphealth_exif_16(data + 2, big) != CAPHEALTH_EXIF_TIFF
        || offset > size - 2)
    {
        return 1;
    }

    n = caphealth_exif_16(data + offset, big);
    p = data + offset + 2;

    for (i = 0; i < n; i++, p += CAPHEALTH_EXIF_ENTRY) {

        if ((size_t) (data + size - p) < CAPHEALTH_EXIF_ENTRY) {
            return 1;
        }

        if (caphealth_exif_16(p, big) == CAPHEALTH_EXIF_ORIENTATION) {
            value = caphealth_exif_16(p + 8, big);

            return (caphealth_exif_16(p + 2, big) == CAPHEALTH_EXIF_SHORT
                    && value >= 1 && value <= 8)
                   ? value : 1;
        }
    }

    return 1;
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
