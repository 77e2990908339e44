
/*
 * What is in a JPEG file beside the image.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_colour.h"
#include "caphealth_exif.h"
#include "caphealth_markers.h"


#define CAPHEALTH_SOI         0xd8
#define CAPHEALTH_EOI         0xd9
#define CAPHEALTH_SOS         0xda
#define CAPHEALTH_RST0        0xd0
#define CAPHEALTH_TEM         0x01
#define CAPHEALTH_APP1        0xe1
#define CAPHEALTH_APP2        0xe2
#define CAPHEALTH_APP14       0xee

/* ICC.1:2010, B.4: "ICC_PROFILE\0", number, count */
#define CAPHEALTH_ICC_HEADER  14


static const uint8_t *caphealth_markers_next(const uint8_t *p,
    const uint8_t *end);
static void caphealth_markers_segment(caphealth_markers_t *m, unsigned marker,
    const uint8_t *data, size_t size);
static void caphealth_markers_frame(caphealth_markers_t *m, unsigned marker,
    const uint8_t *data, size_t size);
static void caphealth_markers_profile(caphealth_markers_t *m,
    const uint8_t *data, size_t size);


void
caphealth_markers(const uint8_t *data, size_t size, caphealth_markers_t *m)
{
    size_t          len;
    unsigned        marker;
    const uint8_t  *p, *end;

    memset(m, 0, sizeof(caphealth_markers_t));

    m->orientation = 1;

    p = data;
    end = data + size;

    for ( ;; ) {
        p = caphealth_markers_next(p, end);

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

        caphealth_markers_segment(m, marker, p + 2, len - 2);
        p += len;
    }
}


/* the byte after the next 0xff that is neither stuffed nor a filler */

static const uint8_t *
caphealth_markers_next(const uint8_t *p, const uint8_t *end)
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
caphealth_markers_segment(caphealth_markers_t *m, unsigned marker,
    const uint8_t *data, size_t size)
{
    switch (marker) {

    case CAPHEALTH_SOS:
        m->scans++;
        return;

    case CAPHEALTH_APP1:
        if (m->orientation == 1 && size > 6
            && memcmp(data, "Exif\0\0", 6) == 0)
        {
            m->orientation = caphealth_exif_orientation(data, size);
        }

        return;

    case CAPHEALTH_APP2:
        if (m->scans == 0) {
            caphealth_markers_profile(m, data, size);
        }

        return;

    case CAPHEALTH_APP14:
        if (size >= 12 && memcmp(data, "Adobe", 5) == 0) {
            m->adobe = 1;
        }

        return;

    default:
        caphealth_markers_frame(m, marker, data, size);
        return;
    }
}


/* 0xc4, 0xc8 and 0xcc are tables, not frames */

static void
caphealth_markers_frame(caphealth_markers_t *m, unsigned marker,
    const uint8_t *data, size_t size)
{
    if ((marker & 0xf0) != 0xc0 || ((marker & 0x03) == 0 && marker != 0xc0)) {
        return;
    }

    if (m->precision || size < 6) {
        return;
    }

    m->sof = marker;
    m->precision = data[0];
    m->height = (unsigned) (data[1] << 8 | data[2]);
    m->width = (unsigned) (data[3] << 8 | data[4]);
    m->components = data[5];
}


/* its pieces are expected in order, as every writer puts them */

static void
caphealth_markers_profile(caphealth_markers_t *m, const uint8_t *data,
    size_t size)
{
    uint8_t  *p;

    if (size <= CAPHEALTH_ICC_HEADER
        || memcmp(data, "ICC_PROFILE\0", 12) != 0)
    {
        return;
    }

    data += CAPHEALTH_ICC_HEADER;
    size -= CAPHEALTH_ICC_HEADER;

    if (size > CAPHEALTH_PROFILE_MAX - m->profile_size) {
        return;
    }

    p = realloc(m->profile, m->profile_size + size);
    if (p == NULL) {
        return;
    }

    memcpy(p + m->profile_size, data, size);

    m->profile = p;
    m->profile_size += size;
}
