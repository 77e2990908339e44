
/*
 * Ids of images, and the paths of their files:
 * <root>/ab/cd/<id>_<variant>.<extension>, where ab and cd are the first four
 * digits of the id.
 */

#ifndef CAPHEALTH_PATH_H
#define CAPHEALTH_PATH_H


#include <stddef.h>
#include <stdint.h>


/* an id is the hexadecimal digits of so many random bytes */
#define CAPHEALTH_ID_BYTES     16
#define CAPHEALTH_ID_LEN       (2 * CAPHEALTH_ID_BYTES)

#define CAPHEALTH_VARIANT_LEN  32

/* "ab/cd/" */
#define CAPHEALTH_LEAF_LEN     6

/* "ab/cd/<id>_<variant>.webp" and its zero; no extension is longer */
#define CAPHEALTH_PATH_LEN                                                    \
    (CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 1 + CAPHEALTH_VARIANT_LEN + 6)


/* the answer to the client about an image: "<id>_<32 digits>.answer" */
#define CAPHEALTH_RECORD_SUFFIX  ".answer"

/* its path, "ab/cd/" and the name, with its zero; longer than that of a file */
#define CAPHEALTH_RECORD_PATH_LEN                                             \
    (CAPHEALTH_LEAF_LEN + 2 * CAPHEALTH_ID_LEN + 9)

/* the most bytes of it */
#define CAPHEALTH_RECORD_MAX     262144


/* Writes a new id, zero-terminated.  Returns 0, or -1 with errno set. */
int caphealth_id_create(char id[CAPHEALTH_ID_LEN + 1]);

/* Whether these bytes are an id: 32 lowercase hexadecimal digits. */
int caphealth_id_valid(const char *id, size_t len);

/* Whether this is the name of a record, caphealth_image_record.h. */
int caphealth_record_name_valid(const char *name, size_t len);

/* The same of its path, "ab/cd/" and the name. */
int caphealth_record_path_valid(const char *path, size_t len);

/*
 * Whether these bytes may name a variant: 1 to CAPHEALTH_VARIANT_LEN of
 * a-z, 0-9 and "-".
 */
int caphealth_variant_valid(const char *name, size_t len);

/*
 * Writes the path of a variant whose file is of that caphealth_output_format_e,
 * relative to the root and zero-terminated, and returns its length.  The file's
 * name alone is at CAPHEALTH_LEAF_LEN.
 */
size_t caphealth_path(char path[CAPHEALTH_PATH_LEN], const char *id,
    const char *variant, uint32_t format);

/* Whether these bytes are the path of a variant, as the above writes it. */
int caphealth_path_valid(const char *path, size_t len);


#endif /* CAPHEALTH_PATH_H */
