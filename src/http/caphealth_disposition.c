
/*
 * The header lines of one part of a multipart body.
 */

#include <string.h>
#include <strings.h>

#include "caphealth_disposition.h"


static const char *caphealth_disposition_line(const char *line, size_t len,
    caphealth_disposition_t *d);
static const char *caphealth_disposition_value(const char *p,
    const char *end, caphealth_disposition_t *d);
static const char *caphealth_disposition_encoding(const char *p,
    const char *end);
static int caphealth_is(const char *s, size_t len, const char *word);
static const char *caphealth_quoted(const char *p, const char *end,
    char *value, size_t size);


const char *
caphealth_disposition(const char *lines, size_t len,
    caphealth_disposition_t *d)
{
    const char  *p, *end, *eol, *reason;

    p = lines;
    end = lines + len;

    while (p < end) {
        eol = memchr(p, '\r', (size_t) (end - p));

        if (eol == NULL || eol + 1 == end || eol[1] != '\n') {
            return "A header line of a part does not end with CRLF.";
        }

        reason = caphealth_disposition_line(p, (size_t) (eol - p), d);

        if (reason) {
            return reason;
        }

        p = eol + 2;
    }

    if (!d->seen) {
        return "A part has no Content-Disposition.";
    }

    return NULL;
}


static const char *
caphealth_disposition_line(const char *line, size_t len,
    caphealth_disposition_t *d)
{
    size_t       i;
    const char  *p, *end;

    for (i = 0; i < len; i++) {
        if (((unsigned char) line[i] < 0x20 && line[i] != '\t')
            || line[i] == 0x7f)
        {
            return "A header line of a part has a control character in it.";
        }
    }

    p = line;
    end = line + len;

    while (p < end && caphealth_is_token(*p)) {
        p++;
    }

    if (p == line || p == end || *p != ':') {
        return "A header line of a part is not \"Name: value\".";
    }

    len = (size_t) (p - line);

    for (p++; p < end && (*p == ' ' || *p == '\t'); p++) { /* void */ }

    if (caphealth_is(line, len, "content-disposition")) {
        return caphealth_disposition_value(p, end, d);
    }

    if (caphealth_is(line, len, "content-transfer-encoding")) {
        return caphealth_disposition_encoding(p, end);
    }

    return NULL;
}


static const char *
caphealth_disposition_value(const char *p, const char *end,
    caphealth_disposition_t *d)
{
    int          rc;
    char         value[256];
    size_t       len;
    const char  *name;

    if (d->seen) {
        return "A part has more than one Content-Disposition.";
    }

    d->seen = 1;

    for (name = p; p < end && caphealth_is_token(*p); p++) { /* void */ }

    if (!caphealth_is(name, (size_t) (p - name), "form-data")) {
        return "A part's Content-Disposition is not \"form-data\".";
    }

    for ( ;; ) {
        rc = caphealth_parameter(&p, end, &name, &len, value, sizeof(value));

        if (rc == 0) {
            break;
        }

        if (rc == -1) {
            return "A part's Content-Disposition is malformed: its "
                   "parameters must be \"; name=value\", or quoted.";
        }

        if (caphealth_is(name, len, "name")) {
            if (d->name) {
                return "A part's Content-Disposition has two names.";
            }

            d->name = 1;

        } else if (caphealth_is(name, len, "filename")) {
            if (d->plain) {
                return "A part's Content-Disposition has two file names.";
            }

            d->file = 1;
            d->plain = 1;
            strncpy(d->filename, value, d->size - 1);
            d->filename[d->size - 1] = '\0';

        } else if (caphealth_is(name, len, "filename*")) {
            d->file = 1;
        }
    }

    return d->name ? NULL : "A part's Content-Disposition has no name.";
}


/* RFC 7578, 4.7: deprecated, and nobody decodes the others here */

static const char *
caphealth_disposition_encoding(const char *p, const char *end)
{
    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    if (caphealth_is(p, (size_t) (end - p), "binary")
        || caphealth_is(p, (size_t) (end - p), "8bit")
        || caphealth_is(p, (size_t) (end - p), "7bit"))
    {
        return NULL;
    }

    return "A part has a Content-Transfer-Encoding. Send its bytes as they "
           "are, without base64 or quoted-printable.";
}


static int
caphealth_is(const char *s, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(s, word, len) == 0;
}


int
caphealth_is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}


int
caphealth_parameter(const char **pp, const char *end, const char **name,
    size_t *len, char *value, size_t size)
{
    size_t       n;
    const char  *p, *start;

    for (p = *pp; p < end && (*p == ' ' || *p == '\t'); p++) { /* void */ }

    if (p == end) {
        return 0;
    }

    if (*p != ';') {
        return -1;
    }

    for (p++; p < end && (*p == ' ' || *p == '\t'); p++) { /* void */ }

    /* "form-data; name=a;" is seen, and means nothing else */

    if (p == end) {
        *pp = p;
        return 0;
    }

    for (*name = p; p < end && caphealth_is_token(*p); p++) { /* void */ }

    *len = (size_t) (p - *name);

    if (*len == 0 || p == end || *p != '=') {
        return -1;
    }

    p++;

    if (p < end && *p == '"') {
        p = caphealth_quoted(p + 1, end, value, size);

    } else {
        for (start = p; p < end && caphealth_is_token(*p); p++) { /* void */ }

        n = (size_t) (p - start) < size ? (size_t) (p - start) : size - 1;
        memcpy(value, start, n);
        value[n] = '\0';
        p = p == start ? NULL : p;
    }

    if (p == NULL) {
        return -1;
    }

    *pp = p;

    return 1;
}


/*
 * Browsers write a quote as %22, others as \", and very old ones whole paths
 * with their backslashes: one means something before a quote or itself only.
 */

static const char *
caphealth_quoted(const char *p, const char *end, char *value, size_t size)
{
    size_t  n;

    for (n = 0; p < end && *p != '"'; p++) {
        if (*p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\')) {
            p++;
        }

        if (n + 1 < size) {
            value[n++] = *p;
        }
    }

    value[n] = '\0';

    return p < end ? p + 1 : NULL;
}
