
/*
 * A YUV picture as an AVIF file, by libavif and libaom.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <avif/avif.h>

#include "caphealth_encode.h"


/*
 * libaom's, 0 to 10: with 7, it and the WebP beside it take 3 to 3.5 times as
 * long as WebP of method 4 alone; with 6, 5 times.
 */
#define CAPHEALTH_ENCODE_SPEED   7

/* twice what libaom takes for a pixel of a photo, and for each picture */
#define CAPHEALTH_ENCODE_PIXEL   32
#define CAPHEALTH_ENCODE_BASE    (32 * 1024 * 1024)


static avifImage *caphealth_encode_avif_image(const caphealth_picture_t *yuv);
static avifEncoder *caphealth_encode_avif_encoder(unsigned quality);


int
caphealth_encode_avif(const caphealth_picture_t *yuv, unsigned quality,
    uint8_t **data, size_t *size)
{
    avifImage    *image;
    avifRWData    file = AVIF_DATA_EMPTY;
    avifResult    rc;
    avifEncoder  *encoder;

    /* libavif calls abort() if there is no memory for it */

    if (!caphealth_encode_room((uint64_t) yuv->width * yuv->height
                               * CAPHEALTH_ENCODE_PIXEL
                               + CAPHEALTH_ENCODE_BASE))
    {
        return -1;
    }

    image = caphealth_encode_avif_image(yuv);
    encoder = caphealth_encode_avif_encoder(quality);

    rc = avifEncoderWrite(encoder, image, &file);

    avifEncoderDestroy(encoder);
    avifImageDestroy(image);

    if (rc != AVIF_RESULT_OK) {
        avifRWDataFree(&file);
        return -1;
    }

    *data = file.data;
    *size = file.size;

    return 0;
}


/* the planes stay the picture's */

static avifImage *
caphealth_encode_avif_image(const caphealth_picture_t *yuv)
{
    unsigned    i;
    avifImage  *image;

    image = avifImageCreate((int) yuv->width, (int) yuv->height, 8,
                            AVIF_PIXEL_FORMAT_YUV420);

    image->colorPrimaries = AVIF_COLOR_PRIMARIES_BT709;
    image->transferCharacteristics = AVIF_TRANSFER_CHARACTERISTICS_SRGB;
    image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_BT601;
    image->yuvRange = AVIF_RANGE_LIMITED;

    for (i = 0; i < 3; i++) {
        image->yuvPlanes[i] = yuv->planes[i].data;
        image->yuvRowBytes[i] = (uint32_t) yuv->planes[i].stride;
    }

    image->imageOwnsYUVPlanes = AVIF_FALSE;

    if (yuv->alpha) {
        image->alphaPlane = yuv->planes[3].data;
        image->alphaRowBytes = (uint32_t) yuv->planes[3].stride;
        image->imageOwnsAlphaPlane = AVIF_FALSE;
    }

    return image;
}


/*
 * A quality is the quantiser that libavif 1.0 and libheif make of it, of
 * libaom's constant quality.
 */

static avifEncoder *
caphealth_encode_avif_encoder(unsigned quality)
{
    char          level[12];
    avifEncoder  *encoder;

    encoder = avifEncoderCreate();

    encoder->codecChoice = AVIF_CODEC_CHOICE_AOM;
    encoder->maxThreads = 1;
    encoder->speed = CAPHEALTH_ENCODE_SPEED;
    encoder->minQuantizer = AVIF_QUANTIZER_BEST_QUALITY;
    encoder->maxQuantizer = AVIF_QUANTIZER_WORST_QUALITY;
    encoder->minQuantizerAlpha = AVIF_QUANTIZER_LOSSLESS;
    encoder->maxQuantizerAlpha = AVIF_QUANTIZER_LOSSLESS;

    (void) snprintf(level, sizeof(level), "%u",
                    ((100 - quality) * AVIF_QUANTIZER_WORST_QUALITY + 50)
                    / 100);

    avifEncoderSetCodecSpecificOption(encoder, "color:end-usage", "q");
    avifEncoderSetCodecSpecificOption(encoder, "color:cq-level", level);

    return encoder;
}


int
caphealth_encode_room(uint64_t bytes)
{
    void  *p;

    p = bytes > SIZE_MAX ? MAP_FAILED
        : mmap(NULL, (size_t) bytes, PROT_NONE,
               MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        return 0;
    }

    (void) munmap(p, (size_t) bytes);

    return 1;
}
