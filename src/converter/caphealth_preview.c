
/*
 * What stands for an image until it is there.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_preview.h"


#define CAPHEALTH_PREVIEW_CELLS   4096

/* an alpha that is seen */
#define CAPHEALTH_PREVIEW_OPAQUE  128


typedef struct {
    uint32_t   pixels;
    uint32_t   sums[3];
} caphealth_preview_cell_t;


static uint32_t caphealth_preview_side(uint32_t side, uint32_t longer,
    uint32_t most);
static int caphealth_preview_colour(const caphealth_picture_t *picture,
    caphealth_result_t *result);


int
caphealth_preview(const caphealth_picture_t *picture,
    caphealth_result_t *result)
{
    int                  rc;
    uint32_t             longer, most;
    caphealth_region_t   all;
    caphealth_picture_t  small;

    memset(&small, 0, sizeof(caphealth_picture_t));

    longer = result->width > result->height ? result->width : result->height;
    most = picture->width > picture->height ? picture->width : picture->height;

    if (most > CAPHEALTH_THUMBHASH_SIDE) {
        most = CAPHEALTH_THUMBHASH_SIDE;
    }

    all = (caphealth_region_t) { 0, 0, picture->width, picture->height };

    rc = caphealth_picture_scale(picture, &all, &small, CAPHEALTH_PICTURE_RGB,
                                 caphealth_preview_side(result->width, longer,
                                                        most),
                                 caphealth_preview_side(result->height, longer,
                                                        most));
    if (rc == 0) {
        rc = caphealth_preview_colour(&small, result);
    }

    if (rc == 0) {
        result->thumbhash_size = (uint8_t) caphealth_thumbhash(&small,
                                                          result->thumbhash);
    }

    caphealth_picture_free(&small);

    return rc;
}


static uint32_t
caphealth_preview_side(uint32_t side, uint32_t longer, uint32_t most)
{
    side = (uint32_t) (((uint64_t) side * most + longer / 2) / longer);

    return side ? side : 1;
}


static int
caphealth_preview_colour(const caphealth_picture_t *picture,
    caphealth_result_t *result)
{
    size_t                     at;
    uint8_t                    rgb[3];
    uint32_t                   x, y, i;
    caphealth_preview_cell_t  *cells, *cell, *fullest;

    cells = calloc(CAPHEALTH_PREVIEW_CELLS, sizeof(caphealth_preview_cell_t));

    if (cells == NULL) {
        return -1;
    }

    fullest = cells;

    for (y = 0; y < picture->height; y++) {
        for (x = 0; x < picture->width; x++) {
            at = (picture->top + y) * picture->planes[0].stride
                 + picture->left + x;

            if (picture->alpha
                && picture->planes[3].data[at] < CAPHEALTH_PREVIEW_OPAQUE)
            {
                continue;
            }

            for (i = 0; i < 3; i++) {
                rgb[i] = picture->planes[i].data[at];
            }

            cell = &cells[(rgb[0] >> 4) << 8 | (rgb[1] >> 4) << 4
                          | rgb[2] >> 4];
            cell->pixels++;

            for (i = 0; i < 3; i++) {
                cell->sums[i] += rgb[i];
            }
        }
    }

    for (cell = cells; cell < cells + CAPHEALTH_PREVIEW_CELLS; cell++) {
        if (cell->pixels > fullest->pixels) {
            fullest = cell;
        }
    }

    result->coloured = fullest->pixels > 0;

    for (i = 0; i < 3 && fullest->pixels; i++) {
        result->colour[i] = (uint8_t) ((fullest->sums[i] + fullest->pixels / 2)
                                       / fullest->pixels);
    }

    free(cells);

    return 0;
}
