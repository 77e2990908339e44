
/*
 * The ready documents of the history: history-2h.json, -2d, -60d and -3y in
 * the state directory, each with a .gz beside it, which nginx serves as files.
 * They are replaced by rename(), so that a reader has a whole one.
 *
 * All of it is for the thread that writes the history.
 */

#ifndef CAPHEALTH_DOCUMENTS_H
#define CAPHEALTH_DOCUMENTS_H


#include "caphealth_history.h"
#include "caphealth_source_facts.h"


typedef struct caphealth_documents_s  caphealth_documents_t;


/*
 * step are the seconds of a column of the shortest window; log is called with
 * what fails, once.  dir is copied.  NULL: no memory.
 */
caphealth_documents_t *caphealth_documents_create(caphealth_history_t *h,
    const char *dir, int64_t step, caphealth_history_log_pt log, void *data);
void caphealth_documents_destroy(caphealth_documents_t *d);

/*
 * Writes those of which a column has been added since the last time, at the
 * time now, seconds since the epoch.  Returns 0, or -1: one could not be
 * written, which is tried again the next time.
 */
int caphealth_documents_write(caphealth_documents_t *d, double now);

/*
 * The highest values of each of the last days, of the series that forecasts are
 * of.  Returns 0, or -1.
 */
int caphealth_documents_past(caphealth_documents_t *d, double now,
    caphealth_history_facts_t *facts);

/*
 * Writes x in 4 significant digits, or null, as JSON has it, to text, which has
 * room for 32 bytes.  Returns how many they are; there is no NUL.
 */
size_t caphealth_documents_number(char *text, double x);


#endif /* CAPHEALTH_DOCUMENTS_H */
