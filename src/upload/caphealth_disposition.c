
/*
 * The header lines of one part of a multipart body.
 */

#include <string.h>
#include <strings.h>

#include "caphealth_disposition.h"


static size_t caphealth_disposition_unfold(char *lines, size_t len);
static const char *caphealth_disposition_line(const char *line, size_t len,
    caphealth_disposition_t *d);
static const char *caphealth_disposition_value(const char *p,
    const char *end, caphealth_disposition_t *d);
static const char *caphealth_disposition_name(const char *value,
    caphealth_disposition_t *d);
static void caphealth_disposition_extended(const char *value,
    caphealth_disposition_t *d);
static size_t caphealth_disposition_add_char(caphealth_disposition_t *d,
    size_t n, char c);
static int caphealth_is(const char *s, size_t len, const char *word);
static int caphealth_hex(char c);
static const char *caphealth_quoted(const char *p, const char *end,
    unsigned escapes, char *value, size_t size);
static const char *caphealth_parameter_end(const char *p, const char *end);


const char *
caphealth_disposition(char *lines, size_t len, caphealth_disposition_t *d)
{
    size_t       n;
    const char  *p, *end, *eol, *reason;

    p = lines;
    end = lines + caphealth_disposition_unfold(lines, len);

    while (p < end) {
        eol = memchr(p, '\n', (size_t) (end - p));

        if (eol == NULL) {
            return "A header line of a part does not end with CRLF.";
        }

        n = (size_t) (eol - p);

        if (n && p[n - 1] == '\r') {
            n--;
        }

        reason = caphealth_disposition_line(p, n, d);

        if (reason) {
            return reason;
        }

        p = eol + 1;
    }

    return NULL;
}


/* RFC 5322, 2.2.3: the end of a line that a blank follows is nothing */

static size_t
caphealth_disposition_unfold(char *lines, size_t len)
{
    size_t  i, n;

    for (i = 0, n = 0; i < len; i++) {

        if (lines[i] == '\n' && n && i + 1 < len
            && (lines[i + 1] == ' ' || lines[i + 1] == '\t'))
        {
            n -= (lines[n - 1] == '\r');
            continue;
        }

        lines[n++] = lines[i];
    }

    return n;
}


static const char *
caphealth_disposition_line(const char *line, size_t len,
    caphealth_disposition_t *d)
{
    const char  *p, *end;

    p = line;
    end = line + len;

    if (memchr(line, '\0', len) || memchr(line, '\r', len)) {
        return "A header line of a part has a control character in it.";
    }

    while (p < end && caphealth_is_token(*p)) {
        p++;
    }

    if (p == line || p == end || *p != ':') {
        return "A header line of a part is not \"Name: value\".";
    }

    len = (size_t) (p - line);

    for (p++; p < end && (*p == ' ' || *p == '\t'); p++) { /* void */ }

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    if (caphealth_is(line, len, "content-disposition")) {
        return caphealth_disposition_value(p, end, d);
    }

    if (caphealth_is(line, len, "content-type")) {
        d->type = p;
        d->type_len = (size_t) (end - p);
    }

    /* RFC 7578, 4.7: deprecated; the others are not decoded here */

    if (caphealth_is(line, len, "content-transfer-encoding")) {
        len = (size_t) (end - p);

        d->encoded = !caphealth_is(p, len, "binary")
                     && !caphealth_is(p, len, "8bit")
                     && !caphealth_is(p, len, "7bit");
    }

    return NULL;
}


static const char *
caphealth_disposition_value(const char *p, const char *end,
    caphealth_disposition_t *d)
{
    int          rc;
    char         value[512];
    size_t       len;
    const char  *name, *reason;

    if (d->kind != CAPHEALTH_DISPOSITION_NONE) {
        return "A part has more than one Content-Disposition.";
    }

    for (name = p; p < end && caphealth_is_token(*p); p++) { /* void */ }

    len = (size_t) (p - name);

    if (caphealth_is(name, len, "form-data")) {
        d->kind = CAPHEALTH_DISPOSITION_FORM_DATA;

    } else if (caphealth_is(name, len, "attachment")
               || caphealth_is(name, len, "file"))
    {
        d->kind = CAPHEALTH_DISPOSITION_FILE;

    } else {
        d->kind = CAPHEALTH_DISPOSITION_OTHER;
    }

    for ( ;; ) {
        rc = caphealth_parameter(&p, end, &name, &len, value, sizeof(value));

        if (rc == 0) {
            return NULL;
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

            if (strlen(value) < sizeof(d->field)) {
                memcpy(d->field, value, strlen(value) + 1);
            }

        } else if (caphealth_is(name, len, "filename")) {
            reason = caphealth_disposition_name(value, d);

            if (reason) {
                return reason;
            }

        } else if (caphealth_is(name, len, "filename*")) {
            d->file = 1;
            caphealth_disposition_extended(value, d);

        } else if (len > 9 && caphealth_is(name, 9, "filename*")) {

            /* a piece of a name, RFC 2231 */

            d->file = 1;
        }
    }
}


static const char *
caphealth_disposition_name(const char *value, caphealth_disposition_t *d)
{
    size_t  n;

    if (d->plain) {
        return "A part's Content-Disposition has two file names.";
    }

    d->file = 1;
    d->plain = 1;

    if (d->extended) {
        return NULL;
    }

    for (n = 0; *value; value++) {

        /* so browsers write a quote */

        if (strncmp(value, "%22", 3) == 0) {
            n = caphealth_disposition_add_char(d, n, '"');
            value += 2;

        } else {
            n = caphealth_disposition_add_char(d, n, *value);
        }
    }

    d->filename[n] = '\0';

    return NULL;
}


/*
 * RFC 8187: charset'language'percent-encoded.  It is preferred to a filename,
 * RFC 6266, 4.3, and ignored if it is malformed.
 */

static void
caphealth_disposition_extended(const char *value, caphealth_disposition_t *d)
{
    int          high, latin, low;
    size_t       len, n;
    unsigned     c;
    const char  *p;

    len = strcspn(value, "'");
    latin = caphealth_is(value, len, "iso-8859-1");

    if (d->extended || (!latin && !caphealth_is(value, len, "utf-8"))) {
        return;
    }

    p = strchr(value + len + (value[len] != '\0'), '\'');

    if (p == NULL) {
        return;
    }

    d->extended = 1;

    for (n = 0, p++; *p; p++) {
        c = (unsigned char) *p;

        if (c == '%') {
            high = caphealth_hex(p[1]);
            low = (high == -1) ? -1 : caphealth_hex(p[2]);

            if (low != -1) {
                c = (unsigned) (high << 4 | low);
                p += 2;
            }
        }

        if (latin && c >= 0x80) {
            n = caphealth_disposition_add_char(d, n, (char) (0xc0 | c >> 6));
            c = 0x80 | (c & 0x3f);
        }

        n = caphealth_disposition_add_char(d, n, (char) c);
    }

    d->filename[n] = '\0';
}


/* the name is shown, so it has no control characters */

static size_t
caphealth_disposition_add_char(caphealth_disposition_t *d, size_t n, char c)
{
    if ((unsigned char) c < 0x20 || c == 0x7f) {
        c = '?';
    }

    if (n + 1 < d->size) {
        d->filename[n++] = c;
    }

    return n;
}


static int
caphealth_is(const char *s, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(s, word, len) == 0;
}


static int
caphealth_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
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

    /* "form-data; name=a;" and ";;" are seen, and mean nothing else */

    while (p < end && (*p == ';' || *p == ' ' || *p == '\t')) {
        p++;
    }

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
        start = p + 1;
        p = caphealth_quoted(start, end, 1, value, size);

        if (p == NULL) {
            p = caphealth_quoted(start, end, 0, value, size);
        }

    } else {

        /* a boundary as "----=_Part_1" is sent without quotes */

        for (start = p; p < end && !strchr("; \t\"", *p); p++) { /* void */ }

        n = (size_t) (p - start) < size ? (size_t) (p - start) : size - 1;
        memcpy(value, start, n);
        value[n] = '\0';
        p = (p == start) ? NULL : caphealth_parameter_end(p, end);
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
 * Browsers do not escape a backslash, so that a name which ends in one, or
 * has a quote in it, cannot be read so; then every character means itself,
 * and the value ends at the first quote that a parameter may end with.
 */

static const char *
caphealth_quoted(const char *p, const char *end, unsigned escapes,
    char *value, size_t size)
{
    size_t  n;

    for (n = 0; p < end; p++) {

        if (*p == '"') {
            if (caphealth_parameter_end(p + 1, end)) {
                value[n] = '\0';
                return p + 1;
            }

            if (escapes) {
                return NULL;
            }

        } else if (escapes && *p == '\\' && p + 1 < end
                   && (p[1] == '"' || p[1] == '\\'))
        {
            p++;
        }

        if (n + 1 < size) {
            value[n++] = *p;
        }
    }

    return NULL;
}


/* p, if nothing but blanks is between it and the next parameter or the end */

static const char *
caphealth_parameter_end(const char *p, const char *end)
{
    const char  *q;

    for (q = p; q < end && (*q == ' ' || *q == '\t'); q++) { /* void */ }

    return (q == end || *q == ';') ? p : NULL;
}
