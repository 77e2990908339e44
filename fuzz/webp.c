
/*
 * Under test: src/converter/formats/caphealth_webp.c
 *     src/converter/caphealth_picture.c src/converter/caphealth_encode.c
 *
 * A WebP file, through the whole converter.  The length in its header is made
 * right most of the time.
 */

#include "images.h"


#define WEBP_HEADER  8


size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    size_t  len;

    size = LLVMFuzzerMutate(data, size, max);

    if (seed % 16 && size > WEBP_HEADER) {
        len = size - WEBP_HEADER;

        data[4] = (uint8_t) len;
        data[5] = (uint8_t) (len >> 8);
        data[6] = (uint8_t) (len >> 16);
        data[7] = (uint8_t) (len >> 24);
    }

    return size;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    images_run(data, size);

    return 0;
}
