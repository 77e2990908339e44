
/*
 * How an image becomes a variant: how large, and which part of it is where.
 */

#include <string.h>

#include "caphealth_fit.h"


static void caphealth_fit_inside(caphealth_fit_t *fit, uint64_t width,
    uint64_t height, uint64_t most_width, uint64_t most_height);
static void caphealth_fit_cover(caphealth_fit_t *fit, uint64_t width,
    uint64_t height, const caphealth_variant_t *variant);
static double caphealth_fit_focus(const caphealth_fit_t *fit, double rest,
    int32_t focus);
static uint32_t caphealth_fit_side(uint64_t side, uint64_t by, uint64_t of);


void
caphealth_fit(const caphealth_job_t *job, const caphealth_variant_t *variant,
    uint32_t width, uint32_t height, caphealth_fit_t *fit)
{
    uint32_t  most_width, most_height;

    memset(fit, 0, sizeof(caphealth_fit_t));

    fit->w = width;
    fit->h = height;

    if (variant->fit == CAPHEALTH_FIT_COVER) {
        caphealth_fit_cover(fit, width, height, variant);

        fit->x = caphealth_fit_focus(fit, width - fit->w, job->focus_x);
        fit->y = caphealth_fit_focus(fit, height - fit->h, job->focus_y);
        fit->cut = fit->w < width || fit->h < height;

    } else {
        most_width = variant->max ? variant->max : CAPHEALTH_SIDE_MAX;
        most_height = most_width;

        if (variant->width) {
            most_width = variant->width;
            most_height = variant->height;
        }

        caphealth_fit_inside(fit, width, height, most_width, most_height);
    }

    fit->width = fit->image_width;
    fit->height = fit->image_height;

    if (variant->fit == CAPHEALTH_FIT_CONTAIN) {
        fit->width = variant->width;
        fit->height = variant->height;
        fit->left = (fit->width - fit->image_width) / 2;
        fit->top = (fit->height - fit->image_height) / 2;
    }
}


void
caphealth_fit_largest(const caphealth_job_t *job, uint32_t width,
    uint32_t height, unsigned turned, caphealth_fit_t *fit)
{
    uint32_t         i, side;
    caphealth_fit_t  one;

    memset(fit, 0, sizeof(caphealth_fit_t));

    for (i = 0; i < job->nvariants; i++) {
        caphealth_fit(job, &job->variants[i], turned ? height : width,
                      turned ? width : height, &one);

        if (one.scale > fit->scale) {
            *fit = one;
        }
    }

    if (turned) {
        side = fit->whole_width;
        fit->whole_width = fit->whole_height;
        fit->whole_height = side;
    }
}


static void
caphealth_fit_inside(caphealth_fit_t *fit, uint64_t width, uint64_t height,
    uint64_t most_width, uint64_t most_height)
{
    uint64_t  by, of;

    by = 1;
    of = 1;

    if (width * most_height >= height * most_width) {
        if (width > most_width) {
            by = most_width;
            of = width;
        }

    } else if (height > most_height) {
        by = most_height;
        of = height;
    }

    fit->image_width = caphealth_fit_side(width, by, of);
    fit->image_height = caphealth_fit_side(height, by, of);
    fit->whole_width = fit->image_width;
    fit->whole_height = fit->image_height;
    fit->scale = (double) by / (double) of;
}


static void
caphealth_fit_cover(caphealth_fit_t *fit, uint64_t width, uint64_t height,
    const caphealth_variant_t *variant)
{
    uint64_t  by, of, w, h;

    by = 1;
    of = 1;

    if (width * variant->height >= height * variant->width) {
        if (height > variant->height) {
            by = variant->height;
            of = height;
        }

    } else if (width > variant->width) {
        by = variant->width;
        of = width;
    }

    w = caphealth_fit_side(width, by, of);
    h = caphealth_fit_side(height, by, of);

    fit->scale = (double) by / (double) of;
    fit->whole_width = (uint32_t) w;
    fit->whole_height = (uint32_t) h;
    fit->image_width = fit->whole_width;
    fit->image_height = fit->whole_height;

    if (w > variant->width) {
        fit->image_width = variant->width;
        fit->w = variant->width / fit->scale;
    }

    if (h > variant->height) {
        fit->image_height = variant->height;
        fit->h = variant->height / fit->scale;
    }
}


/* without a change of scale, pixels stay what they are */

static double
caphealth_fit_focus(const caphealth_fit_t *fit, double rest, int32_t focus)
{
    double  at;

    at = rest * (focus + CAPHEALTH_FOCUS_EDGE) / (2.0 * CAPHEALTH_FOCUS_EDGE);

    return fit->scale < 1 ? at : (double) (uint32_t) (at + 0.5);
}


static uint32_t
caphealth_fit_side(uint64_t side, uint64_t by, uint64_t of)
{
    side = (side * by + of / 2) / of;

    return side ? (uint32_t) side : 1;
}
