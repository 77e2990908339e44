
/*
 * multipart/form-data, RFC 7578: where in a body its files and fields are.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "caphealth_disposition.h"
#include "caphealth_multipart.h"
#include "caphealth_utf8.h"


/* more than a part's headers and a boundary line at once */
#define CAPHEALTH_WINDOW     65536

/* the blanks behind a boundary that are skipped */
#define CAPHEALTH_PADDING    1024

/* how deep a part may be in others; curl sends its lists two deep */
#define CAPHEALTH_DEPTH_MAX  4


typedef struct {
    caphealth_multipart_read_pt   read;
    void                         *ctx;
    uint64_t                      offset;    /* of the window, in the body */
    char                         *window;
    size_t                        window_len;

    caphealth_form_t             *form;
    unsigned                      nparts;    /* of any kind */
    char                          header[CAPHEALTH_PART_HEADER];
} caphealth_multipart_t;


/* the parts that one boundary separates: of the body, or of one part */

typedef struct {
    unsigned                      depth;
    uint64_t                      offset;    /* read up to here */
    uint64_t                      end;
    unsigned                      lf:1;      /* lines end with LF alone */
    unsigned                      last:1;    /* the last boundary was read */
    char                          delimiter[CAPHEALTH_BOUNDARY_MAX + 5];
    size_t                        len;       /* of it */
} caphealth_parts_t;


/* what follows a boundary */

typedef enum {
    CAPHEALTH_LINE_OTHER = 0,    /* it is a part's text */
    CAPHEALTH_LINE_PART,
    CAPHEALTH_LINE_LAST,
    CAPHEALTH_LINE_LAST_TEXT     /* more than blanks on the last one's line */
} caphealth_line_e;


static caphealth_multipart_result_e caphealth_multipart_type(
    const char *type, size_t len, const char *media, char *boundary,
    const char **reason);
static void caphealth_multipart_begin(caphealth_parts_t *ps, unsigned depth,
    uint64_t offset, uint64_t end);
static void caphealth_multipart_delimiter(caphealth_parts_t *ps,
    const char *boundary);
static caphealth_multipart_result_e caphealth_multipart_parts(
    caphealth_multipart_t *mp, caphealth_parts_t *ps);
static caphealth_multipart_result_e caphealth_multipart_part(
    caphealth_multipart_t *mp, caphealth_parts_t *ps);
static caphealth_multipart_result_e caphealth_multipart_field(
    caphealth_multipart_t *mp, caphealth_disposition_t *d, uint64_t start,
    uint64_t end);
static caphealth_multipart_result_e caphealth_multipart_nested(
    caphealth_multipart_t *mp, caphealth_parts_t *ps,
    caphealth_disposition_t *d, uint64_t start, uint64_t end);
static caphealth_multipart_result_e caphealth_multipart_header(
    caphealth_multipart_t *mp, caphealth_parts_t *ps,
    caphealth_disposition_t *d);
static const char *caphealth_multipart_blank_line(const char *p,
    const char *end);
static caphealth_multipart_result_e caphealth_multipart_next(
    caphealth_multipart_t *mp, caphealth_parts_t *ps, const char *delimiter,
    uint64_t *found);
static caphealth_multipart_result_e caphealth_multipart_first(
    caphealth_multipart_t *mp, caphealth_parts_t *ps, unsigned *found);
static caphealth_line_e caphealth_multipart_boundary_line(const char *p,
    const char *end, size_t *len);
static int caphealth_multipart_read(caphealth_multipart_read_pt read, void *ctx,
    char *buf, size_t want, size_t size, uint64_t offset, size_t *have);
static ssize_t caphealth_multipart_window(caphealth_multipart_t *mp,
    caphealth_parts_t *ps, uint64_t offset, size_t want, const char **p);
static caphealth_multipart_result_e caphealth_multipart_invalid(
    caphealth_multipart_t *mp, const char *reason);
static int caphealth_boundary_valid(const char *boundary);


static const char  caphealth_multipart_encoded[] =
    "A part has a Content-Transfer-Encoding. Send its bytes as they are, "
    "without base64 or quoted-printable.";


caphealth_multipart_result_e
caphealth_multipart_boundary(const char *type, size_t len, char *boundary,
    const char **reason)
{
    return caphealth_multipart_type(type, len, "multipart/form-data",
                                    boundary, reason);
}


/* media that ends with a slash is any of its kind */

static caphealth_multipart_result_e
caphealth_multipart_type(const char *type, size_t len, const char *media,
    char *boundary, const char **reason)
{
    int          rc;
    char         value[CAPHEALTH_BOUNDARY_MAX + 2];
    size_t       n;
    const char  *p, *end, *name;

    n = strlen(media);
    p = type + n;
    end = type + len;

    if (len < n || strncasecmp(type, media, n) != 0) {
        return CAPHEALTH_MULTIPART_NONE;
    }

    if (media[n - 1] == '/') {
        while (p < end && caphealth_is_token(*p)) {
            p++;
        }
    }

    if (p < end && strchr("; \t", *p) == NULL) {
        return CAPHEALTH_MULTIPART_NONE;
    }

    boundary[0] = '\0';

    for ( ;; ) {
        rc = caphealth_parameter(&p, end, &name, &n, value, sizeof(value));

        if (rc == -1) {
            *reason = "The Content-Type is malformed: it must be "
                      "\"multipart/form-data; boundary=...\".";
            return CAPHEALTH_MULTIPART_INVALID;
        }

        if (rc == 0) {
            break;
        }

        if (n != 8 || strncasecmp(name, "boundary", n) != 0) {
            continue;
        }

        if (boundary[0] || !caphealth_boundary_valid(value)) {
            *reason = "The boundary in the Content-Type must be given once, "
                      "and be 1 to 70 visible characters of ASCII.";
            return CAPHEALTH_MULTIPART_INVALID;
        }

        memcpy(boundary, value, strlen(value) + 1);
    }

    if (boundary[0] == '\0') {
        *reason = "The Content-Type has no boundary. Leave the header to the "
                  "HTTP client, which knows the boundary that it uses.";
        return CAPHEALTH_MULTIPART_INVALID;
    }

    return CAPHEALTH_MULTIPART_OK;
}


/*
 * RFC 2046 allows fewer characters, but "*****" is what many clients send.  A
 * blank may not be the last, for blanks behind a boundary are none of it.
 */

static int
caphealth_boundary_valid(const char *boundary)
{
    size_t  i, len;

    len = strlen(boundary);

    if (len == 0 || len > CAPHEALTH_BOUNDARY_MAX || boundary[len - 1] == ' ')
    {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (boundary[i] < ' ' || boundary[i] > '~' || boundary[i] == '"'
            || boundary[i] == '\\')
        {
            return 0;
        }
    }

    return 1;
}


caphealth_multipart_result_e
caphealth_multipart_parse(const char *boundary,
    caphealth_multipart_read_pt read, void *ctx, uint64_t size,
    caphealth_form_t *form)
{
    unsigned                      i;
    caphealth_parts_t             ps;
    caphealth_multipart_t        *mp;
    caphealth_multipart_result_e  rc;

    form->n = 0;
    form->reason = NULL;

    for (i = 0; i < form->nfields; i++) {
        form->fields[i].n = 0;
    }

    mp = calloc(1, sizeof(caphealth_multipart_t) + CAPHEALTH_WINDOW);
    if (mp == NULL) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    mp->read = read;
    mp->ctx = ctx;
    mp->window = (char *) (mp + 1);
    mp->form = form;

    caphealth_multipart_begin(&ps, 1, 0, size);
    caphealth_multipart_delimiter(&ps, boundary);

    rc = caphealth_multipart_parts(mp, &ps);

    free(mp);

    return rc;
}


static void
caphealth_multipart_begin(caphealth_parts_t *ps, unsigned depth,
    uint64_t offset, uint64_t end)
{
    memset(ps, 0, sizeof(caphealth_parts_t));

    ps->depth = depth;
    ps->offset = offset;
    ps->end = end;
}


static void
caphealth_multipart_delimiter(caphealth_parts_t *ps, const char *boundary)
{
    memcpy(ps->delimiter, "\r\n--", 4);
    memcpy(ps->delimiter + 4, boundary, strlen(boundary) + 1);
    ps->len = strlen(ps->delimiter);
}


static caphealth_multipart_result_e
caphealth_multipart_parts(caphealth_multipart_t *mp, caphealth_parts_t *ps)
{
    unsigned                      found;
    uint64_t                      start;
    caphealth_multipart_result_e  rc;

    /* the first boundary may be on the first line, or behind a preamble */

    rc = caphealth_multipart_first(mp, ps, &found);

    if (rc == CAPHEALTH_MULTIPART_OK && !found) {
        rc = caphealth_multipart_next(mp, ps, ps->delimiter + 1, &start);

        if (rc == CAPHEALTH_MULTIPART_NONE) {
            return caphealth_multipart_invalid(mp, "The body does not begin "
                                               "with the boundary that the "
                                               "Content-Type names, nor does "
                                               "a line of it.");
        }
    }

    while (rc == CAPHEALTH_MULTIPART_OK && !ps->last) {

        if (mp->nparts++ == CAPHEALTH_PARTS_MAX) {
            return caphealth_multipart_invalid(mp, "The body has more than "
                                               "100 parts.");
        }

        rc = caphealth_multipart_part(mp, ps);
    }

    return rc;
}


static caphealth_multipart_result_e
caphealth_multipart_part(caphealth_multipart_t *mp, caphealth_parts_t *ps)
{
    char                          filename[CAPHEALTH_FILENAME_MAX];
    unsigned                      found;
    uint64_t                      start, end;
    caphealth_part_t             *part;
    caphealth_form_t             *form;
    caphealth_disposition_t       d;
    caphealth_multipart_result_e  rc;

    memset(&d, 0, sizeof(caphealth_disposition_t));
    memset(filename, 0, sizeof(filename));
    d.filename = filename;
    d.size = sizeof(filename);

    rc = caphealth_multipart_header(mp, ps, &d);

    if (rc != CAPHEALTH_MULTIPART_OK) {
        return rc;
    }

    /* an empty part's boundary may follow its headers at once */

    start = ps->offset;
    end = start;
    rc = caphealth_multipart_first(mp, ps, &found);

    if (rc == CAPHEALTH_MULTIPART_OK && !found) {
        rc = caphealth_multipart_next(mp, ps, ps->delimiter + ps->lf, &end);
    }

    if (rc == CAPHEALTH_MULTIPART_NONE) {
        return caphealth_multipart_invalid(mp, "The body ends before its "
                                           "last boundary: it was cut off, "
                                           "or the boundary is not closed.");
    }

    if (rc != CAPHEALTH_MULTIPART_OK) {
        return rc;
    }

    rc = caphealth_multipart_nested(mp, ps, &d, start, end);

    if (rc != CAPHEALTH_MULTIPART_NONE) {
        return rc;
    }

    if (!d.file && ps->depth == 1) {
        return caphealth_multipart_field(mp, &d, start, end);
    }

    if ((!d.file && d.kind != CAPHEALTH_DISPOSITION_FILE)
        || (filename[0] == '\0' && start == end))
    {
        return CAPHEALTH_MULTIPART_OK;
    }

    if (d.encoded) {
        return caphealth_multipart_invalid(mp, caphealth_multipart_encoded);
    }

    form = mp->form;

    if (form->n == form->max) {
        return CAPHEALTH_MULTIPART_TOO_MANY;
    }

    part = &form->parts[form->n++];
    part->offset = start;
    part->length = end - start;
    memcpy(part->filename, filename, sizeof(filename));

    return CAPHEALTH_MULTIPART_OK;
}


/* a part that is no file: unknown ones are skipped */

static caphealth_multipart_result_e
caphealth_multipart_field(caphealth_multipart_t *mp,
    caphealth_disposition_t *d, uint64_t start, uint64_t end)
{
    unsigned            i;
    caphealth_field_t  *field;

    for (i = 0; i < mp->form->nfields; i++) {
        field = &mp->form->fields[i];

        if (strcmp(field->name, d->field) != 0) {
            continue;
        }

        if (d->encoded) {
            return caphealth_multipart_invalid(mp, caphealth_multipart_encoded);
        }

        /* a body has no more parts than there is room for */

        field->values[field->n].offset = start;
        field->values[field->n].length = end - start;
        field->n++;
    }

    return CAPHEALTH_MULTIPART_OK;
}


int
caphealth_field_index(const caphealth_field_t *field, unsigned i, unsigned n)
{
    if (field->n == 0) {
        return -1;
    }

    if (field->n == n) {
        return (int) i;
    }

    return field->n == 1 ? 0 : -2;
}


int
caphealth_field_read(const caphealth_field_t *field, unsigned i,
    caphealth_multipart_read_pt read, void *ctx, char *text, size_t size)
{
    size_t  len, have;

    if (field->values[i].length >= size) {
        errno = EMSGSIZE;
        return -1;
    }

    len = (size_t) field->values[i].length;

    if (caphealth_multipart_read(read, ctx, text, len, len,
                                 field->values[i].offset, &have)
        == -1)
    {
        return -1;
    }

    if (!caphealth_utf8_valid(text, len)) {
        errno = EILSEQ;
        return -1;
    }

    text[len] = '\0';

    return 0;
}


/* a part that has parts, as curl's "file=@a,b"; _NONE: it is not */

static caphealth_multipart_result_e
caphealth_multipart_nested(caphealth_multipart_t *mp, caphealth_parts_t *ps,
    caphealth_disposition_t *d, uint64_t start, uint64_t end)
{
    char                          boundary[CAPHEALTH_BOUNDARY_MAX + 1];
    const char                   *reason;
    caphealth_parts_t             inner;
    caphealth_multipart_result_e  rc;

    if (d->file || d->type == NULL) {
        return CAPHEALTH_MULTIPART_NONE;
    }

    rc = caphealth_multipart_type(d->type, d->type_len, "multipart/",
                                  boundary, &reason);

    if (rc == CAPHEALTH_MULTIPART_NONE) {
        return rc;
    }

    if (rc == CAPHEALTH_MULTIPART_INVALID) {
        return caphealth_multipart_invalid(mp, "A part is multipart, and its "
                                           "Content-Type has no valid "
                                           "boundary.");
    }

    if (d->encoded) {
        return caphealth_multipart_invalid(mp, caphealth_multipart_encoded);
    }

    if (ps->depth == CAPHEALTH_DEPTH_MAX) {
        return caphealth_multipart_invalid(mp, "Parts are more than four "
                                           "deep in others.");
    }

    caphealth_multipart_begin(&inner, ps->depth + 1, start, end);
    caphealth_multipart_delimiter(&inner, boundary);

    return caphealth_multipart_parts(mp, &inner);
}


/* parts of a part may be without headers, and have no names */

static caphealth_multipart_result_e
caphealth_multipart_header(caphealth_multipart_t *mp, caphealth_parts_t *ps,
    caphealth_disposition_t *d)
{
    size_t       len;
    ssize_t      n;
    const char  *p, *blank, *text, *reason;

    n = caphealth_multipart_window(mp, ps, ps->offset, CAPHEALTH_PART_HEADER,
                                   &p);

    if (n == -1) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    blank = caphealth_multipart_blank_line(p, p + n);

    if (blank == NULL) {
        return caphealth_multipart_invalid(mp,
                                           n == CAPHEALTH_PART_HEADER
                                           ? "A part's headers are longer "
                                             "than 8192 bytes."
                                           : "The body ends in the middle of "
                                             "a part's headers.");
    }

    len = (size_t) (blank - p);
    text = blank + (*blank == '\r' ? 2 : 1);
    ps->offset += (uint64_t) (text - p);

    memcpy(mp->header, p, len);

    reason = caphealth_disposition(mp->header, len, d);

    if (reason == NULL && ps->depth == 1) {

        if (len == 0) {
            reason = "A part has no headers.";

        } else if (d->kind == CAPHEALTH_DISPOSITION_NONE) {
            reason = "A part has no Content-Disposition.";

        } else if (d->kind != CAPHEALTH_DISPOSITION_FORM_DATA) {
            reason = "A part's Content-Disposition is not \"form-data\".";

        } else if (!d->name) {
            reason = "A part's Content-Disposition has no name.";
        }
    }

    return reason ? caphealth_multipart_invalid(mp, reason)
                  : CAPHEALTH_MULTIPART_OK;
}


static const char *
caphealth_multipart_blank_line(const char *p, const char *end)
{
    while (p < end) {

        if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')) {
            return p;
        }

        p = memchr(p, '\n', (size_t) (end - p));

        if (p == NULL) {
            return NULL;
        }

        p++;
    }

    return NULL;
}


/*
 * The next boundary line, where it begins; _NONE: there is none.  A line that
 * begins with the boundary and goes on is a part's text, but for one with
 * more than blanks behind the last boundary, if no better one follows.
 */

static caphealth_multipart_result_e
caphealth_multipart_next(caphealth_multipart_t *mp, caphealth_parts_t *ps,
    const char *delimiter, uint64_t *found)
{
    size_t            len, n;
    ssize_t           have;
    uint64_t          text, next;
    unsigned          any;
    const char       *p, *q, *end;
    caphealth_line_e  line;

    len = ps->len - (size_t) (delimiter - ps->delimiter);
    any = 0;
    text = 0;
    next = 0;

    for ( ;; ) {
        have = caphealth_multipart_window(mp, ps, ps->offset, CAPHEALTH_WINDOW,
                                          &p);

        if (have == -1) {
            return CAPHEALTH_MULTIPART_ERROR;
        }

        end = p + have;

        for (q = p; /* void */ ; q++) {
            q = memmem(q, (size_t) (end - q), delimiter, len);

            if (q == NULL) {
                break;
            }

            /* what follows it must be in the window */

            if (have == CAPHEALTH_WINDOW
                && (size_t) (end - q) < len + CAPHEALTH_PADDING)
            {
                break;
            }

            line = caphealth_multipart_boundary_line(q + len, end, &n);

            if (line == CAPHEALTH_LINE_OTHER) {
                continue;
            }

            *found = ps->offset + (uint64_t) (q - p);

            if (line == CAPHEALTH_LINE_LAST_TEXT) {

                if (!any) {
                    any = 1;
                    text = *found;
                    next = *found + len + n;
                }

                continue;
            }

            ps->last = (line == CAPHEALTH_LINE_LAST);
            ps->lf = (n < 2 || q[len + n - 2] != '\r');
            ps->offset = *found + len + n;

            return CAPHEALTH_MULTIPART_OK;
        }

        if (q) {
            ps->offset += (uint64_t) (q - p);
            continue;
        }

        if (have < CAPHEALTH_WINDOW) {
            break;
        }

        ps->offset += (uint64_t) have - (len - 1);
    }

    if (!any) {
        return CAPHEALTH_MULTIPART_NONE;
    }

    *found = text;
    ps->last = 1;
    ps->offset = next;

    return CAPHEALTH_MULTIPART_OK;
}


/* whether a boundary is here, without the end of a line before it */

static caphealth_multipart_result_e
caphealth_multipart_first(caphealth_multipart_t *mp, caphealth_parts_t *ps,
    unsigned *found)
{
    size_t            len, n;
    ssize_t           have;
    const char       *p;
    caphealth_line_e  line;

    *found = 0;
    len = ps->len - 2;

    have = caphealth_multipart_window(mp, ps, ps->offset,
                                      len + CAPHEALTH_PADDING, &p);

    if (have == -1) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    if ((size_t) have < len || memcmp(p, ps->delimiter + 2, len) != 0) {
        return CAPHEALTH_MULTIPART_OK;
    }

    line = caphealth_multipart_boundary_line(p + len, p + have, &n);

    if (line != CAPHEALTH_LINE_PART && line != CAPHEALTH_LINE_LAST) {
        return CAPHEALTH_MULTIPART_OK;
    }

    *found = 1;
    ps->last = (line == CAPHEALTH_LINE_LAST);
    ps->lf = (n < 2 || p[len + n - 2] != '\r');
    ps->offset += len + n;

    return CAPHEALTH_MULTIPART_OK;
}


/* RFC 2046: a gateway may have added white space; *len is of the line */

static caphealth_line_e
caphealth_multipart_boundary_line(const char *p, const char *end, size_t *len)
{
    unsigned     last;
    const char  *q;

    last = (end - p >= 2 && p[0] == '-' && p[1] == '-');
    q = last ? p + 2 : p;

    while (q < end && (*q == ' ' || *q == '\t')) {
        q++;
    }

    if (end - q >= 2 && q[0] == '\r' && q[1] == '\n') {
        *len = (size_t) (q - p) + 2;

    } else if (q < end && *q == '\n') {
        *len = (size_t) (q - p) + 1;

    } else if (last) {
        *len = (size_t) (q - p);

        return q == end ? CAPHEALTH_LINE_LAST : CAPHEALTH_LINE_LAST_TEXT;

    } else {
        return CAPHEALTH_LINE_OTHER;
    }

    return last ? CAPHEALTH_LINE_LAST : CAPHEALTH_LINE_PART;
}


/* Reads the bytes that are wanted, and more if there is room: *have of them. */

static int
caphealth_multipart_read(caphealth_multipart_read_pt read, void *ctx, char *buf,
    size_t want, size_t size, uint64_t offset, size_t *have)
{
    ssize_t  n;

    *have = 0;

    while (*have < want) {
        n = read(ctx, buf + *have, size - *have, offset + *have);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            errno = n ? errno : EIO;
            return -1;
        }

        *have += (size_t) n;
    }

    return 0;
}


/*
 * Moves the window to offset, unless it has the wanted bytes already.  Returns
 * how many of them there are, at *p.
 */

static ssize_t
caphealth_multipart_window(caphealth_multipart_t *mp, caphealth_parts_t *ps,
    uint64_t offset, size_t want, const char **p)
{
    size_t  skip;

    if (want > ps->end - offset) {
        want = (size_t) (ps->end - offset);
    }

    if (offset < mp->offset || offset + want > mp->offset + mp->window_len) {

        mp->offset = offset;
        mp->window_len = 0;

        if (caphealth_multipart_read(mp->read, mp->ctx, mp->window, want,
                                     CAPHEALTH_WINDOW, offset,
                                     &mp->window_len)
            == -1)
        {
            return -1;
        }
    }

    skip = (size_t) (offset - mp->offset);
    *p = mp->window + skip;

    return (ssize_t) want;
}


static caphealth_multipart_result_e
caphealth_multipart_invalid(caphealth_multipart_t *mp, const char *reason)
{
    mp->form->reason = reason;

    return CAPHEALTH_MULTIPART_INVALID;
}
