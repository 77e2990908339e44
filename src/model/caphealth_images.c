
/*
 * What is known of the image trees, as JSON.
 */

#include <math.h>
#include <stdlib.h>

#include "caphealth_images.h"
#include "caphealth_json.h"
#include "caphealth_number.h"


static void caphealth_images_root(caphealth_json_t *j,
    const caphealth_root_t *root);
static void caphealth_images_scan(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root);
static void caphealth_images_filesystem(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root);
static void caphealth_images_known(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root, int64_t n);
static void caphealth_images_scanned(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root, int64_t n);
static const caphealth_root_t *caphealth_images_fullest(
    const caphealth_images_t *i);


char *
caphealth_images_stats(const caphealth_facts_t *f, double now, size_t *len)
{
    size_t                     n;
    int64_t                    drift_files, drift_bytes, incomplete, strays;
    double                     scanned_at;
    const char                *source, *error, *error_code;
    caphealth_json_t           writer, *j = &writer;
    const caphealth_root_t    *root, *fullest;
    const caphealth_images_t  *i = &f->images.value;

    if (caphealth_json_begin(j) == -1) {
        return NULL;
    }

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

    caphealth_json_open_object(j, NULL);
    caphealth_json_count(j, "total_files", i->files);
    caphealth_json_amount(j, "total_size_mb", i->bytes, CAPHEALTH_MIB);
    caphealth_json_amount(j, "total_size_gb", i->bytes, CAPHEALTH_GIB);
    caphealth_json_count(j, "max_files_per_dir", i->max_files_per_dir);
    caphealth_json_count(j, "products_estimated", i->sets);
    caphealth_json_count(j, "total_bytes", i->bytes);

    if (fullest == NULL) {
        caphealth_json_null(j, "max_files_dir");
    } else {
        caphealth_json_format(j, "max_files_dir", "%s/%s", fullest->path,
                              fullest->fullest);
    }

    caphealth_json_count(j, "incomplete_sets", incomplete);
    caphealth_json_count(j, "stray_files", strays);
    caphealth_json_count(j, "drift_files", drift_files);
    caphealth_json_count(j, "drift_bytes", drift_bytes);
    caphealth_json_string(j, "source", source);
    caphealth_json_time(j, "last_full_scan", scanned_at);
    caphealth_json_string(j, "error", error);
    caphealth_images_roots(j, "roots", i);
    caphealth_json_time(j, "timestamp", now);
    caphealth_json_string(j, "error_code", error_code);
    caphealth_json_string(j, "host", f->node);
    caphealth_json_string(j, "version", f->version);
    caphealth_json_close_object(j);

    return caphealth_json_end(j, len);
}


void
caphealth_images_roots(caphealth_json_t *j, const char *name,
    const caphealth_images_t *i)
{
    size_t  n;

    caphealth_json_open_array(j, name);

    for (n = 0; n < i->nroots; n++) {
        caphealth_images_root(j, &i->roots[n]);
    }

    caphealth_json_close_array(j);
}


static void
caphealth_images_root(caphealth_json_t *j, const caphealth_root_t *root)
{
    caphealth_json_open_object(j, NULL);
    caphealth_json_string(j, "path", root->path);
    caphealth_json_string(j, "source", root->source);
    caphealth_images_known(j, "total_files", root, root->files);
    caphealth_images_known(j, "total_bytes", root, root->bytes);
    caphealth_images_known(j, "max_files_per_dir", root, root->max_files);
    caphealth_json_string(j, "max_files_dir",
                          root->source == NULL || root->fullest[0] == '\0'
                          ? NULL : root->fullest);
    caphealth_images_known(j, "products_estimated", root, root->sets);
    caphealth_images_known(j, "incomplete_sets", root, root->incomplete);
    caphealth_images_known(j, "stray_files", root, root->strays);
    caphealth_images_known(j, "stray_bytes", root, root->stray_bytes);
    caphealth_images_known(j, "odd_directories", root, root->foreign);
    caphealth_json_count(j, "removed_files", root->removed);
    caphealth_json_count(j, "removed_bytes", root->removed_bytes);
    caphealth_images_scanned(j, "drift_files", root, root->drift_files);
    caphealth_images_scanned(j, "drift_bytes", root, root->drift_bytes);
    caphealth_json_time(j, "last_full_scan", root->scanned_at);
    caphealth_json_real(j, "last_full_scan_seconds",
                        root->scanned_at > 0 ? root->scan_seconds : NAN, 2);
    caphealth_images_scan(j, "scan", root);
    caphealth_images_filesystem(j, "filesystem", root);
    caphealth_json_count(j, "images_left", caphealth_images_left(root));
    caphealth_json_string(j, "error", root->error);
    caphealth_json_string(j, "error_code", root->error_code);
    caphealth_json_close_object(j);
}


/* null: none is under way */

static void
caphealth_images_scan(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root)
{
    if (!(root->scanning_since > 0)) {
        caphealth_json_null(j, name);
        return;
    }

    caphealth_json_open_object(j, name);
    caphealth_json_time(j, "started_at", root->scanning_since);
    caphealth_json_real(j, "percent", root->progress, 1);
    caphealth_json_close_object(j);
}


static void
caphealth_images_filesystem(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root)
{
    const caphealth_disk_t  *d;

    if (root->disk == NULL) {
        caphealth_json_null(j, name);
        return;
    }

    d = &root->disk->value;

    caphealth_json_open_object(j, name);
    caphealth_json_count(j, "total_bytes", d->total);
    caphealth_json_count(j, "available_bytes", d->available);
    caphealth_json_count(j, "inodes", d->inodes);
    caphealth_json_count(j, "inodes_free", d->inodes_free);
    caphealth_json_flag(j, "read_only", d->read_only);
    caphealth_json_time(j, "collected_at", root->disk->section.collected_at);
    caphealth_json_string(j, "error", root->disk->section.error);
    caphealth_json_string(j, "error_code", root->disk->section.error_code);
    caphealth_json_close_object(j);
}


static void
caphealth_images_known(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root, int64_t n)
{
    caphealth_json_count(j, name, root->source == NULL ? CAPHEALTH_UNKNOWN : n);
}


static void
caphealth_images_scanned(caphealth_json_t *j, const char *name,
    const caphealth_root_t *root, int64_t n)
{
    caphealth_json_count(j, name, root->scanned_at > 0 ? n : CAPHEALTH_UNKNOWN);
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
