
/*
 * Under test: src/converter/caphealth_colour.c
 *
 * The kind of the samples, how their colour is described, and the description:
 * a profile, the code points of H.273, or primaries and a power.
 */

#include "fuzz.h"

#include "caphealth_colour.h"


#define PIXELS  61


static caphealth_colour_status_e
icc_colour(fuzz_bytes_t *b, caphealth_colour_e kind,
    caphealth_colour_t **colour)
{
    char                       *profile;
    double                      power;
    size_t                      i;
    uint8_t                     codes[4];
    caphealth_primaries_t       primaries;
    caphealth_colour_status_e   rc;

    switch (fuzz_number(b, 1) % 8) {

    case 0:
        for (i = 0; i < 4; i++) {
            codes[i] = (uint8_t) fuzz_number(b, 1);
        }

        return caphealth_colour_cicp(colour, kind, codes);

    case 1:
        power = (double) fuzz_number(b, 4) / 100000;

        for (i = 0; i < 2; i++) {
            primaries.white[i] = (double) fuzz_number(b, 4) / 100000;
            primaries.red[i] = (double) fuzz_number(b, 4) / 100000;
            primaries.green[i] = (double) fuzz_number(b, 4) / 100000;
            primaries.blue[i] = (double) fuzz_number(b, 4) / 100000;
        }

        return caphealth_colour_power(colour, kind, &primaries, power);

    case 2:
        return caphealth_colour_adobe_rgb(colour, kind);

    default:
        profile = fuzz_copy(b->data, b->size);
        rc = caphealth_colour_icc(colour, kind, (uint8_t *) profile, b->size);

        /* what was made needs the profile no more */

        free(profile);

        return rc;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                      i, bytes, channels;
    uint8_t                    *from, *to;
    fuzz_bytes_t                b = { data, size };
    caphealth_colour_e          kind;
    caphealth_colour_t         *colour;
    caphealth_colour_status_e   rc;

    static const size_t  inputs[] = { 1, 2, 2, 4, 3, 4, 6, 8, 4 };

    kind = (caphealth_colour_e) (fuzz_number(&b, 1) % 9);

    rc = icc_colour(&b, kind, &colour);

    fuzz_check(rc != CAPHEALTH_COLOUR_NO_MEMORY);
    fuzz_check(rc == CAPHEALTH_COLOUR_OK || colour == NULL);

    bytes = PIXELS * inputs[kind];
    channels = kind == CAPHEALTH_COLOUR_GREYA
               || kind == CAPHEALTH_COLOUR_GREYA_16
               || kind == CAPHEALTH_COLOUR_RGBA
               || kind == CAPHEALTH_COLOUR_RGBA_16 ? 4 : 3;

    from = malloc(bytes);
    to = malloc(PIXELS * channels);
    fuzz_check(from != NULL && to != NULL);

    for (i = 0; i < bytes; i++) {
        from[i] = (uint8_t) (i * 37);
    }

    if (colour) {
        caphealth_colour_row(colour, from, to, PIXELS);

    } else if (kind == CAPHEALTH_COLOUR_CMYK) {
        caphealth_colour_cmyk(from, to, PIXELS);
    }

    if (colour && kind == CAPHEALTH_COLOUR_RGBA) {
        for (i = 3; i < bytes; i += 4) {
            fuzz_check(to[i] == from[i]);
        }

        /* rows are transformed in place */

        caphealth_colour_row(colour, from, from, PIXELS);
        fuzz_check(memcmp(from, to, bytes) == 0);
    }

    caphealth_colour_free(colour);
    free(from);
    free(to);

    return 0;
}
