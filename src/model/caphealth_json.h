
/*
 * JSON, written value by value: unknown values are null, numbers are rounded,
 * and bytes that are not UTF-8 become U+FFFD.
 */

#ifndef CAPHEALTH_JSON_H
#define CAPHEALTH_JSON_H


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>


/* a time as text, with its NUL */
#define CAPHEALTH_TIME_LEN  sizeof("9999-12-31T23:59:59Z")

/* the last second of the year 9999 */
#define CAPHEALTH_TIME_MAX  253402300799.0


typedef struct {
    FILE      *stream;
    char      *text;
    size_t     len;
    int        depth;            /* open objects and arrays */
    int        comma;            /* one precedes the next value */
    int        failed;           /* there was no memory for a value */
} caphealth_json_t;


/*
 * The text grows with each value that is written.  _begin() returns -1 if there
 * is no memory; _end() gives the text, of *len bytes without its NUL, which the
 * caller free()s, or NULL: there was no memory for a part of it.
 */
int caphealth_json_begin(caphealth_json_t *j);
char *caphealth_json_end(caphealth_json_t *j, size_t *len);

/*
 * Each of these writes a value: a member of an object by its name, or one of an
 * array, where the name is NULL.  The outermost object ends with a line feed.
 */
void caphealth_json_open_object(caphealth_json_t *j, const char *name);
void caphealth_json_close_object(caphealth_json_t *j);
void caphealth_json_open_array(caphealth_json_t *j, const char *name);
void caphealth_json_close_array(caphealth_json_t *j);

/* text, of len bytes, is valid JSON */
void caphealth_json_raw(caphealth_json_t *j, const char *name,
    const char *text, size_t len);

void caphealth_json_null(caphealth_json_t *j, const char *name);

/* decimals -1: not rounded; null: not finite */
void caphealth_json_real(caphealth_json_t *j, const char *name, double x,
    int decimals);

/* without a fraction if it is an integer; null: not finite */
void caphealth_json_number(caphealth_json_t *j, const char *name, double x);

/* null: CAPHEALTH_UNKNOWN */
void caphealth_json_count(caphealth_json_t *j, const char *name, int64_t n);

/* null: negative */
void caphealth_json_flag(caphealth_json_t *j, const char *name, int flag);

/* null: NULL */
void caphealth_json_string(caphealth_json_t *j, const char *name,
    const char *s);

void caphealth_json_format(caphealth_json_t *j, const char *name,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* null: no time that caphealth_time() writes */
void caphealth_json_time(caphealth_json_t *j, const char *name, double t);

/*
 * t, seconds since the epoch, by RFC 3339, in UTC and whole seconds, in a text
 * of CAPHEALTH_TIME_LEN bytes; NULL: 0, or no time whose year has four digits.
 */
const char *caphealth_time(char *text, double t);


#endif /* CAPHEALTH_JSON_H */
