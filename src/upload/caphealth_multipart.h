
/*
 * multipart/form-data, RFC 7578: where in a body its files are.
 *
 * The body is read a window at a time and nothing of it is kept; what a part
 * holds is told by its range.  Whatever RFC 2046 allows is taken: a preamble,
 * an epilogue, blanks behind a boundary, folded headers, parts in parts; and
 * lines that end with LF alone.  A body without its last boundary is refused,
 * for it may have been cut off.
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
 * Finds the files of a body of size bytes: *n becomes how many are in parts,
 * which has room for max.  A file field that nobody filled in (no name, no
 * bytes) is none.
 */
caphealth_multipart_result_e caphealth_multipart_parse(const char *boundary,
    caphealth_multipart_read_pt read, void *ctx, uint64_t size,
    caphealth_part_t *parts, unsigned max, unsigned *n, const char **reason);


#endif /* CAPHEALTH_MULTIPART_H */
