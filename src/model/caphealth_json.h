
/*
 * JSON as the report writes it: what is unknown is null, numbers look as a
 * person would write them, and any text comes out as valid UTF-8.
 *
 * Each function returns a new reference, or NULL: no memory.
 */

#ifndef CAPHEALTH_JSON_H
#define CAPHEALTH_JSON_H


#include <stddef.h>
#include <stdint.h>

#include <jansson.h>


typedef struct {
    const char  *name;
    json_t      *value;          /* a reference that is given away */
} caphealth_member_t;


/*
 * An object, or an array, of n values.  Takes all of them whatever happens;
 * one that is NULL makes the whole NULL.
 */
json_t *caphealth_json_object(const caphealth_member_t *members, size_t n);
json_t *caphealth_json_array(json_t *const *values, size_t n);

/* null: not finite */
json_t *caphealth_json_real(double x, int decimals);

/* an integer if it is one; null: not finite */
json_t *caphealth_json_number(double x);

/* null: CAPHEALTH_UNKNOWN */
json_t *caphealth_json_count(int64_t n);

/* n in a unit, 2 decimals; null: CAPHEALTH_UNKNOWN */
json_t *caphealth_json_amount(int64_t n, double unit);

/* null: negative */
json_t *caphealth_json_flag(int flag);

/* RFC 3339, UTC, whole seconds; null: 0, or no time that has four digits */
json_t *caphealth_json_time(double t);

/* null: NULL */
json_t *caphealth_json_string(const char *s);

json_t *caphealth_json_format(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * The text of a document, with a newline at its end; *len is its length
 * without the NUL.  Takes the document.  The caller free()s the text.
 */
char *caphealth_json_text(json_t *document, size_t *len);


#endif /* CAPHEALTH_JSON_H */
