
/*
 * A mutator for targets whose input is a JSON document: what it makes is JSON
 * again, with another value, or none, or two, somewhere in it.
 */

#ifndef FUZZ_JSON_H
#define FUZZ_JSON_H


#include "fuzz.h"

#include <jansson.h>


static unsigned  json_random;


static unsigned
json_choose(unsigned n)
{
    json_random = json_random * 1103515245 + 12345;

    return (json_random >> 16) % n;
}


/* what numbers and strings break on */

static json_t *
json_odd(void)
{
    char      bytes[24];
    size_t    i, len;

    static const char *const  odd[] = {
        "null", "true", "false", "0", "-1", "1", "9223372036854775807",
        "-9223372036854775808", "9007199254740993", "4294967296", "0.5",
        "-0.0", "1e-320", "1e308", "-1e308", "1e15", "253402300800", "\"\"",
        "\"<script>\"", "\"\\\"'&<>\"", "\"\\u0001\\n\\t\"", "\"\\ud83d\\ude00\"",
        "\"\xe2\x80\xae\"", "\"\\u0000\"", "[]", "{}", "[[null,1]]",
        "[[\"</a>\",9223372036854775807]]", "100", "99.95", "\"live\"",
        "\"{{t.x}}\"", "\"%s%n\"", "[1,2]", "{\"some\":{\"avg10\":1}}"
    };

    if (json_choose(4)) {
        return json_loads(odd[json_choose(sizeof(odd) / sizeof(odd[0]))],
                          JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);
    }

    /* a string of anything: more often than not it is UTF-8 */

    len = json_choose(sizeof(bytes));

    for (i = 0; i < len; i++) {
        bytes[i] = (char) (0x20 + json_choose(0x5f));
    }

    len = LLVMFuzzerMutate((uint8_t *) bytes, len, sizeof(bytes));

    return json_stringn(bytes, len);
}


static void
json_mutate_array(json_t *array)
{
    size_t  i;

    i = json_choose((unsigned) json_array_size(array) + 1);

    switch (json_choose(3)) {

    case 0:
        (void) json_array_remove(array, i);
        break;

    case 1:
        (void) json_array_insert_new(array, i, json_odd());
        break;

    default:
        (void) json_array_append_new(array,
                                     json_deep_copy(json_array_get(array,
                                                                   i)));
        break;
    }
}


/* goes down from the root, and changes something on its way */

static void
json_mutate(json_t *node, unsigned depth)
{
    char        *key;
    size_t       n;
    void        *member;
    json_t      *value;

    if (json_is_array(node)) {
        n = json_array_size(node);
        value = n ? json_array_get(node, json_choose((unsigned) n)) : NULL;

        if (depth && (json_is_array(value) || json_is_object(value))
            && json_choose(4))
        {
            json_mutate(value, depth - 1);
            return;
        }

        json_mutate_array(node);
        return;
    }

    n = json_object_size(node);

    if (n == 0) {
        return;
    }

    member = json_object_iter(node);

    for (n = json_choose((unsigned) n); n; n--) {
        member = json_object_iter_next(node, member);
    }

    value = json_object_iter_value(member);

    if (depth && (json_is_array(value) || json_is_object(value))
        && json_choose(8))
    {
        json_mutate(value, depth - 1);
        return;
    }

    key = strdup(json_object_iter_key(member));
    fuzz_check(key != NULL);

    if (json_choose(8) == 0) {
        (void) json_object_del(node, key);

    } else {
        (void) json_object_set_new(node, key, json_odd());
    }

    free(key);
}


size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    size_t   len;
    json_t  *root;

    json_random = seed;

    root = seed % 8 ? json_loadb((char *) data, size, JSON_ALLOW_NUL, NULL)
                    : NULL;

    if (root == NULL) {
        return LLVMFuzzerMutate(data, size, max);
    }

    do {
        json_mutate(root, 6);
    } while (json_choose(2));

    len = json_dumpb(root, (char *) data, max,
                     JSON_COMPACT|JSON_REAL_PRECISION(17));
    json_decref(root);

    return len && len <= max ? len : LLVMFuzzerMutate(data, size, max);
}


#endif /* FUZZ_JSON_H */
