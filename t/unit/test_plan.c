
/*
 * Of which picture each variant is made, the memory that takes, and what is
 * refused for its size.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "caphealth_encode.h"
#include "caphealth_plan.h"


#define MB  (UINT64_C(1024) * 1024)


static caphealth_job_t
job_of(unsigned n)
{
    caphealth_job_t  job;

    memset(&job, 0, sizeof(job));

    job.max_pixels = CAPHEALTH_PIXELS_MAX;
    job.nvariants = n;

    for (n = 0; n < job.nvariants; n++) {
        job.variants[n].quality = 85;
        job.variants[n].method = 2;
    }

    return job;
}


static void
steps(void **state)
{
    caphealth_job_t      job;
    caphealth_plan_t     plan;
    caphealth_step_t     step;
    caphealth_picture_t  p;

    (void) state;

    job = job_of(4);
    job.variants[0].max = 200;
    job.variants[2].max = 800;
    job.variants[3].width = 900;
    job.variants[3].height = 900;
    job.variants[3].fit = CAPHEALTH_FIT_CONTAIN;

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_YCC, 0, 1, 1, 1000, 1000);
    caphealth_plan(&job, &p, 1000, 1000, 0, &plan);

    assert_int_equal(plan.order[0], 1);
    assert_int_equal(plan.order[1], 3);
    assert_int_equal(plan.order[2], 2);
    assert_int_equal(plan.order[3], 0);
    assert_int_equal(caphealth_plan_previewed(&job, &plan, &p), 0);

    /* the largest becomes the picture of the others */

    step = caphealth_plan_step(&job, &plan, &p, 1);
    assert_int_equal(step.how, CAPHEALTH_STEP_SCALED);
    assert_int_equal(step.kind, CAPHEALTH_PICTURE_YUV);
    assert_true(step.replaces);

    p.kind = CAPHEALTH_PICTURE_YUV;
    step = caphealth_plan_step(&job, &plan, &p, 1);
    assert_int_equal(step.how, CAPHEALTH_STEP_SAME);

    /* but not of a graphic, of what has alpha, and of JPEG of 4:4:4 */

    caphealth_plan(&job, &p, 1000, 1000, 1, &plan);
    step = caphealth_plan_step(&job, &plan, &p, 2);
    assert_int_equal(step.kind, CAPHEALTH_PICTURE_RGB);
    assert_false(step.replaces);

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_RGB, 1, 0, 0, 1000, 1000);
    caphealth_plan(&job, &p, 1000, 1000, 0, &plan);
    step = caphealth_plan_step(&job, &plan, &p, 2);
    assert_int_equal(step.kind, CAPHEALTH_PICTURE_RGB);
    assert_false(step.replaces);

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_YUV, 0, 1, 1, 1000, 1000);
    job.variants[0].format = CAPHEALTH_OUTPUT_JPEG;
    job.variants[0].quality = 95;
    caphealth_plan(&job, &p, 1000, 1000, 0, &plan);
    step = caphealth_plan_step(&job, &plan, &p, 0);
    assert_int_equal(step.kind, CAPHEALTH_PICTURE_RGB);
    step = caphealth_plan_step(&job, &plan, &p, 2);
    assert_int_equal(step.kind, CAPHEALTH_PICTURE_YUV);
    assert_false(step.replaces);

    /* what is beside the image in its shape is a background */

    caphealth_plan(&job, &p, 1000, 500, 0, &plan);
    step = caphealth_plan_step(&job, &plan, &p, 3);
    assert_int_equal(step.how, CAPHEALTH_STEP_LAID);
}


static void
memory(void **state)
{
    uint64_t             yuv, rgb, alpha, tokens;
    caphealth_job_t      job;
    caphealth_picture_t  p;

    (void) state;

    job = job_of(1);

    /* a picture and its copy, of 1.5 bytes for a pixel each */

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_YCC, 0, 1, 1, 8192, 8192);
    assert_int_equal(caphealth_memory_picture(&p), 96 * MB);

    yuv = caphealth_memory_variants(&job, &p, 8192, 8192, 0);
    assert_in_range(yuv, 192 * MB, 200 * MB);

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_RGB, 0, 0, 0, 8192, 8192);
    rgb = caphealth_memory_variants(&job, &p, 8192, 8192, 0);
    assert_in_range(rgb, (192 + 96) * MB, (192 + 96 + 8) * MB);

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_RGB, 1, 0, 0, 8192, 8192);
    alpha = caphealth_memory_variants(&job, &p, 8192, 8192, 0);
    assert_true(alpha > 2 * rgb);

    /* coefficients of a JPEG, 2 bytes for a sample, beside its picture */

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_YUV, 0, 1, 1, 8192, 8192);
    job.variants[0].format = CAPHEALTH_OUTPUT_JPEG;
    assert_int_equal(caphealth_memory_variants(&job, &p, 8192, 8192, 0),
                     (96 + 192) * MB);
    job.variants[0].format = CAPHEALTH_OUTPUT_WEBP;

    /* tokens are counted where nothing is made without them */

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_YUV, 0, 1, 1, 4096, 4096);
    yuv = caphealth_memory_variants(&job, &p, 4096, 4096, 0);
    job.variants[0].method = CAPHEALTH_ENCODE_TOKENS;
    tokens = caphealth_memory_variants(&job, &p, 4096, 4096, 0);
    assert_true(tokens >= yuv + 48 * MB);

    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_YUV, 0, 1, 1, 4097, 4097);
    assert_true(caphealth_memory_variants(&job, &p, 4097, 4097, 0)
                < tokens - 40 * MB);

    /* rows that are kept to scale are more, the smaller the variant is */

    assert_true(caphealth_memory_scale(&p, CAPHEALTH_PICTURE_YUV, 10)
                > 5 * caphealth_memory_scale(&p, CAPHEALTH_PICTURE_YUV, 1000));
}


static void
limit(void **state)
{
    caphealth_job_t      job;
    caphealth_result_t   result;
    caphealth_picture_t  p;

    (void) state;

    memset(&result, 0, sizeof(result));
    job = job_of(1);

    /* none is known */

    assert_int_equal(caphealth_memory_check(&job, 0, UINT64_C(1) << 50,
                                            &result), CAPHEALTH_JOB_OK);

    job.memory = 512 * MB;
    job.program = 60 * MB;

    assert_int_equal(caphealth_memory_check(&job, 10 * MB, 300 * MB, &result),
                     CAPHEALTH_JOB_OK);
    assert_int_equal(caphealth_memory_check(&job, 200 * MB, 300 * MB,
                                            &result),
                     CAPHEALTH_JOB_NO_MEMORY);
    assert_int_equal(result.status, CAPHEALTH_JOB_NO_MEMORY);

    /* and with what the refusal names, it is not refused */

    job.memory = strtoull(result.detail + strlen("it takes "), NULL, 10);
    assert_int_equal(job.memory % MB, 0);
    assert_int_equal(caphealth_memory_check(&job, 200 * MB, 300 * MB,
                                            &result), CAPHEALTH_JOB_OK);

    job.memory = 50 * MB;
    assert_int_equal(caphealth_memory_check(&job, 0, 1, &result),
                     CAPHEALTH_JOB_NO_MEMORY);

    /* a quarter turn has a plane twice; what decodes is gone by then */

    job.memory = 512 * MB;
    job.variants[0].max = 100;
    caphealth_picture_layout(&p, CAPHEALTH_PICTURE_YCC, 0, 1, 1, 14336,
                             14336);

    assert_int_equal(caphealth_memory_decode(&job, 0, &p, 0, 0, &result),
                     CAPHEALTH_JOB_OK);
    assert_int_equal(caphealth_memory_decode(&job, 0, &p, 0, 1, &result),
                     CAPHEALTH_JOB_NO_MEMORY);
    assert_int_equal(caphealth_memory_decode(&job, 0, &p, 200 * MB, 0,
                                             &result),
                     CAPHEALTH_JOB_NO_MEMORY);
}


static void
size(void **state)
{
    caphealth_job_t     job;
    caphealth_result_t  result;

    (void) state;

    job = job_of(1);

    assert_int_equal(caphealth_check_size(&job, 1, &result, 7000, 7000),
                     CAPHEALTH_JOB_OK);
    assert_int_equal(caphealth_check_size(&job, 97656, &result, 10000, 10000),
                     CAPHEALTH_JOB_OK);
    assert_int_equal(caphealth_check_size(&job, 97655, &result, 10000, 10000),
                     CAPHEALTH_JOB_INVALID);
    assert_string_equal(result.detail, "it has 10000 x 10000 pixels in 97655 "
                                       "bytes, which no photo has");
    assert_int_equal(caphealth_check_size(&job, 9, &result, 0, 5),
                     CAPHEALTH_JOB_INVALID);
    assert_int_equal(caphealth_check_size(&job, 1 << 30, &result, 32768,
                                          32769), CAPHEALTH_JOB_TOO_LARGE);
    assert_int_equal(caphealth_check_size(&job, 1 << 30, &result, 32768,
                                          32768), CAPHEALTH_JOB_OK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(steps),
        cmocka_unit_test(memory),
        cmocka_unit_test(limit),
        cmocka_unit_test(size)
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
