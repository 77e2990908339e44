
/*
 * multipart/form-data, RFC 7578: where in a body its files are, and the text
 * fields that the caller knows.
 *
 * The body is read a window at a time and nothing of it is kept; the content of
 * a part is returned as a range of the body.  Everything that RFC 2046 allows
 * is accepted: a preamble, an epilogue, blanks behind a boundary, folded
 * headers, parts in parts; and lines that end with LF only.  A body without its
 * last boundary is refused, because it may have been cut off.
 */

#ifndef CAPHEALTH_MULTIPART_H
#define CAPHEALTH_MULTIPART_H


#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>


/* RFC 2046, 5.1.1 */
#define CAPHEALTH_BOUNDARY_MAX   70

/* the header lines of one part, bytes */
#define CAPHEALTH_PART_HEADER    8192

/* parts of a body, files and other fields */
#define CAPHEALTH_PARTS_MAX      100

#define CAPHEALTH_FILENAME_MAX   128


typedef enum {
    CAPHEALTH_MULTIPART_OK = 0,
    CAPHEALTH_MULTIPART_NONE,       /* the type is another one */
    CAPHEALTH_MULTIPART_INVALID,
    CAPHEALTH_MULTIPART_TOO_MANY,   /* files */
    CAPHEALTH_MULTIPART_ERROR       /* errno says why */
} caphealth_multipart_result_e;


/* a part that is a file */

typedef struct {
    uint64_t   offset;                              /* in the body */
    uint64_t   length;
    char       filename[CAPHEALTH_FILENAME_MAX];    /* zero-terminated, what
                                                       the client calls it, no
                                                       control characters; not
                                                       a path to be used */
} caphealth_part_t;


/*
 * A text field that the caller wants, by its name: at most CAPHEALTH_FIELD_LEN
 * bytes, compared as they are.  A part of this name that is a file is none of
 * its values.
 */

typedef struct {
    const char  *name;                              /* the caller's */
    unsigned     n;                                 /* of values, in the order
                                                       of the body */
    struct {
        uint64_t  offset;                           /* in the body */
        uint64_t  length;
    } values[CAPHEALTH_PARTS_MAX];
} caphealth_field_t;


/* what is wanted of a body, and what was found in it */

typedef struct {
    caphealth_part_t   *parts;       /* the caller's: for the files */
    unsigned            max;         /* of them */
    caphealth_field_t  *fields;      /* the caller's, with their names */
    unsigned            nfields;

    unsigned            n;           /* files found */
    const char         *reason;      /* on _INVALID: a sentence */
} caphealth_form_t;


/* As pread(): how many bytes were read from offset into buf, or -1. */
typedef ssize_t (*caphealth_multipart_read_pt)(void *ctx, void *buf,
    size_t size, uint64_t offset);


/*
 * Reads a Content-Type.  boundary has room for CAPHEALTH_BOUNDARY_MAX + 1
 * bytes, and is zero-terminated on success.  On _INVALID *reason says what is
 * wrong, as a sentence.
 */
caphealth_multipart_result_e caphealth_multipart_boundary(const char *type,
    size_t len, char *boundary, const char **reason);

/*
 * Finds the files and the wanted fields of a body of size bytes.  A file field
 * that was left empty (no name, no bytes) is no file.
 */
caphealth_multipart_result_e caphealth_multipart_parse(const char *boundary,
    caphealth_multipart_read_pt read, void *ctx, uint64_t size,
    caphealth_form_t *form);

/*
 * Which value of a field is that of file i of n: a field that is sent once is
 * of all files, one that is sent as often as there are files has a value for
 * each, in their order.  -1: none was sent.  -2: it was sent another number of
 * times.
 */
int caphealth_field_index(const caphealth_field_t *field, unsigned i,
    unsigned n);

/*
 * Reads value i of a field into text, zero-terminated, which has room for size
 * bytes.  Returns 0, or -1 with errno set: EMSGSIZE if it has more than
 * size - 1 bytes, EILSEQ if it is not UTF-8 or has a NUL.
 */
int caphealth_field_read(const caphealth_field_t *field, unsigned i,
    caphealth_multipart_read_pt read, void *ctx, char *text, size_t size);


#endif /* CAPHEALTH_MULTIPART_H */
