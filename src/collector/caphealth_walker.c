
/*
 * What a walk of an image tree needs to know, from the collector's settings.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_walk.h"


static const char **
caphealth_walker_names(const json_t *names, size_t *n)
{
    size_t        i;
    const char   *name, **copy;

    *n = json_array_size(names);

    copy = calloc(*n + 1, sizeof(char *));
    if (copy == NULL) {
        return NULL;
    }

    for (i = 0; i < *n; i++) {
        name = json_string_value(json_array_get(names, i));
        copy[i] = (name == NULL) ? NULL : strdup(name);

        if (copy[i] == NULL) {
            return NULL;
        }
    }

    return copy;
}


/* as all sources, it is made once and lives as long as the collector */

caphealth_walker_t *
caphealth_walker_create(const json_t *settings)
{
    const char          *path;
    caphealth_walker_t  *w;

    path = json_string_value(json_object_get(settings, "path"));
    w = calloc(1, sizeof(caphealth_walker_t));

    if (path == NULL || w == NULL) {
        free(w);
        return NULL;
    }

    w->root = strdup(path);
    w->marks = caphealth_walker_names(json_object_get(settings, "marks"),
                                      &w->nmarks);
    w->parts = caphealth_walker_names(json_object_get(settings, "variants"),
                                      &w->nparts);
    w->since = json_number_value(json_object_get(settings, "since"));

    if (w->root == NULL || w->marks == NULL || w->parts == NULL) {
        return NULL;
    }

    return w;
}
