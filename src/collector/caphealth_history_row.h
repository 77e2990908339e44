
/*
 * A row of the history: what all series were within a second, a minute, ... as
 * it is kept in the file.
 */

#ifndef CAPHEALTH_HISTORY_ROW_H
#define CAPHEALTH_HISTORY_ROW_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_history.h"


/* bytes of the largest */
#define CAPHEALTH_HISTORY_ROW  (CAPHEALTH_HISTORY_SERIES * 32)


typedef struct {
    int64_t                    time;
    size_t                     n;
    caphealth_history_point_t  points[CAPHEALTH_HISTORY_SERIES];
} caphealth_history_row_t;


/* Adds a sample of a series, 1 to CAPHEALTH_HISTORY_SERIES. */
void caphealth_history_row_merge(caphealth_history_row_t *row,
    uint32_t series, double value);

/* Writes it to data, of CAPHEALTH_HISTORY_ROW bytes; returns how many it is. */
size_t caphealth_history_row_encode(const caphealth_history_row_t *row,
    unsigned char *data);

/* Reads it from data of any origin; returns 0, or -1: it is no row. */
int caphealth_history_row_decode(caphealth_history_row_t *row,
    const unsigned char *data, size_t size);


#endif /* CAPHEALTH_HISTORY_ROW_H */
