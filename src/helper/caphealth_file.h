
/*
 * Files that are read whole: those of the kernel, certificates, credentials.
 */

#ifndef CAPHEALTH_FILE_H
#define CAPHEALTH_FILE_H


#include <stddef.h>


/*
 * The longest file that is read.  The mountinfo of a host of many containers
 * is a few megabytes.
 */
#define CAPHEALTH_FILE_MAX  (16 * 1024 * 1024)


/*
 * Reads root followed by path.  Returns the text, which the caller free()s,
 * with a NUL after its *len bytes; or NULL with errno set (EFBIG: too long).
 */
char *caphealth_file_read(const char *root, const char *path, size_t *len);


#endif /* CAPHEALTH_FILE_H */
