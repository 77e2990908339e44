
/*
 * What a client asks of the history, and what is cut of a ready document for
 * it.  Pure functions.
 */

#ifndef CAPHEALTH_HISTORY_QUERY_H
#define CAPHEALTH_HISTORY_QUERY_H


#include <stddef.h>


/* names in one query, and bytes of all of them with their NULs */
#define CAPHEALTH_QUERY_SERIES  64
#define CAPHEALTH_QUERY_NAMES   8192


typedef struct {
    const char  *window;         /* "2h", "2d", "60d" or "3y" */
    double       from;           /* seconds since the epoch; -INFINITY: from
                                    the begin of the window */
    double       to;             /* INFINITY */
    int          whole;          /* neither they nor series are asked for */
    size_t       nseries;        /* 0: all */
    const char  *series[CAPHEALTH_QUERY_SERIES];
    char         names[CAPHEALTH_QUERY_NAMES];
} caphealth_history_query_t;


/*
 * Parses the arguments of a request, of len bytes; now is the time, by which
 * the window is chosen that reaches back to "from".  Returns NULL, or a
 * sentence for the client that says what is wrong.
 */
const char *caphealth_history_query_parse(caphealth_history_query_t *q,
    const char *args, size_t len, double now);

/*
 * Cuts what is asked for out of a document of caphealth_documents_write(), of
 * len bytes: a JSON document of the same form, or CSV (RFC 4180).  Returns a
 * text of *n bytes, with a NUL behind them, which the caller free()s; or NULL:
 * it is no such document, *n is 0, or there is no memory, *n is 1.
 */
char *caphealth_history_cut(const char *document, size_t len,
    const caphealth_history_query_t *q, int csv, size_t *n);


#endif /* CAPHEALTH_HISTORY_QUERY_H */
