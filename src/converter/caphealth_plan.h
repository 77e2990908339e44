
/*
 * Of which picture each variant is made, and how much memory that takes.
 *
 * Each variant is made of the next larger one that shows all of the image,
 * which is freed when the next such one is made.  One with alpha is made of the
 * image itself, because edges overshoot when they are scaled, and alpha loses
 * at each step what it cannot hold of that; so is one of a graphic, whose
 * chroma is at its edges, and each beside one that keeps all chroma.
 */

#ifndef CAPHEALTH_PLAN_H
#define CAPHEALTH_PLAN_H


#include "caphealth_fit.h"
#include "caphealth_picture.h"


typedef struct {
    caphealth_fit_t   fits[CAPHEALTH_VARIANTS_MAX];
    unsigned          order[CAPHEALTH_VARIANTS_MAX];   /* the largest scale
                                                          first */
    unsigned          graphic:1;    /* it was drawn */
    unsigned          whole:1;      /* each is made of the image itself */
} caphealth_plan_t;


typedef enum {
    CAPHEALTH_STEP_SAME = 0,        /* the picture is the variant */
    CAPHEALTH_STEP_SCALED,          /* it is scaled, or a part of it is */
    CAPHEALTH_STEP_LAID             /* and laid on a background */
} caphealth_step_e;


typedef struct {
    caphealth_step_e           how;
    caphealth_picture_kind_e   kind;        /* of what is encoded */
    unsigned                   replaces:1;  /* the picture, for the variants
                                               behind this one */
} caphealth_step_t;


/*
 * The plan for a picture of an image of width by height as it is looked at.  Of
 * the picture only its layout is read, here and below.
 */
void caphealth_plan(const caphealth_job_t *job,
    const caphealth_picture_t *picture, uint32_t width, uint32_t height,
    int graphic, caphealth_plan_t *plan);

/* How variant number is made of the picture that there is then. */
caphealth_step_t caphealth_plan_step(const caphealth_job_t *job,
    const caphealth_plan_t *plan, const caphealth_picture_t *picture,
    unsigned number);

/* Whether something of a background is seen in the variant, or may be. */
int caphealth_plan_laid(const caphealth_picture_t *picture,
    const caphealth_variant_t *variant, const caphealth_fit_t *fit);

/*
 * The variant of which the preview is made: the smallest that shows the image
 * and nothing else, in enough pixels, for it costs the least to scale.
 * job->nvariants, if there is none.
 */
unsigned caphealth_plan_previewed(const caphealth_job_t *job,
    const caphealth_plan_t *plan, const caphealth_picture_t *picture);


/* --- memory --- */

/*
 * All bytes are estimates of the most that is allocated at once, of the least
 * with which it can be done: what is made only if there is memory for it
 * (lossless WebP, sharp chroma, AVIF, the tokens of a large WebP) is not in
 * them.  The address space of the process is limited besides.
 */

/* The bytes of the variants of a picture, with itself. */
uint64_t caphealth_memory_variants(const caphealth_job_t *job,
    const caphealth_picture_t *picture, uint32_t width, uint32_t height,
    int graphic);

/*
 * The bytes that an animated variant of a canvas of width by height takes
 * beside the decoder.
 */
uint64_t caphealth_memory_frames(const caphealth_variant_t *variant,
    const caphealth_fit_t *fit, uint32_t width, uint32_t height);

/* The bytes of a picture, and what is allocated to scale it to those rows. */
uint64_t caphealth_memory_picture(const caphealth_picture_t *picture);
uint64_t caphealth_memory_scale(const caphealth_picture_t *from,
    caphealth_picture_kind_e kind, uint32_t height);

/*
 * Whether so many bytes are within job's limit beside those that are held
 * already, as the input is.  CAPHEALTH_JOB_OK, or CAPHEALTH_JOB_NO_MEMORY with
 * a detail that has the bytes that are needed in all.
 */
caphealth_job_status_e caphealth_memory_check(const caphealth_job_t *job,
    uint64_t held, uint64_t bytes, caphealth_result_t *result);

/*
 * To be called when a header is read: checks the memory for a picture of this
 * layout, which takes decoder bytes beside it while it is decoded and is turned
 * by a quarter then, if that is set; and for the variants, as far as is known
 * of them: the image may turn out to be opaque and no graphic.
 */
caphealth_job_status_e caphealth_memory_decode(const caphealth_job_t *job,
    size_t size, const caphealth_picture_t *layout, uint64_t decoder,
    unsigned turned, caphealth_result_t *result);


#endif /* CAPHEALTH_PLAN_H */
