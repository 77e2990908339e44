
/*
 * Text that nothing follows, not even a NUL, so that who reads on is caught
 * by a sanitizer or by Valgrind.
 */

#ifndef BARE_H
#define BARE_H


#include <stdlib.h>
#include <string.h>


static inline char *
bare(const char *text, size_t len)
{
    char  *copy;

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);

    return copy;
}


#endif /* BARE_H */
