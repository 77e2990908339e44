
/*
 * JPEG, by TurboJPEG.
 */

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "caphealth_colour.h"
#include "caphealth_decode.h"
#include "caphealth_markers.h"


/* a progressive photo has ten; each costs a pass over the whole image */
#define CAPHEALTH_SCANS_MAX  100


typedef struct {
    const uint8_t          *data;
    unsigned long           size;
    int                     width;
    int                     height;
    int                     subsamp;
    int                     colorspace;
    tjhandle                handle;
    caphealth_markers_t     markers;
    caphealth_picture_t    *picture;
    caphealth_result_t     *result;
} caphealth_jpeg_t;


static caphealth_job_status_e caphealth_jpeg_header(caphealth_jpeg_t *j,
    const caphealth_job_t *job);
static int caphealth_jpeg_unusual(caphealth_jpeg_t *j);
static caphealth_job_status_e caphealth_jpeg_decode(caphealth_jpeg_t *j);
static caphealth_colour_status_e caphealth_jpeg_colour(
    const caphealth_markers_t *m, caphealth_colour_e kind,
    caphealth_colour_t **colour);
static caphealth_job_status_e caphealth_jpeg_planes(caphealth_jpeg_t *j);
static caphealth_job_status_e caphealth_jpeg_pixels(caphealth_jpeg_t *j,
    int format, unsigned channels, const caphealth_colour_t *colour);
static caphealth_job_status_e caphealth_jpeg_rows(caphealth_jpeg_t *j,
    const uint8_t *pixels, unsigned channels,
    const caphealth_colour_t *colour);
static caphealth_job_status_e caphealth_jpeg_check(caphealth_jpeg_t *j,
    int rc);


caphealth_job_status_e
caphealth_decode_jpeg(const caphealth_job_t *job, const uint8_t *data,
    size_t size, caphealth_picture_t *picture, caphealth_result_t *result)
{
    caphealth_jpeg_t        j;
    caphealth_job_status_e  rc;

    memset(&j, 0, sizeof(caphealth_jpeg_t));

    j.data = data;
    j.size = size;
    j.picture = picture;
    j.result = result;

    caphealth_markers(data, size, &j.markers);

    j.handle = tjInitDecompress();

    if (j.handle == NULL) {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    rc = caphealth_jpeg_header(&j, job);

    if (rc == CAPHEALTH_JOB_OK) {
        rc = caphealth_jpeg_decode(&j);
    }

    (void) tjDestroy(j.handle);

    if (rc == CAPHEALTH_JOB_OK
        && caphealth_picture_orient(picture, j.markers.exif.orientation)
           == -1)
    {
        return caphealth_fail(result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    return rc;
}


static caphealth_job_status_e
caphealth_jpeg_header(caphealth_jpeg_t *j, const caphealth_job_t *job)
{
    caphealth_job_status_e  rc;

    if (j->markers.precision == 0) {
        return caphealth_fail(j->result, CAPHEALTH_JOB_INVALID,
                              "there is no image in the file");
    }

    if (j->markers.precision != 8
        || (j->markers.sof & 0x03) == 3 || (j->markers.sof & 0x04))
    {
        return caphealth_fail(j->result, CAPHEALTH_JOB_UNSUPPORTED,
                              "a JPEG with %u bits a sample, of type %u",
                              j->markers.precision, j->markers.sof & 0x0f);
    }

    rc = caphealth_check_size(job, j->result, j->markers.width,
                              j->markers.height);
    if (rc != CAPHEALTH_JOB_OK) {
        return rc;
    }

    if (j->markers.scans > CAPHEALTH_SCANS_MAX) {
        return caphealth_fail(j->result, CAPHEALTH_JOB_INVALID,
                              "it has %u scans, the limit is %d",
                              j->markers.scans, CAPHEALTH_SCANS_MAX);
    }

    if (tjDecompressHeader3(j->handle, j->data, j->size, &j->width,
                            &j->height, &j->subsamp, &j->colorspace)
        == -1
        && tjGetErrorCode(j->handle) != TJERR_WARNING
        && caphealth_jpeg_unusual(j) == -1)
    {
        return caphealth_fail(j->result, CAPHEALTH_JOB_INVALID, "%s",
                              tjGetErrorStr2(j->handle));
    }

    if (j->width != (int) j->markers.width
        || j->height != (int) j->markers.height)
    {
        return caphealth_fail(j->result, CAPHEALTH_JOB_INVALID,
                              "it has more than one size");
    }

    return CAPHEALTH_JOB_OK;
}


/* TurboJPEG has no name for 4:1:0 and the like, but decodes them to pixels */

static int
caphealth_jpeg_unusual(caphealth_jpeg_t *j)
{
    if (strstr(tjGetErrorStr2(j->handle), "subsampling") == NULL) {
        return -1;
    }

    j->width = (int) j->markers.width;
    j->height = (int) j->markers.height;
    j->colorspace = j->markers.components == 4 ? TJCS_CMYK : TJCS_RGB;

    return 0;
}


static caphealth_job_status_e
caphealth_jpeg_decode(caphealth_jpeg_t *j)
{
    int                      format;
    unsigned                 channels;
    caphealth_colour_e       kind;
    caphealth_colour_t      *colour;
    caphealth_job_status_e   rc;

    switch (j->colorspace) {

    case TJCS_GRAY:
        format = TJPF_GRAY;
        kind = CAPHEALTH_COLOUR_GREY;
        channels = 1;
        break;

    case TJCS_CMYK:
    case TJCS_YCCK:
        format = TJPF_CMYK;
        kind = CAPHEALTH_COLOUR_CMYK;
        channels = 4;
        break;

    default:
        format = TJPF_RGB;
        kind = CAPHEALTH_COLOUR_RGB;
        channels = 3;
        break;
    }

    if (caphealth_jpeg_colour(&j->markers, kind, &colour)
        == CAPHEALTH_COLOUR_NO_MEMORY)
    {
        return caphealth_fail(j->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    if (colour == NULL
        && (j->colorspace == TJCS_YCbCr || j->colorspace == TJCS_GRAY))
    {
        return caphealth_jpeg_planes(j);
    }

    rc = caphealth_jpeg_pixels(j, format, channels, colour);

    caphealth_colour_free(colour);

    return rc;
}


/* a profile, or else what Exif says of RGB: DCF knows Adobe RGB so */

static caphealth_colour_status_e
caphealth_jpeg_colour(const caphealth_markers_t *m, caphealth_colour_e kind,
    caphealth_colour_t **colour)
{
    size_t                      size;
    uint8_t                    *profile;
    caphealth_colour_status_e   rc;

    *colour = NULL;

    if (caphealth_markers_profile(m, &profile, &size) == -1) {
        return CAPHEALTH_COLOUR_NO_MEMORY;
    }

    rc = CAPHEALTH_COLOUR_UNUSABLE;

    if (profile) {
        rc = caphealth_colour_icc(colour, kind, profile, size);
        free(profile);
    }

    if (rc == CAPHEALTH_COLOUR_UNUSABLE && m->exif.adobe_rgb
        && kind == CAPHEALTH_COLOUR_RGB)
    {
        rc = caphealth_colour_adobe_rgb(colour, kind);
    }

    return rc;
}


/* as it is in the file: nothing is converted */

static caphealth_job_status_e
caphealth_jpeg_planes(caphealth_jpeg_t *j)
{
    int        i, rc, strides[3];
    unsigned   sub_w, sub_h;
    uint8_t   *planes[3];

    static const struct {
        unsigned  w;
        unsigned  h;
    } subs[TJ_NUMSAMP] = {
        [TJSAMP_444] = { 0, 0 },
        [TJSAMP_422] = { 1, 0 },
        [TJSAMP_420] = { 1, 1 },
        [TJSAMP_GRAY] = { 0, 0 },
        [TJSAMP_440] = { 0, 1 },
        [TJSAMP_411] = { 2, 0 }
    };

    if (j->subsamp < 0 || j->subsamp >= TJ_NUMSAMP) {
        return caphealth_fail(j->result, CAPHEALTH_JOB_UNSUPPORTED,
                              "a JPEG of an unusual subsampling");
    }

    sub_w = subs[j->subsamp].w;
    sub_h = subs[j->subsamp].h;

    if (caphealth_picture_create(j->picture,
                                 j->subsamp == TJSAMP_GRAY
                                 ? CAPHEALTH_PICTURE_GREY
                                 : CAPHEALTH_PICTURE_YCC, 0, sub_w, sub_h,
                                 (uint32_t) j->width, (uint32_t) j->height)
        == -1)
    {
        return caphealth_fail(j->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    for (i = 0; i < 3; i++) {
        planes[i] = j->picture->planes[i].data;
        strides[i] = (int) j->picture->planes[i].stride;
    }

    rc = tjDecompressToYUVPlanes(j->handle, j->data, j->size, planes, 0,
                                 strides, 0, TJFLAG_ACCURATEDCT);

    return caphealth_jpeg_check(j, rc);
}


static caphealth_job_status_e
caphealth_jpeg_pixels(caphealth_jpeg_t *j, int format, unsigned channels,
    const caphealth_colour_t *colour)
{
    int                      rc;
    uint8_t                 *pixels;
    caphealth_job_status_e   status;

    pixels = malloc((size_t) j->width * (size_t) j->height * channels);

    if (pixels == NULL) {
        return caphealth_fail(j->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    rc = tjDecompress2(j->handle, j->data, j->size, pixels, j->width, 0,
                       j->height, format, TJFLAG_ACCURATEDCT);

    status = caphealth_jpeg_check(j, rc);

    if (status == CAPHEALTH_JOB_OK) {
        status = caphealth_jpeg_rows(j, pixels, channels, colour);
    }

    free(pixels);

    return status;
}


static caphealth_job_status_e
caphealth_jpeg_rows(caphealth_jpeg_t *j, const uint8_t *pixels,
    unsigned channels, const caphealth_colour_t *colour)
{
    int             y;
    size_t          width;
    uint8_t        *row;
    const uint8_t  *from, *rgb;

    width = (size_t) j->width;
    row = malloc(width * 3);

    if (row == NULL
        || caphealth_picture_create(j->picture, CAPHEALTH_PICTURE_RGB, 0, 0,
                                    0, (uint32_t) j->width,
                                    (uint32_t) j->height)
           == -1)
    {
        free(row);
        return caphealth_fail(j->result, CAPHEALTH_JOB_NO_MEMORY, "%s", "");
    }

    for (y = 0; y < j->height; y++) {
        from = pixels + (size_t) y * width * channels;
        rgb = row;

        if (colour) {
            caphealth_colour_row(colour, from, row, (uint32_t) width);

        } else if (channels == 4) {
            caphealth_colour_cmyk(from, row, (uint32_t) width);

        } else {
            rgb = from;
        }

        caphealth_picture_row(j->picture, (uint32_t) y, rgb, 3);
    }

    free(row);

    return CAPHEALTH_JOB_OK;
}


/*
 * A file that ends too soon, or is corrupt, is a warning to TurboJPEG, which
 * fills up with grey.  Garbage between segments does no harm.
 */

static caphealth_job_status_e
caphealth_jpeg_check(caphealth_jpeg_t *j, int rc)
{
    const char  *error;

    if (rc == 0) {
        return CAPHEALTH_JOB_OK;
    }

    error = tjGetErrorStr2(j->handle);

    if (tjGetErrorCode(j->handle) == TJERR_WARNING
        && (strstr(error, "extraneous bytes before marker")
            || strstr(error, "Unknown Adobe color transform")))
    {
        return CAPHEALTH_JOB_OK;
    }

    return caphealth_fail(j->result,
                          strstr(error, "emory") ? CAPHEALTH_JOB_NO_MEMORY
                                                 : CAPHEALTH_JOB_INVALID,
                          "%s", error);
}
