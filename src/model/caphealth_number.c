
/*
 * Numbers: units, percentages, rounding.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "caphealth_number.h"


/* 2^52: no larger double has a fraction */
#define CAPHEALTH_INTEGRAL      4503599627370496.0

#define CAPHEALTH_MAX_DECIMALS  15


double
caphealth_amount(int64_t n, double unit)
{
    return (n == CAPHEALTH_UNKNOWN) ? NAN : (double) n / unit;
}


double
caphealth_share(int64_t n, int64_t total)
{
    if (n == CAPHEALTH_UNKNOWN || total <= 0) {
        return NAN;
    }

    return 100.0 * (double) n / (double) total;
}


double
caphealth_disk_usage(const caphealth_disk_t *d)
{
    double  used, available;

    if (d->used == CAPHEALTH_UNKNOWN || d->available == CAPHEALTH_UNKNOWN) {
        return NAN;
    }

    /* as df: without what only root may use, so that a full disk is 100 % */

    used = (double) d->used;
    available = (double) d->available;

    return (used + available > 0) ? 100.0 * used / (used + available) : NAN;
}


double
caphealth_disk_inodes(const caphealth_disk_t *d)
{
    if (d->inodes_free == CAPHEALTH_UNKNOWN || d->inodes_free > d->inodes) {
        return NAN;
    }

    return caphealth_share(d->inodes - d->inodes_free, d->inodes);
}


int64_t
caphealth_images_left(const caphealth_root_t *root)
{
    double                   left;
    const caphealth_disk_t  *d;

    if (root->source == NULL || root->complete <= 0 || root->bytes <= 0
        || root->files <= 0 || root->disk == NULL
        || !caphealth_section_known(&root->disk->section))
    {
        return CAPHEALTH_UNKNOWN;
    }

    d = &root->disk->value;

    if (d->available == CAPHEALTH_UNKNOWN) {
        return CAPHEALTH_UNKNOWN;
    }

    left = (double) d->available
           / ((double) root->bytes / (double) root->complete);

    if (d->inodes > 0 && d->inodes_free >= 0) {
        left = fmin(left, (double) d->inodes_free
                          / ((double) root->files / (double) root->complete));
    }

    return left < 9e15 ? (int64_t) left : (int64_t) 9e15;
}


double
caphealth_round(double x, int decimals)
{
    char  text[64];

    if (!isfinite(x) || fabs(x) >= CAPHEALTH_INTEGRAL
        || decimals < 0 || decimals > CAPHEALTH_MAX_DECIMALS)
    {
        return x;
    }

    /* printf() rounds the exact value, while scaling would round it first */

    (void) snprintf(text, sizeof(text), "%.*f", decimals, x);

    return strtod(text, NULL);
}
