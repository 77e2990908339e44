
/*
 * What a worker asks of a converter, and the answer: the bodies of
 * CAPHEALTH_IPC_LIMITS, _CONVERT and _CONVERTED.
 */

#ifndef CAPHEALTH_JOB_H
#define CAPHEALTH_JOB_H


#include <stddef.h>
#include <stdint.h>


#define CAPHEALTH_VARIANTS_MAX  8

/* of an image, all frames counted, unless it is configured; and the most that
   can be */
#define CAPHEALTH_PIXELS_MAX    (1024 * 1024 * 1024)

/* WebP's own limit of a side, in pixels */
#define CAPHEALTH_SIDE_MAX      16383


/* a ThumbHash has 17 to 25 bytes, as its first five say */
#define CAPHEALTH_THUMBHASH_MAX  25

/* the focus at the right or lower edge; 0: the middle, -this: the other edge */
#define CAPHEALTH_FOCUS_EDGE     32768

/* bytes of a sentence's end for people, with its NUL */
#define CAPHEALTH_JOB_DETAIL     160

/* "0.500000,0.250000" and its zero, and room for what no focus has */
#define CAPHEALTH_FOCUS_TEXT     48


/* the format of a variant's file */

typedef enum {
    CAPHEALTH_OUTPUT_WEBP = 0,
    CAPHEALTH_OUTPUT_JPEG,
    CAPHEALTH_OUTPUT_AVIF,
    CAPHEALTH_OUTPUTS
} caphealth_output_format_e;


/* how an image becomes width by height; nothing is enlarged */

typedef enum {
    CAPHEALTH_FIT_INSIDE = 0,    /* all of it, within that */
    CAPHEALTH_FIT_COVER,         /* cut to the shape, around the focus */
    CAPHEALTH_FIT_CONTAIN,       /* all of it, on a background of the shape */
    CAPHEALTH_FITS
} caphealth_fit_e;


/* one of the files made of an image */

typedef struct {
    uint32_t  max;          /* longer side at most, pixels; 0: as it is */
    uint32_t  width;        /* of size=WxH, pixels, both or none; 0: none */
    uint32_t  height;
    uint8_t   quality;      /* the encoder's, 0 to 100 */
    uint8_t   method;       /* libwebp's, 0 to 6 */
    uint8_t   format;       /* caphealth_output_format_e */
    uint8_t   fit;          /* caphealth_fit_e */
    uint8_t   background[3];/* red, green, blue: behind what is transparent,
                               and around the image */
    uint8_t   filled;       /* 1: the background is set */
    uint8_t   animated;     /* 1: all frames, 0: the first */
    uint8_t   opacity;      /* of the background, if it is set; at 255, alpha
                               is not kept */
    uint8_t   reserved[2];
} caphealth_variant_t;


typedef enum {
    CAPHEALTH_JOB_OK = 0,
    CAPHEALTH_JOB_UNSUPPORTED,   /* not an accepted format, or a kind of it
                                    that no decoder here reads */
    CAPHEALTH_JOB_INVALID,       /* damaged: it cannot be decoded */
    CAPHEALTH_JOB_TOO_LARGE,     /* more pixels than allowed */
    CAPHEALTH_JOB_NO_MEMORY,     /* more memory than allowed */
    CAPHEALTH_JOB_WRITE,         /* an output cannot be written: error */
    CAPHEALTH_JOB_READ,          /* the input cannot be read: error */
    CAPHEALTH_JOB_STATUSES
} caphealth_job_status_e;


/* for the life of a converter */

typedef struct {
    uint64_t             memory;     /* bytes of address space */
    uint64_t             file_size;  /* bytes of one output */
    uint32_t             cpu;        /* seconds for one job */
    uint32_t             idle;       /* run when no other process does:
                                        SCHED_IDLE */
} caphealth_limits_t;


/*
 * The descriptors that come with it: the input, which is read from offset for
 * length bytes, and an empty output for each variant, in order.
 */

typedef struct {
    uint64_t             offset;
    uint64_t             length;
    uint64_t             max_pixels;
    uint64_t             memory;     /* bytes of address space that there are,
                                        0: no limit is known; and those of the
                                        converter without an image.  It sets */
    uint64_t             program;    /* both itself */
    uint32_t             nvariants;
    int32_t              focus_x;    /* what CAPHEALTH_FIT_COVER keeps in */
    int32_t              focus_y;    /* view: +-CAPHEALTH_FOCUS_EDGE */
    uint32_t             reserved;
    caphealth_variant_t  variants[CAPHEALTH_VARIANTS_MAX];
} caphealth_job_t;


typedef struct {
    uint32_t             width;
    uint32_t             height;
    uint64_t             bytes;
    uint32_t             format;     /* caphealth_output_format_e: that of the
                                        variant, or WebP where that is smaller
                                        or takes less memory */
    uint32_t             frames;     /* 1, or those of an animation */
} caphealth_output_t;


typedef struct {
    uint32_t             status;     /* caphealth_job_status_e */
    uint32_t             error;      /* errno, for _WRITE and _READ */
    uint32_t             format;     /* caphealth_format_e of the input */
    uint32_t             width;      /* of the input as it is looked at, after
                                        its orientation, pixels */
    uint32_t             height;
    uint32_t             nvariants;
    uint8_t              sha256[32]; /* of the input's bytes */
    uint8_t              thumbhash[CAPHEALTH_THUMBHASH_MAX];
    uint8_t              thumbhash_size;
                                     /* bytes; 0: there is none */
    uint8_t              colour[3];  /* the dominant one, sRGB */
    uint8_t              coloured;   /* 1: there is one, something is seen */
    uint8_t              reserved[2];
    caphealth_output_t   outputs[CAPHEALTH_VARIANTS_MAX];
    char                 detail[CAPHEALTH_JOB_DETAIL];
                                     /* a sentence's end for people, ASCII,
                                        zero-terminated: "its IHDR chunk has
                                        a bad CRC"; "" on success */
} caphealth_result_t;


/* What a status means, as the first half of a sentence; never NULL. */
const char *caphealth_job_reason(uint32_t status);

/*
 * Whether a converter can do that: there are variants, each with the options of
 * caphealth_image_variant, and the input can be mapped.
 */
int caphealth_job_valid(const caphealth_job_t *job);

/*
 * Whether this may be the answer to that job: every number within its bounds,
 * the detail a string of printable ASCII.  An image may have taken over the
 * converter, so its answer is checked as any input is.
 */
int caphealth_job_answered(const caphealth_job_t *job,
    const caphealth_result_t *result);

/* Whether it ends within its bytes, and is of printable ASCII. */
int caphealth_job_detail_valid(const char detail[CAPHEALTH_JOB_DETAIL]);

/*
 * Reads a focus, "0.5,0.25": the shares of the width from the left and of the
 * height from the top, 0 to 1, decimal.  Returns 0, or -1 if it is none, and
 * leaves *job as it is then.
 */
int caphealth_job_focus(caphealth_job_t *job, const char *text, size_t len);

/* Writes the job's focus so that caphealth_job_focus() reads the same. */
void caphealth_job_focus_text(const caphealth_job_t *job,
    char text[CAPHEALTH_FOCUS_TEXT]);

/* The most bytes that an output of so many pixels, in all frames, may have. */
uint64_t caphealth_job_file_size(uint64_t pixels);

/*
 * The most bytes that the variant of an image of max_pixels, in all frames, may
 * have.
 */
uint64_t caphealth_job_variant_size(const caphealth_variant_t *variant,
    uint64_t max_pixels);


#endif /* CAPHEALTH_JOB_H */
