
/*
 * Nothing but WebPEncode(): bare_webp METHOD N WIDTH HEIGHT RGB [WIDTH HEIGHT
 * RGB ...] encodes the raw pictures N times and prints the CPU seconds of one
 * round, without reading them and without their conversion to YUV.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <webp/encode.h>


static double
cpu(void)
{
    struct timespec  t;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


static int
load(WebPPicture *picture, char *argv[])
{
    int       ok;
    FILE     *f;
    size_t    size;
    uint8_t  *rgb;

    if (!WebPPictureInit(picture)) {
        return 0;
    }

    picture->width = atoi(argv[0]);
    picture->height = atoi(argv[1]);
    size = (size_t) picture->width * (size_t) picture->height * 3;
    rgb = malloc(size);
    f = fopen(argv[2], "rb");

    ok = f && rgb && fread(rgb, 1, size, f) == size
         && WebPPictureImportRGB(picture, rgb, picture->width * 3);

    if (f) {
        (void) fclose(f);
    }

    free(rgb);

    return ok;
}


int
main(int argc, char *argv[])
{
    int               i, n, rounds, pictures;
    double            start;
    WebPConfig        config;
    WebPPicture       picture[3];
    WebPMemoryWriter  writer;

    pictures = (argc - 3) / 3;
    rounds = argc > 2 ? atoi(argv[2]) : 0;

    if (rounds < 1 || pictures < 1 || pictures > 3
        || !WebPConfigInit(&config))
    {
        return 2;
    }

    config.quality = 85;
    config.method = atoi(argv[1]);

    for (i = 0; i < pictures; i++) {
        if (!load(&picture[i], &argv[3 + 3 * i])) {
            fprintf(stderr, "bare_webp: \"%s\" failed\n", argv[5 + 3 * i]);
            return 1;
        }
    }

    start = cpu();

    for (n = 0; n < rounds; n++) {
        for (i = 0; i < pictures; i++) {
            WebPMemoryWriterInit(&writer);
            picture[i].writer = WebPMemoryWrite;
            picture[i].custom_ptr = &writer;

            if (!WebPEncode(&config, &picture[i])) {
                return 1;
            }

            WebPMemoryWriterClear(&writer);
        }
    }

    printf("%.6f\n", (cpu() - start) / rounds);

    return 0;
}
