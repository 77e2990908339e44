
/*
 * GIF, by giflib: its frames, each composed on the canvas.
 */

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_animation.h"
#include "caphealth_decode.h"
#include "caphealth_plan.h"


#define CAPHEALTH_GIF_COLOURS  256

/* a delay is in hundredths of a second; browsers show what is below 2 of them
   for 10, and so do we */
#define CAPHEALTH_GIF_DELAY    10
#define CAPHEALTH_GIF_FASTEST  2
#define CAPHEALTH_GIF_DEFAULT  10

/* the application extension that says how often an animation is repeated */
#define CAPHEALTH_GIF_NAME     11
#define CAPHEALTH_GIF_LOOPS    1


typedef struct {
    size_t                  size;       /* of the file */
    const uint8_t          *data;
    size_t                  left;
    GifFileType            *gif;
    GraphicsControlBlock    control;    /* of the next frame */
    GifImageDesc            frame;      /* the one on the canvas */
    unsigned                disposal;   /* what becomes of it */
    unsigned                drawn:1;
    unsigned                ended:1;    /* the data did, in good order */
    unsigned                drawing:1;  /* what is read is LZW data */
    unsigned                cut:1;      /* more was asked for than there is */
    size_t                  block;      /* bytes of LZW data to be read next;
                                           0: the byte that says how many */
    uint8_t                *line;
    uint8_t                *saved;      /* the canvas before that frame */
    caphealth_animation_t  *animation;
    caphealth_result_t     *result;
} caphealth_gif_t;


static caphealth_job_status_e caphealth_gif_open(caphealth_gif_t *g,
    const caphealth_job_t *job);
static caphealth_job_status_e caphealth_gif_next(
    caphealth_animation_t *animation);
static int caphealth_gif_find(caphealth_gif_t *g);
static int caphealth_gif_extension(caphealth_gif_t *g);
static void caphealth_gif_dispose(caphealth_gif_t *g);
static int caphealth_gif_save(caphealth_gif_t *g);
static caphealth_job_status_e caphealth_gif_draw(caphealth_gif_t *g);
static void caphealth_gif_row(caphealth_gif_t *g, uint32_t y,
    const uint8_t (*colours)[4]);
static void caphealth_gif_colours(const caphealth_gif_t *g,
    uint8_t (*colours)[4]);
static caphealth_job_status_e caphealth_gif_failed(const caphealth_gif_t *g,
    int error);
static int caphealth_gif_read(GifFileType *gif, GifByteType *to, int n);
static void caphealth_gif_close(caphealth_animation_t *animation);


caphealth_job_status_e
caphealth_decode_gif(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_animation_t   animation;
    caphealth_job_status_e  rc;

    rc = caphealth_animation_gif(job, data, size, &animation, result);

    if (rc == CAPHEALTH_JOB_OK) {
        rc = animation.next(&animation);
    }

    if (rc == CAPHEALTH_JOB_OK
        && caphealth_animation_picture(&animation, picture) == -1)
    {
        rc = caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    caphealth_animation_free(&animation);

    return rc;
}


caphealth_job_status_e
caphealth_animation_gif(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_animation_t *animation, caphealth_result_t *result)
{
    caphealth_gif_t  *g;

    memset(animation, 0, sizeof(caphealth_animation_t));

    g = calloc(1, sizeof(caphealth_gif_t));
    if (g == NULL) {
        (void) caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
        return CAPHEALTH_JOB_NO_MEMORY;
    }

    animation->decoder = g;
    animation->next = caphealth_gif_next;
    animation->close = caphealth_gif_close;
    animation->loops = 1;
    animation->orientation = 1;

    /* the canvas, and the one before it */

    animation->pixel_bytes = 4 + 4;

    g->size = size;
    g->data = data;
    g->left = size;
    g->animation = animation;
    g->result = result;
    g->control.TransparentColor = NO_TRANSPARENT_COLOR;

    return caphealth_gif_open(g, job);
}


/* up to the description of the first frame, which may enlarge the canvas */

static caphealth_job_status_e
caphealth_gif_open(caphealth_gif_t *g, const caphealth_job_t *job)
{
    int                      error;
    uint32_t                 width, height, right, bottom;
    caphealth_picture_t      layout;
    caphealth_job_status_e   rc;

    g->gif = DGifOpen(g, caphealth_gif_read, &error);
    if (g->gif == NULL) {
        return caphealth_gif_failed(g, error);
    }

    if (caphealth_gif_find(g) == -1) {
        return caphealth_gif_failed(g, g->gif->Error);
    }

    if (g->ended) {
        return caphealth_fail(g->result, CAPHEALTH_JOB_INVALID,
                              "it has no image");
    }

    width = (uint32_t) g->gif->SWidth;
    height = (uint32_t) g->gif->SHeight;
    right = (uint32_t) g->gif->Image.Left + (uint32_t) g->gif->Image.Width;
    bottom = (uint32_t) g->gif->Image.Top + (uint32_t) g->gif->Image.Height;

    g->animation->width = width > right ? width : right;
    g->animation->height = height > bottom ? height : bottom;

    if (g->gif->Image.Width == 0 || g->gif->Image.Height == 0) {
        return caphealth_fail(g->result, CAPHEALTH_JOB_INVALID,
                              "its first frame has no pixels");
    }

    rc = caphealth_check_size(job, g->size, g->result, g->animation->width,
                              g->animation->height);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    caphealth_picture_layout(&layout, CAPHEALTH_PICTURE_RGB, 1, 0, 0,
                             g->animation->width, g->animation->height);

    rc = caphealth_memory_decode(job, g->size, &layout,
                                 (uint64_t) g->animation->width
                                 * g->animation->height * 4, 0, g->result);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    g->line = malloc(UINT16_MAX);
    g->animation->canvas = calloc(4, (size_t) g->animation->width
                                     * g->animation->height);

    if (g->line == NULL || g->animation->canvas == NULL) {
        return caphealth_fail(g->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    return CAPHEALTH_JOB_OK;
}


static caphealth_job_status_e
caphealth_gif_next(caphealth_animation_t *animation)
{
    unsigned                delay;
    caphealth_gif_t        *g;
    caphealth_job_status_e  rc;

    g = animation->decoder;

    if (g->drawn && caphealth_gif_find(g) == -1) {
        return caphealth_gif_failed(g, g->gif->Error);
    }

    if (g->ended) {
        animation->ended = 1;
        return CAPHEALTH_JOB_OK;
    }

    caphealth_gif_dispose(g);

    g->frame = g->gif->Image;
    g->disposal = (unsigned) g->control.DisposalMode;

    if (g->disposal == DISPOSE_PREVIOUS && caphealth_gif_save(g) == -1) {
        return caphealth_fail(g->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    rc = caphealth_gif_draw(g);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    delay = (unsigned) g->control.DelayTime;

    if (delay < CAPHEALTH_GIF_FASTEST) {
        delay = CAPHEALTH_GIF_DEFAULT;
    }

    animation->duration = delay * CAPHEALTH_GIF_DELAY;

    g->drawn = 1;

    memset(&g->control, 0, sizeof(GraphicsControlBlock));
    g->control.TransparentColor = NO_TRANSPARENT_COLOR;

    return CAPHEALTH_JOB_OK;
}


/*
 * Reads up to the next frame's description.  Bytes between two blocks that
 * begin none are left out, as others do it.  0; or -1, with the library's
 * error.
 */

static int
caphealth_gif_find(caphealth_gif_t *g)
{
    GifRecordType  type;

    for ( ;; ) {

        if (g->ended || (g->left == 0 && g->drawn)) {
            g->ended = 1;
            return 0;
        }

        if (DGifGetRecordType(g->gif, &type) == GIF_ERROR) {
            if (g->gif->Error == D_GIF_ERR_WRONG_RECORD && g->left) {
                continue;
            }

            return -1;
        }

        switch (type) {

        case IMAGE_DESC_RECORD_TYPE:
            return DGifGetImageDesc(g->gif) == GIF_ERROR ? -1 : 0;

        case EXTENSION_RECORD_TYPE:
            if (caphealth_gif_extension(g) == -1) {
                return -1;
            }

            continue;

        default:
            g->ended = 1;
            return 0;
        }
    }
}


static int
caphealth_gif_extension(caphealth_gif_t *g)
{
    int           code;
    unsigned      loops;
    GifByteType  *block;

    if (DGifGetExtension(g->gif, &code, &block) == GIF_ERROR) {
        return -1;
    }

    if (block && code == GRAPHICS_EXT_FUNC_CODE) {
        (void) DGifExtensionToGCB(block[0], block + 1, &g->control);
    }

    loops = block && code == APPLICATION_EXT_FUNC_CODE
            && block[0] == CAPHEALTH_GIF_NAME
            && (memcmp(block + 1, "NETSCAPE2.0", CAPHEALTH_GIF_NAME) == 0
                || memcmp(block + 1, "ANIMEXTS1.0", CAPHEALTH_GIF_NAME) == 0);

    while (block) {

        if (DGifGetExtensionNext(g->gif, &block) == GIF_ERROR) {
            return -1;
        }

        /* it counts what follows the first showing, and 0 is for ever */

        if (block && loops && block[0] >= 3
            && (block[1] & 7) == CAPHEALTH_GIF_LOOPS)
        {
            loops = block[2] | (unsigned) block[3] << 8;
            g->animation->loops = loops ? loops + 1 : 0;
            loops = 0;
        }
    }

    return 0;
}


static void
caphealth_gif_dispose(caphealth_gif_t *g)
{
    size_t    stride;
    uint8_t  *canvas;
    uint32_t  y, left, right, bottom;

    canvas = g->animation->canvas;
    stride = (size_t) g->animation->width * 4;

    if (g->disposal == DISPOSE_PREVIOUS && g->saved) {
        memcpy(canvas, g->saved, stride * g->animation->height);
        return;
    }

    if (g->disposal != DISPOSE_BACKGROUND) {
        return;
    }

    /* to transparent: no browser shows the background that is named */

    left = (uint32_t) g->frame.Left;
    right = left + (uint32_t) g->frame.Width;
    bottom = (uint32_t) g->frame.Top + (uint32_t) g->frame.Height;

    right = right < g->animation->width ? right : g->animation->width;
    bottom = bottom < g->animation->height ? bottom : g->animation->height;

    for (y = (uint32_t) g->frame.Top; y < bottom && left < right; y++) {
        memset(canvas + y * stride + (size_t) left * 4, 0,
               (size_t) (right - left) * 4);
    }
}


static int
caphealth_gif_save(caphealth_gif_t *g)
{
    size_t  size;

    size = (size_t) g->animation->width * g->animation->height * 4;

    if (g->saved == NULL) {
        g->saved = malloc(size);

        if (g->saved == NULL) {
            return -1;
        }
    }

    memcpy(g->saved, g->animation->canvas, size);

    return 0;
}


static caphealth_job_status_e
caphealth_gif_draw(caphealth_gif_t *g)
{
    uint8_t   colours[CAPHEALTH_GIF_COLOURS][4];
    unsigned  pass;
    uint32_t  y, height, step;

    static const struct {
        uint32_t  from;
        uint32_t  step;
    } passes[] = {
        { 0, 8 }, { 4, 8 }, { 2, 4 }, { 1, 2 }
    };

    caphealth_gif_colours(g, colours);

    height = (uint32_t) g->frame.Height;

    g->drawing = 1;
    g->block = 0;

    for (pass = 0; pass < (g->frame.Interlace ? 4 : 1); pass++) {
        step = g->frame.Interlace ? passes[pass].step : 1;

        for (y = passes[pass].from; y < height; y += step) {
            if (DGifGetLine(g->gif, g->line, g->frame.Width) == GIF_ERROR) {
                return caphealth_gif_failed(g, g->gif->Error);
            }

            caphealth_gif_row(g, y, colours);
        }
    }

    g->drawing = 0;

    return CAPHEALTH_JOB_OK;
}


static void
caphealth_gif_row(caphealth_gif_t *g, uint32_t y, const uint8_t (*colours)[4])
{
    uint8_t   *to;
    uint32_t   x, left, width;

    y += (uint32_t) g->frame.Top;
    left = (uint32_t) g->frame.Left;
    width = (uint32_t) g->frame.Width;

    if (y >= g->animation->height || left >= g->animation->width) {
        return;
    }

    if (width > g->animation->width - left) {
        width = g->animation->width - left;
    }

    to = g->animation->canvas + ((size_t) y * g->animation->width + left) * 4;

    for (x = 0; x < width; x++, to += 4) {
        if (colours[g->line[x]][3]) {
            memcpy(to, colours[g->line[x]], 4);
        }
    }
}


/* what is in no palette is not drawn; without any palette, it is grey */

static void
caphealth_gif_colours(const caphealth_gif_t *g, uint8_t (*colours)[4])
{
    int                    i;
    const ColorMapObject  *map;

    map = g->frame.ColorMap ? g->frame.ColorMap : g->gif->SColorMap;

    memset(colours, 0, CAPHEALTH_GIF_COLOURS * sizeof(colours[0]));

    for (i = 0; i < CAPHEALTH_GIF_COLOURS; i++) {

        if (i == g->control.TransparentColor
            || (map && i >= map->ColorCount))
        {
            continue;
        }

        colours[i][0] = map ? map->Colors[i].Red : (uint8_t) i;
        colours[i][1] = map ? map->Colors[i].Green : (uint8_t) i;
        colours[i][2] = map ? map->Colors[i].Blue : (uint8_t) i;
        colours[i][3] = 255;
    }
}


static caphealth_job_status_e
caphealth_gif_failed(const caphealth_gif_t *g, int error)
{
    if (error == D_GIF_ERR_NOT_ENOUGH_MEM) {
        return caphealth_fail(g->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    if (g->cut) {
        return caphealth_fail(g->result, CAPHEALTH_JOB_INVALID,
                              "it ends too soon");
    }

    switch (error) {

    case D_GIF_ERR_EOF_TOO_SOON:
        return caphealth_fail(g->result, CAPHEALTH_JOB_INVALID,
                              "it ends too soon");

    /* its error, too, where the LZW minimum code size is more than 8 */

    case D_GIF_ERR_READ_FAILED:
        return caphealth_fail(g->result, CAPHEALTH_JOB_INVALID,
                              "the code size of its LZW data is out of range");

    default:
        return caphealth_fail(g->result, CAPHEALTH_JOB_INVALID,
                              "its data is broken");
    }
}


/*
 * The library looks behind the last pixel for the empty block that ends them,
 * which may be missing, so that is what follows the last byte.  It reads blocks
 * of LZW data whole, before it knows whether the pixels need them, so one that
 * is longer than the file is given to it as long as it is.
 */

static int
caphealth_gif_read(GifFileType *gif, GifByteType *to, int n)
{
    size_t            size;
    caphealth_gif_t  *g;

    g = gif->UserData;
    size = (size_t) n;

    if (g->left == 0 && size == 1) {
        g->cut = 1;
        *to = 0;
        return n;
    }

    if (size > g->left) {
        g->cut = 1;
        g->left = 0;
        return 0;
    }

    memcpy(to, g->data, size);

    g->data += size;
    g->left -= size;

    if (!g->drawing) {
        return n;
    }

    if (g->block) {
        g->block = 0;
        return n;
    }

    if (*to > g->left) {
        g->cut = 1;
        *to = (GifByteType) g->left;
    }

    g->block = *to;

    return n;
}


static void
caphealth_gif_close(caphealth_animation_t *animation)
{
    int               error;
    caphealth_gif_t  *g;

    g = animation->decoder;

    if (g->gif) {
        (void) DGifCloseFile(g->gif, &error);
    }

    free(animation->canvas);
    free(g->line);
    free(g->saved);
    free(g);
}
