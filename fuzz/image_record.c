
/*
 * Under test: src/store/caphealth_image_record.c (parse|hex_valid)
 *
 * The text of an image's record.
 */

#include "fuzz.h"

#include "caphealth_image_record.h"


#define ID  "00112233445566778899aabbccddeeff"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t      *json;
    const char  *mark;

    json = caphealth_record_parse((const char *) data, size, ID);

    if (json == NULL) {
        return 0;
    }

    /* a file of this image, in the same directory */

    mark = json_string_value(json_object_get(json, "mark"));

    fuzz_check(mark != NULL && strncmp(mark, ID "_", sizeof(ID)) == 0);
    fuzz_check(strchr(mark, '/') == NULL && strlen(mark) < CAPHEALTH_PATH_LEN);
    fuzz_check(json_string_value(json_object_get(json, "url")) != NULL);
    fuzz_check(json_string_length(json_object_get(json, "request")) == 64);
    fuzz_check(json_is_object(json_object_get(json_object_get(json, "image"),
                                              "variants")));

    json_decref(json);

    return 0;
}
