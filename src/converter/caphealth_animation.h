
/*
 * Animated images: read a frame after another, each as the whole canvas is
 * then, and written as an animated WebP.
 */

#ifndef CAPHEALTH_ANIMATION_H
#define CAPHEALTH_ANIMATION_H


#include "caphealth_colour.h"
#include "caphealth_convert.h"
#include "caphealth_format.h"
#include "caphealth_picture.h"


typedef struct caphealth_animation_s  caphealth_animation_t;

struct caphealth_animation_s {
    uint32_t                  width;      /* of the canvas, pixels */
    uint32_t                  height;
    uint32_t                  loops;      /* how often it is shown, 0: for
                                             ever; as read so far */
    uint32_t                  duration;   /* of this frame, milliseconds */
    unsigned                  orientation;    /* EXIF's */
    unsigned                  ended:1;    /* there was no frame any more */
    unsigned                  pixel_bytes;    /* that the decoder has for a
                                                 pixel of the canvas */
    uint8_t                  *canvas;     /* width * height times red, green,
                                             blue, straight alpha */
    caphealth_colour_t       *colour;     /* to sRGB, or NULL */

    /* Composes the next frame; with CAPHEALTH_JOB_OK, it may have ended. */

    caphealth_job_status_e  (*next)(caphealth_animation_t *animation);
    void                    (*close)(caphealth_animation_t *animation);
    void                     *decoder;
};


/*
 * Begins an image of a format that may be animated, whose canvas is within
 * job's limit.  The caller keeps the data, and frees the animation, whatever
 * is returned; *result has why it failed.
 */
typedef caphealth_job_status_e (*caphealth_animation_pt)(
    const caphealth_job_t *job, const uint8_t *data, size_t size,
    caphealth_animation_t *animation, caphealth_result_t *result);

caphealth_job_status_e caphealth_animation_gif(const caphealth_job_t *job,
    const uint8_t *data, size_t size, caphealth_animation_t *animation,
    caphealth_result_t *result);
caphealth_job_status_e caphealth_animation_webp(const caphealth_job_t *job,
    const uint8_t *data, size_t size, caphealth_animation_t *animation,
    caphealth_result_t *result);

/* Of a format, or NULL: of such an image only the first frame is read. */
caphealth_animation_pt caphealth_animation_of(caphealth_format_e format);

/*
 * Makes *picture, RGB and turned as it is displayed, of the canvas.  0; or -1,
 * without memory for it.
 */
int caphealth_animation_picture(const caphealth_animation_t *animation,
    caphealth_picture_t *picture);

void caphealth_animation_free(caphealth_animation_t *animation);


/* --- an animated WebP --- */

typedef struct caphealth_animator_s  caphealth_animator_t;

/*
 * Begins variant number of job, of width by height pixels, to be shown so many
 * times, 0: for ever.  Returns NULL without memory for it.
 */
caphealth_animator_t *caphealth_animator_create(const caphealth_job_t *job,
    unsigned number, uint32_t width, uint32_t height, uint32_t loops);

/* Adds an RGB picture, for so many milliseconds. */
caphealth_job_status_e caphealth_animator_add(caphealth_animator_t *animator,
    const caphealth_picture_t *picture, uint32_t duration,
    caphealth_result_t *result);

/* Writes the file, and fills in its part of *result. */
caphealth_job_status_e caphealth_animator_write(
    caphealth_animator_t *animator, caphealth_convert_write_pt write,
    void *ctx, caphealth_result_t *result);

void caphealth_animator_free(caphealth_animator_t *animator);


#endif /* CAPHEALTH_ANIMATION_H */
