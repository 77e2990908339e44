
/*
 * Files that are read whole.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "caphealth_file.h"


/* a file in /proc has no size to ask for */

static char *
caphealth_file_slurp(int fd, size_t *len)
{
    char     *text, *larger;
    size_t    size;
    ssize_t   n;

    text = NULL;
    size = 0;
    *len = 0;

    for ( ;; ) {

        /* room for more, and for the NUL */

        if (*len + 1 >= size) {
            size = (size == 0) ? 4096 : size * 2;

            larger = realloc(text, size);
            if (larger == NULL) {
                break;
            }

            text = larger;
        }

        n = read(fd, text + *len, size - *len - 1);

        if (n == 0) {
            text[*len] = '\0';
            return text;
        }

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            break;
        }

        *len += (size_t) n;

        if (*len > CAPHEALTH_FILE_MAX) {
            errno = EFBIG;
            break;
        }
    }

    free(text);

    return NULL;
}


char *
caphealth_file_read(const char *root, const char *path, size_t *len)
{
    int    n, fd, err;
    char  *text, name[PATH_MAX];

    n = snprintf(name, sizeof(name), "%s%s", root, path);

    if (n < 0 || (size_t) n >= sizeof(name)) {
        errno = ENAMETOOLONG;
        return NULL;
    }

    fd = open(name, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return NULL;
    }

    text = caphealth_file_slurp(fd, len);

    err = errno;
    (void) close(fd);
    errno = err;

    return text;
}
