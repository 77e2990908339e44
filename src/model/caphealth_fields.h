
/*
 * Fields: a table says which member of a JSON object goes where in a
 * structure, and as what.  Clearing, parsing and freeing walk the same table.
 */

#ifndef CAPHEALTH_FIELDS_H
#define CAPHEALTH_FIELDS_H


#include <stddef.h>

#include <jansson.h>


typedef struct {
    void          (*clear)(void *field);

    /* NULL, or what is wrong, to be said after the member's name */
    const char   *(*parse)(void *field, const json_t *value);
} caphealth_field_type_t;


/* a table ends with a NULL name */

typedef struct {
    const char                    *name;     /* a dot leads into an object */
    const caphealth_field_type_t  *type;
    size_t                         offset;
} caphealth_field_t;


/* char[16], [32], [64], int64_t, double, and int: 1, 0, -1 for unknown */

extern const caphealth_field_type_t  caphealth_field_text16;
extern const caphealth_field_type_t  caphealth_field_text32;
extern const caphealth_field_type_t  caphealth_field_text64;
extern const caphealth_field_type_t  caphealth_field_count;
extern const caphealth_field_type_t  caphealth_field_real;
extern const caphealth_field_type_t  caphealth_field_flag;


void caphealth_fields_clear(const caphealth_field_t *fields, void *base);

/* Returns 0, or -1 with a sentence in err and the structure cleared. */
int caphealth_fields_parse(const caphealth_field_t *fields, void *base,
    const char *text, size_t len, char *err, size_t errlen);


#endif /* CAPHEALTH_FIELDS_H */
