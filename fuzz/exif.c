
/*
 * Under test: src/converter/caphealth_exif.c
 *     src/converter/formats/caphealth_jpeg_markers.c
 *
 * EXIF data, as it is in a WebP file and in a PNG's eXIf chunk, and the same
 * bytes as a JPEG file.
 */

#include "fuzz.h"

#include "caphealth_colour.h"
#include "caphealth_exif.h"
#include "caphealth_jpeg_markers.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *prefixed;
    size_t                len;
    uint8_t              *profile;
    caphealth_exif_t      exif, again;
    caphealth_jpeg_markers_t   m;

    static const char  prefix[] = "Exif\0";

    (void) caphealth_exif(data, size, &exif);

    fuzz_check(exif.orientation >= 1 && exif.orientation <= 8);

    /* five bytes are compared, and the sixth may be anything */

    if (size < sizeof(prefix)
        || memcmp(data, prefix, sizeof(prefix) - 1) != 0)
    {
        prefixed = malloc(size + sizeof(prefix));
        fuzz_check(prefixed != NULL);

        memcpy(prefixed, prefix, sizeof(prefix));

        if (size) {
            memcpy(prefixed + sizeof(prefix), data, size);
        }

        (void) caphealth_exif((uint8_t *) prefixed, size + sizeof(prefix),
                              &again);

        fuzz_check(again.orientation == exif.orientation
                   && again.adobe_rgb == exif.adobe_rgb);
        free(prefixed);
    }

    caphealth_jpeg_markers(data, size, &m);

    fuzz_check(m.exif.orientation >= 1 && m.exif.orientation <= 8);

    fuzz_check(caphealth_jpeg_markers_profile(&m, &profile, &len) == 0);
    fuzz_check(len <= CAPHEALTH_PROFILE_MAX);
    fuzz_check((profile == NULL) == (len == 0));

    free(profile);

    return 0;
}
