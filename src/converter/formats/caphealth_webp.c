
/*
 * WebP, by libwebp and its demuxer.
 */

#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "caphealth_animation.h"
#include "caphealth_colour.h"
#include "caphealth_decode.h"
#include "caphealth_exif.h"
#include "caphealth_plan.h"


#define CAPHEALTH_WEBP_CHUNK  8

/* WebPBitstreamFeatures.format: what is not known has the most memory */
#define CAPHEALTH_WEBP_LOSSY  1

/* bytes that libwebp takes for a column of a lossy image; for a pixel of
   another one, and of alpha */
#define CAPHEALTH_WEBP_COLUMN    512
#define CAPHEALTH_WEBP_LOSSLESS  4
#define CAPHEALTH_WEBP_ALPHA     5


typedef struct {
    WebPData                data;
    WebPData                image;      /* what is decoded of it */
    WebPDemuxer            *demux;
    WebPIterator            frame;      /* the first */
    WebPBitstreamFeatures   features;
    caphealth_exif_t        exif;
    caphealth_colour_t     *colour;
    caphealth_picture_t    *picture;
    const caphealth_job_t  *job;
    caphealth_result_t     *result;
} caphealth_webp_t;


typedef struct {
    caphealth_webp_t         webp;
    WebPAnimDecoder         *decoder;
    caphealth_animation_t   *animation;
    int                      time;      /* the end of the last frame, ms */
} caphealth_webp_frames_t;


static caphealth_job_status_e caphealth_webp_header(caphealth_webp_t *w,
    const caphealth_job_t *job);
static int caphealth_webp_whole(const WebPData *frame);
static caphealth_job_status_e caphealth_webp_chunks(caphealth_webp_t *w);
static caphealth_job_status_e caphealth_webp_decode(caphealth_webp_t *w);
static caphealth_job_status_e caphealth_webp_memory(caphealth_webp_t *w,
    caphealth_picture_kind_e kind, unsigned alpha, uint64_t pixels);
static caphealth_job_status_e caphealth_webp_planes(caphealth_webp_t *w);
static caphealth_job_status_e caphealth_webp_pixels(caphealth_webp_t *w);
static caphealth_job_status_e caphealth_webp_frame(caphealth_webp_t *w);
static caphealth_job_status_e caphealth_webp_canvas(caphealth_webp_t *w,
    const WebPData *data, uint32_t left, uint32_t top, unsigned channels);
static caphealth_job_status_e caphealth_webp_rows(caphealth_webp_t *w,
    uint8_t *pixels, unsigned channels);
static caphealth_job_status_e caphealth_webp_failed(caphealth_webp_t *w,
    VP8StatusCode code);
static caphealth_job_status_e caphealth_webp_begin(caphealth_webp_frames_t *f,
    const caphealth_job_t *job);
static caphealth_job_status_e caphealth_webp_next(
    caphealth_animation_t *animation);
static void caphealth_webp_close(caphealth_animation_t *animation);


caphealth_job_status_e
caphealth_decode_webp(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_webp_t        w;
    caphealth_job_status_e  rc;

    memset(&w, 0, sizeof(caphealth_webp_t));

    w.data.bytes = data;
    w.data.size = size;
    w.image = w.data;
    w.exif.orientation = 1;
    w.picture = picture;
    w.result = result;

    rc = caphealth_webp_header(&w, job);

    if (rc == CAPHEALTH_JOB_OK) {
        rc = caphealth_webp_chunks(&w);
    }

    if (rc == CAPHEALTH_JOB_OK) {
        rc = caphealth_webp_decode(&w);
    }

    caphealth_colour_free(w.colour);
    WebPDemuxReleaseIterator(&w.frame);
    WebPDemuxDelete(w.demux);

    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    caphealth_picture_opaque(picture);

    if (caphealth_picture_orient(picture, w.exif.orientation) == -1) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    return CAPHEALTH_JOB_OK;
}


static caphealth_job_status_e
caphealth_webp_header(caphealth_webp_t *w, const caphealth_job_t *job)
{
    VP8StatusCode   code;
    WebPDemuxState  state;

    code = WebPGetFeatures(w->data.bytes, w->data.size, &w->features);

    if (code != VP8_STATUS_OK) {
        return caphealth_webp_failed(w, code);
    }

    /*
     * A file shorter than its header says may still have all of its image:
     * then that is decoded without the header.  Not so where the header says
     * 2 gigabytes, of which nothing was cut.
     */

    w->demux = WebPDemuxPartial(&w->data, &state);

    if (w->demux == NULL || !WebPDemuxGetFrame(w->demux, 1, &w->frame)
        || (state != WEBP_DEMUX_DONE
            && ((w->data.bytes[CAPHEALTH_WEBP_CHUNK - 1] & 0x80)
                || !caphealth_webp_whole(&w->frame.fragment))))
    {
        return caphealth_fail(w->result, CAPHEALTH_JOB_INVALID,
                              "its chunks do not fit together, or it ends "
                              "too soon");
    }

    if (state != WEBP_DEMUX_DONE) {
        w->image = w->frame.fragment;
    }

    w->job = job;

    return caphealth_check_size(job, w->data.size, w->result,
                                WebPDemuxGetI(w->demux, WEBP_FF_CANVAS_WIDTH),
                                WebPDemuxGetI(w->demux,
                                              WEBP_FF_CANVAS_HEIGHT));
}


/* the chunks of a frame are as long as they say; the last need not be padded */

static int
caphealth_webp_whole(const WebPData *frame)
{
    size_t          at, len;
    const uint8_t  *p;

    for (at = 0; frame->size - at >= CAPHEALTH_WEBP_CHUNK; at += len) {
        p = frame->bytes + at;

        len = (size_t) p[4] | (size_t) p[5] << 8 | (size_t) p[6] << 16
              | (size_t) p[7] << 24;

        if (len > frame->size - at - CAPHEALTH_WEBP_CHUNK) {
            return 0;
        }

        if (memcmp(p, "VP8", 3) == 0) {
            return 1;
        }

        len += CAPHEALTH_WEBP_CHUNK + (len & 1);

        if (len > frame->size - at) {
            return 0;
        }
    }

    return 0;
}


/* without a profile it is sRGB by the format; Exif is ignored */

static caphealth_job_status_e
caphealth_webp_chunks(caphealth_webp_t *w)
{
    WebPChunkIterator          chunk;
    caphealth_colour_status_e  rc;

    if (WebPDemuxGetChunk(w->demux, "EXIF", 1, &chunk)) {
        (void) caphealth_exif(chunk.chunk.bytes, chunk.chunk.size, &w->exif);
        WebPDemuxReleaseChunkIterator(&chunk);

    } else if (w->image.bytes != w->data.bytes
               && (WebPDemuxGetI(w->demux, WEBP_FF_FORMAT_FLAGS) & EXIF_FLAG))
    {
        return caphealth_fail(w->result, CAPHEALTH_JOB_INVALID,
                              "it ends too soon: how it is turned is behind "
                              "the image");
    }

    if (WebPDemuxGetChunk(w->demux, "ICCP", 1, &chunk)) {
        rc = caphealth_colour_icc(&w->colour,
                                  w->features.has_alpha
                                  || w->features.has_animation
                                  ? CAPHEALTH_COLOUR_RGBA
                                  : CAPHEALTH_COLOUR_RGB,
                                  chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);

        if (rc == CAPHEALTH_COLOUR_NO_MEMORY) {
            return caphealth_fail(w->result, CAPHEALTH_JOB_NO_MEMORY, "%s",
                                  "");
        }
    }

    return CAPHEALTH_JOB_OK;
}


static caphealth_job_status_e
caphealth_webp_decode(caphealth_webp_t *w)
{
    if (w->features.has_animation) {
        return caphealth_webp_frame(w);
    }

    return w->colour ? caphealth_webp_pixels(w) : caphealth_webp_planes(w);
}


/* pixels: bytes of what is decoded before the picture is made of it, 0: none */

static caphealth_job_status_e
caphealth_webp_memory(caphealth_webp_t *w, caphealth_picture_kind_e kind,
    unsigned alpha, uint64_t pixels)
{
    unsigned             sub;
    uint64_t             decoder, size, made;
    caphealth_picture_t  layout;

    sub = kind == CAPHEALTH_PICTURE_YUV ? 1 : 0;
    size = (uint64_t) w->features.width * (uint64_t) w->features.height;

    caphealth_picture_layout(&layout, kind, alpha, sub, sub,
                             (uint32_t) w->features.width,
                             (uint32_t) w->features.height);

    decoder = (uint64_t) w->features.width * CAPHEALTH_WEBP_COLUMN
              + size * (w->features.format != CAPHEALTH_WEBP_LOSSY
                        ? CAPHEALTH_WEBP_LOSSLESS
                        : alpha ? CAPHEALTH_WEBP_ALPHA : 0);

    if (pixels) {

        /* the library is done when the picture is made */

        made = caphealth_memory_picture(&layout);
        decoder = pixels + (decoder > made ? decoder - made : 0);
    }

    return caphealth_memory_decode(w->job, w->data.size, &layout, decoder,
                                   w->exif.orientation >= 5, w->result);
}


/* what WebP is made of is what WebP is made from */

static caphealth_job_status_e
caphealth_webp_planes(caphealth_webp_t *w)
{
    VP8StatusCode            code;
    WebPYUVABuffer          *b;
    WebPDecoderConfig        config;
    caphealth_picture_t     *p;
    caphealth_job_status_e   rc;

    rc = caphealth_webp_memory(w, CAPHEALTH_PICTURE_YUV,
                               w->features.has_alpha ? 1 : 0, 0);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    p = w->picture;

    if (!WebPInitDecoderConfig(&config)
        || caphealth_picture_create(p, CAPHEALTH_PICTURE_YUV,
                                    w->features.has_alpha ? 1 : 0, 1, 1,
                                    (uint32_t) w->features.width,
                                    (uint32_t) w->features.height)
           == -1)
    {
        return caphealth_fail(w->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    config.output.colorspace = p->alpha ? MODE_YUVA : MODE_YUV;
    config.output.is_external_memory = 1;

    b = &config.output.u.YUVA;

    b->y = p->planes[0].data;
    b->u = p->planes[1].data;
    b->v = p->planes[2].data;
    b->a = p->planes[3].data;
    b->y_stride = (int) p->planes[0].stride;
    b->u_stride = (int) p->planes[1].stride;
    b->v_stride = (int) p->planes[2].stride;
    b->a_stride = (int) p->planes[3].stride;
    b->y_size = p->planes[0].stride * p->planes[0].height;
    b->u_size = p->planes[1].stride * p->planes[1].height;
    b->v_size = p->planes[2].stride * p->planes[2].height;
    b->a_size = p->planes[3].stride * p->planes[3].height;

    code = WebPDecode(w->image.bytes, w->image.size, &config);

    if (code != VP8_STATUS_OK) {
        return caphealth_webp_failed(w, code);
    }

    caphealth_picture_opaque(p);

    if (p->alpha) {

        /* its colours are scaled and weighed with it, which is done in RGB */

        caphealth_picture_free(p);
        return caphealth_webp_pixels(w);
    }

    caphealth_picture_pad(p);

    return CAPHEALTH_JOB_OK;
}


static caphealth_job_status_e
caphealth_webp_pixels(caphealth_webp_t *w)
{
    return caphealth_webp_canvas(w, &w->image, 0, 0,
                                 w->features.has_alpha ? 4 : 3);
}


/* the first frame of an animation, where it is on its canvas */

static caphealth_job_status_e
caphealth_webp_frame(caphealth_webp_t *w)
{
    const WebPIterator  *frame;

    frame = &w->frame;

    w->features.width = (int) WebPDemuxGetI(w->demux, WEBP_FF_CANVAS_WIDTH);
    w->features.height = (int) WebPDemuxGetI(w->demux, WEBP_FF_CANVAS_HEIGHT);

    if (frame->x_offset < 0 || frame->y_offset < 0
        || frame->width > w->features.width - frame->x_offset
        || frame->height > w->features.height - frame->y_offset)
    {
        return caphealth_webp_failed(w, VP8_STATUS_BITSTREAM_ERROR);
    }

    return caphealth_webp_canvas(w, &frame->fragment,
                                 (uint32_t) frame->x_offset,
                                 (uint32_t) frame->y_offset, 4);
}


/* libwebp checks that what it decodes fits into what it is given */

static caphealth_job_status_e
caphealth_webp_canvas(caphealth_webp_t *w, const WebPData *data,
    uint32_t left, uint32_t top, unsigned channels)
{
    size_t                   stride, size, offset;
    uint8_t                 *pixels;
    VP8StatusCode            code;
    WebPDecoderConfig        config;
    caphealth_job_status_e   rc;

    stride = (size_t) w->features.width * channels;
    size = stride * (size_t) w->features.height;
    offset = top * stride + left * channels;

    rc = caphealth_webp_memory(w, CAPHEALTH_PICTURE_RGB, channels == 4, size);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    pixels = calloc(1, size);

    if (pixels == NULL || !WebPInitDecoderConfig(&config)) {
        free(pixels);
        return caphealth_webp_failed(w, VP8_STATUS_OUT_OF_MEMORY);
    }

    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels + offset;
    config.output.u.RGBA.stride = (int) stride;
    config.output.u.RGBA.size = size - offset;

    code = WebPDecode(data->bytes, data->size, &config);

    rc = code == VP8_STATUS_OK ? caphealth_webp_rows(w, pixels, channels)
                               : caphealth_webp_failed(w, code);
    free(pixels);

    return rc;
}


static caphealth_job_status_e
caphealth_webp_rows(caphealth_webp_t *w, uint8_t *pixels, unsigned channels)
{
    uint8_t   *row;
    uint32_t   y, width, height;

    width = (uint32_t) w->features.width;
    height = (uint32_t) w->features.height;

    if (caphealth_picture_create(w->picture, CAPHEALTH_PICTURE_RGB,
                                 channels == 4, 0, 0, width, height)
        == -1)
    {
        return caphealth_fail(w->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    for (y = 0; y < height; y++) {
        row = pixels + (size_t) y * width * channels;

        if (w->colour) {
            caphealth_colour_row(w->colour, row, row, width);
        }

        caphealth_picture_row(w->picture, y, row, channels);
    }

    return CAPHEALTH_JOB_OK;
}


static caphealth_job_status_e
caphealth_webp_failed(caphealth_webp_t *w, VP8StatusCode code)
{
    switch (code) {

    case VP8_STATUS_OUT_OF_MEMORY:
        return caphealth_fail(w->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");

    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return caphealth_fail(w->result, CAPHEALTH_JOB_UNSUPPORTED,
                              "a WebP of an unknown kind");

    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return caphealth_fail(w->result, CAPHEALTH_JOB_INVALID,
                              "it ends too soon");

    default:
        return caphealth_fail(w->result, CAPHEALTH_JOB_INVALID,
                              "its bitstream is broken");
    }
}


/* every frame is needed, so a file that is not whole is refused here */

caphealth_job_status_e
caphealth_animation_webp(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_animation_t *animation, caphealth_result_t *result)
{
    caphealth_webp_frames_t  *f;

    memset(animation, 0, sizeof(caphealth_animation_t));

    f = calloc(1, sizeof(caphealth_webp_frames_t));
    if (f == NULL) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    animation->decoder = f;
    animation->next = caphealth_webp_next;
    animation->close = caphealth_webp_close;

    /* the library's canvas, the one before it, and a frame */

    animation->pixel_bytes = 4 + 4 + CAPHEALTH_WEBP_LOSSLESS;

    f->webp.data.bytes = data;
    f->webp.data.size = size;
    f->webp.image = f->webp.data;
    f->webp.exif.orientation = 1;
    f->webp.result = result;
    f->animation = animation;

    return caphealth_webp_begin(f, job);
}


static caphealth_job_status_e
caphealth_webp_begin(caphealth_webp_frames_t *f, const caphealth_job_t *job)
{
    WebPAnimInfo             info;
    caphealth_job_status_e   rc;
    WebPAnimDecoderOptions   options;

    rc = caphealth_webp_header(&f->webp, job);

    if (rc == CAPHEALTH_JOB_OK) {
        f->webp.features.has_alpha = 1;
        rc = caphealth_webp_chunks(&f->webp);
    }

    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    if (!WebPAnimDecoderOptionsInit(&options)) {
        return caphealth_webp_failed(&f->webp, VP8_STATUS_INVALID_PARAM);
    }

    options.color_mode = MODE_RGBA;
    options.use_threads = 0;

    f->decoder = WebPAnimDecoderNew(&f->webp.data, &options);

    if (f->decoder == NULL || !WebPAnimDecoderGetInfo(f->decoder, &info)) {
        return caphealth_fail(f->webp.result, CAPHEALTH_JOB_INVALID,
                              "not all of its frames are there");
    }

    f->animation->width = info.canvas_width;
    f->animation->height = info.canvas_height;
    f->animation->loops = info.loop_count;
    f->animation->orientation = f->webp.exif.orientation;
    f->animation->colour = f->webp.colour;

    f->webp.colour = NULL;

    return CAPHEALTH_JOB_OK;
}


/* the canvas is the library's */

static caphealth_job_status_e
caphealth_webp_next(caphealth_animation_t *animation)
{
    int                       end;
    caphealth_webp_frames_t  *f;

    f = animation->decoder;

    if (!WebPAnimDecoderHasMoreFrames(f->decoder)) {
        animation->ended = 1;
        return CAPHEALTH_JOB_OK;
    }

    if (!WebPAnimDecoderGetNext(f->decoder, &animation->canvas, &end)) {
        return caphealth_webp_failed(&f->webp, VP8_STATUS_BITSTREAM_ERROR);
    }

    animation->duration = end > f->time ? (uint32_t) (end - f->time) : 0;
    f->time = end;

    return CAPHEALTH_JOB_OK;
}


static void
caphealth_webp_close(caphealth_animation_t *animation)
{
    caphealth_webp_frames_t  *f;

    f = animation->decoder;

    if (f->decoder) {
        WebPAnimDecoderDelete(f->decoder);
    }

    caphealth_colour_free(f->webp.colour);
    WebPDemuxReleaseIterator(&f->webp.frame);
    WebPDemuxDelete(f->webp.demux);
    free(f);
}
