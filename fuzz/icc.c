
/*
 * Under test: src/converter/caphealth_colour.c
 *
 * The kind of the samples, and a colour profile.
 */

#include "fuzz.h"

#include "caphealth_colour.h"


#define PIXELS  61


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                *profile;
    size_t               i, samples, channels;
    uint8_t             *from, *to;
    fuzz_bytes_t         b = { data, size };
    caphealth_colour_e   kind;
    caphealth_colour_t  *colour;

    static const size_t  inputs[] = { 1, 3, 4, 4, 4 };

    kind = (caphealth_colour_e) (fuzz_number(&b, 1) % 5);
    profile = fuzz_copy(b.data, b.size);

    colour = caphealth_colour_create((uint8_t *) profile, b.size, kind);

    /* what was made needs the profile no more */

    free(profile);

    samples = PIXELS * inputs[kind];
    channels = kind == CAPHEALTH_COLOUR_RGBA ? 4 : 3;

    from = malloc(samples);
    to = malloc(PIXELS * channels);
    fuzz_check(from != NULL && to != NULL);

    for (i = 0; i < samples; i++) {
        from[i] = (uint8_t) (i * 37);
    }

    if (colour) {
        caphealth_colour_row(colour, from, to, PIXELS);

    } else if (inputs[kind] == 4 && kind != CAPHEALTH_COLOUR_RGBA) {
        caphealth_colour_cmyk(from, to, PIXELS, kind);
    }

    if (colour && kind == CAPHEALTH_COLOUR_RGBA) {
        for (i = 3; i < samples; i += 4) {
            fuzz_check(to[i] == from[i]);
        }

        /* rows are transformed in place */

        caphealth_colour_row(colour, from, from, PIXELS);
        fuzz_check(memcmp(from, to, samples) == 0);
    }

    caphealth_colour_free(colour);
    free(from);
    free(to);

    return 0;
}
