
/*
 * A row of the history: see the header.
 *
 * A point is, little-endian, the number of its series and the count, of 4 bytes
 * each, and three values of 8; or one, if they are the same.
 */

#include <endian.h>
#include <math.h>
#include <string.h>

#include "caphealth_history_row.h"


/* bytes of a point of one value, and of three */
#define CAPHEALTH_HISTORY_ONE    16
#define CAPHEALTH_HISTORY_THREE  32

/* a bit of the series' number: there is one value */
#define CAPHEALTH_HISTORY_SAME   0x80000000u


static void caphealth_history_row_encode_u32(unsigned char *data, uint32_t n);
static void caphealth_history_row_encode_double(unsigned char *data, double x);
static uint32_t caphealth_history_row_decode_u32(const unsigned char *data);
static double caphealth_history_row_decode_double(const unsigned char *data);


void
caphealth_history_row_merge(caphealth_history_row_t *row, uint32_t series,
    double value)
{
    size_t                      i;
    caphealth_history_point_t  *p;

    /* samples mostly come in the order of the row before */

    for (i = row->n; i > 0 && row->points[i - 1].series >= series; i--) {
        /* void */
    }

    p = &row->points[i];

    if (i == row->n || p->series != series) {
        memmove(p + 1, p, (row->n - i) * sizeof(caphealth_history_point_t));
        row->n++;

        *p = (caphealth_history_point_t) { series, 1, value, value, value };
        return;
    }

    p->count += (p->count < UINT32_MAX);
    p->min = fmin(p->min, value);
    p->max = fmax(p->max, value);
    p->mean += value / p->count - p->mean / p->count;
    p->mean = fmin(fmax(p->mean, p->min), p->max);
}


size_t
caphealth_history_row_encode(const caphealth_history_row_t *row,
    unsigned char *data)
{
    size_t                            i, size;
    const caphealth_history_point_t  *p;

    size = 0;

    for (i = 0; i < row->n; i++) {
        p = &row->points[i];

        if (p->min == p->max) {
            caphealth_history_row_encode_u32(&data[size],
                                         p->series | CAPHEALTH_HISTORY_SAME);
            caphealth_history_row_encode_u32(&data[size + 4], p->count);
            caphealth_history_row_encode_double(&data[size + 8], p->min);
            size += CAPHEALTH_HISTORY_ONE;
            continue;
        }

        caphealth_history_row_encode_u32(&data[size], p->series);
        caphealth_history_row_encode_u32(&data[size + 4], p->count);
        caphealth_history_row_encode_double(&data[size + 8], p->min);
        caphealth_history_row_encode_double(&data[size + 16], p->mean);
        caphealth_history_row_encode_double(&data[size + 24], p->max);
        size += CAPHEALTH_HISTORY_THREE;
    }

    return size;
}


static void
caphealth_history_row_encode_u32(unsigned char *data, uint32_t n)
{
    n = htole32(n);
    memcpy(data, &n, sizeof(n));
}


static void
caphealth_history_row_encode_double(unsigned char *data, double x)
{
    uint64_t  n;

    memcpy(&n, &x, sizeof(n));
    n = htole64(n);
    memcpy(data, &n, sizeof(n));
}


int
caphealth_history_row_decode(caphealth_history_row_t *row,
    const unsigned char *data, size_t size)
{
    int                         same;
    size_t                      left, len;
    uint32_t                    series, last;
    caphealth_history_point_t  *p;

    row->n = 0;
    last = 0;

    for (left = size; left > 0; /* void */ ) {
        if (left < CAPHEALTH_HISTORY_ONE) {
            return -1;
        }

        series = caphealth_history_row_decode_u32(data);
        same = ((series & CAPHEALTH_HISTORY_SAME) != 0);
        series &= ~CAPHEALTH_HISTORY_SAME;

        if (series <= last || series > CAPHEALTH_HISTORY_SERIES
            || (!same && left < CAPHEALTH_HISTORY_THREE))
        {
            return -1;
        }

        p = &row->points[row->n++];

        p->series = series;
        p->count = caphealth_history_row_decode_u32(data + 4);
        p->min = caphealth_history_row_decode_double(data + 8);
        p->mean = p->min;
        p->max = p->min;

        if (!same) {
            p->mean = caphealth_history_row_decode_double(data + 16);
            p->max = caphealth_history_row_decode_double(data + 24);
        }

        if (p->count == 0 || !isfinite(p->min) || !isfinite(p->max)
            || !(p->min <= p->mean && p->mean <= p->max))
        {
            return -1;
        }

        last = series;
        len = same ? CAPHEALTH_HISTORY_ONE : CAPHEALTH_HISTORY_THREE;
        data += len;
        left -= len;
    }

    return 0;
}


static uint32_t
caphealth_history_row_decode_u32(const unsigned char *data)
{
    uint32_t  n;

    memcpy(&n, data, sizeof(n));

    return le32toh(n);
}


static double
caphealth_history_row_decode_double(const unsigned char *data)
{
    double    x;
    uint64_t  n;

    memcpy(&n, data, sizeof(n));
    n = le64toh(n);
    memcpy(&x, &n, sizeof(x));

    return x;
}
