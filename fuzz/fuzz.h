
/*
 * What the fuzz targets share: a check, and choices out of the input.
 */

#ifndef FUZZ_H
#define FUZZ_H


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* what must hold for every input; the target ends if it does not */

#define fuzz_check(what)                                                      \
    do {                                                                      \
        if (!(what)) {                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__,        \
                    #what);                                                   \
            abort();                                                          \
        }                                                                     \
    } while (0)


typedef struct {
    const uint8_t  *data;
    size_t          size;
} fuzz_bytes_t;


/* what is written piece by piece; data is to be freed */

typedef struct {
    uint8_t        *data;
    size_t          size;
} fuzz_file_t;


static inline void
fuzz_append(fuzz_file_t *file, const uint8_t *data, size_t size)
{
    file->data = realloc(file->data, file->size + size);
    fuzz_check(file->data != NULL);

    memcpy(file->data + file->size, data, size);
    file->size += size;
}


/* libFuzzer's; the last two are optional */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
    unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);


/* the next n bytes, up to 8, as a number; 0 where there are none left */

static inline uint64_t
fuzz_number(fuzz_bytes_t *b, unsigned n)
{
    uint64_t  value;

    for (value = 0; n && b->size; n--) {
        value = value << 8 | *b->data++;
        b->size--;
    }

    return value;
}


/* the bytes up to the next separator, which is taken too, or all */

static inline fuzz_bytes_t
fuzz_piece(fuzz_bytes_t *b, uint8_t separator)
{
    fuzz_bytes_t    piece;
    const uint8_t  *end;

    end = b->size ? memchr(b->data, separator, b->size) : NULL;

    piece.data = b->data;
    piece.size = end ? (size_t) (end - b->data) : b->size;

    b->data += piece.size + (end ? 1 : 0);
    b->size -= piece.size + (end ? 1 : 0);

    return piece;
}


/* a copy with no byte to spare, which free() gives back */

static inline char *
fuzz_copy(const void *data, size_t size)
{
    char  *copy;

    copy = malloc(size ? size : 1);
    fuzz_check(copy != NULL);

    if (size) {
        memcpy(copy, data, size);
    }

    return copy;
}


/* the same as a string: up to the first NUL */

static inline char *
fuzz_string(fuzz_bytes_t b)
{
    char    *s;
    size_t   len;

    len = b.size ? strnlen((const char *) b.data, b.size) : 0;

    s = malloc(len + 1);
    fuzz_check(s != NULL);

    if (len) {
        memcpy(s, b.data, len);
    }

    s[len] = '\0';

    return s;
}


#endif /* FUZZ_H */
