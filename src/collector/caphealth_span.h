
/*
 * Pieces of a text that need not end in a NUL: lines, words, numbers.
 */

#ifndef CAPHEALTH_SPAN_H
#define CAPHEALTH_SPAN_H


#include <stddef.h>
#include <stdint.h>


typedef struct {
    const char  *data;
    size_t       len;
} caphealth_span_t;


/*
 * Each takes a piece off the beginning of text and returns 1, or returns 0 if
 * there is none left: up to a separator, a line, a word between blanks.
 */
int caphealth_span_next(caphealth_span_t *text, char separator,
    caphealth_span_t *piece);
int caphealth_span_line(caphealth_span_t *text, caphealth_span_t *line);
int caphealth_span_word(caphealth_span_t *line, caphealth_span_t *word);

/* whether it is s, begins with s, is a list such as "cpu,cpuacct" with s */
int caphealth_span_is(const caphealth_span_t *span, const char *s);
int caphealth_span_begins(const caphealth_span_t *span, const char *s);
int caphealth_span_listed(caphealth_span_t list, const char *s);

/*
 * A number and nothing else: 12, or 12.34 whatever the locale, without sign
 * or exponent.  Each returns 0, or -1.
 */
int caphealth_span_u64(const caphealth_span_t *span, uint64_t *number);
int caphealth_span_decimal(const caphealth_span_t *span, double *number);

/*
 * A copy with a NUL.  The second undoes what mountinfo does to a blank, which
 * it writes as \040.  Each returns 0, or -1 if it does not fit into size
 * bytes.
 */
int caphealth_span_copy(const caphealth_span_t *span, char *to, size_t size);
int caphealth_span_unescape(const caphealth_span_t *span, char *to,
    size_t size);


#endif /* CAPHEALTH_SPAN_H */
