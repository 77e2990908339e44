
/*
 * The variants that are made of every image.
 */

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_variants.h"


#define CAPHEALTH_QUALITY  85
#define CAPHEALTH_METHOD   4


static const char *caphealth_variants_number(const char *text, unsigned max,
    unsigned *number);


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
    set->variants[set->n].quality = CAPHEALTH_QUALITY;
    set->variants[set->n].method = CAPHEALTH_METHOD;

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

    if (strncmp(option, "quality=", 8) == 0) {
        if (caphealth_variants_number(option + 8, 100, &n)) {
            return "quality is libwebp's, 0 to 100";
        }

        v->quality = (uint8_t) n;
        return NULL;
    }

    if (strncmp(option, "method=", 7) == 0) {
        if (caphealth_variants_number(option + 7, 6, &n)) {
            return "method is libwebp's, 0 (fast) to 6 (small)";
        }

        v->method = (uint8_t) n;
        return NULL;
    }

    return "the options are max=PX, quality=0..100 and method=0..6";
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


const char *
caphealth_variants_check(caphealth_variants_t *set)
{
    char                 name[CAPHEALTH_VARIANT_LEN + 1];
    unsigned             i, n, mark;
    caphealth_variant_t  v;

    n = 0;
    mark = 0;

    for (i = 0; i < set->n; i++) {
        if (set->variants[i].max == 0) {
            mark = i;
            n++;
        }
    }

    if (n != 1) {
        return n ? "only one of them may be without max"
                 : "one of them must be without max";
    }

    v = set->variants[mark];
    memcpy(name, set->names[mark], sizeof(name));

    for (i = mark; i > 0; i--) {
        set->variants[i] = set->variants[i - 1];
        memcpy(set->names[i], set->names[i - 1], sizeof(name));
    }

    set->variants[0] = v;
    memcpy(set->names[0], name, sizeof(name));

    return NULL;
}
