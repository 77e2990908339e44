
/*
 * Numbers: units, percentages and rounding.  The result is NAN where it cannot
 * be computed.
 */

#ifndef CAPHEALTH_NUMBER_H
#define CAPHEALTH_NUMBER_H


#include "caphealth_facts.h"


#define CAPHEALTH_MIB  (1024.0 * 1024)
#define CAPHEALTH_GIB  (1024.0 * 1024 * 1024)


/* n in a unit; NAN: n is unknown. */
double caphealth_amount(int64_t n, double unit);

/* n in percent of total; NAN: one of them is unknown, or total is 0. */
double caphealth_share(int64_t n, int64_t total);

/* Percent in use: of the space, as df counts it, and of the inodes. */
double caphealth_disk_usage(const caphealth_disk_t *d);
double caphealth_disk_inodes(const caphealth_disk_t *d);

/*
 * How many more images, of the mean size of the present ones, fit into the
 * root's file system: as many as its free bytes and its free inodes allow.
 * CAPHEALTH_UNKNOWN: the file system or the mean is not known.
 */
int64_t caphealth_images_left(const caphealth_root_t *root);

/*
 * x rounded to that many decimals, half to even on the exact binary value, as
 * printf() and Python's round() do.
 */
double caphealth_round(double x, int decimals);


#endif /* CAPHEALTH_NUMBER_H */
