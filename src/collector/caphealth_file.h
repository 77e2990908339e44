
/*
 * Small files of the kernel's, read whole.
 */

#ifndef CAPHEALTH_FILE_H
#define CAPHEALTH_FILE_H


#include <stddef.h>


/* no file in /proc or /sys that we read is longer */
#define CAPHEALTH_FILE_MAX  (1024 * 1024)


/*
 * Reads root followed by path.  Returns the text, which the caller free()s,
 * with a NUL after its *len bytes; or NULL with errno set.
 */
char *caphealth_file_read(const char *root, const char *path, size_t *len);


#endif /* CAPHEALTH_FILE_H */
