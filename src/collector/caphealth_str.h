
/*
 * Strings of a length, without a NUL, as pieces of a larger one: its lines,
 * words and numbers.
 */

#ifndef CAPHEALTH_STR_H
#define CAPHEALTH_STR_H


#include <stddef.h>
#include <stdint.h>


typedef struct {
    const char  *data;
    size_t       len;
} caphealth_str_t;


/*
 * Each takes a piece off the beginning of text and returns 1, or returns 0 if
 * there is none left: up to a separator, a line, a word between blanks.
 */
int caphealth_str_next(caphealth_str_t *text, char separator,
    caphealth_str_t *piece);
int caphealth_str_line(caphealth_str_t *text, caphealth_str_t *line);
int caphealth_str_word(caphealth_str_t *line, caphealth_str_t *word);

/* whether it is s, begins with s, is a list such as "cpu,cpuacct" with s */
int caphealth_str_is(const caphealth_str_t *str, const char *s);
int caphealth_str_begins(const caphealth_str_t *str, const char *s);
int caphealth_str_listed(caphealth_str_t list, const char *s);

/*
 * A number and nothing else: 12, or 12.34 in any locale, without sign
 * or exponent.  Each returns 0, or -1.
 */
int caphealth_str_u64(const caphealth_str_t *str, uint64_t *number);
int caphealth_str_decimal(const caphealth_str_t *str, double *number);

/*
 * A copy with a NUL.  The second undoes what mountinfo does to a blank, which
 * it writes as \040.  Each returns 0, or -1 if it does not fit into size
 * bytes.
 */
int caphealth_str_copy(const caphealth_str_t *str, char *to, size_t size);
int caphealth_str_unescape(const caphealth_str_t *str, char *to,
    size_t size);


#endif /* CAPHEALTH_STR_H */
