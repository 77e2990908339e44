
/*
 * What a walk of an image tree needs to know, from the collector's settings.
 */

#include <stdlib.h>
#include <string.h>

#include "caphealth_walk.h"


static const char **caphealth_walk_names(const json_t *names, size_t *n);


/* as all sources, it is made once and lives as long as the collector */

caphealth_walk_settings_t *
caphealth_walk_settings(const json_t *settings)
{
    int                         images;
    const char                 *path;
    caphealth_walk_settings_t  *w;

    path = json_string_value(json_object_get(settings, "path"));

    if (path == NULL) {
        return NULL;
    }

    w = calloc(1, sizeof(caphealth_walk_settings_t));
    if (w == NULL) {
        return NULL;
    }

    path = json_string_value(json_object_get(settings, "images"));
    images = (path != NULL);

    if (images) {
        w->images = strdup(path);
    }

    path = json_string_value(json_object_get(settings, "path"));
    w->root = strdup(path);
    w->marks = caphealth_walk_names(json_object_get(settings, "marks"),
                                    &w->nmarks);
    w->variants = caphealth_walk_names(json_object_get(settings, "variants"),
                                       &w->nvariants);
    w->counted = caphealth_walk_names(json_object_get(settings, "counted"),
                                      &w->ncounted);
    w->since = json_number_value(json_object_get(settings, "since"));

    if (w->root == NULL || w->marks == NULL || w->variants == NULL
        || w->counted == NULL || w->ncounted > CAPHEALTH_COUNTED_MAX
        || (images && w->images == NULL))
    {
        free((char *) w->root);
        free((char *) w->images);
        free(w->marks);
        free(w->variants);
        free(w->counted);
        free(w);

        return NULL;
    }

    return w;
}


/* in one piece of memory: the list, then the names */

static const char **
caphealth_walk_names(const json_t *names, size_t *n)
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
