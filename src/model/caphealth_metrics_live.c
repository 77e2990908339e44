
/*
 * Metrics: what moves with each request; and the vendors, which move with the
 * database.
 */

#include <math.h>
#include <string.h>

#include "caphealth_images.h"
#include "caphealth_metrics_rows.h"


#define CAPHEALTH_BOUND_LEN  32


static void caphealth_each_root(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_known(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_scanned(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_scanning(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_process(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_upload(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_post(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_delete(caphealth_scrape_t *s,
    const caphealth_row_t *row);
static void caphealth_each_stage(caphealth_scrape_t *s,
    const caphealth_row_t *row);

static double caphealth_read_live(const void *root);
static double caphealth_read_left(const void *root);

static void caphealth_metrics_results(caphealth_scrape_t *s,
    const caphealth_tally_t *tallies, size_t n);
static void caphealth_metrics_histogram(caphealth_scrape_t *s,
    const char *stage, const caphealth_histogram_t *h);


const double  caphealth_bucket_bounds[CAPHEALTH_BUCKETS] = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60
};


static const char *const  caphealth_stages[CAPHEALTH_STAGES] = {
    [CAPHEALTH_RECEIVE] = "receive",
    [CAPHEALTH_QUEUE] = "queue",
    [CAPHEALTH_CONVERT] = "convert",
    [CAPHEALTH_PUBLISH] = "publish"
};


static const caphealth_metric_t  caphealth_vendors_metric = {
    "caphealth_vendor_products", CAPHEALTH_GAUGE, NULL,
    "Products of a vendor, of those that have the most."
};


#define caphealth_image_row(name, type, unit, help, each, read, field)       \
    { { "caphealth_image_" name, type, unit, help },                         \
      caphealth_each_##each, caphealth_read_##read,                          \
      offsetof(caphealth_root_t, field) }

#define caphealth_upload_row(name, type, unit, help, field)                  \
    { { "caphealth_" name, type, unit, help },                               \
      caphealth_each_upload, caphealth_read_real,                            \
      offsetof(caphealth_uploads_t, field) }


static const caphealth_row_t  caphealth_live_rows[] = {

    { { "caphealth_image_live", CAPHEALTH_GAUGE, NULL,
        "Whether the counts of an image tree are from a full scan and all "
        "changes since; 0: from the saved state." },
      caphealth_each_known, caphealth_read_live, 0 },

    caphealth_image_row("files", CAPHEALTH_GAUGE, NULL,
        "Files of images in a tree.", known, count, files),
    caphealth_image_row("bytes", CAPHEALTH_GAUGE, "bytes",
        "Size of the files of images in a tree.", known, count, bytes),
    caphealth_image_row("sets", CAPHEALTH_GAUGE, NULL,
        "Complete images in a tree.", known, count, sets),
    caphealth_image_row("directory_files_max", CAPHEALTH_GAUGE, NULL,
        "Files in the fullest directory of a tree.", known, count, max_files),
    caphealth_image_row("incomplete_sets", CAPHEALTH_GAUGE, NULL,
        "Images in a tree that lack their largest variant.",
        known, count, incomplete),
    caphealth_image_row("stray_files", CAPHEALTH_GAUGE, NULL,
        "Files in a tree that are not ours.", known, count, strays),
    caphealth_image_row("stray_bytes", CAPHEALTH_GAUGE, "bytes",
        "Size of the files in a tree that are not ours.",
        known, count, stray_bytes),
    caphealth_image_row("foreign_directories", CAPHEALTH_GAUGE, NULL,
        "Directories in a tree that are symbolic links, or on another file "
        "system.", known, count, foreign),
    caphealth_image_row("removed_files", CAPHEALTH_COUNTER, NULL,
        "Files of dead uploads that scans have removed from a tree.",
        root, count, removed),
    caphealth_image_row("removed_bytes", CAPHEALTH_COUNTER, "bytes",
        "Size of the files of dead uploads that scans have removed.",
        root, count, removed_bytes),
    caphealth_image_row("drift_files", CAPHEALTH_GAUGE, NULL,
        "By how many files the counts were off at the last full scan.",
        scanned, count, drift_files),
    caphealth_image_row("drift_bytes", CAPHEALTH_GAUGE, "bytes",
        "By how much the size was off at the last full scan.",
        scanned, count, drift_bytes),
    caphealth_image_row("scan_progress_ratio", CAPHEALTH_GAUGE, "ratio",
        "How much of a tree the scan under way has walked.",
        scanning, percent, progress),

    { { "caphealth_image_sets_left", CAPHEALTH_GAUGE, NULL,
        "How many more images of the present mean size fit in." },
      caphealth_each_root, caphealth_read_left, 0 },

    { { "caphealth_image_upload_requests", CAPHEALTH_COUNTER, NULL,
        "Uploads, by what became of them." },
      caphealth_each_post, NULL, 0 },

    { { "caphealth_image_delete_requests", CAPHEALTH_COUNTER, NULL,
        "Requests to remove an image, by what became of them." },
      caphealth_each_delete, NULL, 0 },

    { { "caphealth_image_upload_stage_duration_seconds", CAPHEALTH_HISTOGRAM,
        "seconds",
        "How long the stages of uploads took: receive and publish of a "
        "request, queue and convert of an image." },
      caphealth_each_stage, NULL, 0 },

    caphealth_upload_row("image_upload_received_bytes", CAPHEALTH_COUNTER,
        "bytes", "Size of the bodies of uploads.", received),
    caphealth_upload_row("image_upload_written_bytes", CAPHEALTH_COUNTER,
        "bytes", "Size of the files that were made of uploads.", written),
    caphealth_upload_row("image_queue_jobs", CAPHEALTH_GAUGE, NULL,
        "Images that wait for a converter, in all workers.", waiting),
    caphealth_upload_row("converter_starts", CAPHEALTH_COUNTER, NULL,
        "Converters that were started.", starts),
    caphealth_upload_row("converter_deaths", CAPHEALTH_COUNTER, NULL,
        "Converters that died, were killed for taking too long, or did not "
        "come to work.", deaths),
    caphealth_upload_row("converter_idle_cpu_seconds", CAPHEALTH_COUNTER,
        "seconds", "CPU time of converters at idle priority.", idle),

    { { "caphealth_collector_restarts", CAPHEALTH_COUNTER, NULL,
        "Collectors that died or hung and were replaced." },
      caphealth_each_process, caphealth_read_real,
      offsetof(caphealth_activity_t, restarts) }
};


char *
caphealth_metrics_live(const caphealth_images_t *i,
    const caphealth_activity_t *a, caphealth_dialect_e dialect, size_t *len)
{
    caphealth_scrape_t  scrape = { .images = i, .activity = a };

    if (caphealth_exposition_open(&scrape.out, dialect) == -1) {
        return NULL;
    }

    caphealth_rows_write(&scrape, caphealth_live_rows,
                         caphealth_count_of(caphealth_live_rows));

    caphealth_exposition_end(&scrape.out);

    return caphealth_exposition_close(&scrape.out, len);
}


static void
caphealth_each_root(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t             i;
    caphealth_label_t  root = { "root", NULL };

    for (i = 0; i < s->images->nroots; i++) {
        root.value = s->images->roots[i].path;
        caphealth_row_sample(s, row, &s->images->roots[i], &root, 1);
    }
}


static void
caphealth_each_known(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t             i;
    caphealth_label_t  root = { "root", NULL };

    for (i = 0; i < s->images->nroots; i++) {
        if (s->images->roots[i].source != NULL) {
            root.value = s->images->roots[i].path;
            caphealth_row_sample(s, row, &s->images->roots[i], &root, 1);
        }
    }
}


static void
caphealth_each_scanned(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t             i;
    caphealth_label_t  root = { "root", NULL };

    for (i = 0; i < s->images->nroots; i++) {
        if (s->images->roots[i].scanned_at > 0) {
            root.value = s->images->roots[i].path;
            caphealth_row_sample(s, row, &s->images->roots[i], &root, 1);
        }
    }
}


static void
caphealth_each_scanning(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t             i;
    caphealth_label_t  root = { "root", NULL };

    for (i = 0; i < s->images->nroots; i++) {
        if (s->images->roots[i].scanning_since > 0) {
            root.value = s->images->roots[i].path;
            caphealth_row_sample(s, row, &s->images->roots[i], &root, 1);
        }
    }
}


static double
caphealth_read_live(const void *root)
{
    return strcmp(((const caphealth_root_t *) root)->source, "live") == 0;
}


static double
caphealth_read_left(const void *root)
{
    int64_t  left;

    left = caphealth_images_left(root);

    return caphealth_read_count(&left);
}


static void
caphealth_each_process(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    caphealth_row_sample(s, row, s->activity, NULL, 0);
}


static void
caphealth_each_upload(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    if (s->activity->uploads.configured) {
        caphealth_row_sample(s, row, &s->activity->uploads, NULL, 0);
    }
}


static void
caphealth_each_post(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    (void) row;

    caphealth_metrics_results(s, s->activity->uploads.posts,
                              s->activity->uploads.nposts);
}


static void
caphealth_each_delete(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    (void) row;

    caphealth_metrics_results(s, s->activity->uploads.deletes,
                              s->activity->uploads.ndeletes);
}


static void
caphealth_metrics_results(caphealth_scrape_t *s,
    const caphealth_tally_t *tallies, size_t n)
{
    size_t             i;
    caphealth_label_t  result = { "result", NULL };

    if (!s->activity->uploads.configured) {
        return;
    }

    for (i = 0; i < n; i++) {
        result.value = tallies[i].name;
        caphealth_exposition_sample(&s->out, NULL, &result, 1, tallies[i].n);
    }
}


static void
caphealth_each_stage(caphealth_scrape_t *s, const caphealth_row_t *row)
{
    size_t  i;

    (void) row;

    if (!s->activity->uploads.configured) {
        return;
    }

    for (i = 0; i < CAPHEALTH_STAGES; i++) {
        caphealth_metrics_histogram(s, caphealth_stages[i],
                                    &s->activity->uploads.stages[i]);
    }
}


/* a whole bound has a point, as OpenMetrics wants it, in either format */

static void
caphealth_metrics_histogram(caphealth_scrape_t *s, const char *stage,
    const caphealth_histogram_t *h)
{
    char               bound[CAPHEALTH_BOUND_LEN];
    double             n;
    size_t             i, len;
    caphealth_label_t  labels[2] = { { "stage", stage }, { "le", bound } };

    n = 0;

    for (i = 0; i < CAPHEALTH_BUCKETS; i++) {
        n += h->buckets[i];

        caphealth_exposition_number(bound, sizeof(bound),
                                    caphealth_bucket_bounds[i]);

        if (strchr(bound, '.') == NULL) {
            len = strlen(bound);
            (void) snprintf(bound + len, sizeof(bound) - len, ".0");
        }

        caphealth_exposition_sample(&s->out, "_bucket", labels, 2, n);
    }

    n += h->buckets[CAPHEALTH_BUCKETS];

    labels[1].value = "+Inf";

    caphealth_exposition_sample(&s->out, "_bucket", labels, 2, n);
    caphealth_exposition_sample(&s->out, "_sum", labels, 1, h->sum);
    caphealth_exposition_sample(&s->out, "_count", labels, 1, n);
}


char *
caphealth_metrics_vendors(const caphealth_vendors_t *v, size_t n,
    caphealth_dialect_e dialect, size_t *len)
{
    json_t                  *vendors, *products;
    const char              *name;
    caphealth_label_t        vendor = { "vendor", NULL };
    caphealth_exposition_t   out;

    vendors = caphealth_vendors_first(v, n);

    if (vendors == NULL) {
        return NULL;
    }

    if (caphealth_exposition_open(&out, dialect) == -1) {
        json_decref(vendors);
        return NULL;
    }

    caphealth_exposition_metric(&out, &caphealth_vendors_metric);

    json_object_foreach(vendors, name, products) {
        vendor.value = name;
        caphealth_exposition_sample(&out, NULL, &vendor, 1,
                                    json_number_value(products));
    }

    json_decref(vendors);

    return caphealth_exposition_close(&out, len);
}
