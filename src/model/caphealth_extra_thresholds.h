
/*
 * Extra thresholds: those beyond the six.  Each file system that is watched, or
 * that an image tree is on, has one for its space (but the first disk, whose
 * space is one of the six), one for its inodes, and one for being read-only.
 * The uploads have one for the share of them that the server failed.
 *
 * Of several paths to one file system, only the first is judged.
 */

#ifndef CAPHEALTH_EXTRA_THRESHOLDS_H
#define CAPHEALTH_EXTRA_THRESHOLDS_H


#include "caphealth_measures.h"
#include "caphealth_threshold_check.h"


typedef enum {
    CAPHEALTH_EXTRA_SPACE = 0,
    CAPHEALTH_EXTRA_INODES,
    CAPHEALTH_EXTRA_READ_ONLY,
    CAPHEALTH_EXTRA_UPLOADS
} caphealth_extra_e;


/* a path, with a threshold's key or label before it */
#define CAPHEALTH_EXTRA_KEY  (4096 + 64)


typedef struct {
    caphealth_extra_e               kind;
    char                            key[CAPHEALTH_EXTRA_KEY];
                                               /* "inodes_percent:/srv" */
    char                            name[CAPHEALTH_EXTRA_KEY];
                                               /* for people */
    const caphealth_measure_t      *measure;
    const caphealth_disk_facts_t   *disk;      /* NULL: it is of uploads */
    const char                     *path;      /* of the disk, or NULL */
    const caphealth_section_t      *section;
    int                             images;    /* an image tree is on it */
    int                             watched;   /* it is one of the disks */
    caphealth_check_t               check;

    /* where caphealth_extra_next() goes on */
    size_t                          mount;
    int                             next;
} caphealth_extra_t;


/*
 * Makes *e the next of them; *e is all zero before the first.  Returns 0 if
 * there is none left.
 */
int caphealth_extra_next(caphealth_extra_t *e, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);

/*
 * Whether one of a file system is critical: with images, of one that an image
 * tree is on, else of one that is watched.  *e becomes the first of them.
 */
int caphealth_extra_disk_critical(caphealth_extra_t *e,
    const caphealth_facts_t *f, const caphealth_policy_t *p, double now,
    int images);

/* Whether an image tree is on the disk's file system. */
int caphealth_extra_has_images(const caphealth_facts_t *f,
    const caphealth_disk_facts_t *disk);

/* The reason of its status, as caphealth_reason_check() gives it. */
char *caphealth_extra_reason(char *buf, const caphealth_extra_t *e,
    const caphealth_facts_t *f, double now);

/* Uploads that were answered with 500, 503 or 507. */
int64_t caphealth_upload_failures(const caphealth_facts_t *f);


#endif /* CAPHEALTH_EXTRA_THRESHOLDS_H */
