
/*
 * Under test: src/converter/formats/caphealth_jpeg.c
 *     src/converter/formats/caphealth_jpeg_markers.c
 *     src/converter/caphealth_picture.c
 *     src/converter/caphealth_scale.c src/converter/caphealth_encode.c
 *
 * A JPEG file, through the whole converter.
 */

#include "images.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    images_run(data, size);

    return 0;
}
