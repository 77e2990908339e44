
/*
 * Under test: src/converter/caphealth_exif.c src/converter/caphealth_markers.c
 *
 * EXIF data, as it is in a WebP file and in a PNG's eXIf chunk, and the same
 * bytes as a JPEG file.
 */

#include "fuzz.h"

#include "caphealth_colour.h"
#include "caphealth_exif.h"
#include "caphealth_markers.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *prefixed;
    unsigned              orientation;
    caphealth_markers_t   m;

    static const char  prefix[] = "Exif\0";

    orientation = caphealth_exif_orientation(data, size);

    fuzz_check(orientation >= 1 && orientation <= 8);

    if (size < sizeof(prefix) || memcmp(data, prefix, sizeof(prefix)) != 0) {
        prefixed = malloc(size + sizeof(prefix));
        fuzz_check(prefixed != NULL);

        memcpy(prefixed, prefix, sizeof(prefix));

        if (size) {
            memcpy(prefixed + sizeof(prefix), data, size);
        }

        fuzz_check(caphealth_exif_orientation((uint8_t *) prefixed,
                                              size + sizeof(prefix))
                   == orientation);
        free(prefixed);
    }

    caphealth_markers(data, size, &m);

    fuzz_check(m.orientation >= 1 && m.orientation <= 8);
    fuzz_check(m.profile_size <= CAPHEALTH_PROFILE_MAX);
    fuzz_check((m.profile == NULL) == (m.profile_size == 0));

    free(m.profile);

    return 0;
}
