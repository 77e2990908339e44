
/*
 * Colour profiles.
 */

#include <lcms2.h>
#include <stdlib.h>

#include "caphealth_colour.h"


/* steps of a channel, and the difference in one that nobody sees */
#define CAPHEALTH_COLOUR_STEPS  8
#define CAPHEALTH_COLOUR_SAME   2


struct caphealth_colour_s {
    cmsContext    context;
    cmsHTRANSFORM transform;
};


static cmsHTRANSFORM caphealth_colour_transform(cmsContext context,
    const uint8_t *profile, size_t size, caphealth_colour_e kind);
static int caphealth_colour_is_srgb(cmsHTRANSFORM transform);


static const struct {
    cmsColorSpaceSignature  space;
    cmsUInt32Number         from;
    cmsUInt32Number         to;
    cmsUInt32Number         flags;
} caphealth_colours[] = {
    { cmsSigGrayData, TYPE_GRAY_8, TYPE_RGB_8, 0 },
    { cmsSigRgbData, TYPE_RGB_8, TYPE_RGB_8, 0 },
    { cmsSigRgbData, TYPE_RGBA_8, TYPE_RGBA_8, cmsFLAGS_COPY_ALPHA },
    { cmsSigCmykData, TYPE_CMYK_8, TYPE_RGB_8, 0 },
    { cmsSigCmykData, TYPE_CMYK_8_REV, TYPE_RGB_8, 0 }
};


caphealth_colour_t *
caphealth_colour_create(const uint8_t *profile, size_t size,
    caphealth_colour_e kind)
{
    caphealth_colour_t  *colour;

    if (size == 0 || size > CAPHEALTH_PROFILE_MAX) {
        return NULL;
    }

    colour = malloc(sizeof(caphealth_colour_t));
    if (colour == NULL) {
        return NULL;
    }

    colour->context = cmsCreateContext(NULL, NULL);

    if (colour->context == NULL) {
        free(colour);
        return NULL;
    }

    colour->transform = caphealth_colour_transform(colour->context, profile,
                                                   size, kind);

    if (colour->transform == NULL) {
        caphealth_colour_free(colour);
        return NULL;
    }

    if ((kind == CAPHEALTH_COLOUR_RGB || kind == CAPHEALTH_COLOUR_RGBA)
        && caphealth_colour_is_srgb(colour->transform))
    {
        caphealth_colour_free(colour);
        return NULL;
    }

    return colour;
}


static cmsHTRANSFORM
caphealth_colour_transform(cmsContext context, const uint8_t *profile,
    size_t size, caphealth_colour_e kind)
{
    cmsHPROFILE    from, to;
    cmsHTRANSFORM  transform;

    from = cmsOpenProfileFromMemTHR(context, profile, (cmsUInt32Number) size);

    if (from == NULL) {
        return NULL;
    }

    transform = NULL;
    to = cmsCreate_sRGBProfileTHR(context);

    if (to && cmsGetColorSpace(from) == caphealth_colours[kind].space) {
        transform = cmsCreateTransformTHR(context,
                                          from, caphealth_colours[kind].from,
                                          to, caphealth_colours[kind].to,
                                          INTENT_PERCEPTUAL,
                                          caphealth_colours[kind].flags);
    }

    if (to) {
        (void) cmsCloseProfile(to);
    }

    (void) cmsCloseProfile(from);

    return transform;
}


/* most photos carry sRGB's own profile, in one of its many versions */

static int
caphealth_colour_is_srgb(cmsHTRANSFORM transform)
{
    int       i, d;
    uint8_t   from[4], to[4];
    unsigned  r, g, b;

    for (r = 0; r <= CAPHEALTH_COLOUR_STEPS; r++) {
        for (g = 0; g <= CAPHEALTH_COLOUR_STEPS; g++) {
            for (b = 0; b <= CAPHEALTH_COLOUR_STEPS; b++) {

                from[0] = (uint8_t) (r * 255 / CAPHEALTH_COLOUR_STEPS);
                from[1] = (uint8_t) (g * 255 / CAPHEALTH_COLOUR_STEPS);
                from[2] = (uint8_t) (b * 255 / CAPHEALTH_COLOUR_STEPS);
                from[3] = 255;

                cmsDoTransform(transform, from, to, 1);

                for (i = 0; i < 3; i++) {
                    d = from[i] - to[i];

                    if (d > CAPHEALTH_COLOUR_SAME
                        || d < -CAPHEALTH_COLOUR_SAME)
                    {
                        return 0;
                    }
                }
            }
        }
    }

    return 1;
}


void
caphealth_colour_row(const caphealth_colour_t *colour, const uint8_t *from,
    uint8_t *to, uint32_t n)
{
    cmsDoTransform(colour->transform, from, to, n);
}


void
caphealth_colour_free(caphealth_colour_t *colour)
{
    if (colour == NULL) {
        return;
    }

    if (colour->transform) {
        cmsDeleteTransform(colour->transform);
    }

    cmsDeleteContext(colour->context);
    free(colour);
}


int
caphealth_colour_warm_up(void)
{
    int                   rc;
    uint8_t              *profile;
    cmsHPROFILE           srgb;
    cmsUInt32Number       size;
    caphealth_colour_t   *colour;

    rc = -1;
    size = 0;
    profile = NULL;

    srgb = cmsCreate_sRGBProfile();

    if (srgb && cmsSaveProfileToMem(srgb, NULL, &size)) {
        profile = malloc(size);

        if (profile && cmsSaveProfileToMem(srgb, profile, &size)) {
            colour = caphealth_colour_create(profile, size,
                                             CAPHEALTH_COLOUR_RGBA);
            rc = colour ? -1 : 0;    /* it is sRGB, and seen to be */
            caphealth_colour_free(colour);
        }
    }

    free(profile);

    if (srgb) {
        (void) cmsCloseProfile(srgb);
    }

    return rc;
}


/* as every viewer does it that has no profile: R = (1 - C) (1 - K) */

void
caphealth_colour_cmyk(const uint8_t *from, uint8_t *to, uint32_t n,
    caphealth_colour_e kind)
{
    unsigned  i, ink, black;
    uint32_t  x;

    for (x = 0; x < n; x++, from += 4, to += 3) {
        black = from[3];

        if (kind == CAPHEALTH_COLOUR_CMYK) {
            black = 255 - black;
        }

        for (i = 0; i < 3; i++) {
            ink = from[i];

            if (kind == CAPHEALTH_COLOUR_CMYK) {
                ink = 255 - ink;
            }

            to[i] = (uint8_t) ((ink * black + 127) / 255);
        }
    }
}
