
/*
 * Ids of images, and the paths of their files.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "caphealth_output.h"
#include "caphealth_path.h"


int
caphealth_id_create(char id[CAPHEALTH_ID_LEN + 1])
{
    int      i;
    ssize_t  n;
    uint8_t  bytes[CAPHEALTH_ID_BYTES];

    static const char  hex[] = "0123456789abcdef";

    do {
        n = getrandom(bytes, sizeof(bytes), 0);
    } while (n == -1 && errno == EINTR);

    if (n != (ssize_t) sizeof(bytes)) {
        return -1;
    }

    for (i = 0; i < CAPHEALTH_ID_BYTES; i++) {
        id[2 * i] = hex[bytes[i] >> 4];
        id[2 * i + 1] = hex[bytes[i] & 15];
    }

    id[CAPHEALTH_ID_LEN] = '\0';

    return 0;
}


int
caphealth_id_valid(const char *id, size_t len)
{
    size_t  i;

    if (len != CAPHEALTH_ID_LEN) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if ((id[i] < '0' || id[i] > '9') && (id[i] < 'a' || id[i] > 'f')) {
            return 0;
        }
    }

    return 1;
}


int
caphealth_record_name_valid(const char *name, size_t len)
{
    return len == 2 * CAPHEALTH_ID_LEN + sizeof(CAPHEALTH_RECORD_SUFFIX)
           && caphealth_id_valid(name, CAPHEALTH_ID_LEN)
           && name[CAPHEALTH_ID_LEN] == '_'
           && caphealth_id_valid(name + CAPHEALTH_ID_LEN + 1, CAPHEALTH_ID_LEN)
           && memcmp(name + 2 * CAPHEALTH_ID_LEN + 1, CAPHEALTH_RECORD_SUFFIX,
                     sizeof(CAPHEALTH_RECORD_SUFFIX) - 1)
              == 0;
}


int
caphealth_record_path_valid(const char *path, size_t len)
{
    const char  *name;

    if (len <= CAPHEALTH_LEAF_LEN) {
        return 0;
    }

    name = path + CAPHEALTH_LEAF_LEN;

    return caphealth_record_name_valid(name, len - CAPHEALTH_LEAF_LEN)
           && memcmp(path, name, 2) == 0 && path[2] == '/'
           && memcmp(path + 3, name + 2, 2) == 0 && path[5] == '/';
}


int
caphealth_variant_valid(const char *name, size_t len)
{
    size_t  i;

    if (len == 0 || len > CAPHEALTH_VARIANT_LEN) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if ((name[i] < '0' || name[i] > '9')
            && (name[i] < 'a' || name[i] > 'z')
            && name[i] != '-')
        {
            return 0;
        }
    }

    return 1;
}


size_t
caphealth_path(char path[CAPHEALTH_PATH_LEN], const char *id,
    const char *variant, uint32_t format)
{
    int  n;

    n = snprintf(path, CAPHEALTH_PATH_LEN, "%.2s/%.2s/%s_%.*s.%.*s",
                 id, id + 2, id, CAPHEALTH_VARIANT_LEN, variant,
                 CAPHEALTH_OUTPUT_EXTENSION,
                 caphealth_output_row(format)->extension);

    return (size_t) n;
}


int
caphealth_path_valid(const char *path, size_t len)
{
    size_t       extension;
    const char  *id;

    if (len < CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 1) {
        return 0;
    }

    id = path + CAPHEALTH_LEAF_LEN;

    if (!caphealth_id_valid(id, CAPHEALTH_ID_LEN)
        || id[CAPHEALTH_ID_LEN] != '_'
        || memcmp(path, id, 2) != 0 || path[2] != '/'
        || memcmp(path + 3, id + 2, 2) != 0 || path[5] != '/')
    {
        return 0;
    }

    path = id + CAPHEALTH_ID_LEN + 1;
    len -= CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 1;

    extension = caphealth_output_extension(path, len);

    return extension != 0 && caphealth_variant_valid(path, len - extension);
}
