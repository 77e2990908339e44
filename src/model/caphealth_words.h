
/*
 * Words: what the page says, in one language.  Words are a JSON object of
 * strings; a string may have {placeholders}.
 *
 * Functions that return a json_t * return a new reference to a string, or
 * NULL: no memory.
 */

#ifndef CAPHEALTH_WORDS_H
#define CAPHEALTH_WORDS_H


#include <jansson.h>


/* The word itself; the key, where there is no such word. */
const char *caphealth_word(const json_t *words, const char *key);
json_t *caphealth_words_plain(const json_t *words, const char *key);

/*
 * With the placeholders filled in from args, an object of strings, which it
 * takes.
 */
json_t *caphealth_words_text(const json_t *words, const char *key,
    json_t *args);

/* "key.one" for an n of 1, "key.other" for others; {n} is the number. */
json_t *caphealth_words_plural(const json_t *words, const char *key, double n,
    json_t *args);

/* One behind the other; takes both.  An empty first one has no separator. */
json_t *caphealth_words_join(json_t *a, const char *separator, json_t *b);

/*
 * Numbers as the language writes them, with at most that many decimals; a
 * word for what is NAN.
 */
json_t *caphealth_words_number(const json_t *words, double x, int decimals);
json_t *caphealth_words_percent(const json_t *words, double x);

/* With a unit: "number.mb" and so on. */
json_t *caphealth_words_unit(const json_t *words, const char *key, double x,
    int decimals);

/* How long ago t was, both in seconds since the epoch; 0: never. */
json_t *caphealth_words_age(const json_t *words, double t, double now);


#endif /* CAPHEALTH_WORDS_H */
