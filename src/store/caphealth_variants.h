
/*
 * The variants that are made of each image, as they are configured:
 * NAME [max=PX | size=WxH [fit=inside|cover|contain]] [background=#rrggbb[aa]]
 * [quality=0..100] [method=0..6].
 */

#ifndef CAPHEALTH_VARIANTS_H
#define CAPHEALTH_VARIANTS_H


#include "caphealth_job.h"
#include "caphealth_path.h"


typedef struct {
    unsigned             n;
    unsigned             quality;     /* 1: the last one that was added has a
                                         quality of its own */
    char                 names[CAPHEALTH_VARIANTS_MAX]
                              [CAPHEALTH_VARIANT_LEN + 1];
    caphealth_variant_t  variants[CAPHEALTH_VARIANTS_MAX];
} caphealth_variants_t;


/* original method=2, 800 max=800 method=4, 200 max=200 method=4 */
void caphealth_variants_default(caphealth_variants_t *set);

/*
 * Adds a variant, and sets an option, "max=PX" and so on, of the last one
 * added.  NULL, or what is wrong.
 */
const char *caphealth_variants_add(caphealth_variants_t *set,
    const char *name);
const char *caphealth_variants_option(caphealth_variants_t *set,
    const char *option);

/* Checks the options of the last one added together.  NULL: they are right. */
const char *caphealth_variants_agree(const caphealth_variants_t *set);

/*
 * Moves the variant whose file marks an image as complete to the front: the one
 * of the largest area, max by max or width by height; one without either is the
 * largest; of equal ones, the first.  There must be a variant.
 */
void caphealth_variants_order(caphealth_variants_t *set);


#endif /* CAPHEALTH_VARIANTS_H */
