
/*
 * The converter's whole pipeline: a file in, WebP variants out, with limits
 * as in production but for their size.
 */

#ifndef FUZZ_IMAGES_H
#define FUZZ_IMAGES_H


#include "fuzz.h"

#include <sanitizer/allocator_interface.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "caphealth_convert.h"
#include "caphealth_format.h"


#define IMAGES_PIXELS    (96 * 1024)
#define IMAGES_VARIANTS  4

/* without a variant that needs all pixels, JPEG is scaled while it is read */
#define IMAGES_LARGEST   40


/* what a larger one has from calloc() is not cleared after it was filled */
#define IMAGES_FILL      (64 * 1024)


static int  images_filling;


static const caphealth_job_t  images_job = {
    .max_pixels = IMAGES_PIXELS,
    .nvariants = IMAGES_VARIANTS,
    .variants = {
        { .quality = 85, .method = 2 },
        { .max = 24, .quality = 85, .method = 4 },
        { .max = 80, .quality = 85, .method = 4 },
        { .width = 20, .height = 12, .quality = 85, .method = 4 }
    }
};


/* the size of the input chooses what is made of it */

static caphealth_job_t
images_choose(size_t size)
{
    caphealth_job_t  job = images_job;

    if (size % 3 == 1) {
        job.variants[0].max = IMAGES_LARGEST;
        job.variants[2].max = IMAGES_LARGEST / 2;
    }

    job.variants[3].fit = (uint8_t) (size % CAPHEALTH_FITS);
    job.focus_x = (size % 5 == 1) ? CAPHEALTH_FOCUS_EDGE : 0;
    job.focus_y = (size % 5 == 2) ? -CAPHEALTH_FOCUS_EDGE : 0;

    return job;
}


/* memory that nobody has written to yet is never the same twice */

static void
images_malloced(const volatile void *p, size_t size)
{
    if (size <= IMAGES_FILL) {
        memset((void *) p, images_filling, size);
    }
}


static void
images_freed(const volatile void *p)
{
    (void) p;
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    fuzz_check(__sanitizer_install_malloc_and_free_hooks(images_malloced,
                                                         images_freed));

    return 0;
}


static int
images_write(void *ctx, unsigned variant, const uint8_t *data, size_t size)
{
    fuzz_check(variant < IMAGES_VARIANTS && size > 0);

    fuzz_append((fuzz_file_t *) ctx + variant, data, size);

    return 0;
}


static void
images_free(fuzz_file_t files[IMAGES_VARIANTS])
{
    unsigned  i;

    for (i = 0; i < IMAGES_VARIANTS; i++) {
        free(files[i].data);
    }
}


/* of the announced size, whole, and with nothing in it but the picture */

static void
images_check(const fuzz_file_t *file, const caphealth_output_t *output)
{
    int           width, height;
    uint8_t      *pixels;
    uint32_t      flags;
    WebPData      data = { file->data, file->size };
    WebPDemuxer  *demux;

    fuzz_check(file->size == output->bytes);

    demux = WebPDemux(&data);
    fuzz_check(demux != NULL);

    flags = WebPDemuxGetI(demux, WEBP_FF_FORMAT_FLAGS);
    fuzz_check((flags & ~(uint32_t) ALPHA_FLAG) == 0);
    WebPDemuxDelete(demux);

    pixels = WebPDecodeRGBA(file->data, file->size, &width, &height);
    fuzz_check(pixels != NULL);
    fuzz_check(width == (int) output->width
               && height == (int) output->height);
    WebPFree(pixels);
}


/* of the longer side as wanted, of the shape of the image, never enlarged */

static void
images_check_size(const caphealth_job_t *job, const caphealth_result_t *r,
    unsigned variant)
{
    uint32_t                    max, side;
    const caphealth_output_t   *o = &r->outputs[variant];
    const caphealth_variant_t  *v = &job->variants[variant];

    if (v->width) {
        fuzz_check(o->width <= v->width && o->height <= v->height);
        return;
    }

    max = v->max;
    max = max ? max : CAPHEALTH_SIDE_MAX;

    side = r->width > r->height ? r->width : r->height;
    side = side < max ? side : max;

    fuzz_check((o->width > o->height ? o->width : o->height) == side);
    fuzz_check(o->width <= r->width && o->height <= r->height);
    fuzz_check((r->width >= r->height) == (o->width >= o->height)
               || o->width == o->height);
}


static void
images_run(const uint8_t *data, size_t size)
{
    unsigned                i;
    fuzz_file_t           files[IMAGES_VARIANTS], again[IMAGES_VARIANTS];
    caphealth_job_t         job;
    caphealth_result_t      result, second;
    caphealth_job_status_e  rc;

    job = images_choose(size);

    memset(files, 0, sizeof(files));

    rc = caphealth_convert(&job, data, size, NULL, images_write, files,
                           &result);

    /* a worker must believe it */

    fuzz_check(rc == result.status);
    fuzz_check(caphealth_job_answered(&job, &result));
    fuzz_check(result.format == (uint32_t) caphealth_format(data, size));

    /* nothing was short, and everything could be written */

    fuzz_check(rc != CAPHEALTH_JOB_NO_MEMORY && rc != CAPHEALTH_JOB_WRITE
               && rc != CAPHEALTH_JOB_READ);

    if (rc == CAPHEALTH_JOB_OK) {
        for (i = 0; i < IMAGES_VARIANTS; i++) {
            images_check(&files[i], &result.outputs[i]);
            images_check_size(&job, &result, i);
        }

    } else {
        fuzz_check(result.detail[0] != '\0');
    }

    /* the same image is the same image: no byte of it comes from elsewhere */

    if (rc == CAPHEALTH_JOB_OK && size % 4 == 0) {
        memset(again, 0, sizeof(again));
        images_filling ^= 0xff;

        (void) caphealth_convert(&job, data, size, NULL, images_write,
                                 again, &second);

        for (i = 0; i < IMAGES_VARIANTS; i++) {
            fuzz_check(again[i].size == files[i].size
                       && memcmp(again[i].data, files[i].data, files[i].size)
                          == 0);
        }

        images_free(again);
    }

    images_free(files);
}


#endif /* FUZZ_IMAGES_H */
