
/*
 * What a walk of an image tree and a listing of an object store have in common.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_output.h"
#include "caphealth_tree_walk.h"


static const char **caphealth_walk_names(const json_t *names, size_t *n);
static int caphealth_walk_listed(const char *const *names, size_t n,
    const char *name, size_t len);


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


/* as ngx_http_caphealth_tree_mark() has it */

uint64_t
caphealth_walk_counted(const caphealth_walk_settings_t *w)
{
    size_t    i;
    uint64_t  hash;

    hash = w->ncounted ? CAPHEALTH_HASH : 0;

    for (i = 0; i < w->ncounted; i++) {
        hash = caphealth_hash(hash, w->counted[i], strlen(w->counted[i]) + 1);
    }

    return hash;
}


int
caphealth_walk_image_name(const char *digits, const char *name, size_t len)
{
    size_t  extension;

    extension = caphealth_output_extension(name, len);

    if (extension == 0 || len <= CAPHEALTH_ID_LEN + 1 + extension
        || name[CAPHEALTH_ID_LEN] != '_')
    {
        return 0;
    }

    return memcmp(name, digits, 4) == 0
           && caphealth_id_valid(name, CAPHEALTH_ID_LEN)
           && caphealth_variant_valid(name + CAPHEALTH_ID_LEN + 1,
                                      len - CAPHEALTH_ID_LEN - 1 - extension);
}


void
caphealth_walk_image_file(const caphealth_walk_settings_t *w, const char *name,
    size_t len, double written, caphealth_walk_image_t *image)
{
    size_t       i;
    const char  *variant;

    variant = name + CAPHEALTH_ID_LEN + 1;
    len -= CAPHEALTH_ID_LEN + 1 + caphealth_output_extension(name, len);

    memcpy(image->id, name, CAPHEALTH_ID_LEN);
    image->mark = caphealth_walk_listed(w->marks, w->nmarks, variant, len);
    image->known = caphealth_walk_listed(w->variants, w->nvariants, variant,
                                         len);
    image->counted = 0;
    image->written = written;

    for (i = 0; i < w->ncounted; i++) {
        if (caphealth_walk_listed(&w->counted[i], 1, variant, len)) {
            image->counted = (uint32_t) 1 << i;
            break;
        }
    }
}


static int
caphealth_walk_listed(const char *const *names, size_t n, const char *name,
    size_t len)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strncmp(names[i], name, len) == 0 && names[i][len] == '\0') {
            return 1;
        }
    }

    return 0;
}


/* it is removed with the image, whatever that has */

void
caphealth_walk_image_record(const char *name, double written,
    caphealth_walk_image_t *image)
{
    memset(image, 0, sizeof(caphealth_walk_image_t));
    memcpy(image->id, name, CAPHEALTH_ID_LEN);

    image->known = 1;
    image->written = isnan(written) ? INFINITY : written;
}


void
caphealth_walk_image_join(caphealth_walk_image_t *image,
    const caphealth_walk_image_t *file)
{
    image->mark |= file->mark;
    image->known &= file->known;
    image->counted |= file->counted;

    if (file->written > image->written) {
        image->written = file->written;
    }
}


void
caphealth_walk_image_count(const caphealth_walk_settings_t *w,
    const caphealth_walk_image_t *image, caphealth_walk_t *walk)
{
    size_t  i;

    walk->complete++;

    for (i = 0; i < w->ncounted; i++) {
        if (!(image->counted & (uint32_t) 1 << i)) {
            walk->missing[i]++;
        }
    }
}


/*
 * An image from before the marks were these may be complete by another mark,
 * and the mark of one that is being copied may still follow.
 */

int
caphealth_walk_image_leftover(const caphealth_walk_settings_t *w,
    const caphealth_walk_image_t *image)
{
    return image->known && w->nmarks > 0 && image->written >= w->since
           && image->written < w->before;
}
