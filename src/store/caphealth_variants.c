
/*
 * The variants that are made of every image.
 */

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_output.h"
#include "caphealth_variants.h"


#define CAPHEALTH_METHOD   4


static const char *caphealth_variants_size(caphealth_variant_t *v,
    const char *text);
static const char *caphealth_variants_format(caphealth_variants_t *set,
    const char *name);
static const char *caphealth_variants_fit(caphealth_variant_t *v,
    const char *name);
static const char *caphealth_variants_background(caphealth_variant_t *v,
    const char *text);
static const char *caphealth_variants_number(const char *text, unsigned max,
    unsigned *number);
static uint64_t caphealth_variants_area(const caphealth_variant_t *v);


static const char *const  caphealth_fits[CAPHEALTH_FITS] = {
    [CAPHEALTH_FIT_INSIDE] = "inside",
    [CAPHEALTH_FIT_COVER] = "cover",
    [CAPHEALTH_FIT_CONTAIN] = "contain",
};


void
caphealth_variants_default(caphealth_variants_t *set)
{
    memset(set, 0, sizeof(caphealth_variants_t));

    (void) caphealth_variants_add(set, "original");
    set->variants[0].method = 2;

    (void) caphealth_variants_add(set, "800");
    set->variants[1].max = 800;

    (void) caphealth_variants_add(set, "200");
    set->variants[2].max = 200;
}


const char *
caphealth_variants_add(caphealth_variants_t *set, const char *name)
{
    unsigned  i;

    if (!caphealth_variant_valid(name, strlen(name))) {
        return "its name must be 1 to 32 of a-z, 0-9 and \"-\"";
    }

    for (i = 0; i < set->n; i++) {
        if (strcmp(set->names[i], name) == 0) {
            return "its name is duplicate";
        }
    }

    if (set->n == CAPHEALTH_VARIANTS_MAX) {
        return "there may be 8 variants at most";
    }

    (void) snprintf(set->names[set->n], sizeof(set->names[0]), "%s", name);

    memset(&set->variants[set->n], 0, sizeof(caphealth_variant_t));
    set->variants[set->n].quality
        = (uint8_t) caphealth_output_row(CAPHEALTH_OUTPUT_WEBP)->quality;
    set->variants[set->n].method = CAPHEALTH_METHOD;

    set->quality = 0;
    set->n++;

    return NULL;
}


const char *
caphealth_variants_option(caphealth_variants_t *set, const char *option)
{
    unsigned              n;
    caphealth_variant_t  *v;

    v = &set->variants[set->n - 1];

    if (strncmp(option, "max=", 4) == 0) {
        if (caphealth_variants_number(option + 4, CAPHEALTH_SIDE_MAX, &n)
            || n == 0)
        {
            return "max is the longer side in pixels, 1 to 16383";
        }

        v->max = n;
        return NULL;
    }

    if (strncmp(option, "size=", 5) == 0) {
        return caphealth_variants_size(v, option + 5);
    }

    if (strncmp(option, "fit=", 4) == 0) {
        return caphealth_variants_fit(v, option + 4);
    }

    if (strncmp(option, "background=", 11) == 0) {
        return caphealth_variants_background(v, option + 11);
    }

    if (strncmp(option, "format=", 7) == 0) {
        return caphealth_variants_format(set, option + 7);
    }

    if (strncmp(option, "animation=", 10) == 0) {
        if (strcmp(option + 10, "keep") != 0
            && strcmp(option + 10, "first") != 0)
        {
            return "animation is first, of which one frame is shown, or keep";
        }

        v->animated = option[10] == 'k';
        return NULL;
    }

    if (strncmp(option, "quality=", 8) == 0) {
        if (caphealth_variants_number(option + 8, 100, &n)) {
            return "quality is that of the format, 0 to 100";
        }

        v->quality = (uint8_t) n;
        set->quality = 1;
        return NULL;
    }

    if (strncmp(option, "method=", 7) == 0) {
        if (caphealth_variants_number(option + 7, 6, &n)) {
            return "method is libwebp's, 0 (fast) to 6 (small)";
        }

        v->method = (uint8_t) n;
        return NULL;
    }

    return "the options are max=PX, size=WxH, fit=inside|cover|contain, "
           "background=#rrggbb[aa], format=webp|jpeg|avif, "
           "animation=first|keep, quality=0..100 and method=0..6";
}


static const char *
caphealth_variants_format(caphealth_variants_t *set, const char *name)
{
    uint32_t              format;
    caphealth_variant_t  *v;

    v = &set->variants[set->n - 1];
    format = caphealth_output_by_name(name);

    if (format == CAPHEALTH_OUTPUTS) {
        return "format is webp, jpeg or avif";
    }

    v->format = (uint8_t) format;

    if (!set->quality) {
        v->quality = (uint8_t) caphealth_output_row(format)->quality;
    }

    return NULL;
}


static const char *
caphealth_variants_size(caphealth_variant_t *v, const char *text)
{
    char         width[8];
    size_t       len;
    unsigned     w, h;
    const char  *x;

    x = strchr(text, 'x');
    len = x ? (size_t) (x - text) : sizeof(width);

    if (len < sizeof(width)) {
        (void) snprintf(width, sizeof(width), "%.*s", (int) len, text);

        if (caphealth_variants_number(width, CAPHEALTH_SIDE_MAX, &w) == NULL
            && caphealth_variants_number(x + 1, CAPHEALTH_SIDE_MAX, &h) == NULL
            && w > 0 && h > 0)
        {
            v->width = w;
            v->height = h;
            return NULL;
        }
    }

    return "size is width and height in pixels, as 400x300, 1 to 16383 each";
}


static const char *
caphealth_variants_fit(caphealth_variant_t *v, const char *name)
{
    unsigned  i;

    for (i = 0; i < CAPHEALTH_FITS; i++) {
        if (strcmp(name, caphealth_fits[i]) == 0) {
            v->fit = (uint8_t) i;
            return NULL;
        }
    }

    return "fit is inside, cover or contain";
}


static const char *
caphealth_variants_background(caphealth_variant_t *v, const char *text)
{
    size_t    len;
    unsigned  c[4];

    len = strlen(text);
    c[3] = 255;

    if ((len == 7 || len == 9) && text[0] == '#'
        && strspn(text + 1, "0123456789abcdefABCDEF") == len - 1
        && sscanf(text + 1, "%2x%2x%2x%2x", &c[0], &c[1], &c[2], &c[3])
           >= 3)
    {
        v->background[0] = (uint8_t) c[0];
        v->background[1] = (uint8_t) c[1];
        v->background[2] = (uint8_t) c[2];
        v->opacity = (uint8_t) c[3];
        v->filled = 1;
        return NULL;
    }

    return "background is a colour, #rrggbb, or #rrggbbaa with its opacity";
}


const char *
caphealth_variants_agree(const caphealth_variants_t *set)
{
    const caphealth_variant_t  *v;

    v = &set->variants[set->n - 1];

    if (v->max && v->width) {
        return "max and size exclude each other";
    }

    if (v->fit != CAPHEALTH_FIT_INSIDE && v->width == 0) {
        return "cover and contain need a size=WxH";
    }

    if (v->format == CAPHEALTH_OUTPUT_JPEG && v->filled && v->opacity != 255) {
        return "a JPEG has no transparency: its background is #rrggbb";
    }

    if (v->animated && v->format != CAPHEALTH_OUTPUT_WEBP) {
        return "animation=keep is for WebP";
    }

    return NULL;
}


static const char *
caphealth_variants_number(const char *text, unsigned max, unsigned *number)
{
    *number = 0;

    if (*text == '\0') {
        return "no number";
    }

    for ( /* void */ ; *text; text++) {
        if (*text < '0' || *text > '9') {
            return "not a number";
        }

        *number = *number * 10 + (unsigned) (*text - '0');

        if (*number > max) {
            return "too large";
        }
    }

    return NULL;
}


void
caphealth_variants_order(caphealth_variants_t *set)
{
    char                 name[CAPHEALTH_VARIANT_LEN + 1];
    unsigned             i, mark;
    caphealth_variant_t  v;

    mark = 0;

    for (i = 1; i < set->n; i++) {
        if (caphealth_variants_area(&set->variants[i])
            > caphealth_variants_area(&set->variants[mark]))
        {
            mark = i;
        }
    }

    v = set->variants[mark];
    memcpy(name, set->names[mark], sizeof(name));

    for (i = mark; i > 0; i--) {
        set->variants[i] = set->variants[i - 1];
        memcpy(set->names[i], set->names[i - 1], sizeof(name));
    }

    set->variants[0] = v;
    memcpy(set->names[0], name, sizeof(name));
}


/* the most pixels it may have */

static uint64_t
caphealth_variants_area(const caphealth_variant_t *v)
{
    if (v->width) {
        return (uint64_t) v->width * v->height;
    }

    return v->max ? (uint64_t) v->max * v->max : UINT64_MAX;
}
