
/*
 * Under test: src/converter/formats/caphealth_heif.c
 *     src/converter/formats/caphealth_heif_codecs.c
 *
 * An AVIF or HEIC file, through the whole converter.
 *
 * The libraries are without instrumentation: what is looked for is what our
 * files do with their answers.
 */

#include "images.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    images_run(data, size);

    return 0;
}
