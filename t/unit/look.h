
/*
 * For tests: one look at the system or at a disk, and what it brought.
 */

#ifndef LOOK_H
#define LOOK_H


#include "facts_json.h"


static inline double
number(const seen_t *a, const char *key)
{
    return json_number_value(json_object_get(a->data, key));
}


static inline const char *
scope(const seen_t *a)
{
    return json_string_value(json_object_get(a->data, "scope"));
}


/* what comes is what a worker takes */

static inline caphealth_system_t
look(caphealth_host_t *h, seen_t *seen)
{
    caphealth_answer_t  a, read;

    json_decref(seen->data);

    see_host(h, seen, &a);

    assert_null(caphealth_answer_read(&read, CAPHEALTH_SOURCE_SYSTEM, &a,
                                      sizeof(a)));

    return a.facts.system;
}


static inline void
look_disk(const char *path, seen_t *seen)
{
    caphealth_answer_t  a, read;

    see_disk(path, seen, &a);

    assert_null(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DISK, &a,
                                      sizeof(a)));
}


#endif /* LOOK_H */
