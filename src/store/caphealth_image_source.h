
/*
 * The source of an image: the bytes as they came, in a tree of its own that is
 * never served: <root>/ab/cd/<id>.<format>, 0600 in directories of 0700.
 *
 * It is kept all-or-nothing with the image, whose commit mark decides: a source
 * has a hidden name before the mark is linked, and again before the mark is
 * removed.  A process that dies in between leaves a hidden source.  A scan
 * gives it its name if the mark exists, and removes it if there is no image.  A
 * source that has its name is only removed by a deletion.
 *
 * All of it may block, so nginx's event loop must not call it.
 */

#ifndef CAPHEALTH_IMAGE_SOURCE_H
#define CAPHEALTH_IMAGE_SOURCE_H


#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "caphealth_format.h"
#include "caphealth_path.h"


/*
 * The extended attribute of a source in which the focus of its upload is kept,
 * "0.5,0.25"; there is none if the focus is the middle, or if the file system
 * has no such attributes.
 */
#define CAPHEALTH_IMAGE_SOURCE_FOCUS  "user.caphealth.focus"

/* ".<id>.<format>.<8 digits>.tmp" and its zero */
#define CAPHEALTH_IMAGE_SOURCE_LEN  (CAPHEALTH_ID_LEN + 32)


typedef struct {
    char                id[CAPHEALTH_ID_LEN + 1];
    const char         *root;        /* the caller's */
    caphealth_format_e  format;
    uint64_t            bytes;
    char                hidden[CAPHEALTH_IMAGE_SOURCE_LEN];
                                     /* its name now; "": not hidden */
    unsigned            named:1;     /* it has got its own */
    const char         *failed;      /* the call that failed, for the log */
} caphealth_image_source_t;


/*
 * Copies length bytes of the file body, from offset, into a hidden file, and
 * syncs file and directories.  The blocks are shared where the file system can
 * do that.  The focus is kept with it, NULL if it is the middle.  Returns 0, or
 * -1 with errno set and nothing left behind.
 */
int caphealth_image_source_copy(caphealth_image_source_t *source,
    const char *root, const char *id, caphealth_format_e format,
    const char *focus, int body, uint64_t offset, uint64_t length);

/*
 * Finds the source of the image id, and hides it.  Returns 0, or -1 with errno
 * set: ENOENT if there is none.
 */
int caphealth_image_source_hide(caphealth_image_source_t *source,
    const char *root, const char *id);

/*
 * Gives a hidden one its name.  If there is one already, the hidden one is
 * removed, and named stays 0.  Returns 0, or -1 with errno set.
 */
int caphealth_image_source_name(caphealth_image_source_t *source);

/* Removes it by the name that it has now; without any, does nothing. */
int caphealth_image_source_remove(caphealth_image_source_t *source);

/*
 * Reads the focus that is kept with an open source.  Returns its length,
 * without a zero behind it; 0 if there is none; or -1 with errno set: ERANGE if
 * it is longer than size.
 */
ssize_t caphealth_image_source_focus(int fd, char *text, size_t size);

/*
 * Whether a file of that name is a source, and whether it is hidden.  Returns
 * its format, or CAPHEALTH_FORMAT_UNKNOWN; the name begins with the id, after a
 * point if it is hidden.
 */
caphealth_format_e caphealth_image_source_valid(const char *name, size_t len,
    int *hidden);

/* Its own name, "<id>.<format>", zero-terminated. */
void caphealth_image_source_file(char name[CAPHEALTH_IMAGE_SOURCE_LEN],
    const char *id, caphealth_format_e format);


#endif /* CAPHEALTH_IMAGE_SOURCE_H */
