
/*
 * Extra thresholds: what is judged beyond the six.  Of each file system that is
 * watched, or that an image tree is on: space (the six have that of the first
 * disk), inodes, and whether it is read-only; and how many uploads failed for
 * reasons of ours.
 *
 * Several paths to one file system are one: the first stands for it.
 */

#ifndef CAPHEALTH_EXTRA_H
#define CAPHEALTH_EXTRA_H


#include "caphealth_measures.h"
#include "caphealth_status.h"


typedef enum {
    CAPHEALTH_EXTRA_SPACE = 0,
    CAPHEALTH_EXTRA_INODES,
    CAPHEALTH_EXTRA_READ_ONLY,
    CAPHEALTH_EXTRA_UPLOADS
} caphealth_extra_e;


/* a path, and what is before it */
#define CAPHEALTH_EXTRA_KEY  (4096 + 64)


typedef struct {
    caphealth_extra_e               kind;
    char                            key[CAPHEALTH_EXTRA_KEY];
                                               /* "inodes_percent:/srv" */
    char                            name[CAPHEALTH_EXTRA_KEY];
                                               /* for people */
    const caphealth_measure_t      *measure;
    const caphealth_disk_facts_t   *disk;      /* NULL: of uploads */
    const char                     *path;      /* of the disk, or NULL */
    const caphealth_section_t      *section;
    int                             images;    /* an image tree is on it */
    int                             watched;   /* it is one of the disks */
    caphealth_check_t               check;

    /* where the next one is looked for */
    size_t                          mount;
    int                             next;
} caphealth_extra_t;


/*
 * One after another, of a structure that is all zero at first.  Returns 0 past
 * the last.
 */
int caphealth_extra_next(caphealth_extra_t *e, const caphealth_facts_t *f,
    const caphealth_policy_t *p, double now);

/*
 * Whether any that is watched, or that images are on, is critical: of space,
 * inodes or read-only.  *e is the first of them.
 */
int caphealth_extra_disk_critical(caphealth_extra_t *e,
    const caphealth_facts_t *f, const caphealth_policy_t *p, double now,
    int images);

/* Whether an image tree is on the disk's file system. */
int caphealth_extra_has_images(const caphealth_facts_t *f,
    const caphealth_disk_facts_t *disk);

/* Why it is judged so, as caphealth_reason_check(). */
char *caphealth_extra_reason(char *buf, const caphealth_extra_t *e,
    const caphealth_facts_t *f, double now);

/* All that failed for reasons of ours. */
int64_t caphealth_extra_failures(const caphealth_facts_t *f);


#endif /* CAPHEALTH_EXTRA_H */
