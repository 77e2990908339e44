
/*
 * For tests: one look at the system, and what it brought.
 */

#ifndef LOOK_H
#define LOOK_H


#include <string.h>

#include "caphealth_source.h"


static inline double
number(const caphealth_answer_t *a, const char *key)
{
    return json_number_value(json_object_get(a->data, key));
}


static inline const char *
scope(const caphealth_answer_t *a)
{
    return json_string_value(json_object_get(a->data, "scope"));
}


static inline void
look(caphealth_host_t *h, caphealth_answer_t *a)
{
    json_decref(a->data);
    memset(a, 0, sizeof(caphealth_answer_t));

    caphealth_host_collect(h, a);
}


#endif /* LOOK_H */
