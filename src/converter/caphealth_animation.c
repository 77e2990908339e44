
/*
 * An animated image, a frame after another.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_animation.h"


int
caphealth_animation_picture(const caphealth_animation_t *animation,
    caphealth_picture_t *picture)
{
    uint32_t  y;

    if (caphealth_picture_create(picture, CAPHEALTH_PICTURE_RGB, 1, 0, 0,
                                 animation->width, animation->height)
        == -1)
    {
        return -1;
    }

    for (y = 0; y < animation->height; y++) {
        caphealth_picture_row(picture, y,
                              animation->canvas
                              + (size_t) y * animation->width * 4, 4);
    }

    caphealth_picture_opaque(picture);

    return 0;
}


void
caphealth_animation_free(caphealth_animation_t *animation)
{
    if (animation->close) {
        animation->close(animation);
    }

    free(animation->canvas);

    memset(animation, 0, sizeof(caphealth_animation_t));
}
