
/*
 * Accept: which of several representations a client would rather have.
 */

#include <string.h>
#include <strings.h>

#include "caphealth_accept.h"


/* a quality is counted in thousandths */
#define CAPHEALTH_QUALITY_MAX  1000


/* a piece of the field's value */

typedef struct {
    const char   *data;
    size_t        len;
} caphealth_piece_t;


typedef struct {
    caphealth_piece_t   type;
    caphealth_piece_t   version;     /* no data: it does not say */
    caphealth_piece_t   charset;
    int                 quality;
} caphealth_range_t;


static int caphealth_accept_quality(const char *p, const char *last,
    const caphealth_media_t *media);
static const char *caphealth_accept_next(const char *p, const char *last);
static int caphealth_range_parse(caphealth_range_t *range, const char *p,
    const char *last);
static int caphealth_range_parameter(caphealth_range_t *range,
    const caphealth_piece_t *name, const caphealth_piece_t *value);
static int caphealth_range_fits(const caphealth_range_t *range,
    const caphealth_media_t *media);
static int caphealth_quality_parse(const caphealth_piece_t *value);
static const char *caphealth_token(caphealth_piece_t *piece, const char *p,
    const char *last);
static const char *caphealth_quoted(caphealth_piece_t *piece, const char *p,
    const char *last);
static const char *caphealth_blanks(const char *p, const char *last);
static int caphealth_piece_equals(const caphealth_piece_t *piece,
    const char *text);


size_t
caphealth_accept(const char *accept, size_t len,
    const caphealth_media_t *media, size_t n)
{
    int     quality, best;
    size_t  i, choice;

    best = 0;
    choice = 0;

    for (i = 0; i < n; i++) {
        quality = caphealth_accept_quality(accept, accept + len, &media[i]);

        if (quality > best) {
            best = quality;
            choice = i;
        }
    }

    return choice;
}


/* returns 0 if it is not wanted, or not mentioned */

static int
caphealth_accept_quality(const char *p, const char *last,
    const caphealth_media_t *media)
{
    int                 fits, most, quality;
    const char         *next;
    caphealth_range_t   range;

    most = 0;
    quality = 0;

    for ( ;; ) {
        next = caphealth_accept_next(p, last);

        fits = (caphealth_range_parse(&range, p, next) == 0)
               ? caphealth_range_fits(&range, media) : 0;

        if (fits > most || (fits && fits == most && range.quality > quality))
        {
            most = fits;
            quality = range.quality;
        }

        if (next == last) {
            return quality;
        }

        p = next + 1;
    }
}


/* the comma after this range; a comma in a quoted string is skipped */

static const char *
caphealth_accept_next(const char *p, const char *last)
{
    int  quoted;

    quoted = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p == ',' && !quoted) {
            break;
        }

        if (*p == '"') {
            quoted = !quoted;

        } else if (*p == '\\' && quoted && p + 1 < last) {
            p++;
        }
    }

    return p;
}


/* 0, or -1: it is malformed */

static int
caphealth_range_parse(caphealth_range_t *range, const char *p,
    const char *last)
{
    caphealth_piece_t  type, subtype, name, value;

    memset(range, 0, sizeof(caphealth_range_t));
    range->quality = CAPHEALTH_QUALITY_MAX;

    p = caphealth_token(&type, caphealth_blanks(p, last), last);

    if (type.len == 0 || p == last || *p != '/') {
        return -1;
    }

    p = caphealth_token(&subtype, p + 1, last);

    if (subtype.len == 0) {
        return -1;
    }

    range->type.data = type.data;
    range->type.len = (size_t) (p - type.data);

    for ( ;; ) {
        p = caphealth_blanks(p, last);

        if (p == last) {
            return 0;
        }

        if (*p != ';') {
            return -1;
        }

        p = caphealth_token(&name, caphealth_blanks(p + 1, last), last);

        /* RFC 9110 allows a semicolon with nothing behind it */

        if (name.len == 0) {
            continue;
        }

        if (p == last || *p != '=') {
            return -1;
        }

        p++;

        p = (p < last && *p == '"') ? caphealth_quoted(&value, p, last)
                                    : caphealth_token(&value, p, last);

        if (p == NULL || caphealth_range_parameter(range, &name, &value) == -1)
        {
            return -1;
        }
    }
}


static int
caphealth_range_parameter(caphealth_range_t *range,
    const caphealth_piece_t *name, const caphealth_piece_t *value)
{
    if (caphealth_piece_equals(name, "q")) {
        range->quality = caphealth_quality_parse(value);
        return (range->quality == -1) ? -1 : 0;
    }

    if (caphealth_piece_equals(name, "version")) {
        range->version = *value;

    } else if (caphealth_piece_equals(name, "charset")) {
        range->charset = *value;
    }

    return 0;
}


/* how exactly the range fits; 0: it does not */

static int
caphealth_range_fits(const caphealth_range_t *range,
    const caphealth_media_t *media)
{
    int     fits;
    size_t  n;

    n = range->type.len;

    if (caphealth_piece_equals(&range->type, media->type)) {
        fits = 3;

    } else if (caphealth_piece_equals(&range->type, "*/*")) {
        fits = 1;

    } else if (n > 2 && memcmp(range->type.data + n - 2, "/*", 2) == 0
               && strncasecmp(range->type.data, media->type, n - 1) == 0)
    {
        fits = 2;

    } else {
        return 0;
    }

    if (range->version.data != NULL) {
        if (!caphealth_piece_equals(&range->version, media->version)) {
            return 0;
        }

        fits++;
    }

    if (range->charset.data != NULL) {
        if (!caphealth_piece_equals(&range->charset, media->charset)) {
            return 0;
        }

        fits++;
    }

    return fits;
}


/* a qvalue in thousandths, or -1: it is malformed */

static int
caphealth_quality_parse(const caphealth_piece_t *value)
{
    int     quality, unit;
    size_t  i;

    if (value->len == 0 || value->len > sizeof("0.123") - 1
        || (value->data[0] != '0' && value->data[0] != '1')
        || (value->len > 1 && value->data[1] != '.'))
    {
        return -1;
    }

    unit = CAPHEALTH_QUALITY_MAX;
    quality = (value->data[0] - '0') * unit;

    for (i = 2; i < value->len; i++) {

        if (value->data[i] < '0' || value->data[i] > '9') {
            return -1;
        }

        unit /= 10;
        quality += (value->data[i] - '0') * unit;
    }

    return (quality > CAPHEALTH_QUALITY_MAX) ? -1 : quality;
}


static const char *
caphealth_token(caphealth_piece_t *piece, const char *p, const char *last)
{
    piece->data = p;

    while (p < last && (unsigned char) *p > ' ' && *p != 0x7f
           && strchr("/;,=\"()<>@:\\[]?{}", *p) == NULL)
    {
        p++;
    }

    piece->len = (size_t) (p - piece->data);

    return p;
}


/* escapes are not decoded: no value that is compared here has any */

static const char *
caphealth_quoted(caphealth_piece_t *piece, const char *p, const char *last)
{
    piece->data = ++p;

    for ( /* void */ ; p < last; p++) {

        if (*p == '"') {
            piece->len = (size_t) (p - piece->data);
            return p + 1;
        }

        if (*p == '\\' && p + 1 < last) {
            p++;
        }
    }

    return NULL;
}


static const char *
caphealth_blanks(const char *p, const char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


static int
caphealth_piece_equals(const caphealth_piece_t *piece, const char *text)
{
    return piece->len == strlen(text)
           && strncasecmp(piece->data, text, piece->len) == 0;
}
