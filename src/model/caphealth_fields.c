
/*
 * Fields: a structure that is described by a table, out of a JSON object.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_facts.h"
#include "caphealth_fields.h"


/* longer than any name between two dots in a table */
#define CAPHEALTH_NAME_LEN  32


static int caphealth_fields_read(const caphealth_field_t *fields, void *base,
    const json_t *root, char *err, size_t errlen);
static const json_t *caphealth_field_find(const caphealth_field_t *field,
    const json_t *root, char *err, size_t errlen);

static void caphealth_text_clear(void *field);
static const char *caphealth_text16_parse(void *field, const json_t *value);
static const char *caphealth_text32_parse(void *field, const json_t *value);
static const char *caphealth_text64_parse(void *field, const json_t *value);
static const char *caphealth_text_parse(char *field, size_t size,
    const json_t *value);
static void caphealth_count_clear(void *field);
static const char *caphealth_count_parse(void *field, const json_t *value);
static void caphealth_real_clear(void *field);
static const char *caphealth_real_parse(void *field, const json_t *value);
static void caphealth_flag_clear(void *field);
static const char *caphealth_flag_parse(void *field, const json_t *value);


const caphealth_field_type_t  caphealth_field_text16 = {
    caphealth_text_clear, caphealth_text16_parse
};

const caphealth_field_type_t  caphealth_field_text32 = {
    caphealth_text_clear, caphealth_text32_parse
};

const caphealth_field_type_t  caphealth_field_text64 = {
    caphealth_text_clear, caphealth_text64_parse
};

const caphealth_field_type_t  caphealth_field_count = {
    caphealth_count_clear, caphealth_count_parse
};

const caphealth_field_type_t  caphealth_field_real = {
    caphealth_real_clear, caphealth_real_parse
};

const caphealth_field_type_t  caphealth_field_flag = {
    caphealth_flag_clear, caphealth_flag_parse
};


int
caphealth_fields_parse(const caphealth_field_t *fields, void *base,
    const char *text, size_t len, char *err, size_t errlen)
{
    int           rc;
    json_t       *root;
    json_error_t  error;

    caphealth_fields_clear(fields, base);

    root = json_loadb(text, len, 0, &error);
    if (root == NULL) {
        (void) snprintf(err, errlen, "invalid JSON at byte %d: %s",
                        error.position, error.text);
        return -1;
    }

    if (json_is_object(root)) {
        rc = caphealth_fields_read(fields, base, root, err, errlen);

    } else {
        (void) snprintf(err, errlen, "not a JSON object");
        rc = -1;
    }

    json_decref(root);

    if (rc == -1) {
        caphealth_fields_clear(fields, base);
    }

    return rc;
}


static int
caphealth_fields_read(const caphealth_field_t *fields, void *base,
    const json_t *root, char *err, size_t errlen)
{
    const char               *wrong;
    const json_t             *value;
    const caphealth_field_t  *field;

    for (field = fields; field->name != NULL; field++) {

        value = caphealth_field_find(field, root, err, errlen);
        if (value == NULL) {
            return -1;
        }

        if (json_is_null(value)) {
            continue;
        }

        wrong = field->type->parse((char *) base + field->offset, value);
        if (wrong != NULL) {
            (void) snprintf(err, errlen, "\"%s\" %s", field->name, wrong);
            return -1;
        }
    }

    return 0;
}


/* JSON's null where there is no such member; NULL: an error */

static const json_t *
caphealth_field_find(const caphealth_field_t *field, const json_t *root,
    char *err, size_t errlen)
{
    char           name[CAPHEALTH_NAME_LEN];
    size_t         len;
    const char    *p;
    const json_t  *value;

    value = root;

    for (p = field->name; /* void */ ; p += len + 1) {

        len = strcspn(p, ".");
        (void) snprintf(name, sizeof(name), "%.*s", (int) len, p);

        value = json_object_get(value, name);

        if (value == NULL || json_is_null(value)) {
            return json_null();
        }

        if (p[len] == '\0') {
            return value;
        }

        if (!json_is_object(value)) {
            (void) snprintf(err, errlen, "\"%.*s\" is not an object",
                            (int) (p + len - field->name), field->name);
            return NULL;
        }
    }
}


void
caphealth_fields_clear(const caphealth_field_t *fields, void *base)
{
    const caphealth_field_t  *field;

    for (field = fields; field->name != NULL; field++) {
        field->type->clear((char *) base + field->offset);
    }
}


static void
caphealth_text_clear(void *field)
{
    *(char *) field = '\0';
}


static const char *
caphealth_text16_parse(void *field, const json_t *value)
{
    return caphealth_text_parse(field, 16, value);
}


static const char *
caphealth_text32_parse(void *field, const json_t *value)
{
    return caphealth_text_parse(field, 32, value);
}


static const char *
caphealth_text64_parse(void *field, const json_t *value)
{
    return caphealth_text_parse(field, 64, value);
}


static const char *
caphealth_text_parse(char *field, size_t size, const json_t *value)
{
    if (!json_is_string(value)) {
        return "is not a string";
    }

    if (json_string_length(value) >= size) {
        return "is too long";
    }

    strcpy(field, json_string_value(value));

    return NULL;
}


static void
caphealth_count_clear(void *field)
{
    *(int64_t *) field = CAPHEALTH_UNKNOWN;
}


static const char *
caphealth_count_parse(void *field, const json_t *value)
{
    if (!json_is_integer(value)) {
        return "is not an integer";
    }

    if (json_integer_value(value) < 0) {
        return "is negative";
    }

    *(int64_t *) field = json_integer_value(value);

    return NULL;
}


static void
caphealth_real_clear(void *field)
{
    *(double *) field = NAN;
}


static const char *
caphealth_real_parse(void *field, const json_t *value)
{
    if (!json_is_number(value)) {
        return "is not a number";
    }

    if (json_number_value(value) < 0) {
        return "is negative";
    }

    *(double *) field = json_number_value(value);

    return NULL;
}


static void
caphealth_flag_clear(void *field)
{
    *(int *) field = -1;
}


static const char *
caphealth_flag_parse(void *field, const json_t *value)
{
    if (!json_is_boolean(value)) {
        return "is neither true nor false";
    }

    *(int *) field = json_is_true(value);

    return NULL;
}
