
/*
 * multipart/form-data, RFC 7578: where in a body its files are.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "caphealth_disposition.h"
#include "caphealth_multipart.h"


/* more than a part's headers and a delimiter at once */
#define CAPHEALTH_WINDOW  65536


typedef struct {
    caphealth_multipart_read_pt   read;
    void                         *ctx;
    uint64_t                      size;      /* of the body */
    uint64_t                      offset;    /* of the window in it */
    size_t                        have;      /* bytes in the window */
    char                         *window;

    char                          delimiter[CAPHEALTH_BOUNDARY_MAX + 5];
    size_t                        len;       /* of it */
    const char                   *reason;
} caphealth_multipart_t;


static caphealth_multipart_result_e caphealth_multipart_parts(
    caphealth_multipart_t *mp, caphealth_part_t *parts, unsigned max,
    unsigned *n);
static caphealth_multipart_result_e caphealth_multipart_first(
    caphealth_multipart_t *mp, uint64_t *offset);
static caphealth_multipart_result_e caphealth_multipart_line(
    caphealth_multipart_t *mp, uint64_t *offset, unsigned *last);
static caphealth_multipart_result_e caphealth_multipart_header(
    caphealth_multipart_t *mp, uint64_t *offset, caphealth_disposition_t *d);
static caphealth_multipart_result_e caphealth_multipart_body(
    caphealth_multipart_t *mp, uint64_t *offset);
static caphealth_multipart_result_e caphealth_multipart_end(
    caphealth_multipart_t *mp, uint64_t offset);
static ssize_t caphealth_multipart_view(caphealth_multipart_t *mp,
    uint64_t offset, size_t want, const char **p);
static caphealth_multipart_result_e caphealth_multipart_invalid(
    caphealth_multipart_t *mp, const char *reason);
static int caphealth_boundary_valid(const char *boundary);


caphealth_multipart_result_e
caphealth_multipart_boundary(const char *type, size_t len, char *boundary,
    const char **reason)
{
    int          rc;
    char         value[CAPHEALTH_BOUNDARY_MAX + 2];
    size_t       n;
    const char  *p, *end, *name;

    static const char  form[] = "multipart/form-data";

    n = sizeof(form) - 1;
    p = type + n;
    end = type + len;

    if (len < n || strncasecmp(type, form, n) != 0
        || (len > n && strchr("; \t", *p) == NULL))
    {
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
                      "and be 1 to 70 of the characters that RFC 2046 "
                      "allows.";
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
        if (!((boundary[i] >= 'a' && boundary[i] <= 'z')
              || (boundary[i] >= 'A' && boundary[i] <= 'Z')
              || (boundary[i] >= '0' && boundary[i] <= '9')
              || strchr("'()+_,-./:=? ", boundary[i])))
        {
            return 0;
        }
    }

    return 1;
}


caphealth_multipart_result_e
caphealth_multipart_parse(const char *boundary,
    caphealth_multipart_read_pt read, void *ctx, uint64_t size,
    caphealth_part_t *parts, unsigned max, unsigned *n, const char **reason)
{
    caphealth_multipart_t         mp;
    caphealth_multipart_result_e  rc;

    memset(&mp, 0, sizeof(caphealth_multipart_t));

    mp.read = read;
    mp.ctx = ctx;
    mp.size = size;

    memcpy(mp.delimiter, "\r\n--", 4);
    memcpy(mp.delimiter + 4, boundary, strlen(boundary) + 1);
    mp.len = strlen(mp.delimiter);

    mp.window = calloc(1, CAPHEALTH_WINDOW);
    if (mp.window == NULL) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    *n = 0;
    rc = caphealth_multipart_parts(&mp, parts, max, n);
    *reason = mp.reason;

    free(mp.window);

    return rc;
}


static caphealth_multipart_result_e
caphealth_multipart_parts(caphealth_multipart_t *mp, caphealth_part_t *parts,
    unsigned max, unsigned *n)
{
    char                          filename[CAPHEALTH_FILENAME_MAX];
    unsigned                      i, last;
    uint64_t                      offset, start;
    caphealth_disposition_t       d;
    caphealth_multipart_result_e  rc;

    rc = caphealth_multipart_first(mp, &offset);

    for (i = 0; rc == CAPHEALTH_MULTIPART_OK; i++) {

        rc = caphealth_multipart_line(mp, &offset, &last);

        if (rc == CAPHEALTH_MULTIPART_OK && last) {
            return caphealth_multipart_end(mp, offset);
        }

        if (rc == CAPHEALTH_MULTIPART_OK && i == CAPHEALTH_PARTS_MAX) {
            rc = caphealth_multipart_invalid(mp, "The body has more than 100 "
                                             "parts.");
        }

        if (rc != CAPHEALTH_MULTIPART_OK) {
            break;
        }

        memset(&d, 0, sizeof(caphealth_disposition_t));
        d.filename = filename;
        d.size = sizeof(filename);
        filename[0] = '\0';

        rc = caphealth_multipart_header(mp, &offset, &d);

        if (rc != CAPHEALTH_MULTIPART_OK) {
            break;
        }

        start = offset;
        rc = caphealth_multipart_body(mp, &offset);

        if (rc != CAPHEALTH_MULTIPART_OK || !d.file
            || (filename[0] == '\0' && offset == start))
        {
            offset += mp->len;
            continue;
        }

        if (*n == max) {
            return CAPHEALTH_MULTIPART_TOO_MANY;
        }

        parts[*n].offset = start;
        parts[*n].length = offset - start;
        memcpy(parts[*n].filename, filename, sizeof(filename));

        (*n)++;
        offset += mp->len;
    }

    return rc;
}


/* the first delimiter has no line before it to end */

static caphealth_multipart_result_e
caphealth_multipart_first(caphealth_multipart_t *mp, uint64_t *offset)
{
    ssize_t      n;
    const char  *p;

    n = caphealth_multipart_view(mp, 0, mp->len, &p);

    if (n == -1) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    if ((size_t) n < mp->len - 2
        || memcmp(p, mp->delimiter + 2, mp->len - 2) != 0)
    {
        return caphealth_multipart_invalid(mp, "The body does not begin with "
                                           "the boundary that the "
                                           "Content-Type names.");
    }

    *offset = mp->len - 2;

    return CAPHEALTH_MULTIPART_OK;
}


/* what follows a boundary on its line */

static caphealth_multipart_result_e
caphealth_multipart_line(caphealth_multipart_t *mp, uint64_t *offset,
    unsigned *last)
{
    ssize_t      n, i;
    const char  *p;

    n = caphealth_multipart_view(mp, *offset, 2, &p);

    if (n == -1) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    *last = (n == 2 && p[0] == '-' && p[1] == '-');

    if (*last) {
        *offset += 2;
        return CAPHEALTH_MULTIPART_OK;
    }

    /* RFC 2046: a gateway may have added white space */

    n = caphealth_multipart_view(mp, *offset, 256, &p);

    if (n == -1) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    for (i = 0; i < n && (p[i] == ' ' || p[i] == '\t'); i++) { /* void */ }

    if (n - i < 2 || p[i] != '\r' || p[i + 1] != '\n') {
        return caphealth_multipart_invalid(mp, "A boundary line does not end "
                                           "with CRLF.");
    }

    *offset += (uint64_t) i + 2;

    return CAPHEALTH_MULTIPART_OK;
}


static caphealth_multipart_result_e
caphealth_multipart_header(caphealth_multipart_t *mp, uint64_t *offset,
    caphealth_disposition_t *d)
{
    size_t       len;
    ssize_t      n;
    const char  *p, *end;

    n = caphealth_multipart_view(mp, *offset, CAPHEALTH_PART_HEADER, &p);

    if (n == -1) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    if (n >= 2 && p[0] == '\r' && p[1] == '\n') {
        return caphealth_multipart_invalid(mp, "A part has no headers.");
    }

    end = memmem(p, (size_t) n, "\r\n\r\n", 4);

    if (end == NULL) {
        return caphealth_multipart_invalid(mp,
                                           n == CAPHEALTH_PART_HEADER
                                           ? "A part's headers are longer "
                                             "than 8192 bytes."
                                           : "The body ends in the middle of "
                                             "a part's headers.");
    }

    len = (size_t) (end - p) + 2;
    mp->reason = caphealth_disposition(p, len, d);

    *offset += len + 2;

    return mp->reason ? CAPHEALTH_MULTIPART_INVALID : CAPHEALTH_MULTIPART_OK;
}


/* *offset becomes that of the delimiter after the part */

static caphealth_multipart_result_e
caphealth_multipart_body(caphealth_multipart_t *mp, uint64_t *offset)
{
    ssize_t      n;
    const char  *p, *found;

    for ( ;; ) {
        n = caphealth_multipart_view(mp, *offset, CAPHEALTH_WINDOW, &p);

        if (n == -1) {
            return CAPHEALTH_MULTIPART_ERROR;
        }

        found = memmem(p, (size_t) n, mp->delimiter, mp->len);

        if (found) {
            *offset += (uint64_t) (found - p);
            return CAPHEALTH_MULTIPART_OK;
        }

        if (n < CAPHEALTH_WINDOW) {
            return caphealth_multipart_invalid(mp, "The body ends before its "
                                               "last boundary: it was cut "
                                               "off, or the boundary is not "
                                               "closed.");
        }

        *offset += (uint64_t) n - (mp->len - 1);
    }
}


static caphealth_multipart_result_e
caphealth_multipart_end(caphealth_multipart_t *mp, uint64_t offset)
{
    ssize_t      n;
    const char  *p;

    n = caphealth_multipart_view(mp, offset, 3, &p);

    if (n == -1) {
        return CAPHEALTH_MULTIPART_ERROR;
    }

    if (n == 0 || (n == 2 && p[0] == '\r' && p[1] == '\n')) {
        return CAPHEALTH_MULTIPART_OK;
    }

    return caphealth_multipart_invalid(mp, "Something follows the last "
                                       "boundary.");
}


/* how many of the wanted bytes the body has from offset on, and where */

static ssize_t
caphealth_multipart_view(caphealth_multipart_t *mp, uint64_t offset,
    size_t want, const char **p)
{
    size_t    skip;
    ssize_t   n;

    if (want > mp->size - offset) {
        want = (size_t) (mp->size - offset);
    }

    if (offset < mp->offset || offset + want > mp->offset + mp->have) {

        mp->offset = offset;
        mp->have = 0;

        while (mp->have < want) {
            n = mp->read(mp->ctx, mp->window + mp->have,
                         CAPHEALTH_WINDOW - mp->have, offset + mp->have);

            if (n == -1 && errno == EINTR) {
                continue;
            }

            if (n <= 0) {
                errno = n ? errno : EIO;
                return -1;
            }

            mp->have += (size_t) n;
        }
    }

    skip = (size_t) (offset - mp->offset);
    *p = mp->window + skip;

    return (ssize_t) want;
}


static caphealth_multipart_result_e
caphealth_multipart_invalid(caphealth_multipart_t *mp, const char *reason)
{
    mp->reason = reason;

    return CAPHEALTH_MULTIPART_INVALID;
}
