
/*
 * Under test: src/converter/formats/caphealth_png.c
 *     src/converter/caphealth_picture.c src/converter/caphealth_scale.c
 *
 * A PNG file, through the whole converter.  Whatever is changed in a chunk,
 * its length and its checksum are made right again most of the time.
 */

#include <zlib.h>

#include "images.h"


#define PNG_SIGNATURE  8
#define PNG_CHUNK      12


static uint32_t
png_32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


static void
png_put(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t) (value >> 24);
    p[1] = (uint8_t) (value >> 16);
    p[2] = (uint8_t) (value >> 8);
    p[3] = (uint8_t) value;
}


/* where the next chunk that has a type begins; size: nowhere */

static size_t
png_next(const uint8_t *data, size_t size, size_t from)
{
    size_t  i;

    static const char  types[] = "IHDRPLTEIDATIENDiCCPeXIftRNSsRGBgAMApHYs"
                                 "tEXtzTXtiTXtcHRMsBITbKGDhISTtIMEacTL"
                                 "cICP";

    for ( /* void */ ; from + PNG_CHUNK <= size; from++) {
        for (i = 0; i + 4 < sizeof(types); i += 4) {
            if (memcmp(data + from + 4, types + i, 4) == 0) {
                return from;
            }
        }
    }

    return size;
}


static void
png_mend(uint8_t *data, size_t size)
{
    size_t  at, next, len;

    for (at = png_next(data, size, PNG_SIGNATURE); at < size; at = next) {
        len = png_32(data + at);

        if (len > size - at - PNG_CHUNK) {
            next = png_next(data, size, at + PNG_CHUNK);
            len = next - at - PNG_CHUNK;
            png_put(data + at, (uint32_t) len);
        }

        png_put(data + at + 8 + len,
                (uint32_t) crc32(0, data + at + 4, (uInt) len + 4));

        next = at + len + PNG_CHUNK;
        next = next < size ? png_next(data, size, next) : size;
    }
}


size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max);

    if (seed % 16) {
        png_mend(data, size);
    }

    return size;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    images_run(data, size);

    return 0;
}
