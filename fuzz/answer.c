
/*
 * Under test: src/ipc/caphealth_job.c
 *
 * What a converter that a stranger has taken over may answer: a job, and a
 * result.  And the focus of an upload, which is all of the input.
 */

#include "fuzz.h"

#include "caphealth_job.h"


static void
focus(const uint8_t *data, size_t size)
{
    char             *text, again[64];
    caphealth_job_t   job, same;

    memset(&job, 0, sizeof(job));

    /* with nothing behind it, so that a read past the end is seen */

    text = malloc(size + (size == 0));
    fuzz_check(text != NULL);
    memcpy(text, data, size);

    if (caphealth_job_focus(&job, text, size) == -1) {
        fuzz_check(job.focus_x == 0 && job.focus_y == 0);
        free(text);
        return;
    }

    free(text);

    fuzz_check(job.focus_x >= -CAPHEALTH_FOCUS_EDGE
               && job.focus_x <= CAPHEALTH_FOCUS_EDGE
               && job.focus_y >= -CAPHEALTH_FOCUS_EDGE
               && job.focus_y <= CAPHEALTH_FOCUS_EDGE);

    /* what was parsed is parsed to the same again once it is written */

    same = job;
    (void) snprintf(again, sizeof(again), "%.9f,%.9f",
                    (job.focus_x + CAPHEALTH_FOCUS_EDGE)
                    / (2.0 * CAPHEALTH_FOCUS_EDGE),
                    (job.focus_y + CAPHEALTH_FOCUS_EDGE)
                    / (2.0 * CAPHEALTH_FOCUS_EDGE));

    fuzz_check(caphealth_job_focus(&same, again, strlen(again)) == 0);
    fuzz_check(same.focus_x == job.focus_x && same.focus_y == job.focus_y);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned             i;
    const char          *p;
    fuzz_bytes_t         b = { data, size };
    caphealth_job_t      job;
    caphealth_result_t   result;

    focus(data, size);

    memset(&job, 0, sizeof(job));
    memset(&result, 0, sizeof(result));

    job.max_pixels = fuzz_number(&b, 4);
    job.nvariants = (uint32_t) fuzz_number(&b, 1) % CAPHEALTH_VARIANTS_MAX + 1;

    for (i = 0; i < job.nvariants; i++) {
        job.variants[i].max = (uint32_t) fuzz_number(&b, 2)
                              % (CAPHEALTH_SIDE_MAX + 1);
    }

    fuzz_check(caphealth_job_valid(&job));

    size = b.size < sizeof(result) ? b.size : sizeof(result);

    if (size) {
        memcpy(&result, b.data, size);
    }

    if (!caphealth_job_answered(&job, &result)) {
        return 0;
    }

    fuzz_check(result.status < CAPHEALTH_JOB_STATUSES);
    fuzz_check(caphealth_job_reason(result.status) != NULL);

    for (p = result.detail; *p; p++) {
        fuzz_check(*p >= 0x20 && *p <= 0x7e);
        fuzz_check(p < result.detail + sizeof(result.detail) - 1);
    }

    if (result.status != CAPHEALTH_JOB_OK) {
        return 0;
    }

    fuzz_check(result.nvariants == job.nvariants);
    fuzz_check(result.thumbhash_size == 0
               || (result.thumbhash_size >= 17
                   && result.thumbhash_size <= CAPHEALTH_THUMBHASH_MAX));
    fuzz_check(result.width > 0 && result.height > 0);
    fuzz_check((uint64_t) result.width * result.height <= job.max_pixels);

    for (i = 0; i < result.nvariants; i++) {
        fuzz_check(result.outputs[i].width <= result.width
                   && result.outputs[i].height <= result.height);
        fuzz_check(result.outputs[i].width <= CAPHEALTH_SIDE_MAX);
        fuzz_check(result.outputs[i].height <= CAPHEALTH_SIDE_MAX);
        fuzz_check(result.outputs[i].bytes
                   <= caphealth_job_file_size(
                          (uint64_t) result.outputs[i].width
                          * result.outputs[i].height
                          * result.outputs[i].frames));
        fuzz_check(result.outputs[i].bytes
                   <= caphealth_job_variant_size(&job.variants[i],
                                                 job.max_pixels));
    }

    return 0;
}
