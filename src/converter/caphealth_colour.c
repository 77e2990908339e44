
/*
 * From the colour space of a file's samples to sRGB.
 */

#include <lcms2.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_colour.h"


/* steps of a channel, and the difference in one that is not visible */
#define CAPHEALTH_COLOUR_STEPS     8
#define CAPHEALTH_COLOUR_SAME      2

/* more than the library takes, beside so many times the profile's size */
#define CAPHEALTH_COLOUR_MEMORY    (8 * 1024 * 1024)
#define CAPHEALTH_COLOUR_TIMES     8

/* of a transfer function */
#define CAPHEALTH_COLOUR_CURVE     4096

/* powers that a picture can be in */
#define CAPHEALTH_COLOUR_POWER_MIN  0.1
#define CAPHEALTH_COLOUR_POWER_MAX  10.0

/* candelas: BT.2408's reference white, and the peak of what is graded */
#define CAPHEALTH_COLOUR_WHITE     203.0
#define CAPHEALTH_COLOUR_PEAK      1000.0


struct caphealth_colour_s {
    cmsContext            context;
    cmsHTRANSFORM         transform;
    caphealth_colour_e    kind;
    uint8_t              *tones;      /* RGB for each value of grey */
    unsigned              no_memory:1;    /* for the tones */
};


typedef double (*caphealth_colour_light_pt)(double sample);


static caphealth_colour_status_e caphealth_colour_new(
    caphealth_colour_t **colour, caphealth_colour_e kind, size_t size);
static caphealth_colour_status_e caphealth_colour_make(
    caphealth_colour_t **colour, cmsHPROFILE from);
static int caphealth_colour_fits(const caphealth_colour_t *colour,
    cmsHPROFILE from);
static int caphealth_colour_tones(caphealth_colour_t *colour, unsigned rgb);
static int caphealth_colour_is_srgb(const caphealth_colour_t *colour);
static cmsHPROFILE caphealth_colour_profile(caphealth_colour_t *colour,
    const caphealth_primaries_t *primaries, cmsToneCurve *curve);
static cmsToneCurve *caphealth_colour_power_curve(cmsContext context,
    double power);
static cmsToneCurve *caphealth_colour_curve(cmsContext context,
    caphealth_colour_light_pt light, unsigned narrow);
static const caphealth_primaries_t *caphealth_colour_primaries(unsigned code);
static caphealth_colour_light_pt caphealth_colour_light(unsigned code);



/*
 * What the library makes a table of by itself is too coarse for the dark of
 * linear light: grey gets a table of its own here, and 16 bits a curve before
 * the library's.
 */

static const struct {
    cmsUInt32Number         from;
    cmsUInt32Number         to;
    cmsUInt32Number         flags;
    unsigned                grey:1;
    unsigned                alpha:1;
    unsigned                deep:1;
} caphealth_colours[] = {
    { TYPE_GRAY_8, TYPE_RGB_8, cmsFLAGS_NOOPTIMIZE, 1, 0, 0 },
    { TYPE_GRAY_8, TYPE_RGB_8, cmsFLAGS_NOOPTIMIZE, 1, 1, 0 },
    { TYPE_GRAY_16, TYPE_RGB_8, cmsFLAGS_NOOPTIMIZE, 1, 0, 1 },
    { TYPE_GRAY_16, TYPE_RGB_8, cmsFLAGS_NOOPTIMIZE, 1, 1, 1 },
    { TYPE_RGB_8, TYPE_RGB_8, 0, 0, 0, 0 },
    { TYPE_RGBA_8, TYPE_RGBA_8, cmsFLAGS_COPY_ALPHA, 0, 1, 0 },
    { TYPE_RGB_16, TYPE_RGB_8, cmsFLAGS_CLUT_PRE_LINEARIZATION, 0, 0, 1 },
    { TYPE_RGBA_16, TYPE_RGBA_8,
      cmsFLAGS_CLUT_PRE_LINEARIZATION|cmsFLAGS_COPY_ALPHA, 0, 1, 1 },
    { TYPE_CMYK_8_REV, TYPE_RGB_8, 0, 0, 0, 0 }
};


static const caphealth_primaries_t  caphealth_colour_srgb = {
    { 0.3127, 0.3290 }, { 0.64, 0.33 }, { 0.30, 0.60 }, { 0.15, 0.06 }
};


caphealth_colour_status_e
caphealth_colour_icc(caphealth_colour_t **colour, caphealth_colour_e kind,
    const uint8_t *profile, size_t size)
{
    caphealth_colour_status_e  rc;

    *colour = NULL;

    if (size == 0 || size > CAPHEALTH_PROFILE_MAX) {
        return CAPHEALTH_COLOUR_UNUSABLE;
    }

    rc = caphealth_colour_new(colour, kind, size);
    if (rc != CAPHEALTH_COLOUR_OK) {
        return rc;
    }

    return caphealth_colour_make(colour,
                                 cmsOpenProfileFromMemTHR((*colour)->context,
                                                          profile,
                                                   (cmsUInt32Number) size));
}


caphealth_colour_status_e
caphealth_colour_power(caphealth_colour_t **colour, caphealth_colour_e kind,
    const caphealth_primaries_t *primaries, double power)
{
    cmsToneCurve               *curve;
    caphealth_colour_status_e   rc;

    *colour = NULL;

    if (power != 0.0 && !(power >= CAPHEALTH_COLOUR_POWER_MIN
                          && power <= CAPHEALTH_COLOUR_POWER_MAX))
    {
        return CAPHEALTH_COLOUR_UNUSABLE;
    }

    rc = caphealth_colour_new(colour, kind, 0);
    if (rc != CAPHEALTH_COLOUR_OK) {
        return rc;
    }

    curve = caphealth_colour_power_curve((*colour)->context, power);

    return caphealth_colour_make(colour,
                                 caphealth_colour_profile(*colour, primaries,
                                                          curve));
}


caphealth_colour_status_e
caphealth_colour_adobe_rgb(caphealth_colour_t **colour,
    caphealth_colour_e kind)
{
    static const caphealth_primaries_t  primaries = {
        { 0.3127, 0.3290 }, { 0.64, 0.33 }, { 0.21, 0.71 }, { 0.15, 0.06 }
    };

    return caphealth_colour_power(colour, kind, &primaries, 563.0 / 256);
}


caphealth_colour_status_e
caphealth_colour_cicp(caphealth_colour_t **colour, caphealth_colour_e kind,
    const uint8_t codes[4])
{
    cmsToneCurve                  *curve;
    const caphealth_primaries_t   *primaries;
    caphealth_colour_light_pt      light;
    caphealth_colour_status_e      rc;

    *colour = NULL;

    primaries = caphealth_colour_primaries(codes[0]);
    light = caphealth_colour_light(codes[1]);

    if (primaries == NULL || light == NULL || codes[2] != 0 || codes[3] > 1) {
        return CAPHEALTH_COLOUR_UNUSABLE;
    }

    rc = caphealth_colour_new(colour, kind, 0);
    if (rc != CAPHEALTH_COLOUR_OK) {
        return rc;
    }

    curve = caphealth_colour_curve((*colour)->context, light, !codes[3]);

    return caphealth_colour_make(colour,
                                 caphealth_colour_profile(*colour, primaries,
                                                          curve));
}


/*
 * The library takes a failed allocation for a broken profile, or crashes, so
 * what it may need is asked for before.
 */

static caphealth_colour_status_e
caphealth_colour_new(caphealth_colour_t **colour, caphealth_colour_e kind,
    size_t size)
{
    void *volatile       p;        /* a compiler drops what is only freed */
    caphealth_colour_t  *c;

    p = malloc(CAPHEALTH_COLOUR_MEMORY + CAPHEALTH_COLOUR_TIMES * size);
    if (p == NULL) {
        return CAPHEALTH_COLOUR_NO_MEMORY;
    }

    free(p);

    c = calloc(1, sizeof(caphealth_colour_t));
    if (c == NULL) {
        return CAPHEALTH_COLOUR_NO_MEMORY;
    }

    c->kind = kind;
    c->context = cmsCreateContext(NULL, NULL);

    if (c->context == NULL) {
        free(c);
        return CAPHEALTH_COLOUR_NO_MEMORY;
    }

    *colour = c;

    return CAPHEALTH_COLOUR_OK;
}


/* of a profile, which is closed here, and is NULL if it could not be made */

static caphealth_colour_status_e
caphealth_colour_make(caphealth_colour_t **colour, cmsHPROFILE from)
{
    int                          srgb;
    cmsHPROFILE                  to;
    cmsUInt32Number              type;
    caphealth_colour_t          *c;
    caphealth_colour_status_e    rc;

    c = *colour;
    srgb = 0;
    to = NULL;

    if (from && caphealth_colour_fits(c, from)) {
        to = cmsCreate_sRGBProfileTHR(c->context);
    }

    if (to) {
        type = caphealth_colours[c->kind].from;

        if (caphealth_colours[c->kind].grey
            && cmsGetColorSpace(from) == cmsSigRgbData)
        {
            type = caphealth_colours[c->kind].deep ? TYPE_RGB_16 : TYPE_RGB_8;
        }

        c->transform = cmsCreateTransformTHR(c->context, from, type, to,
                                             caphealth_colours[c->kind].to,
                                             INTENT_PERCEPTUAL,
                                             caphealth_colours[c->kind].flags);
        (void) cmsCloseProfile(to);
    }

    if (c->transform && caphealth_colours[c->kind].grey
        && caphealth_colour_tones(c, cmsGetColorSpace(from) == cmsSigRgbData)
           == -1)
    {
        c->no_memory = 1;
    }

    if (from) {
        (void) cmsCloseProfile(from);
    }

    if (c->no_memory) {
        rc = CAPHEALTH_COLOUR_NO_MEMORY;

    } else if (c->transform == NULL) {
        rc = CAPHEALTH_COLOUR_UNUSABLE;

    } else {
        rc = CAPHEALTH_COLOUR_OK;
        srgb = caphealth_colour_is_srgb(c);
    }

    if (rc != CAPHEALTH_COLOUR_OK || srgb) {
        caphealth_colour_free(c);
        *colour = NULL;
    }

    return rc;
}


/* a link of two devices, an effect and a list of named colours are profiles
   too, but not a device's */

static int
caphealth_colour_fits(const caphealth_colour_t *colour, cmsHPROFILE from)
{
    cmsColorSpaceSignature  space;

    switch (cmsGetDeviceClass(from)) {

    case cmsSigInputClass:
    case cmsSigDisplayClass:
    case cmsSigOutputClass:
    case cmsSigColorSpaceClass:
        break;

    default:
        return 0;
    }

    space = cmsGetColorSpace(from);

    if (colour->kind == CAPHEALTH_COLOUR_CMYK) {
        return space == cmsSigCmykData;
    }

    return space == cmsSigRgbData
           || (space == cmsSigGrayData
               && caphealth_colours[colour->kind].grey);
}


static int
caphealth_colour_tones(caphealth_colour_t *colour, unsigned rgb)
{
    void       *values;
    uint8_t    *narrow;
    uint16_t   *wide;
    uint32_t    i, n, channels;

    channels = rgb ? 3 : 1;
    n = caphealth_colours[colour->kind].deep ? UINT16_MAX + 1 : UINT8_MAX + 1;

    values = malloc(n * channels * sizeof(uint16_t));
    colour->tones = malloc(n * 3);

    if (values == NULL || colour->tones == NULL) {
        free(values);
        return -1;
    }

    narrow = values;
    wide = values;

    for (i = 0; i < n * channels; i++) {

        if (n > UINT8_MAX + 1) {
            wide[i] = (uint16_t) (i / channels);

        } else {
            narrow[i] = (uint8_t) (i / channels);
        }
    }

    cmsDoTransform(colour->transform, values, colour->tones, n);

    free(values);

    return 0;
}


/* most photos carry sRGB's own profile, in one of its many versions */

static int
caphealth_colour_is_srgb(const caphealth_colour_t *colour)
{
    int          d;
    uint8_t      to[4], value[4];
    unsigned     i, r, g, b;
    uint16_t     deep[4];
    const void  *from;

    if (colour->kind == CAPHEALTH_COLOUR_CMYK) {
        return 0;
    }

    from = caphealth_colours[colour->kind].deep ? (void *) deep
                                                : (void *) value;

    for (r = 0; r <= CAPHEALTH_COLOUR_STEPS; r++) {
        for (g = 0; g <= CAPHEALTH_COLOUR_STEPS; g++) {
            for (b = 0; b <= CAPHEALTH_COLOUR_STEPS; b++) {

                value[0] = (uint8_t) (r * 255 / CAPHEALTH_COLOUR_STEPS);
                value[1] = (uint8_t) (g * 255 / CAPHEALTH_COLOUR_STEPS);
                value[2] = (uint8_t) (b * 255 / CAPHEALTH_COLOUR_STEPS);
                value[3] = 255;

                if (caphealth_colours[colour->kind].grey) {
                    value[1] = value[0];
                    value[2] = value[0];
                }

                for (i = 0; i < 4; i++) {
                    deep[i] = (uint16_t) (value[i] * 257);
                }

                caphealth_colour_row(colour, from, to, 1);

                for (i = 0; i < 3; i++) {
                    d = value[i] - to[i];

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


/* the curve is freed here, and is NULL if it could not be made */

static cmsHPROFILE
caphealth_colour_profile(caphealth_colour_t *colour,
    const caphealth_primaries_t *primaries, cmsToneCurve *curve)
{
    cmsCIExyY        white;
    cmsHPROFILE      profile;
    cmsToneCurve    *curves[3];
    cmsCIExyYTRIPLE  triple;

    if (curve == NULL) {
        return NULL;
    }

    if (primaries == NULL) {
        primaries = &caphealth_colour_srgb;
    }

    if (caphealth_colours[colour->kind].grey) {
        profile = cmsCreateGrayProfileTHR(colour->context, cmsD50_xyY(),
                                          curve);

    } else {
        white = (cmsCIExyY) { primaries->white[0], primaries->white[1], 1 };

        triple.Red = (cmsCIExyY) { primaries->red[0], primaries->red[1], 1 };
        triple.Green = (cmsCIExyY) { primaries->green[0],
                                     primaries->green[1], 1 };
        triple.Blue = (cmsCIExyY) { primaries->blue[0], primaries->blue[1],
                                    1 };
        curves[0] = curve;
        curves[1] = curve;
        curves[2] = curve;

        profile = cmsCreateRGBProfileTHR(colour->context, &white, &triple,
                                         curves);
    }

    cmsFreeToneCurve(curve);

    return profile;
}


static cmsToneCurve *
caphealth_colour_power_curve(cmsContext context, double power)
{
    static const double  srgb[] = {
        2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045
    };

    return power == 0.0 ? cmsBuildParametricToneCurve(context, 4, srgb)
                        : cmsBuildGamma(context, power);
}


/* narrow: samples from 16 to 235 of 255 */

static cmsToneCurve *
caphealth_colour_curve(cmsContext context, caphealth_colour_light_pt light,
    unsigned narrow)
{
    int            i;
    double         sample;
    float          values[CAPHEALTH_COLOUR_CURVE];

    for (i = 0; i < CAPHEALTH_COLOUR_CURVE; i++) {
        sample = (double) i / (CAPHEALTH_COLOUR_CURVE - 1);

        if (narrow) {
            sample = (sample * 255 - 16) / (235 - 16);
            sample = fmin(fmax(sample, 0), 1);
        }

        values[i] = (float) fmin(light(sample), 1);
    }

    return cmsBuildTabulatedToneCurveFloat(context, CAPHEALTH_COLOUR_CURVE,
                                           values);
}


static const caphealth_primaries_t *
caphealth_colour_primaries(unsigned code)
{
    size_t  i;

    static const struct {
        unsigned               code;
        caphealth_primaries_t  primaries;
    } table[] = {
        { 1, { { 0.3127, 0.3290 }, { 0.640, 0.330 }, { 0.300, 0.600 },
               { 0.150, 0.060 } } },
        { 4, { { 0.310, 0.316 }, { 0.670, 0.330 }, { 0.210, 0.710 },
               { 0.140, 0.080 } } },
        { 5, { { 0.3127, 0.3290 }, { 0.640, 0.330 }, { 0.290, 0.600 },
               { 0.150, 0.060 } } },
        { 6, { { 0.3127, 0.3290 }, { 0.630, 0.340 }, { 0.310, 0.595 },
               { 0.155, 0.070 } } },
        { 7, { { 0.3127, 0.3290 }, { 0.630, 0.340 }, { 0.310, 0.595 },
               { 0.155, 0.070 } } },
        { 8, { { 0.310, 0.316 }, { 0.681, 0.319 }, { 0.243, 0.692 },
               { 0.145, 0.049 } } },
        { 9, { { 0.3127, 0.3290 }, { 0.708, 0.292 }, { 0.170, 0.797 },
               { 0.131, 0.046 } } },
        { 11, { { 0.314, 0.351 }, { 0.680, 0.320 }, { 0.265, 0.690 },
                { 0.150, 0.060 } } },
        { 12, { { 0.3127, 0.3290 }, { 0.680, 0.320 }, { 0.265, 0.690 },
                { 0.150, 0.060 } } },
        { 22, { { 0.3127, 0.3290 }, { 0.630, 0.340 }, { 0.295, 0.605 },
                { 0.155, 0.077 } } }
    };

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].code == code) {
            return &table[i].primaries;
        }
    }

    return NULL;
}


/*
 * Transfer functions, from a sample to light.  Those of video are for a
 * display as in BT.1886.  Those of high dynamic range are mapped to sRGB's
 * range: light up to the reference white keeps its order, and what is
 * brighter, up to the peak, is compressed above it.
 */

static double
caphealth_colour_sdr(double nits)
{
    double  light, peak;

    light = nits / CAPHEALTH_COLOUR_WHITE;
    peak = CAPHEALTH_COLOUR_PEAK / CAPHEALTH_COLOUR_WHITE;

    return light * (1 + light / (peak * peak)) / (1 + light);
}


static double
caphealth_light_bt1886(double v)
{
    return pow(v, 2.4);
}


static double
caphealth_light_bt470m(double v)
{
    return pow(v, 2.2);
}


static double
caphealth_light_bt470bg(double v)
{
    return pow(v, 2.8);
}


static double
caphealth_light_linear(double v)
{
    return v;
}


static double
caphealth_light_srgb(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}


/* SMPTE ST 428-1: white is 48 candelas of 52.37 */

static double
caphealth_light_dci(double v)
{
    return pow(v, 2.6) * 52.37 / 48;
}


/* SMPTE ST 2084 */

static double
caphealth_light_pq(double v)
{
    double  p;

    p = pow(v, 32.0 / 2523);

    return caphealth_colour_sdr(10000
                                * pow(fmax(p - 3424.0 / 4096, 0)
                                      / (2413.0 / 128 - 2392.0 / 128 * p),
                                      16384.0 / 2610));
}


/* ARIB STD-B67, on a display of 1000 candelas, whose system gamma is 1.2 */

static double
caphealth_light_hlg(double v)
{
    double  scene;

    scene = v <= 0.5 ? v * v / 3
                     : (exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12;

    return caphealth_colour_sdr(CAPHEALTH_COLOUR_PEAK * pow(scene, 1.2));
}


/* NULL: unspecified, or not in use for pictures */

static caphealth_colour_light_pt
caphealth_colour_light(unsigned code)
{
    static const caphealth_colour_light_pt  table[] = {
        [1] = caphealth_light_bt1886,
        [4] = caphealth_light_bt470m,
        [5] = caphealth_light_bt470bg,
        [6] = caphealth_light_bt1886,
        [8] = caphealth_light_linear,
        [11] = caphealth_light_bt1886,
        [13] = caphealth_light_srgb,
        [14] = caphealth_light_bt1886,
        [15] = caphealth_light_bt1886,
        [16] = caphealth_light_pq,
        [17] = caphealth_light_dci,
        [18] = caphealth_light_hlg
    };

    return code < sizeof(table) / sizeof(table[0]) ? table[code] : NULL;
}


void
caphealth_colour_row(const caphealth_colour_t *colour, const void *from,
    uint8_t *to, uint32_t n)
{
    uint32_t         i, value;
    unsigned         alpha, deep;
    const uint8_t   *narrow;
    const uint16_t  *wide;

    if (colour->tones == NULL) {
        cmsDoTransform(colour->transform, from, to, n);
        return;
    }

    alpha = caphealth_colours[colour->kind].alpha;
    deep = caphealth_colours[colour->kind].deep;

    narrow = from;
    wide = from;

    for (i = 0; i < n; i++) {
        value = deep ? *wide++ : *narrow++;
        memcpy(to, colour->tones + 3 * value, 3);
        to += 3;

        if (alpha) {
            *to++ = deep ? (uint8_t) ((*wide++ * 255u + 32895) >> 16)
                         : *narrow++;
        }
    }
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
    free(colour->tones);
    free(colour);
}


int
caphealth_colour_warm_up(void)
{
    caphealth_colour_t          *colour;
    caphealth_colour_status_e    rc;

    rc = caphealth_colour_adobe_rgb(&colour, CAPHEALTH_COLOUR_RGBA);

    caphealth_colour_free(colour);

    return rc == CAPHEALTH_COLOUR_OK ? 0 : -1;
}


/* as every viewer does it that has no profile: R = (1 - C) (1 - K) */

void
caphealth_colour_cmyk(const uint8_t *from, uint8_t *to, uint32_t n)
{
    unsigned  i;
    uint32_t  x;

    for (x = 0; x < n; x++, from += 4, to += 3) {
        for (i = 0; i < 3; i++) {
            to[i] = (uint8_t) ((from[i] * from[3] + 127) / 255);
        }
    }
}
