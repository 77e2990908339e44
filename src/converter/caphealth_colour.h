
/*
 * Colour profiles, by Little CMS.
 */

#ifndef CAPHEALTH_COLOUR_H
#define CAPHEALTH_COLOUR_H


#include <stddef.h>
#include <stdint.h>


/* the longest profile that is looked at, bytes */
#define CAPHEALTH_PROFILE_MAX  (4 * 1024 * 1024)


typedef enum {
    CAPHEALTH_COLOUR_GREY = 0,
    CAPHEALTH_COLOUR_RGB,
    CAPHEALTH_COLOUR_RGBA,         /* alpha is left as it is */
    CAPHEALTH_COLOUR_CMYK,         /* 0: no ink */
    CAPHEALTH_COLOUR_CMYK_INVERSE  /* Adobe's JPEGs; 255: no ink */
} caphealth_colour_e;


typedef struct caphealth_colour_s  caphealth_colour_t;


/*
 * A transform of samples of that kind, with that ICC profile, to sRGB.  NULL:
 * none is needed, or none is possible: there is no profile, or it is sRGB's
 * own, or it is broken, or of another kind than the samples.  To be freed with
 * caphealth_colour_free().
 */
caphealth_colour_t *caphealth_colour_create(const uint8_t *profile,
    size_t size, caphealth_colour_e kind);

/* Transforms n pixels; to RGB, or RGBA where from is. */
void caphealth_colour_row(const caphealth_colour_t *colour,
    const uint8_t *from, uint8_t *to, uint32_t n);

/* Makes the library do at once what it does once.  0, or -1. */
int caphealth_colour_warm_up(void);

void caphealth_colour_free(caphealth_colour_t *colour);

/* CMYK without a profile, n pixels to RGB. */
void caphealth_colour_cmyk(const uint8_t *from, uint8_t *to, uint32_t n,
    caphealth_colour_e kind);


#endif /* CAPHEALTH_COLOUR_H */
