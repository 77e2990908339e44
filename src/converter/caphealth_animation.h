
/*
 * An animated image, a frame after another, each as the whole canvas is then.
 */

#ifndef CAPHEALTH_ANIMATION_H
#define CAPHEALTH_ANIMATION_H


#include "caphealth_picture.h"


typedef struct caphealth_animation_s  caphealth_animation_t;

struct caphealth_animation_s {
    uint32_t                  width;      /* of the canvas, pixels */
    uint32_t                  height;
    uint32_t                  loops;      /* how often it is shown, 0: for
                                             ever; as read so far */
    uint32_t                  duration;   /* of this frame, milliseconds */
    unsigned                  ended:1;    /* there was no frame any more */
    uint8_t                  *canvas;     /* width * height times red, green,
                                             blue, straight alpha; sRGB */

    /* Composes the next frame; with CAPHEALTH_JOB_OK, it may have ended. */

    caphealth_job_status_e  (*next)(caphealth_animation_t *animation);
    void                    (*close)(caphealth_animation_t *animation);
    void                     *decoder;
};


/*
 * Begins a GIF, whose canvas is within job's limit.  The caller keeps the data,
 * and frees the animation, whatever is returned; *result has why it failed.
 */
caphealth_job_status_e caphealth_animation_gif(const caphealth_job_t *job,
    const uint8_t *data, size_t size, caphealth_animation_t *animation,
    caphealth_result_t *result);

/* Makes *picture, RGB, of the canvas.  0; or -1, without memory for it. */
int caphealth_animation_picture(const caphealth_animation_t *animation,
    caphealth_picture_t *picture);

void caphealth_animation_free(caphealth_animation_t *animation);


#endif /* CAPHEALTH_ANIMATION_H */
