
/*
 * The variants that are made of each image, as they are configured:
 * NAME [max=PX] [quality=0..100] [method=0..6].
 */

#ifndef CAPHEALTH_VARIANTS_H
#define CAPHEALTH_VARIANTS_H


#include "caphealth_job.h"
#include "caphealth_path.h"


typedef struct {
    unsigned             n;
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

/*
 * Checks the set as a whole, and moves its largest to the front: the one
 * without max, whose file marks an image as complete.  NULL, or what is wrong.
 */
const char *caphealth_variants_check(caphealth_variants_t *set);


#endif /* CAPHEALTH_VARIANTS_H */
