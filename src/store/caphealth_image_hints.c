
/*
 * What a page needs of an image to show it well.
 */

#include <nettle/base64.h>

#include "caphealth_image_hints.h"
#include "caphealth_output.h"


static json_t *caphealth_hints_colour(const caphealth_result_t *result);
static json_t *caphealth_hints_thumbhash(const caphealth_result_t *result);
static json_t *caphealth_hints_srcset(const char *prefix, size_t len,
    const caphealth_image_files_t *files, const caphealth_job_t *job,
    const caphealth_result_t *result, uint32_t format);
static unsigned caphealth_hints_widths(const caphealth_job_t *job,
    const caphealth_result_t *result, uint32_t format,
    unsigned order[CAPHEALTH_VARIANTS_MAX]);


int
caphealth_image_hints(json_t *image, const char *prefix, size_t len,
    const caphealth_image_files_t *files, const caphealth_job_t *job,
    const caphealth_result_t *result)
{
    json_t    *srcset, *urls;
    uint32_t   format;
    unsigned   order[CAPHEALTH_VARIANTS_MAX];

    srcset = json_object();

    for (format = 0; format < CAPHEALTH_OUTPUTS; format++) {

        if (caphealth_hints_widths(job, result, format, order) == 0) {
            continue;
        }

        urls = caphealth_hints_srcset(prefix, len, files, job, result, format);

        if (json_object_set_new(srcset, caphealth_output_row(format)->name,
                                urls)
            == -1)
        {
            json_decref(srcset);
            return -1;
        }
    }

    if (json_object_set_new(image, "srcset", srcset) == -1) {
        return -1;
    }

    if (result->coloured
        && json_object_set_new(image, "colour", caphealth_hints_colour(result))
           == -1)
    {
        return -1;
    }

    if (result->thumbhash_size
        && json_object_set_new(image, "thumbhash",
                               caphealth_hints_thumbhash(result))
           == -1)
    {
        return -1;
    }

    return 0;
}


static json_t *
caphealth_hints_colour(const caphealth_result_t *result)
{
    return json_sprintf("#%02x%02x%02x", result->colour[0], result->colour[1],
                        result->colour[2]);
}


static json_t *
caphealth_hints_thumbhash(const caphealth_result_t *result)
{
    char  text[BASE64_ENCODE_RAW_LENGTH(CAPHEALTH_THUMBHASH_MAX)];

    nettle_base64_encode_raw(text, result->thumbhash_size, result->thumbhash);

    return json_stringn(text, BASE64_ENCODE_RAW_LENGTH((size_t)
                                                     result->thumbhash_size));
}


static json_t *
caphealth_hints_srcset(const char *prefix, size_t len,
    const caphealth_image_files_t *files, const caphealth_job_t *job,
    const caphealth_result_t *result, uint32_t format)
{
    char       path[CAPHEALTH_PATH_LEN];
    json_t    *urls, *before;
    unsigned   i, n, order[CAPHEALTH_VARIANTS_MAX];

    n = caphealth_hints_widths(job, result, format, order);
    urls = json_string("");

    for (i = 0; urls && i < n; i++) {
        (void) caphealth_path(path, files->id, files->variants[order[i]].name,
                              format);
        before = urls;
        urls = json_sprintf("%s%s%.*s%s %uw", json_string_value(before),
                            i ? ", " : "", (int) len, prefix, path,
                            (unsigned) result->outputs[order[i]].width);
        json_decref(before);
    }

    return urls;
}


/* the variants of a srcset, the widest first; returns how many */

static unsigned
caphealth_hints_widths(const caphealth_job_t *job,
    const caphealth_result_t *result, uint32_t format,
    unsigned order[CAPHEALTH_VARIANTS_MAX])
{
    int                        still;
    unsigned                   i, k, n, kept;
    const caphealth_output_t  *outputs;

    outputs = result->outputs;
    n = 0;

    for (k = 0; k < result->nvariants; k++) {

        if (outputs[k].format != format
            || job->variants[k].fit != CAPHEALTH_FIT_INSIDE)
        {
            continue;
        }

        for (i = n; i && outputs[order[i - 1]].width < outputs[k].width; i--) {
            order[i] = order[i - 1];
        }

        order[i] = k;
        n++;
    }

    for (i = 1, kept = n ? 1 : 0; i < n; i++) {
        still = outputs[order[i]].frames == 1;

        if (outputs[order[i]].width != outputs[order[kept - 1]].width
            && still == (outputs[order[0]].frames == 1))
        {
            order[kept++] = order[i];
        }
    }

    return kept;
}
