
/*
 * caphealth-converter --remake: makes of kept sources the variants that their
 * images lack.
 *
 * It may run beside an nginx that stores images and removes them.  What exists
 * is not changed, unless that is asked for, and then by rename.  A variant is
 * kept only if the source of the image still has its name after the variant
 * has got its own: a deletion takes the source's name away first, so that what
 * is linked before is seen by it, and what is linked later is undone here.
 */

#ifndef CAPHEALTH_REMAKE_H
#define CAPHEALTH_REMAKE_H


#include "caphealth_child.h"
#include "caphealth_variants.h"


#define CAPHEALTH_REMAKE_JOBS  64


typedef struct {
    const char            *root;       /* the tree of images */
    const char            *source;     /* the tree of their sources */
    const char            *state;      /* a file that keeps how far it came; or
                                          NULL */
    const char            *state_dir;  /* of the nginx that counts the root; or
                                          NULL */
    caphealth_variants_t   variants;   /* the mark first */
    uint32_t               replace;    /* a bit for each variant that is made
                                          even where it exists */
    unsigned               jobs;       /* at once, 1 to CAPHEALTH_REMAKE_JOBS */
    unsigned               lost:1;     /* also images that have no file left */
    unsigned               json:1;     /* progress on stdout, each second */
    uint64_t               max_pixels;
    int32_t                focus_x;    /* of images of which none is kept with */
    int32_t                focus_y;    /* the source; as in caphealth_job_t */
    caphealth_child_t      child;      /* its limits and timeout */
} caphealth_remake_t;


/*
 * Returns the program's exit code: 0, all is there now; 1, something failed,
 * and was said on stderr; 2, nothing was tried; 3, a signal stopped it.
 */
int caphealth_remake(caphealth_remake_t *remake);


#endif /* CAPHEALTH_REMAKE_H */
