
/*
 * What a walk of an image tree needs to know, from the collector's settings.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_walk.h"


static const char **caphealth_walker_names(const json_t *names, size_t *n);


/* as all sources, it is made once and lives as long as the collector */

caphealth_walker_t *
caphealth_walker_create(const json_t *settings)
{
    const char          *path;
    caphealth_walker_t  *w;

    path = json_string_value(json_object_get(settings, "path"));

    if (path == NULL) {
        return NULL;
    }

    w = calloc(1, sizeof(caphealth_walker_t));
    if (w == NULL) {
        return NULL;
    }

    w->root = strdup(path);
    w->marks = caphealth_walker_names(json_object_get(settings, "marks"),
                                      &w->nmarks);
    w->parts = caphealth_walker_names(json_object_get(settings, "variants"),
                                      &w->nparts);
    w->since = json_number_value(json_object_get(settings, "since"));

    if (w->root == NULL || w->marks == NULL || w->parts == NULL) {
        free((char *) w->root);
        free(w->marks);
        free(w->parts);
        free(w);

        return NULL;
    }

    return w;
}


/* in one piece of memory: the list, then the names */

static const char **
caphealth_walker_names(const json_t *names, size_t *n)
{
    char        *text;
    size_t       i, size;
    const char  *name, **copy;

    *n = json_array_size(names);
    size = (*n + 1) * sizeof(char *);

    for (i = 0; i < *n; i++) {
        name = json_string_value(json_array_get(names, i));

        if (name == NULL) {
            return NULL;
        }

        size += strlen(name) + 1;
    }

    copy = calloc(1, size);
    if (copy == NULL) {
        return NULL;
    }

    text = (char *) (copy + *n + 1);

    for (i = 0; i < *n; i++) {
        name = json_string_value(json_array_get(names, i));
        copy[i] = text;
        text = stpcpy(text, name) + 1;
    }

    return copy;
}
