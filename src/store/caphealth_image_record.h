
/*
 * The answer to the client about an image, stored beside its files, so that a
 * repeated upload gets the same answer:
 *
 *     <root>/ab/cd/<id>_<secret>.answer
 *
 * Where an id follows from a key or from the bytes, so does the secret, from
 * what the id does not tell.  So who knows an image's URL cannot ask for its
 * record, even where the whole tree is served.
 *
 * While an upload is under way, or a deletion, it has an empty file, locked:
 *
 *     <root>/ab/cd/.<id>.tmp
 *
 * The kernel unlocks it when the process dies, so a crash leaves no id taken.
 *
 * All of it may block, so nginx's event loop must not call it.
 */

#ifndef CAPHEALTH_IMAGE_RECORD_H
#define CAPHEALTH_IMAGE_RECORD_H


#include <jansson.h>

#include "caphealth_image_files.h"


/* SHA-256 */
#define CAPHEALTH_DIGEST_LEN  32

#define CAPHEALTH_SECRET_LEN  32


typedef enum {
    CAPHEALTH_CLAIM_ERROR = -1,      /* errno says why */
    CAPHEALTH_CLAIM_TAKEN,           /* the id is the caller's now */
    CAPHEALTH_CLAIM_STORED,          /* the image is there: its record */
    CAPHEALTH_CLAIM_BUSY             /* another request has it */
} caphealth_claim_e;


typedef struct {
    char         id[CAPHEALTH_ID_LEN + 1];
    char         secret[CAPHEALTH_SECRET_LEN + 1];
    int          fd;                 /* locked, while the id is taken; or -1 */
    unsigned     left:1;             /* who had it before has died */
    unsigned     named:1;            /* the record has its name */
    const char  *root;               /* the caller's */
    const char  *failed;             /* the call that failed, for the log */
    json_t      *json;               /* what is stored; the caller's to free */
} caphealth_image_record_t;


/*
 * Names the record by a digest: the id is its first half.  By an id alone, it
 * can be taken only.
 */
void caphealth_record_init(caphealth_image_record_t *record, const char *root,
    const uint8_t digest[CAPHEALTH_DIGEST_LEN]);
void caphealth_record_init_id(caphealth_image_record_t *record,
    const char *root, const char *id);

/*
 * Writes the path of the record of a digest, relative to the root and
 * zero-terminated.
 */
void caphealth_record_path(const caphealth_image_record_t *record,
    char path[CAPHEALTH_RECORD_PATH_LEN]);

/*
 * Reads the record of an image that is stored whole, or takes its id.  BUSY,
 * whether there is a record or not, while another request has the id.  A record
 * that is damaged, or whose image has no commit mark any more, is removed.
 */
caphealth_claim_e caphealth_record_claim(caphealth_image_record_t *record);

/*
 * Takes an id, whatever is stored under it, to remove that.  Where there is no
 * room for the file that would be locked, no upload can take the id either, and
 * it is as if it were taken.  ENOENT: there is nothing of this id.
 */
caphealth_claim_e caphealth_record_take(caphealth_image_record_t *record);

/*
 * Writes the record of an id that was taken, and gives it its name, when the
 * image has all of its files: what has a record is stored whole.  Returns 0, or
 * -1 with errno set.
 */
int caphealth_record_write(caphealth_image_record_t *record, json_t *json);

/* Removes again what was written. */
void caphealth_record_withdraw(caphealth_image_record_t *record);

/* The id is free again.  May be called twice. */
void caphealth_record_release(caphealth_image_record_t *record);

/*
 * A record from its text: an object with the "version" 1; "mark", the name of a
 * file of this image; "request", hexadecimal digits; "url", a prefix; and
 * "image", an object with this "id" and the object "variants".  NULL: it is
 * none.
 */
json_t *caphealth_record_parse(const char *text, size_t len, const char *id);


#endif /* CAPHEALTH_IMAGE_RECORD_H */
