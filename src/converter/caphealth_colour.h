
/*
 * From the colour space of a file's samples to sRGB, by Little CMS.
 */

#ifndef CAPHEALTH_COLOUR_H
#define CAPHEALTH_COLOUR_H


#include <stddef.h>
#include <stdint.h>


/* the longest profile that is read, bytes */
#define CAPHEALTH_PROFILE_MAX  (4 * 1024 * 1024)


/*
 * The samples of a pixel, of 8 bits, or of 16 in the machine's byte order.
 * sRGB has as many, of 8 bits, but RGB where these are grey or CMYK.
 */
typedef enum {
    CAPHEALTH_COLOUR_GREY = 0,
    CAPHEALTH_COLOUR_GREYA,
    CAPHEALTH_COLOUR_GREY_16,
    CAPHEALTH_COLOUR_GREYA_16,
    CAPHEALTH_COLOUR_RGB,
    CAPHEALTH_COLOUR_RGBA,         /* alpha is left as it is */
    CAPHEALTH_COLOUR_RGB_16,
    CAPHEALTH_COLOUR_RGBA_16,
    CAPHEALTH_COLOUR_CMYK          /* as it is in JPEGs; 255: no ink */
} caphealth_colour_e;


typedef enum {
    CAPHEALTH_COLOUR_OK = 0,
    CAPHEALTH_COLOUR_UNUSABLE,     /* broken, or not for such samples */
    CAPHEALTH_COLOUR_NO_MEMORY
} caphealth_colour_status_e;


/* CIE 1931 x and y */
typedef struct {
    double   white[2];
    double   red[2];
    double   green[2];
    double   blue[2];
} caphealth_primaries_t;


typedef struct caphealth_colour_s  caphealth_colour_t;


/*
 * Each makes a transform of samples of that kind to sRGB.  With
 * CAPHEALTH_COLOUR_OK, *colour is NULL if none is needed, since the samples
 * are sRGB already; with another status it is NULL.  To be freed with
 * caphealth_colour_free().
 */

/* By an ICC profile.  One for RGB fits grey samples too. */
caphealth_colour_status_e caphealth_colour_icc(caphealth_colour_t **colour,
    caphealth_colour_e kind, const uint8_t *profile, size_t size);

/* By primaries, or sRGB's with NULL, and a sample's power of light, 0: sRGB's
   curve. */
caphealth_colour_status_e caphealth_colour_power(caphealth_colour_t **colour,
    caphealth_colour_e kind, const caphealth_primaries_t *primaries,
    double power);

/* By the code points of ITU-T H.273: primaries, transfer, matrix, range. */
caphealth_colour_status_e caphealth_colour_cicp(caphealth_colour_t **colour,
    caphealth_colour_e kind, const uint8_t codes[4]);

/* Samples in Adobe RGB (1998). */
caphealth_colour_status_e caphealth_colour_adobe_rgb(
    caphealth_colour_t **colour, caphealth_colour_e kind);

/* Transforms n pixels; to and from may be the same only with RGB and RGBA. */
void caphealth_colour_row(const caphealth_colour_t *colour, const void *from,
    uint8_t *to, uint32_t n);

/* Makes the library do at once what it does once.  0, or -1. */
int caphealth_colour_warm_up(void);

void caphealth_colour_free(caphealth_colour_t *colour);

/* CMYK without a profile, n pixels to RGB. */
void caphealth_colour_cmyk(const uint8_t *from, uint8_t *to, uint32_t n);


#endif /* CAPHEALTH_COLOUR_H */
