
/*
 * Under test: src/converter/caphealth_animation.c
 *
 * A GIF or WebP whose frames are all kept, in two sizes.
 */

#include "fuzz.h"

#include <webp/demux.h>

#include "caphealth_convert.h"
#include "caphealth_format.h"


#define ANIMATION_VARIANTS  2


static const caphealth_job_t  animation_job = {
    .max_pixels = 64 * 1024,
    .nvariants = ANIMATION_VARIANTS,
    .variants = {
        { .quality = 80, .animated = 1 },
        { .width = 16, .height = 24, .fit = CAPHEALTH_FIT_CONTAIN,
          .quality = 80, .animated = 1 }
    }
};


static int
animation_write(void *ctx, unsigned variant, const uint8_t *data, size_t size)
{
    fuzz_check(variant < ANIMATION_VARIANTS && size > 0);

    fuzz_append((fuzz_file_t *) ctx + variant, data, size);

    return 0;
}


/* of the announced size and frames, each of which can be decoded */

static void
animation_check(const fuzz_file_t *file,
    const caphealth_output_t *output)
{
    int               time, last;
    uint8_t          *canvas;
    uint32_t          n;
    WebPData          data = { file->data, file->size };
    WebPAnimInfo      info;
    WebPAnimDecoder  *decoder;

    fuzz_check(file->size == output->bytes);

    decoder = WebPAnimDecoderNew(&data, NULL);
    fuzz_check(decoder != NULL && WebPAnimDecoderGetInfo(decoder, &info));

    fuzz_check(info.canvas_width == output->width
               && info.canvas_height == output->height
               && info.frame_count == output->frames);

    last = 0;

    for (n = 0; WebPAnimDecoderHasMoreFrames(decoder); n++) {
        fuzz_check(WebPAnimDecoderGetNext(decoder, &canvas, &time));
        fuzz_check(time >= last);
        last = time;
    }

    fuzz_check(n == info.frame_count);

    WebPAnimDecoderDelete(decoder);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned                 i;
    fuzz_file_t         files[ANIMATION_VARIANTS];
    caphealth_result_t       result;
    caphealth_job_status_e   rc;

    switch (caphealth_format(data, size)) {

    case CAPHEALTH_FORMAT_GIF:
    case CAPHEALTH_FORMAT_WEBP:
        break;

    default:
        return 0;
    }

    memset(files, 0, sizeof(files));

    rc = caphealth_convert(&animation_job, data, size, NULL,
                           animation_write, files, &result);

    fuzz_check(rc == result.status);
    fuzz_check(caphealth_job_answered(&animation_job, &result));
    fuzz_check(rc != CAPHEALTH_JOB_NO_MEMORY && rc != CAPHEALTH_JOB_WRITE
               && rc != CAPHEALTH_JOB_READ);

    for (i = 0; i < ANIMATION_VARIANTS; i++) {
        if (rc == CAPHEALTH_JOB_OK) {
            animation_check(&files[i], &result.outputs[i]);
        }

        free(files[i].data);
    }

    return 0;
}
