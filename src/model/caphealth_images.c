
/*
 * What is known of the image trees, as JSON.
 */

#include <math.h>
#include <stdlib.h>

#include "caphealth_images.h"
#include "caphealth_json.h"
#include "caphealth_number.h"


#define caphealth_object(members)                                            \
    caphealth_json_object((members), sizeof(members) / sizeof((members)[0]))


static json_t *caphealth_images_root(const caphealth_root_t *root);
static json_t *caphealth_images_scan(const caphealth_root_t *root);
static json_t *caphealth_images_filesystem(const caphealth_root_t *root);
static json_t *caphealth_images_known(const caphealth_root_t *root,
    int64_t n);
static json_t *caphealth_images_scanned(const caphealth_root_t *root,
    int64_t n);
static const caphealth_root_t *caphealth_images_fullest(
    const caphealth_images_t *i);


char *
caphealth_images_stats(const caphealth_facts_t *f, double now, size_t *len)
{
    return caphealth_json_text(caphealth_images_document(f, now), len);
}


json_t *
caphealth_images_document(const caphealth_facts_t *f, double now)
{
    size_t                     n;
    int64_t                    drift_files, drift_bytes, incomplete, strays;
    double                     scanned_at;
    const char                *source, *error, *error_code;
    const caphealth_root_t    *root, *fullest;
    const caphealth_images_t  *i = &f->images.value;

    drift_files = drift_bytes = incomplete = strays = 0;
    scanned_at = INFINITY;
    source = (i->nroots == 0) ? NULL : "live";
    error = error_code = NULL;

    for (n = 0; n < i->nroots; n++) {
        root = &i->roots[n];

        drift_files += root->drift_files;
        drift_bytes += root->drift_bytes;
        incomplete += root->incomplete;
        strays += root->strays;
        scanned_at = fmin(scanned_at, root->scanned_at);

        if (error == NULL) {
            error = root->error;
            error_code = root->error_code;
        }

        if (root->source == NULL || root->source[0] != 'l') {
            source = (source == NULL) ? NULL : root->source;
        }
    }

    if (i->files == CAPHEALTH_UNKNOWN) {
        incomplete = strays = CAPHEALTH_UNKNOWN;
    }

    if (!(scanned_at > 0) || !isfinite(scanned_at)) {
        scanned_at = 0;
        drift_files = drift_bytes = CAPHEALTH_UNKNOWN;
    }

    fullest = caphealth_images_fullest(i);

    caphealth_member_t  members[] = {
        { "total_files", caphealth_json_count(i->files) },
        { "total_size_mb", caphealth_json_amount(i->bytes, CAPHEALTH_MIB) },
        { "total_size_gb", caphealth_json_amount(i->bytes, CAPHEALTH_GIB) },
        { "max_files_per_dir", caphealth_json_count(i->max_files_per_dir) },
        { "products_estimated", caphealth_json_count(i->sets) },
        { "total_bytes", caphealth_json_count(i->bytes) },
        { "max_files_dir",
          fullest == NULL ? json_null()
                          : caphealth_json_format("%s/%s", fullest->path,
                                                  fullest->fullest) },
        { "incomplete_sets", caphealth_json_count(incomplete) },
        { "stray_files", caphealth_json_count(strays) },
        { "drift_files", caphealth_json_count(drift_files) },
        { "drift_bytes", caphealth_json_count(drift_bytes) },
        { "source", caphealth_json_string(source) },
        { "last_full_scan", caphealth_json_time(scanned_at) },
        { "error", caphealth_json_string(error) },
        { "roots", caphealth_images_roots(i) },
        { "timestamp", caphealth_json_time(now) },
        { "error_code", caphealth_json_string(error_code) },
        { "host", caphealth_json_string(f->node) },
        { "version", caphealth_json_string(f->version) }
    };

    return caphealth_object(members);
}


json_t *
caphealth_images_roots(const caphealth_images_t *i)
{
    size_t   n;
    json_t  *roots, **values;

    values = calloc(i->nroots + 1, sizeof(json_t *));
    if (values == NULL) {
        return NULL;
    }

    for (n = 0; n < i->nroots; n++) {
        values[n] = caphealth_images_root(&i->roots[n]);
    }

    roots = caphealth_json_array(values, i->nroots);

    free(values);

    return roots;
}


static json_t *
caphealth_images_root(const caphealth_root_t *root)
{
    caphealth_member_t  members[] = {
        { "path", caphealth_json_string(root->path) },
        { "source", caphealth_json_string(root->source) },
        { "total_files", caphealth_images_known(root, root->files) },
        { "total_bytes", caphealth_images_known(root, root->bytes) },
        { "max_files_per_dir", caphealth_images_known(root,
                                                      root->max_files) },
        { "max_files_dir",
          caphealth_json_string(root->source == NULL
                                || root->fullest[0] == '\0'
                                ? NULL : root->fullest) },
        { "products_estimated", caphealth_images_known(root, root->sets) },
        { "incomplete_sets", caphealth_images_known(root,
                                                    root->incomplete) },
        { "stray_files", caphealth_images_known(root, root->strays) },
        { "stray_bytes", caphealth_images_known(root, root->stray_bytes) },
        { "odd_directories", caphealth_images_known(root, root->foreign) },
        { "removed_files", caphealth_json_count(root->removed) },
        { "removed_bytes", caphealth_json_count(root->removed_bytes) },
        { "drift_files", caphealth_images_scanned(root,
                                                  root->drift_files) },
        { "drift_bytes", caphealth_images_scanned(root,
                                                  root->drift_bytes) },
        { "last_full_scan", caphealth_json_time(root->scanned_at) },
        { "last_full_scan_seconds",
          caphealth_json_real(root->scanned_at > 0 ? root->scan_seconds : NAN,
                              2) },
        { "scan", caphealth_images_scan(root) },
        { "filesystem", caphealth_images_filesystem(root) },
        { "images_left", caphealth_json_count(caphealth_images_left(root)) },
        { "error", caphealth_json_string(root->error) },
        { "error_code", caphealth_json_string(root->error_code) }
    };

    return caphealth_object(members);
}


/* null: none is under way */

static json_t *
caphealth_images_scan(const caphealth_root_t *root)
{
    if (!(root->scanning_since > 0)) {
        return json_null();
    }

    caphealth_member_t  members[] = {
        { "started_at", caphealth_json_time(root->scanning_since) },
        { "percent", caphealth_json_real(root->progress, 1) }
    };

    return caphealth_object(members);
}


static json_t *
caphealth_images_filesystem(const caphealth_root_t *root)
{
    const caphealth_disk_t  *d;

    if (root->disk == NULL) {
        return json_null();
    }

    d = &root->disk->value;

    caphealth_member_t  members[] = {
        { "total_bytes", caphealth_json_count(d->total) },
        { "available_bytes", caphealth_json_count(d->available) },
        { "inodes", caphealth_json_count(d->inodes) },
        { "inodes_free", caphealth_json_count(d->inodes_free) },
        { "read_only", caphealth_json_flag(d->read_only) },
        { "collected_at",
          caphealth_json_time(root->disk->section.collected_at) },
        { "error", caphealth_json_string(root->disk->section.error) },
        { "error_code",
          caphealth_json_string(root->disk->section.error_code) }
    };

    return caphealth_object(members);
}


static json_t *
caphealth_images_known(const caphealth_root_t *root, int64_t n)
{
    return caphealth_json_count(root->source == NULL ? CAPHEALTH_UNKNOWN : n);
}


static json_t *
caphealth_images_scanned(const caphealth_root_t *root, int64_t n)
{
    return caphealth_json_count(root->scanned_at > 0 ? n : CAPHEALTH_UNKNOWN);
}


int64_t
caphealth_images_left(const caphealth_root_t *root)
{
    double                   left;
    const caphealth_disk_t  *d;

    if (root->source == NULL || root->sets <= 0 || root->bytes <= 0
        || root->files <= 0 || root->disk == NULL
        || !caphealth_section_known(&root->disk->section))
    {
        return CAPHEALTH_UNKNOWN;
    }

    d = &root->disk->value;

    if (d->available == CAPHEALTH_UNKNOWN) {
        return CAPHEALTH_UNKNOWN;
    }

    left = (double) d->available
           / ((double) root->bytes / (double) root->sets);

    if (d->inodes > 0 && d->inodes_free >= 0) {
        left = fmin(left, (double) d->inodes_free
                          / ((double) root->files / (double) root->sets));
    }

    return left < 9e15 ? (int64_t) left : (int64_t) 9e15;
}


static const caphealth_root_t *
caphealth_images_fullest(const caphealth_images_t *i)
{
    size_t                   n;
    const caphealth_root_t  *fullest;

    fullest = NULL;

    if (i->files == CAPHEALTH_UNKNOWN) {
        return NULL;
    }

    for (n = 0; n < i->nroots; n++) {
        if (i->roots[n].fullest[0] != '\0'
            && (fullest == NULL
                || i->roots[n].max_files > fullest->max_files))
        {
            fullest = &i->roots[n];
        }
    }

    return fullest;
}
