
/*
 * Under test: src/converter/formats/caphealth_gif.c
 *
 * A GIF file, through the whole converter.
 */

#include "images.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    images_run(data, size);

    return 0;
}
