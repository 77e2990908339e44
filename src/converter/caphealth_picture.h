
/*
 * A picture in memory: planes of 8-bit samples, and the window in them that
 * is the image.
 *
 * Planes of a subsampled picture are as large as whole blocks need, so the
 * window of an image of odd size is smaller than its planes, and after a flip
 * it does not begin at their corner.
 */

#ifndef CAPHEALTH_PICTURE_H
#define CAPHEALTH_PICTURE_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_job.h"


typedef enum {
    CAPHEALTH_PICTURE_GREY = 0,    /* full range */
    CAPHEALTH_PICTURE_YCC,         /* JPEG's: BT.601, full range, any
                                      subsampling, chroma centred */
    CAPHEALTH_PICTURE_RGB,         /* sRGB */
    CAPHEALTH_PICTURE_YUV          /* WebP's: BT.601, limited range, 4:2:0,
                                      chroma centred */
} caphealth_picture_kind_e;


typedef struct {
    uint8_t   *data;
    size_t     stride;             /* bytes, a multiple of 64 */
    uint32_t   width;              /* samples */
    uint32_t   height;
} caphealth_plane_t;


typedef struct {
    caphealth_picture_kind_e  kind;
    unsigned                  alpha:1;    /* straight, in planes[3] */
    unsigned                  sub_w;      /* log2 of chroma subsampling */
    unsigned                  sub_h;
    uint32_t                  left;       /* the window, luma samples */
    uint32_t                  top;
    uint32_t                  width;
    uint32_t                  height;
    uint32_t                  image_width;     /* of the image, pixels: more
                                                  if it was scaled while it was
                                                  decoded */
    uint32_t                  image_height;
    uint32_t                  first;      /* row of luma that the planes' data
                                             begins with, a multiple of that of
                                             chroma */
    caphealth_plane_t         planes[4];  /* Y or R or grey, U or G, V or B,
                                             alpha; data is NULL where there
                                             is none */
} caphealth_picture_t;


/* a part of a picture, in luma samples from the corner of its window */

typedef struct {
    double     left;
    double     top;
    double     width;
    double     height;
} caphealth_region_t;


/*
 * Allocates the planes of a picture of width by height, with its window at
 * the corner.  Returns 0, or -1 if there is no memory; the caller frees it.
 */
int caphealth_picture_create(caphealth_picture_t *p,
    caphealth_picture_kind_e kind, unsigned alpha, unsigned sub_w,
    unsigned sub_h, uint32_t width, uint32_t height);

/* The same without the planes' memory: and that, for so many rows of luma. */
void caphealth_picture_layout(caphealth_picture_t *p,
    caphealth_picture_kind_e kind, unsigned alpha, unsigned sub_w,
    unsigned sub_h, uint32_t width, uint32_t height);
int caphealth_picture_allocate(caphealth_picture_t *p, uint32_t rows);

void caphealth_picture_free(caphealth_picture_t *p);

/* Where row y of a plane is, of those that it has memory for. */
uint8_t *caphealth_picture_line(const caphealth_picture_t *p, unsigned plane,
    uint32_t y);

/*
 * Turns and mirrors the picture as EXIF's orientation, 1 to 8, says it must
 * be to be looked at.  Returns 0, or -1 if there is no memory; the picture is
 * the caller's to free either way.
 */
int caphealth_picture_orient(caphealth_picture_t *p, unsigned orientation);

/* Puts a row of interleaved samples, 3 or 4 a pixel, into an RGB picture. */
void caphealth_picture_row(caphealth_picture_t *p, uint32_t y,
    const uint8_t *row, unsigned channels);

/*
 * Repeats the image's last column and row in what its planes have beyond the
 * window, which begins at their corner.
 */
void caphealth_picture_pad(caphealth_picture_t *p);

/* Drops an alpha plane that hides nothing. */
void caphealth_picture_opaque(caphealth_picture_t *p);

/*
 * Makes *to a picture of width by height, by Lanczos-3 where the size changes,
 * of a part of another: an RGB picture, with alpha if that has it, or of one
 * without alpha also a YUV picture.  Returns 0; or -1, without memory for it;
 * the caller frees *to either way.
 */
int caphealth_picture_scale(const caphealth_picture_t *from,
    const caphealth_region_t *region, caphealth_picture_t *to,
    caphealth_picture_kind_e kind, uint32_t width, uint32_t height);

/*
 * The same of a picture whose rows are made as they are needed.  *from has no
 * memory yet; it gets that of a strip, and the caller frees it, too.
 * read(ctx, y) makes at least row y of luma, and what belongs to it, after
 * those that it has made, and less than batch rows more; it returns 0, or -1
 * to end it all.  Each row is read once, to the last.  Returns 0; or -1, of
 * read() or for lack of memory.
 */
typedef int (*caphealth_picture_read_pt)(void *ctx, uint32_t y);

/* The rows of *from that it allocates, for a region so high. */
uint32_t caphealth_picture_scale_rows(const caphealth_picture_t *from,
    uint32_t batch, double region_height, uint32_t height);

int caphealth_picture_scale_read(caphealth_picture_t *from, uint32_t batch,
    caphealth_picture_read_pt read, void *ctx,
    const caphealth_region_t *region, caphealth_picture_t *to,
    caphealth_picture_kind_e kind, uint32_t width, uint32_t height);

/*
 * Makes *to an RGB picture of width by height: background, red, green, blue and
 * opacity, with the RGB picture from laid over it at left, top.  It has alpha
 * if the background is not opaque.  Returns 0, or -1 if there is no memory; the
 * caller frees *to either way.
 */
int caphealth_picture_lay(const caphealth_picture_t *from, uint32_t left,
    uint32_t top, const uint8_t background[4], caphealth_picture_t *to,
    uint32_t width, uint32_t height);


/* --- what went wrong, for the result --- */

caphealth_job_status_e caphealth_fail(caphealth_result_t *result,
    caphealth_job_status_e status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Checks width and height against the limits, and whether a file of size bytes
 * may be such an image: a few bytes that stand for a very large one are no
 * photo and no scan, but a decompression bomb.  CAPHEALTH_JOB_OK: they fit.
 */
caphealth_job_status_e caphealth_check_size(const caphealth_job_t *job,
    size_t size, caphealth_result_t *result, uint64_t width, uint64_t height);


#endif /* CAPHEALTH_PICTURE_H */
