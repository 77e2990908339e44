
/*
 * What is in a JPEG file beside the image.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_colour.h"
#include "caphealth_jpeg_markers.h"


#define CAPHEALTH_SOI         0xd8
#define CAPHEALTH_EOI         0xd9
#define CAPHEALTH_SOS         0xda
#define CAPHEALTH_RST0        0xd0
#define CAPHEALTH_TEM         0x01
#define CAPHEALTH_APP1        0xe1
#define CAPHEALTH_APP2        0xe2

/* ICC.1:2010, B.4: "ICC_PROFILE\0", number, count */
#define CAPHEALTH_ICC_HEADER  14

/* a profile's own header */
#define CAPHEALTH_ICC_SIZE    128


static const uint8_t *caphealth_jpeg_markers_next(const uint8_t *p,
    const uint8_t *end);
static void caphealth_jpeg_markers_segment(caphealth_jpeg_markers_t *m,
    unsigned marker, const uint8_t *data, size_t size);
static void caphealth_jpeg_markers_frame(caphealth_jpeg_markers_t *m,
    unsigned marker, const uint8_t *data, size_t size);
static void caphealth_jpeg_markers_exif(caphealth_jpeg_markers_t *m,
    const uint8_t *data, size_t size);
static void caphealth_jpeg_markers_piece(caphealth_jpeg_markers_t *m,
    const uint8_t *data, size_t size);


void
caphealth_jpeg_markers(const uint8_t *data, size_t size,
    caphealth_jpeg_markers_t *m)
{
    size_t          len;
    unsigned        marker;
    const uint8_t  *p, *end;

    memset(m, 0, sizeof(caphealth_jpeg_markers_t));

    m->exif.orientation = 1;

    p = data;
    end = data + size;

    for ( ;; ) {
        p = caphealth_jpeg_markers_next(p, end);

        if (p == NULL || *p == CAPHEALTH_EOI) {
            return;
        }

        marker = *p++;

        if (marker == CAPHEALTH_SOI || marker == CAPHEALTH_TEM
            || (marker & 0xf8) == CAPHEALTH_RST0)
        {
            continue;
        }

        if (end - p < 2) {
            return;
        }

        len = (size_t) (p[0] << 8 | p[1]);

        if (len < 2 || (size_t) (end - p) < len) {
            return;
        }

        caphealth_jpeg_markers_segment(m, marker, p + 2, len - 2);
        p += len;
    }
}


/* the byte after the next 0xff that is neither stuffed nor a filler */

static const uint8_t *
caphealth_jpeg_markers_next(const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        p = memchr(p, 0xff, (size_t) (end - p));

        if (p == NULL) {
            return NULL;
        }

        while (p < end && *p == 0xff) {
            p++;
        }

        if (p < end && *p != 0x00) {
            return p;
        }
    }

    return NULL;
}


static void
caphealth_jpeg_markers_segment(caphealth_jpeg_markers_t *m, unsigned marker,
    const uint8_t *data, size_t size)
{
    switch (marker) {

    case CAPHEALTH_SOS:
        m->scans++;
        return;

    case CAPHEALTH_APP1:
        if (m->scans == 0) {
            caphealth_jpeg_markers_exif(m, data, size);
        }

        return;

    case CAPHEALTH_APP2:
        if (m->scans == 0) {
            caphealth_jpeg_markers_piece(m, data, size);
        }

        return;

    default:
        caphealth_jpeg_markers_frame(m, marker, data, size);
        return;
    }
}


/* 0xc4, 0xc8 and 0xcc are tables, not frames */

static void
caphealth_jpeg_markers_frame(caphealth_jpeg_markers_t *m, unsigned marker,
    const uint8_t *data, size_t size)
{
    if ((marker & 0xf0) != 0xc0 || ((marker & 0x03) == 0 && marker != 0xc0)) {
        return;
    }

    if (m->precision || size == 0) {
        return;
    }

    m->sof = marker;
    m->precision = data[0];
}


/* XMP is in APP1 too; a program that edits may leave an Exif of its own */

static void
caphealth_jpeg_markers_exif(caphealth_jpeg_markers_t *m, const uint8_t *data,
    size_t size)
{
    if (m->has_exif || size < 6 || memcmp(data, "Exif\0", 5) != 0) {
        return;
    }

    m->has_exif = caphealth_exif(data, size, &m->exif) == 0;
}


/* a piece that is there twice is one: the first of its number counts */

static void
caphealth_jpeg_markers_piece(caphealth_jpeg_markers_t *m, const uint8_t *data,
    size_t size)
{
    caphealth_piece_t  *piece;

    if (size <= CAPHEALTH_ICC_HEADER
        || memcmp(data, "ICC_PROFILE\0", 12) != 0)
    {
        return;
    }

    piece = &m->pieces[data[12]];

    if (piece->data) {
        return;
    }

    if (m->npieces == 0) {
        m->npieces = data[13];
    }

    piece->data = data + CAPHEALTH_ICC_HEADER;
    piece->size = size - CAPHEALTH_ICC_HEADER;
}


/*
 * Some writers count wrong, so a profile is whole as well if it is as long as
 * it says itself, in its first four bytes.
 */

int
caphealth_jpeg_markers_profile(const caphealth_jpeg_markers_t *m,
    uint8_t **profile, size_t *size)
{
    size_t                    len;
    uint8_t                  *p;
    unsigned                  i, first, next;
    const caphealth_piece_t  *piece;

    *profile = NULL;
    *size = 0;

    /* from 1, or from 0, to the first that is missing */

    first = m->pieces[0].data ? 0 : 1;
    len = 0;

    for (next = first; next < CAPHEALTH_ICC_PIECES; next++) {
        if (m->pieces[next].data == NULL) {
            break;
        }

        len += m->pieces[next].size;
    }

    if (len < CAPHEALTH_ICC_SIZE || len > CAPHEALTH_PROFILE_MAX) {
        return 0;
    }

    p = malloc(len);
    if (p == NULL) {
        return -1;
    }

    *profile = p;

    for (i = first; i < next; i++) {
        piece = &m->pieces[i];
        memcpy(p, piece->data, piece->size);
        p += piece->size;
    }

    p = *profile;

    if ((m->npieces == 0 || next - first < m->npieces)
        && ((size_t) p[0] << 24 | (size_t) p[1] << 16 | (size_t) p[2] << 8
            | p[3]) > len)
    {
        free(p);
        *profile = NULL;
        return 0;
    }

    *size = len;

    return 0;
}
