
/*
 * The formats of the files that are made of images.
 */

#include <string.h>

#include "caphealth_output.h"


#define caphealth_output_define(id, name, label, extension, quality, magic)   \
    [CAPHEALTH_OUTPUT_##id] = { name, label, extension, quality, magic },

static const caphealth_output_row_t  caphealth_outputs[CAPHEALTH_OUTPUTS] = {
    CAPHEALTH_OUTPUT_FORMATS(caphealth_output_define)
};


const caphealth_output_row_t *
caphealth_output_row(uint32_t format)
{
    return &caphealth_outputs[format < CAPHEALTH_OUTPUTS
                              ? format : CAPHEALTH_OUTPUT_WEBP];
}


uint32_t
caphealth_output_by_name(const char *name)
{
    uint32_t  i;

    for (i = 0; i < CAPHEALTH_OUTPUTS; i++) {
        if (strcmp(caphealth_outputs[i].name, name) == 0) {
            break;
        }
    }

    return i;
}


size_t
caphealth_output_extension(const char *name, size_t len)
{
    size_t    n;
    uint32_t  i;

    for (i = 0; i < CAPHEALTH_OUTPUTS; i++) {
        n = strlen(caphealth_outputs[i].extension);

        if (len > n && name[len - n - 1] == '.'
            && memcmp(name + len - n, caphealth_outputs[i].extension, n) == 0)
        {
            return n + 1;
        }
    }

    return 0;
}


int
caphealth_output_is(uint32_t format, uint64_t bytes,
    const uint8_t head[CAPHEALTH_OUTPUT_HEAD],
    const uint8_t tail[CAPHEALTH_OUTPUT_TAIL])
{
    size_t       i;
    uint32_t     riff;
    const char  *magic;

    if (format >= CAPHEALTH_OUTPUTS) {
        return 0;
    }

    magic = caphealth_outputs[format].magic;

    for (i = 0; magic[i]; i++) {
        if (magic[i] != '?' && head[i] != (uint8_t) magic[i]) {
            return 0;
        }
    }

    switch (format) {

    /* the size of what follows it */

    case CAPHEALTH_OUTPUT_WEBP:
        riff = head[4] | head[5] << 8 | head[6] << 16
               | (uint32_t) head[7] << 24;

        return (uint64_t) riff + 8 == bytes;

    /* EOI */

    case CAPHEALTH_OUTPUT_JPEG:
        return tail[0] == 0xff && tail[1] == 0xd9;

    default:
        return 1;
    }
}
