
/*
 * A converter that does not answer within its time limit.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "caphealth_child.h"


/* a JPEG of noise; the file has no name */

static int
photo(unsigned side, uint64_t *length)
{
    int                           fd;
    FILE                         *file;
    uint32_t                      seed;
    unsigned                      i;
    JSAMPLE                      *row;
    struct jpeg_error_mgr         errors;
    struct jpeg_compress_struct   jpeg;

    file = tmpfile();
    row = malloc(side * 3);
    assert_true(file && row);

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);

    jpeg.image_width = side;
    jpeg.image_height = side;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;

    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);

    seed = 7;

    while (jpeg.next_scanline < jpeg.image_height) {
        for (i = 0; i < side * 3; i++) {
            seed = seed * 1664525 + 1013904223;
            row[i] = (JSAMPLE) (seed >> 24);
        }

        (void) jpeg_write_scanlines(&jpeg, &row, 1);
    }

    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);

    assert_int_equal(fflush(file), 0);
    *length = (uint64_t) ftell(file);

    fd = dup(fileno(file));
    (void) fclose(file);
    assert_true(fd != -1);

    return fd;
}


/* NULL, or why it was not converted */

static const char *
convert(caphealth_child_t *child, unsigned side)
{
    int                      fd;
    const char              *reason;
    caphealth_job_t          job;
    caphealth_result_t       result;
    caphealth_image_files_t  files;

    memset(&job, 0, sizeof(caphealth_job_t));

    fd = photo(side, &job.length);
    job.max_pixels = CAPHEALTH_PIXELS_MAX;
    job.nvariants = 1;
    job.variants[0].quality = 100;
    job.variants[0].method = 6;

    caphealth_image_init(&files);
    caphealth_image_add(&files, "original");
    assert_int_equal(caphealth_image_open_spool(&files, "/tmp"), 0);

    reason = caphealth_child_convert(child, fd, &job, &files, &result);

    if (reason == NULL) {
        assert_int_equal(result.status, CAPHEALTH_JOB_OK);
        assert_int_equal(result.outputs[0].width, side);
    }

    caphealth_image_close(&files);
    (void) close(fd);

    return reason;
}


/* timeout and cpu in seconds: of waiting, and of its CPU time */

static caphealth_child_t
new_child(unsigned timeout, unsigned cpu)
{
    caphealth_child_t  child;

    memset(&child, 0, sizeof(caphealth_child_t));

    child.timeout = timeout;
    child.limits.memory = (uint64_t) 2 * 1024 * 1024 * 1024;
    child.limits.file_size = 1024 * 1024 * 1024;
    child.limits.cpu = cpu;

    return child;
}


/*
 * A process that can run when the time is over is waited for, because on a busy
 * machine it may not have had a core.
 */

static void
test_runs(void **state)
{
    caphealth_child_t  child;

    (void) state;

    child = new_child(1, 600);

    assert_null(convert(&child, 3000));

    caphealth_child_stop(&child);
}


static void
test_cpu(void **state)
{
    caphealth_child_t  child;

    (void) state;

    child = new_child(1, 1);

    assert_string_equal(convert(&child, 5000),
                        "it took longer than the time limit");
    assert_int_equal(child.pid, 0);
}


static void
test_sleeps(void **state)
{
    caphealth_child_t  child;

    (void) state;

    child = new_child(60, 60);

    assert_null(convert(&child, 16));
    assert_int_equal(kill(child.pid, SIGSTOP), 0);

    child.timeout = 1;

    assert_string_equal(convert(&child, 16),
                        "it took longer than the time limit");
    assert_int_equal(child.pid, 0);

    child.timeout = 60;

    assert_null(convert(&child, 16));

    caphealth_child_stop(&child);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_sleeps)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
